"""From examples of source tasks to a new task, in a space."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.core.contracts import Progress
from isthmus.core.document import to_object
from isthmus.core.errors import InputError
from isthmus.core.paths import expanded
from isthmus.core.record import Failure
from isthmus.pipeline import VectorCache
from isthmus.prompts.choice import choose
from isthmus.prompts.figures import Figures
from isthmus.prompts.support import Support
from isthmus.prompts.transfer import Library, Source, Transfer, Trial, transfer
from isthmus.space import Space
from isthmus.tasks.retrieval.views import view_meant
from isthmus.tasks.zeroshot.classify import classifier
from isthmus.tasks.zeroshot.items import ITEMS

if TYPE_CHECKING:
    from isthmus.tasks.zeroshot.classes import Given

Shots = str | Path | Mapping[str, "Given"]
"""A folder with a folder for each class, or examples by class."""
_EXAMPLE = "isthmus.transfer_to(space, 'shots/food', sources=['shots/animals'])"


@dataclass(frozen=True, eq=False)
class Transferred:
    """What became of a transfer to a new task.

    Attributes:
        view: Of the examples.
        classes: Of the new task.
        transfer: Sources, starts, what was kept and why.
        tested: On items that nothing was learned from: with the transfer, without, and by words
            alone; None where none were given.
        seen: How many of the examples the space has learned from; figures on these are too good.
        library: With the sources that were learned, and the new task where it was named.
        failures: Items that could not be used.
    """

    view: str
    classes: tuple[str, ...]
    transfer: Transfer
    tested: dict[str, Figures] | None
    seen: int
    library: Library
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it without vectors, for machines."""
        made = self.transfer
        nested = made.nested
        return {
            "view": self.view,
            "classes": list(self.classes),
            "start": made.start,
            "params": dict(made.params),
            "reason": made.reason,
            "sources": [
                {"name": name, "cosine": cosine, "weight": made.weights.get(name, 0.0)}
                for name, cosine in made.sources
            ],
            "trials": [_trial(each) for each in made.trials],
            "negative_transfer": [each.start for each in made.negative],
            "method": made.choice.method,
            "method_reason": made.choice.reason,
            "cross_validation": None
            if nested is None
            else {**to_object(nested), "gain": nested.gain},
            "tested": None
            if self.tested is None
            else {name: to_object(each) for name, each in self.tested.items()},
            "learned_from": self.seen,
            "library": [each.name for each in self.library.sources],
            "left_out": [to_object(each) for each in self.failures],
        }


def transfer_to(
    space: Space,
    shots: Shots,
    *,
    sources: Mapping[str, Shots] | Sequence[str | Path] = (),
    library: Library | None = None,
    keep: str = "",
    test: Shots | None = None,
    view: str = "",
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> Transferred:
    """Learn source tasks, transfer them to a new task, fine-tune, and evaluate.

    Args:
        space: Whose encoders and heads are used.
        shots: Examples of the new task: a folder with a folder for each class, or a mapping.
        sources: Examples of other tasks in the same form: folders, or by name.
        library: Sources that were learned before, in this space.
        keep: The new task is added to the library by this name; empty not to.
        test: Items of the new task that nothing is learned from, in the same form.
        view: Of the examples; needed where several views read their modality.
        cache: Of native vectors.
        progress: Told as examples are encoded and starts are tried; what it raises ends the
            transfer, which changes nothing before its end.

    Returns:
        The transfer, kept only where it surely helps on shots that were left out; and the library.

    Raises:
        InputError: If there is no source, or examples cannot be used.
        FingerprintError: If the library is of another space.
    """
    named = _named(sources)
    learned = partial(_task, space, cache=cache, progress=progress)
    task = learned(shots, view)
    if library is None:
        library = Library(space.fingerprint, task.view, space.dim)
    library.check_space(space.fingerprint, task.view)
    failures = list(task.failures)
    for name, given in named.items():
        old = learned(given, task.view)
        failures += old.failures
        library = library.with_source(Source.learn(name, old.classes, old.support))
    others = [each for each in library.sources if each.name != keep]
    if not others:
        raise InputError(f"there is no source task to transfer from. Write: {_EXAMPLE}")
    done = transfer(task.support, others, progress=progress)
    tested = None
    if test is not None:
        asked = learned(test, task.view, classes=task.classes)
        failures += asked.failures
        tested = _tested(task.support, done, asked.support)
    if keep:
        library = library.with_source(Source.learn(keep, task.classes, task.support))
    assert task.support.seen is not None
    seen = int(task.support.seen.sum())
    return Transferred(task.view, task.classes, done, tested, seen, library, tuple(failures))


@dataclass(frozen=True, eq=False)
class _Task:
    view: str
    classes: tuple[str, ...]
    support: Support
    failures: tuple[Failure, ...]


def _named(sources: Mapping[str, Shots] | Sequence[str | Path]) -> dict[str, Shots]:
    """Sources by name; a folder has its own."""
    if isinstance(sources, Mapping):
        return dict(sources)
    if isinstance(sources, str | Path):
        raise InputError(f"sources: need a list of folders, got a single path. Write: {_EXAMPLE}")
    out: dict[str, Shots] = {}
    for each in sources:
        name = expanded(each).resolve().name
        if name in out:
            raise InputError(
                f"two source folders are called {name!r:.80}; name them: sources={{'a': …, 'b': …}}"
            )
        out[name] = each
    return out


def _task(
    space: Space,
    shots: Shots,
    view: str,
    *,
    cache: VectorCache | None,
    progress: Progress | None,
    classes: Sequence[str] | None = None,
) -> _Task:
    """Examples as vectors of one view."""
    learner = classifier(space, classes, shots=shots, cache=cache, progress=progress, view=view)
    names = tuple(spec.name for spec in learner.specs)
    held = Counter(item.modality for spec in learner.specs for item in spec.items)
    most = held.most_common(1)[0][0]
    chosen = view_meant(space, most, named=view or None, way_out=ITEMS)
    support = learner.support(chosen)
    if not len(support.items):
        where = shots if isinstance(shots, str | Path) else "shots"
        raise InputError(f"{where} holds no example of the view {chosen!r:.40} that can be read")
    return _Task(chosen, names, support, tuple(learner.failures))


def _tested(support: Support, done: Transfer, asked: Support) -> dict[str, Figures]:
    said = {
        "transfer": done.choice.log_probabilities(asked.items),
        "none": choose(support).log_probabilities(asked.items),
        "words": support.zero_shot(asked.items),
    }
    return {name: Figures.of(np.asarray(rows), asked.labels) for name, rows in said.items()}


def _trial(each: Trial) -> dict[str, Any]:
    return {
        "start": each.start,
        "params": dict(each.params),
        "gain": each.gain,
        "error": None if each.error == np.inf else each.error,
        "helps": each.helps,
        "hurts": each.hurts,
        **to_object(each.figures),
    }
