"""A job that nobody can watch yet is written with its first slice, and is the same job for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest

from runeskript.engine import writing
from runeskript.engine.handlers import handler
from runeskript.engine.handlers.limits import concurrency
from runeskript.engine.ids import SeededIds
from runeskript.engine.runtime import Runtime
from runeskript.engine.submissions import Submission
from runeskript.errors import StoreTooLargeError
from runeskript.model.events import Event, Started
from runeskript.stores.base import JobRow, Store, Submitted
from runeskript.stores.memory import MemoryStore
from runeskript.testing.faults import FaultyStore, Once

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]

ONE = "skript: one\ndo: [{return: 1}]\n"
CALL = "skript: call\ndo: [{call: t.note, into: r}, {return: '${r}'}]\n"
GATE = "machine: gate\ninitial: a\nstates: {a: {}, b: {final: true}}\n"
GATE += "transitions: [{from: a, event: go, to: b}]\n"
#: What is written with its first slice.
PLAIN = {
    "end": ONE,
    "failure": "skript: s\ndo: [{raise: {type: a.b, message: no}}]\n",
    "call": CALL,
    "calls": "skript: s\ndo: [{for: i, in: range(9), parallel: true, do: [{call: t.note}]}]\n",
    "line": "skript: s\ndo: [{log: hello}, {return: 1}]\n",
    "long": "skript: s\ndo: [{for: i, in: range(30000), do: [{set: {n: '${i}'}}]}, {return: 1}]\n",
}
#: What asks for more than a row and a journal can say, and so is written as a new job.
MORE = {
    "timer": "skript: s\ndo: [{wait: 1s}, {return: 1}]\n",
    "listener": "skript: s\ndo: [{listen: it, timeout: 1s}]\n",
    "message": "skript: s\ndo: [{emit: it}, {return: 1}]\n",
    "child": "skript: s\ndo: [{run: one, into: n}, {return: '${n}'}]\n",
    "slot": "skript: s\ndo: [{call: t.limited}, {return: 1}]\n",
    "queue": "skript: s\ndo: [{call: t.note, queue: far}, {return: 1}]\n",
    "notice": f"{PLAIN['failure']}on_failure: {{call: t.note}}\n",
    "deadline": "skript: s\ntimeout: 1m\ndo: [{call: t.note}, {return: 1}]\n",
}


class Telling(MemoryStore):
    """Notes what jobs were created with."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock.now_ms)
        self.notes: list[Any] = []
        self.commits = 0

    async def submit(self, jobs: Sequence[JobRow], *args: Any, **more: Any) -> list[Submitted]:
        journals: Mapping[str, Sequence[Event]] = args[1]
        found = await super().submit(jobs, *args, **more)
        await asyncio.sleep(0)
        for row in jobs:
            events = [type(one).__name__ for one in journals.get(row.id, ())]
            self.notes.append((row.status, events))
        return found

    async def commit(self, units: Any) -> Any:
        self.commits += 1
        return await super().commit(units)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def handlers(told: list[str]) -> list[Any]:
    @handler("t.note")
    async def note(params: Any, ctx: Any) -> str:
        told.append(ctx.job_id)
        return "noted"

    @handler("t.limited", limits=[concurrency(1)])
    async def limited(params: Any, ctx: Any) -> None:
        told.append(ctx.job_id)

    return [note, limited]


async def ended(rt: Runtime, id_: str, clock: Any) -> Any:
    """The job at its end, whatever it waits for."""
    while not (job := await rt.get_job(id_)).ended:
        await asyncio.sleep(0)
        clock.pass_ms(500)
    return job


async def test_a_job_that_ends_at_once_is_one_commit(runtime: Start, clock: Any) -> None:
    store = Telling(clock)
    rt = await runtime(store=store)
    made = await rt.submit(Submission(ONE))
    assert store.notes == [("Completed", ["Started", "Finished"])]
    assert (made.row.status, made.row.output, made.row.seq) == ("Completed", 1, 2)
    assert made.row == (await store.get([made.row.id]))[0]
    assert store.commits == 0
    assert rt._places._value == 10_000 and not rt._running().lives


