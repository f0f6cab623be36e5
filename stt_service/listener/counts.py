"""What the worker counts, for metrics. Written by its thread; any thread may read."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

LATENCY_BOUNDS = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.12, 0.25, 0.5, 1.0, 2.5)
"""Seconds; upper ends of the histogram's steps, dense around the promised 60 and 120 ms."""


@dataclass
class Counts:
    """Totals since the start."""

    audio_seconds: float = 0.0
    """Of the microphone that were listened to."""
    skipped_seconds: float = 0.0
    """Of it while muted."""
    busy_seconds: float = 0.0
    """That the worker took for them: divided by the audio, the real-time factor."""
    finals: int = 0
    rejected: int = 0
    caller_audio_seconds: float = 0.0
    caller_busy_seconds: float = 0.0
    latencies: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS) + 1))
    latency_sum: float = 0.0

    def result(self, seconds: float) -> None:
        """Count a result that came ``seconds`` after the audio which ended it was captured."""
        self.latencies[bisect_left(LATENCY_BOUNDS, seconds)] += 1
        self.latency_sum += seconds

    def as_mapping(self) -> dict[str, float]:
        """Return all of them by name; the histogram cumulated, as Prometheus has it."""
        found: dict[str, float] = {
            "audio_seconds_total": self.audio_seconds,
            "skipped_seconds_total": self.skipped_seconds,
            "busy_seconds_total": self.busy_seconds,
            "finals_total": self.finals,
            "rejected_total": self.rejected,
            "caller_audio_seconds_total": self.caller_audio_seconds,
            "caller_busy_seconds_total": self.caller_busy_seconds,
            "final_latency_seconds_sum": self.latency_sum,
            "final_latency_seconds_count": sum(self.latencies),
        }
        below = 0
        for bound, count in zip((*LATENCY_BOUNDS, float("inf")), self.latencies, strict=True):
            below += count
            found[f"final_latency_seconds_bucket_{bound:g}"] = below
        return found
