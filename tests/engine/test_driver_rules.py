"""What the driver never does, and what it does when something below it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from probes import CALL
from runeskript.engine import driver as driver_module
from runeskript.engine import turns as turns_module
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import KernelInvariantError, RuneskriptError, StoreError
from runeskript.model.events import CallDone
from runeskript.stores.base import CommitOutcome, Committed, JobRow, Submitted, Unit
from runeskript.stores.memory import MemoryStore

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]

FAN = """
skript: fan
input: {type: object, properties: {n: {type: integer}}, required: [n]}
do:
  - for: i
    in: range(input.n)
    parallel: true
    do:
      - call: probe
        with: {i: "${i}"}
        into: r
      - call: probe
        with: {i: "${i}"}
"""


class Recording(MemoryStore):
    """Commits suspend, and everything is noted in order."""

    def __init__(self, clock: Any, notes: list[Any]) -> None:
        super().__init__(clock.now_ms)
        self.notes = notes
        self.refuse: CommitOutcome | None = None
        self.fail: Exception | None = None

    async def commit(self, units: Sequence[Unit]) -> list[Committed]:
        await asyncio.sleep(0)
        if self.fail is not None:
            raise self.fail
        if self.refuse is not None:
            return [Committed(self.refuse) for _ in units]
        found = await super().commit(units)
        await asyncio.sleep(0)
        for unit in units:
            self.notes.append([type(e).__name__ for e in unit.events])
        return found

    async def submit(self, jobs: Sequence[JobRow], *args: Any, **more: Any) -> list[Submitted]:
        await asyncio.sleep(0)
        found = await super().submit(jobs, *args, **more)
        await asyncio.sleep(0)
        for events in (args[1] if args[1:] else {}).values():
            self.notes.append([type(e).__name__ for e in events])
        return found


async def test_effects_leave_after_the_commit(runtime: Start, clock: Any) -> None:
    notes: list[Any] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        notes.append("handler")
        await asyncio.sleep(0)

    store = Recording(clock, notes)
    rt = await runtime(probe, store=store)
    doc = CALL.replace("into: r", "into: r\n  - call: probe")
    assert (await rt.run_job(doc)).ok
    assert notes == [
        ["Started"],
        "handler",
        ["CallDone"],
        "handler",
        ["CallDone", "Finished"],
    ]


async def test_a_result_is_shown_after_the_commit(runtime: Start, clock: Any) -> None:
    notes: list[Any] = []
    rt = await runtime(store=Recording(clock, notes))
    job = await rt.submit_job("skript: s\ndo:\n  - return: 1\n")
    assert await rt.result(job.id) == 1
    assert notes == [["Started", "Finished"]]


async def test_commits_that_suspend_lose_nothing(runtime: Start, clock: Any) -> None:
    calls = 0

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        nonlocal calls
        calls += 1
        if params["i"] % 3 == 0:
            await asyncio.sleep(0)

    rt = await runtime(probe, store=Recording(clock, []))
    results = await asyncio.gather(*(rt.run_job(FAN, {"n": 40}) for _ in range(5)))
    assert all(r.ok for r in results)
    assert calls == 5 * 40 * 2


async def test_one_commit_for_many_runs(runtime: Start, clock: Any) -> None:
    sizes: list[int] = []

    class Counting(MemoryStore):
        async def commit(self, units: Sequence[Unit]) -> list[Committed]:
            sizes.append(len(units))
            return await super().commit(units)

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None: ...

    rt = await runtime(probe, store=Counting(clock.now_ms))
    jobs = [await rt.submit_job(CALL) for _ in range(100)]
    for job in jobs:
        await rt.result(job.id)
    assert max(sizes) > 10
    assert sum(sizes) == 200


async def test_a_refused_commit_drops_the_run(runtime: Start, clock: Any, settle: Settle) -> None:
    notes: list[Any] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        notes.append("handler")

    store = Recording(clock, notes)
    rt = await runtime(probe, store=store, max_jobs=1)
    store.refuse = "fenced"
    job = await rt.submit_job(CALL)
    with pytest.raises(StoreError, match="refused a commit: fenced"):
        await rt.result(job.id)
    assert notes == []
    store.refuse = None
    assert (await rt.run_job(CALL)).ok  # its place is free again


async def test_a_failing_store_fails_who_waits_and_not_the_process(
    runtime: Start, clock: Any, settle: Settle
) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None: ...

    store = Recording(clock, [])
    rt = await runtime(probe, store=store)
    store.fail = StoreError("the disk is full")
    results = await asyncio.gather(*(rt.run_job(CALL) for _ in range(3)), return_exceptions=True)
    assert results == [store.fail] * 3
    (job, *_) = await rt.list_jobs()
    store.fail = None
    assert (await rt.run_job(CALL)).ok
    assert await rt.result(job.id) is None  # what was dropped is gone on with


async def test_a_defect_in_the_kernel_fails_one_job(
    runtime: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = turns_module.advance

    def broken(program: Any, run: Any, events: Any, *more: Any) -> Any:
        if any(isinstance(e, CallDone) and e.result == "boom" for e in events):
            raise KernelInvariantError("a token is lost")
        return advance(program, run, events, *more)

    monkeypatch.setattr(turns_module, "advance", broken)
    monkeypatch.setattr(turns_module, "next_call", lambda *args: None)

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        return params.get("say")

    rt = await runtime(probe)
    bad = rt.run_job(CALL.replace("call: probe", "call: probe\n    with: {say: boom}"))
    good = rt.run_job(CALL)
    bad_result, good_result = await asyncio.gather(bad, good)
    assert good_result.ok
    assert bad_result.error is not None
    assert (bad_result.error["code"], bad_result.error["type"]) == ("RUNE-9001", "internal")
    assert (await rt.get_job(bad_result.id)).status == "Failed"


async def test_runs_have_turns(runtime: Start, settle: Settle) -> None:
    """A long pure loop does not hold up the others."""
    rt = await runtime()
    long = await rt.submit_job("""
