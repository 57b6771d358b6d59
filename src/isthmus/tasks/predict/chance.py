"""How probable it is that a column tells a target by chance, where answers are dealt at random.

A column that tells all answers is no wonder where few records have one of them, or where many
columns are looked at. So each rule by which columns are suspected has a null: the same answers,
dealt to other records.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64

LEVEL = 0.01
"""Probability that any column of a set is suspected, where all that they tell is chance."""
_STEPS = 257
"""Places at which a generating function is looked at; each gives a bound, the least is taken."""


def surprising(log_chance: float, looks: int) -> bool:
    """Whether something is too improbable for chance, by Bonferroni's bound.

    Args:
        log_chance: Logarithm of the probability of one look.
        looks: How many columns are looked at, for how many answers each.
    """
    return log_chance <= math.log(LEVEL / max(looks, 1))


def log_chance_of_values(values: NDArray[np.intp], answers: NDArray[np.intp], wrong: int) -> float:
    """How probable it is that values tell answers that are dealt at random, but for some.

    Answers are joined into two halves, as even as they go, which makes them no harder to tell. An
    assignment of the halves to values then differs from the answers in ``wrong`` records at most.
    With ``N(A)`` the number of sets of values that ``A`` records have, and ``m`` records in one
    half of ``n``,

        ``p ≤ Σ N(A) · Σ_{d ≤ wrong} C(n, d) / C(n, m)``, over ``|A − m| ≤ wrong``,

    where ``N(A) ≤ Π (1 + xˢ) / xᴬ`` for every ``x > 0``, over the sizes ``s`` of the values.

    Args:
        values: ``(v,)`` how many records have each value.
        answers: ``(k,)`` how many have each answer.
        wrong: Records that may be told wrongly.

    Returns:
        Logarithm of a bound on the probability, 0 at most.

    Examples:
        >>> even = np.array([10, 10])
        >>> bool(np.exp(log_chance_of_values(even, even, 0)) < 1e-4)
        True
        >>> log_chance_of_values(np.repeat(2, 20), np.array([2, 38]), 0)  # one pair of twenty
        -2.68...
    """
    n, half = int(answers.sum()), _half(answers)
    sizes, times = np.unique(values, return_counts=True)
    most = np.log(n) + 2.0
    log_x = np.linspace(-most, most, _STEPS)
    sums = np.arange(max(half - wrong, 0), min(half + wrong, n) + 1)
    log_sets = (times * np.logaddexp(0.0, log_x[:, None] * sizes)).sum(axis=1)
    log_sets += np.logaddexp.reduce(-log_x[:, None] * sums, axis=1)
    off = np.logaddexp.reduce(_log_choose(n, np.arange(min(wrong, n) + 1)))
    found = float(log_sets.min() + off - _log_choose(n, np.array([half]))[0])
    return min(found, 0.0)


def log_chance_of_bounds(answers: NDArray[np.intp]) -> float:
    """How probable it is that bounds between numbers part answers that are dealt at random.

    Of all orders of the answers, ``k!`` hold each of them in one piece.

    Args:
        answers: ``(k,)`` how many records have each answer.

    Examples:
        >>> float(round(np.exp(log_chance_of_bounds(np.array([2, 22]))) * 276, 6))
        2.0
    """
    from scipy.special import gammaln

    orders = gammaln(answers.sum() + 1.0) - gammaln(answers + 1.0).sum()
    return float(gammaln(len(answers) + 1.0) - orders)


def log_chance_of_ranks(a: F64, b: F64) -> float:
    """How probable such a rank correlation is by chance; one record far off makes none.

    Args:
        a: ``(n,)``.
        b: ``(n,)``.
    """
    from scipy.stats import spearmanr

    with np.errstate(divide="ignore"):
        return float(np.log(spearmanr(a, b).pvalue))


def _half(answers: NDArray[np.intp]) -> int:
    """Records of the answers that come nearest to one half, the largest first."""
    total, held = int(answers.sum()), 0
    for number in sorted(answers.tolist(), reverse=True):
        if held + number <= total / 2 or not held:
            held += number
    return min(held, total - held)


def _log_choose(n: int, k: NDArray[np.intp]) -> F64:
    from scipy.special import gammaln

    found: F64 = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return found
