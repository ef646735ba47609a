"""The SQLite store as a file: made, opened, refused, shared, full, busy, sealed, kept in order."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import apsw
import pytest

from runeskript.errors import (
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreFormatError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)
from runeskript.model.events import CallDone
from runeskript.stores import open_store
from runeskript.stores.base import JobRow, RowChange, Unit
from runeskript.stores.leases import Release, Worker
from runeskript.stores.retention import Policy
from runeskript.stores.sqlite import SqliteStore, database, migrate
from runeskript.stores.sqlite import files as files_module
from runeskript.stores.sqlite.schema import FORMAT, MIGRATIONS, SCHEMA
from runeskript.testing.faults import HandClock

ME = Worker("me")
RUNNING = RowChange("Running", 5)
DONE = RowChange("Completed", 9, output=7)


def row(id_: str, **fields: Any) -> JobRow:
    return JobRow(id_, None, {}, "s", None, "b", "a", fields.pop("input", None), 1, 1, **fields)


def event(n: int, result: Any = None) -> CallDone:
    return CallDone(5, (), n, "step", 1, result)


@pytest.fixture
def path(place: Path) -> str:
    return str(place / "jobs.db")


def opened(path: str, **options: Any) -> SqliteStore:
    return SqliteStore(path, HandClock(), **{"sync": "normal", **options})


async def own(store: SqliteStore, *ids: str) -> None:
    await store.heartbeat(ME, 10**9)
    await store.submit([row(id_, owner="me") for id_ in ids])


class TestSchema:
    def test_it_is_the_sum_of_the_migrations(self) -> None:
        whole, steps = apsw.Connection(":memory:"), apsw.Connection(":memory:")
        whole.execute(SCHEMA)
        for step in MIGRATIONS:
            steps.execute(step)
        query = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
        assert steps.execute(query).fetchall() == whole.execute(query).fetchall()
        assert len(MIGRATIONS) == FORMAT

    def test_an_older_file_is_migrated_when_asked(
        self, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asyncio.run(opened(path).close())
        steps = (*MIGRATIONS, "CREATE TABLE extra(a)", "ALTER TABLE extra ADD COLUMN b")
        monkeypatch.setattr(files_module, "MIGRATIONS", steps)
        monkeypatch.setattr(files_module, "FORMAT", len(steps))
        with pytest.raises(StoreFormatError, match="rune store migrate") as caught:
            opened(path)
        assert caught.value.code == "RUNE-7007"
        assert migrate(path, "normal") == (FORMAT, len(steps))
        assert migrate(path, "normal") == (len(steps), len(steps))
        asyncio.run(opened(path).close())
        columns = apsw.Connection(path).execute("PRAGMA table_info(extra)").fetchall()
        assert [column[1] for column in columns] == ["a", "b"]

    def test_a_migration_happens_whole_or_not_at_all(
        self, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asyncio.run(opened(path).close())
        steps = (*MIGRATIONS, "CREATE TABLE extra(a)", "CREATE TABLE extra(a)")
        monkeypatch.setattr(files_module, "MIGRATIONS", steps)
        monkeypatch.setattr(files_module, "FORMAT", len(steps))
        with pytest.raises(StoreError):
            migrate(path, "normal")
        connection = apsw.Connection(path)
        assert connection.pragma("user_version") == FORMAT
        assert not connection.table_exists("main", "extra")

    def test_a_newer_file_is_refused(self, path: str) -> None:
        asyncio.run(opened(path).close())
        apsw.Connection(path).execute(f"PRAGMA user_version={FORMAT + 1}")
        with pytest.raises(StoreFormatError, match="a newer Runeskript"):
            opened(path)
        with pytest.raises(StoreFormatError):
            migrate(path, "normal")

    def test_only_what_is_there_is_migrated(self, path: str) -> None:
        with pytest.raises(StoreUnavailableError, match="no store here"):
            migrate(path, "normal")
        Path(path).touch()
        with pytest.raises(StoreUnavailableError, match="no store here"):
            migrate(path, "normal")


class TestOpening:
    def test_by_url(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(place)
        clock = HandClock()
        for url, found in (
            ("sqlite://", ".rune/jobs.db"),
            ("sqlite:///", ".rune/jobs.db"),
            ("sqlite:///near.db", "near.db"),
            ("sqlite:///a%20b.db?sync=normal", "a b.db"),
            (f"sqlite:///{place}/far.db", f"{place}/far.db"),
        ):
            store = open_store(url, clock)
            assert Path(found).exists()
            assert store.now() == clock.ms
            asyncio.run(store.close())

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("sqlite://host/x", "write sqlite:///PATH"),
            ("sqlite:x.db", "write sqlite:///PATH"),
            ("sqlite:///x#y", "write sqlite:///PATH"),
            ("sqlite:///x?sync=off", "sync is `full` or `normal`"),
            ("sqlite:///x?snyc=full", "did you mean `sync`"),
            ("sqlite:///%00", "no path"),
            ("sqlit:///x", "did you mean `sqlite`"),
        ],
    )
    def test_bad_urls(self, url: str, says: str) -> None:
        with pytest.raises(StoreError, match=says) as caught:
            open_store(url, HandClock())
        assert caught.value.code == "RUNE-7001"

    def test_the_file_is_its_owners(self, place: Path) -> None:
        path = place / "new" / "jobs.db"
        asyncio.run(opened(str(path)).close())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_places_where_no_store_can_be(self, place: Path) -> None:
        (place / "file").write_text("x")
        for path in (place / "no" / "such" / "x.db", place / "file" / "x.db", place):
            with pytest.raises(StoreUnavailableError) as caught:
                opened(str(path))
            assert caught.value.code == "RUNE-7006"
        with pytest.raises(StoreError) as other:
            opened("/proc/nothing/jobs.db")
        assert other.value.code in ("RUNE-7005", "RUNE-7006")

    def test_what_is_no_store(self, place: Path) -> None:
        text, foreign = place / "text.db", place / "foreign.db"
        text.write_text("this is no database at all, it is a text " * 50)
        connection = apsw.Connection(str(foreign))
        connection.execute("CREATE TABLE t(x)")
        connection.close()
        for path, says in ((text, "no SQLite database"), (foreign, "not one of Runeskript")):
            before = path.read_bytes()
            with pytest.raises(StoreUnavailableError, match=says):
                opened(str(path))
            assert path.read_bytes() == before

    @pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
    def test_read_only(self, place: Path) -> None:
        path = place / "jobs.db"
        asyncio.run(opened(str(path)).close())
        path.chmod(0o400)
        with pytest.raises(StoreReadOnlyError):
            opened(str(path))
        path.chmod(0o600)
        place.chmod(0o500)
        try:
            with pytest.raises(StoreReadOnlyError):
                opened(str(path))
            with pytest.raises(StoreReadOnlyError):
                opened(str(place / "new.db"))
        finally:
            place.chmod(0o700)

    def test_the_driver_is_imported_only_when_asked_for(self) -> None:
        code = (
            "import sys\nimport runeskript.engine.runtime\nimport runeskript.testing\n"
            "runeskript.engine.runtime.open_store('memory://', lambda: 0)\n"
            "assert 'apsw' not in sys.modules and 'runeskript.stores.sqlite' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestTransactions:
    async def test_a_full_disk_loses_nothing(self, path: str) -> None:
        store = opened(path)
        await own(store, "a", "b")
        await store.commit([Unit("a", 1, 0, [event(0)], RUNNING)])
        pages = store._db.ex("PRAGMA page_count").fetchall()[0][0]
        store._db.ex(f"PRAGMA max_page_count={pages + 4}").fetchall()
        big = [Unit("a", 1, 1, [event(1, "x" * 50_000)]), Unit("b", 1, 0, [event(0, "y" * 50_000)])]
        with pytest.raises(StoreFullError) as caught:
            await store.commit(big)
        assert caught.value.code == "RUNE-7004"
        assert await store.journal("a", 0, 9) == [event(0)]
        assert await store.journal("b", 0, 9) == []
        assert [r.outcome for r in await store.commit([Unit("b", 1, 0, [event(0)])])] == ["ok"]
        store._db.ex("PRAGMA max_page_count=1000000").fetchall()
        assert [r.outcome for r in await store.commit(big)] == ["ok", "conflict"]
        assert await store.check() == []
        await store.close()

    async def test_a_commit_that_fails_at_its_end(self, path: str) -> None:
        """Nothing of it is remembered: what comes after finds the file as it is."""
        store = opened(path)
        await own(store, "a")
        execute = store._db.ex

        def failing(sql: str, args: Any = ()) -> Any:
            if sql == "COMMIT":
                raise apsw.IOError("injected")
            return execute(sql, args)

        unit = Unit("a", 1, 0, [event(0)], RUNNING)
        for _ in range(2):
            store._db.ex = failing  # type: ignore[assignment]
            with pytest.raises(StoreUnavailableError, match="the disk failed"):
                await store.commit([unit])
            with pytest.raises(StoreUnavailableError):
                await store.submit([row("b", handlers=("new",))])
            store._db.ex = execute
        assert (await store.changes(0, 9))[0][-1].number == 1
        assert [r.outcome for r in await store.commit([unit, unit])] == ["ok", "already"]
        ((done,),) = [await store.submit([row("b", handlers=("new",))])]
        assert (done.outcome, done.row.number) == ("created", 2)
        assert [one.number for one in (await store.changes(0, 9))[0]] == [2, 3]
        await store.close()

    async def test_a_locked_file_keeps_nobody_from_working(self, path: str) -> None:
        """Whoever writes waits off the loop, and gives up after a while."""
        store = opened(path, busy=0.05)
        await own(store, "a")
        other = apsw.Connection(path)
        other.execute("BEGIN IMMEDIATE")
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.create_task(tick())
        unit = Unit("a", 1, 0, [event(0)], RUNNING)
        with pytest.raises(StoreBusyError) as caught:
            await store.commit([unit])
        assert caught.value.code == "RUNE-7003"
        assert ticks > 10
        assert (await store.get(["a"]))[0] is not None
        other.execute("COMMIT")
        other.close()
        assert [r.outcome for r in await store.commit([unit])] == ["ok"]
        ticking.cancel()
        await store.close()

    async def test_what_waits_for_a_lock_is_done_in_order(self, path: str) -> None:
        store = opened(path)
        await own(store, "a")
        other = apsw.Connection(path)
        other.execute("BEGIN IMMEDIATE")
        tasks = [asyncio.create_task(store.commit([Unit("a", 1, n, [event(n)])])) for n in range(5)]
        await asyncio.sleep(0.01)
        tasks[2].cancel()
        other.execute("COMMIT")
        other.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [r[0].outcome for r in results[:2] if isinstance(r, list)] == ["ok", "ok"]
        assert isinstance(results[2], asyncio.CancelledError)
        length = len(await store.journal("a", 0, 9))
        assert [r[0].outcome for r in results[3:] if isinstance(r, list)] == (
            ["ok", "ok"] if length == 5 else ["conflict", "conflict"]
        )
        await store.close()

    @pytest.mark.parametrize("for_many", [False, True])
    async def test_what_waits_for_a_lock_waits_together(
        self, path: str, monkeypatch: pytest.MonkeyPatch, for_many: bool
    ) -> None:
        """Nobody waits longer than from when it was asked, however many stand in front of it."""
        now, over, waits, asked = 0.0, 0.0, [], threading.Event()
        monkeypatch.setattr(database, "monotonic", lambda: now)
        store = opened(path, busy=0.02)
        await own(store, "a", "b")
        if for_many:
            store.be_for_many()
        real = store._db._writer

        class Writer:
            """The connection: it waits until all have asked, and then as long as the clock says."""

            def set_busy_timeout(self, ms: int) -> None:
                nonlocal now, over
                if ms:
                    waits.append(ms)
                    over = now + ms / 1000
                    asked.wait()
                else:
                    now = over
                    if len(waits) == 3:
                        other.close()
                real.set_busy_timeout(min(ms, 1))

            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

        store._db._writer = Writer()  # type: ignore[assignment]
        other = apsw.Connection(path)
        other.execute("BEGIN IMMEDIATE")
        unit = Unit("a", 1, 0, [event(0)], RUNNING)
        tasks: list[asyncio.Task[Any]] = []

        async def ask(count: int) -> None:
            tasks.extend(asyncio.create_task(store.commit([unit])) for _ in range(count))
            await asyncio.sleep(0)

        await ask(1)
        while not waits:
            await asyncio.sleep(0)
        await ask(8)
        now += 0.015
        await ask(1)
        asked.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in found} == {StoreBusyError} and waits == [20, 15]
        # What has waited for its turn all its time is tried all the same.
        asked.clear()
        tasks.clear()
        await ask(1)
        while len(waits) < 3:
            await asyncio.sleep(0)
        await ask(1)
        asked.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[0], StoreBusyError) and waits == [20, 15, 20]
        assert not isinstance(found[1], BaseException) and found[1][0].outcome == "ok"
        await store.close()

    async def test_after_waiting_in_vain_it_is_waited_for_no_longer_than_a_moment(
        self, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Requests that come one after the other would each wait as long as the first."""
        monkeypatch.setattr(database, "PATIENT", 0.001)
        store, waits = opened(path, busy=0.02), []
        await own(store, "a")
        waiting = store._db._waiting

        def noted(work: Callable[[], Any], until: float) -> Any:
            waits.append(until - database.monotonic() > 0.001)
            return waiting(work, until)

        monkeypatch.setattr(database, "monotonic", lambda: 0.0)
        monkeypatch.setattr(store._db, "_waiting", noted)
        other = apsw.Connection(path)
        for _ in "ab":
            other.execute("BEGIN IMMEDIATE")
            for _ in "abc":
                with pytest.raises(StoreBusyError):
                    await store.post([])
            other.execute("COMMIT")
            await store.post([])
        assert waits == [True, False, False] * 2
        other.close()
        await store.close()

    async def test_it_is_locked_until_somebody_can_write(
        self, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 0.0
        monkeypatch.setattr(database, "monotonic", lambda: now)
        store = opened(path)
        await own(store, "a")
        assert not store.locked()
        other = apsw.Connection(path)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(store.commit([Unit("a", 1, 0, [event(0)], RUNNING)]))
        while store._db._waits_since is None:
            await asyncio.sleep(0)
        assert not store.locked()
        now += database.PATIENT + 1
        assert store.locked()
        other.execute("COMMIT")
        assert [r.outcome for r in await waiting] == ["ok"]
        assert not store.locked()
        other.close()
        await store.close()

    async def test_it_is_locked_after_waiting_in_vain(self, path: str) -> None:
        store = opened(path, busy=0.01)
        await own(store, "a")
        other = apsw.Connection(path)
        for ends in (True, False):  # by what is written next; by trying, where nobody writes
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusyError):
                await store.post([])
            assert store.locked() and store.locked()
            other.execute("COMMIT")
            if ends:
                await store.heartbeat(ME, 10**9)
            assert not store.locked()
        other.close()
        await store.close()

    async def test_whether_it_is_locked_is_said_of_a_broken_disk_too(self, path: str) -> None:
        store = opened(path, busy=0.01)
        other = apsw.Connection(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError):
            await own(store, "a")

        def broken(sql: str, args: Any = ()) -> Any:
            raise apsw.IOError("injected")

        store._db.ex, ex = broken, store._db.ex
        assert store.locked()
        store._db.ex = ex
        other.close()
        assert not store.locked()
        await store.close()

    async def test_slow_commits_leave_the_loop_and_come_back(self, path: str) -> None:
        store = opened(path)
        await own(store, "a")
        db = store._db
        db._median, db._off_loop, db.free = 1.0, True, False
        for n in range(40):
            (result,) = await store.commit([Unit("a", 1, n, [event(n)])])
            assert result.outcome == "ok"
        assert db._threads is not None
        assert not db.free
        db._median = 1e-6
        for n in range(40, 60):
            await store.commit([Unit("a", 1, n, [event(n)])])
        assert db.free
        assert len(await store.journal("a", 0, 99)) == 60
        await store.close()

    async def test_the_wal_does_not_grow_for_ever(self, path: str) -> None:
        store = opened(path)
        await own(store, "a")
        for n in range(2_000):
            await store.commit([Unit("a", 1, n, [event(n, "x" * 2_000)])])
        if store._db.wal.copying is not None:
            store._db.wal.copying.result()
        assert Path(path).stat().st_size > 2_000_000
        await store.close()
        assert not Path(f"{path}-wal").exists()
        assert Path(path).stat().st_size > 4_000_000

    async def test_the_mode_of_synchronisation(self, path: str) -> None:
        for sync, number in (("full", 2), ("normal", 1)):
            store = opened(path, sync=sync)
            assert store._db.ex("PRAGMA synchronous").fetchall() == [(number,)]
            assert store._db.ex("PRAGMA journal_mode").fetchall() == [("wal",)]
            await store.close()


