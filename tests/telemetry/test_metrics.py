"""Metrics: the table is what is told, and each row of it is fed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from runeskript import RuneskriptError, Runtime, Telemetry, handler, rate
from runeskript.engine.clock import SystemClock
from runeskript.engine.submissions import Submission
from runeskript.engine.telemetry import numbers
from runeskript.engine.telemetry.meter import Meter
from runeskript.engine.telemetry.observed import kind_of
from runeskript.engine.telemetry.table import METRICS, OTHER, TYPES
from runeskript.engine.watch import GRACES, KINDS
from runeskript.errors import RuntimeOptionError, StoreError
from runeskript.model.events import CallsDone, TimerFired
from runeskript.stores import open_store
from runeskript.stores.memory import MemoryStore
from runeskript.testing.faults import FaultyStore, Once
from telemetry.watched import HANDLERS

ALL = """
skript: all
do:
  - for: i
    in: range(3)
    do:
      - call: t.noop
  - for: i
    in: range(20)
    parallel: true
    do:
      - call: t.noop
  - call: t.plain
  - call: t.process
  - try:
      - call: t.bad
        retry: {max: 2, backoff: 1ms}
    catch:
      - do:
          - return: "done"
"""


def watched(**more) -> tuple[Runtime, Telemetry]:
    telemetry = Telemetry(traces=False)
    more.setdefault("handlers", HANDLERS)
    return Runtime(telemetry=telemetry, discover_handlers=False, **more), telemetry


async def test_what_a_job_did(scraped):
    runtime, telemetry = watched()
    async with runtime:
        assert (await runtime.run_job(ALL)).unwrap() == "done"
        found = scraped(await telemetry.scrape())
    calls = "runeskript_calls_total"
    assert found(calls, handler="t.noop", outcome="done") == 23
    assert found(calls, handler="t.plain", outcome="done") == 1
    assert found(calls, handler="t.process", outcome="done") == 1
    assert found(calls, handler="t.bad", outcome="failed") == 2
    assert found("runeskript_call_errors_total", handler="t.bad", type="odd") == 2
    assert found("runeskript_call_retries_total", handler="t.bad") == 1
    for name, number in (("t.noop", 23), ("t.plain", 1), ("t.process", 1), ("t.bad", 2)):
        assert found("runeskript_call_seconds_count", handler=name) == number, name
    wait = "runeskript_call_wait_seconds_count"
    assert found(wait, handler="t.noop") == 4  # three in a row, and one of the batch
    assert found(wait, handler="t.bad") == 2
    assert found(wait, handler="t.process") == 0
    assert found("runeskript_events_total", kind="call.done") == 25
    assert found("runeskript_events_total", kind="call.failed") == 2
    assert found("runeskript_events_total", kind="job.finished") == 1
    assert found("runeskript_jobs_begun_total") == 1
    assert found("runeskript_jobs_ended_total", status="Completed") == 1
    assert found("runeskript_job_seconds_count", status="Completed") == 1
    assert found("runeskript_jobs", status="Completed") == 1
    assert found("runeskript_jobs", status="Running") == 0
    commits = found("runeskript_commit_seconds_count")
    assert commits == found("runeskript_commit_units_count") >= 8


async def test_the_journal_and_the_counters_agree(scraped, tmp_path: Path):
    runtime, telemetry = watched(store=f"sqlite:///{tmp_path}/jobs.db")
    async with runtime:
        done = await runtime.run_job(ALL)
        found = scraped(telemetry.render())
        kinds = [record.kind async for record in runtime.events(done.id)]
    counted = {
        labels["kind"]: found("runeskript_events_total", **labels)
        for labels in found.labels("runeskript_events_total")
    }
    assert counted == {kind: kinds.count(kind) for kind in set(kinds)}


async def test_pending_and_what_waits(scraped):
    @handler("t.limited", limits=[rate(1, "1h")])
    async def limited(params: dict, ctx) -> None:
        pass

    text = """
skript: waits
do:
  - for: i
    in: range(3)
    parallel: true
    do:
      - call: t.limited
