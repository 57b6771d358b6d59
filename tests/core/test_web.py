"""Requests to a server that the user named: where they go, what they carry, when they end."""

from __future__ import annotations

from collections.abc import Iterator

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


def test_a_name_and_a_password_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="a name or a password") as caught:
        Endpoint("http://me:s3cr3t@h", "oracle")
    assert "s3cr3t" not in str(caught.value)
