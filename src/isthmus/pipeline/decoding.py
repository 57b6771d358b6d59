"""Decoding in child processes with caps on memory and time: the only place where it happens.

Own code rather than a pool of the standard library or ``loky``: those send pickles, import the
caller's main module again, and lose a whole pool when one worker crashes.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core import errors, wire
from isthmus.core.contracts import Encoder, Fitted, Sampling, image_side_of, sampling_of
from isthmus.core.errors import (
    CorruptMediaError,
    InputError,
    IsthmusError,
    MediaError,
    MediaTooLargeError,
)
from isthmus.core.fields import Fields, tamed
from isthmus.core.item import Clip, MediaItem, Waveform
from isthmus.core.passage import Passage
from isthmus.core.view import AUDIO, IMAGE, VIDEO
from isthmus.encoders import Recipe, recipe_of
from isthmus.encoders.base import usable_cores
from isthmus.media import PLAIN, decode
from isthmus.media.child import ChildLostError, ChildProcess
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.payload import check_size

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from isthmus.media.closest import Likeness
    from isthmus.media.onsets import Onset

SECONDS = 60.0
"""An item that takes longer is given up; decoding a large picture takes one or two."""
_SPARE = 2
"""Children beyond the cores, so that a batch, which uses one a core, never holds all of them: a
thumbnail need not wait until a file that hangs is given up."""
_PROGRAM = str(Path(__file__).with_name("_decode_child.py"))
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture: WebP, and its size in pixels."""

    webp: bytes
    width: int
    height: int


