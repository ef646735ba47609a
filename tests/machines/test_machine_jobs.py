"""Jobs of machines: what ``send`` says, what their rows say, and what becomes of them elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from runeskript import Runtime, handler
from runeskript.engine.reasons import reason_of
from runeskript.errors import (
    JobCancelledError,
    NoMachineError,
    RetryError,
    TransitionFailedError,
    TransitionForbiddenError,
    TransitionRefusedError,
)
from runeskript.kernel import load, replay
from runeskript.model.exports import decode_export
from runeskript.stores.base import Store
from runeskript.stores.queries import JobFilter

ORDER = b"""
machine: order
initial: draft
states:
  draft: {}
  submitted: {timeout: {after: 2d, event: withdraw}}
  paid:
    do: [{call: ship, with: {order: "${job.id}"}, undo: {call: unship}}]
  shipped: {final: true}
  withdrawn: {final: true}
transitions:
  - {from: draft, event: submit, to: submitted, guard: len(data.items) > 0, allow: [clerk]}
  - from: submitted
    event: pay
    to: paid
    do:
      - call: charge
        with: {amount: "${event.data.amount}"}
        into: data.receipt
        undo: {call: refund}
      - if: event.data.amount > 100
        then: [{raise: {type: too.much, message: "more than we take"}}]
  - {from: paid, event: done, to: shipped}
  - {from: paid, event: recall, to: submitted}
  - {from: [draft, submitted], event: withdraw, to: withdrawn}
