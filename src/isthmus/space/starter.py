"""The space that comes with the package: text, pictures and sound for the starter encoders."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from isthmus.core.errors import ArtifactError
from isthmus.core.linalg import F32
from isthmus.space.document import read_document

NAME = "starter"
"""What :meth:`isthmus.Space.load` and ``--space`` call it."""


def folder() -> Path:
    """Where it lies; made by ``make starter``."""
    return Path(str(resources.files("isthmus") / "space" / "_starter"))


class Familiar(NamedTuple):
    """What tells questions from nonsense among native vectors.

    Attributes:
        bank: ``(b, dim)``; the mean cosine to its nearest rows says how familiar a query is.
        least: Below this, a query is out of distribution.
    """

    bank: F32
    least: float


@lru_cache(maxsize=8)
def familiar(fingerprint: str) -> Familiar | None:
    """What the starter space learned of the native vectors of an encoder.

    It was learned from captions, sentences made of them and nonsense, and says nothing of what a
    space joins, so it serves every space with this encoder. None where nothing was learned.

    Args:
        fingerprint: Of the encoder.
    """
    try:
        document, tensors = read_document(folder())
    except ArtifactError:  # it is being made
        return None
    for place, row in enumerate(document.views):
        least = [
            each.learned.least_native
            for each in document.calibration
            if each.direction.query == row.view and each.learned.least_native is not None
        ]
        bank = tensors.get(f"native.{place}")
        if row.encoder.fingerprint == fingerprint and bank is not None and least:
            return Familiar(bank.astype(np.float32), min(least))
    return None
