"""New views mapped into a space that stays as it is: chosen on held-out pairs, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners import Aligner
from isthmus.aligners.onto import Fixed
from isthmus.core.contracts import Head, Progress
from isthmus.core.errors import DataError
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.view import ViewPair
from isthmus.selection.candidates import onto
from isthmus.selection.estimate import estimate, refuse_without_signal
from isthmus.selection.measure import Transforms, direct_pairs
from isthmus.selection.race import Clock, fit
from isthmus.selection.select import Selection, select
from isthmus.space.report import Estimate


@dataclass(frozen=True, eq=False)
class Landed:
    """New views that lead into a fixed space.

    Attributes:
        chosen: Of all that was tried.
        estimate: On held-out pairs.
        aligner: What won, fitted on all pairs. The heads of fixed views are the identity.
    """

    chosen: Selection
    estimate: Estimate
    aligner: Aligner


@dataclass(frozen=True, eq=False)
class Mounted:
    """An aligner whose fixed views are vectors of the space, for native vectors of all views.

    Attributes:
        heads: Of the fixed views.
        after: For what they give, and for native vectors of the other views.
    """

    heads: Mapping[str, Head]
    after: Transforms

    def transform(self, x: F32, view: str, /) -> F32:
        """Native vectors ``(n, dim)`` to unit vectors ``(n, k)``."""
        return self.heads[view](x) if view in self.heads else self.after.transform(x, view)


def within(pairs: PairedVectors, heads: Mapping[str, Head]) -> PairedVectors:
    """The same records, the views with heads as vectors of their space."""
    rows = dict(pairs.vectors)
    for view in (v for v in pairs.views if v in heads):
        here = pairs.present[view]
        rows[view] = np.zeros((len(pairs), heads[view].output_dim), np.float32)
        if here.any():
            rows[view][here] = heads[view](pairs.vectors[view][here])
    return replace(pairs, vectors=rows)


def land(
    pairs: PairedVectors,
    fixed: Fixed,
    links: NDArray[np.intp],
    *,
    name: str,
    linear: bool = False,
    csls_strength: float = 0.0,
    seed: int = 0,
    budget: float | None = None,
    progress: Progress,
) -> Landed:
    """Choose what maps new views into a space, by folds, and fit it on all pairs.

    Args:
        pairs: Fixed views as unit vectors of the space, new views as native ones.
        fixed: Which views stay.
        links: ``(n,)`` labels of rows that no split may part.
        name: Of the data set.
        linear: Whether the map must do for vectors that lie off those of these records.
        csls_strength: How strongly the space corrects for hubness.
        seed: Of splits and shuffles.
        budget: Seconds for the choice; None for as long as it takes.
        progress: Told as work is done.

    Raises:
        NoSignalError: If held-out pairs of a new view and the fixed ones match no better than
            shuffled pairs.
        DataError: If the records do not suffice, or no record joins a new view to a fixed one.
    """
    new = [view for view in pairs.views if view not in fixed.views]
    counts = {ViewPair(a, b): len(pairs.rows(a, b)) for a, b in direct_pairs(pairs)}
    for view in new:
        if not _joining(counts, view, fixed.views):
            raise DataError(
                f"{name}: no record has both {view} and one of {', '.join(fixed.views)}, whose "
                "heads stay; add records that have both"
            )
    clock = Clock(budget)
    choices = onto(fixed, linear=linear, csls_strength=csls_strength)
    chosen = select(pairs, choices, links, seed=seed, budget=budget, progress=progress)
    if not chosen.outer:
        raise DataError(
            f"{name}: need records of at least three groups to hold some out, so that a map that "
            "finds nothing can be told; add groups or records"
        )
    found = estimate(pairs, chosen, seed, clock, progress)
    for view in new:
        joining = _joining(found.p_values, view, fixed.views)
        if not joining:
            raise DataError(
                f"{name}: too few records have {view} and one of {', '.join(fixed.views)} to hold "
                "some out; add records"
            )
        p_values = {pair: found.p_values[pair] for pair in joining}
        refuse_without_signal(name, replace(found, p_values=p_values), counts)
    return Landed(chosen, found, fit(chosen.best, chosen.training))


def _joining(known: Mapping[ViewPair, object], view: str, fixed: Sequence[str]) -> list[ViewPair]:
    """Pairs of one view and a fixed one."""
    return [pair for pair in known if any(pair == ViewPair(view, other) for other in fixed)]
