"""Cancel and timeout of handlers in mode async and thread, and what limits and queues do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from probes import CALL, FAN
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import HandlerDefinitionError, JobCancelledError, StepError

Start = Callable[..., Awaitable[Runtime]]
pytestmark = pytest.mark.usefixtures("forks")
Settle = Callable[..., Awaitable[None]]

TIMED = """
skript: timed
do:
  - try:
      - call: probe
        into: r
        timeout: 3s
        retry: {max: 2, backoff: 1s..1s}
    catch:
      - do:
          - return: "${error.type} after ${error.attempts}"
  - return: ${r}
"""
ANY = """
skript: any
do:
  - parallel:
      slow:
        - call: slow
      fast:
        - call: fast
          into: r
        - yield: r
    join: any
    into: winner
  - return: ${winner}
"""


async def test_cancel_job_cancels_the_handler(runtime: Start, settle: Settle) -> None:
    seen: list[str] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("cancelled" if ctx.cancelled else "not marked")
            raise

    rt = await runtime(probe)
    job = await rt.submit_job(CALL)
    await settle()
    await rt.cancel_job(job.id, "enough")
    with pytest.raises(JobCancelledError) as caught:
        await rt.result(job.id)
    assert caught.value.error["message"] == "enough"
    assert (await rt.get_job(job.id)).status == "Cancelled"
    await settle()
    assert seen == ["cancelled"]


async def test_a_cancelled_worker_serves_others_as_if_new(runtime: Start, settle: Settle) -> None:
    tasks: set[Any] = set()

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        assert task.cancelling() == 0
        async with asyncio.timeout(0 if len(tasks) > 99 else None):
            await asyncio.sleep(3600 if params.get("sleep") else 0)
        return task.cancelling()

    rt = await runtime(probe)
    job = await rt.submit_job(CALL.replace("call: probe", "call: probe\n    with: {sleep: true}"))
    await settle()
    await rt.cancel_job(job.id)
    await settle()
    assert (await rt.run_job(FAN, {"n": 5})).unwrap() == [0] * 5


async def test_a_handler_may_swallow_its_cancel(runtime: Start, settle: Settle) -> None:
    go_on = asyncio.Event()
    ended: list[int] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await go_on.wait()
        ended.append(1)
        return "too late"

    rt = await runtime(probe)
    job = await rt.submit_job(CALL)
    await settle()
    await rt.cancel_job(job.id)
    with pytest.raises(JobCancelledError):
        await rt.result(job.id)
    go_on.set()
    await settle()
    assert ended == [1]
    assert (await rt.get_job(job.id)).output is None


async def test_the_loser_of_any_is_cancelled(runtime: Start, settle: Settle) -> None:
    seen: list[str] = []

    @handler("slow")
    async def slow(params: Any, ctx: Any) -> Any:
        try:
            await asyncio.sleep(3600)
        finally:
            seen.append("slow ended")

    @handler("fast")
    async def fast(params: Any, ctx: Any) -> Any:
        return 1

    rt = await runtime(slow, fast)
    assert (await rt.run_job(ANY)).unwrap() == 1
    await settle()
    assert seen == ["slow ended"]


async def test_many_losers_are_all_cancelled(runtime: Start, settle: Settle) -> None:
    """Also those that suspended in the very turn of the loop in which the winner was found."""
    running = 0

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        nonlocal running
        if params["i"] == 777:
            return "won"
        running += 1
        try:
            await asyncio.sleep(3600)
        finally:
            running -= 1

    rt = await runtime(probe)
    doc = FAN.replace("collect: all", "collect: all\n    join: any")
    assert (await rt.run_job(doc, {"n": 1500})).unwrap() == ["won"]
    await settle(200)
    assert running == 0


async def test_queued_calls_of_a_cancelled_job_never_start(runtime: Start, settle: Settle) -> None:
    started: list[int] = []
    gate = asyncio.Event()

    @handler("probe", limit=1)
    async def probe(params: Any, ctx: Any) -> Any:
        started.append(params["i"])
        await gate.wait()

    rt = await runtime(probe)
    job = await rt.submit_job(FAN, {"n": 50})
    await settle()
    await rt.cancel_job(job.id)
    await settle()
    gate.set()
    await settle(200)
    assert started == [0]
    assert (await rt.run_job(FAN, {"n": 3})).ok
    assert started == [0, 0, 1, 2]


async def test_timeout_of_each_attempt(runtime: Start, settle: Settle, clock: Any) -> None:
    attempts: list[tuple[int, str]] = []
    cancelled: list[int] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        attempts.append((ctx.attempt, ctx.idempotency_key))
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(ctx.attempt)
            raise

    rt = await runtime(probe)
    job = await rt.submit_job(TIMED)
    for ms in (2_999, 1, 1_000, 2_999):
        await settle()
        clock.pass_ms(ms)
    await settle()
    assert not (await rt.get_job(job.id)).ended
    clock.pass_ms(1)
    assert await rt.result(job.id) == "timeout after 2"
    await settle()
    assert [a for a, _ in attempts] == cancelled == [1, 2]
    assert attempts[0][1] == attempts[1][1]


async def test_timeout_of_the_decorator(runtime: Start, settle: Settle, clock: Any) -> None:
    @handler("probe", timeout="2s")
    async def probe(params: Any, ctx: Any) -> Any:
        await asyncio.sleep(3600)

    rt = await runtime(probe)
    job = await rt.submit_job(CALL)
    await settle()
    clock.pass_ms(2_000)
    await settle()
    error = (await rt.get_job(job.id)).error
    assert error is not None
    assert (error["type"], error["code"]) == ("timeout", "RUNE-5050")


async def test_a_result_in_time_stops_the_timeout(
    runtime: Start, settle: Settle, clock: Any
) -> None:
    done = asyncio.Event()

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        await done.wait()
        return "in time"

    rt = await runtime(probe)
    job = await rt.submit_job(TIMED)
    await settle()
    done.set()
    await settle()
    clock.pass_ms(10_000)
    assert await rt.result(job.id) == "in time"
    assert not any(alarm.callback for _, _, alarm in clock.alarms)


async def test_a_late_result_of_a_thread_is_dropped_and_holds_its_slot(
    runtime: Start, settle: Settle, clock: Any
) -> None:
    release, started = threading.Event(), threading.Semaphore(0)
    ran: list[int] = []

    @handler("probe", limit=1)
    def probe(params: Any, ctx: Any) -> Any:
        ran.append(ctx.attempt)
        started.release()
        if ctx.attempt == 1:
            release.wait()
            assert ctx.cancelled
            return "late"
        return "second"

    rt = await runtime(probe)
    job = await rt.submit_job(TIMED)
    await asyncio.to_thread(started.acquire)
    clock.pass_ms(3_000)
    await settle()
    clock.pass_ms(1_000)
    await settle()
    assert ran == [1]  # the first attempt still holds the only place
    release.set()
    assert await rt.result(job.id) == "second"


async def test_cancel_of_a_thread(runtime: Start, settle: Settle) -> None:
    started, stopped = threading.Event(), threading.Event()

    @handler("probe")
    def probe(params: Any, ctx: Any) -> Any:
        started.set()
        try:
            while True:
                ctx.raise_if_cancelled()
        finally:
            stopped.set()

    rt = await runtime(probe)
    job = await rt.submit_job(CALL)
    await asyncio.to_thread(started.wait)
    await rt.cancel_job(job.id)
    with pytest.raises(JobCancelledError):
        await rt.result(job.id)
    await asyncio.to_thread(stopped.wait)


@pytest.mark.parametrize("mode", ["async", "thread"])
async def test_limit_of_a_handler(runtime: Start, mode: str) -> None:
    lock = threading.Lock()
    now, most = 0, 0

    def enter() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)

    def leave() -> None:
        nonlocal now
        with lock:
            now -= 1

    if mode == "async":
        gathered = asyncio.Barrier(3)

        @handler("probe", limit=3)
        async def probe(params: Any, ctx: Any) -> Any:
            enter()
            await gathered.wait()
            leave()
            return params["i"]
    else:
        together = threading.Barrier(3)

        @handler("probe", limit=3)
        def probe(params: Any, ctx: Any) -> Any:
            enter()
            together.wait()
            leave()
            together.wait()
            return params["i"]

    rt = await runtime(probe, max_threads=8)
    assert (await rt.run_job(FAN, {"n": 30})).unwrap() == list(range(30))
    assert most == 3


async def test_limit_of_the_mode(runtime: Start) -> None:
    now = most = 0
    together = asyncio.Barrier(5)

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await together.wait()
        now -= 1
        return params["i"]

    rt = await runtime(probe, max_tasks=5)
    assert (await rt.run_job(FAN, {"n": 100})).unwrap() == list(range(100))
    assert most == 5


async def test_threads_are_bounded_and_contexts_clean(runtime: Start) -> None:
    import contextvars

    var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="clean")
    threads: set[int] = set()

    @handler("probe")
    def probe(params: Any, ctx: Any) -> Any:
        threads.add(threading.get_ident())
        before = var.get()
        var.set("dirty")
        return before

    rt = await runtime(probe, max_threads=2)
    assert (await rt.run_job(FAN, {"n": 60})).unwrap() == ["clean"] * 60
    assert len(threads) <= 2
    assert threading.get_ident() not in threads


async def test_a_thread_survives_whatever_its_handler_raises(runtime: Start) -> None:
    @handler("probe")
    def probe(params: Any, ctx: Any) -> Any:
        raise (SystemExit, KeyboardInterrupt, GeneratorExit, ValueError)[params["i"] % 4]

    doc = FAN.replace(
        '      - call: probe\n        with: {i: "${i}"}\n        into: r\n',
        '      - try:\n          - call: probe\n            with: {i: "${i}"}\n'
        "        catch:\n          - do:\n"
        '              - set: {r: "${error.type}"}\n',
    )
    rt = await runtime(probe, max_threads=2)
    assert (await rt.run_job(doc, {"n": 8})).unwrap() == [
        "handler.SystemExit",
        "handler.KeyboardInterrupt",
        "handler.GeneratorExit",
        "handler.ValueError",
    ] * 2


async def test_mutation_and_results_in_a_thread(runtime: Start) -> None:
    @handler("probe")
    def probe(params: Any, ctx: Any) -> Any:
        params["l"].append(2)
        return object() if params["bad"] else tuple(params["l"])

    doc = """
