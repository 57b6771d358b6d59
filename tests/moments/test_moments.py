import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.core.artifact import load_artifact, save_artifact
from isthmus.core.errors import DataError, InputError, VectorError
from isthmus.core.paired import PairedVectors
from isthmus.moments import Moments, of_rows
from isthmus.moments import moments as module
from isthmus.moments.selected import SelectedMoments

DIMS = {"text": 5, "image": 4, "audio": 3}


def rows(n: int, seed: int = 0, *, missing: float = 0.0, dims=DIMS, mean: float = 1.0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 2))
    vectors = {
        m: shared @ rng.normal(size=(2, d)) + rng.normal(size=(n, d)) + mean
        for m, d in dims.items()
    }
    present = {m: rng.random(n) >= missing for m in dims}
    return PairedVectors(vectors, present)


def values(moments: Moments) -> dict[str, np.ndarray]:
    """Everything that can be asked of moments, by name."""
    out = {}
    for m in moments.views:
        if moments.count(m) > 0:
            out[m] = np.append(moments.covariance(m), moments.mean(m))
        for other in moments.neighbours(m):
            out[f"{m}-{other}"] = np.append(moments.cross(m, other), moments.count(m, other))
    return out


def assert_same(found: Moments, expected: Moments, tolerance: float) -> None:
    a, b = values(found), values(expected)
    assert a.keys() == b.keys()
    for name in a:
        assert np.abs(a[name] - b[name]).max() <= tolerance * max(np.abs(b[name]).max(), 1)


def split(pairs: PairedVectors, cuts: list[int], order: np.ndarray) -> list[PairedVectors]:
    return [pairs.take(part) for part in np.split(order, sorted(cuts)) if len(part)]


