"""Labels over the API and on the page: who may give them, how they are shown, what filters."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.server.conftest import Place, asked, beside
from tests.server.test_page import opened, search, settled, violations
from tests.waiting import until

from isthmus.server.job_schemas import LONGEST_LABEL, MOST_LABELS
from isthmus.store import Entry
from isthmus.tasks import Store, annotate_store

TOKEN = "a-token-of-the-tests-0123456789"
WITH_TOKEN = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def store(place: Place, tmp_path: Path) -> Iterator[Store]:
    """A copy of the store, to write to."""
    shutil.copytree(place.store, tmp_path / "store")
    with Store.open(tmp_path / "store") as made:
        yield made


def ended(client: TestClient, job: dict[str, Any], **more: Any) -> dict[str, Any]:
    def now() -> dict[str, Any]:
        return dict(client.get(f"/api/jobs/{job['id']}", **more).json())

    until(lambda: now()["state"] != "running")
    return now()


def test_labels_are_given_listed_shown_and_filtered_by(store: Store) -> None:
    with asked(store, label=True) as client:
        assert client.get("/api/status").json()["may_label"] is True
        assert client.get("/api/labels").json() == {"labels": [], "total": 0, "given": 0}
        body = {"labels": ["red", "圆形"], "least": 0.0, "where": "view:image"}
        made = client.post("/api/labels", json=body)
        assert made.status_code == 202 and made.json()["labels"] == body["labels"]
        job = ended(client, made.json())
        assert (job["kind"], job["state"], job["labelled"]) == ("label", "done", 24), job
        listed = client.get("/api/labels").json()
        assert listed["labels"] == [{"label": x, "items": 24} for x in ("red", "圆形")]
        few = client.get("/api/labels?limit=1").json()
        assert (few["total"], few["given"]) == (2, 48)
        found = client.post("/api/search", json={"query": "red", "where": "label:圆形", "k": 50})
        hits = found.json()["hits"]
        assert len(hits) == 24 and {hit["view"] for hit in hits} == {"image"}
        for hit in hits:
            names = [each["label"] for each in hit["labels"]]
            chances = [each["probability"] for each in hit["labels"]]
            assert sorted(names) == ["red", "圆形"] and chances == sorted(chances, reverse=True)
            assert client.get(f"/api/items/{hit['id']}").json()["labels"] == hit["labels"]
        sounds = client.get("/api/items", params={"view": "audio"}).json()["items"]
        assert [each["labels"] for each in sounds] == [[]] * 24


def test_other_labels_are_kept_unless_their_removal_is_asked_for(store: Store) -> None:
    def names() -> set[str]:
        return {name for entry in store.backend.entries() for name, _ in entry.labels}

    with asked(store, label=True) as client:
        got, none = "24 of 24 items got a label", "0 of 24 items got a label"
        for body, there, removed, told in (
            ({"labels": ["red"]}, {"red"}, 0, got),
            ({"labels": ["blue"]}, {"red", "blue"}, 0, got),
            ({"labels": ["blue"], "least": 1.0}, {"red"}, 0, none),
            ({"labels": ["star"], "least": 1.0, "replace": True}, {"red"}, 0,
             f"{none}, so no other label was removed"),
            ({"labels": ["star"], "replace": True}, {"star"}, 24,
             f"{got}; 24 other labels were removed"),
        ):  # fmt: skip
            made = client.post("/api/labels", json={"least": 0.0, "where": "view:image", **body})
            job = ended(client, made.json())
            assert (job["state"], job["removed"]) == ("done", removed)
            assert job["message"].startswith(told) and names() == there
        assert client.post("/api/labels", json={"labels": ["a"], "keep": True}).status_code == 422


def test_who_may_not_give_labels_is_told_so(store: Store) -> None:
    with asked(store) as client:
        assert client.get("/api/status").json()["may_label"] is False
        refused = client.post("/api/labels", json={"labels": ["red"]})
        assert refused.status_code == 403 and "--allow-labels" in refused.json()["message"]
    with asked(store, label=True, token=TOKEN) as client:
        assert client.post("/api/labels", json={"labels": ["red"]}).status_code == 401
        other = {**WITH_TOKEN, "origin": "http://evil.example"}
        refused = client.post("/api/labels", json={"labels": ["red"]}, headers=other)
        assert refused.status_code == 403 and "other sites" in refused.json()["message"]
        made = client.post("/api/labels", json={"labels": ["red"]}, headers=WITH_TOKEN)
        assert ended(client, made.json(), headers=WITH_TOKEN)["state"] == "done"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"labels": []}, "labels: name at least one"),
        ({"labels": [" "]}, "blank name"),
        ({"labels": ["a", "a"]}, "'a'"),
        ({"labels": ["x" * (LONGEST_LABEL + 1)]}, "labels"),
        ({"labels": [str(n) for n in range(MOST_LABELS + 1)]}, "labels"),
        ({"labels": ["a"], "least": 2}, "least"),
        ({"labels": ["a"], "where": "colour:red"}, "colour"),
        ({"labels": ["a"], "other": 1}, "other"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(
    store: Store, body: dict[str, Any], said: str
) -> None:
    with asked(store, label=True) as client:
        refused = client.post("/api/labels", json=body)
        assert refused.status_code == 422 and said in refused.json()["message"]
        assert client.get("/api/jobs").json() == []


def test_a_run_that_is_cancelled_changes_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotate_store(store, ["red"], least=0.0)
    before = {entry.id: entry.labels for entry in store.backend.entries()}
    monkeypatch.setattr("isthmus.tasks.zeroshot.stored._CHUNK", 4)
    with asked(store, label=True) as client:
        jobs = client.app.state.service.jobs
        embed = store.space.embed

        def cancelled(*given: Any, **more: Any) -> Any:
            for run in jobs.listed():
                run.cancel.set()
            return embed(*given, **more)

        monkeypatch.setattr(store.space, "embed", cancelled)
        job = ended(client, client.post("/api/labels", json={"labels": ["blue"]}).json())
    assert job["state"] == "cancelled" and "stay as they were" in job["message"]
    assert {entry.id: entry.labels for entry in store.backend.entries()} == before


def test_one_run_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with asked(store, label=True) as client, store.backend.exclusive():
        made = client.post("/api/labels", json={"labels": ["red"]})  # waits for the lock
        second = client.post("/api/labels", json={"labels": ["blue"]})
        assert second.status_code == 409 and "in progress" in second.json()["message"]
    assert made.status_code == 202


@pytest.mark.browser
def test_labels_on_the_page(browser: Any, store: Store) -> None:
    hostile = '<img src=x onerror="window.attacked=30">'
    annotate_store(store, {"red": "red", hostile: "blue"}, least=0.0, where="view:image")
    with beside(store) as address, opened(browser, address) as page:
        search(page, "a large green triangle")
        first = page.locator(".tile.image").first
        assert set(first.locator(".tag").all_text_contents()) == {"red", hostile}
        assert "red" in first.locator(".open").get_attribute("aria-label")
        with settled(page):
            first.locator(".tag", has_text="red").click()
        assert page.input_value("#where") == 'label:"red"'
        assert page.locator(".tile").count() == page.locator(".tile.image").count() == 24
        first.locator(".open").click()
        page.wait_for_selector("dialog[open] .tags")
        assert violations(page) == []
        with settled(page):
            page.locator("dialog[open] .tag", has_text="onerror").click()
        assert page.input_value("#where").startswith('(label:"red") and label:"<img')
        assert page.locator(".tile").count() == 24


@pytest.mark.browser
def test_labels_are_given_from_the_page_by_the_keyboard(browser: Any, store: Store) -> None:
    with beside(store, label=True) as address, opened(browser, address) as page:
        page.focus("#open-labels")
        page.keyboard.press("Enter")
        page.wait_for_selector("#labels[open]")
        page.wait_for_selector("#labels .tags li")
        assert page.inner_text("#labels .tags") == "No item has a label yet."
        page.select_option("#labels select", "0.2")
        page.focus("#label-names")
        page.keyboard.type("red，黄色, red")
        with settled(page):
            page.keyboard.press("Enter")
        page.wait_for_selector("#labels .tag")
        assert "got a label" in page.inner_text("#labels .run")
        assert violations(page) == []
        with settled(page):
            page.locator("#labels .tag").first.focus()
            page.keyboard.press("Enter")
        assert page.locator("#labels[open]").count() == 0
        assert page.input_value("#where").startswith('label:"')
        assert page.locator(".tile .tag").count() >= page.locator(".tile").count() > 0
    known = {name for entry in store.backend.entries() for name, _ in entry.labels}
    assert known and known <= {"red", "黄色"}


@pytest.mark.browser
def test_the_page_asks_before_it_removes_labels(browser: Any, store: Store) -> None:
    annotate_store(store, ["star"], least=0.0, where="view:image")
    asked_for: list[str] = []

    def names() -> set[str]:
        return {name for entry in store.backend.entries() for name, _ in entry.labels}

    with beside(store, label=True) as address, opened(browser, address) as page:
        page.click("#open-labels")
        page.wait_for_selector("#labels[open] .tag")
        assert not page.is_checked("#label-replace")
        page.fill("#label-names", " , ")
        page.keyboard.press("Enter")
        page.wait_for_selector("#labels .problem")
        assert page.inner_text("#labels .problem") == "Name at least one label."
        page.fill("#label-names", "red, 黄色")
        page.select_option("#labels select", "0.2")
        page.check("#label-replace")
        page.once("dialog", lambda box: (asked_for.append(box.message), box.dismiss()))
        with page.expect_event("dialog"):
            page.click("#labels form button[type=submit]")
        assert "have 24 labels with 1 different name" in asked_for[0] and names() == {"star"}
        page.once("dialog", lambda box: box.accept())
        page.click("#labels form button[type=submit]")
        page.wait_for_selector("#labels .run p:has-text('got a label')", timeout=20_000)
        assert "24 other labels were removed" in page.inner_text("#labels .run")
    assert names() <= {"red", "黄色"}


@pytest.mark.browser
def test_a_page_that_may_not_give_labels_says_so(browser: Any, store: Store) -> None:
    with beside(store) as address, opened(browser, address) as page:
        page.click("#open-labels")
        page.wait_for_selector("#labels[open] .tags li")
        assert "--allow-labels" in page.inner_text("#labels")
        assert page.locator("#labels form").count() == 0


def test_a_search_tells_labels_to_machines(place: Place, tmp_path: Path) -> None:
    shutil.copytree(place.store, tmp_path / "store")
    with Store.open(tmp_path / "store") as store:
        annotate_store(store, ["red"], least=0.0, where="view:image")
        found = store.search("red", views="image", k=3)
        document = json.loads(json.dumps(found.to_json()))
    for hit, row in zip(found.hits, document["hits"], strict=True):
        ((name, probability),) = hit.labels
        assert row["labels"] == [{"label": name, "probability": probability}]
    assert Entry("a", "image", "image", "a.png").labels == ()
