"""``isthmus`` and ``python -m isthmus``."""

from __future__ import annotations

import sys


def run() -> None:
    """Start the command line; Ctrl-C ends it in one line already while it is imported."""
    try:
        from isthmus.cli.main import run
    except BaseException as error:
        from isthmus.core.errors import was_interrupted

        if not was_interrupted(error):
            raise
        print("\nInterrupted.", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    run()
