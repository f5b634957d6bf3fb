"""The modes: what multi-turn and single-turn do to the same wishes, on tiny networks of the shipped classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_bench import Tracker, found_faces, turn

from i2edit.bench.table4 import predicted_states, states_of
from i2edit.chat import Chat
from i2edit.edit.directions import Layer
from i2edit.errors import MessageError
from i2edit.images import to_image, to_tensor
from i2edit.modes import (
    Change,
    View,
    change,
    change_layers,
    draw,
    from_dialogue,
    multi_turn,
    prompt,
    single_turn,
    texts,
)
from i2edit.ontology import Belief, EditState
from i2edit.records import Act, Dialogue, Turn

torch.set_num_threads(1)
NewChat = Callable[..., Chat]
of = EditState.of


def equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.equal(a, b)


# ------------------------------------------------------------------------------------------------ a turn's change


@pytest.mark.parametrize(
    ("before", "after", "wanted", "back"),
    [
        (of(), of("bangs", "smiling"), of("smiling", "bangs"), of()),
        (of("bangs"), of("bangs"), of(), of()),
        (of("bangs"), of("bangs", "lipstick"), of("lipstick"), of()),
        (of("bangs", "lipstick"), of("lipstick"), of(), of("bangs")),
        (of("blond hair"), of("black hair"), of("black hair"), of()),  # replaced, not taken back
        (of("lipstick", "rosy cheeks"), of("no makeup"), of("no makeup"), of()),
        (of("blond hair", "bangs"), of(), of(), of("blond hair", "bangs")),  # start over
        (of("bangs"), of("bangs").with_strength("bangs", 1.5), of("bangs").with_strength("bangs", 0.5), of()),
        (of("bangs"), of("bangs").with_strength("bangs", 0.6), of(), of("bangs").with_strength("bangs", 0.4)),
    ],
)
def test_a_turn_asks_for_the_difference(
    before: EditState, after: EditState, wanted: EditState, back: EditState
) -> None:
    asked = change(before, after)
    assert (asked.wanted.belief, asked.taken_back.belief) == (wanted.belief, back.belief)
    for found, meant in ((asked.wanted, wanted), (asked.taken_back, back)):
        assert [found.strength(v) for v in found.belief] == pytest.approx([meant.strength(v) for v in meant.belief])
    assert bool(asked) == (before != after)


def test_what_is_taken_back_goes_the_other_way(new_chat: NewChat) -> None:
    chat = new_chat()
    method, w = chat.editor.directions, chat.w_raw
    there = change_layers(method, w, Change(of("smiling"), of()))[0].w
    back = change_layers(method, w, Change(of(), of("smiling")))[0].w
    assert torch.allclose(there - w, w - back, atol=1e-6)
    logits = [method.logits(x)["smiling"] for x in (back, w, there)]
    assert logits[0] < logits[1] < logits[2]


# ------------------------------------------------------------------------------------------------ multi-turn


def test_multi_turn_is_what_a_chat_shows(new_chat: NewChat) -> None:
    chat = new_chat()
    state = of("smiling", "goatee", "black hair").with_strength("goatee", 0.6)
    shown = multi_turn(chat.editor, chat.editor.directions, View.of(chat), state)
    assert to_image(shown.crop).tobytes() == chat.picture(state).crop.tobytes()


def test_nothing_wanted_is_the_photo_itself_or_the_generators_view_of_it(new_chat: NewChat) -> None:
    chat = new_chat()
    view = View.of(chat)
    assert equal(multi_turn(chat.editor, chat.editor.directions, view, of()).crop, chat.crop)
    plain = multi_turn(chat.editor, chat.editor.directions, view, of(), compositing=False)
    assert equal(plain.crop, to_tensor(to_image(chat.raw))) and equal(plain.w, chat.w_raw)


def test_without_compositing_the_picture_is_the_generators(new_chat: NewChat) -> None:
    chat = new_chat()
    state = of("smiling", "goatee", "bangs")
    shown = multi_turn(chat.editor, chat.editor.directions, View.of(chat), state, compositing=False)
    w = chat.editor.directions.edit(chat.w_raw, state)
    assert torch.allclose(shown.w, w, atol=1e-5)
    assert equal(shown.crop, to_tensor(to_image(chat.editor.picture(shown.w[None]))))


# ------------------------------------------------------------------------------------------------ single-turn


class Counted:
    """The tiny inverter, and what it was given."""

    def __init__(self, inverter: Any) -> None:
        self.inverter, self.crops = inverter, []

    def __call__(self, crop: torch.Tensor, landmarks: torch.Tensor, **more: Any) -> Any:
        self.crops.append(crop)
        return self.inverter(crop, landmarks, **more)


@pytest.fixture
def faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2edit.align.find_faces", found_faces)


STATES = [of("smiling"), of("smiling"), of("smiling", "bangs"), of("smiling", "bangs", "lipstick")]


@pytest.mark.parametrize("compositing", [True, False])
@pytest.mark.parametrize("chain", [True, False])
def test_the_first_turn_is_the_same_in_every_mode(
    new_chat: NewChat, faces: None, chain: bool, compositing: bool
) -> None:
    chat = new_chat()
    view, method = View.of(chat), chat.editor.directions
    first = single_turn(chat.editor, method, view, STATES[:1], chain_w=chain, compositing=compositing)[0]
    assert equal(first.crop, multi_turn(chat.editor, method, view, STATES[0], compositing=compositing).crop)


def test_single_turn_goes_on_from_the_output_picture(new_chat: NewChat, faces: None) -> None:
    chat = new_chat()
    counted = Counted(chat.editor.inverter)
    chat.editor.inverter = counted  # type: ignore[assignment]
    view, method = View.of(chat), chat.editor.directions
    shown = single_turn(chat.editor, method, view, STATES)
    assert equal(shown[1].crop, shown[0].crop)  # a turn without a wish
    assert len(counted.crops) == 2  # before the third and the fourth turn: the last output needs no w
    assert equal(counted.crops[0], shown[0].crop) and equal(counted.crops[1], shown[2].crop)
    assert equal(shown[0].crop, to_tensor(to_image(shown[0].crop)))  # an ordinary 8-bit picture
    w = chat.editor.inverter.inverter(
        shown[0].crop, torch.from_numpy(found_faces(to_image(shown[0].crop))[0].landmarks).float()
    ).w_raw
    assert torch.allclose(shown[2].w, w + method.edit(w, of("bangs")) - w, atol=1e-5)
    assert not equal(shown[3].crop, multi_turn(chat.editor, method, view, STATES[-1]).crop)


def test_single_turn_w_hands_on_w_and_inverts_nothing(new_chat: NewChat, faces: None) -> None:
    chat = new_chat()
    counted = Counted(chat.editor.inverter)
    chat.editor.inverter = counted  # type: ignore[assignment]
    method = chat.editor.directions
    shown = single_turn(chat.editor, method, View.of(chat), STATES, chain_w=True, compositing=False)
    w = chat.w_raw
    for values in ("smiling", "bangs", "lipstick"):
        w = method.edit(w, of(values))
    assert not counted.crops and torch.allclose(shown[-1].w, w, atol=1e-5)


def test_a_face_that_is_lost_is_looked_for_where_it_was(new_chat: NewChat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2edit.align.find_faces", lambda image: [])
    chat = new_chat()
    shown = single_turn(chat.editor, chat.editor.directions, View.of(chat), STATES, chain_w=True)
    assert len(shown) == 4


def test_wishes_that_never_came_leave_the_photo(new_chat: NewChat) -> None:
    chat = new_chat()
    shown = single_turn(chat.editor, chat.editor.directions, View.of(chat), [of(), of()])
    assert all(equal(one.crop, chat.crop) for one in shown)


# ------------------------------------------------------------------------------------------------ the dialogue as a prompt


class TwelveWords:
    """Takes up to twelve words."""

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        for text in texts:
            if len(text.split()) > 12:
                raise MessageError("Please say it more briefly.")
        return torch.zeros(len(texts), 1)

    def embed_images(self, pictures: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(pictures), 1)


class ByLength:
    """A text method that moves w by the number of words."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.image_text = TwelveWords()

    def layers(self, w_raw: torch.Tensor, state: EditState) -> list[Layer]:
        return []

    def find(self, w_raw: torch.Tensor, text: str) -> Any:
        self.heard.append(text)
        return SimpleNamespace(w=w_raw + 0.01 * len(text.split()))


