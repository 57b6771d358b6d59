"""Selection: from a data set to a space, chosen on held-out records or refused."""

from isthmus.selection.align import align
from isthmus.selection.candidates import Candidate, candidates
from isthmus.selection.layers import LayerChoice, best_layer, choose_layers
from isthmus.selection.pretrained import from_pretrained

__all__ = [
    "Candidate",
    "LayerChoice",
    "align",
    "best_layer",
    "candidates",
    "choose_layers",
    "from_pretrained",
]
