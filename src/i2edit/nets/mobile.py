"""MobileStyleGAN (Belousov 2021), FFHQ 1024²: z → w → picture, in plain torch.

    mapping:   z [B, 512] → w [B, 512]
    synthesis: w [B, 512] or [B, 23, 512] → RGB [B, 3, 1024, 1024], about [-1, 1]

Read from the constants of the published OpenVINO IR (`weights.get("mobilestylegan")`). Demodulation does not depend
on the style in this network, so it is already folded into the convolution weights; the noise maps are fixed. The
student was distilled with one w for all layers: addressing the 23 slots one by one is ours, the map is `SLOTS`.

`Readout` reads a 256² picture (RGB) off the 128² features, at about a sixth of the cost of a whole picture: it stands
in for the intermediate image heads that were pruned from the published file, and is trained by `train/readout.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

NUM_SLOTS = 23
W_DIM = 512
LAYERS = 7
FEATURE_LAYERS = 4  # their 64² features tell hair from skin (regions.py)
RECOMPUTED_FROM = 3  # layers (64² and larger) of a whole picture that are drawn again on the way back: kept, they would take a gigabyte
# Which slot of w drives which modulation. Slots 3, 6, … 18 belong to image heads that the published file does not
# have, 22 to nothing: they exist so that the indices are those of the original network (its wsize() is 23).
SLOTS: dict[str, int] = {"conv1": 0, "to_img": 21} | {
    f"layers.{i}.{part}": 3 * i + offset
    for i in range(LAYERS)
    for part, offset in (("up", 1), ("conv1", 1), ("conv2", 2))
}
USED_SLOTS: tuple[int, ...] = tuple(sorted(set(SLOTS.values())))
# StyleGAN2's 18 slots at 1024² (conv 4²; then for 8² to 1024² up and conv, each ToRGB sharing the next up's slot; the last
# ToRGB) → the slot here that acts at the same resolution. The features of layer 6 are 512²; to_img and the IDWT do the rest.
STYLEGAN2_TO_MOBILE: tuple[int, ...] = (0, 1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 21, 21, 21)

# Names of the constants in the IR: convolution weights with the demodulation folded in, and noise maps.
_CONV1 = "Mul_39_copy"
_POINTWISE = (106, 139, 206, 239, 306, 339, 406, 439, 506, 539, 606, 639, 706, 739)
_NOISE = (1531, 1560, 1572, 1601, 1613, 1642, 1654, 1683, 1695, 1724, 1736, 1765, 1777, 1806, 1818)
_MAPPING = (173, 177, 181, 185, 189, 193, 197, 201)


def idwt(x: Tensor) -> Tensor:
    """Inverse Haar wavelet transform, [B, 4C, H, W] → [B, C, 2H, 2W]; the first C channels are the low band."""
    b, n, h, w = x.shape
    c = n // 4
    low, high = x[:, :c], x[:, c:].reshape(b, c, 3, h, w)
    lh, hl, hh = high.unbind(2)
    # Both separable passes at once, each sum made once; 0.5 = (1/sqrt 2)^2. Rows are combined by lh, columns by hl.
    top, bottom, over, under = low + lh, low - lh, hl + hh, hl - hh
    four = torch.stack((top + over, top - over, bottom + under, bottom - under), 2)
    return F.pixel_shuffle(four.flatten(1, 2) * 0.5, 2)


class Mapping(nn.Module):
    """z [B, 512] ~ N(0, 1) → w [B, 512] (pixel norm, eight layers, leaky ReLU 0.2 · √2)."""

    def __init__(self, dim: int = W_DIM, layers: int = 8) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(dim, dim) for _ in range(layers))

    def forward(self, z: Tensor) -> Tensor:
        x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2) * 1.41421354
        return x


class Modulation(nn.Module):
    """w [B, 512] → per-channel style [B, C], already divided by the fan-in that the layer expects."""

    def __init__(self, channels: int, fan_in: int, dim: int = W_DIM) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, channels)
        self.scale = 1.0 / math.sqrt(fan_in) if fan_in else 1.0

    def forward(self, w: Tensor) -> Tensor:
        return self.linear(w) * self.scale


class Layer(nn.Module):
    """One resolution: modulate, IDWT ×2, then two depthwise-separable convolutions."""

    def __init__(self, c_in: int, c_out: int, resolution: int, dim: int = W_DIM) -> None:
        super().__init__()
        mid = c_in // 4
        self.up_style = Modulation(c_in, 0, dim)
        self.styles = nn.ModuleList([Modulation(mid, 9 * mid, dim), Modulation(c_out, 9 * c_out, dim)])
        self.depthwise = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False) for c in (mid, c_out))
        self.pointwise = nn.ModuleList([nn.Conv2d(mid, c_out, 1), nn.Conv2d(c_out, c_out, 1)])
        self.noise = nn.ParameterList([nn.Parameter(torch.zeros(1, 1, resolution, resolution)) for _ in range(2)])

    def forward(self, x: Tensor, up: Tensor, s1: Tensor, s2: Tensor) -> Tensor:
        x = idwt(x * up[:, :, None, None])
        for style, depthwise, pointwise, noise in zip(
            (s1, s2), self.depthwise, self.pointwise, self.noise, strict=True
        ):
            x = pointwise(depthwise(x * style[:, :, None, None])) + noise
            x = F.leaky_relu(x, 0.2, inplace=True)
        return x


@dataclass(frozen=True)
class Config:
    """Channels after the constant and after each layer; the picture has 4 · 2^(layers + 1) pixels a side."""

    channels: tuple[int, ...] = (512, 512, 512, 512, 512, 256, 128, 64)
    dim: int = W_DIM

    @property
    def resolution(self) -> int:
        return 8 * 2 ** (len(self.channels) - 1)


class Synthesis(nn.Module):
    """w → picture. `styles` gives the style space, `from_styles` draws from it, `features` stops early."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        c = config.channels
        self.num_slots = 3 * (len(c) - 1) + 2
        self.constant = nn.Parameter(torch.randn(1, c[0], 4, 4))
        self.conv1_style = Modulation(c[0], 9 * c[0], config.dim)
        self.conv1 = nn.Conv2d(c[0], c[0], 3, padding=1)
        self.conv1_noise = nn.Parameter(torch.zeros(1, 1, 4, 4))
        self.layers = nn.ModuleList(
            Layer(c_in, c_out, 8 * 2**i, config.dim) for i, (c_in, c_out) in enumerate(pairwise(c))
        )
        self.to_img_style = Modulation(c[-1], c[-1], config.dim)
        self.to_img = nn.Conv2d(c[-1], 12, 1)

    def slots(self, w: Tensor) -> Tensor:
        """[B, 512] or [B, slots, 512] → [B, slots, 512]. Anything else is refused with what was found."""
        if w.ndim == 2 and w.shape[1] == self.config.dim:
            return w[:, None].expand(-1, self.num_slots, -1)
        if w.ndim == 3 and w.shape[1:] == (self.num_slots, self.config.dim):
            return w
        raise ValueError(
            f"w must be [B, {self.config.dim}] or [B, {self.num_slots}, {self.config.dim}], not {list(w.shape)}."
        )

    def styles(self, w: Tensor) -> list[Tensor]:
        """Style space: conv1, then (up, conv1, conv2) of each layer, then to_img; each [B, channels]."""
        w = self.slots(w)
        out = [self.conv1_style(w[:, 0])]
        for i, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            out += [layer.up_style(w[:, 3 * i + 1]), layer.styles[0](w[:, 3 * i + 1]), layer.styles[1](w[:, 3 * i + 2])]
        out.append(self.to_img_style(w[:, 3 * len(self.layers)]))
        return out

    def features_from_styles(self, styles: list[Tensor], layers: int) -> Tensor:
        """Features after `layers` layers: [B, C, 4·2^layers, 4·2^layers]."""
        x = self.constant * styles[0][:, :, None, None]
        x = F.leaky_relu(self.conv1(x) + self.conv1_noise, 0.2)
        whole = layers == len(self.layers)  # a preview has no large layers
        for i, layer in enumerate(self.layers[:layers]):
            part = styles[3 * i + 1 : 3 * i + 4]
            if whole and i >= RECOMPUTED_FROM and x.requires_grad:
                x = checkpoint(layer, x, *part, use_reentrant=False)
            else:
                x = layer(x, *part)
        return x

    def features(self, w: Tensor, layers: int) -> Tensor:
        """Features after `layers` layers of the picture of w."""
        return self.features_from_styles(self.styles(w), layers)

    def from_styles(self, styles: list[Tensor]) -> Tensor:
        """Picture of a point in style space, RGB [B, 3, 1024, 1024]."""
        x = self.features_from_styles(styles, len(self.layers))
        return idwt(self.to_img(x * styles[-1][:, :, None, None]))

    def with_features(self, w: Tensor, layers: int) -> tuple[Tensor, Tensor]:
        """Picture of w and the features after `layers` layers, which it goes through anyway."""
        styles = self.styles(w)
        x = features = self.features_from_styles(styles, layers)
        for i, layer in enumerate(self.layers[layers:], layers):
            x = layer(x, *styles[3 * i + 1 : 3 * i + 4])
        return idwt(self.to_img(x * styles[-1][:, :, None, None])), features

    def forward(self, w: Tensor) -> Tensor:
        return self.from_styles(self.styles(w))


