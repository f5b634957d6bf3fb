"""`i2edit web` as a command: what it refuses before it starts, and that it starts fast and says where it is."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("gradio")

from i2edit.errors import I2EditError
from i2edit.store import Store
from i2edit.web import serve
from i2edit.web.service import Service


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])
def test_other_machines_only_with_a_token(host: str, tmp_path: Path) -> None:
    with pytest.raises(I2EditError, match="a token is needed"):
        serve.run(host, 0, str(tmp_path))
    with pytest.raises(I2EditError, match="at least 16 characters"):
        serve.run(host, 0, str(tmp_path), token="short")
    assert list(tmp_path.iterdir()) == []


def test_a_busy_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(I2EditError, match=f"The port {port} .* --port chooses another one"):
            serve.run("127.0.0.1", port, str(tmp_path))


def test_the_command_lists_its_options() -> None:
    from i2edit.cli import app

    shown = CliRunner().invoke(app, ["web", "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.exit_code == 0
    for option in ("--host", "--port", "--data", "--token", "--expire-days", "--max-upload", "--mcp-folder"):
        assert option in shown.stdout


def test_the_whole_app_serves_page_files_and_api_under_one_policy(tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    service = Service(Store(tmp_path), lambda progress: None, begin=False)  # type: ignore[arg-type, return-value]
    with TestClient(serve.build(service), base_url="http://127.0.0.1:7860") as client:
        for path in (
            "/",
            "/config",
            "/web/page.js",
            "/web/page.css",
            "/web/samples/portrait.jpg",
            "/openapi.json",
            "/api/health",
        ):
            answer = client.get(path)
            assert answer.status_code == 200, path
            assert "default-src 'self'" in answer.headers["content-security-policy"]
        for path in (
            "/web/samples/../service.py",
            "/web/samples/%2e%2e/service.py",
            "/gradio_api/file=/etc/passwd",
            "/web/service.py",
        ):
            assert client.get(path).status_code == 404, path
        schema = client.get("/openapi.json").json()
        assert set(schema["paths"]) == {
            "/api/health", "/api/ontology", "/api/photos", "/api/sessions", "/api/sessions/{id}", "/api/sessions/{id}/say",
            "/api/sessions/{id}/events", "/api/sessions/{id}/picture", "/api/sessions/{id}/compare",
        }  # fmt: skip
        for path in schema["paths"].values():
            for verb in path.values():
                assert verb["summary"] and verb["description"]
    service.line.close()
