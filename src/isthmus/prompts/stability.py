"""How much a classifier's answers change when nothing that matters does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F64, l2_normalize
from isthmus.core.wording import count
from isthmus.prompts.support import Labels, Scorer, prototype
from isthmus.prompts.templates import PLACE, Templates, language_of

NOISE = (0.1, 0.3, 0.5)
"""Lengths of noise on an input vector of length one."""
_ORDERS = 5
"""Orders of the classes that are tried."""

Embed = Callable[[Sequence[str]], F64]
"""Texts to unit vectors ``(n, d)`` of the space."""
Learn = Callable[[F64, Labels], Scorer]
"""From class words ``(K, d)``, and which class ``(K,)`` each of them is, to what says which of them
an item is: zero-shot, or with shots."""


@dataclass(frozen=True)
class StabilityRow:
    """One kind of change.

    Attributes:
        change: What is changed: ``paraphrase``, ``language``, ``noise``, ``item``, ``order``,
            ``synonyms``.
        how: Which of its kind: a language, the length of the noise; empty for an average of all.
        accuracy: Mean over its variants.
        worst: Of its variants.
        agreement: Share of items that keep their label, the mean over variants.
        variants: How many.
    """

    change: str
    how: str
    accuracy: float
    worst: float
    agreement: float
    variants: int


@dataclass(frozen=True)
class Stability:
    """What changes do to a classifier.

    Attributes:
        accuracy: Without a change.
        chance: Of a blind guess.
        items: On how many.
        rows: One for each change; what could not be tried has none.
    """

    accuracy: float
    chance: float
    items: int
    rows: tuple[StabilityRow, ...]


@dataclass(frozen=True, eq=False)
class Trials:
    """What is tried.

    Attributes:
        names: Of the ``K`` classes.
        items: ``(n, d)`` unit vectors with known classes, which nothing was learned from.
        labels: ``(n,)``.
        languages: Names in other languages, ``K`` each.
        synonyms: Other words for the classes, ``K`` a variant.
        versions: ``(n, d)`` other vectors of the same items by what was done to them, such as
            noise on the pictures.

    Raises:
        InputError: If something differs in number.
    """

    names: Sequence[str]
    items: F64
    labels: Labels
    languages: Mapping[str, Sequence[str]]
    synonyms: Sequence[Sequence[str]] = ()
    versions: Mapping[str, F64] | None = None

    def __post_init__(self) -> None:
        if not len(self.items) or len(self.items) != len(self.labels):
            raise InputError(
                f"stability needs items with labels, got {count(len(self.items), 'item')} and "
                f"{count(len(self.labels), 'label')}"
            )
        for what, words in (*self.languages.items(), *(("synonyms", s) for s in self.synonyms)):
            if len(words) != len(self.names):
                raise InputError(f"{what}: {len(words)} names of {len(self.names)} classes")
        for what, x in (self.versions or {}).items():
            if x.shape != self.items.shape:
                raise InputError(f"{what}: vectors {x.shape}, need {self.items.shape}")


def stability(
    trials: Trials,
    learn: Learn,
    embed: Embed,
    templates: Templates,
    *,
    modality: str,
    seed: int = 0,
) -> Stability:
    """Change sentences, language, inputs, order and words, and see what becomes of the answers.

    Args:
        trials: Items, classes and what else they are called.
        learn: Made anew for each change of the words.
        embed: Reads names.
        templates: Sentences.
        modality: Of the items.
        seed: Of noise and orders.

    Example:
        >>> from isthmus.prompts.templates import load
        >>> names = {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 1.0])}
        >>> def embed(texts):
        ...     return np.vstack([names["a" if text.endswith("a") else "b"] for text in texts])
        >>> items, labels = np.eye(2), np.arange(2)
        >>> learn = lambda words, order: lambda x: x @ words.T
        >>> found = stability(Trials(["a", "b"], items, labels, {}), learn, embed, load(),
        ...                   modality="none")
        >>> found.accuracy, {row.change: row.agreement for row in found.rows}["order"]
        (1.0, 1.0)
    """
    words = _words(trials.names, embed, templates, modality)
    usual = np.arange(len(words))
    scorer = learn(words, usual)
    plain = scorer(trials.items).argmax(axis=1)
    rng = np.random.default_rng(seed)

    def row(change: str, how: str, answers: Sequence[Labels]) -> StabilityRow:
        right = [float((each == trials.labels).mean()) for each in answers]
        same = float(np.mean([(each == plain).mean() for each in answers]))
        return StabilityRow(change, how, float(np.mean(right)), min(right), same, len(answers))

    def by_words(vectors: F64) -> Labels:
        return np.asarray(learn(vectors, usual)(trials.items).argmax(axis=1), dtype=np.intp)

    rows = [
        row(
            "paraphrase",
            "",
            [by_words(each) for each in _paraphrases(trials, embed, templates, modality)],
        )
    ]
    rows += [
        row("language", tag, [by_words(_words(names, embed, templates, modality, tag))])
        for tag, names in trials.languages.items()
    ]
    if trials.synonyms:
        others = [_words(names, embed, templates, modality) for names in trials.synonyms]
        rows.append(row("synonyms", "", [by_words(each) for each in others]))
    for length in NOISE:
        noisy = _noisy(trials.items, length, rng)
        rows.append(row("noise", f"{length:g}", [scorer(noisy).argmax(axis=1)]))
    rows += [
        row("item", how, [scorer(x).argmax(axis=1)]) for how, x in (trials.versions or {}).items()
    ]
    orders = [rng.permutation(len(words)) for _ in range(_ORDERS)]
    rows.append(
        row(
            "order",
            "",
            [order[learn(words[order], order)(trials.items).argmax(axis=1)] for order in orders],
        )
    )
    accuracy = float((plain == trials.labels).mean())
    return Stability(accuracy, 1 / len(words), len(plain), tuple(rows))


def _paraphrases(
    trials: Trials, embed: Embed, templates: Templates, modality: str
) -> Iterator[F64]:
    """Class words ``(K, d)`` by each sentence alone."""
    sentences = [templates.of(language_of(name), modality) for name in trials.names]
    for place in range(min(map(len, sentences))):
        texts = [
            each[place].replace(PLACE, name)
            for each, name in zip(sentences, trials.names, strict=True)
        ]
        yield embed(texts)


def _words(
    names: Sequence[str], embed: Embed, templates: Templates, modality: str, language: str = ""
) -> F64:
    """Prototypes ``(K, d)`` by all sentences of a language."""
    said = [templates.prompts(n, language or language_of(n), modality) for n in names]
    vectors = embed([text for each in said for text in each])
    ends = np.cumsum([len(each) for each in said])
    return np.vstack([prototype(rows) for rows in np.split(vectors, ends[:-1])])


def _noisy(x: F64, length: float, rng: np.random.Generator) -> F64:
    noise = l2_normalize(rng.standard_normal(x.shape))
    return np.asarray(l2_normalize(x + length * noise), dtype=np.float64)
