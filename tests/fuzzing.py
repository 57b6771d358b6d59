"""Documents and bytes changed at random, and what must happen then: a typed error, or nothing.

``ISTHMUS_FUZZ=10000`` runs so many mutations instead of a few.
"""

from __future__ import annotations

import copy
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from isthmus.core.errors import IsthmusError

EXAMPLES = int(os.environ.get("ISTHMUS_FUZZ", "50"))
TREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
"""Values to put anywhere into a document; some are no JSON that may be read."""


def _places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield way
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(inner, (*way, key))


def mutated(draw: Callable[[Any], Any], document: Any) -> Any:
    """A document with values replaced, removed, doubled or moved."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        places = [way for way in _places(document) if way]
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        home = document
        for key in way:
            home = home[key]
        match draw(st.sampled_from(("replace", "remove", "number", "twin", "add"))):
            case "replace":
                home[last] = draw(TREE)
            case "remove":
                del home[last]
            case "number":
                home[last] = draw(st.integers() | st.floats())
            case "twin":
                other = document
                for key in draw(st.sampled_from(places)):
                    other = other[key]
                home[last] = copy.deepcopy(other)
            case "add" if isinstance(home, dict):
                home[draw(st.text(max_size=4))] = draw(TREE)
            case _:
                home.append(draw(TREE)) if isinstance(home, list) else None
    return document


def garbled(draw: Callable[[Any], Any], data: bytes) -> bytes:
    """Bytes with some flipped, cut off or put in."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(len(found) - 1, 0)))
        match draw(st.sampled_from(("flip", "cut", "insert", "zero"))):
            case "flip" if found:
                found[place] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del found[place : place + draw(st.integers(1, 64))]
            case "insert":
                found[place:place] = draw(st.binary(min_size=1, max_size=32))
            case _:
                found[place : place + 8] = bytes(8)
    return bytes(found)


def fuzzed(share: float) -> Any:
    """Settings for a share of the examples."""
    return settings(
        max_examples=max(int(EXAMPLES * share), 1),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def copied(place: Path, factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy that is gone at the end: there are thousands."""
    folder = Path(shutil.copytree(place, factory.mktemp("f") / place.name))
    try:
        yield folder
    finally:
        shutil.rmtree(folder.parent)


def tried(action: Callable[[], object]) -> None:
    """What happens to a user: it works, or there is one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numbers overflow
        try:
            action()
        except (IsthmusError, FileNotFoundError) as error:
            assert str(error)


def set_at(*path: Any) -> Callable[[Any], None]:
    """A change that puts the last of ``path`` where the others lead."""

    def change(document: Any) -> None:
        *way, last, value = path
        for key in way:
            document = document[key]
        document[last] = value

    return change
