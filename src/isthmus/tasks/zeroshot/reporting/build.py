"""From items, classes and true labels to the report of a classification."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Progress, untold
from isthmus.core.errors import InputError
from isthmus.core.wording import count
from isthmus.pipeline import VectorCache
from isthmus.prompts.curve import CrossValidated, ShotCurve, cross_validated, shot_curve
from isthmus.prompts.judged import Judged
from isthmus.prompts.stability import Stability
from isthmus.prompts.support import Labels
from isthmus.space import Space
from isthmus.tasks.zeroshot.classes import Given
from isthmus.tasks.zeroshot.classify import classifier
from isthmus.tasks.zeroshot.items import EmbeddedItems
from isthmus.tasks.zeroshot.learn import Classifier
from isthmus.tasks.zeroshot.options import ClassifyOptions
from isthmus.tasks.zeroshot.reporting.judging import (
    confusion,
    evaluated,
    examples,
    strangers,
)
from isthmus.tasks.zeroshot.reporting.model import (
    ClassificationReport,
    Evaluated,
    Rivals,
    Skipped,
)
from isthmus.tasks.zeroshot.reporting.rivals import Bench, rivals, worse_than_words
from isthmus.tasks.zeroshot.reporting.steady import class_prompts, halved, margin, steadiness
from isthmus.tasks.zeroshot.results import Classification
from isthmus.tasks.zeroshot.truth import TrueClasses, Truth

if TYPE_CHECKING:
    from isthmus.space.things import Thing

_P = ParamSpec("_P")
_R = TypeVar("_R")
_MEASURE, _STEPS = "measure", 6
_NO_TRUTH = (
    "nobody says the true classes of the items, and no class has two examples, of which one could "
    "be left out"
)


def classification_report(
    space: Space,
    items: Thing | Iterable[Thing] | Mapping[str, Sequence[Any]],
    classes: Iterable[str] | Mapping[str, Given] | None = None,
    *,
    shots: str | Path | Mapping[str, Given] | None = None,
    truth: Truth | None = None,
    options: ClassifyOptions | None = None,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    seed: int = 0,
    **changes: Any,
) -> ClassificationReport:
    """Classify items, and say what that is worth: figures with intervals, beside their nulls.

    Figures come from items whose true classes are given and that are none of the examples; and
    from the examples, each left out once with the choice of the method made anew. The learning
    curve uses examples alone. Nothing is chosen by true classes of items.

    Args:
        space: Whose encoders and heads are used.
        items: As for :func:`isthmus.classify`.
        classes: As for :func:`isthmus.classify`.
        shots: As for :func:`isthmus.classify`.
        truth: True classes: ``"folders"`` where each item lies in a folder of the name of its
            class; a CSV file with the columns ``source`` and ``label``; a mapping from source; or
            a list, one an item. None where nobody knows them.
        options: How.
        cache: Of native vectors.
        progress: Told as items are encoded.
        seed: Of draws, shuffles and noise.
        **changes: Fields of :class:`ClassifyOptions`.

    Returns:
        The report; :func:`isthmus.report.write_classification` makes a page of it. A part for
        which there is too little is a ``Skipped`` with its reason.

    Raises:
        InputError: If items, classes, the truth or options cannot be used.
    """
    known = None if truth is None else TrueClasses.read(truth)
    learner = classifier(
        space, classes, shots=shots, options=options, cache=cache, progress=progress, **changes
    )
    return _report(learner, items, known, seed)


def _report(
    learner: Classifier, items: Any, truth: TrueClasses | None, seed: int
) -> ClassificationReport:
    began, space = time.monotonic(), learner.space
    named = learner.named(items)
    classes = [spec.name for spec in learner.specs]
    # Before anything is encoded, as there may be nothing to measure on.
    true = None if truth is None else truth.of(named.sources, classes)
    given = learner.embed(named)
    said = learner.say(given)
    asked = _Asked.of(learner, given, said, true)
    told = _Told(learner.progress or untold)
    known = told(cross_validated, learner.support(asked.view), learner.methods)
    bench = asked.bench(learner, given, known)
    left_out = told(_left_out, learner, asked.view, known, seed)
    evaluated = told(asked.evaluated, said, learner, seed)
    others = told(_rivals, bench, seed)
    curve = told(_curve, learner, asked.view, seed)
    steady = told(_stability, bench, seed)
    own = given.rows[asked.view].vectors
    bound = learner.options.coverage
    picked = examples(said.items, asked.true, asked.taught, bound=bound)
    return ClassificationReport(
        said,
        learner.options,
        space.fingerprint,
        {view: space.encoders[view].spec for view in given.rows},
        space.modalities,
        asked.view,
        evaluated,
        left_out,
        strangers(*asked.strangers(said)),
        others,
        curve,
        steady,
        class_prompts(learner, asked.view, own, asked.answers),
        margin(learner.choice(asked.view), learner.support(asked.view), own),
        picked.sure,
        picked.unsure,
        picked.refused,
        (*asked.notes, *_truth_notes(truth, asked.true, said.classes), *worse_than_words(others)),
        seed,
        time.monotonic() - began,
    )


@dataclass
class _Told:
    """Calls functions one after the other, and tells how many are done."""

    progress: Progress
    done: int = 0

    def __call__(self, measure: Callable[_P, _R], *args: _P.args, **options: _P.kwargs) -> _R:
        self.progress(_MEASURE, self.done, _STEPS)
        found = measure(*args, **options)
        self.done += 1
        self.progress(_MEASURE, self.done, _STEPS)
        return found


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is known of the items that were asked about.

    Attributes:
        view: That most of them are of.
        true: The true class of each; None where it is not known.
        labels: ``(n,)``, its number; −1 where it is not known, is of no class, or the item is one
            of the examples.
        places: ``(m,)``, which of the items the vectors of the view belong to.
        taught: Places of items that are examples as well.
        answers: ``(m,)``, the most probable class of these, by this view alone.
        notes: What limits the figures.
    """

    view: str
    true: Sequence[str | None]
    labels: Labels
    places: NDArray[np.intp]
    taught: frozenset[int]
    answers: Labels
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        learner: Classifier,
        given: EmbeddedItems,
        said: Classification,
        every: Sequence[str | None] | None,
    ) -> _Asked:
        usable = given.usable
        names = list(said.classes)
        true = [None if every is None else every[place] for place in usable]
        shots = {item.id for spec in learner.specs for item in spec.items}
        taught = [
            place
            for place, each in enumerate(said.items)
            if any(item.id in shots for item in each.items.values())
        ]
        labels = np.array(
            [-1 if name not in names else names.index(name) for name in true], dtype=np.intp
        )
        labels[taught] = -1
        notes = []
        if taught and every is not None:
            notes.append(
                f"no figure counts {count(len(taught), 'item')} that you gave as examples as well"
            )
        view = max(given.rows, key=lambda name: len(given.rows[name].places))
        if len(given.rows) > 1:
            notes.append(
                f"rivals, curve, stability and sentences are measured by {view} alone, as most "
                "items have it"
            )
        rows, number = given.rows[view], {place: at for at, place in enumerate(usable)}
        places = np.array([number[int(place)] for place in rows.places], dtype=np.intp)
        answers = learner.choice(view).log_probabilities(rows.vectors).argmax(axis=1)
        answers = np.asarray(answers, dtype=np.intp)
        return cls(view, true, labels, places, frozenset(taught), answers, tuple(notes))

    def bench(
        self, learner: Classifier, given: EmbeddedItems, known: CrossValidated | None
    ) -> Bench | None:
        """Items of the view with true classes, or else the examples left out in turn."""
        rows = self.labels[self.places] >= 0
        if rows.any():
            x = given.rows[self.view].vectors[rows]
            said = np.exp(learner.choice(self.view).log_probabilities(x))
            return Bench(learner, self.view, x, self.labels[self.places][rows], said, False)
        if known is None:
            return None
        x = learner.support(self.view).items[known.rows]
        return Bench(learner, self.view, x, known.labels, known.probabilities, True)

    def evaluated(self, said: Classification, learner: Classifier, seed: int) -> Evaluated | None:
        rows = np.flatnonzero(self.labels >= 0).tolist()
        if not rows:
            return None
        some = [said.items[row] for row in rows]
        least = learner.options.least > 0
        can_refuse = least or any(each.unlike is not None for each in some)
        return evaluated(
            some, self.labels[rows], said.classes, seen=0, can_refuse=can_refuse, seed=seed
        )

    def strangers(self, said: Classification) -> tuple[list[Any], list[str]]:
        """Items with a true class that is none of the classes, and these."""
        known = set(said.classes)
        both = zip(said.items, self.true, strict=True)
        rows = [(item, name) for item, name in both if name is not None and name not in known]
        return [item for item, _ in rows], [name for _, name in rows]


