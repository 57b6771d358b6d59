"""A picture in a video: at which frame it is shown, and whether it is shown at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from isthmus.core.errors import InputError, UnsupportedMediaError
from isthmus.core.view import IMAGE, VIDEO
from isthmus.media.closest import SIDE, Likeness, without_bars
from isthmus.pipeline import WORKERS
from isthmus.space.space import Space
from isthmus.space.things import Thing, as_item
from isthmus.tasks.retrieval.frames import match, ssim

if TYPE_CHECKING:
    from PIL.Image import Image

MATCHES = 0.91
"""Score from which a picture counts as shown. ``benchmarks/_video_find.py`` tells what it finds,
and how many other pictures pass it."""
_APART = 1.0
"""Seconds by which a further place differs from the better ones."""
_PLACES = 5


@dataclass(frozen=True, slots=True)
class FoundFrame:
    """Where a picture may be shown in a video.

    Attributes:
        frame: Number of the frame among those that were looked at, from 0, as they are shown.
        time: When, in seconds from the beginning.
        score: How alike they are, at most 1; only the picture itself has 1.
        matches: Whether that is enough to say that the picture is shown there.
    """

    frame: int
    time: float
    score: float
    matches: bool


@dataclass(frozen=True, slots=True)
class FramesFound:
    """Where a picture may be shown in a video.

    Attributes:
        places: Best first; places of one second are one, and there are at most five.
        frames: How many frames were looked at.
    """

    places: Sequence[FoundFrame]
    frames: int

    @property
    def best(self) -> FoundFrame:
        """The place that is most like the picture."""
        return self.places[0]

    @property
    def nothing(self) -> bool:
        """Whether the picture is not shown: the places are only what is least unlike."""
        return not self.best.matches

    def to_json(self) -> dict[str, object]:
        """For machines."""
        places = [asdict(place) for place in self.places]
        return {"nothing_matches": self.nothing, "frames": self.frames, "places": places}


def find_frame(
    picture: Thing,
    video: Thing,
    *,
    space: Space | None = None,
    span: tuple[float, float] | None = None,
) -> FramesFound:
    """Find a picture in a video: the frame that it was taken from, or the one most like it.

    Every frame is compared in one pass, by the correlation of colours at 32 × 32 pixels; the best
    of them are then compared closely. The picture may have been resized, squeezed, saved with
    loss, or have black bars; it is not found where something else stands beside it.

    Args:
        picture: A path, an item, or a picture of Pillow.
        video: A path or an item.
        space: Of images; where one is given, the close look is half by its cosine, which also
            sees what has moved a little.
        span: Only from one second to another.

    Returns:
        Places, best first.

    Raises:
        InputError: If the space cannot encode a picture.
        MediaError: If the picture or the video cannot be decoded.
        MissingExtraError: If scikit-image is not installed.
    """
    try:
        asked, film = as_item(picture, IMAGE), as_item(video, VIDEO)
    except UnsupportedMediaError as error:
        reason = f"{error.reason}; give the picture first, then the video"
        raise UnsupportedMediaError(error.source, reason) from error
    if span is not None:
        film = replace(film, span=span)
    shown = WORKERS.small(asked, 4 * SIDE)
    square = np.asarray(shown.resize((SIDE, SIDE)), dtype=np.uint8)
    candidates, frames = WORKERS.closest(film, square, shown.width / shown.height)
    if not candidates:
        raise InputError(f"{film.source}: has no frames in this part")
    scores = _closely(shown, candidates, space)
    order = sorted(range(len(candidates)), key=lambda i: -scores[i])
    places: list[FoundFrame] = []
    for i in order:
        frame = candidates[i]
        if all(abs(frame.time - place.time) >= _APART for place in places):
            score = scores[i]
            places.append(FoundFrame(frame.frame, frame.time, score, score >= MATCHES))
    return FramesFound(places[:_PLACES], frames)


def _closely(picture: Image, candidates: Sequence[Likeness], space: Space | None) -> list[float]:
    """Scores of candidates: the mean of the correlation and of structure, or of the cosine."""
    from PIL import Image

    bare, _ = without_bars(np.asarray(picture.resize((SIDE, SIDE)), dtype=np.uint8), 1.0)
    cut = Image.fromarray(bare, "RGB")
    frames = [Image.fromarray(each.pixels, "RGB") for each in candidates]
    pairs = zip(candidates, frames, strict=True)
    near = [ssim(cut if each.cut else picture, frame) for each, frame in pairs]
    if space is not None:
        items = [as_item(each, IMAGE) for each in frames]
        cosines = match(as_item(picture, IMAGE), items, by="space", space=space).scores
        near = [(a + float(b)) / 2 for a, b in zip(near, cosines, strict=True)]
    return [(a + each.score) / 2 for a, each in zip(near, candidates, strict=True)]
