"""How the space came about: what was read, left out, set; and how to read the page."""

from __future__ import annotations

from collections.abc import Mapping

from isthmus.core.view import ViewPair
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.parts import facts, left_out, section
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import count
from isthmus.space.report import SpaceReport, StarterReport

READ = (
    ("R@1, R@10", "Of 100 queries, how often the true partner comes first, or within ten."),
    ("Median rank", "Half of the true partners stand here or before. 1 is best."),
    ("mAP", "Mean average precision: whether things of the same category come first. 1 is best."),
    ("Pure chance", "What a random order gets. Figures mean little without it."),
    (
        "Shuffled pairs",
        "The same procedure with partners dealt at random. It may beat chance a little, since "
        "the encoders alone know something; the space must do clearly better.",
    ),
    ("Random encoders", "The same procedure on noise in place of the encoders' vectors."),
    (
        "Intervals",
        "Over folds: one standard deviation either way. Counted once: 95 %, after Wilson.",
    ),
    (
        "Read-outs",
        "Instance looks for the one that belongs, and is corrected for hubness; semantic looks "
        "for what is alike in kind. Figures are of the instance read-out unless said otherwise.",
    ),
)
"""The words of the page explained."""


def data(report: SpaceReport, views: Views) -> Markup:
    """Data, encoders, and what was left out."""
    of = report.data
    rows: list[tuple[object, object]] = [
        ("Data", of.name),
        ("Records", f"{of.records:,} in {count(of.groups, 'group')} kept whole by splits"),
        ("Pairs", _pairs(of.pairs, views)),
    ]
    for view, encoder in report.encoders.items():
        what = f", {encoder.dim:,} dimensions; {count(of.items[view], 'item')}"
        rows.append((views.label(view), join((el("code", encoder.id), what))))
    return section("Data and encoders", "data", facts(rows), left_out(of.left_out))


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
