"""The page in a browser, on a real server with the shipped networks: the whole story, a kill -9 in it, and who is called.

Needs Chromium (``I2EDIT_CHROMIUM``, or /usr/bin/chromium). Faces are generated ones, so that nothing is inverted. With
``I2EDIT_SHOTS`` set to a folder, pictures of the page at desktop and phone width are left there.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")
sync_api = pytest.importorskip("playwright.sync_api")

from i2edit.images import AI_GENERATED, read_source_type  # noqa: E402
from i2edit.provenance import inspect  # noqa: E402

CHROMIUM = os.environ.get("I2EDIT_CHROMIUM", "/usr/bin/chromium")
PATIENCE = 240_000  # ms, for busy machines
pytestmark = [
    pytest.mark.weights,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no Chromium"),
]

# The command, with every attempt to reach another machine written down.
WATCHED = """
import socket, sys
calls = open(sys.argv[1], "a", buffering=1)
def watch(name):
    plain = getattr(socket.socket, name)
    def watched(self, address):
        if isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1", "localhost")):
            calls.write(f"{name} {address}\\n")
        return plain(self, address)
    setattr(socket.socket, name, watched)
watch("connect"), watch("connect_ex")
look = socket.getaddrinfo
def getaddrinfo(host, *more, **named):
    if host not in (None, "127.0.0.1", "localhost", "::1"):
        calls.write(f"look-up {host}\\n")
    return look(host, *more, **named)
socket.getaddrinfo = getaddrinfo
from i2edit.cli import main
sys.argv = ["i2edit", *sys.argv[2:]]
main()
"""


class Server:
    """`i2edit web` as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.calls = folder / "calls.txt"
        self.start()

    def start(self) -> None:
        arguments = ["web", "--port", str(self.port), "--data", str(self.folder / "data")]
        log = (self.folder / "log.txt").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", WATCHED, str(self.calls), *arguments], stdout=log, stderr=log,
            env={**os.environ, "I2EDIT_DATA": str(self.folder / "home")},
        )  # fmt: skip
        self.wait("/api/health")

    def wait(self, path: str) -> None:
        until = time.monotonic() + PATIENCE / 1000
        while time.monotonic() < until:
            assert self.process.poll() is None, (self.folder / "log.txt").read_text()
            try:
                urllib.request.urlopen(self.address + path, timeout=30).read()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def session(self, id: str) -> dict[str, Any]:
        return json.load(urllib.request.urlopen(f"{self.address}/api/sessions/{id}", timeout=60))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("web"))
    yield made
    made.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


