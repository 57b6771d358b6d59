"""Run a server until it is told to stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import uvicorn

from isthmus.core.errors import InputError
from isthmus.predictor.predictor import Predictor
from isthmus.server.app import create_app
from isthmus.server.protocol import timed
from isthmus.server.settings import Settings
from isthmus.tasks import Store

_GRACE = 10
_KEEP_ALIVE = 30
_BACKLOG = 256
_STOPS = (signal.SIGINT, signal.SIGTERM)


def serve(
    store: Store,
    settings: Settings,
    *,
    predictors: Mapping[str, Predictor] | None = None,
    ready: Callable[[str], object] | None = None,
) -> None:
    """Answer for a store until SIGINT or SIGTERM; requests in work are finished.

    Args:
        store: What is searched; the caller closes it.
        settings: Address, limits and permissions.
        predictors: By name, that are served beside it.
        ready: Told the address once the first query would be answered.

    Raises:
        InputError: If the address cannot be listened on.
    """
    app = create_app(store, settings, predictors=predictors)
    listening = _socket(settings)
    address = settings.url(listening.getsockname()[1])
    config = uvicorn.Config(
        app,
        http=timed(settings.header_seconds),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
        backlog=_BACKLOG,
    )
    server = _Server(config, lambda: ready(address) if ready else None)
    app.state.stopping = lambda: server.should_exit
    try:
        with _quiet_signals():
            server.run(sockets=[listening])
    finally:
        listening.close()
    if not server.started:
        raise InputError("the server could not start; the messages above give the reason")


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """Let a stop end the server and not the program, which has a store to close.

    uvicorn catches signals while it runs, and raises them again when it is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, lambda *_: None) for each in _STOPS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load models, then listen."""
        await super().startup(sockets)
        if self.started:
            self._ready()


def _socket(settings: Settings) -> socket.socket:
    """Bound, not yet listening, so that nobody waits for models that are being loaded."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio sends small answers at once (TCP_NODELAY).
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6 and settings.everywhere and socket.has_dualstack_ipv6():
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # IPv4, too
    try:
        made.bind((settings.host.strip("[]"), settings.port))
    except OSError as error:
        made.close()
        raise InputError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}; "
            "choose another with: isthmus serve --port 0"
        ) from error
    return made
