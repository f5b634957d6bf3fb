"""A dialogue folder ⇄ three formats that other people's code reads: Hugging Face, PPTOD, ConvLab-3.

In: a folder with train.jsonl, validation.jsonl, test.jsonl (any of them; lines as in records.py). Out: a new folder
in the other format. Import is the inverse: a folder as written here → a dialogue folder with the same dialogues.

    from i2edit.data.export import FORMATS
    export, back = FORMATS["convlab"]
    export(Path("dialogues"), Path("unified_datasets/i2edit"))   # {"train": 20000, "validation": 1000, "test": 1000}

What a format has no place for travels in one extra field, so nothing is lost; each ``export_…`` says what that is.
Only a split without dialogues is dropped. Every folder is written beside its place and then renamed, so it is whole or
not there.
"""

from __future__ import annotations

import json
import math
import random
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from i2edit.data.folders import new_folder
from i2edit.errors import DataError
from i2edit.ontology import EXCLUDES, SLOTS, Belief, BeliefSyntaxError
from i2edit.records import Act, Dialogue, write_dialogues

SPLITS: tuple[str, ...] = ("train", "validation", "test")

Json = dict[str, Any]
Splits = dict[str, list[Dialogue]]  # only splits that have dialogues
T = TypeVar("T")

SIMULATED = """\
The dialogues are simulated. A simulated person follows a goal over the 23 attributes (asks for one or several,
corrects, takes back, undoes, starts over, asks, chats, presses buttons); a policy answers. What both say is drawn
from a phrase bank written by hand, whose sentence families are divided among the splits: no sentence frame of
validation or test occurs in train. Beliefs are not annotated but computed by the program that edits the photo, so
they follow its rules exactly."""
"""How i2edit's own dialogues came to be (i2edit/data/simulate.py); for other dialogues, say it in your own words."""

LIMITS = """\
- Simulated dialogues are narrower than people's: irony, long stories, rare words and other languages than English are
  missing.
- The ontology is closed: 5 slots, 23 attributes; wishes outside it are answered with `cannot` and change nothing.
- The dialogues hold no pictures. `image_id` names a generated face (`seed:N`) or a file of an image folder that you
  must have.
- `outcome` is what an editor measured (or, when simulated, was imagined to measure), not what people saw.
- Attribute names are coarse and carry the bias of the face data sets that they come from."""

KINDS: dict[type, str] = {str: "text", dict: "an object", list: "a list", float: "a number"}


# The two ends: dialogue folders, and folders that appear whole --------------------------------------------------------


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Errors inside say where they were found."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _decoded(content: bytes, where: str) -> Any:
    """JSON, or a DataError that says where it is not."""
    try:
        obj = json.loads(content.decode("utf-8"))
        json.dumps(obj, ensure_ascii=False, allow_nan=False).encode("utf-8")  # NaN and half characters stop here
    except json.JSONDecodeError as error:
        inside = f" (line {error.lineno})" if content.strip().count(b"\n") else ""
        raise DataError(f"{where} is not JSON: {error.msg}{inside}.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} cannot be used: {error}.") from error
    return obj


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    """("FILE, line N", object) for every line that is not blank."""
    for number, line in enumerate(_bytes(path).split(b"\n"), 1):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, _decoded(line, where)


def _part(obj: object, name: str, kind: type[T]) -> T:
    """``obj[name]``, which must be there and of that kind. Raises DataError."""
    value = obj.get(name) if isinstance(obj, Mapping) else None
    if kind is float and type(value) is int:
        value = float(value)
    if not isinstance(value, kind):
        raise DataError(f"{name!r} must be there and be {KINDS[kind]}.")
    return value


def _checked(found: Iterator[tuple[str, str, Json]], source: Path) -> Splits:
    """(split, where, object) of every dialogue → the dialogues of each split. Raises DataError for the first that is
    malformed or has the id of an earlier one."""
    splits: Splits = {}
    seen: dict[str, str] = {}
    for split, where, obj in found:
        with _at(where):
            try:
                dialogue = Dialogue.from_json(obj)
            except TypeError as error:  # a list where a name should be
                raise DataError(f"An act, event or belief holds something that is not text ({error}).") from error
            for name in ("version", "split"):
                if not isinstance(getattr(dialogue, name), str | None):
                    raise DataError(f"The {name!r} of dialogue {dialogue.dialogue_id} must be text.")
            if dialogue.dialogue_id in seen:
                raise DataError(f"The dialogue {dialogue.dialogue_id} was there before ({seen[dialogue.dialogue_id]}).")
        seen[dialogue.dialogue_id] = where
        splits.setdefault(split, []).append(dialogue)
    if not splits:
        raise DataError(f"{source} has no dialogues.")
    return splits


