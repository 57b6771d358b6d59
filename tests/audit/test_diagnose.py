from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from tests.conftest import planted

from isthmus.audit import diagnose
from isthmus.audit.curve import drawn_out, extrapolate, learning_curve, power_law, sizes_for
from isthmus.audit.duplicates import calibrated, duplicates, nearest_elsewhere
from isthmus.audit.encoded import encoded_views
from isthmus.audit.fit import Share, centred_products, debiased_cka, encoder_fits
from isthmus.audit.heldout import Joint, Scored, leading, scored, scored_folds
from isthmus.audit.hubs import hubs
from isthmus.audit.kinds import kinds
from isthmus.audit.suspects import false_discovery_limit, partner_p_values, suspects
from isthmus.core.errors import DataError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.core.view import TEXT
from isthmus.datasets import load
from isthmus.metrics import linear_cka, mutual_knn
from isthmus.pipeline import default_cache, prepare
from isthmus.space.readout import score

CLASSICAL = {"text": ["tfidf"], "image": ["color-hog"], "audio": ["mfcc"]}


def joint_of(pairs: PairedVectors) -> Joint:
    a, b = pairs.views
    return Joint.of(a, b, *pairs.pair(a, b))


# -- likeness of encoders ------------------------------------------------------------------


def test_debiased_cka_by_hand() -> None:
    # x·xᵀ of 1, −1, 1, −1 is U-centred to ±1 off the diagonal: −1/3 − … worked out for n = 4.
    x = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    products = centred_products(x)
    np.testing.assert_allclose(products.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(np.diag(products), 0, atol=1e-12)
    # rows sums of the products without diagonal are −1, their sum is −4:
    # 1 + (1 + 1) / 2 − 4 / 6 = 4/3 for equal signs, −1 + 1 − 2/3 = −2/3 for others
    np.testing.assert_allclose(products[0], [0, -2 / 3, 4 / 3, -2 / 3], atol=1e-12)
    assert debiased_cka(products, products) == pytest.approx(1)


def test_debiased_cka_agrees_with_cka_where_that_has_no_bias() -> None:
    pairs = planted(2000, {"image": 6, "text": 5}, latent=3, noise=1.0)
    x, y = pairs.pair("image", "text")
    found = debiased_cka(centred_products(x), centred_products(y))
    assert found == pytest.approx(linear_cka(x, y), abs=0.003)


def test_debiased_cka_of_noise_is_near_zero_where_cka_is_near_one() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 500)), rng.normal(size=(60, 500))
    assert linear_cka(x, y) > 0.8
    assert abs(debiased_cka(centred_products(x), centred_products(y))) < 0.05


