#!/bin/sh
# Installs, upgrades, removes and purges the package of dist/ with piuparts, which looks for files
# that were left behind or changed.
#
#   sudo packaging/prove-piuparts.sh [SUITE]
#
# Needs root, piuparts, and Debian's servers.
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
. "$HERE/packaging/chroots.sh"
SUITE=${1:-bookworm}
DIST=${DIST:-$HERE/dist}
need piuparts debootstrap
case $SUITE in bookworm) RELEASE=12 ;; trixie) RELEASE=13 ;; *) exit 2 ;; esac
ARCH=$(dpkg --print-architecture)
CLEAN=$CACHE/piuparts-$SUITE-$ARCH
# What piuparts itself calls inside, and no more.
make_chroot "$CLEAN" "$SUITE" "$ARCH" "apt-utils"
LOG=$CACHE/piuparts-$SUITE.log
# Accounts of services stay after a purge: files of theirs could lie anywhere.
piuparts --existing-chroot "$CLEAN" --distribution "$SUITE" --mirror "$MIRROR main" \
  --log-file "$LOG" --warn-on-leftovers-after-purge --warn-on-debsums-errors \
  "$DIST"/stt-service_*+deb"$RELEASE"_"$ARCH".deb >/dev/null || { tail -n 40 "$LOG" >&2; exit 1; }
tail -n 3 "$LOG"
