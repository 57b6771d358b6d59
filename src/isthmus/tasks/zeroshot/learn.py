"""Learning classes once, to classify any number of items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.contracts import Progress
from isthmus.core.errors import InputError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F64
from isthmus.core.record import Failure
from isthmus.core.view import TEXT
from isthmus.core.wording import count
from isthmus.media.source import is_picture, item_from_path, picture_item
from isthmus.pipeline import VectorCache
from isthmus.prompts.calibration import conformal_cut, needed_for
from isthmus.prompts.choice import Choice, choose
from isthmus.prompts.hierarchy import Level, levels, node_weight
from isthmus.prompts.methods import METHODS, method
from isthmus.prompts.support import Support, log_softmax, prototype
from isthmus.space import Space
from isthmus.space.things import Thing, as_item
from isthmus.tasks.retrieval.views import WayOut, view_meant
from isthmus.tasks.zeroshot.classes import ClassSpec, spoken
from isthmus.tasks.zeroshot.fuse import added
from isthmus.tasks.zeroshot.options import AUTO, ClassifyOptions
from isthmus.tasks.zeroshot.results import Classification, Classified, Learned, Node
from isthmus.tasks.zeroshot.words import SCALE, class_words

WORDS = WayOut("reads the words", "asked_as", "--as")
ITEMS = WayOut("the items belong to", "view", "--view")
_SAME = 0.9999
"""Cosine from which a shot is one that the space has learned from."""


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
        self.notes: list[str] = []
        self._levels = levels([spec.name for spec in specs])
        self._choices: dict[str, Choice] = {}
        self._learned: dict[str, Learned] = {}
        self._held: dict[str, tuple[F64, float | None]] = {}
        self._examples: dict[str, list[str]] = {}
        self._words_view = ""
        if any(spec.words for spec in specs):
            self._words_view = view_meant(
                space, TEXT, named=options.asked_as or None, way_out=WORDS
            )

    def __call__(
        self, items: Thing | Iterable[Thing] | Mapping[str, Sequence[Any]]
    ) -> Classification:
        """Classify items, or records of several views; arguments as of :func:`classify`."""
        failures: list[Failure] = []
        rows, sources = self._rows(items, failures)
        said: dict[str, F64] = {}
        views: list[list[str]] = [[] for _ in sources]
        for view in dict.fromkeys(view for _, view, _ in rows):
            own = [(place, item) for place, known, item in rows if known == view]
            things = [item for _, item in own]
            done = self.space.embed(things, view, cache=self.cache, progress=self.progress)
            failures += done.failures
            for at in np.flatnonzero(done.ok).tolist():
                views[own[at][0]].append(view)
            if done.ok.any():
                places = np.array([place for place, _ in own])[done.ok]
                own_vectors = done.vectors[done.ok].astype(np.float64)
                said[view] = np.zeros((len(sources), len(self.specs)))
                said[view][places] = self._choice(view).log_probabilities(own_vectors)
        usable = [place for place in range(len(sources)) if views[place]]
        if not usable:
            raise none_usable(failures)
        probabilities = np.exp(log_softmax(added(said, self._choices, self._examples)[usable]))
        made = [
            self._said(sources[place], row, views[place])
            for place, row in zip(usable, probabilities, strict=True)
        ]
        return Classification(
            tuple(spec.name for spec in self.specs),
            made,
            list(self._learned.values()),
            [*self.failures, *failures],
            tuple(dict.fromkeys(self.notes)),
        )

    def _rows(
        self, items: Any, failures: list[Failure]
    ) -> tuple[list[tuple[int, str, MediaItem]], list[str]]:
        """Place, view and item of everything that there is, and what each place is called."""
        rows: list[tuple[int, str, MediaItem]] = []
        if isinstance(items, Mapping):
            columns = {view: list(column) for view, column in items.items()}
            if not columns:
                raise InputError("items: the mapping names no view; write: {'image': ['a.jpg']}")
            if len({len(column) for column in columns.values()}) != 1:
                sizes = ", ".join(f"{v} has {len(column)}" for v, column in columns.items())
                raise InputError(f"place i of every view must be one record, but {sizes}")
        else:
            columns = {"": listed(items)}
        size = len(next(iter(columns.values())))
        sources = [""] * size
        for view, column in columns.items():
            named = view or self.options.view or None
            for place, thing in enumerate(column):
                if thing is None:
                    continue
                try:
                    item, known = item_and_view(self.space, thing, named)
                except MediaError as error:
                    failures.append(Failure(error.source, error.reason))
                    continue
                rows.append((place, known, item))
                sources[place] = sources[place] or item.source
        return rows, sources

    def _choice(self, view: str) -> Choice:
        if view not in self._choices:
            self._choices[view] = self._learn(view)
        return self._choices[view]

    def support(self, view: str) -> Support:
        """Words and examples of a view, as vectors of the space."""
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
            known = (np.array(items, dtype=np.float32) @ bank.T).max(axis=1) > _SAME
        where = np.array(labels, dtype=np.intp)
        return Support(prototypes, np.array(items), where, scale, known)

    def _learn(self, view: str) -> Choice:
        support, chosen = self.support(view), self.options.method
        methods = METHODS if chosen == AUTO else (method(chosen),)
        made = choose(support, methods)
        weight = node_weight(support.counts)
        if weight and len(self._levels) > 1:
            above = [
                (level, choose(self._nodes_support(view, level, support), methods))
                for level in self._levels[:-1]
            ]
            made = made.beneath(above, weight)
        self._told(view, support, made)
        return made

    def _nodes_support(self, view: str, level: Level, support: Support) -> Support:
        """The nodes of a level by their own names and the shots of all their classes."""
        words = np.zeros((len(level.names), self.space.dim))
        if self._words_view:
            given = {spec.name: spec.words for spec in self.specs}
            specs = [
                ClassSpec(name, given.get(name, ()) or (spoken(name),)) for name in level.names
            ]
            words = class_words(
                self.space,
                specs,
                self.space.modalities[view],
                self._words_view,
                self.options,
                self.cache,
            ).vectors
        return support.above(words, level.member)

    def _words(self, view: str) -> tuple[F64, float]:
        """Prototypes ``(K, d)`` by words, zeros where a class has none, and their scale."""
        if not self._words_view:
            return np.zeros((len(self.specs), self.space.dim)), SCALE
        modality = self.space.modalities[view]
        words = class_words(
            self.space, self.specs, modality, self._words_view, self.options, self.cache
        )
        self.notes += words.alike([spec.name for spec in self.specs])
        self.failures += words.failures
        return words.vectors, words.scale(self.space, self._words_view, view)

    def _shots(self, view: str) -> tuple[list[F64], list[int], dict[int, list[F64]]]:
        """Vectors and classes of the examples of a view; those of other views by class."""
        own: list[F64] = []
        labels: list[int] = []
        others: dict[int, list[F64]] = {}
        seen: dict[str, list[tuple[int, MediaItem]]] = {}
        reads = self.space.modalities
        self._examples[view] = []
        for number, spec in enumerate(self.specs):
            for item in spec.items:
                if item.modality == reads[view]:
                    seen.setdefault(view, []).append((number, item))
                elif item.modality not in reads.values():
                    why = f"is {item.modality}, which no view of the space reads"
                    self.failures.append(Failure(item.source, why))
                else:
                    own_view = view_meant(self.space, item.modality, way_out=ITEMS)
                    seen.setdefault(own_view, []).append((number, item))
        if strangers := sum(len(pairs) for known, pairs in seen.items() if known != view):
            self.notes.append(
                f"{count(strangers, 'example')} of other views only stand in for missing words of "
                f"a class of {view}"
            )
        for known, pairs in seen.items():
            done = self.space.embed([item for _, item in pairs], known, cache=self.cache)
            if known == view:
                self.failures += done.failures
            for (number, item), vector, ok in zip(pairs, done.vectors, done.ok, strict=True):
                if ok and known == view:
                    self._examples[view].append(_record(number, item))
                    own.append(vector.astype(np.float64))
                    labels.append(number)
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

    def _said(self, source: str, row: F64, views: Sequence[str]) -> Classified:
        """One item; what only left-out shots can tell is told where a single view had a say."""
        best, options = int(row.argmax()), self.options
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
            tuple(views),
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


def _record(number: int, item: MediaItem) -> str:
    """What names the record of an example: files of a class that share a stem are one."""
    return f"{number}/{Path(item.source).with_suffix('')}"


def none_usable(failures: Sequence[Failure]) -> InputError:
    """What is said where no item is left, with the first reason."""
    first = f"{failures[0].source}: {failures[0].reason}" if failures else "there is none"
    return InputError(f"none of the items can be used; {first}")


def listed(items: Any) -> list[Any]:
    """One thing or several, as a list."""
    one = isinstance(items, str | Path | bytes | MediaItem) or is_picture(items)
    return [items] if one else list(items)


def item_and_view(space: Space, thing: Any, named: str | None) -> tuple[MediaItem, str]:
    """A thing of a user's as an item, and the view that it belongs to.

    Args:
        space: Whose views there are.
        thing: A path, a picture or an item; where a view is named, whatever that reads.
        named: The view, where the user said it.

    Raises:
        InputError: If it is of another kind.
        MediaError: If the file cannot be read.
    """
    if named is not None and named in space.views:
        return as_item(thing, space.modalities[named]), named
    if is_picture(thing):
        thing = picture_item(thing)
    elif not isinstance(thing, MediaItem):
        if not isinstance(thing, str | Path):
            raise InputError("name the view of vectors and bytes: view='…'")
        thing = item_from_path(Path(thing).expanduser())
    return thing, view_meant(space, thing.modality, named=named, way_out=ITEMS)
