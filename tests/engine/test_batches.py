"""Forks of single calls in the engine: what leaves as one and comes back as one."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from probes import FAN
from runeskript.engine import driver as driver_module
from runeskript.engine import turns as turns_module
from runeskript.engine.executors.base import Batch
from runeskript.engine.handlers import handler
from runeskript.engine.live import Live
from runeskript.engine.runtime import Runtime
from runeskript.errors import StepError
from runeskript.kernel import replay
from runeskript.model.effects import CallOut, CallsOut
from runeskript.model.events import CallDone, CallFailed, CallsDone, Event
from runeskript.model.ids import idempotency_key

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]


async def journal_of(rt: Runtime, job: str) -> list[Event]:
    return await rt._store.journal(job, 0, 1_000_000)


async def replayed(rt: Runtime, job: str) -> list[Event]:
    """The journal of a job; it replays."""
    journal = await journal_of(rt, job)
    program = rt._skripts._programs[(await rt._store.get([job]))[0].blueprint]  # type: ignore[union-attr]
    assert replay(program, journal).finished == journal[-1]
    return journal


def batches(journal: list[Event]) -> list[CallsDone]:
    return [event for event in journal if isinstance(event, CallsDone)]


async def test_results_come_back_in_bounded_batches(
    runtime: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runeskript.engine.live.BATCH_EVENTS", 4)
    monkeypatch.setattr("runeskript.engine.arrivals.BATCH_EVENTS", 4)

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        return params["i"]

    rt = await runtime(probe)
    for doc in (FAN, FAN.replace("      - yield: r\n", "")):
        result = await rt.run_job(doc, {"n": 11})
        assert result.output == (list(range(11)) if doc == FAN else [])
        journal = await replayed(rt, result.id)
        assert not [event for event in journal if isinstance(event, CallDone)]
        assert [i for batch in batches(journal) for i in batch.indexes] == list(range(11))
        assert max(len(batch.indexes) for batch in batches(journal)) == 4


async def test_batches_are_bounded_in_bytes(
    runtime: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runeskript.engine.live.BATCH_BYTES", 100)

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        return "x" * (200 if params["i"] == 4 else 40)

    rt = await runtime(probe)
    result = await rt.run_job(FAN, {"n": 9})
    journal = await replayed(rt, result.id)
    assert [batch.indexes for batch in batches(journal)] == [(0, 1), (2, 3), (4,), (5, 6), (7, 8)]


async def test_a_slow_one_does_not_hold_up_the_others(runtime: Start, settle: Settle) -> None:
    gate = asyncio.Event()

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        if params["i"] in (0, 5):
            await gate.wait()
        return params["i"]

    rt = await runtime(probe)
    job = await rt.submit_job(FAN, {"n": 8})
    await settle()
    (first,) = batches(await journal_of(rt, job.id))
    assert first.indexes == (1, 2, 3, 4, 6, 7)
    gate.set()
    assert await rt.result(job.id) == list(range(8))
    rest = batches(await replayed(rt, job.id))[1:]
    assert sorted(i for batch in rest for i in batch.indexes) == [0, 5]


async def test_failures_stand_between_batches(runtime: Start, clock: Any, settle: Settle) -> None:
    """A failed call is retried by itself; the order of arrival is kept."""
    failed: list[int] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        if params["i"] == 2 and not failed:
            failed.append(2)
            raise StepError("busy", "try again", retryable=True)
        return [params["i"], ctx.attempt]

    rt = await runtime(probe)
    doc = FAN.replace(
        "        into: r", "        into: r\n        retry: {max: 2, backoff: 1s..1s}"
    )
    job = await rt.submit_job(doc, {"n": 5})
    await settle()
    clock.pass_ms(1_000)
    assert await rt.result(job.id) == [[0, 1], [1, 1], [2, 2], [3, 1], [4, 1]]
    journal = await replayed(rt, job.id)
    kinds = [type(event).__name__ for event in journal]
    assert kinds[1:4] == ["CallsDone", "CallFailed", "CallsDone"]
    assert [batch.indexes for batch in batches(journal)] == [(0, 1), (3, 4)]
    assert [e.path for e in journal if isinstance(e, CallDone)] == [(1, 2)]


async def test_each_call_has_its_own_context(runtime: Start) -> None:
    seen: dict[int, Any] = {}

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        seen[params["i"]] = (ctx.idempotency_key, ctx.step, ctx.attempt, ctx.job_id)
        ctx.progress(0.5, None, f"half of {params['i']}")
        if params["i"] % 2:
            await asyncio.sleep(0)

    rt = await runtime(probe)
    job = await rt.submit_job(FAN.replace("    do:\n", "    do:\n", 1), {"n": 4})
    records = [record async for record in rt.events(job.id)]
    for i in range(4):
        key = idempotency_key(job.id, (1, i), 1)
        assert seen[i] == (key, "/do/0/do/0", 1, job.id)
    progress = [r for r in records if r.kind == "progress"]
    assert [r.path for r in progress] == [(1, i) for i in range(4)]
    assert {(r.data["n"], r.data["handler"], r.data["attempt"]) for r in progress} == {
        (1, "probe", 1)
    }


async def test_watchers_see_single_completions(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        return params["i"]

    rt = await runtime(probe)
    job = await rt.submit_job(FAN, {"n": 5})
    records = [record async for record in rt.events(job.id)]
    journaled = [r for r in records if r.journaled]
    assert [r.seq for r in journaled] == list(range(7))
    done = [r for r in journaled if r.kind == "call.done"]
    assert [(r.path, r.data["result"]) for r in done] == [((1, i), i) for i in range(5)]
    again = [r async for r in rt.events(job.id, 3)]
    assert again == journaled[3:], "from the middle of a batch"
    assert [r.path for r in records if r.kind == "step.started"] == [(1, i) for i in range(5)]
    assert [r.path for r in records if r.kind == "step.done"] == [(1, i) for i in range(5)]


async def test_parameters_are_the_handlers_own(runtime: Start) -> None:
    shared: list[Any] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        shared.append(params)
        params["o"]["l"].append(params.pop("i"))
        return params["o"]

    doc = FAN.replace('with: {i: "${i}"}', 'with: {i: "${i}", o: "${o}"}').replace(
        "do:\n  - for", "vars: {o: {l: []}}\ndo:\n  - for", 1
    )
    rt = await runtime(probe)
    result = await rt.run_job(doc.replace("return: ${all}", "return: ['${all}', '${o}']"), {"n": 3})
    assert result.output == [[{"l": [0]}, {"l": [1]}, {"l": [2]}], {"l": []}]


async def test_results_are_normalised_and_secrets_scrubbed(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        return (params["i"], params["s"]) if params["i"] != 1 else {"bad": {1}}

    doc = FAN.replace('with: {i: "${i}"}', 'with: {i: "${i}", s: "${secrets.token}"}')
    doc = doc.replace("    collect: all", "    join: 2\n    collect: all")
    rt = await runtime(probe, secrets={"token": "open-sesame"})
    result = await rt.run_job(doc, {"n": 3})
    assert result.output == [[0, "***"], [2, "***"]]
    (failure,) = [e for e in await replayed(rt, result.id) if isinstance(e, CallFailed)]
    assert failure.path == (1, 1) and failure.error["type"] == "result"


async def test_a_changed_context_ends_with_its_call(runtime: Start) -> None:
    mark: contextvars.ContextVar[int] = contextvars.ContextVar("mark", default=0)

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        before = mark.get()
        mark.set(params["i"] + 1)
        return before

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 6})).output == [0] * 6


async def test_plain_functions_in_mode_async(runtime: Start) -> None:
    @handler("probe", mode="async")
    def probe(params: Any, ctx: Any) -> Any:
        return params["i"] * 2

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 3})).output == [0, 2, 4]


async def test_a_limited_lane_takes_the_calls_one_by_one(runtime: Start) -> None:
    running = most = 0
    two = asyncio.Event()

    @handler("probe", limit=2)
    async def probe(params: Any, ctx: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            two.set()
        await two.wait()
        running -= 1
        return params["i"]

    rt = await runtime(probe)
    result = await rt.run_job(FAN, {"n": 20})
    assert result.output == list(range(20))
    assert most == 2
    assert sum(len(batch.indexes) for batch in batches(await replayed(rt, result.id))) == 20


async def test_threads_take_the_calls_one_by_one(runtime: Start) -> None:
    @handler("probe", mode="thread")
    def probe(params: Any, ctx: Any) -> Any:
        return [params["i"], ctx.idempotency_key]

    rt = await runtime(probe)
    result = await rt.run_job(FAN, {"n": 20})
    assert result.output == [[i, idempotency_key(result.id, (1, i), 1)] for i in range(20)]
    assert sum(len(batch.indexes) for batch in batches(await replayed(rt, result.id))) == 20


async def test_a_cancelled_job_starts_no_more_of_a_batch(runtime: Start, settle: Settle) -> None:
    started: list[int] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        started.append(params["i"])
        await asyncio.Event().wait()

    rt = await runtime(probe, max_tasks=3)
    job = await rt.submit_job(FAN, {"n": 10})
    await settle()
    assert started == [0, 1, 2]
    await rt.cancel_job(job.id)
    await settle()
    assert (await rt.get_job(job.id)).status == "Cancelled"
    assert started == [0, 1, 2]
    tasks = rt._running().tasks
    assert not tasks.queue
    other = await rt.submit_job(FAN, {"n": 2})
    await settle()
    assert started == [0, 1, 2, 0, 1]
    await rt.cancel_job(other.id)


async def test_a_join_that_is_met_drops_what_is_queued(runtime: Start, settle: Settle) -> None:
    """The calls of a batch that were not begun yet are never begun, the others are cancelled."""
    started: list[int] = []
    cancelled: list[int] = []
    gate = asyncio.Event()

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        started.append(params["i"])
        try:
            await gate.wait() if params["i"] == 1 else await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(params["i"])
            raise
        return params["i"]

    doc = FAN.replace("    collect: all", "    join: any\n    collect: all") + "  \n"
    doc = doc.replace("  - return: ${all}", "  - listen: go\n  - return: ${all}")
    rt = await runtime(probe, max_tasks=3)
    job = await rt.submit_job(doc, {"n": 8})
    await settle()
    assert started == [0, 1, 2]
    gate.set()
    await settle()
    live: Any = rt._running().lives[job.id]
    assert started[:3] == [0, 1, 2] and len(started) <= 4, "what is dropped is never begun"
    assert sorted(cancelled) == [i for i in started if i != 1]
    assert (live.queued, live.dropped, live.calls) == (0, set(), {})
    await rt.signal("go")
    assert await rt.result(job.id) == [1]
    await replayed(rt, job.id)


async def test_undone_calls_of_a_batch_are_awaited(runtime: Start, settle: Settle) -> None:
    """Begun: cancelled and awaited; in the queue: failed as cancelled; both end the fork."""
    undone: list[int] = []
    gate = asyncio.Event()

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        if params["i"] == 0:
            await gate.wait()
            raise StepError("boom", "no")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return params["i"]  # it had succeeded already

    @handler("undo")
    async def undo(params: Any, ctx: Any) -> Any:
        undone.append(params["i"])

    doc = FAN.replace(
        "        into: r", '        into: r\n        undo: {call: undo, with: {i: "${i}"}}'
    )
    rt = await runtime(probe, undo, max_tasks=3)
    job = await rt.submit_job(doc, {"n": 6})
    await settle()
    gate.set()
    await settle()
    assert (await rt.get_job(job.id)).status == "Failed"
    journal = await replayed(rt, job.id)
    _, *never = [e for e in journal if isinstance(e, CallFailed)]
    assert {e.error["message"] for e in never} == {"cancelled before it began"}
    assert never and sorted([*undone, *(e.path[-1] for e in never)]) == [1, 2, 3, 4, 5]
    assert {1, 2} <= set(undone)


async def test_timeouts_of_calls_in_a_batch(runtime: Start, clock: Any, settle: Settle) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        if params["i"] == 1:
            await asyncio.Event().wait()
        return params["i"]

    doc = FAN.replace("        into: r", "        into: r\n        timeout: 3s")
    rt = await runtime(probe)
    job = await rt.submit_job(doc, {"n": 3})
    await settle()
    clock.pass_ms(3_000)
    await settle()
    row = await rt.get_job(job.id)
    assert row.error is not None and row.error["type"] == "timeout"
    await replayed(rt, job.id)


async def test_two_jobs_share_the_pool(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        if params["i"] % 3 == 0:
            await asyncio.sleep(0)
        return params["i"]

    rt = await runtime(probe)
    results = await asyncio.gather(*(rt.run_job(FAN, {"n": 60}) for _ in range(4)))
    assert [r.output for r in results] == [list(range(60))] * 4


async def test_a_slice_takes_no_more_completions_than_it_can(
    runtime: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick takes what stands for as many completions as the slice has turns, at least one."""
    monkeypatch.setattr(driver_module, "TURNS_START", 10)
    for name in ("TURNS_MIN", "TURNS_MAX"):
        monkeypatch.setattr(turns_module, name, 10)
    taken: list[list[int]] = []
    advance = turns_module.advance

    def counting(program: Any, run: Any, events: Any, *more: Any) -> Any:
        taken.append([len(e.indexes) for e in events if isinstance(e, CallsDone)])
        return advance(program, run, events, *more)

    monkeypatch.setattr(turns_module, "advance", counting)
    monkeypatch.setattr("runeskript.engine.live.BATCH_EVENTS", 4)

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        return params["i"]

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 100})).output == list(range(100))
    assert max(sum(sizes) for sizes in taken) <= 10 + 3, "the last one may go beyond"


