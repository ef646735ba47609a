"""Torn writes and flipped bits: a SQLite store opens clean or refuses loudly, and never lies.

The database has small pages, so that every byte of what is torn can be tried.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest

from runeskript.errors import RuneskriptError, StoreDamagedError
from runeskript.model.events import CallDone, Event, Finished
from runeskript.stores.base import JobRow, RowChange, Unit
from runeskript.stores.leases import Worker
from runeskript.stores.sqlite import SqliteStore
from runeskript.stores.sqlite.schema import APPLICATION_ID, FORMAT, SCHEMA

pytestmark = pytest.mark.timeout(600)
ME = Worker("me")


def now() -> int:
    return 1_000


def make(path: Path) -> None:
    """An empty store with small pages."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA page_size=512")
    connection.pragma("journal_mode", "wal")
    connection.execute(SCHEMA)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={FORMAT}")
    connection.close()


def opened(path: Path) -> SqliteStore:
    return SqliteStore(str(path), now, sync="normal")


def event(n: int) -> CallDone:
    return CallDone(5, (), n, "step", 1, f"result {n}")


RUNNING = RowChange("Running", 5)
DONE = RowChange("Completed", 9, output={"answer": "forty-two"})
EVENTS: list[Event] = [event(n) for n in range(6)]
ROW = JobRow(
    "a", "key", {"team": "shop"}, "s", 1, "b", "h", {"question": "six by nine"}, 1, 1, owner="me"
)


async def fill(store: SqliteStore, wal: Path | None = None) -> list[int]:
    """A running job with six events in as many commits; the size of the WAL after each."""
    await store.heartbeat(ME, 10**9)
    await store.submit([ROW])
    sizes = [wal.stat().st_size if wal else 0]
    for n, one in enumerate(EVENTS):
        change = RUNNING if n == 0 else None
        (result,) = await store.commit([Unit("a", 1, n, [one], change)])
        assert result.outcome == "ok"
        sizes.append(wal.stat().st_size if wal else 0)
    return sizes


def look(path: Path) -> tuple[list[Event], JobRow]:
    """Everything of the job."""

    async def read() -> tuple[list[Event], JobRow]:
        store = opened(path)
        try:
            loaded = await store.load("a", whole=True)
            (row,) = await store.get(["a"])
            assert loaded is not None
            assert loaded.row == row
            assert await store.journal("a", 0, 99) == loaded.events
            return loaded.events, row
        finally:
            await store.close()

    return asyncio.run(read())


class Torn:
    """A store that was copied while it was open, with the WAL it had then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make(folder / "jobs.db")

        async def work() -> list[int]:
            store = opened(folder / "jobs.db")
            sizes = await fill(store, folder / "jobs.db-wal")
            shutil.copy(folder / "jobs.db", folder / "copy.db")
            shutil.copy(folder / "jobs.db-wal", folder / "copy.wal")
            await store.close()
            return sizes

        #: Bytes of the WAL after the submit and after each commit.
        self.sizes = asyncio.run(work())
        self.wal = (folder / "copy.wal").read_bytes()
        assert len(self.wal) == self.sizes[-1]
        self.number = 0

    def with_wal(self, wal: bytes) -> Path:
        """A store with the file as it was and another WAL."""
        self.number += 1
        path = self.folder / f"torn{self.number}.db"
        shutil.copy(self.folder / "copy.db", path)
        Path(f"{path}-wal").write_bytes(wal)
        return path

    def check(self, wal: bytes, commits: int) -> None:
        """What is found is what the first ``commits`` commits wrote, all of it and nothing else."""
        path = self.with_wal(wal)
        events, row = look(path)
        assert events == EVENTS[:commits]
        status = "Pending" if commits == 0 else "Running"
        assert (row.status, row.seq, row.input) == (status, commits, ROW.input)
        path.unlink()


@pytest.fixture
def torn(place: Path) -> Torn:
    return Torn(place)


def test_a_wal_cut_at_every_byte_of_its_last_frames(torn: Torn) -> None:
    """What a commit wrote is there if and only if all of it is."""
    for end in range(torn.sizes[-3], torn.sizes[-1] + 1):
        commits = 6 if end >= torn.sizes[-1] else 5 if end >= torn.sizes[-2] else 4
        torn.check(torn.wal[:end], commits)


def test_bits_flipped_in_the_last_frames_of_a_wal(torn: Torn) -> None:
    """A frame that is not what was written ends the WAL before its commit."""
    for at in range(torn.sizes[-3], torn.sizes[-1], 3):
        wal = bytearray(torn.wal)
        wal[at] ^= 1 << at % 8
        commits = sum(size <= at for size in torn.sizes) - 1
        torn.check(bytes(wal), commits)


def test_a_wal_of_another_time(torn: Torn, place: Path) -> None:
    """A WAL that does not belong to the file is not applied to it."""
    wal = bytearray(torn.wal)
    wal[16:24] = b"\0" * 8  # its salt
    path = torn.with_wal(bytes(wal))

    async def read() -> Any:
        store = opened(path)
        try:
            return await store.get(["a"])
        finally:
            await store.close()

    assert asyncio.run(read()) == [None]


class Whole:
    """A store all of which is in its file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "jobs.db"
        make(self.path)

        async def work() -> None:
            store = opened(self.path)
            await fill(store)
            end = Finished(9, "Completed", DONE.output, None)
            await store.commit([Unit("a", 1, 6, [end], DONE)])
            await store.close()

        asyncio.run(work())
        self.data = self.path.read_bytes()
        self.before = look(self.path)

    def flipped(self, at: int, bit: int) -> str:
        """What is found with one bit changed: the same, or the code of an error."""
        data = bytearray(self.data)
        data[at] ^= 1 << bit
        self.path.write_bytes(data)
        for name in ("jobs.db-wal", "jobs.db-shm"):
            self.path.with_name(name).unlink(missing_ok=True)
        try:
            events, row = look(self.path)
        except RuneskriptError as exc:
            assert exc.code.startswith("RUNE-7"), exc
            return exc.code
        assert events == self.before[0]
        shown = ("status", "state", "output", "error", "input", "labels", "skript", "key", "seq")
        for name in (*shown, "reason", "updated_at", "created_at", "blueprint", "id", "data"):
            assert getattr(row, name) == getattr(self.before[1], name), name
        return "same"


