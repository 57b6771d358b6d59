import numpy as np
import pytest

from isthmus.aligners import CCA, Anchors, Ensemble, Procrustes
from isthmus.core.errors import InputError
from isthmus.core.paired import PairedVectors


def views(n: int = 80, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n, 4))
    return {
        m: latent @ rng.normal(size=(4, d)) + 0.3 * rng.normal(size=(n, d))
        for m, d in {"text": 7, "image": 5}.items()
    }


def cosines(aligner, pairs) -> np.ndarray:
    return aligner.transform(pairs["text"], "text") @ aligner.transform(pairs["image"], "image").T


def spread(table: np.ndarray) -> float:
    """Standard deviation of the cosines of wrong pairs."""
    return float(table[~np.eye(len(table), dtype=bool)].std())


def test_cosines_are_the_weighted_mean_of_the_members() -> None:
    pairs, held = views(), views(seed=1)
    members = [CCA(), Anchors(), Procrustes()]
    given = np.array([1.0, 0.5, 2.0])
    ensemble = Ensemble(members, given).fit(pairs)
    weights = given / [spread(cosines(member, pairs)) for member in members]
    parts = [cosines(member, held) for member in members]
    expected = np.average(parts, axis=0, weights=weights)
    assert np.abs(cosines(ensemble, held) - expected).max() < 1e-5
    assert np.allclose(ensemble.heads_["text"].weights, weights / weights.sum(), rtol=1e-5)
    width = sum(member.heads_["text"].output_dim for member in members)
    assert ensemble.transform(pairs["text"], "text").shape == (80, width)


def test_every_member_moves_the_scores_equally() -> None:
    pairs = views()
    members = [CCA(power=0), Anchors(power=8)]
    ensemble = Ensemble(members).fit(pairs)
    moved = [
        weight * spread(cosines(member, pairs))
        for member, weight in zip(members, ensemble.heads_["text"].weights, strict=True)
    ]
    assert moved[0] == pytest.approx(moved[1], rel=1e-4)


def test_fitted_members_are_joined_as_they_are() -> None:
    pairs = views()
    members = [CCA().fit(pairs), Procrustes().fit(pairs)]
    before = [member.heads_["text"] for member in members]
    joined = Ensemble(members).combine(PairedVectors(pairs))
    assert joined.heads_["text"].parts == before
    assert np.allclose(cosines(joined, pairs), cosines(Ensemble(members).fit(pairs), pairs))


@pytest.mark.parametrize(
    ("members", "weights", "message"),
    [
        ([], None, "got 0 for 0"),
        ([CCA()], [1.0, 2.0], "got 2 for 1"),
        ([CCA()], [0.0], "weights must be positive"),
    ],
)
def test_wrong_members_and_weights(members, weights, message) -> None:
    with pytest.raises(InputError, match=message):
        Ensemble(members, weights)
