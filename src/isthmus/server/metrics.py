"""Counts and times for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """What a server counts, in a registry of its own.

    Args:
        items: Says how many items of each view there are.
    """

    def __init__(self, items: Callable[[], dict[str, int]]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "isthmus_requests",
            "Requests by route and status.",
            ("route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "isthmus_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._registry.register(_Items(items))

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """In the text format of Prometheus."""
        return generate_latest(self._registry)


class _Items(Collector):
    """Asks the store when it is asked."""

    def __init__(self, items: Callable[[], dict[str, int]]) -> None:
        self._items = items

    def collect(self):  # type: ignore[no-untyped-def]
        """One gauge, by view."""
        gauge = GaugeMetricFamily("isthmus_items", "Items in the store.", labels=["view"])
        for view, count in self._items().items():
            gauge.add_metric([view], count)
        yield gauge
