"""Tracking a file and its metrics: histories rebuilt right, figures against numbers counted by hand and outside
references."""

from __future__ import annotations

import builtins
import doctest
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2edit.bench import table3
from i2edit.data.simulate import BENCHMARK, TRAINING, simulate
from i2edit.dialogue import Conversation, Heard, Spoken
from i2edit.dialogue.history import hear_marks
from i2edit.dialogue.tracking import gold_conversations, implied_outcome, read_checked, track_file
from i2edit.errors import DataError, I2EditError, MessageError, OutputError
from i2edit.metrics import response, tracking
from i2edit.metrics.response import copy_nearest, distinct, floors, random_reply, response_scores
from i2edit.metrics.tracking import align, errors_by_behaviour, interval, tracking_scores
from i2edit.ontology import Belief, EditState
from i2edit.records import Act, Dialogue, Outcome, Turn, read_dialogues, write_dialogues


def turn(user: str, *values: str, system: str | None = None, act: Act | None = None, **more: Any) -> Turn:
    return Turn(Belief.of(*values), user, system=system, act=act, **more)


def event(kind: str, *values: str, **more: Any) -> Turn:
    return Turn(Belief.of(*values), event={"type": kind, **more})


def dialogue(name: str, *turns: Turn) -> Dialogue:
    return Dialogue(name, "seed:1", turns)


def stacks(conv: Conversation) -> tuple[str, list[str], list[str]]:
    """The belief, and the beliefs of the undo and redo stacks, oldest first."""
    return (
        conv.state.belief.text,
        [state.belief.text for state in conv.undo_stack],
        [state.belief.text for state in conv.redo_stack],
    )


def last(*turns: Turn) -> Conversation:
    """The conversation after these turns."""
    *_, conv = gold_conversations(dialogue("a", *turns, turn("and now?")))
    return conv


