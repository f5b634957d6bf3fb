"""The generator: wavelets and shapes on tiny networks; the published one against OpenVINO (marker ``weights``)."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from i2edit.nets.fast import FastSynthesis
from i2edit.nets.mobile import (
    NUM_SLOTS,
    SLOTS,
    STYLEGAN2_TO_MOBILE,
    USED_SLOTS,
    Config,
    Generator,
    Mapping,
    Readout,
    Synthesis,
    idwt,
)
from i2edit.train.readout import dwt, sample_slots, start_from_least_squares


def random_w(count: int = 1, slots: int | None = None, seed: int = 0) -> torch.Tensor:
    shape = (count, 512) if slots is None else (count, slots, 512)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------------------------------ wavelets


def merge(low: np.ndarray, high: np.ndarray, axis: int) -> np.ndarray:
    """One level of the inverse Haar transform of textbooks, sample by sample along an axis."""
    low, high = np.moveaxis(low, axis, 0), np.moveaxis(high, axis, 0)
    out = np.zeros((2 * len(low), *low.shape[1:]))
    for k in range(len(low)):
        out[2 * k] = (low[k] + high[k]) / np.sqrt(2)
        out[2 * k + 1] = (low[k] - high[k]) / np.sqrt(2)
    return np.moveaxis(out, 0, axis)


def test_idwt_is_the_separable_haar_synthesis() -> None:
    """Rows are merged first, (LL, LH) and (HL, HH), then columns: the order of pytorch_wavelets, which trained this."""
    x = random_w(1, seed=3).reshape(1, -1)[:, : 2 * 4 * 3 * 5].reshape(1, 8, 3, 5)
    ours = idwt(x)[0].numpy()
    bands = x[0].double().numpy()
    for channel in range(2):
        low = bands[channel]
        lh, hl, hh = bands[2 + 3 * channel : 5 + 3 * channel]
        expected = merge(merge(low, lh, 0), merge(hl, hh, 0), 1)
        assert np.abs(ours[channel] - expected).max() < 1e-6


def test_dwt_and_idwt_undo_each_other_and_keep_energy() -> None:
    x = random_w(2, seed=4)[:, : 3 * 12 * 14].reshape(2, 3, 12, 14)
    assert torch.allclose(idwt(dwt(x)), x, atol=1e-6)
    y = random_w(2, seed=5)[:, : 12 * 6 * 7].reshape(2, 12, 6, 7)
    assert torch.allclose(dwt(idwt(y)), y, atol=1e-6)
    assert dwt(x).square().sum().item() == pytest.approx(x.square().sum().item(), rel=1e-5)
    assert torch.allclose(dwt(x)[:, :3], 2 * F.avg_pool2d(x, 2), atol=1e-6)  # the low band is the picture, smaller


# ------------------------------------------------------------------------------------------------ shapes and slots


@pytest.fixture(scope="module")
def small() -> Synthesis:
    """Three layers: 64² pictures from 11 slots."""
    torch.manual_seed(0)
    return Synthesis(Config(channels=(16, 12, 8, 8))).eval().requires_grad_(False)


def test_sizes_follow_from_the_channels(small: Synthesis) -> None:
    assert small.config.resolution == 64 and small.num_slots == 11
    assert small(random_w(2)).shape == (2, 3, 64, 64)
    assert [small.features(random_w(), n).shape[1:] for n in range(4)] == [
        (16, 4, 4), (12, 8, 8), (8, 16, 16), (8, 32, 32)
    ]  # fmt: skip
    assert Config().resolution == 1024
    assert NUM_SLOTS == 3 * 7 + 2 and set(SLOTS.values()) == set(USED_SLOTS)


def test_one_w_is_the_same_w_in_every_slot(small: Synthesis) -> None:
    w = random_w(3)
    assert torch.equal(small(w), small(w[:, None].repeat(1, 11, 1)))
    alone = torch.cat([small(one[None]) for one in w])
    assert torch.allclose(small(w), alone, atol=1e-5)
    assert (alone[0] - alone[1]).abs().max() > 1e-3


@pytest.mark.parametrize("shape", [(512,), (1, 511), (1, 10, 512), (11, 1, 512), (1, 11, 512, 1), (1, 18, 512)])
def test_other_shapes_are_refused_with_what_was_found(small: Synthesis, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"w must be \[B, 512\] or \[B, 11, 512\], not \[") as error:
        small(torch.zeros(shape))
    assert str(list(shape)) in str(error.value)


def test_style_space_is_the_same_picture(small: Synthesis) -> None:
    small = copy.deepcopy(small).double()  # the first layers of an untrained network change little
    w = random_w(2, 11, seed=1).double()
    styles = small.styles(w)
    assert [style.shape[1] for style in styles] == [16, 16, 4, 12, 12, 3, 8, 8, 2, 8, 8]
    picture = small(w)
    assert torch.equal(small.from_styles(styles), picture)
    for number in range(len(styles)):
        pushed = [style + 1000.0 * (i == number) for i, style in enumerate(styles)]
        assert (small.from_styles(pushed) - picture).abs().max() > 1e-13, number
    assert torch.equal(small.features_from_styles(styles, 2), small.features(w, 2))


def test_layers_drawn_again_on_the_way_back_give_the_same_gradient(
    tiny: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keeping all of them brought the inversion to 3 GB."""
    gradients = []
    for first in (0, 99):
        monkeypatch.setattr("i2edit.nets.mobile.RECOMPUTED_FROM", first)
        w = random_w(1, NUM_SLOTS).requires_grad_()
        tiny.synthesis(w).square().mean().backward()
        gradients.append(w.grad)
    assert torch.equal(gradients[0], gradients[1]) and gradients[0].abs().max() > 0


