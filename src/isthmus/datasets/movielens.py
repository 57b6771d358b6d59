"""MovieLens 100K: films with title, year and genres, and who rated them when.

Harper & Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 5(4), 2015. The files
are those that RecBole ships as an example. Its licence allows non-commercial research only.
"""

from __future__ import annotations

import csv
from pathlib import Path

from isthmus.core.errors import DataError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Failure, Record
from isthmus.core.view import TEXT
from isthmus.datasets.fetch import locate
from isthmus.datasets.interactions import Interactions

NAME = "ml-100k"
LICENCE = "non-commercial research only (GroupLens)"
_ITEMS, _RATINGS = "ml-100k.item", "ml-100k.inter"
_UNKNOWN = "unknown"


def load(*, root: Path | None = None) -> Dataset:
    """Load the films, one record each, with the id that :func:`interactions` names it by.

    The text is title, year and genres; the fields are ``title``, ``year`` and ``genres``, the
    last with commas between them.

    Args:
        root: The folder of the files, where :func:`isthmus.datasets.find` does not find it.

    Raises:
        MissingDataError: If the files are not on this machine.
        DataError: If they cannot be read.
    """
    folder = locate(NAME, root)
    records: list[Record] = []
    skipped: list[Failure] = []
    for name, title, year, genres in _table(folder / _ITEMS, 4):
        if title in ("", _UNKNOWN):
            skipped.append(Failure(f"film {name}", "has no title"))
            continue
        known = [] if genres == _UNKNOWN else genres.split()
        fields: dict[str, str | float] = {"title": title}
        if year.isdigit():
            fields["year"] = float(year)
        if known:
            fields["genres"] = ", ".join(known)
        said = f"{title} ({year})" if year.isdigit() else title
        words = f"{said}: {', '.join(known)}" if known else said
        text = MediaItem.from_text(words, source=f"film {name}")
        records.append(Record(name, {TEXT: text}, fields=fields))
    return Dataset(NAME, records, skipped, LICENCE)


def interactions(*, root: Path | None = None) -> Interactions:
    """Load the 100,000 ratings; items are ids of records, in the order of :func:`load`.

    Args:
        root: As for :func:`load`.

    Raises:
        MissingDataError: If the files are not on this machine.
        DataError: If they cannot be read.
    """
    films = [record.id for record in load(root=root).records]
    known = set(films)
    rows = [row for row in _table(locate(NAME, root) / _RATINGS, 4) if row[1] in known]
    return Interactions.of(
        (row[0] for row in rows),
        (row[1] for row in rows),
        ratings=(float(row[2]) for row in rows),
        times=(float(row[3]) for row in rows),
        known=films,
    )


def _table(path: Path, width: int) -> list[list[str]]:
    """The rows of an atomic file of RecBole: tabs, and a line of names with their types."""
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = list(csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    for number, row in enumerate(rows, 2):
        if len(row) != width:
            raise DataError(f"{path}, line {number}: has {len(row)} columns, need {width}")
    return rows
