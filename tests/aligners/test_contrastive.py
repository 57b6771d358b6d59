import math
from pathlib import Path

import numpy as np
import pytest

from isthmus.aligners import CCA, Contrastive, KernelCCA, LinearHead, MLPHead
from isthmus.aligners.checks import planted
from isthmus.aligners.learned import start
from isthmus.core.errors import DataError, FingerprintError, InputError
from isthmus.core.paired import PairedVectors

torch = pytest.importorskip("torch")

EAGER = {"learning_rate": 1e-2, "pull": 0.0, "epochs": 30, "patience": 30, "batch_size": 64}


def rank(aligner, views: dict[str, np.ndarray], a: str = "a", b: str = "b") -> float:
    """Mean reciprocal rank."""
    scores = aligner.transform(views[a], a) @ aligner.transform(views[b], b).T
    places = 1 + (scores > scores.diagonal()[:, None]).sum(axis=1)
    return float((1 / places).mean())


def some(views: dict[str, np.ndarray], rows: slice) -> dict[str, np.ndarray]:
    return {m: x[rows] for m, x in views.items()}


def cosines(aligner, views) -> np.ndarray:
    return aligner.transform(views["a"], "a") @ aligner.transform(views["b"], "b").T


@pytest.mark.parametrize(
    ("head", "closed", "kind"),
    [("linear", CCA, LinearHead), ("mlp", KernelCCA, MLPHead)],
)
def test_where_no_step_helps_the_closed_form_is_left(head, closed, kind) -> None:
    views = planted(noise=0.1)
    found = Contrastive(head, ridge=0.1, power=1.0, learning_rate=10.0, patience=2).fit(views)
    assert found.log_.kept == "closed form"
    assert found.log_.choice.best_epoch == 0
    assert found.log_.final is None
    expected = closed(ridge=0.1, power=1.0).fit(views)
    assert isinstance(found.heads_["a"], kind)
    assert np.abs(cosines(found, views) - cosines(expected, views)).max() < 1e-4


def test_a_start_maps_its_own_rows_once(monkeypatch: pytest.MonkeyPatch) -> None:
    views, mapped = PairedVectors(planted()), []
    plain = start.hidden

    def counted(pairs: PairedVectors, layers) -> PairedVectors:
        mapped.append(pairs)
        return plain(pairs, layers)

    monkeypatch.setattr(start, "hidden", counted)
    made = start.Start(views, start.StartPlan("mlp", 1.0, 0.5, warm_start=True, seed=0))
    own, again = made.whitened(views), made.whitened(PairedVectors(dict(views.vectors)))
    assert len(mapped) == 2
    for m, x in own.items():
        np.testing.assert_array_equal(x, again[m])


@pytest.mark.parametrize("loss", ["info_nce", "siglip", "info_nce + 0.5*kl + 0.1*cosine"])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_training_mends_a_start_that_is_far_off(head: str, loss: str) -> None:
    # A ridge of 300 with steep weights leaves one direction of five: plenty is to be gained.
    views, held = (
        some(planted(300, noise=0.5), slice(200)),
        some(planted(300, noise=0.5), slice(200, None)),
    )
    poor = Contrastive(head, loss, ridge=300.0, power=6.0, epochs=1, held_out=0.0).fit(views)
    assert poor.log_.kept == "closed form"
    found = Contrastive(head, loss, ridge=300.0, power=6.0, **EAGER).fit(views)
    assert found.log_.kept == "trained"
    assert found.log_.final.stopped == "epochs"
    assert len(found.log_.final.losses) == found.log_.choice.best_epoch
    assert rank(found, held) > rank(poor, held) + 0.1


def test_a_random_start_learns_too() -> None:
    views = planted(300, noise=0.1)
    train, held = some(views, slice(200)), some(views, slice(200, None))
    found = Contrastive("linear", warm_start=False, **EAGER).fit(train)
    assert found.log_.kept == "trained"
    assert rank(found, held) > 0.5
    start = Contrastive("linear", warm_start=False, held_out=0.0).fit(train)
    assert start.log_.kept == "start"
    assert rank(start, held) < 0.2


