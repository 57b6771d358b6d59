import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.core.errors import DataError, MissingDataError
from isthmus.core.record import Dataset, Record
from isthmus.datasets import find, load, wesnoth
from isthmus.datasets._wesnoth_draw import SIDE, STEP, TARGET
from isthmus.datasets._wesnoth_units import lines, read_units

MACROS = """#define SOUND_LIST:MISS
miss-[1~3].ogg #enddef
#define HIT_AND_MISS HIT MISS TIME
    attack_sound_start_time={TIME}
    [if]
        hits=no
        [attack_sound_frame]
            sound={MISS}
        [/attack_sound_frame]
    [/if]
    [else]
        hits=yes
        [attack_sound_frame]
            sound={HIT}
        [/attack_sound_frame]
    [/else]
#enddef
"""
RACES = '[units]\n[race]\n id=elf\n male_name= _ "race^Elf"\n[/race]\n[/units]\n'
ARCHER = """[unit_type]
    id=Archer
    name= _ "Archer"
    race=elf
    level=1
    alignment=neutral
    image="units/archer.png~FL()"
    advances_to=Ranger
    description= _ "She shoots, and says ""hush""."
    [attack]
        name=bow
        description=_"long bow"
        type=pierce
        range=ranged
    [/attack]
    [attack]
        name=sword
        range=melee
    [/attack]
    [attack_anim]
        [filter_attack]
            name=bow
        [/filter_attack]
        [if]
            direction=n,ne,nw
            [frame]
                image="units/other.png:100"
            [/frame]
        [/if]
        [else]
            direction=s,se,sw
            [frame]
                image="units/bow-[1~2].png:[50,100]"
            [/frame]
        [/else]
        missile_start_time=-50
        start_time=-150
        [missile_frame]
            duration=50
            image="missiles/n.png"
            image_diagonal="missiles/ne.png"
        [/missile_frame]
        {HIT_AND_MISS bow-[1~2].ogg {SOUND_LIST:MISS} -100}
    [/attack_anim]
    [attack_anim]
        [filter_attack]
            range=melee
        [/filter_attack]
        start_time=-100
        [frame]
            image="units/archer.png:200"
        [/frame]
    [/attack_anim]
    [female]
        name= _ "female^Archeress"
        image="units/bow-1.png"
        [attack_anim]
            [frame]
                image="units/archer.png:150"
            [/frame]
        [/attack_anim]
    [/female]
[/unit_type]
"""
RANGER = """[unit_type]
    id=Ranger
    name= _ "Ranger"
    advances_to=null
    image="units/none.png"
    description= _ "Nobody has seen one."
[/unit_type]
[unit_type]
    id=Bat
    name= _ "Bat"
    image="units/archer.png"
    description= _ "It flies."
    [attack]
        name=fangs
    [/attack]
    [attack_anim]
        offset=0
        [frame]
            image="units/archer.png:100"
        [/frame]
    [/attack_anim]
[/unit_type]
"""
COLOURS = {
    "units/archer": "blue",
    "units/bow-1": "green",
    "units/bow-2": "red",
    "missiles/n": "yellow",
    "missiles/ne": "black",
}


def catalogue(texts: dict[str, str]) -> bytes:
    """A file of translations as gettext reads it."""
    rows = sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **texts}.items())
    start = 28 + 16 * len(rows)
    body, tables = b"", ([], [])
    for column in (0, 1):
        for row in rows:
            text = row[column].encode()
            tables[column].append(struct.pack("<2I", len(text), start + len(body)))
            body += text + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, 0)
    return head + b"".join(tables[0]) + b"".join(tables[1]) + body


@pytest.fixture
def game(tmp_path: Path) -> Path:
    core = tmp_path / "data/core"
    for folder in ("macros", "units/elves", "images/units", "images/missiles", "sounds"):
        (core / folder).mkdir(parents=True)
    (core / "macros/sound.cfg").write_text(MACROS)
    (core / "units.cfg").write_text(RACES)
    (core / "units/elves/Archer.cfg").write_text(ARCHER)
    (core / "units/elves/Ranger.cfg").write_text(RANGER)
    for name, colour in COLOURS.items():
        Image.new("RGB", (12, 8), colour).save(core / f"images/{name}.png")
    for name in ("bow-1", "bow-2", "miss-1"):
        (core / f"sounds/{name}.ogg").write_bytes(name.encode())
    texts = tmp_path / "locale/pt_BR/LC_MESSAGES/wesnoth-units.mo"
    texts.parent.mkdir(parents=True)
    hush = 'She shoots, and says "hush".'
    texts.write_bytes(
        catalogue({"Archer": "Arqueira", hush: "Ela atira.", "race^Elf": "Elfo", "Bat": "Morcego"})
    )
    return tmp_path


