"""Matching: an image, or words, against the frames of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import InputError
from isthmus.core.extras import require
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32, F64
from isthmus.core.view import IMAGE
from isthmus.pipeline import WORKERS
from isthmus.space.space import Space
from isthmus.space.things import as_item

if TYPE_CHECKING:
    from PIL.Image import Image

By = Literal["ssim", "space", "both"]
Pool = Literal["soft", "max", "mean"]
Thing = str | Path | MediaItem

_SIDE = 128
_WINDOW = 7
"""Pixels a side of the windows of SSIM, scikit-image's default."""
_SHARPNESS = 20.0


@dataclass(frozen=True, eq=False)
class Match:
    """How a query matches the frames of one clip.

    Attributes:
        scores: ``(n,)`` float32, one a frame, larger is better.
        best: The frame that matches best.
        clip: Score of the whole clip.
    """

    scores: F32
    best: int
    clip: float


def match(
    query: Thing,
    frames: Sequence[Thing],
    *,
    by: By = "space",
    space: Space | None = None,
    view: str = IMAGE,
    pool: Pool = "soft",
) -> Match:
    """Score every frame of a clip against a query.

    ``ssim`` compares pixels: it needs no space, and finds a frame that is nearly the query
    itself. ``space`` is the cosine in a learned space: it finds what is alike in content,
    wherever it stands in the picture, and takes words too. ``both`` is their mean.

    Args:
        query: An image, or a text with ``view="text"``.
        frames: Images of one clip, in order; at least one.
        by: ``"ssim"``, ``"space"`` or ``"both"``.
        space: Of images and the query's view; needed unless ``by`` is ``"ssim"``.
        view: Of the query.
        pool: How frames make a clip, see :func:`pooled`.

    Returns:
        Scores of the frames, the best frame, and the score of the clip.

    Raises:
        InputError: Without frames, without a space where one is needed, or for words by SSIM.
        MediaError: If the query or a frame cannot be decoded.
        MissingExtraError: If SSIM is asked for and scikit-image is not installed.
    """
    if by not in get_args(By):
        raise InputError(f"by must be one of {', '.join(get_args(By))}, got {by!r}")
    if not frames:
        raise InputError("a clip needs at least one frame, got none")
    if by != "space" and view != IMAGE:
        raise InputError(f"SSIM compares images, got {view}; match by the space instead")
    parts = []
    if by != "space":
        parts.append(_by_structure(as_item(query, IMAGE), [as_item(f, IMAGE) for f in frames]))
    if by != "ssim":
        if space is None:
            raise InputError(f"matching by {by} needs a space")
        parts.append(_in_space(space, query, view, frames))
    scores: F32 = np.stack(parts).mean(axis=0)
    return Match(scores, int(scores.argmax()), pooled(scores, pool))


def rank_clips(
    query: Thing,
    clips: Sequence[Sequence[Thing]],
    *,
    by: By = "space",
    space: Space | None = None,
    view: str = IMAGE,
    pool: Pool = "soft",
) -> tuple[NDArray[np.intp], list[Match]]:
    """Order clips by how well a query matches them.

    Args:
        query: As for :func:`match`.
        clips: Frames of each clip.
        by: As for :func:`match`; so are the others.
        space: Of images and the query's view.
        view: Of the query.
        pool: How frames make a clip.

    Returns:
        Places of the clips, best first, and the match of each clip in the order given.
    """
    found = [match(query, each, by=by, space=space, view=view, pool=pool) for each in clips]
    return np.argsort([-each.clip for each in found], kind="stable"), found


def pooled(scores: F32 | F64, pool: Pool = "soft") -> float:
    """One score of a clip from those of its frames.

    ``max`` is the best frame's, ``mean`` that of all frames, ``soft`` lies between:
    ``Σ wᵢ sᵢ`` with ``w = softmax(20 s)``, so that several good frames count for more than
    a lucky one.

    Examples:
        >>> round(pooled(np.array([0.9, 0.1]), "mean"), 3)
        0.5
    """
    if pool not in get_args(Pool):
        raise InputError(f"pool must be one of {', '.join(get_args(Pool))}, got {pool!r}")
    if pool == "max":
        return float(scores.max())
    if pool == "mean":
        return float(scores.mean())
    weights = np.exp(_SHARPNESS * (scores - scores.max()))
    return float(weights @ scores / weights.sum())


def ssim(a: Image, b: Image) -> float:
    """Structural similarity of two images in RGB, from −1 to 1; 1 only for equal ones.

    Both are scaled to the same square of at most 128 pixels a side, no larger than the
    smaller image, but at least 7, the window of the comparison. Wang et al., "Image quality
    assessment: from error visibility to structural similarity", 2004.

    Args:
        a: ``PIL.Image.Image``.
        b: ``PIL.Image.Image``.
    """
    metrics = require("skimage.metrics", extra="matching", purpose="matching by SSIM")
    side = max(_WINDOW, min(_SIDE, *a.size, *b.size))
    x, y = (np.asarray(image.convert("RGB").resize((side, side))) for image in (a, b))
    return float(metrics.structural_similarity(x, y, channel_axis=2, win_size=_WINDOW))


def _by_structure(query: MediaItem, frames: Sequence[MediaItem]) -> F32:
    picture = WORKERS.decode(query)
    return np.array([ssim(picture, WORKERS.decode(frame)) for frame in frames], dtype=np.float32)


def _in_space(space: Space, query: Thing, view: str, frames: Sequence[Thing]) -> F32:
    asked, shown = space.embed([query], view), space.embed(frames, IMAGE)
    for failure in (*asked.failures, *shown.failures):
        raise InputError(f"{failure.source}: {failure.reason}")
    cosines: F32 = shown.vectors @ asked.vectors[0]
    return cosines
