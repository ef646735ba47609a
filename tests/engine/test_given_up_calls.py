"""Calls that were given up before they began do not pile up behind those that take their time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from runeskript.engine.executors import lanes
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime

Start = Callable[..., Awaitable[Runtime]]

TURNS = 400
#: In each turn the slow call loses.
LOSES = f"""
skript: loses
vars: {{n: 0}}
do:
  - while: n < {TURNS}
    do:
      - parallel:
          slow: [{{call: slow}}]
          quick: [{{call: quick}}]
        join: any
      - set: {{n: "${{n + 1}}"}}
  - return: ${{n}}
"""


SLOW = "skript: one\ndo:\n  - call: slow\n"
SWEPT = 16


class Slow:
    """A handler that takes its time, whatever it is told, and one that does not."""

    def __init__(self, mode: str) -> None:
        self.go, self.freed = asyncio.Event(), threading.Event()
        self.made = 0
        self.tasks = 1 if mode == "task" else 50
        self.handlers = [self._in_a_thread() if mode == "thread" else self._in_a_task(mode)]
        # Where the tasks are taken it needs a place elsewhere.
        self.handlers.append(self._quick("thread" if mode == "task" else "async"))

    def _in_a_thread(self) -> Any:
        @handler("slow", mode="thread")
        def slow(_: object, ctx: object) -> None:
            self.made += 1
            self.freed.wait()

        return slow

    def _in_a_task(self, mode: str) -> Any:
        @handler("slow", mode="async", limit=1 if mode == "limited" else None)
        async def slow(_: object, ctx: object) -> None:
            self.made += 1
            while not self.go.is_set():
                with suppress(asyncio.CancelledError):
                    await self.go.wait()

        return slow

    def _quick(self, mode: str) -> Any:
        if mode == "thread":

            @handler("quick", mode="thread")
            def quick(_: object, ctx: object) -> None:
                pass

            return quick

        @handler("quick", mode="async")
        async def sleeps(_: object, ctx: object) -> None:
            await asyncio.sleep(0)

        return sleeps

    def end(self) -> None:
        self.go.set()
        self.freed.set()


@pytest.fixture(params=["limited", "thread", "task"])
def slow(
    runtime: Start, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Slow]:
    """Each kind of place that calls wait for; before the runtime ends, the handlers do."""
    monkeypatch.setattr(lanes, "SWEEP", SWEPT)
    made = Slow(request.param)
    yield made
    made.end()


def queued(rt: Runtime) -> int:
    """How many calls wait for a place of any kind."""
    lanes: Any = rt._running().lanes
    pools = {lane.pool for lane in lanes.values()}
    return sum(len(lane.waiting) for lane in lanes.values()) + sum(p.waiting() for p in pools)


async def test_calls_that_lost_leave_their_queue(runtime: Start, slow: Slow) -> None:
    rt = await runtime(*slow.handlers, max_threads=1, max_tasks=slow.tasks)
    job = await rt.submit_job(LOSES)
    live = rt._running().lives[job.id]
    result = asyncio.ensure_future(rt.result(job.id))
    most = 0
    while not result.done():
        await asyncio.sleep(0)
        most = max(most, queued(rt), len(live.dropped))
    assert await result == TURNS
    assert most <= SWEPT + 4
    assert live.queued <= SWEPT


async def test_calls_of_jobs_that_have_ended_leave_their_queue(
    runtime: Start, slow: Slow, settle: Any
) -> None:
    """And those of others are made all the same, once."""
    rt = await runtime(*slow.handlers, max_threads=1, max_tasks=slow.tasks)
    kept, most = [], 0
    for number in range(200):
        job = await rt.submit_job(SLOW)
        await settle(4)
        if number % 50 == 0:
            kept.append(job.id)
            continue
        await rt.cancel_job(job.id)
        await settle(4)
        most = max(most, queued(rt))
    assert most <= 2 * SWEPT + 2 * len(kept)
    slow.end()
    for id_ in kept:
        await rt.result(id_)
    assert slow.made == len(kept)
    assert queued(rt) == 0
