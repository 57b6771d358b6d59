"""Encoders without weights: for tests, and for machines without the starter encoders.

TF-IDF of character n-grams, colour and gradient histograms, cepstra: deterministic,
finite, never zero.

They are own code because they must work where scikit-learn, scikit-image and librosa are not
installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import fingerprint
from isthmus.core.document import Json, from_document
from isthmus.core.errors import ArtifactError, InputError, NotFittedError
from isthmus.core.extras import require
from isthmus.core.linalg import F32, Array, l2_normalize
from isthmus.core.spectrum import mel_bands
from isthmus.core.validate import check_dim, fitting
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.encoders.base import check_captions, check_image, check_sound, pool_captions
from isthmus.encoders.parts import AdditiveParts, Cell, Parts, deviation_parts, spans
from isthmus.encoders.windows import window_for
from isthmus.encoders.words import caption_parts

_FAINT = 1e-3
_LONGEST = 8


@dataclass(frozen=True)
class _TfidfState:
    """What :class:`TfidfEncoder` keeps as JSON."""

    encoder: Literal["tfidf"]
    dim: int
    vocabulary: tuple[str, ...]
    shortest: int = 2
    longest: int = 4


class TfidfEncoder:
    """TF-IDF of character n-grams, reduced by a truncated SVD; needs :meth:`fit`.

    Knows the words it was fitted on and no others: a caption of which nothing is known
    gets one vector, the same for all of them.

    Args:
        dim: Length of the vectors; directions beyond the rank of the captions stay empty.
        shortest: Characters of the shortest n-grams; 1 where single signs tell something, as in
            emoticons.
        longest: Characters of the longest ones.
    """

    id = "tfidf"
    modality = TEXT
    languages: tuple[str, ...] = ()
    batch_size = 1024
    window = window_for(TEXT)

    def __init__(self, *, dim: int = 128, shortest: int = 2, longest: int = 4) -> None:
        if dim < 2:
            raise InputError(f"tfidf needs a dimension of at least 2, got {dim}")
        if not 1 <= shortest <= longest <= _LONGEST:
            raise InputError(
                f"tfidf needs n-grams of 1 to {_LONGEST} characters, the shortest first, got "
                f"{shortest} to {longest}"
            )
        self.dim = check_dim(dim, self.id)
        self.shortest, self.longest = shortest, longest
        self._vocabulary: dict[str, int] = {}
        self._idf: F32 = np.zeros(0, dtype=np.float32)
        self._components: F32 = np.zeros((0, dim), dtype=np.float32)
        self._vectorizer: Any = None
        self.fingerprint = fingerprint({**self._named(), "fitted": False})

    def fit(self, captions: Iterable[str]) -> TfidfEncoder:
        """Learn n-grams and directions.

        Args:
            captions: Two or more texts.

        Returns:
            This encoder, whose fingerprint is now that of what it learned.
        """
        texts = [text for text in captions if text.strip()]
        if len(set(texts)) < 2:
            raise InputError(
                f"tfidf needs two or more different captions to fit, got {len(set(texts))}"
            )
        decomposition = require("sklearn.decomposition", extra="starter", purpose="'tfidf'")
        vectorizer = self._new_vectorizer()
        counts = vectorizer.fit_transform(texts)
        rank = min(self.dim, *(side - 1 for side in counts.shape))
        svd = decomposition.TruncatedSVD(rank, random_state=0).fit(counts)
        components = np.zeros((counts.shape[1], self.dim), dtype=np.float32)
        components[:, : len(svd.components_)] = svd.components_.T
        vocabulary = {word: int(row) for word, row in vectorizer.vocabulary_.items()}
        self._adopt(vocabulary, np.asarray(vectorizer.idf_, dtype=np.float32), components)
        return self

    def prepare(self, decoded: Any) -> tuple[str, ...]:
        """The captions without blank ones."""
        return check_captions(decoded, self.id)

    def encode(self, batch: Sequence[tuple[str, ...]]) -> F32:
        """Unit vectors ``(len(batch), dim)`` float32.

        Raises:
            NotFittedError: Before :meth:`fit`.
        """
        if self._vectorizer is None:
            raise NotFittedError("tfidf is not fitted; call fit(captions) first")
        if not batch:
            return np.zeros((0, self.dim), dtype=np.float32)
        return pool_captions(batch, self._project)

    def split(self, decoded: Any) -> Parts:
        """Words of a caption, which are taken out one by one; of several captions, each."""
        return caption_parts(self.prepare(decoded), self.encode)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What was learned, as JSON-serialisable values and as arrays."""
        if self._vectorizer is None:
            raise NotFittedError("tfidf is not fitted; call fit(captions) first")
        words = sorted(self._vocabulary, key=self._vocabulary.__getitem__)
        return (
            {**self._named(), "vocabulary": words},
            {"idf": self._idf, "components": self._components},
        )

    @classmethod
    def from_state(cls, document: Mapping[str, Any], tensors: Mapping[str, Array]) -> TfidfEncoder:
        """The encoder whose :meth:`state` this is.

        Raises:
            ArtifactError: If words and arrays do not belong together.
        """
        known = from_document(_TfidfState, cast(Json, document), cls.id)
        arrays = fitting(tensors, idf="w", components="wd")
        idf, components, words = arrays["idf"], arrays["components"], known.vocabulary
        vocabulary = {word: row for row, word in enumerate(words)}
        if components.shape != (len(vocabulary), known.dim) or len(vocabulary) != len(words):
            raise ArtifactError(
                f"tfidf: {len(words)} words need idf ({len(words)},) and components "
                f"({len(words)}, {known.dim}), got {idf.shape} and {components.shape}"
            )
        encoder = cls(dim=known.dim, shortest=known.shortest, longest=known.longest)
        encoder._adopt(vocabulary, idf, components)
        return encoder

    def _adopt(self, vocabulary: dict[str, int], idf: F32, components: F32) -> None:
        self._vocabulary, self._idf, self._components = vocabulary, idf, components
        self._vectorizer = self._new_vectorizer(vocabulary)
        self._vectorizer.idf_ = idf.astype(np.float64)
        self.fingerprint = fingerprint(*self.state())

    def _project(self, texts: list[str]) -> F32:
        rows = self._vectorizer.transform(texts).astype(np.float32) @ self._components
        unknown = np.linalg.norm(rows, axis=1) < _FAINT
        rows = l2_normalize(rows)
        rows[unknown] = _FAINT  # next to captions that are known it counts for nothing
        return np.asarray(rows, dtype=np.float32)

    def _named(self) -> dict[str, Any]:
        """What it is; n-grams only where they are not the usual ones, so old names stay."""
        usual = (self.shortest, self.longest) == (_TfidfState.shortest, _TfidfState.longest)
        lengths = {} if usual else {"shortest": self.shortest, "longest": self.longest}
        return {"encoder": self.id, "dim": self.dim, **lengths}

    def _new_vectorizer(self, vocabulary: dict[str, int] | None = None) -> Any:
        text = require("sklearn.feature_extraction.text", extra="starter", purpose="'tfidf'")
        return text.TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=(self.shortest, self.longest),
            sublinear_tf=True,
            vocabulary=vocabulary,
        )


