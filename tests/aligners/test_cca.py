import numpy as np
import pytest
import scipy.linalg
from cca_zoo import linear as cca_zoo

from isthmus.aligners import CCA
from isthmus.aligners.closed import cca as module
from isthmus.core.errors import DataError, InputError, NoSignalError, NotFittedError
from isthmus.core.paired import PairedVectors
from isthmus.moments import Moments


def views(n: int = 300, dims=(8, 6), *, seed: int = 0, noise: float = 1.0) -> dict:
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n, 4)) * [2.0, 1.5, 1.0, 0.7]
    out = {}
    for name, d in zip("xyzw", dims, strict=False):
        x = latent @ rng.normal(size=(4, d)) + noise * rng.normal(size=(n, d)) + rng.normal(size=d)
        out[name] = x.astype(np.float32)
    return out


def centred(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return x - x.mean(axis=0)


def scores(cca: CCA, pairs: dict, m: str) -> np.ndarray:
    """Canonical variates, before rows are normalised."""
    return centred(pairs[m]) @ cca.heads_[m].weight.astype(np.float64)


def column_agreement(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Absolute cosine of each column with its partner: signs and lengths are free."""
    return np.abs((a * b).sum(0)) / (np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0))


def penalised(x: np.ndarray, ridge: float) -> np.ndarray:
    c = centred(x).T @ centred(x) / len(x)
    return c + ridge * np.trace(c) / len(c) * np.eye(len(c))


def generalised(pairs: dict, ridge: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The block eigenproblem of the textbooks, solved by LAPACK; descending."""
    n = len(pairs["x"])
    stacked = np.hstack([centred(x) for x in pairs.values()])
    within = scipy.linalg.block_diag(*(penalised(x, ridge) for x in pairs.values()))
    mask = scipy.linalg.block_diag(*(np.ones((x.shape[1],) * 2) for x in pairs.values()))
    between = stacked.T @ stacked / n * (1 - mask)
    eigenvalues, vectors = scipy.linalg.eigh(between, within)
    ends = np.cumsum([x.shape[1] for x in pairs.values()])[:-1]
    parts = np.split(vectors[:, ::-1], ends)
    return eigenvalues[::-1], dict(zip(pairs, parts, strict=True))


@pytest.mark.parametrize("ridge", [1e-9, 0.3, 3.0])
def test_two_views_solve_the_textbook_eigenproblem(ridge) -> None:
    pairs = views()
    cca = CCA(ridge=ridge, power=0).fit(pairs)
    eigenvalues, vectors = generalised(pairs, ridge)
    assert len(cca.correlations_) == 6
    assert np.allclose(cca.correlations_, eigenvalues[:6], atol=1e-6)
    for m in pairs:
        expected = centred(pairs[m]) @ vectors[m][:, :6]
        assert column_agreement(scores(cca, pairs, m), expected).min() > 1 - 1e-6


def test_plain_cca_equals_cca_zoo() -> None:
    pairs = views()
    cca = CCA(ridge=1e-9, power=0).fit(pairs)
    theirs = cca_zoo.CCA(n_components=6).fit_transform([pairs["x"].astype(float), pairs["y"]])
    correlations = [np.corrcoef(theirs[0][:, i], theirs[1][:, i])[0, 1] for i in range(6)]
    assert np.allclose(cca.correlations_, correlations, atol=1e-6)
    for m, z in zip(pairs, theirs, strict=True):
        assert column_agreement(scores(cca, pairs, m), z).min() > 1 - 1e-6


def shrinkages(pairs: dict, ridge: float) -> list[float]:
    """cca-zoo's ``(1 − c)·S + c·I``, S over n − 1, for our ``C + λ·tr(C)/d·I``, C over n."""
    out = []
    for x in pairs.values():
        penalty = ridge * np.var(centred(x), axis=0).mean() * len(x) / (len(x) - 1)
        out.append(penalty / (1 + penalty))
    return out


@pytest.mark.parametrize("ridge", [0.1, 1.0])
def test_regularised_cca_equals_cca_zoo(ridge) -> None:
    pairs = views()
    cca = CCA(ridge=ridge, power=0).fit(pairs)
    model = cca_zoo.RidgeCCA(n_components=6, shrinkage=shrinkages(pairs, ridge))
    theirs = model.fit_transform([x.astype(float) for x in pairs.values()])
    for m, z in zip(pairs, theirs, strict=True):
        assert column_agreement(scores(cca, pairs, m), z).min() > 1 - 1e-6


def test_three_views_solve_the_block_eigenproblem() -> None:
    pairs = views(dims=(7, 6, 5))
    cca = CCA(ridge=0.5, power=0, components=4).fit(pairs)
    eigenvalues, vectors = generalised(pairs, 0.5)
    assert np.allclose(cca.correlations_, eigenvalues[:4] / 2, atol=1e-6)
    ours = np.vstack([scores(cca, pairs, m) for m in pairs])
    expected = np.vstack([centred(pairs[m]) @ vectors[m][:, :4] for m in pairs])
    # Stacked, so that the share of each view in a direction must agree too.
    assert column_agreement(ours, expected).min() > 1 - 1e-6


def test_three_views_equal_mcca_of_cca_zoo() -> None:
    pairs = views(dims=(7, 6, 5))
    n, penalty = 300, 0.8
    ridge = {m: penalty * (n - 1) / n / np.var(centred(x), axis=0).mean() for m, x in pairs.items()}
    cca = CCA(ridge=ridge, power=0, components=4).fit(pairs)
    model = cca_zoo.MCCA(n_components=4, shrinkage=penalty / (1 + penalty))
    theirs = model.fit_transform([x.astype(float) for x in pairs.values()])
    ours = np.vstack([scores(cca, pairs, m) for m in pairs])
    assert column_agreement(ours, np.vstack(theirs)).min() > 1 - 1e-6


@pytest.mark.parametrize("dims", [(8, 6), (8, 6, 5), (8, 6, 5, 4)])
def test_sides_that_never_meet_give_the_eigenvectors_of_the_whole(monkeypatch, dims) -> None:
    """Two views, or several that meet through ``y`` alone: one SVD replaces the eigenproblem."""
    pairs = views(dims=dims)
    spokes = [m for m in pairs if m != "y"]
    which = np.arange(300) % len(spokes)
    rows = PairedVectors(pairs, {m: which == i for i, m in enumerate(spokes)})
    assert len(dims) == 2 or not len(rows.rows("x", "z"))
    by_svd = CCA(ridge=0.5).fit(rows)
    monkeypatch.setattr(module, "_sides", lambda *_: None)
    by_eigh = CCA(ridge=0.5).fit(rows)
    assert np.allclose(by_eigh.correlations_, by_svd.correlations_, atol=1e-10)
    for m, x in pairs.items():
        cosines = [c.transform(x, m) @ c.transform(pairs["y"], "y").T for c in (by_eigh, by_svd)]
        assert np.abs(cosines[0] - cosines[1]).max() < 1e-5


def test_three_views_that_all_meet_have_no_sides() -> None:
    names = ("x", "y", "z")
    assert module._sides(names, [("x", "y"), ("x", "z"), ("y", "z")]) is None
    assert module._sides(names, [("x", "z"), ("y", "z")]) == (["x", "y"], ["z"])
    assert module._sides(("w", *names), [("w", "x"), ("y", "z")]) == (["w", "y"], ["x", "z"])


def test_ridge_is_relative_to_the_mean_eigenvalue() -> None:
    pairs = views()
    scaled = {"x": pairs["x"] * np.float32(256), "y": pairs["y"]}
    first, second = CCA(ridge=2.0).fit(pairs), CCA(ridge=2.0).fit(scaled)
    assert np.allclose(first.correlations_, second.correlations_, atol=1e-9)
    assert (
        np.abs(first.transform(pairs["x"], "x") - second.transform(scaled["x"], "x")).max() < 1e-4
    )
    assert CCA(ridge=20.0).fit(pairs).correlations_[0] < first.correlations_[0] < 1


def test_one_ridge_for_each_modality() -> None:
    pairs = views()
    same = CCA(ridge={"x": 2.0, "y": 2.0}).fit(pairs)
    assert np.array_equal(same.correlations_, CCA(ridge=2.0).fit(pairs).correlations_)
    mixed = CCA(ridge={"x": 1e-9, "y": 5.0}, power=0).fit(pairs)
    whitened = mixed.heads_["x"].weight.T @ penalised(pairs["x"], 0) @ mixed.heads_["x"].weight
    assert np.allclose(whitened, np.eye(6), atol=1e-4)
    with pytest.raises(InputError, match="but not y"):
        CCA(ridge={"x": 1.0}).fit(pairs)


def test_scale_standardises_columns() -> None:
    pairs = views()
    rng = np.random.default_rng(1)
    uneven = {m: x * rng.uniform(0.1, 10, x.shape[1]).astype(np.float32) for m, x in pairs.items()}
    by_hand = {m: ((x - x.mean(0)) / x.std(0)).astype(np.float32) for m, x in uneven.items()}
    scaled, plain = CCA(scale=True).fit(uneven), CCA().fit(by_hand)
    assert np.allclose(scaled.correlations_, plain.correlations_, atol=1e-6)
    for m in pairs:
        found, expected = scaled.transform(uneven[m], m), plain.transform(by_hand[m], m)
        agreement = column_agreement(found.astype(float), expected.astype(float))
        assert agreement[:4].min() > 1 - 1e-5
    assert not np.allclose(CCA().fit(uneven).correlations_, plain.correlations_, atol=1e-2)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_directions_are_weighted_by_powers_of_their_correlation(power) -> None:
    pairs = views()
    plain, weighted = CCA(power=0).fit(pairs), CCA(power=power).fit(pairs)
    for m in pairs:
        ratio = weighted.heads_[m].weight / plain.heads_[m].weight
        expected = np.broadcast_to(plain.correlations_**power, ratio.shape)
        assert np.allclose(ratio, expected, rtol=1e-4)


def test_components_keep_the_leading_directions() -> None:
    pairs = views()
    whole, few = CCA().fit(pairs), CCA(components=2).fit(pairs)
    assert np.array_equal(few.correlations_, whole.correlations_[:2])
    assert np.array_equal(few.heads_["x"].weight, whole.heads_["x"].weight[:, :2])
    assert CCA(components=99).fit(pairs).heads_["x"].output_dim == 6


def test_a_search_over_powers_decomposes_once(monkeypatch) -> None:
    moments = Moments.of(PairedVectors(views()))
    calls = []
    original = module._canonical
    monkeypatch.setattr(module, "_canonical", lambda *a, **k: calls.append(1) or original(*a, **k))
    for power in (0, 1, 2):
        CCA(ridge=0.5, power=power).fit_moments(moments)
    CCA(ridge=1.5).fit_moments(moments)
    assert len(calls) == 2


def test_views_that_never_meet_are_joined_by_a_third() -> None:
    pairs = views(n=900, dims=(8, 7, 6), noise=0.2)
    which = np.arange(900) % 3
    masks = {"x": which != 0, "z": which != 1}  # x–y and y–z are seen, x–z never
    train = PairedVectors(pairs, masks).take(np.arange(750)[which[:750] != 2])
    assert len(train.rows("x", "z")) == 0
    cca = CCA(ridge=0.1).fit(train)
    held = {m: x[750:] for m, x in pairs.items()}
    cosines = cca.transform(held["x"], "x") @ cca.transform(held["z"], "z").T
    assert (cosines.argmax(axis=1) == np.arange(150)).mean() > 0.5


def test_batches_and_shards_equal_one_fit() -> None:
    pairs = PairedVectors(views(dims=(8, 6, 5)))
    whole = CCA().fit(pairs)
    batched = CCA()
    for start in range(0, 300, 70):
        batched.partial_fit(pairs.take(np.arange(start, min(start + 70, 300))))
    shards = [Moments.of(pairs.take(np.arange(300) % 4 == i)) for i in (2, 0, 3, 1)]
    summed = CCA().fit_moments(sum(shards[1:], shards[0]))
    for other in (batched, summed):
        assert np.allclose(other.correlations_, whole.correlations_, atol=1e-10)
        for m, x in pairs.vectors.items():
            assert np.abs(other.transform(x, m) - whole.transform(x, m)).max() < 1e-4


@pytest.mark.parametrize("scale", [False, True])
def test_rows_that_were_never_there_are_not_forgotten(scale) -> None:
    pairs, strangers = views(), views(seed=1)
    pairs, strangers = PairedVectors(pairs), PairedVectors({m: 9 * x for m, x in strangers.items()})
    some, others = pairs.take(np.arange(140)), strangers.take(np.arange(140))
    wrong = [
        Moments.of(pairs) - Moments.of(some) - Moments.of(some),
        Moments.of(pairs) - Moments.of(others),
    ]
    for moments in wrong:
        with pytest.raises(DataError, match="never there, or twice"):
            CCA(scale=scale).fit_moments(moments)
    cca = CCA(scale=scale).fit(pairs)
    with pytest.raises(DataError, match="never there, or twice"):
        cca.forget(others)
    assert cca.moments_.count("x") == len(pairs)  # as it was


def test_forgotten_rows_were_never_seen() -> None:
    pairs = PairedVectors(views())
    kept, gone = pairs.take(np.arange(250)), pairs.take(np.arange(250, 300))
    never, forgot = CCA().fit(kept), CCA().fit(pairs).forget(gone)
    assert np.allclose(forgot.correlations_, never.correlations_, atol=1e-10)
    for m, x in pairs.vectors.items():
        assert np.abs(forgot.transform(x, m) - never.transform(x, m)).max() < 1e-4
    with pytest.raises(NotFittedError, match="has not seen any rows"):
        CCA().forget(gone)


def test_a_fit_that_fails_changes_nothing() -> None:
    pairs = PairedVectors(views())
    cca = CCA().fit(pairs)
    before = cca.transform(pairs.vectors["x"], "x"), cca.moments_.fingerprint
    with pytest.raises(DataError, match="x shares 0 records"):
        cca.forget(pairs)
    assert np.array_equal(cca.transform(pairs.vectors["x"], "x"), before[0])
    assert cca.moments_.fingerprint == before[1]


def test_views_without_any_common_direction() -> None:
    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=float)
    with pytest.raises(NoSignalError, match="x, y do not vary together"):
        CCA().fit({"x": corners[:, :1], "y": corners[:, 1:]})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"ridge": 0}, "ridge must be positive, got 0"),
        ({"ridge": {"x": -1.0}}, "ridge must be positive"),
        ({"power": -1}, "power must not be negative"),
        ({"power": float("nan")}, "power must not be negative"),
        ({"components": 0}, "components must be at least 1"),
    ],
)
def test_wrong_hyper_parameters(params, message) -> None:
    with pytest.raises(InputError, match=message):
        CCA(**params)
