"""The labelled generated faces: `assets/faces/labels.jsonl` (data card beside it) and their one split.

A line: {"seed": 3, "why": "sideburns", "labels": {"smiling": 1, "straight_hair": null, …}}. Labels are 1, 0 or
None (hidden, unclear, or the raters disagreed); the raters were runs of a vision-language model, not people.

`splits.json` was made once by `make_splits(seed=0)`, before anything was learned: only "train" is ever learned from,
"validation" chooses settings, "test" is reported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from i2edit.assets import FOLDER
from i2edit.errors import DataError

FACES = FOLDER / "faces"
SPLITS = ("train", "validation", "test")
CONFOUNDERS = ("male", "glasses", "hat", "child", "old", "artefact")


@dataclass(frozen=True)
class LabelledFace:
    """A generated face by its seed, and what the raters saw in it."""

    seed: int
    why: str
    labels: dict[str, int | None]


def read_labels(*paths: Path) -> list[LabelledFace]:
    """All labelled faces in the order of their files (default: the shipped files)."""
    faces: dict[int, LabelledFace] = {}
    for path in paths or sorted(FACES.glob("labels*.jsonl")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            try:
                row = json.loads(line)
                face = LabelledFace(int(row["seed"]), str(row["why"]), dict(row["labels"]))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"{path.name}, line {number} is not a labelled face: {error}.") from error
            if face.seed in faces:
                raise DataError(f"{path.name}, line {number}: seed {face.seed} was labelled before.")
            faces[face.seed] = face
    return list(faces.values())


def read_splits() -> dict[str, list[int]]:
    """Split name → seeds."""
    return {name: list(seeds) for name, seeds in json.loads((FACES / "splits.json").read_text()).items()}


def make_splits(
    faces: list[LabelledFace], shares: tuple[float, float, float] = (0.7, 0.1, 0.2), seed: int = 0
) -> dict[str, list[int]]:
    """Iterative stratification (Sechidis et al. 2011): rare labels are dealt out first, so that each split has its share."""
    rng = np.random.default_rng(seed)
    left = {face.seed: {key for key, value in face.labels.items() if value == 1} for face in faces}
    room = np.array(shares) * len(faces)
    keys = sorted({key for found in left.values() for key in found})
    need = {key: np.array(shares) * sum(key in found for found in left.values()) for key in keys}
    splits: dict[str, list[int]] = {name: [] for name in SPLITS}

    def deal(number: int, by: np.ndarray) -> None:
        best = np.flatnonzero(by == by.max())
        if len(best) > 1:
            best = best[room[best] == room[best].max()]
        target = int(rng.choice(best))
        splits[SPLITS[target]].append(number)
        room[target] -= 1
        for key in left.pop(number):
            need[key][target] -= 1

    while True:
        counts = {key: sum(key in found for found in left.values()) for key in keys}
        counts = {key: count for key, count in counts.items() if count}
        if not counts:
            break
        rarest = min(counts, key=lambda key: (counts[key], key))
        members = sorted(number for number, found in left.items() if rarest in found)
        for number in rng.permutation(members):
            deal(int(number), need[rarest])
    for number in rng.permutation(sorted(left)):
        deal(int(number), room.copy())
    return {name: sorted(seeds) for name, seeds in splits.items()}
