"""Photo → the square face crop that generators know, and back: an edited crop → the whole photo at full resolution.

In: a photo (PIL RGB, any size). Out: faces with 68 landmarks, the 1024 × 1024 crop cut as NVIDIA's FFHQ photos were,
and the quad (the crop's corners in the photo) by which an edited crop is pasted back without touching a pixel outside
its mask.

    face = pick_face(find_faces(photo.image))
    aligned = align(photo.image, face)                         # aligned.crop: PIL RGB 1024 × 1024
    result = paste(photo.image, edited, mask, aligned, base=aligned.crop)

Coordinates are (x, y) in pixels as dlib counts them: (0, 0) is the centre of the first pixel. Only inside this file,
"edge" coordinates are half a pixel more: there a picture of width w spans exactly 0 to w, which is what scaling needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageFilter
from torch.nn import functional as F

from i2edit.errors import FaceTooSmall, NoFaceFound

Points = NDArray[np.float64]  # [n, 2]: x, y
Band = tuple[int, int, int, int]  # left, top, right, bottom in whole pixels

CROP = 1024  # pixels a side
SEARCH_SIDE = 900  # longest side of the copy that faces are searched in
CLOSE_SEARCH_SIDE = 3200  # the same for the second, slower search, when the first one finds nothing
DOUBTFUL = 0.2  # a detector score below this needs a second look
LANDMARK_FACE = 400  # landmarks are placed on a copy in which the face is this wide, whatever its size in the photo
BAND_PIXELS = 3_000_000  # pasted at once: it takes about 100 bytes a pixel
LEAST_EYE_DISTANCE = 24  # pixels; a crop of such a face is magnified almost eleven times

# ------------------------------------------------------------------------------------------------ finding


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a photo.

    ``box``: left, top, right, bottom; ``landmarks``: float [68, 2], the 68 iBUG points; both in photo pixels.
    ``score`` is the detector's: above 1 for clear frontal faces, near 0 for doubtful ones.
    """

    box: tuple[float, float, float, float]
    landmarks: Points
    score: float

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def eye_distance(self) -> float:
        """Pixels between the centres of the eyes."""
        left, right = _eyes(self.landmarks)
        return float(np.linalg.norm(right - left))


def find_faces(image: Image.Image) -> list[Face]:
    """The faces in a photo, the largest plausible one first; an empty list when there is none.

    Searched in a copy of at most 900 pixels; only if that shows no clear one, at up to 3200 pixels (small faces in
    large photos), then with a margin around the photo (faces that fill it). Raises WeightsError without the model.
    """
    image = _rgb(image)
    longest = max(image.size)
    found = _detect(image, min(1.0, SEARCH_SIDE / longest))
    searches = ((min(2.0, CLOSE_SEARCH_SIDE / longest), 0.0), (min(1.0, SEARCH_SIDE / longest), 0.25))
    for scale, margin in searches:
        if any(score >= DOUBTFUL for _, score in found):
            break
        found = [face for face in _detect(image, scale, margin) if face[1] >= DOUBTFUL] or found
    faces = [Face(box, _landmarks(image, box), score) for box, score in found]
    return sorted(faces, key=_prominence, reverse=True)


def pick_face(faces: list[Face], n: int | None = None, *, photo: Image.Image | None = None) -> Face:
    """The ``n``-th face counted from 1, or the most prominent one.

    Raises NoFaceFound, which tells when ``photo`` lies on its side, and FaceTooSmall.
    """
    if not faces:
        turn = _lies_on_its_side(photo) if photo is not None else None
        if turn:
            raise NoFaceFound(f"No upright face was found: the photo seems to {turn}. Turn it and try again.")
        raise NoFaceFound(
            "No face was found in the photo. Take one in which a face looks at the camera, "
            f"with its eyes at least {LEAST_EYE_DISTANCE} pixels apart."
        )
    if n is not None and not 1 <= n <= len(faces):
        count = "1 face was" if len(faces) == 1 else f"{len(faces)} faces were"
        raise NoFaceFound(f"There is no face number {n}: {count} found in the photo, counted from 1.")
    face = faces[(n or 1) - 1]
    if face.eye_distance < LEAST_EYE_DISTANCE:
        raise FaceTooSmall(
            f"The face is too small: its eyes are {face.eye_distance:.0f} pixels apart, at least {LEAST_EYE_DISTANCE} "
            "are needed. Take a closer photo or one of higher resolution."
        )
    return face


