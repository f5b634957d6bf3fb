"""Trains the second judge on faces described by eye: `assets/faces/described.jsonl` → `assets/judge`.

    i2edit train judge --out DIR [--seed 0]

1. Draws the faces (seeds from 700000) at 256², and reads the trunk's maps of each as it is, mirrored and shifted, and tinted or blurred.
2. Trains the heads on the train part, with soft labels ("maybe" is 0.5; what is hidden teaches nothing). The test part, a fifth, drawn by
   seed before anything was learned, is measured once.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from i2edit.assets import FOLDER
from i2edit.errors import DataError
from i2edit.judge import MAPS, Judge, Size
from i2edit.nets.lpips import LPIPS, TAPS, uncelled
from i2edit.ontology import VALUES

DESCRIBED = FOLDER / "faces" / "described.jsonl"
FIRST_SEED = 700_000
# The raters' words → the ontology's.
WORDS = {
    "grins": "smiling", "grim": "angry", "down": "sad", "unsmiling": "no smiling", "bald front": "receding hairline",
    "side whiskers": "sideburns", "fringe": "bangs", "lip hair": "mustache", "chin hair": "goatee", "bare face": "no makeup",
    "made up": "heavy makeup", "lips painted": "lipstick", "ear jewels": "earrings", "thick brows": "bushy eyebrows",
    "full lips": "big lips", "rouge": "rosy cheeks", "very fair skin": "pale skin",
}  # fmt: skip
LEAST = 12  # described faces of the train part that must clearly show a value; with fewer the judge is silent about it
CHANNELS = [TAPS["vgg"][m] for m in MAPS]
COLOURS = ("brown", "blond", "black", "gray")
CUTS = ("straight", "wavy")


@dataclass(frozen=True)
class Settings:
    """Everything that decides the weights."""

    seed: int = 0
    views: int = 4
    epochs: int = 60
    batch: int = 48
    lr: float = 3e-3
    decay: float = 0.05
    drop: float = 0.5
    smooth: float = 0.02


@dataclass(frozen=True)
class Described:
    """Faces by seed, why each was picked, and targets [N, 23] in 0..1, NaN where the raters could not see."""

    seeds: list[int]
    why: list[str]
    targets: Tensor


def target_of(line: dict[str, Any]) -> list[float]:
    """One rater's line → 23 targets. Raises DataError for a word that the raters were not given."""
    found = dict.fromkeys(VALUES, 0.0)
    for word in line.get("maybe", []):
        found[_value(word)] = 0.5
    for word in line.get("yes", []):
        found[_value(word)] = 1.0
    named = [word for word in line["hair"].split("/") if word != "hidden"]  # "hidden/black": what shows under a hat
    for colour in COLOURS:
        found[f"{colour} hair"] = (colour in named) / len(named) if named else float("nan")
    for cut in CUTS:
        known = {"straight": 1.0, "wavy": 0.0} if cut == "straight" else {"straight": 0.0, "wavy": 1.0}
        if line["cut"] not in (*known, "between", "hidden"):
            raise DataError(f"Face {line.get('seed')}: {line['cut']!r} is no cut.")
        found[f"{cut} hair"] = {"between": 0.5, "hidden": float("nan")}.get(line["cut"], known.get(line["cut"], 0.0))
    return [found[value] for value in VALUES]


def _value(word: str) -> str:
    try:
        return WORDS[word]
    except KeyError as error:
        raise DataError(f"{word!r} is not among the words that faces are described by.") from error


def read_described(path: Path = DESCRIBED) -> Described:
    """All described faces; a face that several raters saw gets their mean."""
    rows: dict[int, list[list[float]]] = {}
    why: dict[int, str] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        rows.setdefault(line["seed"], []).append(target_of(line))
        why[line["seed"]] = line["why"]
    seeds = sorted(rows)
    targets = torch.stack([torch.tensor(rows[seed]).nanmean(0) for seed in seeds])
    return Described(seeds, [why[seed] for seed in seeds], targets)


def test_part(faces: Described, share: float = 0.2) -> list[int]:
    """Rows of the test part: a fifth of the random faces and a fifth of each kind of picked ones, by seed."""
    chosen = []
    for kind in sorted(set(faces.why)):
        rows = [row for row, why in enumerate(faces.why) if why == kind]
        chosen += random.Random(f"judge|{kind}").sample(rows, round(share * len(rows)))
    return sorted(chosen)


