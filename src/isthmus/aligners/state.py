"""What heads share: what they save, and a direction for what they map to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isthmus.core.linalg import F32, Array

Document = Mapping[str, Any]
"""Parameters of a head as JSON; each kind of head knows its own."""
State = tuple[dict[str, Any], dict[str, Array]]
"""Parameters of a head: a document and arrays by name."""
Arrays = Mapping[str, F32]
"""Arrays of a head by name."""


def with_direction(unit: F32) -> F32:
    """Give rows that a head maps to zero a direction: equal parts of every axis.

    It happens to the mean itself and to vectors that resemble no anchor. Such a row then
    scores about the same against everything, instead of poisoning a store with zeros.
    """
    lost = ~unit.any(axis=1)
    if lost.any():
        unit[lost] = 1.0 / np.sqrt(unit.shape[1])
    return unit
