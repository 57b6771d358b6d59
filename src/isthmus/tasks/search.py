"""Search: a query in any modality against a store, hits of all modalities fairly merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.types import TEXT
from isthmus.space import Space
from isthmus.space.calibrate import Background, Calibration
from isthmus.space.readout import Readout, check_readout
from isthmus.store import Backend, HubCorrection
from isthmus.store.filters import Filter
from isthmus.tasks.query import Query, Term

CANDIDATES = 200
"""Rows that are scored by every term of a query where it has several."""
_FUSION = 60
"""k of reciprocal rank fusion, as in the paper."""
_ALL_WORDS = 0.999
_NAMED = 2.0
"""How much the list of those that hold the words counts against the list by meaning."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One item that a search found.

    Attributes:
        id: Of the item.
        modality: What it is.
        source: Where it lies.
        cosine: To the query; of several terms the weighted mean.
        score: What it was ranked by, within its modality.
        probability: That it matches, calibrated on held-out pairs; None where the space
            knows no pairs for this direction.
        prominence: By how many standard deviations the score stands out among the scores of
            the space's own items of that modality; what hits of several modalities are
            merged by.
        named: Whether its words or its name hold the words of the query.
        gone: Whether no file holds it any more.
        span: Start and end in seconds where it is a part of a recording.
        text: Its words, or those of its name.
    """

    id: str
    modality: str
    source: str
    cosine: float
    score: float
    probability: float | None
    prominence: float = 0.0
    named: bool = False
    gone: bool = False
    span: tuple[float, float] | None = None
    text: str = ""

    @property
    def words(self) -> str:
        """The probability as people say it."""
        return in_words(self.probability)


@dataclass(frozen=True, eq=False)
class Results:
    """What a search found.

    Attributes:
        query: What was asked.
        hits: Best first.
        nothing: Whether nothing matches: hits, if any, are only the nearest there is.
        uncalibrated: Directions without calibrated probabilities, ``"audio→image"``.
    """

    query: Query
    hits: Sequence[Hit]
    nothing: bool
    uncalibrated: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        hits = [{**asdict(hit), "words": hit.words} for hit in self.hits]
        return {
            "query": str(self.query),
            "nothing_matches": self.nothing,
            "uncalibrated": list(self.uncalibrated),
            "hits": hits,
        }


def in_words(probability: float | None) -> str:
    """A probability as people say it.

    Example:
        >>> in_words(0.95), in_words(0.4), in_words(None)
        ('very likely', 'maybe', 'uncalibrated')
    """
    if probability is None:
        return "uncalibrated"
    steps = ((0.8, "very likely"), (0.5, "likely"), (0.2, "maybe"))
    return next((words for least, words in steps if probability >= least), "unlikely")


def search(
    space: Space,
    backend: Backend,
    query: Query,
    *,
    modalities: Sequence[str],
    k: int = 10,
    where: Filter | None = None,
    min_probability: float | None = None,
    readout: Readout = "instance",
    words: bool = True,
    exact: bool = False,
) -> Results:
    """Find the items of a store that match a query; see :meth:`isthmus.tasks.Store.search`.

    Raises:
        InputError: If ``k`` is below 1, a probability is none, or an item of the query is not
            in the store or cannot be encoded.
    """
    check_readout(readout)
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    if min_probability is not None and not 0 <= min_probability <= 1:
        raise InputError(f"a probability lies between 0 and 1, got {min_probability}")
    asked = Asked.of(space, backend, query, readout)
    ranked: list[list[Hit]] = []
    uncalibrated: list[str] = []
    strange, sure = asked.strange, False
    for modality in (m for m in modalities if asked.sizes.get(m)):
        hits = asked.among(modality, k, where=where, exact=exact)
        uncalibrated += asked.uncalibrated(modality)
        sure = sure or (not strange and asked.answered(modality, hits))
        ranked.append(hits)
    hits = merged(ranked)
    if words:
        hits = _with_named(hits, asked, backend, k, where, modalities)
    if min_probability is not None:
        hits = [h for h in hits if h.named or (h.probability or 0.0) >= min_probability]
    hits = hits[:k]
    return Results(
        query, hits, not hits or not (sure or any(hit.named for hit in hits)), uncalibrated
    )


@dataclass(frozen=True, eq=False)
class Asked:
    """A query as vectors of the space.

    Attributes:
        space: Of the vectors.
        backend: Where to look.
        terms: Those of the query.
        vectors: ``(t, dim)``, one unit vector a term.
        modalities: Of the terms.
        natives: What the encoder gave for each term, ``(1, dim)``; None for items of the store.
        readout: How to score.
        sizes: Among how many items of each modality is sought.
    """

    space: Space
    backend: Backend
    terms: Sequence[Term]
    vectors: F32
    modalities: Sequence[str]
    natives: Sequence[F32 | None]
    readout: Readout
    sizes: Mapping[str, int]
    _known: dict[int, dict[str, Background]] = field(default_factory=dict)

    @classmethod
    def of(cls, space: Space, backend: Backend, query: Query, readout: Readout) -> Asked:
        """Encode every term.

        Raises:
            InputError: If an item is not in the store or cannot be encoded.
        """
        found = [_vector(space, backend, term) for term in query.terms]
        vectors = np.stack([vector for vector, _, _ in found])
        modalities, natives = [m for _, m, _ in found], [native for *_, native in found]
        sizes = dict(backend.count())
        return cls(space, backend, query.terms, vectors, modalities, natives, readout, sizes)

    @cached_property
    def weights(self) -> F32:
        """Of the terms, scaled so that the positive ones sum to 1."""
        weights = np.array([term.weight for term in self.terms], dtype=np.float32)
        return np.asarray(weights / weights[weights > 0].sum(), dtype=np.float32)

    @property
    def own(self) -> set[str]:
        """Items of the store that the query names; they are no news to who asks."""
        return {term.stored for term in self.terms if term.stored}

    def among(
        self, modality: str, k: int, *, where: Filter | None = None, exact: bool = False
    ) -> list[Hit]:
        """The best ``k`` items of one modality, best first."""
        single = len(self.terms) == 1
        own = self.own
        direction: F32 = np.asarray(l2_normalize(self.weights @ self.vectors), dtype=np.float32)
        scored = self.backend.search(
            direction,
            k + len(own) if single else max(k, CANDIDATES),
            modality=modality,
            where=where,
            hubs=self._hubs(),
            exact=exact,
        )
        return self.hits([each.id for each in scored if each.id not in own], modality)[:k]

    def hits(self, ids: Sequence[str], modality: str) -> list[Hit]:
        """Score items of one modality by every term; best first."""
        entries, found = self.backend.get(ids), self.backend.vectors(ids)
        names = [each for each in ids if each in entries and each in found]
        if not names:
            return []
        x = np.stack([found[each] for each in names])
        known = self.backend.hubness(names)
        near_banks = np.stack([known[each] for each in names])
        cosine, hubness, score = self._scores(x, near_banks, modality)
        probability = self._probability(cosine, hubness, modality)
        typical, spread = self._reference(modality)
        order = np.argsort(-score, kind="stable")
        return [
            Hit(
                names[i],
                modality,
                entries[names[i]].source,
                float(cosine[i] @ self.weights),
                float(score[i]),
                None if probability is None else float(probability[i]),
                float((score[i] - typical) / spread),
                gone=entries[names[i]].gone,
                span=entries[names[i]].span,
                text=entries[names[i]].text,
            )
            for i in order
        ]

    def uncalibrated(self, modality: str) -> list[str]:
        """Directions of this search whose scores have no calibrated probability."""
        names = dict.fromkeys(f"{m}→{modality}" for m in self.modalities)
        return [name for name in names if name not in self.space.calibration]

    @property
    def strange(self) -> bool:
        """Whether something that is sought is unlike all that the space was made from.

        How familiar a query is does not depend on what it is compared with, so any direction
        from its modality that is calibrated can tell.
        """
        return any(
            calibration.strange(self._background(i, name.partition("→")[2]))
            for i, term in enumerate(self.terms)
            for name, calibration in self.space.calibration.items()
            if term.weight > 0 and name.startswith(f"{self.modalities[i]}→")
        )

    def answered(self, modality: str, hits: Sequence[Hit]) -> bool:
        """Whether some hit of a modality passes for a match, by what the space was calibrated on.

        Where a direction is uncalibrated nothing can be said, and hits are shown.
        """
        if not hits or self.uncalibrated(modality):
            return bool(hits)
        sought = [i for i, term in enumerate(self.terms) if term.weight > 0]
        size = self.sizes[modality]
        least = np.mean([self._calibration(i, modality).least(size) for i in sought])
        return any((hit.probability or 0.0) >= least for hit in hits)

    @property
    def _strength(self) -> float:
        return self.space.hubs if self.readout == "instance" else 0.0

    def _hubs(self) -> HubCorrection | None:
        if len(self.terms) > 1 or not self._strength:
            return None
        return HubCorrection(self.modalities[0], self._strength)

    def _scores(self, x: F32, near_banks: F32, modality: str) -> tuple[F32, F32, F32]:
        """Cosines and hubness ``(n, t)`` of items to each term, and the score ``(n,)`` of all.

        Args:
            x: ``(n, k)`` items.
            near_banks: Their hubness to the bank of every modality.
            modality: Theirs.
        """
        hubness = near_banks[:, [self.space.modalities.index(m) for m in self.modalities]]
        cosine: F32 = x @ self.vectors.T
        near = np.array(
            [self._background(i, modality).nearest[0] for i in range(len(self.terms))],
            dtype=np.float32,
        )
        score = (2 * cosine - np.float32(self._strength) * (hubness + near)) @ self.weights
        return cosine, hubness, score

    def _reference(self, modality: str) -> tuple[float, float]:
        """Mean and deviation of the scores of the space's own items of a modality."""
        bank, near_banks = self.space.banks[modality], self.space.bank_hubness(modality)
        _, _, score = self._scores(bank, near_banks, modality)
        return float(score.mean()), max(float(score.std()), 1e-6)

    def _background(self, term: int, modality: str) -> Background:
        if term not in self._known:
            query, native = self.vectors[term][None], self.natives[term]
            self._known[term] = self.space.backgrounds(query, self.modalities[term], native)
        return self._known[term][modality]

    def _calibration(self, term: int, modality: str) -> Calibration:
        return self.space.calibration[f"{self.modalities[term]}→{modality}"]

    def _probability(self, cosine: F32, hubness: F32, modality: str) -> F32 | None:
        """Of several sought terms the mean: how many of them an item is expected to match."""
        if self.uncalibrated(modality):
            return None
        found = np.zeros(len(cosine), dtype=np.float32)
        for i, weight in enumerate(self.weights):
            if weight > 0:
                each, background = self._calibration(i, modality), self._background(i, modality)
                p = each.probability(cosine[:, i], hubness[:, i], background, self.sizes[modality])
                found += weight * p
        return found