class Readout(nn.Module):
    """128² features [B, 256, 128, 128] and the slots of w → RGB [B, 3, 256, 256], about [-1, 1].

    The layers after 128² sharpen and tint: what they do at 256² is read off their slots' mean, by one modulated linear
    map for the low band and one small convolution for the detail.
    """

    LAYERS = 5

    def __init__(self, channels: int = 256, dim: int = W_DIM, hidden: int = 64) -> None:
        super().__init__()
        self.style = nn.Linear(dim, channels)
        self.to_img = nn.Conv2d(channels, 12, 1)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, hidden, 1)
        self.detail = nn.Conv2d(hidden, 12, 3, padding=1)

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        x = features * self.style(w[:, 3 * self.LAYERS :].mean(1))[:, :, None, None]
        detail = self.detail(F.leaky_relu(self.pointwise(self.depthwise(x)), 0.2))
        return idwt(self.to_img(x) + detail)


class Generator(nn.Module):
    """Mapping, synthesis and the quick 256² view of the same picture. Knows nothing of photos or beliefs.

    >>> generator = Generator.from_weights()                               # doctest: +SKIP
    >>> w = generator.seed(6001)                                           # doctest: +SKIP
    >>> generator.synthesis(w).shape                                       # doctest: +SKIP
    torch.Size([1, 3, 1024, 1024])
    """

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config or Config()
        self.mapping = Mapping(self.config.dim)
        self.synthesis = Synthesis(self.config)
        self.readout = Readout(self.config.channels[Readout.LAYERS], self.config.dim)
        self.register_buffer("w_mean", torch.zeros(1, self.config.dim))

    w_mean: Tensor

    @classmethod
    def published(cls) -> Generator:
        """The published network from the cache (fetched if need be); the readout is not trained yet."""
        from i2edit import assets, weights

        generator = cls()
        load_ir(generator, weights.get("mobilestylegan"))
        generator.w_mean.copy_(assets.tensors("w_stats.safetensors")["mean"][None])
        return generator.eval().requires_grad_(False)

    @classmethod
    def from_weights(cls) -> Generator:
        """The published network with our own readout; float32, eval mode."""
        from i2edit import assets

        generator = cls.published()
        assets.load_into(generator.readout, "readout.safetensors")
        return generator

    def z(self, seed: int) -> Tensor:
        """z of a face's seed, [1, 512] (`z_of`)."""
        return z_of(seed, self.config.dim)

    @torch.no_grad()
    def seed(self, seed: int, truncation: float = 0.9) -> Tensor:
        """w [1, 512] of the face of a seed (the recipe of the label data card)."""
        return self.w_mean + truncation * (self.mapping(self.z(seed)) - self.w_mean)

    @property
    def num_slots(self) -> int:
        return self.synthesis.num_slots

    def preview(self, w: Tensor) -> Tensor:
        """The 256² view of the picture of w, [B, 3, 256, 256]; differentiable, about a sixth of the cost."""
        w = self.synthesis.slots(w)
        return self.readout(self.synthesis.features(w, Readout.LAYERS), w)


