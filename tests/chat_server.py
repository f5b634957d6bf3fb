"""A chat endpoint for tests: a real HTTP server on this machine that answers as told and notes what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-1234567890"
Reply = tuple[int, bytes, dict[str, str]]


def completion(text: str | None, **choice: object) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}, **choice}]}).encode()


@dataclass
class FakeModel:
    """A chat endpoint: ``script`` first, then ``speak``. ``asked`` holds (path, headers, body) of every request."""

    script: list[Reply | float] = field(default_factory=list)  # a number: seconds of silence, then a good answer
    speak: Callable[[dict[str, Any]], str] = lambda body: "Hello."
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    drip: float = 0.0  # seconds between the bytes of an answer
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with fake.lock:
                    fake.asked.append((self.path, dict(self.headers), body))
                    step = fake.script.pop(0) if fake.script else None
                if isinstance(step, float):
                    fake.stop.wait(step)
                    step = None
                status, content, headers = step or (200, completion(fake.speak(body)), {})
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(content)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    for at in range(0, len(content), 1 if fake.drip else max(1, len(content))):
                        self.wfile.write(content[at : at + 1] if fake.drip else content)
                        fake.stop.wait(fake.drip)
                except OSError:
                    pass  # the client had enough

            do_GET = do_POST

            def log_message(self, *args: object) -> None:
                pass

        self.stop = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()
