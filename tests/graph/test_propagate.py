import numpy as np
import pytest
from scipy import sparse

from isthmus.aligners import CCA
from isthmus.aligners.checks import planted
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.graph.build import Neighbours, degrees, normalised
from isthmus.graph.propagate import Propagation, label_propagation, travel


def some_graph(n: int = 12, seed: int = 0) -> sparse.csr_matrix:
    dense = np.random.default_rng(seed).random((n, n)).astype(np.float32)
    dense = np.where(dense > 0.6, dense, 0)
    return sparse.csr_matrix(np.maximum(dense, dense.T) * (1 - np.eye(n, dtype=np.float32)))


def test_many_hops_reach_the_closed_form_of_personalised_pagerank() -> None:
    graph = some_graph()
    start = np.random.default_rng(1).normal(size=(12, 3)).astype(np.float32)
    mixing = normalised(graph, degrees(graph)).toarray()
    limit = 0.3 * np.linalg.solve(np.eye(12) - 0.7 * mixing, start)
    np.testing.assert_allclose(travel(graph, start, restart=0.3, hops=80), limit, atol=1e-5)
    np.testing.assert_array_equal(travel(graph, start, restart=0.3, hops=0), start)


def test_a_full_restart_is_the_closed_form() -> None:
    views = planted()
    closed, graph = CCA(3.0, 0.5).fit(views), Propagation(restart=1.0).fit(views)
    new = planted(seed=0, noise=0.5)
    for m in views:
        np.testing.assert_allclose(
            np.abs(graph.transform(new[m], m)), np.abs(closed.transform(new[m], m)), atol=1e-5
        )


def test_one_hop_of_a_new_item_by_hand() -> None:
    views = planted()
    aligner = Propagation(k=2, gamma=1.0, restart=0.25, hops=1).fit(views)
    head, x = aligner.heads_["a"], planted(seed=5)["a"][:1]
    start = l2_normalize((x - head.mean) @ head.weight)[0]
    cosine = l2_normalize(x - head.joint.centre)[0] @ head.joint.bank.T
    two = np.argsort(-cosine)[:2]
    weights = np.maximum(cosine[two], 0) * head.joint.unit
    total = sum(
        w / np.sqrt(weights.sum() * head.joint.degree[j]) * head.bank_state[j]
        for w, j in zip(weights, two, strict=True)
    )
    expected = l2_normalize(0.75 * total + 0.25 * start)
    np.testing.assert_allclose(aligner.transform(x, "a")[0], expected, atol=1e-6)


def test_an_item_that_resembles_nothing_keeps_its_own_place() -> None:
    rng = np.random.default_rng(0)
    views = {m: np.abs(rng.normal(size=(40, 5))).astype(np.float32) for m in "ab"}
    views["a"][:, 0] = 0
    aligner = Propagation(gamma=1.0).fit(views)
    head = aligner.heads_["a"]
    x = head.joint.centre - 100 * head.joint.bank.mean(axis=0, keepdims=True)
    far = l2_normalize(x - head.joint.centre)
    if (far @ head.joint.bank.T).max() <= 0:
        np.testing.assert_allclose(head(x), l2_normalize((x - head.mean) @ head.weight), atol=1e-5)
    lonely = head.from_state(*head.state())
    lonely.joint = lonely.joint._replace(bank=-np.abs(lonely.joint.bank), k=3)
    y = head.joint.centre[None] + 1
    np.testing.assert_allclose(lonely(y), l2_normalize((y - head.mean) @ head.weight), atol=1e-5)


