"""The ledger: what counts as a consent, and what is noticed."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.errors import ConsentError, StoreError
from stt_service.store import texts
from stt_service.store.consent import Entry, Ledger, fold
from stt_service.store.db import Database


def withdraw(database: Database, ledger: Ledger, actor: str = "owner") -> None:
    with database.writing() as connection:
        ledger.withdraw(connection, actor, "asked")


def forge(database: Database, statement: str, *values: object) -> None:
    """Write to the file behind the program's back."""
    with sqlite3.connect(database.path) as connection:
        connection.execute("DROP TRIGGER IF EXISTS ledger_stays")
        connection.execute("DROP TRIGGER IF EXISTS ledger_remains")
        connection.execute(statement, values)
    connection.close()


def test_silence_is_no(ledger: Ledger) -> None:
    """Nobody has agreed to anything at first."""
    assert ledger.standing().live is None
    assert ledger.entries() == []


def test_a_consent_is_alive_until_it_is_withdrawn(database: Database, ledger: Ledger) -> None:
    """And says what was agreed to."""
    given_ = ledger.give("upload", "yes-option")
    entry = ledger.entries()[0]
    assert ledger.standing().live == given_
    assert (given_.scope, given_.id, entry.how) == ("upload", entry.hash, "yes-option")
    assert entry.text_sha256 == texts.consent_text().sha256
    withdraw(database, ledger)
    assert ledger.standing().live is None
    assert [one.action for one in ledger.entries()] == ["give", "withdraw"]


def test_giving_twice_changes_nothing(ledger: Ledger) -> None:
    """One entry, one id."""
    assert ledger.give("keep", "asked") == ledger.give("keep", "asked")
    assert len(ledger.entries()) == 1


def test_another_scope_keeps_the_pseudonym(ledger: Ledger) -> None:
    """It is the same person, who has only widened what may happen."""
    first, second = ledger.give("keep", "asked"), ledger.give("publish", "asked")
    assert first.pseudonym == second.pseudonym
    assert first.id != second.id


def test_consent_after_a_withdrawal_has_a_new_pseudonym(database: Database, ledger: Ledger) -> None:
    """Nothing connects the two."""
    first = ledger.give("keep", "asked")
    withdraw(database, ledger)
    assert ledger.give("keep", "asked").pseudonym != first.pseudonym


def test_withdrawing_twice_writes_once(database: Database, ledger: Ledger) -> None:
    """Nor is anything written where nobody has agreed."""
    withdraw(database, ledger)
    ledger.give("keep", "asked")
    withdraw(database, ledger)
    withdraw(database, ledger)
    assert len(ledger.entries()) == 2


def test_a_guest_has_not_agreed(ledger: Ledger) -> None:
    """While guests are there, the owner's consent does not count; afterwards it does again."""
    owner = ledger.give("keep", "asked")
    ledger.set_guests(present=True)
    assert ledger.standing().live is None
    guest = ledger.give("keep", "asked", actor="guest")
    assert ledger.standing().live == guest
    assert guest.pseudonym != owner.pseudonym
    ledger.set_guests(present=False)
    assert ledger.standing().live == owner
    ledger.set_guests(present=True)
    assert ledger.standing().live is None


def test_a_guest_withdraws_for_guests_alone(database: Database, ledger: Ledger) -> None:
    """The owner's withdrawal ends both."""
    owner = ledger.give("keep", "asked")
    ledger.set_guests(present=True)
    ledger.give("keep", "asked", actor="guest")
    withdraw(database, ledger, "guest")
    standing = ledger.standing()
    assert (standing.owner, standing.guest) == (owner, None)
    ledger.give("keep", "asked", actor="guest")
    withdraw(database, ledger)
    standing = ledger.standing()
    assert (standing.owner, standing.guest, standing.guests) == (None, None, True)


