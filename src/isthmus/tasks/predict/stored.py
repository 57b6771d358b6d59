"""Predictions for what a store holds: one item, or all of them as labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from isthmus.core.contracts import Progress, untold
from isthmus.core.errors import InputError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Failure, Record
from isthmus.core.view import VECTOR
from isthmus.pipeline import VectorCache
from isthmus.store import Entry, is_whole
from isthmus.store.filters import parse
from isthmus.tasks.predict.keep import KeptAnswers, keep_answers, label_field
from isthmus.tasks.retrieval.contents import content_of
from isthmus.tasks.zeroshot.annotate import LEAST

if TYPE_CHECKING:
    from isthmus.predictor.answer import Answer
    from isthmus.predictor.predictor import Predictor
    from isthmus.tasks.retrieval.store import Store

_BATCH = 64
"""Records that are predicted at a time, so that a run can be left between."""


@dataclass(frozen=True, eq=False)
class StoredAnswers:
    """Answers for the items of a store.

    Attributes:
        answers: One a record.
        kept: What the store keeps of them.
        failures: Items that could not be used.
    """

    answers: Sequence[Answer]
    kept: KeptAnswers
    failures: Sequence[Failure]


def predict_store(
    store: Store,
    predictor: Predictor,
    *,
    where: str = "",
    field: str = "",
    least: float = LEAST,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> StoredAnswers:
    """Predict what a store holds, and keep the answers as labels ``FIELD=VALUE``.

    Files in one folder that share a stem, such as ``cat.png`` and ``cat.txt``, are the views of one
    record. The labels are written at the end: a run that is stopped changes nothing.

    Args:
        store: Whose items are predicted.
        predictor: What predicts.
        where: A filter; a record is predicted if one of its items passes. Empty for all.
        field: As for :func:`isthmus.predict.keep_answers`.
        least: As for :func:`isthmus.predict.keep_answers`.
        cache: Of native vectors.
        progress: Told as records are predicted; what it raises ends the work.

    Raises:
        InputError: If no item passes, none is of a view of the predictor, or no label can hold
            the answers or has such a field.
    """
    told = progress or untold
    label_field(predictor, field)
    rows = store.backend.snapshot()
    passing = None
    if where.strip():
        passing = {entry.id for entry in rows.entries(parse(where)) if is_whole(entry.id)}
    groups = [
        each
        for each in _records(rows.entries(), predictor).values()
        if passing is None or any(entry.id in passing for entry in each.values())
    ]
    if not groups:
        reads = ", ".join(predictor.sources.encoders) or "plain columns only"
        raise InputError(f"no item of the store can be predicted from; the predictor reads {reads}")
    records: list[Record] = []
    answers: list[Answer] = []
    failures: list[Failure] = []
    for start in range(0, len(groups), _BATCH):
        told("predict items", start, len(groups))
        some = [_record(each, failures) for each in groups[start : start + _BATCH]]
        some = [record for record in some if record.items]
        records += some
        answers += predictor.predict(Dataset("store", some), cache=cache) if some else []
    told("predict items", len(groups), len(groups))
    kept = keep_answers(store, predictor, records, answers, field=field, least=least)
    return StoredAnswers(answers, kept, failures)


def stored_views(store: Store, predictor: Predictor, item: str) -> Mapping[str, Entry]:
    """The items that make the record of an item, by view of the predictor.

    Args:
        store: That holds it.
        predictor: Whose views are meant.
        item: Its id.

    Raises:
        InputError: If the predictor reads none of them.
    """
    entry = store.get(item)
    stem = _stem(entry)
    rows = store.backend.snapshot()
    near = (each for each in rows.entries() if _stem(each) == stem)
    for found in _records(near, predictor).values():
        if any(each.id == entry.id for each in found.values()):
            return found
    reads = ", ".join(predictor.sources.encoders) or "plain columns only"
    raise InputError(f"the predictor reads {reads}; it cannot use {entry.source}")


def _stem(entry: Entry) -> str:
    return str(PurePath(entry.source).with_suffix(""))


def _records(entries: Iterable[Entry], predictor: Predictor) -> dict[str, dict[str, Entry]]:
    """Items by the stem of their file and by view; those that are in each other's way alone."""
    found: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        view = _view(entry, predictor)
        if view is None or not is_whole(entry.id) or entry.origin or entry.gone:
            continue
        own = found.setdefault(_stem(entry), {})
        if view in own:
            found[entry.source] = {view: entry}
        else:
            own[view] = entry
    return found


def _view(entry: Entry, predictor: Predictor) -> str | None:
    """Which view of a predictor reads an item."""
    refs = {v: r for v, r in predictor.sources.encoders.items() if r.modality != VECTOR}
    if entry.view in refs and refs[entry.view].modality == entry.modality:
        return entry.view
    fits = [view for view, ref in refs.items() if ref.modality == entry.modality]
    return fits[0] if len(fits) == 1 else None


def _record(entries: Mapping[str, Entry], failures: list[Failure]) -> Record:
    items: dict[str, MediaItem] = {}
    for view, entry in entries.items():
        try:
            items[view] = content_of(entry)
        except MediaError as error:
            failures.append(Failure(entry.source, error.reason))
    return Record(_stem(next(iter(entries.values()))), items)
