#!/bin/sh
# Writes packaging/lock-PYTHON.txt anew: the newest versions of all that the .deb vendors, with the
# hashes of their files for every architecture. Run it before a release, then `make release-check`.
#
#   packaging/lock.sh
#
# Needs `uv` on the PATH and the package index that it is set up for.
set -eu
cd "$(dirname "$0")/.."
for python in 3.11 3.13; do
  uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --python-version "$python" --python-platform linux --extra all \
    --output-file "packaging/lock-$python.txt" setup.py packaging/lock.in >/dev/null
  echo "packaging/lock-$python.txt: $(grep -c '^[a-z].*==' "packaging/lock-$python.txt") packages"
done
