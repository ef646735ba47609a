"""Every job that is not moving has a reason, and it is the right one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from runeskript.engine.handlers import handler
from runeskript.engine.reasons import reason_of
from runeskript.engine.resting import rest
from runeskript.engine.runtime import Runtime
from runeskript.errors import StepError
from runeskript.stores.base import JobRow, Worker
from runeskript.stores.memory import MemoryStore
from runeskript.testing.still import unexplained

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
        (
            "skript: s\ndo:\n  - call: slow\n",
            "attempt 1 of slow in step /do/0, since 2023-11-14T22:13:20Z",
        ),
        (FAN, "attempt 1 of slow in step /do/0/do/0, since 2023-11-14T22:13:20Z, and 2 more calls"),
        (
            "skript: s\ndo:\n  - wait: 1m\n",
            "a timer (wait) of step /do/0, due at 2023-11-14T22:14:20Z",
        ),
        ("skript: s\ndo:\n  - listen: t\n    key: 1\n", "a message to topic t, key 1"),
        (
            "skript: s\ndo:\n  - listen: t\n    timeout: 1m\n",
            "a message to topic t, key None, until 2023-11-14T22:14:20Z",
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
    held = "worker worker holds it (lease until 2023-11-14T22:13:25Z): "
    assert (await reason_of(store, row)).text == held + why
    clock.ms += 6_000
    gone = await reason_of(store, row)
    assert gone.text == "its worker worker is gone; no worker runs"
    assert (gone.kind, gone.owner, gone.until) == ("unclaimed", "worker", 1_700_000_005_000)
    await store.heartbeat(Worker("two", frozenset(("slow",))), 5_000)
    gone = await reason_of(store, row)
    assert gone.text == "its worker worker is gone; the next one goes on with it"


async def test_a_child_is_waited_for(runtime: Start, clock: Any, settle: Settle) -> None:
    store = MemoryStore(clock.now_ms)
    rt = await runtime(slow, store=store)
    await rt.deploy("skript: child\ndo:\n  - call: slow\n")
    job = await rt.submit_job("skript: s\ndo:\n  - run: child\n")
    await settle()
    (row,) = await store.get([job.id])
    (child,) = await rt.list_jobs(skript="child")
    assert row is not None
    assert (await reason_of(store, row)).text.endswith(f": child job {child.id}")


async def test_a_job_that_nobody_takes(runtime: Start, clock: Any) -> None:
    store = MemoryStore(clock.now_ms)
    rt = await runtime(slow, store=store)
    job = await rt.submit_job("skript: s\ndo:\n  - call: slow\n", start=False)
    (row,) = await store.get([job.id])
    assert row is not None
    await store.heartbeat(Worker("worker", frozenset(("other",))), 5_000)
    assert (await reason_of(store, row)).text == "no worker has handler slow"
    await store.heartbeat(Worker("two", frozenset(("slow",))), 5_000)
    assert (await reason_of(store, row)).text == "a worker is about to claim it"
    await rt.pause_job(job.id)
    await rt.work(until_idle=True)
    (row,) = await store.get([job.id])
    assert row is not None
    assert (await reason_of(store, row)).text == "it stands still: paused"


RETRIES = """
skript: retries
do:
  - wait: 1s
  - call: fails
    retry: {max: 3, backoff: 1s..1s, on: [a]}
