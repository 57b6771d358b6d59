"""Indexing videos: their sound as a part of them, pictures that move, folders of frames."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.media import films

from isthmus.core.errors import MediaTooLargeError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.datasets import load
from isthmus.media import decode
from isthmus.media.audio import resample
from isthmus.media.source import item_from_path
from isthmus.pipeline import WORKERS, prepare
from isthmus.selection import align
from isthmus.space import Space
from isthmus.store import is_whole, part_id
from isthmus.tasks import Store
from isthmus.tasks.retrieval.contents import changed_files, content_of
from isthmus.tasks.retrieval.spans import times

pytest.importorskip("av", reason="films are written by PyAV: pip install 'isthmus[formats]'")

ENCODERS = {
    "text": "tfidf",
    "image": "color-hog",
    "audio": "mfcc",
    "video": "frames?image=color-hog",
}


@pytest.fixture(scope="module")
def filmed() -> Dataset:
    """Films of shapes with their tones, and a picture of each."""
    records = []
    for record in load("shapes-motion", n=32, languages="en").records:
        out = io.BytesIO()
        Image.fromarray(decode(record.items["video"]).frames[0]).save(out, "PNG")
        image = MediaItem.from_bytes(out.getvalue(), "image", source=f"{record.id}.png")
        records.append(Record(record.id, {**record.items, "image": image}, group=record.group))
    return Dataset("filmed", records)


@pytest.fixture(scope="module")
def films_space(filmed: Dataset) -> Space:
    ready = prepare(filmed.take(range(24)), ENCODERS, by_group=False)
    return align(ready, aligner="cca", params={"ridge": 3.0, "power": 1.0}, nested=False)


@pytest.fixture
def folder(filmed: Dataset, tmp_path: Path) -> Path:
    """A film with sound, one without, a picture that moves, one that does not, and frames."""
    root = tmp_path / "films"
    root.mkdir()
    loud, silent, drawn, framed, still = filmed.records[24:29]
    frames = decode(loud.items["video"]).frames
    tone = resample(decode(loud.items["audio"]), 48_000).samples
    recipe = films.Recipe("mp4", "mpeg4")
    (root / "loud.mp4").write_bytes(films.film(frames, recipe, rate=8, sound=tone))
    (root / "silent.mp4").write_bytes(silent.items["video"].read())
    first, *rest = map(Image.fromarray, decode(drawn.items["video"]).frames)
    first.save(root / "drawn.gif", save_all=True, append_images=rest, duration=100, loop=0)
    (root / "walk.frames").mkdir()
    for number, pixels in enumerate(decode(framed.items["video"]).frames):
        Image.fromarray(pixels).save(root / "walk.frames" / f"{number:03}.png")
    (root / "still.png").write_bytes(still.items["image"].read())
    return root


def entries(store: Store) -> dict[tuple[str, str], str]:
    """Names of files and views, of all that a store holds, with how they are read."""
    found = store.backend.snapshot().entries()
    return {(Path(entry.source).name, entry.view): entry.modality for entry in found}


def test_a_film_is_found_by_its_pictures_and_by_its_sound(
    films_space: Space, folder: Path, filmed: Dataset
) -> None:
    store = Store.in_memory(films_space)
    report = store.add(folder)
    assert (len(report.added), report.failures) == (5, [])
    assert entries(store) == {
        ("loud.mp4", "video"): "video",
        ("loud.mp4", "audio"): "audio",
        ("silent.mp4", "video"): "video",
        ("drawn.gif", "video"): "video",
        ("walk.frames", "video"): "video",
        ("still.png", "image"): "image",
    }
    film = item_from_path(folder / "loud.mp4")
    (sound,) = (e for e in store.backend.snapshot().entries() if not is_whole(e.id))
    assert sound.id == part_id(film.id, "audio")
    asked = filmed.records[24].items
    heard = store.search(asked["audio"], k=1, views="audio").hits[0]
    assert Path(heard.source).name == "loud.mp4"
    tones = [record.items["audio"] for record in filmed.records[24:]]
    vectors = films_space.embed(tones, "audio").vectors
    assert np.argmax(vectors @ store.backend.snapshot().vectors([sound.id])[sound.id]) == 0
    seen = store.search(asked["video"], k=1, views="video").hits[0]
    assert Path(seen.source).name == "loud.mp4"
    own = content_of(sound)
    assert (own.modality, own.id) == ("audio", film.id)
    assert len(decode(own).samples) > 10_000


def test_the_sound_of_a_long_film_is_cut_where_sounds_begin(
    films_space: Space, tmp_path: Path
) -> None:
    begins, rng = (0.9, 2.3, 4.1, 6.6), np.random.default_rng(0)
    sound = np.zeros(8 * 48_000, dtype=np.float32)
    for start in begins:
        at = round(start * 48_000)
        sound[at : at + 24_000] = rng.normal(0, 0.2, 24_000)
    frames = rng.integers(0, 255, (64, 48, 64, 3), dtype=np.uint8)
    path = tmp_path / "long.mp4"
    path.write_bytes(films.film(frames, films.Recipe("mp4", "mpeg4"), rate=8, sound=sound))
    store = Store.in_memory(films_space)
    assert not store.add(path).failures
    kept = store.backend.snapshot().entries()
    spans = {
        view: [e.span for e in kept if e.view == view and e.span] for view in ("audio", "video")
    }
    starts = np.array([start for start, _ in spans["audio"]])
    assert all(np.abs(starts - start).min() <= 0.08 for start in begins)
    assert set(spans["video"]) == set(times(8.0, 5.0))


def test_films_are_decoded_in_children(films_space: Space, folder: Path, poison: list[str]) -> None:
    store = Store.in_memory(films_space)
    assert len(store.add(folder).added) == 5
    assert WORKERS.strip(item_from_path(folder / "loud.mp4"), 3, 64).width == 3 * 64
    assert poison == []


def test_a_second_run_reads_nothing_and_a_changed_frame_is_noticed(
    films_space: Space, folder: Path
) -> None:
    store = Store.in_memory(films_space)
    store.add(folder)
    again = store.add(folder)
    assert (again.added, again.unchanged, again.gone) == ([], 5, [])
    assert changed_files(store.backend) == []
    frame = folder / "walk.frames" / "003.png"
    Image.fromarray(films.numbered(3)).save(frame)
    assert [damage.what for damage in changed_files(store.backend)] != []
    changed = store.add(folder)
    assert (len(changed.added), len(changed.dropped), changed.unchanged) == (1, 1, 4)
    shutil.rmtree(folder / "walk.frames")
    gone = store.add(folder)
    assert [Path(path).name for path in gone.gone] == ["walk.frames"]


def test_who_asks_for_pictures_gets_pictures(films_space: Space, folder: Path) -> None:
    store = Store.in_memory(films_space)
    report = store.add(folder, views="image")
    assert entries(store) == {("drawn.gif", "image"): "image", ("still.png", "image"): "image"}
    assert len(report.failures) == 3
    assert "you asked only for image" in report.failures[0].reason


def test_a_folder_of_frames_is_an_example_to_search_with(films_space: Space, folder: Path) -> None:
    store = Store.in_memory(films_space)
    store.add(folder)
    (hit,) = store.search(folder / "walk.frames", k=1, views="video").hits
    assert Path(hit.source).name == "walk.frames"
    vector = films_space.embed([folder / "walk.frames"], "video").vectors[0]
    found = next(e for e in store.backend.snapshot().entries() if e.source.endswith(".frames"))
    np.testing.assert_allclose(
        store.backend.snapshot().vectors([found.id])[found.id], vector, atol=1e-6
    )


def test_how_long_a_film_lasts_is_asked_once_also_where_that_cannot_be_told(
    films_space: Space, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take as long as an item may take at all."""
    asked: list[tuple[str, str]] = []

    def slow(item: MediaItem) -> float:
        asked.append((Path(item.source).name, item.modality))
        raise MediaTooLargeError(item.source, "decoding it took too long")

    monkeypatch.setattr(WORKERS, "seconds", slow)
    store = Store.in_memory(films_space)
    report = store.add(folder)
    assert asked.count(("drawn.gif", "video")) == 1
    broken = {Path(each.source).name: each.reason for each in report.failures}
    assert broken["drawn.gif"] == "decoding it took too long"
