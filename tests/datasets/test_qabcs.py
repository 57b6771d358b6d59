from pathlib import Path

import pytest
from PIL import Image

from isthmus.core.errors import DataError, MissingDataError
from isthmus.datasets import find, load, qabcs

ENGLISH = """language:English
#d
animals:d=dog==dog=dog
misc:d=hot_Dog==hot_dog
dummy:f=fox==fox=dog
toys:n=nothing==no_picture=dog
a line that says nothing
"""
GERMAN = "language:Deutsch\nanimals:h=HUND=HU-ND=dog=dog\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    abcs = tmp_path / "abcs"
    for folder, name in (("animals", "dog"), ("animals", "fox"), ("food", "hot_dog")):
        (abcs / "all/pics" / folder).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (len(name), 0, 0)).save(abcs / f"all/pics/{folder}/{name}.png")
    (abcs / "all/noises").mkdir()
    (abcs / "all/noises/dog.ogg").write_bytes(b"woof")
    for language, text in (("en", ENGLISH), ("de_at", GERMAN)):
        (abcs / language).mkdir()
        (abcs / language / "abc1.properties").write_text(text, encoding="utf-8")
    return tmp_path


def test_things_with_picture_noise_and_name(place: Path) -> None:
    data = qabcs.load(root=place)
    dog, fox, hot = data.records
    assert [record.id for record in data.records] == ["dog", "fox", "hot_dog"]
    assert (dog.items["name"].captions, hot.items["name"].captions) == (("dog",), ("hot dog",))
    assert dog.items["noise"].read() == b"woof"
    assert fox.items["noise"].id == dog.items["noise"].id
    assert "noise" not in hot.items
    assert [record.fields["category"] for record in data.records] == ["animals", "animals", "food"]
    assert dict(data.modalities) == {"name": "text", "image": "image", "noise": "audio"}
    assert (dog.language, dog.group) == ("en", None)


def test_names_in_several_languages(place: Path) -> None:
    dog, fox, _ = qabcs.load(root=place, languages="all").records
    assert dog.items["name"].captions == ("hund", "dog")
    assert fox.items["name"].captions == ("fox",)
    assert dog.language is None
    dog, fox, _ = qabcs.load(root=place, languages=["de_AT"]).records
    assert dog.items["name"].captions == ("hund",)
    assert "name" not in fox.items
    with pytest.raises(DataError, match="qabcs has no language 'xx'; it has de-AT, en"):
        qabcs.load(root=place, languages="xx")
    with pytest.raises(DataError, match="no texts without a language"):
        qabcs.load(root=place, languages=[])


def test_a_folder_without_pictures(place: Path) -> None:
    for path in (place / "abcs/all/pics").glob("*/*"):
        path.unlink()
    with pytest.raises(DataError, match="holds no pictures"):
        qabcs.load(root=place)


def test_the_way_out() -> None:
    if find("qabcs") is None:
        with pytest.raises(MissingDataError, match="isthmus data get qabcs"):
            load("qabcs")
