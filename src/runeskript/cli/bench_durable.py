"""What the ``durable-*`` scenarios of ``rune bench`` run: jobs in a SQLite file, and bare commits.

The floor is what a program could do by itself that keeps each result before it goes on: a table
with one row for each, written in a transaction of its own, in the same file, in the same mode
(WAL, with the same ``synchronous``), by the same library. It writes as many rows as the job has
steps: copying the WAL back into the file, which SQLite does every 1,000 pages, is a part of what
so many commits cost.
"""

from __future__ import annotations

import gc
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Literal, TypeAlias

import apsw

from ..compiler.pipeline import Compiled
from ..engine.handlers.registry import HandlerRegistry
from ..engine.runtime import Runtime
from ..errors import RuneskriptError

Sync: TypeAlias = Literal["full", "normal"]
#: Calls of a job, all at once and one after the other.
PARALLEL: Final = 2_000
SEQUENCE: Final = 1_000
#: The most commits that make one measurement of the floor.
COMMITS: Final = 2_000
#: Bytes of a row: about what a segment of one event takes.
ROW: Final = bytes(80)

FANOUT: Final = """\
skript: durable-fanout
do:
  - for: i
    in: range(input.n)
    parallel: true
    do:
      - call: bench.noop
"""
CHAIN: Final = """\
skript: durable-chain
do:
  - for: i
    in: range(input.n)
    do:
      - call: bench.noop
"""


async def job(
    skript: Compiled, registry: HandlerRegistry, path: Path, sync: Sync, number: int
) -> float:
    """Seconds of one job of ``number`` calls in a store, from submit to result."""
    url = f"sqlite:///{path}?sync={sync}"
    async with Runtime(store=url, handlers=registry, discover_handlers=False) as runtime:
        await runtime.run_job(skript, {"n": 1})  # the program is loaded, the file is made
        gc.collect()
        began = perf_counter()
        done = await runtime.run_job(skript, {"n": number})
        seconds = perf_counter() - began
        events = await runtime._store.journal(done.id, 0, number + 2)
    held = sum(len(getattr(event, "indexes", (0,))) for event in events)
    if held != number + 2:
        raise RuneskriptError(f"the journal holds {held} events, not {number + 2}")
    return seconds


def commits(path: Path, sync: Sync, number: int) -> float:
    """Seconds that ``number`` commits of one row each take; of more than ``COMMITS``, by those."""
    connection = apsw.Connection(str(path))
    execute: Any = connection.cursor().execute
    execute("PRAGMA journal_mode=WAL").fetchall()
    execute(f"PRAGMA synchronous={sync}")
    execute("CREATE TABLE IF NOT EXISTS result(number INTEGER PRIMARY KEY, data BLOB NOT NULL)")
    execute("DELETE FROM result")
    done = min(number, COMMITS)
    gc.collect()
    began = perf_counter()
    for row in range(done):
        execute("BEGIN IMMEDIATE")
        execute("INSERT INTO result VALUES(?, ?)", (row, ROW))
        execute("COMMIT")
    seconds = perf_counter() - began
    connection.close()
    return seconds * number / done
