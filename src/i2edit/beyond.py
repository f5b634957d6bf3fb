"""Hair goes on beyond the face crop: its new colour is carried into the rest of the photo.

    photo, aligned, hair [256, 256]  →  Around, once;  Around, crop before and after  →  the hair outside dyed alike

The crop that the generator sees ends in the middle of long hair and often of the crown. Outside, hair is what looks like the
hair inside (colour and texture, by least squares on the crop's own pixels) and is connected with it; its colour follows the
affine map from the old to the new colours inside. Only hair colour is carried on: a cut or a wave is not invented.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from i2edit.align import Aligned, Points, bands, cut_out, warp
from i2edit.images import to_tensor
from i2edit.regions import GRID, blur, guided
from i2edit.render import border, smoothstep

REACH = 1.75  # side of the part of the photo that is looked at, in sides of the crop
WIDE = int(GRID * REACH)
MARGIN = (WIDE - GRID) // 2
MISTAKEN = 0.105  # share of the crop without hair that passes for hair: from here on nothing beyond is trusted
COARSE = 4  # pixels of the wide view at a time when hair is followed
SURE = 0.6  # from this share of hair on, a pixel of the crop teaches what hair looks like


@dataclass(frozen=True, eq=False)
class Around:
    """What lies around a crop, the same for every dye: a bigger square as its corners in the photo (dlib coordinates), and how
    much of a dye is taken there [WIDE, WIDE] in [0, 1] (None: no hair was found)."""

    quad: Points
    weight: NDArray[np.float32] | None


def look_around(photo: Image.Image, aligned: Aligned, hair: Tensor) -> Around:
    """Follows the hair out of the crop. hair [GRID, GRID] in [0, 1]: where the crop has hair that dyes change."""
    wide = _wide(photo, aligned)
    view = F.interpolate(to_tensor(wide.crop), size=WIDE, mode="area")
    inside = F.pad(torch.ones(1, 1, GRID, GRID), (MARGIN,) * 4)[0, 0]
    there = _within(photo, wide)
    share = F.pad(hair[None, None], (MARGIN,) * 4)[0, 0]
    found = _connected(share, _likeness(view, share, inside * there), inside) * there
    edge = F.pad(border()[None, None], (MARGIN,) * 4)[0, 0]
    weight = guided(blur(found, 1.0), _gray(view)) * (1 - edge) * border(24, WIDE)
    weight = weight * smoothstep(weight, 0.04, 0.2)
    return Around(wide.quad, weight.numpy() if float(weight.max()) > 0 else None)


def carry_on(
    edited: Image.Image, photo: Image.Image, around: Around, hair: Tensor, before: Tensor, after: Tensor
) -> Image.Image:
    """`edited` (the photo with the crop pasted in) with the hair around the crop dyed too: the photo's own pixels through the map
    of colours, so that every hair stays.

    hair as in `look_around`; before, after: the crop [1, 3, S, S] in [-1, 1] without and with the dye. Pixels where no hair was
    found are those of `edited`.
    """
    if around.weight is None:
        return edited
    old, new = (F.interpolate(x, size=GRID, mode="area")[0].flatten(1).T for x in (before, after))
    dyed = _affine(old, new, (hair * border()).flatten())
    if dyed is None:
        return edited
    result = edited.copy()
    change = 255 / 2 * torch.cat([dyed[:3] - torch.eye(3), dyed[3:]])  # what is added, of colours in [-1, 1] and one
    for band in bands(around.weight, around.quad + 0.5, photo.size):
        weight = warp(around.weight[:, :, None], around.quad + 0.5, band).clamp(0, 1)
        weight = weight * (weight > 1 / 255)
        was, now = (torch.from_numpy(np.asarray(x.crop(band), dtype=np.float32)) for x in (photo, edited))
        goal = torch.addmm(change[3], (was / 127.5 - 1).flatten(0, 1), change[:3]).view_as(was) + was
        now = now + weight * (goal.clamp(0, 255) - was)
        result.paste(Image.fromarray(now.round().clamp(0, 255).to(torch.uint8).numpy()), band[:2])
    return result


def _wide(photo: Image.Image, aligned: Aligned) -> Aligned:
    """The crop and what lies around it, as one bigger square."""
    centre = aligned.quad.mean(0)
    quad = centre + (aligned.quad - centre) * REACH
    side = float(np.linalg.norm(quad[3] - quad[0]))
    return Aligned(cut_out(photo, quad + 0.5, side), quad, aligned.landmarks)


def _within(photo: Image.Image, wide: Aligned) -> Tensor:
    """[WIDE, WIDE]: 1 where the square shows the photo, 0 where it had to be continued beyond it."""
    steps = (torch.arange(WIDE, dtype=torch.float64) + 0.5) / WIDE
    right, down = (torch.from_numpy(wide.quad[k] - wide.quad[0]) for k in (3, 1))
    corner = torch.from_numpy(wide.quad[0])
    x = corner[0] + steps[None] * right[0] + steps[:, None] * down[0]
    y = corner[1] + steps[None] * right[1] + steps[:, None] * down[1]
    return ((x > 0) & (x < photo.width - 1) & (y > 0) & (y < photo.height - 1)).float()


def _gray(view: Tensor) -> Tensor:
    return (view.mean(1)[0] + 1) / 2


def _likeness(view: Tensor, share: Tensor, taught: Tensor) -> Tensor:
    """[WIDE, WIDE] in [0, 1]: how much each pixel looks like the crop's hair; least squares on colours, local colours, local
    contrast and their squares. Nothing does when too much of the crop that is no hair would pass for it (dark hair, dark room)."""
    near = blur(view, 3.0)
    rough = blur((view - near).abs().mean(1, keepdim=True), 3.0)
    features = torch.cat([view, near, 4 * rough], 1)[0].flatten(1).T
    features = torch.cat(
        [features, features * features, features[:, 3:4] * features[:, 4:6], torch.ones(len(features), 1)], 1
    )
    hair = (share > SURE).flatten().float() * taught.flatten()
    other = (share < 0.15).flatten().float() * taught.flatten()
    weight = hair / hair.sum().clamp_min(1) + other / other.sum().clamp_min(1)
    goal = hair - other
    weighted = features * weight[:, None]
    gram = weighted.T @ features + 1e-4 * torch.eye(features.shape[1])
    answer = features @ torch.linalg.solve(gram, weighted.T @ goal)
    found = smoothstep(answer.reshape(share.shape), -0.1, 0.6)
    mistaken = float((found.flatten() * other).sum() / other.sum().clamp_min(1))
    return found * min(1.0, max(0.0, (MISTAKEN - mistaken) / 0.02))


def _connected(share: Tensor, likeness: Tensor, inside: Tensor) -> Tensor:
    """What looks like hair and can be reached from the crop's hair over pixels that look like hair."""
    open_ = torch.maximum(likeness * (1 - inside), share * inside)
    coarse, found = (F.avg_pool2d(x[None, None], COARSE) for x in (open_, share * inside))
    for _ in range(2 * MARGIN // COARSE):
        found = torch.maximum(found, torch.minimum(F.max_pool2d(found, 3, 1, 1), coarse))
    reached = F.interpolate(found, size=share.shape, mode="bilinear", align_corners=False)[0, 0]
    return torch.minimum(open_, smoothstep(reached, 0.1, 0.4))


def _affine(old: Tensor, new: Tensor, weight: Tensor) -> Tensor | None:
    """[4, 3]: the affine map of colours from old [N, 3] to new [N, 3] (weighted least squares, a little towards a plain shift);
    None when there is too little hair to tell."""
    if float(weight.sum()) < 60:
        return None
    x = torch.cat([old, torch.ones(len(old), 1)], 1)
    weighted = x * weight[:, None]
    keep = torch.eye(4, 3)
    stiff = 0.02 * float(weight.sum()) * torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0]))
    return torch.linalg.solve(weighted.T @ x + stiff, weighted.T @ new + stiff @ keep)
