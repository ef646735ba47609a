"""Mode process: the runtime's own worker processes."""

from __future__ import annotations

import asyncio
import logging
import os
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from probes import fan
from runeskript.engine.executors import process_worker, processes
from runeskript.engine.handlers.loading import load_handlers
from runeskript.engine.runtime import Runtime
from runeskript.errors import HandlerDefinitionError, JobFailedError

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]

HANDLERS = """
import os, subprocess, sys, time
from dataclasses import dataclass
from pathlib import Path
from runeskript.engine.handlers import handler
from runeskript.errors import StepError

@dataclass
class Numbers:
    a: int
    b: int = 1

@handler("add", mode="process")
def add(params: Numbers, ctx):
    return params.a + params.b

@handler("pid", mode="process")
def pid(params, ctx):
    return os.getpid()

@handler("context", mode="process")
def context(params, ctx):
    params["l"].append("mutated")
    print("printed")
    ctx.log.warning("hello %s", params["who"])
    ctx.progress(0.5, message="half")
    return {"job": ctx.job_id, "step": ctx.step, "attempt": ctx.attempt,
            "key": ctx.idempotency_key, "cancelled": ctx.cancelled}

@handler("fail", mode="process")
def fail(params, ctx):
    if params["how"] == "typed":
        raise StepError("shop.gone", "no more", data={"left": 0})
    if params["how"] == "exit":
        sys.exit(3)
    if params["how"] == "die":
        os._exit(7)
    if params["how"] == "result":
        return {1, 2}
    raise KeyError("k")

@handler("hang", mode="process")
def hang(params, ctx):
    Path(params["file"]).write_text(str(os.getpid()))
    while True:
        time.sleep(60)

@handler("starts", mode="process")
def starts(params, ctx):
    # Starts a program, which starts another; then it hangs, or dies.
    file = Path(params["file"])
    script = f"echo $$ >> {file}; sleep 3600 & echo $! >> {file}; echo >> {file}; wait"
    subprocess.Popen(["sh", "-c", script], start_new_session=params["apart"])
    while not file.exists() or not file.read_text().endswith("\\n\\n"):
        time.sleep(0.001)
    if params["dies"]:
        os._exit(7)
    Path(params["ready"]).write_text(str(os.getpid()))
    while True:
        time.sleep(60)

@handler("writes", mode="process")
def writes(params, ctx):
    # Writes to every pipe of its process.
    for fd in range(3, 64):
        try:
            os.write(fd, bytes.fromhex(params["hex"]))
        except OSError:
            continue
    while True:
        time.sleep(60)

@handler("chatty", mode="process")
def chatty(params, ctx):
    ctx.log.warning("x" * 3_000_000)
    ctx.progress(0.5, message="y" * 3_000_000)
    return 1

def open_(resources):
    resources["opened"] = resources.get("opened", 0) + 1

def shut(resources):
    Path(resources["file"]).write_text("torn down")

@handler("resources", mode="process", setup=open_, teardown=shut)
def resources(params, ctx):
    ctx.resources["file"] = params["file"]
    return ctx.resources["opened"]
"""


@pytest.fixture
def handlers(tmp_path: Path) -> Any:
    file = tmp_path / "work.py"
    file.write_text(textwrap.dedent(HANDLERS))
    return load_handlers(file)


def one(handler: str, params: str, more: str = "") -> str:
    return f"""
skript: one
do:
  - call: {handler}
    with: {params}
    into: r
{textwrap.indent(more, "    ")}
  - return: ${{r}}
"""


async def test_results_and_validation(runtime: Start, handlers: Any) -> None:
    rt = await runtime(handlers, max_processes=1)
    assert (await rt.run_job(one("add", "{a: 2, b: 3}"))).unwrap() == 5
    error = (await rt.run_job(one("add", "{a: '${input.a}'}"), {"a": None})).error
    assert error is not None
    assert error["type"] == "params"


async def test_it_is_another_process_and_stays(runtime: Start, handlers: Any) -> None:
    rt = await runtime(handlers, max_processes=1)
    pids = (await rt.run_job(fan("pid", "a"), {"n": 30})).unwrap()
    assert len(set(pids)) == 1
    assert os.getpid() not in pids


