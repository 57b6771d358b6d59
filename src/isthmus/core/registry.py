"""Names that users type, resolved to objects that are imported only when asked for.

This is own code because with entry points any installed package could change what a name means.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from typing import Any, Generic, TypeVar, cast

from isthmus.core.errors import InputError

T = TypeVar("T")


class Registry(Generic[T]):
    """Short ids and their ``"package.module:attribute"`` targets.

    An id may also be such a target itself, so that users bring their own classes
    without registering them.

    Args:
        kind: What the names stand for, used in messages: ``"encoder"``.

    Example:
        >>> shapes: Registry[type] = Registry("shape")
        >>> shapes.add("list", "builtins:list")
        >>> shapes.get("list")
        <class 'list'>
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._targets: dict[str, str] = {}

    def add(self, name: str, target: str) -> None:
        """Let ``name`` stand for ``target``, a ``"package.module:attribute"``."""
        self._targets[name] = target

    def names(self) -> list[str]:
        """All short ids, sorted."""
        return sorted(self._targets)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._targets

    def get(self, name: str) -> T:
        """Import what ``name`` stands for.

        Raises:
            InputError: If the name is neither registered nor an importable target.
        """
        target = self._targets.get(name, name)
        module, colon, attribute = target.partition(":")
        if not colon or not all(part.isidentifier() for part in module.split(".")):
            raise InputError(self._unknown(name))
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not (module + ".").startswith(error.name + "."):
                raise
            raise InputError(f"{self.kind} {name!r}: there is no module {error.name!r}") from error
        try:
            return cast(T, getattr(found, attribute))
        except AttributeError as error:
            raise InputError(f"{self.kind} {name!r}: {module} has no {attribute!r}") from error

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._targets, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"unknown {self.kind} {name!r}.{hint} Known: {', '.join(self.names())}"

    def describe(self) -> dict[str, Any]:
        """Ids and targets, for ``--json`` listings."""
        return dict(sorted(self._targets.items()))
