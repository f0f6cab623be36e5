"""A running server for tests that need nothing special."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.fakes_server import Stage, running

PATIENCE = 10.0
"""Seconds that something may take on a loaded board."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with running() as stage:
        yield stage


def eventually(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.01)
