"""Which words a store reads in files, remembered in its folder so that later runs do the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from isthmus.core.artifact import write_atomically
from isthmus.core.document import from_document
from isthmus.core.errors import ArtifactError
from isthmus.core.reading import read_json
from isthmus.core.validate import several
from isthmus.core.view import TEXT
from isthmus.encoders.readers import KINDS, check_kind
from isthmus.pipeline.reading import check_readers
from isthmus.space import Space
from isthmus.store import Backend
from isthmus.store.opening import READING
from isthmus.tasks.retrieval.views import INDEX, view_meant
from isthmus.tasks.retrieval.words_read import ORIGINS, Words


@dataclass(frozen=True)
class ReadSetting:
    """What a store reads.

    Attributes:
        kinds: Of words, see :data:`isthmus.encoders.readers.KINDS`.
        done: Of these, kinds that were looked for in all items.
        view: Where the words go to; empty where none are read.
    """

    kinds: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    view: str = ""

    @property
    def behind(self) -> bool:
        """Whether items that are there already have to be looked at."""
        return not set(self.kinds) <= set(self.done)

    def asked(
        self, kinds: str | Sequence[str] | None, space: Space, views: Sequence[str]
    ) -> ReadSetting:
        """The setting with other kinds; None for those it has.

        Raises:
            InputError: If there is no such kind, or no view, or several, that words could go to.
            MissingExtraError: If a package that reads them is not installed.
        """
        wanted = (
            self.kinds
            if kinds is None
            else tuple(dict.fromkeys(map(check_kind, several(kinds, str))))
        )
        if not wanted:
            return ReadSetting()
        check_readers(wanted)
        view = self.view or view_meant(space, TEXT, views, way_out=INDEX)
        return ReadSetting(wanted, tuple(each for each in self.done if each in wanted), view)

    def words(self) -> Words | None:
        """What finds the words; None where none are read."""
        return Words(self.kinds, self.view) if self.kinds else None


class Reading:
    """Keeps the setting of a store.

    Args:
        folder: Of the store; None keeps it in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._setting = folder, ReadSetting()

    @property
    def setting(self) -> ReadSetting:
        """As it is now, since another process may have changed it."""
        return self._setting if self._folder is None else read_setting(self._folder)

    def change(self, setting: ReadSetting, backend: Backend) -> None:
        """Keep another setting, and remove words of kinds that are not read any more."""
        if setting == self.setting:
            return
        wanted = {ORIGINS[kind] for kind in setting.kinds}
        rows = backend.snapshot().entries()
        unwanted = [each.id for each in rows if each.origin and each.origin not in wanted]
        if unwanted:
            backend.delete(unwanted)
        self._keep(setting)  # at last: a run that ends before does not know of it

    def finish(self, setting: ReadSetting) -> None:
        """Note that words were looked for in all items."""
        if setting.behind:
            self._keep(replace(setting, done=setting.kinds))

    def _keep(self, setting: ReadSetting) -> None:
        self._setting = setting
        if self._folder is not None:
            document = json.dumps(asdict(setting), ensure_ascii=False)
            write_atomically(self._folder / READING, f"{document}\n".encode())


def read_setting(folder: Path) -> ReadSetting:
    """The setting of a store on disk; the default where it has none.

    Raises:
        ArtifactError: If the file is damaged.
    """
    path = folder / READING
    if not path.exists():
        return ReadSetting()
    found = from_document(ReadSetting, read_json(path), str(path))
    if not {*found.kinds, *found.done} <= set(KINDS) or bool(found.kinds) != bool(found.view):
        raise ArtifactError(f"{path} is damaged; remove it, and say again what to read: --read")
    return found
