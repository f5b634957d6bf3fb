"""The verbs over HTTP. In: requests of `curl` or a product. Out: JSON, pictures, and progress as a stream.

    curl -F photo=@me.jpg localhost:7860/api/sessions                      # → {"id": "…", "belief": {}, …}
    curl -H 'Content-Type: application/json' -d '{"text": "smile a bit"}' localhost:7860/api/sessions/ID/say
    curl -o smile.png 'localhost:7860/api/sessions/ID/picture?part=photo&format=png'
    curl -X DELETE localhost:7860/api/sessions/ID

Verbs that take a while answer when they are done. With ``Accept: application/x-ndjson`` (JSON lines) or
``text/event-stream`` they tell at once how it goes: ``{"state": "waiting", "position": 2}``, ``{"state": "working",
"share": 0.4, "text": "refining"}``, and at last ``{"state": "done", "result": …}`` or ``{"state": "error", "status": 422,
"detail": "…"}``. An error is a sentence in ``detail``; the schema is at /openapi.json.
"""

from __future__ import annotations

import errno
import json
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import anyio
from fastapi import FastAPI, File, Form, HTTPException, Path, Query, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException

from i2edit import __version__
from i2edit.errors import (
    Busy,
    I2EditError,
    NoSuchSession,
    OutputError,
    SessionChanged,
    StoreError,
    StoreFull,
    TooLarge,
    TooMany,
    WeightsError,
)
from i2edit.ontology import SLOTS, STRENGTH_MAX, STRENGTH_MIN, VALUES
from i2edit.web.fair import Cancelled, Ticket
from i2edit.web.service import SAMPLES, VIEW_SIDE, Service

THREADS = 200  # requests that may wait at a time, for the disk or for a picture
Value = Literal[VALUES]  # type: ignore[valid-type]
STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NoSuchSession, 404),
    (SessionChanged, 409),
    (TooLarge, 413),
    (TooMany, 429),
    (StoreFull, 507),
    (StoreError, 503),
    (Busy, 503),
    (WeightsError, 503),
    (Cancelled, 503),
    (OutputError, 507),
    (I2EditError, 422),
)


class Face(BaseModel):
    """A face in a photo: its number, counted from 1, the most prominent first, and its box in pixels."""

    face: int
    box: list[float] = Field(description="left, top, right, bottom", min_length=4, max_length=4)
    large_enough: bool


class PhotoView(BaseModel):
    """A photo that was sent: its id for /api/sessions (good for half an hour), and the faces in it."""

    photo: str
    name: str
    width: int
    height: int
    notes: list[str]
    faces: list[Face]


class Size(BaseModel):
    width: int
    height: int


class Identity(BaseModel):
    """How far the face is from the photo's: dlib's descriptor distance (0.6: somebody else), and in words."""

    distance: float
    words: str


class TurnView(BaseModel):
    """One turn: what was said (``user``) or pressed (``event``), the answer, and the belief after it."""

    number: int
    user: str | None
    event: dict[str, Any] | None
    words: str
    text: str
    act: dict[str, str]
    outcome: dict[str, list[str]]
    belief: dict[str, list[str]]
    strength: dict[str, float]
    identity: Identity
    seconds: float | None


class SessionView(BaseModel):
    """A conversation. ``belief``: every edit that is wanted now; ``strength``: where it is not 1; ``not_visible``: asked
    for, but could not be made visible on this face."""

    id: str
    name: str
    version: int
    generated: bool
    photo: Size
    notes: list[str]
    belief: dict[str, list[str]]
    strength: dict[str, float]
    text: str
    not_visible: list[str]
    can_undo: bool
    can_redo: bool
    suggestions: list[str]
    identity: Identity
    compare: bool
    turns: list[TurnView]


class Health(BaseModel):
    """Whether the networks are loaded: ``state`` is loading, ready or failed."""

    state: Literal["loading", "ready", "failed"]
    share: float
    text: str
    waiting: int


class Ontology(BaseModel):
    """What can be asked for: slot → values; the range of strengths; the sample portraits."""

    slots: dict[str, list[str]]
    strength: list[float]
    samples: list[str]


class Problem(BaseModel):
    """What went wrong, as a sentence."""

    detail: str


Key = Annotated[
    str | None,
    Field(default=None, min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$",
          description="A name of your own for this request: sent again with the same one, it is one turn."),
]  # fmt: skip


class Say(BaseModel):
    """A turn in words."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(description="What the person says, at most 1000 characters.", examples=["smile a bit"])
    key: Key


class Event(BaseModel):
    """A button: set, remove and strength need a ``value``; strength needs a ``strength``; go_to a ``turn`` (0: the photo)."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["set", "remove", "strength", "undo", "redo", "reset", "go_to"]
    value: Value | None = None
    strength: float | None = Field(default=None, ge=STRENGTH_MIN, le=STRENGTH_MAX)
    turn: int | None = Field(default=None, ge=0, le=1_000_000)
    key: Key


