"""``isthmus align``: make a space from a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus.cli.console import (
    CACHE_OPTION,
    COLUMN_OPTION,
    DATA_OPTION,
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    SEED_OPTION,
    allow_megapixels,
    check_page,
    list_left_out,
    out,
    print_json,
    progress_bar,
    rows_of,
    shown,
)
from isthmus.cli.loading import load_data, modalities_of, parse_encoders
from isthmus.core.artifact import check_target
from isthmus.core.errors import InputError
from isthmus.core.options import parse_options, parse_seconds
from isthmus.core.wording import count

if TYPE_CHECKING:
    from isthmus.core.record import Dataset
    from isthmus.pipeline import Prepared
    from isthmus.space import Space, SpaceReport
    from isthmus.space.report import Estimate

_SPACE = typer.Option(..., "--out", "-o", help="Folder to write the space to.")
_ENCODER = typer.Option(
    None,
    "--encoder",
    "-e",
    metavar="VIEW=ID",
    help="Encoder of a view, for example text=universal. Also makes a table column a view: "
    "photo=efficientnet-lite0. Repeatable.",
)
_ALIGNER = typer.Option(
    "auto",
    help="auto compares several methods. Or name one: cca, ridge, procrustes, anchors, "
    "contrastive, cm-gnn, unpaired, …",
)
_PARAM = typer.Option(
    None,
    "--param",
    "-p",
    metavar="NAME=VALUE",
    help="Set a hyper-parameter of the named aligner, for example ridge=3. Repeatable.",
)
_GROUPS = typer.Option(
    True, "--groups/--no-groups", help="Never learn from and test on records of the same group."
)
_STARTER = typer.Option(
    True,
    "--starter/--no-starter",
    help="Also try the starter space, as it is and carried on with your pairs.",
)
_ALSO = typer.Option(
    None,
    help="Other data to learn from. It is used only if it improves held-out results on DATA. "
    "Repeatable.",
)
_READOUT = typer.Option(
    "instance",
    help="What to choose the method for. instance: find the one true partner. semantic: find "
    "things of the same kind (needs groups).",
)
_NO_LIMIT = "none"
_DIFFERS = 0.05
"""R@10 that is worth a sentence."""
_BUDGET = typer.Option(
    "2m",
    metavar="TIME",
    help="Time limit for choosing, for example 30s or 5m. The methods that win most often come "
    "first. none: try all of them.",
)


def command(
    data: str = typer.Argument(help="A name (tuxpaint), a folder, a table or a WebDataset tar."),
    *,
    space: Path = _SPACE,
    encoder: list[str] = _ENCODER,
    aligner: str = _ALIGNER,
    param: list[str] = _PARAM,
    groups: bool = _GROUPS,
    data_option: list[str] = DATA_OPTION,
    column: list[str] = COLUMN_OPTION,
    also: list[str] = _ALSO,
    readout: str = _READOUT,
    starter: bool = _STARTER,
    budget: str = _BUDGET,
    report: Path | None = typer.Option(None, help="Write an HTML report to this file, too."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing space."),
    seed: int = SEED_OPTION,
    cache: bool = CACHE_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Make a space from DATA.

    The command compares methods, keeps the best one, and measures it on held-out pairs. If
    held-out pairs match no better than shuffled pairs, it writes nothing and ends with exit code 3.
    """
    from isthmus.datasets import load
    from isthmus.pipeline import default_cache, prepare
    from isthmus.selection import align, candidates, choose_layers
    from isthmus.space.readout import check_readout

    _check_places(space, report, overwrite=overwrite)
    allow_megapixels(max_megapixels)
    wanted, fixed = check_readout(readout), parse_options(param or (), "--param")
    candidates(aligner, readout=wanted, **fixed)  # mistakes are told before any work
    seconds = _seconds(budget)
    encoders = _one_a_view(named := parse_encoders(encoder))
    dataset = load_data(data, data_option, column, modalities_of(named))
    sources, store = {name: load(name) for name in also or ()}, default_cache() if cache else None
    with progress_bar(quiet=as_json) as progress:
        used, layers = choose_layers(dataset, encoders, cache=store, progress=progress, seed=seed)
        ready = prepare(dataset, used, by_group=groups, cache=store, progress=progress)
        made = align(
            ready,
            aligner=aligner,
            params=fixed,
            sources=sources,
            readout=wanted,
            starter=starter,
            budget=seconds,
            seed=seed,
            cache=store,
            progress=progress,
        )
    made.save(space)
    if report is not None:
        _write(report, made, ready, dataset, seed)
    if as_json:
        _print_json(made, space)
        return
    for view, choice in layers.items():
        out().print(f"{view}: {choice.told}", markup=False, highlight=False)
    _print(made, f"Saved to {space}{f', report in {report}' if report else ''}")


