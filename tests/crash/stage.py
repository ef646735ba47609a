"""What the stories of the crash matrix share: processes that kill themselves at named boundaries."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

import apsw

from crash.judge import Finding, Told, judge
from runeskript.engine import recovery, snapshots
from runeskript.engine.handlers import context as contexts
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.model.events import (
    CallDone,
    CallFailed,
    CallPending,
    CallsDone,
    GraceGiven,
    Moved,
    Retried,
    TimerFired,
    is_force,
)
from runeskript.model.machine import FINAL
from runeskript.stores import open_store
from runeskript.stores.base import Command, Committed, PostOutcome, Unit

#: Milliseconds of a worker's silence.
LEASE: Final = 150
#: Seconds in which a job has to come to its end once nobody is killed any more.
BOUND: Final = 30
#: A handler's boundaries, and the store's operations that are boundaries.
HANDLER: Final = ("handler start", "handler effect", "handler end")
OPERATIONS: Final = ("claim", "load_many", "release")


def sides(*names: str) -> tuple[str, ...]:
    """The boundaries before and after each of these."""
    return tuple(f"{side} {name}" for name in names for side in ("before", "after"))


def kinds(units: Sequence[Unit]) -> list[str]:
    """What a commit stands for."""
    found = {"commit": None}
    for unit in units:
        for event in unit.events:
            if isinstance(event, TimerFired):
                found["forced" if is_force(event) else "timer"] = None
            elif isinstance(event, GraceGiven):
                found["grace"] = None
            elif isinstance(event, CallDone | CallsDone):
                found["compensation" if "undo" in event.step else "result"] = None
            elif isinstance(event, CallPending):
                found["pending"] = None
            elif isinstance(event, Retried):
                found["retried"] = None
            elif isinstance(event, Moved):
                found["moved"] = None
            if unit.inbox and isinstance(event, CallDone | CallFailed):
                found["told"] = None
        if unit.snapshot is not None:
            found["snapshot"] = None
        if unit.children:
            failed = unit.row is not None and unit.row.status == "Failed"
            found["notice" if failed else "child"] = None
        if unit.listens:
            found["listen"] = None
        for message in unit.messages:
            found["child-end" if isinstance(message, Command) else "message"] = None
        if unit.row is not None and unit.row.status in FINAL:
            found["end"] = None
    return list(found)


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

    async def post(self, items: Sequence[Any]) -> list[PostOutcome]:
        """What an operator says: a boundary for each kind."""
        names = [item.kind for item in items if isinstance(item, Command)]
        for name in names:
            self.killer.at(f"before {name}")
        outcomes: list[PostOutcome] = await self.inner.post(items)
        for name in names:
            self.killer.at(f"after {name}")
        return outcomes

    async def submit(
        self,
        rows: Any,
        on_conflict: Any,
        journals: Any = None,
        record: Any = None,
        notes: Any = (),
    ) -> Any:
        """Jobs; those that have a journal and are yet to begin are forks, those with a record a
        schedule's.
        """
        kind = "submit" if record is None else "tick"
        if journals and rows[0].status == "Pending":
            kind = "fork"
        self.killer.at(f"before {kind}")
        found = await self.inner.submit(rows, on_conflict, journals, record, notes)
        self.killer.at(f"after {kind}")
        return found

    async def _later(self, units: Sequence[Unit]) -> None:
        await asyncio.sleep(0.005)
        async with self.order:  # a lock is fair: first come, first served
            await self.inner.commit(units)

    async def commit(self, units: Sequence[Unit]) -> list[Committed]:
        """Every boundary that these units stand for."""
        there = kinds(units)
        for kind in there:
            self.killer.at(f"before {kind}")
        if self.late:
            self.tasks.append(asyncio.create_task(self._later(units)))
            result = [Committed("ok") for _ in units]
        else:
            result = await self.inner.commit(units)
        for kind in there:
            self.killer.at(f"after {kind}")
        return result


class Story(ABC):
    """A job that has to come to its end, whatever happens to the processes that see to it.

    ``boundaries``: for each kind of process that may be killed, where. ``turns``: how many of them
    may be, at least and at most, each kind in its turn. ``expected``: the jobs there have to be in
    the end, (skript, what its calls did). ``ends``: how those of a skript end; the others complete.
    """

    boundaries: ClassVar[dict[str, tuple[str, ...]]]
    turns: ClassVar[tuple[int, int]]
    expected: ClassVar[list[tuple[str, frozenset[str]]]]
    ends: ClassVar[dict[str, str]] = {}

    def __init__(self, folder: Path, broken: str | None) -> None:
        self.file = folder / "jobs.db"
        self.url = f"sqlite:///{self.file}?sync=normal"
        self.ledger = folder / "ledger"
        self.broken = broken
        #: Of the process that this is.
        self.runtime: Runtime

    # --- for each story to say ------------------------------------------------------------------
    @abstractmethod
    def handlers(self, killer: Killer) -> list[Any]:
        """What the worker has."""

    @abstractmethod
    async def submit(self, runtime: Runtime) -> None:
        """Store the job."""

    async def operate(self, runtime: Runtime) -> None:  # noqa: B027 - some need nobody
        """What somebody outside does for it."""

    def wanted(self) -> list[tuple[str, frozenset[str]]]:
        """The jobs there have to be; by default those that are known before."""
        return self.expected

    def now(self) -> int:
        """The store's clock, in the process that asks."""
        return time.time_ns() // 1_000_000

    def told(self) -> list[Told]:
        """What somebody outside was told to be durable."""
        return []

    # --- for all --------------------------------------------------------------------------------
    def note(self, *parts: Any) -> None:
        """A line of the ledger."""
        with self.ledger.open("a") as file:
            file.write(json.dumps(parts) + "\n")

    def lines(self, kind: str) -> list[list[Any]]:
        """The ledger's lines of a kind."""
        with suppress(FileNotFoundError):
            found = [json.loads(line) for line in self.ledger.read_text().splitlines()]
            return [line[1:] for line in found if line[0] == kind]
        return []

    def rows(self) -> list[tuple[str, str, str]]:
        """Id, skript and status of all jobs. By the store's own SQLite: of two in one process one
        would take the other's locks for nobody's, and its log away.
        """
        return self.select("SELECT id, skript, status FROM job")

    def select(self, statement: str) -> list[Any]:
        """What is in the store's file; see ``rows``."""
        connection = apsw.Connection(str(self.file))
        connection.set_busy_timeout(1_000)
        try:
            return list(connection.execute(statement))
        finally:
            connection.close()

    def over(self) -> bool:
        """Whether all has come to its end."""
        rows = self.rows()
        ended = all(status == self.ends.get(name, "Completed") for _, name, status in rows)
        return ended and len(rows) >= len(self.wanted())

    def process(self, kind: str, boundary: str | None = None, number: int = 0) -> int:
        """One process, to its end or to a boundary; its status as ``waitpid`` gives it."""
        pid = os.fork()
        if pid:
            return os.waitpid(pid, 0)[1]
        code = 1
        try:
            signal.alarm(BOUND)
            logging.disable(logging.WARNING)  # what is given up is said again and again
            asyncio.run(self._process(kind, Killer(boundary, number)))
            code = 0
        except BaseException as exc:
            print(f"{type(exc).__name__}: {exc}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)

    async def _process(self, kind: str, killer: Killer) -> None:
        async with self._runtime(killer, [] if kind == "operator" else self.handlers(killer)) as rt:
            self.runtime = rt
            if kind == "submit":
                await self.submit(rt)
            elif kind == "operator":
                await self.operate(rt)
            else:
                await rt.work(until_idle=True)

    def _runtime(self, killer: Killer, handlers: list[Any]) -> Runtime:
        if self.broken == "keys":
            contexts.idempotency_key = lambda *place: os.urandom(8).hex()  # type: ignore[attr-defined]
        recovery.PACE, recovery.LOOK = 0.001, 0.02  # type: ignore[misc]
        snapshots.TAIL, snapshots.TAIL_BYTES = 1, 10**9  # type: ignore[misc]
        store = open_store(self.url, self.now)
        return Runtime(
            store=Watched(store, killer, late=self.broken == "effects"),  # type: ignore[arg-type]
            handlers=handlers,
            discover_handlers=False,
            lease=LEASE,
            env={},
        )

    def finish(self) -> bool:
        """Let everything come to its end; whether it did."""
        for _ in range(16):
            for kind in ("worker", *(kind for kind in self.boundaries if kind != "worker")):
                if self.process(kind):
                    return False
            if self.over():
                return True
        return False

    def judge(self) -> list[Finding]:
        """Everything that is not as it has to be."""
        with suppress(FileNotFoundError):
            return judge(self.url, self.ledger, self.wanted(), self.ends, self.told())
        return [Finding("lost", "no handler was ever called")]

    def began(self, ctx: Any, params: Any) -> int:
        """A handler's call begins; how often it was made, with this time."""
        self.note("began", ctx.idempotency_key, params, ctx.job_id)
        return sum(line[0] == ctx.idempotency_key for line in self.lines("began"))

    def work(self, killer: Killer, refuse: Callable[[str, Any], None] | None = None) -> Any:
        """The handler ``work``, which does what it is told, once; its result differs each time.

        ``refuse``: raises where this call is to fail, given what it is told and its context.
        """

        @handler("work")
        async def work(params: Any, ctx: Any) -> Any:
            what = params["what"]
            killer.at("handler start")
            count = self.began(ctx, params)
            if refuse is not None:
                refuse(what, ctx)
            self.note("done", ctx.idempotency_key, what, ctx.job_id)
            killer.at("handler effect")
            await asyncio.sleep(0)
            killer.at("handler end")
            return f"{what} #{count}"

        return work
