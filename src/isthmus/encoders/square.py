"""Pictures in the middle of a square."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def fitted_size(picture: tuple[int, int], size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Width and height of a picture in the square, and where its corner comes to lie."""
    scale = size / max(picture)
    width, height = (max(1, round(side * scale)) for side in picture)
    return (width, height), ((size - width) // 2, (size - height) // 2)


def pad_to_square(image: Any, size: int, fill: int = 255) -> Pixels:
    """Scale an RGB image to fit a square, white where nobody says otherwise.

    Args:
        image: ``PIL.Image.Image`` in RGB.
        size: Pixels a side of the square.
        fill: Grey level beside the picture.

    Returns:
        ``(size, size, 3)`` uint8.
    """
    from PIL import Image

    fitted, (left, top) = fitted_size(image.size, size)
    if fitted != image.size:
        # A gap of 3 shrinks large images by whole steps first; the result is the same
        # to within a grey level.
        image = image.resize(fitted, Image.Resampling.BICUBIC, reducing_gap=3.0)
    canvas = np.full((size, size, 3), fill, dtype=np.uint8)
    canvas[top : top + fitted[1], left : left + fitted[0]] = np.asarray(image)
    return canvas
