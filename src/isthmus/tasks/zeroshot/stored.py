"""Labels for what a store holds, kept there so that searches can filter by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.core.contracts import Progress, untold
from isthmus.core.errors import InputError
from isthmus.pipeline import VectorCache
from isthmus.store import item_id
from isthmus.store.filters import parse
from isthmus.tasks.zeroshot.annotate import (
    LEAST,
    Annotated,
    Annotation,
    annotation,
    given_labels,
)
from isthmus.tasks.zeroshot.judging import Judges, LabelCheck
from isthmus.tasks.zeroshot.options import ClassifyOptions, check_least, check_most

if TYPE_CHECKING:
    from pathlib import Path

    from isthmus.store import Entry
    from isthmus.tasks.retrieval.store import Store
    from isthmus.tasks.zeroshot.annotate import Label
    from isthmus.tasks.zeroshot.classes import Given
    from isthmus.tasks.zeroshot.results import Classification, Classified

_CHUNK = 4096
"""Items that are judged at a time."""


def annotate_store(
    store: Store,
    labels: Iterable[str] | Mapping[str, Given] | None = None,
    *,
    shots: str | Path | Mapping[str, Given] | None = None,
    where: str = "",
    least: float = LEAST,
    most: int | None = None,
    keep: bool = False,
    options: ClassifyOptions | None = None,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Annotation:
    """Give the items of a store labels, in place of those that they had.

    Nothing is encoded but the labels. Afterwards a search can ask for ``where="label:cat"``. The
    labels of all items are written at once, at the end.

    Args:
        store: Whose items are annotated.
        labels: As for :func:`isthmus.annotate`.
        shots: As for :func:`isthmus.annotate`.
        where: A filter; empty for all items.
        least: Labels that are less probable are left out.
        most: At most so many labels an item; None for all.
        keep: Whether items keep labels of other names.
        options: How.
        cache: Of native vectors of labels.
        progress: Told as items are judged; what it raises ends the work, and changes nothing.
        **changes: Fields of :class:`ClassifyOptions`.

    Returns:
        The labels of each item; views from whose items nothing can be said are named in the notes.

    Raises:
        InputError: If no item passes, or an option cannot be used.
    """
    check_least(least)
    check_most(most)
    judges = Judges.of(store.space, labels, shots, ClassifyOptions.of(options, **changes), cache)
    snapshot = store.backend.snapshot()
    entries = list(snapshot.entries(parse(where) if where.strip() else None))
    if not entries:
        raise InputError("the store holds no such item; fill it with: isthmus index PATHS")
    found: dict[str, tuple[Label, ...]] = {}
    checks: list[LabelCheck] = []
    by_view = _by_view(judges, entries)
    total = sum(map(len, by_view.values()))
    for view, own in by_view.items():
        judge = judges.judge(view)
        checks += judge.checks
        for start in range(0, len(own), _CHUNK):
            known = snapshot.vectors(own[start : start + _CHUNK])
            for name, row in zip(known, judge(np.stack(list(known.values()))), strict=True):
                found[name] = given_labels(judges.specs, row, least, most)
            (progress or untold)("label items", len(found), total)
    _keep(store, found, judges.names if keep else None)
    said = (Annotated(e.source, e.view, e.id, found[e.id]) for e in entries if e.id in found)
    return annotation(judges, list(said), checks)


def _by_view(judges: Judges, entries: Iterable[Entry]) -> dict[str, list[str]]:
    """Ids of items by view; those of which nothing can be said are passed over."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(entry.view, []).append(entry.id)
    for view in [view for view in found if not judges.can(view)]:
        judges.pass_over(view, len(found.pop(view)))
    return found


def _keep(store: Store, found: Mapping[str, Sequence[Label]], judged: Sequence[str] | None) -> None:
    """Write labels beside what the store knows of items by now.

    Args:
        store: Whose items.
        found: Labels by item.
        judged: Names whose old labels are replaced; None for all.
    """
    with store.backend.exclusive():
        amended: list[Entry] = []
        for name, entry in store.backend.get(list(found)).items():
            labels = [(each.name, round(each.probability, 4)) for each in found[name]]
            if judged is not None:
                labels += [old for old in entry.labels if old[0] not in judged]
                labels.sort(key=lambda label: -label[1])
            amended.append(replace(entry, labels=tuple(labels)))
        store.backend.amend(amended)


def keep_labels(store: Store, said: Classification) -> int:
    """Keep what items were said to be as their labels, in place of those that they had.

    Afterwards a search can ask for ``where="label:cat"``. An item that is none of the classes
    loses its labels.

    Args:
        store: That holds the items; of any space, as only names and probabilities are kept.
        said: What :func:`isthmus.classify` returned.

    Returns:
        How many items of the store that was; those that it does not hold are passed over.
    """
    ids: dict[str, Classified] = {}
    for each in said.items:
        for view, item in each.items.items():
            ids |= {item_id(item.id): each, item_id(item.id, view): each}
    amended = []
    for name, entry in store.backend.snapshot().get(list(ids)).items():
        each = ids[name]
        kept = () if each.label is None else ((each.label, round(each.probability, 4)),)
        amended.append(replace(entry, labels=kept))
    store.backend.amend(amended)
    return len(amended)
