# Functions of the packaging scripts: Debians of any suite and architecture, made once and kept.
#
#   . packaging/chroots.sh
#   make_chroot FOLDER SUITE ARCH PACKAGES    a Debian with these packages, unless it is there
#   enter FOLDER COMMAND [ARGUMENT...]        runs a command in it, with /proc, as root
#
# They need root, debootstrap and, for a foreign architecture, qemu-user-static with binfmt_misc.

MIRROR=${MIRROR:-http://deb.debian.org/debian}
CACHE=${CACHE:-/var/tmp/stt-service-packaging}

# need TOOL...: ends the script where one is missing.
need() {
  [ "$(id -u)" = 0 ] || { echo "$(basename "$0") needs root" >&2; exit 2; }
  for tool in "$@"; do
    command -v "$tool" >/dev/null || { echo "$(basename "$0") needs $tool" >&2; exit 2; }
  done
}

make_chroot() {
  [ -e "$1/.complete" ] && return 0
  if [ "$3" != "$(dpkg --print-architecture)" ]; then
    [ -e /proc/sys/fs/binfmt_misc/status ] \
      || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    ls /proc/sys/fs/binfmt_misc | grep -q qemu \
      || { echo "a chroot for $3 needs qemu-user-static and its binfmt entries" >&2; exit 2; }
  fi
  rm -rf --one-file-system "$1"
  mkdir -p "$(dirname "$1")"
  debootstrap --arch="$3" --variant=minbase --include="$(echo "$4" | tr ' ' ,)" "$2" "$1" \
    "$MIRROR" >"$1.log" 2>&1 || { tail -20 "$1.log" >&2; exit 1; }
  touch "$1/.complete"
}

enter() {
  root=$1
  shift
  mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
  status=0
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive ${SOURCE_DATE_EPOCH:+SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH} \
    "$@" || status=$?
  umount "$root/proc"
  return $status
}
