"""Units of Battle for Wesnoth as its files of WML describe them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from isthmus.core.errors import DataError
from isthmus.core.rows import families
from isthmus.datasets._wesnoth_frames import Layer, chosen, layers_of, sounds_of, special
from isthmus.datasets._wml import Macros, Tag

LABELS = ("race", "alignment", "level")
"""What a unit is, as the game says it."""
_CORE = PurePosixPath("data/core")


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack of a unit, with what is shown when it hits.

    Attributes:
        names: In English, to be translated; more than one where attacks share an animation.
        layers: The unit's frames, then missiles and glows.
        sounds: Names of files, that of the blow first.
        labels: What the game says of the first of them: ``damage``, such as blade or fire, and
            ``range``, melee or ranged.
    """

    names: tuple[str, ...]
    layers: tuple[Layer, ...]
    sounds: tuple[str, ...]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit, or another form of one: the female one, or a variation.

    Attributes:
        id: Of its type; another form adds ``+`` and its name.
        type: The id of its type.
        names: Its name and that of the variation, in English, to be translated.
        description: In English, to be translated.
        image: Its picture, below a folder of images.
        labels: By each of :data:`LABELS`, in English, to be translated.
        kin: Ids of types of its line of advancement: its own, what it becomes, what it is based on.
        attacks: That have an animation.
    """

    id: str
    type: str
    names: tuple[str, ...]
    description: str
    image: str
    labels: Mapping[str, str]
    kin: tuple[str, ...]
    attacks: tuple[Attack, ...] = field(repr=False)


def read_units(root: Path) -> list[Unit]:
    """All units, in the order of their files.

    Args:
        root: The folder with ``data/core`` in it.

    Raises:
        DataError: If a file cannot be read, or macros have no end.
    """
    macros, core = Macros(), root / _CORE
    for path in sorted((core / "macros").glob("*.cfg")):
        macros.expand(_text(path))
    races = core / "units.cfg"
    told = macros.read(_text(races)) if races.is_file() else Tag("")
    named = {race.get("id"): race.get("male_name") for race in _below(told, "race")}
    types: dict[str, Tag] = {}
    for path in sorted((core / "units").rglob("*.cfg")):
        for tag in macros.read(_text(path)).all("unit_type"):
            types[tag.get("id")] = tag
    return [unit for tag in types.values() for unit in _forms(_whole(tag, types), named)]


def lines(units: Sequence[Unit]) -> list[str]:
    """Of each unit its line of advancement: the type that stands first in it."""
    return [units[first].type for first in families([unit.kin for unit in units])]


def _whole(tag: Tag, types: Mapping[str, Tag]) -> Tag:
    """A type over the one that it is based on."""
    for base in tag.all("base_unit"):
        based = types.get(base.get("id"))
        if based is not None and based is not tag:
            return based.merged(tag)
    return tag


def _forms(tag: Tag, races: Mapping[str, str]) -> Iterator[Unit]:
    race = tag.get("race")
    labels = {
        "race": races.get(race, "") or race,
        "alignment": tag.get("alignment"),
        "level": tag.get("level"),
    }
    becomes = [word.strip() for word in tag.get("advances_to").split(",")]
    based = [base.get("id") for base in tag.all("base_unit")]
    kin = tuple(word for word in [tag.get("id"), *becomes, *based] if word not in ("", "null"))
    yield _unit(tag, tag.get("id"), (tag.get("name"),), labels, kin)
    for form in tag.all("female", "variation"):
        word = form.get("variation_id") or form.name
        inherits = form.get("inherit", "yes" if form.name == "female" else "no") == "yes"
        whole = tag.merged(form) if inherits else form
        name = whole.get("name") or tag.get("name")
        told = () if "name" in form.values else (form.get("variation_name"),)
        names = tuple(filter(None, (name, *told)))
        yield _unit(whole, f"{tag.get('id')}+{word}", names, labels, kin)


def _unit(
    tag: Tag, key: str, names: tuple[str, ...], labels: Mapping[str, str], kin: tuple[str, ...]
) -> Unit:
    return Unit(
        id=key,
        type=key.partition("+")[0],
        names=names,
        description=tag.get("description"),
        image=tag.get("image").partition("~")[0],
        labels=labels,
        kin=kin,
        attacks=tuple(_attacks(tag)),
    )


def _attacks(unit: Tag) -> Iterator[Attack]:
    """Of each animation that is the first choice of an attack, all attacks that choose it."""
    branches = [chosen(animation) for animation in unit.all("attack_anim")]
    ready = [branch for branch in branches if branch is not None and branch.all("frame")]
    ready.sort(key=special)
    names: dict[int, list[str]] = {}
    labels: dict[int, dict[str, str]] = {}
    for attack in unit.all("attack"):
        fitting = (place for place, branch in enumerate(ready) if _shows(branch, attack))
        if (place := next(fitting, None)) is not None:
            name = attack.get("description") or attack.get("name")
            if name and name not in names.setdefault(place, []):
                names[place].append(name)
                told = {"damage": attack.get("type"), "range": attack.get("range")}
                labels.setdefault(place, {label: text for label, text in told.items() if text})
    for place, words in names.items():
        if words:
            branch = ready[place]
            layers, sounds = tuple(layers_of(branch)), tuple(sounds_of(branch))
            yield Attack(tuple(words), layers, sounds, labels[place])


def _shows(animation: Tag, attack: Tag) -> bool:
    """Whether an animation is of an attack: every value of its filter is one of the attack's."""
    return all(
        attack.get(key) in [word.strip() for word in wanted.split(",")]
        for wish in animation.all("filter_attack")
        for key, wanted in wish.values.items()
        if key in ("name", "range", "type")
    )


def _below(tag: Tag, name: str) -> Iterator[Tag]:
    for inner in tag.tags:
        if inner.name == name:
            yield inner
        yield from _below(inner, name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
