"""Aligners that are trained step by step."""
