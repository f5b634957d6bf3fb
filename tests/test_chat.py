"""What a conversation promises: a picture is a function of the photo and the edit state, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Pictures
from PIL import Image

from i2edit import chat as chat_module
from i2edit.chat import MESSAGE_LIMIT, NOT_FOR_CHILDREN, REMEMBERED, Chat, Editor, check_message
from i2edit.dialogue.check import is_true, mentions
from i2edit.dialogue.prompts import MAX_CHARACTERS
from i2edit.errors import DataError, FaceTooSmall, MessageError, NoFaceFound
from i2edit.invert import Inversion
from i2edit.ontology import Belief, EditState
from i2edit.records import Act, Outcome

torch.set_num_threads(1)  # the networks are too small to share
NewChat = Callable[..., Chat]


@pytest.fixture
def vivid(small_editor: Editor) -> Editor:
    """The small editor, with a generator that makes more of every step: its edits can be seen."""
    plain = small_editor.picture
    small_editor.picture = Pictures(plain.synthesis, lambda w: plain(5 * w))  # type: ignore
    return small_editor


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.mode == b.mode == "RGB" and a.size == b.size and a.tobytes() == b.tobytes()


def made_again(chat: Chat) -> Image.Image:
    """The picture of now, from scratch."""
    chat.forget_pictures()
    return chat.image


# ------------------------------------------------------------------------------------------------ state → picture

TEN = (
    "+smiling", "+angry", "+sad", "+no smiling", "+lipstick",
    "+smiling", "+angry", "+goatee", "+sad", "-goatee, +bangs",
)  # fmt: skip


def test_the_newest_pictures_can_be_kept(new_chat: NewChat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = new_chat()
    states = [EditState.of(*values) for values in (("bangs",), ("smiling",), ("bangs", "smiling"))]
    made = [chat.picture(state).image for state in states]
    each = chat.photo.width * chat.photo.height + (
        0 if chat.generated else chat.aligned.crop.width * chat.aligned.crop.height
    )
    chat.forget_pictures(2 * each + 5)
    drawn: list[EditState] = []
    draw = chat._draw
    monkeypatch.setattr(chat, "_draw", lambda state: drawn.append(state) or draw(state))  # type: ignore[func-returns-value]
    again = [chat.picture(state).image for state in reversed(states)]
    assert drawn == states[:1] and again[0] is made[2] and again[1] is made[1]
    assert np.array_equal(np.asarray(again[2]), np.asarray(made[0]))


def test_undo_ten_deep_and_redo_restore_every_picture_bit_for_bit(new_chat: NewChat) -> None:
    chat = new_chat()
    states, shown = [chat.state], [chat.image]
    for text in TEN:
        reply = chat.say(text)
        states.append(reply.state)
        shown.append(reply.image)
    assert len({image.tobytes() for image in shown}) == 11  # each request changed the picture
    chat.forget_pictures()
    for depth in range(9, -1, -1):
        reply = chat.say("undo") if depth % 2 else chat.undo()  # in words or by a button
        assert reply.state == states[depth] and same(reply.image, shown[depth])
    assert same(chat.undo().image, chat.photo)  # nothing is left to undo
    chat.forget_pictures()
    for depth in (1, 2, 3):
        reply = chat.redo() if depth % 2 else chat.say("redo")
        assert reply.state == states[depth] and same(reply.image, shown[depth])


def test_undo_brings_back_what_was_replaced_taken_away_or_weakened(new_chat: NewChat) -> None:
    chat = new_chat()
    before = chat.say("+smiling, less +goatee").image
    for change in ("+angry", "-goatee", "reset"):
        assert not same(chat.say(change).image, before)
        chat.forget_pictures()
        assert same(chat.undo().image, before) and chat.state.strength("goatee") == 0.6


def test_the_same_state_by_two_conversations_is_the_identical_picture(new_chat: NewChat) -> None:
    one, other = new_chat(), new_chat()
    one.say("+bangs, less +smiling")
    one.say("+pale skin")
    one.say("undo")
    other.event({"type": "set", "value": "smiling", "strength": 0.6})
    other.say("+lipstick", seed=7)
    other.say("how nice", seed=8)
    other.say("-lipstick")
    other.say("+bangs")
    assert one.state == other.state and one.conversation != other.conversation
    one.forget_pictures()
    other.forget_pictures()
    first, second = one.picture(one.state), other.picture(other.state)
    assert same(first.image, second.image) and same(first.crop, second.crop)
    assert (first.change, first.identity_distance) == (second.change, second.identity_distance)


def test_the_order_of_requests_does_not_matter(new_chat: NewChat) -> None:
    chat = new_chat()
    pictures = set()
    for order in permutations(("lipstick", "bangs", "smiling")):
        chat.reset()
        for value in order:
            chat.conversation = chat.conversation.event({"type": "set", "value": value})
        pictures.add(made_again(chat).tobytes())
    assert len(pictures) == 1


@pytest.mark.parametrize("generated", [False, True])
def test_the_empty_belief_is_the_photo_itself(new_chat: NewChat, generated: bool) -> None:
    chat = new_chat(generated=generated)
    photo = np.array(chat.photo)
    assert np.array_equal(np.asarray(chat.image), photo)
    edited = np.asarray(chat.say("+bangs, +pale skin").image)
    assert not np.array_equal(edited, photo)
    if not generated:
        inside = np.zeros(photo.shape[:2], dtype=bool)
        inside[18:279, 18:279] = True  # the crop, with a pixel or two of the warp
        assert np.array_equal(edited[~inside], photo[~inside])
    for back in ("-bangs, -pale skin", "reset", "hello"):
        reply = chat.say(back)
        assert not reply.belief and reply.identity_distance == 0.0
        assert np.array_equal(np.asarray(made_again(chat)), photo)


def test_an_edit_of_turn_one_survives_sixty_turns(new_chat: NewChat) -> None:
    chat = new_chat()
    first = chat.say("+goatee").image
    others = ("+bangs", "what a day", "-bangs", "+angry", "+smiling", "-smiling", "thanks", "+lipstick", "undo")
    for turn in range(59):
        chat.say(others[turn % len(others)])
        assert "goatee" in chat.belief
    chat.say("-bangs, -angry, -smiling, -lipstick")
    assert chat.state == EditState.of("goatee") and len(chat.conversation.turns) == 61
    assert same(made_again(chat), first)  # nothing decayed


def test_pictures_handed_out_are_the_callers_own(new_chat: NewChat) -> None:
    """`reply.image.thumbnail(…)`, which works in place, reached the chat's photo and its remembered pictures."""
    chat = new_chat()
    edited = chat.say("+bangs").image.tobytes()
    for image in (chat.say("thanks").image, chat.image, chat.undo().image, chat.image):
        image.thumbnail((20, 20))
    assert chat.photo.size == (320, 300) and same(chat.image, chat.photo)
    assert chat.redo().image.tobytes() == edited


