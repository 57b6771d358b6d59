"""What a user hands in as data and as encoders, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.contracts import Encoder
from isthmus.core.errors import VectorError
from isthmus.core.linalg import Array
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.core.validate import as_matrix, check_kind, check_vectors

_NEED = "a name, a path, a Dataset, or vectors by view"


def check_data(data: object) -> None:
    """Refuse what is no data set, and say how to make one of it.

    Raises:
        InputError: If it is none.
    """
    example = "isthmus.align('my-folder'), or isthmus.align({'sensor': x, 'label': y})"
    if hasattr(data, "to_csv"):  # a frame of pandas or the like
        example = "frame.to_csv('pairs.csv', index=False), then isthmus.align('pairs.csv')"
    elif isinstance(data, list | tuple) and any(isinstance(each, str | Path) for each in data):
        example = "isthmus.align('pairs.csv'), a table with a column of texts and one of pictures"
    kinds = (str, Path, Dataset, PairedVectors, Mapping)
    check_kind(data, kinds, "data", need=_NEED, example=example)


def vectors_of(data: Mapping[str, Array]) -> PairedVectors:
    """Native vectors by view, ``(n, dim)`` each.

    Raises:
        VectorError: If a view holds texts, or one row.
    """
    things: Mapping[str, Any] = data
    for view, given in things.items():
        if isinstance(given, str | Path) or _texts(given):
            raise VectorError(
                f"{view}: need vectors (rows, dimension), got texts. Write texts and paths of "
                "files to a table with a column for each view, and give its path: "
                "isthmus.align('pairs.csv')"
            )
        x = np.asarray(given) if isinstance(given, Sequence) else given
        if np.ndim(x) == 1 and as_matrix(x, name=view).size:
            raise VectorError(
                f"{view}: need vectors (rows, dimension), got shape {tuple(np.shape(x))}. Give "
                "labels a column each: np.eye(classes)[labels]; give one number a row as x[:, None]"
            )
    return PairedVectors({view: check_vectors(x, name=view) for view, x in data.items()})


def check_encoders(encoders: object) -> None:
    """Refuse what is no mapping from views to encoders.

    Raises:
        InputError: If it is none, or one of them is neither an id nor an encoder.
    """
    example = "encoders={'text': 'universal', 'image': 'efficientnet-lite0'}"
    check_kind(encoders, Mapping, "encoders", need="a mapping by view", example=example)
    for view, named in encoders.items():  # type: ignore[attr-defined]  # it is a mapping now
        need = "an id or an Encoder"
        check_kind(named, (str, Encoder), f"the encoder of {view!r}", need=need, example=example)


def _texts(given: Any) -> bool:
    kind = getattr(getattr(given, "dtype", None), "kind", None)
    if kind is not None:
        return kind in "US"
    return isinstance(given, list | tuple) and any(isinstance(each, str | Path) for each in given)
