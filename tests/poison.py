"""Decoders that must not run in this process, for tests that nothing is decoded here.

Children are fresh interpreters, so theirs work.
"""

from __future__ import annotations

import pkgutil
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NoReturn

import pytest

from isthmus import media

DECODERS = (
    "PIL.Image.open",
    "PIL.ImageFile.ImageFile.load",
    "PIL.ImageFile.Parser.feed",
    "PIL.ImageCms.ImageCmsProfile.__init__",
    "av.open",
    "rawpy.imread",
    "soundfile.SoundFile.__init__",
    "soundfile.info",
    "soundfile.read",
    "soundfile.blocks",
    "resvg_py.svg_to_bytes",
    "isthmus.media.image.decode_image",
    "isthmus.media.image.shown_size",
    "isthmus.media.image.described",
    "isthmus.media.tags.fields_of",
    "isthmus.media.audio.decode_audio",
    "isthmus.media.audio.seconds_of",
    "isthmus.media.video.decode_video",
    "isthmus.media.video.seconds_of",
    "isthmus.media.video.shown_size",
    "isthmus.media._flipbook.shown_size",
    "isthmus.media.svg.render_svg",
    "isthmus.media.svg.sanitize",
    "isthmus.media.preview.small",
    "isthmus.media.preview.strip",
    "isthmus.media.preview.aspect",
    "isthmus.media.preview.clip",
    "isthmus.media.preview.loudness",
)
"""Whatever parses pictures, drawings or sounds; media of a user's reach no other parser."""


class PoisonError(Exception):
    """A decoder ran where it must not."""


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every decoder of this process raises, and names its callers; the test fails if one ran."""
    ran: list[str] = []

    def poisoned(name: str) -> Callable[..., NoReturn]:
        def run(*_: object, **__: object) -> NoReturn:
            ran.append(f"{name} by {''.join(traceback.format_stack(limit=8)[:-1])}")
            raise PoisonError(name)

        return run

    for module in pkgutil.iter_modules(media.__path__, f"{media.__name__}."):
        import_module(module.name)  # later it would take poison from another, and keep it
    for name in DECODERS:
        monkeypatch.setattr(name, poisoned(name))
    yield ran
    assert ran == [], "decoded in this process:\n" + "\n".join(ran)
