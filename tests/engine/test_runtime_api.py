"""Runtime: submitting, looking at, cancelling, messages, history, children, deployment."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from runeskript import errors
from runeskript.compiler.pipeline import compile_text
from runeskript.engine.handlers import handler
from runeskript.engine.jobs import JobResult
from runeskript.engine.runtime import Runtime
from runeskript.engine.sync import run
from runeskript.errors import (
    CompileError,
    InputError,
    JobNotFoundError,
    RuntimeClosedError,
    StoreError,
)

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]

HELLO = """
skript: hello
version: 3
labels: {team: shop}
input: {type: object, properties: {name: {type: string}}}
do:
  - return: "Hello ${get(input, 'name', 'you')}"
"""
LISTEN = """
skript: listener
do:
  - listen: parcel
    key: job.key
    timeout: 1h
    into: m
  - return: ${m}
"""


# --- submitting ---------------------------------------------------------------------------------
async def test_run_job(runtime: Start, clock: Any) -> None:
    rt = await runtime()
    result = await rt.run_job(HELLO, {"name": "Ada"}, key="k", labels={"who": "me"})
    assert isinstance(result, JobResult)
    assert result == JobResult(
        id="job-1",
        key="k",
        tenant="",
        labels={"team": "shop", "who": "me"},
        kind="skript",
        skript="hello",
        skript_version=3,
        status="Completed",
        state="Completed",
        reason=None,
        input={"name": "Ada"},
        data=None,
        output="Hello Ada",
        error=None,
        created_at=clock.ms,
        updated_at=clock.ms,
        version=2,
        priority=0,
    )
    assert result.ok
    assert result.ended
    assert result.unwrap() == "Hello Ada"


async def test_no_input_is_an_empty_object(runtime: Start) -> None:
    rt = await runtime()
    assert (await rt.run_job(HELLO)).unwrap() == "Hello you"


async def test_everything_that_names_a_skript(runtime: Start, tmp_path: Path) -> None:
    file = tmp_path / "hello.yaml"
    file.write_text(HELLO)
    compiled = compile_text(HELLO, "hello.yaml")
    rt = await runtime()
    one_line = json.dumps({"skript": "hello", "do": [{"return": "Hello you"}]})
    for skript in (
        HELLO,
        HELLO.encode(),
        file,
        str(file),
        compiled,
        compiled.blueprint,
        compiled.document,
        one_line,
    ):
        assert (await rt.run_job(skript)).unwrap() == "Hello you"


async def test_what_names_none(runtime: Start, tmp_path: Path) -> None:
    rt = await runtime()
    for skript, says in (
        (str(tmp_path / "missing.yaml"), "No such file"),
        (tmp_path, "directory"),
        (5, "int is no"),
        ("a\0b", "cannot read"),
    ):
        with pytest.raises(errors.RuntimeOptionError, match=says):
            await rt.submit_job(skript)  # type: ignore[arg-type]
    with pytest.raises(CompileError):
        await rt.submit_job("skript: bad\ndo: [{nothing: 1}]\n")


async def test_input_is_checked_and_normalised(runtime: Start) -> None:
    rt = await runtime()
    with pytest.raises(InputError, match="name"):
        await rt.submit_job(HELLO, {"name": 5})
    with pytest.raises(InputError, match="no value"):
        await rt.submit_job(HELLO, {"name": b"x"})
    given: dict[str, Any] = {"name": "a", "list": (1, 2)}
    result = await rt.run_job(HELLO, given)
    assert result.input == {"name": "a", "list": [1, 2]}
    assert await rt.list_jobs(status="Pending") == []


async def test_what_is_handed_out_is_a_copy(runtime: Start) -> None:
    rt = await runtime()
    doc = "skript: s\ndo:\n  - return: {a: [1]}\n"
    first = await rt.run_job(doc, {"x": [1]})
    first.output["a"].append(2)  # type: ignore[index,call-overload,union-attr]
    first.input["x"].append(2)  # type: ignore[index,call-overload,union-attr]
    first.labels["new"] = "x"
    again = await rt.get_job(first.id)
    assert (again.output, again.input, again.labels) == ({"a": [1]}, {"x": [1]}, {})


async def test_keys(runtime: Start) -> None:
    rt = await runtime()
    first = await rt.run_job(HELLO, {"name": "a"}, key="k")
    again = await rt.run_job(HELLO, {"name": "b"}, key="k")
    assert again == first
    other = await rt.run_job(HELLO, {"name": "b"}, key="k", on_conflict="replace")
    assert other.output == "Hello b"
    with pytest.raises(JobNotFoundError):
        await rt.get_job(first.id)


async def test_bad_arguments(runtime: Start) -> None:
    rt = await runtime()
    for arguments in (
        {"key": ""},
        {"key": 5},
        {"key": "x" * 513},
        {"labels": {"a": 1}},
        {"labels": {"": "b"}},
        {"on_conflict": "never"},
        {"key": "\ud800"},
    ):
        with pytest.raises(errors.RuntimeOptionError):
            await rt.submit_job(HELLO, **arguments)  # type: ignore[arg-type]
    with pytest.raises(errors.RuntimeOptionError):
        await rt.list_jobs(limit=0)


@pytest.mark.parametrize(
    "options",
    [
        {"max_jobs": 0},
        {"max_threads": True},
        {"allow": "exec"},
        {"allow": ["everything"]},
        {"allow_hosts": ["http://x"]},
        {"allow_hosts": "localhost"},
    ],
)
async def test_bad_options(runtime: Start, options: dict[str, Any]) -> None:
    with pytest.raises(errors.RuntimeOptionError):
        await runtime(**options)
    with pytest.raises(StoreError):
        await runtime(store="nothing://")


async def test_back_pressure(runtime: Start, settle: Settle) -> None:
    gate = asyncio.Event()

    @handler("wait")
    async def wait(params: Any, ctx: Any) -> None:
        await gate.wait()

    rt = await runtime(wait, max_jobs=2)
    doc = "skript: s\ndo:\n  - call: wait\n"
    for _ in range(2):
        await rt.submit_job(doc)
    third = asyncio.create_task(rt.submit_job(doc))
    await settle()
    assert not third.done()
    fourth = asyncio.create_task(rt.submit_job(doc))
    await settle()
    fourth.cancel()
    gate.set()
    job = await third
    assert await rt.result(job.id) is None
    for _ in range(5):  # no place was lost
        assert (await rt.run_job(doc)).ok


async def test_a_refused_submit_keeps_no_place(runtime: Start) -> None:
    rt = await runtime(max_jobs=1)
    await rt.run_job(HELLO, key="k")
    for _ in range(3):
        await rt.submit_job(HELLO, key="k")
    assert (await rt.run_job(HELLO)).ok


async def test_env_is_what_the_document_declares(runtime: Start) -> None:
    doc = """
