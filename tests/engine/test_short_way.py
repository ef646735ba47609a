"""A tick of one run that leads to one call takes a shorter way, to the same end."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from tests.engine.conftest import ManualClock

from runeskript.engine import driver as driver_module
from runeskript.engine import recovery
from runeskript.engine import turns as turns_module
from runeskript.engine.executors import tasks as tasks_module
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import StoreError
from runeskript.kernel import vm as vm_module
from runeskript.stores.base import Committed, Unit
from runeskript.stores.leases import Release
from runeskript.stores.memory import MemoryStore

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]

MIXED = """
skript: mixed
vars: {n: 0}
do:
  - call: probe
    with: {what: one, s: "${secrets.token}"}
    into: one
  - call: shaky
    retry: {on: [handler], max: 3, backoff: 1s..1s}
    into: two
  - set: {n: "${n + 1}", drawn: "${random() >= 0}"}
  - call: probe
    with: {what: two}
    undo: {call: probe, with: {what: undo}}
  - try:
      - call: broken
    catch:
      - do:
          - call: probe
            with: {what: "${error.type}"}
            into: three
    finally:
      - call: probe
        with: {what: finally}
  - for: i
    in: range(3)
    parallel: true
    do:
      - call: probe
        with: {what: "${i}"}
      - call: probe
        with: {what: "${i}"}
  - call: probe
    with: {what: last}
    into: last
  - return: ["${one}", "${two}", "${three}", "${last}"]
"""
FIVE = "skript: five\ndo:\n" + "  - call: probe\n" * 5


class Noting(MemoryStore):
    """Keeps what was committed, with all that stood beside the events."""

    def __init__(self, now: Callable[[], int]) -> None:
        super().__init__(now)
        self.units: list[Unit] = []
        self.before: Callable[[], Awaitable[Any]] | None = None

    async def commit(self, units: Sequence[Unit]) -> list[Committed]:
        if self.before is not None:
            await self.before()
        self.units.extend(units)
        return await super().commit(units)


@pytest.mark.parametrize("doc", [MIXED, MIXED.replace("${secrets.token}", "x")])
@pytest.mark.parametrize("short", [True, False])
async def test_it_commits_what_the_long_way_commits(
    runtime: Start, settle: Settle, monkeypatch: pytest.MonkeyPatch, short: bool, doc: str
) -> None:
    """Everything of the units, with the kernel's short way and the driver's, and with neither."""
    taken = 0
    real = driver_module.one_more

    def one_more(*args: Any) -> bool:
        nonlocal taken
        found = real(*args)
        taken += found
        return found and short_now

    async def once() -> tuple[list[Unit], Any]:
        failures = 0

        @handler("probe")
        async def probe(params: Any, ctx: Any) -> Any:
            return params

        @handler("shaky")
        async def shaky(params: Any, ctx: Any) -> int:
            nonlocal failures
            failures += 1
            if failures < 3:
                raise ValueError("shaky")
            return ctx.attempt

        @handler("broken")
        async def broken(params: Any, ctx: Any) -> None:
            raise OSError("broken")

        clock = ManualClock()
        store = Noting(clock.now_ms)
        secrets = {"token": "sesame-open"} if "secrets" in doc else {}
        rt = await runtime(probe, shaky, broken, store=store, secrets=secrets, clock=clock)
        running = asyncio.create_task(rt.run_job(doc))
        for _ in range(2):  # the two retries
            await settle()
            clock.pass_ms(10_000)
        result = await running
        return store.units, result.output

    # Where a busy machine would end a tick says nothing of either way.
    monkeypatch.setattr(driver_module, "TICK", 60)
    monkeypatch.setattr(tasks_module, "SLICE", 60)
    for module in (driver_module, turns_module):
        monkeypatch.setattr(module, "one_more", one_more)
    short_now = short
    units, output = await once()
    assert taken >= 3
    short_now = False
    for module in (vm_module, turns_module):
        monkeypatch.setattr(module, "next_call", lambda *args: None)
    assert (units, output) == await once()
    assert "sesame-open" not in repr(units)


async def test_a_pause_while_a_step_is_written_holds_the_next_call(
    runtime: Start, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LOOK", 0.01)
    monkeypatch.setattr(recovery, "PACE", 0.001)
    made = 0
    jobs: list[str] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        nonlocal made
        made += 1

    store = Noting(clock.now_ms)
    rt = await runtime(probe, store=store)

    async def pause() -> None:
        if made == 2 and jobs:
            await rt.pause_job(jobs.pop())

    store.before = pause
    job = await rt.submit_job(FIVE)
    jobs.append(job.id)
    while (await rt.get_job(job.id)).status != "Suspended":
        await asyncio.sleep(0)
    assert made == 2
    await rt.resume_job(job.id)
    await rt.result(job.id)
    assert made == 5


async def test_who_begins_to_watch_while_a_step_is_written_sees_it(
    runtime: Start, clock: Any
) -> None:
    made = 0
    jobs: list[str] = []
    seen: list[Any] = []
    tasks: list[asyncio.Task[None]] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        nonlocal made
        made += 1

    store = Noting(clock.now_ms)
    rt = await runtime(probe, store=store)

    async def follow(id_: str) -> None:
        seen.extend([event async for event in rt.events(id_)])

    async def join() -> None:
        if made == 2 and jobs:
            tasks.append(asyncio.create_task(follow(jobs.pop())))
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    store.before = join
    job = await rt.submit_job(FIVE)
    jobs.append(job.id)
    await rt.result(job.id)
    await asyncio.gather(*tasks)
    positions = [event.seq for event in seen if event.kind == "call.done"]
    assert len(positions) == len(set(positions)) == 5


CHAIN = """
skript: chain
do:
  - for: i
    in: range(12)
    do:
      - call: probe
        with: {i: "${i}"}
        into: r
      - call: other
        with: {r: "${r}"}
