"""Moments: the additive second-order statistics of paired vectors."""

from isthmus.moments.moments import Moments

__all__ = ["Moments"]
