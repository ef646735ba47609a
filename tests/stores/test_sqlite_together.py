"""Writes of one turn of the loop are one transaction of the SQLite store: none harms another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.stores.test_stores_agree import Stores, settle

from runeskript.errors import StoreBusyError, StoreError, StoreTooLargeError
from runeskript.model.events import CallDone
from runeskript.stores.base import Committed, JobRow, Store, Unit
from runeskript.stores.leases import Worker
from runeskript.stores.memory import MemoryStore
from runeskript.stores.sqlite import SqliteStore
from runeskript.stores.sqlite.together import Together
from runeskript.testing.conformance import StoreConformance
from runeskript.testing.faults import HandClock

ME = Worker("me")
#: Too large for its place: it is kept as a blob.
LARGE = "x" * 200_000
OK, ALREADY = Committed("ok"), Committed("already")


def row(id_: str) -> JobRow:
    return JobRow(id_, None, {}, "s", None, "b", "a", None, 1, 1, owner="me")


def unit(id_: str, first: int, *results: Any) -> Unit:
    events = [CallDone(5, (), first + n, "step", 1, one) for n, one in enumerate(results)]
    return Unit(id_, 1, first, events)


def for_many(path: Path | str, now: Callable[[], int] | None = None) -> SqliteStore:
    store = SqliteStore(str(path), now or HandClock(), sync="normal")
    store.be_for_many()
    return store


async def owned(store: SqliteStore, *ids: str) -> SqliteStore:
    await store.heartbeat(ME, 10**9)
    await store.submit([row(id_) for id_ in ids])
    return store


class TestForMany(StoreConformance):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "jobs.db"

    def open_store(self, now: Callable[[], int]) -> Store:
        return for_many(self.path, now)


#: Whether what is written fails when all of it is done.
FAILS: ContextVar[bool] = ContextVar("fails", default=False)
WRITES = ("submit", "commit", "post", "heartbeat", "claim", "release", "put_record", "drop_record",
          "put_blob")  # fmt: skip


class FailedError(Exception):
    pass


class InCompany(Stores):
    """Each write stands between two that do the same and then fail, all three in one turn."""

    def open(self) -> SqliteStore:
        store: Any = for_many(f"{self.folder}/jobs.db", self.clock)
        write, append = store._db.write, store._units.append

        async def written(work: Callable[..., Any], *args: Any) -> Any:
            def whole() -> Any:
                result = work(*args)
                if fails:
                    raise FailedError
                return result

            fails = FAILS.get()
            return await write(whole)

        store._db.write = written
        store._units.append = lambda unit: not FAILS.get() and append(unit)
        return store  # type: ignore[no-any-return]

    def ask(self, store: Any, name: str, *args: Any) -> Any:
        if isinstance(store, MemoryStore) or name not in WRITES:
            return super().ask(store, name, *args)
        return self.run(self.between(getattr(store, name), *args))

    async def between(self, write: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        async def fail() -> None:
            FAILS.set(True)
            with pytest.raises((FailedError, StoreError)):
                await write(*args)

        async def ask() -> Any:
            try:
                return await write(*args)
            except StoreError as exc:
                return exc.code

        _, found, _ = await asyncio.gather(fail(), ask(), fail())
        return found


TestInCompany = InCompany.TestCase
TestInCompany.settings = settle(15, 40)


class TestTogether:
    async def test_a_unit_that_comes_twice_in_one_turn(self, tmp_path: Path) -> None:
        store = await owned(for_many(tmp_path / "jobs.db"), "a")
        twice = [store.commit([unit("a", 0, LARGE, 1)]) for _ in range(2)]
        assert await asyncio.gather(*twice) == [[OK], [ALREADY]]
        await store.close()

    async def test_the_blobs_of_what_failed_are_nobodys(self, tmp_path: Path) -> None:
        store = await owned(for_many(tmp_path / "jobs.db"), "a", "b")
        db: Any = store._db
        ex, calls = db.ex, iter((True,))

        def limited(sql: str, args: Any = ()) -> Any:
            if sql.startswith("INSERT INTO segment") and next(calls, False):
                raise apsw.TooBigError("injected")
            return ex(sql, args)

        db.ex = limited
        large, small = await asyncio.gather(
            store.commit([unit("a", 0, LARGE, LARGE[1:])]),
            store.commit([unit("b", 0, 1, 2)]),
            return_exceptions=True,
        )
        assert isinstance(large, StoreTooLargeError)
        assert small == [OK]
        assert await store.check() == []
        await store.close()

    @pytest.mark.parametrize("error", [ValueError, StopIteration, apsw.ConstraintError])
    async def test_whatever_one_raises_the_others_are_told(
        self, tmp_path: Path, error: type[Exception]
    ) -> None:
        store = for_many(tmp_path / "jobs.db")
        db: Any = store._db

        def fail() -> None:
            raise error("injected")

        async with asyncio.timeout(10):
            found = await asyncio.gather(
                db.write(fail), store.heartbeat(ME, 1_000), return_exceptions=True
            )
        assert isinstance(found[0], Exception) and "injected" in str(found[0])
        assert found[1] is False
        await store.close()

    def test_what_is_asked_for_as_the_loop_ends(self, tmp_path: Path) -> None:
        """Whoever writes for all may be cancelled before it has begun."""
        store = for_many(tmp_path / "jobs.db")
        told: list[str] = []

        async def work(ends: asyncio.Event) -> None:
            await ends.wait()
            try:
                await store.heartbeat(ME, 1_000)
            except asyncio.CancelledError:
                told.append("cancelled")
            await store.heartbeat(Worker("other"), 1_000)
            await store.close()
            told.append("closed")

        async def main() -> None:
            ends = asyncio.Event()
            tasks.append(asyncio.ensure_future(work(ends)))
            await asyncio.sleep(0)
            ends.set()

        tasks: list[asyncio.Task[None]] = []
        asyncio.run(main())
        assert told == ["cancelled", "closed"]

    def test_nobody_waits_for_what_is_never_written(self, tmp_path: Path) -> None:
        store = for_many(tmp_path / "jobs.db")
        db: Any = store._db

        async def main() -> None:
            asked = asyncio.ensure_future(store.heartbeat(ME, 1_000))
            while db._together.writes.task is None:
                await asyncio.sleep(0)
            db._together.writes.task.cancel()
            await store.close()
            with pytest.raises(asyncio.CancelledError):
                await asked

        asyncio.run(main())

    async def test_time_that_is_over_while_it_is_looked_at_leaves_nobody_waiting(self) -> None:
        """The first has waited in vain; the last one's time passes while the others are asked."""
        over = iter((False, True))
        locked = iter((True,))

        class Db:
            path = "jobs.db"
            in_transaction = True

            def ex(self, sql: str) -> None:
                pass

            def on_rollback(self) -> None:
                pass

            def is_over(self, asked: float) -> bool:
                return next(over)

        async def write(asked: float, work: Callable[..., Any], *args: Any) -> Any:
            if next(locked, False):
                raise StoreBusyError("jobs.db: locked")
            return work(*args)

        writes = Together(Db(), write).writes
        async with asyncio.timeout(10):
            found = await asyncio.gather(
                *(writes.add((lambda n=n: n, float(n))) for n in range(3)),  # type: ignore[misc]
                return_exceptions=True,
            )
        assert isinstance(found[0], StoreBusyError)
        assert found[1:] == [1, 2]
