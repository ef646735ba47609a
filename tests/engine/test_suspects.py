"""A job that crashes whoever has it is parked, and its neighbours are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from tests.engine.conftest import ManualClock
from tests.engine.test_recovery import Mortal

from runeskript.engine.handlers import handler
from runeskript.engine.ids import SystemIds
from runeskript.engine.reasons import reason_of
from runeskript.engine.runtime import Runtime
from runeskript.errors import StoreError
from runeskript.stores.base import CLAIMS, JobRow, Store, Worker
from runeskript.stores.queries import JobFilter

JOBS = 15


class Processes:
    """They share a store, and a job crashes each of them as soon as it is run."""

    def __init__(self, kept: Store, clock: ManualClock) -> None:
        self.kept = kept
        self.clock = clock
        #: How long calls of the other jobs take: until this is set.
        self.go = asyncio.Event()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[tuple[Runtime, asyncio.Event]]:
        """A process, and whether it died."""
        store: Any = Mortal(self.kept)
        death = asyncio.Event()

        @handler("poison", mode="async")
        async def poison(_: Any, ctx: Any) -> None:
            store.dead = True  # nothing that it does from here on is seen
            death.set()
            await asyncio.Event().wait()

        @handler("nap", mode="async")
        async def nap(_: Any, ctx: Any) -> None:
            await self.go.wait()

        async with Runtime(
            handlers=[poison, nap],
            store=store,
            clock=self.clock,
            ids=SystemIds(),
            discover_handlers=False,
        ) as runtime:
            yield runtime, death

    async def rows(self) -> list[JobRow]:
        rows, _ = await self.kept.query(JobFilter(), None, 100)
        return rows

    async def live(self) -> bool:
        """One process, until it dies or there is nothing left to do; whether it died."""
        async with self.one() as (runtime, death):
            work = asyncio.create_task(runtime.work(until_idle=True))
            dies = asyncio.create_task(death.wait())
            while not work.done() and not dies.done():
                await asyncio.wait((work, dies), timeout=0.01)
                if any(row.status == "Suspended" for row in await self.rows()):
                    self.go.set()
            for task in (work, dies):
                task.cancel()
                with suppress(StoreError, asyncio.CancelledError):
                    await task
            return death.is_set()


@pytest.mark.usefixtures("time_passes")
@pytest.mark.parametrize("place", [0, 7, JOBS - 1])
async def test_neighbours_of_a_job_that_crashes_are_not_parked(
    kept: Store, clock: ManualClock, place: int
) -> None:
    """None of them gets on either: their calls take longer than any process lives."""
    w = Processes(kept, clock)
    async with w.one() as (runtime, _):
        for number in range(JOBS):
            doc = f"skript: s\ndo:\n  - call: {'poison' if number == place else 'nap'}\n"
            await runtime.submit_job(doc, key=str(number), start=False)
    deaths = 0
    while await w.live():
        deaths += 1
        clock.pass_ms(10_000)  # its lease
    assert deaths <= CLAIMS + 2
    ends = {row.key: row.status for row in await w.rows()}
    assert ends.pop(str(place)) == "Suspended"
    assert set(ends.values()) == {"Completed"}


async def test_a_worker_that_ends_when_idle_leaves_no_suspect(
    kept: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the one that it has ends after it was told that there is no other."""
    w = Processes(kept, clock)
    await suspects(w, 4, "skript: s\ndo:\n  - call: nap\n")
    w.go.set()
    async with w.one() as (runtime, _):
        driver = runtime._running()
        collect = driver.collect

        async def slowly() -> None:
            while driver.lives:
                await asyncio.sleep(0)
            await collect()

        monkeypatch.setattr(driver, "collect", slowly)
        await runtime.work(until_idle=True)
    assert {row.status for row in await w.rows()} == {"Completed"}


async def suspects(w: Processes, number: int, doc: str) -> None:
    """So many jobs that two workers have claimed in vain."""
    async with w.one() as (runtime, _):
        for _ in range(number):
            await runtime.submit_job(doc, start=False)
    for n in range(2):
        worker = Worker(f"w{n}", frozenset(("nap", "poison")))
        await w.kept.heartbeat(worker, 5_000)
        assert len((await w.kept.claim(worker, number)).jobs) == number
        w.clock.pass_ms(5_000)


@pytest.mark.usefixtures("time_passes")
async def test_suspects_are_not_let_go_of_in_a_tick(kept: Store, clock: ManualClock) -> None:
    """What a tick did is durable only at its end, which may take a while."""
    w = Processes(kept, clock)
    await suspects(w, 3, "skript: s\ndo:\n" + "  - wait: 1s\n" * 4)
    outcomes: list[str] = []
    async with w.one() as (runtime, _):
        store: Any = runtime._store
        commit = store.commit

        async def slowly(units: Any) -> Any:
            await asyncio.sleep(0.03)
            committed = await commit(units)
            outcomes.extend(one.outcome for one in committed)
            assert "fenced" not in outcomes
            return committed

        store.commit = slowly
        await runtime.work(until_idle=True)
    assert {row.status for row in await w.rows()} == {"Completed"}


async def test_neighbours_that_get_on_are_claimed_in_a_few_rounds(
    kept: Store, clock: ManualClock
) -> None:
    w = Processes(kept, clock)
    w.go.set()
    await suspects(w, 60, "skript: s\ndo:\n  - call: nap\n")
    sizes: list[int] = []
    async with w.one() as (runtime, _):
        store: Any = runtime._store
        claim = store.claim

        async def noted(*given: Any) -> Any:
            claimed = await claim(*given)
            sizes.append(len(claimed.jobs))
            return claimed

        store.claim = noted
        await runtime.work(until_idle=True)
    assert {row.status for row in await w.rows()} == {"Completed"}
    found = [size for size in sizes if size]
    assert (found[0], len(found) <= 8) == (1, True)


async def test_why_says_that_a_job_is_suspect(kept: Store, clock: ManualClock) -> None:
    w = Processes(kept, clock)
    async with w.one() as (runtime, _):
        job = await runtime.submit_job("skript: s\ndo:\n  - call: nap\n", start=False)
    for number in range(3):
        worker = Worker(f"w{number}", frozenset(("nap", "poison")))
        await kept.heartbeat(worker, 5_000)
        (row,) = await kept.get([job.id])
        assert row is not None
        reason = await reason_of(kept, row)
        kinds = ["moving", "moving", "unclaimed"]
        assert reason.kind == kinds[number]
        assert ("claimed 2 times in a row" in reason.text) is (number == 2)
        assert len((await kept.claim(worker, 9)).jobs) == 1
        clock.pass_ms(5_000)
