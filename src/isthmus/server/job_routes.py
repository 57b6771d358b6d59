"""Routes of runs: to start one, to follow it, and to end it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from isthmus.core.errors import MissingDataError
from isthmus.server import job_schemas, predict_schemas
from isthmus.server.events import described
from isthmus.server.jobs import Run
from isthmus.server.routing import BAD, ItemId, Refusals, ServiceDep, refusal
from isthmus.server.service import Service

_STARTS: Refusals = {**BAD, 409: refusal("Another run is in progress.")}
_EVENTS = "text/event-stream"

router = APIRouter()


@router.post(
    "/api/jobs",
    tags=["indexing"],
    status_code=202,
    responses=_STARTS,
)
def start(service: ServiceDep, body: job_schemas.IndexRequest) -> job_schemas.Job:
    """Index files or folders on the machine of the server, inside the folders that it allows."""
    return described(service.jobs.start(body.paths, body.views, body.read))


@router.get("/api/labels", tags=["labels"])
def labels(
    service: ServiceDep,
    limit: Annotated[int, Query(ge=1, le=job_schemas.MOST_LABELS)] = job_schemas.MOST_LABELS,
) -> job_schemas.Labels:
    """The labels of the store, the most frequent first."""
    return service.labels(limit)


@router.post("/api/labels", tags=["labels"], status_code=202, responses=_STARTS)
def give_labels(service: ServiceDep, body: job_schemas.LabelRequest) -> job_schemas.Job:
    """Give items of the store every label that fits them.

    The labels are written together at the end, so a run that you cancel changes nothing.
    """
    return described(service.label(body))


@router.post("/api/predictions", tags=["predict"], status_code=202, responses=_STARTS)
def predict_all(service: ServiceDep, body: predict_schemas.PredictAllRequest) -> job_schemas.Job:
    """Predict items of the store and keep the answers as labels `FIELD=VALUE`.

    The labels are written together at the end, so a run that you cancel changes nothing.
    """
    return described(service.predict_all(body))


@router.get("/api/jobs", tags=["indexing"])
def jobs(service: ServiceDep) -> list[job_schemas.Job]:
    """The last runs, oldest first."""
    return [described(run) for run in service.jobs.listed()]


@router.get("/api/jobs/{job}", tags=["indexing"])
def job(service: ServiceDep, job: ItemId) -> job_schemas.Job:
    """The progress of a run."""
    return described(_run(service, job))


@router.delete("/api/jobs/{job}", tags=["indexing"])
def cancel(service: ServiceDep, job: ItemId) -> job_schemas.Job:
    """End a run after its batch.

    What was added stays. Labels stay as they were.
    """
    run = _run(service, job)
    run.cancel.set()
    return described(run)


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
async def events(request: Request, service: ServiceDep, job: ItemId) -> Response:
    """Follow a run.

    The more callers follow, the more seldom each of them is told.
    """
    run, headers = _run(service, job), {"cache-control": "no-store"}
    if request.method == "HEAD":  # it would end with the run
        return Response(media_type=_EVENTS, headers=headers)
    follow = request.app.state.events.follow
    return StreamingResponse(follow(run), media_type=_EVENTS, headers=headers)


def _run(service: Service, name: str) -> Run:
    run = service.jobs.get(name)
    if run is None:
        raise MissingDataError(f"there is no run {name[:40]!r}")
    return run
