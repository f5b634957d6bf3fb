"""Who a face is: dlib's ResNet face descriptor (Davis King) as a differentiable torch network.

In: face chips [B, 3, 150, 150] RGB in [0, 255], made by ``face_chip`` from a picture and its 68 landmarks. Out:
descriptors [B, 128]. Two descriptors closer than 0.6 (euclidean) are usually the same person. Equals dlib's
``compute_face_descriptor`` on the same chip.

    net = DlibFace.from_weights()
    loss = distance(net(face_chip(crop, landmarks)), net(face_chip(photo, landmarks)))   # has a gradient in ``crop``

Architecture (dlib's examples/dnn_face_recognition_ex.cpp): 7×7 convolution with stride 2, max pooling, 14 residual
blocks of two 3×3 convolutions, mean over space, one matrix. Convolutions with stride 2 and poolings do not pad, so
sizes go 150 → 72 → 35 → 17 → 8 → 4.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2edit.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np

CHIP = 150  # pixels a side
PADDING = 0.25  # of the face's size, around it
MEAN_RGB = (122.782, 117.001, 104.298)
# (channels, whether the block halves the size), from input to output
BLOCKS: tuple[tuple[int, bool], ...] = (
    *[(32, False)] * 3,
    *[(64, True), (64, False), (64, False), (64, False)],
    *[(128, True), (128, False), (128, False)],
    *[(256, True), (256, False), (256, False)],
    (256, True),
)

# ---------------------------------------------------------------------------------------------- the network


class Block(nn.Module):
    """relu(conv(relu(conv(x))) + x); a halving block averages x over 2×2, and the smaller summand is padded with 0."""

    def __init__(self, inputs: int, channels: int, halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.a = nn.Conv2d(inputs, channels, 3, 2 if halve else 1, 0 if halve else 1)
        self.b = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.b(F.relu(self.a(x)))
        if self.halve:
            x = F.avg_pool2d(x, 2)
            # dlib adds tensors of unequal size as if the missing channels, rows and columns were 0 (8 px: conv
            # leaves 3, pooling 4)
            rows, columns = max(x.shape[2], y.shape[2]), max(x.shape[3], y.shape[3])
            x = F.pad(x, (0, columns - x.shape[3], 0, rows - x.shape[2], 0, y.shape[1] - x.shape[1]))
            y = F.pad(y, (0, columns - y.shape[3], 0, rows - y.shape[2]))
        return F.relu(x + y)


class DlibFace(nn.Module):
    """[B, 3, 150, 150] RGB in [0, 255] → [B, 128]. Parameters are frozen.

    Each ``affine`` layer of dlib is folded into the convolution before it.
    """

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN_RGB).view(1, 3, 1, 1), persistent=False)
        self.stem = nn.Conv2d(3, 32, 7, 2)
        inputs = [32, *(channels for channels, _ in BLOCKS)]
        self.blocks = nn.Sequential(
            *(Block(i, channels, halve) for i, (channels, halve) in zip(inputs, BLOCKS, strict=False))
        )
        self.fc = nn.Linear(256, 128, bias=False)
        self.requires_grad_(False).eval()

    @classmethod
    def from_weights(cls, path: Path | None = None) -> DlibFace:
        """The published network (default: ``weights.get("dlib-face")``)."""
        from safetensors.torch import load_file

        from i2edit import weights

        stored = load_file(path or weights.get("dlib-face"))
        folded: dict[str, Tensor] = {}
        try:
            for name in _conv_names():
                gamma, beta = stored[f"{name}.gamma"].double(), stored[f"{name}.beta"].double()
                folded[f"{name}.weight"] = (stored[f"{name}.weight"].double() * gamma.view(-1, 1, 1, 1)).float()
                folded[f"{name}.bias"] = (stored[f"{name}.bias"].double() * gamma + beta).float()
            folded["fc.weight"] = stored["fc.weight"]
            net = cls()
            net.load_state_dict(folded)
        except (KeyError, RuntimeError) as error:
            raise WeightsError(f"The weights file is not dlib's face network: {error}") from error
        return net

    def forward(self, chips: Tensor) -> Tensor:
        if chips.shape[1:] != (3, CHIP, CHIP):
            raise ValueError(f"Face chips have the shape [B, 3, {CHIP}, {CHIP}], not {list(chips.shape)}.")
        x = (chips - self.mean) / 256
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        return self.fc(self.blocks(x).mean((2, 3)))


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distance of descriptors [B, 128] × 2 → [B]: the same person below about 0.6. Smooth at a = b."""
    return ((a - b).square().sum(-1) + 1e-12).sqrt() - 1e-6


