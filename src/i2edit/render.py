"""Photo + what the generator drew → the edited photo, where only what was asked for has changed.

    crop P, pictures G0 = G(w_raw) and G1 = G(w), regions  →  edited crop and the mask of what may differ

Where an edit is a matter of colour, the difference G1 - G0 is added to the photo. Where geometry moves, G1's own pixels
take the photo's place inside the feathered region, their tone corrected by the slow part of P - G0; adding the
difference there would leave ghosts. Both only inside the region of the attribute (`regions.py`); outside, the photo.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from i2edit.ontology import Belief
from i2edit.regions import GRID, FaceMap, blur, enlarge, guided

HAIR_COLOURS = frozenset({"brown hair", "blond hair", "black hair", "gray hair"})
# Value → (grain: the finest detail of the difference that is used, in eye distances; gain: how much of it).
COLOUR_EDITS: dict[str, tuple[float, float]] = dict.fromkeys(sorted(HAIR_COLOURS), (0.05, 1.0)) | {
    "no makeup": (0.012, 1.0),
    "heavy makeup": (0.012, 1.0),
    "lipstick": (0.02, 1.0),
    "rosy cheeks": (0.1, 2.2),
    "pale skin": (0.08, 0.8),
}
# How much a region must change on average to be seen, in parts of the range black to white.
VISIBLE = 0.012


@dataclass(frozen=True)
class Rendering:
    """Edited crop [1, 3, 1024, 1024] in [-1, 1], mask [1024, 1024] in [0, 1] (0 = identical to the photo),
    and per value how much its own region changed (0..1)."""

    crop: Tensor
    mask: Tensor
    change: dict[str, float]


def region(value: str, face: FaceMap, before: dict[str, Tensor], after: dict[str, Tensor], gray: Tensor) -> Tensor:
    """The mask [GRID, GRID] inside which a value may change the picture.

    before, after: segmentation of the photo's and of the edited face, group → [64, 64]; gray [GRID, GRID] in [0, 1].
    """

    def group(name: str, source: dict[str, Tensor], follow: bool = True) -> Tensor:
        mask = enlarge(source[name])
        return guided(mask, gray) if follow else mask

    if value in ("brown hair", "blond hair", "black hair", "gray hair"):
        hair = group("hair", before)
        inside = face.polygon(face.outline(-0.05, widen=-0.12), 0.15)
        return (hair.pow(1.3) * (1 - inside)).clamp(0, 1)
    if value in ("straight hair", "wavy hair"):
        hair = torch.maximum(group("hair", before, False), group("hair", after, False))
        inside = face.polygon(face.outline(0.25, widen=-0.06), 0.15)
        return blur(dilate(hair, 3), 2.5) * (1 - inside)
    if value == "receding hairline":
        # The hairline, not the outline of the head: behind that would be a background that nobody has seen.
        inside = 1 - enlarge(torch.maximum(before["background"], before["hat"]))
        return (
            face.polygon(face.outline(0.62, widen=-0.04), 0.3) * face.above_eyes(-0.4, 0.1) * blur(erode(inside, 5), 3)
        )
    if value == "bangs":
        fringe = dilate(group("hair", after, False), 2)
        forehead = torch.maximum(fringe, face.polygon(face.outline(0.7), 0.2)) * face.above_eyes(-0.38, 0.12)
        return torch.maximum(blur(forehead, 3), blur(fringe, 1.5) * face.above_eyes(0.02, 0.12))
    if value == "sideburns":
        return face.sideburns()
    if value == "mustache":
        return face.mustache()
    if value == "goatee":
        return face.goatee()
    if value in ("smiling", "no smiling"):
        return face.lower_face()
    if value in ("angry", "sad"):
        return torch.maximum(face.brow_and_eyes(), face.mouth(0.42, 0.3))
    if value in ("heavy makeup", "no makeup"):
        skin = torch.maximum(group("skin", before), group("parts", before))
        return face.inner_face() * torch.maximum(skin, torch.maximum(face.lips(), face.brows()))
    if value == "lipstick":
        return face.lips()
    if value == "earrings":
        return face.earlobes() * (1 - face.polygon(face.outline(0.2, widen=-0.08), 0.08))
    if value == "bushy eyebrows":
        return face.brows()
    if value == "big lips":
        return face.mouth(0.16, 0.14)
    if value == "rosy cheeks":
        return face.cheeks() * group("skin", before).clamp(0.0, 1.0)
    if value == "pale skin":
        skin = torch.maximum(group("skin", before), group("neck", before))
        features = torch.maximum(face.lips(), face.polygon(list(face.points[36:42]), 0.06))
        features = torch.maximum(features, face.polygon(list(face.points[42:48]), 0.06))
        inner = torch.maximum(skin, face.polygon(face.outline(0.1, widen=-0.1), 0.2) * (1 - group("hair", before)))
        return inner * (1 - features)
    raise KeyError(value)


def dilate(mask: Tensor, radius: int) -> Tensor:
    """Grows a mask [H, W] by `radius` pixels."""
    return F.max_pool2d(mask[None, None], 2 * radius + 1, stride=1, padding=radius)[0, 0]


def erode(mask: Tensor, radius: int) -> Tensor:
    """Shrinks a mask [H, W] by `radius` pixels."""
    return 1 - dilate(1 - mask, radius)


def luminance(x: Tensor) -> Tensor:
    """[1, 3, H, W] in [-1, 1] → [H, W] in [0, 1] (Rec. 601)."""
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype)
    return ((x[0] * weights[:, None, None]).sum(0) + 1) / 2


@torch.no_grad()
def render(
    crop: Tensor,
    raw: Tensor,
    edited: Tensor,
    belief: Belief,
    landmarks: Tensor,
    before: dict[str, Tensor],
    after: dict[str, Tensor],
) -> Rendering:
    """Composites one belief.

    crop, raw, edited: [1, 3, S, S] RGB in [-1, 1]: the photo, G(w_raw), G(w). landmarks [68, 2] in crop pixels.
    before, after: `Segmenter` of w_raw and of w.
    """
    size = crop.shape[-1]
    face = FaceMap(landmarks, size)
    gray = luminance(F.interpolate(crop, size=GRID, mode="area"))
    masks = {value: region(value, face, before, after, gray) for value in belief.values}
    nothing = torch.zeros(GRID, GRID)
    colour = union([m for v, m in masks.items() if v in COLOUR_EDITS] or [nothing])
    moving = union([m for v, m in masks.items() if v not in COLOUR_EDITS] or [nothing])
    colour, moving = (cut(enlarge(mask, size)) for mask in (colour, moving))
    unit = face.unit * size / GRID

    difference = edited - raw
    out = crop
    for value, mask in masks.items():
        if value in HAIR_COLOURS:
            out = out + enlarge(mask, size) * (dyed(out, raw, edited, enlarge(mask, size), 0.05 * unit) - out)
        elif value in COLOUR_EDITS:
            grain, gain = COLOUR_EDITS[value]
            out = out + enlarge(mask, size) * gain * blur(difference, grain * unit)
    out = crop + (colour > 0) * (out - crop)
    # Geometry: G1's pixels with the photo's tone where something moved, the plain difference where nothing did.
    tone = slow_part(crop - raw, dilated(moving), 0.14 * unit)
    moved = smoothstep(blur(difference[0].abs().mean(0), 0.05 * unit), 0.04, 0.12)
    own = edited + tone
    out = out + moving * (moved * (own - out) + (1 - moved) * (1 - colour) * blur(difference, 0.006 * unit))
    out = out.clamp(-1, 1)
    mask = torch.maximum(colour, moving)
    out = torch.where(mask > 0, out, crop)
    seen = F.interpolate((out - crop).abs().mean(1, keepdim=True), size=GRID, mode="area")[0, 0] / 2
    change = {value: float((seen * m).sum() / m.sum().clamp_min(1.0)) for value, m in masks.items()}
    return Rendering(out, mask, change)


def dyed(crop: Tensor, raw: Tensor, edited: Tensor, where: Tensor, sigma: float) -> Tensor:
    """The photo with the hair colour of G1: its light and shade shifted by G1 - G0, its hue taken over from G1.

    All [1, 3, S, S] in [-1, 1]; where [S, S] is the hair, so that neighbours do not bleed in; sigma in pixels.
    """
    weight = where[None, None] + 1e-3
    total = blur(weight, sigma)

    def slow(x: Tensor) -> Tensor:
        return blur(x * weight, sigma) / total

    def split(x: Tensor) -> tuple[Tensor, Tensor]:
        light = (x * x.new_tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1, keepdim=True)
        return light, x - light

    light, hue = split(crop)
    light_before, _ = split(raw)
    light_after, hue_after = split(edited)
    shift = slow(light_after - light_before)
    # Where hair gets darker, its highlights get duller in proportion; shifting alone would leave them shining.
    level = slow(light)
    contrast = ((level + shift + 1).clamp_min(0.05) / (level + 1).clamp_min(0.05)).clamp(0.45, 1.3)
    own_hue = hue - slow(hue)
    return level + shift + contrast * (light - level) + slow(hue_after) + 0.3 * own_hue


def union(masks: list[Tensor]) -> Tensor:
    """Soft union: 1 - Π(1 - m)."""
    rest = torch.ones_like(masks[0])
    for mask in masks:
        rest = rest * (1 - mask)
    return 1 - rest


def cut(mask: Tensor) -> Tensor:
    """Sets the long tail of a feathered mask to exactly zero, so that most of the photo stays untouched."""
    return ((mask - 0.02) / 0.98).clamp(0, 1)


def dilated(mask: Tensor) -> Tensor:
    """The mask with a collar around it, at a quarter of the size and back."""
    small = F.avg_pool2d(mask[None, None], 4)[0, 0]
    return enlarge(dilate(small, 6), mask.shape[-1])


def slow_part(residual: Tensor, where: Tensor, sigma: float, limit: float = 0.4) -> Tensor:
    """Low-pass of a residual [1, 3, S, S] seen only where `where` [S, S] is set; strays are capped first."""
    capped = residual.clamp(-limit, limit)
    weight = where[None, None] + 1e-3
    return blur(capped * weight, sigma) / blur(weight, sigma)


def smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    """0 below `low`, 1 above `high`, smooth between."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
