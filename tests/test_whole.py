"""Whole messages: what a line may say, and how its holes are filled."""

from __future__ import annotations

import random

import pytest

from i2edit.data import whole
from i2edit.data.phrases import content_words, families, overlap
from i2edit.data.simulate import BENCHMARK, TRAINING, simulate
from i2edit.errors import DataError
from i2edit.ontology import EXCLUDES, SLOT_OF, Belief


def filled(
    line: str, belief: Belief, suggestion: str | None = None, seed: int = 0
) -> tuple[str, tuple[str, ...]] | None:
    return whole.parse(line).filled(belief, suggestion, random.Random(seed))


def test_marks_come_in_the_order_of_the_line() -> None:
    text, marks = filled("less {b.n}, and {a} || less=b +a a:makeup", Belief.of("bangs")) or ("", ())
    assert marks[:3] == ("<change>", "<less>", "<=bangs>")
    assert marks[3].startswith("<+") and SLOT_OF[marks[3][2:-1]] == "makeup"
    assert "{" not in text


def test_values_in_the_text_itself() -> None:
    assert filled("ashes on my head, no caterpillar || +gray_hair -mustache", Belief.of("mustache")) == (
        "ashes on my head, no caterpillar", ("<change>", "<+gray hair>", "<-mustache>"),
    )  # fmt: skip


def test_a_named_thing_asks_for_nothing() -> None:
    _, marks = filled("my aunt has {a} || none ~a", Belief()) or ("", ())
    assert marks == ("<none>",)


@pytest.mark.parametrize("seed", range(30))
def test_wishes_never_exclude_each_other_or_what_stays(seed: int) -> None:
    found = filled("{a}, {b}, and less {c.n} || +a +b less=c", Belief.of("mustache", "blond hair"), seed=seed)
    assert found is not None
    a, b = (mark[2:-1] for mark in found[1] if mark.startswith("<+"))
    c = next(mark[2:-1] for mark in found[1] if mark.startswith("<="))
    assert not EXCLUDES[a] & {b, c} and not EXCLUDES[b] & {c}


@pytest.mark.parametrize("seed", range(30))
def test_yes_takes_the_suggestion_and_nothing_against_it(seed: int) -> None:
    found = filled("yes, and {a} || yes +a", Belief(), "blond hair", seed)
    assert found is not None
    assert found[1][1] == "<+blond hair>"
    assert SLOT_OF[found[1][2][2:-1]] != "hair color"


def test_an_answer_needs_a_suggestion() -> None:
    assert filled("go on || yes", Belief()) is None
    assert filled("go on || yes", Belief.of("bangs"), "bangs") is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("no bars", "needs a text"),
        ("{a} || +b", r"names \['a'\]"),
        ("fire || +flames", "no value called 'flames'"),
        ("{a} || none +a", "for nothing"),
        ("{a} {x} || +a", "unknown braces"),
        ("{a} || +a twice", "'twice' means nothing"),
    ],
)
def test_what_is_wrong_with_a_line(line: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        whole.parse(line)


def test_every_line_reads_and_none_is_kin_of_a_held_out_family() -> None:
    lines = whole.read()
    assert len(lines) > 1000
    held = [content_words(f) for split in ("validation", "test") for fs in families(split).values() for f in fs]
    for line in lines[::40]:
        own = content_words(line.text)
        assert all(overlap(own, words) <= 0.6 for words in held if own or words)


def test_training_hears_whole_messages_and_nobody_else() -> None:
    heard = {turn.behaviour for d in simulate(60, 1, "more", TRAINING) for turn in d.turns}
    assert "whole" in heard
    for policy in (TRAINING, BENCHMARK):
        assert "whole" not in {turn.behaviour for d in simulate(60, 1, "test", policy) for turn in d.turns}
