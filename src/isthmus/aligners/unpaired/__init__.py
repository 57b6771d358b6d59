"""Alignment of records that are not paired."""

from isthmus.aligners.unpaired.unpaired import Unpaired

__all__ = ["Unpaired"]