class Compare(BaseModel):
    """Single-turn mode: "single-turn" opens the last picture anew in each turn, as the paper's baseline does (slow);
    "single-turn-w" hands on w."""

    model_config = ConfigDict(extra="forbid")
    mode: Literal["single-turn-w", "single-turn"] = "single-turn-w"


SessionId = Annotated[str, Path(description="The id that opening gave. Who knows it can use the conversation.")]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "description": words}
    for code, words in {
        400: "Not a request that can be read.", 401: "The token is missing.", 403: "Not from there.",
        404: "There is no such conversation, turn or photo.", 409: "Others changed the conversation meanwhile.",
        413: "Too large.", 422: "What was sent cannot be taken; the sentence says why.", 429: "Too many in a minute.",
        503: "Not now: the networks load, the store is locked or gone, or too many people wait.",
        507: "The disk is full.",
    }.items()
}  # fmt: skip


def make_app(service: Service) -> FastAPI:
    """The API without the page and without the guard."""
    app = FastAPI(
        title="i2edit", version=__version__, docs_url=None, redoc_url=None, responses=PROBLEMS,
        description=__doc__, summary="Edit a face in a photo by talking about it.",
        generate_unique_id_function=lambda route: route.name, lifespan=_lifespan,
    )  # fmt: skip
    app.exception_handler(I2EditError)(_told)
    app.exception_handler(Cancelled)(_told)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(StarletteHTTPException)(_http)
    app.exception_handler(Exception)(_unexpected)

    @app.get("/api/health")
    def health() -> Health:
        """Whether the networks are loaded, and how many requests wait."""
        return Health(**service.health)

    @app.get("/api/ontology")
    def ontology() -> Ontology:
        """What can be asked for."""
        slots = {slot: list(values) for slot, values in SLOTS.items()}
        return Ontology(slots=slots, strength=[STRENGTH_MIN, STRENGTH_MAX], samples=list(SAMPLES))

    @app.post("/api/photos", response_model=PhotoView, status_code=201)
    async def send_photo(
        request: Request, photo: Annotated[UploadFile, File(description="The photo's file.")]
    ) -> Response:
        """Send a photo and see which faces are in it. Opens nothing yet: /api/sessions takes its id."""
        content = await _content(service, photo)
        ticket = await run_in_threadpool(service.add_photo, photo.filename or "photo", content, _client(request))
        return await _answer(request, ticket, 201)

    @app.post("/api/sessions", response_model=SessionView, status_code=201)
    async def open_session(
        request: Request,
        photo: Annotated[UploadFile | None, File(description="The photo's file, or:")] = None,
        photo_id: Annotated[str | None, Form(description="the id that /api/photos gave, or:")] = None,
        seed: Annotated[
            int | None, Form(description="a generated face by its seed (-1: any), or:", ge=-1, lt=2**31)
        ] = None,
        sample: Annotated[str | None, Form(description=f"a sample portrait: {', '.join(SAMPLES)}.")] = None,
        face: Annotated[int | None, Form(description="Which face of several, counted from 1.", ge=1, le=1000)] = None,
    ) -> Response:
        """Open a photo (about fifteen seconds), or a generated face (a second)."""
        content = (photo.filename or "photo", await _content(service, photo)) if photo is not None else None

        def begin() -> Ticket:
            return service.open(
                photo=photo_id, content=content, seed=seed, sample=sample, face=face, client=_client(request)
            )

        return await _answer(request, await run_in_threadpool(begin), 201)

    @app.get("/api/sessions/{id}")
    def show_session(id: SessionId) -> SessionView:
        """The conversation: its turns, and what is wanted now."""
        return SessionView(**service.view(id))

    @app.post("/api/sessions/{id}/say", response_model=SessionView)
    async def say(request: Request, id: SessionId, body: Say) -> Response:
        """A turn in words. It is stored before this answers."""
        return await _answer(request, await run_in_threadpool(lambda: service.say(id, body.text, key=body.key)))

    @app.post("/api/sessions/{id}/events", response_model=SessionView)
    async def press(request: Request, id: SessionId, body: Event) -> Response:
        """A button. The next turn in words knows of it."""
        event = {k: v for k, v in body.model_dump(exclude={"key", "turn"}).items() if v is not None}
        if body.type == "go_to":
            ticket = await run_in_threadpool(lambda: service.go_to(id, body.turn or 0, key=body.key))
        else:
            ticket = await run_in_threadpool(lambda: service.event(id, event, key=body.key))
        return await _answer(request, ticket)

    @app.post("/api/sessions/{id}/compare", response_model=SessionView)
    async def compare(request: Request, id: SessionId, body: Compare) -> Response:
        """Draw the same conversation in single-turn mode; then its pictures are there by ``mode``."""
        return await _answer(request, await run_in_threadpool(lambda: service.compare(id, body.mode)))

    @app.get("/api/sessions/{id}/picture", response_class=Response, responses={200: _PICTURE})
    def picture(
        id: SessionId,
        turn: Annotated[int | None, Query(ge=0, le=1_000_000, description="After which turn; 0: the photo.")] = None,
        part: Annotated[
            Literal["view", "photo", "crop"],
            Query(description="Around the face as on the page; the whole photo; or the aligned face, 1024².")
        ] = "photo",
        format: Annotated[Literal["png", "jpeg", "webp"], Query()] = "png",
        side: Annotated[int | None, Query(ge=16, le=20_000, description="Longest side in pixels at most.")] = None,
        mode: Annotated[
            Literal["single-turn-w", "single-turn"] | None, Query(description="As compare drew it: a JPEG of the face.")
        ] = None,
        download: Annotated[bool, Query(description="Let a browser save it.")] = False,
    ) -> Response:  # fmt: skip
        """The picture as it is now, or after a turn. Every file says that AI edited it."""
        content, kind = service.picture(id, turn, part=part, kind=format, side=side, mode=mode)
        headers = {"cache-control": "private, no-store"}
        if download:
            headers["content-disposition"] = f'attachment; filename="i2edit-{part}.{format.replace("jpeg", "jpg")}"'
        return Response(content, media_type=kind, headers=headers)

    @app.delete("/api/sessions/{id}", status_code=204)
    def close_session(id: SessionId) -> None:
        """Delete the conversation, its photo and its pictures, for good."""
        service.close(id)

    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


