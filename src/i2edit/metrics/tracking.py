"""How well were the beliefs predicted? Joint accuracy, precision and recall by slot, and what went wrong by behaviour.

In: gold and predicted dialogues, aligned by dialogue_id and turn index (``align``). Out: a plain dict
(``tracking_scores``).

    scores = tracking_scores(read_checked(gold), read_checked(pred))
    scores["joint_accuracy"], scores["joint_accuracy_interval"], scores["overall"]["f1"]

Only user turns are scored. A turn or dialogue that the prediction lacks counts as wrong, as if nothing had been
predicted; one that only the prediction has counts as wrong too, as if nothing had been wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from i2edit.errors import DataError
from i2edit.ontology import SLOT_OF, SLOTS
from i2edit.records import Dialogue, Turn

ROUNDS = 2000  # of the bootstrap
UNLABELLED = "(none)"  # the behaviour of turns that do not say theirs
EXTRA = "(extra turn)"


@dataclass(frozen=True)
class Row:
    """The gold and the predicted user turn of one place; None where there is none."""

    dialogue_id: str
    index: int
    gold: Turn | None
    pred: Turn | None

    @property
    def wanted(self) -> set[str]:
        """The gold values."""
        return set(self.gold.belief) if self.gold is not None else set()

    @property
    def found(self) -> set[str]:
        """The predicted values."""
        return set(self.pred.belief) if self.pred is not None else set()

    @property
    def right(self) -> bool:
        """Both are there and their beliefs are the same."""
        return self.gold is not None and self.pred is not None and self.gold.belief == self.pred.belief


def align(gold: Sequence[Dialogue], pred: Sequence[Dialogue]) -> list[list[Row]]:
    """The rows of each dialogue: those of the gold file in its order, then those that only the prediction has. Raises
    DataError when a dialogue_id is there twice."""
    preds = _by_id(pred, "prediction")
    golds = _by_id(gold, "gold")
    found = [
        _rows(name, dialogue.turns, preds[name].turns if name in preds else ()) for name, dialogue in golds.items()
    ]
    return found + [_rows(name, (), dialogue.turns) for name, dialogue in preds.items() if name not in golds]


def _by_id(dialogues: Sequence[Dialogue], what: str) -> dict[str, Dialogue]:
    twice = [name for name, count in Counter(d.dialogue_id for d in dialogues).items() if count > 1]
    if twice:
        raise DataError(f"The dialogue {twice[0]} is in the {what} file twice.")
    return {dialogue.dialogue_id: dialogue for dialogue in dialogues}


def _rows(name: str, gold: Sequence[Turn], pred: Sequence[Turn]) -> list[Row]:
    rows = [Row(name, i, _user(gold, i), _user(pred, i)) for i in range(max(len(gold), len(pred)))]
    return [row for row in rows if row.gold is not None or row.pred is not None]


def _user(turns: Sequence[Turn], index: int) -> Turn | None:
    return turns[index] if index < len(turns) and turns[index].user is not None else None


def joint_accuracy(rows: Iterable[Row]) -> tuple[int, int]:
    """(right, all) turns. Right is a belief predicted exactly, as slot → set of values.

    >>> from i2edit.ontology import Belief
    >>> smile, nothing = Turn(Belief.of("smiling"), "smile"), Turn(Belief(), "smile")
    >>> joint_accuracy([Row("a", 0, smile, smile), Row("a", 1, smile, nothing), Row("a", 2, smile, None)])
    (1, 3)
    """
    found = [row.right for row in rows]
    return sum(found), len(found)


@dataclass
class Counts:
    """Values of a slot over turns: predicted rightly, predicted wrongly, missed; and turns with the whole slot
    right."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    same: int = 0
    turns: int = 0

    def add(self, wanted: set[str], found: set[str], there: bool = True) -> None:
        """Count a turn; ``there`` is False for one that only one side has."""
        self.tp += len(wanted & found)
        self.fp += len(found - wanted)
        self.fn += len(wanted - found)
        self.same += there and wanted == found
        self.turns += 1

    def to_json(self) -> dict[str, Any]:
        """Micro precision, recall and F1 over values; where there is nothing to find and nothing was found, they are
        1."""
        nothing = not (self.tp or self.fp or self.fn)
        return {
            "precision": 1.0 if nothing else _ratio(self.tp, self.tp + self.fp),
            "recall": 1.0 if nothing else _ratio(self.tp, self.tp + self.fn),
            "f1": 1.0 if nothing else _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn),
            "accuracy": _ratio(self.same, self.turns),
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
        }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def interval(parts: Sequence[float], wholes: Sequence[float], seed: int = 0, rounds: int = ROUNDS) -> list[float]:
    """The 95 % interval of sum(parts) / sum(wholes), by drawing dialogues (one part and whole each) with replacement.

    >>> interval([2, 2], [2, 2])
    [1.0, 1.0]
    """
    part, whole = np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float)
    if not whole.sum():
        return [0.0, 0.0]
    rng = np.random.default_rng(seed)
    ratios = []
    for _ in range(rounds):
        drawn = rng.integers(0, len(part), len(part))
        total = whole[drawn].sum()
        if total:  # else every dialogue drawn was empty: no ratio
            ratios.append(part[drawn].sum() / total)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return [float(low), float(high)]


