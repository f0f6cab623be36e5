"""Who tags: invitations in, keys out. One invitation is one person is one vote.

The community's host knows the people and gives each of them one invitation; nothing here knows who
they are. Each function runs within its caller's transaction.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from stt_service.collector.tagging_rules import is_trusted
from stt_service.collector.tagging_tables import invitations, taggers
from stt_service.errors import SttError

KEY_BYTES = 32
INVITATION_BYTES = 10
"""80 bits, 20 digits: can be read out over the telephone, and not guessed."""
INVITATION_DAYS = 30
"""That an invitation waits."""
KEY = re.compile(r"[0-9a-f]{64}")
DAY = 86_400


class TaggerError(SttError):
    """A request of a tagger that is refused; ``status`` is that of HTTP."""

    def __init__(self, status: int, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.status = status


@dataclass(frozen=True, slots=True)
class Tagger:
    """Somebody who tags."""

    number: int
    reference: bool
    """What this person and another agree on becomes a known clip."""
    barred: bool
    tagged: int
    """Clips, those reported included."""
    right: int
    """Known clips answered as expected."""
    wrong: int

    @property
    def counts(self) -> bool:
        """Whether this person's votes count."""
        return not self.barred and is_trusted(self.right, self.wrong)


_COLUMNS = tuple(taggers.c[name] for name in Tagger.__slots__)


def digest(secret: str) -> str:
    """Return what is kept of a key or an invitation."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def invite(connection: Connection, now: float, *, reference: bool = False) -> str:
    """Return a new invitation; it is not kept and cannot be shown again."""
    code = secrets.token_hex(INVITATION_BYTES)
    connection.execute(
        insert(invitations).values(
            code_sha256=digest(code),
            reference=reference,
            expires=int(now) + INVITATION_DAYS * DAY,
        )
    )
    return "-".join(code[at : at + 5] for at in range(0, len(code), 5))


def join(connection: Connection, code: str, now: float) -> str:
    """Turn an invitation into a key. Raises :exc:`TaggerError` for one that is none any more."""
    plain = re.sub(r"[\s-]+", "", code).lower()
    found = connection.execute(
        delete(invitations)
        .where(invitations.c.code_sha256 == digest(plain))
        .returning(invitations.c.reference, invitations.c.expires)
    ).one_or_none()
    if found is None or found.expires < now:
        raise TaggerError(
            403,
            "this invitation is unknown, too old, or was used",
            "Ask who hosts this collection for another; if you had joined, enter your key",
        )
    key = secrets.token_hex(KEY_BYTES)
    connection.execute(
        insert(taggers).values(
            key_sha256=digest(key),
            reference=found.reference,
            barred=False,
            tagged=0,
            right=0,
            wrong=0,
        )
    )
    return key


def find(connection: Connection, key: str) -> Tagger:
    """Return whose key this is. Raises :exc:`TaggerError`."""
    row = None
    if KEY.fullmatch(key):
        query = select(*_COLUMNS).where(taggers.c.key_sha256 == digest(key))
        row = connection.execute(query).one_or_none()
    if row is None:
        raise TaggerError(401, "this key is unknown", "Enter your invitation, or your key")
    if row.barred:
        raise TaggerError(403, "this key was barred", "Ask who hosts this collection")
    return Tagger(**row._asdict())


def get(connection: Connection, number: int) -> Tagger:
    """Return a tagger. Raises :exc:`TaggerError`."""
    row = connection.execute(select(*_COLUMNS).where(taggers.c.number == number)).one_or_none()
    if row is None:
        raise TaggerError(404, f"there is no tagger {number}", "See: stt-service tagger list")
    return Tagger(**row._asdict())


def everybody(connection: Connection) -> Iterator[Tagger]:
    """Yield all taggers, in the order in which they joined."""
    for row in connection.execute(select(*_COLUMNS).order_by(taggers.c.number)):
        yield Tagger(**row._asdict())


def count(connection: Connection) -> int:
    """Return how many people have tagged anything."""
    query = select(func.count()).select_from(taggers).where(taggers.c.tagged > 0)
    return int(connection.execute(query).scalar_one())


def set_barred(connection: Connection, number: int, *, barred: bool) -> None:
    """Let somebody's key and votes count, or not. Their clips have to be judged anew."""
    connection.execute(update(taggers).where(taggers.c.number == number).values(barred=barred))


def add(connection: Connection, number: int, *, tagged: int, right: int, wrong: int) -> None:
    """Change somebody's figures by these."""
    connection.execute(
        update(taggers)
        .where(taggers.c.number == number)
        .values(
            tagged=taggers.c.tagged + tagged,
            right=taggers.c.right + right,
            wrong=taggers.c.wrong + wrong,
        )
    )
