"""Spans: job -> step -> attempt, in every mode of handlers, over processes and into HTTP calls."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from runeskript import RuneskriptError, Runtime, Telemetry, handler
from runeskript.engine.telemetry import spans as spans_module
from runeskript.engine.telemetry.spans import LABEL, parent_of
from runeskript.engine.telemetry.tracecontext import remote, text_of
from telemetry.watched import HANDLERS

FORM = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def watched(tracing, **more) -> Runtime:
    telemetry = Telemetry(metrics=False, traces=tracing.provider)
    more.setdefault("handlers", HANDLERS)
    return Runtime(telemetry=telemetry, discover_handlers=False, **more)


def one_call(name: str) -> str:
    return (
        f"skript: one\ndo:\n  - call: {name}\n    id: it\n    into: seen\n  - return: '${{seen}}'\n"
    )


@pytest.mark.parametrize("name", ["t.slow", "t.plain", "t.process"])
async def test_a_handler_is_in_its_span(tracing, name: str):
    """The current one inside it, and what the context says."""
    async with watched(tracing) as runtime:
        done = await runtime.run_job(one_call(name))
    seen = done.unwrap()
    attempt = tracing.one(f"call {name}")
    assert FORM.fullmatch(seen["given"])
    assert seen["given"] == seen["current"] == text_of(trace.NonRecordingSpan(attempt.context))
    assert attempt.attributes["runeskript.attempt"] == 1
    step, job = tracing.one("step it"), tracing.one("job one")
    chain = [attempt, step, job, tracing.one("submit one")]
    for below, above in pairwise(chain):
        assert below.parent.span_id == above.context.span_id
        assert below.context.trace_id == above.context.trace_id
    assert chain[-1].parent is None
    assert job.kind is SpanKind.CONSUMER
    assert job.attributes["runeskript.job.id"] == done.id
    assert job.attributes["runeskript.status"] == "Completed"
    assert job.attributes["runeskript.resumed"] is False
    assert step.start_time <= attempt.start_time <= attempt.end_time <= job.end_time


async def test_attempts_are_siblings_and_fail(tracing):
    text = "skript: r\ndo:\n  - call: t.bad\n    id: it\n    retry: {max: 3, backoff: 1ms}\n"
    async with watched(tracing) as runtime:
        assert (await runtime.run_job(text)).status == "Failed"
    attempts = tracing.named("call t.bad")
    assert [one.attributes["runeskript.attempt"] for one in attempts] == [1, 2, 3]
    assert {tracing.parent(one) for one in attempts} == {"step it"}
    for span in (*attempts, tracing.one("step it"), tracing.one("job r")):
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == "odd"
        assert "it is so" in span.status.description


async def test_steps_that_are_no_calls(tracing):
    text = """
skript: waits
do:
  - wait: 1ms
    id: pause
  - listen: news
    id: hear
    timeout: 1ms
    into: heard
"""
    async with watched(tracing) as runtime:
        await runtime.run_job(text)
    assert tracing.parent(tracing.one("step pause")) == "job waits"
    heard = tracing.one("step hear")
    assert heard.attributes["runeskript.what"] == "listen"
    assert heard.attributes["runeskript.topic"] == "news"


async def test_every_branch_has_its_own(tracing):
    text = """
skript: fork
do:
  - for: i
    in: range(4)
    parallel: true
    do:
      - call: t.noop
        id: it
"""
    async with watched(tracing) as runtime:
        await runtime.run_job(text)
    steps, calls = tracing.named("step it"), tracing.named("call t.noop")
    assert len({step.attributes["runeskript.path"] for step in steps}) == 4
    assert {call.parent.span_id for call in calls} == {step.context.span_id for step in steps}


async def test_a_group_of_calls_is_let_out_after_its_commit(tracing):
    """Else a call would begin before its step."""
    ran = []

    @handler("t.pure", pure=True)
    async def pure(params: dict, ctx) -> int:
        ran.append(ctx.traceparent)
        return 1

    text = "skript: g\ndo:\n" + "".join(f"  - call: t.pure\n    into: v{i}\n" for i in range(4))
    async with watched(tracing, handlers=[pure]) as runtime:
        await runtime.run_job(text)
    assert len(set(ran)) == 4
    assert {tracing.parent(one) for one in tracing.named("call t.pure")} == {
        f"step /do/{i}" for i in range(4)
    }


async def test_children_and_calls_on_queues_stay_in_the_trace(tracing):
    child = "skript: kid\ndo:\n  - call: t.noop\n"
    text = """
skript: above
do:
  - run: kid
    id: down
  - call: t.noop
    id: away
    queue: other
