"""Where things are in an aligned crop: soft masks from the generator's own features and from the 68 landmarks.

    w [23, 512] → {"hair": [64, 64], "skin": …}   and   "mustache" + landmarks → mask [256, 256]

The features of the 64² layer, normalised to unit length and projected to 40 principal components, fall into 16 clusters
that are hair, skin, brows and beard, eyes-lips-ears, neck, hat and background on faces never seen (`train/regions.py`):
a segmentation that costs nothing, of a face that may have been edited, at the place where it is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from i2edit.nets.mobile import FEATURE_LAYERS, Generator

GRID = 256  # masks are drawn at this size and enlarged at the end
GROUPS = ("hair", "skin", "strands", "parts", "neck", "hat", "background")


class Segmenter:
    """Soft segmentation of the generator's picture of w."""

    def __init__(self, generator: Generator, tensors: dict[str, Tensor]) -> None:
        self.generator = generator
        self.mean, self.axes = tensors["mean"], tensors["axes"]
        self.centres, self.members = tensors["centres"], tensors["members"]
        self.sharpness = float(tensors["sharpness"])

    @classmethod
    def from_assets(cls, generator: Generator) -> Segmenter:
        """The shipped clusters."""
        from i2edit import assets

        return cls(generator, assets.tensors("regions.safetensors"))

    @torch.no_grad()
    def __call__(self, w: Tensor) -> dict[str, Tensor]:
        """w [23, 512] → group → probability [64, 64] in [0, 1]; the groups add up to one."""
        return self.read(self.generator.synthesis.features(w[None], FEATURE_LAYERS)[0])

    @torch.no_grad()
    def read(self, features: Tensor) -> dict[str, Tensor]:
        """The same from the features [C, 64, 64] of w."""
        points = F.normalize(features.flatten(1).T, dim=1)
        points = (points - self.mean) @ self.axes
        distance = torch.cdist(points, self.centres).square()
        share = torch.softmax(-self.sharpness * distance, 1) @ self.members
        side = features.shape[-1]
        return {name: share[:, i].reshape(side, side) for i, name in enumerate(GROUPS)}


def enlarge(mask: Tensor, size: int | tuple[int, int] = GRID) -> Tensor:
    """[h, w] → [size, size] or (height, width), smooth, in [0, 1]."""
    return F.interpolate(mask[None, None], size=size, mode="bicubic", align_corners=False)[0, 0].clamp(0, 1)


def blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of [..., H, W], sigma in pixels; edges are repeated. Wide ones are made at a fraction of the size."""
    if sigma <= 0:
        return x
    shape = x.shape
    x = x.reshape(1, -1, *shape[-2:])
    factor = 1
    while sigma / factor > 3 and min(shape[-2:]) // (2 * factor) >= 16:
        factor *= 2
    if factor > 1:
        x = F.avg_pool2d(x, factor)
    s = math.sqrt(sigma**2 - (factor > 1) * factor**2 / 4) / factor  # shrinking and enlarging blur a little themselves
    radius = max(1, math.ceil(3 * s))
    line = [math.exp(-0.5 * (i / s) ** 2) for i in range(-radius, radius + 1)]
    for axis in (-1, -2):  # sums of shifted pictures: many times faster than convolutions of one channel each
        length = x.shape[axis]
        padded = F.pad(x, (radius, radius, 0, 0) if axis == -1 else (0, 0, radius, radius), mode="replicate")
        x = padded.narrow(axis, radius, length) * (line[radius] / sum(line))
        for shift, weight in enumerate(line):
            if shift != radius:
                x.add_(padded.narrow(axis, shift, length), alpha=weight / sum(line))
    if factor > 1:
        x = F.interpolate(x, size=shape[-2:], mode="bilinear", align_corners=False)
    return x.reshape(shape)


def guided(mask: Tensor, guide: Tensor, radius: int = 6, epsilon: float = 4e-3) -> Tensor:
    """Guided filter (He et al. 2010): the mask [H, W] follows the edges of a gray guide [H, W] in [0, 1]."""

    def mean(x: Tensor) -> Tensor:
        padded = F.pad(x[None, None], (radius,) * 4, mode="replicate")
        return F.avg_pool2d(padded, 2 * radius + 1, stride=1)[0, 0]

    mean_g, mean_m = mean(guide), mean(mask)
    variance = mean(guide * guide) - mean_g * mean_g
    a = (mean(guide * mask) - mean_g * mean_m) / (variance + epsilon)
    b = mean_m - a * mean_g
    return (mean(a) * guide + mean(b)).clamp(0, 1)


class FaceMap:
    """Shapes drawn from the 68 landmarks of an aligned crop. Units: `unit` is the distance between the eyes.

    landmarks [68, 2] in crop pixels (0..1024). All masks are [GRID, GRID] in [0, 1].
    """

    def __init__(self, landmarks: np.ndarray | Tensor, crop_size: int = 1024) -> None:
        self.points = np.asarray(landmarks, dtype=np.float64) * (GRID / crop_size)
        p = self.points
        self.left_eye, self.right_eye = p[36:42].mean(0), p[42:48].mean(0)
        self.unit = float(np.linalg.norm(self.right_eye - self.left_eye))
        self.across = (self.right_eye - self.left_eye) / max(self.unit, 1e-6)
        self.down = np.array([-self.across[1], self.across[0]])

    def shift(self, point: np.ndarray, across: float = 0.0, down: float = 0.0) -> np.ndarray:
        """A point moved by multiples of the eye distance along the face's own axes."""
        return np.asarray(point) + self.unit * (across * self.across + down * self.down)

    def polygon(self, points: Sequence[np.ndarray], feather: float) -> Tensor:
        """Filled polygon, its border feathered over about `feather` eye distances."""
        over = 2
        canvas = Image.new("L", (GRID * over, GRID * over))
        ImageDraw.Draw(canvas).polygon([tuple(float(v) * over for v in point) for point in points], fill=255)
        filled = torch.from_numpy(np.array(canvas.resize((GRID, GRID), Image.Resampling.BOX))).float() / 255
        return blur(filled, feather * self.unit / 2)

    def ellipse(self, centre: np.ndarray, across: float, down: float, feather: float) -> Tensor:
        """Filled ellipse with half axes in eye distances, turned with the face."""
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        ring = [self.shift(centre, across * np.cos(a), down * np.sin(a)) for a in angles]
        return self.polygon(ring, feather)

    def outline(self, rise: float, widen: float = 0.0, drop: float = 0.0) -> list[np.ndarray]:
        """Jaw line and a lid `rise` eye distances above the brows; `widen` and `drop` push the jaw outwards."""
        p = self.points
        centre = p[27:36].mean(0)
        jaw = []
        for point in p[0:17]:
            away = point - centre
            away = away / max(float(np.linalg.norm(away)), 1e-6)
            jaw.append(point + self.unit * (widen * away + drop * self.down * max(0.0, float(away @ self.down))))
        lid = [self.shift(point, 0, -rise) for point in p[26:16:-1]]
        return jaw + lid

    def lower_face(self) -> Tensor:
        """From under the eyes to the chin."""
        p = self.points
        jaw = [self.shift(p[i], 0, 0.04) for i in range(2, 15)]
        lid = [self.shift(p[46], 0.2, 0.25), self.shift(p[47], 0, 0.22), self.shift(p[42], -0.02, 0.3), p[29]]
        lid += [self.shift(p[39], 0.02, 0.3), self.shift(p[40], 0, 0.22), self.shift(p[41], -0.2, 0.25)]
        return self.polygon(jaw + lid, 0.18)

    def inner_face(self) -> Tensor:
        """Brows to chin."""
        return self.polygon(self.outline(0.22, widen=-0.03), 0.2)

    def mouth(self, grow: float, feather: float) -> Tensor:
        """The lips, grown by `grow` eye distances in every direction."""
        ring = self.points[48:60]
        centre = ring.mean(0)
        away = ring - centre
        length = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
        return self.polygon(list(ring + away / length * grow * self.unit), feather)

    def lips(self) -> Tensor:
        """The lips without the opening between them."""
        outer, inner = self.polygon(list(self.points[48:60]), 0.05), self.polygon(list(self.points[60:68]), 0.03)
        return (outer - inner).clamp(0, 1)

    def brows(self) -> Tensor:
        """Both brows with the skin around them."""
        p, mask = self.points, torch.zeros(GRID, GRID)
        for first, outward in ((17, -1), (22, 1)):
            row = p[first : first + 5]
            top = [self.shift(q, 0, -0.16) for q in row]
            bottom = [self.shift(q, 0, 0.17) for q in row[::-1]]
            ends = 0.1 * outward
            if outward < 0:
                top[0], bottom[-1] = self.shift(top[0], ends), self.shift(bottom[-1], ends)
            else:
                top[-1], bottom[0] = self.shift(top[-1], ends), self.shift(bottom[0], ends)
            mask = torch.maximum(mask, self.polygon(top + bottom, 0.1))
        return mask

    def brow_and_eyes(self) -> Tensor:
        """Brows, the skin between and over them, eyes and the root of the nose."""
        p = self.points
        top = [self.shift(q, 0, -0.3) for q in p[17:27]]
        top[0], top[-1] = self.shift(top[0], -0.06, 0.05), self.shift(top[-1], 0.06, 0.05)
        bottom = [
            self.shift(p[45], 0.16, 0.12),
            self.shift(p[46], 0.02, 0.2),
            self.shift(p[47], 0, 0.2),
            self.shift(p[42], 0, 0.16),
        ]
        bottom += [
            p[29],
            self.shift(p[39], 0, 0.16),
            self.shift(p[40], 0, 0.2),
            self.shift(p[41], -0.02, 0.2),
            self.shift(p[36], -0.16, 0.12),
        ]
        return self.polygon(top + bottom, 0.22)

    def eyelids(self) -> Tensor:
        """Brows, lids and eyes, without the root of the nose."""
        p, mask = self.points, torch.zeros(GRID, GRID)
        for brow, lower in ((p[17:22], (39, 40, 41, 36)), (p[22:27], (45, 46, 47, 42))):
            top = [self.shift(q, 0, -0.04) for q in brow]
            mask = torch.maximum(mask, self.polygon([*top, *(self.shift(p[i], 0, 0.07) for i in lower)], 0.1))
        return mask

    def cheeks(self) -> Tensor:
        """The apples of the cheeks."""
        p, mask = self.points, torch.zeros(GRID, GRID)
        for eye, wing, side in ((41, 31, -1), (46, 35, 1)):
            centre = self.shift((p[eye] + p[wing]) / 2, 0.12 * side, 0.12)
            mask = torch.maximum(mask, self.ellipse(centre, 0.34, 0.3, 0.35))
        return mask

    def mustache(self) -> Tensor:
        """Between nose and upper lip, a little beyond the corners of the mouth."""
        p = self.points
        top = [
            self.shift(p[31], -0.18, 0.1),
            self.shift(p[31], 0, 0.04),
            self.shift(p[33], 0, 0.03),
            self.shift(p[35], 0, 0.04),
            self.shift(p[35], 0.18, 0.1),
        ]
        bottom = [
            self.shift(p[54], 0.16, 0.08),
            p[54],
            p[53],
            p[52],
            self.shift(p[51], 0, 0.02),
            p[50],
            p[49],
            p[48],
            self.shift(p[48], -0.16, 0.08),
        ]
        return self.polygon(top + bottom, 0.1)

    def goatee(self) -> Tensor:
        """Under the lower lip, down to and a little under the chin."""
        p = self.points
        top = [
            self.shift(p[48], -0.06, 0.12),
            self.shift(p[59], 0, 0.06),
            self.shift(p[57], 0, 0.03),
            self.shift(p[55], 0, 0.06),
            self.shift(p[54], 0.06, 0.12),
        ]
        bottom = [self.shift(p[i], 0, 0.12) for i in (10, 9, 8, 7, 6)]
        return self.polygon(top + bottom, 0.14)

    def sideburns(self) -> Tensor:
        """The strips in front of the ears."""
        p, mask = self.points, torch.zeros(GRID, GRID)
        for row, side in (((0, 1, 2, 3), 1), ((16, 15, 14, 13), -1)):
            outer = [self.shift(p[row[0]], -0.1 * side, -0.3)] + [self.shift(p[i], -0.1 * side) for i in row]
            inner = [self.shift(p[i], 0.3 * side) for i in row[::-1]] + [self.shift(p[row[0]], 0.28 * side, -0.3)]
            mask = torch.maximum(mask, self.polygon(outer + inner, 0.15))
        return mask

    def earlobes(self) -> Tensor:
        """Around the lobes of both ears, and what may hang from them."""
        p, mask = self.points, torch.zeros(GRID, GRID)
        for i, side in ((2, -1), (14, 1)):
            mask = torch.maximum(mask, self.ellipse(self.shift(p[i], 0.13 * side, 0.12), 0.24, 0.5, 0.15))
        return mask

    def above_eyes(self, drop: float = 0.0, widen: float = 0.25) -> Tensor:
        """Everything above the line of the eyes (lowered by `drop`), as wide as the face and `widen` more."""
        p = self.points
        left, right = self.shift(p[0], -widen, drop), self.shift(p[16], widen, drop)
        top = -3.0
        return self.polygon([left, right, self.shift(right, 0, top), self.shift(left, 0, top)], 0.3)
