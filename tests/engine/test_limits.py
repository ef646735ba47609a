"""Limits that all workers of a store share: how many calls at once, how many in a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.engine.conftest import Lasting, ManualClock, held

from probes import CALL, FAN
from runeskript import concurrency, rate
from runeskript.engine.handlers import handler
from runeskript.engine.handlers.limits import MOST_LIMITS, MOST_SLOTS, CallLimit, parse_limit
from runeskript.engine.ids import SystemIds
from runeskript.engine.reasons import reason_of
from runeskript.engine.runtime import Runtime
from runeskript.errors import HandlerDefinitionError, JobCancelledError, StepError
from runeskript.stores.base import Store

Settle = Callable[..., Awaitable[None]]
TWO_CALLS = FAN.replace(
    "      - yield: r\n", "      - call: probe\n        into: r\n      - yield: r\n"
)


class Probe:
    """A handler that is let go call by call, and counts how many of its calls run at once."""

    def __init__(self, *limits: CallLimit, **options: Any) -> None:
        self.limits = limits
        self.options = options
        self.began: list[Any] = []
        self.running: Counter[Any] = Counter()
        self.most: Counter[Any] = Counter()
        self.go = asyncio.Event()

    def handler(self) -> Any:
        @handler("probe", limits=self.limits, **self.options)
        async def probe(params: Any, ctx: Any) -> Any:
            key = repr(params.get("key"))
            self.began.append(params.get("i"))
            self.running[key] += 1
            self.most[key] = max(self.most[key], self.running[key])
            self.most["all"] = max(self.most["all"], sum(self.running.values()))
            try:
                await self.go.wait()
            finally:
                self.running[key] -= 1
            return params.get("i")

        return probe


class World:
    """Workers on one store, which outlives them."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock

    def worker(self, *handlers: Any, **options: Any) -> Runtime:
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


@pytest.fixture
def world(store: Store, clock: ManualClock) -> World:
    return World(store, clock)


@pytest.mark.parametrize("document", [FAN, TWO_CALLS], ids=["fork-call", "tokens"])
async def test_at_most_so_many_at_once(world: World, settle: Settle, document: str) -> None:
    probe = Probe(concurrency(3))
    async with world.worker(probe.handler()) as runtime:
        job = await runtime.submit_job(document, {"n": 10})
        await settle()
        assert len(probe.began) == 3
        assert held(world.store) == ["concurrency:probe"]
        probe.go.set()
        result = await runtime.result(job.id)
        again = 2 if document is TWO_CALLS else 1
        assert len(probe.began) == 10 * again
        assert probe.most["all"] == 3
        assert result == ([None] * 10 if again == 2 else list(range(10)))
    assert held(world.store) == []


async def test_several_jobs_share_the_slots(world: World, settle: Settle) -> None:
    probe = Probe(concurrency(2))
    async with world.worker(probe.handler()) as runtime:
        jobs = [await runtime.submit_job(CALL) for _ in range(5)]
        await settle()
        assert len(probe.began) == 2
        probe.go.set()
        for job in jobs:
            assert await runtime.result(job.id) is None
        assert probe.most["all"] == 2
    assert held(world.store) == []


async def test_for_each_value_of_a_parameter(world: World, settle: Settle) -> None:
    probe = Probe(concurrency(1, key="key"))
    document = FAN.replace(
        '{i: "${i}"}', "{i: \"${i}\", key: \"${['a', 'b', 1, 1.0, {}][i % 5]}\"}"
    )
    async with world.worker(probe.handler()) as runtime:
        job = await runtime.submit_job(document, {"n": 10})
        await settle()
        # 1 and 1.0 are the same.
        assert sorted(probe.began) == [0, 1, 2, 4]
        probe.go.set()
        assert await runtime.result(job.id) == list(range(10))
    assert held(world.store) == []


async def test_a_rate(world: World, settle: Settle, clock: ManualClock) -> None:
    probe = Probe(rate(2, "1s"))
    probe.go.set()
    async with world.worker(probe.handler()) as runtime:
        job = await runtime.submit_job(FAN, {"n": 5})
        for began in (2, 4, 5):
            await settle()
            assert len(probe.began) == began
            clock.pass_ms(999)
            await settle()
            assert len(probe.began) == began
            clock.pass_ms(1)
        assert await runtime.result(job.id) == list(range(5))


async def test_limits_of_both_kinds_and_shared_names(world: World, settle: Settle) -> None:
    """A call begins when it has a slot of each; handlers that name the same line share it."""
    probe = Probe(concurrency(2, name="shop"), concurrency(1, key="key"))

    @handler("other", limits=[concurrency(2, name="shop")])
    async def other(params: Any, ctx: Any) -> Any:
        probe.began.append("other")
        await probe.go.wait()
        return "other"

    document = "skript: two\ndo:\n  - parallel:\n" + "".join(
        f"      b{i}:\n        - call: {name}\n          with: {{i: {i}, key: k}}\n"
        for i, name in enumerate(["probe", "probe", "other", "other"])
    )
    async with world.worker(probe.handler(), other) as runtime:
        job = await runtime.submit_job(document)
        await settle()
        # The second probe waits for its key and is in the line of the shop before the others.
        assert probe.began == [0]
        probe.go.set()
        await runtime.result(job.id)
        assert sorted(map(str, probe.began)) == ["0", "1", "other", "other"]
    assert held(world.store) == []


