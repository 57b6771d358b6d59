"""How views are drawn and spoken of: by their names, with the glyph of their modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from isthmus.core.view import VECTOR, Direction
from isthmus.report.kit.glyphs import glyph
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.words import a_thing, thing


@dataclass(frozen=True)
class Views:
    """The views that a page speaks of.

    Attributes:
        modalities: By view; what is not named reads what its name says.
    """

    modalities: Mapping[str, str] = field(default_factory=dict)

    def modality(self, view: str) -> str:
        """How the bytes of a view are read."""
        return self.modalities.get(view, view)

    def glyph(self, view: str) -> Markup:
        """The shape of its modality, in the flow of text."""
        return glyph(self.modality(view))

    def label(self, view: str) -> Markup:
        """A view with its shape."""
        return el("span", self.glyph(view), view, class_="side")

    def direction(self, direction: Direction) -> Markup:
        """Both views with their shapes and an arrow between."""
        arrow = join((el("span", "→", aria_hidden="true"), el("span", " to ", class_="sr")))
        both = (self.label(direction.query), arrow, self.label(direction.gallery))
        return el("span", *both, class_="direction")

    def thing(self, view: str) -> str:
        """One thing of a view: ``"picture"``, or ``"item of photo"`` where it has its own name."""
        if self.modality(view) == view != VECTOR:
            return thing(view)
        return f"{'row' if self.modality(view) == VECTOR else 'item'} of {view}"

    def a_thing(self, view: str) -> str:
        """The same with its article: ``"a picture"``."""
        if self.modality(view) == view != VECTOR:
            return a_thing(view)
        return f"{'a' if self.modality(view) == VECTOR else 'an'} {self.thing(view)}"
