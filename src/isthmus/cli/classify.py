"""``isthmus classify`` and ``isthmus annotate``: what files are."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from isthmus import space as spaces
from isthmus.cli.console import (
    CACHE_OPTION,
    EXIT_PARTLY,
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    SEED_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    check_output,
    err,
    list_left_out,
    out,
    print_json,
    progress_bar,
    rows_of,
    shown,
)
from isthmus.cli.opening import open_store
from isthmus.core.errors import InputError
from isthmus.core.record import Failure
from isthmus.core.wording import count
from isthmus.media.source import walk

if TYPE_CHECKING:
    from isthmus.tasks.zeroshot.annotate import Annotation
    from isthmus.tasks.zeroshot.options import ClassifyOptions
    from isthmus.tasks.zeroshot.reporting.model import ClassificationReport
    from isthmus.tasks.zeroshot.results import Classification

ITEMS = typer.Argument(help="Files and folders.")
SPACE = typer.Option("starter", "--space", metavar="DIR", help="Folder of a space.")
CLASSES = typer.Option(
    None, "--classes", metavar="A,B,C", help="Names of classes, in any language."
)
CLASSES_FILE = typer.Option(None, "--classes-file", metavar="FILE", help="Names, one a line.")
LABELS = typer.Option(None, "--labels", metavar="A,B,C", help="Labels, in any language.")
LABELS_FILE = typer.Option(None, "--labels-file", metavar="FILE", help="Labels, one a line.")
SHOTS = typer.Option(
    None, "--shots", metavar="DIR", help="Folder with examples: a folder in it for each class."
)
LANGUAGE = typer.Option(
    "", "--language", metavar="TAG", help="Language of the names. Default: told by their script."
)
TEMPLATES = typer.Option(
    None, "--templates", metavar="FILE", help="TOML file with sentences of your own for the names."
)
VIEW = typer.Option(
    "", "--view", help="View that the items belong to, where several views read one modality."
)
ASKED_AS = typer.Option(
    "", "--as", help="View that reads the names, where several views read text."
)
OUT = typer.Option(
    None, "--out", "-o", metavar="FILE", help="Write a row for each item to this .csv or .jsonl."
)
REPORT = typer.Option(
    None, "--report", metavar="FILE", help="Write an HTML report to this file, too."
)
TRUTH = typer.Option(
    "",
    "--truth",
    metavar="folders|FILE",
    help="True classes, to measure on: 'folders' where each item lies in a folder of the name of "
    "its class, or a .csv file with the columns source and label.",
)
KEEP = typer.Option(
    None, "--store", "-s", metavar="DIR", help="Keep the labels in this store, for items it holds."
)
COVERAGE = typer.Option(
    0.9, "--coverage", help="Share of items whose likely labels hold the true one."
)
LEAST = typer.Option(
    0.0, "--least", help="Items whose best probability is lower are none of these."
)
_SHOWN = 3
_ROWS = 50


def classify(
    items: list[str] = ITEMS,
    classes: str = CLASSES,
    classes_file: Path | None = CLASSES_FILE,
    shots: Path | None = SHOTS,
    space: str = SPACE,
    *,
    output: Path | None = OUT,
    report: Path | None = REPORT,
    truth: str = TRUTH,
    store: Path | None = KEEP,
    method: str = typer.Option("auto", "--method", help="Few-shot method, or auto."),
    coverage: float = COVERAGE,
    least: float = LEAST,
    language: str = LANGUAGE,
    templates: Path | None = TEMPLATES,
    view: str = VIEW,
    asked_as: str = ASKED_AS,
    seed: int = SEED_OPTION,
    cache: bool = CACHE_OPTION,
    trust: list[str] = TRUST_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Say which of some classes each of ITEMS is.

    A class is its name, or a folder of examples, or both. Probabilities are calibrated on examples
    left out in turn. --truth and --report measure the answers, beside what luck would give. If some
    items cannot be used, the command classifies the others and ends with exit code 4.
    """
    from isthmus.tasks import classification_report
    from isthmus.tasks import classify as run

    options = _options(
        method=method, coverage=coverage, least=least, language=language,
        templates=templates or "", view=view, asked_as=asked_as,
    )  # fmt: skip
    _check_out(output, report)
    names = _names(classes, classes_file, "--classes", shots is None)
    found = None
    with _opened(space, items, trust, max_megapixels, cache, as_json) as (known, files, more, rest):
        given: dict[str, Any] = {"shots": shots, "options": options, **more}
        if report is not None or truth:
            given |= {"truth": truth or None, "seed": seed}
            found = classification_report(known, files, names, **given)
        done = found.said if found else run(known, files, names, **given)
    failures = [*rest, *done.failures]
    _write(output, [done.row(item, _SHOWN) for item in done.items])
    _write_page(report, found, failures)
    kept = _keep(store, done, trust)
    if as_json:
        measured = {"kept": kept, "report": None if found is None else found.to_json()}
        print_json({**done.to_json(), "left_out": rows_of(failures), **measured})
    else:
        _say(done, output)
        _say_figures(found, report)
        _say_kept(kept, store)
        list_left_out(rows_of(failures))
    if failures:
        raise typer.Exit(EXIT_PARTLY)


