"""Schedules of a store: each tick gets one job, whoever looks, and whenever they die."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.engine.conftest import ManualClock
from tests.engine.test_recovery import Mortal

from runeskript.engine import registered, schedules
from runeskript.engine.handlers import handler
from runeskript.engine.ids import SystemIds
from runeskript.engine.runtime import Runtime
from runeskript.engine.schedules import Schedules
from runeskript.engine.ticks import Ticks
from runeskript.errors import (
    InputError,
    RuntimeOptionError,
    ScheduleNotFoundError,
    StoreDamagedError,
    StoreError,
    VersionConflictError,
)
from runeskript.model.schedule import Schedule
from runeskript.stores.base import JobRow, Store
from runeskript.stores.queries import JobFilter
from runeskript.stores.sqlite import SqliteStore

Start = Callable[..., Awaitable[Runtime]]

MINUTE = 60_000
TICK = """
skript: tick
schedule: {every: 1m, missed: MISSED, overlap: OVERLAP}
labels: {team: shop}
input: {type: object, properties: {n: {type: integer}}}
do:
  - return: ["${job.key}", "${input}"]
"""
WAITS = TICK.replace("do:\n", "do:\n  - listen: go\n")


@pytest.fixture(name="store")
def store_(kept: Store, clock: ManualClock) -> Store:
    clock.ms -= clock.ms % MINUTE
    return kept


def doc(missed: str = "skip", overlap: str = "skip", text: str = TICK) -> str:
    return text.replace("MISSED", missed).replace("OVERLAP", overlap)


async def minutes(rt: Runtime, clock: ManualClock, count: int = 1) -> None:
    """One after the other; whatever is due then is worked off."""
    for _ in range(count):
        clock.pass_ms(MINUTE)
        await rt.work(until_idle=True)


async def jobs(store: Store) -> list[JobRow]:
    rows, _ = await store.query(JobFilter(), None, 2_000)
    return rows[::-1]


async def ticks(store: Store, start: int) -> list[int]:
    """The minutes behind the start of which there are jobs."""
    found = [str(row.key).removeprefix("tick ") for row in await jobs(store)]
    return [
        (int(datetime.fromisoformat(one).timestamp() * 1000) - start) // MINUTE for one in found
    ]


async def test_a_tick_becomes_a_job(runtime: Start, store: Store, clock: ManualClock) -> None:
    rt = await runtime(store=store)
    plan = await rt.schedule(doc(), {"n": 1}, labels={"who": "me"}, priority=3)
    start = clock.ms
    assert (plan.next, plan.job, plan.fired) == (start + MINUTE, None, 0)
    await rt.work(until_idle=True)
    assert await jobs(store) == []
    await minutes(rt, clock)
    (row,) = await jobs(store)
    assert (row.status, row.priority) == ("Completed", 3)
    assert row.labels == {"team": "shop", "who": "me", "schedule": "tick"}
    assert row.output == [row.key, {"n": 1}]
    assert row.key is not None
    assert row.key.startswith("tick 20")
    await rt.work(until_idle=True)
    assert len(await jobs(store)) == 1
    (plan,) = await rt.schedules()
    assert (plan.next, plan.job, plan.fired) == (start + 2 * MINUTE, row.id, 1)


@pytest.mark.parametrize(
    ("missed", "wanted"), [("skip", [5]), ("once", [5]), ("all", [1, 2, 3, 4, 5])]
)
async def test_ticks_that_nobody_looked_at(
    runtime: Start, store: Store, clock: ManualClock, missed: str, wanted: list[int]
) -> None:
    rt = await runtime(store=store)
    start = clock.ms
    await rt.schedule(doc(missed, "queue"))
    clock.pass_ms(5 * MINUTE + 1_000)
    await rt.work(until_idle=True)
    assert await ticks(store, start) == wanted
    clock.pass_ms(2 * MINUTE + 30_000)
    await rt.work(until_idle=True)
    later = {"skip": [], "once": [7], "all": [6, 7]}[missed]
    assert await ticks(store, start) == wanted + later
    (plan,) = await rt.schedules()
    assert plan.fired + plan.left_out == 7


async def test_a_job_that_has_not_ended(runtime: Start, store: Store, clock: ManualClock) -> None:
    rt = await runtime(store=store)
    start = clock.ms
    await rt.schedule(doc("skip", "queue", WAITS))
    await minutes(rt, clock, 3)
    assert await ticks(store, start) == [1]
    (plan,) = await rt.schedules()
    assert len(plan.waiting) == 2
    for count in (2, 3, 3):
        await rt.signal("go")
        await rt.work(until_idle=True)
        assert len(await jobs(store)) == count
    assert [row.status for row in await jobs(store)] == ["Completed"] * 3
    assert await ticks(store, start) == [1, 2, 3]


async def test_it_may_be_cancelled_for_the_next(
    runtime: Start, store: Store, clock: ManualClock
) -> None:
    rt = await runtime(store=store)
    start = clock.ms
    await rt.schedule(doc("skip", "cancel", WAITS))
    await minutes(rt, clock, 3)
    assert await ticks(store, start) == [1, 2, 3]
    assert [row.status for row in await jobs(store)] == ["Cancelled", "Cancelled", "Running"]


async def test_or_the_next_is_left_out(runtime: Start, store: Store, clock: ManualClock) -> None:
    rt = await runtime(store=store)
    start = clock.ms
    await rt.schedule(doc("skip", "skip", WAITS))
    await minutes(rt, clock, 3)
    await rt.signal("go")
    await rt.work(until_idle=True)
    await minutes(rt, clock)
    assert await ticks(store, start) == [1, 4]
    (plan,) = await rt.schedules()
    assert (plan.fired, plan.left_out) == (2, 2)


async def test_a_clock_that_is_set_back_repeats_nothing(
    runtime: Start, store: Store, clock: ManualClock
) -> None:
    rt = await runtime(store=store)
    start = clock.ms
    await rt.schedule(doc("all", "queue"))
    clock.pass_ms(2 * MINUTE)
    await rt.work(until_idle=True)
    for back in (MINUTE, 3 * MINUTE):
        clock.ms -= back
        await rt.work(until_idle=True)
        clock.pass_ms(back)
        await rt.work(until_idle=True)
    assert await ticks(store, start) == [1, 2]


async def test_many_look_and_one_creates(store: Store, clock: ManualClock) -> None:
    """All read the record before any of them writes."""
    async with Runtime(store=store, clock=clock, discover_handlers=False) as rt:
        await rt.schedule(doc("all", "queue"))
        clock.pass_ms(MINUTE)

        class Slow:
            def __getattr__(self, name: str) -> Any:
                return getattr(store, name)

            async def list_records(self, *args: Any) -> Any:
                found = await store.list_records(*args)
                await asyncio.sleep(0.01)
                return found

        slow: Any = Slow()
        looked = await asyncio.gather(*(Schedules(slow).look() for _ in range(5)))
        assert sum(count for count, _ in looked) == 1
        assert len(await jobs(store)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_it_survives_a_death_at_every_write(
    kept: Store, clock: ManualClock, when: str
) -> None:
    clock.ms -= clock.ms % MINUTE
    start = clock.ms

    async def live(number: int | None) -> int:
        store: Any = Mortal(kept, number, when)
        async with Runtime(
            store=store, clock=clock, ids=SystemIds(), discover_handlers=False, env={}
        ) as rt:
            with suppress(StoreError):
                await rt.work(until_idle=True)
        writes: int = store.writes
        return writes

    async with Runtime(store=Mortal(kept), clock=clock, discover_handlers=False) as rt:  # type: ignore[arg-type]
        await rt.schedule(doc("all", "queue"))
    clock.pass_ms(MINUTE)
    writes = await live(10_000)
    for number in range(writes):
        clock.pass_ms(MINUTE)
        await live(number)
        clock.pass_ms(10_000)  # the lease of the one that died
        await live(None)
    assert await ticks(kept, start) == list(range(1, len(await jobs(kept)) + 1))
    assert len(await jobs(kept)) >= writes + 1
    assert {row.status for row in await jobs(kept)} == {"Completed"}


async def test_it_is_paused_resumed_and_removed(
    runtime: Start, store: Store, clock: ManualClock
) -> None:
    rt = await runtime(store=store)
    start = clock.ms
    await rt.schedule(doc("all", "queue"))
    assert (await rt.pause_schedule("tick")).next is None
    clock.pass_ms(3 * MINUTE)
    await rt.work(until_idle=True)
    again = await rt.resume_schedule("tick")
    assert again.next == clock.ms + MINUTE
    await rt.work(until_idle=True)
    assert await jobs(store) == []
    await minutes(rt, clock)
    assert await ticks(store, start) == [4]
    await rt.remove_schedule("tick")
    await minutes(rt, clock)
    assert await ticks(store, start) == [4]
    for what in (rt.pause_schedule, rt.resume_schedule, rt.remove_schedule):
        with pytest.raises(ScheduleNotFoundError):
            await what("tick")


async def test_it_is_registered_again(runtime: Start, store: Store, clock: ManualClock) -> None:
    rt = await runtime(store=store)
    start = clock.ms
    await rt.schedule(doc("all", "queue"), {"n": 1})
    clock.pass_ms(2 * MINUTE)
    await rt.schedule(doc("all", "queue"), {"n": 2})  # the same times: what was due is due
    await rt.work(until_idle=True)
    assert await ticks(store, start) == [1, 2]
    clock.pass_ms(2 * MINUTE)
    await rt.schedule(doc("all", "skip"))  # other ones: it begins now
    await rt.work(until_idle=True)
    assert len(await jobs(store)) == 2
    with pytest.raises(InputError):
        await rt.schedule(doc(), {"n": "x"})
    with pytest.raises(RuntimeOptionError):
        await rt.schedule("skript: s\ndo:\n  - log: x\n")
    with pytest.raises(VersionConflictError):
        await rt.deploy("skript: v\nversion: 1\ndo:\n  - log: x\n")
        await rt.schedule("skript: v\nversion: 1\nschedule: {every: 1h}\ndo:\n  - log: x\n")


async def test_what_is_refused_is_not_registered(
    runtime: Start, store: Store, clock: ManualClock
) -> None:
    rt = await runtime(store=store)
    start = clock.ms
    await rt.deploy("skript: v\nversion: 1\ndo:\n  - log: x\n")
    with pytest.raises(VersionConflictError):
        await rt.schedule("skript: v\nversion: 1\nschedule: {every: 1m}\ndo:\n  - log: x\n")
    assert await rt.schedules() == []
    good = doc("all", "queue").replace("skript: tick", "skript: tick\nversion: 1")
    await rt.schedule(good, {"n": 1})
    before = await store.get_record("schedules", "tick")
    with pytest.raises(VersionConflictError):
        await rt.schedule(good.replace("every: 1m", "every: 2m"), {"n": 2})
    assert await store.get_record("schedules", "tick") == before
    await minutes(rt, clock)
    assert await ticks(store, start) == [1]
    assert [row.skript for row in await jobs(store)] == ["tick"]
    known = await store.list_records("skripts")
    with pytest.raises(RuntimeOptionError):
        await rt.schedule("skript: none\ndo:\n  - log: x\n")
    assert await store.list_records("skripts") == known


async def test_one_that_cannot_be_read_harms_no_other(
    runtime: Start, store: Store, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    rt = await runtime(store=store)
    await rt.schedule(doc())
    known = await store.get_record("schedules", "tick")
    assert known is not None
    value: Any = known.value
    value = {**value, "schedule": {**value["schedule"], "every": None, "cron": "* * * * *"}}
    value["schedule"]["timezone"] = "Mars/Olympus"
    await store.put_record("schedules", "a", value, 0, known.blobs)
    await store.put_record("schedules", "b", {"schedule": 7}, 0)
    await minutes(rt, clock)
    await rt.work(until_idle=True)
    assert len(await jobs(store)) == 1
    assert "Mars/Olympus" in caplog.text
    assert "schedule b cannot be read" in caplog.text


@pytest.mark.parametrize("overlap", ["skip", "queue", "cancel"])
async def test_a_damaged_job_harms_no_worker(
    runtime: Start,
    store: Store,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    overlap: str,
) -> None:
    """The job of the last tick counts as ended where its row cannot be read."""
    rt = await runtime(store=store)
    start = clock.ms
    await rt.schedule(doc("all", overlap, WAITS))
    await minutes(rt, clock)
    (bad,) = await jobs(store)
    get = store.get

    async def damaged(ids: Any) -> Any:
        if bad.id in ids:
            raise StoreDamagedError(f"job {bad.id}: its row is not what was written", job=bad.id)
        return await get(ids)

    monkeypatch.setattr(store, "get", damaged)
    await minutes(rt, clock)
    await rt.work(until_idle=True)
    assert await ticks(store, start) == [1, 2]
    assert caplog.text.count("schedule tick does not wait for its last job") == 1


async def test_a_damaged_table_harms_no_job(
    runtime: Start,
    store: Store,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def damaged(*_: Any) -> Any:
        raise StoreDamagedError("the file is damaged")

    rt = await runtime(store=store)
    job = await rt.submit_job("skript: s\ndo:\n  - return: 1\n", start=False)
    monkeypatch.setattr(store, "list_records", damaged)
    await rt.work(until_idle=True)
    await rt.work(until_idle=True)
    assert (await rt.get_job(job.id)).status == "Completed"
    assert "schedule * cannot be read: the file is damaged" in caplog.text


@pytest.mark.parametrize("number", [1, 4, 7])
async def test_a_damaged_record_harms_no_other(
    clock: ManualClock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    """Neither the schedules in front of it nor those behind are left out, page by page."""
    import apsw

    monkeypatch.setattr(registered, "PAGE", 3)
    clock.ms -= clock.ms % MINUTE
    path = str(tmp_path / "jobs.db")
    names = [f"tick{one}" for one in range(1, 8)]
    bad = f"tick{number}"
    async with Runtime(store=SqliteStore(path, clock.now_ms), clock=clock, env={}) as rt:
        for name in names:
            await rt.schedule(doc().replace("skript: tick", f"skript: {name}"))
    connection = apsw.Connection(path)
    connection.execute("UPDATE record SET value = x'00' WHERE name = ?", (bad,))
    assert connection.changes() == 1
    connection.close()
    clock.pass_ms(MINUTE)
    store: Any = SqliteStore(path, clock.now_ms)
    async with Runtime(store=store, clock=clock, env={}) as rt:
        await rt.work(until_idle=True)
        good = [name for name in names if name != bad]
        assert sorted(row.skript for row in await jobs(store)) == good
        assert {row.status for row in await jobs(store)} == {"Completed"}
        assert caplog.text.count(f"schedule {bad} cannot be read") == 1
        assert [one.name for one in await rt.schedules()] == good
        (damaged,) = await rt.damaged_schedules()
        assert (damaged.name, damaged.version) == (bad, 1)
        assert bad in damaged.problem
        for asked in (rt.pause_schedule(bad), rt.resume_schedule(bad)):
            with pytest.raises(StoreDamagedError, match="can only be removed") as caught:
                await asked
            assert (caught.value.record, caught.value.version) == (bad, 1)
        await rt.remove_schedule(bad)
        assert await rt.damaged_schedules() == []
        with pytest.raises(ScheduleNotFoundError):
            await rt.remove_schedule(bad)
    await store.close()


async def test_a_damaged_record_can_be_made_anew(clock: ManualClock, tmp_path: Path) -> None:
    """It begins now: what the record said of the time before is not known."""
    import apsw

    clock.ms -= clock.ms % MINUTE
    path = str(tmp_path / "jobs.db")
    async with Runtime(store=SqliteStore(path, clock.now_ms), clock=clock, env={}) as rt:
        await rt.schedule(doc("all"))
    connection = apsw.Connection(path)
    connection.execute("UPDATE record SET value = x'00' WHERE name = 'tick'")
    connection.close()
    clock.pass_ms(5 * MINUTE)
    async with Runtime(store=SqliteStore(path, clock.now_ms), clock=clock, env={}) as rt:
        made = await rt.schedule(doc("all"))
        assert made.next == clock.ms + MINUTE
        assert await rt.schedules() == [made]
        assert await rt.damaged_schedules() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda value: "tick", "is of no schedule"),
        (lambda value: {**value, "after": None}, "`after` is of the wrong type"),
        (lambda value: {key: value[key] for key in value if key != "paused"}, "no `paused`"),
        (lambda value: {**value, "waiting": ["x"]}, "`waiting` is of the wrong type"),
        (lambda value: {**value, "schedule": {"every": 1}}, "`schedule` has other keys"),
        (
            lambda value: {**value, "schedule": {**value["schedule"], "every": "1m"}},
            "`every` is of the wrong type",
        ),
    ],
)
async def test_a_record_that_is_of_no_schedule_can_be_removed_too(
    runtime: Start, store: Store, caplog: pytest.LogCaptureFixture, change: Any, said: str
) -> None:
    rt = await runtime(store=store)
    await rt.schedule(doc())
    good = await store.get_record("schedules", "tick")
    assert good is not None
    assert await store.put_record("schedules", "tick", change(good.value), good.version)
    assert await rt.schedules() == []
    (bad,) = await rt.damaged_schedules()
    assert said in bad.problem
    await rt.work(until_idle=True)
    assert said in caplog.text
    with pytest.raises(StoreDamagedError, match="added anew"):
        await rt.pause_schedule("tick")
    await rt.remove_schedule("tick")
    assert await rt.damaged_schedules() == []


class Counted(Ticks):
    """What was computed, for which schedule, and in which turn of the loop."""

    made: ClassVar[list[str]] = []
    asked: ClassVar[list[tuple[str, int]]] = []
    turn = 0

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule)
        self.cron = str(schedule.cron)
        Counted.made.append(self.cron)

    def after(self, ms: int) -> Iterator[int]:
        Counted.asked.append((self.cron, Counted.turn))
        return super().after(ms)

    def latest(self, after: int, until: int) -> list[int]:
        Counted.asked.append((self.cron, Counted.turn))
        return super().latest(after, until)


async def turns() -> None:
    while True:
        Counted.turn += 1
        await asyncio.sleep(0)


async def test_a_look_computes_what_is_due_only(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more schedules than are kept ready; and no other task waits for more than one of them."""
    monkeypatch.setattr(schedules, "Ticks", Counted)
    monkeypatch.setattr(schedules, "MEMORY", 4)
    monkeypatch.setattr(registered, "PAGE", 5)
    clock.ms -= clock.ms % (60 * MINUTE)
    async with Runtime(store=store, clock=clock, discover_handlers=False) as rt:
        for minute in range(5, 17):
            text = doc("all", "queue").replace("every: 1m", f"cron: '{minute} * * * *'")
            await rt.schedule(text.replace("skript: tick", f"skript: tick{minute}"))
        plans = Schedules(store)
        pages = []
        listed = store.list_records

        async def paged(*args: Any) -> Any:
            pages.append(Counted.turn)
            return await listed(*args)

        monkeypatch.setattr(store, "list_records", paged)
        other = asyncio.create_task(turns())
        assert await plans.look(now=True) == (0, clock.ms + 5 * MINUTE)
        Counted.made.clear()
        Counted.asked.clear()
        pages.clear()
        clock.pass_ms(MINUTE)
        for _ in range(3):
            assert await plans.look(now=True) == (0, clock.ms + 4 * MINUTE)
        assert (Counted.made, Counted.asked) == ([], [])
        assert (
            len(pages) == 9
        )  # three a look; the last of one and the first of the next are one turn
        assert len(set(pages)) == 7
        clock.pass_ms(4 * MINUTE)
        assert (await plans.look(now=True))[0] == 1
        assert (await plans.look(now=True))[0] == 0
        assert {cron for cron, _ in Counted.asked} == {"5 * * * *"}
        assert len(Counted.asked) == 4  # what is due and what is next, before and behind its tick
        Counted.asked.clear()
        assert (await Schedules(store).look())[0] == 0  # one that knows nothing yet
        assert len(Counted.asked) == 24
        assert len(set(Counted.asked)) == 12
        assert len({turn for _, turn in Counted.asked}) == 12
        other.cancel()


