"""Tools for language models, over the Model Context Protocol; all of them only read."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, TypeVar, cast, get_type_hints

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from pydantic import Field
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from isthmus.core.errors import IsthmusError
from isthmus.core.version import __version__
from isthmus.prompts import PromptParts
from isthmus.server import predict_schemas, recommend_schemas, schemas
from isthmus.server.service import Service
from isthmus.tasks import RecommendOptions, SearchOptions

Out = TypeVar("Out")
Tool = TypeVar("Tool", bound=Callable[..., Awaitable[object]])
PATH = "/mcp"
_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)
_MOST = 100
_QUERY = "Words in any language. Combine parts with + and -. @NAME is a saved prompt."


def tools(service: Service) -> tuple[MCPServer, Starlette]:
    """A server of tools, and the application that speaks its protocol under ``/mcp``."""
    server = MCPServer(
        "isthmus",
        version=__version__,
        log_level="WARNING",
        instructions="Search the pictures, sounds and texts of one store.",
    )

    @_with(SearchOptions)
    @_with(PromptParts)
    async def search(
        query: Annotated[str, Field(description=_QUERY)],
        **options: object,
    ) -> schemas.SearchAnswer:
        """Find items. If `nothing_matches` is true, the hits are only the nearest items."""
        return await _threaded(lambda: service.search(_request(query, options)))

    @_with(RecommendOptions)
    async def recommend(
        liked: Annotated[
            list[str],
            Field(description="Ids of items, as search gives them, or words.", max_length=64),
        ],
        disliked: Annotated[
            list[str] | None, Field(description="The same, to stay away from.", max_length=64)
        ] = None,
        **options: Any,
    ) -> recommend_schemas.RecommendAnswer:
        """Recommend items: more like those that are liked, each with its reasons."""
        return await _threaded(lambda: _recommended(service, liked, disliked or (), options))

    @_with(PromptParts)
    async def explain(
        query: Annotated[str, Field(description="What search was asked.")],
        item: Annotated[str, Field(description="Id of an item, as search gives it.")],
        asked_as: Annotated[str, Field(description="View of the query; empty to tell it.")] = "",
        **parts: Any,
    ) -> schemas.Explanation:
        """Explain a score by the parts of the prompt, its words and the parts of the item."""
        return await _explained(service, query, item, asked_as, parts)

    async def item(
        item: Annotated[str, Field(description="Id of an item, as search gives it.")],
    ) -> schemas.Item:
        """Return one item: its file, its words, and when it was added."""
        return await _threaded(lambda: service.item(item))

    told: list[Callable[..., Awaitable[object]]] = [search, recommend, explain, item]
    told += [_predict_of(service)] if service.predictors.known else []
    for tool in told:
        server.add_tool(tool, annotations=_READS)
    return server, _application(server)


async def _explained(
    service: Service, query: str, item: str, asked_as: str, parts: dict[str, Any]
) -> schemas.Explanation:
    PromptParts(**parts)  # its errors say more than those of pydantic
    views = [asked_as] if asked_as else []
    request = schemas.ExplainRequest(query=query, item=item, asked_as=views, **parts)
    return await _answered(
        lambda: service.explanations.run(lambda told: service.explain(request, told))
    )


def _predict_of(service: Service) -> Callable[..., Awaitable[predict_schemas.Prediction]]:
    """The tool that asks the predictors of a server."""

    async def predict(
        item: Annotated[
            str, Field(description="Id of an item, as search gives it; or empty.")
        ] = "",
        texts: Annotated[
            dict[str, str] | None, Field(description="Words by view of the predictor.")
        ] = None,
        columns: Annotated[
            dict[str, str | float | None] | None, Field(description="Plain columns by name.")
        ] = None,
        predictor: Annotated[
            str, Field(description="Its name; empty if the server has only one.")
        ] = "",
    ) -> predict_schemas.Prediction:
        """Predict a record with a calibrated probability, and say what each view adds."""
        things = [predict_schemas.Given(text=text, view=v) for v, text in (texts or {}).items()]
        things += [predict_schemas.Given(item=item)] if item else []
        named = predict_schemas.PredictRequest(
            predictor=predictor, things=things, columns=columns or {}, why=True
        )
        return await _answered(
            lambda: service.explanations.run(lambda told: service.predict(named, told))
        )

    return predict


def _application(server: MCPServer) -> Starlette:
    return cast(
        Starlette,
        server.streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            # Host and origin are checked by the guard, for every route alike.
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        ),
    )


def _recommended(
    service: Service, liked: Sequence[str], disliked: Sequence[str], options: dict[str, Any]
) -> recommend_schemas.RecommendAnswer:
    """Recommendations for ids of items, and for words where there is no item of that id."""
    RecommendOptions.of(**options)  # its errors say more than those of pydantic
    known = service.store.backend.known([*liked, *disliked])
    some, others = (
        [schemas.Term.model_validate({"item" if name in known else "text": name}) for name in names]
        for names in (liked, disliked)
    )
    return service.recommend(
        recommend_schemas.RecommendRequest(liked=some, disliked=others, **options)
    )


def _with(
    settings: type[SearchOptions | RecommendOptions | PromptParts],
) -> Callable[[Tool], Tool]:
    """Give a tool the fields of a settings class as parameters, beside ``**options``."""

    def give(tool: Tool) -> Tool:
        own = inspect.signature(tool, eval_str=True)
        kept = list(own.parameters.values())
        hints, kind = get_type_hints(settings), inspect.Parameter.KEYWORD_ONLY
        for each in fields(settings):
            told = {name: value for name, value in each.metadata.items() if name != "flag"}
            if each.name == "k":
                told["le"] = _MOST
            made = Field(each.default, **told)
            kept.append(
                inspect.Parameter(each.name, kind, default=made, annotation=hints[each.name])
            )
        kept = [each for each in kept if each.kind is not inspect.Parameter.VAR_KEYWORD]
        vars(tool)["__signature__"] = own.replace(parameters=kept)
        return tool

    return give


def _request(query: str, options: Mapping[str, Any]) -> schemas.SearchRequest:
    """What a tool was asked, as a request over HTTP would say it."""
    beside = {each.name for each in fields(PromptParts)}
    # Their errors say more than those of pydantic.
    SearchOptions.of(**{name: value for name, value in options.items() if name not in beside})
    PromptParts(**{name: value for name, value in options.items() if name in beside})
    return schemas.SearchRequest.of(query=query, **options)


async def _threaded(ask: Callable[[], Out]) -> Out:
    # In the threads of the routes, not in more of them.
    return await _answered(lambda: run_in_threadpool(ask))


async def _answered(ask: Callable[[], Awaitable[Out]]) -> Out:
    try:
        return await ask()
    except IsthmusError as error:
        raise ToolError(str(error)) from error
