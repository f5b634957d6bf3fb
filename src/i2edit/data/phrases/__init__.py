"""The phrase bank, written by hand: bank/ (what is said), wording.py (how an attribute is called), talk.py (fillers),
replies.py (what the system says).

    bank/frames/CATEGORY.txt   sentence frames of a behaviour, one a line, filled from wording.py; "self: " lines are for the
                               person speaking, "other: " lines for somebody else
    bank/say/VALUE.txt         whole sentences that ask for one value
    more/                      as many again in the same layout, for training alone: the benchmark is not made of them
    splits.json                the families of validation and test; all others are training
    looks.txt, unseen.txt      for the face–text encoder (data/descriptions.py): more names of the values, and names held out from it

A family is one frame or one whole sentence. Its content words are those that carry meaning: neither function words nor the
words by which an attribute is called. Families whose content words overlap by more than 0.6 (shared words over all words of
the two) are of one kin and always in the same split, so a test family is new in its words, not only in its order of words.
``python -m i2edit.data.phrases`` brings splits.json up to date after the bank has changed (``--fresh``: splits it anew).
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from i2edit.data.phrases.wording import WORDING

FOLDER = Path(__file__).parent
SPLITS: tuple[str, ...] = ("train", "validation", "test")
SPLIT_SEED = 1  # part of the data's identity: another seed is another data set
SHARE = {"test": 0.12, "validation": 0.07}  # of the families of each category
OVERLAP = 0.6

# Words without content of their own. "not", "more" or "back" are not among them: they decide what is meant.
_FUNCTION_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "it",
        "its",
        "i",
        "me",
        "my",
        "mine",
        "myself",
        "you",
        "your",
        "yours",
        "he",
        "him",
        "his",
        "she",
        "her",
        "hers",
        "they",
        "them",
        "their",
        "we",
        "us",
        "our",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "do",
        "does",
        "did",
        "have",
        "has",
        "had",
        "having",
        "can",
        "could",
        "will",
        "would",
        "shall",
        "should",
        "may",
        "might",
        "must",
        "and",
        "or",
        "but",
        "if",
        "so",
        "as",
        "of",
        "to",
        "in",
        "on",
        "at",
        "for",
        "from",
        "with",
        "by",
        "about",
        "into",
        "onto",
        "up",
        "out",
        "than",
        "then",
        "there",
        "here",
        "what",
        "which",
        "who",
        "how",
        "i'm",
        "i'd",
        "i'll",
        "i've",
        "it's",
        "that's",
        "he's",
        "she's",
        "let's",
        "you're",
        "don't",
        "can't",
        "please",
        "pls",
        "plz",
        "just",
    ]
)


def family_id(category: str, frame: str) -> str:
    """A short stable name of a family: its category and a hash of its frame."""
    return f"{category}-{hashlib.sha1(frame.encode()).hexdigest()[:8]}"


@functools.cache
def bank(part: str = "bank") -> dict[str, tuple[str, ...]]:
    """Every category and its families: behaviours by name, and the whole sentences of each value as ``say VALUE``. ``part``: the
    folder, "bank" or "more"."""
    found: dict[str, tuple[str, ...]] = {}
    for folder, prefix in (("frames", ""), ("say", "say ")):
        for path in sorted((FOLDER / part / folder).glob("*.txt")):
            lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
            found[prefix + path.stem] = tuple(dict.fromkeys(line for line in lines if line))
    return found


@functools.cache
def families(split: str) -> dict[str, tuple[str, ...]]:
    """Category → the frames of a split, or of "more": those of "train" and of the folder more/ as far as they are no kin of a
    held-out family. Raises KeyError for an unknown split."""
    held = {split: frozenset(names) for split, names in _read_splits().items()}
    if split == "more":
        known, new = families("train"), unrelated(bank("more"))
        return {c: tuple(dict.fromkeys((*frames, *new.get(c, ())))) for c, frames in known.items()}
    if split == "train":
        out = held["validation"] | held["test"]
        return {c: tuple(f for f in frames if family_id(c, f) not in out) for c, frames in bank().items()}
    return {c: tuple(f for f in frames if family_id(c, f) in held[split]) for c, frames in bank().items()}


def _read_splits() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads((FOLDER / "splits.json").read_text(encoding="utf-8"))
    return found


@functools.cache
def _attribute_words() -> frozenset[str]:
    kinds = ("n", "np")
    return frozenset(w for wording in WORDING.values() for k in kinds for text in wording[k] for w in _words(text))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", re.sub(r"\{\w+\}|^(self|other): ", " ", text).lower())


def content_words(frame: str) -> frozenset[str]:
    """The words of a frame that carry its meaning."""
    return frozenset(w for w in _words(frame) if w not in _FUNCTION_WORDS and w not in _attribute_words())


def overlap(first: frozenset[str], second: frozenset[str]) -> float:
    """Shared content words over all content words of two frames; two frames without any are the same (1)."""
    return len(first & second) / len(first | second) if first | second else 1.0


def kin(frames: Iterable[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """(category, frame) pairs grouped so that two of different groups never overlap by more than OVERLAP."""
    pairs = list(frames)
    words = [content_words(frame) for _, frame in pairs]
    leader = list(range(len(pairs)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    holders: dict[str, list[int]] = {}
    for i, own in enumerate(words):
        candidates = {j for word in own or {""} for j in holders.get(word, ())}
        for j in candidates:
            if overlap(own, words[j]) > OVERLAP:
                leader[find(i)] = find(j)
        for word in own or {""}:
            holders.setdefault(word, []).append(i)
    groups: dict[int, list[tuple[str, str]]] = {}
    for i, pair in enumerate(pairs):
        groups.setdefault(find(i), []).append(pair)
    return list(groups.values())


def unrelated(frames: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The frames whose content words overlap with those of every held-out family by at most OVERLAP."""
    holders: dict[str, list[frozenset[str]]] = {}
    for split in SHARE:
        for held in families(split).values():
            for words in map(content_words, held):
                for word in words:
                    holders.setdefault(word, []).append(words)

    def new(frame: str) -> bool:
        own = content_words(frame)
        return all(overlap(own, other) <= OVERLAP for word in own for other in holders.get(word, ()))

    return {category: tuple(filter(new, some)) for category, some in frames.items()}


