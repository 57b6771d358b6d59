"""Class words as vectors of a space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Progress
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32, F64, l2_normalize
from isthmus.core.record import Failure
from isthmus.core.view import Direction
from isthmus.pipeline import VectorCache
from isthmus.prompts.japanese import in_both_spellings
from isthmus.prompts.support import prototype
from isthmus.prompts.templates import language_of, load, random_prompts
from isthmus.space import Space
from isthmus.space.temperature import logit_scale
from isthmus.tasks.zeroshot.classes import ClassSpec
from isthmus.tasks.zeroshot.options import ClassifyOptions

NEARLY_ALIKE = 0.75
"""Native cosine of two class words from which they are told to nearly mean the same. With
``universal``: cat and 猫 .94, cat and 貓 .76, cat and kitten .81; dog and hound .73, cat and dog
.67, fruit and vegetables .54."""
SCALE = 8.0
"""Log-odds of a cosine where a space has no calibration from words to items: the median of ten
spaces of 340 to 720 pairs of Tux Paint and Open Clip Art is 7.9 (6.8 to 8.8)."""
_BLOCK = 1000
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class ClassWords:
    """Prototypes of classes.

    Attributes:
        vectors: ``(K, d)`` unit vectors; zeros for a class without words.
        native: ``(K, dim)`` what the encoder gave for the bare words, to tell what is alike.
        failures: Words that could not be used.
    """

    vectors: F64
    native: F32
    failures: tuple[Failure, ...]

    def scale(self, space: Space, words_view: str, view: str) -> float:
        """What a cosine between these words and items of a view is worth in log-odds.

        It is what the space has measured of held-out groups, or else of held-out pairs. Where it
        has measured nothing and a model compares the two itself, it is what that multiplies by.
        """
        known = space.calibration.get(Direction(words_view, view))
        if known is None:
            return logit_scale(space, words_view, view) or SCALE
        if known.class_scale is not None:
            return known.class_scale
        spoken = self.vectors.any(axis=1)
        breadth = space.backgrounds(
            self.vectors[spoken].astype(np.float32), words_view, self.native[spoken]
        )[view].breadth
        slope = known.slope(0.0 if breadth is None else float(np.mean(breadth)))
        return slope if slope > 0 else SCALE

    def alike(self, names: Sequence[str]) -> list[str]:
        """A note for each pair of classes that nearly mean the same, the nearest first."""
        unit = l2_normalize(self.native)
        pairs: list[tuple[float, int, int]] = []
        total = 0
        for start in range(0, len(unit), _BLOCK):
            near = unit[start : start + _BLOCK] @ unit.T
            own = np.arange(start, start + len(near))
            near[np.arange(len(unit)) <= own[:, None]] = 0.0
            total += int((near >= NEARLY_ALIKE).sum())
            flat = near.ravel()
            best = np.argpartition(flat, -min(_SHOWN, len(flat)))[-_SHOWN:]
            for at in best[flat[best] >= NEARLY_ALIKE].tolist():
                a, b = divmod(at, len(unit))
                pairs.append((float(flat[at]), start + a, b))
        pairs.sort(reverse=True)
        notes = [
            f"{names[a]!r} and {names[b]!r} nearly mean the same (cosine {cosine:.2f}); items of "
            "one may get the other"
            for cosine, a, b in pairs[:_SHOWN]
        ]
        more = len(pairs) - len(notes)
        return [*notes, f"and {more} more pairs of classes that nearly mean the same"][
            : len(notes) + (more > 0)
        ]


def class_words(
    space: Space,
    specs: Sequence[ClassSpec],
    modality: str,
    words_view: str,
    options: ClassifyOptions,
    cache: VectorCache | None = None,
    *,
    progress: Progress | None = None,
    seed: int = 0,
) -> ClassWords:
    """Embed the words of classes, each in the sentences of its language.

    Args:
        space: Whose encoder reads them.
        specs: The classes.
        modality: Of the items that are classified, which the sentences speak of.
        words_view: That reads the words.
        options: How.
        cache: Of native vectors.
        progress: Told as sentences are encoded.
        seed: Of random words.

    Raises:
        InputError: If there are no sentences in a language.
    """
    said = sentences(
        space, specs, modality, words_view, options, cache, progress=progress, seed=seed
    )
    dim = space.encoder(words_view).dim
    vectors, native = np.zeros((len(specs), space.dim)), np.zeros((len(specs), dim), np.float32)
    for number in range(len(specs)):
        rows = said.rows(number)
        if len(rows):
            vectors[number] = prototype(said.vectors[rows])
            plain = rows[said.bare[rows]]
            native[number] = prototype(said.native[plain if len(plain) else rows])
    return ClassWords(vectors, native, said.failures)


@dataclass(frozen=True, eq=False)
class Sentences:
    """What the names of classes are put into, and how the space reads it.

    Attributes:
        texts: ``m`` of them, class by class.
        owners: ``(m,)``, the class of each.
        bare: ``(m,)``, which of them are words without a sentence.
        ok: ``(m,)``, which of them could be read.
        vectors: ``(m, d)`` unit vectors of the space.
        native: ``(m, dim)`` what the encoder gave.
        failures: Texts that could not be read.
    """

    texts: Sequence[str]
    owners: NDArray[np.intp]
    bare: NDArray[np.bool_]
    ok: NDArray[np.bool_]
    vectors: F32
    native: F32
    failures: tuple[Failure, ...]

    def rows(self, number: int) -> NDArray[np.intp]:
        """Those of one class that could be read."""
        start, end = np.searchsorted(self.owners, [number, number + 1])
        rows = np.arange(start, end)
        return rows[self.ok[rows]]

    def shares(self, number: int, items: F64) -> F64:
        """What each sentence of a class adds to the cosine of its prototype with items.

        The prototype is the unit mean of the unit vectors of the sentences, so that its cosine is
        a sum over them.

        Args:
            number: Of the class.
            items: ``(n, d)`` unit vectors.

        Returns:
            ``(n, s)``, in the order of :meth:`rows`; rows add up to the cosines.
        """
        unit = l2_normalize(self.vectors[self.rows(number)].astype(np.float64))
        length = float(np.linalg.norm(unit.mean(axis=0)))
        out: F64 = items @ unit.T / (len(unit) * length)
        return out


def sentences(
    space: Space,
    specs: Sequence[ClassSpec],
    modality: str,
    words_view: str,
    options: ClassifyOptions,
    cache: VectorCache | None = None,
    *,
    progress: Progress | None = None,
    seed: int = 0,
) -> Sentences:
    """The words of classes in sentences of their languages; arguments as of :func:`class_words`.

    Raises:
        InputError: If there are no sentences in a language.
    """
    texts, owners, bare = _sentences(specs, modality, options, seed)
    encoder = space.encoder(words_view)
    dim = encoder.dim
    if not texts:
        none = np.zeros(0, dtype=bool)
        vectors, native = np.zeros((0, space.dim), np.float32), np.zeros((0, dim), np.float32)
        return Sentences([], owners, bare, none, vectors, native, ())
    items = [in_both_spellings(MediaItem.from_text(text), encoder) for text in texts]
    done = space.embed(items, words_view, cache=cache, progress=progress)
    assert done.native is not None
    ok = np.asarray(done.ok, dtype=bool)
    return Sentences(texts, owners, bare, ok, done.vectors, done.native, tuple(done.failures))


def _sentences(
    specs: Sequence[ClassSpec], modality: str, options: ClassifyOptions, seed: int
) -> tuple[list[str], NDArray[np.intp], NDArray[np.bool_]]:
    """All texts, the class of each, and which of them are words without a sentence."""
    templates = load(options.templates or None)
    texts: list[str] = []
    owners: list[int] = []
    bare: list[bool] = []
    for number, spec in enumerate(specs):
        for word in spec.words:
            own_sentences: tuple[str, ...] = (word,)
            if options.prompts == "templates":
                language = options.language or language_of(word)
                own_sentences = templates.prompts(word, language, modality)
            elif options.prompts == "random":
                own_sentences = random_prompts(word, seed=seed)
            own = dict.fromkeys((word, *own_sentences))
            texts += own
            owners += [number] * len(own)
            bare += [text == word for text in own]
    return texts, np.array(owners, dtype=np.intp), np.array(bare, dtype=bool)