def tracking_scores(
    gold: Sequence[Dialogue], pred: Sequence[Dialogue], seed: int = 0, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Everything about the beliefs of a prediction, as plain numbers. Shares are from 0 to 1, higher is better."""
    aligned = align(gold, pred)
    rows = [row for dialogue in aligned for row in dialogue]
    right, turns = joint_accuracy(rows)
    overall = [Counts() for _ in aligned]
    slots = {slot: Counts() for slot in SLOTS}
    for tally, dialogue in zip(overall, aligned, strict=True):
        for row in dialogue:
            there = row.gold is not None and row.pred is not None
            tally.add(row.wanted, row.found, there)
            for slot in SLOTS:
                parts = [{value for value in values if SLOT_OF[value] == slot} for values in (row.wanted, row.found)]
                slots[slot].add(parts[0], parts[1], there)
    whole = Counts(*(sum(getattr(tally, name) for tally in overall) for name in ("tp", "fp", "fn", "same", "turns")))
    scored = [joint_accuracy(dialogue) for dialogue in aligned]
    double = [(2 * tally.tp, 2 * tally.tp + tally.fp + tally.fn) for tally in overall]
    known, given = {dialogue.dialogue_id for dialogue in gold}, {dialogue.dialogue_id for dialogue in pred}
    return {
        "dialogues": len(known),
        "turns": turns,
        "right": right,
        "joint_accuracy": _ratio(right, turns),
        "joint_accuracy_interval": interval([a for a, _ in scored], [b for _, b in scored], seed, rounds),
        "overall": whole.to_json()
        | {"f1_interval": interval([a for a, _ in double], [b for _, b in double], seed, rounds)},
        "slots": {slot: tally.to_json() for slot, tally in slots.items()},
        "behaviours": errors_by_behaviour(rows),
        "missing_turns": sum(row.pred is None for row in rows),
        "extra_turns": sum(row.gold is None for row in rows),
        "missing_dialogues": len(known - given),
        "extra_dialogues": len(given - known),
        "other_texts": sum(
            row.gold is not None and row.pred is not None and row.gold.user != row.pred.user for row in rows
        ),  # a prediction of another file, most likely
        "seed": seed,
    }


def errors_by_behaviour(rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """Behaviour of the gold turn → its turns, how many are wrong, and the values missed and predicted wrongly in them;
    those with the most wrong turns first."""
    table: dict[str, Counter[str]] = {}
    for row in rows:
        name = EXTRA if row.gold is None else row.gold.behaviour or UNLABELLED
        count = table.setdefault(name, Counter())
        count["turns"] += 1
        count["wrong"] += not row.right
        count["missed"] += len(row.wanted - row.found)
        count["added"] += len(row.found - row.wanted)
    order = sorted(table, key=lambda name: (-table[name]["wrong"], name))
    return {
        name: {
            "turns": table[name]["turns"],
            "wrong": table[name]["wrong"],
            "accuracy": 1 - table[name]["wrong"] / table[name]["turns"],
        }
        | {key: table[name][key] for key in ("missed", "added")}
        for name in order
    }


__all__ = ["Row", "align", "errors_by_behaviour", "interval", "joint_accuracy", "tracking_scores"]
