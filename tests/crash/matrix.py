"""The crash matrix: processes that kill themselves at named boundaries, and others that go on.

``python -m crash.matrix --kills 500`` submits jobs, lets a process work at each until it is killed
at a boundary, lets the next one go on and be killed at another, and at last one that is not. Every
process is a fork of one that has imported everything; none shares anything with another but the
store's file and the *ledger*, to which the handlers append what they did. What has to hold is read
from the ledger and from the journal (:mod:`crash.judge`).

``--break effects``: effects leave before what caused them is durable. ``--break keys``: calls get
fresh idempotency keys. Either must be found out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from crash.judge import Finding, judge
from runeskript.engine import effects, recovery
from runeskript.engine.handlers import context as contexts
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import StepError
from runeskript.model.events import CallDone, CallsDone, TimerFired
from runeskript.stores import open_store
from runeskript.stores.base import Command, Committed, Unit

ORDER = """
skript: order
vars: {got: null, heard: null, part: null}
do:
  - try:
      - for: i
        in: range(4)
        parallel: 2
        collect: got
        do:
          - call: work
            with: {what: "item ${i}"}
            into: r
            retry: {max: 3, backoff: 5ms..10ms}
          - yield: r
      - call: work
        with: {what: joined, got: "${got}"}
      - call: work
        with: {what: reserve}
        into: held
        undo: {call: work, with: {what: release, held: "${held}"}}
      - wait: 30ms
      - parallel:
          sends:
            - emit: ping
              key: job.id
              keep: 1h
              with: {n: 1}
          hears:
            - listen: ping
              key: job.id
              into: heard
      - run: part
        into: part
      - raise: {type: stop, compensate: true}
    catch:
      - when: error.type == 'stop'
        do:
          - call: work
            with: {what: caught, part: "${part}"}
            into: last
  - return: ["${got}", "${heard}", "${part}", "${last}"]
"""
PART = """
skript: part
do:
  - call: work
    with: {what: child}
    into: r
  - wait: 10ms
  - return: ${r}
