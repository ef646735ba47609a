"""What the memory store does for each operation of the protocol.

Everything is lost with the process (loss window: all of it). What it keeps is bounded: when more
than ``keep_jobs`` jobs have ended, or their journals hold more than ``keep_events`` events, the
jobs that ended first are forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ...errors import StoreError
from ...model.events import Event, Status
from ...model.values import Value
from ..rows import (
    URGENT,
    Command,
    Committed,
    InboxRow,
    JobRow,
    Message,
    OnConflict,
    PostOutcome,
    Submitted,
    Unit,
)
from .blobs import Blobs
from .core import Core
from .jobs import Job
from .mailbox import first_of

if TYPE_CHECKING:
    from ..leases import Claimed, Loaded, Release, Worker, WorkerRow
    from ..queries import Change, JobFilter, Put, Record, RecordTable
    from ..retention import EraseOutcome, Policy, Pruned

KEEP_JOBS: Final = 10_000
KEEP_EVENTS: Final = 2_000_000


class MemoryStore:
    """Jobs, journals, blobs, listeners, messages and records in dictionaries."""

    def __init__(
        self, now: Callable[[], int], *, keep_jobs: int = KEEP_JOBS, keep_events: int = KEEP_EVENTS
    ) -> None:
        self._now = now
        self._core = Core(now, keep_jobs, keep_events)
        self._blobs = Blobs()
        self._records: dict[tuple[RecordTable, str], Record] = {}
        self._mark = 1
        self._waiters: dict[asyncio.Future[None], None] = {}
        self._closed = False

    # --- clock, blobs ---------------------------------------------------------------------------
    def now(self) -> int:
        """Milliseconds since 1970."""
        return self._now()

    def locked(self) -> bool:
        """Nobody else has it."""
        return False

    def be_for_many(self) -> None:
        """Nothing here is done better in groups."""

    async def put_blob(self, digest: str, data: bytes, uses: Sequence[str] = ()) -> None:
        """Keep bytes under their hash."""
        self._open()
        self._blobs.put(digest, data, uses, self._now())

    async def get_blob(self, digest: str) -> bytes | None:
        """The bytes of a blob, or None."""
        self._open()
        return self._blobs.get(digest)

    # --- jobs -----------------------------------------------------------------------------------
    async def submit(
        self,
        jobs: Sequence[JobRow],
        on_conflict: OnConflict = "return",
        journals: Mapping[str, Sequence[Event]] | None = None,
        record: Put | None = None,
        notes: Sequence[Put] = (),
    ) -> list[Submitted]:
        """Create jobs; see ``Store.submit``."""
        self._open()
        if record is not None and await self.put_record(*record) is None:
            return []
        known = journals or {}
        found = [self._core.submit(row, on_conflict, known.get(row.id, ())) for row in jobs]
        if notes and all(one.outcome != "exists" for one in found):
            for note in notes:
                await self.put_record(*note)
        self._changed()
        return found

    async def get(self, jobs: Sequence[str]) -> list[JobRow | None]:
        """The rows of jobs."""
        self._open()
        found = map(self._core.jobs.by_id.get, jobs)
        return [None if job is None else job.shown() for job in found]

    async def load(self, job: str, *, whole: bool = False) -> Loaded | None:
        """All that is needed to go on with a job."""
        from ..leases import Loaded, Queued

        self._open()
        found = self._core.jobs.by_id.get(job)
        if found is None:
            return None
        first, snapshot = (0, None) if whole or found.snapshot is None else found.snapshot
        return Loaded(
            found.shown(),
            snapshot,
            first,
            found.events(first),
            sorted(found.timers.values()),
            self._core.mail.listeners(job),
            first_of(found.inbox.values()),
            [Queued(one.path, one.n, one.limits) for one in self._core.lines.of(job)],
            found.parts,
        )

    async def load_many(self, jobs: Sequence[str]) -> list[Loaded | StoreError | None]:
        """The same for many jobs; see ``Store.load_many``."""
        found: list[Loaded | StoreError | None] = []
        for job in jobs:
            try:
                found.append(await self.load(job))
            except StoreError as exc:
                found.append(exc)
        return found

    async def journal(self, job: str, start: int, limit: int) -> list[Event]:
        """A stretch of the job's journal; empty for an unknown job."""
        self._open()
        found = self._core.jobs.by_id.get(job)
        return [] if found is None else found.events(start, limit)

    # --- units ----------------------------------------------------------------------------------
    async def commit(self, units: Sequence[Unit]) -> list[Committed]:
        """Apply the units; see ``Store.commit``."""
        self._open()
        results = [self._core.apply(unit) for unit in units]
        self._changed()
        return results

    # --- messages -------------------------------------------------------------------------------
    async def post(self, items: Sequence[Message | Command]) -> list[PostOutcome]:
        """Take in messages and commands; see ``Store.post``."""
        self._open()
        found = [self._core.post(item) for item in items]
        self._changed()
        return found

    async def inbox(
        self,
        worker: str,
        after: int,
        limit: int,
        job: str | None = None,
        without: Collection[str] = (),
    ) -> list[InboxRow]:
        """Unconsumed inbox rows for a worker's jobs, in order of arrival."""
        self._open()
        found: list[InboxRow] = []
        if self._core.arrivals <= after:
            return found
        by_id = self._core.jobs.by_id
        rows: Mapping[int, InboxRow] = self._core.rows
        if job is not None:
            rows = by_id[job].inbox if job in by_id else {}
        for row in rows.values():
            if (
                row.number > after
                and by_id[row.job].row.owner == worker
                and (row.job not in without or row.kind in URGENT)
            ):
                found.append(row)
                if len(found) == limit:
                    break
        return found

    # --- workers --------------------------------------------------------------------------------
    async def heartbeat(self, worker: Worker, lease: int) -> bool:
        """Keep a worker's lease alive."""
        self._open()
        return self._core.workers.beat(worker, lease, self._now())

    async def claim(
        self, worker: Worker, limit: int, jobs: Sequence[str] = (), suspects: int | None = None
    ) -> Claimed:
        """Take jobs that are due; see ``Store.claim``."""
        from ..leases import Claimed, Owned

        self._open()
        now = self._now()
        if not self._core.workers.alive(worker.id, now):
            return Claimed([], None)
        arrivals = self._core.arrivals
        buried = self._core.workers.bury(now)
        for dead in buried:
            for id_ in list(self._core.jobs.owned.get(dead, ())):
                self._core.jobs.free(self._core.jobs.by_id[id_], now)
        self._core.settle()
        ripe, due = self._core.jobs.ripe(worker, now, jobs)
        every = len(ripe)
        if suspects is not None:
            ripe = self._core.jobs.fewer_suspects(ripe, worker.id, suspects)
        withheld = len(ripe) < every
        claimed: list[Owned] = []
        for job in ripe:
            if len(claimed) == limit:
                due = now
                break
            if self._core.jobs.claim(job, worker.id, now):
                claimed.append(Owned(job.row.id, job.row.epoch))
        if ripe or buried or self._core.arrivals > arrivals:
            self._changed()
        leases = (one.until for one in self._core.workers.others(worker.id, self._core.jobs.owned))
        times = (due, self._core.lines.due(), *leases)
        next_ = min((time for time in times if time is not None), default=None)
        return Claimed(claimed, next_, withheld)

    async def refill(self) -> int | None:
        """Give out the slots that time has made free; see ``Store.refill``."""
        self._open()
        self._core.settle()
        self._changed()
        return self._core.lines.due()

    async def release(self, worker: str, jobs: Sequence[Release] | None = None) -> None:
        """Give jobs back; see ``Store.release``."""
        self._open()
        now, by_id = self._now(), self._core.jobs.by_id
        if jobs is None:
            for id_ in list(self._core.jobs.owned.get(worker, ())):
                self._give_back(by_id[id_], now, rest=False)
            self._core.workers.leave(worker)
        for one in jobs or ():
            job = by_id.get(one.job)
            if job is None or job.row.owner != worker or job.row.epoch != one.epoch:
                continue
            if one.park is None:
                self._give_back(job, now, rest=one.rest)
            else:
                self._core.jobs.park(job, one.park, now)
        self._changed()

    def _give_back(self, job: Job, now: int, *, rest: bool) -> None:
        """A job that is given back has not been claimed in vain."""
        job.row = job.row._replace(claims=max(job.row.claims - 1, 0))
        self._core.jobs.free(job, now, rest=rest)

    async def workers(self) -> list[WorkerRow]:
        """Workers whose leases are known."""
        self._open()
        return self._core.workers.all()

    # --- questions ------------------------------------------------------------------------------
    async def query(
        self, wanted: JobFilter, cursor: str | None, limit: int
    ) -> tuple[list[JobRow], str | None]:
        """Jobs, newest first; the cursor is the number of the last job of the page before."""
        self._open()
        before = None if cursor is None else int(cursor)
        found: list[JobRow] = []
        for job in reversed(self._core.jobs.by_id.values()):
            if before is not None and job.row.number >= before:
                continue
            row = job.shown()
            if wanted.accepts(row):
                if len(found) == limit:
                    return found, str(found[-1].number) if found else None
                found.append(row)
        return found, None

    async def tally(self) -> dict[Status, int]:
        """How many jobs there are, by status."""
        self._open()
        return self._core.jobs.tally()

    async def changes(self, cursor: int, limit: int) -> tuple[list[Change], int]:
        """What changed after a cursor."""
        self._open()
        return self._core.jobs.changes(cursor, limit)

    # --- records --------------------------------------------------------------------------------
    async def get_record(self, table: RecordTable, name: str) -> Record | None:
        """A record, or None."""
        self._open()
        return self._records.get((table, name))

    async def put_record(
        self,
        table: RecordTable,
        name: str,
        value: Value,
        version: int,
        blobs: Sequence[str] = (),
    ) -> Record | None:
        """Write a record if its version is still ``version``."""
        from ..queries import Record

        self._open()
        known = self._records.get((table, name))
        if (known.version if known else 0) != version:
            return None
        record = Record(name, version + 1, value, self._now(), tuple(sorted(set(blobs))))
        self._records[table, name] = record
        self._changed()
        return record

    async def drop_record(self, table: RecordTable, name: str, version: int) -> bool:
        """Remove a record if its version is still ``version``."""
        self._open()
        known = self._records.get((table, name))
        if known is None or known.version != version:
            return False
        del self._records[table, name]
        self._changed()
        return True

    async def drop_records(self, table: RecordTable, before: int) -> int:
        """Remove the records of a table that were last put before a time; how many."""
        self._open()
        old = [key for key, one in self._records.items() if key[0] == table and one.at < before]
        for key in old:
            del self._records[key]
        self._changed()
        return len(old)

    async def list_records(
        self, table: RecordTable, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[Record]:
        """Records by name."""
        self._open()
        found = sorted(
            record
            for (of, name), record in self._records.items()
            if of == table and name.startswith(prefix) and name > after
        )
        return found[:limit]

    # --- the rest -------------------------------------------------------------------------------
    async def wait(self, mark: int, timeout: float) -> int:
        """Wait for the next change."""
        self._open()
        if mark == self._mark:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters[waiter] = None
            try:
                await asyncio.wait((waiter,), timeout=timeout)
            finally:
                del self._waiters[waiter]
        return self._mark

    def _changed(self) -> None:
        self._mark += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def erase(self, jobs: Sequence[str]) -> list[EraseOutcome]:
        """Erase the payloads of jobs that have ended."""
        self._open()
        found = [self._core.erase(id_) for id_ in jobs]
        self._changed()
        return found

    async def prune(self, policy: Policy) -> Pruned:
        """Forget what the policy says."""
        from .pruning import Pruning

        self._open()
        pruning = Pruning(policy, self._now())
        pruning.forget_jobs(self._core.jobs, self._core.forget)
        pruning.forget_events(self._core.jobs)
        pruning.forget_records(self._records)
        pruning.forget_removals(self._core.jobs)
        pruning.forget_blobs(self._blobs, self._core.jobs, self._records)
        self._changed()
        return pruning.done._replace(messages=self._core.mail.expire())

    async def close(self) -> None:
        """Refuse further calls; the content goes with the object."""
        self._closed = True
        self._changed()

    def _open(self) -> None:
        if self._closed:
            raise StoreError("the store is closed", code="RUNE-7002")
