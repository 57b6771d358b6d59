"""Checks of encoders: what is told is true, and an encoder whose batches matter is caught."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus.audit import check_encoder
from isthmus.audit.encoder_check import TOLERANCE, made_up
from isthmus.core.errors import InputError, MediaError
from isthmus.core.linalg import F32
from isthmus.datasets import load as load_dataset
from isthmus.encoders import load, modalities
from isthmus.encoders.model_files import model_files


class Lengths:
    """Texts to their numbers of letters; a batch adds ``leak`` times its longest to each."""

    id, modality, dim, languages, batch_size = "lengths", "text", 2, ("en",), 48

    def __init__(self, *, leak: float = 0.0, drift: float = 0.0) -> None:
        self.leak, self.drift, self.calls = leak, drift, 0
        self.fingerprint = f"lengths-{leak}-{drift}"
        self.sizes: list[int] = []

    def prepare(self, decoded: Any) -> int:
        return sum(map(len, decoded))

    def encode(self, batch: Sequence[int]) -> F32:
        self.calls += 1
        self.sizes.append(len(batch))
        longest = self.leak * max(batch) + self.drift * self.calls
        return np.array([[each, 100 + longest] for each in batch], dtype=np.float32)


class Towers(Lengths):
    """One whose space, place and folder are known."""

    joint, logit_scale, logit_bias, device, dtype = "a space", 20.0, -1.0, "cpu", "float32"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder


def test_an_encoder_that_looks_at_its_batch_is_caught() -> None:
    assert check_encoder(Lengths(), seconds=0).steady
    leaking = check_encoder(Lengths(leak=0.1), seconds=0)
    tower = leaking.towers[0]
    assert not leaking.steady and tower.difference > 0.001 and tower.repeated == 0
    faint = check_encoder(Lengths(leak=1e-7), seconds=0)
    assert faint.steady and faint.towers[0].difference <= TOLERANCE


def test_an_encoder_that_gives_other_vectors_each_time_is_caught() -> None:
    found = check_encoder(Lengths(drift=1.0), seconds=0)
    assert not found.steady and found.towers[0].repeated > TOLERANCE


def test_speeds_are_of_the_batches_that_were_encoded() -> None:
    encoder = Lengths()
    tower = check_encoder(encoder, seconds=0).towers[0]
    assert (tower.items, tower.batch_size, tower.made_up) == (48, 48, True)
    assert tower.single.batch_size == 1 and tower.batched.batch_size == 48
    assert (tower.single.rounds, tower.batched.rounds) == (3, 1)
    assert min(tower.single.per_second, tower.batched.per_second, tower.first_ms) > 0
    # The first, 32 alone and together, three alone and a batch of 48 to time, and 32 once more.
    assert sorted(encoder.sizes) == [1] * 36 + [32, 32, 48]
    assert tower.single.sound_per_second is None


def test_seconds_of_sound_are_counted() -> None:
    tower = check_encoder("mfcc", seconds=0).towers[0]
    seconds = [each.seconds for each in made_up(load("mfcc"), 64)]
    rate = tower.batched.sound_per_second
    assert rate is not None
    assert rate / tower.batched.per_second == pytest.approx(np.mean(seconds), rel=1e-6)


@pytest.mark.parametrize(
    "name", ["color-hog", "mfcc", "vectors?dim=5&name=mine", f"{__name__}:Lengths"]
)
def test_every_modality_can_be_made_up_and_is_ragged(name: str) -> None:
    encoder = load(name) if not name.startswith(__name__) else Lengths()
    items = made_up(encoder, 40)
    again = made_up(encoder, 40)
    sizes = {
        np.asarray(each).shape if encoder.modality == "image" else _size(each) for each in items
    }
    assert len(items) == 40
    assert len(sizes) > 8 or encoder.modality == "vector"
    assert all(np.array_equal(_array(a), _array(b)) for a, b in zip(items, again, strict=True))
    assert check_encoder(encoder, seconds=0).steady


def _array(item: Any) -> Any:
    return np.asarray(getattr(item, "samples", item))


def _size(item: Any) -> Any:
    return len(item[0]) if isinstance(item, tuple) else len(_array(item))


def test_clips_are_made_up_of_frames() -> None:
    class Clips(Lengths):
        modality = "video"

    clips = made_up(Clips(), 3)
    found = [(each.frames.dtype, each.frames.ndim, each.frames.shape[-1]) for each in clips]
    assert found == [(np.uint8, 4, 3)] * 3
    assert [len(each.frames) for each in clips] == [len(each.times) for each in clips]
    assert len({each.seconds for each in clips}) == 3
    assert (clips[0].frames[0] != clips[0].frames[1]).any()


def test_files_of_the_users_are_encoded_in_place_of_made_up_items(tmp_path: Path) -> None:
    paths = []
    for record in load_dataset("shapes", n=3).records:
        paths.append(tmp_path / f"{record.id}.png")
        paths[-1].write_bytes(record.items["image"].read())
    tower = check_encoder("color-hog", paths, seconds=0).towers[0]
    assert (tower.items, tower.made_up, tower.batched.batch_size) == (3, False, 3)
    assert Path(tower.worst).parent == tmp_path
    with pytest.raises(InputError, match=r"scene-0000\.png is image, but 'mfcc' reads audio"):
        check_encoder("mfcc", paths)
    with pytest.raises(MediaError, match=r"nowhere\.png"):
        check_encoder("color-hog", [tmp_path / "nowhere.png"])


def test_a_class_of_the_users_is_checked_by_its_name() -> None:
    name = "tests.audit.test_encoder_check:Lengths?leak=0.5"
    assert modalities(name) == ("text",)
    found = check_encoder(name, seconds=0)
    assert found.spec.endswith("leak=0.5") and found.towers[0].languages == ("en",)
    assert not found.steady


def test_what_is_known_of_a_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"0" * 1000)
    (tmp_path / "README.md").write_text("---\nlicense: mit\nlanguage: en\n---\n# Mine\n")
    found = check_encoder(Towers(tmp_path), seconds=0)
    tower = found.towers[0]
    assert (tower.joint, tower.logit_scale, tower.logit_bias) == ("a space", 20.0, -1.0)
    assert (tower.device, tower.dtype) == ("cpu", "float32")
    assert found.files is not None
    assert (found.files.weight_bytes, found.files.licence) == (1000, "mit")
    assert found.files.card == tmp_path / "README.md"
    assert check_encoder(Lengths(), seconds=0).files is None


@pytest.mark.parametrize(
    ("card", "licence_file", "licence"),
    [
        ("---\nlicense: apache-2.0\n---\n", "MIT License\n", "apache-2.0"),
        ('---\r\nlicense: other\r\nlicense_name: "own-1.0"\r\n---\r\n', "", "own-1.0"),
        ("# No head\nlicense: mit\n", "MIT License\n\nCopyright", "MIT License"),
        ("", "", ""),
    ],
)
def test_licences_are_read_from_the_card_or_a_file(
    tmp_path: Path, card: str, licence_file: str, licence: str
) -> None:
    if card:
        (tmp_path / "README.md").write_text(card, newline="")
    if licence_file:
        (tmp_path / "LICENSE").write_text(licence_file)
    found = model_files(tmp_path)
    assert (found.licence, found.weight_bytes) == (licence, 0)
    assert (found.card is not None) == bool(card)


@pytest.mark.parametrize(("number", "said"), [(np.nan, "NaN or infinite"), (0.0, "only zeros")])
def test_vectors_that_cannot_be_compared_are_told(number: float, said: str) -> None:
    class Useless(Lengths):
        def encode(self, batch: Sequence[int]) -> F32:
            return np.full((len(batch), 2), number, dtype=np.float32)

    with pytest.raises(InputError, match=said):
        check_encoder(Useless(), seconds=0)
