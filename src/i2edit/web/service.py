"""The verbs of every surface: open a photo, say, press a button, return, look, close. Knows no HTTP and no page.

    service = Service(Store(), Editor.load)          # loads the networks in the background; .health tells how far
    ticket = service.open(seed=6001)                 # tickets of fair.py: .follow() tells how it goes
    view = ticket.result()                           # a dict, the same as service.view(id)
    view = service.say(view["id"], "smile a bit", key="click-1").result()
    jpeg, kind = service.picture(view["id"])         # as shown beside the chat

One editor serves everybody, in one thread. Sessions are stored (`sessions.py`): what is in memory here is only what
makes the next turn quick, and can be dropped at any time. Everything that a person did wrong is an `I2EditError`.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
import threading
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2edit.errors import (
    Busy,
    DataError,
    I2EditError,
    NoSuchSession,
    PhotoError,
    StoreError,
    TooLarge,
    TooMany,
)
from i2edit.ontology import SLOTS, EditState
from i2edit.records import check_event
from i2edit.store import Kept, Record, Store
from i2edit.web.fair import FairQueue, Progress, Ticket

if TYPE_CHECKING:
    from i2edit.chat import Editor
    from i2edit.modes import SingleTurn
    from i2edit.sessions import Session

VIEW_SIDE = 1024  # pixels of the longest side of a picture as the page shows it
THUMB_SIDE = 160  # and in the strip of turns
PARTS = ("view", "photo", "crop")
FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
SAMPLES = ("portrait",)  # of nobody, bundled for the demonstration
COMPARED = ("single-turn-w", "single-turn")  # modes.py; the paper's own is as slow as opening a photo, each turn
STARTERS = ("smile a bit", "give me bangs", "make my hair blond")
UPLOAD_SECONDS = 1800.0  # a photo that was sent and not opened is kept so long
UPLOADS = 32  # and so many of them
RESIDENT = 16  # conversations in memory, the latest used ones,
RESIDENT_PIXELS = 150_000_000  # with so many pixels of photos in all,
WITH_PICTURES = 4  # of the latest of them all that a next turn may need (some 250 MB each),
KEPT_PIXELS = 10_000_000  # of each other one the newest pictures, which undo goes back to (4 bytes a pixel)
# dlib descriptor distance to the photo (0.6 = another person) → words
IDENTITY = (
    (0.02, "the photo itself"),
    (0.30, "clearly the same person"),
    (0.42, "still clearly the same person"),
    (0.52, "still recognisable"),
    (0.60, "hardly recognisable: take something back, or make it weaker"),
    (9.99, "looks like somebody else: take something back, or make it weaker"),
)


@dataclass(frozen=True)
class Limits:
    """What the server takes. Turns and openings count in a sliding window."""

    upload_bytes: int = 40_000_000
    pixels: int = 100_000_000  # of a photo
    sessions: int = 1000  # stored at a time
    turns_a_minute: int = 60  # of one conversation
    openings_a_minute: int = 10  # from one place


class Window:
    """At most ``most`` events of a key in ``seconds``."""

    def __init__(self, most: int, seconds: float = 60.0) -> None:
        self.most, self.seconds = most, seconds
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {}

    def enter(self, key: str, what: str) -> None:
        """Counts one. Raises TooMany."""
        now = time.monotonic()
        with self._lock:
            for old in [k for k, times in self._times.items() if not times or times[-1] < now - self.seconds]:
                del self._times[old]
            times = self._times.setdefault(key, deque())
            while times and times[0] < now - self.seconds:
                times.popleft()
            if len(times) >= self.most:
                raise TooMany(f"More than {self.most} {what} a minute are not taken here. Wait a little.")
            times.append(now)


class Service:
    """One editor, one line of jobs, one store."""

    def __init__(
        self, store: Store, load: Callable[..., Editor], limits: Limits | None = None, *, begin: bool = True
    ) -> None:
        self.store, self.limits, self.line = store, limits or Limits(), FairQueue()
        self._load, self._failure = load, ""
        self._editor: Editor | None = None
        self._loading = threading.Lock()
        self._progress = (0.0, "loading the networks")
        self._resident: OrderedDict[str, Session] = OrderedDict()
        self._single: OrderedDict[tuple[str, str], SingleTurn] = OrderedDict()
        self._turns = Window(self.limits.turns_a_minute)
        self._openings = Window(self.limits.openings_a_minute)
        if begin:
            self.begin()

    # ---------------------------------------------------------------------------------------- the networks

    def begin(self) -> None:
        """Starts to load the networks, in the background."""
        threading.Thread(target=self._load_quietly, name="i2edit-loading", daemon=True).start()

    def _load_quietly(self) -> None:
        with suppress(I2EditError):  # `health` tells, and the next job tries again
            self._ready()

    def _ready(self, progress: Progress | None = None) -> Editor:
        """The editor, loaded if it is not yet. Raises WeightsError, or Busy when it cannot be loaded."""

        def tell(share: float, text: str) -> None:
            self._progress = (share, text)

        while not self._loading.acquire(timeout=0.2):
            if progress is not None:
                progress(self._progress[0], self._progress[1])
        try:
            if self._editor is None:
                self._failure = ""
                self._editor = self._load(progress=tell)
            return self._editor
        except I2EditError as error:
            self._failure = str(error)
            raise
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            self._failure = f"The networks cannot be loaded ({type(error).__name__}). The server's log says more."
            raise Busy(self._failure) from error
        finally:
            self._loading.release()

    @property
    def health(self) -> dict[str, Any]:
        """``state`` (loading, ready, failed), ``share``, ``text``, and how many jobs are ``waiting``."""
        share, text = self._progress
        state = "ready" if self._editor is not None else "failed" if self._failure else "loading"
        return {"state": state, "share": round(share, 2), "text": self._failure or text, "waiting": self.line.waiting}

    # ---------------------------------------------------------------------------------------- photos

    def check_size(self, size: int) -> None:
        """Raises TooLarge for an upload of so many bytes."""
        if size > self.limits.upload_bytes:
            most = self.limits.upload_bytes / 1e6
            raise TooLarge(f"The file has more than {most:.0f} MB, which is the limit here. Send a smaller copy.")

    def check_photo(self, name: str, content: bytes) -> None:
        """Raises TooLarge for too many bytes or pixels; the pixels are counted without decoding any."""
        from i2edit.images import picture_size

        self.check_size(len(content))
        try:
            width, height = picture_size(name, content)
        except PhotoError:  # said again where it is opened
            return
        if width * height > self.limits.pixels:
            raise TooLarge(
                f"{name} has more than {self.limits.pixels / 1e6:.0f} megapixels, the limit here. Make it smaller first."
            )

    def add_photo(self, name: str, content: bytes, client: str = "") -> Ticket:
        """Looks for faces in a photo and keeps it for a while → a ticket for its view.

        The view: ``photo`` (what `open` takes), ``width``, ``height``, ``notes``, and ``faces``, the most prominent first:
        ``face`` (counted from 1), ``box`` (left, top, right, bottom in pixels), ``large_enough``.
        Raises PhotoError, TooLarge, TooMany, Busy; so does the ticket.
        """
        name = clean_name(name)
        self.check_photo(name, content)
        self._openings.enter(client, "photos")

        def job(progress: Progress) -> dict[str, Any]:
            from i2edit.align import LEAST_EYE_DISTANCE, find_faces, pick_face
            from i2edit.images import open_photo

            progress(0.1, "looking for faces")
            photo = open_photo(name, content)
            faces = find_faces(photo.image)
            if not any(face.eye_distance >= LEAST_EYE_DISTANCE for face in faces):
                pick_face(faces, photo=photo.image)  # raises what there is to say
            id = self._keep_upload(name, content)
            return {
                "photo": id, "name": name, "width": photo.image.width, "height": photo.image.height,
                "notes": list(photo.notes),
                "faces": [
                    {"face": n, "box": [round(float(v), 1) for v in face.box],
                     "large_enough": face.eye_distance >= LEAST_EYE_DISTANCE}
                    for n, face in enumerate(faces, 1)
                ],
            }  # fmt: skip

        return self.line.submit(f"client {client}", job)

    def _uploads(self) -> Path:
        return self.store.tmp("uploads")

    def _keep_upload(self, name: str, content: bytes) -> str:
        id = secrets.token_urlsafe(24)
        folder = self._uploads()
        try:
            with self.store.disk("The photo cannot be kept"):
                self._expire_uploads(folder)
                (folder / f"{id}.json").write_text(json.dumps({"name": name}), encoding="utf-8")
                (folder / id).write_bytes(content)
        except StoreError:
            with suppress(OSError):
                self.drop_upload(id)  # half a file
            raise
        return id

    def _expire_uploads(self, folder: Path) -> None:
        old = sorted((p for p in folder.iterdir() if p.suffix == ".json"), key=lambda p: p.stat().st_mtime)
        limit = time.time() - UPLOAD_SECONDS
        for place, path in enumerate(old):
            if path.stat().st_mtime < limit or len(old) - place >= UPLOADS:
                path.unlink(missing_ok=True)
                path.with_suffix("").unlink(missing_ok=True)

    def upload(self, photo: str) -> tuple[str, bytes]:
        """A photo that was sent → its name and bytes. Raises NoSuchSession when it is not there (any more)."""
        folder = self._uploads()
        if re.fullmatch(r"[A-Za-z0-9_-]{20,60}", photo):  # anything else could be a path
            with suppress(OSError, ValueError):
                name = json.loads((folder / f"{photo}.json").read_text(encoding="utf-8"))["name"]
                return name, (folder / photo).read_bytes()
        raise NoSuchSession("This photo is not here any more. Send it again.")

    def drop_upload(self, photo: str) -> None:
        """Forgets a photo that was sent; none is no error."""
        if re.fullmatch(r"[A-Za-z0-9_-]{20,60}", photo):
            for path in (self._uploads() / photo, self._uploads() / f"{photo}.json"):
                path.unlink(missing_ok=True)

    # ---------------------------------------------------------------------------------------- conversations

    def open(
        self,
        *,
        photo: str | None = None,
        content: tuple[str, bytes] | None = None,
        seed: int | None = None,
        sample: str | None = None,
        face: int | None = None,
        client: str = "",
    ) -> Ticket:
        """A new conversation → a ticket for its view. Exactly one of: a ``photo`` of `add_photo`, the ``content`` of a file
        with its name, a ``seed`` (a generated face; -1 draws one) or a ``sample``. Raises PhotoError, TooMany, Busy."""
        given = [value for value in (photo, content, seed, sample) if value is not None]
        if len(given) != 1:
            raise PhotoError("Give exactly one of: a photo, the id of a photo that was sent, a seed, a sample.")
        if seed is not None and not -1 <= seed < 2**31:
            raise PhotoError("The seed of a face is a number from 0 to 2147483647.")
        if face is not None and face < 1:
            raise PhotoError("Faces are counted from 1.")
        if sample is not None and sample not in SAMPLES:
            raise PhotoError(f"There is no sample called {sample[:40]!r}. The samples are: {', '.join(SAMPLES)}.")
        if photo is not None:
            content = self.upload(photo)
        elif sample is not None:
            content = (f"{sample}.jpg", sample_file(sample).read_bytes())
        elif content is not None:
            content = (clean_name(content[0]), content[1])
            self.check_photo(*content)
        self._room()
        self._openings.enter(client, "openings")
        if content is None:
            assert seed is not None
            chosen = secrets.randbelow(10**6) if seed == -1 else seed
            return self.line.submit(f"client {client}", lambda progress: self._open_seed(chosen, progress))
        named = content

        def job(progress: Progress) -> dict[str, Any]:
            from i2edit.images import open_photo
            from i2edit.sessions import keep

            progress(0.0, "reading the photo")
            read = open_photo(*named)
            editor = self._ready(progress)
            chat = editor.open(read, face, progress=progress)
            if face is not None or photo is not None:
                chat.notes = read.notes  # who has chosen a face need not be told that there are several
            view = self._keep(keep(self.store, chat, upload=named[1], name=named[0]))
            if photo is not None:
                self.drop_upload(photo)
            return view

        return self.line.submit(f"client {client}", job, long=True)

    def _room(self) -> None:
        if len(self.store.summaries()) >= self.limits.sessions:
            raise TooMany(f"{self.limits.sessions} conversations are kept here at most. Delete one that is not needed.")

    def _open_seed(self, seed: int, progress: Progress) -> dict[str, Any]:
        from i2edit.sessions import keep

        editor = self._ready(progress)
        progress(0.5, "drawing a face")
        return self._keep(keep(self.store, editor.open_seed(seed), name=f"a new face ({seed})"))

    def _keep(self, session: Session) -> dict[str, Any]:
        self._hold(session)
        self._attach(session, 0)
        return self.view(session.id)

    def say(self, id: str, text: str, *, key: str | None = None) -> Ticket:
        """A turn in words → a ticket for the view after it. Raises NoSuchSession, MessageError, TooMany, Busy."""
        from i2edit.chat import check_message

        text = check_message(text)
        return self._turn(id, lambda session: session.say(text, key=key), "listening")

    def event(self, id: str, event: Mapping[str, Any], *, key: str | None = None) -> Ticket:
        """A button → a ticket for the view after it. Raises NoSuchSession, DataError, TooMany, Busy."""
        checked = check_event(event)
        return self._turn(id, lambda session: session.event(checked, key=key), "changing the picture")

    def go_to(self, id: str, number: int, *, key: str | None = None) -> Ticket:
        """Back to how it was after turn ``number`` (0: the photo), by buttons, so that it can be undone too."""

        def take(session: Session) -> None:
            session.sync()
            turns = session.turns
            if not 0 <= number <= len(turns):
                raise DataError(f"There is no turn number {number} in this conversation.")
            target = turns[number - 1].state if number else EditState()
            for step, event in enumerate(events_to(session, target)):
                session.event(event, key=f"{key}/{step}" if key else None)

        return self._turn(id, take, "going back")

    def _turn(self, id: str, take: Callable[[Session], Any], doing: str) -> Ticket:
        self.store.version(id)  # NoSuchSession at once
        self._turns.enter(id, "turns")

        def job(progress: Progress) -> dict[str, Any]:
            session = self._session(id, progress)
            progress(0.1, doing)
            before = session.version
            try:
                take(session)
            except NoSuchSession:
                self._resident.pop(id, None)
                raise
            for number in range(before + 1, session.version + 1):
                self._attach(session, number)
            return self.view(id)

        return self.line.submit(id, job)

    def compare(self, id: str, mode: str) -> Ticket:
        """Draws the conversation in single-turn mode, as far as it was not drawn yet → a ticket for its view; then
        `picture(…, mode=mode)` has it. Raises NoSuchSession, DataError for a mode that there is not, TooMany, Busy."""
        if mode not in COMPARED:
            raise DataError(f"There is no mode {mode[:40]!r} to compare with here.")
        self.store.version(id)
        self._turns.enter(id, "turns")

        def job(progress: Progress) -> dict[str, Any]:
            from i2edit.images import encode_image, to_image
            from i2edit.modes import SingleTurn, View

            session = self._session(id, progress)
            session.sync()
            chat, states = session.chat, [session.drawn(kept.state) for kept in session.turns]
            single = self._single.get((id, mode)) or SingleTurn(
                chat.editor, chat.editor.directions, View.of(chat), chain_w=mode == "single-turn-w"
            )
            self._single[id, mode] = single  # who goes away in the middle finds what was drawn
            self._single.move_to_end((id, mode))
            while len(self._single) > WITH_PICTURES:
                self._single.popitem(last=False)
            done = len(single.states)
            for number, state in enumerate(states[done:], done + 1):
                words = f"single-turn mode, turn {number}"

                def tell(share: float, _: str, before: int = number - 1, words: str = words) -> None:
                    progress((before + share) / len(states), words)

                tell(0.0, "")
                image = to_image(single.turn(state, tell).crop)
                content = encode_image(image, "a.jpeg", generated=session.generated, quality=92).content
                self.store.attach(id, f"{mode}-{number}", content)
            return self.view(id)

        return self.line.submit(id, job, long=True)

    def view(self, id: str) -> dict[str, Any]:
        """What there is to show of a conversation; needs no networks. Raises NoSuchSession, StoreUnavailable."""
        return describe_session(self.store.load(id))

    def close(self, id: str) -> None:
        """Deletes a conversation and everything of it, for good. Raises NoSuchSession, StoreUnavailable."""
        self._resident.pop(id, None)
        for mode in COMPARED:
            self._single.pop((id, mode), None)
        self.store.delete(id)

    # ---------------------------------------------------------------------------------------- pictures

    def picture(
        self,
        id: str,
        number: int | None = None,
        *,
        part: str = "view",
        kind: str = "jpeg",
        side: int | None = None,
        mode: str | None = None,
    ) -> tuple[bytes, str]:
        """A picture of a conversation as a file → its bytes and their media type.

        ``number``: after which turn (0: the photo; None: now). ``part``: "view" (the surroundings of the face, as shown),
        "photo" (all of it, at full size) or "crop" (the aligned face, 1024²). ``side``: make it smaller.
        ``mode``: as `compare` drew it (a JPEG of the aligned face). Every file says that AI edited it (`images.encode_image`). Raises NoSuchSession, PhotoError, Busy.
        """
        if part not in PARTS:
            raise PhotoError(f"There is no part called {part[:40]!r}. The parts are: {', '.join(PARTS)}.")
        if kind not in FORMATS:
            raise PhotoError(f"There is no format called {kind[:40]!r}. The formats are: {', '.join(FORMATS)}.")
        version = self.store.version(id)
        number = version if number is None else number
        if not 0 <= number <= version:
            raise NoSuchSession(f"There is no turn number {number} in this conversation.")
        if mode is not None and number:
            try:
                return self.store.read(id, f"{mode if mode in COMPARED else 'none'}-{number}"), "image/jpeg"
            except NoSuchSession:
                raise NoSuchSession("This comparison was not drawn yet.") from None
        if part == "view" and kind == "jpeg" and side in (None, VIEW_SIDE, THUMB_SIDE):
            with suppress(StoreError):
                return self.store.read(id, f"{'thumb' if side == THUMB_SIDE else 'view'}-{number}"), "image/jpeg"

        def job(progress: Progress) -> bytes:
            session = self._session(id, progress)
            session.sync()
            progress(0.1, "drawing")
            if part == "view":
                self._attach(session, number)
            return self._file(session, number, part, kind, side)

        return self.line.submit(id, job).result(), FORMATS[kind]

    def _file(self, session: Session, number: int, part: str, kind: str, side: int | None) -> bytes:
        from i2edit.cli import frame
        from i2edit.images import encode_image

        state = session.turns[number - 1].state if number else EditState()
        made = session.chat.picture(state)
        image = made.crop if part == "crop" else made.image if part == "photo" else frame(session.chat, made.image)
        side = min(side or VIEW_SIDE, VIEW_SIDE) if part == "view" else side
        if side is not None and max(image.size) > side:
            image = image.copy()
            image.thumbnail((side, side))
        return encode_image(
            image, f"picture.{kind}", generated=session.generated, state=session.drawn(state), quality=92
        ).content

    def _attach(self, session: Session, number: int) -> None:
        """Keeps the pictures that the page shows of a turn; the turn itself is stored already, so nothing is lost without."""
        with suppress(StoreError, OSError, I2EditError):
            for name, side in (("view", VIEW_SIDE), ("thumb", THUMB_SIDE)):
                self.store.attach(session.id, f"{name}-{number}", self._file(session, number, "view", "jpeg", side))

    # ---------------------------------------------------------------------------------------- in memory

    def _session(self, id: str, progress: Progress) -> Session:
        """The conversation, ready for a turn; only ever called in the thread of the jobs."""
        from i2edit.sessions import resume

        if id in self._resident:
            self._resident.move_to_end(id)
            self._trim()
            return self._resident[id]
        editor = self._ready(progress)
        progress(0.0, "taking the conversation up again")
        session = resume(self.store, editor, id)
        self._hold(session)
        return session

    def _hold(self, session: Session) -> None:
        self._resident[session.id] = session
        self._trim()

    def _trim(self) -> None:
        """Conversations that were not used for long leave the memory, or at least their pictures do."""
        held = list(self._resident.items())[::-1]  # the latest used first
        pixels = 0
        for place, (id, session) in enumerate(held):
            pixels += session.chat.photo.width * session.chat.photo.height
            if place and (place >= RESIDENT or pixels > RESIDENT_PIXELS):
                self._resident.pop(id, None)
            elif place >= WITH_PICTURES:
                session.chat.forget_pictures(KEPT_PIXELS)


# ------------------------------------------------------------------------------------------------ what is shown


def clean_name(name: str) -> str:
    """The last part of a file name, without what could be a path or a control character; at most 100 characters."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(c for c in last if c.isprintable()).strip(". ")[-100:] or "photo"