class TestSharing:
    async def test_two_stores_on_one_file(self, path: str) -> None:
        """Each sees what the other wrote, at once."""
        one, two = opened(path), opened(path)
        await own(one, "a")
        mark = await two.wait(0, 5)
        waiting = asyncio.create_task(two.wait(mark, 30))
        await asyncio.sleep(0)
        await one.commit([Unit("a", 1, 0, [event(0)], RUNNING)])
        assert await asyncio.wait_for(waiting, 30) != mark
        assert await two.journal("a", 0, 9) == [event(0)]
        assert [r.outcome for r in await two.commit([Unit("a", 1, 1, [event(1)])])] == ["ok"]
        assert [r.outcome for r in await one.commit([Unit("a", 1, 2, [event(2)])])] == ["ok"]
        await one.close()
        await two.close()

    async def test_one_more_event_of_a_job_that_was_taken_away(self, path: str) -> None:
        """What is remembered of a job is not trusted once somebody else has written: nothing of the
        event is in the file, and the unit is refused.
        """
        one, two = opened(path), opened(path)
        await own(one, "a", "b")
        for n in range(2):
            units = [Unit(id_, 1, n, [event(n)], RUNNING if n == 0 else None) for id_ in "ab"]
            assert [(await one.commit([unit]))[0].outcome for unit in units] == ["ok", "ok"]
        you = Worker("you")
        await two.heartbeat(you, 10**9)
        await two.release("me", [Release("a", 1)])
        assert (await two.claim(you, 9)).jobs == [("a", 2)]
        taken = await two.commit([Unit("a", 2, 2, [event(2)])])
        last, mine = Unit("a", 1, 2, [event(9)]), Unit("b", 1, 2, [event(2)])
        found = [(await one.commit([unit]))[0].outcome for unit in (last, mine, mine, last)]
        assert [taken[0].outcome, *found] == ["ok", "fenced", "ok", "already", "fenced"]
        assert await one.journal("a", 0, 9) == [event(n) for n in range(3)]
        assert await one.check() == []
        await one.close()
        await two.close()

    async def test_one_more_event_while_another_writes(self, path: str) -> None:
        """It waits, off the loop, and is there once."""
        store = opened(path)
        await own(store, "a")
        await store.commit([Unit("a", 1, 0, [event(0)], RUNNING)])
        other = apsw.Connection(path)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(store.commit([Unit("a", 1, 1, [event(1)])]))
        await asyncio.sleep(0)
        assert not waiting.done()
        other.execute("ROLLBACK")
        other.close()
        assert [one.outcome for one in await waiting] == ["ok"]
        assert await store.journal("a", 0, 9) == [event(0), event(1)]
        await store.close()

    def test_processes_on_one_file(self, place: Path, path: str) -> None:
        """Workers that claim from the same file: each job is run once, by one of them."""
        script = place / "worker.py"
        script.write_text(_WORKER)
        asyncio.run(self._submit(path, 60))
        command = [sys.executable, str(script), path]
        workers = [
            subprocess.Popen([*command, f"w{n}"], stdout=subprocess.PIPE, text=True)
            for n in range(3)
        ]
        done: list[list[str]] = []
        for worker in workers:
            out, _ = worker.communicate(timeout=100)
            assert worker.returncode == 0, out
            done.append(json.loads(out))
        ids = [id_ for part in done for id_ in part]
        assert sorted(ids) == sorted({f"j{n}" for n in range(60)})
        asyncio.run(self._look(path, 60))

    async def _submit(self, path: str, number: int) -> None:
        store = opened(path)
        await store.submit([row(f"j{n}") for n in range(number)])
        await store.close()

    async def _look(self, path: str, number: int) -> None:
        store = opened(path)
        assert await store.check() == []
        for n in range(number):
            (found,) = await store.get([f"j{n}"])
            assert found is not None
            assert (found.status, found.epoch, found.seq) == ("Completed", 1, 4)
        await store.close()