class DecodeWorkers:
    """Child processes that decode, for all threads of this process.

    A file that crashes its decoder, never ends, or asks for all memory costs that file. A child
    starts when it is first needed, is kept for the next request and is replaced when it is lost.

    Text and vectors need no decoder and so no child, see :data:`isthmus.media.PLAIN`.

    Args:
        most: Children at a time; default: two more than the cores of this machine.
        limits: Caps on items.
        seconds: After which an item is given up.
    """

    def __init__(
        self, most: int | None = None, *, limits: Limits = DEFAULT, seconds: float = SECONDS
    ) -> None:
        self.most = most or usable_cores() + _SPARE
        self._limits, self._seconds = limits, seconds
        self._arguments = [_PROGRAM, json.dumps(asdict(limits))]
        self.forget()

    @property
    def limits(self) -> Limits:
        """Caps on items."""
        return self._limits

    def limit(self, limits: Limits) -> None:
        """Set other caps; children that run end, and the next request starts new ones."""
        with self._lock:
            self._limits = limits
            self._arguments = [_PROGRAM, json.dumps(asdict(limits))]
            for child in self._all:
                child.arguments = list(self._arguments)
        self.close()

    def forget(self) -> None:
        """Start over in a forked process: the children belong to its parent."""
        self._places = threading.Semaphore(self.most)
        self._lock = threading.Lock()
        self._idle: list[ChildProcess] = []
        self._all: list[ChildProcess] = []
        self._unprepared: set[Recipe] = set()

    @property
    def pids(self) -> list[int]:
        """Of the children that run."""
        with self._lock:
            children = list(self._all)
        return [pid for child in children if (pid := child.pid) is not None]

    def decode(
        self,
        item: MediaItem,
        *,
        image_side: int | None = None,
        sampling: Sampling | None = None,
    ) -> Any:
        """What :func:`isthmus.media.decode` yields, from a child.

        Args:
            item: What to decode.
            image_side: The shorter side, in pixels, that the caller needs at least.
            sampling: Which frames of a video.

        Raises:
            MediaError: If the item cannot be used, with the reason.
        """
        if item.modality in PLAIN:
            return decode(item, self._limits)
        wanted = None if sampling is None else asdict(sampling)
        found = self._ask("decode", item, image_side=image_side, sampling=wanted)
        if item.modality == IMAGE:
            return _picture(found)
        if item.modality == VIDEO:
            return Clip(*found)
        return Waveform(*found) if item.modality == AUDIO else found

    def prepare(self, item: MediaItem, encoder: Encoder) -> Any:
        """What an encoder takes of an item.

        A child that can load the encoder prepares the item, too. Of an object that its owner
        made, or one that was fitted, the item is decoded there and prepared here.

        Raises:
            InputError: If nothing can be made of the item, with the reason.
        """
        recipe = self._recipe(item, encoder)
        if recipe is not None:
            named = asdict(recipe)
            try:
                return self._ask("prepare", item, recipe=named, fingerprint=encoder.fingerprint)
            except _UnpreparedError:
                self._unprepared.add(recipe)
        wanted = sampling_of(encoder) if item.modality == VIDEO else None
        decoded = self.decode(item, image_side=image_side_of(encoder), sampling=wanted)
        return encoder.prepare(decoded)

    def prepare_pieces(
        self, item: MediaItem, spans: Sequence[tuple[float, float]], encoder: Encoder
    ) -> list[Any]:
        """What an encoder takes of several parts of a recording, which is decoded once.

        Args:
            item: The recording; its span reaches from the start of the first part to the end of
                the last.
            spans: Of the parts, in seconds of the recording.
            encoder: Whose.

        Returns:
            As many, each of them an :class:`InputError` where nothing can be made of the part.

        Raises:
            MediaError: If the recording cannot be decoded.
        """
        recipe = self._recipe(item, encoder)
        named = None if recipe is None else asdict(recipe)
        told = {"spans": list(spans), "fingerprint": encoder.fingerprint}
        try:
            found = self._ask("pieces", item, recipe=named, **told)
        except _UnpreparedError:
            assert recipe is not None
            self._unprepared.add(recipe)
            return self.prepare_pieces(item, spans, encoder)
        return [_piece(item.source, each, None if recipe else encoder) for each in found]

    def seconds(self, item: MediaItem) -> float:
        """Duration of a recording or a video, without decoding it where its header knows.

        Raises:
            MediaError: If it is neither, cannot be used, or is longer than ``max_long_seconds``.
        """
        return float(self._ask("seconds", item))

    def onsets(self, item: MediaItem) -> list[Onset]:
        """Where sounds begin in a recording; see :func:`isthmus.media.onsets.onsets`."""
        return [(time, change) for time, change in self._ask("onsets", item)]

    def _recipe(self, item: MediaItem, encoder: Encoder) -> Recipe | None:
        """How a child makes an encoder that prepares an item there; None where none can."""
        if item.modality in PLAIN or isinstance(encoder, Fitted):
            return None
        recipe = recipe_of(encoder)
        return None if recipe in self._unprepared else recipe

    def small(self, item: MediaItem, side: int) -> Picture:
        """A picture in RGB whose longer side is at most ``side`` pixels; of a video, a frame.

        Raises:
            MediaError: If it is no picture or video, or cannot be decoded; so do all that follow.
        """
        return _picture(self._ask("small", item, side=side))

    def thumbnail(self, item: MediaItem, side: int) -> Thumbnail:
        """The same as a file."""
        return Thumbnail(*self._ask("thumbnail", item, side=side))

    def strip(self, item: MediaItem, frames: int, side: int) -> Thumbnail:
        """Frames of a video side by side; see :func:`isthmus.media.preview.strip`."""
        return Thumbnail(*self._ask("strip", item, frames=frames, side=side))

    def aspect(self, item: MediaItem) -> float:
        """Width over height of a picture, from its header alone, or of a video as it is shown."""
        return float(self._ask("aspect", item))

    def fields(self, item: MediaItem) -> Fields:
        """What the file of an item says of itself; see :func:`isthmus.media.tags.fields_of`."""
        return tamed(self._ask("fields", item))

    def clip(self, item: MediaItem, seconds: float, *, compression: float | None = None) -> bytes:
        """The first seconds of the sound of an item; see :func:`isthmus.media.preview.clip`."""
        return bytes(self._ask("clip", item, seconds=seconds, compression=compression))

    def loudness(self, item: MediaItem, points: int) -> bytes:
        """Peaks of a sound; see :func:`isthmus.media.preview.loudness`."""
        return bytes(self._ask("loudness", item, points=points))

    def closest(
        self, item: MediaItem, picture: NDArray[np.uint8], aspect: float
    ) -> tuple[list[Likeness], int]:
        """Frames of a video that look like a picture; see :func:`isthmus.media.closest.closest`."""
        from isthmus.media.closest import Likeness

        found, count = self._ask("closest", item, picture=picture, aspect=aspect)
        return [Likeness(*each) for each in found], count

    def look(
        self, item: MediaItem, side: int, sampling: Sampling | None = None
    ) -> list[tuple[float | None, list[Passage]]]:
        """Lines of words in a picture, or in frames of a video beside when each is shown.

        Args:
            item: A picture or a video.
            side: The shorter side, in pixels, that the reader needs at least.
            sampling: Which frames.
        """
        wanted = None if sampling is None else asdict(sampling)
        frames = self._ask("look", item, side=side, sampling=wanted)
        return [(time, [Passage.from_json(line) for line in lines]) for time, lines in frames]

    def hear(self, item: MediaItem) -> tuple[list[Passage], float | None]:
        """What is said in a recording or in the sound of a video, or in the span of it.

        Returns:
            Passages, with times from the beginning of the span, and how many seconds of it there
            are; None where all of them are silent.
        """
        passages, seconds = self._ask("hear", item)
        return [Passage.from_json(each) for each in passages], seconds

    def warm_up(self) -> None:
        """Start a child, so that the first request need not wait for it."""
        with self._child() as child:
            child.ask(wire.pack(None), seconds=self._seconds)

    def warm_up_aside(self) -> None:
        """Start a child while this thread does something else; a failure is told by a request."""

        def start() -> None:
            with suppress(ChildLostError):
                self.warm_up()

        threading.Thread(target=start, name="isthmus-warm-up", daemon=True).start()

    def close(self) -> None:
        """End the children; a later request starts new ones."""
        with self._lock:
            children = list(self._all)
        for child in children:
            child.close()

    @contextmanager
    def _child(self) -> Iterator[ChildProcess]:
        """A child for one request, the one that was last at work if there is one."""
        with self._places:
            with self._lock:
                if not self._idle:
                    self._idle.append(ChildProcess(self._arguments, _ONE_THREAD))
                    self._all.append(self._idle[-1])
                child = self._idle.pop()
            try:
                yield child
            finally:
                with self._lock:
                    self._idle.append(child)

    def _ask(self, kind: str, item: MediaItem, **parameters: Any) -> Any:
        request = wire.pack((kind, self._document(item), parameters))
        try:
            with self._child() as child:
                status, reply = child.ask(request, seconds=self._seconds)
        except ChildLostError as error:
            if error.late:
                raise MediaTooLargeError(item.source, "decoding it took too long") from error
            raise CorruptMediaError(item.source, "decoding it crashed") from error
        if status:
            reason = reply.decode("utf-8", "replace")
            raise CorruptMediaError(item.source, f"cannot be decoded ({reason})")
        outcome, *rest = wire.unpack(reply)
        if outcome == "made":
            return rest[0]
        if outcome == "unprepared":
            raise _UnpreparedError(rest[0])
        raise _error(item.source, *rest)

    def _document(self, item: MediaItem) -> dict[str, Any]:
        """An item as a child gets it; its folder is its own, so paths are whole."""
        document: dict[str, Any] = {"id": item.id, "modality": item.modality}
        document |= {"source": item.source, "span": item.span}
        match item.payload:
            case Path() as path:
                return {**document, "payload": str(path.absolute())}
            case bytes() as data:
                check_size(len(data), item.source, self._limits)
                return {**document, "payload": data}
        raise MediaError(item.source, f"needs a file or bytes to be decoded as {item.modality}")


class _UnpreparedError(Exception):
    """A child cannot do for an encoder what this process can."""


def _piece(source: str, reply: Any, encoder: Encoder | None) -> Any:
    """One reply of a child; what it only decoded is prepared here."""
    outcome, *rest = reply
    if outcome != "made":
        return _error(source, *rest)
    if encoder is None:
        return rest[0]
    try:
        return encoder.prepare(Waveform(*rest[0]))
    except InputError as error:
        return error


def _picture(pixels: Any) -> Picture:
    from PIL import Image

    return Image.fromarray(np.asarray(pixels, dtype=np.uint8), "RGB")


def _error(source: str, name: str, reason: str) -> IsthmusError:
    """The child's own error, by its name; memory that ran out is one too."""
    if name == "MemoryError":
        return MediaTooLargeError(source, "needs more memory than decoding one item may take")
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, MediaError):
        return kind(source, reason)
    if isinstance(kind, type) and issubclass(kind, IsthmusError):
        return kind(reason)
    return CorruptMediaError(source, f"cannot be decoded ({reason or name})")


WORKERS = DecodeWorkers()
"""The ones of this process; none is started before something is decoded."""

atexit.register(WORKERS.close)
os.register_at_fork(after_in_child=WORKERS.forget)
