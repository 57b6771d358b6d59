"""Hyper-parameters, as scikit-learn's estimators have them, and what is declared of them."""

from __future__ import annotations

from copy import deepcopy
from inspect import signature

import numpy as np

from isthmus.aligners.base import MomentsAligner
from isthmus.aligners.checks.subject import Check, Subject, planted
from isthmus.core.checking import assert_raises
from isthmus.core.errors import InputError


def params_make_it_again(subject: Subject) -> None:
    """``type(a)(**a.get_params())`` is the same aligner."""
    aligner = subject.new()
    again = type(aligner)(**aligner.get_params())
    assert repr(again) == repr(aligner), f"{again!r} is not {aligner!r}"
    again = deepcopy(again).fit(planted())
    for m, x in planted().items():
        same = np.array_equal(again.transform(x, m), subject.fitted.transform(x, m))
        assert same, f"{m} differs"


def keeps_params_as_they_are_given(subject: Subject) -> None:
    """Every argument of ``__init__`` is kept under its name, and ``fit`` leaves it there."""
    aligner = subject.new()
    given = aligner.get_params()
    known = set(signature(type(aligner)).parameters)
    assert set(given) == known, f"get_params names {sorted(given)}, __init__ takes {sorted(known)}"
    for made in (type(aligner)(**given), subject.fitted):
        for name, value in made.get_params().items():
            same = value is given[name] or repr(value) == repr(given[name])
            assert same, f"{name} was given as {given[name]!r} and is {value!r}"


def set_params_changes_what_it_names(subject: Subject) -> None:
    """``set_params`` returns the aligner, changes nothing else, and refuses unknown names."""
    aligner = subject.new()
    before = repr(aligner)
    assert aligner.set_params(**aligner.get_params()) is aligner, "set_params must return self"
    assert repr(aligner) == before, f"set_params(**get_params()) made {aligner!r} of {before}"
    assert_raises(InputError, lambda: aligner.set_params(no_such_thing=1), "no_such_thing")
    assert repr(aligner) == before, "set_params changed something although it refused"


def clones_have_learned_nothing(subject: Subject) -> None:
    """``clone`` keeps hyper-parameters and nothing of what was learned."""
    clone = subject.fitted.clone()
    assert type(clone) is type(subject.fitted), f"a clone of another class, {type(clone)}"
    assert repr(clone) == repr(subject.new()), f"{clone!r} is not {subject.new()!r}"
    left = [name for name in vars(clone) if name.endswith("_") and not name.startswith("_")]
    assert not left, f"the clone of a fitted aligner has {', '.join(left)}"
    unit = clone.fit(planted()).transform(planted()["a"], "a")
    assert np.array_equal(unit, subject.fitted.transform(planted()["a"], "a")), "it fits otherwise"


def declares_a_search_that_can_be_made(subject: Subject) -> None:
    """Every hyper-parameter that ``search`` names exists and takes the values named."""
    aligner = subject.new()
    kind, search = type(aligner), type(aligner).search
    tried = [*search.grid, *(start.params for start in search.starts)]
    tried += [] if search.grows is None else [search.grows.params]
    for point in tried:
        aligner.clone().set_params(**point)
    taken = {name for start in search.starts for name in start.taken or ()}
    unknown = taken - set(signature(kind).parameters)
    assert not unknown, f"starts take over {sorted(unknown)}, which {kind.__name__} does not have"
    if search.shrinks:
        assert isinstance(aligner, MomentsAligner), (
            "sources are added as moments, so only a MomentsAligner may say what shrinks"
        )
        value = aligner.get_params().get(search.shrinks)
        assert isinstance(value, float), f"{search.shrinks} shrinks, but it is {value!r}"


CHECKS: tuple[Check, ...] = (
    params_make_it_again,
    keeps_params_as_they_are_given,
    set_params_changes_what_it_names,
    clones_have_learned_nothing,
    declares_a_search_that_can_be_made,
)