def _read_folder(folder: Path, turns_needed: str = "") -> Splits:
    """The dialogues of a dialogue folder; ``turns_needed`` names a format that has no dialogues without turns."""
    if not folder.is_dir():
        raise DataError(f"There is no dialogue folder at {folder}.")

    def found() -> Iterator[tuple[str, str, Json]]:
        for split in SPLITS:
            path = folder / f"{split}.jsonl"
            for where, obj in _json_lines(path) if path.exists() else ():
                if turns_needed and isinstance(obj, dict) and obj.get("turns") == []:
                    raise DataError(f"{where}: The dialogue has no turns, which {turns_needed} cannot hold.")
                yield split, where, obj

    if not any((folder / f"{split}.jsonl").exists() for split in SPLITS):
        raise DataError(f"{folder} has none of {', '.join(f'{split}.jsonl' for split in SPLITS)}.")
    return _checked(found(), folder)


def _write_folder(splits: Splits, out: Path) -> dict[str, int]:
    """The dialogues as a dialogue folder; returns how many each split has."""
    with new_folder(out) as part:
        return {split: write_dialogues(splits[split], part / f"{split}.jsonl") for split in SPLITS if split in splits}


def _counts(splits: Splits) -> dict[str, int]:
    return {split: len(splits[split]) for split in SPLITS if split in splits}


# What a format has no place for ---------------------------------------------------------------------------------------


def _left_over(obj: Json, kept: Json) -> Json:
    """What must be said besides ``kept`` to get ``obj`` back: its other or different entries, null for absent ones."""

    def exact(value: Any) -> str:
        return json.dumps(value, sort_keys=True)

    return {name: obj.get(name) for name in {**obj, **kept} if exact(obj.get(name)) != exact(kept.get(name))}


def _restored(kept: Json, extra: Json) -> Json:
    """The inverse of ``_left_over``."""
    return {name: value for name, value in {**kept, **extra}.items() if value is not None}


def _event_text(event: Json) -> str:
    """A button as words, for formats in which somebody has to speak: ``(button: strength bangs 0.5)``."""
    return f"(button: {' '.join(str(event[name]) for name in ('type', 'value', 'strength') if name in event)})"


# Hugging Face ---------------------------------------------------------------------------------------------------------

HF_FEATURES: Json = {
    "dialogue_id": "string",
    "image_id": "string",
    "version": "string",
    "split": "string",
    "turns": [
        {
            "user": "string",
            "event": {"type": "string", "value": "string", "strength": "float64"},
            "belief": {slot: ["string"] for slot in SLOTS},
            "act": {"type": "string", "slot": "string", "value": "string"},
            "system": "string",
            "family": "string",
            "behaviour": "string",
            "strength": [{"value": "string", "strength": "float64"}],
            "outcome": {"made": ["string"], "failed": ["string"], "removed": ["string"]},
            "extra": "string",
        }
    ],
}
"""The columns: text names an Arrow type, an object is a struct, a list with one entry is a list of that."""


