"""What a diagnosis found, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from isthmus.audit import (
    Duplicates,
    EncoderFit,
    Gain,
    Hubs,
    Kinds,
    LearningCurve,
    Recommendation,
    Suspects,
    Ungrouped,
    Unusable,
)
from isthmus.core.view import Direction, ViewPair
from isthmus.core.wording import count, way
from isthmus.report.kit.words import hundredths, listed, signed, true_minus

if TYPE_CHECKING:
    from isthmus.audit import Diagnosis

_WORST = 3
_GROUPS_COST = 0.1
"""Recall that is worth a sentence."""
_COMPARABLE = 4
"""Combinations below which a rank correlation says nothing."""


def findings(diagnosis: Diagnosis) -> dict[str, list[str]]:
    """Sentences by part: encoders, pairs, kinds, hubs, mismatches, duplicates."""
    fits = groupby(diagnosis.fits, key=lambda fit: (fit.a, fit.b))
    return {
        "encoders": [
            *(recommended(each, diagnosis.fits) for each in diagnosis.recommended),
            *(said for _, some in fits for said in encoders(list(some))),
            *(said for each in diagnosis.ungrouped if (said := ungrouped(each, diagnosis.fits))),
            *left_out_encoders(diagnosis.encoded.unusable),
        ],
        "pairs": [curve(each) for each in diagnosis.curves],
        "kinds": [said for each in diagnosis.kinds if (said := kinds(each))],
        "hubs": [hubs(each) for each in diagnosis.hubs],
        "mismatches": [suspects(each) for each in diagnosis.suspects],
        "duplicates": [duplicates(each, elsewhere(diagnosis)) for each in diagnosis.duplicates],
    }


def encoders(fits: Sequence[EncoderFit]) -> list[str]:
    """Which combination of two views fits best, which are no worse, which do not fit."""
    best = fits[0]
    name = ViewPair(best.a, best.b)
    failed = [f"{called(fit)} could not be measured: {fit.reason}" for fit in fits if fit.reason]
    if best.recall is None:
        return [f"{name}: {said}" for said in failed]
    found = best.recall
    figures = (
        f"{hundredths(found.value)} of 100 held-out pairs are {found_among(best.k, best.gallery)} "
        f"(95 %: {hundredths(found.low)} to {hundredths(found.high)}; "
        f"chance {hundredths(best.chance)})"
    )
    if not best.fits:
        return [f"{name}: no encoders fit better than shuffled pairs; {figures}.", *failed]
    lead = "fits" if len(fits) == 1 else "fits best"
    said = [f"{name}: {called(best)} {lead}; {figures}."]
    equal = [fit for fit in fits[1:] if fit.tied and fit.fits]
    if equal:
        said.append(f"Not clearly worse: {listed([called(fit) for fit in equal])}.")
    said += [
        f"{called(fit)} fits no better than shuffled pairs (p = {fit.p_value:.2g})."
        for fit in fits
        if not fit.fits and not fit.reason
    ]
    return [*said, *failed, *_agreement(fits)]


def ungrouped(found: Ungrouped, fits: Sequence[EncoderFit]) -> str | None:
    """What keeping groups whole costs, if it costs much or all."""
    best = next((fit for fit in fits if (fit.a, fit.b) == (found.a, found.b)), None)
    if best is None or best.recall is None:
        return None
    if best.fits and abs(found.recall - best.recall.value) < _GROUPS_COST:
        return None
    return (
        f"{ViewPair(found.a, found.b)}: your {found.groups} groups were held out whole. If they "
        f"are not kept whole, {hundredths(found.recall)} of 100 held-out pairs are "
        f"{found_among(found.k, found.gallery)}. If new things come from the same groups, add "
        f"{way(python='by_group=False', shell='--no-groups')}."
    )


def _agreement(fits: Sequence[EncoderFit]) -> list[str]:
    """Whether what is known before a fit orders the combinations as the fit does."""
    measured = [(f.cka.value, f.knn.value, f.mrr.value) for f in fits if f.cka and f.knn and f.mrr]
    if len(measured) < _COMPARABLE:
        return []
    cka, knn, mrr = np.array(measured).T
    return [
        f"Over these {len(measured)} combinations, the rank correlation with the held-out results "
        f"is {signed(rank_correlation(cka, mrr))} for CKA and {signed(rank_correlation(knn, mrr))} "
        "for mutual k-NN."
    ]


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's; 0 where one of both does not vary."""
    from scipy.stats import rankdata

    a, b = rankdata(x), rankdata(y)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def curve(found: LearningCurve) -> str:
    """How good a fit on the pairs is and what more would bring."""
    last, pair = found.recall[-1], ViewPair(found.a, found.b)
    now = (
        f"{pair}: a fit on {found.sizes[-1]:,} pairs finds {hundredths(last.value)} "
        f"of 100 {found_among(found.k, found.gallery)}"
    )
    if found.recall_gain is None:
        return f"{now}; too few pairs to tell what more would bring."
    return f"{now}; {gain(found.recall_gain)}."


def gain(found: Gain) -> str:
    """What more pairs would bring, in hundredths."""
    between = f"(95 %: {points(found.low)} to {points(found.high)})"
    more = f"with {found.more:,} more pairs like these, about {points(found.value)} of 100 more"
    what = f"{more} {between}"
    return what if found.low > 0 else f"{what}, which is not clearly more than nothing"


