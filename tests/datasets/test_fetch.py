import shutil
import subprocess
from pathlib import Path

import pytest

from isthmus import datasets
from isthmus.core.errors import DataError, MissingDataError
from isthmus.datasets import fetch


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ISTHMUS_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(
        fetch,
        "SOURCES",
        {"tuxpaint": fetch.Source(("tiny-stamps",), Path("/usr/share/tiny-stamps-test"), 2000)},
    )
    return tmp_path / "data"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt-get that copies a package made here and counts its calls."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs dpkg-deb")
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: tiny-stamps\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\n"
        "Description: stamps\n"
    )
    (tree / "usr/share/tiny-stamps-test").mkdir(parents=True)
    (tree / "usr/share/tiny-stamps-test/cat.txt").write_text("A cat.\n")
    (tree / "usr/share/doc/tiny-stamps").mkdir(parents=True)
    (tree / "usr/share/doc/tiny-stamps/copyright").write_text("Drawn by Ann.\n")
    package = tmp_path / "tiny-stamps_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", tree, package], check=True, capture_output=True)
    programs = tmp_path / "bin"
    programs.mkdir()
    script = programs / "apt-get"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\ncp {package} .\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return tmp_path / "calls"


def test_fetching_unpacks_once(home: Path, mirror: Path) -> None:
    assert datasets.find("tuxpaint") is None
    told: list[tuple[str, int, int]] = []
    folder = datasets.get("tuxpaint", progress=lambda *state: told.append(state))
    assert folder == home / "tuxpaint" == datasets.find("tuxpaint")
    assert (folder / "cat.txt").read_text() == "A cat.\n"
    assert told[-1] == ("download tuxpaint", 2000, 2000)
    assert datasets.get("tuxpaint") == folder
    assert mirror.read_text().splitlines() == ["download tiny-stamps"]
    assert [path.name for path in home.iterdir()] == ["tuxpaint"]


def test_who_made_it_is_kept_with_it(home: Path, mirror: Path) -> None:
    assert fetch.notices("tuxpaint") == []
    folder = datasets.get("tuxpaint")
    (notice,) = fetch.notices("tuxpaint")
    assert notice.parent == folder
    assert notice.read_text() == "Drawn by Ann.\n"
    assert all(source.licence for source in fetch.SOURCES.values())


def test_a_failing_download_says_what_the_program_said(home: Path, mirror: Path) -> None:
    script = mirror.with_name("bin") / "apt-get"
    script.write_text("#!/bin/sh\necho 'E: Unable to locate package tiny-stamps' >&2\nexit 100\n")
    with pytest.raises(MissingDataError, match="failed: E: Unable to locate package tiny-stamps"):
        datasets.get("tuxpaint")
    script.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(MissingDataError, match="ended without a package"):
        datasets.get("tuxpaint")
    script.write_text("#!/bin/sh\necho junk > tiny.deb\n")
    with pytest.raises(MissingDataError, match=r"dpkg-deb .* failed"):
        datasets.get("tuxpaint")
    assert list(home.iterdir()) == []


def test_without_apt(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDataError, match="needs the program apt-get"):
        datasets.get("tuxpaint")


def test_the_way_out(home: Path) -> None:
    with pytest.raises(MissingDataError, match=r"isthmus data get tuxpaint .*apt-get install tiny"):
        datasets.load("tuxpaint")
    with pytest.raises(DataError, match="'shapes' cannot be fetched; these can: tuxpaint"):
        datasets.get("shapes")


def test_nothing_is_fetched_while_offline(
    home: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_OFFLINE", "1")
    with pytest.raises(MissingDataError, match=r"'tuxpaint' is not on this machine.*ISTHMUS_OFF"):
        datasets.get("tuxpaint")
    assert not mirror.exists() and not home.exists()
    monkeypatch.setenv("ISTHMUS_OFFLINE", "0")
    folder = datasets.get("tuxpaint")
    monkeypatch.setenv("ISTHMUS_OFFLINE", "yes")
    assert datasets.get("tuxpaint") == folder  # what is there may be used
