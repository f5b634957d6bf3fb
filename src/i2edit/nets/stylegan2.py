"""StyleGAN2 (Karras et al. 2020, https://arxiv.org/abs/1912.04958), config-f, in the key layout of rosinality/stylegan2-pytorch.

    mapping:   z [B, 512] → w [B, 512]
    synthesis: w [B, 512] or [B, slots, 512] → RGB [B, 3, size, size], about [-1, 1]; 18 slots at 1024²

    generator = Generator.from_checkpoint("stylegan2-ffhq-config-f.pt")

Plain torch, no compiled operators. Size, widths, depth of the mapping and number of slots follow from the shapes in the
checkpoint. Noise is always that of the checkpoint: a picture is a function of w.

The slots of W+, resolution r = 4, 8, …: slot 0 drives the convolution at 4², then 2j + 1 the upsampling and 2j + 2 the
second convolution at 8 · 2ʲ; the image head of each resolution shares slot 2j + 3 with the next upsampling (that of 4² slot 1),
so the heads take 1, 3, 5, … 17 at 1024². Table 6 of the I²Edit paper prints other indices (slot 1 for the first head alone, 2 for
the first upsampling, each further head with the second convolution of its resolution); the published code, followed here, does not.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from i2edit.errors import WeightsError
from i2edit.nets.checkpoint import Checkpoint, expect, fit, part, read, unfilled
from i2edit.nets.mobile import z_of

LAYOUT = "`g_ema` (or `g`, or the state dict itself) with keys such as conv1.conv.weight, convs.0.conv.weight, style.1.weight"
RECOMPUTED_FROM = 128  # pixels a side: larger blocks are drawn again on the way back, kept they would take gigabytes
MEAN_OF = 4096  # mapped z whose mean stands in for a missing latent_avg
GAIN = math.sqrt(2)


def kernel_2d(gain: float) -> Tensor:
    """The resampling filter [1, 3, 3, 1] ⊗ [1, 3, 3, 1], summing to `gain`."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0], device="cpu")
    return gain * torch.outer(line, line) / 64


class EqualLinear(nn.Module):
    """A linear layer whose weights are stored divided by their initial deviation (and learning rate)."""

    def __init__(self, inputs: int, outputs: int, lr: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.lr = lr

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * (self.lr / math.sqrt(self.weight.shape[1])), self.bias * self.lr)


