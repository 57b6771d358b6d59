"""How good the choice is on outer folds, beside no signal; and whether there is any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError, NoSignalError
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.view import ViewPair
from isthmus.core.wording import count, way
from isthmus.moments import of_rows
from isthmus.pipeline.splits import doubled, fold_labels, keep_together
from isthmus.selection.folds import Folds, Training, bank
from isthmus.selection.ground import Ground
from isthmus.selection.measure import Mapped, Transforms, direct_pairs
from isthmus.selection.null import LEAST_P, permutation_p, random_encoders, shuffled
from isthmus.selection.parallel import side_by_side
from isthmus.selection.race import Clock
from isthmus.selection.select import OuterFold, Selection
from isthmus.space import evaluate
from isthmus.space.evaluate import LEVEL
from isthmus.space.report import Estimate, Evaluation, Null, Ungrouped, summarise

_NAMED = 3
"""Groups that are named in messages."""
_NULL_FOLDS = 2
"""Outer folds on which the comparison with no signal is made: it is told beside chance, which is
known exactly, and the refusal rests on permutations of all folds. Chosen, not tuned. What is
trained is compared on the first alone, as each comparison takes two fits more."""


@dataclass(frozen=True)
class _Figures:
    """Of one outer fold; the comparisons with no signal have no scores."""

    measured: Evaluation
    scores: dict[ViewPair, F32] = field(default_factory=dict)


_Job = Callable[[], _Figures]


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

    # What takes a fit of its own begins first, so that no core waits for it in the end.
    jobs: list[tuple[str, _Job]] = []
    for place, outer in enumerate(usable[:_NULL_FOLDS]):
        if place == 0 or (clock.left > 0 and not outer.candidate.trained):
            rng = np.random.default_rng([seed, place])
            jobs += _without_signal(pairs, outer, rng).items()
    jobs += [("true", partial(_figures, pairs, outer)) for outer in usable]
    done = side_by_side(
        lambda job: job[1](), jobs, progress=progress, phase="measure on held-out pairs"
    )
    found = {
        name: [f for (of, _), f in zip(jobs, done, strict=True) if of == name] for name, _ in jobs
    }
    evaluated = {name: summarise([f.measured for f in each]) for name, each in found.items()}
    return Estimate(
        folds=len(found["true"]),
        planned=chosen.folds,
        held_out=evaluated["true"],
        null=Null(shuffled=evaluated["shuffled"].directions, random=evaluated["random"].directions),
        p_values=_p_values(found["true"], seed),
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
    if not 2 <= len(np.unique(own)) > len(np.unique(links)):
        return None
    deal = Folds(pairs, fold_labels(own, seed=seed), chosen.training.sources)

    def measured(fold: int) -> _Figures | None:
        fitted = Ground(deal.without(fold), {}).fitted(chosen.best)
        outer = OuterFold(deal.held(fold), chosen.best, fitted, deal.train(fold))
        if not _shared(pairs, outer):
            return None
        return _figures(pairs, outer)

    folds = [each for each in side_by_side(measured, range(deal.count)) if each is not None]
    if not folds:
        return None
    names = () if pairs.groups is None else tuple(sorted({str(g) for g in pairs.groups}))
    return Ungrouped(
        groups=len(np.unique(links)),
        names=names[:_NAMED],
        held_out=summarise([fold.measured for fold in folds]),
        p_values=_p_values(folds, seed),
    )


def _sharing_items(pairs: PairedVectors) -> NDArray[np.intp]:
    """Labels of records that have a vector of some view in common."""
    doubles = doubled(pairs, dict.fromkeys(pairs.views, False))
    return keep_together(np.arange(len(pairs)), doubles, len(pairs)).links


def _p_values(folds: Sequence[_Figures], seed: int) -> dict[ViewPair, float]:
    """Of shuffled partners, by pair of views."""
    scores: dict[ViewPair, list[F32]] = {}
    for fold in folds:
        for pair, found in fold.scores.items():
            scores.setdefault(pair, []).append(found)
    return {pair: permutation_p(found, seed=seed) for pair, found in scores.items()}


def _shared(pairs: PairedVectors, outer: OuterFold) -> list[tuple[str, str]]:
    """Pairs of views of which the fold holds two records, so that there is something to rank."""
    train, held = pairs.take(outer.train), pairs.take(outer.held)
    return [(a, b) for a, b in direct_pairs(train) if len(held.rows(a, b)) > 1]


def _figures(pairs: PairedVectors, outer: OuterFold) -> _Figures:
    train, held = pairs.take(outer.train), pairs.take(outer.held)
    strength = outer.candidate.csls_strength
    mapped = Mapped.by(outer.fitted, train, held)
    scores = {
        ViewPair(a, b): mapped.scores(a, b, csls_strength=strength)
        for a, b in _shared(pairs, outer)
    }
    return _Figures(_measured(outer.fitted, train, held, strength), scores)


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
        f"{pair} p={p:.2g} ({count(counts[pair], 'pair')})" for pair, p in found.p_values.items()
    )
    plain = found.ungrouped
    if plain is not None and _has_signal(plain.p_values):
        raise NoSignalError(
            f"{name}: your {plain} were held out whole, and held-out pairs then match no better "
            f"than shuffled pairs ({listed}; needed p ≤ {level:.2g}). If groups are not kept "
            f"whole, they do match (R@10 {plain.r10:.2f}, chance {plain.chance:.2f}). If new "
            f"things come from the same groups, add "
            f"{way(python='by_group=False', shell='--no-groups')}; if not, add pairs of more groups"
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


def _without_signal(
    pairs: PairedVectors, outer: OuterFold, rng: np.random.Generator
) -> dict[str, _Job]:
    """The same candidate, learned from rows that carry nothing, in two ways."""
    train, held = pairs.take(outer.train), pairs.take(outer.held)
    random = random_encoders(train, rng), random_encoders(held, rng)
    # What was known before own pairs were seen is not lost by shuffling those.
    rows = shuffled(train, rng)
    unmatched = shuffled(held, rng) if outer.candidate.known_before else held
    return {
        "shuffled": partial(_learned_from, rows, unmatched, outer),
        "random": partial(_learned_from, *random, outer),
    }


def _learned_from(rows: PairedVectors, test: PairedVectors, outer: OuterFold) -> _Figures:
    ground = Ground(Training(rows, of_rows(rows), {}), {})
    fitted = ground.fitted(outer.candidate.alone())
    return _Figures(_measured(fitted, rows, test, outer.candidate.csls_strength))
