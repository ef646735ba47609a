"""Events for one version of a job, and states that are set: of several exactly one counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from machines.driving import Machine
from runeskript import Runtime, handler
from runeskript.engine.sending import EventFor
from runeskript.errors import (
    JobNotFoundError,
    RetryError,
    RuntimeOptionError,
    TransitionForbiddenError,
    TransitionRefusedError,
    VersionMismatchError,
)
from runeskript.kernel import load, replay
from runeskript.model.events import Moved, Refused, Sent, SentIf
from support import compile_yaml

ORDER = """\
machine: order
initial: draft
data: {type: object}
states: {draft: {}, checked: {}, paid: {}, shipped: {final: true}, lost: {final: true}}
transitions:
  - {from: draft, event: next, to: paid, guard: event.data.vip}
  - {from: draft, event: next, to: checked}
  - {from: checked, event: next, to: paid, allow: clerk}
  - {from: checked, event: pay, to: paid, allow: guest}
  - {from: [checked, paid], event: back, to: draft}
  - from: paid
    event: ship
    to: shipped
    do: [{call: carrier}]
  - {from: draft, event: lose, to: lost}
"""
WAITS = "skript: waits\ndo:\n  - listen: go\n"
FAILS = "skript: fails\ndo:\n  - raise: {type: oh.no}\n"


class Carrier:
    """A call that takes as long as a test wants."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    def handlers(self) -> list[Any]:
        @handler("carrier")
        async def carry(params: Any, ctx: Any) -> None:
            self.begun.set()
            await self.go.wait()

        return [carry]


