"""Prompts that were learned and saved in a space: how they are written and read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.core.document import Json, to_object
from isthmus.core.errors import ArtifactError, InputError
from isthmus.core.linalg import Array
from isthmus.core.wording import did_you_mean, way
from isthmus.prompts.learned import LearnedPrompt
from isthmus.prompts.typed import SAVED, PartName, composed, is_name

MOST = 1000
"""Saved prompts of a space."""
Changes = Mapping[str, LearnedPrompt | None]
"""Prompts to be saved, by name; one that is None is forgotten."""


@dataclass(frozen=True)
class PromptRow:
    """What a space says of a saved prompt; its rows are ``prompt.{place}`` of the tensors."""

    name: str
    part: PartName
    view: str
    examples: int
    background: int


def check_name(name: str) -> str:
    """The same, composed (NFC), or a refusal of what cannot be the name of a prompt.

    Raises:
        InputError: If it is not made of letters, digits, ``_``, ``.`` and ``-``, 80 at most.
    """
    if not is_name(name):
        raise InputError(
            "the name of a prompt has 1 to 80 letters, digits, _ . and -, and does not begin with "
            f". or -, got {name!r:.90}"
        )
    return composed(name)


def check_new(
    known: Collection[str], names: Iterable[str], *, instead: str = "choose another name"
) -> None:
    """Refuse names under which a prompt is saved already.

    Args:
        known: Names that are taken.
        names: Those that are to be new.
        instead: What to do if the saved one shall stay; empty for nothing.

    Raises:
        InputError: With the way to replace it.
    """
    for name in map(composed, names):
        if name in known:
            replace = way(python="overwrite=True", shell="--overwrite")
            stays = f", or {instead}" if instead else ""
            raise InputError(f"{SAVED}{name} is saved already; replace it with {replace}{stays}")


def changed(
    known: Mapping[str, LearnedPrompt], changes: Changes, *, overwrite: bool = False
) -> dict[str, LearnedPrompt]:
    """Prompts by name with some of them put in or taken out.

    Args:
        known: As they are.
        changes: By name; None takes one out.
        overwrite: Whether one may take the place of another of its name.

    Raises:
        InputError: If a name cannot be one or is taken, there are too many, or none to be taken
            out.
    """
    out = dict(known)
    if not overwrite:
        check_new(known, [name for name, prompt in changes.items() if prompt is not None])
    for name, prompt in ((composed(name), prompt) for name, prompt in changes.items()):
        if prompt is not None:
            out[check_name(name)] = prompt
        elif out.pop(name, None) is None:
            hint = did_you_mean(name, known)
            raise InputError(f"no prompt is saved as {name!r:.90}.{hint}")
    if len(out) > MOST:
        raise InputError(f"a space keeps {MOST} prompts; forget one first")
    return out


def carried(
    earlier: Mapping[str, LearnedPrompt], own: Mapping[str, LearnedPrompt], *, same: bool
) -> tuple[dict[str, LearnedPrompt], list[str]]:
    """Prompts of a space that takes the place of an earlier one.

    Args:
        earlier: Prompts of the earlier space, by name.
        own: Prompts that the new one has already, which stay.
        same: Whether both have the same fingerprint: elsewhere a prompt says nothing.

    Returns:
        Its prompts, and the names of those that are lost.
    """
    if same:
        return {**earlier, **own}, []
    return dict(own), [name for name in earlier if name not in own]


def written(
    prompts: Mapping[str, LearnedPrompt], views: Collection[str], dim: int
) -> tuple[list[Json], dict[str, Array]]:
    """Rows of a document and their arrays.

    Args:
        prompts: By name.
        views: Of the space.
        dim: Of the space.

    Raises:
        InputError: If a prompt is of another space, or has no name that it could have.
    """
    for name, each in prompts.items():
        if each.view not in views or each.rows.shape[1] != dim:
            raise InputError(
                f"the prompt {name!r} was learned in another space: it is of the view "
                f"{each.view!r} and {each.rows.shape[1]} dimensions; learn it in this one"
            )
    rows: list[Json] = [
        to_object(PromptRow(check_name(name), each.part, each.view, each.examples, each.background))
        for name, each in prompts.items()
    ]
    return rows, {f"prompt.{place}": each.rows for place, each in enumerate(prompts.values())}


def read(
    rows: Sequence[PromptRow], tensors: Mapping[str, Array], views: Collection[str], dim: int
) -> dict[str, LearnedPrompt]:
    """Saved prompts by name.

    Args:
        rows: Of the document.
        tensors: Of the space.
        views: Of the space.
        dim: Of the space.

    Raises:
        ArtifactError: If something does not fit.
    """
    if len(rows) > MOST or len({row.name for row in rows}) != len(rows):
        raise ArtifactError(
            f"a space has {MOST} prompts at most, each of a name of its own, got {len(rows)}"
        )
    return {row.name: _read(row, tensors.get(f"prompt.{i}"), views, dim)
            for i, row in enumerate(rows)}  # fmt: skip


def _read(row: PromptRow, x: Array | None, views: Collection[str], dim: int) -> LearnedPrompt:
    name = f"the prompt {row.name!r:.40}"
    if row.view not in views:
        raise ArtifactError(f"{name} is of the view {row.view!r:.40}, which the space has not")
    if x is None or x.dtype.kind != "f" or x.ndim != 2 or x.shape[1] != dim:
        found = "nothing" if x is None else f"{x.dtype} {x.shape}"
        raise ArtifactError(f"{name}: need floats (rows, {dim}), got {found}")
    try:
        check_name(row.name)
        with np.errstate(over="ignore", invalid="ignore"):
            vectors = x.astype(np.float32, copy=False)
            return LearnedPrompt(row.part, row.view, vectors, row.examples, row.background)
    except InputError as error:
        raise ArtifactError(f"{name}: {error}") from error
