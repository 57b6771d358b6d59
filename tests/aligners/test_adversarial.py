import math
from dataclasses import replace

import numpy as np
import pytest

from isthmus.aligners import Adversarial
from isthmus.aligners.checks import planted
from isthmus.aligners.learned.duel import (
    Duel,
    Health,
    Rules,
    cosine,
    effective_rank,
    random_rotation,
)
from isthmus.core.errors import DataError, InputError, NoSignalError
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.datasets import load
from isthmus.pipeline import prepare
from isthmus.training import Schedule, train

torch = pytest.importorskip("torch")

NOTHING = [np.zeros((0, 2))] * 2


def twins(n: int = 400, k: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two samples of one lopsided cloud, the second turned, and the turn; no row has a partner."""
    rng = np.random.default_rng(seed)
    cloud = (rng.exponential(size=(2 * n, k)) - 1) / math.sqrt(k)
    turn = random_rotation(rng, k)
    return cloud[:n], cloud[n:] @ turn, turn


def angle(radians: float) -> np.ndarray:
    c, s = np.cos(radians), np.sin(radians)
    return np.array([[c, -s], [s, c]])


@pytest.mark.parametrize("seed", range(3))
def test_judges_turn_a_start_that_is_off_back_without_any_pair(seed: int) -> None:
    x, y, truth = twins(seed=seed)
    rules = Rules(weight=0.0, cycle=0.1, seed=seed)
    duel = Duel(rules, x, y, NOTHING, angle(0.6) @ truth)
    assert cosine(duel.map(), truth) == pytest.approx(np.cos(0.6), abs=1e-6)
    plan = Schedule(epochs=60, batch_size=64, learning_rate=3e-3, patience=60, seed=seed)
    log = train(duel, len(x), plan)
    assert log.best_epoch > 0
    assert cosine(duel.map(), truth) > 0.96
    assert not duel.health().collapsed


class Ruthless(Adversarial):
    """Keeps the last weights, whatever they have become."""

    def _schedule(self) -> Schedule:
        return replace(super()._schedule(), patience=None)


@pytest.fixture(scope="module")
def scenes() -> PairedVectors:
    dataset: Dataset = load("shapes", n=200, seed=1)
    return prepare(dataset, {"text": "tfidf", "image": "color-hog", "audio": "mfcc"}).pairs


def recall(aligner: Adversarial, held: PairedVectors, k: int = 5) -> float:
    a, b = held.views
    x, y = (aligner.transform(held.vectors[m], m) for m in (a, b))
    scores = x @ y.T
    return float(((scores > scores.diagonal()[:, None]).sum(axis=1) < k).mean())


def test_shapes_with_few_pairs_never_collapse_and_are_found(scenes: PairedVectors) -> None:
    """Thirty of 150 pairs are known; chance of the true one among the first 5 of 50 is 0.1."""
    pairs = scenes.select(["image", "text"])
    learn, held = pairs.take(np.arange(150)), pairs.take(np.arange(150, 200))
    found = [Adversarial(pairs_used=30, seed=seed).fit(learn) for seed in range(5)]
    assert sum(not each.health_.collapsed for each in found) >= 4
    assert min(each.health_.rank for each in found) > 0.8
    assert max(each.health_.cycle for each in found) < 0.2
    assert sum(recall(each, held) > 0.25 for each in found) >= 4


def test_shapes_without_pairs_are_refused_rather_than_matched_at_chance(
    scenes: PairedVectors,
) -> None:
    pairs = scenes.select(["image", "text"])
    with pytest.raises(
        NoSignalError, match=r"random starts do not agree: rank .* agreement .*few pairs"
    ):
        Adversarial(weight=0.0, starts=2, epochs=5).fit(pairs)


def test_generators_that_lose_the_way_back_are_refused() -> None:
    # With nothing but the loss of pairs that are none, the best translation is zero.
    views = planted()
    rng = np.random.default_rng(0)
    wrong = {"a": views["a"], "b": rng.permutation(views["b"])}
    alone = {"adversarial": 0.0, "cycle": 0.0, "orthogonal": 0.0}
    plan = {"learning_rate": 0.05, "epochs": 40, "patience": 40}
    with pytest.raises(NoSignalError, match=r"collapsed: rank .*, cycle 0\.[5-9]\d*, judged "):
        Ruthless(**alone, **plan).fit(wrong)
    assert Adversarial(**plan).fit(wrong).health_.cycle < 0.5


def test_health_of_known_maps() -> None:
    x, y, truth = twins()
    whole = Duel(Rules(), x, y, NOTHING, truth).health()
    assert whole.rank == pytest.approx(1, abs=1e-5)
    assert whole.cycle == pytest.approx(0, abs=1e-6)
    assert not whole.collapsed
    # One axis is lost: rank 1 of nearly 2, and half the square length does not come back.
    flat = Duel(Rules(), x, y, NOTHING, np.diag([1.0, 0.0])).health()
    assert flat.rank == pytest.approx(0.5, abs=0.03)
    assert flat.cycle == pytest.approx(0.5, abs=0.15)
    assert Health(0.49, 0.0, 0.5).collapsed
    assert Health(1.0, 0.51, 0.5).collapsed
    assert Health(math.nan, 0.0, 0.5).collapsed


def test_effective_rank_by_hand() -> None:
    square = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert effective_rank(square) == pytest.approx(2)
    assert effective_rank(square * torch.tensor([1.0, 0])) == pytest.approx(1)
    # Shares of variance 0.8 and 0.2.
    entropy = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2))
    assert effective_rank(square * torch.tensor([2.0, 1])) == pytest.approx(math.exp(entropy))


def test_energy_distance_is_least_at_the_true_turn() -> None:
    x, y, truth = twins()
    scores = [
        Duel(Rules(), x, y, NOTHING, angle(by) @ truth).validate() for by in (0.0, 0.3, 0.6, 3.0)
    ]
    assert scores == sorted(scores, reverse=True)
    same = Duel(Rules(), x, x, NOTHING, np.eye(2))
    assert same.validate() == pytest.approx(0, abs=1e-5)


def test_known_pairs_pull_the_translation() -> None:
    views = planted(noise=0.1)
    one = Adversarial(pairs_used=5, seed=0).fit(views)
    other = Adversarial(pairs_used=5, seed=1).fit(views)
    every = Adversarial().fit(views)
    held = PairedVectors(planted(noise=0.1))
    assert recall(every, held, 10) > max(recall(one, held, 10), recall(other, held, 10))


def test_rows_of_a_batch_are_not_beside_their_partners() -> None:
    x, y, _ = twins(60)
    duel = Duel(Rules(), x, y, NOTHING, np.eye(2))
    first, second = duel._drawn(torch.arange(60), torch.Generator().manual_seed(0))
    assert torch.equal(first, duel.x)
    beside = (second == duel.y).all(dim=1)
    assert int(beside.sum()) < 6


def test_rows_of_one_modality_alone_are_used() -> None:
    views = planted(noise=0.1)
    row = np.arange(200)
    pairs = PairedVectors(views, {"a": row < 150, "b": row >= 100})
    found = Adversarial().fit(pairs)
    assert np.allclose(found.heads_["a"].mean, views["a"][:150].mean(axis=0), atol=1e-5)
    assert recall(found, PairedVectors(views), 10) > 0.5


@pytest.mark.parametrize(
    ("views", "change", "message"),
    [
        (planted(dims=(5, 4, 3)), {}, "joins exactly 2 views, got 3 .*use CCA"),
        (planted(n=3), {}, "a has 3 rows, need at least 4"),
    ],
)
def test_data_it_refuses(views, change, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Adversarial(**change).fit(views)


def test_pairs_are_needed_unless_they_are_ignored() -> None:
    half = np.arange(200) < 100
    apart = PairedVectors(planted(), {"a": half, "b": ~half})
    with pytest.raises(DataError, match="0 records have both a and b, need at least 2; set weight"):
        Adversarial().fit(apart)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"components": 0}, "components must be at least 1"),
        ({"starts": 1}, "starts must be at least 2"),
        ({"whiten": 1.5}, "whiten must be from 0 to 1"),
        ({"cycle": -1}, "cycle must not be negative"),
        ({"pairs_used": 1}, "pairs_used must be at least 2, got 1; .*weight=0"),
        ({"epochs": 0}, "epochs must be a whole number"),
    ],
)
def test_what_it_refuses(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Adversarial(**wrong)
