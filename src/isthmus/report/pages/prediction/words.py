"""What the page of a predictor says, in sentences."""

from __future__ import annotations

import math

from isthmus.core.wording import count
from isthmus.predictor.predictor import Predictor
from isthmus.predictor.report import Baseline, Figure, PredictorReport
from isthmus.report.kit.words import listed, signed, signed_share
from isthmus.space.report import Difference

_SHOWN = 4
_BELOW_ZERO = ("R²", "kappa")
LOWER_IS_BETTER = ("log loss", "mean error", "grades off")
NO_DEVICE = (
    "This is no medical device. Nobody tested it on patients to come. It must not decide on "
    "anybody's diagnosis or treatment."
)


def title(predictor: Predictor) -> str:
    """``"Predicting shape from image, audio and columns"``."""
    return f"Predicting {predictor.asked.target} from {listed(list(predictor.views))}"


def lede(report: PredictorReport) -> str:
    """From what it learned, and what it says."""
    data, target = report.data, report.target
    learned = f"Learned from {count(data.records, 'record')}"
    if data.groups < data.records:
        learned += f" in {count(data.groups, 'group')} that never straddle a split"
    if target.kind == "survival":
        events = sum(target.counts)
        what = f"the risk of an event ({count(events, 'event')})"
        if target.horizon is not None:
            what += f" and its probability by the time {target.horizon:.3g}"
        return f"{learned}. It predicts {what}."
    if target.kind == "number":
        what = "date" if target.unit else "number"
        return f"{learned}. It predicts a {what} with an interval."
    kinds = {
        "classes": ("one of", "class", "classes"),
        "grades": ("one of", "grade", "grades"),
        "labels": ("which of", "label", "labels"),
    }
    how, one, several = kinds[target.kind]
    names = list(target.names[:_SHOWN])
    more = len(target.names) - len(names)
    names += [f"{more} more"] if more else []
    number = count(len(target.names), one, several)
    return f"{learned}. It predicts {how} {number}: {listed(names)}."


def number(value: float) -> str:
    """Two digits after the point, with a true minus."""
    return signed(value)


def gap(value: float) -> str:
    """A difference with its sign and three digits."""
    return signed_share(value, 3)


def between(found: Figure) -> str:
    """``"95 %: 0.70 to 0.87"``; empty where no interval is known."""
    said = brief(found)
    return f"95\u00a0%: {said}" if said else ""


def ends(found: Figure) -> tuple[float | None, float | None]:
    """An interval, no wider than its metric can be."""
    most = math.inf if found.metric in LOWER_IS_BETTER else 1.0
    least = 0.0 if found.metric not in _BELOW_ZERO else -math.inf
    low = None if found.low is None else max(found.low, least)
    return low, None if found.high is None else min(found.high, most)


def brief(found: Figure | Difference) -> str:
    """An interval for a table."""
    low, high = ends(found) if isinstance(found, Figure) else (found.low, found.high)
    if low is None or high is None:
        return ""
    say = gap if isinstance(found, Difference) else number
    return f"{say(low)} to {say(high)}"


def rival(found: Baseline) -> str:
    """What a plain rival is called."""
    names = {
        "chance": "chance",
        "majority": "the most frequent answer",
        "view": f"{found.view} alone",
        "concat": "all views concatenated",
        "late": "late fusion",
        "views shuffled": "views of different records",
        "views shuffled within a class": "views of different records, same answer",
    }
    return names[found.kind]


def best_view(report: PredictorReport) -> Baseline | None:
    """The single view that does best."""
    views = [each for each in report.baselines if each.kind == "view"]
    sign = -1 if report.estimate.headline in LOWER_IS_BETTER else 1
    return max(views, key=lambda each: sign * each.figure.value, default=None)


def shuffled_views(report: PredictorReport) -> list[str]:
    """What is left of the gain where views belong to different records."""
    said = []
    for each in report.baselines:
        if each.kind == "views shuffled" and each.gain is not None:
            said.append(
                "If the views of different records are put together, fusion gains "
                f"{gap(each.gain)} over the best single view. It should gain nothing then."
            )
        elif each.kind == "views shuffled within a class":
            said.append(
                "If they are put together only among records with the same answer, it scores "
                f"{number(each.figure.value)}: what is lost is what the views of one record say "
                "only together."
            )
    return said


def shuffled_labels(report: PredictorReport) -> str:
    """How often answers that mean nothing are predicted as well."""
    null = report.null
    return (
        f"With shuffled answers, {null.p:.1%} of {null.permutations:,} tries score as well. Above "
        f"{null.level:.0%}, no predictor is made."
    )


READ = (
    (
        "Held out",
        "Every record is predicted once by a predictor that was chosen and learned without it. "
        "The figures are those of the whole procedure, not of the one predictor that is kept.",
    ),
    (
        "95 %",
        "Intervals over the folds, corrected for training sets that overlap. With few folds they "
        "are wide.",
    ),
    (
        "Late fusion",
        "One predictor a view, and the mean of what they say. Another fusion is chosen only if it "
        "is surely ahead of it: if the whole interval of the difference is above zero.",
    ),
    (
        "Share of a view",
        "How much a view moves the scores of held-out records. A large share is not a good view: "
        "look at what it scores alone.",
    ),
    (
        "Calibration error",
        "The mean distance between the probability of an answer and how often such answers are "
        "right.",
    ),
    (
        "Set",
        "The answers that hold the true one for the share of new records that was asked for (a "
        "conformal set). An empty one: the record is unlike those that were held out, so no answer "
        "is as probable as theirs were. For numbers: an interval.",
    ),
)
CLINICAL = (
    (
        "Net benefit",
        "True positives less false positives, where a false one costs as the threshold says. A "
        "predictor is useful where it lies above both: treating everyone and treating nobody.",
    ),
    (
        "Calibration in the large",
        "The share of true ones less the mean probability. Above 0, the predictor says too little.",
    ),
)
