"""The starter space as a rival of heads learned from own pairs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from isthmus.aligners.continued import Known, LinearSide
from isthmus.core.errors import ArtifactError
from isthmus.core.view import TEXT
from isthmus.pipeline.prepared import Prepared
from isthmus.space import Space, starter
from isthmus.space.evaluate import evaluate, share_learned
from isthmus.space.report import Evaluation

_MOST_SEEN = 0.01
"""Share of records that the starter may have learned from. Its banks hold a part of what it has
learned from, so that even a few of them tell of many. Chosen, not tuned."""


def known_of(ready: Prepared) -> tuple[Known | None, str]:
    """What the starter space knows of the views of a data set.

    Args:
        ready: The data set.

    Returns:
        The starter's heads and pairs, or None and the reason why it cannot take part.
    """
    try:
        space = Space.load(starter.folder())
    except ArtifactError:  # it is being made
        return None, "the starter space is not there"
    views: dict[str, str] = {}
    for view in ready.pairs.views:
        alike = [v for v in space.views if _fits(space, v, ready, view)]
        if not alike:
            return None, f"it was made for other encoders than that of {view}"
        if alike[0] in views.values():
            return None, "two views have one encoder"
        views[view] = alike[0]
    if reason := _not_paired(space, list(views.values())):
        return None, reason
    if (share := _learned_from(space, ready, views)) > _MOST_SEEN:
        return None, f"it has learned from these records: it knows at least {share:.0%} of them"
    heads = {view: space.heads[known] for view, known in views.items()}
    bank = {view: space.banks[known] for view, known in views.items()}
    return Known(heads, bank, space.fingerprint, space.csls_strength), ""


def starter_beside(space: Space, ready: Prepared) -> Evaluation | None:
    """What the starter space finds among records, where it knows the encoders but not the records.

    Args:
        space: That it stands beside; None is returned where that is the starter itself.
        ready: The records.
    """
    known, _ = known_of(ready)
    if known is None or known.fingerprint == space.fingerprint:
        return None
    return evaluate(known.heads, known.bank, ready.pairs, csls_strength=known.csls_strength)


def share_known(space: Space, ready: Prepared) -> float:
    """Which share of some records a space learned from, as far as its banks tell; 0…1.

    Your captions may be others than those that the starter space learned with a picture or a
    sound, so it is asked what it knows of these alone.

    Args:
        space: That was loaded.
        ready: The records, of views of the space.
    """
    share = share_learned(space.heads, space.banks, ready.pairs)
    if share or space.fingerprint != Space.load(starter.folder()).fingerprint:
        return share
    return _learned_from(space, ready, {view: view for view in ready.pairs.views})


def _fits(space: Space, known: str, ready: Prepared, view: str) -> bool:
    alike = space.encoders[known].fingerprint == ready.encoders[view].fingerprint
    return alike and LinearSide.of(space.heads[known]) is not None


def _not_paired(space: Space, views: Sequence[str]) -> str:
    """Why rows of the banks do not belong together, if they do not."""
    first = space.bank_ids[views[0]]
    other = next((view for view in views if space.bank_ids[view] != first), None)
    return f"it remembers no pairs of {views[0]} and {other}" if other else ""


def _learned_from(space: Space, ready: Prepared, views: Mapping[str, str]) -> float:
    """Which share of the records it has seen.

    Text is left out, as it says little: "a dog" is the caption of many pictures.
    """
    said = {view: known for view, known in views.items() if space.modalities[known] != TEXT}
    heads = {view: space.heads[known] for view, known in said.items()}
    banks = {view: space.banks[known] for view, known in said.items()}
    return share_learned(heads, banks, ready.pairs, least=1) if said else 0.0