def export_hf(folder: Path, out: Path, *, licence: str = "cc-by-4.0", process: str = SIMULATED) -> dict[str, int]:
    """Write a folder for ``datasets.load_dataset(str(out))``; returns how many dialogues each split has.

        out/README.md                the dataset card: YAML header (configs, data files, features, licence) and text
        out/data/{split}.jsonl       one dialogue a line, every line with every column of ``HF_FEATURES``

    What is absent is null, also inside a struct; ``belief`` has all five slots, empty ones as empty lists;
    ``strength`` is a list of pairs. Columns that are null in a whole file have no type of their own, so load by the
    folder (the card has the types) or give ``features``. ``licence`` is a Hub identifier and, with ``process`` (how
    the dialogues came to be), goes into the card as it is: it is for you to say whether it holds for your dialogues.

    The columns cannot hold: keys of ``outcome`` other than the three, or values there that are not lists of text, and
    strengths that are not floats. Such an entry is in ``extra`` of its turn, as JSON text.

    Raises DataError (file and line; no dialogues) and OutputError (``out`` in use, cannot be written).
    Source: huggingface.co/docs/hub/datasets-manual-configuration and .../datasets-cards; read with datasets 5.2.0.
    """
    splits = _read_folder(folder)
    with new_folder(out) as part:
        (part / "data").mkdir()
        for split, dialogues in splits.items():
            with (part / "data" / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
                for dialogue in dialogues:
                    file.write(json.dumps(_hf_row(dialogue), ensure_ascii=False) + "\n")
        (part / "README.md").write_text(_hf_card(splits, licence, process), encoding="utf-8")
    return _counts(splits)


def import_hf(folder: Path, out: Path) -> dict[str, int]:
    """The inverse of ``export_hf``: ``folder``/data/{split}.jsonl → a dialogue folder; returns how many each split has.

    Also reads such files as ``datasets`` writes them (structs of nulls count as null).
    Raises DataError (file and line) and OutputError.
    """

    def found() -> Iterator[tuple[str, str, Json]]:
        for split in SPLITS:
            path = folder / "data" / f"{split}.jsonl"
            for where, row in _json_lines(path) if path.exists() else ():
                with _at(where):
                    turns = []
                    for index, turn in enumerate(_part(row, "turns", list)):
                        with _at(f"Turn {index}"):
                            extra = _extra(turn.get("extra")) if isinstance(turn, dict) else {}
                            turns.append(_restored(_hf_kept(turn), extra))
                yield split, where, {**row, "turns": turns}

    if not any((folder / "data" / f"{split}.jsonl").exists() for split in SPLITS):
        raise DataError(f"{folder} has none of {', '.join(f'data/{split}.jsonl' for split in SPLITS)}.")
    return _write_folder(_checked(found(), folder), out)


def _extra(text: object) -> Json:
    """The JSON object that an extra field holds as text, empty for null."""
    if text is None:
        return {}
    obj = _decoded(text.encode(), "The extra field") if isinstance(text, str) else None
    if not isinstance(obj, dict):
        raise DataError("The extra field must be null or a JSON object as text.")
    return obj


def _hf_row(dialogue: Dialogue) -> Json:
    obj = dialogue.to_json()
    row = {name: obj.get(name) for name in HF_FEATURES}
    row["turns"] = [_hf_turn(turn) for turn in obj["turns"]]
    return row


def _hf_turn(obj: Json) -> Json:
    """A turn as a row of ``HF_FEATURES``."""
    row: Json = {name: obj.get(name) for name in HF_FEATURES["turns"][0]}
    for name in ("event", "act"):
        if row[name] is not None:
            row[name] = {key: row[name].get(key) for key in HF_FEATURES["turns"][0][name]}
    row["belief"] = {slot: obj["belief"].get(slot, []) for slot in SLOTS}
    strength, outcome = row["strength"], row["outcome"]
    row["strength"] = row["outcome"] = None
    if isinstance(strength, dict) and all(isinstance(s, float) and math.isfinite(s) for s in strength.values()):
        row["strength"] = [{"value": value, "strength": s} for value, s in strength.items()]
    if isinstance(outcome, dict):
        chosen = {name: outcome.get(name, []) for name in ("made", "failed", "removed")}
        if all(isinstance(v, list) and all(isinstance(value, str) for value in v) for v in chosen.values()):
            row["outcome"] = chosen
    rest = _left_over(obj, _hf_kept(row))
    row["extra"] = json.dumps(rest, ensure_ascii=False) if rest else None
    return row


def _hf_kept(row: object) -> Json:
    """What the columns of a turn say, without ``extra``. Raises DataError for a row of another shape."""
    if not isinstance(row, Mapping):
        raise DataError("A turn must be an object.")
    obj: Json = {name: row.get(name) for name in ("user", "system", "family", "behaviour")}
    obj["belief"] = {slot: values for slot, values in _part(row, "belief", dict).items() if values}
    for name in ("event", "act"):
        if row.get(name) is not None:  # a struct of nulls is no struct
            obj[name] = {k: v for k, v in _part(row, name, dict).items() if v is not None} or None
    if row.get("outcome") is not None:
        outcome = _part(row, "outcome", dict)
        if any(values is not None for values in outcome.values()):
            obj["outcome"] = {name: values for name, values in outcome.items() if values}
    if row.get("strength") is not None:
        obj["strength"] = {_part(p, "value", str): _part(p, "strength", float) for p in _part(row, "strength", list)}
    return {name: value for name, value in obj.items() if value is not None}


def _yaml_features(spec: Json, indent: str) -> str:
    """``HF_FEATURES`` as the card writes features."""
    lines = []
    for name, kind in spec.items():
        lines.append(f"{indent}- name: {name}\n")
        key, inner = ("list", kind[0]) if isinstance(kind, list) else ("struct", kind)
        if isinstance(inner, dict):
            lines.append(f"{indent}  {key}:\n{_yaml_features(inner, indent + '  ')}")
        else:
            lines.append(f"{indent}  {key if isinstance(kind, list) else 'dtype'}: {inner}\n")
    return "".join(lines)


def _hf_card(splits: Splits, licence: str, process: str) -> str:
    """README.md of a Hugging Face folder. A JSON string is also YAML, so the licence is quoted as JSON."""
    total = sum(map(len, splits.values()))
    sizes = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M")]
    size = next((name for limit, name in sizes if total < limit), "n>10M")
    files = "".join(f"  - split: {split}\n    path: data/{split}.jsonl\n" for split in splits)
    rows = "".join(f"| {split} | {len(ds)} | {sum(len(d.turns) for d in ds)} |\n" for split, ds in splits.items())
    slots = "".join(f"| {slot} | {', '.join(values)} |\n" for slot, values in SLOTS.items())
    return f"""---
license: {json.dumps(licence, ensure_ascii=False)}
language:
- en
pretty_name: Dialogues about editing a face
size_categories:
- {size}
task_categories:
- text-generation
tags:
- dialogue-state-tracking
- task-oriented-dialogue
- image-editing
configs:
- config_name: default
  data_files:
{files}dataset_info:
  config_name: default
  features:
{_yaml_features(HF_FEATURES, "  ")}---

# Dialogues about editing a face

A person says, turn after turn, how a portrait should be changed; after each turn the **belief** is every edit wanted
so far.

```python
from datasets import load_dataset
dialogues = load_dataset("PATH/OF/THIS/FOLDER")
```

## Splits

| split | dialogues | turns |
|---|---|---|
{rows}
## Features

One row is a dialogue: `dialogue_id`, `image_id` (the portrait: `seed:N` or a file name), `version`, `split`, `turns`.
A turn:

- `user`: what the person says; null if a button was pressed instead.
- `event`: the button (`type`: set, remove, strength, undo, redo, reset; `value`; `strength`); null if something was
  said.
- `belief`: slot → attributes wanted after this turn, from the start of the dialogue on; all five slots, in this order.
- `act`: what the reply does (`type`: next, request, suggest, answer, cannot; `slot`; `value`); `system`: the reply
  itself.
- `family`, `behaviour`: which sentence family and behaviour the simulated turn came from.
- `strength`: strengths that differ from 1; `outcome`: attributes `made`, `failed`, `removed` by this turn, as measured.
- `extra`: JSON text of what the other columns cannot hold; nearly always null.

What is absent is null; the lists of `belief` and `outcome` are then empty.

| slot | attributes |
|---|---|
{slots}
## How the dialogues came to be

{process}

## Known limits

{LIMITS}

## Licence

{licence}

Written by i2edit (`i2edit.data.export`), which also reads this folder back.
"""


# PPTOD ----------------------------------------------------------------------------------------------------------------

PPTOD_SLOTS: dict[str, str] = {
    "expression": "expression",
    "hair color": "haircolor",
    "hairstyle": "hairstyle",
    "beard": "beard",
    "makeup": "cosmetics",
}
PPTOD_ACTS: dict[str, str] = {
    "next": "[general] [reqmore]",
    "request": "[face] [request]",
    "suggest": "[face] [recommend]",
    "answer": "[face] [inform]",
    "cannot": "[face] [nooffer]",
}
PPTOD_FILES: dict[str, str] = {
    split: f"multiwoz-fine-processed-{name}.json"
    for split, name in (("train", "train"), ("validation", "dev"), ("test", "test"))
}


def export_pptod(folder: Path, out: Path) -> dict[str, int]:
    """Write the files that PPTOD is fine-tuned from; returns how many dialogues each split has.

    ``out``/multiwoz-fine-processed-{train,dev,test}.json (the names that its loaders open, E2E_TOD's in a folder called
    multi-woz-fine-processed; all three, ``[]`` for a split without dialogues), each a list of dialogues, one a line; a
    dialogue is a list of turns; a turn::

        dial_id, turn_num          "i2e-00001", 0
        user, usdx                 "<sos_u> smile, and pale skin please <eos_u>"
        bspn                       "<sos_b> [face] expression smiling cosmetics pale skin <eos_b>"
        bspn_reform                "<sos_b> [face] expression is smiling , cosmetics is pale skin <eos_b>"
        bsdx, bsdx_reform          the same without values: "[face] expression cosmetics" (reformed: with " , ")
        aspn, aspn_reform          "<sos_a> [face] [recommend] hairstyle bangs <eos_a>"
        resp                       "<sos_r> Done. How about bangs? <eos_r>"
        dspn, turn_domain          "<sos_d> [face] <eos_d>", ["[face]"]
        db, pointer                "<sos_db> [db_nores] <eos_db>", [0, 0, 0, 0, 0, 0]: there is no database
        i2edit                     what the format has no place for, as JSON text (the loaders take only text)

    One domain, ``[face]``, with our slots under names of one word (``PPTOD_SLOTS``): PPTOD's evaluation reads a
    belief word by word and takes every slot name as the start of a slot, so ``hair color`` must be one word, and
    ``makeup``, a word of "heavy makeup", needs another name. Values of one slot stand side by side;
    ``parse_pptod_belief`` finds every one again. Acts have the names of MultiWOZ's (``PPTOD_ACTS``), then slot and
    value. Replies are not delexicalised, for there is nothing to look up. White space is written as single blanks.

    The format has no place for: ``image_id``, ``version``, ``split`` (in ``i2edit`` of the first turn), and ``event``,
    ``family``, ``behaviour``, ``strength``, ``outcome`` and white space other than single blanks (in ``i2edit`` of
    the turn). A button is spoken by the user ("(button: undo)"); no reply is an empty one, and its turn teaches a
    model to say nothing.

    Raises DataError (file and line; a dialogue without turns) and OutputError (``out`` in use, cannot be written).
    Source: github.com/awslabs/pptod 9bae5ea: data/README.md, DST/dataclass.py, E2E_TOD/dataclass.py, DST/dst.py,
    data/multiwoz/utlis/postprocessing_dataset.py.
    """
    splits = _read_folder(folder, turns_needed="PPTOD")
    with new_folder(out) as part:
        for split, name in PPTOD_FILES.items():
            lines = [json.dumps(_pptod_session(dialogue)) for dialogue in splits.get(split, [])]
            (part / name).write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8", newline="\n")
    return _counts(splits)


def import_pptod(folder: Path, out: Path) -> dict[str, int]:
    """The inverse of ``export_pptod`` → a dialogue folder; returns how many dialogues each split has.

    Reads ``dial_id``, ``turn_num``, ``user``, ``bspn``, ``aspn``, ``resp`` and ``i2edit``; of two that differ,
    ``i2edit`` wins. Raises DataError (file, number of the dialogue and of the turn, both from 0) and OutputError.
    """

    def found() -> Iterator[tuple[str, str, Json]]:
        for split, name in PPTOD_FILES.items():
            path = folder / name
            sessions = _decoded(_bytes(path), str(path)) if path.exists() else []
            if not isinstance(sessions, list):
                raise DataError(f"{path} must be a list of dialogues.")
            for number, session in enumerate(sessions):
                where = f"{path}, dialogue {number}"
                with _at(where):
                    obj = _pptod_dialogue(session)
                yield split, where, obj

    if not any((folder / name).exists() for name in PPTOD_FILES.values()):
        raise DataError(f"{folder} has none of {', '.join(PPTOD_FILES.values())}.")
    return _write_folder(_checked(found(), folder), out)


def pptod_belief(belief: Belief, link: str = " ", between: str = " ") -> str:
    """The belief as PPTOD writes it, without ``<sos_b>`` and ``<eos_b>``; empty for the empty belief.

    >>> pptod_belief(Belief.of("smiling", "lipstick", "pale skin"))
    '[face] expression smiling cosmetics lipstick pale skin'
    """
    slots = [f"{PPTOD_SLOTS[slot]}{link}{' '.join(values)}" for slot, values in belief.to_json().items()]
    return f"[face] {between.join(slots)}" if slots else ""


def parse_pptod_belief(text: str) -> Belief:
    """The inverse of ``pptod_belief``. Raises BeliefSyntaxError on anything that it could not have written, but takes
    slots and values in any order.

    >>> parse_pptod_belief("[face] cosmetics heavy makeup lipstick").text
    'makeup: heavy makeup, lipstick'
    """
    domain, *words = text.split() or [""]
    if domain != "[face]" and (domain or words):
        raise BeliefSyntaxError(f"The belief {text!r} must begin with [face].")
    slot_of = {name: slot for slot, name in PPTOD_SLOTS.items()}
    chosen: dict[str, list[str]] = {}
    slot = ""
    while words:
        if words[0] in slot_of and slot_of[words[0]] not in chosen:
            slot = slot_of[words.pop(0)]
            chosen[slot] = []
            continue
        fits = [value for value in SLOTS.get(slot, ()) if value.split() == words[: len(value.split())]]
        if not fits:
            raise BeliefSyntaxError(f"The belief {text!r} is malformed near {words[0]!r}.")
        value = max(fits, key=len)
        chosen[slot].append(value)
        del words[: len(value.split())]
    if domain and not chosen:
        raise BeliefSyntaxError(f"The belief {text!r} has a domain but no slots.")
    return Belief.from_json(chosen)


def _pptod_session(dialogue: Dialogue) -> list[Json]:
    turns = []
    about = {k: v for k, v in dialogue.to_json().items() if k not in ("dialogue_id", "turns")}
    for number, turn in enumerate(dialogue.turns):
        belief, act = turn.belief, turn.act
        spoken = turn.user if turn.event is None else _event_text(turn.event)
        slots = [PPTOD_SLOTS[slot] for slot in belief.to_json()]
        action = [PPTOD_ACTS[act.type], PPTOD_SLOTS[act.slot or ""] if act.slot else "", act.value or ""] if act else []
        session: Json = {
            "dial_id": dialogue.dialogue_id,
            "turn_num": number,
            "user": _marked("u", spoken or ""),
            "usdx": _marked("u", spoken or ""),
            "resp": _marked("r", turn.system or ""),
            "bspn": _marked("b", pptod_belief(belief)),
            "bspn_reform": _marked("b", pptod_belief(belief, link=" is ", between=" , ")),
            "bsdx": _marked("b", f"[face] {' '.join(slots)}" if slots else ""),
            "bsdx_reform": _marked("b", f"[face] {' , '.join(slots)}" if slots else ""),
            "aspn": _marked("a", " ".join(action)),
            "aspn_reform": _marked("a", " ".join(action)),
            "dspn": _marked("d", "[face]"),
            "db": _marked("db", "[db_nores]"),
            "pointer": [0, 0, 0, 0, 0, 0],
            "turn_domain": ["[face]"],
        }
        rest = {"turn": _left_over(turn.to_json(), _pptod_kept(session)), "dialogue": about if number == 0 else {}}
        if any(rest.values()):
            session["i2edit"] = json.dumps({name: value for name, value in rest.items() if value})
        turns.append(session)
    return turns


def _marked(mark: str, text: str) -> str:
    return " ".join(f"<sos_{mark}> {text} <eos_{mark}>".split())


def _unmarked(turn: object, name: str, mark: str) -> str:
    text = _part(turn, name, str)
    start, end = f"<sos_{mark}>", f"<eos_{mark}>"
    if not (text.startswith(start) and text.endswith(end)) or len(text) < len(start) + len(end):
        raise DataError(f"{name!r} must be {start} … {end}.")
    return text[len(start) : -len(end)].strip()


def _pptod_kept(turn: object) -> Json:
    """What a PPTOD turn says, without ``i2edit``."""
    kept: Json = {"user": _unmarked(turn, "user", "u")}
    kept["belief"] = parse_pptod_belief(_unmarked(turn, "bspn", "b")).to_json()
    action = _unmarked(turn, "aspn", "a")
    if action:
        kind = next((k for k, words in PPTOD_ACTS.items() if f"{action} ".startswith(f"{words} ")), "")
        if not kind:
            raise DataError(f"The action {action!r} is none of: {', '.join(PPTOD_ACTS.values())}.")
        slot, _, value = action[len(PPTOD_ACTS[kind]) :].strip().partition(" ")
        names = {name: slot for slot, name in PPTOD_SLOTS.items()}
        kept["act"] = Act(kind, names.get(slot, slot) or None, value or None).to_json()
    if system := _unmarked(turn, "resp", "r"):
        kept["system"] = system
    return kept


def _pptod_dialogue(session: object) -> Json:
    """A PPTOD dialogue as an object for ``Dialogue.from_json``."""
    if not isinstance(session, list) or not session:
        raise DataError("A dialogue must be a list with at least one turn.")
    name = _part(session[0], "dial_id", str)
    about: Json = {}
    turns = []
    for number, turn in enumerate(session):
        with _at(f"Turn {number}"):
            if _part(turn, "dial_id", str) != name or turn.get("turn_num") != number:
                raise DataError(f"'dial_id' and 'turn_num' must be {name!r} and {number}.")
            extra = _extra(turn.get("i2edit"))
            if number == 0 and "dialogue" in extra:
                about = _part(extra, "dialogue", dict)
            turns.append(_restored(_pptod_kept(turn), _part(extra, "turn", dict) if "turn" in extra else {}))
    return {**about, "dialogue_id": name, "turns": turns}


# ConvLab-3 ------------------------------------------------------------------------------------------------------------

CONVLAB_NAME = "i2edit"  # ConvLab cuts dialogue ids at "-", so no "-" in here
DESCRIPTIONS: dict[str, str] = {
    "expression": "expression of the face",
    "hair color": "colour of the hair",
    "hairstyle": "form of the hair; straight and wavy, bangs and receding hairline exclude each other",
    "beard": "beard; a full beard is mustache and goatee",
    "makeup": "make-up, jewellery and features of the skin, brows, lips and cheeks",
}
INTENTS: dict[str, str] = {
    "inform": "the user wants a value",
    "negate": "the user no longer wants a value",
    "next": "the system says what was done and asks what is next",
    "request": "the system asks for a wish about a slot",
    "suggest": "the system suggests a value",
    "answer": "the system answers a question",
    "cannot": "the system says that something cannot be done",
}


def export_convlab(folder: Path, out: Path, *, licence: str = "cc-by-4.0") -> dict[str, int]:
    """Write a dataset of ConvLab-3's unified format; returns how many dialogues each split has.

        out/data.zip                 data/ontology.json and data/dialogues.json; the same input gives the same bytes
        out/dummy_data.json          the first ten dialogues
        out/shuffled_dial_ids.json   ten orders of each split
        out/README.md, preprocess.py what it is (``licence`` goes in as it is), and how to make it again

    Name the folder ``i2edit`` and put it into ``data/unified_datasets``; ``load_dataset("i2edit")``,
    ``load_dst_data`` and ``check.py i2edit`` then read it. A dialogue gets the id "i2edit-SPLIT-N" and keeps its own
    as ``original_id``. One domain, ``face``, with our five slots, all categorical (so there are no spans); a state
    has all five, "" when empty, several values joined by "|"; ``goal.inform`` is the belief at the end. User and
    system take turns, so a missing reply is an empty one.

    System acts: ``request`` is binary with its slot, ``suggest`` categorical, the others binary with the slot "".
    User acts are not annotated but follow from the beliefs: ``inform`` for each value that came, ``negate`` for each
    that went without being excluded by one that came (so an undo looks like the wish it restores).

    The format has no place for: ``image_id``, ``version``, ``split`` (in the attribute ``i2edit`` of the dialogue), and
    ``event``, ``family``, ``behaviour``, ``strength``, ``outcome`` (in the attribute ``i2edit`` of the user's turn; a
    button is spoken by the user: "(button: undo)").

    Raises DataError (file and line; a dialogue without turns) and OutputError (``out`` in use, cannot be written).
    Source: github.com/ConvLab/ConvLab-3 2a168fc: data/unified_datasets/README.md and check.py.
    """
    splits = _read_folder(folder, turns_needed="ConvLab-3")
    dialogues = [
        _convlab_dialogue(d, split, n) for split in SPLITS for n, d in enumerate(splits.get(split, []))
    ]  # in the order of SPLITS, so that ids and positions agree
    with new_folder(out) as part:
        with zipfile.ZipFile(part / "data.zip", "w") as archive:
            for name, content in (("ontology", _convlab_ontology(dialogues)), ("dialogues", dialogues)):
                info = zipfile.ZipInfo(f"data/{name}.json")  # its time is always 1980
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, json.dumps(content, indent=2))
        (part / "dummy_data.json").write_text(json.dumps(dialogues[:10], indent=2), encoding="utf-8")
        (part / "shuffled_dial_ids.json").write_text(json.dumps(_convlab_orders(dialogues)), encoding="utf-8")
        (part / "README.md").write_text(_convlab_card(splits, licence), encoding="utf-8")
        (part / "preprocess.py").write_text(_CONVLAB_PREPROCESS, encoding="utf-8")
    return _counts(splits)


