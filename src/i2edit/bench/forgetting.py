"""What is left of the first request after eight turns? The paper's claim (§5.1, Figures 7 and 10) as one picture.

In: a `Run` and dialogues, of which only the photos are used. Each photo gets the same kind of conversation: every turn asks for one
more value (drawn by the seed, none that the face shows already, none that excludes an earlier one), so that the belief after turn t
holds t values. Out, in OUT beside the files of `photos.py`:

    results.jsonl           a row for each mode and turn: n, every metric with its 95 % interval
    forgetting.png, .svg    identity, LPIPS and the relevance of the FIRST request against the number of turns
    strips/ID.jpg           pictures: a row for each mode, a picture for each turn (as Figure 10)

What a later turn draws over is all there is to forget: no turn takes the first request back.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2edit.bench.photos import (
    Kit,
    Progress,
    Run,
    begin,
    commit,
    each,
    load_kit,
    open_photo_of,
    write_json,
    write_lines,
)
from i2edit.bench.table3 import machine
from i2edit.bench.table4 import Cell, weights_used
from i2edit.errors import I2EditError
from i2edit.metrics.image import Measured, better_when_higher, differences, intervals, statistics
from i2edit.modes import MODES, multi_turn, single_turn
from i2edit.ontology import EXCLUDES, VALUES, EditState
from i2edit.records import Dialogue

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from i2edit.edit.directions import Directions

TURNS = 8
STRIPS = 6
SIDE = 256  # pixels of the pictures that are kept
PANELS = (
    ("id-distance:dlib", "distance of face descriptors\n(0.6: somebody else)"),
    ("id:arcface", "cosine of face descriptors (ArcFace)"),
    ("lpips:alex", "LPIPS to the photo"),
    ("relevance:first", "relevance of the first request"),
    ("judge:first", "first request seen by the judge"),
)
COLOURS = {"multi-turn": "#0969da", "single-turn": "#cf222e", "single-turn-w": "#bf8700"}


def requests(directions: Directions, w: Any, name: str, seed: int, turns: int = TURNS) -> list[str]:
    """The values that are asked for, one a turn: fewer than ``turns`` when the face leaves no more.

    Left out: what the face shows, what does not become its sex as a suggestion would not, and what excludes an earlier one.
    """
    from i2edit.data.simulate import MASCULINE

    shown = directions.present(w) | (MASCULINE if directions.logits(w)["male"] < 0 else frozenset())
    left = [value for value in VALUES if value not in shown]
    random.Random(f"{seed}|{name}|requests").shuffle(left)
    found: list[str] = []
    for value in left:
        if len(found) < turns and not EXCLUDES[value] & set(found):
            found.append(value)
    return found


@dataclass(frozen=True)
class Work:
    """One photo's conversations in some modes, as a value that travels to other processes."""

    cells: tuple[Cell, ...]
    turns: int

    def __call__(self, kit: Kit, dialogue: Dialogue, folder: Path) -> None:
        missing = [cell for cell in self.cells if not (folder / f"{cell.key}.json").is_file()]
        opened = open_photo_of(kit, dialogue, folder) if missing else None
        if opened is None:
            return
        seen = opened.view.w if opened.view.seen is None else opened.view.seen
        asked = requests(kit.editor.directions, seen, dialogue.dialogue_id, kit.run.seed, self.turns)
        states = [EditState.of(*asked[: turn + 1]) for turn in range(len(asked))]
        for cell in missing:
            _conversation(kit, opened, states, asked, cell, folder)


