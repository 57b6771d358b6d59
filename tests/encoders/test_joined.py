from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import l2_normalize
from isthmus.core.record import Dataset
from isthmus.datasets import load as load_data
from isthmus.encoders import load
from isthmus.encoders.joined import JoinedEncoder
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.encode import encode_items


class Sums:
    """Two numbers of a vector, times a factor."""

    modality, dim, languages = "vector", 2, ()

    def __init__(self, factor: float) -> None:
        self.id = f"sums{factor:g}"
        self.fingerprint = self.id
        self.factor = factor
        self.calls = 0

    def prepare(self, decoded: np.ndarray) -> np.ndarray:
        if decoded.sum() > 100:
            raise InputError("too large")
        return decoded

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        self.calls += len(batch)
        rows = [[row.sum(), self.factor * row.max()] for row in batch]
        return np.array(rows, dtype=np.float32)


def items(*rows: list[float]) -> list[MediaItem]:
    return [MediaItem.from_vector(np.array(r), source=f"row {r}") for r in rows]


def test_parts_are_scaled_to_unit_length_and_concatenated() -> None:
    joined = JoinedEncoder([Sums(1.0), Sums(7.0)])
    assert joined.dim == 4 and joined.id == "sums1+sums7"
    found = joined.encode([joined.prepare(np.array([3.0, 1.0]))])
    expected = np.array([4, 3]) / 5, np.array([4, 21]) / np.hypot(4, 21)
    np.testing.assert_allclose(found[0], np.concatenate(expected), rtol=1e-6)


def test_the_cache_of_the_parts_is_used(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "v.sqlite")
    one, two = Sums(1.0), Sums(2.0)
    rows = items([1.0, 2.0], [3.0, 5.0], [99.0, 9.0])
    encode_items(rows, one, cache=cache)
    done = encode_items(rows, JoinedEncoder([one, two]), cache=cache)
    assert (one.calls, two.calls) == (2, 2)
    assert done.ok.tolist() == [True, True, False]
    assert [failure.reason for failure in done.failures] == ["too large"]
    plain = encode_items(rows, JoinedEncoder([one, two]))
    np.testing.assert_allclose(done.vectors, plain.vectors, rtol=1e-6)
    assert not done.vectors[2].any()


def test_with_a_cache_every_item_that_fails_has_its_own_reason(tmp_path: Path) -> None:
    """Also where several come from one file, as the spans of a recording do."""
    rows = items([99.0, 9.0], [1.0, 2.0], [99.0, 8.0])
    rows = [replace(item, source="tape.wav") for item in rows]
    cache = VectorCache(tmp_path / "v.sqlite")
    done = encode_items(rows, JoinedEncoder([Sums(1.0), Sums(2.0)]), cache=cache)
    assert done.ok.tolist() == [False, True, False]
    assert [failure.reason for failure in done.failures] == ["too large", "too large"]


def test_named_with_a_plus(shapes: Dataset) -> None:
    joined = load("color-hog+color-hog")
    picture = shapes.take(range(2)).records[0].items["image"]
    found = encode_items([picture], joined).vectors
    alone = encode_items([picture], load("color-hog")).vectors
    half = l2_normalize(alone)
    np.testing.assert_allclose(found, np.concatenate([half, half], axis=1), rtol=1e-6)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("color-hog+mfcc", r"of one modality, got color-hog \(image\), mfcc \(audio\)"),
        ("tfidf+tfidf", "tfidf must be fitted"),
        ("color-hog+nothing", "unknown encoder 'nothing'"),
    ],
)
def test_what_cannot_be_joined(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(spec)


def test_parts_that_look_at_different_frames_are_given_their_own(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="films are written by PyAV: pip install 'isthmus[formats]'")
    films = [record.items["video"] for record in load_data("shapes-motion", n=3).records]
    parts = [load(spec) for spec in ("frames?image=color-hog&n=5", "motion?n=9")]
    joined = load("frames?image=color-hog&n=5+motion?n=9")
    assert isinstance(joined, JoinedEncoder)
    assert (joined.apart, joined.sampling.frames, joined.window) == (True, 9, parts[0].window)
    alone = [l2_normalize(encode_items(films, part).vectors) for part in parts]
    found = encode_items(films, joined).vectors
    np.testing.assert_allclose(found, np.concatenate(alone, axis=1), atol=1e-6)
    cached = encode_items(films, joined, cache=VectorCache(tmp_path / "vectors.sqlite")).vectors
    np.testing.assert_allclose(cached, found, atol=1e-6)
    assert not JoinedEncoder([parts[0], load("frames?image=color-hog&n=5&pool=max")]).apart
