#!/bin/sh
# Installs the wheel of dist/ as a Pi's owner does, on each Python with the lowest and the newest
# versions of all that it depends on, without a compiler, and transcribes the bundled recordings
# and, where asked for, runs the quick tests of the sdist against it. Then once more with pipx.
#
#   packaging/prove-pip.sh [PYTHON...]        default: python3.11 python3.13
#   TESTS=tests packaging/prove-pip.sh        with the tests in these folders, too
#
# Needs `uv` on the PATH, 1 GB in /tmp and the package index that pip is set up for.
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
DIST=${DIST:-$HERE/dist}
TESTS=${TESTS:-}
LIMIT=250 # MB for the whole environment, pip included
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
[ $# -gt 0 ] || set -- python3.11 python3.13
command -v uv >/dev/null || { echo "prove-pip.sh needs uv" >&2; exit 2; }
# Before minutes are spent on one of them; called, since a version manager's command may be hollow.
for python in "$@"; do
  "$python" -c 'import venv' || { echo "prove-pip.sh needs $python" >&2; exit 2; }
done
WHEEL=$(echo "$DIST"/stt_service-*"$(uname -m)".whl)
[ -f "$WHEEL" ] || { echo "no wheel for $(uname -m) in $DIST: make dist" >&2; exit 2; }
tar -xzf "$DIST"/stt_service-*.tar.gz -C "$WORK"
SOURCE=$(echo "$WORK"/stt_service-*)
rm -rf "$WORK/tree" && mkdir "$WORK/tree"
# Without the package itself: what is tested is what was installed.
mv "$SOURCE" "$WORK/source" && cp -r "$WORK/source/." "$WORK/tree" && rm -rf "$WORK/tree/stt_service"
mkdir "$WORK/tree/stt_service" && cp "$WORK/source/stt_service/default.toml" "$WORK/tree/stt_service"
# What the wheel itself asks for: what those need in turn is for them to say.
python3 -m zipfile -e "$WHEEL" "$WORK/wheel"
sed -n 's/^Requires-Dist: //p' "$WORK"/wheel/*.dist-info/METADATA | grep -v 'extra ==' \
  >"$WORK/needs.in"

for python in "$@"; do
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  # Debian 12 has glibc 2.36: everything, and what that needs in turn, comes as a wheel for it.
  for machine in x86_64 aarch64; do
    uv pip compile --quiet --only-binary :all: --python-version "$version" \
      --python-platform "$machine-manylinux_2_36" --no-header --no-annotate --no-emit-index-url \
      "$WORK/needs.in" --output-file "$WORK/resolved" >/dev/null
    echo "ok  Python $version, $machine: $(grep -c == "$WORK/resolved") wheels, none to compile"
  done
  for which in lowest highest; do
    rm -f "$WORK/constraints" # uv would keep to what stands there
    uv pip compile --quiet --no-deps --only-binary :all: --python-version "$version" \
      --resolution "$which" --no-header --no-annotate --no-emit-index-url \
      "$WORK/needs.in" --output-file "$WORK/constraints" >/dev/null
    rm -rf "$WORK/venv"
    "$python" -m venv "$WORK/venv"
    "$WORK/venv/bin/pip" install --quiet --only-binary :all: --constraint "$WORK/constraints" \
      "$WHEEL" 2>"$WORK/log" || { cat "$WORK/log"; exit 1; }
    "$WORK/venv/bin/pip" check >/dev/null
    size=$(du -sm "$WORK/venv" | cut -f1)
    (cd "$WORK" && venv/bin/stt-service demo >demo.log 2>&1) || { cat "$WORK/demo.log"; exit 1; }
    echo "ok  Python $version, $which versions: $size MB, $(tail -n 1 "$WORK/demo.log")"
    [ "$size" -le "$LIMIT" ] || { echo "FAILED: more than $LIMIT MB" >&2; exit 1; }
    if [ "$which" = highest ]; then
      "$python" -m venv "$WORK/pipx"
      "$WORK/pipx/bin/pip" install --quiet pipx 2>/dev/null
      PIPX_HOME=$WORK/pipx/home PIPX_BIN_DIR=$WORK/pipx/own PIPX_DEFAULT_PYTHON=$python \
        PIP_ONLY_BINARY=:all: "$WORK/pipx/bin/pipx" install --quiet "$WHEEL" >"$WORK/log" 2>&1 \
        || { cat "$WORK/log"; exit 1; }
      (cd "$WORK" && pipx/own/stt-service demo >demo.log 2>&1) || { cat "$WORK/demo.log"; exit 1; }
      echo "ok  Python $version, pipx: $(tail -n 1 "$WORK/demo.log")"
      rm -rf "$WORK/pipx"
    fi
    [ -n "$TESTS" ] || continue
    "$WORK/venv/bin/pip" install --quiet --constraint "$WORK/constraints" pytest pytest-randomly \
      pytest-timeout hypothesis jiwer 2>/dev/null
    # The page of the protocol is written by the newest pydantic, which words limits differently.
    (cd "$WORK/tree" && "$WORK/venv/bin/python" -m pytest -q -p no:cacheprovider \
      --deselect tests/server/test_describe.py::test_the_page_is_up_to_date \
      -m 'not slow and not native and not browser and not sound' $TESTS) >"$WORK/log" 2>&1 \
      || { tail -n 60 "$WORK/log"; exit 1; }
    echo "ok  Python $version, $which versions: $(tail -n 1 "$WORK/log")"
  done
done
