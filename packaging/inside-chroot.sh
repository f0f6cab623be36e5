#!/bin/sh
# Runs inside a chroot of another architecture, see prove-apt.sh: from apt install to a transcript.
set -eu
RECORDING=$(echo /opt/prove/recording.*)
export HOME=/root
fail() {
  echo "FAILED: $1"
  exit 1
}
uname -m
date +'apt install: %T'
apt-get install -y --no-install-recommends stt-service 2>&1 | grep -E '^(Setting up|Unpacking|E:|W:)'
date +'installed: %T'
du -sm /usr/lib/stt-service
stt-service --version
echo "transcribe:"
stt-service transcribe "$RECORDING"
date +'transcribed: %T'
# The daemon, as the service's user, with the recording as its microphone.
runuser -u stt-service -- env STT_SERVICE_PATHS__STATE=/tmp/state \
  stt-service run --source "wav:$RECORDING" --once --fast --print --no-server 2>/dev/null \
  >/tmp/heard || fail "run"
echo "the daemon heard: $(cat /tmp/heard)"
grep -q '[a-z]' /tmp/heard || fail "the daemon heard nothing"
stt-service demo | tail -n 1
[ "$(stat -c '%U' /etc/stt-service/config.toml)" = root ] || fail "owner of the settings"
apt-get purge -y stt-service >/tmp/purge 2>&1 || { cat /tmp/purge; fail "purge"; }
for left in /usr/lib/stt-service /etc/stt-service /var/lib/stt-service; do
  [ ! -e "$left" ] || fail "$left is left"
done
echo "purged: nothing is left"
echo PROVEN
