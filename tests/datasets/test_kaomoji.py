import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.core.errors import DataError, MissingDataError
from isthmus.datasets import _written, kaomoji

ENTRIES = [
    {"id": "a", "text": "(^_^)", "category": "happy", "tier": "core"},
    {"id": "b", "text": "(^_^)", "category": "happy", "tier": "core"},
    {"id": "c", "text": "(;_;)", "category": "sad", "tier": "core"},
    {"id": "d", "text": "(o_o)", "category": "surprised", "tier": "core"},
    {"id": "e", "text": "(^_^) hello", "category": "happy", "tier": "verbose"},
    {"id": "f", "text": "=^.^=", "category": "cat", "tier": "core"},
    {"id": "g", "text": " ", "category": "sad", "tier": "core"},
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    lines = "".join(json.dumps(entry) + "\n" for entry in ENTRIES)
    (tmp_path / "kaomoji.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    return tmp_path


def test_faces_that_show_an_emotion(place: Path) -> None:
    data = kaomoji.load(root=place, pictures=False)
    assert [(r.id, r.items["signs"].captions) for r in data.records] == [
        ("a", ("(^_^)",)),
        ("c", ("(;_;)",)),
        ("d", ("(o_o)",)),
    ]
    assert [dict(record.fields) for record in data.records] == [
        {"emotion": "happy", "valence": "positive"},
        {"emotion": "sad", "valence": "negative"},
        {"emotion": "surprised"},
    ]
    assert [(f.source, f.reason) for f in data.skipped] == [("g", "has no signs")]
    assert data.licence == "CC-BY-4.0"


def test_faces_are_drawn(place: Path) -> None:
    try:
        _written.system_fonts()
    except MissingDataError as error:
        pytest.skip(str(error))
    items = [record.items["image"] for record in kaomoji.load(root=place).records]
    inks = []
    for item in items:
        pixels = np.asarray(Image.open(io.BytesIO(item.read())))
        assert pixels.shape == (224, 224)
        inks.append(pixels < 128)
    rows, columns = np.nonzero(inks[0])
    assert 100 < rows.mean() < 124 and 100 < columns.mean() < 124  # in the middle
    assert np.ptp(columns) > 112  # and large, whatever the font: over half of the picture
    assert len({item.id for item in items}) == 3
    assert (inks[0] != inks[1]).any()


def test_the_first_font_that_has_a_sign_draws_it() -> None:
    try:
        fonts = _written.system_fonts()
    except MissingDataError as error:
        pytest.skip(str(error))
    names = tuple(map(str, fonts))
    assert _written._font_of("a", names) == names[0]
    assert _written._font_of("\U0010fffe", names) == names[0]  # that none has


def test_without_fonts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_written, "_FOLDERS", (place / "none",))
    with pytest.raises(MissingDataError, match=r"fonts-noto-cjk.*pictures=False"):
        kaomoji.load(root=place)


@pytest.mark.parametrize(
    "damage",
    [b"no gzip", gzip.compress(b"{")[:-4], gzip.compress(b"{")],
    ids=["no gzip", "cut short", "no JSON"],
)
def test_a_damaged_file_is_named(place: Path, damage: bytes) -> None:
    (place / "kaomoji.jsonl.gz").write_bytes(damage)
    with pytest.raises(DataError, match=r"kaomoji\.jsonl\.gz cannot be read"):
        kaomoji.load(root=place, pictures=False)
    (place / "kaomoji.jsonl.gz").write_bytes(gzip.compress(b'{"tier": "core"}\n[]\n'))
    with pytest.raises(DataError, match="holds no faces that show angry"):
        kaomoji.load(root=place, pictures=False)
