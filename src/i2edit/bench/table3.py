"""The paper's Table 3 beside ours: tracking and replies of the dialogue module.

In: a gold file, and a dialogue model or its prediction file. Out: a plain dict (``run``) and the table
(``table3_text``).

    rows = {"i2edit compact": run(Path("test.jsonl"), Path("train.jsonl"), load_dialogue())}
    print(table3_text(rows))

The paper's data were never released: its rows were measured on another test set than ours.
"""

from __future__ import annotations

import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from i2edit.dialogue.tracking import (
    Progress,
    Tracker,
    gold_conversations,
    hear_all,
    read_checked,
    to_answer,
    track_file,
)
from i2edit.errors import I2EditError, MessageError
from i2edit.metrics.response import floors, response_scores
from i2edit.metrics.tracking import tracking_scores
from i2edit.records import Dialogue

PAPER: dict[str, tuple[str, str, str, str]] = {  # as printed; joint accuracy in percent
    "paper, PPTOD small": ("77.482", "29.508", "0.504", "0.884"),
    "paper, PPTOD base": ("79.206", "29.512", "0.516", "0.886"),
    "paper, PPTOD large": ("75.177", "30.030", "0.523", "0.890"),
}
COLUMNS = ("Joint Acc ↑", "BLEU ↑", "Distinct-1 ↑", "Distinct-2 ↑", "Distinct-1 corpus ↑", "Distinct-2 corpus ↑")
_DISTINCT = ("distinct_1_dialogue", "distinct_2_dialogue", "distinct_1_corpus", "distinct_2_corpus")
_FLOORS = {"random_reply": "random reply of the gold act", "copy_nearest": "reply copied from the nearest context"}


