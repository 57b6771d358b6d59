import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from tests.waiting import PATIENCE

from isthmus import encoders
from isthmus.core.contracts import image_side_of
from isthmus.core.errors import (
    DataError,
    InputError,
    MissingExtraError,
    PartlyEncodedError,
    RemoteError,
    VectorError,
)
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.encoders.classic import ColorHogEncoder
from isthmus.encoders.vectors import VectorEncoder
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.decoding import WORKERS
from isthmus.pipeline.encode import encode_items, encode_records, left_to_encode


class Lengths:
    """A text encoder whose vectors tell the caption: its length and the sum of its letters."""

    id = "lengths"
    modality = "text"
    dim = 2
    fingerprint = "lengths-1"
    languages = ()
    batch_size = 4

    def __init__(self):
        self.batches = []

    def prepare(self, decoded):
        if "refuse" in decoded[0]:
            raise InputError("this caption is refused")
        return decoded

    def encode(self, batch):
        self.batches.append(len(batch))
        return np.array([self.vector(parts[0]) for parts in batch], dtype=np.float32)

    @staticmethod
    def vector(text):
        return len(text), sum(map(ord, text)) % 251 + 1


class Mean:
    """An image encoder that counts what is in flight."""

    id = "mean"
    modality = "image"
    dim = 3
    fingerprint = "mean-1"
    languages = ()
    batch_size = 4

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.prepared = 0
        self.encoded = 0
        self.most = 0
        self.threads = set()
        self.lock = threading.Lock()

    def prepare(self, decoded):
        with self.lock:
            self.threads.add(threading.get_ident())
            self.prepared += 1
            self.most = max(self.most, self.prepared - self.encoded)
        return np.asarray(decoded, dtype=np.float32).mean(axis=(0, 1)) + 1

    def encode(self, batch):
        time.sleep(self.seconds)
        with self.lock:
            self.encoded += len(batch)
        return np.stack(batch)


def texts(*captions):
    return [MediaItem.from_text(caption) for caption in captions]


def images(folder: Path, n):
    made = []
    for i in range(n):
        path = folder / f"{i:03}.png"
        Image.new("RGB", (8, 8), (i, 255 - i, 7)).save(path)
        made.append(MediaItem.from_path(path, "image"))
    return made


@pytest.fixture
def cache(tmp_path):
    with VectorCache(tmp_path / "cache.sqlite") as made:
        yield made


def test_rows_are_in_the_order_of_the_items():
    captions = [f"caption {'x' * (i % 5)} {i}" for i in range(11)]
    encoder = Lengths()
    done = encode_items(texts(*captions), encoder)
    assert done.vectors.tolist() == [list(Lengths.vector(c)) for c in captions]
    assert done.vectors.dtype == np.float32
    assert done.ok.all()
    assert done.failures == []
    assert encoder.batches == [4, 4, 3]


def test_texts_and_sounds_of_like_lengths_share_a_batch(tmp_path):
    said = ["a" * n for n in (3, 90, 5, 80, 1, 70, 2)]
    seen = []

    class Seeing(Lengths):
        batch_size = 3

        def encode(self, batch):
            seen.append([len(parts[0]) for parts in batch])
            return super().encode(batch)

    done = encode_items(texts(*said), Seeing())
    assert seen == [[90, 80, 70], [5, 3, 2], [1]]
    np.testing.assert_array_equal(done.vectors[:, 0], [3, 90, 5, 80, 1, 70, 2])

    class Hearing(Lengths):
        modality = "audio"

        def prepare(self, decoded):
            return ("a" * round(10 * decoded.seconds),)

    sounds = []
    for tenths in (4, 9, 2):
        tone = np.sin(np.arange(800 * tenths) / 9) / 2
        path = tmp_path / f"{tenths}.wav"
        soundfile.write(path, tone, 8000)
        sounds.append(MediaItem.from_path(path, "audio"))
    encoder = Hearing()
    prepared = []
    encoder.encode = lambda batch: (
        prepared.extend(len(parts[0]) for parts in batch) or Lengths.encode(encoder, batch)
    )
    done = encode_items(sounds, encoder)
    assert prepared == [9, 4, 2]
    np.testing.assert_array_equal(done.vectors[:, 0], [4, 9, 2])


def test_what_is_left_to_encode_is_what_the_cache_does_not_know(cache):
    encoder = Lengths()
    encode_items(texts("a", "b"), encoder, cache=cache)
    left = left_to_encode(texts("a", "ccc", "b", "dd", "dd"), encoder, cache)
    assert [item.captions for item in left] == [("ccc",), ("dd",)]
    assert len(left_to_encode(texts("a", "b"), encoder, None)) == 2


