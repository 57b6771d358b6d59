"""What encoders share: verified weights, cores, pooling of captions, checks of input."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.artifact import content_hash, file_sha256
from isthmus.core.errors import InputError, IntegrityError, MissingDataError
from isthmus.core.item import Clip, Waveform
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paths import cache_dir

OFFLINE = "ISTHMUS_OFFLINE"
"""Environment variable that forbids to fetch anything; the command line sets it by --offline."""
_MOST_THREADS = 256
_HEX = 64
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_WORTH_KEEPING = 2**24
"""Bytes of a file whose hash is kept: reading so many takes longer than looking it up."""


def offline() -> bool:
    """Whether nothing may be fetched, by this variable or by that of the Hugging Face hub."""
    return any(
        os.environ.get(name, "").strip().lower() in ("1", "true", "yes", "on")
        for name in (OFFLINE, "HF_HUB_OFFLINE")
    )


@contextmanager
def stay_offline() -> Iterator[None]:
    """Fetch nothing until the block ends, here and in processes that start meanwhile."""
    names = (OFFLINE, "HF_HUB_OFFLINE")  # the hub's own reads its variable when it is imported
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def modality_among(encoder: str, reads: Sequence[str], asked: str | None) -> str:
    """What a model shall read, of all that it can.

    Args:
        encoder: Who asks, for the message.
        reads: At least one modality.
        asked: One of them; None where there is no choice.

    Raises:
        InputError: If there is a choice and none was made, or it is none of them.
    """
    if asked is None and len(reads) > 1:
        ways = " or ".join(f"?modality={each}" for each in reads)
        raise InputError(f"{encoder} reads {', '.join(reads)}; say which: {encoder}{ways}")
    if asked is not None and asked not in reads:
        raise InputError(f"{encoder} reads {', '.join(reads)}, and not {asked!r}")
    return asked or reads[0]


def usable_cores() -> int:
    """Cores that this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def check_threads(threads: int | None, encoder: str) -> int:
    """How many threads an encoder works on; None stands for :func:`usable_cores`.

    Raises:
        InputError: If it is no number from 1 to 256.
    """
    if threads is None:
        return usable_cores()
    if not 1 <= threads <= _MOST_THREADS:
        raise InputError(f"{encoder}: threads must be 1 to {_MOST_THREADS}, got {threads}")
    return threads


