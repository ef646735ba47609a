"""The memory store: the executable specification of ``stores/base.py``.

Everything is lost with the process (loss window: all of it). What it keeps is bounded: when more
than ``keep_jobs`` jobs have ended, or their journals hold more than ``keep_events`` events, the
jobs that ended first are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from ..errors import StoreError
from ..model.batches import unfold_events
from ..model.events import Event, Status
from ..model.history import History
from ..model.machine import FINAL, may_change
from ..model.values import Value
from .base import (
    Cancel,
    CommitOutcome,
    InboxRow,
    JobFilter,
    JobRow,
    Message,
    OnConflict,
    PostOutcome,
    Record,
    RecordTable,
    RowChange,
    Submitted,
    Unit,
)
from .mailbox import Mailbox

KEEP_JOBS: Final = 10_000
KEEP_EVENTS: Final = 2_000_000


class MemoryStore:
    """Jobs, journals, blobs, listeners, messages and records in dictionaries."""

    def __init__(
        self,
        now: Callable[[], int],
        *,
        keep_jobs: int = KEEP_JOBS,
        keep_events: int = KEEP_EVENTS,
    ) -> None:
        self._now = now
        self._keep_jobs = keep_jobs
        self._keep_events = keep_events
        self._rows: dict[str, JobRow] = {}
        self._keys: dict[str, str] = {}
        self._journals: dict[str, History] = {}
        self._blobs: dict[str, bytes] = {}
        self._records: dict[tuple[RecordTable, str], Record] = {}
        self._mail = Mailbox(now)
        #: Jobs that ended, oldest first, and how many events their journals hold.
        self._ended: OrderedDict[str, int] = OrderedDict()
        self._ended_events = 0
        #: Numbers of unconsumed inbox rows per job.
        self._inbox: OrderedDict[int, InboxRow] = OrderedDict()
        self._inbox_of: dict[str, set[int]] = {}
        self._arrivals = 0
        self._closed = False

    # --- the protocol ------------------------------------------------------------------------
    def now(self) -> int:
        """Milliseconds since 1970."""
        return self._now()

    async def put_blob(self, digest: str, data: bytes) -> None:
        """Keep bytes under their hash."""
        self._open()
        self._blobs.setdefault(digest, data)

    async def get_blob(self, digest: str) -> bytes | None:
        """The bytes of a blob, or None."""
        self._open()
        return self._blobs.get(digest)

    async def submit(
        self, jobs: Sequence[JobRow], on_conflict: OnConflict = "exists"
    ) -> list[Submitted]:
        """Create jobs; see ``Store.submit``."""
        self._open()
        return [self._submit(row, on_conflict) for row in jobs]

    async def post(self, items: Sequence[Message | Cancel]) -> list[PostOutcome]:
        """Take in messages and commands; see ``Store.post``."""
        self._open()
        return [self._post(item) for item in items]

    async def commit(self, units: Sequence[Unit]) -> list[CommitOutcome]:
        """Apply the units; see ``Store.commit``."""
        self._open()
        return [self._apply(unit) for unit in units]

    async def inbox(self, after: int, limit: int) -> list[InboxRow]:
        """Unconsumed inbox rows in order of arrival."""
        self._open()
        if self._arrivals <= after:
            return []
        later = (row for number, row in self._inbox.items() if number > after)
        return list(islice(later, limit))

    async def load(self, job: str) -> JobRow | None:
        """The job's row, or None."""
        self._open()
        return self._rows.get(job)

    async def journal(self, job: str, start: int, limit: int) -> list[Event]:
        """A stretch of the job's journal; empty for an unknown job."""
        self._open()
        found = self._journals.get(job)
        return [] if found is None else found.read(start, limit)

    async def query(
        self, wanted: JobFilter, cursor: str | None, limit: int
    ) -> tuple[list[JobRow], str | None]:
        """Jobs, newest first; the cursor is the id of the last job of the page before."""
        self._open()
        found: list[JobRow] = []
        skipping = cursor is not None
        for row in reversed(self._rows.values()):
            if skipping:
                skipping = row.id != cursor
                continue
            if wanted.accepts(row):
                if len(found) == limit:
                    return found, found[-1].id if found else None
                found.append(row)
        return found, None

    async def get_record(self, table: RecordTable, name: str) -> Record | None:
        """A record, or None."""
        self._open()
        return self._records.get((table, name))

    async def put_record(
        self, table: RecordTable, name: str, value: Value, version: int
    ) -> Record | None:
        """Write a record if its version is still ``version``."""
        self._open()
        known = self._records.get((table, name))
        if (known.version if known else 0) != version:
            return None
        record = Record(name, version + 1, value)
        self._records[table, name] = record
        return record

    async def list_records(self, table: RecordTable, prefix: str = "") -> list[Record]:
        """Records by name."""
        self._open()
        return sorted(
            record
            for (of, name), record in self._records.items()
            if of == table and name.startswith(prefix)
        )

    async def close(self) -> None:
        """Refuse further calls; the content goes with the object."""
        self._closed = True

    # --- jobs ----------------------------------------------------------------------------------
    def _open(self) -> None:
        if self._closed:
            raise StoreError("the store is closed", code="RUNE-7002")

    def _submit(self, row: JobRow, on_conflict: OnConflict) -> Submitted:
        known = self._rows.get(row.id)
        if known is not None:
            return Submitted("exists", known)
        held_by = None if row.key is None else self._keys.get(row.key)
        holder = None if held_by is None else self._rows[held_by]
        if holder is not None and (on_conflict == "exists" or holder.status not in FINAL):
            return Submitted("exists", holder)
        if holder is not None:
            self._forget(holder.id)
        if row.key is not None:
            self._keys[row.key] = row.id
        self._rows[row.id] = row
        self._journals[row.id] = History()
        return Submitted("created" if holder is None else "replaced", row)

    def _forget(self, job: str) -> None:
        row = self._rows.pop(job)
        if row.key is not None:
            del self._keys[row.key]
        del self._journals[job]
        self._ended_events -= self._ended.pop(job, 0)

    def _prune(self) -> None:
        while self._ended and (
            len(self._ended) > self._keep_jobs
            or (self._ended_events > self._keep_events and len(self._ended) > 1)
        ):
            self._forget(next(iter(self._ended)))

    # --- units ---------------------------------------------------------------------------------
    def _apply(self, unit: Unit) -> CommitOutcome:
        row = self._rows.get(unit.job)
        if row is None or row.epoch != unit.epoch:
            return "fenced"
        journal = self._journals[unit.job]
        if unit.first != len(journal):
            sent = list(unfold_events(unit.events))
            same = list(unfold_events(journal.read(unit.first, len(sent)))) == sent
            return "already" if sent and same else "conflict"
        change = unit.row
        if change is not None and not _allowed(row.status, change.status):
            return "conflict"
        journal.extend(unit.events)
        for number in unit.inbox:
            self._consume(number)
        for id_ in unit.taken:
            self._mail.take(id_)
        for path, m in unit.unlistens:
            self._mail.unlisten(unit.job, path, m)
        for listener in unit.listens:
            for message in self._mail.listen(listener):
                self._arrive(unit.job, listener.path, listener.m, _body(message), "")
        for child in unit.children:
            self._submit(child, "exists")
        for message in unit.messages:
            self._post(message)
        if change is not None:
            self._change(row, change, len(journal))
        return "ok"

    def _change(self, row: JobRow, change: RowChange, seq: int) -> None:
        self._rows[row.id] = row._replace(
            status=change.status,
            state=change.status,
            output=change.output,
            error=change.error,
            updated_at=change.at,
            seq=seq,
        )
        if change.status not in FINAL:
            return
        self._mail.forget(row.id)
        for number in list(self._inbox_of.get(row.id, ())):
            self._consume(number)
        self._ended[row.id] = seq
        self._ended_events += seq
        self._prune()

    # --- messages ------------------------------------------------------------------------------
    def _post(self, item: Message | Cancel) -> PostOutcome:
        if isinstance(item, Cancel):
            row = self._rows.get(item.job)
            if row is None or row.status in FINAL:
                return "unknown"
            self._arrive(item.job, (), 0, None, item.reason)
            return "accepted"
        if item.to is not None:
            target = self._rows.get(item.to)
            if target is None or target.status in FINAL:
                return "unknown"
        receivers = self._mail.receive(item)
        if receivers is None:
            return "duplicate"
        body = _body(item)
        for listener in receivers:
            self._arrive(listener.job, listener.path, listener.m, body, "")
        return "accepted"

    def _arrive(
        self, job: str, path: tuple[int, ...], m: int, message: dict[str, Value] | None, reason: str
    ) -> None:
        self._arrivals += 1
        row = InboxRow(self._arrivals, job, path, m, message, reason)
        self._inbox[row.number] = row
        self._inbox_of.setdefault(job, set()).add(row.number)

    def _consume(self, number: int) -> None:
        row = self._inbox.pop(number, None)
        if row is not None:
            numbers = self._inbox_of[row.job]
            numbers.discard(number)
            if not numbers:
                del self._inbox_of[row.job]


def _allowed(before: Status, after: Status) -> bool:
    return before == after or may_change(before, after)


def _body(message: Message) -> dict[str, Value]:
    """What a listener gets to see of a message."""
    return {"id": message.id, "topic": message.topic, "key": message.key, "data": message.data}
