"""Does a message read like something that people say? Guards against changes heard in what is no wish at all.

In: a cleaned message (``prompts.clean``), the known words, how sure the model was that something is asked for. Out: None, or
why the change is not believed. A network trained on what people say hears something in anything: keyboard mashing, base64,
JSON, commands to a chatbot. The bounds were chosen on simulated validation dialogues (1 353 turns, typing noise included)
and on other such messages than the tests have: there they take back 382 of 399 wrong changes and 4 of 921 right ones.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Set
from difflib import get_close_matches

from i2edit.data import phrases
from i2edit.data.phrases.wording import WORDING
from i2edit.dialogue.check import mentions

KNOWN = 0.3  # least share of the letters and signs that known words must cover, near misses included
LETTERS = 0.7  # least share of letters among all signs, unless an attribute is named
SURE = 0.8  # least probability that something is asked for, unless an attribute is named
NEAR = 0.79  # similarity (difflib's ratio) of a typing error to the word that was meant

_WORD = re.compile(r"[^\W\d_]+")
_SIGNS = frozenset(".,!?'\"-")  # of ordinary writing
# Speaks of instructions that are not the person's own ("undo my last instruction" is a wish).
_TO_A_MACHINE = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b(?:(?!\bmy\b)[^.!?]){0,40}"
    r"\b(?:instructions?|rules|prompts?|guidelines|programming|directives)\b",
    re.IGNORECASE,
)

# A chatbot is spoken to, or it is code. Nothing of this is believed where no attribute is named.
_CHATBOT = re.compile(
    r"\b(?:you are (?:now |only )?(?:an? )?(?:ai|dan|bot|chatbot|assistant|(?:large )?language model)|(?:as|i am) (?:an ai|your "
    r"(?:developer|creator|admin\w*|owner))|system prompt|api key|jailbreak\w*|(?:developer|admin|debug) mode|from now on|(?:answer|respond|"
    r"reply) (?:only|in)|act as an?)\b|^ *(?:assistant|human|system|user|ai) *:",
    re.IGNORECASE | re.MULTILINE,
)
_CODE = re.compile(
    r"traceback \(|\bfile \"[^\"]*\", line \d|\b(?:rm -r|sudo|drop table|select \S+ from|insert into|curl http|chmod|import \w+ as)\b|"
    r"</?\w+[^<>]*>|\bdef \w+\(|\w\(\)|[=!]=|=>|&&|\$\(|\{\s*[\"']|; *--|\[(?:unk|pad|cls|sep|mask)\]|translate dialogue to",
    re.IGNORECASE,
)

_OVER_AND_OVER = re.compile(r"(\S.{8,}?)\1\1")


def doubt(text: str, pieces: Set[str], sure: float) -> str | None:
    """Why a change heard in ``text`` is not believed: "words", "signs", "machine" or "unsure"; None where it is. ``pieces``: words
    that the tokenizer has whole."""
    if _known_share(text, pieces) < KNOWN:
        return "words"
    if mentions(text):
        return None
    signs = [sign for sign in text if not sign.isspace()]
    if sum(sign.isalpha() for sign in signs) < LETTERS * len(signs):
        return "signs"
    if _CHATBOT.search(text) or _CODE.search(text) or _OVER_AND_OVER.search(text):
        return "machine"
    return "unsure" if sure < SURE else None


def to_a_machine(text: str) -> bool:
    """Whether a message orders a machine to forget its instructions; there is no step back in that."""
    return bool(_TO_A_MACHINE.search(text))


def _known_share(text: str, pieces: Set[str]) -> float:
    words = _WORD.findall(text.lower())
    total = sum(not sign.isspace() and sign not in _SIGNS for sign in text)
    lexicon = _lexicon()
    strange = [word for word in words if len(word) > 1 and word not in pieces and word not in lexicon]
    known = sum(map(len, words)) - sum(map(len, strange)) - sum(len(w) == 1 and w not in "ai" for w in words)
    if known < KNOWN * total:  # typing errors are looked up only where they decide
        known += sum(len(word) for word in strange if _near_miss(word))
    return known / max(1, total)


@functools.cache
def _lexicon() -> frozenset[str]:
    """The words of the phrase bank, apart from what is held out for validation and test."""
    parts = (phrases.families("train"), phrases.bank("more"))
    frames = (frame for part in parts for frames in part.values() for frame in frames)
    names = (name for wording in WORDING.values() for names in wording.values() for name in names)
    text = " ".join(re.sub(r"\{.*?\}", " ", line) for line in (*frames, *names)).lower()
    return frozenset(word for word in _WORD.findall(text) if len(word) > 1)


@functools.cache
def _by_letter() -> dict[str, list[str]]:
    """The longer words by their first letter, which people rarely get wrong."""
    found: dict[str, list[str]] = {}
    for word in sorted(_lexicon()):
        if len(word) >= 4:
            found.setdefault(word[0], []).append(word)
    return found


@functools.lru_cache(4096)
def _near_miss(word: str) -> bool:
    close = [known for known in _by_letter().get(word[0], ()) if abs(len(known) - len(word)) <= 2]
    return len(word) >= 4 and bool(get_close_matches(word, close, 1, NEAR))


__all__ = ["doubt", "to_a_machine"]
