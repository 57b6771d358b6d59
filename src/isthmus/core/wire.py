"""Arrays and plain values as bytes, for pipes between processes: JSON and raw memory, no pickle.

This is own code because pickle runs code, safetensors holds no nested lists and msgpack no arrays.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from isthmus.core.errors import InputError

_LENGTH = struct.Struct("<I")
_KINDS = "fiub"


def pack(value: Any) -> bytes:
    """Lists, tuples, dicts, numbers, texts, bytes, None and arrays, nested at will, as bytes.

    Keys of dicts must be texts.

    Raises:
        InputError: For anything else.

    Examples:
        >>> unpack(pack([(np.arange(3), 7)]))
        [(array([0, 1, 2]), 7)]
    """
    blocks: list[bytes] = []

    def plain(one: Any) -> Any:
        match one:
            case None | bool() | int() | float() | str():
                return one
            case bytes():
                blocks.append(one)
                return {"bytes": len(one)}
            case tuple():
                return {"tuple": [plain(each) for each in one]}
            case dict() if all(isinstance(key, str) for key in one):
                return {"dict": {key: plain(each) for key, each in one.items()}}
            case list():
                return [plain(each) for each in one]
            case np.ndarray() if one.dtype.kind in _KINDS:
                blocks.append(np.ascontiguousarray(one).tobytes())
                return {"dtype": one.dtype.str, "shape": one.shape}
        raise InputError(f"a {type(one).__name__} cannot be sent to another process")

    document = json.dumps(plain(value)).encode()
    return b"".join([_LENGTH.pack(len(document)), document, *blocks])


def unpack(data: bytes | bytearray) -> Any:
    """What :func:`pack` was given; arrays share the memory of ``data``.

    Raises:
        InputError: If the bytes are damaged.
    """
    start = _LENGTH.size
    size = int.from_bytes(data[:start], "little")
    place = start + size

    def whole(one: Any) -> Any:
        nonlocal place
        if isinstance(one, list):
            return [whole(each) for each in one]
        if not isinstance(one, dict):
            return one
        if "tuple" in one:
            return tuple(whole(each) for each in one["tuple"])
        if "dict" in one:
            return {key: whole(each) for key, each in one["dict"].items()}
        if "bytes" in one:
            block = bytes(memoryview(data)[place : place + int(one["bytes"])])
            if len(block) != one["bytes"]:
                raise ValueError("bytes are missing")
            place += len(block)
            return block
        dtype, shape = np.dtype(one["dtype"]), tuple(int(n) for n in one["shape"])
        if dtype.kind not in _KINDS:
            raise ValueError(f"arrays of {dtype}")
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(data, dtype=dtype, count=count, offset=place).reshape(shape)
        place += array.nbytes
        return array

    try:
        return whole(json.loads(data[start : start + size]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"what another process sent is damaged: {error}") from error