def _seconds(budget: str) -> float | None:
    return None if budget.strip().lower() == _NO_LIMIT else parse_seconds(budget, "--budget")


def _check_places(space: Path, report: Path | None, *, overwrite: bool) -> None:
    """Refuse places that cannot be written to, before any work."""
    check_target(space, "space", replace=overwrite)
    check_page(report)


def _print_json(made: Space, folder: Path) -> None:
    document = {} if made.report is None else made.report.to_json()
    print_json({"space": str(folder), "fingerprint": made.fingerprint, **document})


def _one_a_view(encoders: Mapping[str, Sequence[str]]) -> dict[str, str]:
    for view, names in encoders.items():
        if len(names) > 1:
            raise InputError(f"--encoder: {view} has {' and '.join(names)}; give one a view")
    return {view: names[0] for view, names in encoders.items()}


def _write(path: Path, made: Space, ready: Prepared, dataset: Dataset, seed: int) -> None:
    from isthmus.report import report_on

    note = "The map and the examples show records that the space learned from."
    title = f"Space from {dataset.name}"
    report_on(path, made, ready.pairs, dataset, title=title, notes=[note], seed=seed)


def _print(space: Space, saved: str) -> None:
    """What was chosen, how good it is, and where it is saved."""
    from isthmus.cli.tables import directions_table, note
    from isthmus.space import SpaceReport

    console, report = out(), space.report
    if not isinstance(report, SpaceReport):
        console.print(saved)
        return
    console.print(f"Chosen: [bold]{report.chosen.label}[/]")
    if lead := _lead(report):
        console.print(lead)
    found = report.estimate
    if found is not None:
        title = f"Held-out pairs, mean ± sd over {found.folds} folds"
        console.print(directions_table(title, found.held_out, found.null.shuffled))
        console.print(note(shuffled=True))
        _print_groups(found)
    else:
        console.print("The quality was not measured: this needs records of at least three groups.")
    _print_late(report)
    list_left_out(rows_of(report.data.left_out))
    console.print(saved)


def _lead(report: SpaceReport) -> str:
    """By how much what was chosen leads before the best of another kind."""
    from isthmus.report.kit.words import signed

    behind = [each for each in report.choice.standings if each.ahead is not None]
    if not behind:
        return ""
    following = behind[0]
    lead = following.ahead
    assert lead is not None
    known = lead.low is not None and lead.high is not None
    ends = [signed(end) for end in (lead.low, lead.high) if end is not None]
    spread = f" (95 % interval {' to '.join(ends)})" if known else ""
    semantic = report.settings.readout == "semantic"
    measure = "mean average precision" if semantic else "mean reciprocal rank"
    if lead.mean < 0:
        return (
            f"{following.candidate} scored higher by {signed(-lead.mean)} in {measure}, but not "
            "surely enough to be chosen: see 'How the methods compete' in docs/choosing.md."
        )
    return (
        f"Next best: {following.candidate}. What was chosen leads by {signed(lead.mean)} in "
        f"{measure}{spread}."
    )


def _print_groups(found: Estimate) -> None:
    """What keeping groups whole costs, where it costs much."""
    from isthmus.space.report import mean_recall

    plain = found.ungrouped
    if plain is not None and abs(plain.r10 - (kept := mean_recall(found.held_out)[1])) >= _DIFFERS:
        out().print(
            shown(
                f"Your {plain} were held out whole: R@10 {kept:.2f}. If they are not kept whole, "
                f"it is {plain.r10:.2f}. If new things come from the same groups, add --no-groups."
            )
        )


def _print_late(report: SpaceReport) -> None:
    """What a time budget left no room for."""
    from isthmus.selection.race import LATE

    late = sum(row.reason == LATE for row in report.choice.tried)
    run, planned = (0, 0)
    if report.estimate is not None:
        run, planned = report.estimate.folds, report.estimate.planned
    if late or run < planned:
        skipped = count(late, "candidate was", "candidates were")
        out().print(
            f"The time limit of {report.settings.budget:g} s is over. {skipped} not tried, and "
            f"{run} of {planned} outer folds were run. To try more: --budget 10m, or --budget none."
        )
