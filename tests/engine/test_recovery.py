"""A job whose worker is gone is gone on with, wherever it was, and nothing of it is lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import ManualClock, held

from runeskript import concurrency, rate
from runeskript.engine import recovery, snapshots
from runeskript.engine.handlers import handler
from runeskript.engine.ids import SystemIds
from runeskript.engine.runtime import Runtime
from runeskript.errors import StepError, StoreBusyError, StoreError, StoreFullError
from runeskript.kernel import load, replay
from runeskript.model import blueprint_codec
from runeskript.model.batches import unfold_events
from runeskript.model.events import CallDone, Event, Started
from runeskript.model.ids import idempotency_key
from runeskript.stores.base import RowChange, Store, Unit
from runeskript.stores.memory import MemoryStore
from runeskript.stores.queries import JobFilter
from runeskript.stores.sqlite import SqliteStore

pytestmark = pytest.mark.usefixtures("time_passes")

ORDER = """
skript: order
do:
  - try:
      - for: i
        in: range(5)
        parallel: 2
        collect: got
        do:
          - call: work
            with: {what: "item ${i}", salt: "${uuid()}"}
            into: r
            retry: {max: 3, backoff: 5ms..10ms}
          - yield: r
      - for: i
        in: range(3)
        parallel: true
        collect: more
        do:
          - call: quick
            with: {what: "quick ${i}"}
            into: r
          - yield: r
      - call: work
        with: {what: reserve}
        undo: {call: work, with: {what: release}}
      - wait: 50ms
      - parallel:
          sends:
            - emit: ping
              key: job.id
              keep: 1h
              with: "${len(got)}"
          hears:
            - listen: ping
              key: job.id
              into: heard
      - run: part
        with: {n: 2}
        into: part
      - raise: {type: stop, compensate: true}
    catch:
      - when: error.type == 'stop'
        do:
          - call: work
            with: {what: caught}
            into: last
  - return: ["${got}", "${more}", "${heard}", "${part}", "${last}"]
"""
PART = """
skript: part
do:
  - call: work
    with: {what: child}
    into: r
  - wait: 20ms
  - return: "${r} ${input.n}"
"""
OUTPUT = [
    [f"item {i}" for i in range(5)],
    [f"quick {i}" for i in range(3)],
    5,
    "child 2",
    "caught",
]


class Mortal:
    """A store as one process sees it, which dies before or after its ``number``-th write."""

    def __init__(self, inner: Store, number: int | None = None, when: str = "before") -> None:
        self.inner = inner
        self.number = number
        self.when = when
        self.writes = 0
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name in ("now",):
            return found
        writes = name in ("commit", "submit", "claim", "post", "refill")

        async def call(*args: Any, **more: Any) -> Any:
            mine = writes and not self.dead and self.writes == self.number
            self.writes += writes
            if mine and self.when == "before":
                self.dead = True
            if self.dead:
                raise StoreError("the process is dead")
            result = await found(*args, **more)
            if mine:
                self.dead = True
                raise StoreError("the process is dead")
            return result

        return call

    async def close(self) -> None:
        """The store outlives the process."""


class World:
    """What outlives a process: the store, the clock, and the ledger that handlers write to."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        #: Idempotency key -> what was done, and for every attempt what it was given.
        self.ledger: dict[str, str] = {}
        self.given: dict[str, list[Any]] = {}

    @asynccontextmanager
    async def process(self, number: int | None = None, when: str = "before") -> AsyncIterator[Any]:
        @handler("work", mode="async", limits=concurrency(1))
        async def work(params: Any, ctx: Any) -> Any:
            self.given.setdefault(ctx.idempotency_key, []).append(params)
            await asyncio.sleep(0)
            if params["what"] == "item 1" and ctx.attempt == 1:
                raise StepError("flaky", "not yet", retryable=True)
            self.ledger[ctx.idempotency_key] = params["what"]
            return params["what"]

        @handler("quick", limits=[concurrency(2), rate(4, "1s")])
        async def quick(params: Any, ctx: Any) -> Any:
            self.given.setdefault(ctx.idempotency_key, []).append(params)
            self.ledger[ctx.idempotency_key] = params["what"]
            return params["what"]

        store: Any = Mortal(self.store, number, when)
        async with Runtime(
            handlers=[work, quick],
            store=store,
            clock=self.clock,
            ids=SystemIds(),
            discover_handlers=False,
            env={},
        ) as runtime:
            yield runtime

    async def live(self, number: int | None = None, when: str = "before") -> int:
        """One process, from its start to its end or death; how often it wrote."""
        async with self.process(number, when) as runtime:
            with suppress(StoreError):
                await runtime.deploy(PART)
                await runtime.submit_job(ORDER, key="one", start=number is not None)
                await runtime.work(until_idle=True)
            writes: int = runtime._store.writes
            return writes

    async def results(self) -> dict[str, int]:
        """The calls with a durable result, by idempotency key, and how often each was made."""
        rows, _ = await self.store.query(JobFilter(), None, 10)
        found: dict[str, int] = {}
        for row in rows:
            for event in unfold_events(await journal_of(self.store, row.id)):
                if isinstance(event, CallDone):
                    key = idempotency_key(row.id, event.path, event.n)
                    found[key] = len(self.given[key])
        return found


