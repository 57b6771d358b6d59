"""Decoding and preparing items in child processes with caps on memory and time."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from isthmus.core import errors, wire
from isthmus.core.errors import CorruptMediaError, MediaError, MediaTooLargeError
from isthmus.core.item import MediaItem
from isthmus.encoders.base import usable_cores
from isthmus.media.child import ChildLostError, ChildProcess
from isthmus.media.limits import DEFAULT, Limits

SECONDS = 60.0
"""An item that takes longer is given up; decoding a large picture takes one or two."""
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Preparers:
    """Children that decode items and make of them what an encoder takes.

    A file that crashes its decoder, never ends, or asks for all memory costs that file.

    Args:
        spec: What names the encoder, as :func:`isthmus.encoders.load` takes it.
        options: Of the encoder.
        workers: How many children; default: the cores of this machine.
        limits: Caps on items.
        seconds: After which an item is given up.
    """

    def __init__(
        self,
        spec: str,
        options: Mapping[str, Any] | None = None,
        *,
        workers: int | None = None,
        limits: Limits = DEFAULT,
        seconds: float = SECONDS,
    ) -> None:
        setting = {"spec": spec, "options": dict(options or {}), "limits": asdict(limits)}
        arguments = ["-m", "isthmus.pipeline._prepare_child", json.dumps(setting)]
        self.workers = workers or usable_cores()
        self._seconds = seconds
        self._children = [ChildProcess(arguments, _ONE_THREAD) for _ in range(self.workers)]
        self._free: queue.SimpleQueue[ChildProcess] = queue.SimpleQueue()
        for child in self._children:
            self._free.put(child)

    def __call__(self, item: MediaItem) -> Any:
        """What the encoder takes; safe to call from as many threads as there are children.

        Raises:
            MediaError: If the item cannot be used, with the reason.
        """
        if not isinstance(item.payload, Path):
            raise errors.InputError(f"{item.source}: only files are decoded in another process")
        request = {
            "path": str(item.payload),
            "modality": item.modality,
            "id": item.id,
            "source": item.source,
            "span": item.span,
        }
        child = self._free.get()
        try:
            status, reply = child.ask(json.dumps(request).encode(), seconds=self._seconds)
        except ChildLostError as error:
            what = f"decoding it {error}"
            if error.late:
                raise MediaTooLargeError(item.source, f"{what} ({self._seconds:g} s)") from error
            raise CorruptMediaError(item.source, what) from error
        finally:
            self._free.put(child)
        if status:
            raise _error(item.source, reply)
        return wire.unpack(reply)

    def close(self) -> None:
        """End the children."""
        for child in self._children:
            child.close()


@contextmanager
def preparers(
    spec: str, options: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[Preparers]:
    """Children for as long as a block runs; arguments as for :class:`Preparers`."""
    made = Preparers(spec, options, **settings)
    try:
        yield made
    finally:
        made.close()


def _error(source: str, reply: bytes) -> MediaError:
    """The child's own error, by its name; memory that ran out is one too."""
    name, _, reason = reply.decode("utf-8", "replace").partition("|")
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, MediaError):
        return kind(source, reason)
    if name == "MemoryError":
        return MediaTooLargeError(source, "needs more memory than decoding one item may take")
    return CorruptMediaError(source, f"cannot be decoded ({reason or name})")
