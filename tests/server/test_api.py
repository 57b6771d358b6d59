"""What the routes answer, as the one store behind them says."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.server.conftest import Place, asked
from tests.tasks.conftest import picture
from tests.waiting import until

from isthmus.core.record import Dataset
from isthmus.core.wording import speaking
from isthmus.prompts import PromptParts
from isthmus.space import Space
from isthmus.tasks import SearchOptions, Store
from isthmus.tasks.retrieval.unfinished import RunGiven, note


def find(client: TestClient, **request: Any) -> dict[str, Any]:
    done = client.post("/api/search", json=request)
    assert done.status_code == 200, done.text
    return dict(done.json())


def test_a_search_is_that_of_the_store(client: TestClient, place: Place) -> None:
    found = find(client, query="a large green triangle", k=5, views=["image"], words=False)
    with Store.open(place.store) as store:
        want = store.search("a large green triangle", k=5, views="image", words=False)
    assert [hit["id"] for hit in found["hits"]] == [hit.id for hit in want.hits]
    assert found["hits"][0]["probability"] == pytest.approx(want.hits[0].probability)
    assert found["nothing_matches"] == want.nothing and found["took_ms"] > 0


def test_every_option_of_a_search_is_one_of_the_api(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()["components"]["schemas"]["SearchRequest"]
    for each in fields(SearchOptions):
        told = schema["properties"][each.name]
        assert told["description"] == each.metadata["description"]
        assert told.get("default") == ([] if each.default == () else each.default)
    assert schema["additionalProperties"] is False
    for wrong, says in (
        ({"where": "colour:red"}, "the filter has no field 'colour'"),
        ({"views": ["video"]}, "no view 'video'"),
        ({"k": 1_001}, "k must be at most 1000"),
        ({"k": 0}, "k: "),
        ({"kk": 3}, "kk"),
    ):
        sent = client.post("/api/search", json={"query": "red", **wrong})
        assert sent.status_code == 422 and says in sent.json()["message"], sent.text


def test_several_terms_and_ids_and_weights(client: TestClient) -> None:
    hit = find(client, query="circle", k=1, views=["image"])["hits"][0]
    like = find(client, terms=[{"item": hit["id"]}], k=5)
    assert hit["id"] not in {each["id"] for each in like["hits"]}
    typed = find(client, query=f"id:{hit['id']}", k=5)
    assert [h["id"] for h in typed["hits"]] == [h["id"] for h in like["hits"]]
    apart = find(client, terms=[{"text": "circle"}, {"item": hit["id"], "weight": -1}], k=60)
    assert hit["id"] not in {each["id"] for each in apart["hits"]}


def test_a_typed_query_never_reads_a_file(client: TestClient, place: Place) -> None:
    path = place.media / "词5.txt"
    found = find(client, query=str(path), k=3, words=False)
    assert found["query"] == f'"{path}"'
    assert find(client, query="/etc/passwd", k=1)["query"] == '"/etc/passwd"'
    assert find(client, query="file:/etc/passwd", k=1)["query"] == '"file:/etc/passwd"'


def test_an_uploaded_picture_and_sound(client: TestClient, place: Place) -> None:
    source = place.media / "图21.png"
    sent = client.post("/api/uploads", files={"file": ("../../假期.png", source.read_bytes())})
    assert sent.status_code == 201
    upload = sent.json()
    assert (upload["modality"], upload["views"]) == ("image", ["image"])
    assert upload["name"] == "假期.png"
    found = find(client, terms=[{"upload": upload["upload"]}], k=3, views=["image"])
    assert found["hits"][0]["source"] == str(source)
    thumbnail = client.get(f"/api/uploads/{upload['upload']}/thumbnail")
    assert thumbnail.headers["content-type"] == "image/webp"
    sound = client.post("/api/uploads", files={"file": (place.media / "声3.wav").open("rb")})
    both = [{"upload": sound.json()["upload"]}, {"text": "red"}]
    assert len(find(client, terms=both, k=7)["hits"]) == 7
    made = client.post(
        "/api/explain",
        json={"terms": [{"upload": upload["upload"]}], "item": found["hits"][0]["id"]},
    ).json()
    assert made["score"] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"", 422, "a.png: has zero bytes"),
        (b"\x89PNG\r\n\x1a\n broken", 422, "a.png"),
        (b"only words", 422, "you can search by files of"),
        (b"%PDF-1.7 x", 422, "PDF"),
    ],
    ids=["empty", "broken", "text", "pdf"],
)
def test_an_upload_that_cannot_be_used(
    client: TestClient, data: bytes, status: int, said: str
) -> None:
    sent = client.post("/api/uploads", files={"file": ("a.png", data)})
    assert sent.status_code == status and said.lower() in sent.json()["message"].lower()
    assert client.post("/api/search", json={"terms": [{"upload": "gone"}]}).status_code == 404


@pytest.mark.parametrize(
    ("limits", "stays"),
    [
        ({"uploads": 2}, [True, False, True]),
        ({"upload_bytes": 1}, [False, False, True]),
        ({}, [True, True, True]),
    ],
    ids=["files", "bytes", "room"],
)
def test_uploads_unused_for_longest_make_room(
    space: Space, tmp_path: Path, limits: dict[str, int], stays: list[bool]
) -> None:
    with asked(Store.in_memory(space), **limits) as client:
        sent = [picture(tmp_path / f"{n}.png", seed=n) for n in range(3)]

        def send(path: Path) -> str:
            made = client.post("/api/uploads", files={"file": path.open("rb")})
            return str(made.json()["upload"])

        first, second = send(sent[0]), send(sent[1])
        assert send(sent[0]) == first  # used again, so the second makes room
        names = [first, second, send(sent[2])]
        uploads = client.app.state.service.uploads
        for name, there in zip(names, stays, strict=True):
            assert (uploads._folder / name).exists() == there
            found = client.post("/api/search", json={"terms": [{"upload": name}]})
            assert found.status_code == (200 if there else 404)


def test_parts_of_a_prompt_in_every_form_are_the_same(client: TestClient) -> None:
    typed = find(client, query='circle + style:"red" - 0.7*large', k=5)
    parts = find(client, query="circle", style=["red"], avoid=["0.7*large"], k=5)
    terms = [
        {"text": "circle"},
        {"text": "red", "part": "style"},
        {"text": "large", "weight": -0.7},
    ]
    third = find(client, terms=terms, k=5)
    assert typed["hits"] == parts["hits"] == third["hits"]
    assert typed["query"] == parts["query"] == third["query"]
    for hit in typed["hits"]:
        assert [share["part"] for share in hit["shares"]] == ["content", "style", "avoid"]
        assert sum(share["value"] for share in hit["shares"]) == pytest.approx(
            hit["score"], abs=1e-5
        )
    refused = client.post("/api/search", json={"query": "circle", "style": [""]})
    assert refused.status_code == 422 and "style is empty" in refused.json()["message"]
    lost = client.post("/api/search", json={"query": "circle", "style": ["@ink"]})
    assert lost.status_code == 422 and "no prompt is saved as @ink" in lost.json()["message"]


def test_an_explanation_names_the_shares_of_all_parts(client: TestClient) -> None:
    asked = {"query": "a large green triangle - red", "context": ["on the left"]}
    hit = find(client, **asked, k=1, views=["image"])["hits"][0]
    made = client.post("/api/explain", json={**asked, "item": hit["id"]}).json()
    assert made["ranked_by"] == pytest.approx(hit["score"], abs=1e-5)
    assert [share["part"] for share in made["shares"]] == ["content", "avoid", "context"]
    assert sum(s["value"] for s in made["shares"]) == pytest.approx(hit["score"], abs=1e-5)
    assert any("ranked by" in said for said in made["said"])


def test_an_explanation_sums_to_the_score(client: TestClient) -> None:
    hit = find(client, query="a large green triangle", k=1, views=["image"])["hits"][0]
    body = {"query": "a large green triangle", "item": hit["id"]}
    made = client.post("/api/explain", json=body).json()
    for side in ("query", "item"):
        total = made[side]["baseline"] + sum(part["value"] for part in made[side]["parts"])
        assert total == pytest.approx(made["score"], abs=1e-4)
    assert made["probability"] == pytest.approx(hit["probability"], abs=1e-3)
    assert made["said"]
    assert client.post("/api/explain", json={**body, "item": "none"}).status_code == 404


def test_items_filters_and_pages(client: TestClient) -> None:
    whole = client.get("/api/items", params={"limit": 1000}).json()
    assert whole["total"] == 72 == len(whole["items"])
    part = client.get("/api/items", params={"limit": 5, "offset": 70}).json()
    assert part["items"] == whole["items"][70:]
    texts = client.get("/api/items", params={"where": "modality:text", "view": "text"}).json()
    assert texts["total"] == 24
    wrong = client.get("/api/items", params={"where": "colour:red"})
    assert wrong.status_code == 422 and "colour" in wrong.json()["message"]
    one = whole["items"][0]
    assert client.get(f"/api/items/{one['id']}").json() == one
    assert client.get("/api/items/none").json()["message"] == "the store holds no item 'none'"


def test_thumbnails_loudness_and_ranges(client: TestClient, place: Place) -> None:
    by = {m: find(client, query="red", k=1, views=[m])["hits"][0] for m in ("image", "audio")}
    small = client.get(f"/api/items/{by['image']['id']}/thumbnail", params={"side": 100})
    assert small.content[8:12] == b"WEBP"
    assert small.headers["cache-control"] == "private, no-cache"
    peaks = client.get(f"/api/items/{by['audio']['id']}/loudness")
    assert len(peaks.content) == 240 and max(peaks.content) == 255
    sound = f"/api/items/{by['audio']['id']}/media"
    whole = client.get(sound)
    assert whole.content == Path(by["audio"]["source"]).read_bytes()
    assert whole.headers["content-type"] == "audio/wav"
    some = client.get(sound, headers={"range": "bytes=10-19"})
    assert some.status_code == 206 and some.content == whole.content[10:20]
    assert client.get(sound, headers={"range": "bytes=99999999-"}).status_code == 416
    wrong = client.get(f"/api/items/{by['audio']['id']}/thumbnail")
    assert wrong.status_code == 422


def test_a_file_that_changed_or_went_is_not_served(space: Space, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", seed=1)
    secret = tmp_path / "secret"
    secret.write_bytes(path.read_bytes())
    with asked(store := Store.in_memory(space)) as client:
        store.add(path)
        (item,) = store.backend.entries()
        url = f"/api/items/{item.id}/media"
        assert client.get(url).status_code == 200
        path.unlink()
        assert "no longer there" in client.get(url).json()["message"]
        path.symlink_to(secret)
        assert "no longer the file" in client.get(url).json()["message"]
        path.unlink()
        picture(path, seed=2)
        path.write_bytes(path.read_bytes() + b"more")
        assert "changed" in client.get(url).json()["message"]


def test_a_drawing_is_served_without_its_scripts(space: Space, tmp_path: Path) -> None:
    drawing = tmp_path / "a.svg"
    drawing.write_text(
        "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'><script>alert(1)</script>"
        "<rect width='30' height='20' fill='red'/></svg>",
        encoding="utf-8",
    )
    with asked(store := Store.in_memory(space)) as client:
        store.add(drawing)
        (item,) = store.backend.entries()
        got = client.get(f"/api/items/{item.id}/media")
        assert got.headers["content-type"] == "image/svg+xml"
        assert got.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


def test_the_map_holds_every_item(client: TestClient) -> None:
    made = client.get("/api/map").json()
    assert len(made["ids"]) == len(made["x"]) == len(made["y"]) == made["total"] == 72
    assert min(made["x"]) >= 0 and max(made["x"]) <= 1
    few = client.get("/api/map", params={"limit": 10}).json()
    assert len(few["ids"]) == 10 and few["total"] == 72


def test_the_map_follows_a_change_that_leaves_as_many_items(space: Space, media: Path) -> None:
    with asked(store := Store.in_memory(space)) as client:
        store.add(media)
        before = client.get("/api/map").json()
        assert client.get("/api/map").json() == before
        first = store.get(before["ids"][0])
        vectors = store.backend.vectors([first.id])[first.id][None]
        store.backend.delete([first.id])
        new = replace(first, id="f" * 32, source="/new/name.png")
        store.backend.add([new], vectors, space.hubness(vectors, first.view))
        after = client.get("/api/map").json()
        assert after["total"] == before["total"] and first.id not in after["ids"]
        assert "f" * 32 in after["ids"] and "name.png" in after["names"]
        store.backend.amend([replace(new, source="/new/other.png")])
        assert "other.png" in client.get("/api/map").json()["names"]


def test_searches_are_kept_under_a_name(place: Place) -> None:
    search = {"query": "红色的圆", "views": ["image"], "k": 5}
    with Store.open(place.store) as store:
        with asked(store) as client:
            client.post("/api/searches", json={"name": "<b>圆</b>", "search": search})
            wrong = client.post("/api/searches", json={"name": "", "search": search})
            assert wrong.status_code == 422
            passing = {"name": "x", "search": {"terms": [{"upload": "x"}]}}
            wrong = client.post("/api/searches", json=passing)
            assert wrong.status_code == 422 and "upload" in wrong.json()["message"]
        with asked(store) as client:
            (kept,) = client.get("/api/searches").json()["searches"]
            assert kept["name"] == "<b>圆</b>" and kept["search"]["query"] == "红色的圆"
            assert client.post("/api/search", json=kept["search"]).status_code == 200
            client.delete("/api/searches", params={"name": "<b>圆</b>"})
            assert client.get("/api/searches").json()["searches"] == []
            assert client.delete("/api/searches", params={"name": "x"}).status_code == 404
        file = place.store / "searches.json"
        file.write_text("{broken", encoding="utf-8")
        with asked(store) as client:
            assert client.get("/api/searches").json()["searches"] == []
        assert file.with_suffix(".damaged.json").is_file()


def test_an_indexing_run_is_followed_to_its_end(space: Space, tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        for number in range(3):
            picture(folder / f"{number}.png", seed=number)
    (inside / "坏.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (inside / "link").symlink_to(outside)
    with asked(Store.in_memory(space), roots=(inside,)) as client:
        for path in (str(outside), str(inside / "link"), str(inside / ".." / "out"), "/etc", "\0"):
            refused = client.post("/api/jobs", json={"paths": [path]})
            assert refused.status_code == 422, path
            assert "outside of the folders" in refused.json()["message"]
        begun = client.post("/api/jobs", json={"paths": [str(inside)]})
        assert begun.status_code == 202
        with client.stream("GET", f"/api/jobs/{begun.json()['id']}/events") as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            told = [json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data")]
        assert told[-1]["state"] == "done" and told[-1]["added"] == 3
        assert any(each["source"].endswith("坏.png") for each in told[-1]["broken"])
        assert client.get("/api/status").json()["items"] == {"image": 3}
        assert client.get("/api/jobs").json()[-1]["state"] == "done"
        assert client.get("/api/jobs/none").status_code == 404


def test_a_run_that_did_not_finish_is_told(space: Space, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for number in range(2):
        picture(media / f"{number}.png", seed=number)
    with Store.open(tmp_path / "s", space) as store, speaking("server"):
        store.add(media / "0.png")
        with asked(store) as client:
            assert find(client, query="a red circle")["unfinished"] == ""
            assert client.get("/api/status").json()["unfinished"] == ""
            note(store.folder, store.backend, RunGiven((str(media),)))
            told = find(client, query="a red circle")["unfinished"]
            assert told.endswith(f"go on with: isthmus index {media} --store {tmp_path / 's'}")
            assert f"indexing of {media} has not finished" in told
            assert client.get("/api/status").json()["unfinished"] == told


def test_one_run_at_a_time_and_it_can_be_cancelled(space: Space, tmp_path: Path) -> None:
    for number in range(200):
        picture(tmp_path / f"{number}.png", seed=number)
    with asked(Store.in_memory(space), roots=(tmp_path,)) as client:
        job = client.post("/api/jobs", json={"paths": [str(tmp_path)]}).json()["id"]
        second = client.post("/api/jobs", json={"paths": [str(tmp_path)]})
        assert second.status_code == 409
        client.delete(f"/api/jobs/{job}")
        until(lambda: client.get(f"/api/jobs/{job}").json()["state"] != "running")
        assert client.get(f"/api/jobs/{job}").json()["state"] == "cancelled"
        again = client.post("/api/jobs", json={"paths": [str(tmp_path)]}).json()["id"]
        until(lambda: client.get(f"/api/jobs/{again}").json()["state"] == "done")
        assert client.get("/api/status").json()["items"] == {"image": 200}


def test_figures_for_prometheus(client: TestClient) -> None:
    client.get("/api/items/none")
    text = client.get("/metrics").text
    assert 'isthmus_requests_total{route="/api/items/{item}",status="404"}' in text
    assert 'isthmus_items{view="image"} 24.0' in text
    assert "isthmus_request_seconds_bucket" in text


def test_the_page_and_its_parts_name_nothing_outside(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "http:" not in page.text and "https:" not in page.text
    assert client.get("/static/js/app.js").status_code == 200
    assert client.get("/docs").status_code == 404


def test_tools_for_language_models(client: TestClient, scenes: Dataset) -> None:
    headers = {"accept": "application/json, text/event-stream"}

    def call(method: str, **params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        done = client.post("/mcp", json=body, headers=headers)
        assert done.status_code == 200, done.text
        return done.json()["result"]

    version = {"protocolVersion": "2025-06-18", "capabilities": {}}
    begun = call("initialize", **version, clientInfo={"name": "test", "version": "0"})
    assert begun["serverInfo"]["name"] == "isthmus"
    tools = call("tools/list")["tools"]
    assert {tool["name"] for tool in tools} == {"search", "recommend", "explain", "item"}
    assert all(tool["annotations"]["readOnlyHint"] for tool in tools)
    (search,) = [tool for tool in tools if tool["name"] == "search"]
    taken = search["inputSchema"]["properties"]
    options = {each.name for kind in (SearchOptions, PromptParts) for each in fields(kind)}
    assert set(taken) == {"query", *options}
    assert taken["views"]["description"] and taken["k"]["maximum"] == 100
    assert taken["style"]["description"] and taken["style"]["maxItems"] == 16
    found = call("tools/call", name="search", arguments={"query": "a red circle", "k": 2})
    hits = found["structuredContent"]["hits"]
    assert len(hits) == 2
    sounds = {"query": "a red circle", "k": 3, "views": ["audio"], "words": False}
    found = call("tools/call", name="search", arguments=sounds)["structuredContent"]["hits"]
    assert [hit["view"] for hit in found] == ["audio"] * 3
    steered = {"query": "circle", "style": ["red"], "avoid": ["large"], "ignore": ["green"]}
    found = call("tools/call", name="search", arguments=steered)["structuredContent"]
    assert found["query"] == '"circle" + style:"red" - "large" + ignore:"green"'
    for wrong in ({"where": "colour:red"}, {"views": ["video"]}, {"k": 101}, {"style": [" "]}):
        told = call("tools/call", name="search", arguments={"query": "red", **wrong})
        assert told["isError"], told
    one = call("tools/call", name="item", arguments={"item": hits[0]["id"]})
    assert one["structuredContent"]["source"] == hits[0]["source"]
    why = {"query": "a red circle", "item": hits[0]["id"], "style": ["green"]}
    assert call("tools/call", name="explain", arguments=why)["structuredContent"]["said"]
    lost = call("tools/call", name="item", arguments={"item": "none"})
    assert lost["isError"] and "holds no item" in lost["content"][0]["text"]


def test_a_weight_that_is_no_number_is_refused(client: TestClient) -> None:
    body = '{"terms": [{"text": "x", "weight": NaN}]}'
    sent = client.post("/api/search", content=body, headers={"content-type": "application/json"})
    assert sent.status_code == 422
