"""Whether all that the page says can be read, and stays where it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.server.test_page import opened, search, settled

pytestmark = pytest.mark.browser

NAME = "a_photograph_of_the_old_bridge_at_night-0042.jpeg"
HIDDEN = """() => {
  for (const row of document.querySelectorAll(".row")) row.style.contentVisibility = "visible";
  const hides = (each) => each.scrollWidth > each.clientWidth + 1
    && getComputedStyle(each).overflow !== "visible";
  const leaves = (each) => {
    const [own, row] = [each.getBoundingClientRect(), each.closest(".row").getBoundingClientRect()];
    const tile = each.closest(".tile").getBoundingClientRect();
    return own.bottom > row.bottom || own.right > tile.right;
  };
  return [...document.querySelectorAll(".foot, .foot *:not(.name), .tile .tags")]
    .filter((each) => hides(each) || leaves(each)).map((each) => each.outerHTML);
}"""
FOCUS_IN_SIGHT = """() => [...document.querySelectorAll(".tile .open")].every((each) => {
  const [own, row] = [each.getBoundingClientRect(), each.closest(".row").getBoundingClientRect()];
  return own.left >= row.left + 4 && own.right <= row.right - 4 && own.top >= row.top + 4;
})"""


def pictures(page: Any, **changes: Any) -> list[dict[str, Any]]:
    """Pictures of the store as a search finds them, with some changes."""
    asked = {"query": "red", "k": 20, "views": ["image"], "aspects": True}
    hits: list[dict[str, Any]] = page.evaluate(
        "(body) => fetch('/api/search', {method: 'POST', headers: {'content-type':"
        " 'application/json'}, body: JSON.stringify(body)}).then((r) => r.json())",
        asked,
    )["hits"]
    return [hit | changes for hit in hits]


def answer(page: Any, hits: list[dict[str, Any]]) -> None:
    told = {"query": "x", "nothing_matches": False, "uncalibrated": [], "took_ms": 1.0}
    body = json.dumps({**told, "hits": hits})
    page.route("**/api/search", lambda r: r.fulfill(body=body, content_type="application/json"))
    search(page, "x")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_every_word_below_a_narrow_picture_can_be_read(
    browser: Any, address: str, width: int, language: str
) -> None:
    with opened(
        browser, address, viewport={"width": width, "height": 900}, locale=language
    ) as page:
        said = {"name": NAME, "partly_named": True, "named": False, "probability": 0.62}
        said |= {"words": "likely", "standing": {"rank": 1, "among": 569, "clear": True}}
        said |= {
            "copies": ["/a/1.png", "/b/2.png"],
            "view": "a_view_with_a_long_name",
            "gone": True,
        }
        said["labels"] = [{"label": f"label {n}", "probability": 0.9} for n in range(5)]
        hits = pictures(page, **said)
        for place, hit in enumerate(hits):
            hit["aspect"] = (0.1, 0.2, 5.0, 0.3)[place % 4]
        answer(page, hits)
        words = page.locator(".tile .likely").all_text_contents()
        expected = "in part by its name · likely · clear best of 569 · file is gone"
        if language == "zh-CN":
            expected = "名称部分相符 · 可能 · 569 项中明显最好 · 文件已不在"
        assert set(words) == {expected} and len(words) > 5
        assert page.evaluate(HIDDEN) == []
        assert page.evaluate(FOCUS_IN_SIGHT)
        wide = page.locator(".tile").evaluate_all("(all) => all.map((each) => each.offsetWidth)")
        assert min(wide) >= 88


def test_a_filter_that_cannot_be_used_is_told_on_a_small_screen(browser: Any, address: str) -> None:
    with opened(browser, address, refused=True, viewport={"width": 360, "height": 780}) as page:
        body = json.dumps({"query": "x", "nothing_matches": True, "uncalibrated": [], "hits": []})
        page.route("**/api/search", lambda r: r.fulfill(body=body, content_type="application/json"))
        search(page, "qwrtzp")
        page.unroute("**/api/search")
        with settled(page):
            page.fill("#where", "colour:red")
        box = page.locator("#where-error").bounding_box()
        assert box["x"] >= 0 and box["width"] > 300 and box["height"] < 160
        assert page.locator(".state").count() == 0  # what was said of the search before is gone


def test_nothing_moves_while_a_picture_is_on_its_way(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        search(page, "a large green triangle")
        held: list[Any] = []
        page.route("**/thumbnail?side=640", lambda route: held.append(route))
        page.locator(".tile.image .open").first.click()
        page.wait_for_function(
            "() => document.querySelector('.facts dd:last-child span').innerText"
        )
        places = "[...document.querySelectorAll('.detail .picture, .detail .side > *')]"
        places += ".map((each) => JSON.stringify(each.getBoundingClientRect()))"
        before = page.evaluate(places)
        assert len(held) == 1
        held[0].continue_()
        page.wait_for_function("() => document.querySelector('.picture img').naturalWidth")
        assert page.evaluate(places) == before
        top = page.locator(".pager").bounding_box()["y"]
        page.click(".actions .wide")
        page.wait_for_selector(".why .weighed")
        assert page.locator(".pager").bounding_box()["y"] == top
        shown = "(all) => all.map((each) => each.getBoundingClientRect().width)"
        assert len(set(page.locator(".picture, .picture img, .heat").evaluate_all(shown))) == 1


def test_a_long_name_leaves_room_and_the_way_out_stays_in_sight(browser: Any, address: str) -> None:
    with opened(browser, address, viewport={"width": 360, "height": 780}) as page:
        answer(page, pictures(page, name=f"{'a photograph ' * 20}.png"))
        page.locator(".tile .open").first.click()
        page.wait_for_selector("dialog[open] .facts")
        assert page.locator(".detail-head").bounding_box()["height"] < 120
        page.locator("#detail").evaluate("(each) => { each.scrollTop = 9999; }")
        assert page.evaluate("document.querySelector('#detail').scrollTop") > 50
        box, dialog = (page.locator(each).bounding_box() for each in (".pager", "#detail"))
        assert box["y"] >= dialog["y"]


def test_who_went_on_to_other_results_is_at_the_last_of_them(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        search(page, "a large green triangle")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open]")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
        page.wait_for_function(
            "() => document.activeElement.closest('.tile')?.dataset.place === '2'"
        )
