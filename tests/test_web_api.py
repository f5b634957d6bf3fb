"""The HTTP API: the verbs, what they refuse, who is let in, who is next. The editor is the tiny one; the store is real."""

from __future__ import annotations

import errno
import io
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from i2edit import align
from i2edit.chat import Chat, Editor
from i2edit.errors import Busy, StoreFull, TooLarge, TooMany
from i2edit.images import AI_EDITED, AI_GENERATED, Photo, read_source_type
from i2edit.invert import Inversion
from i2edit.store import Store
from i2edit.web.api import make_app
from i2edit.web.fair import Cancelled, FairQueue
from i2edit.web.guard import Guard
from i2edit.web.service import Limits, Service, clean_name

torch.set_num_threads(1)
HOME = "http://127.0.0.1:7860"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data", wait=0.3)


@pytest.fixture
def faces(monkeypatch: pytest.MonkeyPatch, mean_landmarks: np.ndarray) -> list[align.Face]:
    """What the face detector finds in any photo; it is not asked, as its landmarks are downloaded."""
    found = []
    for left, side in ((20, 260), (150, 140)):
        points = mean_landmarks * side + left
        left_, top, right, bottom = *points.min(0), *points.max(0)
        found.append(align.Face((left_, top, right, bottom), points, 1.0))
    monkeypatch.setattr(align, "find_faces", lambda image: found)
    return found


@pytest.fixture
def quick_editor(
    small_editor: Editor, new_chat: Callable[..., Chat], sample_w: Callable[[int], torch.Tensor]
) -> Editor:
    """The small editor, which takes any photo of 320 × 300 pixels for one with a face; no search for its w."""

    def open(photo: Photo, face: int | None = None, *, progress: Callable[[float, str], None]) -> Chat:
        align.pick_face(align.find_faces(photo.image), face, photo=photo.image)
        small_editor.inverter(progress=progress)  # type: ignore[call-arg]
        chat = new_chat(1)
        chat.photo, chat.notes = photo.image, photo.notes
        return chat

    def invert(*, progress: Callable[[float, str], None]) -> Inversion:
        for share in (0.2, 0.6, 1.0):
            progress(share, "finding the face")
        return Inversion(sample_w(1), 0.1, 0.1, 0.0)

    small_editor.open, small_editor.inverter = open, invert  # type: ignore[assignment, method-assign]
    return small_editor


@pytest.fixture
def service(store: Store, quick_editor: Editor) -> Iterator[Service]:
    made = Service(store, lambda progress: quick_editor)
    yield made
    made.line.close()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = Guard(make_app(service), upload_bytes=service.limits.upload_bytes)
    with TestClient(app, base_url=HOME, raise_server_exceptions=False) as made:
        yield made


def jpeg(size: tuple[int, int] = (320, 300)) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(file, "JPEG")
    return file.getvalue()


