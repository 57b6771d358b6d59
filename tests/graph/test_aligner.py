import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from isthmus.aligners import CCA, make
from isthmus.aligners.base import SharedRows
from isthmus.aligners.checks import planted
from isthmus.aligners.neighbours import nearest
from isthmus.core.errors import DataError, FingerprintError, InputError, MissingExtraError
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.graph import propagate
from isthmus.graph.aligner import CMGNN
from isthmus.graph.build import Neighbours, Nodes, build, degrees, in_canonical_order
from isthmus.graph.episodes import Episodes, deal
from isthmus.graph.propagate import Propagation, closed_form, leave_head, travel
from isthmus.graph.trainee import GraphTrainee
from isthmus.moments import Moments

torch = pytest.importorskip("torch")

QUICK = {"epochs": 4, "patience": None, "width": 16, "k": 4}


def gram(aligner: object, views: dict[str, F32]) -> F32:
    unit = np.concatenate([aligner.transform(x, m) for m, x in views.items()])  # type: ignore[attr-defined]
    return unit @ unit.T


def test_a_new_item_is_a_node_that_was_added() -> None:
    GCNConv = pytest.importorskip("torch_geometric.nn").GCNConv
    views = planted()
    plan = CMGNN(**QUICK, layers=2, learning_rate=0.02, cross_k=0)
    pairs = in_canonical_order(PairedVectors(views))
    heads = plan.fit(views).heads_
    x = planted(seed=7)["a"][:6]
    head, net = heads["a"], heads["a"].correction
    nodes, closed = Nodes.of(pairs), CCA(plan.ridge, plan.power, plan.components).fit(pairs)
    known = {m: Neighbours.of(pairs.vectors[m], plan.k) for m in nodes.names}
    graph = build(nodes, known, k=plan.k, gamma=plan.gamma)
    start = np.concatenate([closed_form(closed, pairs, nodes), closed.transform(x, "a")])
    index, cosine = nearest(l2_normalize(x - known["a"].centre), known["a"].bank, plan.k)
    weights = np.maximum(cosine, 0) ** plan.gamma * graph.units["a"]
    # The graph with six more nodes, which are reached and reach nobody.
    joining = sparse.csr_matrix(
        (weights.ravel(), (np.repeat(np.arange(6), plan.k), index.ravel())), shape=(6, 400)
    )
    added = sparse.bmat([[graph.known, None], [joining, sparse.csr_matrix((6, 6))]]).tocoo()
    edges = torch.from_numpy(np.stack([added.col, added.row]).astype(np.int64))
    weight = torch.from_numpy(added.data.astype(np.float32))
    projects = [heads[m].correction.project for m in ("a", "b", "a")]
    parts = np.split(start, [200, 400])
    state = torch.from_numpy(np.concatenate([s @ p for s, p in zip(parts, projects, strict=True)]))
    with torch.no_grad():
        for w, b in zip(net.weights, net.biases, strict=True):
            layer = GCNConv(16, 16)  # adds loops and normalises by itself
            layer.lin.weight.copy_(torch.from_numpy(w.T))
            layer.bias.copy_(torch.from_numpy(b))
            state = layer(state, edges, weight).relu()
    correction = state.numpy()[400:] @ net.out
    assert np.abs(correction).max() > 0.05
    degree = np.concatenate([degrees(graph.known), weights.sum(axis=1)])
    mixing = sparse.diags(degree**-0.5) @ added @ sparse.diags(degree**-0.5)
    hidden = start
    assert head.restart != plan.restart
    for kept in (plan.restart, head.restart):
        hidden = (1 - kept) * (mixing @ hidden) + kept * start
    np.testing.assert_allclose(head(x), l2_normalize(hidden[400:] + correction), atol=1e-4)


