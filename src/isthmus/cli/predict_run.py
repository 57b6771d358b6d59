"""``isthmus predict run``, ``eval`` and ``explain``: what a predictor says, how well, and why."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
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
    shown,
)
from isthmus.cli.loading import options_of
from isthmus.cli.opening import check_order, check_store, open_store
from isthmus.cli.outputs import check_page, rows_like
from isthmus.cli.zeroshot import ROWS, check_out, say_rest, write_rows
from isthmus.core.errors import InputError
from isthmus.core.wording import count

if TYPE_CHECKING:
    from isthmus.core.record import Dataset
    from isthmus.pipeline import VectorCache
    from isthmus.predictor.answer import Account, Answer
    from isthmus.predictor.predictor import Predictor
    from isthmus.tasks.predict import KeptAnswers, PredictorEvaluation

_FOLDER = typer.Argument(help="Folder of the predictor.")
_OUT = typer.Option(
    None, "--out", "-o", metavar="FILE", help="Write a row for each record to this .csv or .jsonl."
)
_STORE = typer.Option(
    None,
    "--store",
    "-s",
    metavar="DIR",
    help="Keep the answers in this store, as labels FIELD=VALUE of the items it holds.",
)
_FIELD = typer.Option("", "--field", help="With --store: the field. Default: the target's name.")
_LEAST = typer.Option(0.5, "--least", help="With --store: keep answers at least this probable.")
_COVERAGE = typer.Option(
    0.9, "--coverage", help="Share of sets and intervals that shall hold the truth."
)
_RISK = typer.Option(
    None,
    "--risk",
    metavar="RISK",
    help="Share of answers that may be wrong, such as 0.05: abstain where the predictor is less "
    "sure. Of a number: the mean distance that may be, in its unit, of a date in days. Default: "
    "answer all.",
)
_HTML = typer.Option(None, "--html", metavar="FILE", help="Write an HTML page to this file, too.")
_ROWS = rows_like(
    ("id", "source", "value", "probability", "sure", "abstained"),
    ("missing", "notes"),
    ".csv",
    ".jsonl",
)
"""What --out is; classes have a column each."""
_TOP = 3
_PARTS = 5
_BAR = 24


def run(
    folder: Path = _FOLDER,
    data: str = DATA_ARGUMENT,
    *,
    context: typer.Context,
    output: Path | None = _OUT,
    store: Path | None = _STORE,
    field: str = _FIELD,
    least: float = _LEAST,
    coverage: float = _COVERAGE,
    risk: float | None = _RISK,
    data_option: list[str] = DATA_OPTION,
    column: list[str] = COLUMN_OPTION,
    trust: list[str] = TRUST_OPTION,
    cache: bool = CACHE_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Predict the records of DATA, whatever views they lack."""
    check_order(context, "predictor")
    check_out(output, _ROWS, inputs=[data])
    check_store(store)
    if field and store is None:
        raise InputError("--field is about a store; name it with --store")
    allow_megapixels(max_megapixels)
    made = _loaded(folder, trust)
    if store is not None:
        from isthmus.tasks.predict.keep import label_field

        label_field(made, field)
    said = [] if risk is None else [made.abstaining(risk).said]
    with progress_bar(quiet=as_json) as progress:
        dataset = made.dataset(data, options=options_of(data_option, column))
        answers = made.predict(
            dataset, coverage=coverage, risk=risk, cache=_cache(cache), progress=progress
        )
    stored = None
    if store is not None:
        from isthmus.tasks.predict import keep_answers

        with open_store(store, trust=trust) as opened:
            stored = keep_answers(opened, made, dataset.records, answers, field=field, least=least)
    write_rows(output, [answer.row() for answer in answers])
    if as_json:
        print_json(
            {
                "target": made.asked.target,
                "kind": made.asked.kind,
                "answers": [answer.to_json() for answer in answers],
                "kept": None if stored is None else stored.to_json(),
                "notes": [*said, *dataset.notes],
                "left_out": rows_of(dataset.skipped),
            }
        )
        return
    list_left_out(rows_of(dataset.skipped))
    _say_notes(dataset)
    _say_abstained(answers, said)
    for answer in answers[:ROWS]:
        out().print(_line(answer))
    say_rest(len(answers), output)
    _say_kept(stored, store, least)


