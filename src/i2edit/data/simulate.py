"""Simulated dialogues: the paper's user goals and its policy (Next, Request, Suggest) over the hand-written phrase bank.

In: how many, a seed, a split of the phrase families. Out: an iterator of Dialogue whose beliefs follow the data contract
exactly, because they are computed by the same Conversation that the product uses; ``Turn.marks`` holds the training target.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from i2edit.data import whole
from i2edit.data.phrases import families, family_id, replies, talk
from i2edit.data.phrases.talk import COLORS, THINGS, WISHES
from i2edit.data.phrases.wording import PARTS, SUBJECTS, WORDING
from i2edit.dialogue.history import Conversation, Heard, Spoken, hear_marks
from i2edit.ontology import EXCLUDES, SLOT_OF, SLOTS, VALUES, Belief
from i2edit.records import Act, Dialogue, Outcome, Turn

Marks = tuple[str, ...]
# Words that say who is in the picture; a woman, a man, the person who speaks.
HERS = frozenset(
    [
        "her",
        "she",
        "herself",
        "hers",
        "woman",
        "lady",
        "girl",
        "sister",
        "wife",
        "mom",
        "mother",
        "aunt",
        "grandma",
        "granny",
        "daughter",
        "girlfriend",
        "bride",
        "queen",
    ]
)
HIS = frozenset(
    [
        "his",
        "he",
        "him",
        "himself",
        "man",
        "guy",
        "dude",
        "brother",
        "husband",
        "dad",
        "father",
        "uncle",
        "grandpa",
        "son",
        "boyfriend",
        "groom",
        "king",
        "gentleman",
        "fellow",
    ]
)
OWN = frozenset({"i", "my", "me", "mine", "myself", "i'm", "i've"})
WOMEN = frozenset({"her", "the woman", "my mom", "the lady"})  # whom a dialogue may be about (wording.SUBJECTS)
MEN = frozenset({"him", "this guy", "the man", "my boyfriend"})
FEMININE = frozenset({"lipstick", "heavy makeup"})  # on a face that shows these, a beard is not suggested
MASCULINE = frozenset({"mustache", "goatee", "sideburns", "receding hairline"})
OPEN_QUESTION = re.compile(
    r"(?i)\bwhat (should|would|can|shall)|what's your|\bhow (do|should|would) (you|the)\b|which look|alone or|what shall"
)
SUGGESTED = re.compile(
    r"(?i)\b(that|idea|it sounds|sounds|try|suggestion|offer)\b"
)  # answers a proposal, not a question
REASON = re.compile(r"(?i)\b(since|because|it's for|wedding|poster|party|interview|theatre|tonight|tomorrow|so that)\b")
OPENED = re.compile(r"(?i)(so|um+|uh|well|hm+|listen|oh|ok|okay|hey|hi|hello|yo|lol|and|now|also|then|next)\b")
# What the editor does that can be done more or less.
GRADUAL = re.compile(
    r"(make|thicken|plump|lighten|whiten|redden|raise|push|curl|enlarge|smile|frown|scowl|glare|blush|cheer up)\b"
)
# Nouns of which there can be a bit.
MASS = re.compile(
    r"blush|make-?up|lipstick|lippy|glam|rouge|gloss|gr[ae]y|silver|bl[ao]nd|sadness|anger|paleness|pallor|curl$|volume"
)
PLAIN_ANSWER = re.compile(r"(?i)(yes|yeah|yep|yup|sure|ok|okay|no|nope|nah|not)\b")
CHANGE = "<change>"


@dataclass(frozen=True)
class Policy:
    """What simulated people do: how long they talk, how often each behaviour occurs, how they type.

    ``turns``: number of user turns → weight. ``weights``: behaviour → weight (those that need something, "it" or a list to
    take from, count only when it is there). The rest are probabilities.
    """

    turns: dict[int, float]
    weights: dict[str, float]
    answer: float = 1.0  # reacts to a suggestion or request as far as people do (see ``_Talker.answer``)
    event: float = 0.025
    fail: float = 0.06
    opener: float = 0.16
    closer: float = 0.12
    lower: float = 0.35
    typo: float = 0.12
    two: tuple[float, float, float] = (70, 24, 6)  # weights of two, three and four values in one turn
    again: float = 0.06  # asks for something that is in the belief already
    vain: float = (
        0.3  # of its weight for a behaviour that needs something which is not there (taking off what was never on)
    )
    say: float = 70.0  # weight of whole sentences among the wordings of one value (frames: 88)
    sloppy: float = 0.0  # typed in haste: vowels and letters lost in words of any length


TRAINING = Policy(
    turns={**dict.fromkeys(range(3, 7), 22.0), **dict.fromkeys(range(7, 12), 1.6), **dict.fromkeys(range(14, 26), 1 / 3)},
    weights={
        "request": 36, "several": 20, "correct": 5, "swap": 3, "off": 9, "part_back": 3.5, "keep_only": 2, "degree": 7, "it": 8,
        "back": 2, "both_off": 6, "contrary": 2, "hands_off": 2.5, "no_makeup_except": 1, "no_mood": 2, "clean_shaven": 1.2,
        "full_beard": 1, "step": 9, "talk": 21, "composed": 24, "whole": 60,
    },
    sloppy=0.04,
)  # fmt: skip
"""Every behaviour often enough to be learned, messages of several sentences, and some long conversations."""


BENCHMARK = Policy(
    turns={2: 3, 3: 25, 4: 44, 5: 24, 6: 4},
    weights={
        "request": 45, "several": 34, "correct": 4, "swap": 2, "off": 4, "part_back": 1.2, "keep_only": 0.8, "degree": 6, "it": 3,
        "back": 1, "both_off": 1, "contrary": 1.5, "hands_off": 3, "no_makeup_except": 1, "no_mood": 0.6, "clean_shaven": 0.4,
        "full_beard": 1, "step": 3.5, "talk": 7,
    },
    event=0.0, fail=0.04, again=0.0, vain=0.0, opener=0.75, closer=0.55, lower=0.3, typo=0.08, say=160.0,
)  # fmt: skip
"""What people do in the released dataset: tuned once so that its counts are those of the paper's Table 2."""


@dataclass
class Said:
    """One user turn before it happens: its text, target marks, family, and the kind of reply that it calls for."""

    text: str
    marks: Marks
    family: str
    behaviour: str
    reply: str = "done"
    choices: tuple[str, ...] = ()  # values of an either-or question
    plain: str = ""  # the text before the noise of typing


@functools.cache
def _about(frame: str) -> tuple[str, bool, bool, bool]:
    """Of a frame: its prefix ("self", "other" or ""), and whether it speaks of a woman, of a man, of the speaker alone."""
    prefix, colon, _rest = frame.partition(": ")
    whose = prefix if colon and prefix in ("self", "other") else ""
    words = set(re.findall(r"[a-z']+", re.sub(r"\{\w+\}", " ", frame.lower())))
    words |= {word.removesuffix("'s") for word in words}
    return whose, bool(words & HERS), bool(words & HIS), bool(words & OWN) and "{m" not in frame


