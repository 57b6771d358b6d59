import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from sklearn.decomposition import PCA

from isthmus.aligners import Procrustes
from isthmus.core.errors import InputError
from isthmus.core.linalg import l2_normalize
from isthmus.core.paired import PairedVectors


def views(n: int = 150, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n, 4)) * [4, 3, 2, 1]
    return {
        m: (latent @ rng.normal(size=(4, d)) + 0.3 * rng.normal(size=(n, d)) + 2).astype(np.float32)
        for m, d in {"text": 9, "image": 6}.items()
    }


@pytest.mark.parametrize("components", [2, 4, 6])
def test_equals_scipy_on_the_components_of_scikit_learn(components) -> None:
    pairs = views()
    aligner = Procrustes(components=components).fit(pairs)
    text, image = (
        PCA(components, svd_solver="full").fit_transform(x.astype(np.float64))
        for x in pairs.values()
    )
    rotation, _ = orthogonal_procrustes(image, text)
    expected = l2_normalize(image @ rotation) @ l2_normalize(text).T
    found = aligner.transform(pairs["image"], "image") @ aligner.transform(pairs["text"], "text").T
    assert np.abs(found - expected).max() < 1e-5


def test_heads_are_orthonormal_so_shapes_are_kept() -> None:
    pairs = views()
    aligner = Procrustes(components=5).fit(pairs)
    for head in aligner.heads_.values():
        assert np.allclose(head.weight.T @ head.weight, np.eye(5), atol=1e-5)


def test_a_rotated_copy_is_rotated_back() -> None:
    text = views()["text"]
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(9, 9)))[0]
    pairs = {"text": text, "copy": (text @ turn).astype(np.float32)}
    aligner = Procrustes().fit(pairs)
    assert aligner.heads_["copy"].output_dim == 9
    difference = aligner.transform(text, "text") - aligner.transform(pairs["copy"], "copy")
    assert np.abs(difference).max() < 1e-4


def test_components_are_capped_by_the_smallest_rank() -> None:
    pairs = views()
    pairs["image"] = pairs["image"][:, [0, 1, 1, 0]]
    assert Procrustes(components=50).fit(pairs).heads_["text"].output_dim == 2
    with pytest.raises(InputError, match="at least 1, got 0"):
        Procrustes(components=0)


def test_batches_in_any_order_equal_one_fit() -> None:
    pairs = PairedVectors(views())
    whole = Procrustes(components=4).fit(pairs)
    batched = Procrustes(components=4)
    for part in np.array_split(np.random.default_rng(2).permutation(150), 4):
        batched.partial_fit(pairs.take(part))
    for m, x in pairs.vectors.items():
        assert np.abs(batched.transform(x, m) - whole.transform(x, m)).max() < 1e-4
