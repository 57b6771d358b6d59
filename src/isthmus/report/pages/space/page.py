"""The whole page: one file that asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from isthmus.core.view import MEDIA_MODALITIES
from isthmus.report.kit import making, media
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.figures import directions
from isthmus.report.kit.glyphs import defs
from isthmus.report.kit.markup import Markup, el, join, text
from isthmus.report.pages.space import quality
from isthmus.report.pages.space.mapview import space_map
from isthmus.report.pages.space.model import MapPoints, QueryExample, Report
from isthmus.report.pages.space.selection import selection


def write_report(
    path: str | Path,
    *,
    title: str,
    space_report: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    emergent: frozenset[str] | set[str] = frozenset(),
    points: MapPoints | None = None,
    queries: Sequence[QueryExample] = (),
    notes: Sequence[str] = (),
) -> Path:
    """Write a report as one HTML file without a network, whole or not at all.

    Args:
        path: Of the file; one that is there is replaced.
        title: Of the page.
        space_report: ``space.report``.
        evaluation: What :func:`isthmus.space.evaluate` returned.
        emergent: Directions that were never paired in training, such as ``"image→audio"``.
        points: What :func:`isthmus.report.map_points` returned.
        queries: What :func:`isthmus.report.text_queries` and :func:`isthmus.report.examples`
            returned; where the true partner is known they stand apart.
        notes: Sentences to be read before the figures.

    Returns:
        The path.
    """
    report = Report(
        title,
        space_report,
        evaluation,
        frozenset(emergent),
        points,
        tuple(queries),
        tuple(notes),
    )
    return report.write(path)


def render(report: Report) -> str:
    """The page as one string."""
    assets = Assets()
    # The cards come before the map, so that they get the pictures and clips that fit.
    asked = media.asked([q for q in report.queries if not q.judged], assets)
    picked = media.picked([q for q in report.queries if q.judged], assets)
    mapped = _map(report, assets)
    body = join(
        (
            _header(report),
            *_quality(report),
            mapped,
            asked,
            picked,
            *_making(report.space_report or {}),
            making.how_to_read(),
        )
    )
    return document(report.title, body, assets)


def document(title: str, body: Markup, assets: Assets, *, style: str = "") -> str:
    """A whole page: head, policy, style and script around a body.

    Args:
        title: Of the page.
        body: What it says.
        assets: Media that the body shows.
        style: A further style sheet, by the name of its file.
    """
    sheets = _static("report.css") + (_static(style) if style else "")
    script = _static("report.js")
    return Template(_static("page.html")).substitute(
        title=text(title),
        policy=_policy(sheets, script),
        style=sheets,
        script=script,
        store=join((defs(), assets.sprite())),
        body=body,
    )


def _header(report: Report) -> Markup:
    measured = _measured(report)
    shown = directions(measured) if measured else []
    notes = el("ul", *(el("li", note) for note in report.notes), class_="notes")
    return el(
        "header",
        el("h1", report.title),
        el("p", _lede(report), class_="lede"),
        quality.headline(shown, report.emergent),
        notes if report.notes else None,
    )


def _lede(report: Report) -> str:
    made = report.space_report or {}
    encoders = made.get("encoders") or {}
    if not encoders:
        return "How well one space joins several kinds of media."
    order = [m for m in MEDIA_MODALITIES if m in encoders]
    order += [m for m in encoders if m not in order]
    named = [f"{m} ({encoders[m]['id']})" for m in order]
    joined = ", ".join(named[:-1]) + f" and {named[-1]}" if len(named) > 1 else named[0]
    of = made.get("data")
    learned = f", learned from {of['records']:,} records of {of['name']}" if of else ""
    return f"A space that joins {joined}{learned}; the encoders stay as they are."


def _measured(report: Report) -> Mapping[str, Any] | None:
    """What the headline speaks of: an evaluation if there is one, else the outer folds."""
    return report.evaluation or (report.space_report or {}).get("held_out")


def _quality(report: Report) -> list[Markup | None]:
    parts: list[Markup | None] = []
    made = report.space_report or {}
    if report.evaluation:
        parts.append(
            quality.quality(
                "How well it finds things",
                "measured",
                report.evaluation,
                None,
                report.emergent,
                "Every record is a query once; the rest is what it must be told from.",
            )
        )
    if made.get("held_out"):
        title = "Estimated when the space was made" if report.evaluation else "How well it finds"
        says = (
            f"Means over {made['folds']} outer folds of pairs that neither the fit nor the choice "
            "of the aligner had seen; records of one group never lie on both sides."
        )
        parts.append(
            quality.quality(
                title if report.evaluation else "How well it finds things",
                "estimated",
                made["held_out"],
                made.get("null"),
                report.emergent,
                says,
                quality.p_values(made),
            )
        )
    if not parts:
        parts.append(
            el(
                "section",
                el("h2", "How well it finds things"),
                el("p", "Not estimated: no pairs were held out."),
            )
        )
    return parts


def _map(report: Report, assets: Assets) -> Markup | None:
    if report.points is None or not len(report.points):
        return None
    return el(
        "section",
        el("h2", "Map of the space", id="map-title"),
        space_map(report.points, assets),
        aria_labelledby="map-title",
    )


def _making(made: Mapping[str, Any]) -> list[Markup | None]:
    return [selection(made), making.data(made), making.settings(made)]


def _policy(style: str, script: str) -> str:
    """Nothing may be loaded, and only our own style and script may run, by their hashes."""
    return (
        "default-src 'none'; img-src data:; media-src data:; "
        f"style-src {_source(style)}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _static(name: str) -> str:
    return resources.files("isthmus.report").joinpath("static", name).read_text(encoding="utf-8")
