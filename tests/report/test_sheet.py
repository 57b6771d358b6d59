"""The contact sheet: what a search found, and nothing that was not asked to be shown."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.media.test_tags import photo
from tests.report.conftest import HANDLER, SCRIPT, Made
from tests.report.test_browser import shown

from isthmus.media import decode
from isthmus.report import write_sheet
from isthmus.store import part_id
from isthmus.tasks import Hit, Results, Store
from isthmus.tasks.retrieval.hits import HitSpan


@pytest.fixture(scope="module")
def store(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A picture with a place, one with a name that attacks, a recording, a text that attacks."""
    folder = tmp_path_factory.mktemp("secret") / "media"
    folder.mkdir()
    one, two = made.test.records[:2]
    exif = Image.open(io.BytesIO(photo(t010E="A star <b>"))).getexif()
    exif[0x0112] = 1
    decode(one.items["image"]).save(folder / "star.jpg", exif=exif)
    (folder / HANDLER.replace("/", "")).write_bytes(two.items["image"].read())
    (folder / "sound.wav").write_bytes(one.items["audio"].read())
    (folder / "words.txt").write_text(f"a red star {SCRIPT}", encoding="utf-8")
    made_store = Store.in_memory(made.space)
    assert made_store.add(folder).failures == []
    return made_store


def found(store: Store, query: Any = "a red star", **changes: Any) -> Results:
    return replace(store.search(query, **changes), nothing=False)


def written(store: Store, results: Results, folder: Path, **more: Any) -> str:
    path = folder / "sheet.html"
    write_sheet(path, results, store.item, **more)
    return path.read_text(encoding="utf-8")


def test_every_hit_has_its_card_with_what_it_is(store: Store, tmp_path: Path) -> None:
    results = found(store)
    page = written(store, results, tmp_path)
    assert page.count('<li class="card">') == len(results.hits) == 4
    assert page.count("data:image/webp") == 2 and page.count("<audio") == 1
    for hit in results.hits:
        assert page.count(f">{hit.words}<") or hit.words in page
    assert "A star &lt;b&gt; · 2025-06-30 12:30 · NIKON D750" in page
    names = [h.source.rpartition("/")[2] for h in results.hits if h.source.endswith(".wav")]
    assert names == ["sound.wav"] and ">sound.wav</span>" in page


def test_places_and_paths_stay_out_and_markup_is_text(store: Store, tmp_path: Path) -> None:
    picture = next(Path(hit.source) for hit in found(store).hits if hit.source.endswith("star.jpg"))
    page = written(store, found(store, picture), tmp_path)
    assert "151.2" not in page and "33.8" not in page
    assert str(picture.parent) not in page and "secret" not in page
    assert "star.jpg" in page.partition("</h1>")[0]
    assert SCRIPT not in page and "<img" not in page
    assert page.count("data:image/webp") == 2  # the query is the first hit, and embedded once


def test_what_is_gone_or_has_changed_is_told(store: Store, tmp_path: Path) -> None:
    results = found(store)
    hits = [replace(hit, gone=hit.modality == "audio") for hit in results.hits]
    changed = next(hit for hit in hits if hit.source.endswith("star.jpg"))
    before = Path(changed.source).read_bytes()
    try:
        Path(changed.source).write_bytes(photo(t0110="Another"))
        page = written(store, replace(results, hits=hits), tmp_path)
    finally:
        Path(changed.source).write_bytes(before)
    assert "the file is gone" in page and "has changed since it was indexed" in page
    assert page.count("data:image/webp") == 1 and "<audio" not in page
    assert str(Path(changed.source).parent) not in page


def test_nothing_matches_is_said_and_the_nearest_only_where_asked(
    store: Store, tmp_path: Path
) -> None:
    results = replace(found(store), nothing=True)
    page = written(store, results, tmp_path)
    assert "Nothing matches." in page and '<li class="card">' not in page
    page = written(store, results, tmp_path, nearest=True)
    assert "these are the nearest" in page and page.count('<li class="card">') == 4


def test_a_span_says_when(store: Store, tmp_path: Path) -> None:
    results = found(store)
    (audio,) = (hit for hit in results.hits if hit.modality == "audio")
    item = store.item(audio.id)
    spans = [(0.0, 0.4), (0.4, 0.8)]
    hits: list[Hit] = [replace(audio, id=f"part{at}", span=span) for at, span in enumerate(spans)]
    path = tmp_path / "sheet.html"
    parts = {hit.id: replace(item, span=hit.span) for hit in hits}
    write_sheet(path, replace(results, hits=hits), parts.__getitem__)
    page = path.read_text(encoding="utf-8")
    assert "at 0:00.0–0:00.4" in page and "at 0:00.4–0:00.8" in page
    assert page.count("data:audio/ogg") == 2  # each span is a clip of its own


def test_what_was_read_further_spans_and_copies_are_told(store: Store, tmp_path: Path) -> None:
    results = found(store)
    hit = next(hit for hit in results.hits if hit.modality == "audio")
    more = HitSpan("x", 65, 80, 0.5, True)
    parts: dict[str, Any] = {"span": (5, 9), "spans": [more], "copies": ["/a", "/b"]}
    read = replace(hit, origin="speech", text=SCRIPT, named=True, **parts)
    page = written(store, replace(results, hits=[read]), tmp_path)
    assert "at 0:05–0:09, also 1:05–1:20" in page and "3 copies" in page
    assert "by words heard at 0:05; " in page
    assert "&lt;script&gt;window.attacked = 1" in page and SCRIPT not in page


def test_words_that_were_read_stand_below_what_they_were_read_in(
    store: Store, tmp_path: Path
) -> None:
    results = found(store)
    hit = next(hit for hit in results.hits if hit.modality == "image")
    entry = replace(store.backend.get([hit.id])[hit.id], id=part_id(hit.id, "ocr"), view="text")
    words = replace(entry, origin="ocr", text="mind the gap")
    vectors = store.backend.vectors([hit.id])[hit.id][None]
    store.backend.add([words], vectors, np.zeros((1, len(store.space.views)), np.float32))
    read = replace(hit, id=words.id, origin="ocr", text=words.text, view="text")
    page = written(store, replace(results, hits=[read]), tmp_path)
    assert "mind the gap" in page and "cannot be shown" not in page
    assert page.count("data:image/webp") == 1


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_nothing_is_asked_run_or_cut(
    browser: Any, store: Store, tmp_path: Path, scheme: str
) -> None:
    path = tmp_path / "sheet.html"
    write_sheet(path, found(store), store.item)
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    with shown(browser, path, 1280, color_scheme=scheme) as (page, wrong):
        assert wrong == [] and page.evaluate("window.attacked") is None
        sizes = page.evaluate(
            "[...document.querySelectorAll('.sheet .thumb')].map((t) => t.getBoundingClientRect()"
            ".height)"
        )
        assert sizes == [176, 176]
        for width in (1280, 390, 320):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    with shown(browser, path, 1280, color_scheme=scheme, bypass_csp=True) as (page, _):
        report = axe.Axe().run(page).response
        serious = [v["id"] for v in report["violations"] if v["impact"] in ("serious", "critical")]
        assert serious == []
