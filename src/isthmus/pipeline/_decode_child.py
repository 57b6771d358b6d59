"""Runs as a program: decodes what its parent sends, so that it happens in no other process.

It is started by its path, so that it imports the decoders and, where an encoder prepares items
here, that encoder; nothing else of the package.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core import wire
from isthmus.core.contracts import Encoder, Sampling, image_side_of, sampling_of
from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    InputError,
    IsthmusError,
    MediaError,
    SilentMediaError,
)
from isthmus.core.item import Clip, MediaItem, Waveform
from isthmus.core.view import AUDIO, IMAGE, VIDEO
from isthmus.encoders import Recipe, resolve
from isthmus.encoders.readers import SPEECH, TEXT, Reader, reader
from isthmus.media import DEFAULT, Limits, decode, preview, tags
from isthmus.media.audio import pieces, seconds_of
from isthmus.media.beginning import HEAD_BYTES
from isthmus.media.child import capped, deadline, limit, serve
from isthmus.media.payload import in_memory
from isthmus.media.sniff import container

_MEMORY = 4 * 2**30
"""Address space, most of which libraries of an encoder's reserve and never touch."""
_A_PIXEL = 43
"""Bytes of it that decoding may add, for each pixel that a picture may have: 2 GB by default."""
_DRAWINGS = ("svg", "svgz")


def _decoding(limits: Limits) -> int:
    """Bytes of address space that decoding one item may add."""
    return _A_PIXEL * max(limits.max_pixels, DEFAULT.max_pixels)


class _UnpreparedError(Exception):
    """This process cannot do for an encoder what its parent can."""


@contextmanager
def _caps(item: MediaItem, limits: Limits) -> Iterator[MediaItem]:
    """Yields an item under a cap on memory; drawings have less time than the rest, too."""
    with ExitStack() as stack:
        stack.enter_context(capped(_decoding(limits)))
        if item.modality == IMAGE:
            item = in_memory(item, limits)
            if container(item.read()[:HEAD_BYTES], source=item.source) in _DRAWINGS:
                stack.enter_context(deadline(limits.svg_seconds))
        yield item


def _decoded(
    item: MediaItem, limits: Limits, *, image_side: int | None, sampling: dict[str, Any] | None
) -> Any:
    wanted = None if sampling is None else Sampling(**sampling)
    with _caps(item, limits) as own:
        decoded = decode(own, limits, image_side=image_side, sampling=wanted)
    if isinstance(decoded, Clip):
        return decoded.frames, decoded.times, decoded.seconds
    if isinstance(decoded, Waveform):
        return decoded.samples, decoded.rate
    return np.asarray(decoded)


def _seconds(item: MediaItem, limits: Limits) -> float:
    with _caps(item, limits) as own:
        if own.modality == VIDEO:
            from isthmus.media.video import seconds_of as seconds_of_video

            return seconds_of_video(own, limits)
        return seconds_of(own, limits)


def _pieces(
    item: MediaItem,
    limits: Limits,
    *,
    spans: list[tuple[float, float]],
    recipe: dict[str, Any] | None,
    fingerprint: str,
) -> list[Any]:
    """Parts of a recording that is decoded once: what an encoder takes, or samples and rate."""
    encoder = None if recipe is None else _encoder(Recipe(**recipe), fingerprint)
    with _caps(item, limits) as own:
        try:
            sound = decode(own, limits)
        except EmptyMediaError as error:
            return [("failed", type(error).__name__, error.reason)] * len(spans)
    out: list[Any] = []
    start = own.span[0] if own.span else 0.0
    for each in pieces(sound, [(a - start, b - start) for a, b in spans], item.source):
        try:
            if isinstance(each, MediaError):
                raise each
            made = (each.samples, each.rate) if encoder is None else _made(encoder, each, item)
            out.append(("made", made))
        except MediaError as error:
            out.append(("failed", type(error).__name__, error.reason))
        except InputError as error:
            out.append(("failed", type(error).__name__, str(error)))
    return out


def _onsets(item: MediaItem, limits: Limits) -> list[tuple[float, float]]:
    """Where sounds begin in a recording, in seconds of its span, and how much it changes there."""
    from isthmus.media.onsets import onsets

    with _caps(item, limits) as own:
        return onsets(decode(own, limits))


def _small(item: MediaItem, limits: Limits, *, side: int) -> Any:
    with _caps(item, limits) as own:
        return np.asarray(preview.small(own, limits, side=side))


def _aspect(item: MediaItem, limits: Limits) -> float:
    with capped(_decoding(limits)):
        return preview.aspect(item, limits)


