"""How views are drawn and spoken of: by their names, with the glyph of their modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from isthmus.core.view import MEDIA_MODALITIES, Direction, ViewPair
from isthmus.report.kit.glyphs import glyph
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.words import thing

_ITEM, _ROW = "item", "row"


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

    def pair(self, pair: ViewPair) -> Markup:
        """Both views with their shapes, in no order."""
        return join((self.label(pair.a), self.label(pair.b)), between=" – ")

    def thing(self, view: str) -> str:
        """One thing of a view: ``"picture"``, or ``"item of photo"`` where it has its own name."""
        noun, of = self._noun(view)
        return noun + of

    def a_thing(self, view: str) -> str:
        """The same with its article: ``"a picture"``, ``"an item of photo"``."""
        noun, of = self._noun(view)
        return f"{'an' if noun == _ITEM else 'a'} {noun}{of}"

    def things(self, view: str) -> str:
        """Several of them: ``"pictures"``, ``"items of photo"``."""
        noun, of = self._noun(view)
        return f"{noun}s{of}"

    def _noun(self, view: str) -> tuple[str, str]:
        """What one thing is called, and whose it is where that does not say it."""
        modality = self.modality(view)
        if modality in MEDIA_MODALITIES:
            return (thing(view), "") if view == modality else (_ITEM, f" of {view}")
        return _ROW, f" of {view}"
