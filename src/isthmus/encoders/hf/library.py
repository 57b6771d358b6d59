"""The library transformers: imported when it is needed, and kept from talking."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from isthmus.core.extras import require

_TALK = threading.RLock()


def transformers(name: str) -> Any:
    """The library.

    Args:
        name: Of the encoder that needs it, for the message.

    Raises:
        MissingExtraError: If it is not installed.
    """
    purpose = f"the encoder {name!r}"
    require("torch", extra="hf", purpose=purpose)
    return require("transformers", extra="hf", purpose=purpose)


@contextmanager
def quiet() -> Iterator[None]:
    """For one thread: the library reads files without warnings and bars of its own.

    What it warns of, such as weights that are missing, our loader tells as an error.
    """
    import transformers.utils.logging as talk

    with _TALK:
        level, bars = talk.get_verbosity(), talk.is_progress_bar_enabled()
        talk.set_verbosity_error()
        talk.disable_progress_bar()
        try:
            yield
        finally:
            talk.set_verbosity(level)
            if bars:
                talk.enable_progress_bar()
