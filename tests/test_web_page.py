"""The page in a browser, on a real server with the shipped networks: the whole story, a kill -9 in it, and who is called.

Needs Chromium (``I2EDIT_CHROMIUM``, or /usr/bin/chromium). One photo is uploaded and inverted, of two generated faces; all
else happens on generated faces. With ``I2EDIT_SHOTS`` set to a folder, pictures of the page at desktop and phone width are
left there.
"""

from __future__ import annotations

import io
import os
import sqlite3
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from serving import PATIENCE, Server

pytest.importorskip("gradio")
pytest.importorskip("httpx")
sync_api = pytest.importorskip("playwright.sync_api")

from i2edit.images import AI_EDITED, AI_GENERATED, read_source_type  # noqa: E402
from i2edit.provenance import inspect  # noqa: E402
from i2edit.store import Store  # noqa: E402
from i2edit.web.service import sample_file  # noqa: E402

CHROMIUM = os.environ.get("I2EDIT_CHROMIUM", "/usr/bin/chromium")
pytestmark = [
    pytest.mark.weights,
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"there is no Chromium at {CHROMIUM}; I2EDIT_CHROMIUM names another place"
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("web"))
    yield made
    made.kill()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium, with a camera that films the sample portrait."""
    film = tmp_path_factory.mktemp("film") / "film.mjpeg"
    frame = io.BytesIO()
    ImageOps.pad(ImageOps.exif_transpose(Image.open(sample_file("portrait"))), (960, 720)).save(frame, "JPEG")
    film.write_bytes(frame.getvalue())
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *camera, f"--use-file-for-fake-video-capture={film}"]
        )
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
        """Waits until so many turns are shown, with their pictures."""
        self.page.wait_for_function(f"document.querySelectorAll('.strip li').length === {count + 1}")
        self.pictures()

    def pictures(self) -> None:
        """Waits until every picture beside the chat is the one that should be there."""
        self.page.wait_for_function(
            "[...document.querySelectorAll('.stage img')].every((i) => !i.offsetParent || i.loading === 'lazy' "
            "|| (i.dataset.shown === i.dataset.url && i.complete && i.naturalWidth))"
        )

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
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)

    def close(self) -> None:
        self.context.close()


NAMELESS = """[...document.querySelectorAll('button, a, input, textarea, select, img')].filter((e) => e.offsetParent
    && !(e.ariaLabel || e.innerText?.trim() || e.alt || e.title || e.labels?.length || e.getAttribute('alt') === '')).map((e) => e.outerHTML)"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_the_whole_story(browser: Any, server: Server, tmp_path: Path) -> None:
    tab = Tab(browser, server)
    page = tab.page
    tab.see(".start .drop")
    tab.shot("desktop-start")
    both = Image.new("RGB", (2048, 1024))
    both.paste(server.face(265), (0, 0))
    both.paste(server.face(285), (1024, 0))  # the more prominent one: which would be taken unasked
    both.save(tmp_path / "us.jpg", quality=95)
    page.set_input_files(".start input[type=file]", tmp_path / "us.jpg")
    tab.see(".faces .face")
    assert page.locator(".faces .face:enabled").count() == 2
    tab.shot("desktop-faces")
    picture = page.locator(".faces img").bounding_box()
    page.mouse.click(picture["x"] + 0.25 * picture["width"], picture["y"] + 0.55 * picture["height"])  # the left one
    tab.see(".start progress[value]")
    tab.shot("desktop-opening")
    tab.turns(0)
    assert page.inner_text(".identity") == "Nothing is edited yet."

    page.locator("#i2-box textarea").fill("<img src=x onerror=alert(1)>")  # shown as text, and nothing else
    tab.say("smile a bit", 1)
    assert tab.chips == ["smiling"]
    tab.say("make my hair black", 2)
    tab.say("and give me bangs", 3)
    assert tab.chips == ["smiling", "black hair", "bangs"]
    assert page.inner_text(".identity").startswith("It ")
    assert page.evaluate(NAMELESS) == []
    tab.shot("desktop-chat")

    page.click("[aria-label='Remove bangs']")  # a chip removed stays removed
    tab.turns(4)
    assert tab.chips == ["smiling", "black hair"]
    tab.say("a little more smile, please", 5)
    assert "bangs" not in tab.chips and "smiling" in tab.chips
    strength = page.locator("[aria-label='Strength of black hair']")
    strength.focus()
    strength.press("Home")
    tab.turns(6)
    assert server.session(tab.id)["strength"]["black hair"] == 0.25

    page.keyboard.press("Control+z")
    tab.turns(7)
    undone = server.session(tab.id)
    assert undone["can_redo"] and undone["turns"][-1]["event"] == {"type": "undo"}
    page.click("[data-key=redo]")
    page.wait_for_function("document.querySelector('[data-key=redo]').disabled")

    cut = page.locator(".stage .cut")  # before and after, by keyboard
    cut.focus()
    cut.press("End")
    assert page.evaluate("document.querySelector('.frame').style.getPropertyValue('--cut')") == "100%"
    cut.press("Home")

    page.click("[data-key='single-turn-w']")  # the same conversation in single-turn mode, beside ours
    tab.see(".single img[data-shown]")
    tab.pictures()
    shown = page.evaluate("document.querySelector('.single img').dataset.shown")
    assert "mode=single-turn-w" in shown and page.evaluate("document.querySelector('.single img').naturalWidth") == 1024
    tab.shot("desktop-compare")
    page.click("[data-key='single-turn-w']")
    page.wait_for_selector(".single", state="hidden")

    page.click(".strip button[aria-label='Return to: smile a bit']")
    page.wait_for_function("document.querySelectorAll('.chip').length === 1")
    assert tab.chips == ["smiling"]
    before = server.session(tab.id)

    page.reload()
    page.wait_for_selector(".chip")
    assert tab.chips == ["smiling"] and server.session(tab.id) == before
    assert "make my hair black" in page.inner_text("#i2-talk")

    server.kill()
    server.start()
    page.reload()  # at once, while the networks load
    page.wait_for_selector(".chip")
    assert tab.chips == ["smiling"] and server.session(tab.id) == before
    tab.pictures()  # the stored ones
    count = page.evaluate("document.querySelectorAll('.strip li').length")
    tab.say("add lipstick", count)
    assert tab.chips == ["smiling", "lipstick"]

    page.click("[data-key=whole]")
    tab.pictures()
    page.click(".save summary")
    tab.shot("desktop-whole")
    for part, size in (("photo", (2048, 1024)), ("crop", (1024, 1024))):
        for kind in ("png", "jpeg", "webp"):
            with page.expect_download() as got:
                page.click(f".save a[href*='part={part}&format={kind}']")
            file = tmp_path / got.value.suggested_filename
            got.value.save_as(file)
            assert file.name == f"i2edit-{part}.{kind.replace('jpeg', 'jpg')}" and Image.open(file).size == size
            assert read_source_type(file) == AI_EDITED
            report = inspect(file)
            assert "lipstick" in report.text and "smiling" in report.text
    sent, made = (np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("us.jpg", "i2edit-photo.png"))
    change = np.abs(sent - made).max(-1)
    assert change[:, 1248:].max() == 0 and (change[:, :1024] > 20).mean() > 0.002  # the face that was clicked, no other

    page.click("[data-do=leave]")  # the conversation stays, this browser begins anew
    tab.see(".start .drop")
    assert server.session(before["id"])["version"] > before["version"]
    assert tab.errors == [] and tab.hosts - {""} == {f"127.0.0.1:{server.port}"} and server.called == ""
    tab.close()


