"""What files say of themselves: EXIF, ID3 and their like.

The libraries that decode read them: Pillow, libsndfile and FFmpeg. So this runs where decoding
runs, in a child process, under the same caps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from isthmus.core.errors import MediaError
from isthmus.core.fields import Fields, tamed
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, IMAGE, VIDEO
from isthmus.media._libav import DEMUXERS, opened
from isthmus.media.formats import FORMATS
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.payload import open_payload
from isthmus.media.sniff import container, head_of
from isthmus.media.streams import counts_frames, declared_end, starts, with_length

_GUESSED = frozenset({"aac", "mpegts", "mpeg"})
"""Kinds whose header says no length, so that FFmpeg guesses it by their size."""
_APPLE = "com.apple.quicktime."
_PLACE = re.compile(r"([+-]\d{1,3}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)")
"""A place as ISO 6709 writes it: ``+48.2082+016.3738/``."""
_MICROSECONDS = 1e6


def fields_of(item: MediaItem, limits: Limits = DEFAULT) -> Fields:
    """What a file says of itself, see :mod:`isthmus.core.fields`; nothing where it says nothing.

    Args:
        item: A whole one: a picture, a recording or a video.
        limits: Caps on it.

    Raises:
        MediaError: If it cannot be read, or its header is damaged.
    """
    with open_payload(item, limits) as handle:
        kind = container(head_of(handle), source=item.source)
    form = FORMATS[kind]
    if not form.available:
        return ()
    if form.modality == IMAGE:
        from isthmus.media.image import described

        return tamed(described(item, limits))
    if form.modality == AUDIO:
        return tamed(_of_sound(item, kind, limits))
    return tamed(_of_video(item, kind, limits)) if form.modality == VIDEO else ()


def _of_sound(item: MediaItem, kind: str, limits: Limits) -> dict[str, object]:
    if kind in DEMUXERS:
        tags, seconds, _ = _by_libav(item, kind, limits)
        return {**_named(tags), "duration": seconds}
    import soundfile

    with open_payload(item, limits) as handle:
        data = handle.read()
        handle.seek(0)
        try:
            with soundfile.SoundFile(handle) as sound:
                tags, frames, rate = sound.copy_metadata(), sound.frames, sound.samplerate
        except (soundfile.SoundFileError, OSError, ValueError) as error:
            raise MediaError(item.source, f"its header is damaged ({error})") from error
    found = _named(tags)
    if _knows_its_length(data, kind) and rate:
        found["duration"] = frames / rate
    return found


def _knows_its_length(data: bytes, kind: str) -> bool:
    """Whether what libsndfile says of the length is the length, and no guess."""
    if kind == "mp3" and not counts_frames(data):
        return False
    if kind == "wav" and with_length(data) is not data:
        return False
    return len(starts(data, kind)) == 1 and declared_end(data, kind) <= len(data)


def _of_video(item: MediaItem, kind: str, limits: Limits) -> dict[str, object]:
    from isthmus.media.video import shown_size

    if kind not in DEMUXERS:
        return {}
    width, height = shown_size(item, limits)
    tags, seconds, fps = _by_libav(item, kind, limits)
    make, model = (_first(tags, f"{_APPLE}{each}", each) for each in ("make", "model"))
    found = _named(tags) | {"width": width, "height": height, "duration": seconds, "fps": fps}
    found["camera"] = f"{make} {model}".strip()
    # Apple writes the local time with its offset, all others UTC.
    date = _first(tags, f"{_APPLE}creationdate", "creation_time")
    found["taken"] = date.partition(".")[0].removesuffix("Z")[:19].replace(" ", "T")
    place = _PLACE.match(_first(tags, f"{_APPLE}location.iso6709", "location", "location-eng"))
    if place is not None:
        found |= {"lat": float(place[1]), "lon": float(place[2])}
    return found


def _by_libav(
    item: MediaItem, kind: str, limits: Limits
) -> tuple[dict[str, str], float | None, float | None]:
    """Tags, seconds and frames a second, as the header says them."""
    tags: dict[str, str] = {}
    with (
        open_payload(item, limits) as handle,
        opened(handle, kind, item.source, limits) as (file, _),
    ):
        for each in (*file.streams, file):  # what the file says counts most
            tags |= {name.lower(): value for name, value in each.metadata.items()}
        known = file.duration and kind not in _GUESSED
        length = file.duration / _MICROSECONDS if known else None
        rate = file.streams.video[0].average_rate if file.streams.video else None
        return tags, length, None if rate is None else float(rate)


def _named(tags: Mapping[str, Any]) -> dict[str, object]:
    """The fields among the tags of ID3, Vorbis comments, RIFF and MP4."""
    found: dict[str, object] = {"title": _first(tags, "title")}
    found["artist"] = _first(tags, "artist", "album_artist", "author")
    found["album"] = _first(tags, "album", "product")
    year = re.match(r"\d{4}", _first(tags, "date", "year"))
    return found | ({"year": int(year[0])} if year else {})


def _first(tags: Mapping[str, Any], *names: str) -> str:
    return next((str(tags[name]) for name in names if tags.get(name)), "")
