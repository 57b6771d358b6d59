"""The formulas of the peers, their choice, the splits and the table, on worked examples."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.waiting import PATIENCE

pytest.importorskip("cca_zoo")
pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from _peers import formulas, learned, method, packages, table, tasks
from _peers.lean import CanonicalRidge
from _peers.views import Axes
from isthmus.aligners import CCA
from isthmus.core.paired import PairedVectors
from isthmus.pipeline import prepare


def views(n: int = 120, dims: tuple[int, int] = (12, 9), latent: int = 6, seed: int = 0) -> Any:
    """Two views of a shared latent variable."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, latent))
    return tuple(z @ rng.normal(size=(latent, d)) + rng.normal(size=(n, d)) + 1 for d in dims)


def task(n: int = 100, gallery: int = 40, **options: Any) -> tasks.Task:
    x, y = (v.astype(np.float32) for v in views(n + gallery, **options))
    train = PairedVectors({"a": x[:n], "b": y[:n]})
    test = PairedVectors({"a": x[n:], "b": y[n:]})
    rows = np.arange(n)
    return tasks.Task("planted", 0, train, test, rows, rows, None)


def hidden(n: int = 60) -> tasks.Task:
    """As :func:`task`, with a second view that is the first, turned: every method finds it."""
    rng = np.random.default_rng(3)
    turn = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    x = rng.normal(size=(n + 30, 10)) * np.linspace(2, 1, 10)
    y = x @ turn + 0.1 * rng.normal(size=x.shape)
    both = [v.astype(np.float32) for v in (x, y)]
    train = PairedVectors({"a": both[0][:n], "b": both[1][:n]})
    test = PairedVectors({"a": both[0][n:], "b": both[1][n:]})
    return tasks.Task("hidden", 0, train, test, np.arange(n), np.arange(n), None)


class TestCsa:
    def test_is_the_published_similarity(self) -> None:
        x, y = views()
        heads = formulas.csa_heads(CanonicalRidge(n_components=4).fit([x, y]), x, y, 4)
        xc, yc = x - x.mean(axis=0), y - y.mean(axis=0)
        (wx, wy), rho = _plain_cca(xc, yc)
        a, b = (xc @ wx)[:, :4], (yc @ wy)[:, :4]
        lengths = np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
        expected = (a * rho[:4]) @ b.T / lengths
        # Variates have unit variance with n−1 rows; the published weights divide by n.
        np.testing.assert_allclose(
            heads.first(x) @ heads.second(y).T, expected * (len(x) - 1) / len(x), atol=1e-9
        )

    def test_weights_come_after_the_normalisation_where_isthmus_weights_before(self) -> None:
        x, y = views()
        plain = CCA(ridge=1e-9, power=0.0).fit({"a": x, "b": y})
        a, b = plain.transform(x, "a").astype(float), plain.transform(y, "b").astype(float)
        ours = CCA(ridge=1e-9, power=0.5).fit({"a": x, "b": y}).transform(x, "a")
        heads = formulas.csa_heads(CanonicalRidge(n_components=9).fit([x, y]), x, y, 9)
        share = (len(x) - 1) / len(x)
        np.testing.assert_allclose(
            heads.first(x) @ heads.second(y).T, share * (a * plain.correlations_) @ b.T, atol=1e-4
        )
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
        published = np.linalg.norm(heads.first(x), axis=1)
        assert published.std() > 0.02
        np.testing.assert_allclose(  # made even, it is isthmus with power ½
            heads.first(x) / published[:, None] @ (heads.first(x) / published[:, None]).T,
            ours @ ours.T,
            atol=1e-4,
        )

    def test_few_pairs_are_reduced_to_half_their_number(self) -> None:
        x, y = views(n=20, dims=(40, 30))
        candidates = formulas.csa(x, y, 0)
        assert list(candidates) == ["pca=8 dim=8", "pca=16 dim=8", "pca=16 dim=16"]
        assert candidates["pca=16 dim=16"]().first(x).shape == (20, 10)


def _plain_cca(x: Any, y: Any) -> Any:
    n = len(x) - 1
    whiteners = []
    for v in (x, y):
        values, vectors = np.linalg.eigh(v.T @ v / n)
        whiteners.append(vectors / np.sqrt(values))
    u, rho, vt = np.linalg.svd(whiteners[0].T @ (x.T @ y / n) @ whiteners[1], full_matrices=False)
    return (whiteners[0] @ u, whiteners[1] @ vt.T), rho


