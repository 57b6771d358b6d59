"""Subspaces and projections, against what the formulas say."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, l2_normalize
from isthmus.prompts import Guide, subspace
from isthmus.prompts.guide import KEPT


def rows(n: int, dim: int, seed: int = 0) -> F32:
    return l2_normalize(np.random.default_rng(seed).normal(size=(n, dim))).astype(np.float32)


def test_a_subspace_is_the_principal_components_of_the_examples() -> None:
    examples, typical = rows(6, 20), rows(1, 20, seed=1)[0]
    found = subspace(examples, typical)
    assert np.allclose(found @ found.T, np.eye(len(found)), atol=1e-5)
    centred = (examples - typical).astype(np.float64)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    energy = values[::-1] / values.sum()
    assert len(found) == int(np.searchsorted(np.cumsum(energy), KEPT)) + 1
    own = vectors[:, ::-1][:, : len(found)]
    assert np.allclose(found.T @ found, own @ own.T, atol=1e-5)


def test_one_example_is_one_direction() -> None:
    example, typical = rows(1, 9), rows(1, 9, seed=1)[0]
    (found,) = subspace(example, typical)
    difference = (example - typical)[0]
    assert abs(found @ difference) == pytest.approx(float(np.linalg.norm(difference)), abs=1e-5)


def test_what_is_ignored_is_gone_and_the_rest_is_as_it_was() -> None:
    x, ignored = rows(50, 16), rows(3, 16, seed=1)
    guide = Guide.of(ignored, None)
    found = guide.project(x)
    assert guide.size == 3 and guide.changes_items
    assert np.abs(found @ ignored.T).max() < 1e-6
    basis, _ = np.linalg.qr(ignored.T.astype(np.float64))
    rest = x - x @ basis @ basis.T
    assert np.allclose(found, rest / np.linalg.norm(rest, axis=1, keepdims=True), atol=1e-6)


def test_what_alone_counts_is_all_that_is_left() -> None:
    x, only = rows(50, 16), rows(3, 16, seed=1)
    guide = Guide.of(None, only)
    found = guide.project(x)
    assert guide.size == 3 and not guide.changes_items
    basis, _ = np.linalg.qr(only.T.astype(np.float64))
    kept = x @ basis @ basis.T
    assert np.allclose(found, kept / np.linalg.norm(kept, axis=1, keepdims=True), atol=1e-6)
    assert np.allclose(found @ x.T, found @ kept.T, atol=1e-6)  # items need not be projected


def test_both_leave_what_counts_without_what_is_ignored() -> None:
    x, ignored, only = rows(50, 16), rows(2, 16, seed=1), rows(4, 16, seed=2)
    guide = Guide.of(ignored, only)
    found = guide.project(x)
    assert np.abs(found @ ignored.T).max() < 1e-6
    assert guide.size == 4 and not guide.changes_items
    with pytest.raises(InputError, match="all that should count is ignored"):
        Guide.of(ignored, ignored[:1])


def test_the_order_and_the_length_of_directions_do_not_count() -> None:
    x, ignored = rows(20, 16), rows(3, 16, seed=1)
    plain = Guide.of(ignored, None).project(x)
    other = np.concatenate([5 * ignored[::-1], ignored[:1] + ignored[1:2]])
    assert np.allclose(Guide.of(other, None).project(x), plain, atol=1e-5)


def test_nothing_is_left_of_what_is_ignored() -> None:
    ignored = rows(2, 8)
    assert not Guide.of(ignored, None).project(ignored).any()
