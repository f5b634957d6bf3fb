"""Is a dataset whole, well formed, true to the data contract and fair? One pass over its files, 12,000 dialogues in seconds.

In: a folder with train.jsonl, validation.jsonl, test.jsonl and manifest.json (``check``), or one file without a manifest
(``check_file``). Out: a Report; ``check_text`` says it as people read it, each problem with file, line, dialogue and turn
(turns are counted from 0, as everywhere in records.py).

    manifest  no manifest, or files that it does not describe (sha256, bytes, dialogues): a half-written build never passes
    records   json, dialogue, keys, id, duplicate id, split, version, image, labelled image, belief, act, event, turn,
              text, reply, strength, outcome
    replay    event (a button applies exactly) and behaviour (a turn that says "thanks" changes nothing, "yes" takes what was
              suggested, "undo" leads back): without the training marks only such necessary conditions can be checked
    leaks     same image, same dialogue, same text, family and kin: what would let a test be known from training
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from i2edit.assets import FOLDER
from i2edit.data import phrases
from i2edit.data.phrases import OVERLAP, SPLITS, content_words, family_id, overlap
from i2edit.dialogue.check import mentions
from i2edit.dialogue.history import STEPS, Conversation
from i2edit.errors import DataError
from i2edit.ontology import EXCLUDES, SLOTS, Belief, BeliefSyntaxError, EditState
from i2edit.records import Act, Dialogue, Outcome, Turn, check_event

FORMAT = 1
RELEASE = FOLDER / "benchmark" / "release.json"  # {"version": .., "files": {name: sha256}}
LONG = 6  # words from which a user text is somebody's own sentence and not just "Yes, please."
TINY_SHARE = 0.01  # of the long texts of a held-out split that may occur in training by chance

_DIALOGUE_KEYS = {"dialogue_id", "image_id", "version", "split", "turns"}
_TURN_KEYS = {"user", "event", "belief", "act", "system", "family", "behaviour", "strength", "outcome"}
_ID = re.compile(r"i2e-(?:[a-z0-9]+-)*[0-9]{5,}")  # i2e-00001 of a build, i2e-train-0-000001 of a simulation
_SEED = re.compile(r"seed:(0|[1-9][0-9]*)")
_FILE = re.compile(r"(?!seed:)[^/\\:]*[^/\\:.]\.[A-Za-z0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufffd]")
_FAMILY = re.compile(r"(.+)-[0-9a-f]{8}")

# What a behaviour (simulate.py) may do to the belief. What is not here may do anything that the contract allows.
_TALK = frozenset({
    "no", "either_or", "can_you_value", "thanks", "praise", "complaint", "smalltalk", "keep_it", "mention", "vague", "u_beard",
    "u_dark", "foreign", "injection",
})  # fmt: skip  # and every behaviour that begins with q_
_HALF_POSSIBLE = frozenset({"u_wish", "u_thing", "u_color"})  # talk as well, unless the reply is not "cannot"
_TAKES = frozenset({"part_back", "keep_only", "it_off", "both_off", "no_mood"})
_GIVES = frozenset({
    "request", "correct", "degree", "it_more", "it_much", "bring_back", "hands_off", "no_alt", "yes_value", "yes_less",
    "yes_and", "both", "first", "second",
})  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. ``line`` is 0 and the rest None where the whole file is meant."""

    kind: str
    file: str
    line: int
    dialogue_id: str | None
    turn: int | None
    message: str

    @property
    def text(self) -> str:
        """``file:line: sentence (dialogue id, turn k)``."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        about = [f"dialogue {self.dialogue_id}"] if self.dialogue_id is not None else []
        about += [f"turn {self.turn}"] if self.turn is not None else []
        return f"{where}: {self.message}" + (f" ({', '.join(about)})" if about else "")


@dataclass(frozen=True)
class Report:
    """What was found. ``problems`` holds examples of every kind up to the limit, ``counts`` how many there were of each.
    ``version`` is the release whose files these are, byte for byte."""

    path: str
    problems: list[Problem]
    counts: dict[str, int]
    files: tuple[str, ...]
    dialogues: int
    turns: int
    version: str | None = None
    claims: str | None = None  # the version that the manifest names

    @property
    def found(self) -> int:
        """How many problems there were, also those that are not listed."""
        return sum(self.counts.values())

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.found


def check(folder: Path, limit: int = 100) -> Report:
    """Everything about a dataset folder. Raises DataError if there is none; a single file goes to ``check_file``."""
    folder = Path(folder)
    if folder.is_file():
        return check_file(folder, limit)
    if not folder.is_dir():
        raise DataError(f"There is no dataset folder at {folder}.")
    checker = _Checker(limit)
    manifest = checker.manifest(folder / "manifest.json")
    checker.source, checker.claims = manifest.get("source"), manifest.get("version")
    for split in SPLITS:
        checker.file(folder / f"{split}.jsonl", split, manifest.get("files", {}).get(f"{split}.jsonl"))
    promised = manifest.get("n")
    if checker.files and promised is not None and promised != checker.dialogues:
        checker.say("manifest", f"The manifest promises {promised} dialogues, but there are {checker.dialogues}.")
    checker.across_splits()
    return checker.report(str(folder), checker.release())


def check_file(path: Path, limit: int = 100) -> Report:
    """The dialogues of one file, without a manifest; each says itself which split it belongs to."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no dialogue file at {path}.")
    checker = _Checker(limit)
    checker.file(path, None, None)
    checker.across_splits()
    return checker.report(str(path), None)


