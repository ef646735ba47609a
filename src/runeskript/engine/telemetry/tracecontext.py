"""The context of a trace as text, as the header ``traceparent`` has it (W3C Trace Context).

Needs ``opentelemetry-api``.
"""

from __future__ import annotations

import re
from typing import Any, Final

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags

_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def text_of(span: Span) -> str | None:
    """A span's context as the header ``traceparent`` has it; None where it has none."""
    found = span.get_span_context()
    if not found.is_valid:
        return None
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"


def remote(text: str) -> Span | None:
    """What such a text refers to, as a parent; None where it is none."""
    match = _FORM.fullmatch(text)
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
        return None
    found = SpanContext(int(match[2], 16), int(match[3], 16), True, TraceFlags(int(match[4], 16)))
    return NonRecordingSpan(found) if found.is_valid else None


def attached(text: str) -> Any:
    """Make a parent's context the current one, in a worker process; what ``detach`` takes."""
    span = remote(text)
    return None if span is None else contexts.attach(trace.set_span_in_context(span))


def detach(token: Any) -> None:
    """The handler is over."""
    if token is not None:
        contexts.detach(token)
