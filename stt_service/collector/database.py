"""The collector's database: SQLite for a household or a club, PostgreSQL for a community.

All states that count lie here, so that any number of processes may serve the same collection.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    ClauseElement,
    Connection,
    Dialect,
    Engine,
    Executable,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from stt_service.collector import tagging_tables  # noqa: F401 -- its tables are part of metadata
from stt_service.collector.receive_function import add_function
from stt_service.collector.tables import audit, keys, metadata
from stt_service.errors import CollectorError

MIGRATIONS = Path(__file__).with_name("migrations")
POOL = 10
"""Connections of one process; each of its threads that answers needs one."""
BUSY_SECONDS = 30
"""That one process waits for another to have written to SQLite."""
KEY_BYTES = 32
BURYING = "tombstones"
"""What whoever adds a tombstone locks: they get their numbers one after another."""
READS = "stt_reads"
"""Option of a connection that does not write."""


def open_engine(url: str) -> Engine:
    """Return the database at an SQLAlchemy URL. Raises :exc:`CollectorError` for what is none."""
    try:
        parsed = make_url(url)
        name = parsed.get_backend_name()
        if name == "postgresql":
            # Says which driver: the one that the extra brings.
            return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_size=POOL)
        if name == "sqlite" and parsed.database and parsed.database != ":memory:":
            engine = create_engine(parsed, pool_size=POOL, connect_args={"timeout": BUSY_SECONDS})
            _make_strict(engine)
            return engine
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise CollectorError(f"{url!r} is no database: {error}", _REMEDY) from error
    raise CollectorError(f"{url!r} is no database that can be used", _REMEDY)


_REMEDY = "Use sqlite:////absolute/path.db or postgresql://user@host/name"


def _make_strict(engine: Engine) -> None:
    """Let SQLite keep what it is told and take one writer at a time, from the beginning on."""

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:  # noqa: ANN401 -- the driver's
        connection.isolation_level = None  # transactions begin where SQLAlchemy says
        for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get(READS)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def prepare(engine: Engine) -> None:
    """Make the tables, or bring older ones up to date. Raises :exc:`CollectorError`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            if engine.dialect.name == "postgresql":  # several processes may begin at once
                connection.execute(text("SELECT pg_advisory_xact_lock(5353)"))
            if inspect(connection).has_table("utterances"):
                _refuse_newer(connection, config)
                command.upgrade(config, "head")
            else:
                metadata.create_all(connection)
                command.stamp(config, "head")
            if connection.execute(select(keys.c.name)).first() is None:
                value = secrets.token_bytes(KEY_BYTES)
                connection.execute(insert(keys).values(name="seal", value=value))
            if engine.dialect.name == "postgresql":
                add_function(connection)
    except SQLAlchemyError as error:
        raise fault(error) from error


def _refuse_newer(connection: Connection, config: Config) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in known:
        raise CollectorError(
            f"the database was written by a newer version ({found})", "Update stt-service"
        )


def seal_key(engine: Engine) -> bytes:
    """Return the key that receipts and challenges are sealed with."""
    with reading(engine) as connection:
        found = connection.execute(select(keys.c.value).where(keys.c.name == "seal")).scalar()
    if found is None:
        raise CollectorError("the database has no key", "stt-service collector init")
    return bytes(found)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction that counts when the block ends. Raises :exc:`CollectorError`."""
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise fault(error) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection to look with; it keeps nobody waiting. Raises :exc:`CollectorError`."""
    with writing(_reader(engine)) as connection:
        yield connection


@lru_cache(maxsize=8)  # making it takes longer than looking
def _reader(engine: Engine) -> Engine:
    options: dict[str, Any] = {READS: True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "AUTOCOMMIT"  # a look needs no beginning and no end
    return engine.execution_options(**options)


def ask(engine: Engine, statement: Executable, given: Mapping[str, object]) -> Any:  # noqa: ANN401
    """Return the first row of a statement that is a transaction of its own, None for no row.

    What it has written counts when this returns. Raises :exc:`CollectorError`.
    """
    if engine.dialect.name == "postgresql":
        return _ask_driver(engine, _spelled(statement, engine.dialect), given)
    with reading(engine) as connection:
        return connection.execute(statement, given).first()


@lru_cache(maxsize=32)
def _spelled(statement: Executable, dialect: Dialect) -> str:
    assert isinstance(statement, ClauseElement), "every statement is one"
    return str(statement.compile(dialect=dialect))


def _ask_driver(engine: Engine, statement: str, given: Mapping[str, object]) -> Any:  # noqa: ANN401
    """Ask PostgreSQL through the driver: what SQLAlchemy does around it takes twice as long."""
    import psycopg  # noqa: PLC0415 -- where SQLite is used it need not be there
    from psycopg.rows import namedtuple_row  # noqa: PLC0415

    try:
        lent = engine.raw_connection()
    except SQLAlchemyError as error:
        raise fault(error) from error
    except psycopg.Error as error:  # as the driver says it: here nobody translates
        raise _said(error, error) from error
    driver: Any = lent.driver_connection
    try:
        driver.autocommit = True
        with driver.cursor(row_factory=namedtuple_row) as cursor:
            found = cursor.execute(statement, given).fetchone()
        driver.autocommit = False  # as all others expect it
    except psycopg.Error as error:
        lent.invalidate(error)
        if driver.closed:  # and so are those of the others that wait to be lent
            engine.dispose()
        raise _said(error, error) from error
    finally:
        lent.close()
    return found


_LOCK = text("SELECT pg_advisory_xact_lock(:number)")
_NOTE = insert(audit)


def lock(connection: Connection, name: str) -> None:
    """Keep others out of one utterance until the transaction ends; SQLite lets one in anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"number": lock_number(name)})


def lock_number(name: str) -> int:
    """Return what PostgreSQL locks in place of a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def note(connection: Connection, action: str, subject: str = "") -> None:
    """Write a line of the audit log: what happened to which utterance, and to nobody."""
    connection.execute(_NOTE, {"time": stamp(), "action": action, "subject": subject})


def stamp() -> str:
    """Return the time as ISO 8601, UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fault(error: SQLAlchemyError) -> CollectorError:
    """Return what a failure of the database is to its user: no statement, no values."""
    return _said(error, getattr(error, "orig", None))


def _said(error: Exception, origin: BaseException | None) -> CollectorError:
    said = str(origin or type(error).__name__).strip().splitlines()
    remedy = _SQLITE_REMEDY if isinstance(origin, sqlite3.Error) else _SERVER_REMEDY
    return CollectorError(
        f"the database failed: {said[0] if said else type(error).__name__}", remedy
    )


_SQLITE_REMEDY = (
    "Make room on its disk (`df -h`), let this user write to its folder, and have nobody else keep "
    "it locked; what was acknowledged is safe"
)
_SERVER_REMEDY = (
    "See whether it runs (`pg_lsclusters`) and what it says (/var/log/postgresql); the collector "
    "goes on by itself, and what was acknowledged is safe"
)