class Filter(nn.Module):
    """The resampling filter of one layer, [4, 4]."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", kernel_2d(4.0))

    def smooth(self, x: Tensor) -> Tensor:
        """[B, C, 2n + 1, 2n + 1] → [B, C, 2n, 2n]."""
        return F.conv2d(F.pad(x, (1, 1, 1, 1)), self._each(x).flip(2, 3), groups=x.shape[1])

    def enlarge(self, x: Tensor) -> Tensor:
        """[B, C, n, n] → [B, C, 2n, 2n]."""
        return F.conv_transpose2d(x, self._each(x), stride=2, padding=1, groups=x.shape[1])

    def _each(self, x: Tensor) -> Tensor:
        return self.kernel.expand(x.shape[1], 1, 4, 4)


class Modulated(nn.Module):
    """A convolution whose input channels are scaled by a style, and whose outputs are brought back to unit deviation."""

    def __init__(
        self, inputs: int, outputs: int, size: int, dim: int, up: bool = False, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, size, size))
        self.modulation = EqualLinear(dim, inputs)
        if up:
            self.blur = Filter()
        self.up, self.demodulate = up, demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.modulation(w)  # [B, in]
        weight = self.weight[0] / math.sqrt(self.weight[0, 0].numel())
        # Scaling the input and the output is the same as scaling the weights for each picture, without a convolution for each.
        y = x * style[:, :, None, None]
        if self.up:
            y = self.blur.smooth(F.conv_transpose2d(y, weight.transpose(0, 1), stride=2))
        else:
            y = F.conv2d(y, weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            power = style.square() @ weight.square().sum((2, 3)).T  # [B, out]
            y = y * torch.rsqrt(power + 1e-8)[:, :, None, None]
        return y


class StyledConv(nn.Module):
    """Modulated 3×3 convolution, fixed noise, bias, leaky ReLU 0.2 · √2."""

    def __init__(self, inputs: int, outputs: int, dim: int, up: bool = False) -> None:
        super().__init__()
        self.conv = Modulated(inputs, outputs, 3, dim, up)
        self.noise = nn.ParameterDict({"weight": torch.zeros(1)})
        self.activate = nn.ParameterDict({"bias": torch.zeros(outputs)})

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        x = self.conv(x, w) + self.noise["weight"] * noise
        return F.leaky_relu(x + self.activate["bias"][:, None, None], 0.2) * GAIN


class ToRGB(nn.Module):
    """The image head of one resolution, added to the doubled picture so far."""

    def __init__(self, inputs: int, dim: int, up: bool = True) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if up:
            self.upsample = Filter()
        self.conv = Modulated(inputs, 3, 1, dim, demodulate=False)

    def forward(self, x: Tensor, w: Tensor, below: Tensor | None = None) -> Tensor:
        picture = self.conv(x, w) + self.bias
        return picture if below is None else picture + self.upsample.enlarge(below)


class Generator(nn.Module):
    """Mapping and synthesis. Its state dict has exactly the published keys.

    ``channels``: features at 4², 8², … up to the picture's size; config-f at 1024²: 512, 512, 512, 512, 512, 256, 128, 64, 32.
    """

    def __init__(self, channels: tuple[int, ...], dim: int = 512, n_mlp: int = 8) -> None:
        super().__init__()
        self.channels, self.dim = channels, dim
        self.size = 4 * 2 ** (len(channels) - 1)
        self.num_slots = 2 * len(channels)
        self.used_slots = tuple(range(self.num_slots))
        self.style = nn.ModuleDict({str(i + 1): EqualLinear(dim, dim, lr=0.01) for i in range(n_mlp)})
        self.input = nn.ParameterDict({"input": torch.randn(1, channels[0], 4, 4)})
        self.conv1 = StyledConv(channels[0], channels[0], dim)
        self.to_rgb1 = ToRGB(channels[0], dim, up=False)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        self.noises.register_buffer("noise_0", torch.zeros(1, 1, 4, 4))
        for j, (inputs, outputs) in enumerate(pairwise(channels)):
            self.convs.extend([StyledConv(inputs, outputs, dim, up=True), StyledConv(outputs, outputs, dim)])
            self.to_rgbs.append(ToRGB(outputs, dim))
            for n in (2 * j + 1, 2 * j + 2):
                self.noises.register_buffer(f"noise_{n}", torch.zeros(1, 1, 8 * 2**j, 8 * 2**j))
        self.w_mean = torch.zeros(1, dim)  # no part of the state dict: checkpoints keep it beside, as latent_avg

    @classmethod
    def from_checkpoint(cls, source: str | Path) -> Generator:
        """rosinality's release and training checkpoints, a bare state dict, or the decoder of an e4e checkpoint. Raises WeightsError."""
        return from_dict(read(source), source)

    def mapping(self, z: Tensor) -> Tensor:
        """z [B, dim] ~ N(0, 1) → w [B, dim]."""
        x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.style.values():
            x = F.leaky_relu(layer(x), 0.2) * GAIN
        return x

    @torch.no_grad()
    def seed(self, seed: int, truncation: float = 0.9) -> Tensor:
        """w [1, dim] of the face of a seed, the recipe of the default generator's faces: the two share their mapping."""
        return self.w_mean + truncation * (self.mapping(z_of(seed, self.dim)) - self.w_mean)

    def slots(self, w: Tensor) -> Tensor:
        """[B, dim] or [B, slots, dim] → [B, slots, dim]. Anything else is refused with what was found."""
        if w.ndim == 2 and w.shape[1] == self.dim:
            return w[:, None].expand(-1, self.num_slots, -1)
        if w.ndim == 3 and w.shape[1:] == (self.num_slots, self.dim):
            return w
        raise ValueError(f"w must be [B, {self.dim}] or [B, {self.num_slots}, {self.dim}], not {list(w.shape)}.")

    def synthesis(self, w: Tensor) -> Tensor:
        """w → RGB [B, 3, size, size], differentiable in w."""
        w = self.slots(w)
        x = self.conv1(self.input["input"].expand(len(w), -1, -1, -1), w[:, 0], self.noise(0))
        picture = self.to_rgb1(x, w[:, 1])
        for j in range(len(self.to_rgbs)):
            if 8 * 2**j >= RECOMPUTED_FROM and x.requires_grad:
                x, picture = checkpoint(self._block, j, x, picture, w, use_reentrant=False)
            else:
                x, picture = self._block(j, x, picture, w)
        return picture

    def forward(self, w: Tensor) -> Tensor:
        return self.synthesis(w)

    def _block(self, j: int, x: Tensor, picture: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """One resolution: features and picture of half the size → of this size."""
        n = 2 * j + 1
        x = self.convs[n - 1](x, w[:, n], self.noise(n))
        x = self.convs[n](x, w[:, n + 1], self.noise(n + 1))
        return x, self.to_rgbs[j](x, w[:, n + 2], picture)

    def noise(self, n: int) -> Tensor:
        """The fixed noise map of convolution n, [1, 1, r, r]."""
        return self.noises.get_buffer(f"noise_{n}")


def from_dict(found: Checkpoint, source: str | Path = "the checkpoint") -> Generator:
    """A generator from the dictionary that a checkpoint holds. Raises WeightsError."""
    expect(found, ("StyleGAN2", "e4e"), source, LAYOUT)
    state = part(found.get("state_dict", found), "decoder")
    if not state:
        state = dict(next((found[name] for name in ("g_ema", "g") if name in found), found))
    channels, dim, n_mlp = _shape(state, source)
    with unfilled():
        generator = Generator(channels, dim, n_mlp)
    kernels = {key: kernel_2d(4.0) for key in generator.state_dict() if key.endswith(".kernel")}
    fit(
        generator,
        kernels | state,
        f"The StyleGAN2 generator of {generator.size} px in {source}",
        optional=lambda key: key.startswith("noises."),
        ignored=lambda key: key in ("latent_avg", "truncation_latent"),
    )
    generator.w_mean = _mean(found, generator)
    return generator


def _shape(state: Checkpoint, source: str | Path) -> tuple[tuple[int, ...], int, int]:
    """Channels by resolution, dimension of w, layers of the mapping: read off the shapes."""
    try:
        blocks = sum(key.startswith("convs.") and key.endswith(".conv.weight") for key in state) // 2
        channels = [state["conv1.conv.weight"].shape[1]]
        channels += [state[f"convs.{2 * j}.conv.weight"].shape[1] for j in range(blocks)]
        dim = state["conv1.conv.modulation.weight"].shape[1]
    except (KeyError, IndexError) as error:
        raise WeightsError(f"The StyleGAN2 generator in {source} is not whole: {error} is missing or odd.") from error
    return tuple(channels), dim, sum(key.startswith("style.") and key.endswith(".weight") for key in state)


def _mean(found: Checkpoint, generator: Generator) -> Tensor:
    """The mean w [1, dim]: `latent_avg` ([dim], or [slots, dim] in e4e checkpoints), else that of many mapped z."""
    mean = found.get("latent_avg")
    if isinstance(mean, Tensor):
        return mean.float().reshape(-1, generator.dim).mean(0, keepdim=True)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        return generator.mapping(torch.randn(MEAN_OF, generator.dim, generator=rng)).mean(0, keepdim=True)
