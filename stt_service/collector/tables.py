"""The collector's tables: who joined, what they sent, what was taken back.

    contributors ──► utterances ──(deleted)──► tombstones
         └──► days (how much was sent on each)

Nothing here names a person, an account, a host or an address.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

_NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""Counts up by itself; SQLite does that for this type alone."""

contributors = Table(
    "contributors",
    metadata,
    Column("pseudonym", String(32), primary_key=True),
    Column("token_sha256", String(64), nullable=False, unique=True),
    Column("barred", Boolean, nullable=False),
    # Days since 1970, UTC: the hour is nobody's business.
    Column("joined", Integer, nullable=False),
)

utterances = Table(
    "utterances",
    metadata,
    # In the order of arrival.
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("pseudonym", String(32), ForeignKey("contributors.pseudonym"), nullable=False),
    Column("received", String(20), nullable=False),
    Column("consent", String(64), nullable=False),
    Column("scope", String(8), nullable=False),
    Column("text_version", Integer, nullable=False),
    Column("text_sha256", String(64), nullable=False),
    Column("since", String(20), nullable=False),
    Column("deletion_sha256", String(64), nullable=False),
    Column("audio_sha256", String(64), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    # What the machine heard, and what the owner says was said.
    Column("text", Text, nullable=False),
    Column("label", Text),
    Column("confidence", Float, nullable=False),
    # JSON, as sent.
    Column("alternatives", Text, nullable=False),
    Column("capture", Text, nullable=False),
    Column("model", String(128), nullable=False),
    Column("scorer", String(128)),
    Column("engine", String(32), nullable=False),
    Column("clipped", Integer, nullable=False),
    Column("overflows", Integer, nullable=False),
    sqlite_autoincrement=True,
)
Index("utterances_of", utterances.c.pseudonym)

tombstones = Table(
    "tombstones",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    # None for what was never received: nobody has to hear of it.
    Column("audio_sha256", String(64)),
    Column("deletion_sha256", String(64), nullable=False),
    Column("deleted", String(20), nullable=False),
    sqlite_autoincrement=True,
)

days = Table(
    "contributor_days",
    metadata,
    Column("pseudonym", String(32), ForeignKey("contributors.pseudonym"), primary_key=True),
    # Since 1970, UTC.
    Column("day", Integer, primary_key=True),
    Column("utterances", Integer, nullable=False),
)

challenges = Table(
    "spent_challenges",
    metadata,
    Column("challenge", String(128), primary_key=True),
    Column("expires", BigInteger, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("code_sha256", String(64), primary_key=True),
    Column("expires", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("time", String(20), nullable=False),
    # joined, received, deleted, barred, unbarred, invited, restored
    Column("action", String(16), nullable=False),
    # Id of an utterance, or empty.
    Column("subject", String(32), nullable=False),
    sqlite_autoincrement=True,
)

keys = Table(
    "collector_keys",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("value", LargeBinary(32), nullable=False),
)