async def test_two_workers_share_the_slots(world: World, settle: Settle) -> None:
    probe = Probe(concurrency(2))
    async with world.worker(probe.handler()) as one, world.worker(probe.handler()) as two:
        jobs = [await runtime.submit_job(FAN, {"n": 3}) for runtime in (one, two)]
        await settle()
        assert len(probe.began) == 2
        probe.go.set()
        for runtime, job in zip((one, two), jobs, strict=True):
            while True:
                for each in (one, two):  # what the follower of a file does by itself
                    await each._running().collect()
                    each._running().poke()
                await settle(5)
                (row,) = await world.store.get([job.id])
                assert row is not None
                if row.status == "Completed":
                    break
            assert await runtime.result(job.id) == [0, 1, 2]
        assert probe.most["all"] == 2
    assert held(world.store) == []


async def test_the_timeout_of_an_attempt_begins_with_its_slot(
    world: World, settle: Settle, clock: ManualClock
) -> None:
    probe = Probe(concurrency(1), timeout="1s")
    async with world.worker(probe.handler()) as runtime:
        job = await runtime.submit_job(FAN, {"n": 2})
        await settle()
        clock.pass_ms(900)
        probe.go.set()
        await settle()
        clock.pass_ms(900)
        assert await runtime.result(job.id) == [0, 1]


async def test_an_attempt_that_failed_stands_in_line_again(
    world: World, settle: Settle, clock: ManualClock
) -> None:
    began: list[int] = []

    @handler("probe", limits=concurrency(1))
    async def probe(params: Any, ctx: Any) -> Any:
        began.append(params["i"])
        if began.count(params["i"]) == 1:
            raise StepError("flaky", "once", retryable=True)
        return params["i"]

    document = FAN.replace(
        "        into: r\n", "        into: r\n        retry: {max: 3, backoff: 1ms..10ms}\n"
    )
    async with world.worker(probe) as runtime:
        job = await runtime.submit_job(document, {"n": 3})
        await settle()
        assert began == [0, 1, 2], "the others come first"
        clock.pass_ms(10)
        assert await runtime.result(job.id) == [0, 1, 2]
        assert sorted(began) == [0, 0, 1, 1, 2, 2]
    assert held(world.store) == []


async def test_a_cancelled_job_leaves_its_lines(world: World, settle: Settle) -> None:
    probe = Probe(concurrency(1))
    async with world.worker(probe.handler()) as runtime:
        jobs = [await runtime.submit_job(FAN, {"n": 2}) for _ in range(2)]
        await settle()
        assert len(probe.began) == 1
        await runtime.cancel_job(jobs[0].id, "enough")
        with pytest.raises(JobCancelledError):
            await runtime.result(jobs[0].id)
        await settle()
        assert len(probe.began) == 2, "the other job's turn has come"
        probe.go.set()
        assert await runtime.result(jobs[1].id) == [0, 1]
    assert held(world.store) == []


async def test_a_branch_that_lost_leaves_its_line(world: World, settle: Settle) -> None:
    probe = Probe(concurrency(1))
    document = """
skript: race
do:
  - parallel:
      first:
        - call: probe
          with: {i: 1}
        - yield: 1
      second:
        - call: probe
          with: {i: 2}
          undo: {call: probe, with: {i: undo}}
        - yield: 2
    join: any
    into: won
  - call: probe
    with: {i: 3}
  - return: ${won}
"""
    async with world.worker(probe.handler()) as runtime:
        job = await runtime.submit_job(document)
        await settle()
        assert probe.began == [1]
        probe.go.set()
        assert await runtime.result(job.id) == 1
        assert probe.began == [1, 3]
    assert held(world.store) == []


async def test_a_paused_job_holds_no_slot(world: World, settle: Settle) -> None:
    probe = Probe(concurrency(1))
    async with world.worker(probe.handler()) as runtime:
        first, second = [await runtime.submit_job(FAN, {"n": 1}) for _ in range(2)]
        await settle()
        await runtime.pause_job(second.id)
        await settle()
        third = await runtime.submit_job(FAN, {"n": 1})
        await settle()
        probe.go.set()
        assert await runtime.result(first.id) == [0]
        assert await runtime.result(third.id) == [0], "nobody waits for one that stands still"
        assert held(world.store) == []
        await runtime.resume_job(second.id)
        await runtime.work(until_idle=True)
        assert await runtime.result(second.id) == [0]
        assert probe.most["all"] == 1
    assert held(world.store) == []


async def test_a_job_that_failed_and_is_retried_stands_in_line(world: World) -> None:
    broken = True

    @handler("probe", limits=concurrency(1))
    async def probe(params: Any, ctx: Any) -> Any:
        if broken:
            raise StepError("broken", "for now")
        return params.get("i")

    async with world.worker(probe) as runtime:
        result = await runtime.run_job(CALL)
        assert result.status == "Failed"
        assert held(world.store) == []
        broken = False
        await runtime.retry_job(result.id)
        await runtime.work(until_idle=True)
        assert (await runtime.get_job(result.id)).status == "Completed"
    assert held(world.store) == []


