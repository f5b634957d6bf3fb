"""A small client of any OpenAI-compatible chat endpoint: messages in, the text of the answer out.

    client = Endpoint("my-model", "http://127.0.0.1:8080/v1")      # the key, if one is needed: OPENAI_API_KEY
    client.chat([{"role": "user", "content": "Say hello."}], max_tokens=20)

There is no default address: nothing leaves the machine unless somebody writes down where to. The key comes from the
environment at the moment of a request and is neither stored nor shown; what a server quotes of it is blotted out.
Every failure is an EndpointError, a sentence with a ``kind`` (``KINDS``) for callers that want to tell them apart.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from json import dumps, loads
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from i2edit.errors import I2EditError

if TYPE_CHECKING:
    import requests

KINDS: dict[str, str] = {
    "settings": "the address, the model's name or the key cannot be used as they are",
    "down": "no connection",
    "slow": "no answer in time",
    "key": "the key is missing or not accepted",
    "model": "no such model or address",
    "limit": "too many requests, or nothing left to spend",
    "refused": "the request was not accepted",
    "broken": "the server failed again and again",
    "nonsense": "the answer is not a chat completion",
    "empty": "a chat completion without text, or without the JSON object that was asked for",
}
MAX_BYTES = 4_000_000  # of an answer
_TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_SPENT = re.compile(  # a 429 that waiting does not cure
    r"insufficient_quota|exceeded your current quota|insufficient \w{0,10} ?(?:credit|balance|funds)", re.IGNORECASE
)
_THOUGHT = re.compile(r"\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)  # some local servers leave it in the answer
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)

Message = Mapping[str, str]


class EndpointError(I2EditError):
    """A chat endpoint did not answer as it should. ``kind``: one of KINDS."""

    def __init__(self, sentence: str, kind: str) -> None:
        super().__init__(sentence)
        self.kind = kind


class _Again(Exception):
    """One attempt failed in a way that may pass: the error to raise in the end, and how long the server asks to wait."""

    def __init__(self, error: EndpointError, wait: float | None = None) -> None:
        super().__init__()
        self.error, self.wait = error, wait


@dataclass
class Endpoint:
    """A model behind an address. Safe to share between threads.

    ``base_url`` is what ``/chat/completions`` is put behind. ``timeout``: seconds for one whole answer. ``attempts``: of one
    request, the first included; between them ``backoff`` seconds, doubled each time, with jitter, or what Retry-After says, but
    never more than ``max_wait``. ``requests_per_minute`` spaces all requests of this object, repetitions too.
    """

    model: str
    base_url: str
    key_from: str = "OPENAI_API_KEY"
    timeout: float = 60.0
    connect_timeout: float = 10.0
    attempts: int = 5
    backoff: float = 1.0
    max_wait: float = 60.0
    requests_per_minute: float | None = None
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)
    _local: threading.local = field(default_factory=threading.local, init=False, repr=False, compare=False)
    _next: float = field(default=0.0, init=False, repr=False, compare=False)  # when the next request may start
    _unknown: frozenset[str] = field(
        default=frozenset(), init=False, repr=False, compare=False
    )  # refused by this server

    def __post_init__(self) -> None:
        self.base_url = self.base_url.strip().rstrip("/").removesuffix("/chat/completions")
        try:
            parts = urlsplit(self.base_url)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
            secret = "@" in parts.netloc
        except ValueError:
            sound, secret = False, "@" in self.base_url
        if secret:  # checked first: the address must not be shown then
            raise EndpointError(
                f"The address of the endpoint contains a user name or password. Put the key into {self.key_from} instead.",
                "settings",
            )
        if not sound or parts.query or parts.fragment:
            raise EndpointError(
                f"{self.base_url.partition('?')[0]!r} is not the address of a chat endpoint. "
                "It looks like http://127.0.0.1:8080/v1, without anything after it.",
                "settings",
            )
        if not self.model.strip():
            raise EndpointError("The name of the endpoint's model is missing.", "settings")
        if self.requests_per_minute is not None and self.requests_per_minute <= 0:
            raise EndpointError("The number of requests per minute must be positive.", "settings")
        self._loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")

    @property
    def url(self) -> str:
        """Where requests are posted."""
        return f"{self.base_url}/chat/completions"

    def chat(
        self,
        messages: Sequence[Message],
        *,
        json: bool | Mapping[str, Any] = False,
        temperature: float = 1.0,
        max_tokens: int = 512,
    ) -> str:
        """The text of the answer to ``messages`` (``{"role": .., "content": ..}``). With ``json`` the server is asked for a
        JSON object, and the text returned is one; with a JSON schema there, for one that follows it, which is not checked.
        What a server does not know (schemas, then JSON objects; newer names and limits of settings) it is asked without,
        from then on. Raises EndpointError."""
        while True:
            body: dict[str, Any] = {
                "model": self.model,
                "messages": [dict(message) for message in messages],
                **self._settings(json, temperature, max_tokens),
            }
            try:
                return self._answer(dumps(body).encode(), bool(json))
            except EndpointError as error:
                dropped = _to_drop(body, str(error)) if error.kind == "refused" else None
                if dropped is None:
                    raise
                self._unknown |= {dropped}

    def _settings(self, json: bool | Mapping[str, Any], temperature: float, max_tokens: int) -> dict[str, Any]:
        """What goes beside the messages, as far as the server takes it."""
        limit = "max_completion_tokens" if "max_tokens" in self._unknown else "max_tokens"
        found: dict[str, Any] = {limit: max_tokens}
        if "temperature" not in self._unknown:
            found["temperature"] = temperature
        if isinstance(json, Mapping) and "json_schema" not in self._unknown:
            schema = {"name": "answer", "strict": True, "schema": dict(json)}
            found["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif json and "json_object" not in self._unknown:
            found["response_format"] = {"type": "json_object"}
        return found

    def _answer(self, data: bytes, json: bool) -> str:
        """The text of the answer to one request, repeated where that may help."""
        for attempt in range(1, max(1, self.attempts) + 1):
            self._wait_for_turn()
            try:
                return _as_json(self._text(self._post(data))) if json else self._text(self._post(data))
            except _Again as again:
                failed, wait = again.error, again.wait
            if wait is not None and wait > self.max_wait:
                raise EndpointError(f"{failed} It asks to wait {wait:.0f} seconds; try again then.", failed.kind)
            if attempt >= self.attempts:
                break
            pause = min(self.max_wait, self.backoff * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0)
            self.sleep(pause if wait is None else max(wait, 0.1 * pause))
        times = f" Tried {self.attempts} times." if self.attempts > 1 else ""
        raise EndpointError(f"{failed}{times}", failed.kind)

    # One attempt --------------------------------------------------------------------------------------------------
    def _wait_for_turn(self) -> None:
        if self.requests_per_minute is None:
            return
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + 60 / self.requests_per_minute
        if start > now:
            self.sleep(start - now)

    def _key(self) -> str:
        key = os.environ.get(self.key_from, "").strip()
        if not all("!" <= c <= "~" for c in key):  # the HTTP library would quote it in its own error
            raise EndpointError(
                f"The key in {self.key_from} contains characters that no key has. Set it again.", "settings"
            )
        return key

    def _session(self) -> requests.Session:
        """One session a thread."""
        if not hasattr(self._local, "session"):
            import requests

            session = requests.Session()
            session.trust_env = not self._loopback  # proxies are for the world outside
            self._local.session = session
        found: requests.Session = self._local.session
        return found

    def _post(self, data: bytes) -> Any:
        """The JSON of a successful answer; otherwise EndpointError, or _Again where it may pass."""
        import requests

        key = self._key()

        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            # As an auth object rather than a header: else requests replaces the header by what .netrc holds for the host.
            if key:
                request.headers["Authorization"] = f"Bearer {key}"
            return request

        began = time.monotonic()
        trouble: EndpointError
        try:
            with self._session().post(
                self.url,
                data=data,
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                auth=sign,
                timeout=(self.connect_timeout, self.timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = self._read(response, began + self.timeout)
                status, headers = response.status_code, response.headers
            if status != 200:
                self._complain(status, _plain(content, key), headers.get("Retry-After"), bool(key))
            try:
                return loads(content)
            except (ValueError, RecursionError):
                pass
            shown = _plain(content, key)
            trouble = EndpointError(f"{self.url} did not answer with JSON but with: {shown or 'nothing'}.", "nonsense")
        except requests.exceptions.ConnectTimeout:
            trouble = EndpointError(
                f"No connection to {self.base_url} within {self.connect_timeout:g} seconds. Is it running?", "down"
            )
        except requests.exceptions.Timeout:
            trouble = self._slow()
        except requests.exceptions.SSLError:
            trouble = EndpointError(f"The certificate of {self.base_url} could not be verified.", "settings")
        except requests.exceptions.InvalidURL:
            trouble = EndpointError(f"{self.base_url!r} is not an address.", "settings")
        except requests.exceptions.RequestException as error:
            if time.monotonic() - began >= self.timeout:  # requests calls a body that does not come a lost connection
                trouble = self._slow()
            elif isinstance(error, requests.exceptions.ConnectionError):
                trouble = EndpointError(
                    f"No connection to {self.base_url}. Is the server running, and the address right?", "down"
                )
            else:
                trouble = EndpointError(f"The connection to {self.base_url} broke off.", "down")
        # Raised here, outside of the handlers, so that no request (and with it the key) hangs on to the error.
        raise _Again(trouble) if trouble.kind in ("down", "slow") else trouble

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        """The body, at most MAX_BYTES of it, before the deadline."""
        content = bytearray()
        for piece in response.iter_content(
            16
        ):  # small: a piece is waited for until it is whole, however slowly it drips
            content += piece
            if time.monotonic() > deadline:
                raise _Again(self._slow())
            if len(content) > MAX_BYTES:
                raise EndpointError(f"{self.url} answered with more than {MAX_BYTES // 1_000_000} MB.", "nonsense")
        return bytes(content)

    def _slow(self) -> EndpointError:
        return EndpointError(
            f"{self.base_url} did not answer within {self.timeout:g} seconds. A longer timeout may help.", "slow"
        )

    def _complain(self, status: int, said: str, retry_after: str | None, signed: bool) -> None:
        """Raises what an answer other than 200 means."""
        quote = f" It says: {said.rstrip('. ')}." if said else ""
        if 300 <= status < 400:
            raise EndpointError(
                f"{self.base_url} sends requests elsewhere ({status}). Give the final address.", "model"
            )
        if status in (401, 403):
            if not signed:
                raise EndpointError(f"{self.base_url} asks for a key ({status}). Put it into {self.key_from}.", "key")
            raise EndpointError(f"{self.base_url} does not accept the key in {self.key_from} ({status}).{quote}", "key")
        if status == 404:
            raise EndpointError(
                f"There is no model {self.model!r} at {self.base_url}, or the address is wrong (it often ends with /v1).{quote}",
                "model",
            )
        if status == 402 or (status == 429 and _SPENT.search(said)):
            raise EndpointError(f"Nothing is left to spend at {self.base_url} ({status}).{quote}", "limit")
        if status == 429:
            raise _Again(
                EndpointError(f"{self.base_url} allows no more requests now (429).{quote}", "limit"),
                _seconds(retry_after),
            )
        if status in _TRANSIENT or status >= 500:
            raise _Again(EndpointError(f"{self.base_url} failed ({status}).{quote}", "broken"), _seconds(retry_after))
        raise EndpointError(f"{self.base_url} did not accept the request ({status}).{quote}", "refused")

    def _text(self, answer: Any) -> str:
        """The text of a chat completion."""
        try:
            choice = answer["choices"][0]
            content = choice["message"]["content"]
            if isinstance(content, list):  # parts; those that are not text have none
                content = "".join(part.get("text", "") for part in content)
            if content is not None and not isinstance(content, str):
                raise TypeError
        except (KeyError, IndexError, TypeError, AttributeError):
            content, choice = None, None
        if choice is None:
            raise EndpointError(f"{self.url} answered with JSON that is not a chat completion.", "nonsense")
        text = _THOUGHT.sub("", content or "", count=1).strip()
        if not text:
            why = choice.get("finish_reason")
            hint = " Allow it more tokens." if why == "length" else ""
            raise EndpointError(f"{self.model} answered with nothing (finish_reason: {why}).{hint}", "empty")
        return text


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After (seconds or a date) → seconds from now; None where it says nothing that can be read."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after)) if float(retry_after) < 1e9 else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _to_drop(body: Mapping[str, Any], said: str) -> str | None:
    """The part of a refused request to leave out next time, by what the server says; None where it lies elsewhere."""
    if "max_tokens" in body and "max_completion_tokens" in said:
        return "max_tokens"
    if "temperature" in body and "temperature" in said:
        return "temperature"
    form = body.get("response_format", {}).get("type")
    if form and re.search(r"response.?format|json|schema|grammar", said, re.IGNORECASE):
        return str(form)
    return None


def _plain(content: bytes, key: str) -> str:
    """What a server said, fit to be shown: its error message where there is one, one line, short, without the key."""
    text = content[:20_000].decode("utf-8", "replace")
    try:
        found = loads(content)
        error = found.get("error", found.get("message", found.get("detail", "")))
        if isinstance(error, dict):
            parts = [str(error[name]) for name in ("message", "code", "type") if error.get(name)]
            error = f"{parts[0]} ({parts[1]})" if len(parts) > 1 else "".join(parts)
        text = str(error or text)
    except (ValueError, AttributeError, RecursionError):
        pass
    if key:
        text = text.replace(key, "…")
    text = " ".join("".join(" " if unicodedata.category(c)[0] == "C" else c for c in text).split())
    return text if len(text) <= 200 else text[:199] + "…"


def _as_json(text: str) -> str:
    """The JSON object in an answer (fences around it are taken off). Raises EndpointError."""
    fenced = _FENCE.match(text)
    text = fenced[1].strip() if fenced else text
    try:
        sound = isinstance(loads(text), dict)
    except (ValueError, RecursionError):
        sound = False
    if not sound:
        raise EndpointError("The model was asked for a JSON object and answered with something else.", "empty")
    return text


__all__ = ["KINDS", "Endpoint", "EndpointError", "Message"]
