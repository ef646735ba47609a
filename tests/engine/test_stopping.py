"""A deadline does not wait for ever for a call that does not stop when it is asked to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.engine.conftest import Lasting
from tests.engine.test_forced_cancel import Hotel

from runeskript.engine.ids import SystemIds
from runeskript.engine.runtime import Runtime
from runeskript.kernel import load, replay
from runeskript.model.exports import decode_export
from runeskript.stores.base import Store
from runeskript.stores.memory import MemoryStore

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]

TIMED = """
skript: timed
do:
  - call: book
    into: room
    undo: {call: free, with: {room: "${room}"}}
  - timeout: 1s
    do:
      - call: charge
        into: receipt
        undo: {call: refund, with: {id: "${receipt}"}}
"""


async def test_the_block_is_left_and_the_late_result_refused(
    runtime: Start, clock: Any, settle: Settle, caplog: pytest.LogCaptureFixture
) -> None:
    hotel = Hotel()
    store = MemoryStore(clock.now_ms)
    rt = await runtime(*hotel.handlers(), store=store, grace="5s")
    job = await rt.submit_job(TIMED)
    await settle()
    clock.pass_ms(1000)
    await settle()
    assert hotel.asked == 1
    clock.pass_ms(4_999)
    await settle()
    assert (await rt.get_job(job.id)).status == "Running"
    with caplog.at_level(logging.WARNING):
        clock.pass_ms(1)
        await settle()
        found = await rt.get_job(job.id)
        assert found.status == "Failed" and hotel.freed == [7]
        assert found.error is not None and found.error["type"] == "timeout"
        (other,) = found.error["data"]["others"]
        assert (other["type"], other["code"]) == ("cancel.abandoned", "RUNE-5054")
        hotel.paid.set()
        await settle()
    assert f"job {job.id}, step /do/1/do/0: the result of attempt 1 of charge came too late" in (
        caplog.text
    )
    assert hotel.refunded == [] and (await rt.get_job(job.id)) == found
    exported = decode_export(await rt.export_job(job.id))
    assert replay(load(exported.blueprint), exported.events).finished is not None


async def test_what_ends_in_time_is_undone(runtime: Start, clock: Any, settle: Settle) -> None:
    hotel = Hotel()
    rt = await runtime(*hotel.handlers(), grace="5s")
    job = await rt.submit_job(TIMED)
    await settle()
    clock.pass_ms(5_999)
    await settle()
    hotel.paid.set()
    await settle()
    assert (await rt.get_job(job.id)).status == "Failed"
    assert (hotel.refunded, hotel.freed) == ([42], [7])
    clock.pass_ms(60_000)
    await settle()


async def test_whoever_goes_on_counts_anew(kept: Store, clock: Any, settle: Settle) -> None:
    first, second = Hotel(), Hotel()
    lasting: Any = Lasting(kept)

    def worker(hotel: Hotel) -> Runtime:
        return Runtime(
            handlers=hotel.handlers(),
            store=lasting,
            clock=clock,
            ids=SystemIds(),
            discover_handlers=False,
            env={},
            grace="5s",
        )

    async with worker(first) as rt:
        job = await rt.submit_job(TIMED)
        await settle()
        clock.pass_ms(1000)
        await settle()
        assert first.asked == 1
        first.paid.set()  # it ends, unseen: its process is about to
        rt._running().lives.clear()
    clock.ms += 60_000
    async with worker(second) as rt:
        working = asyncio.create_task(rt.work())
        while second.charges == 0:
            await asyncio.sleep(0.001)
        await settle()
        clock.pass_ms(4_000)
        await settle()
        assert (await rt.get_job(job.id)).status == "Running"
        clock.pass_ms(1_000)
        while not (await rt.get_job(job.id)).ended:
            await asyncio.sleep(0.001)
        assert (await rt.get_job(job.id)).status == "Failed" and second.freed == [7]
        second.paid.set()
        working.cancel()
    await kept.close()


async def test_without_a_grace_time_it_is_left_as_soon_as_it_was_asked(
    runtime: Start, clock: Any, settle: Settle
) -> None:
    hotel = Hotel()
    rt = await runtime(*hotel.handlers(), grace=0)
    job = await rt.submit_job(TIMED)
    await settle()
    clock.pass_ms(1000)
    await settle()
    clock.pass_ms(0)
    await settle()
    assert (await rt.get_job(job.id)).status == "Failed"
    hotel.paid.set()
