"""A space that is known already, used as it is or carried on with pairs of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isthmus.aligners.base import MomentsAligner, check_positive
from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.heads import ConcatHead, LinearHead
from isthmus.aligners.state import unit_rows
from isthmus.aligners.traits import Abilities, Search
from isthmus.core.contracts import Head
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, F64, Floats
from isthmus.core.paired import PairedVectors
from isthmus.moments.moments import Moments

_WEIGHTS = (1.5, 5.0, 15.0)
"""How much the known pairs count where all own ones count 1. Between too little to see and so much
that own pairs change nothing; the choice is made on held-out pairs."""
_RIDGES = (1.0, 3.0)


@dataclass(frozen=True, eq=False)
class LinearSide:
    """The linear head of a head, alone or among others side by side.

    Attributes:
        whole: The head.
        head: Its linear one.
        place: Where that stands among those side by side; None where it is the whole.
    """

    whole: Head
    head: LinearHead
    place: int | None

    @classmethod
    def of(cls, head: Head) -> LinearSide | None:
        """That of a head, of several the one that counts most; None if it has none."""
        if isinstance(head, LinearHead):
            return cls(head, head, None)
        if not isinstance(head, ConcatHead):
            return None
        heaviest = np.argsort(head.weights, kind="stable")[::-1].tolist()
        sides = [(place, head.parts[place]) for place in heaviest]
        found = ((each, place) for place, each in sides if isinstance(each, LinearHead))
        return next((cls(head, each, place) for each, place in found), None)

    def rows(self, bank: F32) -> F32:
        """Unit vectors of the linear head, out of those of the whole."""
        if self.place is None:
            return bank
        assert isinstance(self.whole, ConcatHead)
        start = sum(part.output_dim for part in self.whole.parts[: self.place])
        return unit_rows(bank[:, start : start + self.head.output_dim])

    def replaced(self, head: LinearHead) -> Head:
        """The whole with another linear head; what stands beside it stays."""
        if self.place is None:
            return head
        assert isinstance(self.whole, ConcatHead)
        parts = list(self.whole.parts)
        parts[self.place] = head
        return ConcatHead(parts, self.whole.weights)


@dataclass(frozen=True, eq=False)
class Known:
    """Heads of a space, and the pairs that it remembers.

    Attributes:
        heads: By view; each is linear, or has a linear head among those side by side.
        bank: Unit vectors of the space by view; rows of one place belong together.
        fingerprint: Of the space.
        csls_strength: How strongly its scores are corrected for hubness.
    """

    heads: Mapping[str, Head]
    bank: Mapping[str, F32]
    fingerprint: str
    csls_strength: float = 1.0

    @cached_property
    def linear(self) -> dict[str, LinearSide]:
        """What is linear of each head.

        Raises:
            InputError: If a head has no linear side.
        """
        found = {m: LinearSide.of(head) for m, head in self.heads.items()}
        sides = {m: side for m, side in found.items() if side is not None}
        if nonlinear := [m for m in found if m not in sides]:
            raise InputError(f"the head of {nonlinear[0]} in the known space has no linear side")
        return sides

    @cached_property
    def maps(self) -> dict[str, tuple[F64, F64]]:
        """What turns native vectors into the linear coordinates, before they get unit length."""
        return {
            m: (side.head.mean.astype(np.float64), side.head.weight.astype(np.float64))
            for m, side in self.linear.items()
        }


class Continued(MomentsAligner):
    """The heads of a known space; or those that follow from its pairs and one's own together.

    Own pairs are described by the coordinates of the known space, which are few and were learned
    from many pairs. There the moments of the known pairs and those of one's own are added, and
    :class:`CCA` is solved for the sum. As sums add, this is what one fit on all pairs would
    give in these coordinates, and own pairs can be added and forgotten later. Where a known head
    has others beside its linear one, they stay as they are.

    Args:
        known: The space.
        weight: How much all known pairs count together, own ones being 1; None takes the
            heads of the space as they are.
        ridge: Of the CCA.
        power: Of the CCA.
    """

    name = "continued"
    abilities = Abilities(missing_rows=True, many_views=True, incremental=True)
    search = Search(
        place=5,
        grid=(
            {},
            *(
                {"weight": weight, "ridge": ridge, "power": power}
                for weight in _WEIGHTS
                for ridge in _RIDGES
                for power in (0.5, 1.0)
            ),
        ),
        leads=True,
    )

    def __init__(
        self,
        known: Known,
        weight: float | None = None,
        ridge: float = 1.0,
        power: float = 0.5,
    ) -> None:
        if weight is not None:
            check_positive(weight, "weight")
        CCA(ridge=ridge, power=power)  # refuses what it cannot use
        self.known = known
        self.weight = weight
        self.ridge = ridge
        self.power = power

    def _heads(self, moments: Moments) -> dict[str, Head]:
        if unknown := [m for m in moments.views if m not in self.known.heads]:
            joined = ", ".join(self.known.heads)
            raise InputError(f"the known space joins {joined}, but not {unknown[0]}")
        if self.weight is None:
            return {m: self.known.heads[m] for m in moments.views}
        maps = self.known.maps
        whole = moments.memo(
            ("continued", self.known.fingerprint, self.weight), lambda: self._sum(moments, maps)
        )
        inner = CCA(ridge=self.ridge, power=self.power).fit_moments(whole).heads_
        return {
            m: self.known.linear[m].replaced(_chained(maps[m], inner[m])) for m in moments.views
        }

    def _sum(self, moments: Moments, maps: Mapping[str, tuple[F64, F64]]) -> Moments:
        """Own moments and those of the known pairs, in coordinates of the known space."""
        assert self.weight is not None
        own = moments.memo(("mapped", self.known.fingerprint), lambda: moments.mapped(maps))
        # The bank has unit length; its rows get that of own rows.
        lengths = {
            m: np.sqrt(np.trace(own.covariance(m)) + (own.mean(m) ** 2).sum()) for m in own.views
        }
        unit = {m: self.known.linear[m].rows(self.known.bank[m]) for m in own.views}
        rows = {m: (x * lengths[m]).astype(np.float32) for m, x in unit.items()}
        bank = Moments.of(PairedVectors(rows)).moved({m: own.mean(m) for m in own.views})
        most = max(own.count(a, b) for a, b in own.pair_keys())
        return own + (self.weight * most / len(next(iter(rows.values())))) * bank


def _chained(first: tuple[F64, F64], second: Head) -> LinearHead:
    """``x ↦ l2(((x − a) V − b) W)`` as one head."""
    assert isinstance(second, LinearHead)
    origin, inner = first
    weight = inner @ second.weight.astype(np.float64)
    shift: Floats = np.linalg.lstsq(inner.T, second.mean.astype(np.float64), rcond=None)[0]
    return LinearHead(origin + shift, weight)
