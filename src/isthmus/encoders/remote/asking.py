"""Requests that are tried again: with growing pauses, and as long as the server asks for."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from isthmus.core.errors import InputError, IsthmusError, RemoteError
from isthmus.core.linalg import F32
from isthmus.core.web import Endpoint
from isthmus.encoders.remote.dialects import Content, Dialect, Query, rows_of

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which the same request may succeed."""
ITEMS = frozenset({400, 413, 415, 422, 500})
"""Answers that may be about some items of a request, and not about all requests."""
_TOO_LARGE = 413
FIRST_PAUSE = 0.5
"""Seconds before the first new try; each further pause is up to twice as long."""
LONGEST_PAUSE = 30.0
"""Seconds of a pause that the server did not ask for."""
LONGEST_WAIT = 120.0
"""Seconds that are waited where the server asks for it; if it asks for more, the run stops."""
MOST_REFUSED = 24
"""Refusals one after another from which on they are not about items: halving a batch of 256 down
to the one item that is refused takes 9."""


@dataclass
class Asker:
    """Asks for the vectors of some items, until the server answers or it is time to give up.

    Attributes:
        dialect: Which the server speaks.
        query: What is asked for besides the items.
        retries: Tries after the first.
        pause: Waits so many seconds.
        share: A number from 0 to 1 at random: which part of a pause is waited, so that many who
            were refused at one time do not come back at one time ("full jitter", Brooker 2015).
    """

    dialect: Dialect
    query: Query
    retries: int
    pause: Callable[[float], None] = time.sleep
    share: Callable[[], float] = random.random
    _refused: int = 0
    _most: int | None = None
    _proven: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def vectors(
        self, endpoint: Endpoint, items: Sequence[Content], dim: int
    ) -> list[F32 | IsthmusError]:
        """One vector ``(dim,)`` an item, or why there is none.

        A request that is too large is sent in parts, and so are those behind it.

        Args:
            endpoint: Where the server is.
            items: At least one.
            dim: Numbers that a vector must have; 0 for any.

        Returns:
            In place of a vector, :class:`InputError` if the server refuses the item or the request
            it was in, and :class:`RemoteError` if it is of no use to go on.
        """
        most = self._most or len(items)
        parts = [items[start : start + most] for start in range(0, len(items), most)]
        return [row for part in parts for row in self._part(endpoint, part, dim)]

    def _part(
        self, endpoint: Endpoint, items: Sequence[Content], dim: int
    ) -> list[F32 | IsthmusError]:
        try:
            return list(self._checked(endpoint, self._tried(endpoint, items), len(items), dim))
        except InputError as error:
            return [error] * len(items)
        except RemoteError as error:
            if error.status == _TOO_LARGE and len(items) > 1:
                half = (len(items) + 1) // 2
                rows = [self.vectors(endpoint, part, dim) for part in (items[:half], items[half:])]
                made = [row for part in rows for row in part]
                if not any(isinstance(row, IsthmusError) for row in made):  # it was no one item
                    with self._lock:
                        self._most = min(self._most or half, half)
                return made
            about = self._about_items(error) if error.status in ITEMS else error
            return [about] * len(items)

    def _tried(self, endpoint: Endpoint, items: Sequence[Content]) -> bytes:
        body = self.dialect.body(items, self.query)
        for attempt in range(self.retries + 1):
            try:
                return endpoint.ask(self.dialect.path, body)
            except RemoteError as error:
                passing = error.status is None or error.status in PASSING
                if not passing or attempt == self.retries:
                    raise
                self._wait(error, attempt)
        raise AssertionError("unreachable")

    def _wait(self, error: RemoteError, attempt: int) -> None:
        if error.wait is None:
            self.pause(self.share() * min(FIRST_PAUSE * 2.0**attempt, LONGEST_PAUSE))
        elif error.wait <= LONGEST_WAIT:
            self.pause(error.wait)
        else:
            raise RemoteError(
                f"{error}; it asks to come back in {error.wait:,.0f} s. Run it again then: what "
                "is encoded stays in the cache",
                status=error.status,
                wait=error.wait,
            ) from error

    def _checked(
        self, endpoint: Endpoint, data: bytes, count: int, dim: int
    ) -> list[F32 | IsthmusError]:
        try:
            rows = rows_of(data, self.dialect)
        except ValueError as error:
            raise RemoteError(
                f"{endpoint.where} does not speak the dialect {self.dialect.name!r} ({error}): it "
                f"answers {endpoint.quoted(data, 80)!r}"
            ) from error
        if len(rows) != count:
            raise self._about_items(
                RemoteError(f"{endpoint.where} gave {len(rows)} vectors for {count} items")
            )
        lengths = {len(row) for row in rows}
        if wrong := lengths - {dim or len(rows[0])}:
            known = f"{endpoint.where} gave a vector of {max(wrong)} numbers, need {dim}"
            if len(lengths) == 1 and (count > 1 or not self._proven):
                raise RemoteError(f"{known}; it is another model, or another number of dimensions")
            raise self._about_items(RemoteError(known))
        useless = [_useless(row) for row in rows]
        if all(useless):
            return [self._about_items(RemoteError(f"{endpoint.where} gave {useless[0]}"))] * count
        with self._lock:
            self._refused, self._proven = 0, True
        return [
            InputError(f"{endpoint.where} gave {why}") if why else row
            for row, why in zip(rows, useless, strict=True)
        ]

    def _about_items(self, error: RemoteError) -> InputError | RemoteError:
        """A refusal of these items; of all where there were too many one after another."""
        with self._lock:
            self._refused += 1
            many = self._refused >= MOST_REFUSED
        if many:
            return RemoteError(f"{error}; these were {self._refused} refusals one after another")
        return InputError(str(error))


def _useless(row: F32) -> str:
    """Why a vector cannot be compared with others; empty where it can."""
    if not np.isfinite(row).all():
        return "NaN or infinity"
    return "" if row.any() else "only zeros"
