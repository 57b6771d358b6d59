"""Words that were read in a picture or heard in a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """Words that stand, or were said, together.

    Attributes:
        text: The words.
        span: Start and end in seconds, where they were said or shown; None in a still picture.
        words: Of speech, every word with its start and end, in seconds; empty where only the
            passage has times.
        confidence: Of the reader, from 0 to 1.
    """

    text: str
    span: tuple[float, float] | None = None
    words: Sequence[tuple[str, float, float]] = ()
    confidence: float = 1.0

    def to_json(self) -> list[object]:
        """As values that JSON and the pipe to a child can carry."""
        span = None if self.span is None else list(self.span)
        return [self.text, span, [list(word) for word in self.words], self.confidence]

    @classmethod
    def from_json(cls, document: Sequence[object]) -> Passage:
        """What :meth:`to_json` made.

        Raises:
            ValueError: If it is nothing of the kind.
        """
        match document:
            case [str(text), span, [*words], float(confidence)]:
                timed = tuple(_word(word) for word in words)
                return cls(text, None if span is None else _pair(span), timed, confidence)
        raise ValueError("is no passage")


def _word(word: object) -> tuple[str, float, float]:
    match word:
        case [str(text), float() | int() as start, float() | int() as stop]:
            return text, float(start), float(stop)
    raise ValueError("is no word")


def _pair(span: object) -> tuple[float, float]:
    match span:
        case [float() | int() as start, float() | int() as stop]:
            return float(start), float(stop)
    raise ValueError("is no span")
