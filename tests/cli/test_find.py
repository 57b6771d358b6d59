"""``isthmus find`` says when a video shows a picture, and that it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from isthmus.cli.main import app
from isthmus.core.errors import InputError
from isthmus.tasks.retrieval import find_frame
from isthmus.tasks.retrieval.find_frame import FoundFrame, FramesFound


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was looked for; a video shows only ``there.jpg``."""
    calls: list[Any] = []

    def found(picture: Path, video: Path, **more: Any) -> FramesFound:
        calls.append((picture.name, video.name, more))
        shown = picture.name == "there.jpg"
        place = FoundFrame(16_310, 3725.25, 0.98 if shown else 0.41, shown)
        return FramesFound([place], 20_000)

    monkeypatch.setattr(find_frame, "find_frame", found)
    return calls


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["find", *arguments], catch_exceptions=False)


def test_a_place_is_a_time_a_frame_and_how_alike(asked: list[Any]) -> None:
    done = run("there.jpg", "film.mp4", "--from", "60")
    assert done.exit_code == 0
    assert done.stdout == "1:02:05.25  frame 16,310 from 1:00.00  alike 0.98\n"
    assert asked == [("there.jpg", "film.mp4", {"space": None, "span": (60, float("inf"))})]


@pytest.mark.parametrize(
    ("said", "span"),
    [
        (("--from", "1:00"), (60, float("inf"))),
        (("--to", "0:04.25"), (0, 4.25)),
        (("--from", "90s", "--to", "1:02:05.5"), (90, 3725.5)),
        (("--from", "0", "--to", "600:00"), (0, 36_000)),
    ],
)
def test_a_time_is_written_as_results_say_it(
    asked: list[Any], said: tuple[str, ...], span: tuple[float, float]
) -> None:
    run("there.jpg", "film.mp4", *said)
    assert asked[0][2]["span"] == span


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--from", "10", "--to", "5"), "--to must be later than --from, got 5 and 10"),
        (("--to", "0:00"), "--to must be later than --from, got 0:00 and 0"),
        (("--from", "1:75"), "--from needs a moment such as 90, 1:30 or 1:02:05, got '1:75'"),
        (("--to", "-3"), "--to needs a moment such as 90, 1:30 or 1:02:05, got '-3'"),
        (("--to", "9" * 400), "--to needs a moment such as 90, 1:30 or 1:02:05"),
    ],
)
def test_what_is_no_part_is_refused(asked: list[Any], given: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        run("there.jpg", "film.mp4", *given)
    assert asked == []


def test_a_picture_that_is_not_shown_ends_with_its_own_exit_code(asked: list[Any]) -> None:
    done = run("other.jpg", "film.mp4")
    assert done.exit_code == 5
    assert done.stdout.startswith("The video does not show this picture.")
    assert "alike 0.41 (no match)" in done.stdout
    document = json.loads(run("other.jpg", "film.mp4", "--json").stdout)
    assert (document["nothing_matches"], document["places"][0]["frame"]) == (True, 16_310)
    assert asked[0][2] == {"space": None, "span": None}
