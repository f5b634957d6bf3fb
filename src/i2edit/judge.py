"""The second judge: which of the 23 attributes a picture shows, by a network that no editor has heard of.

    judge = Judge.from_assets()
    judge.probabilities(crops)                     # [B, 3, H, W] aligned crops, RGB in [-1, 1] → [B, 23] in ontology order

It shares nothing with the editors or with the face–text encoder but the kind of rater: another trunk (VGG-16 as LPIPS publishes it,
frozen, not shipped), another head (each attribute looks where it has learned to look), other faces (seeds from 700000), described blind and in
other words. How it was made, what it scores, and how far it agrees with the first: the card beside its weights
(`assets/judge/README.md`); `train/judge.py` trains it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2edit.errors import WeightsError
from i2edit.nets.lpips import LPIPS, TAPS
from i2edit.ontology import VALUES

FILES = ("config.json", "model.safetensors")
MAPS = (2, 3, 4)  # of the trunk's five feature maps


@dataclass(frozen=True)
class Size:
    """Shape; the defaults are the shipped one."""

    side: int = 160  # pixels the trunk sees
    grid: int = 10  # cells of the places that an attribute chooses from
    kept: tuple[int, ...] = (32, 64, 64)  # channels kept of each map
    places: int = 3  # that an attribute looks at
    heads: int = 4  # trained apart; their logits are averaged
    silent: tuple[str, ...] = ()  # values that too few of the faces had: it says nothing about them


class Head(nn.Module):
    """Cells → logits [B, 23]: per attribute a few soft places on the grid, what is seen there, and a linear rule."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        channels, count = sum(size.kept), len(VALUES)
        self.squeeze = nn.ModuleList(nn.Conv2d(TAPS["vgg"][m], k, 1) for m, k in zip(MAPS, size.kept, strict=True))
        self.where = nn.Parameter(0.5 * torch.randn(count, size.places, size.grid**2))
        self.rule = nn.Parameter(torch.randn(count, size.places, channels) / math.sqrt(size.places * channels))
        self.offset = nn.Parameter(torch.zeros(count))

    def forward(self, cells: Sequence[Tensor], drop: float = 0.0) -> Tensor:
        x = torch.cat([F.gelu(s(c)).flatten(2) for s, c in zip(self.squeeze, cells, strict=True)], 1)  # [B, C, cells]
        x = F.dropout1d(x, drop, self.training)
        seen = torch.einsum("bcn,kpn->bkpc", x, self.where.softmax(-1))
        return (seen * self.rule).sum((2, 3)) + self.offset


class Judge(nn.Module):
    """The frozen trunk and some heads."""

    def __init__(self, trunk: LPIPS, size: Size | None = None) -> None:
        super().__init__()
        self.size = size or Size()
        self.trunk = trunk
        self.heads = nn.ModuleList(Head(self.size) for _ in range(self.size.heads))

    @classmethod
    def from_assets(cls) -> Judge:
        """The shipped judge; the trunk comes from the cache and is fetched if need be. Raises WeightsError."""
        from i2edit import assets

        return cls.from_folder(assets.FOLDER / "judge")

    @classmethod
    def from_folder(cls, folder: Path, trunk: LPIPS | None = None) -> Judge:
        """What `save` wrote into a folder; frozen, in evaluation mode. Raises WeightsError."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        for name in FILES:
            if not (folder / name).is_file():
                raise WeightsError(f"The judge in {folder} lacks {name}. Train one with `i2edit train judge`.")
        try:
            config = json.loads((folder / "config.json").read_text())
            size = Size(**config | {"kept": tuple(config["kept"]), "silent": tuple(config["silent"])})
            model = cls(trunk or LPIPS("vgg").from_weights(), size)
            stored = {key: value.float() for key, value in load_file(folder / "model.safetensors").items()}
            model.heads.load_state_dict(stored)
        except (TypeError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise WeightsError(f"The judge in {folder} cannot be read: {error}") from error
        return model.eval().requires_grad_(False)

    def save(self, folder: Path) -> None:
        """Writes both files, in half precision; the trunk is not among them."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = {key: value.detach().half().contiguous() for key, value in self.heads.state_dict().items()}
        save_file(state, str(folder / "model.safetensors"))
        (folder / "config.json").write_text(json.dumps(asdict(self.size), indent=1) + "\n")

    def cells(self, crops: Tensor) -> list[Tensor]:
        """What the heads read of aligned crops [B, 3, H, W], RGB in [-1, 1]: three maps [B, C, grid, grid] of about unit size."""
        return self.trunk.cells(crops, self.size.side, self.size.grid, MAPS)

    def logits(self, cells: Sequence[Tensor]) -> Tensor:
        """Cells → [B, 23], the mean over the heads."""
        return torch.stack([head(cells) for head in self.heads]).mean(0)

    @torch.no_grad()
    def probabilities(self, crops: Tensor) -> Tensor:
        """Aligned crops [B, 3, H, W], RGB in [-1, 1], of any size → probability of each value [B, 23] in ontology order; NaN for
        those it is silent about (`Size.silent`)."""
        found = torch.sigmoid(self.logits(self.cells(crops)))
        found[:, [VALUES.index(value) for value in self.size.silent]] = float("nan")
        return found


__all__ = ["Judge", "Size"]
