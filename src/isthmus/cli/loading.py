"""Loading the data set that the options of a command name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from isthmus.core.options import parse_named, parse_options
from isthmus.core.view import MODALITIES

if TYPE_CHECKING:
    from isthmus.core.record import Dataset
    from isthmus.space import Space


def load_data(
    data: str,
    options: Sequence[str] | None,
    columns: Sequence[str] | None,
    modalities: Mapping[str, str] | None = None,
) -> Dataset:
    """The data set that a user means.

    Args:
        data: A name, a folder, a table, vectors (.npz) or a WebDataset tar.
        options: ``NAME=VALUE`` texts of ``--data-option``.
        columns: ``NAME=VIEW:MODALITY`` texts of ``--column``.
        modalities: Of views that are needed; without ``columns``, a table has columns of
            their names.
    """
    from isthmus.pipeline.prepared import load_for

    return load_for(data, modalities or {}, **options_of(options, columns))


def load_as(
    space: Space, data: str, options: Sequence[str] | None, columns: Sequence[str] | None
) -> Dataset:
    """The data set that a user means, read as the one that a space was made from.

    Args:
        space: Remembers what columns held.
        data: A name, a folder, a table, vectors (.npz) or a WebDataset tar.
        options: ``NAME=VALUE`` texts of ``--data-option``.
        columns: ``NAME=VIEW:MODALITY`` texts of ``--column``, which go before what it remembers of
            these columns and views.
    """
    from isthmus.datasets.plain import Again
    from isthmus.datasets.roles import lacking
    from isthmus.pipeline.prepared import load_for
    from isthmus.space.report import columns_of

    before = columns_of(space.report)
    again = Again(columns=before) if before else None
    read = load_for(data, space.modalities, again, **options_of(options, columns))
    return replace(read, notes=[*read.notes, *lacking(read.views, before)])


def options_of(options: Sequence[str] | None, columns: Sequence[str] | None) -> dict[str, Any]:
    """Options of a data set, and what its columns hold; arguments as for :func:`load_data`."""
    form, example = "NAME=VIEW:MODALITY", "title=text, or reply=answer:text"
    named = dict(parse_named(columns or (), "--column", form, example=example))
    known: dict[str, Any] = {**parse_options(options or (), "--data-option")}
    return {**known, "columns": named} if named else known


def parse_encoders(given: Sequence[str] | None) -> dict[str, list[str]]:
    """Encoders by view from ``VIEW=ID`` texts, several a view in the order given."""
    named: dict[str, list[str]] = {}
    example = "text=universal"
    for view, name in parse_named(given or (), "--encoder", "VIEW=ID", example=example):
        named.setdefault(view, []).append(name)
    return named


def modalities_of(encoders: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What the views with a name of their own read: what their encoders do."""
    from isthmus.encoders import modality_of

    return {
        view: modality_of(names[0]) for view, names in encoders.items() if view not in MODALITIES
    }
