"""Photo + what the generator drew → the edited photo, where only what was asked for has changed.

    crop P, pictures G0 = G(w_raw) and G1 = G(w), regions  →  edited crop and the mask of what may differ

Where an edit is a matter of colour, the difference G1 - G0 is added to the photo. Where geometry moves, G1's own pixels
take the photo's place inside the feathered region, their tone corrected by the slow part of P - G0; adding the
difference there would leave ghosts. Both only inside the region of the attribute (`regions.py`); outside, the photo.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from i2edit.ontology import SLOTS, EditState
from i2edit.regions import GRID, FaceMap, blur, enlarge, guided

HAIR_COLOURS = frozenset(SLOTS["hair color"])
# Value → (grain: the finest detail of the difference that is used, in eye distances; gain: how much of it).
COLOUR_EDITS: dict[str, tuple[float, float]] = dict.fromkeys(sorted(HAIR_COLOURS), (0.05, 1.0)) | {
    "no makeup": (0.012, 1.0),
    "heavy makeup": (0.012, 1.0),
    "lipstick": (0.02, 1.0),
    "rosy cheeks": (0.1, 3.4),
    "pale skin": (0.08, 0.8),
}
# Blood in the cheeks: less green and blue, a little more red. Of a blush only this part of the difference is used, and so much at most
# (at full strength); the rest would make cheeks violet beside other edits.
BLUSH, BLUSH_MOST = (0.2, -0.8, -0.56), 0.3
# The mean colour of hair of each kind, RGB in [-1, 1] (median of 30 faces of the train split each: train/regions.palette). A dye that
# brings the hair less than this share of the way there is helped along.
Colour = tuple[float, float, float]
PALETTE: dict[str, Colour] = {
    "brown hair": (-0.35, -0.52, -0.58), "blond hair": (0.16, -0.06, -0.17), "black hair": (-0.58, -0.69, -0.69), "gray hair": (0.09, -0.06, -0.12),
}  # fmt: skip
ENOUGH = 0.75
# What make-up changes beside the painted parts: the look of the skin, not its colour, but for a blush.
MAKEUP = frozenset({"heavy makeup", "no makeup"})
MAKEUP_BLUSH = 0.5  # of what rosy cheeks may be
LUMINANCE = (0.299, 0.587, 0.114)  # Rec. 601
# How much a region must change on average to be seen, in parts of the range black to white.
VISIBLE = 0.012


@dataclass(frozen=True)
class Rendering:
    """Edited crop [1, 3, 1024, 1024] in [-1, 1], mask [1024, 1024] in [0, 1] (0 = identical to the photo), per value how much
    its own region changed (0..1), and where hair was dyed [GRID, GRID] in [0, 1], not faded at the edge (None: it was not)."""

    crop: Tensor
    mask: Tensor
    change: dict[str, float]
    hair: Tensor | None = None


def region(value: str, face: FaceMap, before: dict[str, Tensor], after: dict[str, Tensor], gray: Tensor) -> Tensor:
    """The mask [GRID, GRID] inside which a value may change the picture.

    before, after: segmentation of the photo's and of the edited face, group → [64, 64]; gray [GRID, GRID] in [0, 1].
    """

    def group(name: str, source: dict[str, Tensor], follow: bool = True) -> Tensor:
        mask = enlarge(source[name])
        return guided(mask, gray) if follow else mask

    if value in HAIR_COLOURS:
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
    weights = torch.tensor(LUMINANCE, dtype=x.dtype)
    return ((x[0] * weights[:, None, None]).sum(0) + 1) / 2


@dataclass(frozen=True)
class Drawn:
    """A layer as the generator draws it: its part of the edit state, the pictures [1, 3, S, S] in [-1, 1] of its w and of the w that it departs
    from, and the segmentation of its w."""

    state: EditState
    edited: Tensor
    base: Tensor
    after: dict[str, Tensor]


class Scene:
    """What every rendering of one photo begins with.

    crop: [1, 3, S, S] RGB in [-1, 1], the photo. landmarks [68, 2] in crop pixels. before: `Segmenter` of w_raw.
    """

    def __init__(self, crop: Tensor, landmarks: Tensor, before: dict[str, Tensor]) -> None:
        size = crop.shape[-1]
        self.before, self.face = before, FaceMap(landmarks, size)
        self.gray = luminance(F.interpolate(crop, size=GRID, mode="area"))
        self.unedited = Rendering(crop, torch.zeros(size, size), {})

    @torch.no_grad()
    def add(self, done: Rendering, layer: Drawn) -> Rendering:
        """One layer over what was rendered so far (`unedited` at first)."""
        whole = {value: region(value, self.face, self.before, layer.after, self.gray) for value in layer.state.belief}
        hair = next((mask for value, mask in whole.items() if value in HAIR_COLOURS), done.hair)
        edge = border()
        masks = {value: edge * mask for value, mask in whole.items()}
        painted = None
        if MAKEUP & set(masks):
            painted = torch.stack([torch.maximum(self.face.lips(), self.face.eyelids()), self.face.cheeks()])
        crop, mask = _composite(done.crop, layer, masks, self.face.unit * done.crop.shape[-1] / GRID, painted)
        seen = F.interpolate((crop - done.crop).abs().mean(1, keepdim=True), size=GRID, mode="area")[0, 0] / 2
        change = {value: float((seen * m).sum() / m.sum().clamp_min(1.0)) for value, m in masks.items()}
        return Rendering(crop, torch.maximum(done.mask, mask), done.change | change, hair)


def render(crop: Tensor, layers: Sequence[Drawn], landmarks: Tensor, before: dict[str, Tensor]) -> Rendering:
    """Composites the layers of one belief, the later ones over the earlier ones. Arguments as of `Scene`."""
    scene = Scene(crop, landmarks, before)
    done = scene.unedited
    for layer in layers:
        done = scene.add(done, layer)
    return done


def _composite(
    out: Tensor, layer: Drawn, masks: dict[str, Tensor], unit: float, painted: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One layer over the picture so far: the new picture and where it may differ [S, S]. unit: eye distance in pixels; painted
    [2, GRID, GRID]: eyes and lips, where make-up is more than skin, and cheeks, where it blushes.

    Only a window around the masks is worked on; the rest of the picture cannot change.
    """
    size = out.shape[-1]
    scale = size // GRID
    window = _window(union(list(masks.values())), math.ceil(0.3 * unit / scale))
    if window is None:
        return out, torch.zeros(size, size)
    masks = {value: mask[window] for value, mask in masks.items()}
    rows, columns = (slice(scale * side.start, scale * side.stop) for side in window)
    under, edited, base = (x[..., rows, columns] for x in (out, layer.edited, layer.base))
    height, width = under.shape[-2:]

    def full(mask: Tensor) -> Tensor:
        return enlarge(mask, (height, width))

    colours = {value: full(mask) for value, mask in masks.items() if value in COLOUR_EDITS}
    geometry = [mask for value, mask in masks.items() if value not in COLOUR_EDITS]
    difference = edited - base
    done, colour, moving = under, torch.zeros(height, width), torch.zeros(height, width)
    for value, mask in colours.items():
        if value in HAIR_COLOURS:
            goal = (PALETTE[value], min(1.0, layer.state.strength(value)))
            done = done + mask * (dyed(done, base, edited, mask, 0.05 * unit, goal) - done)
        else:
            grain, gain = COLOUR_EDITS[value]
            change = gain * blur(difference, grain * unit)
            if value == "rosy cheeks":
                change = _blush(change, layer.state.strength(value))
            if painted is not None and value in MAKEUP:
                tone, (features, cheeks) = blur(change, 0.1 * unit), (full(part[window]) for part in painted)
                change = change - (1 - features) * (
                    tone - cheeks * _blush(tone, MAKEUP_BLUSH * layer.state.strength(value))
                )
            done = done + mask * change
    if colours:
        colour = cut(full(union([masks[value] for value in colours])))
        done = under + (colour > 0) * (done - under)
    if (
        geometry
    ):  # the layer's own pixels with the photo's tone where something moved, the plain difference where nothing did
        moving = cut(full(union(geometry)))
        tone = slow_part(under - base, dilated(moving), 0.14 * unit)
        moved = smoothstep(blur(difference[0].abs().mean(0), 0.05 * unit), 0.04, 0.12)
        own = edited + tone
        done = done + moving * (moved * (own - done) + (1 - moved) * (1 - colour) * blur(difference, 0.006 * unit))
    part = torch.maximum(colour, moving)
    picture, mask = out.clone(), torch.zeros(size, size)
    picture[..., rows, columns] = torch.where(part > 0, done.clamp(-1, 1), under)
    mask[rows, columns] = part
    return picture, mask


