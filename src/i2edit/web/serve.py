"""`i2edit web` and `i2edit mcp`: the API, the page, MCP and the guard in one process; or the MCP tools on stdin and stdout.
In: where, and what is allowed. Out: a server, until Ctrl-C.

The address answers at once; the networks load behind it. Gradio's telemetry, its calls to a hub and its server-side
rendering are off, its upload cache lies in the store's private folder.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from i2edit.errors import I2EditError
from i2edit.store import Store
from i2edit.web.guard import Guard, check_binding
from i2edit.web.service import Limits, Service, sample_file

FOLDER = Path(__file__).parent
HOUR = 3600.0


def quiet_gradio(store: Store) -> None:
    """To be called before Gradio is imported."""
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1", GRADIO_SSR_MODE="False",
        GRADIO_RUN_HISTORY="False", GRADIO_MCP_SERVER="False", GRADIO_TEMP_DIR=str(store.tmp("gradio")),
    )  # fmt: skip


def build(service: Service, *, token: str | None = None, page: bool = True, folder: Path | None = None) -> Any:
    """The whole ASGI app: guard(API + page + our files); and the MCP tools at /mcp, for the files of ``folder``.

    Raises PhotoError when there is no such folder.
    """
    from fastapi.responses import FileResponse
    from starlette.staticfiles import StaticFiles

    from i2edit.web.api import make_app

    app = make_app(service)
    app.get("/web/samples/portrait.jpg", include_in_schema=False)(lambda: FileResponse(sample_file("portrait")))
    app.mount("/web/samples", StaticFiles(directory=FOLDER / "samples"))
    for name, kind in (("page.js", "text/javascript"), ("page.css", "text/css")):
        app.get(f"/web/{name}", include_in_schema=False)(_file(FOLDER / name, kind))
    if folder is not None:
        _add_tools(app, service, folder)
    if page:
        quiet_gradio(service.store)
        import gradio

        from i2edit.web.page import HEAD, make_page

        theme = gradio.themes.Soft(
            primary_hue="indigo",
            font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
            font_mono=["ui-monospace", "monospace"],
        )
        app = gradio.mount_gradio_app(
            app, make_page(service), "/", footer_links=[], run_history=False, mcp_server=False, ssr_mode=False,
            show_error=True, max_file_size=service.limits.upload_bytes, theme=theme, head=HEAD,
            enable_monitoring=False, pwa=False,
        )  # fmt: skip
    return Guard(app, token=token, upload_bytes=service.limits.upload_bytes, tools=folder is not None)


def _add_tools(app: Any, service: Service, folder: Path) -> None:
    """The MCP tools over streamable HTTP. Host, Origin and token are the guard's business, as for everything else."""
    from mcp.server.transport_security import TransportSecuritySettings

    from i2edit.web.guard import SMALL, TOOLS
    from i2edit.web.tools import make_tools

    open_to_all = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    server = make_tools(service, folder)
    tools = server.streamable_http_app(
        streamable_http_path=TOOLS, transport_security=open_to_all, max_request_body_size=SMALL, max_sessions=100
    )
    app.router.routes.extend(tools.routes)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: Any) -> AsyncIterator[Any]:
        async with inner(started) as state, server.session_manager.run():
            yield state

    app.router.lifespan_context = lifespan


def _file(path: Path, kind: str) -> Any:
    from fastapi.responses import FileResponse

    return lambda: FileResponse(path, media_type=kind)


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound already, so that a busy port is a sentence. Raises I2EditError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(128)
    except OSError as error:
        made.close()
        raise I2EditError(
            f"The port {port} of {host} cannot be used ({error.strerror or error}). --port chooses another one."
        ) from None
    return made


def run(
    host: str,
    port: int,
    data: str | None = None,
    *,
    token: str | None = None,
    limits: Limits | None = None,
    expire_days: float | None = None,
    folder: Path | None = None,
    say: Any = print,
) -> None:
    """Serves until it is stopped. Raises I2EditError."""
    check_binding(host, token)
    bound = listen(host, port)
    store = Store(data)
    service = Service(store, _load, limits, begin=False)
    if expire_days is not None:
        threading.Thread(target=_expire, args=(store, expire_days * 24 * HOUR), daemon=True).start()

    import uvicorn

    app = build(service, token=token, folder=folder)
    inner = app.app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: Any) -> AsyncIterator[Any]:
        async with inner(started) as state:
            service.begin()
            shown = f"[{host}]" if ":" in host else host
            say(
                f"i2edit is at http://{shown}:{bound.getsockname()[1]}/{'?token=…' if token else ''}  (Ctrl-C stops it)"
            )
            yield state

    app.app.router.lifespan_context = lifespan
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=5, ws="none",
        lifespan="on",
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[bound])
    service.line.close()
    store.close()


def run_tools(folder: Path, data: str | None = None, *, limits: Limits | None = None) -> None:
    """Serves the MCP tools on stdin and stdout, which nothing else may write to. Raises I2EditError."""
    import sys

    from i2edit.web.tools import make_tools

    service = Service(Store(data), _load, limits, begin=False)
    server = make_tools(service, folder)
    service.begin()
    sys.stderr.write(f"i2edit: MCP tools for the files of {folder}\n")
    server.run("stdio")
    service.line.close()


def _load(progress: Any) -> Any:
    from i2edit.chat import Editor

    return Editor.load(progress=progress)


def _expire(store: Store, seconds: float) -> None:
    """Deletes what was not used for so long, now and every hour."""
    import time

    while True:
        try:
            store.expire(seconds)
        except I2EditError as error:
            print(f"i2edit: {error}")
        time.sleep(min(HOUR, seconds))
