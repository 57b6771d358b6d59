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

    Examples:
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
    usual, rng = np.arange(len(words)), np.random.default_rng(seed)
    scorer = learn(words, usual)
    plain = _labels(scorer, trials.items)

    def by_words(vectors: F64) -> Labels:
        return _labels(learn(vectors, usual), trials.items)

    def by_names(names: Sequence[str], language: str = "") -> Labels:
        return by_words(_words(names, embed, templates, modality, language))

    said: list[tuple[str, str, list[Labels]]] = [
        ("paraphrase", "", [by_words(x) for x in _paraphrases(trials, embed, templates, modality)])
    ]
    said += [("language", tag, [by_names(n, tag)]) for tag, n in trials.languages.items()]
    if trials.synonyms:
        said.append(("synonyms", "", [by_names(names) for names in trials.synonyms]))
    noisy = {f"{length:g}": _noisy(trials.items, length, rng) for length in NOISE}
    said += [("noise", how, [_labels(scorer, x)]) for how, x in noisy.items()]
    said += [("item", how, [_labels(scorer, x)]) for how, x in (trials.versions or {}).items()]
    orders = [rng.permutation(len(words)) for _ in range(_ORDERS)]
    turned = [order[_labels(learn(words[order], order), trials.items)] for order in orders]
    said.append(("order", "", turned))
    rows = tuple(_row(*each, plain, trials.labels) for each in said)
    return Stability(float((plain == trials.labels).mean()), 1 / len(words), len(plain), rows)


def _row(
    change: str, how: str, answers: Sequence[Labels], plain: Labels, labels: Labels
) -> StabilityRow:
    right = [float((each == labels).mean()) for each in answers]
    same = float(np.mean([(each == plain).mean() for each in answers]))
    return StabilityRow(change, how, float(np.mean(right)), min(right), same, len(answers))


def _labels(scorer: Scorer, x: F64) -> Labels:
    return np.asarray(scorer(x).argmax(axis=1), dtype=np.intp)


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
