"""What a user hands in to be embedded: one thing or several, as items of a modality."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import Array
from isthmus.core.paths import expanded
from isthmus.core.validate import as_matrix, check_vectors
from isthmus.core.view import IMAGE, TEXT, VECTOR
from isthmus.core.wording import kind_of
from isthmus.media.source import is_picture, item_from_path, picture_item

if TYPE_CHECKING:
    from PIL.Image import Image

_STORE = " A store searches: isthmus.Store.open('my-store', space), then store.{}"
ELSEWHERE = {
    "search": _STORE.format("search('a red kangaroo')"),
    "add": _STORE.format("add('photos/')"),
    "index": _STORE.format("add('photos/')"),
    "explain": _STORE.format("explain('a red kangaroo', item)"),
    "encode": " Write: space.embed(things, view)",
    "open": " Write: isthmus.Space.load('my-space')",
    "align": " Write: isthmus.align(data)",
}
"""What people look for in a space, and where it is."""

Thing: TypeAlias = "str | Path | bytes | MediaItem | Array | Image"
"""A text or a path; the bytes of a file; an item; a vector; a picture of Pillow."""
_NEED = "texts, paths, the bytes of files, pictures of Pillow, vectors or items"
_SOURCE = "{} of yours"


def as_items(things: Thing | Iterable[Thing], modality: str, dim: int) -> list[MediaItem]:
    """One thing, or several in their order, as items.

    Args:
        things: Texts where ``modality`` is text, else paths, bytes, pictures or vectors; a matrix
            ``(n, dim)`` is ``n`` vectors.
        modality: That they must have.
        dim: Of vectors.

    Raises:
        InputError: If one of them is of another kind.
        VectorError: If a vector has another dimension, or is not finite or zero.
        MediaError: If there is no such file, or it holds something else.
    """
    if modality == VECTOR and _numbers(things):
        rows = check_vectors(things, name="vectors", dim=dim)
        return [MediaItem.from_vector(row, source=_SOURCE.format("a vector")) for row in rows]
    if isinstance(things, Mapping):
        raise InputError(
            f"need {_NEED}, one or a list of them, got a mapping by "
            f"{', '.join(map(repr, list(things)[:3]))}; embed one view at a time"
        )
    one = isinstance(things, str | Path | bytes | MediaItem) or is_picture(things)
    if not one and not isinstance(things, Iterable):
        raise InputError(f"need {_NEED}, one or a list of them, got {kind_of(things)}")
    several: Iterable[Any] = [things] if one else things  # type: ignore[assignment]
    return [as_item(thing, modality, dim) for thing in several]


def as_item(thing: Thing, modality: str, dim: int | None = None) -> MediaItem:
    """What a user hands in as an item of a modality; errors as of :func:`as_items`."""
    if isinstance(thing, MediaItem):
        return thing
    if modality == TEXT and isinstance(thing, str):
        return MediaItem.from_text(thing)
    if isinstance(thing, bytes):
        return MediaItem.from_bytes(thing, modality, source=_SOURCE.format("a file"))
    if isinstance(thing, str | Path):
        return item_from_path(expanded(thing), modality)
    if is_picture(thing) and modality == IMAGE:
        return picture_item(thing)
    if _numbers(thing):
        if modality != VECTOR:
            raise InputError(
                f"the view reads {modality}, got numbers. Vectors of its encoder go through "
                "space.transform(vectors, view); pictures and sounds are given as files"
            )
        row = check_vectors(as_matrix(thing, name="vector"), name="vector", dim=dim)[0]
        return MediaItem.from_vector(row, source=_SOURCE.format("a vector"))
    raise InputError(f"the view reads {modality}: need {_NEED}, got {kind_of(thing)}")


def _numbers(thing: object) -> bool:
    """An array or a tensor of numbers, or a list of numbers or of such."""
    if isinstance(thing, list | tuple):
        return bool(thing) and all(map(_numbers, thing[:1]))
    if isinstance(thing, int | float) and not isinstance(thing, bool):
        return True
    if hasattr(thing, "detach") and hasattr(thing, "cpu"):
        return True
    return isinstance(thing, np.ndarray | np.number) and thing.dtype.kind in "fiub"