class TestAsif:
    def test_worked_value(self) -> None:
        anchors = np.array([[2.0, 0.0], [0.0, 3.0], [3.0, 4.0]])
        heads = formulas.asif_heads(anchors, anchors, k=2, power=2)
        kept = np.array([0.8**2, 0.0, 0.96**2])  # cosines .8, .6, .96; the two largest, squared
        expected = kept / np.linalg.norm(kept)
        np.testing.assert_allclose(heads.first(np.array([[4.0, 3.0]])), [expected])

    def test_is_not_centred_and_drops_negative_cosines(self) -> None:
        anchors = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
        found = formulas.asif_heads(anchors, anchors, k=3, power=1).second(np.array([[1.0, 1.0]]))
        np.testing.assert_allclose(found, [[0.5**0.5, 0.0, 0.5**0.5]])

    @pytest.mark.parametrize(("n", "k"), [(40, 10), (5000, 800)])
    def test_published_k_is_800_or_a_quarter(self, n: int, k: int) -> None:
        x = np.ones((n, 2))
        assert list(formulas.asif_published(x, x, 0)) == [f"k={k} p=8"]


class TestAxes:
    @pytest.mark.parametrize("n", [8, 60])
    def test_turning_keeps_distances_and_orders_by_variance(self, n: int) -> None:
        x = views(n=n)[0]
        axes = Axes(x, "whole")
        found = axes(x)
        assert axes.rank == min(n - 1, 12)
        scaled = x / np.sqrt(x.var(axis=0).mean())
        np.testing.assert_allclose(_distances(found), _distances(scaled), atol=1e-8)
        assert (np.diff(found.var(axis=0)) <= 1e-9).all()
        np.testing.assert_allclose(axes(x, 3), found[:, :3])

    def test_scalings(self) -> None:
        x = views()[0]
        np.testing.assert_allclose(Axes(x, "whole")(x).var(axis=0).sum() / 12, 1)
        np.testing.assert_allclose(Axes(x, "columns")(x).var(axis=0).sum(), 12)
        np.testing.assert_allclose(Axes(7 * x, "rows")(x), Axes(x, "rows")(x), atol=1e-9)

    def test_refuses_rows_that_are_all_the_same(self) -> None:
        with pytest.raises(ValueError, match="same"):
            Axes(np.ones((5, 3)))


def _distances(x: Any) -> Any:
    return np.linalg.norm(x[:, None] - x[None], axis=2)


class TestLosses:
    def test_siglip_is_the_sum_over_all_pairs(self) -> None:
        import torch

        a = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.6, 0.8]]), dim=1)
        cosine = np.array([[1.0, 0.6], [0.6, 1.0]])
        sign = np.array([[1, -1], [-1, 1]])
        expected = np.log1p(np.exp(-sign * (20 * cosine - 10))).sum() / 2
        assert float(learned.SigLIP()(a, a).detach()) == pytest.approx(expected, rel=1e-5)

    def test_infonce_is_the_mean_of_both_directions(self) -> None:
        import torch

        a, b = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        logits = (a @ b.T).numpy() / 0.07
        rows = [np.log(np.exp(line - line[i]).sum()) for i, line in enumerate(logits)]
        columns = [np.log(np.exp(line - line[i]).sum()) for i, line in enumerate(logits.T)]
        expected = (np.mean(rows) + np.mean(columns)) / 2
        assert float(learned.InfoNCE()(a, b).detach()) == pytest.approx(expected, rel=1e-5)

    def test_one_weight_mixes_both_views(self) -> None:
        import torch

        seen: list[Any] = []

        class Spy(torch.nn.Linear):
            def forward(self, x: Any) -> Any:
                seen.append(x.detach().numpy())
                return super().forward(x)

        recipe = replace(learned.FUSEMIX, head=lambda width: Spy(width, 4))
        x = np.eye(6)
        learned.Run(recipe, x, 2 * x, seed=0).step()
        np.testing.assert_allclose(2 * seen[0], seen[1], rtol=1e-6)
        np.testing.assert_allclose(seen[0].sum(axis=1), 1, rtol=1e-6)
        assert ((seen[0] > 0).sum(axis=1) == 2).all()
        assert len(np.unique(seen[0].round(6))) == 3  # 0, λ and 1 − λ