@pytest.fixture(params=["memory", "sqlite"])
def world(
    request: pytest.FixtureRequest,
    clock: ManualClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], World]:
    monkeypatch.setattr(recovery, "LOOK", 0.02)
    monkeypatch.setattr(recovery, "PACE", 0.001)
    # A snapshot with every second unit.
    monkeypatch.setattr(snapshots, "TAIL", 1)
    monkeypatch.setattr(snapshots, "TAIL_BYTES", 10**9)
    count = 0

    def make() -> World:
        nonlocal count
        count += 1
        if request.param == "memory":
            return World(MemoryStore(clock.now_ms), clock)
        path = str(tmp_path / f"jobs{count}.db")
        return World(SqliteStore(path, clock.now_ms, sync="normal"), clock)

    return make


async def journal_of(store: Store, id_: str) -> list[Event]:
    return await store.journal(id_, 0, 10_000)


async def ended_well(w: World) -> None:
    """The one job has come to its end, as if nothing had happened."""
    assert held(w.store) == []
    rows, _ = await w.store.query(JobFilter(), None, 10)
    jobs = {row.skript: row for row in rows}
    assert {name: row.status for name, row in jobs.items()} == {
        "order": "Completed",
        "part": "Completed",
    }, [(row.skript, row.status, row.reason, row.error) for row in rows]
    assert jobs["order"].output == OUTPUT
    wanted = [f"item {i}" for i in range(5)] + [f"quick {i}" for i in range(3)]
    wanted += ["reserve", "release", "child", "caught"]
    assert sorted(w.ledger.values()) == sorted(wanted)
    for given in w.given.values():
        assert all(params == given[0] for params in given)
    for row in rows:
        data = await w.store.get_blob(row.blueprint)
        assert data is not None
        journal = await journal_of(w.store, row.id)
        state = replay(load(blueprint_codec.decode(data)), journal)
        assert state.finished == journal[-1]
        loaded = await w.store.load(row.id)
        assert loaded is not None
        assert (loaded.timers, loaded.listeners, loaded.inbox, loaded.queued) == ([], [], [], [])
    if isinstance(w.store, SqliteStore):
        assert await w.store.check() == []


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_may_die_at_every_write(world: Callable[[], World], when: str) -> None:
    first = world()
    writes = await first.live(10_000)
    await ended_well(first)
    assert writes > 20
    if isinstance(first.store, SqliteStore):
        (snapshots,) = first.store._db.read("SELECT count(*) FROM snapshot")
        assert snapshots[0] > 1
    step = 1 if isinstance(first.store, MemoryStore) else 3
    for number in range(0, writes, step):
        w = world()
        await w.live(number, when)
        known = await w.results()
        await w.live()
        await ended_well(w)
        # No result that was durable is asked for again.
        assert {key: len(w.given[key]) for key in known} == known