def check_text(report: Report) -> str:
    """A line for each listed problem, and a last one that says what was checked and how it went."""
    lines = [problem.text for problem in report.problems]
    files = ", ".join(report.files) or "no file"
    size = f"{report.dialogues} dialogues with {report.turns} user turns in {files}"
    if not report.ok:
        kinds = ", ".join(
            f"{count} {kind}" for kind, count in sorted(report.counts.items(), key=lambda k: (-k[1], k[0]))
        )
        unlisted = report.found - len(report.problems)
        more = f" {unlisted} of them are not listed." if unlisted else ""
        one = report.found == 1
        return "\n".join([*lines, f"{report.found} problem{'' if one else 's'} ({kinds}).{more} Checked: {size}."])
    if report.version:
        version = f"These are the files of the release {report.version}."
    elif report.claims:
        version = f"The manifest says {report.claims}; no release of that name is known here to compare with."
    else:
        version = "This is no release."
    return f"No problems. Checked: {size}. {version}"


# One dialogue --------------------------------------------------------------------------------------------------------
Found = Iterator[tuple[int | None, str, str]]  # (turn, kind, sentence)


def malformed(obj: Any) -> Found:
    """Why an object is no Dialogue, turn by turn. Nothing when it is one."""
    if not isinstance(obj, Mapping):
        yield None, "dialogue", "A dialogue must be an object."
        return
    if unknown := sorted(set(obj) - _DIALOGUE_KEYS):
        yield None, "keys", f"A dialogue has no {unknown[0]!r}."
    turns = obj.get("turns")
    for index, turn in enumerate(turns if isinstance(turns, list) else []):
        if isinstance(turn, Mapping) and (unknown := sorted(set(turn) - _TURN_KEYS)):
            yield index, "keys", f"A turn has no {unknown[0]!r}."
    try:
        Dialogue.from_json(obj)
        return
    except (DataError, TypeError) as error:
        whole = str(error)
    blamed = False
    parts = (("belief", Belief.from_json), ("act", Act.from_json), ("event", check_event))
    for index, turn in enumerate(turns if isinstance(turns, list) else []):
        kind = "turn"
        try:
            if isinstance(turn, Mapping):
                for kind, read in parts:
                    if turn.get(kind) is not None:
                        read(turn[kind])
                kind = "belief" if "belief" not in turn else "turn"
            Turn.from_json(turn)
        except DataError as error:
            blamed = True
            yield index, kind, str(error)
        except TypeError:
            blamed = True
            yield index, kind, f"The {kind} holds something that is not text."
    if not blamed:
        yield None, "dialogue", whole


