import numpy as np
import pytest

from isthmus.aligners import CCA, Unpaired, make
from isthmus.aligners.unpaired.geometry import (
    coarse_rotation,
    hungarian,
    polar,
    representatives,
    similarity,
    soft_match,
    unit,
)
from isthmus.aligners.unpaired.health import Health, examine, surrogate
from isthmus.core.errors import DataError, InputError, NoSignalError
from isthmus.core.paired import PairedVectors
from isthmus.metrics import foscttm


def shape(n: int = 200, seed: int = 0) -> np.ndarray:
    """A lopsided cloud, which fits onto itself in one way only."""
    rng = np.random.default_rng(seed)
    return rng.exponential(size=(n, 8)) * np.linspace(4, 1, 8)


def turned(x: np.ndarray, seed: int = 1) -> np.ndarray:
    return x @ np.linalg.qr(np.random.default_rng(seed).normal(size=(x.shape[1],) * 2))[0]


def halves(x: np.ndarray, y: np.ndarray, paired: int = 0) -> PairedVectors:
    """The first ``paired`` records complete, the others with one modality in turn."""
    rows = np.arange(len(x))
    both = rows < paired
    return PairedVectors(
        {"a": x, "b": y}, {"a": both | (rows % 2 == 0), "b": both | (rows % 2 > 0)}
    )