@dataclass
class _Talker:
    """The simulated person (and the random choices of one dialogue)."""

    rng: random.Random
    split: str
    present: frozenset[str] = frozenset()
    policy: Policy = TRAINING
    me: str = "me"
    my: str = "my"
    pool: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fitting: dict[str, list[str]] = field(default_factory=dict)  # of the pool, what fits the person
    reasoned: bool = False  # a reason was given in this dialogue
    refused: frozenset[str] = frozenset()  # slots that the person did not want changed when asked
    added: tuple[str, ...] = ()  # what the latest turn added, for "take both off"
    gone: tuple[str, ...] = ()  # values that were taken off, for "bring the bangs back"
    focus: str | None = None  # the value that "it" would mean now
    choices: tuple[str, ...] = ()  # the values of the either-or question just asked

    def __post_init__(self) -> None:
        self.pool = families(self.split)
        self.me, self.my, _ = self.rng.choices(SUBJECTS, weights=[weight for *_, weight in SUBJECTS])[0]

    # Wording --------------------------------------------------------------------------------------------------------
    def fill(self, frame: str, **parts: str) -> str:
        """Fill the braces of a frame; wordings may hold {me} and {my} themselves."""
        for name, text in parts.items():
            frame = frame.replace("{" + name + "}", text)
        return frame.replace("{me}", self.me).replace("{my}", self.my)

    def frame(self, category: str) -> tuple[str, str]:
        """A frame of this split (fitting the subject) and its family id."""
        pool = self.fitting.get(category)
        if pool is None:
            pool = [frame for frame in self.pool[category] if self.fits(frame)] or list(self.pool[category])
            self.fitting[category] = pool
        frame = self.rng.choice(pool)
        return re.sub(r"^(self|other): ", "", frame), family_id(category, frame)

    def fits(self, frame: str) -> bool:
        """Whether a sentence is about the person that this dialogue is about."""
        whose, hers, his, own = _about(frame)
        if whose:
            return (whose == "self") == (self.me == "me")
        if self.me == "me":
            return not hers and not his
        if self.me in WOMEN:
            return not his and not own
        if self.me in MEN:
            return not hers and not own
        return not hers and not his and not own

    def word(self, value: str, kind: str) -> str:
        """One wording of a value; nouns that begin with "no" are kept out of "n"."""
        words = WORDING[value][kind]
        if kind == "n":
            words = tuple(word for word in words if not word.startswith("no ")) or words
        return self.rng.choice(words)

    def value(self, belief: Belief, inside: float = 0.0, among: tuple[str, ...] = VALUES) -> str:
        """A value, from the belief with probability ``inside``, else new and not in the photo where possible."""
        have = [v for v in among if v in belief]
        if have and self.rng.random() < inside:
            return self.rng.choice(have)
        new = [v for v in among if v not in belief and v not in self.present] or list(among)
        return self.rng.choice(new)

    def clause(self, value: str) -> tuple[str, Marks]:
        """A short imperative for one value, with or without a degree."""
        kinds = [kind for kind in ("np", "adj", "vps", "vpe") if WORDING[value][kind]]
        kind = self.rng.choices(kinds, weights=[{"np": 5, "adj": 2, "vps": 3, "vpe": 3}[k] for k in kinds])[0]
        frames = {
            "np": (
                "give {me} {np}",
                "add {np}",
                "{np}",
                "I want {np}",
                "put {np} on {me}",
                "I'd like {np}",
                "let's add {np}",
            ),
            "adj": ("make {me} {adj}", "make {me} look {adj}"),
            "vps": ("{vps}", "make {me} {vps}", "let {me} {vps}"),
            "vpe": ("{vpe}",),
        }[kind]
        if self.me != "me":  # "I want black hair" would be about the speaker
            frames = tuple(frame for frame in frames if not frame.startswith("I"))
        word = self.word(value, kind)
        degree: Marks = ()
        text = self.fill(self.rng.choice(frames), **{kind: word})
        seldom = SLOT_OF[value] == "hair color" and self.rng.random() < 0.8
        if value not in ("no smiling", "no makeup") and not seldom and self.rng.random() < 0.22:
            text, degree = self.degree_clause(value, kind, text, word)
        return text, (*degree, f"<+{value}>")

    def degree_clause(self, value: str, kind: str, text: str, word: str) -> tuple[str, Marks]:
        """The clause with a degree word in it."""
        rng = self.rng
        more = rng.random() < 0.3
        if kind == "np":
            n = self.word(value, "n")
            if MASS.search(n):
                if more:
                    return rng.choice((f"more {n}", f"a lot of {n}")), ("<more>",)
                how = rng.choice(("a bit of", "a little", "a touch of", "a hint of", "just a bit of", "a tiny bit of"))
                return self.fill(rng.choice(("give {me} X", "add X", "X", "I want X"))).replace("X", f"{how} {n}"), (
                    "<less>",
                )
            if word.startswith(("a ", "an ")) and not more and len(word.split()) == 2:
                how = rng.choice(("a slight", "a subtle", "a hint of a", "just a hint of a"))
                return text.replace(word, f"{how} {word.split()[1]}"), ("<less>",)
            return text, ()
        if kind == "adj":
            how = rng.choice(("very", "really") if more else ("a bit", "slightly", "a little", "a little bit", "a tad"))
            return text.replace(word, f"{how} {word}"), ("<more>",) if more else ("<less>",)
        if not GRADUAL.match(word):
            return text, ()
        tail = rng.choice(
            ("more", "some more") if more else ("a bit", "a little", "slightly", "a tiny bit", "just a bit")
        )
        return f"{text} {tail}", ("<more>",) if more else ("<less>",)

    def off_clause(self, value: str) -> tuple[str, Marks]:
        """A short imperative that takes one value off."""
        frames = (
            "lose the {n}",
            "remove the {n}",
            "take off the {n}",
            "take the {n} off",
            "drop the {n}",
            "get rid of the {n}",
        )
        return self.fill(self.rng.choice(frames), n=self.word(value, "n")), (f"<-{value}>",)

    def joined(self, clauses: list[str]) -> str:
        """Clauses in one sentence."""
        rng = self.rng
        text = clauses[0]
        for index, clause in enumerate(clauses[1:], 1):
            last = index == len(clauses) - 1
            if text.endswith((".", "!", "?")):  # a whole sentence stands for itself
                text += rng.choice((" And ", " Also, ", " Also ", " Plus ", " And also ")) + clause
                continue
            text += rng.choice(
                (
                    " and ",
                    " and ",
                    " and ",
                    ", and ",
                    " and also ",
                    " plus ",
                    ", ",
                    " & ",
                    ". Also ",
                    ", then ",
                    " then ",
                    ". And ",
                )
                if last
                else (", ", ", ", " and ", " plus ")
            )
            text += clause
        return text

    # Turns ----------------------------------------------------------------------------------------------------------
    def request(self, belief: Belief, value: str | None = None) -> Said:
        """One value, any wording."""
        value = value or self.value(belief, inside=self.policy.again)
        kinds = [kind for kind in ("np", "adj", "vps", "vpe", "say") if kind == "say" or WORDING[value][kind]]
        kind = self.rng.choices(
            kinds, weights=[{"np": 45, "adj": 12, "vps": 14, "vpe": 17, "say": self.policy.say}[k] for k in kinds]
        )[0]
        if kind == "say":
            frame, family = self.frame(f"say {value}")
            text = self.fill(frame)
        else:
            if kind == "np" and self.rng.random() < 0.12:
                frame, family = self.frame("np")
                text = self.fill(frame, np=self.word(value, "n"))
            else:
                frame, family = self.frame(kind)
                word = self.word(value, kind)
                if re.search(r"(?i)\b(make|get) \{me\} (to )?\{vps\}", frame):  # nobody is made to be or have
                    for _ in range(8):
                        if word.split()[0] not in ("be", "have", "become"):
                            break
                        word = self.word(value, kind)
                text = self.fill(frame, **{kind: word})
        return Said(text, (CHANGE, f"<+{value}>"), family, "request")

    def several(self, belief: Belief) -> Said:
        """Two to four values in one turn, now and then with something taken off."""
        rng = self.rng
        count = rng.choices((2, 3, 4), weights=self.policy.two)[0]
        values: list[str] = []
        while len(values) < count:
            value = self.value(belief, inside=self.policy.again)
            if value not in values and not EXCLUDES[value] & set(values):
                values.append(value)
        style = rng.random()
        if style < 0.35:  # a list of nouns in one frame
            nouns = [self.word(v, "np") for v in values]
            frame, family = self.frame("np")
            text = self.fill(frame, np=self.joined_list(nouns) + (" too" if rng.random() < 0.05 else ""))
            if rng.random() < 0.06 and count == 2:
                text = text.rstrip(".!? ") + rng.choice((", both", ", both please", " - both", " (both)"))
            return Said(text, (CHANGE, *(f"<+{v}>" for v in values)), family, "several")
        adjectives = [v for v in values if WORDING[v]["adj"]]
        if style < 0.42 and len(adjectives) == count:
            frame, family = self.frame("adj")
            text = self.fill(frame, adj=self.joined_list([self.word(v, "adj") for v in values]))
            return Said(text, (CHANGE, *(f"<+{v}>" for v in values)), family, "several")
        if style < 0.55:  # "make her angry with black hair"
            first, rest = values[0], values[1:]
            said = self.request(belief, first)
            if not said.family.startswith(("np", "say")):
                said.text = (
                    said.text.rstrip(".!? ")
                    + rng.choice((" with ", " and ", " plus ", ", with "))
                    + self.joined_list([self.word(v, "np") for v in rest])
                )
                return Said(said.text, (CHANGE, *(f"<+{v}>" for v in values)), said.family, "several")
        pairs = [self.clause(v) for v in values]
        family = "several"
        if rng.random() < 0.55:  # the first clause in a full frame of this split
            framed = self.request(belief, values[0])
            whole = framed.family.startswith("say ")
            ends = framed.text if framed.text.endswith((".", "!", "?")) else f"{framed.text}."
            pairs[0] = (ends if whole else framed.text.rstrip(".!? "), framed.marks[1:])
            family = framed.family
        have = [v for v in belief if v != "smiling" and not EXCLUDES[v] & set(values) and v not in values]
        if have and rng.random() < 0.12:
            pairs.insert(rng.randrange(len(pairs) + 1), self.off_clause(rng.choice(have)))
        elif have and rng.random() < 0.1:
            old = rng.choice([v for v in have if not v.startswith("no ")] or have)
            frame = rng.choice(("less {n}", "tone down the {n}", "a bit less {n}", "softer {n}", "make the {n} softer"))
            pairs.insert(
                rng.randrange(len(pairs) + 1), (self.fill(frame, n=self.word(old, "n")), ("<less>", f"<={old}>"))
            )
        text = self.joined([text for text, _ in pairs])
        if family == "several" and re.match(r"(give|add|put|make|turn|change|set|paint|take|remove|lose|drop) ", text):
            text = rng.choice(("", "", "", "", "please ", "can you ", "could you ")) + text
        return Said(text, (CHANGE, *(mark for _, marks in pairs for mark in marks)), family, "several")

    def joined_list(self, nouns: list[str]) -> str:
        """Nouns as a list: "a, b and c"."""
        rng = self.rng
        if len(nouns) == 1:
            return nouns[0]
        link = rng.choice(
            (
                " and ",
                " and ",
                " and ",
                " plus ",
                " & ",
                ", and ",
                " and also ",
                " as well as ",
                " along with ",
                " + ",
            )
        )
        return ", ".join(nouns[:-1]) + link + nouns[-1]

    def correct(self, belief: Belief) -> Said:
        """ "Blond, no wait, black": the final intent counts."""
        b = self.value(belief)
        same = [v for v in SLOTS[SLOT_OF[b]] if v != b and v not in belief]
        a = self.rng.choice(same) if same and self.rng.random() < 0.65 else self.value(belief)
        if a == b or a == "no makeup" or a == "no smiling":
            return self.request(belief, b)
        frame, family = self.frame("correct")
        text = self.fill(frame, a=self.word(a, "np"), b=self.word(b, "np"))
        return Said(text, (CHANGE, f"<+{b}>"), family, "correct")

    def swap(self, belief: Belief) -> Said:
        """One value instead of another."""
        a = self.value(belief, inside=0.85)
        among = tuple(v for v in SLOTS[SLOT_OF[a]] if v != a and v not in belief) or SLOTS[SLOT_OF[a]]
        b = self.rng.choice(sorted(among))
        if a == b or a.startswith("no ") or b.startswith("no "):
            return self.request(belief)
        frame, family = self.frame("swap")
        text = self.fill(frame, a=self.word(a, "n"), b=self.word(b, "np"))
        return Said(text, (CHANGE, f"<-{a}>", f"<+{b}>"), family, "swap")

    def off(self, belief: Belief) -> Said:
        """Take one or two values off again. A smile that is taken off is a wish not to smile."""
        rng = self.rng
        value = self.value(belief, inside=0.85)
        cancel = rng.random() < 0.3
        frame, family = self.frame("cancel" if cancel else "off")
        marks: Marks = (f"<-{value}>",)
        if value == "smiling" and not cancel:
            text = self.fill(frame, n=rng.choice(("smile", "grin", "smile", "smirk")))
            return Said(text, (CHANGE, "<+no smiling>"), family, "off")
        others = [v for v in belief if v not in (value, "smiling")]
        noun = self.word(value, "n")
        if others and rng.random() < 0.12:
            second = rng.choice(others)
            noun = f"{noun} and {'the ' if rng.random() < 0.6 and 'the {n}' in frame else ''}{self.word(second, 'n')}"
            marks = (*marks, f"<-{second}>")
        text = self.fill(frame, n=noun)
        if rng.random() < 0.12:
            new = self.value(belief)
            clause, more = self.clause(new)
            if not EXCLUDES[new] & {value}:
                text = self.joined([text.rstrip(".!? "), clause])
                marks = (*marks, *more)
        return Said(text, (CHANGE, *marks), family, "off")

    def part_back(self, belief: Belief) -> Said:
        """A whole part of the face back to how it was."""
        names = [
            part
            for part, covers in PARTS.items()
            if any(v in belief or any(x in belief for x in SLOTS.get(v, ())) for v in covers)
        ]
        part = self.rng.choice(names) if names and self.rng.random() < 0.85 else self.rng.choice(list(PARTS))
        frame, family = self.frame("part_back")
        return Said(self.fill(frame, part=part), (CHANGE, *(f"<-{name}>" for name in PARTS[part])), family, "part_back")

    def keep_only(self, belief: Belief) -> Said:
        """Everything but one or two values (or a part) goes."""
        rng = self.rng
        frame, family = self.frame("keep_only")
        if rng.random() < 0.3:
            part = rng.choice(("hair", "hair color", "makeup", "hairstyle", "expression", "beard"))
            covers = PARTS.get(part, (part,))
            return Said(
                self.fill(frame, n=part), (CHANGE, "<keep>", *(f"<={name}>" for name in covers)), family, "keep_only"
            )
        values = rng.sample(list(belief), k=min(len(belief), rng.choice((1, 1, 2)))) or [self.value(belief)]
        noun = " and ".join(self.word(v, "n") for v in values)
        return Said(self.fill(frame, n=noun), (CHANGE, "<keep>", *(f"<={v}>" for v in values)), family, "keep_only")

    def degree(self, belief: Belief) -> Said:
        """A bit of, less, more, much more of a named value."""
        rng = self.rng
        old = 28 if any(v not in ("no smiling", "no makeup") for v in belief) else 28 * self.policy.vain
        category = rng.choices(("less_new", "less_old", "more", "much"), weights=(35, old, 25, 12))[0]
        while True:
            value = self.value(
                belief, inside={"less_new": self.policy.again, "less_old": 1 - self.policy.vain / 2}.get(category, 0.65)
            )
            frame, family = self.frame(category)
            kind = next((k for k in ("vps", "vpe", "adj") if "{" + k + "}" in frame), "n")
            ungradable = SLOT_OF[value] == "hair color" and rng.random() < 0.8  # a bit of brown is seldom asked for
            if not WORDING[value][kind] or value in ("no smiling", "no makeup") or ungradable:
                continue
            word = self.word(value, kind)
            part = re.search(
                r"(?i)(smidge|smidgen|bit|hint|touch|dash|pinch|drop|lot|tad|trace|little|more|much) (of )?(the )?\{n\}",
                frame,
            )
            one = re.search(r"(?i)\b(a|an) (\w+ )?\{n\}", frame)  # "a slight …" wants one thing
            if one and (word.endswith("s") or "hair" in word or MASS.search(word)):
                continue
            if kind != "n" or not part or MASS.search(word) or value in belief:
                break
        text = self.fill(frame, **{kind: word})
        mark = {"less_new": "<less>", "less_old": "<less>", "more": "<more>", "much": "<much>"}[category]
        sign = "=" if category == "less_old" else "+"
        return Said(text, (CHANGE, mark, f"<{sign}{value}>"), family, "degree")

    def it(self, belief: Belief) -> Said:
        """Less, more or none of what was just talked about."""
        category = self.rng.choice(("it_less", "it_more", "it_off", "it_off", "it_much"))
        frame, family = self.frame(category)
        value = self.focus
        if (
            value is None
            or value not in belief
            or (value in ("smiling", "no smiling", "no makeup") and category == "it_off")
        ):
            return self.request(belief)
        marks = {
            "it_less": ("<less>", f"<={value}>"), "it_more": ("<more>", f"<+{value}>"), "it_much": ("<much>", f"<+{value}>"),
            "it_off": (f"<-{value}>",),
        }[category]  # fmt: skip
        return Said(self.fill(frame), (CHANGE, *marks), family, category)

    def back(self, belief: Belief) -> Said:
        """Something that was taken off comes back."""
        gone = [v for v in self.gone if v not in belief and not v.startswith("no ")]
        value = self.rng.choice(gone) if gone else self.value(belief)
        return self.simple("bring_back", (CHANGE, f"<+{value}>"), n=self.word(value, "n"))

    def both_off(self, belief: Belief) -> Said:
        """Both of the values just added go."""
        have = [v for v in self.added if v in belief and v != "smiling"]
        if len(have) != 2:
            return self.request(belief)
        return self.simple("both_off", (CHANGE, *(f"<-{v}>" for v in have)))

    def contrary(self, belief: Belief) -> Said:
        """ "No, happy!": an answer to what was just done, not to a suggestion."""
        instead = EXCLUDES[self.focus] if self.focus else frozenset()
        among = [v for v in VALUES if v in instead and v not in belief and not v.startswith("no ")]
        if not among:
            return self.request(belief)
        value = self.rng.choice(among)
        kind = "adj" if WORDING[value]["adj"] and self.rng.random() < 0.3 else "np"
        return self.simple("no_alt", (CHANGE, f"<+{value}>"), b=self.word(value, kind))

    def simple(self, category: str, marks: Marks, reply: str = "done", **parts: str) -> Said:
        """A turn that is one frame."""
        frame, family = self.frame(category)
        return Said(self.fill(frame, **parts), marks, family, category, reply)

    def hands_off(self, belief: Belief) -> Said:
        """Don't touch this, just that."""
        part = self.rng.choice(list(PARTS))
        covered = {v for name in PARTS[part] for v in SLOTS.get(name, (name,))}
        free = [v for v in VALUES if v not in covered and not v.startswith("no ")]
        value = self.rng.choice([v for v in free if v not in belief] or free)
        frame, family = self.frame("hands_off")
        return Said(self.fill(frame, part=part, b=self.word(value, "np")), (CHANGE, f"<+{value}>"), family, "hands_off")

    def no_makeup_except(self, belief: Belief) -> Said:
        """A bare face with one thing left."""
        value = self.rng.choice(("lipstick", "lipstick", "rosy cheeks", "earrings"))
        said = self.simple("no_makeup_except", (CHANGE, "<+no makeup>", f"<+{value}>"), n=self.word(value, "n"))
        return said

    def no_mood(self, belief: Belief) -> Said:
        """Stop being sad."""
        value = self.rng.choice([v for v in ("sad", "angry") if v in belief] or ["sad", "angry"])
        return self.simple("no_mood", (CHANGE, f"<-{value}>"), adj=self.word(value, "adj"))

    def step(self, conv: Conversation) -> Said:
        """Undo (once, twice, three times), redo, start over, sometimes with a wish in the same breath."""
        rng, belief = self.rng, conv.state.belief
        options = {
            "undo": 50,
            "undo2": 10,
            "undo3": 4,
            "redo": 25 if conv.redo_stack else 12 * self.policy.vain,
            "reset": 14,
        }
        category = rng.choices(list(options), weights=list(options.values()))[0]
        frame, family = self.frame(category)
        marks: Marks = (CHANGE, f"<op_{category}>")
        text = frame
        if rng.random() < 0.16:
            value = self.value(belief)
            clause, more = self.clause(value)
            text = self.joined([text.rstrip(".!? "), clause])
            if rng.random() < 0.25:
                text += " instead"
            marks = (*marks, *more)
        return Said(text, marks, family, category, reply=category.rstrip("23") if len(marks) == 2 else "done")

    def either_or(self, belief: Belief) -> Said:
        """A question about two values."""
        a = self.value(belief)
        b = self.value(belief, among=tuple(v for v in VALUES if v != a))
        kind = self.rng.choice(("n", "np"))
        said = self.simple("either_or", ("<question>",), "either", a=self.word(a, kind), b=self.word(b, kind))
        said.choices = (a, b)
        return said

    def picks(self, belief: Belief) -> Said:
        """The answer to one's own either-or question."""
        a, b = self.choices
        which = self.rng.choice(("both", "first", "second") if b not in EXCLUDES[a] else ("first", "second"))
        return self.simple(
            which, (CHANGE, *(f"<+{v}>" for v in {"both": (a, b), "first": (a,), "second": (b,)}[which]))
        )

    def talk(self, belief: Belief) -> Said:
        """Questions, thanks, small talk, vague and unsupported wishes, other languages."""
        rng = self.rng
        groups = {
            "q_can": 5, "q_hair color": 3, "q_hairstyle": 3, "q_expression": 3, "q_beard": 2, "q_makeup": 3, "q_state": 5, "q_undo": 3,
            "q_advice": 5, "q_other": 5, "can_you_value": 5, "either_or": 6, "thanks": 6, "praise": 8, "complaint": 6, "smalltalk": 9,
            "keep_it": 5, "mention": 8, "vague": 12, "u_beard": 6, "u_dark": 5, "u_color": 8, "u_wish": 12, "u_thing": 12, "foreign": 9, "injection": 3,
        }  # fmt: skip
        if not belief and not self.policy.vain:  # nothing was done yet that one could speak of
            groups |= dict.fromkeys(("keep_it", "praise", "complaint", "thanks"), 0)
        group = rng.choices(list(groups), weights=list(groups.values()))[0]
        if group == "either_or":
            return self.either_or(belief)
        value = self.value(belief, inside=0.6)
        if group == "keep_it" and belief:
            value = rng.choice(list(belief))
        if group == "mention":  # "my sister has …": not said of a look on a face
            value = self.value(
                belief, among=tuple(v for v in VALUES if SLOT_OF[v] != "expression" and not v.startswith("no "))
            )
        intent = "<none>"
        if group.startswith(("q_", "can_")):
            intent = "<question>"
        elif group.startswith("u_") or group == "injection":
            intent = "<unsupported>"
        elif group == "foreign":
            intent = "<foreign>"
        parts = {
            "n": self.word(value, "n"),
            "np": self.word(value, "np"),
            "color": rng.choice(COLORS),
            "wish": rng.choice(WISHES),
            "thing": rng.choice(THINGS),
        }
        said = self.simple(group, (intent,), group, **parts)
        if group in ("u_wish", "u_thing", "u_color") and rng.random() < 0.18:  # one half is possible: that half is done
            good = self.value(belief)
            clause, more = self.clause(good)
            if group != "u_color" or SLOT_OF[good] != "hair color":
                said.text = self.joined(
                    [clause, said.text.rstrip(".!? ")] if rng.random() < 0.5 else [said.text.rstrip(".!? "), clause]
                )
                said.marks, said.reply = (CHANGE, *more), "partly_cannot"
        if group == "keep_it":
            said.choices = (value,)
        return said

    def composed(self, conv: Conversation) -> Said:
        """Several sentences: an answer to the suggestion, what is told or merely named, and what is wanted and what is to go or stay."""
        rng, belief = self.rng, conv.state.belief
        parts: list[tuple[str, Marks]] = []
        offered = conv.suggestion
        if offered is not None and offered not in belief and rng.random() < 0.6:
            kind = rng.choice(("yes", "no", "no"))
            parts.append((self.frame(kind)[0], (f"<+{offered}>",) if kind == "yes" else ()))
            belief = belief.add(offered) if kind == "yes" else belief
        spoken = {offered} if offered is not None else set()
        for _ in range(rng.choice((1, 2, 2, 3))):
            part, marks, named = self.part(belief, spoken)
            if named & spoken:
                continue
            spoken |= named
            parts.append((part, marks))
        if not any(marks for _, marks in parts):
            said = self.request(belief, self.value(belief, among=tuple(v for v in VALUES if v not in spoken) or VALUES))
            parts.append((said.text, said.marks[1:]))
        marks = tuple(mark for _, some in parts for mark in some)
        sentences = [text if text.endswith((".", "!", "?")) else f"{text}." for text, _ in parts]
        text = " ".join(sentences)
        if rng.random() < 0.25:
            text = re.sub(
                r"[.!?] (\w)", lambda found: f"{rng.choice((',', ' and', '...', ' -'))} {found[1].lower()}", text
            )
        return Said(text, (CHANGE, *marks), "composed", "composed")

    def whole(self, conv: Conversation) -> Said:
        """A whole message of `data/whole.py`; one that answers the suggestion rather often when there is one."""
        belief, suggestion = conv.state.belief, conv.suggestion
        who = "self" if self.me == "me" else "she" if self.me in WOMEN else "he" if self.me in MEN else "other"
        answers = suggestion is not None and suggestion not in belief and self.rng.random() < 0.4
        among = [line for line in whole.read() if line.who in ("", who) and line.answers == answers]
        for line in self.rng.sample(among, min(12, len(among))):
            found = line.filled(belief, suggestion, self.rng)
            if found is not None:
                text, marks = found
                kind = {"<question>": "q_other", "<unsupported>": "u_thing", "<none>": "smalltalk"}.get(
                    marks[0], "done"
                )
                steps = [mark.removeprefix("<op_")[:-1] for mark in marks if mark.startswith("<op_")]
                return Said(self.fill(text), marks, "whole", (steps or ["whole"])[0], kind)
        return self.request(belief)

    def part(self, belief: Belief, spoken: set[str]) -> tuple[str, Marks, set[str]]:
        """One sentence of a longer message, its marks, and the values that it names."""
        rng = self.rng
        free = [v for v in VALUES if v not in belief and v not in spoken and not v.startswith("no ")]
        have = [v for v in belief if v not in spoken and not v.startswith("no ") and v != "smiling"]
        value = rng.choice(free)
        kind = rng.choices(
            ("told", "request", "not", "but not", "off", "off, keep", "keep"), weights=(14, 24, 14, 18, 12, 12, 6)
        )[0]
        if kind == "told":
            group = rng.choice(("smalltalk", "mention", "mention", "praise"))
            if group == "mention":
                value = rng.choice([v for v in free if SLOT_OF[v] != "expression"] or free)
            frame, _ = self.frame(group)
            return self.fill(frame, n=self.word(value, "n"), np=self.word(value, "np")), (), {value}
        if kind in ("not", "but not"):
            other = rng.choice([v for v in free if v != value and not EXCLUDES[v] & {value}] or free)
            no = self.fill(rng.choice(talk.NOT), n=self.word(other, "n"), np=self.word(other, "np"))
            if kind == "not" or other == value:
                return no, (), {other}
            clause, marks = self.clause(value)
            return (
                f"{clause}{rng.choice((', but ', ' but ', ', and ', ', ', '. '))}{no[:1].lower()}{no[1:]}",
                marks,
                {value, other},
            )
        if kind in ("off", "off, keep") and have:
            gone = rng.choice(have)
            off, marks = self.off_clause(gone)
            stays = [v for v in have if v != gone]
            if kind == "off" or not stays:
                return off, marks, {gone}
            kept = rng.choice(stays)
            keep = self.fill(rng.choice(talk.STAYS), n=self.word(kept, "n"))
            pair = (off, keep) if rng.random() < 0.7 else (keep, off)
            return rng.choice((", ", ", but ", " and ", " but ")).join(pair), marks, {gone, kept}
        if kind == "keep" and have:
            kept = rng.choice(have)
            return self.fill(rng.choice(talk.STAYS), n=self.word(kept, "n")), (), {kept}
        said = self.request(belief, value)
        return said.text, said.marks[1:], {value}

    def answer(self, conv: Conversation) -> Said | None:
        """A turn that answers the last reply's suggestion or request, or None to go on with something else."""
        rng, belief = self.rng, conv.state.belief
        act = conv.turns[-1].act if conv.turns else None
        if self.choices and rng.random() < 0.6:
            return self.picks(belief)
        asked = conv.turns[-2].act if len(conv.turns) > 1 else None
        if asked is not None and asked.slot and asked.type == "request" and conv.turns[-1].behaviour == "yes":
            return self.request(
                belief, self.value(belief, among=SLOTS[asked.slot])
            )  # yes to a change of the hair: which?
        if act is None or act.type not in ("suggest", "request"):
            if rng.random() < 0.1 * self.policy.vain:
                return self.bare("yes", "yes_what") if rng.random() < 0.5 else self.bare("no", "no_problem")
            return None
        kind = rng.random()
        if act.type == "suggest" and act.value is not None:
            value = act.value
            if kind < 0.26:
                return self.simple("yes", (CHANGE, f"<+{value}>"))
            if kind < 0.29:
                return self.simple("yes_less", (CHANGE, "<less>", f"<+{value}>"))
            if kind < 0.36:
                other = self.value(belief.add(value))
                if other not in EXCLUDES[value] and not other.startswith("no "):
                    return self.simple("yes_and", (CHANGE, f"<+{value}>", f"<+{other}>"), b=self.word(other, "np"))
            if kind < 0.50:
                return self.simple("no", ("<none>",), "no_problem")
            if kind < 0.64:
                same = [v for v in SLOTS[SLOT_OF[value]] if v != value and v not in belief and not v.startswith("no ")]
                other = rng.choice(same) if same and rng.random() < 0.5 else self.value(belief)
                if other != value and not other.startswith("no "):
                    return self.simple("no_alt", (CHANGE, f"<+{other}>"), b=self.word(other, "np"))
            return None
        if act.slot is not None:
            if OPEN_QUESTION.search(conv.turns[-1].system or ""):  # not one that yes or no answers
                return self.request(belief, self.value(belief, among=SLOTS[act.slot])) if kind < 0.55 else None
            if kind < 0.09:
                return self.bare("yes", "yes_what")
            if kind < 0.20:
                self.refused |= {act.slot}
                return self.bare("no", "no_problem")
            other = self.value(belief, among=SLOTS[act.slot])
            if kind < 0.55:
                if other.startswith("no "):
                    return self.request(belief, other)
                return self.simple("yes_value", (CHANGE, f"<+{other}>"), b=self.word(other, "np"))
        return None

    def bare(self, category: str, reply: str) -> Said:
        """A plain yes or no to a question that suggested nothing."""
        for _ in range(40):
            said = self.simple(category, ("<none>",), reply)
            if PLAIN_ANSWER.match(said.text) and len(said.text.split()) <= 7 and not SUGGESTED.search(said.text):
                break
        return said

    def behave(self, conv: Conversation) -> Said:
        """A turn of the person's own accord: one of the behaviours of the policy that make sense now."""
        belief, weight = conv.state.belief, self.policy.weights
        few = self.policy.vain  # taking back what is not there happens, but seldom
        moves: dict[str, tuple[Callable[[], Said], float]] = {
            "request": (lambda: self.request(belief), 1),
            "several": (lambda: self.several(belief), 1),
            "correct": (lambda: self.correct(belief), 1),
            "swap": (lambda: self.swap(belief), 1 if belief else few),
            "off": (lambda: self.off(belief), 1 if belief else few),
            "part_back": (lambda: self.part_back(belief), 1 if belief else few),
            "keep_only": (lambda: self.keep_only(belief), 1 if len(belief) > 1 else few / 3),
            "degree": (lambda: self.degree(belief), 1),
            "it": (lambda: self.it(belief), 1 if self.focus and not conv.suggestion else 0),
            "back": (lambda: self.back(belief), 1 if any(v not in belief for v in self.gone) else few / 3),
            "both_off": (lambda: self.both_off(belief), 1 if len(self.added) == 2 else 0),
            "contrary": (lambda: self.contrary(belief), 1 if conv.turns and not conv.suggestion else 0),
            "hands_off": (lambda: self.hands_off(belief), 1),
            "no_makeup_except": (lambda: self.no_makeup_except(belief), 1),
            "no_mood": (lambda: self.no_mood(belief), 1 if {"sad", "angry"} & set(belief) else few),
            "clean_shaven": (
                lambda: self.simple("clean_shaven", (CHANGE, "<-beard>")),
                1 if {"mustache", "goatee"} & set(belief) else few,
            ),
            "full_beard": (lambda: self.simple("full_beard", (CHANGE, "<+mustache>", "<+goatee>")), 1),
            "step": (lambda: self.step(conv), 1 if conv.undo_stack or conv.redo_stack else few / 2),
            "talk": (lambda: self.talk(belief), 1),
            "composed": (lambda: self.composed(conv), 1),
            # nobody is examined in what was taught
            "whole": (lambda: self.whole(conv), 1 if self.split == "more" else 0),
        }
        name = self.rng.choices(list(moves), weights=[weight.get(k, 0) * f for k, (_, f) in moves.items()])[0]
        return moves[name][0]()

    def say(self, conv: Conversation) -> Said:
        """The next user turn."""
        belief = conv.state.belief
        said = self.answer(conv) if self.rng.random() < self.policy.answer else None
        self.choices = ()
        if said is None:
            said = self.behave(conv)
        self.choices = said.choices if said.reply == "either" else ()
        plus = [mark[2:-1] for mark in said.marks if mark[1] in "+="]
        self.focus = plus[0] if len(plus) == 1 and "<keep>" not in said.marks else None
        self.added = tuple(mark[2:-1] for mark in said.marks if mark[1] == "+")
        off = tuple(
            mark[2:-1] for mark in said.marks if mark[1] == "-" and mark[2:-1] in SLOT_OF and mark[2:-1] in belief
        )
        self.gone = (*self.gone, *off)[-3:]
        said.text = self.dress(said, conv)
        return said

    def opener(self, said: Said, conv: Conversation) -> str:
        """A few words before a turn that fit where it stands; "" when none do."""
        if re.match(OPENED, said.text):
            return ""
        short = len(said.text.split()) < 11
        kinds: list[tuple[str, ...]] = [talk.NEUTRAL] if short else [("Hm,", "Hmm,", "Well,", "Oh,")]
        wishes = said.behaviour in ("request", "several", "correct", "hands_off", "degree")
        adds = wishes and not any(mark.startswith("<=") for mark in said.marks)
        last = conv.turns[-1] if conv.turns else None
        done = (last.outcome or {}) if last is not None else {}
        if last is None:
            kinds.append(talk.FIRST)
        elif adds and done.get("made") and not done.get("failed") and last.act is not None and last.act.type == "next":
            # Praise before another wish; after a suggestion it would sound like a yes.
            kinds += [talk.PRAISING, talk.GOING_ON if len(conv.turns) > 2 else talk.GOING_ON[:3]]
        named = set(re.findall(r"[a-z]+", said.text.lower())) & {
            "he",
            "him",
            "his",
            "she",
            "her",
        }  # of whom, after "my boss"?
        if adds and short and not self.reasoned and not named and not REASON.search(said.text):
            kinds += [talk.REASONS, talk.OWN_REASONS] if self.me == "me" else [talk.REASONS]
        return self.rng.choice(self.rng.choice(kinds))

    def closer(self, said: Said) -> str:
        """The text with a few words after it."""
        rng, text = self.rng, said.text
        kind = rng.random()
        if kind < 0.2:
            smiley = rng.choice(talk.SMILEYS)
            return (
                text.rstrip(".! ") + ("" if smiley.startswith("!") else " ") + smiley
                if not text.endswith("?")
                else f"{text} {smiley}"
            )
        asks = "?" in text or text.lower().startswith(("can ", "could ", "would ", "will "))
        polite = kind < 0.6 or asks or len(text.split()) > 12 or said.behaviour not in ("request", "several", "degree")
        if polite and re.search(r"(?i)please|pls|kindly|can you|could you|if ", text):
            return text
        words = rng.choice(talk.POLITE[:4] if asks else talk.POLITE) if polite else rng.choice(talk.CLOSERS)
        end = "?" if asks and text.endswith("?") else ""
        return text.rstrip(".!? ") + rng.choice((" ", ", ")) + words + end

    def dress(self, said: Said, conv: Conversation) -> str:
        """Openers, closers, and the noise of people's typing."""
        rng = self.rng
        alone = (
            "foreign",
            "smalltalk",
            "thanks",
            "praise",
            "complaint",
            "yes",
            "no",
            "it_more",
            "it_less",
            "injection",
            "mention",
        )
        if said.behaviour not in alone:
            answers = said.behaviour in ("yes_value", "yes_and", "yes_less", "no_alt")
            opener = self.opener(said, conv) if rng.random() < self.policy.opener and not answers else ""
            if opener:
                text = said.text
                keep = text.startswith(("I ", "I'")) or opener.endswith((".", "!", "?"))
                said.text = f"{opener} {text if keep else text[:1].lower() + text[1:]}"
            if rng.random() < self.policy.closer:
                said.text = self.closer(said)
        text = said.text
        self.reasoned = (
            self.reasoned or bool(REASON.search(text)) or text.startswith((*talk.REASONS, *talk.OWN_REASONS))
        )
        if rng.random() < 0.03:
            for formal, loose in (("I want to", "I wanna"), ("please", "pls"), ("you", "u"), ("Give me", "gimme")):
                text = text.replace(formal, loose)
        said.plain = text
        if rng.random() < self.policy.lower:
            text = text.lower()
        if rng.random() < 0.3:
            text = text.rstrip(".!?") or text
        if rng.random() < 0.06:
            text = text.replace(",", "")
        if rng.random() < 0.06:
            text = text.replace("'", "")
        if rng.random() < self.policy.typo:
            text = typo(text, rng)
        if self.policy.sloppy and rng.random() < self.policy.sloppy:
            text = sloppy(text, rng)
        return text[:1].upper() + text[1:] if rng.random() < 0.5 else text


