from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.selection.kinds import class_scale


class Same:
    """An aligner for views that lie in one space already."""

    def transform(self, x: F32, view: str, /) -> F32:
        return np.asarray(l2_normalize(x), dtype=np.float32)


def rows(groups: int = 8, each: int = 12, noise: float = 1.0, seed: int = 0) -> PairedVectors:
    """Words and items around the centres of groups."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(size=(groups, 16)), each, axis=0)
    labels = np.repeat(np.arange(groups), each)
    vectors = {
        view: (centres + noise * rng.normal(size=centres.shape)).astype(np.float32)
        for view in ("words", "items")
    }
    return PairedVectors(vectors, groups=labels)


def folds(*some: PairedVectors) -> list[tuple[Same, PairedVectors, PairedVectors]]:
    return [(Same(), held, held) for held in some]


def by_hand(held: PairedVectors, scale: float) -> float:
    """Cross-entropy item by item, the own words of an item left out of its class."""
    words, items = (l2_normalize(held.vectors[v].astype(float)) for v in ("words", "items"))
    labels = np.asarray(held.groups)
    total = 0.0
    for i, item in enumerate(items):
        cosines = []
        for k in np.unique(labels):
            mean = words[(labels == k) & (np.arange(len(labels)) != i)].sum(axis=0)
            cosines.append(item @ mean / np.linalg.norm(mean))
        logits = scale * np.array(cosines)
        total += np.log(np.exp(logits).sum()) - logits[labels[i]]
    return total


@pytest.mark.parametrize("noise", [1.0, 2.0])
def test_the_scale_has_the_least_cross_entropy(noise: float) -> None:
    held = rows(noise=noise)
    scale = class_scale(folds(held), "words", "items")
    assert scale is not None
    best = by_hand(held, scale)
    assert best < by_hand(held, 0.97 * scale) and best < by_hand(held, 1.03 * scale)


def test_a_noisier_view_has_a_lower_scale() -> None:
    clear, vague = (class_scale(folds(rows(noise=x)), "words", "items") for x in (1.0, 3.0))
    assert clear is not None and vague is not None and vague < 0.7 * clear


def test_nothing_is_said_without_groups_or_with_too_few_items() -> None:
    held = rows()
    assert class_scale(folds(PairedVectors(held.vectors)), "words", "items") is None
    assert class_scale(folds(rows(groups=3)), "words", "items") is None  # 36 items
    assert class_scale(folds(rows(groups=1, each=90)), "words", "items") is None


def test_items_that_are_called_the_same_do_not_give_themselves_away() -> None:
    """A caption that all items of a group share is no description of the group by others."""
    held = rows(noise=3.0)
    shared = held.vectors["words"].copy()
    for k in np.unique(np.asarray(held.groups)):
        own = np.asarray(held.groups) == k
        shared[own] = shared[own][0]
    vectors = {"words": shared, "items": held.vectors["items"]}
    assert class_scale(folds(PairedVectors(vectors, groups=held.groups)), "words", "items") is None
