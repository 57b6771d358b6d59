"""How a predictor is made: every option once, for Python and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from isthmus.core.errors import InputError
from isthmus.core.options import changed, check_between, check_whole
from isthmus.core.validate import check_kind, several

Groups = Mapping[str, Sequence[str]] | Sequence[str] | None
"""Plain columns by view; or those of the view ``columns``; None for all, empty for none."""


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How a predictor is made; metadata as of :class:`isthmus.SearchOptions`.

    Attributes:
        kind: Of the target: ``"classes"``, ``"labels"``, ``"grades"``, ``"number"`` or
            ``"survival"``; None to guess it.
        time: Column of the time until an event, of survival.
        event: Column that says whether the event happened.
        grades: Names of the grades, lowest first; numbers need none.
        group: Column of what must stay on one side of a split, such as the patient; default: the
            groups of the data set.
        columns: Plain columns by view, names or patterns; a list for one view; None for all that
            no view takes, ``[]`` for none.
        views: To use; empty for all.
        fusions: Ids that enter; ``"closed"``, the default, for all in closed form, ``"all"`` for
            trained ones, too.
        folds: Outer folds, in which no record is held out twice; at least 3.
        seed: Of folds and all random choices.
        budget: Seconds for choosing; None for no limit.
        metric: What the choice looks at and the report tells first; default: that of the kind.
        horizon: Of survival: the time by which the event is predicted; default: the median time
            of the events.
        card: ``"medical"`` for a card that says that this is no medical device.
        data_options: Of the data set, such as ``{"columns": {"title": "text"}}``.

    Raises:
        InputError: If one of them cannot be used.

    Examples:
        >>> FitOptions(fusions="late").fusions
        ('late',)
    """

    kind: str | None = field(
        default=None,
        metadata={
            "description": "What the target holds: classes, labels (several a record, parted by "
            "|), grades (classes in order), number or survival. Default: guessed and told.",
            "metavar": "KIND",
        },
    )
    time: str = field(
        default="",
        metadata={
            "description": "For survival: column of the time until the event.",
            "metavar": "COLUMN",
        },
    )
    event: str = field(
        default="",
        metadata={
            "description": "For survival: column that says if the event happened.",
            "metavar": "COLUMN",
        },
    )
    grades: Sequence[str] = field(
        default=(),
        metadata={
            "description": "For grades: their names, lowest first. Numbers need none.",
            "metavar": "A,B,C",
        },
    )
    group: str = field(
        default="",
        metadata={
            "description": "Never learn from and test on records with the same value here, such "
            "as the same patient.",
            "metavar": "COLUMN",
        },
    )
    columns: Groups = None
    views: Sequence[str] = field(
        default=(), metadata={"description": "Use only this view.", "flag": "--view"}
    )
    fusions: Sequence[str] = field(
        default=(),
        metadata={
            "description": "Let only this fusion enter; all: trained ones, too. Default: all in "
            "closed form.",
            "flag": "--fusion",
            "metavar": "ID",
        },
    )
    folds: int = field(
        default=5,
        metadata={
            "description": "Parts of the data, each held out once to measure.",
            "metavar": "N",
            "ge": 3,
        },
    )
    seed: int = field(
        default=0,
        metadata={"description": "Seed for all random choices.", "metavar": "N", "ge": 0},
    )
    budget: float | None = field(
        default=None,
        metadata={
            "description": "Time limit for choosing, for example 2m. Default: none.",
            "metavar": "TIME",
        },
    )
    metric: str | None = field(
        default=None,
        metadata={
            "description": "What the choice looks at and the report tells first, such as "
            "'balanced accuracy' where some classes are rare. Default: log loss and accuracy for "
            "classes.",
            "metavar": "NAME",
        },
    )
    horizon: float | None = field(
        default=None,
        metadata={
            "description": "For survival: the time by which the event is predicted, in the unit "
            "of --time. Default: the median time of the events.",
            "metavar": "TIME",
        },
    )
    card: str = field(
        default="",
        metadata={
            "description": "medical: the card says it is no medical device.",
            "metavar": "KIND",
        },
    )
    data_options: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("grades", "views", "fusions"):
            given = getattr(self, name)
            example = f"{name}=['a', 'b']"
            if not isinstance(given, str):
                check_kind(given, Sequence, name, need="names", example=example)
            object.__setattr__(self, name, several(given, str))
        if twice := next((n for n in self.grades if self.grades.count(n) > 1), None):
            raise InputError(f"grades: {twice!r} is there twice; name each once, lowest first")
        check_whole(self.folds, "folds", 3)
        check_whole(self.seed, "seed", 0)
        if self.budget is not None:
            check_between(self.budget, "budget", 0, ends=False)

    @classmethod
    def of(cls, options: Self | None = None, /, **changes: Any) -> Self:
        """Options, some of them changed by name.

        Raises:
            InputError: If there is no option of a name, or ``options`` are others.
        """
        return changed(cls, options, changes, "predict.fit(encoders, data, 'mood', folds=3)")
