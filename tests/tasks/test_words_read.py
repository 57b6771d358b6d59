"""Words that are read in pictures and recordings: found by word, told as read, removed again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tasks.conftest import picture

from isthmus.core.errors import ArtifactError, CorruptMediaError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.passage import Passage
from isthmus.space import Space
from isthmus.store import Entry, whole_id
from isthmus.tasks import Store, annotate_store
from isthmus.tasks.retrieval import read_setting, words_read

LONG = ["a lamp on a quay by the sea " * 9, "a boat that waits for its crew " * 9]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Replaces the reader by one that knows what stands in files; what it was asked for."""
    asked: list[tuple[str, str]] = []

    def known(item: MediaItem, kind: str) -> list[Passage]:
        name = Path(item.source).stem
        asked.append((name, kind))
        if item.modality == "image" and kind == "text":
            if name == "图3":
                return [Passage("zebra crossing"), Passage("mind the gap")]
            if name == "图4":
                raise CorruptMediaError(item.source, "took too long")
            if name == "图5":
                return [Passage(line.strip()) for line in LONG]
        if item.modality == "audio" and kind == "speech" and name == "声2":
            return [Passage("over the hills", (1.004, 2.5)), Passage("far away", (65.25, 66.0))]
        return []

    monkeypatch.setattr(words_read.Words.__init__, "__kwdefaults__", {"read_words": known})
    monkeypatch.setattr(read_setting, "check_readers", lambda kinds: None)
    return asked


@pytest.fixture
def store(space: Space) -> Store:
    return Store.in_memory(space)


def origins(store: Store) -> dict[str, Entry]:
    return {e.text: e for e in store.backend.snapshot().entries() if e.origin}


def test_words_become_parts_of_the_items_they_were_read_in(
    store: Store, media: Path, read: list[tuple[str, str]]
) -> None:
    report = store.add(media, read=("text", "speech"))
    parts = origins(store)
    sign = parts["zebra crossing mind the gap"]
    path = str((media / "图3.png").resolve())
    assert (sign.view, sign.modality, sign.origin, sign.source) == ("text", "image", "ocr", path)
    assert (sign.id, sign.span) == (f"{MediaItem.from_path(Path(path), 'image').id}+ocr", None)
    assert {e.span: e.origin for e in parts.values() if e.span} == {
        (1.0, 2.5): "speech",
        (65.25, 66.0): "speech",
    }
    long = [e for text, e in parts.items() if "lamp" in text or "boat" in text]
    assert len(long) == 2 and all(e.span is None for e in long) and long[0].id != long[1].id
    assert report.passages == 5 and len(report.added) == 36
    assert [f.reason for f in report.failures] == ["its words cannot be read: took too long"]


def test_hits_say_where_their_words_were_read(
    store: Store, media: Path, read: list[tuple[str, str]]
) -> None:
    store.add(media, read=["text", "speech"])
    hits = store.search("zebra crossing", views="text").hits
    assert (Path(hits[0].source).name, hits[0].modality, hits[0].origin) == (
        "图3.png",
        "image",
        "ocr",
    )
    assert hits[0].named and hits[0].said.startswith("by its words, read from the picture; by ")
    heard = store.search("far away", views="text").hits[0]
    assert heard.said.startswith("by its words, heard at 1:05; by ")
    assert store.item(hits[0].id).captions == ("zebra crossing mind the gap",)
    assert store.explain("zebra", hits[0].id).item.view == "text"


def test_later_runs_read_what_the_store_remembers_and_only_new_files(
    space: Space, media: Path, tmp_path: Path, read: list[tuple[str, str]]
) -> None:
    with Store.open(tmp_path / "store", space) as store:
        store.add(media)
        assert read == [] and store.status().read == ()
        report = store.add(media, read="text")
        assert {kind for _, kind in read} == {"text"} and len(read) == 12
        assert (len(report.added), report.passages, len(origins(store))) == (0, 3, 3)
    picture(media / "new.png", seed=9)
    read.clear()
    with Store.open(tmp_path / "store") as store:
        assert store.status().read == ("text",)
        store.add(media)
        assert read == [("new", "text")]
        store.add(media, read=())
        assert (store.status().read, origins(store)) == ((), {})


def test_a_run_that_ended_early_is_taken_up(
    space: Space, media: Path, tmp_path: Path, read: list[tuple[str, str]]
) -> None:
    class StopError(Exception):
        pass

    def stop(phase: str, done: int, total: int) -> None:
        if phase == "read words" and done == 3:
            raise StopError

    with Store.open(tmp_path / "store", space) as store:
        store.add(media)
        with pytest.raises(StopError):
            store.add(media, read="text", progress=stop)
        store.add(media)
        assert len(origins(store)) == 3


def test_words_follow_their_file_and_go_with_it(
    store: Store, media: Path, read: list[tuple[str, str]]
) -> None:
    store.add(media, read="text")
    (media / "图3.png").rename(media / "sign.png")
    report = store.add(media)
    assert [Path(new).name for new, _ in report.moved] == ["sign.png"]
    moved = origins(store)["zebra crossing mind the gap"]
    assert Path(moved.source).name == "sign.png"
    picture(media / "sign.png", seed=5)
    store.add(media)
    assert "zebra crossing mind the gap" not in origins(store)


def test_words_that_are_read_later_have_the_fields_and_labels_of_their_item(
    store: Store, media: Path, read: list[tuple[str, str]]
) -> None:
    store.add(media)
    annotate_store(store, ["a red circle", "a blue square"], least=0.0)
    store.add(media, read="text")
    part = origins(store)["zebra crossing mind the gap"]
    whole = store.get(whole_id(part.id))
    assert whole is not None and whole.fields and whole.labels
    assert (part.fields, part.labels) == (whole.fields, whole.labels)


def test_pictures_that_say_the_same_are_no_copies(
    store: Store, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def known(item: MediaItem, kind: str) -> list[Passage]:
        return [Passage("exit here")] if item.modality == "image" else []

    monkeypatch.setattr(words_read.Words.__init__, "__kwdefaults__", {"read_words": known})
    monkeypatch.setattr(read_setting, "check_readers", lambda kinds: None)
    same = media / "again.png"
    same.write_bytes((media / "图3.png").read_bytes())
    store.add(media, read="text")
    hits = [hit for hit in store.search("exit here", views="text", k=20).hits if hit.origin]
    assert len(hits) == 12  # one for each picture
    assert {hit.source: len(hit.copies) for hit in hits} == {
        str(path.resolve()): int(path.name in ("图3.png", "again.png"))
        for path in media.glob("*.png")
        if str(path.resolve()) in {hit.source for hit in hits}
    }


def test_what_cannot_be_read_is_refused_in_one_line(
    store: Store, space: Space, media: Path, tmp_path: Path, read: list[tuple[str, str]]
) -> None:
    with pytest.raises(InputError, match="words are read as text and speech, not 'txt'"):
        store.add(media, read="txt")
    with Store.open(tmp_path / "store", space) as kept:
        kept.add(media, read="text")
        path = tmp_path / "store" / "reading.json"
        path.write_text(json.dumps({"kinds": ["scent"], "done": [], "view": "text"}))
        with pytest.raises(ArtifactError, match="remove it, and say again"):
            kept.add(media)


@pytest.fixture(autouse=True)
def _no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    yield
