"""The report of a space on records: what all commands write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.report.pages.space.flatten import map_points
from isthmus.report.pages.space.gather import examples
from isthmus.report.pages.space.model import QueryExample, Report
from isthmus.report.pages.space.page import write_report
from isthmus.space import Evaluation, Space


def report_on(
    path: str | Path,
    space: Space,
    pairs: PairedVectors,
    dataset: Dataset,
    *,
    title: str,
    evaluation: Evaluation | None = None,
    queries: Sequence[QueryExample] = (),
    notes: Sequence[str] = (),
    seed: int = 0,
) -> Path:
    """Write the page for a space, with the map and examples of these records.

    Args:
        path: Of the HTML file; one that is there is replaced.
        space: With its report.
        pairs: Native vectors of the records.
        dataset: The records, for pictures, sounds and captions.
        title: Heading of the page.
        evaluation: What :func:`isthmus.space.evaluate` returned for ``pairs``, if measured.
        queries: Shown before the examples, which are drawn with the seed.
        notes: Sentences that a reader must know.
        seed: Of map and examples.

    Returns:
        ``path``.
    """
    measured = () if evaluation is None else evaluation.directions
    report = Report(
        title=title,
        modalities=space.modalities,
        space_report=space.report,
        evaluation=evaluation,
        emergent=frozenset(space.emergent(measured)),
        points=map_points(space, pairs, dataset, seed=seed),
        queries=[*queries, *examples(space, pairs, dataset, seed=seed)],
        notes=notes,
    )
    return write_report(path, report)