skript: s
env: [SET, UNSET, ODD]
do:
  - return: {set: "${env.SET}", unset: "${env.UNSET}", odd: "${env.ODD}"}
"""
    rt = await runtime(env={"SET": "1", "OTHER": "2", "ODD": "a\udcff"})
    assert (await rt.run_job(doc)).unwrap() == {"set": "1", "unset": None, "odd": "a?"}


async def test_what_a_document_knows_of_its_job(runtime: Start, clock: Any) -> None:
    doc = "skript: s\nlabels: {a: b}\ndo:\n  - return: ${job}\n"
    rt = await runtime()
    assert (await rt.run_job(doc, key="k", labels={"c": "d"})).unwrap() == {
        "id": "job-1",
        "key": "k",
        "created_at": clock.ms,
        "labels": {"a": "b", "c": "d"},
    }


async def test_ids_and_seeds_are_the_same_for_the_same_ids(runtime: Start) -> None:
    doc = 'skript: s\ndo:\n  - return: "${uuid()}"\n'
    first = await (await runtime()).run_job(doc)
    second = await (await runtime()).run_job(doc)
    assert first == second


# --- looking ------------------------------------------------------------------------------------
async def test_get_and_list(runtime: Start) -> None:
    rt = await runtime()
    for i in range(5):
        await rt.run_job(HELLO, labels={"odd": str(i % 2)})
    bad = await rt.run_job("skript: bad\ndo:\n  - raise: {type: a.b, message: no}\n")
    assert [j.id for j in await rt.list_jobs(limit=2)] == ["job-6", "job-5"]
    assert [j.id for j in await rt.list_jobs(limit=2, after="job-5")] == ["job-4", "job-3"]
    assert [j.id for j in await rt.list_jobs(label={"odd": "1"})] == ["job-4", "job-2"]
    assert [j.id for j in await rt.list_jobs(status="Failed", skript="bad")] == [bad.id]
    with pytest.raises(JobNotFoundError):
        await rt.get_job("nobody")
    with pytest.raises(JobNotFoundError):
        await rt.result("nobody")
    with pytest.raises(JobNotFoundError):
        await rt.cancel_job("nobody")
    with pytest.raises(JobNotFoundError):
        _ = [r async for r in rt.events("nobody")]


async def test_errors_say_where(runtime: Start, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        "skript: bad\ndo:\n  - set: {a: 1}\n  - id: stuck\n"
        "    raise: {type: order.stuck, message: no parcel, data: {days: 3}}\n"
    )
    rt = await runtime()
    result = await rt.run_job(file)
    assert result.status == "Failed"
    assert not result.ok
    assert result.error == {
        "code": "RUNE-5000",
        "type": "order.stuck",
        "message": "no parcel",
        "step": "stuck",
        "file": str(file),
        "line": 4,
        "attempts": 0,
        "data": {"days": 3},
        "cause": None,
    }
    with pytest.raises(errors.JobFailedError, match=r"order\.stuck: no parcel") as caught:
        await rt.result(result.id)
    assert caught.value.error == result.error
    assert caught.value.job == result.id


async def test_cancel(runtime: Start, settle: Settle) -> None:
    rt = await runtime()
    job = await rt.submit_job(LISTEN, key="k")
    await settle()
    assert (await rt.get_job(job.id)).status == "Running"
    await rt.cancel_job(job.id, "enough")
    await rt.cancel_job(job.id, "twice")
    with pytest.raises(errors.JobCancelledError, match="enough"):
        await rt.result(job.id)
    ended = await rt.cancel_job(job.id)
    assert ended.status == "Cancelled"


async def test_cancel_before_the_job_ran(runtime: Start) -> None:
    rt = await runtime()
    job = await rt.submit_job(LISTEN)
    assert (await rt.cancel_job(job.id)).status in ("Pending", "Running", "Cancelled")
    with pytest.raises(errors.JobCancelledError):
        await rt.result(job.id)


async def test_an_endless_loop_can_be_cancelled(runtime: Start, settle: Settle) -> None:
    rt = await runtime()
    job = await rt.submit_job("""
