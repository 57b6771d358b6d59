"""Classify and annotate: the two ways to ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.core.contracts import Progress
from isthmus.core.validate import check_kind
from isthmus.pipeline import VectorCache
from isthmus.space import Space
from isthmus.tasks.zeroshot.classes import Given, classes_of
from isthmus.tasks.zeroshot.learn import Classifier
from isthmus.tasks.zeroshot.options import ClassifyOptions
from isthmus.tasks.zeroshot.results import Classification

if TYPE_CHECKING:
    from isthmus.space.things import Thing


def classifier(
    space: Space,
    classes: Iterable[str] | Mapping[str, Given] | None = None,
    *,
    shots: str | Path | Mapping[str, Given] | None = None,
    options: ClassifyOptions | None = None,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Classifier:
    """Learn classes, to classify several times; arguments as of :func:`classify`."""
    check_kind(
        space, Space, "space", need="a Space first", example="isthmus.classify(space, 'a.jpg', [])"
    )
    chosen = ClassifyOptions.of(options, **changes)
    specs, failures = classes_of(classes, shots)
    return Classifier(space, specs, chosen, failures=failures, cache=cache, progress=progress)


def classify(
    space: Space,
    items: Thing | Iterable[Thing] | Mapping[str, Sequence[Any]],
    classes: Iterable[str] | Mapping[str, Given] | None = None,
    *,
    shots: str | Path | Mapping[str, Given] | None = None,
    options: ClassifyOptions | None = None,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Classification:
    """Say which of some classes each item is, by words, by a few examples, or by both.

    Args:
        space: Whose encoders and heads are used.
        items: Files, pictures or items, one or several; texts where ``view`` names a view of text.
            For records of several views, a mapping from view to a list, with None where a record
            has nothing: what the views say is added up.
        classes: Names; or by name, what a class is: words in any language, and examples as
            :class:`Path`, items or pictures. None for the classes of ``shots``.
        shots: Examples: a folder with a folder for each class, or a mapping by class.
        options: How.
        cache: Of native vectors.
        progress: Told as items are encoded.
        **changes: Fields of :class:`ClassifyOptions`, which count instead of those of ``options``.

    Returns:
        For each item that could be used a label, calibrated probabilities, the labels that are
        likely, and what is known of how much that is worth.

    Raises:
        InputError: If classes, items or options cannot be used.

    Examples:
        ``isthmus.classify(space, "photo.jpg", ["cat", "dog", "一只红袋鼠"])[0].label``
    """
    learned = classifier(
        space, classes, shots=shots, options=options, cache=cache, progress=progress, **changes
    )
    return learned(items)
