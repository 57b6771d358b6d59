"""``fit`` and ``transform``: what comes out, and that it depends on nothing that it must not."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from itertools import combinations

import numpy as np

from isthmus.aligners.base import MomentsAligner, SharedRows
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
from isthmus.core.errors import DataError, InputError, NotFittedError, VectorError
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.moments.moments import Moments


def fit_returns_itself(subject: Subject) -> None:
    """``fit`` returns the aligner, so calls can be chained."""
    aligner = subject.new()
    assert aligner.fit(planted()) is aligner, "fit must return self"


def has_a_head_for_each_view(subject: Subject) -> None:
    """``heads_`` names every view, with the dimensions of its vectors and of the space."""
    views, heads = planted(), subject.fitted.heads_
    assert set(heads) == set(views), f"heads for {sorted(heads)}, need {sorted(views)}"
    for m, x in views.items():
        assert heads[m].input_dim == x.shape[1], f"input_dim of {m} is {heads[m].input_dim}"
    assert len({head.output_dim for head in heads.values()}) == 1, "heads differ in output_dim"


def transforms_to_unit_vectors(subject: Subject) -> None:
    """float32 unit vectors of one dimension for all views, whatever dtype comes in."""
    aligner = subject.fitted
    widths = set()
    for m, x in planted().items():
        unit = aligner.transform(x, m)
        assert_unit(unit, len(x), m)
        assert_unit(aligner.transform(x.astype(np.float64), m), len(x), f"{m} from float64")
        assert_unit(aligner.transform(x.mean(axis=0), m), 1, f"{m} of the mean")
        assert_unit(aligner.transform(x * np.float32(1e-12), m), len(x), f"{m} of tiny vectors")
        widths.add(unit.shape[1])
    assert len(widths) == 1, f"views end in different dimensions {sorted(widths)}"


def projects_as_it_transforms(subject: Subject) -> None:
    """What a selection tries, with work shared, is what a fit gives."""
    pairs, memo = PairedVectors(planted()), Memo()
    for _ in range(2):  # the second time from what the first one left in the memo
        aligner = subject.new()
        if isinstance(aligner, MomentsAligner):
            project = aligner.projection_of(Moments.of(pairs))
        else:
            project = aligner.projection(pairs, memo)
    found = {m: project(SharedRows(x), m) for m, x in pairs.vectors.items()}
    expected = {m: subject.fitted.transform(x, m) for m, x in pairs.vectors.items()}
    for a, b in combinations(pairs.views, 2):
        cosine = expected[a] @ expected[b].T
        assert_close(found[a] @ found[b].T, cosine, f"cosines of {a} and {b}", atol=1e-4)


def transforms_each_row_by_itself(subject: Subject) -> None:
    """A row is mapped to the same place alone and among others; no rows are mapped to none."""
    aligner = subject.fitted
    for m, x in planted().items():
        whole = aligner.transform(x, m)
        alone = np.concatenate([aligner.transform(row, m) for row in x[:5]])
        assert_close(alone, whole[:5], f"{m}: rows one by one", atol=1e-5)
        assert_close(aligner.transform(x[::-1], m)[::-1], whole, f"{m}: rows turned", atol=1e-5)
        assert_unit(aligner.transform(x[:0], m), 0, f"{m} without rows")


def is_deterministic(subject: Subject) -> None:
    """Two fits on the same rows transform alike, to the last bit, whatever else was drawn."""
    kept = np.random.get_state()
    try:
        np.random.seed(1)
        second = subject.new().fit(planted())
        drawn = np.random.random()
    finally:
        np.random.set_state(kept)
    expected = np.random.RandomState(1).random()
    assert drawn == expected, "fit draws from numpy's global generator; it needs one of its own"
    for m, x in planted().items():
        same = np.array_equal(subject.fitted.transform(x, m), second.transform(x, m))
        assert same, f"{m} differs"


def fit_starts_anew(subject: Subject) -> None:
    """A second ``fit`` forgets the first."""
    twice = subject.new().fit(planted(seed=1)).fit(planted())
    expected = cosines(subject.fitted, planted())
    assert_close(cosines(twice, planted()), expected, "after another fit")


def a_failed_fit_changes_nothing(subject: Subject) -> None:
    """What was learned before stays where a fit is refused."""
    views = planted()
    aligner = subject.new().fit(views)
    before = cosines(aligner, views)
    assert_raises(DataError, lambda: aligner.fit({"a": views["a"]}))
    assert_raises(DataError, lambda: aligner.fit(_apart()))
    assert_close(cosines(aligner, views), before, "after a fit that was refused", atol=0.0)


def leaves_its_inputs_alone(subject: Subject) -> None:
    """Neither ``fit`` nor ``transform`` writes to what it is given."""
    views = planted()
    before = deepcopy(views)
    aligner = subject.new().fit(views)
    for m, x in views.items():
        aligner.transform(x, m)
        assert np.array_equal(x, before[m]), f"{m} was changed"


def order_of_rows_does_not_matter(subject: Subject) -> None:
    """Shuffled records give the same cosines."""
    views = planted()
    shuffled = some(views, np.random.default_rng(1).permutation(ROWS))
    found = cosines(subject.new().fit(shuffled), views)
    assert_close(found, cosines(subject.fitted, views), "rows in another order")


def order_of_views_does_not_matter(subject: Subject) -> None:
    """Views that come in another order keep their heads and find their partners as well."""
    views = dict(reversed(clear().items()))
    aligner = subject.new().fit(some(views, slice(TRAIN)))
    for m, x in views.items():
        got = aligner.heads_[m].input_dim
        assert got == x.shape[1], f"input_dim of {m} is {got}, need {x.shape[1]}"
    assert_finds(cosines(aligner, some(views, slice(TRAIN, None))), "a", "b")


def any_text_names_a_view(subject: Subject) -> None:
    """Arrows, dashes, blanks, bars and dots in names change nothing."""
    names = {"a": "photo → a – b", "b": "x|y.z sum "}
    views = planted()
    aligner = subject.new().fit({names[m]: x for m, x in views.items()})
    assert set(aligner.heads_) == set(names.values()), f"heads for {sorted(aligner.heads_)}"
    found = cosines(aligner, {names[m]: x for m, x in views.items()}, names["a"], names["b"])
    assert_close(found, cosines(subject.fitted, views), "views of other names")


def finds_a_planted_signal(subject: Subject) -> None:
    """Held-out rows find their partner at least ten times as often as by chance."""
    assert_finds(cosines(subject.learner, some(clear(), slice(TRAIN, None))), "a", "b")


def needs_two_views_and_some_pairs(subject: Subject) -> None:
    """One view, or records that never meet, are refused with a ``DataError``."""
    assert_raises(DataError, lambda: subject.new().fit({"a": planted()["a"]}))
    assert_raises(DataError, lambda: subject.new().fit(_apart()))


def names_bad_rows(subject: Subject) -> None:
    """NaN, infinity and rows of zeros are refused by row, in ``fit`` and ``transform``."""
    for bad in (np.nan, np.inf, 0.0):
        broken = planted()
        broken["b"][[3, 7]] = bad
        assert_raises(VectorError, partial(subject.new().fit, broken), "b", "3", "7")
        assert_raises(VectorError, partial(subject.fitted.transform, broken["b"], "b"), "3", "7")


def refuses_vectors_of_another_shape(subject: Subject) -> None:
    """Another dimension than in ``fit`` is refused with both numbers; so is what has no rows."""
    x = planted()["b"]
    need, got = str(x.shape[1]), str(x.shape[1] - 1)
    aligner = subject.fitted
    assert_raises(VectorError, lambda: aligner.transform(x[:, :-1], "b"), need, got)
    assert_raises(VectorError, lambda: aligner.transform(x[None], "b"), "shape")


def refuses_unequal_rows(subject: Subject) -> None:
    """Row i of every view is one record, so the numbers of rows must agree."""
    views = planted()
    views["b"] = views["b"][:-1]
    assert_raises(DataError, lambda: subject.new().fit(views), str(ROWS), str(ROWS - 1))


def refuses_to_transform_before_fit(subject: Subject) -> None:
    """``NotFittedError`` before ``fit``."""
    assert_raises(NotFittedError, lambda: subject.new().transform(planted()["a"], "a"), "fit")


def refuses_unknown_views(subject: Subject) -> None:
    """``InputError`` for a view that was not part of ``fit``, naming those that were."""
    x = planted()["a"]
    assert_raises(InputError, lambda: subject.fitted.transform(x, "smell"), "smell", "a", "b")


def _apart() -> PairedVectors:
    """Records of which none has both views."""
    half = np.arange(ROWS) < ROWS // 2
    return PairedVectors(planted(), {"a": half, "b": ~half})


CHECKS: tuple[Check, ...] = (
    fit_returns_itself,
    has_a_head_for_each_view,
    transforms_to_unit_vectors,
    projects_as_it_transforms,
    transforms_each_row_by_itself,
    is_deterministic,
    fit_starts_anew,
    a_failed_fit_changes_nothing,
    leaves_its_inputs_alone,
    order_of_rows_does_not_matter,
    order_of_views_does_not_matter,
    any_text_names_a_view,
    finds_a_planted_signal,
    needs_two_views_and_some_pairs,
    names_bad_rows,
    refuses_vectors_of_another_shape,
    refuses_unequal_rows,
    refuses_to_transform_before_fit,
    refuses_unknown_views,
)
