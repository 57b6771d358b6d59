"""Finding items by anything, and why they were found; see :mod:`isthmus.tasks`."""
