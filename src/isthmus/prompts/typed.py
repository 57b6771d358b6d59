"""The form in which prompts are typed: read by a scanner whose time is linear in the text."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from isthmus.core.errors import InputError
from isthmus.core.paths import exists, why_missing
from isthmus.media.array_rows import file_named, row_named
from isthmus.media.arrays import SUFFIXES as ARRAYS
from isthmus.media.formats import SUFFIXES
from isthmus.media.source import is_file

STORED = "id:"
"""What the id of an item of the store is written behind."""
FILE = "file:"
"""What a path may be written behind."""
SAVED = "@"
"""What the name of a saved prompt is written behind."""
PartName = Literal["content", "style", "context", "ignore", "only"]
"""What a part says: what is looked for; how it looks; where or when it is; which differences do
not count; which alone do."""
PARTS: tuple[PartName, ...] = get_args(PartName)
GUIDES: tuple[PartName, ...] = ("ignore", "only")
"""Parts that say how to compare, and not what to look for."""
Kind = Literal["words", "file", "stored", "saved"]
_SAID = PARTS[1:]
_RESERVED = {STORED, FILE, *(f"{name}:" for name in _SAID)}
_NAME = re.compile(r"\w[\w.-]{0,79}")
_OPERATOR = re.compile(r"(?<=\s)[+-](?=\s)")
_WEIGHT = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*\*\s*")
_BLANKS = re.compile(r"\s*")
_STRING = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a prompt, as it was typed.

    Attributes:
        kind: What it is.
        content: Words, one for each wording; or a path; or an id; or the name of a saved prompt.
        avoided: Whether it stands behind a minus.
        weight: Before it; None where there is none.
        view: Named before it; None where there is none.
    """

    kind: Kind
    content: tuple[str, ...]
    avoided: bool = False
    weight: float | None = None
    view: str | None = None
    part: PartName = "content"


def composed(name: str) -> str:
    """The name of a prompt as it is kept: é is one letter, however a system writes it."""
    return unicodedata.normalize("NFC", name)


def is_name(text: str) -> bool:
    """Whether a prompt can be saved under a name: letters, digits, ``_``, ``.`` and ``-``.

    Examples:
        >>> is_name("ink-2"), is_name("水彩"), is_name("two words")
        (True, True, False)
    """
    return _NAME.fullmatch(composed(text)) is not None


def quote(text: str) -> str:
    """A text in quotes, as :func:`parts` reads it.

    Examples:
        >>> print(quote('5" pipe'))
        "5"" pipe"
    """
    return '"' + text.replace('"', '""') + '"'


def unquote(text: str) -> str | None:
    """What :func:`quote` made, undone; None for a text that is not one part in quotes.

    Examples:
        >>> unquote('"5"" pipe"'), unquote("pipe")
        ('5" pipe', None)
    """
    return text[1:-1].replace('""', '"') if _STRING.fullmatch(text) else None


def quote_view(name: str) -> str:
    """The name of a view as it stands before a part.

    Examples:
        >>> print(quote_view("photo_a"), quote_view("a→b"))
        photo_a "a→b"
    """
    return name if re.fullmatch(r"\w+", name) and f"{name}:" not in _RESERVED else quote(name)


def parts(text: str, *, files: bool, views: Collection[str]) -> Iterator[Part]:
    """The parts of a prompt; see :meth:`isthmus.Prompt.parse`.

    Args:
        text: Not blank.
        files: Whether a part may name a file.
        views: Names that may stand before a part.

    Raises:
        InputError: If a part looks like the path of a file that is not there.
    """
    text = text.strip()
    if files and is_file(text):  # also one whose name has a + or - in it
        return iter((Part("file", (text,)),))
    return _Scanner(text, files, views).run()


