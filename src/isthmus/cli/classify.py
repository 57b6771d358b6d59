"""``isthmus classify``: what files are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from isthmus.cli.console import (
    CACHE_OPTION,
    EXIT_PARTLY,
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    SEED_OPTION,
    TRUST_OPTION,
    err,
    list_left_out,
    out,
    print_json,
    rows_of,
    shown,
)
from isthmus.cli.opening import check_store, open_store
from isthmus.cli.outputs import rows_like
from isthmus.cli.zeroshot import (
    ASKED_AS,
    ITEMS,
    LANGUAGE,
    OUT,
    ROWS,
    SPACE,
    TEMPLATES,
    VIEW,
    Asked,
    asked_of,
    check_out,
    check_placed,
    names_of,
    options_of,
    say_notes,
    say_rest,
    write_rows,
)
from isthmus.core.record import Failure
from isthmus.core.wording import count

if TYPE_CHECKING:
    from isthmus.prompts.generate import Captions
    from isthmus.tasks.zeroshot.reporting.model import ClassificationReport
    from isthmus.tasks.zeroshot.results import Classification
    from isthmus.tasks.zeroshot.stored import KeptLabels

CLASSES = typer.Option(
    [],
    "--classes",
    metavar="A,B,C",
    help="Names of classes, in any language. Repeatable.",
)
CLASSES_FILE = typer.Option(None, "--classes-file", metavar="FILE", help="Names, one a line.")
SHOTS = typer.Option(
    None, "--shots", metavar="DIR", help="Folder with examples: a folder in it for each class."
)
GLOSSES = typer.Option(
    None,
    "--glosses",
    metavar="FILE",
    help="Glosses of the classes (.toml, .json or .csv), to make prompts from.",
)
LLM = typer.Option(
    "",
    "--llm",
    metavar="URL",
    help="Have a language model describe the classes, at an OpenAI-compatible address. Its key "
    "comes from ISTHMUS_LLM_KEY.",
)
LLM_MODEL = typer.Option("", "--llm-model", metavar="NAME", help="Name of the language model.")
CAPTIONS = typer.Option(
    None,
    "--captions",
    metavar="STORE",
    help="Make prompts from the texts of this store that are near your examples.",
)
KEEP_GENERATED = typer.Option(
    False,
    "--keep-generated",
    help="Use generated prompts even if they do not beat random words on your examples.",
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
    None,
    "--store",
    "-s",
    metavar="DIR",
    help="Keep labels that are at least 50 % probable in this store, for items it holds.",
)
COVERAGE = typer.Option(
    0.9, "--coverage", help="Share of items whose likely labels hold the true one."
)
LEAST = typer.Option(
    0.0, "--least", help="Items whose best probability is lower are none of these."
)
_ROWS = rows_like(
    ("source", "label", "probability", "likely"), ("views", "probabilities"), ".csv", ".jsonl"
)
"""What --out is."""
_SHOWN = 3


def command(
    items: list[str] = ITEMS,
    classes: list[str] = CLASSES,
    classes_file: Path | None = CLASSES_FILE,
    shots: Path | None = SHOTS,
    space: str = SPACE,
    *,
    context: typer.Context,
    output: Path | None = OUT,
    report: Path | None = REPORT,
    truth: str = TRUTH,
    store: Path | None = KEEP,
    method: str = typer.Option("auto", "--method", help="Few-shot method, or auto."),
    coverage: float = COVERAGE,
    least: float = LEAST,
    language: str = LANGUAGE,
    templates: Path | None = TEMPLATES,
    glosses: Path | None = GLOSSES,
    llm: str = LLM,
    llm_model: str = LLM_MODEL,
    captions: Path | None = CAPTIONS,
    keep_generated: bool = KEEP_GENERATED,
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
    that are left out in turn. Prompts from --glosses, --llm and --captions are used only if they
    surely beat random words on these. --truth and --report measure the answers, beside what luck
    would give. If some items cannot be used, the others are classified, and the exit code is 4.
    """
    check_placed(context, "classes")
    options = options_of(
        method=method, coverage=coverage, least=least, language=language,
        templates=templates or "", view=view, asked_as=asked_as, glosses=glosses or "", llm=llm,
        llm_model=llm_model, keep_generated=keep_generated,
        captions=_captions(captions, space, trust),
    )  # fmt: skip
    check_out(output, _ROWS, report, [*items, truth, classes_file, glosses, templates])
    names = names_of(classes, classes_file, "--classes", shots is None)
    check_store(store)
    measured = _measured(report, truth, seed)
    with asked_of(space, items, trust, max_megapixels, cache, as_json) as ready:
        done, found, failures = _classified(ready, names, measured, shots=shots, options=options)
    write_rows(output, [done.row(item, _SHOWN) for item in done.items])
    _write_page(report, found, failures)
    kept = _keep(store, done, trust)
    if as_json:
        said = {**done.to_json(), "left_out": rows_of(failures), "kept": kept and kept.to_json()}
        print_json({**said, "report": None if found is None else found.to_json()})
    else:
        _say(done, output)
        _say_measured(found, report, kept, store)
        list_left_out(rows_of(failures))
    if failures:
        raise typer.Exit(EXIT_PARTLY)


