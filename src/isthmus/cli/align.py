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
from isthmus.core.options import parse_options

if TYPE_CHECKING:
    from isthmus.space import Space


def command(
    data: str = typer.Argument(help="A name (tuxpaint), a folder, a table or a WebDataset tar."),
    space: Path = typer.Option(..., "--out", "-o", help="Folder to write the space to."),
    encoder: list[str] = typer.Option(
        None, "--encoder", "-e", metavar="MODALITY=ID", help="Such as text=universal. Repeatable."
    ),
    aligner: str = typer.Option("auto", help="auto, or cca, ridge, procrustes, anchors."),
    param: list[str] = typer.Option(
        None, "--param", "-p", metavar="NAME=VALUE", help="Fix a hyper-parameter. Repeatable."
    ),
    groups: bool = typer.Option(
        True, "--groups/--no-groups", help="Keep records of one group on one side of a split."
    ),
    data_option: list[str] = DATA_OPTION,
    report: Path | None = typer.Option(None, help="Also write an HTML report to this file."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace a space that is there."),
    seed: int = SEED_OPTION,
    cache: bool = CACHE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Choose heads that join the modalities of DATA, measure them, and save the space.

    Exits with 3, and writes nothing, if held-out pairs do no better than shuffled ones.
    """
    from isthmus.datasets import load
    from isthmus.space import align, candidates, default_cache, prepare

    check_target(space, "space", replace=overwrite)
    check_output(report)
    fixed = parse_options(param or (), "--param")
    candidates(aligner, **fixed)  # mistakes are told before any work
    dataset = load(data, **parse_options(data_option or (), "--data-option"))
    store = default_cache() if cache else None
    with progress_bar(quiet=as_json) as progress:
        encoders = {str(m): str(i) for m, i in parse_options(encoder or (), "--encoder").items()}
        ready = prepare(dataset, encoders, by_group=groups, cache=store, progress=progress)
        made = align(
            ready, aligner=aligner, params=fixed, seed=seed, cache=store, progress=progress
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

    console, report = out(), space.report
    console.print(f"Chosen: [bold]{report['chosen']['label']}[/]")
    if "held_out" in report:
        title = f"Held-out pairs, mean ± sd over {report['folds']} folds"
        shuffled = report["null"]["shuffled"]
        console.print(directions_table(title, report["held_out"]["directions"], shuffled))
        console.print(NOTE)
    else:
        console.print("Not estimated: needs records of at least three groups.")
    list_left_out(report["data"]["left_out"])