def turn_problems(turn: Turn, before: Belief) -> Iterator[tuple[str, str]]:
    """What can be seen in one turn and the belief before it: texts, act, strengths, outcome."""
    for name, text in (("user", turn.user), ("system", turn.system)):
        if text is None:
            continue
        if not text.strip():
            yield "text", f"The {name} text is empty."
        if control := _CONTROL.search(text):
            yield "text", f"The {name} text holds the control character U+{ord(control[0]):04X}."
        if brace := re.search(r"\{\w+\}", text):
            yield "text", f"The {name} text still has the unfilled {brace[0]}."
    if turn.user is not None and turn.system is None:
        yield "reply", "There is no system reply after the user's turn."
    yield from _act_problems(turn, before)
    if turn.strength is not None:
        try:
            if not isinstance(turn.strength, Mapping):
                raise BeliefSyntaxError("'strength' must be an object of values and numbers.")
            EditState(turn.belief, tuple(turn.strength.items()))
        except (BeliefSyntaxError, OverflowError) as error:
            yield "strength", str(error) if isinstance(error, BeliefSyntaxError) else "A strength is out of all range."
    if turn.outcome is not None:
        try:
            outcome = Outcome.from_json(turn.outcome)
        except (DataError, TypeError) as error:
            yield "outcome", f"The outcome cannot be read: {error}"
        else:
            yield from (("outcome", message) for message in _outcome_problems(outcome, before, turn.belief))


def _act_problems(turn: Turn, before: Belief) -> Iterator[tuple[str, str]]:
    act = turn.act
    if act is None:
        if turn.user is not None or turn.system is not None:
            yield "act", "The reply has no act."
        return
    if turn.user is None and turn.system is None:
        yield "act", f"There is an act ({act.type}), but no reply."
    if act.value is not None:
        clash = sorted(EXCLUDES[act.value] & set(turn.belief))
        if act.value in turn.belief:
            yield "act", f"The reply suggests {act.value!r}, which is in the belief already."
        elif clash:
            yield "act", f"The reply suggests {act.value!r}, which {clash[0]!r} in the belief excludes."
        if turn.system is not None and act.value not in mentions(turn.system):
            yield "act", f"The act suggests {act.value!r}, but the reply does not name it."
    if act.type in ("answer", "cannot") and turn.user is not None and turn.belief != before:
        yield "act", f"The act {act.type!r} is for turns that change nothing, but {_change(before, turn.belief)}."


def _outcome_problems(outcome: Outcome, before: Belief, after: Belief) -> Iterator[str]:
    made, failed, removed = set(outcome.made), set(outcome.failed), set(outcome.removed)
    new, gone = set(after) - set(before), set(before) - set(after)
    for wrong, sentence in (
        (made - set(after), "The outcome says that {} was made, but it is not in the belief."),
        (failed - set(after), "The outcome says that {} failed, but it is not in the belief."),
        (made & failed, "The outcome says that {} was made and that it failed."),
        (removed & set(after), "The outcome says that {} was removed, but it is in the belief."),
        (removed - set(before) - set(after), "The outcome says that {} was removed, but it was not in the belief."),
        (new - made - failed, "The belief has the new value {}, but the outcome does not say what became of it."),
        (gone - removed, "The belief has lost {}, but the outcome does not say that it was removed."),
    ):
        if wrong:
            yield sentence.format(repr(min(wrong)))


def replay_problems(turns: tuple[Turn, ...]) -> Found:
    """Follow the dialogue with the Conversation of the product: do its beliefs follow from one another?"""
    conv = Conversation()
    sure = True  # the undo and redo stacks are known
    seen = {Belief()}
    offered: tuple[str | None, ...] = (None,)  # what a yes could take; after a suggestion and a button, also nothing
    for index, turn in enumerate(turns):
        before, state = conv.state, _state(turn)
        kind = "event" if turn.event is not None else _behaviour(turn)
        problem: str | None = None
        if turn.event is not None:
            after = replace(conv.event(turn.event), turns=())
            if turn.event["type"] in ("undo", "redo") and not sure:
                if state.belief not in seen:
                    problem = f"{turn.event['type']!r} leads to a belief that was never there: {state.belief.text}."
            elif state.belief != after.state.belief:
                problem = f"The button {_button(turn.event)} leads to '{after.state.belief.text}', not to '{state.belief.text}'."
            elif state != after.state:
                problem = (
                    f"The button {_button(turn.event)} leads to the strengths {dict(after.state.strengths)}, "
                    f"not to {dict(state.strengths)}."
                )
            sure = sure and problem is None
            conv = replace(after, state=state)
            offered = tuple(dict.fromkeys((None, *offered)))
        else:
            problem = _unheard(kind, conv, state, turn, offered, sure)
            ops = STEPS.get(kind, ())
            unknown = not kind or (not ops and kind.startswith(("undo", "redo", "reset")))
            sure = sure and not (unknown and state.belief != before.belief)
            conv = conv.advance(ops, state)
        if turn.system is not None:
            offered = (turn.act.value if turn.act is not None else None,)
        if problem is not None:
            yield index, "event" if kind == "event" else "behaviour", problem
        seen.add(state.belief)


