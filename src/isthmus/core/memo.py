"""Results that several users of the same thing share."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")


class Memo:
    """Keeps what was computed, by a key; it belongs to one object that does not change.

    Examples:
        >>> memo = Memo()
        >>> memo.get("sum", lambda: 1 + 1), memo.get("sum", lambda: 0)
        (2, 2)
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, object] = {}
        self._latest: dict[Hashable, tuple[Hashable, object]] = {}

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What belongs to the key, computed the first time."""
        if key not in self._kept:
            self._kept[key] = compute()
        return cast(T, self._kept[key])

    def latest(self, slot: Hashable, key: Hashable, compute: Callable[[], T]) -> T:
        """The same for what is large: a slot keeps only what was asked for last."""
        kept = self._latest.get(slot)
        if kept is None or kept[0] != key:
            self._latest[slot] = kept = key, compute()
        return cast(T, kept[1])  # another thread may have put something else there

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._latest.clear()
