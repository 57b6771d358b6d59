"""Tasks of ``transfer.py``: folders of stamps, in spaces that have not learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from _transfer_words import spoken
from isthmus.aligners import CCA
from isthmus.aligners.base import Aligner
from isthmus.core.linalg import F64
from isthmus.datasets import load
from isthmus.encoders import load as load_encoder
from isthmus.pipeline import default_cache, prepare
from isthmus.prompts.support import Labels, Support, prototype
from isthmus.prompts.templates import load as load_templates
from isthmus.tasks.zeroshot.words import SCALE

STYLES = {"cartoon", "toys"}
LEAST = 4
"""Stamps of a class, and classes of a task that can be halved."""
SHOTS = (2, 4)
TEST_LEAST = 2


@dataclass(frozen=True, eq=False)
class Folder:
    """Classes below a folder, and the rows of their stamps."""

    classes: tuple[str, ...]
    rows: Labels
    labels: Labels

    def split(self, seed: int) -> tuple[Labels, Labels]:
        """Places of the test, and of all others in the order in which they become shots."""
        rng = np.random.default_rng(seed)
        asked, rest = [], []
        for number in range(len(self.classes)):
            own = rng.permutation(np.flatnonzero(self.labels == number))
            half = max(TEST_LEAST, len(own) // 2)
            asked.append(own[:half])
            rest.append(own[half:])
        return np.concatenate(asked), np.concatenate(rest)

    def first(self, places: Labels, shots: int) -> Labels:
        """The first of these of each class."""
        own = self.labels[places]
        kept = [places[own == number][:shots] for number in range(len(self.classes))]
        return np.concatenate(kept)


@dataclass(frozen=True, eq=False)
class Task:
    """A folder in a space, with its test and its shots; the space has learned from neither."""

    folder: Folder
    space: Aligner
    words: F64
    items: F64
    asked: Labels
    rest: Labels

    @property
    def classes(self) -> tuple[str, ...]:
        """What the classes are called."""
        return self.folder.classes

    def support(self, places: Labels) -> Support:
        """Words and shots."""
        return Support(self.words, self.items[places], self.folder.labels[places], SCALE)

    def few(self, shots: int) -> Support:
        """Words and so many shots a class."""
        return self.support(self.folder.first(self.rest, shots))

    @property
    def test(self) -> tuple[F64, Labels]:
        """Vectors and classes of the test."""
        return self.items[self.asked], self.folder.labels[self.asked]


ENCODERS = {"image": "efficientnet-lite0"}
"""Named, so that figures can be compared with those of other releases."""


class Stamps:
    """Native vectors, folders and captions of all stamps."""

    def __init__(self) -> None:
        data = load("tuxpaint")
        self.pairs = prepare(data, ENCODERS, cache=default_cache()).pairs
        self.records = {each.id: each for each in data.records}
        self.captions = [self.records[n].items["text"].captions[0] for n in self.pairs.ids]
        assert self.pairs.groups is not None
        folders = [str(each).split("/") for each in self.pairs.groups]
        self.tops = np.array([each[0] for each in folders])
        self.leaves = np.array(["/".join(p for p in each if p not in STYLES) for each in folders])
        self.reader = load_encoder("universal")
        self.templates = load_templates()

    def folder(self, top: str) -> Folder:
        """The classes below a folder."""
        known, sizes = np.unique(self.leaves[self.tops == top], return_counts=True)
        leaves = known[sizes >= LEAST].tolist()
        rows = np.flatnonzero(np.isin(self.leaves, leaves))
        labels = np.array([leaves.index(each) for each in self.leaves[rows]], dtype=np.intp)
        return Folder(tuple(each.rpartition("/")[2] for each in leaves), rows, labels)

    def tasks(self, target: str, source: str, seed: int) -> tuple[Task, Task]:
        """The target and the source in a space that has not learned from what they use."""
        new, old = self.folder(target), self.folder(source)
        asked, rest = new.split(seed)
        taught, left = old.split(seed)
        unused = [new.rows[asked], new.rows[new.first(rest, max(SHOTS))], old.rows[taught]]
        keep = np.ones(len(self.pairs), dtype=bool)
        keep[np.concatenate(unused)] = False
        space = CCA(3.0, 1.0).fit(self.pairs.take(keep))
        return self._task(space, new, asked, rest), self._task(space, old, left, taught)

    def _task(self, space: Aligner, folder: Folder, asked: Labels, rest: Labels) -> Task:
        native = self.pairs.vectors["image"][folder.rows]
        items = space.transform(native, "image").astype(np.float64)
        words = [
            prototype(self.embed(space, self.templates.prompts(spoken(each), "en", "image")))
            for each in folder.classes
        ]
        return Task(folder, space, np.vstack(words), items, asked, rest)

    def embed(self, space: Aligner, texts: Sequence[str]) -> F64:
        """Texts in a space."""
        native = np.vstack([self.native(text) for text in texts])
        return space.transform(native, "text").astype(np.float64)

    @lru_cache(maxsize=50_000)  # noqa: B019 - one object a run
    def native(self, text: str) -> Any:
        """What the encoder makes of a text."""
        return self.reader.encode([(text,)])
