"""Terms: one thing in a prompt, what it says there, and how much it counts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal

from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.prompts import typed
from isthmus.prompts.typed import GUIDES, PartName

AVOID = -0.5
"""Weight of what a prompt should stay away from: full strength would drown what is sought. What is
sought weighs 1, a style as much as a content. Both are what the rows ``weight`` of
``benchmarks/guiding.py`` say on scenes that only chose them."""
LARGEST_WEIGHT = 1_000.0
"""Weights are ratios: past this, or below its inverse, one part drowns all the others."""


def usual_weight(*, avoided: bool) -> float:
    """What a thing weighs where nothing is said.

    Examples:
        >>> usual_weight(avoided=False), usual_weight(avoided=True)
        (1.0, -0.5)
    """
    return AVOID if avoided else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One thing in a prompt.

    Attributes:
        item: What is looked for; None where it is an item of the store, or a saved prompt.
        stored: Id of an item of the store, or empty.
        weight: How much it counts; negative to stay away from it.
        view: Of the item; None where its modality says it, or the options of the search do.
        vectors: What is known of the item in that view already: its vector in the space
            ``(dim,)`` and what its encoder gave, ``(1, native dim)``. None: it is encoded when
            it is searched by.
        part: What it says.
        saved: Name of a saved prompt, or empty.

    Raises:
        InputError: If the weight is no number or too large, or it is none and cannot have one.
    """

    item: MediaItem | None
    stored: str = ""
    weight: float = 1.0
    view: str | None = None
    vectors: tuple[F32, F32] | None = None
    part: PartName = "content"
    saved: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "saved", typed.composed(self.saved))
        if not math.isfinite(self.weight) or abs(self.weight) > LARGEST_WEIGHT:
            raise InputError(
                f"a weight lies between −{LARGEST_WEIGHT:g} and {LARGEST_WEIGHT:g}, "
                f"got {self.weight:g}"
            )
        if self.guides and self.weight != 1:
            raise InputError(
                f"{self.part} takes no weight and no minus, got {self.weight:g}; write: "
                f"{replace(self, weight=1.0)}"
            )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        """As :meth:`isthmus.Prompt.parse` reads it, without its sign."""
        weight = float(abs(self.weight))
        plain = self.weight == usual_weight(avoided=self.weight < 0)
        return f"{'' if plain else f'{Decimal(repr(weight)).normalize():f}*'}{self.said}"

    @property
    def said(self) -> str:
        """The same without its weight."""
        if self.saved:
            name = f"{typed.SAVED}{self.saved}"
        elif self.item is None:
            name = f"{typed.STORED}{typed.quote(self.stored)}"
        elif self.item.captions:
            name = "|".join(map(typed.quote, self.item.captions))
        else:
            name = f"{typed.FILE}{typed.quote(self.item.source)}"
        part = "" if self.part == "content" else f"{self.part}:"
        view = "" if self.view is None else f"{typed.quote_view(self.view)}:"
        return f"{part}{view}{name}"

    @property
    def guides(self) -> bool:
        """Whether it says how to compare, and not what to look for."""
        return self.part in GUIDES

    def as_part(self, part: PartName, *, avoided: bool = False) -> Term:
        """The same as another part: what it says itself stays, and so does its weight.

        Args:
            part: What it says from now on, where it says nothing of it.
            avoided: Whether to stay away from it.

        Raises:
            InputError: If it cannot be avoided, because it is avoided or guides already.
        """
        own = self.part if part == "content" else part
        if self.part not in ("content", own):
            raise InputError(f"{self} cannot be a part of {part}, because it says {self.part}")
        if avoided and (self.weight < 0 or self.guides):
            raise InputError(f"{self} cannot be avoided; give avoid plain things")
        if not avoided:
            return replace(self, part=own)
        usual = self.weight == usual_weight(avoided=False)
        return replace(self, part=own, weight=AVOID if usual else -self.weight)

    @property
    def _key(self) -> tuple[object, ...]:
        item = self.item
        content = None if item is None else (item.id, item.modality, item.span)
        return content, self.stored, self.weight, self.view, self.part, self.saved
