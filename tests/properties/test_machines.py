"""Random events from random actors at random machines: they do what the model says, each way."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from machines.driving import Machine
from properties.machines import ACTORS, EVENTS, Model, document, handlers, machines
from properties.test_programs import FUZZ, check_replay, examples
from properties.test_resume import Restarted
from runeskript import Runtime, handler
from runeskript.compiler.pipeline import Options, compile_text
from runeskript.errors import (
    CompileError,
    JobCancelledError,
    JobFailedError,
    TransitionFailedError,
    TransitionForbiddenError,
    TransitionRefusedError,
)
from runeskript.kernel import Program, load
from runeskript.model.events import Event, Moved, MoveFailed, Refused, Sent
from runeskript.service import tokens
from serving import Client, served
from support import any_handlers

pytestmark = pytest.mark.timeout(300 * FUZZ)
CATALOG = any_handlers("call", "undo", "begin", "unbegin", "work")
NAMES = st.sampled_from([*EVENTS, *EVENTS, "to_s0", "to_s1", "to_s2", "to_s3", "failed", "quit"])
FIRED = st.tuples(NAMES, st.integers(0, 4), st.sampled_from([*ACTORS]))
#: Events that come together, and the ms that go by then.
TOLD = st.lists(
    st.tuples(st.lists(FIRED, min_size=1, max_size=4), st.sampled_from([0, 0, 400, 1100, 2600])),
    max_size=12,
)


class Forgetful(Machine, Restarted):
    """A machine that is rebuilt from its journal whenever it rests."""


def compiled(machine: dict[str, Any], **options: Any) -> Program:
    text = json.dumps(document(machine), indent=1)
    try:
        return load(compile_text(text, "random.json", CATALOG, Options(**options)).blueprint)
    except CompileError:  # a transition that can never fire, most often
        assume(False)
        raise


def said(events: list[Event]) -> list[tuple[Any, ...]]:
    """What a journal says of events, in the model's words."""
    found: list[tuple[Any, ...]] = []
    for event in events:
        if isinstance(event, Moved):
            found.append(("moved", event.source, event.to, event.event))
        elif isinstance(event, Refused):
            found.append(("refused", event.state, event.event, event.reason))
        elif isinstance(event, MoveFailed):
            type_ = str(event.error["type"])
            found.append(("failed", event.source, event.to, event.event, type_))
    return found


def played(
    code: Program,
    start: int,
    told: Any,
    *,
    cancel: bool,
    kind: type[Machine] = Machine,
    together: bool = False,
    every: int = 0,
) -> tuple[Machine, list[tuple[str, int]]]:
    """What becomes of a machine. ``together``: events are fed in one go."""
    trace: list[tuple[str, int]] = []
    sim = kind(code, handlers(trace), {"n": start, "log": []})
    if isinstance(sim, Restarted):
        sim.every = every
    sim.settle()
    number = 0
    for fired, ms in told:
        events = []
        for name, data, actor in fired:
            number += 1
            who: Any = {"id": actor or "system", "roles": [*ACTORS[actor]]}
            events.append(Sent(sim.now, f"e{number}", name, data, who, None))
        if together:
            sim.feed(*events)
            sim.settle()
        else:
            for event in events:
                sim.feed(event)
                sim.settle()
        sim.run_until(sim.now - sim.start + ms)
    if cancel:
        sim.cancel()
        sim.settle()
    return sim, trace


def known(events: list[Event]) -> list[Event]:
    """A journal without what names the Blueprint."""
    return events[1:]


@examples(40)
@given(machines(), st.integers(0, 4), TOLD, st.booleans())
def test_a_machine_does_what_the_model_says(
    machine: dict[str, Any], start: int, told: Any, cancel: bool
) -> None:
    code = compiled(machine)
    sim, trace = played(code, start, told, cancel=cancel)
    model = Model(machine, {"n": start, "log": []})
    for fired, ms in told:
        for one in fired:
            model.send(*one)
        model.advance(ms)
    if cancel:
        model.cancel()
    assert said(sim.journal) == model.said
    assert trace == model.trace
    status = sim.finished.status if sim.finished else "Running"
    assert status == model.status
    if status == "Completed":
        assert sim.finished is not None and sim.finished.output == model.data
    elif status == "Running":
        assert (sim.state, sim.data) == (model.state, model.data)

    table = code.blueprint.machine
    assert table is not None
    rows = {
        (table.states[row.source].name, row.event, table.states[row.to].name)
        for row in table.transitions
    }
    assert all((source, event, to) in rows for event, source, to in sim.moves)
    if sim.finished is not None:
        check_replay(code, sim.outcome())


@examples(20)
@given(machines(), st.integers(0, 4), TOLD, st.booleans(), st.sampled_from([0, 1, 3]))
def test_it_is_the_same_rebuilt_unoptimised_and_in_a_row(
    machine: dict[str, Any], start: int, told: Any, cancel: bool, every: int
) -> None:
    code = compiled(machine)
    sim, trace = played(code, start, told, cancel=cancel)

    again, _ = played(code, start, told, cancel=cancel, kind=Forgetful, every=every)
    assert isinstance(again, Restarted) and (again.restarts or again.finished)
    assert again.journal == sim.journal and again.trace == sim.trace

    plain, traced = played(compiled(machine, passes=()), start, told, cancel=cancel)
    assert known(plain.journal) == known(sim.journal) and traced == trace

    row, traced = played(code, start, told, cancel=cancel, together=True)
    assert said(row.journal) == said(sim.journal)
    # An activity that is left in the same moment may not have begun.
    assert [call for call in traced if "begin" not in call[0]] == [
        call for call in trace if "begin" not in call[0]
    ]
    row, _ = played(
        compiled(machine, passes=()),
        start,
        told,
        cancel=cancel,
        together=True,
        kind=Forgetful,
        every=every,
    )
    assert said(row.journal) == said(sim.journal)


