"""Spaces that were made quickly, and documents changed as an attacker would: checksums fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from isthmus.aligners import AnchorHead, ConcatHead, LinearHead, MLPHead
from isthmus.core.artifact import DOCUMENT, TENSORS, fingerprint
from isthmus.core.linalg import l2_normalize
from isthmus.core.view import Direction
from isthmus.encoders.classic import MfccEncoder, TfidfEncoder
from isthmus.encoders.vectors import VectorEncoder
from isthmus.prompts import LearnedPrompt
from isthmus.space import EncoderRef, Space
from isthmus.space.calibration import Calibration

CAPTIONS = ("a red fox", "a blue whale", "a green frog", "two black cats")
DIM = 4


def made() -> Space:
    """A space with three kinds of heads and every part that a space may have."""
    rng = np.random.default_rng(0)
    words = TfidfEncoder(dim=8).fit(CAPTIONS)
    sensor = VectorEncoder(5, "a sensor")
    sound = MfccEncoder()
    anchors = l2_normalize(rng.normal(size=(DIM // 2, 5)))
    linear = LinearHead(np.zeros(5), rng.normal(size=(5, DIM // 2)))
    heads = {
        "text": LinearHead(rng.normal(size=8), rng.normal(size=(8, DIM))),
        "sensor": ConcatHead(
            [AnchorHead(np.zeros(5), anchors, k=1, power=2.0), linear], [1.0, 3.0]
        ),
        "audio": MLPHead(
            np.zeros(60),
            l2_normalize(rng.normal(size=(3, 60))),
            rng.normal(size=(3, DIM)),
            np.zeros(DIM),
            sharpness=2.0,
            linear=0.5,
        ),
    }
    banks = {view: l2_normalize(rng.normal(size=(12, DIM))).astype(np.float32) for view in heads}
    both = Direction("text", "audio")
    learned = Calibration(
        np.array([5.0, 1.0, 1.0, 0.5]), -2.0, 0.4, 0.1, np.array([0.2, 0.6]), 12, 12, {"after": 0.1}
    )
    return Space(
        heads,
        banks,
        {
            "text": EncoderRef.of(words, "tfidf"),
            "sensor": EncoderRef.of(sensor, "vectors"),
            "audio": EncoderRef.of(sound, "mfcc"),
        },
        bank_ids={view: [f"r{i}" for i in range(12)] for view in heads},
        calibration={both: learned, both.reverse: learned},
        native_banks={"text": l2_normalize(rng.normal(size=(6, 8))).astype(np.float32)},
        prompts={
            "ink": LearnedPrompt("style", "text", np.eye(1, DIM, dtype=np.float32), 3, 2),
            "colours": LearnedPrompt("ignore", "audio", np.eye(2, DIM, dtype=np.float32), 5),
        },
    )


def forge(folder: Path, change: Callable[[Any], object]) -> None:
    """Change the document of an artefact, and make all that names it fit again.

    Args:
        folder: Of the artefact.
        change: Changes the document in place, or returns another one.
    """
    path = folder / DOCUMENT
    whole = json.loads(path.read_bytes())
    new = change(whole["document"])
    if new is not None:
        whole["document"] = new
    refit(folder, whole)


def refit(folder: Path, whole: dict[str, Any]) -> None:
    """Write a document with the checksums and the fingerprint that belong to it."""
    document, data = whole["document"], (folder / TENSORS).read_bytes()
    if isinstance(document, dict) and "fingerprint" in document:
        document["fingerprint"] = _fingerprint(document, load(data)) or document["fingerprint"]
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    whole["document_sha256"] = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    whole["tensors_sha256"] = hashlib.sha256(data).hexdigest()
    (folder / DOCUMENT).write_text(json.dumps(whole), encoding="utf-8")


def refit_anyway(folder: Path) -> None:
    """The same for the document that is there, also where its arrays cannot be read any more."""
    whole = json.loads((folder / DOCUMENT).read_bytes())
    try:
        refit(folder, whole)
    except Exception:  # noqa: BLE001  the library that helps to forge gives up
        data = (folder / TENSORS).read_bytes()
        whole["tensors_sha256"] = hashlib.sha256(data).hexdigest()
        (folder / DOCUMENT).write_text(json.dumps(whole))


def forge_tensors(folder: Path, **changes: np.ndarray | None) -> None:
    """Replace arrays; None removes one. Dots in names are written as two underscores."""
    tensors = load((folder / TENSORS).read_bytes())
    for name, array in changes.items():
        name = name.replace("__", ".")
        tensors.pop(name, None)
        if array is not None:
            tensors[name] = np.ascontiguousarray(array)
    (folder / TENSORS).write_bytes(save(tensors))
    refit(folder, json.loads((folder / DOCUMENT).read_bytes()))


def _fingerprint(document: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str | None:
    """That of a space or a predictor, as it would be if its parts could be made."""
    if "fusion" in document:
        named = {k: v for k, v in document.items() if k not in ("fingerprint", "report")}
        return fingerprint(named, tensors)
    try:
        rows = [{k: v for k, v in row.items() if k != "bank_ids"} for row in document["views"]]
        named = {
            name: x.astype(np.float32) if name.startswith("head.") else x
            for name, x in tensors.items()
            if name.startswith(("head.", "encoder."))
        }
        return fingerprint({"views": rows}, named)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
