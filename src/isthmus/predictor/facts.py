"""What a predictor learned from, and what was chosen: no figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isthmus.fusion.target import Kind


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What is predicted.

    Attributes:
        name: Of the column, or nothing.
        kind: Of target.
        names: Of the classes, labels or grades; else of the columns of values.
        counts: Records of each class, label or grade; of survival, of events; else empty.
        horizon: The time by which an event is predicted; of survival only.
        unit: Of errors and widths: ``"days"`` where dates are predicted; else empty.
    """

    name: str
    kind: Kind
    names: tuple[str, ...]
    counts: tuple[int, ...]
    horizon: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class ViewFacts:
    """One view: its dimension, and how many records have it."""

    name: str
    dim: int
    records: int


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What was learned from.

    Attributes:
        records: How many.
        groups: How many groups of records that never straddle a split.
        views: Each one.
        doubled: Records that are the same as another one, or nearly, in a view of media or in all
            plain columns, and stay on one side of every split with it.
        apart: Records that are the same as another one and do not stay with it, as the notes say.
    """

    records: int
    groups: int
    views: tuple[ViewFacts, ...]
    doubled: int = 0
    apart: int = 0


@dataclass(frozen=True, slots=True)
class ChosenFusion:
    """What was chosen, with everything needed to build it again.

    Attributes:
        label: For tables: ``"late ridge=1"``.
        fusion: Short id.
        params: Hyper-parameters.
        views: That it uses.
        why: In words.
    """

    label: str
    fusion: str
    params: Mapping[str, object]
    views: tuple[str, ...]
    why: str