def opened(client: TestClient) -> str:
    answer = client.post("/api/sessions", data={"seed": 5})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def said(client: TestClient, id: str, text: str, **more: Any) -> dict[str, Any]:
    answer = client.post(f"/api/sessions/{id}/say", json={"text": text, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def pressed(client: TestClient, id: str, kind: str, **more: Any) -> dict[str, Any]:
    answer = client.post(f"/api/sessions/{id}/events", json={"type": kind, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer: Any, status: int, words: str) -> None:
    assert answer.status_code == status, (answer.status_code, answer.text)
    detail = answer.json()["detail"]
    assert words in detail and "Traceback" not in answer.text and detail.endswith((".", "”"))


# ------------------------------------------------------------------------------------------------ the story


def test_a_photo_is_opened_talked_about_and_closed(client: TestClient, faces: list[align.Face], tmp_path: Path) -> None:
    photo = jpeg()
    answer = client.post("/api/sessions", files={"photo": ("../../me.jpg", photo)}, data={"face": 2})
    assert answer.status_code == 201
    view = answer.json()
    id = view["id"]
    assert view["name"] == "me.jpg" and view["photo"] == {"width": 320, "height": 300} and not view["generated"]
    view = said(client, id, "+bangs, less +smiling")
    assert view["belief"] == {"expression": ["smiling"], "hairstyle": ["bangs"]}
    assert view["strength"] == {"smiling": 0.6} and view["version"] == 1 and view["can_undo"] and not view["can_redo"]
    assert view["turns"][0]["user"] == "+bangs, less +smiling" and view["turns"][0]["text"]
    view = pressed(client, id, "strength", value="smiling", strength=1.5)
    assert view["strength"] == {"smiling": 1.5}
    view = pressed(client, id, "remove", value="bangs")
    assert "hairstyle" not in view["belief"]
    view = said(client, id, "+lipstick")
    assert "hairstyle" not in view["belief"]  # what a chip took away does not come back with the next sentence
    assert pressed(client, id, "undo")["belief"] == {"expression": ["smiling"]}
    assert client.get(f"/api/sessions/{id}").json()["version"] == 5
    whole = client.get(f"/api/sessions/{id}/picture")
    assert whole.headers["content-type"] == "image/png" and Image.open(io.BytesIO(whole.content)).size == (320, 300)
    raw = client.get(f"/api/sessions/{id}/picture", params={"turn": 0})
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(raw.content))), np.asarray(Image.open(io.BytesIO(photo))))
    assert client.delete(f"/api/sessions/{id}").status_code == 204
    refused(client.get(f"/api/sessions/{id}"), 404, "There is no session")
    refused(client.post(f"/api/sessions/{id}/say", json={"text": "+bangs"}), 404, "There is no session")
    left = [path for path in (tmp_path / "data").rglob("*") if path.is_file() and "blobs" in path.parts]
    assert left == []


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("part", ["view", "photo", "crop"])
def test_every_picture_says_that_it_was_edited(
    client: TestClient, tmp_path: Path, format: str, part: str, faces: Any
) -> None:
    id = client.post("/api/sessions", files={"photo": ("a.jpg", jpeg())}).json()["id"]
    for text, mark in (("+bangs", AI_EDITED), ("reset", None)):
        said(client, id, text)
        answer = client.get(f"/api/sessions/{id}/picture", params={"format": format, "part": part, "download": True})
        assert answer.headers["content-type"] == f"image/{format}"
        assert "attachment" in answer.headers["content-disposition"]
        assert answer.headers["cache-control"] == "private, no-store"
        file = tmp_path / f"got.{format}"
        file.write_bytes(answer.content)
        assert read_source_type(file) == mark
    generated = client.get(f"/api/sessions/{opened(client)}/picture", params={"format": format, "part": part})
    file.write_bytes(generated.content)
    assert read_source_type(file) == AI_GENERATED


def test_photos_show_their_faces_before_one_is_opened(
    client: TestClient, faces: list[align.Face], service: Service
) -> None:
    answer = client.post("/api/photos", files={"photo": ("us.jpg", jpeg())})
    assert answer.status_code == 201
    view = answer.json()
    assert [face["face"] for face in view["faces"]] == [1, 2] and view["width"] == 320
    assert all(face["large_enough"] and face["box"][0] < face["box"][2] for face in view["faces"])
    one = client.post("/api/sessions", data={"photo_id": view["photo"], "face": 2}).json()
    assert one["name"] == "us.jpg" and one["notes"] == []
    refused(client.post("/api/sessions", data={"photo_id": view["photo"]}), 404, "Send it again")  # used up
    assert list(service._uploads().iterdir()) == []


def test_progress_is_told_as_lines_and_as_events(client: TestClient, faces: list[align.Face]) -> None:
    for accept, start in (("application/x-ndjson", ""), ("text/event-stream", "data: ")):
        answer = client.post("/api/sessions", files={"photo": ("a.jpg", jpeg())}, headers={"accept": accept})
        assert answer.headers["content-type"].startswith(accept)
        told = [json.loads(line.removeprefix(start)) for line in answer.text.splitlines() if line]
        assert told[-1]["state"] == "done" and told[-1]["result"]["id"]
        assert all(state["state"] in ("waiting", "working") for state in told[:-1])
        id = told[-1]["result"]["id"]
        bad = client.post(f"/api/sessions/{id}/events", json={"type": "go_to", "turn": 9}, headers={"accept": accept})
        last = json.loads(bad.text.strip().splitlines()[-1].removeprefix(start))
        assert last == {"state": "error", "status": 422, "detail": "There is no turn number 9 in this conversation."}


