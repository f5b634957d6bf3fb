"""Track a file: gold history in, the predicted belief and reply of every user turn out, in the same shape.

    tracked = track_file(Path("test.jsonl"), Path("pred.jsonl"), load_dialogue())
    tracked.turns, tracked.refused

Before each user turn the conversation is rebuilt from what the file says of the earlier ones (``gold_conversations``),
so that a mistake counts once and turns can be tracked in any order, many at a time. A file does not say which steps an
"undo" took back; its behaviour labels do where it has them, and otherwise the words and the beliefs together
(``steps``).
"""

from __future__ import annotations

import inspect
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from i2edit.data.phrases.wording import PARTS
from i2edit.dialogue.check import mentions
from i2edit.dialogue.history import STEPS, Conversation, Heard, Tracker, hear_marks
from i2edit.errors import DataError, I2EditError, MessageError, OutputError
from i2edit.ontology import SLOTS, EditState, in_order
from i2edit.records import Dialogue, Outcome, Turn, read_dialogues, write_dialogues

Progress = Callable[[float, str], None]
Pair = tuple[Conversation, str]


@dataclass(frozen=True)
class Tracked:
    """What ``track_file`` did. ``refused``: messages that the model did not take (the belief stays, its sentence is the
    reply). ``left_out``: turns tracked without the words of an earlier message that the model does not take (the belief
    and the stacks that it led to are there). ``malformed``: messages of which nothing could be made. ``replaced``: turns
    that another model than the chosen one heard or answered. Seconds are totals."""

    dialogues: int
    turns: int
    refused: int
    left_out: int
    malformed: int
    replaced: int
    seconds_track: float
    seconds_respond: float


# The gold history -----------------------------------------------------------------------------------------------------
def gold_conversations(dialogue: Dialogue) -> Iterator[Conversation]:
    """The conversation before each user turn, rebuilt from the beliefs, strengths, events, replies and acts of the
    turns before it, with the undo and redo stacks that they imply. Raises DataError for strengths that are no numbers.

    The file has the last word on every belief. Where it records no strength at all, those set by buttons stay.
    """
    conv = Conversation()
    recorded = any(turn.strength for turn in dialogue.turns)
    for turn in dialogue.turns:
        if turn.event is not None:
            after = conv.event(turn.event)
            if after.state.belief != turn.belief or turn.strength is not None:
                after = replace(after, state=_state(turn, after, turn.strength is not None))
        else:
            yield conv
            after = conv.hear(turn.user or "", Heard(_state(turn, conv, recorded), steps(conv, turn)))
        last = replace(after.turns[-1], belief=turn.belief, system=turn.system, act=turn.act)
        conv = replace(after, turns=(*after.turns[:-1], last))


def _state(turn: Turn, conv: Conversation, recorded: bool) -> EditState:
    """The edit state that a turn ended in. Strengths are never scored: those out of range come into it, those of values
    that are not in the belief are passed over."""
    if not recorded:
        return conv.state.with_belief(turn.belief)
    if turn.strength is not None and not isinstance(turn.strength, dict):
        raise DataError("The 'strength' of a turn must be an object of values and numbers.")
    state = EditState(turn.belief)
    for value, strength in (turn.strength or {}).items():
        if isinstance(strength, bool) or not isinstance(strength, int | float):
            raise DataError(f"The strength of {value!r} must be a number.")
        if value in turn.belief:
            state = state.with_strength(value, strength)
    return state


