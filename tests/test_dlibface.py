"""dlib's face network and chip: rules on small cases, a file written here, and dlib itself (marker ``weights``)."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from i2edit.errors import WeightsError
from i2edit.nets import dlibface
from i2edit.nets.dlibface import BLOCKS, DlibFace, distance, face_chip, read_dat

# ---------------------------------------------------------------------------------------------- the network


def random_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays as ``read_dat`` returns them, with weights small enough that activations stay of order 1."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}

    def con(name: str, inputs: int, outputs: int, size: int) -> None:
        scale = 1 / math.sqrt(inputs * size * size)
        arrays[f"{name}.weight"] = rng.normal(0, scale, (outputs, inputs, size, size)).astype(np.float32)
        for part, middle in (("bias", 0.0), ("gamma", 1.0), ("beta", 0.0)):
            arrays[f"{name}.{part}"] = (middle + 0.1 * rng.normal(size=outputs)).astype(np.float32)

    con("stem", 3, 32, 7)
    inputs = 32
    for i, (channels, _) in enumerate(BLOCKS):
        con(f"blocks.{i}.a", inputs, channels, 3)
        con(f"blocks.{i}.b", channels, channels, 3)
        inputs = channels
    arrays["fc.weight"] = rng.normal(0, 1 / 16, (128, 256)).astype(np.float32)
    return arrays


def plain_forward(arrays: dict[str, np.ndarray], chips: torch.Tensor) -> torch.Tensor:
    """dlib's layers one by one in float64, nothing folded, zero padding by writing into a larger array."""
    weights = {key: torch.from_numpy(value).double() for key, value in arrays.items()}

    def con_affine(name: str, x: torch.Tensor, stride: int, pad: int) -> torch.Tensor:
        x = F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride, pad)
        return x * weights[f"{name}.gamma"].view(1, -1, 1, 1) + weights[f"{name}.beta"].view(1, -1, 1, 1)

    x = (chips.double() - torch.tensor([122.782, 117.001, 104.298]).double().view(1, 3, 1, 1)) / 256
    x = F.max_pool2d(F.relu(con_affine("stem", x, 2, 0)), 3, 2)
    sizes = [x.shape[2]]
    for i, (_, halve) in enumerate(BLOCKS):
        y = F.relu(con_affine(f"blocks.{i}.a", x, 2 if halve else 1, 0 if halve else 1))
        y = con_affine(f"blocks.{i}.b", y, 1, 1)
        if halve:
            x = F.avg_pool2d(x, 2, 2)
        both = torch.zeros(x.shape[0], *(max(m, n) for m, n in zip(x.shape[1:], y.shape[1:], strict=True))).double()
        both[:, : x.shape[1], : x.shape[2], : x.shape[3]] += x
        both[:, : y.shape[1], : y.shape[2], : y.shape[3]] += y
        x = F.relu(both)
        sizes.append(x.shape[2])
    assert sizes == [35] * 4 + [17] * 4 + [8] * 3 + [4] * 3 + [2]
    return x.mean((2, 3)) @ weights["fc.weight"].T


def saved(arrays: dict[str, np.ndarray], folder: Path) -> Path:
    from safetensors.numpy import save_file

    save_file(arrays, folder / "face.safetensors")
    return folder / "face.safetensors"


def test_network_equals_dlibs_layers_one_by_one(tmp_path: Path) -> None:
    arrays = random_arrays()
    net = DlibFace.from_weights(saved(arrays, tmp_path))
    chips = torch.from_numpy(np.random.default_rng(1).uniform(0, 255, (2, 3, 150, 150)).astype(np.float32))
    expected = plain_forward(arrays, chips)
    assert expected.std() > 0.01
    assert torch.allclose(net(chips).double(), expected, atol=1e-4 * expected.abs().max().item())


def test_wrong_weights_and_wrong_shapes_are_refused(tmp_path: Path) -> None:
    arrays = random_arrays()
    del arrays["blocks.3.b.gamma"]
    with pytest.raises(WeightsError, match=r"blocks\.3\.b\.gamma"):
        DlibFace.from_weights(saved(arrays, tmp_path))
    with pytest.raises(ValueError, match=r"\[B, 3, 150, 150\]"):
        DlibFace()(torch.zeros(1, 3, 128, 128))


def test_distance_is_euclidean_and_smooth_at_zero() -> None:
    a, b = torch.randn(2, 5, 128)
    assert torch.allclose(distance(a, b), torch.linalg.vector_norm(a - b, dim=1), atol=1e-5)
    a.requires_grad_()
    same = distance(a, a.detach())
    assert torch.allclose(same, torch.zeros(5), atol=1e-8)
    same.sum().backward()
    assert a.grad is not None and torch.equal(a.grad, torch.zeros_like(a))


