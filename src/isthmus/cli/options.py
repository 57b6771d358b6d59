"""Settings classes as options of a command, so that each option is described in one place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import Field, fields
from functools import wraps
from typing import Any, Literal, get_origin, get_type_hints

import typer

from isthmus.prompts import PromptParts
from isthmus.tasks import RecommendOptions, SearchOptions

Command = Callable[..., None]


def with_search_options(command: Command) -> Command:
    """Give a command one option for each field of :class:`SearchOptions`.

    Args:
        command: Has a keyword-only parameter ``options``, which gets all of them.
    """
    return _with(command, "options", SearchOptions)


def with_recommend_options(command: Command) -> Command:
    """Give a command one option for each field of :class:`RecommendOptions`.

    Args:
        command: Has a keyword-only parameter ``options``, which gets all of them.
    """
    return _with(command, "options", RecommendOptions)


def with_prompt_parts(command: Command) -> Command:
    """Give a command one option for each field of :class:`PromptParts`.

    Args:
        command: Has a keyword-only parameter ``parts``, which gets all of them.
    """
    return _with(command, "parts", PromptParts)


def _with(
    command: Command, name: str, settings: type[SearchOptions | RecommendOptions | PromptParts]
) -> Command:
    """A command with the fields of a settings class in place of one parameter."""
    own = inspect.signature(command, eval_str=True)
    kept = [each for each in own.parameters.values() if each.name != name]
    hints = get_type_hints(settings)
    given = [_parameter(each, hints[each.name]) for each in fields(settings)]
    place = next(i for i, each in enumerate(own.parameters) if each == name)

    @wraps(command)
    def run(**arguments: Any) -> None:
        chosen = {each.name: arguments.pop(each.name) for each in given}
        told = {key: value for key, value in chosen.items() if value is not None}
        command(**arguments, **{name: settings(**told)})

    parameters = [*kept[:place], *given, *kept[place:]]
    everything = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    vars(run)["__signature__"] = own.replace(parameters=everything)
    run.__annotations__ = {each.name: each.annotation for each in everything}
    return run


def _parameter(field: Field[Any], hint: Any) -> inspect.Parameter:
    """One field as an option of typer; None where the user says nothing of a text or a list."""
    dashed, origin, told = field.name.replace("_", "-"), get_origin(hint), field.metadata
    flag = told.get("flag", f"--{dashed}")
    several = origin is Sequence
    option = typer.Option(
        None if several or field.default == "" else field.default,
        f"{flag}/--no-{dashed}" if hint is bool and field.default else flag,
        help=f"{told['description']} Repeatable." if several else told["description"],
        min=told.get("ge"),
        max=told.get("le"),
    )
    annotation = list[str] if several else str if origin is Literal else hint
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(field.name, kind, default=option, annotation=annotation)
