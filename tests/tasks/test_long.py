"""Recordings and texts longer than the window of their encoder: hits that say where."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile

from isthmus.core.contracts import window_of
from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset
from isthmus.core.view import AUDIO, TEXT
from isthmus.pipeline import default_cache
from isthmus.report.pages.explanation.words import name_of, sentences
from isthmus.space import Space
from isthmus.store import Entry, is_whole, whole_id
from isthmus.tasks import Store, annotate_store
from isthmus.tasks.retrieval import index as indexing
from isthmus.tasks.retrieval.folded import (
    distinct,
    joined,
    one_each,
    overlap,
    span_of,
    with_spans,
    without_copies,
)
from isthmus.tasks.retrieval.hits import Hit
from isthmus.tasks.retrieval.part import Part
from isthmus.tasks.retrieval.spans import in_spans, times

RATE = 16_000
TOPICS = ("kangaroo", "glacier", "violin", "harbour", "volcano", "library")


def sound(record: object) -> np.ndarray:
    item = record.items[AUDIO]  # type: ignore[attr-defined]
    samples, rate = soundfile.read(io.BytesIO(item.payload), dtype="float32")
    assert rate == RATE
    return samples


def book() -> str:
    """A chapter of a few paragraphs on each topic, longer than a text that is encoded at once."""
    filler = "It was said so often that nobody asked any more what was meant by it. " * 4
    chapters = [
        f"The {topic}\n\n" + "\n\n".join(f"This is {n} of the {topic}. {filler}" for n in range(14))
        for topic in TOPICS
    ]
    return "\n\n".join(chapters)


@pytest.fixture
def store(space: Space) -> Store:
    return Store.in_memory(space)


@pytest.fixture
def tape(scenes: Dataset, tmp_path: Path) -> tuple[Path, list[tuple[float, float]]]:
    """Twelve tones one behind the other, and when each of them sounds."""
    parts = [sound(record) for record in scenes.records[:12]]
    ends = np.cumsum([0, *map(len, parts)]) / RATE
    path = tmp_path / "tape.flac"
    soundfile.write(path, np.concatenate(parts), RATE)
    return path, list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))


def test_spans_reach_from_the_beginning_to_the_end_and_overlap() -> None:
    for seconds in (3.2, 10.0, 61.7):
        spans = times(seconds, 2)
        assert spans[0][0] == 0 and max(stop for _, stop in spans) == seconds
        assert len(set(spans)) == len(spans)
        for second in np.arange(0, seconds, 0.1):
            assert any(start <= second <= stop for start, stop in spans)


def test_spans_of_sound_begin_where_sounds_begin(
    space: Space, tape: tuple[Path, list[tuple[float, float]]]
) -> None:
    path, when = tape
    item = MediaItem.from_path(path, AUDIO)
    parts = list(in_spans(Part(item, AUDIO, "0"), space))
    assert parts[0].item.span is None
    spans = [part.item.span for part in parts[1:] if part.item.span is not None]
    assert spans == sorted(set(spans)) and spans[0][0] == 0
    end, window = when[-1][1], window_of(space.encoder(AUDIO))
    assert max(stop for _, stop in spans) == pytest.approx(end, abs=0.01)
    assert len(spans) <= 1.5 * len(times(end, window))
    exact = [
        any(abs(a - start) <= 0.1 and abs(b - stop) <= 0.1 for a, b in spans)
        for start, stop in when
    ]
    assert np.mean(exact) >= 0.75


def test_a_tone_in_a_tape_is_found_where_it_sounds(
    store: Store, scenes: Dataset, tape: tuple[Path, list[tuple[float, float]]], tmp_path: Path
) -> None:
    path, when = tape
    other = tmp_path / "other.wav"
    soundfile.write(other, sound(scenes.records[20])[: RATE // 2], RATE)
    report = store.add([path, other])
    assert (len(report.added), len(store), store.status().items) == (2, 2, {AUDIO: 2})
    assert len(store.backend) > 12
    right = 0
    for record, (start, stop) in zip(scenes.records, when, strict=False):
        results = store.search(record.items[AUDIO], k=2)
        hit = next(hit for hit in results.hits if hit.source == str(path))
        assert hit.span is not None and hit.item == whole_id(hit.id)
        assert hit.standing is not None and hit.standing.among == 2
        assert len(results.hits) == 2 and len({each.source for each in results.hits}) == 2
        right += min(hit.span[1], stop) - max(hit.span[0], start) > 0.5 * (stop - start)
    assert right >= 9  # a span at random is right once in twelve


def test_within_a_file_spans_are_hits(
    store: Store, scenes: Dataset, tape: tuple[Path, list[tuple[float, float]]], tmp_path: Path
) -> None:
    path, when = tape
    store.add(path)
    query = scenes.records[3].items[AUDIO]
    for named in (path, "tape.flac", store.search(query).hits[0].id):
        hits = store.search(query, within=named, k=4).hits
        assert 2 <= len(hits) <= 4 and {hit.source for hit in hits} == {str(path)}
        assert all(hit.span is not None and not hit.spans for hit in hits)
        scores = [hit.prominence for hit in hits]
        assert scores == sorted(scores, reverse=True)
    assert hits[0].span is not None and hits[0].span[0] < when[3][1]
    for absent in ("absent.flac", "absent\0.flac"):
        with pytest.raises(
            InputError, match=r"the store holds no file 'absent.*flac', and there is none"
        ):
            store.search(query, within=absent)
    for empty in ("", " "):
        with pytest.raises(InputError, match=r"within names no file; name one: within='talk\.mp3'"):
            store.search(query, within=empty)
    (tmp_path / "again").mkdir()
    soundfile.write(tmp_path / "again/tape.flac", sound(scenes.records[30]), RATE)
    store.add(tmp_path / "again")
    with pytest.raises(InputError, match=r"2 files are named 'tape\.flac'"):
        store.search(query, within="tape.flac")
    assert len(store.search(query, within=tmp_path / "again/tape.flac").hits) == 1


def placed(start: float, stop: float, probability: float | None = 0.9, passes: bool = True) -> Hit:
    name = f"{0:032x}@{start}-{stop}"
    p = 0.0 if probability is None else probability
    return Hit(
        *(name, AUDIO, AUDIO, "/tape.flac", p, p, probability, 3 * p),
        passes=passes,
        span=(start, stop),
    )


def test_places_that_overlap_are_one() -> None:
    best, late, wide, apart = (
        placed(4, 6),
        placed(5.5, 8, 0.5),
        placed(0, 10, 0.4),
        placed(8, 9, 0.3),
    )
    assert [hit.span for hit in joined([best, late, wide, apart])] == [(4, 6), (8, 9)]
    assert [hit.span for hit in distinct([best, late, wide, apart])] == [(4, 6), (8, 9)]
    as_good = placed(5.5, 8, 0.89)
    assert [hit.span for hit in joined([best, as_good, wide, apart])] == [(4, 8), (8, 9)]


def test_further_places_match_and_lie_apart() -> None:
    others = [placed(8, 9, 0.3), placed(8.5, 11, 0.3), placed(12, 13, 0.1), placed(14, 15, None)]
    others.append(placed(16, 17, 0.4, passes=False))
    hit = with_spans(placed(0, 20), [placed(4, 6), *others])
    assert hit.span == (4, 6)
    assert [(span.start, span.stop) for span in hit.spans] == [(8, 9), (14, 15)]
    assert [span.words for span in hit.spans] == ["maybe", "uncalibrated"]
    sight = replace(hit, view="video", spans=[span_of(each) for each in (others[1], others[3])])
    (both,) = one_each([hit, replace(sight, spans=[*sight.spans, span_of(placed(5, 7))])])
    assert both.spans == hit.spans


def test_a_sound_in_a_tape_is_one_place(
    store: Store, scenes: Dataset, tape: tuple[Path, list[tuple[float, float]]]
) -> None:
    store.add(tape[0])
    for record in scenes.records[:6]:
        query = record.items[AUDIO]
        told = [hit.span for hit in store.search(query, within="tape.flac", k=20).hits]
        assert len(told) > 2
        assert not any(overlap(a, b) for a, b in combinations(told, 2))
        (hit,) = store.search(query).hits
        told = [hit.span, *((span.start, span.stop) for span in hit.spans)]
        assert not any(overlap(a, b) for a, b in combinations(told, 2))
        assert all(span.passes and span.words != "unlikely" for span in hit.spans)


def test_a_book_finds_its_paragraph(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text(book())
    assert len(path.read_text()) > 20_000
    (tmp_path / "short.txt").write_text("a violin")
    report = store.add(tmp_path)
    assert not report.failures and len(store) == 2
    hit = next(
        hit for hit in store.search("12 of the volcano", k=5).hits if hit.source == str(path)
    )
    assert hit.named and hit.span is not None
    start, stop = map(int, hit.span)
    assert "12 of the volcano" in book()[start:stop]
    assert hit.text.partition("\n")[2] == book()[start:stop]
    item = store.item(hit.id)
    assert item.modality == TEXT and item.span == hit.span
    hits = store.search("the library", within=path).hits
    assert hits and all("library" in book()[int(h.span[0]) : int(h.span[1])] for h in hits[:3])  # type: ignore[index]


@pytest.mark.parametrize("count", [9_000, 150_000])
def test_a_long_text_of_blanks_is_told_to_hold_none(
    store: Store, tmp_path: Path, count: int
) -> None:
    (tmp_path / "blank.txt").write_text((" \n\t" * count)[:count])
    (failure,) = store.add(tmp_path).failures
    assert failure.reason == "holds no text, only blanks"


def test_spans_go_where_their_file_goes(
    store: Store, tape: tuple[Path, list[tuple[float, float]]], tmp_path: Path
) -> None:
    path, _ = tape
    (tmp_path / "note.txt").write_text("a note")
    store.add(path)
    count = len(store.backend)
    moved = tmp_path / "moved.flac"
    path.rename(moved)
    report = store.add(tmp_path, include="*.flac")
    assert report.moved == [(str(moved), str(path))]
    entries = store.backend.entries()
    assert len(entries) == count and {entry.source for entry in entries} == {str(moved)}
    copied = tmp_path / "copied.flac"
    shutil.copy(moved, copied)
    store.add(tmp_path, include="*.flac")
    whole = next(entry for entry in store.backend.entries() if is_whole(entry.id))
    assert whole.copies == (str(copied),)
    done = store.forget(moved)
    assert done.kept == [(str(moved), str(copied))] and len(store.backend) == count
    assert {entry.source for entry in store.backend.entries()} == {str(copied)}
    copied.unlink()
    moved.unlink()
    store.add(tmp_path, include="*.flac")
    assert all(entry.gone for entry in store.backend.entries())
    soundfile.write(copied, np.sin(np.arange(RATE)).astype(np.float32), RATE)
    assert len(store.add(copied).dropped) == 1
    assert [is_whole(entry.id) for entry in store.backend.entries()] == [True]
    done = store.forget(ids=[store.backend.entries()[0].id])
    assert len(done) == 1 and len(store.backend) == 0


def test_a_span_named_by_its_id_stands_for_its_file(
    store: Store, tape: tuple[Path, list[tuple[float, float]]], scenes: Dataset
) -> None:
    store.add(tape[0])
    span = next(entry for entry in store.backend.entries() if entry.span is not None)
    assert store.get(span.id) == span and store.item(span.id).span == span.span
    explained = store.explain(scenes.records[0].items[AUDIO], span.id, seed=1)
    assert explained.item.item.span == span.span
    done = store.forget(ids=[span.id])
    assert len(done) == 1 and len(store.backend) == 0 and not store.backend.files()


def test_what_was_made_of_a_long_file_is_kept_when_a_run_is_interrupted(
    store: Store,
    tape: tuple[Path, list[tuple[float, float]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    encoder = store.space.encoder(AUDIO)
    monkeypatch.setattr(encoder, "batch_size", 4, raising=False)
    ticks: list[tuple[int, int]] = []

    def stop(phase: str, done: int, total: int) -> None:
        if phase == "encode spans":
            ticks.append((done, total))
            if len(ticks) == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add(tape[0], progress=stop)
    assert [done for done, _ in ticks] == [4, 8, 12] and ticks[0][1] > 12
    assert len(store.backend) == 0
    with default_cache() as kept:
        assert kept.stats()["vectors"] == 12
    ticks.clear()

    phases: list[str] = []

    def look(phase: str, done: int, total: int) -> None:
        phases.append(phase)
        if phase == "encode spans":
            ticks.append((done, total))

    store.add(tape[0], progress=look)
    assert phases[0] == "find onsets" and phases[-1] == "index"
    assert ticks[0][0] == 12 and ticks[-1] == (len(store.backend), len(store.backend))
    fresh = Store.in_memory(store.space)
    with monkeypatch.context() as patch:
        patch.setenv("ISTHMUS_CACHE", str(tmp_path / "other"))
        fresh.add(tape[0])
    names = [entry.id for entry in fresh.backend.entries()]
    taken_up, at_once = store.backend.vectors(names), fresh.backend.vectors(names)
    for name in names:
        np.testing.assert_allclose(taken_up[name], at_once[name], atol=1e-6)
    store.forget(tape[0])
    with default_cache() as kept:
        assert kept.stats()["vectors"] == 0


def test_labels_are_of_things_and_filter_their_spans(
    store: Store, tape: tuple[Path, list[tuple[float, float]]], scenes: Dataset
) -> None:
    store.add(tape[0])
    made = annotate_store(store, ["a red circle", "a blue square"], least=0.0)
    assert len(made.items) == 1
    found = store.search(scenes.records[0].items[AUDIO], where='label:"a red circle"').hits
    assert len(found) == 1 and found[0].span is not None


def test_nothing_is_left_of_a_file_that_cannot_be_encoded(
    store: Store, tape: tuple[Path, list[tuple[float, float]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = tape
    real = indexing.encoded_parts

    def without_whole(parts: list[indexing.Part], *given: object) -> object:
        done = real(parts, *given)  # type: ignore[arg-type]
        for part in parts:
            if is_whole(part.id):
                del done.vectors[part.id]
                done.reasons[part.id] = "has no vector"
        return done

    monkeypatch.setattr(indexing, "encoded_parts", without_whole)
    report = store.add(path)
    assert [failure.reason for failure in report.failures] == ["has no vector"]
    assert len(store.backend) == 0 and len(store) == 0


def test_of_exact_copies_one_is_shown_and_all_are_told(
    store: Store, media: Path, tmp_path: Path
) -> None:
    first = next(media.glob("*.png"))
    for name in "abc":
        shutil.copy(first, tmp_path / f"{name}.png")
    store.add([tmp_path / f"{name}.png" for name in "abc"])
    (hit,) = store.search(first).hits
    assert sorted([hit.source, *hit.copies]) == [str(tmp_path / f"{n}.png") for n in "abc"]


def test_a_hit_by_a_span_tells_the_copies_of_its_file(
    store: Store, tape: tuple[Path, list[tuple[float, float]]], scenes: Dataset, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.flac"
    shutil.copy(tape[0], copy)
    store.add([tape[0], copy])
    (hit,) = store.search(scenes.records[3].items[AUDIO]).hits
    assert not is_whole(hit.id) and {hit.source, *hit.copies} == {str(tape[0]), str(copy)}
    store.forget(copy)
    (hit,) = store.search(scenes.records[3].items[AUDIO]).hits
    assert hit.source == str(tape[0]) and not hit.copies


def test_recordings_that_begin_alike_are_no_copies(
    store: Store, scenes: Dataset, tmp_path: Path
) -> None:
    parts = [sound(record) for record in scenes.records[:12]]
    for name, rest in (("one", parts[2:7]), ("other", parts[7:12])):
        samples = np.concatenate([*parts[:2], *rest])
        soundfile.write(tmp_path / f"{name}.flac", samples, RATE)
    store.add(tmp_path)
    hits = store.search(scenes.records[0].items[AUDIO]).hits
    assert len(hits) == 2 and not any(hit.copies for hit in hits)


@pytest.mark.parametrize(
    ("other", "wholes", "copies"),
    [((5.1, 9.2), 1.0, 1), ((9.1, 12), 1.0, 0), ((5.1, 9.2), 0.9, 0)],
)
def test_spans_of_one_time_of_two_copies_are_one(
    other: tuple[float, float], wholes: float, copies: int
) -> None:
    one, two = placed(5, 9), replace(placed(*other), id=f"{9:032x}@0-1", source="/copy.mp3")
    apart = np.array([[0.9, np.sqrt(1 - 0.81)], [wholes, np.sqrt(1 - wholes**2)]], np.float32)
    vectors = {one.id: np.array([[1, 0], [1, 0]], np.float32), two.id: apart}
    hits = without_copies([one, two], vectors, dict.fromkeys(vectors, (0.995, 0.995)))
    assert [len(hit.copies) for hit in hits] == ([1] if copies else [0, 0])


def test_what_is_nearly_the_same_is_one_hit_unless_all_are_asked_for(store: Store) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, store.space.dim)).astype(np.float32)
    x[1] = x[0] + 1e-4
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    entries = [Entry(f"{i:032x}", "image", "image", f"/{i}.png", f"{i}") for i in range(6)]
    store.backend.add(entries, x, store.space.hubness(x, "image"))
    sources = {0: {"/0.png", "/1.png"}}
    hits = store.search(MediaItem.from_text("a red circle"), k=6, views="image").hits
    assert len(hits) == 5
    pair = next(hit for hit in hits if hit.copies)
    assert {pair.source, *pair.copies} == sources[0]
    shown = store.search(MediaItem.from_text("a red circle"), k=6, views="image", all_copies=True)
    assert len(shown.hits) == 6 and not any(hit.copies for hit in shown.hits)


def test_a_file_of_many_spans_takes_nobodys_place(store: Store) -> None:
    """Two hundred spans at random beside twenty pictures: each is found by its own vector."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(221, store.space.dim)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    long = f"{99:032x}"
    ids = [f"{i:032x}" for i in range(20)] + [f"{long}@{i}-{i + 1}" for i in range(200)] + [long]
    entries = [
        Entry(name, "image", "image", f"/{whole_id(name)}", "", None if is_whole(name) else (0, 1))
        for name in ids
    ]
    store.backend.add(entries, x, store.space.hubness(x, "image"))
    assert len(store) == 21 and store.status().items == {"image": 21}
    hits = store.search(MediaItem.from_text("a red circle"), k=30, views="image").hits
    assert len(hits) == 21 and len({hit.item for hit in hits}) == 21
    assert store.backend.parts([long, ids[0]], "image") == {long: 201}


