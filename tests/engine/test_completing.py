"""A call whose handler returned "pending" is completed or failed later, by somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.engine.conftest import Lasting, ManualClock

from runeskript.engine.handlers import handler
from runeskript.engine.reasons import reason_of
from runeskript.engine.runtime import Runtime
from runeskript.errors import (
    CompletionError,
    JobCancelledError,
    JobFailedError,
    RuntimeOptionError,
)
from runeskript.kernel import load, replay
from runeskript.model.completions import Attempt, completion_token, read_token
from runeskript.model.exports import decode_export
from runeskript.stores.base import Store

Start = Callable[..., Awaitable[Runtime]]


@pytest.fixture(name="store")
def store_(kept: Store) -> Any:
    return Lasting(kept)


class Desk:
    """Handlers that leave their calls to somebody else, and the tokens they told."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def handlers(self) -> list[Any]:
        @handler("ask", mode="async")
        async def ask(params: Any, ctx: Any) -> Any:
            self.tokens.append(ctx.token)
            return ctx.pending()

        @handler("ask.slowly", mode="async")
        async def slowly(params: Any, ctx: Any) -> Any:
            self.tokens.append(ctx.token)
            await asyncio.sleep(0)
            return ctx.pending()

        @handler("ask.thread", mode="thread")
        def thread(params: Any, ctx: Any) -> Any:
            self.tokens.append(ctx.token)
            return ctx.pending()

        return [ask, slowly, thread]

    async def until(self, number: int) -> None:
        while len(self.tokens) < number:
            await asyncio.sleep(0)


async def pending(store: Store, id_: str, number: int = 1) -> None:
    """The job's journal says so of this many calls."""
    while True:
        events = await store.journal(id_, 0, 1000)
        if sum(type(one).__name__ == "CallPending" for one in events) >= number:
            return
        await asyncio.sleep(0)


def doc(name: str = "ask", more: str = "") -> str:
    return f"skript: s\ndo:\n  - call: {name}\n    into: r\n{more}  - return: ${{r}}\n"


@pytest.mark.parametrize("name", ["ask", "ask.slowly", "ask.thread"])
async def test_it_is_completed_once(runtime: Start, store: Any, name: str) -> None:
    desk = Desk()
    rt = await runtime(*desk.handlers(), store=store)
    job = await rt.submit_job(doc(name))
    await pending(store, job.id)
    (token,) = desk.tokens
    (row,) = await store.get([job.id])
    assert (
        "step /do/0 to be completed from outside, token " + token
        in (await reason_of(store, row)).text
    )
    assert await rt.complete_call(token, {"a": 1}) == "accepted"
    assert await rt.complete_call(token, 5) == "duplicate"
    assert await rt.fail_call(token) == "duplicate"
    assert await rt.result(job.id) == {"a": 1}
    assert await rt.complete_call(token, 5) == "duplicate"
    assert desk.tokens == [token]
    found = decode_export(await rt.export_job(job.id))
    assert replay(load(found.blueprint), found.events).finished == found.events[-1]


async def test_it_outlives_processes(store: Any, clock: ManualClock) -> None:
    desk = Desk()
    first = Runtime(handlers=desk.handlers(), store=store, clock=clock, env={})
    async with first:
        job = await first.submit_job(doc(), start=False)
        await first.work(until_idle=True)
    (row,) = await store.get([job.id])
    assert (row.status, row.owner, row.due) == ("Running", None, None)
    second = Runtime(handlers=desk.handlers(), store=store, clock=clock, env={})
    async with second:
        await second.work(until_idle=True)
        assert await second.complete_call(desk.tokens[0], "late") == "accepted"
        assert await second.result(job.id) == "late"
    assert len(desk.tokens) == 1


async def test_it_is_failed_and_tried_again(runtime: Start, store: Any, clock: ManualClock) -> None:
    desk = Desk()
    rt = await runtime(*desk.handlers(), store=store)
    job = await rt.submit_job(doc(more="    retry: {max: 2, on: [busy], backoff: 1ms}\n"))
    await pending(store, job.id)
    assert await rt.fail_call(desk.tokens[0], "not now", type="busy.line") == "accepted"
    while len(desk.tokens) < 2:
        clock.pass_ms(10)
        await asyncio.sleep(0)
    await pending(store, job.id, 2)
    assert read_token(desk.tokens[1]).attempt == 2
    assert await rt.complete_call(desk.tokens[0], "old") == "duplicate"
    assert await rt.fail_call(desk.tokens[1], "never", data={"x": 1}) == "accepted"
    with pytest.raises(JobFailedError) as caught:
        await rt.result(job.id)
    error = caught.value.error
    assert (error["type"], error["message"], error["attempts"]) == ("external", "never", 2)
    assert error["data"] == {"x": 1}


async def test_nobody_completes_it_in_time(runtime: Start, store: Any, clock: ManualClock) -> None:
    desk = Desk()
    rt = await runtime(*desk.handlers(), store=store)
    job = await rt.submit_job(doc(more="    timeout: 1h\n"))
    await pending(store, job.id)
    while not rt._running().lives[job.id].timers:
        await asyncio.sleep(0)
    clock.pass_ms(3_599_000)
    assert not (await rt.get_job(job.id)).ended
    clock.pass_ms(1_000)
    with pytest.raises(JobFailedError, match="timeout"):
        await rt.result(job.id)
    with pytest.raises(CompletionError, match="has ended"):
        await rt.complete_call(desk.tokens[0], 1)


