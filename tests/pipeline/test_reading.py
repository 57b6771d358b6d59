"""Words of items: read once a content, long recordings window by window, videos with times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from isthmus.core.errors import EmptyMediaError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.passage import Passage
from isthmus.encoders.readers import SPEECH, TEXT
from isthmus.pipeline.reading import WINDOW, PassageCache, read

TALK = MediaItem.from_bytes(b"talk", "audio", source="talk.ogg")
FILM = MediaItem.from_bytes(b"film", "video", source="film.mp4")


class Workers:
    """Answers as children do."""

    def __init__(self, hear: Callable[[float, float], Any] | None = None, look: Any = ()) -> None:
        self._hear, self._look = hear, look
        self.asked: list[tuple[float, float]] = []

    def hear(self, item: MediaItem) -> Any:
        assert item.span is not None and self._hear is not None
        self.asked.append(item.span)
        return self._hear(*item.span)

    def look(self, item: MediaItem, side: int, sampling: Any) -> Any:
        self.asked.append((0.0, 0.0))
        return self._look


def said(*said_at: tuple[str, float, float], seconds: float) -> Callable[[float, float], Any]:
    """A recording in which things are said; what goes over the edge of a window is cut there."""

    def hear(start: float, stop: float) -> Any:
        if start >= seconds:
            raise EmptyMediaError("talk.ogg", "holds no sound")
        inside = [(w, max(a, start), min(b, stop)) for w, a, b in said_at if a < stop and b > start]
        if not inside and start > 0:
            return [], None  # silence
        here = [
            Passage(w, (a - start, b - start), ((w, a - start, b - start),)) for w, a, b in inside
        ]
        return here, min(stop, seconds) - start

    return hear


def test_what_is_said_has_times_from_the_beginning_over_all_windows() -> None:
    hear = said(("one", 1, 2), ("two", 118, 123), ("three", 400, 401), seconds=410)
    workers: Any = Workers(hear)
    heard = read(TALK, SPEECH, workers=workers)
    assert [(each.text, each.span) for each in heard] == [
        ("one", (1, 2)),
        ("two", (118, 123)),
        ("three", (400, 401)),
    ]
    assert heard[2].words == (("three", 400, 401),)
    assert workers.asked[:2] == [(0, WINDOW), (118, 118 + WINDOW)]


def test_a_video_without_sound_says_nothing() -> None:
    workers: Any = Workers(said(seconds=0))
    assert read(FILM, SPEECH, workers=workers) == []


def test_lines_of_a_video_last_as_long_as_they_stand() -> None:
    line, other = Passage("NEWS"), Passage("weather")
    frames = [(0.5, [line]), (1.5, [line, other]), (2.5, [other]), (3.5, []), (4.5, [line])]
    workers: Any = Workers(look=frames)
    found = read(FILM, TEXT, workers=workers)
    assert sorted(found, key=lambda each: each.span or ()) == [
        replace(line, span=(0.5, 1.5)),
        replace(other, span=(1.5, 2.5)),
        replace(line, span=(4.5, 4.5)),
    ]


def test_a_content_is_read_once_and_can_be_forgotten(tmp_path: Path) -> None:
    picture = MediaItem.from_bytes(b"picture", "image", source="a.png")
    lines = [Passage("猫", confidence=0.5), Passage("a cat")]
    workers: Any = Workers(look=[(None, lines)])
    with PassageCache(tmp_path / "words.sqlite") as cache:
        for _ in range(2):
            assert read(picture, TEXT, cache=cache, workers=workers) == lines
        assert len(workers.asked) == 1
        cache.forget(["other"])
        assert read(picture, TEXT, cache=cache, workers=workers) == lines
        cache.forget([picture.id])
        assert "猫".encode() not in (tmp_path / "words.sqlite").read_bytes()
        assert b"a cat" not in (tmp_path / "words.sqlite").read_bytes()
        assert read(picture, TEXT, cache=cache, workers=workers) == lines
        assert len(workers.asked) == 2


def test_only_what_may_hold_words_is_read() -> None:
    workers: Any = Workers()
    assert read(TALK, TEXT, workers=workers) == [] == workers.asked
    with pytest.raises(InputError, match="Did you mean 'text'"):
        read(TALK, "texts", workers=workers)