def cosines(aligner: Unpaired, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return aligner.transform(a, "a") @ aligner.transform(b, "b").T


def test_a_turned_copy_in_unknown_order_is_found_to_the_row() -> None:
    x = shape()
    y = turned(x)[np.random.default_rng(2).permutation(200)]
    aligner = Unpaired(seeds=0, check=False).fit({"a": x, "b": y})
    assert (cosines(aligner, x, turned(x)).argmax(axis=1) == np.arange(200)).mean() > 0.95
    left, right = aligner.matches_
    assert sorted(left) == sorted(right) == list(range(200))
    assert (np.linalg.norm(turned(x)[left] - y[right], axis=1) < 1e-3).mean() > 0.95


def test_rows_without_any_common_record_are_aligned() -> None:
    x = shape(600)
    aligner = Unpaired(seeds=0, check=False).fit(halves(x[:500], turned(x)[:500]))
    assert foscttm(cosines(aligner, x[500:], turned(x)[500:])) < 0.1


def test_without_seeds_the_pairing_cannot_leak() -> None:
    x, y = shape(), turned(shape())
    mixed = y[np.random.default_rng(3).permutation(200)]
    straight = Unpaired(seeds=0, check=False).fit({"a": x, "b": y})
    other = Unpaired(seeds=0, check=False).fit({"a": x, "b": mixed})
    for m in ("a", "b"):
        assert np.array_equal(straight.heads_[m].weight, other.heads_[m].weight)
        assert np.array_equal(straight.heads_[m].mean, other.heads_[m].mean)


def test_pairs_alone_give_the_heads_of_cca() -> None:
    x, y = shape(), turned(shape())
    y += np.random.default_rng(4).normal(size=y.shape)
    found = Unpaired(ridge=3.0).fit({"a": x, "b": y})
    expected = CCA(ridge=3.0).fit({"a": x, "b": y})
    assert found.gate_ == {}
    assert found.weight_ == 0
    assert np.abs(cosines(found, x, y) - cosines(expected, x, y)).max() < 1e-3


def seen(latent: np.ndarray, seed: int, noise: float) -> np.ndarray:
    """What an encoder of sixty dimensions makes of it, under noise of its own."""
    rng = np.random.default_rng(seed)
    return latent @ rng.normal(size=(8, 60)) + noise * rng.normal(size=(len(latent), 60))


def test_unpaired_rows_help_a_few_pairs_and_the_gate_says_so() -> None:
    x, y = seen(shape(500), 1, 8.0), seen(shape(500), 2, 8.0)
    few = Unpaired().fit({"a": x[:12], "b": y[:12]})
    many = Unpaired().fit(halves(x[:400], y[:400], paired=12))
    assert set(many.gate_) == {0.0, 0.3, 1.0}
    assert many.weight_ > 0
    assert many.gate_[many.weight_] == min(many.gate_.values()) < 0.6 * many.gate_[0.0]
    before, after = (foscttm(cosines(one, x[400:], y[400:])) for one in (few, many))
    assert after < 0.8 * before


def test_the_gate_leaves_matches_out_that_tell_nothing() -> None:
    rng = np.random.default_rng(6)
    x = shape(300)
    y = turned(x) + 0.3 * rng.normal(size=x.shape)
    y[100:] = rng.normal(size=(200, 8))
    assert Unpaired().fit(halves(x, y, paired=100)).weight_ == 0


def test_only_the_first_complete_records_are_used_as_pairs() -> None:
    x, y = shape(60), turned(shape(60))
    scrambled = y.copy()
    scrambled[9:] = y[9:][np.random.default_rng(7).permutation(51)]
    nine = (Unpaired(seeds=9).fit({"a": x, "b": z}) for z in (y, scrambled))
    first, second = (cosines(one, x, y) for one in nine)
    assert np.abs(first - second).max() < 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_unrelated_clouds_are_refused(seed) -> None:
    rng = np.random.default_rng(seed)
    scale = np.arange(1, 31) ** -0.6
    views = {m: rng.normal(size=(80, 30)) * scale for m in ("a", "b")}
    with pytest.raises(NoSignalError, match=r"a and b cannot be .*gain .* agree to .*check=False"):
        Unpaired(seeds=0).fit(views)


def test_a_shape_that_fits_passes_and_the_evidence_is_kept() -> None:
    x = shape(150)
    health = Unpaired(seeds=0).fit({"a": x, "b": turned(x)}).health_
    assert health is not None
    assert health.passes
    assert health.excess == pytest.approx(health.cosine - health.surrogate)
    assert Unpaired().fit({"a": x, "b": turned(x)}).health_ is None


@pytest.mark.parametrize(
    ("change", "passes"),
    [({}, True), ({"p": 0.06}, False), ({"cosine": 0.62}, False), ({"agreement": 0.4}, False)],
)
def test_every_figure_must_suffice(change, passes) -> None:
    figures = {"cosine": 0.7, "surrogate": 0.6, "spread": 0.01, "p": 0.01, "agreement": 0.8}
    assert Health(**{**figures, "surrogate_agreement": 0.1, **change}).passes is passes


def test_surrogates_keep_the_spectrum_but_not_the_distances() -> None:
    y = unit(shape(300), 8)
    y -= y.mean(axis=0)
    y = y @ np.linalg.svd(y, full_matrices=False)[2].T
    fake = surrogate(y, np.random.default_rng(0))
    assert np.allclose(fake.T @ fake, y.T @ y, atol=1e-8)
    real, found = (np.linalg.norm(z[:50, None] - z[None, :50], axis=2) for z in (y, fake))
    assert np.corrcoef(real.ravel(), found.ravel())[0, 1] < 0.95


def test_health_is_the_same_each_time() -> None:
    x, y = shape(80), turned(shape(80, seed=3))
    assert examine(x, y, 0) == examine(x, y, 0)


def test_a_plan_sends_a_turned_row_to_itself_and_has_the_sums_it_promises() -> None:
    x = shape(60)
    plan = soft_match(unit(x, 8), unit(turned(x), 8), steps=30, seed=0)
    assert (plan.argmax(axis=1) == np.arange(60)).mean() > 0.85
    oblong = soft_match(unit(x[:30], 8), unit(shape(50, seed=2), 8), steps=10, seed=0)
    assert np.allclose(oblong.sum(axis=0), np.sqrt(30 / 50))
    assert oblong.sum() == pytest.approx(np.sqrt(30 * 50))


def test_similarity_depends_on_the_order_of_cosines_alone() -> None:
    x = unit(shape(40), 8)
    assert np.allclose(similarity(x), similarity(x @ np.linalg.qr(np.random.rand(8, 8))[0]))
    assert np.linalg.norm(similarity(x)) == pytest.approx(np.sqrt(40))
    assert not similarity(x).diagonal().any()


def test_the_rotation_of_a_turned_cloud_is_that_of_procrustes() -> None:
    from scipy.linalg import orthogonal_procrustes

    x = shape(120)
    y = turned(x)
    expected, _ = orthogonal_procrustes(unit(x, 8), unit(y, 8))
    assert np.allclose(polar(unit(x, 8).T @ unit(y, 8)), expected)
    found = coarse_rotation(x, y, 8, limit=200, steps=30, seed=0)
    assert np.einsum("ij,ij->i", unit(x, 8) @ found, unit(y, 8)).mean() > 0.99


def test_many_rows_are_stood_for_by_centroids() -> None:
    x = shape(500)
    centroids = representatives(x, 60, 0)
    assert 40 <= len(centroids) <= 60
    assert representatives(x, 500, 0) is x


def test_hungarian_matches_are_one_to_one_also_in_blocks() -> None:
    x = unit(np.random.default_rng(8).normal(size=(2300, 4)), 4)
    left, right = hungarian(x, x[:1500])
    assert len(left) == len(set(left)) == len(set(right)) == 1500
    left, right = hungarian(x[:50], x[:50])
    assert (left == right).all()


def test_what_cannot_be_used_is_refused() -> None:
    x = shape(60)
    with pytest.raises(DataError, match=r"0 records have both a and b.*seeds=0"):
        Unpaired().fit(halves(x, x))
    with pytest.raises(DataError, match=r"exactly 2 views, got 3 \(a, b, c\)"):
        Unpaired().fit({"a": x, "b": x, "c": x})
    with pytest.raises(DataError, match=r"b: 30 rows are too few .* at least 40"):
        Unpaired(seeds=0).fit(PairedVectors({"a": x, "b": x}, {"b": np.arange(60) < 30}))
    with pytest.raises(InputError, match="None, 0 or at least 2, got 1"):
        Unpaired(seeds=1)
    with pytest.raises(InputError, match="rows must be at least 40, got 3"):
        make("unpaired", rows=3)
