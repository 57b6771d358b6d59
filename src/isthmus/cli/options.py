"""Settings classes as options of a command, so that each option is described in one place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, fields
from functools import wraps
from typing import Any, Literal, get_origin, get_type_hints

import typer

from isthmus.core.options import parse_seconds
from isthmus.prompts import PromptParts
from isthmus.tasks import RecommendOptions, SearchOptions
from isthmus.tasks.predict import FitOptions

Command = Callable[..., None]
_Settings = type[SearchOptions | RecommendOptions | PromptParts | FitOptions]


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


def with_fit_options(command: Command) -> Command:
    """Give a command one option for each field of :class:`FitOptions` that is said in words.

    Args:
        command: Has a keyword-only parameter ``options``, which gets all of them.
    """
    return _with(command, "options", FitOptions, {"grades": _names, "budget": _budget})


def with_prompt_parts(command: Command) -> Command:
    """Give a command one option for each field of :class:`PromptParts`.

    Args:
        command: Has a keyword-only parameter ``parts``, which gets all of them.
    """
    return _with(command, "parts", PromptParts)


def _names(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _budget(text: str) -> float | None:
    return None if text == "none" else parse_seconds(text, "--budget")


def _with(
    command: Command,
    name: str,
    settings: _Settings,
    read: Mapping[str, Callable[[str], Any]] | None = None,
) -> Command:
    """A command with the fields of a settings class in place of one parameter.

    Args:
        command: To be given the options.
        name: Of the parameter that takes them all.
        settings: A dataclass; a field without a description is none of the shell.
        read: What makes the value of a field of its text, where typer has no type for it.
    """
    own, readers = inspect.signature(command, eval_str=True), read or {}
    kept = [each for each in own.parameters.values() if each.name != name]
    hints = get_type_hints(settings) | dict.fromkeys(readers, str)
    told_of = [each for each in fields(settings) if "description" in each.metadata]
    given = [_parameter(each, hints[each.name]) for each in told_of]
    place = next(i for i, each in enumerate(own.parameters) if each == name)

    @wraps(command)
    def run(**arguments: Any) -> None:
        chosen = {each.name: arguments.pop(each.name) for each in given}
        told = {key: value for key, value in chosen.items() if value is not None}
        told |= {key: readers[key](told[key]) for key in told if key in readers}
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
        None if several or field.default in ("", ()) else field.default,
        f"{flag}/--no-{dashed}" if hint is bool and field.default else flag,
        help=f"{told['description']} Repeatable." if several else told["description"],
        metavar=told.get("metavar"),
        min=told.get("ge"),
        max=told.get("le"),
    )
    annotation = list[str] if several else str if origin is Literal else hint
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(field.name, kind, default=option, annotation=annotation)
