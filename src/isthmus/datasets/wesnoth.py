"""Battle for Wesnoth: units with pictures and descriptions, and their attacks as short videos.

The data is that of the Debian package ``wesnoth-1.16-data`` (GPL-2+): fetch it with
``isthmus data get wesnoth``. A unit is a ``[unit_type]`` of ``data/core/units``; what it looks and
sounds like when it attacks is an ``[attack_anim]``.
"""

from __future__ import annotations

import gettext
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from isthmus.core.errors import DataError, MediaError
from isthmus.core.fields import Value
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Failure, Record
from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO
from isthmus.datasets._languages import languages_asked
from isthmus.datasets._wesnoth_draw import draw
from isthmus.datasets._wesnoth_units import LABELS, Attack, Unit, lines, read_units
from isthmus.datasets.fetch import SOURCES, locate

__all__ = ["LABELS", "languages_of", "load"]

_FOLDERS = ("data/core", ".")
"""Below these lie the folders ``images`` and ``sounds``."""
_DOMAIN = "LC_MESSAGES/wesnoth-units.mo"
_TAGS = {
    "ang@latin": "ang-Latn",
    "ca_ES@valencia": "ca-ES-valencia",
    "en@shaw": "en-Shaw",
    "sr@ijekavian": "sr-ijekavsk",
    "sr@ijekavianlatin": "sr-Latn-ijekavsk",
    "sr@latin": "sr-Latn",
}

_Say = Callable[[str], str]
_Row = tuple[str, dict[str, MediaItem] | str, Mapping[str, str]]
"""The id of a record; its items, or why there are none; and what the game says of it alone."""


def load(
    *,
    animations: bool = False,
    labels: bool = False,
    languages: Sequence[str] | str = ("en",),
    root: Path | None = None,
) -> Dataset:
    """Load the units, or their attacks.

    By default a record is a unit: ``image`` is its picture, ``text`` its name and description.
    Its fields are ``race`` and ``alignment`` in English, and ``level``, a number.

    With ``animations`` a record is an attack of a unit, of its female form and of its variations.
    ``video`` is an animated PNG of what the game shows: the frames of the unit with their
    durations, its way to the next field, missiles and glows, drawn anew every 50 milliseconds.
    It faces south-east on white, without the unit that is hit, in the colours of the files, where
    magenta stands for the colour of a team. ``audio`` is the sound of the blow
    that hits, of several variants the first; some attacks have none. ``text`` is the name of the
    attack and that of the unit. A miss mostly shows the same frames with another sound, so it is
    left out. Fields are those of the unit and, of the attack, ``damage``, such as blade or fire,
    ``range``, melee or ranged, and ``sound``, the name of the file: a few sounds are those of most
    attacks, so a test on new sounds groups by it.

    Args:
        animations: Attacks instead of units.
        labels: Adds a view of text for each of :data:`LABELS`.
        languages: The texts to take, as BCP 47 tags, ``"all"``, or tags joined by commas; see
            :func:`languages_of`. A text item carries one of each that there is.
        root: The folder with ``data`` in it, where :func:`isthmus.datasets.find` does not find it.

    Returns:
        Records grouped by line of advancement: a unit and what it becomes are in one group.

    Raises:
        MissingDataError: If the data is not on this machine.
        DataError: If there is no such language, or the folder holds no units.
    """
    place = locate("wesnoth", root)
    words = _Words(place, languages)
    units = read_units(place)
    records: list[Record] = []
    skipped: list[Failure] = []
    for unit, group in zip(units, lines(units), strict=True):
        rows = _attacks(place, words, unit) if animations else _pictures(place, words, unit)
        for key, items, told in rows:
            if isinstance(items, str):
                skipped.append(Failure(key, items))
                continue
            if labels:
                items |= _labelled(words, unit, key)
            fields = {**_fields(unit), **told}
            records.append(Record(key, items, group=group, language=words.only, fields=fields))
    if not records:
        raise DataError(f"{place} holds no units; it must be the folder with data/core/units in it")
    name = "wesnoth animations" if animations else "wesnoth"
    return Dataset(name, records, skipped, SOURCES["wesnoth"].licence)


def languages_of(root: Path) -> dict[str, Path | None]:
    """By BCP 47 tag the file with the texts of a language; English needs none.

    Args:
        root: The folder with ``locale`` in it.
    """
    found = {path.parent.parent.name: path for path in sorted(root.glob(f"locale/*/{_DOMAIN}"))}
    tagged = {_TAGS.get(name, name.replace("_", "-")): path for name, path in found.items()}
    return {"en": None, **tagged}