async def test_what_is_known_is_of_one_version(store: Store, clock: ManualClock) -> None:
    """A record that was changed, or removed and made again, is computed anew."""
    start = clock.ms
    plans = Schedules(store)
    async with Runtime(store=store, clock=clock, discover_handlers=False) as rt:
        await rt.schedule(doc("all", "queue").replace("1m", "9m"))
        await plans.look(now=True)
        await rt.schedule(doc("all", "queue"))
        assert await plans.look(now=True) == (0, start + MINUTE)
        await rt.remove_schedule("tick")
        assert await plans.look(now=True) == (0, None)
        await rt.schedule(doc("all", "queue"))
        assert await plans.look(now=True) == (0, start + MINUTE)
        await rt.remove_schedule("tick")
        await rt.schedule(doc("all", "queue").replace("1m", "1s"))
        assert await plans.look(now=True) == (0, start + 1_000)
        clock.pass_ms(1_000)
        assert (await plans.look(now=True))[0] == 1


async def test_its_jobs_are_for_those_who_have_the_handlers(
    runtime: Start, store: Store, clock: ManualClock
) -> None:
    @handler("work")
    async def work(params: Any, ctx: Any) -> Any:
        return "done"

    rich = await runtime(work, store=store)
    await rich.schedule("skript: tick\nschedule: {every: 1m}\ndo:\n  - call: work\n")
    poor = await runtime(store=store, ids=SystemIds())
    clock.pass_ms(MINUTE)
    await poor.work(until_idle=True)
    assert [row.status for row in await jobs(store)] == ["Pending"]
    await rich.work(until_idle=True)
    assert [row.status for row in await jobs(store)] == ["Completed"]
