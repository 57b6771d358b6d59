"""From scores to answers that know their worth: probabilities, sets, intervals, abstention."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import F64, Array
from isthmus.fusion.target import Kind, Target
from isthmus.predictor.hazard import baseline_hazard, median_event, survival_curve, times_of
from isthmus.predictor.link import Link, probabilities_of
from isthmus.predictor.patterns import Pattern, Present, rows_of_patterns
from isthmus.predictor.saved import outcome_parts

_LEAST_ROWS = 30
"""Rows from which on a pattern of missing views gets a link of its own. Chosen, not tuned."""
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Outcome:
    """What scores of a fusion mean, learned from rows that were left out of its fits.

    Attributes:
        kind: Of the target.
        names: Of its classes, labels or grades.
        patterns: By which views a row has; the first one is of all rows.
        answered: ``(m, 2)``: how sure, and what was lost, of rows left out.
        shares: ``(width,)`` mean of the target's matrix; of numbers their mean.
        hazard: ``(t, 2)`` times of events and the baseline's cumulative hazard; of survival only.
        horizon: The time by which an event is predicted; of survival only.
        spread: Mean distance from the median; of numbers only.
        balanced: Whether :meth:`decide` weighs classes the same, however many rows each has.
    """

    kind: Kind
    names: tuple[str, ...]
    patterns: tuple[Pattern, ...]
    answered: F64
    shares: F64
    hazard: F64 = field(default_factory=lambda: np.zeros((0, 2)))
    horizon: float | None = None
    spread: float = 0.0
    balanced: bool = False

    @classmethod
    def fit(
        cls,
        scores: F64,
        target: Target,
        present: Present | None = None,
        *,
        balanced: bool = False,
        horizon: float | None = None,
    ) -> Self:
        """Learn from scores of rows that were left out of the fits that gave them.

        A record may come several times, with other views taken away: every pattern of views
        with enough rows gets a link and sets of its own.

        Args:
            scores: ``(n, width)``.
            target: Of the ``n`` rows.
            present: By view ``(n,)``; None if all rows have all views.
            balanced: As the attribute.
            horizon: As the attribute; by default the median time of the events.

        Raises:
            DataError: If scores are not those of the target.
        """
        scores = np.asarray(scores, dtype=np.float64)
        if scores.shape != (len(target), target.width) or not len(target):
            raise DataError(f"need scores ({len(target)}, {target.width}), got {scores.shape}")
        rows_of = rows_of_patterns(len(target), present)
        # What all rows share is learned from the rows that have most, not from a mixture.
        most = max(rows_of, key=len)
        first = rows_of[most]
        best, truth = scores[first], target.take(first)
        whole = Pattern.fit(None, best, truth)
        patterns = [whole] + [
            replace(whole, views=views)
            if views == most
            else Pattern.fit(views, scores[rows], target.take(rows))
            for views, rows in rows_of.items()
            if len(rows) >= _LEAST_ROWS
        ]
        made = cls(
            target.kind,
            target.names,
            tuple(patterns),
            np.zeros((0, 2)),
            truth.values.mean(axis=0) if target.kind == "number" else truth.matrix.mean(axis=0),
            balanced=balanced,
        )
        if target.kind == "number":
            middle = np.median(truth.values)
            made = replace(made, spread=float(np.abs(truth.values - middle).mean()))
        if target.kind == "survival":
            made = replace(
                made,
                hazard=baseline_hazard(whole.link(best)[:, 0], truth),
                horizon=median_event(truth) if horizon is None else horizon,
            )
        some = None if present is None else {view: mask[first] for view, mask in present.items()}
        lost = made.losses(best, truth, some)
        told = np.column_stack([made.sure(best, some), lost])
        return replace(made, answered=told[~np.isnan(lost)])

    def probabilities(self, scores: F64, present: Present | None = None) -> F64:
        """Of classes and grades ``(n, k)``, of labels ``(n, k)``, of an event by the horizon.

        Args:
            scores: ``(n, width)``.
            present: By view ``(n,)``; None if all rows have all views.

        Returns:
            ``(n, k)``; ``(n, 1)`` for survival.

        Raises:
            InputError: For numbers, which have none.
        """
        logits = self.linked(scores, present)
        if self.kind in ("classes", "labels", "grades"):
            return probabilities_of(self.kind, logits)
        if self.kind == "survival" and self.horizon is not None:
            return 1 - self.survival(scores, np.array([self.horizon]), present)
        raise InputError(f"a {self.kind} has no probabilities; ask for values and intervals")

    def linked(self, scores: F64, present: Present | None = None) -> F64:
        """What answers are read from, ``(n, width)``: log-odds; numbers; log hazards.

        Args:
            scores: ``(n, width)``.
            present: By view ``(n,)``; None if all rows have all views.
        """
        scores = np.asarray(scores, dtype=np.float64)
        if scores.ndim != 2 or scores.shape[1] != len(self.shares):
            raise DataError(f"need scores (n, {len(self.shares)}), got {scores.shape}")
        out = np.empty_like(scores)
        for pattern, rows in self._dealt(len(scores), present):
            out[rows] = pattern.link(scores[rows])
        return out

    def link(self, present: Present | None = None) -> Link:
        """What makes log-odds or numbers of the scores of one record that has these views."""
        ((pattern, _),) = self._dealt(1, present)
        return pattern.link

    def survival(self, scores: F64, times: F64, present: Present | None = None) -> F64:
        """Probability ``(n, t)`` that the event has not happened by each of the times ``(t,)``.

        Breslow, "Covariance analysis of censored survival data", Biometrics 30, 1974.

        Raises:
            InputError: For another kind of target.
        """
        if self.kind != "survival":
            raise InputError(f"a target of {self.kind} has no survival curve")
        return survival_curve(self.hazard, self.linked(scores, present)[:, 0], times)

    def values(self, scores: F64, present: Present | None = None) -> F64:
        """Numbers ``(n,)``, in the unit of the target; of survival the log hazard.

        Raises:
            InputError: For another kind of target.
        """
        if self.kind not in ("number", "survival"):
            raise InputError(f"a target of {self.kind} has no values; ask for probabilities")
        return self.linked(scores, present)[:, 0]

    def decide(self, scores: F64, present: Present | None = None) -> NDArray[np.intp]:
        """What is answered: classes and grades ``(n,)``, labels and events ``(n, k)`` of 0 and 1.

        Of grades the median one, which has the least distance from the true one on average.

        Raises:
            InputError: For numbers.
        """
        p = self.probabilities(scores, present)
        if self.kind == "grades":
            below = np.cumsum(p, axis=1) < 0.5 - _ROUNDING
            return np.asarray(below.sum(axis=1), dtype=np.intp)
        if self.kind == "classes":
            weights = 1 / np.maximum(self.shares, _ROUNDING) if self.balanced else 1.0
            return np.asarray((p * weights).argmax(axis=1), dtype=np.intp)
        return (p >= 0.5).astype(np.intp)

    def sets(
        self, scores: F64, coverage: float = 0.9, present: Present | None = None
    ) -> NDArray[np.bool_]:
        """Sets ``(n, k)`` that hold the true class or grade with this probability.

        Split conformal prediction with the probability of the true one (Sadinle, Lei &
        Wasserman, "Least ambiguous set-valued classifiers", JASA 2019), the probabilities being
        those of rows left out in turn (Vovk, "Cross-conformal predictors", 2015). A set is empty
        where even the best class is less probable than the true one mostly is. Of labels, each
        true one is in the set with this probability.

        Raises:
            InputError: For numbers and survival, or a coverage that is no share.
        """
        if self.kind not in ("classes", "labels", "grades"):
            raise InputError(f"a target of {self.kind} has no sets; ask for intervals")
        p = self.probabilities(scores, present)
        out = np.ones(p.shape, dtype=bool)
        for pattern, rows in self._dealt(len(p), present):
            place = _place(len(pattern.worth), coverage)
            if place > 0:
                out[rows] = p[rows] >= pattern.worth[place - 1]
        return out

    def interval(self, scores: F64, coverage: float = 0.9, present: Present | None = None) -> F64:
        """Lower and upper end ``(n, 2)`` between which the number lies with this probability.

        Conformal, with the distances of rows left out in turn (Vovk 2015; Barber et al.,
        "Predictive inference with the jackknife+", Annals of Statistics 2021). Of survival, the
        times by which the event has happened with half of what is left out on either side;
        infinite where the curve does not reach that.

        Raises:
            InputError: For another kind of target, or a coverage that is no share.
        """
        if self.kind == "survival":
            _place(1, coverage)
            ends = np.array([(1 + coverage) / 2, (1 - coverage) / 2])
            return times_of(self.hazard, self.linked(scores, present)[:, 0], ends)
        value = self.values(scores, present)
        half = np.full(len(value), np.inf)
        for pattern, rows in self._dealt(len(value), present):
            place = _place(len(pattern.worth), coverage)
            if place > 0:
                half[rows] = pattern.worth[len(pattern.worth) - place]
        return np.column_stack([value - half, value + half])

    def sure(self, scores: F64, present: Present | None = None) -> F64:
        """How sure ``(n,)`` answers are, 0 to 1.

        Of classes and grades the probability of the most probable one, of labels the mean of
        that of each being there or not, of survival that of the event by the horizon or not, of
        numbers how much smaller the distances of such rows are than those from the median.
        """
        if self.kind == "number":
            out = np.zeros(len(scores))
            for pattern, rows in self._dealt(len(scores), present):
                far = float(pattern.worth.mean())
                out[rows] = max(0.0, 1 - far / self.spread) if self.spread > 0 else float(far == 0)
            return out
        if self.kind == "survival" and self.horizon is None:
            return np.zeros(len(scores))
        p = self.probabilities(scores, present)
        if self.kind in ("labels", "survival"):
            return np.asarray(np.maximum(p, 1 - p).mean(axis=1), dtype=np.float64)
        return np.asarray(p.max(axis=1), dtype=np.float64)

    def losses(self, scores: F64, target: Target, present: Present | None = None) -> F64:
        """What answers lose, ``(n,)``.

        1 where wrong; of labels the share that is wrong; of numbers the distance; of survival
        whether the event is told wrongly, NaN where that is not known.
        """
        if self.kind == "number":
            return np.abs(self.values(scores, present) - target.values[:, 0])
        if self.kind == "survival":
            return self._told_wrongly(scores, target, present)
        said = self.decide(scores, present)
        if self.kind == "labels":
            return np.asarray((said != target.values).mean(axis=1), dtype=np.float64)
        return np.asarray(said != target.codes, dtype=np.float64)

    def threshold(self, risk: float) -> float:
        """The sureness from which on answers lose no more than ``risk`` on average.

        All rows with the same views are as sure of a number, so these are answered or not by their
        own mean distance.

        Args:
            risk: Share that may be wrong; of numbers the mean distance.

        Returns:
            From 0, all are answered, to infinity, none is.
        """
        if self.kind == "number":
            most = risk * (1 + _ROUNDING)
            far = [float(pattern.worth.mean()) for pattern in self.patterns]
            if min(far) > most:
                return float("inf")
            return max(0.0, 1 - most / self.spread) if self.spread > 0 else 0.0
        sure, lost = self.answered.T
        order = np.argsort(-sure, kind="stable")
        mean = np.cumsum(lost[order]) / np.arange(1, len(order) + 1)
        # Within ties the last place counts: all of them are answered or none.
        ends = np.append(np.diff(sure[order]) != 0, True)
        good = np.flatnonzero(ends & (mean <= risk * (1 + _ROUNDING)))
        if not len(good):
            return float("inf")
        return 0.0 if good[-1] == len(order) - 1 else float(sure[order][good[-1]])

    def at(self, horizon: float) -> Self:
        """The same for another time by which an event is predicted."""
        return replace(self, horizon=float(horizon))

    def document(self) -> dict[str, Any]:
        """What is not an array, for JSON."""
        return {
            "kind": self.kind,
            "names": list(self.names),
            "patterns": [None if p.views is None else sorted(p.views) for p in self.patterns],
            "horizon": self.horizon,
            "spread": self.spread,
            "balanced": self.balanced,
        }

    def tensors(self) -> dict[str, Array]:
        """Arrays by name."""
        found: dict[str, Array] = {
            "answered": self.answered,
            "shares": self.shares,
            "hazard": self.hazard,
        }
        for place, pattern in enumerate(self.patterns):
            found[f"{place}.slope"] = pattern.link.slope
            found[f"{place}.offset"] = pattern.link.offset
            found[f"{place}.worth"] = pattern.worth
        return found

    @classmethod
    def from_document(
        cls,
        document: Mapping[str, Any],
        tensors: Mapping[str, Array],
        target: Target,
        views: Collection[str],
    ) -> Self:
        """What :meth:`document` and :meth:`tensors` gave.

        Args:
            document: As parsed.
            tensors: By name.
            target: What the fusion learned, without rows.
            views: Of the fusion.

        Raises:
            ArtifactError: If a key is missing or unknown, or a value does not fit.
        """
        return cls(**outcome_parts(document, tensors, target, views))

    def _dealt(self, n: int, present: Present | None) -> Iterator[tuple[Pattern, NDArray[np.intp]]]:
        """Rows by what is known of their pattern of views.

        A pattern that was too rare to learn from is judged as the one with the most views of those
        that have no view more: that is rather too careful than too sure.
        """
        known = {p.views: p for p in self.patterns if p.views is not None}
        whole = self.patterns[0]
        if present is None:
            yield whole, np.arange(n)
            return
        for views, rows in rows_of_patterns(n, present).items():
            within = [each for each in known if each <= views]
            yield known[max(within, key=len)] if within else whole, rows

    def _told_wrongly(self, scores: F64, target: Target, present: Present | None) -> F64:
        if self.horizon is None:
            return np.full(len(scores), np.nan)
        times, events = target.values[:, 0], target.values[:, 1] > 0
        had = (times <= self.horizon) & events
        said = self.decide(scores, present)[:, 0].astype(bool)
        return np.where(had | (times > self.horizon), (said != had).astype(np.float64), np.nan)


def _place(count: int, coverage: float) -> int:
    """How many of the worst of so many rows lie outside; 0 where there are too few to say."""
    if not 0 < coverage < 1:
        raise InputError(f"coverage must lie between 0 and 1, got {coverage}")
    return int(np.floor((count + 1) * (1 - coverage) + _ROUNDING))
