"""Words of pictures, recordings and videos: read in children, kept in a cache."""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from isthmus.core.contracts import Sampling
from isthmus.core.errors import EmptyMediaError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.passage import Passage
from isthmus.core.paths import cache_dir
from isthmus.core.view import AUDIO, IMAGE, VIDEO
from isthmus.encoders.base import usable_cores
from isthmus.encoders.readers import SPEECH, TEXT, check_kind, reader
from isthmus.encoders.readers.ocr import SIDE
from isthmus.media import REVISION
from isthmus.pipeline.cache import ContentCache
from isthmus.pipeline.decoding import WORKERS, DecodeWorkers

READS = {TEXT: (IMAGE, VIDEO), SPEECH: (AUDIO, VIDEO)}
"""Modalities in which words of each kind are looked for."""
SECONDS = 600.0
"""A picture, or a window of a recording, that takes longer is given up."""
WINDOW = 120.0
"""Seconds of a recording that are heard at a time, so that memory stays flat. Four times what
Whisper hears at once, so that few sentences lie on an edge."""
_EDGE = 1.0
"""A passage that ends so close to the end of a window may go on: it is heard again in the next."""
_FRAMES = Sampling(frames=240, by="uniform", rate=1.0)
"""Of videos: a frame a second, of videos longer than four minutes 240 frames."""

READERS = DecodeWorkers(usable_cores(), seconds=SECONDS)
"""Children of their own: each holds half a gigabyte of models, and a thumbnail must not wait."""

atexit.register(READERS.close)
os.register_at_fork(after_in_child=READERS.forget)


class PassageCache(ContentCache):
    """Passages by reader and content; see :class:`ContentCache`."""

    _what, _rows = "cache of words", "words"

    def get(self, fingerprint: str, item: str) -> list[Passage] | None:
        """The passages of an item; None where they are not known."""
        blob = self._read(fingerprint, [item]).get(item)
        if blob is None:
            return None
        with suppress(ValueError, TypeError):
            return [Passage.from_json(each) for each in json.loads(blob)]
        return None

    def put(self, fingerprint: str, item: str, passages: Sequence[Passage]) -> None:
        """Keep the passages of an item."""
        blob = json.dumps([each.to_json() for each in passages]).encode()
        self._write(fingerprint, [item], [blob])


def default_passages() -> PassageCache:
    """Words by content and reader, kept between runs."""
    return PassageCache(cache_dir() / "words.sqlite")


def check_readers(kinds: Iterable[str]) -> None:
    """See whether words of these kinds can be read here.

    Raises:
        InputError: If there is no such kind.
        MissingExtraError: If a package is not installed.
    """
    for kind in kinds:
        reader(kind).check()


def read(
    item: MediaItem,
    kind: str,
    *,
    cache: PassageCache | None = None,
    workers: DecodeWorkers = READERS,
) -> list[Passage]:
    """The words in an item.

    Args:
        item: A picture, a recording or a video.
        kind: ``"text"`` for words that are seen, ``"speech"`` for words that are heard.
        cache: Where passages of known content come from, and new ones go.
        workers: The child processes that read; nothing is read in this one.

    Returns:
        In a picture lines from top to bottom, else passages with times; empty where there are no
        words, or none of this kind can be in such an item.

    Raises:
        InputError: If there is no such kind.
        MediaError: If the item cannot be decoded.
        MissingExtraError: If a package is not installed.
    """
    if item.modality not in READS[check_kind(kind)]:
        return []
    mark = f"{reader(kind).fingerprint}/{REVISION}"
    known = None if cache is None else cache.get(mark, item.id)
    if known is not None:
        return known
    if workers is READERS and workers.limits != WORKERS.limits:
        workers.limit(WORKERS.limits)
    made = list(_seen(item, workers) if kind == TEXT else _heard(item, workers))
    if cache is not None:
        cache.put(mark, item.id, made)
    return made


def _seen(item: MediaItem, workers: DecodeWorkers) -> Iterator[Passage]:
    """Lines of a picture; of a video those that stand, with how long they stand."""
    sampling = _FRAMES if item.modality == VIDEO else None
    standing: dict[str, Passage] = {}
    for time, lines in workers.look(item, SIDE, sampling):
        if time is None:
            yield from lines
            return
        now = {line.text: line for line in lines}
        for text in [each for each in standing if each not in now]:
            yield standing.pop(text)
        for text, line in now.items():
            start = standing[text].span if text in standing else None
            standing[text] = replace(line, span=(start[0] if start else time, time))
    yield from standing.values()


def _heard(item: MediaItem, workers: DecodeWorkers) -> Iterator[Passage]:
    """What is said in a recording, window by window."""
    start = 0.0
    while True:
        try:
            passages, seconds = workers.hear(replace(item, span=(start, start + WINDOW)))
        except EmptyMediaError:  # the end
            return
        except MediaError:
            if item.modality == VIDEO:  # it has no sound that can be decoded
                return
            raise
        ends = seconds is not None and seconds < WINDOW - _EDGE
        step = WINDOW
        if not ends and passages:
            first, stop = passages[-1].span or (0.0, 0.0)
            if stop > WINDOW - _EDGE and first > WINDOW / 2:
                passages, step = passages[:-1], first
        yield from (_moved(each, start) for each in passages)
        if ends:
            return
        start += step


def _moved(passage: Passage, by: float) -> Passage:
    """A passage with times from the beginning of the recording."""
    first, stop = passage.span or (0.0, 0.0)
    words = tuple((word, a + by, b + by) for word, a, b in passage.words)
    return replace(passage, span=(first + by, stop + by), words=words)
