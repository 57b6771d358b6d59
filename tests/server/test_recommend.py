"""Recommendations over the API, by a tool, and from hearts on the page."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.server.test_page import opened, settled, violations


def found(client: TestClient, **request: Any) -> Any:
    done = client.post("/api/recommend", json=request)
    assert done.status_code == 200, done.text
    return done.json()


def test_the_api_recommends_and_says_why(client: TestClient) -> None:
    first, second = client.get("/api/items", params={"view": "image", "limit": 2}).json()["items"]
    answer = found(
        client,
        liked=[{"item": first["id"]}, {"text": "a red circle"}],
        disliked=[{"item": second["id"]}],
        k=6,
        diversity=0.2,
    )
    assert len(answer["items"]) == 6 and answer["content_share"] == 1
    for item in answer["items"]:
        assert item["id"] not in (first["id"], second["id"])
        total = sum(reason["value"] for reason in item["reasons"]) + item["rest"]
        assert total == pytest.approx(item["score"], abs=1e-5)
        assert {reason["liked"] for reason in item["reasons"]} == {True, False}


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ({"liked": []}, 422, "nothing is liked"),
        ({"liked": [{"item": "none"}]}, 404, "holds no item 'none'"),
        ({"liked": [{"text": "red"}], "disliked": [{"text": "red"}]}, 422, "liked and disliked"),
        ({"liked": [{"text": "red"}], "k": 0}, 422, "k"),
        ({"liked": [{"text": "red"}], "k": 10**6}, 422, "k must be at most"),
        ({"liked": [{"text": "red"}], "diversity": 7}, 422, "diversity"),
        ({"liked": [{"text": "red", "item": "x"}]}, 422, "give one of"),
        ({}, 422, "liked"),
    ],
)
def test_what_cannot_be_asked_is_said(
    client: TestClient, request_: dict[str, Any], status: int, said: str
) -> None:
    done = client.post("/api/recommend", json=request_)
    assert done.status_code == status and said in done.json()["message"]


def test_a_tool_recommends(client: TestClient) -> None:
    item = client.get("/api/items", params={"view": "image", "limit": 1}).json()["items"][0]["id"]
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "recommend",
            "arguments": {"liked": [item, "a circle"], "k": 3, "views": ["image"]},
        },
    }
    headers = {"accept": "application/json, text/event-stream"}
    told = client.post("/mcp", json=body, headers=headers).json()["result"]
    items = told["structuredContent"]["items"]
    assert len(items) == 3 and all(each["view"] == "image" for each in items)


@pytest.mark.browser
def test_hearts_on_cards_bring_more_like_these(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        assert page.locator("#likes").is_hidden()
        for place in (0, 1):
            tile = page.locator(f'.tile[data-place="{place}"]')
            tile.hover()
            heart = tile.get_by_role("button", name="I like this")
            heart.click()
            assert heart.get_attribute("aria-pressed") == "true"
        assert page.locator("#liked li").count() == 2
        with settled(page):
            page.get_by_role("button", name="More like these").click()
        assert "recommended" in page.locator("#said").inner_text()
        assert page.locator(".tile .likely").first.inner_text().startswith("because you like")
        assert violations(page) == []
        # On a recommended card, "not like this" is a dislike.
        first = page.locator('.tile[data-place="0"]')
        name = first.locator(".name").inner_text()
        first.hover()
        with settled(page):
            first.get_by_role("button", name="Not like this").click()
        assert page.locator("#liked li").count() == 3
        assert name not in page.locator(".tile .name").all_inner_texts()
        page.get_by_role("button", name="Clear").click()
        assert page.locator("#likes").is_hidden()


@pytest.mark.browser
def test_a_heart_from_the_keyboard(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        page.locator(".tile .open").first.focus()
        page.keyboard.press("l")
        assert page.locator("#liked li").count() == 1
        page.keyboard.press("l")
        assert page.locator("#likes").is_hidden()
