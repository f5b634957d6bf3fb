"""Rewording a data set by a language model, turn by turn, with checks that what is meant stays the same.

In: a folder of dialogues (``train.jsonl``, ``validation.jsonl``, ``test.jsonl``, those that are there) and an Endpoint. Out: a
new folder with the same dialogues, the same beliefs, reworded user turns (their ``family`` begins with "para-"), and
``paraphrases.jsonl``, one line a user turn: what it was, what became of it, why.

    paraphrase(Path("data"), Path("data-para"), Endpoint("my-model", "http://127.0.0.1:8080/v1"))

As in the paper (section 3.1) the model is given an instruction and a few examples written by hand. An answer that fails a check
(``faults``) is sent back once with the complaint; after that the original stays. Every answer is kept at once in a file beside
the output, by the hash of its request: a run that was cut off and is started again asks nothing twice.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import os
import random
import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from i2edit.data.endpoint import Endpoint, EndpointError, Message
from i2edit.data.phrases import SPLITS, WORDING, bank
from i2edit.data.phrases.talk import CLOSERS, COLORS, OPENERS, THINGS
from i2edit.dialogue.check import mentions
from i2edit.dialogue.history import Conversation, Heard, Spoken
from i2edit.dialogue.prompts import clean, is_foreign_script
from i2edit.errors import DataError, I2EditError, MessageError, OutputError
from i2edit.ontology import VALUES, Belief, BeliefSyntaxError, EditState, in_order
from i2edit.records import Dialogue, Turn, read_dialogues, write_dialogues

Track = Callable[[Conversation, str], Heard]  # a tracker, such as DialogueModel.track
Progress = Callable[[float, str], None]  # (share done, stage)
PREFIX = "para-"


@dataclass(frozen=True)
class Settings:
    """How to ask. ``workers``: dialogues at once; ``seed`` chooses the examples and the manner asked for, turn by turn."""

    temperature: float = 0.9
    max_tokens: int = 400
    workers: int = 4
    examples: int = 6
    seed: int = 0


# What is asked -------------------------------------------------------------------------------------------------------
INSTRUCTION = """\
People edit a photo of a face by talking to an editor. You reword what a person said, so that it sounds like somebody else \
who wants exactly the same.
- Keep the meaning: every attribute that the message names is named again, in these or other common words, and no other one.
- A message that takes something back, says no, or means an earlier step (undo, redo, start over) must do so just as clearly.
- What is left unsaid stays unsaid: "yes", "both" or "take that off" must not become the name of an attribute.
- "A bit", "more" and the like stay. A question stays a question. Whose face it is stays the same.
- Write one line of plain English, about as long, without quotation marks or explanations. Answer with the message alone."""


@dataclass(frozen=True)
class Example:
    """A rewording written by hand: the editor's last words, the message, what it does, the message in other words."""

    system: str
    said: str
    effect: str
    reworded: str


def _example(said: str, effect: str, reworded: str, system: str = "") -> Example:
    return Example(system, said, effect, reworded)


EXAMPLES: tuple[Example, ...] = (
    _example("Please give me bangs.", "adds bangs", "I've always wondered how I'd look with a fringe, could you try that?"),
    _example("make her smile", "adds smiling", "she looks so stiff here, put a friendly grin on her face"),
    _example("Add a goatee and black hair.", "adds black hair, goatee", "jet black hair, and a goatee to go with it please",
             "Hello! What would you like to change?"),
    _example("Remove the lipstick.", "takes lipstick away", "I think the lipstick has to go.", "Done. What else?"),
    _example("I don't want earrings anymore.", "takes earrings away", "no more earrings pls", "There you go. Anything else?"),
    _example("Undo that.", "takes the last step back", "hm no, go back to how it was a second ago", "Done. How do you like it?"),
    _example("Undo the last two changes.", "takes the last two steps back", "Could you go back two steps?"),
    _example("redo", "does the step again that was taken back", "Ah, it was better with it. Redo that, please.", "Okay, I went back."),
    _example("Start over.", "empties the list of edits", "let's start from scratch with the original photo"),
    _example("Yes, please.", "adds rosy cheeks", "sure, let's see that", "Done. Would you like to try rosy cheeks?"),
    _example("No thanks.", "changes nothing", "nah, I'm good", "Here it is. Maybe wavy hair would look good, shall I add it?"),
    _example("No, rather sideburns.", "adds sideburns", "Not my thing, but I'd take sideburns instead.", "Shall we try bangs?"),
    _example("Blond hair, no wait, brown.", "adds brown hair", "Make it blonde... hold on, actually brown would be better"),
    _example("A bit of blush please.", "adds rosy cheeks", "could I get just a touch of blush?", "What shall we do next?"),
    _example("The mustache is a bit too much.", "makes mustache weaker", "can you tone that moustache down a little"),
    _example("Replace the scowl with a smile.", "takes angry away; adds smiling", "Swap that angry look for a smile."),
    _example("Keep only the pale skin.", "takes big lips, sad away", "everything can go except the pale skin"),
    _example("What can you do?", "changes nothing", "so which things are you able to edit?", "Hi there!"),
    _example("Would curls or straight hair suit me?", "changes nothing", "hmm curls or straight hair, what would look better on me?"),
    _example("Wow, looks great!", "changes nothing", "oh that's really pretty", "Done. What's next?"),
    _example("Put me in a suit.", "changes nothing", "I'd like to wear a suit in this one"),
    _example("Take it off again.", "takes bushy eyebrows away", "hmm, remove that again", "Done. Do you like it?"),
)  # fmt: skip
MANNERS: tuple[str, ...] = (
    "in very few words", "as a polite full sentence", "casually, as in a chat with a friend", "plainly", "a little chatty",
    "as somebody who types fast on a phone", "in an unusual way",
)  # fmt: skip


