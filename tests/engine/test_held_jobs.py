"""A job that is held waits until it is told to begin, whoever works on its store."""

from __future__ import annotations

from pathlib import Path

import pytest

from runeskript.engine.reasons import reason_of
from runeskript.engine.runtime import Runtime

WAITS = "skript: waits\ndo:\n  - listen: go\n"
ONE = "skript: one\ndo:\n  - return: 1\n"


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_held_job_begins_when_it_is_told_to(kind: str, tmp_path: Path) -> None:
    url = "memory://" if kind == "memory" else f"sqlite:///{tmp_path}/jobs.db"
    async with Runtime(store=url) as runtime:
        store = runtime.store
        held = await runtime.submit_job(ONE, hold=True)
        free = await runtime.submit_job(ONE, start=False)
        await runtime.work(until_idle=True)
        assert (await runtime.get_job(free.id)).status == "Completed"
        assert (await runtime.get_job(held.id)).status == "Pending"
        (row,) = await store.get([held.id])
        assert row is not None
        assert (await reason_of(store, row)).kind == "paused"
        await runtime.resume_job(held.id)
        assert await runtime.result(held.id) == 1
        assert (await runtime.get_job(held.id)).version == 2


async def test_a_held_job_can_be_cancelled() -> None:
    async with Runtime() as runtime:
        held = await runtime.submit_job(WAITS, hold=True)
        await runtime.cancel_job(held.id)
        await runtime.work(until_idle=True)
        assert (await runtime.get_job(held.id)).status == "Cancelled"
