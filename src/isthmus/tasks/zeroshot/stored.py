"""Labels for what a store holds, kept there so that searches can filter by them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import replace as with_fields
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.core.contracts import Progress, untold
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32
from isthmus.pipeline import VectorCache
from isthmus.store import is_whole, whole_id
from isthmus.store.filters import parse
from isthmus.tasks.retrieval.contents import held_items
from isthmus.tasks.retrieval.reasons import nothing_there
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

    from isthmus.store import Entry, Reader
    from isthmus.tasks.retrieval.store import Store
    from isthmus.tasks.zeroshot.annotate import Label
    from isthmus.tasks.zeroshot.classes import Given
    from isthmus.tasks.zeroshot.results import Classification

_CHUNK = 4096
"""Items that are judged at a time."""
_DIGITS = 4
"""Of a probability that is kept."""


def annotate_store(
    store: Store,
    labels: Iterable[str] | Mapping[str, Given] | None = None,
    *,
    shots: str | Path | Mapping[str, Given] | None = None,
    where: str = "",
    least: float = LEAST,
    most: int | None = None,
    replace: bool = False,
    options: ClassifyOptions | None = None,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Annotation:
    """Give the items of a store labels, beside those of other names that they have.

    Nothing is encoded but the labels. Afterwards a search can ask for ``where="label:cat"``. The
    labels of all items are written at once, at the end: a run that is stopped or fails changes
    nothing. What items had of the names that are judged now is replaced.

    Args:
        store: Whose items are annotated.
        labels: As for :func:`isthmus.annotate`.
        shots: As for :func:`isthmus.annotate`.
        where: A filter; empty for all items.
        least: Labels that are less probable are left out.
        most: At most so many labels an item; None for all.
        replace: Whether the items lose their labels of other names; nothing is removed if no item
            gets a label.
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
    entries = _entries(snapshot, where)

    def given(row: F32) -> tuple[Label, ...]:
        return given_labels(judges.specs, row, least, most)

    found, checks = _judged(judges, snapshot, entries, given, progress or untold)
    named = {n: [(each.name, each.probability) for each in some] for n, some in found.items()}
    others = replace and any(found.values())
    _, lost = amend_labels(store, named, judges.names, others=others)
    items = [Annotated(e.source, e.view, e.id, found[e.id]) for e in entries if e.id in found]
    return with_fields(annotation(judges, items, checks), removed=lost if replace else None)


def _entries(rows: Reader, where: str) -> Sequence[Entry]:
    """Those that pass a filter; there must be some."""
    wanted = parse(where) if where.strip() else None
    entries = [entry for entry in rows.entries(wanted) if is_whole(entry.id)]
    if not entries:
        raise InputError(nothing_there(rows, (), wanted))
    return entries


def _judged(
    judges: Judges,
    snapshot: Reader,
    entries: Sequence[Entry],
    given: Callable[[F32], tuple[Label, ...]],
    progress: Progress,
) -> tuple[dict[str, tuple[Label, ...]], list[LabelCheck]]:
    """The labels of items by id, and how well labels by examples know these."""
    found: dict[str, tuple[Label, ...]] = {}
    checks: list[LabelCheck] = []
    by_view = _by_view(judges, entries)
    total = sum(map(len, by_view.values()))
    for view, own in by_view.items():
        judge = judges.judge(view)
        checks += judge.checks
        for start in range(0, len(own), _CHUNK):
            known = snapshot.vectors(own[start : start + _CHUNK])
            rows = judge(np.stack(list(known.values())))
            found.update({name: given(row) for name, row in zip(known, rows, strict=True)})
            progress("label items", len(found), total)
    return found, checks


def _by_view(judges: Judges, entries: Iterable[Entry]) -> dict[str, list[str]]:
    """Ids of items by view; those of which nothing can be said are passed over."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(entry.view, []).append(entry.id)
    for view in [view for view in found if not judges.can(view)]:
        judges.pass_over(view, len(found.pop(view)))
    return found


def amend_labels(
    store: Store,
    found: Mapping[str, Sequence[tuple[str, float]]],
    judged: Sequence[str],
    *,
    others: bool,
) -> tuple[int, int]:
    """Write labels beside what the store knows of items by now, all at once.

    Args:
        store: Whose items.
        found: Names and probabilities by item.
        judged: Names whose old labels are replaced.
        others: Whether labels of other names are removed.

    Returns:
        How many items were amended, and how many labels of other names they lost.
    """
    lost = 0
    with store.backend.exclusive():
        amended: dict[str, Entry] = {}
        for name, entry in store.backend.get(list(found)).items():
            labels = [(label, round(probability, _DIGITS)) for label, probability in found[name]]
            old = [label for label in entry.labels if label[0] not in judged]
            if others:
                lost += len(old)
            else:
                labels = sorted([*labels, *old], key=lambda label: -label[1])
            amended[name] = with_fields(entry, labels=tuple(labels))
        parts = [
            with_fields(entry, labels=amended[whole].labels)
            for entry in store.backend.snapshot().entries()
            if not is_whole(entry.id) and (whole := whole_id(entry.id)) in amended
        ]
        store.backend.amend([*amended.values(), *parts])
    return len(amended), lost


@dataclass(frozen=True, slots=True)
class KeptLabels:
    """What a store keeps of a classification.

    Attributes:
        items: Items of the classification that the store holds.
        labelled: Of these, how many have the label that they were said to be.
        unsure: How many have none because it is less probable than that.
        none_of_these: How many have none because they are none of the classes.
        least: Probability from which on labels are kept.
    """

    items: int
    labelled: int
    unsure: int
    none_of_these: int
    least: float

    def to_json(self) -> dict[str, int | float]:
        """As plain values."""
        return asdict(self)


def keep_labels(store: Store, said: Classification, *, least: float = LEAST) -> KeptLabels:
    """Keep what items were said to be as their labels, beside labels that are no such class.

    Afterwards a search can ask for ``where="label:cat"``. An item that is none of the classes, or
    not surely enough one of them, loses its labels of these classes.

    Args:
        store: That holds the items; of any space, as only names and probabilities are kept.
        said: What :func:`isthmus.classify` returned.
        least: Labels that are less probable are not kept.

    Returns:
        How many were kept, and why others were not. Items that the store does not hold are passed
        over.

    Raises:
        InputError: If ``least`` is no probability.
    """
    check_least(least)
    given = [(view, item, each) for each in said.items for view, item in each.items.items()]
    pairs = [(view, item) for view, item, _ in given]
    held = held_items(store.backend.snapshot(), pairs, store.space.views)
    there = {name: each[2] for names, each in zip(held, given, strict=True) for name in names}
    found: dict[str, list[tuple[str, float]]] = {}
    unsure = none = 0
    for name, each in there.items():
        found[name] = []
        if each.label is None:
            none += 1
        elif each.probability < least:
            unsure += 1
        else:
            found[name].append((each.label, each.probability))
    amended, _ = amend_labels(store, found, said.classes, others=False)
    return KeptLabels(amended, amended - unsure - none, unsure, none, least)
