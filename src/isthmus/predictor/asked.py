"""What a predictor was asked to predict, and from what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from isthmus.core.errors import InputError
from isthmus.core.view import View
from isthmus.datasets.kinds import KINDS
from isthmus.datasets.roles import parse_role
from isthmus.fusion.target import Kind


@dataclass(frozen=True, slots=True)
class Asked:
    """What a predictor was asked to predict, and from what.

    Attributes:
        target: Name of the column with what is predicted.
        kind: Of the target.
        data: Name of the data set.
        time: Name of the column with the time, of survival; else empty.
        event: Name of the column that says whether the event happened, of survival; else empty.
        kinds: How each plain column is read, see :attr:`isthmus.Dataset.kinds`; those of the
            target are among them.
        card: What the card must also say: ``"medical"`` that it is no medical device.
        notes: What was decided when it was made, where that may surprise.
        unused: Views and columns of that data set that the predictor does not use, such as a column
            that held one value: a record may have them.
        columns: What columns of its table hold that views are read from, by name, as in
            ``load_dataset(…, columns=…)``: ``{"title": "text"}``. Other tables are read so, too.
        dates: Whether the number that is predicted is a date, as days since 1970-01-01.

    Raises:
        InputError: If a column holds nothing that a table can, or is read in no known way.
    """

    target: str
    kind: Kind
    data: str
    time: str = ""
    event: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    card: str = ""
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    dates: bool = False

    def __post_init__(self) -> None:
        for role in self.columns.values():
            parse_role(role)
        for name, kind in self.kinds.items():
            if kind not in KINDS:
                raise InputError(f"column {name}: need one of {', '.join(KINDS)}, got {kind!r}")

    @property
    def views(self) -> Mapping[str, View]:
        """The view that a column is read as, by its name; of columns that name one."""
        roles = {name: parse_role(role) for name, role in self.columns.items()}
        return {name: role for name, role in roles.items() if isinstance(role, View)}
