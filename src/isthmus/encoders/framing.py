"""Pictures to pixels by the rules of torchvision, which timm and OpenCLIP follow; without it.

It is done by PIL and numpy, since the children that decode pictures also prepare them, and to
import torch there takes seconds. Tests compare the two to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32
from isthmus.encoders.colours import Colours

Mode = Literal["center", "squash", "border"]
MODES = ("center", "squash", "border")
FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
_VERSION = 1
"""Raise it when pixels change."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How a picture is brought to one size.

    Attributes:
        size: Height and width that the model takes.
        scale: Height and width that the picture is resized to before the middle is cut out.
        mode: ``"center"``: the shorter sides fit and what stands out is cut off; ``"squash"``:
            the aspect ratio is given up; ``"border"``: the longer sides fit, the rest is filled.
        resample: One of :data:`FILTERS`.
        mean: Is taken from each colour, in 0 to 1.
        std: Each is then divided by it.
        fill: Colour of what is filled, 0 to 255.
        ratio_resample: The filter in ``"center"`` mode where the size is no square; OpenCLIP takes
            bicubic then.

    Raises:
        InputError: If a value is not one of these.
    """

    size: tuple[int, int]
    scale: tuple[int, int]
    mode: Mode
    resample: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fill: tuple[int, int, int] = (0, 0, 0)
    ratio_resample: str = ""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InputError(f"pictures are cut by {', '.join(MODES)}; got {self.mode!r}")
        for name in filter(None, (self.resample, self.ratio_resample)):
            if name not in FILTERS:
                raise InputError(f"pictures are resized by {', '.join(FILTERS)}; got {name!r}")
        if min(*self.size, *self.scale) < 1 or len(self.mean) != 3 or len(self.std) != 3:
            raise InputError(f"pictures need a size and three colours, got {self.size}")

    def describe(self) -> dict[str, Any]:
        """All that changes pixels, for a fingerprint."""
        from PIL import __version__

        major = __version__.partition(".")[0]
        return {**asdict(self), "framing": _VERSION, "pillow": major}

    @property
    def image_side(self) -> int:
        """The shorter side, in pixels, of which a picture needs no more.

        A JPEG may be decoded smaller than it is stored, down to twice what is needed.
        """
        return 2 * max(self.scale)

    def prepare(self, image: Any) -> NDArray[np.uint8]:
        """Resize and cut a picture.

        Args:
            image: ``PIL.Image.Image`` in RGB.

        Returns:
            ``(height, width, 3)`` uint8.
        """
        height, width = self._target(image.height, image.width)
        if (image.height, image.width) != (height, width):
            image = image.resize((width, height), resample=self._filter())
        pixels = np.asarray(image, dtype=np.uint8)
        return _middle(pixels, self.size, self.fill if self.mode == "border" else (0, 0, 0))

    @property
    def colours(self) -> Colours:
        """What is done with what :meth:`prepare` gives."""
        return Colours(1 / 255, self.mean, self.std)

    def normalized(self, batch: Sequence[NDArray[np.uint8]]) -> F32:
        """What :meth:`prepare` made, as the model takes it: ``(n, 3, height, width)`` float32."""
        values = np.stack(batch).astype(np.float32) / np.float32(255)
        mean, std = (np.array(each, dtype=np.float32) for each in (self.mean, self.std))
        return np.ascontiguousarray(((values - mean) / std).transpose(0, 3, 1, 2))

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if self.mode == "squash":
            return self.scale
        if self.mode == "center" and self.scale[0] == self.scale[1]:
            short, long = sorted((height, width))
            longer = int(self.scale[0] * long / short)
            return (self.scale[0], longer) if height <= width else (longer, self.scale[0])
        across = (height / self.scale[0], width / self.scale[1])
        ratio = max(across) if self.mode == "border" else min(across)
        return max(1, round(height / ratio)), max(1, round(width / ratio))

    def _filter(self) -> Any:
        from PIL import Image

        odd = self.mode == "center" and self.scale[0] != self.scale[1]
        name = self.ratio_resample if odd and self.ratio_resample else self.resample
        return Image.Resampling[name.upper()]


def _middle(
    pixels: NDArray[np.uint8], size: tuple[int, int], fill: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """The middle of a picture; a smaller one gets a border, one pixel more below and right."""
    missing = [max(0, want - have) for want, have in zip(size, pixels.shape[:2], strict=True)]
    if any(missing):
        tall, wide = (have + more for have, more in zip(pixels.shape[:2], missing, strict=True))
        canvas = np.empty((tall, wide, 3), dtype=np.uint8)
        canvas[:] = fill
        top, left = (more // 2 for more in missing)
        canvas[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        pixels = canvas
    top, left = (
        round((have - want) / 2) for have, want in zip(pixels.shape[:2], size, strict=True)
    )
    return np.ascontiguousarray(pixels[top : top + size[0], left : left + size[1]])


def reduced(size: tuple[int, int], part: float) -> tuple[int, int]:
    """What a picture is resized to, so that ``size`` is so large a part of it; as timm counts.

    Examples:
        >>> reduced((224, 224), 0.875), reduced((224, 224), 0.9)
        ((256, 256), (248, 248))
    """
    return math.floor(size[0] / part), math.floor(size[1] / part)
