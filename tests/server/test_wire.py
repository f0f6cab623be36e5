"""Rubbish on the wire: no 5xx, no crash, nothing that hangs. `python -m bench wire` says more."""

from __future__ import annotations

import logging

import httpx
import pytest

from tests.fakes_server import Stage
from tests.server.conftest import eventually
from tests.wire import talk

CONVERSATIONS = 60


def test_rubbish_breaks_nothing(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Afterwards nobody is connected, nothing was logged as an error, and it serves."""
    stage.control.limit = CONVERSATIONS  # none is turned away as busy
    with caplog.at_level(logging.WARNING):
        answers = [talk(stage.server.port, seed) for seed in range(CONVERSATIONS)]
    assert not any(answer.hung for answer in answers)
    assert {answer.status for answer in answers if answer.status >= 500} == set()
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []
    eventually(lambda: stage.hub.counts().subscribers == 0)
    eventually(lambda: all(caller.closed.is_set() for caller in stage.control.callers))
    assert httpx.get(stage.http + "/healthz").status_code == 200
