"""Float32 that is exact and the same each time, while models run on torch.

What torch has for that belongs to the whole process, and models run side by side. So those inside
are counted: the first one saves what the caller had, and the last one puts it back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

Undo = Callable[[], None]


class _Exact:
    """A context for any number of threads at a time; it takes the module torch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._undo: list[Undo] = []

    @contextmanager
    def __call__(self, torch: Any) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                _begin(torch, self._undo)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                while not self._inside and self._undo:
                    self._undo.pop()()


exact = _Exact()
"""``with exact(torch):`` neither TF32 nor bfloat16 in place of float32, and no luck of timing."""


def _begin(torch: Any, undo: list[Undo]) -> None:
    """Set what makes float32 exact; adds how each is put back, in the order that it was set."""
    cudnn, matmul, mkldnn = torch.backends.cudnn, torch.backends.cuda.matmul, torch.backends.mkldnn
    # Where torch from 2.9 on keeps the precision of each kind of operation.
    convolutions = [getattr(cudnn, name, None) for name in ("conv", "rnn")]
    on_cpu = [getattr(mkldnn, name, None) for name in ("conv", "matmul")]
    places = [place for place in (matmul, *convolutions, *on_cpu) if _precision(place)]
    undo += [partial(_put_back, place, _precision(place)) for place in places]
    for name, value in {"enabled": True, "benchmark": False, "deterministic": True}.items():
        undo.append(partial(setattr, cudnn, name, getattr(cudnn, name)))
        setattr(cudnn, name, value)
    # What torch had before; later releases keep both, and some operations fail if they differ.
    with suppress(RuntimeError):
        before = torch.get_float32_matmul_precision()
        undo.append(partial(torch.set_float32_matmul_precision, before))
        torch.set_float32_matmul_precision("highest")
    for old, new in ((cudnn, convolutions), (matmul, [matmul])):
        undo.append(partial(setattr, old, "allow_tf32", _allowed(old, new)))
        old.allow_tf32 = False
    for place in places:
        place.fp32_precision = "ieee"


def _allowed(old: Any, new: list[Any]) -> bool:
    """Whether the old setting allows TF32; torch does not tell it where a new one contradicts."""
    try:
        return bool(old.allow_tf32)
    except RuntimeError:
        return any(_precision(place) != "tf32" for place in new)


def _precision(place: Any) -> str:
    """Of one kind of operation; empty where this torch knows none."""
    return str(getattr(place, "fp32_precision", ""))


def _put_back(place: Any, before: str) -> None:
    """What was set, or taken over from a wider setting; then it follows that one again."""
    place.fp32_precision = "none"
    if place.fp32_precision != before:
        place.fp32_precision = before
