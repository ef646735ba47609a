"""Whose a job is: what it creates, sends, runs and listens to is of the same tenant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.engine.conftest import ManualClock

from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import (
    JobNotFoundError,
    RuntimeOptionError,
    ScheduleNotFoundError,
    UnknownSkriptError,
)
from runeskript.stores.base import Store
from runeskript.stores.queries import JobFilter

Start = Callable[..., Awaitable[Runtime]]


@pytest.fixture(name="store")
def store_(kept: Store, clock: ManualClock) -> Store:
    clock.ms -= clock.ms % 60_000
    return kept


PARENT = """
skript: parent
do:
  - run: child
    with: {n: 1}
    into: got
  - return: ${got}
"""
CHILD = """
skript: child
do:
  - return: WHO
"""
FAILS = """
skript: fails
on_failure:
  emit: it.failed
do:
  - raise: {type: no, message: "no"}
"""
TALKS = """
skript: talks
do:
  - call: work
    queue: gpu
  - emit: go
"""
LISTENS = """
skript: listens
do:
  - listen: go
    into: m
  - return: ${m}
"""
TICK = """
skript: tick
schedule: {every: 1m}
do:
  - return: ${job.key}
"""


async def test_a_tenant_is_a_short_name(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    job = await rt.submit_job(CHILD, tenant="a-1_b")
    assert (job.tenant, (await rt.get_job(job.id)).tenant) == ("a-1_b", "a-1_b")
    assert (await rt.submit_job(CHILD)).tenant == ""
    for bad in ("A", "-a", "a/b", "a b", "../a", "ä", "a" * 65, "a\n", "a\0", None, 1, "%", "'"):
        with pytest.raises(RuntimeOptionError, match="a tenant is"):
            await rt.submit_job(CHILD, tenant=bad)  # type: ignore[arg-type]
    with pytest.raises(RuntimeOptionError, match="a tenant is"):
        await rt.deploy(CHILD, tenant="A")
    with pytest.raises(RuntimeOptionError, match="a tenant is"):
        await rt.signal("t", tenant="A")
    with pytest.raises(RuntimeOptionError, match="a tenant is"):
        await rt.schedule(TICK, tenant="A")
    assert len(await rt.list_jobs()) == 2


async def test_keys_are_of_one_tenant(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    one = await rt.submit_job(CHILD, key="k", tenant="one")
    two = await rt.submit_job(CHILD, key="k", tenant="two")
    assert one.id != two.id
    assert (await rt.submit_job(CHILD, key="k", tenant="one")).id == one.id


async def test_names_of_skripts_are_those_of_the_tenant(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    for tenant in ("", "one", "two"):
        await rt.deploy(CHILD.replace("WHO", tenant or "nobody"), tenant=tenant)
    for tenant, said in (("", "nobody"), ("one", "one"), ("two", "two")):
        done = await rt.run_job(PARENT, tenant=tenant)
        assert done.output == said
    rows, _ = await store.query(JobFilter(skript="child"), None, 10)
    assert sorted(row.tenant for row in rows) == ["", "one", "two"]
    done = await rt.run_job(PARENT, tenant="three")
    assert done.error is not None
    assert done.error["type"] == "skript.unknown"
    names = [one.name for one in await store.list_records("skripts")]
    assert names == ["child@1", "one/child@1", "two/child@1"]


async def test_versions_are_counted_by_tenant(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    assert (await rt.deploy(CHILD)).version == 1
    assert (await rt.deploy(CHILD.replace("WHO", "other"))).version == 2
    assert (await rt.deploy(CHILD, tenant="one")).version == 1


async def test_what_tells_of_a_failure_and_a_fork(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    done = await rt.run_job(FAILS, tenant="one")
    told = await rt.notice(done.id)
    assert told is not None
    assert told.tenant == "one"
    waits = await rt.submit_job(LISTENS, tenant="one", start=False)
    await rt.work(until_idle=True)
    assert (await rt.fork_job(waits.id, at=1)).tenant == "one"


async def test_messages_stay_with_the_tenant(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    one = await rt.submit_job(LISTENS, tenant="one")
    two = await rt.submit_job(LISTENS, tenant="two")
    await rt.signal("go", data="for two", tenant="two", keep="1h")
    assert await rt.result(two.id) == "for two"
    assert (await rt.get_job(one.id)).status == "Running"
    with pytest.raises(JobNotFoundError):
        await rt.signal("go", job=one.id, tenant="two")
    with pytest.raises(JobNotFoundError):
        await rt.signal("go", job=one.id)
    await rt.signal("go", job=one.id, data=1, tenant="one")
    assert await rt.result(one.id) == 1


async def test_schedules_are_of_one_tenant(
    runtime: Start, store: Store, clock: ManualClock
) -> None:
    rt = await runtime(store=store)
    await rt.schedule(TICK)
    made = await rt.schedule(TICK, tenant="one")
    assert (made.name, made.tenant) == ("tick", "one")
    assert [(one.tenant, one.name) for one in await rt.schedules()] == [
        ("one", "tick"),
        ("", "tick"),
    ]
    assert [one.tenant for one in await rt.schedules(tenant="one")] == ["one"]
    clock.pass_ms(60_000)
    await rt.work(until_idle=True)
    found = await rt.list_jobs()
    assert sorted(job.tenant for job in found) == ["", "one"]
    assert len({job.key for job in found}) == 1
    assert {job.skript for job in found} == {"tick"}
    assert (await rt.pause_schedule("tick", tenant="one")).paused
    assert [one.paused for one in await rt.schedules()] == [True, False]
    assert not (await rt.resume_schedule("tick", tenant="one")).paused
    for name in ("one/tick", "other"):
        with pytest.raises(ScheduleNotFoundError):
            await rt.remove_schedule(name)
    await rt.remove_schedule("tick", tenant="one")
    assert [one.tenant for one in await rt.schedules()] == [""]


async def test_a_revision_rises_with_each_event(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    job = await rt.submit_job(LISTENS, start=False)
    assert (job.version, job.kind, job.reason, job.priority) == (0, "skript", None, 0)
    await rt.work(until_idle=True)
    started = await rt.get_job(job.id)
    assert started.version == 1
    await rt.signal("go", keep="1h")
    await rt.result(job.id)
    assert (await rt.get_job(job.id)).version == 3


async def test_calls_on_queues_and_messages_of_jobs(runtime: Start, store: Store) -> None:
    @handler("work")
    async def work(params: Any, ctx: Any) -> int:
        return 1

    rt = await runtime(work, store=store)
    heard = [await rt.submit_job(LISTENS, tenant=tenant) for tenant in ("", "one", "two")]
    await rt.signal("nothing")  # they listen by then
    done = await rt.run_job(TALKS, tenant="one")
    assert done.ok
    await rt.result(heard[1].id)
    (call,) = (await rt.find_jobs(kind="call")).jobs
    assert call.tenant == "one"
    assert [(await rt.get_job(job.id)).status for job in heard] == [
        "Running",
        "Completed",
        "Running",
    ]


async def test_a_name_with_a_slash_is_nobodys() -> None:
    async with Runtime() as runtime:
        await runtime.deploy("skript: pay\ndo:\n  - return: 1\n", tenant="acme")
        with pytest.raises(UnknownSkriptError):
            await runtime.versions("acme/pay")
        with pytest.raises(UnknownSkriptError):
            await runtime.source("acme/pay")
        assert await runtime.skripts.find("acme/pay", None) is None
