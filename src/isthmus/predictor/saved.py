"""What a calibration was saved as, checked before it is used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.core.document import from_document
from isthmus.core.linalg import F64, Array
from isthmus.core.validate import exact, need, split_names
from isthmus.fusion.target import Kind, Target
from isthmus.predictor.link import Link
from isthmus.predictor.patterns import Pattern


@dataclass(frozen=True)
class _Document:
    """What :meth:`isthmus.predictor.outcome.Outcome.document` writes."""

    kind: Kind
    names: tuple[str, ...]
    patterns: tuple[tuple[str, ...] | None, ...]
    horizon: float | None
    spread: float
    balanced: bool


def outcome_parts(
    document: Mapping[str, Any],
    tensors: Mapping[str, Array],
    target: Target,
    views: Collection[str],
) -> dict[str, Any]:
    """Attributes of an :class:`isthmus.predictor.outcome.Outcome` that was saved.

    Args:
        document: As parsed.
        tensors: By name.
        target: What the fusion learned, without rows.
        views: Of the fusion.

    Raises:
        ArtifactError: If a key is missing or unknown, or a value does not fit.
    """
    read = from_document(_Document, dict(document), "the outcome")
    same = (read.kind, read.names) == (target.kind, target.names)
    need(same, "the outcome is of another target than the fusion")
    need(read.spread >= 0, f"the spread of numbers cannot be {read.spread:g}")
    need((read.kind == "survival") or read.horizon is None, "only survival has a horizon")
    named = {name: x for name, x in tensors.items() if not name[:1].isdigit()}
    sizes = {"w": target.width, "t": 2}
    whole = exact(named, sizes, answered="Mt", shares="w", hazard="Et")
    shared, kind = read.kind != "number", read.kind
    sure, lost = whole["answered"].T
    need(_within(sure, 1.0) and _within(lost, 1.0 if shared else np.inf), "answered is no share")
    residual = kind == "survival"
    need(not shared or residual or _within(whole["shares"], 1.0), "shares must be 0 to 1")
    need(_ascends(whole["hazard"]) and (residual or not len(whole["hazard"])), "hazard must ascend")
    groups = split_names({name: x for name, x in tensors.items() if name not in named})
    need(len(read.patterns) > 0 and read.patterns[0] is None, "the first pattern is of all rows")
    need(len(set(read.patterns)) == len(read.patterns), "two patterns are of the same views")
    patterns = []
    for place, known in enumerate(read.patterns):
        need(known is None or set(known) <= set(views), "a pattern is of views that are not there")
        own = exact(groups.pop(str(place), {}), sizes, slope="w", offset="w", worth="R")
        link = Link(own["slope"], own["offset"])
        need(bool((link.slope >= 0).all()), "no slope may be below 0")
        need(kind != "classes" or np.ptp(link.slope) == 0, "classes have one slope")
        worth = own["worth"]
        right = _within(worth, 1.0 if shared else np.inf) and bool((np.diff(worth) >= 0).all())
        need(right, "what true answers are worth must ascend")
        need(len(worth) > 0 or kind in ("survival", "labels"), "a pattern was learned of no rows")
        patterns.append(Pattern(None if known is None else frozenset(known), link, worth))
    need(not groups, "there are arrays of no pattern")
    return {
        "kind": kind,
        "names": read.names,
        "patterns": tuple(patterns),
        **whole,
        "horizon": read.horizon,
        "spread": read.spread,
        "balanced": read.balanced,
    }


def _within(x: F64, most: float) -> bool:
    """Whether all are 0 to ``most``, up to rounding."""
    return bool(((x >= 0) & (x <= most + 1e-9)).all())


def _ascends(hazard: F64) -> bool:
    """Whether times do, and the cumulative hazard does not fall."""
    steps = np.diff(hazard, axis=0)
    return bool((steps[:, 0] > 0).all() and (steps[:, 1] >= 0).all() and (hazard[:, 1] >= 0).all())
