"""What routes and tools share: the store, and requests as queries of it."""

from __future__ import annotations

import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace

import numpy as np

from isthmus.core.contracts import Progress
from isthmus.core.errors import (
    InputError,
    IsthmusError,
    MissingDataError,
    UnsupportedMediaError,
)
from isthmus.core.view import TEXT
from isthmus.media.text import long_text
from isthmus.pipeline import WORKERS
from isthmus.predictor.predictor import Predictor
from isthmus.prompts import Prompt, PromptParts, Term
from isthmus.prompts.prompt import in_typed_form, typed_terms
from isthmus.report.pages.explanation.words import sentences
from isthmus.server import job_schemas, predict_schemas, recommend_schemas, schemas
from isthmus.server.explanations import Explanations, Searches
from isthmus.server.jobs import Jobs, Run
from isthmus.server.micro_batcher import MicroBatcher
from isthmus.server.originals import Originals
from isthmus.server.plane import drawn
from isthmus.server.predictors import Predictors
from isthmus.server.previews import Previews
from isthmus.server.saved import Saved
from isthmus.server.seen import Seen
from isthmus.server.settings import Settings
from isthmus.server.uploads import Uploads
from isthmus.store import Entry, is_whole
from isthmus.store.filters import parse
from isthmus.tasks import Store
from isthmus.tasks.retrieval.excerpts import words_sought
from isthmus.tasks.retrieval.views import item_view

MOST_LETTERS = 2_000
"""Characters of all words of a prompt: four passages of text as they are indexed. Encoding takes
time in proportion, so those who ask little beside wait a tenth of a second."""
_WARM = "a first question"


class NotAllowedError(IsthmusError):
    """The owner of the server did not allow it."""