skript: long
vars: {i: 0}
do:
  - while: i < 300000
    do:
      - set: {i: "${i + 1}"}
""")
    order: list[str] = []

    async def note(name: str, job: str) -> None:
        await rt.result(job)
        order.append(name)

    short = [await rt.submit_job("skript: short\ndo:\n  - return: 1\n") for _ in range(5)]
    await asyncio.gather(note("long", long.id), *(note("short", j.id) for j in short))
    assert order == ["short"] * 5 + ["long"]


LOOP = """
skript: loop
vars: {i: 0}
do:
  - while: i >= 0
    do:
      - set: {i: "${i + 1}"}
"""


@pytest.mark.parametrize("loops", [1, 4])
async def test_a_step_waits_a_slice_of_each_run_at_most(
    runtime: Start, monkeypatch: pytest.MonkeyPatch, loops: int
) -> None:
    """Beside pure loops without end: from one step to the next, by counting."""
    slices: list[str] = []
    between: list[list[str]] = []
    real = turns_module.advance

    def advance(program: Any, run: Any, *rest: Any) -> Any:
        slices.append(str(run.job.get("id")) if run.job else "new")
        return real(program, run, *rest)

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        between.append(slices.copy())
        slices.clear()

    monkeypatch.setattr(turns_module, "advance", advance)
    rt = await runtime(probe)
    long = [await rt.submit_job(LOOP) for _ in range(loops)]
    steps = "skript: steps\ndo:\n" + "  - call: probe\n" * 20
    assert (await rt.run_job(steps)).ok
    runnable = loops + 1
    assert len(between) == 20
    assert max(map(len, between[1:])) <= runnable + 1
    ids = {job.id for job in long}
    # The loops had their turns meanwhile: who takes steps does not starve them either.
    assert {one for seen in between[1:] for one in seen} >= ids


async def test_a_step_alone_is_committed_before_the_next(runtime: Start, clock: Any) -> None:
    """The short way of a tick keeps the order, too, and takes what comes while the store writes."""
    notes: list[Any] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        notes.append("handler")

    store = Recording(clock, notes)
    rt = await runtime(probe, store=store)
    assert (await rt.run_job("skript: five\ndo:\n" + "  - call: probe\n" * 5)).ok
    assert notes == [
        ["Started"],
        *["handler", ["CallDone"]] * 4,
        "handler",
        ["CallDone", "Finished"],
    ]


async def test_a_refused_step_goes_no_further(runtime: Start, clock: Any) -> None:
    """The same where the store refuses it."""
    notes: list[Any] = []
    store = Recording(clock, notes)

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        notes.append("handler")
        if notes.count("handler") == 3:
            store.refuse = "fenced"

    rt = await runtime(probe, store=store)
    with pytest.raises(StoreError, match="the store refused a commit: fenced"):
        await rt.run_job("skript: five\ndo:\n" + "  - call: probe\n" * 5)
    assert notes.count("handler") == 3


async def test_a_cancel_while_a_step_is_written_is_taken(runtime: Start, clock: Any) -> None:
    """It arrives during the commit of the short way."""
    notes: list[Any] = []
    jobs: list[str] = []

    class Cancelling(Recording):
        async def commit(self, units: Sequence[Unit]) -> list[Committed]:
            if notes.count("handler") == 2 and jobs:
                await rt.cancel_job(jobs.pop())
            return await super().commit(units)

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        notes.append("handler")

    rt = await runtime(probe, store=Cancelling(clock, notes))
    job = await rt.submit_job("skript: five\ndo:\n" + "  - call: probe\n" * 5)
    jobs.append(job.id)
    with pytest.raises(RuneskriptError):
        await rt.result(job.id)
    assert (await rt.get_job(job.id)).status == "Cancelled"
    assert notes.count("handler") < 5


async def test_nothing_is_left_of_jobs_that_ended(runtime: Start, settle: Settle) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        await asyncio.sleep(0)

    rt = await runtime(probe)
    driver = rt._running()
    for _ in range(3):
        assert (await rt.run_job(FAN, {"n": 600})).ok
    await settle()
    assert driver.lives == {}
    assert not driver.pending
    assert len(driver.timers) == 0
    assert not driver.tasks.queue
    assert driver.tasks.tasks <= 260


async def test_a_fork_larger_than_a_slice(runtime: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Completions that arrive while the fork is still being started are taken in order."""
    monkeypatch.setattr(driver_module, "TURNS_START", 100)
    monkeypatch.setattr(turns_module, "TURNS_MIN", 100)
    monkeypatch.setattr(turns_module, "TURNS_MAX", 100)

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        return params["i"]

    doc = FAN.replace("    do:\n", "    collect: all\n    do:\n") + "      - yield: r\n"
    rt = await runtime(probe)
    result = await rt.run_job(doc + "  - return: ${all}\n", {"n": 1000})
    assert result.output == list(range(1000))
