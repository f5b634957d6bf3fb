"""Crop → w: the optimisation on a tiny generator, and the shipped one on a generated face (marker ``weights``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from i2edit.invert import SLOW, Axes, Inversion, Inverter, Regressor, Settings, completed
from i2edit.nets.mobile import NUM_SLOTS, USED_SLOTS, Readout

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = Settings(preview_steps=4, picture_steps=0, lr=0.04, regressor=False, correct_every=0)


@pytest.fixture(scope="module")
def inverter(tiny_parts: dict[str, Any]) -> Inverter:
    found: Inverter = tiny_parts["inverter"]
    return found


@pytest.fixture(scope="module")
def crop(tiny_parts: dict[str, Any], sample_w: Callable[[int], Tensor]) -> Tensor:
    """A picture that the tiny generator can draw, [1, 3, 1024, 1024]."""
    with torch.no_grad():
        view = tiny_parts["generator"].preview(4 * sample_w(1)[None])
    return F.interpolate(view, scale_factor=4, mode="nearest")


@pytest.fixture(scope="module")
def landmarks(mean_landmarks: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(mean_landmarks)).float() * 1024


@pytest.fixture(scope="module")
def found(inverter: Inverter, crop: Tensor, landmarks: Tensor) -> Inversion:
    return inverter(crop, landmarks, settings=QUICK)


def test_the_loss_falls(found: Inversion) -> None:
    losses = [step["loss"] for step in found.trace]
    assert len(losses) == QUICK.preview_steps and np.isfinite(losses).all()
    assert losses[-1] < 0.8 * losses[0] and sum(losses[2:]) < sum(losses[:2])


def test_what_comes_out(found: Inversion) -> None:
    assert found.w_raw.shape == (NUM_SLOTS, 512) and found.w_raw.isfinite().all()
    assert not found.w_raw.requires_grad
    assert found.lpips >= 0 and found.identity >= 0 and found.seconds > 0
    used = found.w_raw[list(USED_SLOTS)]
    assert (used - used[:1]).abs().max() > 0  # slots of their own, except where nothing looks at them
    unused = [slot for slot in range(3 * Readout.LAYERS) if slot not in USED_SLOTS]
    assert torch.equal(found.w_raw[unused], found.w_raw[unused][:1].expand(len(unused), -1))


def test_the_same_photo_gives_the_same_w(inverter: Inverter, crop: Tensor, landmarks: Tensor, found: Inversion) -> None:
    again = inverter(crop, landmarks, settings=QUICK)
    assert torch.equal(again.w_raw, found.w_raw) and again.trace == found.trace


def test_progress_grows_to_one_over_both_stages(inverter: Inverter, crop: Tensor, landmarks: Tensor) -> None:
    told: list[tuple[float, str]] = []
    settings = replace(QUICK, preview_steps=2, picture_steps=1)
    inverter(crop, landmarks, lambda share, name: told.append((share, name)), settings)
    shares = [share for share, _ in told]
    assert shares == pytest.approx([1 / 6, 2 / 6, 1.0])  # a picture costs as much as four previews
    assert all(a < b for a, b in pairwise(shares))
    assert [name for _, name in told] == 2 * ["finding the face"] + ["refining"]


def test_the_number_of_steps_can_be_scaled(inverter: Inverter, crop: Tensor, landmarks: Tensor) -> None:
    told: list[float] = []
    half = inverter(crop, landmarks, lambda share, _: told.append(share), QUICK, steps_scale=0.5)
    assert len(half.trace) == 2 and told[-1] == 1.0


def test_without_steps_it_is_where_it_starts(
    inverter: Inverter, crop: Tensor, landmarks: Tensor, tiny_parts: dict[str, Any]
) -> None:
    nothing = replace(QUICK, preview_steps=0)
    start = inverter(crop, landmarks, settings=nothing)
    mean = tiny_parts["generator"].w_mean
    assert torch.equal(start.w_raw, mean.expand(NUM_SLOTS, -1)) and start.trace == []

    class Guess(Regressor):
        def forward(self, maps: list[Tensor], descriptor: Tensor, points: Tensor) -> Tensor:
            assert self.inputs(maps, descriptor, points).shape == (1, self.FEATURES)
            assert points.min() > 0 and points.max() < 1  # in parts of the crop
            return mean + 0.5

    guided = Inverter(inverter.generator, inverter.lpips, inverter.face, Guess(), replace(nothing, regressor=True))
    assert torch.equal(guided(crop, landmarks).w_raw, (mean + 0.5).expand(NUM_SLOTS, -1))
    assert torch.equal(guided(crop, landmarks, settings=nothing).w_raw, start.w_raw)


def test_the_slow_recipe_starts_from_the_mean_on_whole_pictures() -> None:
    assert SLOW.preview_steps == 0 and SLOW.picture_steps == 100 and not SLOW.regressor and SLOW.identity == 0


def test_the_shipped_regressor_fits_its_class() -> None:
    regressor = Regressor.from_assets()
    maps = [torch.rand(2, channels, 15, 15) for channels in (64, 192, 384, 256, 256)]
    w = regressor(maps, torch.rand(2, 128), torch.rand(68, 2))
    assert w.shape == (2, 512) and w.isfinite().all()
    assert not any(p.requires_grad for p in regressor.parameters())


def axes_for_tests(seed: int = 0) -> Axes:
    rng = torch.Generator().manual_seed(seed)
    count = len(USED_SLOTS)
    common, *slots = (torch.linalg.qr(torch.randn(512, 512, generator=rng))[0][:, :40] for _ in range(count + 1))
    return Axes(common, torch.stack(slots))


def test_axes_are_completed_to_all_of_w() -> None:
    axes = axes_for_tests()
    eye = torch.eye(512)
    for basis in (axes.common, *axes.slots):
        assert torch.allclose(basis.T @ basis, eye, atol=1e-4)
    given = torch.linalg.qr(torch.randn(512, 7, generator=torch.Generator().manual_seed(3)))[0]
    made = completed(given)
    assert torch.allclose((given.T @ made[:, :7]).abs(), torch.eye(7), atol=1e-4)  # the same ones, up to sign
    assert torch.allclose(given.T @ made[:, 7:], torch.zeros(7, 505), atol=1e-4)


def test_the_shipped_axes_fit_the_shipped_generator() -> None:
    axes = Axes.from_assets()
    assert axes.common.shape == (512, 512) and axes.slots.shape == (len(USED_SLOTS), 512, 512)
    from i2edit import assets

    stored = assets.tensors("axes.safetensors")
    for columns, basis in zip((stored["common"], *stored["slots"]), (axes.common, *axes.slots), strict=True):
        assert torch.allclose(columns.T @ columns, torch.eye(columns.shape[1]), atol=3e-3)  # as they were learned
        assert ((columns * basis[:, : columns.shape[1]]).sum(0).abs() > 0.999).all()


def test_steps_along_axes_go_elsewhere_and_downhill_too(
    inverter: Inverter, crop: Tensor, landmarks: Tensor, found: Inversion
) -> None:
    turned = Inverter(inverter.generator, inverter.lpips, inverter.face, settings=QUICK, axes=axes_for_tests())
    other = turned(crop, landmarks)
    assert other.trace[0] == found.trace[0] and other.trace[-1]["loss"] < 0.8 * other.trace[0]["loss"]
    assert not torch.allclose(other.w_raw, found.w_raw, atol=1e-3)
    same = Inverter(
        inverter.generator,
        inverter.lpips,
        inverter.face,
        axes=Axes(torch.eye(512), torch.eye(512).expand(len(USED_SLOTS), -1, -1)),
    )
    # Adam does not see a sign, and the identity's completion is the identity up to signs
    assert torch.allclose(same(crop, landmarks, settings=QUICK).w_raw, found.w_raw, atol=1e-4)
    assert torch.equal(turned(crop, landmarks, settings=replace(QUICK, axes=False)).w_raw, found.w_raw)


def test_what_the_preview_gets_wrong_is_made_up_for(inverter: Inverter, crop: Tensor, landmarks: Tensor) -> None:
    drawn: list[Tensor] = []

    def picture(w: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        drawn.append(w)
        return inverter.generator.synthesis(w)

    looked = Inverter(inverter.generator, inverter.lpips, inverter.face, settings=QUICK, picture=picture)
    looked(crop, landmarks, settings=replace(QUICK, correct_every=2))
    assert len(drawn) == 3  # two corrections in four steps, and the answer
    first = looked(crop, landmarks, settings=replace(QUICK, preview_steps=1, correct_every=1))
    nothing = looked(crop, landmarks, settings=replace(QUICK, preview_steps=0))
    assert first.trace[0]["lpips"] == pytest.approx(
        nothing.lpips, rel=1e-4
    )  # the picture's own distance, not the preview's
    uncorrected = looked(crop, landmarks, settings=replace(QUICK, preview_steps=1, correct_every=0))
    assert uncorrected.trace[0]["lpips"] != pytest.approx(nothing.lpips, rel=1e-3)


@pytest.mark.weights
def test_a_few_steps_bring_a_generated_face_closer(directions: Any) -> None:
    from i2edit.nets.dlibface import DlibFace
    from i2edit.nets.lpips import LPIPS
    from i2edit.nets.mobile import Generator

    generator = Generator.from_weights()
    inverter = Inverter(generator, LPIPS("alex").from_weights(), DlibFace.from_weights(), Regressor.from_assets())
    w = generator.seed(6001)
    with torch.no_grad():
        crop = F.interpolate(generator.preview(w), scale_factor=4, mode="nearest")
    points = (directions.landmarks(w) * 1024).float()
    settings = Settings(preview_steps=4, picture_steps=0, lr=0.06)
    done = inverter(crop, points, settings=settings)
    start = done.trace[0]
    assert start["identity"] < 0.5 and start["lpips"] < 0.3  # the regressor's guess is somewhere near
    assert done.lpips < 0.75 * start["lpips"] and done.trace[-1]["loss"] < 0.85 * start["loss"]
    assert done.identity < start["identity"] + 0.05
    along = Inverter(generator, inverter.lpips, inverter.face, inverter.regressor, axes=Axes.from_assets())
    straight, turned = (
        one(crop, points, settings=Settings(preview_steps=12)).trace[-1]["loss"] for one in (inverter, along)
    )
    assert turned < 0.95 * straight  # the axes are worth having
    away, mean = ((x - w).norm(dim=-1).mean() for x in (done.w_raw, generator.w_mean))
    assert away < 0.8 * mean
