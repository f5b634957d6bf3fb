"""What can be asked of a face: five slots, 23 values, which values exclude each other, and the belief made of them.

Everything else reads this one table (Table 1 of the I²Edit paper, canonical spelling).

>>> Belief.of("lipstick", "smiling").text
'expression: smiling; makeup: lipstick'
>>> Belief.parse("expression: smiling") == Belief.of("smiling")
True
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from i2edit.errors import DataError

SLOTS: dict[str, tuple[str, ...]] = {
    "expression": ("smiling", "angry", "sad", "no smiling"),
    "hair color": ("brown hair", "blond hair", "black hair", "gray hair"),
    "hairstyle": ("straight hair", "wavy hair", "receding hairline", "sideburns", "bangs"),
    "beard": ("mustache", "goatee"),
    "makeup": (
        "no makeup",
        "heavy makeup",
        "lipstick",
        "earrings",
        "bushy eyebrows",
        "big lips",
        "rosy cheeks",
        "pale skin",
    ),
}
VALUES: tuple[str, ...] = tuple(value for values in SLOTS.values() for value in values)
SLOT_OF: dict[str, str] = {value: slot for slot, values in SLOTS.items() for value in values}
_ORDER: dict[str, int] = {value: index for index, value in enumerate(VALUES)}


def _exclusions() -> dict[str, frozenset[str]]:
    """Symmetric table: adding a value removes every value that it excludes."""
    pairs: set[tuple[str, str]] = set()
    for slot in ("expression", "hair color"):  # one at a time
        pairs |= {(a, b) for a in SLOTS[slot] for b in SLOTS[slot] if a != b}
    pairs |= {("straight hair", "wavy hair"), ("bangs", "receding hairline")}
    pairs |= {("no makeup", other) for other in ("heavy makeup", "lipstick", "rosy cheeks")}
    table: dict[str, set[str]] = {value: set() for value in VALUES}
    for a, b in pairs:
        table[a].add(b)
        table[b].add(a)
    return {value: frozenset(others) for value, others in table.items()}


EXCLUDES: dict[str, frozenset[str]] = _exclusions()

STRENGTH_MIN, STRENGTH_MAX = 0.25, 2.0  # the range of a value's strength; 1.0 is the default


class BeliefSyntaxError(DataError):
    """A belief text or object that breaks the data contract: unknown slot or value, wrong slot, contradiction."""


def check_value(value: str) -> str:
    """Return ``value`` if the ontology has it, else raise BeliefSyntaxError with the list of what there is."""
    if value not in SLOT_OF:
        raise BeliefSyntaxError(f"There is no attribute called {value!r}. The attributes are: {', '.join(VALUES)}.")
    return value


@dataclass(frozen=True)
class Belief:
    """The set of edits that the user wants, consistent and in ontology order. Immutable and hashable."""

    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for value in self.values:
            check_value(value)
        ordered = tuple(sorted(set(self.values), key=_ORDER.__getitem__))
        for value in ordered:
            clash = EXCLUDES[value] & set(ordered)
            if clash:
                raise BeliefSyntaxError(f"The attributes {value!r} and {min(clash)!r} exclude each other.")
        object.__setattr__(self, "values", ordered)

    @classmethod
    def of(cls, *values: str) -> Belief:
        """The belief reached by adding the values one after the other (later ones win over what they exclude)."""
        return cls().add(*values)

    def add(self, *values: str) -> Belief:
        """Add values in order; each removes what it excludes."""
        kept = set(self.values)
        for value in values:
            kept -= EXCLUDES[check_value(value)]
            kept.add(value)
        return Belief(tuple(kept))

    def remove(self, *values: str) -> Belief:
        """Remove values; those that are not there change nothing."""
        gone = {check_value(value) for value in values}
        return Belief(tuple(value for value in self.values if value not in gone))

    @property
    def text(self) -> str:
        """FORMAT text form: ``expression: smiling; makeup: lipstick, pale skin``, or ``none``."""
        return "; ".join(f"{slot}: {', '.join(values)}" for slot, values in self.to_json().items()) or "none"

    @classmethod
    def parse(cls, text: str) -> Belief:
        """The inverse of ``text``. Raises BeliefSyntaxError for anything that ``text`` could not have written
        (other order of slots or values is accepted, contradictions, repetitions and unknown names are not)."""
        stripped = text.strip()
        if stripped == "none":
            return cls()
        obj: dict[str, list[str]] = {}
        for part in stripped.split(";"):
            slot, colon, rest = part.partition(":")
            slot = slot.strip()
            if not colon or slot in obj:
                raise BeliefSyntaxError(f"The belief text {text!r} is malformed near {part.strip()!r}.")
            obj[slot] = [value.strip() for value in rest.split(",")]
        return cls.from_json(obj)

    def to_json(self) -> dict[str, list[str]]:
        """Slot → list of values, slots and values in ontology order, empty slots left out."""
        return {
            slot: chosen
            for slot, values in SLOTS.items()
            if (chosen := [value for value in values if value in self.values])
        }

    @classmethod
    def from_json(cls, obj: object) -> Belief:
        """Read slot → list of values. Raises BeliefSyntaxError on anything else."""
        if not isinstance(obj, Mapping):
            raise BeliefSyntaxError("A belief must be an object of slots, each with a list of values.")
        values: list[str] = []
        for slot, chosen in obj.items():
            if slot not in SLOTS:
                raise BeliefSyntaxError(f"There is no slot called {slot!r}. The slots are: {', '.join(SLOTS)}.")
            if not isinstance(chosen, list | tuple) or not chosen:
                raise BeliefSyntaxError(f"The slot {slot!r} needs a list with at least one value.")
            for value in chosen:
                if not isinstance(value, str) or value not in SLOTS[slot]:
                    raise BeliefSyntaxError(f"The slot {slot!r} has no value called {value!r}.")
                if value in values:
                    raise BeliefSyntaxError(f"The value {value!r} is there twice.")
                values.append(value)
        return cls(tuple(values))

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def __len__(self) -> int:
        return len(self.values)

    def __bool__(self) -> bool:
        return bool(self.values)

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)


@dataclass(frozen=True)
class EditState:
    """A belief and a strength for each of its values (1.0 unless stated; from 0.25 to 2.0). Immutable and hashable.

    ``strengths`` holds only those that differ from 1.0, in ontology order.
    """

    belief: Belief = Belief()
    strengths: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        kept: dict[str, float] = {}
        for value, strength in self.strengths:
            if value not in self.belief:
                raise BeliefSyntaxError(f"A strength is given for {value!r}, which is not in the belief.")
            kept[value] = _checked_strength(value, strength)
        ordered = tuple((v, kept[v]) for v in self.belief.values if v in kept and kept[v] != 1.0)
        object.__setattr__(self, "strengths", ordered)

    @classmethod
    def of(cls, *values: str) -> EditState:
        """The edit state of ``Belief.of(*values)`` with every strength 1.0."""
        return cls(Belief.of(*values))

    def strength(self, value: str) -> float:
        """Strength of a value, 1.0 by default."""
        return dict(self.strengths).get(check_value(value), 1.0)

    def with_belief(self, belief: Belief) -> EditState:
        """Another belief; strengths of values that are no longer there are dropped."""
        return EditState(belief, tuple((v, s) for v, s in self.strengths if v in belief))

    def with_strength(self, value: str, strength: float) -> EditState:
        """Set the strength of a value of the belief, clamped to 0.25..2.0. Raises BeliefSyntaxError if absent."""
        if not isinstance(strength, int | float) or not math.isfinite(strength):
            raise BeliefSyntaxError(
                f"The strength of {value!r} must be a number from {STRENGTH_MIN} to {STRENGTH_MAX}."
            )
        clamped = round(min(max(float(strength), STRENGTH_MIN), STRENGTH_MAX), 4)
        others = tuple((v, s) for v, s in self.strengths if v != value)
        return EditState(self.belief, (*others, (value, clamped)))

    def to_json(self) -> dict[str, Any]:
        """``{"belief": {...}, "strength": {...}}`` (``strength`` holds only what differs from 1.0)."""
        return {"belief": self.belief.to_json(), "strength": dict(self.strengths)}

    @classmethod
    def from_json(cls, obj: object) -> EditState:
        """The inverse of ``to_json``. Raises BeliefSyntaxError."""
        if not isinstance(obj, Mapping) or set(obj) - {"belief", "strength"}:
            raise BeliefSyntaxError("An edit state must be an object with 'belief' and, optionally, 'strength'.")
        strengths = obj.get("strength", {})
        if not isinstance(strengths, Mapping):
            raise BeliefSyntaxError("'strength' must be an object of values and numbers.")
        return cls(Belief.from_json(obj.get("belief", {})), tuple(strengths.items()))


def _checked_strength(value: str, strength: object) -> float:
    """A finite number within the range, or BeliefSyntaxError."""
    if isinstance(strength, bool) or not isinstance(strength, int | float) or not math.isfinite(strength):
        raise BeliefSyntaxError(f"The strength of {value!r} must be a number from {STRENGTH_MIN} to {STRENGTH_MAX}.")
    if not STRENGTH_MIN <= strength <= STRENGTH_MAX:
        raise BeliefSyntaxError(
            f"The strength of {value!r} is {strength}, which is outside {STRENGTH_MIN} to {STRENGTH_MAX}."
        )
    return float(strength)


def in_order(values: Iterable[str]) -> tuple[str, ...]:
    """Distinct values in ontology order."""
    return tuple(sorted(set(values), key=_ORDER.__getitem__))
