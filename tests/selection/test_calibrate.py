from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import ArtifactError, InputError
from isthmus.core.paired import PairedVectors
from isthmus.core.view import Direction
from isthmus.metrics.calibration import expected_calibration_error
from isthmus.selection import align
from isthmus.selection.calibrate import (
    FALSE_REJECTION_RATE,
    OUT_OF_DISTRIBUTION_QUANTILE,
    HeldOut,
    calibrate,
    fit_calibration,
    partner_depth,
    shown_hits,
)
from isthmus.selection.folds import Folds
from isthmus.selection.race import Candidate, fit
from isthmus.space import Space
from isthmus.space.calibration import Background, Calibration


def fold(n: int = 80, seed: int = 0, strength: float = 1.0) -> HeldOut:
    """Cosines of true pairs around .6, of false ones around 0."""
    rng = np.random.default_rng(seed)
    cosine = rng.normal(0, 0.2, size=(n, n)) + strength * 0.6 * np.eye(n)
    nearest, familiar, hubness = rng.uniform(0.1, 0.3, size=(3, n))
    native = rng.uniform(0.4, 0.9, size=n)
    return HeldOut(
        cosine.astype(np.float32),
        hubness.astype(np.float32),
        Background(*(x.astype(np.float32) for x in (nearest, familiar, native))),
    )


@pytest.fixture(scope="module")
def learned() -> Calibration:
    return fit_calibration([fold(seed=seed) for seed in range(5)])


def test_probabilities_mean_what_they_say_on_a_fold_never_seen(learned: Calibration) -> None:
    new = fold(seed=99)
    p = learned.probability(new.cosine, new.hubness, new.background)
    assert p.shape == (80, 80) and p.dtype == np.float32
    assert expected_calibration_error(*shown_hits(p)) < 0.03
    assert learned.ece["after"] < 0.02 < 0.1 < learned.ece["before"]
    assert float(p.sum(axis=1).mean()) == pytest.approx(1.0, abs=0.1)  # one of 80 belongs


def test_the_regression_agrees_with_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    seen = fold(n=60, seed=4)
    made = fit_calibration([seen, seen])
    cosine = seen.cosine.ravel()
    inputs = np.column_stack(
        [
            2 * cosine - np.repeat(seen.background.nearest, 60) - np.tile(seen.hubness, 60),
            np.repeat(seen.background.nearest, 60),
            np.repeat(seen.background.familiar, 60),
        ]
    )
    # Both folds are the same, so rows count twice; the penalty is 1e-3 of the true pairs.
    standard = np.concatenate([(inputs - inputs.mean(axis=0)) / inputs.std(axis=0)] * 2)
    truth = np.concatenate([np.eye(60).ravel()] * 2)
    model = linear.LogisticRegression(C=1 / (1e-3 * 120), tol=1e-10, max_iter=5000)
    expected = model.fit(standard, truth).predict_proba(standard[:3600])[:, 1].reshape(60, 60)
    found = made.probability(seen.cosine, seen.hubness, seen.background)
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("broad", [False, True])
def test_no_hit_is_likelier_than_one_of_a_higher_score(strength: float, broad: bool) -> None:
    """Broad queries mean hubs and what is least alike: free weights would put these first."""
    rng = np.random.default_rng(7)
    folds = []
    for seed in range(3):
        one = fold(seed=seed)
        hubness = rng.uniform(0, 1, size=80).astype(np.float32)
        breadth = np.repeat([0.0, 3.0], [60, 20]).astype(np.float32)
        relevant = (breadth[:, None] > 0) & (hubness[None] > 0.8) & (one.cosine < 0)
        relevant[np.diag_indices(60)] = True
        background = replace(one.background, breadth=breadth if broad else None)
        folds.append(replace(one, hubness=hubness, background=background, relevant=relevant))
    made = fit_calibration(folds, csls_strength=strength)
    new = folds[0]
    p = made.probability(new.cosine, new.hubness, new.background)
    order = np.argsort(-(2 * new.cosine - strength * new.hubness), axis=1)
    assert np.diff(np.take_along_axis(p, order, axis=1), axis=1).max() < 1e-5
    slopes = made.slope(), made.slope(3.0)
    assert min(slopes) > -1e-6
    assert slopes[0] > 10 if broad else slopes[0] < 1  # without breadth, nothing fits both kinds


