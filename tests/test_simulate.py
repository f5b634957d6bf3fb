"""The simulator: beliefs follow the data contract, families stay in their split, the mandatory words are known."""

from __future__ import annotations

import itertools
import random

import pytest

from i2edit.data.phrases import SPLITS, replies
from i2edit.data.phrases.wording import WORDING
from i2edit.data.simulate import _Talker, choose_act, simulate, suggestable, system_reply
from i2edit.dialogue.check import is_true, mentions
from i2edit.dialogue.history import Conversation, Spoken, hear_marks
from i2edit.ontology import EXCLUDES, SLOTS, VALUES, Belief
from i2edit.records import Act, Dialogue, Outcome


def test_families_of_dialogues_stay_in_their_split() -> None:
    seen = {
        split: {t.family for d in simulate(250, 3, split) for t in d.turns if t.family and "-" in t.family}
        for split in SPLITS
    }
    assert all(len(seen[split]) > 80 for split in SPLITS)
    for a, b in itertools.combinations(SPLITS, 2):
        assert not seen[a] & seen[b]


def test_simulation_is_a_function_of_seed_and_split() -> None:
    first = [d.to_json() for d in simulate(5, 1, "train")]
    assert first == [d.to_json() for d in simulate(5, 1, "train")] == [d.to_json() for d in simulate(9, 1, "train")][:5]
    assert first != [d.to_json() for d in simulate(5, 2, "train")]


def test_dialogues_are_valid_records_and_beliefs_follow_the_marks() -> None:
    for dialogue in simulate(150, 0, "train"):
        assert Dialogue.from_json(dialogue.to_json()) == dialogue
        conv = Conversation()
        for turn in dialogue.turns:
            if turn.event is not None:
                conv = conv.event(turn.event)
            else:
                assert turn.marks is not None and turn.user and turn.system and turn.act
                conv = conv.hear(turn.user, hear_marks(conv, turn.marks)).reply(Spoken(turn.system, turn.act))
            assert conv.state.belief == turn.belief
            Belief.parse(turn.belief.text)


def test_lengths_are_mostly_the_papers_and_some_are_long() -> None:
    lengths = [len(d.turns) for d in simulate(400, 0, "train")]
    assert 3.5 < sum(lengths) / len(lengths) < 6.5
    assert max(lengths) > 13 and min(lengths) == 3


@pytest.mark.parametrize(
    "word, value",
    [("curls", "wavy hair"), ("curly", "wavy hair"), ("waves", "wavy hair"), ("fringe", "bangs"), ("blush", "rosy cheeks"),
     ("brunette", "brown hair"), ("chestnut", "brown hair"), ("raven", "black hair"), ("silver", "gray hair"),
     ("salt-and-pepper", "gray hair"), ("platinum", "blond hair"), ("golden", "blond hair"), ("straight face", "no smiling"),
     ("neutral", "no smiling"), ("serious", "no smiling"), ("scowl", "angry"), ("furious", "angry"), ("cross", "angry"),
     ("full glam", "heavy makeup"), ("full face", "heavy makeup"), ("mutton chops", "sideburns"), ("chin beard", "goatee")],
)  # fmt: skip
def test_the_words_of_the_contract_are_in_the_bank(word: str, value: str) -> None:
    lines = [line for kind in ("n", "np", "adj", "vps", "vpe") for line in WORDING[value][kind]]
    assert any(word in line for line in lines)


def test_train_text_has_every_value_many_ways() -> None:
    asked: dict[str, set[str]] = {value: set() for value in VALUES}
    for dialogue in simulate(1500, 0, "train"):
        for turn in dialogue.turns:
            if turn.behaviour == "request" and turn.marks and turn.family:
                asked[turn.marks[-1][2:-1]].add(turn.family)
    assert min(len(found) for found in asked.values()) >= 25


def test_suggestions_are_never_in_the_belief_or_excluded_by_it() -> None:
    talker_rng = random.Random(0)
    for dialogue in simulate(60, 4, "train"):
        for turn in dialogue.turns:
            if turn.act is not None and turn.act.value is not None:
                assert turn.act.value not in turn.belief
                assert not EXCLUDES[turn.act.value] & set(turn.belief)
    belief = Belief.of("smiling", "bangs")
    for _ in range(200):
        act = choose_act(belief, frozenset({"goatee"}), talker_rng)
        assert act.value not in {"smiling", "angry", "sad", "bangs", "receding hairline", "goatee"}
    assert "goatee" not in suggestable(belief, frozenset({"goatee"}))


def test_written_replies_are_true_by_the_check_that_judges_generated_ones() -> None:
    wrong = []
    for dialogue in simulate(300, 6, "train"):
        before = Belief()
        for turn in dialogue.turns:
            if turn.user is not None and turn.system and turn.act and turn.marks:
                ops = tuple("undo" for m in turn.marks if m.startswith("<op_"))
                if not is_true(turn.system, turn.act, Outcome.from_json(turn.outcome or {}), turn.belief, ops):
                    wrong.append((turn.system, turn.act, turn.outcome))
            before = turn.belief
    assert isinstance(before, Belief)
    assert len(wrong) <= 15, wrong[:10]


def test_the_check_refuses_what_was_not_done() -> None:
    made, failed = Outcome(made=("bangs",)), Outcome(failed=("goatee",))
    belief = Belief.of("bangs")
    assert is_true("Done, bangs added. What's next?", Act("next"), made, belief)
    assert not is_true("Done, lipstick added. What's next?", Act("next"), made, belief)
    assert not is_true("Done. What's next?", Act("next"), failed, belief)
    assert not is_true("Done. Anything else?", Act("next"), Outcome(), belief)
    assert is_true("Sorry, the goatee didn't work on this photo. Anything else?", Act("next"), failed, belief)
    assert not is_true("Sorry, the bangs didn't work on this photo. Anything else?", Act("next"), made, belief)
    assert is_true("Done. How about earrings?", Act.suggest("earrings"), made, belief)
    assert not is_true("Done. How about lipstick?", Act.suggest("earrings"), made, belief)
    gone = Outcome(removed=("angry",))
    assert not is_true(
        "I've turned your words into the angry look. Anything else?", Act("next"), gone, belief, ("undo",)
    )
    assert is_true("I took the angry look off again. Anything else?", Act("next"), gone, belief, ("undo",))
    for value in VALUES:
        assert all(mentions(name) == {value} for name in replies.NAMES[value])


def test_undo_replies_claim_nothing_when_nothing_was_there() -> None:
    rng = random.Random(0)
    for _ in range(50):
        text, _act = system_reply("undo", ("<change>", "<op_undo>"), Outcome(), Belief(), Act("next"), rng)
        assert is_true(text, Act("next"), Outcome(), Belief())


def test_smile_taken_off_means_no_smiling() -> None:
    talker = _Talker(random.Random(1), "train")
    seen = set()
    for _ in range(300):
        said = talker.off(Belief.of("smiling"))
        if said.family.startswith("off-") and ("smile" in said.text or "grin" in said.text):
            seen.add(said.marks[1])
    assert seen == {"<+no smiling>"}
    assert set(SLOTS) == {"expression", "hair color", "hairstyle", "beard", "makeup"}
