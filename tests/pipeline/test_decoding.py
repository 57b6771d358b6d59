"""Decoding in child processes: the same vectors, and a bad file costs one file."""

from __future__ import annotations

import gzip
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.waiting import PATIENCE, until

from isthmus.core.errors import (
    CorruptMediaError,
    InputError,
    MediaError,
    MediaTooLargeError,
    MissingExtraError,
    UnsupportedMediaError,
)
from isthmus.core.item import MediaItem, Waveform
from isthmus.core.record import Dataset
from isthmus.encoders import load
from isthmus.encoders.classic import ColorHogEncoder, MfccEncoder, TfidfEncoder
from isthmus.media import decode
from isthmus.media.limits import Limits
from isthmus.media.source import item_from_path
from isthmus.pipeline import DecodeWorkers, encode_items

OWN = """
import os, threading
from isthmus.core.errors import InputError, MissingExtraError
from isthmus.encoders.classic import ColorHogEncoder

class Own(ColorHogEncoder):
    def __init__(self, how="numbers", version=1):
        self.id = "own"
        self.how = how
        self.fingerprint = f"own {version} {how}"
        if how == "differs":
            self.fingerprint += str(os.getpid())
        self.pids = set()

    def prepare(self, decoded):
        self.pids.add(os.getpid())
        red = decoded.getpixel((0, 0))[0]
        if red == 1:
            threading.Event().wait()
        if red == 2:
            os.abort()
        if red == 3:
            raise MemoryError
        if red == 4:
            raise ValueError("four is no number")
        if red == 5:
            raise InputError("five is refused")
        if red == 6:
            raise MissingExtraError("pip install it")
        made = super().prepare(decoded)
        print("chatter that must not reach the pipe", flush=True)
        return {"pixels": {made.tobytes()}} if self.how == "a set" else made

    def encode(self, batch):
        if self.how == "a set":
            import numpy as np
            parts = [b"".join(one["pixels"]) for one in batch]
            batch = [np.frombuffer(p, dtype=np.uint8).reshape(64, 64, 3) for p in parts]
        return super().encode(batch)
"""
NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
GOOD = f'<svg {NS} viewBox="0 0 20 10"><rect width="10" height="10" fill="red"/></svg>'


@pytest.fixture
def pictures(tmp_path: Path) -> list[MediaItem]:
    rng = np.random.default_rng(0)
    for i in range(12):
        pixels = rng.integers(10, 255, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"图 {i}.png")
    return [item_from_path(path) for path in sorted(tmp_path.glob("*.png"))]


@pytest.fixture
def workers() -> Iterator[DecodeWorkers]:
    made = DecodeWorkers(1, limits=Limits(svg_seconds=PATIENCE), seconds=PATIENCE)
    yield made
    made.close()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's, found as this process finds it."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "own_encoder.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(code))
    monkeypatch.delitem(sys.modules, "own_encoder", raising=False)
    return "own_encoder:Own"


def red(folder: Path, value: int) -> MediaItem:
    path = folder / f"{value}.png"
    Image.new("RGB", (9, 9), (value, 0, 0)).save(path)
    return item_from_path(path)


def drawing(markup: str | bytes) -> MediaItem:
    data = markup.encode() if isinstance(markup, str) else markup
    return MediaItem.from_bytes(data, "image", source="a.svg")


def test_what_comes_back_is_what_decoding_here_yields(
    workers: DecodeWorkers, pictures: list[MediaItem], shapes: Dataset
) -> None:
    record = shapes.records[0]
    in_memory, sound = record.items["image"], record.items["audio"]
    assert isinstance(in_memory.payload, bytes) and isinstance(sound.payload, bytes)
    part = MediaItem(sound.id, "audio", sound.source, sound.payload, (0.1, 0.4))
    for item in (pictures[0], in_memory, drawing(GOOD), drawing(gzip.compress(GOOD.encode()))):
        there, here = workers.decode(item), decode(item)
        assert (there.mode, there.size) == ("RGB", here.size)
        assert there.tobytes() == here.tobytes()
    for item in (sound, part):
        there, here = workers.decode(item), decode(item)
        assert isinstance(there, Waveform) and there.rate == here.rate
        np.testing.assert_array_equal(there.samples, here.samples)
    assert workers.decode(MediaItem.from_text("no child needed")) == ("no child needed",)
    assert len(workers.pids) == 1


