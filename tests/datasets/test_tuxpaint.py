from pathlib import Path

import pytest

from isthmus import datasets
from isthmus.core.errors import DataError, EmptyMediaError, MissingDataError
from isthmus.datasets import tuxpaint
from isthmus.media import decode


@pytest.fixture
def stamps(tmp_path: Path) -> Path:
    def put(name: str, captions: str = "", *clips: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".png").write_bytes(f"png {name}".encode())
        if captions:
            path.with_suffix(".txt").write_text(captions, encoding="utf-8")
        for clip in clips:
            path.with_name(path.name + clip).write_bytes(f"{clip} {name}".encode())

    put("animals/cat", "A cat.\nfr.utf8=Un chat.\nzh_TW.utf8=貓。\n", ".ogg", "_desc_fr.ogg")
    put(
        "animals/dog", "A dog.\nzh_CN.utf8=狗。\nzh_TW.utf8=犬。\nsr@latin.utf8=Pas.\n", "_desc.ogg"
    )
    put("animals/dog2", "A dog.\n")
    put("plants/tree", "A tree.\npt_BR.utf8=Uma árvore.\nfr.utf8=\n", "_desc_pt_BR.wav")
    put("plants/nameless")
    return tmp_path


def load(stamps: Path, **options):
    return tuxpaint.load(root=stamps, **options)


def test_one_picture_a_caption(stamps: Path) -> None:
    data = load(stamps)
    assert [record.id for record in data.records] == ["animals/cat", "animals/dog", "plants/tree"]
    assert [record.group for record in data.records] == ["animals", "animals", "plants"]
    assert data.records[0].items["text"].captions == ("A cat.",)
    assert data.records[0].language == "en"
    assert data.views == ("text", "image")
    assert data.licence == "public domain"


def test_languages(stamps: Path) -> None:
    chinese = load(stamps, languages="zh")
    assert [r.items["text"].captions for r in chinese.records] == [("貓。",), ("狗。",)]
    assert [Path(f.source).name for f in chinese.skipped] == ["tree.png"]
    several = load(stamps, languages=("en", "pt_BR", "sr-Latn"))
    assert [r.items["text"].captions for r in several.records] == [
        ("A cat.",),
        ("A dog.", "Pas."),
        ("A tree.", "Uma árvore."),
    ]
    every = load(stamps, languages="all").records[1].items["text"].captions
    assert every == ("A dog.", "Pas.", "狗。", "犬。")
    with pytest.raises(DataError, match="no language 'xx'"):
        load(stamps, languages="en,xx")
    with pytest.raises(DataError, match="without a language"):
        load(stamps, languages=[])


def test_pictures_and_clips_never_meet_unless_asked(stamps: Path) -> None:
    apart = load(stamps, part="image-text-speech", language="en")
    assert [record.id for record in apart.records] == [
        "animals/cat",
        "animals/dog",
        "animals/dog#speech",
        "plants/tree",
    ]
    assert not any({"image", "audio"} <= set(record.items) for record in apart.records)
    joined = load(stamps, part="image-text-sound", pair_all=True)
    assert set(joined.records[0].items) == {"text", "image", "audio"}
    assert len(joined) == 3


def test_speech_and_sounds(stamps: Path) -> None:
    french = load(stamps, part="speech-text")
    assert [r.items["text"].captions for r in french.records] == [("Un chat.",)]
    assert french.records[0].language == "fr"
    english = load(stamps, part="speech-text", languages="en")
    assert english.records[0].items["text"].captions == ("A cat.",)
    brazilian = load(stamps, part="speech-text", language="pt-BR")
    assert brazilian.records[0].items["audio"].source.endswith("tree_desc_pt_BR.wav")
    assert [r.id for r in load(stamps, part="sound-text").records] == ["animals/cat#sound"]
    with pytest.raises(DataError, match="no part 'smell'"):
        load(stamps, part="smell")


def test_a_folder_that_holds_no_stamps(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be the stamps folder"):
        load(tmp_path)
    with pytest.raises(MissingDataError, match="no folder"):
        load(tmp_path / "none")


@pytest.mark.tuxpaint
def test_the_image_text_protocol(tuxpaint_root: Path) -> None:
    data = load(tuxpaint_root)
    assert len(data) == 674
    assert len({record.items["text"].captions for record in data.records}) == 674
    assert len({record.id for record in data.records}) == 674
    assert not data.skipped
    assert data.records[0].id == "animals/amphibians/frog-1"
    assert all(decode(record.items["image"]).mode == "RGB" for record in data.records[::40])
    chinese = load(tuxpaint_root, languages=("zh",))
    assert (len(chinese), len(chinese.skipped)) == (642, 32)


@pytest.mark.tuxpaint
def test_the_speech_text_protocol(tuxpaint_root: Path) -> None:
    data = load(tuxpaint_root, part="speech-text", language="fr")
    assert len(data) == 400
    assert len({record.items["text"].captions for record in data.records}) == 354
    assert all(decode(record.items["audio"]).seconds > 0.2 for record in data.records[::40])
    assert len(load(tuxpaint_root, part="speech-text", limit=None)) == 927


@pytest.mark.tuxpaint
def test_the_sound_text_protocol(tuxpaint_root: Path) -> None:
    data = load(tuxpaint_root, part="sound-text")
    assert len(data) == 135
    silent = []
    for record in data.records:
        try:
            decode(record.items["audio"])
        except EmptyMediaError:
            silent.append(record.id)
    assert [key.split("/")[-1] for key in silent] == [
        "nandou#sound",
        "iguana#sound",
        "giraffe#sound",
        "wombat#sound",
    ]


@pytest.mark.tuxpaint
def test_every_language_is_listed(tuxpaint_root: Path) -> None:
    found: set[str] = set()
    for path in tuxpaint_root.rglob("*.txt"):
        found.update(tuxpaint.read_captions(path))
    assert found == set(tuxpaint.LANGUAGES)
    assert (
        len(datasets.load("tuxpaint", root=tuxpaint_root, part="image-text-speech", language="en"))
        == 736
    )
