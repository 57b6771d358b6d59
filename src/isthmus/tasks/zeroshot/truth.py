"""True classes of items: from the folders that they lie in, from a table, or as given."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Self, TypeAlias

from isthmus.core.errors import InputError
from isthmus.core.paths import expanded
from isthmus.core.wording import count, did_you_mean, way
from isthmus.prompts.hierarchy import SEPARATOR

FOLDERS = "folders"
"""What a user says where the folder of an item names its class."""
SOURCE, LABEL = "source", "label"
"""Columns of a table of true classes, as ``isthmus classify --out`` writes them."""
_ANSWERS = "probabilities"
"""Column of the same, with classes from the most probable on."""
_NAMED = 3
"""Labels and classes that a message names."""
_LONG = 80
"""Characters of one of these."""
Truth: TypeAlias = "str | Path | Mapping[str, str] | Sequence[str | None]"


@dataclass(frozen=True, eq=False)
class TrueClasses:
    """What somebody says the true classes of items are.

    Attributes:
        given: Classes by source, or one an item; None where the folders of the items say them.
        where: What says it, for messages.
        table: Whether a file says it.
        answers: Whether it is a table of ``isthmus classify --out`` in which nobody has changed a
            label, so that it says what isthmus said.
    """

    given: Mapping[str, str] | Sequence[str | None] | None
    where: str
    table: bool = False
    answers: bool = False

    @classmethod
    def read(cls, truth: Truth) -> Self:
        """Read them before anything is computed.

        Args:
            truth: ``"folders"`` where each item lies below a folder of the name of its class; a CSV
                file with the columns ``source`` and ``label``, as ``isthmus classify --out`` writes
                it, whose paths may be relative to it; a mapping from source; or a list, one an
                item.

        Raises:
            InputError: If the truth cannot be read.
        """
        if isinstance(truth, str | Path) and str(truth) == FOLDERS:
            return cls(None, FOLDERS)
        if isinstance(truth, str | Path):
            given, answers = _read(expanded(truth))
            return cls(given, str(truth), table=True, answers=answers)
        if isinstance(truth, Mapping):
            return cls(truth, "the mapping")
        return cls([label or None for label in truth], "the list")

    def of(self, sources: Sequence[str], classes: Sequence[str]) -> list[str | None]:
        """The true class of each item; None where nobody knows it.

        Args:
            sources: Of the items, one at least.
            classes: That are asked about. An item may be of none of them.

        Raises:
            InputError: If no item is said to be of one of the classes.

        Examples:
            >>> said = TrueClasses.read("folders")
            >>> said.of(["a/cat/1.png", "a/birds/owl/2.png"], ["cat", "birds"])
            ['cat', 'birds']
            >>> TrueClasses.read({"1.png": "cat"}).of(["1.png", "2.png"], ["cat", "dog"])
            ['cat', None]
        """
        found = self._labels(sources, classes)
        if not set(classes) & set(found):
            raise self._useless(found, sources, classes)
        return found

    def notes(self, found: Sequence[str | None], classes: Sequence[str]) -> list[str]:
        """What limits figures by these true classes.

        Args:
            found: What :meth:`of` returned.
            classes: That are asked about.
        """
        notes = []
        if self.answers:
            notes.append(
                f"all labels of {self.where} are what isthmus said when it wrote the file. Unless "
                "you have checked each, the figures compare isthmus with itself: correct it first"
            )
        told = sum(label in classes for label in found)
        if told < len(found):
            items = count(len(found), "item")
            notes.append(f"only {told:,} of {items} have one of the classes as their true class")
        strange = Counter(label for label in found if label and label not in classes)
        for label, often in strange.most_common(_NAMED):
            notes.append(
                f"{label!r:.80} is the label of {count(often, 'item')} and none of the classes."
                f"{did_you_mean(label, classes)}"
            )
        if len(strange) > _NAMED:
            rest = count(len(strange) - _NAMED, "more label is", "more labels are")
            notes.append(f"{rest} none of the classes")
        return notes

    def _labels(self, sources: Sequence[str], classes: Sequence[str]) -> list[str | None]:
        if self.given is None:
            return _of_folders(sources, classes)
        if isinstance(self.given, Mapping):
            table = self.given
            return [table.get(source) or table.get(_whole(source)) for source in sources]
        if len(self.given) != len(sources):
            raise InputError(
                f"truth: {count(len(self.given), 'label')} for {count(len(sources), 'item')}; give "
                "one an item, None where it is not known"
            )
        return list(self.given)

    def _useless(
        self, found: Sequence[str | None], sources: Sequence[str], classes: Sequence[str]
    ) -> InputError:
        """That no item is said to be of a class: how items and labels look, and what to do."""
        asked = f"the classes are {_some(classes)}"
        if self.given is None:
            table = way(python="truth='truth.csv'", shell="--truth truth.csv")
            return InputError(
                f"no item lies in a folder of the name of a class: items look like {sources[0]}, "
                f"and {asked}. Sort them into such folders, or give a table: {table}"
            )
        labels = list(dict.fromkeys(label for label in found if label))
        if labels:
            return InputError(
                f"no label of {self.where} is one of the classes: labels look like "
                f"{_some(labels)}, and {asked}. Give labels as the classes are called."
                f"{did_you_mean(labels[0], classes)}"
            )
        keys = list(self.given) if isinstance(self.given, Mapping) else []
        named = f", and it names {keys[-1]}" if keys else ", and it names none"
        column = f" in the column {SOURCE}" if self.table else ""
        return InputError(
            f"{self.where} says the true class of none of the items: items look like {sources[0]}"
            f"{named}. Give their paths{column}"
        )


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
    try:
        return str(expanded(path).resolve())
    except ValueError:  # a zero byte
        return str(path)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    shown = ", ".join(name[:_LONG] for name in names[:_NAMED])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _read(path: Path) -> tuple[dict[str, str], bool]:
    """Classes by source as written and by its whole path, and whether all are what isthmus said.

    Rows without a class are left out.
    """
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
    answers = True
    for row in rows:
        source, label = row[SOURCE] or "", (row[LABEL] or "").strip()
        if label:
            out[_whole(path.parent / source)] = label
            out[_whole(source)] = label
            out[source] = label
            answers = answers and _said(row) == label
    return out, answers and bool(out)


def _said(row: Mapping[str, str | None]) -> str | None:
    """The answer of isthmus in a row that ``isthmus classify --out`` wrote; None in another."""
    try:
        return str(json.loads(row.get(_ANSWERS) or "")[0][LABEL])
    except (ValueError, LookupError, TypeError):
        return None
