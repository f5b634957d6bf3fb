"""Whole messages as people write them: stories, asides, things named but not wanted, several wishes in one breath.

In: lines of `phrases/more/whole/*.txt`, for training alone. Out: `Whole`, which a simulated person fills with values that fit the
conversation (`Whole.filled`).

    she: my sister wears {a} all the time but I find it silly, {b} suits her more || ~a +b

Before the colon, who is in the picture (`self`, `she`, `he`; nothing: anybody, then "{me}" and "{my}" stand for the person). `{a}` is a noun
phrase ("a goatee"), `{a.n}` a noun ("goatee"), `{a.adj}` an adjective ("goateed"), `{a.vps}` a verb ("grow a goatee"). After the bars, what the
message means, in the order in which it is said:

    +a less+a more+a much+a     a is wanted, a bit of it, more, much more of it (not there before)
    -a less=a more=a keep=a     a is to go; a little less or more of it; it and nothing else stays (a is there)
    ~a !a                       a is only named: not there and not wanted; there and to stay
    yes no less+yes             the system's suggestion is taken, refused, taken a bit
    undo undo2 undo3 redo reset
    none question unsupported   nothing is asked for; a question; something that cannot be done
    a:hair_color a:!beard       where a's value comes from

Instead of a letter a value may stand itself, with underscores: `+blond_hair`, then the words for it are in the text.
"""

from __future__ import annotations

import functools
import random
import re
from dataclasses import dataclass
from pathlib import Path

from i2edit.data.phrases import FOLDER, unrelated
from i2edit.data.phrases.wording import WORDING
from i2edit.dialogue.history import STEPS
from i2edit.errors import DataError
from i2edit.ontology import EXCLUDES, SLOTS, VALUES, Belief

WHO = ("self", "she", "he")
HOLE = re.compile(r"\{([a-d])(?:\.(n|adj|vps))?\}")
ITEM = re.compile(r"(\+|less\+|more\+|much\+|-|less=|more=|keep=|~|!)([a-z_]+)")
INTENTS = ("none", "question", "unsupported")
SIGNS = {
    "+": ("+",), "less+": ("<less>", "+"), "more+": ("<more>", "+"), "much+": ("<much>", "+"), "-": ("-",),
    "less=": ("<less>", "="), "more=": ("<more>", "+"), "keep=": ("=",),
}  # fmt: skip
THERE = ("-", "less=", "more=", "keep=", "!")


@dataclass(frozen=True)
class Whole:
    """One line: who it is about ("" = anybody), its text, what it means as (sign, letter or value), and where letters come from."""

    who: str
    text: str
    items: tuple[tuple[str, str], ...]
    domains: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def answers(self) -> bool:
        """Whether it answers a suggestion."""
        return any(sign in ("yes", "no", "less+yes") for sign, _ in self.items)

    def filled(self, belief: Belief, suggestion: str | None, rng: random.Random) -> tuple[str, tuple[str, ...]] | None:
        """Text (with {me} and {my}) and marks with values that fit; None where none do."""
        if self.answers and (suggestion is None or suggestion in belief):
            return None
        chosen: dict[str, str] = {}
        named = {suggestion} if self.answers and suggestion is not None else set()
        wanted = {name for sign, name in self.items if sign.endswith("+") and name in VALUES}
        wanted |= named if any(sign.endswith("yes") for sign, _ in self.items) else set()
        stays: set[str] = set()
        for sign, name in sorted(self.items, key=lambda item: item[0] not in THERE):
            if name in chosen or not name:
                continue
            if name in VALUES:
                if (sign in THERE) != (name in belief) and sign not in ("-", "keep="):
                    return None
                if name in named or (sign.endswith("+") and EXCLUDES[name] & stays):
                    return None
                chosen[name] = name
                continue
            among = [
                value
                for value in dict(self.domains).get(name, VALUES)
                if value not in named
                and value not in chosen.values()
                and (value in belief) == (sign in THERE)
                and not value.startswith("no ")
                and not (sign in ("-", "!") and value == "smiling")
                and not (sign.endswith("+") and EXCLUDES[value] & (wanted | stays))
                and not (sign in ("less=", "more=", "!") and EXCLUDES[value] & wanted)
                and all(WORDING[value][kind or "np"] for letter, kind in HOLE.findall(self.text) if letter == name)
            ]
            if not among:
                return None
            chosen[name] = rng.choice(among)
            if sign.endswith("+"):
                wanted.add(chosen[name])
            elif sign in ("less=", "more=", "!"):
                stays.add(chosen[name])
        words: dict[str, str] = {}

        def word(hole: re.Match[str]) -> str:
            if hole[0] not in words:
                kind = hole[2] or "np"
                found = [w for w in WORDING[chosen[hole[1]]][kind] if kind != "n" or not w.startswith(("no ", "a "))]
                words[hole[0]] = rng.choice(found or list(WORDING[chosen[hole[1]]][kind]))
            return words[hole[0]]

        marks: list[str] = []
        for sign, name in self.items:
            if sign in INTENTS:
                return HOLE.sub(word, self.text), (f"<{sign}>",)
            if sign in ("yes", "less+yes"):
                marks += ["<less>"] * (sign != "yes") + [f"<+{suggestion}>"]
            elif sign in STEPS:
                marks.append(f"<op_{sign}>")
            elif sign in SIGNS:
                if sign == "keep=" and "<keep>" not in marks:
                    marks.append("<keep>")
                *degree, last = SIGNS[sign]
                marks += [*degree, f"<{last}{chosen[name]}>"]
        return HOLE.sub(word, self.text), ("<change>", *marks) if marks else ("<none>",)


