"""Several encoders of one modality side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.core.artifact import fingerprint
from isthmus.core.contracts import (
    Encoder,
    Fitted,
    batch_size_of,
    image_side_of,
    sampling_of,
    window_of,
)
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.view import VIDEO
from isthmus.encoders.parts import AdditiveParts, Parts, RemovableParts, merged, parts_of
from isthmus.encoders.words import caption_parts


class JoinedEncoder:
    """The unit vectors of several encoders, concatenated.

    Two encoders that were trained differently err differently, and a head weighs their
    columns. Each part is scaled to unit length, so that none drowns the others.

    Args:
        parts: Two encoders or more, of one modality.

    Attributes:
        apart: Whether its parts look at different frames of a video, so that each has to be given
            its own; :meth:`prepare` gives them the nearest of those that the most curious asks for.

    Raises:
        InputError: For fewer than two, of several modalities, or one that has to be fitted.
    """

    def __init__(self, parts: Sequence[Encoder]) -> None:
        self.parts = list(parts)
        modalities = {part.modality for part in self.parts}
        if len(self.parts) < 2 or len(modalities) > 1:
            listed = ", ".join(f"{part.id} ({part.modality})" for part in self.parts)
            raise InputError(f"joined encoders must be two or more of one modality, got {listed}")
        if fitted := [part.id for part in self.parts if isinstance(part, Fitted)]:
            raise InputError(
                f"{fitted[0]} must be fitted on texts, so it cannot be joined with other encoders"
            )
        self.id = "+".join(part.id for part in self.parts)
        self.modality = self.parts[0].modality
        self.dim = sum(part.dim for part in self.parts)
        self.fingerprint = fingerprint(
            {"joined": [part.fingerprint for part in self.parts], "version": 1}
        )
        known = [part.languages for part in self.parts if part.languages]
        self.languages = (
            tuple(tag for tag in known[0] if all(tag in k for k in known[1:])) if (known) else ()
        )
        sides = [side for part in self.parts if (side := image_side_of(part))]
        if sides:
            self.image_side = max(sides)
        samplings = {sampling_of(part) for part in self.parts if part.modality == VIDEO}
        self.apart = len(samplings) > 1
        if samplings:
            self.sampling = max(samplings, key=lambda each: each.frames)
        self.window = min(map(window_of, self.parts))

    @property
    def batch_size(self) -> int:
        """Items that it is handed at a time: no more than any part."""
        return min(batch_size_of(part) for part in self.parts)

    def prepare(self, decoded: Any) -> tuple[Any, ...]:
        """What each part makes of a decoded item."""
        return tuple(part.prepare(decoded) for part in self.parts)

    def encode(self, batch: Sequence[tuple[Any, ...]]) -> F32:
        """Vectors ``(len(batch), Σdim)`` float32, every part of unit length."""
        if not batch:
            return np.zeros((0, self.dim), dtype=np.float32)
        columns = zip(*batch, strict=True)
        found = [
            l2_normalize(part.encode(list(column)))
            for part, column in zip(self.parts, columns, strict=True)
        ]
        return np.concatenate(found, axis=1)

    def split(self, decoded: Any) -> Parts:
        """Parts of every encoder, each scaled by the length of its whole vector.

        Raises:
            InputError: If one of the encoders cannot say what its vectors are made of.
        """
        several = [parts_of(part, decoded) for part in self.parts]
        sums = [found for found in several if isinstance(found, AdditiveParts)]
        if len(sums) == len(several):
            return merged([_unit(found) for found in sums])
        if not any(isinstance(found, RemovableParts) for found in several):
            raise InputError(f"{self.id}: the parts of its encoders cannot be joined")
        captions = (decoded,) if isinstance(decoded, str) else tuple(decoded)

        def encode(items: Sequence[tuple[str, ...]]) -> F32:
            return self.encode([self.prepare(item) for item in items])

        return caption_parts(captions, encode)


def _unit(found: AdditiveParts) -> AdditiveParts:
    length = max(float(np.linalg.norm(found.total)), 1e-12)
    return AdditiveParts(found.places, found.vectors / length, found.shares)