def effect(before: Belief, after: Belief, turn: Turn) -> str:
    """What a turn does to the belief, in words.

    >>> effect(Belief.of("black hair"), Belief.of("blond hair"), Turn(Belief(), user="go blond"))
    'takes black hair away; adds blond hair'
    """
    steps = {"undo": "takes the last step back", "undo2": "takes the last two steps back", "redo": "does the step again that was taken back",
             "undo3": "takes the last three steps back", "reset": "empties the list of edits"}  # fmt: skip
    if turn.behaviour in steps:
        return steps[turn.behaviour]
    gone = [value for value in before if value not in after]
    new = [value for value in after if value not in before]
    parts = [f"takes {', '.join(gone)} away"] if gone else []
    if new:
        parts.append(f"adds {', '.join(new)}")
    return "; ".join(parts) or "changes nothing"


def request_for(
    dialogue_id: str, index: int, turn: Turn, before: Belief, system: str, settings: Settings
) -> list[Message]:
    """The messages that ask for a rewording of one turn."""
    rng = random.Random(f"{settings.seed}|{dialogue_id}|{index}")
    messages: list[Message] = [{"role": "system", "content": INSTRUCTION}]
    for example in rng.sample(EXAMPLES, k=min(settings.examples, len(EXAMPLES))):
        asked = _asked(example.system, example.said, example.effect, "")
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": example.reworded}]
    manner = rng.choice(MANNERS)
    asked = _asked(system, turn.user or "", effect(before, turn.belief, turn), manner)
    return [*messages, {"role": "user", "content": asked}]


def _asked(system: str, said: str, does: str, manner: str) -> str:
    lines = [f"Editor: {system}" if system else "", f"Person: {said}", f"What this does: {does}."]
    return "\n".join([line for line in lines if line] + ([f"Reword it {manner}."] if manner else []))


# What a message names ------------------------------------------------------------------------------------------------
_ME = r"(?:me|us|her|him|them|it|you|myself|(?:the|this|my)\s\w+)"
_MY = r"(?:my|our|her|his|their|your|its|the|that|this|(?:the|my|this)\s\w+'?s)"
_TOO_COMMON = frozenset({"down", "blue", "mad face on", "chops", "studs", "curl", "raven", "made up", "full face"})
_MORE_WORDS: dict[str, tuple[str, ...]] = {
    "smiling": ("smiles", "grinning", "cheerfully", "happily", "beaming", "laughing"),
    "sad": ("sadder", "sorrow", "tears", "teary", "crying"),
    "angry": ("angrily", "rage", "fuming"),
    "no smiling": ("not smiling", "no smiling", "no smile", "no grin", "without a smile", "without smiling", "don't smile",
                   "do not smile", "unsmiling", "stops smiling", "not to smile"),
    "gray hair": ("gray", "grey", "silver"),
    "black hair": ("raven hair", "raven black"),
    "wavy hair": ("curls", "curled", "curlier"),
    "pale skin": ("paler", "whiter skin", "porcelain"),
    "heavy makeup": ("full face of makeup", "heavier makeup"),
    "no makeup": ("without makeup", "without make up", "without any makeup", "free of makeup", "makeup free", "zero makeup"),
    "big lips": ("lips bigger", "lips fuller", "volume to the lips", "lips plumper", "fuller mouth", "puffy lips"),
    "lipstick": ("red lip",),
    "receding hairline": ("thinner in front", "losing hair in front"),
}  # fmt: skip


@functools.cache
def _phrases() -> tuple[re.Pattern[str], tuple[str, ...]]:
    """One pattern of every wording, longest first, each a group; and the value of each group."""
    found: dict[str, str] = {}
    for value in VALUES:
        for phrase in (*(p for kind in WORDING[value].values() for p in kind), *_MORE_WORDS.get(value, ())):
            plain = re.sub(r"^(a|an|the|some) ", "", _flat(phrase))
            if plain not in _TOO_COMMON:
                found.setdefault(plain, value)
    longest_first = sorted(found, key=lambda phrase: (-len(phrase), phrase))
    patterns = []
    for phrase in longest_first:
        escaped = re.escape(phrase).replace(r"\{me\}", _ME).replace(r"\{my\}", _MY).replace(r"\ ", r"\s")
        patterns.append(rf"({escaped})")
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)"), tuple(found[phrase] for phrase in longest_first)