def make_cells(judge: Judge, seeds: Sequence[int], folder: Path, views: int) -> Tensor:
    """Cells [N, views, all] float16 of the faces of seeds, kept in ``folder``; the first view is the picture as it is."""
    from i2edit.nets.fast import FastSynthesis
    from i2edit.nets.mobile import Generator
    from i2edit.train.facetext import augmented

    folder.mkdir(parents=True, exist_ok=True)
    tools: tuple[Generator, FastSynthesis] | None = None
    found = []
    for seed in seeds:
        path = folder / f"{seed}.npy"
        if not path.is_file():
            if tools is None:
                generator = Generator.published()
                tools = generator, FastSynthesis(generator.synthesis, "bf16", 1)
            generator, picture = tools
            with torch.inference_mode():
                crop = F.avg_pool2d(picture(generator.seed(seed)).clamp(-1, 1), 4)
                rng = torch.Generator().manual_seed(seed)
                shown = torch.cat([crop, augmented(crop.expand(views - 1, -1, -1, -1), rng)])
                cells = torch.cat([c.flatten(1) for c in judge.cells(shown)], 1)
            scratch = path.with_suffix(".part.npy")
            np.save(scratch, cells.half().numpy())
            scratch.replace(path)
        found.append(torch.from_numpy(np.load(path)))
    return torch.stack(found)


def train_heads(judge: Judge, settings: Settings, cells: Tensor, targets: Tensor) -> float:
    """Trains every head on cells [N, views, all] and targets [N, 23] → the mean loss of the last epoch."""
    known = ~targets.isnan()
    goal = targets.nan_to_num(0.0).clamp(settings.smooth, 1 - settings.smooth)
    share = (goal * known).sum(0) / known.sum(0).clamp_min(1)
    count, views = cells.shape[:2]
    steps = settings.epochs * (count // settings.batch)
    total = 0.0
    for number, head in enumerate(judge.heads):
        torch.manual_seed(1000 * settings.seed + number)
        for parameter in head.parameters():
            parameter.requires_grad_(True)
        with torch.no_grad():
            head.offset.copy_(torch.logit(share.clamp(0.01, 0.99)))  # type: ignore[operator]
        head.train()
        optimiser = torch.optim.AdamW(head.parameters(), lr=settings.lr, weight_decay=settings.decay)
        step = 0
        for _ in range(settings.epochs):
            total = 0.0
            for rows in torch.randperm(count).split(settings.batch):
                if len(rows) < settings.batch:
                    continue
                for group in optimiser.param_groups:
                    group["lr"] = settings.lr * min(1.0, (step + 1) / 30) * max(0.02, 1 - step / steps)
                view = cells[rows, torch.randint(views, (len(rows),))]
                logits = head(uncelled(view, CHANNELS, judge.size.grid), settings.drop)
                loss = F.binary_cross_entropy_with_logits(logits, goal[rows], weight=known[rows].float())
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                step, total = step + 1, total + loss.item()
        head.eval()
    return total / max(1, count // settings.batch)


@torch.no_grad()
def read_off(judge: Judge, cells: Tensor, batch: int = 64) -> Tensor:
    """Cells [N, all] → probabilities [N, 23]."""
    return torch.cat(
        [torch.sigmoid(judge.logits(uncelled(part, CHANNELS, judge.size.grid))) for part in cells.split(batch)]
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: draw, train, measure on the test part."""
    from i2edit.bench.judge import measure

    parser = argparse.ArgumentParser(prog="i2edit train judge", description="Trains the second judge.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    settings = Settings(seed=options.seed)
    faces = read_described()
    test = set(test_part(faces))
    train = [row for row in range(len(faces.seeds)) if row not in test]
    shown = (faces.targets[train] == 1).sum(0)
    silent = tuple(value for value, count in zip(VALUES, shown.tolist(), strict=True) if count < LEAST)
    torch.manual_seed(settings.seed)
    judge = Judge(LPIPS("vgg").from_weights(), Size(silent=silent))
    began = time.time()
    cells = make_cells(judge, faces.seeds, options.out / "cells", settings.views)
    loss = train_heads(judge, settings, cells[train], faces.targets[train])
    judge.save(options.out)
    print(json.dumps({"faces": len(train), "loss": round(loss, 4), "seconds": round(time.time() - began)}), flush=True)
    rows = sorted(test)
    probabilities = read_off(Judge.from_folder(options.out), cells[rows, 0])
    found = measure(probabilities.numpy(), faces.targets[rows].numpy(), [faces.why[row] == "random" for row in rows])
    (options.out / "scores.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