"""
DAY = 86_400_000


class Shop:
    """The handlers of an order. ``shipping``: set when a shipment may end."""

    def __init__(self, *, ships: bool = True) -> None:
        self.log: list[Any] = []
        self.shipping = asyncio.Event()
        if ships:
            self.shipping.set()

    def handlers(self) -> list[Any]:
        @handler("ship")
        async def ship(params: Any, ctx: Any) -> None:
            self.log.append("ship")
            await self.shipping.wait()

        @handler("charge")
        async def charge(params: Any, ctx: Any) -> Any:
            self.log.append(("charge", params["amount"]))
            return {"amount": params["amount"]}

        def simple(name: str) -> Any:
            @handler(name)
            async def called(params: Any, ctx: Any) -> None:
                self.log.append(name)

            return called

        return [ship, charge, simple("refund"), simple("unship")]

    def runtime(self, url: str, **options: Any) -> Runtime:
        return Runtime(store=url, handlers=self.handlers(), **options)

    async def until(self, last: Any) -> None:
        while self.log[-1:] != [last]:
            await asyncio.sleep(0)


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


async def test_what_is_said_of_events_and_what_stands_in_the_row(url: str) -> None:
    shop = Shop()
    async with shop.runtime(url) as rt:
        job = await rt.submit_job(ORDER, {"items": [1]})
        with pytest.raises(TransitionForbiddenError) as forbidden:
            await rt.send(job.id, "submit", actor="eve", roles=["cook"])
        assert (forbidden.value.state, forbidden.value.allowed) == ("draft", ("withdraw",))
        with pytest.raises(TransitionRefusedError) as refused:
            await rt.send(job.id, "pay", {"amount": 1})
        assert (refused.value.state, refused.value.event) == ("draft", "pay")
        assert refused.value.allowed == ("submit", "withdraw")

        job = await rt.send(job.id, "submit", actor="ann", roles=["clerk"], why="it is complete")
        assert (job.state, job.status, job.data) == ("submitted", "Running", {"items": [1]})
        with pytest.raises(TransitionFailedError) as failed:
            await rt.send(job.id, "pay", {"amount": 500})
        assert failed.value.error["type"] == "too.much"
        job = await rt.get_job(job.id)
        assert (job.state, job.data) == ("submitted", {"items": [1]})
        assert shop.log == [("charge", 500), "refund"]

        await rt.send(job.id, "pay", {"amount": 5})
        data = {"items": [1], "receipt": {"amount": 5}}
        assert await rt.result(job.id) == data
        job = await rt.get_job(job.id)
        assert (job.state, job.status, job.data, job.output) == ("shipped", "Completed", data, data)
        with pytest.raises(TransitionRefusedError):
            await rt.send(job.id, "withdraw")
        said = [event.data async for event in rt.events(job.id) if event.kind == "transition.done"]
        assert [(one["source"], one["to"], one["why"]) for one in said][1] == (
            "draft",
            "submitted",
            "it is complete",
        )
        assert shop.log.count("ship") == 1 and "unship" not in shop.log


async def test_a_guard_that_fails_is_told_as_it_is(url: str) -> None:
    async with Shop().runtime(url) as rt:
        job = await rt.submit_job(ORDER, {})
        with pytest.raises(TransitionRefusedError) as found:
            await rt.send(job.id, "submit")
        assert found.value.error is not None and found.value.error["type"] == "missing"
        assert (await rt.get_job(job.id)).state == "draft"


async def test_an_event_id_counts_once_and_has_one_answer(url: str) -> None:
    shop = Shop(ships=False)
    async with shop.runtime(url) as rt:
        job = await rt.submit_job(ORDER, {"items": [1]})
        for _ in range(2):
            with pytest.raises(TransitionRefusedError):
                await rt.send(job.id, "pay", {"amount": 1}, event_id="too-early")
        await rt.send(job.id, "submit", event_id="a")
        for _ in range(3):
            job = await rt.send(job.id, "pay", {"amount": 7}, event_id="b")
            assert job.state == "paid"
        again = await asyncio.gather(*(rt.send(job.id, "recall", event_id="c") for _ in range(3)))
        assert {one.state for one in again} == {"submitted"}
        assert shop.log.count(("charge", 7)) == 1
        with pytest.raises(TransitionRefusedError):
            await rt.send(job.id, "pay", {"amount": 1}, event_id="too-early")
        assert (await rt.get_job(job.id)).state == "submitted", "it is the same answer again"


async def test_an_event_has_its_answer_behind_the_end_of_its_job_too(url: str) -> None:
    async with Shop().runtime(url) as rt:
        job = await rt.submit_job(ORDER, {"items": [1]})
        await rt.send(job.id, "submit", event_id="a")
        with pytest.raises(TransitionRefusedError):
            await rt.send(job.id, "recall", event_id="b")
        await rt.send(job.id, "withdraw", event_id="c")
        await rt.result(job.id)
        for event, id_ in (("submit", "a"), ("withdraw", "c")):
            assert (await rt.send(job.id, event, event_id=id_)).state == "withdrawn"
        with pytest.raises(TransitionRefusedError, match="no transition takes"):
            await rt.send(job.id, "recall", event_id="b")
        with pytest.raises(TransitionRefusedError, match="ended before"):
            await rt.send(job.id, "submit", event_id="d")


async def test_two_jobs_may_have_events_of_one_id(url: str) -> None:
    async with Shop().runtime(url) as rt:
        full = await rt.submit_job(ORDER, {"items": [1]})
        empty = await rt.submit_job(ORDER, {"items": []})
        sent = [rt.send(job.id, "submit", event_id="a") for job in (full, empty)]
        one, other = await asyncio.gather(*sent, return_exceptions=True)
        assert not isinstance(one, BaseException) and one.state == "submitted"
        assert isinstance(other, TransitionRefusedError)


async def test_a_skript_has_no_machine(url: str) -> None:
    async with Shop().runtime(url) as rt:
        job = await rt.submit_job(b"skript: s\ndo: [{listen: t}]\n")
        with pytest.raises(NoMachineError):
            await rt.send(job.id, "go")
        job = await rt.get_job(job.id)
        assert job.state == job.status and job.data is None


async def test_it_goes_on_in_each_state_where_it_was_left(file: str) -> None:
    """The runtime is closed behind each event: the state, its data and its activity are there."""
    shop = Shop(ships=False)
    async with shop.runtime(file) as rt:
        id_ = (await rt.submit_job(ORDER, {"items": [1]})).id
    async with shop.runtime(file) as rt:
        assert (await rt.get_job(id_)).state == "draft"
        await rt.send(id_, "submit")
    async with shop.runtime(file) as rt:
        with pytest.raises(TransitionFailedError):
            await rt.send(id_, "pay", {"amount": 500})
    async with shop.runtime(file) as rt:
        assert (await rt.send(id_, "pay", {"amount": 5})).state == "paid"
        await shop.until("ship")
    async with shop.runtime(file) as rt:
        assert (await rt.send(id_, "recall")).state == "submitted"
    async with shop.runtime(file) as rt:
        await rt.send(id_, "pay", {"amount": 6})
        await shop.until("ship")
    shop.shipping.set()
    async with shop.runtime(file) as rt:
        assert await rt.result(id_) == {"items": [1], "receipt": {"amount": 6}}
        assert (await rt.get_job(id_)).state == "shipped"
    paid = [one for one in shop.log if isinstance(one, tuple)]
    assert paid == [("charge", 500), ("charge", 5), ("charge", 6)]


async def test_one_runtime_sends_and_the_other_runs(file: str) -> None:
    shop, other = Shop(), Shop()
    async with shop.runtime(file) as sender, other.runtime(file) as worker:
        working = asyncio.create_task(worker.work())
        try:
            job = await worker.submit_job(ORDER, {"items": [1]})
            assert (await sender.send(job.id, "submit")).state == "submitted"
            with pytest.raises(TransitionRefusedError):
                await sender.send(job.id, "recall")
            await sender.send(job.id, "pay", {"amount": 5})
            assert await sender.result(job.id) == {"items": [1], "receipt": {"amount": 5}}
        finally:
            working.cancel()
    assert shop.log + other.log == [("charge", 5), "ship"]


async def test_an_event_for_a_paused_job_is_taken_when_it_goes_on(url: str) -> None:
    async with Shop().runtime(url) as rt:
        job = await rt.submit_job(ORDER, {"items": [1]})
        await rt.pause_job(job.id)
        while (await rt.get_job(job.id)).status != "Suspended":
            await asyncio.sleep(0)
        assert (await rt.get_job(job.id)).state == "draft"
        sending = asyncio.create_task(rt.send(job.id, "submit"))
        while not sending.done() and (await rt.get_job(job.id)).status == "Suspended":
            await asyncio.sleep(0)
            if not await _waiting(rt._store, job.id):
                continue
            assert (await rt.get_job(job.id)).state == "draft"
            await rt.resume_job(job.id)
        assert (await sending).state == "submitted"


async def _waiting(store: Store, job: str) -> bool:
    loaded = await store.load(job)
    return loaded is not None and bool(loaded.inbox)


async def test_cancelled_in_an_activity_it_is_undone_and_keeps_its_state(url: str) -> None:
    shop = Shop(ships=False)
    async with shop.runtime(url) as rt:
        job = await rt.submit_job(ORDER, {"items": [1]})
        await rt.send(job.id, "submit")
        await rt.send(job.id, "pay", {"amount": 5})
        await shop.until("ship")
        await rt.cancel_job(job.id)
        with pytest.raises(JobCancelledError):
            await rt.result(job.id)
        job = await rt.get_job(job.id)
        assert (job.status, job.state) == ("Cancelled", "paid")
        assert job.data == {"items": [1], "receipt": {"amount": 5}}
        assert "refund" not in shop.log, "the move to paid is done"


async def test_why_it_does_not_move(url: str) -> None:
    shop = Shop(ships=False)
    async with shop.runtime(url) as rt:

        async def why() -> Any:
            (row,) = await rt._store.get([job.id])
            assert row is not None
            return await reason_of(rt._store, row)

        job = await rt.submit_job(ORDER, {"items": [1]})
        with pytest.raises(TransitionRefusedError):
            await rt.send(job.id, "nonsense")
        found = await why()
        assert found.kind == "event" and found.due is None
        assert found.detail == {"state": "draft", "events": ["submit", "withdraw"]}
        assert "an event in state draft: submit or withdraw" in found.text
        job = await rt.send(job.id, "submit")
        found = await why()
        assert found.kind == "event" and found.detail["events"] == ["pay", "withdraw"]
        assert found.due == job.updated_at + 2 * DAY
        assert "else its timeout withdraw, due at " in found.text
        await rt.send(job.id, "pay", {"amount": 5})
        await shop.until("ship")
        assert (await why()).kind == "call"


async def test_its_journal_is_exported_forked_and_erased(url: str) -> None:
    shop = Shop()
    async with shop.runtime(url) as rt:
        job = await rt.submit_job(ORDER, {"items": [1]})
        await rt.send(job.id, "submit")
        at = [event.kind async for event in _first(rt, job.id, 4)].index("event.sent") + 2
        fork = await rt.fork_job(job.id, at=at, variables={"data": {"items": [], "by": "us"}})
        assert (await rt.send(fork.id, "pay", {"amount": 5})).id == fork.id
        assert await rt.result(fork.id) == {"items": [], "by": "us", "receipt": {"amount": 5}}
        await rt.send(job.id, "withdraw")
        assert await rt.result(job.id) == {"items": [1]}
        export = decode_export(await rt.export_job(job.id))
        run = replay(load(export.blueprint), export.events)
        assert run.finished is not None and run.finished.output == {"items": [1]}
        with pytest.raises(RetryError):
            await rt.retry_job(job.id)
        assert await rt.erase_job(job.id) == [job.id]
        erased = await rt.get_job(job.id)
        assert erased.state == "withdrawn" and erased.data is None and erased.input is None


async def _first(rt: Runtime, id_: str, number: int) -> Any:
    async for event in rt.events(id_):
        yield event
        number -= 1
        if not number:
            return


async def test_jobs_are_found_by_their_state(url: str) -> None:
    async with Shop().runtime(url) as rt:
        jobs = [await rt.submit_job(ORDER, {"items": [1]}) for _ in range(3)]
        await rt.send(jobs[1].id, "submit")
        await rt.send(jobs[0].id, "withdraw")
        for state, wanted in (("draft", [2]), ("submitted", [1]), ("withdrawn", [0])):
            rows, _ = await rt._store.query(JobFilter(state=state), None, 10)
            assert [row.id for row in rows] == [jobs[at].id for at in wanted]