def run(
    gold: Path,
    train: Path | None = None,
    model: Tracker | None = None,
    pred: Path | None = None,
    *,
    seed: int = 0,
    timed: int = 50,
    batch: int = 32,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Everything about a model, or about the predictions in a file, as plain numbers and texts.

    With ``pred`` that file is scored, else ``model`` tracks ``gold`` first; with a model, ``timed`` turns are also
    timed one by one. Without ``train`` there are no floors. Raises I2EditError with neither, DataError for bad input.
    """
    if model is None and pred is None:
        raise I2EditError("Give a dialogue model or a file of predictions to evaluate.")
    from i2edit.train.dialogue import commit_hash

    dialogues = read_checked(gold)
    tracked: dict[str, Any] | None = None
    if pred is not None:
        predicted = read_checked(pred)
    else:
        assert model is not None
        with tempfile.TemporaryDirectory(prefix="i2edit-") as folder:
            out = Path(folder) / "pred.jsonl"
            tracked = asdict(track_file(gold, out, model, progress, batch))
            predicted = read_checked(out)
    tracking = tracking_scores(dialogues, predicted, seed)
    return {
        "gold": Path(gold).name,
        "n": {"dialogues": tracking["dialogues"], "turns": tracking["turns"]},
        "tracking": tracking,
        "response": response_scores(dialogues, predicted),
        "floors": floors(dialogues, train, seed) if train is not None else None,
        "tracked": tracked,
        "seconds_per_turn": seconds_per_turn(model, dialogues, timed, seed)
        if model is not None and timed > 0
        else None,
        "seed": seed,
        "commit": commit_hash(),
        "machine": machine(),
    }


def seconds_per_turn(model: Tracker, dialogues: Sequence[Dialogue], turns: int = 50, seed: int = 0) -> dict[str, Any]:
    """Median seconds of track alone and of track + respond, one turn at a time with its gold history, on ``turns``
    turns drawn by the seed, after one to warm up. Messages that the model refuses are not timed."""
    rows = [
        (turn, conv)
        for dialogue in dialogues
        for turn, conv in zip(
            (t for t in dialogue.turns if t.user is not None), gold_conversations(dialogue), strict=True
        )
    ]
    drawn = random.Random(seed).sample(rows, min(turns, len(rows)))
    track: list[float] = []
    both: list[float] = []
    for index, (turn, conv) in enumerate((*drawn[:1], *drawn)):
        began = time.perf_counter()
        heard_in, heard = hear_all(model, [(conv, turn.user or "")])[0]
        if isinstance(heard, MessageError):
            continue
        tracked = time.perf_counter()
        model.respond(*to_answer(heard_in, turn, heard))
        if index:
            track.append(tracked - began)
            both.append(time.perf_counter() - began)
    return {
        "track": statistics.median(track) if track else None,
        "track_and_respond": statistics.median(both) if both else None,
        "turns": len(track),
    }


def machine() -> str:
    """What it ran on: processors, threads that torch uses, system, Python."""
    import torch

    processors = f"{os.cpu_count()} CPUs, {torch.get_num_threads()} threads"
    return f"{processors}, {platform.platform()}, Python {platform.python_version()}"


def table3_text(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The table in Markdown: the paper's rows as printed, then ours (name → what ``run`` returned) with the floors and
    the data's own replies, once for each gold file; below it what the figures depend on."""
    lines: list[tuple[str, ...]] = [("", *COLUMNS), *((name, *cells, "–", "–") for name, cells in PAPER.items())]
    notes: list[str] = []
    shown: set[str] = set()
    for name, found in rows.items():
        tracking, response = found["tracking"], found["response"]
        low, high = tracking["joint_accuracy_interval"]
        joint = f"{100 * tracking['joint_accuracy']:.3f} [{100 * low:.1f}, {100 * high:.1f}]"
        lines.append((name, joint, _number(response["bleu"]), *(_number(response[key]) for key in _DISTINCT)))
        notes.append(_note(name, found))
    for found in sorted(rows.values(), key=lambda one: one["floors"] is None):
        if found["gold"] in shown:
            continue
        shown.add(found["gold"])
        where = f"{found['gold']}: "
        for key, label in _FLOORS.items() if found["floors"] else ():
            floor = found["floors"][key]
            lines.append((where + label, "–", _number(floor["bleu"]), *(_number(floor[name]) for name in _DISTINCT)))
        own = (_number(found["response"][f"reference_{name}"]) for name in _DISTINCT)
        lines.append((where + "the data's own replies", "–", "–", *own))
    table = [f"| {' | '.join(line)} |" for line in lines]
    table.insert(1, f"|---|{'---:|' * len(COLUMNS)}")
    told = (
        "Joint accuracy in percent, with the 95 % interval of a bootstrap over dialogues. Distinct is the mean over "
        "dialogues, then over all replies together. The paper's rows were measured on its own test set, which was "
        "never released."
    )
    return "\n".join([*table, "", told, *notes])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _note(name: str, found: Mapping[str, Any]) -> str:
    seconds, tracked = found["seconds_per_turn"], found["tracked"]
    parts = [
        f"{found['gold']}, n = {found['n']['dialogues']} dialogues, {found['n']['turns']} turns",
        f"slot F1 {found['tracking']['overall']['f1']:.3f}",
    ]
    if seconds is not None and seconds["track"] is not None:
        parts.append(
            f"median of {seconds['turns']} turns {seconds['track']:.3f} s to track, "
            f"{seconds['track_and_respond']:.3f} s to track and respond"
        )
    if tracked is not None:
        spent = tracked["seconds_track"] + tracked["seconds_respond"]
        parts.append(f"the file at {tracked['turns'] / max(spent, 1e-9):.1f} turns/s with replies")
        parts += [f"{tracked['refused']} messages refused"] if tracked["refused"] else []
    parts += [f"seed {found['seed']}", f"commit {found['commit']}", found["machine"]]
    if found["response"]["bleu_signature"] is not None:
        parts.append(f"BLEU {found['response']['bleu_signature']}")
    return f"- {name}: {'; '.join(parts)}."


__all__ = ["PAPER", "machine", "run", "seconds_per_turn", "table3_text"]
