"""The utterance store: both file and row or neither, and only with a consent."""

from __future__ import annotations

import errno
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stt_service.errors import StoreError
from stt_service.store.consent import Consent, Ledger
from stt_service.store.db import Database
from stt_service.store.kept import Kept, NotSaved, Quota, Saved, SaveStopped
from stt_service.store.taken_out import export
from stt_service.store.utterances import Utterances
from tests.store.things import RATE, ROOMY, new, samples, save, sound


def mark_sent(database: Database, kept: Kept) -> None:
    """Do what the queue does before something leaves."""
    with database.writing() as connection:
        connection.execute(
            "INSERT INTO sent VALUES (?, ?, ?)", (kept.id, kept.actor, kept.deletion_token)
        )


def files(database: Database) -> set[str]:
    return {path.name for path in (database.folder / "audio").iterdir()}


# -- saving


def test_what_is_saved_is_there_again(utterances: Utterances, consent: Consent) -> None:
    """Sound, text and everything known of it, to the bit."""
    kept = save(utterances, consent, 5, "turn on the light")
    data = utterances.sound(kept)
    found, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert (rate, np.array_equal(found, samples(5))) == (RATE, True)
    assert kept.audio_sha256 == hashlib.sha256(data).hexdigest()
    assert (kept.text, kept.label, kept.review) == ("turn on the light", None, None)
    assert (kept.consent, kept.actor) == (consent.id, "owner")
    assert kept.alternatives[0].text == "turn on the light"
    assert kept.bytes == len(data)
    assert len(kept.deletion_token) == 64


def test_the_secret_is_not_public(utterances: Utterances, consent: Consent) -> None:
    """What is printed or exported cannot be used to delete."""
    kept = save(utterances, consent)
    assert kept.deletion_token not in json.dumps(kept.public())


def test_nothing_is_saved_without_a_consent(utterances: Utterances, database: Database) -> None:
    """Whatever permit somebody shows."""
    assert utterances.save(new(), sound(1), "") == NotSaved("consent")
    assert utterances.save(new(), sound(1), "0" * 64) == NotSaved("consent")
    assert files(database) == set()


def test_a_consent_that_ended_meanwhile_does_not_count(
    utterances: Utterances, consent: Consent, database: Database, ledger: Ledger
) -> None:
    """Withdrawn, given anew with another scope, or guests have come since the words were said."""
    utterances.withdraw("owner", "asked")
    assert utterances.save(new(), sound(1), consent.id) == NotSaved("consent")
    again = ledger.give("keep", "asked")
    assert utterances.save(new(), sound(1), consent.id) == NotSaved("consent")
    ledger.set_guests(present=True)
    assert utterances.save(new(), sound(1), again.id) == NotSaved("consent")
    assert files(database) == set()


def test_a_damaged_ledger_stops_saving(
    utterances: Utterances, consent: Consent, database: Database
) -> None:
    """It is no consent."""
    with database.writing() as connection:
        connection.execute("DROP TRIGGER ledger_stays")
        connection.execute("UPDATE ledger SET scope = 'publish'")
    stopped = utterances.save(new(), sound(1), consent.id)
    assert isinstance(stopped, SaveStopped)
    assert "ledger is damaged" in stopped.message
    assert files(database) == set()


def test_the_same_sound_is_saved_once(
    utterances: Utterances, consent: Consent, database: Database
) -> None:
    """Whatever was recognised of it."""
    save(utterances, consent, 1)
    assert utterances.save(new("other"), sound(1), consent.id) == NotSaved("duplicate")
    assert len(files(database)) == 1


