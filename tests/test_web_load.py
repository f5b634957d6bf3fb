"""Many people, many turns, the first page, the cost of the page: measured on `i2edit web` as a process, with the shipped
networks. Run by hand on a quiet machine (`pytest -m slow -s tests/test_web_load.py`); each test prints its figures."""

from __future__ import annotations

import io
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serving import PATIENCE, Server

pytest.importorskip("gradio")
httpx = pytest.importorskip("httpx")


pytestmark = [pytest.mark.weights, pytest.mark.slow]
NO_LIMITS = ("--max-turns", "100000", "--max-openings", "100000")
# (what one person says, values of it that nobody else here asks for)
WISHES = (
    ("give me bangs", "smile", "undo", "a big smile", "more smile", "less smile", "take the smile back", "thanks"),
    ("make my hair blond", "smile", "undo", "a little lipstick", "no lipstick", "smile", "undo", "thanks"),
    ("make my hair black", "smile a bit", "undo", "lipstick", "undo", "pale skin", "undo", "thanks"),
    ("make my hair brown", "bangs", "no bangs", "smile", "undo", "lipstick please", "undo", "thanks"),
)
HAIR = ("bangs", "blond hair", "black hair", "brown hair")  # of each, never taken back


@contextmanager
def served(folder: Path) -> Iterator[tuple[Server, Any]]:
    """A server that is ready, and a client of it."""
    server = Server(folder, *NO_LIMITS)
    try:
        with httpx.Client(base_url=server.address, timeout=PATIENCE / 1000) as client:
            while client.get("/api/health").json()["state"] != "ready":
                time.sleep(0.2)
            yield server, client
    finally:
        server.kill()


def opened(client: Any, **how: Any) -> str:
    answer = client.post("/api/sessions", **how)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def said(client: Any, id: str, text: str) -> dict[str, Any]:
    answer = client.post(f"/api/sessions/{id}/say", json={"text": text})
    assert answer.status_code == 200, answer.text
    return answer.json()


def shown(client: Any, id: str, **how: Any) -> Image.Image:
    answer = client.get(f"/api/sessions/{id}/picture", params={"part": "view", "format": "jpeg", **how})
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content)).convert("RGB")


def small(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((64, 64), Image.Resampling.BOX)).astype(float)


def test_the_first_page_within_six_seconds(tmp_path: Path) -> None:
    took = []
    for run in range(3):
        folder = tmp_path / str(run)
        folder.mkdir()
        began = time.monotonic()
        server = Server(folder)
        try:
            page = urllib.request.urlopen(server.address, timeout=60).read().decode()
            script = urllib.request.urlopen(f"{server.address}/web/page.js", timeout=60).read()
            took.append(time.monotonic() - began)
            assert "page.js" in page and b"i2edit" in script
        finally:
            server.kill()
    print(f"\nfirst page: {min(took):.1f}–{max(took):.1f} s, n={len(took)}")
    assert statistics.median(took) <= 6.0


