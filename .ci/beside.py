"""Let an environment see the packages of the one that runs this; its own come first.

.venv/bin/python .ci/beside.py OTHER
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path


def main(other: Path) -> None:
    """Write a file of paths that adds this environment's packages, editable ones among them."""
    own = Path(sysconfig.get_path("purelib"))
    theirs = other / own.relative_to(sys.prefix)
    (theirs / "beside.pth").write_text(f"import site; site.addsitedir({str(own)!r})\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