async def test_call_n_of_two_branches_may_be_two_steps(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        return None

    doc = """
skript: two-ways
do:
  - for: i
    in: [0, 0, 0, 1, 1, 0]
    parallel: true
    do:
      - if: i == 0
        then: [{call: probe}, {call: probe}]
        else: [{call: probe}]
"""
    rt = await runtime(probe)
    journal = await replayed(rt, (await rt.run_job(doc)).id)
    found = [(batch.n, batch.step[-6:], batch.indexes) for batch in batches(journal)]
    assert found[:3] == [
        (1, "then/0", (0, 1, 2)),
        (1, "else/0", (3, 4)),
        (1, "then/0", (5,)),
    ]


def test_what_was_gathered_keeps_its_place() -> None:
    """Between other events in the order of arrival, and apart for different forks, calls and steps."""
    live: Any = Live.__new__(Live)
    live.inbox, live.gathered = [], None
    live.gather((1,), 1, "/a", 3, "x", 5)
    live.gather((1,), 1, "/a", 1, None, 6)
    live.gather((2,), 1, "/b", 0, 1, 7)
    live.gather((2,), 2, "/b", 0, 2, 8)
    live.gather((2,), 2, "/c", 1, 3, 9)
    live.close_batch(9)
    live.close_batch(10)
    assert live.inbox == [
        CallsDone(7, (1,), 1, "/a", (3, 1), ["x", None]),
        CallsDone(8, (2,), 1, "/b", (0,), [1]),
        CallsDone(9, (2,), 2, "/b", (0,), [2]),
        CallsDone(9, (2,), 2, "/c", (1,), [3]),
    ]


def test_a_batch_knows_what_comes_next() -> None:
    nothing: Any = None
    singles = [CallOut((1, i), 3, "/a", "h", {}, 2, None, None) for i in (4, 0)]
    batch = Batch(nothing, nothing, singles)
    assert (batch.next, batch.number, batch.key(1)) == (0, 2, ((1, 0), 3))
    one = CallsOut((1,), 2, "/a", "h", [4, 0, 7], None, None, None)
    batch = Batch(nothing, nothing, one)
    assert (batch.next, batch.number, batch.key(2)) == (0, 3, ((1, 7), 2))