def _prominence(face: Face) -> float:
    """Size counts, but a doubtful face (a patch on a suit, folds in a curtain) counts for a tenth of a clear one."""
    return face.width * min(max(face.score, 0.1), 1.0)


def _rgb(image: Image.Image) -> Image.Image:
    """Pillow's ``convert`` would copy the photo, even if it is RGB."""
    return image if image.mode == "RGB" else image.convert("RGB")


@lru_cache(maxsize=1)
def _detector() -> Any:
    import dlib

    return dlib.get_frontal_face_detector()


@lru_cache(maxsize=1)
def _predictor() -> Any:
    import dlib

    from i2edit.weights import get

    return dlib.shape_predictor(str(get("dlib-landmarks")))


Box = tuple[float, float, float, float]


def _detect(image: Image.Image, scale: float, margin: float = 0.0) -> list[tuple[Box, float]]:
    """Boxes in photo pixels and scores; searched at ``scale``, the rim repeated by ``margin`` × longest side."""
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    copy = image if size == image.size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    around = round(margin * max(size))
    pixels = np.pad(np.asarray(copy), ((around, around), (around, around), (0, 0)), mode="edge")
    rectangles, scores, _ = _detector().run(np.ascontiguousarray(pixels), 0, 0.0)
    across, down = image.width / size[0], image.height / size[1]
    return [
        (
            (
                (rectangle.left() - around) * across,
                (rectangle.top() - around) * down,
                (rectangle.right() + 1 - around) * across,
                (rectangle.bottom() + 1 - around) * down,
            ),
            float(score),
        )
        for rectangle, score in zip(rectangles, scores, strict=True)
    ]


def _landmarks(image: Image.Image, box: Box) -> Points:
    """68 landmarks [68, 2] in photo pixels, placed on a copy of the face's surroundings scaled to one size."""
    import dlib

    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    around = (
        max(0, math.floor(left - side / 2)),
        max(0, math.floor(top - side / 2)),
        min(image.width, math.ceil(right + side / 2)),
        min(image.height, math.ceil(bottom + side / 2)),
    )
    width, height = around[2] - around[0], around[3] - around[1]
    size = (max(1, round(width * LANDMARK_FACE / side)), max(1, round(height * LANDMARK_FACE / side)))
    copy = image.crop(around).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    scale = np.array([size[0] / width, size[1] / height])
    corner = np.array(around[:2], dtype=np.float64)
    first = np.rint((np.array(box[:2]) - corner) * scale).astype(int)
    last = np.rint((np.array(box[2:]) - corner) * scale).astype(int) - 1
    rectangle = dlib.rectangle(int(first[0]), int(first[1]), int(last[0]), int(last[1]))
    shape = _predictor()(np.ascontiguousarray(copy), rectangle)
    points = np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)
    return (points + 0.5) / scale + corner - 0.5


def _lies_on_its_side(photo: Image.Image) -> str | None:
    small = _rgb(photo).copy()
    small.thumbnail((SEARCH_SIDE, SEARCH_SIDE))
    turns = {
        Image.Transpose.ROTATE_90: "lie on its side",
        Image.Transpose.ROTATE_270: "lie on its side",
        Image.Transpose.ROTATE_180: "stand on its head",
    }
    for turn, words in turns.items():
        if any(score > 0.3 for _, score in _detect(small.transpose(turn), 1.0)):
            return words
    return None


# ------------------------------------------------------------------------------------------------ cutting out


@dataclass(frozen=True, eq=False)
class Aligned:
    """A face cut out as FFHQ's photos were.

    ``crop``: PIL RGB 1024 × 1024. ``quad``: float [4, 2], the crop's top left, bottom left, bottom right and top right
    corner in photo pixels. ``landmarks``: float [68, 2] in crop pixels.
    """

    crop: Image.Image
    quad: Points
    landmarks: Points