def test_the_oldest_make_room_and_corrected_ones_go_last(
    database: Database, consent: Consent
) -> None:
    """The quota counts the bytes of sound."""
    size = len(sound(0))
    utterances = Utterances(database, Quota(3 * size + size // 2, 365.0, 0))
    kept = [save(utterances, consent, seed, str(seed)) for seed in range(3)]
    utterances.label(kept[0], "zero")
    saved = utterances.save(new("3"), sound(3), consent.id)
    assert isinstance(saved, Saved)
    assert saved.removed == 1
    assert [one.text for one in utterances.listing()] == ["0", "2", "3"]
    assert files(database) == {f"{one.id}.flac" for one in utterances.listing()}


def test_an_utterance_larger_than_the_quota_removes_nothing(
    database: Database, consent: Consent
) -> None:
    """It would push out all others and still not fit."""
    utterances = Utterances(database, Quota(2 * len(sound(0)), 365.0, 0))
    save(utterances, consent, 1)
    stopped = utterances.save(new(), sound(2, 4000), consent.id)
    assert isinstance(stopped, SaveStopped)
    assert "store.quota_mib" in stopped.message
    assert len(utterances.listing()) == 1


def test_room_is_left_to_others(database: Database, consent: Consent) -> None:
    """A card that is nearly full stops saving."""
    utterances = Utterances(database, Quota(1 << 30, 365.0, 1 << 60))
    stopped = utterances.save(new(), sound(1), consent.id)
    assert isinstance(stopped, SaveStopped)
    assert "MiB are free" in stopped.message
    assert files(database) == set()


def test_a_write_that_fails_leaves_nothing(
    utterances: Utterances, consent: Consent, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full card, found out in the middle; the next one is saved."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("stt_service.store.sound.os.fsync", full)
        stopped = utterances.save(new(), sound(1), consent.id)
    assert isinstance(stopped, SaveStopped)
    assert "No space left" in stopped.message
    assert (files(database), utterances.listing()) == (set(), [])
    save(utterances, consent, 1)


def test_a_lowered_quota_counts_without_a_new_utterance(
    database: Database, consent: Consent
) -> None:
    """Tidying makes the room that saving would make."""
    size = len(sound(0))
    utterances = Utterances(database, Quota(1 << 30, 365.0, 0))
    kept = [save(utterances, consent, seed, str(seed)) for seed in range(3)]
    utterances.label(kept[0], "zero")
    assert Utterances(database, Quota(2 * size + size // 2, 365.0, 0)).tidy() == 1
    assert [one.text for one in utterances.listing()] == ["0", "2"]
    assert len(files(database)) == 2


# -- opening


def test_what_crashes_left_is_removed(
    utterances: Utterances, consent: Consent, database: Database
) -> None:
    """Half files, files without a row, rows without a file."""
    whole, lost = save(utterances, consent, 1, "whole"), save(utterances, consent, 2, "lost")
    folder = database.folder / "audio"
    (folder / f"{lost.id}.flac").unlink()
    (folder / "ab.new").write_bytes(b"half")
    (folder / "cd.flac").write_bytes(sound(3))
    again = Utterances(database, ROOMY)
    assert [one.text for one in again.listing()] == ["whole"]
    assert files(database) == {f"{whole.id}.flac"}


def test_a_file_that_rotted_is_told(
    utterances: Utterances, consent: Consent, database: Database
) -> None:
    """Its hash does not fit; a file that is gone is told too."""
    kept = save(utterances, consent)
    path = database.folder / "audio" / f"{kept.id}.flac"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError, match="is damaged"):
        utterances.sound(kept)
    path.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        utterances.sound(kept)


# -- changing


def test_the_beginning_of_an_id_is_enough(utterances: Utterances, consent: Consent) -> None:
    """If it is one utterance's alone."""
    kept = save(utterances, consent, 1)
    assert utterances.get(kept.id[:6]) == kept
    for wrong in ("", "x"):
        with pytest.raises(StoreError, match="no utterance"):
            utterances.get(wrong)
    others = [save(utterances, consent, seed).id[0] for seed in range(2, 20)]
    twice = next(one for one in others if others.count(one) > 1)
    with pytest.raises(StoreError, match="utterances begin with"):
        utterances.get(twice)


def test_a_label_is_what_was_really_said(utterances: Utterances, consent: Consent) -> None:
    """Blanks in a row are one; nothing, and a novel, are refused."""
    kept = save(utterances, consent)
    utterances.label(kept, "  turn\n it   off ")
    assert utterances.get(kept.id).label == "turn it off"
    for wrong in (" ", "x" * 10_001):
        with pytest.raises(StoreError, match="characters"):
            utterances.label(kept, wrong)


def test_what_is_gone_cannot_be_changed(utterances: Utterances, consent: Consent) -> None:
    """Somebody else has deleted it meanwhile."""
    kept = save(utterances, consent)
    assert (utterances.delete([kept]), utterances.delete([kept])) == (1, 0)
    for change in (
        lambda: utterances.label(kept, "x"),
        lambda: utterances.review(kept, "accepted"),
    ):
        with pytest.raises(StoreError, match="is gone"):
            change()


def test_deleting_leaves_nothing_of_it(
    utterances: Utterances, consent: Consent, database: Database
) -> None:
    """Neither file nor words, nor in the database's log; and where it was sent it is asked for."""
    kept, other = save(utterances, consent, 1, "sesame open"), save(utterances, consent, 2)
    mark_sent(database, kept)
    assert utterances.delete([kept]) == 1
    assert utterances.listing() == [other]
    assert files(database) == {f"{other.id}.flac"}
    left = b"".join(path.read_bytes() for path in database.folder.iterdir() if path.is_file())
    assert b"sesame" not in left
    assert (utterances.stats().sent, utterances.stats().tombstones) == (0, 1)


def test_withdrawal_deletes_everything(
    utterances: Utterances, consent: Consent, database: Database, ledger: Ledger
) -> None:
    """Guests' too; what was sent becomes tombstones, even if a quota has removed it here."""
    first = save(utterances, consent, 1)
    mark_sent(database, first)
    with database.writing() as connection:
        connection.execute("DELETE FROM utterances")  # as a quota does
    save(utterances, consent, 2)
    ledger.set_guests(present=True)
    save(utterances, ledger.give("keep", "asked", actor="guest"), 3)
    assert utterances.withdraw("owner", "asked") == 2
    assert (utterances.listing(), files(database)) == ([], set())
    assert utterances.stats().tombstones == 1
    assert utterances.withdraw("owner", "asked") == 0


def test_a_guests_withdrawal_leaves_the_owners(
    utterances: Utterances, consent: Consent, ledger: Ledger
) -> None:
    """Each decides about their own."""
    save(utterances, consent, 1, "owner")
    ledger.set_guests(present=True)
    save(utterances, ledger.give("keep", "asked", actor="guest"), 2, "guest")
    assert utterances.withdraw("guest", "asked") == 1
    assert [one.text for one in utterances.listing()] == ["owner"]


# -- review


def test_rejecting_what_has_left_asks_for_it_back(
    utterances: Utterances, consent: Consent, database: Database
) -> None:
    """It stays here."""
    kept = save(utterances, consent)
    mark_sent(database, kept)
    utterances.review(kept, "rejected")
    stats = utterances.stats()
    assert (stats.utterances, stats.rejected, stats.sent, stats.tombstones) == (1, 1, 0, 1)


# -- taking out


def test_an_export_has_all_of_it(utterances: Utterances, consent: Consent, tmp_path: Path) -> None:
    """Sound to the bit, and a line for each; never into a folder that holds anything."""
    kept = [save(utterances, consent, seed) for seed in range(3)]
    assert export(utterances, tmp_path / "out") == 3
    lines = (tmp_path / "out/utterances.jsonl").read_text().splitlines()
    for one, line in zip(kept, lines, strict=True):
        found = json.loads(line)
        assert found["id"] == one.id
        assert (tmp_path / "out" / found["file"]).read_bytes() == utterances.sound(one)
    with pytest.raises(StoreError, match="is not empty"):
        export(utterances, tmp_path / "out")


def test_stats_count(utterances: Utterances, consent: Consent) -> None:
    """What there is, and what was done to it."""
    one, two = save(utterances, consent, 1), save(utterances, consent, 2)
    utterances.label(one, "x")
    utterances.review(two, "accepted")
    stats = utterances.stats()
    assert (stats.utterances, stats.labelled, stats.accepted) == (2, 1, 1)
    assert stats.bytes == one.bytes + two.bytes
    assert stats.seconds == pytest.approx(0.2)