async def test_a_worker_that_is_gone_leaves_slots_to_its_jobs(
    world: World, settle: Settle, clock: ManualClock
) -> None:
    """Whoever goes on repeats the calls that hold slots; the others keep their places."""
    probe = Probe(concurrency(2))
    dead = world.worker(probe.handler())
    await dead.__aenter__()
    job = await dead.submit_job(FAN, {"n": 5})
    await settle()
    assert len(probe.began) == 2
    driver = dead._running()
    driver.lease._task.cancel()  # type: ignore[union-attr]
    if dead._follower is not None:
        dead._follower.cancel()
    await driver.tasks.close()
    clock.pass_ms(6_000)
    probe.running.clear()
    probe.began.clear()
    async with world.worker(probe.handler()) as runtime:
        taking = asyncio.ensure_future(runtime.result(job.id))
        while len(probe.began) < 2:
            await asyncio.sleep(0)
        await settle()
        assert sorted(probe.began) == [0, 1]
        probe.go.set()
        assert await taking == list(range(5))
        assert probe.most["all"] == 2
    assert held(world.store) == []


async def test_limits_of_a_runtime(world: World, settle: Settle) -> None:
    """For handlers that others wrote; they come on top of what the handler declares."""
    probe = Probe(concurrency(4))
    async with world.worker(
        probe.handler(), limits={"probe": concurrency(2, name="all")}
    ) as runtime:
        job = await runtime.submit_job(FAN, {"n": 6})
        await settle()
        assert len(probe.began) == 2
        assert held(world.store) == ["concurrency:all", "concurrency:probe"]
        probe.go.set()
        assert await runtime.result(job.id) == list(range(6))


async def test_calls_in_a_group_are_committed_where_they_are_limited(
    world: World, settle: Settle
) -> None:
    probe = Probe(concurrency(1), pure=True)
    document = "skript: row\ndo:\n" + "".join(
        f"  - call: probe\n    with: {{i: {i}}}\n" for i in range(3)
    )
    async with world.worker(probe.handler()) as runtime:
        probe.go.set()
        assert (await runtime.run_job(document)).ok
        assert probe.began == [0, 1, 2]
    assert held(world.store) == []


# --- what is declared ---------------------------------------------------------------------------
def test_what_is_written() -> None:
    assert parse_limit("8") == concurrency(8)
    assert parse_limit("100/1s") == rate(100, "1s")
    assert parse_limit("1@customer.id") == concurrency(1, key="customer.id")
    assert parse_limit("5/1m@shop") == rate(5, "1m", key="shop")


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "x", "1/", "1/x", "1@", "1 @x", "1/0s", "99999999"]
)
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(HandlerDefinitionError):
        parse_limit(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: concurrency(0),
        lambda: concurrency(True),
        lambda: concurrency(MOST_SLOTS + 1),
        lambda: concurrency(1, key=""),
        lambda: concurrency(1, name="x" * 129),
        lambda: rate(1, "0s"),
        lambda: rate(1, "soon"),
        lambda: Runtime(handlers=[Probe(*[concurrency(1)] * (MOST_LIMITS + 1)).handler()]),
        lambda: Runtime(handlers=[Probe("8").handler()]),  # type: ignore[arg-type]
        lambda: Runtime(limits={"x": 8}),  # type: ignore[dict-item]
    ],
)  # fmt: skip
def test_what_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(HandlerDefinitionError):
        make()


def test_the_names_of_lines() -> None:
    """Equal values have one line, whatever they look like; long ones are cut to a hash."""

    def name(value: Any) -> str:
        return concurrency(1, key="a.b").of("h", {"a": {"b": value}}).name

    assert name("x") == 'concurrency:h[a.b="x"]'
    assert name(1) == name(1.0) != name(True)
    assert name(None) == concurrency(1, key="a.b").of("h", {}).name
    assert len(name("x" * 1000)) < 60
    assert name({"p": 1, "q": 2}) == name({"q": 2.0, "p": 1})
    assert rate(1, "1s", name="shared").of("h", {}).name == "rate:shared"


async def test_why_names_the_line(world: World, settle: Settle) -> None:
    probe = Probe(concurrency(1, key="key"))
    async with world.worker(probe.handler()) as runtime:
        jobs = [await runtime.submit_job(CALL) for _ in range(2)]
        await settle()
        (row,) = await world.store.get([jobs[1].id])
        assert row is not None
        reason = await reason_of(world.store, row)
        assert "a slot of limit concurrency:probe[key=null]" in str(reason)
        probe.go.set()
        for job in jobs:
            await runtime.result(job.id)


def test_what_it_says_of_itself() -> None:
    assert str(concurrency(8)) == "at most 8 at once on all workers"
    assert str(rate(5, "90s", key="a.b", name="shop")) == (
        "at most 5 in 90s on all workers for each a.b, with all of shop"
    )