_WORKER = """
import asyncio, json, sys
from runeskript.model.events import CallDone
from runeskript.stores.base import RowChange, Unit
from runeskript.stores.leases import Worker
from runeskript.stores.sqlite import SqliteStore

async def main(path, name):
    store, me, done = SqliteStore(path, lambda: 2 * 10**12, sync="normal"), Worker(name), []
    await store.heartbeat(me, 10**9)
    while True:
        rows = (await store.claim(me, 2)).jobs
        if not rows:
            break
        for n in range(4):
            change = {0: RowChange("Running", 5), 3: RowChange("Completed", 9)}.get(n)
            units = [Unit(r.job, r.epoch, n, [CallDone(5, (), n, "s", 1, name)], change) for r in rows]
            for result in await store.commit(units):
                assert result.outcome == "ok", result
        done += [r.job for r in rows]
    await store.close()
    print(json.dumps(done))

asyncio.run(main(*sys.argv[1:]))
"""


class Cover:
    """A codec as users would write one."""

    name = "cover"

    def encode(self, data: bytes, place: str) -> bytes:
        return bytes(byte ^ 0x5A for byte in data)

    def decode(self, data: bytes, place: str) -> bytes:
        return bytes(byte ^ 0x5A for byte in data)


class TestSealed:
    async def test_nothing_private_is_in_the_file(self, path: str) -> None:
        from runeskript.stores.base import Listener, Message

        store = opened(path, codec=Cover())
        await store.heartbeat(ME, 10**9)
        await store.submit([row("a", owner="me", input="hush", data={"x": "hush"})])
        await store.commit(
            [
                Unit(
                    "a",
                    1,
                    0,
                    [event(0, "hush"), event(1, "hush" * 50_000)],
                    RUNNING,
                    [Listener("a", (), 1, "t", "hush")],
                    snapshot=b"hush",
                )
            ]
        )
        await store.post([Message("m", "t", "hush", None, "hush", 500)])
        await store.put_record("audit", "r", "hush", 0)
        await store.put_blob("d", b"hush")
        await store.commit([Unit("a", 1, 2, [event(2)], RowChange("Completed", 9, "hush"))])
        await store.close()
        assert b"hushhush" not in Path(path).read_bytes()
        # Keys of listeners and messages are compared, so they stand in the clear.
        assert Path(path).read_bytes().count(b"hush") <= 4
        store = opened(path, codec=Cover())
        (found,) = await store.get(["a"])
        assert found is not None
        assert (found.input, found.output, found.data) == ("hush", "hush", {"x": "hush"})
        assert (await store.journal("a", 0, 1)) == [event(0, "hush")]
        assert await store.get_blob("d") == b"hush"
        assert await store.check() == []
        await store.close()

    def test_it_opens_with_its_codec_only(self, path: str) -> None:
        asyncio.run(opened(path, codec=Cover()).close())
        with pytest.raises(StoreFormatError, match="written with the codec 'cover'"):
            opened(path)
        other = Cover()
        other.name = "other"
        with pytest.raises(StoreFormatError, match="opened with the codec 'other'"):
            opened(path, codec=other)