SAID = ["make her smile please Done. What else?", "and bangs Here you are.", "thanks You are welcome."]


def test_the_oldest_words_are_left_out_and_counted() -> None:
    text, share = prompt(ByLength(), SAID)
    words = " ".join(SAID).split()
    assert text == " ".join(words[-12:]) and share == pytest.approx((len(words) - 12) / len(words))
    assert prompt(ByLength(), SAID[1:2]) == (SAID[1], 0.0) and prompt(ByLength(), []) == ("", 0.0)


def test_the_dialogue_as_a_prompt_says_all_turns_or_the_last(new_chat: NewChat, faces: None) -> None:
    chat = new_chat()
    view = View.of(chat)
    method = ByLength()
    shown, share = from_dialogue(chat.editor, method, view, SAID, "multi-turn")
    assert method.heard == [prompt(method, SAID)[0]] and share > 0
    assert len(shown) == 1 and torch.allclose(shown[0].w, chat.w_raw + 0.12)
    method = ByLength()
    shown, share = from_dialogue(chat.editor, method, view, SAID, "single-turn-w")
    assert method.heard == SAID and share == 0.0  # each turn's own text, on what the turn before it left
    assert len(shown) == 3 and torch.allclose(shown[-1].w, chat.w_raw + 0.01 * len(" ".join(SAID).split()), atol=1e-5)


