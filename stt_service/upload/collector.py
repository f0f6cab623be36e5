"""Speaks docs/collection.md to a collector."""

from __future__ import annotations

import hashlib
import json
import secrets
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from stt_service import __version__
from stt_service.errors import ConfigError
from stt_service.upload.api import Answer, Parcel, RevokedError, Target

PIECE = 16_384
"""Bytes between two looks at the consent."""
SECONDS = 60.0
"""That the network or the collector may take over one step."""
MOST_BITS = 32
"""Of work: more takes a Pi for hours, and no honest collector asks for it."""
MAX_ANSWER = 1 << 20
"""Bytes of an answer that are looked at."""


class CollectorTarget(Target):
    """A collector behind HTTP. For one thread."""

    def __init__(
        self,
        url: str,
        *,
        invitation: str = "",
        authority: Path | None = None,
        certificate: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``authority`` vouches for a private server, ``certificate`` (PEM, with its key) for us.

        Raises :exc:`ConfigError` for what is no address or no certificate.
        """
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigError(f"upload.target: {url!r}: {error}", "Write https://HOST") from error
        local = address.host in ("localhost", "127.0.0.1", "::1")
        if address.scheme not in ("http", "https") or not address.host:
            raise ConfigError(f"upload.target: {url!r} is no address", "Write https://HOST")
        if address.scheme == "http" and not local:
            raise ConfigError(
                f"upload.target: {url!r} would send voices unprotected", "Use https://"
            )
        self.name = str(address.copy_with(userinfo=b""))
        self._invitation = invitation
        try:
            context = ssl.create_default_context(cafile=authority)
            if certificate is not None:
                context.load_cert_chain(certificate)
        except OSError as error:
            raise ConfigError(
                f"upload.authority or upload.certificate cannot be used: {error}",
                "Name files in PEM format",
            ) from error
        self._client = httpx.Client(
            base_url=address,
            timeout=SECONDS,
            verify=context,
            transport=transport,
            trust_env=False,
            headers={"User-Agent": f"stt-service/{__version__}", "Accept-Encoding": "identity"},
        )

    def close(self) -> None:
        self._client.close()

    def join(self, pseudonym: str, token: str) -> Answer:
        """As :meth:`Target.join`: by invitation, or by work, which takes a while."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        body = {"pseudonym": pseudonym, "token_sha256": digest}
        if self._invitation:
            return self._ask("POST", "/v1/enrol", json={**body, "invitation": self._invitation})[0]
        answer, offer = self._ask("GET", "/v1/challenge")
        if answer.status != 200:
            return answer
        challenge, bits = offer.get("challenge"), offer.get("bits")
        if not isinstance(challenge, str) or not isinstance(bits, int) or bits > MOST_BITS:
            return Answer(None, "the collector's challenge is not to be understood")
        body |= {"challenge": challenge, "nonce": work(challenge, pseudonym, bits)}
        return self._ask("POST", "/v1/enrol", json=body)[0]

    def send(self, parcel: Parcel, token: str, still: Callable[[], bool]) -> Answer:
        """As :meth:`Target.send`: one request, cut off before its end when consent ends."""
        boundary = secrets.token_hex(16)
        body = _body(parcel, boundary)
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(body)),
        }
        pieces = _pieces(body, still)
        return self._ask("PUT", f"/v1/utterances/{parcel.id}", content=pieces, headers=headers)[0]

    def delete(self, utterance: str, token: str) -> Answer:
        headers = {"Authorization": f"Deletion {token}"}
        answer, found = self._ask("DELETE", f"/v1/utterances/{utterance}", headers=headers)
        receipt, deleted = found.get("receipt"), found.get("deleted")
        if answer.status == 200 and isinstance(receipt, str) and isinstance(deleted, str):
            return Answer(200, receipt=receipt[:200], deleted=deleted[:40])
        return answer

    def _ask(self, method: str, path: str, **more: Any) -> tuple[Answer, dict[str, Any]]:  # noqa: ANN401 -- httpx's
        try:
            with self._client.stream(method, path, **more) as answer:
                text = _bounded(answer)
        except httpx.HTTPError as error:
            return Answer(None, str(error) or type(error).__name__), {}
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = {}
        if not isinstance(found, dict):
            found = {}
        reason = str(found.get("error", answer.reason_phrase))[:200]
        return Answer(answer.status_code, reason, _retry_after(answer)), found


def _bounded(answer: httpx.Response) -> bytes:
    """Return the beginning of an answer's body; what is longer is none that is meant for us."""
    text = bytearray()
    for piece in answer.iter_raw(PIECE):  # not unpacked: a small one may become a large one
        text += piece
        if len(text) > MAX_ANSWER:
            break
    return bytes(text[:MAX_ANSWER])


def _retry_after(answer: httpx.Response) -> float | None:
    given = answer.headers.get("Retry-After", "")
    # The other form, a date, would need clocks that agree.
    return float(given) if given.isascii() and given.isdigit() and len(given) < 10 else None


def work(challenge: str, pseudonym: str, bits: int) -> str:
    """Return a nonce that does the work that a collector asks for."""
    prefix = hashlib.sha256(f"{challenge}:{pseudonym}:".encode())
    nonce = 0
    while True:
        attempt = prefix.copy()
        attempt.update(str(nonce).encode())
        if int.from_bytes(attempt.digest()) >> (256 - bits) == 0:
            return str(nonce)
        nonce += 1


def _body(parcel: Parcel, boundary: str) -> bytes:
    parts = (
        ("meta", "application/json", json.dumps(parcel.meta).encode()),
        ("sound", "audio/flac", parcel.flac),
    )
    lines = []
    for name, kind, data in parts:
        lines.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; '
            f'filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'.encode()
        )
        lines.append(data + b"\r\n")
    return b"".join((*lines, f"--{boundary}--\r\n".encode()))


def _pieces(body: bytes, still: Callable[[], bool]) -> Iterator[bytes]:
    for start in range(0, len(body), PIECE):
        if not still():
            raise RevokedError
        yield body[start : start + PIECE]