def typo(text: str, rng: random.Random) -> str:
    """One or two slips in words of five letters or more: a swap, a drop, a doubled or a neighbouring letter."""
    words = text.split(" ")
    for _ in range(rng.choice((1, 1, 2))):
        long = [i for i, word in enumerate(words) if len(word.strip(".,!?")) >= 5]
        if not long:
            break
        i = rng.choice(long)
        word, at = words[i], rng.randrange(1, len(words[i].strip(".,!?")) - 1)
        kind = rng.randrange(4)
        if kind == 0:
            word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        elif kind == 1:
            word = word[:at] + word[at + 1 :]
        elif kind == 2:
            word = word[:at] + word[at] + word[at:]
        else:
            word = word[:at] + rng.choice("aeiorstnl") + word[at + 1 :]
        words[i] = word
    return " ".join(words)


def sloppy(text: str, rng: random.Random) -> str:
    """As typed in haste on a phone: every fourth word loses a vowel or has two letters swapped."""
    words = text.split(" ")
    for i, word in enumerate(words):
        if len(word) < 3 or not word.isascii() or rng.random() > 0.25:
            continue
        inner = [k for k in range(1, len(word) - 1) if word[k].isalpha() and word[k + 1].isalpha()]
        vowels = [k for k in inner if word[k] in "aeiou"]
        if vowels and rng.random() < 0.55:
            k = rng.choice(vowels)
            words[i] = word[:k] + word[k + 1 :]
        elif inner:
            k = rng.choice(inner)
            words[i] = word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    return " ".join(words)


