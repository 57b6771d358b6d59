"""Requests to a server that the user named: no redirects, capped answers, one limit of time.

Own code: what the standard library offers follows redirects with the key, and reads answers
without end.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from isthmus.core.deadline import handlers
from isthmus.core.document import Json
from isthmus.core.errors import InputError, RemoteError

LARGEST = 1_000_000
"""Bytes of an answer that are read where nobody says otherwise."""
_CHUNK = 65_536
"""Bytes that are read at a time."""
_QUOTED = 200
"""Characters of a refusal that are shown."""
_LONGEST_WAIT = 1e9
"""Seconds that a server may ask to wait; more digits than a number has mean as much."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A key is for the address that the user named, and for no other."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        """Refuse."""


@dataclass(frozen=True)
class Endpoint:
    """A server that answers JSON with JSON.

    Attributes:
        address: Such as ``http://localhost:11434/v1``.
        what: What it is to the user: ``"language model"``.
        key: Sent as a bearer token if there is one.
        timeout: Seconds that all of it may take, from the connection to the end of the answer.
        largest: Bytes that an answer may have.

    Raises:
        InputError: If the address is no http address, the time is none, or the key holds what no
            header can.
    """

    address: str
    what: str
    key: str = field(default="", repr=False)
    timeout: float = 60.0
    largest: int = LARGEST

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.address)
            named = bool(parts.hostname) and parts.port != 0
        except ValueError:  # a bracket without its pair, or a port that is no number
            parts, named = urlsplit(""), False
        if parts.fragment or "#" in self.address:
            raise InputError(
                f"the address {self.address!r:.120} holds a '#', and no server sees what is behind "
                "it; leave that out"
            )
        plain = self.address.isascii() and self.address.isprintable() and " " not in self.address
        if not plain or not named or parts.scheme not in ("http", "https"):
            raise InputError(
                f"{self.address!r:.120} is no address of {self._article}; write "
                "http://localhost:11434/v1"
            )
        if parts.username is not None or parts.password is not None:
            raise InputError(
                f"the address of {self._article} at {parts.hostname} holds a name or a password; "
                "leave it out, and send a key"
            )
        if not 0 < self.timeout < float("inf"):
            raise InputError(f"timeout must be a number of seconds, got {self.timeout}")
        if not (self.key.isascii() and self.key.isprintable()):
            raise InputError(
                f"the key of the {self.what} holds a character that no key has, such as a curly "
                "quote or a line break; copy it again"
            )

    @property
    def where(self) -> str:
        """The server in messages: ``"the language model at http://localhost:11434/v1"``."""
        return f"the {self.what} at {self.address}"

    @property
    def loopback(self) -> bool:
        """Whether it runs on this machine, by its name."""
        host = urlsplit(self.address).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def ask(self, path: str, body: Mapping[str, Json] | None = None) -> bytes:
        """What the server answers.

        Args:
            path: Behind the address: ``"/chat/completions"``.
            body: Sent as JSON by POST; None asks by GET.

        Raises:
            RemoteError: If there is no answer, it is a refusal, or it is too large.
        """
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None if body is None else json.dumps(body).encode()
        url = self.address.rstrip("/") + path
        return self._sent(urllib.request.Request(url, data, headers))

    def quoted(self, said: bytes | str, most: int = _QUOTED) -> str:
        """The first characters of what a server says, for messages: without the key."""
        told = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        return (told.replace(self.key, "…") if self.key else told).strip()[:most]

    def _sent(self, request: urllib.request.Request) -> bytes:
        try:
            with self._opener().open(request) as answer:
                data = self._read(answer)
        except urllib.error.HTTPError as error:
            raise self._refused(error) from error
        except TimeoutError as error:
            raise self._late() from error
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise self._late() from error
            said = self.quoted(str(reason) or type(error).__name__)
            raise RemoteError(
                f"{self.where} cannot be reached ({said}); check the address"
            ) from error
        if len(data) > self.largest:
            raise RemoteError(
                f"{self.where} answers more than {self.largest:,} bytes; ask another one",
                status=200,
            )
        return data

    def _opener(self) -> urllib.request.OpenerDirector:
        """What sends; a proxy of the user's is for other machines than this one."""
        own: list[urllib.request.BaseHandler] = [_NoRedirects()]
        own += handlers(time.monotonic() + self.timeout)
        if self.loopback:
            own.append(urllib.request.ProxyHandler({}))
        return urllib.request.build_opener(*own)

    def _read(self, answer: Any) -> bytes:
        """All of an answer, up to the largest."""
        parts, size = [], 0
        while size <= self.largest and (part := answer.read1(_CHUNK)):
            parts.append(part)
            size += len(part)
        if size <= self.largest and answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
        return b"".join(parts)

    def _refused(self, error: urllib.error.HTTPError) -> RemoteError:
        try:
            said = self.quoted(self._read(error))
        except (OSError, http.client.HTTPException):  # a body that does not come
            said = ""
        hint = "check the address, the model and the key"
        if 300 <= error.code < 400:
            hint = "another address is not followed, since the key is for this one; name the other"
        state = f"{error.code} {self.quoted(str(error.reason))}"
        return RemoteError(
            f"{self.where} answers {state}: {said or 'nothing'}; {hint}",
            status=error.code,
            wait=_seconds(error.headers.get("Retry-After")),
        )

    def _late(self) -> RemoteError:
        return RemoteError(
            f"{self.where} gave no answer in {self.timeout:g} s; allow more with timeout"
        )

    @property
    def _article(self) -> str:
        return f"{'an' if self.what[0] in 'aeiou' else 'a'} {self.what}"


def _seconds(header: str | None) -> float | None:
    """What ``Retry-After`` asks for: seconds or a date (RFC 9110, section 10.2.3)."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return min(float(header), _LONGEST_WAIT)
    try:
        then = parsedate_to_datetime(header)
        if then.tzinfo is None:
            then = then.replace(tzinfo=UTC)
        return max(0.0, (then - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):  # no date, or one of a year or a zone that is none
        return None
