"""Messages to jobs, and ends of their pending calls."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from .base import Duration, Long, Request, Span, Text, View


class Signal(Request):
    """A message for those who listen to ``topic`` and ``key``. ``keep``: how long it waits for a
    listener, and how long another one with its ``id`` is a duplicate.
    """

    topic: Text
    key: Any = None
    data: Any = None
    id: Text | None = None
    keep: Duration = 0


class HookQuery(Request):
    """``key``: of the message. ``token``: for senders that cannot set a header. ``id``: of equal
    ones within the ``keep`` time only the first counts.
    """

    key: Text | None = None
    id: Text | None = None
    keep: Span = "0s"
    token: Annotated[str, Meta(max_length=512)] | None = None


class Received(View):
    """What became of a message or a completion."""

    outcome: Literal["accepted", "duplicate"]


class CallError(Request):
    """The typed error that a pending call is to fail with."""

    type: Text = "external"
    message: Long = ""
    data: Any = None
    retryable: bool = False


class Complete(Request):
    """The end of a pending call: its ``result``, or the ``error`` it fails with."""

    token: Annotated[str, Meta(min_length=1, max_length=2_000)]
    result: Any = None
    error: CallError | None = None
