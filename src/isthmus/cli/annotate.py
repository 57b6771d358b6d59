"""``isthmus annotate``: every label that fits a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from isthmus.cli.console import (
    CACHE_OPTION,
    EXIT_PARTLY,
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    err,
    list_left_out,
    out,
    print_json,
    progress_bar,
    rows_of,
    shown,
)
from isthmus.cli.opening import open_store
from isthmus.cli.outputs import rows_like
from isthmus.cli.zeroshot import (
    ASKED_AS,
    LANGUAGE,
    OUT,
    ROWS,
    SPACE,
    TEMPLATES,
    VIEW,
    asked_of,
    check_out,
    check_placed,
    names_of,
    options_of,
    say_notes,
    say_rest,
    write_rows,
)
from isthmus.core.errors import InputError
from isthmus.core.record import Failure

if TYPE_CHECKING:
    from isthmus.tasks.zeroshot.annotate import Annotation

LABELS = typer.Option([], "--labels", metavar="A,B,C", help="Labels, in any language. Repeatable.")
LABELS_FILE = typer.Option(None, "--labels-file", metavar="FILE", help="Labels, one a line.")
LABEL_SHOTS = typer.Option(
    None,
    "--shots",
    metavar="DIR",
    help="Folder with examples: a folder in it for each label. With --labels, its other folders "
    "are labels by their examples alone.",
)

_ROWS = rows_like(("source", "view"), ("labels",), ".csv", ".jsonl")
"""What --out is."""


def command(
    items: list[str] = typer.Argument(None, help="Files and folders; none with --store."),
    labels: list[str] = LABELS,
    labels_file: Path | None = LABELS_FILE,
    shots: Path | None = LABEL_SHOTS,
    space: str = SPACE,
    store: Path | None = typer.Option(
        None,
        "--store",
        "-s",
        metavar="DIR",
        help="Annotate what this store holds, and keep the labels there for search --where.",
    ),
    *,
    context: typer.Context,
    where: str = typer.Option("", "--where", help="Only items of the store that pass this filter."),
    replace: bool = typer.Option(
        False, "--replace", help="With --store: remove the other labels that the items have."
    ),
    output: Path | None = OUT,
    least: float = typer.Option(0.5, "--least", help="Give labels at least this probable."),
    most: int | None = typer.Option(None, "--most", min=1, help="At most so many labels an item."),
    language: str = LANGUAGE,
    templates: Path | None = TEMPLATES,
    view: str = VIEW,
    asked_as: str = ASKED_AS,
    cache: bool = CACHE_OPTION,
    trust: list[str] = TRUST_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Give each of ITEMS every label that fits it, with its probability.

    A label is words, or a folder of examples, or both. Several labels may fit an item, or none.
    With --store, the items of a store get labels beside the other labels that they have, and
    isthmus search --where label:cat finds them. If some items cannot be used, the command annotates
    the others and ends with exit code 4.
    """
    from isthmus.pipeline import default_cache
    from isthmus.tasks.zeroshot.annotate import annotate as run
    from isthmus.tasks.zeroshot.stored import annotate_store

    check_placed(context, "labels")
    _check(items, store, least, replace=replace)
    options = options_of(language=language, templates=templates or "", view=view, asked_as=asked_as)
    names = names_of(labels, labels_file, "--labels", needed=shots is None)
    check_out(output, _ROWS, inputs=[*(items or ()), labels_file, templates])
    given: dict[str, Any] = {"shots": shots, "least": least, "most": most, "options": options}
    rest: list[Failure] = []
    if store is not None:
        allow_megapixels(max_megapixels)
        with open_store(store, trust=trust) as opened, progress_bar(quiet=as_json) as progress:
            given |= {"cache": default_cache() if cache else None, "progress": progress}
            done = annotate_store(opened, names, where=where, replace=replace, **given)
    else:
        with asked_of(space, items, trust, max_megapixels, cache, as_json) as ready:
            known, files, more, rest = ready
            done = run(known, files, names, **given, **more)
    _report_labels(done, rows_of([*rest, *done.failures]), output, as_json)


def _check(items: Sequence[str] | None, store: Path | None, least: float, *, replace: bool) -> None:
    """Refuse what does not go together, before anything is opened."""
    from isthmus.tasks.zeroshot.options import check_least

    check_least(least)
    if bool(items) == (store is not None):
        raise InputError("name files and folders, or a store with --store, and not both")
    if replace and store is None:
        raise InputError("--replace is about the labels that a store has; name it with --store")


def _report_labels(
    done: Annotation, left_out: Sequence[Mapping[str, str]], output: Path | None, as_json: bool
) -> None:
    """Write and print labels; leaves with an exit code of its own where items were left out."""
    write_rows(output, [item.to_json() for item in done.items])
    if as_json:
        print_json({**done.to_json(), "left_out": left_out})
    else:
        _say_labels(done, output)
        list_left_out(left_out)
    if left_out:
        raise typer.Exit(EXIT_PARTLY)


def _say_labels(done: Annotation, output: Path | None) -> None:
    console = out()
    for item in done.items[:ROWS]:
        named = [f"{shown(x.name)} {x.probability:.2f}" for x in item.labels]
        console.print(f"{shown(item.source)}  {', '.join(named) or '[dim]no label fits[/]'}")
    say_rest(len(done.items), output)
    console.print(done.said + ".")
    for each in done.checks:
        err().print(
            f"[dim]{shown(each.label)}: of {each.examples} examples, one that is left out ranks "
            f"above {each.above:.0%} of the training items. Guessing gets 50 %.[/]"
        )
    say_notes(done.notes)
