"""Calls on named queues: jobs of their own, which any worker takes that serves the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.engine.conftest import Lasting, ManualClock, held

from runeskript import concurrency
from runeskript.engine.handlers import handler
from runeskript.engine.ids import SystemIds
from runeskript.engine.reasons import reason_of
from runeskript.engine.runtime import Runtime
from runeskript.errors import (
    ForkError,
    RetryError,
    RuntimeOptionError,
    StepError,
)
from runeskript.model.ids import idempotency_key
from runeskript.stores.base import JobRow, Store
from runeskript.stores.queries import JobFilter

Settle = Callable[..., Awaitable[None]]

CALL = """
skript: train
do:
  - id: fit
    call: fit
    with: {n: 1}
    into: r
    queue: gpu
  - return: "${r}"
"""
FAN = """
skript: fan
do:
  - for: i
    in: range(4)
    parallel: true
    collect: all
    do:
      - call: fit
        with: {n: "${i}"}
        into: r
        queue: gpu
      - yield: r
  - return: "${all}"
"""
UNDO = """
skript: undone
do:
  - id: fit
    call: fit
    with: {n: 1}
    into: r
    queue: gpu
    undo: {call: unfit, with: {}}
  - wait: 1h
"""


class Fit:
    """A handler on the queue: what it was given, and when it may go on."""

    def __init__(self, *limits: Any) -> None:
        self.limits = limits
        self.calls: list[tuple[Any, str, str, int, str]] = []
        self.go = asyncio.Event()
        self.fails = 0
        self.running = self.most = self.cancelled = 0

    def handler(self, **options: Any) -> Any:
        @handler("fit", limits=self.limits, **options)
        async def fit(params: Any, ctx: Any) -> Any:
            key = ctx.idempotency_key
            self.calls.append((params, ctx.job_id, ctx.step, ctx.attempt, key))
            self.running += 1
            self.most = max(self.most, self.running)
            try:
                await self.go.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            finally:
                self.running -= 1
            if len(self.calls) <= self.fails:
                raise StepError("flaky", "not yet", retryable=True)
            return params["n"]

        return fit


@handler("fit")
async def declared(params: Any, ctx: Any) -> Any:
    raise AssertionError("it was called where nobody serves the queue")


class World:
    """Workers on one store: those of the unnamed queue, and those of queue gpu."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock

    def runtime(self, *handlers: Any, **options: Any) -> Runtime:
        lasting: Any = Lasting(self.store)
        return Runtime(
            store=lasting,
            handlers=handlers,
            clock=self.clock,
            ids=SystemIds(),
            discover_handlers=False,
            env={},
            **options,
        )

    async def submit(self, document: str, *handlers: Any) -> str:
        async with self.runtime(declared, *handlers, queues=("",)) as desk:
            return (await desk.submit_job(document, start=False)).id

    async def row(self, id_: str) -> JobRow:
        (row,) = await self.store.get([id_])
        assert row is not None
        return row

    async def calls(self, id_: str) -> list[JobRow]:
        rows, _ = await self.store.query(JobFilter(parent=id_), None, 100)
        return list(reversed(rows))

    async def until(self, met: Callable[[], Any]) -> None:
        """Let everybody work until something is so."""
        for _ in range(2_000):
            found = met()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.001)
        raise AssertionError("it never came to that")

    async def ended(self, id_: str) -> JobRow:
        async def over() -> bool:
            return (await self.row(id_)).status in ("Completed", "Failed", "Cancelled")

        await self.until(over)
        return await self.row(id_)


@pytest.fixture
def world(kept: Store, clock: ManualClock) -> World:
    return World(kept, clock)