def test_text_and_vectors_start_no_child(workers: DecodeWorkers, tmp_path: Path) -> None:
    path = tmp_path / "词.txt"
    path.write_text("一只红袋鼠", encoding="utf-8")
    assert workers.decode(item_from_path(path)) == ("一只红袋鼠",)
    vector = MediaItem.from_vector(np.arange(1.0, 4.0), source="row")
    assert workers.decode(vector).tolist() == [1, 2, 3]
    fitted = TfidfEncoder(dim=4).fit(["a red kangaroo", "a blue house", "the green sea", "red sea"])
    assert encode_items([MediaItem.from_text("red")], fitted, decoders=workers).ok.all()
    assert workers.pids == []


@pytest.mark.parametrize("named", ["color-hog", "color-hog+color-hog"])
def test_a_named_encoder_prepares_in_the_child_and_an_object_here(
    named: str, pictures: list[MediaItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, mine = load(named), ColorHogEncoder()
    here: list[int] = []
    inherited = ColorHogEncoder.prepare

    def watched(self: ColorHogEncoder, decoded: Any) -> Any:
        here.append(1)
        return inherited(self, decoded)

    monkeypatch.setattr(ColorHogEncoder, "prepare", watched)
    workers = DecodeWorkers(2)
    try:
        there = encode_items(pictures, encoder, decoders=workers)
        assert here == []
        own = encode_items(pictures, mine, decoders=workers)
        assert len(here) == len(pictures)
    finally:
        workers.close()
    assert there.ok.all()
    expected = mine.encode([inherited(mine, decode(item)) for item in pictures])
    np.testing.assert_array_equal(own.vectors, expected)
    np.testing.assert_array_equal(there.vectors[:, :5] > 0, expected[:, :5] > 0)
    if named == "color-hog":
        np.testing.assert_array_equal(there.vectors, expected)


def test_sounds_are_prepared_there_too(shapes: Dataset) -> None:
    items = [record.items["audio"] for record in shapes.records[:5]]
    found = encode_items(items, load("mfcc"))
    mfcc = MfccEncoder()
    expected = mfcc.encode([mfcc.prepare(decode(item)) for item in items])
    np.testing.assert_allclose(found.vectors, expected, rtol=1e-5)


@pytest.mark.parametrize("how", ["a set", "differs"])
def test_what_a_child_cannot_do_for_an_encoder_is_done_here(
    how: str, own: str, workers: DecodeWorkers, pictures: list[MediaItem]
) -> None:
    encoder: Any = load(own, how=how)
    done = encode_items(pictures, encoder, decoders=workers)
    assert encoder.pids == {os.getpid()}
    plain: Any = load(own)
    there = encode_items(pictures, plain, decoders=workers)
    assert plain.pids == set()
    np.testing.assert_array_equal(done.vectors, there.vectors)


def test_a_file_that_hangs_crashes_or_eats_memory_costs_that_file(
    own: str, workers: DecodeWorkers, pictures: list[MediaItem], tmp_path: Path
) -> None:
    hangs, *bad = (red(tmp_path, value) for value in range(1, 6))
    hasty = DecodeWorkers(1, seconds=1)  # less than a child may take to start on a busy machine
    try:
        hung = encode_items([hangs], load(own), decoders=hasty)
    finally:
        hasty.close()
    done = encode_items([pictures[0], *bad, *pictures[1:]], load(own), decoders=workers)
    failures = [*hung.failures, *done.failures]
    reasons = [failure.reason for failure in failures]
    assert [Path(failure.source).stem for failure in failures] == list("12345")
    for reason, told in zip(
        reasons,
        ("took too long", "crashed", "memory", "cannot prepare it (ValueError: four", "five is"),
        strict=True,
    ):
        assert told in reason
    assert done.ok.sum() == len(pictures)


def test_errors_that_are_not_of_the_item_are_not_swallowed(
    own: str, workers: DecodeWorkers, tmp_path: Path
) -> None:
    with pytest.raises(MissingExtraError, match="pip install it"):
        encode_items([red(tmp_path, 6)], load(own), decoders=workers)


def test_errors_of_the_child_keep_their_kind_and_reason(
    workers: DecodeWorkers, tmp_path: Path
) -> None:
    broken, whole = tmp_path / "broken.png", tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(
        whole
    )
    broken.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(CorruptMediaError, match=r"broken\.png: cannot be decoded"):
        workers.decode(item_from_path(broken))
    gone = item_from_path(whole)
    whole.unlink()
    with pytest.raises(MediaError, match="cannot be read"):
        workers.decode(gone)
    with pytest.raises(UnsupportedMediaError, match="there is no decoder for 'smell'"):
        workers.decode(MediaItem.from_bytes(b"x", "smell", source="rose"))
    with pytest.raises(InputError, match="needs a file or bytes"):
        workers.decode(MediaItem("0", "image", "numbers", np.ones(3)))
    drawn = red(tmp_path, 200)
    small = DecodeWorkers(1, limits=Limits(max_pixels=80, max_file_bytes=900))
    try:
        with pytest.raises(MediaTooLargeError, match="bytes, the limit is 900"):
            small.decode(MediaItem.from_bytes(bytes(1000), "image", source="large"))
        assert small.pids == []
        with pytest.raises(MediaTooLargeError, match="pixels"):
            small.decode(drawn)
    finally:
        small.close()


def test_paths_are_those_of_this_process_even_after_it_changed_its_folder(
    workers: DecodeWorkers, pictures: list[MediaItem], tmp_path: Path, monkeypatch: Any
) -> None:
    expected = workers.decode(pictures[0]).tobytes()
    monkeypatch.chdir(tmp_path)
    assert isinstance(pictures[0].payload, Path)
    relative = Path(pictures[0].payload.name)
    item = MediaItem(pictures[0].id, "image", "图", relative)
    assert workers.decode(item).tobytes() == expected


def test_a_child_that_is_killed_is_replaced(
    workers: DecodeWorkers, pictures: list[MediaItem]
) -> None:
    first = workers.decode(pictures[0]).tobytes()
    (pid,) = workers.pids
    os.kill(pid, signal.SIGKILL)
    until(lambda: not workers.pids)
    assert workers.decode(pictures[0]).tobytes() == first
    assert workers.pids not in ([], [pid])


def test_children_end_when_they_are_told_to_even_at_work(own: str, tmp_path: Path) -> None:
    workers = DecodeWorkers(1)
    item = red(tmp_path, 1)  # hangs
    reasons: list[str] = []

    def ask() -> None:
        try:
            workers.prepare(item, load(own))
        except MediaError as error:
            reasons.append(error.reason)

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: workers.pids)
    (pid,) = workers.pids
    workers.close()
    asking.join()
    assert reasons == ["decoding it crashed"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_few_items_take_one_child_and_many_no_more_than_there_are_places(
    pictures: list[MediaItem],
) -> None:
    workers = DecodeWorkers(2)
    try:
        encode_items(pictures, load("color-hog"), decoders=workers, workers=4)
        assert len(workers.pids) == 1
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(workers.decode, pictures * 20))
        assert len(workers.pids) == 2
    finally:
        workers.close()
    assert workers.pids == []


def test_many_threads_get_each_their_own(workers: DecodeWorkers) -> None:
    colours = ["#ff0000", "#00ff00", "#0000ff", "#ffff00"] * 5
    pages = [drawing(GOOD.replace('"red"', f'"{c}"')) for c in colours]
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(workers.decode, pages))
    found = ["#{:02x}{:02x}{:02x}".format(*picture.getpixel((9, 9))) for picture in drawn]
    assert found == colours


