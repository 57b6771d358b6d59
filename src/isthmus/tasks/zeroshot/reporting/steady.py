"""What changes that do not matter do to the answers, and what answers are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F64
from isthmus.prompts.choice import Choice
from isthmus.prompts.methods import method
from isthmus.prompts.stability import Stability, Trials, stability
from isthmus.prompts.support import Labels, Scorer, Support
from isthmus.prompts.templates import language_of, load
from isthmus.tasks.zeroshot.classes import ClassSpec
from isthmus.tasks.zeroshot.learn import Classifier
from isthmus.tasks.zeroshot.reporting.model import ClassPrompts, Margin, SentenceShare
from isthmus.tasks.zeroshot.words import sentences

_CLASSES = 200
"""Classes whose sentences are told of."""


def steadiness(
    learner: Classifier, view: str, x: F64, labels: Labels, known: Support, *, seed: int
) -> Stability:
    """Change sentences, language, words, vectors and order, and see which answers stay.

    Args:
        learner: The classifier; each of its classes has words.
        view: Of the items.
        x: ``(n, d)`` unit vectors.
        labels: ``(n,)``.
        known: Words and the examples that are learned from, none of them among the items.
        seed: Of noise and orders.

    Raises:
        InputError: If a class has no words.
    """
    if bare := [spec.name for spec in learner.specs if not spec.words]:
        raise InputError(f"the class {bare[0]!r} has no words that could be put in another way")
    made = learner.choice(view)
    chosen = method(made.method)

    def learn(words: F64, order: Labels) -> Scorer:
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.arange(len(order))
        support = Support(words, known.items, place[known.labels], known.scale, known.seen)
        return chosen.fit(support, made.params)

    def embed(texts: Sequence[str]) -> F64:
        done = learner.space.embed(list(texts), learner.words_view, cache=learner.cache)
        return done.vectors.astype(np.float64)

    names = [spec.words[0] for spec in learner.specs]
    languages, synonyms = _other_words(learner.specs)
    return stability(
        Trials(names, x, labels, languages, synonyms),
        learn,
        embed,
        load(learner.options.templates or None),
        modality=learner.space.modalities[view],
        seed=seed,
    )


def halved(support: Support) -> tuple[Support, F64, Labels]:
    """Every second shot of each class to learn from, and the others: vectors and classes."""
    order = np.argsort(support.labels, kind="stable")
    place = np.empty(len(order), dtype=np.intp)
    starts = np.concatenate([[0], np.cumsum(support.counts)[:-1]]).astype(np.intp)
    place[order] = np.arange(len(order)) - starts[support.labels[order]]
    asked = place % 2 == 1
    return support.take(~asked), support.items[asked], support.labels[asked]


def margin(made: Choice, support: Support, x: F64) -> Margin | None:
    """Of what the leads of the answers are made; None where no example had a say."""
    if not len(support.items):
        return None
    logits = made.scorer(x) / made.temperature
    words = support.zero_shot(x) / made.temperature
    rows = np.arange(len(x))
    best, second = np.argsort(-logits, axis=1, kind="stable")[:, :2].T
    whole = float((logits[rows, best] - logits[rows, second]).mean())
    by_words = float((words[rows, best] - words[rows, second]).mean())
    return Margin(by_words, whole - by_words)


def class_prompts(learner: Classifier, view: str, x: F64, said: Labels) -> tuple[ClassPrompts, ...]:
    """The sentences of the first classes, and what each adds to the scores of items.

    Args:
        learner: The classifier.
        view: Of the items.
        x: ``(n, d)`` unit vectors.
        said: ``(n,)``, the most probable class of each.
    """
    if not learner.words_view:
        return ()
    modality, specs = learner.space.modalities[view], learner.specs[:_CLASSES]
    known = sentences(
        learner.space, specs, modality, learner.words_view, learner.options, learner.cache
    )
    out = []
    for number, spec in enumerate(specs):
        rows = known.rows(number)
        if not len(rows):
            continue
        own = x[said == number]
        asked = own if len(own) else x
        shares = known.shares(number, asked).mean(axis=0)
        order = np.argsort(-shares, kind="stable")
        parts = tuple(SentenceShare(known.texts[rows[i]], float(shares[i])) for i in order)
        cosine = float(shares.sum())
        out.append(ClassPrompts(spec.name, len(asked), len(own) > 0, cosine, parts))
    return tuple(out)


def _other_words(
    specs: Sequence[ClassSpec],
) -> tuple[Mapping[str, Sequence[str]], Sequence[Sequence[str]]]:
    """Names in other languages, and other words in the same, where every class has them."""
    by_language = [
        {tag: [word for word in spec.words if language_of(word) == tag] for tag in _tags(spec)}
        for spec in specs
    ]
    own = [language_of(spec.words[0]) for spec in specs]
    tags = set.intersection(*(set(each) for each in by_language)) - set(own)
    languages = {tag: [each[tag][0] for each in by_language] for tag in sorted(tags)}
    same = [each[tag] for each, tag in zip(by_language, own, strict=True)]
    synonyms = [[words[at] for words in same] for at in range(1, min(map(len, same)))]
    return languages, synonyms


def _tags(spec: ClassSpec) -> list[str]:
    return list(dict.fromkeys(language_of(word) for word in spec.words))
