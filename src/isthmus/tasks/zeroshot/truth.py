"""True classes of items: from the folders that they lie in, from a table, or as given."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TypeAlias

from isthmus.core.errors import InputError
from isthmus.core.paths import expanded
from isthmus.core.wording import count, did_you_mean, way
from isthmus.prompts.hierarchy import SEPARATOR

FOLDERS = "folders"
"""What a user says where the folder of an item names its class."""
SOURCE, LABEL = "source", "label"
"""Columns of a table of true classes, as ``isthmus classify --out`` writes them."""
Truth: TypeAlias = "str | Path | Mapping[str, str] | Sequence[str | None]"


def true_classes(truth: Truth, sources: Sequence[str], classes: Sequence[str]) -> list[str | None]:
    """The true class of each item; None where nobody knows it.

    Args:
        truth: ``"folders"`` where each item lies below a folder of the name of its class; a CSV
            file with the columns ``source`` and ``label``, as ``isthmus classify --out`` writes it,
            whose paths may be relative to it; a mapping from source; or a list, one an item.
        sources: Of the items.
        classes: That are asked about. An item may be of none of them.

    Raises:
        InputError: If the truth cannot be read, or says nothing of any item.

    Examples:
        >>> true_classes("folders", ["a/cat/1.png", "a/birds/owl/2.png"], ["cat", "birds"])
        ['cat', 'birds']
        >>> true_classes({"1.png": "cat"}, ["1.png", "2.png"], ["cat", "dog"])
        ['cat', None]
    """
    if isinstance(truth, str | Path) and str(truth) == FOLDERS:
        return _of_folders(sources, classes)
    if isinstance(truth, str | Path):
        table = _read(expanded(truth))
        found = [table.get(source, table.get(_whole(source))) for source in sources]
        where = str(truth)
    elif isinstance(truth, Mapping):
        found, where = [truth.get(source) for source in sources], "the mapping"
    else:
        found, where = [label or None for label in truth], "the list"
        if len(found) != len(sources):
            raise InputError(
                f"truth: {count(len(found), 'label')} for {count(len(sources), 'item')}; give one "
                "an item, None where it is not known"
            )
    if not any(found):
        raise InputError(
            f"{where} says the true class of none of the items, such as {sources[0]}; give their "
            f"paths in the column {SOURCE} and their classes in the column {LABEL}"
        )
    return found


def _of_folders(sources: Sequence[str], classes: Sequence[str]) -> list[str | None]:
    """The nearest folder about each that is a class, or else the name of its folder.

    Folders that all items share count only where none below is a class, and no further up than a
    class has parts: the home of somebody may be called like a class.
    """
    parts = [PurePath(source).parent.parts for source in sources]
    columns = list(zip(*parts, strict=False))
    differ = (place for place, names in enumerate(columns) if len(set(names)) > 1)
    shared = next(differ, len(columns))
    known = frozenset(classes)
    found = [_of_folder(each[shared:], known) for each in parts]
    if not any(found):
        deepest = max(name.count(SEPARATOR) + 1 for name in classes)
        found = [_of_folder(each[max(0, shared - deepest) :], known) for each in parts]
    return [name or (each[-1] if each else None) for name, each in zip(found, parts, strict=True)]


def _of_folder(parts: Sequence[str], classes: Collection[str]) -> str | None:
    for end in range(len(parts), 0, -1):
        for start in range(end):
            if (name := SEPARATOR.join(parts[start:end])) in classes:
                return name
    return None


def _whole(path: str | Path) -> str:
    return str(expanded(path).resolve())


def _read(path: Path) -> dict[str, str]:
    """Classes by source as written and by its whole path; rows without a class are left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            table = csv.DictReader(handle)
            names = list(table.fieldnames or ())
            rows = list(table)
    except OSError as error:
        ways = way(python="truth='folders'", shell="--truth folders")
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}); give a CSV file, or {ways} if "
            "each item lies in a folder of the name of its class"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not CSV in UTF-8 ({error})") from error
    if lacks := [name for name in (SOURCE, LABEL) if name not in names]:
        raise InputError(
            f"{path} has no column {lacks[0]!r}; it has {', '.join(names) or 'none'}."
            f"{did_you_mean(lacks[0], names)}"
        )
    out: dict[str, str] = {}
    for row in rows:
        source, label = row[SOURCE] or "", (row[LABEL] or "").strip()
        if label:
            out[_whole(path.parent / source)] = label
            out[_whole(source)] = label
            out[source] = label
    return out
