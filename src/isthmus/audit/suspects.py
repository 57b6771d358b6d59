"""Pairs that may not belong together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners import CCA
from isthmus.audit.heldout import Joint, scored
from isthmus.core.contracts import Progress
from isthmus.core.linalg import F32, F64
from isthmus.core.rows import thin
from isthmus.selection.folds import bank
from isthmus.selection.parallel import side_by_side
from isthmus.space.readout import score

FALSE_SHARE = 0.1
"""Of the flagged pairs at most this share is expected to be sound."""
MAX_PAIRS = 20_000
DEALS = 4
LISTED = 20
BETTER = 3
_GALLERY = 500
_ENTRIES = 20_000_000  # float32 scores at hand
_FITTED_ENTRIES = 1_000_000
_LOG_RATIOS = (-4.0, 4.0)  # of the temperature to the spread of the scores
_TINY = 1e-30


@dataclass(frozen=True)
class Suspect:
    """One pair and how little its parts match.

    Attributes:
        row: Of the records.
        p_value: How probable a partner as unlikely as this one is for a sound pair.
        flagged: Whether it is among those that hold up under the control of false flags.
        better_a: Rows whose first view fits this one's second better, best first.
        better_b: Rows whose second view fits this one's first better.
    """

    row: int
    p_value: float
    flagged: bool
    better_a: tuple[int, ...] = ()
    better_b: tuple[int, ...] = ()


@dataclass(frozen=True)
class Suspects:
    """Pairs of two views, the least matching first.

    Attributes:
        a: First view.
        b: Second view.
        checked: How many pairs were looked at.
        flagged: How many are flagged.
        false_share: Of those, at most this share is expected to be sound.
        listed: The flagged, then the most suspicious of the rest.
    """

    a: str
    b: str
    checked: int
    flagged: int
    false_share: float
    listed: tuple[Suspect, ...]


@dataclass(frozen=True, eq=False)
class _Part:
    """One held-out fold: the fit without it and the scores of its rows in small galleries."""

    aligner: CCA
    banks: tuple[F32, F32]
    galleries: list[tuple[NDArray[np.intp], F32]]


def suspects(
    joint: Joint,
    links: NDArray[np.intp],
    *,
    seed: int,
    progress: Progress | None = None,
    listed: int = LISTED,
) -> Suspects:
    """Rank pairs by how unlikely their partners are, judged by fits that left them out.

    The scores of a held-out row are turned into probabilities of its partner by a softmax,
    whose temperature makes the true partners most likely. The p-value of a pair is the
    probability of partners at most as likely as the one it has: a row that fits nothing in
    particular has a large one, a row that clearly fits others a small one. Both directions
    and several deals are combined by their geometric mean, and the flagged are those that
    the step-up procedure of Benjamini and Hochberg ("Controlling the false discovery rate",
    JRSS B 1995) leaves. That the softmax is right is an assumption; on clean pairs of real
    media it was found to be on the safe side.

    Args:
        joint: Rows of two views.
        links: ``(n,)`` labels of rows that share an item. Groups need not stay together
            here: what is known of a kind helps to tell what is wrong in it.
        seed: Of the deals.
        progress: Told as folds are done.
        listed: How many to list, if fewer are flagged.

    Returns:
        Rows are those of the joint.
    """
    kept = thin(np.arange(len(joint)), MAX_PAIRS)
    if len(kept) < len(joint):
        joint = Joint(joint.a, joint.b, joint.pairs.take(kept), joint.ridge)
        links = links[kept]
    deals = int(np.clip(_ENTRIES // (len(joint) * min(_GALLERY, len(joint))), 1, DEALS))
    parts = _held_out(joint, links, deals, seed, progress)
    p_values = partner_p_values([g for part in parts for g in part.galleries], len(joint))
    limit = false_discovery_limit(p_values, FALSE_SHARE)
    order = np.argsort(p_values, kind="stable")
    count = int(np.sum(p_values <= limit))
    chosen = order[: max(count, min(listed, len(order)))]
    better = _better(joint, parts, chosen)
    return Suspects(
        joint.a,
        joint.b,
        len(joint),
        count,
        FALSE_SHARE,
        tuple(
            Suspect(
                int(kept[row]),
                float(p_values[row]),
                bool(p_values[row] <= limit),
                *(tuple(int(kept[other]) for other in others) for others in better[int(row)]),
            )
            for row in chosen
        ),
    )


def partner_p_values(galleries: Sequence[tuple[NDArray[np.intp], F32]], n: int) -> F64:
    """How probable a partner at most as likely as the true one is, for every row.

    Args:
        galleries: Rows ``(h,)`` and their scores ``(h, h)``, truth on the diagonal; a row may
            be in several.
        n: How many rows there are.

    Returns:
        ``(n,)``; 1 for rows in no gallery.
    """
    temperature = _temperature(galleries)
    total, times = np.zeros(n), np.zeros(n)
    for rows, scores in galleries:
        for one_way in (scores, scores.T):
            p = _softmax(one_way, temperature)
            own = np.diag(p)[:, None]
            total[rows] += np.log(np.maximum(np.where(p <= own, p, 0.0).sum(axis=1), _TINY))
            times[rows] += 1
    out: F64 = np.exp(total / np.maximum(times, 1))
    return out


def false_discovery_limit(p_values: F64, share: float) -> float:
    """Largest p-value that Benjamini and Hochberg's procedure accepts; −1 if none.

    Examples:
        >>> false_discovery_limit(np.array([0.001, 0.008, 0.2, 0.9]), 0.1)
        0.008
    """
    ordered = np.sort(p_values)
    fine = ordered <= share * np.arange(1, len(ordered) + 1) / len(ordered)
    return float(ordered[fine].max()) if fine.any() else -1.0


def _held_out(
    joint: Joint, links: NDArray[np.intp], deals: int, seed: int, progress: Progress | None
) -> list[_Part]:
    """Every fold of every deal; those of the first deal hold every row once."""
    dealt = [joint.deal(links, seed + deal) for deal in range(deals)]
    jobs = [(deal, fold) for deal, folds in enumerate(dealt) for fold in range(folds.count)]

    def work(job: tuple[int, int]) -> _Part:
        deal, fold = job
        train = dealt[deal].without(fold)
        aligner = joint.fit(train.moments)
        held = np.flatnonzero(dealt[deal].labels == fold)
        order = np.random.default_rng([seed, deal, fold]).permutation(held)
        pieces = np.array_split(order, -(-len(order) // _GALLERY))
        galleries = [
            (rows, scored(joint, aligner, train.rows, rows).instance)
            for rows in pieces
            if len(rows) > 1
        ]
        banks = (
            aligner.transform(bank(train.rows, joint.a), joint.a),
            aligner.transform(bank(train.rows, joint.b), joint.b),
        )
        return _Part(aligner, banks, galleries)

    return side_by_side(work, jobs, progress=progress, phase=f"mismatches {joint.a}–{joint.b}")


def _temperature(galleries: Sequence[tuple[NDArray[np.intp], F32]]) -> float:
    """The temperature that makes the true partners most likely."""
    from scipy.optimize import minimize_scalar

    some, entries = [], 0
    for _, scores in galleries:
        some.append(scores)
        entries += scores.size
        if entries > _FITTED_ENTRIES:
            break
    spread = float(np.mean([scores.std() for scores in some])) or 1.0

    def loss(log_ratio: float) -> float:
        total = 0.0
        for scores in some:
            for one_way in (scores, scores.T):
                own = np.diag(_softmax(one_way, spread * float(np.exp(log_ratio))))
                total -= float(np.log(np.maximum(own, _TINY)).sum())
        return total

    found = minimize_scalar(loss, bounds=_LOG_RATIOS, method="bounded", options={"xatol": 0.01})
    return spread * float(np.exp(found.x))


def _softmax(scores: F32, temperature: float) -> F32:
    """Of every row, in float32."""
    z = (scores - scores.max(axis=1, keepdims=True)) / np.float32(temperature)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    out: F32 = z
    return out


def _better(
    joint: Joint, parts: Sequence[_Part], chosen: NDArray[np.intp]
) -> dict[int, tuple[list[int], list[int]]]:
    """For each chosen row, rows among all that fit either of its parts better than its own."""
    wanted = {int(row) for row in chosen}
    found: dict[int, tuple[list[int], list[int]]] = {row: ([], []) for row in wanted}
    for part, rows in _first_deal(parts, wanted):
        spaces = {m: part.aligner.transform(joint.pairs.vectors[m], m) for m in (joint.a, joint.b)}
        forward = _scores(spaces[joint.a][rows], spaces[joint.b], part.banks)
        back = _scores(spaces[joint.b][rows], spaces[joint.a], part.banks[::-1])
        for i, row in enumerate(rows):
            found[row] = (_above(back[i], row), _above(forward[i], row))
    return found


def _first_deal(parts: Sequence[_Part], wanted: set[int]) -> Iterator[tuple[_Part, list[int]]]:
    """Parts that hold wanted rows, each row once."""
    left = set(wanted)
    for part in parts:
        held = {int(row) for rows, _ in part.galleries for row in rows}
        if rows := sorted(held & left):
            left -= held
            yield part, rows


def _scores(queries: F32, gallery: F32, banks: tuple[F32, F32]) -> F32:
    return score(queries, gallery, readout="instance", query_bank=banks[0], gallery_bank=banks[1])


def _above(scores: F32, row: int) -> list[int]:
    best = np.argsort(-scores, kind="stable")[:BETTER]
    return [int(other) for other in best if scores[other] > scores[row]]
