"""Make a predictor from records that know the answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Encoder, Progress, untold
from isthmus.core.errors import DataError, InputError, NoSignalError
from isthmus.core.fields import Value
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.core.wording import count, did_you_mean
from isthmus.fusion import FUSIONS, Target
from isthmus.pipeline import Prepared, VectorCache, prepare
from isthmus.pipeline.prepared import VECTORS, of_views
from isthmus.pipeline.splits import Together
from isthmus.predictor.asked import Asked
from isthmus.predictor.card import CARDS
from isthmus.predictor.columns import Columns
from isthmus.predictor.memory import remembered
from isthmus.predictor.predictor import Predictor
from isthmus.predictor.sources import groups_of
from isthmus.space import Space
from isthmus.space.encoder_ref import EncoderRef
from isthmus.tasks.predict.doubles import notes_of, together
from isthmus.tasks.predict.loading import (
    Columned,
    Encoders,
    check_filled,
    chosen_views,
    filled,
    grouped,
    load_records,
    view_of,
)
from isthmus.tasks.predict.options import FitOptions
from isthmus.tasks.predict.order import by_content
from isthmus.tasks.predict.suspects import named_in_texts, unsuspected
from isthmus.tasks.predict.target import Known, Wanted, first_of, read_target, unread_of

if TYPE_CHECKING:
    from isthmus.core.linalg import Array
    from isthmus.predictor.report import PredictorReport
    from isthmus.selection.predicting import Chosen

_TOLD = 3
"""Notes on columns that go with a refusal."""
LEAST_RECORDS = 20
"""With a target. Of fewer, folds in folds hold hardly two records of a class."""


def fit(
    encoders: Encoders,
    data: Any,
    target: str | Sequence[Value | None] | Array = "",
    options: FitOptions | None = None,
    *,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    **changes: object,
) -> Predictor:
    """Learn to predict a column from views: media, vectors, plain columns, any of them missing.

    Native vectors of the encoders are fused, also where a space is given, whose vectors are
    made of them and hold no more.

    Args:
        encoders: By view, as ids or objects; or a space, whose encoders are used; what is missing
            gets the default of its modality; None for that everywhere.
        data: A name, a path, a :class:`Dataset`, or vectors ``(n, dim)`` by view.
        target: Name of the column with the answer; or one value a record. Texts are classes,
            texts with ``|`` labels, numbers that are not whole a number; what was guessed is told.
        options: How.
        cache: Of native vectors.
        progress: Told as work is done.
        **changes: Fields of :class:`FitOptions`, which count instead of those of ``options``:
            ``group="patient", folds=3, budget=60``.

    Returns:
        The predictor, with its report.

    Raises:
        NoSignalError: If shuffled answers are predicted as well.
        DataError: If data or target cannot be used.
        InputError: If an argument cannot.
    """
    asked = FitOptions.of(options, **changes)
    wanted = Wanted.of(target, asked)
    _check(asked, wanted)
    told = progress or untold
    made = _Records.of(encoders, data, wanted, asked)
    _check_told(asked, made.known.target)
    ready = made.encoded(encoders, cache, told, asked.folds)
    chosen = _chosen(made, ready, wanted, asked, told)
    return _predictor(made, ready, chosen, wanted, asked)


def _chosen(
    made: _Records, ready: _Ready, wanted: Wanted, options: FitOptions, progress: Progress
) -> Chosen:
    from isthmus.selection.predicting import choose

    try:
        return choose(
            ready.pairs,
            ready.target,
            links=ready.linked.links,
            fusions=options.fusions or None,
            folds=options.folds,
            seed=options.seed,
            budget=options.budget,
            metric=options.metric,
            horizon=options.horizon,
            progress=progress,
            name=wanted.label,
        )
    except NoSignalError as error:  # what was decided of columns may be why
        raise NoSignalError("; ".join([str(error), *made.notes[:_TOLD]])) from error


def _predictor(
    made: _Records, ready: _Ready, chosen: Chosen, wanted: Wanted, options: FitOptions
) -> Predictor:
    """What was chosen, with all that makes vectors for it."""
    used = [each for view, each in ready.columns.items() if view in chosen.fusion.views_]
    asked = Asked(
        wanted.label,
        ready.target.kind,
        made.dataset.name,
        wanted.time,
        wanted.event,
        made.kinds([n for each in used for n in each.names], wanted),
        options.card,
        tuple(dict.fromkeys([*made.notes, *ready.notes, *chosen.notes])),
        made.others([*chosen.fusion.views_, *(n for each in used for n in each.names)], wanted),
        made.roles(chosen.fusion.views_),
        ready.target.dates,
    )
    predictor = Predictor(
        {view: EncoderRef.of(each, ready.specs[view]) for view, each in ready.encoders.items()},
        ready.columns,
        chosen.fusion,
        chosen.outcome,
        asked=asked,
        report=_with_doubles(chosen.report, ready.linked),
        memory=remembered(ready.pairs, seed=options.seed),
    )
    for view in predictor.sources.encoders:
        predictor.attach(ready.encoders[view], view)
    return predictor


def _with_doubles(report: PredictorReport, linked: Together) -> PredictorReport:
    doubled, apart = sum(linked.joined.values()), sum(linked.apart.values())
    return replace(report, data=replace(report.data, doubled=doubled, apart=apart))


def _check(options: FitOptions, wanted: Wanted) -> None:
    """Refuse what is mistyped, before any work."""
    from isthmus.selection.predicting.entrants import SETS

    if options.card and options.card not in CARDS:
        raise InputError(f"a card is one of {', '.join(CARDS)}, got {options.card!r}")
    alone = options.fusions[0] if len(options.fusions) == 1 else ""
    for name in () if alone in SETS else options.fusions:
        if name not in FUSIONS:
            hint = did_you_mean(name, FUSIONS)
            raise InputError(
                f"there is no fusion {name!r}; there are {', '.join(FUSIONS.names())}.{hint}"
            )
    if (horizon := options.horizon) is None:
        return
    if not wanted.time:
        raise InputError("a horizon is of survival; name the column of times, too")
    if not (isinstance(horizon, int | float) and 0 < horizon < np.inf):
        raise InputError(f"horizon: need a positive number in the unit of times, got {horizon!r}")


def _check_told(options: FitOptions, target: Target) -> None:
    """Refuse what does not fit the target, before anything is encoded.

    Nobody who was followed for less time says what happens by the horizon.
    """
    from isthmus.selection.predicting.measures import measure

    if options.metric is not None:
        measure(options.metric, target.kind)
    horizon = options.horizon
    if horizon is not None and horizon >= (last := float(target.values[:, 0].max())):
        raise DataError(
            f"horizon: nobody was followed up to {horizon:g}; the last time is {last:g}. Give an "
            "earlier one, in the unit of the times"
        )


@dataclass(frozen=True, eq=False)
class _Ready:
    """What a choice takes, and what made it."""

    pairs: PairedVectors
    target: Target
    linked: Together
    encoders: Mapping[str, Encoder]
    specs: Mapping[str, str]
    columns: Mapping[str, Columns]
    notes: Sequence[str]


@dataclass(frozen=True, eq=False)
class _Records:
    """Records that know the answer, and their views.

    Attributes:
        dataset: Them alone, in an order that does not depend on that of the rows.
        known: Their target; rows are places before others were left out.
        media: Views of media and vectors.
        plain: Plain columns by view.
        every: Whether nobody named columns.
        notes: What was decided.
    """

    dataset: Dataset
    known: Known
    media: Sequence[str]
    plain: Mapping[str, Sequence[str]]
    every: bool
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, encoders: Encoders, data: Any, wanted: Wanted, options: FitOptions) -> _Records:
        columned, group = Columned.of(options.columns), options.group
        own = [*wanted.own, *([group] if group else [])]
        whole = load_records(data, encoders, columned, own, options.data_options)
        known = read_target(whole, wanted)
        if len(known.rows) < LEAST_RECORDS:
            raise DataError(
                f"{count(len(known.rows), 'record')} of {whole.name} can be learned from; at least "
                f"{LEAST_RECORDS} are needed"
            )
        given = grouped(whole, group or None, wanted.name).take(known.rows.tolist())
        order = by_content(given.records, known.target, wanted.own)
        dataset, known = given.take(order.tolist()), known.take(order)
        if not isinstance(encoders, Space):
            check_filled(dataset, encoders or ())
        media, plain = chosen_views(dataset, columned, options.views or None, own)
        every = dict.fromkeys(name for names in plain.values() for name in names)
        notes = [*whole.notes, *known.notes, *first_of(unread_of(given.records, every))]
        plain = unsuspected(dataset.records, plain, columned, known.target, notes)
        notes += named_in_texts(dataset.records, media, known.target)
        return cls(dataset, known, media, plain, columned.every, notes)

    def kinds(self, names: Sequence[str], wanted: Wanted) -> dict[str, str]:
        """How plain columns are read, and those of the target."""
        own = [] if wanted.values is not None else [*wanted.own]
        known = {name for record in self.dataset.records for name in record.fields}
        return {name: self._kind_of(name) for name in (*names, *own) if name in known}

    def others(self, used: Sequence[str], wanted: Wanted) -> tuple[str, ...]:
        """Views and columns that are neither used nor told as the target."""
        known = dict.fromkeys(self.dataset.kinds)
        known |= dict.fromkeys(name for r in self.dataset.records for name in (*r.items, *r.fields))
        own = {*used, *(() if wanted.values is not None else wanted.own)}
        return tuple(name for name in known if name not in own)

    def roles(self, used: Collection[str]) -> dict[str, str]:
        """What columns hold that views are read from, but for views that are not used."""
        return of_views(self.dataset.columns, used)

    def _kind_of(self, name: str) -> str:
        values = (r.fields[name] for r in self.dataset.records if name in r.fields)
        number = all(not isinstance(value, str) for value in values)
        return self.dataset.kinds.get(name) or ("number" if number else "category")

    def encoded(
        self, encoders: Encoders, cache: VectorCache | None, progress: Progress, folds: int
    ) -> _Ready:
        """Native vectors of the records that have something to predict from."""
        notes: list[str] = []
        columns = self._columns(notes)
        ready = self._prepared(encoders, cache, progress)
        vectors: dict[str, F32] = {}
        present: dict[str, NDArray[np.bool_]] = {}
        if ready is not None:
            place = {name: row for row, name in enumerate(ready.pairs.ids)}
            rows = np.array([place.get(r.id, -1) for r in self.dataset.records])
            for view in ready.pairs.views:
                here = (rows >= 0) & ready.pairs.present[view][rows]
                if not here.any():
                    notes.append(f"the view {view!r} is left out: no item of it can be used")
                    continue
                present[view] = here
                vectors[view] = np.where(here[:, None], ready.pairs.vectors[view][rows], 0)
            notes += [f"{each.source}: {each.reason}" for each in ready.failures[:5]]
        for view, each in columns.items():
            present[view] = each.present(self.dataset.records)
            rows_of = each.transform(self.dataset.records)
            vectors[view] = np.where(present[view][:, None], rows_of, 0)
        if not vectors:
            why = "; ".join([*notes, *self.notes[::-1]][:_TOLD])
            raise DataError(f"{self.dataset.name}: no view can be used; {why}")
        some = np.logical_or.reduce(list(present.values()))
        if lost := int((~some).sum()):
            notes.append(f"{count(lost, 'record')} left out: they have no view that can be used")
        records = self.dataset.records
        ids = [record.id for record in records]
        pairs = PairedVectors(vectors, present, ids, groups_of(self.dataset)).take(some)
        near = {} if ready is None else {v: s != VECTORS for v, s in ready.specs.items()}
        own = [record for record, kept in zip(records, some, strict=True) if kept]
        linked = together(own, pairs, columns, {v: near[v] for v in near if v in vectors}, folds)
        notes += notes_of(linked)
        target = self.known.target.take(some)
        used = {} if ready is None else ready.encoders
        specs = {} if ready is None else ready.specs
        kept = {view: each for view, each in used.items() if view in vectors}
        return _Ready(pairs, target, linked, kept, specs, columns, notes)

    def _columns(self, notes: list[str]) -> dict[str, Columns]:
        columns: dict[str, Columns] = {}
        for view, names in self.plain.items():
            try:
                columns[view] = Columns.fit(self.dataset.records, names)
            except DataError:
                if not (self.every and self.media):
                    raise
                notes.append("no plain column says anything about a record")
                continue
            left = columns[view].left_out.items()
            notes += [f"column {name} left out: {why}" for name, why in left]
        return columns

    def _prepared(
        self, encoders: Encoders, cache: VectorCache | None, progress: Progress
    ) -> Prepared | None:
        """Media and vectors through their encoders; None where there are none."""
        if not self.media:
            return None
        some = filled(self.dataset.records, self.media)
        dataset = self.dataset.take(np.flatnonzero(some).tolist()).select(self.media)
        if not isinstance(encoders, Space):
            named = {v: each for v, each in (encoders or {}).items() if v in self.media}
            return prepare(dataset, named, cache=cache, progress=progress)
        given: dict[str, str | Encoder] = {}
        specs: dict[str, str] = {}
        for view, modality in dataset.modalities.items():
            name = view_of(encoders, view, modality)
            if name:
                given[view], specs[view] = encoders.encoder(name), encoders.encoders[name].spec
        made = prepare(dataset, given, cache=cache, progress=progress)
        return replace(made, specs={**made.specs, **specs})
