from __future__ import annotations

import numpy as np
import pytest
from tests.prompts.making import problem

from isthmus.core.errors import DataError, InputError, VectorError
from isthmus.prompts.choice import folds_of, left_out
from isthmus.prompts.methods import METHODS, FewShot, LeavesOut, method
from isthmus.prompts.methods.gaussian import class_moments, within
from isthmus.prompts.methods.linear import softmax_regression
from isthmus.prompts.support import Support, prototype, softmax

ALL = pytest.mark.parametrize("each", METHODS, ids=lambda each: each.name)


@ALL
def test_every_method_declares_itself_and_beats_chance(each: FewShot) -> None:
    support, x, truth = problem(shots=4)
    assert isinstance(each, FewShot) and each.paper and each.grid
    assert each.work(support) >= 0
    for params in (*each.grid, each.prior):
        right = (each.fit(support, params)(x).argmax(axis=1) == truth).mean()
        assert right > 0.6  # of 5 classes


@ALL
def test_what_is_left_out_is_not_learned_from(each: FewShot) -> None:
    """Closed forms and plain loops give what fits without each fold give."""
    support, _, _ = problem(shots=3)
    folds = folds_of(support)
    said = left_out(each, support, each.grid, folds)
    for params, rows in zip(each.grid, said, strict=True):
        expected = []
        for fold in folds:
            keep = np.setdiff1d(np.arange(len(support.items)), fold)
            expected.append(each.fit(support.take(keep), params)(support.items[fold]))
        np.testing.assert_allclose(rows, np.vstack(expected), atol=2e-5)


def test_closed_forms_are_used_where_they_are_declared() -> None:
    assert {each.name for each in METHODS if isinstance(each, LeavesOut)} == {
        "gda",
        "proker",
        "tip-adapter",
    }


def test_text_and_mean_trusts_many_shots_and_doubts_one() -> None:
    words = np.eye(3)
    items = np.array([[0.0, 1, 0]] + [[0.0, 0, 1]] * 100)
    support = Support(words, items, np.array([0] + [1] * 100))
    logits = method("text+mean").fit(support, {"words": 4.0})(np.eye(3))
    # Class 0 stays by its words (4 : 1); class 1 has moved to where its shots are (4 : 100).
    assert logits[0].argmax() == 0 and logits[2, 1] > 0.99 > logits[2, 0]
    np.testing.assert_allclose(logits[:2, 0], np.array([4, 1]) / np.sqrt(17), atol=1e-12)


def test_ss_text_caps_the_weight_of_shots_where_classes_are_few() -> None:
    support, x, _ = problem(classes=2, shots=50)
    chosen = method("ss-text")
    capped = chosen.fit(support, {"pull": 1.0})(x)
    np.testing.assert_allclose(capped, chosen.fit(support, {"pull": 100.0})(x))


def test_proker_solves_kernel_ridge_on_what_words_leave() -> None:
    """The dual solution satisfies (K + λI) a = Y − f(S), so it says Y − λa of its own shots."""
    support, _, _ = problem(shots=2)
    params = {"ridge": 0.5, "sharpness": 2.0}
    own = method("proker").fit(support, params)(support.items) / support.scale
    kernel = np.exp(-2.0 * (1 - support.items @ support.items.T))
    rest = support.onehot - support.zero_shot(support.items) / support.scale
    dual = np.linalg.solve(kernel + 0.5 * np.eye(len(kernel)), rest)
    np.testing.assert_allclose(own, support.onehot - 0.5 * dual, atol=1e-10)


def test_gda_is_linear_discriminant_analysis_from_sums() -> None:
    sklearn = pytest.importorskip("sklearn.covariance")
    support, _, _ = problem(shots=6)
    counts, means, covariance = within(class_moments(support))
    centred = support.items - np.vstack([means[k] for k in support.labels])
    np.testing.assert_allclose(counts, 6.0)
    expected = sklearn.empirical_covariance(centred, assume_centered=True)
    np.testing.assert_allclose(covariance, expected, atol=1e-7)


def test_softmax_regression_agrees_with_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    support, x, _ = problem(classes=3, shots=20)
    n = len(support.items)
    w = softmax_regression(
        support.items, support.onehot, centre=np.zeros((3, 24)), pull=np.full(3, 0.05), scale=1.0
    )
    peer = linear.LogisticRegression(C=1 / (0.05 * n), fit_intercept=False, tol=1e-8)
    peer.fit(support.items, support.labels)
    np.testing.assert_allclose(softmax(x @ w.T), peer.predict_proba(x), atol=2e-3)


def test_the_pull_of_lp_plus_plus_is_lifted_along_the_words_only() -> None:
    support, _, _ = problem(shots=4)
    kinds = {"centre": support.prototypes, "pull": np.full(5, 1e6), "scale": 8.0}
    held = softmax_regression(support.items, support.onehot, **kinds)
    free = softmax_regression(support.items, support.onehot, free=1.0, **kinds)
    np.testing.assert_allclose(held, support.prototypes, atol=1e-3)
    along = (free * support.prototypes).sum(axis=1, keepdims=True) * support.prototypes
    np.testing.assert_allclose(free, along, atol=1e-3)
    assert np.abs(free - support.prototypes).max() > 0.01


def test_a_class_without_shots_or_without_words_is_placed_by_the_gap() -> None:
    support, _, _ = problem(noise=0.1, words=0.1)
    shots = support.labels != 4
    words = support.words.copy()
    words[3] = 0
    bare = Support(words, support.items[shots], support.labels[shots], 8.0)
    moved = bare.means[4] @ support.means[4]
    assert moved > support.words[4] @ support.means[4] + 0.02
    assert bare.prototypes[3] @ support.words[3] > bare.means[3] @ support.words[3] + 0.01


def test_bad_supports_say_what_is_wrong() -> None:
    with pytest.raises(DataError, match="class 1 has neither words nor a shot"):
        Support(np.array([[1.0, 0], [0, 0]]), np.zeros((0, 2)), np.zeros(0, np.intp))
    with pytest.raises(DataError, match="1 shot and 2 labels"):
        Support(np.eye(2), np.eye(2)[:1], np.array([0, 1]))
    with pytest.raises(DataError, match=r"labels must lie in 0 … 1, got 2"):
        Support(np.eye(2), np.eye(2), np.array([0, 2]))
    with pytest.raises(VectorError, match="shots"):
        Support(np.eye(2), np.full((1, 2), np.nan), np.array([0]))
    with pytest.raises(InputError, match=r"no few-shot method 'tipadapter'.*'tip-adapter'"):
        method("tipadapter")


def test_prototypes_are_means_of_unit_vectors() -> None:
    np.testing.assert_allclose(prototype(np.array([[100.0, 0], [0, 1]])), [0.5**0.5] * 2)
