"""A contact sheet: what a search found on one page."""