def test_going_to_a_turn_is_made_of_buttons(client: TestClient) -> None:
    id = opened(client)
    states = [{}]
    for text in ("+bangs", "less +smiling", "+lipstick", "-bangs"):
        states.append(said(client, id, text)["belief"])
    for number in (2, 4, 0, 3):
        view = pressed(client, id, "go_to", turn=number)
        assert view["belief"] == states[number]
    assert {turn["event"]["type"] for turn in view["turns"][4:]} <= {"undo", "redo", "reset", "set", "remove"}
    view = pressed(client, id, "go_to", turn=1)
    assert view["strength"] == {} and view["belief"] == states[1]
    version = view["version"]
    assert pressed(client, id, "go_to", turn=version)["version"] == version  # there already


def test_a_double_click_is_one_turn(client: TestClient) -> None:
    id = opened(client)
    first = said(client, id, "+bangs", key="click-1")
    again = said(client, id, "+bangs", key="click-1")
    assert first["version"] == again["version"] == 1
    refused(
        client.post(f"/api/sessions/{id}/say", json={"text": "+lipstick", "key": "click-1"}), 422, "another message"
    )


def test_two_tabs_at_once_lose_nothing(client: TestClient) -> None:
    id = opened(client)
    values = ("bangs", "lipstick", "goatee", "earrings")
    threads = [threading.Thread(target=said, args=(client, id, f"+{value}")) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    view = client.get(f"/api/sessions/{id}").json()
    assert view["version"] == 4 and {v for vs in view["belief"].values() for v in vs} == set(values)


def test_another_server_on_the_same_folder_goes_on(client: TestClient, quick_editor: Editor, tmp_path: Path) -> None:
    id = opened(client)
    view = said(client, id, "+bangs, +lipstick")
    picture = client.get(f"/api/sessions/{id}/picture").content
    service = Service(Store(tmp_path / "data"), lambda progress: quick_editor)
    with TestClient(Guard(make_app(service)), base_url=HOME) as other:
        assert other.get(f"/api/sessions/{id}").json() == view
        again = other.get(f"/api/sessions/{id}/picture").content
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(again))), np.asarray(Image.open(io.BytesIO(picture))))
        assert pressed(other, id, "undo")["belief"] == {}
    service.line.close()
    assert said(client, id, "thanks")["version"] == 3  # the first server has seen it


def test_a_conversation_is_shown_while_the_networks_load(store: Store, quick_editor: Editor) -> None:
    first = Service(store, lambda progress: quick_editor)
    id = first.open(seed=5).result()["id"]
    first.say(id, "+bangs").result()
    first.line.close()
    go = threading.Event()

    def load(progress: Callable[[float, str], None]) -> Editor:
        progress(0.3, "compiling it for this processor")
        go.wait(20)
        return quick_editor

    service = Service(store, load)
    with TestClient(Guard(make_app(service)), base_url=HOME) as client:
        assert client.get(f"/api/sessions/{id}").json()["belief"] == {"hairstyle": ["bangs"]}
        for turn in (0, 1):
            shown = client.get(f"/api/sessions/{id}/picture", params={"part": "view", "format": "jpeg", "turn": turn})
            assert Image.open(io.BytesIO(shown.content)).format == "JPEG"
        health = client.get("/api/health").json()
        assert health["state"] == "loading" and health["share"] == 0.3 and "compiling" in health["text"]
        ticket = service.say(id, "+lipstick")
        time.sleep(0.5)
        assert ticket.state() == {"state": "working", "share": 0.3, "text": "compiling it for this processor"}
        go.set()
        assert ticket.result(20)["belief"] == {"hairstyle": ["bangs"], "makeup": ["lipstick"]}
        assert client.get("/api/health").json()["state"] == "ready"
    service.line.close()


def test_networks_that_cannot_be_loaded_are_tried_again(store: Store, quick_editor: Editor) -> None:
    tries = []

    def load(progress: Callable[[float, str], None]) -> Editor:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("no such instruction")
        return quick_editor

    service = Service(store, load, begin=False)
    with TestClient(Guard(make_app(service)), base_url=HOME) as client:
        for _ in range(2):
            answer = client.post("/api/sessions", data={"seed": 5})
            refused(answer, 503, "cannot be loaded")
            assert answer.headers["retry-after"] and "no such instruction" not in answer.text
        assert client.get("/api/health").json()["state"] == "failed"
        opened(client)
    service.line.close()


