#!/bin/sh
# Makes a signed apt repository of the .debs of dist/: a folder for any web server, or for file:.
#
#   KEY=FINGERPRINT packaging/apt-repo.sh [FOLDER]        default: dist/apt
#
# Needs apt-ftparchive (apt-utils) and gpg with the secret key KEY, in GNUPGHOME where that is set.
# stt-service.asc in it is the public key.
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
DIST=${DIST:-$HERE/dist}
REPO=${1:-$DIST/apt}
KEY=${KEY:?the fingerprint of the key that signs}
for tool in apt-ftparchive gpg; do
  command -v "$tool" >/dev/null || { echo "apt-repo.sh needs $tool" >&2; exit 2; }
done
ls "$DIST"/*.deb >/dev/null 2>&1 || { echo "no .deb in $DIST: make deb" >&2; exit 2; }

rm -rf "$REPO"
for pair in bookworm:12 trixie:13; do
  suite=${pair%:*}
  release=${pair#*:}
  ls "$DIST"/*+deb"$release"_*.deb >/dev/null 2>&1 || continue
  mkdir -p "$REPO/pool/$suite"
  cp "$DIST"/*+deb"$release"_*.deb "$REPO/pool/$suite"
  architectures=
  for deb in "$REPO/pool/$suite"/*.deb; do
    architecture=${deb##*_}
    architecture=${architecture%.deb}
    architectures="$architectures $architecture"
    index=$REPO/dists/$suite/main/binary-$architecture
    mkdir -p "$index"
    (cd "$REPO" && apt-ftparchive --arch "$architecture" packages "pool/$suite") >"$index/Packages"
    gzip -9nk "$index/Packages"
  done
  release_file=$REPO/dists/$suite/Release
  (cd "$REPO/dists/$suite" && apt-ftparchive \
    -o APT::FTPArchive::Release::Origin=stt-service \
    -o APT::FTPArchive::Release::Label=stt-service \
    -o APT::FTPArchive::Release::Suite="$suite" \
    -o APT::FTPArchive::Release::Codename="$suite" \
    -o APT::FTPArchive::Release::Components=main \
    -o APT::FTPArchive::Release::Architectures="${architectures# }" \
    release .) >"$release_file.new"
  mv "$release_file.new" "$release_file"
  gpg --batch --yes --local-user "$KEY" --clearsign --output "$REPO/dists/$suite/InRelease" \
    "$release_file"
  gpg --batch --yes --local-user "$KEY" --armor --detach-sign --output "$release_file.gpg" \
    "$release_file"
done
gpg --batch --armor --export "$KEY" >"$REPO/stt-service.asc"
find "$REPO" -name InRelease
