from pathlib import Path

import pytest

from isthmus.core.errors import DataError
from isthmus.datasets import hedgewars
from isthmus.pipeline.splits import linked_groups


def test_shouts_of_voices(tmp_path: Path) -> None:
    sounds = {
        "Pirate/Ow1": b"ow",
        "Pirate/Laugh": b"ha",
        "Robot/Ow2": b"ow",
        "Robot/Jump3": b"hup",
        "Singer/Uh-oh": b"uh",
    }
    for name, sound in sounds.items():
        path = tmp_path / f"{name}.ogg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sound)
    data = hedgewars.load(root=tmp_path)
    assert {record.id: dict(record.fields) for record in data.records} == {
        "Pirate/Laugh": {"voice": "Pirate", "event": "Laugh", "valence": "positive"},
        "Pirate/Ow1": {"voice": "Pirate", "event": "Ow", "valence": "negative"},
        "Robot/Jump3": {"voice": "Robot", "event": "Jump"},
        "Robot/Ow2": {"voice": "Robot", "event": "Ow", "valence": "negative"},
        "Singer/Uh-oh": {"voice": "Singer", "event": "Uh-oh", "valence": "negative"},
    }
    # two voices that share a recording stay on one side of a split
    assert linked_groups(data.records).tolist() == [0, 0, 0, 0, 1]


def test_no_event_has_two_valences() -> None:
    assert not set(hedgewars.VALENCE["positive"]) & set(hedgewars.VALENCE["negative"])


def test_a_folder_without_voices(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no voices"):
        hedgewars.load(root=tmp_path)
