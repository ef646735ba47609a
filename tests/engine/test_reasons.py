"""Every job that is not moving has a reason, and it is the right one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from runeskript.engine.handlers import handler
from runeskript.engine.reasons import reason_of
from runeskript.engine.runtime import Runtime
from runeskript.stores.base import Worker
from runeskript.stores.memory import MemoryStore

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]

FAN = """
skript: fan
do:
  - for: i
    in: range(3)
    parallel: true
    do:
      - call: slow
"""


@handler("slow")
async def slow(params: Any, ctx: Any) -> None:
    await asyncio.sleep(600)


@pytest.mark.parametrize(
    ("doc", "why"),
    [
        ("skript: s\ndo:\n  - call: slow\n", "attempt 1 of slow in step /do/0"),
        (FAN, "attempt 1 of slow in step /do/0/do/0, and 2 more calls"),
        ("skript: s\ndo:\n  - wait: 1m\n", "a timer (wait) of step /do/0, due at 1700000060000"),
        ("skript: s\ndo:\n  - listen: t\n    key: 1\n", "a message to topic t, key 1"),
        (
            "skript: s\ndo:\n  - listen: t\n    timeout: 1m\n",
            "a message to topic t, key None, until 1700000060000",
        ),
    ],
)
async def test_what_a_live_job_waits_for(
    runtime: Start, clock: Any, settle: Settle, doc: str, why: str
) -> None:
    store = MemoryStore(clock.now_ms)
    rt = await runtime(slow, store=store)
    job = await rt.submit_job(doc)
    await settle()
    (row,) = await store.get([job.id])
    assert row is not None
    held = f"worker worker holds it (lease until {clock.ms + 5_000}): "
    assert await reason_of(store, row) == held + why
    clock.ms += 6_000
    gone = "its worker worker is gone; the next one goes on with it"
    assert await reason_of(store, row) == gone


async def test_a_child_is_waited_for(runtime: Start, clock: Any, settle: Settle) -> None:
    store = MemoryStore(clock.now_ms)
    rt = await runtime(slow, store=store)
    await rt.deploy("skript: child\ndo:\n  - call: slow\n")
    job = await rt.submit_job("skript: s\ndo:\n  - run: child\n")
    await settle()
    (row,) = await store.get([job.id])
    (child,) = await rt.list_jobs(skript="child")
    assert row is not None
    assert (await reason_of(store, row)).endswith(f": child job {child.id}")


async def test_a_job_that_nobody_takes(runtime: Start, clock: Any) -> None:
    store = MemoryStore(clock.now_ms)
    rt = await runtime(slow, store=store)
    job = await rt.submit_job("skript: s\ndo:\n  - call: slow\n", start=False)
    (row,) = await store.get([job.id])
    assert row is not None
    await store.heartbeat(Worker("worker", frozenset(("other",))), 5_000)
    assert await reason_of(store, row) == "no worker has handler slow"
    await store.heartbeat(Worker("two", frozenset(("slow",))), 5_000)
    assert await reason_of(store, row) == "a worker is about to claim it"
    await rt.pause_job(job.id)
    await rt.work(until_idle=True)
    (row,) = await store.get([job.id])
    assert row is not None
    assert await reason_of(store, row) == "it stands still: paused"
