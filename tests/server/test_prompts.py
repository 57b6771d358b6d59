"""Prompts of several parts on the page and in saved searches."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from tests.cli.running import run
from tests.server.conftest import Place, asked
from tests.server.test_page import opened, search, violations

from isthmus.tasks import Store

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


def test_a_running_server_sees_prompts_that_another_process_saves_and_forgets(
    place: Place, tmp_path: Path
) -> None:
    shutil.copytree(place.store, tmp_path / "store")
    with Store.open(tmp_path / "store") as store, asked(store) as client:
        views = {"query": "a circle + @ink", "views": ["image"], "k": 3}

        def search() -> Any:
            return client.post("/api/search", json=views)

        assert search().status_code == 422 and "no prompt is saved as @ink" in search().text
        typed = ("prompt", "save", "ink", "--like", "red", "--store", str(tmp_path / "store"))
        saved = run(*typed)
        assert saved.returncode == 0, saved.stderr
        found = search().json()
        assert found["hits"] and "style:@ink" in [s["prompt"] for s in found["hits"][0]["shares"]]
        item = found["hits"][0]["id"]
        told = client.post("/api/explain", json={"query": views["query"], "item": item})
        assert told.status_code == 200 and "@ink" in str(told.json()["shares"])
        blue = ["blue" if word == "red" else word for word in typed]
        assert run(*blue, "--overwrite").returncode == 0  # in its place
        again = search().json()
        values = [[hit["shares"][1]["value"] for hit in each["hits"]] for each in (found, again)]
        assert values[0] != values[1]
        gone = run("prompt", "forget", "ink", "--store", str(tmp_path / "store"))
        assert gone.returncode == 0, gone.stderr
        assert search().status_code == 422
