"""How to recommend: every option once, for Python, the command line, the server and MCP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Self

from isthmus.core.errors import InputError
from isthmus.core.options import changed
from isthmus.core.validate import check_kind, several
from isthmus.tasks.retrieval.options import SearchOptions


@dataclass(frozen=True, kw_only=True)
class RecommendOptions:
    """How to recommend; metadata as of :class:`isthmus.SearchOptions`.

    Attributes:
        k: How many items.
        diversity: 0 for the best items, 1 for items that are as unlike as can be.
        views: Only items of these views; empty for all.
        where: A filter, such as ``path~"animals/*" and added>2026-01-01``; empty for none.
        exclude_seen: Whether items that are liked or disliked, and copies of them, are left out.
        words: Whether to say which words of a text count.

    Raises:
        InputError: If one of them cannot be used.
    """

    k: int = field(
        default=10, metadata={"description": "Number of results.", "flag": "-k", "ge": 1}
    )
    diversity: float = field(
        default=0.0,
        metadata={
            "description": "0: the best items. Up to 1: items that differ more.",
            "ge": 0,
            "le": 1,
        },
    )
    views: Sequence[str] = field(
        default=(),
        metadata={
            "description": "Recommend only items of this view. Default: all views.",
            "flag": "--view",
            "max_length": 64,
        },
    )
    where: str = field(
        default="",
        metadata={
            "description": "Filter, for example 'path~\"animals/*\" and added>2026-01-01'.",
            "max_length": 1000,
        },
    )
    exclude_seen: bool = field(
        default=True,
        metadata={"description": "Leave out the items that you like or dislike."},
    )
    words: bool = field(
        default=False,
        metadata={"description": "Say which words of a text count. This takes longer."},
    )

    def __post_init__(self) -> None:
        check_kind(self.k, Integral, "k", need="a whole number", example="k=5")
        if self.k < 1:
            raise InputError(f"k must be at least 1, got {self.k}")
        example = "diversity=0.3"
        check_kind(self.diversity, Real, "diversity", need="a number", example=example)
        if not 0 <= self.diversity <= 1:
            raise InputError(f"diversity must be between 0 and 1, got {self.diversity}")
        if not isinstance(self.views, str):
            example = "views=['image', 'text']"
            check_kind(self.views, Iterable, "views", need="names of views", example=example)
        object.__setattr__(self, "views", several(self.views, str))
        _ = self.search(1)  # a mistake in the filter is told now

    @classmethod
    def of(cls, options: Self | None = None, /, **changes: Any) -> Self:
        """Options, some of them changed by name.

        Raises:
            InputError: If there is no option of a name, or ``options`` are others.
        """
        return changed(cls, options, changes, "store.recommend(['dog.png'], k=5)")

    def search(self, k: int) -> SearchOptions:
        """The search that gives ``k`` candidates."""
        return SearchOptions(k=k, views=self.views, where=self.where, words=False)
