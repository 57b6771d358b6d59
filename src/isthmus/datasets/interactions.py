"""Interactions: who took what, when, and how it was rated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.linalg import F32, F64
from isthmus.core.wording import count, did_you_mean, way
from isthmus.datasets._cells import read
from isthmus.datasets._rows import Collector

Places = NDArray[np.intp]
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "user": ("user", "user_id", "customer", "customer_id", "userid"),
    "item": ("item", "item_id", "product", "product_id", "itemid", "id"),
    "rating": ("rating", "score", "stars"),
    "time": ("time", "timestamp", "date"),
}
"""Names of columns that tables of ratings use, in lower case; a colon and a type may follow."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """Who took what: one entry a user and item.

    Attributes:
        users: Names of the users, ``u`` of them.
        items: Names of the items, ``n`` of them; an item that nobody took may be among them.
        user: ``(m,)`` place of the user of each interaction.
        item: ``(m,)`` place of its item.
        ratings: ``(m,)``, or None where there are none.
        times: ``(m,)`` seconds since 1970, or None.

    Raises:
        DataError: If the columns differ in length, or a place names no user or item.
    """

    users: Sequence[str]
    items: Sequence[str]
    user: Places
    item: Places
    ratings: F32 | None = None
    times: F64 | None = field(default=None)

    def __post_init__(self) -> None:
        for name, kind in (("user", np.intp), ("item", np.intp)):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        if self.ratings is not None:
            object.__setattr__(self, "ratings", np.asarray(self.ratings, dtype=np.float32))
        if self.times is not None:
            object.__setattr__(self, "times", np.asarray(self.times, dtype=np.float64))
        for name, column in (("item", self.item), ("ratings", self.ratings), ("times", self.times)):
            if column is not None and len(column) != len(self.user):
                raise DataError(
                    f"interactions need columns of one length: {len(self.user)} users, but "
                    f"{len(column)} of {name}"
                )
        for what, places, names in (
            ("user", self.user, self.users),
            ("item", self.item, self.items),
        ):
            if len(places) and not 0 <= places.min() <= places.max() < len(names):
                raise DataError(f"interactions name a {what} that is not among {len(names)} names")

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def of(
        cls,
        users: Iterable[object],
        items: Iterable[object],
        *,
        ratings: Iterable[float] | None = None,
        times: Iterable[float] | None = None,
        known: Sequence[str] = (),
    ) -> Interactions:
        """Interactions by name; of a pair that comes twice the latest counts.

        Args:
            users: Name of the user of each.
            items: Name of the item of each.
            ratings: Of each.
            times: Of each, in seconds.
            known: Items that get the first places, whether anybody took them or not.

        Examples:
            >>> taken = Interactions.of(["ann", "ann", "bob"], ["tea", "milk", "tea"])
            >>> taken.matrix().tolist()
            [[1.0, 1.0], [1.0, 0.0]]
        """
        user_names, item_names = [str(u) for u in users], [str(i) for i in items]
        first = {name: place for place, name in enumerate(dict.fromkeys(user_names))}
        second = {name: place for place, name in enumerate(dict.fromkeys([*known, *item_names]))}
        made = cls(
            list(first),
            list(second),
            np.array([first[name] for name in user_names], dtype=np.intp),
            np.array([second[name] for name in item_names], dtype=np.intp),
            None if ratings is None else np.fromiter(ratings, np.float32),
            None if times is None else np.fromiter(times, np.float64),
        )
        return made.take(made._latest())

    def _latest(self) -> Places:
        """Of each pair the last one by time, in the order in which they came."""
        time = np.zeros(len(self)) if self.times is None else self.times
        order = np.lexsort((np.arange(len(self)), time))
        pairs = self.user[order] * max(len(self.items), 1) + self.item[order]
        _, last = np.unique(pairs[::-1], return_index=True)
        return np.sort(order[len(order) - 1 - last])

    def take(self, rows: NDArray[Any]) -> Interactions:
        """Some of the interactions, by place or mask; users and items keep their places."""
        return replace(
            self,
            user=self.user[rows],
            item=self.item[rows],
            ratings=None if self.ratings is None else self.ratings[rows],
            times=None if self.times is None else self.times[rows],
        )

    def of_user(self, name: str) -> Interactions:
        """Those of one user.

        Raises:
            DataError: If there is no such user.
        """
        if name not in self._user_places:
            hint = did_you_mean(name, self.users)
            raise DataError(f"no interaction is of the user {name!r}.{hint}")
        return self.take(self.user == self._user_places[name])

    def without_user(self, name: str) -> Interactions:
        """All but those of one user, who keeps an empty place."""
        return self.take(self.user != self._user_places.get(name, -1))

    def liked(self, least: float | None) -> Interactions:
        """Those that are rated so or better; all of them for None.

        Raises:
            DataError: If there are no ratings.
        """
        if least is None:
            return self
        if self.ratings is None:
            out = way(python="least", shell="--least")
            raise DataError(f"there are no ratings, so none can be too low; leave {out} out")
        return self.take(self.ratings >= least)

    def some_liked(self, least: float | None) -> Interactions:
        """The same, to learn from.

        Raises:
            DataError: If there are no ratings, or none is so good.
        """
        liked = self.liked(least)
        if least is not None and self.ratings is not None and len(self) and not len(liked):
            best = float(self.ratings.max())
            raise DataError(
                f"nothing is rated {least:g} or better; the best rating is {best:g}: give a lower "
                + way(python=f"least, such as least={best:g}", shell=f"--least, such as {best:g}")
            )
        return liked

    @cached_property
    def _user_places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.users)}

    def later(self) -> F64:
        """``(m,)`` how many interactions of the same user are later; ties share a mean.

        Where there are no times, all are 0.
        """
        out = np.zeros(len(self))
        if self.times is None:
            return out
        if not len(self):
            return out
        order = np.lexsort((-self.times, self.user))
        users, times = self.user[order], self.times[order]
        starts = np.flatnonzero(np.r_[True, users[1:] != users[:-1]])
        rank = np.arange(len(self)) - np.repeat(starts, np.diff(np.r_[starts, len(self)]))
        change = (users[1:] != users[:-1]) | (times[1:] != times[:-1])
        tied = np.cumsum(np.r_[0, change])
        total, number = np.bincount(tied, rank), np.bincount(tied)
        out[order] = (total / np.maximum(number, 1))[tied]
        return out

    def matrix(self, weights: F64 | None = None, users: Places | None = None) -> F64:
        """Users by items: the weight of each interaction, 0 where there is none.

        Args:
            weights: ``(m,)``; default: ones.
            users: Places of the users that are wanted; default: all.

        Returns:
            ``(users, n)`` float64, dense: ask for some users at a time where there are many.
        """
        wanted = np.arange(len(self.users)) if users is None else users
        row_of = np.full(len(self.users), -1)
        row_of[wanted] = np.arange(len(wanted))
        mine = row_of[self.user] >= 0
        out = np.zeros((len(wanted), len(self.items)))
        values = np.ones(len(self)) if weights is None else weights
        out[row_of[self.user[mine]], self.item[mine]] = values[mine]
        return out

    @classmethod
    def read(cls, path: str | Path, *, known: Sequence[str] = ()) -> Interactions:
        """Interactions of a table with the columns ``user``, ``item``, ``rating``, ``time``.

        The last two may be missing. Names that other tables use are known too, such as
        ``user_id`` and ``timestamp``; a time is a number, or a date such as ``2026-03-01``.

        Args:
            path: ``.csv``, ``.tsv``, ``.parquet``, ``.jsonl`` or ``.json``.
            known: Items that get the first places, whether anybody took them or not.

        Raises:
            DataError: If the file cannot be read, has no columns of these names, no row can be
                used, or a rating or time is none; the message names the row.
        """
        path = Path(path)
        collector = Collector(str(path))
        names = [name for some in _COLUMNS.values() for name in some]
        rows = list(_rows(path, collector, names))
        if not rows:
            why = "".join(f"; {each.source}: {each.reason}" for each in collector.skipped[:3])
            raise DataError(f"{path} has no interaction; a row needs a user and an item{why}")
        columns = {name: [row.get(name) for row in rows] for name in _COLUMNS}
        numbers: dict[str, list[float] | None] = {}
        for name in ("rating", "time"):
            given = [value is not None for value in columns[name]]
            if any(given) and not all(given):
                raise DataError(
                    f"{path}: {count(given.count(False), 'row')} of {len(rows)} have no {name}; "
                    "give one to each row, or leave the column out"
                )
            numbers[name] = columns[name] if all(given) else None  # type: ignore[assignment]
        return cls.of(
            columns["user"],
            columns["item"],
            ratings=numbers["rating"],
            times=numbers["time"],
            known=known,
        )


def _rows(path: Path, collector: Collector, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table by role; what lacks a user or an item is listed."""
    for row, cells in read(path, collector, names):
        found: dict[str, Any] = {}
        for column, cell in cells:
            role = _role(column)
            if role is not None and cell not in (None, ""):
                found.setdefault(role, cell)
        if not {_role(column) for column, _ in cells} >= {"user", "item"}:
            has = ", ".join(str(column) for column, _ in cells) or "none"
            raise DataError(
                f"{path} needs the columns user and item; it has {has}. rating and time may be "
                "there, too"
            )
        if "user" not in found or "item" not in found:
            collector.skip(row, "has no user or no item", what="row")
            continue
        for name in ("rating", "time"):
            if name in found:
                found[name] = _number(found[name], f"{path}, {row}, {name}", dates=name == "time")
        for name in ("user", "item"):
            found[name] = _name(found[name])
        yield found


def _role(column: str) -> str | None:
    plain = column.strip().lower().partition(":")[0]
    return next((role for role, names in _COLUMNS.items() if plain in names), None)


def _name(cell: Any) -> str:
    """A name that a column with gaps made a float is still the name it was."""
    whole = isinstance(cell, float) and cell.is_integer()
    return str(int(cell)) if whole else str(cell).strip()


def _number(cell: Any, where: str, *, dates: bool) -> float:
    from datetime import UTC, datetime

    try:
        value = float(cell)
    except (TypeError, ValueError):
        value = np.nan
        if dates:
            try:
                moment = datetime.fromisoformat(str(cell))
                value = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
            except ValueError:
                pass
    if not np.isfinite(value):
        more = ", or a date such as 2026-03-01" if dates else ""
        raise DataError(f"{where}: {str(cell)[:40]!r} is no number{more}")
    return value
