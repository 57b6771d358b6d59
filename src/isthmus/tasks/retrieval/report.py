"""What an indexing run, and forgetting, did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from isthmus.store import FileStatus
from isthmus.tasks.retrieval.plan import FileFailure


@dataclass(eq=False)
class IndexReport:
    """What an indexing run did.

    Attributes:
        added: Ids of new items.
        unchanged: Files that needed no look.
        moved: Files whose content was known under another path that no longer holds it, and that
            path.
        copies: Files whose content is also in another file, and that file.
        near: Two sources that are nearly alike, and their cosine.
        gone: Files that vanished.
        dropped: Ids whose content was replaced in its only file.
        failures: Files that could not be used, those of earlier runs included.
        passages: Passages of words that were read in files.
        fields_changed: Items of which files say something else now; None if nobody looked.
        seconds: How long it took.
    """

    added: list[str] = field(default_factory=list)
    unchanged: int = 0
    moved: list[tuple[str, str]] = field(default_factory=list)
    copies: list[tuple[str, str]] = field(default_factory=list)
    near: list[tuple[str, str, float]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    failures: list[FileFailure] = field(default_factory=list)
    passages: int = 0
    fields_changed: int | None = None
    seconds: float = 0.0

    @property
    def seen_nothing(self) -> bool:
        """Whether there was no file at all, and none is missed."""
        told = (self.added, self.moved, self.copies, self.failures, self.gone, self.dropped)
        return not self.unchanged and not any(told)

    @property
    def broken(self) -> list[FileFailure]:
        """Files that should have been usable."""
        return [each for each in self.failures if each.status is not FileStatus.UNSUPPORTED]

    @property
    def unsupported(self) -> list[FileFailure]:
        """Files of kinds that the space does not read."""
        return [each for each in self.failures if each.status is FileStatus.UNSUPPORTED]

    @property
    def unsupported_kinds(self) -> dict[str, int]:
        """How many of :attr:`unsupported` by the ending of their names, most frequent first."""
        endings = (Path(each.source).suffix.lower() for each in self.unsupported)
        return dict(Counter(ending or "no ending" for ending in endings).most_common())

    def to_json(self) -> dict[str, object]:
        """For machines."""
        told = {} if self.fields_changed is None else {"fields_changed": self.fields_changed}
        return {
            "added": len(self.added),
            "unchanged": self.unchanged,
            "moved": [{"path": a, "from": b} for a, b in self.moved],
            "copies": [{"path": a, "same_as": b} for a, b in self.copies],
            "near_duplicates": [{"a": a, "b": b, "cosine": round(c, 4)} for a, b, c in self.near],
            "gone": self.gone,
            "replaced": len(self.dropped),
            "broken": [failure.to_json() for failure in self.broken],
            "unsupported": [failure.to_json() for failure in self.unsupported],
            "passages": self.passages,
            "seconds": round(self.seconds, 2),
            **told,
        }


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten, and what was not.

    Attributes:
        items: Ids of the items that were removed.
        files: Paths that the store no longer knows.
        kept: Files that were named, each with another file that holds the same content and was
            not named: the item stays, and the other file is its source.
    """

    items: Sequence[str]
    files: Sequence[str]
    kept: Sequence[tuple[str, str]] = ()

    def __len__(self) -> int:
        return len(self.items)

    def to_json(self) -> dict[str, object]:
        """For machines."""
        kept = [{"path": path, "same_as": other} for path, other in self.kept]
        return {"removed": len(self.items), "files": list(self.files), "kept": kept}


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How much of what a store holds.

    Attributes:
        items: By view.
        files: That were looked at.
        failed: Of these, could not be used.
        gone: Of these, are no longer there.
        space: Fingerprint of the space.
        read: Kinds of words that are read in files: ``"text"``, ``"speech"``.
        reading_left: Whether a run that looked for them in all items has ended early.
        unfinished: Which indexing run has not finished, and what to type to go on; empty if all
            have.
    """

    items: dict[str, int]
    files: int
    failed: int
    gone: int
    space: str
    read: tuple[str, ...] = ()
    reading_left: bool = False
    unfinished: str = ""