"""
    async with watched(tracing, queues=("", "other")) as runtime:
        await runtime.deploy(child)
        await runtime.run_job(text)
    assert len({span.context.trace_id for span in tracing.spans}) == 1
    assert tracing.parent(tracing.one("job kid")) == "step down"
    above = {tracing.parent(one) for one in tracing.named("call t.noop")}
    assert len(tracing.named("call t.noop")) == 2
    assert None not in above
    queued = [
        one
        for one in tracing.spans
        if one.name.startswith("job ") and one.name[4:] not in ("kid", "above")
    ]
    assert [tracing.parent(one) for one in queued] == ["step away"]


async def test_another_process_continues_the_trace(tracing, tmp_path: Path):
    """Which ended without a word of it."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    text = "skript: long\ndo:\n  - call: t.noop\n    id: first\n  - listen: go\n    id: rest\n"
    async with watched(tracing, store=url) as runtime:
        job = await runtime.submit_job(text)
        while not tracing.named("step first"):
            await asyncio.sleep(0)
    async with watched(tracing, store=url) as runtime:
        await runtime.signal("go")
        assert (await runtime.result(job.id)) is None
    legs = tracing.named("job long")
    assert [leg.attributes["runeskript.resumed"] for leg in legs] == [False, True]
    assert [leg.attributes["runeskript.status"] for leg in legs] == ["given back", "Completed"]
    assert {span.context.trace_id for span in tracing.spans} == {legs[0].context.trace_id}
    assert {tracing.parent(leg) for leg in legs} == {"submit long"}


async def test_whoever_submits_may_be_in_a_trace(tracing):
    tracer = tracing.provider.get_tracer("test")
    given = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    async with watched(tracing) as runtime:
        with tracer.start_as_current_span("request"):
            await runtime.run_job(one_call("t.noop"))
        assert tracing.parent(tracing.one("submit one")) == "request"
        tracing.exporter.clear()
        done = await runtime.run_job(one_call("t.noop"), labels={LABEL: given})
    submit = tracing.one("submit one")
    assert f"{submit.context.trace_id:032x}" == given[3:35]
    assert f"{submit.parent.span_id:016x}" == given[36:52]
    assert remote(done.labels[LABEL]).get_span_context().span_id == submit.context.span_id


async def test_a_job_of_nobody_who_traces(tracing, tmp_path: Path):
    """Its trace follows from its id."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    async with Runtime(store=url, handlers=HANDLERS, discover_handlers=False) as plain:
        job = await plain.submit_job(one_call("t.noop"), start=False)
        assert LABEL not in job.labels
    async with watched(tracing, store=url) as runtime:
        await runtime.work(until_idle=True)
    expected = parent_of(job.id, {}).get_span_context()
    assert tracing.one("job one").context.trace_id == expected.trace_id
    assert tracing.one("job one").parent.span_id == expected.span_id


async def test_off(tmp_path: Path):
    """Nothing is labelled, and handlers are told of no span."""
    for telemetry in (None, Telemetry(metrics=False), Telemetry(metrics=False, traces=False)):
        async with Runtime(telemetry=telemetry, handlers=HANDLERS) as runtime:
            done = await runtime.run_job(one_call("t.slow"))
        assert done.unwrap() == {"given": None, "current": None}
        assert done.labels == {}


async def test_that_of_the_process_where_it_has_one(tracing, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", tracing.provider)
    async with Runtime(telemetry=Telemetry(metrics=False), handlers=HANDLERS) as runtime:
        await runtime.run_job(one_call("t.noop"))
    assert tracing.named("job one")


def test_the_library_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch):
    for name in ("runeskript.engine.telemetry.spans", "opentelemetry"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    monkeypatch.delattr("runeskript.engine.telemetry.spans", raising=False)
    assert Telemetry(metrics=False).spans is None
    with pytest.raises(RuneskriptError, match=r"runeskript\[otel\]"):
        Telemetry(metrics=False, traces=True)
    assert spans_module is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        "00-" + "0" * 32 + "-0123456789abcdef-01",
        "00-0123456789abcdef0123456789abcdef-" + "0" * 16 + "-01",
        "ff-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        "00-0123456789ABCDEF0123456789abcdef-0123456789abcdef-01",
        "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01-more",
        "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\n",
    ],
)
def test_what_is_no_context(text: str):
    assert remote(text) is None


def test_a_context_of_a_later_version():
    assert remote("01-0123456789abcdef0123456789abcdef-0123456789abcdef-01-more") is not None


async def test_http_calls_send_it(tracing, http_echo):
    text = f"""
skript: web
do:
  - call: http.get
    with: {{url: "{http_echo}"}}
    into: answer
  - call: http.get
    with: {{url: "{http_echo}", headers: {{Traceparent: mine}}}}
    into: own
  - return: {{a: "${{answer.body}}", b: "${{own.body}}"}}
"""
    async with watched(tracing, allow_hosts=["127.0.0.1"]) as runtime:
        told = (await runtime.run_job(text)).unwrap()
    first = next(one for one in tracing.named("call http.get") if one.kind is SpanKind.CLIENT)
    assert told["a"] == text_of(trace.NonRecordingSpan(first.context))
    assert told["b"] == "mine"


async def test_a_secret_is_not_in_a_span(tracing):
    @handler("t.leak")
    async def leak(params: dict, ctx) -> None:
        raise ValueError(f"refused: {params['key']}")

    text = "skript: s\ndo:\n  - call: t.leak\n    with: {key: '${secrets.KEY}'}\n"
    async with watched(tracing, handlers=[leak], secrets={"KEY": "hush-hush-1234"}) as runtime:
        assert (await runtime.run_job(text)).status == "Failed"
    told = " ".join(span.to_json() for span in tracing.spans)
    assert "refused" in told
    assert "hush" not in told
