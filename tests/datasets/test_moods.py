import io
import wave
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from isthmus.core.errors import DataError
from isthmus.core.record import Record
from isthmus.datasets import load, moods
from isthmus.datasets.moods import MOODS, TEMPI


def warm(record: Record) -> bool:
    """Whether the picture is more red than blue and green, less the white ground."""
    image = np.asarray(Image.open(io.BytesIO(record.items["image"].read())).convert("RGB"), float)
    red, green, blue = (255 - image).sum(axis=(0, 1))
    return bool(red < min(green, blue))


def onsets(data: bytes) -> float:
    """Notes a second: how often loudness jumps up."""
    with wave.open(io.BytesIO(data)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(float)
        rate = sound.getframerate()
    step = rate // 100
    loud = np.abs(samples[: len(samples) // step * step]).reshape(-1, step).max(axis=1)
    jumps = loud[2:] > 1.5 * loud[:-2] + 300
    return float((np.diff(jumps.astype(int)) == 1).sum() / (len(samples) / rate))


def test_colour_and_tempo_make_the_mood() -> None:
    records = load("shapes-mood", n=48, seed=3).records
    for record in records:
        pleasant = record.fields["mood"] in ("joyful", "content")
        assert warm(record) == pleasant
        level = int(record.fields["energy"]) - pleasant
        assert (level >= 2) == (record.fields["mood"] in ("joyful", "tense"))
    assert set(Counter(r.fields["mood"] for r in records)) == set(MOODS.values())


def test_a_faster_tune_has_more_notes() -> None:
    rng = np.random.default_rng(0)
    found = [np.mean([onsets(moods.tune(tempo, rng)) for _ in range(5)]) for tempo in TEMPI]
    assert found == pytest.approx(TEMPI, rel=0.35)


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again = (moods.load(n=3, seed=1).records for _ in range(2))
    assert [r.items["audio"].id for r in first] == [r.items["audio"].id for r in again]
    assert [r.items["image"].id for r in first] == [r.items["image"].id for r in again]
    assert first[0].items["audio"].id != moods.load(n=1, seed=2).records[0].items["audio"].id


@pytest.mark.parametrize("n", [0, 1.5])
def test_a_number_that_is_none(n: float) -> None:
    with pytest.raises(DataError, match="n ≥ 1"):
        moods.load(n=n)  # type: ignore[arg-type]
