"""Build the I²Edit dataset: faces and a seed → train.jsonl, validation.jsonl, test.jsonl and manifest.json (paper §3).

In: how many dialogues, a seed, and faces with the attributes that they show already: the released table of generated faces
(``assets/benchmark/attributes.txt``), or a folder of pictures with an attribute file in CelebA's layout. Out: a folder whose
manifest is written last, so that an interrupted build never looks finished. The same arguments give the same bytes.

Of the dialogues 10/12 are training, 1/12 validation, 1/12 test; no face and no phrase family is in two of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2edit.assets import FOLDER
from i2edit.data.simulate import BENCHMARK, one_dialogue
from i2edit.errors import DataError, OutputError
from i2edit.ontology import VALUES

VERSION = "i2edit-1.0"
FORMAT = 1
RELEASE = FOLDER / "benchmark"
SHARES = {"train": 10, "validation": 1, "test": 1}
FIRST_SEED = 100_000  # of the released faces: far from the seeds that anything was learned from

# CelebA's columns and the values that they say. Two more follow from them: "no smiling" is not Smiling, "no makeup" is none of
# Heavy_Makeup, Wearing_Lipstick and Rosy_Cheeks. Nothing there says sad or angry: those two count as not shown.
CELEBA: dict[str, str] = {
    "Smiling": "smiling", "Brown_Hair": "brown hair", "Blond_Hair": "blond hair", "Black_Hair": "black hair", "Gray_Hair": "gray hair",
    "Straight_Hair": "straight hair", "Wavy_Hair": "wavy hair", "Receding_Hairline": "receding hairline", "Sideburns": "sideburns",
    "Bangs": "bangs", "Mustache": "mustache", "Goatee": "goatee", "Heavy_Makeup": "heavy makeup", "Wearing_Lipstick": "lipstick",
    "Wearing_Earrings": "earrings", "Bushy_Eyebrows": "bushy eyebrows", "Big_Lips": "big lips", "Rosy_Cheeks": "rosy cheeks",
    "Pale_Skin": "pale skin",
}  # fmt: skip


@dataclass(frozen=True)
class Face:
    """A picture to talk about (``seed:N`` or a file name) and the ontology values that it shows already."""

    image_id: str
    present: frozenset[str]


def read_released_faces(path: Path | None = None) -> list[Face]:
    """The released table: a line ``SEED BITS`` a face, BITS 23 digits in ontology order; children are not in it."""
    path = path or RELEASE / "attributes.txt"
    faces = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        seed, _, bits = line.partition(" ")
        if not seed.isdigit() or len(bits) != len(VALUES) or set(bits) - {"0", "1"}:
            raise DataError(f"{path}, line {number} is not a face: a seed and {len(VALUES)} digits 0 or 1 are needed.")
        faces.append(Face(f"seed:{seed}", frozenset(v for v, bit in zip(VALUES, bits, strict=True) if bit == "1")))
    return faces


def read_celeba(attributes: Path, images: Path) -> list[Face]:
    """Faces of an attribute file in CelebA's layout (count, names, then a file name and 1 or -1 for each name) whose pictures
    are in ``images``. Raises DataError with file and line."""
    if not attributes.is_file():
        raise DataError(f"There is no attribute file at {attributes}.")
    if not images.is_dir():
        raise DataError(f"There is no folder of pictures at {images}.")
    lines = attributes.read_text(encoding="utf-8", errors="replace").splitlines()
    if len(lines) < 2 or not lines[0].strip().isdigit():
        raise DataError(f"{attributes}, line 1: the number of pictures is expected, then a line with attribute names.")
    names = lines[1].split()
    missing = [name for name in CELEBA if name not in names]
    if missing:
        raise DataError(f"{attributes}, line 2: the columns {', '.join(missing)} are missing.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{attributes}, line 2: the column {twice[0]} is there twice.")
    faces: list[Face] = []
    seen: dict[str, int] = {}
    absent: list[str] = []
    for number, line in enumerate(lines[2:], 3):
        if not line.strip():
            continue
        name, *cells = line.split()
        if len(cells) != len(names) or set(cells) - {"1", "-1"}:
            raise DataError(f"{attributes}, line {number}: a file name and {len(names)} numbers 1 or -1 are expected.")
        if name in seen:
            raise DataError(f"{attributes}, line {number}: {name} was on line {seen[name]} already.")
        seen[name] = number
        if Path(name).name != name:
            raise DataError(f"{attributes}, line {number}: {name} must be a plain file name.")
        if not (images / name).is_file():
            absent.append(f"{name} (line {number})")
            continue
        row = dict(zip(names, cells, strict=True))
        present = {value for column, value in CELEBA.items() if row[column] == "1"}
        if "smiling" not in present:
            present.add("no smiling")
        if not present & {"heavy makeup", "lipstick", "rosy cheeks"}:
            present.add("no makeup")
        faces.append(Face(name, frozenset(present)))
    if absent:
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        raise DataError(f"{attributes}: {', '.join(absent[:3])}{more} are not in {images}.")
    if int(lines[0]) != len(seen):
        raise DataError(f"{attributes}, line 1 promises {lines[0].strip()} pictures, but {len(seen)} follow.")
    return faces


def sizes(n: int) -> dict[str, int]:
    """How many dialogues each split gets: 10/12, 1/12, 1/12, at least one each."""
    part = max(1, n // sum(SHARES.values()))
    return {"train": n - 2 * part, "validation": part, "test": part}


def lines(faces: list[Face], n: int, seed: int, splits: tuple[str, ...] = tuple(SHARES)) -> Iterator[tuple[str, str]]:
    """(split, JSON line) of every dialogue, split by split; of the named ``splits`` only."""
    order = random.Random(f"{seed}|faces").sample(range(len(faces)), n)
    number = 0
    for split, size in sizes(n).items():
        if split not in splits:
            number += size
            continue
        for index in range(size):
            face = faces[order[number]]
            number += 1
            rng = random.Random(f"{VERSION}|{seed}|{split}|{index}")
            dialogue = one_dialogue(f"i2e-{number:05d}", rng, split, face.image_id, face.present, BENCHMARK)
            yield split, json.dumps(dialogue.to_json(), ensure_ascii=False) + "\n"


def build(
    out: Path,
    n: int = 12000,
    seed: int = 0,
    images: Path | None = None,
    attributes: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Write the dataset into ``out`` (new, empty, or an interrupted build of ours) and return its manifest.

    ``progress`` is called with the number of dialogues so far. Raises DataError for faces that do not suffice or bad input,
    OutputError when the folder holds something else or cannot be written.
    """
    if n < 3:
        raise DataError("At least 3 dialogues are needed, one for each split.")
    if (images is None) != (attributes is None):
        raise DataError("A folder of pictures and its attribute file go together: give both or neither.")
    faces = read_celeba(attributes, images) if images is not None and attributes is not None else read_released_faces()
    if len(faces) < n:
        raise DataError(f"{n} dialogues need as many faces, but there are {len(faces)}.")
    ours = {
        f"{name}{part}" for name in (*(f"{split}.jsonl" for split in SHARES), "manifest.json") for part in ("", ".part")
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        # A build that was interrupted has left a .part and nothing but files of ours; those go, the .part last.
        there = sorted(out.iterdir(), key=lambda path: path.suffix == ".part")
        finished = any(path.name == "manifest.json" for path in there)
        if there and (finished or {path.name for path in there} - ours or there[-1].suffix != ".part"):
            raise OutputError(f"{out} is not empty. Please name a new folder; nothing there was touched.")
        for path in there:
            path.unlink()
        counts = dict.fromkeys(SHARES, 0)
        hashes = {split: hashlib.sha256() for split in SHARES}
        written = dict.fromkeys(SHARES, 0)
        files = {split: (out / f"{split}.jsonl.part").open("wb") for split in SHARES}
        try:
            for done, (split, line) in enumerate(lines(faces, n, seed), 1):
                data = line.encode()
                files[split].write(data)
                hashes[split].update(data)
                counts[split] += 1
                written[split] += len(data)
                if progress is not None and done % 100 == 0:
                    progress(done)
        finally:
            for file in files.values():
                file.close()
        manifest: dict[str, Any] = {
            "version": VERSION if images is None and (n, seed) == (12000, 0) else None,
            "format": FORMAT,
            "n": n,
            "seed": seed,
            "source": "faces" if images is None else "images",
            "files": {
                f"{split}.jsonl": {
                    "sha256": hashes[split].hexdigest(), "bytes": written[split], "dialogues": counts[split],
                } for split in SHARES
            },
        }  # fmt: skip
        draft = out / "manifest.json.part"
        draft.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        for name in (*manifest["files"], draft.stem):
            os.replace(out / f"{name}.part", out / name)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}.") from error
    return manifest


def write_faces_table(path: Path, count: int = 16000) -> None:
    """Make ``attributes.txt``: what the shipped directions read off the w of ``count`` seeds from FIRST_SEED on, without likely
    children. Run once per release (``python -m i2edit.data.build``); a retrained classifier does not change a release."""
    import torch

    from i2edit.chat import CHILD_LOGIT
    from i2edit.edit.directions import Directions, label_of
    from i2edit.nets.mobile import Generator

    generator, directions = Generator.published(), Directions.from_assets()
    rows = []
    with torch.no_grad():
        for seed in range(FIRST_SEED, FIRST_SEED + count):
            logits = directions.logits(generator.seed(seed))
            if logits["child"] <= CHILD_LOGIT:
                rows.append(f"{seed} {''.join('1' if logits[label_of(v)] > 0 else '0' for v in VALUES)}")
    path.write_text("\n".join(rows) + "\n", encoding="ascii")
    print(f"{len(rows)} of {count} faces")


if __name__ == "__main__":
    write_faces_table(RELEASE / "attributes.txt")
