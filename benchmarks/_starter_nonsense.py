"""Texts that ask for nothing, and the direction of native vectors that tells them from captions.

No word or sign list here shares anything with those of ``calibration.py``, by which refusals are
measured; letters and rows of keys are what they are.
"""

from __future__ import annotations

import string

import numpy as np

from isthmus.core.linalg import F32
from isthmus.datasets import load

COUNT = 5250
_SEED = 123_456
_PENALTY = 1.0
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "qazwsxedc")
_FUNCTION = {
    "en": (
        "a any because been before being between both could did does doing during either ever "
        "every few has having here however i into just least less many may me might more most "
        "much must my neither no nor only other our own rather same shall she should since so "
        "some still such than these those though through thus too under until up upon us very "
        "whether while who whom whose why within without would yet you"
    ),
    "de": (
        "der die das und oder aber denn weil wenn als wie so noch nur auch schon sehr "
        "mehr von zu mit bei nach aus seit ob dass sich nicht kein man es wir ihr sie"
    ),
    "fr": (
        "le la les un une et ou mais donc car que qui quoi dont ne pas plus très avec "
        "sans sous pour par dans en ce cette ces il elle nous vous"
    ),
    "es": (
        "el la los las un una y o pero porque que quien como muy más menos con sin sobre "
        "para por en este esta esos él ella nosotros"
    ),
    "ru": "и в не на я что он с как а то все она так его но да ты к у же вы за бы по",
}
_PARTICLES = {
    "zh": (
        "若虽但却因此即使如果尽管或者及且只才还再又很太更最比像被让给从向关除根据按"
        "照其它她您哪谁什么怎样吗呢吧啊嘛各每某本该另任何之乎与则故既已曾将正着得地"
    ),
    "ja": "のはをがにでとものやへよりからまでだけしかばかりなどねよか",
}


def nonsense(count: int = COUNT) -> list[str]:
    """Letters, keyboard mash, function words, mixed words, mixed characters, signs, in turn."""
    rng = np.random.default_rng(_SEED)
    art = [r.items["text"].captions[0].replace(",", " ") for r in load("openclipart").records]
    words = sorted({w.lower() for text in art for w in text.split() if w.isalpha() and len(w) > 2})
    chinese = [r.items["text"].captions[0] for r in load("tuxpaint", languages="zh").records]
    han = sorted({sign for text in chinese for sign in text if sign >= "一"})

    function = {language: listed.split() for language, listed in _FUNCTION.items()}

    def drawn(signs: str | list[str], low: int, high: int, joint: str = "") -> str:
        return joint.join(rng.choice(list(signs), rng.integers(low, high)))

    def mash() -> str:
        row, step = _ROWS[rng.integers(len(_ROWS))], rng.integers(1, 3, size=14)
        return "".join(row[place % len(row)] for place in np.cumsum(step)[: rng.integers(4, 14)])

    def functional() -> str:
        language = rng.choice(["de", "fr", "es", "ru", "ja"])
        if language in _PARTICLES:
            return drawn(_PARTICLES[language], 3, 8)
        return drawn(function[language], 3, 8, " ")

    kinds = (
        lambda: " ".join(drawn(string.ascii_lowercase, 2, 12) for _ in range(rng.integers(1, 5))),
        mash,
        lambda: f"{drawn(function['en'], 2, 7, ' ')} {rng.integers(1, 99_999)}",
        lambda: drawn(function["en"], 2, 8, " "),
        lambda: drawn(_PARTICLES["zh"], 3, 10),
        functional,
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
