"""Dialogues as data: Turn, Act, Outcome, Dialogue ⇄ JSON lines (one dialogue a line).

In: a file of dialogues (see ``Dialogue.from_json`` for the shape). Out: the same, validated, with errors that say the line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i2edit.errors import DataError
from i2edit.ontology import SLOT_OF, SLOTS, STRENGTH_MAX, STRENGTH_MIN, Belief, BeliefSyntaxError, check_value

ACTS: tuple[str, ...] = ("next", "request", "suggest", "answer", "cannot")
EVENTS: tuple[str, ...] = ("set", "remove", "strength", "undo", "redo", "reset")


@dataclass(frozen=True)
class Act:
    """What a reply does: ``next``, ``request`` (slot), ``suggest`` (slot, value), ``answer`` or ``cannot``."""

    type: str
    slot: str | None = None
    value: str | None = None

    def __post_init__(self) -> None:
        if self.type not in ACTS:
            raise DataError(f"There is no dialogue act called {self.type!r}. The acts are: {', '.join(ACTS)}.")
        if (self.type in ("request", "suggest")) != (self.slot is not None):
            raise DataError(f"The act {self.type!r} {'needs' if self.slot is None else 'has no'} slot.")
        if self.slot is not None and self.slot not in SLOTS:
            raise DataError(f"There is no slot called {self.slot!r}. The slots are: {', '.join(SLOTS)}.")
        if (self.type == "suggest") != (self.value is not None):
            raise DataError(f"The act {self.type!r} {'needs' if self.value is None else 'has no'} value.")
        if self.value is not None and SLOT_OF.get(self.value) != self.slot:
            raise DataError(f"The slot {self.slot!r} has no value called {self.value!r}.")

    @classmethod
    def suggest(cls, value: str) -> Act:
        """The suggestion of one value."""
        return cls("suggest", SLOT_OF[check_value(value)], value)

    def to_json(self) -> dict[str, str]:
        """``{"type": ..}`` with ``slot`` and ``value`` where the act has them."""
        pairs = (("type", self.type), ("slot", self.slot), ("value", self.value))
        return {key: text for key, text in pairs if text is not None}

    @classmethod
    def from_json(cls, obj: object) -> Act:
        """The inverse of ``to_json``; raises DataError."""
        if not isinstance(obj, Mapping) or "type" not in obj or set(obj) - {"type", "slot", "value"}:
            raise DataError("An act must be an object with 'type' and, for some types, 'slot' and 'value'.")
        return cls(obj["type"], obj.get("slot"), obj.get("value"))


@dataclass(frozen=True)
class Outcome:
    """What the editor measured after a turn: values asked for this turn and visible now (``made``), asked for but not
    visible (``failed``), and taken back this turn (``removed``)."""

    made: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("made", "failed", "removed"):
            object.__setattr__(self, name, tuple(check_value(value) for value in getattr(self, name)))

    def to_json(self) -> dict[str, list[str]]:
        """The three lists, empty ones left out."""
        return {name: list(getattr(self, name)) for name in ("made", "failed", "removed") if getattr(self, name)}

    @classmethod
    def from_json(cls, obj: object) -> Outcome:
        """The inverse of ``to_json``; keys that it does not know are ignored (an editor may measure more)."""
        if not isinstance(obj, Mapping):
            raise DataError("An outcome must be an object.")
        return cls(*(tuple(obj.get(name, ())) for name in ("made", "failed", "removed")))


def check_event(event: object) -> dict[str, Any]:
    """A button event as a plain dict: ``type`` of EVENTS, ``value`` for set/remove/strength, ``strength`` (0.25..2.0) for
    ``strength`` and, optionally, for ``set``. Raises DataError."""
    if not isinstance(event, Mapping) or event.get("type") not in EVENTS:
        raise DataError(f"An event needs a 'type', one of: {', '.join(EVENTS)}.")
    kind = event["type"]
    checked: dict[str, Any] = {"type": kind}
    if kind in ("set", "remove", "strength"):
        checked["value"] = check_value(event.get("value", ""))
    if kind == "strength" or (kind == "set" and event.get("strength") is not None):
        strength = event.get("strength")
        if isinstance(strength, bool) or not isinstance(strength, int | float):
            raise DataError(f"The event {kind!r} needs a 'strength' from {STRENGTH_MIN} to {STRENGTH_MAX}.")
        if not STRENGTH_MIN <= strength <= STRENGTH_MAX:
            raise DataError(f"The strength {strength} is outside {STRENGTH_MIN} to {STRENGTH_MAX}.")
        checked["strength"] = float(strength)
    return checked


@dataclass(frozen=True)
class Turn:
    """One user turn (``user``) or button event (``event``), the belief after it, and the reply that followed.

    ``marks`` are the control tokens of the training target (dialogue/prompts.py); they stay in memory and are not written.
    """

    belief: Belief
    user: str | None = None
    event: dict[str, Any] | None = field(default=None, hash=False)
    act: Act | None = None
    system: str | None = None
    family: str | None = None
    behaviour: str | None = None
    strength: dict[str, float] | None = field(default=None, hash=False)
    outcome: dict[str, Any] | None = field(default=None, hash=False)
    marks: tuple[str, ...] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if (self.user is None) == (self.event is None):
            raise DataError("A turn needs either 'user' or 'event', and not both.")

    def to_json(self) -> dict[str, Any]:
        """The turn as FORMAT says; what is absent is left out."""
        obj: dict[str, Any] = {}
        if self.user is not None:
            obj["user"] = self.user
        if self.event is not None:
            obj["event"] = self.event
        obj["belief"] = self.belief.to_json()
        if self.act is not None:
            obj["act"] = self.act.to_json()
        if self.system is not None:
            obj["system"] = self.system
        for name in ("family", "behaviour", "strength", "outcome"):
            if getattr(self, name) is not None:
                obj[name] = getattr(self, name)
        return obj

    @classmethod
    def from_json(cls, obj: object) -> Turn:
        """The inverse of ``to_json``; raises DataError."""
        if not isinstance(obj, Mapping):
            raise DataError("A turn must be an object.")
        for name in ("user", "system", "family", "behaviour"):
            if obj.get(name) is not None and not isinstance(obj[name], str):
                raise DataError(f"The {name!r} of a turn must be text.")
        if "belief" not in obj:
            raise DataError("A turn needs a 'belief' (an empty object when nothing is wanted).")
        return cls(
            belief=Belief.from_json(obj["belief"]),
            user=obj.get("user"),
            event=check_event(obj["event"]) if obj.get("event") is not None else None,
            act=Act.from_json(obj["act"]) if obj.get("act") is not None else None,
            system=obj.get("system"),
            family=obj.get("family"),
            behaviour=obj.get("behaviour"),
            strength=obj.get("strength"),
            outcome=obj.get("outcome"),
        )


@dataclass(frozen=True)
class Dialogue:
    """A dialogue about one image: ``seed:N`` or a file name inside an image folder."""

    dialogue_id: str
    image_id: str
    turns: tuple[Turn, ...]
    split: str | None = None
    version: str | None = None

    def to_json(self) -> dict[str, Any]:
        """One line of a dialogue file, as an object."""
        obj: dict[str, Any] = {"dialogue_id": self.dialogue_id, "image_id": self.image_id}
        for name in ("version", "split"):
            if getattr(self, name) is not None:
                obj[name] = getattr(self, name)
        obj["turns"] = [turn.to_json() for turn in self.turns]
        return obj

    @classmethod
    def from_json(cls, obj: object) -> Dialogue:
        """The inverse of ``to_json``; raises DataError that names the dialogue and the turn."""
        if not isinstance(obj, Mapping) or not isinstance(obj.get("dialogue_id"), str):
            raise DataError("A dialogue must be an object with a 'dialogue_id'.")
        name = obj["dialogue_id"]
        if not isinstance(obj.get("turns"), list):
            raise DataError(f"The dialogue {name} needs a list of 'turns'.")
        turns = []
        for index, turn in enumerate(obj["turns"]):
            try:
                turns.append(Turn.from_json(turn))
            except DataError as error:
                raise DataError(f"Dialogue {name}, turn {index}: {error}") from error
        image = obj.get("image_id", "")
        if not isinstance(image, str):
            raise DataError(f"The 'image_id' of dialogue {name} must be text.")
        return cls(name, image, tuple(turns), obj.get("split"), obj.get("version"))


def read_dialogues(path: str | Path) -> Iterator[Dialogue]:
    """Dialogues of a JSON-lines file, one at a time. Raises DataError with the line number."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no dialogue file at {path}.")
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield Dialogue.from_json(json.loads(line))
            except json.JSONDecodeError as error:
                raise DataError(f"{path}, line {number} is not JSON: {error.msg}.") from error
            except DataError as error:
                raise DataError(f"{path}, line {number}: {error}") from error


def write_dialogues(dialogues: Iterable[Dialogue], path: str | Path) -> int:
    """Write dialogues as JSON lines (UTF-8); returns how many."""
    count = 0
    with Path(path).open("w", encoding="utf-8") as file:
        for dialogue in dialogues:
            file.write(json.dumps(dialogue.to_json(), ensure_ascii=False) + "\n")
            count += 1
    return count


__all__ = [
    "ACTS",
    "EVENTS",
    "Act",
    "BeliefSyntaxError",
    "Dialogue",
    "Outcome",
    "Turn",
    "check_event",
    "read_dialogues",
    "write_dialogues",
]
