"""What a predictor was asked to predict, and from what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
