"""A paused job stands still at a boundary, and goes on from there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import ManualClock

from runeskript.engine import recovery
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import JobCancelledError
from runeskript.stores.base import Command, Committed, Store, Unit
from runeskript.stores.memory import MemoryStore

TWO = """
skript: two
do:
  - call: slow
    with: {what: one}
    into: one
    undo: {call: slow, with: {what: undo}}
  - call: slow
    with: {what: two}
    into: two
  - return: ["${one}", "${two}"]
"""


class Slow:
    """A handler that ends when it is let go."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.go = asyncio.Event()

    def handlers(self) -> Any:
        @handler("slow")
        async def slow(params: Any, ctx: Any) -> Any:
            self.began.append(params["what"])
            await self.go.wait()
            return params["what"]

        return slow

    async def until(self, *began: str) -> None:
        while self.began != list(began):
            await asyncio.sleep(0)


Start = Callable[..., Awaitable[Runtime]]


async def standing(rt: Runtime, id_: str) -> None:
    while (await rt.get_job(id_)).status != "Suspended":
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "LOOK", 0.01)
    monkeypatch.setattr(recovery, "PACE", 0.001)


async def test_handlers_end_and_no_other_begins(runtime: Start, store: Store) -> None:
    slow = Slow()
    rt = await runtime(slow.handlers(), store=store)
    job = await rt.submit_job(TWO)
    result = asyncio.ensure_future(rt.result(job.id))
    await slow.until("one")
    assert (await rt.pause_job(job.id)).status == "Running"
    for _ in range(20):
        await asyncio.sleep(0)
    assert (await rt.get_job(job.id)).status == "Running"  # its handler runs
    slow.go.set()
    await standing(rt, job.id)
    (row,) = await store.get([job.id])
    assert row is not None
    assert (row.reason, row.owner, row.due, row.seq) == ("paused", None, None, 2)
    assert slow.began == ["one"]
    assert await store.inbox("worker", 0, 9) == []
    assert not result.done()
    await rt.resume_job(job.id)
    assert await result == ["one", "two"]
    assert slow.began == ["one", "two"]


async def test_another_goes_on_with_it(runtime: Start, store: Store, tmp_path: Path) -> None:
    slow = Slow()
    slow.go.set()
    rt = await runtime(slow.handlers(), store=store)
    job = await rt.submit_job(TWO, start=False)
    await rt.pause_job(job.id)
    await rt.work(until_idle=True)
    assert (await rt.get_job(job.id)).status == "Suspended"
    assert slow.began == []
    await store.post([_resume(job.id)])
    await rt.work(until_idle=True)
    assert await rt.result(job.id) == ["one", "two"]


def _resume(id_: str) -> Any:
    from runeskript.stores.base import Command

    return Command(id_, "resume")


async def test_timers_keep_their_time(runtime: Start, store: Store, clock: ManualClock) -> None:
    rt = await runtime(store=store)
    job = await rt.submit_job("skript: w\ndo:\n  - wait: 1h\n  - return: ${now()}\n")
    began = clock.ms
    while len(rt._running().lives[job.id].timers) < 1:
        await asyncio.sleep(0)
    await rt.pause_job(job.id)
    await standing(rt, job.id)
    clock.pass_ms(30 * 60_000)
    await rt.resume_job(job.id)
    assert (await rt.get_job(job.id)).status == "Running"
    await rt.pause_job(job.id)
    await standing(rt, job.id)
    clock.pass_ms(90 * 60_000)
    assert (await rt.get_job(job.id)).status == "Suspended"
    await rt.resume_job(job.id)
    clock.pass_ms(0)  # what is overdue fires at once
    assert await rt.result(job.id) is not None
    assert clock.ms - began == 120 * 60_000


async def test_a_cancel_ends_a_paused_job(runtime: Start, store: Store) -> None:
    slow = Slow()
    rt = await runtime(slow.handlers(), store=store)
    job = await rt.submit_job(TWO)
    await slow.until("one")
    await rt.pause_job(job.id)
    slow.go.set()
    await standing(rt, job.id)
    await rt.cancel_job(job.id)
    with pytest.raises(JobCancelledError):
        await rt.result(job.id)
    assert slow.began == ["one", "undo"]


