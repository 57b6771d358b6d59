"""The ``isthmus`` command: parses, calls, renders."""