# The system's side ----------------------------------------------------------------------------------------------------
def names(values: tuple[str, ...], rng: random.Random, known: bool = False) -> str:
    """Values as people read them: "the smile, lipstick and bangs"; ``known``: never "a smile"."""
    words = [replies.NAMES[value][0] if known else rng.choice(replies.NAMES[value]) for value in values]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def suggestable(belief: Belief, barred: frozenset[str]) -> list[str]:
    """What may be suggested: not in the belief, not excluded by it, not barred (in the photo, blocked, declined)."""
    taken = set(belief) | {other for value in belief for other in EXCLUDES[value]}
    return [value for value in VALUES if value not in taken and value not in barred and not value.startswith("no ")]


def choose_act(
    belief: Belief, barred: frozenset[str], rng: random.Random, refused: frozenset[str] = frozenset()
) -> Act:
    """The paper's policy after an edit: Next, Request a slot that nothing is wanted of, or Suggest a value (shares 40, 27, 33 %).
    ``refused``: slots that are not asked for again."""
    kind = rng.random()
    if kind < 0.33:
        options = suggestable(belief, barred)
        if options:
            return Act.suggest(rng.choice(options))
    if kind < 0.60:
        empty = [slot for slot, values in SLOTS.items() if not set(values) & set(belief) and slot not in refused]
        if empty:
            return Act("request", rng.choice(empty))
    return Act("next")


