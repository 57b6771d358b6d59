import tracemalloc

import numpy as np
import pytest

from isthmus.aligners import neighbours as module
from isthmus.aligners.checks import planted
from isthmus.aligners.neighbours import edge_weights, nearest
from isthmus.core.linalg import l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.graph.build import (
    Neighbours,
    Nodes,
    build,
    cross_edges,
    degrees,
    group_edges,
    in_canonical_order,
    normalised,
)


def unit(n: int, d: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return l2_normalize(x)


@pytest.mark.parametrize(("queries", "bank"), [(1024, 8192), (7, 5), (50, 16), (3, 100)])
def test_blocks_find_what_sorting_everything_finds(
    monkeypatch: pytest.MonkeyPatch, queries: int, bank: int
) -> None:
    monkeypatch.setattr(module, "_QUERIES", queries)
    monkeypatch.setattr(module, "_BANK", bank)
    x, y = unit(23, 4), unit(90, 4, seed=1)
    index, cosine = nearest(x, y, 6)
    order = np.argsort(-(x @ y.T), axis=1, kind="stable")[:, :6]
    np.testing.assert_array_equal(index, order)
    np.testing.assert_allclose(cosine, np.take_along_axis(x @ y.T, order, axis=1), atol=1e-6)
    own, _ = nearest(y, y, 6, skip_self=True)
    scores = y @ y.T
    np.fill_diagonal(scores, -2)
    np.testing.assert_array_equal(own, np.argsort(-scores, axis=1, kind="stable")[:, :6])


def test_equal_cosines_come_in_the_order_of_the_bank_and_k_is_capped() -> None:
    bank = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    index, cosine = nearest(np.array([[1, 0]], np.float32), bank, 9)
    assert index.tolist() == [[0, 2, 1]]
    assert cosine.tolist() == [[1, 1, 0]]
    assert nearest(bank, bank, 9, skip_self=True)[0].tolist() == [[2, 1], [0, 2], [0, 1]]
    assert nearest(bank[:1], bank[:1], 3, skip_self=True)[0].shape == (1, 0)


def test_memory_is_that_of_blocks() -> None:
    x = unit(9000, 4)
    tracemalloc.start()
    nearest(x, x, 5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120e6  # all similarities at once are 324 MB


def test_edges_by_hand() -> None:
    # Two modalities of three records; the mean of each is zero, so centring changes nothing.
    a = np.array([[1, 0], [-0.5, 3**0.5 / 2], [-0.5, -(3**0.5) / 2]], np.float32)
    b = np.array([[2.0], [-1.0], [-1.0]], np.float32)
    pairs = PairedVectors({"a": a, "b": b}, {"b": np.array([True, True, True])})
    nodes = Nodes.of(pairs)
    near = {m: Neighbours.of(pairs.vectors[m], 2) for m in ("a", "b")}
    graph = build(nodes, near, k=1, gamma=2.0)
    # In a all cosines are −½ and weigh nothing. In b the last two agree: two directed edges of
    # weight 1 over three items, scaled by 3/2 so that the sum is 1 on average.
    assert graph.units == {"a": 1.0, "b": pytest.approx(1.5)}
    expected = np.zeros((6, 6))
    expected[4, 5] = expected[5, 4] = 1.5
    expected[[0, 1, 2], [3, 4, 5]] = expected[[3, 4, 5], [0, 1, 2]] = 1
    np.testing.assert_allclose(graph.known.toarray(), expected)
    assert graph.joining.nnz == 0
    np.testing.assert_allclose(degrees(graph.known), [1, 1, 1, 1, 2.5, 2.5])
    mixing = normalised(graph.known, degrees(graph.known)).toarray()
    assert mixing[4, 5] == pytest.approx(1.5 / 2.5)
    assert mixing[1, 4] == pytest.approx(1 / 2.5**0.5)


def test_what_is_not_known_gets_edges_and_sends_none() -> None:
    pairs = PairedVectors(planted())
    nodes = Nodes.of(pairs)
    near = {m: Neighbours.of(pairs.vectors[m], 20) for m in pairs.views}
    keep = np.arange(200) % 5 > 0
    both = np.concatenate([keep, keep])
    graph = build(nodes, near, k=4, gamma=3.0, keep=both)
    known, joining = graph.known.toarray(), graph.joining.toarray()
    assert not known[~both].any()
    assert not known[:, ~both].any()
    assert not joining[both].any()
    assert not joining[:, ~both].any()
    assert (joining[~both] > 0).sum(axis=1).tolist() == [4] * 80
    np.testing.assert_array_equal(known, known.T)
    # A new item is joined to the nearest that are kept, by weights of one unit.
    rest = np.flatnonzero(keep)
    index, cosine = nearest(near["a"].bank[:1], near["a"].bank[rest], 4)
    assert set(np.flatnonzero(joining[0])) == set(rest[index[0]])
    weights = edge_weights(cosine[0], 3.0) * graph.units["a"]
    np.testing.assert_allclose(joining[0, rest[index[0]]], weights, rtol=1e-5)


def test_cross_edges_join_the_nearest_of_the_other_modality() -> None:
    space = l2_normalize(np.array([[1, 0], [0, 1], [1, 0.1], [-1, 0]], np.float32))
    nodes = Nodes.of(PairedVectors({"a": space[:2], "b": space[2:]}))
    found = cross_edges(nodes, space, k=1, gamma=2.0).toarray()
    cosine = 1 / 1.01**0.5
    assert found[0, 2] == found[2, 0] == pytest.approx(cosine**2, abs=1e-6)
    assert found[1, 2] == pytest.approx((0.1 * cosine) ** 2, abs=1e-6)
    assert np.count_nonzero(found) == 4


def test_order_of_records_is_that_of_their_vectors() -> None:
    views = planted()
    mask = np.arange(200) % 7 > 0
    pairs = PairedVectors(views, {"b": mask}, [str(i) for i in range(200)])
    shuffled = pairs.take(np.random.default_rng(3).permutation(200))
    moved = PairedVectors({"a": views["a"] + 50, "b": views["b"] * 9}, {"b": mask}, pairs.ids)
    expected = in_canonical_order(pairs).ids
    assert in_canonical_order(shuffled).ids == expected
    assert in_canonical_order(moved).ids == expected


@pytest.mark.parametrize("k", [1, 2, 4, 10])
def test_items_of_a_group_are_joined_to_a_few_others_and_their_edges_sum_to_the_weight(
    k: int,
) -> None:
    groups = np.repeat([0, 1, 2, 3, -1], [1, 2, 3, 40, 5])
    keep = np.arange(len(groups)) != 20
    dense = group_edges(groups, keep, k=k, weight=3.0).toarray()
    np.testing.assert_allclose(dense, dense.T)
    assert not dense.diagonal().any()
    same = (groups[:, None] == groups) & keep[:, None] & keep
    assert not dense[~same].any()
    joined = keep & (groups > 0)
    np.testing.assert_allclose(dense[joined].sum(axis=1), 3.0, rtol=1e-6)
    assert not dense[~joined].any()
    count = (dense > 0).sum(axis=1)
    assert (count[(groups == 3) & keep] == 2 * max(1, k // 2)).all()
    assert (count[groups == 2] == 2).all() and (count[groups == 1] == 1).all()


def test_groups_are_joined_only_where_asked_and_known() -> None:
    views = planted(n=60)
    pairs = PairedVectors(views)
    labelled = PairedVectors(views, groups=[*["cat", "dog"] * 29, None, None])
    plain, known = Nodes.of(pairs), Nodes.of(labelled)
    assert plain.groups is None
    assert known.groups is not None and known.groups[[0, 1, 58, 59]].tolist() == [0, 1, -1, -1]
    near = {m: Neighbours.of(pairs.vectors[m], 5) for m in pairs.views}
    none = build(plain, near, k=5, gamma=3.0, group_weight=4.0).known
    assert abs(none - build(known, near, k=5, gamma=3.0).known).max() == 0
    some = build(known, near, k=5, gamma=3.0, group_weight=4.0).known
    assert degrees(some - none)[:58].round(5).tolist() == [4.0] * 58
