"""What the routes do: one function each, by the name of its route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from ..call import Answer, Call
from . import documents, looking, moving, sending, serving, streaming, submitting

#: Name of a route -> what it does.
ENDPOINTS: Final[dict[str, Callable[[Call], Awaitable[Answer]]]] = {
    "jobs.submit": submitting.submit,
    "jobs.fork": submitting.fork,
    "batch": submitting.batch,
    "jobs.list": looking.find,
    "jobs.get": looking.get,
    "jobs.history": looking.history,
    "jobs.why": looking.why,
    "jobs.graph": looking.graph,
    "jobs.variables": looking.variables,
    "jobs.export": looking.export,
    "jobs.events": streaming.job_events,
    "events": streaming.events,
    "jobs.move": moving.move,
    "jobs.run": moving.run,
    "jobs.cancel": moving.cancel,
    "jobs.pause": moving.pause,
    "jobs.resume": moving.resume,
    "jobs.retry": moving.retry,
    "jobs.erase": moving.erase,
    "jobs.signal": sending.signal_job,
    "jobs.complete": sending.complete,
    "signals": sending.signal,
    "hooks": sending.hook,
    "skripts.deploy": documents.deploy,
    "skripts.list": documents.deployed,
    "skripts.versions": documents.versions,
    "skripts.source": documents.source,
    "skripts.diff": documents.diff,
    "machines.deploy": documents.deploy,
    "machines.list": documents.deployed,
    "machines.versions": documents.versions,
    "machines.source": documents.source,
    "machines.diff": documents.diff,
    "check": documents.check,
    "audit": serving.audit,
    "metrics": serving.metrics,
    "healthz": serving.healthz,
    "readyz": serving.readyz,
    "errors": serving.error,
    "openapi": serving.openapi,
}
