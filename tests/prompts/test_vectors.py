"""Learned prompt vectors and classes that they do not see."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.errors import InputError
from isthmus.core.linalg import l2_normalize
from isthmus.prompts.choice import choose
from isthmus.prompts.methods import FewShot
from isthmus.prompts.support import Support, log_softmax
from isthmus.prompts.vectors import CLOSED, TRAINED, class_vectors, judge_unseen, learn_vectors


def task(seed: int, shots: int, *, classes: int = 6, noise: float = 0.3) -> Support:
    """Classes that lie near their words."""
    rng = np.random.default_rng(seed)
    words = l2_normalize(rng.standard_normal((classes, 16)))
    labels = np.repeat(np.arange(classes), shots)
    items = words[labels] + noise * rng.standard_normal((len(labels), 16))
    return Support(words, l2_normalize(items), labels, 8.0)


def loss(w: np.ndarray, support: Support, pull: float) -> float:
    """What training minimises, written down plainly; all classes have as many shots."""
    unit = l2_normalize(w)
    sure = log_softmax(support.scale * support.items @ unit.T)
    own = sure[np.arange(len(support.labels)), support.labels]
    return float(-own.mean() + pull * (1 - (unit * support.words).sum(axis=1)).mean())


@pytest.mark.parametrize("pull", [2.0, 8.0])
def test_training_reaches_a_minimum_of_its_loss(pull: float) -> None:
    support = task(1, 4)
    vectors = class_vectors(TRAINED, support, {"pull": pull})
    found = loss(vectors, support, pull)
    assert found < loss(support.words, support, pull)
    rng = np.random.default_rng(0)
    for _ in range(30):
        nudged = vectors + 0.02 * rng.standard_normal(vectors.shape)
        assert loss(nudged, support, pull) > found - 1e-4


def test_a_strong_pull_keeps_the_words() -> None:
    support = task(1, 4)
    kept = class_vectors(TRAINED, support, {"pull": 1e6})
    np.testing.assert_allclose(kept, support.words, atol=1e-3)


def test_the_trained_learner_is_a_few_shot_method() -> None:
    assert isinstance(TRAINED, FewShot)
    support, test = task(1, 4), task(1, 4)
    chosen = choose(support, [TRAINED])
    assert chosen.method == "trained-vectors"
    assert (chosen.log_probabilities(test.items).argmax(axis=1) == test.labels).mean() > 0.9


def test_class_vectors_give_the_logits_of_their_learner() -> None:
    support = task(2, 3)
    x = task(3, 2).items
    for learner in (CLOSED, TRAINED):
        said = learner.fit(support, learner.prior)(x)
        np.testing.assert_allclose(
            support.scale * x @ class_vectors(learner, support, learner.prior).T, said, atol=1e-9
        )


def test_training_is_kept_only_where_it_surely_beats_the_closed_form() -> None:
    learned = learn_vectors(task(4, 4))
    assert learned.method == "text+mean" and "did not surely beat" in learned.reason
    assert set(learned.figures) == {"words", "text+mean", "trained-vectors"}


def test_training_is_kept_where_noise_drowns_the_means() -> None:
    rng = np.random.default_rng(0)
    words = l2_normalize(rng.standard_normal((4, 12)))
    labels = np.repeat(np.arange(4), 12)
    noise = 0.04 * rng.standard_normal((48, 12))
    noise[:, :3] *= 6
    items = l2_normalize(l2_normalize(rng.standard_normal((1, 12))) + 0.15 * words[labels] + noise)
    learned = learn_vectors(Support(words, items, labels, 20.0))
    assert learned.method == "trained-vectors" and "surely beat" in learned.reason
    gain = learned.figures["trained-vectors"].accuracy - learned.figures["text+mean"].accuracy
    assert gain > 0.1


def test_one_shot_takes_the_closed_form_and_none_is_refused() -> None:
    support = task(5, 1)
    learned = learn_vectors(support)
    assert learned.method == "text+mean" and learned.figures == {}
    np.testing.assert_allclose(
        learned.vectors, l2_normalize(4 * support.words + support.items), atol=1e-12
    )
    with pytest.raises(InputError, match="learned from examples"):
        learn_vectors(support.take(np.zeros(0, dtype=np.intp)))


def test_unseen_classes_keep_what_words_say_of_them() -> None:
    found = judge_unseen(task(6, 6, classes=8, noise=0.25))
    assert found.shots == 48
    assert found.words > 0.8 and abs(found.drop) <= 0.05
    assert found.joint_learned > 0.5


def test_unseen_classes_need_four() -> None:
    with pytest.raises(InputError, match="need 4 with words and shots"):
        judge_unseen(task(7, 4, classes=3))
