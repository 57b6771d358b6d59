"""What ``isthmus classify`` and ``isthmus annotate`` share: options, names, items, rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

import typer

from isthmus import space as spaces
from isthmus.cli.console import (
    allow_megapixels,
    err,
    out,
    progress_bar,
    shown,
)
from isthmus.cli.outputs import NO_ROWS, Output, check_output, check_page
from isthmus.cli.rows import table
from isthmus.cli.usage import retyped
from isthmus.core.artifact import write_atomically
from isthmus.core.errors import InputError
from isthmus.core.paths import exists, expanded, why_missing
from isthmus.core.record import Failure
from isthmus.media.source import is_file, walk
from isthmus.prompts.typed import looks_like_a_path

if TYPE_CHECKING:
    from isthmus.tasks.zeroshot.options import ClassifyOptions

Asked: TypeAlias = tuple[spaces.Space, list[Path], dict[str, Any], list[Failure]]
"""The space, the files, what else the tasks take, and what was passed over."""
ITEMS = typer.Argument(help="Files and folders.")
SPACE = typer.Option("starter", "--space", metavar="DIR", help="Folder of a space.")
LANGUAGE = typer.Option(
    "", "--language", metavar="TAG", help="Language of the names. Default: told by their script."
)
TEMPLATES = typer.Option(
    None, "--templates", metavar="FILE", help="TOML file with sentences of your own for the names."
)
VIEW = typer.Option(
    "", "--view", help="View that the items belong to, where several views read one modality."
)
ASKED_AS = typer.Option(
    "", "--as", help="View that reads the names, where several views read text."
)
OUT = typer.Option(
    None, "--out", "-o", metavar="FILE", help="Write a row for each item to this .csv or .jsonl."
)
ROWS = 50
"""Items that are shown without --out."""


def options_of(**given: Any) -> ClassifyOptions:
    """Options as typed."""
    from isthmus.tasks.zeroshot.options import ClassifyOptions

    return ClassifyOptions(**given)


def names_of(typed: Sequence[str], file: Path | None, flag: str, needed: bool) -> list[str] | None:
    """Names as typed and from a file; None where neither was given and none is needed.

    A name that holds a comma stands in quotes, as in a table.
    """
    from isthmus.tasks.zeroshot.annotate import read_labels

    names = _split(typed, flag)
    if file is not None:
        names += read_labels(file)
    if names or not (needed or typed or file is not None):
        return names or None
    raise InputError(f"no names were given; write, for example: {flag} cat,dog")


def check_placed(context: typer.Context, names: str) -> None:
    """Refuse names where files stand, and files among the names.

    Args:
        context: Of a command whose argument is ``items``.
        names: The parameter with the names, such as ``"classes"``.

    Raises:
        InputError: If something stands in the other's place; it says what to type, where that is
            known and works.
    """
    from isthmus.tasks.zeroshot.annotate import read_labels

    given, flag = context.params, f"--{names}"
    items, typed = list(given["items"] or ()), _split(given[names] or (), flag)
    there = [each for each in items if exists(each)]
    missing = [each for each in items if each not in there and looks_like_a_path(each)]
    words = [each for each in items if each not in there and each not in missing]
    files = [each for each in typed if exists(each) and (words or _is_media(each))]
    elsewhere = given[f"{names}_file"] or given["shots"]
    if not (files or (words and (there or missing) and not (typed or elsewhere))):
        return
    got = [f"{', '.join(words)} where files stand"] if words else []
    got += [f"{', '.join(files)} among the names"] if files else []
    said = f"got {', and '.join(got)}; files and folders come first, and names follow {flag}."
    left = [each for each in typed if each not in files]
    if lost := [*missing, *filter(looks_like_a_path, left)]:
        raise InputError(f"{said} There is nothing at {', '.join(lost)}.{why_missing(lost[0])}")
    if names == "labels" and given["store"] is not None:
        raise InputError(f"{said} Name files and folders, or a store with --store, and not both")
    alone = names == "classes" and not (left or elsewhere)
    known = read_labels(given[f"{names}_file"]) if given[f"{names}_file"] else []
    meant = [each for each in dict.fromkeys([*_named(words, alone), *left]) if each not in known]
    least, number = (2, "two classes") if names == "classes" else (1, "one label")
    if len(known + meant) < least and (known or meant or given["shots"] is None):
        raise InputError(f"{said} Name {number} or more, for example: {flag} cat,dog")
    row = io.StringIO()
    csv.writer(row).writerow(meant)
    listed = [row.getvalue().removesuffix("\r\n")] if meant else []
    right = retyped(context, **{"items": [*there, *files], names: listed})
    raise InputError(f"{said} Write: {right}")


def _named(words: Sequence[str], alone: bool) -> list[str]:
    """The names in words that stand where files do.

    Each word is a name, but for a single one with commas, which is a list as it follows a flag;
    where a blank follows a comma, only if a name alone would not do.

    Examples:
        >>> _named(["red,blue"], alone=False), _named(["Washington, D.C."], alone=False)
        (['red', 'blue'], ['Washington, D.C.'])
        >>> _named(["Washington, D.C.", "Paris"], alone=True), _named(["red,", "blue"], alone=True)
        (['Washington, D.C.', 'Paris'], ['red', 'blue'])
    """
    if len(words) == 1 and "," in words[0]:
        with suppress(csv.Error):  # a quote in it closes nothing
            cells = next(csv.reader(words, strict=True))
            if alone or not any(each.startswith(" ") for each in cells):
                cells = next(csv.reader(words, strict=True, skipinitialspace=True))
                return [each.strip() for each in cells if each.strip()]
    return [name for each in words if (name := each.strip(", "))]


def _is_media(typed: str) -> bool:
    """Whether it is a file, and not a class that a file or folder happens to be called like."""
    return is_file(typed) and bool(Path(typed).suffix)


def _split(typed: Sequence[str], flag: str) -> list[str]:
    """Names between commas."""
    try:
        rows = [row for each in typed for row in csv.reader([each], skipinitialspace=True)]
    except csv.Error as error:
        raise InputError(
            f"{flag} holds a line break or is too long; write one name a line into a file, and "
            f"name it with {flag}-file"
        ) from error
    return [name.strip() for row in rows for name in row if name.strip()]


@contextmanager
def asked_of(
    space: str,
    items: Sequence[str],
    trust: Sequence[str] | None,
    max_megapixels: float | None,
    cache: bool,
    quiet: bool,
) -> Iterator[Asked]:
    """The space, the files, what else the tasks take, and what was passed over."""
    from isthmus.pipeline import default_cache

    allow_megapixels(max_megapixels)
    known = spaces.Space.load(space, trust=trust or ())
    passed_over: list[Failure] = []
    files = [path for root in items for path in walk(expanded(root), skipped=passed_over)]
    if not files:
        why = f"; {passed_over[0].source}: {passed_over[0].reason}" if passed_over else ""
        raise InputError(f"there are no files in {', '.join(items)}{why}")
    with progress_bar(quiet=quiet) as progress:
        more = {"cache": default_cache() if cache else None, "progress": progress}
        yield known, files, more, passed_over


def check_out(
    path: Path | None,
    kind: Output,
    page: Path | None = None,
    inputs: Sequence[str | Path | None] = (),
) -> None:
    """Refuse files that cannot or must not be written, before anything is computed.

    Args:
        path: For rows.
        kind: What the rows are.
        page: For a report.
        inputs: Files that are read, which neither may be.
    """
    if path is not None and page is not None and path.resolve() == page.resolve():
        raise InputError(f"{path}: rows and report need a file each")
    check_page(page, inputs)
    check_output(path, kind, inputs)


def write_rows(path: Path | None, rows: Sequence[Mapping[str, Any]]) -> None:
    """One line a row, where a file is wanted."""
    if path is None:
        return
    handle = io.StringIO(newline="")
    if path.suffix.lower() == ".jsonl":
        _write_lines(handle, rows)
    else:
        handle.write(table(list(rows[0]) if rows else NO_ROWS, rows))
    write_atomically(path, handle.getvalue().encode())


def _write_lines(handle: TextIO, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        handle.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def say_rest(rows: int, output: Path | None) -> None:
    """Say where the rows are that were not shown."""
    if rows > ROWS:
        rest = f"all are in {output}" if output else "write all with --out FILE.csv"
        out().print(f"… and {rows - ROWS} more; {shown(rest)}")


def say_notes(notes: Sequence[str]) -> None:
    """Print what a reader should know."""
    for note in notes:
        err().print(f"[yellow]Note:[/] {shown(note)}")
