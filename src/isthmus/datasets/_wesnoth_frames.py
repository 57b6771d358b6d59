"""Attack animations of Battle for Wesnoth: which frames, for how long, and a file of them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from isthmus.core.errors import CorruptMediaError, DataError, MediaTooLargeError
from isthmus.datasets._wml import Tag

FACING = "se"
"""Units face this way where nothing else is said, so the picture of a unit does too."""
_CONDITIONS = ("if", "else")
_FILTERS = ("filter", "filter_second", "filter_second_attack")
_GROUP = re.compile(r"\[([^\[\]]*)\]")
_RANGE = re.compile(r"(-?\d+)~(-?\d+)")
_REPEATED = re.compile(r"(.+)\*(\d+)")
_FORMATS = ("PNG", "WEBP")
_MAX_SIDE = 1024
_MAX_FRAMES = 500
_WHITE = (255, 255, 255, 255)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of an animation.

    Attributes:
        image: Its name below a folder of images.
        milliseconds: How long it is shown, at least 1.
    """

    image: str
    milliseconds: int


def spread(text: str) -> list[str]:
    """The items of a list in which ``[1~6]`` counts and ``[80*2,90]`` repeats.

    Groups of one item go together: the second of each makes the second item.

    Raises:
        DataError: If the list has more than 500 items.

    Examples:
        >>> spread("bow-[1~3].png:[75*2,100],bow.png")
        ['bow-1.png:75', 'bow-2.png:75', 'bow-3.png:100', 'bow.png']
    """
    items: list[str] = []
    for item in _split(text):
        groups = [_counted(group) for group in _GROUP.findall(item)]
        for place in range(max((len(group) for group in groups), default=1)):
            told = iter([group[min(place, len(group) - 1)] for group in groups])
            items.append(_GROUP.sub(lambda _, told=told: next(told), item))  # type: ignore[misc]
        if len(items) > _MAX_FRAMES:
            raise DataError(f"{text[:60]!r} lists more than {_MAX_FRAMES} items")
    return items


def frames_of(animation: Tag) -> list[Frame]:
    """The frames of the unit itself, without missiles and glows.

    Where ``duration`` is given, or a glow says how long, items without a time of their own share
    it. What stands behind ``~`` (flips, overlays, shifts of colour) is left aside.

    Raises:
        DataError: If it lists more than 500 frames.
    """
    frames: list[Frame] = []
    for tag in animation.all("frame"):
        items = [_timed(item) for item in spread(tag.get("image"))]
        glow = sum(time or 0 for _, time in map(_timed, spread(tag.get("halo"))))
        told = sum(time or 0 for _, time in items)
        open_items = sum(time is None for _, time in items)
        rest = max(_number(tag.get("duration")) or glow, told) - told
        for image, time in items:
            share = rest // open_items if time is None else time
            if image:
                frames.append(Frame(image, max(share, 1)))
    return frames


def chosen(animation: Tag) -> Tag | None:
    """An animation with one branch of each condition: facing south-east, where the blow hits.

    Returns:
        The tag without conditions; None if it is for another direction or for a miss.
    """
    if not _holds(animation):
        return None
    flat, taken = Tag(animation.name, dict(animation.values)), False
    for tag in animation.tags:
        if tag.name not in _CONDITIONS:
            flat.tags.append(tag)
            continue
        if tag.name == "if":
            taken = False
        if not taken and _holds(tag):
            taken = True
            flat.values.update(tag.values)
            flat.tags += [inner for inner in tag.tags if inner.name not in _CONDITIONS]
    return flat


def special(animation: Tag) -> int:
    """How many more conditions an animation has, such as who is attacked or on what ground."""
    return len(animation.all(*_FILTERS)) + ("terrain_type" in animation.values)


def sounds_of(animation: Tag) -> list[str]:
    """The names of its sounds, that of the attack first; of a list of variants each."""
    tags = sorted(
        (tag for tag in animation.tags if tag.name.endswith("frame")),
        key=lambda tag: tag.name != "attack_sound_frame",
    )
    return [name for tag in tags for name in spread(tag.get("sound")) if name]


def encode(frames: list[tuple[Path, int]]) -> bytes:
    """An animated PNG of pictures, centred on white, in their own size.

    Args:
        frames: File and milliseconds of each.

    Raises:
        DataError: If there are no two different frames, or too many.
        MediaError: If a file is no picture, or larger than 1,024 pixels.
    """
    if len(frames) > _MAX_FRAMES:
        raise DataError(f"has {len(frames)} frames, more than {_MAX_FRAMES}")
    pictures = {path: _picture(path) for path, _ in frames}
    if len({picture.tobytes() for picture in pictures.values()}) < 2:  # noqa: PLR2004
        raise DataError("has no two different frames")
    size = tuple(max(picture.size[side] for picture in pictures.values()) for side in (0, 1))
    drawn = [_on_white(pictures[path], (size[0], size[1])) for path, _ in frames]
    buffer = io.BytesIO()
    drawn[0].save(
        buffer,
        format="PNG",
        save_all=True,
        append_images=drawn[1:],
        duration=[milliseconds for _, milliseconds in frames],
        loop=0,
    )
    return buffer.getvalue()


def _picture(path: Path) -> Image.Image:
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            if max(picture.size) > _MAX_SIDE:
                reason = f"is {picture.size[0]} × {picture.size[1]} pixels, allowed {_MAX_SIDE}"
                raise MediaTooLargeError(str(path), reason)
            return picture.convert("RGBA")
    except (OSError, SyntaxError, ValueError) as error:
        raise CorruptMediaError(str(path), f"cannot be decoded ({error})") from error


def _on_white(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    ground = Image.new("RGBA", size, _WHITE)
    place = ((size[0] - picture.size[0]) // 2, (size[1] - picture.size[1]) // 2)
    ground.alpha_composite(picture, place)
    return ground.convert("RGB")


def _holds(tag: Tag) -> bool:
    directions = tag.get("direction")
    hits = tag.get("hits")
    return (not directions or FACING in _listed(directions)) and (
        not hits or not {"yes", "hit", "kill"}.isdisjoint(_listed(hits))
    )


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _split(text: str) -> Iterator[str]:
    """At commas outside of brackets."""
    depth, start = 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "[(") - (sign in "])")
        if sign == "," and depth == 0:
            yield text[start:place].strip()
            start = place + 1
    if text[start:].strip():
        yield text[start:].strip()


def _counted(group: str) -> list[str]:
    items: list[str] = []
    for word in group.split(","):
        plain, times = word.strip(), 1
        if repeated := _REPEATED.fullmatch(plain):
            plain, times = repeated[1], min(int(repeated[2][:4]), _MAX_FRAMES + 1)
        if counted := _RANGE.fullmatch(plain):
            first, last = int(counted[1][:6]), int(counted[2][:6])
            step = 1 if last >= first else -1
            last = first + step * min(abs(last - first), _MAX_FRAMES)
            width = len(counted[1]) if counted[1].startswith("0") else 0
            run = [f"{n:0{width}d}" for n in range(first, last + step, step)]
        else:
            run = [plain]
        items += run * times
    return items


def _timed(item: str) -> tuple[str, int | None]:
    """The name of a picture and its milliseconds, where it has them."""
    name, colon, time = item.rpartition(":")
    if not colon or not time.strip().isdigit():
        name, time = item, ""
    return name.partition("~")[0].strip(), int(time[:6]) if time else None


def _number(text: str) -> int:
    return int(text[:6]) if text.strip().isdigit() else 0