def _unheard(
    kind: str, conv: Conversation, state: EditState, turn: Turn, offered: tuple[str | None, ...], sure: bool
) -> str | None:
    """Why a user turn of this behaviour cannot lead from ``conv.state`` to ``state``."""
    before, after = conv.state.belief, state.belief
    said, change = f"A turn of the behaviour {kind!r}", _change(before, after)
    taken = offered[0] if len(offered) == 1 else None  # the value that a yes surely takes
    refused = kind in _HALF_POSSIBLE and turn.act is not None and turn.act.type == "cannot"
    nothing_offered = kind == "yes" and offered == (None,)
    if kind in _TALK or kind.startswith("q_") or refused or nothing_offered:
        if after != before:
            return f"{said} changes nothing here, but {change}."
        if state != conv.state:
            return f"{said} changes nothing here, but the strengths change."
    elif kind == "it_less" and after != before:
        return f"{said} never changes the belief, but {change}."
    elif kind == "yes" and after not in [before.add(value) if value else before for value in offered]:
        return f"{said} takes the suggested {offered[-1]!r} and nothing else, but {change}."
    elif kind in ("yes_less", "yes_and") and taken is not None and taken in _lost(before.add(taken), after):
        return f"{said} takes the suggested {taken!r}, but {change}."
    elif kind in _TAKES and set(after) - set(before):
        return f"{said} only takes away, but {change}."
    elif kind == "clean_shaven" and after != before.remove(*SLOTS["beard"]):
        return f"{said} takes off mustache and goatee and nothing else, but {change}."
    elif kind == "full_beard" and after != before.add(*SLOTS["beard"]):
        return f"{said} adds mustache and goatee and nothing else, but {change}."
    elif (kind in _GIVES or kind in _HALF_POSSIBLE) and _lost(before, after):
        return f"{said} must not lose {min(_lost(before, after))!r}, but {change}."
    elif kind in STEPS and sure:
        stepped = conv.after_ops(STEPS[kind]).state.belief  # the rest of the turn may add something new to it
        if _lost(stepped, after) or (set(after) - set(stepped)) & set(before):
            return f"{said} leads to '{stepped.text}', not to '{after.text}'."
    return None


def _lost(before: Belief, after: Belief) -> set[str]:
    """What went although nothing new excludes it."""
    excluded = {other for value in set(after) - set(before) for other in EXCLUDES[value]}
    return set(before) - set(after) - excluded


def _behaviour(turn: Turn) -> str:
    """The behaviour of a user turn, or the category of its family, or nothing."""
    family = _FAMILY.fullmatch(turn.family or "")
    return turn.behaviour or (family[1] if family else "")


def _state(turn: Turn) -> EditState:
    try:
        return EditState(turn.belief, tuple((turn.strength or {}).items()))
    except (BeliefSyntaxError, AttributeError, OverflowError):  # told by turn_problems
        return EditState(turn.belief)


def _change(before: Belief, after: Belief) -> str:
    if before == after:
        return f"the belief stays '{after.text}'"
    return f"the belief goes from '{before.text}' to '{after.text}'"


def _button(event: Mapping[str, Any]) -> str:
    return " ".join(f"{event[key]!r}" for key in ("type", "value", "strength") if key in event)


