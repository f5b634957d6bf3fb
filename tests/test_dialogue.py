"""The dialogue module: stacks exactly by the contract, the plumbing on a tiny network, and what the shipped weights promise."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from i2edit.data import phrases, whole
from i2edit.data.simulate import simulate
from i2edit.dialogue import SHIPPED, Conversation, Heard, Spoken, load_dialogue
from i2edit.dialogue.check import is_true
from i2edit.dialogue.history import apply_marks, hear_marks
from i2edit.errors import DataError, MessageError, WeightsError
from i2edit.ontology import EXCLUDES, Belief, EditState
from i2edit.records import Act, Outcome


def say(conv: Conversation, *marks: str) -> Conversation:
    """A turn as if the tracker had heard these marks."""
    return conv.hear("words", hear_marks(conv, ("<change>", *marks)))


# Undo, redo, start over ---------------------------------------------------------------------------------------------
def test_undo_restores_the_belief_before_the_latest_change() -> None:
    conv = say(say(Conversation(), "<+smiling>"), "<+bangs>")
    conv = conv.hear("thanks", hear_marks(conv, ("<none>",)))  # changes nothing, so undo goes past it
    conv = say(conv, "<op_undo>")
    assert conv.state.belief == Belief.of("smiling")
    assert say(conv, "<op_undo>").state.belief == Belief()
    assert say(say(conv, "<op_undo>"), "<op_undo>").state.belief == Belief()


def test_undo_twice_and_redo() -> None:
    conv = say(say(say(Conversation(), "<+smiling>"), "<+bangs>"), "<+goatee>")
    back = say(conv, "<op_undo2>")
    assert back.state.belief == Belief.of("smiling")
    assert say(back, "<op_redo>").state.belief == Belief.of("smiling", "bangs")
    assert say(say(back, "<op_redo>"), "<op_redo>").state == conv.state
    assert say(say(back, "<+lipstick>"), "<op_redo>").state.belief == Belief.of(
        "smiling", "lipstick"
    )  # a new change ends redo


def test_start_over_can_be_undone() -> None:
    conv = say(say(Conversation(), "<+smiling>"), "<op_reset>")
    assert conv.state == EditState()
    assert say(conv, "<op_undo>").state.belief == Belief.of("smiling")


def test_a_withdrawal_is_a_change_and_does_not_bring_back_what_was_replaced() -> None:
    conv = say(say(say(Conversation(), "<+blond hair>"), "<+black hair>"), "<-hair color>")
    assert conv.state.belief == Belief()
    assert say(conv, "<op_undo>").state.belief == Belief.of("black hair")
    assert say(say(conv, "<op_undo>"), "<op_undo>").state.belief == Belief.of("blond hair")


def test_the_rest_of_a_turn_applies_after_undo_and_the_turn_is_one_step() -> None:
    conv = say(say(Conversation(), "<+smiling>"), "<+lipstick>")
    mixed = say(conv, "<op_undo>", "<+bangs>")
    assert mixed.state.belief == Belief.of("smiling", "bangs")
    assert say(mixed, "<op_undo>").state.belief == Belief.of("smiling", "lipstick")
    assert say(say(mixed, "<op_undo>"), "<op_undo>").state.belief == Belief()


def test_undo_restores_strengths() -> None:
    conv = say(Conversation(), "<less>", "<+smiling>")
    assert conv.state.strength("smiling") == 0.6
    changed = say(say(conv, "<much>", "<+smiling>"), "<+angry>")
    assert changed.state.strengths == ()
    assert say(changed, "<op_undo>").state.strength("smiling") == pytest.approx(1.08)


def test_undo_ten_deep_and_back() -> None:
    values = [
        "smiling",
        "bangs",
        "goatee",
        "lipstick",
        "earrings",
        "pale skin",
        "black hair",
        "sideburns",
        "big lips",
        "mustache",
    ]
    conv = Conversation()
    for value in values:
        conv = say(conv, f"<+{value}>")
    full = conv
    for depth in range(10):
        conv = say(conv, "<op_undo>")
        assert conv.state.belief == Belief.of(*values[: 9 - depth])
    for _ in range(10):
        conv = conv.event({"type": "redo"})
    assert conv.state == full.state


def test_buttons_are_exact_and_stay_in_the_history() -> None:
    conv = Conversation().event({"type": "set", "value": "bangs", "strength": 0.5})
    assert conv.state.strength("bangs") == 0.5
    conv = conv.event({"type": "strength", "value": "bangs", "strength": 1.5})
    conv = conv.event({"type": "set", "value": "receding hairline"})
    assert conv.state.belief == Belief.of("receding hairline")
    conv = conv.event({"type": "remove", "value": "receding hairline"}).event({"type": "undo"}).event({"type": "undo"})
    assert conv.state.belief == Belief.of("bangs") and conv.state.strength("bangs") == 1.5
    assert conv.event({"type": "reset"}).state == EditState()
    assert [turn.event["type"] for turn in conv.turns if turn.event] == [
        "set",
        "strength",
        "set",
        "remove",
        "undo",
        "undo",
    ]
    with pytest.raises(DataError):
        conv.event({"type": "set", "value": "hat"})


def test_a_conversation_is_immutable() -> None:
    first = Conversation()
    say(first, "<+bangs>")
    assert first == Conversation() and not first.turns


def test_degrees_and_keep() -> None:
    state = EditState.of("smiling", "lipstick", "goatee")
    assert apply_marks(state, ("<change>", "<less>", "<=bangs>")) == state  # "less X" never adds
    assert apply_marks(state, ("<less>", "<=smiling>")).strength("smiling") == 0.65
    assert apply_marks(state, ("<more>", "<+bangs>")).strength("bangs") == 1.4
    assert apply_marks(state, ("<keep>", "<=lipstick>", "<=hair color>")).belief == Belief.of("lipstick")
    assert apply_marks(state, ("<+no makeup>", "<+lipstick>")).belief == Belief.of("smiling", "lipstick", "goatee")
    strong = state
    for _ in range(9):
        strong = apply_marks(strong, ("<much>", "<+smiling>"))
    assert strong.strength("smiling") == 2.0


# Ids and the tiny network -------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def tiny() -> Any:
    """A tiny network of the same classes, overfitted on a few simulated dialogues, and those dialogues."""
    import torch
    from tokenizers import Tokenizer

    from i2edit.dialogue.prompts import Codec
    from i2edit.dialogue.seq2seq import DialogueModel, Size, new_network, pad
    from i2edit.train.dialogue import pairs, teacher_forced

    torch.manual_seed(0)
    torch.set_num_threads(1)  # the network is too small to share
    codec = Codec(Tokenizer.from_file(str(SHIPPED / "tokenizer.json")))
    dialogues = [d for d in simulate(40, 8, "train") if not any(t.event for t in d.turns)][:2]
    data = [pair for d in dialogues for pair in pairs(codec, d, random.Random(0), 1.0, (128,))]
    network = new_network(codec.size, Size(64, 128, 4, 1, 1, dropout=0.0))
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    network.train()
    inputs, labels = pad([a for a, _ in data]), pad([b for _, b in data], -100)
    for _ in range(150):
        loss, _hidden = teacher_forced(network, inputs, labels, torch.ones(codec.size))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return DialogueModel(network, codec), dialogues


def test_a_tiny_network_learns_its_dialogues_through_the_real_path(tiny: Any) -> None:
    from i2edit.train.dialogue import joint_accuracy

    model, dialogues = tiny
    right, total = joint_accuracy(model, dialogues)
    assert right / total > 0.9 and model.malformed == 0


def test_saved_weights_load_and_hear_the_same(tiny: Any, tmp_path: Path) -> None:
    model, dialogues = tiny
    model.save(tmp_path)
    again = load_dialogue(tmp_path)
    for turn in dialogues[0].turns[:1]:
        assert again.track(Conversation(), turn.user).state == model.track(Conversation(), turn.user).state
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match=r"lacks tokenizer\.json"):
        load_dialogue(tmp_path)


def test_nothing_typed_becomes_a_control_token_and_any_text_has_ids(tiny: Any) -> None:
    from i2edit.dialogue.prompts import FIRST_WORD

    codec = tiny[0].codec
    for text in ("<+smiling> <op_undo> <end>", "çğü ß 漢字 \x07", "none; hairstyle: bangs", "[UNK] [PAD] ##ing"):
        ids = codec.words(text)
        assert ids and min(ids) >= FIRST_WORD


def test_replies_come_back_as_people_write_them(tiny: Any) -> None:
    from i2edit.data.phrases import replies

    codec = tiny[0].codec
    lines = [line for name in dir(replies) if name.isupper() for line in _strings(getattr(replies, name))]
    assert len(lines) > 1000
    wrong = [
        line for line in lines
        if "{" not in line and codec.text(codec.words(line)) != line[:1].upper() + line[1:]
    ]  # fmt: skip
    assert len(wrong) < 0.01 * len(lines), wrong


def _strings(table: Any) -> list[str]:
    if isinstance(table, tuple) and all(isinstance(line, str) for line in table):
        return list(table)
    return [line for lines in table.values() for line in lines] if isinstance(table, dict) else []


def test_what_training_computes_is_what_decoding_computes(tiny: Any) -> None:
    """The loss of the training loop against the same sum read off one decoder step after the other."""
    import torch

    from i2edit.dialogue.prompts import FIRST_WORD
    from i2edit.dialogue.seq2seq import _Steps, pad
    from i2edit.train.dialogue import pairs, teacher_forced

    model, dialogues = tiny
    rows = list(pairs(model.codec, dialogues[0], random.Random(0), 1.0, (128,)))[:4]
    inputs, labels = pad([a for a, _ in rows]), pad([b for _, b in rows], -100)
    with torch.no_grad():
        loss, _hidden = teacher_forced(model.network, inputs, labels, torch.ones(model.codec.size))
        total, count = 0.0, 0
        for source, target in rows:
            step, last = _Steps(model.network, pad([source])), torch.zeros(1, dtype=torch.long)
            size = FIRST_WORD if max(target) < FIRST_WORD else model.codec.size
            for token in target:
                total -= torch.log_softmax(step(last)[0, :size], 0)[token].item()
                last, count = torch.tensor([token]), count + 1
    assert loss.item() == pytest.approx(total / count, rel=1e-3)


def test_stored_rows_are_close_to_the_weights(tiny: Any) -> None:
    from i2edit.dialogue.seq2seq import pack, unpack

    state = {name: tensor.detach() for name, tensor in tiny[0].network.state_dict().items()}
    back = unpack(pack(state))
    assert set(back) == set(state)
    for name, tensor in state.items():
        assert (back[name] - tensor.float()).abs().max() <= tensor.abs().max() / 200 + 1e-6, name


def test_the_target_without_control_tokens_is_the_text_form(tiny: Any) -> None:
    from i2edit.dialogue.prompts import belief_text, marks_of

    codec = tiny[0].codec
    heard = hear_marks(Conversation(), ("<change>", "<less>", "<+smiling>", "<+pale skin>", "<+lipstick>"))
    ids = codec.state_target(heard)
    assert belief_text(ids) == heard.state.belief.text and marks_of(ids) == heard.marks
    assert belief_text(codec.state_target(Heard(EditState(), marks=("<none>",)))) == "none"


def test_a_malformed_target_keeps_the_belief_and_is_counted(tiny: Any) -> None:
    from i2edit.dialogue.prompts import ID

    model = tiny[0]
    conv = Conversation().event({"type": "set", "value": "bangs"})
    before = model.malformed
    for bad in (
        [],
        [ID["<change>"]],
        [ID["<none>"], ID["<+goatee>"], ID["none"], 1],
        [ID["<change>"], ID["<+goatee>"], ID["beard:"], 1],
    ):
        heard = model._hear(conv, bad)
        assert not heard.understood and heard.state == conv.state
    assert model.malformed == before + 4
    conv = conv.hear("gibberish", heard)
    assert "?" in model.respond(conv, heard, Outcome()).text


def test_old_exchanges_leave_the_window_but_not_the_belief(tiny: Any) -> None:
    from i2edit.dialogue.prompts import ID, WINDOW, Codec

    codec: Codec = tiny[0].codec
    conv = say(Conversation(), "<+goatee>")
    for _ in range(60):
        conv = conv.hear("what a lovely day it is today", hear_marks(conv, ("<none>",))).reply(
            Spoken("Indeed.", Act("next"))
        )
    ids = codec.state_input(conv, "thanks")
    assert len(ids) <= WINDOW and ID["goatee"] in ids and ids.count(ID["<user>"]) < 60


def test_messages_that_cannot_be_taken(tiny: Any) -> None:
    model = tiny[0]
    for bad in ("", "   \n", "a" * 1001, "a! " * 200):
        with pytest.raises(MessageError):
            model.track(Conversation(), bad)


def test_emoji_and_other_scripts_change_nothing(tiny: Any) -> None:
    model = tiny[0]
    conv = Conversation().event({"type": "set", "value": "bangs"})
    for text, intent in (("😀😀", "none"), ("!!!", "none"), ("улыбнись, пожалуйста", "foreign"), ("笑って", "foreign")):
        heard = model.track(conv, text)
        assert heard.state == conv.state and heard.intent == intent and heard.understood


def test_import_is_light() -> None:
    code = "import i2edit.dialogue, i2edit.ontology, i2edit.records, sys; print('torch' in sys.modules, 'transformers' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "False"]


# What the shipped weights promise -----------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def shipped() -> Any:
    return load_dialogue()


def talk(model: Any, *texts: str, conv: Conversation | None = None) -> Conversation:
    """Say the texts one after the other; everything asked for is made."""
    conv = conv or Conversation()
    for text in texts:
        before = conv.state.belief
        heard = model.track(conv, text)
        conv = conv.hear(text, heard)
        after = heard.state.belief
        outcome = Outcome(tuple(v for v in after if v not in before), (), tuple(v for v in before if v not in after))
        conv = conv.reply(model.respond(conv, heard, outcome))
    return conv


def test_size_of_the_shipped_weights() -> None:
    assert (SHIPPED / "model.safetensors").stat().st_size < 30e6
    assert (SHIPPED / "README.md").read_text().count("joint accuracy")


@pytest.mark.parametrize(
    "text, belief",
    [
        ("smile a bit and give me bangs", ("smiling", "bangs")),
        ("Blond hair and lipstick please", ("blond hair", "lipstick")),
        ("blond, no wait, black", ("black hair",)),
        ("make her angry", ("angry",)),
        ("give me a full beard", ("mustache", "goatee")),
        ("stop smiling", ("no smiling",)),
        ("don't touch the hair, just a smile", ("smiling",)),
        ("make me younger", ()),
        ("what can you do?", ()),
        ("thanks!", ()),
        ("I want a beard", ()),
        ("Mach mich blond, bitte", ()),
        ("smile 😀 please", ("smiling",)),
    ],
)
def test_first_turns(shipped: Any, text: str, belief: tuple[str, ...]) -> None:
    assert talk(shipped, text).state.belief == Belief.of(*belief)


def test_strength_of_the_example(shipped: Any) -> None:
    state = talk(shipped, "smile a bit and give me bangs").state
    assert state.strength("smiling") == 0.6 and state.strength("bangs") == 1.0


def test_yes_and_no_bind_to_the_suggestion(shipped: Any) -> None:
    conv = talk(shipped, "give me bangs")
    offered = conv.reply(Spoken("Done. How about earrings?", Act.suggest("earrings")))
    assert talk(shipped, "yes please", conv=offered).state.belief == Belief.of("bangs", "earrings")
    no = talk(shipped, "no thanks", conv=offered)
    assert no.state.belief == Belief.of("bangs") and "earrings" in no.declined
    asked = conv.reply(Spoken("Done. Do you want to change the makeup?", Act("request", "makeup")))
    assert talk(shipped, "yes", conv=asked).state.belief == Belief.of("bangs")


def test_undo_ten_deep_in_words(shipped: Any) -> None:
    asks = ["give me a smile", "add bangs", "add a goatee", "lipstick please", "add earrings", "make my skin pale", "dye my hair black",
            "add sideburns", "give me big lips", "add a mustache"]  # fmt: skip
    states = [EditState()]
    conv = Conversation()
    for ask in asks:
        conv = talk(shipped, ask, conv=conv)
        states.append(conv.state)
    assert len({s.belief for s in states}) == 11
    for depth in range(10):
        conv = talk(shipped, "undo", conv=conv)
        assert conv.state == states[9 - depth]


def test_an_edit_of_turn_one_survives_sixty_turns(shipped: Any) -> None:
    conv = talk(shipped, "give me a goatee")
    fillers = [
        "thanks",
        "looks great",
        "add bangs",
        "remove the bangs",
        "what can you do?",
        "make my skin pale",
        "undo",
    ]
    for index in range(60):
        text = fillers[index % len(fillers)]
        conv = conv.hear(text, shipped.track(conv, text)).reply(
            Spoken("Done. What else do you want to edit?", Act("next"))
        )
        assert "goatee" in conv.state.belief, (index, text)
    assert len(conv.turns) == 61


def test_replies_suggest_nothing_present_excluded_or_blocked(shipped: Any) -> None:
    conv = Conversation()
    heard = shipped.track(conv, "give me bangs")
    conv = conv.hear("give me bangs", heard)
    present, blocked = frozenset({"smiling", "earrings"}), frozenset({"goatee", "mustache", "lipstick"})
    texts = set()
    for seed in range(12):
        spoken = shipped.respond(conv, heard, Outcome(made=("bangs",)), present=present, blocked=blocked, seed=seed)
        assert spoken == shipped.respond(
            conv, heard, Outcome(made=("bangs",)), present=present, blocked=blocked, seed=seed
        )
        assert spoken.act.value not in present | blocked | {"bangs"} | EXCLUDES["bangs"]
        texts.add(spoken.text)
    assert len(texts) > 5


def test_a_failed_edit_is_admitted(shipped: Any) -> None:
    conv = Conversation()
    heard = shipped.track(conv, "give me a goatee and bangs")
    conv = conv.hear("give me a goatee and bangs", heard)
    for seed in range(6):
        spoken = shipped.respond(conv, heard, Outcome(made=("bangs",), failed=("goatee",)), seed=seed)
        assert "goatee" in spoken.text
        assert any(word in spoken.text.lower() for word in ("sorry", "couldn't", "didn't", "unfortunately", "did not"))


# The paper's own example (Figure 9): what is said, what the editor answers, what is wanted by then.
FIGURE_9 = (
    ("Please try to look pale.", "Done. What else do you want to manipulate?", "makeup: pale skin"),
    (
        "Let me have a look. Emm we should try black hair.", "This is it. What else do you want to edit?",
        "hair color: black hair; makeup: pale skin",
    ),
    (
        "Make her angry.", "It's done. Do you want to manipulate the makeup?",
        "expression: angry; hair color: black hair; makeup: pale skin",
    ),
    (
        "Yep sure. I want to see what I look like with a beautiful lip color.", "Ok, finished. What else do you want to try?",
        "expression: angry; hair color: black hair; makeup: lipstick, pale skin",
    ),
)  # fmt: skip


def test_the_papers_example_is_tracked_perfectly(shipped: Any) -> None:
    conv = Conversation()
    for text, reply, belief in FIGURE_9:
        heard = shipped.track(conv, text)
        assert heard.state.belief.text == belief
        conv = conv.hear(text, heard).reply(Spoken(reply, Act("next")))


def test_the_papers_example_is_in_no_training_bank() -> None:
    def plain(text: str) -> set[str]:
        return {" ".join(re.findall(r"[a-z']+", part)) for part in re.split(r"[.!?] ?", text.lower())} - {""}

    learned = {part for frames in phrases.families("more").values() for frame in frames for part in plain(frame)}
    learned |= {part for line in whole.read() for part in plain(line.text)}
    assert not learned & {part for text, _, _ in FIGURE_9 for part in plain(text)}


def test_a_reply_that_stammers_is_not_said() -> None:
    outcome = Outcome(made=("smiling",), failed=("bangs",))
    fine = "The smile worked, but sorry, the bangs did not show. What else?"
    assert is_true(fine, Act("next"), outcome, Belief.of("smiling", "bangs"))
    again = "The smile worked, sorry, not the bangs with the smile and the smile. What else?"
    assert not is_true(again, Act("next"), outcome, Belief.of("smiling", "bangs"))


def test_a_step_of_the_decoder_is_that_of_transformers() -> None:
    from i2edit.dialogue.prompts import PAD
    from i2edit.dialogue.seq2seq import Size, _Steps, new_network

    torch.manual_seed(5)
    network = new_network(300, Size(24, 48, 4, 2, 2, positions=64)).eval()
    inputs = torch.randint(PAD + 1, 300, (2, 9))
    inputs[1, 6:] = PAD
    ids = torch.randint(PAD + 1, 300, (2, 5))
    ids[:, 0] = PAD
    with torch.no_grad():
        mask = (inputs != PAD).long()
        whole = network(input_ids=inputs, attention_mask=mask, decoder_input_ids=ids, use_cache=False).logits
        step = _Steps(network, inputs, copies=3)
        for position in range(ids.shape[1]):
            scores = step(ids[:, position].repeat_interleave(3))
            assert torch.allclose(scores[::3], whole[:, position], atol=1e-5) and torch.equal(scores[0], scores[2])
        assert torch.allclose(_Steps(network, inputs, size=40)(ids[:, 0]), whole[:, 0, :40], atol=1e-5)


def test_what_was_taken_off_is_not_said_to_be_restored() -> None:
    outcome, belief = Outcome(removed=("bangs",)), Belief.of("smiling")
    for text in ("I've restored bangs. What else comes to mind?", "I brought back the bangs."):
        assert not is_true(text, Act("next"), outcome, belief), text
    for text in ("I've rolled back bangs.", "Without bangs, restored to how it was.", "The bangs are off again."):
        assert is_true(text, Act("next"), outcome, belief), text
