"""A store in a folder of the test's own, with its owner's consent where a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stt_service.store.consent import Consent, Ledger
from stt_service.store.db import Database
from stt_service.store.utterances import Utterances
from tests.store.things import ROOMY


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "store") as database:
        yield database


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def utterances(database: Database) -> Utterances:
    return Utterances(database, ROOMY)


@pytest.fixture
def consent(ledger: Ledger) -> Consent:
    return ledger.give("keep", "asked")
