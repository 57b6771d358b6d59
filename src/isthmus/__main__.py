"""``isthmus`` and ``python -m isthmus``."""

from __future__ import annotations

import sys


def run() -> None:
    """Start the command line; Ctrl-C ends it quietly already while it is imported."""
    try:
        from isthmus.cli.main import run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    run()
