"""How far a choice is, in seconds of work rather than in fits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from threading import Lock

from isthmus.core.contracts import Progress

_STEPS_A_SECOND = 10
"""Progress counts in whole numbers: tenths of a second."""


class Meter:
    """Tells how much of the expected work is done.

    What a fit costs differs tenfold between kinds of aligner, so what is left is counted by kind
    and weighed by what fits of that kind have taken so far. The first fit of a kind on some rows
    does what the others share and says little about them. So the meter is quiet until it is
    started, when two fits on one split have been timed. Threads may share it: they tell one at a
    time.

    Args:
        progress: Told as work is done; None tells nobody.
        phase: What it is told that is being done.
    """

    def __init__(self, progress: Progress | None, phase: str = "choose aligner") -> None:
        self._progress, self._phase = progress, phase
        self._expected: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._first: defaultdict[str, list[float]] = defaultdict(list)
        self._started = False
        self._share = 0.0
        self._lock = Lock()

    def expect(self, kinds: Iterable[str], first: int, rest: int, kept: float) -> None:
        """Announce a race.

        Args:
            kinds: Kind of aligner of every entrant.
            first: Fits that every entrant needs.
            rest: Fits that only those need that stay in the race.
            kept: Share of each kind that stays, at least one.
        """
        for kind, count in Counter(kinds).items():
            self._expected[kind] += count * first + max(1, round(kept * count)) * rest

    def start(self) -> None:
        """Begin to tell; what was done before counts."""
        self._started = True

    def done(self, kind: str, seconds: float, *, first: bool = False) -> None:
        """One fit took so many seconds.

        Args:
            kind: Kind of aligner.
            seconds: Of one core.
            first: Whether it was the first of its kind on these rows.
        """
        with self._lock:
            self._done[kind] += 1
            (self._first if first else self._seconds)[kind].append(seconds)
            if self._started:
                spent = self._spent()
                # The bar never goes back; where more work turns up it waits.
                self._share = max(self._share, spent / max(spent + self._left(), 1e-9))
                self._tell(spent, spent / self._share if self._share else 0.0)

    def end(self) -> None:
        """Nothing follows."""
        spent = self._spent()
        self._tell(spent, spent)

    def _spent(self) -> float:
        return sum(sum(each) for known in (self._first, self._seconds) for each in known.values())

    def _left(self) -> float:
        """Seconds of work that is expected and not done."""
        known = {kind: _mean(self._seconds[kind] or self._first[kind]) for kind in self._done}
        others = _mean([x for each in self._seconds.values() for x in each] or list(known.values()))
        return sum(
            max(count - self._done[kind], 0) * known.get(kind, others)
            for kind, count in self._expected.items()
        )

    def _tell(self, spent: float, total: float) -> None:
        if self._progress is not None:
            done, whole = (max(1, round(_STEPS_A_SECOND * each)) for each in (spent, total))
            self._progress(self._phase, min(done, whole), whole)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)
