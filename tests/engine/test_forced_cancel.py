"""A cancelled job does not wait for ever for a handler that does not end when it is asked to."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import Lasting

from runeskript.engine.cancelled import cancel_in, cancel_of
from runeskript.engine.cancelling import asked_for, command
from runeskript.engine.handlers import handler
from runeskript.engine.handlers.loading import load_handlers
from runeskript.engine.ids import SystemIds
from runeskript.engine.reasons import reason_of
from runeskript.engine.runtime import Runtime
from runeskript.errors import RuntimeOptionError
from runeskript.model.events import CancelRequested, GraceGiven
from runeskript.stores.base import Command, Store
from runeskript.stores.memory import MemoryStore
from runeskript.testing.still import unexplained

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]

BOOKING = """
skript: booking
do:
  - call: book
    into: room
    undo: {call: free, with: {room: "${room}"}}
  - call: charge
    into: receipt
    undo: {call: refund, with: {id: "${receipt}"}}
"""


class Hotel:
    """The handlers of the skript, and what they did; ``charge`` goes on however it is asked."""

    def __init__(self) -> None:
        self.freed: list[Any] = []
        self.refunded: list[Any] = []
        self.charges = self.asked = 0
        self.paid = asyncio.Event()

    def handlers(self) -> list[Any]:
        @handler("book", mode="async")
        async def book(params: Any, ctx: Any) -> int:
            return 7

        @handler("charge", mode="async")
        async def charge(params: Any, ctx: Any) -> int:
            self.charges += 1
            while not self.paid.is_set() and self.asked < 5:
                try:
                    await self.paid.wait()
                except asyncio.CancelledError:
                    self.asked += 1
            return 42

        @handler("free", mode="async")
        async def free(params: Any, ctx: Any) -> None:
            self.freed.append(params["room"])

        @handler("refund", mode="async")
        async def refund(params: Any, ctx: Any) -> None:
            self.refunded.append(params["id"])

        return [book, charge, free, refund]


async def test_it_ends_when_the_grace_time_is_over(
    runtime: Start, clock: Any, settle: Settle, caplog: pytest.LogCaptureFixture
) -> None:
    hotel = Hotel()
    store = MemoryStore(clock.now_ms)
    rt = await runtime(*hotel.handlers(), store=store)
    job = await rt.submit_job(BOOKING)
    await settle()
    clock.pass_ms(1000)
    await rt.cancel_job(job.id, "enough", grace="3s")
    await settle()
    clock.pass_ms(2_999)
    await settle()
    (row,) = await store.get([job.id])
    assert row is not None and row.status == "Running" and hotel.asked == 1
    reason = await reason_of(store, row)
    assert reason.kind == "call"
    assert reason.text.endswith(
        "cancelled since 2023-11-14T22:13:21Z (enough), its grace time ends at 2023-11-14T22:13:24Z"
    )
    with caplog.at_level(logging.WARNING):
        clock.pass_ms(1)
        await settle()
        found = await rt.get_job(job.id)
        assert found.status == "Cancelled" and hotel.freed == [7]
        assert found.error is not None
        (other,) = found.error["data"]["others"]
        assert (other["type"], other["code"]) == ("cancel.abandoned", "RUNE-5054")
        assert (other["step"], other["attempts"]) == ("/do/1", 1)
        assert "the call did not end in the grace time of the cancel" in caplog.text
        hotel.paid.set()
        await settle()
    assert f"job {job.id}, step /do/1: the result of attempt 1 of charge came too late" in (
        caplog.text
    )
    assert hotel.refunded == [] and (await rt.get_job(job.id)) == found
    (row,) = await store.get([job.id])
    assert row is not None
    told = await cancel_of(store, row)
    assert told is not None and told.over == told.at + 3_000
    assert told.forced is None and told.due is None
    loaded = await store.load(job.id)
    assert loaded is not None and not loaded.timers and not loaded.inbox


async def test_what_ends_in_time_is_undone(runtime: Start, clock: Any, settle: Settle) -> None:
    hotel = Hotel()
    rt = await runtime(*hotel.handlers(), grace=5000)
    job = await rt.submit_job(BOOKING)
    await settle()
    await rt.cancel_job(job.id)
    clock.pass_ms(4_999)
    hotel.paid.set()
    await settle()
    assert (await rt.get_job(job.id)).status == "Cancelled"
    assert (hotel.refunded, hotel.freed) == ([42], [7])
    clock.pass_ms(60_000)
    await settle()
    kinds = [one.kind async for one in rt.events(job.id) if one.journaled]
    assert "cancel.grace" in kinds and "cancel.overdue" not in kinds


async def test_the_grace_time_is_the_runtimes_where_nobody_says_one(
    runtime: Start, clock: Any, settle: Settle
) -> None:
    hotel = Hotel()
    rt = await runtime(*hotel.handlers(), grace="2s")
    job = await rt.submit_job(BOOKING)
    await settle()
    await rt.cancel_job(job.id)
    await settle()
    clock.pass_ms(1000)
    await rt.cancel_job(job.id)  # asked again, it is over no later
    await settle()
    clock.pass_ms(1000)
    await settle()
    assert (await rt.get_job(job.id)).status == "Cancelled"
    kinds = [one.kind async for one in rt.events(job.id) if one.journaled]
    assert kinds.count("cancel.grace") == kinds.count("cancel.overdue") == 1
    hotel.paid.set()


async def test_a_cancel_without_a_time_leaves_one_that_was_asked_for(
    runtime: Start, clock: Any, settle: Settle
) -> None:
    """Also where both are taken at once, and where everything has that time."""
    for force in (False, True):
        hotel = Hotel()
        store = MemoryStore(clock.now_ms)
        rt = await runtime(*hotel.handlers(), store=store, grace="2s")
        job = await rt.submit_job(BOOKING)
        await settle()
        asked = [asked_for("enough", "1h", force), asked_for("and again", None, False)]
        await store.post([command(job.id, one) for one in asked])
        await rt.cancel_job(job.id)
        await settle()
        await rt.cancel_job(job.id)
        await settle()
        clock.pass_ms(3_599_999)
        await settle()
        assert (await rt.get_job(job.id)).status == "Running"
        clock.pass_ms(1)
        await settle()
        assert (await rt.get_job(job.id)).status == "Cancelled"
        hotel.paid.set()
        await settle()


async def test_by_force_it_is_over_at_once(runtime: Start, clock: Any, settle: Settle) -> None:
    hotel = Hotel()
    rt = await runtime(*hotel.handlers())
    job = await rt.submit_job(BOOKING)
    await settle()
    await rt.cancel_job(job.id, force=True)
    await settle()
    clock.pass_ms(0)
    await settle()
    assert (await rt.get_job(job.id)).status == "Cancelled" and hotel.freed == [7]
    hotel.paid.set()


async def test_a_thread_is_not_waited_for(runtime: Start, clock: Any, settle: Settle) -> None:
    go_on, begun = threading.Event(), threading.Event()
    hotel = Hotel()

    @handler("charge", mode="thread")
    def charge(params: Any, ctx: Any) -> int:
        begun.set()
        go_on.wait(60)
        return 42

    book, _, *others = hotel.handlers()
    rt = await runtime(book, charge, *others, max_threads=1)
    job = await rt.submit_job(BOOKING)
    await settle()
    assert await asyncio.to_thread(begun.wait, 30)
    await rt.cancel_job(job.id, grace=0)
    await settle()
    clock.pass_ms(0)
    await settle()
    try:
        assert (await rt.get_job(job.id)).status == "Cancelled"
        assert (hotel.freed, hotel.refunded) == ([7], [])
    finally:
        go_on.set()


async def test_results_of_losers_are_no_news(
    runtime: Start, settle: Settle, caplog: pytest.LogCaptureFixture
) -> None:
    """A thread cannot be stopped: what it comes to is late, and nobody has missed it."""
    go_on, ended = threading.Event(), threading.Event()

    @handler("slow", mode="thread")
    def slow(params: Any, ctx: Any) -> int:
        go_on.wait(30)
        ended.set()
        return 1

    @handler("quick", mode="async")
    async def quick(params: Any, ctx: Any) -> int:
        return 2

    text = "skript: t\ndo:\n  - parallel: {a: [{call: slow}], b: [{call: quick}]}\n    join: any\n"
    rt = await runtime(slow, quick)
    job = await rt.submit_job(text)
    await asyncio.wait_for(rt.result(job.id), 30)
    with caplog.at_level(logging.WARNING):
        go_on.set()
        assert await asyncio.to_thread(ended.wait, 30)
        await rt.close()
    assert "too late" not in caplog.text


async def test_a_worker_process_is_killed(runtime: Start, tmp_path: Path) -> None:
    path = tmp_path / "slow.py"
    path.write_text(
        "import os, pathlib, signal, time\n"
        "from runeskript import handler\n"
        "@handler('charge', mode='process')\n"
        "def charge(params, ctx):\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
    )
    hotel = Hotel()
    book, _, *others = hotel.handlers()
    rt = await runtime(book, load_handlers(str(path)), *others)
    job = await rt.submit_job(BOOKING)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        await asyncio.sleep(0.01)
    pid = int((tmp_path / "pid").read_text())
    await rt.cancel_job(job.id, grace="1h")
    while not (await rt.get_job(job.id)).ended:
        await asyncio.sleep(0.01)
    found = await rt.get_job(job.id)
    assert found.status == "Cancelled" and hotel.freed == [7]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_decision_outlives_its_worker(
    kept: Store, clock: Any, settle: Settle, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = Hotel(), Hotel()
    lasting: Any = Lasting(kept)

    def worker(hotel: Hotel, grace: str) -> Runtime:
        return Runtime(
            handlers=hotel.handlers(),
            store=lasting,
            clock=clock,
            ids=SystemIds(),
            discover_handlers=False,
            env={},
            grace=grace,
        )

    async with worker(first, "10s") as rt:
        job = await rt.submit_job(BOOKING)
        await settle()
        await rt.cancel_job(job.id, "enough")
        await settle()
        first.paid.set()  # it ends, unseen: its process is about to
        rt._running().lives.clear()
    clock.ms += 9_999
    async with worker(second, "1h") as rt:
        working = asyncio.create_task(rt.work())
        while second.asked == 0 and job.id not in rt._running().lives:
            await asyncio.sleep(0.001)
        await settle()
        assert (await rt.get_job(job.id)).status == "Running"
        assert await unexplained(kept, await kept.get([job.id])) == []
        clock.pass_ms(1)
        while not (await rt.get_job(job.id)).ended:
            await asyncio.sleep(0.001)
        found = await rt.get_job(job.id)
        assert found.status == "Cancelled" and second.freed == [7] and first.freed == []
        second.paid.set()
        working.cancel()
    await kept.close()


async def test_a_cancel_that_came_before_the_worker_counts_from_there(
    kept: Store, clock: Any, settle: Settle
) -> None:
    hotel = Hotel()
    lasting: Any = Lasting(kept)
    options: Any = {"store": lasting, "clock": clock, "ids": SystemIds(), "env": {}}
    options |= {"handlers": hotel.handlers(), "discover_handlers": False}
    async with Runtime(**options) as rt:
        job = await rt.submit_job(BOOKING, start=False)
        await rt.cancel_job(job.id, grace=0)
        working = asyncio.create_task(rt.work())
        while not (await rt.get_job(job.id)).ended:
            await asyncio.sleep(0.001)
            clock.pass_ms(1)
        assert (await rt.get_job(job.id)).status == "Cancelled"
        working.cancel()
    hotel.paid.set()
    await kept.close()


#: The same, by a `finally` that is cancelled only by force.
LEAVING = """
skript: leaving
do:
  - call: book
    into: room
    undo: {call: free, with: {room: "${room}"}}
  - try: [{wait: 1h}]
    finally: [{call: charge}]
