"""Results as CSV, and files opened in a viewer, as typed."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli import running
from tests.media.test_tags import photo

from isthmus.cli import search, viewer
from isthmus.cli.rows import table
from isthmus.core.errors import InputError, MissingDataError
from isthmus.core.fields import FIELDS
from isthmus.space import Space
from isthmus.tasks.retrieval.hits import Hit, HitSpan, said_span


@pytest.fixture(scope="module")
def home(space: Space, library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("home")
    space.save(root / "space")
    (root / "media").mkdir()
    (root / "media" / "photo.jpg").write_bytes(photo(t013B="=cmd|' /C calc'!A0"))
    (root / "media" / "词.txt").write_text("=1+1 red\ncircle", encoding="utf-8")
    (root / "media" / "声.wav").write_bytes((library / "声3.wav").read_bytes())
    assert running.run("index", "media", "--space", "space", "--store", "s", cwd=root).stdout
    return root


def run(home: Path, *arguments: str, code: int = 0, **environment: str) -> running.Done:
    done = running.run(*arguments, "--store", "s", cwd=home, **environment)
    assert done.returncode == code, done.stderr + done.stdout
    return done


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+SUM(A1)", "'+SUM(A1)"),
        ("-cmd", "'-cmd"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("-1.5", "-1.5"),
        ("+1", "+1"),
        (-2, "-2"),
        (0.25, "0.25"),
        (None, ""),
        (True, "True"),
        ("a=b", "a=b"),
        (["=x"], '["=x"]'),
        ('say "hi", 猫\nnext', 'say "hi", 猫\nnext'),
    ],
)
def test_a_cell_is_what_it_was_and_no_formula(cell: Any, written: str) -> None:
    (_, (read,)) = csv.reader(io.StringIO(table(["x"], [{"x": cell}]))) if cell else (0, ("",))
    assert read == written


def test_hits_become_rows_with_fields(home: Path) -> None:
    run(home, "search", "red circle", "--nearest", "--csv", "hits.csv")
    data = (home / "hits.csv").read_bytes()
    rows = {Path(r["source"]).name: r for r in csv.DictReader(io.StringIO(data.decode("utf-8")))}
    assert rows.keys() == {"photo.jpg", "词.txt", "声.wav"}
    assert [int(row["rank"]) for row in rows.values()] == [1, 2, 3]
    one = rows["photo.jpg"]
    assert one["artist"] == "'=cmd|' /C calc'!A0" and one["taken"] == "2025-06-30T12:30:00"
    assert (float(one["lat"]), one["width"]) == (-33.8569, "60")
    assert set(FIELDS) <= one.keys()
    assert rows["词.txt"]["text"].endswith("red circle") and "\n" not in rows["词.txt"]["text"]
    assert float(rows["声.wav"]["duration"]) > 0


def test_a_dash_prints_rows_and_nothing_else(home: Path) -> None:
    said = run(home, "search", "red circle", "--nearest", "--csv", "-").stdout
    rows = list(csv.DictReader(io.StringIO(said)))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]


def test_what_is_written_is_told_and_without_a_result_no_page_is(home: Path) -> None:
    asked = ("search", "red circle", "--nearest", "--csv", "told.csv", "--contact-sheet", "t.html")
    said = run(home, *asked).stderr
    assert "Wrote 3 results to told.csv." in said
    assert "Wrote a page with 3 results to t.html." in said
    asked = ("search", "red", "--where", 'path~"no/*"', "--contact-sheet", "none.html")
    done = run(home, *asked, code=5)
    assert "Without a result no page was written to none.html." in done.stderr
    assert not (home / "none.html").exists()


def test_what_cannot_be_written_is_refused_before_anything_is_searched(home: Path) -> None:
    for arguments, why in (
        (("--csv", "x.txt"), "ends with .csv, or - for standard output"),
        (("--csv", "-", "--json"), "both print results"),
        (("--contact-sheet", "x.png"), "ends with .html"),
        (("--csv", "media"), "ends with .csv"),
    ):
        done = run(home, "search", "red", *arguments, code=1)
        assert why in done.stderr + done.stdout
    run(home, "search", "red", "--nearest", "--csv", "twice.csv")
    run(home, "search", "red", "--nearest", "--csv", "twice.csv")
    (home / "mine.csv").write_text("rank,source\n1,mine\n", encoding="utf-8")
    said = run(home, "search", "red", "--csv", "mine.csv", code=1).stderr
    assert "is no table of this command" in said
    assert (home / "mine.csv").read_text(encoding="utf-8") == "rank,source\n1,mine\n"
    page = home / "other.html"
    page.write_text("no page of ours")
    said = run(home, "search", "red", "--contact-sheet", "other.html", code=1).stderr
    assert "is no HTML page" in said and page.read_text() == "no page of ours"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was started instead of a viewer."""
    started: list[Any] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append((a, k)))
    monkeypatch.setattr(sys, "platform", "linux")
    return started


def test_the_first_hit_or_the_sheet_is_opened_without_a_shell(
    home: Path, opened: list[Any]
) -> None:
    asked = ("search", "photo", "--nearest", "-k", "1", "--open")
    run(home, *asked, DISPLAY=":0")
    run(home, *asked, "--contact-sheet", "s.html", WAYLAND_DISPLAY="w")
    commands = [arguments[0] for arguments, _ in opened]
    assert commands == [
        ["xdg-open", str(home / "media" / "photo.jpg")],
        ["xdg-open", str(home / "s.html")],
    ]
    assert not any(options.get("shell") for _, options in opened)
    assert "<li" in (home / "s.html").read_text(encoding="utf-8")


def test_without_a_display_open_is_refused_at_once(
    home: Path, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    done = run(home, "search", "photo", "--open", code=1)
    assert "--open needs a display" in done.stderr and opened == []


@pytest.mark.parametrize("name", ["a.desktop", "a.bat", "a.sh", "a.html", "a.svg", "a", "a.JS"])
def test_what_the_system_might_run_is_not_opened(
    name: str, opened: list[Any], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="may run a file of that name"):
        viewer.open_media(Path("/tmp") / name)
    (tmp_path / "harmless.txt").symlink_to(tmp_path / name)
    with pytest.raises(InputError, match="may run a file of that name"):
        viewer.open_media(tmp_path / "harmless.txt")
    viewer.open_media(Path("/tmp/-a.PNG"))
    assert opened[0][0][0] == ["xdg-open", "/tmp/-a.PNG"]


def test_a_machine_without_a_viewer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(MissingDataError, match="there is no program 'xdg-open'"):
        viewer.open_page(Path("/tmp/x.html"))


def test_short_places_have_digits_and_ends_that_differ(capsys: pytest.CaptureFixture[str]) -> None:
    more = [HitSpan("y", 3.25, 9.75, 0.5, True), HitSpan("z", 60, 75, 0.4, True)]
    hit = Hit("x", "audio", "audio", "a.wav", 0.5, 0.5, 0.5, span=(17.12, 17.81), spans=more)
    search._print(1, hit, thumbnail=False)
    said = capsys.readouterr().out
    assert "a.wav at 0:17.1–0:17.8" in said
    assert "also at 0:03.2–0:09.8, 1:00–1:15" in said


@pytest.mark.parametrize("length", [0.01, 0.04, 0.1, 0.149, 0.15, 0.5, 1, 9.99, 10, 60])
def test_the_ends_of_a_place_never_look_the_same(length: float) -> None:
    for start in (0.0, 0.05, 17.249, 59.96, 3599.95):
        first, last = said_span((start, start + length), "video").removeprefix("at ").split("–")
        assert first != last
