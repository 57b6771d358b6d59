"""What a choice of a fusion looks at, and what is told of it: metrics by kind of target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from isthmus import metrics
from isthmus.core.errors import InputError
from isthmus.core.linalg import F64
from isthmus.core.wording import did_you_mean
from isthmus.fusion.target import Kind, Target
from isthmus.predictor.outcome import Outcome
from isthmus.predictor.patterns import Present


@dataclass(frozen=True, eq=False)
class Said:
    """What an outcome says of rows whose truth is known.

    Attributes:
        outcome: It may not have learned from these rows.
        scores: ``(n, width)``.
        target: Of the same rows.
        present: By view ``(n,)``; None for all.
    """

    outcome: Outcome
    scores: F64
    target: Target
    present: Present | None = None
    _kept: dict[str, NDArray[np.generic]] = field(default_factory=dict, repr=False)

    def take(self, rows: NDArray[np.intp]) -> Said:
        """Some of the rows."""
        present = self.present and {view: mask[rows] for view, mask in self.present.items()}
        return Said(self.outcome, self.scores[rows], self.target.take(rows), present)

    @property
    def probabilities(self) -> F64:
        """``(n, k)``."""
        if "p" not in self._kept:
            self._kept["p"] = self.outcome.probabilities(self.scores, self.present)
        return np.asarray(self._kept["p"], dtype=np.float64)

    @property
    def decided(self) -> NDArray[np.intp]:
        """Codes ``(n,)``, or labels ``(n, k)``."""
        if "d" not in self._kept:
            self._kept["d"] = self.outcome.decide(self.scores, self.present)
        return np.asarray(self._kept["d"], dtype=np.intp)

    @property
    def values(self) -> F64:
        """Numbers or log hazards ``(n,)``."""
        if "v" not in self._kept:
            self._kept["v"] = self.outcome.values(self.scores, self.present)
        return np.asarray(self._kept["v"], dtype=np.float64)


def together(parts: Sequence[Said]) -> Said:
    """What is said of rows by several outcomes, for a metric of all of them.

    Args:
        parts: Of one kind of target, at least one.
    """
    first = parts[0]
    made = Said(
        first.outcome,
        np.vstack([part.scores for part in parts]),
        joined([part.target for part in parts]),
    )
    if first.target.kind != "number":
        made._kept["p"] = np.vstack([part.probabilities for part in parts])
        made._kept["d"] = np.concatenate([part.decided for part in parts])
    if first.target.kind in ("number", "survival"):
        made._kept["v"] = np.concatenate([part.values for part in parts])
    return made


def joined(targets: Sequence[Target]) -> Target:
    """The rows of several targets of one kind, one after the other."""
    first = targets[0]
    return replace(first, values=np.vstack([each.values for each in targets]))


@dataclass(frozen=True)
class Measure:
    """One metric.

    Attributes:
        name: For tables.
        kinds: Of target that it is for.
        of: Of what is said.
        sign: −1 where lower is better.
        balanced: Whether classes shall be decided with equal weight to be good at it.
        least: The lowest that it can be; the highest is 1 where higher is better.
        scaled: Whether it is told in the unit of the target.
    """

    name: str
    kinds: tuple[Kind, ...]
    of: Callable[[Said], float]
    sign: int = 1
    balanced: bool = False
    least: float = 0.0
    scaled: bool = False

    def unit(self, target: Target) -> str:
        """In which it is told; empty where it has none."""
        return target.unit if self.scaled else ""

    @property
    def most(self) -> float:
        """The highest that it can be."""
        return 1.0 if self.sign > 0 else np.inf


def _one_hot(target: Target) -> F64:
    return np.eye(len(target.names))[target.codes]


def _log_loss(said: Said) -> float:
    truth = said.target.values if said.target.kind == "labels" else said.target.codes
    return metrics.log_loss(said.probabilities, truth)


def _macro_auc(said: Said) -> float:
    p, target = said.probabilities, said.target
    if target.kind == "labels":
        return metrics.macro_auc(p, target.values)
    if p.shape[1] == 2:
        return metrics.roc_auc(p[:, 1], target.codes == 1)
    return metrics.macro_auc(p, _one_hot(target))


def _r_squared(said: Said) -> float:
    return metrics.r_squared(said.values, said.target.values)


def _kappa(said: Said) -> float:
    return metrics.quadratic_kappa(said.decided, said.target.codes, len(said.target.names))


def _grade_distance(said: Said) -> float:
    return metrics.mean_absolute_error(said.decided, said.target.codes)


def _concordance(said: Said) -> float:
    times, events = said.target.values.T
    return metrics.concordance_index(times, events, said.values)


def _auc_at_horizon(said: Said) -> float:
    if said.outcome.horizon is None:
        return float("nan")
    times, events = said.target.values.T
    return metrics.auc_at(times, events, said.values, said.outcome.horizon)


_CODED: tuple[Kind, ...] = ("classes", "grades")
MEASURES: tuple[Measure, ...] = (
    Measure("accuracy", _CODED, lambda s: metrics.accuracy(s.decided, s.target.codes)),
    Measure(
        "balanced accuracy",
        _CODED,
        lambda s: metrics.balanced_accuracy(s.decided, s.target.codes),
        balanced=True,
    ),
    Measure("kappa", ("grades",), _kappa, least=-1.0),
    Measure("grades off", ("grades",), _grade_distance, -1),
    Measure("macro F1", ("classes",), lambda s: metrics.macro_f1(s.decided, s.target.codes)),
    Measure("AUC", ("classes", "labels"), _macro_auc),
    Measure("log loss", ("classes", "labels", "grades"), _log_loss, -1),
    Measure("labels right", ("labels",), lambda s: float((s.decided == s.target.values).mean())),
    Measure("R²", ("number",), _r_squared, least=-np.inf),
    Measure(
        "mean error",
        ("number",),
        lambda s: metrics.mean_absolute_error(s.values, s.target.values),
        -1,
        scaled=True,
    ),
    Measure("concordance", ("survival",), _concordance),
    Measure("AUC at horizon", ("survival",), _auc_at_horizon),
)

HEADLINES: dict[Kind, str] = {
    "classes": "accuracy",
    "labels": "AUC",
    "grades": "kappa",
    "number": "R²",
    "survival": "concordance",
}
"""What says most of each kind."""
CHOSEN_BY: dict[Kind, str] = {**HEADLINES, "classes": "log loss"}
"""What a choice looks at, unless a metric is named. A proper score sees by how much an answer is
right or wrong, where accuracy sees only whether, and so tells fusions apart on fewer rows."""


def measure(name: str, kind: Kind) -> Measure:
    """A metric by name.

    Raises:
        InputError: If there is none of that name for this kind of target.
    """
    known = {each.name: each for each in measures_of(kind)}
    if name not in known:
        hint = did_you_mean(name, known)
        raise InputError(f"{kind} has no metric {name!r}; it has {', '.join(known)}.{hint}")
    return known[name]


def measures_of(kind: Kind, first: str | None = None) -> tuple[Measure, ...]:
    """All metrics of a kind of target, one of them first."""
    found = [each for each in MEASURES if kind in each.kinds]
    return tuple(sorted(found, key=lambda each: each.name != first))


def by_split(how: Measure, parts: list[tuple[F64, Target]], horizon: float | None = None) -> F64:
    """A metric of scores of each split, higher is better, by one link learned on all of them.

    One slope and a few offsets are learned from all the rows, so that scores of any scale can be
    compared; that is the same small favour for all that are compared.

    Args:
        how: Which.
        parts: Scores ``(n, width)`` of rows that were left out, and their target, by split.
        horizon: Of survival.
    """
    scores = np.vstack([scores for scores, _ in parts])
    whole = joined([target for _, target in parts])
    outcome = Outcome.fit(scores, whole, balanced=how.balanced, horizon=horizon)
    if whole.kind == "number":
        return _of_numbers(how, outcome, parts, float(whole.values.var()))
    found = [how.sign * how.of(Said(outcome, scores, target)) for scores, target in parts]
    return np.array(found, dtype=np.float64)


def _of_numbers(
    how: Measure, outcome: Outcome, parts: list[tuple[F64, Target]], spread: float
) -> F64:
    """Of numbers, R² by the variance of all rows: that of a few may be small by luck."""
    said = [Said(outcome, scores, target) for scores, target in parts]
    if how.name != "R²":
        return np.array([how.sign * how.of(each) for each in said])
    errors = [float(((s.values - s.target.values[:, 0]) ** 2).mean()) for s in said]
    return 1 - np.array(errors) / max(spread, np.finfo(np.float64).tiny)