class TestUpkeep:
    async def test_backup_and_compact(self, path: str, place: Path) -> None:
        store = opened(path)
        await own(store, "a", "b")
        for id_ in "ab":
            units = [Unit(id_, 1, 0, [event(0, "x" * 200_000)], RUNNING)]
            await store.commit([*units, Unit(id_, 1, 1, [event(1)], DONE)])
        copy = place / "copy.db"
        await store.backup(str(copy))
        with pytest.raises(StoreError, match="there is a file already"):
            await store.backup(str(copy))
        with pytest.raises(StoreUnavailableError):
            await store.backup(str(place / "no" / "copy.db"))
        store._now.pass_ms(10**8)  # type: ignore[attr-defined]
        pruned = await store.prune(Policy(jobs=("a", "b")))
        assert (pruned.jobs, pruned.events, pruned.blobs) == (2, 4, 1)
        before, after = await store.compact()
        assert after < before - 150_000
        assert await store.check() == []
        assert [r.outcome for r in await store.commit([Unit("a", 1, 2, [event(2)])])] == ["fenced"]
        await store.close()
        other = opened(str(copy))
        assert len(await other.journal("a", 0, 9)) == 2
        assert await other.check() == []
        await other.close()

    async def test_what_a_check_finds(self, path: str) -> None:
        store = opened(path)
        await own(store, "a")
        await store.commit([Unit("a", 1, 0, [event(0, "x" * 10**5)], RUNNING)])
        await store.put_blob("b", b"a Blueprint")
        assert await store.check() == []
        payload = store._payloads.bytes_in(b"another value", "x")
        other = apsw.Connection(path)
        for damage, args, says in (
            ("UPDATE blob SET data=? WHERE digest <> 'b'", (payload,), "it holds something else"),
            ("UPDATE blob SET data=x'00' WHERE digest = 'b'", (), "blob b: 1 bytes"),
            ("DELETE FROM blob WHERE digest <> 'b'", (), "is missing"),
            ("INSERT INTO segment VALUES(99 << 32, x'00')", (), "segment: 1 rows belong to no job"),
            ("UPDATE job SET state='Failed'", (), "not what was written"),
        ):
            other.execute(damage, args)
            found = await store.check()
            assert any(says in line for line in found), found
        other.close()
        with pytest.raises(StoreDamagedError):
            await store.get(["a"])
        await store.close()