def test_the_combination_that_shares_more_fits_better() -> None:
    """Two encoders see the shared latent, one sees noise: before and after a fit."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(240, 8))

    def seen(noise: float, dim: int) -> np.ndarray:
        return z @ rng.normal(size=(8, dim)) + noise * rng.normal(size=(240, dim))

    ready = prepare({"image": seen(1.0, 30), "text": seen(1.0, 20)})
    encoded = encoded_views(ready)
    encoded.vectors["image"]["blurred"] = seen(6.0, 30).astype(np.float32)
    encoded.vectors["image"]["noise"] = rng.normal(size=(240, 30)).astype(np.float32)
    fits = encoder_fits(encoded, "image", "text", np.arange(240), seed=0, progress=None).fits
    assert [fit.encoder_a for fit in fits] == ["vectors", "blurred", "noise"]
    good, blurred, noise = fits
    assert good.mrr.value > blurred.mrr.value + 0.1 > noise.mrr.value + 0.1
    assert good.cka.value > blurred.cka.value > noise.cka.value
    assert good.fits and good.tied and blurred.fits and not blurred.tied
    assert not noise.fits and noise.p_value > 0.01
    assert abs(noise.cka.sds) < 4 < good.cka.sds
    assert good.knn.value == pytest.approx(
        mutual_knn(encoded.vectors["image"]["vectors"], encoded.vectors["text"]["vectors"])
    )
    assert good.knn.null_mean == pytest.approx(10 / 239, abs=0.004)
    assert abs(good.cka.null_mean) < 3 * good.cka.null_sd
    assert noise.recall.low - 0.02 <= noise.chance <= noise.recall.high + 0.05


def test_leading_directions_keep_the_penalty_and_the_ranks() -> None:
    pairs = planted(150, {"image": 400, "text": 300}, latent=6, noise=1.0)
    x, ridge = leading(pairs.vectors["image"])
    assert x.shape == (150, 149)  # all that centred rows span
    # nothing is lost, so the absolute penalty ridge · tr(C) / d must be that on all columns
    variance = [np.var(v, axis=0).sum() / v.shape[1] for v in (x, pairs.vectors["image"])]
    assert ridge * variance[0] == pytest.approx(3.0 * variance[1], rel=1e-4)
    joint = joint_of(pairs)
    whole = Joint("image", "text", pairs, {"image": 3.0, "text": 3.0})
    links = np.arange(150)
    for short, full in zip(
        scored_folds(joint, links, deals=1, seed=0),
        scored_folds(whole, links, deals=1, seed=0),
        strict=True,
    ):
        np.testing.assert_allclose(short.cosine, full.cosine, atol=1e-3)


# -- learning curve ------------------------------------------------------------------------


def test_power_law_agrees_with_scipy() -> None:
    from scipy.optimize import curve_fit

    n = np.array(sizes_for(500), dtype=float)
    rng = np.random.default_rng(0)
    y = 0.7 - 1.5 * n**-0.4 + rng.normal(0, 0.002, len(n))
    a, b, c = power_law(n, y[None], np.linspace(0.05, 1.5, 400))
    found, _ = curve_fit(lambda n, a, b, c: a - b * n**-c, n, y, p0=(0.5, 1.0, 0.5))
    mine, theirs = (p[0] - p[1] * 700.0 ** -p[2] for p in ((a[0], b[0], c[0]), found))
    assert mine == pytest.approx(theirs, abs=1e-4)
    assert c[0] == pytest.approx(found[2], abs=0.01)


def test_extrapolation_holds_a_known_curve_and_never_falls() -> None:
    n = np.array(sizes_for(400))
    rng = np.random.default_rng(3)
    inside = 0
    for seed in range(20):
        values = 0.8 - 1.2 * n**-0.3 + rng.normal(0, 0.01, (15, len(n)))
        values += rng.normal(0, 0.03, (15, 1))  # folds differ in difficulty
        draws, noise = extrapolate(values, n, (500, 400), independent=5, seed=seed)
        assert (draws[:, 0] >= draws[:, 1] - 1e-9).all()
        gain = np.percentile(draws[:, 0] - draws[:, 1] + noise, (2.5, 97.5))
        truth = 1.2 * (400**-0.3 - 500**-0.3)
        inside += gain[0] <= truth <= gain[1]
    assert inside >= 19


def test_a_flat_curve_promises_nothing_much() -> None:
    sizes = sizes_for(300)
    rng = np.random.default_rng(0)
    values = 0.5 + rng.normal(0, 0.02, (15, len(sizes), 2))
    curve = drawn_out("a", "b", values, sizes, pairs=375, gallery=75, deals=3, seed=0)
    assert curve.recall_gain.more == 100
    assert abs(curve.recall_gain.value) < 0.01
    assert curve.recall_gain.low < 0 < curve.recall_gain.high
    assert curve.beyond[0] == 300 and curve.beyond[-1] == 475


def test_more_pairs_help_where_they_do() -> None:
    pairs = planted(300, {"image": 60, "text": 60}, latent=12, noise=6.0, seed=2)
    curve = learning_curve(joint_of(pairs), np.arange(300), seed=0, deals=2)
    assert curve.k == 10 and curve.gallery == 60 and curve.folds == 10
    assert curve.sizes[-1] == 240
    values = [share.value for share in curve.recall]
    assert values[-1] > values[0] + 0.1
    assert curve.recall_gain.value > 0
    assert values[-1] <= curve.recall_beyond[-1].value <= 1


def test_few_pairs_get_no_curve_but_are_told_so() -> None:
    joint = joint_of(planted(14, {"image": 6, "text": 5}))
    assert learning_curve(joint, np.arange(14), seed=0) is None


@pytest.mark.tuxpaint
def test_a_curve_cut_short_foretells_its_end(tuxpaint_root) -> None:
    """Fitted up to 100 pairs less, it holds what those pairs really brought."""
    ready = prepare(load("tuxpaint"), {"image": "color-hog", "text": "tfidf"})
    joint = joint_of(ready.pairs)
    most = 4 * len(joint) // 5
    values, sizes = curve_values(joint, most, seed=5)
    held = 0
    for kind in (0, 1):
        draws, noise = extrapolate(
            values[:, :-1, kind], sizes[:-1], (most, most - 100), independent=5
        )
        low, high = np.percentile(draws[:, 0] - draws[:, 1] + noise, (2.5, 97.5))
        rise = float((values[:, -1, kind] - values[:, -2, kind]).mean())
        held += low <= rise <= high
        assert np.median(draws[:, 0]) == pytest.approx(values[:, -1, kind].mean(), abs=0.03)
    assert held >= 1


def curve_values(joint: Joint, most: int, seed: int) -> tuple[np.ndarray, tuple[int, ...]]:
    from isthmus.audit.curve import curve_of_fold
    from isthmus.pipeline.splits import fold_labels

    sizes = (*sizes_for(most - 100)[3:], most)
    labels = fold_labels(np.arange(len(joint)), seed=seed)
    rng = np.random.default_rng(seed)
    found = []
    for fold in range(5):
        order = rng.permutation(np.flatnonzero(labels != fold))
        found.append(curve_of_fold(joint, order, np.flatnonzero(labels == fold), sizes, 10))
    return np.stack(found), sizes


# -- hubs and kinds ------------------------------------------------------------------------


def test_a_planted_hub_is_named_and_corrected() -> None:
    """One gallery row lies at the mean of all queries, nearer to them than their partners."""
    rng = np.random.default_rng(0)
    n, hub = 40, 7
    x = l2_normalize(rng.normal(size=(n, 40)) + 0.5)
    y = l2_normalize(x + 0.35 * rng.normal(size=(n, 40)))
    y[hub] = l2_normalize(x.mean(axis=0))
    found = hubs("a", "b", [fold_of(x, y)], back=False)
    assert found.k == 1 and found.expected == pytest.approx(1 / n)
    assert found.top[0].row == hub and found.top[0].share > 10 / n
    assert found.top[0].corrected < 0.5 * found.top[0].share
    assert found.matters and found.skew > found.skew_corrected
    turned = hubs("b", "a", [fold_of(y, x)], back=True)
    assert turned.top == found.top


def fold_of(x: np.ndarray, y: np.ndarray) -> Scored:
    x, y = x.astype(np.float32), y.astype(np.float32)
    cosine, instance = (
        score(x, y, readout=readout, query_bank=x, gallery_bank=y)
        for readout in ("semantic", "instance")
    )
    return Scored(np.arange(len(x)), cosine, instance, x, y)


def test_kinds_are_ordered_by_what_is_held_out_and_small_ones_are_shrunk() -> None:
    """Pairs of the group "bad" carry no signal; a lucky or unlucky trio is not trusted."""
    rng = np.random.default_rng(0)
    pairs = planted(260, {"image": 20, "text": 20}, latent=8, noise=0.8)
    groups = np.array(["good"] * 160 + ["fair"] * 57 + ["bad"] * 40 + ["trio"] * 3, dtype=object)
    y = pairs.vectors["text"].copy()
    bad = np.flatnonzero(groups == "bad")
    y[bad] = y[rng.permutation(bad)]
    joint = joint_of(PairedVectors({"image": pairs.vectors["image"], "text": y}))
    folds = scored_folds(joint, np.arange(260), deals=2, seed=0)
    found = kinds("image", "text", groups, folds)
    assert found.kinds[0].name == "bad" == found.worst[0].name
    assert found.kinds[0].mrr < 0.5 * found.mrr
    by_name = {kind.name: kind for kind in found.kinds}
    for kind in by_name.values():
        assert min(kind.mrr, found.mrr) <= kind.shrunken <= max(kind.mrr, found.mrr)
    trio, good = by_name["trio"], by_name["good"]
    pulled = [abs(k.shrunken - k.mrr) / abs(found.mrr - k.mrr) for k in (trio, good)]
    assert pulled[0] > pulled[1]
    assert by_name["bad"].pairs == 40 and found.typical == 48.5


def test_without_groups_there_are_no_kinds() -> None:
    pairs = planted(60)
    folds = scored_folds(joint_of(pairs), np.arange(60), deals=1, seed=0)
    assert kinds("image", "text", np.full(60, None, dtype=object), folds) is None


# -- mismatches ----------------------------------------------------------------------------


def swapped(pairs: PairedVectors, share: float, seed: int) -> tuple[PairedVectors, np.ndarray]:
    """The same with a share of the partners dealt on in a circle, and which rows those are."""
    a, b = pairs.views
    n = len(pairs)
    bad = np.random.default_rng(seed).choice(n, round(share * n), replace=False)
    order = np.arange(n)
    order[bad] = np.roll(bad, 1)
    moved = PairedVectors({a: pairs.vectors[a], b: pairs.vectors[b][order]})
    return moved, np.isin(np.arange(n), bad)


def test_planted_mismatches_are_flagged_and_little_else() -> None:
    pairs, bad = swapped(planted(300, noise=0.8), 0.05, seed=4)
    found = suspects(joint_of(pairs), np.arange(300), seed=0)
    flagged = [one.row for one in found.listed if one.flagged]
    assert found.flagged == len(flagged) >= 0.6 * bad.sum()
    assert bad[flagged].mean() >= 0.8
    first = [one.row for one in found.listed[: bad.sum()]]
    assert bad[first].mean() >= 0.8  # base rate 0.05
    # where the true partner went is what "fits better" names
    b = pairs.views[1]
    home = {row: i for i, row in enumerate(np.flatnonzero(bad))}
    truth = planted(300, noise=0.8).vectors[b]
    named = 0
    for one in found.listed[: bad.sum()]:
        if one.row in home:
            named += any((pairs.vectors[b][i] == truth[one.row]).all() for i in one.better_b)
    assert named >= 0.7 * bad.sum()


@pytest.mark.parametrize("noise", [0.5, 1.5, 3.0])
def test_clean_pairs_get_few_flags_however_faint_the_signal(noise: float) -> None:
    flags = [
        suspects(joint_of(planted(200, noise=noise, seed=seed)), np.arange(200), seed=seed).flagged
        for seed in range(3)
    ]
    assert sum(flags) <= 2


def test_pairs_that_share_nothing_are_not_all_flagged() -> None:
    """Where nothing fits, no partner is less likely than another."""
    rng = np.random.default_rng(0)
    pairs = PairedVectors({"a": rng.normal(size=(120, 10)), "b": rng.normal(size=(120, 10))})
    assert suspects(joint_of(pairs), np.arange(120), seed=0).flagged == 0


def test_p_values_by_hand() -> None:
    """Equal scores: every partner is as likely, so all of the mass is at most as likely."""
    flat = partner_p_values([(np.arange(4), np.zeros((4, 4), dtype=np.float32))], 5)
    np.testing.assert_allclose(flat, 1)
    sure = np.where(np.eye(6, dtype=bool), 1.0, 0.0).astype(np.float32)
    sure[:2] = sure[[1, 0]]  # rows 0 and 1 fit each other's partners
    p = partner_p_values([(np.arange(6), sure)], 6)
    # with probability q at the peak, q⁴·((1 − q)/5)² is largest at q = 2/3; what is not
    # the peak has the rest
    np.testing.assert_allclose(p, [1 / 3] * 2 + [1] * 4, atol=2e-3)


def test_benjamini_and_hochberg_by_hand() -> None:
    assert false_discovery_limit(np.array([0.02, 0.03, 0.5, 0.6]), 0.1) == 0.03
    assert false_discovery_limit(np.array([0.04, 0.06, 0.5, 0.6]), 0.1) == -1
    # the third holds up, so the second, alone too large, does as well
    assert false_discovery_limit(np.array([0.01, 0.06, 0.07, 0.9]), 0.1) == 0.07


@pytest.mark.tuxpaint
def test_mismatches_planted_in_tux_paint(tuxpaint_root, starter) -> None:
    """Among every second stamp: to encode all takes twice the time and shows the same."""
    stamps = load("tuxpaint")
    some = stamps.take(range(0, len(stamps), 2))
    ready = prepare(some, {"image": "efficientnet-lite0"}, cache=default_cache())
    clean = PairedVectors(dict(ready.pairs.vectors))
    assert suspects(joint_of(clean), np.arange(len(clean)), seed=0).flagged <= 3
    flagged = []
    for seed in range(100, 104):
        pairs, bad = swapped(clean, 0.05, seed=seed)
        found = suspects(joint_of(pairs), np.arange(len(pairs)), seed=0, listed=int(bad.sum()))
        first = bad[[one.row for one in found.listed]]
        assert first.mean() >= 0.5  # base rate 0.05
        flagged += [bad[one.row] for one in found.listed if one.flagged]
    assert flagged and np.mean(flagged) >= 0.8


# -- near-duplicates -----------------------------------------------------------------------


def test_planted_twins_are_found_across_groups_only() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 32)).astype(np.float32)
    links = np.arange(300)
    for i in range(8):  # near-duplicates in other groups
        x[200 + i] = x[i] + 0.03 * rng.normal(size=32)
    x[220], links[220] = x[20] + 0.001, links[20]  # one in the same group
    x[230] = 2 * x[30]  # a copy, but for its length
    rows = np.arange(1000, 1300)
    found = duplicates("image", "x", x, rows, links)
    assert (found.near, found.copies) == (16, 2)
    pairs = {(twin.row, twin.other) for twin in found.twins}
    assert pairs == {*((1000 + i, 1200 + i) for i in range(8)), (1030, 1230)}
    assert [twin.copy for twin in found.twins] == [True] + [False] * 8
    assert found.typical < found.threshold < 0.999


def test_without_twins_there_are_none() -> None:
    x = np.random.default_rng(1).normal(size=(500, 24)).astype(np.float32)
    found = duplicates("image", "x", x, np.arange(500), np.arange(500))
    assert found.near <= 5 and found.copies == 0  # one in a hundred


def test_the_nearest_elsewhere_agrees_with_the_whole_matrix() -> None:
    rng = np.random.default_rng(2)
    x = l2_normalize(rng.normal(size=(90, 6))).astype(np.float32)
    links = rng.integers(0, 12, 90)
    cosine = x @ x.T
    cosine[links[:, None] == links] = -2
    nearest, distance = nearest_elsewhere(x, links)
    np.testing.assert_array_equal(nearest, cosine.argmax(axis=1))
    np.testing.assert_allclose(distance, 1 - cosine.max(axis=1), atol=1e-6)
    alone, far = nearest_elsewhere(x, np.zeros(90, dtype=np.intp))
    assert (alone == -1).all() and np.isinf(far).all()


def test_ten_thousand_items_take_little_memory() -> None:
    x = np.random.default_rng(0).normal(size=(10_000, 8)).astype(np.float32)
    tracemalloc.start()
    duplicates("image", "x", x, np.arange(10_000), np.arange(10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * 2**20  # the whole matrix would take 400 MB


def test_few_items_have_no_threshold_but_copies_are_seen() -> None:
    x = np.eye(12, dtype=np.float32)
    x[5] = x[3]
    found = duplicates("image", "x", x, np.arange(12), np.arange(12))
    assert found.threshold is None and (found.near, found.copies) == (0, 2)
    assert calibrated(np.ones(19)) == (0.0, 0.0)


# -- the whole -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scenes():
    return diagnose(load("shapes", n=50, seed=2), CLASSICAL, by_group=False)


def test_three_modalities_are_taken_two_by_two(scenes) -> None:
    names = {("text", "image"), ("text", "audio"), ("image", "audio")}
    assert {(fit.a, fit.b) for fit in scenes.fits} == names
    assert {(s.a, s.b) for s in scenes.suspects} == names
    assert {(h.query, h.gallery) for h in scenes.hubs} == names | {(b, a) for a, b in names}
    assert [d.view for d in scenes.duplicates] == ["text", "image", "audio"]
    assert all(fit.k == 1 and fit.gallery == 10 for fit in scenes.fits)  # ten of ten say nothing
    best = {(fit.a, fit.b): fit.mrr.value for fit in scenes.fits}
    assert best["text", "image"] > 0.5


def test_the_result_is_json_with_ids(scenes) -> None:
    found = json.loads(json.dumps(scenes.to_json(), allow_nan=False))
    assert found["suspects"][0]["listed"][0]["row"].startswith("scene-")
    assert found["hubs"][0]["top"][0]["row"].startswith("scene-")
    assert found["encoders"] == CLASSICAL
    assert found["data"]["records"] == 50


def test_the_same_seed_gives_the_same_diagnosis() -> None:
    first, second = (diagnose(planted(60), seed=3).to_json() for _ in range(2))
    first.pop("seconds"), second.pop("seconds")
    assert first == second
    other = diagnose(planted(60), seed=4).to_json()
    assert other["fits"] != first["fits"]


def test_vectors_of_the_user_with_holes() -> None:
    pairs = planted(90, {"sensor": 12, "log": 9, "notes": 7})
    present = {"sensor": np.arange(90) < 70, "log": np.arange(90) >= 5, "notes": np.arange(90) < 8}
    groups = np.array([f"day {i // 6}" for i in range(90)], dtype=object)
    found = diagnose(PairedVectors(pairs.vectors, present, pairs.ids, groups))
    assert [(fit.a, fit.b, fit.pairs) for fit in found.fits] == [("sensor", "log", 65)]
    assert found.fits[0].encoder_a == "vectors" and found.fits[0].fits
    assert {one.row for one in found.suspects[0].listed} <= set(range(5, 70))
    assert found.kinds[0].typical == 6
    assert {d.view: d.items for d in found.duplicates} == {"sensor": 70, "log": 85, "notes": 8}
    plain = diagnose(dict(pairs.select(["sensor", "log"]).vectors))
    assert plain.to_json()["suspects"][0]["listed"][0]["row"].startswith("row ")


def test_groups_are_kept_whole_only_if_asked() -> None:
    """Rows of a group are copies under noise: what leaks makes the free split too good."""
    rng = np.random.default_rng(0)
    kind = rng.normal(size=(2, 12, 30))  # of either modality, unrelated to the other
    x, y = (np.repeat(side, 10, axis=0) + 0.3 * rng.normal(size=(120, 30)) for side in kind)
    groups = np.repeat([f"g{i}" for i in range(12)], 10).astype(object)
    pairs = PairedVectors({"a": x, "b": y}, groups=groups)
    grouped, free = (diagnose(pairs, by_group=by) for by in (True, False))
    assert free.fits[0].mrr.value > 1.5 * grouped.fits[0].mrr.value
    assert grouped.duplicates[0].typical < free.duplicates[0].typical
    assert free.by_group is False and grouped.to_json()["data"]["groups"] == 12


def test_an_encoder_that_knows_nothing_is_told_not_raised() -> None:
    ready = prepare(planted(40))
    encoded = encoded_views(ready)
    encoded.vectors["image"]["constant"] = np.ones((40, 300), dtype=np.float32)
    fitted = encoder_fits(encoded, "image", "text", np.arange(40), seed=0, progress=None)
    constant = next(fit for fit in fitted.fits if fit.encoder_a == "constant")
    assert "all vectors are the same" in constant.reason and not constant.fits
    assert fitted.fits[-1] is constant and fitted.joint is not None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (PairedVectors(planted(30).vectors, groups=np.full(30, "g")), "belong to one group"),
        ({m: np.ones((30, 400)) for m in "ab"}, "all vectors are the same"),
        ({"a": np.eye(30)}, "only the view a, need two"),
        ({m: np.eye(9) + 1 for m in "ab"}, "a–b: 9"),
    ],
)
def test_too_little_is_refused(data, says: str) -> None:
    with pytest.raises(DataError, match=says):
        diagnose(data)


def test_one_modality_is_refused_before_anything_is_encoded() -> None:
    records = [Record(str(i), {TEXT: MediaItem.from_text(f"caption {i}")}) for i in range(30)]
    told: list[str] = []
    with pytest.raises(DataError, match="has only the view text"):
        diagnose(Dataset("notes", records), progress=lambda phase, *_: told.append(phase))
    assert told == []


def test_wrong_encoders_are_refused() -> None:
    scenes = load("shapes", n=12)
    with pytest.raises(DataError, match="given for smell, but shapes has text, image, audio"):
        diagnose(scenes, {"smell": ["tfidf"]})
    with pytest.raises(DataError, match="color-hog reads image, but the view 'text' holds text"):
        diagnose(scenes, {**CLASSICAL, "text": ["color-hog"]})
    found = diagnose(scenes, {**CLASSICAL, "text": ["color-hog", "tfidf"]})
    (lost,) = found.encoded.unusable
    assert (lost.encoder, lost.view) == ("color-hog", "text") and "reads image" in lost.reason
    assert found.to_json()["encoders"]["text"] == ["tfidf"]


def test_vectors_in_a_data_set_need_no_encoder_and_take_none() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(40, 4))
    sides = {m: z @ rng.normal(size=(4, d)) + 0.3 for m, d in (("sensor", 9), ("log", 6))}
    records = [
        Record(
            f"r{i}",
            {m: MediaItem.from_vector(x[i], source=f"row {i}") for m, x in sides.items()},
        )
        for i in range(40)
    ]
    table = Dataset("table", records)
    found = diagnose(table)
    assert found.fits[0].mrr.value > 0.8
    assert found.to_json()["encoders"] == {"log": ["vectors"], "sensor": ["vectors"]}
    with pytest.raises(DataError, match="log of table are vectors already"):
        diagnose(table, {"log": ["tfidf"]})


def test_shares_have_intervals_of_the_rows_of_one_deal() -> None:
    share = Share.of(np.array([0.4, 0.6, 0.4, 0.6]), 2)  # two deals of two folds
    half = 2 * np.std([0.4, 0.6, 0.4, 0.6], ddof=1) / np.sqrt(2)
    assert (share.value, share.low) == (pytest.approx(0.5), pytest.approx(0.5 - half))


def test_scored_rows_are_those_left_out() -> None:
    joint = joint_of(planted(50))
    folds = scored_folds(joint, np.arange(50), deals=2, seed=0)
    rows = np.concatenate([fold.rows for fold in folds])
    np.testing.assert_array_equal(np.bincount(rows), 2)
    deal = joint.deal(np.arange(50), 0)
    train = deal.without(0)
    again = scored(joint, joint.fit(train.moments), train.rows, deal.held(0))
    np.testing.assert_allclose(again.instance, folds[0].instance, atol=1e-5)
