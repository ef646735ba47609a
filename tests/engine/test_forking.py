"""A fork goes on from a position of another job's journal, with keys and variables of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.engine.conftest import ManualClock

from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import (
    ForkError,
    JobExistsError,
    JobFailedError,
    JobNotFoundError,
    RuntimeOptionError,
)
from runeskript.kernel import load, replay
from runeskript.model.batches import unfold_events
from runeskript.model.events import CallDone, Forked
from runeskript.model.exports import decode_export
from runeskript.stores.base import Store

Start = Callable[..., Awaitable[Runtime]]


@pytest.fixture(name="store")
def store_(kept: Store) -> Store:
    return kept


class Notes:
    """A handler that notes (job, what, key)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, str]] = []
        self.bad: set[Any] = set()

    def of(self, job: str) -> list[Any]:
        return [what for id_, what, _ in self.calls if id_ == job]

    def handler(self) -> Any:
        @handler("note")
        async def note(params: Any, ctx: Any) -> Any:
            self.calls.append((ctx.job_id, params["what"], ctx.idempotency_key))
            if params["what"] in self.bad:
                raise RuntimeError("bad")
            return params["what"]

        return note


CHAIN = """
skript: chain
labels: {a: b}
do:
  - call: note
    with: {what: "${input.n}"}
    into: n
  - call: note
    with: {what: "${n + 1}"}
    into: m
  - call: note
    with: {what: "${n + m}", id: "${uuid()}"}
    into: sum
  - return: ["${n}", "${m}", "${sum}", "${uuid()}"]
"""


async def test_it_goes_on_from_every_position(runtime: Start, store: Store) -> None:
    notes = Notes()
    rt = await runtime(notes.handler(), store=store)
    job = await rt.submit_job(CHAIN, {"n": 1}, key="k")
    result: Any = await rt.result(job.id)
    keys = {key for _, _, key in notes.calls}
    before = await store.journal(job.id, 0, 100)
    wanted = [1, 2, 3]
    for position in (1, 2, 3):
        fork = await rt.fork_job(job.id, at=position, labels={"c": "d"})
        got: Any = await rt.result(fork.id)
        assert got[:3] == wanted
        assert got[3] != result[3]
        assert notes.of(fork.id) == wanted[position - 1 :]
        row = await rt.get_job(fork.id)
        assert (row.key, row.labels, row.input) == (None, {"a": "b", "c": "d"}, {"n": 1})
        found = decode_export(await rt.export_job(fork.id))
        assert replay(load(found.blueprint), found.events).finished == found.events[-1]
        assert [one.position for one in found.events if isinstance(one, Forked)] == [position]
    assert len({key for _, _, key in notes.calls}) == len(keys) + 3 + 2 + 1
    assert await store.journal(job.id, 0, 100) == before


async def test_variables_are_patched(runtime: Start, store: Store) -> None:
    notes = Notes()
    notes.bad.add(2)
    rt = await runtime(notes.handler(), store=store)
    job = await rt.submit_job(CHAIN, {"n": 1})
    with pytest.raises(JobFailedError):
        await rt.result(job.id)
    fork = await rt.fork_job(job.id, at=2, variables={"n": 10}, key="mine")
    got: Any = await rt.result(fork.id)
    assert got[:3] == [10, 11, 21]
    assert notes.of(fork.id) == [11, 21]
    with pytest.raises(JobExistsError):
        await rt.fork_job(job.id, at=2, key="mine")
    # A fork is a job like others.
    again = await rt.fork_job(fork.id, at=3, variables={"n": 20})
    got = await rt.result(again.id)
    assert got[:2] == [20, 11 + 10]


async def test_a_worker_takes_what_is_only_stored(runtime: Start, store: Store) -> None:
    notes = Notes()
    rt = await runtime(notes.handler(), store=store)
    job = await rt.submit_job(CHAIN, {"n": 1})
    await rt.result(job.id)
    fork = await rt.fork_job(job.id, at=2, start=False)
    assert (fork.status, notes.of(fork.id)) == ("Pending", [])
    await rt.work(until_idle=True)
    assert (await rt.get_job(fork.id)).status == "Completed"
    assert notes.of(fork.id) == [2, 3]


