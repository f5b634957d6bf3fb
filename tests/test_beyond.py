"""Hair colour beyond the crop: hair that goes on is dyed alike, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from i2edit.align import Aligned, paste
from i2edit.beyond import carry_on, look_around
from i2edit.images import to_image, to_tensor
from i2edit.regions import GRID

SIDE = 512  # of the photo; the crop is its middle half


def scene() -> tuple[Image.Image, Aligned, torch.Tensor]:
    """A gray photo with a brown vertical band of "hair" through the crop and beyond it, and a brown patch far from it."""
    rng = np.random.default_rng(0)
    pixels = np.full((SIDE, SIDE, 3), 150.0) + rng.normal(0, 3, (SIDE, SIDE, 1))
    brown = np.array([110.0, 70.0, 40.0])
    pixels[:, 200:280] = brown + rng.normal(0, 8, (SIDE, 80, 1))
    pixels[20:60, 440:480] = brown + rng.normal(0, 8, (40, 40, 1))
    photo = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    low, high = SIDE / 4 - 0.5, 3 * SIDE / 4 - 0.5
    quad = np.array([[low, low], [low, high], [high, high], [high, low]])
    crop = photo.crop((SIDE // 4, SIDE // 4, 3 * SIDE // 4, 3 * SIDE // 4)).resize(
        (1024, 1024), Image.Resampling.BICUBIC
    )
    hair = torch.zeros(GRID, GRID)
    hair[:, 72:152] = 1.0  # columns 200..280 of the photo
    return photo, Aligned(crop, quad, np.zeros((68, 2))), hair


def test_hair_beyond_the_crop_is_dyed_and_the_rest_is_not() -> None:
    photo, aligned, hair = scene()
    before = to_tensor(aligned.crop)
    where = torch.nn.functional.interpolate(hair[None, None], size=1024)
    after = before + where * (torch.tensor([-0.6, -0.3, 0.1])[None, :, None, None])
    after = after.clamp(-1, 1)
    pasted = paste(photo, to_image(after), where[0, 0].numpy(), aligned, base=aligned.crop)
    done = carry_on(pasted, photo, look_around(photo, aligned, hair), hair, before, after)
    old, new = np.asarray(photo, dtype=float), np.asarray(done, dtype=float)
    inside = (new - old)[200:300, 220:260].mean((0, 1))
    beyond = (new - old)[80:110, 220:260].mean((0, 1))  # above the crop
    assert inside[0] < -50 and np.abs(beyond - inside).max() < 0.35 * np.abs(inside).max()
    assert np.abs(new - old)[80:110, 320:420].max() == 0  # background beside it
    assert np.abs(new - old)[20:60, 440:480].max() == 0  # as brown, but not connected
    assert np.abs(new - old)[:, :150].max() == 0


def test_without_hair_nothing_happens() -> None:
    photo, aligned, _hair = scene()
    crop = to_tensor(aligned.crop)
    nothing = torch.zeros(GRID, GRID)
    done = carry_on(photo, photo, look_around(photo, aligned, nothing), nothing, crop, crop)
    assert np.array_equal(np.asarray(done), np.asarray(photo))
