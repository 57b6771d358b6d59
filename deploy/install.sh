#!/bin/sh
# Install isthmus and all it needs into an environment of its own.
#
#   deploy/install.sh PREFIX STATE
#
# PREFIX gets the environment, STATE is an empty folder for stores and caches. Indexes other
# than the default are taken from pip's own variables, such as PIP_EXTRA_INDEX_URL.
set -eu
[ $# -eq 2 ] || { echo "usage: $0 PREFIX STATE" >&2; exit 2; }
source=$(cd "$(dirname "$0")/.." && pwd)
python3 -m venv "$1"
"$1/bin/python" -m pip install --disable-pip-version-check --no-cache-dir --quiet \
    --constraint "$source/constraints.txt" "$source[starter]"
"$1/bin/isthmus" --version
mkdir -p "$2"