class Working:
    """A runtime that claims jobs."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def __aenter__(self) -> Runtime:
        await self.runtime.__aenter__()
        self.task = asyncio.create_task(self.runtime.work())
        return self.runtime

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.runtime.close()


@pytest.mark.parametrize("document", [CALL, FAN], ids=["one", "fork"])
async def test_the_worker_of_the_job_needs_no_handler(world: World, document: str) -> None:
    fit = Fit()
    fit.go.set()
    job = await world.submit(document)
    assert (await world.row(job)).handlers == ()
    async with (
        Working(world.runtime(queues=("",))),
        Working(world.runtime(fit.handler(), queues=("gpu",))),
    ):
        row = await world.ended(job)
    assert row.output == (1 if document is CALL else [0, 1, 2, 3])
    calls = await world.calls(job)
    assert {(one.kind, one.queue, one.handlers) for one in calls} == {("call", "gpu", ("fit",))}
    assert len(calls) == len(fit.calls) == (1 if document is CALL else 4)
    assert {one[1] for one in fit.calls} == {job}
    if document is CALL:
        assert fit.calls == [({"n": 1}, job, "fit", 1, idempotency_key(job, (), 1))]


async def test_a_job_whose_calls_are_elsewhere_is_dormant(world: World) -> None:
    fit = Fit()
    job = await world.submit(CALL)
    async with world.runtime(queues=("",)) as first:
        await first.work(until_idle=True)
    row = await world.row(job)
    assert (row.status, row.owner, row.due) == ("Running", None, None)
    (call,) = await world.calls(job)
    assert (call.status, call.owner) == ("Pending", None)
    async with world.runtime(fit.handler(), queues=("gpu",)) as gpu:
        fit.go.set()
        await gpu.work(until_idle=True)
    assert (await world.row(call.id)).status == "Completed"
    async with world.runtime(queues=("",)) as second:
        await second.work(until_idle=True)
    assert (await world.row(job)).output == 1
    assert len(fit.calls) == 1


async def test_why_says_that_nobody_serves_the_queue(world: World) -> None:
    job = await world.submit(CALL)
    async with Working(world.runtime(declared, queues=("",))):

        async def placed() -> bool:
            return bool(await world.calls(job))

        await world.until(placed)
        (call,) = await world.calls(job)
        reason = await reason_of(world.store, await world.row(job))
        assert (reason.kind, reason.detail["child"]) == ("child", call.id)
        assert reason.text.endswith("of fit on queue gpu, step fit: no worker takes from queue gpu")


async def test_the_job_retries_and_each_attempt_has_the_same_key(
    world: World, time_passes: None
) -> None:
    fit = Fit()
    fit.fails = 2
    fit.go.set()
    document = CALL.replace("queue: gpu", "queue: gpu\n    retry: {max: 3, backoff: 1s..2s}")
    job = await world.submit(document)
    async with (
        Working(world.runtime(queues=("",))),
        Working(world.runtime(fit.handler(), queues=("gpu",))),
    ):
        row = await world.ended(job)
    assert row.output == 1
    assert [one[3] for one in fit.calls] == [1, 2, 3]
    assert {one[4] for one in fit.calls} == {idempotency_key(job, (), 1)}
    assert [one.status for one in await world.calls(job)] == ["Failed", "Failed", "Completed"]


async def test_a_typed_error_reaches_the_catch(world: World) -> None:
    fit = Fit()
    fit.fails = 1
    fit.go.set()
    document = CALL.replace("  - return", "    timeout: 1h\n  - return").replace(
        "skript: train\ndo:",
        "skript: train\ncatch:\n  - do: [{return: '${[error.type, error.step, error.attempts]}'}]\ndo:",
    )
    async with world.runtime(fit.handler()) as alone:
        result = await alone.run_job(document)
    assert result.output == ["flaky", "fit", 1]


async def test_the_timeout_is_counted_by_who_runs_the_call(
    world: World, settle: Settle, clock: ManualClock
) -> None:
    fit = Fit()
    document = CALL.replace("queue: gpu", "queue: gpu\n    timeout: 2s")
    job = await world.submit(document)
    async with world.runtime(queues=("",)) as first:
        await first.work(until_idle=True)
    clock.pass_ms(60_000)  # in the queue no time is counted
    async with (
        Working(world.runtime(queues=("",))),
        Working(world.runtime(fit.handler(), queues=("gpu",))),
    ):
        await world.until(lambda: fit.calls and clock.alarms)
        clock.pass_ms(2_000)
        row = await world.ended(job)
    assert row.status == "Failed"
    assert row.error is not None
    assert (row.error["type"], row.error["step"]) == ("timeout", "fit")


async def test_a_cancel_reaches_the_call(world: World) -> None:
    fit = Fit()
    job = await world.submit(CALL)
    async with (
        Working(world.runtime(queues=("",))) as first,
        Working(world.runtime(fit.handler(), queues=("gpu",))),
    ):
        await world.until(lambda: fit.calls)
        await first.cancel_job(job)
        assert (await world.ended(job)).status == "Cancelled"
        (call,) = await world.calls(job)
        assert (await world.ended(call.id)).status == "Cancelled"
    assert fit.cancelled == 1


async def test_a_cancel_of_the_call_is_a_failure_of_it(world: World) -> None:
    fit = Fit()
    job = await world.submit(CALL)
    async with (
        Working(world.runtime(queues=("",))),
        Working(world.runtime(fit.handler(), queues=("gpu",))) as gpu,
    ):
        await world.until(lambda: fit.calls)
        (call,) = await world.calls(job)
        await gpu.cancel_job(call.id)
        row = await world.ended(job)
    assert row.error is not None
    assert (row.status, row.error["type"]) == ("Failed", "handler.CancelledError")


@pytest.mark.parametrize("succeeds", [True, False])
async def test_a_cancelled_call_with_an_undo_is_awaited(world: World, succeeds: bool) -> None:
    undone: list[str] = []
    began = asyncio.Event()
    go = asyncio.Event()

    @handler("fit")
    async def fit(params: Any, ctx: Any) -> int:
        began.set()
        try:
            await go.wait()
        except asyncio.CancelledError:
            if not succeeds:
                raise
        return 1

    @handler("unfit")
    async def unfit(params: Any, ctx: Any) -> None:
        undone.append(ctx.job_id)

    job = await world.submit(UNDO, unfit)
    async with (
        Working(world.runtime(unfit, queues=("",))) as first,
        Working(world.runtime(fit, queues=("gpu",))),
    ):
        await began.wait()
        await first.cancel_job(job)
        assert (await world.ended(job)).status == "Cancelled"
    assert undone == ([job] if succeeds else [])


async def test_a_block_that_takes_too_long_gives_the_call_up(
    world: World, clock: ManualClock
) -> None:
    """Nobody serves the queue, and what has an undo is awaited no longer than the grace time."""

    @handler("unfit")
    async def unfit(params: Any, ctx: Any) -> None:
        raise AssertionError("there is nothing to undo")

    document = UNDO.replace("do:\n  - id", "timeout: 10s\ndo:\n  - id", 1)
    job = await world.submit(document, unfit)
    async with Working(world.runtime(unfit, queues=("",), grace="3s")):

        async def placed() -> bool:
            return bool(await world.calls(job))

        await world.until(placed)
        for seconds in (10, 3):  # the deadline, and the grace time that begins then
            await world.until(lambda: any(one.callback for *_, one in clock.alarms))
            clock.pass_ms(seconds * 1_000)
        row = await world.ended(job)
    assert row.error is not None
    assert (row.status, row.error["type"]) == ("Failed", "timeout")


@pytest.mark.parametrize("on_crash", ["rerun", "fail"])
async def test_the_worker_of_the_queue_is_gone(
    world: World, clock: ManualClock, on_crash: str
) -> None:
    first, second = Fit(), Fit()
    second.go.set()
    document = CALL.replace("queue: gpu", f"queue: gpu\n    on_crash: {on_crash}")
    job = await world.submit(document)
    async with Working(world.runtime(queues=("",))):
        gpu = world.runtime(first.handler(), queues=("gpu",), lease="1s")
        gone = Working(gpu)
        async with gone:
            await world.until(lambda: first.calls)
            gpu._running().lease._task.cancel()  # type: ignore[union-attr]
            gone.task.cancel()  # else it takes its lease again with its next claim
            await world.until(lambda: gone.task.done() and not gpu._recovery._taking)
            (call,) = await world.calls(job)
            clock.pass_ms(120_000)
            async with Working(world.runtime(second.handler(), queues=("gpu",))):
                row = await world.ended(job)
    if on_crash == "rerun":
        assert row.output == 1
        assert [one[4] for one in second.calls] == [one[4] for one in first.calls]
    else:
        assert row.error is not None
        assert (row.error["type"], second.calls) == ("interrupted", [])
    assert len(await world.calls(job)) == 1
    assert call.id == (await world.calls(job))[0].id


async def test_secrets_stay_references_until_the_call(world: World) -> None:
    given: list[Any] = []

    @handler("fit")
    async def fit(params: Any, ctx: Any) -> Any:
        given.append(params)
        return params

    document = CALL.replace(
        "{n: 1}", "{n: 1, key: '${secrets.KEY}', deep: [0, {it: 'Bearer ${secrets.KEY}!'}]}"
    )
    job = await world.submit(document)
    async with (
        Working(world.runtime(queues=("",), secrets={})),
        Working(world.runtime(fit, queues=("gpu",), secrets={"KEY": "hush-hush"})),
    ):
        row = await world.ended(job)
    assert given == [{"n": 1, "key": "hush-hush", "deep": [0, {"it": "Bearer hush-hush!"}]}]
    assert row.output == {"n": 1, "key": "***", "deep": [0, {"it": "Bearer ***!"}]}
    (call,) = await world.calls(job)
    for id_ in (job, call.id):
        events = await world.store.journal(id_, 0, 100)
        assert "hush" not in repr((await world.row(id_), list(events)))


async def test_limits_are_those_of_the_worker_that_makes_the_call(world: World) -> None:
    fit = Fit(concurrency(2))
    job = await world.submit(FAN)
    async with (
        Working(world.runtime(queues=("",))),
        Working(world.runtime(fit.handler(), queues=("gpu",))),
    ):
        await world.until(lambda: len(fit.calls) == 2)
        await asyncio.sleep(0.02)
        assert fit.running == 2
        fit.go.set()
        row = await world.ended(job)
    assert row.output == [0, 1, 2, 3]
    assert fit.most == 2
    assert held(world.store) == []


async def test_a_runtime_that_is_told_nothing_serves_its_own_jobs(world: World) -> None:
    fit = Fit()
    fit.go.set()
    async with world.runtime(fit.handler()) as alone:
        assert (await alone.run_job(FAN)).output == [0, 1, 2, 3]
        job = (await alone.run_job(CALL)).id
        assert await alone.erase_job(job) == [one.id for one in await world.calls(job)] + [job]


async def test_a_retried_job_makes_its_calls_anew(world: World) -> None:
    """The branch that failed is made again, and so is the one beside it, which was cancelled."""
    fit = Fit()
    fail = True

    @handler("other")
    async def other(params: Any, ctx: Any) -> int:
        if fail:
            await world.until(lambda: fit.calls)
            raise StepError("bad", "no")
        return 2

    document = (
        "skript: two\ndo:\n  - parallel:\n"
        "      a: [{call: fit, with: {n: 1}, queue: gpu, into: x}, {yield: x}]\n"
        "      b: [{call: other, queue: gpu, into: y}, {yield: y}]\n"
        "    into: both\n  - return: ${both}\n"
    )
    async with world.runtime(fit.handler(), other) as alone:
        first = await alone.run_job(document)
        assert first.status == "Failed"
        await world.until(lambda: fit.cancelled)
        fail = False
        fit.go.set()
        await alone.retry_job(first.id)
        assert await alone.result(first.id) == {"a": 1, "b": 2}
    assert len({one[4] for one in fit.calls}) == 1
    assert len(fit.calls) == 2


async def test_the_job_of_a_call_is_not_retried_or_forked_by_itself(world: World) -> None:
    fit = Fit()
    fit.fails = 1
    fit.go.set()
    async with world.runtime(fit.handler()) as alone:
        job = await alone.run_job(CALL)
        (call,) = await world.calls(job.id)
        with pytest.raises(RetryError, match="is a part of job"):
            await alone.retry_job(call.id)
        with pytest.raises(ForkError, match="fork that one"):
            await alone.fork_job(call.id, at=1)
        fork = await alone.fork_job(job.id, at=1)
        assert await alone.result(fork.id) == 1
    assert len({one[4] for one in fit.calls}) == 2  # a fork has keys of its own


async def test_a_paused_job_takes_the_end_when_it_goes_on(world: World) -> None:
    fit = Fit()
    async with (
        Working(world.runtime(fit.handler())) as alone,
    ):
        job = await alone.submit_job(CALL)
        await world.until(lambda: fit.calls)
        await alone.pause_job(job.id)

        async def paused() -> bool:
            return (await world.row(job.id)).status == "Suspended"

        await world.until(paused)
        fit.go.set()
        (call,) = await world.calls(job.id)
        await world.ended(call.id)
        assert (await world.row(job.id)).status == "Suspended"
        await alone.resume_job(job.id)
        assert await alone.result(job.id) == 1
    assert len(fit.calls) == 1


@pytest.mark.parametrize("queues", ["gpu", (), ("\x00" * 1_000,)])
def test_what_is_no_list_of_queues(queues: Any) -> None:
    with pytest.raises(RuntimeOptionError):
        Runtime(queues=queues, discover_handlers=False)
