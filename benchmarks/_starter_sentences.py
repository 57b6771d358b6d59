"""Sentences made of captions: what people type is longer than the caption of a stamp.

Without them, that a query is a sentence would already make it strange to the space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

COUNT = 4200
_SEED = 654_321
_FORMS: dict[str, tuple[int, str]] = {
    # language: share in 14, forms apart by a bar; a and b stand for two captions
    "en": (
        5,
        "{a} and {b}|{a} on the table|{a} in the snow|{a} in front of {b}|a photo of {a}|"
        "{a} next to {b}|{a} on a hill|{a} at night|{a} in the morning|{a} sleeps on the grass|"
        "children play with {a}|a man with {a}|a woman looks at {a}|{a} under a tree|our {a}|"
        "my {a} at home|{a} in the garden|{a} is running across the field|{a} in the water|"
        "an old {a}|{a} full of {b}|{a} by the sea|the sound of {a}|where is {a}|pictures of {a}|"
        "{a} behind {b}|a crowd around {a}|somebody holds {a}|{a} in the clouds|{a} in winter|"
        "{a} falls down|{a} goes over a bridge|a small {a} beside a large {b}|I like {a}",
    ),
    "zh": (
        4,
        "{a}和{b}|桌子上的{a}|雪中的{a}|{a}的照片|{a}在{b}旁边|我的{a}|孩子们在玩{a}|树下的{a}|"
        "{a}在草地上|山上的{a}|水里的{a}|晚上的{a}|一个男人和{a}|{a}在跑|窗外的{a}|拿着{a}的女人|"
        "海边的{a}|{a}的声音",
    ),
    "de": (1, "{a} und {b}|{a} auf dem Tisch|ein Foto von {a}|{a} im Garten|{a} neben {b}"),
    "fr": (1, "{a} et {b}|{a} sur la table|une photo de {a}|{a} dans le jardin"),
    "es": (1, "{a} y {b}|{a} en la mesa|una foto de {a}|{a} en el jardín"),
    "ja": (1, "{a}と{b}|庭の{a}|{a}の写真"),
    "ru": (1, "{a} и {b}|{a} на столе|{a} в саду"),
}


def sentences(captions: Callable[[str], Mapping[str, str]]) -> list[tuple[str, tuple[str, str]]]:
    """Sentences, each with the two records whose captions it may hold.

    Args:
        captions: Gives those of a language, by record.
    """
    rng = np.random.default_rng(_SEED)
    made = []
    for language, (share, forms) in _FORMS.items():
        known, some = captions(language), forms.split("|")
        names = sorted(known)
        for place in range(COUNT * share // 14):
            a, b = (names[row] for row in rng.integers(len(names), size=2))
            plain = [_inside(known[name], language) for name in (a, b)]
            made.append((some[place % len(some)].format(a=plain[0], b=plain[1]), (a, b)))
    return made


def _inside(caption: str, language: str) -> str:
    """A caption as it stands inside of a sentence."""
    bare = caption.rstrip(".!。！")
    return bare if language == "de" else bare[:1].lower() + bare[1:]