async def test_told_before_the_handler_returns(runtime: Start, store: Any) -> None:
    go = asyncio.Event()
    tokens: list[str] = []

    @handler("ask")
    async def ask(params: Any, ctx: Any) -> Any:
        tokens.append(ctx.token)
        await go.wait()
        return ctx.pending()

    rt = await runtime(ask, store=store)
    job = await rt.submit_job(doc())
    while not tokens:
        await asyncio.sleep(0)
    assert await rt.complete_call(tokens[0], "soon") == "accepted"
    assert await rt.result(job.id) == "soon"
    go.set()


FAN = """
skript: fan
do:
  - for: i
    in: range(3)
    parallel: true
    collect: all
    do:
      - call: ask
        into: r
      - yield: r
  - return: ${all}
"""


@pytest.mark.usefixtures("forks")
async def test_branches(runtime: Start, store: Any) -> None:
    desk = Desk()
    rt = await runtime(*desk.handlers(), store=store)
    job = await rt.submit_job(FAN)
    await pending(store, job.id, 3)
    for token in reversed(desk.tokens):
        assert await rt.complete_call(token, read_token(token).path[-1]) == "accepted"
    assert await rt.result(job.id) == [0, 1, 2]


async def test_a_cancel_does_not_wait_for_it(runtime: Start, store: Any) -> None:
    desk = Desk()
    rt = await runtime(*desk.handlers(), store=store)
    job = await rt.submit_job(doc())
    await pending(store, job.id)
    await rt.cancel_job(job.id)
    with pytest.raises(JobCancelledError):
        await rt.result(job.id)
    with pytest.raises(CompletionError):
        await rt.complete_call(desk.tokens[0])


async def test_a_fork_asks_anew(runtime: Start, store: Any) -> None:
    desk = Desk()
    rt = await runtime(*desk.handlers(), store=store)
    job = await rt.submit_job(doc())
    await pending(store, job.id)
    fork = await rt.fork_job(job.id, at=2)
    await desk.until(2)
    assert [read_token(token).job for token in desk.tokens] == [job.id, fork.id]
    await pending(store, fork.id, 2)
    assert await rt.complete_call(desk.tokens[1], "fork") == "accepted"
    assert await rt.result(fork.id) == "fork"
    assert not (await rt.get_job(job.id)).ended


async def test_one_that_failed_is_retried(runtime: Start, store: Any) -> None:
    desk = Desk()
    rt = await runtime(*desk.handlers(), store=store)
    job = await rt.submit_job(doc("ask.slowly"))
    await pending(store, job.id)
    await rt.fail_call(desk.tokens[0], "no")
    with pytest.raises(JobFailedError):
        await rt.result(job.id)
    await rt.retry_job(job.id)
    await pending(store, job.id, 2)
    first, second = map(read_token, desk.tokens)
    assert (second.n, first.attempt, second.attempt) == (first.n, 1, 2)
    assert await rt.complete_call(desk.tokens[0], "old") == "duplicate"
    assert await rt.complete_call(desk.tokens[1], "new") == "accepted"
    assert await rt.result(job.id) == "new"


# --- tokens -------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [(), (3,), (1, 0, 2, -1)])
def test_a_token_names_an_attempt(path: tuple[int, ...]) -> None:
    token = completion_token("job~1", path, 4, 2)
    assert read_token(token) == Attempt("job~1", path, 4, 2)
    for at in range(len(token)):
        with pytest.raises(CompletionError):
            read_token(token[:at] + chr(ord(token[at]) ^ 1) + token[at + 1 :])
    for text in ("", "~~~~", "a~b~c~d~e", token[:-1], token + "0", "job~" + "9" * 5000 + "~1~1~x"):
        with pytest.raises(CompletionError):
            read_token(text)


async def test_what_is_refused(runtime: Start) -> None:
    rt = await runtime()
    with pytest.raises(CompletionError):
        await rt.complete_call("x")
    with pytest.raises(CompletionError, match="gone"):
        await rt.complete_call(completion_token("none", (), 1, 1))
    with pytest.raises(RuntimeOptionError):
        await rt.complete_call(completion_token("none", (), 1, 1), b"x")


BESIDE = """
skript: beside
do:
  - parallel:
      asks:
        - call: ask
          into: said
        - yield: said
      fails:
        - call: fails
    into: r
  - return: ${r.asks}
"""


async def test_a_retry_asks_anew_what_the_failure_cancelled(runtime: Start, store: Any) -> None:
    """An answer that came while the job failed was accepted and taken by nobody: the job is not to
    wait for it for ever.
    """
    desk = Desk()
    mended = asyncio.Event()

    @handler("fails", mode="async")
    async def fails(params: Any, ctx: Any) -> None:
        while not desk.tokens:
            await asyncio.sleep(0)
        await pending(store, ctx.job_id)
        if not mended.is_set():
            raise OSError("not mended")

    rt = await runtime(*desk.handlers(), fails, store=store)
    job = await rt.submit_job(BESIDE)
    with pytest.raises(JobFailedError):
        await rt.result(job.id)
    mended.set()
    await rt.retry_job(job.id)
    await desk.until(2)
    await pending(store, job.id, 2)
    first, second = desk.tokens
    assert (read_token(first).attempt, read_token(second).attempt) == (1, 2)
    await rt.complete_call(first, "too late")
    assert await rt.complete_call(second, "in time") == "accepted"
    assert await rt.result(job.id) == "in time"
    found = decode_export(await rt.export_job(job.id))
    assert replay(load(found.blueprint), found.events).finished == found.events[-1]
