"""Aligners on the graph of items, cross-modal and within a view; registered by their ids."""

from isthmus.aligners import ALIGNERS

ALIGNERS.add("cm-gnn", "isthmus.graph.aligner:CMGNN")
ALIGNERS.add("propagation", "isthmus.graph.propagate:Propagation")
