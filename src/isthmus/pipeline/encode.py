"""Items to native vectors: decoded in children, encoded in batches, kept in a cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from operator import not_
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Encoder, Progress, batch_size_of
from isthmus.core.errors import (
    DataError,
    EmptyMediaError,
    InputError,
    IsthmusError,
    MediaError,
    PartlyEncodedError,
    VectorError,
)
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32, Array
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Failure, Record
from isthmus.core.validate import check_vectors
from isthmus.core.view import AUDIO, TEXT, VECTOR
from isthmus.encoders.base import usable_cores
from isthmus.encoders.joined import JoinedEncoder
from isthmus.encoders.vectors import VectorEncoder
from isthmus.media import PLAIN, REVISION
from isthmus.pipeline._ahead import HELD_BYTES, bytes_of, prepared_ahead
from isthmus.pipeline._encoded import EncodedItems, side_by_side
from isthmus.pipeline._stretches import about, one_by_one, prepare_stretch, stretches
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.decoding import WORKERS, DecodeWorkers

_WORTH_A_CHILD = 32
"""Items for which one more child is started: it takes as long to start as a few dozen pictures take
to decode."""


def encode_items(
    items: Iterable[MediaItem],
    encoder: Encoder,
    *,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    batch_size: int | None = None,
    decoders: DecodeWorkers = WORKERS,
    name: str | None = None,
) -> EncodedItems:
    """Encode items of one modality; what cannot be used is listed and the rest goes on.

    Items of one content are encoded once. Vectors reach the cache batch by batch, so a
    run that is interrupted goes on from there.

    Args:
        items: All of the encoder's modality.
        encoder: What turns them into vectors.
        cache: Where vectors of known content come from and new ones go.
        progress: Told after each batch how many items are done.
        workers: How many items are decoded at a time; default: the cores of this machine.
        batch_size: Items a batch; default: what the encoder prefers.
        decoders: The child processes that decode; nothing is decoded in this one.
        name: What the progress calls them, such as their view; default: their modality.

    Returns:
        Vectors, which are there, and failures.

    Raises:
        InputError: If an item is of another modality than the encoder reads.
    """
    items = list(items)
    if isinstance(encoder, JoinedEncoder) and (cache is not None or encoder.apart):
        again = partial(encode_items, items, cache=cache, progress=progress, workers=workers)
        again = partial(again, batch_size=batch_size, decoders=decoders, name=name)
        return side_by_side([again(part) for part in encoder.parts])
    kept = None if isinstance(encoder, VectorEncoder) else cache  # they are at hand already
    run = _Run(items, encoder, kept, progress, name or encoder.modality)
    todo = run.start()
    size = batch_size or (batch_size_of(encoder) if todo else 1)  # it may have to ask torch
    threads = _threads(encoder, len(todo), decoders, workers)
    make = partial(prepare_stretch, decoders, encoder)
    with prepared_ahead(stretches(todo), make, threads, ahead=2 * size) as prepared:
        run.encode_all(one_by_one(prepared), size)
    return run.finish()


def left_to_encode(
    items: Sequence[MediaItem], encoder: Encoder, cache: VectorCache | None
) -> list[MediaItem]:
    """Items whose vectors the cache does not know, one of each content."""
    if cache is None or not isinstance(encoder, JoinedEncoder):
        return _Run(list(items), encoder, cache, None, "").start()
    left = [item for part in encoder.parts for item in left_to_encode(items, part, cache)]
    return list({_key(item): item for item in left}.values())


def _threads(encoder: Encoder, todo: int, decoders: DecodeWorkers, workers: int | None) -> int:
    """How many items are decoded at a time; of text and vectors, which take no time, none."""
    if encoder.modality in PLAIN:
        return 0
    most = usable_cores() if workers is None else workers
    return min(most, max(len(decoders.pids), 1 + todo // _WORTH_A_CHILD))


def encode_records(
    dataset: Dataset,
    encoders: Mapping[str, Encoder],
    *,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    batch_size: int | None = None,
) -> tuple[PairedVectors, list[Failure]]:
    """Encode a data set, one row a record.

    An item that fails is absent from its row; a record with nothing left is dropped.

    Args:
        dataset: Records.
        encoders: By view; views without one are left out, unless their items are vectors
            already.
        cache: As for :func:`encode_items`.
        progress: As for :func:`encode_items`, once a view.
        workers: As for :func:`encode_items`.
        batch_size: As for :func:`encode_items`.

    Returns:
        The vectors with ids and groups (None if no record has a group), and the failures.

    Raises:
        DataError: If not one item could be encoded.
    """
    chosen = _with_vectors(dataset, encoders)
    vectors: dict[str, F32] = {}
    present: dict[str, NDArray[np.bool_]] = {}
    failures: list[Failure] = []
    for view, encoder in chosen.items():
        rows = [row for row, record in enumerate(dataset.records) if view in record.items]
        done = encode_items(
            [dataset.records[row].items[view] for row in rows],
            encoder,
            cache=cache,
            progress=progress,
            workers=workers,
            batch_size=batch_size,
            name=view,
        )
        vectors[view] = np.zeros((len(dataset), encoder.dim), dtype=np.float32)
        vectors[view][rows] = done.vectors
        present[view] = np.zeros(len(dataset), dtype=bool)
        present[view][rows] = done.ok
        failures.extend(done.failures)
    keep = np.logical_or.reduce(list(present.values())) if present else np.zeros(0, dtype=bool)
    if not keep.any():
        raise DataError(_nothing_left(dataset, encoders, failures))
    records = [record for record, kept in zip(dataset.records, keep, strict=True) if kept]
    paired = PairedVectors(
        {view: x[keep] for view, x in vectors.items()},
        {view: mask[keep] for view, mask in present.items()},
        [record.id for record in records],
        _groups(records),
        _told(chosen),
    )
    return paired, failures


def _told(encoders: Mapping[str, Encoder]) -> dict[str, Encoder]:
    """Those that tell vectors apart: the same vectors go by other names in other files."""
    return {view: encoder for view, encoder in encoders.items() if encoder.modality != VECTOR}


@dataclass
class _Run:
    """The state of one call of :func:`encode_items`."""

    items: list[MediaItem]
    encoder: Encoder
    cache: VectorCache | None
    progress: Progress | None
    name: str
    vectors: dict[str, F32] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    copies: dict[str, int] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)
    done: int = 0

    def start(self) -> list[MediaItem]:
        """Look up what is known; returns the first item of each content that is not.

        Texts and sounds come by their length, the longest first: items of a batch are padded to
        the longest of it, so a batch of like lengths computes little that is thrown away.
        """
        unique: dict[str, MediaItem] = {}
        for item in self.items:
            if item.modality != self.encoder.modality:
                raise InputError(
                    f"{item.source}: is {item.modality}, but the encoder "
                    f"{self.encoder.id!r} reads {self.encoder.modality}"
                )
            key = _key(item)
            unique.setdefault(key, item)
            self.copies[key] = self.copies.get(key, 0) + 1
        if self.cache is not None and unique:
            known = self.cache.get(self._kept_as(), list(unique))
            for key, vector in known.items():
                if vector.shape == (self.encoder.dim,) and _usable(vector):
                    self.vectors[key] = vector
        self._advance(self.vectors)
        left = [item for key, item in unique.items() if key not in self.vectors]
        return sorted(left, key=_length, reverse=True)

    def encode_all(self, prepared: Iterable[tuple[MediaItem, Any]], size: int) -> None:
        """Encode prepared items in batches; what could not be prepared fails."""
        batch: list[tuple[MediaItem, Any]] = []
        held = 0
        for item, made in prepared:
            if isinstance(made, InputError):
                self.fail(item, made)
                continue
            batch.append((item, made))
            held += bytes_of(made)
            if len(batch) == size or held >= HELD_BYTES:
                self.encode(batch)
                batch, held = [], 0
        if batch:
            self.encode(batch)

    def encode(self, batch: Sequence[tuple[MediaItem, Any]]) -> None:
        """Encode prepared items, keep what is usable, tell the progress."""
        try:
            raw = self.encoder.encode([made for _, made in batch])
        except PartlyEncodedError as error:
            rows = self._checked(error.vectors, len(batch))
            there = [bool(np.isfinite(row).all()) for row in rows]
            self._keep(list(compress(batch, there)), rows[there])
            self._retry(list(compress(batch, map(not_, there))), error.cause or error)
        except InputError as error:
            self._retry(batch, error)
        else:
            self._keep(batch, self._checked(raw, len(batch)))

    def _retry(self, batch: Sequence[tuple[MediaItem, Any]], error: IsthmusError) -> None:
        """Halve a batch that cannot be encoded, until it is known which item it is."""
        if not isinstance(error, InputError):
            raise error
        if len(batch) == 1:
            self.fail(batch[0][0], error)
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            self.encode(half)

    def _keep(self, batch: Sequence[tuple[MediaItem, Any]], rows: F32) -> None:
        """Keep the vectors of encoded items that are usable, and tell the progress."""
        good: list[str] = []
        for (item, _), row in zip(batch, rows, strict=True):
            if _usable(row):
                good.append(_key(item))
                self.vectors[good[-1]] = row
            else:
                what = "only zeros" if np.isfinite(row).all() else "NaN or infinity"
                self.reasons[_key(item)] = f"the encoder {self.encoder.id!r} gave {what} for it"
        if self.cache is not None and good:
            stacked = np.stack([self.vectors[key] for key in good])
            self.cache.put(self._kept_as(), good, stacked)
        self._advance([_key(item) for item, _ in batch])

    def fail(self, item: MediaItem, error: InputError) -> None:
        """Note why an item is left out."""
        reason = error.reason if isinstance(error, MediaError) else str(error)
        self.reasons[_key(item)] = reason
        if isinstance(error, EmptyMediaError):
            self.empty.add(_key(item))
        self._advance([_key(item)], tell=False)

    def finish(self) -> EncodedItems:
        """Vectors of all items in their order."""
        if self.progress is not None and self.items:
            self.progress(self._phase(), len(self.items), len(self.items))
        out = np.zeros((len(self.items), self.encoder.dim), dtype=np.float32)
        ok = np.zeros(len(self.items), dtype=bool)
        failures: list[Failure] = []
        for row, item in enumerate(self.items):
            vector = self.vectors.get(_key(item))
            if vector is None:
                failures.append(Failure(item.source, self.reasons[_key(item)]))
            else:
                out[row], ok[row] = vector, True
        empty = frozenset(row for row, item in enumerate(self.items) if _key(item) in self.empty)
        return EncodedItems(out, ok, failures, empty=empty)

    def _checked(self, raw: Any, count: int) -> F32:
        rows = np.asarray(raw, dtype=np.float32)
        if rows.shape != (count, self.encoder.dim):
            raise VectorError(
                f"the encoder {self.encoder.id!r} gave an array of shape {rows.shape}, "
                f"need {(count, self.encoder.dim)}"
            )
        return rows

    def _advance(self, keys: Iterable[str], *, tell: bool = True) -> None:
        self.done += sum(self.copies[key] for key in keys)
        if tell and self.progress is not None and 0 < self.done < len(self.items):
            self.progress(self._phase(), self.done, len(self.items))

    def _kept_as(self) -> str:
        """The encoder, and how what it was given is decoded, as the cache knows them."""
        fingerprint = self.encoder.fingerprint
        plain = self.encoder.modality in PLAIN
        return fingerprint if plain else f"{fingerprint}/{REVISION}"

    def _phase(self) -> str:
        return f"encode {self.name}"


def _key(item: MediaItem) -> str:
    """Content and, for a part of a recording, which part."""
    return item.id if item.span is None else f"{item.id}@{item.span[0]}-{item.span[1]}"


def _length(item: MediaItem) -> float:
    """How long a text or a sound is, without decoding it; 0 where all items are of one size."""
    if item.modality not in (TEXT, AUDIO):
        return 0
    if item.captions:
        return max(map(len, item.captions))
    if item.span is not None:
        return about(item.span)
    match item.payload:
        case Path() as path:
            with suppress(OSError):  # decoding it says what is wrong
                return path.stat().st_size
        case bytes() as data:
            return len(data)
    return 0


def _usable(row: F32) -> bool:
    return bool(np.isfinite(row).all() and row.any())


def _with_vectors(dataset: Dataset, encoders: Mapping[str, Encoder]) -> dict[str, Encoder]:
    """The encoders that apply, and one for each further view that is vectors already."""
    chosen: dict[str, Encoder] = {}
    for view, modality in dataset.modalities.items():
        if view in encoders:
            chosen[view] = encoders[view]
        elif modality == VECTOR:
            first = next(r.items[view].payload for r in dataset.records if view in r.items)
            dim = check_vectors(first, name=view).shape[1]
            chosen[view] = VectorEncoder(dim, f"{dataset.name}: {view}")
    return chosen


def _groups(records: Sequence[Record]) -> Array | None:
    if all(record.group is None for record in records):
        return None
    groups = np.empty(len(records), dtype=object)
    groups[:] = [record.group for record in records]
    return groups


def _nothing_left(
    dataset: Dataset, encoders: Mapping[str, Encoder], failures: Sequence[Failure]
) -> str:
    if failures:
        shown = "; ".join(f"{f.source}: {f.reason}" for f in failures[:3])
        return f"{dataset.name}: not one item could be encoded ({len(failures)} failed): {shown}"
    has = ", ".join(dataset.views) or "none"
    got = ", ".join(encoders) or "none"
    return f"{dataset.name}: has the views {has}, but encoders were given for {got}"