def test_a_forked_process_has_children_of_its_own(pictures: list[MediaItem]) -> None:
    workers = DecodeWorkers(1)
    workers.decode(pictures[0])
    before = workers.pids
    pid = os.fork()
    if pid == 0:
        workers.forget()
        good = workers.pids == [] and workers.decode(pictures[0]).size == (40, 30)
        workers.close()
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert workers.decode(pictures[0]).size == (40, 30)
    assert workers.pids == before
    workers.close()


def test_a_drawing_that_takes_too_long_is_stopped_and_the_next_one_works() -> None:
    noise = '<feTurbulence baseFrequency="0.5" numOctaves="1000000"/>'
    rest = '<rect width="9" height="9" filter="url(#f)"/>'
    endless = f'<svg {NS} viewBox="0 0 9 9"><filter id="f">{noise}</filter>{rest}</svg>'
    workers = DecodeWorkers(1, limits=Limits(svg_seconds=2), seconds=PATIENCE)
    try:
        for ask in (workers.decode, lambda item: workers.thumbnail(item, 64)):
            with pytest.raises(MediaTooLargeError, match="decoding it took too long"):
                ask(drawing(endless))
            assert workers.decode(drawing(GOOD)).size == (512, 256)
    finally:
        workers.close()


def test_deep_nesting_and_bombs_of_uses_cost_one_drawing(workers: DecodeWorkers) -> None:
    layers = "".join(
        f'<g id="n{i}">' + f'<use href="#n{i - 1}"/>' * 10 + "</g>" for i in range(1, 9)
    )
    for inner in (
        "<g>" * 200_000 + "</g>" * 200_000,
        f'<g id="n0"><circle r="4"/></g>{layers}',
    ):
        with pytest.raises((CorruptMediaError, MediaTooLargeError)):
            workers.decode(drawing(f"<svg {NS} viewBox='0 0 9 9'>{inner}</svg>"))
        assert workers.decode(drawing(GOOD)).size == (512, 256)


