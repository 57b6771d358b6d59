"""Rows of results as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from isthmus.cli.outputs import check_output, rows_like
from isthmus.core.artifact import write_atomically
from isthmus.core.errors import InputError
from isthmus.core.fields import FIELDS
from isthmus.tasks.retrieval.hits import said_labels

if TYPE_CHECKING:
    from isthmus.tasks import Results

STDOUT = Path("-")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets take for a formula (OWASP, "CSV injection")."""
_HIT = (
    *("rank", "source", "view", "modality", "probability", "said", "start", "stop", "text"),
    *("labels", "gone", "origin", "spans", "copies", "id", "score", "cosine"),
)


def check_csv(path: Path | None) -> None:
    """Refuse what is no place for a table of hits, before anything is computed."""
    if path is None or path == STDOUT:
        return
    if path.suffix.lower() != ".csv":
        raise InputError(f"{path}: give a name that ends with .csv, or - for standard output")
    check_output(path, rows_like(_HIT, tuple(FIELDS)))


def write_hits(path: Path | None, results: Results, *, nearest: bool) -> None:
    """A row for each hit, where a file is wanted; none where nothing matches.

    Args:
        path: The file, or :data:`STDOUT`.
        results: Of a search.
        nearest: Whether the nearest are wanted even if nothing matches.
    """
    if path is None:
        return
    rows = []
    for rank, hit in enumerate(() if results.nothing and not nearest else results.hits, 1):
        start, stop = hit.span or (None, None)
        own: dict[str, Any] = {
            "rank": rank,
            "start": start,
            "stop": stop,
            "labels": said_labels(hit.labels),
        }
        own["text"] = " ".join(hit.text.split())
        own["spans"] = [[span.start, span.stop] for span in hit.spans] or None
        own["copies"] = list(hit.copies) or None
        rows.append({**{n: own.get(n, getattr(hit, n, None)) for n in _HIT}, **dict(hit.fields)})
    made = table((*_HIT, *FIELDS), rows)
    if path == STDOUT:
        typer.echo(made, nl=False)
    else:
        write_atomically(path, made.encode())


def table(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    r"""Rows as CSV with a line of names; a spreadsheet that opens it runs no formula.

    A text that a spreadsheet would take for a formula gets an apostrophe before it, which tells
    spreadsheets that it is a text.

    Args:
        names: Of the columns; a row may lack some.
        rows: Texts, numbers, truths and None are written as they are, the rest as JSON.

    Examples:
        >>> print(table(["a", "b"], [{"a": "=1+1", "b": -2}, {"a": "-5"}]))
        a,b
        '=1+1,-2
        -5,
        <BLANKLINE>
    """
    handle = io.StringIO(newline="")
    writer = csv.writer(handle, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return handle.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple | dict):
        value = json.dumps(value, ensure_ascii=False)
    formula = isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value)
    return f"'{value}" if formula else value


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
