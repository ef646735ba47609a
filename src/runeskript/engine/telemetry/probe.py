"""What is seen of a handler's calls while it runs: how long, in which span, and whose log it is.

A probe stands around the handler's function, so that the executors know nothing of it. Handlers of
mode ``process`` run elsewhere: their executor tells the probe (``executors/base.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from ...model.effects import CallOut
from ...model.events import Path
from ..executors.base import CallJob, Lane, Outcome
from ..handlers.context import HandlerContext
from ..handlers.failures import failure_of
from .logs import CALL
from .meter import Meter

if TYPE_CHECKING:
    from .spans import Spans


class Watching(Protocol):
    """What is watched of one runtime."""

    meter: Meter | None
    spans: Spans | None
    logs: bool
    #: By job, since when its calls may be made: (path, n) of the call, or of the batch it is in.
    waits: dict[str, dict[tuple[Path, int], float]]


class Probe:
    """Stands around one handler."""

    def __init__(self, watching: Watching, lane: Lane) -> None:
        self._name = lane.name
        self._waits = watching.waits
        self._spans = watching.spans
        self._logs = watching.logs
        meter = watching.meter
        self._seconds = None if meter is None else meter.seconds[lane.name]
        self._waited = None if meter is None else meter.waited[lane.name]
        #: Spans of calls that were sent to worker processes.
        self._sent: dict[tuple[str, Path, int], Any] = {}

    # --- in this process --------------------------------------------------------------------------
    def around(self, function: Callable[[Any, Any], Any], is_async: bool) -> Callable[..., Any]:
        """The function with what is done before and after it; what it raises passes through."""
        begin, end = self._begin, self._end

        async def observed(given: Any, context: HandlerContext) -> Any:
            mark = begin(context)
            try:
                result = await function(given, context)
            except BaseException as exc:
                end(mark, context, exc)
                raise
            end(mark, context, None)
            return result

        def observed_plain(given: Any, context: HandlerContext) -> Any:
            mark = begin(context)
            try:
                result = function(given, context)
            except BaseException as exc:
                end(mark, context, exc)
                raise
            end(mark, context, None)
            return result

        return observed if is_async else observed_plain

    def _begin(self, context: HandlerContext) -> tuple[float, Any, Any, Any]:
        now = perf_counter()
        if self._waited is not None:
            call = context._call
            waits = self._waits.get(context._job.id)
            since = None if waits is None else waits.pop((call.path, call.n), None)
            if since is not None:
                self._waited.observe(now - since)
        span = attached = None
        if self._spans is not None:
            effect = context.call
            span = self._spans.attempt(context._job, effect, context.attempt)
            if span is not None:
                context._trace, attached = self._spans.enter(span)
        return now, CALL.set(context) if self._logs else None, span, attached

    def _end(
        self,
        mark: tuple[float, Any, Any, Any],
        context: HandlerContext,
        exc: BaseException | None,
    ) -> None:
        began, token, span, attached = mark
        # A coroutine that is thrown away is closed wherever that happens, in another context.
        own = not isinstance(exc, GeneratorExit)
        if token is not None and own:
            CALL.reset(token)
        if self._seconds is not None:
            self._seconds.observe(perf_counter() - began)
        if span is not None and self._spans is not None:
            error = None
            if exc is not None:
                error = failure_of(exc)
                error["message"] = context._sink.masked(str(error["message"]))
            self._spans.leave(span, attached if own else None, error)

    # --- in a worker process ----------------------------------------------------------------------
    def sent(self, job: CallJob, effect: CallOut) -> str | None:
        """A call goes to a worker process: the context of its span, which it takes along."""
        if self._spans is None:
            return None
        origin = job.called
        attempt = effect.attempt if origin is None else origin.attempt
        span = self._spans.attempt(job, effect, attempt)
        if span is None:
            return None
        self._sent[job.id, effect.path, effect.n] = span
        return self._spans.text(span)

    def trace(self, job: CallJob, effect: CallOut) -> str | None:
        """The context of the span of such a call."""
        span = self._sent.get((job.id, effect.path, effect.n))
        return None if span is None or self._spans is None else self._spans.text(span)

    def over(self, job: CallJob, effect: CallOut, outcome: Outcome | None) -> None:
        """Such a call is over; None: the process is gone, and another will make it."""
        span = self._sent.pop((job.id, effect.path, effect.n), None)
        if span is not None and self._spans is not None:
            good, value = outcome or (True, None)
            self._spans.leave(span, None, None if good else value)

    def took(self, us: int) -> None:
        """How long the handler ran there, in microseconds."""
        if self._seconds is not None:
            self._seconds.observe(us / 1_000_000)
