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
case $ARCH in
  amd64) MACHINE=x86_64 ;;
  arm64) MACHINE=aarch64 ;;
  *) echo "no such architecture: $ARCH" >&2; exit 2 ;;
esac
need debootstrap unshare git "$PYTHON"
SOURCE_DATE_EPOCH=$(git -C "$HERE" log -1 --format=%ct)
export SOURCE_DATE_EPOCH

CHROOT=$CACHE/build-$SUITE-$ARCH
make_chroot "$CHROOT" "$SUITE" "$ARCH" \
  "build-essential debhelper fakeroot python3 python3-dev python3-venv python3-pip portaudio19-dev"

# Wheels for that Debian's Python; PyAudio has none, so its source.
LOCK=$HERE/packaging/lock-$VERSION.txt
WHEELS=$CACHE/wheels-$VERSION-$ARCH-$(sha256sum "$LOCK" | cut -c1-12)
if [ ! -e "$WHEELS/.complete" ]; then
  mkdir -p "$WHEELS"
  awk '/^[a-z]/ { out = /^pyaudio==/ ? "source" : "wheels" } { print > (folder "/" out ".txt") }' \
    folder="$WHEELS" "$LOCK"
  platforms=
  for glibc in $(seq 36 -1 17); do platforms="$platforms --platform manylinux_2_${glibc}_$MACHINE"; done
  "$PYTHON" -m pip download --quiet --dest "$WHEELS" --no-deps --require-hashes \
    --only-binary :all: --python-version "$VERSION" --implementation cp $platforms \
    --platform "manylinux2014_$MACHINE" --requirement "$WHEELS/wheels.txt"
  "$PYTHON" -m pip download --quiet --dest "$WHEELS" --no-deps --require-hashes \
    --no-binary pyaudio --requirement "$WHEELS/source.txt"
  touch "$WHEELS/.complete"
fi

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