async def test_a_process_may_die_while_it_recovers(world: Callable[[], World]) -> None:
    """Again and again, each time a little later."""
    w = world()
    for number in (2, 3, 4, 5, 6, 8, 10, 12):
        await w.live(number, "after")
    await w.live()
    await ended_well(w)


COUNTS = """
skript: counts
do:
  - call: work
    with: {what: first}
    into: x
  - set: {n: 0}
  - while: n < 9000
    do: [{set: {n: "${n + 1}"}}]
  - return: "${x} ${n}"
"""
COUNTER = """
machine: counter
initial: counting
states: {counting: {do: [{call: work, with: {what: first}}]}, done: {final: true}}
transitions:
  - from: counting
    event: done
    to: done
    do:
      - set: {n: 0}
      - while: n < 9000
        do: [{set: {n: "${n + 1}"}}]
      - set: {data.n: "${n}"}
"""


@pytest.mark.parametrize(("doc", "output"), [(COUNTS, "first 9000"), (COUNTER, {"n": 9000})])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_may_die_while_a_run_computes_its_end(
    world: Callable[[], World], doc: str, output: Any, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replay does not stop at the slices of before: it may come to the end by itself."""
    monkeypatch.setattr(snapshots, "TAIL", 50)  # else it begins where the slice ended
    writes = number = 0
    while number <= writes:
        w = world()
        async with w.process(number if number else 10_000, when) as runtime:
            with suppress(StoreError):
                await runtime.submit_job(doc, {}, key="one")
                await runtime.work(until_idle=True)
            writes = max(writes, runtime._store.writes)
        async with w.process() as runtime:
            job = await runtime.submit_job(doc, {}, key="one", start=False)
            await runtime.work(until_idle=True)
            row = await runtime.get_job(job.id)
            assert (row.status, row.output) == ("Completed", output), (number, row)
            journal = await journal_of(w.store, job.id)
            data = await w.store.get_blob((await w.store.get([job.id]))[0].blueprint)  # type: ignore[union-attr]
            assert data is not None
            state = replay(load(blueprint_codec.decode(data)), journal)
            assert state.finished == journal[-1]
        number += 1
    assert writes > 6


async def _failing_first(find: Any, failures: list[StoreError], *of: Any) -> Any:
    if failures:
        raise failures.pop()
    return await find(*of)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_child_that_there_cannot_be_is_not_waited_for(
    world: Callable[[], World], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Whenever the process dies, the job is told; and a store that fails is no such answer."""
    doc = "skript: s\ndo:\n  - run: nobody\n"
    for number in range(8):
        w = world()
        async with w.process(number, when) as runtime:
            with suppress(StoreError):
                await runtime.submit_job(doc, key="one")
                await runtime.work(until_idle=True)
        async with w.process() as runtime:
            answers = [StoreBusyError("the file is locked")] if number % 2 else []
            find = partial(_failing_first, runtime._skripts.find, answers)
            monkeypatch.setattr(runtime._skripts, "find", find)
            job = (await runtime.submit_job(doc, key="one", start=False)).id
            await runtime.work(until_idle=True)
            row = await runtime.get_job(job)
            assert (row.status, row.error["type"]) == ("Failed", "skript.unknown")


async def test_a_submitted_job_runs_nothing(world: Callable[[], World]) -> None:
    w = world()
    async with w.process() as runtime:
        job = await runtime.submit_job(
            "skript: s\ndo:\n  - call: quick\n    with: {what: x}\n", start=False
        )
        await asyncio.sleep(0.01)
        assert (await runtime.get_job(job.id)).status == "Pending"
        assert w.ledger == {}
    async with w.process() as runtime:
        await runtime.work(until_idle=True)
        assert (await runtime.get_job(job.id)).status == "Completed"
    assert list(w.ledger.values()) == ["x"]


WAITS = "skript: w\ndo:\n  - listen: t\n    key: 1\n    into: x\n  - return: ${x}\n"


async def test_idle_is_when_only_messages_are_waited_for(world: Callable[[], World]) -> None:
    w = world()
    async with w.process() as runtime:
        job = await runtime.submit_job(WAITS, start=False)
        await runtime.work(until_idle=True)
    (row,) = await w.store.get([job.id])
    assert row is not None
    assert (row.status, row.owner, row.due) == ("Running", None, None)
    async with w.process() as runtime:
        assert await runtime.signal("t", key=1, data="hi") == "accepted"
        await runtime.work(until_idle=True)
        assert await runtime.result(job.id) == "hi"


async def test_what_one_process_posts_reaches_the_other(world: Callable[[], World]) -> None:
    w = world()
    if isinstance(w.store, MemoryStore):
        pytest.skip("the memory store is one process's")
    async with w.process() as runs, w.process() as posts:
        job = await runs.submit_job(WAITS)
        while not (await w.store.load(job.id)).listeners:  # type: ignore[union-attr]
            await asyncio.sleep(0)
        await posts.signal("t", key=1, data="hi")
        assert await runs.result(job.id) == "hi"
        other = await runs.submit_job(WAITS)
        await posts.cancel_job(other.id)
        with pytest.raises(Exception, match="cancelled"):
            await posts.result(other.id)


async def test_a_job_that_is_not_what_it_was_is_parked(world: Callable[[], World]) -> None:
    """A typed error that names the step; and the others go on."""
    w = world()
    async with w.process() as runtime:
        bad = await runtime.submit_job(
            "skript: s\ndo:\n  - call: quick\n    with: {what: x}\n", start=False
        )
        good = await runtime.submit_job(
            WAITS.replace("listen: t", "wait: 5ms")
            .replace("    key: 1\n    into: x\n", "")
            .replace("${x}", "1"),
            start=False,
        )
        runtime._recovery._know_handlers()
        worker = runtime._running().lease.worker
        claimed = await w.store.claim(worker, 9, [bad.id])
        ((_, epoch),) = claimed.jobs
        (row,) = await w.store.get([bad.id])
        assert row is not None
        start = Started(1, row.blueprint, {"id": row.id}, None, {}, "00" * 16)
        done = CallDone(2, (), 1, "/do/7", 1, None)
        unit = Unit(row.id, epoch, 0, [start, done], RowChange("Running", 1))
        assert (await w.store.commit([unit]))[0].outcome == "ok"
        await w.store.release(worker.id)
    async with w.process() as runtime:
        await runtime.work(until_idle=True)
        assert (await runtime.get_job(good.id)).status == "Completed"
        job = await runtime.get_job(bad.id)
        assert job.status == "Suspended"
    (row,) = await w.store.get([bad.id])  # type: ignore[assignment]
    assert "/do/0 in replay, /do/7 in the journal" in str(row.reason)


async def test_what_was_parked_before_it_began_may_begin_and_end_at_once(
    world: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world()

    async def broken(*_: Any) -> Any:
        raise RuntimeError("a defect")

    async with w.process() as runtime:
        job = await runtime.submit_job("skript: s\ndo:\n  - return: 1\n", start=False)
        with monkeypatch.context() as patched:
            patched.setattr(runtime._skripts, "program", broken)
            await runtime.work(until_idle=True)
        (row,) = await w.store.get([job.id])
        assert row is not None
        assert (row.status, row.seq) == ("Suspended", 0)
        await runtime.resume_job(job.id)
        await runtime.work(until_idle=True)
        assert (await runtime.get_job(job.id)).status == "Completed"


async def test_jobs_that_cannot_be_loaded_now_are_given_back(
    world: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that fails between claim and load keeps no job from anybody."""
    w = world()
    doc = "skript: s\ndo:\n  - call: quick\n    with: {what: x}\n"
    async with w.process() as runtime:
        jobs = [await runtime.submit_job(doc, start=False) for _ in range(3)]
        load = w.store.load_many

        async def failing(jobs: list[str]) -> Any:
            raise StoreBusyError("the file is locked")

        monkeypatch.setattr(w.store, "load_many", failing)
        taking = runtime._recovery
        taking._know_handlers()
        with pytest.raises(StoreBusyError):
            await taking.take()
        monkeypatch.setattr(w.store, "load_many", load)
        await runtime._running().lease.give_back()
        rows = await w.store.get([job.id for job in jobs])
        assert [row.owner for row in rows if row is not None] == [None] * 3
        await runtime.work(until_idle=True)
        assert len(w.ledger) == 3


async def test_a_worker_is_not_done_before_the_last_end_is_durable(
    world: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a commit is under way nothing of its job may be left to do, and it is not over yet."""
    w = world()
    commit, claim, claims = w.store.commit, w.store.claim, 0
    asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def looking(*args: Any) -> Any:
        nonlocal claims
        found = await claim(*args)
        claims += 1
        if claims == 3 and not asked.done():
            asked.set_result(None)
        return found

    async def slow(units: Any) -> Any:
        nonlocal claims
        if any(unit.row is not None and unit.row.status == "Completed" for unit in units):
            claims = 0
            await asked
            await asyncio.sleep(0)
        return await commit(units)

    async with w.process() as runtime:
        await runtime.submit_job("skript: s\ndo:\n  - return: 1\n", start=False)
        monkeypatch.setattr(w.store, "commit", slow)
        monkeypatch.setattr(w.store, "claim", looking)
        ended = await runtime.work(until_idle=True)
        assert ended["Completed"] == 1


@pytest.mark.parametrize(("error", "ends"), [(StoreFullError, True), (StoreBusyError, False)])
async def test_a_worker_that_cannot_commit_says_so(
    world: Callable[[], World],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: type[StoreError],
    ends: bool,
) -> None:
    """A full disk ends it, with the error and no traceback; a lock passes. No job is lost."""
    w = world()
    doc = "skript: s\ndo:\n  - call: quick\n    with: {what: x}\n"
    commit, failed = w.store.commit, 0

    async def failing(units: Any) -> Any:
        nonlocal failed
        if failed:
            return await commit(units)
        failed += 1
        raise error("not now")

    async with w.process() as runtime:
        for _ in range(3):
            await runtime.submit_job(doc, start=False)
        monkeypatch.setattr(w.store, "commit", failing)
        if ends:
            with pytest.raises(StoreFullError, match="not now"):
                await runtime.work(until_idle=True)
        else:
            await runtime.work(until_idle=True)
        assert failed
        assert "no commit is possible" in caplog.text
        assert "Traceback" not in caplog.text
    async with w.process() as runtime:
        await runtime.work(until_idle=True)
        assert len(w.ledger) == 3


async def test_a_timer_that_fired_leaves_the_store(world: Callable[[], World]) -> None:
    """With the event it became, and not with the end of the job."""
    w = world()
    async with w.process() as runtime:
        job = await runtime.submit_job(
            """
skript: s
do:
  - for: i
    in: range(3)
    parallel: true
    do:
      - wait: 5ms
  - wait: 5ms
  - call: quick
    with: {what: x}
    timeout: 1h
  - listen: t
    timeout: 1h
    into: x
"""
        )
        loaded: Any = None
        while loaded is None or not loaded.listeners:
            await asyncio.sleep(0.001)
            loaded = await w.store.load(job.id)
        assert [timer.kind for timer in loaded.timers] == ["timeout"]
        assert not runtime._running().lives[job.id].fired
        assert await runtime.signal("t") == "accepted"
        await runtime.result(job.id)
