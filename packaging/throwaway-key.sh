#!/bin/sh
# Makes a key for a proof, in a folder of its own, and prints its fingerprint. Never for a release.
#
#   GNUPGHOME=FOLDER packaging/throwaway-key.sh
set -eu
: "${GNUPGHOME:?the folder for the key, so that it does not land among your own}"
mkdir -p "$GNUPGHOME"
chmod 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key \
  'stt-service proof <proof@stt-service.invalid>' ed25519 sign 1d 2>/dev/null
gpg --batch --quiet --with-colons --list-keys 2>/dev/null | awk -F: '/^fpr/ { print $10; exit }'
