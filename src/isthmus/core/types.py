"""The nouns of isthmus: modalities, items, records, paired vectors, heads, encoders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import content_hash
from isthmus.core.errors import DataError, MediaError
from isthmus.core.linalg import F32
from isthmus.core.validate import as_matrix, check_vectors

TEXT = "text"
IMAGE = "image"
AUDIO = "audio"
VIDEO = "video"
MEDIA_MODALITIES = (TEXT, IMAGE, AUDIO, VIDEO)
"""The modalities with media of their own; any other name means vectors a user brings."""

Payload = Path | bytes | tuple[str, ...] | NDArray[np.floating]
Progress = Callable[[str, int, int], None]
"""Called with a phase, what is done and the total: ``progress("encode image", 32, 674)``."""


@dataclass(frozen=True, slots=True, eq=False)
class MediaItem:
    """One thing in one modality, decoded only when somebody needs it.

    Attributes:
        id: Hash of the content, so the same content has one id wherever it lies.
        modality: ``"text"``, ``"image"``, ``"audio"``, ``"video"`` or a name of the user's.
        source: What the user knows it by: a path, a table row, a caption.
        payload: A path, the bytes, one or several captions of one thing, or a vector.
        span: Start and end in seconds where the item is a part of a recording.
    """

    id: str
    modality: str
    source: str
    payload: Payload
    span: tuple[float, float] | None = None

    @classmethod
    def from_text(cls, text: str | Iterable[str], *, source: str | None = None) -> MediaItem:
        """An item of text: one caption, or several that describe the same thing.

        Several captions (paraphrases, languages) are one item; text encoders average the
        unit vectors of its parts.
        """
        parts = (text,) if isinstance(text, str) else tuple(text)
        if not parts:
            raise DataError(f"{source or 'text'}: needs at least one caption, got none")
        name = source if source is not None else quoted(parts[0])
        return cls(content_hash("\0".join(parts).encode()), TEXT, name, parts)

    @classmethod
    def from_path(cls, path: Path, modality: str) -> MediaItem:
        """An item in a file, identified by a hash of the bytes of that file."""
        try:
            return cls(content_hash(path.read_bytes()), modality, str(path), path)
        except OSError as error:
            raise MediaError(str(path), f"cannot be read ({error.strerror or error})") from error

    @classmethod
    def from_bytes(cls, data: bytes, modality: str, *, source: str) -> MediaItem:
        """An item in memory, such as a member of a tar file."""
        return cls(content_hash(data), modality, source, data)

    @classmethod
    def from_vector(cls, vector: NDArray[Any], modality: str, *, source: str) -> MediaItem:
        """An item that is already a native vector, ``(dim,)``."""
        row = check_vectors(vector, name=source)[0]
        return cls(content_hash(row.tobytes()), modality, source, row)

    def read(self) -> bytes:
        """The bytes of the item; originals are only ever opened for reading."""
        match self.payload:
            case Path():
                try:
                    return self.payload.read_bytes()
                except OSError as error:
                    reason = f"cannot be read ({error.strerror or error})"
                    raise MediaError(self.source, reason) from error
            case bytes():
                return self.payload
            case tuple():
                return "\n".join(self.payload).encode()
            case _:
                return np.asarray(self.payload).tobytes()

    @property
    def captions(self) -> tuple[str, ...]:
        """The parts of a text item; empty for every other modality."""
        return self.payload if isinstance(self.payload, tuple) else ()


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One row of a data set: at most one item per modality, any of them missing.

    Attributes:
        id: Unique within its data set.
        items: Item by modality.
        group: Records of one group never straddle a split; also the category in mAP.
        split: A fixed part of the data set it belongs to, such as ``"test"``.
        language: Of its text, as a BCP 47 tag, where it has one.
    """

    id: str
    items: Mapping[str, MediaItem]
    group: str | None = None
    split: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """Something that was left out, and why, so that it can be listed.

    Attributes:
        source: What the user knows it by.
        reason: What is wrong with it and what to do.
    """

    source: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Records with a name; ``skipped`` lists what was found but could not become a record.

    Raises:
        DataError: If two records have one id.
    """

    name: str
    records: Sequence[Record]
    skipped: Sequence[Failure] = ()
    licence: str = "unknown"

    def __post_init__(self) -> None:
        places: dict[str, int] = {}
        for row, record in enumerate(self.records):
            if (before := places.setdefault(record.id, row)) != row:
                raise DataError(
                    f"{self.name}: records {before} and {row} both have the id {record.id!r}; "
                    "ids must be unique"
                )

    def __len__(self) -> int:
        return len(self.records)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Every modality that some record has, media first, in a fixed order."""
        found = {modality for record in self.records for modality in record.items}
        order = {name: rank for rank, name in enumerate(MEDIA_MODALITIES)}
        return tuple(sorted(found, key=lambda m: (order.get(m, len(order)), m)))

    def select(self, modalities: Iterable[str]) -> Dataset:
        """Only items of these modalities; records that have none of them are dropped."""
        names = set(modalities)
        cut = [
            replace(record, items={m: i for m, i in record.items.items() if m in names})
            for record in self.records
        ]
        return replace(self, records=[record for record in cut if record.items])

    def take(self, rows: Iterable[int]) -> Dataset:
        """The records at ``rows``, in that order."""
        return replace(self, records=[self.records[row] for row in rows])


