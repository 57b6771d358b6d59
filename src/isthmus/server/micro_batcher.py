"""A micro-batcher: calls that come while the encoder works are encoded in the next batch.

This is own code because batchers such as the one of Ray Serve come with a server of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.core.contracts import Encoder
from isthmus.core.linalg import F32

_MOST = 64
"""Callers of one batch, so that nobody waits for a batch without end."""
_PIECE = 16
"""Items of one call in a batch: whoever brings more, as indexing does, lines up again for the next,
so that a question waits for some of them and not for all."""
_LETTERS = 2_000
"""Characters of one batch, unless one caller brings more: who asks little waits for few long texts,
and is in the next batch, since the shortest go first."""


class MicroBatcher:
    """An encoder whose callers in several threads are encoded in one batch.

    Nobody waits for company: a batch holds those who came while the one before was encoded.

    Args:
        encoder: The encoder; all but :meth:`encode` is handed on to it.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._turn = threading.Condition()
        self._waiting: list[_Call] = []
        self._busy = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, batch: Sequence[object]) -> F32:
        """As the encoder does, ``(len(batch), dim)`` float32."""
        if len(batch) <= _PIECE:
            return self._encoded(batch)
        pieces = (batch[start : start + _PIECE] for start in range(0, len(batch), _PIECE))
        return np.concatenate([self._encoded(piece) for piece in pieces])

    def _encoded(self, batch: Sequence[object]) -> F32:
        """What this caller's turn brings."""
        call = _Call(batch)
        with self._turn:
            self._waiting.append(call)
            self._turn.wait_for(lambda: call.done or not self._busy)
            calls = [] if call.done else self._next(call)
        if calls:
            try:
                self._serve(calls)
            finally:
                with self._turn:
                    self._busy = False
                    self._turn.notify_all()
        if call.error is not None:
            raise call.error
        assert call.result is not None
        return call.result

    def _next(self, call: _Call) -> list[_Call]:
        """The next batch, which this caller encodes for all whose calls are in it."""
        self._busy = True
        some, letters = [call], call.letters
        others = sorted((each for each in self._waiting if each is not call), key=_letters)
        for each in others[: _MOST - 1]:
            letters += each.letters
            if letters > max(_LETTERS, call.letters):
                break
            some.append(each)
        self._waiting = [each for each in self._waiting if each not in some]
        return some

    def _serve(self, calls: Sequence[_Call]) -> None:
        try:
            self._encode(calls)
        except Exception:  # noqa: BLE001  # one bad batch must not fail those it was put with
            for call in calls:
                try:
                    self._encode([call])
                except Exception as error:  # noqa: BLE001  # handed to the thread that asked
                    call.error, call.done = error, True

    def _encode(self, calls: Sequence[_Call]) -> None:
        rows = self._encoder.encode([each for call in calls for each in call.batch])
        ends = np.cumsum([len(call.batch) for call in calls])[:-1]
        for call, part in zip(calls, np.split(rows, ends), strict=True):
            call.result, call.done = part, True


class _Call:
    """What one caller wants, and gets."""

    def __init__(self, batch: Sequence[object]) -> None:
        self.batch = batch
        self.letters = sum(
            len(text) for each in batch if isinstance(each, tuple) for text in each if text
        )
        self.result: F32 | None = None
        self.error: Exception | None = None
        self.done = False


def _letters(call: _Call) -> int:
    """Characters of what a caller brings; 0 of what is no text."""
    return call.letters
