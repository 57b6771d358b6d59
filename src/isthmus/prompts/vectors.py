"""Learned prompt vectors: words that shots move a little, and that stay near what they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F64, l2_normalize
from isthmus.prompts.calibration import fit_temperature
from isthmus.prompts.choice import SURE, folds_of, left_out
from isthmus.prompts.figures import Figures, losses_of, mean_and_error
from isthmus.prompts.methods import FewShot, Params, method
from isthmus.prompts.methods.plain import linear
from isthmus.prompts.support import Labels, Scorer, Support, softmax
from isthmus.prompts.unseen import offset_for_unseen, with_offset

STEP = 0.5
"""Share of a learned vector that is added to the words: ``t_k + .5·x_k``."""
_STEPS = 60
"""Of L-BFGS, as in :mod:`isthmus.prompts.methods.linear`."""
_FEWEST = 4
"""Classes, so that there are two to learn from and two to ask about."""


class TrainedVectors:
    """``l2(t_k + .5·x_k)`` that minimise ``CE(s·x·w) + λ·mean_k(1 − cos(w_k, t_k))``.

    With squared distances of shots to their vectors in place of the cross-entropy, and
    ``λ‖w_k − t_k‖²`` in place of the pull, the solution is ``λ·t_k + n_k·mean_k``: the method
    ``text+mean``. That is the closed form which training has to beat.
    """

    name = "trained-vectors"
    paper = "Yao et al., Visual-language prompt tuning with knowledge-guided context, CVPR 2023"
    least_shots = 1
    grid: ClassVar[tuple[Params, ...]] = ({"pull": 2.0}, {"pull": 8.0}, {"pull": 32.0})
    prior: ClassVar[Params] = grid[1]
    serves_unseen = True
    transductive = False

    def work(self, support: Support) -> float:
        """Two products of shots and classes a step."""
        return 2.0 * _STEPS * support.items.size * support.classes

    def fit(self, support: Support, params: Params) -> Scorer:
        """By L-BFGS, from the words."""
        from scipy.optimize import minimize

        words, weights, pull = support.prototypes, _weights(support), params["pull"]
        rows = np.arange(len(support.labels))

        def loss(flat: F64) -> tuple[float, F64]:
            raw = words + STEP * flat.reshape(words.shape)
            length = np.linalg.norm(raw, axis=1, keepdims=True)
            unit = raw / length
            said = softmax(support.scale * (support.items @ unit.T))
            own = np.maximum(said[rows, support.labels], 1e-300)
            away = 1.0 - (unit * words).sum(axis=1)
            value = -float(weights @ np.log(own)) + pull * float(away.mean())
            wrong = (said - support.onehot) * weights[:, None]
            slope = support.scale * wrong.T @ support.items - pull / len(words) * words
            across = slope - (slope * unit).sum(axis=1, keepdims=True) * unit
            return value, (STEP * across / length).ravel()

        start = np.zeros(words.size)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
        moved = words + STEP * np.asarray(found.x, dtype=np.float64).reshape(words.shape)
        return linear(np.asarray(l2_normalize(moved), dtype=np.float64), support.scale)


CLOSED, TRAINED = method("text+mean"), TrainedVectors()


def class_vectors(learner: FewShot, support: Support, params: Params) -> F64:
    """``(K, d)`` vectors whose cosines are the logits of a linear learner, over the scale."""
    said = learner.fit(support, params)(np.eye(support.words.shape[1]))
    return np.asarray(said.T / support.scale, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class LearnedVectors:
    """Prompt vectors of the classes of a task.

    Attributes:
        vectors: ``(K, d)``; their products with unit items, times the scale, are logits.
        method: Id of the learner.
        params: Its hyper-parameters.
        reason: Why it and not the other.
        temperature: By which logits are divided.
        figures: By learner, on shots that were left out, and ``words`` for the words alone. The
            hyper-parameters of the trained one were chosen on these shots.
    """

    vectors: F64
    method: str
    params: Params
    reason: str
    temperature: float
    figures: dict[str, Figures]


def learn_vectors(support: Support) -> LearnedVectors:
    """Learn prompt vectors, trained ones only where they surely beat the closed form.

    Both are judged on shots that were left out, one of each class at a time: the closed form with
    its prior, the trained ones with what was best for them. With one shot a class nothing can be
    left out, and the closed form is taken.

    Raises:
        InputError: If there are no shots.
    """
    if not len(support.items):
        raise InputError("prompt vectors are learned from examples; give one of a class at least")
    folds = folds_of(support)
    if not folds:
        why = "one shot a class leaves none to judge training by"
        said, labels = support.zero_shot(support.items), support.labels
        vectors = class_vectors(CLOSED, support, CLOSED.prior)
        cooled = fit_temperature(said, labels)
        return LearnedVectors(vectors, CLOSED.name, CLOSED.prior, why, cooled, {})
    labels = support.labels[np.concatenate(folds)]
    closed = _best(CLOSED, [CLOSED.prior], support, folds, labels)
    trained = _best(TRAINED, TRAINED.grid, support, folds, labels)
    gain, error = mean_and_error(closed.losses - trained.losses)
    shots = f"on {len(labels)} shots that were left out"
    kept = gain > SURE * error
    best = trained if kept else closed
    learner = TRAINED if kept else CLOSED
    words = support.zero_shot(support.items[np.concatenate(folds)])
    verb = "surely beat" if kept else "did not surely beat"
    return LearnedVectors(
        class_vectors(learner, support, best.params),
        learner.name,
        best.params,
        f"training {verb} the closed form {shots}",
        fit_temperature(best.said, labels),
        {
            "words": Figures.of(words, labels),
            CLOSED.name: Figures.of(closed.said, labels),
            TRAINED.name: Figures.of(trained.said, labels),
        },
    )


@dataclass(frozen=True)
class Unseen:
    """Classes that had no part in learning, all classes taking turns in two halves.

    Attributes:
        words: Among themselves, by words alone.
        learned: Among themselves, by their words and what the others' prompts have in common.
        joint_words: Among all classes, by words alone.
        joint_learned: Among all classes, those of the other half learned.
        shots: On how many.
    """

    words: float
    learned: float
    joint_words: float
    joint_learned: float
    shots: int

    @property
    def drop(self) -> float:
        """By how much learning lowers the accuracy of unseen classes among themselves."""
        return self.words - self.learned


def judge_unseen(support: Support) -> Unseen:
    """What learning prompt vectors does to classes that it does not see.

    The shots of half of the classes, alternating in their order, judge what was learned on the
    others, and the other way round. Logits of unseen classes are moved as
    :func:`isthmus.prompts.unseen.offset_for_unseen` says, from the classes that were seen.

    Raises:
        InputError: If fewer than four classes have words and shots.
    """
    usable = np.flatnonzero(support.worded & (support.counts > 0))
    if len(usable) < _FEWEST:
        raise InputError(
            f"unseen classes need {_FEWEST} with words and shots, two to learn from and two to ask "
            f"about, got {len(usable)}"
        )
    right: list[list[bool]] = [[], [], [], []]
    for turn in (0, 1):
        rest = usable[1 - turn :: 2]
        known = support.take(np.isin(support.labels, usable[turn::2]))
        learned = learn_vectors(known)
        learner = TRAINED if learned.method == TRAINED.name else CLOSED
        offset = offset_for_unseen(learner, learned.params, known)
        scorer = with_offset(learner.fit(known, learned.params), known.counts == 0, offset)
        asked = support.take(np.isin(support.labels, rest))
        for place, said in enumerate((support.zero_shot(asked.items), scorer(asked.items))):
            own = rest[said[:, rest].argmax(axis=1)]
            right[place] += (own == asked.labels).tolist()
            right[place + 2] += (said.argmax(axis=1) == asked.labels).tolist()
    words, unseen, joint_words, joint = (float(np.mean(rows)) for rows in right)
    return Unseen(words, unseen, joint_words, joint, len(right[0]))


@dataclass(frozen=True, eq=False)
class _Judged:
    params: Params
    said: F64
    losses: F64


def _best(
    learner: FewShot,
    grid: Sequence[Params],
    support: Support,
    folds: Sequence[Labels],
    labels: Labels,
) -> _Judged:
    said = left_out(learner, support, grid, folds)
    points = [_Judged(p, x, losses_of(x, labels)) for p, x in zip(grid, said, strict=True)]
    return min(points, key=lambda point: float(point.losses.mean()))


def _weights(support: Support) -> F64:
    """Of shots, ``(N,)``: all classes that have some weigh the same, and they sum to one."""
    weights = 1 / support.counts[support.labels]
    out: F64 = weights / weights.sum()
    return out