"""
    runtime, telemetry = watched(handlers=[*HANDLERS, limited])
    async with runtime:
        await runtime.submit_job("skript: p\ndo:\n  - call: t.pending\n")
        await runtime.submit_job(text)
        for _ in range(20):
            await asyncio.sleep(0)
        found = scraped(await telemetry.scrape())
    assert found("runeskript_calls_total", handler="t.pending", outcome="pending") == 1
    assert found("runeskript_events_total", kind="call.pending") == 1
    assert found("runeskript_jobs_live") == 2
    assert found("runeskript_jobs", status="Running") == 2
    assert found("runeskript_queue_depth", queue="lines") == 2
    assert found("runeskript_jobs_ended_total", status="Completed") == 0


async def test_handlers_under_way_and_in_lanes(scraped):
    gate = asyncio.Event()

    @handler("t.gate", limit=2)
    async def wait(params: dict, ctx) -> None:
        await gate.wait()

    text = "skript: g\ndo:\n  - for: i\n    in: range(5)\n    parallel: true\n    do:\n      - call: t.gate\n"
    runtime, telemetry = watched(handlers=[wait])
    async with runtime:
        job = await runtime.submit_job(text)
        while scraped(telemetry.render())("runeskript_calls_running") < 2:
            await asyncio.sleep(0)
        found = scraped(telemetry.render())
        assert found("runeskript_queue_depth", queue="lanes") == 3
        gate.set()
        await runtime.result(job.id)
        assert scraped(telemetry.render())("runeskript_calls_running") == 0


async def test_recovery(scraped, tmp_path: Path):
    """Claimed, resumed and parked; and a commit that failed."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    text = "skript: r\ndo:\n  - call: t.noop\n  - call: t.pending\n"
    async with Runtime(store=url, handlers=HANDLERS, discover_handlers=False) as runtime:
        await runtime.submit_job(text)
        fresh = await runtime.submit_job("skript: f\ndo:\n  - call: t.noop\n", start=False)
        for _ in range(50):
            await asyncio.sleep(0)
    runtime, telemetry = watched(store=url)
    async with runtime:
        await runtime.work(until_idle=True)
        found = scraped(await telemetry.scrape())
        assert (await runtime.get_job(fresh.id)).status == "Completed"
    assert found("runeskript_recovery_total", what="claimed") == 2
    assert found("runeskript_recovery_total", what="resumed") == 1
    assert found("runeskript_recovery_total", what="parked") == 0
    assert found("runeskript_jobs_begun_total") == 1
    assert found("runeskript_jobs", status="Completed") == 1


async def test_a_commit_that_fails(scraped):
    store = FaultyStore(MemoryStore(SystemClock().now_ms), Once("commit", "before"))
    runtime, telemetry = watched(store=store)
    async with runtime:
        with pytest.raises(StoreError):
            await runtime.run_job("skript: r\ndo:\n  - call: t.noop\n")
        found = scraped(telemetry.render())
    assert found("runeskript_commit_failures_total") == 1
    assert found("runeskript_jobs_live") == 0


async def test_only_what_is_created_is_a_unit(scraped):
    runtime, telemetry = watched()
    async with runtime:
        one = Submission("skript: one\ndo: [{return: 1}]\n", id="one")
        for _ in range(3):
            await runtime.submit(one)
        await runtime.create_job({})
        found = scraped(telemetry.render())
    assert found("runeskript_commit_units_sum") == 1
    assert found("runeskript_events_total", kind="job.finished") == 1
    assert found("runeskript_jobs_begun_total") == 1


def test_requests(scraped):
    telemetry = Telemetry(traces=False)
    for measured in (True, False):
        with telemetry.request() as request:
            request.answered("jobs.state", 409, measured=measured)
    found = scraped(telemetry.render())
    assert found("runeskript_http_requests_total", route="jobs.state", status="409") == 2
    assert found("runeskript_http_request_seconds_count", route="jobs.state") == 1


async def test_types_of_errors_do_not_grow(scraped):
    runtime, telemetry = watched()
    text = """
skript: many
do:
  - for: i
    in: range(80)
    do:
      - try:
          - call: t.bad
            with: {type: "made.up-${i}"}
        catch:
          - do: []
"""
    async with runtime:
        done = await runtime.run_job(text)
        assert done.status == "Completed", done.error
        found = scraped(telemetry.render())
    assert len(found.labels("runeskript_call_errors_total")) == TYPES + 1
    assert found("runeskript_call_errors_total", handler="t.bad", type=OTHER) == 80 - TYPES


# --- the table ------------------------------------------------------------------------------------


def test_the_table_is_what_is_told():
    """Name, kind and text of each row, and nothing besides."""
    text = Telemetry(traces=False).render().decode()
    told = {
        (line.split()[2], line.split()[3]) for line in text.splitlines() if line[:6] == "# TYPE"
    }
    made = {(name, kind) for name, kind in told if not name.endswith("_created")}
    assert made == {(row.name, row.kind) for row in METRICS}
    for row in METRICS:
        assert json.dumps(row.text)[1:-1] in text or row.text in text


