"""``isthmus align``: make a space from a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus.cli.align_report import print_made, print_made_json
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
_PRETRAINED = typer.Option(
    None,
    metavar="ID",
    help="Start from a model whose modalities are joined already (hf:openai/clip-vit-base-patch32) "
    "or from the folder of a space. Its heads stay. DATA measures and calibrates it, and joins its "
    "other views. Given twice, the two are joined through a modality that both read. Repeatable.",
)
_FIX = typer.Option(
    None,
    metavar="VIEWS",
    help="With --pretrained: the views whose heads stay, for example image,text. Default: all. "
    "Other views of DATA are learned.",
)
_TEXTS = typer.Option(
    None,
    metavar="FILE",
    help="With two --pretrained: texts to join them through, one in each line. Default: those of "
    "DATA, or words that come with isthmus.",
)
_NO_LIMIT = "none"
_BUDGET = typer.Option(
    "2m",
    metavar="TIME",
    help="Time limit for choosing, for example 30s or 5m. The methods that win most often come "
    "first. none: try all of them.",
)


def command(
    data: str | None = typer.Argument(
        None,
        help="A name (tuxpaint), a folder, a table or a WebDataset tar. With --pretrained it can "
        "be left out.",
    ),
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
    pretrained: list[str] = _PRETRAINED,
    fix: list[str] = _FIX,
    texts: Path | None = _TEXTS,
    trust: list[str] = TRUST_OPTION,
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
    from isthmus.selection import align, candidates
    from isthmus.space.readout import check_readout

    _check_places(space, report, overwrite=overwrite)
    allow_megapixels(max_megapixels)
    wanted, fixed = check_readout(readout), parse_options(param or (), "--param")
    candidates(aligner, readout=wanted, **fixed)  # mistakes are told before any work
    seconds = _seconds(budget)
    encoders = _one_a_view(named := parse_encoders(encoder))
    store = default_cache() if cache else None
    if pretrained:
        _check_alone(aligner, param, also, readout)
    else:
        _check_learned(data, fix, texts)
    dataset = None
    if data is not None:
        dataset = load_data(data, data_option, column, modalities_of(named))
    sources = {name: load(name) for name in also or ()}
    with progress_bar(quiet=as_json) as progress:
        if pretrained or dataset is None:
            made = from_pretrained(
                pretrained,
                dataset,
                encoders,
                fix=_views(fix),
                texts=texts,
                by_group=groups,
                budget=seconds,
                seed=seed,
                trust=trust or (),
                cache=store,
                progress=progress,
            )
        else:
            ready = prepare(dataset, encoders, by_group=groups, cache=store, progress=progress)
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
        print_made_json(made, space)
        return
    print_made(made, f"Saved to {space}{f', report in {report}' if report else ''}")


def _seconds(budget: str) -> float | None:
    return None if budget.strip().lower() == _NO_LIMIT else parse_seconds(budget, "--budget")


def _check_places(space: Path, report: Path | None, *, overwrite: bool) -> None:
    """Refuse places that cannot be written to, before any work."""
    check_target(space, "space", replace=overwrite)
    check_page(report)


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
