"""What an encoder gives, how fast it is on this machine, and whether batches change its vectors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.contracts import (
    Encoder,
    Filed,
    Fitted,
    Joint,
    Placed,
    Progress,
    batch_size_of,
    image_side_of,
    sampling_of,
    untold,
)
from isthmus.core.errors import InputError
from isthmus.core.item import Clip, MediaItem, Waveform
from isthmus.core.linalg import F32
from isthmus.core.paths import expanded
from isthmus.core.validate import check_vectors
from isthmus.core.view import AUDIO, IMAGE, TEXT, VECTOR, VIDEO
from isthmus.datasets import load as load_dataset
from isthmus.encoders import modalities, resolve
from isthmus.encoders.model_files import ModelFiles, model_files
from isthmus.media.source import item_from_path
from isthmus.pipeline import WORKERS

TOLERANCE = 1e-5
"""The most that the vector of an item may change with the batch it is in, as a part of its length:
float32 carries seven digits, and sums in another order cost one or two of them."""
BATCH = 32
"""Items of the batch that is compared with single items."""
_MOST = 256
"""Items made up at most, for encoders that take larger batches."""
_FRAMES = 16
"""Of a made-up clip."""
_ROUND = 3
"""Items of one round at batch 1: their lengths differ, so one says little."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Encoding after the first call, preparing included and decoding not.

    Attributes:
        batch_size: Items a call.
        per_second: Items.
        sound_per_second: Seconds of sound; None for other modalities.
        rounds: Calls that were timed.
    """

    batch_size: int
    per_second: float
    sound_per_second: float | None
    rounds: int


@dataclass(frozen=True, slots=True)
class TowerCheck:
    """What one encoder of an id gives.

    Attributes:
        id: Its own.
        modality: What it reads.
        dim: Length of its vectors.
        fingerprint: See :class:`isthmus.core.contracts.Encoder`.
        languages: BCP 47 tags; empty where they are not known or have no meaning.
        joint: Names the space that its vectors share with those of other towers; empty for none.
        logit_scale: Of that space; None for none.
        logit_bias: Of that space; None for none.
        device: Where it ran; empty where the encoder does not say.
        dtype: Of its weights; empty where it does not say.
        batch_size: Items a batch that it prefers.
        items: How many were encoded.
        made_up: Whether they were made here; else they are files of the user's.
        first_ms: Milliseconds until the first vector: weights are read, libraries imported.
        single: How fast it is one by one.
        batched: How fast it is at its batch size, or as many items as there are.
        difference: The most that a vector changed between single items and a batch of items of
            different lengths, as a part of its length.
        repeated: The same between two runs of that batch: what comes from chance alone.
        worst: The item that changed most.
    """

    id: str
    modality: str
    dim: int
    fingerprint: str
    languages: tuple[str, ...]
    joint: str
    logit_scale: float | None
    logit_bias: float | None
    device: str
    dtype: str
    batch_size: int
    items: int
    made_up: bool
    first_ms: float
    single: Speed
    batched: Speed
    difference: float
    repeated: float
    worst: str

    @property
    def steady(self) -> bool:
        """Whether a vector depends on its item alone, up to :data:`TOLERANCE`."""
        return max(self.difference, self.repeated) <= TOLERANCE


@dataclass(frozen=True, slots=True)
class EncoderCheck:
    """What an id gives.

    Attributes:
        spec: What the user typed, or the id of the encoder that was handed in.
        towers: One for each modality that was checked.
        files: What lies in the folder of the model; None where there is none.
    """

    spec: str
    towers: tuple[TowerCheck, ...]
    files: ModelFiles | None

    @property
    def steady(self) -> bool:
        """Whether no batch changes a vector."""
        return all(tower.steady for tower in self.towers)


def check_encoder(
    encoder: str | Encoder,
    files: Sequence[str | Path] = (),
    *,
    seconds: float = 2.0,
    progress: Progress | None = None,
) -> EncoderCheck:
    """Encode a few items and tell what came of it.

    Args:
        encoder: As for :func:`isthmus.encoders.load`, or an encoder. If it has several towers
            and does not say which, all are checked.
        files: Of the user's, to encode in place of made-up items; only their modalities are
            checked. A text file is one text.
        seconds: To time each speed for; at least one round is always timed.
        progress: Told as towers are done.

    Returns:
        What it gives.

    Raises:
        InputError: If the id is unknown, or no tower reads a file.
        MediaError: If a file cannot be read.

    Examples:
        >>> found = check_encoder("color-hog", seconds=0.01)
        >>> found.steady, found.towers[0].dim, found.towers[0].batched.batch_size
        (True, 512, 64)
    """
    tell = untold if progress is None else progress
    spec = encoder if isinstance(encoder, str) else encoder.id
    reads = modalities(encoder) if isinstance(encoder, str) else (encoder.modality,)
    given = [item_from_path(expanded(each)) for each in files]
    if strange := [item for item in given if item.modality not in reads]:
        raise InputError(
            f"{strange[0].source} is {strange[0].modality}, but {spec!r} reads {', '.join(reads)}"
        )
    wanted = [each for each in reads if not given or any(i.modality == each for i in given)]
    towers, folder = [], None
    for done, modality in enumerate(wanted):
        tell(f"check {spec}", done, len(wanted))
        made = encoder if not isinstance(encoder, str) else resolve(spec, {}, modality=modality)
        own = [item for item in given if item.modality == modality]
        towers.append(_tower(made, own, seconds))
        folder = made.folder if isinstance(made, Filed) else folder
    tell(f"check {spec}", len(wanted), len(wanted))
    return EncoderCheck(spec, tuple(towers), None if folder is None else model_files(folder))


def _tower(encoder: Encoder, given: Sequence[MediaItem], seconds: float) -> TowerCheck:
    size = min(batch_size_of(encoder), _MOST)
    if given:
        names = [item.source for item in given]
        side, sampling = image_side_of(encoder), sampling_of(encoder)
        decoded = [WORKERS.decode(item, image_side=side, sampling=sampling) for item in given]
    else:
        decoded = made_up(encoder, max(BATCH, size))
        names = [f"made-up {encoder.modality} {row}" for row in range(len(decoded))]
    if isinstance(encoder, Fitted):
        encoder = encoder.fit([text for captions in decoded for text in captions])
    first_ms = 1000 * _elapsed(partial(_encoded, encoder, decoded[:1]))
    prepared = [encoder.prepare(each) for each in decoded[:BATCH]]
    alone = np.concatenate([encoder.encode([each]) for each in prepared])
    together = encoder.encode(prepared)
    for rows in (alone, together):
        check_vectors(rows, name=f"the vectors of {encoder.id}", allow_zero=bool(rows.any()))
    change = _change(alone, together)
    return TowerCheck(
        id=encoder.id,
        modality=encoder.modality,
        dim=encoder.dim,
        fingerprint=encoder.fingerprint,
        languages=tuple(encoder.languages),
        joint=encoder.joint if isinstance(encoder, Joint) else "",
        logit_scale=encoder.logit_scale if isinstance(encoder, Joint) else None,
        logit_bias=encoder.logit_bias if isinstance(encoder, Joint) else None,
        device=encoder.device if isinstance(encoder, Placed) else "",
        dtype=encoder.dtype if isinstance(encoder, Placed) else "",
        batch_size=batch_size_of(encoder),
        items=len(decoded),
        made_up=not given,
        first_ms=first_ms,
        single=_speed(encoder, decoded, 1, seconds),
        batched=_speed(encoder, decoded, min(size, len(decoded)), seconds),
        difference=float(change.max()),
        repeated=float(_change(encoder.encode(prepared), together).max()),
        worst=names[int(change.argmax())],
    )


def made_up(encoder: Encoder, n: int) -> list[Any]:
    """Decoded items of different lengths, sizes and shapes for an encoder; always the same ones.

    They come from the data set ``shapes``: captions are repeated, pictures are stretched, tones
    are cut or repeated, and clips are pictures in a row.

    Args:
        encoder: What reads them.
        n: How many.

    Raises:
        InputError: If nothing can be made up for its modality.
    """
    rng = np.random.default_rng(0)
    if encoder.modality == VECTOR:
        return list(rng.standard_normal((n, encoder.dim)).astype(np.float32))
    view = IMAGE if encoder.modality == VIDEO else encoder.modality
    if view not in (TEXT, IMAGE, AUDIO):
        raise InputError(
            f"no {encoder.modality} can be made up for the encoder {encoder.id!r}; give files"
        )
    scenes = load_dataset("shapes", n=n)
    decoded = [WORKERS.decode(record.items[view]) for record in scenes.records]
    vary: dict[str, Callable[[int, Any], Any]] = {
        TEXT: lambda row, captions: (f"{row} " + "; ".join(captions * (1 + row % 8)),),
        IMAGE: lambda row, image: image.resize((64 + 7 * (row % 23), 64 + 11 * (row % 17))),
        AUDIO: _sounding,
        VIDEO: _passing,
    }
    return [vary[encoder.modality](row, each) for row, each in enumerate(decoded)]


def _passing(row: int, image: Any) -> Clip:
    """A picture that moves to the right, at a pace of its own, for a second and more."""
    count = _FRAMES + row % 5
    moved = [np.roll(np.asarray(image), (1 + row % 4) * step, axis=1) for step in range(count)]
    return Clip(np.stack(moved), np.arange(count) / _FRAMES, count / _FRAMES)


def _sounding(row: int, sound: Waveform) -> Waveform:
    """A tone of half a second to four and a half, in steps that are no whole frames."""
    length = int(sound.rate * (0.5 + 0.37 * (row % 12)))
    return Waveform(np.resize(sound.samples, length), sound.rate)


def _change(a: F32, b: F32) -> F32:
    """How far vectors lie apart, as a part of their length: ``(n,)``."""
    apart = np.linalg.norm(a.astype(np.float64) - b.astype(np.float64), axis=1)
    length = np.linalg.norm(b.astype(np.float64), axis=1)
    return np.asarray(apart / np.maximum(length, np.finfo(np.float32).tiny), dtype=np.float32)


def _speed(encoder: Encoder, decoded: Sequence[Any], size: int, seconds: float) -> Speed:
    """Time calls of so many items, other ones each time, until the time is over."""
    supply = cycle(decoded)
    times: list[float] = []
    sounds: list[float] = []
    counted = 0
    while not times or (sum(times) < seconds and len(times) < _MOST):
        calls = [list(islice(supply, size)) for _ in range(_ROUND if size == 1 else 1)]
        for batch in calls:
            times.append(_elapsed(partial(_encoded, encoder, batch)))
            counted += len(batch)
            sounds += [each.seconds for each in batch if isinstance(each, Waveform)]
    total = sum(times)
    sound = sum(sounds) / total if encoder.modality == AUDIO else None
    return Speed(size, counted / total, sound, len(times))


def _encoded(encoder: Encoder, decoded: Sequence[Any]) -> F32:
    return encoder.encode([encoder.prepare(each) for each in decoded])


def _elapsed(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
