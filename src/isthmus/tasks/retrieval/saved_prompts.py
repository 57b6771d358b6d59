"""The prompts that a store keeps in its space, also those that another process saves meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from isthmus.core.artifact import DOCUMENT
from isthmus.core.errors import IsthmusError
from isthmus.core.reading import check_own
from isthmus.prompts.learned import LearnedPrompt
from isthmus.space import Space
from isthmus.space.prompts import Changes, changed

Mark = tuple[int, int, int]


class SavedPrompts:
    """Brings the prompts of a space up to date with the folder that keeps it.

    A space is replaced as a whole when a prompt is saved, so its document then is another file:
    that is looked for before each use, and the folder is read only where it is so.

    Args:
        space: Whose prompts are kept up to date.
        folder: That keeps them; None keeps them in memory only.
        kept: What the folder held when it was read; None for the prompts of ``space``. Others of
            the space count beside them, and before them.
        mark: Of the folder before it was read, see :func:`mark_of`; None for how it is now.
    """

    def __init__(
        self,
        space: Space,
        folder: Path | None,
        kept: Mapping[str, LearnedPrompt] | None = None,
        mark: Mark | None = None,
    ) -> None:
        self._space, self._folder = space, folder
        self._kept = dict(space.prompts if kept is None else kept)
        self._mark = mark_of(folder) if mark is None and folder is not None else mark
        self._lock = threading.RLock()
        self._put(self._kept)

    def look(self) -> None:
        """Take over what was saved or forgotten since the last look; keep what cannot be read."""
        if self._folder is None or mark_of(self._folder) in (None, self._mark):
            return
        with self._lock:
            mark = mark_of(self._folder)  # before it is read: what comes later is seen next time
            if mark in (None, self._mark):
                return
            try:
                check_own(self._folder)
                found = Space.load(self._folder)
            except (IsthmusError, OSError):  # a search does not fail because of a prompt
                return
            self._mark = mark
            if found.fingerprint == self._space.fingerprint:
                self._put(found.prompts)

    def save(
        self,
        changes: Changes,
        alone: AbstractContextManager[object],
        *,
        overwrite: bool = False,
    ) -> None:
        """Save prompts, or forget those that are None; what another process saved is kept.

        Args:
            changes: By name.
            alone: Keeps other writers of the folder out.
            overwrite: Whether one may take the place of another of its name.

        Raises:
            InputError: If a name cannot be one or is taken, or there is no prompt of it to be
                forgotten.
        """
        if self._folder is None:
            self._space.prompts = changed(self._space.prompts, changes, overwrite=overwrite)
            return
        with alone, self._lock:
            kept = Space.load(self._folder)
            kept.prompts = changed(kept.prompts, changes, overwrite=overwrite)
            kept.save(self._folder)
            self._mark = mark_of(self._folder)
            self._put(kept.prompts, without=changes)

    def _put(self, kept: Mapping[str, LearnedPrompt], without: Collection[str] = ()) -> None:
        """Replace what came from the folder; prompts that were only put into the space stay."""
        before, known = self._kept, self._space.prompts
        own = {n: p for n, p in known.items() if before.get(n) is not p and n not in without}
        self._kept = dict(kept)
        self._space.prompts = {**kept, **own}


def mark_of(folder: Path) -> Mark | None:
    """What tells one writing of a space from the next; None where it is just being replaced."""
    try:
        seen = (folder / DOCUMENT).stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