def _flat(text: str) -> str:
    """Lower case, plain apostrophes, hyphens as spaces, single spaces."""
    return " ".join(text.lower().replace("’", "'").replace("-", " ").split())


def spans(text: str) -> list[tuple[int, int, str]]:
    """Where a flat text names values by the wording lists: (start, end, value)."""
    pattern, values = _phrases()
    return [(*found.span(), values[(found.lastindex or 1) - 1]) for found in pattern.finditer(text)]


def named(text: str) -> set[str]:
    """The values that a message names, by the wording lists first and by the words of replies for what they leave."""
    return set(_named_in_order(_flat(text)))


def _named_in_order(flat: str) -> list[str]:
    rest, found = list(flat), []
    for start, end, value in spans(flat):
        found.append((start, value))
        rest[start:end] = "|" * (end - start)
    for value in mentions("".join(rest)):
        found.append((len(flat), value))
    return list(dict.fromkeys(value for _, value in sorted(found)))


@functools.cache
def _known_words() -> tuple[frozenset[str], tuple[str, ...]]:
    """Words that are no slips, and those by which attributes are named."""
    wording = {w for kinds in WORDING.values() for texts in kinds.values() for text in texts for w in _words(text)}
    frames = {w for texts in bank().values() for text in texts for w in _words(text)}
    fillers = {w for text in (*OPENERS, *CLOSERS, *COLORS, *THINGS) for w in _words(text)}
    return frozenset(wording | frames | fillers), tuple(sorted(w for w in wording if len(w) > 4))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", _flat(re.sub(r"\{\w+\}", " ", text)))


@functools.lru_cache(maxsize=4096)
def _mended(word: str) -> str:
    """A word with a slip of the fingers → the attribute word that was meant ("gloimy" → "gloomy")."""
    known, meant = _known_words()
    if len(word) < 4 or word in known:
        return word
    close = difflib.get_close_matches(word, meant, n=1, cutoff=0.8)
    return close[0] if close else word


def without_typos(text: str) -> str:
    """A message with slips in attribute words mended, flat."""
    return re.sub(r"[a-z']+", lambda found: _mended(found[0]), _flat(text))


def _core(flat: str) -> str:
    """A message without the openers and closers of the phrase bank: they may go or change."""
    for opener in sorted(OPENERS, key=len, reverse=True):
        if flat.startswith(_flat(opener) + " "):
            flat = flat[len(_flat(opener)) + 1 :]
            break
    for closer in sorted(CLOSERS, key=len, reverse=True):
        if flat.endswith(" " + _flat(closer)):
            return flat[: -len(_flat(closer)) - 1]
    return flat


# What a message does -------------------------------------------------------------------------------------------------
def _any(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)")


_NO = _any(
    r"no", r"not", r"never", r"none", r"nothing", r"neither", r"nor", r"without", r"nope", r"nah", r"naah?", r"stop\w*", r"quit", r"enough",
    r"(?:do|does|did|is|are|was|should|would|could|ca|wo|have|has)n'?t", r"cannot", r"anymore", r"no longer", r"rather not", r"pass",
    r"skip\w*", r"un\w+ed", r"hardly", r"leave (?:it|that)",
)  # fmt: skip
_TAKE = _any(  # words that take something away, and hardly ever do anything else
    r"remov\w+", r"los(?:e|ing)", r"drop\w*", r"ditch\w*", r"scrap\w*", r"delet\w+", r"eras\w+", r"get rid", r"rid of", r"undo\w*", r"revert\w*",
    r"take (?:\S+ ){1,4}(?:off|away|out|back)", r"take (?:off|away|out|back)", r"without", r"no more", r"forget\w*", r"cancel\w*", r"start(?:ing)? over",
    r"from scratch", r"go back", r"roll back", r"reset\w*", r"restor\w+", r"has to go", r"have to go", r"must go", r"should go", r"can go", r"discard\w*",
)  # fmt: skip
_OFF = re.compile("|".join((_TAKE.pattern, _NO.pattern, _any(
    r"off", r"away", r"gone", r"goes?", r"out", r"back", r"minus", r"clear\w*", r"shav\w+", r"razor", r"wip\w+", r"strip\w*", r"wash\w*", r"normal",
    r"original\w*", r"natural\w*", r"less", r"disregard\w*", r"never ?mind", r"tired of", r"kick", r"toss\w*", r"throw\w*", r"swap\w*", r"switch\w*",
    r"replac\w+", r"chang\w+", r"trad\w+", r"exchang\w+", r"instead", r"rather", r"prefer\w*", r"cut", r"dump", r"lay off", r"before", r"bye", r"goodbye",
    r"withdraw\w*", r"return\w*", r"as it was", r"was fine", r"hate", r"dislike", r"over", r"too much", r"smooth", r"bare", r"free",
).pattern)))  # fmt: skip
_STEPS: dict[str, re.Pattern[str]] = {  # the first that fits says which step a message means
    "redo": _any(
        r"redo\w*", r"re do", r"undo the undo", r"re ?appl\w+", r"forward", r"(?:put|bring|want|get|have) (?:\S+ )?(?:that|it|this|them) back", r"undid",
        r"undone", r"do (?:that|it) again", r"again", r"after all",
    ),
    "reset": _any(
        r"start\w*", r"scratch", r"square one", r"begin\w*", r"beginning", r"original\w*", r"untouched", r"unedited", r"(?:clean|blank) slate", r"all",
        r"everything", r"anew", r"afresh", r"fresh", r"reset\w*", r"raw", r"clear\w*", r"whole",
    ),
    "undo": _any(
        r"undo\w*", r"back", r"previous\w*", r"revert\w*", r"before", r"earlier", r"cancel\w*", r"revers\w+", r"roll\w*", r"return\w*", r"ctrl\+?z", r"ctrl z",
        r"\w* ?step\w*", r"last", r"rewind", r"scrap that", r"retract", r"take that back", r"withdraw",
    ),
}  # fmt: skip
_COUNTS = {"undo2": _any(r"two", r"twice", r"2", r"x2", r"2x", r"both", r"couple", r"once more", r"again", r"double"),
           "undo3": _any(r"three", r"3", r"x3", r"3x", r"thrice", r"triple")}  # fmt: skip