class HandThread:
    """In the place of the thread that copies: done with a copy when it is told."""

    def __init__(self) -> None:
        self.copies: list[Future[None]] = []

    def submit(self, work: Callable[[], None]) -> Future[None]:
        work()
        self.copies.append(Future())
        return self.copies[-1]

    def shutdown(self, **options: Any) -> None:
        """Nothing runs."""


async def test_what_is_written_during_a_copy_is_copied_back_too(path: str) -> None:
    """A WAL with a rest is never written from its beginning again: it would only grow."""
    store, thread = opened(path), HandThread()
    store._db._upkeep = thread  # type: ignore[assignment]
    await own(store, "j")
    written = itertools.count()

    async def write() -> None:
        at = next(written)
        (done,) = await store.commit([Unit("j", 1, at, [event(at)])])
        assert done.outcome == "ok"

    def begun_anew() -> int:
        with Path(f"{path}-wal").open("rb") as wal:
            return int.from_bytes(wal.read(16)[12:], "big")  # its header counts how often

    reader = apsw.Connection(path)
    reader.execute("BEGIN; SELECT count(*) FROM sqlite_schema").fetchall()
    while not thread.copies:
        await write()  # the copy comes no further than to what the reader sees
    reader.close()
    before = begun_anew()
    thread.copies[0].set_result(None)
    for _ in range(20):
        await write()
    assert (before, begun_anew(), len(thread.copies)) == (0, 1, 1)
    await store.close()


def test_others_get_on_while_old_records_are_dropped_unread(path: str) -> None:
    async def scenario() -> None:
        store, turns = opened(path), 0
        for number in range(2_000):
            await store.put_record("requests", f"{number:04d}", number, 0)
        store._db.transact(lambda: store._db.ex("UPDATE record SET value=x'ff'"))

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        now = store.now()
        assert await store.drop_records("requests", now) == 0
        assert turns >= 3
        commits = store._db._commits
        assert await store.drop_records("requests", now + 1) == 2_000
        assert turns >= 6
        assert store._db._commits - commits == 4  # not one for each
        counting.cancel()
        await store.close()

    asyncio.run(scenario())
