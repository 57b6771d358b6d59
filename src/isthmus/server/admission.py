"""Who is let in: requests take room by the work that they make, and searches always find some."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from starlette.types import Scope

from isthmus.core.errors import IsthmusError
from isthmus.server.settings import Settings

RETRY_SECONDS = 1
_SHARE = 0.75
"""Of the room, for all that is no search together, so that searches find a quarter free."""


class CrowdedError(IsthmusError):
    """There is no room for this now, but there will be again."""


@dataclass(frozen=True, slots=True)
class Work:
    """How much room a kind of request takes.

    Attributes:
        weight: In searches.
        search: Whether it may fill all of the room.
    """

    weight: int
    search: bool = False


_LIGHT = Work(1)
_OWN_PLACE = Work(0)
"""What is counted where it is done: explanations, predictions, and streams of events."""
_WORK: tuple[tuple[str, re.Pattern[str], Work], ...] = (
    ("POST", re.compile("/api/search"), Work(1, search=True)),
    ("POST", re.compile("/mcp/?"), Work(1, search=True)),
    ("POST", re.compile("/api/explain"), _OWN_PLACE),
    ("POST", re.compile("/api/predict"), _OWN_PLACE),
    ("GET", re.compile("/api/jobs/[^/]+/events"), _OWN_PLACE),
    ("POST", re.compile("/api/uploads"), Work(4)),
    ("POST", re.compile("/api/jobs"), Work(4)),
    ("POST", re.compile("/api/labels"), Work(4)),
    ("POST", re.compile("/api/predictions"), Work(4)),
    ("GET", re.compile("/api/labels"), Work(2)),
    ("GET", re.compile("/api/items"), Work(2)),
    ("GET", re.compile("/api/map"), Work(8)),
)
"""By method and path; an upload is decoded and encoded, a map reads every vector."""


def work_of(scope: Scope) -> Work:
    """How much room a request takes.

    Examples:
        >>> work_of({"method": "HEAD", "path": "/api/map"})
        Work(weight=8, search=False)
    """
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    for kind, pattern, work in _WORK:
        if kind == method and pattern.fullmatch(scope["path"]):
            return work
    return _LIGHT


class Room:
    """What is in work, counted by weight, of all callers and of each.

    Args:
        settings: How much there is.
    """

    def __init__(self, settings: Settings) -> None:
        self._all, self._each = settings.at_once, settings.at_once_each
        self._taken: Counter[str] = Counter()
        self._others = 0

    def place(self, client: str, work: Work) -> Place:
        """A place for a request, not yet taken.

        Args:
            client: Address of the caller.
            work: What it asks for.
        """
        return Place(self, client, work)

    def take(self, client: str, work: Work) -> None:
        """Count some work.

        Raises:
            CrowdedError: If there is no room for it.
        """
        full = not _fits(self._taken.total(), work, self._all)
        if not work.search:
            full = full or not _fits(self._others, work, int(self._all * _SHARE))
        if full or (self._each and not _fits(self._taken[client], work, self._each)):
            raise CrowdedError("too many requests at once; try again later")
        self._taken[client] += work.weight
        self._others += 0 if work.search else work.weight

    def leave(self, client: str, work: Work) -> None:
        """Count it no longer."""
        self._taken[client] -= work.weight
        self._others -= 0 if work.search else work.weight
        if not self._taken[client]:
            del self._taken[client]


class Place:
    """A request's place among those in work.

    It is taken once the body is there: who sends slowly keeps nobody else waiting.
    """

    def __init__(self, room: Room, client: str, work: Work) -> None:
        self._room, self._client, self._work = room, client, work
        self._held = False

    def take(self) -> None:
        """Be counted.

        Raises:
            CrowdedError: If there is no room.
        """
        self._room.take(self._client, self._work)
        self._held = True

    def leave(self) -> None:
        """Be counted no longer; may be called twice."""
        if self._held:
            self._held = False
            self._room.leave(self._client, self._work)


def _fits(taken: int, work: Work, room: int) -> bool:
    """Whether there is room; what is larger than all of it is let in alone."""
    return not taken or taken + work.weight <= room
