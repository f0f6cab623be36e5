"""The database file: whose it is, which version, whole transactions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from stt_service.errors import StoreError
from stt_service.store.db import FILE, MIGRATIONS, Database


def test_it_is_made_for_nobody_elses_eyes(tmp_path: Path) -> None:
    """The folder is the owner's alone, and so is all within."""
    with Database(tmp_path / "a/store") as database:
        assert database.folder.stat().st_mode & 0o077 == 0


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    """And what was written is there."""
    with Database(tmp_path) as database, database.writing() as connection:
        connection.execute("INSERT INTO sent VALUES ('a', 'owner', 't')")
    with Database(tmp_path) as database, database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM sent").fetchone() == (1,)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """And left as it is: what that version knows must not be lost."""
    Database(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(StoreError, match="newer stt-service"):
        Database(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """And left as it is."""
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA application_id = 7")
    with pytest.raises(StoreError, match="another program"):
        Database(tmp_path)


@pytest.mark.parametrize("content", [b"no database " * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
def test_what_is_no_database_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    """Not a traceback."""
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StoreError, match=str(tmp_path / FILE)):
        Database(tmp_path)


def test_a_folder_that_cannot_be_is_an_error_that_names_it(tmp_path: Path) -> None:
    """A file lies where the folder should."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        Database(tmp_path / "file/store")


def test_a_transaction_is_whole(database: Database) -> None:
    """What fails in the middle has not begun."""

    def fail() -> None:
        with database.writing() as connection:
            connection.execute("INSERT INTO sent VALUES ('a', 'owner', 't')")
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM sent").fetchone() == (0,)


def test_deleted_text_is_gone_from_the_card(database: Database) -> None:
    """Overwritten in the file, and forgotten by the log."""
    with database.writing() as connection:
        connection.execute("INSERT INTO sent VALUES ('sesame-open', 'owner', 't')")
    with database.writing() as connection:
        connection.execute("DELETE FROM sent")
    database.forget()
    left = b"".join(path.read_bytes() for path in database.folder.iterdir() if path.is_file())
    assert b"sesame" not in left


def test_the_version_changes_when_another_writes(database: Database) -> None:
    """And only then: that is how a daemon learns of a consent given on the command line."""
    before = database.version()
    with database.writing() as connection:
        connection.execute("INSERT INTO sent VALUES ('a', 'owner', 't')")
    assert database.version() == before
    with Database(database.folder) as other, other.writing() as connection:
        connection.execute("INSERT INTO sent VALUES ('b', 'owner', 't')")
    assert database.version() != before


def test_what_is_closed_says_so(database: Database) -> None:
    """Not a traceback of the library's."""
    database.close()
    with pytest.raises(StoreError, match="is closed"), database.reading():
        pass