def by_id(data: Dataset) -> dict[str, Record]:
    return {record.id: record for record in data.records}


def film(record: Record) -> list[np.ndarray]:
    data = record.items["video"].payload
    assert isinstance(data, bytes)
    shown = []
    with Image.open(io.BytesIO(data)) as picture:
        for place in range(getattr(picture, "n_frames", 1)):
            picture.seek(place)
            times = round(float(picture.info["duration"])) // STEP  # equal frames are kept once
            shown += [np.asarray(picture.convert("RGB"))] * times
    return shown


def colour(frame: np.ndarray, right: float = 0, down: float = 0) -> list[int]:
    """What is drawn so far from the middle of the attacker's field."""
    return frame[
        round((SIDE - TARGET[1]) / 2 + down), round((SIDE - TARGET[0]) / 2 + right)
    ].tolist()


BLUE, GREEN, RED, BLACK, WHITE = [0, 0, 255], [0, 128, 0], [255, 0, 0], [0, 0, 0], [255] * 3


def test_units(game: Path) -> None:
    data = wesnoth.load(root=game, labels=True)
    archer = by_id(data)["Archer"]
    assert {view: item.captions for view, item in archer.items.items() if item.captions} == {
        "text": ('Archer. She shoots, and says "hush".',),
        "race": ("Elf",),
        "alignment": ("neutral",),
        "level": ("1",),
    }
    assert archer.items["image"].payload == game / "data/core/images/units/archer.png"
    assert (archer.language, archer.group) == ("en", "Archer")
    assert archer.fields == {"race": "Elf", "alignment": "neutral", "level": 1.0}
    assert [record.id for record in data.records] == ["Archer", "Bat"]
    assert [(f.source, f.reason) for f in data.skipped] == [("Ranger", "has no picture")]
    assert data.licence == "GPL-2.0-or-later"


def test_languages(game: Path) -> None:
    both = by_id(wesnoth.load(root=game, languages="en,pt_BR", labels=True))
    assert both["Archer"].items["text"].captions[1] == "Arqueira. Ela atira."
    assert both["Archer"].items["race"].captions == ("Elf", "Elfo")
    assert both["Bat"].items["text"].captions == ("Bat. It flies.",)
    data = wesnoth.load(root=game, languages=["pt-BR"])
    assert [record.language for record in data.records] == ["pt-BR"]
    assert ("Bat", "has no description in pt-BR") in [(f.source, f.reason) for f in data.skipped]
    every = wesnoth.load(root=game, languages="all")
    assert len(by_id(every)["Archer"].items["text"].captions) == 2
    with pytest.raises(DataError, match=r"no language 'xx'; it has en, pt-BR"):
        wesnoth.load(root=game, languages="xx")
    with pytest.raises(DataError, match="no texts without a language"):
        wesnoth.load(root=game, languages=())


def test_damaged_translations(game: Path) -> None:
    path = game / "locale/pt_BR/LC_MESSAGES/wesnoth-units.mo"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match="cannot be read as texts of gettext"):
        wesnoth.load(root=game, languages="pt-BR")


def test_what_becomes_of_a_unit_is_of_its_line(game: Path) -> None:
    units = read_units(game)
    told = dict(zip([unit.id for unit in units], lines(units), strict=True))
    assert told == {"Archer": "Archer", "Archer+female": "Archer", "Ranger": "Archer", "Bat": "Bat"}


