"""Fusions that are trained: where they start, what they find, that they can do without views."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="trained fusions need isthmus[learned]")

from tests.fusion.planted import clusters, of_kind, product

from isthmus.core.errors import InputError
from isthmus.core.memo import Memo
from isthmus.core.validate import split_names
from isthmus.fusion import FUSIONS, KINDS, Fusion, Kind, make
from isthmus.fusion.graph import late_scores
from isthmus.fusion.learned.readings import read
from isthmus.fusion.learned.trained import Trained, best_epoch
from isthmus.fusion.nested import pack, unpack
from isthmus.training import Log

TRAINED = [name for name in FUSIONS.names() if issubclass(FUSIONS.get(name), Trained)]


def _accuracy(fusion: Fusion, rows: object, target: object) -> float:
    return float((fusion.scores(rows).argmax(axis=1) == target.codes).mean())  # type: ignore[attr-defined,arg-type]


@pytest.mark.parametrize("name", TRAINED)
def test_starts_at_late_fusion(name: str) -> None:
    rows, target = clusters()
    fusion = make(name)
    assert isinstance(fusion, Trained)
    found = read(rows, target, Memo(), late={}, components=8, folds=3, seed=0)
    readings = fusion.readings_to_learn(found, rows, target)
    weights = fusion.start_weights([h.shape[1] for h in readings.hidden], target.width)
    joined = readings.rest + fusion.join(np, weights, readings)
    assert joined == pytest.approx(late_scores(readings), abs=1e-9)


@pytest.mark.parametrize("name", ["gated", "graph", "low-rank"])
def test_finds_what_no_view_says_alone(name: str) -> None:
    rows, target = product()
    learn, ask = np.arange(300), np.arange(300, 400)
    more = {} if name == "graph" else {"learning_rate": 0.02, "dropout": 0.0, "patience": 30}
    more["folds"] = 3
    fusion = make(name, **more).fit(rows.take(learn), target.take(learn))
    late = make("late").fit(rows.take(learn), target.take(learn))
    assert _accuracy(late, rows.take(ask), target.take(ask)) < 0.65
    assert _accuracy(fusion, rows.take(ask), target.take(ask)) > 0.8


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "classes"])
def test_learns_every_kind(name: str, kind: Kind) -> None:
    rows, target = of_kind(kind)
    fusion = make(name, epochs=5, folds=2).fit(rows, target)
    scores = fusion.scores(rows)
    truth = target.matrix if kind != "survival" else -target.values[:, :1]
    for column in range(target.width):
        assert np.corrcoef(scores[:, column], truth[:, column])[0, 1] > 0.3


@pytest.mark.parametrize("name", TRAINED)
def test_the_same_seed_gives_the_same_bits_and_a_saved_fusion_too(name: str) -> None:
    rows, target = clusters(90)
    one, two = (make(name, epochs=8, folds=2).fit(rows, target) for _ in range(2))
    assert np.array_equal(one.scores(rows), two.scores(rows))
    document, tensors = pack(one, "x.")
    saved = unpack(document, split_names(tensors)["x"], one)
    assert np.array_equal(saved.scores(rows), one.scores(rows))


@pytest.mark.parametrize("name", TRAINED)
def test_without_a_view_it_does_as_well_as_late_fusion_does(name: str) -> None:
    rows, target = clusters(240, noise=1.5)
    learn, ask = np.arange(160), np.arange(160, 240)
    fusion, late = (make(n).fit(rows.take(learn), target.take(learn)) for n in (name, "late"))
    alone = rows.take(ask).select(["picture"])
    assert _accuracy(fusion, alone, target.take(ask)) >= (
        _accuracy(late, alone, target.take(ask)) - 0.05
    )


def test_epochs_are_those_of_the_best_mean_over_trainings() -> None:
    one = Log(scores=[(0, 0.0), (1, 3.0), (2, 1.0)])
    two = Log(scores=[(0, 0.0), (1, -4.0), (2, 0.5), (3, 0.4)])
    assert best_epoch([one, two]) == 2
    assert best_epoch([two]) == 2
    assert best_epoch([Log(scores=[(0, 0.0), (1, -1.0)])]) == 0


def test_refuses_dropout_of_all_views() -> None:
    with pytest.raises(InputError, match=r"\[0, 1\)"):
        make("attention", dropout=1.0)


def test_a_layer_is_that_of_torch_geometric() -> None:
    geometric = pytest.importorskip("torch_geometric.nn", reason="the rival is that package's")
    import torch

    rows, target = clusters(40)
    fusion = make("graph", k=3, epochs=2, folds=2).fit(rows, target)
    readings = fusion.readings_of(rows)
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=value.shape) for name, value in fusion._weights.items()}
    n, views = readings.there.shape
    nodes = [h @ weights[f"project.{v}"] for v, h in enumerate(readings.hidden)]
    banks = [
        h @ weights[f"project.{v}"] + readings.known @ weights["known"]
        for v, h in enumerate(readings.bank)
    ]
    edges, edge_weights = [], []
    for i in range(n):
        for v in np.flatnonzero(readings.there[i]):
            near = readings.weight[v][i]
            ends = [(u * n + i, 1.0) for u in np.flatnonzero(readings.there[i])]
            ends += [
                ((views + v) * n + j, w) for j, w in zip(readings.index[v][i], near, strict=True)
            ]
            edges += [(source, v * n + i) for source, _ in ends]
            edge_weights += [w / (readings.there[i].sum() + near.sum()) for _, w in ends]
    layer = geometric.GCNConv(32, 32, normalize=False, add_self_loops=False)
    with torch.no_grad():
        layer.lin.weight.copy_(torch.tensor(weights["layer"].T))
        layer.bias.copy_(torch.tensor(weights["bias"]))
        states = layer(
            torch.tensor(np.concatenate([*nodes, *banks]), dtype=torch.float32),
            torch.tensor(edges).T,
            torch.tensor(edge_weights, dtype=torch.float32),
        ).relu()
    own = states[: n * views].numpy().reshape(views, n, -1) * readings.there.T[:, :, None]
    added = own.sum(axis=0) / readings.there.sum(axis=1)[:, None] @ weights["out"]
    late = readings.late
    assert fusion.join(np, weights, readings) == pytest.approx(late + added, rel=1e-3, abs=1e-3)


def test_what_is_read_of_new_records_adds_up_to_late_fusion() -> None:
    rows, target = clusters()
    found = read(rows, target, Memo(), late={}, components=4, folds=3, seed=0)
    late, new = make("late").fit(rows, target), found.reader.read(rows)
    assert late_scores(new) == pytest.approx(late.scores(rows), abs=1e-6)
    alone = rows.select(["picture"])
    there = new.there * np.array([0.0, 1.0])
    assert late_scores(new.kept(there)) == pytest.approx(late.scores(alone), abs=1e-6)
