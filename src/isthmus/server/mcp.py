"""Tools for language models, over the Model Context Protocol; all of them only read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from pydantic import Field

from isthmus.core.errors import IsthmusError
from isthmus.core.version import __version__
from isthmus.server import schemas
from isthmus.server.service import Service

In = TypeVar("In")
Out = TypeVar("Out")
PATH = "/mcp"
_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)
_MOST = 100


def tools(service: Service) -> tuple[Any, Any]:
    """A server of tools, and the application that speaks its protocol under ``/mcp``."""
    server = MCPServer(
        "isthmus",
        version=__version__,
        log_level="WARNING",
        instructions="Find pictures, sounds and texts of one store by words or by one another.",
    )

    async def search(
        query: Annotated[str, Field(description="Words in any language; + and - join parts.")],
        view: Annotated[str, Field(description="Only hits of this view.")] = "",
        k: Annotated[int, Field(ge=1, le=_MOST)] = 10,
        where: schemas.Filter = "",
    ) -> schemas.SearchAnswer:
        """Find items. `nothing_matches` tells that the hits are only the nearest there is."""
        request = schemas.SearchRequest(query=query, k=k, where=where, views=[view] if view else [])
        return await _answered(service.search, request)

    async def explain(
        query: Annotated[str, Field(description="Words.")],
        item: Annotated[str, Field(description="Id of an item, as search gives it.")],
    ) -> schemas.Explanation:
        """Say which words, and which parts of an item, make its score."""
        term = schemas.Term(text=query)
        return await _answered(service.explain, schemas.ExplainRequest(term=term, item=item))

    async def item(
        item: Annotated[str, Field(description="Id of an item, as search gives it.")],
    ) -> schemas.Item:
        """What is known of an item: its file, its words, when it was added."""
        return await _answered(service.item, item)

    for tool in (search, explain, item):
        server.add_tool(tool, annotations=_READS)
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        # Host and origin are checked by the guard, for every route alike.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return server, app


async def _answered(ask: Callable[[In], Out], request: In) -> Out:
    try:
        return await asyncio.to_thread(ask, request)
    except IsthmusError as error:
        raise ToolError(str(error)) from error
