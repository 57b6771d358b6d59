"""The page of a space: figures, map, examples, and how the space came about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from isthmus.core.artifact import write_atomically
from isthmus.core.view import MODALITIES
from isthmus.core.wording import count
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.document import document
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.parts import how_to_read, section
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import listed
from isthmus.report.pages.space import examples, making, quality
from isthmus.report.pages.space.mapview import space_map
from isthmus.report.pages.space.model import Report
from isthmus.report.pages.space.quality import Measured
from isthmus.report.pages.space.selection import selection
from isthmus.space.report import PretrainedReport, SpaceReport, StarterReport


def write_report(path: str | Path, report: Report) -> Path:
    """Write a report as one HTML file without a network, whole or not at all.

    Args:
        path: Of the file; one that is there is replaced.
        report: What it says.

    Returns:
        The path.
    """
    return write_atomically(Path(path), render(report).encode())


def render(report: Report) -> str:
    """The page as one string."""
    assets, views = Assets(), Views(report.modalities)
    # The cards come before the map, so that they get the pictures and clips that fit.
    asked = examples.asked([q for q in report.queries if not q.judged], views, assets)
    picked = examples.picked([q for q in report.queries if q.judged], views, assets)
    mapped = _map(report, views, assets)
    body = join(
        (
            _header(report, views),
            *_quality(report, views),
            mapped,
            asked,
            picked,
            *_making(report, views),
            how_to_read(making.READ),
        )
    )
    return document(report.title, body, assets)


def _made(report: Report) -> SpaceReport | PretrainedReport | None:
    return None if isinstance(report.space_report, StarterReport) else report.space_report


def _header(report: Report, views: Views) -> Markup:
    notes = el("ul", *(el("li", note) for note in report.notes), class_="notes")
    measured = next(iter(_measured(report, views)), None)
    return el(
        "header",
        el("h1", report.title),
        el("p", _lede(_made(report)), class_="lede"),
        None if measured is None else quality.headline(measured),
        notes if report.notes else None,
    )


def _lede(made: SpaceReport | PretrainedReport | None) -> str:
    if made is None:
        return "How well this space works."
    order = {modality: place for place, modality in enumerate(MODALITIES)}
    encoders = sorted(made.encoders.items(), key=lambda pair: order[pair[1].modality])
    joined = listed([f"{view} ({encoder.id})" for view, encoder in encoders])
    if isinstance(made, PretrainedReport):
        names = listed([model.name for model in made.origin.models])
        return f"This space joins {joined}, as {names} does. It learned from no records of yours."
    learned = f"It learned from {count(made.data.records, 'record')} of {made.data.name}."
    return f"This space joins {joined}. {learned} The encoders were not trained."


def _measured(report: Report, views: Views) -> list[Measured]:
    """An evaluation if there is one, then the outer folds if there are any."""
    made, found = _made(report), []
    if report.evaluation is not None:
        found.append(Measured(report.evaluation, views, report.emergent))
    if made is not None and made.estimate is not None:
        estimate = made.estimate
        found.append(Measured(estimate.held_out, views, report.emergent, estimate.null))
    return found


def _quality(report: Report, views: Views) -> Sequence[Markup]:
    parts, made = [], _made(report)
    for measured in _measured(report, views):
        title = "How well it finds things"
        if measured.null is None:
            says = "Each record is the query once. All other records are wrong answers."
            parts.append(quality.quality(title, "measured", measured, says))
        elif made is not None and made.estimate is not None:
            title = "Estimated when the space was made" if report.evaluation else title
            says = (
                "Nothing was learned from these pairs, so all of them are held out."
                if isinstance(made, PretrainedReport)
                else f"{made.estimate.over.capitalize()}. The method was neither fitted "
                "nor chosen on the pairs that it is measured on. Records of one group are never on "
                "both sides."
            )
            tested = quality.p_values(made.estimate, views)
            parts.append(quality.quality(title, "estimated", measured, says, tested))
    none = el("p", "Not measured: no pairs were held out.")
    return parts or [section("How well it finds things", "measured", none)]


def _map(report: Report, views: Views, assets: Assets) -> Markup | None:
    if report.points is None or not len(report.points):
        return None
    return section("Map of the space", "map-title", space_map(report.points, views, assets))


def _making(report: Report, views: Views) -> list[Markup | None]:
    made = report.space_report
    if isinstance(made, StarterReport):
        return [making.shipped(made, views)]
    if made is None:
        return []
    if isinstance(made, PretrainedReport):
        return [making.pretrained(made.origin, views), making.measured(made, views)]
    before = None if made.origin is None else making.pretrained(made.origin, views)
    return [before, selection(made), making.data(made, views), making.settings(made)]
