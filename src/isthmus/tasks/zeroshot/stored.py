"""Labels for what a store holds, kept there so that searches can filter by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.view import TEXT
from isthmus.core.wording import count
from isthmus.pipeline import VectorCache
from isthmus.store import item_id
from isthmus.store.filters import parse
from isthmus.tasks.retrieval.views import view_meant
from isthmus.tasks.zeroshot.annotate import LEAST, Annotated, Annotation, Judge, given_labels
from isthmus.tasks.zeroshot.classes import label_specs
from isthmus.tasks.zeroshot.learn import WORDS
from isthmus.tasks.zeroshot.options import ClassifyOptions

if TYPE_CHECKING:
    from isthmus.store import Entry
    from isthmus.tasks.retrieval.store import Store
    from isthmus.tasks.zeroshot.results import Classification, Classified


def annotate_store(
    store: Store,
    labels: Iterable[str] | Mapping[str, str | Sequence[str]],
    *,
    where: str = "",
    least: float = LEAST,
    most: int | None = None,
    options: ClassifyOptions | None = None,
    cache: VectorCache | None = None,
    **changes: Any,
) -> Annotation:
    """Give the items of a store labels, in place of those that they had.

    Nothing is encoded but the labels. Afterwards a search can ask for ``where="label:cat"``.

    Args:
        store: Whose items are annotated.
        labels: As for :func:`isthmus.annotate`.
        where: A filter; empty for all items.
        least: Labels that are less probable are left out.
        most: At most so many labels an item; None for all.
        options: How.
        cache: Of native vectors of labels.
        **changes: Fields of :class:`ClassifyOptions`.

    Returns:
        The labels of each item; views from whose items nothing can be said are named in the notes.

    Raises:
        InputError: If no item passes, or an option cannot be used.
    """
    chosen, space = ClassifyOptions.of(options, **changes), store.space
    specs = label_specs(labels)
    words_view = view_meant(space, TEXT, named=chosen.asked_as or None, way_out=WORDS)
    snapshot = store.backend.snapshot()
    entries = list(snapshot.entries(parse(where) if where.strip() else None))
    if not entries:
        raise InputError("the store holds no such item; fill it with: isthmus index PATHS")
    items: list[Annotated] = []
    amended: list[Entry] = []
    notes: list[str] = []
    for view in dict.fromkeys(entry.view for entry in entries):
        own = [entry for entry in entries if entry.view == view]
        if not Judge.can(space, words_view, view):
            what = count(len(own), "item")
            notes.append(f"{what} of {view} got no label: there is no calibration for them")
            continue
        judge = Judge(space, specs, words_view, view, chosen, cache)
        notes += judge.words.alike([spec.name for spec in specs])
        known = snapshot.vectors([entry.id for entry in own])
        there = [entry for entry in own if entry.id in known]
        said = judge(np.vstack([known[entry.id] for entry in there]))
        for entry, row in zip(there, said, strict=True):
            named = given_labels(specs, row, least, most)
            items.append(Annotated(entry.source, view, entry.id, named))
            kept = tuple((each.name, round(each.probability, 4)) for each in named)
            amended.append(replace(entry, labels=kept))
    store.backend.amend(amended)
    names = tuple(spec.name for spec in specs)
    return Annotation(names, items, [], tuple(dict.fromkeys(notes)))


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