def _conv_names() -> list[str]:
    return ["stem", *(f"blocks.{i}.{part}" for i in range(len(BLOCKS)) for part in "ab")]


# ---------------------------------------------------------------------------------------------- the chip

# Where dlib wants landmarks 27–54 and 60–64 (nose, eyes, upper lip: neither jaw, eyebrows nor lower lip) in a chip
# without padding, in units of its side (dlib/image_transforms/interpolation.h, get_face_chip_details).
_ANCHORS = (*range(27, 55), *range(60, 65))
_MEAN_FACE = (
    (0.490127, 0.203352), (0.490127, 0.307009), (0.490127, 0.409805), (0.490127, 0.515625),  # 27-30, bridge of the nose
    (0.36688, 0.587326), (0.426036, 0.609345), (0.490127, 0.628106),  # 31-33, tip of the nose
    (0.554217, 0.609345), (0.613373, 0.587326),  # 34-35
    (0.121737, 0.216423), (0.187122, 0.178758), (0.265825, 0.179852),  # 36-38, one eye
    (0.334606, 0.231733), (0.260918, 0.245099), (0.182743, 0.244077),  # 39-41
    (0.645647, 0.231733), (0.714428, 0.179852), (0.793132, 0.178758),  # 42-44, the other
    (0.858516, 0.216423), (0.79751, 0.244077), (0.719335, 0.245099),  # 45-47
    (0.254149, 0.780233), (0.340985, 0.745405), (0.428858, 0.727388), (0.490127, 0.742578),  # 48-51, upper lip, outside
    (0.551395, 0.727388), (0.639268, 0.745405), (0.726104, 0.780233),  # 52-54
    (0.290379, 0.784792), (0.428096, 0.778746), (0.490127, 0.785343),  # 60-62, upper lip, inside
    (0.552157, 0.778746), (0.689874, 0.784792),  # 63-64
)  # fmt: skip


def face_chip(picture: Tensor, landmarks: Tensor | np.ndarray, size: int = CHIP, padding: float = PADDING) -> Tensor:
    """Cut out the upright face: [B, 3, H, W] RGB in [-1, 1] and 68 landmarks → [B, 3, size, size] RGB in [0, 255].

    ``landmarks`` [68, 2] (for all) or [B, 68, 2], (x, y) in pixels of ``picture``; no gradient flows to them, only
    to the picture. Follows dlib's ``get_face_chip`` with its pyramid (a 5-tap binomial filter halves the picture
    while it has over four times too many pixels), except that dlib cuts down to whole grey levels after each step.
    What lies outside the picture is black.
    """
    import numpy as np

    points = np.asarray(landmarks.detach().cpu() if isinstance(landmarks, Tensor) else landmarks, dtype=np.float64)
    if picture.ndim != 4 or picture.shape[1] != 3:
        raise ValueError(f"The picture has the shape [B, 3, H, W], not {list(picture.shape)}.")
    if points.shape not in ((68, 2), (picture.shape[0], 68, 2)):
        raise ValueError(f"The landmarks have the shape [68, 2] or [B, 68, 2], not {list(points.shape)}.")
    if points.ndim == 2:
        return _chip(picture, points, size, padding)
    return torch.cat([_chip(one[None], p, size, padding) for one, p in zip(picture, points, strict=True)])


