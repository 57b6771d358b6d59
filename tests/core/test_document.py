from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

import pytest

from isthmus.core.document import from_document, to_document
from isthmus.core.errors import ArtifactError
from isthmus.core.view import Direction, ViewPair

N = TypeVar("N")


@dataclass(frozen=True)
class Cell(Generic[N]):
    value: N
    other: N | None = None


@dataclass(frozen=True)
class Whole:
    name: str
    kind: Literal["a", "b"]
    count: int
    cells: Mapping[Direction, Cell[float]]
    counts: Mapping[ViewPair, int]
    parts: tuple[Cell[int], ...] = ()
    anything: Mapping[str, object] = field(default_factory=dict)


WAY, PAIR = Direction("EEG–left → 1", "a|b: c"), ViewPair("EEG–left → 1", "")
WHOLE = Whole(
    "n",
    "a",
    3,
    {WAY: Cell(0.5), WAY.reverse: Cell(1, 2.5)},
    {PAIR: 7},
    (Cell(4),),
    {"x": [1, None]},
)


def written() -> dict:
    return json.loads(json.dumps(to_document(WHOLE)))


def test_what_was_written_is_read_again() -> None:
    assert from_document(Whole, written(), "w") == WHOLE
    assert from_document(Whole, written() | {"cells": [], "counts": []}, "w").cells == {}
    assert written()["cells"][0] == {
        "direction": {"query": "EEG–left → 1", "gallery": "a|b: c"}, "value": 0.5, "other": None,
    }  # fmt: skip
    assert written()["counts"] == [{"pair": {"a": "EEG–left → 1", "b": ""}, "value": 7}]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"nam": 1}, "w: the key 'nam' is unknown; it has name, kind"),
        ({"name": 1}, "w.name: need str, got 1"),
        ({"kind": "c"}, r"w.kind: need one of 'a', 'b', got 'c'"),
        ({"count": True}, "w.count: need int, got True"),
        ({"count": 1.5}, "w.count: need int"),
        ({"cells": {}}, "w.cells: need list"),
        ({"cells": [{"value": 1.0, "other": None}]}, r"w.cells\[0\]: the key 'direction' is miss"),
        ({"counts": [{"pair": {"a": "x"}, "value": 1}]}, r"w.counts\[0\].pair: the key 'b' is mi"),
        (
            {"counts": [{"pair": {"a": "x", "b": "y"}, "n": 1}]},
            r"\[0\]: the key 'value' is missing",
        ),
        ({"parts": [{"value": 1.5, "other": None}]}, r"w.parts\[0\].value: need int, got 1.5"),
    ],
)
def test_what_does_not_fit_is_named(change: dict, says: str) -> None:
    with pytest.raises(ArtifactError, match=says):
        from_document(Whole, written() | change, "w")


def test_missing_keys_and_double_rows_are_named() -> None:
    document = written()
    del document["count"]
    with pytest.raises(ArtifactError, match="w: the key 'count' is missing"):
        from_document(Whole, document, "w")
    twice = written()
    twice["counts"].append({"pair": {"a": "", "b": "EEG–left → 1"}, "value": 8})  # either way round
    with pytest.raises(ArtifactError, match="two rows of –EEG–left → 1"):
        from_document(Whole, twice, "w")


def test_a_field_with_a_default_may_be_missing() -> None:
    document = written()
    del document["anything"], document["parts"]
    assert from_document(Whole, document, "w") == replace(WHOLE, anything={}, parts=())


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ArtifactError, match="a set cannot be written"):
        to_document({"a": {1}})