skript: s
vars: {l: [1]}
do:
  - call: probe
    with: {l: "${l}", bad: false}
    into: r
  - try:
      - call: probe
        with: {l: "${l}", bad: true}
    catch:
      - do:
          - return: {l: "${l}", r: "${r}", type: "${error.type}"}
"""
    rt = await runtime(probe)
    assert (await rt.run_job(doc)).unwrap() == {"l": [1], "r": [1, 2], "type": "result"}


async def test_closing_cancels_handlers_and_tells_who_waits(runtime: Start, settle: Settle) -> None:
    seen: list[str] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        try:
            await asyncio.sleep(3600)
        finally:
            seen.append("ended")

    rt = await runtime(probe)
    job = await rt.submit_job(CALL)
    waiting = asyncio.create_task(rt.result(job.id))
    await settle()
    await rt.close()
    with pytest.raises(Exception, match="closed") as caught:
        await waiting
    assert caught.value.code == "RUNE-6004"  # type: ignore[attr-defined]
    assert seen == ["ended"]
    with pytest.raises(Exception, match="not running"):
        await rt.submit_job(CALL)


async def test_retries_of_errors_marked_retryable(
    runtime: Start, settle: Settle, clock: Any
) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        if ctx.attempt < 3:
            raise StepError("shop.busy", retryable=True)
        return ctx.attempt

    rt = await runtime(probe)
    doc = CALL.replace("call: probe", "call: probe\n    retry: {max: 5, backoff: 1s..1s}")
    job = await rt.submit_job(doc)
    for _ in range(2):
        await settle()
        clock.pass_ms(1_000)
    assert await rt.result(job.id) == 3


async def test_setup_and_teardown(runtime: Start) -> None:
    seen: list[str] = []

    async def open_(resources: dict[str, Any]) -> None:
        resources["db"] = "open"
        seen.append("setup")

    def shut(resources: dict[str, Any]) -> None:
        seen.append(f"teardown {resources.pop('db')}")

    @handler("probe", setup=open_, teardown=shut)
    async def probe(params: Any, ctx: Any) -> Any:
        return ctx.resources["db"]

    @handler("other", setup=open_, teardown=shut)
    def other(params: Any, ctx: Any) -> Any:
        return ctx.resources["db"]

    rt = await runtime(probe, other)
    assert (await rt.run_job(CALL)).unwrap() == "open"
    assert (await rt.run_job(CALL.replace("probe", "other"))).unwrap() == "open"
    await rt.close()
    assert seen == ["setup", "teardown open"]


async def test_a_failing_setup(runtime: Start) -> None:
    torn: list[int] = []

    @handler("good", setup=lambda r: None, teardown=lambda r: torn.append(1))
    async def good(params: Any, ctx: Any) -> Any: ...

    def bad_setup(resources: dict[str, Any]) -> None:
        raise ValueError("no database")

    @handler("bad", setup=bad_setup)
    async def bad(params: Any, ctx: Any) -> Any: ...

    with pytest.raises(HandlerDefinitionError, match="setup of handler bad failed: ValueError"):
        await runtime(good, bad)
    assert torn == [1]
