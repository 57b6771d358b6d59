"""Candidates scored on held-out folds, by successive halving and within a time budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from threading import Event

import numpy as np

from isthmus.aligners import Aligner, Ensemble, MomentsAligner
from isthmus.core.errors import DataError, MissingExtraError, NoSignalError
from isthmus.core.linalg import F64
from isthmus.core.memo import Memo
from isthmus.encoders.base import usable_cores
from isthmus.selection.candidates import Candidate
from isthmus.selection.folds import Folds, Training
from isthmus.selection.ground import Fitted, Ground
from isthmus.selection.measure import Mapped
from isthmus.selection.meter import Meter
from isthmus.selection.parallel import side_by_side

LeftOut = tuple[int, tuple[int, ...]]
"""A deal of the rows into folds, and the folds of it that are left out of training."""
Split = tuple[LeftOut, int]
"""What is left out of training, and the one fold of it that is scored."""
Measure = Callable[[Mapped, float], float]
"""Score of held-out rows in a space, given how strongly hubness is corrected for; higher is
better."""

LATE = "not tried: too little of the time limit was left"
_FIRST_RUNG = 0.4
"""Share of the splits on which every entrant is scored: two of five folds."""
_LEAST_SPLITS = 2
"""On one split alone luck would decide who stays."""
_FIRST_RUNG_TIME = 0.6
"""Share of the time for those splits: a third on three more folds takes half as long again."""
_KEPT = 1 / 3
"""Share that runs on all splits, the η = 3 of Hyperband (Li et al., JMLR 2018)."""
_AT_LEAST = 4
"""With fewer, halving saves nothing and may lose the best. Chosen, not tuned."""
_CHUNK = 6
"""Candidates that share one split's moments before the clock is looked at again."""


class Clock:
    """Time that may be spent.

    Args:
        budget: Seconds from now; None for as long as it takes.
    """

    def __init__(self, budget: float | None) -> None:
        self._start = time.monotonic()
        self._end = np.inf if budget is None else self._start + budget

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self._end - time.monotonic()

    def part(self, share: float) -> Clock:
        """A clock for a share of the time that is left."""
        return Clock(None if np.isinf(self._end) else max(0.0, share * self.left))


def fit(candidate: Candidate, training: Training) -> Aligner:
    """Fit a candidate, from moments where they suffice."""
    if candidate.members:
        members = [fit(member, training) for member in candidate.members]
        return Ensemble(members, candidate.weights).combine(training.rows)
    aligner = candidate.build()
    if isinstance(aligner, MomentsAligner):
        return aligner.fit_moments(training.weighted(candidate.sources))
    return aligner.fit(training.rows)


@dataclass
class Trial:
    """A candidate with its score on every split; NaN where it has none.

    Attributes:
        candidate: What was tried.
        scores: One number a split.
        ran: On how many splits it was fitted.
        reason: Why it could not run or was not tried, or nothing.
    """

    candidate: Candidate
    scores: F64
    ran: int
    reason: str = ""

    @property
    def complete(self) -> bool:
        """Whether it ran on every split; others lost the race before."""
        return not self.reason and self.ran == len(self.scores)

    @property
    def mean(self) -> float:
        """Mean over the splits it ran on; −∞ if there are none."""
        known = self.scores[~np.isnan(self.scores)]
        return float(known.mean()) if len(known) and not self.reason else -np.inf


