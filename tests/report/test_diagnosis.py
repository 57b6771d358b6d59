from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.report.test_browser import shown

from isthmus.audit import (
    Diagnosis,
    EncoderFit,
    Gain,
    LearningCurve,
    Likeness,
    Share,
    Suspects,
    diagnose,
)
from isthmus.core.item import MediaItem
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.core.view import IMAGE, TEXT
from isthmus.datasets import load
from isthmus.report import findings, write_diagnosis
from isthmus.report.pages.audit.page import render
from isthmus.report.pages.audit.words import curve, encoders, gain, rank_correlation, suspects

HOSTILE = '</title></svg><script>window.attacked = 1</script><img src=x onerror="1">'


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    """Eighty scenes, four of them with each other's captions; hostile words in some places."""
    records = list(load("shapes", n=80, seed=5, languages="en").records)
    moved = [3, 17, 40, 66]
    texts = [records[i].items[TEXT] for i in moved]
    for i, text in zip(moved, texts[1:] + texts[:1], strict=True):
        records[i] = replace(records[i], items={**records[i].items, TEXT: text})
    for i, record in enumerate(records):
        picture = record.items[IMAGE]
        items = {
            TEXT: MediaItem.from_text([*record.items[TEXT].captions, HOSTILE][: 2 - i % 2]),
            IMAGE: MediaItem(picture.id, IMAGE, HOSTILE, picture.payload),
        }
        records[i] = replace(record, items=items, group=record.group if i % 7 else HOSTILE)
    encoders = {TEXT: ["tfidf", "tfidf?dim=32"], IMAGE: ["color-hog"]}
    return diagnose(Dataset(HOSTILE, records), encoders, by_group=False)


