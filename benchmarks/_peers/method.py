"""A method to compare: candidates fitted on pairs, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from _peers.tasks import Task
from isthmus.core.linalg import F64
from isthmus.core.rows import thin
from isthmus.metrics import mean_average_precision, mean_reciprocal_rank, ranks, recall_at_k
from isthmus.pipeline.splits import FOLDS, fold_labels
from isthmus.space.readout import Readout, score

READOUTS: tuple[Readout, Readout] = ("semantic", "instance")
"""Plain cosine, and cosine corrected for hubs (CSLS)."""
BANK = 2000
"""Training rows against which CSLS measures hubs, as in isthmus."""
UNFIT = (ValueError, FloatingPointError, np.linalg.LinAlgError, IndexError)
"""What packages raise where a candidate cannot be fitted to so few or such rows."""
_ROWS_SCORED = 600
_MAX_DEALS = 4
_MANY = 1000
_FOLDS_OF_MANY = 2


class Heads(NamedTuple):
    """Maps of both views into one space, ``(n, d) -> (n, k)``; a score is a product of rows."""

    first: Callable[[F64], F64]
    second: Callable[[F64], F64]


Candidates = Mapping[str, Callable[[], Heads]]
"""Hyper-parameters in words, and what fits them; work they share is done once."""


@dataclass(frozen=True)
class Method:
    """A method with the hyper-parameters among which it chooses on its training pairs.

    Attributes:
        name: As in the table.
        candidates: From both views of the training pairs and a seed.
        folds: How many of the five folds are scored to choose; all of them by default.
        choose_on: At most this many pairs are used to choose, where fitting is slow.
    """

    name: str
    candidates: Callable[[F64, F64, int], Candidates]
    folds: int = FOLDS
    choose_on: int = 3000


class Chosen(NamedTuple):
    """Fitted heads, and the hyper-parameters they have."""

    label: str
    heads: Heads


def choose(method: Method, task: Task) -> dict[Readout, Chosen]:
    """Choose on the training pairs, once for each read-out, and fit on all of them.

    The criterion is the one isthmus uses, the mean reciprocal rank of the true partner
    among held-out rows in both directions.

    Raises:
        ValueError: If no candidate can be fitted.
    """
    x, y = task.views(task.train)
    means = _means(method, task, x, y)
    built = method.candidates(x, y, task.seed)
    fitted: dict[str, Heads] = {}
    chosen: dict[Readout, Chosen] = {}
    for place, readout in enumerate(READOUTS):
        for label in sorted(means, key=lambda name: -means[name][place]):
            if label in built and label not in fitted:
                try:
                    fitted[label] = built[label]()
                except UNFIT:
                    continue
            if label in fitted:
                chosen[readout] = Chosen(label, fitted[label])
                break
        else:
            raise ValueError(f"{method.name}: no candidate can be fitted to {len(x)} pairs")
    return chosen


def _means(method: Method, task: Task, x: F64, y: F64) -> dict[str, tuple[float, ...]]:
    """Mean score of each candidate over the folds, under each read-out."""
    labels = list(method.candidates(x, y, task.seed))
    if len(labels) == 1:
        return {labels[0]: (0.0, 0.0)}
    rows = thin(np.random.default_rng(task.seed).permutation(len(x)), method.choose_on)
    found: dict[str, list[tuple[float, ...]]] = {}
    for train, held in _splits(task.families[rows], method.folds, task.seed):
        a, b = rows[train], rows[held]
        for label, build in method.candidates(x[a], y[a], task.seed).items():
            try:
                value = _score_held(build(), (x[a], y[a]), (x[b], y[b]))
            except UNFIT:
                continue
            found.setdefault(label, []).append(value)
    most = max(map(len, found.values()), default=0)
    return {
        label: tuple(float(np.mean(column)) for column in zip(*values, strict=True))
        for label, values in found.items()
        if len(values) == most
    }


def _splits(
    families: NDArray[np.intp], folds: int, seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Training and held-out rows; few rows are dealt anew several times, as in isthmus.

    Of many rows two folds say enough.
    """
    deals = int(np.clip(round(_ROWS_SCORED / len(families)), 1, _MAX_DEALS))
    folds = folds if len(families) <= _MANY else min(folds, _FOLDS_OF_MANY)
    for deal in range(deals):
        fold = fold_labels(families, seed=seed + deal)
        for held in range(min(folds, int(fold.max()) + 1)):
            yield np.flatnonzero(fold != held), np.flatnonzero(fold == held)


def _score_held(heads: Heads, train: tuple[F64, F64], held: tuple[F64, F64]) -> tuple[float, ...]:
    truth = np.arange(len(held[0]))
    found = pair_scores(heads, train, held)
    return tuple(
        float(np.mean([mean_reciprocal_rank(ranks(s, truth)) for s in (scores, scores.T)]))
        for scores in (found[readout] for readout in READOUTS)
    )


def pair_scores(
    heads: Heads, train: tuple[F64, F64], held: tuple[F64, F64]
) -> dict[Readout, NDArray[Any]]:
    """Scores of held-out rows under each read-out: row i of the first belongs to column i.

    Raises:
        ValueError: If the heads give numbers that are not finite.
    """
    a, b = heads.first(held[0]), heads.second(held[1])
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("the heads give vectors that are not finite")
    bank = thin(np.arange(len(train[0])), BANK)
    known = heads.first(train[0][bank]), heads.second(train[1][bank])
    return {
        readout: score(a, b, readout=readout, query_bank=known[0], gallery_bank=known[1])
        for readout in READOUTS
    }


def measure(
    scores: NDArray[Any], semantic: NDArray[Any], groups: NDArray[Any] | None
) -> dict[str, float | None]:
    """R@1 and R@10 by the true partner, mAP by category; means of both directions.

    Args:
        scores: ``(n, n)``, row i belongs to column i.
        semantic: ``(n, n)``, for mAP: the plain cosine.
        groups: ``(n,)`` categories, or None where there are none.
    """
    truth = np.arange(len(scores))
    places = [ranks(each, truth) for each in (scores, scores.T)]
    found: dict[str, float | None] = {
        f"r{k}": float(np.mean([recall_at_k(place, k) for place in places])) for k in (1, 10)
    }
    found["map"] = None
    if groups is not None:
        same = groups[:, None] == groups[None, :]
        both = [mean_average_precision(each, same) for each in (semantic, semantic.T)]
        found["map"] = float(np.mean(both))
    return found


def rows_of(name: str, chosen: Mapping[Readout, Chosen], task: Task) -> list[dict[str, Any]]:
    """A row for the method as published, and one for it with CSLS.

    mAP belongs to the cosine; the row with CSLS has that of the heads chosen for CSLS.
    """
    train, test = task.views(task.train), task.views(task.test)
    rows = []
    for readout, suffix in zip(READOUTS, ("", " + csls"), strict=True):
        label, heads = chosen[readout]
        scores = pair_scores(heads, train, test)
        found = measure(scores[readout], scores["semantic"], task.groups)
        rows.append({"method": name + suffix, **found, "chosen": label})
    return rows


def upto(limit: int, options: Sequence[int]) -> dict[int, int]:
    """The options up to the first that reaches a limit, and what each then stands for.

    A candidate keeps its name on folds, which have fewer rows and so lower limits.
    """
    limit = max(1, limit)
    below = [option for option in options if option < limit]
    return {option: min(option, limit) for option in options[: len(below) + 1]}
