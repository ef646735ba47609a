"""Jobs as the API shows them."""

from __future__ import annotations

from typing import Any

from ..errors import JobCancelledError, JobFailedError
from ..model.events import Status
from ..model.machine import FINAL
from ..model.records import record
from ..model.values import Value, copy_value
from ..stores.rows import JobKind, JobRow


@record
class Job:
    """A job as it was when asked for. Times are milliseconds since 1970 UTC.

    ``kind``: ``skript``, ``machine``, ``bare``, or ``call`` and ``chunk``, which are parts of other
    jobs. ``skript``, ``skript_version``: the name and the version of what it runs (its own, or
    the one it is deployed as, where the job was submitted by its name). ``state``: that of its
    machine; equal to ``status`` where it has none. ``reason``: why it is Suspended. ``data``: a
    machine's, or a bare job's. ``error``, where it failed or was cancelled: ``code, type, message,
    step, file, line, attempts, data, cause``. ``version``: the revision, which rises with each
    event of the job's journal; 0 before the first.
    """

    id: str
    key: str | None
    tenant: str
    labels: dict[str, str]
    kind: JobKind
    skript: str
    skript_version: int | None
    status: Status
    state: str
    reason: str | None
    input: Value
    data: Value
    output: Value
    error: dict[str, Any] | None
    created_at: int
    updated_at: int
    version: int
    priority: int

    @property
    def ended(self) -> bool:
        """Whether the job is Completed, Failed or Cancelled."""
        return self.status in FINAL


@record
class JobResult(Job):
    """A job that has ended."""

    @property
    def ok(self) -> bool:
        """Whether it is Completed."""
        return self.status == "Completed"

    def unwrap(self) -> Value:
        """The output; raises JobFailedError or JobCancelledError where there is none."""
        if self.status == "Failed":
            raise JobFailedError(self.id, self.error or {})
        if self.status == "Cancelled":
            raise JobCancelledError(self.id, self.error or {})
        return self.output


def job_of(row: JobRow) -> Job:
    """A row as a Job of the caller's own."""
    return Job(*_fields(row))


def result_of(row: JobRow) -> JobResult:
    """The row of a job that has ended."""
    return JobResult(*_fields(row))


def _fields(row: JobRow) -> tuple[Any, ...]:
    return (
        row.id,
        row.key,
        row.tenant,
        dict(row.labels),
        row.kind,
        row.skript,
        row.version,
        row.status,
        row.state,
        row.reason,
        copy_value(row.input),
        copy_value(row.data),
        copy_value(row.output),
        copy_value(row.error),
        row.created_at,
        row.updated_at,
        row.seq,
        row.priority,
    )