def import_convlab(folder: Path, out: Path) -> dict[str, int]:
    """The inverse of ``export_convlab``: ``folder``/data.zip → a dialogue folder; returns how many each split has.

    Reads ``data_split``, ``original_id``, ``turns`` (speaker, utterance, state of the user, acts of the system) and
    ``i2edit``; of two that differ, ``i2edit`` wins. Raises DataError (file, number of the dialogue and of the turn,
    both from 0) and OutputError.
    """
    path = folder / "data.zip"
    inside = f"{path}: data/dialogues.json"
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read("data/dialogues.json")
    except KeyError:
        raise DataError(f"{path} has no data/dialogues.json.") from None
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    dialogues = _decoded(content, inside)
    if not isinstance(dialogues, list):
        raise DataError(f"{inside} must be a list of dialogues.")

    def found() -> Iterator[tuple[str, str, Json]]:
        for number, unified in enumerate(dialogues):
            where = f"{inside}, dialogue {number}"
            with _at(where):
                split = _part(unified, "data_split", str)
                if split not in SPLITS:
                    raise DataError(f"There is no split called {split!r}. The splits are: {', '.join(SPLITS)}.")
                obj = _convlab_back(unified)
            yield split, where, obj

    return _write_folder(_checked(found(), path), out)


def _convlab_dialogue(dialogue: Dialogue, split: str, number: int) -> Json:
    turns: list[Json] = []
    before = Belief()
    for turn in dialogue.turns:
        spoken = turn.user if turn.event is None else _event_text(turn.event)
        user: Json = {
            "speaker": "user",
            "utterance": spoken or "",
            "utt_idx": len(turns),
            "dialogue_acts": {"categorical": _user_acts(before, turn.belief), "non-categorical": [], "binary": []},
            "state": {"face": {slot: "|".join(turn.belief.to_json().get(slot, [])) for slot in SLOTS}},
        }
        system: Json = {
            "speaker": "system",
            "utterance": turn.system or "",
            "utt_idx": len(turns) + 1,
            "dialogue_acts": _system_acts(turn.act),
            "db_results": {},
        }
        if rest := _left_over(turn.to_json(), _convlab_kept(user, system)):
            user["i2edit"] = rest
        turns += [user, system]
        before = turn.belief
    wanted = {slot: "|".join(values) for slot, values in before.to_json().items()}
    return {
        "dataset": CONVLAB_NAME,
        "data_split": split,
        "dialogue_id": f"{CONVLAB_NAME}-{split}-{number}",
        "original_id": dialogue.dialogue_id,
        "domains": ["face"],
        "goal": {"description": "", "inform": {"face": wanted} if wanted else {}, "request": {}},
        "turns": turns,
        "i2edit": {k: v for k, v in dialogue.to_json().items() if k not in ("dialogue_id", "turns")},
    }


