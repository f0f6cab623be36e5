"""``GET /metrics``: what Prometheus is told, collected when it asks. Nothing is counted twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from stt_service.hub import Hub
from stt_service.listener.api import Control

PREFIX = "stt_"
LATENCY = "final_latency_seconds"
BUCKET = f"{LATENCY}_bucket_"

HELP = {
    "audio_seconds_total": "Audio of the microphone that was listened to.",
    "skipped_seconds_total": "Audio that came while it was muted.",
    "busy_seconds_total": "Time that the recogniser took for the microphone.",
    "finals_total": "Utterances recognised.",
    "rejected_total": "Utterances not vouched for.",
    "overflows_total": "Times that the sound system lost audio.",
    "dropped_seconds_total": "Audio dropped because the recogniser was behind.",
    "backlog_seconds": "Audio that waits for the recogniser.",
    "vad_frames_total": "Frames that the voice detector judged.",
    "vad_speech_frames_total": "Frames that it took for speech.",
    "callers_total": "Clients whose audio was recognised.",
    "callers_refused_total": "Clients that were told that the daemon is busy.",
    "caller_audio_seconds_total": "Audio of clients that was recognised.",
    "caller_busy_seconds_total": "Time that the recogniser took for clients.",
    "engines_opened_total": "Times that a model was opened.",
}
"""What the listener's counts mean; others are passed on without a word."""


def resident_bytes() -> int:
    """Return the memory that this process occupies."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 -- the quickest way
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class ServiceCollector(Collector):
    """Asks the listener, the hub and the server at each scrape."""

    def __init__(
        self, hub: Hub, control: Control, server_counts: Callable[[], Mapping[str, float]]
    ) -> None:
        """``server_counts`` returns the server's own, by name, with ``_total`` for counters."""
        self._hub = hub
        self._control = control
        self._server_counts = server_counts

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, as prometheus-client asks."""
        state, hub = self._control.state(), self._hub.counts()
        counts = state.counts
        yield _gauge("ready", "What is said would be recognised.", state.ready)
        yield _gauge("muted", "The microphone is not listened to.", state.muted)
        yield _gauge("speaking", "An utterance is under way.", state.speaking)
        yield _gauge("faults", "Faults that have not recovered.", len(state.faults))
        yield _gauge("callers", "Clients whose audio is being recognised.", state.callers)
        for name, value in counts.items():
            if not name.startswith(LATENCY):
                yield _metric(name, HELP.get(name, "See docs/operations.md."), value)
        yield from _latency(counts)
        yield _gauge(
            "realtime_factor",
            "Time of the recogniser for each second of the microphone, since the start.",
            _ratio(counts, "busy_seconds_total", "audio_seconds_total"),
        )
        yield _gauge(
            "vad_speech_ratio",
            "Share of frames that the voice detector took for speech, since the start.",
            _ratio(counts, "vad_speech_frames_total", "vad_frames_total"),
        )
        yield _metric("events_total", "Events published.", hub.published)
        yield _metric("subscribers", "Subscriptions to events.", hub.subscribers)
        yield _metric("subscribers_cut_off_total", "Those that did not keep up.", hub.cut_off)
        yield _metric("events_dropped_total", "Events that those did not get.", hub.dropped)
        for name, value in self._server_counts().items():
            yield _metric(name, "Of the server: see docs/protocol.md.", value)
        yield _gauge("resident_memory_bytes", "Memory that the process occupies.", resident_bytes())


def _metric(name: str, text: str, value: float) -> Metric:
    if name.endswith("_total"):
        return CounterMetricFamily(PREFIX + name.removesuffix("_total"), text, value=value)
    return _gauge(name, text, value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value=float(value))


def _ratio(counts: Mapping[str, float], part: str, whole: str) -> float:
    return counts.get(part, 0.0) / counts[whole] if counts.get(whole) else 0.0


def _latency(counts: Mapping[str, float]) -> Iterator[Metric]:
    buckets = [
        ("+Inf" if (bound := name.removeprefix(BUCKET)) == "inf" else bound, value)
        for name, value in counts.items()
        if name.startswith(BUCKET)
    ]
    if buckets:
        yield HistogramMetricFamily(
            PREFIX + LATENCY,
            "From the capture of the audio that ended an utterance to its result.",
            buckets=buckets,
            sum_value=counts.get(f"{LATENCY}_sum", 0.0),
        )


class Metrics:
    """All metrics as text, from a registry of our own: libraries put nothing into it."""

    def __init__(self, collector: Collector) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(collector)

    def text(self) -> bytes:
        """Return what is the case now, in Prometheus' own format."""
        return generate_latest(self._registry)
