from __future__ import annotations

import numpy as np
import pytest
from tests.prompts.making import problem

from isthmus.core.errors import InputError
from isthmus.prompts.calibration import PRIOR, conformal_cut, fit_temperature, needed_for
from isthmus.prompts.choice import FAVOURITES, ROUNDS, choose, folds_of
from isthmus.prompts.hierarchy import levels, node_weight
from isthmus.prompts.methods import METHODS, method
from isthmus.prompts.support import Support, log_softmax, softmax
from isthmus.prompts.unseen import offset_for_unseen


def accuracy(choice: object, x: np.ndarray, truth: np.ndarray) -> float:
    said = choice.log_probabilities(x)  # type: ignore[attr-defined]
    return float((said.argmax(axis=1) == truth).mean())


def test_each_fold_holds_one_shot_of_each_class_that_can_spare_one() -> None:
    labels = np.array([0, 1, 1, 2, 2, 2, *[3] * 100])
    support = Support(np.eye(4), np.tile(np.eye(4)[0], (len(labels), 1)), labels)
    folds = folds_of(support)
    assert len(folds) == ROUNDS
    assert [sorted(labels[fold]) for fold in folds[:3]] == [[1, 2, 3], [1, 2, 3], [2, 3]]
    every = np.concatenate(folds)
    assert len(set(every.tolist())) == len(every)


def test_without_shots_words_decide_and_with_one_each_a_prior() -> None:
    support, x, truth = problem(shots=1, words=1.5)
    bare = choose(support.take(np.zeros(0, dtype=np.intp)))
    assert (bare.method, bare.temperature, bare.reason) == ("zero-shot", PRIOR, "no shots")
    one = choose(support)
    assert one.method == FAVOURITES[0] and one.params == method(one.method).prior
    assert "one shot" in one.reason and not one.tried
    assert accuracy(one, x, truth) > accuracy(bare, x, truth) > 0.5


def test_the_favourite_gives_way_to_what_is_surely_better() -> None:
    """Words that mislead make a method win that does not read them."""
    support, x, truth = problem(shots=3, noise=0.6)
    methods = [method(name) for name in ("zero-shot", "text+mean", "linear-probe")]
    wrong = Support(np.roll(support.words, 1, axis=0), support.items, support.labels, 8.0)
    made = choose(wrong, methods)
    assert (made.method, made.reason.split(" on ")[0]) == ("linear-probe", "surely the lowest loss")
    assert accuracy(made, x, truth) > 0.9
    fine = choose(support, methods)
    assert (fine.method, fine.params) == ("text+mean", method("text+mean").prior)
    assert [each.loss for each in made.tried] == sorted(each.loss for each in made.tried)
    assert len(made.labels) == 15


def test_transductive_methods_and_those_without_enough_shots_take_no_part() -> None:
    support, _, _ = problem(shots=2)
    made = choose(support)
    assert "depends on the others" in made.not_tried["label-propagation"]
    assert made.not_tried["gda"] == "makes sense from 4 shots a class"
    assert choose(support, (method("label-propagation"),)).method == "label-propagation"


def test_one_shot_beside_a_hundred_works() -> None:
    support, x, truth = problem(classes=2, shots=100, noise=0.5)
    keep = np.concatenate([[0], np.flatnonzero(support.labels == 1)])
    assert accuracy(choose(support.take(keep)), x, truth) > 0.85


def test_a_hundred_classes_of_sixteen_shots_leave_out_slow_methods() -> None:
    """What takes time is known before, so that no clock decides."""
    support, _, _ = problem(classes=100, shots=16, dim=768, asked=1)
    slow = {each.name for each in METHODS if each.work(support) * len(each.grid) * ROUNDS > 5e10}
    assert slow == {"clap", "lp++", "linear-probe"}


def test_ten_thousand_classes_by_words_and_one_shot() -> None:
    rng = np.random.default_rng(0)
    words = rng.normal(size=(10_000, 16))
    shots = words[:50] + 0.1 * rng.normal(size=(50, 16))
    made = choose(Support(words, shots, np.arange(50), 8.0))
    assert accuracy(made, shots, np.arange(50)) > 0.9


def test_classes_without_shots_are_not_pushed_aside() -> None:
    support, x, truth = problem(classes=8, shots=8, noise=0.7, words=1.2)
    known = support.take(support.labels < 5)
    made = choose(known)
    plain = method(made.method).fit(known, made.params)(x)
    new = truth >= 5
    offset = offset_for_unseen(method(made.method), made.params, known)
    assert offset > 0
    before = (plain[new].argmax(axis=1) == truth[new]).mean()
    assert (made.log_probabilities(x)[new].argmax(axis=1) == truth[new]).mean() > before