def evaluate(
    folder: Path = _FOLDER,
    data: str = DATA_ARGUMENT,
    *,
    context: typer.Context,
    target: str = typer.Option(
        "", "--target", "-t", metavar="COLUMN", help="Column with the answer, if it has moved."
    ),
    data_option: list[str] = DATA_OPTION,
    column: list[str] = COLUMN_OPTION,
    trust: list[str] = TRUST_OPTION,
    seed: int = SEED_OPTION,
    cache: bool = CACHE_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Measure a predictor on records that know the answer and that it did not learn from."""
    check_order(context, "predictor")
    allow_megapixels(max_megapixels)
    made = _loaded(folder, trust)
    known = made.dataset(data, target, options=options_of(data_option, column))
    with progress_bar(quiet=as_json) as progress:
        found = made.evaluate(known, target, seed=seed, cache=_cache(cache), progress=progress)
    if as_json:
        print_json(found.to_json())
    else:
        _say_figures(found)


def explain(
    folder: Path = _FOLDER,
    data: str = DATA_ARGUMENT,
    *,
    context: typer.Context,
    row: str | None = typer.Option(None, "--row", metavar="ID", help="Id of the record."),
    about: str | None = typer.Option(
        None, "--about", metavar="CLASS", help="Explain the score of this class or label instead."
    ),
    html: Path | None = _HTML,
    data_option: list[str] = DATA_OPTION,
    column: list[str] = COLUMN_OPTION,
    trust: list[str] = TRUST_OPTION,
    seed: int = SEED_OPTION,
    cache: bool = CACHE_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show what each view of a record adds to its prediction, and inside a view its parts."""
    check_order(context, "predictor")
    allow_megapixels(max_megapixels)
    check_page(html)
    made = _loaded(folder, trust)
    known = made.dataset(data, options=options_of(data_option, column))
    with progress_bar(quiet=as_json) as progress:
        found = made.explain(
            known, row=row, about=about, seed=seed, cache=_cache(cache), progress=progress
        )
    if html is not None:
        from isthmus.report import write_account

        record = next(each for each in known.records if each.id == found.answer.id)
        write_account(html, found, record, target=made.asked.target)
    if as_json:
        print_json(found.to_json())
    else:
        _say_notes(known)
        _say_account(found)


def _loaded(folder: Path, trust: Sequence[str] | None) -> Predictor:
    from isthmus.tasks import predict

    return predict.load(folder, trust=trust or ())


def _cache(wanted: bool) -> VectorCache | None:
    from isthmus.pipeline import default_cache

    return default_cache() if wanted else None


def _line(answer: Answer) -> str:
    """One answer on a line."""
    from isthmus.predictor.answer import in_words

    named = f"{answer.id} {answer.source}" if answer.id.isdigit() else answer.id
    parts = [f"{shown(named.rstrip())}  [bold]{shown(_value(answer))}[/]"]
    if answer.abstained:
        parts.append("[yellow]not sure enough[/]")
    if answer.interval is not None:
        low, high = map(in_words, answer.interval)
        parts.append(f"[dim]{low} to {high}[/]")
    best = sorted(answer.probabilities.items(), key=lambda pair: -pair[1])[:_TOP]
    if best:
        parts.append(f"[dim]{', '.join(f'{shown(name)} {p:.2f}' for name, p in best)}[/]")
    if answer.missing:
        parts.append(f"[dim]without {shown(', '.join(answer.missing))}[/]")
    parts += [f"[dim]{shown(note)}[/]" for note in answer.notes[:_TOP]]
    return "  ".join(parts)


def _value(answer: Answer) -> str:
    from isthmus.predictor.answer import in_words

    if isinstance(answer.value, tuple):
        return ", ".join(answer.value) or "none"
    return in_words(answer.value)


def _say_notes(dataset: Dataset) -> None:
    for note in dataset.notes:
        err().print(f"[yellow]Note:[/] {shown(note)}")


def _say_abstained(answers: Sequence[Answer], said: Sequence[str]) -> None:
    """What was asked for, and how many answers are withheld."""
    gone = sum(answer.abstained for answer in answers)
    for each in said:
        note = f"{shown(each)}. Of these {count(len(answers), 'record')} it abstains from {gone:,}"
        err().print(f"[yellow]Note:[/] {note}")


def _say_kept(kept: KeptAnswers | None, folder: Path | None, least: float) -> None:
    if kept is None:
        return
    said = f"{count(kept.labelled, 'item')} of {shown(str(folder))} got a label"
    find = f"; find them with --where {shlex.quote(kept.where)}" if kept.where else ""
    out().print(f"{said}{shown(find)}.")
    for note in _why_unkept(kept, least):
        err().print(f"[yellow]Note:[/] {note}")


def _why_unkept(kept: KeptAnswers, least: float) -> Iterator[str]:
    """Why items have no label."""
    if kept.unsure:
        items = count(kept.unsure, "item")
        yield f"{items} got none: their answer is less probable than {least:g}, or withheld"
    if kept.absent:
        items = count(kept.absent, "item")
        yield f"{items} of these records are not in the store; add them with isthmus index"
    if not kept.items and not kept.absent:
        yield (
            "the records have no media and no texts, only plain columns, so no item of the store "
            "is one of theirs"
        )


def _say_figures(found: PredictorEvaluation) -> None:
    console = out()
    for note in found.notes:
        err().print(f"[yellow]Note:[/] {shown(note)}")
    console.print(f"{shown(found.target)}: {count(found.records, 'record')} of {shown(found.data)}")
    for each in found.figures:
        value = "unknown" if each.value is None else f"{each.value:.3f}"
        value += f" {each.unit}" if each.unit else ""
        ends = "" if each.low is None else f" (95 %: {each.low:.3f} to {each.high:.3f})"
        plain = "" if each.plain is None else f"; knowing nothing {each.plain:.3f}"
        console.print(f"  {each.metric}: {value}{ends}{plain}")
    if found.reliability is not None:
        console.print(f"  calibration error: {found.reliability.error:.3f}")
    for cover in found.coverage:
        console.print(f"  {cover.wished:.0%} sets or intervals hold {cover.covered:.1%}")


def _say_account(found: Account) -> None:
    console = out()
    console.print(_line(found.answer))
    others = "".join(f"; {shown(n)} {_signed(x)}" for n, x in [*found.others.items()][:_TOP])
    total = found.score_date or _signed(found.score)
    console.print(f"\nScore of {shown(found.about)}: {total}{others}", style="bold")
    rest = 0.0 if found.rest_date else abs(found.rest)
    largest = max([rest, *(abs(view.share) for view in found.views), 1e-12])
    if found.rest_date:
        console.print(f"  {found.rest_date} all records alike; views add days", highlight=False)
    else:
        _bar("all records alike", found.rest, largest)
    for view in found.views:
        _bar(view.view, view.share, largest)
        for part in view.strongest(_PARTS):
            console.print(f"      {_signed(part.value)}  {shown(part.label)}", style="dim")
        rest = len(view.parts) - _PARTS
        start = _signed(view.baseline) if view.parts else ""
        beside = [
            f"{start}  what a typical item of this view adds" if start.strip("0. ") else "",
            count(rest, "more part") if rest > 0 else "",
            view.method,
        ]
        console.print(f"      {shown('; '.join(filter(None, beside)))}", style="dim")
    for gone in found.missing:
        turned, days = "", " days" if found.unit else ""
        if gone.turned is not None:
            turned = f", another answer in {gone.turned:.0%}"
            turned += f", mostly {gone.instead}" if gone.instead else ""
        console.print(
            f"Without {shown(gone.view)}. With it, as {gone.neighbours} records like this one "
            f"have it, the score would change by {gone.change:.4f}{days}{shown(turned)}."
        )


def _signed(value: float) -> str:
    """Four digits with a sign, and a blank in its place before zero."""
    from isthmus.report.kit.words import signed_share

    return f"{signed_share(value, 4):>7}"


def _bar(name: str, value: float, largest: float) -> None:
    from rich.text import Text

    line = Text(f"  {_signed(value)} ")
    bar = "█" * max(1, round(_BAR * abs(value) / largest))
    line.append(f"{bar:<{_BAR}}", "dark_orange" if value >= 0 else "slate_blue1")
    line.append(f" {name}")
    out().print(line)
