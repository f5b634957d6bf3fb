"""The documentation: its examples run, its pages build, what is wrong with a page is found, and a browser calls nobody else.

The examples are those in the README and in docs/, page by page, each in a folder with a portrait called `me.jpg`.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from i2edit.assets import FOLDER

if TYPE_CHECKING:
    from i2edit.chat import Editor

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = os.environ.get("I2EDIT_CHROMIUM", "/usr/bin/chromium")
# Pages with Python in them that is not run here, and why.
ELSEWHERE = {
    "docs/web.md": "needs a running server: tests/test_web_page.py",
}


def examples(page: Path) -> list[tuple[int, str]]:
    """The Python of a page: (line of its first line, code)."""
    text = page.read_text(encoding="utf-8")
    return [
        (text[: found.start()].count("\n") + 2, found[1])
        for found in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]


WITH_EXAMPLES = sorted(
    str(page.relative_to(ROOT)) for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")) if examples(page)
)


def test_every_page_with_python_is_run_here_or_elsewhere() -> None:
    assert set(ELSEWHERE) < set(WITH_EXAMPLES)
    assert {"README.md", "docs/python.md", "docs/sessions.md", "docs/own-attributes.md"} <= set(WITH_EXAMPLES)


@pytest.fixture(scope="module")
def once(editor: Editor) -> Iterator[Editor]:
    """The shipped editor, whose inverter finds the same crop once only: the pages open the same portrait."""
    inverter, known = editor.inverter, {}

    def invert(crop: Any, *more: Any, **named: Any) -> Any:
        key = crop.numpy().tobytes()
        if key not in known:
            known[key] = inverter(crop, *more, **named)
        return known[key]

    edits = editor.edits
    editor.inverter = invert  # type: ignore[assignment]
    yield editor
    editor.inverter, editor.edits = inverter, edits


@pytest.mark.weights
@pytest.mark.parametrize("name", [name for name in WITH_EXAMPLES if name not in ELSEWHERE])
def test_examples(name: str, once: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from i2edit.chat import Editor

    shutil.copy(FOLDER / "demo" / "portrait.jpg", tmp_path / "me.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("I2EDIT_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(Editor, "load", lambda *choice, **named: once)
    monkeypatch.setattr(once, "edits", once.edits)  # own-attributes.md takes another
    space: dict[str, Any] = {}
    for line, code in examples(ROOT / name):
        exec(compile("\n" * (line - 1) + code, str(ROOT / name), "exec"), space)
    for picture in re.findall(r'save_image\(.*?"([^"]+\.png)"', (ROOT / name).read_text(encoding="utf-8")):
        assert (tmp_path / picture).stat().st_size > 10_000, picture


# ------------------------------------------------------------------------------------------------ the site


@pytest.fixture(scope="module")
def build() -> ModuleType:
    pytest.importorskip("zensical")
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        return import_module("build")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def site(build: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build.build(tmp_path_factory.mktemp("docs") / "out")  # type: ignore[no-any-return]


def test_the_site_builds_without_a_fault_and_has_every_command_and_attribute(build: ModuleType, site: Path) -> None:
    from i2edit.ontology import VALUES

    assert build.problems(site) == []
    commands = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    for name in ("chat", "data-build", "bench-table4", "train-directions", "sessions-delete", "cache-clear"):
        assert f'id="i2edit-{name}"' in commands, name
    assert "--landmark-faces" in commands  # argparse's
    assert "--face-seed" in commands  # typer's
    attributes = (site / "reference" / "attributes.html").read_text(encoding="utf-8")
    assert all(f"<td>{value}</td>" in attributes for value in VALUES)
    assert "Opens a photo: finds a face" in (site / "reference" / "python" / "chat.html").read_text(encoding="utf-8")
    assert "@" not in re.sub(r"<[^>]*>", "", (site / "cards" / "maps.html").read_text(encoding="utf-8")).split("AUC")[1]


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "loads https://cdn.example/x.js from another machine"),
        ('<img src="//cdn.example/x.png">', "loads //cdn.example/x.png from another machine"),
        ('<link rel="stylesheet" href="http://fonts.example/css">', "loads http://fonts.example/css from another machine"),
        ("<style>@import url(https://fonts.example/a.css);</style>", "loads https://fonts.example/a.css from another"),
        ('<p style="background: url(https://cdn.example/b.png)">', "loads https://cdn.example/b.png from another machine"),
        ('<img src="gone.png">', "shows gone.png, which is not there"),
        ('<a href="gone.html">', "links to gone.html, which is not there"),
        ('<a href="#gone">', "links to #gone; there is no such place"),
    ],
)  # fmt: skip
def test_a_faulty_page_is_found(build: ModuleType, tmp_path: Path, html: str, problem: str) -> None:
    (tmp_path / "index.html").write_text('<a id="top" href="#top">x</a><a href="https://example.org/">elsewhere</a>')
    assert build.problems(tmp_path) == []
    (tmp_path / "index.html").write_text(html)
    assert len(found := build.problems(tmp_path)) == 1
    assert problem in found[0]


def test_a_forgotten_page_and_a_style_sheet_that_loads_fonts_are_found(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>hello</p>")
    (tmp_path / "lost.html").write_text('<a href="index.html">home</a>')
    (tmp_path / "x.css").write_text(
        "@font-face { src: url('https://fonts.example/a.woff2'), url(data:font/woff2;base64,aa) }"
    )
    assert build.problems(tmp_path) == [
        "x.css loads https://fonts.example/a.woff2 from another machine.", "lost.html: no page links there.",
    ]  # fmt: skip


def test_a_link_to_no_page_stops_the_build(build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("sample", "images", "python"))
    shutil.rmtree(docs / "reference", ignore_errors=True)
    for page in docs.rglob("*.md"):
        page.unlink()
    (docs / "index.md").write_text("# Home\n\n[nowhere](nowhere.md)\n")
    settings = (ROOT / "docs" / "zensical.toml").read_text(encoding="utf-8")
    (docs / "zensical.toml").write_text(re.sub(r"nav = \[.*?^\]", "", settings, flags=re.DOTALL | re.MULTILINE))
    monkeypatch.setattr(build, "DOCS", docs)
    monkeypatch.setattr(build, "CARDS", {})
    for made in ("cli_page", "attributes_page", "maps_page"):
        monkeypatch.setattr(build, made, lambda: "# Page\n")
    with pytest.raises(RuntimeError, match="page does not exist"):
        build.build(tmp_path / "out")


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no Chromium")
def test_a_browser_that_reads_a_page_of_each_kind_calls_no_other_machine(site: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    pages = ("index", "tutorial", "reference/cli", "reference/python/chat", "cards/faces")
    asked: list[str] = []
    failed: list[str] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_api.sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        for name in pages:
            page.goto(f"http://127.0.0.1:{server.server_port}/{name}.html", wait_until="load")
        browser.close()
        server.shutdown()
    assert len(asked) > len(pages)
    assert [
        url for url in asked if urlsplit(url).hostname != "127.0.0.1" and not url.startswith(("data:", "blob:"))
    ] == []
    assert failed == []