def tail(act: Act, rng: random.Random) -> str:
    """The question at the end of a reply."""
    if act.type == "request" and act.slot is not None:
        text = rng.choice(replies.REQUEST).replace("{slot}", rng.choice(replies.SLOT_NAMES[act.slot]))
    elif act.type == "suggest" and act.value is not None:
        text = rng.choice(replies.SUGGEST).replace(
            "{value}", replies.NAMES[act.value][-1 if act.value in SINGULAR else 0]
        )
    else:
        text = rng.choice(replies.NEXT)
    return text[:1].upper() + text[1:]


def _swapped(made: tuple[str, ...], removed: tuple[str, ...]) -> bool:
    """Whether what was made took the place of what was taken away."""
    return all(SLOT_OF[m] == SLOT_OF[r] for m in made for r in removed)


SINGULAR = frozenset(v for v, words in replies.NAMES.items() if words[-1].startswith(("a ", "an ")))


def system_reply(
    said_reply: str,
    marks: Marks,
    outcome: Outcome,
    belief: Belief,
    act: Act,
    rng: random.Random,
    choices: tuple[str, ...] = (),
    before: Belief | None = None,
) -> tuple[str, Act]:
    """The reply and its (possibly changed) act, for a turn that called for ``said_reply``."""
    made, failed, removed = outcome.made, outcome.failed, outcome.removed

    def fill(lines: tuple[str, ...]) -> str:
        text = rng.choice(lines)
        for key, values in (("{made}", made), ("{failed}", failed), ("{removed}", removed), ("{state}", belief.values)):
            if key in text:
                text = text.replace(key, names(values, rng, key in ("{removed}", "{failed}")))
        return text[:1].upper() + text[1:]

    end = tail(act, rng)
    if said_reply in ("done", "partly_cannot", "undo", "redo", "reset"):
        degree = [mark for mark in marks if mark in ("<less>", "<more>", "<much>")]
        if failed:
            head = fill(replies.PARTLY if made else replies.FAILED)
        elif said_reply == "undo" and (made or removed):
            head = fill(replies.UNDONE)
        elif said_reply == "redo" and (made or removed):
            head = fill(replies.REDONE)
        elif said_reply == "reset":
            head = fill(replies.RESET)
        elif not made and not removed:
            head = fill(replies.NOTHING)
        elif degree and len(marks) == 3 and marks[2][2:-1] in (before or ()) and made and rng.random() < 0.6:
            head = fill(replies.DEGREE_LESS if degree[0] == "<less>" else replies.DEGREE_MORE)
        elif made and removed and _swapped(made, removed) and rng.random() < 0.5 and len(made) + len(removed) < 4:
            head = fill(replies.BOTH)
        elif removed and not made and rng.random() < 0.7 and len(removed) < 4:
            head = fill(replies.REMOVED)
        elif made and len(made) < 4 and rng.random() < 0.45:
            head = fill(replies.MADE)
        else:
            head = fill(replies.DONE)
        if said_reply == "partly_cannot":
            head += rng.choice(
                (
                    " The rest I can't do, sorry.",
                    " Sorry, the other thing is beyond me.",
                    " The other wish is not possible, sorry.",
                )
            )
        return f"{head} {end}", act
    if said_reply == "mention":
        return f"{rng.choice(replies.MENTION)} {end}", act
    if said_reply in ("q_state", "can_you_value", "keep_it"):
        if said_reply == "keep_it":
            return f"{rng.choice(replies.PRAISE)} {end}", act
        return fill(replies.STATE_SOME if belief else replies.STATE_NONE), Act("answer")
    if said_reply == "q_advice":
        head = "I can't judge that, but here's an idea."
        return (
            (f"{head} {end}", act) if act.type == "suggest" else (rng.choice(replies.ANSWERS["q_can"]), Act("answer"))
        )
    if said_reply in replies.ANSWERS:
        return rng.choice(replies.ANSWERS[said_reply]), Act("answer")
    if said_reply in ("u_wish", "u_thing", "injection"):
        return rng.choice(replies.CANNOT["u_wish"]), Act("cannot")
    if said_reply in replies.CANNOT:
        return rng.choice(replies.CANNOT[said_reply]), Act("cannot")
    if said_reply == "either":
        return rng.choice(EITHER), Act("answer")
    heads = {
        "thanks": replies.THANKS, "praise": replies.PRAISE, "no_problem": replies.NO_PROBLEM,
    }  # fmt: skip
    if said_reply in heads:
        return f"{rng.choice(heads[said_reply])} {end}", act
    alone = {
        "complaint": replies.COMPLAINT,
        "smalltalk": replies.HELLO,
        "vague": replies.VAGUE,
        "yes_what": replies.YES_WHAT,
    }
    return rng.choice(alone[said_reply]), Act("next")


