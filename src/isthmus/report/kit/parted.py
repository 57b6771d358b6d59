"""Parts of a thing and what each adds: words marked, cells over a picture, moments of a sound."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO
from isthmus.encoders.parts import Cell, Place, Span, Word
from isthmus.pipeline import WORKERS
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.document import static
from isthmus.report.kit.markup import Markup, el
from isthmus.report.kit.words import language_of, signed_share

PARTS = static("isthmus.report.kit", "static/parts.css")
"""Style of what is drawn here."""
_PICTURE_SIDE = 512
_LEVELS = 8
_STRONGEST = 0.62
"""Opacity of the cell that counts most, through which the picture can still be seen."""
_SECONDS = 120.0


@dataclass(frozen=True, eq=False)
class Parted:
    """A thing in parts.

    Attributes:
        item: The thing.
        name: What it is called.
        places: Where each part lies, at least one.
        values: What each adds, in the same order.
    """

    item: MediaItem
    name: str
    places: Sequence[Place]
    values: Sequence[float]

    @property
    def largest(self) -> float:
        """The size of the part that counts most."""
        return float(max(np.abs(np.asarray(self.values)).max(), 1e-12))


def parted(thing: Parted, assets: Assets) -> Markup:
    """The thing with what its parts add."""
    kind = type(thing.places[0])
    if kind is Cell:
        return _picture(thing, assets)
    return _sound(thing) if kind is Span else _words(thing)


def key(supports: str, counts_against: str) -> Markup:
    """What the two colours mean."""
    return el(
        "p",
        el("span", class_="swatch p6"),
        supports,
        el("span", class_="swatch n6"),
        counts_against,
        class_="small key",
    )


def _picture(side: Parted, assets: Assets) -> Markup:
    """The picture with its cells over it; the cells can be switched off."""
    found = assets.picture_id(side.item, side=_PICTURE_SIDE)
    width, height = assets.size_of(side.item) or (_PICTURE_SIDE, _PICTURE_SIDE)
    largest = side.largest
    cells = [
        _cell(place, float(value), largest, width, height)
        for place, value in zip(side.places, side.values, strict=True)
        if isinstance(place, Cell) and not place.padding
    ]
    drawn = el(
        "svg",
        el("title", side.name),
        _hatching(),
        el("use", href=f"#{found}") if found else None,
        el("g", *cells, class_="heat"),
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        class_="picture",
        role="img",
    )
    toggle = el("label", el("input", type="checkbox"), " picture only", class_="small alone")
    return el("div", drawn, toggle, class_="heated")


def _hatching() -> Markup:
    """Stripes for what speaks against, so that colour does not stand alone."""
    stripe = el("line", x1=0, y1=0, x2=0, y2=8, class_="stripe")
    return el(
        "defs",
        el(
            "pattern",
            el("rect", width=8, height=8, class_="against"),
            stripe,
            id="hatch",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
            patternTransform="rotate(45)",
        ),
    )


def _cell(place: Cell, value: float, largest: float, width: int, height: int) -> Markup:
    left, top, right, bottom = place.box
    return el(
        "rect",
        el("title", f"{place.label}: {signed_share(value, 3)}"),
        x=f"{left * width:.1f}",
        y=f"{top * height:.1f}",
        width=f"{(right - left) * width:.1f}",
        height=f"{(bottom - top) * height:.1f}",
        fill=None if value >= 0 else "url(#hatch)",
        class_="for" if value >= 0 else "cell-against",
        fill_opacity=f"{_STRONGEST * abs(value) / largest:.3f}",
    )


def _sound(side: Parted) -> Markup:
    """A player, and under it a bar for each span of time."""
    largest = side.largest
    spans = [
        (place, float(value))
        for place, value in zip(side.places, side.values, strict=True)
        if isinstance(place, Span) and not place.padding
    ]
    end = max((place.end for place, _ in spans), default=1.0)
    bars = [_bar(place, value, largest, end) for place, value in spans]
    curve = el(
        "svg",
        el("title", "What each moment adds"),
        *bars,
        el("line", x1=0, x2=600, y1=60, y2=60, class_="axis"),
        viewBox="0 0 600 120",
        preserveAspectRatio="none",
        class_="curve",
        role="img",
    )
    source = _playable(side.item)
    player = (
        el("audio", controls=True, preload="metadata", src=source, aria_label=side.name)
        if source
        else el("p", "no sound to play", class_="small")
    )
    ticks = el(
        "div",
        *(el("span", f"{end * share:.1f} s") for share in (0, 0.5, 1)),
        class_="ticks small",
    )
    return el("div", player, curve, ticks, class_="heard")


def _bar(place: Span, value: float, largest: float, end: float) -> Markup:
    height = 56 * abs(value) / largest
    left = 600 * place.start / end
    return el(
        "rect",
        el("title", f"{place.label}: {signed_share(value, 3)}"),
        x=f"{left:.2f}",
        width=f"{max(600 * (place.end - place.start) / end - 1, 0.5):.2f}",
        y=f"{60 - height if value >= 0 else 60:.2f}",
        height=f"{height:.2f}",
        class_="for" if value >= 0 else "against",
    )


def _playable(item: MediaItem) -> str | None:
    """The sound as Ogg, at most two minutes of it."""
    if item.modality != AUDIO or isinstance(item.payload, np.ndarray):
        return None
    try:
        sound = WORKERS.clip(item, _SECONDS)
    except MediaError:
        return None
    return f"data:audio/ogg;base64,{base64.b64encode(sound).decode('ascii')}"


def _words(side: Parted) -> Markup:
    """Words by line of caption, each on a ground as strong as it counts."""
    largest = side.largest
    lines: dict[int, list[Markup]] = {}
    for place, value in zip(side.places, side.values, strict=True):
        if isinstance(place, Word):
            lines.setdefault(place.caption, []).append(_word(place, float(value), largest))
    return el("div", *(el("p", *line, class_="weighed", dir="auto") for line in lines.values()))


def _word(place: Word, value: float, largest: float) -> Markup:
    level = round(_LEVELS * abs(value) / largest)
    side = "p" if value >= 0 else "n"
    number = el("small", signed_share(value))
    ground = f"word {side}{level}" if level else "word"
    words = el("span", place.text, lang=language_of(place.text))
    return el("span", words, number, class_=ground, title=signed_share(value, 3))