def test_what_a_dialogue_says_is_user_and_system() -> None:
    button = Turn(Belief(), event={"type": "undo"})
    assert texts(Dialogue("a", "seed:1", (turn("smile", "smiling"), button))) == ["smile Done.", ""]


# ------------------------------------------------------------------------------------------------ inputs


def test_the_input_is_the_true_belief_or_the_trackers() -> None:
    dialogue = Dialogue(
        "a", "seed:1", (turn("+bangs", "bangs"), turn("+pale skin", "bangs", "pale skin"), turn("-bangs", "pale skin"))
    )
    assert [s.belief.values for s in states_of(dialogue)] == [("bangs",), ("bangs", "pale skin"), ("pale skin",)]
    assert [s.belief.values for s in predicted_states(Tracker(), dialogue)] == [
        ("bangs",),
        ("bangs",),
        (),
    ]  # its own mistakes


def test_strengths_of_the_data_count() -> None:
    dialogue = Dialogue("a", "seed:1", (replace(turn("a bit", "bangs"), strength={"bangs": 0.6}),))
    assert states_of(dialogue)[0].strength("bangs") == 0.6


def test_replies_of_the_data_are_what_a_yes_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracker hears "yes" after the suggestion that the data made, in a conversation of its own beliefs."""
    seen: list[Sequence[Any]] = []

    class Listening(Tracker):
        def track_many(self, pairs: Sequence[Any]) -> list[Any]:
            seen.extend(pairs)
            return super().track_many(pairs)

    first = turn("+bangs", "bangs")
    first = replace(first, act=Act.suggest("lipstick"), system="Lipstick?")
    predicted_states(Listening(), Dialogue("a", "seed:1", (first, turn("yes", "bangs", "lipstick"))))
    assert seen[1][0].suggestion == "lipstick" and seen[1][0].state == of("bangs")


def test_drawing_does_not_touch_the_view(new_chat: NewChat) -> None:
    chat = new_chat()
    view = View.of(chat)
    before = [x.clone() for x in (view.crop, view.w, view.raw)]
    draw(chat.editor, view, chat.editor.directions.layers(view.w, of("smiling", "pale skin")), True)
    assert all(equal(a, b) for a, b in zip(before, (view.crop, view.w, view.raw), strict=True))
    assert np.isfinite(before[0].numpy()).all()
