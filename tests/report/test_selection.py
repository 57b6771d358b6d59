from __future__ import annotations

from typing import Any

from isthmus.report.pages.space.selection import kinds, selection


def row(family: str, score: float, **gap: Any) -> dict[str, Any]:
    ahead = {"splits": 5, **gap} if gap else None
    return {"family": family, "candidate": family, "score": score, "splits": 5, "ahead": ahead}


def report(**more: Any) -> dict[str, Any]:
    tried = [
        {"candidate": "cca", "score": 0.5, "sd": 0.1, "splits": 5, "complete": True, "reason": ""}
    ]
    return {"tried": tried, "chosen": {"label": "cca"}, **more}


WON = row("kernel-cca", 0.52)
CLOSE = row("cca", 0.515, mean=0.005, low=-0.01, high=0.02, clear=False)
FAR = row("ridge", 0.4, mean=0.12, low=0.1, high=0.14, clear=True)


def test_a_clear_winner_is_said_with_its_lead() -> None:
    words = str(selection(report(standings=[WON, FAR])))
    assert "Kernels (kernel CCA)</strong> won" in words
    assert "mean reciprocal rank of the true partner of 0.520" in words
    assert "clearly ahead of every other kind; next is ridge regression, 0.120 behind" in words
    assert "(95 % interval 0.100 to 0.140)" in words


def test_no_lead_is_said_to_be_none() -> None:
    words = str(selection(report(standings=[WON, CLOSE, FAR])))
    assert "no clear lead over linear (CCA): the 95 % interval of the difference" in words
    assert "ahead of every other" not in words


def test_sources_are_used_or_weighted_away() -> None:
    chosen = {"label": "cca", "members": [{"aligner": "cca", "sources": {"clips": 0.5}}]}
    words = str(selection(report(sources=["clips", "noise"]) | {"chosen": chosen}))
    assert "clips was added, and counts for 0.5 times as much" in words
    assert "noise was weighted away" in words


def test_a_network_that_does_not_beat_what_is_not_trained_is_said_not_to() -> None:
    against = [
        {
            "rival": "propagation",
            "R@1": {"mean": 0.001, "low": -0.01, "high": 0.012, "clear": False},
            "mAP by group": {"mean": -0.02, "low": -0.03, "high": -0.01, "clear": True},
        }
    ]
    words = str(selection(report(standings=[WON], against=against, readout="semantic")))
    assert "Against propagation, what was chosen does not differ clearly from it in R@1" in words
    assert "loses to it in mAP by group (−0.020, 95 % interval −0.030 to −0.010)" in words
    assert "mean average precision by group of 0.520" in words


def test_what_was_not_tried_has_its_reason() -> None:
    words = str(selection(report(not_tried={"contrastive": "too few records"})))
    assert "What was not tried, and why" in words and "too few records" in words
    assert selection({}) is None
    assert kinds("kernel-cca + anchors + clips") == "kernels (kernel CCA) + anchors + clips"