def test_one_shot_a_class_gives_back_what_learning_takes_from_other_classes() -> None:
    support, _, _ = problem(classes=8, shots=1, noise=0.7, words=1.2)
    known, proker = support.take(support.labels < 6), method("proker")
    lost = []
    for left in range(6):
        rest, asked = known.take(known.labels != left), known.items[known.labels == left]
        others = [k for k in range(6) if k != left]
        for sign, said in ((1, rest.zero_shot(asked)), (-1, proker.fit(rest, proker.prior)(asked))):
            lost.append(sign * float(said[0, left] - said[0, others].max()))
    offset = offset_for_unseen(proker, proker.prior, known)
    assert offset == pytest.approx(sum(lost) / 6) and offset > 0
    assert offset_for_unseen(proker, proker.prior, known.take(known.labels == 0)) == 0.0


def test_shots_that_the_space_has_learned_from_move_the_temperature_back() -> None:
    support, _, _ = problem(shots=8, noise=0.4)
    fresh = choose(support, (method("proker"),))
    marks = np.ones(len(support.items), dtype=bool)
    seen = Support(support.words, support.items, support.labels, support.scale, marks)
    known = choose(seen, (method("proker"),))
    expected = np.sqrt(fresh.temperature * PRIOR)
    assert known.temperature == pytest.approx(expected, rel=0.15)
    assert len(known.labels) == 0 and len(fresh.labels) == 40


def test_the_temperature_is_found_again() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 5)) * 3
    p = softmax(logits)
    labels = (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)
    assert fit_temperature(logits * 2.5, labels) == pytest.approx(2.5, rel=0.06)


def test_conformal_sets_cover_what_they_promise() -> None:
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(200):
        p = softmax(rng.normal(size=(300, 4)) * 2)
        labels = (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)
        cut = conformal_cut(p[:100], labels[:100], 0.9)
        assert cut is not None
        shares.append((p[np.arange(100, 300), labels[100:]] >= cut).mean())
    assert 0.89 < np.mean(shares) < 0.92


def test_conformal_sets_say_when_shots_are_too_few() -> None:
    p = log_softmax(np.zeros((needed_for(0.9), 2)))
    labels = np.zeros(len(p), dtype=np.intp)
    assert conformal_cut(np.exp(p), labels, 0.9) == pytest.approx(0.5)
    assert conformal_cut(np.exp(p[1:]), labels[1:], 0.9) is None
    with pytest.raises(InputError, match=r"between 0 and 1, got 90"):
        conformal_cut(np.exp(p), labels, 90)


def test_a_level_adds_up_what_lies_below() -> None:
    top, leaves = levels(["animals/birds", "animals/fish", "clothes"])
    p = np.array([[0.3, 0.25, 0.45]])
    np.testing.assert_allclose(top.probabilities(p), [[0.55, 0.45]])
    np.testing.assert_allclose(leaves.probabilities(p), p)
    assert len(levels(["cat", "dog"])) == 1


def test_nodes_correct_the_sums_of_their_classes() -> None:
    support, x, truth = problem(classes=6, shots=3)
    top = levels([f"{'ab'[k // 3]}/{k}" for k in range(6)])[0]
    leaves = choose(support)
    nodes = choose(support.above(np.eye(2, support.words.shape[1]), top.member))
    weight = node_weight(support.counts)
    made = leaves.beneath([(top, nodes)], weight)
    p = np.exp(made.log_probabilities(x))
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    sums, said = top.probabilities(np.exp(leaves.log_probabilities(x))), nodes.log_probabilities(x)
    mixed = np.exp(0.75 * np.log(sums) + 0.25 * said)
    np.testing.assert_allclose(
        top.probabilities(p), mixed / mixed.sum(axis=1, keepdims=True), rtol=1e-6
    )
    assert weight == 0.25 and accuracy(made, x, truth) > 0.5
    shared = sorted(set(leaves.rows.tolist()) & set(nodes.rows.tolist()))
    assert made.rows.tolist() == shared and len(made.left_out) == len(shared) > 0
    assert made.labels.tolist() == support.labels[shared].tolist()
    none = leaves.beneath([(top, nodes)], 0.0)
    np.testing.assert_allclose(none.log_probabilities(x), leaves.log_probabilities(x), atol=1e-9)


def test_classes_without_shots_need_a_method_that_serves_unseen() -> None:
    support, _, _ = problem(classes=5, shots=8)
    words = [method(name) for name in ("linear-probe", "text+mean")]
    assert "linear-probe" in {each.method for each in choose(support, words).tried}
    made = choose(support.take(support.labels < 3), words)
    assert made.not_tried["linear-probe"] == "does not serve classes without examples"
