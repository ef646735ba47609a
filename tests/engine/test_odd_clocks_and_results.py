"""Clocks that are set and results that are too large: nothing early, nothing lost, a clear error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import Lasting, ManualClock, settle

from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.model import values
from runeskript.stores.base import Store
from runeskript.stores.sqlite import SqliteStore

HOUR = 3_600_000
WAITS = """
skript: waits
do:
  - call: now
    into: first
  - wait: 1h
  - call: now
    into: second
  - return: ["${first}", "${second}"]
"""

Start = Callable[..., Awaitable[Runtime]]


@pytest.fixture(name="store")
def store_(kept: Store) -> Any:
    return Lasting(kept)


class Calls:
    """A handler that counts."""

    def __init__(self) -> None:
        self.number = 0
        self.handler = handler("now", mode="async")(self.call)

    async def call(self, params: Any, ctx: Any) -> int:
        self.number += 1
        return self.number


async def times(store: Any, id_: str) -> list[int]:
    return [event.at for event in await store.journal(id_, 0, 1000)]


async def until(clock: ManualClock, calls: Calls, number: int) -> None:
    """Let turns pass, no time, until so many calls were made."""
    for _ in range(20_000):
        if calls.number >= number:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"{calls.number} calls")


@pytest.mark.parametrize("step", [-2 * HOUR, -1, 10 * HOUR])
async def test_a_clock_that_is_set_between_two_processes(
    store: Any, clock: ManualClock, step: int
) -> None:
    """The timer is due at the time it was set for, once; the journal never goes back."""
    calls = Calls()
    async with Runtime(handlers=[calls.handler], store=store, clock=clock, env={}) as first:
        job = await first.submit_job(WAITS)
        await until(clock, calls, 1)
        await settle(2_000)
    began = clock.ms
    clock.ms = began + step
    async with Runtime(handlers=[calls.handler], store=store, clock=clock, env={}) as second:
        work = asyncio.ensure_future(second.work())
        await settle(2_000)
        clock.pass_ms(60_000)  # the lease of the first one is over
        await settle(2_000)
        if clock.ms < began + HOUR:
            clock.pass_ms(began + HOUR - clock.ms - 1)
            await settle(5_000)
            assert calls.number == 1, "not early"
            clock.pass_ms(1)
        assert await second.result(job.id) == [1, 2]
        work.cancel()
    assert calls.number == 2
    seen = await times(store, job.id)
    assert seen == sorted(seen)


async def test_a_clock_set_back_while_a_job_runs(store: Any, clock: ManualClock) -> None:
    calls = Calls()
    async with Runtime(handlers=[calls.handler], store=store, clock=clock, env={}) as runtime:
        job = await runtime.submit_job(WAITS)
        await until(clock, calls, 1)
        await settle(2_000)
        began = clock.ms
        clock.ms -= 5 * HOUR
        await settle(2_000)
        clock.pass_ms(began + HOUR - clock.ms)
        assert await runtime.result(job.id) == [1, 2]
    seen = await times(store, job.id)
    assert seen == sorted(seen) and seen[-1] - seen[0] >= HOUR


LARGE = """
skript: large
do:
  - try:
      - call: large
        with: {size: "${input}"}
        into: x
    catch:
      - do:
          - return: "${error.type}: ${error.message}"
  - wait: 1h
  - return: ${len(x) + len(x[:3])}
"""


@handler("large", mode="async")
async def large(params: Any, ctx: Any) -> str:
    return "x" * int(params["size"])


async def test_a_result_of_a_hundred_megabytes_is_kept(tmp_path: Path, clock: ManualClock) -> None:
    """It is there for whoever goes on with the job."""
    inner: Any = SqliteStore(str(tmp_path / "jobs.db"), clock.now_ms, sync="normal")
    store: Any = Lasting(inner)
    async with Runtime(handlers=[large], store=store, clock=clock, env={}) as first:
        job = await first.submit_job(LARGE, 100_000_000, start=False)
        work = asyncio.ensure_future(first.work())
        while len(await store.journal(job.id, 0, 10)) < 2:
            await asyncio.sleep(0)
        await settle(50)
        work.cancel()
    async with Runtime(handlers=[large], store=store, clock=clock, env={}) as second:
        work = asyncio.ensure_future(second.work())
        ended = asyncio.ensure_future(second.result(job.id))
        while not ended.done():
            await settle(2_000)
            clock.pass_ms(HOUR)
        assert ended.result() == 100_000_003
        work.cancel()


async def test_a_larger_one_is_refused(
    store: Any, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it comes, with the reason; nobody else is harmed."""
    monkeypatch.setattr(values, "VALUE_TEXT", 1_000)
    async with Runtime(handlers=[large], store=store, clock=clock, env={}) as runtime:
        job = await runtime.submit_job(LARGE, 1_001)
        told = await runtime.result(job.id)
    assert told == (
        "result: the handler's result is no value: $: the value has texts of more than"
        " 1,000 characters"
    )