class Tab:
    """A page, with what it asked for and complained of."""

    def __init__(self, browser: Any, server: Server, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        scheme = "dark" if dark else "light"
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.hosts: set[str] = set()
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.server = server
        self.page.goto(server.address)

    def see(self, selector: str) -> Any:
        return self.page.wait_for_selector(selector, state="visible")

    def turns(self, count: int) -> None:
        """Waits until so many turns are shown."""
        self.page.wait_for_function(f"document.querySelectorAll('.strip li').length === {count + 1}")
        self.page.wait_for_selector(".stage .after:not(.waiting)")

    def say(self, text: str, count: int) -> None:
        box = self.page.locator("#i2-box textarea")
        box.fill(text)
        box.press("Enter")
        self.turns(count)

    @property
    def chips(self) -> list[str]:
        return [name.inner_text() for name in self.page.query_selector_all(".chip .name")]

    @property
    def id(self) -> str:
        return self.page.evaluate("document.querySelector('.stage .after').dataset.url.split('/')[3]")

    def shot(self, name: str) -> None:
        if folder := os.environ.get("I2EDIT_SHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.wait_for_timeout(400)
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)

    def close(self) -> None:
        self.context.close()


def test_the_whole_story(browser: Any, server: Server, tmp_path: Path) -> None:
    tab = Tab(browser, server)
    page = tab.page
    tab.see(".start .drop")
    tab.shot("desktop-start")
    page.click("[data-seed='285']")
    tab.turns(0)
    assert page.inner_text(".identity") == "Nothing is edited yet."
    page.locator("#i2-box textarea").fill("<img src=x onerror=alert(1)>")  # shown as text, and nothing else
    tab.say("smile a bit", 1)
    assert tab.chips == ["smiling"]
    tab.say("make my hair blond", 2)
    tab.say("and give me bangs", 3)
    assert tab.chips == ["smiling", "blond hair", "bangs"]
    words = page.inner_text(".identity")
    assert words.startswith("It ")
    tab.shot("desktop-chat")

    page.click("[aria-label='Remove bangs']")  # a chip removed stays removed
    tab.turns(4)
    assert tab.chips == ["smiling", "blond hair"]
    tab.say("a little more smile, please", 5)
    assert "bangs" not in tab.chips and "smiling" in tab.chips
    strength = page.locator("[aria-label='Strength of blond hair']")
    strength.focus()
    strength.press("Home")
    tab.turns(6)
    assert tab.server.session(tab.id)["strength"]["blond hair"] == 0.25

    page.keyboard.press("Control+z")
    tab.turns(7)
    undone = tab.server.session(tab.id)
    assert undone["can_redo"] and undone["turns"][-1]["event"] == {"type": "undo"}
    page.click("[data-key=redo]")
    page.wait_for_function("document.querySelector('[data-key=redo]').disabled")

    cut = page.locator(".stage .cut")  # before and after, by keyboard
    cut.focus()
    cut.press("End")
    assert page.evaluate("document.querySelector('.frame').style.getPropertyValue('--cut')") == "100%"

    page.click(".strip button[aria-label='Return to: smile a bit']")
    page.wait_for_function("document.querySelectorAll('.chip').length === 1")
    assert tab.chips == ["smiling"]
    before = tab.server.session(tab.id)

    page.reload()
    page.wait_for_selector(".chip")
    assert tab.chips == ["smiling"] and tab.server.session(tab.id) == before
    assert "make my hair blond" in page.inner_text("#i2-talk")

    server.kill()
    server.start()
    page.reload()  # at once, while the networks load
    page.wait_for_selector(".chip")
    assert tab.chips == ["smiling"] and tab.server.session(tab.id) == before
    page.wait_for_selector(".stage .after:not(.waiting)")  # the stored picture
    count = page.evaluate("document.querySelectorAll('.strip li').length")
    tab.say("add lipstick", count)
    assert tab.chips == ["smiling", "lipstick"]

    page.click(".save summary")
    for kind in ("png", "jpeg", "webp"):
        with page.expect_download() as got:
            page.click(f".save a[href*='format={kind}']")
        file = tmp_path / got.value.suggested_filename
        got.value.save_as(file)
        assert file.suffix == f".{kind.replace('jpeg', 'jpg')}"
        assert read_source_type(file) == AI_GENERATED
        report = inspect(file)
        assert "lipstick" in report.text and "smiling" in report.text

    page.set_viewport_size({"width": 390, "height": 844})
    tab.shot("phone-chat")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.emulate_media(color_scheme="dark")
    tab.shot("phone-chat-dark")

    id = tab.id
    page.click("[data-do=delete]")
    tab.see(".start .drop")
    with pytest.raises(OSError):
        server.session(id)
    page.reload()
    tab.see(".start .drop")
    assert tab.errors == []
    assert tab.hosts == {f"127.0.0.1:{server.port}"} or tab.hosts - {""} == {f"127.0.0.1:{server.port}"}
    assert not server.calls.exists() or server.calls.read_text() == ""
    tab.close()


def test_everything_has_a_name_and_errors_stand_beside_the_field(browser: Any, server: Server, tmp_path: Path) -> None:
    tab = Tab(browser, server, 390, 844, dark=True)
    page = tab.page
    tab.see(".start .drop")
    tab.shot("phone-start-dark")
    nameless = """[...document.querySelectorAll('button, a, input, textarea, select, img')].filter((e) => e.offsetParent
        && !(e.ariaLabel || e.innerText?.trim() || e.alt || e.title || e.labels?.length || e.getAttribute('alt') === '')).map((e) => e.outerHTML)"""
    assert page.evaluate(nameless) == []
    bad = tmp_path / "notes.txt"
    bad.write_text("no picture")
    page.set_input_files(".start input[type=file]", bad)
    page.wait_for_function("document.querySelector('.start [role=alert]').textContent.includes('notes.txt')")
    assert "not a picture" in page.inner_text(".start [role=alert]")
    page.click("[data-do=new]")
    tab.turns(0)
    assert page.evaluate(nameless) == []
    page.locator("#i2-box textarea").press("Enter")
    page.wait_for_function("document.querySelector('#i2-told [role=alert]')?.textContent.startsWith('Say what')")
    page.locator("#i2-box textarea").fill("bangs")
    page.locator("#i2-compose button").dblclick()  # a double click is one turn
    tab.turns(1)
    page.wait_for_timeout(1500)
    assert server.session(tab.id)["version"] == 1
    other = tab.context.new_page()  # a second tab on the same conversation
    other.set_default_timeout(PATIENCE)
    other.goto(server.address)
    other.wait_for_selector(".chip")
    other.click("[aria-label='Remove bangs']")
    other.wait_for_function("document.querySelectorAll('.strip li').length === 3")
    tab.say("add a goatee", 3)  # the first one learns of it
    assert "bangs" not in tab.chips
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.errors == []
    tab.close()


def test_the_served_page_names_no_other_place_to_load_from(server: Server) -> None:
    import re

    html = urllib.request.urlopen(server.address, timeout=60).read().decode()
    loaded = re.findall(r"""<(?:script|link|img|iframe)[^>]*?(?:src|href)\s*=\s*["']?([^"'\s>]+)""", html)
    assert any("page.js" in address for address in loaded)
    assert all(not re.match(r"(https?:)?//", a) or a.startswith(server.address) for a in loaded), loaded
    for kind in ("page.js", "page.css"):
        text = urllib.request.urlopen(f"{server.address}/web/{kind}", timeout=60).read().decode()
        assert not re.search(r"https?://|@import|//[a-z]+\.", text)


def test_gradio_client_has_the_same_verbs_and_fetches_no_address(server: Server) -> None:
    client = pytest.importorskip("gradio_client").Client(server.address, verbose=False)
    view = client.predict(None, 6001, None, api_name="/open")
    view = client.predict(view["id"], "give me bangs", api_name="/say")
    assert view["belief"] == {"hairstyle": ["bangs"]}
    assert client.predict(view["id"], {"type": "undo"}, api_name="/event")["belief"] == {}
    remote = {"path": "http://169.254.169.254/latest", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(Exception, match="not fetched"):
        client.predict(remote, None, None, api_name="/open")
    with pytest.raises(Exception, match="exactly one"):
        client.predict(None, None, None, api_name="/open")
    assert client.predict(view["id"], api_name="/close") == "deleted"
    assert not server.calls.exists() or server.calls.read_text() == ""
