"""Figures for Prometheus: what the database knows, and what this process has measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.process_collector import ProcessCollector

from stt_service.collector.collection import Collection

HELP = {
    "contributors": "Pseudonyms that have joined",
    "utterances": "Utterances that lie here",
    "bytes": "Size of their sound",
    "seconds": "Length of their sound",
    "deleted": "Utterances that were received and deleted",
}
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds."""


class Metrics:
    """Of one process; several behind a proxy are asked one by one, sums are the same in all."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._registry = CollectorRegistry()
        self.receiving = Histogram(
            "stt_collector_receive_seconds",
            "From the last byte of an utterance to its acknowledgement",
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield what the database knows; called by the registry."""
        for name, value in asdict(self._collection.sums()).items():
            yield GaugeMetricFamily(f"stt_collector_{name}", HELP[name], value=value)

    def describe(self) -> Iterator[Metric]:
        """Yield the names, without asking the database."""
        for name, text in HELP.items():
            yield GaugeMetricFamily(f"stt_collector_{name}", text)

    def text(self) -> bytes:
        """Return all figures. Raises :exc:`CollectorError`."""
        return generate_latest(self._registry)
