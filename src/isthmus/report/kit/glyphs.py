"""A small shape for each modality, the same in lists, map and plots."""

from __future__ import annotations

from isthmus.core.view import MEDIA_MODALITIES
from isthmus.report.kit.markup import Markup, el

_SHAPES = {
    "text": el("rect", x=-4.2, y=-4.2, width=8.4, height=8.4, rx=1),
    "image": el("circle", r=4.8),
    "audio": el("path", d="M0-5.4 5.4 4.2H-5.4Z"),
    "video": el("path", d="M0-6 6 0 0 6-6 0Z"),
    "other": el("path", d="M-1.8-5.4h3.6v3.6h3.6v3.6h-3.6v3.6h-3.6v-3.6h-3.6v-3.6h3.6Z"),
}


def kind(modality: str) -> str:
    """The name of its shape and hue: the modality, or ``"other"`` for vectors of a user."""
    return modality if modality in MEDIA_MODALITIES else "other"


def defs() -> Markup:
    """The shapes, to be drawn by reference."""
    shapes = [
        el("symbol", el("g", shape, class_=class_), id=f"{mark}-{name}", overflow="visible")
        for mark, class_ in (("g", None), ("p", "on-map"))  # a small screen has smaller marks
        for name, shape in _SHAPES.items()
    ]
    return el("svg", *shapes, class_="store", aria_hidden="true")


def glyph(modality: str) -> Markup:
    """The shape in the flow of text; decoration, its name stands beside it."""
    return el(
        "svg",
        el("use", href=f"#g-{kind(modality)}"),
        class_=f"glyph m-{kind(modality)}",
        viewBox="-7 -7 14 14",
        width=14,
        height=14,
        aria_hidden="true",
    )
