import numpy as np
import pytest

from isthmus.aligners import Anchors
from isthmus.core.errors import DataError, InputError
from isthmus.core.paired import PairedVectors


def views(n: int = 60, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n, 4))
    return {
        m: (latent @ rng.normal(size=(4, d)) + 0.2 * rng.normal(size=(n, d))).astype(np.float32)
        for m, d in {"text": 7, "image": 5}.items()
    }


def naive(x: np.ndarray, train: np.ndarray, k: int, power: float) -> np.ndarray:
    """The representation of ASIF row by row, as one reads it in the paper, on centred rows."""
    mean = train.mean(axis=0)
    out = []
    for row in x:
        similarities = []
        for anchor in train:
            a, b = row - mean, anchor - mean
            similarities.append(max(0.0, a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
        kept = sorted(similarities, reverse=True)[k - 1]
        sparse = [s**power if s >= kept else 0.0 for s in similarities]
        out.append(np.array(sparse) / np.linalg.norm(sparse))
    return np.array(out)


@pytest.mark.parametrize(("k", "power"), [(10, 1.0), (25, 8.0), (60, 3.0)])
def test_equals_a_naive_asif(k, power) -> None:
    pairs = views()
    held = views(seed=1)
    aligner = Anchors(k=k, power=power).fit(pairs)
    for m in pairs:
        expected = naive(held[m].astype(float), pairs[m].astype(float), k, power)
        assert np.abs(aligner.transform(held[m], m) - expected).max() < 1e-5


def test_worked_by_hand() -> None:
    square = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    aligner = Anchors(k=2, power=2).fit({"a": square + 5, "b": square})
    found = aligner.transform(np.array([[8.0, 9.0]]), "a")  # (3, 4) about the mean: 0.6, 0.8
    expected = np.array([0.36, 0.64, 0, 0]) / np.hypot(0.36, 0.64)
    assert np.allclose(found, expected[None], atol=1e-6)
    alone = Anchors(k=2, power=2).fit({"a": square, "b": square[::-1]})
    assert np.allclose(alone.transform(square, "a"), np.eye(4), atol=1e-6)
    assert np.allclose(alone.transform(square, "b"), np.eye(4)[::-1], atol=1e-6)


def test_a_share_of_the_anchors() -> None:
    pairs = views(n=50)
    assert Anchors(k=0.4).fit(pairs).heads_["text"].k == 20
    assert Anchors(k=1).fit(pairs).heads_["text"].k == 50
    assert Anchors(k=0.001).fit(pairs).heads_["text"].k == 1
    assert Anchors(k=999).fit(pairs).heads_["text"].k == 50
    row = Anchors(k=7).fit(pairs).transform(pairs["text"], "text")
    assert (np.count_nonzero(row, axis=1) <= 7).all()


def test_high_powers_do_not_underflow() -> None:
    pairs = views()
    unit = Anchors(power=500).fit(pairs).transform(pairs["text"], "text")
    assert np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-5)
    assert (unit.argmax(axis=1) == np.arange(60)).all()


def test_anchors_are_records_with_everything_thinned_evenly() -> None:
    pairs = views()
    mask = np.arange(60) % 2 == 0
    aligner = Anchors(max_anchors=10).fit(PairedVectors(pairs, {"image": mask}))
    head = aligner.heads_["text"]
    complete = np.flatnonzero(mask)
    chosen = complete[np.linspace(0, 29, 10).round().astype(int)]
    centred = pairs["text"] - pairs["text"].mean(axis=0)  # the mean of all, not of the chosen
    expected = centred[chosen] / np.linalg.norm(centred[chosen], axis=1, keepdims=True)
    assert np.allclose(head.anchors, expected, atol=1e-5)
    image = aligner.heads_["image"]
    assert np.allclose(image.mean, pairs["image"][mask].mean(axis=0), atol=1e-6)


def test_what_cannot_be_anchored() -> None:
    pairs = views()
    with pytest.raises(DataError, match="2 records have all of text, image, anchors need at least"):
        Anchors().fit(PairedVectors(pairs, {"image": np.arange(60) < 2}))
    for params in ({"k": 0}, {"k": -3}, {"power": 0}, {"max_anchors": 2}):
        with pytest.raises(InputError, match=f"{next(iter(params))} must be"):
            Anchors(**params)
