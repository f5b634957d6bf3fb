"""How good are the replies? Corpus BLEU, Distinct both ways, acts, and the two floors that any model must beat.

In: gold and predicted dialogues (aligned as in tracking.py). Out: plain dicts (``response_scores``, ``floors``). Needs
sacrebleu, and for the floors scikit-learn: the extra "eval".

    response_scores(read_checked(gold), read_checked(pred))["bleu"]
    floors(read_checked(gold), Path("train.jsonl"))["copy_nearest"]["bleu"]

The floors know the gold act, which a model has to guess (`i2edit track --gold-acts` tells it to the shipped model, for a comparison on equal
terms); neither looks at the gold reply.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from i2edit.data.stats import Tally, words
from i2edit.errors import DataError, I2EditError
from i2edit.metrics.tracking import Row, align
from i2edit.records import Act, Dialogue, Turn, read_dialogues

CHUNK = 256  # contexts compared with all of training at once


def response_scores(gold: Sequence[Dialogue], pred: Sequence[Dialogue]) -> dict[str, Any]:
    """BLEU (0 to 100) with its signature, Distinct and act scores (0 to 1) of the predicted replies; higher is better.

    A turn without a predicted reply counts as an empty reply, an extra reply as one that nothing in the reference is
    like. User turns whose gold reply is not given are left out and counted (``without_reference``).
    """
    rows = [row for dialogue in align(gold, pred) for row in dialogue]
    judged = [row for row in rows if row.gold is None or row.gold.system is not None]
    references = [(row.gold.system if row.gold is not None else None) or "" for row in judged]
    said = [(row.pred.system if row.pred is not None else None) or "" for row in judged]
    score, signature = bleu(said, references) if any(references) else (None, None)
    return {
        "bleu": score,
        "bleu_signature": signature,
        **distinct(pred),
        **{f"reference_{name}": share for name, share in distinct(gold).items()},
        **act_scores(rows),
        "replies": len(judged),
        "without_reference": len(rows) - len(judged),
    }


def bleu(said: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Corpus BLEU with sacrebleu's defaults, one reference each, and the signature that says which. Raises I2EditError
    when sacrebleu is missing."""
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise I2EditError("BLEU needs sacrebleu. Please install it: pip install 'i2edit[eval]'.") from error
    metric = BLEU()
    score = metric.corpus_score(list(said), [list(references)]).score
    return float(score), str(metric.get_signature())


def distinct(dialogues: Sequence[Dialogue]) -> dict[str, float]:
    """Share of distinct 1- and 2-grams of lower-cased words in the replies: the mean over dialogues
    (``distinct_1_dialogue``; dialogues without any n-gram have none) and over all replies together
    (``distinct_1_corpus``)."""
    tally = Tally()
    for dialogue in dialogues:
        tally.add(dialogue)
    counted = tally.to_json()
    return {f"distinct_{n}_{over}": counted[f"distinct_{n}_{over}"] for over in ("dialogue", "corpus") for n in (1, 2)}


def act_scores(rows: Sequence[Row]) -> dict[str, Any]:
    """Share of turns with the right type of act, and of those whose gold act has a slot, with that slot. None where no
    act is given on one side; a turn without one counts as wrong when the prediction gives acts elsewhere."""
    acts = [
        (row.gold.act if row.gold is not None else None, row.pred.act if row.pred is not None else None)
        for row in rows
        if (row.gold is None and row.pred is not None and row.pred.act is not None)  # an extra turn
        or (row.gold is not None and row.gold.act is not None)
    ]
    slots = [(gold, pred) for gold, pred in acts if gold is not None and gold.slot is not None]
    given = any(pred is not None for _, pred in acts) and any(gold is not None for gold, _ in acts)
    types_right = sum(gold is not None and pred is not None and gold.type == pred.type for gold, pred in acts)
    slots_right = sum(gold is not None and pred is not None and gold.slot == pred.slot for gold, pred in slots)
    return {
        "act_accuracy": types_right / len(acts) if given else None,
        "slot_accuracy": slots_right / len(slots) if given and slots else None,
        "act_turns": len(acts) if given else 0,
        "slot_turns": len(slots) if given else 0,
    }


