"""A folder with a file of every format, whole, turned and truncated, as people index it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.cli import running
from tests.media import made

from isthmus.media import DEFAULT
from isthmus.pipeline import WORKERS
from isthmus.space import Space


@pytest.fixture
def home(space: Space, tmp_path: Path) -> Iterator[Path]:
    space.save(tmp_path / "space")
    yield tmp_path
    WORKERS.limit(DEFAULT)


def answer(home: Path, *arguments: str, code: int = 0, **environment: str) -> Any:
    environment |= {"ISTHMUS_STORE": str(home / "store")}
    done = running.run(*arguments, "--json", cwd=home, **environment)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


def test_every_format_is_indexed_and_found_and_what_is_truncated_is_named(home: Path) -> None:
    good, bad = home / "good", home / "bad"
    good.mkdir()
    bad.mkdir()
    for name, make in made.PICTURES.items():
        (good / f"{name}.bin").write_bytes(make(1))
        (good / f"{name} turned.bin").write_bytes(make(6))
        (bad / f"{name}.bin").write_bytes(make(1)[: len(make(1)) // 2])
    for name, each in (made.UNTURNED | made.SOUNDS).items():
        (good / f"{name}.bin").write_bytes(each())
        (bad / f"{name}.bin").write_bytes(each()[: len(each()) // 2])
    made_of_it = answer(home, "index", "good", "--space", "space")
    assert made_of_it["added"] == len(list(good.iterdir()))
    broken = answer(home, "index", "bad", code=4)
    assert broken["added"] == 0
    names = {Path(each["source"]).name for each in broken["broken"]}
    unknown = {Path(each["source"]).name for each in broken.get("unsupported", [])}
    assert names | unknown == {path.name for path in bad.iterdir()}

    upright = home / "upright.png"
    made.scene().save(upright)
    pictures = 2 * len(made.PICTURES) + len(made.UNTURNED)
    hits = answer(
        home, "search", str(upright), "--view", "image", "-k", str(pictures), "--all-copies"
    )["hits"]
    first = [Path(hit["source"]).stem for hit in hits]
    turned = [name for name in first if name.endswith(" turned")]
    # a scene on its side is another scene, so all that are upright come first
    assert set(first[: pictures - len(made.PICTURES)]).isdisjoint(turned)
    assert len(turned) == len(made.PICTURES)


def test_the_limit_on_pixels_is_an_option(home: Path) -> None:
    folder = home / "large"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (11, 12, 3), dtype=np.uint8)
    large = Image.fromarray(noise).resize((1200, 1100), Image.Resampling.NEAREST)
    large.save(folder / "large.png")
    large.save(folder / "large.jpg", quality=90)
    args = ("index", "large", "--space", "space", "--max-megapixels")
    refused = answer(home, *args, "1", code=4)
    assert refused["added"] == 1  # the JPEG, read smaller
    (reason,) = (each["reason"] for each in refused["broken"])
    assert "declares 1 megapixels, the limit is 1; make it smaller, or raise" in reason
    assert "--max-megapixels" in reason
    again = answer(home, *args, "2")
    assert (again["added"], again["unchanged"]) == (1, 1)


def test_doctor_tells_which_formats_cannot_be_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.scene().save(home / "scene.png")
    answer(home, "index", "scene.png", "--space", "space")
    assert answer(home, "doctor")["formats_missing"] == []
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    titles = answer(home, "doctor")["formats_missing"]
    sounds, films = ["M4A", "AAC", "WMA", "Matroska sound"], ["MP4", "Matroska", "AVI", "Theora"]
    films += ["MPEG-TS", "MPEG-PS", "WMV"]
    assert titles == ["HEIC", "JPEG XL", "camera RAW", *sounds, *films]
    done = running.run("doctor", cwd=home, ISTHMUS_STORE=str(home / "store"))
    assert "HEIC" in done.stdout and "pip install 'isthmus[formats]'" in done.stdout
