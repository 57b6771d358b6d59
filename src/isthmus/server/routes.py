"""The routes of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, File, Path, Query, Request, UploadFile
from fastapi.responses import FileResponse, Response
from fastapi.routing import APIRoute

from isthmus.core.errors import MissingDataError
from isthmus.core.version import __version__
from isthmus.server import job_routes, predict_schemas, recommend_schemas, schemas
from isthmus.server.originals import OriginalResponse
from isthmus.server.previews import STRIP_FRAMES, THUMBNAIL_SIDES
from isthmus.server.routing import BAD, ItemId, Refusals, ServiceDep, refusal
from isthmus.server.settings import PAGE
from isthmus.server.upload_names import UploadRoute

_ALWAYS_ASK = {"cache-control": "no-cache"}
_SANDBOX = {"content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'"}


_UNCHANGED: Refusals = {304: {"description": "The caller has it: If-None-Match names it."}}
_OTHER_FILE: Refusals = {
    409: refusal("The file has changed since it was indexed."),
    410: refusal("The file is no longer there."),
}

router = APIRouter()


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


@router.post("/api/search", tags=["search"], responses=BAD)
def search(service: ServiceDep, body: schemas.SearchRequest) -> schemas.SearchAnswer:
    """Find items by words, items of the store, uploads, or several of them."""
    return service.search(body)


@router.post("/api/recommend", tags=["search"], responses=BAD)
def recommend(
    service: ServiceDep, body: recommend_schemas.RecommendRequest
) -> recommend_schemas.RecommendAnswer:
    """Recommend items: more like those that are liked, and what others took with them."""
    return service.recommend(body)


def upload(
    service: ServiceDep,
    file: Annotated[UploadFile, File(description="A picture, a sound or a video.")],
) -> schemas.Upload:
    """Upload a picture, a sound or a video, to search by it.

    The server deletes the oldest uploads when the limit is reached.
    """
    made = service.uploads.add(file.file.read(), _short(file.filename))
    item = made.item
    return schemas.Upload(
        upload=item.id, modality=item.modality, views=list(made.views), name=item.source
    )


router.add_api_route(
    "/api/uploads",
    upload,
    methods=["POST"],
    tags=["search"],
    status_code=201,
    responses=BAD,
    route_class_override=UploadRoute,
)


@router.post("/api/explain", tags=["search"], responses={**BAD, **_OTHER_FILE})
async def explain(
    request: Request, service: ServiceDep, body: schemas.ExplainRequest
) -> schemas.Explanation:
    """Explain a score by the parts of the query and the item, and by the training pairs.

    One explanation is made at a time, and a few wait. The server stops making it when you close
    the connection. Of a long text, the stretches that count most are split into words.
    """
    return await service.explanations.run(
        lambda told: service.explain(body, told), lambda: _left(request)
    )


async def _left(request: Request) -> None:
    """Returns once the caller is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


@router.get("/api/predictors", tags=["predict"])
def predictors(service: ServiceDep) -> predict_schemas.Predictors:
    """The predictors of the server, and what they read."""
    return service.predictors.listed()


@router.post("/api/predict", tags=["predict"], responses={**BAD, **_OTHER_FILE})
async def predict(
    request: Request, service: ServiceDep, body: predict_schemas.PredictRequest
) -> predict_schemas.Prediction:
    """Predict a record from its views and columns, some of them missing.

    With `why`, the answer comes with its account: what each view adds, and inside a view each
    part. Predictions wait for their turn as explanations do.
    """
    return await service.explanations.run(
        lambda told: service.predict(body, told), lambda: _left(request)
    )


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
    responses={
        200: {"content": {"image/webp": {}}, "description": "WebP."},
        **_UNCHANGED,
        **_OTHER_FILE,
    },
)
def thumbnail(
    request: Request,
    service: ServiceDep,
    item: ItemId,
    side: Annotated[int, Query(description="Pixels of the longer side.", ge=32, le=1280)] = 320,
) -> Response:
    """A thumbnail of a picture, or of a video: its middle frame, or that of its span.

    The server rounds the side up to the next size that it keeps.
    """
    kept = next((each for each in THUMBNAIL_SIDES if each >= side), THUMBNAIL_SIDES[-1])
    with service.originals.see(service.entry(item)) as original:
        tag = _tag(item, str(kept))
        if _has(request, tag):
            return Response(status_code=304, headers=tag)
        made = service.previews.thumbnail(original.item, kept, check=original.check_path)
    return Response(made, media_type="image/webp", headers=tag)


@router.get(
    "/api/items/{item}/strip",
    tags=["items"],
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {}}, "description": "WebP."},
        **_UNCHANGED,
        **_OTHER_FILE,
    },
)
def strip(
    request: Request,
    service: ServiceDep,
    item: ItemId,
    frames: Annotated[int, Query(description="How many.", ge=1, le=STRIP_FRAMES[-1])] = 10,
) -> Response:
    """Frames of a video side by side: each from the middle of an equal part of its length.

    The server rounds their number up to the next that it keeps.
    """
    kept = next(each for each in STRIP_FRAMES if each >= frames)
    with service.originals.see(service.entry(item)) as original:
        tag = _tag(item, "strip", str(kept))
        if _has(request, tag):
            return Response(status_code=304, headers=tag)
        made = service.previews.strip(original.item, kept, check=original.check_path)
    return Response(made, media_type="image/webp", headers=tag)