def _prepared(item: MediaItem, limits: Limits, *, recipe: dict[str, Any], fingerprint: str) -> Any:
    """What an encoder takes."""
    encoder = _encoder(Recipe(**recipe), fingerprint)
    with _caps(item, limits) as own:
        sampling = sampling_of(encoder)
        decoded = decode(own, limits, image_side=image_side_of(encoder), sampling=sampling)
    return _made(encoder, decoded, item)


def _made(encoder: Encoder, decoded: Any, item: MediaItem) -> Any:
    try:
        return encoder.prepare(decoded)
    except (IsthmusError, MemoryError):
        raise
    except Exception as error:  # of the user's code; it costs this item
        what = f"{type(error).__name__}: {error}"
        raise CorruptMediaError(
            item.source, f"the encoder {encoder.id!r} cannot prepare it ({what})"
        ) from error


def _encoder(recipe: Recipe, fingerprint: str) -> Encoder:
    try:
        encoder = resolve(recipe.spec, json.loads(recipe.options), trust=recipe.trust)
    except Exception as error:  # of the user's code; the parent has the encoder
        raise _UnpreparedError(str(error)) from error
    if encoder.fingerprint != fingerprint:
        raise _UnpreparedError("its code or weights have changed")
    return encoder


def _looked(item: MediaItem, limits: Limits, *, side: int, sampling: dict[str, Any] | None) -> Any:
    """Lines in a picture, or in every frame of a video beside when it is shown."""
    wanted = None if sampling is None else Sampling(**sampling)
    with _caps(item, limits) as own:
        decoded = decode(own, limits, image_side=side, sampling=wanted)
    if not isinstance(decoded, Clip):
        return [(None, [line.to_json() for line in _reader(TEXT).read(decoded)])]
    from PIL import Image

    pictures = (Image.fromarray(frame, "RGB") for frame in decoded.frames)
    lines = [[line.to_json() for line in _reader(TEXT).read(picture)] for picture in pictures]
    return list(zip(decoded.times.tolist(), lines, strict=True))


def _heard(item: MediaItem, limits: Limits) -> Any:
    """What is said in a recording or in a span of it, and how many seconds of it there are."""
    try:
        with _caps(replace(item, modality=AUDIO), limits) as own:
            decoded = decode(own, limits)
    except SilentMediaError:  # it may go on behind the span
        return [], None
    return [each.to_json() for each in _reader(SPEECH).read(decoded)], decoded.seconds


def _closest(item: MediaItem, limits: Limits, *, picture: Any, aspect: float) -> Any:
    from isthmus.media.closest import closest

    with _caps(item, limits) as own:
        found, count = closest(own, picture, aspect, limits)
    return [(e.frame, e.time, e.score, e.pixels, e.cut) for e in found], count


@lru_cache
def _reader(kind: str) -> Reader:
    return reader(kind)


def _preview(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(item: MediaItem, limits: Limits, **parameters: Any) -> Any:
        with _caps(item, limits) as own:
            return make(own, limits, **parameters)

    return made


def _fields(item: MediaItem, limits: Limits) -> Any:
    with capped(_decoding(limits)):
        return tags.fields_of(item, limits)


_ANSWERS: dict[str, Callable[..., Any]] = {
    "decode": _decoded,
    "prepare": _prepared,
    "small": _small,
    "thumbnail": _preview(preview.thumbnail),
    "strip": _preview(preview.strip),
    "aspect": _aspect,
    "pieces": _pieces,
    "seconds": _seconds,
    "onsets": _onsets,
    "fields": _fields,
    "clip": _preview(preview.clip),
    "loudness": _preview(preview.loudness),
    "look": _looked,
    "hear": _heard,
    "closest": _closest,
}


def answer(request: bytes, limits: Limits) -> bytes:
    """Do what a request asks for: pack what came of it, or the name and reason of an error."""
    asked = wire.unpack(request)
    if asked is None:  # a parent that warms up
        importlib.import_module("isthmus.media.image")
        return wire.pack(None)
    kind, document, parameters = asked
    payload = document.pop("payload")
    item = MediaItem(payload=Path(payload) if isinstance(payload, str) else payload, **document)
    try:
        made = _ANSWERS[kind](item, limits, **parameters)
    except _UnpreparedError as error:
        return wire.pack(("unprepared", str(error)))
    except MediaError as error:
        return wire.pack(("failed", type(error).__name__, error.reason))
    except (IsthmusError, MemoryError) as error:
        return wire.pack(("failed", type(error).__name__, str(error)))
    try:
        return wire.pack(("made", made))
    except InputError as error:  # an encoder takes what no pipe can carry
        return wire.pack(("unprepared", str(error)))


def main() -> None:
    """Serve requests of the parent."""
    limits = Limits(**json.loads(sys.argv[1]))
    limit(_MEMORY + _decoding(limits))
    serve(lambda request: answer(request, limits))


if __name__ == "__main__":
    main()
