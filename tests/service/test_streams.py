"""Streams of events: no gap, no duplicate, and nothing that piles up for whoever does not read."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from runeskript.engine.runtime import Runtime
from runeskript.errors import StoreBusyError, StoreError
from runeskript.service import streams, tokens
from runeskript.service.settings import Settings
from serving import Client, served

STEPS = """
skript: steps
do:
  - for: n
    in: [1, 2, 3]
    do:
      - listen: go
"""


async def begun(client: Client, document: str = STEPS) -> str:
    made = await client.post("/jobs", {"document": document})
    assert made.status == 201
    return str(made.json["id"])


async def signalled(client: Client, id_: str, number: int) -> None:
    """Let it go on so often, each time when it listens."""
    for _ in range(number):
        await client.post(f"/jobs/{id_}/signal", {"topic": "go", "keep": "1h"})


async def test_a_stream_has_every_event_and_ends_with_the_job() -> None:
    async with served() as client:
        id_ = await begun(client)
        async with client.stream(f"/jobs/{id_}/events") as stream:
            assert stream.headers["content-type"] == "text/event-stream"
            await stream.until(1)
            await signalled(client, id_, 3)
            await stream.ended.wait()
            *events, last = stream.events()
        history = (await client.get(f"/jobs/{id_}/history")).json
        assert [event.data for event in events] == history["events"]
        assert [event.id for event in events] == [str(n) for n in range(len(events))]
        assert (last.id, last.kind, last.data["status"]) == (None, "job", "Completed")


async def test_a_stream_goes_on_behind_any_event() -> None:
    async with served() as client:
        id_ = await begun(client)
        await signalled(client, id_, 3)
        async with client.stream(f"/jobs/{id_}/events") as stream:
            await stream.ended.wait()
            whole = stream.events()[:-1]
        for place in range(len(whole) - 1):
            async with client.stream(f"/jobs/{id_}/events", last_event_id=str(place)) as stream:
                await stream.ended.wait()
                assert stream.events()[:-1] == whole[place + 1 :]
        behind = str(len(whole) - 1)
        assert (await client.get(f"/jobs/{id_}/events?last_event_id={behind}")).status == 204
        for id_text in ("x", "-1", "1.5", "9" * 30):
            refused = await client.get(f"/jobs/{id_}/events", last_event_id=id_text)
            assert refused.status == 400


async def test_a_job_that_runs_elsewhere_is_followed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    async with Runtime(store=url) as other, served(store=url, settings=Settings(works=False)) as c:
        job = await other.submit_job(STEPS)
        async with c.stream(f"/jobs/{job.id}/events") as stream:
            await stream.until(1)
            for _ in range(3):
                await other.signal("go", job=job.id, keep="1h")
            await stream.ended.wait()
            assert stream.events()[-1].data["status"] == "Completed"


async def test_the_feed_has_every_job_and_goes_on_behind_any_change() -> None:
    async with served() as client:
        ids = [await begun(client) for _ in range(3)]
        async with client.stream("/events") as stream:
            found = await stream.until(3)
            while {event.data["id"] for event in found} != set(ids):
                found = await stream.until(len(found) + 1)
        cursor = found[-1].id
        await client.post(f"/jobs/{ids[1]}/cancel")
        async with client.stream("/events", last_event_id=str(cursor)) as stream:
            seen = await stream.until(1)
            while seen[-1].data["status"] != "Cancelled":
                seen = await stream.until(len(seen) + 1)
            assert seen[-1].data["id"] == ids[1]


async def test_the_feed_of_a_tenant_has_no_job_of_another() -> None:
    async with served() as client:
        store = client.app.service.store
        texts = {}
        for tenant in ("red", "blue"):
            texts[tenant] = await tokens.create(
                store, name="x", tenant=tenant, scopes=["read", "operate"], now=store.now()
            )
        red, blue = client.as_(texts["red"]), client.as_(texts["blue"])
        theirs = await begun(blue)
        async with red.stream("/events") as stream:
            ours = await begun(red)
            assert {event.data["id"] for event in await stream.until(1)} == {ours}
        assert (await red.get(f"/jobs/{theirs}/events")).status == 404
        assert (await red.get("/jobs")).json["jobs"][0]["id"] == ours


async def test_whoever_is_gone_or_too_slow_is_dropped() -> None:
    async with served(settings=Settings(slow=0.01)) as client:
        changes = client.app.service.changes
        id_ = await begun(client)
        async with client.stream(f"/jobs/{id_}/events") as stream:
            await stream.until(1)
            stream.takes.clear()
            await signalled(client, id_, 1)
            while changes.open:
                await asyncio.sleep(0)
            assert not stream.ended.is_set()
        async with client.stream(f"/jobs/{id_}/events") as stream:
            await stream.until(2)
            assert changes.open == 1
        assert changes.open == 0


async def test_a_silent_stream_says_that_it_lives() -> None:
    async with served(settings=Settings(heartbeat=0.0)) as client:
        id_ = await begun(client)
        async with client.stream(f"/jobs/{id_}/events") as stream:
            while b": alive" not in stream.text:
                await asyncio.sleep(0)


async def test_streams_are_bounded_and_end_when_the_service_closes() -> None:
    async with served(settings=Settings(streams=1)) as client:
        id_ = await begun(client)
        async with client.stream(f"/jobs/{id_}/events") as stream:
            await stream.until(1)
            assert (await client.get("/events")).status == 503
            client.app.service.close()
            await stream.ended.wait()
        assert (await client.get("/events")).status == 503
        assert (await client.post("/jobs", {"document": STEPS})).status == 503
        assert (await client.get("/readyz")).status == 503
        assert (await client.get("/healthz")).status == 200


async def test_the_feed_from_now_on() -> None:
    async with served() as client:
        await client.post("/jobs", {"document": STEPS})
        async with client.stream("/events?last_event_id=now") as stream:
            await stream.ready()
            made = await client.post("/jobs", {"document": STEPS})
            (first, *_) = await stream.until(1)
            assert first.data["id"] == made.json["id"]
        assert (await client.get("/jobs/x/events?last_event_id=1")).status == 404
        job = made.json["id"]
        assert (await client.get(f"/jobs/{job}/events?last_event_id=now")).status == 422


async def test_ids_that_a_stream_never_gave_are_refused() -> None:
    async with served() as client:
        id_ = await begun(client)
        async with client.stream(f"/jobs/{id_}/events") as stream:
            await stream.until(1)
        assert (await client.get(f"/jobs/{id_}/events", last_event_id="6")).status == 409
        assert (await client.get("/events", last_event_id="999999")).status == 409
        async with client.stream("/events?last_event_id=now") as stream:
            other = await begun(client)
            assert {event.data["id"] for event in await stream.until(1)} == {other}


async def test_streams_that_begin_together_are_counted() -> None:
    async with served(settings=Settings(streams=2)) as client:
        id_ = await begun(client)
        async with AsyncExitStack() as stack:
            streams = await asyncio.gather(
                *(stack.enter_async_context(client.stream(f"/jobs/{id_}/events")) for _ in range(9))
            )
            assert sorted(one.status for one in streams) == [200] * 2 + [503] * 7
            assert client.app.service.changes.open == 2
        assert client.app.service.changes.open == 0
        assert (await client.ask("HEAD", f"/jobs/{id_}/events")).status == 200
        assert client.app.service.changes.open == 0


@pytest.mark.parametrize("route", ["job", "feed"])
async def test_a_store_that_is_busy_for_a_moment_ends_no_stream(
    route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK", 0)
    async with served() as client:
        id_ = await begun(client)
        store: Any = client.app.service.store
        name = "journal" if route == "job" else "changes"
        path = f"/jobs/{id_}/events" if route == "job" else "/events"
        real, busy = getattr(store, name), 0

        async def refusing(*args: Any) -> Any:
            nonlocal busy
            busy += 1
            if busy <= 3:
                raise StoreBusyError("busy")
            return await real(*args)

        async with client.stream(path) as stream:
            await stream.until(1)
            store.__dict__[name] = refusing
            await signalled(client, id_, 1)
            await begun(client)
            await stream.until(2)
            assert busy > 3
            assert not stream.ended.is_set()


async def test_a_store_that_fails_ends_a_stream_quietly(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as client:
        id_ = await begun(client)
        store: Any = client.app.service.store
        async with client.stream(f"/jobs/{id_}/events") as stream:
            await stream.until(1)

            async def failing(*args: Any) -> Any:
                raise StoreError("it is gone")

            store.__dict__["journal"] = failing
            await signalled(client, id_, 1)
            await stream.ended.wait()
            del store.__dict__["journal"]
        assert [one.message for one in caplog.records] == ["a stream has ended: it is gone"]
        assert client.app.service.changes.open == 0


async def test_the_head_of_a_stream_says_no_length() -> None:
    async with served() as client:
        told = await client.ask("HEAD", "/events")
        assert (told.status, told.body) == (200, b"")
        assert told.headers["content-type"] == "text/event-stream"
        assert "content-length" not in told.headers
        assert client.app.service.changes.open == 0
