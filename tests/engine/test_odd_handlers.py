"""Handlers that misbehave in ways a job must survive."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import pytest

from runeskript import JobFailedError, Runtime, handler
from runeskript.engine.effects import Outlet
from runeskript.engine.executors.tasks import Worker

ONE = "skript: one\ndo:\n  - call: odd\n    into: x\n  - return: '${x}'\n"


class Stop(BaseException):
    """Not an Exception, so that a plain `except Exception` lets it through."""


@handler("odd")
async def stops(params: dict[str, Any], ctx: Any) -> None:
    raise Stop("at once")


async def test_an_exception_that_is_no_exception_fails_the_step() -> None:
    async with Runtime(handlers=[stops]) as runtime:
        for _ in range(3):
            result = await runtime.run_job(ONE)
            assert result.error is not None and result.error["type"] == "handler.Stop"


async def test_events_are_copies() -> None:
    @handler("odd")
    async def gives(params: dict[str, Any], ctx: Any) -> Any:
        return {"list": [1]}

    async with Runtime(handlers=[gives]) as runtime:
        job = await runtime.submit_job(ONE)
        async for event in runtime.events(job.id):
            if event.kind == "call.done":
                event.data["result"]["list"].append("changed")
        assert await runtime.result(job.id) == {"list": [1]}


async def test_secrets_in_logged_exceptions_are_masked(caplog: pytest.LogCaptureFixture) -> None:
    @handler("odd")
    async def leaks(params: dict[str, Any], ctx: Any) -> None:
        try:
            raise ValueError(f"bad key {params['key']}")
        except ValueError:
            ctx.log.exception("failed", extra={"key": params["key"]})

    text = "skript: s\ndo:\n  - call: odd\n    with: {key: '${secrets.KEY}'}\n"
    with caplog.at_level(logging.DEBUG):
        async with Runtime(handlers=[leaks], secrets={"KEY": "hunter2hunter2"}) as runtime:
            assert (await runtime.run_job(text)).error is None
    assert "failed" in caplog.text and "ValueError" in caplog.text
    assert "hunter2" not in caplog.text
    assert not any("hunter2" in str(vars(record)) for record in caplog.records)


async def test_an_idle_worker_keeps_no_job_alive() -> None:
    @handler("odd")
    async def quick(params: dict[str, Any], ctx: Any) -> None:
        return None

    async with Runtime(handlers=[quick]) as runtime:
        await runtime.run_job(ONE)
        here = asyncio.get_running_loop()
        found = [o for o in gc.get_objects() if type(o) is Worker]
        workers = [worker for worker in found if worker.task.get_loop() is here]
        assert workers and all(w.batch is None and w.current is None for w in workers)


async def test_a_defect_in_one_turn_ends_that_job_only(monkeypatch: pytest.MonkeyPatch) -> None:
    @handler("odd")
    async def quick(params: dict[str, Any], ctx: Any) -> int:
        return 7

    prepare = Outlet.prepare

    async def broken(self: Outlet, turn: Any) -> None:
        if turn.live.row.labels.get("broken") and turn.ready.finished is None:
            raise RuntimeError("boom")
        await prepare(self, turn)

    monkeypatch.setattr(Outlet, "prepare", broken)
    async with Runtime(handlers=[quick]) as runtime:
        good = await runtime.submit_job(ONE)
        bad = await runtime.submit_job(ONE, labels={"broken": "yes"})
        assert await runtime.result(good.id) == 7
        with pytest.raises(JobFailedError, match="internal: RuntimeError: boom"):
            await runtime.result(bad.id)


class Lazy(dict[str, int]):
    """A container that fails when it is read, as a row of a closed database session does."""

    def items(self) -> Any:
        raise RuntimeError("the session is closed")


def shared(depth: int) -> list[Any]:
    """2**depth parts in the room of depth."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value, value]
    return value


@pytest.mark.parametrize("mode", ["async", "thread"])
@pytest.mark.parametrize("make", [lambda: Lazy(a=1), lambda: shared(60)], ids=["lazy", "shared"])
async def test_results_that_cannot_be_read_are_typed_errors(mode: Any, make: Any) -> None:
    if mode == "async":

        @handler("odd")
        async def gives(params: dict[str, Any], ctx: Any) -> Any:
            return make()

        found: Any = gives
    else:

        @handler("odd")
        def gives_too(params: dict[str, Any], ctx: Any) -> Any:
            return make()

        found = gives_too
    async with Runtime(handlers=[found]) as runtime:
        result = await runtime.run_job(ONE)
        assert result.error is not None and result.error["type"] == "result"


async def test_generator_exit_from_a_handler_fails_the_step() -> None:
    @handler("odd")
    async def leaves(params: dict[str, Any], ctx: Any) -> None:
        raise GeneratorExit

    async with Runtime(handlers=[leaves]) as runtime:
        result = await runtime.run_job(ONE)
        assert result.error is not None and result.error["type"] == "handler.GeneratorExit"
