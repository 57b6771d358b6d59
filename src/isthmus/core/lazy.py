"""Names and methods that are imported when they are first used, so that a start stays quick."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MethodType
from typing import Any

from isthmus.core.wording import did_you_mean


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The ``__getattr__`` of a package.

    Args:
        package: Its ``__name__``.
        homes: By public name, the module that defines it; ``module:name`` where it has another
            name there, ``module:`` where it is that module.

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
        module, colon, attribute = homes[name].partition(":")
        found = import_module(module)
        value: object = found if colon and not attribute else getattr(found, attribute or name)
        setattr(sys.modules[package], name, value)
        return value

    return get


_BROUGHT: dict[tuple[str, str], str] = {}
"""By class and method, the module that brings it."""


def bring(owner: str, methods: Mapping[str, str]) -> None:
    """Give a class of a layer below its methods, without an import of either.

    Args:
        owner: Name of the class, which holds a :class:`Brought` for each of them.
        methods: By name, the module with the function of this name.
    """
    _BROUGHT.update({(owner, name): module for name, module in methods.items()})


class Brought:
    """A method whose function, which takes the object first, a layer above brings.

    So ``space.classify(items, names)`` is ``classify(space, items, names)``, with its docstring and
    its signature, and the class imports nothing from above. :func:`bring` says where it is; it is
    imported at the first use.

    Examples:
        >>> bring("Greeter", {"capwords": "string"})
        >>> class Greeter(str):
        ...     capwords = Brought()
        >>> Greeter("good day").capwords()
        'Good Day'
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = owner.__name__, name

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., Any]:
        """The function, or bound to an object the method."""
        owner_name, name = self._key
        if self._key not in _BROUGHT:
            raise AttributeError(f"no module brings {owner_name}.{name}; import isthmus first")
        function: Callable[..., Any] = getattr(import_module(_BROUGHT[self._key]), name)
        return function if instance is None else MethodType(function, instance)