def test_of_a_long_text_that_is_no_item_the_passage_that_matches_best_is_explained(
    space: Space, tmp_path: Path
) -> None:
    path = tmp_path / "book.txt"
    filler = "A small blue square lies there. " * 30
    text = f"{filler}\n\nA large red star hangs here.\n\n{filler}"
    path.write_text(text)
    store = Store.in_memory(space)
    found = store.explain("a red star", path)
    assert found.item.item.span is not None
    start, stop = map(int, found.item.item.span)
    assert "red star" in text[start:stop] and stop - start < 600
    assert name_of(found.item) == f"book.txt at characters {start:,}–{stop:,}"
    told = f"This is the passage at characters {start:,}–{stop:,} of book.txt, not all of it."
    assert told in sentences(found)
    assert found.item.baseline + found.item.values.sum() == pytest.approx(found.score, abs=1e-5)
    words = MediaItem.from_text(text)
    assert store.explain("a red star", words).item.item.span == found.item.item.span
    short = MediaItem.from_text("A large red star hangs here.")
    assert store.explain("a red star", short).item.item.span is None
    several = MediaItem.from_text((filler, filler))
    assert store.explain("a red star", several).item.item is several
    assert len(name_of(store.explain("a red star", several).item)) < 120


def test_the_best_span_explains_what_is_too_long_to_be_encoded_at_once(
    store: Store, scenes: Dataset, tmp_path: Path
) -> None:
    captions = [record.items[TEXT].captions[0] for record in scenes.records]
    book = tmp_path / "book.txt"
    book.write_text("\n\n".join(10 * [f"{each}. " * 6 for each in captions]), encoding="utf-8")
    assert len(book.read_text(encoding="utf-8")) > 20_000
    store.add(book)
    (whole,) = (each.id for each in store.backend.entries() if each.id == whole_id(each.id))
    found = store.explain(captions[0], whole)
    assert found.item.item.span is not None
    assert found.score == pytest.approx(sum(found.item.values) + found.item.baseline, abs=1e-4)
