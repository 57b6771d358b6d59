"""``isthmus data``: list, fetch and look at data sets."""

from __future__ import annotations

import typer

from isthmus.cli.console import (
    COLUMN_OPTION,
    DATA_ARGUMENT,
    DATA_OPTION,
    JSON_OPTION,
    list_left_out,
    out,
    print_json,
    progress_bar,
    rows_of,
)
from isthmus.cli.loading import load_data
from isthmus.cli.usage import example
from isthmus.core.wording import count

app = typer.Typer(no_args_is_help=True, help="List, fetch and look at data sets.")


@app.command("list")
def list_(as_json: bool = JSON_OPTION) -> None:
    """List the ready-made data sets and where they are."""
    from isthmus.datasets import find, names
    from isthmus.datasets.fetch import SOURCES

    places = {name: find(name) if name in SOURCES else None for name in names()}
    if as_json:
        print_json({name: None if place is None else str(place) for name, place in places.items()})
        return
    for name, place in places.items():
        absent = f"isthmus data get {name}" if name in SOURCES else "drawn when you use it"
        out().print(f"{name:13} {place or absent}")


@app.command(epilog=example("get"))
def get(
    name: str = typer.Argument(help="A ready-made data set that isthmus data list names."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Download a data set with apt-get or pip. You need no root rights."""
    from isthmus.datasets import get as fetch
    from isthmus.datasets.fetch import SOURCES, notices

    with progress_bar(quiet=as_json) as progress:
        place = fetch(name, progress=progress)
    if as_json:
        print_json({name: str(place)})
        return
    out().print(f"{name} is in {place}")
    where = "".join(f", see {notice}" for notice in notices(name))
    out().print(f"licence: {SOURCES[name].licence}{where}")


@app.command(epilog=example("show"))
def show(
    data: str = DATA_ARGUMENT,
    data_option: list[str] = DATA_OPTION,
    column: list[str] = COLUMN_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show what is in a data set: records, views, pairs, and what cannot be used."""
    from itertools import combinations

    from isthmus.core.view import View, ViewPair

    dataset = load_data(data, data_option, column)
    items = {
        View(view, modality): sum(view in r.items for r in dataset.records)
        for view, modality in dataset.modalities.items()
    }
    pairs = {
        ViewPair(a, b): sum(a in r.items and b in r.items for r in dataset.records)
        for a, b in combinations(dataset.views, 2)
    }
    groups = len({r.group for r in dataset.records if r.group is not None})
    if as_json:
        print_json(
            {
                "name": dataset.name,
                "licence": dataset.licence,
                "records": len(dataset),
                "views": [
                    {"view": view.name, "modality": view.modality, "items": n}
                    for view, n in items.items()
                ],
                "pairs": [{"pair": pair.to_json(), "records": n} for pair, n in pairs.items()],
                "groups": groups,
                "notes": list(dataset.notes),
                "left_out": rows_of(dataset.skipped),
            }
        )
        return
    console = out()
    console.print(
        f"{dataset.name}: {count(len(dataset), 'record')}, {count(groups, 'group')}"
        f", licence {dataset.licence}",
        markup=False,
    )
    for view, n in items.items():
        own = "" if view.name == view.modality else f" ({view.modality})"
        console.print(f"  {n:7} {view.name}{own}", markup=False)
    for pair, n in pairs.items():
        console.print(f"  {n:7} {pair}", markup=False)
    for note in dataset.notes:
        console.print(f"  {note}", markup=False)
    list_left_out(rows_of(dataset.skipped))
