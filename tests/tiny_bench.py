"""A kit of tiny real networks for the picture benchmarks, importable by other processes too (Ray's workers, a killed run).

python tests/tiny_bench.py OUT DELAY      runs Table 4 on it, DELAY seconds slower for each picture
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from i2edit import align, assets
from i2edit.bench.photos import Kit, Run, losses_of
from i2edit.bench.table4 import Cell, cells_of, run
from i2edit.chat import Editor
from i2edit.dialogue.history import Heard, hear_marks
from i2edit.edit.directions import Directions
from i2edit.invert import Inverter, Settings
from i2edit.metrics.image import Scorer
from i2edit.nets.dlibface import DlibFace
from i2edit.nets.lpips import LPIPS
from i2edit.nets.mobile import Config, Generator, Modulation
from i2edit.ontology import VALUES, Belief
from i2edit.records import Dialogue, Turn
from i2edit.regions import GROUPS, Segmenter

SIDE = 256


class Pooled:
    """Features: a picture's colours in 4 × 4 fields."""

    name = "pooled"

    def __call__(self, pictures: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(pictures, 4).flatten(1)


class Words:
    """An image–text model that has learned nothing: unit vectors that depend on the colours, and on the text."""

    def embed_images(self, pictures: Tensor) -> Tensor:
        return F.normalize(F.adaptive_avg_pool2d(pictures, 2).flatten(1))

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        rows = [np.random.default_rng(zlib.crc32(text.encode())).standard_normal(12) for text in texts]
        return F.normalize(torch.from_numpy(np.stack(rows)).float())


class Colours:
    """A judge that has learned nothing."""

    def probabilities(self, pictures: Tensor) -> Tensor:
        mixing = torch.from_numpy(np.random.default_rng(5).standard_normal((12, len(VALUES)))).float()
        return torch.sigmoid(F.adaptive_avg_pool2d(pictures, 2).flatten(1) @ mixing)


class Tracker:
    """Hears "+bangs, -goatee" and nothing else, and never "+pale skin"."""

    def track_many(self, pairs: Sequence[Any]) -> list[Heard]:
        return [
            hear_marks(conv, tuple(f"<{p}>" for p in text.split(", ") if p[:1] in "+-" and p != "+pale skin"))
            for conv, text in pairs
        ]


@cache
def mean_landmarks() -> np.ndarray:
    """The 68 landmarks of the generator's mean face, in parts of the picture's side."""
    directions = Directions.from_assets()
    return directions.landmarks(directions.mean).numpy()


def found_faces(image: Image.Image) -> list[align.Face]:
    """Finds the generator's mean face in every picture."""
    points = mean_landmarks() * image.width
    return [align.Face((0.0, 0.0, float(image.width), float(image.height)), points, 2.0)]


def tiny_generator() -> Generator:
    """Eight channels; its faces' w are likely ones, from the shipped mean and covariance."""
    torch.manual_seed(0)
    generator = Generator(Config(channels=(8,) * 8)).eval().requires_grad_(False)
    for module in generator.synthesis.modules():
        if isinstance(module, Modulation):
            module.linear.weight.mul_(0.4)
            module.linear.bias.fill_(1.0)
    for layer in generator.synthesis.layers:
        for convolution in layer.pointwise:
            convolution.bias.zero_()
            convolution.weight.mul_(12)
    w = torch.zeros(1, 512)
    generator.synthesis.to_img.bias.zero_()
    generator.synthesis.to_img.weight.mul_(0.35 / generator.synthesis(w).std())
    stats = assets.tensors("w_stats.safetensors")
    values, vectors = torch.linalg.eigh(stats["cov"].double())
    root = vectors * values.clamp_min(0).sqrt()

    def seed(number: int, truncation: float = 0.9) -> Tensor:
        z = torch.from_numpy(np.random.default_rng(number).standard_normal(512))
        return (stats["mean"].double() + truncation * root @ z).float()[None]

    generator.seed = seed  # type: ignore[method-assign]
    return generator


def make_kit(settings: Run, delay: float = 0.0) -> Kit:
    """Pictures of 256² (a photo that is opened by inversion has a crop of 1024², so such runs cannot composite)."""
    torch.set_num_threads(1)
    generator = tiny_generator()
    torch.manual_seed(1)
    clusters = {
        "mean": torch.zeros(8), "axes": torch.linalg.qr(torch.randn(8, 6)).Q, "centres": 0.4 * torch.randn(16, 6),
        "members": torch.eye(len(GROUPS))[torch.arange(16) % len(GROUPS)], "sharpness": torch.tensor(40.0),
    }  # fmt: skip
    face, lpips = DlibFace(), LPIPS("alex")

    def picture(w: Tensor) -> Tensor:
        time.sleep(delay)
        with torch.no_grad():
            return F.avg_pool2d(generator.synthesis(w), 4)

    inverter = Inverter(generator, lpips, face, None, Settings(preview_steps=2, picture_steps=0, regressor=False))
    editor = Editor(
        generator, picture, inverter, Directions.from_assets(), Segmenter(generator, clusters), face, Tracker()  # type: ignore[arg-type]
    )  # fmt: skip
    methods: dict[str, Any] = {"directions": editor.directions}
    return Kit(
        settings, editor, methods, Scorer(Pooled(), lpips, face, Words(), Colours()), losses_of(settings, methods)
    )


SETTINGS = Run(opening="seed", threads=1, image_text="tiny_bench:Words", judge="tiny_bench:Colours")
CELLS: list[Cell] = [*cells_of(["directions"], inputs=("UER",)), Cell("directions", input="predicted")]


def turn(user: str, *values: str) -> Turn:
    return Turn(Belief.of(*values), user, system="Done.")


DIALOGUES = [
    Dialogue("one", "seed:1", (turn("+lipstick", "lipstick"), turn("+bangs", "lipstick", "bangs"))),
    Dialogue("two", "seed:2", (turn("+pale skin", "pale skin"), turn("hello", "pale skin"), turn("+angry", "angry", "pale skin"))),
    Dialogue("three", "seed:4", (turn("+blond hair, +smiling", "blond hair", "smiling"), turn("-smiling", "blond hair"))),
]  # fmt: skip


if __name__ == "__main__":
    align.find_faces = found_faces
    run(Path(sys.argv[1]), SETTINGS, DIALOGUES, CELLS, make=lambda settings: make_kit(settings, float(sys.argv[2])))
