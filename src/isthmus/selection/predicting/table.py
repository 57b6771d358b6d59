"""Scores of records that were left out of fits, made as they are asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from threading import Event, Lock

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import content_hash, fingerprint, write_atomically
from isthmus.core.errors import DataError, MissingExtraError, NoSignalError
from isthmus.core.linalg import F64, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion import Fusion, Target
from isthmus.fusion.closed.patterns import LinearFusion
from isthmus.selection.meter import Meter
from isthmus.selection.parallel import side_by_side
from isthmus.selection.predicting.entrants import Entrant
from isthmus.selection.race import LATE, Clock
from isthmus.selection.remember import LEARNS, code_key

Rows = NDArray[np.intp]
_CODE = (*LEARNS, "fusion", "predictor", "selection/predicting")
_KEPT_MEMO = 30_000_000
"""Entries of all vectors up to which what fits share is kept between rungs."""


@dataclass(frozen=True)
class Cut:
    """Rows to learn from, and rows to score.

    Attributes:
        name: No other cut has it.
        train: Rows.
        held: Rows by fold.
    """

    name: str
    train: Rows = field(compare=False, repr=False)
    held: Mapping[int, Rows] = field(compare=False, repr=False)


@dataclass(frozen=True)
class Split:
    """One fold of a cut, that is scored."""

    cut: Cut
    fold: int

    @property
    def rows(self) -> Rows:
        """That are scored."""
        return self.cut.held[self.fold]


@dataclass
class Table:
    """Scores by entrant and cut.

    Attributes:
        rows: All records.
        target: Of the same records.
        meter: Told as fits are done.
        folder: Where scores are kept, so that an interrupted race goes on; None for nowhere.
    """

    rows: PairedVectors
    target: Target
    meter: Meter = field(default_factory=lambda: Meter(None))
    folder: Path | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    seen: dict[str, Entrant] = field(default_factory=dict)
    _scores: dict[tuple[str, str, int], F64] = field(default_factory=dict)
    _memos: dict[str, Memo] = field(default_factory=dict)
    _key: str = ""
    _lock: Lock = field(default_factory=Lock)

    def run(
        self, work: Iterable[tuple[Cut, Sequence[Entrant]]], clock: Clock | None = None
    ) -> None:
        """Fit entrants on cuts, one cut a thread; what was fitted before is not fitted again.

        Args:
            work: Entrants by cut.
            clock: When it ends, no fit begins that is not begun.
        """
        jobs = [(cut, self._missing(cut, some)) for cut, some in work]
        jobs = [(cut, some) for cut, some in jobs if some]
        if not jobs:
            return
        stop = Event()
        side_by_side(lambda job: self._fill(*job, stop, clock), jobs, stop)

    def _missing(self, cut: Cut, some: Sequence[Entrant]) -> list[Entrant]:
        self.seen.update({each.label: each for each in some})
        return [
            each
            for each in dict.fromkeys(some)
            if each.label not in self.reasons and not self._has(each, cut)
        ]

    def _has(self, entrant: Entrant, cut: Cut) -> bool:
        return all((entrant.label, cut.name, fold) in self._scores for fold in cut.held)

    def _fill(self, cut: Cut, some: Sequence[Entrant], stop: Event, clock: Clock | None) -> None:
        known, made = self._read(cut), {}
        held = self.rows.take(np.concatenate(list(cut.held.values())))
        fitted: dict[Entrant, Fusion] = {}
        for entrant in some:
            if stop.is_set():
                break
            label = entrant.label
            if label in known:
                self._set(label, cut, known[label])
                continue
            if clock is not None and clock.left <= 0:
                self.reasons.setdefault(label, LATE)
                continue
            began = time.monotonic()
            try:
                whole = replace(entrant, views=())
                if whole not in fitted:
                    fitted[whole] = self.fitted(whole, cut.train, self.memo(cut))
                made[label] = fitted[whole].scores(with_views(held, entrant.views))
            except (DataError, NoSignalError, MissingExtraError) as error:
                self.reasons[label] = str(error)
                continue
            self._set(label, cut, made[label])
            taken = time.monotonic() - began
            with self._lock:
                first = entrant.family not in self.seconds
                self.seconds.setdefault(entrant.family, []).append(taken)
            self.meter.done(entrant.fusion, taken, first=first)
        self._keep(cut, {**known, **made} if made else {})
        if sum(x.size for x in self.rows.vectors.values()) > _KEPT_MEMO:
            self._memos.clear()

    def fitted(self, entrant: Entrant, train: Rows, memo: Memo | None = None) -> Fusion:
        """An entrant, fitted on rows.

        Raises:
            DataError: If it cannot be.
        """
        rows, target = self.seen_by(entrant).take(train), self.target.take(train)
        memo = Memo() if memo is None else memo
        fusion = entrant.build().fit(rows, target, memo=memo)
        if isinstance(fusion, LinearFusion):
            plain = replace(entrant, views=(), others=())
            for other in entrant.others:
                whole = replace(other, views=())
                if whole != plain:
                    fusion.answer_as(whole.build().fit(rows, target, memo=memo), other.views)
        return fusion

    def seen_by(self, entrant: Entrant) -> PairedVectors:
        """All records with the views that an entrant sees."""
        return self.rows.select(entrant.views) if entrant.views else self.rows

    def memo(self, cut: Cut, views: tuple[str, ...] = ()) -> Memo:
        """What fits on the rows of a cut share, that see the same views."""
        with self._lock:
            return self._memos.setdefault(f"{cut.name}|{'+'.join(views)}", Memo())

    def _set(self, label: str, cut: Cut, scores: F64) -> None:
        ends = np.cumsum([len(rows) for rows in cut.held.values()])[:-1]
        for fold, part in zip(cut.held, np.split(scores, ends), strict=True):
            self._scores[label, cut.name, fold] = part

    def has(self, entrant: Entrant, split: Split) -> bool:
        """Whether there are scores."""
        return (entrant.label, split.cut.name, split.fold) in self._scores

    def scores(self, entrant: Entrant, split: Split) -> F64:
        """Of the rows of a split, ``(n, width)``."""
        return self._scores[entrant.label, split.cut.name, split.fold]

    def parts(self, entrant: Entrant, splits: Iterable[Split]) -> list[tuple[F64, Target]]:
        """Scores and target of every split that an entrant was fitted for."""
        return [
            (self.scores(entrant, split), self.target.take(split.rows))
            for split in splits
            if self.has(entrant, split)
        ]

    def _file(self, cut: Cut) -> Path | None:
        if self.folder is None:
            return None
        if not self._key:
            self._key = key_of(self.rows, self.target)
        name = content_hash(cut.name.encode() + cut.train.tobytes())
        return self.folder / self._key / f"{name}.npz"

    def _read(self, cut: Cut) -> dict[str, F64]:
        path = self._file(cut)
        if path is None or not path.is_file():
            return {}
        with np.load(path, allow_pickle=False) as kept:
            labels = json.loads(str(kept["labels"]))
            return {label: kept[f"scores{place}"] for place, label in enumerate(labels)}

    def _keep(self, cut: Cut, scores: Mapping[str, F64]) -> None:
        path = self._file(cut)
        if path is None or not scores:
            return
        arrays: dict[str, Array] = {f"scores{i}": x for i, x in enumerate(scores.values())}
        out = BytesIO()
        np.savez(out, labels=np.array(json.dumps(list(scores))), **arrays)  # type: ignore[arg-type]
        write_atomically(path, out.getvalue())


def key_of(rows: PairedVectors, target: Target) -> str:
    """Names exactly these records, this target and this code."""
    tensors: dict[str, Array] = {f"{view}.x": x for view, x in rows.vectors.items()}
    tensors.update({f"{view}.present": mask for view, mask in rows.present.items()})
    document = {"code": code_key(_CODE), "kind": target.kind, "names": list(target.names)}
    return fingerprint(document, {**tensors, "target": target.values})


def with_views(rows: PairedVectors, views: Iterable[str]) -> PairedVectors:
    """Records that lack all other views; as they are if none is named."""
    kept = set(views) or set(rows.views)
    return replace(
        rows,
        present={v: m if v in kept else np.zeros_like(m) for v, m in rows.present.items()},
    )
