"""The paper's Table 4 beside ours: editors × modes × inputs on the same photos and dialogues, in one run.

In: a `Run` and dialogues (the released test split by default). Out, in OUT beside the files of `photos.py`:

    results.jsonl       a row a cell: what it is, n, every metric with its 95 % interval
    differences.jsonl   pairs of cells on the photos that both have: differences with paired intervals
    table4.md           the table to read
    strips/ID.jpg       pictures: the photo, then what each cell made of it

The picture after the last turn is scored, against the photo's face crop. A cell's seconds are those of one turn's edit: without
opening the photo, with the inversion that a single-turn step needs. Metrics that were losses are marked † in the table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from i2edit.bench.photos import (
    VGG,
    Kit,
    Opened,
    Progress,
    Run,
    begin,
    commit,
    each,
    load_kit,
    open_photo_of,
    write_json,
    write_lines,
    write_text,
)
from i2edit.bench.table3 import machine
from i2edit.errors import I2EditError
from i2edit.metrics.image import FACETEXT, JUDGE, Measured, better_when_higher, differences, intervals, statistics
from i2edit.modes import INPUTS, MODES, Shown, TextMethod, draw, from_dialogue, multi_turn, single_turn, texts
from i2edit.ontology import EditState
from i2edit.records import Dialogue

if TYPE_CHECKING:
    from i2edit.dialogue.tracking import Tracker

NO_EDIT = "no edit"
STRIPS = 12  # picture strips, of the first photos
PAPER: tuple[tuple[str, ...], ...] = (  # as printed: mode, input, FID, LPIPS, MinRel, AvgRel
    ("single-turn", "UER", "41.765", "0.484", "0.731", "0.752"),
    ("multi-turn", "UER", "39.215", "0.443", "0.752", "0.770"),
    ("single-turn", "Dial", "43.193", "0.475", "0.745", "0.764"),
    ("multi-turn", "Dial", "39.524", "0.442", "0.749", "0.769"),
)


@dataclass(frozen=True)
class Cell:
    """A row of the table."""

    editor: str
    mode: str = "multi-turn"
    input: str = "UER"
    compositing: bool = True

    @property
    def key(self) -> str:
        """Its file name."""
        editor = "".join(c if c.isalnum() or c in "-_" else "-" for c in self.editor)
        return f"{editor}.{self.mode}.{self.input}.{'composited' if self.compositing else 'plain'}"

    def to_json(self) -> dict[str, Any]:
        """The four fields of a result row."""
        return {"editor": self.editor, "mode": self.mode, "input": self.input, "compositing": self.compositing}

    @property
    def text(self) -> str:
        """For a caption."""
        where = "composited" if self.compositing else "plain"
        return (
            f"{self.editor}, {where}"
            if self.editor == NO_EDIT
            else f"{self.editor}, {self.mode}, {self.input}, {where}"
        )


def cells_of(
    editors: Sequence[str],
    modes: Sequence[str] = MODES,
    inputs: Sequence[str] = ("UER", "predicted"),
    compositing: Sequence[bool] = (True, False),
) -> list[Cell]:
    """All rows: `no edit` first; `Dial` without compositing only, because a dialogue names no regions. Raises I2EditError."""
    for named, known, what in ((modes, MODES, "mode"), (inputs, INPUTS, "input")):
        unknown = [name for name in named if name not in known]
        if unknown or not named:
            raise I2EditError(f"There is no {what} called {(unknown or [''])[0]!r}. There are: {', '.join(known)}.")
    found = [Cell(NO_EDIT, compositing=c) for c in compositing]
    for editor in editors:
        for said in inputs:
            for mode in modes:
                for c in compositing:
                    if said != "Dial" or not c:
                        found.append(Cell(editor, mode, said, c))
    return found


# ------------------------------------------------------------------------------------------------ one photo


def states_of(dialogue: Dialogue) -> list[EditState]:
    """What is wanted after each turn, as the data say."""
    return [EditState(turn.belief, tuple((turn.strength or {}).items())) for turn in dialogue.turns]


def predicted_states(model: Tracker, dialogue: Dialogue) -> list[EditState]:
    """The same as a tracker understands it, its own beliefs carried on, with the replies of the data."""
    from i2edit.dialogue import Conversation, Spoken
    from i2edit.dialogue.tracking import hear_all
    from i2edit.errors import MessageError
    from i2edit.records import Act

    conv, found = Conversation(), []
    for turn in dialogue.turns:
        if turn.event is not None:
            conv = conv.event(turn.event)
        else:
            text = turn.user or ""
            _, heard = hear_all(model, [(conv, text)])[0]
            if not isinstance(heard, MessageError):
                conv = conv.hear(text, heard).reply(Spoken(turn.system or "", turn.act or Act("next")))
        found.append(conv.state)
    return found


def work_on(cells: Sequence[Cell], kit: Kit, dialogue: Dialogue, folder: Path) -> None:
    """Makes and measures what is missing of a photo's cells."""
    missing = [cell for cell in cells if not (folder / f"{cell.key}.json").is_file()]
    if not missing:
        return
    opened = open_photo_of(kit, dialogue, folder)
    if opened is None:
        return
    predicted: list[EditState] | None = None
    for cell in missing:
        if cell.input == "predicted" and predicted is None:
            predicted = predicted_states(kit.editor.dialogue, dialogue)
        states = predicted if cell.input == "predicted" and predicted is not None else states_of(dialogue)
        _cell(kit, dialogue, states, opened, cell, folder)


