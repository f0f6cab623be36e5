"""When an utterance may leave, and when it has to go: by the clock, and by counting."""

from __future__ import annotations

from stt_service.store.consent import Consent
from stt_service.store.db import Database
from stt_service.store.kept import Grace, Quota
from stt_service.store.passing import Tick
from stt_service.store.utterances import Utterances
from tests.store.things import ROOMY, save


def test_utterances_grow_old(database: Database, consent: Consent) -> None:
    """After ``store.keep_days`` they go, file and row."""
    now = 1_790_000_000.0
    utterances = Utterances(database, Quota(1 << 30, 2.0, 0), clock=lambda: now)
    save(utterances, consent, 1, "old")
    now += 86_400.0
    save(utterances, consent, 2, "young")
    now += 86_401.0
    assert utterances.tidy() == 1
    assert [one.text for one in utterances.listing()] == ["young"]
    assert len(list((database.folder / "audio").iterdir())) == 1


def test_what_was_saved_by_a_clock_that_nobody_had_set_is_not_old(
    database: Database, consent: Consent
) -> None:
    """It was saved in 1970, and now it is 2026: that says nothing; what was counted does."""
    clock, counted = 60.0, 60.0
    quota = Quota(1 << 30, 2.0, 0)
    utterances = Utterances(
        database, quota, clock=lambda: clock, ticks=lambda: Tick("boot", counted)
    )
    save(utterances, consent)
    clock, counted = 1_790_000_000.0, 90_000.0
    assert utterances.tidy() == 0
    counted = 60.0 + 2 * 86_400.0 + 1
    assert utterances.tidy() == 1


def test_the_page_is_told_when_something_may_leave(database: Database, consent: Consent) -> None:
    """By the clock of that moment, however often that is set; never, where nobody lets it."""
    now, clock = 0.0, 1e9
    utterances = Utterances(database, ROOMY, clock=lambda: clock, ticks=lambda: Tick("boot", now))
    kept = save(utterances, consent)
    strict, lenient = Grace(24.0), Grace(24.0, unreviewed=True)
    now, clock = 3600.0, 2e9
    assert utterances.leaves(kept, strict) is None
    assert utterances.leaves(kept, lenient) == 2e9 + 23 * 3600
    utterances.review(kept, "accepted")
    accepted = utterances.get(kept.id)
    now, clock = 30 * 3600.0, 3e9
    assert utterances.leaves(accepted, strict) == 3e9 - 6 * 3600
    utterances.review(kept, "rejected")
    assert utterances.leaves(utterances.get(kept.id), lenient) is None
