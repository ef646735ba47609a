"""What ``many-jobs`` and ``recovery`` of ``rune bench`` run: many durable jobs, few steps each.

``many-jobs``: clients that submit a job, await its end and submit the next, 64 of them. Its floor
is a program that keeps as many rows as those jobs have durable steps, in a transaction each.

``recovery``: a file with jobs that somebody else began, none of which has an owner. A new runtime
claims them; a job moves when the call that it was interrupted in is under way again. The floor
reads as many rows and marks each as its own, as many at once.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import apsw

from ..compiler.pipeline import Compiled, compile_text
from ..engine.handlers.decorator import handler
from ..engine.handlers.registry import HandlerRegistry
from ..engine.recovery import CLAIM
from ..engine.runtime import Runtime
from ..errors import RuneskriptError
from .bench_durable import ROW, Sync

#: Jobs, how many are under way at once, and durable steps of each: its creation, its start with the
#: first call, three results of which the last ends it.
JOBS: Final = 1_000
AT_ONCE: Final = 64
STEPS: Final = 5
#: Unfinished jobs that a new worker finds.
UNFINISHED: Final = 10_000

MANY: Final = """\
skript: many-jobs
do:
  - call: bench.noop
  - call: bench.noop
  - call: bench.noop
"""
RECOVERED: Final = """\
skript: recovery
do:
  - call: bench.noop
  - call: bench.gate
  - call: bench.noop
"""


# --- many jobs ----------------------------------------------------------------------------------
async def many(
    skript: Compiled, registry: HandlerRegistry, folder: Path, sync: Sync, jobs: int
) -> tuple[float, list[float]]:
    """Seconds until all jobs have ended, and of each from submit to end, on a store of its own."""
    url = f"sqlite:///{folder / f'many-{perf_counter()}.db'}?sync={sync}"
    waits: list[float] = []
    left = iter(range(jobs))
    async with Runtime(store=url, handlers=registry, discover_handlers=False) as runtime:

        async def client() -> None:
            for _ in left:
                began = perf_counter()
                (await runtime.run_job(skript, {})).unwrap()
                waits.append(perf_counter() - began)

        await runtime.run_job(skript, {})  # the program is loaded, the file is made
        gc.collect()
        began = perf_counter()
        await asyncio.gather(*[client() for _ in range(AT_ONCE)])
        return perf_counter() - began, waits


# --- recovery -----------------------------------------------------------------------------------
class Gate:
    """The handlers of ``RECOVERED``: all jobs come to the gate before any goes through."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self.shut()

        @handler("bench.noop")
        async def noop(params: dict[str, Any], ctx: Any) -> None:
            pass

        @handler("bench.gate")
        async def gate(params: dict[str, Any], ctx: Any) -> None:
            self._there.add(ctx.job_id)
            if len(self._there) == self._jobs:
                self.all.set()
            await self.opened.wait()

        self.registry = HandlerRegistry([noop, gate])

    def shut(self) -> None:
        """For jobs that come anew."""
        self._there: set[str] = set()
        #: Set when all jobs are at the gate; to be set when they may go through.
        self.all = asyncio.Event()
        self.opened = asyncio.Event()


async def unfinished(gate: Gate, path: Path, jobs: int) -> None:
    """Make a file with jobs that wait at the gate, and leave it."""
    skript = compile_text(RECOVERED, "recovery.yaml", gate.registry)
    async with Runtime(
        store=f"sqlite:///{path}?sync=normal",
        handlers=gate.registry,
        discover_handlers=False,
        max_jobs=jobs,
    ) as runtime:
        for _ in range(jobs):
            await runtime.submit_job(skript, {})
        await gate.all.wait()


async def recovery(gate: Gate, path: Path, folder: Path, sync: Sync, jobs: int) -> float:
    """Seconds from nothing until every job moves, on a copy of the file; then all must complete."""
    mine = folder / f"recovery-{perf_counter()}.db"
    shutil.copyfile(path, mine)
    gate.shut()
    gc.collect()
    began = perf_counter()
    async with Runtime(
        store=f"sqlite:///{mine}?sync={sync}",
        handlers=gate.registry,
        discover_handlers=False,
        max_jobs=jobs,
    ) as runtime:
        work = asyncio.ensure_future(runtime.work(until_idle=True))
        await gate.all.wait()
        seconds = perf_counter() - began
        gate.opened.set()
        ended = await work
    if ended["Completed"] != jobs:
        raise RuneskriptError(f"of {jobs} jobs {ended['Completed']} were completed")
    mine.unlink()
    return seconds


def marking(folder: Path, sync: Sync, jobs: int) -> float:
    """Seconds that it takes to read as many rows and mark each, ``CLAIM`` in a transaction."""
    path = folder / f"marked-{perf_counter()}.db"
    connection = apsw.Connection(str(path))
    execute: Any = connection.cursor().execute
    execute("PRAGMA journal_mode=WAL").fetchall()
    execute(f"PRAGMA synchronous={sync}")
    execute("CREATE TABLE job(number INTEGER PRIMARY KEY, owner INTEGER, data BLOB NOT NULL)")
    execute("BEGIN IMMEDIATE")
    for number in range(jobs):
        execute("INSERT INTO job VALUES(?, NULL, ?)", (number, ROW))
    execute("COMMIT")
    gc.collect()
    began = perf_counter()
    for first in range(0, jobs, CLAIM):
        execute("BEGIN IMMEDIATE")
        for number in range(first, min(first + CLAIM, jobs)):
            execute("SELECT data FROM job WHERE number=?", (number,)).fetchall()
            execute("UPDATE job SET owner=1 WHERE number=?", (number,))
        execute("COMMIT")
    seconds = perf_counter() - began
    connection.close()
    path.unlink()
    return seconds
