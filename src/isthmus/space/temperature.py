"""By what a model multiplies cosines, where a space leaves its vectors as they are."""

from __future__ import annotations

from isthmus.aligners.affine import UnitHead
from isthmus.core.contracts import Joint, joint_of
from isthmus.space.space import Space


def logit_scale(space: Space, a: str, b: str) -> float | None:
    """By what a model multiplies cosines of two views that it joined itself.

    Args:
        space: Of the views.
        a: A view.
        b: Another one.

    Returns:
        None where the views are of no such model, or its vectors were changed.
    """
    if any(space.heads[view].kind != UnitHead.kind for view in (a, b)):
        return None
    first, second = space.encoder(a), space.encoder(b)
    if not isinstance(first, Joint) or not first.joint or first.joint != joint_of(second):
        return None
    return first.logit_scale
