"""Which words of a text a recommendation rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from isthmus.core.errors import IsthmusError
from isthmus.encoders.parts import Word
from isthmus.prompts.prompt import Prompt
from isthmus.tasks.recommend.asked import Taste
from isthmus.tasks.recommend.results import Because, Recommendation, WordShare
from isthmus.tasks.retrieval.explain import Side
from isthmus.tasks.retrieval.store import Store

_REASONS = 2
"""Reasons of one item whose words are weighed: each takes an explanation."""


def with_words(store: Store, taste: Taste, made: Recommendation, scale: float) -> Recommendation:
    """A recommendation whose strongest reasons say which words of texts count.

    Args:
        store: Of the item.
        taste: What is liked and disliked.
        made: What was recommended.
        scale: What a cosine of 1 adds for a thing of weight 1.
    """
    total = sum(term.weight for term in taste.prompt.terms if term.weight > 0)
    reasons: list[Because] = []
    for number, reason in enumerate(made.reasons):
        term = taste.prompt.terms[reason.term]
        if number < _REASONS and not term.saved:
            try:
                told = store.explain(Prompt(replace(term, weight=1.0)), made.hit.id)
            except IsthmusError:  # such as a file that is gone: the reason stands without words
                pass
            else:
                factor = scale * term.weight / total
                words = [*_words(told.item, "item", factor), *_words(told.query, "liked", factor)]
                words.sort(key=lambda word: -abs(word.value))
                reason = replace(reason, words=words)
        reasons.append(reason)
    return replace(made, reasons=reasons)


def _words(side: Side, of: str, factor: float) -> Iterator[WordShare]:
    for place, value in zip(side.places, side.values.tolist(), strict=True):
        if isinstance(place, Word):
            yield WordShare(place.text, value * factor, of)