def _conversation(kit: Kit, opened: Any, states: list[EditState], asked: list[str], cell: Cell, folder: Path) -> None:
    """CELL-N.jpg for each turn, then CELL.json."""
    from PIL import Image

    from i2edit.images import save_image, to_image

    method = kit.methods[cell.editor]
    if cell.mode == "multi-turn":
        shown = [multi_turn(kit.editor, method, opened.view, s, compositing=cell.compositing) for s in states]
    else:
        shown = single_turn(
            kit.editor, method, opened.view, states, chain_w=cell.mode == "single-turn-w",
            compositing=cell.compositing,
        )  # fmt: skip
    turns = []
    for number, (state, one) in enumerate(zip(states, shown, strict=True), 1):
        picture = to_image(one.crop)
        measured = kit.scorer(opened.crop, picture, state.belief.values, asked[0])
        measured.scores["seconds"] = one.seconds
        turns.append({"scores": measured.scores})
        small = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        save_image(small, folder / f"{cell.key}-{number}.jpg", generated=opened.generated, quality=90)
    losses = list(kit.losses.get(cell.editor, ()))
    write_json(folder / f"{cell.key}.json", {"asked": asked, "turns": turns, "losses": losses, "commit": commit()})


# ------------------------------------------------------------------------------------------------ the run


