"""What routes and tools share: the store, and requests as queries of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.errors import InputError, MissingDataError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32, F64
from isthmus.core.view import TEXT
from isthmus.pipeline import WORKERS
from isthmus.report.pages.explanation.words import sentences
from isthmus.server import schemas
from isthmus.server.jobs import Jobs
from isthmus.server.saved import Saved
from isthmus.server.settings import Settings
from isthmus.server.together import Together
from isthmus.server.uploads import Uploads
from isthmus.server.views import Views
from isthmus.store import Entry
from isthmus.store.filters import parse
from isthmus.tasks import Query, Store, Term
from isthmus.tasks.retrieval import hits

_TEXT_SHOWN = 300
_WARM = "a first question"


class Service:
    """One store, and what is kept at hand to answer for it.

    Args:
        store: What is searched.
        settings: Limits.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.uploads = Uploads(store.space, settings)
        self.views = Views()
        self.jobs = Jobs(store, settings.roots)
        self.saved = Saved(store.folder)
        self._map: tuple[Any, schemas.Map] | None = None
        self._map_lock = threading.Lock()

    def warm_up(self) -> None:
        """Load models and tables, so that the first question waits for nothing."""
        space = self.store.space
        for view in space.views:
            encoder = space.encoder(view)
            if encoder.modality == TEXT and not isinstance(encoder, Together):
                space.attach(Together(encoder), view)
        self.uploads.open()
        WORKERS.warm_up()
        if TEXT in space.views:
            for _ in range(3):
                self.store.search(text=_WARM)

    def close(self) -> None:
        """End runs and children; the store stays open."""
        self.jobs.close()
        self.uploads.close()

    def search(self, request: schemas.SearchRequest) -> schemas.SearchAnswer:
        """Find items."""
        started = time.perf_counter()
        found = self.store.search(
            self.query(request),
            view=request.views or None,
            k=request.k,
            where=request.where or None,
            min_probability=request.min_probability,
            readout=request.readout,
            words=request.words,
        )
        aspects: dict[str, float | None] = {}
        if request.aspects:
            entries = self.store.backend.get([hit.id for hit in found.hits])
            aspects = {name: self.views.aspect(entry) for name, entry in entries.items()}
        return schemas.SearchAnswer(
            query=str(found.query),
            nothing_matches=found.nothing,
            uncalibrated=[schemas.Direction(**each.to_json()) for each in found.uncalibrated],
            hits=[_hit(hit, aspects.get(hit.id)) for hit in found.hits],
            took_ms=round((time.perf_counter() - started) * 1e3, 2),
        )

    def query(self, request: schemas.SearchRequest) -> Query:
        """What a request looks for.

        Raises:
            InputError: If that is nothing.
            MissingDataError: If an item or an upload is not there.
        """
        terms: list[Term] = []
        if request.query.strip():
            terms += Query.parse(request.query, files=False).terms
        terms += [self.term(each) for each in request.terms]
        if not terms:
            raise InputError("say what to look for: words in query, or terms")
        for term in terms:
            if term.stored:
                self.entry(term.stored)
        return Query(terms)

    def term(self, term: schemas.Term) -> Term:
        """One part of a query."""
        if term.item is not None:
            return Term(None, term.item, term.weight)
        if term.upload is not None:
            kept = self.uploads.get(term.upload)
            return Term(kept.item, "", term.weight, (kept.vector, kept.native))
        assert term.text is not None
        return Term(Query.text(term.text).terms[0].item, "", term.weight)

    def entry(self, item: str) -> Entry:
        """What is known of an item.

        Raises:
            MissingDataError: If the store does not hold it.
        """
        found = self.store.backend.get([item]).get(item)
        if found is None:
            raise MissingDataError(f"the store holds no item {item[:40]!r}")
        return found

    def item(self, item: str) -> schemas.Item:
        """The same, with what can be seen of it."""
        return self._item(self.entry(item))

    def items(self, where: str, views: Sequence[str], limit: int, offset: int) -> schemas.Items:
        """A page of items, newest first."""
        chosen = parse(where) if where.strip() else None
        wanted = set(views)
        entries = [
            entry
            for entry in self.store.backend.entries(chosen)
            if not wanted or entry.view in wanted
        ]
        entries.sort(key=lambda entry: (-entry.added, entry.source))
        some = [self._item(entry) for entry in entries[offset : offset + limit]]
        return schemas.Items(total=len(entries), items=some)

    def explain(self, request: schemas.ExplainRequest) -> schemas.Explanation:
        """Why an item scores as it does for one part of a query."""
        self.entry(request.item)
        asked = self._single(request.term)
        made = self.store.explain(asked, request.item)
        document = made.to_json()
        if not np.isfinite(made.above):
            document["above"] = None
        return schemas.Explanation(said=list(sentences(made)), **document)

    def map(self, limit: int) -> schemas.Map:
        """Items on the plane of their two principal axes, kept until the store changes."""
        with self._map_lock:
            key = (limit, self.store.backend.count())
            if self._map is None or self._map[0] != key:
                self._map = (key, self._drawn(limit))
            return self._map[1]

    def status(self, version: str) -> schemas.Status:
        """What there is, and what may be done."""
        space, known = self.store.space, self.store.status()
        languages = getattr(space.encoder(TEXT), "languages", ()) if TEXT in space.heads else ()
        return schemas.Status(
            version=version,
            items=known["items"],
            views=[schemas.View(name=v, modality=m) for v, m in space.modalities.items()],
            files=known["files"],
            failed=known["failed"],
            gone=known["gone"],
            space=known["space"],
            calibrated=[schemas.Direction(**each.to_json()) for each in sorted(space.calibration)],
            languages=list(languages),
            roots=self.jobs.roots,
            max_body=self.settings.max_body,
        )

    def _single(self, term: schemas.Term) -> MediaItem:
        made = self.term(term)
        if made.item is not None:
            return made.item
        self.entry(made.stored)
        return self.store.item(made.stored)

    def _item(self, entry: Entry) -> schemas.Item:
        return schemas.Item(
            id=entry.id,
            view=entry.view,
            modality=entry.modality,
            name=Path(entry.source).name,
            source=entry.source,
            text=entry.text,
            added=entry.added,
            size=entry.size,
            gone=entry.gone,
            span=entry.span,
            aspect=self.views.aspect(entry),
        )

    def _drawn(self, limit: int) -> schemas.Map:
        backend = self.store.backend
        entries = [entry for entry in backend.entries() if not entry.gone]
        total = len(entries)
        if total > limit:
            rows = np.random.default_rng(0).permutation(total)[:limit]
            entries = [entries[row] for row in sorted(rows.tolist())]
        vectors = backend.vectors([entry.id for entry in entries])
        entries = [entry for entry in entries if entry.id in vectors]
        views = [entry.view for entry in entries]
        x = [vectors[entry.id] for entry in entries]
        flat = _flat(np.stack(x), views) if x else np.zeros((0, 2))
        return schemas.Map(
            ids=[entry.id for entry in entries],
            names=[Path(entry.source).name for entry in entries],
            views=views,
            modalities=[entry.modality for entry in entries],
            x=flat[:, 0].round(4).tolist(),
            y=flat[:, 1].round(4).tolist(),
            total=total,
            method="the two principal axes, after the mean of each view is taken off",
        )


