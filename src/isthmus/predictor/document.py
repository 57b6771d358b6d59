"""What the folder of a predictor holds, with types; every part is checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.artifact import DOCUMENT, TENSORS, fingerprint, load_artifact
from isthmus.core.document import Json, from_document, to_document
from isthmus.core.errors import ArtifactError, FingerprintError, InputError
from isthmus.core.linalg import Array
from isthmus.core.paired import PairedVectors
from isthmus.core.paths import why_missing
from isthmus.core.reading import reading
from isthmus.core.validate import check_dim, need, split_names
from isthmus.core.wording import way
from isthmus.fusion import Fusion, Kind, Scale, Target
from isthmus.fusion.nested import Packed, restored
from isthmus.predictor.asked import Asked
from isthmus.predictor.columns import Columns
from isthmus.predictor.outcome import Outcome
from isthmus.predictor.report import PredictorReport
from isthmus.space.document import EncoderRow
from isthmus.space.encoder_ref import EncoderRef

KIND = "predictor"
"""Of the artefact."""


@dataclass(frozen=True)
class _ViewRow:
    """A view that the fusion learned, and how long its vectors are."""

    view: str
    dim: int


@dataclass(frozen=True)
class _FusionRow:
    fusion: str
    params: Mapping[str, object]
    views: tuple[_ViewRow, ...]
    kind: Kind
    names: tuple[str, ...]
    state: object
    scale: Scale = field(default_factory=Scale)


@dataclass(frozen=True)
class _EncoderOf:
    view: str
    encoder: EncoderRow


@dataclass(frozen=True)
class _ColumnsOf:
    view: str
    columns: object


@dataclass(frozen=True)
class _Document:
    asked: Asked
    encoders: tuple[_EncoderOf, ...]
    columns: tuple[_ColumnsOf, ...]
    fusion: _FusionRow
    outcome: object
    memory_ids: tuple[str, ...]
    fingerprint: str
    report: object


@dataclass(frozen=True)
class PredictorParts:
    """A predictor in parts, named as the arguments of :class:`isthmus.Predictor`."""

    encoders: Mapping[str, EncoderRef]
    columns: Mapping[str, Columns]
    fusion: Fusion
    outcome: Outcome
    asked: Asked
    report: PredictorReport | None
    memory: PairedVectors | None


def written(parts: PredictorParts) -> tuple[dict[str, Any], dict[str, Array]]:
    """What the fingerprint names: a document without the report, and arrays by name."""
    fusion = parts.fusion
    state, arrays = fusion.state()
    tensors = {f"fusion.{name}": np.asarray(x) for name, x in arrays.items()}
    tensors |= {f"outcome.{name}": x for name, x in parts.outcome.tensors().items()}
    for place, ref in enumerate(parts.encoders.values()):
        tensors |= {f"encoder.{place}.{name}": x for name, x in ref.tensors.items()}
    memory = parts.memory
    if memory is not None:
        for place, view in enumerate(fusion.views_):
            tensors[f"memory.{place}.vectors"] = memory.vectors[view]
            tensors[f"memory.{place}.present"] = memory.present[view].astype(np.uint8)
    document = {
        "asked": to_document(parts.asked),
        "encoders": [
            {"view": view, "encoder": ref.to_json()} for view, ref in parts.encoders.items()
        ],
        "columns": [
            {"view": view, "columns": each.document()} for view, each in parts.columns.items()
        ],
        "fusion": {
            "fusion": fusion.name,
            "params": fusion.get_params(),
            "views": [{"view": view, "dim": dim} for view, dim in fusion.views_.items()],
            "kind": fusion.target_.kind,
            "names": list(fusion.target_.names),
            "state": state,
            "scale": to_document(fusion.scale_),
        },
        "outcome": parts.outcome.document(),
        "memory_ids": [] if memory is None else list(memory.ids),
    }
    return document, tensors


def read_parts(folder: Path, trust: Sequence[str]) -> PredictorParts:
    """A predictor in parts.

    Args:
        folder: Of the predictor.
        trust: Packages whose encoders it may use.

    Raises:
        ArtifactError: If there is none, or something does not fit.
        FingerprintError: If its parts do not belong together.
    """
    try:
        found, tensors = load_artifact(folder, KIND)
    except ArtifactError as error:
        if not (folder / DOCUMENT).is_file():
            make_one = way(
                python="isthmus.predict.fit(encoders, data, target='…').save(folder)",
                shell="isthmus predict fit DATA --target COLUMN --out FOLDER",
            )
            raise ArtifactError(
                f"{folder} holds no predictor.{why_missing(folder)} Make one with: {make_one}"
            ) from error
        raise
    named = {name: found.get(name) for name in found if name not in ("fingerprint", "report")}
    if fingerprint(named, tensors) != found.get("fingerprint"):
        raise FingerprintError(
            f"{folder}: its files do not belong together; copy the folder again, or make the "
            "predictor again"
        )
    typed: Json = found
    with reading(folder / DOCUMENT):
        read = from_document(_Document, typed, "predictor")
        report: Any = read.report
        columns = {row.view: _columns(row) for row in read.columns}
    with reading(folder / TENSORS):
        groups = split_names(tensors)
        need(set(groups) <= {"encoder", "fusion", "outcome", "memory"}, "an array is of no part")
        fusion = _fusion(read.fusion, groups.get("fusion", {}))
        need(read.asked.kind == fusion.target_.kind, "what is asked and learned are of two kinds")
        parts = PredictorParts(
            _encoders(read.encoders, split_names(groups.get("encoder", {})), trust, folder),
            columns,
            fusion,
            _outcome(read, groups.get("outcome", {}), fusion),
            read.asked,
            None if report is None else PredictorReport.from_json(report),
            _memory(read, split_names(groups.get("memory", {}))),
        )
        _check_dims(parts, len(read.encoders) + len(read.columns))
        for name, view in parts.asked.views.items():
            reads = parts.encoders.get(view.name)
            fits = reads is not None and reads.modality == view.modality
            need(fits, f"the column {name!r:.40} is of {str(view)!r:.40}, which nothing reads")
        return parts


def _check_dims(parts: PredictorParts, rows: int) -> None:
    """Each view has one source, which gives vectors of the length that was learned."""
    dims = {view: ref.dim for view, ref in parts.encoders.items()}
    dims |= {view: each.dim for view, each in parts.columns.items()}
    need(len(dims) == rows, "two sources give one view")
    for view, dim in parts.fusion.views_.items():
        need(dims.get(view) == dim, f"{view!r:.40}: learned {dim} numbers, got {dims.get(view)}")
        memory = parts.memory
        need(
            memory is None or memory.vectors[view].shape[1] == dim,
            f"the records that are remembered have no {dim} numbers of {view!r:.40}",
        )


def _columns(row: _ColumnsOf) -> Columns:
    document: Any = row.columns
    return Columns.from_document(document, f"columns of {row.view!r:.40}")


def _encoders(
    rows: Sequence[_EncoderOf],
    tensors: Mapping[str, Mapping[str, Array]],
    trust: Sequence[str],
    folder: Path,
) -> dict[str, EncoderRef]:
    return {
        row.view: EncoderRef(
            **vars(row.encoder),
            tensors=tensors.get(str(place), {}),
            trust=trust,
            folder=folder,
            owner=KIND,
        )
        for place, row in enumerate(rows)
    }


def _fusion(row: _FusionRow, tensors: Mapping[str, Array]) -> Fusion:
    """The fitted fusion."""
    need(len({each.view for each in row.views}) == len(row.views) > 0, "a view is there twice")
    views = {each.view: check_dim(each.dim, "a view") for each in row.views}
    need(all(dim > 0 for dim in views.values()), "a view needs a dimension of 1 or more")
    need(len(set(row.names)) == len(row.names) > 0, "a class is there twice, or there is none")
    empty = np.zeros((0, {"labels": len(row.names), "survival": 2}.get(row.kind, 1)))
    target = Target(row.kind, empty, row.names)
    need(target.width > 0, f"a target of {row.kind} needs more than {len(row.names)} names")
    return restored(Packed(row.fusion, row.params, row.state), tensors, views, target, row.scale)


def _outcome(read: _Document, tensors: Mapping[str, Array], fusion: Fusion) -> Outcome:
    document: Any = read.outcome
    try:
        return Outcome.from_document(document, tensors, fusion.target_, fusion.views_)
    except (LookupError, TypeError, ValueError) as error:
        raise ArtifactError(f"the calibration cannot be read: {error}") from error


def _memory(read: _Document, tensors: Mapping[str, Mapping[str, Array]]) -> PairedVectors | None:
    if not tensors:
        return None
    places = {str(place): row.view for place, row in enumerate(read.fusion.views)}
    need(set(tensors) == set(places), "records are remembered by other views")
    try:
        return PairedVectors(
            {view: np.asarray(tensors[p]["vectors"], np.float32) for p, view in places.items()},
            {view: tensors[p]["present"].astype(bool) for p, view in places.items()},
            read.memory_ids,
        )
    except (LookupError, InputError) as error:
        raise ArtifactError(f"the records that are remembered cannot be read: {error}") from error
