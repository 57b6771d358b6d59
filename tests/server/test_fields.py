"""What files say of themselves, through the API and the tools for language models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.media.test_tags import photo
from tests.server.conftest import asked

from isthmus.space import Space
from isthmus.tasks import Store

HOSTILE = "<script>window.attacked=1</script>"


@pytest.fixture(scope="module")
def client(space: Space, library: Path, tmp_path_factory: Any) -> Iterator[TestClient]:
    """A photograph that says when and where, and a picture that says nothing."""
    folder = tmp_path_factory.mktemp("fields")
    (folder / "photo.jpg").write_bytes(photo(t010E=HOSTILE))
    (folder / "bare.png").write_bytes((library / "图3.png").read_bytes())
    store = Store.in_memory(space)
    assert store.add(folder).failures == []
    with asked(store) as made:
        yield made


def test_hits_and_items_say_what_their_files_say_and_filters_ask_for_it(client: TestClient) -> None:
    asked_for = {"query": "a red circle", "where": "taken>=2025-06 and near:-33.9,151.2,20km"}
    answer = client.post("/api/search", json=asked_for).json()
    (hit,) = answer["hits"]
    wanted = {"title": HOSTILE, "taken": "2025-06-30T12:30:00", "camera": "NIKON D750"}
    wanted |= {"lat": -33.8569, "lon": 151.2113, "width": 60, "height": 80}
    assert hit["fields"] == wanted and hit["name"] == "photo.jpg"
    assert client.get(f"/api/items/{hit['id']}").json()["fields"] == wanted
    items = client.get("/api/items", params={"where": "not has:taken"}).json()["items"]
    assert [each["name"] for each in items] == ["bare.png"]
    assert items[0]["fields"].keys() == {"width", "height"}


def test_a_filter_that_cannot_be_read_names_the_fields(client: TestClient) -> None:
    answer = client.post("/api/search", json={"query": "x", "where": "takn>2025"})
    assert answer.status_code == 422
    assert "Did you mean 'taken'?" in answer.json()["message"]


def test_the_tool_for_language_models_says_the_same(client: TestClient) -> None:
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "search", "arguments": {"query": "photo", "where": "camera~nikon"}},
    }
    kinds = "application/json, text/event-stream"
    answer = client.post("/mcp", json=call, headers={"accept": kinds}).json()
    said = json.loads(answer["result"]["content"][0]["text"])
    assert said["hits"][0]["fields"]["camera"] == "NIKON D750"
