"""A known space carried on with own pairs."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.aligners import CCA, KernelCCA, LinearHead, Moments
from isthmus.aligners.continued import Continued, Known
from isthmus.aligners.heads import ConcatHead
from isthmus.core.errors import InputError
from isthmus.core.paired import PairedVectors

VIEWS = {"a": 9, "b": 7}


def rows(n: int, seed: int) -> PairedVectors:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 4))
    mixed = np.random.default_rng(99)
    return PairedVectors(
        {
            m: (z @ mixed.normal(size=(4, d)) + 0.5 * rng.normal(size=(n, d)) + 2).astype("f4")
            for m, d in VIEWS.items()
        }
    )


@pytest.fixture
def known() -> Known:
    many = rows(400, 0)
    heads: dict[str, LinearHead] = dict(CCA(components=4).fit(many).heads_)
    return Known(heads, {m: heads[m](many.vectors[m]) for m in VIEWS}, "a known space")


def coordinates(known: Known, pairs: PairedVectors) -> PairedVectors:
    return PairedVectors(
        {m: (x - known.heads[m].mean) @ known.heads[m].weight for m, x in pairs.vectors.items()}
    )


def test_without_a_weight_it_is_the_known_space(known: Known) -> None:
    fitted = Continued(known).fit(rows(20, 1))
    x = rows(5, 2).vectors["a"]
    np.testing.assert_array_equal(fitted.transform(x, "a"), known.heads["a"](x))


def test_moments_are_mapped_as_rows_are(known: Known) -> None:
    own = rows(20, 1)
    mapped = Moments.of(own).mapped(known.maps)
    there = Moments.of(coordinates(known, own))
    for m in VIEWS:
        np.testing.assert_allclose(mapped.mean(m), there.mean(m), atol=1e-4)
        np.testing.assert_allclose(mapped.covariance(m), there.covariance(m), atol=1e-3)
    np.testing.assert_allclose(mapped.cross("a", "b"), there.cross("a", "b"), atol=1e-3)


def test_it_is_one_fit_on_known_and_own_pairs(known: Known) -> None:
    """With as much weight as there are rows, CCA on all rows in coordinates gives the same."""
    own = rows(20, 1)
    fitted = Continued(known, weight=400 / 20, ridge=0.5, power=1.0).fit(own)
    here = coordinates(known, own)
    both = {}
    for m, x in here.vectors.items():
        there = known.bank[m] * np.sqrt((x**2).sum(axis=1).mean())
        both[m] = np.concatenate([x, there - there.mean(axis=0) + x.mean(axis=0)])
    other = CCA(ridge=0.5, power=1.0).fit(PairedVectors(both))
    new = rows(6, 3)
    ours = {m: fitted.transform(new.vectors[m], m) for m in VIEWS}
    theirs = {m: other.transform(x, m) for m, x in coordinates(known, new).vectors.items()}
    np.testing.assert_allclose(ours["a"] @ ours["b"].T, theirs["a"] @ theirs["b"].T, atol=1e-3)


def test_own_pairs_are_forgotten(known: Known) -> None:
    first, second = rows(20, 1), rows(15, 4)
    there = Continued(known, weight=3.0).fit(first)
    again = Continued(known, weight=3.0).fit(first).partial_fit(second).forget(second)
    x = rows(5, 2).vectors["b"]
    np.testing.assert_allclose(again.transform(x, "b"), there.transform(x, "b"), atol=1e-4)


def test_few_pairs_gain_from_what_is_known(known: Known) -> None:
    own, new = rows(12, 1), rows(100, 5)

    def found(aligner: Continued | CCA) -> float:
        x, y = (aligner.fit(own).transform(new.vectors[m], m) for m in VIEWS)
        return float(((x @ y.T).argmax(axis=1) == np.arange(100)).mean())

    assert found(Continued(known, weight=5.0)) > found(CCA()) + 0.02


def test_unknown_views_and_weights_are_refused(known: Known) -> None:
    with pytest.raises(InputError, match="joins a, b, but not c"):
        Continued(known).fit({"a": rows(9, 1).vectors["a"], "c": rows(9, 2).vectors["b"]})
    with pytest.raises(InputError, match="weight must be positive"):
        Continued(known, weight=0.0)


def test_what_stands_beside_the_linear_head_stays(known: Known) -> None:
    """As a head side by side: the linear one carries on as it does alone."""
    many = rows(400, 0)
    other = KernelCCA(max_centres=20).fit(many).heads_
    heads = {m: ConcatHead([other[m], known.heads[m]], [0.75, 0.25]) for m in VIEWS}
    bank = {m: head(many.vectors[m]) for m, head in heads.items()}
    both = Known(heads, bank, "side by side")
    own, new = rows(20, 1), rows(6, 3)
    as_it_is = Continued(both).fit(own)
    alone, beside = (Continued(each, weight=3.0).fit(own) for each in (known, both))
    for m, x in new.vectors.items():
        np.testing.assert_array_equal(as_it_is.transform(x, m), heads[m](x))
        found = beside.transform(x, m)
        width = other[m].output_dim
        np.testing.assert_allclose(found[:, :width], 0.75**0.5 * other[m](x), atol=1e-6)
        np.testing.assert_allclose(found[:, width:], 0.5 * alone.transform(x, m), atol=1e-4)


def test_a_known_space_without_a_linear_side_is_refused() -> None:
    many = rows(60, 0)
    heads = KernelCCA().fit(many).heads_
    known = Known(heads, {m: heads[m](many.vectors[m]) for m in VIEWS}, "kernel")
    with pytest.raises(InputError, match="the head of a in the known space has no linear side"):
        Continued(known, weight=1.0).fit(rows(20, 1))