# Families and images -------------------------------------------------------------------------------------------------
@functools.cache
def known_families() -> dict[str, tuple[str, str]]:
    """Every family of the phrase bank: its id → (its split, its frame)."""
    return {
        family_id(category, frame): (split, frame)
        for split in SPLITS
        for category, frames in phrases.families(split).items()
        for frame in frames
    }


@functools.cache
def labelled_seeds() -> frozenset[int]:
    """The seeds whose faces were labelled, learned from or tried: never to be tested on."""
    from i2edit.data.faces import read_labels

    return frozenset(range(5000)) | {face.seed for face in read_labels()}


def kin_of_training(held: list[str], train: list[str]) -> Iterator[tuple[str, str, float]]:
    """(held-out family, training family, overlap) where the content words of the two overlap by more than OVERLAP: the
    nearest training family of each. Families that the bank does not have are passed over."""
    known = known_families()
    words = {name: content_words(known[name][1]) for name in {*held, *train} if name in known}
    holders: dict[str, list[str]] = {}
    for name in train:
        for word in words.get(name, frozenset()) or {""} if name in words else ():
            holders.setdefault(word, []).append(name)
    for name in held:
        if name not in words:
            continue
        near = {other for word in words[name] or {""} for other in holders.get(word, ())}
        share, other = max(((overlap(words[name], words[other]), other) for other in near), default=(0.0, ""))
        if share > OVERLAP:
            yield name, other, share


# The pass over the files ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Place:
    file: str
    line: int
    dialogue_id: str | None = None
    turn: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


