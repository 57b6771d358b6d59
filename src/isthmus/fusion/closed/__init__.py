"""Fusions in closed form, each a pure function of Moments."""
