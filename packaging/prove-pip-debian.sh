#!/bin/sh
# Installs the wheel of dist/ with the pip of a Debian, without any compiler: outside of an environment
# that Debian refuses, and says why; inside of one the recordings are transcribed.
#
#   sudo packaging/prove-pip-debian.sh [SUITE [ARCHITECTURE]]
#
# default: bookworm, this machine's architecture; bookworm has Python 3.11, trixie 3.13. For another
# architecture, under qemu, packaging/dist-foreign.sh makes the wheel. Needs what packaging/deb.sh
# needs, and uses its Debians and wheels: inside there is no network.
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
. "$HERE/packaging/chroots.sh"
SUITE=${1:-bookworm}
ARCH=${2:-$(dpkg --print-architecture)}
DIST=${DIST:-$HERE/dist}
PYTHON=${PYTHON:-python3}
case $SUITE in
  bookworm) VERSION=3.11 ;;
  trixie) VERSION=3.13 ;;
  *) echo "no such suite: $SUITE" >&2; exit 2 ;;
esac
case $ARCH in amd64) MACHINE=x86_64 ;; *) MACHINE=aarch64 ;; esac
need debootstrap "$PYTHON"
WHEEL=$(echo "$DIST"/stt_service-*"$MACHINE".whl)
[ -f "$WHEEL" ] || { echo "no wheel for $MACHINE in $DIST" >&2; exit 2; }
CHROOT=$CACHE/build-$SUITE-$ARCH
make_chroot "$CHROOT" "$SUITE" "$ARCH" "$BUILD_PACKAGES"
fetch_wheels "$VERSION" "$ARCH"
PLACE=$CHROOT/pip
trap 'rm -rf "$PLACE"' EXIT
rm -rf "$PLACE"
mkdir -p "$PLACE/wheels"
cp "$WHEELS"/*.whl "$WHEEL" "$PLACE/wheels"
cat >"$PLACE/inside.sh" <<'END'
set -eu
cd /pip
# This Debian has a compiler, for other proofs: whoever calls it here fails.
CC=/bin/false CXX=/bin/false PIP_NO_INDEX=1 PIP_FIND_LINKS=/pip/wheels PIP_ONLY_BINARY=:all:
export CC CXX PIP_NO_INDEX PIP_FIND_LINKS PIP_ONLY_BINARY
if python3 -m pip install --quiet stt-service >said 2>&1; then
  echo "FAILED: Debian's own Python took it"
  exit 1
fi
grep -q 'externally-managed-environment' said || { cat said; exit 1; }
echo "ok  outside of an environment: $(grep -m1 externally-managed said)"
python3 -m venv venv
venv/bin/python -m pip install --quiet stt-service
echo "ok  $(uname -m), $(venv/bin/python --version): $(du -sm venv | cut -f1) MB"
venv/bin/stt-service demo | tail -n 1
END
enter "$CHROOT" sh /pip/inside.sh
