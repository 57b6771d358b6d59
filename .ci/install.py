"""Install packages with pip: a bar for people, all that pip says for a log file.

    python .ci/install.py LOG ARGUMENTS…

Only the standard library is there before anything is installed. What is still to come is counted
by the packages that pip has looked up and unpacked, of as many as the last release had.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from pathlib import Path

PACKAGES = {"starter": 93, "dev": 169}
"""How many a fresh environment gets, as the metadata of all of them say; only the bar needs it."""
WIDTH = 30
TOLD = 15


def main(log: Path, arguments: list[str]) -> int:
    """Run pip; its exit code."""
    extra = next((name for name in PACKAGES if f"[{name}]" in arguments[-1]), "dev")
    total, started = 2 * PACKAGES[extra], time.monotonic()
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *arguments]
    print(f"Installing packages; pip writes to {log}", flush=True)
    with log.open("w", encoding="utf-8") as out:
        pip = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            while pip.poll() is None:
                if sys.stdout.isatty():
                    _bar(_done(log), total, time.monotonic() - started)
                time.sleep(0.5)
        except KeyboardInterrupt:
            pip.terminate()
            pip.wait()
            print("\nInterrupted. What was downloaded is kept, so the next run takes less time.")
            return 130
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    if pip.returncode:
        print("".join(log.read_text(encoding="utf-8").splitlines(keepends=True)[-TOLD:]))
        print(f"pip could not install the packages. All that it said is in {log}")
    return pip.returncode


def _done(log: Path) -> int:
    """Packages that were looked up, and packages that are in place."""
    said = log.read_text(encoding="utf-8", errors="replace")
    looked_up = said.count("\nCollecting ") + said.count("\nRequirement already satisfied")
    return looked_up + len(list(Path(sysconfig.get_path("purelib")).glob("*.dist-info")))


def _bar(done: int, total: int, seconds: float) -> None:
    """One line that is written over."""
    share = min(done / total, 0.99)
    left = f"{seconds * (1 - share) / share:.0f} s left" if share > 0.05 else "…"
    filled = round(WIDTH * share)
    bar = "━" * filled + "─" * (WIDTH - filled)
    print(f"\r\033[Kinstall {bar} {share:4.0%} {seconds:.0f} s, about {left}", end="", flush=True)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
