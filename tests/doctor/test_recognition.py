"""Whether the recogniser understands, and in time."""

from __future__ import annotations

import pytest

from stt_service.doctor.recognition import Trial, judge_trial


@pytest.mark.parametrize(
    ("words", "wall", "status", "code"),
    [
        (12, 1.0, "ok", "fine"),
        (12, 7.5, "warn", "engine-tight"),
        (12, 15.0, "fail", "engine-slow"),
        (0, 1.0, "fail", "engine-deaf"),
    ],
)
def test_trials(words: int, wall: float, status: str, code: str) -> None:
    """Ten seconds of audio."""
    finding = judge_trial(Trial("m", "litert", words, 10.0, wall, 0.5))
    assert (finding.status, finding.code) == (status, code)
    assert finding.facts["real_time_factor"] == wall / 10