@settings(max_examples=40)
@given(
    n=st.integers(2, 60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    seed=st.integers(0, 2**32 - 1),
    missing=st.sampled_from([0.0, 0.4]),
    products=st.sampled_from(["float64", "float32"]),
)
def test_any_order_and_split_equals_the_whole(n, cuts, seed, missing, products) -> None:
    pairs = rows(n, seed, missing=missing)
    rng = np.random.default_rng(seed)
    parts = split(pairs, [min(cut, n) for cut in cuts], rng.permutation(n))
    streamed = Moments(DIMS, products=products)
    for part in parts:
        streamed.update(part)
    sums = [Moments.of(part, products=products) for part in parts]
    merged = sums[-1]
    for other in sums[-2::-1]:
        merged = other + merged
    whole = Moments.of(pairs)
    tolerance = 1e-10 if products == "float64" else 1e-5
    assert_same(streamed, whole, tolerance)
    assert_same(merged, whole, tolerance)


@settings(max_examples=25)
@given(kept=st.integers(2, 30), gone=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_rows_taken_out_were_never_seen(kept, gone, seed) -> None:
    pairs = rows(kept + gone, seed, missing=0.3)
    keep, drop = pairs.take(np.arange(kept)), pairs.take(np.arange(kept, kept + gone))
    never = Moments.of(keep)
    assert_same(Moments.of(pairs) - Moments.of(drop), never, 1e-10)
    assert_same(Moments.of(pairs).update(drop, weight=-1.0), never, 1e-10)


@pytest.mark.parametrize("products", ["float64", "float32"])
def test_agrees_with_numpy_where_all_modalities_are_there(products) -> None:
    pairs = rows(500)
    moments = Moments.of(pairs, products=products)
    x, y = (pairs.vectors[m].astype(np.float64) for m in ("text", "audio"))
    joint = np.cov(np.hstack([x, y]), rowvar=False, ddof=0)
    tolerance = {"float64": 1e-10, "float32": 1e-5}[products]
    assert np.allclose(moments.covariance("text"), joint[:5, :5], rtol=tolerance, atol=tolerance)
    assert np.allclose(moments.cross("text", "audio"), joint[:5, 5:], rtol=0, atol=tolerance)
    assert np.array_equal(moments.cross("audio", "text"), moments.cross("text", "audio").T)
    assert np.allclose(moments.mean("text"), x.mean(axis=0), rtol=1e-6)
    assert moments.count("text") == moments.count("text", "audio") == 500


def test_missing_modalities_contribute_nothing() -> None:
    pairs = rows(300, missing=0.4)
    moments = Moments.of(pairs)
    here = pairs.present["image"]
    own = pairs.vectors["image"][here].astype(np.float64)
    assert np.allclose(moments.covariance("image"), np.cov(own.T, ddof=0), atol=1e-12)
    assert moments.count("image") == here.sum()
    x, y = (v.astype(np.float64) for v in pairs.pair("image", "audio"))
    expected = (x - x.mean(0)).T @ (y - y.mean(0)) / len(x)
    assert np.allclose(moments.cross("image", "audio"), expected, atol=1e-12)
    assert moments.count("audio", "image") == len(x)


def test_rows_over_several_blocks(monkeypatch) -> None:
    pairs = rows(100, missing=0.2)
    whole = Moments.of(pairs)
    monkeypatch.setattr(module, "_BLOCK_ROWS", 7)
    assert_same(Moments.of(pairs), whole, 1e-12)
    assert_same(Moments.of(pairs, products="float32"), whole, 1e-5)


def test_a_modality_that_no_row_of_a_block_has() -> None:
    pairs = rows(20)
    absent = {"text": np.zeros(20, bool)}
    for products in ("float64", "float32"):
        moments = Moments.of(PairedVectors(pairs.vectors, absent), products=products)
        assert moments.count("text") == 0
        assert moments.neighbours("image") == ["audio"]
        with pytest.raises(DataError, match="no record has text"):
            moments.covariance("text")
        with pytest.raises(DataError, match="both text and audio"):
            moments.cross("text", "audio")


@pytest.mark.parametrize("products", ["float64", "float32"])
def test_a_mean_of_a_hundred_deviations_costs_nothing(products) -> None:
    pairs = rows(20_000, mean=100.0)
    exact = pairs.vectors["text"].astype(np.float64)
    expected = np.cov(exact, rowvar=False, ddof=0)
    found = Moments.of(pairs, products=products).covariance("text")
    tolerance = {"float64": 1e-10, "float32": 1e-5}[products]
    assert np.abs(found - expected).max() < tolerance * np.abs(expected).max()


@pytest.mark.parametrize("ratio", [1e3, 1e4])
def test_float64_sums_lose_less_than_float32_rows_did(ratio) -> None:
    """Cancellation is below what the rows lost when they were rounded to float32."""
    exact = np.random.default_rng(0).normal(size=(5000, 3)) + ratio
    rounded = exact.astype(np.float32).astype(np.float64)
    lost = np.abs(np.cov(rounded.T) - np.cov(exact.T)).max()
    found = Moments.of(PairedVectors({"a": exact, "b": exact})).covariance("a")
    cancelled = np.abs(found - np.cov(rounded.T, ddof=0)).max()
    assert cancelled < lost / 10


def test_float32_products_hold_where_blocks_drift(monkeypatch) -> None:
    """Rows sorted by a class far away from the others: every block has a mean of its own."""
    monkeypatch.setattr(module, "_BLOCK_ROWS", 256)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2048, 4)) + np.repeat([0, 500, -500, 1000], 512)[:, None]
    pairs = PairedVectors({"a": x, "b": x[:, ::-1] + 1})
    exact, found = Moments.of(pairs), Moments.of(pairs, products="float32")
    for a, b in (("a", "a"), ("a", "b")):
        get = (lambda m, a=a: m.covariance(a)) if a == b else (lambda m, a=a, b=b: m.cross(a, b))
        assert np.abs(get(found) - get(exact)).max() < 1e-6 * np.abs(get(exact)).max()
    # What is left after the classes are taken out is the scatter of one block.
    within = found - Moments.of(pairs.take(np.arange(512, 2048)), products="float32")
    expected = np.cov(x[:512].astype(np.float32).astype(float).T, ddof=0)
    assert np.abs(within.covariance("a") - expected).max() < 1e-3


def test_weights_count_rows_more_or_less() -> None:
    pairs, more = rows(40), rows(30, seed=1)
    twice = Moments.of(pairs).update(pairs)
    assert_same(Moments.of(pairs) * 2.0, twice, 1e-14)
    assert_same(Moments(DIMS).update(pairs, weight=2.0), twice, 1e-14)
    mixed = 0.5 * Moments.of(more) + Moments.of(pairs)
    assert mixed.count("text") == 55
    x, y = pairs.vectors["text"].astype(float), more.vectors["text"].astype(float)
    assert np.allclose(mixed.mean("text"), (x.sum(0) + 0.5 * y.sum(0)) / 55, atol=1e-12)
    expected = np.cov(np.vstack([x, y]).T, ddof=0, aweights=np.repeat([1.0, 0.5], [40, 30]))
    assert np.allclose(mixed.covariance("text"), expected, atol=1e-12)
    with pytest.raises(InputError, match="nan"):
        mixed.update(more, weight=float("nan"))


