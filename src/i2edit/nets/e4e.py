"""Face → W+ in one pass: e4e (Tov et al. 2021, https://arxiv.org/abs/2102.02766), as published; pSp's encoder has the same keys.

    encoder = Encoder.from_checkpoint("e4e_ffhq_encode.pt")
    w = encoder(crop256)         # [B, 3, 256, 256] RGB in [-1, 1], aligned as in FFHQ → [B, 18, 512]

The encoder predicts offsets from the mean w (`latent_avg`), which a checkpoint keeps as [512] or as [18, 512]. e4e: one w for all
slots, and what each slot departs from it; pSp (`encoder_type: GradualStyleEncoder`): each slot by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2edit.errors import WeightsError
from i2edit.nets.arcface import Body
from i2edit.nets.checkpoint import Checkpoint, expect, fit, part, read, trained_counter, unfilled
from i2edit.nets.stylegan2 import EqualLinear

LAYOUT = "`state_dict` with encoder.input_layer.*, encoder.body.*, encoder.styles.0.* … and decoder.*, beside `latent_avg` and `opts`"
INPUT = 256
# First slot that looks at the features of 32² and of 64², and how often a slot halves what it looks at (16², 32², 64²).
MIDDLE, FINE = 3, 7
HALVINGS = (4, 5, 6)
JOINT, SEPARATE = "Encoder4Editing", "GradualStyleEncoder"


class Style(nn.Module):
    """Features → the part of w that one slot takes from them."""

    def __init__(self, channels: int, dim: int, halvings: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            *(m for _ in range(halvings) for m in (nn.Conv2d(channels, channels, 3, 2, 1), nn.LeakyReLU(0.01)))
        )
        self.linear = EqualLinear(channels, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convs(x).flatten(1))


class Encoder(Body):
    """IR-SE50 body, a feature pyramid and one head for each slot; ``mean`` [slots, dim] is added to what they say."""

    def __init__(self, num_slots: int = 18, width: int = 64, dim: int = 512, joint: bool = True) -> None:
        super().__init__(width)
        self.joint = joint
        self.styles = nn.ModuleList(
            Style(8 * width, dim, HALVINGS[0 if i < MIDDLE else 1 if i < FINE else 2]) for i in range(num_slots)
        )
        self.latlayer1 = nn.Conv2d(4 * width, 8 * width, 1)
        self.latlayer2 = nn.Conv2d(2 * width, 8 * width, 1)
        self.mean = torch.zeros(num_slots, dim)

    @classmethod
    def from_checkpoint(cls, source: str | Path) -> Encoder:
        """`e4e_ffhq_encode.pt` or pSp's `psp_ffhq_encode.pt`. Raises WeightsError."""
        return from_dict(read(source), source)

    def forward(self, crop: Tensor) -> Tensor:
        fine, middle, coarse = self.features(crop)
        middle = _on_top(coarse, self.latlayer1(middle))
        fine = _on_top(middle, self.latlayer2(fine))
        seen = [coarse if i < MIDDLE else middle if i < FINE else fine for i in range(len(self.styles))]
        said = torch.stack([style(x) for style, x in zip(self.styles, seen, strict=True)], 1)
        if self.joint:
            said = torch.cat([said[:, :1], said[:, :1] + said[:, 1:]], 1)
        return said + self.mean


def _on_top(coarse: Tensor, lateral: Tensor) -> Tensor:
    """A level of the pyramid: the coarser one, enlarged, and the finer features."""
    return F.interpolate(coarse, size=lateral.shape[2:], mode="bilinear", align_corners=True) + lateral


def from_dict(found: Checkpoint, source: str | Path = "the checkpoint") -> Encoder:
    """An encoder from the dictionary that a checkpoint holds. Raises WeightsError."""
    expect(found, ("e4e",), source, LAYOUT)
    options = _options(found)
    state = part(found.get("state_dict", found), "encoder")
    heads = [value for key, value in state.items() if key.startswith("styles.") and key.endswith(".linear.weight")]
    what = options.get("encoder_type", JOINT)
    if what not in (JOINT, SEPARATE) or not heads:
        raise WeightsError(
            f"The encoder in {source} is a {what} with heads for {len(heads)} slots; {JOINT} (e4e) and {SEPARATE} (pSp) are known."
        )
    with unfilled():
        encoder = Encoder(len(heads), state["input_layer.0.weight"].shape[0], heads[0].shape[0], joint=what == JOINT)
    fit(encoder, state, f"The {what} in {source}", optional=trained_counter)
    encoder.mean = _mean(found, options, encoder.mean.shape, source)
    return encoder


def _options(found: Checkpoint) -> dict[str, Any]:
    """`opts` as a dictionary; published files keep one, some re-saved ones a namespace or nothing."""
    options = found.get("opts") or {}
    return dict(options if isinstance(options, dict) else vars(options))


def _mean(found: Checkpoint, options: dict[str, Any], shape: torch.Size, source: str | Path) -> Tensor:
    """What the encoder's answer is an offset from, [slots, dim]; zeros for one that was trained without."""
    if not options.get("start_from_latent_avg", True):
        return torch.zeros(shape)
    mean = found.get("latent_avg")
    if mean is None:
        from i2edit.nets import stylegan2

        if "decoder.conv1.conv.weight" not in found.get("state_dict", found):
            raise WeightsError(
                f"{source} has neither `latent_avg` nor a decoder whose mean could be taken; the encoder's answers are offsets from it."
            )
        mean = stylegan2.from_dict(found, source).w_mean
    if mean.numel() not in (shape[1], shape.numel()):
        raise WeightsError(
            f"`latent_avg` in {source} is {list(mean.shape)}; expected [{shape[1]}] or [{shape[0]}, {shape[1]}]."
        )
    return mean.float().reshape(-1, shape[1]).expand(shape).clone()
