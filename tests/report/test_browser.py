"""The page as Chromium shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from isthmus.report import write_report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_path(made, hostile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hostile captions and names everywhere."""
    report = made.report(
        hostile,
        "<script>window.attacked = 5</script>",
        notes=["<img src=x onerror='window.attacked = 6'>"],
    )
    return write_report(tmp_path_factory.mktemp("report") / "report.html", report)


@contextmanager
def shown(browser: Any, path: Path, width: int, **options: Any) -> Iterator[tuple[Any, list[str]]]:
    wrong: list[str] = []
    with browser.page(viewport={"width": width, "height": 800}, **options) as page:
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        inside = ("data:", path.as_uri())
        page.on("request", lambda r: None if r.url.startswith(inside) else wrong.append(r.url))
        page.goto(path.as_uri())
        yield page, wrong


def centre(page: Any, selector: str) -> tuple[float, float]:
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator(selector).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_error_no_request_no_script_of_others(browser, page_path, scheme: str) -> None:
    with shown(browser, page_path, 1280, color_scheme=scheme) as (page, wrong):
        page.mouse.move(*centre(page, ".pt.m-image use"))
        for summary in page.locator("summary").all():
            summary.click()
        page.wait_for_timeout(100)
        assert wrong == []
        assert page.evaluate("window.attacked") is None
        assert page.title() == "<script>window.attacked = 5</script>"


def test_the_page_never_scrolls_sideways(browser, page_path) -> None:
    with shown(browser, page_path, 1280) as (page, _):
        for summary in page.locator("summary").all():
            summary.click()
        for width in (1280, 768, 390, 320):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_pointing_shows_what_a_mark_stands_for(browser, page_path) -> None:
    with shown(browser, page_path, 1280) as (page, _):
        assert page.locator("#tip").is_hidden()
        page.mouse.move(*centre(page, ".pt.m-image use"))
        tip = page.locator("#tip")
        assert tip.is_visible()
        assert "<script>window.attacked = 1</script>" in tip.inner_text()
        # the mark, and its partners in the other two modalities
        assert page.locator(".pt.on").count() == 3
        assert page.locator(".links line").count() == 2
        page.mouse.move(2, 2)
        assert tip.is_hidden()


def test_the_map_works_from_the_keyboard(browser, page_path) -> None:
    with shown(browser, page_path, 1280) as (page, wrong):
        assert page.locator('.pt[tabindex="0"]').count() == 1
        page.locator('.pt[tabindex="0"]').focus()
        first = page.locator("#tip").inner_text()
        before = page.evaluate("document.activeElement.querySelector('use').getAttribute('x')")
        page.keyboard.press("ArrowRight")
        after = page.evaluate("document.activeElement.querySelector('use').getAttribute('x')")
        assert float(after[:-1]) > float(before[:-1])
        assert page.locator("#tip").is_visible()
        assert first
        assert page.locator('.pt[tabindex="0"]').count() == 1
        page.keyboard.press("Escape")
        assert page.locator("#tip").is_hidden()
        page.locator(".pt.m-audio[data-a]").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_function("[...document.querySelectorAll('audio')].some((a) => !a.paused)")
        assert wrong == []


def test_a_tap_on_a_phone_keeps_the_tip_inside_the_map(browser, page_path) -> None:
    with shown(browser, page_path, 390, has_touch=True) as (page, _):
        page.touchscreen.tap(*centre(page, ".pt.m-image use"))
        tip, room = page.locator("#tip").bounding_box(), page.locator(".map").bounding_box()
        assert tip["x"] >= room["x"]
        assert tip["x"] + tip["width"] <= room["x"] + room["width"]


def test_pictures_and_players_can_be_loaded(browser, page_path) -> None:
    with shown(browser, page_path, 1280) as (page, wrong):
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        assert page.evaluate(
            "[...document.querySelectorAll('use')].every("
            "(u) => document.querySelector(u.getAttribute('href')))"
        )
        seconds = page.evaluate(
            "Promise.all([...document.querySelectorAll('audio')].slice(0, 8).map((a) =>"
            " new Promise((done, fail) => { a.onloadedmetadata = () => done(a.duration);"
            " a.onerror = fail; a.preload = 'auto'; a.load(); })))"
        )
        assert seconds
        assert all(0.9 < s < 1.1 for s in seconds)
        assert page.locator("audio[data-same]:not([src])").count() == 0
        assert wrong == []


def test_without_a_script_the_figures_and_pictures_are_there(browser, page_path) -> None:
    with shown(browser, page_path, 1280, java_script_enabled=False) as (page, _):
        assert page.locator("table").first.is_visible()
        assert page.locator(".hit svg.thumb").first.bounding_box()["height"] > 40
        assert page.locator(".pt title").first.text_content()