skript: endless
vars: {i: 0}
do:
  - while: true
    do:
      - set: {i: "${i + 1}"}
""")
    await settle()
    assert (await rt.run_job(HELLO)).ok  # others have their turn
    await rt.cancel_job(job.id)
    with pytest.raises(errors.JobCancelledError):
        await rt.result(job.id)


async def test_giving_up_on_a_result_leaves_the_job(runtime: Start, settle: Settle) -> None:
    rt = await runtime()
    waiting = asyncio.create_task(rt.run_job(LISTEN, key="k"))
    await settle()
    waiting.cancel()
    await settle()
    (job,) = await rt.list_jobs(status="Running")
    await rt.signal("parcel", key="k", data=1)
    assert await rt.result(job.id) == 1


# --- messages -----------------------------------------------------------------------------------
async def test_signal(runtime: Start, settle: Settle) -> None:
    rt = await runtime()
    job = await rt.submit_job(LISTEN, key="k")
    await settle()
    assert await rt.signal("parcel", key="other", data=1) == "accepted"
    assert await rt.signal("parcel", key="k", data={"x": (1,)}) == "accepted"
    assert await rt.result(job.id) == {"x": [1]}


async def test_a_message_comes_first(runtime: Start, clock: Any) -> None:
    rt = await runtime()
    assert await rt.signal("parcel", key="k", data=1, keep="1h", id="m") == "accepted"
    assert await rt.signal("parcel", key="k", data=2, keep="1h", id="m") == "duplicate"
    assert (await rt.run_job(LISTEN, key="k")).output == 1
    clock.pass_ms(3_600_000)
    assert await rt.signal("parcel", key="k", data=3, keep="1h", id="m") == "accepted"


async def test_signal_to_a_job(runtime: Start, settle: Settle) -> None:
    rt = await runtime()
    first = await rt.submit_job(LISTEN, key="a")
    second = await rt.submit_job(LISTEN, key="b")
    await settle()
    await rt.signal("parcel", job=second.id, data="yours")
    assert await rt.result(second.id) == "yours"
    assert not (await rt.get_job(first.id)).ended
    with pytest.raises(JobNotFoundError):
        await rt.signal("parcel", job=second.id)


async def test_bad_signals(runtime: Start) -> None:
    rt = await runtime()
    for arguments in ({"data": b"x"}, {"key": {1}}, {"keep": "long"}, {"id": ""}):
        with pytest.raises(errors.RuntimeOptionError):
            await rt.signal("t", **arguments)  # type: ignore[arg-type]
    with pytest.raises(errors.RuntimeOptionError):
        await rt.signal("")


async def test_one_job_signals_another(runtime: Start, settle: Settle) -> None:
    rt = await runtime()
    job = await rt.submit_job(LISTEN, key="k")
    await settle()
    sender = "skript: s\ndo:\n  - emit: parcel\n    key: \"'k'\"\n    with: {from: sender}\n"
    assert (await rt.run_job(sender)).ok
    assert await rt.result(job.id) == {"from": "sender"}


async def test_emit_before_listen_with_keep(runtime: Start, clock: Any) -> None:
    rt = await runtime()
    sender = "skript: s\ndo:\n  - emit: parcel\n    key: \"'k'\"\n    with: {n: 1}\n    keep: 1h\n"
    assert (await rt.run_job(sender)).ok
    assert (await rt.run_job(LISTEN, key="k")).output == {"n": 1}


async def test_listen_times_out(runtime: Start, settle: Settle, clock: Any) -> None:
    rt = await runtime()
    job = await rt.submit_job(LISTEN, key="k")
    await settle()
    clock.pass_ms(3_600_000)
    with pytest.raises(errors.JobFailedError) as caught:
        await rt.result(job.id)
    assert caught.value.error["type"] == "timeout"
    assert await rt.signal("parcel", key="k", data=1) == "accepted"


async def test_waits(runtime: Start, settle: Settle, clock: Any) -> None:
    rt = await runtime()
    start = clock.ms
    job = await rt.submit_job("""
