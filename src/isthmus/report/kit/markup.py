"""HTML by small functions, in which everything that is not markup is escaped.

This is own code because template engines such as Jinja2 escape only where that is switched on,
and the type checker cannot look into a template.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable

_VOID = frozenset({"br", "circle", "col", "image", "img", "line", "meta", "path", "rect", "use"})


class Markup(str):
    """Text that is already HTML."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Anything as a text node; what cannot be shown (control characters) is dropped.

    Examples:
        >>> text("a < b")
        'a &lt; b'
    """
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(_printable(str(value))))


def join(parts: Iterable[object], between: str = "") -> Markup:
    """Parts one after another; None is left out."""
    return Markup(between.join(text(part) for part in parts if part is not None))


def el(name: str, /, *children: object, **attributes: object) -> Markup:
    """One element.

    Args:
        name: Of the element.
        *children: Text, which is escaped, or :class:`Markup`; None is left out.
        **attributes: ``class_`` and ``for_`` lose their underscore, any other underscore
            becomes a hyphen; True stands alone, None and False are left out.

    Examples:
        >>> el("p", "1 < 2", class_="small", data_n=3)
        '<p class="small" data-n="3">1 &lt; 2</p>'
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        parts.append(key if value is True else f'{key}="{text(value)}"')
    opening = " ".join(parts)
    if name in _VOID and not children:
        return Markup(f"<{opening}>" if name in ("br", "col", "img", "meta") else f"<{opening}/>")
    return Markup(f"<{opening}>{join(children)}</{name}>")


def _printable(value: str) -> str:
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") else " " for c in value
    )
