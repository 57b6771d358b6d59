"""The report of a space."""
