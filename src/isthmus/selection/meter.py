"""How far a choice is, in seconds of work rather than in fits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from isthmus.core.contracts import Progress

_STEPS_A_SECOND = 10
"""Progress counts in whole numbers: tenths of a second."""


class Meter:
    """Tells how much of the expected work is done.

    What a fit costs differs tenfold between kinds of aligner, so what is left is counted by kind
    and weighed by what fits of that kind have taken so far.

    Args:
        progress: Told as work is done; None tells nobody.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._expected: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._share = 0.0

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

    def done(self, kind: str, count: int, seconds: float) -> None:
        """Some fits of a kind took so many seconds."""
        self._done[kind] += count
        self._seconds[kind] += seconds
        spent = sum(self._seconds.values())
        # The bar never goes back; where more work turns up it waits.
        self._share = max(self._share, spent / max(spent + self._left(), 1e-9))
        self._tell(spent, spent / self._share if self._share else 0.0)

    def end(self) -> None:
        """Nothing follows."""
        spent = sum(self._seconds.values())
        self._tell(spent, spent)

    def _left(self) -> float:
        """Seconds of work that is expected and not done."""
        mean = sum(self._seconds.values()) / max(sum(self._done.values()), 1)
        return sum(
            max(count - self._done[kind], 0)
            * (self._seconds[kind] / self._done[kind] if self._done[kind] else mean)
            for kind, count in self._expected.items()
        )

    def _tell(self, spent: float, total: float) -> None:
        if self._progress is not None:
            done, whole = (max(1, round(_STEPS_A_SECOND * each)) for each in (spent, total))
            self._progress("choose aligner", min(done, whole), whole)
