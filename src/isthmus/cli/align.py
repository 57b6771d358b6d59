"""``isthmus align``: make a space from a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus.cli.console import (
    CACHE_OPTION,
    DATA_OPTION,
    JSON_OPTION,
    SEED_OPTION,
    check_output,
    list_left_out,
    out,
    print_json,
    progress_bar,
)
from isthmus.core.artifact import check_target
from isthmus.core.options import parse_options, parse_seconds

if TYPE_CHECKING:
    from isthmus.space import Space


def command(
    data: str = typer.Argument(help="A name (tuxpaint), a folder, a table or a WebDataset tar."),
    space: Path = typer.Option(..., "--out", "-o", help="Folder to write the space to."),
    encoder: list[str] = typer.Option(
        None, "--encoder", "-e", metavar="MODALITY=ID", help="Such as text=universal. Repeatable."
    ),
    aligner: str = typer.Option(
        "auto", help="auto; or cca, ridge, procrustes, anchors, contrastive, cm-gnn, unpaired, …"
    ),
    param: list[str] = typer.Option(
        None, "--param", "-p", metavar="NAME=VALUE", help="Fix a hyper-parameter. Repeatable."
    ),
    groups: bool = typer.Option(
        True, "--groups/--no-groups", help="Keep records of one group on one side of a split."
    ),
    data_option: list[str] = DATA_OPTION,
    also: list[str] = typer.Option(
        None, help="Another data set to learn from, as far as it helps on DATA. Repeatable."
    ),
    readout: str = typer.Option(
        "instance", help="Choose for: instance, the one that belongs; semantic, what is alike."
    ),
    budget: str = typer.Option(
        None, metavar="TIME", help="Time for choosing, such as 30s or 5m. Default: what it takes."
    ),
    report: Path | None = typer.Option(None, help="Also write an HTML report to this file."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace a space that is there."),
    seed: int = SEED_OPTION,
    cache: bool = CACHE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Choose heads that join the views of DATA, measure them, and save the space.

    Exits with 3, and writes nothing, if held-out pairs do no better than shuffled ones.
    """
    from isthmus.datasets import load
    from isthmus.pipeline import default_cache, prepare
    from isthmus.selection import align, candidates
    from isthmus.space.readout import check_readout

    check_target(space, "space", replace=overwrite)
    check_output(report)
    wanted = check_readout(readout)
    fixed = parse_options(param or (), "--param")
    candidates(aligner, readout=wanted, **fixed)  # mistakes are told before any work
    seconds = None if budget is None else parse_seconds(budget, "--budget")
    dataset = load(data, **parse_options(data_option or (), "--data-option"))
    sources = {name: load(name) for name in also or ()}
    store = default_cache() if cache else None
    with progress_bar(quiet=as_json) as progress:
        encoders = {str(m): str(i) for m, i in parse_options(encoder or (), "--encoder").items()}
        ready = prepare(dataset, encoders, by_group=groups, cache=store, progress=progress)
        made = align(
            ready,
            aligner=aligner,
            params=fixed,
            sources=sources,
            readout=wanted,
            budget=seconds,
            seed=seed,
            cache=store,
            progress=progress,
        )
    made.save(space)
    if report is not None:
        from isthmus.report import report_on

        note = "The map and the examples show records that the heads were fitted on."
        title = f"Space from {dataset.name}"
        report_on(report, made, ready.pairs, dataset, title=title, notes=[note], seed=seed)
    if as_json:
        print_json({"space": str(space), "fingerprint": made.fingerprint, **made.report})
        return
    _print(made)
    out().print(f"Saved to {space}" + (f", report in {report}" if report else ""))


def _print(space: Space) -> None:
    """What was chosen, and how good it is."""
    from isthmus.cli.tables import NOTE, directions_table
    from isthmus.selection.race import LATE

    console, report = out(), space.report
    console.print(f"Chosen: [bold]{report['chosen']['label']}[/]")
    if "held_out" in report:
        title = f"Held-out pairs, mean ± sd over {report['folds']} folds"
        shuffled = report["null"]["shuffled"]
        console.print(directions_table(title, report["held_out"]["directions"], shuffled))
        console.print(NOTE)
    else:
        console.print("Not estimated: needs records of at least three groups.")
    late = [row["candidate"] for row in report["tried"] if row["reason"] == LATE]
    if late or report.get("folds", 0) < report.get("folds_planned", 0):
        console.print(
            f"The time budget of {report['budget']:g} s ended: {len(late)} candidates were not "
            f"tried, {report.get('folds', 0)} of {report['folds_planned']} outer folds were run."
        )
    list_left_out(report["data"]["left_out"])