class _Scanner:
    """Goes through a text once; a newline is a blank."""

    def __init__(self, text: str, files: bool, views: Collection[str]) -> None:
        self._text, self._files = text, files
        self._views = sorted(views, key=len, reverse=True)
        self._operators = [found.start() for found in _OPERATOR.finditer(text)]
        self._curly = -1

    def run(self) -> Iterator[Part]:
        text, place, sign = self._text, 0, "+"
        if text[0] in "+-" and text[1:2].isspace():
            place, sign = self._past_blanks(1), text[0]
        while True:
            part, end = self._part(place, sign == "-")
            yield part
            if end == len(text):
                return
            place, sign = self._past_blanks(end + 1), text[end]

    def _part(self, start: int, avoided: bool) -> tuple[Part, int]:
        """The part that begins at a place, and the operator or the end behind it."""
        # An operator needs something before it, so one that opens a part is a word.
        later = bisect_right(self._operators, start)
        stop = self._operators[later] if later < len(self._operators) else len(self._text)
        weight, body = None, start
        found = _WEIGHT.match(self._text, start, stop)
        if found is not None and found.end() < stop:
            weight, body = float(found[1]), found.end()
        part, body = self._named(body, stop)
        view, inner = self._view(body)
        kind, content, end = self._quoted(inner)
        if end is None and view is not None and self._files and self._begins(FILE, inner, stop):
            kind, content, end = "file", (self._bare(inner + len(FILE), stop),), stop
        if end is None or (view is not None and kind == "stored"):
            view, end = None, stop
            kind, content = self._plain(body, stop)
        return Part(kind, content, avoided, weight, view, part), end

    def _named(self, start: int, stop: int) -> tuple[PartName, int]:
        """What is said before a part of what it says, and where the part goes on."""
        for name in _SAID:
            if self._begins(f"{name}:", start, stop):
                return name, start + len(name) + 1
        return "content", start

    def _plain(self, start: int, stop: int) -> tuple[Kind, tuple[str, ...]]:
        """A part without quotes."""
        bare = self._bare(start, stop)
        if self._begins(STORED, start, stop):
            return "stored", (bare.removeprefix(STORED),)
        if bare.startswith(SAVED) and is_name(bare.removeprefix(SAVED)):
            return "saved", (bare.removeprefix(SAVED),)
        if self._files and self._begins(FILE, start, stop):
            return "file", (bare.removeprefix(FILE),)
        if self._files and is_file(bare):
            return "file", (bare,)
        if self._files and looks_like_a_path(bare):
            raise missing_file(bare)
        return "words", (bare,)

    def _view(self, start: int) -> tuple[str | None, int]:
        """A view that is named before a part, and where the part goes on."""
        found = self._string(start) if self._text.startswith('"', start) else None
        if found is not None and self._text.startswith(":", found):
            name = self._content(start, found)
            return (name, found + 1) if name in self._views else (None, start)
        for view in self._views:
            if self._text.startswith(f"{view}:", start) and f"{view}:" not in _RESERVED:
                return view, start + len(view) + 1
        return None, start

    def _quoted(self, start: int) -> tuple[Kind, tuple[str, ...], int | None]:
        """A part in quotes; None for its end where it is none."""
        kind: Kind = "words"
        if self._text.startswith(STORED, start):
            kind, start = "stored", start + len(STORED)
        elif self._files and self._text.startswith(FILE, start):
            kind, start = "file", start + len(FILE)
        bounds: list[tuple[int, int]] = []
        while True:
            end = self._string(start)
            if end is None:
                return kind, (), None
            bounds.append((start, end))
            if kind != "words" or not self._text.startswith("|", end):
                break
            start = end + 1
        closed = self._closed(end)
        return (
            kind,
            () if closed is None else tuple(self._content(*each) for each in bounds),
            closed,
        )

    def _string(self, start: int) -> int | None:
        """Where a text in quotes ends that begins there; None where none does."""
        if self._text.startswith("“", start):
            # Nothing but the next one can close it, and places only grow.
            if self._curly <= start:
                self._curly = self._text.find("”", start)
            if self._curly < 0:
                self._curly = len(self._text)
            return None if self._curly == len(self._text) else self._curly + 1
        if not self._text.startswith('"', start):
            return None
        found = _STRING.match(self._text, start)
        return None if found is None else found.end()

    def _content(self, start: int, end: int) -> str:
        text = self._text[start:end]
        inner = unquote(text)
        return text[1:-1] if inner is None else inner

    def _closed(self, end: int) -> int | None:
        """The operator or the end of the text that follows a part in quotes."""
        place = self._past_blanks(end)
        if place == len(self._text):
            return place
        index = bisect_right(self._operators, end)
        follows = index < len(self._operators) and self._operators[index] == place
        return place if follows else None

    def _begins(self, prefix: str, start: int, stop: int) -> bool:
        """Whether a prefix stands there, right before something."""
        end = start + len(prefix)
        there = self._text.startswith(prefix, start) and end < stop
        return there and not self._text[end].isspace()

    def _bare(self, start: int, stop: int) -> str:
        return self._text[start:stop].strip()

    def _past_blanks(self, place: int) -> int:
        found = _BLANKS.match(self._text, place)
        return place if found is None else found.end()


def missing_file(text: str) -> InputError:
    """What to say of a path that leads to no file, or to a row of one that is not there."""
    lost, words = file_named(text) or text, f"if you mean words, type '{quote(text)}'."
    if lost != text and exists(lost):
        return InputError(f"{text!r} names no row; a row is {row_named(lost)}; {words}")
    return InputError(f"there is no file {lost!r}; {words}{why_missing(lost)}")


def looks_like_a_path(text: str) -> bool:
    """Whether words have the form of a path, so that who typed them expects a file there."""
    suffix = Path(text).suffix.lower()
    known = suffix in SUFFIXES or suffix in ARRAYS or text.startswith(("/", "./", "~/"))
    return " " not in text and (known or file_named(text) != "")
