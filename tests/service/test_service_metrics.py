"""``GET /metrics``, and what the service tells of its requests."""

from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runeskript import Telemetry
from runeskript.engine.clock import SystemClock
from runeskript.service import tokens
from runeskript.stores.memory import MemoryStore
from serving import served

GIVEN = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


async def test_requests_are_counted_by_route_and_status() -> None:
    async with served(telemetry=Telemetry(traces=False)) as client:
        await client.get("/jobs")
        await client.get("/jobs/x")
        await client.get("/jobs/y")
        await client.get("/nowhere/at/all")
        found = await client.get("/metrics")
    assert found.status == 200
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = found.body.decode()
    requests = "runeskript_http_requests_total"
    assert f'{requests}{{route="jobs.list",status="200"}} 1.0' in text
    assert f'{requests}{{route="jobs.get",status="404"}} 2.0' in text
    assert f'{requests}{{route="none",status="404"}} 1.0' in text
    assert 'runeskript_http_request_seconds_count{route="jobs.get"} 2.0' in text
    assert 'runeskript_jobs{status="Pending"} 0.0' in text


async def test_a_stream_is_counted_when_it_ends_and_not_measured() -> None:
    async with served(telemetry=Telemetry(traces=False)) as client:
        made = await client.post("/jobs", {"document": "skript: a\ndo:\n  - return: 1\n"})
        async with client.stream(f"{made.headers['location']}/events") as stream:
            await stream.over.wait()
        text = (await client.get("/metrics")).body.decode()
    assert 'runeskript_http_requests_total{route="jobs.events",status="200"} 1.0' in text
    assert 'runeskript_http_request_seconds_count{route="jobs.events"}' not in text


async def test_without_telemetry_there_is_none() -> None:
    async with served() as client:
        assert (await client.get("/metrics")).status == 404


async def test_a_job_is_in_the_trace_of_its_request() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = Telemetry(metrics=False, traces=provider)
    async with served(telemetry=telemetry) as client:
        document = {"document": "skript: a\ndo:\n  - return: 1\n"}
        made = await client.post("/jobs", document, traceparent=GIVEN)
        async with client.stream(f"{made.headers['location']}/events") as stream:
            await stream.over.wait()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    chain = [spans["job a"], spans["submit a"], spans["jobs.submit"]]
    assert [span.parent.span_id for span in chain] == [
        chain[1].context.span_id,
        chain[2].context.span_id,
        int(GIVEN[36:52], 16),
    ]
    assert {f"{span.context.trace_id:032x}" for span in chain} == {GIVEN[3:35]}
    assert spans["jobs.submit"].attributes["http.response.status_code"] == 201


async def test_metrics_are_for_the_default_tenant() -> None:
    """They tell of what all tenants do; Prometheus has a token that may read and nothing else."""
    store = MemoryStore(SystemClock().now_ms)
    async with served(store=store, telemetry=Telemetry(traces=False)) as client:
        for tenant, scope, status in (
            ("", "read", 200),
            ("", "admin", 200),
            ("", "operate", 403),
            ("shop", "read", 403),
            ("shop", "admin", 403),
        ):
            text = await tokens.create(
                store, name="x", tenant=tenant, scopes=[scope], now=store.now()
            )
            assert (await client.as_(text).get("/metrics")).status == status, (tenant, scope)
        assert (await client.get("/metrics")).status == 401
