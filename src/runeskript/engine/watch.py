"""Watching a job: its journaled events, gap-free, and transient ones in between.

The journaled ones are read from the store's journal by position, so a slow watcher costs no memory.
Of the transient ones a bounded number waits; when there are more, the oldest are lost and the next
record says how many.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import field
from typing import Any, Final

from ..model.batches import unfold_events
from ..model.events import (
    GRACE_ALL,
    GRACE_ASKED,
    CallDone,
    CallFailed,
    CallPending,
    CancelRequested,
    ChildDone,
    Event,
    Finished,
    Forked,
    GraceGiven,
    MessageIn,
    Moved,
    MoveFailed,
    Path,
    Refused,
    Retried,
    Sent,
    SentIf,
    Started,
    TimerFired,
)
from ..model.records import record
from ..model.values import copy_value
from ..stores.base import Store

#: Transient records that wait for one watcher.
WAITING: Final = 10_000
#: Journaled events read at once.
PAGE: Final = 500

#: Names of the journaled events.
KINDS: Final[dict[type[Any], str]] = {
    Started: "job.started",
    CallDone: "call.done",
    CallFailed: "call.failed",
    TimerFired: "timer.fired",
    MessageIn: "message.received",
    ChildDone: "child.done",
    CancelRequested: "cancel.requested",
    Finished: "job.finished",
    Retried: "job.retried",
    Forked: "job.forked",
    CallPending: "call.pending",
    GraceGiven: "cancel.grace",
    Sent: "event.sent",
    SentIf: "event.sent",
    Moved: "transition.done",
    Refused: "transition.refused",
    MoveFailed: "transition.failed",
}
#: Those of the events which end the grace time of a cancel, and of one by force.
GRACES: Final = {GRACE_ASKED: "cancel.overdue", GRACE_ALL: "cancel.forced"}
_HEAD: Final = ("at", "path", "step")


@record
class JobEvent:
    """One record of a job's history.

    ``seq`` counts journaled events from 0 and is None for a transient one (``step.started``,
    ``step.done``, ``step.failed``, ``step.retrying``, ``progress``, ``log``). ``at``: milliseconds
    since 1970. ``path``: the token. ``lost``: how many transient records were dropped before this
    one because the watcher was slow.
    """

    seq: int | None
    at: int
    kind: str
    step: str | None = None
    path: Path = ()
    data: dict[str, Any] = field(default_factory=dict)
    lost: int = 0

    @property
    def journaled(self) -> bool:
        """Whether the record is in the journal, and so comes again on the next reading."""
        return self.seq is not None


def journal_record(seq: int, event: Event) -> JobEvent:
    """The record of a journaled event; the fields that have no place of their own are in data."""
    fields = copy_value(event._asdict())  # the journal's own containers stay with the journal
    at, path, step = (fields.pop(name, None) for name in _HEAD)
    kind = KINDS[type(event)]
    if isinstance(event, TimerFired):
        kind = GRACES.get(event.m, kind)
    return JobEvent(seq, at, kind, step, path or (), fields)


class Watch:
    """What one watcher has still to see."""

    __slots__ = ("_after", "_records", "_wake", "ended", "lost")

    def __init__(self) -> None:
        #: Transient records with the length of the journal when they were made.
        self._records: deque[JobEvent] = deque()
        self._after: deque[int] = deque()
        self._wake = asyncio.Event()
        self.lost = 0
        self.ended = False

    def tell(
        self, seq: int, kind: str, at: int, step: str | None, path: Path, data: dict[str, Any]
    ) -> None:
        """Add a transient record that stands before journal position ``seq``."""
        if len(self._records) >= WAITING:
            self._records.popleft()
            self._after.popleft()
            self.lost += 1
        self._records.append(JobEvent(None, at, kind, step, path, copy_value(data)))
        self._after.append(seq)
        self._wake.set()

    def wake(self) -> None:
        """The journal has grown."""
        self._wake.set()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._wake.set()

    async def follow(self, store: Store, job: str, start: int) -> AsyncIterator[JobEvent]:
        """All records from journal position ``start`` on, until the job has ended."""
        position = start
        while True:
            self._wake.clear()
            bound = self._after[0] if self._after else None
            limit = PAGE if bound is None else min(bound - position, PAGE)
            page = await store.journal(job, position, limit) if limit > 0 else []
            for event in unfold_events(page):
                yield journal_record(position, event)
                position += 1
            if page:
                continue
            if self._records:
                self._after.popleft()
                yield self._counted(self._records.popleft())
            elif self.ended:
                return
            else:
                await self._wake.wait()

    def _counted(self, record: JobEvent) -> JobEvent:
        if not self.lost:
            return record
        lost, self.lost = self.lost, 0
        return JobEvent(None, record.at, record.kind, record.step, record.path, record.data, lost)
