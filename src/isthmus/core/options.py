"""Options as users write them: ``name=value``."""

from __future__ import annotations

from collections.abc import Iterable

from isthmus.core.errors import InputError

Scalar = int | float | bool | str


def parse_options(pairs: Iterable[str], what: str) -> dict[str, Scalar]:
    """``NAME=VALUE`` texts as a mapping; numbers, true and false become such.

    Args:
        pairs: The texts.
        what: Who takes them, for the message.

    Raises:
        InputError: If a text is not of that form.

    Example:
        >>> parse_options(["n=3", "languages=en,zh", "pair-all=true"], "shapes")
        {'n': 3, 'languages': 'en,zh', 'pair_all': True}
    """
    options: dict[str, Scalar] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.replace("-", "_")
        if not equals or not name.isidentifier():
            raise InputError(f"{what} needs NAME=VALUE, got {pair!r}")
        options[name] = _scalar(text)
    return options


def _scalar(text: str) -> Scalar:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
