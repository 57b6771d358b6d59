"""Thumbnails and clips inside the page: each content once, under a cap on the whole."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, IMAGE, VIDEO
from isthmus.pipeline import WORKERS
from isthmus.report.kit.markup import Markup, el, join

SIDE = 160
"""Longer side of a thumbnail beside a query, in pixels."""
MAP_SIDE = 96
"""The same for those that only the map shows."""
CLIP_SECONDS = 3.0

_SQUEEZE = 0.97
_SMALL_FILE = 200_000
_PLAIN = "nodownload noplaybackrate noremoteplayback"  # a narrow player has no room
_IMAGE_BYTES = 2_600_000  # of base64, so is the next; what is left of 6 MB is markup
_AUDIO_BYTES = 2_400_000
_MAP_AUDIO_BYTES = 2_000_000


@dataclass
class Assets:
    """Collects what the page embeds.

    Pictures lie in one hidden SVG and are drawn by reference, so a picture that is found
    ten times is stored once. Of a clip that is shown again, the later players borrow the
    source of the first.
    """

    _images: dict[str, tuple[str, int, int] | None] = field(default_factory=dict)
    _clips: dict[str, str | None] = field(default_factory=dict)
    _shown: set[str] = field(default_factory=set)
    _image_bytes: int = 0
    _audio_bytes: int = 0

    def picture(self, item: MediaItem, label: str, *, side: int = SIDE) -> Markup | None:
        """The thumbnail of an image or a video, or None where there is none."""
        name = self.picture_id(item, side=side)
        if name is None:
            return None
        _, width, height = self._images[_key(item)] or ("", 1, 1)
        return el(
            "svg",
            el("title", label),
            el("use", href=f"#{name}"),
            class_="thumb",
            viewBox=f"0 0 {width} {height}",
            width=width,
            height=height,
            role="img",
        )

    def picture_id(self, item: MediaItem, *, side: int = SIDE) -> str | None:
        """Embed a thumbnail and name it; None where it cannot be shown or the page is full."""
        if item.modality not in (IMAGE, VIDEO) or isinstance(item.payload, np.ndarray):
            return None
        key = _key(item)
        if key not in self._images:
            made = None if self._image_bytes > _IMAGE_BYTES else _thumbnail(item, side)
            self._image_bytes += len(made[0]) if made else 0
            self._images[key] = made
        return f"i-{key}" if self._images[key] else None

    def size_of(self, item: MediaItem) -> tuple[int, int] | None:
        """Width and height of a thumbnail that is embedded."""
        made = self._images.get(_key(item))
        return None if made is None else made[1:]

    def player(self, item: MediaItem, label: str) -> Markup | None:
        """A player of a recording, or None where it cannot be played."""
        uri = self._clip(item, _AUDIO_BYTES, original=True)
        if uri is None:
            return None
        name = f"a-{_key(item)}"
        first = name not in self._shown
        self._shown.add(name)
        if first:
            return el(
                "audio",
                controls=True,
                controlslist=_PLAIN,
                preload="none",
                id=name,
                src=uri,
                aria_label=f"Play {label}",
            )
        return join(
            (
                el("a", "the same as above", href=f"#{name}", class_="again"),
                el(
                    "audio",
                    controls=True,
                    controlslist=_PLAIN,
                    preload="none",
                    hidden=True,
                    data_same=name,
                    aria_label=f"Play {label}",
                ),
            )
        )

    def clip_id(self, item: MediaItem) -> str | None:
        """Embed a short clip for the map and name it; None where the page is full."""
        return f"a-{_key(item)}" if self._clip(item, _MAP_AUDIO_BYTES, original=False) else None

    def _clip(self, item: MediaItem, cap: int, *, original: bool) -> str | None:
        if item.modality != AUDIO or isinstance(item.payload, np.ndarray):
            return None
        key = _key(item)
        if key not in self._clips:
            made = None if self._audio_bytes > cap else _clip(item, original=original)
            self._audio_bytes += len(made) if made else 0
            self._clips[key] = made
        return self._clips[key]

    def sprite(self) -> Markup:
        """The hidden store of the page: thumbnails, and clips that no player holds."""
        pictures = [
            el("image", id=f"i-{name}", href=made[0], width=made[1], height=made[2])
            for name, made in self._images.items()
            if made
        ]
        clips = [
            el("audio", id=f"a-{name}", src=uri, preload="none", hidden=True)
            for name, uri in self._clips.items()
            if uri and f"a-{name}" not in self._shown
        ]
        return join(
            [
                el("svg", el("defs", *pictures), class_="store", aria_hidden="true"),
                *clips,
            ]
        )


def _key(item: MediaItem) -> str:
    """Names its content, or the part of it that is meant."""
    if item.span is None:
        return item.id
    return "-".join((item.id, *(f"{each:g}".replace(".", "_") for each in item.span)))


def _thumbnail(item: MediaItem, side: int) -> tuple[str, int, int] | None:
    try:
        made = WORKERS.thumbnail(item, side)
    except MediaError:
        return None
    return _uri("image/webp", made.webp), made.width, made.height


def _clip(item: MediaItem, *, original: bool) -> str | None:
    """A small file as it is, else its first seconds anew."""
    try:
        if original and item.span is None and _size(item) < _SMALL_FILE:
            data = item.read()
            mime = _mime(data, item.source)
            if mime is not None:
                return _uri(mime, data)
        data = WORKERS.clip(item, CLIP_SECONDS, compression=_SQUEEZE)
    except MediaError:
        return None
    return _uri("audio/ogg", data)


def _size(item: MediaItem) -> float:
    """Bytes of a recording, which may be in a film of gigabytes."""
    if not isinstance(item.payload, Path):
        return len(item.read())
    try:
        return item.payload.stat().st_size
    except OSError:
        return math.inf


def _mime(data: bytes, source: str) -> str | None:
    from isthmus.media.beginning import HEAD_BYTES
    from isthmus.media.formats import MEDIA_TYPES
    from isthmus.media.sniff import container

    return MEDIA_TYPES.get(container(data[:HEAD_BYTES], source=source))


def _uri(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