def align(image: Image.Image, face: Face) -> Aligned:
    """The face turned upright and scaled so that eyes and mouth lie where the generator's faces have them.

    Where the crop reaches beyond the photo, it is mirrored and fades into a blur, as in FFHQ. Raises FaceTooSmall.
    """
    image = _rgb(image)
    quad = _quad(face.landmarks)
    side = float(np.linalg.norm(quad[3] - quad[0]))
    if not side >= 1.0:  # also when it is not a number
        raise FaceTooSmall("The face is too small: it has less than one pixel.")
    crop = cut_out(image, quad + 0.5, side)
    to_crop = np.linalg.inv(np.stack([quad[3] - quad[0], quad[1] - quad[0]], axis=1))  # (x, y) → (u, v) in 0..1
    return Aligned(crop, quad, (face.landmarks - quad[0]) @ to_crop.T * CROP - 0.5)


def _eyes(landmarks: Points) -> tuple[Points, Points]:
    """Centres of the eye on the picture's left and of the one on its right."""
    return landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)


def _quad(landmarks: Points) -> Points:
    """FFHQ's oriented square (recipe of the ffhq-dataset repository) → [4, 2] in the order of ``Aligned.quad``."""
    left_eye, right_eye = _eyes(landmarks)
    eyes = (left_eye + right_eye) / 2
    eye_to_eye = right_eye - left_eye
    eye_to_mouth = (landmarks[48] + landmarks[54]) / 2 - eyes  # 48, 54: corners of the mouth
    x = eye_to_eye + np.array([eye_to_mouth[1], -eye_to_mouth[0]])  # half the square's width, first only its direction
    x *= max(2.0 * math.hypot(*eye_to_eye), 1.8 * math.hypot(*eye_to_mouth)) / max(math.hypot(*x), 1e-9)
    y = np.array([-x[1], x[0]])
    centre = eyes + 0.1 * eye_to_mouth
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def cut_out(image: Image.Image, quad: Points, side: float) -> Image.Image:
    """``quad``: edge coordinates; ``side``: its length in photo pixels → PIL RGB 1024 × 1024.

    FFHQ's own script warps bilinearly to 4096² and then shrinks; here a bicubic warp to 1024² or 2048² does, as the
    photo is first shrunk until no source pixel is skipped. The geometry is the same.
    """
    border = max(round(side * 0.1), 3)
    low, high = np.floor(quad.min(axis=0)) - border, np.ceil(quad.max(axis=0)) + border
    seen = (
        int(min(max(low[0], 0), image.width - 1)),
        int(min(max(low[1], 0), image.height - 1)),
        int(max(min(high[0], image.width), 1)),
        int(max(min(high[1], image.height), 1)),
    )
    part = image.crop(seen)
    quad = quad - np.array(seen[:2])
    if side > 2 * CROP:
        shrink = 2 * CROP / side
        size = (max(1, round(part.width * shrink)), max(1, round(part.height * shrink)))
        quad = quad * (np.array(size) / np.array(part.size))
        part = part.resize(size, Image.Resampling.LANCZOS)
        side = 2.0 * CROP
    part, quad = _padded(part, quad, side)
    canvas = CROP if side <= CROP else 2 * CROP
    right, down = (quad[3] - quad[0]) / canvas, (quad[1] - quad[0]) / canvas
    # PIL asks for the source of each target pixel: x = a·i + b·j + c, y = d·i + e·j + f, and adds the halves itself
    warp = (right[0], down[0], quad[0, 0], right[1], down[1], quad[0, 1])
    crop = part.transform((canvas, canvas), Image.Transform.AFFINE, warp, Image.Resampling.BICUBIC)
    return crop if canvas == CROP else crop.resize((CROP, CROP), Image.Resampling.LANCZOS)


