"""Selection: from a data set to a space, chosen on held-out records or refused."""

from isthmus.selection.align import align
from isthmus.selection.candidates import Candidate, candidates

__all__ = ["Candidate", "align", "candidates"]