def _pictures(place: Path, words: _Words, unit: Unit) -> Iterator[_Row]:
    """The record of a unit; its other forms share its description."""
    if unit.id != unit.type:
        return
    path = _file(place, "images", unit.image)
    captions = words.all_of(unit.names[0], unit.description, between=". ")
    if path is None or not captions:
        reason = "has no picture" if path is None else f"has no description {words.where}"
        yield unit.id, reason, {}
        return
    text = MediaItem.from_text(captions, source=unit.id)
    try:
        yield unit.id, {IMAGE: MediaItem.from_path(path, IMAGE), TEXT: text}, {}
    except MediaError as error:
        yield unit.id, str(error), {}


def _attacks(place: Path, words: _Words, unit: Unit) -> Iterator[_Row]:
    """The records of a unit's attacks."""
    seen: Counter[str] = Counter()
    for attack in unit.attacks:
        seen[attack.names[0]] += 1  # a halberd cuts and thrusts: two attacks of one name
        again = f"#{seen[attack.names[0]]}" if seen[attack.names[0]] > 1 else ""
        key = f"{unit.id}/{attack.names[0]}{again}"
        captions = words.all_of(*attack.names, *unit.names)
        if not captions:
            yield key, f"has no name {words.where}", {}
            continue
        try:
            items = {VIDEO: _video(place, attack, key), **_sound(place, attack)}
        except (DataError, MediaError) as error:
            yield key, str(error), {}
            continue
        told = dict(attack.labels)
        if AUDIO in items:
            told["sound"] = Path(items[AUDIO].source).name
        yield key, {**items, TEXT: MediaItem.from_text(captions, source=key)}, told


def _video(place: Path, attack: Attack, key: str) -> MediaItem:
    data = draw(attack.layers, lambda name: _file(place, "images", name))
    return MediaItem.from_bytes(data, VIDEO, source=f"{key}.png")


def _sound(place: Path, attack: Attack) -> dict[str, MediaItem]:
    found = (_file(place, "sounds", name) for name in attack.sounds)
    path = next((path for path in found if path is not None), None)
    return {} if path is None else {AUDIO: MediaItem.from_path(path, AUDIO)}


def _labelled(words: _Words, unit: Unit, key: str) -> dict[str, MediaItem]:
    """What a unit is, as texts; as the game writes it where it is not translated."""
    told = {label: words.all_of(text) or (text,) for label, text in unit.labels.items() if text}
    return {label: MediaItem.from_text(text, source=key) for label, text in told.items()}


def _fields(unit: Unit) -> dict[str, Value]:
    """What a unit is, as plain columns; a level is a number."""
    told: dict[str, Value] = {
        label: text.rpartition("^")[2] for label, text in unit.labels.items() if text
    }
    if unit.labels["level"].isdecimal():
        told["level"] = float(unit.labels["level"])
    return told


def _file(place: Path, kind: str, name: str) -> Path | None:
    """A file by its name in the game; none outside of the folder."""
    if not name or ".." in Path(name).parts or Path(name).is_absolute():
        return None
    paths = (place / folder / kind / name for folder in _FOLDERS)
    return next((path for path in paths if path.is_file()), None)


class _Silent(gettext.NullTranslations):
    """Has no text in any language: what is not translated is not passed off as if it were."""

    def gettext(self, message: str) -> str:
        return ""


class _Words:
    """Texts of the game in the languages that were asked for.

    Attributes:
        only: The one language, where it is one.
        where: The languages, for messages.
    """

    def __init__(self, root: Path, languages: Sequence[str] | str) -> None:
        known = languages_of(root)
        tags = languages_asked("wesnoth", languages, known)
        self.only = tags[0] if len(tags) == 1 else None
        self.where = f"in {', '.join(tags)}"
        self._says = [_say(known[tag]) for tag in tags]

    def all_of(self, *texts: str, between: str = ", ") -> tuple[str, ...]:
        """These texts, joined, in each language that has all of them."""
        rows = ([say(text) for text in texts] for say in self._says)
        return tuple(dict.fromkeys(between.join(row) for row in rows if all(row)))


def _say(path: Path | None) -> _Say:
    """Translates; in English it leaves away what stands before ``^``, which is for translators."""
    if path is None:
        return lambda text: text.rpartition("^")[2]
    try:
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)
    except (OSError, ValueError, struct.error) as error:
        raise DataError(f"{path} cannot be read as texts of gettext ({error})") from error
    catalogue.add_fallback(_Silent())
    return lambda text: catalogue.gettext(text) if text else ""