async def test_a_loop_without_an_end_is_paused(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    doc = "skript: l\nvars: {n: 0}\ndo:\n  - while: true\n    do:\n      - set: {n: '${1 - n}'}\n"
    job = await rt.submit_job(doc)
    await asyncio.sleep(0)
    for _ in range(2):
        await rt.pause_job(job.id)
        await standing(rt, job.id)
        await rt.resume_job(job.id)
        assert (await rt.get_job(job.id)).status == "Running"
    await rt.cancel_job(job.id)
    with pytest.raises(JobCancelledError):
        await rt.result(job.id)


BOTH = """
skript: both
do:
  - parallel:
      fans:
        - for: i
          in: range(3)
          parallel: true
          collect: all
          do:
            - call: slow
              with: {what: "n${i}"}
              into: r
            - yield: r
        - yield: all
      hears:
        - listen: t
          into: x
        - yield: x
    into: r
  - return: ${r}
"""


@pytest.mark.usefixtures("forks")
async def test_what_came_meanwhile_comes_first(runtime: Start, store: Store) -> None:
    slow = Slow()
    slow.go.set()
    rt = await runtime(slow.handlers(), store=store)
    job = await rt.submit_job(BOTH, start=False)
    await rt.pause_job(job.id)
    await rt.work(until_idle=True)
    assert (await rt.get_job(job.id)).status == "Suspended"
    await rt.signal("t", data=7)
    await rt.resume_job(job.id)
    assert await rt.result(job.id) == {"fans": ["n0", "n1", "n2"], "hears": 7}
    assert sorted(slow.began) == ["n0", "n1", "n2"]


async def test_a_pause_that_was_taken_back_does_not_come_again(
    runtime: Start, clock: ManualClock
) -> None:
    """Mail that is read while a claimed job is being rebuilt may be used up by that very claim."""

    class Looking(MemoryStore):
        rt: Runtime | None = None

        async def load_many(self, jobs: Sequence[str]) -> Any:
            found = await super().load_many(jobs)
            if self.rt is not None:
                await self.rt._running().collect()
            return found

    store, slow = Looking(clock.now_ms), Slow()
    rt = await runtime(slow.handlers(), store=store)
    job = await rt.submit_job(TWO)
    await slow.until("one")
    live = rt._running().lives[job.id]
    rt._running()._lose(live, "for the test")
    await rt._running().lease.give_back()
    await store.post([Command(job.id, "pause"), Command(job.id, "resume")])
    slow.go.set()
    store.rt = rt
    await rt.work(until_idle=True)
    assert (await rt.get_job(job.id)).status == "Completed"


async def test_commits_that_are_delivered_twice_change_nothing(
    runtime: Start, clock: ManualClock
) -> None:
    class Twice(MemoryStore):
        async def commit(self, units: Sequence[Unit]) -> list[Committed]:
            await super().commit(units)
            return await super().commit(units)

    slow = Slow()
    slow.go.set()
    rt = await runtime(slow.handlers(), store=Twice(clock.now_ms))
    job = await rt.submit_job(TWO)
    result = asyncio.ensure_future(rt.result(job.id))
    await rt.pause_job(job.id)
    await standing(rt, job.id)
    await rt.resume_job(job.id)
    assert await result == ["one", "two"]


async def test_whoever_awaits_a_paused_job_holds_nobody_up(runtime: Start, store: Store) -> None:
    slow = Slow()
    slow.go.set()
    rt = await runtime(slow.handlers(), store=store)
    job = await rt.submit_job(TWO, start=False)
    await rt.pause_job(job.id)
    await rt.work(until_idle=True)
    result = asyncio.ensure_future(rt.result(job.id))
    for _ in range(20):
        await asyncio.sleep(0)
    await store.post([_resume(job.id)])
    assert await result == ["one", "two"]


async def test_a_job_claimed_anew_before_it_is_known_to_stand_still(
    runtime: Start, clock: ManualClock
) -> None:
    """The store has suspended and resumed it while the reply to the first is still on its way."""
    resumed = asyncio.Event()

    class Late(MemoryStore):
        async def commit(self, units: Sequence[Unit]) -> list[Committed]:
            found = await super().commit(units)
            if any(unit.row is not None and unit.row.status == "Suspended" for unit in units):
                await resumed.wait()
            return found

    slow = Slow()
    slow.go.set()
    store = Late(clock.now_ms)
    rt = await runtime(slow.handlers(), store=store)
    job = await rt.submit_job(TWO)
    await rt.pause_job(job.id)
    await standing(rt, job.id)
    before = rt._running().lives[job.id]
    slow.go.clear()
    await rt.resume_job(job.id)
    assert rt._running().lives[job.id] is not before
    resumed.set()
    slow.go.set()
    assert await rt.result(job.id) == ["one", "two"]
