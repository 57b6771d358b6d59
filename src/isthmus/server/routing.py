"""What all routes share: the service, ids of items, and how refusals are described."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Request

from isthmus.server import schemas
from isthmus.server.service import Service

Refusals = dict[int | str, dict[str, Any]]


def refusal(what: str) -> dict[str, object]:
    """How a refusal is described."""
    return {"model": schemas.Error, "description": what}


REFUSALS: Refusals = {
    401: refusal("No token, or a wrong one."),
    403: refusal(
        "The request used an unknown host name, came from a page of another site, or asked for "
        "what this server does not allow."
    ),
    404: refusal("Not found."),
    408: refusal("The body did not come in time."),
    413: refusal("The body is too large."),
    422: refusal("The request cannot be used; the message says why."),
    429: refusal("Too many requests at once; Retry-After says when to come back."),
    503: refusal("The store, or a server that encodes for it, cannot be read."),
}
BAD: Refusals = {400: refusal("The request cannot be read.")}


async def _service(request: Request) -> Service:  # a plain function would take a thread
    found: Service = request.app.state.service
    return found


ServiceDep = Annotated[Service, Depends(_service)]
ItemId = Annotated[str, Path(min_length=1, max_length=200, description="Id of an item.")]