EITHER = (
    "Both are possible. Which one shall it be?",
    "That's up to you, I can do either. Which one?",
    "Hard to say. Just tell me which one to try first.",
    "I'd say try one and see. Which one first?",
    "Either works, and you can undo it. Which one?",
)


def outcome_of(before: Belief, after: Belief, marks: Marks, rng: random.Random, fail: float = 0.06) -> Outcome:
    """A made-up measurement: what was asked for and is in the belief was made, now and then not."""
    asked = [mark[2:-1] for mark in marks if mark[1] in "+=" and mark[2:-1] in VALUES and "<keep>" not in marks]
    wanted = [v for v in after if v in asked or v not in before]
    failed = tuple(v for v in wanted if rng.random() < fail)
    return Outcome(tuple(v for v in wanted if v not in failed), failed, tuple(v for v in before if v not in after))


def one_dialogue(
    dialogue_id: str,
    rng: random.Random,
    split: str,
    image_id: str,
    present: frozenset[str],
    policy: Policy = TRAINING,
) -> Dialogue:
    """Simulate one dialogue about a face that shows ``present`` already."""
    talker = _Talker(rng, split, present, policy)
    unfit = MASCULINE if talker.me in WOMEN or FEMININE & present else frozenset()
    length = rng.choices(list(policy.turns), weights=list(policy.turns.values()))[0]
    conv = Conversation()
    for _ in range(length):
        if conv.turns and rng.random() < policy.event:
            conv = conv.event(_event(conv, rng))
            talker.focus, talker.choices, talker.added = None, (), ()
            continue
        said = talker.say(conv)
        before = conv.state.belief
        heard: Heard = hear_marks(conv, said.marks)
        after = conv.hear(said.text, heard)
        outcome = outcome_of(before, after.state.belief, said.marks, rng, policy.fail)
        barred = present | after.declined | after.suggested | unfit | frozenset(talker.gone)
        act = choose_act(after.state.belief, barred, rng, talker.refused)
        if said.reply == "q_advice" and rng.random() < 0.8:
            options = suggestable(after.state.belief, barred)
            act = Act.suggest(rng.choice(options)) if options else act
        if talker.focus in outcome.failed:  # nobody speaks of "it" when it never appeared
            talker.focus = None
        talker.added = tuple(value for value in talker.added if value not in outcome.failed)
        text, act = fresh_reply(said, outcome, before, after, act, rng)
        after = after.reply(Spoken(text, act))
        last = replace(after.turns[-1], family=said.family, behaviour=said.behaviour, outcome=outcome.to_json() or None)
        conv = replace(after, turns=(*after.turns[:-1], last))
    return Dialogue(dialogue_id, image_id, conv.turns, split=split)


