"""What a server may do, and how much of it."""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from isthmus.core.errors import InputError

PAGE = Path(__file__).parent / "static"
"""Folder of the page."""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
TOKEN_VARIABLE = "ISTHMUS_TOKEN"
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Limits and permissions of a server.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 for one that is free.
        token: What callers must show; needed wherever other machines may ask.
        names: Host names under which the server may be asked, beside its address: by a proxy.
        roots: Folders whose files may be indexed from the page.
        label: Whether callers may give labels to the items of the store.
        max_body: Bytes of an upload beyond which it is refused.
        max_json: The same for every other request.
        header_seconds: How long the head of a request may take.
        body_seconds: How long a body may pause, or take with :attr:`slowest` bytes a second.
        slowest: Bytes a second that a body must come with.
        at_once: Requests in work beyond which others are told to come back. What makes more work
            than a search counts as several.
        at_once_each: The same for one address; 0 for no limit of its own.
        explanations_waiting: Explanations that may wait for the one that is being made.
        explanation_seconds: How long one may take.
        streams: Streams of events that may be open.
        uploads: How many uploaded files are kept for queries.
        upload_bytes: How many bytes they may have together.

    Raises:
        InputError: If other machines may ask and there is no token, or it is short, or a name
            has a ``*``.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    names: tuple[str, ...] = ()
    roots: tuple[Path, ...] = ()
    label: bool = False
    max_body: int = 64 * 2**20
    max_json: int = 2**20
    header_seconds: float = 10.0
    body_seconds: float = 10.0
    slowest: int = 50_000
    at_once: int = 64
    at_once_each: int = 0
    explanations_waiting: int = 8
    explanation_seconds: float = 120.0
    streams: int = 500
    uploads: int = 64
    upload_bytes: int = 512 * 2**20

    def __post_init__(self) -> None:
        wild = [name for name in (self.host, *self.names) if "*" in name]
        if wild:
            raise InputError(
                f"a host name has no '*', so it cannot be {wild[0]!r}; give every name of this "
                "server in full: isthmus serve --name pictures.example"
            )
        if self.token is None and self.exposed:
            raise InputError(
                f"other machines can reach {', '.join(self._abroad)}, so you need a token; set "
                f"{TOKEN_VARIABLE} to at least {_SHORTEST_TOKEN} random characters, for example "
                "the output of: python -c 'import secrets; print(secrets.token_urlsafe())'"
            )
        if self.token is not None and len(self.token) < _SHORTEST_TOKEN:
            raise InputError(
                f"the token is too short to be safe; need {_SHORTEST_TOKEN} characters"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise InputError("the token must be of printable ASCII characters")

    @property
    def exposed(self) -> bool:
        """Whether other machines may ask, by the address or by a name of a proxy."""
        return bool(self._abroad)

    @property
    def _abroad(self) -> list[str]:
        """Address and names that are not of this machine alone."""
        local = {*LOOPBACK_NAMES, "::1"}
        names = [name for name in self.names if name.lower() not in local]
        return names if self.loopback else [self.host, *names]

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def everywhere(self) -> bool:
        """Whether the server listens on every address of this machine."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_unspecified
        except ValueError:
            return False

    @property
    def hosts(self) -> frozenset[str]:
        """Names that the ``Host`` of a request may have, without a port, in lower case.

        Where the server listens on every address, these are also the names of this machine; its
        addresses are known only once somebody asks.
        """
        names = {address(self.host), *self.names}
        if self.loopback or self.everywhere:
            names |= set(LOOPBACK_NAMES)
        if self.everywhere:
            own = socket.gethostname()
            names |= {own, f"{own}.local"} if own else set()
        return frozenset(name.lower() for name in names)

    def url(self, port: int) -> str:
        """Where a browser on this machine opens the page."""
        host = address(self.host)
        if self.everywhere:
            host = "[::1]" if ":" in self.host else "127.0.0.1"
        return f"http://{host}:{port}/"


def address(host: str) -> str:
    """A host as it stands in a URL: IPv6 in brackets, and IPv4 that came by IPv6 as IPv4.

    Examples:
        >>> address("::1"), address("::ffff:10.0.0.7"), address("localhost")
        ('[::1]', '10.0.0.7', 'localhost')
    """
    try:
        found = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host
    if isinstance(found, ipaddress.IPv6Address):
        return f"[{found}]" if found.ipv4_mapped is None else str(found.ipv4_mapped)
    return str(found)


def token_from_environment() -> str | None:
    """The token that the environment sets; an empty one is none."""
    return os.environ.get(TOKEN_VARIABLE) or None
