"""Which encoder made the vectors of a view, where that is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from isthmus.core.errors import DataError, FingerprintError


class Named(Protocol):
    """What an encoder is known by; every encoder has it."""

    @property
    def id(self) -> str:
        """The name users type."""
        ...

    @property
    def fingerprint(self) -> str:
        """Equal fingerprints give equal vectors."""
        ...


@dataclass(frozen=True)
class EncodedBy:
    """The name of an encoder, which stays with vectors when the encoder is gone.

    Attributes:
        id: The name users type.
        fingerprint: Names weights and preprocessing exactly.
    """

    id: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.id} (fingerprint {self.fingerprint[:12]})"


def names_of(encoders: Mapping[str, Named], views: Collection[str]) -> dict[str, EncodedBy]:
    """The names of encoders by view.

    Args:
        encoders: By view.
        views: Those that have vectors.

    Raises:
        DataError: If one is of a view that has none.
    """
    if unknown := [view for view in encoders if view not in views]:
        raise DataError(
            f"there are encoders for {', '.join(unknown)}, but no vectors with this name"
        )
    return {view: EncodedBy(each.id, each.fingerprint) for view, each in encoders.items()}


def agreed(known: Mapping[str, EncodedBy], other: Mapping[str, EncodedBy]) -> dict[str, EncodedBy]:
    """What either side knows of the encoders of views whose vectors are to be added up.

    Raises:
        FingerprintError: If both know the encoder of a view, and it is not the same.
    """
    for view, own in known.items():
        got = other.get(view, own)
        if got.fingerprint != own.fingerprint:
            raise FingerprintError(
                f"{view}: cannot combine vectors of {own} with vectors of {got}; encode both with "
                "the same encoder, and fit one that learns from texts only once"
            )
    return {**other, **known}
