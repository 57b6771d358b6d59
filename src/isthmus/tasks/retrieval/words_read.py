"""Words that are read in files beside what they show or sound like, as parts of their items."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from isthmus.core.contracts import Progress, untold
from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.core.passage import Passage
from isthmus.encoders.base import usable_cores
from isthmus.encoders.readers import SPEECH, TEXT
from isthmus.pipeline.reading import READS, default_passages, read
from isthmus.space import Space
from isthmus.store import part_id
from isthmus.tasks.retrieval.part import Part

ORIGINS = {TEXT: "ocr", SPEECH: "speech"}
"""What :attr:`isthmus.store.Entry.origin` says of words of each kind."""
_LONGEST = 500
"""Characters of lines that stand together, so that a page has a part for each paragraph or so."""
_DIGITS = 2
"""Of a second."""

ReadWords = Callable[[MediaItem, str], list[Passage]]
"""Reads words of one kind in an item, see :func:`isthmus.pipeline.reading.read`."""


def read_and_keep(item: MediaItem, kind: str) -> list[Passage]:
    """The words in an item, from the cache of this machine where they were read before."""
    return read(item, kind, cache=default_passages())


class Words:
    """Finds words in items, as parts in a view of texts.

    Args:
        kinds: Of words, see :data:`isthmus.encoders.readers.KINDS`.
        view: Where to.
        read_words: What reads them.

    Attributes:
        failures: Items in which no words could be read, by id, and why.
    """

    def __init__(
        self, kinds: Sequence[str], view: str, *, read_words: ReadWords = read_and_keep
    ) -> None:
        self.kinds, self.view, self.failures = tuple(kinds), view, dict[str, str]()
        self._read_words = read_words
        self._read: dict[tuple[str, str], list[Passage]] = {}

    def reads(self, modality: str) -> bool:
        """Whether words are looked for in such items."""
        return any(modality in READS[kind] for kind in self.kinds)

    def ahead(self, items: Sequence[MediaItem], progress: Progress = untold) -> None:
        """Read items, as many at a time as there are cores; what was read before is let go."""
        self._read = {}
        some = {item.id: item for item in items if self.reads(item.modality)}
        todo = [(item, kind) for item in some.values() for kind in self.kinds]
        if not todo:
            return
        pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="isthmus-read")
        try:
            found = zip(todo, pool.map(self._passages, todo), strict=True)
            for done, ((item, kind), passages) in enumerate(found, 1):
                self._read[item.id, kind] = passages
                progress("read words", done, len(todo))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def find(self, whole: Part, space: Space) -> Iterator[Part]:
        """The parts of an item that was read."""
        del space
        for kind in self.kinds:
            origin = ORIGINS[kind]
            for text, span, named in _together(self._read.get((whole.item.id, kind), ())):
                words = MediaItem.from_text(text, source=whole.item.source)
                name = part_id(whole.id, origin, named)
                yield Part(words, self.view, name, origin, span=span)

    def _passages(self, asked: tuple[MediaItem, str]) -> list[Passage]:
        item, kind = asked
        try:
            return self._read_words(item, kind)
        except MediaError as error:
            self.failures[item.id] = error.reason
            return []


Span = tuple[float, float]


def _together(passages: Sequence[Passage]) -> Iterator[tuple[str, Span | None, Span | None]]:
    """Texts of passages that have one place: their span, and what tells their ids apart.

    Lines of a still picture have no times; where they are too many for one part, their place in
    all of the text tells the parts apart.
    """
    groups: dict[Span | None, list[str]] = {}
    for passage in passages:
        groups.setdefault(_rounded(passage.span), []).append(passage.text)
    for span, texts in groups.items():
        parts = [" ".join(texts)] if span else _paragraphs(texts)
        start = 0
        for text in parts:
            chars = (float(start), float(start + len(text)))
            yield text, span, span or (chars if len(parts) > 1 else None)
            start += len(text)


def _paragraphs(lines: Sequence[str]) -> list[str]:
    out: list[str] = []
    for line in lines:
        if out and len(out[-1]) + len(line) < _LONGEST:
            out[-1] = f"{out[-1]} {line}"
        else:
            out.append(line)
    return out


def _rounded(span: Span | None) -> Span | None:
    return None if span is None else (round(span[0], _DIGITS), round(span[1], _DIGITS))