def _cell(kit: Kit, dialogue: Dialogue, states: list[EditState], opened: Opened, cell: Cell, folder: Path) -> None:
    """One cell of one photo: CELL.jpg, then CELL.json."""
    from i2edit.images import save_image, to_image

    shown, cut = _shown(kit, dialogue, states, opened, cell)
    picture = to_image(shown[-1].crop)
    wanted = states_of(dialogue)[-1].belief.values  # whatever the input was
    measured = kit.scorer(opened.crop, picture, wanted)
    spent = [one.seconds for one in shown if one.seconds > 0.001] or [0.0]  # turns that changed nothing cost nothing
    measured.scores["seconds"] = None if cell.editor == NO_EDIT else sum(spent) / len(spent)
    save_image(picture, folder / f"{cell.key}.jpg", generated=opened.generated, quality=90)
    about = {"belief": states[-1].belief.text, "turns": len(shown), "prompt_cut": cut}
    about |= {"losses": kit.losses.get(cell.editor, ()), "features": kit.scorer.feature_name, "commit": commit()}
    write_json(folder / f"{cell.key}.json", about | measured.to_json())


def _shown(
    kit: Kit, dialogue: Dialogue, states: list[EditState], opened: Opened, cell: Cell
) -> tuple[list[Shown], float | None]:
    view = opened.view
    if cell.editor == NO_EDIT:
        return [Shown(*draw(kit.editor, view, [], cell.compositing), 0.0)], None
    method = kit.methods[cell.editor]
    if cell.input == "Dial":
        if not hasattr(method, "find"):
            raise I2EditError(f"The editor {cell.editor} does not follow free text: leave the input Dial out.")
        return from_dialogue(kit.editor, cast(TextMethod, method), view, texts(dialogue), cell.mode)
    if cell.mode == "multi-turn":
        return [multi_turn(kit.editor, method, view, states[-1], compositing=cell.compositing)], None
    chain = cell.mode == "single-turn-w"
    return single_turn(kit.editor, method, view, states, chain_w=chain, compositing=cell.compositing), None


# ------------------------------------------------------------------------------------------------ the run


