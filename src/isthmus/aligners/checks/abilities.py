"""Abilities: what is declared must work, and what is not must be refused."""

from __future__ import annotations

import numpy as np

from isthmus.aligners.base import Aligner, Incremental
from isthmus.aligners.checks.subject import (
    ROWS,
    TRAIN,
    Check,
    Subject,
    assert_close,
    assert_finds,
    assert_unit,
    clear,
    cosines,
    planted,
    some,
)
from isthmus.core.checking import assert_raises
from isthmus.core.errors import DataError
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors

_BAG = 120
"""Rows of a view that is aligned without pairs."""


def handles_missing_rows_as_declared(subject: Subject) -> None:
    """With ``missing_rows`` the records that are left find the signal; else a ``DataError``."""
    views, mask = clear(), np.ones(ROWS, dtype=bool)
    mask[::3] = False
    junk = {**views, "b": np.where(mask[:, None], views["b"], np.nan)}
    pairs = PairedVectors(junk, {"b": mask}).take(np.arange(TRAIN))
    if not subject.new().abilities.missing_rows:
        _refused("missing_rows", subject, pairs, "b")
        return
    aligner = subject.new().fit(pairs)
    for m, x in views.items():
        assert_unit(aligner.transform(x, m), ROWS, m)
    assert_finds(cosines(aligner, some(views, slice(TRAIN, None))), "a", "b")


def records_without_items_change_nothing(subject: Subject) -> None:
    """With ``missing_rows``, what is absent is not taken for vectors of zeros."""
    if not subject.new().abilities.missing_rows:
        return
    views = planted()
    here = np.arange(2 * ROWS) % 2 == 0
    wide = {m: np.repeat(x, 2, axis=0) for m, x in views.items()}
    aligner = subject.new().fit(PairedVectors(wide, dict.fromkeys(views, here)))
    expected = cosines(subject.fitted, views)
    assert_close(cosines(aligner, views), expected, "with records that have no items")


def handles_three_views_as_declared(subject: Subject) -> None:
    """With ``many_views`` every pair of three finds its partners; else a ``DataError``."""
    views = clear(dims=(12, 9, 7))
    train, held = some(views, slice(TRAIN)), some(views, slice(TRAIN, None))
    if not subject.new().abilities.many_views:
        _refused("many_views", subject, train, "2", "3")
        return
    aligner = subject.new().fit(train)
    widths = {aligner.transform(x, m).shape[1] for m, x in held.items()}
    assert len(widths) == 1, f"three views end in different dimensions {sorted(widths)}"
    for a, b in (("a", "b"), ("a", "c"), ("b", "c")):
        assert_finds(cosines(aligner, held, a, b), a, b)


def adds_and_forgets_rows_as_declared(subject: Subject) -> None:
    """With ``incremental``, adding and forgetting give what one fit gives; else neither exists."""
    views = planted()
    first, second = some(views, slice(TRAIN)), some(views, slice(TRAIN, None))
    aligner = subject.new()
    if not aligner.abilities.incremental:
        assert not isinstance(aligner, Incremental), (
            "it has partial_fit and forget, but does not declare incremental"
        )
        return
    assert isinstance(aligner, Incremental), (
        "it declares incremental, but has no partial_fit and forget"
    )
    assert isinstance(aligner, Aligner)
    aligner.partial_fit(first)
    only_first = cosines(subject.new().fit(first), views)
    assert_close(cosines(aligner, views), only_first, "partial_fit in place of fit")
    aligner.partial_fit(second)
    assert_close(cosines(aligner, views), cosines(subject.fitted, views), "after partial_fit")
    aligner.forget(second)
    assert_close(cosines(aligner, views), only_first, "after forget")


def aligns_without_pairs_as_declared(subject: Subject) -> None:
    """With ``unpaired``, two bags of one uneven shape are matched, whatever stands where."""
    params = subject.new().abilities.unpaired
    if params is None:
        return  # that pairs are needed is checked for every aligner
    views = _shapes()
    apart = PairedVectors(
        {m: np.concatenate([x, x]) for m, x in views.items()},
        {m: (np.arange(2 * _BAG) < _BAG) == (m == "a") for m in views},
    )
    aligner = subject.new().set_params(**params).fit(apart)
    assert_finds(cosines(aligner, views), "a", "b")
    turned = {"a": views["a"], "b": np.roll(views["b"], 7, axis=0)}
    beside = subject.new().set_params(**params).fit(turned)
    found = cosines(beside, views)
    assert_close(found, cosines(aligner, views), "complete records, of which no pair may be used")


def _shapes() -> dict[str, F32]:
    """Rows of uneven shape, and the same rows turned: the shape alone tells how."""
    rng = np.random.default_rng(0)
    x = rng.exponential(size=(_BAG, 6)) * [6, 5, 4, 3, 2, 1]
    turned = x @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    return {"a": x.astype(np.float32), "b": turned.astype(np.float32)}


def _refused(
    ability: str, subject: Subject, pairs: PairedVectors | dict[str, F32], *words: str
) -> None:
    try:
        assert_raises(DataError, lambda: subject.new().fit(pairs), *words)
    except AssertionError as error:
        raise AssertionError(
            f"{ability} is not declared, so fit must refuse what needs it: {error}; begin fit "
            "with self.admit(pairs), or declare the ability"
        ) from error


CHECKS: tuple[Check, ...] = (
    handles_missing_rows_as_declared,
    records_without_items_change_nothing,
    handles_three_views_as_declared,
    adds_and_forgets_rows_as_declared,
    aligns_without_pairs_as_declared,
)
