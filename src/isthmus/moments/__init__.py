"""Moments: the additive second-order statistics of paired vectors."""

from isthmus.moments.moments import Moments
from isthmus.moments.rows import of_rest, of_rows

__all__ = ["Moments", "of_rest", "of_rows"]