def kept_splits(old: dict[str, list[str]]) -> dict[str, list[str]]:
    """The held-out families of ``old`` that are still in the bank and have no kin outside their split. What a model may have learned
    from is never held out afterwards, so held-out families only become fewer."""
    of = {name: split for split, names in old.items() for name in names}
    held: dict[str, list[str]] = {split: [] for split in old}
    for group in kin((category, frame) for category, frames in bank().items() for frame in frames):
        names = [family_id(*pair) for pair in group]
        splits = {of.get(name) for name in names}
        if len(splits) == 1 and None not in splits:
            held[str(splits.pop())] += names
    return {split: sorted(names) for split, names in held.items()}


def make_splits() -> dict[str, list[str]]:
    """The held-out families of a new bank by kin and a seeded hash: in every category its share, at least two a split where there are
    kins enough; never a kin without content words or one that holds over a third of a category."""
    everything = bank()
    groups = kin((category, frame) for category, frames in everything.items() for frame in frames)
    count: dict[str, dict[str, int]] = {split: dict.fromkeys(everything, 0) for split in SHARE}
    held: dict[str, list[str]] = {split: [] for split in SHARE}

    def rank(group: list[tuple[str, str]]) -> str:
        name = min(family_id(*pair) for pair in group)
        return hashlib.sha256(f"{SPLIT_SEED}|{name}".encode()).hexdigest()

    def room(group: list[tuple[str, str]], split: str, factor: float) -> bool:
        for category in {c for c, _ in group}:
            size = sum(c == category for c, _ in group)
            target = max(2, round(SHARE[split] * len(everything[category])))
            if count[split][category] + size > factor * target or 3 * size > len(everything[category]):
                return False
        return True

    for group in sorted(groups, key=rank):
        if not content_words(group[0][1]):
            continue
        for split in SHARE:
            if room(group, split, 1.0):
                for category, frame in group:
                    count[split][category] += 1
                    held[split].append(family_id(category, frame))
                break
    return {split: sorted(names) for split, names in held.items()}


__all__ = [
    "SPLITS",
    "WORDING",
    "bank",
    "content_words",
    "families",
    "family_id",
    "kept_splits",
    "kin",
    "make_splits",
    "overlap",
    "unrelated",
]
