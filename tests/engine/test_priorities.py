"""Priorities: who is claimed first, and who computes for longer beside others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest
from tests.engine.conftest import ManualClock

from runeskript.engine import driver as driver_module
from runeskript.engine import turns as turns_module
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.engine.turns import TURNS_START, weight_of
from runeskript.errors import RuntimeOptionError

Start = Callable[..., Awaitable[Runtime]]
Settle = Callable[..., Awaitable[None]]
SAYS = "skript: says\ninput: {type: integer}\ndo:\n  - call: probe\n    with: {i: '${input}'}\n"
LOOP = "skript: loop\nvars: {n: 0}\ndo:\n  - while: true\n    do:\n      - set: {n: '${n + 1}'}\n"


async def test_jobs_of_a_higher_priority_are_begun_first(runtime: Start) -> None:
    began: list[int] = []

    @handler("probe")
    async def probe(params: Any, ctx: Any) -> None:
        began.append(params["i"])

    rt = await runtime(probe, max_jobs=1)
    for rank in (0, -5, 7, 0, 100):
        await rt.submit_job(SAYS, rank, start=False, priority=rank)
    await rt.work(until_idle=True)
    assert began == [100, 7, 0, 0, -5]


async def test_slices_are_longer_for_a_higher_priority(
    runtime: Start, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none is left out: everybody has a slice in each round."""
    ticks = count()
    for module in (driver_module, turns_module):
        monkeypatch.setattr(module, "monotonic", lambda: next(ticks) * 0.004)
    monkeypatch.setattr(turns_module, "TURNS_MIN", 1)
    rt = await runtime()
    driver = rt._running()
    seen: dict[str, list[int]] = {}
    real = driver._advance

    def advance(live: Any) -> Any:
        ready = real(live)
        seen.setdefault(live.id, []).append(live.turns)
        return ready

    monkeypatch.setattr(driver, "_advance", advance)
    jobs = [await rt.submit_job(LOOP, priority=rank) for rank in (9, 0, -1, -9)]
    while not all(len(seen.get(job.id, ())) >= 3 for job in jobs):
        await settle(1)
    # A slice of the usual length took twice as long as it should.
    turns = {job.id: TURNS_START for job in jobs}
    for number in range(3):
        for job, weight in zip(jobs, (2, 1, 0.5, 0.125), strict=True):
            turns[job.id] = max(int(turns[job.id] * weight / 2), 1)
            assert seen[job.id][number] == pytest.approx(turns[job.id], abs=3)
    for job in jobs:
        await rt.cancel_job(job.id)


def test_weights() -> None:
    assert [weight_of(rank) for rank in (-100, -3, -1, 0, 1, 100)] == [0.125, 0.125, 0.5, 1, 2, 2]


@pytest.mark.parametrize("rank", [101, -101, 1.5, True, "high", None])
async def test_what_is_no_priority(runtime: Start, clock: ManualClock, rank: Any) -> None:
    rt = await runtime()
    with pytest.raises(RuntimeOptionError, match="from -100 to 100"):
        await rt.submit_job(LOOP, priority=rank)
