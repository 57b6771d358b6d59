from __future__ import annotations

import numpy as np
import pytest

from isthmus.aligners.base import SharedRows
from isthmus.aligners.onto import ONTO, Fixed, KernelOnto, ProcrustesOnto, RidgeOnto
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import l2_normalize
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.moments import Moments

FIXED = Fixed(("text", "image"), "space")


def records(n: int = 200, noise: float = 0.3, seed: int = 0) -> PairedVectors:
    """Texts and pictures in two cones of one space, and sounds that know the same."""
    rng = np.random.default_rng(seed)
    z, joint = rng.normal(size=(n, 6)), rng.normal(size=(6, 24))
    views = {
        view: l2_normalize(z @ joint + 4 * rng.normal(size=24) + noise * rng.normal(size=(n, 24)))
        for view in FIXED.views
    }
    sound = np.tanh(z @ rng.normal(size=(6, 16))) + noise * rng.normal(size=(n, 16))
    return PairedVectors({**views, "audio": sound})


@pytest.mark.parametrize("kind", ONTO)
def test_fixed_views_stay_and_the_new_one_finds_them(kind: type) -> None:
    pairs = records()
    fitted = kind(FIXED).fit(pairs.take(np.arange(140)))
    held = pairs.take(np.arange(140, 200))
    for view in FIXED.views:
        found = fitted.transform(held.vectors[view], view)
        np.testing.assert_allclose(found, held.vectors[view], atol=1e-6)
        scores = fitted.transform(held.vectors["audio"], "audio") @ held.vectors[view].T
        for each in (scores, scores.T):
            first = (each > np.diagonal(each)[:, None]).sum(axis=1) < 5
            assert first.mean() > 0.6  # chance: 5 of 60


@pytest.mark.parametrize("kind", ONTO)
def test_the_projection_is_what_fit_gives(kind: type) -> None:
    pairs = records()
    aligner, memo = kind(FIXED), Memo()
    project = aligner.projection(pairs, memo)
    fitted = kind(FIXED).fit(pairs)
    for view in pairs.views:
        x = pairs.vectors[view][:20]
        np.testing.assert_allclose(
            project(SharedRows(x), view), fitted.transform(x, view), atol=1e-5
        )


def test_ridge_is_the_regression_on_all_pairs_by_hand() -> None:
    """Every pair with a fixed view is one row of the regression."""
    pairs = records(60)
    ridge = 0.5
    head = RidgeOnto(FIXED, ridge, centred=True).fit(pairs).heads_["audio"]
    x = pairs.vectors["audio"].astype(np.float64)
    x = x - x.mean(axis=0)
    y = np.mean([pairs.vectors[view] for view in FIXED.views], axis=0)
    y = y - y.mean(axis=0)
    penalty = ridge * np.trace(x.T @ x) / x.shape[1]
    weight = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
    np.testing.assert_allclose(head.weight, weight, atol=1e-5)


def test_a_new_view_lands_in_the_cone_unless_it_is_centred() -> None:
    pairs = records()
    texts = pairs.vectors["text"]
    for kind in (RidgeOnto, ProcrustesOnto, KernelOnto):
        within, about = (
            kind(FIXED, centred=centred, target="text")
            .fit(pairs)
            .transform(pairs.vectors["audio"], "audio")
            for centred in (False, True)
        )
        cone = l2_normalize(texts.mean(axis=0, keepdims=True))[0]
        assert (within @ cone).mean() == pytest.approx((texts @ cone).mean(), abs=0.05)
        assert abs((about @ cone).mean()) < 0.3


def test_a_target_leaves_the_other_fixed_view_out() -> None:
    pairs = records()
    spoiled = {**pairs.vectors, "image": np.roll(pairs.vectors["image"], 7, axis=1)}
    heads = [
        RidgeOnto(FIXED, target="text").fit(PairedVectors(vectors)).heads_["audio"]
        for vectors in (pairs.vectors, spoiled)
    ]
    np.testing.assert_allclose(heads[0].weight, heads[1].weight, atol=1e-6)
    with pytest.raises(InputError, match="target must be one of text, image"):
        RidgeOnto(FIXED, target="audio")


def test_sums_add_and_records_may_lack_views() -> None:
    pairs = records()
    parts = [pairs.take(np.arange(90)), pairs.take(np.arange(90, 200))]
    whole = RidgeOnto(FIXED).fit_moments(Moments.of(parts[0]) + Moments.of(parts[1]))
    once = RidgeOnto(FIXED).fit(pairs)
    x = pairs.vectors["audio"][:10]
    np.testing.assert_allclose(whole.transform(x, "audio"), once.transform(x, "audio"), atol=1e-5)
    here = {view: np.arange(200) % 2 == place for place, view in enumerate(FIXED.views)}
    lacking = PairedVectors(pairs.vectors, here)
    for kind in ONTO:
        assert np.isfinite(kind(FIXED).fit(lacking).transform(x, "audio")).all()


def test_a_view_without_a_record_beside_a_fixed_one_is_refused() -> None:
    pairs = records(40)
    lone = PairedVectors(
        {**pairs.vectors, "video": pairs.vectors["audio"]},
        {"audio": np.arange(40) < 20, "video": np.arange(40) >= 20}
        | {view: np.arange(40) < 20 for view in FIXED.views},
    )
    with pytest.raises(DataError, match="video"):
        RidgeOnto(FIXED).fit(lone)