def verified(path: Path, sha256: str) -> Path:
    """Make sure that a file of weights is the one that was published.

    A file is read once per process and again only if its size or time changed.

    Args:
        path: The file.
        sha256: What its hex SHA-256 must be.

    Returns:
        ``path``.

    Raises:
        MissingDataError: If there is no such file.
        IntegrityError: If the hash differs.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise MissingDataError(f"{path} is missing; install its package again") from error
    found = _sha256(path, stat.st_mtime_ns, stat.st_size)
    if found != sha256:
        raise IntegrityError(
            f"{path} was changed: its SHA-256 is {found[:16]}…, need {sha256[:16]}…; install its "
            "package again"
        )
    return path


@lru_cache(maxsize=64)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    return file_sha256(path)


def file_hash(path: Path) -> str:
    """Hex SHA-256 of a file; of a large one kept between processes, until the file changes."""
    stat = path.stat()
    if stat.st_size < _WORTH_KEEPING:
        return _sha256(path, stat.st_mtime_ns, stat.st_size)
    named = f"{path.resolve()}|{stat.st_ino}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}"
    kept = cache_dir() / "hashes" / content_hash(named.encode())
    with suppress(OSError):
        if len(known := kept.read_text()) == _HEX:
            return known
    found = file_sha256(path)
    with suppress(OSError):  # a cache that cannot be written
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(found)
    return found


def pool_captions(batch: Sequence[tuple[str, ...]], encode: Callable[[list[str]], F32]) -> F32:
    """Encode items of one or several captions: the mean of the unit vectors of its parts.

    Args:
        batch: Captions of every item, at least one each.
        encode: Texts to unit vectors ``(n, dim)``; called once with every distinct text.

    Returns:
        Unit vectors ``(len(batch), dim)`` float32.

    Examples:
        >>> axes = lambda texts: np.eye(2, dtype=np.float32)[: len(texts)]
        >>> pool_captions([("a dog",), ("a cat",), ("a dog",)], axes).tolist()
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
        >>> both = pool_captions([("a dog", "a cat"), ("a dog", "a dog")], axes)
        >>> both.astype(float).round(2).tolist()
        [[0.71, 0.71], [1.0, 0.0]]
    """
    texts = list(dict.fromkeys(text for captions in batch for text in captions))
    row = {text: index for index, text in enumerate(texts)}
    unit = encode(texts)
    if all(len(captions) == 1 for captions in batch):  # which is its own mean
        return np.asarray(l2_normalize(unit[[row[text] for (text,) in batch]]), dtype=np.float32)
    pooled = np.stack([unit[[row[text] for text in captions]].mean(axis=0) for captions in batch])
    return np.asarray(l2_normalize(pooled), dtype=np.float32)


def check_captions(decoded: Any, encoder: str) -> tuple[str, ...]:
    """The captions of a decoded text item; half a surrogate pair, which is no text, is U+FFFD.

    Raises:
        InputError: If it is no text or every caption is blank.
    """
    captions = (decoded,) if isinstance(decoded, str) else decoded
    if not isinstance(captions, tuple) or not all(isinstance(text, str) for text in captions):
        raise InputError(f"{encoder} reads text, got {type(decoded).__name__}")
    kept = tuple(_HALF_PAIR.sub("\ufffd", text) for text in captions if text.strip())
    if not kept:
        raise InputError(f"{encoder} needs a caption, got only blanks")
    return kept


def check_vectors(vectors: F32, encoder: str) -> F32:
    """Refuse what damaged weights give.

    Args:
        vectors: ``(n, dim)``, as the model made them.
        encoder: Whose.

    Raises:
        InputError: If one holds NaN or infinity, or all hold only zeros.
    """
    if not np.isfinite(vectors).all():
        raise InputError(
            f"{encoder} gives vectors with NaN or infinity: its weights are damaged, or the "
            "numbers of its dtype are too small for it"
        )
    if vectors.size and not vectors.any():
        raise InputError(f"{encoder} gives only zeros: its weights are damaged; fetch it again")
    return vectors


def check_image(decoded: Any, encoder: str) -> Any:
    """The decoded image, in RGB.

    Raises:
        InputError: If it is no image or has no pixels.
    """
    from PIL import Image

    if not isinstance(decoded, Image.Image):
        raise InputError(f"{encoder} reads images, got {type(decoded).__name__}")
    if min(decoded.size) < 1:
        raise InputError(f"{encoder} needs at least one pixel, got {decoded.size}")
    return decoded if decoded.mode == "RGB" else decoded.convert("RGB")


def check_clip(decoded: Any, encoder: str, *, most: int) -> Clip:
    """The decoded video, of at most ``most`` of its frames: evenly chosen, one in the middle.

    Args:
        decoded: A :class:`Clip`.
        encoder: Who asks.
        most: Frames.

    Raises:
        InputError: If it is no video or has no frames.
    """
    if not isinstance(decoded, Clip):
        raise InputError(f"{encoder} reads videos, got {type(decoded).__name__}")
    frames, times = decoded.frames, np.asarray(decoded.times, dtype=np.float64)
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or not frames.size:
        raise InputError(
            f"{encoder} needs frames (t, height, width, 3) of uint8, got {frames.dtype} "
            f"{frames.shape}"
        )
    if times.shape != (len(frames),) or not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise InputError(f"{encoder} needs a time for each of {len(frames)} frames, and in order")
    last = len(frames) - 1
    places = np.linspace(0, last, most) if most > 1 else np.array([last / 2])
    chosen = np.unique(places.round().astype(int))
    return Clip(frames[chosen], times[chosen], decoded.seconds)


def check_sound(decoded: Any, encoder: str, rate: int) -> F32:
    """The samples of decoded sound, resampled.

    Args:
        decoded: A :class:`Waveform`.
        encoder: Who asks.
        rate: Hz to resample to.

    Returns:
        ``(n,)`` float32 in mono.

    Raises:
        InputError: If it is no sound, empty, or not finite.
    """
    if not isinstance(decoded, Waveform):
        raise InputError(f"{encoder} reads sound, got {type(decoded).__name__}")
    samples = np.asarray(decoded.samples, dtype=np.float32)
    if samples.ndim != 1 or samples.size == 0:
        raise InputError(f"{encoder} needs mono samples (n,), got shape {samples.shape}")
    if not np.isfinite(samples).all():
        raise InputError(f"{encoder} needs finite samples, got NaN or infinity")
    if decoded.rate == rate:
        return samples
    from scipy.signal import resample_poly

    common = int(np.gcd(rate, decoded.rate))
    up, down = rate // common, decoded.rate // common
    resampled = resample_poly(samples, up, down, window=_low_pass(max(up, down)))
    return np.asarray(resampled, dtype=np.float32)


@lru_cache(maxsize=4)
def _low_pass(factor: int) -> F32:
    """The filter that ``resample_poly`` designs for float32 samples, each time that it is called.

    Args:
        factor: The larger of both factors.

    Returns:
        ``(20 · factor + 1,)`` float32.
    """
    from scipy.signal import firwin

    designed = firwin(20 * factor + 1, 1 / factor, window=("kaiser", 5.0))
    return np.asarray(designed, dtype=np.float32)
