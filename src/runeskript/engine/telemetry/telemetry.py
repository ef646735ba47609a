"""``Telemetry``: what one runtime tells of itself, and how it is asked for.

::

    telemetry = Telemetry()
    async with Runtime(store="sqlite:///jobs.db", telemetry=telemetry) as runtime:
        ...
        text = await telemetry.scrape()      # for GET /metrics
"""

from __future__ import annotations

import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Self

from ...errors import RuntimeOptionError, StoreError
from ...model.events import Path, Status
from ...stores import Store
from ..assembly import Kinds
from ..driver import Driver
from .logs import JsonFormatter
from .meter import CONTENT_TYPE, Meter
from .observed import (
    ObservedDriver,
    ObservedLanes,
    ObservedOutlet,
    ObservedRecovery,
    ObservedStore,
    TracedOutlet,
)

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from .spans import Spans

_STATUSES: Final[tuple[Status, ...]] = (
    "Pending", "Running", "Suspended", "Completed", "Failed", "Cancelled",
)  # fmt: skip


class Telemetry:
    """Metrics, spans and logs of one runtime."""

    #: What ``render`` and ``scrape`` give, as the header ``Content-Type`` says it.
    content_type = CONTENT_TYPE

    def __init__(
        self,
        *,
        metrics: bool = True,
        traces: bool | TracerProvider | None = None,
        logs: bool = False,
    ) -> None:
        """``metrics``: count and measure, for :meth:`scrape` (extra ``serve``). ``traces``: make
        spans (extra ``otel``) with a tracer provider, or with that of the process; None: if the
        process has one. ``logs``: have records that are logged inside a call say whose they are
        (``telemetry.logs``).

        Raises RuntimeOptionError where the library that is asked for is not installed.
        """
        self.meter = Meter() if metrics else None
        self.spans = _spans(traces)
        self.logs = logs
        self.waits: dict[str, dict[tuple[Path, int], float]] = {}
        self._driver: Driver | None = None
        self._store: Store | None = None

    @property
    def worker(self) -> str:
        """The id of the worker; empty before the runtime was entered."""
        return "" if self._driver is None else self._driver.lease.worker.id

    def formatter(self) -> JsonFormatter:
        """Log records as JSON lines that say which worker they are of."""
        return JsonFormatter(lambda: self.worker)

    # --- what is asked ----------------------------------------------------------------------------
    def request(self, traceparent: str | None = None) -> Request:
        """A request came to a service in front of the runtime: what stands around its answer.
        ``traceparent``: the header of that name.
        """
        return Request(self.meter, self.spans, traceparent)

    async def scrape(self) -> bytes:
        """The metrics as Prometheus reads them, with the jobs of the store counted now.

        Where the store cannot be asked these stay what they were.
        """
        if self._store is not None and self.meter is not None:
            try:
                counted = await self._store.tally()
            except StoreError:
                return self.render()
            for status in _STATUSES:
                self.meter.of["runeskript_jobs"][status].set(counted.get(status, 0))
        return self.render()

    def render(self) -> bytes:
        """The same without asking the store. Raises RuntimeOptionError without metrics."""
        if self.meter is None:
            raise RuntimeOptionError("this telemetry has no metrics")
        self._look(self.meter.of)
        return self.meter.render()

    def _look(self, of: dict[str, Any]) -> None:
        """Take the gauges of what is in memory."""
        driver = self._driver
        lives = [] if driver is None else list(driver.lives.values())
        of["runeskript_jobs_live"].set(len(lives))
        of["runeskript_calls_running"].set(sum(len(live.calls) for live in lives))
        depth = of["runeskript_queue_depth"]
        depth["runs"].set(0 if driver is None else len(driver.pending))
        depth["inbox"].set(sum(len(live.inbox) + len(live.urgent) for live in lives))
        depth["lanes"].set(sum(live.queued for live in lives))
        depth["lines"].set(sum(len(live.lined) for live in lives))

    # --- what the runtime does (``Observer``) -----------------------------------------------------
    def kinds(self) -> Kinds:
        """What is put together in place of what nobody listens to."""
        outlet = ObservedOutlet if self.spans is None else TracedOutlet
        return Kinds(ObservedDriver, ObservedLanes, outlet, ObservedRecovery)

    def watched(self, store: Store) -> Store:
        """The store that the driver writes to. Raises RuntimeOptionError for a second runtime."""
        if self._store is not None:
            raise RuntimeOptionError("this telemetry is another runtime's")
        self._store = store
        if self.meter is None:
            return store
        found: Any = ObservedStore(store, self.meter)
        return found  # type: ignore[no-any-return]

    def watch(self, driver: Driver) -> None:
        """The driver is there: nothing has arrived in it yet."""
        self._driver = driver
        if isinstance(driver, ObservedDriver):
            driver.watching = self
        if self.spans is not None:
            self.spans.worker = self.worker

    def submitting(self, id_: str, skript: str, labels: dict[str, str]) -> dict[str, str]:
        """The labels of a job that is about to be submitted: with the context of its trace."""
        return labels if self.spans is None else self.spans.submitting(id_, skript, labels)

    def closed(self) -> None:
        """The runtime is closed: this may be another's now, and goes on counting."""
        self._driver = self._store = None
        self.waits.clear()


class Request:
    """One request of a service, from its head to the end of its answer. A context manager, in whose
    block its span is the current one: a job that is submitted there belongs to its trace.
    """

    __slots__ = ("_attached", "_began", "_meter", "_span", "_spans", "_status", "route")

    def __init__(self, meter: Meter | None, spans: Spans | None, traceparent: str | None) -> None:
        self._meter = meter
        self._spans = spans
        self._span = None if spans is None else spans.request(traceparent)
        self._attached: Any = None
        self._began = perf_counter()
        self._status = 500
        #: The name of its route, never its path.
        self.route = ""

    def __enter__(self) -> Self:
        if self._span is not None and self._spans is not None:
            _, self._attached = self._spans.enter(self._span)
        return self

    def answered(self, route: str, status: int, *, measured: bool = True) -> None:
        """It was answered. ``measured`` False: with a stream, which lasts as long as it lasts."""
        self.route, self._status = route, status
        if self._meter is not None:
            seconds = perf_counter() - self._began
            self._meter.request(route, status, seconds if measured else None)

    def __exit__(self, *raised: object) -> None:
        if self._span is not None and self._spans is not None:
            self._spans.answered(self._span, self.route, self._status)
            self._spans.leave(self._span, self._attached, None)


def _spans(traces: bool | TracerProvider | None) -> Spans | None:
    """Who makes spans, if somebody wants any."""
    if traces is False or (traces is None and not _may_be_configured()):
        return None
    try:
        from .spans import Spans, configured
    except ImportError:
        if traces is None:
            return None
        raise RuntimeOptionError(
            "spans need the library opentelemetry-api: pip install 'runeskript[otel]'"
        ) from None
    if traces is None and not configured():
        return None
    return Spans(None if isinstance(traces, bool) or traces is None else traces)


def _may_be_configured() -> bool:
    """Whether the process may have a tracer provider; asked before the library is loaded."""
    return "opentelemetry.trace" in sys.modules or "OTEL_PYTHON_TRACER_PROVIDER" in os.environ
