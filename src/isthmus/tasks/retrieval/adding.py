"""A plan of indexing is carried out, and what belongs to a run besides its files."""

from __future__ import annotations

from pathlib import Path

from isthmus.core.contracts import Progress
from isthmus.space import Space
from isthmus.store import Backend
from isthmus.tasks.retrieval.index import index
from isthmus.tasks.retrieval.near import near_duplicates
from isthmus.tasks.retrieval.plan import Plan, Roots
from isthmus.tasks.retrieval.read_setting import Reading, ReadSetting
from isthmus.tasks.retrieval.refreshing import refreshed
from isthmus.tasks.retrieval.report import IndexReport
from isthmus.tasks.retrieval.unfinished import RunGiven, under_way


def carry_out(
    todo: Plan,
    run: RunGiven,
    space: Space,
    backend: Backend,
    folder: Path | None,
    *,
    reading: Reading,
    setting: ReadSetting,
    progress: Progress | None,
) -> IndexReport:
    """Carry out a plan, noted in the folder of the store until it has finished.

    Args:
        todo: What there is to do.
        run: What was asked for.
        space: Of the store.
        backend: Of the store.
        folder: Of the store; None for one in memory.
        reading: Keeps which words are read in files.
        setting: Which are to be read from now on.
        progress: Told as work is done.
    """
    reading.change(setting, backend)
    left = bool(todo.fresh) or run.refresh or setting.behind
    with under_way(folder, backend, run, left=left):
        given = (space, backend, todo, run.views)
        report = index(*given, reading=setting, fields=run.fields, progress=progress)
        if run.refresh:
            roots = Roots(todo.roots)
            report.fields_changed = refreshed(backend, roots, fields=run.fields, progress=progress)
    reading.finish(setting)
    if report.added or report.gone or report.dropped or report.moved or report.passages:
        report.near = near_duplicates(space, backend, report.added)
        backend.optimize()
    return report