@pytest.fixture
def whole(place: Path) -> Whole:
    return Whole(place)


def test_bits_flipped_in_what_was_written(whole: Whole) -> None:
    """Each bit of a result, of the output, of the input: refused, for this job and by name."""
    for needle in (b"result 3", b"forty-two", b"six by nine"):
        start = whole.data.index(needle)
        for at in range(start, start + len(needle)):
            for bit in range(8):
                assert whole.flipped(at, bit) == "RUNE-7008"


def test_bits_flipped_anywhere_in_the_file(whole: Whole) -> None:
    """The same as before, or a clear error; the file is known to be sound or not."""
    found: dict[str, int] = {}
    for at in range(0, len(whole.data), 29):
        code = whole.flipped(at, at % 8)
        found[code] = found.get(code, 0) + 1
    assert set(found) <= {"same", "RUNE-7000", "RUNE-7006", "RUNE-7007", "RUNE-7008"}, found
    assert found["RUNE-7008"] > 10


def test_a_file_cut_short(whole: Whole) -> None:
    for end in range(0, len(whole.data), 997):
        whole.path.write_bytes(whole.data[:end])
        if end == 0:
            continue  # an empty file is a new store
        try:
            events, row = look(whole.path)
        except RuneskriptError as exc:
            assert exc.code in ("RUNE-7006", "RUNE-7008"), exc
        else:
            assert (events, row) == whole.before


def test_one_damaged_job_harms_no_other(place: Path) -> None:
    """It is refused by name, parked when it is claimed, and its neighbours go on."""
    path = place / "jobs.db"

    async def work() -> None:
        store = opened(path)
        await store.heartbeat(ME, 10**9)
        rows = [ROW._replace(id=id_, key=None, owner=None) for id_ in "abc"]
        await store.submit(rows)
        assert len((await store.claim(ME, 9)).jobs) == 3
        await store.commit([Unit(id_, 1, 0, [event(0)], RUNNING) for id_ in "abc"])
        await store.release("me")
        await store.close()
        connection = apsw.Connection(str(path))
        connection.execute(
            "UPDATE segment SET data = CAST(substr(data, 1, 30) || 'x' AS BLOB) "
            "WHERE place >> 32 = 2"
        )
        connection.close()
        store = opened(path)
        with pytest.raises(StoreDamagedError, match="job b") as caught:
            await store.load("b")
        assert caught.value.job == "b"
        good, bad, other = await store.load_many(["a", "b", "c"])
        assert (good, other) == (await store.load("a"), await store.load("c"))
        assert isinstance(bad, StoreDamagedError)
        assert bad.job == "b"
        with pytest.raises(StoreDamagedError):
            await store.journal("b", 0, 9)
        assert any("b/journal/0" in line for line in await store.check())
        await store.heartbeat(ME, 10**9)
        assert [one.job for one in (await store.claim(ME, 9)).jobs] == ["a", "c"]
        (row,) = await store.get(["b"])
        assert row is not None
        assert (row.status, row.owner) == ("Suspended", None)
        assert "b/journal/0" in (row.reason or "")
        found = await store.commit(
            [Unit("a", 2, 1, [event(1)]), Unit("b", 1, 1, [event(1)]), Unit("c", 2, 1, [event(1)])]
        )
        assert [one.outcome for one in found] == ["ok", "fenced", "ok"]
        await store.close()

    asyncio.run(work())


def test_a_lost_segment_is_missed(place: Path) -> None:
    """In the middle, at the end of an ended job, or before a snapshot."""
    path = place / "jobs.db"

    async def work() -> None:
        store = opened(path)
        await fill(store)
        connection = apsw.Connection(str(path))
        ((first,),) = connection.execute("SELECT min(place) FROM segment").fetchall()
        for gone in (0, 2, 5):
            connection.execute("BEGIN")
            connection.execute("DELETE FROM segment WHERE place=?", (first + gone,))
            connection.execute("COMMIT")
            with pytest.raises(RuneskriptError):
                await store.load("a", whole=True)
            assert await store.check() != []
            break
        connection.close()
        await store.close()

    asyncio.run(work())