def test_modalities_in_another_order_still_add() -> None:
    pairs = rows(50)
    turned = pairs.select(["audio", "text", "image"])
    both = Moments.of(pairs) + Moments.of(turned)
    assert both.views == ("text", "image", "audio")
    assert_same(both, Moments.of(pairs) * 2.0, 1e-14)
    assert np.array_equal(
        Moments.of(turned).cross("text", "audio"), Moments.of(pairs).cross("text", "audio")
    )


def test_parties_with_different_modalities_add() -> None:
    pairs = rows(60)
    first, second = pairs.take(np.arange(30)), pairs.take(np.arange(30, 60))
    merged = Moments.of(first.select(["text", "image"])) + Moments.of(
        second.select(["image", "audio"])
    )
    masks = {"text": np.arange(60) < 30, "audio": np.arange(60) >= 30}
    assert_same(merged, Moments.of(PairedVectors(pairs.vectors, masks)), 1e-12)
    with pytest.raises(DataError, match="cannot subtract rows of audio"):
        Moments.of(first.select(["text", "image"])) - merged


def test_what_does_not_fit_is_refused() -> None:
    pairs = rows(10)
    moments = Moments.of(pairs)
    before = moments.fingerprint
    other = rows(10, dims={"text": 5, "image": 9, "audio": 3})
    with pytest.raises(VectorError, match="image: moments have dimension 4, the rows have 9"):
        moments.update(other)
    with pytest.raises(VectorError, match="cannot combine"):
        moments + Moments.of(other)
    with pytest.raises(DataError, match="need vectors of audio"):
        moments.update(pairs.select(["text", "image"]))
    assert moments.fingerprint == before
    with pytest.raises(InputError, match="float16"):
        Moments(DIMS, products="float16")
    with pytest.raises(DataError, match="no moments of 'smell'"):
        moments.cross("text", "smell")


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 1e308, "x", None])
def test_a_weight_is_a_number_that_sums_can_hold(weight) -> None:
    pairs = rows(10)
    moments = Moments.of(pairs)
    before = moments.fingerprint
    with pytest.raises(InputError, match="the weight of rows"):
        moments * weight
    with pytest.raises(InputError, match="the weight of rows"):
        moments.update(pairs, weight=weight)
    assert moments.fingerprint == before
    assert (moments * np.float32(0.5)).count("text") == 5


def test_views_and_dimensions_that_are_none_are_named() -> None:
    moments = Moments.of(rows(10))
    with pytest.raises(DataError, match=r"no moments of 'txt'.*'text'"):
        moments.count("txt")
    for ask in (moments.cross, moments.count):
        with pytest.raises(DataError, match="'text' is one view and no pair"):
            ask("text", "text")
    with pytest.raises(InputError, match="need moments, got an int"):
        moments + 3
    for dim in (-1, 2.5, "x", True):
        with pytest.raises(InputError, match="text: a dimension is a whole number from 0 on"):
            Moments({"text": dim})
    assert Moments({"text": np.int64(3)}).dims == {"text": 3}


def test_state_survives_an_artifact(tmp_path) -> None:
    moments = Moments.of(rows(25, missing=0.2), products="float32")
    save_artifact(tmp_path / "m", "moments", *moments.state())
    again = Moments.from_state(*load_artifact(tmp_path / "m", "moments"))
    assert again.views == ("text", "image", "audio")
    assert again.products == "float32"
    assert again.fingerprint == moments.fingerprint
    assert_same(again.update(rows(5)), moments.update(rows(5)), 0.0)


def test_any_text_can_name_a_view(tmp_path) -> None:
    """Names that would run together as text: a and b|sum, a|b and sum."""
    odd = {"text": "a|b", "image": "sum", "audio": "photo → a – b. "}
    plain = rows(25, missing=0.2)
    vectors = {odd[m]: x for m, x in plain.vectors.items()}
    present = {odd[m]: mask for m, mask in plain.present.items()}
    moments, expected = Moments.of(PairedVectors(vectors, present)), Moments.of(plain)
    for a, b in expected.pair_keys():
        np.testing.assert_array_equal(moments.cross(odd[a], odd[b]), expected.cross(a, b))
    save_artifact(tmp_path / "m", "moments", *moments.state())
    document, tensors = load_artifact(tmp_path / "m", "moments")
    assert document["views"] == list(vectors)
    assert {n for n in tensors if "cross" in n} == {"0.1.cross", "0.2.cross", "2.1.cross"}
    assert Moments.from_state(document, tensors).fingerprint == moments.fingerprint


