"""What was read of an inbox for a job that has moved on meanwhile is asked for again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from tests.engine.conftest import Lasting

from runeskript.engine.runtime import Runtime
from runeskript.stores.base import Command, Message, Store

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]

WAIT = "skript: wait\ndo: [{listen: go, into: got}, {return: '${got}'}]\n"


class Gate:
    """A reply that waits to be let through."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go = asyncio.Event()


class Gated(Lasting):
    """A store some of whose replies, by operation, wait at gates."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.gates: dict[str, deque[Gate]] = {"inbox": deque(), "load_many": deque()}

    def gate(self, name: str) -> Gate:
        made = Gate()
        self.gates[name].append(made)
        return made

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        gates = self.__dict__["gates"].get(name)
        if not gates:
            return found

        async def gated(*args: Any, **more: Any) -> Any:
            gate = gates.popleft()
            reply = await found(*args, **more)
            gate.reached.set()
            await gate.go.wait()
            return reply

        return gated


async def test_a_pause_that_was_used_is_not_used_again(
    runtime: Start, store: Store, settle: Settle
) -> None:
    gated = Gated(store)
    rt = await runtime(store=gated)
    job = await rt.submit_job(WAIT, start=False)
    await store.post([Command(job.id, "pause"), Command(job.id, "resume")])
    first = gated.gate("load_many")
    work = asyncio.ensure_future(rt.work())
    await first.reached.wait()
    read = gated.gate("inbox")  # the job is owned, and neither command used
    collecting = asyncio.ensure_future(rt._running().collect())
    await read.reached.wait()
    second = gated.gate("load_many")
    first.go.set()
    await second.reached.wait()  # it was paused, and is claimed for the resume
    assert (await rt.get_job(job.id)).status == "Suspended"
    read.go.set()
    await settle()
    await store.post([Message("m", "go", None, job.id, "hi")])  # nobody has loaded this
    collecting.cancel()
    await rt._running().collect()
    second.go.set()
    async with asyncio.timeout(30):
        assert await rt.result(job.id) == "hi"
    work.cancel()
