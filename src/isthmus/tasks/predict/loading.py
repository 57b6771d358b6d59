"""The records that a predictor learns from: views, plain columns, groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from isthmus.core.contracts import Encoder
from isthmus.core.errors import DataError, InputError
from isthmus.core.paired import PairedVectors
from isthmus.core.paths import expanded
from isthmus.core.record import Dataset, Record
from isthmus.core.validate import check_kind
from isthmus.core.view import VECTOR
from isthmus.core.wording import did_you_mean, kind_of, way
from isthmus.datasets import has_option, load, table
from isthmus.datasets.plain import WITHOUT
from isthmus.datasets.roles import lacking, not_named
from isthmus.encoders import modality_of
from isthmus.pipeline.given import check_data, check_encoders
from isthmus.predictor.columns import names_of
from isthmus.predictor.given import vectors_given
from isthmus.predictor.predictor import Predictor
from isthmus.space import Space
from isthmus.space.report import columns_of
from isthmus.tasks.predict.options import Groups

COLUMNS = "columns"
"""The view of all plain columns that nobody named otherwise."""
Encoders: TypeAlias = "Space | Mapping[str, str | Encoder] | None"


@dataclass(frozen=True, slots=True)
class Columned:
    """Which plain columns a user wants.

    Attributes:
        patterns: By view, names and patterns of columns; ``!name`` takes one out.
        every: Whether all that there are belong to the view ``columns``, if there are any.
    """

    patterns: Mapping[str, Sequence[str]]
    every: bool = False

    @classmethod
    def of(cls, given: Groups) -> Columned:
        """What a user handed in.

        Raises:
            InputError: If it is neither columns by view nor a list of columns.
        """
        example = "columns={'clinical': ['age', 'grade'], 'genes': ['g*']}, or ['age', 'grade']"
        if given is None:
            return cls({COLUMNS: ("*",)}, every=True)
        if isinstance(given, str):
            raise InputError(f"columns: need lists, got a text. Write: {example}")
        check_kind(given, (Mapping, Sequence), "columns", need="lists by view", example=example)
        named = given if isinstance(given, Mapping) else {COLUMNS: given} if given else {}
        every = not isinstance(given, Mapping) and (
            "*" in given or (len(given) > 0 and all(str(n).startswith(WITHOUT) for n in given))
        )
        for view, patterns in named.items():
            if isinstance(patterns, str) or not isinstance(patterns, Sequence) or not patterns:
                raise InputError(
                    f"columns of {view!r}: need a list of names, got {kind_of(patterns)}. "
                    f"Write: {example}"
                )
        return cls({view: tuple(patterns) for view, patterns in named.items()}, every)

    def fields(self, own: Sequence[str]) -> bool | Sequence[str]:
        """What :func:`isthmus.load_dataset` is asked for.

        Args:
            own: Columns that are needed besides, such as the target.
        """
        each = self.patterns.values()
        wanted = [name for patterns in each for name in patterns]
        if any(name.startswith(WITHOUT) for name in wanted):
            gone = {name for name in wanted if all(name in patterns for patterns in each)}
            kept = (name for name in wanted if name in gone or not name.startswith(WITHOUT))
            wanted = ["*", *kept]
        return [*dict.fromkeys([*wanted, *own])] or False


def load_records(
    data: Any,
    encoders: Encoders,
    columned: Columned,
    own: Sequence[str],
    options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Records with the views that encoders read and the plain columns that are wanted.

    Args:
        data: A name, a path, a :class:`Dataset`, or vectors by view.
        encoders: Whose views a table has columns of; a space remembers what columns held.
        columned: Plain columns.
        own: Columns of the target and of groups.
        options: Of the data set. Its ``columns`` go before those that a space remembers.

    Raises:
        DataError: If it cannot be read, or has no such columns.
    """
    vectors = vectors_given(data)
    if vectors is not None:
        return vectors
    if isinstance(data, Dataset):
        return data
    check_data(data)
    if isinstance(data, Mapping | PairedVectors):
        raise InputError("need vectors (rows, dimension) by view")
    more = dict(options or {})
    if has_option(data, "fields"):
        more.setdefault("fields", columned.fields([name for name in own if name]))
    if has_option(data, "columns"):
        views = _views(data, encoders)
        if isinstance(encoders, Space):
            plain = {*own, *(name for names in columned.patterns.values() for name in names)}
            views = _as_before(data, views, encoders, plain, more.get("columns") or {})
        if views:
            more["columns"] = {**views, **(more.get("columns") or {})}
    read = load(data, **more)
    before = columns_of(encoders.report) if isinstance(encoders, Space) else {}
    return replace(read, notes=[*read.notes, *lacking(read.views, before)])


