"""Frames of a clip for a model of videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.item import Clip
from isthmus.core.linalg import Array
from isthmus.core.view import VIDEO
from isthmus.encoders.colours import Tensor
from isthmus.encoders.hf.pixels import Pixels, PixelSettings
from isthmus.encoders.passes import PICTURES

if TYPE_CHECKING:
    from isthmus.encoders.torch_model import TorchModel


class FrameInputs:
    """Frames for a model: as many as it takes, spread evenly over the clip.

    Args:
        name: Of the encoder.
        settings: How a frame is prepared.
        frames: How many the model takes.
        patch: Side of its patches, and how many frames one spans.
    """

    modality = VIDEO
    batch_size = 8
    together = PICTURES

    def __init__(
        self, name: str, settings: PixelSettings, frames: int, patch: tuple[int, int]
    ) -> None:
        self.name, self.settings, self._frames, self._patch = name, settings, frames, patch

    def describe(self) -> dict[str, Any]:
        """What changes pixels."""
        return {"pixels": self.settings.describe(), "frames": [self._frames, "even"]}

    def prepare(self, decoded: object) -> Pixels:
        """Pixels ``(frames, height, width, 3)``.

        Args:
            decoded: A clip, or frames ``(t, height, width, 3)`` uint8, in RGB.

        Raises:
            InputError: If they are of another shape or type.
        """
        from PIL import Image

        frames = decoded.frames if isinstance(decoded, Clip) else np.asarray(decoded)
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or not frames.size:
            raise InputError(
                f"{self.name} reads frames (t, height, width, 3) of uint8, got {frames.dtype} "
                f"{frames.shape}"
            )
        chosen = np.linspace(0, len(frames) - 1, self._frames).round().astype(int)
        return np.stack([self.settings.prepare(Image.fromarray(frames[i])) for i in chosen])

    def pieces(self, prepared: Sequence[Pixels]) -> list[list[Pixels]]:
        """One piece a clip."""
        return [[pixels] for pixels in prepared]

    def length(self, piece: Pixels) -> int:
        """Patches of all frames."""
        side, span = self._patch
        return self.settings.tokens(piece[0], side) * len(piece) // max(1, span)

    def alike(self, piece: Pixels) -> tuple[int, ...]:
        """Only frames of one size share a batch."""
        return piece.shape

    def weight(self, piece: Pixels) -> float:
        """One piece is all."""
        return 1.0

    def arrays(self, pieces: list[Pixels]) -> dict[str, Array]:
        """What the model is called with."""
        return {
            "pixel_values": np.stack([self.settings.normalized(list(frames)) for frames in pieces])
        }

    def tensors(self, pieces: list[Pixels], model: TorchModel) -> dict[str, Tensor]:
        """The same on the model's device."""
        found = model.pixels([frame for frames in pieces for frame in frames], self.settings)
        return {"pixel_values": found.reshape(len(pieces), -1, *found.shape[1:])}

    def counts(self, pieces: list[Pixels]) -> Array | None:
        """All tokens count."""
        return None
