"""As many jobs as may live are alive: whoever submits another one does not wait for a place."""

from __future__ import annotations

import asyncio

import pytest

from runeskript.engine import recovery
from runeskript.engine.handlers import handler
from serving import Client, served


async def ended(client: Client, id_: str) -> str:
    async with client.stream(f"/jobs/{id_}/events") as stream:
        await stream.ended.wait()
        return str(stream.events()[-1].data["status"])


async def test_a_submit_waits_for_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """What finds none is stored, and begun when there is one."""
    monkeypatch.setattr(recovery, "LOOK", 0.01)
    monkeypatch.setattr(recovery, "PACE", 0.001)
    go, most, now = asyncio.Event(), 0, 0

    @handler("nap", mode="async")
    async def nap(params: object, ctx: object) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await go.wait()
        now -= 1

    body = {"document": "skript: s\ndo: [{call: nap}]\n"}
    async with served(handlers=[nap], max_jobs=2) as client:
        made = [await client.post("/jobs", body) for _ in range(4)]
        assert [one.status for one in made] == [201] * 4
        told = (await client.post("/batch", {"jobs": [body] * 3})).json["outcomes"]
        assert [one["outcome"] for one in told] == ["created"] * 3
        ids = [one.json["id"] for one in made] + [one["id"] for one in told]
        go.set()
        assert {await ended(client, id_) for id_ in ids} == {"Completed"}
        assert most == 2