def test_single_turn_mode_beside_ours(client: TestClient, service: Service) -> None:
    id = opened(client)
    if not client.get(f"/api/sessions/{id}").json()["compare"]:
        refused(client.post(f"/api/sessions/{id}/compare", json={}), 422, "no mode")
        pytest.skip("this installation has no single-turn mode")
    states = ("+bangs", "+lipstick", "thanks", "-bangs")
    for text in states:
        said(client, id, text)
    address = f"/api/sessions/{id}/picture"
    refused(client.get(address, params={"mode": "single-turn-w"}), 404, "not drawn yet")
    assert client.post(f"/api/sessions/{id}/compare", json={}).json()["version"] == 4
    shown = [client.get(address, params={"mode": "single-turn-w", "turn": n}).content for n in range(1, 5)]
    pictures = [Image.open(io.BytesIO(content)).tobytes() for content in shown]  # signatures differ each time
    assert pictures[1] == pictures[2] and len(set(pictures)) == 3
    drawn = service._single[id, "single-turn-w"]
    said(client, id, "+goatee")
    client.post(f"/api/sessions/{id}/compare", json={"mode": "single-turn-w"})
    assert service._single[id, "single-turn-w"] is drawn and len(drawn.states) == 5  # one more, not all anew
    assert Image.open(io.BytesIO(client.get(address, params={"mode": "single-turn-w"}).content)).size == (256, 256)
    refused(client.post(f"/api/sessions/{id}/compare", json={"mode": "no-turn"}), 422, "mode")


# ------------------------------------------------------------------------------------------------ bad input