_STEP = re.compile(  # words that may speak of a step
    r"\b(?:undo\w*|undid|undone|un-?do|re-?do\w*|revert\w*|revers\w+|rewind\w*|back\w*|previous\w*|before|earlier|"
    r"prior|cancel\w*|retract\w*|withdraw\w*|return\w*|restor\w+|ctrl|cmd|steps?|last|latest|"
    r"ago|forward|again|after all|re-?appl\w+|never ?mind|forget (?:it|that|this)|scrap (?:it|that|this))\b"
)
_SURE = re.compile(  # words that do, also when the message asks for more than that
    r"\b(?:undo|re-?do|revert|rewind|ctrl|cmd|(?:go|going|steps?|roll|take (?:it|that|this)) ?back|"
    r"back (?:a|one|two|three|up)|"
    r"(?:previous|last|latest) (?:two |three |\d )?(?:version|one|look|step|picture|change|edit|thing|request)s?)\b"
)
_REDO = re.compile(r"\b(?:re-?do\w*|undid|undone|un-?undo|undo the undo|that undo|forward|re-?appl\w+|reinstate\w*)\b")
_OVER = re.compile(
    r"\b(?:start\w* (?:over|again|afresh|fresh)|restart\w*|scratch|reset|everything|(?<!after )all|whole|original|raw|"
    r"untouched)\b"
)
_COUNT = {
    2: re.compile(r"\b(?:two|twice|2x?|x ?2|couple|double)\b"),
    3: re.compile(r"\b(?:three|thrice|3x?|x ?3|triple)\b"),
}
_CLAUSE = re.compile(r"[.,;:!?()\n]|\b(?:and|but|because|since|then|so|plus)\b")
_PART = re.compile(rf"\b(?:{'|'.join(sorted({*PARTS, *SLOTS, 'make.?up'}, key=len, reverse=True))})\b")


def steps(conv: Conversation, turn: Turn) -> tuple[str, ...]:
    """The undo, redo and reset steps of a user turn of a file, in order.

    Training marks say them, then the behaviour labels of our own data. Otherwise a turn is a step when its belief is
    one that the stacks hold and a clause speaks of a step without naming an attribute ("undo the hair" is a withdrawal,
    after which undo brings the hair back); with a wish in the same breath, when the words leave no doubt.
    """
    if turn.marks is not None:
        return hear_marks(conv, turn.marks).ops
    if turn.family is not None and turn.behaviour is not None:
        return STEPS.get(turn.behaviour, ())
    before, after, text = conv.state.belief, turn.belief, (turn.user or "").lower().replace("’", "'")
    clauses = [clause for clause in _CLAUSE.split(text) if not mentions(clause) and not _PART.search(clause)]
    labelled = (turn.behaviour or "").lower().startswith(("undo", "redo"))
    sure = labelled or any(_SURE.search(clause) for clause in clauses)
    said = sure or any(_STEP.search(clause) for clause in clauses)
    taken = conv.suggestion is not None and conv.suggestion in after and conv.suggestion not in before
    if after == before or not said or (taken and not sure):
        return ()
    if not after and _OVER.search(text):
        return ("reset",)
    count = next((number for number, words in _COUNT.items() if words.search(text)), 1)
    redo = bool(_REDO.search(text)) or (turn.behaviour or "").lower().startswith("redo")
    for op in ("redo", "undo") if redo else ("undo", "redo"):
        stack = conv.redo_stack if op == "redo" else conv.undo_stack
        depths = [depth for depth in range(1, len(stack) + 1) if stack[-depth].belief == after]
        if depths:
            return (op,) * (count if count in depths else depths[0])
    ops = ("redo" if redo else "undo",) * count
    stepped = conv.after_ops(ops).state.belief
    back = {value for value in set(before) ^ set(stepped) if (value in stepped) == (value in after)}
    return ops if sure and back else ()