def fresh_reply(
    said: Said,
    outcome: Outcome,
    before: Belief,
    after: Conversation,
    act: Act,
    rng: random.Random,
    tries: int = 6,
) -> tuple[str, Act]:
    """Of a few replies, the one whose words were used least in this dialogue: people do not repeat themselves."""
    used = {word for turn in after.turns if turn.system for word in turn.system.lower().split()}
    best: tuple[float, str, Act] | None = None
    for _ in range(tries if used else 1):
        text, done = system_reply(said.reply, said.marks, outcome, after.state.belief, act, rng, said.choices, before)
        words = text.lower().split()
        stale = sum(word in used for word in words) / len(words) + 0.02 * len(words)  # and shorter ones first
        if best is None or stale < best[0]:
            best = (stale, text, done)
    assert best is not None
    return best[1], best[2]


def _event(conv: Conversation, rng: random.Random) -> dict[str, object]:
    """A button that makes sense now."""
    belief = conv.state.belief
    kinds = ["set"] + (["remove", "remove", "strength"] if belief else []) + (["undo"] if conv.undo_stack else [])
    kind = rng.choice(kinds + (["redo"] if conv.redo_stack else []) + (["reset"] if rng.random() < 0.1 else []))
    if kind == "set":
        return {"type": kind, "value": rng.choice(VALUES)}
    if kind == "remove":
        return {"type": kind, "value": rng.choice(belief.values)}
    if kind == "strength":
        return {"type": kind, "value": rng.choice(belief.values), "strength": rng.choice((0.5, 0.75, 1.25, 1.5))}
    return {"type": kind}


def simulate(n: int, seed: int = 0, split: str = "train", policy: Policy = TRAINING) -> Iterator[Dialogue]:
    """``n`` dialogues of a split ("train", "validation" or "test") about imagined faces, deterministic in (seed, split), each
    independent of n."""
    for index in range(n):
        rng = random.Random(f"{seed}|{split}|{index}")
        present = frozenset(rng.sample(VALUES, k=rng.randrange(5)))
        name = f"i2e-{split}-{seed}-{index:06d}"
        yield one_dialogue(name, rng, split, f"seed:{rng.randrange(100000)}", present, policy)


__all__ = [
    "BENCHMARK", "TRAINING", "Policy", "Said", "Turn", "choose_act", "one_dialogue", "outcome_of", "simulate", "suggestable", "system_reply", "typo",
]  # fmt: skip
