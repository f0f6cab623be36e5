"""The whole way from store to collector, in real processes: `python -m bench collection`, small."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")

from bench.collection import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_all_arrives_once_and_all_that_is_withdrawn_is_gone() -> None:
    """Over a bad line, while worker and collector are killed."""
    found = dict(run(utterances=12, kills=3, withdrawals=2, seed=3))
    assert found["stored exactly once, bytes equal"] == 12
    assert found["worker and collector killed"] >= 3
    assert found["still there in the end"] == 0
    assert found["sound files after the sweep"] == 0
    assert found["receipts"] == 12 + found["utterances asked back in them"]
