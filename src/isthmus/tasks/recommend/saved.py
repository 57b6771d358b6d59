"""The folder of a recommender; every part is checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from isthmus.core.artifact import DOCUMENT, TENSORS, load_artifact, save_artifact
from isthmus.core.document import from_document, to_object
from isthmus.core.errors import ArtifactError
from isthmus.core.linalg import F64, Array
from isthmus.core.reading import reading
from isthmus.core.validate import exact, fitting, split_names
from isthmus.moments import Moments
from isthmus.tasks.recommend.blend import Settings
from isthmus.tasks.recommend.choosing import Trial
from isthmus.tasks.recommend.cooccurrence import MOST_ITEMS, VIEW, Cooccurrence, together
from isthmus.tasks.recommend.people import People

KIND = "recommender"
"""Of the artefact."""


@dataclass(frozen=True, eq=False)
class Parts:
    """A recommender in parts, named as the arguments of :class:`isthmus.tasks.Recommender`."""

    items: Sequence[str]
    cooccurrence: Cooccurrence
    settings: Settings
    rows: F64 | None
    people: People
    least: float | None
    tried: Sequence[Trial]


PARTS = tuple(field.name for field in fields(Parts))


@dataclass(frozen=True)
class _Document:
    """What of a recommender is saved as JSON."""

    items: tuple[str, ...]
    settings: Settings
    least: float | None
    tried: tuple[Trial, ...]
    moments: Mapping[str, object]


def save(parts: Parts, folder: Path) -> None:
    """Write a folder of JSON and safetensors.

    Raises:
        ArtifactError: If the folder holds something else.
    """
    moments, sums = parts.cooccurrence.moments.state()
    items, tried = tuple(parts.items), tuple(parts.tried)
    document = _Document(items, parts.settings, parts.least, tried, dict(moments))
    tensors: dict[str, Array] = {f"moments.{name}": each for name, each in sums.items()}
    tensors |= {"weights": parts.cooccurrence.weights, "people": parts.people.tensor()}
    if parts.rows is not None:
        tensors["rows"] = parts.rows
    save_artifact(folder, KIND, to_object(document), tensors)


def load(folder: Path) -> Parts:
    """Read what :func:`save` wrote.

    Raises:
        ArtifactError: If there is none, it is damaged, or its parts do not fit.
    """
    parsed, tensors = load_artifact(folder, KIND)
    with reading(folder / DOCUMENT):
        document = from_document(_Document, parsed, KIND)
        n, settings = len(document.items), document.settings
        if not 0 < n <= MOST_ITEMS or len(set(document.items)) != n:
            raise ArtifactError(f"need 1 to {MOST_ITEMS:,} items, each of a name of its own")
        if document.moments.get("views") != [VIEW] or document.moments.get("dims") != [n]:
            raise ArtifactError(f"its moments are not those of {n} items")
    with reading(folder / TENSORS):
        own = dict(tensors)
        people = People.from_tensor(own.pop("people", np.zeros(0)))
        groups = split_names(
            {name: own.pop(name) for name in tensors if name.startswith("moments.")}
        )
        moments = Moments.from_state(document.moments, groups.get("moments", {}))
        _check_counts(moments, len(people))
        rows = {"rows": own.pop("rows")} if "rows" in own else {}
        weights = fitting(own, weights="nn")["weights"]
        _check_weights(weights, moments)
        model = Cooccurrence(moments, settings.ridge, weights, settings.neighbours)
        content = exact(rows, {"n": n}, rows="nd")["rows"] if rows else None
        return Parts(
            document.items, model, settings, content, people, document.least, document.tried
        )


def _check_counts(moments: Moments, users: int) -> None:
    """Counts of who took what, alone and together."""
    gram, sums = together(moments), _sums(moments)
    counts = np.diag(gram)
    possible = (
        moments.count(VIEW) == users
        and np.array_equal(sums, counts)
        and np.array_equal(gram, gram.T)
        and np.array_equal(gram, np.round(gram))
        and bool((gram >= 0).all())
        and bool((gram <= np.minimum.outer(counts, counts)).all())
        and bool((counts <= users).all())
    )
    if not possible:
        raise ArtifactError(f"moments: these are no counts of what {users} users took")


def _sums(moments: Moments) -> Array:
    return moments.state()[1]["0.sum"]


def _check_weights(weights: Array, moments: Moments) -> None:
    if len(weights) != moments.dims[VIEW] or np.diag(weights).any():
        raise ArtifactError("weights: need zeros on the diagonal, and a row for each item")
    if weights[:, np.diag(together(moments)) == 0].any():
        raise ArtifactError("weights: items that nobody took need zeros")
