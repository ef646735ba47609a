"""The collectors of one runtime, made from the table, in a registry of their own.

A counter of each label set is looked up once and kept: what is done for every call is a lookup in
a dict and an addition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ...errors import RuntimeOptionError
from .numbers import Child, Family
from .table import METRICS, OTHER, TYPES, Metric

#: The format that ``render`` writes, for the header ``Content-Type``.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Meter:
    """What is counted and measured. Raises RuntimeOptionError where the library is not installed.

    ``of[name]`` is a metric without labels, or its children by the values of its labels.
    """

    def __init__(self) -> None:
        try:
            import prometheus_client as library
        except ImportError:
            raise RuntimeOptionError(
                "metrics need the library prometheus-client: pip install 'runeskript[serve]'"
            ) from None
        self._generate: Callable[[Any], bytes] = library.exposition.generate_latest
        self.registry: Any = library.CollectorRegistry()
        self.of: dict[str, Any] = {row.name: self._made(row, library) for row in METRICS}
        of = self.of
        self.events: Any = of["runeskript_events_total"]
        self.calls: Any = of["runeskript_calls_total"]
        self.retries: Any = of["runeskript_call_retries_total"]
        self.seconds: Any = of["runeskript_call_seconds"]
        self.waited: Any = of["runeskript_call_wait_seconds"]
        self.recovery: Any = of["runeskript_recovery_total"]
        self._errors: Any = of["runeskript_call_errors_total"]
        self._types: dict[str, set[str]] = {}
        answered: Any = of["runeskript_http_requests_total"]
        self._answered = Child(lambda route, status: answered[route, str(status)])
        self._answering: Any = of["runeskript_http_request_seconds"]

    def _made(self, row: Metric, library: Any) -> Any:
        if row.kind == "gauge":  # nobody sets one but who scrapes
            gauge = library.Gauge(row.name, row.text, row.labels, registry=self.registry)
            return Child(gauge.labels) if row.labels else gauge
        family = Family(row, library)
        self.registry.register(family)
        return family.children if row.labels else family.children[()]

    def failed(self, handler: str, type_: str) -> None:
        """An attempt failed with an error of this type."""
        self.calls[handler, "failed"].inc()
        known = self._types.setdefault(handler, set())
        if type_ not in known:
            if len(known) >= TYPES:
                type_ = OTHER
            else:
                known.add(type_)
        self._errors[handler, type_].inc()

    def request(self, route: str, status: int, seconds: float | None) -> None:
        """A service answered a request."""
        self._answered[route, status].inc()
        if seconds is not None:
            self._answering[route].observe(seconds)

    def render(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return self._generate(self.registry)