# Reading and writing --------------------------------------------------------------------------------------------------
def read_checked(path: Path) -> list[Dialogue]:
    """The dialogues of a file, each id once, all of it usable as a history. Raises DataError with the line number."""
    path = Path(path)
    found: list[Dialogue] = []
    first: dict[str, int] = {}
    source = read_dialogues(path)
    while True:
        try:
            dialogue = next(source, None)
            if dialogue is None:
                return found
            if dialogue.dialogue_id in first:
                here = _line(path, first[dialogue.dialogue_id])
                raise DataError(f"the dialogue {dialogue.dialogue_id} was on line {here} already")
            json.dumps(dialogue.to_json(), ensure_ascii=False).encode()
            for _ in gold_conversations(dialogue):
                pass
            for turn in dialogue.turns:
                _measured(turn)
        except DataError as error:
            if str(error).startswith(f"{path}") or not path.is_file():  # read_dialogues said where already
                raise
            raise DataError(f"{path}, line {_line(path, len(found))}: {str(error).rstrip('.')}.") from error
        except UnicodeEncodeError as error:
            message = "a text holds half of a surrogate pair, which is no character."
            raise DataError(f"{path}, line {_line(path, len(found))}: {message}") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path}, line {_undecodable(path)} is not UTF-8 text: {error.reason}.") from error
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
        except (TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
            message = "something in the dialogue has the wrong type or is nested too deeply."
            raise DataError(f"{path}, line {_line(path, len(found))}: {message}") from error
        first[dialogue.dialogue_id] = len(found)
        found.append(dialogue)


def _line(path: Path, index: int) -> int:
    """The line number of the dialogue with this index (empty lines are passed over)."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        filled = (number for number, line in enumerate(lines, 1) if line.strip())
        return next(islice(filled, index, None), 0)


def _undecodable(path: Path) -> int:
    """The number of the first line that is not UTF-8."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 0


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """An empty file beside ``out`` to write to first, gone at the end; so that what cannot be written is known before
    the work. Raises OutputError."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    if out.is_dir():
        raise OutputError(f"{out} is a folder; please name a file.")
    try:
        part.touch()
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}.") from error
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


# Tracking -------------------------------------------------------------------------------------------------------------
def track_file(
    gold: Path,
    out: Path,
    model: Tracker,
    progress: Progress | None = None,
    batch: int = 32,
    *,
    replies: bool = True,
    gold_acts: bool = False,
) -> Tracked:
    """Track every user turn of ``gold`` with its gold history and write ``out``, whole or not at all.

    ``out`` has the same dialogues and turns: user turns with the predicted belief (strengths, reply and act), buttons
    as they were. The file is read to its end before the model is asked. ``replies`` False leaves the replies out;
    ``gold_acts`` has them say the acts of ``gold`` rather than the policy's own, as the floors of BLEU do (`metrics/response.py`).
    Raises DataError for bad input, OutputError when ``out`` cannot be written or is the gold file itself.
    """
    gold, out = Path(gold), Path(out)
    if batch < 1:
        raise DataError(f"A batch must hold at least one turn, not {batch}.")
    dialogues = read_checked(gold)
    total = sum(turn.user is not None for dialogue in dialogues for turn in dialogue.turns)
    if not total:
        raise DataError(f"There is no user turn in {gold}.")
    if out.exists() and out.samefile(gold):
        raise OutputError(f"{out} is the gold file itself; please name another one for the predictions.")
    if gold_acts and "acts" not in inspect.signature(model.respond_many).parameters:
        raise I2EditError("Only a model of the shipped kind can be told what its replies are to say.")
    tell = progress or (lambda share, name: None)
    turns = [list(dialogue.turns) for dialogue in dialogues]
    refused = left_out = malformed = replaced = done = 0
    seconds = [0.0, 0.0]
    rows = (
        (i, j, conv)
        for i, dialogue in enumerate(dialogues)
        for j, conv in zip(_user_turns(dialogue), gold_conversations(dialogue), strict=True)
    )
    with _beside(out) as part:
        while chunk := list(islice(rows, batch)):
            tell(done / total, "tracking")
            began = time.perf_counter()
            results = hear_all(model, [(conv, turns[i][j].user or "") for i, j, conv in chunk])
            tracked = time.perf_counter()
            answered: list[tuple[int, int, Conversation, Heard]] = []
            for (i, j, full), (conv, heard) in zip(chunk, results, strict=True):
                if isinstance(heard, MessageError):
                    refused += 1
                    turns[i][j] = _predicted(turns[i][j], full.state, str(heard) if replies else None)
                    continue
                left_out += conv is not full
                malformed += not heard.understood
                answered.append((i, j, conv, heard))
            told = [to_answer(conv, turns[i][j], heard) for i, j, conv, heard in answered] if replies else []
            acts: dict[str, Any] = {"acts": [turns[i][j].act for i, j, _, _ in answered]} if gold_acts else {}
            spoken = model.respond_many(told, **acts) if told else []
            for index, (i, j, _conv, heard) in enumerate(answered):
                pred, notes = _predicted(turns[i][j], heard.state, None), heard.notes
                if replies:
                    said = spoken[index]
                    pred, notes = replace(pred, system=said.text, act=said.act), (*notes, *said.notes)
                replaced += bool(notes)
                turns[i][j] = pred
            seconds[0] += tracked - began
            seconds[1] += time.perf_counter() - tracked
            done += len(chunk)
        for i, dialogue in enumerate(dialogues):
            for j, turn in enumerate(turns[i]):
                if turn.event is not None:
                    turns[i][j] = Turn(turn.belief, event=turn.event, strength=turn.strength)
            dialogues[i] = replace(dialogue, turns=tuple(turns[i]))
        try:
            write_dialogues(dialogues, part)
            os.replace(part, out)
        except OSError as error:
            raise OutputError(f"{out} cannot be written: {error.strerror or error}.") from error
    tell(1.0, "tracked")
    return Tracked(len(dialogues), total, refused, left_out, malformed, replaced, seconds[0], seconds[1])


def _user_turns(dialogue: Dialogue) -> list[int]:
    return [index for index, turn in enumerate(dialogue.turns) if turn.user is not None]


def _predicted(turn: Turn, state: EditState, system: str | None) -> Turn:
    return Turn(state.belief, user=turn.user, system=system, strength=dict(state.strengths) or None)


def hear_all(model: Tracker, pairs: Sequence[Pair]) -> list[tuple[Conversation, Heard | MessageError]]:
    """What was heard of each pair, or the refusal, and the conversation in which it was heard: the given one, except
    that the words of earlier messages that the model refuses are left out of it (their replies stay)."""
    try:
        return [(conv, heard) for (conv, _), heard in zip(pairs, model.track_many(pairs), strict=True)]
    except MessageError as error:
        refusal = error
    if len(pairs) > 1:
        half = len(pairs) // 2
        return [*hear_all(model, pairs[:half]), *hear_all(model, pairs[half:])]
    conv, text = pairs[0]
    if not _takes(model, text):
        return [(conv, refusal)]
    spared = tuple(
        turn if turn.user is None or _takes(model, turn.user) else replace(turn, user="") for turn in conv.turns
    )
    spared_conv = replace(conv, turns=spared)
    try:
        return [(spared_conv, model.track_many([(spared_conv, text)])[0])]
    except MessageError as error:
        return [(conv, error)]


def _takes(model: Tracker, text: str) -> bool:
    try:
        model.track_many([(Conversation(), text)])
    except MessageError:
        return False
    return True


def to_answer(conv: Conversation, turn: Turn, heard: Heard) -> tuple[Conversation, Heard, Outcome]:
    """What the reply to a turn heard in ``conv`` is made of: the outcome is the one that the file measured, or that would follow."""
    outcome = implied_outcome(conv.state, heard.state, _measured(turn))
    return conv.hear(turn.user or "", heard), heard, outcome


def _measured(turn: Turn) -> Outcome | None:
    return Outcome.from_json(turn.outcome) if turn.outcome is not None else None


def implied_outcome(before: EditState, after: EditState, gold: Outcome | None = None) -> Outcome:
    """The outcome of a predicted change. Measured (``gold``): what is new was made unless it failed there, and so was
    what was made there as far as it is wanted; with the gold belief predicted, this is the gold outcome. Not measured:
    what is new or has a new strength was made."""
    new = [value for value in after.belief if value not in before.belief]
    if gold is None:
        failed: tuple[str, ...] = ()
        new += [v for v in after.belief if v in before.belief and before.strength(v) != after.strength(v)]
    else:
        failed = tuple(value for value in gold.failed if value in after.belief)
        new += [value for value in gold.made if value in after.belief]
    removed = tuple(value for value in before.belief if value not in after.belief)
    return Outcome(in_order(set(new) - set(failed)), failed, removed)


__all__ = [
    "STEPS", "Tracked", "Tracker", "gold_conversations", "hear_all", "implied_outcome", "read_checked",
    "steps", "to_answer", "track_file",
]  # fmt: skip
