"""What others post faster than it is taken waits in the store, not in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from runeskript.engine import inboxes
from runeskript.engine.inboxes import Inboxes
from runeskript.engine.live import Live
from runeskript.engine.runtime import Runtime
from runeskript.model.limits import LOADED_MESSAGES
from runeskript.stores.base import Command, Message, Store

Start = Callable[..., Awaitable[Runtime]]

MANY = 2_500
#: Every message becomes an event of the run; the last one is what it waits for.
LAST = f"""
skript: last
do:
  - listen: go
    where: event.data == {MANY - 1}
    into: m
  - return: ${{m}}
"""
OTHER = "skript: other\ndo:\n  - listen: stop\n    into: m\n  - return: ${m}\n"


class Peaks:
    """How many rows of one job were in memory at most, and how many were taken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = self.taken = 0
        deliver = Inboxes._deliver

        def counted(inboxes: Any, live: Live, row: Any) -> None:
            deliver(inboxes, live, row)
            self.taken += 1
            self.most = max(self.most, len(live.arrivals), len(live.inbox))

        monkeypatch.setattr(Inboxes, "_deliver", counted)


@pytest.fixture(name="peaks")
def peaks_(monkeypatch: pytest.MonkeyPatch) -> Peaks:
    monkeypatch.setattr(inboxes, "INBOX", 100)
    return Peaks(monkeypatch)


def messages(count: int = MANY) -> list[Message | Command]:
    return [Message(f"m{n}", "go", None, None, n) for n in range(count)]


async def listening(rt: Runtime, settle: Any, text: str = LAST) -> Live:
    job = await rt.submit_job(text)
    await settle()
    return rt._running().lives[job.id]


async def test_what_is_posted_quickly_waits_in_the_store(
    runtime: Start, store: Store, settle: Any, peaks: Peaks
) -> None:
    rt = await runtime(store=store)
    live = await listening(rt, settle)
    await store.post(messages())
    driver = rt._running()
    await driver.collect()
    assert len(live.arrivals) <= inboxes.INBOX
    assert driver.behind(live)
    driver.poke()
    assert await rt.result(live.id) == MANY - 1  # in their order, and none is left out
    assert peaks.taken == MANY
    assert peaks.most <= inboxes.INBOX
    assert await store.inbox("worker", 0, 9) == []
    await driver.collect()
    assert not driver.behind(live)


async def test_what_waits_in_the_store_is_read_once(
    runtime: Start, store: Store, settle: Any, peaks: Peaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    inbox = store.inbox

    async def counted(*args: Any) -> Any:
        rows = await inbox(*args)
        read.extend(row.number for row in rows)
        return rows

    monkeypatch.setattr(store, "inbox", counted)
    rt = await runtime(store=store)
    live, other = await listening(rt, settle), await listening(rt, settle, OTHER)
    await store.post(messages(1_000))
    await rt._running().collect()
    rt._running().poke()
    await settle()
    await store.post([*messages()[1_000:], Message("s", "stop", None, None, "now")])
    await rt._running().collect()
    rt._running().poke()
    assert await rt.result(live.id) == MANY - 1
    assert await rt.result(other.id) == "now"
    assert peaks.most <= inboxes.INBOX
    assert sorted(read) == list(range(1, MANY + 2))


async def test_it_holds_up_no_other(
    runtime: Start, store: Store, settle: Any, peaks: Peaks
) -> None:
    rt = await runtime(store=store)
    live, other = await listening(rt, settle), await listening(rt, settle, OTHER)
    await store.post([*messages(), Message("s", "stop", None, None, "now")])
    await rt._running().collect()
    assert rt._running().behind(live)
    assert [number for _, number in other.arrivals] == [MANY + 1]
    rt._running().poke()
    assert await rt.result(other.id) == "now"


@pytest.mark.parametrize("kind", ["cancel", "pause"])
async def test_what_interrupts_does_not_wait_for_it(
    runtime: Start, store: Store, settle: Any, peaks: Peaks, kind: Any
) -> None:
    rt = await runtime(store=store)
    live = await listening(rt, settle)
    asked = [Command(live.id, kind, None, f"{kind} {n}") for n in range(inboxes.AHEAD + 5)]
    await store.post([*messages(MANY - 1), *asked])
    await rt._running().collect()
    assert len(live.ahead) <= inboxes.AHEAD
    assert len(live.arrivals) <= inboxes.INBOX + inboxes.AHEAD
    rt._running().poke()
    status = "Cancelled" if kind == "cancel" else "Suspended"
    while (await rt.get_job(live.id)).status != status:
        await settle()
    assert peaks.most <= inboxes.INBOX + 2 * inboxes.AHEAD  # a cancel is two events


async def test_what_waits_for_a_job_that_is_gone_on_with(
    runtime: Start, store: Store, settle: Any, peaks: Peaks
) -> None:
    rt = await runtime(store=store)
    live = await listening(rt, settle)
    await rt.pause_job(live.id)
    while (await rt.get_job(live.id)).status != "Suspended":
        await settle()
    await store.post(messages())
    peaks.taken = 0
    await rt.resume_job(live.id)
    await rt.work(until_idle=True)
    assert await rt.result(live.id) == MANY - 1
    assert peaks.taken == MANY
    assert peaks.most <= inboxes.INBOX


async def test_what_was_not_loaded_with_a_job_is_read_on(
    runtime: Start, store: Store, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all that was loaded has found room."""
    monkeypatch.setattr(inboxes, "INBOX", 2 * MANY)
    assert MANY > 2 * LOADED_MESSAGES
    rt = await runtime(store=store)
    live = await listening(rt, settle)
    await rt.pause_job(live.id)
    while (await rt.get_job(live.id)).status != "Suspended":
        await settle()
    await store.post(messages())
    peaks = Peaks(monkeypatch)
    await rt.resume_job(live.id)
    await rt.work(until_idle=True)
    assert await rt.result(live.id) == MANY - 1
    assert peaks.taken == MANY
