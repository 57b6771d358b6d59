"""The edges of HTTP: HEAD, two lengths, numbers that are none, names of this machine."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient
from tests.server.conftest import Place, asked, served
from tests.server.test_guard import TOKEN, raw, rest, status_of
from tests.tasks.conftest import picture

from isthmus.server import Settings
from isthmus.server.protocol import timed
from isthmus.server.settings import address as in_url
from isthmus.space import Space
from isthmus.tasks import Store


@pytest.fixture(scope="module")
def gets(client: TestClient) -> list[str]:
    """Every path that answers GET, filled in."""
    hits = client.post("/api/search", json={"query": "red", "k": 60}).json()["hits"]
    by = {hit["modality"]: hit["id"] for hit in hits}
    service = client.app.state.service
    picture = Path(service.entry(by["image"]).source).read_bytes()
    sent = client.post("/api/uploads", files={"file": ("a.png", picture)})
    upload = sent.json()["upload"]
    job = service.jobs.start([]).id
    paths = [p for p, methods in client.app.openapi()["paths"].items() if "get" in methods]
    filled = {"{upload}": upload, "{job}": job}
    found = ["/", "/openapi.json", "/static/js/app.js"]
    for path in paths:
        if path.endswith("/strip"):  # of a video; see test_long.py
            continue
        kind = {"loudness": "audio", "passage": "text"}.get(path.rpartition("/")[2], "image")
        for name, value in {**filled, "{item}": by[kind]}.items():
            path = path.replace(name, value)
        found.append(path)
    return found


def test_head_is_get_without_a_body(client: TestClient, gets: list[str]) -> None:
    assert len(gets) > 15 and not any("{" in path for path in gets)
    for path in gets:
        whole, head = client.get(path), client.head(path)
        assert head.status_code == whole.status_code == 200, path
        assert head.content == b"", path
        assert head.headers["content-type"] == whole.headers["content-type"], path
        if path not in ("/metrics", "/api/status") and "content-length" in whole.headers:
            assert head.headers.get("content-length") == str(len(whole.content)), path
    assert client.head("/api/items/none").status_code == 404
    assert client.head("/api/search").status_code == 405


def test_head_over_a_socket_has_no_body(address: str) -> None:
    for path in ("/api/health", "/", "/api/map"):
        made = raw(address, f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        made.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head, _, after = rest(made).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert after.startswith(b"HTTP/1.1 200"), path  # nothing in between


def test_a_request_with_two_lengths_is_refused_and_closed(address: str) -> None:
    head = "POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    body = b'd\r\n{"query":"x"}\r\n0\r\n\r\nGET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n'
    for both in (
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
    ):
        made = raw(address, f"{head}{both}".encode() + body)
        told = rest(made)  # until it is closed
        assert told.startswith(b"HTTP/1.1 400") and told.count(b"HTTP/1.1") == 1
        assert b"not both" in told and b"connection: close" in told.lower()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://[::1"},
        {"origin": "http://"},
        {"origin": "http://[::1]:99999999999"},
        {"host": "[::1"},
        {"host": "[::1].evil.com:1"},
        {"host": "localhost:80@evil.com"},
    ],
    ids=str,
)
def test_what_is_malformed_is_refused_before_the_token_is_asked(
    space: Space, headers: dict[str, str]
) -> None:
    with asked(Store.in_memory(space), token=TOKEN) as client:
        got = client.get("/api/health", headers=headers)
        assert got.status_code == 403, got.text


NUMBERS = [
    ("1" * 400, "weight"),
    ("-" + "1" * 400, "weight"),
    ("1e400", "weight"),
    ("NaN", "weight"),
    ("-Infinity", "weight"),
    ("1e-300", "give one part a weight of 0.001 or more"),
    ("0", "needs something to look for"),
]


@pytest.mark.parametrize(("number", "said"), NUMBERS, ids=[n[:12] for n, _ in NUMBERS])
def test_a_weight_that_is_no_use_is_refused(client: TestClient, number: str, said: str) -> None:
    body = f'{{"terms": [{{"text": "x", "weight": {number}}}]}}'
    got = client.post("/api/search", content=body, headers={"content-type": "application/json"})
    assert got.status_code == 422 and said in got.json()["message"], got.text
    if number[0] not in "-N":
        typed = client.post("/api/search", json={"query": f"{number}*x + 0*y"})
        assert typed.status_code in (200, 422)
        if typed.status_code == 422:
            assert "weight" in typed.json()["message"] or said in typed.json()["message"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "1" * 400])
@pytest.mark.parametrize("name", ["k", "min_probability"])
def test_an_option_that_is_no_number_is_refused(client: TestClient, name: str, number: str) -> None:
    body = f'{{"query": "x", "{name}": {number}}}'
    got = client.post("/api/search", content=body, headers={"content-type": "application/json"})
    assert got.status_code == 422 and name in got.json()["message"], got.text


@pytest.mark.parametrize(
    "path",
    ["/api/items?limit={}", "/api/items?offset={}", "/api/map?limit={}",
     "/api/items/x/thumbnail?side={}"],
)  # fmt: skip
def test_a_parameter_that_is_no_number_is_refused(client: TestClient, path: str) -> None:
    for number in ("NaN", "inf", "-1", "1e9", "1" * 400, "9" * 5000):
        got = client.get(path.format(number))
        assert got.status_code == 422, (number, got.text)


def test_digits_without_end_are_refused(client: TestClient) -> None:
    body = f'{{"query": "x", "k": {"1" * 5000}}}'
    got = client.post("/api/search", content=body, headers={"content-type": "application/json"})
    assert got.status_code in (400, 422) and got.json()["message"]


def sent(client: TestClient, disposition: str, data: bytes) -> Any:
    head = f"--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()
    return client.post(
        "/api/uploads",
        content=head + data + b"\r\n--x--\r\n",
        headers={"content-type": "multipart/form-data; boundary=x"},
    )


def test_names_of_uploads(client: TestClient, tmp_path: Path) -> None:
    data = picture(tmp_path / "a.png", seed=5).read_bytes()
    both = "filename=\"b.png\"; filename*=UTF-8''%E5%81%87.png"
    assert sent(client, f'name="file"; {both}', data).json()["name"] == "b.png"
    refused = sent(client, 'name="file"', data)
    assert refused.status_code == 422
    assert refused.json()["message"] == (
        'file: need a file with a name; send multipart/form-data with filename="NAME"'
    )
    for number, (form, name) in enumerate(
        (
            ("filename*=UTF-8''%E5%81%87%20a.png", "假 a.png"),
            ("filename*=utf-8'zh'%E5%81%87.png", "假.png"),
            ("filename*=UTF-8''..%2F..%2Fa%22%0D%0A.png", "a.png"),
            ("filename*=UTF-8''%ff.png", "\xff.png"),
        ),
        10,
    ):
        data = picture(tmp_path / f"{number}.png", seed=number).read_bytes()
        got = sent(client, f'name="file"; {form}', data)
        assert (got.status_code, got.json().get("name")) == (201, name), got.text
    other = picture(tmp_path / "b.png", seed=6).read_bytes()
    assert sent(client, 'name="file"; filename="假.png"', other).json()["name"] == "假.png"


# ---- every address of this machine


def test_every_own_name_is_known_where_all_addresses_are_served() -> None:
    options: dict[str, Any] = {"host": "0.0.0.0", "token": TOKEN}
    shown = ("authorization", f"Bearer {TOKEN}")
    name = socket.gethostname()
    for host in ("127.0.0.1", "localhost", "[::1]", name, name.upper(), f"{name}.local"):
        assert status_of(("host", host), shown, **options) == 200, host
        assert status_of(("host", f"{host}:8765"), **options) == 401, host  # the token is asked for
    there = ("host", "10.1.2.3:8765")
    assert status_of(there, shown, server="10.1.2.3", **options) == 200
    assert status_of(there, shown, server="::ffff:10.1.2.3", **options) == 200
    assert status_of(there, shown, server="10.9.9.9", **options) == 403
    assert status_of(("host", "[fd00::7]"), shown, server="fd00::7", **options) == 200
    assert status_of(("host", "evil.example"), shown, server="10.1.2.3", **options) == 403
    # One address alone knows no other.
    one: dict[str, Any] = {"host": "10.1.2.3", "token": TOKEN}
    assert status_of(("host", "127.0.0.1"), shown, server="10.1.2.3", **one) == 403


@pytest.mark.parametrize(
    ("host", "shown"),
    [("0.0.0.0", "http://127.0.0.1:7/"), ("::", "http://[::1]:7/"),
     ("127.0.0.1", "http://127.0.0.1:7/"), ("::1", "http://[::1]:7/"),
     ("localhost", "http://localhost:7/"), ("10.1.2.3", "http://10.1.2.3:7/")],
)  # fmt: skip
def test_the_address_that_is_printed_opens(host: str, shown: str) -> None:
    assert Settings(host=host, token=TOKEN).url(7) == shown


def test_addresses_as_they_stand_in_a_url() -> None:
    assert [in_url(each) for each in ("::1", "[::1]", "::FFFF:1.2.3.4", "Box.lan", "")] == [
        "[::1]", "[::1]", "1.2.3.4", "Box.lan", "",
    ]  # fmt: skip


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_on_all_addresses_is_reached_by_its_own(place: Place, host: str) -> None:
    if host == "::" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with served(place.store, "--host", host, token=TOKEN) as (address, _):
        port = int(address.rstrip("/").rpartition(":")[2])
        ask = "GET /api/health HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n"
        for name in (address.partition("//")[2].rstrip("/"), f"127.0.0.1:{port}", "localhost"):
            made = raw(address.replace("[::1]", "127.0.0.1"), b"")
            made.sendall(f"{ask.format(name, TOKEN)}Connection: close\r\n\r\n".encode())
            assert rest(made).startswith(b"HTTP/1.1 200"), name
        if host == "::":
            made = raw(address, f"{ask.format('[::1]', TOKEN)}Connection: close\r\n\r\n".encode())
            assert rest(made).startswith(b"HTTP/1.1 200")


LONG = {
    "query": {"query": "b0" + "\u0301" * 9_990},
    "quotes": {"query": '"' * 9_990},
    "unspaced": {"query": "猫" * 9_990},
    "few characters that stand for many": {"query": "\ufdfa" * 200},
    "terms": {"terms": [{"text": "dog cat " * 200}] * 2},
    "style": {"query": "dog", "style": ["dog cat " * 300]},
}


@pytest.mark.parametrize("asked", LONG.values(), ids=list(LONG))
def test_more_words_than_are_read_beside_others_are_refused(
    client: TestClient, asked: dict[str, object]
) -> None:
    got = client.post("/api/search", json=asked)
    assert got.status_code == 422, got.text
    assert "the server takes 2,000 at most" in got.json()["message"]


def test_words_up_to_the_bound_are_read(client: TestClient) -> None:
    assert client.post("/api/search", json={"query": "dog cat " * 249}).status_code == 200
    liked = {"liked": [{"text": "dog cat " * 40}] * 10}
    got = client.post("/api/recommend", json=liked)
    assert got.status_code == 422 and "2,000 at most" in got.json()["message"], got.text


@pytest.mark.parametrize("way", ["/api/search", "/api/recommend"])
@pytest.mark.parametrize("switch", [True, False])
def test_true_and_false_are_no_numbers(client: TestClient, way: str, switch: bool) -> None:
    whole: dict[str, object] = {"query": "x"} if "search" in way else {"liked": [{"text": "x"}]}
    got = client.post(way, json={**whole, "k": switch})
    assert got.status_code == 422 and "which is no number" in got.json()["message"], got.text
    things = "terms" if "search" in way else "liked"
    got = client.post(way, json={things: [{"text": "x", "weight": switch}]})
    assert got.status_code == 422 and "which is no number" in got.json()["message"], got.text
    assert client.post("/api/search", json={"query": "x", "exact": switch}).status_code == 200


def test_a_body_that_is_no_http_is_refused_once_without_an_error_in_the_log(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    protocol = timed(60.0)
    config = uvicorn.Config(client.app, http=protocol, lifespan="off", log_config=None)
    head = "POST /api/search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    both = "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"

    async def answered() -> bytes:
        server = uvicorn.Server(config)
        config.load()
        loop = asyncio.get_running_loop()
        state = server.server_state
        listening = await loop.create_server(
            lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1"
        )
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write((head + both).encode())
            told = await reader.read()
            await asyncio.gather(*state.tasks)
            writer.close()
        return told

    with ThreadPoolExecutor(1) as other:  # in this one a browser's loop may be running
        told = other.submit(lambda: asyncio.run(answered())).result()
    assert told.startswith(b"HTTP/1.1 400") and told.count(b"HTTP/1.1") == 1
    assert not [each for each in caplog.records if each.levelname == "ERROR"]
