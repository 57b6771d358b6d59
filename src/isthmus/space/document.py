"""What the folder of a space holds, with types; every part is checked before it is used."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from isthmus.aligners.heads import head_from_state
from isthmus.core.artifact import DOCUMENT, TENSORS, load_artifact
from isthmus.core.contracts import Head
from isthmus.core.document import Json, from_document
from isthmus.core.errors import ArtifactError
from isthmus.core.linalg import F32, Array
from isthmus.core.paths import why_missing
from isthmus.core.reading import reading
from isthmus.core.validate import split_names
from isthmus.core.view import Direction, View
from isthmus.core.wording import way
from isthmus.prompts.learned import LearnedPrompt
from isthmus.space.breadth import Breadth
from isthmus.space.calibration import Calibration, Learned
from isthmus.space.encoder_ref import EncoderRef
from isthmus.space.prompts import PromptRow, read
from isthmus.space.report import AnyReport, read_report

KIND = "space"
"""Of the artefact."""
MOST_VIEWS = 127
"""A store numbers them in one byte."""


@dataclass(frozen=True)
class HeadRow:
    """The head of a view: its kind, and what :meth:`Head.state` gave."""

    kind: str
    state: Mapping[str, object]


@dataclass(frozen=True)
class EncoderRow:
    """The encoder of a view; see :class:`EncoderRef`."""

    spec: str
    modality: str
    fingerprint: str
    dim: int
    options: Mapping[str, object]
    state: Mapping[str, object] | None


@dataclass(frozen=True)
class ViewRow:
    """One view, and the ids of the records in its bank."""

    view: str
    head: HeadRow
    encoder: EncoderRow
    bank_ids: tuple[str, ...]


@dataclass(frozen=True)
class CalibrationRow:
    """The calibration of one direction."""

    direction: Direction
    learned: Learned


@dataclass(frozen=True)
class SpaceDocument:
    """The document of a space."""

    views: tuple[ViewRow, ...]
    report: object
    csls_strength: float
    calibration: tuple[CalibrationRow, ...]
    fingerprint: str
    prompts: tuple[PromptRow, ...] = ()


@dataclass(frozen=True, eq=False)
class SpaceParts:
    """A space in parts, named as the arguments of :class:`isthmus.Space`."""

    heads: Mapping[str, Head]
    banks: Mapping[str, F32]
    encoders: Mapping[str, EncoderRef]
    report: AnyReport | None
    csls_strength: float
    bank_ids: Mapping[str, Sequence[str]]
    calibration: Mapping[Direction, Calibration]
    native_banks: Mapping[str, F32]
    breadths: Mapping[str, Breadth]
    prompts: Mapping[str, LearnedPrompt]


def _what_it_is(folder: Path) -> str:
    """What is in a place that holds no space, and what to do; empty where that is not known."""
    shell = "isthmus align DATA --out FOLDER"
    if folder.is_file():
        make = way(python="isthmus.align(data).save(folder)", shell=shell)
        return f"is a file; a space is a folder. Make one with: {make}"
    if not folder.exists():
        shell = shell.replace("FOLDER", shlex.quote(str(folder)))
        make = way(python=f"isthmus.align(data).save({str(folder)!r})", shell=shell)
        return f"does not exist.{why_missing(folder)} Make a space with: {make}"
    if not (folder / "space" / DOCUMENT).is_file():
        return ""
    typed = way(
        python=f"isthmus.Store.open({str(folder)!r})", shell=f"--store {shlex.quote(str(folder))}"
    )
    return (
        f"is a store, and not a space. The space that it was made with is {folder / 'space'}. "
        f"A store is given as {typed}"
    )


def read_document(folder: Path) -> tuple[SpaceDocument, dict[str, Array]]:
    """The document of a space and its arrays.

    Raises:
        ArtifactError: If there is no space, or it does not have the parts of one.
    """
    try:
        document, tensors = load_artifact(folder, KIND)
    except ArtifactError as error:
        if what := _what_it_is(folder):
            raise ArtifactError(f"{folder} {what}") from error
        raise
    typed: Json = document
    return from_document(SpaceDocument, typed, f"{folder / DOCUMENT}: space"), tensors


def read_parts(folder: Path, trust: Sequence[str]) -> tuple[SpaceParts, str]:
    """A space in parts, and its fingerprint as it was saved.

    Args:
        folder: Of the space.
        trust: Packages whose encoders it may use.

    Raises:
        ArtifactError: If something does not fit.
    """
    document, tensors = read_document(folder)
    with reading(folder / DOCUMENT):
        _check_views(document)
        report = read_report(typed_report(document))
    with reading(folder / TENSORS):
        groups = {kind: split_names(own) for kind, own in split_names(tensors).items()}
        heads: dict[str, Head] = {}
        refs: dict[str, EncoderRef] = {}
        banks: dict[str, F32] = {}
        natives: dict[str, F32] = {}
        breadths: dict[str, Breadth] = {}
        for place, row in enumerate(document.views):
            head, ref = _view(row, str(place), groups)
            ref = replace(ref, trust=trust, folder=folder)
            heads[row.view], refs[row.view] = head, ref
            name = f"the bank of {row.view!r:.40}"
            kept = tensors.get(f"bank.{place}")
            banks[row.view] = _rows(kept, head.output_dim, name, least=_least_rows(document, row))
            if f"native.{place}" in tensors:
                name = f"the native bank of {row.view!r:.40}"
                natives[row.view] = _rows(tensors[f"native.{place}"], head.input_dim, name)
            if f"breadth.{place}" in tensors:
                name = f"the breadth of {row.view!r:.40}"
                kept = _rows(tensors[f"breadth.{place}"], head.input_dim + 3, name)
                breadths[row.view] = Breadth.of_row(kept)
        if len({head.output_dim for head in heads.values()}) > 1:
            raise ArtifactError("the heads lead into spaces of different dimensions")
        prompts = read(document.prompts, tensors, heads, next(iter(heads.values())).output_dim)
    parts = SpaceParts(
        heads=heads,
        banks=banks,
        encoders=refs,
        report=report,
        csls_strength=document.csls_strength,
        bank_ids={row.view: row.bank_ids for row in document.views},
        calibration={row.direction: Calibration.of(row.learned) for row in document.calibration},
        native_banks=natives,
        breadths=breadths,
        prompts=prompts,
    )
    return parts, document.fingerprint


def typed_report(document: SpaceDocument) -> Json:
    """Its report, as JSON."""
    found: Json = document.report  # type: ignore[assignment]  # it was parsed from JSON
    return found


def _check_views(document: SpaceDocument) -> None:
    names = [row.view for row in document.views]
    if not 1 <= len(set(names)) == len(names) <= MOST_VIEWS:
        raise ArtifactError(
            f"a space needs 1 to {MOST_VIEWS} views, each of a name of its own, got {len(names)}"
        )
    for row in document.views:
        View(row.view, row.encoder.modality)
    if not 0 <= document.csls_strength <= 1:
        raise ArtifactError(f"csls_strength must be 0 to 1, got {document.csls_strength}")
    for each in document.calibration:
        if each.direction.query not in names or each.direction.gallery not in names:
            raise ArtifactError(f"{each.direction} is calibrated, but not both are views")
        each.learned.check()


def _view(
    row: ViewRow,
    place: str,
    groups: Mapping[str, Mapping[str, Mapping[str, Array]]],
) -> tuple[Head, EncoderRef]:
    head = head_from_state(row.head.kind, row.head.state, groups.get("head", {}).get(place, {}))
    encoder = row.encoder
    if head.input_dim != encoder.dim:
        raise ArtifactError(
            f"the head of {row.view!r:.40} takes {head.input_dim} numbers, its encoder gives "
            f"{encoder.dim}"
        )
    return head, EncoderRef(
        encoder.spec,
        encoder.modality,
        encoder.fingerprint,
        encoder.dim,
        encoder.options,
        encoder.state,
        groups.get("encoder", {}).get(place, {}),
    )


def _least_rows(document: SpaceDocument, row: ViewRow) -> int:
    """A bank may be empty where nothing looks at it: a pretrained space knows no records."""
    used = any(
        row.view in (each.direction.query, each.direction.gallery) for each in document.calibration
    )
    return int(used or document.csls_strength > 0)


def _rows(x: Array | None, dim: int, name: str, *, least: int = 1) -> F32:
    """Rows ``(n, dim)`` of a bank; none where a space has learned from no records."""
    if x is None or x.dtype.kind != "f" or x.ndim != 2 or x.shape[1] != dim or len(x) < least:
        found = "nothing" if x is None else f"{x.dtype} {x.shape}"
        raise ArtifactError(f"{name}: need floats (rows, {dim}), got {found}")
    with np.errstate(over="ignore"):
        out = x.astype(np.float32, copy=False)
    if not np.isfinite(out).all():
        raise ArtifactError(f"{name} has NaN or infinite values")
    return out


def halved(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays of heads with half the digits (float16) where that loses nothing; others as given."""

    def half(x: Array) -> Array:
        with np.errstate(over="ignore"):
            short = x.astype(np.float16)
        return short if np.array_equal(short.astype(x.dtype), x) else x

    return {
        name: half(x) if name.startswith("head.") and x.dtype == np.float32 else x
        for name, x in tensors.items()
    }