def _padded(part: Image.Image, quad: Points, side: float) -> tuple[Image.Image, Points]:
    """The photo continued where the quad leaves it: mirrored, blurred more and more, fading out (FFHQ's recipe)."""
    border = max(round(side * 0.1), 3)
    low, high = np.floor(quad.min(axis=0)), np.ceil(quad.max(axis=0))
    beyond = np.array([-low[0], -low[1], high[0] - part.width, high[1] - part.height]) + border
    if beyond.max() <= border:  # the quad lies within the photo
        return part, quad
    pad = np.maximum(np.maximum(beyond, 0), round(side * 0.3)).astype(int)  # left, top, right, bottom
    pixels = np.pad(np.asarray(part), ((pad[1], pad[3]), (pad[0], pad[2]), (0, 0)), mode="reflect")
    height, width = pixels.shape[:2]
    column, row = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    nearest_x = np.minimum(column / pad[0], (width - 1 - column) / pad[2])
    nearest_y = np.minimum(row / pad[1], (height - 1 - row) / pad[3])
    outside = 1 - np.minimum(nearest_x[None, :], nearest_y[:, None])[:, :, None]  # [H, W, 1]: rim 1, in the photo ≤ 0
    blurred = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(side * 0.02)))
    values = pixels.astype(np.float32)
    values += (blurred - values) * np.clip(3 * outside + 1, 0, 1)
    values += (np.median(values[::4, ::4], axis=(0, 1)) - values) * np.clip(outside, 0, 1)
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)), quad + pad[:2]


# ------------------------------------------------------------------------------------------------ pasting back


def paste(
    photo: Image.Image, crop: Image.Image, mask: ArrayLike, aligned: Aligned, base: Image.Image | None = None
) -> Image.Image:
    """``crop`` put back into ``photo`` where ``mask`` says so → a new picture of the photo's size, RGB.

    ``crop``: square PIL RGB in the geometry of ``aligned.crop``. ``mask``: square float array in 0..1; 1: the crop.
    Pixels where the warped mask is 0 are the photo's, bit for bit.

    With ``base``, the unedited crop, the DIFFERENCE crop − base is added to the photo instead of replacing its pixels
    (better): what was not edited does not change by a bit, and texture finer than a crop can hold (grain, pores, hairs)
    stays, except where the edit moved or removed what it belonged to.
    """
    photo = _rgb(photo)
    weights = np.array(mask, dtype=np.float32)
    if crop.width != crop.height or weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ValueError(f"crop and mask are square, not {crop.size} and {weights.shape}")
    if base is not None and base.size != crop.size:
        raise ValueError(f"crop and base have one size, not {crop.size} and {base.size}")
    colours = np.asarray(crop.convert("RGB"), dtype=np.float32)
    original = None if base is None else np.asarray(base.convert("RGB"), dtype=np.float32)
    if original is not None and weights.shape == colours.shape[:2]:
        weights = np.where((colours != original).any(axis=2), weights, 0.0)
    result = photo.copy()
    parts = bands(weights, aligned.quad + 0.5, photo.size)

    def warped(values: NDArray[np.float32], band: Band, smooth: bool = True) -> torch.Tensor:
        return warp(values, aligned.quad + 0.5, band, smooth)

    def pixels(band: Band) -> torch.Tensor:
        return torch.from_numpy(np.asarray(photo.crop(band), dtype=np.float32))

    @lru_cache(maxsize=1)
    def texture(band: Band) -> torch.Tensor:
        """What the crop could not hold."""
        assert original is not None
        return pixels(band) - warped(original, band)

    same, grain = None, 0.0
    if parts and original is not None and np.linalg.norm(aligned.quad[3] - aligned.quad[0]) > 0.75 * crop.width:
        same = _same_structure(colours, original)[:, :, None]  # in smaller faces a crop holds all that the photo shows
        grain = 2 * float(torch.cat([texture(band)[::4, ::4].abs().flatten() for band in parts]).median())
    for band in parts:
        old = pixels(band)
        change = warped(colours, band) - old if original is None else warped(colours - original, band)
        if same is not None:
            loose = texture(band) - texture(band).clamp(-grain, grain)
            change -= (1 - warped(same, band, smooth=False)) * loose
        mixed = (old + warped(weights[:, :, None], band, smooth=False) * change).round().clamp(0, 255)
        result.paste(Image.fromarray(mixed.to(torch.uint8).numpy()), band[:2])
    return result


