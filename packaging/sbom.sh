#!/bin/sh
# Writes dist/sbom.cdx.json, the bill of materials (CycloneDX) of the wheel of dist/ with the
# versions of packaging/lock-*.txt: names, versions, licences. The same bytes every time.
#
#   packaging/sbom.sh
#
# Needs cyclonedx-py on the PATH, 300 MB in /tmp, and the package index. PYTHON (default python3)
# says which lock counts.
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
DIST=${DIST:-$HERE/dist}
PYTHON=${PYTHON:-python3}
VERSION=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
SOURCE_DATE_EPOCH=$(git -C "$HERE" log -1 --format=%ct)
export SOURCE_DATE_EPOCH
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
# Names and versions: pip takes no hashes beside our own wheel, which has none there.
sed -n 's/^\([a-z][^ ]*==[^ ]*\).*/\1/p' "$HERE/packaging/lock-$VERSION.txt" >"$WORK/constraints"
"$PYTHON" -m venv "$WORK/venv"
"$WORK/venv/bin/pip" install --quiet --no-compile --only-binary :all: --find-links "$DIST" \
  --constraint "$WORK/constraints" stt-service 2>"$WORK/log" || { cat "$WORK/log" >&2; exit 1; }
"$WORK/venv/bin/pip" uninstall --quiet --yes setuptools pip >/dev/null 2>&1 || true
cyclonedx-py environment --output-reproducible --short-PURLs --output-file "$DIST/sbom.cdx.json" \
  "$WORK/venv" 2>"$WORK/log" || { cat "$WORK/log" >&2; exit 1; }
! grep -q "$WORK" "$DIST/sbom.cdx.json" || { echo "a path of this machine is in it" >&2; exit 1; }
"$PYTHON" - "$DIST/sbom.cdx.json" <<'END'
import json, sys
found = {one["name"].lower() for one in json.load(open(sys.argv[1]))["components"]}
missing = {"stt-service", "numpy", "ai-edge-litert"} - found
sys.exit(f"not in the bill of materials: {missing}" if missing else 0)
END
