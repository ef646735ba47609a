"""``max_jobs``: how many jobs are alive here at once, and what does not hold a place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.engine.conftest import Lasting, ManualClock
from tests.engine.test_recovery import Mortal

from runeskript.engine.driver import Driver
from runeskript.engine.handlers import handler
from runeskript.engine.ids import SystemIds
from runeskript.engine.live import Live
from runeskript.engine.runtime import Runtime
from runeskript.engine.submissions import Submission
from runeskript.stores.base import Store

Start = Callable[..., Awaitable[Runtime]]

CHILD = "skript: child\ndo:\n  - call: nap\n    into: n\n  - return: ${n}\n"
PARENT = "skript: parent\ndo:\n  - run: child\n    into: n\n  - return: ${n}\n"
JOBS = 3


@pytest.mark.parametrize("places", [1, 2, 5])
async def test_jobs_that_wait_for_their_children_make_room_for_them(
    kept: Store, clock: ManualClock, places: int
) -> None:
    """Whoever goes on with more parents than there are places still comes to the children."""
    go = asyncio.Event()

    @handler("nap", mode="async")
    async def nap(_: object, ctx: object) -> int:
        await go.wait()
        return 7

    mortal = Mortal(kept)
    async with Runtime(
        handlers=[nap], store=Lasting(mortal), clock=clock, ids=SystemIds(), discover_handlers=False
    ) as first:
        await first.deploy(CHILD)
        jobs = [await first.submit_job(PARENT) for _ in range(JOBS)]
        for _ in range(200):
            await asyncio.sleep(0)
        assert len(first._running().lives) == 2 * JOBS
        mortal.dead = True
    clock.pass_ms(600_000)
    go.set()
    async with Runtime(
        handlers=[nap],
        store=Lasting(kept),
        clock=clock,
        ids=SystemIds(),
        discover_handlers=False,
        max_jobs=places,
    ) as second:
        await asyncio.wait_for(second.work(until_idle=True), 20)
        assert [await second.result(job.id) for job in jobs] == [7] * JOBS
    await kept.close()


MANY = """
skript: many
do:
  - for: i
    in: range(40)
    parallel: true
    collect: found
    do:
      - run: child
        into: n
      - yield: n
  - return: ${len(found)}
"""


class Naps:
    """A handler that counts how many calls of it are under way."""

    def __init__(self) -> None:
        self.now = self.most = self.made = 0

    def handler(self) -> object:
        @handler("nap", mode="async")
        async def nap(_: object, ctx: object) -> int:
            self.now += 1
            self.made += 1
            self.most = max(self.most, self.now)
            for _ in range(5):
                await asyncio.sleep(0)
            self.now -= 1
            return 7

        return nap


@pytest.mark.parametrize("places", [1, 2, 8])
async def test_children_past_the_places_wait_in_the_store(
    kept: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, places: int
) -> None:
    """Where jobs are claimed: none of them is lost, and no more are alive than there are places."""
    naps, most = Naps(), 0
    enter = Driver._enter

    def counted(driver: Driver, live: Live) -> None:
        nonlocal most
        enter(driver, live)
        most = max(most, len(driver.lives))

    monkeypatch.setattr(Driver, "_enter", counted)
    async with Runtime(
        handlers=[naps.handler()],
        store=Lasting(kept),
        clock=clock,
        ids=SystemIds(),
        discover_handlers=False,
        max_jobs=places,
    ) as rt:
        await rt.deploy(CHILD)
        job = await rt.submit_job(MANY, start=False)
        await asyncio.wait_for(rt.work(until_idle=True), 30)
        assert await rt.result(job.id) == 40
    assert naps.made == 40
    assert most <= places
    assert naps.most <= places
    await kept.close()


async def test_where_nobody_claims_jobs_children_are_not_counted(
    kept: Store, clock: ManualClock
) -> None:
    naps = Naps()
    async with Runtime(
        handlers=[naps.handler()], store=kept, clock=clock, discover_handlers=False, max_jobs=2
    ) as rt:
        await rt.deploy(CHILD)
        assert (await rt.run_job(MANY)).unwrap() == 40
    assert naps.made == 40


@pytest.mark.parametrize("joined", [True, False])
async def test_who_does_not_wait_for_a_place_leaves_the_job_in_the_store(
    kept: Store, clock: ManualClock, joined: bool
) -> None:
    go = asyncio.Event()

    @handler("nap", mode="async")
    async def nap(_: object, ctx: object) -> int:
        await go.wait()
        return 7

    async with Runtime(
        handlers=[nap],
        store=Lasting(kept),
        clock=clock,
        ids=SystemIds(),
        discover_handlers=False,
        max_jobs=2,
    ) as runtime:
        items = [Submission(CHILD, id=f"j{number}", waits=False) for number in range(4)]
        if joined:
            found = await asyncio.gather(*map(runtime.submit, items))
            assert {one.outcome for one in found} == {"created"}
        else:
            assert {one.outcome for one in await runtime.submit_many(items)} == {"created"}
        rows = [row for row in await kept.get([str(item.id) for item in items]) if row is not None]
        assert [row.owner is None for row in rows] == [False, False, True, True]
        waiting = asyncio.ensure_future(runtime.submit(Submission(CHILD, id="j4")))
        await asyncio.sleep(0)
        go.set()
        await waiting
        await runtime.work(until_idle=True)
        assert [await runtime.result(f"j{number}") for number in range(5)] == [7] * 5
    await kept.close()