"""


@handler("fails")
async def fails(params: Any, ctx: Any) -> None:
    if ctx.attempt == 1:
        raise StepError("a", "not yet")
    await asyncio.sleep(600)


async def test_since_when_and_which_attempt(runtime: Start, clock: Any, settle: Settle) -> None:
    store = MemoryStore(clock.now_ms)
    rt = await runtime(fails, store=store)
    job = await rt.submit_job(RETRIES)
    await settle()
    clock.pass_ms(1_000)
    await settle()
    (row,) = await store.get([job.id])
    assert row is not None
    reason = await reason_of(store, row)
    assert (reason.kind, reason.detail["timer"]) == ("timer", "retry")
    assert reason.due is not None
    clock.pass_ms(reason.due - clock.ms)
    await settle()
    (row,) = await store.get([job.id])
    assert row is not None
    reason = await reason_of(store, row)
    assert reason.detail == {"handler": "fails", "step": "/do/1", "attempt": 2}
    assert reason.since == clock.ms


async def test_a_call_that_must_not_be_made_again_is_waited_for(
    runtime: Start, clock: Any, settle: Settle
) -> None:
    store = MemoryStore(clock.now_ms)
    rt = await runtime(slow, store=store)
    job = await rt.submit_job("skript: s\ndo:\n  - call: slow\n    on_crash: fail\n")
    await settle()
    (row,) = await store.get([job.id])
    assert row is not None
    assert (await reason_of(store, row)).kind == "call"


# --- the checker ------------------------------------------------------------------------------------
async def _resting(store: MemoryStore, runtime: Start, doc: str) -> JobRow:
    rt = await runtime(slow, store=store)
    job = await rt.submit_job(doc, start=False)
    work = asyncio.ensure_future(rt.work())
    for _ in range(200):
        await asyncio.sleep(0)
    work.cancel()
    await rest(rt._running(), rt._running().lives.values())
    (row,) = await store.get([job.id])
    assert row is not None
    assert row.owner is None
    return row


@pytest.mark.parametrize("wait", ["wait: 1h", "listen: t", "{listen: t, timeout: 1h}"])
async def test_a_reason_that_holds(runtime: Start, clock: Any, wait: str) -> None:
    store = MemoryStore(clock.now_ms)
    row = await _resting(store, runtime, f"skript: s\ndo:\n  - {wait}\n")
    assert await unexplained(store, [row]) == []


async def test_a_job_that_nobody_looks_at_is_found(runtime: Start, clock: Any) -> None:
    store = MemoryStore(clock.now_ms)
    row = await _resting(store, runtime, "skript: s\ndo:\n  - wait: 1h\n")
    (text,) = await unexplained(store, [row._replace(due=None)])
    assert "it is looked at at None, and its next timer is due at" in text


async def test_a_timer_that_did_not_fire_is_found(
    runtime: Start, clock: Any, settle: Settle
) -> None:
    store = MemoryStore(clock.now_ms)
    rt = await runtime(slow, store=store)
    job = await rt.submit_job("skript: s\ndo:\n  - wait: 1h\n")
    await settle()
    clock.ms += 3_600_001  # and no alarm goes off
    await store.heartbeat(Worker("worker"), 5_000)
    (row,) = await store.get([job.id])
    assert row is not None
    (text,) = await unexplained(store, [row])
    assert text.endswith("but that is over")


async def test_a_child_that_has_ended_unheard_is_found(
    runtime: Start, clock: Any, settle: Settle
) -> None:
    store = MemoryStore(clock.now_ms)
    rt = await runtime(slow, store=store)
    await rt.deploy("skript: child\ndo:\n  - call: slow\n")
    job = await rt.submit_job("skript: s\ndo:\n  - run: child\n")
    await settle()
    (row,) = await store.get([job.id])
    assert row is not None
    assert await unexplained(store, [row]) == []
    get = store.get

    async def ended(ids: Any) -> Any:
        return [one and one._replace(status="Completed") for one in await get(ids)]

    store.get = ended  # type: ignore[method-assign]
    (text,) = await unexplained(store, [row])
    assert "the child has ended" in text


async def test_what_is_about_to_move_is_no_reason(runtime: Start, clock: Any) -> None:
    store = MemoryStore(clock.now_ms)
    rt = await runtime(slow, store=store)
    job = await rt.submit_job("skript: s\ndo:\n  - call: slow\n", start=False)
    await store.heartbeat(Worker("two", frozenset(("slow",))), 5_000)
    (row,) = await store.get([job.id])
    assert row is not None
    (text,) = await unexplained(store, [row])
    assert "that is no reason" in text
    assert await unexplained(store, [row], soon=True) == []