def sample_file(name: str) -> Path:
    """Where a sample lies."""
    from i2edit.assets import FOLDER

    return FOLDER / "demo" / f"{name}.jpg"


def events_to(session: Session, target: EditState) -> list[dict[str, Any]]:
    """The buttons that lead from the state of now to another one: undo or redo where that gets there, else value by value."""
    now = session.chat.conversation
    if now.state == target:
        return []
    for kind, stack in (("undo", now.undo_stack), ("redo", now.redo_stack)):
        if target in stack:
            return [{"type": kind}] * (stack[::-1].index(target) + 1)
    if not target.belief:
        return [{"type": "reset"}]
    gone = [{"type": "remove", "value": v} for v in now.state.belief if v not in target.belief]
    wanted = []
    for value in target.belief:
        if value not in now.state.belief:
            wanted.append({"type": "set", "value": value, "strength": target.strength(value)})
        elif now.state.strength(value) != target.strength(value):
            wanted.append({"type": "strength", "value": value, "strength": target.strength(value)})
    return gone + wanted


def identity_words(distance: float) -> str:
    """What a descriptor distance to the photo means, in words."""
    return next(words for limit, words in IDENTITY if distance < limit)


def event_words(event: Mapping[str, Any]) -> str:
    """A button press in words."""
    value = event.get("value", "")
    if event["type"] == "strength":
        return f"{value}: strength {event['strength']:g}"
    named = {"set": f"add {value}", "remove": f"take back {value}", "reset": "start over"}
    return named.get(event["type"], event["type"])


