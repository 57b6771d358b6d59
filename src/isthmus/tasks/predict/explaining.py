"""Why a predictor says what it says of a record, in parts that sum to the score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from isthmus.core.contracts import Progress
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, F64, Array
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Record
from isthmus.core.view import VECTOR
from isthmus.core.wording import did_you_mean, way
from isthmus.datasets.kinds import NUMBER, written
from isthmus.encoders.parts import AdditiveParts, Mask, RemovableParts
from isthmus.pipeline import VectorCache
from isthmus.predictor.answer import Account, Answer, Part, ViewAccount
from isthmus.predictor.columns import Columns
from isthmus.predictor.dates import in_dates
from isthmus.predictor.given import Predicted
from isthmus.predictor.memory import missing_views, typical, with_vectors
from isthmus.predictor.predictor import COVERAGE, Predictor
from isthmus.tasks.retrieval.attribution import Attribution, Value, in_focus, shapley, with_around
from isthmus.tasks.retrieval.explain import taken_apart

_LISTED = 4
"""Ids of records that a message lists."""
_SUMS = 1e-6
"""Relative error up to which parts are taken to sum: float32 has 1e-7."""


def explain(
    predictor: Predictor,
    data: Predicted,
    *,
    row: str | None = None,
    about: str | None = None,
    coverage: float = COVERAGE,
    seed: int = 0,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> Account:
    """Account for one answer: what each view adds, and inside a view its words, cells, moments.

    The shares of the views and the rest sum to the score, and the parts of a view and its
    baseline to its share. The score is calibrated: it is the number that is answered, or the
    log-odds that the probabilities follow from. Where scores are a sum over parts, as of plain
    columns under a linear fusion, that is exact; elsewhere parts carry Shapley values, what is
    missing being the typical vector of the view.

    Args:
        predictor: Whose answer it is.
        data: As for :meth:`isthmus.Predictor.predict`.
        row: Id of the record; may be left out where there is one.
        about: The class, label or boundary whose score is explained; default: the answer's.
        coverage: Of sets and intervals.
        seed: Of the orders in which parts are put together where they are too many for all.
        cache: Of native vectors.
        progress: Told as parts are weighed; what it raises ends the work.

    Raises:
        InputError: If there is no such record or class.
    """
    dataset = predictor.dataset(data)
    record = _record(dataset.records, row)
    single = dataset.take([dataset.records.index(record)])
    rows, failures = predictor.vectors(single, cache=cache, progress=progress)
    answer = predictor.answers(rows, [record], coverage=coverage, failures=failures)[0]
    name, column = _about(predictor, answer, about)
    shares = predictor.fusion.shares(rows)
    link = predictor.outcome.link({view: rows.present[view] for view in predictor.views})
    slope, offset = float(link.slope[column]), float(link.offset[column])
    given = _Given(predictor, rows, column, slope, seed, progress)
    views = [
        given.account(view, record, slope * float(shares.views[view][0, column]))
        for view in predictor.views
        if rows.present[view][0]
    ]
    gone = []
    if predictor.memory is not None:
        gone = missing_views(rows, predictor.memory, predictor.fusion, predictor.outcome, column)
    scores = link(shares.total)[0]
    total, rest = float(scores[column]), slope * float(shares.rest[0, column]) + offset
    others = _others(predictor, scores, column)
    made = Account(answer, name, total, rest, views, gone, others)
    return in_dates(made, predictor.outcome.spread) if predictor.asked.dates else made


def _record(records: Sequence[Record], row: str | None) -> Record:
    if row is None:
        if len(records) == 1:
            return records[0]
        raise InputError(
            f"there are {len(records)} records; name one: "
            + way(python="row='…'", shell="--row ID")
            + f" ({_ids(records)})"
        )
    for record in records:
        if record.id == row:
            return record
    hint = did_you_mean(row, [record.id for record in records])
    there = _ids(records) if records else "no ids"
    raise InputError(f"there is no record {row!r} among {len(records)}; there are {there}.{hint}")


def _ids(records: Sequence[Record]) -> str:
    """Which records there are: all of a few, else the first and the last."""
    ids = [record.id for record in records]
    some = ids if len(ids) <= _LISTED else [*ids[: _LISTED - 1], "…", ids[-1]]
    return f"ids: {', '.join(some)}"


def _about(predictor: Predictor, answer: Answer, about: str | None) -> tuple[str, int]:
    """What is explained, and the column of its scores."""
    kind, names = predictor.outcome.kind, predictor.names
    if kind in ("number", "survival"):
        return predictor.asked.target, 0
    if about is None:
        best = max(answer.probabilities, key=lambda name: answer.probabilities[name])
        about = best if isinstance(answer.value, tuple) else str(answer.value)
    if about not in names:
        raise InputError(
            f"there is no {about!r}; the predictor knows {', '.join(names)}."
            f"{did_you_mean(about, names)}"
        )
    place = names.index(about)
    if kind == "grades":  # the boundary below it, of the lowest the one above
        lower = max(place - 1, 0)
        return f"above {names[lower]}", lower
    return about, place


def _others(predictor: Predictor, scores: F64, column: int) -> dict[str, float]:
    """Scores of what is not explained, by name, highest first."""
    kind, names = predictor.outcome.kind, predictor.names
    if kind in ("number", "survival"):
        return {}
    called = [f"above {name}" for name in names[:-1]] if kind == "grades" else names
    order = [int(place) for place in np.argsort(-scores, kind="stable") if place != column]
    return {called[place]: float(scores[place]) for place in order}


@dataclass(frozen=True, eq=False)
class _Given:
    """One record, whose views are thought away in part.

    Attributes:
        predictor: What scores it.
        rows: Its native vectors.
        column: Of the scores.
        slope: By which calibration multiplies them.
        seed: Of sampled orders.
        progress: Told as parts are weighed.
    """

    predictor: Predictor
    rows: PairedVectors
    column: int
    slope: float
    seed: int
    progress: Progress | None

    def account(self, view: str, record: Record, share: float) -> ViewAccount:
        """What a view adds, and its parts."""
        columns = self.predictor.sources.columns.get(view)
        if columns is not None:
            places, found = self._of_columns(view, columns)
            kinds = self.predictor.asked.kinds
            labels = [_said(record, name, kinds.get(name, NUMBER)) for name in places]
            parts = [
                Part(label, float(v), float(e))
                for label, v, e in zip(labels, found.values, found.errors, strict=True)
            ]
            return _account(view, "columns", share, parts, found.method)
        modality = self.predictor.sources.encoders[view].modality
        if modality == VECTOR:
            return _account(view, modality, share, [], "vectors of yours have no parts")
        item = record.items[view]
        _, made, reason = taken_apart(self.predictor.encoder(view), item)
        if made is None:
            return _account(view, modality, share, [], reason)
        absent = self._absent(view)
        worth = partial(self._score, view)
        without = worth(absent[None])
        made = in_focus(made, lambda native: np.abs(worth(native) - without), self.progress)
        value = self._value(view, partial(made.native, absent=absent))
        batch = made.batch if isinstance(made, RemovableParts) else 4096
        found = self._weighed(value, len(made.places), batch, isinstance(made, AdditiveParts))
        found, seen = with_around(found, made, worth, self.progress)
        parts = [
            Part(place.label, float(v), float(e), place)
            for place, v, e in zip(seen, found.values, found.errors, strict=True)
        ]
        return _account(view, modality, share, parts, found.method)

    def _of_columns(self, view: str, columns: Columns) -> tuple[list[str], Attribution]:
        """Each column, in the place of which its typical value is put."""
        names = list(columns.names)
        blocks = np.array([columns.block(name) for name in names])
        own = self.rows.vectors[view][0].astype(np.float64)

        def native(kept: Mask) -> F64:
            there = (kept.astype(np.float64) @ blocks) > 0
            mixed: F64 = np.where(there, own, columns.typical)
            mixed[:, -1] = own[-1]  # the constant
            return mixed

        return names, self._weighed(self._value(view, native), len(names), 4096, True)

    def _absent(self, view: str) -> F64:
        memory = self.predictor.memory
        if memory is None or not memory.present[view].any():
            return np.zeros(self.rows.vectors[view].shape[1])
        return typical(memory, view)

    def _score(self, view: str, vectors: Array) -> F64:
        """The score with other vectors of a view, ``(s,)``."""
        x: F32 = np.asarray(vectors, dtype=np.float32)
        x = np.where(x.any(axis=1, keepdims=True), x, np.finfo(np.float32).tiny)
        scores = self.predictor.fusion.scores(with_vectors(self.rows, {view: x}))
        return self.slope * scores[:, self.column]

    def _value(self, view: str, native: Callable[[Mask], F64]) -> Value:
        return lambda kept: self._score(view, native(kept))

    def _weighed(self, value: Value, count: int, batch: int, additive: bool) -> Attribution:
        """Exact where parts sum, which is tried; else Shapley values."""
        if additive and count:
            half = np.arange(count) % 2 == 0
            some = np.stack([np.zeros(count, dtype=bool), np.ones(count, dtype=bool), half])
            worth = value(np.vstack([some, np.eye(count, dtype=bool)]))
            values = worth[3:] - worth[0]
            sums = np.array([values.sum(), values[half].sum()])
            size = np.abs(worth).max() + np.abs(values).sum()
            if np.abs(sums - (worth[1:3] - worth[0])).max() <= _SUMS * size:
                none = np.zeros(count)
                return Attribution(float(worth[0]), values, none, "exact: the parts sum")
        return shapley(value, count, seed=self.seed, batch=batch, progress=self.progress)


def _account(
    view: str, modality: str, share: float, parts: Sequence[Part], method: str
) -> ViewAccount:
    if not parts:
        method = f"all of it is this item's share: {method}"
    return ViewAccount(
        view, modality, share, share - sum(part.value for part in parts), parts, method
    )


def _said(record: Record, name: str, kind: str) -> str:
    """A column and its value."""
    value = record.fields.get(name)
    if value is None:
        return f"{name} is missing"
    return f"{name} = {written(value, kind)}"
