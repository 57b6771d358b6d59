"""Videos by an encoder of pictures: some frames, each encoded, then pooled over time.

The mean of the frames says what is in a video and not in which order. ``pool="order"`` adds
temporal moments, so that a linear head can tell a film from the same film backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, Literal

import numpy as np
from numpy.polynomial import legendre

from isthmus.core.artifact import fingerprint
from isthmus.core.contracts import Encoder, Joint, Sampling, batch_size_of, image_side_of
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, F64, l2_normalize
from isthmus.core.view import IMAGE, VIDEO
from isthmus.encoders.base import check_clip
from isthmus.encoders.parts import AdditiveParts, Span
from isthmus.encoders.recipes import recipe_of
from isthmus.encoders.windows import SECONDS

Pool = Literal["mean", "max", "attention", "order"]
Frames = tuple[tuple[Any, ...], F64, float]
"""What an encoder of pictures takes of each frame, when each is shown, and the duration."""

MOST_FRAMES = 256
MOMENTS = 3
"""Of ``pool="order"``: the mean and the moments of degree 1 and 2."""
SHARPNESS = 16.0
"""β of ``pool="attention"``, by which cosines are multiplied: a frame whose cosine to the mean is
.1 higher weighs five times as much."""


class FramesEncoder:
    """Frames of a video, each encoded as a picture, pooled over time.

    With ``x_t`` the vector of frame ``t``, scaled to unit length, the vector of a video is

    * ``mean``: ``Σ_t x_t / n``. Frames in another order give the same vector.
    * ``max``: the largest of each number over the frames. The same holds.
    * ``attention``: ``Σ_t w_t x_t`` with ``w = softmax(β ⟨x_t, m̂⟩)`` and ``m̂`` the mean scaled to
      unit length: one step of the retrieval of a modern Hopfield network (Ramsauer et al.,
      "Hopfield Networks is All You Need", ICLR 2021, eq. 3) that starts from the mean. Frames that
      are unlike the rest, such as a black one, count little. Nothing is learned.
    * ``order``: the mean, and behind it ``Σ_t q_k(t) x_t / √n`` for ``k = 1, 2``. ``q_k`` are the
      polynomials of degree ``k`` that are orthonormal on the times of the frames (discrete Legendre
      or Gram polynomials). The first compares the end of a video with its beginning, the second its
      middle with both.

    A linear head ``W = [W_0 W_1 W_2]`` over ``order`` gives ``Σ_t (Σ_k q_k(t) W_k / √n) x_t``: one
    linear map a frame, which changes with time as a polynomial does. What an aligner fits on it in
    closed form is therefore a learned temporal head.

    Args:
        image: Encoder of pictures: its id where :func:`isthmus.encoders.load` makes this one.
        n: Frames, spread over the video or over each window of it.
        pool: How they become one vector.
        by: ``uniform``: evenly; ``shots``: the middle of each shot first.
        window: Seconds that one vector is of; a longer video has several, see
            :class:`isthmus.core.contracts.Windowed`.

    Raises:
        InputError: For an encoder that reads no pictures, or an option out of range.
    """

    id = "frames"
    modality = VIDEO
    languages: tuple[str, ...] = ()
    joint: str
    logit_scale: float
    logit_bias: float

    def __init__(
        self,
        image: Encoder,
        *,
        n: int = 8,
        pool: Pool = "order",
        by: Literal["uniform", "shots"] = "uniform",
        window: float = SECONDS,
    ) -> None:
        if not isinstance(image, Encoder) or image.modality != IMAGE:
            got = f"{image.id}, which reads {image.modality}" if hasattr(image, "id") else image
            raise InputError(f"frames: image must be an encoder of pictures, got {got}")
        if not 1 <= n <= MOST_FRAMES:
            raise InputError(f"frames: n must be 1 to {MOST_FRAMES} frames, got {n}")
        if not window > 0:
            raise InputError(f"frames: window must be some seconds, got {window}")
        self.image, self.n, self.pool, self.by = image, n, pool, by
        self.window = float(window)
        self.sampling = Sampling(n, by)
        self.dim = image.dim * (MOMENTS if pool == "order" else 1)
        self.image_side = image_side_of(image)
        if isinstance(image, Joint) and pool in ("mean", "attention"):
            # Means of unit vectors lie where the vectors lie, so text can be compared with them.
            self.joint, self.logit_scale = image.joint, image.logit_scale
            self.logit_bias = image.logit_bias
        self.fingerprint = fingerprint(
            {
                "encoder": self.id,
                "image": image.fingerprint,
                "n": n,
                "by": by,
                "pool": {"how": pool, "moments": MOMENTS, "sharpness": SHARPNESS},
                "window": self.window,
                "version": 1,
            }
        )

    @property
    def batch_size(self) -> int:
        """Videos that it is handed at a time: as many as have frames for a batch of pictures."""
        return max(1, batch_size_of(self.image) // self.n)

    def options(self) -> dict[str, Any]:
        """The encoder of pictures, which is another one where other packages are installed."""
        recipe = recipe_of(self.image)
        return {"image": recipe.spec} if recipe is not None and recipe.options == "{}" else {}

    def prepare(self, decoded: Any) -> Frames:
        """What the encoder of pictures takes of at most ``n`` frames, their times, the duration.

        Args:
            decoded: A :class:`~isthmus.core.item.Clip`.
        """
        from PIL import Image

        clip = check_clip(decoded, self.id, most=self.n)
        made = tuple(self.image.prepare(Image.fromarray(frame)) for frame in clip.frames)
        return made, clip.times, clip.seconds

    def encode(self, batch: Sequence[Frames]) -> F32:
        """Vectors ``(len(batch), dim)`` float32; frames of several videos are encoded together."""
        out = np.zeros((len(batch), self.dim), dtype=np.float32)
        ends = [0, *accumulate(len(frames) for frames, _, _ in batch)]
        vectors = self._vectors([frame for frames, _, _ in batch for frame in frames])
        for row, (start, stop) in enumerate(pairwise(ends)):
            out[row] = _POOLS[self.pool](vectors[start:stop], batch[row][1]).sum(axis=0)
        return out

    def split(self, decoded: Any) -> AdditiveParts:
        """The frames, each for the time around it; the vector is the sum of what they add.

        A maximum belongs to the first frame that reaches it.
        """
        frames, times, seconds = self.prepare(decoded)
        vectors = _POOLS[self.pool](self._vectors(frames), times)
        middles = (times[1:] + times[:-1]) / 2
        edges = [times[0], *middles, max(times[0] + seconds, times[-1])]
        places = [Span(float(a), float(b)) for a, b in pairwise(edges)]
        return AdditiveParts(places, vectors, np.full_like(vectors, 1 / len(vectors)))

    def _vectors(self, frames: Sequence[Any]) -> F64:
        """Unit vectors of prepared frames ``(len(frames), image.dim)``."""
        size = batch_size_of(self.image)
        rows = [self.image.encode(frames[at : at + size]) for at in range(0, len(frames), size)]
        stacked = np.concatenate(rows) if rows else np.zeros((0, self.image.dim), dtype=np.float32)
        return np.asarray(l2_normalize(stacked.astype(np.float64)), dtype=np.float64)


def _mean(vectors: F64, times: F64) -> F64:
    return vectors / len(vectors)


def _max(vectors: F64, times: F64) -> F64:
    largest, columns = np.zeros_like(vectors), np.arange(vectors.shape[1])
    first = vectors.argmax(axis=0)
    largest[first, columns] = vectors[first, columns]
    return largest


def _attention(vectors: F64, times: F64) -> F64:
    cosines = vectors @ l2_normalize(vectors.mean(axis=0, keepdims=True))[0]
    weights = np.exp(SHARPNESS * (cosines - cosines.max()))
    return np.asarray(vectors * (weights / weights.sum())[:, None], dtype=np.float64)


def _order(vectors: F64, times: F64) -> F64:
    basis = temporal_basis(times) / np.sqrt(len(times))
    return np.concatenate([vectors * column[:, None] for column in basis.T], axis=1)


_POOLS: dict[Pool, Callable[[F64, F64], F64]] = {
    "mean": _mean,
    "max": _max,
    "attention": _attention,
    "order": _order,
}
"""Unit vectors ``(t, d)`` of frames and their times ``(t,)`` to what each adds, ``(t, dim)``."""


def temporal_basis(times: F64, degrees: int = MOMENTS) -> F64:
    """Polynomials of time that are orthonormal on the given times.

    Args:
        times: ``(t,)`` in seconds, rising.
        degrees: How many polynomials, from degree 0 on.

    Returns:
        ``(t, degrees)``: column ``k`` is of degree ``k``; from degree 1 on it ends above its
        last zero. Where there are fewer times than degrees, the last columns are 0.

    Examples:
        >>> temporal_basis(np.array([0.0, 2.0]), 2)[:, 1].round(3)
        array([-0.707,  0.707])
    """
    out = np.zeros((len(times), degrees))
    length = float(times[-1] - times[0])
    known = min(degrees, len(np.unique(times)))
    place = 2 * (times - times[0]) / length - 1 if length > 0 else np.zeros(len(times))
    q, r = np.linalg.qr(legendre.legvander(place, known - 1))
    out[:, :known] = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return out
