"""What is handed to moments, refused by name where it cannot be used."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from isthmus.core.encoded import EncodedBy, agreed, names_of
from isthmus.core.errors import DataError, InputError, VectorError
from isthmus.core.fields import MOST_NUMBER
from isthmus.core.options import check_between
from isthmus.core.paired import PairedVectors
from isthmus.core.validate import check_kind
from isthmus.core.wording import did_you_mean


def checked_dims(dims: Mapping[str, int]) -> dict[str, int]:
    """Dimensions by view.

    Raises:
        InputError: If one is no whole number from 0 on.
    """
    example = "Moments({'photo': 512, 'caption': 384})"
    check_kind(dims, Mapping, "moments", need="a dimension by view", example=example)
    for view, dim in dims.items():
        if isinstance(dim, bool) or not isinstance(dim, int | np.integer) or dim < 0:
            raise InputError(f"{view}: a dimension is a whole number from 0 on, got {dim!r}")
    return {view: int(dim) for view, dim in dims.items()}


def checked_weight(weight: float) -> float:
    """A weight of rows.

    Raises:
        InputError: If it is no finite number, or so large that sums could overflow.
    """
    return check_between(weight, "the weight of rows", -MOST_NUMBER, MOST_NUMBER)


def checked_rows(
    pairs: PairedVectors, dims: Mapping[str, int], encoders: Mapping[str, EncodedBy]
) -> dict[str, EncodedBy]:
    """What is known of the encoders once these rows are added.

    Args:
        pairs: Rows of at least the views of the moments.
        dims: Of the moments, by view.
        encoders: That the moments know, by view.

    Raises:
        DataError: If a view has no vectors.
        VectorError: If dimensions differ.
        FingerprintError: If the rows are known to come from another encoder.
    """
    for m, d in dims.items():
        if m not in pairs.vectors:
            raise DataError(f"moments over {', '.join(dims)} need vectors of {m}")
        if pairs.vectors[m].shape[1] != d:
            got = pairs.vectors[m].shape[1]
            raise VectorError(f"{m}: moments have dimension {d}, the rows have {got}")
    named = {m: each for m, each in pairs.encoders.items() if m in dims}
    return agreed(encoders, names_of(named, dims))


def check_views(known: Collection[str], *views: str) -> None:
    """Refuse unknown views, and a pair that is one view twice.

    Raises:
        DataError: Naming the view.
    """
    for name in views:
        if name not in known:
            hint = did_you_mean(name, known)
            raise DataError(f"no moments of {name!r}; there are: {', '.join(known)}.{hint}")
    if len(set(views)) < len(views):
        raise DataError(
            f"{views[0]!r} is one view and no pair; its own are count, mean and covariance"
        )
