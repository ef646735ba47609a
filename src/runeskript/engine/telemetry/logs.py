"""Log records as JSON lines that say whose they are: job, step, attempt, handler, tenant, worker.

What a handler logs while it runs, by whatever logger, is its call's: with ``logs`` the call stands
in a context variable, which the handler's own tasks and ``asyncio.to_thread`` inherit. What the
engine itself logs names the job, and perhaps the step, first.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from ..handlers.context import HandlerContext

#: The call that the code at hand belongs to.
CALL: Final[ContextVar[HandlerContext | None]] = ContextVar("runeskript_call", default=None)
#: What a record may say of its origin, in this order.
FIELDS: Final = (
    "job", "step", "attempt", "handler", "skript", "tenant", "worker", "trace_id", "span_id",
)  # fmt: skip
#: How messages of the engine begin that are about one job.
_OWN: Final = re.compile(r"job %s(, step %s)?\b")


def call_fields(context: HandlerContext) -> dict[str, Any]:
    """What is known of a call."""
    found: dict[str, Any] = {
        "job": context.job_id,
        "step": context.step,
        "attempt": context.attempt,
        "handler": context._call.handler,
    }
    row = getattr(context._job, "row", None)
    if row is not None and row.tenant:
        found["tenant"] = row.tenant
    match = (context._trace or "").split("-")
    if len(match) >= 4:
        found["trace_id"], found["span_id"] = match[1], match[2]
    return found


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What a record says of its origin, or what the code says that logged it."""
    found: dict[str, Any] = {}
    context = CALL.get()
    if context is not None:
        found = call_fields(context)
    elif record.name.startswith("runeskript.") and isinstance(record.args, tuple):
        match = _OWN.match(record.msg) if isinstance(record.msg, str) else None
        if match is not None:
            names = ("job", "step") if match[1] else ("job",)
            found = dict(zip(names, map(str, record.args), strict=False))
    for name in FIELDS:
        own = getattr(record, name, None)
        if own is not None:
            found[name] = own
    return found


class JsonFormatter(logging.Formatter):
    """One JSON object a record: ``time`` (RFC 3339, UTC), ``level``, ``logger``, ``message``, what
    of ``FIELDS`` is known, and ``exception`` where there is one.

    ``worker``: the id of the worker, or what gives it.
    """

    def __init__(self, worker: str | Callable[[], str] = "") -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        at = datetime.fromtimestamp(record.created, UTC)
        found: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = fields_of(record)
        worker = self._worker if isinstance(self._worker, str) else self._worker()
        if worker:
            fields.setdefault("worker", worker)
        found.update((name, fields[name]) for name in FIELDS if name in fields)
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return json.dumps(found, ensure_ascii=True, default=str)


class InCall(logging.Filter):
    """Lets records through that were logged inside a call, and those of the package."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is one of ours."""
        return record.name.startswith("runeskript") or CALL.get() is not None
