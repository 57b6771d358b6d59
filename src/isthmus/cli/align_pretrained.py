"""``isthmus align --pretrained``: a space of models whose modalities are joined already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.core.errors import InputError

if TYPE_CHECKING:
    from isthmus.core.contracts import Progress
    from isthmus.core.paired import PairedVectors
    from isthmus.core.record import Dataset
    from isthmus.pipeline import VectorCache
    from isthmus.space import Space

_LEARNED_FROM = "The map and the examples show records that the space learned from."


@dataclass(frozen=True, eq=False)
class Made:
    """A space, and what a report on it shows.

    Attributes:
        space: The space.
        pairs: Native vectors of the records; None where no report is wanted.
        dataset: The records, with views called as those of the space.
        note: What a reader of the report must know.
        told: Lines on what was chosen before.
    """

    space: Space
    pairs: PairedVectors | None
    dataset: Dataset | None
    note: str = _LEARNED_FROM
    told: Sequence[str] = ()


@dataclass(frozen=True)
class Models:
    """What a user says of pretrained models.

    Attributes:
        names: Ids of models and folders of spaces.
        fix: Texts of ``--fix``, each with one view or several.
        texts: File of ``--texts``.
        trust: Packages of ``--trust``.
        shown: Whether a report is wanted.
    """

    names: Sequence[str]
    fix: Sequence[str]
    texts: Path | None
    trust: Sequence[str]
    shown: bool

    @property
    def fixed(self) -> list[str]:
        """Views whose heads stay."""
        parts = [part.strip() for text in self.fix for part in text.split(",")]
        found = [part for part in parts if part]
        if self.fix and not found:
            raise InputError("--fix names no view; write, for example: --fix image,text")
        return found


def check_pretrained(
    told: Mapping[str, object], data: str | None, report: Path | None, readout: str
) -> None:
    """Refuse options that say how all heads are learned, and a report on no records.

    Args:
        told: Which options were given.
        data: DATA.
        report: Of ``--report``.
        readout: Of ``--readout``.

    Raises:
        InputError: Naming the first.
    """
    given = [name for name, here in {**told, "--readout": readout != "instance"}.items() if here]
    if given:
        raise InputError(
            f"{given[0]} says how heads are learned, and with --pretrained those of the model "
            f"stay; leave out {given[0]}, or --pretrained"
        )
    if report is not None and data is None:
        raise InputError("--report shows records, and there are none; give DATA, too")


def check_learned(data: str | None, fix: Sequence[str] | None, texts: Path | None) -> None:
    """Refuse what makes sense with ``--pretrained`` alone.

    Raises:
        InputError: If it is given, or there is no data.
    """
    for name, value in {"--fix": fix, "--texts": texts}.items():
        if value:
            raise InputError(
                f"{name} needs a space whose heads are there: isthmus align DATA --pretrained "
                f"hf:openai/clip-vit-base-patch32 {name} …, or --pretrained my-space"
            )
    if data is None:
        raise InputError(
            "there is nothing to make a space from; give DATA (isthmus align my-folder --out "
            "my-space), or a model whose modalities are joined already (isthmus align --pretrained "
            "hf:openai/clip-vit-base-patch32 --out my-space)"
        )


def join_models(
    models: Models,
    dataset: Dataset | None,
    encoders: Mapping[str, str],
    *,
    cache: VectorCache | None,
    by_group: bool,
    progress: Progress,
    **asked: Any,
) -> Made:
    """The space of the models, with what a report on it shows."""
    from isthmus.pipeline import prepare
    from isthmus.selection import from_pretrained
    from isthmus.selection.records import as_views_of
    from isthmus.space import PretrainedReport

    space = from_pretrained(
        list(models.names),
        dataset,
        dict(encoders),
        fix=models.fixed,
        texts=models.texts,
        trust=models.trust,
        by_group=by_group,
        cache=cache,
        progress=progress,
        **asked,
    )
    if dataset is None or not models.shown:
        return Made(space, None, None)
    towers = {view: space.encoder(view) for view in space.views}
    named = as_views_of(towers, dataset).select(space.views)
    here = {view: tower for view, tower in towers.items() if view in named.views}
    pairs = prepare(named, here, by_group=by_group, cache=cache, progress=progress).pairs
    learned = not isinstance(space.report, PretrainedReport)
    return Made(space, pairs, named, _LEARNED_FROM if learned else "")
