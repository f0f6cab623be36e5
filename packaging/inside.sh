#!/bin/sh
# Runs inside the booted Debian of prove-apt.sh: installs, hears, upgrades, removes, purges, and
# prints a line for each thing that it has seen. The last line is PROVEN or FAILED.
set -u
trap 'systemctl --no-block poweroff' EXIT
export DEBIAN_FRONTEND=noninteractive HOME=/root LC_ALL=C.UTF-8
STATE=/var/lib/stt-service
RECORDING=$(echo /opt/prove/recording.*)
LIMIT=$((60 * ${PATIENCE:-1})) # seconds that anything may take here, beside other work

fail() {
  echo "FAILED: $1"
  systemctl status --no-pager --lines=30 stt-service
  exit 1
}
ok() { echo "ok  $1"; }
property() { systemctl show --value --property "$1" stt-service; }
until_true() {
  what=$1
  shift
  count=0
  until "$@" >/dev/null 2>&1; do
    count=$((count + 1))
    [ $count -lt $((LIMIT * 5)) ] || fail "$what: not within $LIMIT s"
    sleep 0.2
  done
  ok "$what"
}
# Commands that change the service's state, as docs/install.md has them.
as_service() {
  runuser -u stt-service -- env HOME=$STATE STT_SERVICE_PATHS__STATE=$STATE stt-service "$@"
}
running() { [ "$(property ActiveState)" = active ]; }
listening() { running && property StatusText | grep -q '^listening'; }
muted() { property StatusText | grep -q 'muted by proof'; }
heard() { timeout $((30 * ${PATIENCE:-1})) stt-service watch --json --kinds final >/tmp/heard & sleep $((12 * ${PATIENCE:-1})); kill $! 2>/dev/null; grep -q '"text": *"[a-z]' /tmp/heard; }
apt() { apt-get -y -qq --no-install-recommends "$@" >/tmp/apt.log 2>&1 </dev/null || { cat /tmp/apt.log; fail "apt-get $*"; }; }

begun=$(date +%s)
apt install stt-service
ok "apt install stt-service ($(($(date +%s) - begun)) s)"
grep -qE 'NO_PUBKEY|not signed|unauthenticated' /tmp/apt.log && fail "the signature"
until_true "the service runs, without having been set up" running
id -nG stt-service | grep -qw audio || fail "stt-service is not in the group audio"
[ "$(stat -c '%U %a' $STATE)" = "stt-service 700" ] || fail "owner of the state"
ok "a user of its own in the group audio; its state is for it alone"
systemctl is-active --quiet stt-service-upkeep.timer || fail "the nightly timer does not wait"
[ "$(systemctl show --value --property ExecMainStartTimestamp stt-service-upkeep)" = "" ] \
  || fail "the nightly upkeep ran at the installation"
systemctl start stt-service-upkeep || fail "the nightly upkeep"
ok "the nightly upkeep runs, and its timer waits"
man -w stt-service >/dev/null 2>&1 || [ -e /usr/share/man/man1/stt-service.1.gz ] || echo "--  no man page: minimal images leave them out"

cat >/etc/stt-service/conf.d/10-proof.toml <<END
[source]
name = "cmd:/usr/lib/stt-service/bin/python /opt/prove/recorder.py $RECORDING"
rate = 16000
END
systemctl restart stt-service
until_true "with a source it listens" listening
until_true "a recording played into it becomes a transcript" heard
echo "    $(grep -o '"text": *"[^"]*"' /tmp/heard | head -n 1)"

if as_service consent --help >/dev/null 2>&1; then
  as_service consent give --yes >/dev/null || fail "consent give"
  until_true "with consent, what is said is kept" sh -c "find $STATE/store -name '*.flac' | grep -q ."
  consented() { as_service consent status | grep -q 'saving is on'; }
else
  echo "--  no command 'consent' in this version"
  mkdir -p $STATE/store && touch $STATE/store/recording.flac
  consented() { :; }
fi
stt-service mute proof || fail "mute"
until_true "muted" muted
echo '# mine' >>/etc/stt-service/config.toml
kept() { find $STATE/store -name '*.flac' | wc -l; }
before=$(kept)

apt install /srv/next.deb
until_true "after an upgrade it listens, or rather is muted as before" muted
consented || fail "the consent is lost"
[ "$(kept)" -ge "$before" ] || fail "recordings are lost"
grep -q '^# mine' /etc/stt-service/config.toml || fail "the settings are lost"
ok "consent, recordings and changed settings survive the upgrade"

apt remove stt-service
[ "$(kept)" -ge "$before" ] || fail "recordings are lost"
[ -e /etc/stt-service/config.toml ] || fail "the settings are lost"
[ ! -e /usr/lib/stt-service ] || fail "a part of the program is left: $(find /usr/lib/stt-service | head -n 3)"
ok "after a removal the program is gone; recordings and settings are there"
apt install stt-service
until_true "installed again, it runs, muted as before" muted
consented || fail "the consent is lost"

apt purge stt-service
cat /tmp/apt.log | grep -i -E 'withdraw|deleted' | sed 's/^/    /'
! grep -q 'without a withdrawal' /tmp/apt.log || fail "consent was not withdrawn first"
[ ! -e $STATE ] && [ ! -e /etc/stt-service ] || fail "something is left: $(ls -d $STATE /etc/stt-service)"
! systemctl is-active --quiet stt-service || fail "it still runs"
! systemctl is-active --quiet stt-service-upkeep.timer || fail "the nightly timer still waits"
ok "after a purge, which asked nothing, there is nothing left"
echo PROVEN
