"""How many jobs a worker loads at once: as many as there is time for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.engine.conftest import Lasting, ManualClock

from runeskript.engine import recovery
from runeskript.engine.handlers import handler
from runeskript.engine.loads import FIRST, MOST
from runeskript.engine.runtime import Runtime
from runeskript.stores.memory import MemoryStore

JOBS = 150


@handler("work")
async def work(params: Any, ctx: Any) -> None:
    """Nothing."""


class Counting(MemoryStore):
    """Notes how many jobs are loaded at once; each takes a while."""

    def __init__(self, clock: ManualClock, ms: Callable[[int], int]) -> None:
        super().__init__(clock.now_ms)
        self._clock = clock
        self._ms = ms
        self.loaded: list[int] = []

    async def load_many(self, jobs: Sequence[str]) -> list[Any]:
        self.loaded.append(len(jobs))
        self._clock.ms += self._ms(sum(self.loaded))
        return await super().load_many(jobs)


async def loads(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch, ms: Callable[[int], int]
) -> list[int]:
    """How many are loaded at once of jobs that somebody left; ``ms``: what a load takes, by how
    many were loaded.
    """
    monkeypatch.setattr(recovery, "PACE", 0.001)
    store = Counting(clock, ms)
    kept: Any = Lasting(store)
    options: Any = {"store": kept, "clock": clock, "discover_handlers": False, "env": {}}
    async with Runtime(handlers=[work], **options) as runtime:
        for _ in range(JOBS):
            await runtime.submit_job("skript: one\ndo:\n  - call: work\n", start=False)
    async with Runtime(handlers=[work], **options) as runtime:
        ended = await runtime.work(until_idle=True)
    assert ended["Completed"] == JOBS == sum(store.loaded)
    return store.loaded


async def test_quick_loads_grow(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await loads(clock, monkeypatch, lambda _: 0)
    assert found == [FIRST, 2 * FIRST, 4 * FIRST, MOST, JOBS - 7 * FIRST - MOST]


async def test_slow_loads_shrink_to_one_job(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await loads(clock, monkeypatch, lambda _: 100)
    assert found == [FIRST] + [1] * (JOBS - FIRST)


async def test_loads_grow_again_behind_a_slow_one(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await loads(clock, monkeypatch, lambda so_far: 100 if so_far <= FIRST else 0)
    assert found[:6] == [FIRST, 1, 2, 4, 8, 16]
