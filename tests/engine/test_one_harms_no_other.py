"""A job that cannot be read, or is too large to be written, harms no other job."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.engine.conftest import Lasting, ManualClock, settle

from runeskript.engine import loads, recovery
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.model import values
from runeskript.stores.queries import JobFilter
from runeskript.stores.sqlite import SqliteStore

WAITS = """
skript: waits
do:
  - listen: go
    key: job.id
    timeout: 1h
"""


@pytest.fixture
def sqlite(tmp_path: Path, clock: ManualClock) -> SqliteStore:
    return SqliteStore(str(tmp_path / "jobs.db"), clock.now_ms, sync="normal")


@pytest.mark.parametrize("table", ["timer", "listener", "inbox"])
@pytest.mark.parametrize("data", [b"\xc1\xc1", b"\x05", b""])
async def test_a_damaged_row_of_a_waiting_job(
    sqlite: SqliteStore, clock: ManualClock, table: str, data: bytes
) -> None:
    """It is parked with the reason; whoever was claimed together with it goes on."""
    store: Any = Lasting(sqlite)
    async with Runtime(handlers=[], store=store, clock=clock, env={}) as first:
        ids = [(await first.submit_job(WAITS)).id for _ in range(4)]
        await settle(2_000)
    if table == "inbox":
        async with Runtime(handlers=[], store=store, clock=clock, env={}) as other:
            await other.cancel_job(ids[1])
    sqlite._db.ex(
        f"UPDATE {table} SET path=? WHERE job=(SELECT number FROM job WHERE id=?)",
        (data, ids[1]),
    )
    assert sqlite._db._writer.changes() == 1
    async with Runtime(handlers=[], store=store, clock=clock, env={}) as second:
        work = asyncio.ensure_future(second.work())
        await settle(500)
        clock.pass_ms(2 * 3_600_000)
        for id_ in ids[:1] + ids[2:]:
            assert await second._end_of(id_) is not None
        while (await second.get_job(ids[1])).status != "Suspended":
            await asyncio.sleep(0)
        assert not work.done()
        work.cancel()


async def test_whoever_stops_while_it_loads_gives_the_others_back(
    sqlite: SqliteStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "FIRST", 3)
    monkeypatch.setattr(loads, "MOST", 3)
    store: Any = Lasting(sqlite)
    document = "skript: s\ndo:\n  - set: {a: 1}\n"
    async with Runtime(handlers=[], store=store, clock=clock, env={}) as runtime:
        for _ in range(40):
            await runtime.submit_job(document, start=False)
        work = asyncio.ensure_future(runtime.work())
        while not runtime._driver.lives:
            await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await runtime.work(until_idle=True)
        rows, _ = await store.query(JobFilter(), None, 100)
        assert Counter((row.status, row.owner) for row in rows) == {("Completed", None): 40}


@handler("fetch", mode="async")
async def fetch(params: Any, ctx: Any) -> str:
    return str(params["n"]) * 190_000


@handler("slow", mode="async")
async def slow(params: Any, ctx: Any) -> int:
    for _ in range(300):
        await asyncio.sleep(0)
    return 1


CALLS = "".join(f"  - call: fetch\n    with: {{n: {i}}}\n    into: r{i}\n" for i in range(6))
RETURN = "  - return: [" + ", ".join(f'"${{r{i}}}"' for i in range(6)) + "]\n"
WRITTEN = "  - for: i\n    in: range(60)\n    do:\n      - call: slow\n" + RETURN
CALL = '  - call: slow\n    with: {all: ["${r0}", "${r1}", "${r2}", "${r3}", "${r4}", "${r5}"]}\n'


@pytest.mark.parametrize("end", [RETURN, WRITTEN, CALL + RETURN])
async def test_what_is_too_large_for_the_store_fails_its_own_job(
    sqlite: SqliteStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Scaled down a thousand times: pieces of a megabyte, results of a fifth of one."""
    monkeypatch.setattr(values, "VALUE_TEXT", 200_000)
    sqlite._db._writer.limit(apsw.SQLITE_LIMIT_LENGTH, 1_000_000)
    other = "skript: other\ndo:\n  - call: slow\n    into: r\n  - return: ${r}\n"
    async with Runtime(handlers=[fetch, slow], store=sqlite, clock=clock, env={}) as runtime:
        good = [await runtime.submit_job(other) for _ in range(3)]
        large = await runtime.submit_job("skript: large\ndo:\n" + CALLS + end)
        for job in good:
            assert await runtime.result(job.id) == 1
        row = await runtime._end_of(large.id)
        assert row.status == "Failed" and row.error is not None
        assert (row.error["type"], row.error["code"]) == ("limit.size", "RUNE-7012")
