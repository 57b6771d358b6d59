"""The API of a space in which several views read one modality."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.conftest import ANSWER, BACK, CAPTION, FRONT, VIEWS
from tests.server.conftest import asked, beside
from tests.server.test_page import opened, settled, violations
from tests.waiting import until

from isthmus.tasks import Store


@pytest.fixture
def client(stored_views: Path, tmp_path: Path) -> Iterator[TestClient]:
    with (
        Store.open(shutil.copytree(stored_views, tmp_path / "store")) as store,
        asked(store, roots=(tmp_path,)) as made,
    ):
        yield made


def answered(client: TestClient, path: str, status: int = 200, **body: Any) -> dict[str, Any]:
    done = client.post(path, json=body)
    assert done.status_code == status, done.text
    return dict(done.json())


def test_what_is_asked_belongs_to_one_view(client: TestClient) -> None:
    words = {"query": "a large red circle", "words": False, "k": 5}
    refused = answered(client, "/api/search", 422, **words)
    assert "all read text" in refused["message"]
    found = answered(client, "/api/search", **words, views=[BACK], asked_as=[CAPTION])
    assert {hit["view"] for hit in found["hits"]} == {BACK}
    terms = [{"text": "a large red circle", "view": CAPTION}]
    same = answered(client, "/api/search", terms=terms, words=False, k=5, views=[BACK])
    assert [h["id"] for h in same["hits"]] == [h["id"] for h in found["hits"]]
    typed = f'"{CAPTION}":"a large red circle"'
    same = answered(client, "/api/search", query=typed, words=False, k=5, views=[BACK])
    assert [h["id"] for h in same["hits"]] == [h["id"] for h in found["hits"]]
    assert same["query"] == typed
    term = {"item": found["hits"][0]["id"], "view": BACK}
    assert answered(client, "/api/search", 422, terms=[term])["error"] == "InputError"


def test_an_upload_is_encoded_for_the_view_that_it_is_asked_as(
    client: TestClient,
    folders: dict[str, Path],
) -> None:
    sent = client.post("/api/uploads", files={"file": (folders[FRONT] / "3.png").open("rb")})
    upload = sent.json()
    assert (upload["modality"], set(upload["views"])) == ("image", {FRONT, BACK})
    kept = client.app.state.service.uploads.get(upload["upload"])
    assert len(kept.vectors) == 1  # the other waits until it is asked for
    term = {"upload": upload["upload"]}
    assert "all read image" in answered(client, "/api/search", 422, terms=[term])["message"]
    best = {}
    for view in (FRONT, BACK):
        hits = answered(client, "/api/search", terms=[{**term, "view": view}], k=3, views=[FRONT])
        same = answered(client, "/api/search", terms=[term], asked_as=[view], k=3, views=[FRONT])
        assert hits["hits"] == same["hits"]
        best[view] = hits["hits"][0]
    assert set(kept.vectors) == {FRONT, BACK}
    assert best[FRONT]["source"] == str(folders[FRONT] / "3.png")
    assert best[FRONT]["cosine"] == pytest.approx(1.0, abs=1e-3) != best[BACK]["cosine"]
    body = {"terms": [{**term, "view": BACK}], "item": best[FRONT]["id"]}
    made = answered(client, "/api/explain", **body)
    assert (made["query"]["view"], made["item"]["view"]) == (BACK, FRONT)
    assert made["query"]["modality"] == "image"


def test_views_are_told_with_their_modalities(client: TestClient) -> None:
    status = client.get("/api/status").json()
    assert {each["name"]: each["modality"] for each in status["views"]} == {
        FRONT: "image",
        BACK: "image",
        CAPTION: "text",
        ANSWER: "text",
    }
    assert status["items"] == dict.fromkeys(VIEWS, 20)
    assert {"query": CAPTION, "gallery": BACK} in status["calibrated"]
    listed = client.get("/api/items", params={"view": [BACK, ANSWER], "limit": 100}).json()
    assert listed["total"] == 40 and {item["view"] for item in listed["items"]} == {BACK, ANSWER}
    drawn = client.get("/api/map").json()
    assert set(drawn["views"]) == set(VIEWS) and set(drawn["modalities"]) == {"image", "text"}


def test_a_run_says_which_view_its_files_belong_to(
    client: TestClient, folders: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    shutil.copy(folders[BACK] / "1.png", tmp_path / "new")
    paths = [str(tmp_path / "new")]
    assert "no view 'x'" in answered(client, "/api/jobs", 422, paths=paths, views=["x"])["message"]
    job = answered(client, "/api/jobs", 202, paths=paths, views=[FRONT])["id"]
    until(lambda: client.get(f"/api/jobs/{job}").json()["state"] != "running")
    assert client.get(f"/api/jobs/{job}").json()["added"] == 1
    assert client.get("/api/status").json()["items"][FRONT] == 21


@pytest.mark.browser
def test_the_page_asks_which_view_is_meant(
    browser: Any,
    stored_views: Path,
    folders: dict[str, Path],
    tmp_path: Path,
) -> None:
    with (
        Store.open(shutil.copytree(stored_views, tmp_path / "store")) as store,
        beside(store, roots=(tmp_path,)) as address,
        opened(browser, address) as page,
    ):
        chips = page.locator("#views button").all_inner_texts()
        assert sorted(chips) == sorted(f"{view}\n20" for view in VIEWS)
        page.select_option("#asked [data-modality=text]", CAPTION)
        with settled(page):
            page.click(f'[data-view="{BACK}"]')
        page.wait_for_selector(".tile .of-view")
        assert set(page.locator(".tile .of-view").all_text_contents()) == {BACK}
        assert violations(page) == []
        address_of_it = page.url
        page.goto("about:blank")
        page.goto(address_of_it)
        page.wait_for_selector(".tile .of-view")
        assert set(page.locator(".tile .of-view").all_text_contents()) == {BACK}
        assert page.input_value("#asked [data-modality=text]") == CAPTION
