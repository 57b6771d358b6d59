"""Texts that ask for nothing, and the direction of native vectors that tells them from captions.

Nothing here is shared with the generator of ``calibration.py``, by which refusals are measured.
"""

from __future__ import annotations

import string

import numpy as np

from isthmus.core.linalg import F32
from isthmus.datasets import load

COUNT = 3000
_SEED = 123_456
_PENALTY = 1.0
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "qazwsxedc")
_FUNCTION = (  # noqa: SIM905
    "a an any because been before being between both could did does doing during each either ever "
    "every few had has have having here how however i if into just least less many may me might "
    "more most much must my neither no nor only other our own rather same shall she should since "
    "so some still such than that their them then there these they this those though through thus "
    "too under until up upon us very was we were whether which while who whom whose why will with "
    "within without would yet you"
).split()


def nonsense(count: int = COUNT) -> list[str]:
    """Letters, keyboard mash, function words, mixed words, mixed characters, signs, in turn."""
    rng = np.random.default_rng(_SEED)
    art = [r.items["text"].captions[0].replace(",", " ") for r in load("openclipart").records]
    words = sorted({w.lower() for text in art for w in text.split() if w.isalpha() and len(w) > 2})
    chinese = [r.items["text"].captions[0] for r in load("tuxpaint", languages="zh").records]
    han = sorted({sign for text in chinese for sign in text if sign >= "一"})

    def drawn(signs: str | list[str], low: int, high: int, joint: str = "") -> str:
        return joint.join(rng.choice(list(signs), rng.integers(low, high)))

    def mash() -> str:
        row, step = _ROWS[rng.integers(len(_ROWS))], rng.integers(1, 3, size=14)
        return "".join(row[place % len(row)] for place in np.cumsum(step)[: rng.integers(4, 14)])

    kinds = (
        lambda: " ".join(drawn(string.ascii_lowercase, 2, 12) for _ in range(rng.integers(1, 5))),
        mash,
        lambda: f"{drawn(_FUNCTION, 2, 7, ' ')} {rng.integers(1, 99_999)}",
        lambda: drawn(words, 5, 9, " "),
        lambda: drawn(han, 4, 10),
        lambda: drawn(string.digits + string.punctuation, 3, 14),
    )
    return [kinds[place % len(kinds)]() for place in range(count)]


def direction(captions: F32, null: F32) -> F32:
    """Unit vector ``(1, dim)`` along which captions lie far from nonsense.

    By a logistic regression that counts both as equally many.

    Args:
        captions: Native vectors ``(n, dim)``.
        null: Native vectors of nonsense ``(m, dim)``.
    """
    from sklearn.linear_model import LogisticRegression

    truth = np.repeat([True, False], [len(captions), len(null)])
    model = LogisticRegression(C=_PENALTY, class_weight="balanced", max_iter=2000)
    weights = model.fit(np.concatenate([captions, null]), truth).coef_
    return np.asarray(weights / np.linalg.norm(weights), dtype=np.float32)