@router.get("/api/items/{item}/passage", tags=["items"], responses=_OTHER_FILE)
def passage(
    service: ServiceDep,
    item: ItemId,
    start: Annotated[
        int | None, Query(description="Of another part, in characters.", ge=0, le=10**9)
    ] = None,
    stop: Annotated[int | None, Query(description="Where it ends.", ge=0, le=10**9)] = None,
    around: Annotated[int, Query(description="Characters around it.", ge=0, le=10_000)] = 1500,
) -> schemas.Passage:
    """A part of a text and what stands around it; of a whole text, its beginning."""
    span = None if start is None or stop is None else (start, stop)
    return service.passage(item, span, around)


@router.get(
    "/api/items/{item}/loudness",
    tags=["items"],
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "Up to 240 bytes."},
        **_UNCHANGED,
        **_OTHER_FILE,
    },
)
def loudness(request: Request, service: ServiceDep, item: ItemId) -> Response:
    """Peaks of a sound, or of the sound of a video, over its length, one byte each."""
    with service.originals.see(service.entry(item)) as original:
        tag = _tag(item, "loudness")
        if _has(request, tag):
            return Response(status_code=304, headers=tag)
        made = service.previews.loudness(original.item, check=original.check_path)
    return Response(made, media_type="application/octet-stream", headers=tag)


@router.get(
    "/api/items/{item}/media",
    tags=["items"],
    response_class=FileResponse,
    responses={
        200: {"content": {"*/*": {}}, "description": "The file."},
        206: {"content": {"*/*": {}}, "description": "The part of it that Range asks for."},
        400: {"content": {"*/*": {}}, "description": "A Range that cannot be read."},
        416: {"content": {"*/*": {}}, "description": "A Range that the file does not have."},
        **_UNCHANGED,
        **_OTHER_FILE,
    },
)
def media(request: Request, service: ServiceDep, item: ItemId) -> Response:
    """The file itself, or a range of it; only files that were indexed, named by their id.

    The server checks that the file still holds what was indexed.
    """
    original = service.originals.open(service.entry(item))
    tag = _tag(original.item.id)
    if _has(request, tag):
        original.file.close()
        return Response(status_code=304, headers=tag)
    return OriginalResponse(original, {**tag, **_SANDBOX})


@router.get("/api/uploads/{upload}/thumbnail", tags=["search"], response_class=Response,
            responses={200: {"content": {"image/webp": {}}, "description": "WebP."},
                       **_UNCHANGED})  # fmt: skip
def upload_thumbnail(
    request: Request,
    service: ServiceDep,
    upload: Annotated[str, Path(min_length=1, max_length=200)],
) -> Response:
    """An uploaded picture or video made small."""
    item = service.uploads.get(upload).item
    tag = _tag(item.id)
    if _has(request, tag):
        return Response(status_code=304, headers=tag)
    made = service.previews.thumbnail(item, THUMBNAIL_SIDES[1])
    return Response(made, media_type="image/webp", headers=tag)


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


@router.post("/api/searches", tags=["saved"], responses=BAD)
def save(service: ServiceDep, body: schemas.SavedSearch) -> schemas.SavedSearches:
    """Save a search.

    It replaces a search of the same name. A search with uploads cannot be saved.
    """
    service.save(body)
    return saved(service)


@router.delete("/api/searches", tags=["saved"])
def unsave(
    service: ServiceDep, name: Annotated[str, Query(min_length=1, max_length=80)]
) -> schemas.SavedSearches:
    """Remove a saved search."""
    if not service.saved.remove(name):
        raise MissingDataError(f"no search is saved as {name!r}")
    return saved(service)


router.routes.extend(job_routes.router.routes)


def heads() -> APIRouter:
    """The same routes for HEAD, which is answered like GET; the body is left out on the way."""
    made = APIRouter()
    for route in router.routes:
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            made.add_api_route(
                route.path,
                route.endpoint,
                methods=["HEAD"],
                name=route.name,
                response_class=route.response_class,
                response_model=route.response_model,
            )
    return made


def _tag(*names: str) -> dict[str, str]:
    """Headers of what may be kept, and must be asked for each time, as files can change."""
    return {"etag": f'"{".".join(names)}"', "cache-control": "private, no-cache"}


def _has(request: Request, tag: Mapping[str, str]) -> bool:
    """Whether a caller has it already."""
    named = (each.strip() for each in request.headers.get("if-none-match", "").split(","))
    return tag["etag"] in (each.removeprefix("W/") for each in named)


def _short(name: str | None) -> str:
    return (name or "upload").replace("\\", "/").rpartition("/")[2][:120] or "upload"