BUSY = """
skript: busy
do:
  - call: note
    with: {what: first}
    on_crash: fail
  - parallel:
      fans:
        - for: i
          in: range(3)
          parallel: true
          do:
            - call: note
              with: {what: "n${i}"}
              on_crash: fail
      runs:
        - run: part
          into: r
        - yield: r
      waits:
        - wait: 1h
        - yield: 1
      hears:
        - listen: t
          key: 1
          into: x
        - yield: x
    into: all
  - return: ${all}
"""
PART = "skript: part\ndo:\n  - call: note\n    with: {what: part}\n  - return: 5\n"


@pytest.mark.usefixtures("forks")
async def test_all_that_it_waits_for_is_its_own(
    runtime: Start, store: Store, clock: ManualClock
) -> None:
    """Calls, timers, listeners and children under way at the position are begun for the fork."""
    notes = Notes()
    rt = await runtime(notes.handler(), store=store)
    await rt.deploy(PART)
    job = await rt.submit_job(BUSY)

    async def end(id_: str, said: int, calls: int) -> Any:
        while len(notes.of(id_)) < calls:
            await asyncio.sleep(0)
        while not (loaded := await store.load(id_)) or not loaded.listeners or not loaded.timers:
            await asyncio.sleep(0)
        await rt.signal("t", key=1, data=said)
        clock.pass_ms(3_600_000)
        return await rt.result(id_)

    first = await end(job.id, 7, 4)
    assert (first["runs"], first["hears"]) == (5, 7)
    events = list(unfold_events(await store.journal(job.id, 0, 100)))
    for position in (1, 2, 4):
        fork = await rt.fork_job(job.id, at=position)
        done = sum(isinstance(one, CallDone) for one in events[:position])
        got = await end(fork.id, position, 4 - done)
        assert (got["runs"], got["waits"], got["hears"]) == (5, 1, position)
        assert len(notes.of(fork.id)) == 4 - done
    children = await rt.list_jobs(skript="part")
    assert len({child.id for child in children}) == 4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"at": 0}, "positions 1 to 5, not 0"),
        ({"at": 6}, "positions 1 to 5, not 6"),
        ({"at": 5}, "has ended at position 5"),
        ({"at": 4}, "is over at position 4"),
        ({"at": 2, "variables": {"sun": 1}}, "no variable `sun`.*did you mean `sum`"),
        ({"at": 2, "variables": {"": 1}}, "no variable"),
    ],
)
async def test_what_is_refused(runtime: Start, options: Any, says: str) -> None:
    rt = await runtime(Notes().handler())
    job = await rt.submit_job(CHAIN, {"n": 1})
    await rt.result(job.id)
    with pytest.raises(ForkError, match=says):
        await rt.fork_job(job.id, **options)
    assert len(await rt.list_jobs()) == 1


async def test_a_way_that_depends_on_the_id(runtime: Start) -> None:
    rt = await runtime(Notes().handler())
    doc = "skript: s\ndo:\n  - if: job.key == 'k'\n    then:\n      - call: note\n"
    doc += "        with: {what: 1}\n  - call: note\n    id: last\n    with: {what: 2}\n"
    job = await rt.submit_job(doc, key="k")
    await rt.result(job.id)
    with pytest.raises(ForkError, match="as another job it would not have come to position 2"):
        await rt.fork_job(job.id, at=2)


async def test_options_that_are_wrong(runtime: Start) -> None:
    rt = await runtime(Notes().handler())
    job = await rt.submit_job(CHAIN, {"n": 1})
    await rt.result(job.id)
    wrong: list[Any] = [
        {"at": "2"},
        {"at": 2, "variables": {"n": b"x"}},
        {"at": 2, "key": ""},
        {"at": 2, "labels": {"a": ""}},
    ]
    for options in wrong:
        with pytest.raises(RuntimeOptionError):
            await rt.fork_job(job.id, **options)
    with pytest.raises(JobNotFoundError):
        await rt.fork_job("none", at=1)
