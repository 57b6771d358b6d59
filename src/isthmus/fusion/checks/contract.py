"""``fit``, ``scores``, ``shares`` and state of a fusion."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from inspect import signature

import numpy as np

from isthmus.core.checking import assert_raises
from isthmus.core.errors import DataError, InputError, NotFittedError
from isthmus.core.paired import PairedVectors
from isthmus.fusion.base import LinearViews
from isthmus.fusion.checks.subject import (
    ROWS,
    TRAIN,
    Check,
    Subject,
    assert_close,
    planted,
)


def fit_returns_itself(subject: Subject) -> None:
    """``fit`` returns the fusion, which keeps its hyper-parameters as they were given."""
    fusion, (rows, target) = subject.new(), planted(subject.new().kinds[0])
    before = repr(fusion)
    assert fusion.fit(rows, target) is fusion, "fit must return self"
    assert repr(fusion) == before, f"fit made {fusion!r} of {before}"


def is_deterministic(subject: Subject) -> None:
    """Two fits on the same rows score alike, to the last bit, whatever else was drawn."""
    np.random.seed(1)
    rows, target = planted(subject.fitted.target_.kind)
    again = subject.new().fit(rows.take(np.arange(TRAIN)), target.take(np.arange(TRAIN)))
    drawn = np.random.random()
    assert drawn == np.random.RandomState(1).random(), "fit draws from numpy's global generator"
    same = np.array_equal(again.scores(subject.held), subject.fitted.scores(subject.held))
    assert same, "a second fit scores otherwise"


def scores_each_row_by_itself(subject: Subject) -> None:
    """A record is scored the same alone, among others and in another order; none gives none."""
    rows, fusion = subject.held, subject.fitted
    whole = fusion.scores(rows)
    assert whole.shape == (len(rows), fusion.target_.width), f"scores of shape {whole.shape}"
    assert whole.dtype == np.float64, f"scores of {whole.dtype}, need float64"
    alone = np.concatenate([fusion.scores(rows.take(np.array([i]))) for i in range(5)])
    assert_close(alone, whole[:5], "rows one by one")
    turned = fusion.scores(rows.take(np.arange(len(rows))[::-1]))
    assert_close(turned[::-1], whole, "rows turned")


def views_that_are_gone_may_be_left_out(subject: Subject) -> None:
    """A view that is marked as missing, and one that is not given, are the same."""
    rows, fusion = subject.held, subject.fitted
    none = replace(rows, present={**rows.present, "sound": np.zeros(len(rows), dtype=bool)})
    assert_close(fusion.scores(rows.select(["picture"])), fusion.scores(none), "without sound")
    present = {view: np.zeros(len(rows), dtype=bool) for view in rows.views}
    empty = fusion.scores(PairedVectors(rows.vectors, present))
    assert np.isfinite(empty).all(), "records that lack every view have scores that are not finite"
    assert np.ptp(empty, axis=0).max() < 1e-6, "records that lack every view differ in scores"


def finds_a_planted_signal(subject: Subject) -> None:
    """Held-out records are told apart, with all views and with one."""
    if "classes" not in subject.fitted.kinds:
        return
    truth = planted("classes")[1].codes[TRAIN:]
    for what, rows, need in (
        ("both views", subject.held, 0.8),
        ("one view", subject.held.select(["picture"]), 0.7),
    ):
        right = float((subject.fitted.scores(rows).argmax(axis=1) == truth).mean())
        assert right > need, f"{what}: {right:.2f} of {ROWS - TRAIN} right, need {need}"


def shares_sum_to_scores(subject: Subject) -> None:
    """What views add and the rest are the scores; a view that a record lacks adds nothing."""
    rows, fusion = subject.held, subject.fitted
    shares = fusion.shares(rows)
    assert set(shares.views) == set(rows.views), f"shares of {sorted(shares.views)}"
    assert_close(shares.total, fusion.scores(rows), "shares")
    for view, share in shares.views.items():
        assert not share[~rows.present[view]].any(), f"{view} has a share where it is missing"
        if not isinstance(fusion, LinearViews):
            continue
        for row in range(5):
            there = [each for each in rows.views if rows.present[each][row]]
            if view in there:
                mean, weight = fusion.linear(view, there)
                said = (rows.vectors[view][row] - mean) @ weight
                assert_close(said, share[row], f"{view}, by its weights")


def survives_saving(subject: Subject) -> None:
    """State to JSON and safetensors and back gives the same scores to the last bit."""
    from safetensors.numpy import load, save

    fusion = subject.fitted
    document, tensors = fusion.state()
    kept = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    again = fusion.clone()
    again.views_, again.target_ = dict(fusion.views_), fusion.target_
    again.scale_ = fusion.scale_
    again.restore(json.loads(json.dumps(document)), load(save(kept)))
    same = np.array_equal(again.scores(subject.held), fusion.scores(subject.held))
    assert same, "the fusion that came back scores otherwise"


def params_make_it_again(subject: Subject) -> None:
    """Arguments of ``__init__`` are kept, unknown ones refused, and the grid can be made."""
    fusion = subject.new()
    given = fusion.get_params()
    assert set(given) == set(signature(type(fusion)).parameters), f"get_params names {given}"
    assert repr(type(fusion)(**given)) == repr(fusion), "its own parameters make another"
    assert_raises(InputError, lambda: fusion.set_params(no_such_thing=1), "no_such_thing")
    for point in fusion.search.grid:
        fusion.clone().set_params(**point)


def leaves_its_inputs_alone(subject: Subject) -> None:
    """``scores`` does not write to what it is given."""
    rows = subject.held
    before = deepcopy(rows.vectors)
    subject.fitted.scores(rows)
    subject.fitted.shares(rows)
    for view, x in rows.vectors.items():
        assert np.array_equal(x, before[view]), f"{view} was changed"


def refuses_what_it_has_not_learned(subject: Subject) -> None:
    """``NotFittedError`` before ``fit``; another dimension, only unknown views, unequal lengths."""
    rows, fusion = subject.held, subject.fitted
    _, target = planted(fusion.target_.kind)
    assert_raises(NotFittedError, lambda: subject.new().scores(rows), "fit")
    narrow = PairedVectors({"picture": rows.vectors["picture"][:, :-1]})
    assert_raises(DataError, lambda: fusion.scores(narrow), "picture", "30", "29")
    smell = PairedVectors({"smell": rows.vectors["picture"]})
    assert_raises(InputError, lambda: fusion.scores(smell), "picture", "sound")
    assert_raises(DataError, lambda: subject.new().fit(rows, target), str(len(rows)), str(ROWS))


CHECKS: tuple[Check, ...] = (
    fit_returns_itself,
    is_deterministic,
    scores_each_row_by_itself,
    views_that_are_gone_may_be_left_out,
    finds_a_planted_signal,
    shares_sum_to_scores,
    survives_saving,
    params_make_it_again,
    leaves_its_inputs_alone,
    refuses_what_it_has_not_learned,
)
