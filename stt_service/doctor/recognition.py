"""The model's files, and whether the recogniser understands a recording in time."""

from __future__ import annotations

from dataclasses import dataclass

from stt_service.doctor.api import Fact, Finding

REAL_TIME = 1.0
"""Seconds of work for each second of audio, beyond which it falls behind for ever."""
TIGHT = 0.7
"""Likewise, beyond which a busy moment makes it fall behind: capture and server work too."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A recording was recognised."""

    model: str
    engine: str
    words: int
    """That were heard."""
    audio: float
    """Seconds."""
    wall: float
    """Seconds that it took, opening left out."""
    opening: float
    """Seconds that opening took."""

    @property
    def factor(self) -> float:
        """Seconds of work for each second of audio."""
        return self.wall / self.audio


def judge_trial(trial: Trial) -> Finding:
    """Say whether it understands, and quickly enough."""
    facts: dict[str, Fact] = {
        "model": trial.model,
        "engine": trial.engine,
        "words": trial.words,
        "real_time_factor": round(trial.factor, 3),
        "opening_s": round(trial.opening, 2),
    }
    text = f"{trial.engine} with {trial.model}: {trial.factor:.3f} s for each second of audio"
    faster = "Take a smaller model, decoder.beam_width = 50, or a faster board: see docs/pi.md"
    if not trial.words:
        return Finding(
            "engine",
            "fail",
            "engine-deaf",
            f"{text}, but it hears nothing in the bundled recordings",
            "Is it a model for another language? `stt-service models verify`",
            facts,
        )
    if trial.factor > REAL_TIME:
        return Finding("engine", "fail", "engine-slow", f"{text}: too slow", faster, facts)
    if trial.factor > TIGHT:
        return Finding("engine", "warn", "engine-tight", f"{text}: hardly enough", faster, facts)
    return Finding("engine", "ok", "fine", text, "", facts)
