"""Who may ask, how much, and what happens to those who ask too much."""

from __future__ import annotations

import asyncio
import base64
import http.client
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from starlette.testclient import TestClient
from tests.cli.running import run as isthmus
from tests.server.conftest import Place, asked, served, served_with_limit
from tests.waiting import PATIENCE, until

from isthmus.core.errors import InputError
from isthmus.server import Settings
from isthmus.server.admission import Work
from isthmus.server.guard import Guard
from isthmus.server.metrics import Metrics
from isthmus.space import Space
from isthmus.tasks import Store

TOKEN = "a-token-of-some-length"
PAYLOADS = [
    "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd",
    "....//....//etc/passwd", "..\\..\\..\\etc\\passwd", "%2e%2e%5c%2e%2e%5cetc%5cpasswd",
    "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "file:///etc/passwd", "..%252f..%252fetc",
    "..%c0%af..%c0%afetc%c0%afpasswd", "%00/etc/passwd", "/etc/passwd%00.png", "~root/.ssh/id_rsa",
    "$HOME/.bashrc", "/proc/self/environ", "/proc/self/cmdline", "/dev/zero",
    "C:\\Windows\\win.ini", "\\\\host\\share", "..;/..;/etc/passwd", "./././../../etc/hosts",
    "static/../../../app.py",     "%u002e%u002e/etc/passwd",
]  # fmt: skip


def raw(address: str, sent: bytes) -> socket.socket:
    found = urlsplit(address)
    made = socket.create_connection((found.hostname, found.port), timeout=PATIENCE)
    made.sendall(sent)
    return made


def rest(made: socket.socket) -> bytes:
    """What comes until the other side closes."""
    parts = []
    try:
        while part := made.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.fixture(scope="module")
def secured(space: Space) -> Any:
    with asked(Store.in_memory(space), host="0.0.0.0", token=TOKEN, names=("box.lan",)) as client:
        yield client


def routes(client: TestClient) -> list[tuple[str, str]]:
    document = client.app.openapi()
    named = [(method, path) for path, methods in document["paths"].items() for method in methods]
    others = [("get", "/"), ("get", "/openapi.json"), ("post", "/mcp"), ("get", "/none")]
    return [*named, *others, ("get", "/static/js/app.js"), ("get", "/static/none")]


def test_every_route_asks_for_the_token(secured: TestClient) -> None:
    asked_for = routes(secured)
    assert len(asked_for) > 20
    for method, path in asked_for:
        url = f"http://box.lan{path}".replace("{", "").replace("}", "")
        for shown in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic !!!"}):
            got = secured.request(method, url, headers=shown)
            assert got.status_code == 401, (method, path)
            assert "Basic" in got.headers["www-authenticate"]


def test_the_token_is_taken_as_bearer_and_as_password(secured: TestClient) -> None:
    basic = base64.b64encode(f"me:{TOKEN}".encode()).decode()
    for shown in (f"Bearer {TOKEN}", f"Basic {basic}"):
        got = secured.get("http://box.lan/api/health", headers={"authorization": shown})
        assert got.status_code == 200


def test_another_address_needs_a_token() -> None:
    with pytest.raises(InputError, match="ISTHMUS_TOKEN"):
        Settings(host="0.0.0.0")
    with pytest.raises(InputError, match="too short"):
        Settings(host="0.0.0.0", token="short")
    assert Settings(host="::1").loopback and Settings(host="127.9.9.9").loopback


def test_the_name_of_a_proxy_needs_a_token() -> None:
    with pytest.raises(InputError, match=r"can reach pictures\.example"):
        Settings(names=("pictures.example",))
    with pytest.raises(InputError, match=r"can reach 0\.0\.0\.0,"):
        Settings(host="0.0.0.0", names=("localhost",))
    assert Settings(names=("pictures.example",), token=TOKEN).exposed
    assert not Settings(names=("localhost",)).exposed


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil"])
def test_another_name_is_refused(client: TestClient, host: str) -> None:
    got = client.get("/api/health", headers={"host": host})
    assert got.status_code == 403 and "name" in got.json()["message"]


