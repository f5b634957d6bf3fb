"""The Inception network of FID (Szegedy et al. 2015; the TensorFlow graph of 2015-12-05, as FID has always used it).

In: pictures [B, 3, H, W] RGB in [-1, 1]. Out: [B, 2048], the mean over space of the last features.

    net = Inception.from_checkpoint("pt_inception-2015-12-05-6726825d.pth")    # of pytorch-fid, torch-fidelity or torchmetrics

Pictures are rounded to 8-bit levels and resized to 299² as TensorFlow 1 did (bilinear, corner pixels at the corner, no
smoothing), as torch-fidelity and torchmetrics do; then (x - 128) / 128. pytorch-fid resizes in torch's way and gives other
figures with the same weights.

Keys: `Conv2d_1a_3x3.conv.weight`, `Conv2d_1a_3x3.bn.{weight,bias,running_mean,running_var}` and so on, 94 convolutions; `fc.*` is
not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2edit.errors import WeightsError

INPUT = 299
LAYOUT = "a state dict with Conv2d_1a_3x3.conv.weight to Mixed_7c.branch_pool.bn.running_var (the FID Inception)"


class Conv(nn.Module):
    """Convolution, batch normalisation (eps 0.001), ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int | tuple[int, int], stride: int = 1) -> None:
        super().__init__()
        size = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        # Those with stride 2, and the two of the stem that say so, do not pad; all others keep the size.
        padding = (0, 0) if stride == 2 else (size[0] // 2, size[1] // 2)
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


Step = tuple[str, int, int | tuple[int, int], int]  # name, outputs, kernel, stride
# Block → its branches, each a chain of convolutions; a branch of the whole input's pooling is named branch_pool.
A_BRANCHES = (
    (("branch1x1", 64, 1, 1),),
    (("branch5x5_1", 48, 1, 1), ("branch5x5_2", 64, 5, 1)),
    (("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 1), ("branch3x3dbl_3", 96, 3, 1)),
)


def c_branches(width: int) -> tuple[tuple[Step, ...], ...]:
    """The branches of a 17² block."""
    row, column = (1, 7), (7, 1)
    return (
        (("branch1x1", 192, 1, 1),),
        (("branch7x7_1", width, 1, 1), ("branch7x7_2", width, row, 1), ("branch7x7_3", 192, column, 1)),
        (("branch7x7dbl_1", width, 1, 1), ("branch7x7dbl_2", width, column, 1), ("branch7x7dbl_3", width, row, 1),
         ("branch7x7dbl_4", width, column, 1), ("branch7x7dbl_5", 192, row, 1)),
    )  # fmt: skip


B_BRANCHES = (
    (("branch3x3", 384, 3, 2),),
    (("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 1), ("branch3x3dbl_3", 96, 3, 2)),
)
D_BRANCHES = (
    (("branch3x3_1", 192, 1, 1), ("branch3x3_2", 320, 3, 2)),
    (("branch7x7x3_1", 192, 1, 1), ("branch7x7x3_2", 192, (1, 7), 1), ("branch7x7x3_3", 192, (7, 1), 1),
     ("branch7x7x3_4", 192, 3, 2)),
)  # fmt: skip
# The last part of these branches is two convolutions side by side: names ending in a and b.
E_BRANCHES = (
    (("branch1x1", 320, 1, 1),),
    (("branch3x3_1", 384, 1, 1), ("branch3x3_2a", 384, (1, 3), 1), ("branch3x3_2b", 384, (3, 1), 1)),
    (("branch3x3dbl_1", 448, 1, 1), ("branch3x3dbl_2", 384, 3, 1), ("branch3x3dbl_3a", 384, (1, 3), 1),
     ("branch3x3dbl_3b", 384, (3, 1), 1)),
)  # fmt: skip


class Block(nn.Module):
    """Branches side by side. ``pool``: the width of the pooled branch, 0 for the bare pooling of a block that halves;
    ``largest``: whether that pooling takes the largest value instead of the mean (the last block's does)."""

    def __init__(
        self, inputs: int, branches: tuple[tuple[Step, ...], ...], pool: int = 0, largest: bool = False
    ) -> None:
        super().__init__()
        self.plan = [[step[0] for step in branch] for branch in branches]
        for branch in branches:
            width = inputs
            for name, outputs, kernel, stride in branch:
                self.add_module(name, Conv(width, outputs, kernel, stride))
                width = width if name.endswith("a") else outputs
        self.pool, self.largest = pool, largest
        if pool:
            self.branch_pool = Conv(inputs, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for names in self.plan:
            y = x
            for name in names:
                if name.endswith("a"):
                    found.append(self.get_submodule(name)(y))
                else:
                    y = self.get_submodule(name)(y)
            found.append(y)
        if not self.pool:
            return torch.cat([*found, F.max_pool2d(x, 3, 2)], 1)
        pooled = F.max_pool2d(x, 3, 1, 1) if self.largest else F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return torch.cat([*found, self.branch_pool(pooled)], 1)


class Inception(nn.Module):
    """[B, 3, H, W] RGB in [-1, 1] → [B, 2048]. Parameters are frozen; no gradients flow."""

    name = "inception-2015-12-05"

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3)
        self.Conv2d_2a_3x3.conv.padding = (0, 0)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3)
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3)
        self.Conv2d_4a_3x3.conv.padding = (0, 0)
        self.Mixed_5b = Block(192, A_BRANCHES, 32)
        self.Mixed_5c = Block(256, A_BRANCHES, 64)
        self.Mixed_5d = Block(288, A_BRANCHES, 64)
        self.Mixed_6a = Block(288, B_BRANCHES)
        self.Mixed_6b = Block(768, c_branches(128), 192)
        self.Mixed_6c = Block(768, c_branches(160), 192)
        self.Mixed_6d = Block(768, c_branches(160), 192)
        self.Mixed_6e = Block(768, c_branches(192), 192)
        self.Mixed_7a = Block(768, D_BRANCHES)
        self.Mixed_7b = Block(1280, E_BRANCHES, 192)
        self.Mixed_7c = Block(2048, E_BRANCHES, 192, largest=True)
        self.requires_grad_(False).eval()

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], where: str) -> Inception:
        """The network with these weights. Raises WeightsError that says what is missing."""
        net = cls()
        own = net.state_dict()
        wanted = {key for key in own if not key.endswith("num_batches_tracked")}
        missing = sorted(wanted - set(state))
        wrong = [key for key in wanted - set(missing) if state[key].shape != own[key].shape]
        if missing or wrong:
            what = (
                f"{len(missing)} keys are missing, such as {missing[0]}" if missing else f"{wrong[0]} has another shape"
            )
            raise WeightsError(f"{where} is not the Inception of FID: {what}. Expected {LAYOUT}.")
        net.load_state_dict({key: state[key] for key in wanted}, strict=False)
        return net

    @classmethod
    def from_checkpoint(cls, path: str | Path) -> Inception:
        """The published weights: a state dict saved by torch (nothing in it is executed). Raises WeightsError."""
        path = Path(path).expanduser()
        if not path.is_file():
            raise WeightsError(f"There is no file of weights at {path}.")
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever torch finds wrong with a file shares no base class
            raise WeightsError(
                f"{path} cannot be read as weights ({type(error).__name__}). Expected {LAYOUT}."
            ) from error
        if not isinstance(state, Mapping):
            raise WeightsError(f"{path} holds a {type(state).__name__}. Expected {LAYOUT}.")
        return cls.from_state(state, str(path))

    @torch.no_grad()
    def forward(self, pictures: Tensor) -> Tensor:
        levels = ((pictures + 1) * 127.5).round().clamp(0, 255)
        x = (resized(levels) - 128) / 128
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, 2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))).mean((2, 3))


def resized(x: Tensor, size: int = INPUT) -> Tensor:
    """[B, C, H, W] → [B, C, size, size] as TensorFlow 1's resize_bilinear: pixel i is read at i · H / size."""

    def across(x: Tensor, dim: int) -> Tensor:
        length = x.shape[dim]
        at = torch.arange(size, dtype=torch.float32) * (length / size)
        low = at.floor().long()
        high = (low + 1).clamp_max(length - 1)
        share = (at - low).view([-1 if d == dim else 1 for d in range(4)]).to(x)
        return x.index_select(dim, low) * (1 - share) + x.index_select(dim, high) * share

    return across(across(x, 2), 3)
