"""A space that is known already, used as it is or carried on with pairs of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isthmus.aligners.base import MomentsAligner, check_positive
from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.heads import LinearHead
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
class Known:
    """Heads of a space, and the pairs that it remembers.

    Attributes:
        heads: By view.
        bank: Unit vectors of the space by view; rows of one place belong together.
        fingerprint: Of the space.
    """

    heads: Mapping[str, LinearHead]
    bank: Mapping[str, F32]
    fingerprint: str

    @cached_property
    def maps(self) -> dict[str, tuple[F64, F64]]:
        """What turns native vectors into coordinates of the space, before they get unit length."""
        return {
            m: (head.mean.astype(np.float64), head.weight.astype(np.float64))
            for m, head in self.heads.items()
        }


class Continued(MomentsAligner):
    """The heads of a known space; or those that follow from its pairs and one's own together.

    Own pairs are described by the coordinates of the known space, which are few and were learned
    from many pairs. There the moments of the known pairs and those of one's own are added, and
    :class:`CCA` is solved for the sum. As sums add, this is what one fit on all pairs would
    give in these coordinates, and own pairs can be added and forgotten later.

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
        return {m: _chained(maps[m], inner[m]) for m in moments.views}

    def _sum(self, moments: Moments, maps: Mapping[str, tuple[F64, F64]]) -> Moments:
        """Own moments and those of the known pairs, in coordinates of the known space."""
        assert self.weight is not None
        own = moments.memo(("mapped", self.known.fingerprint), lambda: moments.mapped(maps))
        # The bank has unit length; its rows get that of own rows.
        lengths = {
            m: np.sqrt(np.trace(own.covariance(m)) + (own.mean(m) ** 2).sum()) for m in own.views
        }
        rows = {m: (self.known.bank[m] * lengths[m]).astype(np.float32) for m in own.views}
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