def status_of(*headers: tuple[str, str], server: str = "127.0.0.1", **options: Any) -> int:
    """What the guard says to a request with these headers, as they are."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        raise AssertionError("there is no body")

    async def send(message: Any) -> None:
        sent.append(message)

    raw_headers = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": raw_headers}
    scope["server"] = (server, 8765)
    guard = Guard(app, Settings(**options), Metrics(dict))
    # In a thread: a browser test of this process may have left its event loop running here.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, guard(scope, receive, send)).result()
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8765", "localhost:1", "LocalHost", "[::1]", "[::1]:8765"],
)
def test_its_own_names_are_known_with_any_port(host: str) -> None:
    assert status_of(("host", host)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "[::1].evil.com:8765",
        "[::1]evil",
        "[::1]:",
        "::1",
        "[::2]",
        "localhost:80@evil.com",
        "evil.com@localhost",
        "localhost:80:80",
        "localhost:port",
        "localhost:",
        "localhost:8\u00b2",
        "localhost/evil",
        "localhost,evil.com",
        "localhost evil.com",
        " localhost",
        "localhost.",
        "www.localhost",
        "*",
        "",
    ],
)
def test_a_host_that_is_only_like_its_own_is_refused(host: str) -> None:
    assert status_of(("host", host)) == 403


def test_two_hosts_or_two_origins_or_no_host_are_refused() -> None:
    own, evil = ("host", "127.0.0.1"), ("host", "evil.example")
    site = ("origin", "http://127.0.0.1")
    assert status_of(own, site) == 200
    for headers in ([own, evil], [evil, own], [own, own], [own, site, site], []):
        assert status_of(*headers) == 403, headers


def test_names_are_taken_as_they_are() -> None:
    options: dict[str, Any] = {"names": ("Pictures.Example",), "token": TOKEN}
    shown = ("authorization", f"Bearer {TOKEN}")
    assert status_of(("host", "pictures.example:443"), shown, **options) == 200
    assert status_of(("host", "example"), shown, **options) == 403
    assert status_of(("host", "a.pictures.example"), shown, **options) == 403
    for name in ("*", "*.example", "pictures.*"):
        with pytest.raises(InputError, match=r"cannot be .*give every name of this server in full"):
            Settings(names=(name,), token=TOKEN)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8765", 200),
        ("https://127.0.0.1:8765", 200),  # of a proxy that speaks TLS
        ("http://127.0.0.1", 403),
        ("evil://127.0.0.1:8765", 403),
        ("http://[::1", 403),
        ("http://me@127.0.0.1:8765", 403),
        ("http://127.0.0.1:8765/path", 403),
        ("", 403),
    ],
)
def test_an_origin_is_this_server_and_nothing_more(origin: str, status: int) -> None:
    assert status_of(("host", "127.0.0.1:8765"), ("origin", origin)) == status


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
    ids=["other", "null", "port", "image", "subdomain"],
)
def test_pages_of_other_sites_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/api/search", json={"query": "x"}, headers=headers).status_code == 403
    assert client.get("/api/status", headers=headers).status_code == 403


def test_the_own_page_and_links_to_it_are_welcome(client: TestClient) -> None:
    own = {"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
    assert client.get("/api/health", headers=own).status_code == 200
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=link).status_code == 200


def test_every_answer_has_the_usual_headers(client: TestClient) -> None:
    for path in ("/", "/api/health", "/static/style.css", "/none", "/api/items/none"):
        got = client.get(path).headers
        assert "script-src 'self'" in got["content-security-policy"]
        assert got["x-content-type-options"] == "nosniff"
        assert got["referrer-policy"] == "no-referrer"
    assert "connect-src 'self'" in client.get("/").headers["content-security-policy"]


@pytest.mark.parametrize("where", ["item", "thumbnail", "media", "static", "search"])
def test_no_path_leads_out(client: TestClient, where: str) -> None:
    for payload in [*PAYLOADS, *(quote(each, safe="") for each in PAYLOADS)]:
        url = {
            "item": f"/api/items/{payload}",
            "thumbnail": f"/api/items/{payload}/thumbnail",
            "media": f"/api/items/{payload}/media",
            "static": f"/static/{payload}",
            "search": "/api/search",
        }[where]
        try:
            if where == "search":
                got = client.post(url, json={"query": payload, "words": False, "k": 1})
            else:
                got = client.get(url)
        except (ValueError, UnicodeError):  # the client itself refuses to send it
            continue
        except Exception as error:
            if "InvalidURL" not in type(error).__name__:
                raise
            continue
        assert got.status_code < 500, payload
        assert "root:" not in got.text and "SHELL=" not in got.text, payload
        if where in ("item", "thumbnail", "media", "static"):
            assert got.status_code in (400, 404, 405, 422), payload


def test_a_large_body_is_refused_with_and_without_a_length(address: str) -> None:
    megabyte = b"x" * 2**20
    head = "POST /api/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
    form = head.replace("text/plain", "multipart/form-data; boundary=x")
    for kind, said in ((form, b"64 MiB"), (head, b"1 MiB")):
        told = rest(raw(address, f"{kind}Content-Length: {300 * 2**20}\r\n\r\n".encode()))
        assert told.startswith(b"HTTP/1.1 413") and said in told
    # What is read on its way to a route, and what no route reads.
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    for kind, first, least, most in ((form, part, 64, 100), (head, b"", 0, 36)):
        begun = f"{kind}Transfer-Encoding: chunked\r\n\r\n".encode()
        if first:
            begun += f"{len(first):x}\r\n".encode() + first + b"\r\n"
        made, sent = raw(address, begun), 0
        try:
            for _ in range(300):
                made.sendall(b"100000\r\n" + megabyte + b"\r\n")
                sent += 1
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert least <= sent < most  # some more fits into the buffers on the way
    assert http_get(address, "/api/health") == 200


def http_get(address: str, path: str) -> int:
    found = urlsplit(address)
    connection = http.client.HTTPConnection(found.hostname or "", found.port, timeout=PATIENCE)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


HEAD = b"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
HALF_SENT = [HEAD[:20], HEAD, HEAD + b"Content-Length: 50\r\n\r\n{", b""]


def test_half_sent_requests_take_no_place_from_others(place: Place) -> None:
    with served_with_limit(place.store, seconds=PATIENCE) as (address, _):
        half = [raw(address, HALF_SENT[n % 4]) for n in range(200)]
        assert {http_get(address, "/api/items?limit=5") for _ in range(50)} == {200}
        for each in half:  # none was closed, so nobody waited for that
            each.setblocking(False)
            with pytest.raises(BlockingIOError):
                each.recv(1)
            each.close()


def test_half_sent_and_trickled_requests_are_closed(place: Place) -> None:
    with served_with_limit(place.store, seconds=1) as (address, _):
        half = [raw(address, HALF_SENT[n % 4]) for n in range(200)]
        trickled = raw(address, b"GET / HTTP/1.1\r\n")
        with ThreadPoolExecutor() as pool:  # which ends when each of them is closed
            said = list(pool.map(rest, half))
        assert sum(each.startswith(b"HTTP/1.1 408") for each in said) == 50
        assert sum(each == b"" for each in said) == 150
        with pytest.raises((BrokenPipeError, ConnectionResetError, ConnectionAbortedError)):
            for _ in range(int(PATIENCE / 0.2)):
                trickled.sendall(b"X-A: b\r\n")
                time.sleep(0.2)


def guard_of(client: TestClient) -> Any:
    client.get("/api/health")  # the stack is built with the first request
    found = client.app.middleware_stack
    while not isinstance(found, Guard):
        found = found.app
    return found


def test_a_crowd_is_told_to_come_back(space: Space) -> None:
    with asked(Store.in_memory(space), at_once=1) as client:
        room = guard_of(client).room
        place = room.place("somebody", Work(1))
        place.take()
        got = client.get("/api/health")
        assert got.status_code == 429 and got.headers["retry-after"] == "1"
        place.leave()
        place.leave()
        assert client.get("/api/health").status_code == 200


def test_one_address_leaves_room_for_others(space: Space) -> None:
    with asked(Store.in_memory(space), at_once=8, at_once_each=1) as client:
        room = guard_of(client).room
        place = room.place("testclient", Work(1))
        place.take()
        assert client.get("/api/health").status_code == 429
        room.place("another", Work(1)).take()
        place.leave()
        assert client.get("/api/health").status_code == 200


def test_a_stop_waits_for_what_is_in_work(place: Place, tmp_path: Path) -> None:
    with served(place.store) as (address, process):
        body = b'{"query": "a red circle", "k": 3}'
        head = f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        connection = raw(address, HEAD + head.encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100")  # it is read: it is in work
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(body)
        assert rest(connection).startswith(b"HTTP/1.1 200")
        connection.close()
        until(lambda: process.poll() is not None)
        assert process.returncode == 0
    with Store.open(place.store) as store:
        assert store.check() == []


def test_a_port_that_is_taken_says_so(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    from isthmus.server import serve

    with socket.socket() as taken, Store.open(place.store) as store:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"cannot listen on .*--port 0"):
            serve(store, Settings(port=taken.getsockname()[1]))


def test_no_token_beyond_loopback_is_an_error_of_the_command() -> None:
    done = isthmus("serve", "--host", "0.0.0.0", ISTHMUS_TOKEN="")
    assert done.returncode == 1 and "ISTHMUS_TOKEN" in done.stderr
