"""The explanation of a score."""
