#!/bin/sh
# Boots a Debian with systemd as process 1 and proves there what the units promise: it listens
# after the boot, is back after SIGKILL and a hang, reloads, and keeps its mute over restarts and
# upgrades; the nightly upkeep runs and learns from corrections; somebody who is logged in and has a
# sound server is heard by the unit for users. A recording in a loop plays the microphone. There is
# no network inside.
#
#   sudo systemd/prove.sh [FOLDER]
#
# Needs root, Linux with cgroups, `apt install systemd-container debootstrap python3-venv`, gcc,
# python3-dev, 1 GB of disk and, the first time, Debian's and Python's package servers. FOLDER
# (default /var/tmp/stt-service-prove) keeps the Debian for the next time; what a proof writes into
# it is lost.
# PYTHON names the Python that builds the wheel, SUITE the Debian (default bookworm).
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=${1:-/var/tmp/stt-service-prove}
PYTHON=${PYTHON:-python3}
SUITE=${SUITE:-bookworm}
PACKAGES=systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates
# For the unit of users: a user manager, and a sound server of theirs.
PACKAGES=$PACKAGES,libpam-systemd,dbus-user-session,pulseaudio,pulseaudio-utils
LIMIT=${LIMIT:-400} # seconds; it takes two minutes
PATIENCE=${PATIENCE:-1} # times as long may each step take, on a machine that has other work

[ "$(id -u)" = 0 ] || { echo "prove.sh needs root"; exit 2; }
for tool in systemd-nspawn "$PYTHON"; do
  command -v "$tool" >/dev/null || { echo "prove.sh needs $tool"; exit 2; }
done

if [ ! -e "$ROOT/opt/.complete" ]; then
  command -v debootstrap >/dev/null || { echo "prove.sh needs debootstrap"; exit 2; }
  [ ! -e "$ROOT" ] || { echo "$ROOT is there and not whole: remove it, or name another"; exit 2; }
  debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$ROOT" ${MIRROR:+"$MIRROR"} >/dev/null
  touch "$ROOT/opt/.complete"
fi

rm -rf "$ROOT/opt/wheels"
mkdir -p "$ROOT/opt/wheels" "$ROOT/opt/prove"
"$PYTHON" -m pip wheel --quiet --no-deps --wheel-dir "$ROOT/opt/wheels" "$HERE/.."
[ -x "$ROOT/opt/stt-service/bin/pip" ] \
  || chroot "$ROOT" /usr/bin/python3 -m venv /opt/stt-service
# The machine's certificates: behind a proxy of one's own there may be more than Debian's.
cp /etc/ssl/certs/ca-certificates.crt "$ROOT/etc/ssl/certs/ca-certificates.crt"
[ -e "$ROOT/etc/resolv.conf" ] || cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
chroot "$ROOT" sh -c '/opt/stt-service/bin/pip install --quiet /opt/wheels/*.whl &&
  /opt/stt-service/bin/pip install --quiet --no-deps --force-reinstall /opt/wheels/*.whl'

# As docs/systemd.md tells it.
ln -sf /opt/stt-service/bin/stt-service "$ROOT/usr/local/bin/stt-service"
cp "$HERE/stt-service.service" "$HERE"/stt-service-upkeep.* "$ROOT/etc/systemd/system/"
mkdir -p "$ROOT/etc/sysusers.d" "$ROOT/etc/stt-service/conf.d"
cp "$HERE/stt-service.sysusers.conf" "$ROOT/etc/sysusers.d/stt-service.conf"
systemctl --quiet --root="$ROOT" enable stt-service.service stt-service-upkeep.timer

# Somebody with a desktop's sound server, and a room that is no device: what is played is heard.
chroot "$ROOT" sh -c 'id desk >/dev/null 2>&1 || useradd --create-home desk'
install -d "$ROOT/home/desk/.config/pulse" "$ROOT/home/desk/.config/systemd/user" \
  "$ROOT/home/desk/.config/stt-service"
cp "$HERE"/user/* "$ROOT/home/desk/.config/systemd/user/"
printf '%s\n' 'load-module module-native-protocol-unix' 'load-module module-null-sink sink_name=room' \
  'set-default-sink room' 'set-default-source room.monitor' >"$ROOT/home/desk/.config/pulse/default.pa"
printf '[source]\nname = "cmd:parec"\n' >"$ROOT/home/desk/.config/stt-service/config.toml"
chroot "$ROOT" chown -R desk:desk /home/desk

# The proof's own: a microphone that says four sentences for ever, and the checks.
cat >"$ROOT/opt/prove/recorder.py" <<'EOF'
"""Plays the bundled recordings at real speed, with pauses, as raw audio: a microphone."""
import sys, time
from importlib import resources
import numpy as np, soundfile
rng = np.random.default_rng(1)
files = sorted(p for p in resources.files("stt_service.bundled").iterdir() if p.name.endswith(".flac"))
start, sent = time.monotonic(), 0
while True:
    for path in files:
        samples, rate = soundfile.read(str(path), dtype="int16")
        noise = rng.integers(-20, 20, 2 * rate).astype("int16")
        for part in np.array_split(np.concatenate([samples, noise]), 50):
            sys.stdout.buffer.write(part.tobytes()); sys.stdout.buffer.flush()
            sent += len(part)
            time.sleep(max(0, start + sent / rate - time.monotonic()))
EOF
cat >"$ROOT/etc/stt-service/conf.d/10-proof.toml" <<'EOF'
[source]
name = "cmd:/opt/stt-service/bin/python /opt/prove/recorder.py"
rate = 16000
EOF
rm -f "$ROOT/etc/stt-service/conf.d/50-proof.toml"
install -m 755 "$HERE/prove-inside.sh" "$ROOT/opt/prove/inside.sh"
install -m 644 "$HERE/lessons.py" "$ROOT/opt/prove"
cat >"$ROOT/etc/systemd/system/proof.service" <<EOF
[Unit]
After=stt-service.service
[Service]
Type=exec
Environment=PATIENCE=$PATIENCE
ExecStart=/opt/prove/inside.sh
StandardOutput=file:/opt/prove-log/log
StandardError=inherit
[Install]
WantedBy=multi-user.target
EOF
systemctl --quiet --root="$ROOT" enable proof.service
LOG=$(mktemp -d)
trap 'rm -rf "$LOG"' EXIT

mkdir -p "$ROOT/opt/prove-log"
timeout --kill-after=10 "$LIMIT" systemd-nspawn --quiet --boot --register=no --keep-unit \
  --private-network --link-journal=no --volatile=overlay --bind="$LOG:/opt/prove-log" \
  --directory="$ROOT" --console=pipe >"$LOG/console" 2>&1 </dev/null || true
cat "$LOG/log" 2>/dev/null || tail -20 "$LOG/console"
grep -qx PROVEN "$LOG/log"