def test_numbers_are_told_as_the_library_tells_its_own(monkeypatch: pytest.MonkeyPatch):
    """In both formats, whatever is drawn: with and without the times since when it is counted."""
    for of in (prometheus_client.metrics.time, numbers):
        monkeypatch.setattr(of, "time", lambda: 1_000.25)
    makers = {
        "counter": prometheus_client.Counter,
        "gauge": prometheus_client.Gauge,
        "histogram": prometheus_client.Histogram,
    }
    ours, theirs = Meter(), prometheus_client.CollectorRegistry()
    for row in METRICS:
        buckets = {"buckets": row.buckets} if row.buckets else {}
        made = makers[row.kind](row.name, row.text, row.labels, registry=theirs, **buckets)
        for number, amount in enumerate([0.0, 0.3, 1.0, 1e9, *row.buckets]):
            labels = tuple(f'{label} "{number % 3}"\n' for label in row.labels)
            of = ours.of[row.name]
            for one in (of[labels] if labels else of, made.labels(*labels) if labels else made):
                tell = {"counter": "inc", "gauge": "set", "histogram": "observe"}[row.kind]
                getattr(one, tell)(amount)
    for created in (True, False):
        monkeypatch.setattr(prometheus_client.metrics, "_use_created", created)
        for written in (generate_latest, generate_openmetrics):
            assert written(ours.registry) == written(theirs)
    assert ours.render() == generate_latest(theirs)


def test_labels_are_bounded():
    allowed = {"status", "handler", "outcome", "type", "kind", "queue", "what", "route"}
    assert {label for row in METRICS for label in row.labels} == allowed
    for row in METRICS:
        assert row.name.endswith("_total") == (row.kind == "counter")
        assert row.name.endswith("_seconds") <= (row.kind == "histogram")
        assert list(row.buckets) == sorted(set(row.buckets))
        assert bool(row.buckets) == (row.kind == "histogram")


async def test_every_row_is_fed(scraped, tmp_path: Path):
    """Nothing of the table is there for show."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    async with Runtime(store=url, handlers=HANDLERS, discover_handlers=False) as first:
        await first.submit_job(ALL, start=False)
    store = open_store(url, SystemClock().now_ms)
    runtime, telemetry = watched(store=FaultyStore(store, Once("commit", "before", 30)))
    async with runtime:
        await runtime.work(until_idle=True)
        with telemetry.request() as request:
            request.answered("jobs.list", 200)
        found = scraped(await telemetry.scrape())
    silent = {"runeskript_jobs_live", "runeskript_calls_running", "runeskript_queue_depth"}
    for row in METRICS:
        name = f"{row.name}_count" if row.kind == "histogram" else row.name
        fed = any(value > 0 for (of, _), value in found.all.items() if of == name)
        assert fed or row.name in silent | {"runeskript_commit_failures_total"}, row.name


def test_kinds_of_events():
    batch = CallsDone(0, (), 1, "a", (0,), [None])
    assert kind_of(batch) == "call.done"
    assert {kind_of(TimerFired(0, (), m)) for m in (*GRACES, 1)} == {
        *GRACES.values(),
        KINDS[TimerFired],
    }


# --- on and off -----------------------------------------------------------------------------------


async def test_each_runtime_has_its_own(scraped):
    one, first = watched()
    other, second = watched()
    async with one, other:
        await one.run_job("skript: a\ndo:\n  - call: t.noop\n")
    name = "runeskript_jobs_ended_total"
    assert scraped(first.render())(name, status="Completed") == 1
    assert scraped(second.render())(name, status="Completed") == 0


async def test_one_telemetry_is_of_one_runtime_at_a_time(scraped):
    telemetry = Telemetry(traces=False)
    async with Runtime(telemetry=telemetry, handlers=HANDLERS) as runtime:
        await runtime.run_job("skript: a\ndo:\n  - call: t.noop\n")
        with pytest.raises(RuntimeOptionError, match="another runtime's"):
            async with Runtime(telemetry=telemetry):
                pass
    async with Runtime(telemetry=telemetry, handlers=HANDLERS) as runtime:
        await runtime.run_job("skript: a\ndo:\n  - call: t.noop\n")
    found = scraped(telemetry.render())
    assert found("runeskript_jobs_ended_total", status="Completed") == 2


def test_without_metrics():
    telemetry = Telemetry(metrics=False, traces=False)
    with telemetry.request() as request:
        request.answered("a", 200)
    with pytest.raises(RuneskriptError, match="no metrics"):
        telemetry.render()


def test_the_library_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    with pytest.raises(RuntimeOptionError, match=r"runeskript\[serve\]"):
        Telemetry(traces=False)


async def test_a_store_that_cannot_be_asked_leaves_what_was(scraped):
    store = FaultyStore(MemoryStore(SystemClock().now_ms), Once("tally", "before", 1))
    runtime, telemetry = watched(store=store)
    async with runtime:
        await runtime.run_job("skript: a\ndo:\n  - call: t.noop\n")
        await telemetry.scrape()
        await runtime.run_job("skript: a\ndo:\n  - call: t.noop\n")
        name = "runeskript_jobs"
        assert scraped(await telemetry.scrape())(name, status="Completed") == 1
        assert scraped(await telemetry.scrape())(name, status="Completed") == 2