def test_previews(workers: DecodeWorkers, shapes: Dataset, tmp_path: Path) -> None:
    wide = tmp_path / "wide.png"
    Image.new("RGB", (400, 100), "red").save(wide)
    picture = item_from_path(wide)
    made = workers.thumbnail(picture, 64)
    assert (made.width, made.height) == (64, 16) and made.webp[8:12] == b"WEBP"
    assert workers.small(picture, 32).size == (32, 8)
    assert workers.aspect(picture) == 4.0
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 100), "red").save(turned, exif=exif)
    assert workers.aspect(item_from_path(turned)) == 0.25
    sound = shapes.records[0].items["audio"]
    assert workers.clip(sound, 1.0).startswith(b"OggS")
    peaks = workers.loudness(sound, 24)
    assert len(peaks) == 24 and max(peaks) == 255
    with pytest.raises(UnsupportedMediaError, match="only sounds have a loudness curve"):
        workers.loudness(picture, 24)
    with pytest.raises(UnsupportedMediaError, match="only pictures and videos have"):
        workers.thumbnail(sound, 24)
    with pytest.raises(MediaError):
        workers.aspect(drawing(GOOD))


def test_the_child_imports_little(workers: DecodeWorkers, pictures: list[MediaItem]) -> None:
    """Its start is waited for, and its memory is taken once a core."""
    workers.prepare(pictures[0], load("color-hog"))
    (pid,) = workers.pids
    maps = Path(f"/proc/{pid}/maps")
    if not maps.exists():
        pytest.skip("no /proc")
    loaded = maps.read_text(encoding="utf-8")
    for heavy in ("torch", "onnxruntime", "ctranslate2", "sklearn", "scipy", "lance", "faiss"):
        assert f"/{heavy}/" not in loaded
