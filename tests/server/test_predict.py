"""Predictions over the API, as labels of a store, by a tool, and on the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.predictor.shapes import HOSTILE, shape_predictor
from tests.server.conftest import Place, beside
from tests.server.test_page import opened, violations
from tests.waiting import until

from isthmus.core.record import Dataset, Record
from isthmus.datasets.kinds import typed
from isthmus.predictor.predictor import Predictor
from isthmus.server import Settings, create_app
from isthmus.tasks import Store
from isthmus.tasks.predict import fit
from isthmus.tasks.predict.stored import predict_store, stored_views


@pytest.fixture(scope="module")
def predictor(scenes: Dataset) -> Predictor:
    return shape_predictor(scenes.take(range(60)), card="medical")


@pytest.fixture(scope="module")
def store(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("predicted") / "store"
    shutil.copytree(place.store, folder)
    with Store.open(folder) as made:
        yield made


@pytest.fixture(scope="module")
def asked(store: Store, predictor: Predictor) -> Iterator[TestClient]:
    app = create_app(store, Settings(label=True), predictors={"shapes": predictor})
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as made:
        yield made


def one(client: TestClient, view: str) -> Any:
    return client.get("/api/items", params={"view": view, "limit": 1}).json()["items"][0]


def predicted(client: TestClient, **request: Any) -> Any:
    done = client.post("/api/predict", json=request)
    assert done.status_code == 200, done.text
    return done.json()


def test_the_api_says_which_predictors_there_are(asked: TestClient) -> None:
    (only,) = asked.get("/api/predictors").json()["predictors"]
    assert only["name"] == "shapes" and only["target"] == "shape" and only["medical"] is True
    assert {each["name"] for each in only["views"]} == {"text", "image", "audio"}
    by_name = {each["name"]: each for each in only["columns"]}
    assert by_name["corners"]["kind"] == "number" and HOSTILE in by_name["finish"]["values"]


def test_words_and_columns_get_an_answer_whose_account_sums(asked: TestClient) -> None:
    made = predicted(
        asked,
        things=[{"text": "a large red star on the left"}],
        columns={"corners": "9", "finish": "matt"},
        why=True,
    )
    answer, account = made["answer"], made["account"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert answer["missing"] == ["image", "audio"]
    total = account["rest"] + sum(view["share"] for view in account["views"])
    assert total == pytest.approx(account["score"])
    words = next(view for view in account["views"] if view["view"] == "text")
    parts = words["baseline"] + sum(part["value"] for part in words["parts"])
    assert parts == pytest.approx(words["share"]) and {"star"} <= {
        part["label"] for part in words["parts"]
    }
    assert {each["view"] for each in account["missing"]} == {"image", "audio"}


def test_items_and_uploads_are_predicted(asked: TestClient, place: Place) -> None:
    item = one(asked, "image")
    by_item = predicted(asked, things=[{"item": item["id"]}])
    assert by_item["account"] is None and "image" not in by_item["answer"]["missing"]
    with Path(item["source"]).open("rb") as file:
        sent = asked.post("/api/uploads", files={"file": ("a.png", file, "image/png")}).json()
    by_upload = predicted(asked, things=[{"upload": sent["upload"], "view": "image"}])
    assert by_upload["answer"]["probabilities"] == by_item["answer"]["probabilities"]


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ({}, 422, "the record is empty"),
        ({"predictor": "shape", "things": [{"text": "x"}]}, 404, "Did you mean 'shapes'"),
        ({"things": [{"item": "none"}]}, 404, "holds no item 'none'"),
        ({"things": [{"upload": "none"}]}, 404, "no longer kept"),
        ({"things": [{"text": "x", "view": "image"}]}, 422, "name the view of the text"),
        ({"things": [{"text": "a"}, {"text": "b"}]}, 422, "'text' is given twice"),
        ({"things": [{"text": "x", "item": "y"}]}, 422, "give one of"),
        ({"columns": {"corner": 3}}, 422, "Did you mean 'corners'"),
        ({"columns": {"corners": "many"}}, 422, "column corners: need a number"),
        ({"columns": {"shape": "star"}}, 422, "no column 'shape'"),
        ({"things": [{"text": "x"}], "about": "dog", "why": True}, 422, "there is no 'dog'"),
        ({"things": [{"text": "x"}], "coverage": 1}, 422, "coverage"),
    ],
)
def test_what_cannot_be_predicted_is_said(
    asked: TestClient, request_: dict[str, Any], status: int, said: str
) -> None:
    done = asked.post("/api/predict", json=request_)
    assert done.status_code == status and said in done.json()["message"], done.text


def test_words_never_name_a_file(asked: TestClient, place: Place) -> None:
    picture = next(place.media.glob("*.png"))
    by_path = predicted(asked, things=[{"text": str(picture)}])
    assert "image" in by_path["answer"]["missing"]


def test_predictions_become_labels_to_filter_by(asked: TestClient) -> None:
    job = asked.post("/api/predictions", json={"where": "view:image", "least": 0.0}).json()
    assert job["kind"] == "predict"
    done: dict[str, Any] = {}

    def ended() -> bool:
        done.update(asked.get(f"/api/jobs/{job['id']}").json())
        return bool(done["state"] != "running")

    until(ended)
    assert done["state"] == "done" and done["labelled"] == 24, done
    labels = asked.get("/api/labels").json()["labels"]
    assert sum(each["items"] for each in labels if each["label"].startswith("shape=")) == 24
    some = labels[0]["label"]
    found = asked.get("/api/items", params={"where": f'label:"{some}"'}).json()
    assert found["total"] == labels[0]["items"]


def test_labels_need_leave(store: Store, predictor: Predictor) -> None:
    app = create_app(store, Settings(label=False), predictors={"shapes": predictor})
    with TestClient(app, base_url="http://127.0.0.1") as client:
        done = client.post("/api/predictions", json={})
        assert done.status_code == 403 and "--allow-labels" in done.json()["message"]


def test_without_predictors_the_server_says_how_to_get_one(client: TestClient) -> None:
    assert client.get("/api/predictors").json() == {"predictors": []}
    done = client.post("/api/predict", json={"things": [{"text": "x"}]})
    assert done.status_code == 404 and "--predictor FOLDER" in done.json()["message"]


def test_files_that_share_a_stem_are_one_record(
    space: Any, scenes: Dataset, predictor: Predictor, tmp_path: Path
) -> None:
    from isthmus.media import decode

    record = scenes.records[100]
    for name in ("a", "b"):
        decode(record.items["image"]).rotate(90 if name == "b" else 0).save(
            tmp_path / f"{name}.png"
        )
        (tmp_path / f"{name}.txt").write_text(f"{name} {record.items['text'].captions[0]}")
    with Store.open(tmp_path / "store", space) as store:
        store.add(tmp_path)
        picture = next(e for e in store.backend.entries() if e.source.endswith("a.png"))
        views = stored_views(store, predictor, picture.id)
        assert {v: Path(e.source).name for v, e in views.items()} == {
            "image": "a.png",
            "text": "a.txt",
        }
        made = predict_store(store, predictor, least=0.0)
        assert len(made.answers) == 2 and made.kept.labelled == 4


@pytest.mark.browser
def test_the_page_predicts_an_item_and_a_record(
    browser: Any, store: Store, predictor: Predictor
) -> None:
    with (
        beside(store, label=True, predictors={"shapes": predictor}) as address,
        opened(browser, address, refused=True) as page,
    ):
        page.locator(".tile.image .open").first.click()
        page.locator(".predicted button").first.click()
        page.wait_for_selector(".predicted .shares")
        assert page.locator(".heat i").count() > 10
        assert "no medical device" in page.inner_text(".predicted")
        assert not violations(page)
        page.keyboard.press("Escape")
        page.click("#open-predict")
        assert page.evaluate("[...predict.childNodes].every((each) => each.nodeType === 1)")
        assert page.locator("#predictor").count() == 0, "one predictor needs no choice"
        page.fill("#view-text", "a large red star")
        page.fill("#column-0", "many")
        page.click("#predict form [type=submit]")
        page.wait_for_selector("#predict .problem")
        assert "column corners: need a number" in page.inner_text("#predict .problem")
        page.fill("#column-0", "9")
        page.click("#predict form [type=submit]")
        page.wait_for_selector("#predict .shares")
        assert page.locator("#predict .weighed span").count() >= 4
        assert page.inner_text("#predict").count("no medical device") == 1
        assert not violations(page)
        assert page.evaluate("window.attacked") is None


def test_a_date_is_read_once(store: Store) -> None:
    rng = np.random.default_rng(0)
    days = [f"2026-0{month}-{day:02}" for month in (1, 7) for day in range(1, 26)]
    rows = [{"日期": day, "n": float(rng.normal())} for day in days]
    records = [
        Record(str(i), {}, fields={"日期": typed(row["日期"], "date") or 0.0, "n": row["n"]})
        for i, row in enumerate(rows)
    ]
    dataset = Dataset("days", records, kinds={"日期": "date", "n": "number"})
    seasons = ["winter"] * 25 + ["summer"] * 25
    made = fit(None, dataset, seasons, columns=["日期", "n"], fusions=["late"], folds=3)
    app = create_app(store, Settings(), predictors={"days": made})
    with TestClient(app, base_url="http://127.0.0.1") as client:
        (facts,) = client.get("/api/predictors").json()["predictors"]
        assert {c["name"]: c["kind"] for c in facts["columns"]} == {"日期": "date", "n": "number"}
        for given in ("2026-01-20", "20260120", 20260120):
            said = predicted(client, columns={"日期": given}, why=True)["answer"]
            (answer,) = made.predict({"日期": given})
            assert said["value"] == answer.value == "winter"
            assert said["probabilities"] == pytest.approx(answer.probabilities, abs=1e-3)
        done = client.post("/api/predict", json={"columns": {"日期": "soon"}})
        assert done.status_code == 422 and "got 'soon'" in done.json()["message"]