# --- stores ---------------------------------------------------------------------------------------
def _handled(trace: list[tuple[str, int]]) -> list[Any]:
    """The handlers as real ones; what works never comes to its end."""
    mocks = handlers(trace)

    def handled(name: str) -> Any:
        @handler(name)
        async def called(params: dict[str, Any], ctx: Any) -> Any:
            if name == "work":
                await asyncio.Event().wait()
            result = mocks[name](params)
            if isinstance(result, Exception):
                raise result
            return result

        return called

    return [handled(name) for name in mocks]


async def _settled() -> None:
    """All that needs no more than turns of the loop has happened: which of an activity's beginning
    and the next event is first is nobody's promise.
    """
    for _ in range(200):
        await asyncio.sleep(0)


async def _in_a_runtime(url: str, machine: dict[str, Any], start: int, fired: Any) -> Any:
    trace: list[tuple[str, int]] = []
    answers: list[Any] = []
    async with Runtime(store=url, handlers=_handled(trace)) as runtime:
        job = await runtime.submit_job(
            json.dumps(document(machine)).encode(), {"n": start, "log": []}
        )
        for name, data, actor in fired:
            await _settled()
            try:
                job = await runtime.send(job.id, name, data, actor=actor, roles=ACTORS[actor])
                answers.append(("moved", job.state, job.data))
            except TransitionForbiddenError as exc:
                answers.append(("forbidden", exc.state, exc.allowed))
            except TransitionRefusedError as exc:
                answers.append(("refused", exc.state, exc.allowed))
            except TransitionFailedError as exc:
                answers.append(("failed", exc.state))
        await _settled()
        job = await runtime.get_job(job.id)
        if not job.ended:
            await runtime.cancel_job(job.id)
        with suppress(JobCancelledError, JobFailedError):
            await runtime.result(job.id)
        end = await runtime.get_job(job.id)
        shown = [
            (event.kind, event.data.get("event"), event.data.get("to"))
            async for event in runtime.events(job.id)
        ]
    return answers, shown, (end.status, end.state, end.data, end.output), sorted(trace)


async def _over_http(machine: dict[str, Any], start: int, fired: Any) -> Any:
    """The same through the service: each actor has a token with its roles."""
    trace: list[tuple[str, int]] = []
    answers: list[Any] = []
    async with served(handlers=_handled(trace)) as client:
        service = client.app.service
        by: dict[str | None, Client] = {}
        for actor, roles in ACTORS.items():
            # Who has no name is the system, which is in this process.
            text = await tokens.create(
                service.store, name=actor or "admin", scopes=["admin"], roles=roles,
                now=service.store.now(),
            )  # fmt: skip
            by[actor] = client.as_(text)
        admin = by[None]
        made = await admin.post(
            "/jobs", {"document": document(machine), "data": {"n": start, "log": []}}
        )
        assert made.status == 201, made.body
        id_, path = made.json["id"], made.headers["location"]
        for name, data, actor in fired:
            await _settled()
            if actor is None:
                answers.append(await _said_by(service.runtime, id_, name, data))
                continue
            reply = await by[actor].put(f"{path}/state", {"event": name, "data": data})
            if reply.status == 200:
                answers.append(("moved", reply.json["state"], reply.json["data"]))
            elif reply.json["code"] == "RUNE-6022":
                answers.append(("failed", reply.json["state"]))
            else:
                word = {403: "forbidden", 409: "refused"}[reply.status]
                answers.append((word, reply.json["state"], tuple(reply.json["allowed"])))
        await _settled()
        if not (await service.runtime.get_job(id_)).ended:
            await admin.post(f"{path}/cancel")
        async with admin.stream(f"{path}/events") as stream:
            await stream.ended.wait()
            *events, last = (event.data for event in stream.events())
        shown = [(e["kind"], e["data"].get("event"), e["data"].get("to")) for e in events]
    end = (last["status"], last["state"], last["data"], last["output"])
    return answers, shown, end, sorted(trace)


async def _said_by(runtime: Runtime, id_: str, name: str, data: Any) -> tuple[Any, ...]:
    """What the system is told of an event."""
    try:
        job = await runtime.send(id_, name, data)
    except TransitionFailedError as exc:
        return ("failed", exc.state)
    except TransitionRefusedError as exc:
        return ("refused", exc.state, exc.allowed)
    return ("moved", job.state, job.data)


@examples(6)
@given(machines(timed=False), st.integers(0, 4), st.lists(FIRED, max_size=10))
def test_stores_and_the_service_agree(
    tmp_path_factory: pytest.TempPathFactory, machine: dict[str, Any], start: int, fired: Any
) -> None:
    compiled(machine)
    path: Path = tmp_path_factory.mktemp("store") / "jobs.db"
    one = asyncio.run(_in_a_runtime("memory://", machine, start, fired))
    other = asyncio.run(_in_a_runtime(f"sqlite:///{path}", machine, start, fired))
    assert one == other
    assert asyncio.run(_over_http(machine, start, fired)) == one
    model = Model(machine, {"n": start, "log": []})
    expected = []
    for event in fired:
        before = len(model.said)
        model.send(*event)
        expected += model.said[before : before + 1] or [("refused", "end", "", "conflict")]
    kinds = [answer[0] for answer in one[0]]
    assert kinds == [
        "forbidden" if row[-1] == "forbidden" and row[0] == "refused" else row[0]
        for row in expected
    ]
