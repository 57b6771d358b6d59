"""The parts of a prompt beside its content, once for the command line, the API and MCP."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields

from isthmus.core.validate import check_kind, several
from isthmus.prompts.prompt import Prompt, typed_terms
from isthmus.prompts.term import Term
from isthmus.prompts.typed import PartName

_MOST = 16
"""Things of one part over the wire."""


def _part(description: str) -> Sequence[str]:
    told = {"description": description, "max_length": _MOST}
    made: Sequence[str] = field(default=(), metadata=told)
    return made


@dataclass(frozen=True, kw_only=True)
class PromptParts:
    """What steers a search beside its content, each as it is typed; see :meth:`Prompt.parse`.

    Attributes:
        style: What it should look or sound like.
        context: Where, when or with what it should be.
        avoid: What to stay away from.
        ignore: Differences that do not count.
        only: Differences that alone count.

    Raises:
        InputError: If one of them is no text.

    Examples:
        >>> print(PromptParts(style="watercolour", avoid=["people", "cars"]).prompt("a garden"))
        "a garden" + style:"watercolour" - "people" - "cars"
    """

    style: Sequence[str] = _part("What it should look or sound like: words, a file or @NAME.")
    context: Sequence[str] = _part("Where, when or with what it should be.")
    avoid: Sequence[str] = _part("What to stay away from.")
    ignore: Sequence[str] = _part(
        "Differences that do not count, such as 'red + green + blue' for colours."
    )
    only: Sequence[str] = _part("Differences that alone count, such as 'cat + dog + bird'.")

    def __post_init__(self) -> None:
        for each in fields(PromptParts):
            given, example = getattr(self, each.name), f"{each.name}=['ink']"
            if not isinstance(given, str):
                check_kind(given, Iterable, each.name, need="texts", example=example)
            for text in (texts := several(given, str)):
                check_kind(text, str, each.name, need="texts", example=example)
            object.__setattr__(self, each.name, texts)

    def beside(self, *, files: bool = True, views: Collection[str] = ()) -> list[Term]:
        """What they say.

        Args:
            files: Whether files may be read.
            views: Names that may stand before a part.

        Raises:
            InputError: If one of them is empty, or cannot be used.
        """
        parts: tuple[tuple[PartName, bool, Sequence[str]], ...] = (
            ("style", False, self.style),
            ("context", False, self.context),
            ("content", True, self.avoid),
            ("ignore", False, self.ignore),
            ("only", False, self.only),
        )
        return [
            term
            for part, avoided, texts in parts
            for text in texts
            for term in typed_terms(text, part=part, avoided=avoided, files=files, views=views)
        ]

    def prompt(self, content: str, *, files: bool = True, views: Collection[str] = ()) -> Prompt:
        """The whole prompt, with its content as it is typed; arguments as :meth:`beside`."""
        return Prompt(
            [
                *typed_terms(content, files=files, views=views),
                *self.beside(files=files, views=views),
            ]
        )
