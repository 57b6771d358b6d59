"""A space of many dimensions on two, for the eye."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from isthmus.core.errors import DataError
from isthmus.core.linalg import F32, F64, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.report.kit.words import record_caption
from isthmus.report.pages.space.gather import records_of
from isthmus.report.pages.space.model import MapPoints
from isthmus.space import Space

_FEW = 30  # below this t-SNE shows noise
_PERPLEXITY = 30.0
_COMPONENTS = 50
_STEPS = 600


def map_points(
    space: Space, pairs: PairedVectors, dataset: Dataset, limit: int = 600, seed: int = 0
) -> MapPoints:
    """Flatten a space: t-SNE where scikit-learn is installed, else two principal axes.

    The mean of each view is taken off first; otherwise the map would show little but
    the gap between views. Van der Maaten and Hinton, "Visualizing data using t-SNE",
    2008.

    Args:
        space: What is drawn.
        pairs: Native vectors.
        dataset: The records of ``pairs``.
        limit: Points a view; records are drawn at random beyond it, those with most
            views first, so that partners are drawn together.
        seed: Of the draw and of t-SNE.
    """
    records = records_of(pairs, dataset)
    rng = np.random.default_rng(seed)
    views = [m for m in pairs.views if m in space.views]
    parts: list[F32] = []
    rows: list[int] = []
    names: list[str] = []
    for m, chosen in _draw(pairs, views, limit, rng):
        z = space.transform(pairs.vectors[m][chosen], m)
        parts.append(np.asarray(l2_normalize(z - z.mean(axis=0)), dtype=np.float32))
        rows += chosen
        names += [m] * len(chosen)
    if len(rows) < 2:
        raise DataError("a map needs at least 2 points; the data have fewer")
    xy, method = _flatten(np.concatenate(parts), seed)
    groups = [records[row].group for row in rows]
    return MapPoints(
        xy=xy,
        views=names,
        items=[records[row].items[m] for row, m in zip(rows, names, strict=True)],
        groups=[group or "" for group in groups] if any(groups) else None,
        method=method,
        captions=[record_caption(records[row]) for row in rows],
        records=rows,
    )


def _draw(
    pairs: PairedVectors, views: Sequence[str], limit: int, rng: np.random.Generator
) -> list[tuple[str, list[int]]]:
    order = rng.permutation(len(pairs))
    have = np.sum([pairs.present[m] for m in views], axis=0)
    order = order[np.argsort(-have[order], kind="stable")]
    drawn = []
    for m in views:
        chosen = [int(row) for row in order if pairs.present[m][row]][:limit]
        if len(chosen) > 1:
            drawn.append((m, chosen))
    return drawn


def _flatten(z: F32, seed: int) -> tuple[F32, str]:
    centred = np.asarray(z - z.mean(axis=0), dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    axes: F64 = left * sizes
    if axes.shape[1] < 2:
        axes = np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))
    if len(z) < _FEW:
        return axes[:, :2].astype(np.float32), "PCA"
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        return axes[:, :2].astype(np.float32), "PCA"
    perplexity = min(_PERPLEXITY, (len(z) - 1) / 3)
    tsne = TSNE(
        2,
        perplexity=perplexity,
        init="pca",
        learning_rate="auto",
        max_iter=_STEPS,
        random_state=seed,
    )
    with threadpool_limits(1):  # its threads spin; on a busy machine they cost ten times more
        flat = tsne.fit_transform(axes[:, :_COMPONENTS])
    return np.asarray(flat, dtype=np.float32), "t-SNE"
