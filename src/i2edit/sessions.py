"""A chat that is kept: every turn is on disk before its reply is handed out, and can be taken up again at any time.

    store = Store()                                        # store.py: where, and what is kept
    session = keep(store, chat, upload="me.jpg")           # a fresh chat of Editor.open; the photo's own bytes are kept
    reply = session.say("smile a bit", key="click-1")      # as Chat.say; stored, then returned
    session = resume(store, editor, session.id)            # after a restart: no inversion, the identical picture
    session.turns                                          # what to show again: text, outcome, state of each turn

A repeated key (a double click, a request sent again) gives the reply of the first and changes nothing. Several tabs,
threads or processes may use one session: a turn that was overtaken is understood anew after the one that came first.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2edit.errors import MessageError, PhotoError, SessionChanged
from i2edit.ontology import Belief, EditState
from i2edit.records import check_event
from i2edit.store import Kept, Record, Store

if TYPE_CHECKING:
    from PIL import Image

    from i2edit.chat import Chat, Editor, Reply

TRIES = 5  # a turn that others overtake so often in a row is given up


class Session:
    """A kept chat; safe to share between threads, whose turns follow one another."""

    def __init__(self, store: Store, chat: Chat, record: Record) -> None:
        self.store, self.chat, self.id, self.name = store, chat, record.id, record.name
        self._turns = list(record.turns)
        self._lock = threading.RLock()

    @property
    def version(self) -> int:
        """The number of turns that this object knows of."""
        return len(self._turns)

    @property
    def turns(self) -> tuple[Kept, ...]:
        """The turns so far, oldest first; `chat.picture(turn.state)` is the picture of each."""
        with self._lock:
            return tuple(self._turns)

    @property
    def state(self) -> EditState:
        with self._lock:
            return self.chat.state

    @property
    def belief(self) -> Belief:
        return self.state.belief

    @property
    def generated(self) -> bool:
        """Whether the face is nobody's."""
        return self.chat.generated

    def drawn(self, state: EditState) -> EditState:
        """`Chat.drawn`."""
        return self.chat.drawn(state)

    @property
    def image(self) -> Image.Image:
        """The photo as it looks now."""
        with self._lock:
            return self.chat.image

    def say(self, text: str, *, key: str | None = None, seed: int = 0) -> Reply:
        """`Chat.say`, stored before it returns.

        Raises MessageError (also for a key that belongs to another message), NoSuchSession, StoreUnavailable, StoreFull,
        SessionChanged after TRIES; then neither the chat nor the store has changed.
        """
        from i2edit.chat import check_message

        text = check_message(text)
        return self._turn(lambda: self.chat.say(text, seed), key, lambda kept: kept.turn.user == text)

    def event(self, event: Mapping[str, Any], *, key: str | None = None) -> Reply:
        """`Chat.event`, stored before it returns. Raises as `say`, and DataError for a malformed event."""
        checked = check_event(event)
        return self._turn(lambda: self.chat.event(checked), key, lambda kept: kept.turn.event == checked)

    def undo(self, *, key: str | None = None) -> Reply:
        """Back to before the latest change."""
        return self.event({"type": "undo"}, key=key)

    def redo(self, *, key: str | None = None) -> Reply:
        """Forward again."""
        return self.event({"type": "redo"}, key=key)

    def reset(self, *, key: str | None = None) -> Reply:
        """Start over from the photo itself."""
        return self.event({"type": "reset"}, key=key)

    def sync(self) -> None:
        """Takes up turns that others stored meanwhile. Raises NoSuchSession when the session was deleted."""
        with self._lock:
            if self.store.version(self.id) != self.version:
                self._take(self.store.load(self.id))

    def delete(self) -> None:
        """`Store.delete`: for good."""
        self.store.delete(self.id)

    def _take(self, record: Record) -> None:
        self.chat.conversation, self._turns = record.conversation, list(record.turns)

    def _turn(self, take: Callable[[], Reply], key: str | None, same: Callable[[Kept], bool]) -> Reply:
        with self._lock:
            for _ in range(TRIES):
                self.sync()
                if key is not None and (found := next((k for k in self._turns if k.key == key), None)):
                    return self._again(found, same)
                before = self.chat.conversation
                try:
                    reply = take()
                    kept = self.store.append(
                        self.id, self.version, self.chat.conversation, _shown(reply), key=key
                    )  # fmt: skip
                except SessionChanged:
                    self.chat.conversation = before
                    continue
                except BaseException:
                    self.chat.conversation = before
                    raise
                if kept.number != self.version + 1:  # the same key, from another process
                    self.chat.conversation = before
                    self.sync()
                    return self._again(kept, same)
                self._turns.append(kept)
                return reply
        raise SessionChanged("Others keep adding turns to this conversation. Look at what they said, then try again.")

    def _again(self, kept: Kept, same: Callable[[Kept], bool]) -> Reply:
        if not same(kept):
            raise MessageError(f"The key {kept.key!r} belongs to another message of this conversation.")
        return self.reply(kept)

    def reply(self, kept: Kept) -> Reply:
        """A stored turn as the reply that it was; its picture is made again where it is not remembered."""
        from i2edit.chat import Reply

        began = time.perf_counter()
        with self._lock:
            picture = self.chat.picture(kept.state)
        return Reply(
            kept.text, picture.image.copy(), kept.turn.belief, kept.state, kept.act, kept.outcome,
            picture.identity_distance, time.perf_counter() - began, dict(picture.seconds),
        )  # fmt: skip


