#!/bin/sh
# Builds the .deb of the last commit in a Debian of its own, the same bytes every time.
#
#   sudo packaging/deb.sh [SUITE [ARCHITECTURE [FOLDER]]]
#
# default: bookworm, this machine's architecture, dist/. Suites: bookworm, trixie; architectures:
# amd64, arm64. Needs root, git, debootstrap and Python with pip (PYTHON names it), for a foreign
# architecture qemu-user-static too; Debian's and Python's package servers for what is not yet in
# CACHE (default /var/tmp/stt-service-packaging): the Debian, 0.7 GB, and the wheels, 60 MB, which
# must have the hashes of packaging/lock-*.txt. The build itself has no network.
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
. "$HERE/packaging/chroots.sh"
SUITE=${1:-bookworm}
ARCH=${2:-$(dpkg --print-architecture)}
OUT=${3:-$HERE/dist}
PYTHON=${PYTHON:-python3}
case $SUITE in
  bookworm) RELEASE=12 VERSION=3.11 ;;
  trixie) RELEASE=13 VERSION=3.13 ;;
  *) echo "no such suite: $SUITE" >&2; exit 2 ;;
esac
need debootstrap unshare git "$PYTHON"
SOURCE_DATE_EPOCH=$(git -C "$HERE" log -1 --format=%ct)
export SOURCE_DATE_EPOCH

CHROOT=$CACHE/build-$SUITE-$ARCH
make_chroot "$CHROOT" "$SUITE" "$ARCH" "$BUILD_PACKAGES"

fetch_wheels "$VERSION" "$ARCH"

BUILD=$CHROOT/build
rm -rf "$BUILD"
TREE=$BUILD/stt-service
mkdir -p "$TREE"
git -C "$HERE" archive HEAD | tar -x -C "$TREE"
mkdir "$TREE/debian/wheels"
cp "$WHEELS"/*.whl "$WHEELS"/*.tar.gz "$TREE/debian/wheels"
# Each Debian has a version of its own, and the newer one's is the greater: so an upgrade of Debian
# upgrades this, too.
sed -i "1s/(\(.*\)) [a-z]*;/(\1+deb$RELEASE) $SUITE;/" "$TREE/debian/changelog"
LOG=$CHROOT.build.log
BUILD_IN="cd /build/stt-service && dpkg-buildpackage --build=binary --no-sign"
# unshare: neither network nor processes of this machine are seen by the build.
unshare --net --pid --fork --mount sh -c ". '$HERE/packaging/chroots.sh'; \
  enter '$CHROOT' sh -c '$BUILD_IN'" >"$LOG" 2>&1 || { tail -n 30 "$LOG" | cut -c1-300 >&2; exit 1; }
mkdir -p "$OUT"
cp "$BUILD"/*.deb "$OUT"
rm -rf "$BUILD"
ls -l "$OUT"/stt-service_*+deb"$RELEASE"_"$ARCH".deb
