"""Vectors as they come: of any layout, scale and shape."""

from __future__ import annotations

import numpy as np

from isthmus.aligners.checks.subject import (
    ROWS,
    TRAIN,
    Check,
    Subject,
    assert_close,
    assert_unit,
    clear,
    cosines,
    planted,
    some,
)
from isthmus.core.linalg import Floats


def takes_any_array(subject: Subject) -> None:
    """float64, columns first, every other row of another array, read-only: all are the same."""
    views = planted()
    wide = np.zeros((2 * ROWS, views["a"].shape[1]), dtype=np.float32)
    wide[::2] = views["a"]
    strange: dict[str, Floats] = {"a": wide[::2], "b": np.asfortranarray(views["b"], np.float64)}
    for x in strange.values():
        x.flags.writeable = False
    aligner = subject.new().fit(strange)
    expected = cosines(subject.fitted, views)
    assert_close(cosines(aligner, views), expected, "fitted on arrays of other layouts")
    for m, x in strange.items():
        same = np.array_equal(subject.fitted.transform(x, m), subject.fitted.transform(views[m], m))
        assert same, f"{m}: the layout of an array changes what it is mapped to"


def bears_dull_columns(subject: Subject) -> None:
    """Constant and duplicate columns do no harm."""
    views = planted()
    views["a"] = np.hstack([views["a"], views["a"][:, :3], np.full((ROWS, 2), 7, np.float32)])
    aligner = subject.new().fit(views)
    for m, x in views.items():
        assert_unit(aligner.transform(x, m), ROWS, m)


def bears_fewer_rows_than_columns(subject: Subject) -> None:
    """More dimensions than records do no harm."""
    views = planted(n=20, dims=(64, 33))
    aligner = subject.new().fit(views)
    for m, x in views.items():
        assert_unit(aligner.transform(x, m), 20, m)


def bears_one_dimension(subject: Subject) -> None:
    """A view may have vectors of a single number."""
    for dims in ((6, 1), (1, 6), (1, 1)):
        views = planted(dims=dims)
        aligner = subject.new().fit(views)
        for m, x in views.items():
            assert_unit(aligner.transform(x, m), ROWS, f"{m} of dimensions {dims}")


def bears_large_means_and_scales(subject: Subject) -> None:
    """Neither a mean far from zero nor the unit of measurement changes the cosines much."""
    views = clear()
    train, held = slice(TRAIN), slice(TRAIN, None)
    moved = {"a": views["a"] + np.float32(100), "b": views["b"] * np.float32(1000)}
    aligner = subject.new().fit(some(moved, train))
    expected = cosines(subject.learner, some(views, held))
    assert_close(cosines(aligner, some(moved, held)), expected, "moved and scaled", atol=1e-2)


CHECKS: tuple[Check, ...] = (
    takes_any_array,
    bears_dull_columns,
    bears_fewer_rows_than_columns,
    bears_one_dimension,
    bears_large_means_and_scales,
)