"""


class Workers:
    """Workers that come one behind the other; the first goes without a word."""

    def __init__(self, kept: Store, clock: Any, settle: Settle) -> None:
        self.kept, self.clock, self.settle = kept, clock, settle
        self.first, self.second = Hotel(), Hotel()
        self.options: dict[str, Any] = {}

    def worker(self, hotel: Hotel) -> Runtime:
        lasting: Any = Lasting(self.kept)
        options: dict[str, Any] = {"store": lasting, "clock": self.clock, "ids": SystemIds()}
        options |= {"discover_handlers": False, "env": {}, **self.options}
        return Runtime(handlers=hotel.handlers(), **options)

    async def leave(self, text: str, *, force: bool = False, grace: str = "10s") -> str:
        """A job that was cancelled when its worker was gone; the call has no end yet."""
        async with self.worker(self.first) as rt:
            job = await rt.submit_job(text)
            await self.settle()
            await rt.cancel_job(job.id, "enough", grace=grace, force=force)
            await self.settle()
            self.first.paid.set()  # it ends, unseen: its process is about to
            rt._running().lives.clear()
        assert self.first.charges == 1
        return job.id

    async def end(self, job: str) -> Any:
        """The job, brought to its end by the second worker."""
        async with self.worker(self.second) as rt:
            working = asyncio.create_task(rt.work())
            while not (await rt.get_job(job)).ended:
                await asyncio.sleep(0.001)
                self.clock.pass_ms(1)
            found = await rt.get_job(job)
            working.cancel()
        await self.kept.close()
        return found


@pytest.mark.parametrize(
    ("text", "force"),
    [(BOOKING, False), (BOOKING, True), (LEAVING, True)],
    ids=["undo", "undo, by force", "finally, by force"],
)
async def test_what_is_to_be_given_up_is_not_made_anew(
    kept: Store, clock: Any, settle: Settle, text: str, force: bool
) -> None:
    workers = Workers(kept, clock, settle)
    job = await workers.leave(text, force=force)
    clock.ms += 60_000
    found = await workers.end(job)
    assert found.status == "Cancelled" and workers.second.freed == [7]
    (other,) = found.error["data"]["others"]
    assert other["type"] == "cancel.abandoned"
    assert workers.second.charges == 0


async def test_a_finally_is_gone_on_with_when_the_grace_time_is_over(
    kept: Store, clock: Any, settle: Settle
) -> None:
    """Only what was asked to stop is given up then."""
    workers = Workers(kept, clock, settle)
    workers.second.paid.set()
    job = await workers.leave(LEAVING)
    clock.ms += 60_000
    found = await workers.end(job)
    assert found.status == "Cancelled" and found.error["data"] is None
    assert workers.second.charges == 1


async def test_a_call_that_got_more_time_meanwhile_is_made_anew(
    kept: Store, clock: Any, settle: Settle
) -> None:
    workers = Workers(kept, clock, settle)
    workers.second.paid.set()
    job = await workers.leave(BOOKING)
    clock.ms += 60_000
    await kept.post([command(job, asked_for("once more", "1h", False))])
    found = await workers.end(job)
    assert found.status == "Cancelled"
    assert (workers.second.charges, workers.second.refunded) == (1, [42])


async def test_a_job_that_is_paused_gives_up_first_too(
    kept: Store, clock: Any, settle: Settle
) -> None:
    """What its worker was asked for before the time was over is done behind it."""
    workers = Workers(kept, clock, settle)
    job = await workers.leave(BOOKING)
    clock.ms += 60_000
    await kept.post([Command(job, "pause")])
    async with workers.worker(workers.second) as rt:
        working = asyncio.create_task(rt.work())
        while (await rt.get_job(job)).status == "Running":
            await asyncio.sleep(0.001)
            clock.pass_ms(1)
        await rt.resume_job(job)
        while not (await rt.get_job(job)).ended:
            await asyncio.sleep(0.001)
            clock.pass_ms(1)
        assert (await rt.get_job(job)).status == "Cancelled"
        working.cancel()
    await kept.close()
    assert workers.second.charges == 0 and workers.second.freed == [7]


@pytest.mark.parametrize("grace", ["soon", -1, "-1s", 1.5])
async def test_a_grace_time_is_a_duration(runtime: Start, grace: Any) -> None:
    rt = await runtime()
    with pytest.raises(RuntimeOptionError, match="grace"):
        await rt.cancel_job("x", grace=grace)
    with pytest.raises(RuntimeOptionError, match="grace"):
        Runtime(grace=grace)


def test_when_a_grace_time_is_over_that_was_prolonged() -> None:
    events = [CancelRequested(0, "x"), GraceGiven(0, 30, False), GraceGiven(10, 1000, True)]
    found = [cancel_in([*events, *more]) for more in ([], [GraceGiven(20, 5, False)])]
    assert [one and one.due for one in found] == [1010, 25]
