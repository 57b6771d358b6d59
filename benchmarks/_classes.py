"""Tasks of classification on Tux Paint: who is what, who is asked about, who may teach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.aligners.kernel import KernelCCA
from isthmus.core.linalg import l2_normalize
from isthmus.pipeline import Prepared
from isthmus.prompts.support import Support
from isthmus.selection import align
from isthmus.space import Space
from isthmus.tasks.zeroshot.classes import ClassSpec
from isthmus.tasks.zeroshot.options import ClassifyOptions
from isthmus.tasks.zeroshot.words import class_words

LEAST = 12
"""Stamps that a class of ``tuxpaint-15`` has at least."""
SHOTS = 8
"""Most shots a class."""
FIRST: Mapping[str, Any] = KernelCCA.search.grid[0]
"""The aligner of every task: kernel CCA with the first point of its grid, nothing chosen."""
ENGLISH = {
    "symbols/alphabets": "alphabet", "animals/mammals": "mammals", "animals/birds": "birds",
    "symbols/money": "money", "food/fruit": "fruit", "town/houses": "houses",
    "plants/flowers": "flowers", "symbols/math": "math", "town/roadsigns": "road signs",
    "food/vegetables": "vegetables", "animals/insects": "insects",
    "seasonal/christmas": "christmas", "seasonal/halloween": "halloween", "clothes": "clothes",
    "household/tools": "tools",
}  # fmt: skip
"""Names of folders in words."""
CHINESE = {
    "symbols/alphabets": "字母", "animals/mammals": "哺乳动物", "animals/birds": "鸟",
    "symbols/money": "钱", "food/fruit": "水果", "town/houses": "房子", "plants/flowers": "花",
    "symbols/math": "数学", "town/roadsigns": "路标", "food/vegetables": "蔬菜",
    "animals/insects": "昆虫", "seasonal/christmas": "圣诞节", "seasonal/halloween": "万圣节",
    "clothes": "衣服", "household/tools": "工具",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of a data set for one seed.

    Attributes:
        labels: ``(n,)`` class of every row, −1 for none.
        test: Rows that are asked about.
        pools: For each class the other rows, in the order in which they become shots.
    """

    labels: np.ndarray
    test: np.ndarray
    pools: Sequence[np.ndarray]

    @classmethod
    def of(cls, labels: np.ndarray, seed: int) -> Split:
        """Half of each class is the test."""
        rng = np.random.default_rng(seed)
        test, pools = [], []
        for k in range(labels.max() + 1):
            rows = rng.permutation(np.flatnonzero(labels == k))
            test.append(rows[: len(rows) // 2])
            pools.append(rows[len(rows) // 2 :])
        return cls(labels, np.concatenate(test), pools)

    def shots(self, count: int) -> np.ndarray:
        """The first so many of each class, or all there are."""
        return np.concatenate([pool[:count] for pool in self.pools]).astype(np.intp)

    def truth(self) -> np.ndarray:
        """Classes of the test rows."""
        return self.labels[self.test]


def folder_labels(ready: Prepared, keys: Sequence[str], depth: int = 2) -> np.ndarray:
    """Class of each row by the first parts of its folder."""
    groups = [str(group) for group in ready.pairs.groups]
    place = {key: number for number, key in enumerate(keys)}
    cut = ["/".join(group.split("/")[:depth]) for group in groups]
    return np.array([place.get(each, -1) for each in cut])


def fitted(ready: Prepared, without: np.ndarray) -> Space:
    """A space that has seen all rows but some."""
    keep = np.ones(len(ready.pairs), dtype=bool)
    keep[without] = False
    rows = ready.take(np.flatnonzero(keep))
    return align(rows, aligner="kernel-cca", params=dict(FIRST), nested=False)


def vectors(space: Space, ready: Prepared, view: str) -> np.ndarray:
    """All rows of a view in a space; zeros where a record has no such item."""
    there = ready.pairs.present[view]
    out = np.zeros((len(there), space.dim))
    out[there] = space.transform(ready.pairs.vectors[view][there], view)
    return out


def words(
    space: Space, names: Sequence[str], view: str, **options: Any
) -> tuple[np.ndarray, float]:
    """Prototypes of names, and the scale of the space for a view."""
    specs = [ClassSpec(name, (name,)) for name in names]
    modality = space.modalities[view]
    made = class_words(space, specs, modality, "text", ClassifyOptions(**options))
    return made.vectors, made.scale(space, "text", view)


def support(
    known: tuple[np.ndarray, float],
    x: np.ndarray,
    split: Split,
    count: int,
    *,
    seen: bool = True,
) -> Support:
    """Words with their scale, and so many shots of each class, from which the space learned."""
    rows = split.shots(count)
    marks = np.full(len(rows), seen)
    return Support(known[0], x[rows], split.labels[rows], known[1], marks)


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of unit length."""
    return l2_normalize(x.astype(np.float64))
