"""What files say of themselves: kept when they are indexed, filtered by, read anew, removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.media.test_tags import photo

from isthmus.core.fields import Fields
from isthmus.core.item import MediaItem
from isthmus.space import Space
from isthmus.store import part_id
from isthmus.tasks import Store, refresh_fields
from isthmus.tasks.retrieval import index as indexing
from isthmus.tasks.retrieval import parts
from isthmus.tasks.retrieval.parts import Part

ARTIST = "Zwiebelfisch"


@pytest.fixture
def folder(library: Path, tmp_path: Path) -> Path:
    """A photograph, a recording with tags and one without."""
    made = tmp_path / "media"
    made.mkdir()
    (made / "photo.jpg").write_bytes(photo())
    samples, rate = soundfile.read(library / "声3.wav")
    with soundfile.SoundFile(made / "track01.flac", "w", rate, 1) as sound:
        sound.title, sound.artist = "Moonlight", ARTIST
        sound.write(samples)
    soundfile.write(made / "bare.wav", *soundfile.read(library / "声4.wav"))
    return made


def named(found: Any) -> set[str]:
    return {Path(each.source).name for each in found}


def held(store: Store, where: str) -> set[str]:
    hits = store.search("a red circle", k=10, where=where).hits
    assert named(hits) <= {"photo.jpg", "track01.flac", "bare.wav"}
    return named(hits)


def on_disk(place: Path, words: str) -> bool:
    files = [each for each in place.rglob("*") if each.is_file()]
    return any(words.encode() in each.read_bytes() for each in files)


def test_items_are_found_by_what_their_files_say(
    space: Space, folder: Path, tmp_path: Path, poison: list[str]
) -> None:
    with Store.open(tmp_path / "store", space) as store:
        assert store.add(folder).failures == []
    with Store.open(tmp_path / "store") as store:
        assert held(store, "taken:2025-06 and camera~nikon") == {"photo.jpg"}
        assert held(store, "near:-33.86,151.21,2km") == {"photo.jpg"}
        assert held(store, f'artist:"{ARTIST.lower()}"') == {"track01.flac"}
        assert held(store, "duration>0") == {"track01.flac", "bare.wav"}
        assert held(store, "not has:width and not has:title") == {"bare.wav"}
        (hit, *_) = store.search("moonlight").hits
        assert hit.named and dict(hit.fields)["artist"] == ARTIST
        document: Any = store.search("moonlight").to_json()
        assert document["hits"][0]["fields"]["title"] == "Moonlight"
    assert poison == []  # nothing was decoded in this process


def test_without_fields_nothing_is_read_or_kept(
    space: Space, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(items: list[MediaItem]) -> list[Fields]:
        raise AssertionError(f"fields of {len(items)} items were read")

    monkeypatch.setattr(indexing, "read_fields", none)
    store = Store.in_memory(space)
    assert store.add(folder, fields=False).failures == []
    assert [each.fields for each in store.backend.entries()] == [(), (), ()]
    assert not any(hit.named for hit in store.search("moonlight").hits)


def test_fields_come_and_go_without_encoding_and_leave_no_older_version(
    space: Space, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "store"
    with Store.open(place, space) as store:
        store.add(folder, fields=False)
        vectors = {each.id: store.backend.vectors([each.id]) for each in store.backend.entries()}
        monkeypatch.setattr(indexing, "encoded_parts", lambda *_: pytest.fail("encoded"))
        assert refresh_fields(store, folder / "track01.flac") == 1
        assert held(store, "has:taken") == set()
        assert refresh_fields(store, [folder]) == 2
        assert refresh_fields(store, [folder]) == 0
        assert held(store, "has:taken or has:artist") == {"photo.jpg", "track01.flac"}
        assert store.search("moonlight").hits[0].named
        assert on_disk(place, ARTIST)
        assert refresh_fields(store, folder, fields=False) == 3
        assert held(store, "has:duration or has:width") == set()
        assert not any(hit.named for hit in store.search("moonlight").hits)
        assert not on_disk(place, ARTIST)
        for name, before in vectors.items():
            assert (store.backend.vectors([name])[name] == before[name]).all()


def test_forgetting_removes_what_a_file_said_from_the_disk(
    space: Space, folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "store"
    with Store.open(place, space) as store:
        store.add(folder)
        assert on_disk(place, ARTIST)
        store.forget(folder / "track01.flac")
    assert not on_disk(place, ARTIST)


def test_a_file_that_changed_or_is_gone_keeps_the_fields_of_its_item(
    space: Space, folder: Path
) -> None:
    store = Store.in_memory(space)
    store.add(folder)
    before = {each.id: each.fields for each in store.backend.entries()}
    (folder / "photo.jpg").write_bytes(photo(t0110="Another"))
    (folder / "track01.flac").unlink()
    assert refresh_fields(store, folder) == 0
    assert {each.id: each.fields for each in store.backend.entries()} == before


def test_parts_have_the_fields_of_their_whole(
    space: Space, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def halves(whole: Part, _: Space) -> Any:
        span = (0.0, 0.4)
        item = MediaItem(whole.item.id, "audio", whole.item.source, whole.item.payload, span)
        yield Part(item, whole.view, part_id(whole.id, span=span))

    monkeypatch.setattr(parts, "_FINDERS", (halves,))
    store = Store.in_memory(space)
    store.add(folder / "track01.flac")
    whole, part = sorted(store.backend.entries(), key=lambda each: len(each.id))
    assert part.fields == whole.fields and "title" in dict(part.fields)
    assert part.text == whole.text.partition("\n")[0]
    assert refresh_fields(store, folder) == 0


def test_a_filter_by_fields_still_says_where_in_a_long_file(
    space: Space, library: Path, tmp_path: Path
) -> None:
    samples, rate = soundfile.read(library / "声3.wav")
    query = library / "声3.wav"
    soundfile.write(tmp_path / "tape.flac", np.tile(samples, 12), rate)
    store = Store.in_memory(space)
    store.add(tmp_path / "tape.flac")
    assert len({each.fields for each in store.backend.entries()}) == 1
    (free,) = store.search(query).hits
    (filtered,) = store.search(query, where="duration>1").hits
    assert filtered.span is not None and (filtered.id, filtered.span) == (free.id, free.span)
