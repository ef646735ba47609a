"""Bare jobs: data and a status, moved by others through the default job machine, on each store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from runeskript.engine import bare
from runeskript.engine.bare import merged, replayed
from runeskript.engine.reasons import reason_of
from runeskript.engine.runtime import Runtime
from runeskript.engine.sending import EventFor, event_command
from runeskript.errors import (
    ExportError,
    ForkError,
    JobExistsError,
    JobFailedError,
    ReplayMismatchError,
    RetryError,
    RuntimeOptionError,
    TransitionRefusedError,
)
from runeskript.model.events import CancelRequested
from runeskript.model.exports import decode_export
from runeskript.model.machine import EVENTS, FINAL, STATUSES, TRANSITIONS
from runeskript.stores.base import Store

Start = Callable[..., Awaitable[Runtime]]


@pytest.fixture(name="store")
def store_(kept: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(bare, "SNAPSHOT", 4)
    return kept


# --- the machine --------------------------------------------------------------------------------
def test_the_table_of_the_default_machine() -> None:
    assert set(TRANSITIONS) == set(STATUSES)
    for status, targets in TRANSITIONS.items():
        assert targets == {to for source, _, to in EVENTS if source == status}
        events = [event for source, event, _ in EVENTS if source == status]
        assert len(events) == len(set(events)), "one event, one way"
    assert {status for status, to in TRANSITIONS.items() if not to} == FINAL - {"Failed"}


@pytest.mark.parametrize(
    ("data", "patch", "after"),
    [  # the examples of RFC 7396, of those whose patch is an object
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ],
)
def test_what_comes_with_an_event_is_merged(data: Any, patch: Any, after: Any) -> None:
    assert merged(data, patch) == after


# --- their life ---------------------------------------------------------------------------------
async def test_a_life(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    job = await rt.create_job({"n": 1}, key="k", labels={"a": "b"}, tenant="acme", priority=3)
    assert (job.kind, job.status, job.state, job.version) == ("bare", "Pending", "Pending", 0)
    assert (job.data, job.input, job.key, job.tenant) == ({"n": 1}, {"n": 1}, "k", "acme")
    assert (job.skript, job.skript_version, job.priority) == ("", None, 3)
    started = await rt.send(job.id, "start", {"by": "x"}, actor="ada", why="go")
    assert (started.status, started.state, started.version) == ("Running", "Running", 2)
    assert started.data == {"n": 1, "by": "x"}
    stands = await rt.send(job.id, "suspend")
    assert (stands.status, stands.reason) == ("Suspended", "paused")
    with pytest.raises(TransitionRefusedError) as refused:
        await rt.send(job.id, "complete", {"n": 9})
    assert refused.value.allowed == ("resume", "fail", "cancel")
    assert (await rt.get_job(job.id)).data == {"n": 1, "by": "x"}
    assert (await rt.get_job(job.id)).updated_at == stands.updated_at
    await rt.send(job.id, "resume")
    failed = await rt.send(job.id, "fail", why="no paper", actor="ada")
    assert failed.error is not None
    assert (failed.error["type"], failed.error["message"]) == ("failed", "no paper")
    with pytest.raises(JobFailedError, match="no paper"):
        await rt.result(job.id)
    again = await rt.send(job.id, "retry", {"n": None})
    assert (again.status, again.error, again.data) == ("Running", None, {"by": "x"})
    done = await rt.send(job.id, "complete", {"total": 7})
    assert (done.status, done.output) == ("Completed", {"by": "x", "total": 7})
    assert await rt.result(job.id) == done.output
    with pytest.raises(TransitionRefusedError, match="ended"):
        await rt.send(job.id, "start")
    kinds = [one.kind async for one in rt.events(job.id)]
    assert kinds.count("event.sent") == 7
    assert kinds.count("transition.done") == 6
    assert kinds.count("transition.refused") == 1
    assert kinds.count("job.finished") == 2
    events = await store.journal(job.id, 0, 100)
    assert [(one.actor["id"], one.why) for one in events if hasattr(one, "why")][:2] == [
        ("ada", "go"),
        ("ada", "go"),
    ]
    stood = replayed({"n": 1}, events)
    assert (stood.status, stood.data) == ("Completed", {"by": "x", "total": 7})


async def test_what_no_journal_of_a_bare_job_says(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    job = await rt.create_job()
    assert job.data == {}
    await rt.send(job.id, "start")
    events = await store.journal(job.id, 0, 100)
    with pytest.raises(ReplayMismatchError, match="record 0"):
        replayed({}, events[1:])
    with pytest.raises(ReplayMismatchError, match="record 1"):
        replayed({}, [events[0], events[0]])
    with pytest.raises(ReplayMismatchError, match="record 2"):
        replayed({}, [*events, CancelRequested(1, "no")])


async def test_what_people_ask_of_jobs(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    job = await rt.create_job({"n": 1})
    assert (await rt.pause_job(job.id)).status == "Suspended"
    assert (await rt.resume_job(job.id)).status == "Running"
    assert (await rt.resume_job(job.id)).status == "Running"
    assert (await rt.pause_job(job.id)).status == "Suspended"
    with pytest.raises(RetryError):
        await rt.retry_job(job.id)
    await rt.send(job.id, "fail")
    assert (await rt.pause_job(job.id)).status == "Failed"
    assert (await rt.retry_job(job.id)).status == "Running"
    ended = await rt.cancel_job(job.id, "enough")
    assert ended.status == "Cancelled"
    assert ended.error is not None
    assert (ended.error["type"], ended.error["message"]) == ("cancel", "enough")
    assert (await rt.cancel_job(job.id)).status == "Cancelled"


async def test_keys(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    job = await rt.create_job({"n": 1}, key="k")
    assert (await rt.create_job({"n": 2}, key="k")).id == job.id
    assert (await rt.create_job({"n": 2}, key="k", tenant="acme")).id != job.id
    with pytest.raises(JobExistsError):
        await rt.create_job(key="k", on_conflict="reject")
    await rt.cancel_job(job.id)
    assert (await rt.create_job(key="k", on_conflict="replace")).id != job.id
    page = await rt.find_jobs(kind="bare", state="Pending")
    assert len(page.jobs) == 2


async def test_what_is_no_bare_job(runtime: Start) -> None:
    rt = await runtime()
    for data in ([], 1, "x", {"a": b"x"}, {1: 2}, float("nan")):
        with pytest.raises(RuntimeOptionError):
            await rt.create_job(data)
    for options in ({"tenant": "A"}, {"priority": 101}, {"key": ""}, {"on_conflict": "x"}):
        with pytest.raises(RuntimeOptionError):
            await rt.create_job(**options)  # type: ignore[arg-type]
    job = await rt.create_job()
    with pytest.raises(RuntimeOptionError, match="is an object"):
        await rt.send(job.id, "start", [1])
    for event in ("go", "done", "failed", "Running", "start ", "cancel_job"):
        with pytest.raises(TransitionRefusedError) as refused:
            await rt.send(job.id, event)
        assert refused.value.allowed == ("start", "suspend", "fail", "cancel")


async def test_data_does_not_grow_without_end(
    runtime: Start, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rt = await runtime(store=store)
    job = await rt.create_job()
    nested: dict[str, Any] = {}
    deep = nested
    for _ in range(60):
        deep["a"] = deep = {}
    await rt.send(job.id, "start", nested)
    before = await rt.get_job(job.id)
    monkeypatch.setattr("runeskript.model.values.VALUE_PARTS", 50)
    with pytest.raises(TransitionRefusedError, match="too large"):
        await rt.send(job.id, "suspend", {"b": {str(n): n for n in range(30)}})
    assert (await rt.get_job(job.id)).status == before.status


# --- elsewhere ----------------------------------------------------------------------------------
async def test_whoever_comes_next_decides(runtime: Start, store: Store) -> None:
    """The event is durable before anybody decides: here nobody is left who asked for it."""
    rt = await runtime(store=store)
    job = await rt.create_job()
    await rt.send(job.id, "fail")
    one = EventFor(job.id, "retry", {"n": 1})
    await store.post([event_command(one, "e1")])
    await store.post([event_command(EventFor(job.id, "suspend"), "e2")])
    await store.post([event_command(EventFor(job.id, "fail"), "e3")])
    await store.post([event_command(EventFor(job.id, "retry"), "e4")])
    await store.post([event_command(EventFor(job.id, "complete"), "e5")])
    await store.post([event_command(EventFor(job.id, "start"), "e6")])
    await rt.work(until_idle=True)
    now = await rt.get_job(job.id)
    assert (now.status, now.output) == ("Completed", {"n": 1})
    said = [one.kind async for one in rt.events(job.id)]
    assert said[3:] == [
        "event.sent", "transition.done", "event.sent", "transition.done",
        "event.sent", "transition.done", "job.finished", "event.sent", "transition.done",
        "event.sent", "transition.done", "job.finished", "event.sent", "transition.refused",
    ]  # fmt: skip


async def test_an_event_of_before_counts_once(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    job = await rt.create_job({"n": 1})
    one = EventFor(job.id, "start", {"n": 2}, id="e")
    first, second = await rt.send_many([one, one])
    assert (first.state, second.state) == ("Running", "Running")
    assert (await rt.send(job.id, "start", event_id="e")).version == 2


async def test_many_senders(runtime: Start, store: Store) -> None:
    """Each of many is decided once, and exactly one of those that exclude each other wins."""
    rt = await runtime(store=store)
    jobs = [await rt.create_job() for _ in range(3)]
    sent = [EventFor(job.id, "start", {str(n): n}) for n in range(20) for job in jobs]
    answers = await asyncio.gather(*(rt.send_many([one]) for one in sent))
    won = [answer.job for (answer,) in answers if answer.error is None]
    assert sorted(won) == sorted(job.id for job in jobs)
    for job in jobs:
        now = await rt.get_job(job.id)
        assert (now.version, len(now.data)) == (40, 1)  # type: ignore[arg-type]


async def test_why_it_stands(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    job = await rt.create_job()

    async def why() -> str:
        (row,) = await store.get([job.id])
        assert row is not None
        return (await reason_of(store, row)).text

    free = "no worker holds it, and none has to: an event in status "
    assert await why() == free + "Pending: start or suspend or fail or cancel"
    await rt.send(job.id, "suspend")
    assert "resume or fail or cancel; it stands still: paused" in await why()
    await store.post([event_command(EventFor(job.id, "cancel"), "e")])
    assert await why() == "a worker is about to claim it"
    await rt.work(until_idle=True)
    assert await why() == "it has ended: Cancelled"


async def test_exports_forks_and_erasing(runtime: Start, store: Store) -> None:
    rt = await runtime(store=store)
    job = await rt.create_job({"n": 1})
    for event in ("start", "suspend", "resume", "fail"):
        await rt.send(job.id, event, {event: 1})
    export = decode_export(await rt.export_job(job.id))
    assert export.blueprint is None
    now = await rt.get_job(job.id)
    assert (export.job["kind"], export.job["data"]) == ("bare", now.data)
    assert replayed(export.job["input"], export.events).data == now.data
    with pytest.raises(ForkError, match="bare"):
        await rt.fork_job(job.id, at=1)
    for at in range(now.version + 1):
        shown = await rt.job_variables(job.id, at)
        assert shown.position == at
        assert shown.variables["data"] == replayed({"n": 1}, export.events[:at]).data
    graph = await rt.job_graph(job.id)
    assert [node.id for node in graph.nodes if node.current] == ["/states/Failed"]
    ways = {(edge.source, edge.label): edge.taken for edge in graph.edges}
    assert ways["/states/Running", "fail"] == 1
    assert ways["/states/Running", "cancel"] == 0
    await rt.erase_job(job.id)
    erased = await rt.get_job(job.id)
    assert (erased.data, erased.input) == (None, None)
    with pytest.raises(TransitionRefusedError):
        await rt.send(job.id, "retry")
    with pytest.raises(RetryError):
        await rt.retry_job(job.id)


def test_a_file_without_its_blueprint_is_damaged() -> None:
    from runeskript.errors import DamagedError
    from runeskript.model.exports import encode_export

    with pytest.raises(DamagedError):
        decode_export(encode_export({"id": "a", "kind": "skript"}, None, []))
    assert issubclass(ExportError, Exception)


async def test_two_processes(tmp_path: Path) -> None:
    """One sends, another one works: two runtimes with a connection each."""
    file = str(tmp_path / "jobs.db")
    async with (
        Runtime(store=f"sqlite:///{file}") as one,
        Runtime(store=f"sqlite:///{file}") as two,
    ):
        job = await one.create_job({"n": 0})
        work = asyncio.create_task(two.work())
        await one.send(job.id, "start")
        for n in range(5):
            await asyncio.gather(
                one.send(job.id, "suspend", {f"one{n}": n}), return_exceptions=True
            )
            await two.send(job.id, "resume", {f"two{n}": n})
        work.cancel()
        now = await one.get_job(job.id)
        assert now.status == "Running"
        assert len(now.data) == 11  # type: ignore[arg-type]
