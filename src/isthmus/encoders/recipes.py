"""How encoders are loaded: the options that they take, and what to tell other processes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from isthmus.core.contracts import Encoder
from isthmus.core.document import from_document
from isthmus.core.errors import ArtifactError, InputError


@dataclass(frozen=True, slots=True)
class Recipe:
    """How :func:`isthmus.encoders.load` made an encoder, so that another process can make it too.

    Attributes:
        spec: What names it.
        options: Its further options, as JSON.
        trust: See :func:`isthmus.encoders.resolve`.
    """

    spec: str
    options: str
    trust: tuple[str, ...] | None = None


_RECIPES: WeakKeyDictionary[Encoder, Recipe] = WeakKeyDictionary()


def keep(encoder: Encoder, recipe: Recipe) -> None:
    """Remember how an encoder was made, unless it is an object that is no key."""
    with suppress(TypeError):
        _RECIPES[encoder] = recipe


def recipe_of(encoder: Encoder) -> Recipe | None:
    """How an encoder was loaded; None for an object that its owner made."""
    try:
        return _RECIPES.get(encoder)
    except TypeError:  # it is no key
        return None


def check_options(name: str, maker: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Refuse options of another type than a registered encoder declares."""
    signature = inspect.signature(maker, eval_str=True)
    hints = {each.name: each.annotation for each in signature.parameters.values()}
    for option, value in options.items():
        if hints.get(option) is bool and value in (0, 1):  # as in mirror=1
            continue
        try:
            from_document(hints.get(option, object), value, f"encoder {name!r}: {option}")
        except ArtifactError as error:
            raise InputError(str(error)) from error
