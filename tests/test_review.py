"""The review page over real HTTP: who may talk to it, what it saves, and what the decisions become."""

from __future__ import annotations

import http.client
import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from i2edit.data.paraphrase import Journal, read_folder
from i2edit.data.review import DECISIONS, ReviewServer, agreement, apply_reviews, items, kappa, read_reviews, review
from i2edit.data.simulate import simulate
from i2edit.errors import DataError, I2EditError, OutputError
from i2edit.ontology import Belief
from i2edit.records import Dialogue, Turn, write_dialogues

Start = Callable[..., ReviewServer]


def said(text: str, *after: str, behaviour: str = "request") -> Turn:
    return Turn(Belief.of(*after), user=text, system="Done. Anything else?", behaviour=behaviour, family="np-00000000")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three dialogues in two splits, five utterances and a button."""
    path = tmp_path / "data"
    path.mkdir()
    button = Turn(Belief(), event={"type": "remove", "value": "bangs"}, system="It's gone.")
    train = [
        Dialogue("i2e-00001", "seed:1", (said("Give me bangs.", "bangs"), button, said("A goatee please.", "goatee")), "train"),
        Dialogue("i2e-00002", "seed:2", (said("<b>Make me \u202e smile</b>", "smiling"),), "train"),
    ]  # fmt: skip
    test = [
        Dialogue(
            "i2e-00003", "seed:3", (said("Lipstick!", "lipstick"), said("thx", "lipstick", behaviour="thanks")), "test"
        )
    ]
    write_dialogues(train, path / "train.jsonl")
    write_dialogues(test, path / "test.jsonl")
    row = {
        "dialogue_id": "i2e-00001",
        "turn": 0,
        "original": "bangs pls",
        "paraphrase": "Give me bangs.",
        "verdict": "accepted",
    }
    Journal(path / "paraphrases.jsonl").append(row)
    Journal(path / "paraphrases.jsonl").append({**row, "turn": 2, "verdict": "kept"})
    return path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    servers: list[ReviewServer] = []

    def serve(reviewer: str = "ann", **more: Any) -> ReviewServer:
        server = ReviewServer(folder, reviewer, **more)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def get(url: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, timeout=5, allow_redirects=False)


def post(server: ReviewServer, body: object, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        sent = {"Origin": server.url.rsplit("/", 2)[0], "Content-Type": "application/json", **headers}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return session.post(server.url + "decision", data=data, headers=sent, timeout=5)


def decide(
    server: ReviewServer, index: int, decision: str, text: str | None = None, sure: bool = True
) -> requests.Response:
    name, turn = server.items[index].key
    return post(
        server, {"index": index, "dialogue_id": name, "turn": turn, "decision": decision, "text": text, "sure": sure}
    )


# The page ------------------------------------------------------------------------------------------------------------
def test_the_page_needs_nothing_from_elsewhere(start: Start) -> None:
    server = start()
    assert server.server_address[0] == "127.0.0.1" and len(server.token) >= 32
    page = get(server.url)
    assert page.status_code == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
    assert nonce is not None and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert page.text.count(f'nonce="{nonce[1]}"') == 2 and "NONCE" not in page.text
    assert not re.search(
        r"https?://|//\w|@import|url\(|innerHTML|\son\w+=|\sstyle=", re.sub(r"//   .*|   // .*", "", page.text)
    )
    assert page.headers["Cache-Control"] == "no-store" and page.headers["X-Content-Type-Options"] == "nosniff"
    assert get(server.url).headers["Content-Security-Policy"] != policy  # a new nonce every time


def test_an_utterance_in_its_dialogue(start: Start) -> None:
    server = start()
    assert get(server.url + "state").json() == {"reviewer": "ann", "marks": "-----"}
    first = get(server.url + "item?index=0").json()
    assert first["original"] == "bangs pls" and first["context"] == [] and first["reply"] == "Done. Anything else?"
    assert first["before"] == [] and first["after"] == [{"value": "bangs", "new": True}] and first["decision"] is None
    second = get(server.url + "item?index=1").json()
    assert (second["dialogue_id"], second["turn"], second["turns"], second["split"]) == ("i2e-00001", 2, 3, "train")
    assert [turn["event"] for turn in second["context"]] == [None, "remove bangs"]
    assert second["original"] is None and second["context"][0]["user"] == "Give me bangs."
    assert get(server.url + "item?index=2").json()["text"] == "<b>Make me \u202e smile</b>"  # as data, not as a page
    for bad in ("5", "-1", "x", "", "1e3", "9" * 5000):
        assert get(server.url + f"item?index={bad}").status_code == 404


def test_decisions_are_saved_at_once_and_resumed(start: Start, folder: Path) -> None:
    server = start()
    assert decide(server, 0, "accept").json() == {"saved": True, "reviewer": "ann", "marks": "a----"}
    decide(server, 1, "reject")
    path = folder / "reviews" / "ann.jsonl"
    assert [json.loads(line)["decision"] for line in path.read_text().splitlines()] == ["accept", "reject"]
    assert decide(server, 1, "rewrite", "  a chin  beard please ").json()["marks"] == "aw---"
    last = json.loads(path.read_text().splitlines()[-1])
    assert last.pop("time").endswith("+00:00")
    assert last == {"dialogue_id": "i2e-00001", "turn": 2, "decision": "rewrite", "text": "a chin beard please", "original": "A goatee please."}  # fmt: skip
    assert decide(server, 2, "rewrite", server.items[2].text).status_code == 200  # unchanged: accepted
    path.write_bytes(path.read_bytes()[:-9])  # the power went: that one was not finished
    again = start()
    assert again.token != server.token
    assert get(again.url + "state").json()["marks"] == "aw---"
    assert get(again.url + "item?index=1").json()["decision"] == {"decision": "rewrite", "text": "a chin beard please"}
    decide(again, 4, "accept")
    assert get(start().url + "state").json()["marks"] == "aw--a"
    assert get(start("bob").url + "state").json()["marks"] == "-----"


def test_decisions_about_changed_texts_are_open_again(start: Start, folder: Path) -> None:
    decide(start(), 3, "reject")
    test = read_folder(folder)["test"]
    write_dialogues([replace(test[0], turns=(said("Red lips!", "lipstick"), test[0].turns[1]))], folder / "test.jsonl")
    server = start()
    assert server.state()["marks"] == "-----" and server.stale == 1
    with pytest.raises(DataError, match="another text"):
        apply_reviews(folder, folder.parent / "out")


def test_a_rewrite_that_means_something_else_is_asked_back(start: Start, folder: Path) -> None:
    server = start()
    answer = decide(server, 0, "rewrite", "Give me a goatee.", sure=False).json()
    assert not answer["saved"] and "It no longer mentions bangs." in answer["hints"]
    assert server.state()["marks"] == "-----" and not (folder / "reviews" / "ann.jsonl").read_text()
    assert decide(server, 0, "rewrite", "a fringe would be nice", sure=False).json()["marks"] == "w----"
    assert decide(server, 0, "rewrite", "Give me a goatee.").json()["saved"]


def test_decisions_that_make_no_sense(start: Start) -> None:
    server = start()
    good = {"index": 0, "dialogue_id": "i2e-00001", "turn": 0, "decision": "accept"}
    for change in ({"index": 9}, {"index": -1}, {"index": True}, {"index": "0"}, {"turn": 1}, {"dialogue_id": "i2e-00002"},
                   {"decision": "maybe"}, {"decision": None}, {"decision": "rewrite"}, {"decision": "rewrite", "text": " \n"},
                   {"decision": "rewrite", "text": "x" * 1001}, {"decision": "rewrite", "text": "a\x00b"},
                   {"decision": "rewrite", "text": ["a"]}, {"decision": "rewrite", "text": "\ud800"}):  # fmt: skip
        answer = post(server, good | change)
        assert answer.status_code == 400 and answer.json()["error"], change
    for body in (b"", b"{", b"[]", b"\xff", b"[" * 9000):
        assert post(server, body).status_code == 400
    assert post(server, b" " * 30_000).status_code == 413
    assert post(server, good, **{"Content-Type": "text/plain"}).status_code == 415
    assert not server.journal.read()
    assert post(server, good).status_code == 200


# Who may talk to it --------------------------------------------------------------------------------------------------
def test_strangers_are_refused(start: Start) -> None:
    server = start()
    home = server.url.rsplit("/", 2)[0]
    port = server.server_address[1]
    for url in (
        home,
        home + "/",
        home + "/wrong/",
        server.url[:-1],
        server.url[:-2] + "x/",
        home + "/" + "é" * 9 + "/",
    ):
        assert get(url).status_code == 404, url
        assert server.token not in get(url).text
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", f"127.0.0.1.evil.example:{port}", ""):  # fmt: skip
        assert get(server.url + "state", Host=host).status_code == 403, host
    assert get(server.url + "state", Host=f"localhost:{port}").status_code == 200
    for origin in (
        "http://evil.example",
        "null",
        "https://127.0.0.1",
        f"http://127.0.0.1:{port + 1}",
        home + ".evil.example",
    ):
        assert get(server.url + "state", Origin=origin).status_code == 403, origin
        assert post(server, {}, Origin=origin).status_code == 403, origin
    assert get(server.url + "state", **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert get(server.url, **{"Sec-Fetch-Site": "cross-site"}).status_code == 200  # somebody followed a link
    body = json.dumps({"index": 0, "dialogue_id": "i2e-00001", "turn": 0, "decision": "reject"})
    plain = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    plain.request("POST", f"/{server.token}/decision", body, {"Content-Type": "application/json"})
    assert plain.getresponse().status == 403  # no Origin at all
    assert post(server, {}, Origin=home).status_code == 400
    assert not server.decisions


def test_no_file_is_ever_served(start: Start, folder: Path) -> None:
    server = start()
    (folder / "secret.txt").write_text("secret")
    port = server.server_address[1]
    for path in ("../train.jsonl", "..%2ftrain.jsonl", "train.jsonl", "reviews/ann.jsonl", "../../../../etc/passwd", "//etc/passwd",
                 "item/../secret.txt", "review.html", "%2e%2e/secret.txt", "item?index=../secret.txt", "state/", ""):  # fmt: skip
        for start_at in (f"/{server.token}/", "/", f"/{server.token}/x/"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", start_at + path)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            assert answer.status in (403, 404) or (path, start_at) == ("", f"/{server.token}/"), (start_at, path)
            assert b"secret" not in content and b"bangs" not in content and b"root:" not in content
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request(method, f"/{server.token}/decision")
        assert connection.getresponse().status == 501
        connection.close()


@pytest.mark.parametrize("name", ["", "../ann", "a/b", "a.b", "-a", "ann\n", "a" * 41, "ä", "con con"])
def test_names_that_are_no_file_names(folder: Path, name: str) -> None:
    with pytest.raises(DataError):
        ReviewServer(folder, name)
    assert not (folder / "reviews").exists()


def test_what_cannot_be_reviewed(start: Start, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no dataset"):
        ReviewServer(tmp_path / "nothing", "ann")
    with pytest.raises(DataError, match=r"validation\.jsonl"):
        ReviewServer(folder, "ann", split="validation")
    with pytest.raises(I2EditError, match="cannot be served at port"):
        ReviewServer(folder, "ann", start().server_address[1])
    with pytest.raises(I2EditError, match="cannot be served at port"):
        ReviewServer(folder, "ann", 99999)
    (folder / "reviews" / "eve.jsonl").write_text('{"decision": "maybe"}\n')
    with pytest.raises(DataError, match="no decision"):
        ReviewServer(folder, "eve")
    (folder / "reviews" / "ann.jsonl").unlink()
    (folder / "reviews" / "ann.jsonl").mkdir()
    with pytest.raises(OutputError):
        ReviewServer(folder, "ann")


def test_a_split_or_a_sample_is_the_same_for_everybody(folder: Path) -> None:
    assert [item.key for item in items(folder, "test")] == [("i2e-00003", 0), ("i2e-00003", 1)]
    drawn = {item.key[0] for item in items(folder, sample=2)}
    assert len(drawn) == 2
    assert {item.key[0] for item in items(folder, sample=1)} < drawn
    assert len(items(folder, sample=99)) == 5


def test_review_says_where_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def interrupted(self: ReviewServer, poll_interval: float = 0.5) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "serve_forever", interrupted)
    review(folder, "ann", announce=told.append)
    assert "0 of 5" in told[0] and re.search(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", told[1]) and "saved" in told[2]


# What was decided ----------------------------------------------------------------------------------------------------
def test_kappa_is_scikit_learns() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = random.Random(0)
    for n in (2, 5, 30, 400):
        for share in (0.0, 0.5, 0.9):
            first = [rng.choice(DECISIONS) for _ in range(n)]
            second = [a if rng.random() < share else rng.choice(DECISIONS) for a in first]
            ours = kappa(list(zip(first, second, strict=True)))
            if len({*first, *second}) > 1:
                assert ours == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
    assert kappa([]) is None and kappa([("accept", "accept")] * 3) is None
    assert kappa([("accept", "accept"), ("reject", "reject")]) == 1


def test_agreement_of_what_both_judged(start: Start, folder: Path) -> None:
    from sklearn.metrics import cohen_kappa_score

    assert agreement(folder) == {"reviewers": {}, "pairs": []}
    decisions = {"ann": "ara-w", "bob": "aaaar", "cid": "---r-"}
    words = {"a": "accept", "r": "reject", "w": "rewrite"}
    for name, marks in decisions.items():
        server = start(name)
        for index, mark in enumerate(marks):
            if mark != "-":
                decide(server, index, "reject")  # changed one's mind: the last one counts
                decide(server, index, words[mark], "thank you very much")
    found = agreement(folder)
    assert found["reviewers"]["ann"] == {"accept": 2, "rewrite": 1, "reject": 1}
    pairs = {tuple(pair["reviewers"]): pair for pair in found["pairs"]}
    assert pairs["ann", "bob"]["n"] == 4 and pairs["ann", "bob"]["same"] == 0.5
    assert pairs["ann", "bob"]["kappa"] == pytest.approx(cohen_kappa_score(list("araw"), list("aaar")))
    assert pairs["ann", "cid"] == {"reviewers": ["ann", "cid"], "n": 0, "same": None, "kappa": None}
    assert json.loads(json.dumps(found)) == found


def test_the_dataset_after_its_reviews(start: Start, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(DataError, match="no reviews"):
        apply_reviews(folder, out)
    ann, bob = start("ann"), start("bob")
    decide(ann, 0, "rewrite", "a fringe please")
    decide(ann, 2, "reject")
    decide(ann, 3, "accept")
    decide(bob, 0, "rewrite", "I would like bangs")  # later than ann's
    decide(bob, 2, "accept")
    before = read_folder(folder)
    counts = apply_reviews(folder, out)
    assert counts == {"dialogues": 2, "left out": 1, "accepted": 1, "rewritten": 1, "open": 2}
    after = read_folder(out)
    assert [d.dialogue_id for d in after["train"]] == ["i2e-00001"]
    turn = after["train"][0].turns[0]
    assert turn.user == "I would like bangs" and turn.family == "para-np-00000000" and turn.belief == Belief.of("bangs")
    assert after["train"][0].turns[1:] == before["train"][0].turns[1:] and after["test"] == before["test"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["n"] == 2 and manifest["files"]["train.jsonl"]["dialogues"] == 1
    assert manifest["reviews"]["turns"] == counts and manifest["reviews"]["pairs"][0]["n"] == 2
    with pytest.raises(OutputError, match="there already"):
        apply_reviews(folder, out)
    assert apply_reviews(folder, tmp_path / "bob", reviewers=["bob"])["dialogues"] == 3
    assert apply_reviews(folder, tmp_path / "judged", judged_only=True)["dialogues"] == 0
    with pytest.raises(DataError, match="by eve"):
        apply_reviews(folder, tmp_path / "eve", reviewers=["eve"])
    assert read_folder(folder) == before and set(read_reviews(folder)) == {"ann", "bob"}


def test_many_decisions_at_once(start: Start, folder: Path) -> None:
    write_dialogues(simulate(12, seed=2), folder / "validation.jsonl")
    server = start(split="validation")
    threads = [threading.Thread(target=decide, args=(server, index, "accept")) for index in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.journal.read()) == 30 and server.state()["marks"][:30] == "a" * 30