def test_the_pull_keeps_the_heads_near_the_closed_form() -> None:
    views = planted(noise=0.5)
    closed = cosines(CCA(ridge=300.0, power=6.0).fit(views), views)
    moved = [
        np.abs(cosines(found, views) - closed).mean()
        for pull in (0.0, 100.0)
        for found in [
            Contrastive("linear", ridge=300.0, power=6.0, **{**EAGER, "pull": pull}).fit(views)
        ]
    ]
    assert moved[1] < moved[0] / 3


@pytest.mark.parametrize("change", [{"mixup": 1.0}, {"dropout": 0.3}, {"seed": 1}])
def test_what_is_random_has_an_effect_and_is_repeatable(change: dict[str, float]) -> None:
    views = planted(noise=0.5)
    plan = {"ridge": 300.0, "power": 6.0, **EAGER}
    plain = Contrastive("linear", **plan).fit(views)
    first = Contrastive("linear", **plan, **change).fit(views)
    torch.rand(5)
    second = Contrastive("linear", **plan, **change).fit(views)
    assert np.array_equal(cosines(first, views), cosines(second, views))
    assert not np.array_equal(cosines(first, views), cosines(plain, views))
    assert first.log_ == second.log_


def test_three_modalities_that_never_meet_all_at_once() -> None:
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(300, 4))
    views = {
        m: (latent @ rng.normal(size=(4, d)) + 0.2 * rng.normal(size=(300, d))).astype(np.float32)
        for m, d in {"a": 9, "b": 8, "c": 7}.items()
    }
    row = np.arange(300)
    pairs = PairedVectors(views, {"a": row < 200, "c": row >= 100})
    poor = Contrastive("linear", ridge=300.0, power=6.0, held_out=0.0).fit(pairs)
    found = Contrastive("linear", ridge=300.0, power=6.0, **EAGER).fit(pairs)
    fresh = {m: x[:50] for m, x in views.items()}
    assert found.log_.kept == "trained"
    assert rank(found, fresh, "a", "b") > rank(poor, fresh, "a", "b") + 0.1
    assert rank(found, fresh, "a", "c") > 0.2, "never seen together; chance is 0.09"


def test_few_pairs_are_not_trained_on() -> None:
    found = Contrastive().fit(planted(n=40))
    assert found.log_.kept == "closed form"
    assert found.log_.reason == "6 pairs to hold out, need 10 to tell a difference"


def test_training_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    views = planted(noise=0.5)
    plan = {"ridge": 300.0, "power": 6.0, **EAGER}
    whole = Contrastive("linear", **plan).fit(views)
    told = []

    class Interrupted(Contrastive):
        @staticmethod
        def progress(phase: str, done: int, total: int) -> None:
            told.append(done)
            if len(told) == 8:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Interrupted("linear", **plan, checkpoint=tmp_path).fit(views)
    assert told == list(range(8))
    found = Contrastive("linear", **plan, checkpoint=tmp_path).fit(views)
    assert np.array_equal(cosines(found, views), cosines(whole, views))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["choice", "final"]
    again = Contrastive("linear", **plan, checkpoint=tmp_path).fit(views)
    assert np.array_equal(cosines(again, views), cosines(whole, views))
    with pytest.raises(FingerprintError, match="fingerprint"):
        Contrastive("linear", **plan, checkpoint=tmp_path).fit(planted(seed=3))


def test_records_that_share_nothing_are_refused() -> None:
    views = planted()
    half = np.arange(200) < 100
    with pytest.raises(DataError):
        Contrastive().fit(PairedVectors(views, {"a": half, "b": ~half}))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"head": "deep"}, "head must be one of linear, mlp, got 'deep'"),
        ({"loss": "nce"}, "unknown loss 'nce'"),
        ({"ridge": -1}, "ridge must be positive"),
        ({"pull": -1}, "pull must not be negative, got -1"),
        ({"mixup": math.nan}, "mixup must not be negative"),
        ({"dropout": 1.0}, "dropout must not be negative and be below 1"),
        ({"held_out": 1.5}, "held_out must not be negative and be below 1"),
        ({"temperature": 0}, "temperature must be positive"),
        ({"epochs": 0}, "epochs must be a whole number"),
    ],
)
def test_what_it_refuses(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Contrastive(**wrong)
