"""What becomes of live jobs that end, are given back, or are lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..errors import StoreError
from ..kernel.machine import data_of
from ..model.events import ChildDone, Status
from ..model.values import Value
from ..stores.base import RowChange, Store
from .cancelling import Asked
from .clock import Clock
from .inboxes import Inboxes
from .lease import Lease
from .live import GivenBackError, Live
from .queued import lost_end
from .reports import internal
from .secrets import Vault

_log = logging.getLogger("runeskript.engine")


class Endings(Inboxes):
    """Live jobs and their ends."""

    def __init__(
        self, store: Store, lease: Lease, clock: Clock, vault: Vault, resources: dict[str, Any]
    ) -> None:
        super().__init__(store, lease, clock, vault, resources)
        self.on_end: Callable[[Live], None] = lambda live: None
        #: Whether jobs that were dropped are claimed again, here or elsewhere.
        self.claims = False
        #: How many jobs may be alive here before others are left to whoever has room.
        self.places = 1
        #: How many jobs have ended here, by status.
        self.ended: dict[Status, int] = {"Completed": 0, "Failed": 0, "Cancelled": 0}
        #: Why all live jobs were last dropped, for whoever claims jobs; or None.
        self.failure: Exception | None = None

    def full(self, more: int) -> bool:
        """Whether a child is to be left in the store, for whoever claims it: all places are taken,
        ``more`` by children of the same turn. Jobs that wait for such children make room for them
        where jobs are claimed (``Recovery``); where none are, nobody would ever take them.
        """
        return self.claims and len(self.lives) + more >= self.places

    def _end(self, live: Live, change: RowChange | None) -> None:
        if change is not None:
            table = live.program.blueprint.machine
            live.row = live.row._replace(
                data=live.row.data if table is None else data_of(table, live.run),
                status=change.status,
                state=change.state or change.status,
                output=change.output,
                error=change.error,
                updated_at=change.at,
                seq=live.seq,
            )
        self._release(live)
        self.ended[live.row.status] += 1
        live.tell_end()

    def _tell_parent(self, live: Live, error: dict[str, Value]) -> None:
        """A child job cannot go on here: its parent does not wait for it."""
        parent = live.row.parent
        above = None if parent is None else self.lives.get(parent.job)
        if above is not None and parent is not None:
            if live.called is not None:
                self.arrive(above, lost_end(self.at(), parent, live.row, error))
                return
            event = ChildDone(self.at(), parent.path, parent.n, parent.step, "Failed", None, error)
            self.arrive(above, event)

    def _cancel_children(self, live: Live) -> None:
        """A job is gone that still had children: nobody waits for them any more."""
        for child in list(self.lives.values()):
            if child.row.parent is not None and child.row.parent.job == live.id:
                self.cancel(child, Asked("the parent job is gone"))

    def _release(self, live: Live) -> None:
        """Let go of everything a job has outside the kernel."""
        if live.ended:
            return
        live.ended = True
        del self.lives[live.id]
        for call in list(live.calls.values()):
            call.settle()
            call.lane.pool.cancel(call)
        for timer in live.timers.values():
            timer.cancel()
        live.timers.clear()
        for watch in live.watches:
            watch.end()
        self.on_end(live)

    def let_go(self, live: Live) -> None:
        """Forget a job that waits, or stands still, in the store."""
        self._release(live)
        live.fail(GivenBackError(f"job {live.id} was given back: it waits"))

    def _lose(self, live: Live, outcome: str) -> None:
        """The store refused the unit, or it could not be carried out: the run is dropped."""
        if live.ended:
            return
        self._release(live)
        self.lease.drop(live.id, live.row.epoch)
        error = StoreError(f"job {live.id} was dropped: {outcome}")
        live.fail(error)
        if not self.claims:
            self._tell_parent(live, internal(error))
            self._cancel_children(live)

    def crash(self, exc: Exception) -> None:
        """The store or the driver itself failed: end all live jobs' waiting."""
        if isinstance(exc, StoreError):
            _log.error("no commit is possible, all jobs are let go: %s: %s", exc.code, exc)
        else:
            _log.error("the driver failed", exc_info=exc)
        self.failure = exc
        self.pending.clear()
        for live in list(self.lives.values()):
            self._release(live)
            self.lease.drop(live.id, live.row.epoch)
            live.fail(exc)
