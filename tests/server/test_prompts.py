"""Prompts of several parts on the page and in saved searches."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient
from tests.server.test_page import opened, search, violations

TYPED = "a large green triangle + style:red - small"


def test_the_page_shows_what_each_part_adds(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        search(page, TYPED)
        more = page.locator("#state button.first")
        if more.count():  # nothing is likely enough
            more.click()
        page.locator(".tile.image .open").first.click()
        page.wait_for_selector("dialog[open] .shares")
        rows = page.locator(".shares li")
        assert rows.locator(".pair-name").all_text_contents() == [
            '"a large green triangle"',
            'style:"red"',
            'not "small"',
        ]
        values = [float(text.replace("−", "-")) for text in rows.locator("b").all_text_contents()]
        (total,) = page.locator(".shares > p").all_text_contents()
        assert abs(sum(values) - float(total.split()[1].rstrip(":").replace("−", "-"))) <= 0.021
        assert violations(page) == []
        page.click(".actions .wide")
        page.wait_for_selector(".why .weighed")
        page.keyboard.press("Escape")
        search(page, "a large green triangle")
        page.locator(".tile.image .open").first.click()
        page.wait_for_selector("dialog[open]")
        assert page.locator(".shares").count() == 0


def test_a_saved_search_has_all_parts_in_its_query(client: TestClient) -> None:
    asked = {"query": "a circle", "style": ["red + 2*blue"], "avoid": ["small"], "only": ["star"]}
    saved = client.post("/api/searches", json={"name": "parts", "search": asked})
    (kept,) = [each for each in saved.json()["searches"] if each["name"] == "parts"]
    typed = '"a circle" + style:"red" + 2*style:"blue" - "small" + only:"star"'
    assert (kept["search"]["query"], kept["search"]["style"]) == (typed, [])
    found = client.post("/api/search", json=kept["search"]).json()
    assert found["query"] == typed == client.post("/api/search", json=asked).json()["query"]
    client.delete("/api/searches", params={"name": "parts"})