def test_smoothing_helps_where_categories_are_all_there_is() -> None:
    # Ten categories; beyond them the two modalities share nothing.
    rng = np.random.default_rng(0)
    label = np.arange(400) % 10
    views = {
        m: (2 * np.eye(10)[label] @ rng.normal(size=(10, 30)) + 3 * rng.normal(size=(400, 30)))
        for m in "ab"
    }
    train, held = slice(0, 300), slice(300, 400)

    def precision(aligner: object) -> float:
        fitted = aligner.fit({m: x[train] for m, x in views.items()})  # type: ignore[attr-defined]
        scores = fitted.transform(views["a"][held], "a") @ fitted.transform(views["b"][held], "b").T
        top = np.argsort(-scores, axis=1)[:, :10]
        return float((label[held][top] == label[held][:, None]).mean())

    assert precision(Propagation()) > precision(CCA(3.0, 0.5)) + 0.03


def test_known_groups_help_to_find_kinds() -> None:
    rng = np.random.default_rng(0)
    cluster = np.arange(400) % 20
    label = cluster % 4  # what the clusters of a group share, vectors do not tell
    views = {
        m: (2 * np.eye(20)[cluster] @ rng.normal(size=(20, 30)) + 2 * rng.normal(size=(400, 30)))
        for m in "ab"
    }
    train = PairedVectors(
        {m: x[:300] for m, x in views.items()}, groups=[str(each) for each in label[:300]]
    )

    def precision(aligner: Propagation) -> float:
        a, b = (aligner.transform(views[m][300:], m) for m in "ab")
        top = np.argsort(-(a @ b.T), axis=1)[:, :10]
        return float((label[300:][top] == label[300:, None]).mean())

    plain, joined = (
        Propagation(restart=0.1).fit(train),
        Propagation(restart=0.1, group_weight=4.0).fit(train),
    )
    assert precision(joined) > precision(plain) + 0.05


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9])
def test_label_propagation_agrees_with_a_dense_solve(alpha: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 8))
    labels = np.eye(3)[rng.integers(3, size=60)] * (rng.random((60, 1)) < 0.3)
    found = label_propagation(x, labels, k=5, gamma=5.0, alpha=alpha)
    cosine = l2_normalize(x) @ l2_normalize(x).T
    np.fill_diagonal(cosine, -2)
    w = np.zeros((60, 60))
    for i, row in enumerate(cosine):
        near = np.argsort(-row)[:5]
        w[i, near] = np.maximum(row[near], 0) ** 5
    w = np.maximum(w, w.T)
    d = np.where(w.sum(axis=1) > 0, w.sum(axis=1), 1)
    dense = np.linalg.solve(np.eye(60) - alpha * w / np.sqrt(np.outer(d, d)), labels)
    np.testing.assert_allclose(found, dense, atol=1e-5)


def test_labels_reach_their_cluster() -> None:
    rng = np.random.default_rng(0)
    label = np.arange(60) % 3
    x = 6 * np.eye(5)[label] + rng.normal(size=(60, 5))
    given = np.zeros((60, 3))
    given[:3] = np.eye(3)
    found = label_propagation(x, given, alpha=0.95)
    assert (found.argmax(axis=1) == label).mean() > 0.9


def test_what_is_out_of_range_is_refused() -> None:
    x = np.eye(3)
    with pytest.raises(InputError, match="alpha must be in"):
        label_propagation(x, x, alpha=1.0)
    with pytest.raises(DataError, match=r"labels must be \(3, classes\), got shape \(2, 3\)"):
        label_propagation(x, x[:2])
    for wrong, message in (
        ({"k": 0}, "k must be a whole number of at least 1, got 0"),
        ({"restart": 0.0}, "restart must be positive"),
        ({"restart": 1.5}, r"restart must be in \(0, 1\], got 1.5"),
        ({"hops": 1.5}, "hops must be a whole number"),
    ):
        with pytest.raises(InputError, match=message):
            Propagation(**wrong)  # type: ignore[arg-type]


def test_neighbours_of_labels_are_not_centred() -> None:
    x = np.array([[1.0, 0.1], [1.0, -0.1], [1.0, 0.0]], np.float32)
    assert (Neighbours.of(x, 2, centred=False).cosine > 0.9).all()
    assert Neighbours.of(x, 2).cosine.min() < 0
