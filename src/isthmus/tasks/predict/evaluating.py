"""How good a predictor is on records that know the answer and that it never saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Progress
from isthmus.core.document import Json, to_object
from isthmus.core.fields import Value
from isthmus.core.paired import PairedVectors
from isthmus.core.wording import count
from isthmus.fusion import Target
from isthmus.metrics import wilson_interval
from isthmus.pipeline import VectorCache
from isthmus.pipeline.prepared import VECTORS
from isthmus.predictor.given import Predicted
from isthmus.predictor.memory import known_rows
from isthmus.predictor.predictor import Predictor
from isthmus.predictor.report import Confusion, Coverage, Reliability, RiskCoverage
from isthmus.tasks.predict.target import Wanted, read_target

if TYPE_CHECKING:
    from isthmus.selection.predicting.measures import Measure, Said

_RESAMPLES = 200
"""Of the records, for the interval of the headline."""
_ENDS = (0.025, 0.975)
_SHARE = "accuracy"
"""The headline that is a share of records."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure.

    Attributes:
        metric: Its name.
        value: Of the predictor.
        plain: Of one that knows nothing but how often each answer is right.
        low: Lower end of the 95 % interval over records drawn anew; of the headline only.
        high: Upper end.
        unit: In which it is told: ``"days"`` for the error of dates; else empty.
    """

    metric: str
    value: float | None
    plain: float | None
    low: float | None = None
    high: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class PredictorEvaluation:
    """What a predictor scores on records that know the answer.

    Attributes:
        data: Name of the data set.
        target: What was predicted.
        records: That were answered.
        figures: The headline first.
        reliability: Of probabilities; None for numbers.
        coverage: Of sets or intervals, at several wishes.
        risk_coverage: For abstaining.
        confusion: Of classes and grades; else None.
        notes: Records that were left out, and how many it has learned from.
        seen: Records that are the same as one that it remembers to have learned from: it keeps
            256 of these at most.
    """

    data: str
    target: str
    records: int
    figures: tuple[Measured, ...]
    reliability: Reliability | None
    coverage: tuple[Coverage, ...]
    risk_coverage: RiskCoverage
    confusion: Confusion | None
    notes: tuple[str, ...]
    seen: int = 0

    def to_json(self) -> Mapping[str, Json]:
        """As plain values."""
        return to_object(self)


def evaluate(
    predictor: Predictor,
    data: Predicted,
    target: str | Sequence[Value | None] = "",
    *,
    seed: int = 0,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> PredictorEvaluation:
    """Measure a predictor.

    Args:
        predictor: It.
        data: Records that it did not learn from, as for :meth:`isthmus.Predictor.predict`.
        target: Column with the answer, or one value a record; default: that it learned.
        seed: Of the records that are drawn for the interval.
        cache: Of native vectors.
        progress: Told as items are encoded.

    Raises:
        DataError: If the answers are not there, or of none of the classes that it knows.
    """
    from isthmus.selection.predicting import told
    from isthmus.selection.predicting.measures import HEADLINES, Said, measures_of

    dataset = predictor.dataset(data, target if isinstance(target, str) else "")
    known = read_target(dataset, _wanted(predictor, target))
    some = dataset.take(known.rows.tolist())
    rows, failures = predictor.vectors(some, cache=cache, progress=progress)
    present: Any = {view: rows.present[view] for view in predictor.views}
    scores = predictor.fusion.scores(rows)
    said = Said(predictor.outcome, scores, known.target, present)
    plain = _knows_nothing(predictor, known.target, said)
    rng = np.random.default_rng(seed)
    figures: list[Measured] = []
    unknown: list[str] = []
    for how in measures_of(known.target.kind, HEADLINES[known.target.kind]):
        ends: tuple[float | None, float | None] = (None, None)
        if not figures:
            ends = _interval(how, said, rng)
            if ends[0] is None:
                unknown.append(f"no interval of {how.name} is known of so few records")
        own, unit = _finite(how.of(said)), how.unit(known.target)
        figures.append(Measured(how.name, own, _finite(how.of(plain)), *ends, unit))
    seen = _seen(predictor, rows)
    notes = [*unknown, *_warned(predictor, said, seen), *dataset.notes, *known.notes]
    notes += [f"{f.source}: {f.reason}" for f in failures[:5]]
    return PredictorEvaluation(
        dataset.name,
        predictor.asked.target,
        len(rows),
        tuple(figures),
        told.reliability([said]),
        told.coverage([said]),
        told.risk_coverage([said]),
        told.confusion([said]),
        tuple(notes),
        int(seen.sum()),
    )


def _interval(
    how: Measure, said: Said, rng: np.random.Generator
) -> tuple[float | None, float | None]:
    """Ends of the 95 % interval over records drawn anew; None where nothing is known of them.

    Where all draws agree, such as where every answer is right, a share has Wilson's interval.
    """
    n = len(said.target)
    if n < 2:
        return None, None
    drawn = np.array([how.of(said.take(draw)) for draw in rng.integers(0, n, (_RESAMPLES, n))])
    if np.isnan(drawn).all():
        return None, None
    low, high = (_finite(end) for end in np.nanquantile(drawn, _ENDS))
    if low != high:
        return low, high
    return wilson_interval(how.of(said), n) if how.name == _SHARE else (None, None)


def _seen(predictor: Predictor, rows: PairedVectors) -> NDArray[np.bool_]:
    """Records that it remembers to have learned from."""
    if predictor.memory is None:
        return np.zeros(len(rows), dtype=bool)
    refs = predictor.sources.encoders
    near = {v: v in refs and refs[v].spec != VECTORS for v in predictor.memory.views}
    return known_rows(rows, predictor.memory, near)


def _warned(predictor: Predictor, said: Any, seen: NDArray[np.bool_]) -> Iterator[str]:
    """That it has seen some of the records, and the headline of the others."""
    from isthmus.selection.predicting.measures import HEADLINES, measures_of

    if not seen.any():
        return
    kept = len(predictor.memory or ())
    learned = kept if predictor.report is None else predictor.report.data.records
    some = f" (it keeps {kept:,} of the {learned:,} to know them again)" if kept < learned else ""
    rest = "there are no others"
    if not seen.all():
        kind = predictor.asked.kind
        how = measures_of(kind, HEADLINES[kind])[0]
        value = how.of(said.take(np.flatnonzero(~seen)))
        rest = f"{how.name} of the other {count(int((~seen).sum()), 'record')}: {value:.3g}"
    yield (
        f"{count(int(seen.sum()), 'record')} of {len(seen):,} are the same as ones that it learned "
        f"from{some}, so these figures flatter it; {rest}"
    )


def _wanted(predictor: Predictor, target: str | Sequence[Value | None]) -> Wanted:
    asked = predictor.asked
    given = not isinstance(target, str)
    name = asked.target if given or not target else str(target)
    return Wanted(
        "" if asked.time else name,
        asked.kind,
        asked.time,
        asked.event,
        predictor.names if asked.kind == "grades" else (),
        list(target) if given else None,
        predictor.names,
        asked.dates,
    )


def _knows_nothing(predictor: Predictor, target: Target, said: Any) -> Any:
    """A rival that says of every record what is true of all."""
    from isthmus.selection.predicting.measures import Said

    outcome, n = predictor.outcome, len(target)
    made = Said(outcome, np.zeros_like(said.scores), target)
    kept: dict[str, Any] = made._kept
    if target.kind in ("number", "survival"):
        kept["v"] = np.full(n, outcome.shares[0] if target.kind == "number" else 0.0)
        return made
    shares = outcome.shares
    if target.kind == "grades":
        above = np.concatenate([[1.0], shares, [0.0]])
        shares = above[:-1] - above[1:]
    kept["p"] = np.tile(shares, (n, 1))
    kept["d"] = (
        np.full(n, int(shares.argmax()))
        if target.kind != "labels"
        else np.tile((shares >= 0.5).astype(np.intp), (n, 1))
    )
    return made


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
