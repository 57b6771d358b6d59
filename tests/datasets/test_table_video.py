"""Tables that name pictures that move, videos whose sound is meant, and folders of frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.media import films

from isthmus.core.errors import UnsupportedMediaError
from isthmus.datasets import table
from isthmus.datasets._rows import bytes_item
from isthmus.media import decode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tone = np.sin(np.arange(48_000) / 9).astype(np.float32)
    frames = [films.numbered(number) for number in range(25)]
    (tmp_path / "loud.mp4").write_bytes(films.film(frames, sound=tone))
    first, *rest = films.pictures(range(3))
    first.save(tmp_path / "drawn.gif", save_all=True, append_images=rest)
    (tmp_path / "walk.frames").mkdir()
    for number in range(3):
        Image.fromarray(films.numbered(number)).save(tmp_path / "walk.frames" / f"{number}.png")
    return tmp_path


def test_columns_say_what_of_a_file_is_meant(folder: Path) -> None:
    file = folder / "films.csv"
    file.write_text("video,audio,text\ndrawn.gif,loud.mp4,one\nwalk.frames,,two\nloud.mp4,,three\n")
    data = table.load(file)
    assert data.skipped == []
    clips = [decode(record.items["video"]) for record in data.records]
    assert [len(clip.frames) for clip in clips] == [3, 3, 16]
    heard = decode(data.records[0].items["audio"])
    assert heard.seconds == pytest.approx(1.0, abs=0.05)


def test_columns_without_a_known_name_are_told_by_their_files(folder: Path) -> None:
    file = folder / "films.csv"
    file.write_text("film,words\nwalk.frames,one\nloud.mp4,two\n")
    (record, _) = table.load(file, columns={"film": "video", "words": "text"}).records
    assert record.items["video"].modality == "video"


def test_bytes_are_what_they_can_be(folder: Path) -> None:
    moving = (folder / "drawn.gif").read_bytes()
    assert bytes_item(moving, "video", "a").modality == "video"
    assert bytes_item(moving, None, "a").modality == "image"
    with pytest.raises(UnsupportedMediaError, match="holds image, need audio"):
        bytes_item(moving, "audio", "a")
