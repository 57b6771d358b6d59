"""The pages that people open, one folder each."""
