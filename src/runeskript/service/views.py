"""Rows and records as the types that go over the wire."""

from __future__ import annotations

from typing import Any

from ..engine.watch import JobEvent
from ..stores.base import HELD, JobRow
from .types import EventView, JobView


def job_view(row: JobRow) -> JobView:
    """A job."""
    error: Any = row.error
    return JobView(
        id=row.id,
        key=row.key,
        tenant=row.tenant,
        labels=row.labels,
        kind=row.kind,
        skript=row.skript,
        skript_version=row.version,
        status=row.status,
        state=row.state,
        reason=row.reason,
        priority=row.priority,
        input=row.input,
        data=row.data,
        output=row.output,
        error=error,
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.seq,
        owner=row.owner,
        due=None if row.due == HELD else row.due,
        parent=None if row.parent is None else row.parent.job,
        queue=row.queue,
        blueprint=row.blueprint,
        handlers=list(row.handlers),
    )


def event_view(record: JobEvent) -> EventView:
    """A journaled event."""
    return EventView(
        seq=-1 if record.seq is None else record.seq,
        at=record.at,
        kind=record.kind,
        step=record.step,
        path=list(record.path),
        data=record.data,
    )