def test_nobody_is_a_guest_outside_of_guest_mode(ledger: Ledger) -> None:
    """Their consent would count for the owner's voice."""
    with pytest.raises(ConsentError, match="nobody is a guest"):
        ledger.give("keep", "asked", actor="guest")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET scope = 'publish' WHERE number = 1",
        "UPDATE ledger SET time = '2020-01-01T00:00:00+00:00' WHERE number = 3",
        "UPDATE ledger SET text_sha256 = hex(randomblob(32)) WHERE number = 1",
        "DELETE FROM ledger WHERE number = 1",
        "DELETE FROM ledger WHERE number = 2",
        "DELETE FROM ledger WHERE number = 3",
        "DELETE FROM ledger",
    ],
)
def test_what_was_changed_is_noticed(database: Database, ledger: Ledger, statement: str) -> None:
    """Changed, taken out, cut off at the end: then nothing counts as agreed."""
    ledger.give("keep", "asked")
    withdraw(database, ledger)
    ledger.give("keep", "asked")
    forge(database, statement)
    with pytest.raises(ConsentError, match="damaged"):
        ledger.standing()


def test_the_database_itself_refuses_changes(database: Database, ledger: Ledger) -> None:
    """Append-only, also for a mistake of ours."""
    ledger.give("keep", "asked")
    for statement in ("DELETE FROM ledger", "UPDATE ledger SET how = 'mycroft'"):
        with (
            pytest.raises(StoreError, match="append-only"),
            database.writing() as connection,
        ):
            connection.execute(statement)


def test_a_consent_to_a_text_that_is_not_ours_is_none(ledger: Ledger) -> None:
    """Whoever exchanged the text file, or an entry of a version that is gone."""
    ledger.give("keep", "asked")
    entry = ledger.entries()[0]
    other = Entry(**{name: getattr(entry, name) for name in Entry.__slots__} | {"text_version": 99})
    assert fold([other]).live is None
    other = Entry(
        **{name: getattr(entry, name) for name in Entry.__slots__} | {"text_sha256": "0" * 64}
    )
    assert fold([other]).live is None


def test_times_are_utc(database: Database) -> None:
    """To the second, whatever the clock's zone."""
    clock = datetime(2026, 5, 17, 12, 30, 15, 999, tzinfo=UTC).astimezone()
    Ledger(database, clock=lambda: clock).give("keep", "asked")
    assert Ledger(database).entries()[0].time == "2026-05-17T12:30:15+00:00"


@given(
    st.lists(
        st.sampled_from(["keep", "upload", "out", "come", "go", "guest", "guest-out"]), max_size=12
    )
)
def test_the_standing_is_what_the_story_says(steps: list[str]) -> None:
    """Any order of giving, withdrawing, guests coming and going, against a few lines of ours."""
    owner: str | None = None
    guest: str | None = None
    guests = False
    database = Database.__new__(Database)
    database._connection = sqlite3.connect(":memory:", isolation_level=None)
    database._migrate()
    ledger = Ledger(database)
    for step in steps:
        if step in ("keep", "upload"):
            ledger.give(step, "asked")
            owner = step
        elif step == "out":
            withdraw(database, ledger)
            owner = guest = None
        elif step in ("come", "go"):
            ledger.set_guests(present=step == "come")
            guest = guest if guests == (step == "come") else None
            guests = step == "come"
        elif step == "guest" and guests:
            ledger.give("keep", "asked", actor="guest")
            guest = "keep"
        elif step == "guest-out":
            withdraw(database, ledger, "guest")
            guest = None
        standing = ledger.standing()
        found = tuple(one.scope if one else None for one in (standing.owner, standing.guest))
        assert (found, standing.guests) == ((owner, guest), guests)
    database.close()


def test_texts_have_numbers_and_hashes() -> None:
    """The current one exists; none is made up."""
    current = texts.consent_text()
    assert current.version == texts.CURRENT
    assert len(current.sha256) == 64
    assert "no is the default" in current.text
    assert texts.consent_text(99) is None