def _user_acts(before: Belief, after: Belief) -> list[Json]:
    """What a user must have said for the belief to change so."""
    came = {value for value in after if value not in before}
    went = {value for value in before if value not in after and not EXCLUDES[value] & came}
    return [
        {"intent": intent, "domain": "face", "slot": slot, "value": value}
        for intent, changed in (("inform", came), ("negate", went))
        for slot, values in SLOTS.items()
        for value in values
        if value in changed
    ]


def _system_acts(act: Act | None) -> Json:
    acts: Json = {"categorical": [], "non-categorical": [], "binary": []}
    if act is not None:
        entry = {"intent": act.type, "domain": "face", "slot": act.slot or ""}
        if act.value is None:
            acts["binary"].append(entry)
        else:
            acts["categorical"].append({**entry, "value": act.value})
    return acts


def _convlab_ontology(dialogues: list[Json]) -> Json:
    speakers: dict[str, dict[tuple[str, str], set[str]]] = {"categorical": {}, "non-categorical": {}, "binary": {}}
    for turn in (turn for dialogue in dialogues for turn in dialogue["turns"]):
        for kind, acts in turn["dialogue_acts"].items():
            for act in acts:
                speakers[kind].setdefault((act["intent"], act["slot"]), set()).add(turn["speaker"])
    slots = {
        slot: {"description": DESCRIPTIONS[slot], "is_categorical": True, "possible_values": list(values)}
        for slot, values in SLOTS.items()
    }
    return {
        "domains": {"face": {"description": "change how the face on a photo looks", "slots": slots}},
        "intents": {name: {"description": words} for name, words in INTENTS.items()},
        "state": {"face": dict.fromkeys(SLOTS, "")},
        "dialogue_acts": {
            kind: sorted(
                str(
                    {"user": "user" in who, "system": "system" in who, "intent": intent, "domain": "face", "slot": slot}
                )
                for (intent, slot), who in acts.items()
            )
            for kind, acts in speakers.items()
        },
    }


