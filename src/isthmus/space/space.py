"""Space: encoders, heads, banks and what is known about them, in one artefact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners import head_from_state
from isthmus.core.artifact import DOCUMENT, fingerprint, load_artifact, save_artifact
from isthmus.core.contracts import Encoder, Head, Progress
from isthmus.core.errors import DataError, FingerprintError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.validate import check_vectors
from isthmus.core.view import TEXT
from isthmus.encoders import load as load_encoder
from isthmus.media.source import item_from_path
from isthmus.pipeline import cache as vector_cache
from isthmus.pipeline.encode import EncodedItems, encode_items
from isthmus.space import starter
from isthmus.space.calibration import Background, Calibration, native_nearness, nearness
from isthmus.space.card import model_card
from isthmus.space.readout import Readout, score


@dataclass(frozen=True)
class EncoderRef:
    """Which encoder a space was made for, and how to get it again.

    Attributes:
        spec: What :func:`isthmus.encoders.load` takes; empty for an object of the user's.
        fingerprint: Of the encoder; another one is refused.
        dim: Length of its vectors.
        options: Further options for loading.
        state: What a fitted encoder learned, as JSON.
        tensors: What a fitted encoder learned, as arrays.
    """

    spec: str
    fingerprint: str
    dim: int
    options: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] | None = None
    tensors: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, encoder: Encoder, spec: str) -> EncoderRef:
        """Describe an encoder that is at hand."""
        state, tensors = encoder.state() if hasattr(encoder, "state") else (None, {})
        options: dict[str, Any] = {}
        if spec == "vectors":
            name = getattr(encoder, "name", "")
            options = {"modality": encoder.modality, "dim": encoder.dim, "name": name}
        return cls(spec, encoder.fingerprint, encoder.dim, options, state, tensors)

    def load(self, modality: str) -> Encoder:
        """The encoder, checked to be the one the space was made for.

        Raises:
            FingerprintError: If weights or preprocessing differ from those of the space.
        """
        if not self.spec:
            raise InputError(
                f"the encoder of {modality} was an object of yours, which a space cannot load; "
                "attach it: space.attach(encoder)"
            )
        encoder = load_encoder(self.spec, **self.options)
        if self.state is not None:
            encoder = type(encoder).from_state(self.state, self.tensors)  # type: ignore[attr-defined]
        self.check(encoder, modality)
        return encoder

    def check(self, encoder: Encoder, modality: str) -> None:
        """Refuse an encoder that is not the one the space was made for."""
        if encoder.modality != modality or encoder.fingerprint != self.fingerprint:
            raise FingerprintError(
                f"the space was made with {self.spec or 'an encoder'} {self.fingerprint[:12]} for "
                f"{modality}, this is {encoder.id} {encoder.fingerprint[:12]} for "
                f"{encoder.modality}; install the release it was made with, or align again"
            )


class Space:
    """Heads that map native vectors of several modalities into one space.

    Args:
        heads: By modality.
        banks: Training vectors in the space by modality, ``(b, k)``, against which the
            ``instance`` read-out measures hubs.
        encoders: By modality.
        report: How it was made and how good it is; JSON-serialisable.
        hubs: How strongly the ``instance`` read-out corrects for hubs, 0…1.
        bank_ids: Ids of the records behind the rows of each bank; empty where they are
            not known, as in spaces of older releases.
        calibration: What scores mean, by direction, ``"text→image"``.
        native_banks: Native training vectors of unit length by modality, ``(b, dim)``, by which
            queries that are unlike all of them are told; some modalities may have none.

    Raises:
        DataError: If the ids of a bank are not as many as its rows.
    """

    def __init__(
        self,
        heads: Mapping[str, Head],
        banks: Mapping[str, F32],
        encoders: Mapping[str, EncoderRef],
        report: Mapping[str, Any] | None = None,
        hubs: float = 1.0,
        bank_ids: Mapping[str, Sequence[str]] | None = None,
        calibration: Mapping[str, Calibration] | None = None,
        native_banks: Mapping[str, F32] | None = None,
    ) -> None:
        self.heads = dict(heads)
        self.banks = dict(banks)
        self.encoders = dict(encoders)
        self.report = dict(report or {})
        self.hubs = hubs
        self.bank_ids = {m: list((bank_ids or {}).get(m, ())) for m in self.banks}
        for m, names in self.bank_ids.items():
            if names and len(names) != len(self.banks[m]):
                raise DataError(
                    f"the bank of {m} has {len(self.banks[m])} rows, but {len(names)} ids; give "
                    "one id a row, or none"
                )
        self.calibration = dict(calibration or {})
        self.native_banks = dict(native_banks or {})
        self._loaded: dict[str, Encoder] = {}
        self._bank_hubness: dict[str, F32] = {}

    @property
    def modalities(self) -> tuple[str, ...]:
        """What the space joins."""
        return tuple(self.heads)

    @property
    def dim(self) -> int:
        """Dimension of the space."""
        return next(iter(self.heads.values())).output_dim

    @property
    def fingerprint(self) -> str:
        """Names the encoders and heads exactly; vectors of another fingerprint do not fit."""
        document, tensors = self._heads_state()
        return fingerprint(document, tensors)

    def encoder(self, modality: str) -> Encoder:
        """The frozen encoder of a modality, loaded when first asked for."""
        self._known(modality)
        if modality not in self._loaded:
            self._loaded[modality] = self.encoders[modality].load(modality)
        return self._loaded[modality]

    def attach(self, encoder: Encoder) -> None:
        """Use an encoder object of the user's, if it is the one the space was made for."""
        self._known(encoder.modality)
        self.encoders[encoder.modality].check(encoder, encoder.modality)
        self._loaded[encoder.modality] = encoder

    def transform(self, x: NDArray[Any], modality: str) -> F32:
        """Native vectors ``(n, dim)`` to unit vectors of the space ``(n, k)`` float32."""
        self._known(modality)
        return self.heads[modality](x)

    def embed(
        self,
        things: Sequence[str | Path | MediaItem | NDArray[Any]],
        modality: str,
        *,
        cache: vector_cache.VectorCache | None = None,
        progress: Progress | None = None,
    ) -> EncodedItems:
        """Texts, files or vectors to unit vectors of the space.

        Args:
            things: Strings are texts where the modality is text, else paths.
            modality: What they are; never guessed.
            cache: Of native vectors.
            progress: Told as batches finish.

        Returns:
            Rows ``(n, k)``, with ``native`` vectors beside them; what could not be used is listed
            in ``failures`` and its row is zero.
        """
        self._known(modality)
        items = [as_item(thing, modality) for thing in things]
        native = encode_items(items, self.encoder(modality), cache=cache, progress=progress)
        out = np.zeros((len(items), self.dim), dtype=np.float32)
        if native.ok.any():
            out[native.ok] = self.transform(native.vectors[native.ok], modality)
        return EncodedItems(out, native.ok, native.failures, native.vectors)

    def score(
        self,
        queries: F32,
        query_modality: str,
        gallery: F32,
        gallery_modality: str,
        *,
        readout: Readout = "instance",
    ) -> F32:
        """Scores ``(q, g)`` of vectors of the space; larger is better.

        ``instance`` finds the one that belongs, ``semantic`` what is alike in kind; see
        :func:`isthmus.space.readout.score`.
        """
        self._known(query_modality)
        self._known(gallery_modality)
        for name, x in (("queries", queries), ("gallery", gallery)):
            check_vectors(x, name=name, dim=self.dim, allow_zero=True)
        return score(
            queries,
            gallery,
            readout=readout,
            query_bank=self.banks[query_modality],
            gallery_bank=self.banks[gallery_modality],
            hubs=self.hubs,
        )

    def hubness(self, vectors: F32, modality: str) -> F32:
        """How near vectors of the space are to what it was made from.

        Args:
            vectors: ``(n, k)`` unit vectors.
            modality: Theirs.

        Returns:
            ``(n, len(self.modalities))``: mean cosine to the ten nearest in the bank of each.
        """
        self._known(modality)
        return np.column_stack([nearness(vectors, self.banks[m]) for m in self.modalities])

    def bank_hubness(self, modality: str) -> F32:
        """:meth:`hubness` of a modality's own bank, ``(b, len(self.modalities))``; found once."""
        if modality not in self._bank_hubness:
            self._bank_hubness[modality] = self.hubness(self.banks[modality], modality)
        return self._bank_hubness[modality]

    def query_background(
        self, query: F32, modality: str, item_modality: str, native: F32 | None = None
    ) -> Background:
        """What calibrations need to know of queries.

        Args:
            query: ``(q, k)`` unit vectors of the space.
            modality: Theirs.
            item_modality: Of what they are compared with.
            native: ``(q, dim)``, what the encoder gave for them; without it nonsense is told
                from questions less often.
        """
        self._known(item_modality)
        return self.backgrounds(query, modality, native)[item_modality]

    def backgrounds(
        self, query: F32, modality: str, native: F32 | None = None
    ) -> dict[str, Background]:
        """:meth:`query_background` for items of every modality, at little more than one's cost."""
        near = self.hubness(query, modality)
        own = near[:, self.modalities.index(modality)]
        familiar = None
        if native is not None and modality in self.native_banks:
            familiar = native_nearness(native, self.native_banks[modality])
        return {
            name: Background(near[:, column], own, familiar)
            for column, name in enumerate(self.modalities)
        }

    def emergent(self, directions: Iterable[str]) -> list[str]:
        """Those of ``"a→b"`` directions whose modalities shared no record in training."""
        paired = {
            frozenset(name.split("–")) for name in self.report.get("data", {}).get("pairs", {})
        }
        return [name for name in directions if frozenset(name.split("→")) not in paired]

    def save(self, folder: str | Path, *, compact: bool = False) -> Path:
        """Write the space: JSON, safetensors and a model card, whole or not at all.

        Args:
            folder: Where to.
            compact: Whether banks are kept with half the digits (float16).
        """
        document, tensors = self._heads_state()
        document["report"] = self.report
        document["hubs"] = self.hubs
        document["bank_ids"] = self.bank_ids
        document["calibration"] = {name: c.to_json() for name, c in self.calibration.items()}
        document["fingerprint"] = self.fingerprint
        kind = np.float16 if compact else np.float32
        tensors.update({f"bank.{m}": bank.astype(kind) for m, bank in self.banks.items()})
        tensors.update({f"native.{m}": x.astype(np.float16) for m, x in self.native_banks.items()})
        card = model_card(self.report, self.modalities, self.fingerprint)
        save_artifact(Path(folder), starter.KIND, document, tensors, {"README.md": card})
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path) -> Space:
        """Read a space.

        Args:
            folder: Where it is; ``"starter"`` is the one that comes with the package, unless
                a space lies in a folder of that name.

        Raises:
            ArtifactError: If there is none, it is damaged, or of another format version.
            FingerprintError: If its parts do not belong together.
        """
        if str(folder) == starter.NAME and not (Path(folder) / DOCUMENT).is_file():
            folder = starter.folder()
        document, tensors = load_artifact(Path(folder), starter.KIND)
        heads = {
            m: head_from_state(head["kind"], head["state"], _prefixed(tensors, f"head.{m}."))
            for m, head in document["heads"].items()
        }
        encoders = {
            m: EncoderRef(**ref, tensors=_prefixed(tensors, f"encoder.{m}."))
            for m, ref in document["encoders"].items()
        }
        banks, native = (
            {m: x.astype(np.float32) for m, x in _prefixed(tensors, prefix).items()}
            for prefix in ("bank.", "native.")
        )
        hubs = float(document.get("hubs", 1.0))
        known = document.get("calibration", {})
        calibration = {name: Calibration.from_json(each) for name, each in known.items()}
        ids = document.get("bank_ids")
        space = cls(heads, banks, encoders, document["report"], hubs, ids, calibration, native)
        if space.fingerprint != document["fingerprint"]:
            raise FingerprintError(f"{folder}: its document and its tensors do not belong together")
        return space

    def __repr__(self) -> str:
        joined = " + ".join(f"{m} ({self.encoders[m].spec})" for m in self.modalities)
        return f"Space({joined}, dim={self.dim}, fingerprint={self.fingerprint[:12]})"

    def _heads_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        document: dict[str, Any] = {"heads": {}, "encoders": {}}
        tensors: dict[str, NDArray[Any]] = {}
        for m, head in self.heads.items():
            state, arrays = head.state()
            document["heads"][m] = {"kind": head.kind, "state": state}
            tensors.update({f"head.{m}.{name}": array for name, array in arrays.items()})
            ref = self.encoders[m]
            document["encoders"][m] = {
                "spec": ref.spec,
                "fingerprint": ref.fingerprint,
                "dim": ref.dim,
                "options": dict(ref.options),
                "state": ref.state,
            }
            tensors.update({f"encoder.{m}.{name}": a for name, a in ref.tensors.items()})
        return document, tensors

    def _known(self, modality: str) -> None:
        if modality not in self.heads:
            raise InputError(
                f"the space has no {modality!r}; it joins {', '.join(self.modalities)}"
            )


def as_item(thing: str | Path | MediaItem | NDArray[Any], modality: str) -> MediaItem:
    """What a user hands in as an item of a modality."""
    if isinstance(thing, MediaItem):
        return thing
    if isinstance(thing, np.ndarray):
        return MediaItem.from_vector(thing, modality, source=f"a vector of {modality}")
    if modality == TEXT and isinstance(thing, str):
        return MediaItem.from_text(thing)
    if not isinstance(thing, str | Path):
        raise InputError(f"need a text, a path, a vector or an item, got {type(thing).__name__}")
    return item_from_path(Path(thing), modality)


def _prefixed(tensors: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