def annotate(
    items: list[str] = typer.Argument(None, help="Files and folders; none with --store."),
    labels: str = LABELS,
    labels_file: Path | None = LABELS_FILE,
    space: str = SPACE,
    store: Path | None = typer.Option(
        None,
        "--store",
        "-s",
        metavar="DIR",
        help="Annotate what this store holds, and keep the labels there for search --where.",
    ),
    *,
    where: str = typer.Option("", "--where", help="Only items of the store that pass this filter."),
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

    Several labels may fit an item, or none. With --store, the items of a store get labels in place
    of those that they had, and isthmus search --where label:cat finds them. If some items cannot be
    used, the command annotates the others and ends with exit code 4.
    """
    from isthmus.tasks.zeroshot.annotate import annotate as run
    from isthmus.tasks.zeroshot.stored import annotate_store

    if bool(items) == (store is not None):
        raise InputError("name files and folders, or a store with --store, and not both")
    options = _options(language=language, templates=templates or "", view=view, asked_as=asked_as)
    names = _names(labels, labels_file, "--labels", needed=True)
    assert names is not None
    _check_out(output)
    given: dict[str, Any] = {"least": least, "most": most, "options": options}
    rest: list[Failure] = []
    if store is not None:
        with open_store(store, trust=trust) as opened:
            done = annotate_store(opened, names, where=where, **given)
    else:
        with _opened(space, items, trust, max_megapixels, cache, as_json) as ready:
            known, files, more, rest = ready
            done = run(known, files, names, **given, **more)
    left_out = rows_of([*rest, *done.failures])
    _write(output, [item.to_json() for item in done.items])
    if as_json:
        print_json({**done.to_json(), "left_out": left_out})
    else:
        _say_labels(done, output)
        list_left_out(left_out)
    if left_out:
        raise typer.Exit(EXIT_PARTLY)


def _options(**given: Any) -> ClassifyOptions:
    from isthmus.tasks.zeroshot.options import ClassifyOptions

    return ClassifyOptions(**given)


def _names(typed: str | None, file: Path | None, flag: str, needed: bool) -> list[str] | None:
    """Names as typed and from a file; None where neither was given and none is needed."""
    from isthmus.tasks.zeroshot.annotate import read_labels

    names = [name.strip() for name in (typed or "").split(",") if name.strip()]
    if file is not None:
        names += read_labels(file)
    if names or not (needed or typed is not None or file is not None):
        return names or None
    raise InputError(f"no names were given; write, for example: {flag} cat,dog")


@contextmanager
def _opened(
    space: str,
    items: Sequence[str],
    trust: Sequence[str] | None,
    max_megapixels: float | None,
    cache: bool,
    quiet: bool,
) -> Iterator[tuple[spaces.Space, list[Path], dict[str, Any], list[Failure]]]:
    """The space, the files, what else the tasks take, and what was passed over."""
    from isthmus.pipeline import default_cache

    allow_megapixels(max_megapixels)
    known = spaces.Space.load(space, trust=trust or ())
    passed_over: list[Failure] = []
    files = [path for root in items for path in walk(Path(root).expanduser(), skipped=passed_over)]
    if not files:
        why = f"; {passed_over[0].source}: {passed_over[0].reason}" if passed_over else ""
        raise InputError(f"there are no files in {', '.join(items)}{why}")
    with progress_bar(quiet=quiet) as progress:
        more = {"cache": default_cache() if cache else None, "progress": progress}
        yield known, files, more, passed_over


def _check_out(path: Path | None, page: Path | None = None) -> None:
    check_output(page)
    if path is not None and path.suffix.lower() not in (".csv", ".jsonl"):
        raise InputError(f"{path}: give a name that ends with .csv or .jsonl")
    check_output(path)


def _write(path: Path | None, rows: Sequence[Mapping[str, Any]]) -> None:
    """One line a row, where a file is wanted."""
    if path is None:
        return
    with path.open("w", encoding="utf-8", newline="") as handle:
        if path.suffix.lower() == ".jsonl":
            _write_lines(handle, rows)
            return
        names = list(rows[0]) if rows else ["source"]
        table = csv.DictWriter(handle, names)
        table.writeheader()
        for row in rows:
            table.writerow({name: _cell(row[name]) for name in names})


def _write_lines(handle: TextIO, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        handle.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _say(done: Classification, output: Path | None) -> None:
    console = out()
    for item in done.items[:_ROWS]:
        label = "none of these" if item.label is None else shown(item.label)
        row = done.row(item, _SHOWN)
        others = [f"{shown(x['label'])} {x['probability']:.2f}" for x in row["probabilities"]]
        console.print(f"{shown(item.source)}  [bold]{label}[/]  [dim]{', '.join(others)}[/]")
    _more(len(done), output)
    for each in done.learned:
        best = "" if not each.tried else f", {each.reason}"
        err().print(
            f"[dim]{shown(each.view)}: {each.method} from {each.shots} examples{shown(best)}. "
            f"Guessing gets {done.chance:.2f}.[/]"
        )
    _notes(done.notes)


def _write_page(
    path: Path | None, found: ClassificationReport | None, failures: Sequence[Failure]
) -> None:
    """The page, with all files that were passed over among those left out."""
    if path is not None and found is not None:
        from isthmus.report import write_classification

        write_classification(path, replace(found, said=replace(found.said, failures=failures)))


def _keep(folder: Path | None, done: Classification, trust: Sequence[str] | None) -> int | None:
    """Keep labels in a store, if there is to be one, and say of how many of its items."""
    from isthmus.tasks import keep_labels

    if folder is None:
        return None
    with open_store(folder, trust=trust) as store:
        return keep_labels(store, done)


def _say_kept(kept: int | None, folder: Path | None) -> None:
    if kept is not None:
        out().print(f"Labels of {count(kept, 'item')} are kept in {shown(str(folder))}.")
    if kept == 0:
        err().print("[yellow]Note:[/] it holds none of these items; fill it with isthmus index")


def _say_figures(found: ClassificationReport | None, page: Path | None) -> None:
    """Figures beside chance, for items with true classes and for examples left out."""
    if found is None:
        return
    for name, each in (
        ("Items with known classes", found.evaluated),
        ("Examples, each left out once", found.left_out),
    ):
        if each is None:
            continue
        figures = each.figures
        low, high = figures.accuracy.low, figures.accuracy.high
        out().print(
            f"[bold]{name}[/] ({figures.items:,}): accuracy {figures.accuracy.value:.2f} "
            f"(95 %: {low:.2f} to {high:.2f}), macro recall {figures.macro_recall.value:.2f}, "
            f"macro F1 {figures.macro_f1.value:.2f}, calibration error {figures.ece.value:.2f}; "
            f"chance {figures.chance:.2f}, most frequent class {figures.majority:.2f}"
        )
    if page is not None:
        out().print(f"Report in {shown(str(page))}")


def _say_labels(done: Annotation, output: Path | None) -> None:
    console = out()
    for item in done.items[:_ROWS]:
        named = [f"{shown(x.name)} {x.probability:.2f}" for x in item.labels]
        console.print(f"{shown(item.source)}  {', '.join(named) or '[dim]no label fits[/]'}")
    _more(len(done.items), output)
    _notes(done.notes)


def _more(rows: int, output: Path | None) -> None:
    if rows > _ROWS:
        rest = f"all are in {output}" if output else "write all with --out FILE.csv"
        out().print(f"… and {rows - _ROWS} more; {shown(rest)}")


def _notes(notes: Sequence[str]) -> None:
    for note in notes:
        err().print(f"[yellow]Note:[/] {shown(note)}")