def _same_structure(a: NDArray[np.float32], b: NDArray[np.float32], block: int = 8) -> NDArray[np.float32]:
    """Where two pictures [n, n, 3] show the same lines, whatever their colour: 1; where not: 0 → [n/block, n/block].

    SSIM's contrast-structure term over blocks of pixels, stretched; its lowest neighbour counts.
    """
    n = math.ceil(a.shape[0] / block)

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(Image.fromarray(values).resize((n, n), Image.Resampling.BOX))

    x, y = a.mean(axis=2), b.mean(axis=2)
    mean_x, mean_y = mean(x), mean(y)
    covariance = mean(x * y) - mean_x * mean_y
    variances = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    flat = 60.0  # squared levels: below this a block counts as having no lines
    likeness = np.clip(((2 * covariance + flat) / (variances + flat) - 0.5) / 0.4, 0, 1)
    lowest = Image.fromarray(np.rint(likeness * 255).astype(np.uint8)).filter(ImageFilter.MinFilter(3))
    return np.asarray(lowest, dtype=np.float32) / np.float32(255)


def bands(weights: NDArray[np.float32], quad: Points, size: tuple[int, int]) -> list[Band]:
    """The part of a photo of ``size`` that a mask [n, n] on ``quad`` (edge coordinates) can reach, in bands of BAND_PIXELS."""
    rows, columns = np.flatnonzero(weights.any(axis=1)), np.flatnonzero(weights.any(axis=0))
    if not len(rows):
        return []
    u = np.array([columns[0] - 1, columns[-1] + 2]) / weights.shape[1]
    v = np.array([rows[0] - 1, rows[-1] + 2]) / weights.shape[0]
    corners = quad[0] + np.array([a * (quad[3] - quad[0]) + b * (quad[1] - quad[0]) for a in u for b in v])
    low, high = np.floor(corners.min(axis=0)).astype(int) - 2, np.ceil(corners.max(axis=0)).astype(int) + 2
    left, top, right, bottom = (int(v) for v in (*np.maximum(low, 0), *np.minimum(high, size)))
    if left >= right or top >= bottom:
        return []
    step = max(4, BAND_PIXELS // (right - left) // 4 * 4)
    return [(left, upper, right, min(upper + step, bottom)) for upper in range(top, bottom, step)]


def warp(values: NDArray[np.float32], quad: Points, band: Band, smooth: bool = True) -> torch.Tensor:
    """Square maps [n, n, C] laid on ``quad`` (edge coordinates) of a photo, as seen in a ``band`` of it → [height, width, C].

    ``smooth``, for colours: bicubic, the rim continued outwards; else, for masks, kernels that never overshoot. Outside the
    quad masks are 0. The same bit for bit however a photo is divided into bands.
    """
    maps = torch.from_numpy(values).permute(2, 0, 1)[None]
    side = float(np.linalg.norm(quad[3] - quad[0]))
    n = values.shape[0]
    if n > 1.3 * side:  # small faces: the map is made about as small first
        maps = _shrunk(maps, (math.ceil(1.25 * side),) * 2, smooth)
    # Where the photo's pixels lie on the map, as torch counts: from -1 at one edge to 1 at the other.
    back = 2 * np.linalg.inv(np.stack([quad[3] - quad[0], quad[1] - quad[0]], axis=1))
    x, y = (np.arange(band[k], band[k + 2]) + 0.5 for k in (0, 1))
    along, down = np.outer(x, back[:, 0]) - back @ quad[0] - 1, np.outer(y, back[:, 1])
    grid = torch.empty(1, len(y), len(x), 2)
    torch.add(torch.from_numpy(along)[None], torch.from_numpy(down)[:, None], out=grid[0])
    kernel, beyond = ("bicubic", "border") if smooth else ("bilinear", "zeros")
    laid = F.grid_sample(maps, grid, kernel, beyond, align_corners=False)
    return laid[0].permute(1, 2, 0)


def _shrunk(maps: torch.Tensor, size: tuple[int, int], smooth: bool = True) -> torch.Tensor:
    """[1, C, H, W] at a smaller (height, width): bicubic for colours, means of areas for masks."""
    if smooth:
        return F.interpolate(maps, size=size, mode="bicubic", antialias=True, align_corners=False)
    return F.interpolate(maps, size=size, mode="area")
