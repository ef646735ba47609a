"""Spans: job -> step -> attempt, through the API of OpenTelemetry alone.

The context of a job's trace is a label of it, ``traceparent`` (W3C Trace Context), written when the
job is submitted: so whoever goes on with it, in whatever process, continues its trace. Of a job
without one (it was submitted where nobody traced) the trace follows from its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import (
    NonRecordingSpan,
    ProxyTracerProvider,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TracerProvider,
)

from ...kernel import Ready
from ...model.effects import CallOut
from ...model.events import Path
from ...stores.base import JobRow
from ..handlers.failures import clean
from ..live import Live
from ..narrate import Narrator, Tell
from ..turn import Turn
from .tracecontext import remote, text_of

#: The label of a job that holds the context of its trace.
LABEL: Final = "traceparent"
_ATTRIBUTES: Final = "runeskript."


def configured() -> bool:
    """Whether the process has a tracer provider, so that somebody wants spans."""
    return not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)


def parent_of(id_: str, labels: Mapping[str, str]) -> Span:
    """The parent of all spans of a job."""
    found = remote(labels.get(LABEL, ""))
    if found is not None:
        return found
    digest = sha256(f"runeskript trace of job {id_}".encode()).digest()
    trace_id, span_id = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
    sampled = TraceFlags(TraceFlags.SAMPLED)
    return NonRecordingSpan(SpanContext(trace_id, span_id, True, sampled))


class Spans:
    """Makes the spans of one runtime. ``worker``: the id that they carry."""

    def __init__(self, provider: TracerProvider | None) -> None:
        self._tracer: Tracer = trace.get_tracer("runeskript", tracer_provider=provider)
        self.worker = ""

    def submitting(self, id_: str, skript: str, labels: dict[str, str]) -> dict[str, str]:
        """The labels of a job that is about to be submitted, with the context of its trace.

        Where a label says which (a request that brought its own), it is that one's.
        """
        given = remote(labels.get(LABEL, ""))
        context = None if given is None else trace.set_span_in_context(given)
        named = {f"{_ATTRIBUTES}job.id": id_, f"{_ATTRIBUTES}skript": skript}
        span = self._tracer.start_span(f"submit {skript}", context, SpanKind.PRODUCER, named)
        span.end()
        text = text_of(span)
        return labels if text is None else {**labels, LABEL: text}

    def request(self, traceparent: str | None) -> Span:
        """The span of a request that a service was sent."""
        given = remote(traceparent or "")
        context = None if given is None else trace.set_span_in_context(given)
        return self._tracer.start_span("request", context, SpanKind.SERVER)

    def answered(self, span: Span, route: str, status: int) -> None:
        """It has been answered."""
        span.update_name(route)
        span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))

    # --- jobs -------------------------------------------------------------------------------------
    def job(self, live: Live) -> JobSpans:
        """The spans of a job that begins here, or is gone on with."""
        row = live.row
        named: dict[str, Any] = {
            f"{_ATTRIBUTES}job.id": row.id,
            f"{_ATTRIBUTES}skript": row.skript,
            f"{_ATTRIBUTES}worker": self.worker,
            f"{_ATTRIBUTES}resumed": live.seq > 0,
        }
        if row.tenant:
            named[f"{_ATTRIBUTES}tenant"] = row.tenant
        context = trace.set_span_in_context(parent_of(row.id, row.labels))
        span = self._tracer.start_span(f"job {row.skript}", context, SpanKind.CONSUMER, named)
        return JobSpans(live.id, live.tell, self._tracer, span)

    def ended(self, live: Live, status: str) -> None:
        """A job has ended, or leaves this process."""
        if isinstance(live.narrator, JobSpans):
            live.narrator.end(status)

    def hand_down(self, turn: Turn) -> None:
        """Label the jobs that a turn creates with the span of the step that asks for them."""
        above = turn.live.narrator
        if not isinstance(above, JobSpans) or not any(unit.children for unit in turn.units):
            return
        labelled = {
            row.id: row._replace(labels={**row.labels, LABEL: text})
            for unit in turn.units
            for row in unit.children
            if LABEL not in row.labels and (text := above.text_for(row)) is not None
        }
        turn.units = [
            unit._replace(children=[labelled.get(row.id, row) for row in unit.children])
            for unit in turn.units
        ]
        turn.children = [
            (effect, made._replace(row=labelled.get(made.row.id, made.row)) if made.row else made)
            for effect, made in turn.children
        ]
        turn.placed = [one._replace(row=labelled.get(one.row.id, one.row)) for one in turn.placed]

    # --- attempts ---------------------------------------------------------------------------------
    def attempt(self, job: Any, effect: CallOut, attempt: int) -> Span | None:
        """The span of an attempt that begins now."""
        above = getattr(job, "narrator", None)
        if not isinstance(above, JobSpans):
            return None
        return above.attempt(effect.path, effect.n, effect.step, effect.handler, attempt)

    def enter(self, span: Span) -> tuple[str | None, Any]:
        """Make an attempt's span the current one: its context as text, and what ``leave`` takes."""
        return text_of(span), contexts.attach(trace.set_span_in_context(span))

    def leave(self, span: Span, attached: Any, error: Any) -> None:
        """The attempt is over; ``error``: with which error of ours, or None."""
        if attached is not None:
            contexts.detach(attached)
        if error is not None:
            fail(span, error)
        span.end()

    def text(self, span: Span) -> str | None:
        """A span's context as text."""
        return text_of(span)