@dataclass(frozen=True, eq=False)
class PairedVectors:
    """Native vectors of records, one row a record in every modality.

    Attributes:
        vectors: By modality ``(n, dim)`` float32; rows of absent items are zero.
        present: By modality ``(n,)`` bool, whether the record has that item.
        ids: Record ids, ``n`` of them.
        groups: ``(n,)`` labels; rows with one label never straddle a split.

    Raises:
        DataError: If the modalities differ in rows.
        VectorError: If a present row is not finite or only zeros.
    """

    vectors: Mapping[str, F32]
    present: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    ids: Sequence[str] = ()
    groups: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        if not self.vectors:
            raise DataError("need vectors of at least one modality, got none")
        if unknown := [m for m in self.present if m not in self.vectors]:
            raise DataError(f"masks of {', '.join(unknown)}, but no vectors of that name")
        arrays = {m: as_matrix(x, name=m) for m, x in self.vectors.items()}
        rows = {m: len(x) for m, x in arrays.items()}
        if len(set(rows.values())) > 1:
            listed = ", ".join(f"{m} has {n}" for m, n in rows.items())
            raise DataError(f"row i of every modality must be one record, but {listed} rows")
        n = next(iter(rows.values()))
        checked: dict[str, F32] = {}
        present: dict[str, NDArray[np.bool_]] = {}
        for m, x in arrays.items():
            here = self.present.get(m)
            mask = np.ones(n, dtype=bool) if here is None else np.asarray(here, dtype=bool)
            if mask.shape != (n,):
                raise DataError(f"{m}: the mask has shape {mask.shape}, need ({n},)")
            present[m] = mask
            if mask.all():
                checked[m] = check_vectors(x, name=m)
            else:
                zeroed = np.where(mask[:, None], x, 0)
                checked[m] = check_vectors(zeroed, name=m, allow_zero=~mask)
        object.__setattr__(self, "vectors", checked)
        object.__setattr__(self, "present", present)
        object.__setattr__(self, "ids", list(self.ids))
        if self.ids and len(self.ids) != n:
            raise DataError(f"{len(self.ids)} ids for {n} rows")
        if self.groups is not None and len(self.groups) != n:
            raise DataError(f"{len(self.groups)} group labels for {n} rows")

    def __len__(self) -> int:
        return len(next(iter(self.vectors.values())))

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities, in the order they were given."""
        return tuple(self.vectors)

    def take(self, rows: NDArray[Any]) -> PairedVectors:
        """The records at ``rows`` (indices or a mask), in that order."""
        index = np.arange(len(self))[rows]
        return PairedVectors(
            {m: x[index] for m, x in self.vectors.items()},
            {m: p[index] for m, p in self.present.items()},
            [self.ids[i] for i in index] if self.ids else (),
            None if self.groups is None else np.asarray(self.groups)[index],
        )

    def select(self, modalities: Iterable[str]) -> PairedVectors:
        """Only these modalities, all rows."""
        names = list(modalities)
        return replace(
            self,
            vectors={m: self.vectors[m] for m in names},
            present={m: self.present[m] for m in names},
        )

    def rows(self, *modalities: str) -> NDArray[np.intp]:
        """Rows that have every one of ``modalities``."""
        return np.flatnonzero(np.logical_and.reduce([self.present[m] for m in modalities]))

    def pair(self, a: str, b: str) -> tuple[F32, F32]:
        """The rows that have both modalities: ``(n_ab, dim_a)`` and ``(n_ab, dim_b)``."""
        rows = self.rows(a, b)
        return self.vectors[a][rows], self.vectors[b][rows]


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """Decoded sound: mono ``samples`` ``(n,)`` float32 in −1…1 at ``rate`` Hz."""

    samples: F32
    rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.rate


@runtime_checkable
class Encoder(Protocol):
    """A frozen model: decoded items in, native vectors out.

    Attributes:
        id: The name users type.
        modality: What it reads.
        dim: Length of its vectors.
        fingerprint: Names weights and preprocessing exactly; equal fingerprints give
            equal vectors.
        languages: BCP 47 tags that a text encoder was made for; empty where that has no
            meaning.
    """

    id: str
    modality: str
    dim: int
    fingerprint: str
    languages: tuple[str, ...]

    def prepare(self, decoded: Any) -> Any:
        """Turn a decoded item into what :meth:`encode` takes; runs in worker threads.

        Args:
            decoded: What ``isthmus.media.decode`` yields for this modality: captions as
                ``tuple[str, ...]``, a ``PIL.Image.Image`` in RGB, a :class:`Waveform`, or
                a vector ``(dim,)``.

        Raises:
            InputError: If nothing can be made of it.
        """
        ...

    def encode(self, batch: Sequence[Any]) -> F32:
        """Vectors of prepared items, ``(len(batch), dim)`` float32, finite and not zero."""
        ...


@runtime_checkable
class Head(Protocol):
    """What an aligner leaves behind for one modality: a small map that needs only numpy."""

    kind: str

    @property
    def input_dim(self) -> int:
        """Dimension of native vectors."""
        ...

    @property
    def output_dim(self) -> int:
        """Dimension of the space."""
        ...

    def __call__(self, x: NDArray[Any]) -> F32:
        """Native vectors ``(n, input_dim)`` to unit vectors ``(n, output_dim)`` float32."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Parameters as JSON-serialisable values and as arrays."""
        ...


def quoted(text: str, *, limit: int = 40) -> str:
    """A caption as it appears in messages: in quotes, cut to ``limit`` characters."""
    flat = " ".join(text.split())
    return f"“{flat[:limit]}…”" if len(flat) > limit else f"“{flat}”"