def run(
    out: Path,
    settings: Run,
    dialogues: Sequence[Dialogue],
    *,
    turns: int = TURNS,
    modes: Sequence[str] = MODES,
    compositing: bool = True,
    make: Callable[[Run], Kit] = load_kit,
    ray: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Does what is missing, then writes rows, figure and strips → what was written, as plain data. Raises I2EditError."""
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise I2EditError(f"There is no mode called {(unknown or [''])[0]!r}. There are: {', '.join(MODES)}.")
    if not 1 <= turns <= TURNS:
        raise I2EditError(f"A conversation here has 1 to {TURNS} turns, not {turns}.")
    settings = replace(settings, features=None)  # nothing here is about sets of pictures
    cells = tuple(
        Cell(editor, mode, compositing=compositing) for editor in settings.editors for mode in MODES if mode in modes
    )
    begin(out, settings, f"forgetting, {turns} turns")
    each(make, settings, Work(cells, turns), dialogues, out, ray=ray, progress=progress)
    found = gather(out, settings, dialogues, cells, turns)
    write_lines(out / "results.jsonl", found["rows"])
    write_lines(out / "differences.jsonl", found["differences"])
    figure = draw(found)
    for suffix in ("png", "svg"):
        figure.savefig(out / f"forgetting.{suffix}", dpi=150)
    for dialogue in dialogues[:STRIPS]:
        strip(out, dialogue, cells)
    return found


def gather(
    out: Path, settings: Run, dialogues: Sequence[Dialogue], cells: Sequence[Cell], turns: int
) -> dict[str, Any]:
    """Reads what the photos' files say → rows, paired differences to multi-turn, and what was left out and why."""
    about = {
        "seed": settings.seed, "weights": weights_used(settings), "device": f"cpu, {machine()}",
    }  # fmt: skip
    kept: dict[tuple[Cell, int], dict[str, Measured]] = {(cell, t): {} for cell in cells for t in range(1, turns + 1)}
    left_out: dict[str, str] = {}
    losses: dict[str, list[str]] = {}
    commits: dict[Cell, set[str]] = {cell: set() for cell in cells}
    for dialogue in dialogues:
        folder = out / "photos" / dialogue.dialogue_id
        why = json.loads((folder / "opening.json").read_text(encoding="utf-8"))["left_out"]
        if why is not None:
            left_out[dialogue.dialogue_id] = why
            continue
        for cell in cells:
            obj = json.loads((folder / f"{cell.key}.json").read_text(encoding="utf-8"))
            losses[cell.editor] = obj["losses"]
            commits[cell].add(obj["commit"])
            for turn, row in enumerate(obj["turns"], 1):
                kept[cell, turn][dialogue.dialogue_id] = Measured(row["scores"])

    rows, compared = [], []
    for (cell, turn), pairs in kept.items():
        if not pairs:
            continue
        metrics = intervals(statistics(list(pairs.values()), ""), len(pairs), settings.seed)
        rows.append(
            cell.to_json()
            | {"turn": turn, "stack": settings.choice.stack, "n": len(pairs), "metrics": metrics}
            | {"commit": ", ".join(sorted(commits[cell])), **about}
        )
        first = Cell(cell.editor, MODES[0], compositing=cell.compositing)
        if cell != first and (first, turn) in kept:
            a, b = (statistics(list(kept[key].values()), "") for key in ((first, turn), (cell, turn)))
            metrics = differences(a, b, len(pairs), settings.seed)
            named = {"editor": cell.editor, "one": MODES[0], "minus": cell.mode, "turn": turn, "n": len(pairs)}
            compared.append(named | {"metrics": metrics})
    unscored = {}
    if not settings.image_text:
        unscored["relevance:first"] = "no image–text model was given"
    if not settings.judge:
        unscored["judge:first"] = "no second judge was given"
    return {"rows": rows, "differences": compared, "left_out": left_out, "unscored": unscored, "losses": losses}


# ------------------------------------------------------------------------------------------------ what is seen


def draw(found: dict[str, Any]) -> Figure:
    """The figure: a panel for each metric that was scored, a line with its 95 % interval for each editor and mode."""
    from matplotlib.figure import Figure

    there = {name for row in found["rows"] for name in row["metrics"]}
    panels = [(name, label) for name, label in PANELS if name in there]
    figure = Figure(figsize=(3.6 * len(panels) + 0.4, 3.4), layout="constrained")
    editors = list(dict.fromkeys(row["editor"] for row in found["rows"]))
    for number, (name, label) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), number)
        for style, editor in zip(("-", "--", ":", "-."), editors, strict=False):
            for mode in MODES:
                rows = [r for r in found["rows"] if (r["editor"], r["mode"]) == (editor, mode) and name in r["metrics"]]
                if not rows:
                    continue
                turns = [row["turn"] for row in rows]
                mean, low, high = ([row["metrics"][name][part] for row in rows] for part in ("mean", "low", "high"))
                text = mode if len(editors) == 1 else f"{editor}, {mode}"
                axes.plot(turns, mean, style, marker="o", markersize=3, color=COLOURS[mode], label=text)
                axes.fill_between(turns, low, high, color=COLOURS[mode], alpha=0.15, linewidth=0)
        mark = " †" if any(name in losses for losses in found["losses"].values()) else ""
        axes.set_title(f"{label}{mark} {'↑' if better_when_higher(name) else '↓'}", fontsize=9)
        axes.set_xlabel("turns", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        if number == 1:
            axes.legend(fontsize=8)
    return figure


def strip(out: Path, dialogue: Dialogue, cells: Sequence[Cell]) -> Path | None:
    """strips/ID.jpg: a row for each mode: the photo, then the picture after each turn, with what the turn asked for."""
    from PIL import Image, ImageDraw, ImageFont

    from i2edit.images import INK, PAPER, save_image

    folder = out / "photos" / dialogue.dialogue_id
    if not (folder / "crop.png").is_file():
        return None
    asked = json.loads((folder / f"{cells[0].key}.json").read_text(encoding="utf-8"))["asked"]
    side, gap, head, left = 160, 4, 22, 110
    size = (left + (side + gap) * (len(asked) + 1), head + (side + gap) * len(cells))
    paper = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(12)
    for column, text in enumerate(["the photo", *(f"+ {value}" for value in asked)]):
        pen.text((left + column * (side + gap), 4), text, fill=INK, font=font)
    for line, cell in enumerate(cells):
        top = head + line * (side + gap)
        pen.multiline_text((4, top + side // 2 - 14), f"{cell.editor}\n{cell.mode}", fill=INK, font=font)
        names = ["crop.png", *(f"{cell.key}-{turn}.jpg" for turn in range(1, len(asked) + 1))]
        for column, name in enumerate(names):
            with Image.open(folder / name) as image:
                small = image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
            paper.paste(small, (left + column * (side + gap), top))
    generated = dialogue.image_id.startswith("seed:")
    return save_image(paper, out / "strips" / f"{dialogue.dialogue_id}.jpg", generated=generated)


__all__ = ["requests", "run"]
