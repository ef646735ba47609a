"""What is asked of a job and leads nowhere leaves no trace; an event's id is that of one event."""

from __future__ import annotations

from typing import Any

import pytest

from runeskript.engine.clock import SystemClock
from runeskript.service import tokens
from runeskript.stores.memory import MemoryStore
from serving import Client, served

DOOR = """
machine: door
initial: shut
states: {shut: {}, open: {}, gone: {final: true}}
transitions:
  - {from: shut, event: push, to: open}
  - {from: open, event: pull, to: shut}
  - {from: open, event: kill, to: gone}
"""


async def kinds(client: Client, path: str) -> list[str]:
    found = (await client.get(f"{path}/history")).json["events"]
    return [one["kind"] for one in found]


async def made(client: Client, body: dict[str, Any]) -> str:
    return (await client.post("/jobs", body)).headers["location"]


async def test_a_bare_job_is_not_begun_and_not_gone_on_with() -> None:
    async with served() as client:
        path = await made(client, {"data": {"a": 1}})
        for what in ("run", "resume", "run"):
            assert (await client.post(f"{path}/{what}")).json["version"] == 0
        assert await kinds(client, path) == []
        paused = await client.post(f"{path}/pause")
        assert paused.json["status"] == "Suspended"
        again = await client.post(f"{path}/pause")
        assert again.json["version"] == paused.json["version"]
        assert (await client.post(f"{path}/run")).json["status"] == "Suspended"
        assert (await client.post(f"{path}/resume")).json["status"] == "Running"
        assert (await client.post(f"{path}/cancel")).json["status"] == "Cancelled"
        assert await kinds(client, path) == [*["event.sent", "transition.done"] * 3, "job.finished"]


async def test_a_job_that_was_held_is_begun_once() -> None:
    async with served() as client:
        document = "skript: s\ndo: [{listen: go}]\n"
        path = await made(client, {"document": document, "start": False})
        for _ in range(2):
            assert (await client.post(f"{path}/run")).status == 200
        async with client.stream(f"{path}/events") as stream:
            await stream.started.wait()
        assert (await client.get(path)).json["status"] in ("Pending", "Running")


async def test_a_state_that_nothing_leads_to_is_refused_at_once() -> None:
    async with served() as client:
        path = await made(client, {"document": DOOR})
        before = (await client.put(f"{path}/state", {"event": "push"})).json["version"]
        assert (await client.put(f"{path}/state", {"state": "shut"})).status == 200
        now = (await client.get(path)).json["version"]
        assert now > before
        refused = await client.put(f"{path}/state", {"state": "gone"})
        assert (refused.status, refused.json["allowed"]) == (409, ["open"])
        assert (await client.get(path)).json["version"] == now


@pytest.mark.parametrize("first", [{"event": "push"}, {"state": "open"}])
async def test_the_id_of_an_event_is_good_for_that_one(first: dict[str, str]) -> None:
    async with served() as client:
        path = await made(client, {"document": DOOR})
        for _ in range(2):
            found = await client.put(f"{path}/state", {**first, "id": "x"})
            assert (found.status, found.json["state"]) == (200, "open")
        for other in ({"event": "kill"}, {"state": "gone"}):
            refused = await client.put(f"{path}/state", {**other, "id": "x"})
            assert (refused.status, refused.json["code"]) == (422, "RUNE-6009"), other
        assert (await client.get(path)).json["state"] == "open"


async def test_the_journal_of_a_bare_job_says_who_asked() -> None:
    store = MemoryStore(SystemClock().now_ms)
    async with served(store=store) as client:
        token = await tokens.create(
            store, name="alice", tenant="", scopes=["admin"], now=store.now(), roles=["chief"]
        )
        mine = client.as_(token)
        path = await made(mine, {"data": {}})
        for what in ("pause", "resume", "cancel"):
            body = {"reason": "enough", "grace": "1s"} if what == "cancel" else None
            assert (await mine.post(f"{path}/{what}", body)).status == 202
        events = (await mine.get(f"{path}/history")).json["events"]
        sent = [one["data"] for one in events if one["kind"] == "event.sent"]
        assert [one["name"] for one in sent] == ["suspend", "resume", "cancel"]
        assert [one["actor"] for one in sent] == [{"id": "alice", "roles": ["chief"]}] * 3
        assert sent[-1]["why"] == "enough"
        path = await made(mine, {"document": "skript: s\ndo: [{listen: go}]\n"})
        for what in ("pause", "resume", "cancel"):
            assert (await mine.post(f"{path}/{what}")).status == 202
        async with mine.stream(f"{path}/events") as stream:
            await stream.ended.wait()
        assert (await mine.get(path)).json["error"]["message"] == "cancelled"


async def test_an_event_that_waits_is_sent_once() -> None:
    loop = "machine: m\ninitial: a\nstates: {a: {}}\n"
    loop += "transitions: [{from: a, event: tick, to: a}]\n"
    async with served() as client:
        path = await made(client, {"document": loop})
        await client.put(f"{path}/state", {"event": "tick"})
        await client.post(f"{path}/pause")
        async with client.stream(f"{path}/events") as stream:
            await stream.started.wait()
            for _ in range(2):
                found = await client.put(f"{path}/state", {"event": "tick", "wait": 1})
                assert found.status == 202
            await client.post(f"{path}/resume")
            assert (await client.put(f"{path}/state", {"event": "tick"})).status == 200
        assert (await kinds(client, path)).count("event.sent") == 4


async def test_between_an_event_and_what_follows_from_it_nothing_is_forked() -> None:
    async with served() as client:
        path = await made(client, {"document": DOOR})
        await client.put(f"{path}/state", {"event": "push"})
        told = await kinds(client, path)
        assert told == ["job.started", "transition.done", "event.sent", "transition.done"]
        found = [(await client.post(f"{path}/fork", {"at": at})).status for at in (1, 2, 3, 4)]
        assert found == [409, 201, 409, 201]
