"""Is a reply true? It may name as done only what was made or taken back, and must admit what failed.

In: a reply, its act, the outcome. Out: True or False. The words by which replies name values are few and known (the model
learned them from data/phrases/replies.py), so this is a plain search.
"""

from __future__ import annotations

import re

from i2edit.data.phrases import replies
from i2edit.ontology import VALUES, Belief
from i2edit.records import Act, Outcome

_WORDS: dict[str, str] = {
    "smiling": r"(?<!not )smiling|a smile|the smile|grin|laugh", "angry": r"angry|\banger|scowl|furious", "sad": r"\bsad\b|gloomy|frown",
    "no smiling": r"straight face|not smiling|neutral|serious", "brown hair": r"\bbrown\b|brunette", "blond hair": r"blonde?\b|golden",
    "black hair": r"\bblack\b|raven", "gray hair": r"\bgr[ae]y\b|silver", "straight hair": r"straight hair|\bstraight\b(?! face)",
    "wavy hair": r"wavy|curl|\bwaves", "receding hairline": r"receding|hairline", "sideburns": r"sideburn|mutton", "bangs": r"\bbangs|fringe",
    "mustache": r"mo?ustache", "goatee": r"goatee|chin beard", "no makeup": r"bare face|no makeup", "heavy makeup": r"heavy makeup|full glam",
    "lipstick": r"lipstick", "earrings": r"earring", "bushy eyebrows": r"eyebrow|\bbrows\b", "big lips": r"big lips|fuller lips|plump",
    "rosy cheeks": r"rosy|blush|cheeks", "pale skin": r"\bpale\b|paler",
}  # fmt: skip
_PATTERNS = {value: re.compile(pattern, re.IGNORECASE) for value, pattern in _WORDS.items()}
_FAILURE = re.compile(
    r"sorry|couldn't|could not|didn't|did not|unfortunately|can't|cannot|unable|not possible|beyond me|wouldn't|won't|failed|"
    r"refused|no luck|my apologies|regrettably|i'm afraid|not come out",
    re.IGNORECASE,
)
_CLAIM = re.compile(
    r"\bdone\b|finished|here you go|there you go|i've added|i added|\bi gave|updated|changed it|\bi made (?!no)|coming right up|"
    r"\bhere is|here it is|this is it|\bthere it is|here's how|now you see|that's [^.!?]* for you|is my command|"
    r"i've removed|i took|is gone|gone:|i dropped|without [^.!?]* now|softer now|stronger now|toned it|turned it",
    re.IGNORECASE,
)
# Words of sentences that take something back (every line of bank/replies/removed.txt and both.txt has one).
_REMOVAL = re.compile(
    r"remov|\btook|\btaken|\boff\b|gone|without|drop|\bback\b|undid|undone|undo|revers|revert|withdr|eras|clear|\blost|\blose|no more|"
    r"no longer|\baway|\bout\b|farewell|goodbye|instead|replac|rather than|made way|swap|traded|exchanged|switched|\bfrom\b|in place of|"
    r"took over|room for|\bnot\b|former|strip|delet|lift|disappear|vanish|cancel|free of|rid of|retire|discard|wiped|history|minus|shed|"
    r"departed|parted|peeled|\bcut|ended|rolled|restor|return|earlier|previous|before|subtract|scrapp|put aside|so long|unmade|leave|"
    r"ditch|bye",
    re.IGNORECASE,
)
_RETURNED = re.compile(r"\b(?:restored|returned|brought back)((?: [\w'-]+){1,3})", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?]+[.!?]*")


# Whole openings that say that something was done, whatever their words.
_CLAIMING = (
    *replies.DONE, *replies.UNDONE, *replies.REDONE, *replies.RESET, *replies.DEGREE_LESS, *replies.DEGREE_MORE,
)  # fmt: skip


def claims(text: str) -> bool:
    """Whether a text says that an edit was made or taken back."""
    return text.startswith(_CLAIMING) or bool(_CLAIM.search(text))


def mentions(text: str) -> set[str]:
    """The values that a text names."""
    return {value for value in VALUES if _PATTERNS[value].search(text)}


def _stammers(text: str) -> bool:
    """Whether a word of some length comes three times: "the smile, sorry, not the smile and the smile"."""
    words = re.findall(r"[a-z]{5,}", text.lower())
    return any(words.count(word) > 2 for word in words)


def is_true(text: str, act: Act, outcome: Outcome, belief: Belief, ops: tuple[str, ...] = ()) -> bool:
    """Whether the reply may be said after this outcome."""
    if not text or text[-1] not in ".!?" or len(text) > 300 or "{" in text or _stammers(text):
        return False
    made, failed, removed = set(outcome.made), set(outcome.failed), set(outcome.removed)
    if act.type in ("answer", "cannot"):  # lists what is possible or what is there; it must not claim an edit
        claims_edit = claims(text) and not (made or removed or ops)
        lists_state = (
            re.search(r"so far|\bactive|at the moment|we have|currently|right now|your edits", text, re.IGNORECASE)
            is not None
        )
        return (
            not claims_edit
            and not (lists_state and mentions(text) - set(belief))
            and (not failed or act.type == "cannot")
        )
    allowed = made | failed | removed | ({act.value} if act.value else set())
    if mentions(text) - allowed:
        return False
    if act.value and act.value not in mentions(text):
        return False
    if act.type in ("request", "suggest") and "?" not in text:
        return False
    changed = bool(made or removed or ops)
    if not changed and claims(text):
        return False
    admitted = False
    for sentence in _SENTENCE.findall(text):
        if mentions(sentence) & (removed - made - {act.value}) and not _REMOVAL.search(sentence):
            return False  # what was taken back must not be told as if it had been made
        returned = _RETURNED.search(sentence)
        if returned and mentions(returned[1]) & (removed - made):
            return False  # "I've restored bangs" says that they are there again
        named = mentions(sentence) - ({act.value} if act.value and sentence.rstrip().endswith("?") else set())
        for clause in (
            re.split(r",? but (?:sorry|unfortunately)|[:;]", sentence)
            if named & failed and named & made
            else [sentence]
        ):
            here = mentions(clause) & (made | failed)
            if here & failed:
                if not _FAILURE.search(sentence):
                    return False
                admitted = True
            elif here & made and _FAILURE.search(clause):
                return False
    if failed and not made and not removed and claims(_FAILURE.split(text)[0]):
        return False
    return not failed or (admitted and failed <= mentions(text))
