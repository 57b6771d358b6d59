"""What messages share: ways out for Python and for a shell, near names, singular and plural."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

Surface = Literal["python", "shell", "server"]
_surface: Surface = "python"
_NEAR, _NEAR_SIGNS = 0.6, 0.5
"""Share of signs that two near names have in common; of names of two signs that are no ASCII."""
_PREAMBLE = re.compile(r"\b(?:Value error|Assertion failed), ")


@contextmanager
def speaking(surface: Surface) -> Iterator[None]:
    """Say ways out as they are typed there, in this process, until the block ends.

    Args:
        surface: Where the user types: ``"python"`` or ``"shell"``; or ``"server"``, whose callers
            use the names of the API, which are those of Python.
    """
    global _surface
    before, _surface = _surface, surface
    try:
        yield
    finally:
        _surface = before


def way(*, python: str, shell: str, server: str | None = None) -> str:
    """What to type, in the form of where the user is.

    Args:
        python: In Python.
        shell: In a shell.
        server: What who asks a server is told; None for the form of Python.

    Examples:
        >>> way(python="k=5", shell="-k 5")
        'k=5'
        >>> with speaking("shell"):
        ...     way(python="k=5", shell="-k 5")
        '-k 5'
        >>> with speaking("server"):
        ...     way(python="k=5", shell="-k 5"), way(python="k=5", shell="-k 5", server='"k": 5')
        ('k=5', '"k": 5')
    """
    if _surface == "server" and server is not None:
        return server
    return shell if _surface == "shell" else python


def nearest(name: object, known: Iterable[str]) -> str | None:
    """The known name that is most like a given one, whatever its case; None if none is.

    Examples:
        >>> nearest("CCA", ["cca", "ridge"]), nearest("rigde", ["cca", "ridge"]), nearest("x", [])
        ('cca', 'ridge', None)
        >>> nearest("年令", ["性别", "年龄"])
        '年龄'
    """
    by_lower = {each.lower(): each for each in known}
    wanted = str(name).lower()
    # A sign of Chinese says as much as a word: of two, one may be another.
    least = _NEAR_SIGNS if len(wanted) == 2 and not wanted.isascii() else _NEAR
    close = difflib.get_close_matches(wanted, by_lower, n=1, cutoff=least)
    return by_lower[close[0]] if close else None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """``" Did you mean 'ridge'?"``, to put behind a sentence; empty if no name is near."""
    near = nearest(name, known)
    return f" Did you mean {near!r}?" if near is not None else ""


def without_preamble(said: str) -> str:
    """What a check says, without what pydantic puts before it.

    Examples:
        >>> without_preamble("invalid value for '--part': Value error, 'x' is not one of 'y'")
        "invalid value for '--part': 'x' is not one of 'y'"
    """
    return _PREAMBLE.sub("", said)


def count(n: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun.

    Examples:
        >>> count(1, "copy", "copies"), count(2, "copy", "copies"), count(1200, "item")
        ('1 copy', '2 copies', '1,200 items')
    """
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def kind_of(thing: object) -> str:
    """What a thing is, for messages: ``"a list"``, ``"None"``.

    Examples:
        >>> kind_of([1]), kind_of(None), kind_of("x"), kind_of(3)
        ('a list', 'None', 'a text', 'an int')
    """
    if thing is None:
        return "None"
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    name = type(thing).__name__
    name = {"str": "text", "ndarray": "array"}.get(name, name)
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