@pytest.fixture(params=["memory", "sqlite"], name="url")
def url_(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture(name="carrier")
def carrier_() -> Carrier:
    return Carrier()


@pytest.fixture(name="rt")
async def rt_(url: str, carrier: Carrier) -> AsyncIterator[Runtime]:
    async with Runtime(store=url, handlers=carrier.handlers()) as runtime:
        yield runtime


async def made(rt: Runtime, kind: str) -> tuple[str, str, str]:
    """A job, an event that it takes, and the one that leads back."""
    if kind == "bare":
        job = await rt.create_job()
        await rt.send(job.id, "start")
        return job.id, "suspend", "resume"
    job = await rt.submit_job(ORDER, {})
    await rt.send(job.id, "next", {"vip": False})
    await rt.send(job.id, "back")
    return job.id, "next", "back"


# --- versions -----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["bare", "machine"])
async def test_an_event_for_a_version(rt: Runtime, kind: str) -> None:
    id_, event, back = await made(rt, kind)
    data = {"vip": False}
    before = await rt.get_job(id_)
    moved = await rt.send(id_, event, data, if_version=before.version)
    assert moved.version > before.version
    assert moved.state != before.state
    for version in (before.version, 0, moved.version - 1):
        with pytest.raises(VersionMismatchError) as late:
            await rt.send(id_, back, if_version=version)
        assert (late.value.version, late.value.expected) == (moved.version, version)
        assert late.value.code == "RUNE-6025"
        with pytest.raises(VersionMismatchError):
            await rt.send(id_, back, if_version=version, event_id=f"late {version}")
    assert await rt.get_job(id_) == moved, "what is late for sure is not even written down"
    with pytest.raises(VersionMismatchError) as early:
        await rt.send(id_, back, if_version=moved.version + 10)
    now = await rt.get_job(id_)
    assert (now.state, now.version) == (moved.state, early.value.version)
    assert (await rt.send(id_, back, if_version=now.version)).state == before.state


@pytest.mark.parametrize("kind", ["bare", "machine"])
async def test_one_of_many_for_a_version(rt: Runtime, kind: str) -> None:
    id_, event, _ = await made(rt, kind)
    version = (await rt.get_job(id_)).version
    sent = [
        rt.send_many([EventFor(id_, event, {"vip": False}, if_version=version, id=f"e{n}")])
        for n in range(20)
    ]
    answers = [answer for (answer,) in await asyncio.gather(*sent)]
    assert sum(answer.error is None for answer in answers) == 1
    refused = [answer.error for answer in answers if answer.error is not None]
    assert {type(error) for error in refused} == {VersionMismatchError}
    again = await rt.send_many(
        [EventFor(id_, event, {"vip": False}, if_version=version, id=f"e{n}") for n in range(20)]
    )
    assert [one.error is None for one in again] == [one.error is None for one in answers]


async def test_an_event_for_a_version_does_not_stand_in_line(rt: Runtime, carrier: Carrier) -> None:
    """By its turn the job would be another one."""
    job = await rt.submit_job(ORDER, {})
    await rt.send(job.id, "next", {"vip": True})
    ship = asyncio.create_task(rt.send(job.id, "ship"))
    await carrier.begun.wait()
    busy = await rt.get_job(job.id)
    with pytest.raises(VersionMismatchError, match="about to leave"):
        await rt.send(job.id, "back", if_version=busy.version)
    line = asyncio.create_task(rt.send(job.id, "back"))
    carrier.go.set()
    assert (await ship).state == "shipped"
    with pytest.raises(TransitionRefusedError):
        await line


async def test_a_version_that_is_none(rt: Runtime) -> None:
    job = await rt.create_job()
    for bad in (-1, 1.0, "1", True, 2**64):
        with pytest.raises(RuntimeOptionError):
            await rt.send(job.id, "start", if_version=bad)  # type: ignore[arg-type]
    assert (await rt.get_job(job.id)).version == 0
    assert (await rt.send(job.id, "start", if_version=0)).status == "Running"


def test_it_is_in_the_journal_and_replayed() -> None:
    program = load(compile_yaml(ORDER, "carrier").blueprint)
    sim = Machine(program, {})
    who: dict[str, Any] = {"id": "ada", "roles": []}

    def fire(name: str, expected: int | None, to: str | None = None) -> None:
        sim.feed(
            SentIf(sim.now, f"{name} {expected}", name, {"vip": False}, who, None, expected, to, -1)
        )

    at = len(sim.journal)
    fire("next", at)
    fire("next", at)
    fire("back", len(sim.journal))
    fire("next", None, "paid")
    fire("next", None, "lost")
    fire("next", None, "checked")
    said = [e for e in sim.journal if isinstance(e, Moved | Refused)][1:]
    assert [type(e) for e in said] == [Moved, Refused, Moved, Refused, Refused, Moved]
    assert [e.reason for e in said if isinstance(e, Refused)] == ["version", "conflict", "conflict"]
    for number, event in enumerate(sim.journal):
        if isinstance(event, SentIf):
            assert event.version == number
    replay(program, sim.journal)


def test_what_stands_in_line_with_a_state_outlives_a_snapshot() -> None:
    from runeskript.expr.runtime import Context
    from runeskript.kernel import advance
    from runeskript.model.snapshot import decode_run, encode_run

    program = load(compile_yaml(ORDER, "carrier").blueprint)
    sim = Machine(program, {})
    who: dict[str, Any] = {"id": "ada", "roles": ["clerk"]}
    sim.feed(Sent(sim.now, "e1", "next", {"vip": True}, who, None))
    sim.feed(Sent(sim.now, "e2", "ship", None, who, None))
    sim.feed(SentIf(sim.now, "e3", "back", None, who, None, None, "draft", -1))
    kept = encode_run(sim.run_state, program.digest, len(sim.journal))
    run, _ = decode_run(kept, program.digest, Context())
    assert run.machine is not None
    (waiting,) = run.machine.queue
    assert isinstance(waiting[0], SentIf)
    assert (waiting[0].to, waiting[1]) == ("draft", None)
    assert advance(program, run).events == []


# --- states -------------------------------------------------------------------------------------
async def test_the_state_of_a_machine_is_set(rt: Runtime) -> None:
    job = await rt.submit_job(ORDER, {})
    with pytest.raises(TransitionRefusedError) as none:
        await rt.set_state(job.id, "shipped")
    assert none.value.allowed == ("paid", "checked", "lost")
    with pytest.raises(TransitionRefusedError, match="guard"):
        await rt.set_state(job.id, "paid", {"vip": False})
    assert (await rt.get_job(job.id)).state == "draft", "the other transition was not taken"
    now = await rt.set_state(job.id, "checked", {"vip": True})
    assert now.state == "checked"
    with pytest.raises(TransitionForbiddenError) as forbidden:
        await rt.set_state(job.id, "paid", actor="bob")
    assert forbidden.value.allowed == ("draft",)
    paid = await rt.set_state(job.id, "paid", actor="ann", roles=["guest"], why="in cash")
    events = await rt._store.journal(job.id, 0, 100)
    assert [e.event for e in events if isinstance(e, Moved)][-1] == "pay", "the one she may fire"
    with pytest.raises(VersionMismatchError):
        await rt.set_state(job.id, "draft", if_version=now.version)
    assert (await rt.set_state(job.id, "draft", if_version=paid.version)).state == "draft"
    assert (await rt.set_state(job.id, "lost")).status == "Completed"
    with pytest.raises(TransitionRefusedError) as ended:
        await rt.set_state(job.id, "draft")
    assert ended.value.allowed == ()


async def test_a_state_that_is_set_twice(rt: Runtime) -> None:
    job = await rt.submit_job(ORDER, {})
    for _ in range(2):
        now = await rt.set_state(job.id, "checked", {"vip": False}, event_id="e")
        assert now.state == "checked"
    with pytest.raises(TransitionRefusedError):
        await rt.set_state(job.id, "checked", event_id="f")


async def test_many_set_states(rt: Runtime) -> None:
    """Nobody gets to a state that he did not ask for, whoever is faster."""
    job = await rt.create_job()
    await rt.send(job.id, "start")
    wanted = ["Suspended", "Running"] * 15
    results = await asyncio.gather(
        *(rt.set_state(job.id, state) for state in wanted), return_exceptions=True
    )
    for result in results:
        assert not isinstance(result, BaseException) or type(result) is TransitionRefusedError
    events = await rt._store.journal(job.id, 0, 1_000)
    moved = [e for e in events if isinstance(e, Moved)]
    assert len(moved) == 1 + sum(not isinstance(one, BaseException) for one in results)


async def test_the_state_of_a_bare_job_is_set(rt: Runtime) -> None:
    job = await rt.create_job({"n": 1})
    with pytest.raises(TransitionRefusedError) as none:
        await rt.set_state(job.id, "Completed")
    assert none.value.allowed == ("Running", "Suspended", "Failed", "Cancelled")
    assert (await rt.set_state(job.id, "Running", {"n": 2})).data == {"n": 2}
    assert (await rt.set_state(job.id, "Failed", why="no")).error["message"] == "no"  # type: ignore[index]
    assert (await rt.set_state(job.id, "Running")).status == "Running"
    assert (await rt.set_state(job.id, "Completed")).status == "Completed"


async def test_the_state_of_a_run_is_set(rt: Runtime) -> None:
    job = await rt.submit_job(WAITS)
    for state in ("Completed", "Pending", "Running", "Failed", "go"):
        with pytest.raises(TransitionRefusedError) as refused:
            await rt.set_state(job.id, state)
        assert refused.value.allowed == ("Cancelled", "Suspended")
    await rt.set_state(job.id, "Suspended")
    while (await rt.get_job(job.id)).status != "Suspended":
        await asyncio.sleep(0)
    assert (await rt.set_state(job.id, "Running")).status == "Running"
    for options in ({"if_version": 1}, {"data": {}}):
        with pytest.raises(RuntimeOptionError):
            await rt.set_state(job.id, "Cancelled", **options)  # type: ignore[arg-type]
    await rt.set_state(job.id, "Cancelled", why="enough")
    while not (ended := await rt.get_job(job.id)).ended:
        await asyncio.sleep(0)
    assert ended.error is not None
    assert ended.error["message"] == "enough"
    failed = await rt.run_job(FAILS)
    with pytest.raises(TransitionRefusedError):
        await rt.set_state(failed.id, "Suspended")
    with pytest.raises(RetryError):
        await rt.set_state(failed.id, "Running")


async def test_states_that_are_none(rt: Runtime) -> None:
    job = await rt.create_job()
    with pytest.raises(JobNotFoundError):
        await rt.set_state("nobody", "Running")
    for bad in ("", None, 1, "\ud800"):
        with pytest.raises(RuntimeOptionError):
            await rt.set_state(job.id, bad)  # type: ignore[arg-type]


CALLS = """\
machine: calls
initial: here
data: {type: object}
states: {here: {}, there: {do: [{call: look}, {call: write}]}}
transitions:
  - {from: here, event: go, to: there, do: [{call: look}, {call: write}, {call: look}]}
  - {from: there, event: back, to: here, do: [{call: write}]}
  - {from: there, event: done, to: here}
"""


async def test_the_version_in_the_journal_is_the_position_there(url: str) -> None:
    """Whatever goes ahead of the commit meanwhile, and whoever takes the job over."""

    @handler("look", pure=True)
    async def look(params: Any, ctx: Any) -> int:
        return 1

    @handler("write", idempotent=True)
    async def write(params: Any, ctx: Any) -> int:
        await asyncio.sleep(0)
        return 2

    async with Runtime(store=url, handlers=[look, write]) as rt:
        job = await rt.submit_job(CALLS, {})
        for turn in range(12):
            version = (await rt.get_job(job.id)).version
            sent = [
                EventFor(job.id, name, id=f"{turn} {n}", if_version=version + n)
                for n, name in enumerate(("go", "back", "go", "back", "go", "back"))
            ]
            await asyncio.gather(
                *(rt.send_many([one]) for one in sent[::2]), rt.send_many(sent[1::2])
            )
        events = await rt._store.journal(job.id, 0, 10_000)
        found = [(at, e) for at, e in enumerate(events) if isinstance(e, SentIf)]
        assert len(found) >= 12
        for at, event in found:
            assert event.version == at
            became = next(e for e in events[at + 1 :] if getattr(e, "id", None) == event.id)
            late = isinstance(became, Refused) and became.reason == "version"
            assert not (event.expected != at and not late), (at, event, became)
            if late:
                assert isinstance(became, Refused)
                assert became.error["version"] == at + 2
        assert sum(e.expected == at for at, e in found) > 0
