"""What is printed for people is never taken apart again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[1] / "src").rglob("*.py"))
PRINTED = ("→", "–")
"""What stands between the views of a direction and of a pair where they are printed."""
TAKING_APART = frozenset(
    {
        "split",
        "rsplit",
        "partition",
        "rpartition",
        "startswith",
        "endswith",
        "removeprefix",
        "removesuffix",
        "find",
        "index",
        "count",
        "match",
        "search",
        "fullmatch",
        "replace",
    }
)


def taken_apart(tree: ast.AST) -> Iterator[int]:
    """Lines that look for the printed marks in a text."""
    for node in ast.walk(tree):
        parts: list[ast.AST] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            parts = list(node.args) if node.func.attr in TAKING_APART else []
        elif isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        for part in parts:
            if any(
                isinstance(each, ast.Constant)
                and isinstance(each.value, str)
                and any(mark in each.value for mark in PRINTED)
                for each in ast.walk(part)
            ):
                yield node.lineno


@pytest.mark.parametrize(
    "code",
    ['x.split("→")', 'x.partition(" – ")', 'x.startswith("text→")', '"→" in x', 'x == f"{a}–{b}"'],
)
def test_the_scan_finds_what_it_looks_for(code: str) -> None:
    assert list(taken_apart(ast.parse(code))) == [1]
    assert list(taken_apart(ast.parse('y = f"{a}→{b}"; print("a–b")'))) == []


def test_no_direction_or_pair_is_read_from_text() -> None:
    assert len(SOURCES) > 150
    found = [
        f"{path}:{line}"
        for path in SOURCES
        for line in taken_apart(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