class JobSpans(Narrator):
    """Those of one live job: its own, one for each step that takes time, one for each attempt."""

    __slots__ = ("_job", "_steps", "_tracer", "span")

    def __init__(self, job: str, tell: Tell, tracer: Tracer, span: Span) -> None:
        super().__init__(tell)
        self._job = job
        self._tracer = tracer
        self.span = span
        self._steps: dict[tuple[str, Path, int], Span] = {}

    def step(self, key: tuple[str, Path, int], name: str, what: Mapping[str, Any]) -> Span:
        """The span of a step that begins, or has begun."""
        found = self._steps.get(key)
        if found is None:
            named: dict[str, Any] = {f"{_ATTRIBUTES}step": name, f"{_ATTRIBUTES}path": list(key[1])}
            for field in ("what", "handler", "skript", "topic"):
                if isinstance(what.get(field), str):
                    named[_ATTRIBUTES + field] = what[field]
            context = trace.set_span_in_context(self.span)
            found = self._tracer.start_span(f"step {name}", context, attributes=named)
            self._steps[key] = found
        return found

    def attempt(self, path: Path, n: int, step: str, handler: str, attempt: int) -> Span:
        """The span of one attempt of a call, which begins now."""
        above = self.step(("n", path, n), step, {"what": "call", "handler": handler})
        named: dict[str, Any] = {
            f"{_ATTRIBUTES}handler": handler,
            f"{_ATTRIBUTES}step": step,
            f"{_ATTRIBUTES}attempt": attempt,
        }
        kind = SpanKind.CLIENT if handler.startswith("http.") else SpanKind.INTERNAL
        context = trace.set_span_in_context(above)
        return self._tracer.start_span(f"call {handler}", context, kind, named)

    def text_for(self, row: JobRow) -> str | None:
        """The context that a job gets which this one creates: that of the step that asks for it."""
        parent = row.parent
        if parent is None or parent.job != self._job:
            return text_of(self.span)
        return text_of(self.step(("n", parent.path, parent.n), parent.step, {"what": row.kind}))

    def _start(self, key: tuple[str, Path, int], step: str, at: int, data: dict[str, Any]) -> None:
        super()._start(key, step, at, data)
        self.step(key, step, data)

    def _close(
        self,
        kind: str,
        key: tuple[str, Path, int],
        at: int,
        data: dict[str, Any] | None = None,
    ) -> None:
        super()._close(kind, key, at, data)
        span = self._steps.pop(key, None)
        if span is not None:
            if kind == "step.failed":
                fail(span, (data or {}).get("error"))
            elif kind == "step.cancelled":
                span.set_attribute(f"{_ATTRIBUTES}cancelled", True)
            span.end()

    def narrate(self, ready: Ready, at: int, first: int) -> None:
        """Tell what one turn did; see Narrator."""
        super().narrate(ready, at, first)
        if ready.finished is not None and ready.finished.error is not None:
            fail(self.span, ready.finished.error)

    def end(self, status: str) -> None:
        """The job has ended, or leaves this process: so do the spans of what was under way."""
        self.span.set_attribute(f"{_ATTRIBUTES}status", status)
        for span in self._steps.values():
            span.end()
        self._steps.clear()
        self.span.end()


def fail(span: Span, error: Any) -> None:
    """What a span stands for failed, with an error of ours."""
    type_ = message = ""
    if isinstance(error, dict):
        type_, message = str(error.get("type")), str(error.get("message"))
        span.set_attribute("error.type", type_)
    span.set_status(Status(StatusCode.ERROR, clean(f"{type_}: {message}" if type_ else message)))