def test_depth_is_the_mean_place_of_partners() -> None:
    nothing = Background(np.zeros(3, np.float32), np.zeros(3, np.float32))
    cosine = np.array([[0.9, 0.1, 0.2], [0.5, 0.1, 0.4], [0.3, 0.3, 0.3]], dtype=np.float32)
    one = HeldOut(cosine, np.zeros(3, np.float32), nothing)
    assert partner_depth([one]) == 2.0  # places 1, 3, and 2 among three that are alike
    hubs = replace(one, hubness=np.array([0.9, 0.0, 0.0], dtype=np.float32))
    assert partner_depth([hubs]) == pytest.approx((1 + 2 + 1.5) / 3, abs=0.01)
    assert partner_depth([hubs], csls_strength=0.0) == 2.0


def test_it_is_pointwise(learned: Calibration) -> None:
    """A hit has the same probability alone as among others that are as good."""
    background = Background(*(np.full(1, x, dtype=np.float32) for x in (0.2, 0.2)))
    good, hub = np.full(10, 0.7, np.float32), np.full(10, 0.2, np.float32)
    ten = learned.probability(good, hub, background)
    one = learned.probability(good[:1], hub[:1], background)
    np.testing.assert_allclose(ten, one[0], atol=1e-6)
    assert one[0] > 0.8


def test_conformal_sets_hold_the_partner_as_often_as_asked(learned: Calibration) -> None:
    kept = []
    for seed in range(200, 230):
        new = fold(seed=seed)
        p = np.diagonal(learned.probability(new.cosine, new.hubness, new.background))
        kept.append(p >= learned.conformal(0.9))
    assert np.mean(kept) == pytest.approx(0.9, abs=0.03)
    few = replace(learned, true_probabilities=np.array([0.2, 0.4, 0.6]))
    assert few.conformal(0.75) == 0.2  # the first of three: floor(4 · 0.25) = 1
    assert few.conformal(0.9) == 0.0  # three pairs cannot promise it but by taking everything
    with pytest.raises(InputError, match="between 0 and 1"):
        learned.conformal(1.0)


def test_few_true_queries_are_refused_and_unlike_ones_are(learned: Calibration) -> None:
    folds = [fold(seed=seed) for seed in range(5)]
    outside = np.concatenate([learned.out_of_distribution(f.background) for f in folds])
    assert outside.mean() == pytest.approx(OUT_OF_DISTRIBUTION_QUANTILE, abs=0.01)
    best = np.concatenate(
        [learned.probability(f.cosine, f.hubness, f.background).max(axis=1) for f in folds]
    )
    assert (best < learned.threshold).mean() == pytest.approx(FALSE_REJECTION_RATE, abs=0.01)
    values = [np.full(1, x, dtype=np.float32) for x in (0.2, 0.2, 0.0)]
    sure = np.ones(1, dtype=np.float32)
    assert learned.is_out_of_distribution(Background(*values))
    assert not learned.matches(sure, Background(*values))
    assert learned.matches(sure, Background(*values[:2], np.full(1, 0.9, dtype=np.float32)))
    assert not learned.matches(sure[:0], Background(*values))


def test_native_nearness_is_used_only_where_it_is_known(learned: Calibration) -> None:
    near, far = (np.full(1, x, dtype=np.float32) for x in (0.9, -0.9))
    assert learned.is_out_of_distribution(Background(near, far))
    assert not learned.is_out_of_distribution(Background(near, far, near))
    assert replace(learned, least_native=None).is_out_of_distribution(Background(near, far, near))


