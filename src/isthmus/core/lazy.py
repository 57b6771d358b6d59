"""Packages whose names are imported when they are first used, so that a start stays quick."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

from isthmus.core.wording import did_you_mean


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The ``__getattr__`` of a package.

    Args:
        package: Its ``__name__``.
        homes: By public name, the module that defines it; ``module:name`` where it has another
            name there.

    Returns:
        A function that imports a name from its home and keeps it in the package.

    Examples:
        >>> lazy_names(__name__, {"View": "isthmus.core.view"})("View").__name__
        'View'
    """

    def get(name: str) -> object:
        if name not in homes:
            hint = did_you_mean(name, homes)
            raise AttributeError(f"module {package!r} has no attribute {name!r}.{hint}")
        module, _, attribute = homes[name].partition(":")
        value: object = getattr(import_module(module), attribute or name)
        setattr(sys.modules[package], name, value)
        return value

    return get