_LESS = _any(
    r"less", r"a (?:tiny |little |wee )?bit", r"(?<!more )little", r"slight\w*", r"subtl\w*", r"soft\w*", r"tone", r"toned", r"touch", r"hint", r"light(?:er|ly)?",
    r"tad", r"weak\w*", r"gentl\w*", r"reduc\w+", r"dial\w*", r"calm\w*", r"faint\w*", r"smidge\w*", r"too (?:much|strong)", r"tiny", r"small\w*", r"down", r"mild\w*",
    r"bit", r"over the top", r"trace", r"dash", r"not so", r"not too", r"barely", r"decreas\w+", r"just", r"only", r"kind of", r"half", r"lower", r"milder",
)  # fmt: skip
_MORE = _any(
    r"(?<!one )more", r"strong\w*", r"even", r"increas\w+", r"intens\w+", r"bigger", r"boost\w*", r"amp\w*", r"up", r"much", r"way", r"tons?", r"lots?", r"far", r"max\w*",
    r"super", r"extreme\w*", r"insanely", r"really", r"very", r"crank\w*", r"heav\w+", r"further", r"harder", r"extra", r"not enough", r"push", r"all the way", r"so",
    r"big", r"huge", r"total\w*", r"as \S+ as", r"most", r"ultra", r"full\w*", r"greater", r"deeper", r"thicker", r"louder", r"higher", r"stepped", r"stretch", r"pile", r"\w+er",
)  # fmt: skip
_NEW_DEGREE = _any(
    r"a (?:tiny |little |wee )?bit",
    r"slightly",
    r"a (?:touch|hint|tad|trace|dash) of",
    r"subtle",
    r"less",
    r"way more",
    r"much more",
    r"a lot more",
)
_QUESTION = re.compile(
    r"\?|^(?:what|which|who|how|can|could|do|does|did|is|are|am|would|should|will|have|has|any|where|when|why|so what|so which|tell me|explain|list|show me|remind|"
    r"give me a|i wonder|i'm not sure|i am not sure|i can't decide|i'm torn|not sure|either|help|hmm)\b"
)
_KEPT: dict[str, tuple[re.Pattern[str], str]] = {  # behaviour → words of which one must stay, if the original had one
    "off": (_OFF, "take something away"),
    "part_back": (_OFF, "take something back"),
    "it_off": (_OFF, "take something away"),
    "both_off": (_OFF, "take something away"),
    "clean_shaven": (_OFF, "take the beard away"),
    "no_mood": (_NO, "say that a mood should stop"),
    "no": (_NO, "say no"),
    "no_alt": (re.compile(rf"{_NO.pattern}|{_any('instead', 'rather', 'prefer', 'but', 'better', 'actually').pattern}"), "say no to the suggestion"),
    "correct": (re.compile(rf"{_NO.pattern}|{_any('wait', 'actually', 'rather', 'mean', 'meant', 'instead', 'sorry', 'scratch', 'make that', 'hold on', 'better', 'correction', 'oops', 'prefer').pattern}"), "correct itself"),
    "swap": (_OFF, "put one thing in place of another"),
    "keep_only": (_any("keep", "keeping", "leave", "only", "except", "but", "apart", "besides", "other than", "stays?", "just", "everything", "rest", "all", "save"), "keep one thing and let the rest go"),
    "hands_off": (re.compile(rf"{_NO.pattern}|{_any('keep', 'leave', 'stays?', 'alone', 'as it is', 'as is', 'only', 'just', 'fine', 'same').pattern}"), "say what must stay as it is"),
    "no_makeup_except": (re.compile(rf"{_OFF.pattern}|{_any('only', 'just', 'except', 'but', 'keep').pattern}"), "say what stays"),
    "both": (_any("both", "two", "all", "each", "and the other"), "say both"),
    "first": (_any("first", "former", "1st", "one", "1"), "say the first"),
    "second": (_any("second", "latter", "2nd", "two", "2", "last", "other"), "say the second"),
    "full_beard": (_any("full", "beard", "bearded"), "ask for a full beard"),
    "u_beard": (_any("beard", "bearded", "facial hair", "stubble", "whiskers"), "speak of a beard"),
    "u_dark": (_any(r"dark\w*", r"light\w*"), "say dark or light"),
    "bring_back": (_any("back", "again", "return", "restore", "re ?add", "miss", "bring"), "ask for something back"),
}  # fmt: skip
_ADDS = frozenset(
    {"request", "several", "degree", "yes", "yes_less", "yes_and", "yes_value", "it_more", "it_much", "it_less", "full_beard", "both", "first", "second"}
)  # fmt: skip
_UNSAID = frozenset(  # what they change is said elsewhere in the dialogue
    {"yes", "yes_less", "yes_and", "both", "first", "second", "it_more", "it_less", "it_much", "it_off", "both_off", "full_beard", "clean_shaven", *_STEPS, *_COUNTS}
)  # fmt: skip
_IDIOMS = re.compile(
    r"\b(?:why not|why don'?t (?:we|you|i)|(?:can|could|would|wo|is|are|do)n'?t (?:you|we|i|it) ?(?:think|agree|say)?|no problem|no worries|not bad|"
    r"if you don'?t mind|if that'?s not too \w+|why no|stop it|no doubt|not sure|nothing (?:fancy|else)|no rush)\b"
)
_META = re.compile(
    r"\b(?:reword\w*|rephras\w*|paraphras\w*|rewritten|utterance|as an? (?:ai|language model)|the (?:user|person) (?:wants|says|asks)|belief|"
    r"what this does|option \d|alternative(?:ly)?:|(?:here is|here's) (?:the|a|your|my|one) (?:\w+ )?(?:version|message|sentence|way)|"
    r"i (?:can't|cannot) (?:help|assist))|^(?:person|editor|user|assistant|answer|note|message|sure|output)\s?:|^(?:\d+[.)]|[-*•])\s",
    re.IGNORECASE,
)
_BRACES = re.compile(r"[{}<>\[\]|_`#\\*]|\bX{2,}\b|\.{3}\s*\w*\s*\.{3}|https?://")
_QUOTES = re.compile(r"[\"“”«»„]|(?<!\w)'[^']+'(?!\w)")
_WRAPPED = re.compile(r"\A[\"“«„](.*)[\"”»“]\Z", re.DOTALL)


