#!/bin/sh
# Runs inside the booted Debian of prove.sh, as a unit after everything else: checks the service
# and prints a line for each thing that it has seen. The last line is PROVEN or FAILED.
set -u
trap 'systemctl --no-block poweroff' EXIT
BIN=/opt/stt-service/bin
PORT=8765
STATE=/var/lib/stt-service
export PATH="/usr/local/bin:$PATH"

fail() {
  echo "FAILED: $1"
  systemctl status --no-pager --lines=40 stt-service
  exit 1
}
property() { systemctl show --value --property "$1" stt-service; }
# until_true SECONDS WHAT COMMAND...: wait for it.
until_true() {
  limit=$(($1 * ${PATIENCE:-1})) what=$2 begun=$(date +%s%N)
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $(($(date +%s%N) - begun)) -lt "${limit}000000000" ] || fail "$what: not within $limit s"
    sleep 0.1
  done
  echo "ok  $what ($((($(date +%s%N) - begun) / 100000000)) tenths of a second)"
}
listening() { [ "$(property ActiveState)" = active ] && property StatusText | grep -q '^listening'; }
anew() { [ "$(property MainPID)" != "$1" ] && [ "$(property MainPID)" != 0 ] && listening; }
muted() { property StatusText | grep -q 'muted by proof'; }
heard() { timeout $((20 * ${PATIENCE:-1})) stt-service watch --json --kinds final | grep -m1 -q '"text": *"[a-z]'; }
heard_by() {
  timeout $((20 * ${PATIENCE:-1})) stt-service watch --json --kinds final \
    | grep -m1 -q "\"scorer\": *\"$1\""
}
# teach COMMAND...: an owner agrees and corrects; COMMAND runs what follows as its user.
teach() {
  "$@" stt-service consent give --yes >/dev/null && "$@" $BIN/python /opt/prove/lessons.py \
    || fail "no store with corrections"
}
# learned JOURNAL...: what upkeep has said of it there.
learned() { journalctl -b -t stt-service-upkeep -o cat "$@" | grep '^personal: .* is in force$'; }
as_service() {
  runuser -u stt-service -- env HOME="$STATE" STT_SERVICE_PATHS__STATE="$STATE" "$@"
}
logged() { journalctl -b -t stt-service -o cat | grep -q "$1"; }

until_true 60 "boot -> listening" listening
until_true 30 "what is said becomes a transcript" heard
journalctl -b -o cat STT_SERVICE_SCOPE=system -t stt-service | grep -q . || fail "no journal field"
echo "ok  the journal has STT_SERVICE_SCOPE=system"
[ "$(stat -c '%U %a' $STATE)" = "stt-service 700" ] || fail "owner of the state"
echo "ok  the state folder is the service's alone"
# Addresses and ports are hexadecimal there, and state 0A is listening.
OPEN=$(awk -v port=":$(printf %04X "$PORT")" \
  '$4 == "0A" && substr($2, length($2) - 4) == port { print $2 }' /proc/net/tcp /proc/net/tcp6)
[ "$OPEN" = "0100007F:$(printf %04X "$PORT")" ] || fail "the port is not open to 127.0.0.1 alone: $OPEN"
echo "ok  the port is open to 127.0.0.1 alone"

pid=$(property MainPID)
grep -q '^Seccomp:.2' "/proc/$pid/status" || fail "no filter of system calls"
grep -q '^CapEff:.0*$' "/proc/$pid/status" || fail "there are rights of root's"
echo "ok  filter of system calls in force, no capabilities"
kill -KILL "$pid"
until_true 30 "SIGKILL -> listening again" anew "$pid"

pid=$(property MainPID)
kill -STOP "$pid"
until_true 60 "SIGSTOP -> watchdog -> listening again" anew "$pid"
journalctl -b -o cat -u stt-service | grep -q 'Watchdog timeout' || fail "it was not the watchdog"

pid=$(property MainPID)
printf '[listener]\nmode = "push-to-talk"\n' >/etc/stt-service/conf.d/50-proof.toml
systemctl reload stt-service || fail "reload"
until_true 10 "reload is read" logged 'reloaded the settings'
[ "$(property MainPID)" = "$pid" ] || fail "the reload was a restart"
echo "ok  reload without restart"
rm /etc/stt-service/conf.d/50-proof.toml
systemctl reload stt-service