skript: s
do:
  - wait: 5m
  - wait: 1s
  - return: done
""")
    await settle()
    clock.pass_ms(299_999)
    await settle()
    assert not (await rt.get_job(job.id)).ended
    clock.pass_ms(1)
    await settle()
    clock.pass_ms(1_000)
    assert await rt.result(job.id) == "done"
    assert (await rt.get_job(job.id)).updated_at == start + 301_000


# --- history ------------------------------------------------------------------------------------
async def test_events(runtime: Start, settle: Settle, caplog: pytest.LogCaptureFixture) -> None:
    @handler("work")
    async def work(params: Any, ctx: Any) -> int:
        ctx.progress(1, 4, "one of four")
        ctx.log.info("at %s", "work", extra={"more": 1})
        await asyncio.sleep(0)
        return 7

    doc = """
skript: s
do:
  - id: working
    call: work
    into: r
  - id: saying
    log: "r is ${r}"
    level: warning
  - id: listening
    listen: go
  - return: ${r}
"""
    rt = await runtime(work)
    with caplog.at_level(logging.INFO):
        job = await rt.submit_job(doc)
        seen: list[Any] = []

        async def watch() -> None:
            async for record in rt.events(job.id):
                seen.append(record)
                if record.kind == "step.started" and record.step == "listening":
                    await rt.signal("go")

        await watch()
    shown = [(r.kind, r.step, r.journaled) for r in seen]
    assert shown == [
        ("job.started", None, True),
        ("step.started", "working", False),
        ("progress", "working", False),
        ("call.done", "working", True),
        ("step.done", "working", False),
        ("step.started", "listening", False),
        ("log", "saying", False),
        ("message.received", None, True),
        ("step.done", "listening", False),
        ("job.finished", None, True),
    ]
    assert [r.seq for r in seen if r.journaled] == [0, 1, 2, 3]
    progress = next(r for r in seen if r.kind == "progress")
    assert (progress.data["done"], progress.data["total"]) == (1, 4)
    again = [r async for r in rt.events(job.id)]
    assert [r.kind for r in again] == [
        "job.started",
        "call.done",
        "message.received",
        "job.finished",
    ]
    assert [r.seq async for r in rt.events(job.id, start=2)] == [2, 3]
    logs = [(r.name, r.getMessage(), r.step) for r in caplog.records if hasattr(r, "step")]
    assert logs == [
        ("runeskript.handler.work", "at work", "working"),
        ("runeskript.job", "r is 7", "saying"),
    ]


async def test_events_of_failures_and_retries(runtime: Start, settle: Settle, clock: Any) -> None:
    @handler("flaky")
    async def flaky(params: Any, ctx: Any) -> int:
        if ctx.attempt < 3:
            raise ValueError("again")
        return 1

    @handler("slow")
    async def slow(params: Any, ctx: Any) -> None:
        await asyncio.sleep(3600)

    doc = """