def tidy(answer: str) -> str:
    """An answer without quotation marks around the whole of it, plain apostrophes, single spaces on a line."""
    lines = [" ".join(line.split()) for line in answer.replace("’", "'").replace("‘", "'").strip().splitlines()]
    text = "\n".join(line for line in lines if line)
    wrapped = _WRAPPED.match(text)
    return wrapped[1].strip() if wrapped and not _QUOTES.search(wrapped[1]) else text


def _plain(text: str) -> str:
    return re.sub(r"[^\w]+", " ", text.lower()).strip()


def step_of(flat: str) -> str | None:
    """Which step a flat message would mean: undo, redo, reset, or None."""
    return next((name for name, pattern in _STEPS.items() if pattern.search(flat)), None)


def faults(turn: Turn, before: Belief, answer: str, suggested: str | None = None) -> list[str]:
    """What is wrong with an answer as a rewording of ``turn``, as sentences; empty when nothing is. ``before`` is the belief
    before the turn, ``suggested`` the value that the last reply suggested."""
    original = turn.user or ""
    shape = _shape(original, answer)
    if shape:
        return shape
    behaviour = turn.behaviour or ""
    old, new = without_typos(original), _flat(answer)
    return _wrong_values(turn, before, old, new, suggested) + _wrong_deeds(behaviour, old, new)


def _shape(original: str, answer: str) -> list[str]:
    """Faults of form."""
    if not re.search(r"\w", answer):
        return ["There is no message in it."]
    found = []
    if "\n" in answer:
        found.append("It has more than one line.")
    if len(answer) > max(120, 3 * len(original)) or len(answer) > 400:
        found.append("It is much longer than the message.")
    if _META.search(answer) and not _META.search(original):
        found.append("It talks about the message instead of being one.")
    if _BRACES.search(answer) and not _BRACES.search(original):
        found.append("It contains signs that nobody says.")
    if _QUOTES.search(answer) and not _QUOTES.search(original):
        found.append("It contains quotation marks.")
    if is_foreign_script(answer):
        found.append("It is not in English.")
    if _plain(answer) == _plain(original):
        found.append("It is the same as the message.")
    elif any(_plain(answer) == _plain(example.reworded) for example in EXAMPLES):
        found.append("It is one of the examples.")
    try:
        clean(answer)
    except MessageError as error:
        found.append(str(error))
    return found


