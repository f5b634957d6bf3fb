"""Sessions outlive the process: stored before shown, resumed bit for bit, never lost, doubled or left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from i2edit.chat import Chat, Editor
from i2edit.errors import MessageError, NoSuchSession
from i2edit.sessions import keep, resume
from i2edit.store import Store

torch.set_num_threads(1)
NewChat = Callable[..., Chat]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@pytest.mark.parametrize("generated", [False, True])
def test_a_resumed_chat_goes_on_bit_for_bit(
    store: Store, new_chat: NewChat, small_editor: Editor, generated: bool, tmp_path: Path
) -> None:
    session = keep(store, new_chat(generated=generated))
    for text in ("+bangs, less +smiling", "+lipstick", "undo", "+goatee"):
        session.say(text)
    session.event({"type": "strength", "value": "bangs", "strength": 1.7})
    session.undo()
    before = session.chat
    again = resume(Store(tmp_path / "data"), small_editor, session.id)
    assert again.chat.conversation == before.conversation and again.version == 6
    assert again.image.tobytes() == before.image.tobytes()
    assert (again.chat.notes, again.chat.opening, again.chat.unfit) == (before.notes, before.opening, before.unfit)
    for text in ("redo", "+sad", "undo"):
        one = session.say(text)
        again.sync()
        assert again.image.tobytes() == one.image.tobytes() and again.chat.conversation == before.conversation
    for kept, turn in zip(again.turns, again.chat.conversation.turns, strict=True):
        assert kept.turn == turn and again.reply(kept).text == kept.text


def test_a_repeated_key_is_one_turn(store: Store, new_chat: NewChat) -> None:
    session = keep(store, new_chat())
    first = session.say("+bangs", key="click-1")
    second = session.say("+bangs", key="click-1")
    assert session.version == store.version(session.id) == 1
    assert (second.text, second.image.tobytes()) == (first.text, first.image.tobytes())
    with pytest.raises(MessageError, match="another message"):
        session.say("+goatee", key="click-1")
    assert session.event({"type": "undo"}, key="click-2").belief == session.undo(key="click-2").belief
    assert session.version == 2


def test_what_is_deleted_is_gone(store: Store, new_chat: NewChat) -> None:
    session = keep(store, new_chat())
    session.say("+bangs, a-secret-that-nobody-should-read")
    assert any(b"a-secret-that" in path.read_bytes() for path in store.root.rglob("*") if path.is_file())
    session.delete()
    for path in store.root.rglob("*"):
        assert path.is_dir() or b"a-secret-that" not in path.read_bytes()
    assert not [path for path in (store.root / "blobs").rglob("*") if path.is_file()]
    with pytest.raises(NoSuchSession):
        session.say("+goatee")
    assert store.summaries() == []
