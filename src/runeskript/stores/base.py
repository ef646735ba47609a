"""The store protocol: its records, its outcomes, and the operations everybody asks a store for.

**Units.** A commit is a list of independent *units*, one per run. A unit is atomic over all it
names: events, snapshot, job row, timers, listeners, consumed inbox rows, messages sent, child jobs
created, slots taken and freed. Its guard is (job, epoch, sequence of its first event): who does not
own the job writes nothing, and the same unit again is ``already``, a success, so that a lost reply
can be retried. One refused unit does not fail the others.

**Owners.** A job belongs to at most one worker. Each change of owner raises its ``epoch``. A worker
keeps its jobs as long as its lease lives; what a dead worker owned may be claimed by others. A job
that only waits for timers and messages is *dormant*: it has no owner, and what it waits for makes
it claimable (``due``). A job that was claimed five times in a row without a new event is parked:
Suspended, with the reason in its row. What crashes a worker is one of many jobs that it had, so
after two such claims a job is *suspect*, and few of those are given to a worker at once: then its
neighbours get on, and only it is claimed in vain again.

**Ids** of children and messages are derived from (job, token path, n), so creating them twice is
harmless. Values held by a store are never changed by anyone; whoever hands one out copies it. Times
are milliseconds since 1970 by the store's clock.

What is asked for rarely has a module of its own, so that a plain run does not pay for it:
``leases`` (workers), ``slots`` (limits), ``queries`` (filters, feed, records), ``retention``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ..model.events import Event, Status
from ..model.values import Value
from .rows import (
    CLAIMS,
    HELD,
    SUSPECT,
    URGENT,
    Command,
    CommitOutcome,
    Committed,
    InboxRow,
    JobRow,
    Listener,
    Message,
    OnConflict,
    ParentRef,
    PostOutcome,
    RowChange,
    SubmitOutcome,
    Submitted,
    Timer,
    Unit,
    Worker,
    match_key,
)

if TYPE_CHECKING:
    from ..errors import StoreError
    from .leases import Claimed, Loaded, Release, WorkerRow
    from .queries import Change, JobFilter, Put, Record, RecordTable
    from .retention import EraseOutcome, Policy, Pruned

__all__ = [
    "CLAIMS",
    "HELD",
    "SUSPECT",
    "URGENT",
    "Command",
    "CommitOutcome",
    "Committed",
    "InboxRow",
    "JobRow",
    "Listener",
    "Message",
    "OnConflict",
    "ParentRef",
    "PostOutcome",
    "RowChange",
    "Store",
    "SubmitOutcome",
    "Submitted",
    "Timer",
    "Unit",
    "Worker",
    "match_key",
]


class Store(Protocol):
    """What every backend offers. Any operation may raise StoreError: then nothing happened, or
    (a reply was lost) it may have happened; asking again is safe.
    """

    def now(self) -> int:
        """The store's clock, which leases and timers live by."""

    def locked(self) -> bool:
        """Whether others keep it from being written, and somebody has waited long, or in vain."""

    def be_for_many(self) -> None:
        """From now on many read and write who do not know of each other, as in a service: what is
        asked for in one turn of the loop may be done at once.
        """

    async def put_blob(self, digest: str, data: bytes, uses: Sequence[str] = ()) -> None:
        """Keep bytes under the hash that names them; ``uses``: blobs that are needed with it."""

    async def get_blob(self, digest: str) -> bytes | None:
        """The bytes of a blob, or None."""

    async def submit(
        self,
        jobs: Sequence[JobRow],
        on_conflict: OnConflict = "return",
        journals: Mapping[str, Sequence[Event]] | None = None,
        record: Put | None = None,
        notes: Sequence[Put] = (),
    ) -> list[Submitted]:
        """Create jobs. ``exists`` where the id or the key is taken, with the row that has it.

        ``journals``: by job id, events that the job's journal begins with: a fork of another job,
        or a job that has begun, or ended, before it is written. Its row says what it came to.
        ``record``: written together with the jobs; where its version is another one by now, nothing
        is, and the list is empty. ``notes``: new records that tell of the jobs; they are written
        together with them where all of these are new, else none is.
        """

    async def post(self, items: Sequence[Message | Command]) -> list[PostOutcome]:
        """The door for everyone who is not the owner; ``unknown``: no job that takes it."""

    async def commit(self, units: Sequence[Unit]) -> list[Committed]:
        """Apply each unit atomically; see the module's text."""

    async def get(self, jobs: Sequence[str]) -> list[JobRow | None]:
        """The rows of jobs."""

    async def load(self, job: str, *, whole: bool = False) -> Loaded | None:
        """All that is needed to go on with a job; ``whole``: its journal from the first event."""

    async def load_many(self, jobs: Sequence[str]) -> list[Loaded | StoreError | None]:
        """The same for many jobs, in their order; one that cannot be read (StoreDamagedError) is
        its own error and harms no other.
        """

    async def journal(self, job: str, start: int, limit: int) -> list[Event]:
        """Events of a job from sequence number ``start`` on, which stand for at most ``limit``."""

    async def inbox(
        self,
        worker: str,
        after: int,
        limit: int,
        job: str | None = None,
        without: Collection[str] = (),
    ) -> list[InboxRow]:
        """Unconsumed rows over number ``after`` for jobs that the worker owns, in order; for one
        ``job`` of these alone. ``without``: jobs of which only the ``URGENT`` ones are wanted.
        """

    async def heartbeat(self, worker: Worker, lease: int) -> bool:
        """Keep a worker's lease alive for ``lease`` ms from now.

        False: it is a new worker, or its lease had run out and its jobs may be others' by now.
        """

    async def claim(
        self, worker: Worker, limit: int, jobs: Sequence[str] = (), suspects: int | None = None
    ) -> Claimed:
        """Take jobs that are due and that the worker can run, by priority, then by due time. What
        cannot even be claimed, since its journal has no readable end, is parked.

        ``jobs``: only these. The worker's lease must be alive, else it gets none. ``suspects``: how
        many suspects it may have then, those it has and that did not get on yet included (None: any
        number). Suspects come first, those claimed most often before the others; see ``suspects``.
        """

    async def refill(self) -> int | None:
        """Give out the slots that time has made free; when it makes the next one free for a call
        that stands in line.
        """

    async def release(self, worker: str, jobs: Sequence[Release] | None = None) -> None:
        """Give jobs back (None: all, and the lease). What is not the worker's any more is left."""

    async def workers(self) -> list[WorkerRow]:
        """Workers whose leases are known, those that have run out, too."""

    async def query(
        self, wanted: JobFilter, cursor: str | None, limit: int
    ) -> tuple[list[JobRow], str | None]:
        """Jobs, newest first, and the cursor of the next page (None: no more)."""

    async def tally(self) -> dict[Status, int]:
        """How many jobs there are, by status; a status that no job has may be missing."""

    async def changes(self, cursor: int, limit: int) -> tuple[list[Change], int]:
        """Jobs that changed after ``cursor`` (0: all jobs), and the next cursor. ``limit`` 0: none,
        and the cursor behind all there is.

        A job stands in the feed once, at the place of its latest change (of status, state or data;
        creation and removal, too), so a reader who comes again and again misses no job. Raises
        StoreError (RUNE-7010) for a cursor so old that removals behind it are forgotten.
        """

    async def get_record(self, table: RecordTable, name: str) -> Record | None:
        """A record, or None.

        Raises StoreDamagedError with the ``record`` and its ``version``, which suffices to replace
        or to drop what cannot be read.
        """

    async def put_record(
        self,
        table: RecordTable,
        name: str,
        value: Value,
        version: int,
        blobs: Sequence[str] = (),
    ) -> Record | None:
        """Write a record whose stored version is ``version`` (0: there is none); else None.

        ``blobs``: digests of blobs that must be kept as long as the record.
        """

    async def drop_record(self, table: RecordTable, name: str, version: int) -> bool:
        """Remove a record if its version is still ``version``."""

    async def drop_records(self, table: RecordTable, before: int) -> int:
        """Remove the records of a table that were last put before a time, unread; how many. Where
        that takes long it goes in portions, between which others get on.
        """

    async def list_records(
        self, table: RecordTable, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[Record]:
        """Records whose name begins with ``prefix`` and stands behind ``after``, by name.

        Raises StoreDamagedError, whose ``record`` is the first of them that cannot be read, with
        its ``version``.
        """

    async def wait(self, mark: int, timeout: float) -> int:
        """Return when something was written since ``mark`` was returned, at most after ``timeout``
        seconds; the new mark. Mark 0 is always old.
        """

    async def erase(self, jobs: Sequence[str]) -> list[EraseOutcome]:
        """Erase the payloads of jobs that have ended, for good: input, output, data, journal and
        snapshots, and what of their blobs nobody else refers to. The rest of the row stays, with
        the reason ``erased`` and of an error what :func:`~.retention.error_erased` leaves.
        """

    async def prune(self, policy: Policy) -> Pruned:
        """Forget what the policy says."""

    async def close(self) -> None:
        """Give back what the store holds; later calls raise StoreError."""
