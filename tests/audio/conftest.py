"""A sound server for the tests that need real capture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sound_server import SoundServer, missing


@pytest.fixture
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundServer]:
    """A running server without microphones; skips, saying why, where there can be none."""
    if reason := missing():
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as monkeypatch:
        server = SoundServer(tmp_path_factory.mktemp("sound"), monkeypatch)
        yield server
        server.close()
