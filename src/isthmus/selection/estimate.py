"""How good the choice is on outer folds, beside no signal; and whether there is any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError, NoSignalError
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.view import ViewPair
from isthmus.moments import Moments
from isthmus.selection.folds import Training, bank
from isthmus.selection.ground import Ground
from isthmus.selection.measure import Mapped, Transforms, direct_pairs
from isthmus.selection.null import LEAST_P, permutation_p, random_encoders, shuffled
from isthmus.selection.parallel import side_by_side
from isthmus.selection.race import Clock
from isthmus.selection.select import OuterFold, Selection
from isthmus.space import evaluate
from isthmus.space.evaluate import LEVEL
from isthmus.space.report import Estimate, Evaluation, Null, summarise

_NULL_FOLDS = 2
"""Outer folds on which the comparison with no signal is made: it is told beside chance, which is
known exactly, and the refusal rests on permutations of all folds. Chosen, not tuned."""


@dataclass(frozen=True)
class _Figures:
    """Of one outer fold."""

    true: Evaluation
    scores: dict[ViewPair, F32]
    shuffled: Evaluation | None
    random: Evaluation | None


def estimate(
    pairs: PairedVectors, chosen: Selection, seed: int, clock: Clock, progress: Progress
) -> Estimate:
    """Figures on the outer folds, beside shuffled pairs and random encoders.

    Args:
        pairs: All records.
        chosen: With the outer folds, each with what was chosen and fitted without it.
        seed: Of shuffles.
        clock: When it ends, the comparison with no signal stays with its first fold.
        progress: Told as folds are done.

    Raises:
        DataError: If no fold holds two records with a pair.
    """
    usable = [outer for outer in chosen.outer if _shared(pairs, outer)]
    if not usable:
        raise DataError("no fold has two complete pairs; make the groups smaller or add records")

    def measured(place: int) -> _Figures:
        null = place == 0 or (place < _NULL_FOLDS and clock.left > 0)
        found = _figures(pairs, usable[place], np.random.default_rng([seed, place]), null=null)
        done.append(place)
        progress("measure on held-out pairs", len(done), len(usable))
        return found

    done: list[int] = []
    folds = side_by_side(measured, range(len(usable)))
    scores: dict[ViewPair, list[F32]] = {}
    for fold in folds:
        for pair, found in fold.scores.items():
            scores.setdefault(pair, []).append(found)
    shuffles = [fold.shuffled for fold in folds if fold.shuffled is not None]
    randoms = [fold.random for fold in folds if fold.random is not None]
    return Estimate(
        folds=len(folds),
        planned=chosen.folds,
        held_out=summarise([fold.true for fold in folds]),
        null=Null(shuffled=summarise(shuffles).directions, random=summarise(randoms).directions),
        p_values={pair: permutation_p(found, seed=seed) for pair, found in scores.items()},
    )


def _shared(pairs: PairedVectors, outer: OuterFold) -> list[tuple[str, str]]:
    """Pairs of views of which the fold holds two records, so that there is something to rank."""
    train, held = pairs.take(outer.train), pairs.take(outer.held)
    return [(a, b) for a, b in direct_pairs(train) if len(held.rows(a, b)) > 1]


def _figures(
    pairs: PairedVectors, outer: OuterFold, rng: np.random.Generator, *, null: bool
) -> _Figures:
    train, held = pairs.take(outer.train), pairs.take(outer.held)
    strength = outer.candidate.csls_strength
    mapped = Mapped.by(outer.fitted, train, held)
    scores = {
        ViewPair(a, b): mapped.scores(a, b, csls_strength=strength)
        for a, b in _shared(pairs, outer)
    }
    true = _measured(outer.fitted, train, held, strength)
    if not null:
        return _Figures(true, scores, None, None)
    random = random_encoders(train, rng), random_encoders(held, rng)
    return _Figures(
        true,
        scores,
        _without_signal(outer, shuffled(train, rng), held),
        _without_signal(outer, *random),
    )


def banks(aligner: Transforms, pairs: PairedVectors) -> dict[str, F32]:
    """Training vectors in the space, by view."""
    return {m: aligner.transform(bank(pairs, m), m) for m in pairs.views}


def refuse_without_signal(name: str, found: Estimate, counts: Mapping[ViewPair, int]) -> None:
    """Raise if held-out pairs of no two views rank better than shuffled ones.

    Args:
        name: Of the data set.
        found: With the p-values.
        counts: Records that have both, by pair of views.

    Raises:
        NoSignalError: With the p-value of every pair of views.
    """
    # Of several pairs of views one may look good by luck alone (Bonferroni).
    level = max(LEVEL / len(found.p_values), LEAST_P)
    if any(p <= level for p in found.p_values.values()):
        return
    listed = ", ".join(
        f"{pair} p={p:.2g} ({counts[pair]} pairs)" for pair, p in found.p_values.items()
    )
    raise NoSignalError(
        f"{name}: held-out pairs match no better than shuffled pairs ({listed}; needed p ≤ "
        f"{level:.2g}). Check that the items of each record belong together, add pairs, or try "
        "other encoders"
    )


def _measured(
    fitted: Transforms, train: PairedVectors, held: PairedVectors, strength: float
) -> Evaluation:
    heads = {m: partial(_transformed, fitted, m) for m in train.views}
    return evaluate(heads, banks(fitted, train), held, csls_strength=strength)


def _transformed(fitted: Transforms, view: str, x: F32) -> F32:
    return fitted.transform(x, view)


def _without_signal(outer: OuterFold, rows: PairedVectors, test: PairedVectors) -> Evaluation:
    """The same candidate, learned from rows that carry nothing."""
    ground = Ground(Training(rows, Moments.of(rows), {}), {})
    fitted = ground.fitted(outer.candidate.alone())
    return _measured(fitted, rows, test, outer.candidate.csls_strength)
