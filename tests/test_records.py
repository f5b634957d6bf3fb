"""Dialogues as JSON lines: the paper's own sample survives, malformed files say where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i2edit.errors import DataError
from i2edit.ontology import Belief
from i2edit.records import Act, Dialogue, Outcome, Turn, check_event, read_dialogues, write_dialogues

SAMPLE = {
    "dialogue_id": "i2e-00001",
    "image_id": "seed:6001",
    "turns": [
        {"user": "Please try to look pale.", "belief": {"makeup": ["pale skin"]}, "act": {"type": "next"},
         "system": "Done. What else do you want to manipulate?"},
        {"event": {"type": "remove", "value": "pale skin"}, "belief": {}},
        {"user": "Make her angry.", "belief": {"expression": ["angry"]}, "act": {"type": "request", "slot": "makeup"},
         "system": "It's done. Do you want to manipulate the makeup?", "strength": {"angry": 0.6}},
    ],
}  # fmt: skip


def test_round_trip(tmp_path: Path) -> None:
    dialogue = Dialogue.from_json(SAMPLE)
    assert dialogue.to_json() == SAMPLE
    assert write_dialogues([dialogue, dialogue], tmp_path / "d.jsonl") == 2
    assert list(read_dialogues(tmp_path / "d.jsonl")) == [dialogue, dialogue]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    bad = json.loads(json.dumps(SAMPLE))
    bad["turns"][2]["belief"] = {"expression": ["grinning"]}
    path.write_text(json.dumps(SAMPLE) + "\n\n" + json.dumps(bad) + "\n")
    with pytest.raises(DataError, match=r"line 3: Dialogue i2e-00001, turn 2: .*grinning"):
        list(read_dialogues(path))
    path.write_text("{")
    with pytest.raises(DataError, match="line 1 is not JSON"):
        list(read_dialogues(path))
    with pytest.raises(DataError, match="no dialogue file"):
        list(read_dialogues(tmp_path / "missing.jsonl"))


@pytest.mark.parametrize(
    "act",
    [{"type": "hello"}, {"type": "request"}, {"type": "suggest", "slot": "beard"}, {"type": "next", "slot": "beard"},
     {"type": "suggest", "slot": "beard", "value": "bangs"}, {"slot": "beard"}],
)  # fmt: skip
def test_malformed_acts(act: dict[str, str]) -> None:
    with pytest.raises(DataError):
        Act.from_json(act)


def test_acts_round_trip() -> None:
    for act in (Act("next"), Act("request", "beard"), Act.suggest("bangs"), Act("answer"), Act("cannot")):
        assert Act.from_json(act.to_json()) == act


def test_events_are_checked() -> None:
    assert check_event({"type": "set", "value": "bangs", "strength": 0.5}) == {
        "type": "set",
        "value": "bangs",
        "strength": 0.5,
    }
    for bad in ({"type": "jump"}, {"type": "set"}, {"type": "strength", "value": "bangs"}, {"type": "set", "value": "hat"},
                {"type": "strength", "value": "bangs", "strength": 7}, "undo"):  # fmt: skip
        with pytest.raises(DataError):
            check_event(bad)


def test_a_turn_has_words_or_a_button() -> None:
    with pytest.raises(DataError):
        Turn(belief=Belief())
    with pytest.raises(DataError):
        Turn(belief=Belief(), user="hi", event={"type": "undo"})


def test_outcome() -> None:
    outcome = Outcome(made=("bangs",), removed=("goatee",))
    assert Outcome.from_json(outcome.to_json()) == outcome
    with pytest.raises(DataError):
        Outcome(made=("a hat",))
