"""The best of many scores, next to sorting all of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from isthmus.store.scorer import best


@given(st.integers(0, 3000), st.integers(1, 40), st.integers(0, 10**6), st.booleans())
def test_the_best_are_those_of_a_full_sort(n: int, k: int, seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = (rng.integers(0, 9, n) if ties else rng.normal(size=n)).astype(np.float32)
    scores[rng.random(n) < 0.3] = -np.inf
    order = np.lexsort((np.arange(n), -scores))
    expected = [row for row in order.tolist() if np.isfinite(scores[row])][:k]
    assert best(scores, k).tolist() == expected
