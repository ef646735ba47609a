"""What the tests of the engine share: a clock that stands still, and runtimes that use it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from runeskript.compiler import passes
from runeskript.engine import recovery, snapshots
from runeskript.engine.ids import SeededIds
from runeskript.engine.runtime import Runtime
from runeskript.stores.base import Store
from runeskript.stores.memory import MemoryStore
from runeskript.stores.sqlite import SqliteStore


class _Alarm:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """Time passes only when a test says so."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000
        self.alarms: list[tuple[int, int, _Alarm]] = []
        self.order = 0

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> _Alarm:
        self.order += 1
        alarm = _Alarm(callback)
        heapq.heappush(self.alarms, (due_ms, self.order, alarm))
        return alarm

    def pass_ms(self, ms: int) -> None:
        """Let time pass; alarms go off at their time."""
        end = self.ms + ms
        while self.alarms and self.alarms[0][0] <= end:
            due, _, alarm = heapq.heappop(self.alarms)
            self.ms = max(self.ms, due)
            if alarm.callback is not None:
                alarm.callback()
        self.ms = end


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def time_passes(clock: ManualClock) -> AsyncIterator[None]:
    """Quickly, while the test waits for something."""

    async def run() -> None:
        while True:
            await asyncio.sleep(0.001)
            clock.pass_ms(200)

    task = asyncio.create_task(run())
    yield
    task.cancel()


async def settle(turns: int = 50) -> None:
    """Let the event loop do what can be done without time passing."""
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.fixture(name="settle")
def settle_() -> Callable[..., Awaitable[None]]:
    return settle


@pytest.fixture
async def runtime(clock: ManualClock) -> AsyncIterator[Callable[..., Awaitable[Runtime]]]:
    """``await runtime(handlers...)`` gives a running runtime with the manual clock."""
    async with AsyncExitStack() as stack:

        async def start(*handlers: Any, **options: Any) -> Runtime:
            options = {
                "clock": clock,
                "ids": SeededIds(1),
                "discover_handlers": False,
                "env": {},
                **options,
            }
            return await stack.enter_async_context(Runtime(handlers=handlers, **options))

        yield start


@pytest.fixture(params=["batches", "tokens"])
def forks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Forks of single calls leave in batches, or (without the pass) as tokens: nobody can tell."""
    if request.param == "tokens":
        rest = tuple(one for one in passes.PASSES if one.name != "fork_call")
        monkeypatch.setattr(passes, "PASSES", rest)
    return str(request.param)


def held(store: Any) -> list[str]:
    """The names of the limits of which slots are taken or waited for; rates let go by themselves."""
    if isinstance(store, SqliteStore):
        sql = "SELECT name FROM slot WHERE until IS NULL UNION SELECT name FROM waiting_for"
        return sorted(name for (name,) in store._db.rows(sql))
    return sorted(store._core.lines.names())


class Lasting:
    """A store that outlives the runtimes that use it."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def close(self) -> None:
        """Not yet."""


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, clock: ManualClock, tmp_path: Path) -> Store:
    """Each store in turn, with the manual clock."""
    if request.param == "memory":
        return MemoryStore(clock.now_ms)
    return SqliteStore(str(tmp_path / "jobs.db"), clock.now_ms, sync="normal")


@pytest.fixture(params=["memory", "sqlite", "sqlite, a snapshot each"])
def kept(
    request: pytest.FixtureRequest,
    clock: ManualClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Store:
    """Each store in turn, also with the run written down by every unit; looked at often."""
    monkeypatch.setattr(recovery, "LOOK", 0.01)
    monkeypatch.setattr(recovery, "PACE", 0.001)
    if "snapshot" in request.param:
        monkeypatch.setattr(snapshots, "TAIL", 0)
        monkeypatch.setattr(snapshots, "TAIL_BYTES", 10**9)
    if request.param == "memory":
        return MemoryStore(clock.now_ms)
    return SqliteStore(str(tmp_path / "jobs.db"), clock.now_ms, sync="normal")