class ColorHogEncoder:
    """Which colours (8 × 4 × 4 bins of hue, saturation, value) and which edges where.

    The edges are histograms of oriented gradients: 8 × 8 cells of 6 directions (Dalal and
    Triggs, CVPR 2005, with one norm for the whole image). Square roots are taken before
    each half is scaled to unit length, so that cosines compare distributions.
    """

    id = "color-hog"
    modality = IMAGE
    dim = 512
    languages: tuple[str, ...] = ()
    batch_size = 64
    _side = 64
    _cells = 8
    _directions = 6

    def __init__(self) -> None:
        # A JPEG may be decoded smaller than it is stored, down to twice what is needed.
        self.image_side = 2 * self._side
        self.fingerprint = fingerprint({"encoder": self.id, "version": 2})

    def prepare(self, decoded: Any) -> NDArray[np.uint8]:
        """RGB pixels ``(64, 64, 3)`` uint8."""
        from PIL import Image

        image = check_image(decoded, self.id)
        small = image.resize((self._side, self._side), Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.asarray(small, dtype=np.uint8)

    def encode(self, batch: Sequence[NDArray[np.uint8]]) -> F32:
        """Vectors ``(len(batch), 512)`` float32."""
        rows = [np.concatenate([self._colours(p), self._edges(p)]) for p in batch]
        return np.asarray(rows, dtype=np.float32).reshape(len(batch), self.dim)

    def split(self, decoded: Any) -> AdditiveParts:
        """The 8 × 8 cells: an edge belongs to one of them, a colour to those that show it.

        A count ``c`` of pixels is a sum over cells, and so is its root, ``√c = Σ c_cell / √c``.
        """
        pixels = self.prepare(decoded)
        cells = self._cells
        row, column = np.indices(pixels.shape[:2]) * cells // self._side
        counts = np.zeros((cells * cells, 128))
        np.add.at(counts, ((row * cells + column).ravel(), self._bins(pixels)), 1.0)
        total = counts.sum(axis=0)
        colours = counts / np.sqrt(np.maximum(total, 1.0) * total.sum())
        own = np.kron(np.eye(cells * cells), np.ones(self._directions))
        shares = np.hstack([np.full_like(colours, 1 / len(colours)), own])
        places = [
            Cell(r, c, (cells, cells), (c / cells, r / cells, (c + 1) / cells, (r + 1) / cells))
            for r in range(cells)
            for c in range(cells)
        ]
        return AdditiveParts(places, np.hstack([colours, own * self._edges(pixels)]), shares)

    @staticmethod
    def _bins(pixels: NDArray[np.uint8]) -> NDArray[np.intp]:
        from PIL import Image

        hsv = np.asarray(Image.fromarray(pixels).convert("HSV")).reshape(-1, 3).astype(np.intp)
        bins: NDArray[np.intp] = (hsv[:, 0] // 32) * 16 + (hsv[:, 1] // 64) * 4 + hsv[:, 2] // 64
        return bins

    def _colours(self, pixels: NDArray[np.uint8]) -> F32:
        counts = np.bincount(self._bins(pixels), minlength=128).astype(np.float32)
        shares: F32 = np.sqrt(counts / counts.sum())
        return shares

    def _edges(self, pixels: NDArray[np.uint8]) -> F32:
        grey = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
        down, right = np.gradient(grey / 255)
        strength = np.hypot(down, right)
        angle = np.mod(np.arctan2(down, right), np.pi)
        direction = np.minimum((angle / np.pi * self._directions).astype(int), self._directions - 1)
        row, column = np.indices(grey.shape) * self._cells // self._side
        bins = (row * self._cells + column) * self._directions + direction
        size = self._cells * self._cells * self._directions
        summed = np.bincount(bins.ravel(), weights=strength.ravel(), minlength=size)
        return np.asarray(l2_normalize(np.sqrt(summed)), dtype=np.float32)


class MfccEncoder:
    """Mean, standard deviation and maximum of 20 mel-frequency cepstra: 60 numbers.

    Davis and Mermelstein, 1980: the discrete cosine transform of the logarithm of the
    energies in 40 mel bands, in windows of 25 ms every 10 ms.
    """

    id = "mfcc"
    modality = AUDIO
    dim = 60
    languages: tuple[str, ...] = ()
    batch_size = 64
    window = window_for(AUDIO)

    _rate = 16_000
    _window = 400
    _hop = 160
    _coefficients = 20
    _seconds = 300

    def __init__(self) -> None:
        self.fingerprint = fingerprint({"encoder": self.id, "version": 1})

    def prepare(self, decoded: Any) -> F32:
        """Cepstra ``(frames, 20)`` float32 of the first five minutes."""
        from scipy.fft import dct

        samples = check_sound(decoded, self.id, self._rate)[: self._seconds * self._rate]
        samples = np.pad(samples, (0, max(0, self._window - len(samples))))
        frames = np.lib.stride_tricks.sliding_window_view(samples, self._window)[:: self._hop]
        spectrum = np.fft.rfft(frames * np.hanning(self._window).astype(np.float32), n=512)
        energies = (np.abs(spectrum) ** 2).astype(np.float32) @ mel_bands(self._rate, 512, 40)
        cepstra = dct(np.log(energies + 1e-8), norm="ortho", axis=1)[:, : self._coefficients]
        return np.asarray(cepstra, dtype=np.float32)

    def encode(self, batch: Sequence[F32]) -> F32:
        """Vectors ``(len(batch), 60)`` float32."""
        rows = [np.concatenate([c.mean(axis=0), c.std(axis=0), c.max(axis=0)]) for c in batch]
        return np.asarray(rows, dtype=np.float32).reshape(len(batch), self.dim)

    def split(self, decoded: Any) -> AdditiveParts:
        """Spans of time; a maximum belongs to the first frame that reaches it."""
        cepstra = self.prepare(decoded).astype(np.float64)
        frames, width = cepstra.shape
        largest = np.zeros_like(cepstra)
        largest[cepstra.argmax(axis=0), np.arange(width)] = cepstra.max(axis=0)
        mean, deviation = cepstra.mean(axis=0), cepstra.std(axis=0)
        each = np.hstack([cepstra / frames, deviation_parts(cepstra, mean, deviation), largest])
        places, starts = spans(frames, self._rate / self._hop)
        length = np.diff([*starts, frames])[:, None] / frames
        vectors = np.add.reduceat(each, starts, axis=0)
        return AdditiveParts(places, vectors, np.broadcast_to(length, vectors.shape))
