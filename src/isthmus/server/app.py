"""The application: one store, its routes, its page, its tools, and the guard before them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from isthmus.core.errors import (
    ArtifactError,
    InputError,
    IsthmusError,
    MissingDataError,
    MissingExtraError,
    RemoteError,
)
from isthmus.core.version import __version__
from isthmus.core.wording import without_preamble
from isthmus.predictor.predictor import Predictor
from isthmus.server import routes
from isthmus.server.admission import RETRY_SECONDS, CrowdedError
from isthmus.server.events import Events
from isthmus.server.explanations import LeftError
from isthmus.server.guard import Guard
from isthmus.server.jobs import BusyError
from isthmus.server.mcp import tools
from isthmus.server.metrics import Metrics
from isthmus.server.originals import ChangedError, GoneError
from isthmus.server.routing import REFUSALS
from isthmus.server.service import NotAllowedError, Service
from isthmus.server.settings import PAGE, Settings
from isthmus.tasks import Store

_STATUS: tuple[tuple[type[IsthmusError], int], ...] = (
    (CrowdedError, 429),
    (BusyError, 409),
    (NotAllowedError, 403),
    (ChangedError, 409),
    (GoneError, 410),
    (MissingDataError, 404),
    (MissingExtraError, 501),
    (ArtifactError, 503),
    (RemoteError, 503),
    (InputError, 422),
)
_NO_FILE = 'file: need a file with a name; send multipart/form-data with filename="NAME"'
_LEFT = 499
"""Counted for callers who left, as nginx does; nobody reads it."""


def create_app(
    store: Store,
    settings: Settings | None = None,
    *,
    predictors: Mapping[str, Predictor] | None = None,
) -> FastAPI:
    """A FastAPI application around one store.

    Models are loaded and tables read before the first request is accepted. The caller closes
    the store.

    Args:
        store: What is searched.
        settings: Limits and permissions.
        predictors: By name, that are served beside it.

    Returns:
        The application, for :func:`isthmus.server.serve` or any ASGI server. Another server
        must limit the time that the head of a request takes; the guard limits the rest.
    """
    settings = settings or Settings()
    service = Service(store, settings, predictors)
    machine, machine_app = tools(service)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            # A thread for every place, so that whoever is let in need not wait for one.
            anyio.to_thread.current_default_thread_limiter().total_tokens = settings.at_once
            await asyncio.to_thread(service.warm_up)
            stack.push_async_callback(asyncio.to_thread, service.close)
            await stack.enter_async_context(machine.session_manager.run())
            yield

    app = FastAPI(
        title="isthmus",
        version=__version__,
        summary="Search the pictures, sounds and texts of a store.",
        lifespan=lifespan,
        docs_url=None,  # their pages are fetched from the network
        redoc_url=None,
        responses=REFUSALS,
    )
    app.state.service = service
    app.state.stopping = lambda: False
    app.state.events = Events(settings.streams, lambda: bool(app.state.stopping()))
    metrics = app.state.metrics = Metrics(lambda: dict(store.backend.count()))
    app.include_router(routes.router)
    app.include_router(routes.heads(), include_in_schema=False)
    app.router.routes.extend(machine_app.routes)
    app.mount("/static", StaticFiles(directory=PAGE), name="static")
    for kind in (IsthmusError, OSError):
        app.add_exception_handler(kind, _failed)
    app.add_exception_handler(LeftError, _left)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    return app


async def _failed(_: Request, error: Exception) -> Response:
    """An error that is raised on purpose, or one of files, with what to do about it."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    if isinstance(error, OSError) and not isinstance(error, IsthmusError):
        status, message = 503, f"{error.filename or 'a file'}: {error.strerror or error}"
    else:
        message = str(error)
    headers = {"retry-after": str(RETRY_SECONDS)} if status == 429 else None
    return _error(type(error).__name__, message, status, headers)


async def _left(_: Request, error: Exception) -> Response:
    return Response(status_code=_LEFT)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told = []
    for each in error.errors():
        own = each.get("ctx", {}).get("error")  # what a check of ours raised says it all
        if each["type"] == "value_error" and each["loc"] == ("body", "file"):
            own = InputError(_NO_FILE)
        where = ".".join(map(str, each["loc"][1:])) or each["loc"][0]
        told.append(str(own) if isinstance(own, InputError) else f"{where}: {_plain(each)}")
    return _error("InputError", "; ".join(told[:5]), 422)


def _plain(error: Mapping[str, Any]) -> str:
    """What pydantic says of a value, in words for who typed it."""
    if error["type"] == "too_short" and error["ctx"]["actual_length"] == 0:
        return "name at least one"
    return without_preamble(str(error["msg"]))


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error("HTTPError", str(error.detail), error.status_code, error.headers)


def _error(
    kind: str, message: str, status: int, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    # A message may hold half of a surrogate pair of a hostile name.
    safe = message.encode(errors="replace").decode()
    return JSONResponse({"error": kind, "message": safe}, status, headers)