skript: s
do:
  - listen: go
  - id: retried
    call: flaky
    retry: {on: [handler], max: 3, backoff: 1s..1s}
  - parallel:
      a:
        - id: lost
          call: slow
      b:
        - id: waiting
          wait: 5s
      c:
        - id: won
          wait: 1s
    join: any
  - try:
      - id: broken
        call: flaky
    catch:
      - do:
          - id: deaf
            listen: nothing
            timeout: 1s
"""
    rt = await runtime(flaky, slow)
    job = await rt.submit_job(doc)
    told: list[tuple[str, str | None]] = []

    async def watch() -> None:
        async for record in rt.events(job.id):
            if not record.journaled:
                told.append((record.kind, record.step))

    watching = asyncio.create_task(watch())
    await settle()
    await rt.signal("go")
    for _ in range(6):
        await settle()
        clock.pass_ms(1_000)
    await watching
    assert told[:4] == [
        ("step.started", "retried"),
        ("step.retrying", "retried"),
        ("step.retrying", "retried"),
        ("step.done", "retried"),
    ]
    assert sorted(told[4:10], key=str) == sorted(
        [
            ("step.started", "lost"),
            ("step.started", "waiting"),
            ("step.started", "won"),
            ("step.done", "won"),
            ("step.cancelled", "lost"),
            ("step.cancelled", "waiting"),
        ],
        key=str,
    )
    assert told[10:] == [
        ("step.started", "broken"),
        ("step.failed", "broken"),
        ("step.started", "deaf"),
        ("step.failed", "deaf"),
    ]


async def test_a_slow_watcher_loses_transient_records_only(
    runtime: Start, monkeypatch: pytest.MonkeyPatch, settle: Settle
) -> None:
    monkeypatch.setattr("runeskript.engine.watch.WAITING", 10)

    @handler("noop")
    async def noop(params: Any, ctx: Any) -> None: ...

    doc = """
skript: s
do:
  - listen: go
  - for: i
    in: range(50)
    parallel: true
    do:
      - call: noop