def test_attacks(game: Path) -> None:
    data = wesnoth.load(root=game, animations=True)
    records = by_id(data)
    assert {key: record.items["text"].captions[0] for key, record in records.items()} == {
        "Archer/long bow": "long bow, Archer",
        "Archer/sword": "sword, Archer",
        "Archer+female/long bow": "long bow, Archeress",
        "Archer+female/sword": "sword, Archeress",
    }
    assert [(f.source, f.reason) for f in data.skipped] == [
        ("Bat/fangs", "shows nothing that changes")
    ]
    # the blow that hits, and of two sounds the first
    assert records["Archer/long bow"].items["audio"].read() == b"bow-1"
    assert "audio" not in records["Archer/sword"].items
    assert records["Archer/long bow"].fields["damage"] == "pierce"
    assert records["Archer/long bow"].fields["sound"] == "bow-1.ogg"
    assert "sound" not in records["Archer/sword"].fields
    assert [records[f"Archer/{name}"].fields["range"] for name in ("long bow", "sword")] == [
        "ranged",
        "melee",
    ]


def test_a_film_shows_the_frames_in_time_and_the_missile(game: Path) -> None:
    frames = film(by_id(wesnoth.load(root=game, animations=True))["Archer/long bow"])
    # 50 and 100 ms of the archer; the missile of the diagonal leaves her 50 ms before it hits
    assert [colour(frame) for frame in frames] == [GREEN, RED, BLACK]
    assert frames[0].shape == (SIDE, SIDE, 3)
    data = ARCHER.replace("duration=50", "duration=50\noffset=1")
    (game / "data/core/units/elves/Archer.cfg").write_text(data)
    frames = film(by_id(wesnoth.load(root=game, animations=True))["Archer/long bow"])
    assert [colour(frame, *TARGET) for frame in frames] == [WHITE, WHITE, BLACK]


def test_a_unit_without_a_missile_goes_to_its_target_and_back(game: Path) -> None:
    frames = film(by_id(wesnoth.load(root=game, animations=True))["Archer/sword"])
    # in 100 ms six tenths of the way, and back: 0, .3, .6, .3 every 50 ms
    places = [np.argwhere((frame == BLUE).all(axis=2)).mean(axis=0) for frame in frames]
    moved = np.array(places) - places[0]
    way = np.array([[0.0], [0.3], [0.6], [0.3]]) * TARGET[::-1]
    np.testing.assert_allclose(moved, way, atol=0.51)


def test_another_form_takes_over_what_it_does_not_say(game: Path) -> None:
    record = by_id(wesnoth.load(root=game, animations=True))["Archer+female/long bow"]
    assert record.items["audio"].read() == b"bow-1"
    assert record.group == "Archer"


def test_the_same_bytes_every_time(game: Path) -> None:
    first, again = (wesnoth.load(root=game, animations=True) for _ in range(2))
    ids = [[record.items["video"].id for record in data.records] for data in (first, again)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) > 1


def test_a_picture_that_is_none(game: Path) -> None:
    (game / "data/core/images/units/bow-2.png").write_bytes(b"GIF89a")
    skipped = wesnoth.load(root=game, animations=True).skipped
    assert skipped[0].source == "Archer/long bow"
    assert "bow-2.png: cannot be decoded" in skipped[0].reason


def test_nothing_outside_of_the_folder(game: Path, tmp_path: Path) -> None:
    Image.new("RGB", (12, 8), "red").save(tmp_path / "secret.png")
    path = game / "data/core/units/elves/Ranger.cfg"
    for name in ("../../../secret.png", str(tmp_path / "secret.png")):
        path.write_text(RANGER.replace("units/none.png", name))
        assert "Ranger" not in by_id(wesnoth.load(root=game))


def test_other_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="must be the folder with data/core/units"):
        wesnoth.load(root=tmp_path)
    monkeypatch.setenv("ISTHMUS_DATA", str(tmp_path))
    if find("wesnoth") is None:
        with pytest.raises(MissingDataError, match="isthmus data get wesnoth"):
            load("wesnoth", animations=True)


def test_the_whole_game() -> None:
    place = find("wesnoth")
    if place is None:
        pytest.skip("needs Wesnoth (isthmus data get wesnoth)")
    units = read_units(place)
    assert len(units) == 353
    attacks = [attack for unit in units for attack in unit.attacks]
    assert len(attacks) == 589
    assert sum(bool(attack.sounds) for attack in attacks) == 587
    data = wesnoth.load(languages=("zh-CN",))
    assert {"Elvish Archer", "Elvish Marksman"} <= set(by_id(data))
    groups = {record.id: record.group for record in data.records}
    assert groups["Elvish Archer"] == groups["Elvish Marksman"] != groups["Orcish Archer"]
    assert len(wesnoth.languages_of(place)) == 59
