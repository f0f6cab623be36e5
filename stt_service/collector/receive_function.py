"""PostgreSQL's part of receiving: one question, where SQLite is asked several.

Each statement of a function sees what was committed before it, so that what it looks up after it
has waited for the lock is not older than the lock. One single statement would see less: a deletion
that came in between would be missed.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from stt_service.collector.tables import utterances

NAME = "stt_receive_1"
"""Counts up with each change: an older collector may be at work on the same database."""
_COLUMNS = ", ".join(f'"{one.name}"' for one in utterances.columns if one.name != "number")
_BODY = f"""
CREATE FUNCTION {NAME}(given json, number_of_lock bigint, today integer, most integer)
RETURNS TABLE (buried bigint, owner varchar, audio_sha256 varchar, received varchar, stored boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    name varchar := given ->> 'id';
BEGIN
    PERFORM pg_advisory_xact_lock(number_of_lock);
    SELECT tombstones.number INTO buried FROM tombstones WHERE tombstones.id = name;
    SELECT utterances.pseudonym, utterances.audio_sha256, utterances.received
        INTO owner, audio_sha256, received FROM utterances WHERE utterances.id = name;
    stored := false;
    IF buried IS NULL AND owner IS NULL THEN
        INSERT INTO contributor_days AS days VALUES (given ->> 'pseudonym', today, 1)
            ON CONFLICT (pseudonym, day) DO UPDATE SET utterances = days.utterances + 1
            WHERE days.utterances < most;
        stored := FOUND;
    END IF;
    IF stored THEN
        INSERT INTO utterances ({_COLUMNS})
            SELECT {_COLUMNS} FROM json_populate_record(NULL::utterances, given);
        INSERT INTO audit (time, action, subject) VALUES (given ->> 'received', 'received', name);
    END IF;
    RETURN NEXT;
END $$
"""  # noqa: S608 -- own names


def add_function(connection: Connection) -> None:
    """Make it where it is missing."""
    if connection.execute(text(f"SELECT to_regproc('{NAME}')")).scalar() is None:
        connection.exec_driver_sql(_BODY)
