"""Events through ``Runtime``: who may send them, many at once, and what is forgotten behind them."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from runeskript import Runtime, handler
from runeskript.engine.sending import EventFor
from runeskript.errors import (
    ForkError,
    InputError,
    JobNotFoundError,
    NoMachineError,
    RuntimeOptionError,
    TransitionFailedError,
    TransitionForbiddenError,
    TransitionRefusedError,
)

TURNSTILE = """\
machine: turnstile
initial: locked
states: {locked: {}, open: {}}
transitions:
  - {from: locked, event: coin, to: open, guard: event.data > 0, allow: [guest]}
  - {from: open, event: push, to: locked, do: [{set: {data.n: "${10 // data.n}"}}]}
"""
VISITS = """\
machine: visits
initial: out
states:
  out: {}
  in:
    enter: [{call: door, with: {do: open}, undo: {call: door, with: {do: unlock}}}]
    do: [{call: door, with: {do: look}, undo: {call: door, with: {do: forget}}}]
transitions:
  - {from: out, event: go, to: in}
  - {from: in, event: done, to: out}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "machine.yaml"
    path.write_text(TURNSTILE, "utf-8")
    return path


async def test_roles_without_an_actor_are_nobodys(file: Path) -> None:
    """Without an actor it is this process, which may fire everything: roles would be ignored."""
    async with Runtime() as runtime:
        job = await runtime.submit_job(file, {"n": 1})
        for options in (
            {"roles": ["guest"]},
            {"actor": "system"},
            {"actor": ""},
            {"actor": "a", "roles": 5},
            {"actor": "a", "roles": "guest"},
            {"actor": "a", "roles": None},
            {"actor": "a", "roles": [""]},
            {"actor": "a", "roles": ["\ud800"]},
            {"why": 1},
            {"why": "x" * 10_001},
        ):
            with pytest.raises(RuntimeOptionError):
                await runtime.send(job.id, "coin", 1, **options)  # type: ignore[arg-type]
        with pytest.raises(RuntimeOptionError):
            await runtime.send(job.id, "")
        assert (await runtime.get_job(job.id)).state == "locked"
        moved = await runtime.send(job.id, "coin", 1, actor="eve", roles=["guest"])
        assert (moved.state, moved.status, moved.data) == ("open", "Running", {"n": 1})


