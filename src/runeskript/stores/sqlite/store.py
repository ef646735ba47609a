"""The SQLite store: one file, no server, any number of processes on one machine.

Loss window: with ``sync="full"`` (the default) what was committed outlives the process, the
operating system and the power. With ``sync="normal"`` it outlives the process; a crash of the
operating system or a power cut may take back the commits since the last copying of the WAL (at most
its last 4 MB or so), always the latest ones and whole: the file stays consistent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final, Literal

from ...errors import StoreDamagedError, StoreError
from ...model.events import Event, Status
from ...model.payloads import PayloadCodec, Payloads
from ...model.values import Value
from ..fastcodec import dumps, loads
from ..leases import Claimed, Loaded, Release, Worker, WorkerRow
from ..queries import Change, JobFilter, Put, Record, RecordTable
from ..retention import EraseOutcome, Policy, Pruned
from ..rows import (
    Command,
    Committed,
    InboxRow,
    JobRow,
    Message,
    OnConflict,
    PostOutcome,
    SubmitOutcome,
    Submitted,
    Unit,
)
from .claims import Claims
from .creating import Creating
from .database import Database
from .files import prepare
from .heads import Heads
from .jobs import Jobs
from .lines import Lines
from .mail import Mail
from .reading import Reading
from .records import Records
from .units import OK, Units
from .upkeep import Upkeep
from .workers import Workers

#: Seconds, from when it is asked for, that a transaction waits while other processes write.
BUSY: Final = 10.0


class SqliteStore:
    """The operations of the protocol on one file. ``codec``: seals what is private in it."""

    def __init__(
        self,
        path: str,
        now: Callable[[], int],
        *,
        sync: Literal["full", "normal"] = "full",
        codec: PayloadCodec | None = None,
        busy: float = BUSY,
    ) -> None:
        """Open the store at ``path``, or make one.

        Raises StoreUnavailableError, StoreReadOnlyError, StoreFormatError, StoreBusyError.
        """
        writer = prepare(path, sync, None if codec is None else codec.name)
        self._now = now
        self._db = db = Database(writer, path, sync, busy)
        self._payloads = payloads = Payloads(self._put_payload, self._payload, codec, dumps, loads)
        self._heads = heads = Heads(db, payloads)
        self._workers = workers = Workers(db, payloads)
        self._mail = mail = Mail(db, heads, payloads, now)
        self._lines = lines = Lines(db, payloads, now)
        self._jobs = jobs = Jobs(db, heads, payloads, mail, lines, workers, now)
        self._creating = creating = Creating(db, heads, payloads, jobs, workers, now)
        self._units = Units(db, heads, payloads, jobs, creating, mail, lines)
        self._claims = Claims(db, heads, jobs, lines, workers, now)
        self._records = records = Records(db, payloads)
        self._reading = Reading(db.read, payloads)
        self._upkeep = Upkeep(db, jobs, mail, records, payloads, now)
        db.on_rollback = self._rolled_back

    def be_for_many(self) -> None:
        """From now on what is asked for in one turn of the loop is one transaction: for a service,
        where many read and write who do not know of each other.
        """
        self._db.be_for_many()

    def _rolled_back(self) -> None:
        """What was remembered of a transaction that came to nothing is forgotten."""
        self._heads.clear()
        self._workers.clear()
        self._jobs.forget()
        self._lines.forget()

    # --- clock, blobs ---------------------------------------------------------------------------
    def now(self) -> int:
        """Milliseconds since 1970."""
        return self._now()

    def locked(self) -> bool:
        """Whether another process has kept whoever writes waiting, and does so still."""
        return self._db.locked()

    async def put_blob(self, digest: str, data: bytes, uses: Sequence[str] = ()) -> None:
        """Keep bytes under their hash."""

        def work() -> None:
            self._insert_blob(digest, self._payloads.bytes_in(data, digest))
            for other in uses:
                self._db.ex(
                    "INSERT OR IGNORE INTO uses(user, digest) VALUES(?, ?)",
                    (f"blob:{digest}", other),
                )

        await self._db.write(work)

    def _insert_blob(self, digest: str, data: bytes) -> None:
        self._db.ex(
            "INSERT INTO blob(digest, put_at, data) VALUES(?1, ?2, ?3) "
            "ON CONFLICT(digest) DO UPDATE SET put_at=?2",
            (digest, self._now(), data),
        )

    def _put_payload(self, digest: str, data: bytes) -> None:
        """A large payload of the job that is being written."""
        self._insert_blob(digest, data)
        self._jobs.lifted.append(digest)

    def _payload(self, digest: str) -> bytes | None:
        rows = self._db.read("SELECT data FROM blob WHERE digest=?", (digest,))
        return rows[0][0] if rows else None

    async def get_blob(self, digest: str) -> bytes | None:
        """The bytes of a blob, or None."""
        data = self._payload(digest)
        return None if data is None else self._payloads.bytes_out(data, digest)

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
        known = journals or {}

        def work() -> list[tuple[SubmitOutcome, JobRow | str]]:
            if record is not None and self._records.put(*record, self._now()) is None:
                return []
            made = self._creating.submit_all(jobs, on_conflict, known)
            if notes and all(outcome != "exists" for outcome, _ in made):
                for note in notes:
                    self._records.put(*note, self._now())
            return made

        found: list[Submitted] = []
        for outcome, row in await self._db.write(work):
            there = self._reading.get((row,))[0] if isinstance(row, str) else row
            if there is None:
                raise StoreError(f"job {row} was removed while it was looked at")
            found.append(Submitted(outcome, there))
        return found

    async def post(self, items: Sequence[Message | Command]) -> list[PostOutcome]:
        """Take in messages and commands; see ``Store.post``."""
        return await self._db.write(self._units.post_all, items)

    async def commit(self, units: Sequence[Unit]) -> list[Committed]:
        """Apply the units; see ``Store.commit``."""
        if len(units) == 1 and self._units.append(units[0]):
            return [OK]
        return await self._db.write(self._units.apply_all, units)

    async def get(self, jobs: Sequence[str]) -> list[JobRow | None]:
        """The rows of jobs."""
        if len(jobs) == 1:  # one statement sees one state, but for large payloads
            with suppress(StoreDamagedError):
                return self._reading.get(jobs)
        return self._db.reading(lambda: self._reading.get(jobs))

    async def load(self, job: str, *, whole: bool = False) -> Loaded | None:
        """All that is needed to go on with a job."""
        if self._reading.is_long(job):
            from .loading import load_apart

            found = await self._db.apart(lambda own: load_apart(own, self._payloads, job, whole))
        else:
            (found,) = self._load([job], whole)
        if isinstance(found, StoreError):
            raise found
        return found

    async def load_many(self, jobs: Sequence[str]) -> list[Loaded | StoreError | None]:
        """The same for many jobs; see ``Store.load_many``."""
        return self._load(jobs, whole=False)

    def _load(self, jobs: Sequence[str], whole: bool) -> list[Loaded | StoreError | None]:
        from .loading import Loading

        loading = Loading(self._db.read, self._payloads)
        return self._db.reading(lambda: loading.load(jobs, whole))

    async def journal(self, job: str, start: int, limit: int) -> list[Event]:
        """A stretch of the job's journal; empty for an unknown job."""
        return self._db.reading(lambda: self._reading.journal(job, start, limit))

    async def inbox(
        self,
        worker: str,
        after: int,
        limit: int,
        job: str | None = None,
        without: Collection[str] = (),
    ) -> list[InboxRow]:
        """Unconsumed inbox rows for a worker's jobs, in order of arrival."""
        return self._reading.arrived(worker, after, limit, job, without)

    # --- workers --------------------------------------------------------------------------------
    async def heartbeat(self, worker: Worker, lease: int) -> bool:
        """Keep a worker's lease alive."""
        return await self._db.write(lambda: self._workers.beat(worker, lease, self._now()))

    async def claim(
        self, worker: Worker, limit: int, jobs: Sequence[str] = (), suspects: int | None = None
    ) -> Claimed:
        """Take jobs that are due; see ``Store.claim``."""
        return await self._db.write(lambda: self._claims.claim(worker, limit, jobs, suspects))

    async def refill(self) -> int | None:
        """Give out the slots that time has made free; see ``Store.refill``."""
        return await self._db.write(self._claims.refill)

    async def release(self, worker: str, jobs: Sequence[Release] | None = None) -> None:
        """Give jobs back; see ``Store.release``."""
        await self._db.write(lambda: self._claims.release(worker, jobs))

    async def workers(self) -> list[WorkerRow]:
        """Workers whose leases are known."""
        return self._workers.all()

    # --- questions ------------------------------------------------------------------------------
    async def query(
        self, wanted: JobFilter, cursor: str | None, limit: int
    ) -> tuple[list[JobRow], str | None]:
        """Jobs, newest first; the cursor is the number of the last job of the page before."""
        for found in self._reading.query(wanted, cursor, limit):
            if found is not None:
                return found
            await asyncio.sleep(0)  # a filter on data may have to read many
        raise AssertionError("a query ends with a page")

    async def tally(self) -> dict[Status, int]:
        """How many jobs there are, by status; reads an index from end to end."""
        return self._db.reading(self._reading.tally)

    async def changes(self, cursor: int, limit: int) -> tuple[list[Change], int]:
        """What changed after a cursor."""
        return self._db.reading(lambda: self._reading.changes(cursor, limit))

    # --- records --------------------------------------------------------------------------------
    async def get_record(self, table: RecordTable, name: str) -> Record | None:
        """A record, or None."""
        return self._records.get(table, name)

    async def put_record(
        self,
        table: RecordTable,
        name: str,
        value: Value,
        version: int,
        blobs: Sequence[str] = (),
    ) -> Record | None:
        """Write a record if its version is still ``version``."""
        put = self._records.put
        return await self._db.write(lambda: put(table, name, value, version, blobs, self._now()))

    async def drop_record(self, table: RecordTable, name: str, version: int) -> bool:
        """Remove a record if its version is still ``version``."""
        return await self._db.write(lambda: self._records.drop(table, name, version))

    async def drop_records(self, table: RecordTable, before: int) -> int:
        """Remove the records of a table that were last put before a time; how many."""
        return await self._records.drop_old(table, before)

    async def list_records(
        self, table: RecordTable, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[Record]:
        """Records by name."""
        return self._records.all(table, prefix, after, limit)

    # --- the rest -------------------------------------------------------------------------------
    async def wait(self, mark: int, timeout: float) -> int:
        """Wait for the next change."""
        return await self._db.wait(mark, timeout)

    async def erase(self, jobs: Sequence[str]) -> list[EraseOutcome]:
        """Erase the payloads of jobs that have ended. What is freed in the file is overwritten, and
        the WAL emptied as soon as nobody reads it any more; room that was free before may
        hold older copies until ``compact``.
        """
        return await self._upkeep.erase(jobs)

    async def prune(self, policy: Policy) -> Pruned:
        """Forget what the policy says."""
        return await self._upkeep.prune(policy)

    async def check(self) -> list[str]:
        """Read all there is; what is not as it should be, one line each."""
        return await self._upkeep.check()

    async def backup(self, path: str) -> None:
        """Copy the store, as it is at one moment, to a file that is not there yet."""
        await self._upkeep.backup(path)

    async def compact(self) -> tuple[int, int]:
        """Give the room of what was forgotten back to the disk; bytes before and after."""
        return await self._upkeep.compact()

    async def close(self) -> None:
        """Finish what is under way, and close the file."""
        await self._db.close()
