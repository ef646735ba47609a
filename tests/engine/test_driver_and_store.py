"""What the driver hands to its store, and what is left there when something fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from probes import CALL
from runeskript.engine import driver as driver_module
from runeskript.engine import recovery
from runeskript.engine import turns as turns_module
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import JobExistsError, StoreError
from runeskript.model.events import CancelRequested, Event, MessageIn
from runeskript.stores.base import Committed, InboxRow, Store, Unit, Worker
from runeskript.stores.memory import MemoryStore
from runeskript.stores.sqlite import SqliteStore

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]

LISTEN = """
skript: two
do:
  - listen: t
    key: 1
    into: a
  - listen: t
    key: 2
    into: b
  - return: ["${a}", "${b}"]
"""


class Noting(MemoryStore):
    """Everything that is committed and read is noted; both may suspend and fail."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock.now_ms)
        self.units: list[Unit] = []
        self.rows: dict[int, InboxRow] = {}
        self.fail: Exception | None = None

    async def commit(self, units: Sequence[Unit]) -> list[Committed]:
        if self.fail is not None:
            raise self.fail
        self.units += units
        return await super().commit(units)

    async def inbox(
        self,
        worker: str,
        after: int,
        limit: int,
        job: str | None = None,
        without: Collection[str] = (),
    ) -> list[InboxRow]:
        found = await super().inbox(worker, after, limit, job, without)
        self.rows |= {row.number: row for row in found}
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return found

    async def release(self, *args: Any) -> None:
        if self.fail is not None:
            raise self.fail
        await super().release(*args)

    def became(self, number: int) -> list[Event]:
        """The events of the unit that used an inbox row up."""
        return [event for unit in self.units if number in unit.inbox for event in unit.events]


async def test_an_inbox_row_goes_with_the_event_it_became(
    runtime: Start, clock: Any, settle: Settle
) -> None:
    store = Noting(clock)
    rt = await runtime(store=store)
    jobs = [await rt.submit_job(LISTEN) for _ in range(3)]
    await settle()
    for key in (1, 2):
        for n in range(2):
            assert await rt.signal("t", key=key, data=[key, n]) == "accepted"
    assert [await rt.result(job.id) for job in jobs] == [[[1, 0], [2, 0]]] * 3
    # The second message of each key may come before the listener is gone: then it goes with it.
    for number, row in store.rows.items():
        used = [event for event in store.became(number) if isinstance(event, MessageIn)]
        assert isinstance(row.data, dict)
        if row.data["data"] in ([1, 0], [2, 0]):
            assert [event.message for event in used] == [row.data]
    assert await store.inbox("worker", 0, 99) == []


async def test_a_row_becomes_one_event_however_many_look(
    runtime: Start, clock: Any, settle: Settle
) -> None:
    """Several who post at once all collect; reading the inbox takes a while."""
    store = Noting(clock)
    rt = await runtime(store=store)
    doc = """
skript: count
vars: {n: 0}
do:
  - while: n < 20
    do:
      - listen: t
      - set: {n: "${n + 1}"}
"""
    job = await rt.submit_job(doc)
    await settle()
    posts = (rt.signal("t", data=n, keep="1h") for n in range(30))
    assert await asyncio.gather(*posts) == ["accepted"] * 30
    assert await rt.result(job.id) is None
    seen = [event.message["data"] for unit in store.units for event in unit.events
            if isinstance(event, MessageIn)]  # fmt: skip
    assert len(seen) == len(set(seen)) == 20


async def test_a_second_cancel_is_used_up(runtime: Start, clock: Any, settle: Settle) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        await asyncio.sleep(30)

    store = Noting(clock)
    rt = await runtime(probe, store=store)
    job = await rt.submit_job(
        CALL.replace("into: r", "into: r\n    undo: {call: probe, with: {n: 1}}")
    )
    await settle()
    for _ in range(3):
        await rt.cancel_job(job.id)
    while not (await rt.get_job(job.id)).ended:
        await asyncio.sleep(0)
    events = [event for unit in store.units for event in unit.events]
    assert sum(isinstance(event, CancelRequested) for event in events) == 1
    assert await store.inbox("worker", 0, 99) == []