def test_large_photographs_need_no_full_decoding_and_keep_their_vectors(tmp_path):
    """An encoder says how many pixels it needs; its vector is almost that of full decoding."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, size=(60, 80, 3), dtype=np.uint8)
    photo = Image.fromarray(coarse).resize((2400, 1800), Image.Resampling.BICUBIC)
    path = tmp_path / "photo.jpg"
    photo.save(path, quality=90)
    encoder = ColorHogEncoder()
    item = MediaItem.from_path(path, "image")
    small = WORKERS.decode(item, image_side=image_side_of(encoder))
    assert small.size == (300, 225)  # an eighth, above twice the 64 pixels that it looks at
    full, reduced = (
        encoder.encode([encoder.prepare(picture)])[0] for picture in (WORKERS.decode(item), small)
    )
    cosine = full @ reduced / np.linalg.norm(full) / np.linalg.norm(reduced)
    assert 1e-9 < 1 - cosine < 0.005
    np.testing.assert_allclose(encode_items([item], encoder).vectors[0], reduced, atol=1e-6)


def test_images_decoded_by_threads_are_in_order_too(tmp_path):
    items, encoder = images(tmp_path, 23), Mean()
    done = encode_items(items, encoder, workers=3)
    expected = [[i + 1, 256 - i, 8] for i in range(23)]
    np.testing.assert_allclose(done.vectors, expected)
    assert threading.get_ident() not in encoder.threads


def test_no_items_give_no_rows():
    done = encode_items([], Lengths())
    assert done.vectors.shape == (0, 2)
    assert done.ok.shape == (0,)


def test_duplicates_are_encoded_once_and_fill_every_row():
    encoder = Lengths()
    done = encode_items(texts("one", "two", "one", "one", "three"), encoder)
    assert sum(encoder.batches) == 3
    assert np.array_equal(done.vectors[[0, 0]], done.vectors[[2, 3]])
    assert done.ok.all()


def test_parts_of_one_recording_are_not_duplicates():
    encoder = VectorEncoder(2, "mine")
    whole = MediaItem.from_vector(np.ones(2), source="a")
    halves = [
        MediaItem(whole.id, "vector", "a", np.array(row, dtype=np.float32), span=span)
        for row, span in (([1, 0], (0.0, 1.0)), ([0, 1], (1.0, 2.0)))
    ]
    done = encode_items([*halves, whole], encoder)
    assert done.vectors.tolist() == [[1, 0], [0, 1], [1, 1]]


def test_what_is_in_the_cache_is_neither_decoded_nor_encoded(tmp_path, cache):
    items, encoder = images(tmp_path, 9), Mean()
    first = encode_items(items, encoder, cache=cache)
    for path in tmp_path.glob("*.png"):
        path.unlink()
    again = encode_items(items, encoder, cache=cache)
    assert encoder.encoded == encoder.prepared == 9
    assert np.array_equal(first.vectors, again.vectors)
    other = Mean()
    other.fingerprint = "mean-2"
    assert len(encode_items(items, other, cache=cache).failures) == 9


def test_cached_vectors_that_cannot_be_right_are_made_again(cache):
    items = texts("one", "two", "three")
    cache.put("lengths-1", [items[0].id], np.zeros((1, 2), np.float32))
    cache.put("lengths-1", [items[1].id], np.full((1, 2), np.nan, np.float32))
    cache.put("lengths-1", [items[2].id], np.ones((1, 7), np.float32))
    encoder = Lengths()
    done = encode_items(items, encoder, cache=cache)
    assert done.vectors[:, 0].tolist() == [3, 3, 5]
    assert sum(encoder.batches) == 3


def test_failures_name_the_source_and_the_rest_goes_on(tmp_path, cache):
    items = images(tmp_path, 6)
    bad = tmp_path / "bad.png"
    bad.write_bytes((tmp_path / "000.png").read_bytes()[:40])
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    items[2:2] = [MediaItem.from_path(bad, "image")]
    items.append(MediaItem.from_path(empty, "image"))
    done = encode_items(items, Mean(), cache=cache)
    assert done.ok.tolist() == [True, True, False, True, True, True, True, False]
    assert not done.vectors[[2, 7]].any()
    assert [f.source for f in done.failures] == [str(bad), str(empty)]
    assert all(f.reason and f.source not in f.reason for f in done.failures)
    assert cache.stats()["vectors"] == 6


def test_what_prepare_refuses_is_a_failure_with_its_message():
    done = encode_items(texts("fine", "refuse me", "good", "refuse me"), Lengths())
    assert done.ok.tolist() == [True, False, True, False]
    assert [(f.source, f.reason) for f in done.failures] == [
        ("“refuse me”", "this caption is refused")
    ] * 2


def test_zero_and_non_finite_vectors_are_failures_and_never_cached(cache):
    class Broken(Lengths):
        @staticmethod
        def vector(text):
            return {"nan": (np.nan, 1), "zero": (0, 0), "inf": (1, np.inf)}.get(text, (1, 2))

    done = encode_items(texts("ok", "nan", "zero", "inf"), Broken(), cache=cache)
    assert done.ok.tolist() == [True, False, False, False]
    assert [f.reason.split("gave ")[1] for f in done.failures] == [
        "NaN or infinity for it",
        "only zeros for it",
        "NaN or infinity for it",
    ]
    assert np.isfinite(done.vectors).all()
    assert cache.stats()["vectors"] == 1


def test_a_batch_that_is_refused_is_tried_one_by_one():
    class Picky(Lengths):
        def encode(self, batch):
            if any("bad" in parts[0] for parts in batch):
                raise InputError("cannot encode bad")
            return super().encode(batch)

    seen = []
    done = encode_items(
        texts("a", "bad", "b", "c", "d"), Picky(), progress=lambda *step: seen.append(step)
    )
    assert done.ok.tolist() == [True, False, True, True, True]
    assert done.failures[0].reason == "cannot encode bad"
    assert seen[-1] == ("encode text", 5, 5)


def test_a_batch_that_is_refused_is_halved_until_the_item_is_known():
    class Picky(Lengths):
        batch_size = 64

        def encode(self, batch):
            vectors = super().encode(batch)
            if any("bad" in parts[0] for parts in batch):
                raise InputError("cannot encode bad")
            return vectors

    picky = Picky()
    names = [f"text {i}" for i in range(64)]
    names[41] = "bad"
    done = encode_items(texts(*names), picky)
    assert done.ok.sum() == 63 and done.failures[0].reason == "cannot encode bad"
    assert len(picky.batches) == 13  # 64, then two of 32, of 16, of 8, of 4, of 2, of 1


@pytest.mark.parametrize("cause", [InputError("one is refused"), RemoteError("gone")])
def test_what_a_batch_has_before_it_stops_is_kept(tmp_path, cause):
    class Stops(Lengths):
        batch_size = 8

        def encode(self, batch):
            vectors = super().encode(batch)
            bad = [i for i, parts in enumerate(batch) if "bad" in parts[0]]
            if not bad:
                return vectors
            if len(batch) == 1:
                raise cause
            vectors[bad[0] :] = np.nan
            raise PartlyEncodedError(str(cause), vectors=vectors, cause=cause)

    stops, cache = Stops(), VectorCache(tmp_path / "vectors.sqlite")
    items = texts("one", "two", "six", "bad", "ten", "red")  # of one length: in this order
    if isinstance(cause, RemoteError):
        with pytest.raises(RemoteError, match="gone"):
            encode_items(items, stops, cache=cache)
        kept = cache.get("lengths-1", [item.id for item in items])
        assert sorted(kept) == sorted(item.id for item in items[:3])
    else:
        done = encode_items(items, stops, cache=cache)
        assert done.ok.tolist() == [True, True, True, False, True, True]
        assert done.failures[0].reason == "one is refused"
        assert stops.batches == [6, 1, 2]  # the first three are not encoded again


def test_an_encoder_of_wrong_shape_is_an_error_not_a_failure():
    class Wrong(Lengths):
        dim = 3

    with pytest.raises(
        VectorError, match=r"'lengths' gave an array of shape \(2, 2\), need \(2, 3"
    ):
        encode_items(texts("a", "b"), Wrong())


def test_another_modality_is_refused_before_anything_runs():
    encoder = Lengths()
    item = MediaItem.from_vector(np.ones(2), source="row 3")
    with pytest.raises(InputError, match="row 3: is vector, but the encoder 'lengths' reads text"):
        encode_items([*texts("a"), item], encoder)
    assert encoder.batches == []


def test_other_errors_are_not_swallowed(tmp_path):
    class NotInstalled(Mean):
        def prepare(self, decoded):
            raise MissingExtraError("pip install it")

    with pytest.raises(MissingExtraError, match="pip install it"):
        encode_items(images(tmp_path, 30), NotInstalled())


def test_progress_rises_to_the_total_and_counts_what_was_cached(cache):
    captions = [f"caption {i}" for i in range(10)]
    encode_items(texts(*captions[:3]), Lengths(), cache=cache)
    seen = []
    items = texts(*captions, "refuse", captions[0])
    encode_items(items, Lengths(), cache=cache, progress=lambda *step: seen.append(step))
    assert [done for _, done, _ in seen] == [4, 8, 12]
    assert {(phase, total) for phase, _, total in seen} == {("encode text", 12)}


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, cache):
    class Interrupted(Mean):
        def encode(self, batch):
            if self.encoded == 8:
                raise KeyboardInterrupt
            return super().encode(batch)

    items = images(tmp_path, 20)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        encode_items(items, Interrupted(), cache=cache)
    assert threading.active_count() == before
    assert cache.stats()["vectors"] == 8
    second = Mean()
    done = encode_items(items, second, cache=cache)
    assert second.encoded == 12
    assert done.ok.all()
    assert np.array_equal(done.vectors, encode_items(items, Mean()).vectors)


def test_only_a_few_prepared_items_are_in_memory_when_inference_is_slow(tmp_path):
    encoder = Mean(seconds=0.005)
    encode_items(images(tmp_path, 120), encoder, workers=4)
    assert encoder.most <= 3 * encoder.batch_size
    assert encoder.encoded == 120


def test_decoding_and_inference_overlap(tmp_path):
    class Watched(Mean):
        """The fifth picture is decoded while the first four are encoded, or never."""

        begun, met = threading.Event(), threading.Event()

        def prepare(self, decoded):
            if self.prepared == self.batch_size:
                assert self.begun.wait(PATIENCE)
                self.met.set()
            return super().prepare(decoded)

        def encode(self, batch):
            self.begun.set()
            assert self.met.wait(PATIENCE)
            return super().encode(batch)

    encoder = Watched()
    assert encode_items(images(tmp_path, 40), encoder, workers=1).ok.all()
    assert encoder.encoded == 40


def records(tmp_path):
    pictures = images(tmp_path, 3)
    broken = MediaItem.from_bytes(b"\x89PNG\r\n\x1a\n broken", "image", source="broken.png")
    one, two, three = texts("one", "two", "three")
    return Dataset(
        "mine",
        [
            Record("a", {"text": one, "image": pictures[0]}, group="g"),
            Record("b", {"image": broken}),
            Record("c", {"text": two, "image": broken}, group="h"),
            Record("d", {"image": pictures[2]}),
            Record("e", {"text": three}),
        ],
    )


def test_records_become_rows_and_what_failed_is_absent(tmp_path):
    paired, failures = encode_records(records(tmp_path), {"text": Lengths(), "image": Mean()})
    assert list(paired.ids) == ["a", "c", "d", "e"]
    assert paired.groups.tolist() == ["g", "h", None, None]
    assert paired.present["text"].tolist() == [True, True, False, True]
    assert paired.present["image"].tolist() == [True, False, True, False]
    assert paired.vectors["text"][:, 0].tolist() == [3, 3, 0, 5]
    np.testing.assert_allclose(paired.vectors["image"][2], [3, 254, 8])
    assert [f.source for f in failures] == ["broken.png", "broken.png"]


def test_modalities_without_an_encoder_are_left_out(tmp_path):
    paired, failures = encode_records(records(tmp_path), {"text": Lengths()})
    assert paired.views == ("text",)
    assert list(paired.ids) == ["a", "c", "e"]
    assert failures == []


def test_records_without_groups_have_none():
    data = Dataset("mine", [Record("a", {"text": texts("x")[0]})])
    assert encode_records(data, {"text": Lengths()})[0].groups is None


def test_vectors_of_the_user_need_no_encoder():
    rows = np.arange(1, 9, dtype=np.float32).reshape(4, 2)
    data = Dataset(
        "mine",
        [
            Record(
                str(i),
                {
                    "text": texts(f"t{i}")[0],
                    "sensor": MediaItem.from_vector(row, source=f"row {i}"),
                },
            )
            for i, row in enumerate(rows)
        ],
    )
    paired, failures = encode_records(data, {"text": Lengths()})
    assert paired.views == ("text", "sensor")
    assert np.array_equal(paired.vectors["sensor"], rows)
    assert failures == []


def test_nothing_encodable_says_why(tmp_path):
    data = records(tmp_path)
    with pytest.raises(DataError, match="views text, image, but encoders were given for aud"):
        encode_records(data, {"audio": encoders.load("mfcc")})
    with pytest.raises(DataError, match=r"not one item could be encoded \(1 failed\): broken.png"):
        encode_records(data.take([1]), {"image": ColorHogEncoder()})


@pytest.mark.starter
@pytest.mark.skipif(
    bool(encoders.missing_packages("efficientnet-lite0")), reason="starter is not installed"
)
def test_starter_vectors_do_not_depend_on_workers_or_batches(tmp_path):
    items = images(tmp_path, 11)
    encoder = encoders.load("efficientnet-lite0")
    first = encode_items(items, encoder, workers=0, batch_size=1)
    second = encode_items(items, encoder, workers=3, batch_size=5)
    np.testing.assert_allclose(first.vectors, second.vectors, atol=1e-5)
    assert first.ok.all()