def test_a_phone_in_the_dark_a_second_tab_and_mistakes(browser: Any, server: Server, tmp_path: Path) -> None:
    tab = Tab(browser, server, 390, 844, dark=True)
    page = tab.page
    tab.see(".start .drop")
    tab.shot("phone-start-dark")
    assert page.evaluate(NAMELESS) == []
    bad = tmp_path / "notes.txt"
    bad.write_text("no picture")
    page.set_input_files(".start input[type=file]", bad)
    page.wait_for_function("document.querySelector('.start [role=alert]').textContent.includes('notes.txt')")
    assert "not a picture" in page.inner_text(".start [role=alert]")
    page.click("[data-do=new]")
    tab.turns(0)
    assert page.evaluate(NAMELESS) == [] and page.is_hidden("[data-key=whole]")
    page.locator("#i2-box textarea").press("Enter")
    page.wait_for_function("document.querySelector('#i2-told [role=alert]')?.textContent.startsWith('Say what')")
    page.locator("#i2-box textarea").fill("bangs")
    page.locator("#i2-compose button").dblclick()
    tab.turns(1)
    other = tab.context.new_page()  # a second tab on the same conversation
    other.set_default_timeout(PATIENCE)
    other.goto(server.address)
    other.wait_for_selector(".chip")
    other.click("[aria-label='Remove bangs']")
    other.wait_for_function("document.querySelectorAll('.strip li').length === 3")  # the double click was one turn
    tab.say("add a goatee", 3)  # the first one learns of it
    assert "bangs" not in tab.chips
    box = page.locator("#i2-box textarea")
    other_program = sqlite3.connect(server.folder / "data" / "sessions" / "store.sqlite", isolation_level=None)
    other_program.execute("BEGIN IMMEDIATE")
    box.fill("earrings")
    box.press("Enter")
    page.wait_for_function("document.querySelector('#i2-told [role=alert]')?.textContent.includes('another program')")
    assert box.input_value() == "earrings" and tab.chips == ["goatee"]  # nothing is lost, the message neither
    other_program.execute("ROLLBACK")
    box.press("Enter")
    tab.turns(4)
    assert page.evaluate(WIDER) <= 0
    tab.shot("phone-chat-dark")
    page.emulate_media(color_scheme="light")
    page.wait_for_function("!document.body.classList.contains('dark')")
    tab.shot("phone-chat")
    with page.expect_download() as got:
        page.click(".save summary")
        page.click(".save a[href*='part=crop&format=png']")
    got.value.save_as(tmp_path / "face.png")
    assert read_source_type(tmp_path / "face.png") == AI_GENERATED

    id = tab.id
    page.click("[data-do=delete]")
    tab.see(".start .drop")
    with pytest.raises(OSError):
        server.session(id)
    page.reload()
    tab.see(".start .drop")
    assert tab.errors == []
    tab.close()


