"""What a store writes is not called back: whoever asked for it and was cancelled leaves no job that
is owned and lives nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.engine.conftest import Lasting

from runeskript.engine.runtime import Runtime
from runeskript.engine.submitting import Submission
from runeskript.errors import RuntimeClosedError, StoreError
from runeskript.stores.base import JobRow, Store
from runeskript.stores.queries import JobFilter

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]

ONE = "skript: one\ndo: [{return: 1}]\n"
#: More than a row and its journal can say.
TOLD = "skript: told\ndo: [{emit: it}, {return: 1}]\n"
WAIT = "skript: wait\ndo: [{listen: never}]\n"


class Late(Lasting):
    """A store that is held up in one operation, and does it in any case.

    ``lost``: and then its reply does not come.
    """

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.held: str | None = None
        self.after = 0
        self.lost = False
        self.go = asyncio.Event()
        self.begun = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name != self.held:
            return found

        async def late(*args: Any, **more: Any) -> Any:
            if self.after:
                self.after -= 1
                return await found(*args, **more)
            self.held = None

            async def do() -> Any:
                self.begun.set()
                await self.go.wait()
                done = await found(*args, **more)
                if self.lost:
                    raise StoreError("the reply was lost")
                return done

            return await asyncio.shield(asyncio.ensure_future(do()))

        return late

    async def cancelled(self, operation: str, asked: Awaitable[Any], after: int = 0) -> None:
        """Ask for something, be cancelled in the middle of an operation, which is done then."""
        self.held, self.after = operation, after
        task = asyncio.ensure_future(asked)
        await self.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        self.go.set()


async def owned(store: Store, ids: list[str]) -> list[JobRow]:
    rows = await store.get(ids)
    return [row for row in rows if row is not None and row.owner is not None]


@pytest.mark.parametrize("operation", ["claim", "commit", "load_many"])
async def test_an_event_whose_sender_gave_up_is_decided(
    runtime: Start, store: Store, settle: Settle, operation: str
) -> None:
    late = Late(store)
    rt = await runtime(store=late)
    job = await rt.create_job({"a": 1})
    await late.cancelled(operation, rt.send(job.id, "start"))
    await settle()
    assert (await rt.get_job(job.id)).status == "Running"
    assert (await rt.send(job.id, "complete")).status == "Completed"


async def test_a_job_that_was_claimed_for_nobody_runs(
    runtime: Start, store: Store, settle: Settle
) -> None:
    late = Late(store)
    rt = await runtime(store=late)
    job = await rt.submit_job(ONE, start=False)
    await late.cancelled("claim", rt.result(job.id))
    await settle()
    assert (await rt.get_job(job.id)).status == "Completed"


async def test_jobs_whose_submitter_gave_up_are_given_back(
    runtime: Start, store: Store, settle: Settle
) -> None:
    late = Late(store)
    rt = await runtime(store=late)
    await late.cancelled("submit", rt.submit_job(ONE, key="one"))
    await settle()
    (row,) = (await store.query(JobFilter(), None, 2))[0]
    await rt.work(until_idle=True)
    assert (await rt.get_job(row.id)).status == "Completed"


async def test_of_many_also_those_that_were_written_before(
    runtime: Start, store: Store, settle: Settle
) -> None:
    """What treats taken keys in another way is written by itself."""
    late = Late(store)
    rt = await runtime(store=late)
    items = [
        Submission(TOLD, id="a", key="a"),
        Submission(TOLD, id="b", key="b", on_conflict="replace"),
    ]
    await late.cancelled("submit", rt.submit_many(items), after=1)
    await settle()
    await rt.work(until_idle=True)
    assert [(await rt.get_job(id_)).status for id_ in ("a", "b")] == ["Completed"] * 2


async def test_one_that_lives_here_is_not_given_back(
    runtime: Start, store: Store, settle: Settle
) -> None:
    late = Late(store)
    rt = await runtime(store=late)
    item = Submission(WAIT, id="mine")
    await rt.submit_many([item])
    await settle()
    live = rt._running().lives["mine"]
    await late.cancelled("submit", rt.submit_many([item]))
    await settle()
    assert not rt._running().lease.owing
    assert rt._running().lives["mine"] is live


@pytest.mark.parametrize("lost", [False, True])
async def test_jobs_that_were_let_go_of_are_given_back(
    runtime: Start, store: Store, settle: Settle, lost: bool
) -> None:
    late = Late(store)
    rt = await runtime(store=late)
    job = await rt.submit_job(WAIT)
    await settle()
    late.lost = lost
    await late.cancelled("release", rt.work(until_idle=True))
    await settle()
    driver = rt._running()
    assert job.id not in driver.lives
    await driver.lease.give_back()
    assert not await owned(store, [job.id])


async def test_a_runtime_that_closes_claims_nothing_more(
    runtime: Start, store: Store, settle: Settle
) -> None:
    late = Late(store)
    rt = await runtime(store=late)
    job = await rt.submit_job(ONE, start=False)
    late.held = "load_many"
    waiting = asyncio.ensure_future(rt.result(job.id))
    await late.begun.wait()
    late.go.set()
    await rt.close()
    with pytest.raises(RuntimeClosedError):
        await waiting
    assert not await owned(store, [job.id])
    await store.close()


PARENT = "skript: parent\ndo: [{run: one, into: n}, {return: '${n}'}]\n"


async def test_children_of_a_rebuilt_job_are_given_back_if_the_reply_is_lost(
    runtime: Start, store: Store, settle: Settle
) -> None:
    """A fork has to ask for its child anew, before anything else."""
    late = Late(store)
    rt = await runtime(store=late)
    await rt.deploy(ONE)
    job = await rt.submit_job(PARENT)
    assert await rt.result(job.id) == 1
    fork = await rt.fork_job(job.id, at=1, start=False)
    late.held, late.lost = "commit", True
    late.go.set()
    work = asyncio.ensure_future(rt.result(fork.id))
    with pytest.raises(StoreError):
        await work
    await rt.work(until_idle=True)
    assert (await rt.get_job(fork.id)).output == 1


@pytest.mark.parametrize("begun", [False, True])
async def test_whoever_writes_for_all_may_be_cancelled(
    runtime: Start, store: Store, *, begun: bool
) -> None:
    """As when the loop ends: who asks then gets an answer, and no place is lost."""
    late = Late(store)
    rt = await runtime(store=late, max_jobs=1)
    late.held = "submit" if begun else None
    first = asyncio.ensure_future(rt.submit(Submission(ONE)))
    while (writer := rt._submitting._joined.task) is None:
        await asyncio.sleep(0)
    if begun:
        await late.begun.wait()
    writer.cancel()
    await asyncio.wait((writer,))
    late.go.set()
    assert (await rt.run_job(ONE)).unwrap() == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_defect_in_beginning_one_job_costs_the_others_nothing(
    runtime: Start, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of jobs that are submitted together: each gets an answer, and its place back."""
    rt = await runtime(store=store, max_jobs=2)
    driver = rt._running()

    def broken(*_: Any) -> None:
        raise ValueError("injected")

    for name in ("_enter", "deliver_early"):
        with monkeypatch.context() as patch:
            patch.setattr(driver, name, broken)
            both = [rt.submit(Submission(WAIT)) for _ in range(2)]
            async with asyncio.timeout(30):
                found = await asyncio.gather(*both, return_exceptions=True)
        assert [str(one) for one in found] == ["injected"] * 2
        for live in list(driver.lives.values()):
            driver.let_go(live)
        assert rt._places._value == 2
    async with asyncio.timeout(30):
        assert (await rt.run_job(ONE)).unwrap() == 1
