"""Labels for items, any number of them, each with its own probability."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.core.contracts import Progress
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32
from isthmus.core.paths import expanded
from isthmus.core.record import Failure
from isthmus.core.wording import count
from isthmus.pipeline import VectorCache
from isthmus.space import Space
from isthmus.tasks.zeroshot.classes import ClassSpec
from isthmus.tasks.zeroshot.items import ItemsByView, none_usable
from isthmus.tasks.zeroshot.judging import Judges, LabelCheck
from isthmus.tasks.zeroshot.options import ClassifyOptions, check_least, check_most

if TYPE_CHECKING:
    from isthmus.space.things import Thing
    from isthmus.tasks.zeroshot.classes import Given

LEAST = 0.5
"""Probability from which on a label is given: it is then more likely right than wrong."""
_ALIKE = 0.75
"""Share of training items above which an example that is left out ranks, below which its label is
told to be doubtful: half way from a guess to no mistake."""
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
        notes: Labels that nearly mean the same, or whose examples have little in common; items
            that got no label.
        checks: How well labels by examples know one that was left out.
        removed: How many other labels of the items a store lost; None where none were to be
            removed.
    """

    names: tuple[str, ...]
    items: Sequence[Annotated]
    failures: Sequence[Failure]
    notes: Sequence[str]
    checks: Sequence[LabelCheck] = ()
    removed: int | None = None

    @property
    def labelled(self) -> int:
        """How many items got a label."""
        return sum(bool(item.labels) for item in self.items)

    @property
    def said(self) -> str:
        """On one line: ``"12 of 329 items got a label; 206 other labels were removed"``."""
        got = f"{self.labelled:,} of {count(len(self.items), 'item')} got a label"
        if self.removed is None:
            return got
        if not self.labelled:
            return f"{got}, so no other label was removed"
        were = "was" if self.removed == 1 else "were"
        return f"{got}; {count(self.removed, 'other label')} {were} removed"

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "labels": list(self.names),
            "items": [item.to_json() for item in self.items],
            "labelled": self.labelled,
            "removed": self.removed,
            "checks": [
                {**asdict(each), "above": round(each.above, _DIGITS), "chance": 0.5}
                for each in self.checks
            ],
            "left_out": [asdict(f) for f in self.failures],
            "notes": list(self.notes),
        }


def annotate(
    space: Space,
    items: Thing | Iterable[Thing] | Mapping[str, Sequence[Any]],
    labels: Iterable[str] | Mapping[str, Given] | None = None,
    *,
    shots: str | Path | Mapping[str, Given] | None = None,
    least: float = LEAST,
    most: int | None = None,
    options: ClassifyOptions | None = None,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Annotation:
    """Give each item every label that fits it.

    A label is judged by itself: what is told is the calibrated probability of a search for its
    words that the item is a match, so several labels may fit, or none. Examples are taken for
    words that say what they show, see :class:`isthmus.tasks.zeroshot.judging.Judges`.

    Args:
        space: Whose encoders, heads and calibration are used.
        items: As for :func:`isthmus.classify`.
        labels: Names; or by name, what a label is: words in any language, and examples as
            :class:`Path`, items or pictures. None for the labels of ``shots``.
        shots: Examples: a folder with a folder for each label, or a mapping by label. If there
            are ``labels``, those that are not among them are known by their examples alone.
        least: Labels that are less probable are left out.
        most: At most so many labels an item; None for all.
        options: How; methods that learn from examples have no part in it.
        cache: Of native vectors.
        progress: Told as items are encoded.
        **changes: Fields of :class:`ClassifyOptions`.

    Raises:
        InputError: If there is no label, the space has no calibration from words to any of the
            items, or an option cannot be used. Views without one are named in the notes.
    """
    check_least(least)
    check_most(most)
    judges = Judges.of(space, labels, shots, ClassifyOptions.of(options, **changes), cache)
    given = ItemsByView.of(space, items, judges.options.view)
    found: list[tuple[int, Annotated]] = []
    checks: list[LabelCheck] = []
    some = any(map(judges.can, given.rows))
    for own in given.embedded(cache, progress):
        if some and not judges.can(own.view):
            judges.pass_over(own.view, len(own.items))
            continue
        judge = judges.judge(own.view)
        checks += judge.checks
        said = judge(own.vectors.astype(np.float32))
        for place, item, row in zip(own.places, own.items, said, strict=True):
            named = given_labels(judges.specs, row, least, most)
            found.append((place, Annotated(item.source, own.view, item.id, named)))
    if not found:
        raise none_usable(given.failures)
    found.sort(key=lambda pair: pair[0])
    return annotation(judges, [each for _, each in found], checks, given.failures)


def annotation(
    judges: Judges,
    items: Sequence[Annotated],
    checks: Sequence[LabelCheck],
    failures: Sequence[Failure] = (),
) -> Annotation:
    """What is told of items.

    Args:
        judges: The labels.
        items: With their labels.
        checks: Of labels by examples.
        failures: Items that could not be used.
    """
    notes = dict.fromkeys([*judges.notes, *filter(None, map(_doubt, checks))])
    left_out = [*judges.failures, *failures]
    return Annotation(judges.names, items, left_out, tuple(notes), tuple(checks))


def _doubt(check: LabelCheck) -> str:
    """What is said of a label whose examples have too little in common; empty if they have it."""
    if check.above >= _ALIKE:
        return ""
    return (
        f"the examples of {check.label!r} have little in common: one that is left out ranks above "
        f"{check.above:.0%} of the training items, and guessing gets 50 %"
    )


def given_labels(
    specs: Sequence[ClassSpec], row: F32, least: float, most: int | None
) -> tuple[Label, ...]:
    """Those of probabilities ``(K,)`` that are given, most probable first."""
    good = np.flatnonzero(row >= least)
    order = good[np.argsort(-row[good], kind="stable")[:most]]
    return tuple(Label(specs[k].name, float(row[k])) for k in order)


def read_labels(path: str | Path) -> list[str]:
    """Names from a text file, one a line; blank lines and such as begin with # do not count.

    Raises:
        InputError: If it cannot be read.
    """
    place = expanded(path)
    try:
        lines = place.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{place} cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{place} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