def _truth_notes(
    truth: TrueClasses | None, true: Sequence[str | None], classes: Sequence[str]
) -> list[str]:
    return [] if truth is None else truth.notes(true, classes)


def _rivals(bench: Bench | None, seed: int) -> Rivals | Skipped:
    return Skipped(_NO_TRUTH) if bench is None else rivals(bench, seed=seed)


def _curve(learner: Classifier, view: str, seed: int) -> ShotCurve | Skipped:
    support = learner.support(view)
    found = shot_curve(support, learner.methods, seed=seed) if len(support.items) else None
    return found or Skipped(
        "two classes need two examples or more, some to learn from and one to be asked about; "
        f"there are {count(len(support.items), 'example')} in all"
    )


def _stability(bench: Bench | None, seed: int) -> Stability | Skipped:
    if bench is None:
        return Skipped(_NO_TRUTH)
    support = bench.support
    known, x, labels = halved(support) if bench.left_out else (support, bench.x, bench.labels)
    try:
        return steadiness(bench.learner, bench.view, x, labels, known, seed=seed)
    except InputError as error:
        return Skipped(str(error))


def _left_out(
    learner: Classifier, view: str, known: CrossValidated | None, seed: int
) -> Evaluated | None:
    """The examples, each judged by what was learned from others."""
    if known is None:
        return None
    shots, support = learner.examples(view), learner.support(view)
    assert support.seen is not None
    return Evaluated(
        Judged.of(known.probabilities, known.labels, seed=seed),
        confusion(known.probabilities, known.labels, [shots[row] for row in known.rows]),
        seen=int(support.seen[known.rows].sum()),
    )
