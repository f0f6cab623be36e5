"""The tagger's tables: what is to be tagged, who tags, who said what. All go with their utterance.

    taggers ──► assignments ──► utterances ◄── clips (what the votes come to)
       └──────► votes ────────────┘

Of a person there is a number, the hash of a key, and what they said of clips; no name, no address.
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
    String,
    Table,
    Text,
    desc,
    text,
)

from stt_service.collector.tables import metadata

_OPEN_AND_FRESH = text("state = 'open' AND voters = 0")
_OPEN_AND_WAITING = text("state = 'open' AND voters > 0")
_GOLD = text("gold")


def _utterance(*, key: bool) -> Column[str]:
    """Return the column that goes with its utterance: alone or with others the key, or none."""
    return Column(
        "utterance",
        String(32),
        ForeignKey("utterances.id", ondelete="CASCADE"),
        primary_key=key,
        nullable=False,
    )


clips = Table(
    "tagging_clips",
    metadata,
    _utterance(key=True),
    Column("pseudonym", String(32), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("state", String(8), nullable=False),
    Column("voters", Integer, nullable=False),
    Column("priority", Float, nullable=False),
    # Where the clip stands among those that wait for more votes: random, and never changed.
    Column("shuffle", Float, nullable=False),
    # Unix time until which it is in somebody's hands.
    Column("leased_until", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("agree", Integer, nullable=False),
    Column("against", Integer, nullable=False),
    Column("gold", Boolean, nullable=False),
)
Index(
    "tagging_clips_fresh",
    desc(clips.c.priority),
    clips.c.utterance,
    postgresql_where=_OPEN_AND_FRESH,
    sqlite_where=_OPEN_AND_FRESH,
)
Index(
    "tagging_clips_waiting",
    clips.c.shuffle,
    postgresql_where=_OPEN_AND_WAITING,
    sqlite_where=_OPEN_AND_WAITING,
)
Index("tagging_clips_gold", clips.c.shuffle, postgresql_where=_GOLD, sqlite_where=_GOLD)
Index("tagging_clips_voice", clips.c.pseudonym)

taggers = Table(
    "taggers",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("key_sha256", String(64), nullable=False, unique=True),
    # Whose agreed texts become known clips, by which others are measured.
    Column("reference", Boolean, nullable=False),
    Column("barred", Boolean, nullable=False),
    Column("tagged", Integer, nullable=False),
    Column("right", Integer, nullable=False),
    Column("wrong", Integer, nullable=False),
)

invitations = Table(
    "tagger_invitations",
    metadata,
    Column("code_sha256", String(64), primary_key=True),
    Column("reference", Boolean, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

votes = Table(
    "votes",
    metadata,
    _utterance(key=True),
    Column("tagger", Integer, ForeignKey("taggers.number"), primary_key=True),
    # text, report or skip
    Column("kind", String(8), nullable=False),
    # As the person wrote it, and normalised.
    Column("text", Text, nullable=False),
    Column("plain", Text, nullable=False),
    Column("reason", String(16)),
    # Days since 1970, UTC: enough for "today", and no more is known.
    Column("day", Integer, nullable=False),
)
Index("votes_of_tagger", votes.c.tagger, votes.c.day)

assignments = Table(
    "tagger_assignments",
    metadata,
    Column("ticket", String(32), primary_key=True),
    Column("tagger", Integer, ForeignKey("taggers.number"), nullable=False),
    _utterance(key=False),
    Column("served", Float, nullable=False),
    # Unix time of the first sending of its sound.
    Column("heard", Float),
    # Whether it is a known clip, and whether the answer was right.
    Column("gold", Boolean, nullable=False),
    Column("right", Boolean),
    Column("done", Boolean, nullable=False),
)
Index("tagger_assignments_of", assignments.c.tagger)
Index("tagger_assignments_utterance", assignments.c.utterance)

words = Table(
    "tagging_words",
    metadata,
    # A 16-bit hash: how common a word is can be told, which words were said cannot.
    Column("bucket", Integer, primary_key=True),
    Column("clips", Integer, nullable=False),
)

progress = Table(
    "tagging_progress",
    metadata,
    Column("id", Integer, primary_key=True),
    # Number of the last utterance that was taken in.
    Column("taken_in", BigInteger, nullable=False),
)
