"""What people write about a face, and which attributes it says are there: made from the phrase bank's wordings and frames.

    describe(random.Random(0)) → Description("a woman without earrings", {"earrings": -1})

The words: the wordings of the phrase bank, its train families, and `looks.txt` (patterns: "(thick|full) (brows|eyebrows)").
`unseen_wordings` (unseen.txt) are names of the attributes that none of these may use, in halves: "validation" to
choose by and "test" to report.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from i2edit.data.phrases import FOLDER, WORDING, families
from i2edit.ontology import VALUES, Belief

# How wordings of each kind (see wording.py) are said of a picture: there, and not there.
SAID: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "n": (
        (
            "{}", "{}", "{}", "a face with {}", "a person with {}", "a photo of a person with {}", "a photo of a face with {}",
            "someone with {}", "a woman with {}", "a man with {}", "portrait with {}", "this is a face with {}",
            "the {} can be seen", "picture of somebody who has {}", "clearly {}", "a girl with {}", "a guy with {}", "definitely {}",
        ),
        (
            "no {}", "no {}", "without {}", "without any {}", "a face without {}", "a person without {}", "a person with no {}",
            "a photo of a person without {}", "he has no {}", "she has no {}", "not {}", "there is no {}", "free of {}",
            "lacking {}", "a face that has no {}", "no {} at all", "no trace of {}", "the {} is missing", "zero {}",
            "there isn't any {}", "nobody would call this {}", "a woman without {}", "a man with no {}", "the {} is gone",
        ),
    ),
    "np": (
        (
            "{}", "{}", "a face with {}", "a person with {}", "he has {}", "she has {}", "the person has {}", "they've got {}",
            "a picture of a woman with {}", "a man who has {}", "there is {} in this picture", "you can see {}", "wearing {}",
        ),
        (
            "not {}", "without {}", "he does not have {}", "she doesn't have {}", "the person hasn't got {}", "a woman who does not have {}",
            "a face without {}", "lacks {}", "you can't see {}", "there isn't {} in this picture", "someone who never had {}",
        ),
    ),
    "adj": (
        ("{}", "a {} person", "looks {}", "the person is {}", "a photo of a {} person", "a {} woman", "a {} man", "she is {}",
         "he looks {}", "someone who is {}", "a {} face"),
        ("not {}", "a person who is not {}", "does not look {}", "isn't {}", "the person isn't {}", "not at all {}", "she is not {}",
         "he doesn't look {}", "anything but {}", "someone who isn't {}"),
    ),
    "vps": (
        ("{}", "the person should {}", "seen to {}", "somebody who does {}", "a face that seems to {}", "to {}"),
        ("does not {}", "doesn't {}", "a person who doesn't {}", "someone who does not {}", "never seen to {}", "don't {}"),
    ),
    "vpe": (("{}", "please {}", "{}"), ("do not {}", "don't {}", "never {}")),
}  # fmt: skip
# First words of looks that are no nouns.
NOT_NOUNS = frozenset((
    "looking", "seems", "grinning", "laughing", "smiling", "chuckling", "giggling", "frowning", "scowling", "glaring", "about", "in", "neither",
    "showing", "not", "no", "without", "her", "his", "the", "a", "wears", "with", "has", "is", "never", "nothing", "made-up", "full",
))  # fmt: skip
JOINED = (", ", " and ", ", ", " plus ", " with ", "; ", ", and ", " but ")
ASKING = ("np", "adj", "vps", "vpe")
NOTHING = ("thanks", "praise", "smalltalk", "yes", "no", "q_other", "q_can", "undo", "redo", "u_thing", "u_wish", "vague", "complaint")  # fmt: skip
PLAIN = (
    "a face", "a person", "a photo of a person", "a portrait", "a woman", "a man", "somebody", "a picture", "hello", "a photo of a face",
)  # fmt: skip


@dataclass(frozen=True)
class Description:
    """A text, and the attributes it says are there (1) or not there (-1); none for a text about nothing."""

    text: str
    says: Mapping[str, int] = field(default_factory=dict)


def unseen_wordings(split: str) -> dict[str, tuple[str, ...]]:
    """Value → names of it that no training text uses. ``split``: "validation" or "test"."""
    if split not in ("validation", "test"):
        raise ValueError(f"There are unseen wordings for validation and test, not for {split!r}.")
    first = ("validation", "test").index(split)
    return {value: names[first::2] for value, names in _listed("unseen.txt").items()}


@functools.cache
def _listed(name: str) -> dict[str, tuple[str, ...]]:
    """A file of the bank's folder with lines `value: one | another`; bars within parentheses do not count."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    parted = (line.partition(": ") for line in lines)
    return {value: tuple(re.split(r" \| (?![^()]*\))", rest)) for value, _, rest in parted}


@functools.cache
def _unseen() -> frozenset[tuple[str, ...]]:
    """Every unseen name as its words in order of the alphabet: any order of them would be the same name."""
    return frozenset(_words(name) for names in _listed("unseen.txt").values() for name in names)


def _words(text: str) -> tuple[str, ...]:
    return tuple(sorted(w for w in re.findall(r"[a-z']+", text.lower()) if w not in ("a", "the", "her", "his", "of")))


