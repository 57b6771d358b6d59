"""The map of a space as SVG; without a script it is a picture with titles.

It is own code for the reason that :mod:`isthmus.report.kit.plot` gives.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from isthmus.core.view import AUDIO, IMAGE
from isthmus.core.wording import count
from isthmus.report.kit.assets import MAP_SIDE, Assets
from isthmus.report.kit.glyphs import kind
from isthmus.report.kit.markup import Markup, el
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import short_source
from isthmus.report.pages.space.model import MapPoints

_EDGE = 3.0  # per cent left free around the points
_LABELS = 9
_APART = (16.0, 7.0)  # per cent between two labels, across and down


def space_map(points: MapPoints, views: Views, assets: Assets) -> Markup:
    """The points by view, with the names of the largest categories."""
    place = _place(points)
    order = np.random.default_rng(0).permutation(len(points))  # no view lies on top
    marks = [_mark(points, int(i), place[i], assets) for i in order]
    svg = el(
        "svg",
        el("g", class_="links", aria_hidden="true"),
        *marks,
        *_labels(points, place),
        id="map",
        role="group",
        aria_label="Map of the space; arrow keys move from point to point",
    )
    tip = el("div", class_="tip", id="tip", hidden=True)
    keys = [
        el("li", views.glyph(view), f"{view}, {count(n, 'point')}")
        for view, n in Counter(points.views).items()
    ]
    return el(
        "figure",
        el("ul", *keys, class_="keys"),
        el("div", svg, tip, class_="map"),
        el("figcaption", _caption(points, assets)),
    )


def _caption(points: MapPoints, assets: Assets) -> str:
    how = {
        "t-SNE": "t-SNE of the unit vectors. The mean of each view was subtracted first.",
        "PCA": "First two principal axes of the unit vectors. The mean of each view was "
        "subtracted first.",
    }.get(points.method, f"{points.method}.")
    silent = [item for item in points.items if item.modality == AUDIO and not assets.clip_id(item)]
    sound = (
        f" {count(len(silent), 'recording')} cannot be played here, so that the file stays small."
    )
    return (
        f"{how} Distances on the map are only a hint. Items that are close are often similar, "
        "but items that are far apart may be similar, too. Point at a mark or tap it, or use the "
        "arrow keys. Lines lead to its partners." + (sound if silent else "")
    )


def _mark(points: MapPoints, i: int, at: tuple[float, float], assets: Assets) -> Markup:
    item = points.items[i]
    words = points.captions[i] if points.captions else None
    title = words or short_source(item)
    picture = assets.picture_id(item, side=MAP_SIDE) if item.modality == IMAGE else None
    return el(
        "g",
        el("title", f"{points.views[i]}: {title}"),
        el("use", href=f"#p-{kind(item.modality)}", x=f"{at[0]:.2f}%", y=f"{at[1]:.2f}%"),
        class_=f"pt m-{kind(item.modality)}",
        data_v=points.views[i],
        data_i=picture,
        data_a=assets.clip_id(item),
        data_r=points.records[i] if points.records else None,
        data_g=(_short(points.groups[i]) or None) if points.groups else None,
    )


def _short(group: str) -> str:
    """The last folder of a category that is a path."""
    return group.rstrip("/").rpartition("/")[2] or group


def _place(points: MapPoints) -> list[tuple[float, float]]:
    """Positions in per cent of width and height."""
    xy = np.asarray(points.xy, dtype=float)
    low, high = xy.min(axis=0), xy.max(axis=0)
    spread = np.where(high > low, high - low, 1.0)
    scaled = _EDGE + (xy - low) / spread * (100 - 2 * _EDGE)
    return [(float(x), float(y)) for x, y in scaled]


def _labels(points: MapPoints, place: list[tuple[float, float]]) -> list[Markup]:
    """Names of the largest categories at their medians, where they do not overlap."""
    if points.groups is None:
        return []
    xy = np.array(place)
    groups = np.array(points.groups)
    taken: list[tuple[float, float]] = []
    labels: list[Markup] = []
    for name, _ in Counter(g for g in points.groups if g).most_common(4 * _LABELS):
        x, y = (float(v) for v in np.median(xy[groups == name], axis=0))
        if any(abs(x - u) < _APART[0] and abs(y - v) < _APART[1] for u, v in taken):
            continue
        taken.append((x, y))
        short = _short(name)
        anchor = "start" if x < 12 else "end" if x > 88 else "middle"
        minor = "label minor" if len(labels) >= _LABELS // 2 else "label"
        labels.append(
            el(
                "text", short, x=f"{x:.1f}%", y=f"{y:.1f}%", text_anchor=anchor, class_=minor,
                aria_hidden="true",
            )
        )  # fmt: skip
        if len(labels) == _LABELS:
            break
    return labels