@dataclass
class Table:
    """Scores of candidates on splits, filled as they are asked for.

    Attributes:
        deals: Every deal of the rows into folds.
        measure: What is scored.
        meter: Told as fits are done.
    """

    deals: list[Folds]
    measure: Measure
    meter: Meter = field(default_factory=lambda: Meter(None))
    scores: dict[tuple[str, Split], float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    _seen: dict[str, Candidate] = field(default_factory=dict)
    _grounds: dict[LeftOut, Ground] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)
    _met: set[tuple[str, LeftOut]] = field(default_factory=set)

    def run(self, entrants: Iterable[Candidate], splits: Sequence[Split], clock: Clock) -> None:
        """Score candidates on splits, as far as the time goes."""
        todo = [c for c in entrants if c.label not in self.reasons]
        self._seen.update({c.label: c for c in todo})
        step = _CHUNK if clock.left < np.inf else max(len(todo), 1)
        for start in range(0, len(todo), step):
            for group in _by_cost(todo[start : start + step]):
                self._run_chunk(group, splits, clock)

    def _run_chunk(self, chunk: list[Candidate], splits: Sequence[Split], clock: Clock) -> None:
        left_outs = list(dict.fromkeys(left_out for left_out, _ in splits))
        missing = [
            left_out
            for left_out in left_outs
            if any(
                (c.label, s) not in self.scores for c in chunk for s in splits if s[0] == left_out
            )
        ]
        if not missing:
            return
        kind = chunk[0].cost_of
        guess = chunk[0].cost
        if clock.left < np.inf and kind not in self._seconds and clock.left > guess:
            self._evaluate_all(chunk, [missing.pop(0)])  # one, to know what the others will take
        expected = self._seconds.get(kind, guess) * len(chunk) * len(missing) / usable_cores()
        if missing and clock.left < expected:
            self.late.update(c.label for c in chunk)
            return
        self._evaluate_all(chunk, missing)

    def _evaluate_all(self, chunk: list[Candidate], left_outs: list[LeftOut]) -> None:
        """One split a thread."""
        stop = Event()
        side_by_side(lambda left_out: self._evaluate(chunk, left_out, stop), left_outs, stop)

    def _evaluate(self, chunk: list[Candidate], left_out: LeftOut, stop: Event) -> None:
        ground, cosines = self._ground(left_out), Memo()
        kind = chunk[0].cost_of
        began = now = time.monotonic()
        for candidate in chunk:
            if stop.is_set():
                return
            if candidate.label in self.reasons:
                continue
            try:
                ground.projection(candidate)
            except (DataError, NoSignalError, MissingExtraError) as error:
                self.reasons[candidate.label] = str(error)
                continue
            for fold in left_out[1]:
                mapped = ground.mapped(candidate, fold, cosines)
                score = self.measure(mapped, candidate.csls_strength)
                self.scores[candidate.label, (left_out, fold)] = score
            before, now = now, time.monotonic()
            self.meter.done(kind, now - before, first=(kind, left_out) not in self._met)
            self._met.add((kind, left_out))
        self._seconds[kind] = (now - began) / len(chunk)

    def fitted(self, candidate: Candidate, left_out: LeftOut) -> Fitted:
        """A candidate, fitted without some folds; what was computed for its score is used."""
        return self._ground(left_out).fitted(candidate)

    def _ground(self, left_out: LeftOut) -> Ground:
        if left_out not in self._grounds:
            deal, out = left_out
            folds = self.deals[deal]
            held = {fold: folds.pairs.take(folds.held(fold)) for fold in out}
            self._grounds[left_out] = Ground(folds.without(*out), held)
        return self._grounds[left_out]

    def with_measure(self, measure: Measure) -> Table:
        """A table without scores for another measure; what was trained is trained no more."""
        return replace(self, measure=measure, scores={}, reasons={}, late=set(), _seen={})

    def trial(self, candidate: Candidate, splits: Sequence[Split]) -> Trial:
        """A candidate's scores on these splits."""
        label = candidate.label
        found = np.array([self.scores.get((label, split), np.nan) for split in splits])
        ran = sum((label, split) in self.scores for split in splits)
        reason = self.reasons.get(label, LATE if label in self.late and not ran else "")
        return Trial(candidate, found, ran, reason)

    def trials(self, splits: Sequence[Split]) -> list[Trial]:
        """Everything tried on these splits: what ran on all of them first, best first."""
        found = [self.trial(candidate, splits) for candidate in self._seen.values()]
        return sorted(found, key=lambda t: (not t.complete, -t.mean))

    def best(self, splits: Sequence[Split]) -> Candidate:
        """The candidate with the best mean of those that ran on all splits.

        Raises:
            DataError: If none could be fitted.
        """
        first = next(iter(self.trials(splits)), None)
        if first is None or not first.complete:
            reasons = "; ".join(dict.fromkeys(self.reasons.values())) or LATE
            raise DataError(f"no aligner could be fitted on these records: {reasons}")
        return first.candidate

    def best_by_family(self, splits: Sequence[Split]) -> dict[str, Candidate]:
        """The best of each kind of aligner, of those that ran on all splits; best first."""
        found: dict[str, Candidate] = {}
        for trial in self.trials(splits):
            if trial.complete:
                found.setdefault(trial.candidate.aligner, trial.candidate)
        return found


def challenge(
    table: Table, entrants: Sequence[Candidate], splits: Sequence[Split], clock: Clock
) -> None:
    """Let candidates that cost much on to all splits only if they lead on the first ones.

    Args:
        table: Filled; it holds scores of others on all splits.
        entrants: Candidates.
        splits: Those that this choice may look at.
        clock: When it ends, what was not tried is left out and named.
    """
    first = _first(splits)
    table.run(entrants, first, clock)
    leader = table.trial(table.best(splits), first).mean
    table.run([c for c in entrants if table.trial(c, first).mean > leader], splits, clock)


def expected(meter: Meter, entrants: Sequence[Candidate], splits: int, first: int) -> None:
    """Tell a meter of a race of these entrants over so many fits each, after the first ones."""
    meter.expect([each.cost_of for each in entrants], first, splits - first, _KEPT)


def _first(splits: Sequence[Split]) -> Sequence[Split]:
    return splits[: max(_LEAST_SPLITS, round(_FIRST_RUNG * len(splits)))]


def race(
    table: Table, entrants: Sequence[Candidate], splits: Sequence[Split], clock: Clock
) -> None:
    """Score all entrants on some splits, then the best third on all of them.

    Successive halving with two rungs (Jamieson and Talwalkar, "Non-stochastic best arm
    identification and hyperparameter optimization", AISTATS 2016). The best of each kind
    of aligner stays in, so that every kind is reported with a complete score.

    Args:
        table: Filled.
        entrants: Candidates.
        splits: Those that this choice may look at.
        clock: When it ends, what was not tried is left out and named.
    """
    first = _first(splits)
    late: list[Candidate] = []
    if len(entrants) > _AT_LEAST and len(first) < len(splits):
        table.run(entrants, first, clock.part(_FIRST_RUNG_TIME))
        trials = [table.trial(candidate, first) for candidate in entrants]
        late = [trial.candidate for trial in trials if trial.reason == LATE]
        entrants = _survivors(trials)
    table.run(entrants, splits, clock)
    if late and any(table.trial(candidate, splits).complete for candidate in entrants):
        challenge(table, late, splits, clock)  # in what the others have left of the time


def _survivors(trials: Sequence[Trial]) -> list[Candidate]:
    ranked = sorted((t for t in trials if not t.reason), key=lambda t: -t.mean)
    count = max(_AT_LEAST, round(_KEPT * len(ranked)))
    seen: set[str] = set()
    kept: list[Candidate] = []
    for place, trial in enumerate(ranked):
        if place < count or trial.candidate.aligner not in seen:
            kept.append(trial.candidate)
        seen.add(trial.candidate.aligner)
    return kept


def _by_cost(chunk: Iterable[Candidate]) -> list[list[Candidate]]:
    """The same candidates, those of like cost together."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in chunk:
        groups.setdefault(candidate.cost_of, []).append(candidate)
    return list(groups.values())
