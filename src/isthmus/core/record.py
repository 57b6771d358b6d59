"""Records of a data set: at most one item per view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from isthmus.core.errors import DataError
from isthmus.core.fields import Value
from isthmus.core.item import MediaItem
from isthmus.core.view import MODALITIES
from isthmus.core.wording import count, kind_of


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One row of a data set: at most one item per view, any of them missing.

    Raises:
        DataError: If something else than a :class:`MediaItem` is among the items.

    Attributes:
        id: Unique within its data set.
        items: Item by view.
        group: Records of one group never straddle a split; also the category in mAP.
        split: A fixed part of the data set it belongs to, such as ``"test"``.
        language: Of its text, as a BCP 47 tag, where it has one.
        fields: What it says in plain columns, a number or a text by column; a column that it
            says nothing in is not there.
        unread: What is wrong with a cell of a plain column that could not be read, by column,
            with its file and row: such a column is not among the fields.
    """

    id: str
    items: Mapping[str, MediaItem]
    group: str | None = None
    split: str | None = None
    language: str | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for view, item in self.items.items():
            if not isinstance(item, MediaItem):
                raise DataError(
                    f"record {self.id!r}: {view} needs a MediaItem, got {kind_of(item)}. Write: "
                    "MediaItem.from_text('a red kangaroo'), or "
                    "MediaItem.from_path(Path('photo.jpg'), 'image')"
                )


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that was left out, and why, so that it can be listed.

    Attributes:
        source: What the user knows it by.
        reason: What is wrong with it and what to do.
        what: What it is, in a word such as ``"cell"``; empty where nothing is left out, and the
            reason is to be looked at.
    """

    source: str
    reason: str
    what: str = field(default="item", kw_only=True)


def said_left_out(what: Iterable[str]) -> str:
    """How much was left out, by what it is; empty for nothing.

    Args:
        what: Of each :class:`Failure`.

    Examples:
        >>> said_left_out(["cell", "row", "cell", ""])
        '2 cells and 1 row'
    """
    counts = Counter(each for each in what if each)
    *most, last = [count(n, noun) for noun, n in counts.items()] or [""]
    return f"{', '.join(most)} and {last}" if most else last


@dataclass(frozen=True, eq=False)
class Dataset:
    """Records with a name; ``skipped`` lists what was found but could not become a record.

    ``notes`` say how its plain columns were read, where that may surprise, and ``kinds`` of each
    whether it holds a number (``"decimal comma"`` if it was written as ``1,5``), a date (as days
    since 1970-01-01) or a category. ``columns`` are what the user said that columns of its table
    hold, see :func:`isthmus.load_dataset`. ``left_out`` says why a plain column of its table is in
    no record, or not in all.

    Raises:
        DataError: If two records have one id.
    """

    name: str
    records: Sequence[Record]
    skipped: Sequence[Failure] = ()
    licence: str = "unknown"
    notes: Sequence[str] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        places: dict[str, int] = {}
        for row, record in enumerate(self.records):
            if (before := places.setdefault(record.id, row)) != row:
                raise DataError(
                    f"{self.name}: records {before} and {row} both have the id {record.id!r}; "
                    "ids must be unique"
                )

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def modalities(self) -> Mapping[str, str]:
        """Modality by view, for every view that some record has: media first, then by name.

        Raises:
            DataError: If a view holds items of two modalities.
        """
        found: dict[str, str] = {}
        for record in self.records:
            for view, item in record.items.items():
                if found.setdefault(view, item.modality) != item.modality:
                    raise DataError(
                        f"{self.name}: the view {view!r} holds {found[view]}, but record "
                        f"{record.id!r} has {item.modality} there; a view has one modality"
                    )
        order = {name: rank for rank, name in enumerate(MODALITIES)}
        return dict(sorted(found.items(), key=lambda pair: (order[pair[1]], pair[0])))

    def check_column(self, name: str) -> None:
        """Refuse a plain column that was left out when its table was read.

        Raises:
            DataError: With the reason and the way out.
        """
        if name in self.left_out and not any(name in record.fields for record in self.records):
            raise DataError(
                f"the column {name!r} of {self.name} is left out: {self.left_out[name]}"
            )

    @property
    def views(self) -> tuple[str, ...]:
        """Every view that some record has, in the order of :attr:`modalities`."""
        return tuple(self.modalities)

    def select(self, views: Iterable[str]) -> Dataset:
        """Only items of these views; records that have none of them are dropped."""
        names = set(views)
        cut = [
            replace(record, items={m: i for m, i in record.items.items() if m in names})
            for record in self.records
        ]
        return replace(self, records=[record for record in cut if record.items])

    def take(self, rows: Iterable[int]) -> Dataset:
        """The records at ``rows``, in that order."""
        return replace(self, records=[self.records[row] for row in rows])
