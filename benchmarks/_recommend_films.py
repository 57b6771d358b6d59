"""Recommendation on MovieLens 100K: the next film of each user, and films that just arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.core.view import TEXT
from isthmus.datasets import load
from isthmus.datasets.interactions import Interactions
from isthmus.datasets.movielens import interactions
from isthmus.encoders import load as load_encoder
from isthmus.pipeline import encode_items
from isthmus.tasks.recommend.blend import Standardized, profiles
from isthmus.tasks.recommend.choosing import Grid
from isthmus.tasks.recommend.holding import gains, precision, without_items, without_last
from isthmus.tasks.recommend.recommender import Recommender

DATASET = "ml-100k"
SEEDS = range(5)
RIDGES = (10.0, 30.0, 100.0, 300.0, 1000.0)
NEIGHBOURS = (10, 20, 50, 100, 200)
YEARS = 2.0
"""Width of a year in years: films of neighbouring years are alike."""
UNORDERED = Grid(half_lives=(None,))
Scores = Callable[[Interactions], F64]


def film_views(films: Dataset) -> PairedVectors:
    """Title, year and genres as text, and the last two as plain columns."""
    texts = [record.items[TEXT] for record in films.records]
    said = encode_items(texts, load_encoder("universal")).vectors
    genres = [set(str(r.fields.get("genres", "")).split(", ")) - {""} for r in films.records]
    names = sorted(set().union(*genres))
    years = np.array([float(record.fields.get("year", 0.0)) for record in films.records])
    known = np.unique(years[years > 0])
    near = np.exp(-(((years[:, None] - known) / YEARS) ** 2))
    kinds = np.array([[name in some for name in names] for some in genres], dtype=np.float32)
    vectors = {"text": said, "genres": kinds, "year": near.astype(np.float32)}
    return PairedVectors(vectors, {"genres": kinds.any(axis=1), "year": years > 0})


def rows(seeds: range = SEEDS) -> Iterator[dict[str, Any]]:
    """A row for each method and seed: the last film left out, and a fifth of the films cold.

    Protocol of the last film: the latest rating of each user is left out, of several at one second
    a random one; every other film the user has not rated is ranked; all ratings count as taken.
    Protocol of cold films: all ratings of a random fifth of the films are hidden (336 of 1,682);
    for each user they alone are ranked, and a film is right if the user rated it, whatever the
    rating. Random order is right .06 of the time, since 6.3 % of all pairs are rated. Hyper-
    parameters of every method are chosen on interactions of the training part.
    """
    films, taken = load(DATASET), interactions()
    views = film_views(films)
    wanted_all = taken.matrix() > 0
    for seed in seeds:
        rest, (users, targets) = without_last(taken, seed)
        warm, cold = without_items(taken, seed=seed)
        wanted = wanted_all[:, cold]
        for name, last, new in methods(rest, warm, views, seed):
            ndcg, recall = gains(last[users], targets, rest.matrix(users=users) > 0)
            yield {
                "dataset": DATASET,
                "method": name,
                "ndcg_at_10": float(ndcg.mean()),
                "recall_at_20": float(recall.mean()),
                "precision_at_10_cold": float(
                    precision(_untied(new[:, cold], seed), wanted).mean()
                ),
                "seed": seed,
            }


def methods(
    rest: Interactions, warm: Interactions, views: PairedVectors, seed: int
) -> Iterator[tuple[str, F64, F64]]:
    """Name, scores without the last films ``(u, n)``, scores with cold films ``(u, n)``."""
    rng = np.random.default_rng(seed)
    shape = len(rest.users), len(rest.items)
    yield "random", rng.random(shape), rng.random(shape)
    yield "popularity", _popular(rest), _popular(warm)
    for name, scored in peers(rest, seed).items():
        yield name, scored(rest), scored(warm)
    genres, text = views.select(["genres"]), views.select(["text"])
    for name, some in (("content: genres", genres), ("content: text", text), ("content", views)):
        yield name, _content(rest, some, seed), _content(warm, some, seed)
    plain = [Recommender.fit(each, grid=UNORDERED, seed=seed) for each in (rest, warm)]
    yield "co-occurrence", plain[0].scores(rest), plain[1].scores(warm)
    for name, grid in (("isthmus, order ignored", UNORDERED), ("isthmus", Grid())):
        fits = [Recommender.fit(each, views, grid=grid, seed=seed) for each in (rest, warm)]
        yield name, fits[0].scores(rest), fits[1].scores(warm)


def peers(rest: Interactions, seed: int) -> dict[str, Scores]:
    """EASE and item-kNN of RecPack, each with the parameter that is best on held-out last films."""
    from recpack.algorithms import EASE, ItemKNN
    from scipy.sparse import csr_matrix

    def scored(make: Callable[[], Any]) -> Scores:
        def run(known: Interactions) -> F64:
            x = csr_matrix(known.matrix())
            model = make().fit(x)
            return np.asarray(model.predict(x).todense(), dtype=np.float64)

        return run

    made = {
        "RecPack EASE": [scored(lambda l2=l2: EASE(l2=l2)) for l2 in RIDGES],
        "RecPack ItemKNN": [
            scored(lambda k=k: ItemKNN(K=k, similarity="cosine")) for k in NEIGHBOURS
        ],
    }
    inner, (users, targets) = without_last(rest, seed)
    seen = inner.matrix(users=users) > 0
    best = {}
    for name, some in made.items():
        values = [gains(each(inner)[users], targets, seen)[0].mean() for each in some]
        best[name] = some[int(np.argmax(values))]
    return best


def _popular(known: Interactions) -> F64:
    counts = np.bincount(known.item, minlength=len(known.items)).astype(np.float64)
    return np.tile(counts, (len(known.users), 1))


def _content(known: Interactions, views: PairedVectors, seed: int) -> F64:
    """Content alone: the whitening and the half-life are those that the recommender chooses."""
    model = Recommender.fit(known, views, grid=Grid(ridges=(1000.0,), shares=(1.0,)), seed=seed)
    assert model.content is not None
    mine = profiles(known, model.settings.half_life)
    fresh = profiles(known, model.settings.cold_half_life)
    by_half = Standardized.of(model.content.scores(mine), mine == 0).scores
    new = Standardized.of(model.content.scores(fresh), fresh == 0).scores
    return np.where(model.new, new, by_half)


def _untied(scores: F64, seed: int) -> F64:
    """Ties in a random order."""
    order = np.random.default_rng(seed).permutation(scores.shape[1])
    ranked = np.argsort(np.argsort(scores[:, order], axis=1, kind="stable"), axis=1)
    out = np.empty(scores.shape)
    out[:, order] = ranked
    return out