def test_eight_people_at_once(tmp_path: Path) -> None:
    with served(tmp_path) as (server, client):
        alone = opened(client, data={"seed": 1})
        for text in WISHES[0]:
            said(client, alone, text)
        single = []
        for text in WISHES[1]:
            began = time.monotonic()
            shown(client, alone, turn=said(client, alone, text)["version"])
            single.append(time.monotonic() - began)

        faces = [server.face(100 + n) for n in range(2)]
        photos = []
        for face in faces:
            photo, file = Image.new("RGB", (1400, 1300), (120, 130, 140)), io.BytesIO()
            photo.paste(face, (190, 140))
            photo.save(file, "JPEG", quality=95)
            photos.append(file.getvalue())
        talkers = {n: opened(client, data={"seed": 200 + n}) for n in range(6)}
        raws = {n: small(shown(client, id, turn=0)) for n, id in talkers.items()}
        times: list[float] = []
        problems: list[str] = []
        pictures: dict[int, list[np.ndarray]] = {n: [] for n in range(8)}
        finished = threading.Event()

        def talk(person: int, id: str, web: Any) -> None:
            for text in WISHES[person % len(WISHES)]:
                began = time.monotonic()
                view = said(web, id, text)
                picture = shown(web, id, turn=view["version"])
                times.append(time.monotonic() - began)
                pictures[person].append(small(picture))
                wanted = {value for values in view["belief"].values() for value in values}
                if not (HAIR[person % 4] in wanted and wanted.isdisjoint({*HAIR[1:]} - {HAIR[person % 4]})):
                    problems.append(f"person {person} after {text!r}: {wanted}")

        def live(person: int) -> None:
            try:
                with httpx.Client(base_url=server.address, timeout=PATIENCE / 1000) as web:
                    if person < 6:
                        while not finished.is_set():  # as long as the others upload
                            talk(person, talkers[person], web)
                            said(web, talkers[person], "start over")
                    else:
                        id = opened(web, files={"photo": (f"{person}.jpg", photos[person - 6])})
                        talkers[person] = id
                        raws[person] = small(shown(web, id, turn=0))
                        talk(person, id, web)
            except BaseException as error:
                problems.append(f"person {person}: {error!r}")

        people = [threading.Thread(target=live, args=(n,)) for n in range(8)]
        for one in people:
            one.start()
        for one in people[6:]:
            one.join()
        finished.set()
        for one in people:
            one.join()

        for person, found in pictures.items():
            for picture in found:
                distance = {other: np.abs(picture - raw).mean() for other, raw in raws.items()}
                if min(distance, key=distance.__getitem__) != person:
                    problems.append(f"person {person} got a picture of {min(distance, key=distance.__getitem__)}")
        last = {n: np.asarray(shown(client, id, part="crop", format="png")) for n, id in talkers.items()}
        memory = server.megabytes("VmHWM")
        ratio = statistics.median(times) / statistics.median(single)
        print(f"\nalone: {', '.join(f'{one:.2f}' for one in single)}")
        print(
            f"\neight people: median turn {statistics.median(times):.2f} s (n={len(times)}), alone "
            f"{statistics.median(single):.2f} s (n={len(single)}): {ratio:.1f} times; at most {memory:.0f} MB"
        )
        server.kill()
        server.start()  # from the store alone, one after another: the same pictures
        for n, id in talkers.items():
            assert np.array_equal(np.asarray(shown(client, id, part="crop", format="png")), last[n]), n
        assert problems == []
        assert ratio <= 8 and memory <= 4096


def test_two_hundred_turns_leave_the_memory_alone(tmp_path: Path) -> None:
    def some_turns(client: Any, id: str, count: int) -> None:
        for n in range(count):
            person, step = divmod(n, len(WISHES[0]))
            said(client, id, WISHES[person % len(WISHES)][step])
            shown(client, id)

    with served(tmp_path) as (server, client):
        id = opened(client, data={"seed": 285})
        some_turns(client, id, 72)  # whatever is remembered is full now
        marks = [server.megabytes()]
        for _ in range(5):
            some_turns(client, id, 40)
            marks.append(server.megabytes())
        print(f"\nmemory after each 40 turns: {', '.join(f'{mark:.0f}' for mark in marks)} MB")
        assert client.get(f"/api/sessions/{id}").json()["version"] == 272
        assert marks[-1] - marks[0] < 50


def test_the_page_costs_little_more_than_python(tmp_path: Path) -> None:
    """From Enter to the picture in the browser, less what `Chat.say` itself took in the server."""
    pytest.importorskip("playwright.sync_api")
    from test_web_page import CHROMIUM, Tab, sync_api

    if not Path(CHROMIUM).exists():
        pytest.skip("there is no Chromium")
    texts = [text for wishes in WISHES for text in wishes if text != "thanks"]
    with served(tmp_path) as (server, _), sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = Tab(browser, server)
        tab.page.click("[data-seed='285']")
        tab.turns(0)
        more = []
        for number, text in enumerate(texts, 1):
            tab.page.locator("#i2-box textarea").fill(text)
            began = time.monotonic()
            tab.page.locator("#i2-box textarea").press("Enter")
            tab.page.wait_for_function(
                f"(document.querySelector('.stage .after').dataset.shown || '').includes('turn={number}&')"
            )
            took = time.monotonic() - began
            more.append(took - server.session(tab.id)["turns"][-1]["seconds"])
        browser.close()
    print(
        f"\na turn on the page: {statistics.median(more):.2f} s more than in Python, at most {max(more):.2f} s, n={len(more)}"
    )
    assert statistics.median(more[2:]) <= 0.3