def _chip(picture: Tensor, points: np.ndarray, size: int, padding: float) -> Tensor:
    """[B, 3, H, W] in [-1, 1] and one set of landmarks [68, 2] → [B, 3, size, size] in [0, 255]."""
    import numpy as np

    # The similarity from chip to picture, by least squares; as complex numbers: picture = turn · chip + offset.
    wanted = (np.array(_MEAN_FACE) + padding) / (2 * padding + 1) * size
    chip, here = wanted[:, 0] + 1j * wanted[:, 1], points[list(_ANCHORS)] @ np.array([1, 1j])
    centred = chip - chip.mean()
    turn = complex((centred.conj() * here).sum() / (centred.conj() * centred).real.sum())
    centre = complex(here.mean() + turn * (size / 2 * (1 + 1j) - chip.mean()))
    side = size * abs(turn)
    if not side > 1:
        raise ValueError("The landmarks are one point, not a face.")
    direction = turn / abs(turn)

    # The chip's corners on the picture; dlib's rectangles count pixels, so a side of n spans n - 1. `corners` are
    # tl, tr, bl unrotated.
    half = (side - 1) / 2
    corners = np.array([-half - 1j * half, half - 1j * half, -half + 1j * half])
    halvings, span, grow = 0, (side - 1) / 2, 2.0
    while (span + 1) ** 2 > size * size:
        halvings, span, grow = halvings + 1, span / 2, grow * 2 + 2

    # Crop to the chip plus a margin (saves time, and fixes which pixels the pyramid keeps, as in dlib).
    height, width = picture.shape[2:]
    box = centre + direction * half * np.array([-1 - 1j, 1 - 1j, -1 + 1j, 1 + 1j])
    left, top = (max(0, math.floor(v.min() - grow + 0.5)) for v in (box.real, box.imag))
    right = min(width - 1, math.floor(box.real.max() + grow + 0.5))
    bottom = min(height - 1, math.floor(box.imag.max() + grow + 0.5))
    if min(right - left, bottom - top) < 8 * 2**halvings:
        raise ValueError("The landmarks lie outside the picture.")
    level = (picture[:, :, top : bottom + 1, left : right + 1] + 1) * 127.5
    rectangle = centre - complex(left, top) + corners
    for _ in range(halvings):
        level = _halve(level)
        rectangle = rectangle / 2 - (1.25 + 0.75j)  # dlib's offsets; the filter's own would be 1 + 1j
    middle = (rectangle[1] + rectangle[2]) / 2
    tl, tr, bl = middle + direction * (rectangle - middle)

    # grid_sample's coordinates: -1 and 1 are the centres of the first and last pixel (align_corners=True)
    steps = np.arange(size) / (size - 1)
    places = tl + (tr - tl) * steps[None, :] + (bl - tl) * steps[:, None]
    grid = np.stack([places.real / (level.shape[3] - 1), places.imag / (level.shape[2] - 1)], -1) * 2 - 1
    where = torch.from_numpy(grid).to(level)[None].expand(level.shape[0], -1, -1, -1)
    return F.grid_sample(level, where, mode="bilinear", padding_mode="zeros", align_corners=True)


def _halve(x: Tensor) -> Tensor:
    """[B, C, H, W] → [B, C, (H - 3) // 2, (W - 3) // 2]: filtered with 1 4 6 4 1 both ways, every second pixel."""
    # Sums of slices: five times faster than a strided depthwise convolution, forward and backward.
    rows, columns = (x.shape[2] - 3) // 2, (x.shape[3] - 3) // 2
    a, b, c, d, e = (x[:, :, k : k + 2 * rows - 1 : 2] for k in range(5))
    x = (a + e + 4 * (b + d) + 6 * c) / 16
    a, b, c, d, e = (x[:, :, :, k : k + 2 * columns - 1 : 2] for k in range(5))
    return (a + e + 4 * (b + d) + 6 * c) / 16


# ---------------------------------------------------------------------------------------------- dlib's file


class _Stream:
    """dlib's serialisation, read from bytes: integers of 1 + n bytes, floats as mantissa and exponent, tensors as
    plain float32."""

    def __init__(self, blob: bytes) -> None:
        self.blob, self.at = blob, 0

    def take(self, count: int) -> bytes:
        part = self.blob[self.at : self.at + count]
        if len(part) != count:
            raise ValueError(f"the file ends at byte {len(self.blob)}, in the middle of the network")
        self.at += count
        return part

    def integer(self) -> int:
        """First byte: how many bytes follow (low nibble), and the sign (high bit); then the magnitude,
        little-endian."""
        head = self.take(1)[0]
        count = head & 0x0F
        if not 1 <= count <= 8 or head & 0x70:
            raise ValueError(f"byte {self.at - 1} does not begin an integer")
        value = int.from_bytes(self.take(count), "little")
        return -value if head & 0x80 else value

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if exponent >= 32000:  # infinities and NaN have no place in a network
            raise ValueError(f"the number before byte {self.at} is not finite")
        return math.ldexp(mantissa, exponent)

    def text(self) -> str:
        return self.take(self.integer()).decode("latin-1")

    def boolean(self) -> bool:
        return self.take(1) == b"1"

    def expect(self, *allowed: str) -> str:
        found = self.text()
        if found not in allowed:
            raise ValueError(f"expected {' or '.join(allowed)} before byte {self.at}, found {found[:40]!r}")
        return found

    def version(self, *allowed: int) -> int:
        found = self.integer()
        if found not in allowed:
            raise ValueError(f"expected version {allowed} before byte {self.at}, found {found}")
        return found

    def alias(self) -> tuple[int, ...]:
        """A view on parameters: (samples, k, rows, columns)."""
        self.version(1)
        return tuple(self.integer() for _ in range(4))

    def tensor(self) -> np.ndarray:
        """float32 [samples, k, rows, columns]."""
        import numpy as np

        self.version(2)
        shape = [self.integer() for _ in range(4)]
        if min(shape) < 0:
            raise ValueError(f"a tensor before byte {self.at} has a negative size")
        return np.frombuffer(self.take(4 * math.prod(shape)), "<f4").reshape(shape)


