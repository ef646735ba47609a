"""Mode async: handlers run in pooled tasks, each as if the task were its own."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from probes import CALL, FAN
from runeskript import errors
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime

Start = Callable[..., Awaitable[Runtime]]
pytestmark = pytest.mark.usefixtures("forks")


async def test_asyncio_timeout_in_the_first_step(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        try:
            async with asyncio.timeout(0):
                await asyncio.sleep(3600)
        except TimeoutError:
            return "timed out"

    rt = await runtime(probe)
    assert (await rt.run_job(CALL)).unwrap() == "timed out"


async def test_asyncio_timeout_that_is_never_needed(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        async with asyncio.timeout(3600):
            return "done"

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 50})).unwrap() == ["done"] * 50


async def test_task_group_in_the_first_step(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        async with asyncio.TaskGroup() as group:
            a = group.create_task(asyncio.sleep(0, 1))
            b = group.create_task(asyncio.sleep(0, 2))
        return a.result() + b.result()

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 20})).unwrap() == [3] * 20


async def test_task_group_that_fails(runtime: Start) -> None:
    async def bad() -> None:
        raise ValueError("inner")

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(bad())
                await asyncio.sleep(3600)
        except* ValueError:
            pass
        return asyncio.current_task().cancelling()  # type: ignore[union-attr]

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 5})).unwrap() == [0] * 5


async def test_anyio_scope_in_the_first_step(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        with anyio.move_on_after(0) as scope:
            await anyio.sleep(3600)
        return scope.cancelled_caught

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 10})).unwrap() == [True] * 10


async def test_anyio_task_group_in_the_first_step(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        found: list[int] = []

        async def child(i: int) -> None:
            await anyio.sleep(0)
            found.append(i)

        async with anyio.create_task_group() as group:
            for i in range(3):
                group.start_soon(child, i)
        return sorted(found)

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 4})).unwrap() == [[0, 1, 2]] * 4


async def test_anyio_cancel_shields_and_nests(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        with anyio.CancelScope() as outer:
            outer.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0)
                inner = "reached"
            await anyio.sleep(0)
            inner = "not reached"
        return inner

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 5})).unwrap() == ["reached"] * 5


async def test_current_task_is_one_task_throughout(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        first = asyncio.current_task()
        await asyncio.sleep(0)
        return first is asyncio.current_task() and first is not None

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 10})).unwrap() == [True] * 10


async def test_no_new_task_where_handlers_never_suspend(runtime: Start) -> None:
    seen: set[Any] = set()

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        seen.add(asyncio.current_task())

    made: list[Any] = []
    loop = asyncio.get_running_loop()

    def factory(loop: Any, coro: Any, **kwargs: Any) -> Any:
        task = asyncio.Task(coro, loop=loop, **kwargs)
        made.append(task)
        return task

    rt = await runtime(probe)
    loop.set_task_factory(factory)
    try:
        assert (await rt.run_job(FAN, {"n": 3000})).ok
    finally:
        loop.set_task_factory(None)
    assert len(made) == 1
    assert len(seen) == 1


async def test_suspended_handlers_each_have_a_task(runtime: Start) -> None:
    open_ = asyncio.Event()
    tasks: set[Any] = set()

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        tasks.add(asyncio.current_task())
        if len(tasks) == 700:
            open_.set()
        await open_.wait()
        return params["i"]

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 700})).unwrap() == list(range(700))
    assert len(tasks) == 700


var: contextvars.ContextVar[Any] = contextvars.ContextVar("var", default="clean")


@pytest.mark.parametrize("suspend", [False, True])
async def test_context_variables_never_leak(runtime: Start, suspend: bool) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        before = var.get()
        var.set(params["i"])
        if suspend:
            await asyncio.sleep(0)
        assert var.get() == params["i"]
        return before

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 40})).unwrap() == ["clean"] * 40
    assert var.get() == "clean"


async def test_a_variable_that_was_reset_does_no_harm(runtime: Start) -> None:
    tasks: set[Any] = set()

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        tasks.add(asyncio.current_task())
        token = var.set(params["i"])
        var.reset(token)
        return var.get()

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 40})).unwrap() == ["clean"] * 40


async def test_a_value_that_cannot_be_compared_retires_the_worker(runtime: Start) -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no comparison")

        __hash__ = None  # type: ignore[assignment]

    var.set(Odd())

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        inherited = isinstance(var.get(), Odd)
        var.set(Odd())
        return inherited

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 5})).unwrap() == [True] * 5


async def test_the_context_is_that_of_entering_the_runtime(runtime: Start) -> None:
    var.set("outer")

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        return var.get()

    rt = await runtime(probe)
    var.set("later")
    assert (await rt.run_job(CALL)).unwrap() == "outer"


async def test_handlers_run_outside_the_submitting_task(runtime: Start) -> None:
    """A handler's asyncio.timeout cancels its own task, never the caller's or the driver's."""
    mine = asyncio.current_task()

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        return asyncio.current_task() is mine

    rt = await runtime(probe)
    assert (await rt.run_job(CALL)).unwrap() is False