# ---------------------------------------------------------------------------------------------- the chip


def face_landmarks(size: float, turn: complex, offset: complex) -> np.ndarray:
    """68 landmarks of a mean face whose unpadded side is ``size`` px, turned and moved. Ignored ones lie far off."""
    points = np.full((68, 2), -1e4)
    for index, (x, y) in zip(dlibface._ANCHORS, dlibface._MEAN_FACE, strict=True):
        place = complex(x, y) * size * turn + offset
        points[index] = place.real, place.imag
    return points


def test_chip_of_an_upright_face_at_its_own_scale_is_the_picture() -> None:
    # 100 px between the edges of the mean face, and a quarter of that around it: 150 px, so nothing is rescaled
    picture = torch.rand(1, 3, 200, 220) * 2 - 1
    chip = face_chip(picture, face_landmarks(100, 1, 30 + 35j + 25 + 25j))
    # dlib puts the centre of the chip's 150 px at its coordinate 75, half a pixel off the middle of 0..149
    x = (picture + 1) * 127.5
    mean = (x[..., :-1, :-1] + x[..., 1:, :-1] + x[..., :-1, 1:] + x[..., 1:, 1:]) / 4
    assert torch.allclose(chip, mean[..., 35 : 35 + 150, 30 : 30 + 150], atol=1e-2)