# Floors ---------------------------------------------------------------------------------------------------------------
def floors(gold: Sequence[Dialogue], train: Path, seed: int = 0) -> dict[str, dict[str, Any]]:
    """BLEU and Distinct of the two floors: ``random_reply`` and ``copy_nearest``."""
    found = {}
    for name, copied in (
        ("random_reply", random_reply(gold, train, seed)),
        ("copy_nearest", copy_nearest(gold, train)),
    ):
        scores = response_scores(gold, copied)
        found[name] = {key: scores[key] for key in scores if key.startswith(("bleu", "distinct"))}
    return found


def random_reply(gold: Sequence[Dialogue], train: Path, seed: int = 0) -> list[Dialogue]:
    """Every reply drawn from the training replies with the gold act: the same type, slot and value, or where training
    has no such reply, the same type and slot, the same type, any."""
    pools: dict[tuple[str | None, ...], list[str]] = {}
    for turn in read_replies(train):
        for key in _keys(turn.act):
            pools.setdefault(key, []).append(turn.system or "")
    rng = random.Random(seed)
    return _with_replies(
        gold, [rng.choice(next(pools[key] for key in _keys(turn.act) if key in pools)) for turn in _user_turns(gold)]
    )


def _keys(act: Act | None) -> list[tuple[str | None, ...]]:
    """An act from its narrowest description to the widest, which every act has."""
    if act is None:
        return [()]
    return [(act.type, act.slot, act.value), (act.type, act.slot), (act.type,), ()]


def copy_nearest(gold: Sequence[Dialogue], train: Path) -> list[Dialogue]:
    """Every reply copied from the training turn whose context (words of the user, and the act) is nearest by the cosine
    of TF-IDF vectors; of equally near ones, the first. Raises I2EditError when scikit-learn is missing."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise I2EditError("This floor needs scikit-learn. Please install it: pip install 'i2edit[eval]'.") from error
    import numpy as np

    known, asked = read_replies(train), _user_turns(gold)
    vectorizer = TfidfVectorizer(analyzer=context, dtype=np.float32)
    table = vectorizer.fit_transform(known).T.tocsr()  # [words, training turns], columns of length 1
    nearest: list[int] = []
    for begin in range(0, len(asked), CHUNK):
        queries = vectorizer.transform(asked[begin : begin + CHUNK])  # [turns, words], rows of length 1
        nearest += (queries @ table).toarray().argmax(1).tolist()
    return _with_replies(gold, [known[index].system or "" for index in nearest])


def context(turn: Turn) -> list[str]:
    """What a reply answers to, as words: those of the user, and one for each part of the act.

    >>> from i2edit.ontology import Belief
    >>> context(Turn(Belief(), "A beard?", act=Act("request", "beard")))
    ['a', 'beard', 'act: request', 'slot: beard']
    """
    act = turn.act.to_json() if turn.act is not None else {}
    names = {"type": "act", "slot": "slot", "value": "value"}
    return [*words(turn.user or ""), *(f"{names[key]}: {text}" for key, text in act.items())]


def read_replies(train: Path) -> list[Turn]:
    """The user turns of a training file that have a reply. Raises DataError if there are none."""
    turns = [
        turn for dialogue in read_dialogues(train) for turn in dialogue.turns if turn.user is not None and turn.system
    ]
    if not turns:
        raise DataError(f"There is no reply in {train}.")
    return turns


def _user_turns(dialogues: Sequence[Dialogue]) -> list[Turn]:
    return [turn for dialogue in dialogues for turn in dialogue.turns if turn.user is not None]


def _with_replies(gold: Sequence[Dialogue], texts: Sequence[str]) -> list[Dialogue]:
    """The gold dialogues with these replies to their user turns, in order, and no others; the acts are left out."""
    left = iter(texts)
    return [
        replace(
            dialogue,
            turns=tuple(
                replace(turn, system=next(left) if turn.user is not None else None, act=None) for turn in dialogue.turns
            ),
        )
        for dialogue in gold
    ]


__all__ = [
    "act_scores",
    "bleu",
    "context",
    "copy_nearest",
    "distinct",
    "floors",
    "random_reply",
    "read_replies",
    "response_scores",
]
