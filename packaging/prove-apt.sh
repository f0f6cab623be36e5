#!/bin/sh
# Installs the package from a signed repository into a clean Debian, as its owner does, and proves
# there what the package promises.
#
#   sudo packaging/prove-apt.sh [SUITE [ARCHITECTURE]]
#
# For this machine's architecture a Debian is booted, with systemd as process 1, and inside.sh goes
# all the way: apt install, the service runs, a recording played into it becomes a transcript, an
# upgrade keeps mute and consent, removal keeps the recordings, a purge withdraws and deletes. For
# a foreign one, which qemu cannot boot that way, the package is installed in a chroot, transcribes
# and hears RECORDING there, and is purged.
#
# The repository is that of dist/, signed with a key made for the proof. RECORDING (default: one of
# the bundled) is a WAV or FLAC to hear. Needs root, debootstrap, apt-utils, gpg,
# systemd-nspawn for a boot, and Debian's servers for what the package depends on.
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
. "$HERE/packaging/chroots.sh"
SUITE=${1:-bookworm}
ARCH=${2:-$(dpkg --print-architecture)}
DIST=${DIST:-$HERE/dist}
RECORDING=${RECORDING:-$HERE/models/demo-1-turn-on-the-kitchen-light.flac}
LIMIT=${LIMIT:-900} # seconds for all that happens inside
PATIENCE=${PATIENCE:-1} # times as long may each step take, on a machine that has other work
need debootstrap apt-ftparchive gpg dpkg-deb
case $SUITE in bookworm) RELEASE=12 ;; trixie) RELEASE=13 ;; *) exit 2 ;; esac
DEB=$(echo "$DIST"/stt-service_*+deb"$RELEASE"_"$ARCH".deb)
[ -f "$DEB" ] || { echo "no .deb for $SUITE and $ARCH in $DIST: make deb" >&2; exit 2; }

CLEAN=$CACHE/clean-$SUITE-$ARCH
PACKAGES="systemd systemd-sysv dbus"
[ "$ARCH" = "$(dpkg --print-architecture)" ] || PACKAGES=debianutils # nothing more is booted there
make_chroot "$CLEAN" "$SUITE" "$ARCH" "$PACKAGES"

WORK=$(mktemp -d)
ROOT=$CACHE/proof-$SUITE-$ARCH
trap 'rm -rf "$WORK"; rm -rf --one-file-system "$ROOT"' EXIT
rm -rf --one-file-system "$ROOT"
cp -a --reflink=auto "$CLEAN" "$ROOT"
mkdir -p "$ROOT/srv" "$ROOT/opt/prove"

# The repository, with a key of its own, and the next version, for the upgrade.
GNUPGHOME=$WORK/gnupg
export GNUPGHOME
KEY=$("$HERE/packaging/throwaway-key.sh")
export KEY
"$HERE/packaging/apt-repo.sh" "$ROOT/srv/apt" >/dev/null 2>"$WORK/log" \
  || { cat "$WORK/log" >&2; exit 1; }
gpgconf --kill all
dpkg-deb -R "$DEB" "$WORK/next"
sed -i 's/^Version: .*/&.1/' "$WORK/next/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip -z1 -b "$WORK/next" "$ROOT/srv/next.deb" >/dev/null
rm -rf "$WORK/next"

# As docs/install.md tells it.
install -D -m 644 "$ROOT/srv/apt/stt-service.asc" "$ROOT/etc/apt/keyrings/stt-service.asc"
cat >"$ROOT/etc/apt/sources.list.d/stt-service.sources" <<END
Types: deb
URIs: file:/srv/apt
Suites: $SUITE
Components: main
Signed-By: /etc/apt/keyrings/stt-service.asc
END
cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
cp "$RECORDING" "$ROOT/opt/prove/recording.${RECORDING##*.}"
install -m 755 "$HERE/packaging/inside.sh" "$HERE/packaging/inside-chroot.sh" "$ROOT/opt/prove"
install -m 644 "$HERE/packaging/recorder.py" "$ROOT/opt/prove"
# What Debian gives to the package is fetched beforehand: inside there is no network.
enter "$ROOT" sh -c 'apt-get update -qq && apt-get install -qq -y --download-only stt-service' \
  >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; exit 1; }
# Not what apt keeps by itself: the package comes from the repository.
rm -f "$ROOT"/var/cache/apt/archives/stt-service*

if [ "$ARCH" != "$(dpkg --print-architecture)" ]; then
  enter "$ROOT" timeout "$LIMIT" /opt/prove/inside-chroot.sh 2>&1 | tee "$WORK/log"
else
  need systemd-nspawn
  cat >"$ROOT/etc/systemd/system/proof.service" <<END
[Unit]
After=multi-user.target
[Service]
Type=exec
Environment=PATIENCE=$PATIENCE
ExecStart=/opt/prove/inside.sh
StandardOutput=file:/opt/prove-log/log
StandardError=inherit
[Install]
WantedBy=graphical.target multi-user.target
END
  systemctl --quiet --root="$ROOT" enable proof.service
  mkdir -p "$ROOT/opt/prove-log"
  timeout --kill-after=10 "$LIMIT" systemd-nspawn --quiet --boot --register=no --keep-unit \
    --private-network --link-journal=no --bind="$WORK:/opt/prove-log" --directory="$ROOT" \
    --console=pipe >"$WORK/console" 2>&1 </dev/null || true
  cat "$WORK/log" 2>/dev/null || tail -n 20 "$WORK/console"
fi
grep -qx PROVEN "$WORK/log"