async def test_a_failing_store_leaves_no_job_to_its_owner(runtime: Start, clock: Any) -> None:
    """Others may go on with what this runtime dropped, at the latest after its next heartbeat."""

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None: ...

    store = Noting(clock)
    rt = await runtime(probe, store=store)
    store.fail = StoreError("the disk is full")
    with pytest.raises(StoreError, match="the disk is full"):
        await rt.run_job(CALL)
    (job,) = await rt.list_jobs()
    store.fail = None
    await rt._running().lease.give_back()
    (row,) = await store.get([job.id])
    assert row is not None
    assert (row.owner, row.due) == (None, clock.ms)
    other = Worker("other", frozenset(("probe",)))
    await store.heartbeat(other, 1_000)
    assert [one.job for one in (await store.claim(other, 9)).jobs] == [job.id]


async def test_closing_gives_all_jobs_back(runtime: Start, clock: Any, settle: Settle) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        await asyncio.sleep(30)

    store = Noting(clock)
    rt = await runtime(probe, store=store)
    job = await rt.submit_job(CALL)
    await settle()
    assert [row.worker.id for row in await store.workers()] == ["worker"]
    closed = store.close
    store.close = lambda: asyncio.sleep(0)  # type: ignore[method-assign]
    await rt.close()
    (row,) = await store.get([job.id])
    assert row is not None
    assert (row.status, row.owner, row.due) == ("Running", None, clock.ms)
    assert await store.workers() == []
    await closed()