@pytest.mark.parametrize("kind", [Propagation, CMGNN])
def test_what_is_tried_on_the_same_rows_shares_their_moments(
    kind: type[Propagation] | type[CMGNN], monkeypatch: pytest.MonkeyPatch
) -> None:
    views, made = PairedVectors(planted()), []
    options = [{"restart": restart, "k": 4} for restart in (0.2, 0.6)]
    if kind is CMGNN:
        options = [{**QUICK, **each} for each in options]
    alone = [kind(**each).fit(views).transform(views.vectors["a"], "a") for each in options]
    plain = propagate.of_rows
    monkeypatch.setattr(propagate, "of_rows", lambda pairs: made.append(pairs) or plain(pairs))
    memo, rows = Memo(), SharedRows(views.vectors["a"])
    shared = [kind(**each).projection(views, memo)(rows, "a") for each in options]
    assert len(made) == 1
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_starts_at_propagation() -> None:
    views = planted()
    still = CMGNN(**{**QUICK, "epochs": 1}, learning_rate=1e-12).fit(views)
    rival = Propagation(k=4).fit(views)
    new = planted(seed=3)
    np.testing.assert_allclose(gram(still, new), gram(rival, new), atol=1e-4)


def test_with_patience_the_best_weights_are_kept_and_the_start_is_a_candidate() -> None:
    log = CMGNN(epochs=20, width=16, learning_rate=0.5).fit(planted()).log_
    assert log.best_score == max(score for _, score in log.scores)
    assert log.best_score >= log.scores[0][1]
    assert log.scores[0][0] == 0


@pytest.mark.parametrize("loss", ["info_nce", "cosine", "euclidean", "kl", "info_nce + 0.5*kl"])
def test_every_loss_falls(loss: str) -> None:
    plan = CMGNN(loss, **{**QUICK, "epochs": 15}, learning_rate=3e-3, dropout=0.0, fanout=50)
    losses = [each["graph"] for each in plan.fit(planted(noise=1.0)).log_.losses]
    assert losses[-1] < 0.99 * losses[0]


def episodes(views: dict[str, F32], k: int = 4) -> tuple[Episodes, PairedVectors, np.ndarray]:
    pairs = in_canonical_order(PairedVectors(views))
    nodes, moments = Nodes.of(pairs), Moments.of(pairs)
    known = {m: Neighbours.of(pairs.vectors[m], 4 * k) for m in nodes.names}
    fold = deal(pairs, 5, 0)
    closed = CCA(3.0, 0.5, 128).fit_moments(moments)
    made = Episodes(pairs, nodes, known, closed, moments, fold, k=k, gamma=3.0, restart=0.2, hops=2)
    return made, pairs, fold


def test_a_training_item_stands_where_a_new_item_would() -> None:
    made, pairs, fold = episodes(planted())
    rest, held = pairs.take(fold != 2), pairs.take(fold == 2)
    nodes, closed = Nodes.of(rest), CCA(3.0, 0.5, 128).fit(rest)
    known = {}
    for m in nodes.names:  # about the mean of all, as in the copies
        bank = made.neighbours[m].bank[fold != 2]
        known[m] = Neighbours(
            made.neighbours[m].centre, bank, *nearest(bank, bank, 4, skip_self=True)
        )
    graph = build(nodes, known, k=4, gamma=3.0)
    states = travel(graph.known, closed_form(closed, rest, nodes), restart=0.2, hops=1)
    unit = np.concatenate(
        [
            leave_head(m, closed, nodes, known[m], graph, states, k=4, gamma=3.0, restart=0.2)(
                held.vectors[m]
            )
            for m in nodes.names
        ]
    )
    both = np.concatenate([fold == 2, fold == 2])
    own = l2_normalize(0.8 * made.reached[both] + 0.2 * made.own[both])
    np.testing.assert_allclose(own @ own.T, unit @ unit.T, atol=1e-4)