def test_it_survives_json(learned: Calibration) -> None:
    again = Calibration.from_json(learned.to_json())
    np.testing.assert_array_equal(again.weights, learned.weights)
    assert (again.least_native, again.threshold) == (learned.least_native, learned.threshold)
    short = {key: value for key, value in learned.to_json().items() if key != "least_native"}
    with pytest.raises(ArtifactError, match="the key 'least_native' is missing"):
        Calibration.from_json(short)


def pairs(n: int, seed: int = 0) -> PairedVectors:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 6))
    dims = {"image": 24, "text": 16}
    return PairedVectors(
        {m: z @ rng.normal(size=(6, d)) + 0.6 * rng.normal(size=(n, d)) for m, d in dims.items()}
    )


def test_a_space_carries_its_calibration_and_tells_unlike_queries(tmp_path: Path) -> None:
    rows = pairs(260)
    space = align(rows.take(np.arange(200)), aligner="ridge", nested=False)
    loaded = Space.load(space.save(tmp_path / "s"))
    assert set(loaded.calibration) == {Direction("image", "text"), Direction("text", "image")}
    text, image = (rows.vectors[m][200:] for m in ("text", "image"))
    x, y = loaded.transform(text, "text"), loaded.transform(image, "image")
    background = loaded.query_background(x, "text", "image", text)
    column = loaded.views.index("text")
    made = loaded.calibration[Direction("text", "image")]
    p = made.probability(x @ y.T, loaded.hubness(y, "image")[:, column], background)
    assert expected_calibration_error(*shown_hits(p)) < 0.06
    assert (np.diagonal(p) >= made.conformal(0.9)).mean() > 0.8
    odd = np.random.default_rng(0).normal(size=(60, 16)).astype(np.float32)
    outside = made.out_of_distribution(
        loaded.query_background(loaded.transform(odd, "text"), "text", "image", odd)
    )
    assert outside.mean() > 2 * made.out_of_distribution(background).mean()
    np.testing.assert_allclose(loaded.native_banks["text"], space.native_banks["text"], atol=1e-3)


def test_too_few_pairs_stay_uncalibrated() -> None:
    rows = pairs(30)
    folds = Folds(rows, np.arange(30) % 3)
    parts = [
        (
            fit(Candidate("ridge"), folds.without(f)),
            rows.take(folds.train(f)),
            rows.take(folds.held(f)),
        )
        for f in range(3)
    ]
    assert calibrate(parts) == {}


def test_among_more_items_the_odds_fall_by_the_root_of_how_many_more(learned: Calibration) -> None:
    background = Background(*(np.full(1, x, dtype=np.float32) for x in (0.2, 0.2)))
    hit, hub = np.full(1, 0.5, np.float32), np.full(1, 0.2, np.float32)

    def odds(size: int | None) -> float:
        p = float(learned.probability(hit, hub, background, size)[0])
        return p / (1 - p)

    assert learned.gallery == 80
    assert odds(80) == pytest.approx(odds(None), rel=1e-5)
    assert odds(80) / odds(1 + 79 * 100) == pytest.approx(10, rel=1e-3)
    # What passes for a match, and what is in a conformal set, does not depend on the size.
    p = float(learned.probability(hit, hub, background, 5000)[0])
    plain = float(learned.probability(hit, hub, background)[0])
    assert (p >= learned.threshold_among(5000)) == (plain >= learned.threshold)
    assert (p >= learned.conformal(0.9, 5000)) == (plain >= learned.conformal(0.9))
    ratio = learned.threshold_among(1 + 79 * 4) / (1 - learned.threshold_among(1 + 79 * 4))
    assert ratio == pytest.approx(learned.threshold / (1 - learned.threshold) / 2)


def test_the_scale_of_classes_is_kept_and_older_documents_have_none(learned: Calibration) -> None:
    known = replace(learned, class_scale=12.5)
    document = known.to_json()
    assert Calibration.from_json(document).class_scale == 12.5
    del document["class_scale"]
    assert Calibration.from_json(document).class_scale is None
    with pytest.raises(ArtifactError, match="class_scale"):
        Calibration.from_json({**document, "class_scale": -1.0})