def kinds(found: Kinds) -> str | None:
    """Which kinds are found worst."""
    worst = found.worst[:_WORST]
    if not worst:
        return None
    named = [
        f"{kind.name} ({count(kind.pairs, 'pair')}, {hundredths(kind.recall)} of 100)"
        for kind in worst
    ]
    return (
        f"{ViewPair(found.a, found.b)}: the groups found worst are {listed(named)}; the mean of "
        f"all is {hundredths(found.recall)} of 100. More pairs of a group help mostly this group."
    )


def hubs(found: Hubs) -> str:
    """Whether a few items crowd out the rest."""
    name = Direction(found.query, found.gallery)
    skew = f"skew {signed(found.skew, 1)}, {signed(found.skew_corrected, 1)} with CSLS"
    if not found.matters:
        return f"{name}: no clear hubness ({skew})."
    top, where = found.top[0].share, "among the first ten" if found.k > 1 else "the first"
    most = (
        f"one of them is {where} for {hundredths(top)} of 100 queries; if all items came up "
        f"equally often, it would be {hundredths(found.expected)}"
    )
    return f"{name}: a few items come up for too many queries ({skew}): {most}."


def suspects(found: Suspects) -> str:
    """How many pairs are flagged."""
    name = ViewPair(found.a, found.b)
    if not found.flagged:
        return (
            f"{name}: none of {count(found.checked, 'pair')} is clearly wrong. The most doubtful "
            "pairs are listed."
        )
    return (
        f"{name}: {found.flagged:,} of {count(found.checked, 'pair')} may be wrong. About "
        f"{hundredths(found.false_share)} of 100 such flags are false alarms."
    )


def duplicates(found: Duplicates, where: str) -> str:
    """How many items have a near-duplicate that a split could separate from them."""
    if not found.near and not found.copies:
        return f"{found.view}: no near-duplicates in {where}."
    parts = []
    if found.copies:
        parts.append(f"{count(found.copies, 'item')} of {found.items:,} have a copy")
    if found.near and found.threshold is not None and found.typical is not None:
        parts.append(
            f"{count(found.near, 'item')} of {found.items:,} have a near-duplicate (cosine "
            f"{found.threshold:.2f} or more; usual is {found.typical:.2f})"
        )
    return f"{found.view}: {' and '.join(parts)} in {where}."


def elsewhere(diagnosis: Diagnosis) -> str:
    """Where near-duplicates were looked for."""
    grouped = diagnosis.by_group and diagnosis.encoded.pairs.groups is not None
    return "another group" if grouped else "another record"


def found_among(k: int, gallery: float) -> str:
    """``"among the first ten of 135"``, or ``"first of 24"``."""
    return f"{'among the first ten' if k > 1 else 'first'} of {gallery:,.0f}"


def called(fit: EncoderFit | Recommendation) -> str:
    """``"universal with efficientnet-lite0"``; towers of one model may be taken as they are."""
    return _both(fit.encoder_a, fit.encoder_b, fit.fitted)


def _both(a: str, b: str, fitted: bool) -> str:
    return f"{a} with {b}{'' if fitted else ' as they are'}"


def recommended(found: Recommendation, fits: Sequence[EncoderFit]) -> str:
    """Which encoders to take, and why."""
    fit = next(each for each in fits if is_choice(each, found))
    lead = f"{ViewPair(found.a, found.b)}: take {called(found)}"
    if found.compared == 1:
        return f"{lead}; nothing else was compared."
    if found.cheaper and found.record_ms is not None and found.best_record_ms is not None:
        best = _both(found.best_a, found.best_b, found.best_fitted)
        reason = (
            f"it is not clearly worse than {best} and takes {milliseconds(found.record_ms)} a "
            f"record in place of {milliseconds(found.best_record_ms)}"
        )
    elif found.equals == 1:
        reason = "it is clearly the best"
    elif found.record_ms is not None:
        reason = f"no other of the {found.equals} best costs less"
    else:
        reason = f"it is the first of {found.equals} that are as good"
    return (
        f"{lead}: {reason}. On pairs that the choice was not made with, such a choice finds "
        f"{hundredths(found.chosen.value)} of 100 {found_among(fit.k, fit.gallery)} "
        f"(95 %: {hundredths(found.chosen.low)} to {hundredths(found.chosen.high)})."
    )


def is_choice(fit: EncoderFit, found: Recommendation) -> bool:
    """Whether a combination is the recommended one."""
    return (fit.a, fit.b, called(fit)) == (found.a, found.b, called(found))


def milliseconds(value: float) -> str:
    """A time with two digits, in seconds from one on.

    Examples:
        >>> milliseconds(0.123), milliseconds(45.6), milliseconds(1234.0)
        ('0.12 ms', '46 ms', '1.2 s')
    """
    if value >= 1e3:
        return f"{value / 1e3:,.1f} s" if value < 1e4 else f"{value / 1e3:,.0f} s"
    digits = 2 if value < 1 else 1 if value < 10 else 0
    return f"{value:.{digits}f} ms"


def left_out_encoders(found: Sequence[Unusable]) -> list[str]:
    """Which encoders were not compared, and why."""
    return [
        f"{each.encoder} was not compared{f' for {each.view}' if each.view else ''}: "
        f"{each.reason.rstrip('.')}."
        for each in found
    ]


def points(share: float) -> str:
    """A difference of shares in hundredths, with its sign.

    Examples:
        >>> points(0.0123), points(-0.004), points(0.12)
        ('+1.2', '−0.4', '+12')
    """
    value = 100 * share
    return true_minus(f"{value:+.0f}" if abs(value) >= 10 else f"{value:+.1f}")
