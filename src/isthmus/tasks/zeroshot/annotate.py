"""Labels for items, any number of them, each with its own probability."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.core.contracts import Progress
from isthmus.core.errors import InputError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.record import Failure
from isthmus.core.view import TEXT, Direction
from isthmus.pipeline import VectorCache
from isthmus.space import Space
from isthmus.tasks.retrieval.views import view_meant
from isthmus.tasks.zeroshot.classes import ClassSpec, label_specs
from isthmus.tasks.zeroshot.embedded import item_and_view, listed, none_usable
from isthmus.tasks.zeroshot.learn import WORDS
from isthmus.tasks.zeroshot.options import ClassifyOptions
from isthmus.tasks.zeroshot.words import ClassWords, class_words

if TYPE_CHECKING:
    from isthmus.space.things import Thing

LEAST = 0.5
"""Probability from which on a label is given: it is then more likely right than wrong."""
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Label:
    """A label and how probable it is that it fits."""

    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Annotated:
    """The labels of one item.

    Attributes:
        source: What the user knows it by.
        view: Of the space.
        item: Hash of its content.
        labels: Most probable first.
    """

    source: str
    view: str
    item: str
    labels: tuple[Label, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        named = [
            {"label": x.name, "probability": round(x.probability, _DIGITS)} for x in self.labels
        ]
        return {"source": self.source, "view": self.view, "labels": named}


@dataclass(frozen=True, eq=False)
class Annotation:
    """The labels of every item that could be used.

    Attributes:
        names: All labels that were looked for.
        items: One an item.
        failures: Items that could not be used.
        notes: Labels that nearly mean the same.
    """

    names: tuple[str, ...]
    items: Sequence[Annotated]
    failures: Sequence[Failure]
    notes: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "labels": list(self.names),
            "items": [item.to_json() for item in self.items],
            "left_out": [{"source": f.source, "reason": f.reason} for f in self.failures],
            "notes": list(self.notes),
        }


def annotate(
    space: Space,
    items: Thing | Iterable[Thing],
    labels: Iterable[str] | Mapping[str, str | Sequence[str]],
    *,
    least: float = LEAST,
    most: int | None = None,
    options: ClassifyOptions | None = None,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Annotation:
    """Give each item every label that fits it.

    A label is judged by itself: what is told is the calibrated probability of a search for its
    words that the item is a match, so several labels may fit, or none.

    Args:
        space: Whose encoders, heads and calibration are used.
        items: As for :func:`isthmus.classify`.
        labels: Names; or by name, other words for it in any language.
        least: Labels that are less probable are left out.
        most: At most so many labels an item; None for all.
        options: How; methods that learn from examples have no part in it.
        cache: Of native vectors.
        progress: Told as items are encoded.
        **changes: Fields of :class:`ClassifyOptions`.

    Raises:
        InputError: If there is no label, the space has no calibration from words to the items, or
            an option cannot be used.
    """
    chosen = ClassifyOptions.of(options, **changes)
    specs = label_specs(labels)
    words_view = view_meant(space, TEXT, named=chosen.asked_as or None, way_out=WORDS)
    failures: list[Failure] = []
    found: list[tuple[MediaItem, str]] = []
    for thing in listed(items):
        try:
            found.append(item_and_view(space, thing, chosen.view or None))
        except MediaError as error:
            failures.append(Failure(error.source, error.reason))
    out: dict[int, Annotated] = {}
    notes: list[str] = []
    for view in dict.fromkeys(view for _, view in found):
        judge = Judge(space, specs, words_view, view, chosen, cache)
        places = [place for place, (_, own) in enumerate(found) if own == view]
        things = [found[place][0] for place in places]
        done = space.embed(things, view, cache=cache, progress=progress)
        failures += [*judge.words.failures, *done.failures]
        notes += judge.words.alike([spec.name for spec in specs])
        good = np.flatnonzero(done.ok).tolist()
        for at, row in zip(good, judge(done.vectors[good]), strict=True):
            item, named = things[at], given_labels(specs, row, least, most)
            out[places[at]] = Annotated(item.source, view, item.id, named)
    if not out:
        raise none_usable(failures)
    names = tuple(spec.name for spec in specs)
    return Annotation(names, [out[p] for p in sorted(out)], failures, tuple(dict.fromkeys(notes)))


def given_labels(
    specs: Sequence[ClassSpec], row: F32, least: float, most: int | None
) -> tuple[Label, ...]:
    """Those of probabilities ``(K,)`` that are given, most probable first.

    Raises:
        InputError: If ``least`` is no probability.
    """
    if not 0 <= least <= 1:
        raise InputError(f"least must lie in 0 … 1, got {least}")
    order = np.argsort(-row, kind="stable")[:most]
    return tuple(Label(specs[k].name, float(row[k])) for k in order if row[k] >= least)


class Judge:
    """The probability of every label for items of one view.

    Args:
        space: Whose calibration is used.
        specs: The labels.
        words_view: That reads them.
        view: Of the items.
        options: How.
        cache: Of native vectors.

    Raises:
        InputError: If the space has no calibration between these views.
    """

    @staticmethod
    def can(space: Space, words_view: str, view: str) -> bool:
        """Whether there is a calibration between these views."""
        return Direction(words_view, view) in space.calibration

    def __init__(
        self,
        space: Space,
        specs: Sequence[ClassSpec],
        words_view: str,
        view: str,
        options: ClassifyOptions,
        cache: VectorCache | None,
    ) -> None:
        known = space.calibration.get(Direction(words_view, view))
        if known is None:
            raise InputError(
                f"the space has no calibration from {words_view} to {view}, so it cannot say how "
                "probable a label is; use classify, which chooses one of several"
            )
        self.space, self.view, self.column = space, view, space.views.index(words_view)
        self.calibration = known
        modality = space.modalities[view]
        self.words: ClassWords = class_words(space, specs, modality, words_view, options, cache)
        self.vectors = self.words.vectors.astype(np.float32)
        self.background = space.backgrounds(self.vectors, words_view, self.words.native)[view]

    def __call__(self, x: F32) -> F32:
        """``(n, K)`` of unit vectors ``(n, d)``."""
        hubness = self.space.hubness(x, self.view)[:, self.column]
        said = self.calibration.probability(self.vectors @ x.T, hubness, self.background)
        return np.asarray(said.T, dtype=np.float32)


def read_labels(path: str | Path) -> list[str]:
    """Names from a text file, one a line; blank lines and such as begin with # do not count.

    Raises:
        InputError: If it cannot be read.
    """
    place = Path(path).expanduser()
    try:
        lines = place.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{place} cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{place} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
