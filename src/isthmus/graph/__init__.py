"""Graphs over the items of all modalities: propagation, and a network that learns on them."""
