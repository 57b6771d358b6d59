"""What others took, learned for a store and kept in it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError
from isthmus.core.paired import PairedVectors
from isthmus.core.wording import way
from isthmus.datasets.interactions import Interactions
from isthmus.store import Reader
from isthmus.tasks.recommend.choosing import Grid
from isthmus.tasks.recommend.cooccurrence import MOST_ITEMS
from isthmus.tasks.recommend.recommender import Recommender
from isthmus.tasks.recommend.stored import FOLDER, history_of
from isthmus.tasks.retrieval.store import Store
from isthmus.tasks.retrieval.within import all_held_under

_COSINE = Grid(content_ridges=(None,))
"""A store scores content by cosines, so its share is chosen for these."""
_LISTED = 3
FEWEST_JUDGED = 10
"""Users whose held-out interactions make a figure: of fewer, one of them moves it by over .1."""


@dataclass(frozen=True, eq=False)
class HistoryReport:
    """What was learned.

    Attributes:
        model: With its settings and what was tried.
        used: Interactions that were used.
        unknown: Names of items that the store does not hold, or several files have.
        rare: Items that were left to content, since co-occurrence takes so many only.
        disliked: Interactions that were left out, since their rating is low.
    """

    model: Recommender
    used: int
    unknown: Sequence[str]
    rare: int
    disliked: int

    def to_json(self) -> dict[str, object]:
        """For machines."""
        settings = self.model.settings
        return {
            "users": self.model.users,
            "items": len(self.model.items),
            "interactions": self.used,
            "unknown": list(self.unknown),
            "left_to_content": self.rare,
            "disliked": self.disliked,
            "ridge": settings.ridge,
            "half_life": settings.half_life,
            "content_share": settings.share,
            "judged_users": self.judged,
            "ndcg_at_10": {part: self.best(part) for part in ("taken", "blend")},
        }

    @property
    def judged(self) -> int:
        """Users whose held-out interactions settings were chosen by."""
        return max((t.users for t in self.model.tried if t.part == "taken"), default=0)

    def best(self, part: str) -> float | None:
        """The best nDCG@10 on held-out interactions, as :class:`Trial` names parts.

        None where it is of fewer than :data:`FEWEST_JUDGED` users, which says nothing.
        """
        if self.judged < FEWEST_JUDGED:
            return None
        return max((t.value for t in self.model.tried if t.part == part), default=None)


def learn_history(
    store: Store,
    interactions: Interactions | str | Path,
    *,
    least: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> HistoryReport:
    """Learn what is taken together, and keep it in the store, so that it recommends by it.

    Args:
        store: On disk; items of the interactions are ids of its items, paths or names of files.
        interactions: Or a table of them, see :meth:`Interactions.read`.
        least: Rating from which something counts as liked; default: whatever was rated.
        seed: Of what is held out to choose settings.
        progress: Told as settings are tried.

    Raises:
        DataError: If the table cannot be used, the store holds none of its items, or the store is
            in memory.
    """
    if store.folder is None:
        raise DataError("a store in memory keeps no history; open one in a folder")
    if not isinstance(interactions, Interactions):
        interactions = Interactions.read(interactions)
    taken = interactions.some_liked(least)
    rows = store.backend.snapshot()
    named_items = [taken.items[i] for i in np.unique(taken.item)]
    held = _held(rows, named_items)
    known = np.array([name in held for name in taken.items])
    if not known[taken.item].any():
        some = ", ".join(map(repr, list(interactions.items)[:_LISTED]))
        raise DataError(
            f"the store holds none of the items of these interactions: {some}, …; an item is "
            "named by its id, or by the path or the name of its file. "
            + way(python="store.search(…).hits have ids", shell="See: isthmus search … --json")
        )
    mine = taken.take(known[taken.item])
    counts = np.bincount(mine.item, minlength=len(mine.items))
    kept = np.argsort(-counts, kind="stable")[:MOST_ITEMS]
    frequent = np.zeros(len(counts), dtype=bool)
    frequent[kept] = True
    rare = int(((counts > 0) & ~frequent).sum())
    mine = mine.take(frequent[mine.item])
    named = Interactions.of(
        (mine.users[u] for u in mine.user),
        (held[mine.items[i]] for i in mine.item),
        ratings=mine.ratings,
        times=mine.times,
    )
    vectors = rows.vectors(named.items)
    content = PairedVectors({"item": np.stack([vectors[name] for name in named.items])})
    model = Recommender.fit(named, content, least=least, grid=_COSINE, seed=seed, progress=progress)
    model.save(store.folder / FOLDER)
    unknown = [name for name in named_items if name not in held]
    return HistoryReport(model, len(named), unknown, rare, len(interactions) - len(taken))


def forget_user(store: Store, interactions: Interactions) -> Recommender:
    """Take all that one user or several took out of the history of a store, exactly.

    Settings stay as they are, and so does which items take part, see :data:`MOST_ITEMS`.

    Args:
        store: On disk.
        interactions: All of theirs, named and rated as when they were learned.

    Raises:
        DataError: If the store keeps no history, or has not learned this from one of the users.
    """
    model = history_of(store)
    if model is None or store.folder is None:
        raise DataError("the store keeps no history")
    rows = store.backend.snapshot()
    liked = interactions.liked(model.least)  # first, as it was when a thing has two names
    held = _held(rows, liked.items)
    named = [held.get(name, name) for name in interactions.items]
    gone = Interactions.of(
        (interactions.users[u] for u in liked.user),
        (named[i] for i in liked.item),
        ratings=liked.ratings,
        known=model.items,
    )
    left = model.without(gone)
    left.save(store.folder / FOLDER)
    return left


def forget_history(store: Store) -> bool:
    """Remove the history of a store; says whether there was one."""
    if store.folder is None or not (store.folder / FOLDER).is_dir():
        return False
    shutil.rmtree(store.folder / FOLDER)
    return True


def _held(rows: Reader, names: Sequence[str]) -> dict[str, str]:
    """Ids of the store by the names that a table gives items; a name of two files is none."""
    found = {name: name for name in rows.known(names)}
    if len(found) == len(names):
        return found
    left = [name for name in names if name not in found]
    for name, held in all_held_under(rows, left, stems=True).items():
        item = held.item or (next(iter(held.alike)) if len(held.alike) == 1 else None)
        if item is not None:
            found[name] = item
    return found
