"""Indexing: what is new is read once, what is known is recognised, what is broken is told."""

from __future__ import annotations

import gc
import os
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.tasks.conftest import picture

from isthmus.core.errors import ArtifactError, FingerprintError
from isthmus.core.item import MediaItem
from isthmus.pipeline import encode_items
from isthmus.space import Space
from isthmus.store import FileStatus
from isthmus.tasks import Store
from isthmus.tasks.retrieval import encoded_parts as encoding


@pytest.fixture
def store(space: Space) -> Store:
    return Store.in_memory(space)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were encoded."""
    names: list[str] = []

    def spy(items: list[MediaItem], *args: Any, **kwargs: Any) -> Any:
        names.extend(Path(item.source).name for item in items)
        return encode_items(items, *args, **kwargs)

    monkeypatch.setattr(encoding, "encode_items", spy)
    return names


def test_every_file_becomes_an_item_with_the_vector_of_the_space(
    store: Store, space: Space, media: Path
) -> None:
    report = store.add(media)
    assert (len(report.added), report.failures) == (36, [])
    assert store.status().items == {"text": 12, "image": 12, "audio": 12}
    for modality, name in (("image", "图3.png"), ("audio", "声3.wav")):
        path = (media / name).resolve()
        item = MediaItem.from_path(path, modality).id
        assert store.get(item).source == str(path)
        want = space.embed([path], modality).vectors[0]
        np.testing.assert_allclose(store.backend.vectors([item])[item], want, atol=1e-6)


def test_a_second_run_reads_nothing_and_one_changed_file_is_read_alone(
    store: Store, media: Path, encoded: list[str]
) -> None:
    store.add(media)
    encoded.clear()
    again = store.add(media)
    assert (again.added, again.unchanged, encoded) == ([], 36, [])
    before = {r.item for r in store.backend.files().values()}
    picture(media / "图3.png", seed=1)
    changed = store.add(media)
    assert encoded == ["图3.png"]
    assert (len(changed.added), len(changed.dropped), len(store)) == (1, 1, 36)
    assert set(changed.dropped) < before


def test_a_touched_file_is_not_encoded_again(store: Store, media: Path, encoded: list[str]) -> None:
    store.add(media)
    encoded.clear()
    os.utime(media / "图3.png", ns=(1, 1))
    assert store.add(media).added == [] and encoded == []
    assert store.add(media).unchanged == 36


def test_moves_copies_and_vanished_files(store: Store, media: Path, encoded: list[str]) -> None:
    store.add(media)
    encoded.clear()
    (media / "图1.png").rename(media / "动了.png")
    shutil.copy(media / "图2.png", media / "抄.png")
    (media / "声5.wav").unlink()
    report = store.add(media)
    names = [(Path(a).name, Path(b).name) for a, b in report.moved]
    assert names == [("动了.png", "图1.png")]
    assert [(Path(a).name, Path(b).name) for a, b in report.copies] == [("抄.png", "图2.png")]
    assert sorted(Path(path).name for path in report.gone) == ["图1.png", "声5.wav"]
    assert encoded == [] and len(store) == 36
    gone = [entry.source for entry in store.backend.entries() if entry.gone]
    assert [Path(source).name for source in gone] == ["声5.wav"]
    moved = [e for e in store.backend.entries() if Path(e.source).name == "动了.png"]
    assert moved and not moved[0].gone and "动了" in moved[0].text


def test_a_file_that_comes_back_is_no_longer_gone(store: Store, media: Path) -> None:
    kept = (media / "图1.png").read_bytes()
    store.add(media)
    (media / "图1.png").unlink()
    store.add(media)
    (media / "图1.png").write_bytes(kept)
    report = store.add(media)
    assert (report.added, report.gone) == ([], [])
    assert not any(entry.gone for entry in store.backend.entries())


def test_two_files_of_one_content_in_one_batch_are_one_item(store: Store, tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 0)
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    report = store.add(tmp_path)
    assert (len(report.added), len(report.copies), len(store)) == (1, 1, 1)
    (tmp_path / "a.png").unlink()
    after = store.add(tmp_path)
    assert [Path(p).name for p in after.gone] == ["a.png"]
    assert not any(entry.gone for entry in store.backend.entries())


def test_bad_files_are_listed_with_reasons_and_listed_again(store: Store, media: Path) -> None:
    whole = (media / "图0.png").read_bytes()
    (media / "cut.png").write_bytes(whole[: len(whole) // 2])
    (media / "empty.jpg").touch()
    (media / "page.pdf").write_bytes(b"%PDF-1.4")
    (media / "latin.txt").write_bytes("schöne Grüße aus dem Süden".encode("latin-1"))
    for run in range(2):
        report = store.add(media)
        broken = {Path(f.source).name: f.reason for f in report.broken}
        assert set(broken) == {"cut.png", "empty.jpg", "latin.txt"}, run
        assert "zero bytes" in broken["empty.jpg"]
        assert [Path(f.source).name for f in report.unsupported] == ["page.pdf"]
        assert report.unsupported_kinds == {".pdf": 1}
    assert len(store) == 36
    assert {Path(r.path).name: r.status for r in store.failures()} == {
        "cut.png": FileStatus.BROKEN,
        "empty.jpg": FileStatus.BROKEN,
        "latin.txt": FileStatus.BROKEN,
        "page.pdf": FileStatus.UNSUPPORTED,
    }
    assert store.status().failed == 4
    (media / "cut.png").write_bytes(whole)
    assert Path(store.add(media).copies[0][0]).name == "cut.png"


def test_a_file_that_cannot_be_read_for_a_while_keeps_its_item(
    store: Store, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(media)
    path = media / "图1.png"
    os.utime(path, ns=(1, 1))
    read = Path.open

    def refused(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self.name == path.name:
            raise PermissionError(13, "Permission denied", str(self))
        return read(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refused)
        report = store.add(media)
        assert [(f.status, f.reason) for f in report.broken] == [
            (FileStatus.UNREADABLE, "cannot be read (Permission denied)")
        ]
        assert (len(store), report.dropped) == (36, [])
    again = store.add(media)  # nobody has to ask for a retry
    assert (again.failures, again.added, store.failures(), len(store)) == ([], [], [], 36)


def test_near_duplicates_are_told(store: Store, media: Path) -> None:
    from PIL import Image

    first = Image.open(media / "图0.png")
    first.resize((first.width - 2, first.height - 2)).save(media / "图0 klein.png")
    report = store.add(media)
    pairs = {frozenset(Path(p).name for p in (a, b)): c for a, b, c in report.near}
    assert pairs[frozenset({"图0.png", "图0 klein.png"})] > 0.995


def test_a_dry_run_changes_nothing(store: Store, media: Path) -> None:
    todo = store.plan([media])
    assert (len(todo.fresh), len(store), store.backend.files()) == (36, 0, {})


def test_forgotten_items_are_gone_and_their_files_are_not(store: Store, media: Path) -> None:
    store.add(media)
    assert len(store.forget([media / "图1.png"])) == 1
    assert (media / "图1.png").is_file() and len(store) == 35
    assert len(store.forget([media])) == 35
    assert (len(store), store.backend.files()) == (0, {})
    assert len(store.add(media).added) == 36


def test_a_store_on_disk_keeps_its_space(space: Space, media: Path, tmp_path: Path) -> None:
    folder = tmp_path / "店"
    with Store.open(folder, space) as store:
        store.add(media)
    with Store.open(folder) as again:
        assert (len(again), again.space.fingerprint) == (36, space.fingerprint)
        assert again.add(media).unchanged == 36
    with pytest.raises(ArtifactError, match=r"holds no store\. Make a store with"):
        Store.open(tmp_path / "nowhere")


def test_another_space_is_refused(space: Space, scenes: Any, media: Path, tmp_path: Path) -> None:
    from tests.conftest import CLASSIC

    from isthmus.selection import align

    Store.open(tmp_path / "store", space).close()
    other = align(scenes.take(range(60)), CLASSIC, aligner="ridge", nested=False)
    with pytest.raises(FingerprintError, match=r"made with the space .*, and not with this one"):
        Store.open(tmp_path / "store", other)


def test_a_run_keeps_of_a_file_no_more_than_its_row(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures of 27 kB each as pixels: what a file leaves in memory is a thousand bytes or so."""
    monkeypatch.setattr("isthmus.tasks.retrieval.index.BATCH", 24)
    folder = tmp_path / "many"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(121):
        pixels = rng.integers(0, 255, (96, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png", compress_level=1)
    (tmp_path / "first").mkdir()
    (folder / "000.png").rename(tmp_path / "first" / "000.png")
    held: list[tuple[int, int]] = []

    def look(phase: str, done: int, total: int) -> None:
        if phase == "index":
            gc.collect()
            held.append((done, tracemalloc.get_traced_memory()[0]))

    with Store.open(tmp_path / "store", space) as store:
        store.add(tmp_path / "first")  # what this imports would be traced as well
        tracemalloc.start()
        try:
            store.add(folder, progress=look)
        finally:
            tracemalloc.stop()
    assert held[-1][0] == 120
    (first, before), (last, after) = held[1], held[-1]
    assert (after - before) / (last - first) < 3_000
