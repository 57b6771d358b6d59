"""Runs as a program: decodes files and prepares them for one encoder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from isthmus.core import wire
from isthmus.core.contracts import Encoder, image_side_of
from isthmus.core.errors import InputError, MediaError
from isthmus.core.item import MediaItem
from isthmus.encoders import load
from isthmus.media import Limits, decode
from isthmus.media.child import limit, serve

_MEMORY = 6 * 2**30
"""Address space, most of which libraries reserve and never touch."""


class FailedError(Exception):
    """An error as its name and its reason, which the parent puts together again."""


def prepare(request: bytes, encoder: Encoder, limits: Limits) -> bytes:
    """Decode the file that a request names and pack what the encoder takes."""
    asked: dict[str, Any] = json.loads(request)
    span = tuple(asked["span"]) if asked["span"] else None
    item = MediaItem(asked["id"], asked["modality"], asked["source"], Path(asked["path"]), span)
    try:
        decoded = decode(item, limits, image_side=image_side_of(encoder))
        return wire.pack(encoder.prepare(decoded))
    except MediaError as error:
        raise FailedError(f"{type(error).__name__}|{error.reason}") from error
    except (InputError, MemoryError) as error:
        raise FailedError(f"{type(error).__name__}|{error}") from error


def main() -> None:
    """Serve requests of the parent."""
    setting = json.loads(sys.argv[1])
    limit(_MEMORY)
    encoder, limits = load(setting["spec"], **setting["options"]), Limits(**setting["limits"])
    serve(lambda request: prepare(request, encoder, limits), sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
