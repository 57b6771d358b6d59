"""How probable each of some labels is for an item, by words, by examples, or by both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, F64, l2_normalize
from isthmus.core.record import Failure
from isthmus.core.view import TEXT, Direction
from isthmus.core.wording import count
from isthmus.pipeline import VectorCache
from isthmus.space import Space
from isthmus.space.calibration import Background
from isthmus.tasks.retrieval.views import view_meant
from isthmus.tasks.zeroshot.classes import ClassSpec, label_specs
from isthmus.tasks.zeroshot.items import SAME, WORDS, examples_by_view
from isthmus.tasks.zeroshot.options import ClassifyOptions
from isthmus.tasks.zeroshot.words import class_words

if TYPE_CHECKING:
    from isthmus.tasks.zeroshot.classes import Given


@dataclass(frozen=True, slots=True)
class LabelCheck:
    """How well a label by examples knows an example that was left out.

    Attributes:
        label: Its name.
        view: Of the examples.
        examples: How many there are.
        above: Mean share of the space's own items of that view that are less probable than an
            example that was left out; guessing gets .5.
    """

    label: str
    view: str
    examples: int
    above: float


@dataclass(frozen=True, eq=False)
class _Examples:
    """Examples as vectors of the space.

    Attributes:
        labels: ``(n,)``, number of the label of each.
        views: Of each.
        vectors: ``(n, d)`` unit vectors.
        asked: ``(n, d)`` unit vectors, as words that say the same would lie.
    """

    labels: Sequence[int]
    views: Sequence[str]
    vectors: F64
    asked: F64


@dataclass(frozen=True, eq=False)
class Judges:
    """Labels of a space, judged for items of any view.

    An example is taken for words that say what it shows: its vector is moved by the mean difference
    between the training items of its view and the training texts, as views lie apart from one
    another in a space (Liang et al., "Mind the gap", 2022). So what the space has learned of scores
    from words holds for examples, too. The words of a label count as much as one example.

    Attributes:
        space: Whose calibration is used.
        specs: The labels.
        words_view: That reads their words.
        options: How.
        cache: Of native vectors.
        failures: Words and examples that could not be used.
        notes: What a reader should know.
    """

    space: Space
    specs: Sequence[ClassSpec]
    words_view: str
    options: ClassifyOptions
    cache: VectorCache | None
    failures: list[Failure]
    notes: list[str]

    @classmethod
    def of(
        cls,
        space: Space,
        labels: Iterable[str] | Mapping[str, Given] | None,
        shots: str | Path | Mapping[str, Given] | None,
        options: ClassifyOptions,
        cache: VectorCache | None,
    ) -> Judges:
        """Labels as a user gives them; arguments as of :func:`isthmus.annotate`.

        Raises:
            InputError: If there is no label, or the space has no view that reads words.
        """
        specs, failures = label_specs(labels, shots)
        words_view = view_meant(space, TEXT, named=options.asked_as or None, way_out=WORDS)
        return cls(space, specs, words_view, options, cache, failures, [])

    @property
    def names(self) -> tuple[str, ...]:
        """Of the labels."""
        return tuple(spec.name for spec in self.specs)

    def can(self, view: str) -> bool:
        """Whether there is a calibration from words to items of a view."""
        return Direction(self.words_view, view) in self.space.calibration

    def pass_over(self, view: str, items: int) -> None:
        """Note that items of a view get no label."""
        self.notes.append(f"{count(items, 'item')} of {view} got no label: {self._why_not(view)}")

    def _why_not(self, view: str) -> str:
        return f"the space has no calibration from {self.words_view} to {view}"

    def judge(self, view: str) -> Judge:
        """What judges items of a view.

        Raises:
            InputError: If the space has no calibration for them, or an example cannot be used and
                a label has nothing else.
        """
        if not self.can(view):
            raise InputError(
                f"{self._why_not(view)}, so it cannot say how probable a label is; use classify, "
                "which chooses one of several"
            )
        space, examples = self.space, self._examples
        modality = space.modalities[view]
        words = class_words(space, self.specs, modality, self.words_view, self.options, self.cache)
        self.failures.extend(each for each in words.failures if each not in self.failures)
        self.notes.extend(words.alike(self.names))
        spoken = np.asarray(words.vectors.any(axis=1))
        sums = words.vectors.copy()
        np.add.at(sums, np.array(examples.labels, dtype=np.intp), examples.asked)
        if (bare := np.flatnonzero(~sums.any(axis=1))).size:
            raise InputError(
                f"the label {self.names[bare[0]]!r} has neither words nor an example that can be "
                "used"
            )
        vectors = np.asarray(l2_normalize(sums), dtype=np.float32)
        judge = Judge(space, self.words_view, view, vectors, words.native, spoken)
        checks = tuple(self._checks(judge, sums))
        return replace(judge, checks=checks)

    @cached_property
    def _examples(self) -> _Examples:
        space = self.space
        once = (
            (number, item)
            for number, spec in enumerate(self.specs)
            for item in {item.id: item for item in spec.items}.values()  # each content once
        )
        seen = examples_by_view(space, once, self.options.view, self.failures)
        labels: list[int] = []
        views: list[str] = []
        rows, asked = [np.zeros((0, space.dim))], [np.zeros((0, space.dim))]
        for view, pairs in seen.items():
            done = space.embed([item for _, item in pairs], view, cache=self.cache)
            self.failures.extend(done.failures)
            x = done.vectors[done.ok].astype(np.float64)
            gap = space.typical(self.words_view) - space.typical(view)
            labels += [pairs[at][0] for at in np.flatnonzero(done.ok).tolist()]
            views += [view] * len(x)
            rows.append(x)
            asked.append(np.asarray(l2_normalize(x + gap), dtype=np.float64))
            self._note_seen(view, x)
        return _Examples(labels, views, np.vstack(rows), np.vstack(asked))

    def _note_seen(self, view: str, x: F64) -> None:
        """Say how many examples the space has learned from."""
        bank = self.space.banks[view]
        if len(x) and len(bank):
            known = int(((x.astype(np.float32) @ bank.T).max(axis=1) > SAME).sum())
            if known:
                self.notes.append(
                    f"the space has learned from {known} of {count(len(x), 'example')} of {view}, "
                    "so labels are checked too well; give examples that are new to it"
                )

    def _checks(self, judge: Judge, sums: F64) -> Iterable[LabelCheck]:
        """Each label by the examples of the judged view, left out in turn."""
        examples, trained = self._examples, len(self.space.banks[judge.view])
        labels = np.array(examples.labels, dtype=np.intp)
        own = np.array([view == judge.view for view in examples.views], dtype=bool)
        for number in np.unique(labels[own]).tolist():
            rows = np.flatnonzero(own & (labels == number))
            if len(rows) < 2 or not trained:
                continue
            without = sums[number] - examples.asked[rows]
            left = replace(
                judge,
                vectors=np.asarray(l2_normalize(without), dtype=np.float32),
                native=np.repeat(judge.native[number][None], len(rows), axis=0),
                spoken=np.repeat(judge.spoken[number], len(rows)),
            )
            items = examples.vectors[rows].astype(np.float32)
            mine, others = np.diagonal(left(items)), left.of_bank
            above = (others < mine).mean() + 0.5 * (others == mine).mean()
            yield LabelCheck(self.names[number], judge.view, len(rows), float(above))


@dataclass(frozen=True, eq=False)
class Judge:
    """The probability of every label for items of one view.

    Attributes:
        space: Whose calibration is used.
        words_view: From which labels are asked.
        view: Of the items.
        vectors: ``(K, d)`` unit vectors of the labels.
        native: ``(K, dim)``, what the encoder gave for their words; zeros where there are none.
        spoken: ``(K,)``, which labels have words.
        checks: How well labels by examples know an example that was left out.
    """

    space: Space
    words_view: str
    view: str
    vectors: F32
    native: F32
    spoken: np.ndarray
    checks: tuple[LabelCheck, ...] = ()

    def __call__(self, x: F32) -> F32:
        """``(n, K)`` of unit vectors ``(n, d)``."""
        return self._said(x, self.space.hubness(x, self.view))

    @property
    def of_bank(self) -> F32:
        """``(b, K)`` of the training items of the view."""
        return self._said(self.space.banks[self.view], self.space.bank_hubness(self.view))

    def _said(self, x: F32, near: F32) -> F32:
        hubness = near[:, self.space.views.index(self.words_view)]
        known = self.space.calibration[Direction(self.words_view, self.view)]
        said = known.probability(self.vectors @ x.T, hubness, self._background)
        return np.asarray(said.T, dtype=np.float32)

    @cached_property
    def _background(self) -> Background:
        """Of the labels; one that has examples alone is taken for one that means few items."""
        if not self.spoken.any():
            return self.space.backgrounds(self.vectors, self.words_view)[self.view]
        native = np.where(self.spoken[:, None], self.native, self.native[self.spoken.argmax()])
        found = self.space.backgrounds(self.vectors, self.words_view, native)[self.view]
        if found.breadth is None:
            return found
        return replace(found, breadth=np.where(self.spoken, found.breadth, np.float32(0)))