def _wrong_values(turn: Turn, before: Belief, old: str, new: str, suggested: str | None) -> list[str]:
    """Values that went missing, came in, or changed places."""
    behaviour, after = turn.behaviour or "", turn.belief
    added = {value for value in after if value not in before}
    removed = {value for value in before if value not in after}
    had, core, has = set(_named_in_order(old)), set(_named_in_order(_core(old))), set(_named_in_order(new))
    if "no smiling" in added and _OFF.search(new):  # "lose the grin" is how people ask for a straight face
        had, core, has = ({"no smiling" if v == "smiling" else v for v in values} for values in (had, core, has))
    if "no makeup" in added and _OFF.search(new) and re.search(r"make ?up", new):
        had, core, has = had | {"no makeup"}, core - {"heavy makeup"}, (has - {"heavy makeup"}) | {"no makeup"}
    unsaid = behaviour in _UNSAID or (suggested is not None and suggested in added and suggested not in had)
    found = []
    missing = core - has
    if not unsaid and not core & added:  # worded in a way that the lists do not know: named now, or much the same words
        kept = _content(old) & _content(new)
        missing |= {v for v in added - has if len(kept) * 2 < len(_content(old))}
    for value in in_order(missing):
        found.append(f"It no longer mentions {value}.")
    allowed = had | (set() if behaviour in _STEPS or behaviour in _COUNTS else added - {suggested} if unsaid else added)
    if behaviour in ("swap", "off", "part_back"):
        allowed |= removed
    for value in in_order(has - allowed):
        found.append(f"It mentions {value}, which the message does not.")
    if behaviour in ("either_or", "correct") and not found:
        order = [value for value in _named_in_order(old) if value in has]
        if order != [value for value in _named_in_order(new) if value in order]:
            found.append("It names the attributes in another order.")
    return found


def _wrong_deeds(behaviour: str, old: str, new: str) -> list[str]:
    """Words that take back, deny, ask or give a degree, and went missing or came in."""
    found = []
    bare_old, bare_new = (_IDIOMS.sub(" ", _without_values(text)) for text in (old, new))
    if behaviour in _STEPS or behaviour in _COUNTS:
        step = behaviour.rstrip("23")
        if step_of(bare_new) != step and step_of(new) != step:
            found.append(f"It does not clearly say to {'start over' if step == 'reset' else step}.")
        for name, pattern in _COUNTS.items():
            if (behaviour == name) != bool(pattern.search(new)) and (behaviour == name or not pattern.search(old)):
                found.append("It means another number of steps.")
    elif behaviour in _KEPT:
        pattern, what = _KEPT[behaviour]
        if pattern.search(old) and not pattern.search(new):
            found.append(f"It does not {what} any more.")
    elif not behaviour:  # a dialogue that does not say what its turns are
        if _TAKE.search(old) and not _OFF.search(new):
            found.append("It does not take back what the message takes back.")
        if bool(_NO.search(bare_old)) and not _OFF.search(new):
            found.append("It does not say no any more.")
    if not _OFF.search(_IDIOMS.sub(" ", old)) and _TAKE.search(bare_new):
        found.append("It takes something away, which the message does not.")
    if behaviour in _ADDS and not _NO.search(_IDIOMS.sub(" ", old)) and _NO.search(bare_new):
        found.append("It says no to something, which the message does not.")
    if behaviour in ("degree", "it_less", "it_more", "it_much", "yes_less"):
        for pattern, what in ((_LESS, "less"), (_MORE, "more")):
            if pattern.search(old) and not (_LESS if what == "more" else _MORE).search(old) and not pattern.search(new):
                found.append(f"It does not ask for {what} any more.")
    elif _NEW_DEGREE.search(bare_new) and not _LESS.search(old) and not _MORE.search(old):
        found.append("It says how much, which the message does not.")
    if (behaviour.startswith("q_") or behaviour in ("can_you_value", "either_or")) and not _QUESTION.search(new):
        found.append("It is not a question any more.")
    if behaviour in ("u_color", "u_thing"):
        things = {
            word
            for text in (COLORS if behaviour == "u_color" else THINGS)
            if _flat(text) in old
            for word in _content(text)
        }
        if things and not things & _content(new):
            found.append("It no longer says what is wanted.")
    return found


def _content(text: str) -> set[str]:
    return {word for word in _words(text) if len(word) > 3}


def _without_values(flat: str) -> str:
    """A flat message with the names of attributes blotted out ("no makeup" is not a no)."""
    for start, end, _ in reversed(spans(flat)):
        flat = f"{flat[:start]}it{flat[end:]}"
    return flat