@pytest.fixture(scope="module")
def path(diagnosis: Diagnosis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_diagnosis(tmp_path_factory.mktemp("page") / "new" / "page.html", diagnosis)


class Page(HTMLParser):
    """Elements and words of a page; fails where tags do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "col", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_every_part_is_on_the_page(path: Path, diagnosis: Diagnosis) -> None:
    said = Page(path.read_text(encoding="utf-8")).text
    for part, sentences in findings(diagnosis).items():
        assert sentences, part
        for sentence in sentences:
            assert " ".join(sentence.split()) in said, sentence
    for words in ("Which encoders fit together", "What more pairs would bring",
                  "Hubness and the modality gap",
                  "Pairs that may be wrong", "Near-duplicates in another record",
                  "How to read this", "tfidf?dim=32", "color-hog"):  # fmt: skip
        assert words in said, words


def test_the_moved_captions_lead_the_list(diagnosis: Diagnosis, path: Path) -> None:
    first = [one.row for one in diagnosis.suspects[0].listed[:6]]
    assert len({3, 17, 40, 66} & set(first)) >= 3
    html = path.read_text(encoding="utf-8")
    assert html.count('class="card example"') == len(diagnosis.suspects[0].listed)


def test_nothing_is_asked_for_and_nothing_hostile_is_markup(path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 1 and "img" not in tags
    assert "window.attacked = 1" in page.text
    for _, attrs in page.elements:
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
        for name in ("src", "href"):
            assert (attrs.get(name) or "#").startswith(("data:", "#"))
    assert not re.search(r"url\(|@import", html)


def test_ids_headings_and_tables_are_in_order(path: Path) -> None:
    page = Page(path.read_text(encoding="utf-8"))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    wanted = {(a.get("href") or "#")[1:] for tag, a in page.elements if tag == "use"}
    wanted |= {a["aria-labelledby"] or "" for _, a in page.elements if "aria-labelledby" in a}
    assert wanted <= set(ids)
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("caption") == tags.count("table") >= 4
    assert all("scope" in attrs for tag, attrs in page.elements if tag == "th")


def test_vectors_without_media_get_a_page_of_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(60, 5))
    views = {m: z @ rng.normal(size=(5, 9)) + rng.normal(size=(60, 9)) for m in ("<a>", "b")}
    found = diagnose(PairedVectors(views, ids=[f"<row {i}>" for i in range(60)]))
    page = Page(write_diagnosis(tmp_path / "v.html", found).read_text(encoding="utf-8"))
    assert f"<row {found.suspects[0].listed[0].row}>" in page.text


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_quiet_and_never_scrolls_sideways(
    browser, path: Path, width: int, scheme: str
) -> None:
    with shown(browser, path, width, color_scheme=scheme) as (page, wrong):
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("window.attacked") is None
        assert page.locator(".pair-up svg.thumb").first.bounding_box()["height"] > 30
        assert wrong == []


@pytest.mark.browser
def test_plots_put_figures_where_they_belong(browser, path: Path, diagnosis: Diagnosis) -> None:
    """Points of the curve rise to the right by their sizes, and higher means better."""
    with shown(browser, path, 1280) as (page, _):
        curve = diagnosis.curves[0]
        boxes = [dot.bounding_box() for dot in page.locator(".area .dot").all()]
        assert len(boxes) == len(curve.sizes)
        across = np.array([box["x"] for box in boxes])
        np.testing.assert_allclose(
            np.diff(across) / np.diff(across).sum(),
            np.diff(np.log(curve.sizes)) / np.log(curve.sizes[-1] / curve.sizes[0]),
            atol=0.01,
        )
        down = np.array([box["y"] for box in boxes])
        values = np.array([share.value for share in curve.recall])
        slope = np.polyfit(values, down, 1)
        assert slope[0] < 0
        np.testing.assert_allclose(np.polyval(slope, values), down, atol=1.0)
        found = sorted(diagnosis.fits, key=lambda fit: fit.record_ms)
        dots = sorted(_middle(dot) for dot in page.locator(".ahead, .behind").all())
        assert len(dots) == len(found) == 2
        rise = dots[0][1] - dots[1][1]  # of the faster one, which is on the right
        better = found[0].recall.value - found[1].recall.value
        assert np.sign(rise) == np.sign(better)
        taken = [fit.encoder_a for fit in found].index(diagnosis.recommended[0].encoder_a)
        ring = _middle(page.locator(".ring"))
        assert ring == pytest.approx(dots[1 - taken], abs=1)


def _middle(dot: Any) -> tuple[float, float]:
    box = dot.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_headline_is_measured_on_pairs_that_the_choice_was_not_made_with(
    diagnosis: Diagnosis,
) -> None:
    (choice,) = diagnosis.recommended
    assert choice.compared > 1
    honest = replace(choice, chosen=Share(0.123, 0.1, 0.2))
    page = render(replace(diagnosis, recommended=[honest]))
    headline = page.partition('class="headline"')[2].partition("</ul>")[0]
    first = headline.partition("More pairs")[0]
    assert ">12<" in first and "pairs that the choice was not made with" in first


def test_an_encoder_plot_has_a_front_and_places_by_the_logarithm() -> None:
    from isthmus.report.kit.plot import Figure
    from isthmus.report.kit.scatter import ScatterPoint, pareto, scatter_figure

    assert pareto([1, 10, 100, 10], [0.9, 0.8, 0.5, 0.4]) == [True, True, True, False]
    assert pareto([2, 2], [0.5, 0.5]) == [True, True]  # neither beats the other
    points = [
        ScatterPoint(i + 1, f"<{i}>", at, Figure(share, share - 0.05, share + 0.05), front=i < 3)
        for i, (at, share) in enumerate([(1.0, 0.9), (10.0, 0.8), (100.0, 0.5), (10.0, 0.4)])
    ]
    html = scatter_figure(points, 0.1, "items", "spoken", "caption")
    places = [float(x) for x in re.findall(r'<circle cx="([\d.]+)%"[^>]*class="ahead"', html)]
    assert len(places) == 3
    first, second, third = sorted(places)
    assert second - first == pytest.approx(third - second, abs=0.02)
    assert html.count('class="behind"') == 1 and "&lt;0&gt;" in html and "<0>" not in html


# -- sentences -----------------------------------------------------------------------------


def fit(name: str, recall: float, p: float = 0.001, **changes: Any) -> EncoderFit:
    share = Share(recall, recall - 0.05, recall + 0.05)
    like = Likeness(recall / 2, 0.0, 0.01)
    base = EncoderFit(
        "text", "image", "universal", name, 500, like, like, 10, share, 10, share, 0.1, 100.0, p
    )
    return replace(base, **changes)


def test_encoders_in_words() -> None:
    said = encoders([fit("x", 0.5, tied=True), fit("y", 0.48, tied=True), fit("z", 0.12, 0.3)])
    assert said == [
        "text–image: universal with x fits best; 50 of 100 held-out pairs are among the first ten "
        "of 100 (95 %: 45 to 55; chance 10).",
        "Not clearly worse: universal with y.",
        "universal with z fits no better than shuffled pairs (p = 0.3).",
    ]
    (none,) = encoders([fit("z", 0.12, 0.3)])
    assert "no encoders fit better than shuffled pairs" in none
    (failed,) = encoders([EncoderFit("a", "b", "x", "y", 9, reason="all vectors are the same")])
    assert failed == "a–b: x with y could not be measured: all vectors are the same"
    five = encoders([fit("abcde"[i], 0.5 - 0.05 * i) for i in range(5)])
    assert "is 1.00 for CKA" in five[-1]


def test_gains_in_words() -> None:
    assert gain(Gain(100, 0.021, 0.004, 0.038)) == (
        "with 100 more pairs like these, about +2.1 of 100 more (95 %: +0.4 to +3.8)"
    )
    assert gain(Gain(40, 0.01, -0.01, 0.03)).endswith("which is not clearly more than nothing")
    few = LearningCurve("a", "b", 20, 4, 1, 15, (8, 16), (Share(0.5, 0.4, 0.6),) * 2, ())
    assert "finds 50 of 100 first of 4; too few pairs" in curve(few)


def test_flags_in_words() -> None:
    none = suspects(Suspects("a", "b", 674, 0, 0.1, ()))
    assert none.startswith("a–b: none of 674 pairs is clearly wrong")
    one = suspects(Suspects("a", "b", 674, 1, 0.1, ()))
    assert "1 of 674 pairs may be wrong" in one and "10 of 100" in one


def test_rank_correlation_agrees_with_scipy() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, 20), rng.integers(0, 5, 20)
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == 0