def parse(line: str, where: str = "") -> Whole:
    """A line of a file. Raises DataError, which says what is wrong."""

    def wrong(why: str) -> DataError:
        return DataError(f"{where}{why}: {line}")

    text, bars, meaning = line.partition("||")
    if not bars or not text.strip() or not meaning.strip():
        raise wrong("needs a text, ||, and what it means")
    head, colon, rest = text.partition(": ")
    who = head.strip() if colon and head.strip() in WHO else ""
    text = (rest if who else text).strip()
    items: list[tuple[str, str]] = []
    domains: dict[str, tuple[str, ...]] = {}
    for item in meaning.split():
        found = ITEM.fullmatch(item)
        letter, _, slot = item.partition(":")
        if item in (*STEPS, *INTENTS, "yes", "no", "less+yes"):
            items.append((item, ""))
        elif found:
            name = found[2].replace("_", " ")
            if name not in VALUES and name not in "abcd":
                raise wrong(f"there is no value called {name!r}")
            items.append((found[1], name))
        elif letter in tuple("abcd") and slot.lstrip("!").replace("_", " ") in SLOTS:
            inside = SLOTS[slot.lstrip("!").replace("_", " ")]
            domains[letter] = tuple(v for v in VALUES if (v in inside) != slot.startswith("!"))
        else:
            raise wrong(f"{item!r} means nothing")
    named = {name for _, name in items if len(name) == 1}
    holes = {letter for letter, _ in HOLE.findall(text)}
    if named != holes:
        raise wrong(f"the text names {sorted(holes)}, the meaning {sorted(named)}")
    if re.search(r"\{(?!([a-d](\.(n|adj|vps))?|me|my)\})|\}\w*\{", text):
        raise wrong("unknown braces")
    if any(sign in INTENTS for sign, _ in items) and any(sign not in (*INTENTS, "~", "!", "no") for sign, _ in items):
        raise wrong("asks for something and for nothing")
    return Whole(who, text, tuple(items), tuple(domains.items()))


@functools.cache
def read(folder: Path = FOLDER / "more" / "whole") -> tuple[Whole, ...]:
    """All lines of a folder's files, in order, but for kin of held-out families. Raises DataError."""
    found: list[Whole] = []
    for path in sorted(folder.glob("*.txt")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                found.append(parse(line, f"{path.name}, line {number}: "))
    new = set(unrelated({"whole": tuple(line.text for line in found)})["whole"])
    return tuple(line for line in found if line.text in new)


__all__ = ["Whole", "parse", "read"]