def _as_before(
    data: str | Path,
    views: Mapping[str, str],
    space: Space,
    plain: Collection[str],
    columns: Mapping[str, str],
) -> dict[str, str]:
    """What columns of a table hold: as in that of a space, but for what is said of them now.

    Args:
        data: The table.
        views: Of the space, by columns of their names.
        space: Remembers what columns held.
        plain: Columns that are named as plain ones, the target among them.
        columns: What the user says of others.
    """
    known = {**views, **columns_of(space.report)}
    place = expanded(data)
    there = table.names_in(place) if known and place.is_file() else ()
    left = not_named(known, columns)
    return {name: role for name, role in left.items() if name in there and name not in plain}


def _views(data: str | Path, encoders: Encoders) -> dict[str, str]:
    """What columns of a table hold, by the views that encoders were given for."""
    if encoders is None:
        return {}
    if isinstance(encoders, Space):
        return {v: f"{v}:{m}" for v, m in encoders.modalities.items() if v != m}
    check_encoders(encoders)
    read = {
        view: modality_of(each) if isinstance(each, str) else each.modality
        for view, each in encoders.items()
    }
    return {view: f"{view}:{modality}" for view, modality in read.items() if view != modality}


def grouped(dataset: Dataset, group: str | None, target: str) -> Dataset:
    """Records in the groups of a column; and in none where the group is the target.

    Raises:
        DataError: If there is no such column.
    """
    if group is None:
        if target != "group":
            return dataset
        return replace(dataset, records=[replace(r, group=None) for r in dataset.records])
    if group == target:
        raise InputError(f"the target {target!r} cannot be what keeps records together, too")
    if group == "group":
        return dataset
    dataset.check_column(group)
    known = dict.fromkeys(name for record in dataset.records for name in record.fields)
    if group not in known:
        has = ", ".join([*known][:20]) or "none"
        raise DataError(
            f"{dataset.name} has no column {group!r} to group by; it has {has}."
            f"{did_you_mean(group, known)}"
        )
    return replace(dataset, records=[_in_group(record, group) for record in dataset.records])


def _in_group(record: Record, name: str) -> Record:
    value = record.fields.get(name)
    return replace(record, group=None if value is None else str(value))


def chosen_views(
    dataset: Dataset, columned: Columned, views: Sequence[str] | None, own: Sequence[str]
) -> tuple[list[str], dict[str, list[str]]]:
    """Views of media and vectors, and plain columns by view.

    Args:
        dataset: Records with a target.
        columned: Plain columns.
        views: Those that are wanted; None for all.
        own: Columns that nothing is predicted from.

    Raises:
        DataError: If a view or column is unknown, or there is nothing to predict from.
    """
    plain: dict[str, list[str]] = {}
    for view, patterns in columned.patterns.items():
        if view in dataset.views:
            raise DataError(
                f"{dataset.name} has a view {view!r} already; give the columns another name"
            )
        if taken := [name for name in patterns if name in own]:
            raise DataError(
                f"the column {taken[0]!r} says what is to be predicted; it cannot be predicted "
                f"from. Leave it out of the columns of {view!r}"
            )
        for name in patterns:
            dataset.check_column(name)
        names = names_of(dataset.records, patterns, without=own, left_out=dataset.left_out)
        if names:
            plain[view] = names
    media = list(dataset.views)
    if views is not None:
        known = [*media, *plain]
        if unknown := [view for view in views if view not in known]:
            raise DataError(
                f"{dataset.name} has no view {unknown[0]!r}, or it is empty everywhere; it has "
                f"{', '.join(known) or 'none'}.{did_you_mean(unknown[0], known)}"
            )
        media = [view for view in media if view in views]
        plain = {view: names for view, names in plain.items() if view in views}
    if not media and not plain:
        need = way(python="columns=['age', 'grade']", shell="--columns clinical=age,grade")
        raise DataError(
            f"{dataset.name} has nothing to predict from: no view of media or vectors, and no "
            f"plain column but the target. Name columns: {need}"
            + "".join(f"; {note}" for note in dataset.notes[:3])
        )
    return media, plain


def filled(records: Sequence[Record], views: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which records have an item of one of the views, ``(n,)``."""
    names = set(views)
    return np.array([not names.isdisjoint(record.items) for record in records], dtype=bool)


def load_predictor(folder: str | Path, *, trust: str | Sequence[str] = ()) -> Predictor:
    """Read a predictor, see :meth:`isthmus.Predictor.load`."""
    return Predictor.load(folder, trust=trust)


def check_filled(dataset: Dataset, views: Iterable[str]) -> None:
    """Refuse encoders of views that no record has."""
    for view in views:
        if view not in dataset.views:
            has = ", ".join(f"{name} ({m})" for name, m in dataset.modalities.items())
            raise DataError(
                f"an encoder was given for {view!r}, but no record of {dataset.name} with a target "
                f"has an item of that view; it has {has or 'none'}."
                f"{did_you_mean(view, dataset.views)}"
            )


def view_of(space: Space, view: str, modality: str) -> str:
    """The view of a space that reads a view of records; empty if none does."""
    if modality == VECTOR:
        return ""
    if space.modalities.get(view) == modality:
        return view
    fits = [name for name, other in space.modalities.items() if other == modality]
    return fits[0] if len(fits) == 1 else ""