@dataclass
class _Checker:
    """What has been seen so far, of all files."""

    limit: int
    source: str | None = None
    claims: str | None = None
    kept: dict[str, list[Problem]] = field(default_factory=dict)  # at most ``limit`` of each kind
    counts: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    dialogues: int = 0
    turns: int = 0
    ids: dict[str, _Place] = field(default_factory=dict)
    images: dict[str, tuple[str, _Place]] = field(default_factory=dict)  # image → split, first place
    whole: dict[bytes, _Place] = field(default_factory=dict)  # digest of a dialogue's texts and beliefs
    families: dict[str, dict[str, _Place]] = field(default_factory=dict)  # split → family → first place
    train_texts: set[str] = field(default_factory=set)
    long_texts: Counter[str] = field(default_factory=Counter)  # split → long user texts
    leaked: dict[str, list[tuple[str, _Place]]] = field(default_factory=dict)

    def say(self, kind: str, message: str, at: _Place | None = None, turn: int | None = None) -> None:
        """Note a problem; the place of a manifest problem is the manifest."""
        place = at or _Place("manifest.json", 0)
        self.counts[kind] += 1
        if self.counts[kind] <= self.limit:
            turn = place.turn if turn is None else turn
            self.kept.setdefault(kind, []).append(
                Problem(kind, place.file, place.line, place.dialogue_id, turn, message)
            )

    def report(self, path: str, version: str | None) -> Report:
        """The report: problems of every kind in turn until the limit, then in the order of files and lines."""
        chosen = [p for i in range(self.limit) for kind in self.kept.values() for p in kind[i : i + 1]][: self.limit]
        order = {name: index for index, name in enumerate(("manifest.json", *(f"{s}.jsonl" for s in SPLITS)))}
        chosen.sort(key=lambda p: (order.get(p.file, 9), p.line, -1 if p.turn is None else p.turn))
        return Report(
            path, chosen, dict(self.counts), tuple(self.files), self.dialogues, self.turns, version, self.claims
        )

    def manifest(self, path: Path) -> dict[str, Any]:
        """The manifest with what is malformed taken out of it."""
        if not path.is_file():
            self.say("manifest", "There is no manifest.json: the build is not finished. Please build it again.")
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            self.say("manifest", "The manifest is not a JSON object.")
            return {}
        version = found.get("version")
        for wrong, message in (
            (found.get("format") != FORMAT, f"The manifest's 'format' must be {FORMAT}, not {found.get('format')!r}."),
            (version is not None and not isinstance(version, str), "The manifest's 'version' must be a name or null."),
            (not _is_count(found.get("n")), "The manifest's 'n' must be the number of dialogues."),
            (type(found.get("seed")) is not int, "The manifest's 'seed' must be a whole number."),
            (found.get("source") not in ("faces", "images"), "The manifest's 'source' must be 'faces' or 'images'."),
            (not isinstance(found.get("files"), dict), "The manifest needs its 'files'."),
        ):
            if wrong:
                self.say("manifest", message)
        names = {f"{split}.jsonl" for split in SPLITS}
        files = found["files"] if isinstance(found.get("files"), dict) else {}
        for name in sorted(names ^ set(files)):
            what = "does not name" if name in names else "names the unknown file"
            self.say("manifest", f"The manifest {what} {name}.")
        for name in sorted(names & set(files)):
            entry = files[name]
            if (
                not isinstance(entry, dict)
                or not isinstance(entry.get("sha256"), str)
                or not all(_is_count(entry.get(key)) for key in ("bytes", "dialogues"))
            ):
                self.say("manifest", f"The manifest needs sha256, bytes and dialogues of {name}.")
        return {
            "version": version if isinstance(version, str) else None,
            "source": found.get("source") if found.get("source") in ("faces", "images") else None,
            "n": found.get("n") if _is_count(found.get("n")) else None,
            "files": {name: entry for name, entry in files.items() if isinstance(entry, dict)},
        }

    def file(self, path: Path, split: str | None, promised: Mapping[str, Any] | None) -> None:
        """Read one file once: its hash, its lines, its dialogues."""
        if not path.is_file():
            self.say("manifest", f"{path.name} is missing.", _Place(path.name, 0))
            return
        self.files.append(path.name)
        sha256, size, count = hashlib.sha256(), 0, 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                sha256.update(line)
                size += len(line)
                if not line.strip():
                    continue
                count += 1
                self.line(line, _Place(path.name, number), split)
        self.dialogues += count
        self.hashes[path.name] = sha256.hexdigest()
        for key, now in (("sha256", sha256.hexdigest()), ("bytes", size), ("dialogues", count)):
            if promised is not None and promised.get(key) != now:
                message = f"The manifest says {key} {promised.get(key)}, but the file has {now}."
                self.say("manifest", message, _Place(path.name, 0))

    def line(self, line: bytes, at: _Place, split: str | None) -> None:
        """One line of a file."""
        try:
            obj = _DECODER.decode(line.decode("utf-8"))
        except UnicodeDecodeError:
            self.say("json", "The line is not UTF-8.", at)
            return
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            self.say("json", f"The line is not JSON: {reason}.", at)
            return
        name = obj.get("dialogue_id") if isinstance(obj, dict) else None
        at = replace(at, dialogue_id=name if isinstance(name, str) else None)
        broken = False
        for turn, kind, message in malformed(obj):
            broken = broken or kind != "keys"
            self.say(kind, message, at, turn)
        if not broken:
            self.dialogue(Dialogue.from_json(obj), at, split)
        elif at.dialogue_id is not None:
            self.ids.setdefault(at.dialogue_id, at)

    def dialogue(self, dialogue: Dialogue, at: _Place, split: str | None) -> None:
        """One dialogue that is a valid record."""
        name = dialogue.dialogue_id
        if not _ID.fullmatch(name):
            self.say("id", f"{name!r} is not a dialogue id: i2e- and at least five digits are expected.", at)
        if name in self.ids:
            self.say("duplicate id", f"The id {name} was used before, at {self.ids[name]}.", at)
        self.ids.setdefault(name, at)
        if split is None:  # a file alone: its dialogues say where they belong
            split = dialogue.split
            if split is not None and split not in SPLITS:
                self.say("split", f"There is no split called {split!r}. The splits are: {', '.join(SPLITS)}.", at)
                split = None
        else:
            if dialogue.split != split:
                self.say("split", f"The dialogue says split {dialogue.split!r}, but it is in {at.file}.", at)
            if dialogue.version is not None and dialogue.version != self.claims:
                message = f"The dialogue says version {dialogue.version!r}, the manifest {self.claims!r}."
                self.say("version", message, at)
        self.image(dialogue.image_id, at, split or "")
        if not any(turn.user is not None for turn in dialogue.turns):
            self.say("dialogue", "Nobody says anything in this dialogue.", at)
        before = Belief()
        for index, turn in enumerate(dialogue.turns):
            for kind, message in turn_problems(turn, before):
                self.say(kind, message, at, index)
            self.turns += turn.user is not None
            self.remember(turn, replace(at, turn=index), split or "")
            before = turn.belief
        for number, kind, message in replay_problems(dialogue.turns):
            self.say(kind, message, at, number)
        said = [((turn.user or json.dumps(turn.event)).lower(), turn.belief.text) for turn in dialogue.turns]
        digest = hashlib.sha256(json.dumps(said).encode()).digest()
        if digest in self.whole:
            self.say("same dialogue", f"The same dialogue is at {self.whole[digest]}.", at)
        self.whole.setdefault(digest, at)

    def image(self, image: str, at: _Place, split: str) -> None:
        """The form of an image id, and whether the split may have it."""
        seed, is_file = _SEED.fullmatch(image), _FILE.fullmatch(image)
        if not seed and not is_file:
            self.say("image", f"The image {image!r} is neither 'seed:N' nor the name of a file.", at)
            return
        if (self.source == "faces" and not seed) or (self.source == "images" and seed):
            self.say("image", f"The image {image!r} does not belong to a dataset of {self.source}.", at)
        if seed and split in ("validation", "test") and int(seed[1][:12]) in labelled_seeds():
            self.say("labelled image", f"The face {image} was labelled for learning and cannot be in {split}.", at)
        first = self.images.setdefault(image, (split, at))
        if first[0] != split:
            here, there = split or "no split", first[0] or "no split"
            self.say("same image", f"The image {image} of {first[1]} ({there}) is in {here} as well.", at)

    def remember(self, turn: Turn, at: _Place, split: str) -> None:
        """What is compared across splits: families and long texts."""
        if turn.family and _FAMILY.fullmatch(turn.family):
            self.families.setdefault(split, {}).setdefault(turn.family, at)
        words = (turn.user or "").lower().split()
        if len(words) < LONG:
            return
        text = " ".join(words)
        if split == "train":
            self.train_texts.add(text)
        else:
            self.long_texts[split] += 1
            if text in self.train_texts:  # train.jsonl is read first
                self.leaked.setdefault(split, []).append((text, at))

    def across_splits(self) -> None:
        """Families and texts that are where they should not be."""
        known = known_families()
        first_in: dict[str, tuple[str, _Place]] = {}
        for split in SPLITS:
            for name, at in self.families.get(split, {}).items():
                home = known[name][0] if name in known else split
                other, there = first_in.setdefault(name, (split, at))
                if home != split:
                    self.say("family", f"The phrase family {name} belongs to {home}, not to {split}.", at)
                if other != split:
                    self.say("family", f"The phrase family {name} is in {other} ({there}) and in {split}.", at)
        train = self.families.get("train", {})
        for split in ("validation", "test"):
            held = {name: at for name, at in self.families.get(split, {}).items() if name not in train}
            for name, other, share in kin_of_training(list(held), list(train)):
                message = (
                    f"The words of the phrase family {name} of {split} overlap by {share:.2f} with those of {other}, which is "
                    f"in training ({train[other]}); {OVERLAP} is allowed."
                )
                self.say("kin", message, held[name])
            hits, total = self.leaked.get(split, []), self.long_texts[split]
            if len(hits) > TINY_SHARE * total:
                message = (
                    f"{len(hits)} of the {total} user texts of {split} that have {LONG} words or more occur in training "
                    f"word for word, more than {TINY_SHARE:.0%}. The first is {hits[0][0]!r}."
                )
                self.say("same text", message, hits[0][1])

    def release(self) -> str | None:
        """The release whose files these are, byte for byte."""
        if not RELEASE.is_file():
            return None
        pinned = json.loads(RELEASE.read_text(encoding="utf-8"))
        version: str = pinned["version"]
        if self.hashes == pinned["files"]:
            return version
        if self.claims == version:
            self.say("version", f"The manifest says {version}, but the files are not those of that release.")
        return None


def _is_count(obj: Any) -> bool:
    return type(obj) is int and obj >= 0


__all__ = ["Problem", "Report", "check", "check_file", "check_text"]