def _convlab_orders(dialogues: list[Json]) -> list[dict[str, list[int]]]:
    """Ten shuffles of the positions of each split, as ConvLab's check.py makes them (seed 42)."""
    positions: dict[str, list[int]] = {}
    for position, dialogue in enumerate(dialogues):
        positions.setdefault(dialogue["data_split"], []).append(position)
    rng = random.Random(42)
    orders = []
    for _ in range(10):
        for order in positions.values():
            rng.shuffle(order)
        orders.append({split: list(order) for split, order in positions.items()})
    return orders


def _convlab_kept(user: object, system: object) -> Json:
    """What a user's and a system's turn say, without ``i2edit``."""
    kept: Json = {"user": _part(user, "utterance", str)}
    slots = _part(_part(user, "state", dict), "face", dict)
    kept["belief"] = {slot: _part(slots, slot, str).split("|") for slot, values in slots.items() if values}
    acts = _part(system, "dialogue_acts", dict)
    told = [*_part(acts, "categorical", list), *_part(acts, "binary", list)]
    if len(told) > 1:
        raise DataError("A reply can have one dialogue act, not more.")
    for act in told:
        value = _part(act, "value", str) if "value" in act else None
        kept["act"] = Act(_part(act, "intent", str), _part(act, "slot", str) or None, value).to_json()
    if text := _part(system, "utterance", str):
        kept["system"] = text
    return kept