async def test_one_that_is_refused_harms_no_other(file: Path, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("skript: a\ndo:\n  - listen: t\n", "utf-8")
    async with Runtime(store=f"sqlite:///{tmp_path}/jobs.db") as runtime:
        one = (await runtime.submit_job(file, {"n": 0})).id
        other = (await runtime.submit_job(file, {"n": 5})).id
        plain = (await runtime.submit_job(tmp_path / "a.yaml")).id
        answers = await runtime.send_many([
            EventFor(one, "coin", 1),
            EventFor(one, "push"),  # divides by nothing
            EventFor(one, "coin", 1),
            EventFor(other, "coin", 0),
            EventFor(other, "coin", "x"),
            EventFor(other, "coin", 1, "eve"),
            EventFor(other, "coin", 1, "eve", ("guest",)),
            EventFor(other, "push"),
            EventFor("nobody", "push"),
            EventFor(plain, "push"),
        ])  # fmt: skip
        assert [(a.state, type(a.error)) for a in answers] == [
            ("open", type(None)),
            (None, TransitionFailedError),
            (None, TransitionRefusedError),
            (None, TransitionRefusedError),
            (None, TransitionRefusedError),
            (None, TransitionForbiddenError),
            ("open", type(None)),
            ("locked", type(None)),
            (None, JobNotFoundError),
            (None, NoMachineError),
        ]
        assert (await runtime.get_job(other)).data == {"n": 2}
        guard: Any = answers[4].error
        assert (guard.error["type"], guard.state, guard.allowed) == ("type", "locked", ("coin",))
        assert await runtime.send_many([]) == []


async def test_what_is_done_is_not_undone_by_a_cancel(tmp_path: Path) -> None:
    file, done = tmp_path / "visits.yaml", []
    file.write_text(VISITS, "utf-8")

    @handler("door")
    async def door(params: dict[str, Any], ctx: Any) -> None:
        done.append(params["do"])

    async with Runtime(handlers=[door]) as runtime:
        job = await runtime.submit_job(file, {})
        for turn in range(3):
            await runtime.send(job.id, "go")
            outside = 0  # once at the start, then behind each visit
            async for record in runtime.events(job.id):
                outside += record.kind == "transition.done" and record.data["to"] == "out"
                if outside == turn + 2:
                    break
        await runtime.cancel_job(job.id)
        with pytest.raises(Exception, match="cancelled"):
            await runtime.result(job.id)
    assert done == ["open", "look"] * 3


ORDER = """\
machine: order
initial: a
states: {a: {do: [{listen: never}]}, b: {}, z: {final: true}}
transitions:
  - {from: a, event: done, to: z}
  - {from: a, event: failed, to: z}
  - {from: a, event: take, to: b, do: [{set: {data: "${event.data}"}}]}
  - {from: b, event: end, to: z}
"""


async def test_the_end_of_an_activity_is_nobodys_to_say(tmp_path: Path) -> None:
    (tmp_path / "order.yaml").write_text(ORDER, "utf-8")
    async with Runtime() as runtime:
        job = await runtime.submit_job(tmp_path / "order.yaml")
        for event in ("done", "failed", "cancel"):
            with pytest.raises(TransitionRefusedError) as caught:
                await runtime.send(job.id, event)
            assert caught.value.allowed == ("take",)


@pytest.mark.parametrize("bad", [None, 5, [1], "x"])
async def test_data_is_an_object(bad: Any, tmp_path: Path) -> None:
    (tmp_path / "order.yaml").write_text(ORDER, "utf-8")
    async with Runtime(store=f"sqlite:///{tmp_path}/jobs.db") as runtime:
        if bad is None:
            job = await runtime.submit_job(tmp_path / "order.yaml", None)
            assert job.data == {}
        else:
            with pytest.raises(InputError):
                await runtime.submit_job(tmp_path / "order.yaml", bad)
            job = await runtime.submit_job(tmp_path / "order.yaml", {"n": 1})
        before = job.data
        with pytest.raises(TransitionFailedError, match="type"):
            await runtime.send(job.id, "take", bad)
        assert (await runtime.get_job(job.id)).data == before
        taken = await runtime.send(job.id, "take", {"n": [2]})
        assert (taken.state, taken.data) == ("b", {"n": [2]})


async def test_a_fork_stands_where_it_was_forked(tmp_path: Path) -> None:
    (tmp_path / "order.yaml").write_text(ORDER, "utf-8")
    async with Runtime(store=f"sqlite:///{tmp_path}/jobs.db") as runtime:
        job = await runtime.submit_job(tmp_path / "order.yaml", {"n": 1})
        await runtime.send(job.id, "take", {"n": 2})
        records = [r async for r in _upto(runtime, job.id, "b")]
        with pytest.raises(ForkError):
            await runtime.fork_job(job.id, at=len(records), variables={"data": 7})
        fork = await runtime.fork_job(job.id, at=len(records), variables={"data": {"n": 3}})
        assert (fork.state, fork.data) == ("b", {"n": 3})
        ended = await runtime.send(fork.id, "end")
        assert (ended.status, ended.output) == ("Completed", {"n": 3})
        assert (await runtime.get_job(job.id)).state == "b"


async def _upto(runtime: Runtime, job: str, state: str) -> Any:
    async for record in runtime.events(job):
        yield record
        if record.data.get("to") == state:
            return


@pytest.mark.parametrize("seed", range(3))
async def test_many_at_once_are_as_one_after_the_other(
    file: Path, tmp_path: Path, seed: int
) -> None:
    """Whatever comes for whichever job, sent before or not."""
    draw = Random(seed)
    names, who = ("coin", "push", "kick"), (None, "ada")
    drawn = [
        (draw.randrange(5), draw.choice(names), draw.randrange(3), draw.choice(who), f"{n}")
        for n in range(200)
    ]
    drawn += [draw.choice(drawn) for _ in range(20)]  # sent twice
    told, rows = [], []
    for many in (True, False):
        async with Runtime(store=f"sqlite:///{tmp_path}/{many}.db") as runtime:
            jobs = [(await runtime.submit_job(file, {"n": n})).id for n in range(4)] + ["nobody"]
            events = [
                EventFor(jobs[at], name, data, actor, id=id_)
                for at, name, data, actor, id_ in drawn
            ]
            if many:
                answers = await runtime.send_many(events)
            else:
                answers = [answer for one in events for answer in await runtime.send_many([one])]
            told.append([(one.event, one.state, type(one.error)) for one in answers])
            rows.append([await runtime.get_job(job) for job in jobs[:-1]])
            assert {one.state for one in answers} == {"open", "locked", None}
    assert told[0] == told[1]
    assert [(row.state, row.data) for row in rows[0]] == [(row.state, row.data) for row in rows[1]]