async def test_calls_leave_once_the_job_is_written(
    runtime: Start, clock: Any, handlers: list[Any], told: list[str]
) -> None:
    store = Telling(clock)
    rt = await runtime(*handlers, store=store)
    submit = store.submit

    async def first(*args: Any, **more: Any) -> Any:
        for _ in range(20):
            await asyncio.sleep(0)
        assert told == []
        return await submit(*args, **more)

    store.submit = first  # type: ignore[method-assign]
    made = await rt.submit(Submission(CALL))
    assert store.notes == [("Running", ["Started"])]
    assert await rt.result(made.row.id) == "noted"
    assert told == [made.row.id]


@pytest.mark.parametrize("name", [*PLAIN, *MORE])
async def test_it_is_the_job_that_it_would_be(
    runtime: Start, clock: Any, handlers: list[Any], name: str
) -> None:
    """Row and journal, but for when its watcher could have begun."""
    found = []
    for drafted in (False, True):
        store = Telling(clock)
        start = clock.ms = 1_700_000_000_000
        rt = await runtime(*handlers, store=store, ids=SeededIds(1), queues=("", "far"))
        await rt.deploy(ONE)
        item = Submission((PLAIN | MORE)[name], labels={"a": "b"}, priority=3)
        if drafted:
            id_ = (await rt.submit(item)).row.id
            assert bool(store.notes[0][1]) == (name in PLAIN), store.notes
        else:
            text: Any = item.skript
            id_ = (await rt.submit_job(text, labels={"a": "b"}, priority=3)).id
            assert store.notes[0] == ("Pending", [])
        job = await ended(rt, id_, clock)
        assert job.created_at == start
        (row,) = await store.get([id_])
        assert row is not None
        events = await store.journal(id_, 0, 1_000)
        assert isinstance(events[0], Started)
        # Who ended before it had an owner was never given to one.
        found.append((row._replace(epoch=0, claims=0, updated_at=0), events[0], len(events)))
        await rt.close()
    assert found[0] == found[1]


