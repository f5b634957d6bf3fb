"""Edits on real portraits, made ready for a fresh pair of eyes.

    python -m i2edit.bench.portraits --photos DIR --out DIR

Six real portraits that come with Python packages (never committed; see PORTRAITS for where each comes from), eight
single edits each with their strengths, and one conversation of four turns. Writes numbered before/after pairs in random
order, a question with five choices for each (`questions.json`), the key apart from them (`key.json`), and what is
measured without eyes: the identity distance after four turns (dlib) and whether pixels outside the mask are the
photo's own (`measured.json`). `score` compares answers with the key.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from i2edit.ontology import VALUES, Belief, EditState

SEED = 0
CHOICES = 5


@dataclass(frozen=True)
class Portrait:
    """A photo, which face of it, eight single edits (value, strength) and four turns that end in one belief."""

    file: str
    face: int
    origin: str
    edits: tuple[tuple[str, float], ...]
    turns: tuple[tuple[str, ...], ...]


PORTRAITS = (
    Portrait(
        "astronaut.png", 1, "skimage.data.astronaut()",
        (("no smiling", 1.0), ("blond hair", 1.0), ("black hair", 1.0), ("bangs", 1.0),
         ("wavy hair", 1.0), ("lipstick", 1.5), ("goatee", 1.2), ("angry", 1.0)),
        (("black hair",), ("black hair", "bangs"), ("black hair", "bangs", "lipstick"), ("no smiling", "black hair", "bangs", "lipstick")),
    ),
    Portrait(
        "biden.jpg", 1, "PyPI face_recognition 1.3.0 (sdist), tests/test_images",
        (("smiling", 1.2), ("mustache", 1.3), ("goatee", 1.3), ("bangs", 1.2),
         ("pale skin", 1.0), ("rosy cheeks", 1.2), ("lipstick", 1.5), ("heavy makeup", 1.3)),
        (("smiling",), ("smiling", "mustache"), ("smiling", "bangs", "mustache"), ("smiling", "bangs", "mustache", "rosy cheeks")),
    ),
    Portrait(
        "obama.jpg", 1, "PyPI face_recognition 1.3.0 (sdist), tests/test_images",
        (("no smiling", 1.0), ("angry", 1.0), ("blond hair", 1.3), ("black hair", 1.0),
         ("bangs", 1.0), ("goatee", 1.3), ("mustache", 1.3), ("pale skin", 1.0)),
        (("no smiling",), ("no smiling", "black hair"), ("no smiling", "black hair", "goatee"), ("no smiling", "black hair", "mustache", "goatee")),
    ),
    Portrait(
        "t1.jpg", 1, "PyPI insightface 0.7.3 (sdist), data/images",
        (("blond hair", 1.2), ("gray hair", 1.2), ("bangs", 1.0), ("mustache", 1.2),
         ("goatee", 1.2), ("smiling", 1.2), ("pale skin", 1.0), ("lipstick", 1.5)),
        (("gray hair",), ("gray hair", "goatee"), ("gray hair", "mustache", "goatee"), ("smiling", "gray hair", "mustache", "goatee")),
    ),
    Portrait(
        "t1.jpg", 3, "PyPI insightface 0.7.3 (sdist), data/images",
        (("smiling", 1.2), ("black hair", 1.2), ("gray hair", 1.2), ("bangs", 1.2),
         ("wavy hair", 1.0), ("rosy cheeks", 1.2), ("lipstick", 1.5), ("mustache", 1.2)),
        (("smiling",), ("smiling", "black hair"), ("smiling", "black hair", "bangs"), ("smiling", "black hair", "bangs", "lipstick")),
    ),
    Portrait(
        "t1.jpg", 4, "PyPI insightface 0.7.3 (sdist), data/images",
        (("no smiling", 1.0), ("black hair", 1.2), ("gray hair", 1.2), ("bangs", 1.2),
         ("lipstick", 1.5), ("heavy makeup", 1.2), ("sad", 1.2), ("goatee", 1.2)),
        (("bangs",), ("bangs", "lipstick"), ("brown hair", "bangs", "lipstick"), ("no smiling", "brown hair", "bangs", "lipstick")),
    ),
)  # fmt: skip


def state_of(edits: tuple[tuple[str, float], ...]) -> EditState:
    """The edit state of (value, strength) pairs."""
    state = EditState(Belief.of(*(value for value, _ in edits)))
    for value, strength in edits:
        state = state.with_strength(value, strength)
    return state


def run(photos: Path, out: Path, only: list[int] | None = None) -> dict[str, Any]:
    """Opens every portrait, makes every edit, writes the pairs. Returns what was measured."""
    from PIL import Image

    from i2edit.beyond import REACH
    from i2edit.chat import Editor
    from i2edit.cli import frame
    from i2edit.render import HAIR_COLOURS

    (out / "pairs").mkdir(parents=True, exist_ok=True)
    editor = Editor.load()
    rng = np.random.default_rng(SEED)
    pairs: list[tuple[Any, Any, str, str]] = []
    measured: list[dict[str, Any]] = []
    for index, portrait in enumerate(PORTRAITS):
        if only and index + 1 not in only:
            continue
        began = time.perf_counter()
        chat = editor.open(photos / portrait.file, portrait.face)
        opening = time.perf_counter() - began
        before = np.asarray(chat.photo)
        outside_equal = True
        for edit in portrait.edits:
            picture = chat.picture(state_of((edit,)))
            pairs.append(
                (frame(chat, chat.photo), frame(chat, picture.image), edit[0], f"{portrait.file}#{portrait.face}")
            )
        distances = []
        for turn in portrait.turns:
            picture = chat.picture(EditState(Belief.of(*turn)))
            distances.append(round(picture.identity_distance, 4))
        after = np.asarray(picture.image)
        quad = chat.aligned.quad
        if HAIR_COLOURS & {value for turn in portrait.turns for value in turn}:  # the dye goes on beyond the crop
            quad = quad.mean(0) + REACH * (quad - quad.mean(0))
        low, high = quad.min(0) - 2, quad.max(0) + 2
        rows, columns = np.mgrid[: before.shape[0], : before.shape[1]]
        away = (columns < low[0]) | (columns > high[0]) | (rows < low[1]) | (rows > high[1])
        outside_equal = bool((before[away] == after[away]).all())
        frame(chat, picture.image).save(out / f"four-turns-{index + 1}.png")
        row = {
            "portrait": f"{portrait.file}#{portrait.face}", "origin": portrait.origin, "open_s": round(opening, 1),
            "lpips": round(chat.opening["lpips"], 4), "inversion_identity": round(chat.opening["identity"], 4),
            "identity_by_turn": distances, "identity_after_four_turns": distances[-1],
            "changed_share": round(float((before != after).any(2).mean()), 4), "outside_equal": outside_equal,
        }  # fmt: skip
        measured.append(row)
        print(json.dumps(row), flush=True)
    questions, key = [], []
    for number, which in enumerate(rng.permutation(len(pairs)), 1):
        before_image, after_image, value, name = pairs[which]
        others = [other for other in VALUES if other != value]
        choices = [value, *rng.choice(others, CHOICES - 1, replace=False)]
        choices = [str(choice) for choice in rng.permutation(choices)]
        size = (512, round(512 * before_image.height / before_image.width))
        canvas = Image.new("RGB", (1034, size[1]), "white")
        canvas.paste(before_image.resize(size, Image.Resampling.LANCZOS), (0, 0))
        canvas.paste(after_image.resize(size, Image.Resampling.LANCZOS), (522, 0))
        canvas.save(out / "pairs" / f"{number:02d}.png")
        questions.append({"number": number, "choices": choices})
        key.append({"number": number, "value": value, "portrait": name})
    (out / "questions.json").write_text(json.dumps(questions, indent=1) + "\n")
    (out / "key.json").write_text(json.dumps(key, indent=1) + "\n")
    result = {"seed": SEED, "pairs": len(pairs), "portraits": measured}
    (out / "measured.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def score(out: Path, answers: Path) -> dict[str, Any]:
    """Answers `[{"number": 1, "value": "bangs"}, …]` against the key: share right, and every miss."""
    key = {row["number"]: row for row in json.loads((out / "key.json").read_text())}
    given = {row["number"]: row["value"] for row in json.loads(answers.read_text())}
    misses = [
        {"number": n, "portrait": row["portrait"], "made": row["value"], "named": given.get(n)}
        for n, row in sorted(key.items()) if given.get(n) != row["value"]
    ]  # fmt: skip
    return {
        "pairs": len(key),
        "right": len(key) - len(misses),
        "share": round(1 - len(misses) / len(key), 4),
        "misses": misses,
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Edits on real portraits, made ready for a fresh pair of eyes.")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", type=int, nargs="*", help="portraits by number, from 1")
    parser.add_argument("--answers", type=Path, help="score these answers instead of making pictures")
    options = parser.parse_args(argv)
    if options.answers:
        print(json.dumps(score(options.out, options.answers), indent=1))
    else:
        run(options.photos, options.out, options.only)


if __name__ == "__main__":
    main()
