"""What ``batch`` of ``rune bench`` runs: 10,000 jobs submitted in one go.

Each has an input, is written whole (its row with all that is searched for, its input, its place in
the feed), and is durable before its receipt is given. The floor is a program that keeps one small
row for each, in a commit of its own.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Final, Literal

from ..compiler.pipeline import compile_text
from ..engine.runtime import Runtime
from ..engine.submissions import Submission
from ..errors import RuneskriptError
from .bench_measure import Figure, alternate, pair

#: Jobs of one measurement.
JOBS: Final = 10_000
SKRIPT: Final = """\
skript: one-step
input: {type: object, properties: {n: {type: integer}}, required: [n]}
do:
  - return: ${input.n + 1}
"""


def batch(rounds: int) -> list[Figure]:
    """Many submits in one go to a SQLite file, against a commit for each."""
    return [
        _batch(rounds, "full", start=False),
        _batch(rounds, "normal", start=False),
        _batch(rounds, "normal", start=True),
    ]


def _batch(rounds: int, sync: Literal["full", "normal"], *, start: bool) -> Figure:
    from . import bench_durable  # it loads the database's library

    skript = compile_text(SKRIPT, "one-step.yaml")
    ended: list[float] = []
    with tempfile.TemporaryDirectory(prefix="rune-bench-") as folder:

        async def ours() -> float:
            path = Path(folder) / f"batch-{perf_counter()}.db"
            url = f"sqlite:///{path}?sync={sync}"
            async with Runtime(store=url, discover_handlers=False) as runtime:
                (await runtime.run_job(skript, {"n": 0})).unwrap()  # the program is loaded
                items = [Submission(skript, {"n": n}, start=start) for n in range(JOBS)]
                gc.collect()
                began = perf_counter()
                receipts = await runtime.submit_many(items)
                seconds = perf_counter() - began
                if any(one.outcome != "created" for one in receipts):
                    raise RuneskriptError("not every job was created")
                if start:
                    for one in receipts:
                        await runtime.result(one.id or "")
                    ended.append(perf_counter() - began)
            path.unlink()
            return seconds

        async def floor() -> float:
            return bench_durable.commits(Path(folder) / "floor.db", sync, JOBS)

        timings = asyncio.run(alternate(rounds, ours, floor))
    name = "batch-start" if start else "batch"
    figure = pair(name, "jobs", JOBS, "a commit for each", *timings)
    extra = {"sync": sync.upper(), "best": round(JOBS / min(timings[0]))}
    if start:
        extra["ended"] = round(JOBS / min(ended))
    return replace(figure, extra=extra)
