"""A shop of pictures with names, and simulated shoppers whose taste is known exactly.

The things are pictures of Open Clip Art and qabcs, each with its name, a category (a folder of the
data set) and a colour (the nearest of eight basic colours to its most frequent opaque one). A
shopper likes two categories, and within them things of three colours more: the true worth of a
thing is 1 for a category that is liked, plus ½ for a colour; what she would buy is worth 1 or more.
She buys 20 things: 9 of 10 by worth, with chances growing with it, and 1 of 10 at random, which is
the known noise. 2,000 or 400 such shoppers are history; 100 others are new, and say what they like
one by one (1, 2, 5, 10 things of what they would buy). Figure: AUC of the true taste over all
things they have not named, where chance is .5. The categories and colours are never shown to a
method. The peers have fixed settings. The larger history was added after a first run with 400
shoppers of 12 purchases each, where isthmus reached .826 after five likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from isthmus.core.item import MediaItem
from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.core.view import IMAGE, TEXT
from isthmus.datasets import load
from isthmus.datasets.interactions import Interactions
from isthmus.encoders import load as load_encoder
from isthmus.media import decode
from isthmus.pipeline import default_cache, encode_items
from isthmus.tasks.recommend.choosing import Grid
from isthmus.tasks.recommend.recommender import Recommender

LIKES = (1, 2, 5, 10)
HISTORIES = (2_000, 400)
"""Shoppers in the history: more than three, and fewer than one, for each thing."""
NEW, BOUGHT = 100, 20
CATEGORIES, COLOURS = 2, 3
NOISE = 0.1
EACH = 60
"""Things of one category at most, so that none fills the shop."""
ALONE = Grid(ridges=(100.0,), shares=(1.0,))
_PALETTE = {
    "black": (20, 20, 20),
    "white": (240, 240, 240),
    "grey": (128, 128, 128),
    "red": (200, 40, 40),
    "yellow": (230, 200, 50),
    "green": (50, 150, 60),
    "blue": (50, 90, 190),
    "brown": (130, 85, 45),
}
_KINDS = ("animals", "food", "transportation", "plants", "tools", "buildings", "electronics")


@dataclass(frozen=True, eq=False)
class Shop:
    """Things with their vectors and true attributes.

    Attributes:
        names: ``n`` of them.
        views: Image and name.
        category: ``(n,)``.
        colour: ``(n,)``.
    """

    names: list[str]
    views: PairedVectors
    category: NDArray[np.intp]
    colour: NDArray[np.intp]


def stocked(seed: int = 0) -> Shop:
    """The shop: the same for every seed of the shoppers."""
    rng = np.random.default_rng(seed)
    things: dict[str, list[tuple[str, MediaItem, MediaItem]]] = {}
    for record in load("qabcs").records:
        if IMAGE in record.items and "name" in record.items and record.fields["category"] != "misc":
            things.setdefault(str(record.fields["category"]), []).append(
                (f"qabcs/{record.id}", record.items[IMAGE], record.items["name"])
            )
    for record in load("openclipart").records:
        kind = record.id.partition("/")[0]
        if kind in _KINDS:
            things.setdefault(kind, []).append((record.id, record.items[IMAGE], record.items[TEXT]))
    chosen = [
        (kind, *some[place])
        for kind, some in sorted(things.items())
        for place in sorted(rng.permutation(len(some))[:EACH].tolist())
    ]
    kinds = sorted(things)
    cache = default_cache()
    pictures = encode_items([each[2] for each in chosen], load_encoder("efficientnet-lite0"),
                            cache=cache)  # fmt: skip
    words = encode_items([each[3] for each in chosen], load_encoder("universal"), cache=cache)
    ok = np.flatnonzero(pictures.ok & words.ok)
    return Shop(
        [chosen[i][1] for i in ok],
        PairedVectors({"image": pictures.vectors[ok], "name": words.vectors[ok]}),
        np.array([kinds.index(chosen[i][0]) for i in ok]),
        np.array([_colour(chosen[i][2]) for i in ok]),
    )


def _colour(item: MediaItem) -> int:
    """The basic colour that most of the opaque pixels are nearest to."""
    from PIL import Image

    picture = decode(item)
    assert isinstance(picture, Image.Image)
    pixels = np.asarray(picture.convert("RGB").resize((48, 48)), dtype=np.float64).reshape(-1, 3)
    palette = np.array(list(_PALETTE.values()), dtype=np.float64)
    near = ((pixels[:, None] - palette) ** 2).sum(axis=2).argmin(axis=1)
    counts = np.bincount(near, minlength=len(palette))
    counts[list(_PALETTE).index("white")] = 0  # the ground that drawings stand on
    return int(counts.argmax())


def tastes(shop: Shop, number: int, rng: np.random.Generator) -> F64:
    """The true worth of each thing for each shopper, ``(number, n)``."""
    kinds, colours = int(shop.category.max()) + 1, len(_PALETTE)
    worth = np.zeros((number, len(shop.names)))
    for shopper in range(number):
        liked = rng.choice(kinds, CATEGORIES, replace=False)
        fond = rng.choice(colours, COLOURS, replace=False)
        worth[shopper] = np.isin(shop.category, liked) + 0.5 * np.isin(shop.colour, fond)
    return worth


def bought(worth: F64, rng: np.random.Generator, number: int = BOUGHT) -> list[NDArray[np.intp]]:
    """What each shopper takes, one thing after the other."""
    taken = []
    for row in worth:
        chance = np.where(row >= 1, row, 0.0) ** 2
        chance = (1 - NOISE) * chance / chance.sum() + NOISE / len(row)
        taken.append(rng.choice(len(row), number, replace=False, p=chance))
    return taken


def rows(seeds: range) -> Iterator[dict[str, Any]]:
    """A row for each size of history, method, number of likes and seed."""
    shop = stocked()
    for shoppers, seed in ((shoppers, seed) for shoppers in HISTORIES for seed in seeds):
        rng = np.random.default_rng(seed)
        past = bought(tastes(shop, shoppers, rng), rng)
        history = Interactions.of(
            (f"shopper {u}" for u, some in enumerate(past) for _ in some),
            (shop.names[i] for some in past for i in some),
            known=shop.names,
        )
        worth = tastes(shop, NEW, rng)
        named = [rng.permutation(np.flatnonzero(row >= 1))[: max(LIKES)] for row in worth]
        for name, scored in methods(shop, history, seed):
            for likes in LIKES:
                yield {
                    "dataset": "shop",
                    "method": name,
                    "history": shoppers,
                    "likes": likes,
                    "auc": _mean_auc(scored, worth, [some[:likes] for some in named]),
                    "seed": seed,
                }


def _mean_auc(scored: Any, worth: F64, named: list[NDArray[np.intp]]) -> float:
    mine = np.zeros(worth.shape)
    for shopper, some in enumerate(named):
        mine[shopper, some] = 1.0
    scores = scored(mine)
    auc = [_auc(scores[u], worth[u] >= 1, mine[u] == 0) for u in range(len(worth))]
    return float(np.mean(auc))


def methods(shop: Shop, history: Interactions, seed: int) -> Iterator[tuple[str, Any]]:
    """Name, and what makes scores of what is liked ``(u, n)``."""
    from recpack.algorithms import EASE, ItemKNN
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(seed)
    counts = np.bincount(history.item, minlength=len(shop.names)).astype(np.float64)
    yield "random", lambda mine: rng.random(mine.shape)
    yield "popularity", lambda mine: np.tile(counts, (len(mine), 1))
    x = csr_matrix(history.matrix())
    for name, model in (("RecPack EASE", EASE(l2=30)), ("RecPack ItemKNN", ItemKNN(K=50))):
        fitted = model.fit(x)
        yield (
            name,
            lambda mine, fitted=fitted: np.asarray(
                fitted.predict(csr_matrix(mine)).todense(), dtype=np.float64
            ),
        )
    whole = Recommender.fit(history, shop.views, seed=seed)
    for view in ("image", "name"):
        alone = Recommender.fit(history, shop.views.select([view]), grid=ALONE, seed=seed)
        assert alone.content is not None
        yield f"content: {view}", alone.content.scores
    assert whole.content is not None
    yield "content", whole.content.scores
    yield "co-occurrence", whole.cooccurrence.scores
    yield "isthmus", lambda mine: whole.scores(_as_interactions(mine, shop.names))


def _as_interactions(mine: F64, names: list[str]) -> Interactions:
    user, item = np.nonzero(mine)
    return Interactions([str(u) for u in range(len(mine))], names, user, item)


def _auc(scores: F64, wanted: NDArray[np.bool_], asked: NDArray[np.bool_]) -> float:
    """Of the wanted things among those that were not named; ties count half."""
    rank, right = rankdata(scores[asked]), wanted[asked]
    positive, negative = int(right.sum()), int((~right).sum())
    return float((rank[right].sum() - positive * (positive + 1) / 2) / (positive * negative))