"""
var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="clean")


async def test_what_a_handler_leaves_behind_does_not_reach_the_next(runtime: Start) -> None:
    """A context variable, or a cancel of its own task; the next step is not made in such a task."""
    seen: list[tuple[str, int]] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> int:
        task = asyncio.current_task()
        assert task is not None
        seen.append((var.get(), task.cancelling()))
        if params["i"] % 3 == 0:
            var.set("dirty")
        elif params["i"] % 3 == 1:
            task.cancel()
        result: int = params["i"]
        return result

    @handler("other")
    async def other(params: Any, ctx: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        seen.append((var.get(), task.cancelling()))

    rt = await runtime(probe, other)
    assert (await rt.run_job(CHAIN)).status == "Completed"
    assert seen == [("clean", 0)] * 24


async def test_a_long_chain_lets_others_have_their_turn(runtime: Start) -> None:
    """A job that comes in between is not behind all the steps of one that never suspends."""
    made: list[str] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        made.append(ctx.job_id)
        if len(made) == 5:
            jobs.append((await rt.submit_job(chain)).id)

    rt = await runtime(probe)
    chain = "skript: c\ndo:\n  - for: i\n    in: range(300)\n    do:\n      - call: probe\n"
    jobs: list[str] = []
    first = await rt.submit_job(chain)
    await rt.result(first.id)
    await rt.result(jobs[0])
    assert len(made) == 600
    assert made.index(jobs[0]) < 20
    assert made[::-1].index(first.id) < 300


async def test_a_job_that_was_taken_away_makes_no_further_call(runtime: Start, clock: Any) -> None:
    """The store refuses the step: it is another's, and the next call is that one's to make."""
    made = 0

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        nonlocal made
        made += 1
        if made == 3:
            driver = rt._running()
            live = driver.lives[ctx.job_id]
            await store.release(driver.lease.worker.id, [Release(live.id, live.row.epoch)])

    store = Noting(clock.now_ms)
    rt = await runtime(probe, store=store)
    job = await rt.submit_job(FIVE)
    with pytest.raises(StoreError, match="fenced"):
        await rt.result(job.id)
    assert made == 3
    assert len(await store.journal(job.id, 0, 99)) == 3
