"""One W, addressed in different ways: a w or an edit of one generator, carried to the slots of another.

    w [23, 512] of MobileStyleGAN  ⇄  w [18, 512] of StyleGAN2 at 1024² (2 · log2(size) − 2 slots at other sizes)

Both generators share W itself, so a slot's vector stays as it is; only the addresses change. Slots that act at the same place:

    StyleGAN2   acts on (its image heads share the next upsampling's slot)          MobileStyleGAN
    0           convolution at 4²                                                   0
    2j + 1      upsampling to 8 · 2ʲ, first convolution there      (j = 0 … 6)      3j + 1
    2j + 2      second convolution at 8 · 2ʲ                       (j = 0 … 6)      3j + 2
    15, 16, 17  upsampling to 1024², convolution there, last image head             21, their mean

Mobile's slots 3, 6, … 18 (image heads that its published file lacks) take what StyleGAN2's heads there take, 22 (unused) takes 17.
A StyleGAN2 of another size has the first of the 18 slots; going back, its last one stands for those that it lacks.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from i2edit.errors import DataError
from i2edit.nets.mobile import LAYERS, NUM_SLOTS, STYLEGAN2_TO_MOBILE

STYLEGAN2_SLOTS = len(STYLEGAN2_TO_MOBILE)
# MobileStyleGAN's slot → StyleGAN2's slots whose mean it takes.
MOBILE_TO_STYLEGAN2: tuple[tuple[int, ...], ...] = (
    (0,),
    *((2 * j + offset,) for j in range(LAYERS - 1) for offset in (1, 2, 3)),
    (13,),
    (14,),
    (15, 16, 17),
    (17,),
)


def carried(w: Tensor, num_slots: int) -> Tensor:
    """w, or a difference of two, [n, D] for the n slots of one generator → [num_slots, D] for those of another.

    23 slots are MobileStyleGAN's, any other number StyleGAN2's of some size. Linear in w, exact there and back for edits that treat
    StyleGAN2's last three slots alike.
    """
    if len(w) == num_slots:
        return w
    if len(w) == NUM_SLOTS:
        w = w[list(STYLEGAN2_TO_MOBILE)]
    if len(w) < STYLEGAN2_SLOTS:
        w = torch.cat([w, w[-1:].expand(STYLEGAN2_SLOTS - len(w), -1)])
    if num_slots == NUM_SLOTS:
        return torch.stack([w[list(sources)].mean(0) for sources in MOBILE_TO_STYLEGAN2])
    return w[:num_slots]


def read_w(source: str | Path) -> Tensor:
    """A w or direction from a file, float32 in the shape that it has there (`as_slots` takes it): `.npy`, or a tensor that `torch.save`
    wrote. Raises DataError."""
    path = Path(source)
    try:
        if path.suffix == ".npy":
            import numpy as np

            found = torch.from_numpy(np.load(path, allow_pickle=False))
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # two formats; whatever fails, there is no w
        raise DataError(f"{path} cannot be read as a w: {error}.") from error
    if not isinstance(found, Tensor):
        raise DataError(f"{path} holds a {type(found).__name__}, not one tensor.")
    return found.float()


def as_slots(w: Tensor, num_slots: int) -> Tensor:
    """[D], [1, D], [n, D] or [1, n, D], n the slots of any known generator → [num_slots, D]. Raises DataError for other shapes."""
    flat = w[0] if w.ndim == 3 and len(w) == 1 else w
    known = (1, *range(2, STYLEGAN2_SLOTS + 1, 2), NUM_SLOTS)
    if flat.ndim == 1:
        flat = flat[None]
    if flat.ndim != 2 or len(flat) not in known:
        raise DataError(
            f"A w is [512], [1, 512], or [slots, 512] for the slots of a generator "
            f"({STYLEGAN2_SLOTS} in StyleGAN2 at 1024², {NUM_SLOTS} in MobileStyleGAN); found {list(w.shape)}."
        )
    return flat.expand(num_slots, -1) if len(flat) == 1 else carried(flat, num_slots)
