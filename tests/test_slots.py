"""One W in two generators: the table of slots, there and back, files of w's, and the same edit on both stacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from i2edit.edit.directions import Directions
from i2edit.errors import DataError
from i2edit.nets.mobile import NUM_SLOTS, STYLEGAN2_TO_MOBILE, USED_SLOTS
from i2edit.nets.slots import MOBILE_TO_STYLEGAN2, as_slots, carried, read_w
from i2edit.ontology import EditState

Sample = Callable[[int], torch.Tensor]


def numbered(count: int) -> torch.Tensor:
    """Slot n holds n."""
    return torch.arange(float(count))[:, None].expand(count, 512)


def test_each_slot_goes_where_it_acts_and_comes_back() -> None:
    assert len(MOBILE_TO_STYLEGAN2) == NUM_SLOTS and {s for row in MOBILE_TO_STYLEGAN2 for s in row} == set(range(18))
    there = carried(numbered(NUM_SLOTS), 18)
    assert there[:, 0].tolist() == [float(slot) for slot in STYLEGAN2_TO_MOBILE]
    back = carried(there, NUM_SLOTS)
    assert all(back[slot, 0] == slot for slot in USED_SLOTS)
    # The image heads that the published mobile network lacks sit between: with the next upsampling's slot, as in StyleGAN2.
    assert all(back[slot, 0] == back[slot + 1, 0] for slot in range(3, 21, 3))
    again = carried(back, 18)
    assert torch.equal(again, there)


def test_the_last_three_slots_of_stylegan2_are_one_of_mobiles() -> None:
    """Only these three lose anything on the way there and back."""
    w = numbered(18)
    back = carried(carried(w, NUM_SLOTS), 18)
    assert torch.equal(back[:15], w[:15]) and (back[15:] == 16).all()


@pytest.mark.parametrize("count", [8, 10, 14, 16])
def test_smaller_generators_have_the_first_slots(count: int) -> None:
    mobile = numbered(NUM_SLOTS)
    small = carried(mobile, count)
    assert torch.equal(small, carried(mobile, 18)[:count]) and torch.equal(
        carried(numbered(18), count), numbered(18)[:count]
    )
    back = carried(small, NUM_SLOTS)
    assert all(back[slot, 0] == slot for slot in STYLEGAN2_TO_MOBILE[:count])
    assert (back[STYLEGAN2_TO_MOBILE[count] :, 0] == small[-1, 0]).all()  # the last one stands for the rest
    assert torch.equal(carried(carried(small, 18), count), small)


def test_carrying_is_linear_and_leaves_what_fits_alone(sample_w: Sample) -> None:
    a, b = sample_w(1) * torch.rand(NUM_SLOTS, 1), sample_w(2)
    assert carried(a, NUM_SLOTS) is a
    assert torch.allclose(carried(a + 2 * b, 18), carried(a, 18) + 2 * carried(b, 18))
    assert torch.allclose(carried(carried(b, 18), NUM_SLOTS), b, atol=1e-6)  # one w is the same w everywhere


@pytest.mark.parametrize("shape", [(512,), (1, 512), (18, 512), (1, 18, 512), (23, 512), (1, 23, 512), (14, 512)])
@pytest.mark.parametrize("how", ["npy", "pt"])
def test_files_of_w_in_every_published_shape(tmp_path: Path, shape: tuple[int, ...], how: str) -> None:
    """e4e's directions are [1, 512] and [1, 18, 512], InterFaceGAN's float64; without a batch axis StyleCLIP read 18 pictures."""
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    path = tmp_path / f"w.{how}"
    if how == "npy":
        np.save(path, values.numpy())
    else:
        torch.save(values, path)
    flat = values.float().reshape(-1, 512)
    for count in (18, NUM_SLOTS):
        found = as_slots(read_w(path), count)
        assert found.shape == (count, 512) and found.dtype == torch.float32
        assert torch.equal(found, flat.expand(count, -1) if len(flat) == 1 else carried(flat, count))


@pytest.mark.parametrize("shape", [(), (2, 18, 512), (17, 512), (40, 512), (1, 1, 18, 512)])
def test_other_shapes_of_w_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"found \[.*\]") as error:
        as_slots(torch.zeros(shape), 18)
    assert str(list(shape)) in str(error.value)


def test_files_that_are_no_w_are_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(512)}, tmp_path / "d.pt")
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], dtype=object))
    for name, reason in (("d.pt", "holds a dict"), ("o.npy", "cannot be read"), ("none.pt", "cannot be read")):
        with pytest.raises(DataError, match=reason):
            read_w(tmp_path / name)


@pytest.mark.parametrize(
    "values", [("smiling",), ("blond hair",), ("bangs", "goatee", "pale skin"), ("angry", "lipstick")]
)
def test_an_edit_is_the_same_on_both_stacks(directions: Directions, sample_w: Sample, values: tuple[str, ...]) -> None:
    state = EditState.of(*values)
    mobile = sample_w(3)
    w = carried(mobile, 18)
    ours, theirs = directions.layers(mobile, state), directions.layers(w, state)
    assert [layer.name for layer in ours] == [layer.name for layer in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert b.w.shape == b.base.shape == (18, 512) and (b.w - b.base).abs().max() > 0.01
        step, other = a.w - a.base, b.w - b.base
        # The landmarks and labels of w are the same to rounding, so the step is; then it goes slot by slot.
        assert F.cosine_similarity(carried(step, 18).flatten(), other.flatten(), dim=0) > 0.98
        for slot, source in enumerate(STYLEGAN2_TO_MOBILE):
            assert (other[slot].abs().max() > 0) == (step[source].abs().max() > 0)
    assert directions.layers(w, EditState()) == [] and directions.edit(w, EditState()) is not None
    assert torch.equal(directions.edit(w, EditState()), w)
