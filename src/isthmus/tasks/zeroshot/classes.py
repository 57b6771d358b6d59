"""What a class is: words, prompts in several languages, or example items."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from isthmus.core.errors import InputError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.paths import expanded
from isthmus.core.record import Failure
from isthmus.core.validate import check_kind
from isthmus.core.wording import did_you_mean, kind_of, way
from isthmus.media.source import is_picture, item_from_path, picture_item, walk
from isthmus.prompts.hierarchy import SEPARATOR

if TYPE_CHECKING:
    from PIL.Image import Image

Example: TypeAlias = "Path | MediaItem | Image"
Given: TypeAlias = "str | Example | Sequence[str | Example]"
_LONGEST, _DEEPEST = 500, 16
"""Characters of a name, and levels that it stands for."""
_EXAMPLE = "isthmus.classify(space, 'photo.jpg', ['cat', 'dog'])"


@dataclass(frozen=True, eq=False)
class ClassSpec:
    """One class.

    Attributes:
        name: What the answer calls it; a path such as ``animals/birds`` puts it into a tree.
        words: What it is called, in any language; empty for one that only has examples.
        items: Examples.
    """

    name: str
    words: tuple[str, ...]
    items: tuple[MediaItem, ...] = ()


def classes_of(
    given: Iterable[str] | Mapping[str, Given] | None,
    shots: str | Path | Mapping[str, Given] | None,
) -> tuple[list[ClassSpec], list[Failure]]:
    """The classes that a user means, with their examples.

    Args:
        given: Names; or by name, words (texts) and examples (paths as :class:`Path`, items,
            pictures), one or several. None for the classes of ``shots``.
        shots: A folder with a folder for each class; or examples by class.

    Returns:
        The classes, and what of the examples could not be read.

    Raises:
        InputError: If there are fewer than two classes, two of one name, or examples of a class
            that is not among them.
    """
    failures: list[Failure] = []
    examples = _examples(shots, failures)
    if given is None:
        specs = [ClassSpec(name, (spoken(name),)) for name in examples]
    else:
        specs = _specs(given, failures)
    _check_names([spec.name for spec in specs])
    known = [spec.name for spec in specs]
    if strange := [name for name in examples if name not in known]:
        raise InputError(
            f"there are examples of {strange[0]!r}, which is none of the classes "
            f"{', '.join(known[:10])}.{did_you_mean(strange[0], known)}"
        )
    return _exemplified(specs, examples, "class"), failures


def label_specs(
    given: Iterable[str] | Mapping[str, Given] | None,
    shots: str | Path | Mapping[str, Given] | None = None,
) -> tuple[list[ClassSpec], list[Failure]]:
    """Labels as a user gives them; a single one will do.

    Args:
        given: As for :func:`classes_of`.
        shots: Examples: a folder with a folder for each label, or a mapping by label. Labels that
            are not among ``given`` are added, by their examples alone.

    Returns:
        The labels, and what of the examples could not be read.

    Raises:
        InputError: If there is none, or two have one name.
    """
    failures: list[Failure] = []
    examples = _examples(shots, failures)
    if given is None:
        specs = [ClassSpec(name, (spoken(name),)) for name in examples]
    else:
        specs = _specs(given, failures)
        known = {spec.name for spec in specs}
        specs += [ClassSpec(name, ()) for name in examples if name not in known]
    if not specs:
        raise InputError("need at least one label, got none")
    _check_twice([spec.name for spec in specs], "labels", "label")
    return _exemplified(specs, examples, "label"), failures


def _exemplified(
    specs: Sequence[ClassSpec], examples: Mapping[str, tuple[MediaItem, ...]], kind: str
) -> list[ClassSpec]:
    """The same with their examples."""
    made = [replace(s, items=(*s.items, *examples.get(s.name, ()))) for s in specs]
    if bare := [spec.name for spec in made if not spec.words and not spec.items]:
        raise InputError(
            f"the {kind} {bare[0]!r} has neither words nor an example that can be read"
        )
    return made


def _check_names(names: Sequence[str]) -> None:
    if len(names) < 2:
        what = f"only {names[0]!r:.80}" if names else "none"
        way_out = way(python=_EXAMPLE, shell="isthmus classify photo.jpg --classes cat,dog")
        raise InputError(f"need two classes or more to choose from, got {what}. Write: {way_out}")
    _check_twice(names)


def _check_twice(names: Sequence[str], several: str = "classes", one: str = "class") -> None:
    alike = Counter(unicodedata.normalize("NFC", name) for name in names)
    twice = [name for name, times in alike.items() if times > 1]
    if twice:
        raise InputError(f"two {several} are called {twice[0]!r:.80}; give each a name of its own")
    if any(not name.strip() for name in names):
        raise InputError(f"a {one} has a blank name; leave it out or name it")
    for name in names:
        parts = name.split(SEPARATOR)
        if len(name) > _LONGEST or len(parts) > _DEEPEST:
            raise InputError(
                f"the {one} {name!r:.80} has a name of {len(name):,} characters in {len(parts):,} "
                f"parts; at most {_LONGEST} in {_DEEPEST} are read"
            )
        if len(parts) > 1 and not all(part.strip() for part in parts):
            raise InputError(
                f"the {one} {name!r} has an empty part: '/' stands between the levels of a tree, "
                "as in animals/birds"
            )


def _specs(given: Iterable[str] | Mapping[str, Given], failures: list[Failure]) -> list[ClassSpec]:
    if isinstance(given, str):
        raise InputError(f"classes: need a list of names, got a text. Write: {_EXAMPLE}")
    if isinstance(given, Mapping):
        return [_spec(name, what, failures) for name, what in given.items()]
    check_kind(given, Iterable, "classes", need="names, or a mapping by name", example=_EXAMPLE)
    names = list(given)
    for name in names:
        check_kind(name, str, "a class", need="its name as text", example=_EXAMPLE)
    return [ClassSpec(name, (spoken(name),)) for name in names]


def _spec(name: str, given: Given, failures: list[Failure]) -> ClassSpec:
    check_kind(name, str, "a class", need="its name as text", example=_EXAMPLE)
    several = _several(given)
    words = tuple(each for each in several if isinstance(each, str))
    if any(not each.strip() for each in words):
        raise InputError(f"the class {name!r} has blank words; leave them out")
    items = [_item(each, failures) for each in several if not isinstance(each, str)]
    return ClassSpec(name, words, tuple(item for item in items if item is not None))


def _several(given: Given) -> list[Any]:
    one = isinstance(given, str | Path | MediaItem) or is_picture(given)
    if not one and not isinstance(given, Iterable):
        raise InputError(f"a class: need words or examples, got {kind_of(given)}")
    return [given] if one else list(given)  # type: ignore[arg-type]


def _item(thing: Any, failures: list[Failure]) -> MediaItem | None:
    """An example as an item; one that cannot be read is told of."""
    if isinstance(thing, MediaItem):
        return thing
    if is_picture(thing):
        return picture_item(thing)
    check_kind(thing, Path, "an example", need="a Path, an item or a picture", example=_EXAMPLE)
    try:
        return item_from_path(expanded(thing))
    except MediaError as error:
        failures.append(Failure(error.source, error.reason))
        return None


def _examples(
    shots: str | Path | Mapping[str, Given] | None, failures: list[Failure]
) -> dict[str, tuple[MediaItem, ...]]:
    if shots is None:
        return {}
    if isinstance(shots, Mapping):
        listed = {name: _several(given) for name, given in shots.items()}
        found = {
            name: [Path(x) if isinstance(x, str) else x for x in xs] for name, xs in listed.items()
        }
    else:
        check_kind(shots, (str, Path), "shots", need="a folder or a mapping", example=_EXAMPLE)
        found = _of_folder(expanded(shots), failures)
    out = {
        name: tuple(filter(None, (_item(x, failures) for x in xs))) for name, xs in found.items()
    }
    if not any(out.values()):
        first = f"; {failures[0].source}: {failures[0].reason}" if failures else ""
        where = shots if isinstance(shots, str | Path) else "shots"
        raise InputError(
            f"{where} holds no example that can be read{first}. Give a folder for each class: "
            "shots/cat/1.jpg, shots/dog/1.jpg"
        )
    return out


def _of_folder(root: Path, failures: list[Failure]) -> dict[str, list[Any]]:
    """Files by the folder that they lie in, below a root."""
    if not root.is_dir():
        raise InputError(f"{root} is no folder; shots are a folder with a folder for each class")
    found: dict[str, list[Any]] = {}
    for path in walk(root, skipped=failures):
        name = path.parent.relative_to(root).as_posix()
        if name == ".":
            failures.append(Failure(str(path), "lies in no folder of a class"))
        else:
            found.setdefault(name, []).append(path)
    return found


def spoken(name: str) -> str:
    """What a class of this name is called: the last part of a path, without underscores."""
    return name.rpartition(SEPARATOR)[2].replace("_", " ").strip() or name