async def test_a_handler_that_cancels_its_own_task(runtime: Start) -> None:
    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        if params["i"] % 2:
            asyncio.current_task().cancel()  # type: ignore[union-attr]
            if params["i"] % 3:
                await asyncio.sleep(0)
        return params["i"]

    doc = FAN.replace("- yield: r", "- yield: r\n").replace(
        '      - call: probe\n        with: {i: "${i}"}\n        into: r\n',
        '      - try:\n          - call: probe\n            with: {i: "${i}"}\n'
        "            into: r\n        catch:\n          - do:\n"
        '              - set: {r: "${error.type}"}\n',
    )
    rt = await runtime(probe)
    found = (await rt.run_job(doc, {"n": 12})).unwrap()
    wanted = ["handler.CancelledError" if i % 2 and i % 3 else i for i in range(12)]
    assert found == wanted


async def test_a_leftover_cancel_hits_nobody_else(runtime: Start) -> None:
    """A handler leaves a cancel of its task behind, to go off later."""
    loop = asyncio.get_running_loop()

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        loop.call_soon(task.cancel)
        return params["i"]

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 30})).unwrap() == list(range(30))
    assert (await rt.run_job(FAN, {"n": 30})).unwrap() == list(range(30))


async def test_exceptions_have_types(runtime: Start) -> None:
    cases: dict[str, BaseException] = {
        "handler.KeyError": KeyError("k"),
        "handler.SystemExit": SystemExit(3),
        "handler.TimeoutError": TimeoutError(),
        "shop.sold_out": errors.StepError("shop.sold_out", "gone", data={"left": 0}),
        "handler.cancel": errors.StepError("cancel", "not yours"),
        "handler.limit.work": errors.StepError("limit.work", "not yours"),
        "handler.StepError": errors.StepError("no type!", "odd"),
    }

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        raise list(cases.values())[params["i"]]

    rt = await runtime(probe)
    for i, type_ in enumerate(cases):
        doc = CALL.replace("call: probe", f"call: probe\n    with: {{i: {i}}}")
        result = await rt.run_job(doc)
        assert result.status == "Failed"
        assert result.error is not None
        assert result.error["type"] == type_
        assert result.error["attempts"] == 1


async def test_an_exception_whose_text_fails(runtime: Start) -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise ValueError("no")

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        raise Silent

    rt = await runtime(probe)
    error = (await rt.run_job(CALL)).error
    assert error is not None
    assert (error["type"], error["message"]) == ("handler.Silent", "(no message: ValueError)")


async def test_results_that_are_no_values(runtime: Start) -> None:
    results: list[Any] = [b"x", {1, 2}, float("nan"), 2**63, {1: 2}, object(), "\ud800"]

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        return results[params["i"]]

    rt = await runtime(probe)
    for i in range(len(results)):
        doc = CALL.replace("call: probe", f"call: probe\n    with: {{i: {i}}}")
        error = (await rt.run_job(doc)).error
        assert error is not None
        assert error["type"] == "result"
        assert "no value" in error["message"]


async def test_handlers_that_mutate_what_they_get_and_gave(runtime: Start) -> None:
    kept: list[Any] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        params["list"].append("mutated")
        params["deep"]["a"]["b"] = "mutated"
        params["new"] = 1
        result = {"inner": [1]}
        kept.append(result)
        return result

    @handler("late")
    async def late(params: Any, ctx: Any) -> Any:
        kept[0]["inner"].append("mutated")
        return params

    doc = """
skript: mutation
vars: {list: [1], deep: {a: {b: 2}}}
do:
  - call: probe
    with: {list: "${list}", deep: "${deep}", const: {x: [1]}}
    into: r
  - call: late
    with: {r: "${r}"}
    into: s
  - return: {list: "${list}", deep: "${deep}", r: "${r}", s: "${s}"}
"""
    rt = await runtime(probe, late)
    for _ in range(2):
        assert (await rt.run_job(doc)).unwrap() == {
            "list": [1],
            "deep": {"a": {"b": 2}},
            "r": {"inner": [1]},
            "s": {"r": {"inner": [1]}},
        }
        kept.clear()


async def test_a_plain_function_on_the_event_loop(runtime: Start) -> None:
    @handler("probe", mode="async")
    def probe(params: Any, ctx: Any) -> Any:
        return asyncio.get_running_loop() is not None

    rt = await runtime(probe)
    assert (await rt.run_job(FAN, {"n": 10})).unwrap() == [True] * 10


async def test_the_loop_has_its_turn_while_handlers_keep_coming(runtime: Start) -> None:
    """Handlers that never suspend do not starve the rest of the program."""
    turns = 0
    done = False

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> Any:
        return sum(range(200))

    async def other() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    rt = await runtime(probe)
    task = asyncio.create_task(other())
    assert (await rt.run_job(FAN, {"n": 5000})).ok
    done = True
    await task
    assert turns > 3
