"""Draw an attack of Battle for Wesnoth as an animated PNG."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from isthmus.core.errors import CorruptMediaError, DataError, MediaTooLargeError
from isthmus.datasets._wesnoth_frames import Layer, Run, Shown

STEP = 50
"""Milliseconds of a drawn frame; the game's own frames mostly last 50 to 100."""
SIDE = 162
"""Pixels of a side. A field is 72 wide; this shows that of the attacker, that of its target to the
south-east, and a quarter of a field around both."""
TARGET = (54, 36)
"""Where the next field to the south-east lies, in pixels right and down."""
_MAX_MILLISECONDS = 10_000
_MAX_PICTURE = 1024
_FORMATS = ("PNG", "WEBP")
_WHITE = (255, 255, 255, 255)

Find = Callable[[str], Path | None]


def draw(layers: Sequence[Layer], find: Find) -> bytes:
    """An animated PNG in which every frame lasts :data:`STEP` milliseconds.

    Args:
        layers: The unit's first; what comes later is drawn over it.
        find: Gives the file of a picture; one that it does not find is not drawn.

    Raises:
        DataError: If nothing changes in it, or it is longer than ten seconds.
        MediaError: If a file is no picture, or larger than 1,024 pixels.
    """
    start = min((layer.start for layer in layers), default=0)
    end = max((layer.end for layer in layers), default=0)
    if end - start > _MAX_MILLISECONDS:
        raise DataError(f"takes {(end - start) / 1000:.0f} seconds, more than ten")
    pictures = _Pictures(find)
    drawn: list[Image.Image] = []
    for time in range(start, end, STEP):
        ground = Image.new("RGBA", (SIDE, SIDE), _WHITE)
        for place, layer in enumerate(layers):
            if place == 0 or layer.start <= time < layer.end:  # the unit stays to the end
                _draw_layer(ground, layer, max(time - layer.start, 0), pictures)
        drawn.append(ground.convert("RGB"))
    if len({frame.tobytes() for frame in drawn}) < 2:
        raise DataError("shows nothing that changes")
    buffer = io.BytesIO()
    drawn[0].save(buffer, "PNG", save_all=True, append_images=drawn[1:], duration=STEP, loop=0)
    return buffer.getvalue()


class _Pictures:
    """Pictures by name, each read once."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._read: dict[str, Image.Image | None] = {}

    def get(self, name: str) -> Image.Image | None:
        """The picture; None where there is no such file."""
        if name not in self._read:
            path = self._find(name)
            self._read[name] = None if path is None else _read(path)
        return self._read[name]


def _draw_layer(ground: Image.Image, layer: Layer, time: int, pictures: _Pictures) -> None:
    frame, within = _current(layer, time)

    def value(key: str, default: float = 0.0) -> float:
        own = frame.values.get(key)
        run, at = (own, within) if own else (layer.values.get(key), time)
        return _number(run, at, default) if run else default

    way = value("offset")
    x = way * TARGET[0] + value("x") + value("directional_x")
    y = way * TARGET[1] + value("y") - value("directional_y")
    alpha = min(max(value("alpha", 1.0), 0.0), 1.0)
    for run, right, down in (
        (frame.image, x, y),
        (frame.halo, x + value("halo_x"), y + value("halo_y")),
    ):
        if run and (picture := pictures.get(_at(run, within)[0])) is not None:
            _paste(ground, _turned(picture, frame, alpha), right, down)


def _current(layer: Layer, time: int) -> tuple[Shown, int]:
    """The frame at a time of a layer, and the time within that frame."""
    for frame in layer.frames:
        if time < frame.milliseconds:
            return frame, time
        time -= frame.milliseconds
    return layer.frames[-1], layer.frames[-1].milliseconds


def _at(run: Run, time: int) -> tuple[str, float]:
    """What a run shows at a time, and which part of it has passed; the last stays."""
    for what, milliseconds in run:
        if time < milliseconds:
            return what, time / milliseconds
        time -= milliseconds
    return run[-1][0], 1.0


def _number(run: Run, time: int, default: float) -> float:
    text, part = _at(run, time)
    first, tilde, last = text.partition("~")
    try:
        begin = float(first)
        return begin + part * (float(last) - begin) if tilde else begin
    except ValueError:
        return default


def _turned(picture: Image.Image, frame: Shown, alpha: float) -> Image.Image:
    """Missiles are drawn on their way north-east; they are turned over to go south-east."""
    if not frame.upright:
        picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    if alpha < 1:
        picture = picture.copy()
        picture.putalpha(picture.getchannel("A").point(lambda shade: round(shade * alpha)))
    return picture


def _paste(ground: Image.Image, picture: Image.Image, right: float, down: float) -> None:
    """Draw a picture centred at a place, seen from the centre of the attacker's field."""
    left = round((SIDE - TARGET[0]) / 2 + right - picture.width / 2)
    top = round((SIDE - TARGET[1]) / 2 + down - picture.height / 2)
    corner = (max(-left, 0), max(-top, 0))
    if corner[0] < picture.width and corner[1] < picture.height and max(left, top) < SIDE:
        ground.alpha_composite(picture, (max(left, 0), max(top, 0)), corner)


def _read(path: Path) -> Image.Image:
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            if max(picture.size) > _MAX_PICTURE:
                reason = f"is {picture.size[0]} × {picture.size[1]} pixels, allowed {_MAX_PICTURE}"
                raise MediaTooLargeError(str(path), reason)
            return picture.convert("RGBA")
    except (OSError, SyntaxError, ValueError) as error:
        raise CorruptMediaError(str(path), f"cannot be decoded ({error})") from error
