#!/bin/sh
# Builds dist/: the sdist and the wheel of the last commit, the same bytes every time.
#
#   packaging/dist.sh [FOLDER]
#
# Needs git, a C compiler and a Python with `build` and, for the manylinux tag, `auditwheel` and
# patchelf. PYTHON names it (default python3). The wheel is for this machine's architecture and for
# all Pythons from 3.11 on: the extension keeps to the stable interface.
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
OUT=${1:-$HERE/dist}
PYTHON=${PYTHON:-python3}
SOURCE_DATE_EPOCH=$(git -C "$HERE" log -1 --format=%ct)
export SOURCE_DATE_EPOCH
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
umask 022

mkdir -p "$OUT" "$WORK/tree" "$WORK/raw" "$WORK/linked"
git -C "$HERE" archive HEAD | tar -x -C "$WORK/tree"

# The sdist; packed again, because setuptools leaves times and owners in it.
"$PYTHON" -m build --sdist --outdir "$WORK/raw" "$WORK/tree" >"$WORK/log" 2>&1 \
  || { cat "$WORK/log"; exit 1; }
SDIST=$(basename "$WORK"/raw/*.tar.gz)
tar -xzf "$WORK/raw/$SDIST" -C "$WORK"
NAME=${SDIST%.tar.gz}
tar --sort=name --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
  --mode=u=rwX,go=rX -C "$WORK" -c "$NAME" | gzip -9n >"$OUT/$SDIST"

# The wheel is built from the sdist: so the sdist is known to be whole. No path of this machine and
# no table of symbols stays in the compiled part.
CFLAGS="-ffile-prefix-map=$WORK=. ${CFLAGS:-}" LDFLAGS="-s -Wl,--build-id=none ${LDFLAGS:-}" \
  "$PYTHON" -m build --wheel --outdir "$WORK/raw" "$WORK/$NAME" >"$WORK/log" 2>&1 \
  || { cat "$WORK/log"; exit 1; }
WHEEL=$(echo "$WORK"/raw/*.whl)
case $WHEEL in
  *-any.whl) echo "no compiler: this wheel would be without the extension" >&2; exit 1 ;;
esac
rm -f "$OUT"/stt_service-*-"$(uname -m)".whl "$OUT"/stt_service-*_"$(uname -m)".whl
if "$PYTHON" -m auditwheel --version >/dev/null 2>&1 && command -v patchelf >/dev/null; then
  "$PYTHON" -m auditwheel repair --wheel-dir "$OUT" "$WHEEL" >"$WORK/log" 2>&1 \
    || { cat "$WORK/log"; exit 1; }
else
  echo "without auditwheel and patchelf the wheel stays linux_$(uname -m): not for an index" >&2
  cp "$WHEEL" "$OUT"
fi
(cd "$OUT" && ls -l "$SDIST" stt_service-*.whl)
