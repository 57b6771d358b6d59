"""``isthmus predict fit``: make a predictor from records that know the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from isthmus.cli import predict_run
from isthmus.cli.console import (
    CACHE_OPTION,
    DATA_ARGUMENT,
    DATA_OPTION,
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    err,
    out,
    print_json,
    progress_bar,
    shown,
)
from isthmus.cli.loading import options_of, parse_encoders
from isthmus.cli.options import with_fit_options
from isthmus.cli.outputs import check_page
from isthmus.cli.usage import example
from isthmus.core.artifact import check_target
from isthmus.core.errors import InputError
from isthmus.core.wording import count
from isthmus.tasks.predict import FitOptions

if TYPE_CHECKING:
    from isthmus.core.record import Record
    from isthmus.predictor.predictor import Predictor
    from isthmus.predictor.report import Figure, PredictorReport

_OUT = typer.Option(..., "--out", "-o", metavar="FOLDER", help="Folder to write the predictor to.")
_TARGET = typer.Option("", "--target", "-t", metavar="COLUMN", help="Column with the answer.")
_COLUMNS = typer.Option(
    None,
    "--columns",
    metavar="VIEW=A,B",
    help="Plain columns that make a view: clinical=age,grade or 'genes=g*'. Without a view, "
    "age,grade; '!age' is all but age. none: use no plain column. Default: all that no view takes. "
    "Repeatable.",
)
_COLUMN = typer.Option(
    None,
    "--column",
    metavar="NAME[=VIEW:MODALITY]",
    help="What a column of a table holds, such as reply=answer:text or photo=image. The name alone "
    "keeps a plain column that would be left out. Repeatable.",
)
_ENCODER = typer.Option(
    None,
    "--encoder",
    "-e",
    metavar="VIEW=ID",
    help="Encoder of a view, for example text=universal. Also makes a table column a view: "
    "photo=efficientnet-lite0. Repeatable.",
)
_SPACE = typer.Option(
    None, "--space", metavar="DIR", help="Take the encoders of this space, for views like its own."
)
_REPORT = typer.Option(None, "--report", metavar="FILE", help="Write an HTML report to this file.")
_NONE = "none"

app = typer.Typer(
    help="Predict a column from media, texts and plain columns, some of them missing.",
    no_args_is_help=True,
)


@with_fit_options
def fit(
    data: str = DATA_ARGUMENT,
    *,
    folder: Path = _OUT,
    target: str = _TARGET,
    options: FitOptions,
    columns: list[str] = _COLUMNS,
    encoder: list[str] = _ENCODER,
    space: Path | None = _SPACE,
    report: Path | None = _REPORT,
    data_option: list[str] = DATA_OPTION,
    column: list[str] = _COLUMN,
    trust: list[str] = TRUST_OPTION,
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing predictor."),
    cache: bool = CACHE_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Learn to predict a column of DATA from its other columns and media.

    The command compares ways to join the views, keeps one, and measures it on records that took no
    part in the choice. If shuffled answers are predicted as well, it writes nothing and ends with
    exit code 3.
    """
    from isthmus.pipeline import default_cache
    from isthmus.tasks import predict
    from isthmus.tasks.predict.loading import Columned, load_records

    check_target(folder, "predictor", replace=overwrite)
    check_page(report)
    allow_megapixels(max_megapixels)
    with progress_bar(quiet=as_json) as progress:
        read = _encoders(encoder, space, trust)
        kept = [name for name in column or () if "=" not in name]
        told = options_of(data_option, [name for name in column or () if "=" in name])
        own = [target, options.time, options.event, options.group]
        asked = replace(options, columns=_columns(columns, kept))
        known = load_records(data, read, Columned.of(asked.columns), own, told)
        store = default_cache() if cache else None
        made = predict.fit(read, known, target, asked, cache=store, progress=progress)
    made.save(folder)
    _write_page(report, made, known.records)
    if as_json:
        print_json(_document(made, folder))
    else:
        _say(made, folder)


def _write_page(report: Path | None, made: Predictor, records: Sequence[Record]) -> None:
    if report is not None:
        from isthmus.report import write_prediction

        write_prediction(report, made, records=records)


def _encoders(given: Sequence[str] | None, space: Path | None, trust: Sequence[str] | None) -> Any:
    """A space, or encoders by view."""
    from isthmus.space import Space

    named = parse_encoders(given)
    if space is not None and named:
        raise InputError("a space has its own encoders; give --space or --encoder, not both")
    if space is not None:
        return Space.load(space, trust=trust or ())
    for view, names in named.items():
        if len(names) > 1:
            raise InputError(f"--encoder: {view} has {' and '.join(names)}; give one a view")
    return {view: names[0] for view, names in named.items()} or None


def _columns(
    given: Sequence[str] | None, kept: Sequence[str]
) -> Mapping[str, list[str]] | list[str] | None:
    """Plain columns by view, as typed; and those that are kept whatever they hold."""
    from isthmus.tasks.predict.loading import COLUMNS

    if not given:
        return ["*", *kept] if kept else None
    if list(given) == [_NONE]:
        return list(kept)
    found: dict[str, list[str]] = {COLUMNS: list(kept)} if kept else {}
    for text in given:
        view, equals, names = text.partition("=")
        listed = [each.strip() for each in (names if equals else view).split(",")]
        if not all(listed) or (equals and not view.strip()):
            raise InputError(f"--columns {text}: write VIEW=A,B, such as clinical=age,grade")
        found.setdefault(view.strip() if equals else COLUMNS, []).extend(listed)
    return found


def _document(made: Predictor, folder: Path) -> dict[str, Any]:
    assert made.report is not None  # a fit has one
    return {
        "predictor": str(folder),
        "fingerprint": made.fingerprint,
        "target": made.asked.target,
        "kind": made.asked.kind,
        "views": list(made.views),
        "notes": list(made.asked.notes),
        "report": made.report.to_json(),
    }


def _say(made: Predictor, folder: Path) -> None:
    report = made.report
    assert report is not None  # a fit has one
    console = out()
    kind = "date" if made.asked.dates else report.target.kind
    for note in made.asked.notes:
        err().print(f"[yellow]Note:[/] {shown(note)}")
    console.print(
        f"{shown(made.asked.target)} ({kind}) from {shown(' + '.join(made.views))}, "
        f"{count(report.data.records, 'record')}"
    )
    console.print(f"Chosen: [bold]{shown(report.chosen.label)}[/]. {shown(report.chosen.why)}")
    for each in report.estimate.figures:
        console.print(f"  {each.metric}: {figure(each)}")
    console.print(f"Plain rivals, by {report.estimate.headline}:")
    for rival in report.baselines:
        name = rival.kind if rival.view is None else f"{rival.kind} {rival.view}"
        console.print(f"  {shown(name)}: {figure(rival.figure)}")
    console.print(f"Shuffled answers: {_null(report)}")
    console.print(f"Saved to {shown(str(folder))}")


def _null(report: PredictorReport) -> str:
    return f"as good in {report.null.p:.1%} of {report.null.permutations} tries"


def figure(each: Figure) -> str:
    """A figure with its interval."""
    value = f"{each.value:.3f}{f' {each.unit}' if each.unit else ''}"
    if each.low is None or each.high is None:
        return value
    return f"{value} (95 %: {each.low:.3f} to {each.high:.3f})"


app.command("fit", epilog=example("predict fit"))(fit)
app.command("run", epilog=example("predict run"))(predict_run.run)
app.command("eval", epilog=example("predict eval"))(predict_run.evaluate)
app.command("explain", epilog=example("predict explain"))(predict_run.explain)