def _convlab_back(unified: Json) -> Json:
    """A dialogue of the unified format as an object for ``Dialogue.from_json``."""
    spoken = _part(unified, "turns", list)
    turns = []
    for number in range(0, len(spoken), 2):
        pair = spoken[number : number + 2]
        with _at(f"Turn {number}"):
            if [turn.get("speaker") if isinstance(turn, dict) else None for turn in pair] != ["user", "system"]:
                raise DataError("The user and the system must take turns, the user first and the system last.")
            extra = _part(pair[0], "i2edit", dict) if "i2edit" in pair[0] else {}
            turns.append(_restored(_convlab_kept(*pair), extra))
    about = _part(unified, "i2edit", dict) if "i2edit" in unified else {}
    return {**about, "dialogue_id": _part(unified, "original_id", str), "turns": turns}


def _convlab_card(splits: Splits, licence: str) -> str:
    """README.md of a ConvLab dataset, in the order of ConvLab's README_TEMPLATE.md."""
    rows = ""
    for split, dialogues in splits.items():
        utterances = 2 * sum(len(d.turns) for d in dialogues)
        rows += f"| {split} | {len(dialogues)} | {utterances} | {utterances / len(dialogues):.2f} | 1 |\n"
    return f"""# Dataset Card for {CONVLAB_NAME}

- **Who transforms the dataset:** the i2edit package (`i2edit.data.export.export_convlab`)

### Dataset Summary

A person says, turn after turn, how a portrait should be changed. The state after each turn is every edit wanted so far.

- **How to get the transformed data from original data:** `python preprocess.py` beside a folder `dialogues` of i2edit.
- **Main changes of the transformation:** one domain, `face`; several values of a slot are joined by `|`; buttons are
  spoken as "(button: …)"; a missing reply is an empty one; what the format has no place for is in the attribute
  `i2edit`.
- **Annotations:** state; system acts; goal (the last state). User acts are derived from the states: `inform` for a
  value that came, `negate` for one that went. No spans, no database.

### Supported Tasks and Leaderboards

Dialogue state tracking, policy, response generation.

### Languages

English

### Data Splits

| split | dialogues | utterances | avg_utt | avg_domains |
|---|---|---|---|---|
{rows}
1 domain: ['face']

### Known limits

{LIMITS}

### Licensing Information

{licence}
"""


_CONVLAB_PREPROCESS = '''\
"""data.zip and dummy_data.json came from a dialogue folder of i2edit; this makes them again, in a new folder."""

from pathlib import Path


def preprocess(folder: str = "dialogues", out: str = "i2edit") -> None:
    from i2edit.data.export import export_convlab

    export_convlab(Path(folder), Path(out))


if __name__ == "__main__":
    preprocess()
'''

Convert = Callable[[Path, Path], dict[str, int]]
FORMATS: dict[str, tuple[Convert, Convert]] = {
    "hf": (export_hf, import_hf),
    "pptod": (export_pptod, import_pptod),
    "convlab": (export_convlab, import_convlab),
}
"""Name → (export, import)."""
