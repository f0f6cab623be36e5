"""Sound and words encrypted at rest, with a key that lies elsewhere than on the card.

AES-256-GCM; each sealing has a random nonce of its own and is bound to the utterance and the part
that it belongs to, so that none can be put in another's place. Not sealed: consents, times,
lengths, hashes, deletion tokens, which a withdrawal needs when the key is gone.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stt_service.errors import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CREDENTIAL = "credential"
"""In place of a path: what systemd hands to the service, under :data:`NAME`."""
NAME = "stt-store-key"
KEY_FILE_BYTES = 4096
"""A key and a good deal of space; no other file is read by mistake."""
_KEY = re.compile(r"[0-9a-fA-F]{64}")
_NONCE = 12
"""Bytes, as the standard has it. Random ones are safe for four thousand million sealings."""


class Sealer:
    """Seals and opens with one key. Any thread may use it."""

    def __init__(self, key: bytes) -> None:
        """``key`` has 32 bytes. Raises :exc:`StoreError` where the library is missing."""
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        except ImportError as error:
            raise StoreError(
                "store.key_file: encryption needs the library cryptography",
                "pip install 'stt-service[encryption]', or sudo apt install python3-cryptography",
            ) from error
        self._cipher: AESGCM = AESGCM(key)
        self.id = hashlib.sha256(b"stt-service store key " + key).hexdigest()[:16]
        """Tells keys apart, and nothing of the key."""

    def seal(self, data: bytes, about: str) -> bytes:
        """Return what only this key opens, and only for the same ``about``."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Return what was sealed. Raises :exc:`StoreError` for anything else."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], about.encode())
        except (InvalidTag, ValueError) as error:
            raise StoreError(f"{about} is damaged", "Delete the utterance") from error

    def seal_text(self, text: str, about: str) -> str:
        """Likewise for text, as text."""
        return base64.b64encode(self.seal(text.encode(), about)).decode("ascii")

    def open_text(self, sealed: str, about: str) -> str:
        """Return what :meth:`seal_text` has sealed. Raises :exc:`StoreError`."""
        try:
            raw = base64.b64decode(sealed, validate=True)
        except ValueError as error:
            raise StoreError(f"{about} is damaged", "Delete the utterance") from error
        return self.open(raw, about).decode()


@dataclass(frozen=True, slots=True)
class NoKey:
    """There should be a key, and there is none: nothing is saved, what is sealed stays shut."""

    message: str
    remedy: str


Seal = Sealer | NoKey | None
"""None: nothing is sealed."""


def read_key(path: Path | None) -> Seal:
    """Return what seals, given ``store.key_file``: a key of 64 hexadecimal digits in a file.

    Whatever is wrong with it is a :class:`NoKey`: deleting and withdrawing work without a key.
    """
    if path is None:
        return None
    try:
        return Sealer(_read(path))
    except StoreError as error:
        return NoKey(error.message, error.remedy)


def _read(path: Path) -> bytes:
    if path == Path(CREDENTIAL):
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise StoreError(
                "store.key_file: only the service has the key of systemd",
                "See it on the daemon's page, /review",
            )
        path = Path(folder, NAME)
    try:
        with path.open("rb") as file:
            text = file.read(KEY_FILE_BYTES).decode("ascii", "replace").strip()
        mode = path.stat().st_mode
    except OSError as error:
        raise StoreError(
            f"store.key_file: {path} cannot be read: {error.strerror or error}",
            f"Bring it back; for a new one: openssl rand -hex 32 > {path}; chmod 600 {path}",
        ) from error
    if mode & 0o004:
        raise StoreError(
            f"store.key_file: every user of this machine may read {path}", f"chmod 600 {path}"
        )
    if not _KEY.fullmatch(text):
        raise StoreError(
            f"store.key_file: {path} does not hold 64 hexadecimal digits",
            f"openssl rand -hex 32 > {path}",
        )
    return bytes.fromhex(text)
