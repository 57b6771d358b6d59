"""Requests to a server that the user named: where they go, what they carry, when they end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat

import pytest
from tests.encoders.speaking import Reply, failing, server

from isthmus.core.errors import InputError, RemoteError
from isthmus.core.web import Endpoint


def told(reply: Reply) -> Iterator[RemoteError]:
    with server(failing([reply])) as (address, _), pytest.raises(RemoteError) as caught:
        Endpoint(address, "oracle", timeout=5).ask("/embeddings", {})
    yield caught.value


def test_a_question_goes_behind_the_address_and_carries_the_key() -> None:
    with server(lambda path, body: (200, {"path": path, "body": body}, {})) as (address, log):
        data = Endpoint(f"{address}/v1/", "oracle", key="k3y").ask("/ask", {"q": "雨"})
    assert data == b'{"path": "/v1/ask", "body": {"q": "\\u96e8"}}'
    headers = log[0][2]
    assert headers["Authorization"] == "Bearer k3y"
    assert headers["Content-Type"] == "application/json"


def test_a_refusal_keeps_its_status_and_how_long_to_wait() -> None:
    (error,) = told((429, b"too fast", {"Retry-After": "9"}))
    assert (error.status, error.wait) == (429, 9.0) and "too fast" in str(error)
    (error,) = told((500, b"", {}))
    assert (error.status, error.wait) == (500, None) and "nothing" in str(error)
    (error,) = told((301, b"", {"Location": "http://192.0.2.1/"}))
    assert error.status == 301 and "is not followed" in str(error)
    (error,) = told((200, b"{", {"Content-Length": "9"}))
    assert error.status is None and "cannot be reached" in str(error)


def test_an_answer_has_a_largest_size() -> None:
    with server(lambda *_: (200, b"x" * 100, {})) as (address, _):
        assert len(Endpoint(address, "oracle", largest=100).ask("/a", {})) == 100
        with pytest.raises(RemoteError, match=r"the oracle at .* answers more than 99 bytes"):
            Endpoint(address, "oracle", largest=99).ask("/a", {})


def test_a_refusal_that_repeats_the_key_is_told_without_it() -> None:
    with (
        server(lambda *_: (401, b"wrong key: s3cr3t!", {})) as (address, _),
        pytest.raises(RemoteError, match="wrong key: …!") as caught,
    ):
        Endpoint(address, "oracle", key="s3cr3t").ask("/a", {})
    assert "s3cr3t" not in f"{caught.value}{Endpoint(address, 'oracle', key='s3cr3t')!r}"


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("http://localhost:1", True),
        ("http://127.8.9.1/v1", True),
        ("https://[::1]:80", True),
        ("http://localhost.evil.com", False),
        ("http://10.0.0.1", False),
        ("http://127.0.0.1.evil.com", False),
        ("http://example.com/localhost", False),
    ],
)
def test_what_is_on_this_machine(address: str, loopback: bool) -> None:
    assert Endpoint(address, "oracle").loopback is loopback


@pytest.mark.parametrize(
    "address",
    ["ftp://h", "h:80", "http://", "http://:80", "http://h:x", "http://h h", "http://[::1", ""],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="is no address of an oracle"):
        Endpoint(address, "oracle")


def test_what_no_server_sees_of_an_address_is_refused() -> None:
    for address in ("http://h/v1#frag", "http://h/v1#"):
        with pytest.raises(InputError, match="holds a '#'"):
            Endpoint(address, "oracle")


def test_a_name_and_a_password_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="a name or a password") as caught:
        Endpoint("http://me:s3cr3t@h", "oracle")
    assert "s3cr3t" not in str(caught.value)


@contextmanager
def saying(answer: Callable[[socket.socket, threading.Event], object]) -> Iterator[str]:
    """A server that reads a little of a request, and says what no server of a library would."""
    stop = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                answer(connection, stop)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stop.set()
    thread.join(5)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"a"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", b"x"),
    ],
)
def test_a_server_that_goes_on_and_on_is_left_when_the_time_is_over(
    first: bytes, again: bytes
) -> None:
    def answer(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(first)
        for part in repeat(again):
            connection.sendall(part)
            if stop.wait(0 if len(again) > 1000 else 0.05):
                return

    with (
        saying(answer) as address,
        pytest.raises(RemoteError, match=r"gave no answer in 0\.5 s; allow more with timeout"),
    ):
        Endpoint(address, "oracle", timeout=0.5).ask("/a", {})


def test_a_server_that_reads_nothing_is_left_when_the_time_is_over() -> None:
    with (
        saying(lambda _, stop: stop.wait(30)) as address,
        pytest.raises(RemoteError, match=r"gave no answer in 0\.5 s"),
    ):
        Endpoint(address, "oracle", timeout=0.5).ask("/a", {"q": "x" * 2**25})


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 401 it was s3cr3t\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 401 No\r\nContent-Length: 205\r\n\r\n" + b"x" * 197 + b"s3cr3t..",
        b"Bearer s3cr3t\r\n\r\n",
        b"HTTP/1.1 2s3cr3t OK\r\n\r\n",
    ],
)
def test_the_key_is_in_no_message_and_no_part_of_it_is(answer: bytes) -> None:
    with (
        saying(lambda connection, _: connection.sendall(answer)) as address,
        pytest.raises(RemoteError) as caught,
    ):
        Endpoint(address, "oracle", key="s3cr3t", timeout=5).ask("/a")
    assert "s3c" not in str(caught.value) and "…" in str(caught.value)