def test_the_camera_and_a_change_of_mind(browser: Any, server: Server) -> None:
    tab = Tab(browser, server)
    page = tab.page
    tab.see(".start .drop")
    kept = len(Store(server.folder / "data").summaries())
    page.click("[data-do=webcam]")
    page.wait_for_selector(".start .main:enabled")
    tab.shot("desktop-camera")
    page.click("text=Take the picture")
    page.wait_for_function("document.querySelector('.start progress')?.value > 0.02")  # its face was found
    page.click("text=Cancel")
    tab.see(".start .drop")
    assert page.inner_text(".start [role=alert]") == ""
    page.click("[data-seed='49']")  # the line is free again
    tab.turns(0)
    assert len(Store(server.folder / "data").summaries()) == kept + 1
    page.click("[data-do=leave]")
    tab.see(".start .drop")
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no camera')); }")
    page.click("[data-do=webcam]")
    page.wait_for_function(
        "document.querySelector('.start [role=alert]').textContent.includes('camera cannot be used')"
    )
    assert tab.errors == []
    tab.close()


def test_the_served_page_names_no_other_place_to_load_from(server: Server) -> None:
    import re

    html = urllib.request.urlopen(server.address, timeout=60).read().decode()
    html = html.replace(r"\u003c", "<").replace(r"\u003e", ">").replace(r"\"", '"')  # our head stands in Gradio's JSON
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
    assert server.called == ""
