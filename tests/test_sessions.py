"""Sessions outlive the process: stored before shown, resumed bit for bit, never lost, doubled or left behind."""

from __future__ import annotations

import errno
import io
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from sqlalchemy import event

from i2edit import store as store_module
from i2edit.chat import Chat, Editor
from i2edit.dialogue import Conversation
from i2edit.errors import (
    MessageError,
    NoSuchSession,
    PhotoError,
    SessionChanged,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from i2edit.ontology import Belief
from i2edit.records import Turn
from i2edit.sessions import Session, keep, resume
from i2edit.store import Store

torch.set_num_threads(1)
NewChat = Callable[..., Chat]
posix = pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")
SECRET = "a-secret-that-nobody-should-read"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data", wait=0.3)


@pytest.fixture
def session(store: Store, new_chat: NewChat) -> Session:
    return keep(store, new_chat(), name="me.jpg")


def files(store: Store, below: str = "") -> list[Path]:
    return [path for path in (store.root / below).rglob("*") if path.is_file() and path.name != ".lock"]


def traces(store: Store, text: str = SECRET) -> list[Path]:
    return [path for path in files(store) if text.encode() in path.read_bytes()]


def talked(conversation: Conversation, text: str) -> Conversation:
    """The conversation with one more turn, without any network."""
    return replace(conversation, turns=(*conversation.turns, Turn(Belief(), user=text, system="Fine.")))


def jpeg(image: Image.Image, **more: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92, **more)
    return file.getvalue()


# ------------------------------------------------------------------------------------------------ going on


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
    assert again.image.tobytes() != again.chat.photo.tobytes() == before.photo.tobytes()
    assert (again.chat.notes, again.chat.opening, again.chat.unfit) == (before.notes, before.opening, before.unfit)
    for text in ("redo", "+sad", "undo"):
        one = session.say(text)
        again.sync()
        assert again.image.tobytes() == one.image.tobytes() and again.chat.conversation == before.conversation
    for kept, turn in zip(again.turns, again.chat.conversation.turns, strict=True):
        assert kept.turn == turn and again.reply(kept).text == kept.text


def test_an_opened_upload_is_kept_as_it_came(
    store: Store, tiny_editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the real opening: face, alignment, inversion; the resumed chat does none of it."""
    from i2edit.align import Face
    from i2edit.images import open_photo

    points = tiny_editor.directions.landmarks(tiny_editor.directions.mean).numpy() * 260 + 20
    face = Face((*points.min(0), *points.max(0)), points, 1.0)
    monkeypatch.setattr("i2edit.align.find_faces", lambda image: [face])
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "SomeCamera"
    upload = jpeg(Image.effect_noise((300, 320), 50).convert("RGB"), exif=exif)
    session = keep(store, tiny_editor.open(open_photo("me.jpg", upload)), upload=upload, name="me.jpg")
    shown = session.say("+bangs").image
    assert store.read(session.id, "photo") == upload and shown.size == (320, 300)

    def never(*_: object, **__: object) -> Any:
        raise AssertionError("a stored session must not be aligned or inverted anew")

    monkeypatch.setattr("i2edit.align.find_faces", never)
    monkeypatch.setattr(tiny_editor, "inverter", never)
    assert resume(store, tiny_editor, session.id).image.tobytes() == shown.tobytes()


def test_an_upload_of_another_picture_is_refused(store: Store, new_chat: NewChat, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="does not show the picture"):
        keep(store, new_chat(), upload=jpeg(Image.new("RGB", (320, 300))))
    with pytest.raises(PhotoError, match="cannot be read"):
        keep(store, new_chat(), upload=tmp_path / "missing.jpg")
    assert store.summaries() == [] and files(store, "blobs") == []


def test_a_repeated_key_is_one_turn(store: Store, session: Session) -> None:
    first = session.say("+bangs", key="click-1")
    second = session.say("+bangs", key="click-1")
    assert session.version == store.version(session.id) == 1
    assert (second.text, second.image.tobytes()) == (first.text, first.image.tobytes())
    with pytest.raises(MessageError, match="another message"):
        session.say("+goatee", key="click-1")
    assert session.event({"type": "undo"}, key="click-2").belief == session.undo(key="click-2").belief
    assert session.version == 2
    for bad in ("", "x" * 201, "a\nb"):
        with pytest.raises(MessageError, match="key"):
            session.say("+goatee", key=bad)
    assert session.version == 2 and "goatee" not in session.belief


def test_every_turn_is_stored_before_its_reply(store: Store, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it cannot be stored there is no reply, and the chat is as it was."""
    session.say("+bangs")
    before = session.chat.conversation
    for error in (StoreFull("full"), StoreUnavailable("gone"), KeyboardInterrupt()):

        def fail(*_: object, error: BaseException = error, **__: object) -> Any:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(store, "append", fail)
            with pytest.raises(type(error)):
                session.say("+goatee")
        assert session.chat.conversation is before and session.version == store.version(session.id) == 1
    assert session.say("+goatee").belief == Belief.of("bangs", "goatee")


# ------------------------------------------------------------------------------------------------ several at once


def test_two_tabs_neither_lose_nor_double_a_turn(
    store: Store, session: Session, small_editor: Editor, tmp_path: Path
) -> None:
    other = resume(Store(tmp_path / "data"), small_editor, session.id)
    session.say("+bangs")
    reply = other.say("+lipstick")  # knew nothing of the bangs
    assert reply.belief == Belief.of("bangs", "lipstick")
    assert other.undo().belief == Belief.of("bangs")
    assert session.say("+goatee").belief == Belief.of("bangs", "goatee")
    other.sync()
    assert session.chat.conversation == other.chat.conversation and session.turns == other.turns
    assert [kept.number for kept in session.turns] == [1, 2, 3, 4]


def test_a_turn_that_is_overtaken_is_understood_anew(store: Store, session: Session, small_editor: Editor) -> None:
    """Both had looked at version 0; the second one finds it taken only when it wants to store."""
    other = resume(store, small_editor, session.id)
    track = small_editor.dialogue.track

    def overtaken(conv: Conversation, text: str) -> Any:
        if text == "+goatee" and not other.turns:
            other.say("+bangs")
        return track(conv, text)

    small_editor.dialogue.track = overtaken  # type: ignore[method-assign]
    assert session.say("+goatee").belief == Belief.of("bangs", "goatee")
    assert [kept.turn.user for kept in store.load(session.id).turns] == ["+bangs", "+goatee"]


def test_who_is_always_overtaken_gives_up_and_says_so(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: object, **__: object) -> Any:
        raise SessionChanged("Somebody else added a turn to this conversation meanwhile.")

    monkeypatch.setattr(session.store, "append", taken)
    with pytest.raises(SessionChanged, match="try again"):
        session.say("+goatee")
    assert session.chat.conversation.turns == ()


def test_a_stale_version_is_refused(store: Store) -> None:
    id = store.create("x", {}, {})
    store.append(id, 0, talked(Conversation(), "one"), {})
    with pytest.raises(SessionChanged):
        store.append(id, 0, talked(Conversation(), "other"), {})
    with pytest.raises(ValueError, match="cannot follow"):
        store.append(id, 0, talked(store.load(id).conversation, "two"), {})
    assert [kept.turn.user for kept in store.load(id).turns] == ["one"]


@pytest.mark.parametrize("shared", [False, True])
def test_threads_on_one_session(tmp_path: Path, session: Session, small_editor: Editor, shared: bool) -> None:
    """Each with its own connection and chat, or all with one; every button is pressed twice at the same time."""
    pressed = [f"{who}-{number}" for who in range(4) for number in range(5)]
    replies: list[tuple[str, str]] = []
    failures: list[BaseException] = []

    def press(who: int, session: Session) -> None:
        try:
            for number in range(5):
                reply = session.say(f"hello {who}-{number}", key=f"{who}-{number}")
                replies.append((f"{who}-{number}", reply.text))
        except BaseException as error:
            failures.append(error)

    def own() -> Session:
        return session if shared else resume(Store(tmp_path / "data"), small_editor, session.id)

    threads = [threading.Thread(target=press, args=(who, own())) for who in (0, 1, 2, 3) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # only those without a shared chat can be overtaken so often that they give up; they were told, and send again
    assert all(isinstance(error, SessionChanged) for error in failures) and (not failures or not shared)
    for key in pressed:
        session.say(f"hello {key}", key=key)
    record = session.store.load(session.id)
    assert sorted(kept.key or "" for kept in record.turns) == sorted(pressed)
    assert [kept.number for kept in record.turns] == list(range(1, 21))
    assert all(kept.turn.user == f"hello {kept.key}" for kept in record.turns)


@posix
def test_processes_on_one_session(store: Store) -> None:
    """Eight processes append twelve turns each as fast as they can."""
    id = store.create("x", {}, {})
    code = (
        "import sys; from dataclasses import replace; from i2edit.store import Store\n"
        "from i2edit.errors import SessionChanged; from i2edit.records import Turn; from i2edit.ontology import Belief\n"
        "store = Store(sys.argv[1], wait=30); done = 0\n"
        "while done < 12:\n"
        "    record = store.load(sys.argv[2]); text = f'{sys.argv[3]}-{done}'\n"
        "    turns = (*record.conversation.turns, Turn(Belief(), user=text))\n"
        "    try: store.append(sys.argv[2], record.version, replace(record.conversation, turns=turns), {})\n"
        "    except SessionChanged: continue\n"
        "    done += 1\n"
    )
    place = str(store.root.parent)
    running = [subprocess.Popen([sys.executable, "-c", code, place, id, str(who)]) for who in range(4)]
    assert [process.wait(timeout=120) for process in running] == [0] * 4
    said = [kept.turn.user for kept in store.load(id).turns]
    assert sorted(said) == sorted(f"{who}-{number}" for who in range(4) for number in range(12))  # type: ignore[type-var]
    for who in range(4):
        own = [text for text in said if text and text.startswith(f"{who}-")]
        assert own == [f"{who}-{number}" for number in range(12)]


# ------------------------------------------------------------------------------------------------ kill -9


def killed(work: Callable[[Callable[[str], None]], None], after: int = 0, delay: float = 0) -> list[str]:
    """Runs `work(tell)` in a process that ends by SIGKILL → what it told: its own, or ours when it has told ``after``
    lines and ``delay`` seconds have passed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            work(lambda line: (os.write(writing, f"{line}\n".encode()), None)[1])
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as lines:
        told = [lines.readline() for _ in range(after)]
        if after:
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
        told += lines.readlines()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return [line.rstrip("\n") for line in told]


def suicide(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@posix
def test_killed_at_any_moment_no_shown_turn_is_lost(
    store: Store, session: Session, small_editor: Editor, tmp_path: Path
) -> None:
    """Five times in a row, at random moments of turns: what was shown is stored, at most one more is."""
    wishes = ("+bangs", "+smiling", "+goatee", "undo", "-bangs", "+lipstick", "hello", "reset")
    moments = random.Random(5)
    shown: list[str] = []
    for _ in range(5):
        going = resume(Store(tmp_path / "data"), small_editor, session.id)
        assert [kept.turn.belief.text for kept in going.turns[: len(shown)]] == shown
        assert len(going.turns) - len(shown) in (0, 1)
        shown = [kept.turn.belief.text for kept in going.turns]
        assert going.belief.text == (shown[-1] if shown else "none")

        def talk(tell: Callable[[str], None], going: Session = going) -> None:
            for number in range(10_000):
                tell(going.say(wishes[number % len(wishes)]).belief.text)

        shown += killed(talk, after=moments.randint(1, 3), delay=moments.uniform(0, 0.4))
    assert len(shown) > 5
    last = resume(Store(tmp_path / "data"), small_editor, session.id)
    assert last.say("+sad").text  # goes on
    check = sqlite3.connect(store.root / "store.sqlite").execute("PRAGMA integrity_check").fetchone()
    assert check == ("ok",)


@posix
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_before_or_after_the_commit_of_a_turn(
    store: Store, session: Session, small_editor: Editor, tmp_path: Path, moment: str
) -> None:
    session.say("+bangs")

    def die(tell: Callable[[str], None]) -> None:
        if moment == "before":
            event.listen(store._engine, "commit", suicide)
            store.append(session.id, 1, session.chat.conversation.event({"type": "set", "value": "goatee"}), {})
        else:
            store.append = suicide_after(store.append)  # type: ignore[method-assign]
            session.say("+goatee")

    def suicide_after(call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **more: suicide(call(*args, **more))

    assert killed(die) == []
    again = resume(Store(tmp_path / "data"), small_editor, session.id)
    assert again.belief == (Belief.of("bangs") if moment == "before" else Belief.of("bangs", "goatee"))
    assert again.version == (1 if moment == "before" else 2)
    assert again.undo().belief == (Belief() if moment == "before" else Belief.of("bangs"))


@posix
def test_killed_while_an_upload_is_stored_leaves_no_photo(store: Store, new_chat: NewChat, tmp_path: Path) -> None:
    chat = new_chat()

    def die(tell: Callable[[str], None]) -> None:
        store._refer = suicide  # type: ignore[method-assign,assignment]
        keep(store, chat)

    killed(die)
    assert len(files(store, "blobs")) == 3  # written, not yet anybody's
    again = Store(tmp_path / "data")
    assert files(again, "blobs") == [] and again.summaries() == []


@posix
def test_killed_while_deleting_the_next_opening_finishes_it(store: Store, session: Session, tmp_path: Path) -> None:
    session.say(f"+bangs, {SECRET}")

    def die(tell: Callable[[str], None]) -> None:
        store._unlink = suicide  # type: ignore[method-assign,assignment]
        store.delete(session.id)

    killed(die)
    assert len(files(store, "blobs")) == 3
    again = Store(tmp_path / "data")
    assert files(again, "blobs") == [] and again.summaries() == [] and traces(again) == []


# ------------------------------------------------------------------------------------------------ forgetting


def test_what_is_deleted_is_gone(store: Store, session: Session) -> None:
    session.say(f"+bangs, {SECRET}", key=f"key-{SECRET}")
    store.attach(session.id, "turn-1.png", SECRET.encode())
    (store.tmp(session.id) / "upload.jpg").write_bytes(SECRET.encode())
    (store.tmp() / "somewhere").mkdir()
    (store.tmp() / "somewhere" / "else.png").write_bytes(store.read(session.id, "photo"))
    assert len(traces(store)) == 3  # database, attached file, passing file
    session.delete()
    assert traces(store) == [] and files(store, "blobs") == [] and files(store, "tmp") == []
    with pytest.raises(NoSuchSession):
        session.say("+goatee")
    assert session.chat.conversation.turns[-1].user == f"+bangs, {SECRET}"  # the open chat is as it was
    for call in (store.delete, store.load, store.version, store.find, lambda id: store.read(id, "photo")):
        with pytest.raises(NoSuchSession):
            call(session.id)
    assert store.summaries() == []


def test_no_trace_stays_in_pages_whose_rows_have_moved(tmp_path: Path) -> None:
    """SQLite's secure_delete left parts of deleted messages behind in about one of three such histories."""
    store, dice, alive = Store(tmp_path / "data"), random.Random(2), {}
    for number in range(14):
        alive[store.create(f"SEC{number}X", {}, {})] = number
    for _ in range(190):
        id = dice.choice(list(alive))
        record = store.load(id)
        after = talked(record.conversation, f"SEC{alive[id]}X" + "pq" * dice.randint(1, 400))
        store.append(id, record.version, after, {"text": f"SEC{alive[id]}X" + "r" * dice.randint(1, 500)})
    for id in dice.sample(list(alive), 4):
        mark = f"SEC{alive.pop(id)}X"
        assert traces(store, mark)
        store.delete(id)
        assert traces(store, mark) == []
    assert all(traces(store, f"SEC{number}X") for number in alive.values())


def test_blobs_are_shared_and_counted(store: Store, new_chat: NewChat, small_editor: Editor) -> None:
    one, two = keep(store, new_chat()), keep(store, new_chat())
    other = keep(store, new_chat(seed=2))
    assert len(files(store, "blobs")) == 6  # photo, crop and inversion of two faces
    store.delete(one.id)
    assert len(files(store, "blobs")) == 6
    assert resume(store, small_editor, two.id).say("+bangs").text
    store.delete(two.id)
    assert len(files(store, "blobs")) == 3
    assert resume(store, small_editor, other.id).say("+bangs").text
    store.attach(other.id, "a.png", b"one")
    store.attach(other.id, "a.png", b"two")
    assert store.read(other.id, "a.png") == b"two" and len(files(store, "blobs")) == 4


def test_all_or_none_are_deleted_of_a_list_with_a_wrong_one(store: Store, session: Session) -> None:
    with pytest.raises(NoSuchSession):
        store.delete(session.id, "nobody")
    assert [summary.id for summary in store.summaries()] == [session.id]


def test_expiry_and_cache(store: Store, new_chat: NewChat, session: Session, small_editor: Editor) -> None:
    session.say("+bangs")
    store.attach(session.id, "turn-1.png", bytes(100_000))
    (store.tmp() / "upload.bin").write_bytes(bytes(50_000))
    shown = session.image.tobytes()
    assert store.clear_cache() >= 150_000
    assert resume(store, small_editor, session.id).image.tobytes() == shown
    with pytest.raises(NoSuchSession, match=r"has no turn-1\.png"):
        store.read(session.id, "turn-1.png")
    assert store.expire(3600) == []
    young = keep(store, new_chat(seed=2))
    with store._begin() as db:
        old = store_module.update(store_module.SESSIONS).where(store_module.SESSIONS.c.id == session.id)
        db.execute(old.values(updated=time.time() - 7200))
    assert store.expire(3600) == [session.id]
    assert [summary.id for summary in store.summaries()] == [young.id]


def test_traces_that_others_hold_up_are_told_and_removed_at_the_next_opening(store: Store, session: Session) -> None:
    session.say(SECRET)
    reader = sqlite3.connect(store.root / "store.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM i2edit_turns").fetchone() == (1,)  # its view of then must stay
    with pytest.raises(StoreUnavailable, match=r"Deleted, but traces stay .* until the store is opened"):
        store.delete(session.id)
    assert store.summaries() == [] and traces(store)
    reader.close()
    assert traces(Store(store.root.parent)) == []


# ------------------------------------------------------------------------------------------------ private


@posix
def test_nobody_else_can_look(store: Store, session: Session) -> None:
    old = os.umask(0)
    try:
        session.say("+bangs")
        store.attach(session.id, "a.png", b"x")
        (store.tmp(session.id) / "x").mkdir(mode=0o700)
    finally:
        os.umask(old)
    for path in (store.root, *store.root.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0, f"{path} has {mode:o}"


def test_ids_cannot_be_guessed(store: Store) -> None:
    ids = {store.create("x", {}, {}) for _ in range(20)}
    assert len(ids) == 20 and all(len(id) == 32 for id in ids)
    assert all(len({id[place] for id in ids}) > 5 for place in range(32))
    some = min(ids)
    assert store.find(some) == store.find(some[:16]) == some
    with pytest.raises(NoSuchSession, match="There is no session"):
        store.find("../../etc")
    with pytest.raises(NoSuchSession):
        store.find("")


@pytest.mark.parametrize("id", ["../../etc/passwd", "..", "", "%", "' OR 1=1 --", "a" * 500, "\0"])
def test_odd_ids_are_only_unknown(store: Store, session: Session, id: str) -> None:
    for call in (store.load, store.version, store.delete, lambda id: store.read(id, "photo")):
        with pytest.raises(StoreError):
            call(id)
    assert store.root in store.tmp(id).parents or store.tmp(id) == store.root / "tmp"
    assert [summary.id for summary in store.summaries()] == [session.id]


def test_names_of_every_kind_are_kept(store: Store) -> None:
    for name in ("Grüße 👩.jpg", "a\0b", "bad \udcff surrogate", "x" * 1000, ""):
        id = store.create(name, {}, {})
        summary = next(s for s in store.summaries() if s.id == id)
        assert len(summary.name) <= 200 and "\0" not in summary.name


# ------------------------------------------------------------------------------------------------ what goes wrong


def unchanged(session: Session, call: Callable[[], object], kind: type[StoreError], words: str) -> None:
    before, version = session.chat.conversation, session.version
    with pytest.raises(kind, match=words) as caught:
        call()
    assert type(caught.value) is kind and str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert session.chat.conversation is before and session.version == version


def test_locked_by_another_program(store: Store, session: Session) -> None:
    session.say("+bangs")
    other = sqlite3.connect(store.root / "store.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    unchanged(session, lambda: session.say("+goatee"), StoreUnavailable, "in use by another program")
    assert store.load(session.id).version == 1  # reading goes on
    other.execute("ROLLBACK")
    assert session.say("+goatee").belief == Belief.of("bangs", "goatee")


def test_a_writer_waits_for_its_turn(tmp_path: Path, session: Session, small_editor: Editor) -> None:
    patient = resume(Store(tmp_path / "data", wait=20), small_editor, session.id)
    other = sqlite3.connect(session.store.root / "store.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    later = threading.Timer(0.5, lambda: other.execute("ROLLBACK"))
    later.start()
    assert patient.say("+goatee").belief == Belief.of("goatee")
    later.join()


def test_a_store_that_is_gone_is_not_silently_begun_anew(store: Store, session: Session) -> None:
    session.say("+bangs")
    away = store.root.with_name("away")
    store.root.rename(away)
    unchanged(session, lambda: session.say("+goatee"), StoreUnavailable, "unable to open")
    unchanged(session, lambda: store.read(session.id, "photo"), StoreUnavailable, "unable to open")
    unchanged(session, lambda: store.attach(session.id, "a", b"x"), StoreUnavailable, "is gone")
    away.rename(store.root)  # the disk is back
    assert session.say("+goatee").belief == Belief.of("bangs", "goatee")


@pytest.mark.parametrize("content", [b"", b"this is no database, but it is long enough to look at" * 100])
def test_a_file_that_is_no_store(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / "store.sqlite").write_bytes(content)
    if content:
        with pytest.raises(StoreUnavailable, match="damaged or not a store"):
            Store(tmp_path)
        assert (tmp_path / "sessions" / "store.sqlite").read_bytes() == content
    else:
        assert Store(tmp_path).summaries() == []  # killed just after the file was made


def test_a_store_of_another_version(store: Store) -> None:
    with store._begin() as db:
        db.execute(store_module.update(store_module.META).values(value="99"))
    with pytest.raises(StoreUnavailable, match="another version of i2edit"):
        Store(store.root.parent)


def test_a_blob_that_is_damaged_or_gone(store: Store, session: Session, small_editor: Editor) -> None:
    session.say("+bangs")
    path = store._path(store.load(session.id).blobs["face"])
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    with pytest.raises(StoreUnavailable, match=r"file of the session \(face\) is damaged"):
        resume(store, small_editor, session.id)
    path.unlink()
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        resume(store, small_editor, session.id)
    assert store.load(session.id).conversation.turns[0].user == "+bangs"  # what was said is still there
    store.delete(session.id)


def test_places_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreUnavailable, match="Not a directory"):
        Store(tmp_path / "file")
    for place, words in (
        ("sqlite:///x.db", "give the folder"),
        ("nosuchdatabase://x", "no driver"),
        ("not a url ://", "not the URL"),
    ):
        with pytest.raises(StoreUnavailable, match=words):
            Store(place, folder=tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_for_a_photo(
    store: Store, new_chat: NewChat, session: Session, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    session.say("+bangs")
    before = len(files(store, "blobs"))

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreFull, match="Make room"):
            keep(store, new_chat(seed=2))
    Store(store.root.parent)
    assert len(files(store, "blobs")) == before and len(store.summaries()) == 1
    assert keep(store, new_chat(seed=2)).say("+bangs").text


def test_no_room_for_a_turn(store: Store, session: Session) -> None:
    """SQLite's own limit of pages gives its own error of a full disk."""
    session.say("+bangs")
    connect = store._engine.pool._creator  # type: ignore[attr-defined]
    pages = sqlite3.connect(store.root / "store.sqlite").execute("PRAGMA page_count").fetchone()[0]

    def limited(*args: object) -> sqlite3.Connection:
        connection = connect(*args)
        connection.execute(f"PRAGMA max_page_count={pages}")
        return connection

    store._engine.pool._creator = limited  # type: ignore[attr-defined]
    with pytest.raises(StoreFull, match="disk is full"):
        for _ in range(400):
            session.say("hello " + "x" * 900)
    assert session.version == store.version(session.id) == len(store.load(session.id).turns) < 100
    store._engine.pool._creator = connect  # type: ignore[attr-defined]
    assert session.say("+goatee").belief == Belief.of("bangs", "goatee")


def in_small_disk(code: str, kilobytes: int, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Runs Python on a disk of that size, mounted at tmp_path/disk for it alone; skips where that is not allowed."""
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o size={kilobytes}k tmpfs {tmp_path / 'disk'}"
    probe = subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("this system does not let us mount a small disk")
    (tmp_path / "code.py").write_text(code)
    run = f"{mount} && exec {sys.executable} {tmp_path / 'code.py'} {tmp_path / 'disk'}"
    return subprocess.run(["unshare", "-rm", "sh", "-c", run], capture_output=True, text=True, check=False)


@posix
@pytest.mark.skipif(sys.platform != "linux", reason="needs unshare and tmpfs")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A disk of 600 kB: turns are stored until it is full; what was stored is all there, and room makes it go on."""
    code = """
import sys
from dataclasses import replace
from pathlib import Path
from i2edit.errors import StoreFull, StoreUnavailable
from i2edit.ontology import Belief
from i2edit.records import Turn
from i2edit.store import Store

folder = Path(sys.argv[1])
store = Store(folder)
ballast = folder / "ballast"
ballast.write_bytes(bytes(150_000))
id = store.create("x", {}, {"photo": bytes(range(256)) * 100})

def add(text):
    record = store.load(id)
    after = replace(record.conversation, turns=(*record.conversation.turns, Turn(Belief(), user=text)))
    store.append(id, record.version, after, {"text": "y" * 900})

stored = 0
try:
    while stored < 2000:
        add(f"{stored} " + "x" * 900)
        stored += 1
except StoreFull as error:
    print("full:", error)
for size in (200_000, 400_000):
    try:
        store.attach(id, "big.png", bytes(size))
    except StoreFull as error:
        print("full too:", error)
ballast.unlink()
record = Store(folder).load(id)
assert [turn.turn.user.split()[0] for turn in record.turns] == [str(n) for n in range(stored)], "lost"
assert store.read(id, "photo") == bytes(range(256)) * 100
assert not list(folder.rglob("*.part")), "parts"
add("after")
assert store.load(id).version == stored + 1 > 20
print("good")
"""
    done = in_small_disk(code, 600, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "good" and done.stdout.count("full: ") == 1
    assert "full too: " in done.stdout and "Make room" in done.stdout


# ------------------------------------------------------------------------------------------------ PostgreSQL


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of our own, from the system's PostgreSQL."""
    pytest.importorskip("psycopg")
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not tools:
        pytest.skip("no PostgreSQL here")
    folder = tmp_path_factory.mktemp("pg")
    become: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        become = ["runuser", "-u", "postgres", "--"]
        for path in (folder, *folder.parents[:3]):
            path.chmod(path.stat().st_mode | 0o055)
        folder.chmod(0o777)
    data, socket = folder / "data", folder
    subprocess.run(
        [*become, tools[-1] / "initdb", "-D", data, "-A", "trust", "-U", "me"], check=True, capture_output=True
    )
    start = [*become, tools[-1] / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", f"-k {socket} -h ''", "start"]
    subprocess.run(start, check=True, capture_output=True)
    yield f"postgresql://me@/postgres?host={socket}"
    subprocess.run(
        [*become, tools[-1] / "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=False, capture_output=True
    )


@pytest.mark.slow
def test_postgresql_keeps_the_same_promises(
    postgres: str, tmp_path: Path, new_chat: NewChat, small_editor: Editor
) -> None:
    store = Store(postgres, folder=tmp_path, wait=5)
    assert "me@" in store.where
    session = keep(store, new_chat(), name="a\0b 👩.jpg")
    for text in ("+bangs, less +smiling", "nul \0 and \\u0000", "undo"):
        session.say(text, key=text[:3])
    other = resume(Store(postgres, folder=tmp_path), small_editor, session.id)
    assert other.chat.conversation == session.chat.conversation and other.version == 3
    assert other.image.tobytes() == session.image.tobytes()
    failures: list[BaseException] = []

    def talk(session: Session, who: int) -> None:
        for number in range(8):
            while True:
                try:
                    session.say(f"hello {who}-{number}", key=f"{who}-{number}")
                    break
                except SessionChanged:
                    continue
                except BaseException as error:
                    failures.append(error)
                    return

    threads = [
        threading.Thread(target=talk, args=(s, who)) for s, who in ((session, 0), (other, 0), (other, 1), (session, 2))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = store.load(session.id)
    assert failures == [] and record.version == 3 + 24
    assert len({kept.key for kept in record.turns}) == 27
    assert len(store.summaries()) == 1 and store.summaries()[0].version == 27
    session.delete()
    assert store.summaries() == [] and [p for p in tmp_path.rglob("*") if p.is_file() and p.name != ".lock"] == []
    with pytest.raises(NoSuchSession):
        other.say("+bangs")


def test_postgresql_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        Store(f"postgresql://me@/postgres?host={tmp_path}&connect_timeout=2", folder=tmp_path)


# ------------------------------------------------------------------------------------------------ shipped networks


@pytest.mark.weights
def test_a_real_conversation_survives_bit_for_bit(store: Store, fresh: Callable[[], Chat], editor: Editor) -> None:
    session = keep(store, fresh(), name="seed 6001")
    session.say("Give me bangs and a bit of a smile, please.", key="1")
    session.say("And some lipstick.", key="2")
    shown = session.undo(key="3").image
    inverter, editor.inverter = editor.inverter, None  # type: ignore[assignment]
    try:
        again = resume(Store(store.root.parent), editor, session.id)  # without an inversion
    finally:
        editor.inverter = inverter
    assert again.belief == session.belief == Belief.of("bangs", "smiling")
    assert again.image.tobytes() == shown.tobytes()
    black = session.say("Now make the hair black.")
    again.sync()
    assert again.belief == black.belief and again.image.tobytes() == black.image.tobytes()
