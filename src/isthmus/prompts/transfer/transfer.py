"""From source tasks to a new one: find, start, judge on left-out shots, fine-tune, adjust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from isthmus.core.contracts import Progress, untold
from isthmus.core.errors import InputError
from isthmus.core.linalg import F64
from isthmus.prompts.choice import FAVOURITES, SURE, Choice, choose, folds_of
from isthmus.prompts.figures import Figures, losses_of, mean_and_error
from isthmus.prompts.methods import METHODS, FewShot, Fold, Params, method
from isthmus.prompts.support import Support
from isthmus.prompts.transfer.library import Source
from isthmus.prompts.transfer.starts import STARTS, Plain, Start

MOST_SOURCES = 8
"""Nearest sources that take part: farther ones get shares near zero, and each costs time."""
_NESTED = 3
"""Shots a class from which the whole procedure can be judged: one is left out to judge by, and of
the others one to choose by."""
_TUNED = method(FAVOURITES[1])
"""What fine-tunes while starts are compared: with its prior, so that nothing else differs."""


@dataclass(frozen=True)
class Trial:
    """A start with one of its hyper-parameters, on shots that were left out.

    Attributes:
        start: Its id.
        params: As in its grid.
        figures: On those shots, after fine-tuning on the others.
        gain: By how much its cross-entropy is lower than without transfer.
        error: Standard error of that gain over the shots. The best of several is chosen by the same
            shots, so its gain is too good; see :class:`Nested` for one that is not.
    """

    start: str
    params: Params
    figures: Figures
    gain: float
    error: float

    @property
    def helps(self) -> bool:
        """Whether it is better than no transfer by more than :data:`SURE` standard errors."""
        return bool(self.gain > SURE * self.error)

    @property
    def hurts(self) -> bool:
        """Whether it is worse by as much: negative transfer."""
        return bool(-self.gain > SURE * self.error)


@dataclass(frozen=True)
class Nested:
    """The whole procedure, choice of the start included, on shots that it never saw.

    Attributes:
        chosen: With the start that was chosen without them.
        none: Fine-tuned the same way, without transfer.
        words: By words alone.
        folds: Rounds of leaving out.
        spread: Standard deviation over them of the gain in accuracy.
    """

    chosen: Figures
    none: Figures
    words: Figures
    folds: int
    spread: float

    @property
    def gain(self) -> float:
        """Of accuracy, by transfer."""
        return self.chosen.accuracy - self.none.accuracy


@dataclass(frozen=True, eq=False)
class Transfer:
    """What became of a transfer.

    Attributes:
        start: Id of the start that is used; ``"none"`` where no other helps.
        params: Its hyper-parameters.
        reason: Why it and not another.
        weights: How much each source says in it.
        sources: Nearest first, with the mean cosine of their nearest class texts to the new ones.
        trials: Best first; empty where no shot could be left out.
        choice: The method that was fine-tuned from the start, and its temperature.
        nested: The whole procedure on shots it never saw; None with too few shots.
    """

    start: str
    params: Params
    reason: str
    weights: dict[str, float]
    sources: tuple[tuple[str, float], ...]
    trials: tuple[Trial, ...]
    choice: Choice
    nested: Nested | None = None

    @property
    def negative(self) -> tuple[Trial, ...]:
        """Starts that hurt."""
        return tuple(each for each in self.trials if each.hurts)


@dataclass(frozen=True, eq=False)
class _Decided:
    start: Start
    params: Params
    reason: str
    trials: tuple[Trial, ...] = field(default=())


def similarity(support: Support, source: Source) -> float:
    """Mean over the new classes of the cosine to the source class whose text is nearest."""
    near = (support.words[support.worded] @ source.words.T).max(axis=1)
    return float(near.mean())


def transfer(
    support: Support,
    sources: Sequence[Source],
    *,
    starts: Sequence[Start] = STARTS,
    methods: Sequence[FewShot] = METHODS,
    most: int = MOST_SOURCES,
    progress: Progress | None = None,
) -> Transfer:
    """Start a task from the nearest source tasks if that helps, and fine-tune it.

    Each start is made anew without the shots that are left out, fine-tuned on the others and judged
    on those; it is kept only if its cross-entropy is lower than without transfer by more than
    :data:`isthmus.prompts.choice.SURE` standard errors. Then a few-shot method is chosen and fitted
    from the start, with its temperature.

    Args:
        support: Words and shots of the new task.
        sources: What was learned before, in the same space; not from these shots.
        starts: Those that may be chosen.
        methods: Few-shot methods that may fine-tune.
        most: Sources that take part, nearest first.
        progress: Told as starts are tried.

    Raises:
        InputError: If there are no sources, they are of another space, or no class has words.

    References:
        Vu et al., SPoT, 2022 (retrieval of source prompts); Asai et al., ATTEMPT, 2022 (mixtures).
    """
    near = _nearest(support, sources, most)
    chosen = [source for source, _ in near]
    rounds = 1 + (len(folds_of(support)) if _can_be_nested(support) else 0)
    told = _Told(progress or untold, rounds * len(_points(starts)))
    decided = _decide(support, chosen, starts, told)
    begun = decided.start.begin(support, chosen, decided.params)
    return Transfer(
        decided.start.name,
        decided.params,
        decided.reason,
        begun.weights,
        tuple((source.name, cosine) for source, cosine in near),
        decided.trials,
        choose(begun.support, methods),
        _nested(support, chosen, starts, told),
    )


@dataclass
class _Told:
    """Progress over the starts of all rounds.

    Attributes:
        progress: Who is told.
        total: Trials of starts in all.
        done: Of these.
    """

    progress: Progress
    total: int
    done: int = 0

    def step(self) -> None:
        """One trial more."""
        self.done += 1
        self.progress("try starts", min(self.done, self.total), self.total)


def _nearest(support: Support, sources: Sequence[Source], most: int) -> list[tuple[Source, float]]:
    if not sources:
        raise InputError("there is nothing to transfer from; learn a source task first")
    if not support.worded.any():
        raise InputError("sources are found by class names; give the classes of the task names")
    dim = support.words.shape[1]
    if strange := [each for each in sources if each.words.shape[1] != dim]:
        raise InputError(
            f"the source {strange[0].name!r:.80} has {strange[0].words.shape[1]} dimensions, the "
            f"task has {dim}; they must be of one space"
        )
    found = [(each, similarity(support, each)) for each in sources]
    return sorted(found, key=lambda pair: -pair[1])[:most]


def _points(starts: Sequence[Start]) -> list[tuple[Start, Params]]:
    """Starts other than the plain one, with each of their hyper-parameters."""
    return [(each, params) for each in starts for params in each.grid if each.name != "none"]


def _can_be_nested(support: Support) -> bool:
    """Whether there are shots enough to judge the whole procedure."""
    return bool(support.counts.min() >= _NESTED)


def _decide(
    support: Support, sources: Sequence[Source], starts: Sequence[Start], told: _Told
) -> _Decided:
    folds = folds_of(support)
    if not folds:
        why = "no class has two shots, so that none can be left out to judge a transfer by"
        return _Decided(Plain(), {}, why)
    labels = support.labels[np.concatenate(folds)]
    plain = _said(Plain(), {}, support, sources, folds)
    losses = losses_of(plain, labels)
    points = _points(starts)
    trials = [Trial("none", {}, Figures.of(plain, labels), 0.0, 0.0)]
    for start, params in points:
        said = _said(start, params, support, sources, folds)
        lead = mean_and_error(losses - losses_of(said, labels))
        trials.append(Trial(start.name, params, Figures.of(said, labels), *lead))
        told.step()
    order = sorted(range(len(trials)), key=lambda place: -trials[place].gain)
    ranked = tuple(trials[place] for place in order)
    shots = f"by more than {SURE:g} standard errors on {len(labels)} shots that were left out"
    helping = [place for place in order if trials[place].helps]
    if not helping:
        return _Decided(Plain(), {}, f"no start helped {shots}", ranked)
    start, params = points[helping[0] - 1]
    picked = f"; the figures of the best of {len(points)} are too good" if len(points) > 1 else ""
    return _Decided(start, params, f"it helped {shots}{picked}", ranked)


def _said(
    start: Start,
    params: Params,
    support: Support,
    sources: Sequence[Source],
    folds: Sequence[Fold],
) -> F64:
    """Logits of left-out shots; the start knows nothing of them."""
    rows = []
    for fold in folds:
        rest = np.ones(len(support.items), dtype=bool)
        rest[fold] = False
        begun = start.begin(support.take(rest), sources, params).support
        rows.append(_TUNED.fit(begun, _TUNED.prior)(support.items[fold]))
    return np.vstack(rows)


def _nested(
    support: Support, sources: Sequence[Source], starts: Sequence[Start], told: _Told
) -> Nested | None:
    if not _can_be_nested(support):
        return None
    chosen, none, words, gains = [], [], [], []
    folds = folds_of(support)
    for fold in folds:
        rest = np.ones(len(support.items), dtype=bool)
        rest[fold] = False
        known, asked = support.take(rest), support.items[fold]
        decided = _decide(known, sources, starts, told)
        begun = decided.start.begin(known, sources, decided.params).support
        chosen.append(_TUNED.fit(begun, _TUNED.prior)(asked))
        none.append(_TUNED.fit(known, _TUNED.prior)(asked))
        words.append(known.zero_shot(asked))
        right = [
            (said[-1].argmax(axis=1) == support.labels[fold]).mean() for said in (chosen, none)
        ]
        gains.append(right[0] - right[1])
    labels = support.labels[np.concatenate(folds)]
    return Nested(
        Figures.of(np.vstack(chosen), labels),
        Figures.of(np.vstack(none), labels),
        Figures.of(np.vstack(words), labels),
        len(folds),
        float(np.std(gains, ddof=1)),
    )
