"""What the gateway tells Prometheus: events by result, time of a commit, what waits, who follows."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """One gateway's metrics, in a registry of their own."""

    def __init__(self, *, waiting: Callable[[], float], streams: Callable[[], float]) -> None:
        """``waiting`` and ``streams`` are asked when somebody scrapes."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._events = Counter(
            "comptoir_events",
            "Events by touchpoint, type and result (accepted, repeated, or the refusal's name).",
            ("touchpoint", "type", "result"),
            registry=self._registry,
        )
        self._counters: dict[tuple[str, str, str], Counter] = {}
        self._seconds = Histogram(
            "comptoir_batch_seconds",
            "From deciding a batch to its commit.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=self._registry,
        )
        self._size = Histogram(
            "comptoir_batch_events",
            "Events in a batch.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
            registry=self._registry,
        )
        self._refused = Counter(
            "comptoir_requests_refused", "Requests refused as a whole.", ("reason",), registry=self._registry
        )
        Gauge("comptoir_requests_waiting", "Requests that wait for a batch.", registry=self._registry).set_function(
            waiting
        )
        Gauge("comptoir_streams", "Those who follow live changes.", registry=self._registry).set_function(streams)

    def count(self, touchpoint: str, event_type: str, result: str, count: int = 1) -> None:
        """Count events by what became of them."""
        key = (touchpoint, event_type, result)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._events.labels(*key)
        counter.inc(count)

    def took(self, events: int, seconds: float) -> None:
        """Note a batch: how many events it had, and how long it took."""
        self._seconds.observe(seconds)
        self._size.observe(events)

    def refused(self, reason: str) -> None:
        """Count a request that was refused as a whole."""
        self._refused.labels(reason).inc()

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)
