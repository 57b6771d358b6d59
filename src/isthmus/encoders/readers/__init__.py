"""Models that read: the words in a picture, the words in a recording.

They run in the child processes that decode, see :mod:`isthmus.pipeline.reading`.
"""

from __future__ import annotations

from typing import Protocol

from isthmus.core.errors import InputError
from isthmus.core.passage import Passage
from isthmus.core.wording import did_you_mean

__all__ = ["KINDS", "SPEECH", "TEXT", "Reader", "check_kind", "reader"]

TEXT = "text"
"""Words that stand in pictures and in frames of videos."""
SPEECH = "speech"
"""Words that are said in recordings and in the sound of videos."""
KINDS = (TEXT, SPEECH)


class Reader(Protocol):
    """A model that reads.

    Attributes:
        fingerprint: Names its weights and settings; equal fingerprints read the same.
    """

    fingerprint: str

    def check(self) -> None:
        """See whether it can run here, without loading it.

        Raises:
            MissingExtraError: If a package is not installed.
        """
        ...

    def read(self, decoded: object) -> list[Passage]:
        """What stands or is said in a picture or a recording; empty where there are no words.

        Args:
            decoded: What ``isthmus.media.decode`` yields: a ``PIL.Image.Image`` in RGB or a
                :class:`~isthmus.core.item.Waveform`.
        """
        ...


def check_kind(kind: str) -> str:
    """Refuse what is no kind of words.

    Raises:
        InputError: If it is none.
    """
    if kind not in KINDS:
        known = " and ".join(KINDS)
        raise InputError(f"words are read as {known}, not {kind!r}.{did_you_mean(kind, KINDS)}")
    return kind


def reader(kind: str) -> Reader:
    """The model that reads one kind of words; it loads its weights when it first reads.

    Args:
        kind: One of :data:`KINDS`.

    Raises:
        InputError: If there is no such kind.
    """
    if check_kind(kind) == TEXT:
        from isthmus.encoders.readers.ocr import PictureReader

        return PictureReader()
    from isthmus.encoders.readers.speech import SpeechReader

    return SpeechReader()