def _measured(report: Path | None, truth: str, seed: int) -> dict[str, Any] | None:
    """What a report takes, if one is wanted; refuses a truth that cannot be read."""
    from isthmus.tasks.zeroshot.truth import TrueClasses

    if truth:
        TrueClasses.read(truth)
    elif report is None:
        return None
    return {"truth": truth or None, "seed": seed}


def _classified(
    ready: Asked, names: Sequence[str] | None, measured: Mapping[str, Any] | None, **given: Any
) -> tuple[Classification, ClassificationReport | None, list[Failure]]:
    """What items are, how good that is where it is measured, and what was left out."""
    from isthmus.tasks import classification_report, classify

    known, files, more, rest = ready
    found = None
    if measured is not None:
        found = classification_report(known, files, names, **given, **more, **measured)
    done = classify(known, files, names, **given, **more) if found is None else found.said
    return done, found, [*rest, *done.failures]


def _captions(folder: Path | None, space: str, trust: Sequence[str] | None) -> Captions | None:
    """Texts of a store, which must be of the space; None without a store."""
    if folder is None:
        return None
    from isthmus.tasks.zeroshot.generated import captions_of

    with open_store(folder, space, trust=trust) as store:
        return captions_of(store)


def _say(done: Classification, output: Path | None) -> None:
    console = out()
    for item in done.items[:ROWS]:
        label = "none of these" if item.label is None else shown(item.label)
        row = done.row(item, _SHOWN)
        others = [f"{shown(x['label'])} {x['probability']:.2f}" for x in row["probabilities"]]
        console.print(f"{shown(item.source)}  [bold]{label}[/]  [dim]{', '.join(others)}[/]")
    say_rest(len(done), output)
    for each in done.learned:
        best = "" if not each.tried else f", {each.reason}"
        err().print(
            f"[dim]{shown(each.view)}: {each.method} from {each.shots} examples{shown(best)}. "
            f"Guessing gets {done.chance:.2f}.[/]"
        )
        if (made := each.generated) is not None:
            err().print(f"[dim]{shown(each.view)}: generated prompts: {shown(made.reason)}.[/]")
    say_notes(done.notes)


def _write_page(
    path: Path | None, found: ClassificationReport | None, failures: Sequence[Failure]
) -> None:
    """The page, with all files that were passed over among those left out."""
    if path is not None and found is not None:
        from isthmus.report import write_classification

        write_classification(path, replace(found, said=replace(found.said, failures=failures)))


def _keep(
    folder: Path | None, done: Classification, trust: Sequence[str] | None
) -> KeptLabels | None:
    """Keep labels in a store, if there is to be one, and say how many."""
    from isthmus.tasks import keep_labels

    if folder is None:
        return None
    with open_store(folder, trust=trust) as store:
        return keep_labels(store, done)


def _say_measured(
    found: ClassificationReport | None,
    page: Path | None,
    kept: KeptLabels | None,
    store: Path | None,
) -> None:
    _say_figures(found, page)
    _say_kept(kept, store)


def _say_kept(kept: KeptLabels | None, folder: Path | None) -> None:
    """How many labels a store keeps, and why it keeps no more."""
    if kept is None:
        return
    out().print(f"Labels of {count(kept.labelled, 'item')} are kept in {shown(str(folder))}.")
    if not kept.items:
        say_notes(["it holds none of these items; fill it with isthmus index"])
    if kept.unsure:
        unsure = count(kept.unsure, "label")
        say_notes([f"{unsure} not kept: less than {100 * kept.least:.0f} % probable"])
    if kept.none_of_these:
        none = count(kept.none_of_these, "item")
        say_notes([f"{none} got no label: none of the classes is probable enough"])


def _say_figures(found: ClassificationReport | None, page: Path | None) -> None:
    """Figures beside chance, for items with true classes and for examples left out."""
    if found is None:
        return
    say_notes(found.notes)
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
