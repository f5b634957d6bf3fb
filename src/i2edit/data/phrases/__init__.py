"""The phrase bank, written by hand: wording.py (how an attribute is called), frames.py (what is said about it),
talk.py (turns that change nothing), replies.py (what the system says).

A family is one sentence frame or one whole sentence. Each family belongs to train, validation or test, by a seeded hash,
so that the sentences of the test split were never met in training.
"""

from __future__ import annotations

import functools
import hashlib

from i2edit.data.phrases.frames import FRAMES, family_id
from i2edit.data.phrases.talk import TALK
from i2edit.data.phrases.wording import WORDING

SPLITS: tuple[str, ...] = ("train", "validation", "test")
SPLIT_SEED = 1  # part of the data's identity: another seed is another data set
SHARE = 0.09  # of the families of a category go to validation, as many to test, at least one each


def _bank() -> dict[str, tuple[str, ...]]:
    """Every category and its families: frames, talk, and the whole sentences of each value (``say smiling`` …)."""
    bank = {**FRAMES, **TALK}
    for value, wording in WORDING.items():
        bank[f"say {value}"] = wording["say"]
    return bank


@functools.cache
def families(split: str) -> dict[str, tuple[str, ...]]:
    """Category → the frames of a split. Raises KeyError for an unknown split."""
    chosen: dict[str, tuple[str, ...]] = {}
    index = {"validation": 0, "test": 1, "train": 2}[split]
    for category, frames in _bank().items():
        ranked = sorted(
            dict.fromkeys(frames), key=lambda f: hashlib.sha256(f"{SPLIT_SEED}|{f.lower()}".encode()).hexdigest()
        )
        held = max(1, round(SHARE * len(ranked)))
        parts = (ranked[:held], ranked[held : 2 * held], ranked[2 * held :])
        chosen[category] = tuple(parts[index])
    return chosen


__all__ = ["FRAMES", "SPLITS", "TALK", "WORDING", "families", "family_id"]