class TestChoice:
    def test_picks_what_ranks_best_on_held_out_pairs(self) -> None:
        data = task()

        def candidates(x: Any, y: Any, seed: int) -> method.Candidates:
            rng = np.random.default_rng(seed)
            blind = method.Heads(*(lambda v: rng.normal(size=(len(v), 4)) for _ in range(2)))
            return {
                "blind": lambda: blind,
                "broken": lambda: _broken(),
                "good": formulas.ridge(x, y, seed)["λ=1 from view 1"],
            }

        chosen = method.choose(method.Method("test", candidates), data)
        assert {readout: found.label for readout, found in chosen.items()} == {
            "semantic": "good",
            "instance": "good",
        }
        rows = method.rows_of("test", chosen, data)
        assert [row["method"] for row in rows] == ["test", "test + csls"]
        assert all(row["r10"] > 0.6 for row in rows)

    def test_says_when_nothing_can_be_fitted(self) -> None:
        def candidates(x: Any, y: Any, seed: int) -> method.Candidates:
            return {"broken": _broken}

        with pytest.raises(ValueError, match="test: no candidate can be fitted to 100 pairs"):
            method.choose(method.Method("test", candidates), task())

    def test_no_family_straddles_the_folds(self) -> None:
        families = np.repeat(np.arange(30), 4)
        splits = list(method._splits(families, 5, seed=0))
        assert len(splits) == 20  # four deals of five folds
        for train, held in splits:
            assert not set(families[train]) & set(families[held])
            assert len(train) + len(held) == 120

    def test_options_up_to_a_limit_keep_their_names(self) -> None:
        assert method.upto(49, (16, 32, 64, 128)) == {16: 16, 32: 32, 64: 49}
        assert method.upto(64, (16, 32, 64, 128)) == {16: 16, 32: 32, 64: 64}
        assert method.upto(0, (16, 32)) == {16: 1}


def _broken() -> method.Heads:
    raise ValueError("too few rows")


class TestMeasure:
    def test_worked_values(self) -> None:
        scores = np.array([[0.9, 0.5, 0.1], [0.8, 0.7, 0.2], [0.1, 0.3, 0.2]])
        groups = np.array(["a", "b", "b"])
        found = method.measure(scores, scores, groups)
        # Rows: partners rank 1, 2, 2; columns: 1, 1, 1 or 2 of (.1, .2, .2), a tie, so 1.5.
        assert found["r1"] == pytest.approx((1 / 3 + 2 / 3) / 2)
        assert found["r10"] == 1
        rows = [1, (1 / 2 + 2 / 3) / 2, (1 + 2 / 2) / 2]
        columns = [1, (1 / 1 + 2 / 3) / 2, (1 + 1) / 2]
        assert found["map"] == pytest.approx((np.mean(rows) + np.mean(columns)) / 2)
        assert method.measure(scores, scores, None)["map"] is None


class TestSplits:
    def ready(self, sizes: list[int]) -> Any:
        families = np.repeat(np.arange(len(sizes)), sizes)
        x = np.random.default_rng(0).normal(size=(len(families), 3)).astype(np.float32)
        groups = np.array([f"g{family}" for family in families])
        return prepare(PairedVectors({"a": x, "b": x}, groups=groups)), families

    def test_families_stay_on_one_side_and_the_large_ones_out_of_the_gallery(self) -> None:
        ready, families = self.ready([300, 40, *[5] * 20, *[1] * 30])
        for seed in range(3):
            train, test = tasks.by_family(ready, 25, 60, seed)
            assert (len(train), len(test)) == (60, 25)
            assert not set(families[train]) & set(families[test])
            assert len(set(families[test])) == 25
            assert not {0, 1} & set(families[test])
            assert len(set(train)) == 60

    def test_no_family_gives_more_than_it_must(self) -> None:
        ready, families = self.ready([300, 40, *[5] * 4])
        train, _ = tasks.by_family(ready, 2, 12, 0)
        counts = np.unique(families[train], return_counts=True)[1]
        assert counts.tolist() == [3, 3, 3, 3]  # 12 of the four families that are left

    def test_permuted_is_the_protocol_of_quality(self) -> None:
        ready, _ = self.ready([1] * 30)
        train, test = tasks.permuted(ready, 10, 15, 4)
        order = np.random.default_rng(4).permutation(30)
        assert test.tolist() == order[:10].tolist()
        assert train.tolist() == order[10:25].tolist()

    def test_what_is_asked_for(self) -> None:
        found = tasks.asked(["tuxpaint", "digits"], [50], 4)
        assert found == [
            *[("tuxpaint", 50, seed) for seed in range(4)],
            *[("digits", 50, seed) for seed in range(3)],
        ]


def row(name: str, seed: int, r1: float | None, **more: Any) -> dict[str, Any]:
    figures = {"r1": r1, "r10": r1, "map": None, "fit_seconds": 1.0, "peak_mb": 2.0}
    return {"dataset": "d", "pairs": 9, "method": name, "seed": seed, **figures, **more}