GARBAGE = {
    "empty.jpg": (b"", "empty"),
    "text.jpg": (b"hello, this is no picture", "not a picture"),
    "cut.jpg": (jpeg()[:700], "damaged"),
    "film.mp4": (b"\0\0\0\x20ftypisom" + bytes(50), "video"),
    "phone.heic": (b"\0\0\0\x20ftypheic" + bytes(50), "HEIC"),
    "paper.pdf": (b"%PDF-1.7 " + bytes(50), "document"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("address", ["/api/photos", "/api/sessions"])
def test_what_is_no_photo_is_told_so(client: TestClient, name: str, address: str) -> None:
    content, words = GARBAGE[name]
    answer = client.post(address, files={"photo": (name, content)})
    refused(answer, 422, words)
    assert name in answer.json()["detail"] and "/" not in answer.json()["detail"].split(name)[0]


def test_photos_without_a_large_enough_face_are_told_so(client: TestClient, faces: list[align.Face]) -> None:
    faces[0].landmarks[:] *= 0.05
    faces[1].landmarks[:] *= 0.05
    for address in ("/api/photos", "/api/sessions"):
        refused(client.post(address, files={"photo": ("a.jpg", jpeg())}), 422, "too small")
    faces.clear()
    for address in ("/api/photos", "/api/sessions"):
        refused(client.post(address, files={"photo": ("a.jpg", jpeg())}), 422, "No face was found")
    refused(client.post("/api/sessions", files={"photo": ("a.jpg", jpeg())}, data={"face": 0}), 422, "face")


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims to be enormous."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [11_000, 30_000, 65_000])
def test_decompression_bombs_are_not_decoded(client: TestClient, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2edit.images._decode", lambda *a: pytest.fail("decoded"))
    for address in ("/api/photos", "/api/sessions"):
        refused(client.post(address, files={"photo": ("b.png", bomb(side, side))}), 413, "megapixels")


def test_the_largest_photo_is_the_one_that_was_asked_for(store: Store) -> None:
    """Pillow's own limit of 179 megapixels has no say."""
    service = Service(store, lambda progress: None, Limits(pixels=250_000_000), begin=False)  # type: ignore[arg-type, return-value]
    service.check_photo("large.png", bomb(14_000, 14_000))
    with pytest.raises(TooLarge, match="250 megapixels"):
        service.check_photo("larger.png", bomb(16_000, 16_000))
    service.line.close()


def test_uploads_that_are_too_large_are_refused_early(store: Store, quick_editor: Editor) -> None:
    service = Service(store, lambda progress: quick_editor, Limits(upload_bytes=200_000))
    with TestClient(Guard(make_app(service), upload_bytes=200_000), base_url=HOME) as client:
        for address in ("/api/photos", "/api/sessions"):
            refused(client.post(address, files={"photo": ("a.jpg", bytes(300_000))}), 413, "MB")  # by the service
            refused(client.post(address, files={"photo": ("a.jpg", bytes(2_000_000))}), 413, "MB")  # by its length
            endless = (bytes(100_000) for _ in range(50))  # says no length
            kind = {"content-type": "multipart/form-data; boundary=x"}
            refused(client.post(address, content=endless, headers=kind), 413, "MB")
        refused(client.post("/api/sessions/x/say", content=bytes(1_500_000)), 413, "1 MB")
    service.line.close()


def test_an_upload_that_breaks_off_leaves_nothing(service: Service, tmp_path: Path) -> None:
    """Half a request, then the line is dead: no session, no file, no answer to nobody."""
    import asyncio

    app = Guard(make_app(service))
    body = b"--x\r\nContent-Disposition: form-data; name=photo; filename=a.jpg\r\n\r\n" + jpeg()[:5000]
    messages = iter([{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}])
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"multipart/form-data; boundary=x")]
    scope = {
        "type": "http", "method": "POST", "path": "/api/sessions", "raw_path": b"/api/sessions", "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        assert message.get("status", 400) in (400, 422)

    asyncio.run(app(scope, receive, send))
    assert service.store.summaries() == [] and service.line.waiting == 0
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file() and "blobs" in path.parts]


def test_who_goes_away_is_not_worked_for(service: Service, store: Store, faces: Any) -> None:
    stopped = threading.Event()

    def invert(*args: Any, progress: Callable[[float, str], None], **more: Any) -> Inversion:
        for step in range(400):
            try:
                progress(step / 400, "finding the face")
            except BaseException:
                stopped.set()
                raise
            time.sleep(0.01)
        raise AssertionError("nobody stopped it")

    service._ready().inverter = invert  # type: ignore[assignment]
    ticket = service.open(content=("a.jpg", jpeg()))
    time.sleep(0.3)
    ticket.cancel()
    with pytest.raises(Cancelled):
        ticket.result(10)
    assert stopped.is_set() and store.summaries() == []


@pytest.mark.parametrize(
    "text", ["🙂🙂", "请让我微笑", "اجعلني أبتسم", "\x07\x1b[31mhello\x9b", "¡Hazme sonreír!", "z̸̢͎̀a̷l"]
)
def test_odd_messages_are_answered_all_the_same(client: TestClient, text: str) -> None:
    view = said(client, opened(client), text)
    assert view["version"] == 1 and view["turns"][-1]["text"].strip()
    assert view["turns"][-1]["text"].isprintable()


@pytest.mark.parametrize(
    "body, words",
    [
        ({"text": ""}, "empty"),
        ({"text": "   "}, "empty"),
        ({"text": "x" * 1001}, "1001 characters"),
        ({"text": 7}, "text"),
        ({}, "text"),
        ({"text": "hi", "key": ""}, "key"),
        ({"text": "hi", "key": "k" * 201}, "key"),
        ({"text": "hi", "seed": 1}, "seed"),
    ],
)
def test_messages_that_cannot_be_taken(client: TestClient, body: dict[str, Any], words: str) -> None:
    id = opened(client)
    refused(client.post(f"/api/sessions/{id}/say", json=body), 422, words)
    assert client.get(f"/api/sessions/{id}").json()["version"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"type": "explode"},
        {"type": "set"},
        {"type": "set", "value": "purple hair"},
        {"type": "remove", "value": ""},
        {"type": "strength", "value": "bangs"},
        {"type": "strength", "value": "bangs", "strength": 9},
        {"type": "strength", "value": "bangs", "strength": "strong"},
        {"type": "go_to", "turn": -1},
        {"type": "go_to", "turn": 1},
        ["undo"],
    ],
)
def test_buttons_that_do_not_exist(client: TestClient, body: Any) -> None:
    id = opened(client)
    answer = client.post(f"/api/sessions/{id}/events", json=body)
    refused(answer, 422, "")
    assert client.get(f"/api/sessions/{id}").json()["version"] == 0


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"text": "\\ud800"}', b'{"text": "a\\u0000b"}', b"[]", b""])
def test_bodies_that_are_no_message(client: TestClient, content: bytes) -> None:
    id = opened(client)
    answer = client.post(f"/api/sessions/{id}/say", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 422) and "Traceback" not in answer.text  # odd characters are small talk


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"seed": 1, "sample": "portrait"},
        {"seed": -2},
        {"seed": 2**31},
        {"seed": "one"},
        {"sample": "../../../etc/passwd"},
        {"sample": "nobody"},
        {"photo_id": "../../etc/passwd"},
        {"photo_id": "http://169.254.169.254/latest/meta-data"},
        {"photo_id": "A" * 32},
        {"photo": "/etc/passwd"},
        {"photo": "http://127.0.0.1:22/"},
    ],
)
def test_openings_that_are_none(client: TestClient, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.create_connection", lambda *a, **k: pytest.fail("connected"))
    answer = client.post("/api/sessions", data=data)
    refused(answer, 404 if "photo_id" in data else 422, "")
    assert "root:" not in answer.text


@pytest.mark.parametrize("id", ["..%2f..%2fetc%2fpasswd", "%00", "a" * 5000, "'; DROP TABLE i2edit_turns; --", "☃"])
def test_session_ids_that_are_none(client: TestClient, id: str) -> None:
    for answer in (
        client.get(f"/api/sessions/{id}"),
        client.get(f"/api/sessions/{id}/picture"),
        client.delete(f"/api/sessions/{id}"),
    ):
        refused(answer, 404, "")


def test_pictures_that_do_not_exist(client: TestClient) -> None:
    id = opened(client)
    address = f"/api/sessions/{id}/picture"
    refused(client.get(address, params={"turn": 1}), 404, "no turn number 1")
    for wrong in ({"turn": -1}, {"part": "soul"}, {"format": "gif"}, {"side": 1}, {"side": "big"}):
        refused(client.get(address, params=wrong), 422, next(iter(wrong)))


def test_names_of_files_cannot_be_paths() -> None:
    assert clean_name("../../etc/passwd") == "passwd" and clean_name("C:\\me\\a.jpg") == "a.jpg"
    assert clean_name("") == clean_name("..") == clean_name("\0\n") == "photo"
    assert len(clean_name("x" * 300 + ".jpg")) == 100 and clean_name("x" * 300 + ".jpg").endswith(".jpg")


def test_limits_in_a_minute_and_in_all(store: Store, quick_editor: Editor) -> None:
    limits = Limits(turns_a_minute=3, openings_a_minute=2, sessions=2)
    service = Service(store, lambda progress: quick_editor, limits)
    with TestClient(Guard(make_app(service)), base_url=HOME) as client:
        id, _ = opened(client), opened(client)
        answer = client.post("/api/sessions", data={"seed": 5})
        refused(answer, 429, "at most")
        assert answer.headers["retry-after"]
        client.delete(f"/api/sessions/{id}")
        refused(client.post("/api/sessions", data={"seed": 5}), 429, "2 openings a minute")
        id = store.summaries()[0].id
        for _ in range(3):
            said(client, id, "hello")
        refused(client.post(f"/api/sessions/{id}/say", json={"text": "hello"}), 429, "3 turns a minute")
        assert client.get(f"/api/sessions/{id}").status_code == 200
    service.line.close()


# ------------------------------------------------------------------------------------------------ the store fails


def test_a_full_disk_is_said_and_loses_nothing(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = opened(client)
    before = said(client, id, "+bangs")
    shown = client.get(f"/api/sessions/{id}/picture").content
    full = StoreFull("The disk is full, so nothing more can be stored. Make room.")

    def fail(*args: Any, **more: Any) -> Any:
        raise full

    with monkeypatch.context() as there:
        for name in ("append", "create", "attach"):
            there.setattr(store, name, fail)
        refused(client.post(f"/api/sessions/{id}/say", json={"text": "+lipstick"}), 507, "disk is full")
        refused(client.post("/api/sessions", data={"seed": 6}), 507, "disk is full")
        assert client.get(f"/api/sessions/{id}").json() == before
        again = client.get(f"/api/sessions/{id}/picture").content
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(again))), np.asarray(Image.open(io.BytesIO(shown))))
    assert said(client, id, "+lipstick")["version"] == 2


