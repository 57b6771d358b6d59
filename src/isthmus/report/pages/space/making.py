"""How the space came about: what was read, left out, set; and how to read the page."""

from __future__ import annotations

from collections.abc import Mapping

from isthmus.core.view import ViewPair
from isthmus.core.wording import count
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.parts import facts, left_out, section
from isthmus.report.kit.views import Views
from isthmus.space.report import Bridge, Origin, PretrainedReport, SpaceReport, StarterReport

READ = (
    (
        "R@1, R@10",
        "How many of 100 queries find their true partner first, or among the first ten.",
    ),
    ("Median rank", "Half of the true partners have this rank or a better one. 1 is best."),
    ("mAP", "Mean average precision: how early items of the same group come. 1 is best."),
    ("Pure chance", "The result of a random order. Compare every number with it."),
    (
        "Shuffled pairs",
        "The same procedure with shuffled partners. It can be a little better than chance, "
        "because the encoders alone contain some signal. A useful space is clearly better.",
    ),
    (
        "Random encoders",
        "The same procedure with random vectors in place of the encoders' vectors.",
    ),
    (
        "Intervals",
        "For means over folds: plus or minus one standard deviation. For a single measurement: "
        "the 95 % interval of Wilson.",
    ),
    (
        "Read-outs",
        "The instance read-out looks for the one true partner, and corrects for hubness. The "
        "semantic read-out looks for things of the same kind. Numbers use the instance read-out, "
        "unless the text says otherwise.",
    ),
)
"""The words of the page explained."""


def data(report: SpaceReport, views: Views) -> Markup:
    """Data, encoders, and what was left out."""
    of = report.data
    rows: list[tuple[object, object]] = [
        ("Data", of.name),
        (
            "Records",
            f"{of.records:,} in {count(of.groups, 'group')}; splits keep groups together",
        ),
        ("Pairs", _pairs(of.pairs, views)),
    ]
    for view, encoder in report.encoders.items():
        what = f", {count(encoder.dim, 'dimension')}; {count(of.items[view], 'item')}"
        rows.append((views.label(view), join((el("code", encoder.id), what))))
    return section("Data and encoders", "data", facts(rows), left_out(of.left_out))


def pretrained(origin: Origin, views: Views) -> Markup:
    """Models that were joined before, what is kept of them, and how several were joined."""
    rows: list[tuple[object, object]] = []
    for model in origin.models:
        licence = f"licence: {model.licence}" if model.licence else "licence not known"
        rows.append(("Model", join((el("code", model.name), f", {licence}"))))
    kept = join([views.label(view) for view in origin.fixed], between=", ")
    rows.append(("Heads that stay", kept))
    rows += [("Bridge", _bridge(bridge)) for bridge in origin.bridges]
    return section("Pretrained", "pretrained", facts(rows))


def _bridge(bridge: Bridge) -> str:
    found = bridge.estimate.held_out.directions
    r10 = ", ".join(
        f"{row.instance.r10} (shuffled: {bridge.estimate.null.shuffled[way].instance.r10})"
        for way, row in found.items()
    )
    return (
        f"{bridge.model} was joined through {bridge.through}, without pairs: both models read "
        f"{count(bridge.items.records, 'item')} of {bridge.items.name}. The map is "
        f"{bridge.choice.chosen.label}. R@10 of held-out items: {r10}. This says nothing of the "
        "other views."
    )


def measured(report: PretrainedReport, views: Views) -> Markup:
    """What a space was measured on that has learned from none of it."""
    rows: list[tuple[object, object]] = []
    if report.data is not None:
        rows += [
            ("Measured on", f"{report.data.name}, {count(report.data.records, 'record')}"),
            ("Pairs", _pairs(report.data.pairs, views)),
        ]
    calibrated = ", ".join(map(str, report.calibration))
    rows += [
        ("Calibrated", calibrated or "nothing: search shows an order, and no probabilities"),
        ("Versions", ", ".join(f"{k} {v}" for k, v in report.versions.items())),
    ]
    missing = left_out(report.data.left_out) if report.data is not None else None
    return section("Data and settings", "data", facts(rows), missing)


def settings(report: SpaceReport) -> Markup:
    """What is needed to do it again."""
    rows: list[tuple[object, object]] = [
        ("Aligner", report.chosen.label),
        ("Seed", report.settings.seed),
    ]
    if report.estimate is not None:
        rows.append(("Outer folds", report.estimate.folds))
    rows.append(("Took", f"{report.seconds:,.0f} s"))
    rows.append(("Versions", ", ".join(f"{k} {v}" for k, v in report.versions.items())))
    return section("Settings", "settings", facts(rows))


def shipped(report: StarterReport, views: Views) -> Markup:
    """What the space that comes with the package was made from."""
    rows = (
        ("Data", report.data.name),
        ("Pairs", _pairs(report.data.pairs, views)),
        ("Made with", f"isthmus {report.version}"),
    )
    return section("Data", "data", facts(rows))


def _pairs(counts: Mapping[ViewPair, int], views: Views) -> Markup:
    lines = (join((f"{n:,} ", views.pair(pair))) for pair, n in counts.items())
    return join(lines, between=el("br"))
