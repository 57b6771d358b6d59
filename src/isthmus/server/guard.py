"""What every request passes before it is answered: who asks, from where, and how much.

This is own code because Starlette limits the size of a body, but not how slowly it comes, and
limiters such as slowapi count requests in a stretch of time, not those at work. Starlette checks
the ``Host``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from isthmus.server.admission import RETRY_SECONDS, CrowdedError, Room, work_of
from isthmus.server.metrics import Metrics
from isthmus.server.settings import Settings, address

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_ALWAYS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}
_KNOWN = "isthmus.known"
_ADDRESSES = 64
"""Own addresses whose checks are kept."""


class RefusedError(Exception):
    """A request that is not answered.

    Args:
        status: Of the response.
        message: What is wrong and what to do.
        headers: Of the response, beside the usual ones.
    """

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Guard:
    """Checks host, origin and token, caps bodies and crowds, sets headers, and counts.

    Args:
        app: What answers.
        settings: Limits.
        metrics: Where to count.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics
        self.room = Room(settings)
        self._names = _Names(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # websockets are not spoken here
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = _Answer(send)
        started = time.perf_counter()
        try:
            headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
            await self._check(scope, headers)
            client = (scope.get("client") or ("",))[0]
            place = self.room.place(client, work_of(scope))
            body = _Body(receive, headers, self.settings, place.take)
            try:
                await self.app(scope, body.receive, answer.passing(body, place.leave))
            finally:
                place.leave()
            if body.refused is not None:
                raise body.refused
        except RefusedError as refused:
            await answer.refuse(refused)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.request(route, answer.status, time.perf_counter() - started)

    async def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        given = Counter(name for name, _ in scope["headers"])
        if given[b"content-length"] and given[b"transfer-encoding"]:
            raise RefusedError(
                400, "a request has either a Content-Length or a Transfer-Encoding, not both"
            )
        # Of several, Starlette reads the first and `headers` holds the last.
        if given[b"host"] > 1 or given[b"origin"] > 1:
            raise RefusedError(403, "a request must have exactly one Host and at most one Origin")
        if not await self._names.known(scope):
            raise RefusedError(
                403,
                "this server does not know the host name of the request; allow it with: isthmus "
                "serve --name NAME",
            )
        host, origin = headers["host"].lower(), headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
            raise RefusedError(403, "pages of other sites may not use this server")
        fetched = headers.get("sec-fetch-site", "same-origin")
        navigated = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        if fetched in ("cross-site", "same-site") and not navigated:
            raise RefusedError(403, "pages of other sites may not use this server")
        if self.settings.token is not None and not _shows(headers, self.settings.token):
            raise RefusedError(
                401,
                "the token is missing or wrong; send 'Authorization: Bearer TOKEN', or give it as "
                "the password of any user",
                www_authenticate='Bearer, Basic realm="isthmus", charset="UTF-8"',
            )


class _Names:
    """Names of this server; where it listens on all addresses, each of them is one.

    Starlette says whether a ``Host`` is well-formed and one of them. Its own answer to one that
    is not would not say what to do, so it is not sent.

    Args:
        settings: With the names, without a port.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._checked = lru_cache(_ADDRESSES)(self._with)

    async def known(self, scope: Scope) -> bool:
        """Whether a request asks this server."""
        own = ""
        if self._settings.everywhere:  # the address that this very connection came to
            own = address((scope.get("server") or ("",))[0])
        asked: Scope = {"type": "http", "headers": scope["headers"]}
        await self._checked(own)(asked, _no_body, _unsent)
        return _KNOWN in asked

    def _with(self, own: str) -> TrustedHostMiddleware:
        hosts = self._settings.hosts | ({own} if own else set())
        return TrustedHostMiddleware(_note, sorted(hosts), www_redirect=False)


async def _note(scope: Scope, receive: Receive, send: Send) -> None:
    scope[_KNOWN] = True


async def _no_body() -> Message:
    return {"type": "http.disconnect"}


async def _unsent(message: Message) -> None:
    """Send nothing."""


class _Answer:
    """A response on its way out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    def passing(self, body: _Body, release: Callable[[], None]) -> Send:
        """Send with the usual headers; what reads slowly holds no place among the workers.

        Of a request whose body was refused, what the application makes of that is dropped.
        """

        async def send(message: Message) -> None:
            if body.refused is not None and not self.status:
                return
            if message["type"] == "http.response.start":
                self.status = message["status"]
                message["headers"] = _with_usual(message["headers"])
                if body.pending:  # what nobody reads shall not be sent
                    message["headers"].append((b"connection", b"close"))
                release()
            await self._send(message)

        return send

    async def refuse(self, refused: RefusedError) -> None:
        """Say no, unless an answer is already under way."""
        if self.status:
            return
        self.status = refused.status
        body = json.dumps({"error": "Refused", "message": refused.message}).encode()
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "close",
            **refused.headers,
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        start = {"type": "http.response.start", "status": refused.status}
        await self._send({**start, "headers": _with_usual(raw)})
        await self._send({"type": "http.response.body", "body": body})


class _Body:
    """A request body that is capped in bytes and in time.

    Attributes:
        pending: Whether some of it is still to come.
        refused: Why no more of it is taken.
    """

    def __init__(
        self,
        receive: Receive,
        headers: dict[str, str],
        settings: Settings,
        whole: Callable[[], None],
    ) -> None:
        self._receive, self._settings, self._whole = receive, settings, whole
        self._size, self._started = 0, time.monotonic()
        self.pending = "content-length" in headers or "transfer-encoding" in headers
        self.refused: RefusedError | None = None
        # Files go to disk as they come; all else is held in memory until it is whole.
        files = headers.get("content-type", "").lower().startswith("multipart/form-data")
        self._most = settings.max_body if files else min(settings.max_body, settings.max_json)
        declared = headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > self._most:
            raise self._too_large()
        if not self.pending:
            self._take_place()

    async def receive(self) -> Message:
        """The next part of the body."""
        if not self.pending:  # what is waited for now is the end of the connection
            return await self._receive()
        used = time.monotonic() - self._started
        allowed = self._settings.body_seconds + self._size / self._settings.slowest
        patience = min(self._settings.body_seconds, allowed - used)
        try:
            message = await asyncio.wait_for(self._receive(), max(patience, 0.0))
        except TimeoutError:
            self.refused = RefusedError(408, "the body of the request did not come in time")
            raise self.refused from None
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self.pending = message.get("more_body", False)
            try:
                if self._size > self._most:
                    raise self._too_large()
                if not self.pending:
                    self._take_place()
            except RefusedError as refused:
                self.refused = refused
                raise
        return message

    def _take_place(self) -> None:
        try:
            self._whole()
        except CrowdedError as error:
            raise RefusedError(429, str(error), retry_after=str(RETRY_SECONDS)) from error

    def _too_large(self) -> RefusedError:
        most = self._most / 2**20
        return RefusedError(413, f"a request may have {most:.0f} MiB at most")


def _with_usual(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    there = {name.lower() for name, _ in headers}
    usual = [(n.encode(), v.encode()) for n, v in _ALWAYS.items() if n.encode() not in there]
    return [*headers, *usual]


def _shows(headers: dict[str, str], token: str) -> bool:
    """Whether a request shows the token, as a bearer or as a password; in constant time."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    shown = ""
    if kind.lower() == "bearer":
        shown = value.strip()
    elif kind.lower() == "basic":
        try:
            shown = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            shown = ""
    return hmac.compare_digest(shown.encode(errors="replace"), token.encode())