_PICTURE: dict[str, Any] = {
    "description": f"The picture (part=view: at most {VIEW_SIDE} pixels a side).",
    "content": {
        kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/png", "image/jpeg", "image/webp")
    },
}


def _client(request: Request) -> str:
    return request.client.host if request.client is not None else ""


async def _content(service: Service, photo: UploadFile) -> bytes:
    """The bytes of an upload, not one more than the limit read into memory."""
    content = await photo.read(service.limits.upload_bytes + 1)
    service.check_size(len(content))
    return content


# ------------------------------------------------------------------------------------------------ waiting


async def follow(ticket: Ticket, request: Request) -> AsyncIterator[dict[str, Any]]:
    """Every change of a ticket's state until it is done; who goes away cancels it."""
    shown = None
    try:
        while not ticket.done:
            state = ticket.state()
            if state != shown:
                shown = state
                yield state
            if await request.is_disconnected():
                return
            await anyio.sleep(0.04)
    finally:
        if not ticket.done:
            ticket.cancel()


async def _answer(request: Request, ticket: Ticket, status: int = 200) -> Response:
    accept = request.headers.get("accept", "")
    if "application/x-ndjson" in accept:
        lines = _stream(request, ticket, lambda obj: json.dumps(obj, ensure_ascii=False) + "\n")
        return StreamingResponse(lines, media_type="application/x-ndjson", headers={"cache-control": "no-store"})
    if "text/event-stream" in accept:
        events = _stream(request, ticket, lambda obj: f"data: {json.dumps(obj, ensure_ascii=False)}\n\n")
        return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})
    async for _ in follow(ticket, request):
        pass
    if not ticket.done:  # nobody is there to read it
        raise Cancelled
    return JSONResponse(ticket.result(0), status_code=status, headers={"cache-control": "no-store"})


async def _stream(request: Request, ticket: Ticket, write: Callable[[dict[str, Any]], str]) -> AsyncIterator[str]:
    async for state in follow(ticket, request):
        yield write(state)
    try:
        yield write({"state": "done", "result": ticket.result(0)})
    except (I2EditError, Cancelled, TimeoutError) as error:
        yield write({"state": "error", "status": status_of(error), "detail": sentence(error)})
    except Exception as error:
        traceback.print_exception(error, file=sys.stderr)
        yield write({"state": "error", "status": 500, "detail": UNEXPECTED})


# ------------------------------------------------------------------------------------------------ errors

UNEXPECTED = "Something went wrong in the server. The conversation is as it was; the server's log says more."


def status_of(error: BaseException) -> int:
    """The HTTP status of an error."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def sentence(error: BaseException) -> str:
    """What to tell the person."""
    if isinstance(error, Cancelled | TimeoutError):
        return "The request was given up before it was done."
    return str(error) if isinstance(error, I2EditError) else UNEXPECTED


def _told(request: Request, error: Exception) -> JSONResponse:
    status = status_of(error)
    headers = {"retry-after": "10"} if status in (429, 503) else None
    return JSONResponse({"detail": sentence(error)}, status, headers)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    told = f"{place}: {first['msg']}." if place else f"{first['msg']}."
    return JSONResponse({"detail": told.encode("utf-8", "replace").decode()}, 422)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException | StarletteHTTPException)
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):  # an upload waits on disk
        return _told(request, StoreFull("The disk is full, so nothing more can be taken. Make room."))
    words = {404: "There is nothing at this address.", 405: "This address does not take that kind of request."}
    return JSONResponse({"detail": words.get(error.status_code, str(error.detail))}, error.status_code, error.headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": UNEXPECTED}, 500)
