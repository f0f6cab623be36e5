#!/bin/sh
# Makes a release in dist/ and checks all of it: docs/releasing.md tells each step.
#
#   make release-check                         everything that this machine can do
#   KEY=FINGERPRINT make release-check         signed with your key, not with one made for the check
#   DEBS="bookworm:arm64 ..." RELEASE=1 ...    these packages; the changelog must name the version
#
# Each step prints a line with the seconds it took. As anybody but root, the .debs are left out, and
# that is said. Stops at the first failure.
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
cd "$HERE"
DIST=$HERE/dist
PYTHON=${PYTHON:-python3}
DEBS=${DEBS:-bookworm:amd64}
RELEASE=${RELEASE:-}
PYTHONS=${PYTHONS:-python3.11 python3.13}
SECOND=$(mktemp -d)
trap 'rm -rf "$SECOND"' EXIT
export PYTHON DIST

step() {
  what=$1
  shift
  begun=$(date +%s)
  "$@" >"$SECOND/log" 2>&1 || { cat "$SECOND/log"; echo "FAILED: $what"; exit 1; }
  echo "ok  $what ($(($(date +%s) - begun)) s)"
}
same() {
  for file in "$@"; do
    cmp "$file" "$SECOND/$(basename "$file")" || return 1
  done
}
version() {
  stated=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' stt_service/__init__.py)
  packaged=$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)
  [ "$stated" = "$packaged" ] || { echo "stt_service says $stated, debian/changelog $packaged"; return 1; }
  if [ -n "$RELEASE" ]; then
    grep -q "^## \[$stated\] - 2" CHANGELOG.md || { echo "CHANGELOG.md has no section $stated"; return 1; }
    [ -z "$(git status --porcelain)" ] || { git status --short; echo "not committed"; return 1; }
  fi
}

step "version and changelog agree" version
rm -rf "$DIST"
step "sdist and wheel" packaging/dist.sh
step "the same bytes twice" packaging/dist.sh "$SECOND"
step "compared" same "$DIST"/stt_service-*
step "twine check" "$PYTHON" -m twine check --strict "$DIST"/stt_service-*
step "check-wheel-contents" check-wheel-contents "$DIST"/stt_service-*.whl
step "installs and transcribes: oldest and newest libraries, $PYTHONS" packaging/prove-pip.sh $PYTHONS
step "bill of materials" packaging/sbom.sh
step "documentation" make --no-print-directory docs
if [ "$(id -u)" = 0 ]; then
  for pair in $DEBS; do
    suite=${pair%:*} arch=${pair#*:}
    step ".deb for $pair" packaging/deb.sh "$suite" "$arch"
    step "the same bytes twice" packaging/deb.sh "$suite" "$arch" "$SECOND"
    step "compared" same "$DIST"/*.deb
    step "lintian" lintian --fail-on error,warning --tag-display-limit 0 "$DIST"/*_"$arch".deb
    step "apt install to transcript, upgrade, purge: $pair" packaging/prove-apt.sh "$suite" "$arch"
    if [ "$arch" = "$(dpkg --print-architecture)" ]; then
      step "piuparts: $pair" packaging/prove-piuparts.sh "$suite"
    else
      step "wheel for $arch" packaging/dist-foreign.sh "$arch"
    fi
    step "Debian's pip: $pair" packaging/prove-pip-debian.sh "$suite" "$arch"
  done
  step "units in a booted Debian" systemd/prove.sh
else
  echo "--  not root: no .deb, no repository"
fi

# Sums of everything, signed. A key made for the check proves the steps and nothing else: what it
# has signed is thrown away.
if [ -z "${KEY:-}" ]; then
  GNUPGHOME=$SECOND/gnupg
  export GNUPGHOME
  KEY=$(packaging/throwaway-key.sh)
  thrown=yes
fi
export KEY
sums() {
  (cd "$DIST" && find . -maxdepth 1 -type f ! -name 'SHA256SUMS*' -printf '%P\n' | sort \
    | xargs sha256sum) >"$DIST/SHA256SUMS"
  gpg --batch --yes --local-user "$KEY" --armor --detach-sign "$DIST/SHA256SUMS"
  gpg --batch --verify "$DIST/SHA256SUMS.asc" "$DIST/SHA256SUMS"
}
step "sums, signed" sums
if ls "$DIST"/*.deb >/dev/null 2>&1; then
  step "apt repository, signed" packaging/apt-repo.sh
fi
if [ -n "${thrown:-}" ]; then
  rm -rf "$DIST/SHA256SUMS.asc" "$DIST/apt"
  gpgconf --kill all
  echo "--  KEY was not given: signatures were tried, and thrown away"
fi
ls -l "$DIST"