async def test_a_machine_stands_in_its_state(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    row = (await rt.submit(Submission(GATE, {"n": 2}))).row
    assert (row.status, row.state, row.data) == ("Running", "a", {"n": 2})
    await rt.send(row.id, "go")
    assert (await rt.result(row.id), (await rt.get_job(row.id)).state) == ({"n": 2}, "b")


async def test_one_that_is_there_already_has_no_effect(
    runtime: Start, store: Store, handlers: list[Any], told: list[str], settle: Settle
) -> None:
    rt = await runtime(*handlers, store=store, max_jobs=2)
    first = await rt.submit(Submission(CALL, key="k"))
    again, same = await asyncio.gather(
        rt.submit(Submission(CALL, key="k")), rt.submit(Submission(CALL, id=first.row.id))
    )
    assert (again.outcome, again.row.id) == (same.outcome, same.row.id) == ("exists", first.row.id)
    twice = [rt.submit(Submission(CALL, id="twice")) for _ in range(2)]
    assert [one.outcome for one in await asyncio.gather(*twice)] == ["created", "exists"]
    assert await rt.result("twice") == await rt.result(first.row.id) == "noted"
    await settle()
    assert sorted(told) == sorted([first.row.id, "twice"])
    assert rt._places._value == 2 and not rt._running().lives


async def test_a_first_slice_that_is_too_large_costs_its_job_alone(
    runtime: Start, clock: Any, handlers: list[Any], told: list[str], settle: Settle
) -> None:
    """Those that are written with it are each there once, and stay here."""
    tried: list[int] = []

    class Small(Telling):
        async def submit(self, jobs: Any, *args: Any, **more: Any) -> Any:
            tried.append(len(jobs))
            if any(row.output == "large" for row in jobs):
                raise StoreTooLargeError("too large")
            return await super().submit(jobs, *args, **more)

        async def commit(self, units: Any) -> Any:
            if any(unit.row and unit.row.output == "large" for unit in units):
                raise StoreTooLargeError("too large")
            return await super().commit(units)

    rt = await runtime(*handlers, store=Small(clock))
    large = "skript: large\ndo: [{return: large}]\n"
    texts = (ONE, large, CALL, MORE["timer"])
    made = await asyncio.gather(*(rt.submit(Submission(one)) for one in texts))
    assert [one.row.status for one in made] == ["Completed", "Pending", "Running", "Pending"]
    assert not rt._running().lease.owing
    jobs = [await ended(rt, one.row.id, clock) for one in made]
    assert [job.status for job in jobs] == ["Completed", "Failed", "Completed", "Completed"]
    assert jobs[1].error["type"] == "limit.size"
    assert told == [made[2].row.id]
    assert tried == [4, 1, 1, 1, 1, 1]
    await rt.submit(Submission(large))
    assert tried[6:] == [1, 1]
    await settle()
    assert rt._places._value == 10_000 and not rt._running().lives


async def test_one_that_cannot_begin_costs_the_others_nothing(
    runtime: Start, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rt = await runtime(store=Telling(clock), max_jobs=3)

    def env(names: Sequence[str]) -> dict[str, Any]:
        if names:
            raise ValueError("injected")
        return {}

    monkeypatch.setattr(rt._running(), "env", env)
    odd = ONE.replace("do:", "env: [ODD]\ndo:")
    some = [rt.submit(Submission(one)) for one in (ONE, odd, ONE)]
    found = await asyncio.gather(*some, return_exceptions=True)
    assert [str(one) if isinstance(one, Exception) else one.outcome for one in found] == [
        "created", "injected", "created"
    ]  # fmt: skip
    assert rt._places._value == 3


async def test_a_store_that_was_asked_twice_made_it_once(
    runtime: Start, clock: Any, handlers: list[Any], told: list[str]
) -> None:
    """An id that was made here is nobody else's."""
    store = Telling(clock)
    rt = await runtime(*handlers, store=FaultyStore(store, Once("submit", "twice")))
    made = await rt.submit(Submission(CALL))
    assert made.outcome == "created"
    assert await rt.result(made.row.id) == "noted"
    assert told == [made.row.id]


async def test_whose_lease_has_run_out_lets_nothing_out(
    runtime: Start, clock: Any, handlers: list[Any], told: list[str], settle: Settle
) -> None:
    """Between the look at it and the commit: whoever claims the job goes on with it."""
    store = Telling(clock)
    rt = await runtime(*handlers, store=store)
    submit = store.submit

    async def late(*args: Any, **more: Any) -> Any:
        clock.ms += 60_000
        return await submit(*args, **more)

    store.submit = late  # type: ignore[method-assign]
    made = await rt.submit(Submission(CALL))
    await settle()
    assert (told, made.row.owner, rt._running().lives) == ([], None, {})
    assert rt._places._value == 10_000
    assert await rt.result(made.row.id) == "noted"
    assert told == [made.row.id]


async def test_they_have_so_much_time(
    runtime: Start, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is left over begins with the next tick."""
    monkeypatch.setattr(writing, "SLICE", -1.0)
    store = Telling(clock)
    rt = await runtime(store=store)
    receipts = await rt.submit_many([Submission(ONE)] * 3)
    assert [status for status, _ in store.notes] == ["Completed", "Pending", "Pending"]
    assert [await rt.result(one.id) for one in receipts if one.id] == [1, 1, 1]


async def test_none_of_its_events_is_older_than_the_job(runtime: Start, clock: Any) -> None:
    """Nor its end, though one reading of the clock serves for several."""
    rt = await runtime(store=MemoryStore(clock.now_ms))
    driver = rt._running()
    driver.at()
    driver.fresh_until = float("inf")
    clock.ms += 1
    made = await rt.submit(Submission(ONE))
    (started, _) = await rt.store.journal(made.row.id, 0, 9)
    assert made.row.created_at <= started.at <= made.row.updated_at
