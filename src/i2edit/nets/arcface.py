"""Who a face is, as StyleCLIP asks: ArcFace (Deng et al. 2019, https://arxiv.org/abs/1801.07698) on an IR-SE50, TreB1eN's weights.

In: pictures [B, 3, S, S] RGB in [-1, 1] of faces aligned as in FFHQ, any S. Out: unit vectors [B, 512]; 1 − their dot product
is the identity loss R of StyleCLIP and of the I²Edit paper (eq. 6).

    net = ArcFace.from_checkpoint("model_ir_se50.pth")
    loss = 1 - (net(edited) * net(raw)).sum(1)

`Body` is shared with the e4e encoder (`nets/e4e.py`), which has the same keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2edit.nets.checkpoint import expect, fit, read, trained_counter, unfilled

LAYOUT = "a flat state dict with input_layer.*, body.0.* to body.23.* and output_layer.3.weight [512, 25088]"
UNITS = (3, 4, 14, 3)  # of 1, 2, 4 and 8 times the width; the first of each halves the size
FACE = (slice(35, 223), slice(32, 220))  # rows, columns of the face in an FFHQ crop of 256²
INPUT = 112


class SqueezeExcite(nn.Module):
    """Scales each channel by what all channels are like on average (reduction 16)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 16, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // 16, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class Unit(nn.Module):
    """Improved residual unit with squeeze and excitation."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False),
            nn.PReLU(outputs),
            nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            SqueezeExcite(outputs),
        )
        self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)  # every second pixel
        if inputs != outputs:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        return self.res_layer(x) + self.shortcut_layer(x)


def units(width: int) -> Iterable[Unit]:
    """The 24 residual units of an IR-SE50 (width 64 as published)."""
    inputs = width
    for level, count in enumerate(UNITS):
        outputs = width * 2**level
        for number in range(count):
            yield Unit(inputs, outputs, 2 if number == 0 else 1)
            inputs = outputs


class Body(nn.Module):
    """input_layer and body: [B, 3, S, S] → features of 1/4, 1/8 and 1/16 of the size (2, 4 and 8 widths)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.PReLU(width)
        )
        self.body = nn.Sequential(*units(width))

    def features(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The last features of each of the three smaller sizes."""
        x = self.input_layer(x)
        taps = []
        for number, unit in enumerate(self.body, 1):
            x = unit(x)
            if number in (sum(UNITS[:2]), sum(UNITS[:3]), sum(UNITS)):
                taps.append(x)
        return taps[0], taps[1], taps[2]


class ArcFace(Body):
    """IR-SE50 with its descriptor head. Parameters are frozen; gradients flow to the pictures."""

    def __init__(self, width: int = 64, dim: int = 512) -> None:
        super().__init__(width)
        places = (INPUT // 16) ** 2
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(8 * width),
            nn.Dropout(0.6),
            nn.Flatten(),
            nn.Linear(8 * width * places, dim),
            nn.BatchNorm1d(dim),
        )
        self.eval().requires_grad_(False)

    @classmethod
    def from_checkpoint(cls, source: str | Path) -> ArcFace:
        """TreB1eN's `model_ir_se50.pth`. Raises WeightsError."""
        state = read(source)
        expect(state, ("ArcFace",), source, LAYOUT)
        head, first = state["output_layer.3.weight"], state.get("input_layer.0.weight", torch.empty(64))
        with unfilled():
            net = cls(first.shape[0], head.shape[0])
        fit(net, state, f"The ArcFace IR-SE50 in {source}", optional=trained_counter)
        return net

    def descriptors(self, faces: Tensor) -> Tensor:
        """Faces cut to 112², [B, 3, 112, 112] in [-1, 1] → unit vectors [B, 512]."""
        return F.normalize(self.output_layer(self.features(faces)[-1]))

    def forward(self, pictures: Tensor) -> Tensor:
        if pictures.shape[-1] != 256:
            pictures = F.adaptive_avg_pool2d(pictures, 256)
        return self.descriptors(F.adaptive_avg_pool2d(pictures[..., FACE[0], FACE[1]], INPUT))
