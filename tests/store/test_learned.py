"""What was learned lies beside the store, and goes with what it was learned from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from stt_service.errors import StoreError
from stt_service.store.consent import Consent, Ledger
from stt_service.store.db import Database
from stt_service.store.kept import Kept, Quota
from stt_service.store.learned import (
    FOLDER,
    KEPT,
    STATE,
    Comparison,
    State,
    Version,
    read_state,
    scorer_path,
    stamp,
)
from stt_service.store.utterances import Utterances
from tests.store.things import ROOMY, save

SCORER = b"a whole language model"


def version(number: int, kept: Sequence[Kept], consent: Consent) -> Version:
    return Version(
        number=number,
        file=f"tiny+{number}.ngram",
        base=7,
        hot_words={"marvin": 2.0},
        learned=tuple(one.id for one in kept),
        pseudonym=consent.pseudonym,
        made="2026-11-29T03:30:00+00:00",
        comparison=Comparison(utterances=10, words=50, before=9, after=4),
    )


def adopt(utterances: Utterances, consent: Consent, *seeds: int) -> list[Kept]:
    """Save an utterance for each seed, and adopt a version that was learned from it alone."""
    kept = [save(utterances, consent, seed) for seed in seeds]
    for one in kept:
        number = utterances.learned.state().highest + 1
        utterances.learned.adopt(version(number, [one], consent), SCORER, f"tried {number}")
    return kept


def files(store: Path) -> list[str]:
    folder = store / FOLDER
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_what_is_adopted_is_in_force(utterances: Utterances, consent: Consent) -> None:
    """Its file is there, for nobody else's eyes, and who looks sees that something changed."""
    store = utterances.learned._database.folder
    assert (read_state(store), stamp(store)) == (State(), 0)
    adopt(utterances, consent, 1)
    current = read_state(store).current
    assert current is not None
    assert current.number == 1
    assert scorer_path(store, current).read_bytes() == SCORER
    assert scorer_path(store, current).stat().st_mode & 0o077 == 0
    assert (store / FOLDER).stat().st_mode & 0o077 == 0
    assert stamp(store) != 0


def test_a_few_versions_stay_to_go_back_to(utterances: Utterances, consent: Consent) -> None:
    """Older ones go, files and all; numbers are never given twice."""
    store = utterances.learned._database.folder
    adopt(utterances, consent, *range(KEPT + 2))
    state = read_state(store)
    assert [one.number for one in state.versions] == [3, 4, 5]
    assert files(store) == [STATE, "tiny+3.ngram", "tiny+4.ngram", "tiny+5.ngram"]
    numbers = [utterances.learned.roll_back().in_force for _ in range(KEPT)]
    assert numbers == [4, 3, 0]
    assert files(store) == [STATE]
    state = read_state(store)
    assert (state.paused, state.highest) == (True, 5)
    with pytest.raises(StoreError, match="in force"):
        utterances.learned.roll_back()
    utterances.learned.resume()
    assert not read_state(store).paused


def test_what_was_learned_goes_with_an_utterance(utterances: Utterances, consent: Consent) -> None:
    """Only what was learned from it; the model's own scorer serves until the next night."""
    store = utterances.learned._database.folder
    first, second = adopt(utterances, consent, 1, 2)
    utterances.delete([first])
    assert [one.number for one in read_state(store).versions] == [2]
    assert read_state(store).in_force == 2
    utterances.delete([second])
    assert read_state(store).current is None
    assert files(store) == [STATE]


def test_a_withdrawal_takes_everything(utterances: Utterances, consent: Consent) -> None:
    """In the same moment."""
    store = utterances.learned._database.folder
    adopt(utterances, consent, 1, 2)
    utterances.withdraw("owner", "asked")
    assert files(store) == [STATE]
    assert b"marvin" not in (store / FOLDER / STATE).read_bytes()


def test_a_guest_takes_nothing_of_the_owners(
    utterances: Utterances, ledger: Ledger, consent: Consent
) -> None:
    """Nothing is learned from guests, so that nothing of theirs is in it."""
    store = utterances.learned._database.folder
    adopt(utterances, consent, 1)
    ledger.set_guests(present=True)
    ledger.give("keep", "asked", actor="guest")
    utterances.withdraw("guest", "asked")
    assert read_state(store).in_force == 1


