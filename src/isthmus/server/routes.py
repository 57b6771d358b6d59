"""The routes of the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Path, Query, Request, UploadFile
from fastapi.responses import FileResponse, Response, StreamingResponse

from isthmus.core.errors import MissingDataError
from isthmus.core.version import __version__
from isthmus.server import schemas
from isthmus.server.jobs import Run, problems
from isthmus.server.previews import THUMBNAIL_SIDES, file_of
from isthmus.server.service import Service
from isthmus.server.settings import PAGE

_FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
_ALWAYS_ASK = {"cache-control": "no-cache"}
_PERIOD = 0.2
_SANDBOX = {"content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'"}


Refusals = dict[int | str, dict[str, Any]]


def _refusal(what: str) -> dict[str, object]:
    return {"model": schemas.Error, "description": what}


REFUSALS: Refusals = {
    401: _refusal("No token, or a wrong one."),
    403: _refusal("The request used an unknown host name, or came from a page of another site."),
    404: _refusal("Not found."),
    408: _refusal("The body did not come in time."),
    413: _refusal("The body is too large."),
    422: _refusal("The request cannot be used; the message says why."),
    429: _refusal("Too many requests at once; Retry-After says when to come back."),
    503: _refusal("The store cannot be read."),
}
_BAD: Refusals = {400: _refusal("The request cannot be read.")}

router = APIRouter()


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


ServiceDep = Annotated[Service, Depends(_service)]
ItemId = Annotated[str, Path(min_length=1, max_length=200, description="Id of an item.")]


@router.get("/", include_in_schema=False)
def page(request: Request) -> FileResponse:
    """The page."""
    return FileResponse(PAGE / "index.html", headers=_ALWAYS_ASK)


@router.get("/api/health", tags=["server"])
def health() -> schemas.Health:
    """Whether the server works; it listens only once models are loaded."""
    return schemas.Health(status="ok", version=__version__)


@router.get("/api/status", tags=["server"])
def status(service: ServiceDep) -> schemas.Status:
    """What the store holds, and what may be done."""
    return service.status(__version__)


@router.get(
    "/metrics",
    tags=["server"],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    """Counts and times for Prometheus."""
    text = request.app.state.metrics.text()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.post("/api/search", tags=["search"], responses=_BAD)
def search(service: ServiceDep, body: schemas.SearchRequest) -> schemas.SearchAnswer:
    """Find items by words, items of the store, uploads, or several of them."""
    return service.search(body)


@router.post("/api/uploads", tags=["search"], status_code=201, responses=_BAD)
def upload(
    service: ServiceDep, file: Annotated[UploadFile, File(description="A picture or a sound.")]
) -> schemas.Upload:
    """Upload a picture or a sound, to search by it.

    The server deletes the oldest uploads when the limit is reached.
    """
    made = service.uploads.add(file.file.read(), _short(file.filename))
    item = made.item
    return schemas.Upload(
        upload=item.id, modality=item.modality, views=list(made.views), name=item.source
    )


@router.post("/api/explain", tags=["search"], responses=_BAD)
def explain(service: ServiceDep, body: schemas.ExplainRequest) -> schemas.Explanation:
    """Explain a score by the parts of the query and the item, and by the training pairs."""
    return service.explain(body)


@router.get("/api/items", tags=["items"])
def items(
    service: ServiceDep,
    where: Annotated[schemas.Filter, Query()] = "",
    view: Annotated[list[schemas.ViewName] | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=schemas.MOST_HITS)] = 60,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> schemas.Items:
    """Items that pass a filter, newest first."""
    return service.items(where, view or (), limit, offset)


@router.get("/api/items/{item}", tags=["items"])
def item(service: ServiceDep, item: ItemId) -> schemas.Item:
    """One item."""
    return service.item(item)


@router.get(
    "/api/items/{item}/thumbnail",
    tags=["items"],
    response_class=Response,
    responses={200: {"content": {"image/webp": {}}, "description": "WebP."}},
)
def thumbnail(
    service: ServiceDep,
    item: ItemId,
    side: Annotated[int, Query(description="Pixels of the longer side.", ge=32, le=1280)] = 320,
) -> Response:
    """A thumbnail of a picture.

    The server rounds the side up to the next size that it keeps.
    """
    service.entry(item)
    kept = next((each for each in THUMBNAIL_SIDES if each >= side), THUMBNAIL_SIDES[-1])
    made = service.previews.thumbnail(item, kept, lambda: service.store.item(item))
    return Response(made, media_type="image/webp", headers=_FOREVER)


@router.get(
    "/api/items/{item}/loudness",
    tags=["items"],
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "Up to 240 bytes."}
    },
)
def loudness(service: ServiceDep, item: ItemId) -> Response:
    """Peaks of a sound over its length, one byte each."""
    service.entry(item)
    made = service.previews.loudness(item, lambda: service.store.item(item))
    return Response(made, media_type="application/octet-stream", headers=_FOREVER)


@router.get(
    "/api/items/{item}/media",
    tags=["items"],
    response_class=FileResponse,
    responses={
        200: {"content": {"*/*": {}}, "description": "The file."},
        206: {"content": {"*/*": {}}, "description": "The part of it that Range asks for."},
        400: {"content": {"*/*": {}}, "description": "A Range that cannot be read."},
        416: {"content": {"*/*": {}}, "description": "A Range that the file does not have."},
    },
)
def media(service: ServiceDep, item: ItemId) -> FileResponse:
    """The file itself, or a range of it; only files that were indexed, named by their id."""
    path, kind = file_of(service.entry(item))
    return FileResponse(path, media_type=kind, headers={**_FOREVER, **_SANDBOX})


@router.get("/api/uploads/{upload}/thumbnail", tags=["search"], response_class=Response,
            responses={200: {"content": {"image/webp": {}}, "description": "WebP."}})  # fmt: skip
def upload_thumbnail(
    service: ServiceDep, upload: Annotated[str, Path(min_length=1, max_length=200)]
) -> Response:
    """An uploaded picture made small."""
    made = service.previews.thumbnail(
        f"upload:{upload}", THUMBNAIL_SIDES[1], lambda: service.uploads.get(upload).item
    )
    return Response(made, media_type="image/webp", headers=_FOREVER)


@router.get("/api/map", tags=["items"])
def drawn(
    service: ServiceDep, limit: Annotated[int, Query(ge=1, le=50_000)] = 10_000
) -> schemas.Map:
    """Positions of items on a plane.

    If there are more items than the limit, the map shows a fixed random sample.
    """
    return service.map(limit)


@router.get("/api/searches", tags=["saved"])
def saved(service: ServiceDep) -> schemas.SavedSearches:
    """Saved searches."""
    return schemas.SavedSearches(searches=service.saved.all())


@router.post("/api/searches", tags=["saved"], responses=_BAD)
def save(service: ServiceDep, body: schemas.SavedSearch) -> schemas.SavedSearches:
    """Save a search.

    It replaces a search of the same name. A search with uploads cannot be saved.
    """
    service.saved.put(body)
    return saved(service)


@router.delete("/api/searches", tags=["saved"])
def unsave(
    service: ServiceDep, name: Annotated[str, Query(min_length=1, max_length=80)]
) -> schemas.SavedSearches:
    """Remove a saved search."""
    if not service.saved.remove(name):
        raise MissingDataError(f"no search is saved as {name!r}")
    return saved(service)


@router.post(
    "/api/jobs",
    tags=["indexing"],
    status_code=202,
    responses={**_BAD, 409: _refusal("Another run is in progress.")},
)
def start(service: ServiceDep, body: schemas.IndexRequest) -> schemas.Job:
    """Index files or folders on the machine of the server, inside the folders that it allows."""
    return _job(service.jobs.start(body.paths, body.views))


@router.get("/api/jobs", tags=["indexing"])
def jobs(service: ServiceDep) -> list[schemas.Job]:
    """The last runs, oldest first."""
    return [_job(run) for run in service.jobs.listed()]


@router.get("/api/jobs/{job}", tags=["indexing"])
def job(service: ServiceDep, job: ItemId) -> schemas.Job:
    """The progress of a run."""
    return _job(_run(service, job))


@router.delete("/api/jobs/{job}", tags=["indexing"])
def cancel(service: ServiceDep, job: ItemId) -> schemas.Job:
    """End a run after its batch; what was added stays."""
    run = _run(service, job)
    run.cancel.set()
    return _job(run)


@router.get(
    "/api/jobs/{job}/events",
    tags=["indexing"],
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "A `Job` as JSON whenever it changes; ends with the run.",
        }
    },
)
async def events(request: Request, service: ServiceDep, job: ItemId) -> StreamingResponse:
    """Follow a run."""
    run = _run(service, job)

    async def stream() -> AsyncIterator[str]:
        last = ""
        while True:
            now = _job(run)
            text = json.dumps(now.model_dump(mode="json"), ensure_ascii=False)
            if text != last:
                last = text
                yield f"data: {text}\n\n"
            if now.state != "running" or request.app.state.stopping():
                return
            await asyncio.sleep(_PERIOD)

    return StreamingResponse(
        stream(), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


def _run(service: Service, name: str) -> Run:
    run = service.jobs.get(name)
    if run is None:
        raise MissingDataError(f"there is no indexing run {name[:40]!r}")
    return run


def _job(run: Run) -> schemas.Job:
    eta = run.eta
    return schemas.Job(
        id=run.id,
        paths=run.paths,
        state=run.state,
        phase=run.phase,
        done=run.done,
        total=run.total,
        eta_seconds=None if eta is None else round(eta, 1),
        added=len(run.report.added) if run.report else 0,
        broken=[schemas.Problem(source=s, reason=r) for s, r in problems(run)],
        message=run.message,
    )


def _short(name: str | None) -> str:
    return (name or "upload").replace("\\", "/").rpartition("/")[2][:120] or "upload"
