from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.item import MediaItem
from isthmus.core.record import Failure
from isthmus.core.view import AUDIO, IMAGE, Direction
from isthmus.report import (
    MapPoints,
    QueryExample,
    Report,
    ShownItem,
    examples,
    render,
    text_queries,
    write_report,
)
from isthmus.report.kit.assets import Assets

VOID = {"br", "meta", "img", "col"}


class Page(HTMLParser):
    """The elements of a page; fails where tags do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def named(self, *tags: str) -> list[tuple[str, dict[str, str | None]]]:
        return [(tag, attrs) for tag, attrs in self.elements if tag in tags]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def html(made) -> str:
    report = made.space.report
    left_out = (Failure("bad.png", "is truncated"),)
    report = replace(report, data=replace(report.data, left_out=left_out))
    notes = ["Scenes are drawn <here>."]
    return render(made.report(made.test, "Shapes & tones", space_report=report, notes=notes))


def test_everything_is_on_the_page(html: str, made) -> None:
    page = Page(html)
    said = page.text
    for words in (
        "Shapes & tones",
        "Scenes are drawn <here>.",
        "How well it finds things",
        "Estimated when the space was made",
        "Never paired in training",
        "Map of the space",
        "Typed queries",
        "Random queries",
        "What was tried and what won",
        "bad.png is truncated",
        "color-hog",
        "How to read this",
        "shuffled pairs",
        "random encoders",
    ):
        assert words in said, words
    row = made.evaluation[Direction("text", "image")].instance
    assert f"is among the first ten of {row.n_gallery}" in said
    figures = re.findall(r"(\d+) of 100 With a caption as the query, the right picture", said)
    assert figures == [f"{100 * row.r10:.0f}"]


def test_headings_do_not_skip_a_level(html: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(html).named("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_scopes(html: str) -> None:
    page = Page(html)
    assert len(page.named("caption")) == len(page.named("table")) >= 5
    assert all("scope" in attrs for _, attrs in page.named("th"))


def test_emergent_directions_stand_apart(html: str) -> None:
    measured = html.index('id="measured"')
    new = html.index("Never paired in training", measured)
    first_table = html[measured:new]
    assert "Directions never paired" not in first_table
    assert first_table.count('class="group"') == 4
    assert html[new : html.index("<details", new)].count('class="group"') == 2


def test_nothing_outside_the_file_is_asked_for(html: str) -> None:
    page = Page(html)
    for tag, attrs in page.elements:
        for name in ("src", "href", "srcset", "poster", "action", "data"):
            value = attrs.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, name, value)
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
    assert not re.search(r"url\(|@import", html)
    assert page.named("link", "iframe", "object", "embed", "base", "img") == []


def test_the_policy_allows_only_our_own_style_and_script(html: str) -> None:
    policy = next(
        attrs["content"] or ""
        for _, attrs in Page(html).named("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
        if tag == "script":
            assert len(inner.encode()) < 15_000


def test_ids_are_unique_and_references_resolve(html: str) -> None:
    page = Page(html)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    wanted = {(attrs.get("href") or "")[1:] for _, attrs in page.named("use", "a")}
    for name in ("data-a", "data-i", "data-same", "aria-labelledby"):
        wanted |= {attrs[name] or "" for _, attrs in page.elements if name in attrs}
    assert wanted <= set(ids)


def test_a_picture_is_stored_once_however_often_it_is_shown(html: str) -> None:
    stored = re.findall(r'<image id="(i-\w+)" href="(data:image/webp;base64,[^"]+)"', html)
    assert len(stored) == len({name for name, _ in stored}) == 30
    uris = re.findall(r'"(data:[^"]+)"', html)
    assert len(uris) == len(set(uris))


def test_languages_are_marked(html: str) -> None:
    marked = [attrs.get("lang") for tag, attrs in Page(html).named("span") if attrs.get("dir")]
    assert {"en", "zh"} <= set(marked)


def test_hostile_words_stay_words(made, hostile) -> None:
    report = made.space.report
    typed = text_queries(made.space, [('"><i>', "a red star")], made.held, hostile, ["image"])
    html = render(
        made.report(
            hostile,
            "</title><script>1</script>",
            space_report=replace(report, data=replace(report.data, name="<img src=x>")),
            queries=[*examples(made.space, made.held, hostile), *typed],
            notes=["<b>bold</b>"],
        )
    )
    page = Page(html)
    assert len(page.named("script")) == 1
    assert page.named("img", "i", "b") == []
    assert "<script>window.attacked = 1</script>" in page.text
    assert not [a for _, attrs in page.elements for a in attrs if a.startswith("on")]


def test_an_empty_report_still_is_a_page() -> None:
    page = Page(render(Report(title="Nothing yet")))
    assert "Not measured" in page.text
    assert "How to read this" in page.text


def test_vectors_and_broken_media_are_named_and_not_shown(made) -> None:
    row = MediaItem.from_vector(np.ones(7), source="row 3")
    broken = MediaItem.from_bytes(b"\x89PNG\r\n\x1a\nbroken", IMAGE, source="broken.png")
    silent = MediaItem.from_bytes(b"RIFF\x00\x00\x00\x00WAVE", AUDIO, source="silent.wav")
    items = [row, broken, silent]
    found = QueryExample(
        query=MediaItem.from_text("what is it"),
        direction=Direction("text", "sensor"),
        language="en",
        note="",
        found=[ShownItem(item, 0.5, None) for item in items],
    )
    points = MapPoints(
        xy=np.eye(3, 2, dtype=np.float32), views=["sensor", "image", "audio"], items=items
    )
    said = Page(render(Report(title="Broken", points=points, queries=[found]))).text
    assert "vector of 7 numbers" in said
    assert "no picture to show broken.png" in said
    assert "sensor, 1 point" in said


def test_long_recordings_are_cut_and_small_files_kept(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    tone = np.sin(np.arange(10 * 44_100) * 0.05).astype(np.float32)
    soundfile.write(tmp_path / "long.wav", tone, 44_100)
    soundfile.write(tmp_path / "short.wav", tone[:4410], 44_100)

    def embedded(name: str) -> tuple[str, bytes]:
        player = Assets().player(MediaItem.from_path(tmp_path / name, AUDIO), name)
        mime, data = re.findall(r'src="data:([^;]+);base64,([^"]+)"', player or "")[0]
        return mime, base64.b64decode(data)

    assert embedded("short.wav") == ("audio/wav", (tmp_path / "short.wav").read_bytes())
    mime, data = embedded("long.wav")
    (tmp_path / "cut.ogg").write_bytes(data)
    assert mime == "audio/ogg"
    assert soundfile.info(tmp_path / "cut.ogg").duration == pytest.approx(3.0, abs=0.1)


def test_the_store_stops_at_its_cap(monkeypatch: pytest.MonkeyPatch, made) -> None:
    monkeypatch.setattr("isthmus.report.kit.assets._IMAGE_BYTES", 3000)
    assets = Assets()
    names = [assets.picture_id(record.items[IMAGE]) for record in made.test.records]
    kept = [name for name in names if name]
    assert 0 < len(kept) < len(names)
    assert names[: len(kept)] == kept


def test_a_report_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep" / "report.html"
    assert write_report(path, Report(title="First")) == path
    first = path.read_bytes()
    assert b"<h1>First</h1>" in first

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("isthmus.core.artifact.os.fsync", fails)
    with pytest.raises(OSError, match="No space left"):
        write_report(path, Report(title="Second"))
    assert path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]