def _shown(reply: Reply) -> dict[str, Any]:
    return {
        "text": reply.text,
        "act": reply.act.to_json(),
        "outcome": reply.outcome.to_json(),
        "identity_distance": round(reply.identity_distance, 4),
        "seconds": round(reply.seconds, 3),
    }


def keep(store: Store, chat: Chat, *, upload: bytes | str | Path | None = None, name: str = "") -> Session:
    """Stores a chat in which nothing was said yet → its session.

    ``upload``: the photo's file, or its bytes, kept as they are; without it the opened photo is kept as a PNG.
    ``name``: what to call it in lists (default: the file's name). Raises PhotoError when the upload shows another
    picture than the chat, StoreUnavailable, StoreFull.
    """
    import torch
    from safetensors.torch import save

    from i2edit.images import open_photo

    if chat.conversation.turns:
        raise ValueError("a chat is kept from its beginning")
    content = upload if isinstance(upload, bytes) else None
    if isinstance(upload, str | Path):
        name = name or Path(upload).name
        try:
            content = Path(upload).expanduser().read_bytes()
        except OSError as error:
            raise PhotoError(f"{upload} cannot be read: {error.strerror or error}.") from error
    if content is not None and open_photo(name or "The file", content).image.tobytes() != chat.photo.tobytes():
        raise PhotoError("The file does not show the picture that was opened.")
    face = {
        "w_raw": chat.w_raw.contiguous(),
        "landmarks": chat.landmarks.contiguous(),
        "quad": torch.from_numpy(chat.aligned.quad).contiguous(),
        "crop_landmarks": torch.from_numpy(chat.aligned.landmarks).contiguous(),
    }
    opening = {
        "generated": chat.generated,
        "raw_is_crop": torch.equal(chat.raw, chat.crop),
        "size": list(chat.photo.size),
        "notes": list(chat.notes),
        "figures": chat.opening,
    }
    blobs = {
        "photo": content if content is not None else _png(chat.photo),
        "crop": _png(chat.aligned.crop),
        "face": save(face),
    }
    id = store.create(name or ("a generated face" if chat.generated else "photo"), opening, blobs)
    return Session(store, chat, store.load(id))


def resume(store: Store, editor: Editor, id: str) -> Session:
    """A stored session, ready for its next turn, without inverting anew. Raises NoSuchSession, StoreUnavailable."""
    import numpy as np
    from safetensors.torch import load

    from i2edit.align import Aligned
    from i2edit.chat import Chat
    from i2edit.images import open_photo, to_tensor

    record = store.load(id)
    face = load(store.read(id, "face"))
    photo = open_photo(record.name, store.read(id, "photo")).image
    crop_image = open_photo("The face crop", store.read(id, "crop")).image
    aligned = Aligned(crop_image, np.asarray(face["quad"]), np.asarray(face["crop_landmarks"]))
    crop, w_raw = to_tensor(crop_image), face["w_raw"]
    raw = crop if record.opening["raw_is_crop"] else editor.picture(w_raw[None])
    chat = Chat(editor, photo, aligned, crop, face["landmarks"], w_raw, raw)
    chat.generated = record.opening["generated"]
    chat.notes, chat.opening = tuple(record.opening["notes"]), dict(record.opening["figures"])
    chat.conversation = record.conversation
    return Session(store, chat, record)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=3)
    return file.getvalue()