stt-service mute proof || fail "mute"
until_true 10 "muted" muted
systemctl restart stt-service
until_true 30 "the mute survives a restart" muted
# As an upgrade does it: other files under a running service, then a restart.
"$BIN/pip" install --quiet --no-index --no-deps --force-reinstall /opt/wheels/stt_service-*.whl \
  || fail "upgrade"
systemctl restart stt-service
until_true 30 "the mute survives an upgrade" muted
pid=$(property MainPID)
kill -KILL "$pid"
until_true 30 "the mute survives SIGKILL" anew "$pid"
muted || fail "the mute is lost after SIGKILL"
stt-service unmute || fail "unmute"
until_true 30 "unmuted, it hears again" heard

systemctl is-active --quiet stt-service-upkeep.timer || fail "the nightly timer does not wait"
systemctl start stt-service-upkeep \
  || fail "the upkeep: $(journalctl -b -t stt-service-upkeep -o cat | tail -n 5)"
journalctl -b -o cat -t stt-service-upkeep | grep -q '^store: ' || fail "the upkeep said nothing"
echo "ok  the nightly upkeep runs, and its timer waits"
teach as_service
systemctl start stt-service-upkeep && learned >/tmp/learned \
  || fail "it learned nothing: $(journalctl -b -t stt-service-upkeep -o cat | tail -n 5)"
echo "ok  shut in as it is, it learns from corrections: $(cat /tmp/learned)"
until_true 30 "the daemon takes over what was learned" heard_by stt-en-small+1
as_service stt-service consent withdraw --yes >/dev/null || fail "withdraw"
! find $STATE/store -name '*.ngram' | grep -q . || fail "what was learned is left"
until_true 30 "after a withdrawal it is gone, and the daemon lets go of it" heard_by stt-en-small

pid=$(property MainPID)
awk '/^VmHWM|^Threads/ { printf "%s %s %s; ", $1, $2, $3 } END { print "" }' "/proc/$pid/status"
if journalctl -b -o cat | grep -q 'does not support BPF'; then
  echo "--  not proven: this kernel or container has no address filter"
else
  echo "--  not proven: the address filter; systemd took it, but there is no network here to try"
fi
[ "$(property MemoryCurrent)" != "[not set]" ] || echo "--  not proven: no control group of memory here"
systemctl stop stt-service
[ "$(property Result)" = success ] || fail "stop: $(property Result)"
echo "ok  stopped cleanly"

# Settings with mistakes: it gives up and says so.
echo 'nonsense = 1' >/etc/stt-service/conf.d/50-proof.toml
# The starts of the proof so far do not count.
systemctl reset-failed stt-service
systemctl start stt-service >/dev/null 2>&1
gave_up() { [ "$(property ActiveState)" = failed ] && [ "$(property NRestarts)" -ge 5 ]; }
until_true 60 "settings with mistakes: it gives up after six starts" gave_up
logged 'nonsense' || fail "the log does not name the mistake"
systemctl stop stt-service

# The unit for users: a manager of theirs, with their sound server.
rm /etc/stt-service/conf.d/*-proof.toml
loginctl enable-linger desk || fail "no user manager"
DESK=/run/user/$(id -u desk)
as_desk() { runuser -u desk -- env XDG_RUNTIME_DIR="$DESK" HOME=/home/desk "$@"; }
until_true 30 "a user manager starts" as_desk systemctl --user is-active default.target
as_desk systemctl --user --quiet is-active pulseaudio.socket || fail "no sound server to detect"
echo "ok  systemctl --user is-active pulseaudio.socket tells of the sound server"
property() { as_desk systemctl --user show --value --property "$1" stt-service; }
as_desk systemctl --user --quiet enable --now stt-service stt-service-upkeep.timer \
  || fail "the user's unit"
until_true 30 "the user's unit listens" listening
as_desk sh -c '/opt/stt-service/bin/python /opt/prove/recorder.py \
  | pacat --raw --format=s16le --rate=16000 --channels=1 --device=room' &
until_true 30 "what is played in the user's sound server becomes a transcript" heard
journalctl -b -o cat _SYSTEMD_USER_UNIT=stt-service.service | grep -q . || fail "no journal"
pid=$(property MainPID)
kill -KILL "$pid"
until_true 30 "the user's unit is back after SIGKILL" anew "$pid"
teach as_desk
as_desk systemctl --user start stt-service-upkeep && learned _UID="$(id -u desk)" >/tmp/learned \
  || fail "the user's upkeep: $(journalctl -b -t stt-service-upkeep -o cat | tail -n 5)"
echo "ok  the user's nightly upkeep runs and learns: $(cat /tmp/learned)"
echo PROVEN