def _flat(x: F32, kinds: Sequence[str]) -> F64:
    """``(n, 2)`` in 0…1; ranks are blended in, so that a crowd is spread and an outlier tamed."""
    x = x.copy()
    for kind in dict.fromkeys(kinds):
        mine = np.array([each == kind for each in kinds])
        x[mine] -= x[mine].mean(axis=0)
    _, axes = np.linalg.eigh((x.T @ x).astype(np.float64))
    out: F64 = x @ axes[:, -1:-3:-1]
    ranks = out.argsort(axis=0).argsort(axis=0) / max(len(out) - 1, 1)
    low, high = out.min(axis=0), out.max(axis=0)
    return np.asarray(0.5 * ranks + 0.5 * (out - low) / np.maximum(high - low, 1e-9))


def _hit(hit: hits.Hit, aspect: float | None) -> schemas.Hit:
    return schemas.Hit(
        id=hit.id,
        view=hit.view,
        modality=hit.modality,
        name=Path(hit.source).name,
        source=hit.source,
        text=hit.text[:_TEXT_SHOWN],
        cosine=hit.cosine,
        score=hit.score,
        probability=hit.probability,
        words=hit.words,
        named=hit.named,
        gone=hit.gone,
        span=hit.span,
        aspect=aspect,
    )
