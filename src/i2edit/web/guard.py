"""Who may ask, and how much at once. In: every request, before anything else sees it. Out: the app's answer, or a refusal.

Without a token the server is for this machine alone: the Host must be a loopback name (a page of another name that was
made to point here is refused), and requests that a foreign page makes a browser send are refused by Origin and
Sec-Fetch-Site. With a token, every request needs it: ``Authorization: Bearer TOKEN``, or the cookie that ``/?token=TOKEN``
sets. Answers carry a policy that lets a browser load nothing from anywhere else.
"""

from __future__ import annotations

import hmac
import json
import re
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from i2edit.errors import I2EditError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
COOKIE = "i2edit_token"
SMALL = 1_000_000  # bytes of a request that is not an upload
UPLOADS = ("/api/photos", "/api/sessions", "/gradio_api/upload")
# What the page and gradio_client need of Gradio; its other doors (proxy, run history, editing by prompt …) stay shut.
GRADIO = re.compile(
    r"/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)?/?"
    r"|/(assets|svelte|static)/.*"
    r"|/gradio_api/((info|startup-events|upload|upload_progress|cancel|reset|theme\.css)/?|(queue|call|heartbeat)/.*)"
)
OURS = re.compile(r"/(api|web)(/.*)?|/openapi\.json")
TOOLS = "/mcp"
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


def check_binding(host: str, token: str | None) -> None:
    """Raises I2EditError for an address that others reach, without a token."""
    if token is not None and len(token) < 16:
        raise I2EditError("The token should have at least 16 characters, so that it cannot be guessed.")
    if host not in LOOPBACK and token is None:
        raise I2EditError(
            f"Other machines could reach {host}, so a token is needed: --token WORD (at least 16 characters)."
        )


class Guard:
    """ASGI middleware."""

    def __init__(
        self, app: Any, *, token: str | None = None, upload_bytes: int = 40_000_000, tools: bool = False
    ) -> None:
        self.app, self.token, self.upload_bytes, self.tools = app, token, upload_bytes, tools

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        answer = self._sending(send)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _say(answer, *refusal)
            return
        if self.token is not None:
            query = parse_qs(scope["query_string"].decode("latin-1"))
            if "token" in query and _same(query["token"][0], self.token):
                await self._remember(scope, query, answer)
                return
        await self.app(scope, self._counting(receive, self._most(scope["path"])), answer)

    def _most(self, path: str) -> int:
        return self.upload_bytes + SMALL if path.rstrip("/") in UPLOADS else SMALL

    def _refusal(self, scope: Any, headers: dict[str, str]) -> tuple[int, str] | None:
        """Status and sentence, or None when the request may go on."""
        host = headers.get("host", "")
        if self.token is None and _hostname(host) not in LOOPBACK:
            return 403, "This server answers only under the name of this machine, such as 127.0.0.1 or localhost."
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "Requests from other sites are not answered."
        visit = scope["method"] == "GET" and scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not visit:
            return 403, "Requests from other sites are not answered."
        if self.token is not None and not self._knows_token(scope, headers):
            return 401, "A token is needed: open the address with ?token=…, or send it as 'Authorization: Bearer …'."
        path = scope["path"]
        if not (GRADIO.fullmatch(path) or OURS.fullmatch(path) or (self.tools and path == TOOLS)):
            return 404, "There is nothing at this address."
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return 400, "The length of the request is not a number."
        if int(length) > self._most(scope["path"]):
            return 413, _too_much(self._most(scope["path"]))
        return None

    def _knows_token(self, scope: Any, headers: dict[str, str]) -> bool:
        assert self.token is not None
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(given.strip(), self.token):
            return True
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            return False
        if COOKIE in cookies and _same(cookies[COOKIE].value, self.token):
            return True
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        return scope["path"] == "/" and _same(asked[0], self.token)

    async def _remember(self, scope: Any, query: dict[str, list[str]], send: Any) -> None:
        """The token leaves the address bar and becomes a cookie that scripts cannot read."""
        rest = urlencode({k: v for k, v in query.items() if k != "token"}, doseq=True)
        cookie = f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [
            (b"location", f"{scope['path']}{'?' + rest if rest else ''}".encode("latin-1", "replace")),
            (b"set-cookie", cookie.encode("latin-1")),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _sending(self, send: Any) -> Any:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in there]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        return sending

    def _counting(self, receive: Any, most: int) -> Any:
        """The same for bodies that do not say how long they are."""
        seen = 0

        async def counting() -> Any:
            from starlette.exceptions import HTTPException

            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise HTTPException(413, _too_much(most))
            return message

        return counting


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _too_much(most: int) -> str:
    return f"The request is too large: {most / 1e6:.0f} MB are the limit."


async def _say(send: Any, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
