"""A job in memory: its run, what arrived for it, and what it has outside the kernel."""

from __future__ import annotations

import asyncio
from typing import Any

from ..kernel import Program
from ..model.events import Event, Path
from ..model.run import Run
from ..stores.base import JobRow, ParentRef
from .executors.base import Call
from .narrate import Narrator
from .timers import Timer
from .watch import Watch


class Live:
    """One live job. The driver alone changes it."""

    __slots__ = (
        "busy",
        "calls",
        "consumed",
        "dropped",
        "ended",
        "id",
        "inbox",
        "narrator",
        "place",
        "program",
        "queued",
        "row",
        "run",
        "scheduled",
        "seq",
        "started",
        "timers",
        "turns",
        "urgent",
        "waiters",
        "watches",
    )

    def __init__(self, row: JobRow, program: Program, run: Run) -> None:
        self.id = row.id
        self.row = row
        self.program = program
        self.run = run
        #: Events that wait for the next tick, and the store's inbox rows they came from.
        self.inbox: list[Event] = []
        self.consumed: list[int] = []
        #: Whether the last slice was used up before the run rested, and what may interrupt it now.
        self.busy = False
        self.urgent: list[Event] = []
        #: Whether it stands in the driver's list of runs to advance.
        self.scheduled = False
        self.started = False
        self.ended = False
        #: Length of the journal.
        self.seq = 0
        #: Loop turns of the next slice; adapts to what this run costs.
        self.turns = 0
        self.queued = 0
        self.dropped: set[tuple[Path, int]] = set()
        self.calls: dict[tuple[Path, int], Call] = {}
        self.timers: dict[tuple[Path, int], Timer] = {}
        #: Who awaits the end, and who watches the events.
        self.waiters: list[asyncio.Future[JobRow]] = []
        self.watches: list[Watch] = []
        self.narrator: Narrator | None = None
        #: Whether it holds a place among the ``max_jobs`` (children do not).
        self.place = False

    @property
    def parent(self) -> ParentRef | None:
        """The step that waits for this job, if one does."""
        return self.row.parent

    def tell(
        self,
        kind: str,
        at: int,
        step: str | None,
        path: Path,
        data: dict[str, Any],
        after: int | None = None,
    ) -> None:
        """Tell the watchers something that is not journaled.

        It stands before journal position ``after`` (None: behind all there is).
        """
        position = self.seq if after is None else after
        for watch in self.watches:
            watch.tell(position, kind, at, step, path, data)

    def tell_end(self) -> None:
        """Give the row, which is final now, to whoever awaits it."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(self.row)

    def fail(self, exc: Exception) -> None:
        """Give whoever awaits the end the reason why there will be none."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(exc)
                waiter.exception()  # whoever still awaits it gets it; nobody has to
