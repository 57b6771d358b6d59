"""What the views of a record say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from isthmus.core.linalg import F64
from isthmus.prompts.choice import Choice
from isthmus.prompts.stacking import view_weights


def added(
    said: Mapping[str, F64], choices: Mapping[str, Choice], examples: Mapping[str, Sequence[str]]
) -> F64:
    """Log-probabilities of views, weighed and added up.

    Args:
        said: By view, ``(n, K)``; rows of zeros where a record has no such item.
        choices: By view, what was learned.
        examples: By view, what the record of each example is called.

    Returns:
        ``(n, K)``; a view that is alone in a row counts one.
    """
    weights = shared_weights({view: choices[view] for view in said}, examples)
    several = np.sum([rows.any(axis=1) for rows in said.values()], axis=0) > 1
    parts = [rows * np.where(several, weights[view], 1.0)[:, None] for view, rows in said.items()]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def shared_weights(
    choices: Mapping[str, Choice], examples: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """How much views count, from examples of theirs that are one record and were left out.

    Args:
        choices: By view, what was learned.
        examples: By view, what the record of each example is called.

    Returns:
        By view; one each where no record was left out of all of them.
    """
    places = {
        view: {examples[view][row]: place for place, row in enumerate(made.rows.tolist())}
        for view, made in choices.items()
    }
    first, *others = places
    shared = [name for name in places[first] if all(name in places[view] for view in others)]
    if not shared:
        return dict.fromkeys(choices, 1.0)
    rows = {view: [known[name] for name in shared] for view, known in places.items()}
    parts = [made.left_out[rows[view]] for view, made in choices.items()]
    weights = view_weights(parts, choices[first].labels[rows[first]])
    return dict(zip(choices, weights.tolist(), strict=True))
