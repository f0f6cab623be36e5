# Functions of the packaging scripts: Debians of any suite and architecture, and the wheels that go
# into packages for them, made once and kept. HERE is the repository's folder.
#
#   . packaging/chroots.sh
#   make_chroot FOLDER SUITE ARCH PACKAGES    a Debian with these packages, unless it is there
#   enter FOLDER COMMAND [ARGUMENT...]        runs a command in it, with /proc, as root
#   fetch_wheels PYTHON_VERSION ARCH          what lock-PYTHON_VERSION.txt names, into $WHEELS
#
# They need root, debootstrap and, for a foreign architecture, qemu-user-static with binfmt_misc.

# Where this machine has its own packages from.
MIRROR=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | head -n 1)}
CACHE=${CACHE:-/var/tmp/stt-service-packaging}
BUILD_PACKAGES="build-essential debhelper fakeroot python3 python3-dev python3-venv python3-pip \
portaudio19-dev"

# need TOOL...: ends the script where one is missing.
need() {
  [ "$(id -u)" = 0 ] || { echo "$(basename "$0") needs root" >&2; exit 2; }
  for tool in "$@"; do
    command -v "$tool" >/dev/null || { echo "$(basename "$0") needs $tool" >&2; exit 2; }
  done
}

# What qemu-user is to be, where it runs a foreign Debian: a Raspberry Pi 4. Left alone it is a
# machine with vectors (SVE) that no Pi has, on which NumPy's OpenBLAS gives wrong products.
QEMU_CPU=${QEMU_CPU:-cortex-a72}

emulated() { ls /proc/sys/fs/binfmt_misc | grep -q qemu; }

make_chroot() {
  [ -e "$1/.complete" ] && return 0
  if [ "$3" != "$(dpkg --print-architecture)" ]; then
    [ -e /proc/sys/fs/binfmt_misc/status ] \
      || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    # A boot registers them; where none took place, as in a container, this does.
    emulated || update-binfmts --enable >/dev/null 2>&1 || true
    emulated || { echo "a chroot for $3 needs qemu-user-static and its binfmt entries" >&2; exit 2; }
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
    DEBIAN_FRONTEND=noninteractive QEMU_CPU="$QEMU_CPU" \
    ${SOURCE_DATE_EPOCH:+SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH} \
    "$@" || status=$?
  umount "$root/proc"
  return $status
}

fetch_wheels() {
  case $2 in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    *) echo "no wheels for the architecture $2" >&2; exit 2 ;;
  esac
  lock=$HERE/packaging/lock-$1.txt
  WHEELS=$CACHE/wheels-$1-$2-$(sha256sum "$lock" | cut -c1-12)
  [ -e "$WHEELS/.complete" ] && return 0
  mkdir -p "$WHEELS"
  # PyAudio has no wheels, so its source.
  awk '/^[a-z]/ { out = /^pyaudio==/ ? "source" : "wheels" } { print > (folder "/" out ".txt") }' \
    folder="$WHEELS" "$lock"
  # Debian 12 has glibc 2.36: whatever asks for that much or less.
  platforms="--platform manylinux2014_$machine"
  for minor in $(seq 36 -1 17); do
    platforms="$platforms --platform manylinux_2_${minor}_$machine"
  done
  "$PYTHON" -m pip download --quiet --dest "$WHEELS" --no-deps --require-hashes \
    --only-binary :all: --python-version "$1" --implementation cp $platforms \
    --requirement "$WHEELS/wheels.txt"
  "$PYTHON" -m pip download --quiet --dest "$WHEELS" --no-deps --require-hashes \
    --no-binary pyaudio --requirement "$WHEELS/source.txt"
  touch "$WHEELS/.complete"
}
