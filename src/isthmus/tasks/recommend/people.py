"""Whom a recommender has learned from, so that only they can be forgotten, whole and once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import ArtifactError, DataError
from isthmus.core.linalg import Array
from isthmus.core.wording import count, way
from isthmus.datasets.interactions import Interactions

_BYTES = 16
"""Of a hash."""
_NAMED = 3


@dataclass(frozen=True)
class People:
    """Users whose interactions were learned.

    No name is kept, but who has a name can find out whether it is among them.

    Attributes:
        took: By the hash of a user's name, the hash of the items.
    """

    took: Mapping[bytes, bytes]

    def __len__(self) -> int:
        return len(self.took)

    @classmethod
    def of(cls, interactions: Interactions) -> Self:
        """The users of these interactions."""
        return cls({_hash(name): took for name, took in _users(interactions)})

    def without(self, interactions: Interactions, counted: Interactions) -> Self:
        """Take users out.

        Args:
            interactions: All that they took.
            counted: The part of it that a recommender learns from.

        Raises:
            DataError: If one of them is not there, as users are of whom nothing counted, or took
                something else.
        """
        took = dict(_users(counted))
        names = {interactions.users[place] for place in np.unique(interactions.user)}
        keys = {name: _hash(name) for name in sorted(names)}
        unknown = [name for name, key in keys.items() if key not in self.took]
        if unknown:
            raise DataError(
                f"the recommender has learned nothing from {_listed(unknown)}, or has forgotten "
                "it already; leave them out"
            )
        others = [name for name, key in keys.items() if took.get(name) != self.took[key]]
        if others:
            again = way(
                python="learn_history(store, interactions)",
                shell="isthmus recommend STORE --history FILE",
            )
            raise DataError(
                f"{_listed(others)} took something else when the recommender learned. Give all "
                "interactions as they were then, or learn again from a table without these users: "
                f"{again}"
            )
        gone = set(keys.values())
        return type(self)({key: items for key, items in self.took.items() if key not in gone})

    def tensor(self) -> Array:
        """``(u, 32)`` bytes."""
        joined = b"".join(name + items for name, items in sorted(self.took.items()))
        return np.frombuffer(joined, dtype=np.uint8).reshape(-1, 2 * _BYTES)

    @classmethod
    def from_tensor(cls, rows: Array) -> Self:
        """What :meth:`tensor` gave.

        Raises:
            ArtifactError: If it is something else.
        """
        if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != 2 * _BYTES:
            raise ArtifactError(f"people: need bytes (users, {2 * _BYTES}), got {rows.shape}")
        took = {row[:_BYTES].tobytes(): row[_BYTES:].tobytes() for row in rows}
        if len(took) != len(rows):
            raise ArtifactError("people: a user is there twice")
        return cls(took)


def _users(interactions: Interactions) -> Iterator[tuple[str, bytes]]:
    """Each user who took something, and a hash of the items, whatever their order."""
    if not len(interactions):
        return
    hashes = np.frombuffer(b"".join(map(_hash, interactions.items)), dtype=np.uint8)
    hashes = hashes.reshape(-1, _BYTES)
    by_hash: NDArray[np.intp] = np.lexsort(hashes.T)
    n = len(by_hash)
    pairs = np.unique(interactions.user * n + np.argsort(by_hash)[interactions.item])
    user, item = pairs // n, by_hash[pairs % n]
    starts = np.flatnonzero(np.r_[True, user[1:] != user[:-1]])
    for start, end in zip(starts, [*starts[1:], len(user)], strict=True):
        whole = hashes[item[start:end]].tobytes()
        yield interactions.users[user[start]], _digest(whole)


def _hash(name: str) -> bytes:
    return _digest(name.encode(errors="surrogatepass"))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_BYTES).digest()


def _listed(names: Sequence[str]) -> str:
    more = f" and {count(len(names) - _NAMED, 'more user')}" if len(names) > _NAMED else ""
    return ", ".join(map(repr, names[:_NAMED])) + more
