"""Fusions that are trained: each starts at late fusion and must show on held-out records."""
