"""Whether generated prompts are better than as many random words, on shots that are left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F64
from isthmus.prompts.choice import SURE, folds_of
from isthmus.prompts.figures import Figures, losses_of, mean_and_error
from isthmus.prompts.support import Labels, Support, prototype
from isthmus.prompts.templates import random_prompts

Generated = Mapping[str, Sequence[str]]
"""Prompts by class name."""
Generate = Callable[[Support], Generated]
"""From the shots that it may see to prompts."""
Embed = Callable[[Sequence[str]], F64]
"""Texts to unit vectors ``(n, d)`` of the space."""
NULLS = 5
"""Draws of random words, whose losses are averaged: one draw is a matter of luck."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Generated prompts and their test.

    Attributes:
        kept: Whether they surely beat random words.
        reason: In words.
        prompts: By class, generated from all shots; only the name of each class where not kept.
        words: ``(K, d)`` unit prototypes of those.
        generated: On left-out shots, by words alone.
        null: The mean over draws of accuracy with as many random words.
        name: With the bare name.
        gain: By how much the cross-entropy is lower than with random words.
        error: Standard error of that gain over the shots.
    """

    kept: bool
    reason: str
    prompts: dict[str, tuple[str, ...]]
    words: F64
    generated: Figures
    null: float
    name: Figures
    gain: float
    error: float


def judge(
    names: Sequence[str], support: Support, generate: Generate, embed: Embed, *, seed: int = 0
) -> Judged:
    """Generate prompts, and keep them only if they surely beat as many random words.

    Prompts are generated anew for each fold, without the shots that are left out. With one shot a
    class nothing can be left out, and all shots are left out at once instead: so a generator that
    needs shots has none, and what it makes is not kept.

    Args:
        names: Of the ``K`` classes.
        support: Words and shots.
        generate: Makes the prompts.
        embed: Reads them.
        seed: Of the random words.

    Raises:
        InputError: If there are no shots to judge by, or a prompt is of no class.
    """
    if not len(support.items):
        raise InputError("generated prompts are judged on examples; give two of each class")
    embed = _remembered(embed)
    folds = folds_of(support) or [np.arange(len(support.items))]
    labels = support.labels[np.concatenate(folds)]
    said: list[F64] = []
    nulls: list[list[F64]] = [[] for _ in range(NULLS)]
    plain: list[F64] = []
    for fold in folds:
        rest = np.ones(len(support.items), dtype=bool)
        rest[fold] = False
        made = generate(support.take(rest))
        _check(made, names)
        x = support.scale * support.items[fold]
        said.append(x @ _words(names, made, embed).T)
        plain.append(x @ _words(names, {}, embed).T)
        for draw, rows in enumerate(nulls):
            rows.append(x @ _words(names, _random(names, made, seed + draw), embed).T)
    own = losses_of(np.vstack(said), labels)
    against = np.mean([losses_of(np.vstack(rows), labels) for rows in nulls], axis=0)
    gain, error = mean_and_error(against - own)
    whole = {name: tuple(texts) for name, texts in generate(support).items()}
    number = sum(map(len, whole.values()))
    kept = bool(number and gain > SURE * error)
    verb = "surely beat" if kept else "did not surely beat"
    why = f"{number} generated prompts {verb} as many random words on {len(labels)} left-out shots"
    prompts = {name: (name, *(whole.get(name, ()) if kept else ())) for name in names}
    return Judged(
        kept,
        why,
        prompts,
        _words(names, whole if kept else {}, embed),
        Figures.of(np.vstack(said), labels),
        float(np.mean([_right(np.vstack(rows), labels) for rows in nulls])),
        Figures.of(np.vstack(plain), labels),
        gain,
        error,
    )


def _check(made: Generated, names: Sequence[str]) -> None:
    if strange := [name for name in made if name not in names]:
        raise InputError(f"a prompt was generated for {strange[0]!r:.80}, which is no class")


def _random(names: Sequence[str], made: Generated, seed: int) -> dict[str, tuple[str, ...]]:
    """As many random words for each class as it has prompts, the same ones for all."""
    most = max((len(texts) for texts in made.values()), default=0)
    if not most:
        return {}
    drawn = {name: random_prompts(name, seed=seed, each=most)[:most] for name in names}
    return {name: drawn[name][: len(made.get(name, ()))] for name in names}


def _words(names: Sequence[str], made: Generated, embed: Embed) -> F64:
    """``(K, d)``: the name and its prompts, as one prototype."""
    texts = [(name, *made.get(name, ())) for name in names]
    vectors = embed([text for each in texts for text in each])
    ends = np.cumsum([len(each) for each in texts])
    return np.vstack([prototype(rows) for rows in np.split(vectors, ends[:-1])])


def _right(said: F64, labels: Labels) -> float:
    return float((said.argmax(axis=1) == labels).mean())


def _remembered(embed: Embed) -> Embed:
    """The same, which reads each text once: names and random words come back in every fold."""
    known: dict[str, F64] = {}

    def read(texts: Sequence[str]) -> F64:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, embed(new), strict=True))
        return np.vstack([known[text] for text in texts])

    return read