def _blush(change: Tensor, strength: float) -> Tensor:
    """The part of a change of colour [1, 3, H, W] that is a blush."""
    axis = change.new_tensor(BLUSH)[None, :, None, None]
    share = (change * axis).sum(1, keepdim=True) / axis.square().sum()
    return axis * share.clamp(0.0, strength * BLUSH_MOST)


def _window(mask: Tensor, margin: int) -> tuple[slice, slice] | None:
    """The rows and columns of a mask [GRID, GRID] that hold all of it and ``margin`` pixels more; None for an empty one."""
    there = mask > 0.01
    if not bool(there.any()):
        return None
    sides = [torch.nonzero(there.any(axis))[:, 0] for axis in (1, 0)]
    rows, columns = (slice(max(0, int(side[0]) - margin), min(GRID, int(side[-1]) + 1 + margin)) for side in sides)
    return rows, columns


def border(width: int = 18, size: int = GRID) -> Tensor:
    """[size, size]: 1 inside a square, falling to 0 at its edge, so that nothing ends in a straight line there."""
    ramp = smoothstep(torch.minimum(torch.arange(size), torch.arange(size).flip(0)).float(), 1.0, float(width))
    return torch.minimum(ramp[:, None], ramp[None])


def dyed(
    crop: Tensor, raw: Tensor, edited: Tensor, where: Tensor, sigma: float, goal: tuple[Colour, float] | None = None
) -> Tensor:
    """The photo with the hair colour of G1: its light and shade shifted by G1 - G0, its hue taken over from G1.

    All [1, 3, S, S] in [-1, 1]; where [S, S] is the hair, so that neighbours do not bleed in; sigma in pixels. ``goal``: the mean
    colour that such hair has, and the strength of the wish; G1 is helped along when it does not get there (white hair, say, hardly
    turns brown).
    """
    weight = where[None, None] + 1e-3
    total = blur(weight, sigma)

    def slow(x: Tensor) -> Tensor:
        return blur(x * weight, sigma) / total

    def split(x: Tensor) -> tuple[Tensor, Tensor]:
        light = (x * x.new_tensor(LUMINANCE)[None, :, None, None]).sum(1, keepdim=True)
        return light, x - light

    light, hue = split(crop)
    light_before, _ = split(raw)
    light_after, hue_after = split(edited)
    level = slow(light)
    shift, hue_new = slow(light_after - light_before), slow(hue_after)
    if goal is not None:
        goal_light, goal_hue = split(crop.new_tensor(goal[0])[None, :, None, None])
        core = (where > 0.5 * float(where.max())).float()[None, None]
        core = core / core.sum().clamp_min(1.0)

        def mean(x: Tensor) -> Tensor:
            return (x * core).sum((2, 3), keepdim=True)

        way = torch.cat([goal_light - mean(level), goal_hue - mean(hue)], 1)
        gone = torch.cat([mean(shift), mean(hue_new) - mean(hue)], 1)
        share = float((way * gone).sum() / way.square().sum().clamp_min(1e-6))
        missing = goal[1] * max(0.0, ENOUGH - share)
        shift, hue_new = shift + missing * way[:, :1], hue_new + missing * way[:, 1:]
    # Where hair gets darker, its highlights get duller in proportion; shifting alone would leave them shining.
    contrast = ((level + shift + 1).clamp_min(0.05) / (level + 1).clamp_min(0.05)).clamp(0.3, 1.3)
    own_hue = hue - slow(hue)
    return level + shift + contrast * (light - level) + hue_new + 0.3 * own_hue


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
    return enlarge(dilate(small, 6), (mask.shape[0], mask.shape[1]))


def slow_part(residual: Tensor, where: Tensor, sigma: float, limit: float = 0.4) -> Tensor:
    """Low-pass of a residual [1, 3, S, S] seen only where `where` [S, S] is set; strays are capped first."""
    capped = residual.clamp(-limit, limit)
    weight = where[None, None] + 1e-3
    return blur(capped * weight, sigma) / blur(weight, sigma)


def smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    """0 below `low`, 1 above `high`, smooth between."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
