"""``isthmus eval``: measure a space on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus.cli.console import (
    CACHE_OPTION,
    COLUMN_OPTION,
    DATA_ARGUMENT,
    DATA_OPTION,
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    SEED_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    err,
    list_left_out,
    out,
    print_json,
    progress_bar,
    rows_of,
)
from isthmus.cli.loading import load_as
from isthmus.cli.opening import check_order
from isthmus.cli.outputs import check_page
from isthmus.core.errors import DataError

if TYPE_CHECKING:
    from isthmus.core.record import Dataset
    from isthmus.space import Evaluation, Space


def command(
    space: Path = typer.Argument(help="Folder of the space."),
    data: str = DATA_ARGUMENT,
    *,
    context: typer.Context,
    data_option: list[str] = DATA_OPTION,
    column: list[str] = COLUMN_OPTION,
    report: Path | None = typer.Option(None, help="Write an HTML report to this file, too."),
    seed: int = SEED_OPTION,
    cache: bool = CACHE_OPTION,
    trust: list[str] = TRUST_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Measure a space on DATA, in every direction and with both read-outs.

    Use records that the space did not learn from. Otherwise the numbers are too good.
    """
    from isthmus.cli.tables import directions_table, note
    from isthmus.pipeline import default_cache, prepare
    from isthmus.selection.known import share_known, starter_beside
    from isthmus.space import Space, evaluate

    check_order(context)
    check_page(report)
    allow_megapixels(max_megapixels)
    loaded = Space.load(space, trust=trust or ())
    dataset = load_as(loaded, data, data_option, column)
    dataset = dataset.select(shared := _shared(space, loaded, dataset))
    with progress_bar(quiet=as_json) as progress:
        encoders = {m: loaded.encoder(m) for m in shared}
        ready = prepare(
            dataset, encoders, cache=default_cache() if cache else None, progress=progress
        )
    found = evaluate(loaded.heads, loaded.banks, ready.pairs, csls_strength=loaded.csls_strength)
    learned = share_known(loaded, ready)
    left_out = rows_of(ready.failures)
    emergent = frozenset(loaded.emergent(found.directions))
    title = f"{space.name} on {dataset.name}"
    if report is not None:
        from isthmus.report import report_on

        report_on(report, loaded, ready.pairs, dataset, title=title, evaluation=found, seed=seed)
    rival = starter_beside(loaded, ready)
    if as_json:
        named = {"space": str(space), "data": dataset.name, "learned_from": learned}
        beside = {"starter": None if rival is None else rival.to_json()}
        print_json({**named, **found.to_json(), **beside, "left_out": left_out})
        return
    console = out()
    console.print(directions_table(title, found, None, emergent))
    console.print(note())
    if emergent:
        console.print("* no training record had both views")
    _warn_of(learned)
    if rival is not None:
        console.print(_beside_starter(found, rival))
    list_left_out(left_out)
    if report:
        console.print(f"Report in {report}")


def _warn_of(learned: float) -> None:
    """Of figures that are too good."""
    if learned:
        err().print(
            f"[yellow]The space learned from {learned:.0%} of these records, so the figures are "
            "too good. Measure it on records that it has not seen.[/]"
        )


def _shared(folder: Path, space: Space, dataset: Dataset) -> list[str]:
    """Views of the data that the space joins, two at least."""
    shared = [m for m in dataset.views if m in space.views]
    if len(shared) < 2:
        raise DataError(
            f"{folder} joins {', '.join(space.views)}, but {dataset.name} has "
            f"{', '.join(dataset.views)}; they must have two views in common"
            + "".join(f"; {note}" for note in dataset.notes[:3])
        )
    return shared


def _beside_starter(found: Evaluation, rival: Evaluation) -> str:
    """How the starter space does on the same records."""
    from isthmus.space.report import mean_chance, mean_recall

    own, starter, chance = mean_recall(found), mean_recall(rival), mean_chance(found)
    said = (
        f"The starter space on the same records: R@1 {starter[0]:.2f}, R@10 {starter[1]:.2f}; this "
        f"space: {own[0]:.2f}, {own[1]:.2f}; chance: {chance[0]:.2g}, {chance[1]:.2g} (mean of the "
        "directions)."
    )
    if starter <= own:
        return said
    return f"{said} Search with --space starter, or align again: it takes part in the choice."
