from __future__ import annotations

from dataclasses import replace

from isthmus.report.pages.space.selection import kinds, selection
from isthmus.space.report import (
    Choice,
    ChosenAligner,
    DataFacts,
    Difference,
    Rivalry,
    Settings,
    SpaceReport,
    Standing,
    Tried,
)


def standing(family: str, score: float, ahead: Difference | None = None) -> Standing:
    return Standing((family,), family, score, 5, True, ahead)


CCA = ChosenAligner(
    label="cca", aligner="cca", params={}, members=(), weights=(), sources={}, csls_strength=1.0
)
TRIED = (Tried("cca", 0.5, 0.1, 5, True),)
WON = standing("kernel-cca", 0.52)
CLOSE = standing("cca", 0.515, Difference(0.005, -0.01, 0.02, 5))
FAR = standing("ridge", 0.4, Difference(0.12, 0.1, 0.14, 5))


def report(*standings: Standing, sources: tuple[str, ...] = (), **choice: object) -> SpaceReport:
    known = Choice(CCA, TRIED, standings, (), {})
    return SpaceReport(
        data=DataFacts(name="d", records=1, items={}, pairs={}, groups=1, left_out=()),
        encoders={},
        settings=Settings(readout="instance", nested=False, seed=0, budget=None, sources=sources),
        choice=replace(known, **choice),
        estimate=None,
        calibration={},
        seconds=1.0,
        versions={},
    )


def test_a_clear_winner_is_said_with_its_lead() -> None:
    words = str(selection(report(WON, FAR)))
    assert "Kernels (kernel CCA)</strong> won" in words
    assert "mean reciprocal rank of the true partner on held-out records is 0.520" in words
    assert (
        "clearly better than every other kind. The next one is ridge regression, 0.120 behind"
        in words
    )
    assert "(95 % interval 0.100 to 0.140)" in words


def test_no_lead_is_said_to_be_none() -> None:
    words = str(selection(report(WON, CLOSE, FAR)))
    assert "not clearly better than linear (CCA): the 95 % interval of the difference" in words
    assert "better than every other" not in words


def test_sources_are_used_or_weighted_away() -> None:
    both = replace(CCA, aligner="ensemble", members=(replace(CCA, sources={"clips": 0.5}),))
    words = str(selection(report(WON, sources=("clips", "noise"), chosen=both)))
    assert "clips was added. It counts 0.5 times as much" in words
    assert "noise was not used, because no weight improved the results" in words


def test_a_network_that_does_not_beat_what_is_not_trained_is_said_not_to() -> None:
    ahead = {
        "R@1": Difference(0.001, -0.01, 0.012, 5),
        "mAP by group": Difference(-0.02, -0.03, -0.01, 5),
    }
    made = report(WON, rivalries=(Rivalry("propagation", ahead),))
    words = str(selection(replace(made, settings=replace(made.settings, readout="semantic"))))
    assert "Compared with propagation, the winner is not clearly different in R@1" in words
    assert "is worse in mAP by group (−0.020, 95 % interval −0.030 to −0.010)" in words
    assert "mean average precision by group on held-out records is 0.520" in words


def test_what_was_not_tried_has_its_reason() -> None:
    words = str(selection(report(WON, not_tried={"contrastive": "too few records"})))
    assert "What was not tried, and why" in words and "too few records" in words
    named = kinds(("kernel-cca", "anchors", "clips + more"))
    assert named == "kernels (kernel CCA) + anchors + clips + more"