def run(
    out: Path,
    settings: Run,
    dialogues: Sequence[Dialogue],
    cells: Sequence[Cell],
    *,
    make: Callable[[Run], Kit] = load_kit,
    ray: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Does what is missing, then writes results, differences, table and strips → what was written, as plain data.

    Raises I2EditError.
    """
    begin(out, settings, "table4")
    each(make, settings, partial(work_on, tuple(cells)), dialogues, out, ray=ray, progress=progress)
    found = gather(out, settings, dialogues, cells)
    write_lines(out / "results.jsonl", found["rows"])
    write_lines(out / "differences.jsonl", found["differences"])
    text = table4_text(found)
    write_text(out / "table4.md", text + "\n")
    for dialogue in dialogues[:STRIPS]:
        strip(out, dialogue, cells)
    return found


def gather(out: Path, settings: Run, dialogues: Sequence[Dialogue], cells: Sequence[Cell]) -> dict[str, Any]:
    """Reads what the photos' files say → rows, differences, and what was left out and why."""
    about = {"weights": weights_used(settings), "device": f"cpu, {machine()}"}
    commits: dict[Cell, set[str]] = {cell: set() for cell in cells}
    opened: list[dict[str, float]] = []
    left_out: dict[str, str] = {}
    losses: dict[str, list[str]] = {}
    name = ""
    kept: dict[Cell, dict[str, Measured]] = {cell: {} for cell in cells}
    cut: dict[Cell, list[float]] = {cell: [] for cell in cells}
    for dialogue in dialogues:
        folder = out / "photos" / dialogue.dialogue_id
        opening = json.loads((folder / "opening.json").read_text(encoding="utf-8"))
        if opening["left_out"] is not None:
            left_out[dialogue.dialogue_id] = opening["left_out"]
            continue
        opened.append({name: opening[name] for name in ("seconds", "lpips", "identity")})
        for cell in cells:
            obj = json.loads((folder / f"{cell.key}.json").read_text(encoding="utf-8"))
            kept[cell][dialogue.dialogue_id] = Measured.from_json(obj)
            commits[cell].add(obj["commit"])
            losses[cell.editor], name = obj["losses"], obj["features"]
            if obj["prompt_cut"] is not None:
                cut[cell].append(obj["prompt_cut"])
    rows = [
        cell.to_json() | {"stack": settings.choice.stack, "n": len(kept[cell])}
        | {"metrics": intervals(statistics(list(kept[cell].values()), name), len(kept[cell]), settings.seed)}
        | {"seed": settings.seed, "commit": ", ".join(sorted(commits[cell])), **about}
        for cell in cells
    ]  # fmt: skip
    compared = []
    for one, other in comparisons(cells):
        shared = [key for key in kept[one] if key in kept[other]]
        a, b = (statistics([kept[cell][key] for key in shared], name) for cell in (one, other))
        compared.append(
            {"one": one.to_json(), "minus": other.to_json(), "n": len(shared)}
            | {"metrics": differences(a, b, len(shared), settings.seed)}
        )
    scored = {metric for row in rows for metric in row["metrics"]}
    unscored = {}
    if not settings.image_text:
        unscored["minrel, avgrel"] = "no image–text model was given"
    if not settings.judge:
        unscored["judge"] = "no second judge was given"
    return {
        "rows": rows, "differences": compared, "left_out": left_out, "unscored": unscored, "scored": sorted(scored),
        "losses": losses, "image_text": settings.image_text, "opening": settings.opening, "opened": opened, "steps_scale": settings.steps_scale,
        "nothing_asked_for": sum(not states_of(d)[-1].belief for d in dialogues if d.dialogue_id not in left_out),
        "prompt_cut": {cell.text: sum(shares) / len(shares) for cell, shares in cut.items() if shares},
    }  # fmt: skip


def comparisons(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Cell]]:
    """Multi-turn minus each single-turn mode; the first editor minus each other; UER minus each other input."""
    there = set(cells)
    editors = list(dict.fromkeys(cell.editor for cell in cells if cell.editor != NO_EDIT))
    for cell in cells:
        if cell.editor == NO_EDIT:
            continue
        others = [Cell(cell.editor, mode, cell.input, cell.compositing) for mode in MODES[1:] if cell.mode == MODES[0]]
        others += [
            Cell(name, cell.mode, cell.input, cell.compositing) for name in editors[1:] if cell.editor == editors[0]
        ]
        others += [
            Cell(cell.editor, cell.mode, said, cell.compositing) for said in INPUTS[1:] if cell.input == INPUTS[0]
        ]
        yield from ((cell, other) for other in others if other in there)


