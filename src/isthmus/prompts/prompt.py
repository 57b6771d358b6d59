"""Prompts: what is looked for, in what style and context, what to avoid, and how to compare."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from isthmus.core.errors import InputError, IsthmusError
from isthmus.core.item import MediaItem, quoted
from isthmus.core.paths import expanded
from isthmus.core.validate import check_kind
from isthmus.media.source import is_picture, item_from_path, picture_item
from isthmus.media.text import clean
from isthmus.prompts import typed
from isthmus.prompts.term import LARGEST_WEIGHT, Term, usual_weight
from isthmus.prompts.typed import SAVED, PartName

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PARTS = 64
"""Parts of a prompt, and wordings of one part: each is encoded, so each costs time."""
Thing: TypeAlias = "str | Path | MediaItem | Term | Prompt | Image"
"""Words, or ``@name`` of a saved prompt; a file; an item; a picture of Pillow; what was made."""
Things: TypeAlias = "Thing | Iterable[Thing] | Mapping[Thing, float] | None"
"""One thing, several, or things with their weights."""


@dataclass(frozen=True, slots=True, init=False)
class Prompt:
    """What is looked for; it prints in the form in which :meth:`parse` reads it.

    Each of its parts is one thing or several: words in any language, a file as a ``Path``, an
    item, a picture of Pillow, a :class:`Term`, another prompt; or a mapping from things to
    weights. A text is taken as it is, save ``"@name"``, which is a saved prompt.

    Args:
        content: What is to be seen, heard or read. Each thing weighs 1.
        style: What it should look or sound like. Each thing weighs 1.
        context: Where, when or with what it should be. Each thing weighs 1.
        avoid: What to stay away from. Each thing weighs −½.
        ignore: Differences that do not count, such as ``["red", "blue"]``.
        only: Differences that alone count.

    Attributes:
        terms: At least one; at least one that does not guide has a positive weight.

    Raises:
        InputError: If there is nothing to look for, or a part is blank or cannot be read.

    Examples:
        >>> print(Prompt("a garden", style="watercolour", avoid="people"))
        "a garden" + style:"watercolour" - "people"
        >>> print(Prompt(["dog", "snow"], ignore="night", avoid={"people": 0.7}))
        "dog" + "snow" - 0.7*"people" + ignore:"night"
    """

    terms: tuple[Term, ...]

    def __init__(
        self,
        content: Things = None,
        *,
        style: Things = None,
        context: Things = None,
        avoid: Things = None,
        ignore: Things = None,
        only: Things = None,
    ) -> None:
        given = (
            *_terms(content, "content"),
            *_terms(style, "style"),
            *_terms(context, "context"),
            *_terms(avoid, "content", avoided=True),
            *_terms(ignore, "ignore"),
            *_terms(only, "only"),
        )
        object.__setattr__(self, "terms", given)
        if len(given) > MOST_PARTS:
            raise InputError(f"a prompt has {MOST_PARTS} parts at most; leave some out")
        largest = max((term.weight for term in given if not term.guides), default=0.0)
        if largest <= 0:
            raise InputError("a prompt needs something to look for, not only what to avoid")
        if largest < 1 / LARGEST_WEIGHT:
            raise InputError(
                f"the largest weight is {largest:g}; give one part a weight of "
                f"{1 / LARGEST_WEIGHT:g} or more, 1 is usual"
            )

    @classmethod
    def text(cls, words: str | Sequence[str], *, view: str | None = None) -> Prompt:
        """Words; several texts of one meaning are averaged.

        Args:
            words: Taken as they are.
            view: That they belong to, where several views read text.
        """
        return cls(Term(_text(words), view=view))

    @classmethod
    def file(cls, path: str | Path, *, view: str | None = None) -> Prompt:
        """A picture, a recording or a text in a file.

        Args:
            path: Of the file.
            view: That it belongs to, where several views read its modality.
        """
        return cls(Term(_in_file(path), view=view))

    @classmethod
    def stored(cls, item: str) -> Prompt:
        """More like an item of the store, by its id."""
        return cls(Term(None, item))

    @classmethod
    def parse(cls, text: str, *, files: bool = True, views: Collection[str] = ()) -> Prompt:
        """A prompt as it is typed: ``"red kangaroo" + photo.jpg - cartoon``.

        Parts stand between ``+`` and ``-`` that have blanks around them. A part in quotes is
        words, with ``""`` for a quote among them; a part that names a file is that file, and so
        is ``file:"…"``; ``id:…`` is an item of the store, ``@name`` a saved prompt; all else is
        words. If the whole text is the path of a file, it is that file, whatever its name holds.

        ``0.5*`` before a part weighs it; after ``-`` it is avoided with half the strength
        unless a weight says otherwise. ``style:``, ``context:``, ``ignore:`` and ``only:`` before
        a part say what it is. ``question:"how many"`` belongs to the view ``question``, and
        ``"a"|"b"`` are two wordings of one part.

        Args:
            text: What was typed.
            files: Whether files may be read.
            views: Names that may stand before a part; any other is taken for words.

        Raises:
            InputError: If it holds nothing to look for, or a file that cannot be used.

        Examples:
            >>> print(Prompt.parse('red kangaroo + style:0 + 2*the sea - night'))
            "red kangaroo" + style:"0" + 2*"the sea" - "night"
        """
        return cls(typed_terms(text, files=files, views=views))

    def __add__(self, other: Prompt) -> Prompt:
        """The parts of both."""
        return Prompt([*self.terms, *other.terms])

    def __str__(self) -> str:
        """As :meth:`parse` reads it."""
        return in_typed_form(self.terms)


def in_typed_form(terms: Sequence[Term]) -> str:
    """Terms as :func:`typed_terms` reads them; empty for none."""
    if not terms:
        return ""
    first, *rest = terms
    sign = "- " if first.weight < 0 else ""
    signed = (f" {'-' if term.weight < 0 else '+'} {term}" for term in rest)
    return f"{sign}{first}{''.join(signed)}"


def typed_terms(
    text: str,
    *,
    part: PartName = "content",
    avoided: bool = False,
    files: bool = True,
    views: Collection[str] = (),
) -> list[Term]:
    """Terms as they are typed, see :meth:`Prompt.parse`, all of them of one part.

    Args:
        text: What was typed.
        part: What the terms say, where they do not say it themselves.
        avoided: Whether to stay away from them.
        files: Whether files may be read.
        views: Names that may stand before a part.

    Raises:
        InputError: If it is empty, or a part cannot be used.
    """
    text = _joined(text)
    if not clean(text):
        what = "avoid" if avoided else part
        raise InputError(
            "the query is empty; type words, or the path of a picture or sound"
            if what == "content"
            else f"{what} is empty; give words or the path of a picture or sound, or leave it out"
        )
    some = islice(typed.parts(text, files=files, views=views), MOST_PARTS + 1)
    return [_term(each, part, avoided) for each in some]


def _term(typed_part: typed.Part, part: PartName, avoided: bool) -> Term:
    sign = typed_part.avoided
    if typed_part.part != "content":
        if part not in ("content", typed_part.part):
            raise InputError(f"{typed_part.part}: cannot stand in {part}; give it on its own")
        part = typed_part.part
    if avoided and (sign or part in typed.GUIDES):
        raise InputError("what is avoided is given without - and without ignore: or only:")
    away = sign or avoided
    weight = usual_weight(avoided=away)
    if typed_part.weight is not None:
        weight = -typed_part.weight if away else typed_part.weight
    content, view = typed_part.content, typed_part.view
    if typed_part.kind == "saved":
        return Term(None, weight=weight, part=part, saved=content[0])
    if typed_part.kind == "stored":
        return Term(None, content[0], weight, part=part)
    item = _in_file(content[0]) if typed_part.kind == "file" else _text(content)
    return Term(item, weight=weight, view=view, part=part)


def examples_of(given: Things) -> list[Term]:
    """Things as examples to learn from, of any number, since they become one part of a prompt.

    Raises:
        InputError: If there is none, one has a minus or is a saved prompt, or cannot be read.
    """
    terms = _terms(given, "content")
    if not terms:
        raise InputError("a prompt is learned from at least one example, got none")
    if any(term.weight < 0 or term.saved for term in terms):
        raise InputError("examples are things without a minus, and no saved prompts")
    return terms


def _terms(given: Things, part: PartName, *, avoided: bool = False) -> list[Term]:
    """The terms of one part, as a user hands them in."""
    if given is None:
        return []
    if isinstance(given, Mapping):
        return [
            replace(term, weight=-weight if avoided else weight)
            for thing, weight in given.items()
            for term in _terms(thing, part, avoided=avoided)
        ]
    if isinstance(given, Prompt):
        return [term.as_part(part, avoided=avoided) for term in given.terms]
    if isinstance(given, Iterable) and not isinstance(given, str) and not is_picture(given):
        return [term for thing in given for term in _terms(thing, part, avoided=avoided)]
    name = "avoid" if avoided else part
    try:
        return [_one(given, name).as_part(part, avoided=avoided)]
    except InputError as error:
        if isinstance(given, str) and not clean(given):
            raise InputError(f"{name} is empty; give it words, or leave it out") from error
        raise


def _one(given: Any, name: str) -> Term:
    if isinstance(given, Term):
        return given
    if isinstance(given, str):
        saved = given.removeprefix(SAVED)
        if saved != given and typed.is_name(saved):
            return Term(None, saved=saved)
        return Term(_text(given))
    if is_picture(given):
        return Term(picture_item(given))
    kinds, need = (Path, MediaItem), "words, a Path, a picture, an item or a Prompt"
    check_kind(given, kinds, name, need=need, example="Prompt('a dog', style=Path('ink.png'))")
    return Term(given if isinstance(given, MediaItem) else _in_file(given))


def _in_file(path: str | Path) -> MediaItem:
    try:
        return item_from_path(expanded(path))
    except IsthmusError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # a null byte, a home of nobody
        raise InputError(f"{quoted(str(path))} cannot be the name of a file") from error


def _text(words: str | Sequence[str]) -> MediaItem:
    given = (words,) if isinstance(words, str) else tuple(words)
    parts = tuple(part.encode(errors="ignore").decode() for part in given)  # no half characters
    if len(parts) > MOST_PARTS:
        raise InputError(f"a part has {MOST_PARTS} wordings at most; leave some out")
    if not any(clean(part) for part in parts):
        raise InputError(f"{quoted(' '.join(parts))} holds no words")
    return MediaItem.from_text(parts)


def _joined(text: str) -> str:
    """A text whose letters a shell with another locale handed over byte by byte."""
    try:
        return text.encode(errors="surrogateescape").decode()
    except UnicodeError:  # the name of a file that is not UTF-8
        return text