def test_a_fingerprint_does_not_depend_on_the_order_of_views() -> None:
    pairs = rows(20, missing=0.2)
    other = pairs.select(["audio", "text", "image"])
    assert Moments.of(other).fingerprint == Moments.of(pairs).fingerprint


def test_a_fingerprint_names_the_sums() -> None:
    pairs = rows(30)
    moments = Moments.of(pairs)
    assert moments.fingerprint == Moments.of(pairs).fingerprint
    assert moments.fingerprint != Moments.of(pairs.take(np.arange(29))).fingerprint
    before = moments.fingerprint
    moments.update(rows(1))
    assert moments.fingerprint != before


def test_combining_leaves_both_sides_alone() -> None:
    first, second = Moments.of(rows(10)), Moments.of(rows(12, seed=1))
    names = first.fingerprint, second.fingerprint
    total = first + second
    total.update(rows(3))
    assert (first.fingerprint, second.fingerprint) == names
    assert (first + Moments(DIMS, products="float32")).products == "float32"


def test_what_was_computed_is_remembered_until_the_sums_change() -> None:
    moments = Moments.of(rows(30))
    calls = []
    for _ in range(3):
        moments.memo("key", lambda: calls.append(1))
    assert len(calls) == 1
    spectrum = moments.spectrum("text")
    assert moments.spectrum("text") is spectrum
    moments.update(rows(30, seed=5, mean=9))
    assert len(calls) == 1
    moments.memo("key", lambda: calls.append(1))
    assert len(calls) == 2
    assert not np.allclose(moments.spectrum("text")[1], spectrum[1])


def test_spectrum_drops_directions_without_variance() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    doubled = np.hstack([x, x[:, :1], np.full((50, 1), 4.0)])
    for products in ("float64", "float32"):
        moments = Moments.of(PairedVectors({"a": doubled, "b": x}), products=products)
        scales, eigenvalues, vectors = moments.spectrum("a")
        assert (len(eigenvalues), vectors.shape) == (3, (5, 3))
        assert np.array_equal(scales, np.ones(5))
        rebuilt = vectors * eigenvalues @ vectors.T
        assert np.allclose(rebuilt, moments.covariance("a"), atol=1e-6)
        assert (np.abs(vectors).max(axis=0) == vectors.max(axis=0)).all()  # signs are fixed
    with pytest.raises(DataError, match="a: all vectors are the same"):
        Moments.of(PairedVectors({"a": np.ones((5, 2)), "b": x[:5]})).spectrum("a")


def test_spectrum_with_scale_is_that_of_the_correlations() -> None:
    pairs = rows(200)
    scales, eigenvalues, _ = Moments.of(pairs).spectrum("text", scale=True)
    x = pairs.vectors["text"].astype(float)
    assert np.allclose(scales, 1 / x.std(axis=0), rtol=1e-9)
    assert np.allclose(eigenvalues, np.linalg.eigvalsh(np.corrcoef(x.T)), rtol=1e-9)


@pytest.mark.parametrize("products", ["float64", "float32"])
def test_rounding_is_not_taken_for_variance(products) -> None:
    """Fewer rows than columns: n − 1 directions, whatever the products leave behind."""
    pairs = rows(40, dims={"a": 64, "b": 3}, mean=5.0)
    assert len(Moments.of(pairs, products=products).spectrum("a")[1]) == 39


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_no_more_rows_are_taken_out_than_there_are(missing) -> None:
    pairs = rows(30, missing=missing)
    some, more = pairs.take(np.arange(20)), rows(40, seed=1, missing=missing)
    kept = Moments.of(pairs)
    never = "never there, or twice"
    with pytest.raises(DataError, match=f"of text out of .*{never}"):
        kept - Moments.of(more)
    with pytest.raises(DataError, match=never):
        kept - Moments.of(some) - Moments.of(some)
    with pytest.raises(DataError, match=never):
        Moments.of(pairs).update(more, weight=-1.0)
    with pytest.raises(DataError, match=never):
        Moments.of(pairs).update(pairs, weight=-1.01)
    assert_same(kept, Moments.of(pairs), 0.0)
    assert all((kept - kept).count(m) == 0 for m in kept.views)