@dataclass
class Scripted:
    """A tracker that hears ``values`` of its script and refuses what is longer than ``limit``; it keeps what it was
    asked."""

    script: dict[str, tuple[str, ...]] = field(default_factory=dict)
    limit: int = 60
    asked: list[tuple[Conversation, str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def track_many(self, pairs: Sequence[tuple[Conversation, str]]) -> list[Heard]:
        for conv, text in pairs:
            for said in (text, *(one.user or "" for one in conv.turns)):
                if len(said) > self.limit:
                    raise MessageError(f"The message has {len(said)} characters.")
        self.sizes.append(len(pairs))
        self.asked += pairs
        return [Heard(conv.state.with_belief(conv.state.belief.add(*self.script.get(t, ())))) for conv, t in pairs]

    def respond(self, conv: Conversation, heard: Heard, outcome: Outcome) -> Spoken:
        assert conv.state == heard.state
        self.outcomes.append(outcome)
        return Spoken(f"Heard {conv.turns[-1].user!r}.", Act("next"))

    def respond_many(self, turns: Sequence[tuple[Conversation, Heard, Outcome]]) -> list[Spoken]:
        return [self.respond(*turn) for turn in turns]


# The gold history -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("policy", [TRAINING, BENCHMARK])
def test_the_stacks_of_a_file_are_those_that_it_was_simulated_with(policy: Any, tmp_path: Path) -> None:
    dialogues = list(simulate(150, 77, "train", policy))
    write_dialogues(dialogues, tmp_path / "gold.jsonl")
    steps = 0
    for true, read in zip(dialogues, read_dialogues(tmp_path / "gold.jsonl"), strict=True):
        conv = Conversation()
        again = gold_conversations(read)
        for one in true.turns:
            if one.event is not None:
                conv = conv.event(one.event)
                continue
            rebuilt = next(again)
            assert (rebuilt.state, rebuilt.undo_stack, rebuilt.redo_stack) == (
                conv.state,
                conv.undo_stack,
                conv.redo_stack,
            )
            assert rebuilt.turns == tuple(replace(t, family=None, behaviour=None, outcome=None) for t in conv.turns)
            assert rebuilt.declined == conv.declined and rebuilt.suggested == conv.suggested
            heard = hear_marks(conv, one.marks or ())
            steps += len(heard.ops)
            conv = conv.hear(one.user or "", heard).reply(Spoken(one.system or "", one.act or Act("next")))
        assert next(again, None) is None
    assert steps > 3


def test_stacks_without_labels_by_words_and_beliefs() -> None:
    """Another hand's file: no marks, no behaviours."""
    start = (turn("smile", "smiling"), turn("bangs", "smiling", "bangs"), turn("goatee", "smiling", "bangs", "goatee"))
    grown = ["none", "expression: smiling", "expression: smiling; hairstyle: bangs"]
    full = "expression: smiling; hairstyle: bangs; beard: goatee"
    assert stacks(last(*start)) == (full, grown, [])
    undo = turn("No, go back", "smiling", "bangs")
    assert stacks(last(*start, undo)) == (grown[2], grown[:2], [full])
    assert stacks(last(*start, undo, turn("and one more step back", "smiling"))) == (
        grown[1], grown[:1], [full, grown[2]],
    )  # fmt: skip
    assert stacks(last(*start, undo, turn("thanks", "smiling", "bangs"))) == (grown[2], grown[:2], [full])
    assert stacks(last(*start, undo, turn("redo that", "smiling", "bangs", "goatee"))) == (full, grown, [])
    assert stacks(last(*start, turn("undo twice", "smiling"))) == (grown[1], grown[:1], [full, grown[2]])
    because = turn("Undo that, I don't like the goatee", "smiling", "bangs")
    assert stacks(last(*start, because)) == (grown[2], grown[:2], [full])


def test_naming_what_goes_is_a_withdrawal_and_not_a_step() -> None:
    start = (turn("smile", "smiling"), turn("goatee", "smiling", "goatee"))
    for words in ("undo the goatee", "take the goatee back off", "beard back to normal", "no more, thanks"):
        conv = last(*start, turn(words, "smiling"))
        assert stacks(conv)[1:] == (["none", "expression: smiling", "expression: smiling; beard: goatee"], []), words


def test_a_yes_that_leads_to_an_older_belief_is_no_step() -> None:
    offer = turn("no goatee", "smiling", system="How about a goatee again?", act=Act.suggest("goatee"))
    start = (turn("smile", "smiling"), turn("goatee", "smiling", "goatee"), offer)
    assert len(last(*start, turn("yes, again", "smiling", "goatee")).undo_stack) == 4


def test_start_over_and_wishes_in_the_same_breath() -> None:
    start = (turn("smile", "smiling"), turn("goatee", "smiling", "goatee"))
    assert stacks(last(*start, turn("undo everything"))) == (
        "none", ["none", "expression: smiling", "expression: smiling; beard: goatee"], [],
    )  # fmt: skip
    mixed = turn("Undo that and give me bangs", "smiling", "bangs")
    assert stacks(last(*start, mixed))[1:] == (["none", "expression: smiling; beard: goatee"], [])
    plain = turn("Give me bangs too", "smiling", "goatee", "bangs")
    assert len(last(*start, plain).undo_stack) == 3


def test_buttons_are_part_of_the_gold_history_and_the_file_has_the_last_word() -> None:
    turns = (
        turn("smile a bit", "smiling", strength={"smiling": 0.6}, system="Done. A beard?", act=Act("request", "beard")),
        event("set", "smiling", "goatee", value="goatee"),
        event("undo", "smiling"),
    )
    conv = last(*turns)
    assert stacks(conv) == ("expression: smiling", ["none"], ["expression: smiling; beard: goatee"])
    assert conv.turns[0].system == "Done. A beard?" and conv.turns[0].act == Act("request", "beard")
    assert [one.event["type"] for one in conv.turns if one.event] == ["set", "undo"]
    assert conv.redo_stack[-1].strength("smiling") == 0.6
    contrary = last(
        turn("smile", "smiling"), event("undo", "bangs")
    )  # not where undo leads, but it is what the file says
    assert contrary.state.belief == Belief.of("bangs") and contrary.turns[-1].belief == Belief.of("bangs")


def test_a_reply_without_its_act_stays_in_the_history() -> None:
    conv = last(turn("smile", "smiling", system="Done. Bangs?"))
    assert conv.turns[0].system == "Done. Bangs?" and conv.turns[0].act is None


def test_strengths_that_the_file_records_or_leaves_to_the_buttons() -> None:
    button = event("strength", "smiling", value="smiling", strength=1.5)
    assert last(turn("smile", "smiling"), button, turn("hi", "smiling")).state.strength("smiling") == 1.5
    recorded = turn("softer", "smiling", strength={"smiling": 9, "bangs": 0.5})
    assert last(turn("smile", "smiling"), recorded).state == EditState.of("smiling").with_strength("smiling", 2.0)
    assert last(recorded, turn("hi", "smiling")).state.strengths == ()  # recorded elsewhere, so absent means 1.0
    with pytest.raises(DataError, match="must be a number"):
        last(turn("softer", "smiling", strength={"smiling": "soft"}))


def test_outcome_of_a_predicted_change() -> None:
    before, after = EditState.of("smiling", "goatee"), EditState.of("smiling", "bangs", "lipstick")
    assert implied_outcome(before, after) == Outcome(("bangs", "lipstick"), (), ("goatee",))
    assert implied_outcome(before, before.with_strength("smiling", 1.5)).made == ("smiling",)
    measured = Outcome(("bangs", "earrings"), ("lipstick",), ("goatee",))
    assert implied_outcome(before, after, measured) == Outcome(("bangs",), ("lipstick",), ("goatee",))
    for one in simulate(40, 3, "train"):  # with the gold belief predicted, the measured outcome is what comes out
        for gold, conv in zip((t for t in one.turns if t.user is not None), gold_conversations(one), strict=True):
            made = Outcome.from_json(gold.outcome or {})
            state = EditState(gold.belief, tuple((gold.strength or {}).items()))
            found = implied_outcome(conv.state, state, made)
            assert [set(getattr(found, k)) for k in ("made", "failed", "removed")] == [
                set(made.made), set(made.failed), set(made.removed),
            ]  # fmt: skip


# Tracking a file ------------------------------------------------------------------------------------------------------
GOLD = (
    dialogue(
        "a",
        turn("smile", "smiling", system="Done.", act=Act("next"), family="request-1", behaviour="request"),
        event("set", "smiling", "bangs", value="bangs"),
        turn("and a goatee", "smiling", "bangs", "goatee", outcome={"failed": ["goatee"], "made": []}),
    ),
    dialogue("b", turn("x" * 80, "pale skin"), turn("thanks", "pale skin"), turn("", "pale skin")),
)


def test_track_file_with_the_gold_history(tmp_path: Path) -> None:
    write_dialogues(GOLD, tmp_path / "gold.jsonl")
    model = Scripted({"smile": ("sad",), "and a goatee": ("goatee",)})
    told: list[float] = []
    done = track_file(
        tmp_path / "gold.jsonl", tmp_path / "pred.jsonl", model, lambda share, name: told.append(share), 2
    )
    assert (done.dialogues, done.turns, done.refused, done.left_out, done.malformed) == (2, 5, 1, 2, 0)
    assert told[0] == 0 and told[-1] == 1 and told == sorted(told)
    first, second = read_dialogues(tmp_path / "pred.jsonl")
    assert [(one.dialogue_id, one.image_id, len(one.turns)) for one in (first, second)] == [
        ("a", "seed:1", 3), ("b", "seed:1", 3),
    ]  # fmt: skip
    assert first.turns[0].belief == Belief.of("sad") and first.turns[0].system == "Heard 'smile'."
    assert first.turns[1] == Turn(Belief.of("smiling", "bangs"), event={"type": "set", "value": "bangs"})
    assert first.turns[2].belief == Belief.of("smiling", "bangs", "goatee")  # the smile of the gold history, not "sad"
    assert first.turns[2].family is None and first.turns[2].outcome is None
    assert model.outcomes[:2] == [Outcome(("sad",)), Outcome((), ("goatee",))]
    # the message that the model refuses: the belief stays, the refusal is the reply, and it is no part of later histories
    assert second.turns[0] == turn("x" * 80, system="The message has 80 characters.")
    assert [one.belief for one in second.turns[1:]] == [Belief.of("pale skin")] * 2
    history = next(conv for conv, text in model.asked if text == "thanks" and conv.turns)
    assert [one.user for one in history.turns] == [""] and history.state.belief == Belief.of("pale skin")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["gold.jsonl", "pred.jsonl"]


def test_batches_hold_turns_of_several_dialogues_and_nothing_depends_on_them(tmp_path: Path) -> None:
    write_dialogues((replace(GOLD[0], dialogue_id=str(i)) for i in range(9)), tmp_path / "gold.jsonl")
    files = []
    for batch in (1, 4, 100):
        model = Scripted({"smile": ("smiling",)})
        track_file(tmp_path / "gold.jsonl", tmp_path / f"{batch}.jsonl", model, batch=batch)
        assert max(model.sizes) == min(batch, 18) and sum(model.sizes) == 18
        files.append((tmp_path / f"{batch}.jsonl").read_bytes())
    assert len(set(files)) == 1
    track_file(tmp_path / "gold.jsonl", tmp_path / "bare.jsonl", Scripted(), replies=False)
    assert all(one.system is None for one in next(read_dialogues(tmp_path / "bare.jsonl")).turns)


def test_a_model_that_takes_no_acts_is_told_none(tmp_path: Path) -> None:
    write_dialogues(GOLD, tmp_path / "gold.jsonl")
    with pytest.raises(I2EditError, match="of the shipped kind"):
        track_file(tmp_path / "gold.jsonl", tmp_path / "pred.jsonl", Scripted(), gold_acts=True)
    assert not (tmp_path / "pred.jsonl").exists()


@pytest.mark.weights
def test_replies_with_the_acts_of_the_file(tmp_path: Path, shipped_dialogue: Any) -> None:
    gold = (
        dialogue("a", turn("smile please", "smiling", system="x", act=Act("suggest", "hairstyle", "bangs"))),
        dialogue("b", turn("smile please", "smiling", system="x", act=Act("request", "makeup"))),
        dialogue("c", turn("smile please", "smiling", system="x", act=Act("next"))),
    )
    write_dialogues(gold, tmp_path / "gold.jsonl")
    track_file(tmp_path / "gold.jsonl", tmp_path / "pred.jsonl", shipped_dialogue, gold_acts=True)
    said = [one.turns[0] for one in read_dialogues(tmp_path / "pred.jsonl")]
    assert [one.act for one in said] == [one.turns[0].act for one in gold]
    assert "bangs" in (said[0].system or "") or "fringe" in (said[0].system or "")


def _line(**changes: Any) -> str:
    return json.dumps({"dialogue_id": "a", "image_id": "seed:1", "turns": [{"user": "hi", "belief": {}}]} | changes)


@pytest.mark.parametrize(
    "second, problem",
    [
        (_line(), "line 3: the dialogue a was on line 1 already"),
        ("{", "line 3 is not JSON"),
        (_line(dialogue_id="b", turns=[{"user": "hi", "belief": {"hat": ["red"]}}]), "line 3: Dialogue b, turn 0"),
        (_line(dialogue_id="b", turns=[{"user": "\ud83d", "belief": {}}]), "line 3: a text holds half"),
        (_line(dialogue_id="b", turns=[{"user": "hi", "belief": {}, "strength": [1]}]), "line 3: The 'strength'"),
        (_line(dialogue_id="b", turns=[{"user": "hi", "belief": {}, "outcome": [1]}]), "line 3: An outcome must"),
        (_line(dialogue_id="b", turns=[{"user": "hi", "belief": {}, "outcome": {"made": [[1]]}}]), "line 3: something"),
        ("[" * 200_000, "line 3: something"),
        ("\udcff", "line 3 is not UTF-8"),
    ],
)
def test_bad_files_are_told_with_the_line_before_the_model_is_asked(second: str, problem: str, tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    gold.write_text(f"{_line()}\n\n{second}\n", encoding="utf-8", errors="surrogateescape")
    model = Scripted()
    with pytest.raises(DataError, match="^" + str(gold)) as told:
        track_file(gold, tmp_path / "pred.jsonl", model)
    assert problem in str(told.value) and not model.asked
    assert [path.name for path in tmp_path.iterdir()] == ["gold.jsonl"]


def test_what_cannot_be_read_or_written(tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    with pytest.raises(DataError, match="no dialogue file"):
        track_file(gold, tmp_path / "pred.jsonl", Scripted())
    gold.write_text("\n")
    with pytest.raises(DataError, match="no user turn"):
        track_file(gold, tmp_path / "pred.jsonl", Scripted())
    write_dialogues(GOLD, gold)
    with pytest.raises(OutputError, match="gold file itself"):
        track_file(gold, gold, Scripted())
    with pytest.raises(OutputError, match="is a folder"):
        track_file(gold, tmp_path, Scripted())
    with pytest.raises(OutputError, match="cannot be written"):
        track_file(gold, tmp_path / "nowhere" / "pred.jsonl", Scripted())
    with pytest.raises(DataError, match="at least one turn"):
        track_file(gold, tmp_path / "pred.jsonl", Scripted(), batch=0)


def test_a_run_that_fails_leaves_the_old_predictions(tmp_path: Path) -> None:
    class Failing(Scripted):
        def respond(self, conv: Conversation, heard: Heard, outcome: Outcome) -> Spoken:
            raise ConnectionError("gone")

    write_dialogues(GOLD, tmp_path / "gold.jsonl")
    (tmp_path / "pred.jsonl").write_text("old")
    with pytest.raises(ConnectionError):
        track_file(tmp_path / "gold.jsonl", tmp_path / "pred.jsonl", Failing())
    assert (tmp_path / "pred.jsonl").read_text() == "old" and len(list(tmp_path.iterdir())) == 2


@pytest.fixture(scope="module")
def tiny() -> Any:
    """A tiny network of the real classes with a tokenizer of its own, overfitted on a few simulated dialogues, and
    those."""
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    from i2edit.dialogue.prompts import Codec
    from i2edit.dialogue.seq2seq import DialogueModel, Size, new_network, pad
    from i2edit.train.dialogue import pairs, teacher_forced

    torch.manual_seed(0)
    torch.set_num_threads(1)
    dialogues = [d for d in simulate(60, 8, "train", BENCHMARK) if not any(t.event for t in d.turns)][:2]
    text = " ".join(f"{t.user} {t.system}" for d in dialogues for t in d.turns).lower()
    signs = sorted(set(text) - {" "})
    pieces = dict.fromkeys(
        ("[UNK]", *signs, *(f"##{sign}" for sign in signs), *sorted(set(text.replace(".", " ").split())))
    )
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    codec = Codec(tokenizer)
    data = [pair for d in dialogues for pair in pairs(codec, d, random.Random(0), 1.0, (128,))]
    network = new_network(codec.size, Size(64, 128, 4, 1, 1, dropout=0.0))
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    network.train()
    inputs, labels = pad([a for a, _ in data]), pad([b for _, b in data], -100)
    for _ in range(100):
        loss, _hidden = teacher_forced(network, inputs, labels, torch.ones(codec.size))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return DialogueModel(network, codec), dialogues


def test_a_real_network_from_file_to_table(tiny: Any, tmp_path: Path) -> None:
    model, dialogues = tiny
    gold, pred = tmp_path / "gold.jsonl", tmp_path / "pred.jsonl"
    odd = dialogue("odd", turn("a" * 1001, "smiling"), turn("!!!", "smiling"), turn("улыбнись", "smiling"))
    write_dialogues([*dialogues, odd], gold)
    done = track_file(gold, pred, model)
    assert (done.refused, done.left_out) == (1, 0)  # signs and other scripts do not need the history
    scores = tracking_scores(list(read_dialogues(gold)), read_checked(pred))
    assert scores["turns"] - scores["right"] <= 2 and scores["missing_turns"] == scores["extra_turns"] == 0
    assert all(one.system for d in read_dialogues(pred) for one in d.turns)
    once = pred.read_bytes()
    track_file(gold, pred, model)
    assert pred.read_bytes() == once  # replies are sampled with a seed
    result = table3.run(gold, gold, model, timed=3)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["tracking"] == scores and result["n"] == {"dialogues": 3, "turns": scores["turns"]}
    assert 0 < result["seconds_per_turn"]["track"] < result["seconds_per_turn"]["track_and_respond"]
    assert result["tracked"]["refused"] == 1 and "CPUs" in result["machine"] and result["commit"]
    assert table3.run(gold, pred=pred)["tracking"] == scores
    with pytest.raises(I2EditError, match="Give a dialogue model or a file"):
        table3.run(gold)


# Beliefs --------------------------------------------------------------------------------------------------------------
def test_tracking_counted_by_hand() -> None:
    gold = [
        dialogue(
            "a",
            turn("1", "smiling", behaviour="request"),
            turn("2", "smiling", "bangs", behaviour="several"),
            event("set", "smiling", "bangs", "goatee", value="goatee"),
            turn("3", "smiling", "bangs", "goatee", behaviour="thanks"),
        ),
        dialogue("b", turn("4", "lipstick", behaviour="request"), turn("5")),
    ]
    pred = [
        dialogue(
            "b",
            turn("4", "lipstick"),
            turn("5"),
        ),
        dialogue(
            "a",
            turn("1", "smiling"),
            turn("2", "sad", "bangs", "wavy hair"),
            event("set", value="bangs"),  # beliefs after buttons are not scored
            turn("3", "smiling", "bangs"),
        ),
    ]
    scores = tracking_scores(gold, pred)
    assert (scores["dialogues"], scores["turns"], scores["right"]) == (2, 5, 3) and scores["joint_accuracy"] == 0.6
    slots = scores["slots"]
    assert {k: slots["expression"][k] for k in ("tp", "fp", "fn", "accuracy")} == {
        "tp": 2, "fp": 1, "fn": 1, "accuracy": 4 / 5,
    }  # fmt: skip
    assert slots["hairstyle"]["precision"] == 2 / 3 and slots["hairstyle"]["recall"] == 1
    assert slots["hairstyle"]["f1"] == pytest.approx(0.8)
    assert slots["beard"] == {"precision": 0, "recall": 0, "f1": 0, "accuracy": 4 / 5, "tp": 0, "fp": 0, "fn": 1}
    assert slots["hair color"]["f1"] == 1 and slots["makeup"]["f1"] == 1
    overall = scores["overall"]
    assert (overall["tp"], overall["fp"], overall["fn"]) == (5, 2, 2)
    assert overall["precision"] == overall["recall"] == overall["f1"] == pytest.approx(5 / 7)
    assert scores["behaviours"] == {
        "several": {"turns": 1, "wrong": 1, "accuracy": 0, "missed": 1, "added": 2},
        "thanks": {"turns": 1, "wrong": 1, "accuracy": 0, "missed": 1, "added": 0},
        "(none)": {"turns": 1, "wrong": 0, "accuracy": 1, "missed": 0, "added": 0},
        "request": {"turns": 2, "wrong": 0, "accuracy": 1, "missed": 0, "added": 0},
    }
    assert json.loads(json.dumps(scores)) == scores


def test_per_value_counts_agree_with_scikit_learn() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    from i2edit.ontology import SLOTS, VALUES

    rng = random.Random(5)
    gold = [Turn(Belief.of(*rng.sample(VALUES, 4)), str(i)) for i in range(80)]
    pred = [
        Turn(one.belief.remove(rng.choice(VALUES)).add(*rng.sample(VALUES, i % 3)), one.user)
        for i, one in enumerate(gold)
    ]
    scores = tracking_scores([dialogue("a", *gold)], [dialogue("a", *pred)])
    for name, values in ({"all": VALUES} | SLOTS).items():
        matrices = [np.array([[value in one.belief for value in values] for one in turns]) for turns in (gold, pred)]
        wanted = precision_recall_fscore_support(*matrices, average="micro", zero_division=0)[:3]
        found = scores["overall"] if name == "all" else scores["slots"][name]
        assert [found[key] for key in ("precision", "recall", "f1")] == pytest.approx(wanted)


def test_missing_and_extra_turns_and_dialogues_count_as_wrong() -> None:
    a = (turn("1", "smiling"), turn("2", "smiling"))
    gold = [dialogue("a", *a), dialogue("b", turn("3")), dialogue("c", turn("4"))]
    assert tracking_scores(gold, gold)["joint_accuracy"] == 1
    pred = [
        dialogue("a", a[0]),  # a turn is missing
        dialogue("b", turn("3"), turn("extra", "bangs")),  # one too many
        dialogue("d", turn("x"), turn("y", "goatee")),  # c is missing, d is not asked for
    ]
    scores = tracking_scores(gold, pred)
    assert (scores["turns"], scores["right"]) == (4 + 1 + 2, 2)
    assert (scores["missing_turns"], scores["extra_turns"]) == (2, 3)
    assert (scores["missing_dialogues"], scores["extra_dialogues"]) == (1, 1)
    assert (scores["overall"]["tp"], scores["overall"]["fp"], scores["overall"]["fn"]) == (1, 2, 1)
    # nothing wanted, nothing there: still wrong, and the slot is not right either
    assert scores["overall"]["accuracy"] == 2 / 7 and scores["behaviours"]["(extra turn)"]["wrong"] == 3
    assert tracking_scores(gold, [])["right"] == 0 and tracking_scores([], [])["joint_accuracy"] == 0


def test_alignment_is_by_turn_index_with_buttons_counted() -> None:
    gold = [dialogue("a", event("set", "bangs", value="bangs"), turn("smile", "bangs", "smiling"))]
    shifted = [dialogue("a", turn("smile", "bangs", "smiling"))]
    scores = tracking_scores(gold, shifted)
    assert (scores["right"], scores["missing_turns"], scores["extra_turns"]) == (0, 1, 1)
    assert [(row.index, row.gold is None, row.pred is None) for row in align(gold, shifted)[0]] == [
        (0, True, False), (1, False, True),
    ]  # fmt: skip
    other = [dialogue("a", gold[0].turns[0], turn("frown", "bangs", "smiling"))]
    assert tracking_scores(gold, other)["other_texts"] == 1
    with pytest.raises(DataError, match="a is in the prediction file twice"):
        tracking_scores(gold, shifted * 2)


def test_the_interval_is_over_dialogues_and_seeded() -> None:
    rng = random.Random(1)
    sizes = [rng.randint(2, 6) for _ in range(300)]
    right = [sum(rng.random() < 0.8 for _ in range(size)) for size in sizes]
    low, high = interval(right, sizes, seed=3)
    share = sum(right) / sum(sizes)
    deviation = (share * (1 - share) / sum(sizes)) ** 0.5  # turns are independent here
    assert low < share < high and (high - low) == pytest.approx(2 * 1.96 * deviation, rel=0.15)
    assert interval(right, sizes, seed=3) == [low, high] != interval(right, sizes, seed=4)
    wide = interval([5, 0] * 20, [5] * 40)  # all or nothing by dialogue: wider than 200 independent turns would be
    assert wide[1] - wide[0] > 2 * 2 * 1.96 * (0.25 / 200) ** 0.5 * 0.8
    assert interval([3], [4]) == [0.75, 0.75] and interval([], []) == [0.0, 0.0]


def test_the_error_table_begins_with_what_goes_wrong_most() -> None:
    gold = [turn(str(i), "bangs", behaviour=name) for i, name in enumerate(["yes", "off", "off", "undo"])]
    pred = [turn("0", "bangs"), turn("1"), turn("2"), turn("3")]
    rows = align([dialogue("a", *gold)], [dialogue("a", *pred)])[0]
    assert list(errors_by_behaviour(rows)) == ["off", "undo", "yes"]


# Replies --------------------------------------------------------------------------------------------------------------
def said(*replies: tuple[str, Act | None], name: str = "a") -> Dialogue:
    return dialogue(name, *(turn(str(i), system=text, act=act) for i, (text, act) in enumerate(replies)))


REFERENCE = said(
    ("Done. What else do you want to change?", Act("next")),
    ("Here you go. How about a goatee now?", Act.suggest("goatee")),
    ("Sure, what about the hair color?", Act("request", "hair color")),
)


def test_bleu_is_sacrebleu() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    pred = said(
        ("Done. What else do you want to do?", Act("next")),
        ("Here you go. How about bangs now?", Act.suggest("bangs")),
        ("Sure. Do you like the hair color?", Act("suggest", "hair color", "gray hair")),
    )
    wanted = sacrebleu.corpus_bleu([one.system for one in pred.turns], [[one.system for one in REFERENCE.turns]])
    scores = response_scores([REFERENCE], [pred])
    assert 20 < scores["bleu"] < 90 and scores["bleu"] == pytest.approx(wanted.score)
    assert scores["bleu_signature"].startswith("nrefs:1|case:mixed|") and "tok:13a" in scores["bleu_signature"]
    assert response_scores([REFERENCE], [REFERENCE])["bleu"] == pytest.approx(100)
    # a missing reply is an empty one, an extra one is like nothing
    short = replace(pred, turns=pred.turns[:2])
    long = replace(pred, turns=(*pred.turns, turn("9", system="Well done, you.")))
    empty = sacrebleu.corpus_bleu([*(one.system for one in short.turns), ""], [[one.system for one in REFERENCE.turns]])
    assert response_scores([REFERENCE], [short])["bleu"] == pytest.approx(empty.score)
    assert empty.score < scores["bleu"] > response_scores([REFERENCE], [long])["bleu"]
    assert response_scores([REFERENCE], [])["bleu"] == 0


def test_turns_without_a_reference_are_left_out_and_counted() -> None:
    pytest.importorskip("sacrebleu")
    gold = replace(REFERENCE, turns=(*REFERENCE.turns, turn("thanks")))
    pred = replace(REFERENCE, turns=(*REFERENCE.turns, turn("thanks", system="You are welcome.")))
    scores = response_scores([gold], [pred])
    assert scores["bleu"] == pytest.approx(100) and (scores["replies"], scores["without_reference"]) == (3, 1)
    bare = response_scores([dialogue("a", turn("hi"))], [pred])
    assert bare["bleu"] is None and bare["bleu_signature"] is None and bare["act_accuracy"] is None


def test_distinct_by_hand() -> None:
    dialogues = [said(("Done. Done!", None), ("done it", None)), said(("What, next?", None), name="b"), dialogue("c")]
    found = distinct(dialogues)  # done done / done it — what next
    assert found["distinct_1_dialogue"] == pytest.approx((2 / 4 + 2 / 2) / 2)
    assert found["distinct_2_dialogue"] == pytest.approx((2 / 2 + 1 / 1) / 2)
    assert found["distinct_1_corpus"] == pytest.approx(4 / 6) and found["distinct_2_corpus"] == pytest.approx(3 / 3)


def test_act_and_slot_accuracy() -> None:
    pytest.importorskip("sacrebleu")
    pred = said(("a", Act("next")), ("b", Act("request", "beard")), ("c", None))
    scores = response_scores([REFERENCE], [pred])
    assert (scores["act_accuracy"], scores["slot_accuracy"]) == (
        1 / 3,
        1 / 2,
    )  # the beard is right, the missing act wrong
    assert (scores["act_turns"], scores["slot_turns"]) == (3, 2)
    without = said(("a", None), ("b", None), ("c", None))
    assert response_scores([REFERENCE], [without])["act_accuracy"] is None  # acts are optional in a prediction
    longer = replace(REFERENCE, turns=(*REFERENCE.turns, turn("x", system="d", act=Act("next"))))
    assert response_scores([REFERENCE], [longer])["act_accuracy"] == 3 / 4


# Floors ---------------------------------------------------------------------------------------------------------------
@pytest.fixture
def train(tmp_path: Path) -> Path:
    write_dialogues(
        [
            dialogue(
                "t",
                turn("make me smile", "smiling", system="A smile. What else?", act=Act("next")),
                turn("give me bangs please", "bangs", system="Bangs. What else?", act=Act("next")),
                turn("a moustache", "mustache", system="Done. A goatee?", act=Act.suggest("goatee")),
                turn("a moustache now", "mustache", system="Done. Lips?", act=Act.suggest("big lips")),
                turn("give me bangs please", "bangs", system="Which makeup?", act=Act("request", "makeup")),
                turn("nothing said"),
                event("undo"),
            )
        ],
        tmp_path / "train.jsonl",
    )
    return tmp_path / "train.jsonl"


def test_copy_nearest_takes_the_nearest_context(train: Path) -> None:
    gold = dialogue(
        "g",
        turn("please, the bangs", act=Act("next"), system="x"),
        turn("please, the bangs", act=Act("request", "makeup"), system="x"),  # the same words, another act
        event("undo"),
        turn("moustache", act=Act.suggest("goatee"), system="x"),
        turn("smile!"),  # no act: its words alone
        turn("Entirely unknown"),
    )
    copied = copy_nearest([gold], train)[0]
    texts = [one.system for one in copied.turns]
    assert texts == [
        "Bangs. What else?",
        "Which makeup?",
        None,
        "Done. A goatee?",
        "A smile. What else?",
        "A smile. What else?",
    ]
    assert all(one.act is None for one in copied.turns)


def test_copy_nearest_is_the_tfidf_cosine_by_hand(train: Path) -> None:
    known = response.read_replies(train)
    bags = [response.context(one) for one in known]
    vocabulary = sorted({word for bag in bags for word in bag})
    idf = np.array([np.log((1 + len(bags)) / (1 + sum(word in bag for bag in bags))) + 1 for word in vocabulary])

    def vector(bag: list[str]) -> Any:
        weights = np.array([bag.count(word) for word in vocabulary]) * idf
        return weights / max(np.linalg.norm(weights), 1e-9)

    table = np.array([vector(bag) for bag in bags])
    asked = [
        turn(text, act=act)
        for text in ("give me a moustache", "please smile now", "bangs")
        for act in (Act("next"), None)
    ]
    wanted = [known[int((table @ vector(response.context(one))).argmax())].system for one in asked]
    assert [one.system for one in copy_nearest([dialogue("g", *asked)], train)[0].turns] == wanted


def test_random_reply_has_the_right_act(train: Path) -> None:
    acts = [Act("next"), Act.suggest("goatee"), Act.suggest("mustache"), Act.suggest("lipstick"), Act("cannot"), None]
    gold = [dialogue("g", *(turn("hi", act=act, system="x") for act in acts))]
    drawn: list[set[str]] = [set() for _ in acts]
    for seed in range(40):
        for texts, one in zip(drawn, random_reply(gold, train, seed)[0].turns, strict=True):
            texts.add(one.system or "")
    everything = {one.system for one in response.read_replies(train)}
    assert drawn[0] == {"A smile. What else?", "Bangs. What else?"}
    assert drawn[1] == drawn[2] == {"Done. A goatee?"}  # the act itself; then of the same slot
    assert drawn[3] == {"Done. Lips?"} and drawn[4] == drawn[5] == everything
    assert random_reply(gold, train, 7) == random_reply(gold, train, 7)


def test_floors_are_scored_like_a_model(train: Path) -> None:
    pytest.importorskip("sacrebleu")
    gold = [one for one in simulate(40, 5, "validation", BENCHMARK)]
    write_dialogues(simulate(150, 5, "train", BENCHMARK), train)
    found = floors(gold, train)
    assert set(found) == {"random_reply", "copy_nearest"}
    for floor in found.values():
        assert 1 < floor["bleu"] < 60 and floor["bleu_signature"] and 0.3 < floor["distinct_1_dialogue"] < 1
    copied = response_scores(gold, copy_nearest(gold, train))
    assert copied["bleu"] == found["copy_nearest"]["bleu"] and copied["act_accuracy"] is None
    train.write_text("")
    with pytest.raises(DataError, match="no reply"):
        floors(gold, train)


@pytest.mark.parametrize("package", ["sacrebleu", "sklearn"])
def test_missing_packages_are_named(package: str, train: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith(package):
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(I2EditError, match=r"pip install 'i2edit\[eval\]'"):
        response_scores([REFERENCE], [REFERENCE]) if package == "sacrebleu" else copy_nearest([REFERENCE], train)
    assert tracking_scores([REFERENCE], [REFERENCE])["joint_accuracy"] == 1  # beliefs need neither


# Table 3 --------------------------------------------------------------------------------------------------------------
def test_table3_is_the_papers_beside_ours(train: Path, tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu")
    write_dialogues([REFERENCE], tmp_path / "test.jsonl")
    write_dialogues([replace(REFERENCE, turns=REFERENCE.turns[:2])], tmp_path / "pred.jsonl")
    rows = {"ours": table3.run(tmp_path / "test.jsonl", train, pred=tmp_path / "pred.jsonl", seed=4)}
    rows["scripted"] = table3.run(tmp_path / "test.jsonl", model=Scripted(), timed=2)
    text = table3.table3_text(rows)
    cells = {
        line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:-1]]
        for line in text.splitlines()
        if "|" in line[:1]
    }
    assert cells[""][:4] == ["Joint Acc ↑", "BLEU ↑", "Distinct-1 ↑", "Distinct-2 ↑"]
    assert cells["paper, PPTOD small"][:4] == ["77.482", "29.508", "0.504", "0.884"]
    assert cells["paper, PPTOD base"][:4] == ["79.206", "29.512", "0.516", "0.886"]
    assert cells["paper, PPTOD large"][:4] == ["75.177", "30.030", "0.523", "0.890"]
    assert cells["ours"][0] == "66.667 [66.7, 66.7]" and cells["ours"][1] == f"{rows['ours']['response']['bleu']:.3f}"
    assert cells["scripted"][0].startswith("100.000")
    assert sum(name.startswith("test.jsonl: ") for name in cells) == 3  # two floors and the data's own replies, once
    assert len({len(line) for line in cells.values()}) == 1
    assert "n = 1 dialogues, 3 turns" in text and "seed 4" in text and "BLEU nrefs:1|" in text and "turns/s" in text
    assert rows["ours"]["seconds_per_turn"] is None and rows["scripted"]["seconds_per_turn"]["turns"] == 2


def test_the_papers_figures_are_those_of_its_text() -> None:
    paper = next(iter((Path(__file__).parents[2] / "shared" / "paper").glob("*.txt")), None)
    if paper is None:
        pytest.skip("the paper is not here")
    text = paper.read_text(encoding="utf-8").replace("<b>", "").replace("</b>", "")
    for name, cells in table3.PAPER.items():
        assert "\t".join((name.split()[-1].capitalize(), *cells)) in text


@pytest.mark.parametrize("module", [tracking, response])
def test_examples_in_the_documentation(module: Any) -> None:
    done = doctest.testmod(module)
    assert done.attempted and not done.failed