def test_large_photos_are_not_remembered_many_times(new_chat: NewChat, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four turns on a photo of 100 megapixels took 3.3 GB."""
    chat = new_chat()
    pixels = chat.photo.width * chat.photo.height
    shown = {}
    for room, kept in ((pixels - 1, 1), (2 * pixels, 2), (1000 * pixels, 3)):
        monkeypatch.setattr(chat_module, "REMEMBERED_PIXELS", room)
        for text in ("+bangs", "undo", "+lipstick"):
            picture = chat.say(text).image.tobytes()
            assert shown.setdefault(chat.state, picture) == picture
        assert len(chat._pictures) == kept <= REMEMBERED
        chat.reset()
        chat.forget_pictures()


# ------------------------------------------------------------------------------------------------ turns


def test_a_reply_says_what_was_made_and_where_the_time_went(new_chat: NewChat, vivid: Editor) -> None:
    chat = new_chat()
    reply = chat.say("less +bangs, +goatee")
    assert reply.outcome == Outcome(made=("bangs", "goatee")) and reply.belief == Belief.of("bangs", "goatee")
    assert reply.state.strength("bangs") == 0.6 and reply.text == "I see 2 wishes." and reply.act == Act("next")
    assert set(reply.parts) >= {"track", "generate", "render", "respond"}
    assert 0 < sum(reply.parts.values()) <= reply.seconds
    again = chat.say("+bangs, -goatee")  # there already
    assert again.outcome == Outcome(removed=("goatee",))
    assert chat.conversation.turns[-1].system == again.text


def test_a_change_that_nobody_can_see_is_told_and_admitted(
    new_chat: NewChat, small_editor: Editor, untaught: Any
) -> None:
    small_editor.dialogue = untaught
    chat = new_chat()
    reply = chat.say("+lipstick")  # this generator hardly follows w
    assert reply.outcome == Outcome(failed=("lipstick",)) and "lipstick" in reply.belief
    assert "lipstick" in mentions(reply.text)
    assert is_true(reply.text, reply.act, reply.outcome, reply.belief)
    assert not is_true("Done, lipstick it is.", Act("next"), reply.outcome, reply.belief)


@pytest.mark.parametrize("text", ["", " \n\t", "a" * (MESSAGE_LIMIT + 1), "a" * 10_000])
def test_a_message_that_cannot_be_taken_leaves_the_chat_as_it_was(new_chat: NewChat, text: str) -> None:
    chat = new_chat()
    before = chat.conversation
    with pytest.raises(MessageError, match="empty" if not text.strip() else "characters"):
        chat.say(text)
    assert chat.conversation is before


@pytest.mark.parametrize("where", ["track", "picture", "respond"])
def test_a_turn_that_fails_leaves_the_chat_as_it_was(
    new_chat: NewChat, small_editor: Editor, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("out of order")

    chat = new_chat()
    chat.say("+bangs")
    before, picture = chat.conversation, chat.image
    with monkeypatch.context() as patch:
        owner, name = (small_editor.picture, "with_features") if where == "picture" else (small_editor.dialogue, where)
        patch.setattr(owner, name, broken)
        with pytest.raises(RuntimeError):
            chat.say("+goatee")
        if where == "picture":
            with pytest.raises(RuntimeError):
                chat.event({"type": "set", "value": "goatee"})
    assert chat.conversation is before and same(made_again(chat), picture)
    assert chat.say("+goatee").belief == Belief.of("bangs", "goatee")


def test_the_chat_takes_what_the_dialogue_model_takes() -> None:
    """Messages of 1001 to 2000 characters failed only after the turns before them."""
    assert MESSAGE_LIMIT == MAX_CHARACTERS
    assert check_message("  smile \n") == "smile"
    assert check_message("sm\udcffle").isprintable()  # a byte that the terminal could not decode


# ------------------------------------------------------------------------------------------------ buttons


def test_buttons_are_exact_and_ask_no_model(new_chat: NewChat, vivid: Editor) -> None:
    vivid.dialogue = None  # type: ignore[assignment]
    chat = new_chat()
    steps: list[tuple[dict[str, Any], EditState, Outcome]] = [
        ({"type": "set", "value": "smiling"}, EditState.of("smiling"), Outcome(made=("smiling",))),
        ({"type": "set", "value": "angry", "strength": 1.5},
         EditState.of("angry").with_strength("angry", 1.5), Outcome(made=("angry",), removed=("smiling",))),
        ({"type": "strength", "value": "angry", "strength": 2}, EditState.of("angry").with_strength("angry", 2.0),
         Outcome(made=("angry",))),
        ({"type": "strength", "value": "bangs", "strength": 2}, EditState.of("angry").with_strength("angry", 2.0),
         Outcome()),
        ({"type": "remove", "value": "angry"}, EditState(), Outcome(removed=("angry",))),
        ({"type": "undo"}, EditState.of("angry").with_strength("angry", 2.0), Outcome(made=("angry",))),
        ({"type": "undo"}, EditState.of("smiling"), Outcome(made=("smiling",), removed=("angry",))),
        ({"type": "redo"}, EditState.of("angry").with_strength("angry", 2.0),
         Outcome(made=("angry",), removed=("smiling",))),
        ({"type": "reset"}, EditState(), Outcome(removed=("angry",))),
    ]  # fmt: skip
    for event, state, outcome in steps:
        reply = chat.event(event)
        assert (reply.state, chat.state, reply.outcome) == (state, state, outcome), event
        assert same(reply.image, made_again(chat))
        assert chat.conversation.turns[-1].event is not None  # so that the tracker sees it
        named = mentions(reply.text)
        assert named == {*outcome.made, *outcome.removed} or reply.text == "Nothing to change there."
    before = chat.conversation
    for bad in (
        {},
        {"type": "paint"},
        {"type": "set", "value": "wings"},
        {"type": "set", "value": "bangs", "strength": 9},
    ):
        with pytest.raises(DataError):
            chat.event(bad)
    assert chat.conversation is before


def test_a_sentence_after_a_button_does_not_bring_back_what_it_took(new_chat: NewChat) -> None:
    chat = new_chat()
    chat.say("+bangs, +goatee")
    chat.event({"type": "remove", "value": "bangs"})
    assert chat.say("+smiling").belief == Belief.of("smiling", "goatee")


# ------------------------------------------------------------------------------------------------ faces


@pytest.fixture
def child(new_chat: NewChat, small_editor: Editor, sample_w: Callable[[int], torch.Tensor]) -> NewChat:
    """→ a chat about a face that looks like a child's."""
    logit = {seed: small_editor.directions.logits(sample_w(seed))["child"] for seed in range(100)}
    seed = max(logit, key=lambda seed: logit[seed])
    return lambda: new_chat(seed)


def test_a_childs_face_gets_no_beard_and_no_makeup(child: NewChat, scripted: Any) -> None:
    chat = child()
    assert chat.blocked == NOT_FOR_CHILDREN
    reply = chat.say("+smiling, +goatee, +lipstick")
    assert reply.text.startswith("This looks like a child to me, so I leave goatee and lipstick out. ")
    assert set(reply.outcome.failed) >= {"goatee", "lipstick"}
    told, present, blocked = scripted.told[-1]
    assert not NOT_FOR_CHILDREN & {*told.made, *told.failed} and blocked == NOT_FOR_CHILDREN and present >= chat.present
    other = child()
    assert same(reply.image, other.say("+smiling").image) and "child" not in other.say("+bangs").text
    assert same(other.say("reset, +heavy makeup").image, other.photo)
    assert "child" not in chat.say("thanks").text  # said once


def test_buttons_decline_on_a_childs_face_too(child: NewChat) -> None:
    """They said "Could not be made visible on this face"."""
    chat = child()
    reply = chat.event({"type": "set", "value": "mustache"})
    assert reply.text == "This looks like a child to me, so I leave mustache out."
    assert same(reply.image, chat.photo)


def test_a_grown_ups_face_is_not_blocked(new_chat: NewChat) -> None:
    chat = new_chat(1)
    assert chat.blocked == frozenset() and "child" not in chat.say("+goatee, +lipstick").text


@pytest.fixture
def faces(monkeypatch: pytest.MonkeyPatch, mean_landmarks: np.ndarray) -> list[Any]:
    """What the face detector finds in any photo, to be filled; it is not asked, as its landmarks are downloaded."""
    from i2edit import align

    found: list[Any] = []
    monkeypatch.setattr(align, "find_faces", lambda image: found)

    def add(left: float, side: float) -> None:
        points = mean_landmarks * side + left
        found.append(align.Face((*points.min(0), *points.max(0)), points, 1.0))

    add(20, 260)
    add(150, 140)
    return found


def test_several_faces_the_note_says_which_was_taken(
    small_editor: Editor, faces: list[Any], sample_w: Callable[[int], torch.Tensor]
) -> None:
    small_editor.inverter = lambda *args, **more: Inversion(sample_w(1), 0.1, 0.1, 0.0)  # type: ignore[assignment]
    photo = Image.effect_noise((300, 300), 60)
    chat = small_editor.open(photo)
    assert chat.notes == ("2 faces found; taking number 1, the most prominent one. --face N takes another.",)
    second = small_editor.open(photo, face=2)
    assert second.notes == () and second.aligned.quad[0, 0] > chat.aligned.quad[0, 0]
    assert same(second.image, photo.convert("RGB")) and not second.belief
    with pytest.raises(NoFaceFound, match="no face number 3: 2 faces were found"):
        small_editor.open(photo, face=3)
    faces[:] = [faces[1]]
    assert small_editor.open(photo).notes == ()
    faces[0].landmarks[:] *= 0.05
    with pytest.raises(FaceTooSmall):
        small_editor.open(photo)


# ------------------------------------------------------------------------------------------------ as it ships


@pytest.mark.weights
def test_the_shipped_editor_draws_a_state_the_same_every_time(
    editor: Editor, fresh: Callable[[], Chat], scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editor, "dialogue", scripted)
    torch.set_num_threads(2)
    one, other = fresh(), fresh()
    first = one.say("+bangs").image
    both = one.say("less +smiling, +blond hair").image
    one.forget_pictures()
    assert same(one.undo().image, first)
    other.say("+black hair, less +smiling")
    other.say("+bangs, +blond hair")
    assert same(made_again(other), both)
    assert same(other.reset().image, other.photo)


@pytest.mark.weights
def test_the_shipped_partner_undoes_in_words(fresh: Callable[[], Chat]) -> None:
    chat = fresh()
    first = chat.say("give me bangs")
    assert first.belief == Belief.of("bangs") and "bangs" in first.outcome.made
    chat.say("lipstick please")
    chat.forget_pictures()
    assert same(chat.say("undo").image, first.image)
