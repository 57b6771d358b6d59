"""The classifier beside plainer ways and nulls, on the same items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from isthmus.core.linalg import F64
from isthmus.core.wording import way
from isthmus.metrics import Interval
from isthmus.prompts.choice import choose
from isthmus.prompts.curve import cross_validated
from isthmus.prompts.figures import Figures
from isthmus.prompts.support import Labels, Support
from isthmus.tasks.zeroshot.learn import Classifier
from isthmus.tasks.zeroshot.options import Prompts
from isthmus.tasks.zeroshot.reporting.model import Rival, RivalKind, Rivals, Skipped
from isthmus.tasks.zeroshot.words import class_words

_DRAWS = 3
"""Random words, and shuffles of labels, each drawn so often."""
_MOST_TEXTS = 20_000
"""Texts that are read for random words: about 15 s with ``universal``."""
_TEXTS_EACH = 31
"""Texts of one class with random words."""
_SHUFFLES = 100
"""Of answers, where nothing was learned from labels."""


@dataclass(frozen=True, eq=False)
class Bench:
    """Vectors of one view with true classes, which the classifier did not learn from.

    Attributes:
        learner: The classifier.
        view: The view.
        x: ``(n, d)`` unit vectors.
        labels: ``(n,)``.
        probabilities: ``(n, K)``, what the classifier says of them.
        left_out: Whether they are its examples, left out in turn.
    """

    learner: Classifier
    view: str
    x: F64
    labels: Labels
    probabilities: F64
    left_out: bool

    @property
    def support(self) -> Support:
        """What the classifier learned from."""
        return self.learner.support(self.view)


def rivals(bench: Bench, *, seed: int) -> Rivals:
    """Measure every rival on the items of a bench.

    The lead over a rival is a paired difference: item by item, right or not, with the normal 95 %
    interval of its mean.

    Args:
        bench: Items with true classes.
        seed: Of random words and shuffles.
    """
    rng = np.random.default_rng(seed)
    said = bench.probabilities.argmax(axis=1)
    right = (said == bench.labels).astype(np.float64)
    figures = Figures.of(bench.probabilities, bench.labels)

    def rival(kind: RivalKind, answers: Sequence[Labels]) -> Rival:
        judged = [_judged(each, bench) for each in answers]
        own = np.mean([each == bench.labels for each in answers], axis=0)
        return Rival(
            kind,
            Interval.of_mean(own),
            float(np.mean([each.macro_recall for each in judged])),
            float(np.mean([each.macro_f1 for each in judged])),
            Interval.of_difference(right - own),
        )

    rows = [rival(kind, answers) for kind, answers in _by_words(bench)]
    if random := _random_words(bench):
        rows.append(rival("random-words", random))
    rows.append(rival("shuffled", _shuffled(bench, said, rng)))
    frequent = np.bincount(bench.labels).argmax()
    rows.append(rival("majority", [np.full_like(bench.labels, frequent)]))
    return Rivals(
        bench.view,
        len(bench.labels),
        bench.left_out,
        Interval.of_mean(right),
        figures.macro_recall,
        figures.macro_f1,
        tuple(rows),
        1 / bench.support.classes,
    )


def worse_than_words(found: Rivals | Skipped) -> list[str]:
    """A note if the examples do harm: if fewer answers are right than by the words alone."""
    if isinstance(found, Skipped):
        return []
    rows = [row for row in found.rows if row.kind == "words" and row.lead.value < 0]
    out = way(python="leave shots out", shell="leave --shots out and name --classes")
    return [
        f"by words alone {round(row.accuracy.value * found.items):,} of {found.items:,} "
        f"{'left-out examples' if found.left_out else 'items'} are right, with the examples "
        f"{round(found.accuracy.value * found.items):,}"
        f"{'' if row.lead.high < 0 else ', which may be chance'}: {out}, or give more examples"
        for row in rows
    ]


def _judged(answers: Labels, bench: Bench) -> Figures:
    return Figures.of(np.eye(bench.support.classes)[answers], bench.labels)


def _by_words(bench: Bench) -> Iterator[tuple[RivalKind, list[Labels]]]:
    """The words of the classes alone, as they were put, and bare."""
    if not bench.learner.words_view:
        return
    options = bench.learner.options
    if len(bench.support.items):
        yield "words", [bench.support.zero_shot(bench.x).argmax(axis=1)]
    if options.prompts != "name":
        yield "names", [_said(bench, "name")]
    if options.prompts == "random":
        yield "sentences", [_said(bench, "templates")]


def _random_words(bench: Bench) -> list[Labels]:
    """Each draw's answers; none where nothing has words, or classes are too many."""
    if not bench.learner.words_view:
        return []
    draws = min(_DRAWS, _MOST_TEXTS // (_TEXTS_EACH * bench.support.classes))
    return [_said(bench, "random", seed=turn) for turn in range(draws)]


def _said(bench: Bench, prompts: Prompts, *, seed: int = 0) -> Labels:
    """Answers by class words that are put in another way, where a class has words."""
    learner = bench.learner
    words = class_words(
        learner.space,
        learner.specs,
        learner.space.modalities[bench.view],
        learner.words_view,
        replace(learner.options, prompts=prompts),
        learner.cache,
        seed=seed,
    )
    worded = np.asarray(words.vectors.any(axis=1))[:, None]
    prototypes = np.where(worded, words.vectors, bench.support.prototypes)
    return np.asarray((bench.x @ prototypes.T).argmax(axis=1), dtype=np.intp)


def _shuffled(bench: Bench, said: Labels, rng: np.random.Generator) -> list[Labels]:
    """The whole procedure with shuffled labels of its examples; without any, shuffled answers."""
    support, methods = bench.support, bench.learner.methods
    if not len(support.items):
        return [rng.permutation(said) for _ in range(_SHUFFLES)]
    out = []
    for _ in range(_DRAWS):
        taught = rng.permutation(support.labels)
        if bench.left_out:
            known = cross_validated(support, methods, taught=taught)
            assert known is not None  # as without a shuffle
            rows = known.probabilities
        else:
            rows = np.asarray(
                choose(replace(support, labels=taught), methods).log_probabilities(bench.x)
            )
        out.append(np.asarray(rows.argmax(axis=1), dtype=np.intp))
    return out
