"""``isthmus transfer``: start a new task from what was learned for others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus.cli.console import (
    CACHE_OPTION,
    EXIT_PARTLY,
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    list_left_out,
    out,
    print_json,
    progress_bar,
    rows_of,
    shown,
)
from isthmus.cli.zeroshot import say_notes
from isthmus.core.artifact import check_target
from isthmus.core.errors import InputError
from isthmus.core.locking import lock_for
from isthmus.core.wording import count

if TYPE_CHECKING:
    from rich.console import Console

    from isthmus.prompts.figures import Figures
    from isthmus.prompts.transfer import Library
    from isthmus.tasks.transferring import Transferred

SPACE = typer.Option(
    "starter", metavar="DIR", help="Folder of a space. Default: the starter space."
)
VIEW = typer.Option("", help="View of the examples, if several views have the same modality.")


def command(
    shots: Path = typer.Argument(help="Examples of the new task: a folder for each class."),
    *,
    source: list[str] = typer.Option(
        None, "--from", metavar="DIR", help="Examples of another task to learn from. Repeatable."
    ),
    library: Path | None = typer.Option(
        None, help="Folder that keeps what was learned for tasks. Made if it is not there."
    ),
    keep: str = typer.Option("", help="Add the new task to the library by this name."),
    test: Path | None = typer.Option(
        None, help="More items of the new task, a folder for each class, to measure on."
    ),
    space: str = SPACE,
    view: str = VIEW,
    cache: bool = CACHE_OPTION,
    trust: list[str] = TRUST_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Start a new task from prompts that were learned for other tasks.

    The command finds the nearest source tasks, tries ways to start from them, and judges each on
    examples that it left out. A start is used only if it helps there by more than two standard
    errors; else the task is learned from its own examples alone. Both are reported, and so is a
    start that hurts. The library is written at the end, so Ctrl-C leaves it as it was.
    """
    from isthmus.pipeline import default_cache
    from isthmus.space import Space
    from isthmus.tasks.transferring import transfer_to

    allow_megapixels(max_megapixels)
    known = _known(library, needed=not source, keep=keep)
    with progress_bar(quiet=as_json) as progress:
        done = transfer_to(
            Space.load(space, trust=trust or ()),
            shots,
            sources=source or (),
            library=known,
            keep=keep,
            test=test,
            view=view,
            cache=default_cache() if cache else None,
            progress=progress,
        )
    if library is not None:
        _keep(library, known, done.library)
    left_out = rows_of(done.failures)
    if as_json:
        print_json(done.to_json())
    else:
        _print(out(), done)
        say_notes(done.notes)
        list_left_out(left_out)
        if library is not None:
            tasks = count(len(done.library.sources), "task")
            out().print(f"{shown(str(library))} holds {tasks}.")
    if any(each["what"] for each in left_out):
        raise typer.Exit(EXIT_PARTLY)


def _known(folder: Path | None, *, needed: bool, keep: str = "") -> Library | None:
    """The library in a folder; None where there is none yet, refused if it is needed."""
    if keep and folder is None:
        raise InputError("--keep puts the task into a library; name one with --library DIR")
    from isthmus.prompts.transfer import Library
    from isthmus.prompts.transfer.library import KIND
    from isthmus.tasks.transferring import no_sources

    if folder is not None:
        check_target(folder, KIND)
        if folder.exists() and any(folder.iterdir()):
            return Library.load(folder)
    if needed:
        raise no_sources(folder)
    return None


def _keep(folder: Path, known: Library | None, made: Library) -> None:
    """Write what was learned beside what the library holds by now: others may write, too."""
    with lock_for(folder):
        now = _known(folder, needed=False)
        if now is not None:
            now.check_space(made.space, made.view)
            before = set() if known is None else set(map(id, known.sources))
            for source in made.sources:
                if id(source) not in before:
                    now = now.with_source(source)
            made = now
        made.save(folder)


def _print(console: Console, done: Transferred) -> None:
    from rich.table import Table

    from isthmus.report.kit.words import signed, signed_share

    made = done.transfer
    near = ", ".join(f"{shown(name)} ({signed(cosine)})" for name, cosine in made.sources)
    console.print(f"Nearest source tasks, by class names: {near}")
    used = "no transfer" if made.start == "none" else f"{made.start}"
    console.print(f"Used: {used}; {made.reason}. Then: {made.choice.method}.")
    if made.trials:
        table = Table(
            "start", "gain", "±", "accuracy", "recall", "F1", title="On left-out examples"
        )
        for each in made.trials:
            start = " ".join([each.start, *(f"{value:g}" for value in each.params.values())])
            verdict = " helps" if each.helps else " hurts" if each.hurts else ""
            cells = (signed_share(each.gain, 3), f"{each.error:.3f}", *_cells(each.figures))
            table.add_row(start + verdict, *cells)
        console.print(table)
        console.print("gain: how much lower the cross-entropy is than with no transfer")
    if done.seen:
        console.print(
            f"[yellow]The space has learned from {count(done.seen, 'example')} of this task, so "
            "these figures are too good.[/]"
        )
    if made.negative:
        names = ", ".join(dict.fromkeys(each.start for each in made.negative))
        console.print(f"Negative transfer: {names} did worse and are not used.")
    if made.nested is not None:
        nested = made.nested
        console.print(
            f"Cross-validated in {count(nested.folds, 'fold')}, the choice included: accuracy "
            f"{nested.chosen.accuracy:.2f}, without transfer {nested.none.accuracy:.2f}, by words "
            f"alone {nested.words.accuracy:.2f}, chance {nested.chosen.chance:.2f}."
        )
    if done.tested is not None:
        table = Table("on the test items", "accuracy", "recall", "F1")
        for name, figures in done.tested.items():
            table.add_row(name, *_cells(figures))
        table.add_row("chance", f"{figures.chance:.2f}", "", "")
        console.print(table)


def _cells(figures: Figures) -> tuple[str, str, str]:
    return f"{figures.accuracy:.2f}", f"{figures.macro_recall:.2f}", f"{figures.macro_f1:.2f}"
