"""Fixtures that any test may ask for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.running import Running

# An example's time depends on what else the machine does; hangs are caught by the test's timeout.
settings.register_profile("exact", deadline=None)
settings.load_profile("exact")

SHARED = Path(__file__).parents[2] / "shared"
"""Genuine models, scorers and recordings, which lie beside the checkout where there are any."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of genuine material; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the genuine models and recordings in ../shared")
    return SHARED


@pytest.fixture(scope="session")
def buddybot(shared: Path) -> Path:
    """A genuine Coqui STT model, 200 wide, whose scorer lies beside it."""
    return shared / "genuine/buddybot/buddybot_private.tflite"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Commands that run in this process choose how much is logged; the next test decides anew."""
    logger = logging.getLogger("stt_service")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory and settings of the test's own, whatever the machine's say."""
    state = tmp_path / "state"
    monkeypatch.setenv("STT_SERVICE_PATHS__STATE", str(state))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("stt_service.config.SYSTEM_FILE", tmp_path / "etc.toml")
    return state


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start daemons, which are killed in the end."""
    started: list[Running] = []

    def start(*options: str, **more: Any) -> Running:
        started.append(Running(tmp_path, *options, **more))
        return started[-1]

    yield start
    for one in started:
        one.close()
