"""How to search: every option once, for Python, the command line, the server and MCP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Self

from isthmus.core.errors import InputError
from isthmus.core.options import changed
from isthmus.core.validate import check_kind, several
from isthmus.core.view import no_view
from isthmus.core.wording import way
from isthmus.space.readout import Readout, check_readout
from isthmus.store.filters import Filter, parse

_FILTER = "where='view:image and size>1MB'"


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How to search.

    The metadata of a field is what the command line and the schema of the API say of it, in the
    words that pydantic knows: ``description``, ``ge``, ``le``, ``max_length``. ``flag`` is its
    name on the command line, where that is not the name of the field.

    Attributes:
        k: How many hits.
        views: Only items of these views; empty for all.
        asked_as: Views that the parts of the query belong to; needed where several views of the
            space read one modality.
        where: A filter, such as ``path~"animals/*" and added>2026-01-01``; empty for none.
        min_probability: Leave out hits below it; None leaves out none.
        readout: ``"instance"`` for the one that belongs, ``"semantic"`` for what is alike.
        words: Whether items that hold the words of the query are found by them too.
        exact: Look at every row even where an index would be faster.
        within: Only in this file, by its path, its name or its id; its spans are then not folded.
            None for all files.
        all_copies: Whether copies of one thing are hits of their own.

    Raises:
        InputError: If one of them cannot be used.

    Examples:
        >>> SearchOptions(views="image", k=3).views
        ('image',)
    """

    k: int = field(
        default=10, metadata={"description": "Number of results.", "flag": "-k", "ge": 1}
    )
    views: Sequence[str] = field(
        default=(),
        metadata={
            "description": "Show only results of this view. Default: all views.",
            "flag": "--view",
            "max_length": 64,
        },
    )
    asked_as: Sequence[str] = field(
        default=(),
        metadata={
            "description": "View that the query belongs to. You need it only if several views "
            "have the same modality.",
            "flag": "--as",
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
    min_probability: float | None = field(
        default=None,
        metadata={
            "description": "Show only results with at least this probability.",
            "ge": 0,
            "le": 1,
        },
    )
    readout: Readout = field(
        default="instance",
        metadata={
            "description": "instance: find the one thing that fits best. semantic: find things "
            "of the same kind."
        },
    )
    words: bool = field(
        default=True,
        metadata={"description": "Also find items whose name or text contains the words."},
    )
    exact: bool = field(
        default=False,
        metadata={"description": "Look at every row, even where an index would be faster."},
    )
    within: str | None = field(
        default=None,
        metadata={
            "description": "Look only in this file, and show where in it the matches are.",
            "max_length": 4096,
        },
    )
    all_copies: bool = field(
        default=False,
        metadata={"description": "Show copies of one thing as results of their own."},
    )

    def __post_init__(self) -> None:
        for name in ("views", "asked_as"):
            given = getattr(self, name)
            example = f"{name}=['image', 'text']"
            if not isinstance(given, str):
                check_kind(given, Iterable, name, need="names of views", example=example)
            object.__setattr__(self, name, several(given, str))
        check_kind(self.k, Integral, "k", need="a whole number", example="k=5")
        if self.within is not None:
            self._check_within(self.within)
        check_kind(self.where, str, "where", need="a filter as text", example=_FILTER)
        if self.min_probability is not None:
            least = "min_probability"
            check_kind(self.min_probability, Real, least, need="a number", example=f"{least}=0.5")
        for each in fields(self):
            _check_range(each.name, getattr(self, each.name), each.metadata)
        check_readout(self.readout)
        _ = self.filter  # a mistake is told now

    def _check_within(self, named: object) -> None:
        python = "within='talk.mp3'"
        check_kind(named, (str, Path), "within", need="a path or an id", example=python)
        if not str(named).strip():
            name = way(python=python, shell="--within talk.mp3")
            raise InputError(f"within names no file; name one: {name}, or leave it out")
        object.__setattr__(self, "within", str(named))

    @classmethod
    def of(cls, options: Self | None = None, /, **changes: Any) -> Self:
        """Options, some of them changed by name.

        Raises:
            InputError: If there is no option of a name, or ``options`` are others.
        """
        return changed(cls, options, changes, "store.search('a red kangaroo', k=5)")

    @cached_property
    def filter(self) -> Filter | None:
        """:attr:`where` as a filter, None where there is none."""
        return parse(self.where) if self.where.strip() else None

    def check_views(self, known: Sequence[str]) -> None:
        """Refuse views that a space does not have.

        Args:
            known: Views of the space.

        Raises:
            InputError: If a view is not among them.
        """
        for view in (*self.views, *self.asked_as):
            if view not in known:
                raise no_view(view, known)


def _check_range(name: str, value: object, metadata: Mapping[str, Any]) -> None:
    least, most = metadata.get("ge"), metadata.get("le")
    if value is None or least is None or not isinstance(value, Real):
        return
    if not least <= value or (most is not None and not value <= most):
        limits = f"at least {least}" if most is None else f"between {least} and {most}"
        raise InputError(f"{name} must be {limits}, got {value}.{_share(value, most)}")


def _share(value: Real, most: float | None) -> str:
    """What is meant by a percentage where a share is needed."""
    percent = most == 1 and 1 < float(value) <= 100
    return f" {value}\u2009% is {float(value) / 100:g}" if percent else ""
