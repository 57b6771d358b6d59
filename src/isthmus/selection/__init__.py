"""Selection: from a data set to a space, chosen on held-out records or refused."""

from isthmus.selection.align import align
from isthmus.selection.candidates import Candidate, candidates
from isthmus.selection.pretrained import from_pretrained

__all__ = ["Candidate", "align", "candidates", "from_pretrained"]