def weights_used(settings: Run) -> dict[str, str]:
    """Name → the beginning of its sha256, or what the run calls it."""
    import hashlib

    from i2edit import weights
    from i2edit.assets import FOLDER

    names = ["mobilestylegan", "lpips-alex", "dlib-face"] + (["lpips-vgg"] if settings.features == VGG else [])
    found = {name: weights.entry(name).sha256[:12] for name in names}
    files = {name: FOLDER / f"{name}.safetensors" for name in ("axes", "directions", "regions", "regressor", "readout")}
    choice = settings.networks
    if settings.image_text == FACETEXT or (choice.editor == "optimise" and choice.clip is None):
        files[FACETEXT] = FOLDER / "facetext" / "model.safetensors"
    if settings.judge == JUDGE:
        files[JUDGE] = FOLDER / "judge" / "model.safetensors"
    for name, path in files.items():
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    for part in ("features", "image_text", "judge", "arcface"):
        if getattr(settings, part) not in (None, VGG, JUDGE):
            found[part] = getattr(settings, part)
    for part in ("encoder", "generator", "clip"):
        if getattr(choice, part):
            found[part] = getattr(choice, part)
    return found


# ------------------------------------------------------------------------------------------------ what is read


def strip(out: Path, dialogue: Dialogue, cells: Sequence[Cell]) -> Path | None:
    """strips/ID.jpg: the photo with what is wanted at the end, then each cell's picture (as Figures 8, 10 and 11)."""
    from PIL import Image

    from i2edit.images import save_image, sheet

    folder = out / "photos" / dialogue.dialogue_id
    if not (folder / "crop.png").is_file():
        return None
    panels = []
    wanted = states_of(dialogue)[-1].belief.text
    for path, caption in [
        (folder / "crop.png", f"the photo; wanted: {wanted}"),
        *((folder / f"{cell.key}.jpg", cell.text) for cell in cells),
    ]:
        if path.is_file():
            with Image.open(path) as image:
                small = image.convert("RGB")
                small.thumbnail((320, 320), Image.Resampling.LANCZOS)
                panels.append((small, caption))
    (out / "strips").mkdir(exist_ok=True)
    generated = dialogue.image_id.startswith("seed:")
    return save_image(sheet(panels, width=240), out / "strips" / f"{dialogue.dialogue_id}.jpg", generated=generated)


