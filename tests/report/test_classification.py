"""The page of a classification, as text and as Chromium shows it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from tests.report.test_browser import shown
from tests.report.test_page import Page

from isthmus.core.item import MediaItem
from isthmus.report import write_classification
from isthmus.report.pages.classification.page import render
from isthmus.tasks import ClassificationReport, classification_report

COLOURS = ["black", "blue", "green", "orange", "purple", "red", "yellow"]
ATTACK = "</title><script>window.attacked = 1</script>"


def colour(record) -> str:
    return str(record.group).split()[0]


@pytest.fixture(scope="module")
def report(made) -> ClassificationReport:
    """Pictures with known colours, some of them examples of others."""
    new = list(made.test.records)
    shots: dict[str, list[MediaItem]] = {}
    for record in new[:14]:
        shots.setdefault(colour(record), []).append(record.items["image"])
    items = [record.items["image"] for record in new[14:]]
    truth = [colour(record) for record in new[14:]]
    return classification_report(
        made.space, items, COLOURS, shots=shots, truth=truth, method="text+mean"
    )


@pytest.fixture(scope="module")
def bare(made) -> ClassificationReport:
    """Hostile class names and sources, and nobody knows what is right."""
    record = made.test.records[0]
    picture = record.items["image"]
    named = MediaItem(
        picture.id, "image", 'a"><img src=x onerror="attacked=2">.png', picture.payload
    )
    return classification_report(
        made.space, [named, record.items["audio"]], {ATTACK: "red", "b & <i>c</i>": "blue"}
    )


@pytest.fixture(scope="module")
def html(report: ClassificationReport) -> str:
    return render(report)


def test_everything_is_on_the_page(html: str, report: ClassificationReport) -> None:
    said = Page(html).text
    for words in (
        "Classification: black, blue, green and 4 more",
        "by words and 14 examples (text+mean)",
        "16 items with known classes",
        "Macro recall",
        "Macro F1",
        "The same if probabilities were true",
        "What is taken for what",
        "Sure, unsure, refused",
        "words without the examples",
        "bare names",
        "random words",
        "shuffled labels",
        "the most frequent class",
        "What more examples bring",
        "one sentence in place of all (7 tried)",
        "noise on the vectors, length 0.5",
        "a picture of black",
        "How it was learned",
        "Nothing was left out.",
    ):
        assert words in said, words
    assert report.evaluated is not None
    accuracy = 100 * report.evaluated.figures.accuracy.value
    assert f"Accuracy {accuracy:.0f} of 100" in said


def test_unsure_items_are_named_for_what_they_are(report: ClassificationReport) -> None:
    assert report.unsure
    said = Page(render(report)).text
    assert "least ahead of the next class, of those less probable than 90 %" in said
    sure = replace(report, unsure=(), options=replace(report.options, coverage=0.1))
    assert "None: each answer is at least 10 % probable." in Page(render(sure)).text


def test_each_cell_of_the_matrix_has_its_number_and_a_picture(
    html: str, report: ClassificationReport
) -> None:
    assert report.evaluated is not None
    counts = report.evaluated.confusion.counts
    matrix = html[html.index('class="matrix"') : html.index('id="items"')]
    assert matrix.count("<svg") == matrix.count('class="in-cell"') == (counts > 0).sum()
    assert sum(int(n) for n in _between(matrix, "<b>", "</b>")) == counts.sum() == 16
    assert matrix.count('class="none"') == (counts == 0).sum()


def _between(text: str, start: str, end: str) -> list[str]:
    return [part.partition(end)[0] for part in text.split(start)[1:]]


def test_the_page_is_well_formed_and_asks_for_nothing(
    html: str, bare: ClassificationReport
) -> None:
    for each in (html, render(bare)):
        page = Page(each)
        levels = [int(tag[1]) for tag, _ in page.named("h1", "h2", "h3")]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert len(page.named("caption")) == len(page.named("table"))
        assert all("scope" in attrs for _, attrs in page.named("th"))
        ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
        assert len(ids) == len(set(ids))
        wanted = {(attrs.get("href") or "")[1:] for _, attrs in page.named("use", "a")}
        assert wanted <= set(ids)
        for _, attrs in page.elements:
            assert not [name for name in attrs if name.startswith("on") or name == "style"]
            for name in ("src", "href"):
                assert (attrs.get(name) or "#").startswith(("data:", "#"))


def test_hostile_names_stay_words_and_what_is_missing_says_so(bare: ClassificationReport) -> None:
    page = Page(render(bare))
    assert len(page.named("script")) == 1 and page.named("img", "i") == []
    assert "window.attacked = 1" in page.text and "<i>c</i>" in page.text
    assert "Nobody knows yet" in page.text and page.text.count("Not measured:") == 3
    assert len(page.named("audio")) == 1  # the sound can be heard


def test_sounds_and_texts_have_their_cells(made) -> None:
    new = list(made.test.records)[:12]
    truth = [colour(record) for record in new]
    for view, mark in (("audio", "m-audio"), ("text", "first-words")):
        items = [record.items[view] for record in new]
        found = classification_report(made.space, {view: items}, COLOURS, truth=truth)
        page = render(found)
        matrix = page[page.index('class="matrix"') : page.index('id="items"')]
        assert matrix.count(mark) >= matrix.count('class="in-cell"') > 0


def test_a_text_stands_on_its_card(made) -> None:
    record = made.test.records[0]
    found = classification_report(made.space, {"text": [record.items["text"]]}, COLOURS)
    assert record.items["text"].captions[0] in Page(render(found)).text


@pytest.fixture(scope="module")
def page_path(report: ClassificationReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classification(tmp_path_factory.mktemp("report") / "page.html", report)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_error_and_no_request(browser, page_path: Path, scheme: str) -> None:
    with shown(browser, page_path, 1280, color_scheme=scheme) as (page, wrong):
        for summary in page.locator("summary").all():
            summary.click()
        page.wait_for_timeout(100)
        assert wrong == []


@pytest.mark.browser
def test_the_page_never_scrolls_sideways_and_the_matrix_does(browser, page_path: Path) -> None:
    with shown(browser, page_path, 1280) as (page, _):
        for width in (1280, 768, 360):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.locator(".scroll:has(.matrix)")
        assert box.evaluate("(e) => e.scrollWidth > e.clientWidth")
        label = page.locator(".matrix tbody th").first
        before = label.bounding_box()["x"]
        box.evaluate("(e) => { e.scrollLeft = 120 }")
        assert label.bounding_box()["x"] == pytest.approx(before, abs=1)  # the class stays in view


@pytest.mark.browser
def test_without_a_script_all_is_there(browser, page_path: Path) -> None:
    with shown(browser, page_path, 1280, java_script_enabled=False) as (page, _):
        for selector in (".matrix svg.thumb", ".items svg.thumb", ".area path.line", ".bar rect"):
            box = page.locator(selector).first.bounding_box()
            assert box["width"] > 4 and box["height"] > 1, selector


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_hard_to_read(browser, page_path: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    with shown(browser, page_path, 1280, color_scheme=scheme) as (page, _):
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