"""
    rt = await runtime(noop)
    job = await rt.submit_job(doc)
    await settle()
    events = rt.events(job.id)
    records = [await anext(events)]
    await rt.signal("go")
    await rt.result(job.id)
    records += [record async for record in events]
    journaled = [r.seq for r in records if r.journaled]
    assert journaled == list(range(len(journaled)))
    assert len(journaled) == 53
    assert len(records) - len(journaled) == 10
    assert sum(r.lost for r in records) == 100 - 10


# --- children -----------------------------------------------------------------------------------
async def test_run_by_path(runtime: Start, tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text(
        "skript: child\nlabels: {kind: inner}\n"
        "input: {type: object, required: [n], properties: {n: {type: integer}}}\n"
        "do:\n  - return: ${input.n * 2}\n"
    )
    parent = tmp_path / "parent.yaml"
    parent.write_text(
        "skript: parent\ninput: {type: object}\ndo:\n"
        '  - id: inner\n    run: ./child.yaml\n    with: {n: "${input.n}"}\n    into: r\n'
        "  - return: ${r}\n"
    )
    rt = await runtime()
    assert (await rt.run_job(parent, {"n": 21})).unwrap() == 42
    child = (await rt.list_jobs(skript="child"))[0]
    assert (child.status, child.labels) == ("Completed", {"kind": "inner"})
    error = (await rt.run_job(parent, {"n": "x"})).error
    assert error is not None
    assert (error["type"], error["step"]) == ("input", "inner")


async def test_run_by_name(runtime: Start) -> None:
    rt = await runtime()
    parent = "skript: p\ndo:\n  - run: child\n    into: r\n  - return: ${r}\n"
    error = (await rt.run_job(parent)).error
    assert error is not None
    assert (error["type"], error["code"]) == ("skript.unknown", "RUNE-6006")
    child = "skript: child\ndo:\n  - return: VALUE\n"
    first = await rt.deploy(child.replace("VALUE", "one"))
    assert (first.name, first.version) == ("child", 1)
    assert await rt.deploy(child.replace("VALUE", "one")) == first
    assert (await rt.run_job(parent)).unwrap() == "one"
    assert (await rt.deploy(child.replace("VALUE", "two"))).version == 2
    assert (await rt.run_job(parent)).unwrap() == "two"
    assert (await rt.run_job(parent.replace("child", "child@1"))).unwrap() == "one"
    fixed = "skript: child\nversion: 2\ndo:\n  - return: other\n"
    with pytest.raises(errors.VersionConflictError):
        await rt.deploy(fixed)
    assert (await rt.deploy(fixed.replace("2", "7"))).version == 7
    assert (await rt.run_job(parent)).unwrap() == "other"


async def test_recursion_by_name_and_its_bound(runtime: Start) -> None:
    doc = """
skript: count
input: {type: object}
do:
  - if: input.n > 0
    then:
      - run: count
        with: {n: "${input.n - 1}"}
        into: r
      - return: "${r + 1}"
    else:
      - return: 0