async def test_chunks_grow_for_quick_handlers(
    runtime: Start, handlers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    pack = processes.pack

    def spy(word: str, calls: Any) -> bytes:
        sizes.append(len(calls))
        return pack(word, calls)

    monkeypatch.setattr(processes, "pack", spy)
    rt = await runtime(handlers, max_processes=1)
    assert (await rt.run_job(fan("add", "a"), {"n": 200})).unwrap() == [i + 1 for i in range(200)]
    assert sizes[0] == 1
    assert max(sizes) > 1
    assert sum(sizes) == 200


async def test_context_prints_logs_and_progress(
    runtime: Start, handlers: Any, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    rt = await runtime(handlers, max_processes=1)
    doc = one("context", '{l: "${[1]}", who: "${secrets.name}"}')
    rt._vault._provider = {"name": "Ada Lovelace"}.get  # the secret's value
    with caplog.at_level(logging.INFO):
        job = await rt.submit_job(doc)
        records = [record async for record in rt.events(job.id)]
    output = await rt.result(job.id)
    assert isinstance(output, dict)
    assert output["job"] == job.id
    assert output["step"] == "/do/0"
    assert output["attempt"] == 1
    assert output["cancelled"] is False
    assert len(str(output["key"])) == 32
    progress = [r.data for r in records if r.kind == "progress"]
    assert [(p["done"], p["message"], p["handler"]) for p in progress] == [(0.5, "half", "context")]
    logged = [r for r in caplog.records if r.name == "runeskript.handler.context"]
    assert [(r.getMessage(), r.job) for r in logged] == [("hello ***", job.id)]  # type: ignore[attr-defined]
    assert "printed" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("how", "type_"),
    [
        ("typed", "shop.gone"),
        ("exit", "handler.SystemExit"),
        ("key", "handler.KeyError"),
        ("result", "result"),
        ("die", "handler.ProcessDied"),
    ],
)
async def test_failures(runtime: Start, handlers: Any, how: str, type_: str) -> None:
    rt = await runtime(handlers, max_processes=1)
    error = (await rt.run_job(one("fail", f"{{how: {how}}}"))).error
    assert error is not None
    assert error["type"] == type_
    assert (await rt.run_job(one("add", "{a: 1}"))).unwrap() == 2


async def _written(file: Path) -> int:
    """The pid a handler wrote once it runs; other processes have no event to wait for."""
    while not file.exists() or not file.read_text():
        await asyncio.sleep(0.005)
    return int(file.read_text())


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_timeout_kills_the_worker_and_another_takes_over(
    runtime: Start, handlers: Any, clock: Any, tmp_path: Path
) -> None:
    rt = await runtime(handlers, max_processes=1)
    file = tmp_path / "pid"
    job = await rt.submit_job(one("hang", f'{{file: "{file}"}}', "timeout: 3s"))
    pid = await _written(file)
    clock.pass_ms(3_000)
    await asyncio.wait_for(asyncio.shield(_end(rt, job.id)), 20)
    error = (await rt.get_job(job.id)).error
    assert error is not None
    assert error["type"] == "timeout"
    again = (await rt.run_job(one("pid", "{}"))).unwrap()
    assert again != pid
    assert not _alive(pid)


async def _end(rt: Runtime, job: str) -> None:
    async for _ in rt.events(job):
        pass


async def test_a_cancel_kills_the_worker(runtime: Start, handlers: Any, tmp_path: Path) -> None:
    rt = await runtime(handlers, max_processes=1)
    file = tmp_path / "pid"
    job = await rt.submit_job(one("hang", f'{{file: "{file}"}}'))
    pid = await _written(file)
    await rt.cancel_job(job.id)
    await _end(rt, job.id)
    assert (await rt.get_job(job.id)).status == "Cancelled"
    assert (await rt.run_job(one("pid", "{}"))).unwrap() != pid
    assert not _alive(pid)


@pytest.mark.parametrize("apart", [False, True], ids=["in its group", "in a session of its own"])
async def test_what_a_handler_has_started_is_killed_with_it(
    runtime: Start, handlers: Any, tmp_path: Path, apart: bool
) -> None:
    rt = await runtime(handlers, max_processes=1)
    file, ready = tmp_path / "pids", tmp_path / "ready"
    params = f'{{file: "{file}", ready: "{ready}", dies: false, apart: {str(apart).lower()}}}'
    job = await rt.submit_job(one("starts", params))
    await _written(ready)
    pids = [int(word) for word in file.read_text().split()]
    assert len(pids) == 2
    assert all(map(_runs, pids))
    await rt.cancel_job(job.id)
    await _end(rt, job.id)
    for pid in pids:
        await _gone(pid)


async def test_what_a_worker_leaves_behind_where_it_dies_is_killed(
    runtime: Start, handlers: Any, tmp_path: Path
) -> None:
    rt = await runtime(handlers, max_processes=1)
    file = tmp_path / "pids"
    params = f'{{file: "{file}", dies: true, apart: false}}'
    with pytest.raises(JobFailedError, match="status 7"):
        (await rt.run_job(one("starts", params))).unwrap()
    for pid in map(int, file.read_text().split()):
        await _gone(pid)


def _runs(pid: int) -> bool:
    """Whether a process is there, and no zombie that waits for whoever adopted it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def _gone(pid: int) -> None:
    while _runs(pid):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("sent", "type_", "said"),
    [
        ("ffffffff", "result", "too large: 4,294,967,295 bytes"),
        ("00000004c1c1c1c1", "handler.ProcessDied", "no message"),
        ("0000000101", "handler.ProcessDied", "no message"),
        ("0000000591a3786f78", "handler.ProcessDied", "a message that is none"),
    ],
    ids=["longer than any value", "no MessagePack", "no array", "no word of ours"],
)
async def test_a_worker_that_sends_what_it_may_not_is_killed(
    runtime: Start, handlers: Any, sent: str, type_: str, said: str
) -> None:
    """Nothing of a frame that is too long is read, and the others of the chunk go on."""
    rt = await runtime(handlers, max_processes=1)
    with pytest.raises(JobFailedError) as failed:
        (await rt.run_job(one("writes", f'{{hex: "{sent}"}}'))).unwrap()
    assert failed.value.error["type"] == type_
    assert said in failed.value.error["message"]
    assert (await rt.run_job(one("add", "{a: 1}"))).unwrap() == 2


async def test_lines_of_the_log_and_reports_are_bounded(
    runtime: Start, handlers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rt = await runtime(handlers, max_processes=1)
    assert (await rt.run_job(one("chatty", "{}"))).unwrap() == 1
    (line,) = [r.getMessage() for r in caplog.records if r.getMessage().startswith("xxx")]
    assert len(line) == process_worker.LOGGED + 1


async def test_the_rest_of_a_chunk_goes_on_after_a_kill(
    runtime: Start, handlers: Any, clock: Any, tmp_path: Path
) -> None:
    rt = await runtime(handlers, max_processes=1)
    file = tmp_path / "pid"
    for name in ("hang", "add"):  # as if both were known to be quick
        lane = rt._running().lanes[name]
        lane.pool.average[lane] = 1.0
    hang = one("hang", f'{{file: "{file}"}}', "timeout: 3s")
    adding = fan("add", "a")
    first = await rt.submit_job(hang)
    second = await rt.submit_job(adding, {"n": 20})
    await _written(file)
    clock.pass_ms(3_000)
    await _end(rt, first.id)
    assert await rt.result(second.id) == [i + 1 for i in range(20)]


async def test_setup_and_teardown_per_process(
    runtime: Start, handlers: Any, tmp_path: Path
) -> None:
    rt = await runtime(handlers, max_processes=1)
    file = tmp_path / "torn"
    doc = one("resources", f'{{file: "{file}"}}')
    assert (await rt.run_job(doc)).unwrap() == 1
    assert (await rt.run_job(doc)).unwrap() == 1
    assert not file.exists()
    await rt.close()
    assert file.read_text() == "torn down"


async def test_closing_ends_the_workers(runtime: Start, handlers: Any, tmp_path: Path) -> None:
    rt = await runtime(handlers, max_processes=2)
    pid = (await rt.run_job(one("pid", "{}"))).unwrap()
    assert isinstance(pid, int)
    await rt.close()
    assert not _alive(pid)


def test_what_a_worker_could_not_import_is_refused() -> None:
    from runeskript.engine.handlers import HandlerRegistry, handler

    @handler("local", mode="process")
    def local(params: Any, ctx: Any) -> None: ...

    with pytest.raises(HandlerDefinitionError, match="top level of a module"):
        HandlerRegistry([local])