def test_no_more_records_of_two_views_are_taken_out_than_there_are() -> None:
    pairs, half = rows(30), np.arange(30) < 15
    apart = PairedVectors(pairs.vectors, {"text": half, "image": ~half, "audio": ~half})
    together = pairs.take(np.arange(5))
    with pytest.raises(DataError, match="5 records of audio with text out of 0"):
        Moments.of(apart) - Moments.of(together)


@pytest.mark.parametrize("products", ["float64", "float32"])
@pytest.mark.parametrize("scale", [False, True])
def test_a_spectrum_refuses_rows_that_were_taken_out_wrongly(products, scale) -> None:
    pairs, strangers = rows(40), rows(15, seed=1, mean=-20.0)
    whole, some = (
        Moments.of(each, products=products) for each in (pairs, pairs.take(np.arange(15)))
    )
    never = whole - Moments.of(strangers)
    wrong = [
        never,
        never + Moments.of(rows(1)),
        never.mapped({m: (np.ones(d), np.eye(d)) for m, d in DIMS.items()}),
        whole + -1.0 * Moments.of(strangers),
        Moments.of(pairs).update(strangers, weight=-1.0),
        SelectedMoments(never, ["text", "image"]),
        whole - some - some,
    ]
    for moments in wrong:
        with pytest.raises(DataError, match=r"text has a variance below zero.*or twice"):
            moments.spectrum("text", scale=scale)
    expected = Moments.of(pairs.take(np.arange(15, 40))).spectrum("text", scale=scale)
    found = (whole - some).spectrum("text", scale=scale)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4)


@pytest.mark.parametrize("products", ["float64", "float32"])
@pytest.mark.parametrize("mean", [0.0, 50.0])
def test_a_spectrum_takes_what_rounding_leaves_of_many_rows(products, mean) -> None:
    pairs = rows(9_000, mean=mean, dims={"a": 40, "b": 3})
    whole, gone = (
        Moments.of(each, products=products) for each in (pairs, pairs.take(np.arange(9, 9_000)))
    )
    assert len((whole - gone).spectrum("a")[1]) >= 8


def test_noise_that_was_added_on_purpose_is_not_refused() -> None:
    document, sums = Moments.of(rows(30)).state()
    for name in sums:
        if name.endswith("second"):
            sums[name] = sums[name] - 40.0 * np.eye(len(sums[name]))
    private = Moments.from_state(document, sums)
    assert np.linalg.eigvalsh(private.covariance("text"))[0] < -0.1
    assert len((private + private).spectrum("text")[1]) >= 1


def test_moments_are_made_of_plain_arrays_and_summed() -> None:
    pairs = rows(20)
    plain = dict(pairs.vectors)
    assert_same(Moments.of(plain), Moments.of(pairs), 0.0)
    assert_same(
        Moments(DIMS).update(plain).update(plain, weight=-0.5), 0.5 * Moments.of(pairs), 1e-12
    )
    parts = [Moments.of(pairs.take(part)) for part in (np.arange(7), np.arange(7, 20))]
    assert_same(sum(parts), Moments.of(pairs), 1e-12)
    first = of_rows(rows(3))
    summed = sum([first])
    summed.update(plain)
    assert first.count("text") == 3 and summed.count("text") == 23


@pytest.mark.parametrize(
    "wrong",
    [
        lambda moments: moments + 1,
        lambda moments: 1 + moments,
        lambda moments: moments - rows(2),
        lambda moments: moments + {"text": np.ones((2, 5))},
        lambda moments: moments.update(np.ones((2, 5))),
        lambda moments: Moments.of([1.0]),
    ],
)
def test_what_are_no_moments_is_said(wrong) -> None:
    with pytest.raises(InputError, match=r"(need moments|need a mapping by view), got .* Write: "):
        wrong(Moments.of(rows(4)))


def test_moments_show_views_dimensions_and_counts() -> None:
    present = {"a": np.array([True, True, False]), "b": np.ones(3, dtype=bool)}
    pairs = PairedVectors({"a": np.ones((3, 4)), "b": np.ones((3, 2))}, present)
    assert repr(Moments.of(pairs)) == "Moments(a: 2 rows of 4, b: 3 rows of 2, a with b: 2)"
    assert repr(Moments.of(pairs) * 0.25).startswith("Moments(a: 0.5 rows of 4")
