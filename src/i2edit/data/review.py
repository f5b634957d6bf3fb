"""People judge what a dataset's users say: a page in the browser of this machine, and what becomes of the judgements.

In: a folder of dialogues and the reviewer's name. Out: ``reviews/NAME.jsonl`` in that folder, one line a decision (``accept``,
``rewrite`` with the new text, ``reject``), on the disk before the page shows the next utterance; the last line about an
utterance counts. Several people review the same folder under their own names:

    review(Path("data-para"), "ann")                         # prints an address, serves until Ctrl-C, goes on where ann was
    agreement(Path("data-para"))                             # Cohen's kappa of each pair of reviewers
    apply_reviews(Path("data-para"), Path("data-final"))     # accepted and rewritten texts; rejected dialogues are left out

The page is served to this machine alone and only at an address with a random word in it; requests that name another host or
come from another site are refused. Nothing is loaded from anywhere else, and no file but the page itself is ever served.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from i2edit.data.folders import new_folder
from i2edit.data.paraphrase import PREFIX, Journal, faults, read_folder, write_folder
from i2edit.errors import DataError, I2EditError
from i2edit.ontology import Belief
from i2edit.records import Dialogue, Turn

DECISIONS: tuple[str, ...] = ("accept", "rewrite", "reject")
MAX_CHARACTERS = 1000  # of a rewritten text
MAX_BODY = 20_000  # bytes of a request
PAGE = Path(__file__).with_name("review.html")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

Key = tuple[str, int]  # dialogue_id, turn


@dataclass(frozen=True)
class Item:
    """One utterance to judge: a user turn in its dialogue."""

    split: str
    dialogue: Dialogue
    turn: int
    original: str | None = None  # what it was before a paraphrase

    @property
    def key(self) -> Key:
        """Dialogue and turn."""
        return self.dialogue.dialogue_id, self.turn

    @property
    def text(self) -> str:
        """What the user says."""
        return self.dialogue.turns[self.turn].user or ""

    @property
    def before(self) -> Belief:
        """The belief before the turn."""
        return self.dialogue.turns[self.turn - 1].belief if self.turn else Belief()

    def hints(self, text: str) -> list[str]:
        """What the checks of a paraphrase would say to another text for this turn."""
        last = self.dialogue.turns[self.turn - 1].act if self.turn else None
        found = faults(self.dialogue.turns[self.turn], self.before, text, last.value if last is not None else None)
        return [fault for fault in found if "the same as" not in fault]

    def to_json(self) -> dict[str, Any]:
        """What the page shows of it."""
        turn = self.dialogue.turns[self.turn]
        before, after = self.before, turn.belief
        return {
            "dialogue_id": self.dialogue.dialogue_id,
            "turn": self.turn,
            "turns": len(self.dialogue.turns),
            "split": self.split,
            "context": [_said(t) for t in self.dialogue.turns[: self.turn]],
            "text": self.text,
            "original": self.original,
            "reply": turn.system,
            "before": [{"value": v, "gone": v not in after} for v in before],
            "after": [{"value": v, "new": v not in before} for v in after],
        }


def _said(turn: Turn) -> dict[str, Any]:
    """A turn of the context: who said what, or which button was pressed."""
    event = " ".join(str(part) for part in turn.event.values()) if turn.event is not None else None
    return {"user": turn.user, "event": event, "system": turn.system}


def items(folder: Path, split: str | None = None, sample: int | None = None) -> list[Item]:
    """The utterances of a dataset in order; of one split, or of ``sample`` dialogues (the same ones for everybody)."""
    splits = read_folder(folder)
    if split is not None and split not in splits:
        raise DataError(f"There is no {split}.jsonl in {folder}.")
    before = {
        (row.get("dialogue_id"), row.get("turn")): row.get("original")
        for row in Journal(folder / "paraphrases.jsonl").read()
        if row.get("verdict") in ("accepted", "retried")
    }
    chosen = [(name, d) for name, ds in splits.items() if split in (None, name) for d in ds]
    if sample is not None:
        drawn = sorted(chosen, key=lambda pair: hashlib.sha256(pair[1].dialogue_id.encode()).hexdigest())[:sample]
        names = {dialogue.dialogue_id for _, dialogue in drawn}
        chosen = [pair for pair in chosen if pair[1].dialogue_id in names]
    return [
        Item(name, dialogue, index, before.get((dialogue.dialogue_id, index)))
        for name, dialogue in chosen
        for index, turn in enumerate(dialogue.turns)
        if turn.user is not None
    ]


def check_reviewer(name: str) -> str:
    """The name if it can name a file. Raises DataError."""
    if not _NAME.fullmatch(name):
        raise DataError(
            f"{name!r} cannot be a reviewer's name: letters, digits, - and _ are, 40 at most, not first a sign."
        )
    return name


# The page's server ----------------------------------------------------------------------------------------------------
class ReviewServer(ThreadingHTTPServer):
    """Serves one reviewer's page on 127.0.0.1. ``url`` is where; ``decisions`` what was decided so far."""

    daemon_threads = True
    request_queue_size = 128  # the standard library's 5 resets the rest of a burst of decisions

    def __init__(
        self, folder: Path, reviewer: str, port: int = 0, *, split: str | None = None, sample: int | None = None
    ) -> None:
        self.reviewer = check_reviewer(reviewer)
        self.items = items(Path(folder), split, sample)
        if not self.items:
            raise DataError(f"Nobody says anything in {folder}.")
        self.journal = Journal(Path(folder) / "reviews" / f"{reviewer}.jsonl")
        self.journal.touch()
        texts = {item.key: item.text for item in self.items}
        rows = _last_rows(self.journal)
        self.decisions = {key: row for key, row in rows.items() if texts.get(key) == row["original"]}
        self.stale = sum(key in texts and key not in self.decisions for key in rows)  # about texts that have changed
        self.page = PAGE.read_text(encoding="utf-8")
        self.token = secrets.token_urlsafe(24)
        self.lock = threading.Lock()
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise I2EditError(f"The page cannot be served at port {port}: {error}. Port 0 takes a free one.") from error
        self.hosts = {f"{name}:{self.server_address[1]}" for name in ("127.0.0.1", "localhost")}

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of the machine's name, which may ask the network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def url(self) -> str:
        """The address to open."""
        return f"http://127.0.0.1:{self.server_address[1]}/{self.token}/"

    def state(self) -> dict[str, Any]:
        """Progress: a letter an utterance (a accepted, w rewritten, r rejected, - open)."""
        letters = {"accept": "a", "rewrite": "w", "reject": "r"}
        with self.lock:
            marks = [letters[d["decision"]] if (d := self.decisions.get(i.key)) else "-" for i in self.items]
        return {"reviewer": self.reviewer, "marks": "".join(marks)}

    def item(self, index: int) -> dict[str, Any]:
        """An utterance as the page shows it, with the decision about it if there is one. Raises IndexError."""
        if not 0 <= index < len(self.items):
            raise IndexError(index)
        found = self.items[index]
        with self.lock:
            decision = self.decisions.get(found.key)
        return {"index": index, **found.to_json(), "decision": decision and _pick(decision, "decision", "text")}

    def decide(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Save a decision. A rewritten text that looks as if it meant something else is saved only when the request says
        ``sure``; otherwise the answer holds ``hints``. Raises DataError for a decision that makes no sense."""
        index, decision = body.get("index"), body.get("decision")
        if type(index) is not int or not 0 <= index < len(self.items):
            raise DataError("There is no such utterance.")
        item = self.items[index]
        if (body.get("dialogue_id"), body.get("turn")) != item.key:
            raise DataError("The utterance is another one now. Load the page again.")
        if decision not in DECISIONS:
            raise DataError(f"A decision is one of: {', '.join(DECISIONS)}.")
        row: dict[str, Any] = {"dialogue_id": item.key[0], "turn": item.key[1], "decision": decision}
        if decision == "rewrite":
            text = body.get("text")
            if not isinstance(text, str) or not text.strip():
                raise DataError("The new text is empty.")
            text = " ".join(text.split())
            if len(text) > MAX_CHARACTERS or _CONTROL.search(text):
                raise DataError(f"The new text must be one line of at most {MAX_CHARACTERS} characters.")
            if text == item.text:
                row["decision"] = "accept"
            elif body.get("sure") is not True and (hints := item.hints(text)):
                return {"saved": False, "hints": hints}
            else:
                row["text"] = text
        row |= {"original": item.text, "time": datetime.now(UTC).isoformat(timespec="milliseconds")}
        with self.lock:
            self.journal.append(row)
            self.decisions[item.key] = row
        return {"saved": True, **self.state()}


class _Handler(BaseHTTPRequestHandler):
    """Three things to get (the page, the progress, an utterance) and one to post (a decision)."""

    server: ReviewServer
    timeout = 30
    server_version, sys_version = "i2edit", ""

    def do_GET(self) -> None:
        """The page, ``state`` or ``item?index=N``."""
        what = self.allowed()
        if what == "":
            nonce = secrets.token_urlsafe(16)
            policy = (
                f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
                "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            )
            page = self.server.page.replace("NONCE", nonce).encode()
            self.answer(200, page, "text/html; charset=utf-8", {"Content-Security-Policy": policy})
        elif what == "state":
            self.json(200, self.server.state())
        elif what == "item":
            try:
                self.json(200, self.server.item(int(parse_qs(urlsplit(self.path).query).get("index", [""])[0])))
            except (ValueError, IndexError):
                self.json(404, {"error": "There is no such utterance."})
        elif what is not None:
            self.refuse(404)

    def do_POST(self) -> None:
        """``decision``."""
        length = self.headers.get("Content-Length", "")
        sized = length.isascii() and length.isdigit() and len(length) < 9 and not self.headers.get("Transfer-Encoding")
        # Read first even what is refused then: closing on unread data would cut the answer off.
        content = self.rfile.read(min(int(length), MAX_BODY)) if sized else b""
        what = self.allowed()
        if what is None:
            return
        if what != "decision":
            return self.refuse(404)
        if self.headers.get("Origin") is None:  # browsers always send it with a post
            return self.refuse(403)
        if not sized:
            return self.refuse(411)
        if int(length) > MAX_BODY:
            return self.refuse(413)
        if self.headers.get_content_type() != "application/json":
            return self.refuse(415)
        try:
            body = json.loads(content)
            if not isinstance(body, dict):
                raise ValueError
        except (ValueError, RecursionError):
            return self.json(400, {"error": "That was not a decision."})
        try:
            self.json(200, self.server.decide(body))
        except DataError as error:
            self.json(400, {"error": str(error)})
        except I2EditError as error:  # it could not be written
            self.json(500, {"error": str(error)})

    def allowed(self) -> str | None:
        """What a request asks for, if it may: this host by name, no other site, the right word first. Otherwise it has been
        refused and None is returned."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            self.refuse(403)
            return None
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site")
        if origin is not None and origin not in {f"http://{host}" for host in self.server.hosts}:
            self.refuse(403)
            return None
        parts = urlsplit(self.path).path.split("/")
        if site not in (None, "none", "same-origin") and parts[2:] != [""]:  # a link in a mail may lead to the page
            self.refuse(403)
            return None
        if len(parts) != 3 or parts[0] or not secrets.compare_digest(parts[1].encode(), self.server.token.encode()):
            self.refuse(404)
            return None
        return parts[2]

    def refuse(self, status: int) -> None:
        """A short no; what may still come of the request is not read."""
        self.close_connection = True
        self.answer(status, b"No.\n", "text/plain; charset=utf-8")

    def json(self, status: int, obj: Mapping[str, Any]) -> None:
        """An object as the answer."""
        self.answer(status, json.dumps(obj).encode(), "application/json")

    def answer(self, status: int, body: bytes, kind: str, more: Mapping[str, str] | None = None) -> None:
        """Headers and body."""
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        for name, value in (headers | dict(more or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing: the address holds the secret word."""


def review(
    folder: Path,
    reviewer: str,
    port: int = 0,
    *,
    split: str | None = None,
    sample: int | None = None,
    announce: Callable[[str], None] = print,
) -> None:
    """Serve the page until Ctrl-C. ``announce`` is told the address and how far the reviewer is. Raises DataError, OutputError."""
    with ReviewServer(folder, reviewer, port, split=split, sample=sample) as server:
        done = sum(mark != "-" for mark in server.state()["marks"])
        announce(f"{done} of {len(server.items)} utterances are judged. Decisions go to {server.journal.path}.")
        if server.stale:
            announce(f"{server.stale} earlier decisions were about texts that have changed since; they are open again.")
        announce(f"Open this address in a browser here; Ctrl-C ends:\n{server.url}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            announce("Every decision is saved.")


# What was decided -----------------------------------------------------------------------------------------------------
def _pick(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


def _last_rows(journal: Journal) -> dict[Key, dict[str, Any]]:
    """The last decision about each utterance. Raises DataError for a line that is none."""
    found: dict[Key, dict[str, Any]] = {}
    for row in journal.read():
        decision, name, turn = row.get("decision"), row.get("dialogue_id"), row.get("turn")
        texts = (name, row.get("original"), row.get("text", ""), row.get("time", ""))
        sound = decision in DECISIONS and all(isinstance(text, str) for text in texts)
        if not sound or type(turn) is not int or (decision == "rewrite") != bool(row.get("text")):
            raise DataError(f"{journal.path} holds something that is no decision: {json.dumps(row)[:200]}.")
        found[str(name), turn] = row
    return found


def read_reviews(folder: Path) -> dict[str, dict[Key, dict[str, Any]]]:
    """Reviewer → (dialogue, turn) → the last decision. Raises DataError."""
    paths = sorted((Path(folder) / "reviews").glob("*.jsonl"))
    return {path.stem: _last_rows(Journal(path)) for path in paths}


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa of two reviewers' decisions about the same utterances; None where it is not defined (no utterance, or
    both always said the same one thing).

    >>> kappa([("accept", "accept"), ("accept", "reject"), ("reject", "reject"), ("reject", "reject")])
    0.5
    """
    if not pairs:
        return None
    observed = sum(a == b for a, b in pairs) / len(pairs)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(first[decision] * second[decision] for decision in first) / len(pairs) ** 2
    return None if chance == 1 else (observed - chance) / (1 - chance)


def agreement(folder: Path) -> dict[str, Any]:
    """How far reviewers agree: ``reviewers`` (name → how many of each decision) and ``pairs``, each with ``reviewers``, ``n``
    (utterances that both judged), ``same`` (share of equal decisions; None for n = 0) and ``kappa``."""
    reviews = read_reviews(folder)
    pairs = []
    for a, b in combinations(reviews, 2):
        both = [(reviews[a][key]["decision"], reviews[b][key]["decision"]) for key in reviews[a] if key in reviews[b]]
        same = sum(x == y for x, y in both) / len(both) if both else None
        pairs.append({"reviewers": [a, b], "n": len(both), "same": same, "kappa": kappa(both)})
    return {"reviewers": {name: _counts(rows.values()) for name, rows in reviews.items()}, "pairs": pairs}


def _counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    counts = Counter(row["decision"] for row in rows)
    return {decision: counts[decision] for decision in DECISIONS}


def apply_reviews(
    folder: Path, out: Path, *, reviewers: Iterable[str] | None = None, judged_only: bool = False
) -> dict[str, int]:
    """The dataset after its reviews, in a new folder: a dialogue with a turn that anybody rejected is left out, of several
    rewrites of a turn the latest counts, and what nobody judged stays as it is (or goes, with ``judged_only``).

    ``reviewers``: whose decisions count (default: all). Returns how many dialogues were kept and left out, how many turns were
    rewritten, accepted and not judged. Raises DataError, also where a decision is about a text that is not there any more.
    """
    folder = Path(folder)
    reviews = read_reviews(folder)
    if reviewers is not None:
        reviewers = list(reviewers)
        missing = [name for name in reviewers if name not in reviews]
        if missing:
            raise DataError(f"There are no reviews by {missing[0]} in {folder}.")
        reviews = {name: reviews[name] for name in reviewers}
    if not any(reviews.values()):
        raise DataError(f"There are no reviews in {folder}.")
    decided: dict[Key, list[dict[str, Any]]] = {}
    for own in reviews.values():
        for key, row in own.items():
            decided.setdefault(key, []).append(row)
    splits = read_folder(folder)
    texts = {(d.dialogue_id, i): t.user for ds in splits.values() for d in ds for i, t in enumerate(d.turns)}
    for (name, turn), rows in decided.items():
        if any(texts.get((name, turn)) != row["original"] for row in rows):
            raise DataError(f"Turn {turn} of {name} was reviewed with another text than the one in {folder}.")
    counts = Counter[str]()
    kept: dict[str, list[Dialogue]] = {split: [] for split in splits}
    for split, dialogues in splits.items():
        for dialogue in dialogues:
            reviewed, fates = _reviewed(dialogue, decided)
            if "rejected" in fates or (judged_only and "open" in fates):
                counts["left out"] += 1
            else:
                kept[split].append(reviewed)
                counts.update(fates)
    names = ("dialogues", "left out", "accepted", "rewritten", "open")
    counts["dialogues"] = sum(map(len, kept.values()))
    result = {name: counts[name] for name in names}
    with new_folder(out) as part:
        write_folder(kept, part, folder, reviews={"turns": result, **agreement(folder)})
    return result


def _reviewed(dialogue: Dialogue, decided: Mapping[Key, list[dict[str, Any]]]) -> tuple[Dialogue, list[str]]:
    """A dialogue with its rewritten texts, and what became of each of its user turns."""
    turns, fates = [], []
    for index, turn in enumerate(dialogue.turns):
        rows = decided.get((dialogue.dialogue_id, index), [])
        kinds = {row["decision"] for row in rows}
        if turn.user is not None:
            if "reject" in kinds:
                fates.append("rejected")
            elif "rewrite" in kinds:
                latest = max((row for row in rows if row["decision"] == "rewrite"), key=lambda row: row.get("time", ""))
                family = PREFIX + (turn.family or "none").removeprefix(PREFIX)
                turn = replace(turn, user=latest["text"], family=family)
                fates.append("rewritten")
            else:
                fates.append("accepted" if kinds else "open")
        turns.append(turn)
    return replace(dialogue, turns=tuple(turns)), fates


__all__ = [
    "DECISIONS", "Item", "ReviewServer", "agreement", "apply_reviews", "items", "kappa", "read_reviews", "review",
]  # fmt: skip