def _vector(space: Space, backend: Backend, term: Term) -> tuple[F32, str, F32 | None]:
    """A term as a vector ``(dim,)``, its modality, and what its encoder gave, ``(1, dim)``."""
    if term.item is None:
        entry = backend.get([term.stored]).get(term.stored)
        if entry is None:
            raise InputError(f"the store holds no item {term.stored!r}")
        return backend.vectors([term.stored])[term.stored], entry.modality, None
    item = term.item
    if term.vectors is not None:
        vector, native = term.vectors
        return vector, item.modality, native
    done = space.embed([item], item.modality)
    if not done.ok[0]:
        raise InputError(f"{item.source} cannot be searched by: {done.failures[0].reason}")
    return done.vectors[0], item.modality, done.native


def merged(ranked: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Hits of several modalities as one list, so that none wins because its scores run higher.

    Where every hit has a calibrated probability, that is what they are ordered by. Else the hit
    comes first whose score stands out most among the scores that the same query gives the
    space's own items of that modality; a modality keeps its own order then.
    """
    hits = [hit for some in ranked for hit in some]
    if len(ranked) > 1 and all(hit.probability is not None for hit in hits):
        return sorted(hits, key=lambda hit: -(hit.probability or 0.0))
    return sorted(hits, key=lambda hit: -hit.prominence)


def _with_named(
    hits: Sequence[Hit],
    asked: Asked,
    backend: Backend,
    k: int,
    where: Filter | None,
    modalities: Sequence[str],
) -> list[Hit]:
    """Join hits with items that hold the words of the query, by reciprocal rank fusion.

    Cormack, Clarke & Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual
    rank learning methods", 2009.
    """
    texts = [
        text
        for term in asked.terms
        if term.item is not None and term.item.modality == TEXT and term.weight > 0
        for text in term.item.captions
    ]
    if not texts:
        return list(hits)
    found = backend.match(" ".join(texts), 2 * k, where=where)
    entries = backend.get([each for each, _ in found])
    own = asked.own
    names = [
        n for n, _ in found if n in entries and n not in own and entries[n].modality in modalities
    ]
    known = {hit.id: hit for hit in hits}
    for modality in dict.fromkeys(entries[n].modality for n in names if n not in known):
        some = [n for n in names if n not in known and entries[n].modality == modality]
        known |= {hit.id: hit for hit in asked.hits(some, modality)}
    shares = dict(found)
    full = {name for name, share in found if share >= _ALL_WORDS}
    # Half of the words say far less than half of what all of them do.
    # Those that hold as much of it share a rank: between them, meaning decides.
    ranks: dict[float, int] = {}
    for rank, n in enumerate(names):
        ranks.setdefault(round(shares[n], 6), rank)
    gain = {n: _NAMED * shares[n] ** 4 / (_FUSION + ranks[round(shares[n], 6)]) for n in names}
    place = {hit.id: 1 / (_FUSION + rank) for rank, hit in enumerate(hits)}
    joined = [replace(hit, named=True) if name in full else hit for name, hit in known.items()]
    return sorted(joined, key=lambda hit: -(gain.get(hit.id, 0.0) + place.get(hit.id, 0.0)))
