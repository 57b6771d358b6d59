import numpy as np
import pytest

from isthmus.aligners import CCA, KernelCCA, MLPHead
from isthmus.aligners.kernel import Centres, HiddenLayer, in_canonical_order
from isthmus.core.errors import InputError
from isthmus.core.linalg import l2_normalize
from isthmus.core.paired import PairedVectors


def curved(n: int, seed: int = 0, noise: float = 0.1) -> dict[str, np.ndarray]:
    """One side sees an angle, the other what lies opposite on a folded circle: not linear."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    a = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    b = np.stack([np.cos(2 * angle), np.sin(2 * angle)], axis=1)
    return {"a": a + noise * rng.normal(size=a.shape), "b": b + noise * rng.normal(size=b.shape)}


def recall(aligner, pairs, k: int) -> float:
    scores = aligner.transform(pairs["a"], "a") @ aligner.transform(pairs["b"], "b").T
    better = (scores > scores.diagonal()[:, None]).sum(axis=1)
    return float((better < k).mean())


def test_finds_what_no_linear_map_can() -> None:
    train, held = curved(300), curved(100, seed=1)
    assert recall(CCA().fit(train), held, 10) < 0.2
    assert recall(KernelCCA(ridge=0.1).fit(train), held, 10) > 0.7


def test_the_components_have_the_centred_kernel_as_their_inner_products() -> None:
    x = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    layer = HiddenLayer.around(Centres.among(x, 100), sharpness=3.0, linear=0.3)
    unit = l2_normalize(x - x.mean(axis=0, dtype=np.float64))
    cosines = unit @ unit.T
    expected = np.exp(3.0 * (cosines - 1)) + 0.3 * cosines
    found = layer(x) - layer(x).mean(axis=0)
    middle = np.eye(30) - 1 / 30
    assert np.abs(found @ found.T - middle @ expected @ middle).max() < 1e-4
    covariance = found.T @ found
    assert np.abs(covariance - np.diag(np.diagonal(covariance))).max() < 1e-5


def test_it_is_cca_of_the_kernel_components() -> None:
    pairs = in_canonical_order(PairedVectors(curved(80)))
    aligner = KernelCCA(ridge=0.5, power=1.0)
    layers = aligner.layers(pairs)
    parts = {m: layers[m](x) for m, x in pairs.vectors.items()}
    cca = CCA(ridge=0.5, power=1.0).fit(parts)
    aligner.fit(pairs)
    for m in ("a", "b"):
        expected = cca.transform(parts[m], m)
        gap = np.abs(aligner.transform(pairs.vectors[m], m) - expected).max()
        assert gap < 1e-4, "float32 weights of the head lose nothing that matters"


def test_mostly_linear_units_give_linear_cca() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(400, 3))
    views = {m: l2_normalize(z @ rng.normal(size=(3, 6))) for m in "ab"}
    kernel = KernelCCA(ridge=1e-4, power=1.0, linear=1e4, max_centres=400).fit(views)
    a, b = (kernel.transform(views[m], m) for m in "ab")
    assert float((a * b).sum(axis=1).mean()) > 0.9


def test_more_rows_than_centres_still_count() -> None:
    train, held = curved(600), curved(100, seed=1)
    few = KernelCCA(ridge=0.1, max_centres=40).fit(train)
    head = few.heads_["a"]
    assert isinstance(head, MLPHead)
    assert head.centres.shape == (40, 2)
    alone = KernelCCA(ridge=0.1).fit({m: x[:40] for m, x in train.items()})
    assert recall(few, held, 10) > recall(alone, held, 10)


def test_missing_rows_are_neither_centres_nor_pairs() -> None:
    views = curved(100)
    mask = np.arange(100) % 4 > 0
    junk = {**views, "b": np.where(mask[:, None], views["b"], np.nan)}
    aligner = KernelCCA(ridge=0.1).fit(PairedVectors(junk, {"b": mask}))
    assert len(aligner.heads_["a"].centres) == 100
    assert len(aligner.heads_["b"].centres) == 75


def test_canonical_order_is_by_content() -> None:
    pairs = PairedVectors(curved(50), ids=[str(i) for i in range(50)])
    shuffled = pairs.take(np.random.default_rng(2).permutation(50))
    first, second = in_canonical_order(pairs), in_canonical_order(shuffled)
    assert first.ids == second.ids != pairs.ids
    assert np.array_equal(first.vectors["a"], second.vectors["a"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ridge": 0}, "ridge must be positive"),
        ({"power": -1}, "power must not be negative"),
        ({"sharpness": 0}, "sharpness must be positive"),
        ({"linear": -0.1}, "linear must not be negative"),
        ({"max_components": 0}, "max_components must be at least 1"),
        ({"max_centres": 1}, "max_centres must be at least 2"),
    ],
)
def test_what_it_refuses(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        KernelCCA(**wrong)


def test_leading_components_are_those_of_the_whole_decomposition() -> None:
    x = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    options = {"sharpness": 2.0, "linear": 0.0}
    whole = HiddenLayer.around(Centres.among(x, 100), **options)
    part = HiddenLayer.around(Centres.among(x, 100), components=10, **options)
    assert whole.components.shape[1] > 10 and part.components.shape[1] == 10
    signs = np.sign((whole.components[:, -10:] * part.components).sum(axis=0))
    np.testing.assert_allclose(part.components * signs, whole.components[:, -10:], atol=1e-8)
