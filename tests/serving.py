"""Servers for tests: an app on a real port of this machine, and `i2edit web` as a process that can be killed."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

PATIENCE = 900_000  # ms: on a busy machine a photo may take many minutes to open


@contextmanager
def running(app: Any) -> Iterator[str]:
    """→ its address, such as http://127.0.0.1:40123."""
    import uvicorn

    from i2edit.web.serve import listen

    bound = listen("127.0.0.1", 0)
    config = uvicorn.Config(app, log_level="warning", ws="none", lifespan="on", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


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

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options = folder, options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.calls = folder / "calls.txt"
        self.start()

    def start(self) -> None:
        arguments = ["web", "--port", str(self.port), "--data", str(self.folder / "data"), *self.options]
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
        return json.load(urllib.request.urlopen(f"{self.address}/api/sessions/{id}", timeout=PATIENCE / 1000))

    @property
    def called(self) -> str:
        """Other machines that it tried to reach or looked up."""
        return self.calls.read_text() if self.calls.exists() else ""

    def megabytes(self, what: str = "VmRSS") -> float:
        """Memory of the process: VmRSS, or VmHWM, the most that it ever had."""
        found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1024

    def face(self, seed: int) -> Image.Image:
        """A generated face, 1024²."""
        import httpx

        with httpx.Client(base_url=self.address, timeout=PATIENCE / 1000) as client:
            address = f"/api/sessions/{client.post('/api/sessions', data={'seed': seed}).json()['id']}"
            content = client.get(f"{address}/picture", params={"part": "crop"}).content
            client.delete(address)
        return Image.open(io.BytesIO(content)).convert("RGB")
