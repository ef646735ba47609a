"""Counters and histograms of our own, told to Prometheus as its library tells its own.

The library asks for each number whether the labels are set and the sign is right, and goes through
the buckets one by one: that was a fiftieth of a short request. Here a number is an addition, and
all else is done when somebody scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from threading import Lock
from time import time
from typing import Any

from .table import Metric


class Child(dict[Any, Any]):
    """The children of a metric by the values of its labels, each made when it is first used."""

    def __init__(self, make: Callable[..., Any]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: str | tuple[Any, ...]) -> Any:
        found = self[key] = self._make(*((key,) if isinstance(key, str) else key))
        return found


class Counter:
    """A number that rises; only on the loop, so that nobody else counts meanwhile."""

    __slots__ = ("created", "value")

    def __init__(self) -> None:
        self.created = time()
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        """Add what is not negative."""
        self.value += amount


class Histogram:
    """How many of the amounts are in each bucket, not counted in those above it, and their sum."""

    __slots__ = ("bounds", "counts", "created", "lock", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """``bounds``: the upper ones, each of its bucket; what is over all has one more."""
        self.created = time()
        self.lock = Lock()  # handlers are measured in their threads
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, amount: float) -> None:
        """Count an amount."""
        at = bisect_left(self.bounds, amount)
        with self.lock:
            self.counts[at] += 1
            self.sum += amount


class Family:
    """A metric with its children, in a registry of the library (a "custom collector")."""

    def __init__(self, row: Metric, library: Any) -> None:
        self._row = row
        self._library = library
        make = Counter if row.kind == "counter" else lambda: Histogram(row.buckets)
        self.children = Child(lambda *labels: make())
        if not row.labels:
            _ = self.children[()]  # without labels it is there from the start

    def describe(self) -> Iterable[Any]:
        """Its names, for the registry."""
        return [self._empty()]

    def collect(self) -> Iterable[Any]:
        """All there is to tell, for the registry."""
        told = self._empty()
        tell = self._counter if self._row.kind == "counter" else self._histogram
        for key, child in list(self.children.items()):
            tell(told, (key,) if isinstance(key, str) else key, child)
        return [told]

    def _empty(self) -> Any:
        core, (name, kind, labels, text, _) = self._library.metrics_core, self._row
        made = core.CounterMetricFamily if kind == "counter" else core.HistogramMetricFamily
        return made(name, text, labels=labels)

    def _counter(self, told: Any, labels: tuple[str, ...], child: Counter) -> None:
        told.add_metric(labels, child.value, self._created(child))

    def _histogram(self, told: Any, labels: tuple[str, ...], child: Histogram) -> None:
        with child.lock:
            counts, total = list(child.counts), child.sum
        number, buckets = 0, []
        for bound, count in zip((*child.bounds, float("inf")), counts, strict=True):
            number += count
            buckets.append((self._library.utils.floatToGoString(bound), number))
        told.add_metric(labels, buckets, total)
        created = self._created(child)
        if created is not None:
            named = dict(zip(self._row.labels, labels, strict=True))
            told.add_sample(f"{self._row.name}_created", named, created)

    def _created(self, child: Counter | Histogram) -> float | None:
        """Since when it is counted; None where the library is told not to say so."""
        # Its switch has no public name; where it has another one by then, it is on, as by default.
        return child.created if getattr(self._library.metrics, "_use_created", True) else None
