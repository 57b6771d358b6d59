"""Long things over the API: their parts, strips, passages, and ranges of their files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from tests.server.conftest import asked
from tests.server.theatre import SCENES, WORDS, Theatre, paragraphs

from isthmus.store import part_id
from isthmus.tasks import Store

MCP = {"accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def client(theatre: Theatre) -> Iterator[TestClient]:
    with Store.open(theatre.store) as store, asked(store) as made:
        yield made


def get(client: TestClient, item: str, what: str = "", **parameters: Any) -> Any:
    return client.get(f"/api/items/{item}{what}", params=parameters)


def picture(answer: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/webp"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def nearest_scene(colour: Any) -> int:
    rooms = np.array([[int(hue[i : i + 2], 16) for i in (1, 3, 5)] for hue in SCENES])
    return int(np.abs(rooms - np.asarray(colour, dtype=int)).sum(axis=1).argmin())


def test_parts_name_their_whole(client: TestClient, theatre: Theatre) -> None:
    ids = theatre.ids
    for name, what, span, told in (
        ("sign.png", "ocr", None, ("text", "image", "ocr")),
        ("talk.wav", "speech", (16, 20), ("text", "audio", "speech")),
        ("film.webm", "", (8, 12), ("video", "video", "")),
        ("film.webm", "audio", None, ("audio", "video", "")),
    ):
        made = get(client, part_id(ids[name], what, span)).json()
        assert made["whole"] == ids[name]
        assert (made["modality"], made["whole_modality"], made["origin"]) == told
        assert made["span"] == (None if span is None else list(span))
    film = get(client, ids["film.webm"]).json()
    assert film["whole"] == film["id"]
    assert film["aspect"] == pytest.approx(192 / 108, abs=0.01)
    assert film["seconds"] == pytest.approx(24, abs=0.2)
    assert get(client, ids["book.txt"]).json()["seconds"] is None


def test_lists_and_the_map_hold_things_and_not_their_parts(
    client: TestClient, theatre: Theatre
) -> None:
    whole = set(theatre.ids.values())
    listed = client.get("/api/items", params={"limit": 1000}).json()
    assert {each["id"] for each in listed["items"]} == whole
    assert listed["total"] == len(whole)
    drawn = client.get("/api/map").json()
    assert set(drawn["ids"]) == whole and drawn["total"] == len(whole)


def test_a_strip_shows_a_video_from_its_beginning_to_its_end(
    client: TestClient, theatre: Theatre
) -> None:
    film = theatre.ids["film.webm"]
    for wanted, frames in ((6, 6), (7, 10)):
        made = picture(get(client, film, "/strip", frames=wanted))
        width = made.shape[1] // frames
        assert made.shape[1] == width * frames and width == 112
        rooms = [nearest_scene(made[4, (place * 2 + 1) * width // 2]) for place in range(frames)]
        assert rooms == [(2 * place + 1) * len(SCENES) // (2 * frames) for place in range(frames)]
    head = client.head(f"/api/items/{film}/strip")
    assert (head.status_code, head.content, head.headers["content-type"]) == (
        200,
        b"",
        "image/webp",
    )
    assert get(client, film, "/strip", frames=21).status_code == 422
    refused = get(client, theatre.ids["sign.png"], "/strip")
    assert refused.status_code == 422 and "only videos have a strip" in refused.json()["message"]


def test_a_folder_of_frames_is_seen_while_it_holds_what_was_indexed(
    client: TestClient, theatre: Theatre
) -> None:
    walk = theatre.ids["walk.frames"]
    made = picture(get(client, walk, "/strip", frames=6))
    assert [nearest_scene(made[4, 112 * place + 50]) for place in range(6)] == list(range(6))
    assert nearest_scene(picture(get(client, walk, "/thumbnail"))[4, 4]) == 3
    played = get(client, walk, "/media")
    assert played.status_code == 422 and "is a folder of frames" in played.json()["message"]
    frame = theatre.media / "walk.frames" / "0003.png"
    data = frame.read_bytes()
    try:
        frame.write_bytes(bytes([*data[:-1], data[-1] ^ 1]))
        for what in ("/strip", "/thumbnail"):
            changed = get(client, walk, what)
            assert changed.status_code == 409
            assert "has changed since it was indexed" in changed.json()["message"]
    finally:
        frame.write_bytes(data)
    assert get(client, walk, "/thumbnail").status_code == 200


def test_the_picture_of_a_part_is_from_its_middle(client: TestClient, theatre: Theatre) -> None:
    film = theatre.ids["film.webm"]
    part = part_id(film, span=(8, 12))
    assert nearest_scene(picture(get(client, part, "/thumbnail"))[4, 100]) == 2
    tags = {get(client, each, what).headers["etag"] for each in (film, part)
            for what in ("/thumbnail", "/strip")}  # fmt: skip
    assert len(tags) == 4
    again = client.get(f"/api/items/{part}/strip", headers={"if-none-match": ", ".join(tags)})
    assert again.status_code == 304


def test_loudness_is_of_the_whole_or_of_the_part(client: TestClient, theatre: Theatre) -> None:
    for whole in (theatre.ids["talk.wav"], theatre.ids["film.webm"]):
        peaks = np.frombuffer(get(client, whole, "/loudness").content, np.uint8)
        swells = peaks.reshape(6, -1).max(axis=1)
        assert (np.diff(swells.astype(int)) > 0).all()
    part = get(client, part_id(theatre.ids["talk.wav"], span=(4, 8)), "/loudness").content
    peaks = np.frombuffer(part, np.uint8)
    assert 0.4 < peaks.argmax() / len(peaks) < 0.6 and peaks.max() == 255


def test_a_passage_and_what_stands_around_it(client: TestClient, theatre: Theatre) -> None:
    book, whole = theatre.ids["book.txt"], "\n\n".join(paragraphs())
    start = whole.index("Chapter 120 ")
    stop = start + len(paragraphs()[120])
    made = get(client, part_id(book, span=(start, stop)), "/passage", around=50).json()
    assert made["text"] == paragraphs()[120]
    assert made["before"] == whole[start - 50 : start]
    assert made["after"] == whole[stop : stop + 50]
    assert (made["start"], made["stop"], made["total"]) == (start, stop, len(whole))
    other = get(client, book, "/passage", start=3, stop=9, around=0).json()
    assert (other["before"], other["text"], other["after"]) == ("", whole[3:9], "")
    beyond = get(client, book, "/passage", start=10**9, stop=2).json()
    assert beyond["text"] == "" and beyond["before"] == whole[-1500:]
    assert get(client, book, "/passage", around=80).json()["text"] == whole[:80]
    for item in (theatre.ids["film.webm"], part_id(theatre.ids["sign.png"], "ocr")):
        refused = get(client, item, "/passage")
        assert refused.status_code == 422
        assert "only texts have passages" in refused.json()["message"]


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=1000-1999", 206, slice(1000, 2000)),
        ("bytes=-500", 206, slice(-500, None)),
        ("bytes=0-", 206, slice(None)),
        ("bytes=999999999-", 416, None),
    ],
)
def test_a_player_can_seek(
    client: TestClient, theatre: Theatre, wanted: str, status: int, part: slice | None
) -> None:
    item = part_id(theatre.ids["film.webm"], span=(8, 12))
    data = (theatre.media / "film.webm").read_bytes()
    answer = client.get(f"/api/items/{item}/media", headers={"range": wanted})
    assert answer.status_code == status
    if part is not None:
        assert answer.content == data[part]
        assert answer.headers["content-type"] == "video/webm"
        start, stop, _ = part.indices(len(data))
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(data)}"
    head = client.head(f"/api/items/{item}/media")
    assert head.headers["accept-ranges"] == "bytes"
    assert head.headers["content-length"] == str(len(data))


def test_a_search_within_one_file(client: TestClient, theatre: Theatre) -> None:
    asked = {"query": "a blue square grows", "within": "film.webm", "k": 4}
    hits = client.post("/api/search", json=asked).json()["hits"]
    assert {hit["whole"] for hit in hits} == {theatre.ids["film.webm"]}
    assert len({tuple(hit["span"]) for hit in hits}) == len(hits) > 1
    params = {"name": "search", "arguments": asked}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    told = client.post("/mcp", json=body, headers=MCP).json()["result"]["structuredContent"]
    assert [hit["span"] for hit in told["hits"]] == [hit["span"] for hit in hits]
    unknown = client.post("/api/search", json={**asked, "within": "no.txt"})
    assert unknown.status_code == 422 and "no.txt" in unknown.json()["message"]


def test_hits_tell_where_they_are_and_where_their_words_are_from(
    client: TestClient, theatre: Theatre
) -> None:
    found = client.post("/api/search", json={"query": WORDS, "k": 11, "aspects": True}).json()
    by = {hit["name"]: hit for hit in found["hits"]}
    assert by["sign.png"]["origin"] == "ocr" and WORDS in by["sign.png"]["text"]
    assert by["sign.png"]["whole_modality"] == "image" and by["sign.png"]["aspect"] == 1.6
    book = client.post("/api/search", json={"query": "chapter library", "views": ["text"]}).json()
    (hit,) = [each for each in book["hits"] if each["name"] == "book.txt"]
    first, *_ = hit["spans"]
    assert hit["span"] and first["start"] < first["stop"] and len(first["text"]) <= 120
    for each in (hit, first):
        name, body = each["text"].split("\n", 1)
        assert name == "theatre book" and body.removeprefix("… ").startswith("Chapter")
        assert "library" in body
