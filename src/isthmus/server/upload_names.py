"""Names of uploads in the form ``filename*=UTF-8''…``, which some clients still send.

RFC 7578 forbids it in forms, so python-multipart passes over it and takes the file for text.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

_LONGEST_HEAD = 16 * 1024
"""Bytes of the head of a part, more than any browser sends."""
_END = b"\r\n\r\n"
_EXTENDED = re.compile(rb";[ \t]*filename\*=utf-8'[^']*'([^;\r\n]*)", re.IGNORECASE)
_PLAIN = re.compile(rb";[ \t]*filename=", re.IGNORECASE)
_NOT_QUOTED = re.compile(rb'[\x00-\x1f\x7f"\\]')


class UploadRoute(APIRoute):
    """A route for one file, whose name may come in either form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI makes it, with a request that puts the name into the usual form."""
        handle = super().get_route_handler()

        async def named(request: Request) -> Response:
            return await handle(_Named(request.scope, request.receive))

        return named


class _Named(Request):
    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body, with the head of its first part in the usual form."""
        head, whole = b"", False
        async for chunk in super().stream():
            if whole:
                yield chunk
                continue
            head += chunk
            whole = _END in head or len(head) > _LONGEST_HEAD
            if whole:
                yield plainly_named(head)
        if not whole:
            yield plainly_named(head)


def plainly_named(body: bytes) -> bytes:
    r"""The beginning of a form, with the name of its first file in the usual form.

    Examples:
        >>> head = b"--x\r\nContent-Disposition: form-data; filename*=UTF-8''a%20b.png"
        >>> plainly_named(head + b"\r\n\r\n").partition(b"; ")[2]
        b'filename="a b.png"\r\n\r\n'
    """
    head, end, rest = body.partition(_END)
    if _PLAIN.search(head):
        return body

    def plain(found: re.Match[bytes]) -> bytes:
        name = _NOT_QUOTED.sub(b"", unquote_to_bytes(found[1].strip()))
        return b'; filename="' + name + b'"'

    return _EXTENDED.sub(plain, head) + end + rest