"""
EFFECTS = (*(f"item {i}" for i in range(4)), "joined", "reserve", "release", "child", "caught")
#: How often a boundary is passed before the kill, and once.
TIMES = (1, 1, 1, 1, 2, 3, 5)
#: Milliseconds of a worker's silence.
LEASE = 150
#: Seconds in which a job has to come to its end once nobody is killed any more.
BOUND = 30


def kinds(units: Sequence[Unit]) -> set[str]:
    """The boundaries that a commit stands for."""
    found = {"commit"}
    for unit in units:
        for event in unit.events:
            if isinstance(event, TimerFired):
                found.add("timer")
            elif isinstance(event, CallDone | CallsDone):
                found.add("compensation" if "undo" in event.step else "result")
        if unit.snapshot is not None:
            found.add("snapshot")
        if unit.children:
            found.add("child")
        if unit.listens:
            found.add("listen")
        for message in unit.messages:
            found.add("child-end" if isinstance(message, Command) else "message")
        if unit.row is not None and unit.row.status == "Completed":
            found.add("end")
    return found


#: Where a process may be killed: the store's operations, what a commit holds, and the handler.
OPERATIONS = ("claim", "load", "release")
COMMITS = ("commit", "timer", "compensation", "result", "snapshot", "child", "listen",
           "child-end", "message", "end")  # fmt: skip
BOUNDARIES = (
    *(f"{side} {what}" for what in (*OPERATIONS, *COMMITS) for side in ("before", "after")),
    "handler start",
    "handler effect",
    "handler end",
)


class Killer:
    """Kills this process at the n-th time that a boundary is come to."""

    def __init__(self, boundary: str | None, number: int) -> None:
        self.boundary = boundary
        self.left = number

    def at(self, boundary: str) -> None:
        """The process has come to a boundary."""
        if boundary == self.boundary:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """A store as one process sees it; ``late``: it says that a commit is durable before it is."""

    def __init__(self, inner: Any, killer: Killer, *, late: bool) -> None:
        self.inner = inner
        self.killer = killer
        self.late = late
        self.tasks: list[asyncio.Task[Any]] = []
        self.order = asyncio.Lock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name not in OPERATIONS:
            return found

        async def call(*args: Any, **more: Any) -> Any:
            await asyncio.gather(*self.tasks)
            self.killer.at(f"before {name}")
            result = await found(*args, **more)
            self.killer.at(f"after {name}")
            return result

        return call

    async def _later(self, units: Sequence[Unit]) -> None:
        await asyncio.sleep(0.005)
        async with self.order:  # a lock is fair: first come, first served
            await self.inner.commit(units)

    async def commit(self, units: Sequence[Unit]) -> list[Committed]:
        """Every boundary that these units stand for."""
        there = kinds(units)
        for kind in COMMITS:
            if kind in there:
                self.killer.at(f"before {kind}")
        if self.late:
            self.tasks.append(asyncio.create_task(self._later(units)))
            result = [Committed("ok") for _ in units]
        else:
            result = await self.inner.commit(units)
        for kind in COMMITS:
            if kind in there:
                self.killer.at(f"after {kind}")
        return result


class Process:
    """What one process does, in a fork of this one."""

    def __init__(self, folder: Path, broken: str | None) -> None:
        self.file = folder / "jobs.db"
        self.url = f"sqlite:///{self.file}?sync=normal"
        self.ledger = folder / "ledger"
        self.broken = broken

    def start(self, work: Callable[[], Any]) -> int:
        """Do something in a process of its own; its status as ``waitpid`` gives it."""
        pid = os.fork()
        if pid:
            return os.waitpid(pid, 0)[1]
        code = 1
        try:
            signal.alarm(BOUND)
            work()
            code = 0
        except BaseException as exc:
            print(f"{type(exc).__name__}: {exc}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)

    def _handlers(self, killer: Killer) -> list[Any]:
        ledger = self.ledger

        def note(*parts: Any) -> None:
            with ledger.open("a") as file:
                file.write(json.dumps(parts) + "\n")

        @handler("work")
        async def work(params: Any, ctx: Any) -> Any:
            """What it returns differs each time it is run."""
            key, what = ctx.idempotency_key, params["what"]
            killer.at("handler start")
            note("began", key, params)
            lines = ledger.read_text().splitlines()
            count = sum(json.loads(line)[:2] == ["began", key] for line in lines)
            if what == "item 1" and ctx.attempt == 1:
                raise StepError("flaky", "not yet", retryable=True)
            note("done", key, what)
            killer.at("handler effect")
            await asyncio.sleep(0)
            killer.at("handler end")
            return f"{what} #{count}"

        return [work]

    def _runtime(self, killer: Killer) -> Runtime:
        if self.broken == "keys":
            contexts.idempotency_key = lambda *place: os.urandom(8).hex()  # type: ignore[attr-defined]
        recovery.PACE, recovery.LOOK = 0.001, 0.02  # type: ignore[misc]
        effects.TAIL, effects.TAIL_BYTES = 1, 10**9  # type: ignore[misc]
        store = open_store(self.url, lambda: time.time_ns() // 1_000_000)
        return Runtime(
            store=Watched(store, killer, late=self.broken == "effects"),  # type: ignore[arg-type]
            handlers=self._handlers(killer),
            discover_handlers=False,
            lease=LEASE,
            env={},
        )

    def submit(self) -> None:
        """Store the job."""

        async def main() -> None:
            async with self._runtime(Killer(None, 0)) as runtime:
                await runtime.deploy(PART)
                await runtime.submit_job(ORDER, key="one", start=False)

        asyncio.run(main())

    def over(self) -> bool:
        """Whether the job has come to its end."""
        connection = sqlite3.connect(self.file)
        try:
            return not connection.execute(
                "SELECT count(*) FROM job WHERE status <> 'Completed'"
            ).fetchone()[0]
        finally:
            connection.close()

    def work(self, boundary: str | None = None, number: int = 0) -> None:
        """Go on with it, to the end or to a boundary."""

        async def main() -> None:
            async with self._runtime(Killer(boundary, number)) as runtime:
                await runtime.work(until_idle=True)

        asyncio.run(main())


class Matrix:
    """Jobs, kills and what was found."""

    def __init__(self, seed: int, broken: str | None, only: Sequence[str] = BOUNDARIES) -> None:
        self.boundaries = only
        self.random = random.Random(seed)
        self.broken = broken
        self.kills: Counter[str] = Counter()
        self.jobs = 0
        self.findings: list[Finding] = []

    def run(self, kills: int) -> None:
        """Jobs until so many processes were killed."""
        while self.kills.total() < kills and not self.findings:
            with tempfile.TemporaryDirectory(prefix="crash") as folder:
                self._job(Path(folder))
            self.jobs += 1

    def _job(self, folder: Path) -> None:
        process = Process(folder, self.broken)
        if process.start(process.submit):
            self.findings.append(Finding("lost", "the job could not be submitted"))
            return
        # What was come to least comes first. No more than four in a row: five claims without an event
        # in between park a job, as they have to.
        rare = sorted(self.boundaries, key=lambda one: (self.kills[one], self.random.random()))
        for _ in range(self.random.randint(2, 4)):
            often = self.random.random() < 0.3 or not rare
            boundary = self.random.choice(self.boundaries) if often else rare.pop(0)
            number = self.random.choice(TIMES)
            status = process.start(lambda b=boundary, n=number: process.work(b, n))
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
                self.kills[boundary] += 1
            elif status:
                self.findings.append(Finding("stuck", f"a process ended with {status}"))
                return
            elif process.over():
                break
        if process.start(process.work):
            self.findings.append(Finding("stuck", "the job did not come to its end"))
            return
        with suppress(FileNotFoundError):
            self.findings += judge(process.url, process.ledger, EFFECTS)


def main() -> int:
    """Run the matrix and print what was found; 1 where that is anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--break", dest="broken", choices=("effects", "keys"))
    parser.add_argument("--only", choices=BOUNDARIES, action="append")
    args = parser.parse_args()
    matrix = Matrix(args.seed, args.broken, args.only or BOUNDARIES)
    began = time.monotonic()
    matrix.run(args.kills)
    found = Counter(finding.kind for finding in matrix.findings)
    report = {
        "kills": matrix.kills.total(),
        "boundaries": len(matrix.kills),
        "of": len(matrix.boundaries),
        "jobs": matrix.jobs,
        "lost": found["lost"],
        "duplicated": found["duplicated"],
        "changed": found["changed"],
        "stuck": found["stuck"],
        "seconds": round(time.monotonic() - began, 1),
        "seed": args.seed,
    }
    for finding in matrix.findings:
        print(f"{finding.kind}: {finding.text}", file=sys.stderr)
    missed = sorted(set(matrix.boundaries) - set(matrix.kills))
    if missed:
        print(f"never come to: {', '.join(missed)}", file=sys.stderr)
    print(json.dumps(report))
    return 1 if matrix.findings else 0


if __name__ == "__main__":
    sys.exit(main())