def test_chip_undoes_rotation_and_scale() -> None:
    yy, xx = torch.meshgrid(torch.arange(900.0), torch.arange(1000.0), indexing="ij")

    def pattern(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """A smooth picture in face coordinates (0..1 across the unpadded face)."""
        return torch.stack([torch.sin(5 * u + 3 * v), torch.cos(4 * v - u), torch.sin(6 * u) * torch.cos(5 * v)])

    for size, degrees in ((120.0, 20.0), (430.0, -35.0)):
        turn = complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
        offset = 480 + 430j - size * turn * (0.5 + 0.5j)
        back = (xx - offset.real + 1j * (yy - offset.imag)) / (size * turn)
        picture = pattern(back.real, back.imag)[None]
        chip = face_chip(picture, face_landmarks(size, turn, offset))
        steps = ((torch.arange(150.0) + 0.5) / 150 * 1.5 - 0.25)[None, :].expand(150, 150)
        expected = (pattern(steps, steps.T) + 1) * 127.5
        # dlib's own offsets leave up to 1½ px of the picture; the pattern changes by 3 % of its range a chip pixel
        assert (chip[0] - expected).abs().mean() < 2.5, (size, degrees)


def test_strong_downsampling_does_not_alias() -> None:
    stripes = (torch.arange(1000) % 2).float().mul(2).sub(1).expand(1, 3, 1000, 1000)  # one pixel black, one white
    chip = face_chip(stripes, face_landmarks(500, 1, 250 + 250j))
    assert (chip - 127.5).abs().max() < 1


def test_chip_is_differentiable_and_batches(tmp_path: Path) -> None:
    net = DlibFace.from_weights(saved(random_arrays(), tmp_path))
    pictures = (torch.rand(2, 3, 256, 256) * 2 - 1).requires_grad_()
    first, second = face_landmarks(90, 1, 80 + 70j), face_landmarks(120, 0.96 + 0.28j, 60 + 40j)
    chips = face_chip(pictures, np.stack([first, second]))
    assert torch.allclose(chips[:1], face_chip(pictures[:1], first))
    assert torch.allclose(chips[1:], face_chip(pictures[1:], torch.from_numpy(second)))
    assert torch.allclose(face_chip(pictures, first)[1:], face_chip(pictures[1:], first))
    net(chips).square().sum().backward()
    assert pictures.grad is not None
    inside = pictures.grad[0, :, 120:130, 120:130]
    assert torch.isfinite(pictures.grad).all() and (inside != 0).any() and pictures.grad[0, :, :20].abs().max() == 0


def test_chip_reaching_over_the_edge_is_black_there() -> None:
    chip = face_chip(torch.ones(1, 3, 256, 256), face_landmarks(100, 1, -20 + 80j))
    assert chip[..., :40].abs().max() == 0 and (chip[..., 60:] - 255).abs().max() < 1e-3


def test_impossible_landmarks_are_refused() -> None:
    picture = torch.zeros(1, 3, 256, 256)
    with pytest.raises(ValueError, match="outside"):
        face_chip(picture, face_landmarks(100, 1, 2000 + 2000j))
    with pytest.raises(ValueError, match="one point"):
        face_chip(picture, np.full((68, 2), 100.0))
    with pytest.raises(ValueError, match=r"\[68, 2\]"):
        face_chip(picture, np.zeros((5, 2)))


# ---------------------------------------------------------------------------------------------- dlib's file


def number(value: int) -> bytes:
    digits = abs(value).to_bytes(max(1, (abs(value).bit_length() + 7) // 8), "little")
    return bytes([len(digits) | (0x80 if value < 0 else 0)]) + digits


def real(value: float) -> bytes:
    fraction, exponent = math.frexp(value)
    return number(int(fraction * 2**24)) + number(exponent - 24)


def text(value: str) -> bytes:
    return number(len(value)) + value.encode()


def tensor(array: np.ndarray) -> bytes:
    shape = (array.size, 1, 1, 1) if array.size else (0, 0, 0, 0)
    return number(2) + b"".join(map(number, shape)) + struct.pack(f"<{array.size}f", *array.ravel())


def alias(*shape: int) -> bytes:
    return number(1) + b"".join(map(number, shape))


def write_dat(arrays: dict[str, np.ndarray], path: Path) -> None:
    """The network in dlib's format, written from its rules: versions from output to input, contents the other way."""
    nothing = np.zeros(0, np.float32)
    rest = b"110" + tensor(nothing) * 2
    versions: list[bytes] = []  # from input to output
    body: list[bytes] = []

    def add(kind: bytes, version: int = 2, extra: bytes = b"") -> None:
        versions.append(number(version))
        body.append(kind + rest + (tensor(nothing) if version == 2 else b"") + extra)

    def tag() -> None:
        versions.append(number(1))

    def con(name: str, stride: int, pad: int, first: bool = False) -> None:
        weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
        count, _, size, _ = weight.shape
        data = text("con_4") + tensor(np.concatenate([weight.ravel(), bias]))
        data += b"".join(map(number, (count, size, size, stride, stride, pad, pad)))
        data += alias(*weight.shape) + alias(1, count, 1, 1) + real(1) * 2 + real(1) + real(0)
        if first:
            add(data, 3, tensor(nothing) + number(1))
        else:
            add(data)
        both = np.concatenate([arrays[f"{name}.gamma"], arrays[f"{name}.beta"]])
        add(text("affine_") + tensor(both) + alias(1, count, 1, 1) * 2 + number(0))

    def pool(kind: str, size: int, stride: int) -> None:
        add(text(kind) + b"".join(map(number, (size, size, stride, stride, 0, 0))), 1)

    con("stem", 2, 0, first=True)
    add(text("relu_"), 1)
    pool("max_pool_2", 3, 2)
    for i, (_, halve) in enumerate(BLOCKS):
        tag()
        con(f"blocks.{i}.a", 2 if halve else 1, 0 if halve else 1)
        add(text("relu_"), 1)
        con(f"blocks.{i}.b", 1, 1)
        if halve:
            tag()
            tag()
            pool("avg_pool_2", 2, 2)
        add(text("add_prev_"), 1)
        add(text("relu_"), 1)
    pool("avg_pool_2", 0, 1)
    fc = arrays["fc.weight"].T
    add(
        text("fc_2") + number(128) + number(256) + tensor(np.ascontiguousarray(fc)) + alias(256, 128, 1, 1)
        + alias(0, 0, 0, 0) + number(1) + real(1) * 2 + real(1) + real(0)
    )  # fmt: skip
    head = number(1) + text("loss_metric_2") + real(0.04) + real(0.6) + b"".join(reversed(versions))
    source = text("input_rgb_image_sized") + b"".join(map(real, (122.782, 117.001, 104.298))) + number(150) * 2
    path.write_bytes(head + source + b"".join(body))


def test_file_in_dlibs_format_is_read(tmp_path: Path) -> None:
    arrays = random_arrays(7)
    write_dat(arrays, tmp_path / "net.dat")
    found = read_dat(tmp_path / "net.dat")
    assert set(found) == set(arrays)
    assert all(np.array_equal(found[key], arrays[key]) for key in arrays)


def test_damaged_or_foreign_files_are_refused(tmp_path: Path) -> None:
    write_dat(random_arrays(7), tmp_path / "net.dat")
    good = (tmp_path / "net.dat").read_bytes()
    for data, sentence in (
        (good[: len(good) // 2], "in the middle"),
        (good + b"\0", "1 bytes follow"),
        (good.replace(b"loss_metric_2", b"loss_metric_9"), "loss_metric_2"),
        (good.replace(b"\x05con_4", b"\x05con_9", 1), "con_4"),
        (b"\x89PNG\r\n\x1a\n" * 9, "does not begin an integer"),
        (b"", "ends at byte 0"),
    ):
        (tmp_path / "bad.dat").write_bytes(data)
        with pytest.raises(WeightsError, match=f"not dlib's face recognition network: .*{sentence}"):
            read_dat(tmp_path / "bad.dat")


def test_numbers_of_dlibs_stream() -> None:
    data = number(-300) + number(0) + real(0.1) + bytes.fromhex("03 62 90 f5 81 11")
    stream = dlibface._Stream(data)
    assert (stream.integer(), stream.integer()) == (-300, 0)
    assert stream.real() == pytest.approx(0.1, abs=1e-8)
    assert stream.real() == pytest.approx(122.782, abs=1e-5)  # these six bytes are the published file's red mean


# ---------------------------------------------------------------------------------------------- dlib itself

SEEDS = range(10)


@pytest.fixture(scope="module")
def faces() -> list[np.ndarray]:
    """Generated faces (of nobody) at 1024², uint8 RGB, from the generator's original OpenVINO files in float32.

    z of a seed as everywhere: ``default_rng(seed).standard_normal(512)``;
    w' = mean + 0.9 (w - mean), with the mean of 500 w.
    """
    from openvino import Core

    from i2edit import weights

    folder, core = weights.get("mobilestylegan-ir"), Core()
    exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 2}
    mapping = core.compile_model(folder / "MappingNetwork.xml", "CPU", exact)
    synthesis = core.compile_model(folder / "SynthesisNetwork.xml", "CPU", exact)

    def w_of(z: np.ndarray) -> np.ndarray:
        return np.asarray(mapping([z[None].astype(np.float32)])[mapping.output(0)])

    mean = np.mean([w_of(z) for z in np.random.default_rng(0).standard_normal((500, 512))], axis=0)
    pictures = []
    for seed in SEEDS:
        w = mean + 0.9 * (w_of(np.random.default_rng(seed).standard_normal(512)) - mean)
        image = np.asarray(synthesis([w.astype(np.float32)])[synthesis.output(0)])[0].transpose(1, 2, 0)
        pictures.append(np.ascontiguousarray(((image + 1) * 127.5).round().clip(0, 255).astype(np.uint8)))
    return pictures


@pytest.mark.weights
def test_parity_with_dlib(faces: list[np.ndarray]) -> None:
    """The network on dlib's own chip, then chip and network together, at 1024² and 256², against dlib."""
    import dlib

    from i2edit import weights

    net = DlibFace.from_weights()
    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(str(weights.get("dlib-landmarks")))
    model = dlib.face_recognition_model_v1(str(weights.get("dlib-face-dat")))
    compared, descriptors = 0, []
    for face in faces:
        small = np.ascontiguousarray(face.reshape(256, 4, 256, 4, 3).mean((1, 3)).round().astype(np.uint8))
        boxes = detector(small, 1)
        assert boxes, "dlib finds every one of these faces"
        for picture, scale in ((face, 4), (small, 1)):
            sides = (boxes[0].left(), boxes[0].top(), boxes[0].right(), boxes[0].bottom())
            shape = predictor(picture, dlib.rectangle(*(scale * n for n in sides)))
            landmarks = np.array([[p.x, p.y] for p in shape.parts()], float)
            chip = dlib.get_face_chip(picture, shape, 150, 0.25)
            expected = torch.tensor(list(model.compute_face_descriptor(chip)))
            found = net(torch.from_numpy(chip).permute(2, 0, 1)[None].float())[0]
            assert F.cosine_similarity(found, expected, dim=0) > 0.99999
            assert (found - expected).abs().max() < 1e-5
            whole = torch.from_numpy(picture.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
            ours = net(face_chip(whole, landmarks))[0]
            theirs = torch.tensor(list(model.compute_face_descriptor(picture, shape, 0, 0.25)))
            assert distance(ours, theirs) < 0.03
            compared += 1
        descriptors.append(theirs)
    assert compared == 2 * len(SEEDS)
    others = torch.cdist(torch.stack(descriptors), torch.stack(descriptors))
    assert others[~torch.eye(len(SEEDS), dtype=torch.bool)].median() > 0.6  # so 0.03 is small


@pytest.mark.weights
def test_published_file_converts_to_what_was_measured() -> None:
    from i2edit import weights

    arrays = read_dat(weights.get("dlib-face-dat"))
    assert len(arrays) == 117 and sum(value.size for value in arrays.values()) == 5_614_592
    assert arrays["stem.weight"].shape == (32, 3, 7, 7) and arrays["fc.weight"].shape == (128, 256)
    assert arrays["stem.weight"].ravel()[0] == pytest.approx(-0.029330, abs=1e-6)
