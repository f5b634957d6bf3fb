"""The MCP tools: the same verbs, files of one folder alone, no addresses. Called as a client calls them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import torch
from PIL import Image
from serving import running

pytest.importorskip("mcp")
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.testclient import TestClient

from i2edit.chat import Chat, Editor
from i2edit.errors import OutputError, PhotoError
from i2edit.images import AI_EDITED, read_source_type
from i2edit.store import Store
from i2edit.web import serve
from i2edit.web.service import Service
from i2edit.web.tools import inside, make_tools

torch.set_num_threads(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    made.mkdir()
    Image.effect_noise((320, 300), 50).convert("RGB").save(made / "me.png")
    (tmp_path / "secret.png").write_bytes((made / "me.png").read_bytes())
    (made / "link.png").symlink_to(tmp_path / "secret.png")
    return made


@pytest.fixture
def service(tmp_path: Path, small_editor: Editor, new_chat: Callable[..., Chat]) -> Iterator[Service]:
    def open(photo: Any, face: int | None = None, *, progress: Callable[[float, str], None]) -> Chat:
        progress(0.5, "finding the face")
        chat = new_chat(1)
        chat.photo = photo.image
        return chat

    small_editor.open = open  # type: ignore[assignment, method-assign]
    made = Service(Store(tmp_path / "data"), lambda progress: small_editor)
    yield made
    made.line.close()


def test_a_model_edits_a_photo(service: Service, folder: Path) -> None:
    async def story() -> None:
        async with Client(make_tools(service, folder)) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert names == {"open_photo", "open_face", "say", "press", "look", "save", "close"}
            view = (await client.call_tool("open_photo", {"file": "me.png"})).structured_content
            id = view["id"]
            view = (await client.call_tool("say", {"id": id, "text": "+bangs, less +smiling"})).structured_content
            assert view["wanted"] == {"expression": ["smiling"], "hairstyle": ["bangs"]} and view["reply"]
            pressed = {"id": id, "type": "strength", "value": "smiling", "strength": 1.5}
            assert (await client.call_tool("press", pressed)).structured_content["strength"] == {"smiling": 1.5}
            shown = (await client.call_tool("look", {"id": id})).content[0]
            assert shown.type == "image" and shown.mime_type == "image/jpeg"
            saved = await client.call_tool("save", {"id": id, "file": "smile.png"})
            assert "smile.png" in saved.content[0].text
            again = await client.call_tool("save", {"id": id, "file": "smile.png"})
            assert again.is_error and "there already" in again.content[0].text
            for file in ("../out.png", "/tmp/out.png", "a.gif", "no/such/folder/a.png"):
                answer = await client.call_tool("save", {"id": id, "file": file})
                assert answer.is_error and "Traceback" not in answer.content[0].text, file
            assert (await client.call_tool("close", {"id": id})).content[0].text == "Deleted."
            gone = await client.call_tool("say", {"id": id, "text": "hi"})
            assert gone.is_error and "no session" in gone.content[0].text

    anyio.run(story)
    assert read_source_type(folder / "smile.png") == AI_EDITED
    assert Image.open(folder / "smile.png").size == (320, 300)


OUTSIDE = (
    "../secret.png",
    "/etc/passwd",
    "link.png",
    "..",
    ".",
    "",
    "http://127.0.0.1/a.png",
    "file:///etc/passwd",
    "a\0.png",
)


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_outside_of_the_folder(service: Service, folder: Path, name: str) -> None:
    for there, kind in ((True, PhotoError), (False, OutputError)):
        with pytest.raises(kind):
            inside(folder, name, there=there)

    async def ask() -> Any:
        async with Client(make_tools(service, folder)) as client:
            return await client.call_tool("open_photo", {"file": name})

    answer = anyio.run(ask)
    assert answer.is_error and service.store.summaries() == []


TOKEN = "a-word-nobody-guesses"


@pytest.fixture(params=[None, TOKEN])
def address(request: pytest.FixtureRequest, service: Service, folder: Path) -> Iterator[str]:
    """A server on this machine with the tools at /mcp, without and with a token."""
    app = serve.build(service, token=request.param, page=False, folder=folder)
    with running(app) as made:
        yield f"{made}/mcp"


def test_the_same_tools_over_http(address: str, service: Service, folder: Path) -> None:
    token = {"authorization": f"Bearer {TOKEN}"}  # without one it is not looked at

    async def story() -> None:
        async with httpx2.AsyncClient(headers=token, timeout=60) as http:
            told = []

            async def progress(share: float, total: float | None, text: str | None) -> None:
                told.append((share, text))

            async with Client(streamable_http_client(address, http_client=http)) as client:
                opened = await client.call_tool("open_photo", {"file": "me.png"}, progress_callback=progress)
                id = opened.structured_content["id"]
                said = (await client.call_tool("say", {"id": id, "text": "+bangs"})).structured_content
                assert said["wanted"] == {"hairstyle": ["bangs"]}
                assert (await client.call_tool("look", {"id": id})).content[0].type == "image"
                assert "out.webp" in (await client.call_tool("save", {"id": id, "file": "out.webp"})).content[0].text
                outside = await client.call_tool("open_photo", {"file": "../secret.png"})
                assert outside.is_error and "allowed folder" in outside.content[0].text
            assert told and all(0 <= share <= 1 for share, _ in told)

    anyio.run(story)
    assert read_source_type(folder / "out.webp") == AI_EDITED and len(service.store.summaries()) == 1


def test_mcp_over_http_is_guarded_as_the_api_is(address: str, service: Service, request: Any) -> None:
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    plain = {"accept": "application/json, text/event-stream", "authorization": f"Bearer {TOKEN}"}
    needs_token = request.node.callspec.params["address"] is not None
    for wrong, status in (
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"host": "evil.example"}, 403 if not needs_token else None),  # a token is for every name
        ({"authorization": "Bearer wrong-word-altogether"}, 401 if needs_token else None),
    ):
        answer = httpx2.post(address, json=hello, headers={**plain, **wrong})
        assert answer.status_code == status if status else answer.status_code not in (401, 403), (wrong, answer.text)
        if status:
            assert answer.json()["detail"].endswith((".", "'."))
    assert httpx2.post(address, content=bytes(1_500_000), headers=plain).status_code == 413
    assert httpx2.post(address, content=b"{", headers=plain).status_code in range(400, 500)


def test_without_a_folder_there_are_no_tools(service: Service, tmp_path: Path) -> None:
    with TestClient(serve.build(service, page=False), base_url="http://127.0.0.1") as client:
        assert client.post("/mcp", json={}).status_code == 404
    with pytest.raises(PhotoError, match="There is no folder"):
        serve.build(service, page=False, folder=tmp_path / "nowhere")


def test_a_folder_must_be_there(service: Service, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="There is no folder"):
        make_tools(service, tmp_path / "nowhere")


def test_pictures_shown_are_marked(service: Service, folder: Path, tmp_path: Path) -> None:
    id = service.open(content=("me.png", (folder / "me.png").read_bytes())).result()["id"]
    service.say(id, "+bangs").result()
    content, kind = service.picture(id)
    assert kind == "image/jpeg" and Image.open(io.BytesIO(content)).format == "JPEG"
    (tmp_path / "shown.jpg").write_bytes(content)
    assert read_source_type(tmp_path / "shown.jpg") == AI_EDITED
