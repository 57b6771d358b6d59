"""An encoder of pictures that asks for all their pixels, whatever it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus import encoders
from isthmus.core.contracts import batch_size_of
from isthmus.core.linalg import F32


class Full:
    """Another encoder without the side that it declares.

    Args:
        of: What names the other encoder.
    """

    languages: tuple[str, ...] = ()

    def __init__(self, *, of: str) -> None:
        self._inner = encoders.load(of)
        self.id = f"{self._inner.id} in full"
        self.modality, self.dim = self._inner.modality, self._inner.dim
        self.fingerprint = f"{self._inner.fingerprint}-full"
        self.batch_size = batch_size_of(self._inner)

    def prepare(self, decoded: Any) -> Any:
        """As the other."""
        return self._inner.prepare(decoded)

    def encode(self, batch: Sequence[Any]) -> F32:
        """As the other."""
        return self._inner.encode(batch)
