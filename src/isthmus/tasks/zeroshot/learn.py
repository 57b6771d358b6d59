"""Learning classes once, to classify any number of items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.contracts import Progress
from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F64
from isthmus.core.record import Failure
from isthmus.core.view import TEXT
from isthmus.core.wording import count
from isthmus.pipeline import VectorCache
from isthmus.prompts.calibration import conformal_cut, needed_for
from isthmus.prompts.choice import Choice, choose
from isthmus.prompts.hierarchy import SEPARATOR, Level, levels, node_weight
from isthmus.prompts.methods import METHODS, FewShot, method
from isthmus.prompts.support import Support, log_softmax, prototype
from isthmus.space import Space
from isthmus.space.things import Thing
from isthmus.tasks.retrieval.views import view_meant
from isthmus.tasks.zeroshot.classes import ClassSpec, spoken
from isthmus.tasks.zeroshot.fuse import added
from isthmus.tasks.zeroshot.generated import Generator
from isthmus.tasks.zeroshot.items import (
    SAME,
    WORDS,
    EmbeddedItems,
    ItemsByView,
    examples_by_view,
    none_usable,
)
from isthmus.tasks.zeroshot.options import AUTO, ClassifyOptions
from isthmus.tasks.zeroshot.results import (
    Classification,
    Classified,
    GeneratedPrompts,
    Learned,
    Node,
)
from isthmus.tasks.zeroshot.words import SCALE, class_words


class Classifier:
    """Classes of a space, learned for each view when the first item of it comes.

    Args:
        space: Whose encoders and heads are used.
        specs: The classes.
        options: How.
        failures: Examples that could not be read.
        cache: Of native vectors.
        progress: Told as items are encoded.
    """

    def __init__(
        self,
        space: Space,
        specs: Sequence[ClassSpec],
        options: ClassifyOptions,
        *,
        failures: Iterable[Failure] = (),
        cache: VectorCache | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.space, self.specs, self.options = space, list(specs), options
        self.cache, self.progress = cache, progress
        self.failures = list(failures)
        self.notes = list(_both([spec.name for spec in specs]))
        self._levels = levels([spec.name for spec in specs])
        self._choices: dict[str, Choice] = {}
        self._supports: dict[str, Support] = {}
        self._examples: dict[str, list[MediaItem]] = {}
        self._records: dict[str, list[str]] = {}
        self._learned: dict[str, Learned] = {}
        self._generated: dict[str, GeneratedPrompts] = {}
        self._held: dict[str, tuple[F64, float | None]] = {}
        self.words_view = ""
        if any(spec.words for spec in specs):
            self.words_view = view_meant(space, TEXT, named=options.asked_as or None, way_out=WORDS)

    def __call__(
        self, items: Thing | Iterable[Thing] | Mapping[str, Sequence[Any]]
    ) -> Classification:
        """Classify items, or records of several views; arguments as of :func:`classify`."""
        return self.say(self.embed(items))

    def named(self, items: Thing | Iterable[Thing] | Mapping[str, Sequence[Any]]) -> ItemsByView:
        """Items by view, not encoded yet, for :meth:`embed`."""
        return ItemsByView.of(self.space, items, self.options.view)

    def embed(
        self, items: ItemsByView | Thing | Iterable[Thing] | Mapping[str, Sequence[Any]]
    ) -> EmbeddedItems:
        """Items as vectors, for :meth:`say`."""
        given = items if isinstance(items, ItemsByView) else self.named(items)
        return EmbeddedItems.of(given, self.cache, self.progress)

    def say(self, given: EmbeddedItems) -> Classification:
        """What embedded items are.

        Raises:
            InputError: If none of them can be used.
        """
        said: dict[str, F64] = {}
        for view, rows in given.rows.items():
            said[view] = np.zeros((len(given.sources), len(self.specs)))
            said[view][list(rows.places)] = self.choice(view).log_probabilities(rows.vectors)
        usable = given.usable
        if not usable:
            raise none_usable(given.failures)
        probabilities = np.exp(log_softmax(added(said, self._choices, self._records)[usable]))
        made = [
            self._said(given.sources[place], row, given.items[place])
            for place, row in zip(usable, probabilities, strict=True)
        ]
        return Classification(
            tuple(spec.name for spec in self.specs),
            made,
            list(self._learned.values()),
            [*self.failures, *given.failures],
            tuple(dict.fromkeys(self.notes)),
        )

    def choice(self, view: str) -> Choice:
        """What was learned for a view, once it was asked for."""
        if view not in self._choices:
            self._choices[view] = self._learn(view)
        return self._choices[view]

    def support(self, view: str) -> Support:
        """Words and examples of a view, as vectors of the space; found once."""
        if view not in self._supports:
            self._supports[view] = self._generate(view, self._support(view))
        return self._supports[view]

    def _support(self, view: str) -> Support:
        prototypes, scale = self._words(view)
        items, labels, others = self._shots(view)
        for number, spec in enumerate(self.specs):
            if not prototypes[number].any() and number in others:
                prototypes[number] = prototype(np.vstack(others[number]))
            if not prototypes[number].any() and number not in labels:
                raise InputError(
                    f"the class {spec.name!r} has neither words nor an example that can be used"
                )
        known = np.zeros(0, dtype=bool)
        if items:
            bank = self.space.banks[view]
            cosines = np.array(items, dtype=np.float32) @ bank.T
            known = cosines.max(axis=1, initial=-1.0) > SAME
        where = np.array(labels, dtype=np.intp)
        return Support(prototypes, np.array(items), where, scale, known)

    def examples(self, view: str) -> Sequence[MediaItem]:
        """The items of a view's shots, in their order."""
        self.support(view)
        return self._examples[view]

    @property
    def methods(self) -> tuple[FewShot, ...]:
        """Those that may be chosen."""
        chosen = self.options.method
        return METHODS if chosen == AUTO else (method(chosen),)

    def _learn(self, view: str) -> Choice:
        support = self.support(view)
        made = choose(support, self.methods)
        weight = node_weight(support.counts)
        if weight and len(self._levels) > 1:
            above = [
                (level, choose(self._nodes_support(view, level, support), self.methods))
                for level in self._levels[:-1]
            ]
            made = made.beneath(above, weight)
        self._told(view, support, made)
        return made

    def _nodes_support(self, view: str, level: Level, support: Support) -> Support:
        """The nodes of a level by their own names and the shots of all their classes."""
        words = np.zeros((len(level.names), self.space.dim))
        if self.words_view:
            given = {spec.name: spec.words for spec in self.specs}
            specs = [
                ClassSpec(name, given.get(name, ()) or (spoken(name),)) for name in level.names
            ]
            words = class_words(
                self.space,
                specs,
                self.space.modalities[view],
                self.words_view,
                self.options,
                self.cache,
                progress=self.progress,
            ).vectors
        return support.above(words, level.member)

    def _generate(self, view: str, support: Support) -> Support:
        """The same by generated prompts, where those were asked for and are kept."""
        if not self.options.sources:
            return support
        modality = self.space.modalities[view]
        made = Generator.of(
            self.space, self.specs, self.words_view, modality, self.options, self.cache,
            self.progress,
        )  # fmt: skip
        self.notes += made.notes
        support, self._generated[view] = made.improved(support)
        return support

    def _words(self, view: str) -> tuple[F64, float]:
        """Prototypes ``(K, d)`` by words, zeros where a class has none, and their scale."""
        if not self.words_view:
            return np.zeros((len(self.specs), self.space.dim)), SCALE
        modality = self.space.modalities[view]
        words = class_words(
            self.space, self.specs, modality, self.words_view, self.options, self.cache,
            progress=self.progress,
        )  # fmt: skip
        self.notes += words.alike([spec.name for spec in self.specs])
        self.failures += words.failures
        return words.vectors, words.scale(self.space, self.words_view, view)

    def _shots(self, view: str) -> tuple[list[F64], list[int], dict[int, list[F64]]]:
        """Vectors and classes of the examples of a view; those of other views by class."""
        own: list[F64] = []
        labels: list[int] = []
        others: dict[int, list[F64]] = {}
        self._examples[view], self._records[view] = [], []
        given = ((number, item) for number, spec in enumerate(self.specs) for item in spec.items)
        seen = examples_by_view(self.space, given, view, self.failures)
        if strangers := sum(len(pairs) for known, pairs in seen.items() if known != view):
            self.notes.append(
                f"{count(strangers, 'example')} of other views only stand in for missing words of "
                f"a class of {view}"
            )
        for known, pairs in seen.items():
            done = self.space.embed(
                [item for _, item in pairs], known, cache=self.cache, progress=self.progress
            )
            if known == view:
                self.failures += done.failures
            for (number, item), vector, ok in zip(pairs, done.vectors, done.ok, strict=True):
                if ok and known == view:
                    self._records[view].append(_record(number, item))
                    own.append(vector.astype(np.float64))
                    labels.append(number)
                    self._examples[view].append(item)
                elif ok:
                    others.setdefault(number, []).append(vector.astype(np.float64))
        return own, labels, others

    def _told(self, view: str, support: Support, made: Choice) -> None:
        """Keep how it was learned, and note what limits it."""
        self._learned[view] = Learned(
            view,
            len(support.items),
            made.method,
            made.reason,
            made.params,
            made.temperature,
            made.tried,
            made.not_tried,
            len(made.labels),
            self._generated.get(view),
        )
        if not len(support.items):
            return
        counts = support.counts
        needed = needed_for(self.options.coverage)
        if len(made.labels) < needed:
            self.notes.append(
                f"sets of likely labels need {needed} examples of {view} that can be left out, "
                f"there are {len(made.labels)}"
            )
        if counts.max() >= 10 * max(counts.min(), 1):
            few = self.specs[int(counts.argmin())].name
            self.notes.append(
                f"{few!r} has {count(int(counts.min()), 'example')} of {view} and "
                f"{self.specs[int(counts.argmax())].name!r} has {int(counts.max())}; the first "
                "relies on its words"
            )
        assert support.seen is not None
        if known := int(support.seen.sum()):
            self.notes.append(
                f"the space has learned from {known} of {count(len(support.items), 'example')} of "
                f"{view}, so probabilities are too sure; give examples that are new to it"
            )

    def _said(self, source: str, row: F64, items: Mapping[str, MediaItem]) -> Classified:
        """One item; what only left-out shots can tell is told where a single view had a say."""
        best, options, views = int(row.argmax()), self.options, tuple(items)
        likely, unlike = None, None
        if len(views) == 1 and self._learned[views[0]].shots:
            sure, cut = self._left_out(views[0])
            if len(sure) >= needed_for(1 - options.none):
                unlike = float((1 + (sure <= row[best]).sum()) / (1 + len(sure)))
            likely = None if cut is None else self._likely(cut, row)
        none = row[best] < options.least or (unlike is not None and unlike < options.none)
        return Classified(
            source,
            None if none else self.specs[best].name,
            float(row[best]),
            row,
            likely,
            unlike,
            self._nodes(row),
            items,
        )

    def _left_out(self, view: str) -> tuple[F64, float | None]:
        """The best probability of each left-out shot ``(h,)``, and the cut of conformal sets."""
        if view not in self._held:
            made = self._choices[view]
            held: tuple[F64, float | None] = np.zeros(0), None
            if len(made.labels):
                said = np.exp(made.left_out)
                cut = conformal_cut(said, made.labels, self.options.coverage)
                held = said.max(axis=1), cut
            self._held[view] = held
        return self._held[view]

    def _likely(self, cut: float, row: F64) -> tuple[str, ...]:
        """The conformal set of one item; its best class where that is empty."""
        order = np.argsort(-row, kind="stable")
        inside = [k for k in order if row[k] >= cut] or [order[0]]
        return tuple(self.specs[k].name for k in inside)

    def _nodes(self, row: F64) -> tuple[Node, ...]:
        """The most probable node at each level of a tree."""
        nodes = []
        for level in self._levels if len(self._levels) > 1 else ():
            share = level.probabilities(row[None])[0]
            top = int(share.argmax())
            nodes.append(Node(level.names[top], float(share[top])))
        return tuple(nodes)


def _both(names: Sequence[str]) -> Iterator[str]:
    """Notes on classes that stand above other classes of a tree."""
    below: dict[str, str] = {}
    for name in names:
        parts = name.split(SEPARATOR)
        for end in range(1, len(parts)):
            below.setdefault(SEPARATOR.join(parts[:end]), name)
    for name in names:
        if name in below:
            yield (
                f"{name!r} is a class beside {below[name]!r}, so it competes with it; leave it "
                f"out, or call it {name + SEPARATOR}other"
            )


def _record(number: int, item: MediaItem) -> str:
    """What names the record of an example: files of a class that share a stem are one."""
    return f"{number}/{Path(item.source).with_suffix('')}"