def _layers() -> list[str]:
    """Kinds of the network's layers in the order of the file's version numbers: from the output to the input."""
    kinds = ["fc", "avg_pool"]
    for _, halve in reversed(BLOCKS):
        kinds += ["relu", "add_prev", *(["avg_pool", "skip", "tag"] if halve else [])]
        kinds += ["affine", "con", "relu", "affine", "con", "tag"]
    return [*kinds, "max_pool", "relu", "affine", "con"]


def read_dat(path: Path) -> dict[str, np.ndarray]:
    """dlib_face_recognition_resnet_model_v1.dat → arrays: ``stem`` and ``blocks.{0–13}.{a,b}`` with ``.weight``
    [out, in, k, k], ``.bias``, ``.gamma``, ``.beta`` [out] (the ``affine`` layer after each convolution), and
    ``fc.weight`` [128, 256]. WeightsError if it is anything else.

    The file nests: the versions of all layers from output to input come first, then their contents from input to
    output.
    """
    import numpy as np

    stream = _Stream(path.read_bytes())
    arrays: dict[str, np.ndarray] = {}
    names = iter(_conv_names())
    name = ""
    try:
        stream.version(1)
        stream.expect("loss_metric_2")
        stream.real(), stream.real()  # margin and threshold of the training
        kinds = _layers()
        versions = [stream.version(1) if kind in ("tag", "skip") else stream.version(1, 2) for kind in kinds[:-1]]
        versions.append(stream.version(2, 3))
        stream.expect("input_rgb_image_sized")
        means = [stream.real() for _ in range(3)]
        size = [stream.integer(), stream.integer()]
        if size != [CHIP, CHIP] or any(abs(a - b) > 1e-3 for a, b in zip(means, MEAN_RGB, strict=True)):
            raise ValueError("its input is another one")
        for index in range(len(kinds) - 1, -1, -1):
            kind = kinds[index]
            if kind in ("tag", "skip"):
                continue
            if kind == "con":
                name = next(names)
                _read_con(stream, name, arrays)
            elif kind == "affine":
                stream.expect("affine_")
                params = stream.tensor().reshape(2, -1)
                stream.alias(), stream.alias(), stream.integer()  # gamma's and beta's places, and the mode
                arrays[f"{name}.gamma"], arrays[f"{name}.beta"] = params
            elif kind == "fc":
                stream.expect("fc_2")
                outputs, inputs = stream.integer(), stream.integer()
                arrays["fc.weight"] = stream.tensor().reshape(inputs, outputs).T
                stream.alias(), stream.alias(), stream.integer()
                [stream.real() for _ in range(4)]
            elif kind in ("max_pool", "avg_pool"):
                stream.expect(f"{kind}_2")
                [stream.integer() for _ in range(6)]
            else:
                stream.expect(f"{kind}_")
            # what every layer keeps beside its parameters: three flags, two tensors, and what its version added
            stream.boolean(), stream.boolean(), stream.boolean()
            stream.tensor(), stream.tensor()
            if index == len(kinds) - 1:
                stream.tensor()
                if versions[index] == 3:
                    stream.integer()
            elif versions[index] == 2:
                stream.tensor()
        if stream.at != len(stream.blob):
            raise ValueError(f"{len(stream.blob) - stream.at} bytes follow the network")
    except (ValueError, StopIteration) as error:
        raise WeightsError(f"{path.name} is not dlib's face recognition network: {error}.") from error
    return {key: np.ascontiguousarray(value, dtype=np.float32) for key, value in arrays.items()}


def _read_con(stream: _Stream, name: str, arrays: dict[str, np.ndarray]) -> None:
    """One ``con_4`` layer: filters, then biases, in one run of floats."""
    stream.expect("con_4")
    params = stream.tensor().reshape(-1)
    filters, _rows, _columns, *_strides_and_paddings = (stream.integer() for _ in range(7))
    shape, biases = stream.alias(), stream.alias()
    [stream.real() for _ in range(4)]  # learning rate and weight decay multipliers
    if math.prod(shape) + math.prod(biases) != params.size or shape[0] != filters or math.prod(biases) != filters:
        raise ValueError(f"the filters of {name} do not fit their parameters")
    arrays[f"{name}.weight"] = params[: math.prod(shape)].reshape(shape)
    arrays[f"{name}.bias"] = params[math.prod(shape) :]
