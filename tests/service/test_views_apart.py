"""Looking at a job with a long journal: others get on, and not too many look at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runeskript import handler
from runeskript.engine import apart as apart_
from runeskript.engine import exporting, pictures, reasons, variables
from runeskript.service.settings import VIEWS
from runeskript.stores.sqlite import reading
from runeskript.stores.sqlite.loading import Loading
from serving import served

FORK = """\
skript: fork
do:
  - for: x
    in: range(60)
    parallel: true
    do:
      - call: my.call
        with: {x: '${x}'}
  - call: my.slow
"""
VIEWS_OF = ("why", "graph", "variables", "variables?at=30", "export")


@handler("my.call")
async def call(params: Any, ctx: Any) -> Any:
    return params


@handler("my.slow")
async def slow(params: Any, ctx: Any) -> Any:
    await asyncio.Event().wait()


async def test_a_journal_is_told_in_another_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = threading.get_ident()
    here: list[str] = []
    apart: set[str] = set()

    def noted(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any, **options: Any) -> Any:
            if threading.get_ident() == loop:
                here.append(name)
            apart.add(name)
            return work(*args, **options)

        return noting

    monkeypatch.setattr(reading, "LONG", 20)
    monkeypatch.setattr(apart_, "SHORT", 20)
    store = f"sqlite:///{tmp_path}/jobs.db"
    async with served(store=store, handlers=[call, slow]) as client:
        path = (await client.post("/jobs", {"document": FORK})).headers["location"]
        async with client.stream(f"{path}/events") as stream:
            await stream.until(61)
        for module, name in (
            (variables, "retell"),
            (pictures, "retell"),
            (reasons, "resume"),
            (exporting, "encode_export"),
        ):
            of = f"{module.__name__}.{name}"
            monkeypatch.setattr(module, name, noted(of, getattr(module, name)))
        monkeypatch.setattr(Loading, "load", noted("load", Loading.load))
        told = [(await client.get(f"{path}/{view}")) for view in VIEWS_OF]
        assert [one.status for one in told] == [200] * 5
        assert "attempt 1 of my.slow" in told[0].json["text"]
        assert told[2].json["position"] == 61
        assert told[3].json["position"] == 30
        assert (here, len(apart)) == ([], 5)


async def test_not_too_many_look_at_once() -> None:
    async with served(handlers=[call, slow]) as client:
        path = (await client.post("/jobs", {"document": FORK})).headers["location"]
        views = client.app.service.views
        for _ in range(VIEWS):
            await views.acquire()
        asking = [asyncio.create_task(client.get(f"{path}/{view}")) for view in VIEWS_OF]
        for _ in range(100):
            await asyncio.sleep(0)
        assert not any(one.done() for one in asking)
        for _ in range(VIEWS):
            views.release()
        assert [(await one).status for one in asking][2:] == [200] * 3
