"""Borrowed views and mixed records."""

from __future__ import annotations

import numpy as np
import pytest
from tests.fusion.planted import of_kind

from isthmus.core.errors import InputError
from isthmus.core.paired import PairedVectors
from isthmus.fusion import KINDS, Kind, Target, make
from isthmus.fusion.augment import augmented


def _linear(n: int = 200) -> tuple[PairedVectors, Target, np.ndarray]:
    """A picture that follows from the sound; every third record lacks it."""
    rng = np.random.default_rng(0)
    sound = rng.normal(size=(n, 5)).astype(np.float32)
    picture = (sound @ rng.normal(size=(5, 7)) + 3).astype(np.float32)
    here = np.arange(n) % 3 != 0
    rows = PairedVectors({"sound": sound, "picture": picture}, {"picture": here})
    return rows, Target("classes", np.arange(n) % 2, ("a", "b")), picture


def test_the_mean_of_a_missing_view_is_near_what_it_was() -> None:
    rows, target, truth = _linear()
    more, known = augmented(rows, target, "mean")
    lacking = ~rows.present["picture"]
    assert known is target
    assert more.present["picture"].all()
    near = np.linalg.norm(more.vectors["picture"] - truth, axis=1)[lacking]
    away = np.linalg.norm(truth - truth.mean(axis=0), axis=1)[lacking]
    assert near.mean() < 0.6 * away.mean()  # ridge of 1 halves what follows exactly
    assert np.corrcoef(more.vectors["picture"][lacking, 0], truth[lacking, 0])[0, 1] > 0.95
    assert np.array_equal(more.vectors["picture"][~lacking], rows.vectors["picture"][~lacking])


def test_the_nearest_lender_is_complete_and_shares_a_group_with_the_borrower() -> None:
    rows, target, truth = _linear()
    more, _ = augmented(rows, target, "nearest")
    lacking = np.flatnonzero(~rows.present["picture"])
    assert more.present["picture"].all()
    for row in lacking:
        same = (rows.vectors["picture"] == more.vectors["picture"][row]).all(axis=1)
        lenders = np.flatnonzero(same & rows.present["picture"])
        assert len(lenders) == 1
        assert more.groups[row] == more.groups[lenders[0]]
    borrowed = more.vectors["picture"][lacking]
    assert np.linalg.norm(borrowed - truth[lacking], axis=1).mean() < (
        np.linalg.norm(truth - truth.mean(axis=0), axis=1).mean()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_mixed_records_lie_between_two_of_one_class_and_fold(kind: Kind) -> None:
    rows, target = of_kind(kind, 60)
    more, known = augmented(rows, target, "mixup")
    assert len(rows) < len(more) <= 2 * len(rows) and len(known) == len(more)
    assert np.array_equal(more.vectors["picture"][:60], rows.vectors["picture"])
    blocks = more.groups
    for row in range(60, len(more)):
        own = np.flatnonzero(blocks[:60] == blocks[row])
        if kind in ("classes", "grades", "labels"):
            own = own[(target.values[own] == known.values[row]).all(axis=1)]
        x = rows.vectors["picture"][own]
        # Between two of these: the way from one to it and on to the other is no detour.
        there = np.linalg.norm(x - more.vectors["picture"][row], axis=1)
        detour = there[:, None] + there[None, :]
        apart = np.linalg.norm(x[:, None] - x[None, :], axis=2)
        apart[np.diag_indices(len(x))] = -1
        assert (detour - apart).min() < 1e-3


def test_a_fusion_learns_from_more_and_is_asked_about_the_same() -> None:
    rows, target, _ = _linear()
    plain, more = (make("augmented", augment=how).fit(rows, target) for how in ("", "mean"))
    late = make("late").fit(rows, target)
    assert plain.scores(rows) == pytest.approx(late.scores(rows))
    assert np.abs(more.scores(rows) - late.scores(rows)).max() > 1e-3


def test_refuses_an_unknown_way() -> None:
    with pytest.raises(InputError, match="mixup"):
        make("augmented", augment="mixupp")