class TestTable:
    rows = (
        row("isthmus", 0, 0.5),
        row("isthmus", 1, 0.4),
        row("isthmus cca", 0, 0.9),
        row("asif", 0, 0.4),
        row("asif", 1, 0.4),
        row("asif + csls", 0, 0.4),
        row("asif + csls", 1, 0.48),
        row("csa", 0, 0.99),
        row("csa", 1, None, note="not finished in 9 s"),
        row("shuffled pairs", 0, 0.95),
    )

    def test_margin_is_to_the_best_peer_that_finished_every_seed(self) -> None:
        best, ahead, spread = table.margins(self.rows, "r1")
        assert best == "asif + csls"
        assert ahead == pytest.approx(0.01)
        assert spread == pytest.approx(np.std([0.1, -0.08], ddof=1))
        assert table.margins(self.rows, "map") is None
        assert table.margins(self.rows[3:], "r1") is None

    def test_shows_means_spreads_and_what_is_missing(self) -> None:
        text = table.table(self.rows)
        assert "d, 9 pairs, 2 seeds" in text
        assert "0.450 ± 0.071" in text
        assert "1 × not finished in 9 s" in text
        assert "R@1: isthmus +0.010 ± 0.127 against asif + csls" in text


class TestPackages:
    def test_ridge_of_cca_zoo_is_cca_of_isthmus_without_weights(self) -> None:
        x, y = views(n=80)
        heads = packages.cca_zoo_ridge(x, y, 0)["whole c=0.6 k=16"]()
        share = 79 / 80  # its covariances are divided by n − 1, ours by n
        ours = CCA(ridge=0.6 / 0.4 * share, power=0.0).fit({"a": x, "b": y})
        np.testing.assert_allclose(
            heads.first(x) @ heads.second(y).T,
            ours.transform(x, "a") @ ours.transform(y, "b").T,
            atol=1e-4,
        )

    def test_turned_axes_change_nothing_for_pls(self) -> None:
        from sklearn.cross_decomposition import PLSSVD

        x, y = views(n=30, dims=(40, 35))
        heads = packages.plssvd(x, y, 0)["columns k=8"]()
        model = PLSSVD(n_components=8, scale=True).fit(x, y)
        a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in model.transform(x, y))
        np.testing.assert_allclose(heads.first(x) @ heads.second(y).T, a @ b.T, atol=1e-8)

    @pytest.mark.filterwarnings("ignore:Maximum number of iterations")
    @pytest.mark.parametrize("module", [formulas, packages, learned], ids=lambda m: m.__name__)
    def test_every_method_finds_a_turned_copy(self, module: Any) -> None:
        find_a_turned_copy(module.METHODS)

    def test_what_only_make_peers_installs(self) -> None:
        reason = "mvlearn and POT are not installed; run: make peers"
        for name in ("mvlearn", "ot"):
            pytest.importorskip(name, reason=reason)
        from _peers import extras

        find_a_turned_copy(extras.METHODS)
        x, y = views(n=40)
        heads = extras.pot_pairs(x, y, 0)["pca=8"]()
        cosine = heads.first(x) @ heads.second(y).T  # training rows move onto their partners
        np.testing.assert_allclose(np.diag(cosine), 1, atol=1e-6)


def find_a_turned_copy(methods: Sequence[method.Method]) -> None:
    data = hidden()
    for each in methods:
        quick = replace(each, folds=1)
        chosen = method.choose(quick, data)
        for found in method.rows_of(each.name, chosen, data):
            assert found["r10"] > 0.55, found  # chance is a third


class TestRun:
    def test_times_a_fit_and_ends_one_that_takes_too_long(self) -> None:
        from _peers.run import context, run

        processes = context()
        (cosine, csls) = run(processes, "asif published", task(), cap=PATIENCE)
        assert (cosine["method"], csls["method"]) == ("asif published", "asif published + csls")
        assert (cosine["dataset"], cosine["pairs"], cosine["seed"]) == ("planted", 100, 0)
        assert cosine["fit_seconds"] >= 0
        assert 0 <= cosine["peak_mb"] < 200
        assert cosine["r10"] > 0.25
        (late,) = run(processes, "isthmus", task(), cap=0.01)
        assert late["note"] == "not finished in 0.01 s"
        assert late["r1"] is None

    def test_results_are_kept_and_taken_up(self, tmp_path: Path) -> None:
        import peers

        path = tmp_path / "peers.json"
        results = peers.Results(path, resume=False)
        results.use("d", {"text": "tfidf"})
        results.add("asif", [row("asif", 0, 0.4), row("asif + csls", 0, 0.5)])
        results.add("csa", [row("csa", 0, None, note="failed")])
        again = peers.Results(path, resume=True)
        assert again.has("d", 9, 0, "asif")
        assert not again.has("d", 9, 0, "csa")  # it is tried anew
        assert not again.has("d", 9, 1, "asif")
        again.add("asif", [row("asif", 0, 0.6)])
        kept = json.loads(path.read_text())
        assert [(r["method"], r["r1"]) for r in kept["rows"]] == [("csa", None), ("asif", 0.6)]
        assert kept["machine"]["cores"] >= 1
        with pytest.raises(SystemExit, match="tfidf"):
            again.use("d", {"text": "universal"})
