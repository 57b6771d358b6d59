"""The server decodes nothing in its own process, whatever it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from tests.predictor.shapes import shape_predictor
from tests.waiting import until

from isthmus.core.record import Dataset
from isthmus.predictor.predictor import Predictor
from isthmus.server import Settings, create_app
from isthmus.server.routes import router
from isthmus.space import Space
from isthmus.tasks import Store

MCP = {"accept": "application/json, text/event-stream"}


@dataclass(frozen=True)
class Asked:
    """A server, and what its store holds."""

    client: TestClient
    media: Path
    ids: dict[str, str]

    def get(self, path: str, **parameters: Any) -> Any:
        return self._fine(self.client.get(path, params=parameters))

    def post(self, path: str, **body: Any) -> Any:
        return self._fine(self.client.post(path, json=body))

    def upload(self, name: str) -> str:
        with (self.media / name).open("rb") as file:
            sent = self.client.post("/api/uploads", files={"file": file})
        return str(self._fine(sent).json()["upload"])

    def searched(self, **body: Any) -> list[dict[str, Any]]:
        return list(self.post("/api/search", **body).json()["hits"])

    def tool(self, name: str, **arguments: Any) -> Any:
        params = {"name": name, "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        done = self._fine(self.client.post("/mcp", json=body, headers=MCP)).json()["result"]
        assert not done["isError"], done
        return done["structuredContent"]

    def run(self) -> str:
        return self.ended(self.post("/api/jobs", paths=[str(self.media)]))

    def ended(self, started: Any) -> str:
        job = str(started.json()["id"])
        until(lambda: self.get(f"/api/jobs/{job}").json()["state"] != "running")
        assert self.get(f"/api/jobs/{job}").json()["state"] == "done"
        return job

    @staticmethod
    def _fine(answer: Any) -> Any:
        assert answer.status_code < 300, answer.text
        return answer


def search(server: Asked) -> None:
    assert server.searched(query="a large red circle", aspects=True, k=30)
    for name in ("图1.png", "声1.wav"):
        hits = server.searched(terms=[{"upload": server.upload(name)}], k=30, aspects=True)
        assert Path(hits[0]["source"]).name == name
        pictures = [hit["aspect"] for hit in hits if hit["modality"] == "image"]
        assert pictures and all(pictures)
    assert server.searched(terms=[{"item": server.ids["图1.png"]}])


def explain(server: Asked) -> None:
    for term in (
        {"text": "a large red circle"},
        {"upload": server.upload("图2.png")},
        {"upload": server.upload("声2.wav")},
        {"item": server.ids["图2.png"]},
    ):
        for item in ("图3.png", "声3.wav", "词3.txt"):
            made = server.post("/api/explain", terms=[term], item=server.ids[item]).json()
            assert made["query"]["parts"] and made["item"]["parts"]


def items(server: Asked) -> None:
    listed = server.get("/api/items", limit=100).json()["items"]
    assert len(listed) == 36
    assert all(each["aspect"] for each in listed if each["modality"] == "image")


def item(server: Asked) -> None:
    assert server.get(f"/api/items/{server.ids['图1.png']}").json()["aspect"] == 1


def thumbnail(server: Asked) -> None:
    made = server.get(f"/api/items/{server.ids['图1.png']}/thumbnail", side=160)
    assert made.content[8:12] == b"WEBP"


def loudness(server: Asked) -> None:
    assert max(server.get(f"/api/items/{server.ids['声1.wav']}/loudness").content) == 255


def strip(server: Asked) -> None:
    refused = server.client.get(f"/api/items/{server.ids['声1.wav']}/strip")
    assert "only videos have a strip" in refused.json()["message"]


def passage(server: Asked) -> None:
    made = server.get(f"/api/items/{server.ids['词1.txt']}/passage", start=2, stop=5).json()
    assert made["before"] + made["text"] + made["after"] == (server.media / "词1.txt").read_text()


def media_of(server: Asked) -> None:
    for name in ("图1.png", "声1.wav"):
        sent = server.get(f"/api/items/{server.ids[name]}/media").content
        assert sent == (server.media / name).read_bytes()


def upload_thumbnail(server: Asked) -> None:
    made = server.get(f"/api/uploads/{server.upload('图1.png')}/thumbnail")
    assert made.content[8:12] == b"WEBP"


def recommend(server: Asked) -> None:
    liked = [{"item": server.ids["图3.png"]}, {"upload": server.upload("声4.wav")}]
    made = server.post("/api/recommend", liked=liked, k=3, words=True)
    assert len(made.json()["items"]) == 3


def predict(server: Asked) -> None:
    sound = {"upload": server.upload("声4.wav"), "view": "audio"}
    things = [{"item": server.ids["图3.png"]}, sound]
    made = server.post("/api/predict", things=things, why=True).json()
    assert {each["view"] for each in made["account"]["views"]} >= {"image", "audio"}


def predicted(server: Asked) -> None:
    job = server.ended(server.post("/api/predictions", least=0.0))
    assert server.get(f"/api/jobs/{job}").json()["labelled"] == 36


def machine(server: Asked) -> None:
    hits = server.tool("search", query="a large red circle", k=3)["hits"]
    assert server.tool("recommend", liked=[hits[0]["id"], "a circle"], k=2)["items"]
    assert server.tool("item", item=hits[0]["id"])["source"]
    for name in ("图3.png", "声3.wav"):
        assert server.tool("explain", query="a red circle", item=server.ids[name])["said"]


def saved(server: Asked) -> None:
    server.post("/api/searches", name="mine", search={"query": "red"})
    assert server.get("/api/searches").json()["searches"]


def unsaved(server: Asked) -> None:
    server.post("/api/searches", name="other", search={"query": "blue"})
    assert server.client.delete("/api/searches", params={"name": "other"}).status_code == 200


def labelled(server: Asked) -> None:
    job = server.ended(server.post("/api/labels", labels=["red", "a circle"], least=0))
    assert server.get(f"/api/jobs/{job}").json()["labelled"] == 24
    assert server.get("/api/labels").json()["total"] == 2


def indexed(server: Asked) -> None:
    """A file that is new, one that is broken, and a drawing."""
    whole = (server.media / "图1.png").read_bytes()
    (server.media / "坏.png").write_bytes(whole[: len(whole) // 2])
    (server.media / "画.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="5"/></svg>'
    )
    job = server.get(f"/api/jobs/{server.run()}").json()
    assert job["added"] == 1
    assert [Path(each["source"]).name for each in job["broken"]] == ["坏.png"]


CALLS: dict[tuple[str, str], Callable[[Asked], object]] = {
    ("GET", "/"): lambda server: server.get("/"),
    ("GET", "/openapi.json"): lambda server: server.get("/openapi.json"),
    ("*", "/static"): lambda server: server.get("/static/js/app.js"),
    ("GET", "/metrics"): lambda server: server.get("/metrics"),
    ("GET", "/api/health"): lambda server: server.get("/api/health"),
    ("GET", "/api/status"): lambda server: server.get("/api/status"),
    ("POST", "/api/search"): search,
    ("POST", "/api/recommend"): recommend,
    ("GET", "/api/predictors"): lambda server: server.get("/api/predictors"),
    ("POST", "/api/predict"): predict,
    ("POST", "/api/uploads"): lambda server: server.upload("声4.wav"),
    ("POST", "/api/explain"): explain,
    ("GET", "/api/items"): items,
    ("GET", "/api/items/{item}"): item,
    ("GET", "/api/items/{item}/thumbnail"): thumbnail,
    ("GET", "/api/items/{item}/strip"): strip,
    ("GET", "/api/items/{item}/passage"): passage,
    ("GET", "/api/items/{item}/loudness"): loudness,
    ("GET", "/api/items/{item}/media"): media_of,
    ("GET", "/api/uploads/{upload}/thumbnail"): upload_thumbnail,
    ("GET", "/api/map"): lambda server: server.get("/api/map"),
    ("GET", "/api/searches"): saved,
    ("POST", "/api/searches"): saved,
    ("DELETE", "/api/searches"): unsaved,
    ("POST", "/api/labels"): labelled,
    ("GET", "/api/labels"): labelled,
    ("POST", "/api/predictions"): predicted,
    ("POST", "/api/jobs"): indexed,
    ("GET", "/api/jobs"): lambda server: server.get("/api/jobs"),
    ("GET", "/api/jobs/{job}"): lambda server: server.get(f"/api/jobs/{server.run()}"),
    ("DELETE", "/api/jobs/{job}"): lambda server: server.client.delete(f"/api/jobs/{server.run()}"),
    ("GET", "/api/jobs/{job}/events"): lambda s: s.get(f"/api/jobs/{s.run()}/events"),
    ("*", "/mcp"): machine,
}
"""How each route is asked, so that it does all that it can."""


@pytest.fixture(scope="module")
def predictor(scenes: Dataset) -> Predictor:
    return shape_predictor(scenes.take(range(60)))


@pytest.fixture
def server(space: Space, predictor: Predictor, media: Path, poison: list[str]) -> Iterator[Asked]:
    store = Store.in_memory(space)
    store.add(media)
    settings = Settings(roots=(media,), label=True)
    app = create_app(store, settings, predictors={"shapes": predictor})
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        entries = store.backend.entries()
        yield Asked(client, media, {Path(entry.source).name: entry.id for entry in entries})


def routes(app: FastAPI) -> set[tuple[str, str]]:
    """Methods and paths, of the API's router and of what was added to it."""
    found: set[tuple[str, str]] = set()
    for route in (*router.routes, *app.routes):
        methods = getattr(route, "methods", None) or {"*"}  # whatever the mounted application takes
        if path := getattr(route, "path", None):  # a router that is included has none of its own
            found |= {(method, path) for method in methods - {"HEAD"}}
    return found


def test_every_route_is_asked(server: Asked) -> None:
    app = server.client.app
    assert isinstance(app, FastAPI)
    assert routes(app) - CALLS.keys() == set(), "tell CALLS how to ask it"
    assert CALLS.keys() - routes(app) == set()
    document = app.openapi()["paths"]
    told = {(method.upper(), path) for path, methods in document.items() for method in methods}
    assert told <= routes(app)


def test_no_route_decodes(server: Asked, poison: list[str]) -> None:
    for (method, path), ask in CALLS.items():
        ask(server)
        assert poison == [], f"{method} {path}"
