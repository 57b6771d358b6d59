"""Recommend: more like these, from vectors of a space and from what others took."""