def test_nothing_is_adopted_from_what_is_gone(utterances: Utterances, consent: Consent) -> None:
    """Neither from an utterance that was deleted while others were compared..."""
    store = utterances.learned._database.folder
    kept = [save(utterances, consent, seed) for seed in range(2)]
    utterances.delete(kept[:1])
    with pytest.raises(StoreError, match="deleted meanwhile"):
        utterances.learned.adopt(version(1, kept, consent), SCORER, "")
    assert files(store) == []


def test_nothing_is_adopted_after_a_withdrawal(
    utterances: Utterances, ledger: Ledger, consent: Consent
) -> None:
    """... nor under a consent that has ended, though another one was given since."""
    store = utterances.learned._database.folder
    utterances.withdraw("owner", "asked")
    with pytest.raises(StoreError, match="deleted meanwhile"):
        utterances.learned.adopt(version(1, [], consent), SCORER, "")
    ledger.give("keep", "asked")
    with pytest.raises(StoreError, match="deleted meanwhile"):
        utterances.learned.adopt(version(1, [], consent), SCORER, "")
    assert files(store) == []


def test_two_who_learn_do_not_overwrite_each_other(
    utterances: Utterances, consent: Consent
) -> None:
    """The second one, who began from the same state, is told."""
    kept = adopt(utterances, consent, 1)
    with pytest.raises(StoreError, match="learned meanwhile"):
        utterances.learned.adopt(version(1, kept, consent), b"another", "")
    current = utterances.learned.state().current
    assert current is not None
    assert scorer_path(utterances.learned._database.folder, current).read_bytes() == SCORER


def test_what_age_or_quota_deleted_is_unlearned(database: Database, ledger: Ledger) -> None:
    """At the next night's learning."""
    consent = ledger.give("keep", "asked")
    utterances = Utterances(database, ROOMY)
    adopt(utterances, consent, 1)
    assert utterances.learned.drop_stale() == 0
    size = utterances.listing()[0].bytes
    smaller = Utterances(database, Quota(size, 365.0, 0))
    save(smaller, consent, 2)
    assert smaller.learned.drop_stale() == 1
    assert read_state(database.folder).versions == ()


def test_a_version_of_an_ended_consent_is_swept(
    database: Database, utterances: Utterances, ledger: Ledger, consent: Consent
) -> None:
    """As where files could not be removed when the consent was withdrawn."""
    adopt(utterances, consent, 1)
    folder = database.folder / FOLDER
    saved = {path.name: path.read_bytes() for path in folder.iterdir()}
    utterances.withdraw("owner", "asked")
    ledger.give("keep", "asked")
    for name, content in saved.items():
        (folder / name).write_bytes(content)
    Utterances(database, ROOMY)
    assert files(database.folder) == [STATE]


def test_left_over_files_are_swept(
    database: Database, utterances: Utterances, consent: Consent
) -> None:
    """A scorer that was written when the power failed belongs to no version."""
    adopt(utterances, consent, 1)
    (database.folder / FOLDER / "tiny+2.ngram").write_bytes(SCORER)
    (database.folder / FOLDER / f".{STATE}.abcd").write_bytes(b"{")
    Utterances(database, ROOMY)
    assert files(database.folder) == [STATE, "tiny+1.ngram"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"in_force": "x"}', b'{"new_field": 1}'])
def test_a_damaged_state_counts_as_none(
    database: Database, utterances: Utterances, consent: Consent, damage: bytes
) -> None:
    """The model's own scorer serves; the next opening cleans up, the next night learns anew."""
    adopt(utterances, consent, 1)
    (database.folder / FOLDER / STATE).write_bytes(damage)
    assert read_state(database.folder) == State()
    assert files(database.folder) == [STATE, "tiny+1.ngram"]
    again = Utterances(database, ROOMY)
    assert files(database.folder) == [STATE]
    kept = again.listing()
    again.learned.adopt(version(1, kept, consent), SCORER, "")
    assert read_state(database.folder).in_force == 1


def test_forgetting_keeps_what_is_kept(utterances: Utterances, consent: Consent) -> None:
    """Versions go; utterances stay to be learned from again."""
    adopt(utterances, consent, 1, 2)
    assert utterances.learned.forget() == 2
    assert utterances.learned.forget() == 0
    assert len(utterances.listing()) == 2
    assert utterances.learned.state().tried == ""


def test_a_folder_that_cannot_be_made_is_named(utterances: Utterances, consent: Consent) -> None:
    """And nothing is adopted by half."""
    store = utterances.learned._database.folder
    (store / FOLDER).write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match=FOLDER):
        adopt(utterances, consent, 1)
    assert read_state(store) == State()
