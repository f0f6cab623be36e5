"""Who may send: work proved or an invitation in, a pseudonym with a token out.

A device makes up its token itself and shows its hash: whoever reads the database cannot send, and
a device that missed the answer asks again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from stt_service.collector.database import note
from stt_service.collector.refusal import RefusedError
from stt_service.collector.tables import challenges, contributors, invitations

CHALLENGE_SECONDS = 600
"""That a challenge waits: a Pi Zero works on one for minutes."""
DAY = 86_400
INVITATION_DAYS = 30
INVITATION_BYTES = 10
"""80 bits, 20 digits: can be read out over the telephone, and not guessed."""
MAX_NONCE = 20
"""Digits."""


@dataclass(frozen=True, slots=True)
class Joining:
    """Somebody who asks to be let in."""

    pseudonym: str
    token_sha256: str
    challenge: str = ""
    nonce: str = ""
    invitation: str = ""


def by_invitation() -> RefusedError:
    """Return what those without an invitation are told where one is needed."""
    return RefusedError(403, "this collection is by invitation", "Ask its host for one")


def new_challenge(key: bytes, now: int) -> tuple[str, int]:
    """Return a challenge and when it expires. Nothing is stored until it is spent."""
    expires = now + CHALLENGE_SECONDS
    body = f"{expires:x}-{secrets.token_hex(16)}"
    return f"{body}-{_mac(key, body)}", expires


def _mac(key: bytes, body: str) -> str:
    return hmac.new(key, f"challenge:{body}".encode(), hashlib.sha256).hexdigest()[:32]


def join(connection: Connection, who: Joining, *, key: bytes, bits: int, now: int) -> bool:
    """Let somebody in; return False where that was so before. Raises :exc:`RefusedError`."""
    known = connection.execute(
        select(contributors.c.token_sha256).where(contributors.c.pseudonym == who.pseudonym)
    ).scalar()
    if known is not None:
        if hmac.compare_digest(known, who.token_sha256):
            return False
        raise RefusedError(409, "this pseudonym has another token", "Begin a new one")
    if who.invitation:
        _use(connection, who.invitation, now)
    else:
        _spend(connection, who, key=key, bits=bits, now=now)
    connection.execute(
        insert(contributors).values(
            pseudonym=who.pseudonym,
            token_sha256=who.token_sha256,
            barred=False,
            joined=now // DAY,
        )
    )
    note(connection, "joined")
    return True


def _spend(connection: Connection, who: Joining, *, key: bytes, bits: int, now: int) -> None:
    again = "Ask for a new challenge"
    body, _, mac = who.challenge.rpartition("-")
    # Compared as bytes: strings may hold anything, of which compare_digest takes only ASCII.
    if not hmac.compare_digest(_mac(key, body).encode(), mac.encode()):
        raise RefusedError(422, "this challenge is not ours", again)
    expires = int(body.partition("-")[0], 16)
    if expires < now:
        raise RefusedError(422, "this challenge is too old", again)
    if not proves(who.challenge, who.pseudonym, who.nonce, bits):
        raise RefusedError(422, "the work was not done", f"Find a nonce for {bits} bits")
    connection.execute(delete(challenges).where(challenges.c.expires < now))
    spent = select(challenges.c.challenge).where(challenges.c.challenge == who.challenge)
    if connection.execute(spent).first() is not None:
        raise RefusedError(422, "this challenge was used", again)
    connection.execute(insert(challenges).values(challenge=who.challenge, expires=expires))


def proves(challenge: str, pseudonym: str, nonce: str, bits: int) -> bool:
    """Whether the SHA-256 over all three begins with so many zero bits."""
    if not (nonce.isascii() and nonce.isdigit() and len(nonce) <= MAX_NONCE):
        return False
    digest = hashlib.sha256(f"{challenge}:{pseudonym}:{nonce}".encode()).digest()
    return int.from_bytes(digest) >> (256 - bits) == 0


def invite(connection: Connection, now: int) -> str:
    """Return a new invitation, for one pseudonym."""
    code = secrets.token_hex(INVITATION_BYTES)
    connection.execute(
        insert(invitations).values(
            code_sha256=secret_hash(code), expires=now + INVITATION_DAYS * DAY
        )
    )
    note(connection, "invited")
    return code


def _use(connection: Connection, code: str, now: int) -> None:
    connection.execute(delete(invitations).where(invitations.c.expires < now))
    gone = connection.execute(
        delete(invitations).where(invitations.c.code_sha256 == secret_hash(code))
    )
    if gone.rowcount != 1:
        raise RefusedError(403, "this invitation is unknown or used", "Ask for another")


def bar(connection: Connection, pseudonym: str, *, barred: bool) -> bool:
    """Keep somebody from sending, or no more; return whether there is such a pseudonym."""
    changed = connection.execute(
        update(contributors).where(contributors.c.pseudonym == pseudonym).values(barred=barred)
    )
    if changed.rowcount:
        note(connection, "barred" if barred else "unbarred")
    return bool(changed.rowcount)


def admitted(found: Any) -> str:  # noqa: ANN401 -- a row of any query for both columns, or None
    """Return the pseudonym of a row that a token was found in. Raises :exc:`RefusedError`."""
    if found is None:
        raise RefusedError(401, "this token is unknown", "Join first: POST /v1/enrol")
    if found.barred:
        raise RefusedError(403, "this contributor was barred", "Ask the collection's host")
    return str(found.pseudonym)


def secret_hash(secret: str) -> str:
    """Return what is kept of a token or an invitation."""
    return hashlib.sha256(secret.encode()).hexdigest()
