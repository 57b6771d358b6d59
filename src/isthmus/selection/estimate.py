"""How good the choice is on outer folds, beside no signal; and whether there is any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, NoSignalError
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import families
from isthmus.core.view import ViewPair
from isthmus.moments import Moments
from isthmus.pipeline.splits import fold_labels
from isthmus.selection.candidates import Candidate
from isthmus.selection.folds import Folds, Training, bank
from isthmus.selection.ground import Ground
from isthmus.selection.measure import Mapped, Transforms, direct_pairs
from isthmus.selection.null import LEAST_P, permutation_p, random_encoders, shuffled
from isthmus.selection.race import Clock
from isthmus.selection.select import OuterFold, Selection
from isthmus.space import evaluate
from isthmus.space.evaluate import LEVEL
from isthmus.space.report import Estimate, Evaluation, Null, Ungrouped, summarise

_NAMED = 3
"""Groups that are named in messages."""
_NULL_FOLDS = 2
"""Outer folds on which the comparison with no signal is made: it is told beside chance, which is
known exactly, and the refusal rests on permutations of all folds. Chosen, not tuned."""


@dataclass
class _Folds:
    """Evaluations of the outer folds that were run, and held-out scores by pair of views."""

    true: list[Evaluation] = field(default_factory=list)
    shuffled: list[Evaluation] = field(default_factory=list)
    random: list[Evaluation] = field(default_factory=list)
    scores: dict[ViewPair, list[F32]] = field(default_factory=dict)

    def add(
        self, fitted: Transforms, candidate: Candidate, train: PairedVectors, held: PairedVectors
    ) -> bool:
        """Measure one fold; False if it holds no two pairs of any two views."""
        shared = [(a, b) for a, b in direct_pairs(train) if len(held.rows(a, b)) > 1]
        if not shared:
            return False
        strength = candidate.csls_strength
        mapped = Mapped.by(fitted, train, held)
        for a, b in shared:
            found = mapped.scores(a, b, csls_strength=strength)
            self.scores.setdefault(ViewPair(a, b), []).append(found)
        self.true.append(_measured(fitted, train, held, strength))
        return True

    def p_values(self, seed: int) -> dict[ViewPair, float]:
        """Of shuffled partners, by pair of views."""
        return {pair: permutation_p(found, seed=seed) for pair, found in self.scores.items()}


def estimate(pairs: PairedVectors, chosen: Selection, seed: int, clock: Clock) -> Estimate:
    """Figures on the outer folds, beside shuffled pairs and random encoders.

    Args:
        pairs: All records.
        chosen: With the outer folds, each with what was chosen and fitted without it.
        seed: Of shuffles.
        clock: When it ends, the comparison with no signal stays with its first fold.

    Raises:
        DataError: If no fold holds two records with a pair.
    """
    rng = np.random.default_rng(seed)
    folds = _Folds()
    for outer in chosen.outer:
        train, held = pairs.take(outer.train), pairs.take(outer.held)
        if not folds.add(outer.fitted, outer.candidate, train, held):
            continue
        # What was known before own pairs were seen is not lost by shuffling those.
        unmatched = shuffled(held, rng) if outer.candidate.known_before else held
        for results, rows, test in (
            (folds.shuffled, shuffled(train, rng), unmatched),
            (folds.random, random_encoders(train, rng), random_encoders(held, rng)),
        ):
            if not results or (len(results) < _NULL_FOLDS and clock.left > 0):
                results.append(_without_signal(outer, rows, test))
    if not folds.true:
        raise DataError("no fold has two complete pairs; make the groups smaller or add records")
    return Estimate(
        folds=len(folds.true),
        planned=chosen.folds,
        held_out=summarise(folds.true),
        null=Null(
            shuffled=summarise(folds.shuffled).directions, random=summarise(folds.random).directions
        ),
        p_values=folds.p_values(seed),
    )


def ungrouped(
    pairs: PairedVectors, chosen: Selection, links: NDArray[np.intp], seed: int
) -> Ungrouped | None:
    """What was chosen, measured on folds that do not keep groups whole.

    Records that share an item still stay together. The choice itself has seen these records, so
    this says what the groups cost, and is no estimate for records to come.

    Args:
        pairs: All records.
        chosen: What was chosen with groups kept whole.
        links: ``(n,)`` labels of what was kept whole.
        seed: Of the folds.

    Returns:
        None where groups kept nothing together that does not belong together anyway.
    """
    own = _sharing_items(pairs)
    if len(np.unique(links)) >= len(np.unique(own)):
        return None
    deal = Folds(pairs, fold_labels(own, seed=seed), chosen.training.sources)
    folds = _Folds()
    for fold in range(deal.count):
        training = deal.without(fold)
        fitted = Ground(training, {}).fitted(chosen.best)
        folds.add(fitted, chosen.best, training.rows, pairs.take(deal.held(fold)))
    if not folds.true:
        return None
    names = () if pairs.groups is None else tuple(sorted({str(g) for g in pairs.groups}))
    return Ungrouped(
        groups=len(np.unique(links)),
        names=names[:_NAMED],
        held_out=summarise(folds.true),
        p_values=folds.p_values(seed),
    )


def _sharing_items(pairs: PairedVectors) -> NDArray[np.intp]:
    """Labels of records that have a vector of some view in common."""
    keys = [
        [(m, x[row].tobytes()) for m, x in pairs.vectors.items() if pairs.present[m][row]]
        for row in range(len(pairs))
    ]
    return np.unique(families(keys), return_inverse=True)[1]


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
    level = _level(found.p_values)
    if _has_signal(found.p_values):
        return
    listed = ", ".join(
        f"{pair} p={p:.2g} ({counts[pair]} pairs)" for pair, p in found.p_values.items()
    )
    plain = found.ungrouped
    if plain is not None and _has_signal(plain.p_values):
        raise NoSignalError(
            f"{name}: your {plain} were held out whole, and held-out pairs then match no better "
            f"than shuffled pairs ({listed}; needed p ≤ {level:.2g}). If groups are not kept "
            f"whole, they do match (R@10 {plain.r10:.2f}, chance {plain.chance:.2f}). If new "
            "things come from the same groups, add --no-groups (in Python by_group=False); if "
            "not, add pairs of more groups"
        )
    raise NoSignalError(
        f"{name}: held-out pairs match no better than shuffled pairs ({listed}; needed p ≤ "
        f"{level:.2g}). Check that the items of each record belong together, add pairs, or try "
        "other encoders"
    )


def _level(p_values: Mapping[ViewPair, float]) -> float:
    """Of several pairs of views one may look good by luck alone (Bonferroni)."""
    return max(LEVEL / len(p_values), LEAST_P)


def _has_signal(p_values: Mapping[ViewPair, float]) -> bool:
    return any(p <= _level(p_values) for p in p_values.values())


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