def z_of(seed: int, dim: int = W_DIM) -> Tensor:
    """z of a face's seed, [1, dim]: `numpy.random.default_rng(seed).standard_normal(dim)` in float32."""
    import numpy as np

    return torch.from_numpy(np.random.default_rng(seed).standard_normal(dim).astype("float32"))[None]


def load_ir(generator: Generator, path: Path) -> None:
    """Copies the constants of the IR (`mapping.<name>`, `synthesis.<name>` in a safetensors file) into the network."""
    from safetensors.torch import load_file

    source = load_file(str(path))
    state: dict[str, Tensor] = {}

    def put(target: str, name: str, shape: tuple[int, ...] | None = None) -> None:
        state[target] = source[name] if shape is None else source[name].reshape(shape)

    for i, name in enumerate(_MAPPING):
        put(f"mapping.layers.{i}.weight", f"mapping.{name}")
        put(f"mapping.layers.{i}.bias", f"mapping.{name + 1}")

    def modulation(target: str, name: str) -> None:
        put(f"{target}.linear.weight", f"synthesis.m.{name}.modulation.weight")
        put(f"{target}.linear.bias", f"synthesis.m.{name}.modulation.bias", (-1,))

    put("synthesis.constant", "synthesis.m.input.input")
    modulation("synthesis.conv1_style", "conv1.conv")
    put("synthesis.conv1.weight", f"synthesis.{_CONV1}")
    put("synthesis.conv1.bias", "synthesis.m.conv1.bias", (-1,))
    put("synthesis.conv1_noise", f"synthesis.{_NOISE[0]}")
    for i in range(LAYERS):
        here = f"synthesis.layers.{i}"
        modulation(f"{here}.up_style", f"layers.{i}.up")
        for j in range(2):
            conv = f"layers.{i}.conv{j + 1}"
            modulation(f"{here}.styles.{j}", f"{conv}.conv")
            depthwise = source[f"synthesis.m.{conv}.conv.weight_dw"]
            state[f"{here}.depthwise.{j}.weight"] = depthwise.reshape(-1, 1, 3, 3)
            put(f"{here}.pointwise.{j}.weight", f"synthesis.Mul_{_POINTWISE[2 * i + j]}_copy")
            put(f"{here}.pointwise.{j}.bias", f"synthesis.m.{conv}.bias", (-1,))
            put(f"{here}.noise.{j}", f"synthesis.{_NOISE[2 * i + j + 1]}")
    modulation("synthesis.to_img_style", "layers.6.to_img.conv")
    put("synthesis.to_img.weight", "synthesis.m.layers.6.to_img.conv.weight")
    put("synthesis.to_img.bias", "synthesis.m.layers.6.to_img.bias", (-1,))
    missing, unexpected = generator.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.startswith("readout.") and name != "w_mean"]
    if missing or unexpected:
        raise ValueError(f"The generator file does not fit: missing {missing}, unexpected {list(unexpected)}.")