class Service:
    """One store, and what is kept at hand to answer for it.

    Args:
        store: What is searched.
        settings: Limits.
        predictors: By name.
    """

    def __init__(
        self, store: Store, settings: Settings, predictors: Mapping[str, Predictor] | None = None
    ) -> None:
        self.store, self.settings = store, settings
        self.predictors = Predictors(predictors or {})
        self.uploads = Uploads(store.space, settings, also=self.predictors.modalities)
        self.previews, self.originals = Previews(), Originals()
        self.searches = Searches()
        self.explanations = Explanations(settings, self.searches)
        self.jobs = Jobs(store, settings.roots)
        self.saved = Saved(store.folder)
        self._map: tuple[tuple[int, int], schemas.Map] | None = None
        self._map_lock = threading.Lock()
        self._labels: tuple[int, Counter[str]] | None = None
        self._labels_lock = threading.Lock()

    def warm_up(self) -> None:
        """Load models and tables, so that the first question waits for nothing."""
        space = self.store.space
        self.predictors.warm_up(space)
        texts = [view for view, modality in space.modalities.items() if modality == TEXT]
        for view in space.views:
            encoder = space.encoder(view)
            if view in texts and not isinstance(encoder, MicroBatcher):
                space.attach(MicroBatcher(encoder), view)
        self.uploads.open()
        WORKERS.warm_up()
        for view in texts:
            for _ in range(3):
                self.store.search(Prompt.text(_WARM, view=view))

    def close(self) -> None:
        """End runs and children; the store stays open."""
        self.explanations.close()
        self.jobs.close()
        self.uploads.close()

    def search(self, request: schemas.SearchRequest) -> schemas.SearchAnswer:
        """Find items."""
        started = time.perf_counter()
        with self.searches:
            found = self.store.search(self.prompt(request, request.asked_as), request)
        seen = self._seen([hit.id for hit in found.hits], aspects=request.aspects)
        return schemas.SearchAnswer(
            query=str(found.query),
            nothing_matches=found.nothing,
            uncalibrated=[schemas.Direction(**each.to_json()) for each in found.uncalibrated],
            weak=[schemas.Direction(**each.to_json()) for each in found.weak],
            advice=found.advice,
            reason=found.reason,
            unfinished=found.unfinished,
            hits=[seen.found(hit, words_sought(found.query)) for hit in found.hits],
            took_ms=round((time.perf_counter() - started) * 1e3, 2),
        )

    def recommend(
        self, request: recommend_schemas.RecommendRequest
    ) -> recommend_schemas.RecommendAnswer:
        """More like what is liked."""
        started = time.perf_counter()
        liked, disliked = (
            [self.term(each) for each in things] for things in (request.liked, request.disliked)
        )
        self._check([*liked, *disliked])
        with self.searches:
            found = self.store.recommend(liked, disliked, request)
        seen = self._seen([each.hit.id for each in found], aspects=True)
        return recommend_schemas.RecommendAnswer(
            query=str(found.prompt),
            content_share=found.share,
            reason=found.reason,
            items=[seen.recommended(each) for each in found],
            took_ms=round((time.perf_counter() - started) * 1e3, 2),
        )

    def predict(
        self, request: predict_schemas.PredictRequest, progress: Progress | None = None
    ) -> predict_schemas.Prediction:
        """What a predictor says of a record; ``progress`` is told as it is accounted for."""
        return self.predictors.predict(request, self.store, self.uploads, self.originals, progress)

    def predict_all(self, request: predict_schemas.PredictAllRequest) -> Run:
        """Begin to predict items of the store, and to keep the answers as labels.

        Raises:
            NotAllowedError: If callers may not.
            InputError: If no label can hold the answers, or the filter cannot be used.
        """
        self._check_may_label()
        _, predictor = self.predictors.get(request.predictor)
        return self.jobs.predict(
            predictor, where=request.where, field=request.field, least=request.least
        )

    def save(self, saved: schemas.SavedSearch) -> None:
        """Keep a search, with all that is typed of it in its query, where the page shows it."""
        search = saved.search
        beside = {each.name: () for each in fields(PromptParts)}
        if any(getattr(search, name) for name in beside):
            query = in_typed_form(self._typed(search))
            search = schemas.SearchRequest.of(search, query=query, **beside)
        self.saved.put(saved.model_copy(update={"search": search}))

    def _typed(self, asked: schemas.Asked) -> list[Term]:
        """What a request says in words."""
        views = self.store.space.views
        found: list[Term] = []
        if asked.query.strip():
            found += typed_terms(asked.query, files=False, views=views)
        return found + asked.beside(files=False, views=views)

    def prompt(self, asked: schemas.Asked, asked_as: Sequence[str]) -> Prompt:
        """What a request looks for.

        Args:
            asked: The request.
            asked_as: Views that terms may belong to, where they name none.

        Raises:
            InputError: If that is nothing.
            MissingDataError: If an item or an upload is not there.
        """
        terms = [*self._typed(asked), *(self.term(each, asked_as) for each in asked.terms)]
        if not terms:
            raise InputError("the query is empty; give words in query, or terms")
        self._check(terms)
        return Prompt(terms)

    def _check(self, terms: Sequence[Term]) -> None:
        """Refuse items that are not there, and more words than are encoded beside others.

        Characters are counted as encoders read them: some stand for up to 18 others.
        """
        for term in terms:
            if term.stored:
                self.entry(term.stored)
        words = (words for term in terms if term.item for words in term.item.captions)
        letters = sum(len(unicodedata.normalize("NFKC", each)) for each in words)
        if letters > MOST_LETTERS:
            raise InputError(
                f"the words have {letters:,} characters, and the server takes {MOST_LETTERS:,} at "
                "most; search by a few sentences, or upload the text as a file"
            )

    def term(self, term: schemas.Term, asked_as: Sequence[str] = ()) -> Term:
        """One thing in a prompt.

        Args:
            term: What was asked.
            asked_as: Views that it may belong to, where it names none.
        """
        if term.item is not None:
            return Term(None, term.item, term.weight, part=term.part)
        if term.saved is not None:
            return Term(None, weight=term.weight, part=term.part, saved=term.saved)
        if term.upload is not None:
            item = self.uploads.get(term.upload).item
            view = item_view(self.store.space, item, asked_as, named=term.view)
            vectors = self.uploads.vectors(term.upload, view)
            return Term(item, "", term.weight, view, vectors, part=term.part)
        assert term.text is not None
        (words,) = Prompt.text(term.text, view=term.view).terms
        return replace(words, weight=term.weight, part=term.part)

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
        return self._seen([item], aspects=True).item(self.entry(item))

    def passage(self, item: str, span: tuple[float, float] | None, around: int) -> schemas.Passage:
        """A part of a text, and what stands around it.

        Args:
            item: Id of a text.
            span: Which part of its file, in characters; None for its own span, and of a whole
                text for its beginning.
            around: Characters before and after.

        Raises:
            UnsupportedMediaError: If it is no text.
            MediaError: If it cannot be read any more, or has changed.
        """
        entry = self.entry(item)
        if entry.modality != TEXT or entry.origin:
            what = entry.origin or entry.modality
            raise UnsupportedMediaError(entry.source, f"is {what}; only texts have passages")
        with self.originals.open(entry) as original:
            text = long_text(original.item, WORKERS.limits)
            original.check_path()
        start, stop = span or entry.span or (0, around)
        start, stop = max(0, min(int(start), len(text))), max(0, min(int(stop), len(text)))
        stop = max(start, stop)
        return schemas.Passage(
            before=text[max(0, start - around) : start],
            text=text[start:stop],
            after=text[stop : stop + around],
            start=start,
            stop=stop,
            total=len(text),
        )

    def items(self, where: str, views: Sequence[str], limit: int, offset: int) -> schemas.Items:
        """A page of items, newest first."""
        chosen = parse(where) if where.strip() else None
        wanted = set(views)
        entries = [
            entry
            for entry in self.store.backend.entries(chosen)
            if is_whole(entry.id) and (not wanted or entry.view in wanted)
        ]
        entries.sort(key=lambda entry: (-entry.added, entry.source))
        some = entries[offset : offset + limit]
        seen = self._seen([entry.id for entry in some], aspects=True)
        return schemas.Items(total=len(entries), items=[seen.item(entry) for entry in some])

    def label(self, request: job_schemas.LabelRequest) -> Run:
        """Begin to give labels to items.

        Raises:
            NotAllowedError: If callers may not.
            InputError: If a label or the filter cannot be used.
        """
        self._check_may_label()
        return self.jobs.label(
            request.labels, where=request.where, least=request.least, replace=request.replace
        )

    def _check_may_label(self) -> None:
        if not self.settings.label:
            raise NotAllowedError(
                "this server lets nobody change labels; allow it with: isthmus serve --allow-labels"
            )

    def labels(self, limit: int) -> job_schemas.Labels:
        """The labels of the store, the most frequent first; counted once a revision."""
        rows = self.store.backend.snapshot()
        with self._labels_lock:
            if self._labels is None or self._labels[0] != rows.revision:
                wholes = [entry for entry in rows.entries() if is_whole(entry.id)]
                names = Counter(name for entry in wholes for name, _ in entry.labels)
                self._labels = (rows.revision, names)
            counts = self._labels[1]
        found = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
        rows_of = [job_schemas.LabelCount(label=name, items=number) for name, number in found]
        return job_schemas.Labels(labels=rows_of, total=len(counts), given=counts.total())

    def explain(
        self, request: schemas.ExplainRequest, progress: Progress | None = None
    ) -> schemas.Explanation:
        """Why an item scores as it does for a prompt.

        Args:
            request: Which prompt, and which item.
            progress: Told as parts are weighed; what it raises ends the explanation.
        """
        self.entry(request.item)
        prompt = self.prompt(request, request.asked_as)
        made = self.store.explain(
            prompt, request.item, asked_as=request.asked_as, progress=progress
        )
        document = made.to_json()
        if not np.isfinite(made.above):
            document["above"] = None
        return schemas.Explanation.model_validate({**document, "said": list(sentences(made))})

    def map(self, limit: int) -> schemas.Map:
        """Items on the plane of their two principal axes, kept until the store changes."""
        with self._map_lock:
            rows = self.store.backend.snapshot()
            key = (limit, rows.revision)
            if self._map is None or self._map[0] != key:
                self._map = (key, drawn(rows, limit))
            return self._map[1]

    def status(self, version: str) -> schemas.Status:
        """What there is, and what may be done."""
        space = self.store.space
        texts = [view for view, modality in space.modalities.items() if modality == TEXT]
        languages = dict.fromkeys(tag for v in texts for tag in space.encoder(v).languages)
        return schemas.Status(
            version=version,
            views=[schemas.View(name=v, modality=m) for v, m in space.modalities.items()],
            **asdict(self.store.status()),
            calibrated=[schemas.Direction(**each.to_json()) for each in sorted(space.calibration)],
            languages=list(languages),
            roots=self.jobs.roots,
            may_label=self.settings.label,
            max_body=self.settings.max_body,
        )

    def _seen(self, ids: Iterable[str], *, aspects: bool) -> Seen:
        return Seen(ids, self.store.backend.get, self.previews if aspects else None)
