"""Predictor: from several views of a record, some of them missing, to one answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.core.artifact import fingerprint, save_artifact
from isthmus.core.contracts import Encoder, Progress
from isthmus.core.errors import InputError
from isthmus.core.lazy import Brought
from isthmus.core.linalg import F64, Array
from isthmus.core.options import check_between
from isthmus.core.paired import PairedVectors
from isthmus.core.paths import expanded
from isthmus.core.record import Dataset, Failure, Record
from isthmus.core.registry import check_trust
from isthmus.core.validate import check_kind
from isthmus.core.wording import did_you_mean
from isthmus.fusion import Fusion
from isthmus.fusion.target import DAYS
from isthmus.pipeline import VectorCache
from isthmus.predictor.abstain import Abstaining, abstaining
from isthmus.predictor.answer import Answer, finite
from isthmus.predictor.asked import Asked
from isthmus.predictor.card import predictor_card
from isthmus.predictor.columns import Columns
from isthmus.predictor.dates import as_dates
from isthmus.predictor.document import KIND, PredictorParts, read_parts, written
from isthmus.predictor.given import Predicted, dataset_of
from isthmus.predictor.outcome import Outcome
from isthmus.predictor.report import PredictorReport
from isthmus.predictor.sources import Sources
from isthmus.space.encoder_ref import EncoderRef

COVERAGE = 0.9
"""Share of conformal sets and intervals that shall hold the truth."""


class Predictor:
    """Encoders, plain columns, a fusion, and what its scores are worth.

    Args:
        encoders: By view.
        columns: By view of plain columns.
        fusion: Fitted; views that it does not use are dropped.
        outcome: From its scores to answers.
        asked: What is predicted, and from what.
        report: How good it is.
        memory: Native vectors of training records, by which is told what a missing view would
            have changed.
    """

    explain = Brought()
    """:func:`isthmus.predict.explain` of this predictor: ``predictor.explain(record)``."""
    evaluate = Brought()
    """:func:`isthmus.predict.evaluate` of this predictor: ``predictor.evaluate("test.csv")``."""

    def __init__(
        self,
        encoders: Mapping[str, EncoderRef],
        columns: Mapping[str, Columns],
        fusion: Fusion,
        outcome: Outcome,
        *,
        asked: Asked,
        report: PredictorReport | None = None,
        memory: PairedVectors | None = None,
    ) -> None:
        used = fusion.views_
        refs = {v: replace(ref, owner=KIND) for v, ref in encoders.items() if v in used}
        self.sources = Sources(refs, {v: each for v, each in columns.items() if v in used})
        if lacking := [view for view in used if view not in self.sources.dims]:
            raise InputError(f"nothing gives vectors of the view {lacking[0]!r}")
        self.fusion, self.outcome = fusion, outcome
        self.asked, self.report = asked, report
        self.memory = memory.select(used) if memory is not None else None

    @property
    def views(self) -> tuple[str, ...]:
        """What it fuses."""
        return tuple(self.fusion.views_)

    @property
    def names(self) -> tuple[str, ...]:
        """Classes, labels or grades; else the columns of values."""
        return self.fusion.target_.names

    @property
    def _parts(self) -> PredictorParts:
        encoders, columns = self.sources.encoders, self.sources.columns
        fitted = (self.fusion, self.outcome, self.asked, self.report, self.memory)
        return PredictorParts(encoders, columns, *fitted)

    @property
    def fingerprint(self) -> str:
        """Names encoders, columns, fusion and calibration exactly."""
        document, tensors = written(self._parts)
        return fingerprint(document, tensors)

    def encoder(self, view: str) -> Encoder:
        """The frozen encoder of a view, loaded when first asked for."""
        return self.sources.encoder(view)

    def attach(self, encoder: Encoder, view: str | None = None) -> None:
        """Use an encoder object of the user's, see :meth:`isthmus.predictor.sources.Sources`."""
        self.sources.attach(encoder, view)

    def predict(
        self,
        data: Predicted,
        *,
        coverage: float = COVERAGE,
        risk: float | None = None,
        cache: VectorCache | None = None,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """Answers for records, in their order, whatever views they lack.

        Args:
            data: A path, a :class:`Dataset`, records, vectors by view, or what one record or
                several hold by view and column: ``{"text": "a review", "stars": 4}``.
            coverage: Share of sets and intervals that shall hold the truth.
            risk: Share of answers that may be wrong: the predictor abstains where it is less sure
                than that takes; None to answer all. Of numbers the mean distance that may be, in
                their unit, of dates in days: it abstains from records whose views tell them less
                exactly.
            cache: Of native vectors.
            progress: Told as items are encoded.

        Raises:
            DataError: If data cannot be read, or a view holds something else.
            InputError: If no number can be told as exactly as ``risk`` asks.
        """
        check_between(coverage, "coverage", 0, 1, ends=False)
        if risk is not None:
            self.abstaining(risk)
        dataset = self.dataset(data)
        rows, failures = self.vectors(dataset, cache=cache, progress=progress)
        return self.answers(rows, dataset.records, coverage=coverage, risk=risk, failures=failures)

    def dataset(
        self, data: Predicted, target: str = "", *, options: Mapping[str, Any] | None = None
    ) -> Dataset:
        """What a user hands in, as records with the views and columns of the predictor.

        Args:
            data: As for :meth:`predict`.
            target: Column with the answer, where it has another name than the one learned.
            options: Of the data set, such as ``{"root": "/"}``, where ``data`` is its name or path.
                Its ``columns`` go before those that the predictor remembers.
        """
        kinds = dict(self.asked.kinds)
        if target and self.asked.target in kinds:
            kinds[target] = kinds[self.asked.target]
        return dataset_of(data, self.sources, replace(self.asked, kinds=kinds), options)

    def vectors(
        self,
        dataset: Dataset,
        *,
        cache: VectorCache | None = None,
        progress: Progress | None = None,
    ) -> tuple[PairedVectors, list[Failure]]:
        """Native vectors of records, row ``i`` for record ``i``, and what could not be used."""
        return self.sources.vectors(dataset, cache=cache, progress=progress)

    def answers(
        self,
        rows: PairedVectors,
        records: Sequence[Record] = (),
        *,
        coverage: float = COVERAGE,
        risk: float | None = None,
        failures: Sequence[Failure] = (),
    ) -> list[Answer]:
        """Answers for native vectors; arguments as for :meth:`predict`.

        Args:
            rows: ``n`` records.
            records: They themselves, of which notes are made; may be none.
            coverage: Of sets and intervals.
            risk: At most.
            failures: Items that could not be used, told in the notes of their record.
        """
        if not len(rows):
            return []
        scores = self.fusion.scores(rows)
        least = 0.0 if risk is None else self.abstaining(risk).least
        told = _Told(self.outcome, scores, {v: rows.present[v] for v in self.views}, coverage)
        reasons = {failure.source: failure.reason for failure in failures}
        found = []
        for row in range(len(rows)):
            record = records[row] if records else None
            notes = () if record is None else tuple(self._notes(record, reasons))
            answer = told.answer(row, rows.ids[row] if rows.ids else str(row + 1))
            if self.asked.dates:
                answer = as_dates(answer, self.outcome.spread)
            gone = tuple(view for view in self.views if not rows.present[view][row])
            unsure = answer.sure < least
            source = "" if record is None else _files(record)
            known = replace(answer, abstained=unsure, missing=gone, notes=notes, source=source)
            found.append(known)
        return found

    def abstaining(self, risk: float) -> Abstaining:
        """From which sureness on it answers, and why; see :meth:`predict`.

        Raises:
            InputError: If risk is out of range, or no answer can be so good.
        """
        most = math.inf if self.asked.kind == "number" else 1
        given = check_between(risk, "risk", 0, most)
        unit = DAYS if self.asked.dates else ""
        return abstaining(self.outcome, given, self.asked.target, unit)

    def _notes(self, record: Record, reasons: Mapping[str, str]) -> list[str]:
        failed = [
            f"{view} cannot be used: {reasons[item.source]}"
            for view, item in record.items.items()
            if view in self.views and item.source in reasons
        ]
        plain = [
            note
            for columns in self.sources.columns.values()
            if columns.present([record])[0]
            for note in columns.notes(record)
        ]
        return [*failed, *plain]

    def save(self, folder: str | Path) -> Path:
        """Write the predictor: JSON, safetensors and a card, whole or not at all.

        Raises:
            ArtifactError: If the folder holds something else.
        """
        document, tensors = written(self._parts)
        whole = {**document, "fingerprint": fingerprint(document, tensors)}
        report = None if self.report is None else self.report.to_json()
        card = predictor_card(self.asked, self.report, self.views, str(whole["fingerprint"]))
        place = Path(folder)
        save_artifact(place, KIND, {**whole, "report": report}, tensors, {"README.md": card})
        return place

    @classmethod
    def load(cls, folder: str | Path, *, trust: str | Sequence[str] = ()) -> Predictor:
        """Read a predictor. Nothing that it names is run before an encoder is needed.

        Args:
            folder: Where it is.
            trust: Packages whose encoders it may use, as for :meth:`isthmus.Space.load`.

        Raises:
            ArtifactError: If there is none, it is damaged, or of another format version.
            FingerprintError: If its parts do not belong together.
        """
        check_kind(
            folder, (str, Path), "a predictor", need="its folder", example="Predictor.load('mine')"
        )
        parts = read_parts(expanded(folder), check_trust(trust))
        return cls(**vars(parts))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Say what there is."""
            hint = did_you_mean(name, dir(type(self)))
            raise AttributeError(f"a Predictor has no {name!r}.{hint}")

    def __repr__(self) -> str:
        return (
            f"Predictor({self.asked.target!r}, {self.asked.kind}, from {' + '.join(self.views)}, "
            f"{self.fusion!r})"
        )


def _files(record: Record) -> str:
    """Files that its items lie in, as they were named, each once."""
    paths = (item.source for item in record.items.values() if isinstance(item.payload, Path))
    return "|".join(dict.fromkeys(paths))


class _Told:
    """What scores of records say, all at once; one answer a row."""

    def __init__(
        self, outcome: Outcome, scores: F64, present: Mapping[str, Array], coverage: float
    ) -> None:
        self._outcome, self.kind = outcome, outcome.kind
        given: Any = present
        self._sure = outcome.sure(scores, given)
        if self.kind in ("number", "survival"):
            self._ends = outcome.interval(scores, coverage, given)
        if self.kind == "number":
            self._values = outcome.values(scores, given)
            return
        if self.kind == "survival" and outcome.horizon is None:
            self._p = np.full((len(scores), 1), np.nan)
            return
        self._p = outcome.probabilities(scores, given)
        self._said = outcome.decide(scores, given)
        if self.kind != "survival":
            self._sets = outcome.sets(scores, coverage, given)

    def answer(self, row: int, name: str) -> Answer:
        """The answer for a row, as if nothing were missing."""
        common: dict[str, Any] = {"id": name, "kind": self.kind, "sure": float(self._sure[row])}
        if self.kind in ("number", "survival"):
            ends = finite(self._ends[row, 0]), finite(self._ends[row, 1])
            common |= {"interval": ends, "likely": (), "probabilities": {}}
        if self.kind == "number":
            return Answer(value=float(self._values[row]), probability=None, **common)
        p = self._p[row]
        if self.kind == "survival":
            event = float(np.nan_to_num(p[0]))
            return Answer(value=event, probability=max(event, 1 - event), **common)
        names = self._outcome.names
        order = np.argsort(-p, kind="stable")
        common |= {
            "interval": None,
            "likely": tuple(names[i] for i in order if self._sets[row, i]),
            "probabilities": {each: float(x) for each, x in zip(names, p, strict=True)},
        }
        if self.kind == "labels":
            said = tuple(names[i] for i in order if self._said[row, i])
            return Answer(value=said, probability=float(np.maximum(p, 1 - p).mean()), **common)
        code = int(self._said[row])
        return Answer(value=names[code], probability=float(p[code]), **common)
