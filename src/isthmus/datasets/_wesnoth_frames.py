"""Attack animations of Battle for Wesnoth: which pictures are shown, when, where and how bright.

The game plays several lists of frames at a time: that of the unit, and those of missiles, glows
and flashes. Time 0 is the blow. What stands for a while is written as a list, ``0~0.6:100,0.6``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from isthmus.core.errors import DataError
from isthmus.datasets._wml import Tag

FACING = "se"
"""Units face this way where nothing else is said, so the picture of a unit does too."""
_LUNGE, _FLIGHT = "0~0.6,0.6~0", "0~0.8"
"""How far units and missiles go where an animation does not say it, as the game has it."""
_CONDITIONS = ("if", "else")
_FILTERS = ("filter", "filter_second", "filter_second_attack")
_GROUP = re.compile(r"\[([^\[\]]*)\]")
_RANGE = re.compile(r"(-?\d+)~(-?\d+)")
_REPEATED = re.compile(r"(.+)\*(\d+)")
_MAX_ITEMS = 500

Run = tuple[tuple[str, int], ...]
"""What stands for how many milliseconds."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame of a list: pictures in turn, and by name how a value goes meanwhile.

    Attributes:
        milliseconds: At least 1.
        image: Pictures in the place of the unit or the missile.
        halo: Pictures around it.
        values: Of ``offset`` (0 at the attacker, 1 at its target), ``x``, ``y``, ``halo_x``,
            ``halo_y``, ``directional_x``, ``directional_y`` (pixels) and ``alpha``.
        upright: Whether pictures are never turned over.
    """

    milliseconds: int
    image: Run
    halo: Run
    values: dict[str, Run]
    upright: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """A list of frames that starts at one time.

    Attributes:
        start: Milliseconds from the blow, mostly before it.
        frames: One after the other.
        values: As those of a frame, for the whole list, where a frame has none.
    """

    start: int
    frames: tuple[Shown, ...]
    values: dict[str, Run]

    @property
    def end(self) -> int:
        """When it ends, in milliseconds from the blow."""
        return self.start + sum(frame.milliseconds for frame in self.frames)


_VALUES = ("offset", "x", "y", "halo_x", "halo_y", "directional_x", "directional_y", "alpha")


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
            told = [group[min(place, len(group) - 1)] for group in groups]
            between = _GROUP.split(item)[::2]  # what stands around the groups
            items.append("".join(a + b for a, b in zip(between, [*told, ""], strict=True)))
        if len(items) > _MAX_ITEMS:
            raise DataError(f"{text[:60]!r} lists more than {_MAX_ITEMS} items")
    return items


def run_of(text: str, total: int = 0) -> Run:
    """What a list shows for how long.

    Args:
        text: Items with or without a time.
        total: Milliseconds that items without one share, less what the others take.

    Examples:
        >>> run_of("a.png:50,b.png", total=80)
        (('a.png', 50), ('b.png', 30))
    """
    items = [_timed(item) for item in spread(text)]
    told = sum(time or 0 for _, time in items)
    untold = sum(time is None for _, time in items)
    share = max(total - told, 0) // untold if untold else 0
    return tuple((what, share if time is None else time) for what, time in items if what)


def layers_of(animation: Tag) -> list[Layer]:
    """Every list of frames of an animation, the unit's first.

    What stands behind ``~`` and has brackets (flips, overlays, shifts of colour) is left aside.

    Raises:
        DataError: If a list has more than 500 items.
    """
    names = dict.fromkeys(tag.name for tag in animation.tags if tag.name.endswith("frame"))
    ordered = sorted(names, key=lambda name: name != "frame")
    layers = [_layer(animation, name) for name in ordered]
    return [layer for layer in layers if any(f.image or f.halo for f in layer.frames)]


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


def _layer(animation: Tag, name: str) -> Layer:
    own = name.removesuffix("frame")  # "missile_"; of the unit itself ""
    frames = tuple(_shown(tag, own) for tag in animation.all(name))
    total = sum(frame.milliseconds for frame in frames)
    given = {key: animation.get(own + key) for key in _VALUES}
    if not given["offset"] and not (own and own != "missile_"):
        at_rest = "0" if animation.all("missile_frame") else _LUNGE
        given["offset"] = _FLIGHT if own else at_rest
    values = {key: run_of(text, total) for key, text in given.items() if text}
    return Layer(_whole(animation.get(f"{own}start_time")), frames, values)


def _shown(tag: Tag, own: str) -> Shown:
    diagonal = tag.get("image_diagonal") if own else ""  # a missile to the south-east
    image, halo = diagonal or tag.get("image"), tag.get("halo")
    told = [sum(time for _, time in run_of(text)) for text in (image, halo)]
    total = max(_whole(tag.get("duration")), *told, 1)
    values = {key: run_of(tag.get(key), total) for key in _VALUES if tag.get(key)}
    upright = tag.get("auto_vflip", "yes" if own else "no") in ("no", "false")
    return Shown(total, run_of(image, total), run_of(halo, total), values, upright)


def _holds(tag: Tag) -> bool:
    directions, hits = tag.get("direction"), tag.get("hits")
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
            plain, times = repeated[1], int(repeated[2][:4])
        if counted := _RANGE.fullmatch(plain):
            first, last = int(counted[1][:6]), int(counted[2][:6])
            step = 1 if last >= first else -1
            last = first + step * min(abs(last - first), _MAX_ITEMS)
            width = len(counted[1]) if counted[1].startswith("0") else 0
            run = [f"{n:0{width}d}" for n in range(first, last + step, step)]
        else:
            run = [plain]
        items += run * min(times, _MAX_ITEMS // len(run) + 1)
        if len(items) > _MAX_ITEMS:
            return items  # the caller refuses it
    return items


def _timed(item: str) -> tuple[str, int | None]:
    """What is shown, and its milliseconds where it has them."""
    what, colon, time = item.rpartition(":")
    if not colon or not time.strip().isdecimal():
        return _plain(item), None
    return _plain(what), _whole(time)


def _plain(what: str) -> str:
    """Without functions: ``a.png~FL()`` is ``a.png``, but ``0~0.6`` stays."""
    return re.split(r"~[A-Z]+\(", what, maxsplit=1)[0].strip()


def _whole(text: str) -> int:
    """A number of milliseconds, at most about an hour; 0 where there is none."""
    found = re.fullmatch(r"\s*(-?\d{1,7})(?:\.\d*)?\s*", text)
    return int(found[1]) if found else 0