# Files ---------------------------------------------------------------------------------------------------------------
class Journal:
    """A file of JSON lines that only grows. Every line is on the disk when ``append`` returns; what a cut-off run left of a
    line is skipped. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def read(self) -> list[dict[str, Any]]:
        """The whole lines that are there, oldest first."""
        if not self.path.exists():
            return []
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        found = []
        for line in lines:
            try:
                obj = json.loads(line) if line.strip() else None
            except ValueError:
                continue
            if isinstance(obj, dict):
                found.append(obj)
        return found

    def append(self, obj: Mapping[str, Any]) -> None:
        """Add a line. Raises OutputError."""
        line = json.dumps(obj, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        try:
            with self._lock, self.path.open("a+b", buffering=0) as file:
                if file.seek(0, os.SEEK_END):
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b"\n":  # a torn line: what follows it gets a line of its own
                        line = b"\n" + line
                file.write(line)
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"Nothing can be written to {self.path}: {error.strerror or error}.") from error


def read_folder(folder: Path) -> dict[str, list[Dialogue]]:
    """The dialogues of a data set, by split, in the order of the files. Raises DataError."""
    found = {name: folder / f"{name}.jsonl" for name in SPLITS if (folder / f"{name}.jsonl").is_file()}
    if not found:
        raise DataError(f"There is no data set in {folder} (none of {', '.join(f'{name}.jsonl' for name in SPLITS)}).")
    splits = {name: list(read_dialogues(path)) for name, path in found.items()}
    twice = [name for name, n in Counter(d.dialogue_id for ds in splits.values() for d in ds).items() if n > 1]
    if twice:
        raise DataError(f"The dialogue {twice[0]} is in {folder} twice.")
    return splits


class NewFolder:
    """A folder that is there whole or not at all: ``with NewFolder(out) as part`` fills ``part``, which then takes its name."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.part = out.absolute().with_name(f".{out.absolute().name}.part-{os.getpid()}")

    def __enter__(self) -> Path:
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise OutputError(f"{self.out} is there already and will not be overwritten. Choose another name.")
        try:
            shutil.rmtree(self.part, ignore_errors=True)
            self.part.mkdir(parents=True)
        except OSError as error:
            raise OutputError(f"{self.out} cannot be made: {error.strerror or error}.") from error
        return self.part

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                for path in self.part.rglob("*"):
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
                if self.out.exists():
                    self.out.rmdir()
                os.replace(self.part, self.out)
        except OSError as error:
            raise OutputError(f"{self.out} cannot be written: {error.strerror or error}.") from error
        finally:
            shutil.rmtree(self.part, ignore_errors=True)


