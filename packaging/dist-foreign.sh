#!/bin/sh
# Adds the wheel of another architecture to dist/: the sdist that is there, built by that
# architecture's Debian 12, under qemu where this machine is none.
#
#   sudo packaging/dist-foreign.sh [ARCHITECTURE]        default: arm64
#
# Needs what packaging/deb.sh needs, and auditwheel with patchelf for the manylinux tag.
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
. "$HERE/packaging/chroots.sh"
ARCH=${1:-arm64}
DIST=${DIST:-$HERE/dist}
PYTHON=${PYTHON:-python3}
need debootstrap git "$PYTHON"
[ -f "$(echo "$DIST"/stt_service-*.tar.gz)" ] || { echo "no sdist in $DIST: make dist" >&2; exit 2; }
SOURCE_DATE_EPOCH=$(git -C "$HERE" log -1 --format=%ct)
export SOURCE_DATE_EPOCH
CHROOT=$CACHE/build-bookworm-$ARCH
make_chroot "$CHROOT" bookworm "$ARCH" "$BUILD_PACKAGES"
fetch_wheels 3.11 "$ARCH"

BUILD=$CHROOT/wheel
trap 'rm -rf "$BUILD"' EXIT
rm -rf "$BUILD"
mkdir -p "$BUILD/out"
cp "$DIST"/stt_service-*.tar.gz "$WHEELS"/setuptools-*.whl "$WHEELS"/wheel-*.whl \
  "$WHEELS"/packaging-*.whl "$BUILD"
enter "$CHROOT" sh -c 'cd /wheel && tar -xzf stt_service-*.tar.gz && rm stt_service-*.tar.gz &&
  CFLAGS="-ffile-prefix-map=/wheel=." LDFLAGS="-s -Wl,--build-id=none" \
  python3 -m pip wheel --quiet --no-index --find-links . --no-deps --wheel-dir out ./stt_service-*'
"$PYTHON" -m auditwheel repair --wheel-dir "$DIST" "$BUILD"/out/*.whl 2>"$BUILD/log" \
  || { cat "$BUILD/log" >&2; exit 1; }
ls -l "$DIST"/stt_service-*.whl
