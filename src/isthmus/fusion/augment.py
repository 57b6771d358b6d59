"""More to learn from: missing views borrowed through the space, and records that are mixed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from isthmus.aligners import CCA
from isthmus.aligners.neighbours import nearest
from isthmus.aligners.traits import Search
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import F32, F64, Array, l2_normalize
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import families
from isthmus.core.validate import need, split_names
from isthmus.core.wording import did_you_mean
from isthmus.fusion import make
from isthmus.fusion.base import Fusion, State
from isthmus.fusion.inner import Labels, deal, group_codes
from isthmus.fusion.nested import pack, unpack
from isthmus.fusion.shapley import Shares
from isthmus.fusion.target import Target
from isthmus.moments.moments import Moments
from isthmus.moments.rows import of_rows

_RIDGE = 1.0
"""Of the conditional mean, relative to the mean eigenvalue; the default of ridge regression."""
_BLOCKS = 10
"""Only records of one block are mixed, and a block is never divided by folds."""
_NEEDED = 5
"""Records that have both views, below which nothing is known of one from the other."""

Data = tuple[PairedVectors, Target]


def check_augment(how: str) -> str:
    """Ways of augmentation, joined by ``+``; empty for none.

    Raises:
        InputError: Naming the first that is unknown.
    """
    for name in how.split("+") if how else ():
        if name not in WAYS:
            hint = did_you_mean(name, WAYS)
            raise InputError(f"no augmentation {name!r}; there are {', '.join(WAYS)}.{hint}")
    return how


def augmented(rows: PairedVectors, target: Target, how: str, *, seed: int = 0) -> Data:
    """Records and a target with more to learn from.

    * ``"mean"``: a missing view gets its mean given those that are there (the Gaussian of the
      moments of these records).
    * ``"nearest"``: it gets the vector of the item that lies nearest in a space in which a
      regularised CCA has joined the views of these records.
    * ``"mixup"``: for each record another one is added, between it and a record of the same
      class, by one share for all views (Zhang et al., "mixup", 2018, within a class as in Chawla
      et al., "SMOTE", 2002).

    Groups are widened so that what is alike by construction is never dealt into two folds.

    Args:
        rows: The records.
        target: Of the same records.
        how: The ways, joined by ``+`` and taken in this order.
        seed: Of what is drawn.
    """
    for name in check_augment(how).split("+") if how else ():
        rows, target = WAYS[name](rows, target, seed)
    return rows, target


def filled_by_mean(rows: PairedVectors, target: Target, seed: int) -> Data:
    """Missing views by their mean given those that are there."""
    moments = of_rows(rows)
    vectors, present = {}, {}
    for view in rows.views:
        x, here = rows.vectors[view].copy(), rows.present[view].copy()
        for pattern, lacking in _patterns(rows, view):
            known = [v for v in pattern if moments.count(v, view) >= _NEEDED]
            if known:
                x[lacking] = conditional_mean(moments, rows.take(lacking), known, view)
                here[lacking] = True
        vectors[view], present[view] = x, here
    return replace(rows, vectors=vectors, present=present), target


def conditional_mean(moments: Moments, rows: PairedVectors, known: list[str], view: str) -> F64:
    """Mean of a view given others, ``(n, d)``: ridge regression from the moments.

    Args:
        moments: Of records that have the views.
        rows: ``n`` records with all known views.
        known: The views that are given.
        view: The one that is asked for.
    """
    spectra = {v: moments.spectrum(v) for v in [*known, view]}
    blocks = [
        [np.diag(spectra[a][1]) if a == b else moments.between(a, b) for b in known] for a in known
    ]
    joint = np.block(blocks)
    ridge = [_RIDGE * spectra[v][1].sum() / moments.dims[v] for v in known]
    sizes = [len(spectra[v][1]) for v in known]
    joint[np.diag_indices_from(joint)] += np.repeat(ridge, sizes)
    # Covariances of different rows, where some lack a view, need not fit together.
    values, vectors = np.linalg.eigh((joint + joint.T) / 2)
    inverse = (vectors / np.maximum(values, min(ridge))) @ vectors.T
    cross = np.vstack([moments.between(v, view) for v in known])
    placed = [(rows.vectors[v] - moments.mean(v)) @ spectra[v][2] for v in known]
    inner = np.hstack(placed) @ (inverse @ cross)
    mean: F64 = moments.mean(view) + inner @ spectra[view][2].T
    return mean


def filled_by_nearest(rows: PairedVectors, target: Target, seed: int) -> Data:
    """Missing views by those of complete records that lie nearest in the space of a CCA."""
    whole = np.logical_and.reduce(list(rows.present.values()))
    donors = np.flatnonzero(whole)
    if len(donors) < _NEEDED or whole.all():
        return rows, target
    space = CCA().fit(rows)
    bank = {v: space.transform(rows.vectors[v][donors], v) for v in rows.views}
    vectors = {v: x.copy() for v, x in rows.vectors.items()}
    present = {v: here.copy() for v, here in rows.present.items()}
    lender = np.arange(len(rows))
    for view in rows.views:
        for pattern, lacking in _patterns(rows, view):
            asked = sum(space.transform(rows.vectors[v][lacking], v) for v in pattern)
            index, _ = nearest(_unit(asked), bank[view], 1)
            vectors[view][lacking] = rows.vectors[view][donors[index[:, 0]]]
            present[view][lacking] = True
            lender[lacking] = donors[index[:, 0]]
    joined = _joined(group_codes(rows), lender)
    return replace(rows, vectors=vectors, present=present, groups=joined), target


def _unit(x: Any) -> F32:
    return np.asarray(l2_normalize(np.asarray(x, dtype=np.float32)), dtype=np.float32)


def _joined(groups: Labels, lender: Labels) -> Labels:
    """Groups, those of borrowers and lenders made one; as they were if that would be all."""
    keys: list[list[Hashable]] = [
        [int(groups[row]), int(groups[other])] for row, other in enumerate(lender)
    ]
    joined = np.array(families(keys), dtype=np.intp)
    return joined if len(np.unique(joined)) > 1 else groups


def _patterns(rows: PairedVectors, view: str) -> list[tuple[list[str], Labels]]:
    """Records that lack a view, by which others they have; those that have none are left out."""
    there = np.column_stack([rows.present[v] for v in rows.views])
    lacking = np.flatnonzero(~rows.present[view] & there.any(axis=1))
    if not len(lacking):
        return []
    kinds, place = np.unique(there[lacking], axis=0, return_inverse=True)
    place = place.ravel()
    return [
        ([v for v, has in zip(rows.views, kind, strict=True) if has], lacking[place == number])
        for number, kind in enumerate(kinds)
    ]


def mixed(rows: PairedVectors, target: Target, seed: int) -> Data:
    """For each record another one between it and one of its class."""
    try:
        blocks = deal(rows, target, _BLOCKS, seed)
    except DataError:  # one group: it is not divided in any case
        blocks = np.zeros(len(rows), dtype=np.intp)
    rng = np.random.default_rng(seed)
    first, second = _partners(target, blocks, rng)
    share = rng.random((len(first), 1))

    def between(values: F64) -> F64:
        found: F64 = share * values[first] + (1 - share) * values[second]
        return found

    vectors = {
        v: np.concatenate([x, between(x.astype(np.float64)).astype(np.float32)])
        for v, x in rows.vectors.items()
    }
    present = {v: np.concatenate([p, p[first] & p[second]]) for v, p in rows.present.items()}
    values = np.concatenate([target.values, between(target.values)])
    if target.kind in ("classes", "grades", "labels"):
        values[len(target) :] = target.values[first]
    groups = np.concatenate([blocks, blocks[first]])
    more = PairedVectors(vectors, present, groups=groups if blocks.any() else None)
    return more, replace(target, values=values)


def _partners(target: Target, blocks: Labels, rng: np.random.Generator) -> tuple[Labels, Labels]:
    """Records, and for each another of its block and class; of a number, one of a near value."""
    classes = target.values if target.kind in ("classes", "grades", "labels") else None
    if target.kind == "survival":
        classes = target.values[:, 1:]
    keys = np.column_stack([blocks] if classes is None else [blocks, classes])
    _, place = np.unique(keys, axis=0, return_inverse=True)
    order = rng.permutation(len(target))
    if target.kind in ("number", "survival"):
        order = np.argsort(target.values[:, 0], kind="stable")
    first, second = [], []
    for kind in range(int(place.max()) + 1):
        own = order[place.ravel()[order] == kind]
        if len(own) > 1:
            first.append(own)
            second.append(np.concatenate([own[1:], own[-2:-1]]))
    none = np.zeros(0, dtype=np.intp)
    return np.concatenate([none, *first]), np.concatenate([none, *second])


WAYS: Mapping[str, Callable[[PairedVectors, Target, int], Data]] = {
    "mean": filled_by_mean,
    "nearest": filled_by_nearest,
    "mixup": mixed,
}
"""By the name that users type."""


class Augmented(Fusion):
    """Another fusion, learned from more: see :func:`augmented`.

    Only what it learns from is changed; records that are asked about stay as they are.

    Args:
        fusion: Id of the other one, with its own defaults.
        augment: Ways of augmentation, joined by ``+``.
        seed: Of what is drawn.
    """

    name = "augmented"
    holds_others = True
    search = Search(
        place=110,
        grid=tuple({"augment": how} for how in ("mixup", "mean", "nearest")),
        cost=0.5,
    )

    def __init__(self, fusion: str = "late", augment: str = "mixup", *, seed: int = 0) -> None:
        self.fusion, self.augment, self.seed = fusion, check_augment(augment), seed

    def _fit(self, rows: PairedVectors, target: Target, memo: Memo) -> None:
        more, known = augmented(rows, target, self.augment, seed=self.seed)
        self._inner = make(self.fusion).fit(more, known)

    def _scores(self, rows: PairedVectors) -> F64:
        return self._inner.scores(rows)

    def _shares(self, rows: PairedVectors) -> Shares:
        return self._inner.shares(rows)

    def state(self) -> State:
        """The other fusion."""
        document, tensors = pack(self._inner, "inner.")
        return {"inner": document}, tensors

    def restore(self, document: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take back what :meth:`state` gave."""
        need(set(document) == {"inner"}, "need the fusion inside, and nothing else")
        groups = split_names(tensors)
        self._inner = unpack(document["inner"], groups.pop("inner", {}), self)
        need(not groups, "there are arrays of no fusion")