def write_lines(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Objects as JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


# Asking --------------------------------------------------------------------------------------------------------------
@dataclass
class _Answers:
    """A model behind its journal of answers: what was asked before is not asked again."""

    client: Endpoint
    journal: Journal
    settings: Settings
    asked: int = 0
    known: dict[str, str] = field(default_factory=dict)
    locks: dict[str, threading.Lock] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for row in self.journal.read():
            if isinstance(row.get("key"), str) and isinstance(row.get("answer"), str):
                self.known[row["key"]] = row["answer"]

    def __call__(self, messages: list[Message]) -> str:
        """The answer; "" where the model had none or would not take this one request."""
        s = self.settings
        request = {
            "model": self.client.model,
            "messages": messages,
            "temperature": s.temperature,
            "max_tokens": s.max_tokens,
        }
        key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        with self.lock:
            one = self.locks.setdefault(key, threading.Lock())
        with one:  # the same request of another thread waits for the answer
            if key in self.known:
                return self.known[key]
            try:
                answer = self.client.chat(messages, temperature=s.temperature, max_tokens=s.max_tokens)
            except EndpointError as error:
                if error.kind == "empty" or (error.kind == "refused" and self.asked):
                    return ""
                raise
            self.journal.append({"key": key, "answer": answer})
            with self.lock:
                self.known[key] = answer
                self.asked += 1
            return answer


_AS_THEY_ARE = frozenset({"foreign", "injection"})  # other languages; messages that try to command a model


def reword_turn(
    dialogue_id: str,
    index: int,
    turn: Turn,
    conv: Conversation,
    system: str,
    ask: Callable[[list[Message]], str],
    settings: Settings,
    track: Track | None,
) -> tuple[Turn, dict[str, Any]]:
    """One user turn reworded, or as it was, and its line for paraphrases.jsonl. Verdicts: ``accepted``, ``retried`` (accepted
    at the second attempt), ``kept`` (both failed; ``why`` says how), ``skipped``."""
    original, before = turn.user or "", conv.state.belief
    row: dict[str, Any] = {"dialogue_id": dialogue_id, "turn": index, "original": original, "paraphrase": None}
    if turn.behaviour in _AS_THEY_ARE or is_foreign_script(original) or not re.search(r"[A-Za-z]", original):
        return turn, {**row, "verdict": "skipped"}
    messages = request_for(dialogue_id, index, turn, before, system, settings)
    why: list[str] = []
    for verdict in ("accepted", "retried"):
        raw = ask(messages)
        answer = tidy(raw)
        wrong = faults(turn, before, answer, conv.suggestion)
        if not wrong and track is not None and not _understood(track, conv, turn, answer):
            wrong = ["It is not clear enough: somebody else understood it differently."]
        row["paraphrase"] = answer
        if not wrong:
            row["verdict"] = verdict
            return replace(turn, user=answer, family=PREFIX + (turn.family or "none").removeprefix(PREFIX)), (
                {**row, "why": why} if why else row
            )
        why += wrong
        again = f"That will not do. {' '.join(wrong)} Reword the same message again, and answer with the message alone."
        messages = [*messages, {"role": "assistant", "content": raw or "…"}, {"role": "user", "content": again}]
    return turn, {**row, "verdict": "kept", "why": why}


def _understood(track: Track, conv: Conversation, turn: Turn, answer: str) -> bool:
    """Whether the tracker hears the same belief. One that does not hear it in the original either has no say."""
    try:
        return track(conv, answer).state.belief == turn.belief or (
            track(conv, turn.user or "").state.belief != turn.belief
        )
    except MessageError:
        return False


def follow(conv: Conversation, turn: Turn) -> Conversation:
    """The conversation after a turn of a file. Files do not say which steps were undone: the behaviour does, or else the
    steps that lead to the turn's belief where its words speak of one."""
    if turn.event is not None:
        after = conv.event(turn.event)
    else:
        steps = {
            "undo": ("undo",),
            "undo2": ("undo",) * 2,
            "undo3": ("undo",) * 3,
            "redo": ("redo",),
            "reset": ("reset",),
        }
        ops: tuple[str, ...] = steps.get(turn.behaviour or "", ())
        if not turn.behaviour and step_of(_flat(turn.user or "")):
            fitting = [o for o in steps.values() if conv.after_ops(o).state.belief == turn.belief != conv.state.belief]
            ops = fitting[0] if fitting else ()
        after = conv.hear(turn.user or "", Heard(state=_state(turn), ops=ops))
    if after.state.belief != turn.belief:  # the file has the last word
        after = replace(after, state=_state(turn))
    return after.reply(Spoken(turn.system, turn.act)) if turn.system and turn.act else after


def _state(turn: Turn) -> EditState:
    try:
        return EditState(turn.belief, tuple((turn.strength or {}).items()))
    except BeliefSyntaxError:
        return EditState(turn.belief)


def reword_dialogue(
    dialogue: Dialogue, ask: Callable[[list[Message]], str], settings: Settings, track: Track | None = None
) -> tuple[Dialogue, list[dict[str, Any]]]:
    """A dialogue reworded turn by turn (the tracker hears what was said so far in its new words), and its lines."""
    conv, turns, rows = Conversation(), list[Turn](), list[dict[str, Any]]()
    for index, turn in enumerate(dialogue.turns):
        new = turn
        if turn.user is not None:
            system = next((t.system for t in reversed(turns) if t.system), "")
            new, row = reword_turn(dialogue.dialogue_id, index, turn, conv, system, ask, settings, track)
            rows.append(row)
        conv = follow(conv, new)
        turns.append(new)
    return replace(dialogue, turns=tuple(turns)), rows


def paraphrase(
    folder: Path,
    out: Path,
    client: Endpoint,
    settings: Settings | None = None,
    *,
    track: Track | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Reword the user turns of a data set into a new folder; returns how many turns had which verdict.

    ``track`` is a tracker that must hear the same belief in the new words (it is called by one thread at a time). ``cache`` keeps
    the answers (default: ``OUT.answers.jsonl`` beside ``out``). Raises DataError, OutputError, EndpointError; the answers that
    were there by then are kept.
    """
    settings = settings or Settings()
    folder, out = Path(folder), Path(out)
    cache = Path(cache) if cache is not None else out.absolute().with_name(f"{out.absolute().name}.answers.jsonl")
    splits = read_folder(folder)
    tell = progress or (lambda share, stage: None)
    if track is not None:
        track = _one_at_a_time(track)
    total = sum(len(dialogues) for dialogues in splits.values())
    done, counts = 0, Counter[str]()
    with NewFolder(out) as part:
        ask = _Answers(client, Journal(cache), settings)
        rows: list[dict[str, Any]] = []
        pool = ThreadPoolExecutor(max_workers=max(1, settings.workers))
        try:
            for split, dialogues in splits.items():
                tell(done / max(1, total), split)
                futures = [pool.submit(reword_dialogue, dialogue, ask, settings, track) for dialogue in dialogues]
                for future in as_completed(futures):
                    future.result()
                    done += 1
                    tell(done / total, split)
                results = [future.result() for future in futures]
                write_dialogues((dialogue for dialogue, _ in results), part / f"{split}.jsonl")
                rows += [row for _, lines in results for row in lines]
        except EndpointError as error:
            kept = f"{len(ask.known)} answers are kept in {cache}; the same command goes on from there."
            raise EndpointError(f"{error} {kept}" if ask.known else str(error), error.kind) from None
        finally:
            pool.shutdown(cancel_futures=True)
        counts.update(row["verdict"] for row in rows)
        write_lines(rows, part / "paraphrases.jsonl")
        about = {
            "model": client.model,
            "settings": asdict(settings),
            "tracker": track is not None,
            "turns": dict(counts),
        }
        (part / "paraphrase.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return dict(counts)


def _one_at_a_time(track: Track) -> Track:
    lock = threading.Lock()

    def locked(conv: Conversation, text: str) -> Heard:
        with lock:
            return track(conv, text)

    return locked


__all__ = [
    "EXAMPLES", "INSTRUCTION", "PREFIX", "I2EditError", "Journal", "NewFolder", "Settings", "effect", "faults", "named", "paraphrase", "read_folder",
    "request_for", "reword_dialogue", "tidy",
]  # fmt: skip
