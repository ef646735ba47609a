"""Log records say whose they are, whoever logs them, in whatever mode the handler runs."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import runeskript.engine
from runeskript import Runtime, Telemetry, handler
from runeskript.cli import logs
from runeskript.engine.telemetry.logs import CALL, JsonFormatter
from telemetry.watched import HANDLERS


@contextmanager
def lines(telemetry: Telemetry, level: int = logging.INFO) -> Iterator[list[dict[str, Any]]]:
    """What is logged while the block runs, as a log reader would find it."""
    found: list[dict[str, Any]] = []
    stream = io.StringIO()
    sink = logging.StreamHandler(stream)
    sink.setFormatter(telemetry.formatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(sink)
    root.setLevel(level)
    try:
        yield found
    finally:
        root.removeHandler(sink)
        root.setLevel(before)
        found += [json.loads(line) for line in stream.getvalue().splitlines()]


def watched(**more: Any) -> tuple[Runtime, Telemetry]:
    telemetry = Telemetry(metrics=False, traces=more.pop("traces", False), logs=True)
    more.setdefault("handlers", HANDLERS)
    return Runtime(telemetry=telemetry, discover_handlers=False, **more), telemetry


def text(name: str) -> str:
    return f"skript: one\ndo:\n  - call: {name}\n    id: it\n"


@pytest.mark.parametrize("name", ["t.slow", "t.plain", "t.process"])
async def test_what_a_handler_logs_is_its_calls(name: str):
    runtime, telemetry = watched()
    with lines(telemetry) as found:
        async with runtime:
            job = await runtime.run_job(text(name))
            worker = telemetry.worker
    own = [one for one in found if one["logger"] in ("somebody.else", f"runeskript.handler.{name}")]
    assert own
    for one in own:
        origin = {field: one[field] for field in ("job", "step", "attempt", "handler", "worker")}
        assert origin == {
            "job": job.id,
            "step": "it",
            "attempt": 1,
            "handler": name,
            "worker": worker,
        }
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"])
    if name == "t.slow":
        assert {one["message"] for one in own} == {
            "after a pause",
            "in a task of its own",
            "elsewhere",
            "by the context's own",
        }


async def test_attempts_are_told_apart():
    @handler("t.tries")
    async def tries(params: dict, ctx) -> int:
        logging.getLogger("x").warning("again")
        if ctx.attempt < 3:
            raise ValueError("not yet")
        return 1

    runtime, telemetry = watched(handlers=[tries])
    with lines(telemetry) as found:
        async with runtime:
            await runtime.run_job(
                "skript: a\ndo:\n  - call: t.tries\n    retry: {on: [handler], max: 3, backoff: 1ms}\n"
            )
    assert [one["attempt"] for one in found if one["logger"] == "x"] == [1, 2, 3]


async def test_spans_are_named(tracing):
    runtime, telemetry = watched(traces=tracing.provider)
    with lines(telemetry) as found:
        async with runtime:
            await runtime.run_job(text("t.plain"))
    (own,) = [one for one in found if one["logger"] == "somebody.else"]
    span = tracing.one("call t.plain")
    assert own["trace_id"] == f"{span.context.trace_id:032x}"
    assert own["span_id"] == f"{span.context.span_id:016x}"


async def test_log_steps_and_the_engine():
    runtime, telemetry = watched()
    with lines(telemetry) as found:
        async with runtime:
            job = await runtime.run_job("skript: says\ndo:\n  - log: hello\n    id: it\n")
            logging.getLogger("runeskript.engine").error("job %s, step %s: it is odd", "j1", "s1")
            logging.getLogger("runeskript.engine").error("job %s is parked: %s", "j2", "why")
            logging.getLogger("elsewhere").warning("nobody's %s", "own")
    said = {one["message"]: one for one in found}
    assert said["hello"]["job"] == job.id
    assert (said["hello"]["step"], said["hello"]["skript"]) == ("it", "says")
    assert (
        said["job j1, step s1: it is odd"]["job"],
        said["job j1, step s1: it is odd"]["step"],
    ) == ("j1", "s1")
    assert said["job j2 is parked: why"]["job"] == "j2"
    assert "step" not in said["job j2 is parked: why"]
    assert "job" not in said["nobody's own"]


async def test_nothing_of_a_call_is_left_behind():
    runtime, _ = watched()
    async with runtime:
        await runtime.run_job(text("t.slow"))
        assert CALL.get() is None

        @handler("t.look")
        async def look(params: dict, ctx) -> None:
            pass

        await runtime.run_job(text("t.noop"))
    assert CALL.get() is None


def test_what_cannot_be_json():
    record = logging.LogRecord("a", logging.INFO, "", 0, "%s\n\x1b\ud800", ({"x": 1},), None)
    record.job = Path("odd")
    line = JsonFormatter("w").format(record)
    assert "\n" not in line
    assert line.isascii()
    assert json.loads(line)["job"] == "odd"


def test_an_exception_is_in_the_same_line():
    stream = io.StringIO()
    sink = logging.StreamHandler(stream)
    sink.setFormatter(JsonFormatter())
    logger = logging.getLogger("telemetry.test")
    logger.addHandler(sink)
    logger.propagate = False
    try:
        raise ValueError("so")
    except ValueError:
        logger.exception("it failed")
    finally:
        logger.removeHandler(sink)
        logger.propagate = True
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: so" in json.loads(line)["exception"]
    assert "worker" not in json.loads(line)


def test_messages_of_the_engine_name_the_job_first():
    """That is how their records come to have the field."""
    folder = Path(runeskript.engine.__file__).parent
    odd = []
    for path in folder.rglob("*.py"):
        for match in re.finditer(r'(?:_log\.\w+\(|text = )\s*"([^"]*)"', path.read_text("utf-8")):
            if "job %s" in match[1] and not re.match(r"job %s(, step %s)?\b", match[1]):
                odd.append((path.name, match[1]))
    assert not odd


def test_the_command_writes_json_and_puts_all_back(capsys: pytest.CaptureFixture[str]):
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    telemetry = Telemetry(metrics=False, traces=False, logs=True)
    with logs.logging_to_stderr("info", telemetry):
        logging.getLogger("runeskript.engine").info("job %s is here", "j1")
        logging.getLogger("a.library").error("not ours, and not of a call")
    assert (root.level, list(root.handlers)) == before
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["job"] == "j1"