def test_used_slots_are_those_that_change_the_picture(tiny: Generator) -> None:
    w = random_w(1, NUM_SLOTS).requires_grad_()
    tiny.synthesis(w).square().sum().backward()
    assert w.grad is not None
    found = tuple(i for i in range(NUM_SLOTS) if w.grad[0, i].abs().max() > 0)
    assert found == USED_SLOTS


def test_stylegan2_slots_act_at_the_same_resolution(tiny: Generator) -> None:
    """The table against both networks: where StyleGAN2's 18 slots act by its own indexing, where ours do by asking ours.

    StyleGAN2 (rosinality's and NVIDIA's indexing): 4² convolution 0; up and convolution at 8² 1 and 2, at 16² 3 and 4, …,
    at 1024² 15 and 16; the last image head 17.
    """
    resolution = [4] + [4 * 2 ** (1 + k // 2) for k in range(16)] + [1024]
    first_conv = [True] + [k % 2 == 0 for k in range(16)] + [True]

    w = random_w(1, NUM_SLOTS)
    plain = [tiny.synthesis.features(w, n) for n in range(8)]
    acts_at: dict[int, int] = {}
    for slot in USED_SLOTS:
        pushed = w.clone()
        pushed[:, slot] += 1.0
        sizes = [4 * 2**n for n in range(8) if not torch.equal(tiny.synthesis.features(pushed, n), plain[n])]
        acts_at[slot] = min(sizes, default=1024)
    assert len(STYLEGAN2_TO_MOBILE) == 18
    assert {acts_at[slot] for slot in USED_SLOTS} == {4, 8, 16, 32, 64, 128, 256, 512, 1024}
    for number, slot in enumerate(STYLEGAN2_TO_MOBILE):
        assert acts_at[slot] == resolution[number], f"StyleGAN2's slot {number} is at {resolution[number]}²"
        if 4 < resolution[number] < 1024:  # of the two slots of a resolution, the one of the upsampling comes first
            assert slot == min(s for s in USED_SLOTS if acts_at[s] == resolution[number]) + (not first_conv[number])
    assert set(STYLEGAN2_TO_MOBILE) == set(USED_SLOTS)


def test_mapping_normalises_its_input() -> None:
    torch.manual_seed(0)
    mapping = Mapping(32, 2)
    z = torch.randn(4, 32)
    assert torch.allclose(mapping(z), mapping(7 * z), atol=1e-5)
    by_hand = z / z.square().mean(1, keepdim=True).sqrt()
    for layer in mapping.layers:
        y = by_hand @ layer.weight.T + layer.bias
        by_hand = torch.where(y > 0, y, 0.2 * y) * 2**0.5
    assert torch.allclose(mapping(z), by_hand, atol=1e-4)


def test_seeds_are_numpys_and_truncation_pulls_to_the_mean(tiny: Generator) -> None:
    expected = np.random.default_rng(3).standard_normal(512).astype("float32")
    assert np.array_equal(tiny.z(3)[0].numpy(), expected)
    full, none = tiny.seed(3, truncation=1.0), tiny.seed(3, truncation=0.0)
    assert torch.allclose(full, tiny.mapping(tiny.z(3)), atol=1e-6) and torch.equal(none, tiny.w_mean)
    assert torch.allclose(tiny.seed(3), 0.1 * none + 0.9 * full, atol=1e-6)


def test_gradients_reach_w_through_picture_and_preview(tiny: Generator) -> None:
    for view, size in ((tiny.synthesis, 1024), (tiny.preview, 256)):
        w = random_w(1).requires_grad_()
        picture = view(w)
        assert picture.shape == (1, 3, size, size)
        picture.square().mean().backward()
        assert w.grad is not None and torch.isfinite(w.grad).all() and w.grad.abs().max() > 0


def test_fast_synthesis_is_torch_on_openvino(small: Synthesis) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing may be written beside the person's conversation
        fast = FastSynthesis(small, threads=1)
    w = random_w(3, 11, seed=2)
    assert (fast(w) - small(w)).abs().max() < 1e-4
    assert torch.equal(fast(w[:, 0]), fast(w[:, :1].repeat(1, 11, 1)))
    assert torch.equal(fast(w), fast(w))  # undo restores bit for bit only if this does
    picture, features = fast.with_features(w, fast.layers)
    assert torch.equal(picture, fast(w)) and torch.equal(small.with_features(w, fast.layers)[0], small(w))
    assert (features - small.features(w, fast.layers)).abs().max() < 1e-4 * features.abs().max()
    with pytest.raises(ValueError, match="w must be"):
        fast(torch.zeros(1, 23, 512))
    with pytest.raises(ValueError, match="were compiled, not after 2"):
        fast.with_features(w, 2)


def test_openvino_tells_nobody_that_it_was_used(tmp_path: Path) -> None:
    """OpenVINO's own telemetry is on unless something is done about it; it asks from a process of its own."""
    asked = tmp_path / "asked.txt"
    script = (
        "import socket, time; look = socket.getaddrinfo\n"
        "def note(host, *more, **named):\n"
        f"    print(host, file=open({str(asked)!r}, 'a')); return look(host, *more, **named)\n"
        "socket.getaddrinfo = note\n"
        "import torch\n"
        "from i2edit.nets.fast import FastSynthesis\n"
        "from i2edit.nets.mobile import Config, Generator\n"
        "FastSynthesis(Generator(Config(channels=(8,) * 8)).eval().requires_grad_(False).synthesis, threads=1)\n"
        "time.sleep(2)\n"
    )
    home = {"HOME": str(tmp_path), "CI": "", "TF_BUILD": "", "JENKINS_URL": ""}  # in CI it would be silent anyway
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300, env={**os.environ, **home})
    assert not asked.exists(), asked.read_text()


# ------------------------------------------------------------------------------------------------ readout


def test_least_squares_start_finds_a_linear_readout() -> None:
    torch.manual_seed(0)
    readout = Readout(channels=6, dim=512, hidden=4)
    with torch.no_grad():
        readout.style.weight.zero_()
        readout.style.bias.fill_(1.0)
        readout.detail.weight.zero_()
        readout.detail.bias.zero_()
        features = torch.randn(2, 6, 128, 128)
        truth = torch.nn.Conv2d(6, 12, 1)
        picture = idwt(truth(features))
        start_from_least_squares(readout, features, picture)
        assert (readout(features, random_w(2, NUM_SLOTS)) - picture).abs().max() < 1e-3


def test_training_slots_are_mostly_one_face(tiny: Generator) -> None:
    w = sample_slots(tiny, 4, torch.Generator().manual_seed(0))
    assert w.shape == (4, NUM_SLOTS, 512)
    spread, between = w.std(1).norm(dim=1).mean(), w.mean(1).std(0).norm()
    assert 0 < spread < 0.5 * between


# ------------------------------------------------------------------------------------------------ the published one


@pytest.fixture(scope="module")
def published() -> Generator:
    return Generator.from_weights()


@pytest.fixture(scope="module")
def original() -> Callable[[str, np.ndarray], np.ndarray]:
    """The published IR on OpenVINO in f32: (network, input) → output."""
    import openvino

    from i2edit import weights

    folder = weights.get("mobilestylegan-ir")
    core = openvino.Core()

    def run(network: str, x: np.ndarray) -> np.ndarray:
        model = core.compile_model(str(Path(folder) / f"{network}.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return np.asarray(model([x])[0])

    return run


@pytest.mark.weights
def test_parity_with_openvino_on_the_original_files(
    published: Generator, original: Callable[[str, np.ndarray], np.ndarray]
) -> None:
    for seed in (6001, 7):
        z = published.z(seed)
        w = published.mapping(z)
        assert np.abs(original("MappingNetwork", z.numpy()) - w.numpy()).max() < 1e-3
        picture = published.synthesis(published.seed(seed))
        theirs = original("SynthesisNetwork", published.seed(seed).numpy())
        assert theirs.shape == tuple(picture.shape) and picture.std() > 0.2
        assert np.abs(theirs - picture.numpy()).max() < 1e-3


@pytest.mark.weights
def test_fast_synthesis_of_the_published_network(published: Generator) -> None:
    fast = FastSynthesis(published.synthesis)
    w = published.synthesis.slots(published.seed(6001)).clone()
    w[:, 10:] = published.seed(7)  # slots that differ
    assert (fast(w) - published.synthesis(w)).abs().max() < 1e-3


@pytest.mark.weights
def test_preview_is_close_to_the_picture_made_small(published: Generator) -> None:
    errors = []
    for seed in (6001, 6002, 6003):
        w = published.seed(seed)
        target = F.avg_pool2d(published.synthesis(w), 4)
        preview = published.preview(w)
        errors.append((preview - target).abs().mean().item())
        assert (preview - published.preview(published.seed(7))).abs().mean() > 5 * errors[-1]
    assert max(errors) < 0.12, errors  # of a range of 2


@pytest.mark.weights
def test_mean_w_is_that_of_the_mapping(published: Generator) -> None:
    z = np.random.default_rng(0).standard_normal((10000, 512)).astype("float32")
    w = published.mapping(torch.from_numpy(z))
    error = (w.mean(0) - published.w_mean[0]).norm()
    assert error < 3 * (w.var(0).sum() / len(w)).sqrt()
    assert F.cosine_similarity(w.mean(0), published.w_mean[0], dim=0) > 0.999