async def test_a_long_slice_may_say_something_without_an_event(
    runtime: Start, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its units are counted, so that none of them happens twice."""
    monkeypatch.setattr(driver_module, "TURNS_START", 10)
    for name in ("TURNS_MIN", "TURNS_MAX"):
        monkeypatch.setattr(turns_module, name, 10)
    store = Noting(clock)
    rt = await runtime(store=store)
    doc = """
skript: talks
vars: {n: 0}
do:
  - while: n < 100
    do:
      - set: {n: "${n + 1}"}
      - if: n % 25 == 0
        then:
          - emit: t
            with: "${n}"
            keep: 1h
  - return: ${n}
"""
    result = await rt.run_job(doc)
    assert result.output == 100
    silent = [unit for unit in store.units if not unit.events]
    assert [unit.part for unit in silent] == list(range(1, len(silent) + 1))
    assert sum(len(unit.messages) for unit in store.units) == 4
    assert all(unit.part == 0 for unit in store.units if unit.events)
    again = await store.commit([unit for unit in store.units if unit not in store.units[:1]])
    assert {one.outcome for one in again} == {"already"}


async def test_a_clock_that_jumps_costs_no_job(runtime: Start, clock: Any) -> None:
    """The lease is renewed before a job is created in its name."""
    doc = "skript: parent\ndo:\n  - run: child\n    into: r\n  - return: ${r}\n"
    child = "skript: child\ndo:\n  - return: 7\n"
    rt = await runtime()
    await rt.deploy(child)
    for ms in (0, 10**9, -(10**10)):
        clock.ms += ms
        result = await rt.run_job(doc)
        assert (result.status, result.output) == ("Completed", 7)


async def test_a_key_that_is_taken_may_be_an_error(runtime: Start) -> None:
    rt = await runtime()
    doc = "skript: s\ndo:\n  - return: 1\n"
    job = await rt.submit_job(doc, key="k", on_conflict="reject")
    with pytest.raises(JobExistsError, match="the key 'k'") as caught:
        await rt.submit_job(doc, key="k", on_conflict="reject")
    assert (caught.value.code, caught.value.job) == ("RUNE-6012", job.id)
    assert (await rt.submit_job(doc, key="k")).id == job.id


SHOP = """
skript: shop
input: {type: object, required: [items]}
do:
  - for: item
    in: input.items
    parallel: 3
    collect: prices
    do:
      - call: price
        with: {item: "${item}"}
        into: p
        retry: {max: 3, backoff: 1ms..2ms}
      - yield: p
  - try:
      - listen: paid
        key: job.id
        timeout: 1h
        into: paid
    catch:
      - do:
          - return: late
  - run: receipt
    with: {total: "${sum(prices)}", paid: "${paid}"}
    into: text
  - return: {total: "${sum(prices)}", text: "${text}"}
"""
RECEIPT = 'skript: receipt\ndo:\n  - return: "${input.total} ${input.paid}"\n'


async def test_both_stores_hold_the_same_journal(
    runtime: Start, clock: Any, tmp_path: Path
) -> None:
    """The same job on memory and on SQLite, to the last event."""
    found: list[Any] = []

    @handler("price")
    async def price(params: Any, ctx: Any) -> int:
        return len(params["item"])

    stores: list[Store] = [
        MemoryStore(clock.now_ms),
        SqliteStore(str(tmp_path / "jobs.db"), clock.now_ms, sync="normal"),
    ]
    for store in stores:
        rt = await runtime(price, store=store)
        await rt.deploy(RECEIPT)
        job = await rt.submit_job(SHOP, {"items": ["a", "bb", "ccc", "dddd"]}, labels={"x": "y"})
        while not await store.journal(job.id, 4, 1):
            await asyncio.sleep(0)
        await rt.signal("paid", key=job.id, data="cash")
        assert await rt.result(job.id) == {"total": 10, "text": "10 cash"}
        events = await store.journal(job.id, 0, 999)
        row = (await store.get([job.id]))[0]
        found.append((events, row, [one.status for one in await rt.list_jobs()]))
        assert await store.inbox("worker", 0, 99) == []
    assert found[0] == found[1]
    assert await stores[1].check() == []  # type: ignore[attr-defined]


async def test_a_store_that_fails_before_the_commit_fails_no_job(
    runtime: Start, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a child is there already cannot be asked: the run is dropped and goes on later."""

    class Deaf(MemoryStore):
        deaf = 0

        async def get(self, jobs: Sequence[str]) -> Any:
            found = await super().get(jobs)
            self.deaf -= 1
            if self.deaf == 0:
                raise StoreError("the reply was lost")
            return found

    monkeypatch.setattr(recovery, "LOOK", 0.01)
    monkeypatch.setattr(recovery, "PACE", 0.001)
    store = Deaf(clock.now_ms)
    rt = await runtime(store=store)
    await rt.deploy("skript: child\ndo:\n  - return: 7\n")
    parent = "skript: parent\ndo:\n  - run: child\n    into: r\n  - return: ${r}\n"
    job = await rt.submit_job(parent, start=False)
    store.deaf = 1
    await rt.work(until_idle=True)
    assert store.deaf < 1
    assert await rt.result(job.id) == 7


PARENT = "skript: parent\ndo:\n  - run: child\n    into: r\n  - return: ${r}\n"


class Lossy(MemoryStore):
    """The reply to one operation is lost."""

    lost = ""

    async def commit(self, units: Sequence[Unit]) -> list[Committed]:
        return self._reply("commit", await super().commit(units))

    async def submit(self, *args: Any, **more: Any) -> Any:
        return self._reply("submit", await super().submit(*args, **more))

    def _reply(self, name: str, found: Any) -> Any:
        if self.lost == name:
            self.lost = ""
            raise StoreError("the reply was lost")
        return found


async def test_a_child_that_was_created_unseen_goes_on(
    runtime: Start, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LOOK", 0.01)
    monkeypatch.setattr(recovery, "PACE", 0.001)
    store = Lossy(clock.now_ms)
    rt = await runtime(store=store)
    await rt.deploy("skript: child\ndo:\n  - return: 7\n")
    job = await rt.submit_job(PARENT, start=False)
    store.lost = "commit"
    await rt.work(until_idle=True)
    assert await rt.result(job.id) == 7


async def test_a_job_that_was_submitted_unseen_goes_on(
    runtime: Start, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "PACE", 0.001)
    store = Lossy(clock.now_ms)
    rt = await runtime(store=store)
    store.lost = "submit"
    with pytest.raises(StoreError):
        await rt.submit_job("skript: a\ndo:\n  - return: 1\n", key="one")
    await rt._running().lease.give_back()
    result = await rt.run_job("skript: a\ndo:\n  - return: 1\n", key="one")
    assert result.output == 1