def test_a_disk_that_is_full_when_a_photo_is_sent(
    client: TestClient, service: Service, faces: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder of those that were sent, and where a form waits until it is complete."""

    def full(*args: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as there:
        there.setattr("pathlib.Path.write_bytes", full)
        refused(client.post("/api/photos", files={"photo": ("a.jpg", jpeg())}), 507, "is full")
        assert list(service._uploads().iterdir()) == []
    with monkeypatch.context() as there:
        there.setattr("starlette.datastructures.UploadFile.write", full)
        for address in ("/api/photos", "/api/sessions"):
            refused(client.post(address, files={"photo": ("a.jpg", jpeg())}), 507, "disk is full")
    assert client.post("/api/photos", files={"photo": ("a.jpg", jpeg())}).status_code == 201


def test_only_what_can_be_made_again_is_missing_when_pictures_cannot_be_kept(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = opened(client)

    def fail(*args: Any) -> None:
        raise StoreFull("The disk is full.")

    monkeypatch.setattr(store, "attach", fail)
    assert said(client, id, "+bangs")["version"] == 1
    shown = client.get(f"/api/sessions/{id}/picture", params={"part": "view", "format": "jpeg"})
    assert Image.open(io.BytesIO(shown.content)).format == "JPEG"


def test_a_locked_database_is_said_and_loses_nothing(client: TestClient, tmp_path: Path) -> None:
    id = opened(client)
    before = said(client, id, "+bangs")
    other = sqlite3.connect(tmp_path / "data" / "sessions" / "store.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = client.post(f"/api/sessions/{id}/say", json={"text": "+lipstick"})
    refused(answer, 503, "in use by another program")
    assert answer.headers["retry-after"]
    assert client.get(f"/api/sessions/{id}").json() == before  # reading goes on
    other.execute("ROLLBACK")
    assert said(client, id, "+lipstick")["version"] == 2


def test_a_store_that_is_gone_is_said(client: TestClient, tmp_path: Path) -> None:
    id = opened(client)
    folder = tmp_path / "data" / "sessions"
    os.rename(folder, tmp_path / "elsewhere")
    for answer in (
        client.get(f"/api/sessions/{id}"),
        client.post(f"/api/sessions/{id}/say", json={"text": "+bangs"}),
        client.post("/api/sessions", data={"seed": 4}),
        client.delete(f"/api/sessions/{id}"),
    ):
        refused(answer, 503, "")
    assert client.get("/api/health").status_code == 200
    os.rename(tmp_path / "elsewhere", folder)
    assert said(client, id, "+bangs")["version"] == 1


def test_a_fault_of_ours_is_a_sentence_too(client: TestClient, quick_editor: Editor, capsys: Any) -> None:
    id = opened(client)
    quick_editor.dialogue.track = lambda *a: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    answer = client.post(f"/api/sessions/{id}/say", json={"text": "hi"})
    refused(answer, 500, "as it was")
    assert "ZeroDivision" not in answer.text and client.get(f"/api/sessions/{id}").json()["version"] == 0


# ------------------------------------------------------------------------------------------------ who may ask


def test_only_this_machine_and_no_other_site(client: TestClient) -> None:
    id = opened(client)
    address = f"/api/sessions/{id}"
    refused(client.get(address, headers={"host": "evil.example"}), 403, "name of this machine")  # DNS rebinding
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        refused(client.post(f"{address}/say", json={"text": "hi"}, headers={"origin": origin}), 403, "other sites")
    for site in ("cross-site", "same-site"):
        refused(client.get(f"{address}/picture", headers={"sec-fetch-site": site}), 403, "other sites")
    same = {"origin": HOME, "sec-fetch-site": "same-origin"}
    assert client.post(f"{address}/say", json={"text": "hi"}, headers=same).status_code == 200
    for path in ("/gradio_api/proxy=http://127.0.0.1/", "/gradio_api/file=/etc/passwd", "/monitoring", "/docs", "/etc"):
        refused(client.get(path), 404, "nothing at this address")
    answer = client.get("/api/health")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy
    assert "access-control-allow-origin" not in answer.headers


def test_a_token_is_asked_of_everybody(service: Service) -> None:
    token = "a-word-nobody-guesses"
    app = Guard(make_app(service), token=token)
    with TestClient(app, base_url="http://editor.example", follow_redirects=False) as client:
        answer = client.get("/api/health")
        refused(answer, 401, "token")
        assert answer.headers["www-authenticate"] == "Bearer"
        refused(client.get("/api/health", headers={"authorization": "Bearer wrong-word-altogether"}), 401, "token")
        refused(client.get("/api/health", headers={"authorization": "Bearer é".encode()}), 401, "token")
        assert client.get("/api/health", headers={"authorization": f"Bearer {token}"}).status_code == 200
        refused(client.get("/?token=wrong-word-altogether"), 401, "token")
        entered = client.get(f"/?token={token}&a=b")
        assert entered.status_code == 303 and entered.headers["location"] == "/?a=b"
        assert "HttpOnly" in entered.headers["set-cookie"] and "SameSite=Strict" in entered.headers["set-cookie"]
        assert client.get("/api/health").status_code == 200  # by the cookie
        refused(client.get("/api/health", headers={"origin": "http://evil.example"}), 403, "other sites")


# ------------------------------------------------------------------------------------------------ who is next


def test_owners_take_turns_and_see_their_place() -> None:
    line, done, go = FairQueue(), [], threading.Event()
    first = line.submit("a", lambda progress: go.wait(10))
    time.sleep(0.1)
    tickets = {}
    for name in ("a1", "a2", "a3", "b1", "b2", "c1"):
        tickets[name] = line.submit(name[0], lambda progress, name=name: done.append(name))
    places = {name: ticket.state()["position"] for name, ticket in tickets.items()}
    assert places == {"a1": 1, "b1": 2, "c1": 3, "a2": 4, "b2": 5, "a3": 6}
    tickets["b1"].cancel()
    assert tickets["b2"].state()["position"] == 2 and tickets["a3"].state()["position"] == 5
    assert first.state()["state"] == "working"
    go.set()
    tickets["a3"].result(10)
    assert done == ["a1", "b2", "c1", "a2", "a3"]
    with pytest.raises(Cancelled):
        tickets["b1"].result(1)
    line.close()


def test_long_jobs_make_way_for_short_ones() -> None:
    line, done = FairQueue(), []
    begun = threading.Event()

    def long(progress: Callable[[float, str], None]) -> str:
        begun.set()
        for step in range(200):
            progress(step / 200, "opening")
            time.sleep(0.005)
        done.append("long")
        return "opened"

    opening = line.submit("a", long, long=True)
    second = line.submit("b", lambda progress: done.append("second long"), long=True)
    begun.wait(5)
    line.submit("c", lambda progress: done.append("short")).result(10)
    assert done == ["short"] and opening.state()["state"] == "working"
    assert second.state() == {"state": "waiting", "position": 1}
    assert opening.result(10) == "opened"
    second.result(10)
    assert done == ["short", "long", "second long"]
    line.close()


def test_nothing_is_begun_beside_a_photo_that_nobody_waits_for_or_after_the_end() -> None:
    for end in ("cancel", "close"):
        line, done, begun, go = FairQueue(), [], threading.Event(), threading.Event()

        def long(progress: Callable[[float, str], None], begun: Any = begun, go: Any = go) -> None:
            begun.set()
            go.wait(10)
            progress(0.5, "opening")
            pytest.fail("it went on")

        photo = line.submit("a", long, long=True)
        begun.wait(5)
        short = line.submit("b", lambda progress, done=done: done.append("short"))
        closing = threading.Thread(target=line.close)
        if end == "cancel":
            photo.cancel()
        else:
            closing.start()
            time.sleep(0.05)
        go.set()
        with pytest.raises(Cancelled):
            photo.result(10)
        if end == "cancel":
            short.result(10)  # the next one, in its own turn
            line.close()
        else:
            closing.join(10)
            assert done == []


def test_a_photo_is_opened_however_many_talk() -> None:
    line, stop, talked = FairQueue(), threading.Event(), []

    def talk(owner: str) -> None:
        while not stop.is_set():
            line.submit(owner, lambda progress: time.sleep(0.01)).result(10)
            talked.append(owner)

    people = [threading.Thread(target=talk, args=(owner,)) for owner in "abcd"]
    for one in people:
        one.start()
    try:
        time.sleep(0.1)
        before = len(talked)
        photo = line.submit("e", lambda progress: [progress(step / 20, "opening") for step in range(20)], long=True)
        photo.result(5)
        assert len(talked) - before > 10  # and the others went on
    finally:
        stop.set()
        for one in people:
            one.join(10)
        line.close()


def test_a_full_line_takes_no_more_and_errors_stay_with_their_job() -> None:
    line, go = FairQueue(most=4, most_each=2), threading.Event()
    line.submit("x", lambda progress: go.wait(10))
    time.sleep(0.1)
    for owner in "aab":
        line.submit(owner, lambda progress: None)
    with pytest.raises(TooMany):
        line.submit("a", lambda progress: None)
    bad = line.submit("c", lambda progress: 1 / 0)
    with pytest.raises(Busy):
        line.submit("d", lambda progress: None)
    go.set()
    with pytest.raises(ZeroDivisionError):
        bad.result(10)
    assert line.submit("d", lambda progress: 7).result(10) == 7
    line.close()
