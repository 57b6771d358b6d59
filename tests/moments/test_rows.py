from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.core.paired import PairedVectors
from isthmus.fusion import Target
from isthmus.fusion.closed.joined import Joined
from isthmus.moments import Moments, of_rest, of_rows


def few(n: int = 20, *, gaps: bool = False) -> PairedVectors:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n, 4))
    vectors = {m: z @ rng.normal(size=(4, d)) + rng.normal(size=(n, d)) + 5 for m, d in WIDTHS}
    present = {m: rng.random(n) < 0.8 for m in vectors} if gaps else {}
    return PairedVectors(vectors, present)


WIDTHS = (("wide", 40), ("narrow", 6), ("middle", 20))


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_spectra_of_few_rows_are_those_of_their_sums(gaps: bool, scale: bool) -> None:
    pairs = few(gaps=gaps)
    own, sums = of_rows(pairs), Moments.of(pairs)
    assert type(own) is not Moments
    for m in pairs.views:
        assert own.spread(m) == pytest.approx(sums.spread(m))
        for found, expected in zip(
            own.spectrum(m, scale=scale), sums.spectrum(m, scale=scale), strict=True
        ):
            np.testing.assert_allclose(found, expected, atol=1e-9)
    for a, b in [*sums.pair_keys(), ("narrow", "wide")]:
        np.testing.assert_allclose(
            own.between(a, b, scale=scale), sums.between(a, b, scale=scale), atol=1e-9
        )


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_components_of_the_rows_themselves_are_known(gaps: bool, scale: bool) -> None:
    pairs = few(gaps=gaps)
    own, sums = of_rows(pairs), Moments.of(pairs)
    for m in pairs.views:
        x = pairs.vectors[m][pairs.rows(m)]
        scales, _, vectors = own.spectrum(m, scale=scale)
        expected = (x - own.mean(m)) @ (scales[:, None] * vectors)
        found = own.components_of(m, x.copy(), scale=scale)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert own.components_of(m, x + 1, scale=scale) is None
        assert own.components_of(m, x[1:], scale=scale) is None
        assert sums.components_of(m, x, scale=scale) is None


def test_they_add_and_are_saved_as_sums_are() -> None:
    pairs = few(gaps=True)
    own, sums = of_rows(pairs), Moments.of(pairs)
    assert own.state()[0] == sums.state()[0]
    for name, tensor in sums.state()[1].items():
        np.testing.assert_allclose(of_rows(pairs).state()[1][name], tensor, rtol=1e-12)
    np.testing.assert_allclose((own + own).cross("wide", "narrow"), sums.cross("wide", "narrow"))
    more = of_rows(pairs).update(few(9))
    np.testing.assert_allclose(
        more.spectrum("wide")[1], (sums + Moments.of(few(9))).spectrum("wide")[1], atol=1e-9
    )


def test_many_rows_are_summed() -> None:
    assert type(of_rows(few(41))) is Moments


def test_rows_that_are_all_the_same_are_refused() -> None:
    pairs = PairedVectors({"a": np.ones((5, 9)), "b": np.random.default_rng(0).normal(size=(5, 9))})
    with pytest.raises(DataError, match="a: all vectors are the same"):
        of_rows(pairs).spectrum("a")


def test_whether_a_view_is_useful_makes_no_sum_of_products() -> None:
    pairs = few()
    joined = Joined.of(pairs, Target("number", np.arange(20.0)[:, None], ("y",)))
    assert joined.useful("wide") and ("wide", "second") not in joined.moments._sums.data
    same = PairedVectors({"wide": np.full((20, 40), 0.1)})
    assert not Joined.of(same, Target("number", np.arange(20.0)[:, None], ("y",))).useful("wide")


@pytest.mark.parametrize("n", [12, 60], ids=["few", "many"])
def test_the_rest_is_what_is_not_left_out(n: int) -> None:
    rng = np.random.default_rng(0)
    pairs = PairedVectors({m: rng.normal(size=(n, d)) for m, d in (("a", 20), ("b", 7))})
    out = np.arange(n) % 5 == 2
    rest = of_rest(of_rows(pairs), pairs, out)
    expected = Moments.of(pairs.take(~out))
    assert rest.count("a", "b") == (~out).sum()
    np.testing.assert_allclose(rest.cross("a", "b"), expected.cross("a", "b"), atol=1e-9)
    np.testing.assert_allclose(rest.covariance("a"), expected.covariance("a"), atol=1e-9)
