"""One SQLite file: its connections, its transactions, and when it is written off the event loop.

Two connections: one writes, one reads (in WAL mode neither waits for the other). A transaction runs
on the loop while the median time of its COMMIT is under a millisecond, since a hand-off to a thread
costs more than that; else, and while another process writes, in a thread.

``reader`` is what reads, ``together`` gathers the writes of many, ``wal`` looks after the WAL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from time import monotonic, perf_counter
from typing import Any, Final, ParamSpec, TypeVar

import apsw

from ...errors import StoreError
from .failing import translated
from .files import connect
from .reader import Reader, Rows
from .together import Together
from .wal import Wal

_T = TypeVar("_T")
_P = ParamSpec("_P")

#: Seconds of a COMMIT above which transactions leave the loop, and below which they come back.
SLOW: Final = 0.001
QUICK: Final = 0.0007
#: What one COMMIT moves the estimate of their median by.
_STEP: Final = 1.02
#: Every how many commits one is timed, and the growth of the WAL looked at.
_SAMPLE: Final = 8
_LOOK: Final = 64
#: Seconds between two looks at whether another process has written.
POLL: Final = 0.02
#: The shortest time that is waited for.
_MS: Final = 0.001
#: Seconds that a transaction waits for other processes before the file counts as locked, and that
#: each waits once that has been in vain.
PATIENT: Final = 1.0


class Database:
    """A file that is open. Only its own methods touch the connections."""

    def __init__(self, writer: apsw.Connection, path: str, sync: str, busy: float) -> None:
        self.path = path
        self._busy = busy
        self._sync = sync
        self._writer = writer
        try:
            writer.set_busy_timeout(0)
            self._reader = Reader(path, sync)
        except apsw.Error as exc:
            raise translated(exc, path) from exc
        #: What was read in this turn of the loop already, and is as it was.
        self.known: Mapping[object, Any] = self._reader.known
        #: One statement on the writing connection; only inside ``transact``.
        self.ex = self._writer.cursor().execute
        self.ex_many = self._writer.cursor().executemany
        self._data_version = self._writer.data_version
        self._writer.set_commit_hook(self._refuses)
        self._together: Together | None = None
        #: Rises when somebody else has written: then nothing that was remembered is sure.
        self.generation = 0
        self._version = -1
        #: Whether a statement is a transaction by itself.
        self._single = True
        #: Called when a transaction came to nothing: what was remembered since is wrong.
        self.on_rollback: Callable[[], None] = lambda: None
        self._median = QUICK
        self._off_loop = False
        self._under_way: asyncio.Future[Any] | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._upkeep: ThreadPoolExecutor | None = None
        self.wal = Wal(writer, path, sync, self._copied_apart)
        self._commits = 0
        self._waiters: dict[asyncio.Future[None], None] = {}
        #: Since when the thread waits for another process; whether the last to wait did in vain.
        self._waits_since: float | None = None
        self._in_vain = False
        self.closed = False
        #: Whether a transaction may run on the loop now.
        self.free = True

    # --- reading --------------------------------------------------------------------------------
    def read(self, sql: str, args: tuple[Any, ...] = ()) -> Rows:
        """All rows of one statement, as of this turn of the loop."""
        self.check_open()
        if not self._single and (
            self._under_way is None or asyncio._get_running_loop() is None
        ):  # inside a write, here or in its thread
            return self.rows(sql, args)
        return self._reader.read(sql, args)

    def keep(self, key: object, found: _T) -> _T:
        """What many ask in one turn of the loop, to be ``known`` in it; nobody changes it."""
        return self._reader.keep(key, found)

    def reading(self, work: Callable[[], _T]) -> _T:
        """Several statements that see the same state of the file."""
        self.check_open()
        return self._reader.reading(work)

    # --- writing --------------------------------------------------------------------------------
    def rows(self, sql: str, args: tuple[Any, ...] = ()) -> Rows:
        """All rows of a statement inside the transaction."""
        return self.ex(sql, args).fetchall()

    def insert_all(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> bool:
        """One INSERT for many rows inside the transaction; False, and nothing done, where a row is
        there already.
        """
        self.ex("SAVEPOINT many")
        try:
            self.ex_many(sql, rows)
            new = True
        except apsw.ConstraintError:
            self.ex("ROLLBACK TO many")
            new = False
        self.ex("RELEASE many")
        return new

    def last_rowid(self) -> int:
        """The number that the last insert gave a row."""
        return self._writer.last_insert_rowid()

    def changes(self) -> int:
        """How many rows the last statement inside the transaction has written or removed."""
        return self._writer.changes()

    @property
    def in_transaction(self) -> bool:
        """Whether the transaction that was begun is still there."""
        return bool(self._writer.in_transaction)

    def be_for_many(self) -> None:
        """From now on what is read in one turn of the loop is read in one transaction, and what is
        written in one turn is written in one.
        """
        self._reader.turns = True
        if self._together is None:
            self._together = Together(self, self._write)

    async def write(self, work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """One transaction; see the module's text. Raises StoreError: then nothing of it happened,
        but for a COMMIT that failed without saying how far it came.
        """
        if self._together is None:
            return await self._write(None, work, *args, **named)
        found: _T = await self._together.writes.add((partial(work, *args, **named), monotonic()))
        return found

    async def _write(
        self, asked: float | None, work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs
    ) -> _T:
        """``asked``: when it was, where that was not now."""
        if not self.free:
            asked = monotonic() if asked is None else asked
            while self._under_way is not None:
                await asyncio.wait((self._under_way,))
            self.check_open()
        if self.free:
            self._reader.let_go()  # else the WAL could not be begun anew
            try:
                return self.transact(work, *args, **named)
            except apsw.BusyError:
                pass  # another process writes: wait for it where nobody else has to wait
            finally:
                self._reader.let_go()
        # Those that wait for one lock wait together: nobody longer than from when it was asked.
        until = (monotonic() if asked is None else asked) + self._patience()
        if self._threads is None:
            self._threads = ThreadPoolExecutor(1, "rune-store")
        loop, run = asyncio.get_running_loop(), partial(work, *args, **named)
        task = loop.run_in_executor(self._threads, self._waiting, run, until)
        self._under_way, self.free = task, False
        task.add_done_callback(self._over)
        result = await asyncio.shield(task)
        self._tell()
        return result

    def _over(self, task: asyncio.Future[Any]) -> None:
        self._under_way, self.free = None, not self._off_loop and not self.closed
        if not task.cancelled():
            task.exception()  # whoever still waits for it gets it

    def _waiting(self, work: Callable[[], _T], until: float) -> _T:
        """A transaction in its thread, where it may wait for other processes. It is tried once
        where its time is over before it has begun.
        """

        def begun() -> _T:
            self._waits_since = None
            return work()

        now = self._waits_since = monotonic()
        self._writer.set_busy_timeout(max(int((until - now) * 1000), 0))
        try:
            return self.transact(begun)
        except apsw.BusyError as exc:
            self._in_vain = True
            raise translated(exc, self.path) from exc
        finally:
            self._waits_since = None
            self._writer.set_busy_timeout(0)

    def is_over(self, asked: float) -> bool:
        """Whether what was asked for then has waited for others as long as it is to."""
        return monotonic() - asked > self._patience() - _MS

    def _patience(self) -> float:
        """Seconds that a transaction waits for others, from when it is asked for: few where the
        last one has waited in vain, for others may stand in line for each.
        """
        return min(self._busy, PATIENT) if self._in_vain else self._busy

    def locked(self) -> bool:
        """Whether another process keeps whoever writes waiting for long, or did so in vain and has
        not let go since: where nobody waits, that is tried.
        """
        since = self._waits_since
        if since is not None and monotonic() - since > PATIENT:
            return True
        if self._in_vain and self._under_way is None and not self.closed:
            with suppress(apsw.BusyError, StoreError):  # else whoever writes is told of it
                self.transact(lambda: None)
        return self._in_vain

    def transact(self, work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """Run ``work`` in a transaction; all or nothing. Raises apsw.BusyError, StoreError."""
        ex, version = self.ex, self._data_version
        self._single = False
        try:
            ex("BEGIN IMMEDIATE")
            if version() != self._version:
                self.generation += 1
            result = work(*args, **named)
            self._commits = commits = self._commits + 1
            if commits % _SAMPLE:
                ex("COMMIT")
            else:
                began = perf_counter()
                ex("COMMIT")
                self._note(perf_counter() - began)
        except apsw.BusyError:
            self._roll_back()
            raise
        except apsw.Error as exc:
            self._roll_back()
            raise translated(exc, self.path) from exc
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._single = True
        self._in_vain = False
        self._version = version()
        if self._waiters and self.free:
            self._tell()
        return result

    def insert(self, sql: str, args: tuple[Any, ...]) -> bool:
        """One INSERT that is a transaction by itself, for which all that is remembered has to be
        sure. False, and nothing done, where it is not: somebody else has written, or is writing.
        Raises StoreError.
        """
        self._reader.let_go()
        try:
            self._commits = commits = self._commits + 1
            if commits % _SAMPLE:
                self.ex(sql, args)
            else:
                began = perf_counter()
                self.ex(sql, args)
                self._note(perf_counter() - began)
        except (apsw.BusyError, apsw.ConstraintError):
            return False
        except apsw.Error as exc:
            self._roll_back()
            raise translated(exc, self.path) from exc
        self._in_vain = False
        self._version = self._data_version()
        if self._waiters:
            self._tell()
        return True

    def _refuses(self) -> bool:
        """Asked by SQLite inside every transaction, before it is committed."""
        return self._single and self._data_version() != self._version

    def _roll_back(self) -> None:
        """What was done is undone; SQLite has done it itself after some errors."""
        self._version = -1
        self.on_rollback()
        try:
            if self._writer.in_transaction:
                self.ex("ROLLBACK")
        except apsw.Error as exc:
            raise translated(exc, self.path) from exc

    def _note(self, took: float) -> None:
        """Now and then: follow the median of commits by small steps, and look after the WAL."""
        median = max(self._median * (_STEP if took > self._median else 1 / _STEP), 1e-6)
        self._median = median
        self._off_loop = median > (QUICK if self._off_loop else SLOW)
        self.free = self.free and not self._off_loop
        self.wal.look(sampled=self._commits % _LOOK == 0)

    def _tell(self) -> None:
        """Something was written: tell who waits for that."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    # --- upkeep ---------------------------------------------------------------------------------
    def _copied_apart(self, copy: Callable[[], None]) -> Future[None]:
        return self.upkeep.submit(copy)

    @property
    def upkeep(self) -> ThreadPoolExecutor:
        """The thread for what takes long and nobody waits for."""
        if self._upkeep is None:
            self._upkeep = ThreadPoolExecutor(1, "rune-store-upkeep")
        return self._upkeep

    async def apart(self, work: Callable[[apsw.Connection], _T]) -> _T:
        """Something that takes long, on a connection and a thread of its own."""
        self.check_open()
        self._reader.let_go()

        def run() -> _T:
            connection = connect(self.path, self._sync)
            connection.set_busy_timeout(int(self._busy * 1000))
            try:
                return work(connection)
            except apsw.Error as exc:
                raise translated(exc, self.path) from exc
            finally:
                connection.close()

        found = await asyncio.get_running_loop().run_in_executor(self.upkeep, run)
        self._tell()
        return found

    # --- waiting --------------------------------------------------------------------------------
    async def wait(self, mark: int, timeout: float) -> int:
        """Wait until somebody has written: in this process at once, in others by looking often."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters[waiter] = None
        try:
            while True:
                now: int = self.read("PRAGMA data_version")[0][0]
                left = end - loop.time()
                if now != mark or left <= 0:
                    return now
                await asyncio.wait((waiter,), timeout=min(left, POLL))
                if waiter.done() and not self.closed:
                    del self._waiters[waiter]
                    waiter = loop.create_future()
                    self._waiters[waiter] = None
        finally:
            del self._waiters[waiter]

    # --- the end --------------------------------------------------------------------------------
    def check_open(self) -> None:
        """Raise StoreError (RUNE-7002) once it is closed."""
        if self.closed:
            raise StoreError("the store is closed", code="RUNE-7002")

    async def close(self) -> None:
        """Finish what is under way, and close the file."""
        if self._together is not None:
            await self._together.writes.done()
        while self._under_way is not None:
            await asyncio.wait((self._under_way,))
        if self.closed:
            return
        self.closed, self.free = True, False
        self._reader.known.clear()
        self._tell()
        for pool in (self._threads, self._upkeep):
            if pool is not None:
                await asyncio.get_running_loop().run_in_executor(None, pool.shutdown)
        try:
            self._reader.close()
            self._writer.close()
        except apsw.Error as exc:
            raise translated(exc, self.path) from exc
