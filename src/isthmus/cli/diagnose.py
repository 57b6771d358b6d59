"""``isthmus diagnose``: which encoders fit together, and what ails the pairs."""

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
    list_left_out,
    out,
    print_json,
    progress_bar,
    rows_of,
    shown,
)
from isthmus.cli.loading import load_data, modalities_of, parse_encoders
from isthmus.cli.outputs import check_page
from isthmus.core.view import ViewPair
from isthmus.core.wording import count

if TYPE_CHECKING:
    from rich.table import Table

    from isthmus.audit import Diagnosis

RACE_RECORDS = 1000
"""Records that a race draws: likeness is measured on as many, see audit/fit.py."""
_SHOWN = 10
_TWINS = 4
_HEADS = {
    "encoders": "Which encoders fit together",
    "pairs": "What more pairs would bring",
    "kinds": "Groups that are found worst",
    "hubs": "Hubness",
    "mismatches": "Pairs that may be wrong",
    "duplicates": "Near-duplicates",
}

_ENCODER = typer.Option(
    None,
    "--encoder",
    "-e",
    metavar="VIEW=ID",
    help="Encoder of a view, for example text=universal. Repeatable, also for the same view; "
    "the first one of a view is used for all other checks. Default: all installed encoders.",
)
_ENCODERS = typer.Option(
    None,
    "--encoders",
    metavar="ID,ID,…",
    help="Encoders to race, each for every view that it can read. One that cannot be used is "
    "listed with its reason.",
)
_MOST = typer.Option(
    None,
    min=1,
    help="Use only so many records, drawn at random. "
    f"Default: all, and {RACE_RECORDS} with --encoders.",
)
_PATIENCE = typer.Option(
    10.0, metavar="MINUTES", min=0.01, help="Leave out an encoder that would need longer."
)
_GROUPS = typer.Option(
    True, "--groups/--no-groups", help="Never learn from and test on records of the same group."
)


def command(
    data: str = typer.Argument(
        help="A name (tuxpaint), a folder, a table, vectors (.npz) or a WebDataset tar."
    ),
    *,
    encoder: list[str] = _ENCODER,
    encoders: list[str] = _ENCODERS,
    most: int | None = _MOST,
    patience: float = _PATIENCE,
    groups: bool = _GROUPS,
    data_option: list[str] = DATA_OPTION,
    column: list[str] = COLUMN_OPTION,
    report: Path | None = typer.Option(None, help="Write an HTML report to this file, too."),
    seed: int = SEED_OPTION,
    cache: bool = CACHE_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Check DATA before you make a space.

    The command shows which encoders fit together, what more pairs would bring, and which pairs may
    be wrong. All numbers come from held-out pairs and one fast method.
    """
    from isthmus.audit import diagnose
    from isthmus.pipeline import default_cache
    from isthmus.report import findings, write_diagnosis

    check_page(report)
    allow_megapixels(max_megapixels)
    named = parse_encoders(encoder)
    raced = [each.strip() for text in encoders or () for each in text.split(",") if each.strip()]
    dataset = load_data(data, data_option, column, modalities_of(named))
    with progress_bar(quiet=as_json) as progress:
        found = diagnose(
            dataset,
            named,
            race=raced,
            most=most or (RACE_RECORDS if raced else None),
            patience=60 * patience,
            by_group=groups,
            seed=seed,
            cache=default_cache() if cache else None,
            progress=progress,
        )
    if report is not None:
        write_diagnosis(report, found)
    if as_json:
        print_json({"findings": findings(found), **found.to_json()})
        return
    _print(found, findings(found))
    if report:
        out().print(f"\nReport in {report}")


def _print(found: Diagnosis, said: Mapping[str, Sequence[str]]) -> None:
    console = out()
    records, total = len(found.encoded.pairs), found.encoded.total
    drawn = f", drawn from {total:,}" if records < total else ""
    console.print(f"[bold]{shown(found.name)}[/]: {count(records, 'record')}{drawn}")
    details = {"mismatches": _suspects(found), "duplicates": _twins(found)}
    for part, head in _HEADS.items():
        if not said[part]:
            continue
        console.print(f"\n[bold]{head}[/]")
        for sentence in said[part]:
            console.print(shown(sentence))
        if part == "encoders":
            console.print(_fits(found))
            if found.encoded.costs:
                console.print(_costs(found))
        for line in details.get(part, ()):
            console.print(f"  {shown(line)}")
    list_left_out(rows_of(found.failures))


def _fits(found: Diagnosis) -> Table:
    """Likeness before a fit, beside that of shuffled partners and what a fit finds."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("encoders", overflow="fold")  # ids may be long; figures stay whole
    for column in ("k", "R@k", "R@1", "ms", "CKA", "shuffled", "k-NN", "shuffled"):
        table.add_column(column, justify="right", no_wrap=True)
    for fit in found.fits:
        cells = ["–"] * 8
        if fit.recall and fit.first and fit.cka and fit.knn:
            cells = [str(fit.k), _short(fit.recall.value), _short(fit.first.value)]
            cells.append("–" if fit.record_ms is None else _digits(fit.record_ms))
            for each in (fit.cka, fit.knn):
                cells += [_short(each.value), f"{_short(each.null_mean)}±{_short(each.null_sd, 3)}"]
        both = f"{fit.encoder_a} + {fit.encoder_b}{'' if fit.fitted else ', as is'}"
        table.add_row(both, *cells)
    return table


def _costs(found: Diagnosis) -> Table:
    """What every encoder costs on this machine."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("cost here", overflow="fold")
    for column in ("view", "dim", "MB", "first ms", "ms an item", "range"):
        table.add_column(column, justify="right", no_wrap=True)
    for cost in found.encoded.costs:
        size = "–" if cost.weights_bytes is None else f"{cost.weights_bytes / 1e6:,.0f}"
        times = (_digits(cost.first_ms), _digits(cost.item_ms))
        between = f"{_digits(cost.low_ms)}–{_digits(cost.high_ms)}"
        table.add_row(cost.encoder, cost.view, str(cost.dim), size, *times, between)
    return table


def _suspects(found: Diagnosis) -> list[str]:
    """The flagged, or the first of those that match least; all of them are in JSON and report."""
    lines = []
    for each in found.suspects:
        shown = max(_SHOWN // len(found.suspects), min(each.flagged, _SHOWN))
        for one in each.listed[:shown]:
            mark = "flagged, " if one.flagged else ""
            pair = ViewPair(each.a, each.b)
            line = f"{pair} {found.encoded.name(one.row)} ({mark}p = {one.p_value:.2g})"
            if one.better_b:
                other = found.encoded.name(one.better_b[0])
                line += f"; its {each.a} fits the {each.b} of {other} better"
            lines.append(line)
    return lines


def _twins(found: Diagnosis) -> list[str]:
    """The closest of every view."""
    return [
        f"{each.view} {twin.cosine:.3f}: {found.encoded.name(twin.row)}, "
        f"{found.encoded.name(twin.other)}"
        for each in found.duplicates
        for twin in each.twins[:_TWINS]
    ]


def _short(value: float, digits: int = 2) -> str:
    """``.32``."""
    rounded = round(value, digits) + 0.0
    text = f"{rounded:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(rounded) < 1 else text


def _digits(value: float) -> str:
    """A time with two digits or more: ``.12``, ``4.5``, ``1,234``."""
    return _short(value) if value < 1 else f"{value:.1f}" if value < 10 else f"{value:,.0f}"
