"""Heads that are trained, over frames in their order: which way do things move?

The films of ``shapes-motion`` and the shapes and colours that are held out are those of
``video.py``; chance is .5. Heads learn from vectors of ``frames?pool=order``; of ``pool=mean``,
which are the same if a film is played backwards; and from random ones:

* ``linear``: a classifier in closed form, as in ``video.py``.
* ``contrastive mlp``: learns to match films with their captions, from its closed form on and from
  random weights. A film is then taken for the motion of which the captions that were learned from
  are nearest to it in the mean.
* ``attention`` over the parts of a vector as views: the mean, the drift and the bend of a film.

Beside each trained head stands the closed form that its training starts from, and in how many of
the splits training found more on held-out films than that, so that it was kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus import encoders
from isthmus.aligners.base import Aligner
from isthmus.aligners.kernel import KernelCCA
from isthmus.aligners.learned.contrastive import Contrastive
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.datasets import load
from isthmus.encoders.frames import MOMENTS
from isthmus.fusion.closed.late import Late
from isthmus.fusion.learned.attention import Attention
from isthmus.fusion.target import Target
from video import RECORDS, SEEDS, captions, fields, held_out, motion_accuracy, spread, told_apart
from video import vectors_of as pooled


def measure() -> dict[str, Any]:
    """How often each head tells a motion from its opposite, by what it reads."""
    data = load("shapes-motion", n=RECORDS)
    of, texts = fields(data), captions(data)["en"]
    seen = pooled(data, encoders.default_for("image"))
    x = {f"pool={name}": seen[name] for name in ("order", "mean")}
    rng = np.random.default_rng(0)
    x["random vectors"] = rng.standard_normal(x["pool=order"].shape).astype(np.float32)
    found: dict[str, Any] = {"chance": {"six": 1 / 6, "direction": 0.5}, "seeds": SEEDS}
    for name, vectors in x.items():
        found[name] = {
            "linear": motion_accuracy(vectors, of),
            **by_captions(vectors, texts, of),
            **by_parts(vectors, of, MOMENTS if name != "pool=mean" else 1),
        }
        print(name, found[name], flush=True)
    return found


def by_captions(x: F32, texts: F32, of: dict[str, Any]) -> dict[str, Any]:
    """Of heads that learn to match films with captions: trained, and what training starts from."""
    classes = np.unique(of["motion"])
    found: dict[str, list[tuple[float, float]]] = {}
    kept: dict[str, int] = {}
    for seed in range(SEEDS):
        train, test = held_out(of, seed)
        pairs = PairedVectors({"text": texts[train], "video": x[train]})
        warm = Contrastive("mlp", seed=seed)
        heads: dict[str, Aligner] = {
            "kernel cca": KernelCCA(ridge=warm.ridge, power=warm.power),
            "contrastive mlp": warm,
            "contrastive mlp from random weights": Contrastive(
                "mlp", warm_start=False, learning_rate=1e-3, seed=seed
            ),
        }
        for name, head in heads.items():
            head.fit(pairs)
            told = head.transform(texts[train], "text")
            means = [told[of["motion"][train] == each].mean(axis=0) for each in classes]
            scores = head.transform(x[test], "video") @ np.stack(means).T
            found.setdefault(name, []).append(told_apart(scores, classes, of, test))
            if isinstance(head, Contrastive):
                kept[name] = kept.get(name, 0) + (head.log_.kept == "trained")
    return _told(found, kept)


def by_parts(x: F32, of: dict[str, Any], parts: int) -> dict[str, Any]:
    """Of attention over the parts of vectors as views, and of late fusion, its start."""
    views = {f"part {i}": part for i, part in enumerate(np.split(x, parts, axis=1))}
    classes, codes = np.unique(of["motion"], return_inverse=True)
    target = Target("classes", codes.astype(np.float64), tuple(classes.tolist()))
    rows = PairedVectors(views)
    found: dict[str, list[tuple[float, float]]] = {"late": [], "attention": []}
    kept = 0
    for seed in range(SEEDS):
        train, test = (np.flatnonzero(each) for each in held_out(of, seed))
        trained = Attention(seed=seed)
        for name, head in (("late", Late()), ("attention", trained)):
            head.fit(rows.take(train), target.take(train))
            scores = head.scores(rows.take(test))
            found[name].append(told_apart(scores, classes, of, test))
        kept += trained.epochs_ > 0
    return _told(found, {"attention": kept})


def _told(found: dict[str, list[tuple[float, float]]], kept: dict[str, int]) -> dict[str, Any]:
    """Mean and deviation over splits of each head."""
    told: dict[str, Any] = {}
    for name, runs in found.items():
        six, two = zip(*runs, strict=True)
        told[name] = {"six": spread(six), "direction": spread(two)}
        if name in kept:
            told[name]["splits in which training was kept"] = kept[name]
    return told
