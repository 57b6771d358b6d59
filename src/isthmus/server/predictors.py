"""Predictors that are served beside a store."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError, FingerprintError, InputError, MissingDataError
from isthmus.core.item import MediaItem
from isthmus.core.record import Record
from isthmus.core.view import TEXT, VECTOR
from isthmus.core.wording import did_you_mean
from isthmus.datasets.kinds import typed
from isthmus.predictor.card import MEDICAL
from isthmus.server import predict_schemas as wire
from isthmus.server.schemas import View
from isthmus.tasks.predict import explain
from isthmus.tasks.predict.stored import stored_views

if TYPE_CHECKING:
    from isthmus.core.fields import Value
    from isthmus.predictor.answer import Account, Answer
    from isthmus.predictor.predictor import Predictor
    from isthmus.server.originals import Originals
    from isthmus.server.uploads import Uploads
    from isthmus.space import Space
    from isthmus.tasks import Store

_LISTED = 100
"""Categories of a column that are named."""


@dataclass(frozen=True, eq=False)
class Predictors:
    """Predictors by name, and how a request becomes a record of theirs.

    Attributes:
        known: By name.
    """

    known: Mapping[str, Predictor] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def warm_up(self, space: Space) -> None:
        """Load encoders; those that the space has, too, are loaded once."""
        for predictor in self.known.values():
            for view, ref in predictor.sources.encoders.items():
                if ref.modality == VECTOR:
                    continue
                for own, modality in space.modalities.items():
                    if modality == ref.modality and view not in predictor.sources.loaded:
                        with suppress(FingerprintError):
                            predictor.attach(space.encoder(own), view)
                predictor.encoder(view)

    @property
    def modalities(self) -> set[str]:
        """Of files that a predictor reads."""
        refs = (ref for each in self.known.values() for ref in each.sources.encoders.values())
        return {ref.modality for ref in refs if ref.modality not in (TEXT, VECTOR)}

    def get(self, name: str) -> tuple[str, Predictor]:
        """A predictor by name, or the only one.

        Raises:
            MissingDataError: If there is none.
            InputError: If there are several, and none is named.
        """
        if name in self.known:
            return name, self.known[name]
        if name:
            hint = did_you_mean(name, self.known)
            raise MissingDataError(f"the server has no predictor {name[:80]!r}.{hint}")
        if len(self.known) == 1:
            return next(iter(self.known.items()))
        if not self.known:
            raise MissingDataError(
                "the server has no predictor; start it with: isthmus serve --predictor FOLDER"
            )
        raise InputError(f"name a predictor; there are {', '.join(self.known)}")

    def listed(self) -> wire.Predictors:
        """What there is."""
        return wire.Predictors(predictors=[_facts(n, each) for n, each in self.known.items()])

    def predict(
        self,
        request: wire.PredictRequest,
        store: Store,
        uploads: Uploads,
        originals: Originals,
        progress: Progress | None = None,
    ) -> wire.Prediction:
        """Predict a record, and account for the answer if that is asked for.

        Args:
            request: Which.
            store: That holds items.
            uploads: That hold others.
            originals: Files of the store.
            progress: Told as parts are weighed.
        """
        started = time.perf_counter()
        name, predictor = self.get(request.predictor)
        with ExitStack() as files:
            fields, items = _fields(predictor, request.columns), dict[str, MediaItem]()
            for thing in request.things:
                for view, item in _items(thing, predictor, store, uploads, originals, files):
                    if view in items:
                        raise InputError(f"the view {view!r} is given twice")
                    items[view] = item
            if not items and not fields:
                raise InputError("the record is empty; give things, columns, or both")
            record = Record("1", items, fields=fields)  # its fields are read, and need no more
            account: Account | None = None
            with self._lock:
                if request.why:
                    account = explain(
                        predictor,
                        record,
                        about=request.about,
                        coverage=request.coverage,
                        progress=progress,
                    )
                    answer = account.answer
                else:
                    answer = predictor.predict(record, coverage=request.coverage)[0]
        return _prediction(name, predictor, answer, account, time.perf_counter() - started)


def _items(
    thing: wire.Given,
    predictor: Predictor,
    store: Store,
    uploads: Uploads,
    originals: Originals,
    files: ExitStack,
) -> Sequence[tuple[str, MediaItem]]:
    """What is given, by view of the predictor."""
    if thing.text is not None:
        return [(_view(predictor, TEXT, thing.view), MediaItem.from_text(thing.text))]
    if thing.upload is not None:
        item = uploads.get(thing.upload).item
        return [(_view(predictor, item.modality, thing.view), item)]
    if not store.backend.known([thing.item or ""]):
        raise MissingDataError(f"the store holds no item {str(thing.item)[:40]!r}")
    found = stored_views(store, predictor, str(thing.item))
    if thing.view:
        found = {view: entry for view, entry in found.items() if view == thing.view}
    opened = []
    for view, entry in found.items():
        see: AbstractContextManager[object] = originals.see(entry)
        files.enter_context(see)
        opened.append((view, store.item(entry.id)))
    return opened


def _view(predictor: Predictor, modality: str, named: str) -> str:
    """The view that reads a modality, or the one that is named.

    Raises:
        InputError: If there is none, or several.
    """
    reads = {view: ref.modality for view, ref in predictor.sources.encoders.items()}
    fits = [view for view, each in reads.items() if each == modality]
    if named in fits:
        return named
    if not named and len(fits) == 1:
        return fits[0]
    if not fits:
        views = ", ".join(f"{view} ({each})" for view, each in reads.items()) or "columns only"
        raise InputError(f"the predictor reads no {modality}; it reads {views}")
    raise InputError(f"name the view of the {modality}: one of {', '.join(fits)}")


def _fields(predictor: Predictor, columns: Mapping[str, str | float | None]) -> dict[str, Value]:
    """Plain columns as they were read when the predictor was made."""
    known = [name for each in predictor.sources.columns.values() for name in each.names]
    read: dict[str, Value] = {}
    for name, given in columns.items():
        if name in predictor.asked.unused:
            continue
        if name not in known:
            raise InputError(
                f"the predictor has no column {name[:80]!r}; it has "
                f"{', '.join(known[:20]) or 'none'}.{did_you_mean(name, known)}"
            )
        try:
            value = typed(given, predictor.asked.kinds[name])
        except DataError as error:
            raise DataError(f"column {name}: {error}") from error
        if value is not None:
            read[name] = value
    return read


def _facts(name: str, predictor: Predictor) -> wire.PredictorFacts:
    kinds, columns = predictor.asked.kinds, []
    for view, each in predictor.sources.columns.items():
        for number in each.numbers:
            kind: Literal["date", "number"] = (
                "date" if kinds.get(number.name) == "date" else "number"
            )
            columns.append(wire.PlainColumn(name=number.name, view=view, kind=kind, values=[]))
        columns += [
            wire.PlainColumn(
                name=c.name, view=view, kind="category", values=list(c.values[:_LISTED])
            )
            for c in each.categories
        ]
    report, headline = predictor.report, ""
    if report is not None:
        figure = report.estimate.figures[0]
        unit = f" {figure.unit}" if figure.unit else ""
        headline = f"{figure.metric} {figure.value:.2f}{unit} on held-out records"
    return wire.PredictorFacts(
        name=name,
        target=predictor.asked.target,
        kind=predictor.asked.kind,
        names=list(predictor.names),
        views=[
            View(name=view, modality=ref.modality)
            for view, ref in predictor.sources.encoders.items()
        ],
        columns=columns,
        medical=predictor.asked.card == MEDICAL,
        headline=headline,
    )


def _prediction(
    name: str, predictor: Predictor, answer: Answer, account: Account | None, seconds: float
) -> wire.Prediction:
    made = None
    if account is not None:
        made = wire.PredictionAccount.model_validate(account.to_json())
    return wire.Prediction(
        predictor=name,
        target=predictor.asked.target,
        kind=predictor.asked.kind,
        answer=wire.PredictedAnswer.model_validate(answer.to_json()),
        account=made,
        medical=predictor.asked.card == MEDICAL,
        took_ms=round(1e3 * seconds, 2),
    )