def table4_text(found: dict[str, Any]) -> str:
    """The table in Markdown with what its figures depend on, the differences, and the paper's rows as printed."""
    order = ("fid:", "kid:", "lpips:", "minrel", "avgrel", "id:", "id-distance:", "judge", "seconds")
    metrics = sorted(found["scored"], key=lambda name: next(i for i, p in enumerate(order) if name.startswith(p)))
    heads = [
        f"{name} {'' if name == 'seconds' else '↑' if better_when_higher(name) else '↓'}".strip() for name in metrics
    ]
    lines = [
        f"| editor | mode | input | compositing | n | {' | '.join(heads)} |",
        f"|---|---|---|---|---:|{'---:|' * len(metrics)}",
    ]
    for row in found["rows"]:
        marked = found["losses"].get(row["editor"], [])
        figures = [_figure(row["metrics"].get(name), "†" if name in marked else "") for name in metrics]
        named = [row["editor"], "–", "–"] if row["editor"] == NO_EDIT else [row["editor"], row["mode"], row["input"]]
        lines.append(f"| {' | '.join([*named, 'yes' if row['compositing'] else 'no', str(row['n']), *figures])} |")
    lines += [
        "",
        *_notes(found),
        "",
        "Differences on the same photos, with paired 95 % intervals; * where the interval is all on one side of 0:",
        "",
    ]
    lines += [f"| one | minus | n | {' | '.join(metrics)} |", f"|---|---|---:|{'---:|' * len(metrics)}"]
    for row in found["differences"]:
        one, other = (Cell(**row[side]).text for side in ("one", "minus"))
        figures = [_difference(row["metrics"].get(name)) for name in metrics]
        lines.append(f"| {one} | {other} | {row['n']} | {' | '.join(figures)} |")
    lines += [
        "", "The paper's Table 4 as printed. It was measured with other networks on other photos and dialogues; its figures and ours "
        "cannot be compared, only which row is ahead of which:", "",
        "| mode | input | FID ↓ | LPIPS ↓ | MinRel ↑ | AvgRel ↑ |", "|---|---|---:|---:|---:|---:|",
        *(f"| {' | '.join(row)} |" for row in PAPER),
    ]  # fmt: skip
    return "\n".join(lines)


def _figure(row: dict[str, float] | None, mark: str) -> str:
    return "–" if row is None else f"{row['mean']:.4g}{mark} [{row['low']:.4g}, {row['high']:.4g}]"


def _difference(row: dict[str, float] | None) -> str:
    if row is None:
        return "–"
    return f"{row['mean']:+.3g} [{row['low']:+.3g}, {row['high']:+.3g}]{'*' if row['low'] * row['high'] > 0 else ''}"


def _opened(rows: list[dict[str, float]]) -> list[str]:
    if not rows:
        return []
    mean = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
    return [
        f"Opening a photo: {mean['seconds']:.0f} s; its w's picture is at LPIPS {mean['lpips']:.3f} and descriptor distance "
        f"{mean['identity']:.2f} (means)."
    ]


def _notes(found: dict[str, Any]) -> list[str]:
    row = found["rows"][0]
    how = {
        "inversion": "saved as ordinary pictures and inverted, as are the outputs that single-turn goes on from",
        "seed": "opened by their own w; only the outputs that single-turn goes on from are inverted",
    }
    notes = [
        "Brackets: 95 % intervals of a bootstrap over photos. † was a loss, or is what the weights were trained with or on.",
        f"Generated faces are {how[found['opening']]}; {found['steps_scale']:g} × the inverter's steps.",
        *_opened(found["opened"]),
        "`no edit`: the photo itself (compositing), or the generator's picture of its w. Seconds are those of one turn's edit, with "
        "the inversion that a single-turn step needs.",
        "FID of few pictures is far too high and is comparable between rows of equal n only; edited pictures and their originals "
        "show the same people, which lowers FID and KID alike in all rows.",
        f"seed {row['seed']}; commit {row['commit']}; {row['device']}.",
        *(f"Not scored: {name} ({why})." for name, why in found["unscored"].items()),
        *(f"Left out: {name} ({why})" for name, why in found["left_out"].items()),
        *(f"{share:.1%} of the words did not fit the prompt: {name}." for name, share in found["prompt_cut"].items()),
    ]
    if found.get("image_text") == FACETEXT:
        notes.append(
            f"minrel and avgrel: {FACETEXT}, the shipped face–text encoder. It learned from the labels that `directions` learned from, and "
            "from their linear maps: they may be wrong in the same way."
        )
    if found["nothing_asked_for"]:
        notes.append(f"{found['nothing_asked_for']} dialogues end with nothing wanted: no relevance, but all else.")
    return [f"- {note}" for note in notes]


__all__ = ["Cell", "cells_of", "predicted_states", "run", "states_of", "table4_text", "work_on"]