"""
    rt = await runtime(max_jobs=1)
    assert (await rt.run_job(doc, {"n": 20})).unwrap() == 20
    result = await rt.run_job(doc, {"n": 100})
    assert result.error is not None
    assert "64" in json.dumps(result.error)


async def test_a_child_that_fails(runtime: Start) -> None:
    rt = await runtime()
    await rt.deploy("skript: child\ndo:\n  - raise: {type: a.b, message: inner}\n")
    error = (await rt.run_job("skript: p\ndo:\n  - id: step\n    run: child\n")).error
    assert error is not None
    assert (error["type"], error["message"], error["step"]) == ("a.b", "inner", "step")
    assert error["cause"]["message"] == "inner"


async def test_cancel_reaches_the_child(runtime: Start, settle: Settle) -> None:
    rt = await runtime()
    await rt.deploy("skript: child\ndo:\n  - listen: never\n")
    job = await rt.submit_job("skript: p\ndo:\n  - run: child\n")
    await settle()
    await rt.cancel_job(job.id)
    with pytest.raises(errors.JobCancelledError):
        await rt.result(job.id)
    assert (await rt.list_jobs(skript="child"))[0].status == "Cancelled"


async def test_timeout_of_a_child(runtime: Start, settle: Settle, clock: Any) -> None:
    rt = await runtime()
    await rt.deploy("skript: child\ndo:\n  - listen: never\n")
    job = await rt.submit_job("skript: p\ndo:\n  - run: child\n    timeout: 2s\n")
    await settle()
    clock.pass_ms(2_000)
    with pytest.raises(errors.JobFailedError) as caught:
        await rt.result(job.id)
    assert caught.value.error["type"] == "timeout"
    assert (await rt.list_jobs(skript="child"))[0].status == "Cancelled"


async def test_detached_children(
    runtime: Start, settle: Settle, caplog: pytest.LogCaptureFixture
) -> None:
    rt = await runtime()
    await rt.deploy("skript: child\ndo:\n  - listen: go\n    into: m\n  - return: ${m}\n")
    doc = "skript: p\ndo:\n  - run: child\n    detach: true\n    into: id\n  - return: ${id}\n"
    child = (await rt.run_job(doc)).unwrap()
    assert isinstance(child, str)
    await settle()
    await rt.signal("go", data=5, job=child)
    assert await rt.result(child) == 5
    assert (await rt.run_job(doc.replace("child", "nothing"))).ok
    assert "could not start" in caplog.text


async def test_a_retried_child_is_a_new_job(runtime: Start, settle: Settle, clock: Any) -> None:
    tries: list[int] = []

    @handler("odd")
    async def odd(params: Any, ctx: Any) -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("not yet")
        return len(tries)

    rt = await runtime(odd)
    await rt.deploy("skript: child\ndo:\n  - call: odd\n    into: r\n  - return: ${r}\n")
    job = await rt.submit_job(
        "skript: p\ndo:\n  - run: child\n    retry: {on: [handler], max: 5, backoff: 1s..1s}\n"
        "    into: r\n  - return: ${r}\n"
    )
    for _ in range(3):
        await settle()
        clock.pass_ms(1_000)
    assert await rt.result(job.id) == 3
    assert len(await rt.list_jobs(skript="child")) == 3


# --- life ---------------------------------------------------------------------------------------
async def test_outside_of_its_context() -> None:
    rt = Runtime(discover_handlers=False)
    with pytest.raises(RuntimeClosedError):
        await rt.submit_job(HELLO)
    async with rt:
        with pytest.raises(errors.RuntimeOptionError):
            await rt.__aenter__()
        assert (await rt.run_job(HELLO)).ok
    with pytest.raises(RuntimeClosedError):
        await rt.get_job("job-1")
    await rt.close()


async def test_a_blueprint_whose_handlers_are_not_here(runtime: Start) -> None:
    @handler("payments.charge", idempotent=True)
    async def charge(params: Any, ctx: Any) -> None: ...

    @handler("payments.charge")
    async def weaker(params: Any, ctx: Any) -> None: ...

    @handler("payments.change")
    async def other(params: Any, ctx: Any) -> None: ...

    with_it = await runtime(charge)
    doc = "skript: s\ndo:\n  - call: payments.charge\n"
    blueprint = compile_text(doc, "s", with_it.handlers).blueprint
    assert (await with_it.run_job(blueprint)).ok
    with pytest.raises(errors.UnknownHandlerError, match=r"did you mean `payments\.change`"):
        await (await runtime(other)).submit_job(blueprint)
    with pytest.raises(Exception, match="idempotent, which it is not") as caught:
        await (await runtime(weaker)).submit_job(blueprint)
    assert caught.value.code == "RUNE-4002"  # type: ignore[attr-defined]


def test_run_without_a_loop() -> None:
    @handler("double")
    async def double(params: Any, ctx: Any) -> int:
        return int(params["n"]) * 2

    doc = "skript: s\ndo:\n  - call: double\n    with: {n: 4}\n    into: r\n  - return: ${r}\n"
    assert run(doc, handlers=double, discover_handlers=False).unwrap() == 8


async def test_run_inside_a_loop() -> None:
    with pytest.raises(errors.LoopRunningError):
        run(HELLO)
