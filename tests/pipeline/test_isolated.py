"""Decoding in child processes: the same vectors, and a bad file costs one file."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.waiting import PATIENCE, until

from isthmus.core.errors import CorruptMediaError, InputError, MediaTooLargeError
from isthmus.core.item import MediaItem
from isthmus.encoders import load
from isthmus.media.limits import Limits
from isthmus.media.source import item_from_path
from isthmus.pipeline import encode_items
from isthmus.pipeline.isolated import Preparers, preparers

SLOW = """
import threading
from isthmus.encoders.classic import ColorHogEncoder

class Slow(ColorHogEncoder):
    def prepare(self, decoded):
        red = decoded.getpixel((0, 0))[0]
        if red == 1:
            threading.Event().wait()
        if red == 2:
            import os
            os.abort()
        if red == 3:
            raise MemoryError
        return super().prepare(decoded)
"""


@pytest.fixture
def pictures(tmp_path: Path) -> list[MediaItem]:
    rng = np.random.default_rng(0)
    for i in range(12):
        pixels = rng.integers(10, 255, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"图 {i}.png")
    return [item_from_path(path) for path in sorted(tmp_path.glob("*.png"))]


def test_vectors_are_those_of_this_process(pictures: list[MediaItem]) -> None:
    encoder = load("color-hog")
    with preparers("color-hog", workers=2) as make:
        there = encode_items(pictures, encoder, make=make)
    np.testing.assert_array_equal(there.vectors, encode_items(pictures, encoder).vectors)
    assert there.ok.all()


def test_a_file_that_hangs_crashes_or_eats_memory_costs_that_file(
    pictures: list[MediaItem], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "code"
    module.mkdir()
    (module / "slow_encoder.py").write_text(SLOW)
    monkeypatch.syspath_prepend(str(module))
    for red, name in ((1, "hangs"), (2, "crashes"), (3, "hungry")):
        Image.new("RGB", (9, 9), (red, 0, 0)).save(tmp_path / f"{name}.png")
    hangs, *bad = (item_from_path(tmp_path / f"{n}.png") for n in ("hangs", "crashes", "hungry"))
    encoder = load("color-hog")
    with preparers("slow_encoder:Slow", workers=1, seconds=1) as make:
        hung = encode_items([hangs], encoder, make=make)
        make._seconds = PATIENCE  # a new child may take long to start on a busy machine
        done = encode_items([pictures[0], *bad, *pictures[1:]], encoder, make=make)
    reasons = {Path(f.source).stem: f.reason for f in (*hung.failures, *done.failures)}
    assert set(reasons) == {"hangs", "crashes", "hungry"}
    assert "took too long" in reasons["hangs"]
    assert "crashed" in reasons["crashes"]
    assert "memory" in reasons["hungry"]
    assert done.ok.sum() == len(pictures)


def test_errors_of_the_child_keep_their_kind_and_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(
        whole
    )
    broken.write_bytes(whole.read_bytes()[:2000])
    with preparers("color-hog", workers=1) as make:
        with pytest.raises(CorruptMediaError, match=r"broken\.png"):
            make(item_from_path(broken))
        with pytest.raises(InputError, match="only files"):
            make(MediaItem.from_text("words"))
    with (
        preparers("color-hog", workers=1, limits=Limits(max_pixels=100)) as make,
        pytest.raises(MediaTooLargeError, match="pixels"),
    ):
        make(item_from_path(whole))


def test_a_child_that_is_killed_is_replaced(pictures: list[MediaItem]) -> None:
    with preparers("color-hog", workers=1) as make:
        first = make(pictures[0])
        os.kill(_pid(make), signal.SIGKILL)
        until(lambda: make._children[0]._child.poll() is not None)  # type: ignore[union-attr]
        np.testing.assert_array_equal(make(pictures[0]), first)


def test_children_end_with_the_block(pictures: list[MediaItem]) -> None:
    with preparers("color-hog", workers=1) as make:
        make(pictures[0])
        pid = _pid(make)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _pid(make: Preparers) -> int:
    child = make._children[0]._child
    assert child is not None
    return child.pid
