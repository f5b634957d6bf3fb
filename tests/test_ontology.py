"""The table of attributes, the belief and its text form, and the strengths beside it."""

from __future__ import annotations

import itertools
import random

import pytest

from i2edit.errors import DataError
from i2edit.ontology import EXCLUDES, SLOT_OF, SLOTS, VALUES, Belief, BeliefSyntaxError, EditState


def every_belief() -> list[Belief]:
    """Every belief that the ontology allows."""
    per_slot = []
    for values in SLOTS.values():
        options = []
        for size in range(len(values) + 1):
            for chosen in itertools.combinations(values, size):
                if not any(EXCLUDES[a] & set(chosen) for a in chosen):
                    options.append(chosen)
        per_slot.append(options)
    return [Belief(tuple(v for part in parts for v in part)) for parts in itertools.product(*per_slot)]


def test_table_is_the_papers() -> None:
    assert len(VALUES) == 23 and len(SLOTS) == 5
    assert SLOT_OF["rosy cheeks"] == "makeup"
    assert all(a in EXCLUDES[b] for a in VALUES for b in EXCLUDES[a])


def test_parse_inverts_text_for_every_belief() -> None:
    beliefs = every_belief()
    assert len(beliefs) > 10_000
    for belief in random.Random(0).sample(beliefs, 3000):
        assert Belief.parse(belief.text) == belief
        assert Belief.from_json(belief.to_json()) == belief


def test_text_form() -> None:
    assert Belief().text == "none" and not Belief()
    assert Belief.of("pale skin", "lipstick", "smiling").text == "expression: smiling; makeup: lipstick, pale skin"


@pytest.mark.parametrize(
    "first, then, left",
    [
        (("smiling",), "angry", {"angry"}),
        (("blond hair",), "black hair", {"black hair"}),
        (("wavy hair", "bangs"), "straight hair", {"straight hair", "bangs"}),
        (("bangs", "sideburns"), "receding hairline", {"sideburns", "receding hairline"}),
        (("mustache",), "goatee", {"mustache", "goatee"}),
        (("heavy makeup", "lipstick", "rosy cheeks", "earrings"), "no makeup", {"no makeup", "earrings"}),
        (("no makeup",), "lipstick", {"lipstick"}),
        (("no makeup",), "big lips", {"no makeup", "big lips"}),
    ],
)
def test_exclusions(first: tuple[str, ...], then: str, left: set[str]) -> None:
    assert set(Belief.of(*first).add(then)) == left


@pytest.mark.parametrize(
    "text",
    ["", "smiling", "expression smiling", "expression: grin", "beard: smiling", "expression: smiling, angry", "expression:",
     "expression: smiling; expression: sad", "makeup: lipstick, lipstick", "none; beard: goatee", "makeup: no makeup, lipstick"],
)  # fmt: skip
def test_malformed_text_is_an_error(text: str) -> None:
    with pytest.raises(BeliefSyntaxError):
        Belief.parse(text)


def test_malformed_objects_are_errors() -> None:
    for bad in ([], {"hair": ["bangs"]}, {"beard": []}, {"beard": "goatee"}, {"beard": [1]}):
        with pytest.raises(DataError):
            Belief.from_json(bad)


def test_removing_what_is_not_there_changes_nothing() -> None:
    assert Belief.of("bangs").remove("goatee") == Belief.of("bangs")
    with pytest.raises(BeliefSyntaxError, match="no attribute called 'beard'"):
        Belief().remove("beard")


def test_strengths_live_and_die_with_their_value() -> None:
    state = EditState.of("smiling", "lipstick").with_strength("smiling", 0.6)
    assert state.strength("smiling") == 0.6 and state.strength("lipstick") == 1.0
    assert EditState.from_json(state.to_json()) == state and hash(state) == hash(EditState.from_json(state.to_json()))
    assert state.with_belief(state.belief.add("angry")).strengths == ()
    assert state.with_strength("smiling", 9).strength("smiling") == 2.0
    assert state.with_strength("smiling", 1.0) == EditState.of("smiling", "lipstick")
    with pytest.raises(BeliefSyntaxError):
        state.with_strength("goatee", 1.2)
    with pytest.raises(BeliefSyntaxError):
        EditState.from_json({"belief": {"beard": ["goatee"]}, "strength": {"goatee": 5}})
