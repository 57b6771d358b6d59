"""The tables of a diagnosis."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.audit import EncoderCost, EncoderFit, Gap, Hubs, Kinds, Likeness, Share
from isthmus.core.view import Direction, ViewPair
from isthmus.report.kit.markup import Markup, el
from isthmus.report.kit.parts import table
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import hundredths, signed
from isthmus.report.pages.audit.words import called, milliseconds

_KINDS = 10


def fit_table(fits: Sequence[EncoderFit], caption: str) -> Markup:
    """Every combination of encoders: before a fit, after it, and beside shuffled pairs."""
    rows, k = [], fits[0].k
    for number, fit in enumerate(fits, start=1):
        label = el("th", f"{number}. ", called(fit), scope="row")
        if fit.reason:
            rows.append(el("tr", label, el("td", fit.reason, colspan=8, class_="words")))
            continue
        rows.append(
            el(
                "tr",
                label,
                _share_cell(fit.recall),
                _null_cell(fit.shuffled),
                _share_cell(fit.first) if k > 1 else None,
                el("td", f"{fit.mrr.value:.2f}" if fit.mrr else "–"),
                el("td", "–" if fit.record_ms is None else milliseconds(fit.record_ms)),
                _likeness_cell(fit.cka),
                _likeness_cell(fit.knn),
                el("td", "better" if fit.fits else f"no better, p = {fit.p_value:.2g}"),
            )
        )
    heads = (
        "Encoders",
        f"R@{k}",
        "Shuffled",
        *(("R@1",) if k > 1 else ()),
        "MRR",
        "A record",
        "CKA (shuffled)",
        "Mutual k-NN (shuffled)",
        "Than shuffled",
    )
    return _found(caption, heads, rows)


def cost_table(costs: Sequence[EncoderCost], views: Views) -> Markup:
    """What every encoder costs on this machine."""
    rows = [
        el(
            "tr",
            el("th", views.label(cost.view), " ", cost.encoder, scope="row"),
            el("td", f"{cost.dim:,}"),
            el("td", "–" if cost.weights_bytes is None else f"{cost.weights_bytes / 1e6:,.0f} MB"),
            el("td", milliseconds(cost.first_ms)),
            el(
                "td",
                milliseconds(cost.item_ms),
                " ",
                el("small", f"{milliseconds(cost.low_ms)} to {milliseconds(cost.high_ms)}"),
            ),
            el("td", f"{1e3 / cost.item_ms:,.0f}" if cost.item_ms < 100 else _few(cost.item_ms)),
        )
        for cost in costs
    ]
    heads = ("Encoder", "Numbers a vector", "Weights", "First item", "An item", "Items a second")
    return _found("What every encoder costs here, from file to vector", heads, rows)


def _few(item_ms: float) -> str:
    """Less than ten items a second, with two digits."""
    return f"{1e3 / item_ms:.2g}"


def _null_cell(found: Likeness | None) -> Markup:
    if found is None:
        return el("td", "–")
    return el("td", hundredths(found.null_mean), " ", el("small", f"± {100 * found.null_sd:.1f}"))


def _share_cell(share: Share | None) -> Markup:
    if share is None:
        return el("td", "–")
    between = f"{hundredths(share.low)}–{hundredths(share.high)}"
    return el("td", hundredths(share.value), " ", el("small", between))


def _likeness_cell(found: Likeness | None) -> Markup:
    if found is None:
        return el("td", "–")
    null = f"{signed(found.null_mean)} ± {found.null_sd:.3f}"
    return el("td", signed(found.value), " ", el("small", null))


def kinds_table(found: Kinds) -> Markup | None:
    """The kinds that are found worst; None where none is worse than all."""
    shown = found.worst[:_KINDS]
    if not shown:
        return None
    rows = [
        el(
            "tr",
            el("th", kind.name, scope="row"),
            el("td", f"{kind.pairs:,}"),
            el("td", hundredths(kind.recall)),
            el("td", f"{kind.mrr:.2f}"),
        )
        for kind in shown
    ]
    rows.append(
        el(
            "tr",
            el("th", "all pairs", scope="row"),
            el("td", ""),
            el("td", hundredths(found.recall)),
            el("td", f"{found.mrr:.2f}"),
        )
    )
    caption = f"Kinds found worst, {found.a} and {found.b}"
    return _found(caption, ("Group", "Pairs", f"R@{found.k}", "MRR"), rows)


def hub_table(found: Sequence[Hubs], views: Views) -> Markup:
    """Hubness of every direction before and after the correction."""
    rows = [
        el(
            "tr",
            el("th", views.direction(Direction(each.query, each.gallery)), scope="row"),
            el("td", signed(each.skew)),
            el("td", signed(each.skew_corrected)),
            el("td", hundredths(each.expected)),
            el("td", hundredths(each.top[0].share) if each.top else "–"),
        )
        for each in found
    ]
    heads = ("Direction", "Skew, cosine", "Skew, CSLS", "Even share", "Largest share")
    where = "among the first ten" if found[0].k > 1 else "first"
    return _found(f"Hubness: how often one item is {where}", heads, rows)


def gap_table(gaps: Sequence[Gap], views: Views) -> Markup:
    """Modality gap and cosines of every two views."""
    rows = [
        el(
            "tr",
            el("th", views.pair(ViewPair(each.a, each.b)), scope="row"),
            el("td", signed(each.gap)),
            el("td", signed(each.true_cosine)),
            el("td", signed(each.other_cosine)),
        )
        for each in gaps
    ]
    heads = ("Views", "Gap", "Cosine of true pairs", "Of all others")
    return _found("Modality gap: distance between the centroids, 0 to 2", heads, rows)


def _found(caption: str, heads: Sequence[str], rows: Sequence[Markup]) -> Markup:
    return table(caption, heads, el("tbody", *rows), class_="found")
