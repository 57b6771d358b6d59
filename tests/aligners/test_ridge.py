import numpy as np
import pytest
from sklearn import linear_model

from isthmus.aligners import Ridge
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import l2_normalize
from isthmus.core.paired import PairedVectors


def views(n: int = 200, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 7)) * np.arange(1, 8) + 3
    text = x @ rng.normal(size=(7, 5)) + rng.normal(size=(n, 5))
    return {"image": x.astype(np.float32), "text": text.astype(np.float32)}


@pytest.mark.parametrize("ridge", [0.01, 1.0, 10.0])
def test_equals_scikit_learn(ridge) -> None:
    pairs = views()
    x, y = (v.astype(np.float64) for v in pairs.values())
    aligner = Ridge(ridge=ridge, pivot="text").fit(pairs)
    # Their objective sums over rows, ours averages; our λ counts in mean eigenvalues.
    alpha = len(x) * ridge * x.var(axis=0).mean()
    model = linear_model.Ridge(alpha=alpha).fit(x, y)
    assert np.allclose(aligner.heads_["image"].weight, model.coef_.T, atol=1e-6)
    predicted = model.predict(x) - y.mean(axis=0)
    assert np.abs(aligner.transform(pairs["image"], "image") - l2_normalize(predicted)).max() < 1e-5


def test_the_space_is_that_of_the_hub_centred() -> None:
    pairs = views()
    aligner = Ridge().fit(pairs)
    text = pairs["text"]
    assert np.allclose(
        aligner.transform(text, "text"), l2_normalize(text - text.mean(0)), atol=1e-6
    )
    assert Ridge(pivot="image").fit(pairs).heads_["text"].output_dim == 7


def test_the_pivot_is_what_most_are_paired_with() -> None:
    rng = np.random.default_rng(0)
    vectors = {m: rng.normal(size=(30, 3)) for m in ("text", "sound", "touch")}
    masks = {"text": np.arange(30) < 15, "touch": np.arange(30) >= 15}
    pairs = PairedVectors(vectors, masks)
    aligner = Ridge().fit(pairs)
    assert np.array_equal(aligner.heads_["sound"].weight, np.eye(3))
    with pytest.raises(DataError, match="both touch and the pivot text; use CCA"):
        Ridge(pivot="text").fit(pairs)
    with pytest.raises(DataError, match="there is no view 'smell' for the pivot"):
        Ridge(pivot="smell").fit(pairs)


def test_batches_equal_one_fit_and_forgetting_undoes_them() -> None:
    pairs = PairedVectors(views())
    first, second = pairs.take(np.arange(120)), pairs.take(np.arange(120, 200))
    whole, part = Ridge().fit(pairs), Ridge().fit(first)
    both = Ridge().partial_fit(second).partial_fit(first)
    assert np.allclose(both.heads_["image"].weight, whole.heads_["image"].weight, atol=1e-6)
    both.forget(second)
    assert np.allclose(both.heads_["image"].weight, part.heads_["image"].weight, atol=1e-6)
    assert np.allclose(both.heads_["image"].mean, part.heads_["image"].mean, atol=1e-6)


def test_a_batch_may_bring_a_modality_of_its_own() -> None:
    first = views()
    text = first["text"][:50] + 1
    second = {"text": text, "sound": (text[:, :3] * 2 - 1)}
    aligner = Ridge(ridge=1e-6).fit(first).partial_fit(second)
    assert set(aligner.heads_) == {"image", "text", "sound"}
    mean, head = aligner.moments_.mean("sound"), aligner.heads_["sound"]
    predicted = (second["sound"] - mean) @ head.weight
    assert np.allclose(predicted[:, :3], text[:, :3] - text[:, :3].mean(0), atol=1e-3)


@pytest.mark.parametrize("ridge", [0.0, -1.0, float("nan"), float("inf")])
def test_the_penalty_must_be_positive(ridge) -> None:
    with pytest.raises(InputError, match="ridge must be positive"):
        Ridge(ridge=ridge)
