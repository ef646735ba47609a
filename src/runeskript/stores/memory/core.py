"""What memory stores do with one job, one unit, one message: the meaning of the protocol."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...model.batches import unfold_events
from ...model.events import Event
from ...model.machine import FINAL
from ...model.values import UNSET, Value
from ..rows import (
    ERASED,
    Command,
    Committed,
    InboxKind,
    InboxRow,
    JobRow,
    Message,
    OnConflict,
    PostOutcome,
    RowChange,
    Submitted,
    Unit,
    takes,
)
from .jobs import Job, Jobs
from .lines import Lines
from .mailbox import Mailbox
from .workers import Workers

if TYPE_CHECKING:
    from ..retention import EraseOutcome

_OK: Final = Committed("ok")
_FENCED: Final = Committed("fenced")
_CONFLICT: Final = Committed("conflict")


class Core:
    """Jobs, and what goes between them. Everything here happens at once or not at all."""

    def __init__(self, now: Callable[[], int], keep_jobs: int, keep_events: int) -> None:
        self._now = now
        self._keep_jobs = keep_jobs
        self._keep_events = keep_events
        self.jobs = Jobs()
        self.mail = Mailbox(now)
        self.lines = Lines()
        self.workers = Workers()
        #: Inbox rows of all jobs, in order of arrival, and how many there ever were.
        self.rows: OrderedDict[int, InboxRow] = OrderedDict()
        self.arrivals = 0
        #: Jobs that ended, oldest first, and how many events their journals hold.
        self._ended: OrderedDict[str, int] = OrderedDict()
        self._ended_events = 0

    # --- jobs and units -------------------------------------------------------------------------
    def submit(
        self, row: JobRow, on_conflict: OnConflict, journal: Sequence[Event] = ()
    ) -> Submitted:
        """Create a job, or say which one has its id or key."""
        known = self.jobs.by_id.get(row.id)
        if known is not None:
            return Submitted("exists", known.shown())
        id_ = None if row.key is None else self.jobs.keys.get((row.tenant, row.key))
        holder = None if id_ is None else self.jobs.by_id[id_]
        if holder is not None and (on_conflict != "replace" or not holder.over):
            return Submitted("exists", holder.shown())
        now = self._now()
        if holder is not None:
            self.forget(holder.row.id)
        over = row.status in FINAL
        owned = row.owner is not None and not over and self.workers.alive(row.owner, now)
        job = self.jobs.add(row, journal, owned, now)
        if over:
            self._end(job)
        return Submitted("created" if holder is None else "replaced", job.shown())

    def apply(self, unit: Unit) -> Committed:
        """One unit, if its guard holds."""
        job = self.jobs.by_id.get(unit.job)
        if job is None or job.row.epoch != unit.epoch:
            return _FENCED
        before = self._stood(job, unit)
        if before is not None:
            return before
        if job.row.owner is None:
            return _FENCED
        change = unit.row
        if change is not None and not change.fits(job.row.status):
            return _CONFLICT
        job.journal.extend(unit.events)
        job.part = (job.length, unit.part)
        if unit.snapshot is not None:
            job.snapshot = (job.length, unit.snapshot)
        for number in unit.inbox:
            self._consume(job, number)
        if unit.furnished:
            self._carry_out(job, unit)
        if change is not None:
            self._change(job, change)
        return _OK if not unit.takes else self._queued(job, unit)

    def _stood(self, job: Job, unit: Unit) -> Committed | None:
        """What became of a unit before, or why nothing can; None where it is the next."""
        if unit.events:
            if unit.part:
                return _CONFLICT
            return None if unit.first == job.length else self._again(job, unit)
        if unit.part < 1 or not 0 <= unit.first <= job.length:
            return _CONFLICT
        known = job.parts if unit.first == job.length else unit.part
        if unit.part <= known:
            return self._queued(job, unit, Committed("already"))
        return None if unit.part == known + 1 else _CONFLICT

    def _again(self, job: Job, unit: Unit) -> Committed:
        """A unit for a place that is not the journal's end."""
        sent = list(unfold_events(unit.events))
        if unit.first < job.base:
            return _CONFLICT
        if list(unfold_events(job.events(unit.first, len(sent)))) != sent:
            return _CONFLICT
        return self._queued(job, unit, Committed("already"))

    def _queued(self, job: Job, unit: Unit, result: Committed = _OK) -> Committed:
        """The unit's result, where its calls may stand in line."""
        id_, stands = job.row.id, self.lines.stands
        queued = tuple((t.path, t.n) for t in unit.takes if stands(id_, t.path, t.n))
        if not queued:
            return result
        return Committed("limited" if result is _OK else result.outcome, queued)

    def _carry_out(self, job: Job, unit: Unit) -> None:
        """Everything of a unit besides its events, snapshot and row. What leaves the job stays
        with its tenant, whatever the unit says.
        """
        id_, tenant = job.row.id, job.row.tenant
        for message in unit.taken:
            self.mail.take(message, tenant)
        for path, m in unit.unlistens:
            self.mail.unlisten(id_, path, m)
            for one in list(job.inbox.values()):
                if one.kind == "message" and (one.path, one.n) == (path, m):
                    self._consume(job, one.number)
        for listener in unit.listens:
            for kept in self.mail.listen(listener._replace(tenant=tenant)):
                self._arrive(job, "message", listener.path, listener.m, _body(kept))
        for path, m in unit.untimers:
            job.timers.pop((path, m), None)
        for timer in unit.timers:
            job.timers[timer.path, timer.m] = timer
        for path, n in unit.frees:
            self.lines.free(id_, path, n)
        for take in unit.takes:
            self.lines.take(id_, take)
        if unit.frees or unit.takes:
            self.settle({(id_, take.path, take.n) for take in unit.takes})
        for child in unit.children:
            self.submit(child._replace(tenant=tenant), "return")
        for item in unit.messages:
            if isinstance(item, Message):
                self.post(item._replace(tenant=tenant))
            elif self._tenant(item.job) == tenant:
                self.post(item)

    def _change(self, job: Job, change: RowChange) -> None:
        row, now = job.row, self._now()
        self.jobs.write(
            job,
            change.status,
            state=change.status if change.state is None else change.state,
            output=change.output if change.status in FINAL else None,
            error=change.error if change.status in FINAL else None,
            reason=change.reason,
            data=row.data if change.data is UNSET else change.data,
            updated_at=change.at,
        )
        if change.status in FINAL:
            self._end(job)
        elif change.rest:
            self.jobs.free(job, now, rest=True)

    def _end(self, job: Job) -> None:
        """Nothing waits for a job that has ended, and it waits for nothing."""
        id_ = job.row.id
        self.mail.forget(id_)
        job.timers.clear()
        for number in list(job.inbox):
            self._consume(job, number)
        if self.lines.used and self.lines.drop(id_):
            self.settle()
        self._ended[id_] = job.length
        self._ended_events += job.length
        while self._ended and (
            len(self._ended) > self._keep_jobs
            or (self._ended_events > self._keep_events and len(self._ended) > 1)
        ):
            self.forget(next(iter(self._ended)))

    def forget(self, id_: str) -> None:
        """Remove a job that has ended."""
        self.jobs.remove(id_, self._now())
        self._ended_events -= self._ended.pop(id_, 0)

    def erase(self, id_: str) -> EraseOutcome:
        """Erase the payloads of a job that has ended."""
        from ..retention import error_erased

        job = self.jobs.by_id.get(id_)
        if job is None:
            return "unknown"
        if not job.over:
            return "unfinished"
        if id_ in self._ended:
            self._ended_events -= job.length - job.base
            self._ended[id_] = 0
        job.erase(error_erased(job.row.error))
        self.jobs.change(job)
        return "erased"

    def settle(self, asked: set[tuple[str, Any, int]] | None = None) -> None:
        """Slots are free: tell those who get them, but for calls that only just asked."""
        for one in self.lines.settle(self._now()):
            if asked is None or (one.job, one.path, one.n) not in asked:
                self._arrive(self.jobs.by_id[one.job], "slot", one.path, one.n, None)

    # --- messages -------------------------------------------------------------------------------
    def post(self, item: Message | Command) -> PostOutcome:
        """Take in a message or a command."""
        if isinstance(item, Command):
            return self._command(item)
        if item.to is not None:
            target = self.jobs.by_id.get(item.to)
            if target is None or target.row.status in FINAL or target.row.tenant != item.tenant:
                return "unknown"
        receivers = self.mail.receive(item)
        if receivers is None:
            return "duplicate"
        for one in receivers:
            self._arrive(self.jobs.by_id[one.job], "message", one.path, one.m, _body(item))
        return "accepted"

    def _command(self, item: Command) -> PostOutcome:
        job = self.jobs.by_id.get(item.job)
        if job is None:
            return "unknown"
        if item.id is not None and item.id in job.commands:
            return "duplicate"
        row = job.row
        if row.reason == ERASED or not takes(row.status, item.kind, row.kind):
            return "unknown"
        if item.id is not None:
            job.commands.add(item.id)
        if item.kind in ("resume", "retry"):
            job.row = job.row._replace(claims=0)
        if row.status in FINAL:
            self._ended_events -= self._ended.pop(item.job, 0)
        self._arrive(job, item.kind, item.path, item.n, item.data)
        return "accepted"

    def _tenant(self, id_: str) -> str | None:
        job = self.jobs.by_id.get(id_)
        return None if job is None else job.row.tenant

    def _arrive(
        self, job: Job, kind: InboxKind, path: tuple[int, ...], n: int, data: Value
    ) -> None:
        self.arrivals += 1
        row = InboxRow(self.arrivals, job.row.id, kind, path, n, data)
        self.rows[row.number] = job.inbox[row.number] = row
        self.jobs.wake(job, kind, self._now())

    def _consume(self, job: Job, number: int) -> None:
        if job.inbox.pop(number, None) is not None:
            del self.rows[number]


def _body(message: Message) -> dict[str, Value]:
    """What a listener gets to see of a message."""
    return {"id": message.id, "topic": message.topic, "key": message.key, "data": message.data}