def test_an_item_learns_nothing_from_its_own_partner() -> None:
    views = planted()
    made, pairs, fold = episodes(views)
    of_fold = np.flatnonzero(fold == 1)
    other = {m: x.copy() for m, x in pairs.vectors.items()}
    # Partners are dealt anew within the fold, so that means and neighbours stay what they are.
    other["b"][of_fold] = other["b"][np.roll(of_fold, 1)]
    again, _, same = episodes(other)
    np.testing.assert_array_equal(same, fold)
    before, after = (l2_normalize(one.reached[of_fold]) for one in (made, again))
    np.testing.assert_allclose(before @ before.T, after @ after.T, atol=1e-4)
    sends = made.matrix[200 * 2 :][:400, 400:800].tocsc()[:, of_fold]
    assert sends.nnz == 0


def test_records_that_share_a_caption_share_a_fold() -> None:
    views = planted(40)
    views["b"][20:] = views["b"][:20]
    fold = deal(PairedVectors(views), 5, 0)
    np.testing.assert_array_equal(fold[:20], fold[20:])
    assert len(set(fold)) == 5
    views["b"][:] = 1
    with pytest.raises(DataError, match=r"share an item.*use propagation"):
        deal(PairedVectors(views), 5, 0)


def test_training_goes_on_from_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isthmus.graph import aligner as module

    views, new = planted(), planted(seed=3)
    plan = {**QUICK, "epochs": 6, "cross_k": 2, "refresh_every": 4, "batch_size": 64}
    expected = CMGNN(**plan).fit(views)
    steps = 0
    inner = GraphTrainee.batch_loss

    def dies(self: object, *args: object) -> object:
        nonlocal steps
        steps += 1
        if steps == 14:
            raise KeyboardInterrupt
        return inner(self, *args)

    real = module.Checkpoint
    monkeypatch.setattr(module, "Checkpoint", lambda *args: real(*args, seconds=0.0))
    monkeypatch.setattr(GraphTrainee, "batch_loss", dies)
    with pytest.raises(KeyboardInterrupt):
        CMGNN(**plan, checkpoint=tmp_path / "run").fit(views)
    resumed = CMGNN(**plan, checkpoint=tmp_path / "run").fit(views)
    assert steps < 14 + 18
    np.testing.assert_array_equal(gram(resumed, new), gram(expected, new))
    with pytest.raises(FingerprintError, match="another training"):
        CMGNN(**{**plan, "width": 8}, checkpoint=tmp_path / "run").fit(views)


def test_edges_across_modalities_are_looked_up_again() -> None:
    views, new = planted(), planted(seed=3)
    without = CMGNN(**QUICK).fit(views)
    found = CMGNN(**QUICK, cross_k=3, refresh_every=2).fit(views)
    again = CMGNN(**QUICK, cross_k=3, refresh_every=2).fit(views)
    np.testing.assert_array_equal(gram(found, new), gram(again, new))
    assert np.abs(gram(found, new) - gram(without, new)).max() > 1e-3
    assert (found.heads_["a"].joint.degree > without.heads_["a"].joint.degree).mean() > 0.5


def test_three_modalities_that_meet_through_one() -> None:
    views = planted(150, dims=(12, 9, 7), noise=0.1)
    half = np.arange(150) < 75
    pairs = PairedVectors(views, {"b": half, "c": ~half})
    aligner = CMGNN(**QUICK).fit(pairs)
    new = planted(150, dims=(12, 9, 7), noise=0.1)
    scores = aligner.transform(new["b"][75:], "b") @ aligner.transform(new["c"][75:], "c").T
    assert (scores.argmax(axis=1) == np.arange(75)).mean() > 0.3  # chance is 1/75


def test_what_is_missing_or_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong, message in (
        ({"loss": "info_mce"}, "unknown loss 'info_mce'"),
        ({"folds": 1}, "folds must be at least 2, got 1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"cross_k": -1}, "cross_k must not be negative"),
        ({"epochs": 0}, "epochs must be a whole number"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
    ):
        with pytest.raises(InputError, match=message):
            make("cm-gnn", **wrong)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"torch.*isthmus\[graph\]"):
        CMGNN().fit(planted())