def describe_turn(kept: Kept) -> dict[str, Any]:
    """A stored turn as the page and the API show it."""
    distance = float(kept.shown.get("identity_distance", 0.0))
    return {
        "number": kept.number,
        "user": kept.turn.user,
        "event": kept.turn.event,
        "words": kept.turn.user or event_words(kept.turn.event or {}),
        "text": kept.text,
        "act": kept.act.to_json(),
        "outcome": kept.outcome.to_json(),
        "belief": kept.turn.belief.to_json(),
        "strength": dict(kept.state.strengths),
        "identity": {"distance": distance, "words": identity_words(distance)},
        "seconds": kept.shown.get("seconds"),
    }


def describe_session(record: Record) -> dict[str, Any]:
    """A stored conversation as the page and the API show it."""
    conversation, state = record.conversation, record.conversation.state
    turns = [describe_turn(kept) for kept in record.turns]
    last = record.turns[-1] if record.turns else None
    distance = turns[-1]["identity"]["distance"] if turns and state.belief else 0.0
    unseen: set[str] = set()
    for kept in record.turns:
        unseen = (unseen | set(kept.outcome.failed)) - set(kept.outcome.made)
    width, height = record.opening.get("size", (0, 0))
    return {
        "id": record.id,
        "name": record.name,
        "version": record.version,
        "generated": bool(record.opening.get("generated")),
        "photo": {"width": width, "height": height},
        "notes": list(record.opening.get("notes", ())),
        "belief": state.belief.to_json(),
        "strength": dict(state.strengths),
        "text": state.belief.text,
        "not_visible": [value for value in state.belief if value in unseen],
        "can_undo": bool(conversation.undo_stack),
        "can_redo": bool(conversation.redo_stack),
        "suggestions": _suggestions(last, state),
        "identity": {"distance": distance, "words": identity_words(distance)},
        "compare": True,
        "turns": turns,
    }


def _suggestions(last: Kept | None, state: EditState) -> list[str]:
    """What the last reply proposed, as values that a button can set."""
    if last is None:
        return []
    act = last.act
    if act.value is not None:
        return [act.value] if act.value not in state.belief else []
    return [value for value in SLOTS.get(act.slot or "", ()) if value not in state.belief][:5]


__all__ = ["FORMATS", "PARTS", "SAMPLES", "STARTERS", "Limits", "Service", "describe_session"]