def look(rng: random.Random, value: str) -> str:
    """A name of the value made from the patterns of `looks.txt`; never an unseen one."""
    while True:
        pattern = rng.choice(_listed("looks.txt")[value])
        name = re.sub(r"\(([^()]*)\)", lambda found: rng.choice(found[1].split("|")), pattern)
        if _words(name) not in _unseen():
            return name


def describe(rng: random.Random) -> Description:
    """A random text, one of the five kinds below."""
    make = rng.choices((_one, _several, _request, _dialogue, _nothing), weights=(34, 16, 36, 6, 8))[0]
    made = make(rng)
    text = made.text
    if rng.random() < 0.15:
        text = text[:1].upper() + text[1:] + "."
    return Description(text, made.says)


def short(rng: random.Random) -> Description:
    """A short text: an attribute by one of its many names and little else, denied now and then, or nothing in particular."""
    draw = rng.random()
    if draw < 0.04:
        return Description(rng.choice(PLAIN))
    value = rng.choice(VALUES)
    if draw < 0.3:
        sign = 1 if value.startswith("no ") else rng.choice((1, -1))
        return Description(_said(rng, value, sign), {value: sign})
    if draw < 0.8:
        return Description(look(rng, value), {value: 1})
    kind = rng.choice([kind for kind in ("n", "np", "adj") if WORDING[value][kind]])
    return Description(rng.choice(WORDING[value][kind]), {value: 1})


def _one(rng: random.Random) -> Description:
    value = rng.choice(VALUES)
    sign = -1 if rng.random() < (0.15 if value.startswith("no ") else 0.35) else 1
    return Description(_said(rng, value, sign), {value: sign})


def _several(rng: random.Random) -> Description:
    values = list(Belief.of(*rng.sample(VALUES, k=rng.choice((2, 2, 3, 4)))))
    rng.shuffle(values)
    says = {value: -1 if not value.startswith("no ") and rng.random() < 0.25 else 1 for value in values}
    text = ""
    for value, sign in says.items():
        text += (rng.choice(JOINED) if text else "") + _said(rng, value, sign)
    return Description(text, says)


def _said(rng: random.Random, value: str, sign: int) -> str:
    if rng.random() < 0.45:
        name = look(rng, value)
        # "no hair on the chin", but "not free of powder"
        there, denied = SAID["adj" if value.startswith("no ") or name.split()[0] in NOT_NOUNS else "n"]
        return rng.choice(denied if sign < 0 else (*there, "{}", "{}")).format(name)
    kinds = [kind for kind in SAID if WORDING[value][kind]]
    kind = rng.choices(kinds, weights=[{"n": 6, "np": 4, "adj": 4, "vps": 2, "vpe": 1}[kind] for kind in kinds])[0]
    words = WORDING[value][kind]
    if sign < 0:  # "not no makeup" is nothing that people say
        words = tuple(word for word in words if not word.startswith("no ")) or words
    return _filled(rng, rng.choice(SAID[kind][sign < 0]).format(rng.choice(words)))


def _request(rng: random.Random) -> Description:
    value = rng.choice(VALUES)
    pool = families("train")
    draw = rng.random()
    if draw < 0.15:
        nouns = [word for word in WORDING[value]["n"] if not word.startswith("no ")]
        return Description(_filled(rng, rng.choice(pool["off"]), n=rng.choice(nouns)), {value: -1})
    if draw < 0.7:
        return Description(_filled(rng, rng.choice(pool[f"say {value}"])), {value: 1})
    kind = rng.choice([kind for kind in ASKING if WORDING[value][kind]])
    return Description(_filled(rng, rng.choice(pool[kind]), **{kind: rng.choice(WORDING[value][kind])}), {value: 1})


def _dialogue(rng: random.Random) -> Description:
    """The last turns of a simulated dialogue, as one text, and the belief at their end."""
    from i2edit.data.simulate import simulate

    dialogue = next(simulate(1, rng.getrandbits(30), "train"))
    turns = [turn for turn in dialogue.turns if turn.user is not None]
    last = rng.randrange(min(len(turns), 3))
    text = " ".join(f"{turn.user} {turn.system or ''}".strip() for turn in turns[: last + 1])
    return Description(text, dict.fromkeys(turns[last].belief, 1))


def _nothing(rng: random.Random) -> Description:
    if rng.random() < 0.3:
        return Description(rng.choice(PLAIN))
    return Description(_filled(rng, rng.choice(families("train")[rng.choice(NOTHING)])))


def _filled(rng: random.Random, frame: str, **parts: str) -> str:
    """A frame with its braces filled."""
    from i2edit.data.phrases.talk import THINGS, WISHES

    parts |= {"thing": rng.choice(THINGS), "wish": rng.choice(WISHES)}
    frame = re.sub(r"^(self|other): ", "", frame)
    for name, text in parts.items():
        frame = frame.replace("{" + name + "}", text)
    me, my = rng.choice((("me", "my"), ("her", "her"), ("him", "his"), ("them", "their")))
    return frame.replace("{me}", me).replace("{my}", my)


__all__ = ["Description", "describe", "look", "short", "unseen_wordings"]
