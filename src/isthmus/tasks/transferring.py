"""From examples of source tasks to a new task, in a space."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.core.contracts import Progress
from isthmus.core.document import to_object
from isthmus.core.errors import InputError
from isthmus.core.paths import expanded
from isthmus.core.record import Failure
from isthmus.core.wording import count, way
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
        notes: What a reader should know: sources and test items that were left out.
    """

    view: str
    classes: tuple[str, ...]
    transfer: Transfer
    tested: dict[str, Figures] | None
    seen: int
    library: Library
    failures: tuple[Failure, ...]
    notes: tuple[str, ...] = ()

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
            "notes": list(self.notes),
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
        sources: Examples of other tasks in the same form: folders, or by name. A source that
            shares an example with the new task is left out, as it knows the answers.
        library: Sources that were learned before, in this space.
        keep: The new task is added to the library by this name; empty not to.
        test: Items of the new task, in the same form. Those that something was learned from do
            not count.
        view: Of the examples; needed where several views read their modality.
        cache: Of native vectors.
        progress: Told as examples are encoded and starts are tried; what it raises ends the
            transfer, which changes nothing before its end.

    Returns:
        The transfer, kept only where it helps on shots that were left out; and the library.

    Raises:
        InputError: If there is no source, examples cannot be used, or every source or every test
            item is made of examples of the new task.
        FingerprintError: If the library is of another space.
    """
    named = _named(sources)
    _check_sources(named, library, keep)
    learned = partial(_task, space, cache=cache, progress=progress)
    task = learned(shots, view)
    if library is None:
        library = Library(space.fingerprint, task.view, space.dim)
    library.check_space(space.fingerprint, task.view)
    failures = list(task.failures)
    for name, given in named.items():
        old = learned(given, task.view)
        failures += old.failures
        library = library.with_source(old.source(name))
    others, notes = _others(task, [each for each in library.sources if each.name != keep])
    asked = None
    if test is not None:
        asked = learned(test, task.view, classes=task.classes)
        failures += asked.failures
        asked, said = _unseen(asked, task, others)
        notes += said
    done = transfer(task.support, others, progress=progress)
    tested = None if asked is None else _tested(task.support, done, asked.support)
    if keep:
        library = library.with_source(task.source(keep))
    return task.transferred(done, tested, library, failures, notes)


def no_sources(missing: Path | None = None) -> InputError:
    """That there is nothing to transfer from.

    Args:
        missing: A library that was named and is not there.
    """
    absent = "" if missing is None else f"there is no library in {missing}, and "
    return InputError(
        f"{absent}no source task was given to transfer from. Write: "
        + way(
            python="isthmus.transfer_to(space, 'shots/food', sources=['shots/animals'])",
            shell="isthmus transfer shots/food --from shots/animals",
        )
    )


@dataclass(frozen=True, eq=False)
class _Task:
    view: str
    classes: tuple[str, ...]
    support: Support
    items: tuple[str, ...]
    failures: tuple[Failure, ...]

    def transferred(
        self,
        done: Transfer,
        tested: dict[str, Figures] | None,
        library: Library,
        failures: Sequence[Failure],
        notes: Sequence[str],
    ) -> Transferred:
        """What became of it."""
        assert self.support.seen is not None
        seen = int(self.support.seen.sum())
        return Transferred(
            self.view, self.classes, done, tested, seen, library, tuple(failures), tuple(notes)
        )

    def source(self, name: str) -> Source:
        """What is learned of it for other tasks."""
        return Source.learn(name, self.classes, self.support, self.items)


def _check_sources(named: Mapping[str, Shots], library: Library | None, keep: str) -> None:
    known = () if library is None else library.sources
    if not any(name != keep for name in (*named, *(each.name for each in known))):
        raise no_sources()


def _others(task: _Task, sources: Sequence[Source]) -> tuple[list[Source], list[str]]:
    """Sources that know no example of the task as far as they tell, and notes on the others."""
    shared = {each.name: len(each.items.intersection(task.items)) for each in sources}
    notes = [
        f"the source {name} was learned from {count(shots, 'example')} of this task, so it is "
        "left out"
        for name, shots in shared.items()
        if shots
    ]
    notes += [
        f"the source {each.name} does not tell which examples it was learned from; if some are of "
        "this task, the figures are too good: learn it again"
        for each in sources
        if not each.items
    ]
    others = [each for each in sources if not shared[each.name]]
    if not others:
        raise InputError(
            f"every source ({', '.join(shared):.200}) was learned from examples of this task, so "
            "no figure could tell whether it helps; give a source with other examples"
        )
    return others, notes


def _unseen(asked: _Task, task: _Task, sources: Sequence[Source]) -> tuple[_Task, list[str]]:
    """Test items that neither the task nor a source was learned from, and a note on the others."""
    known = frozenset(task.items).union(*(each.items for each in sources))
    new = np.array([item not in known for item in asked.items])
    if new.all():
        return asked, []
    if not new.any():
        raise InputError(
            "each test item is an example that something was learned from, so figures on them say "
            "nothing; give other items of the task to test on"
        )
    kept = tuple(item for item in asked.items if item not in known)
    out = count(int((~new).sum()), "test item")
    notes = [f"{out} of {len(new):,} do not count, as something was learned from them"]
    return replace(asked, support=asked.support.take(new), items=kept), notes


def _named(sources: Mapping[str, Shots] | Sequence[str | Path]) -> dict[str, Shots]:
    """Sources by name; a folder has its own."""
    if isinstance(sources, Mapping):
        return dict(sources)
    if isinstance(sources, str | Path):
        raise InputError(
            f"sources: need a list of folders, got a single path. Write: sources=[{str(sources)!r}]"
        )
    out: dict[str, Shots] = {}
    for each in sources:
        name = expanded(each).resolve().name
        if name in out:
            ways = way(python="name them: sources={'a': …, 'b': …}", shell="rename one of them")
            raise InputError(f"two source folders are called {name!r:.80}; {ways}")
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
    shown = tuple(item.id for item in learner.examples(chosen))
    return _Task(chosen, names, support, shown, tuple(learner.failures))


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
