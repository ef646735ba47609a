"""The observed kinds of what runs jobs: the same, and what they do is counted and told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final

from ...kernel import Program
from ...model.batches import weight
from ...model.effects import CallOut, CallsOut
from ...model.events import CallDone, CallsDone, Event, TimerFired
from ...model.machine import FINAL
from ...model.values import Value
from ...stores.base import (
    Committed,
    InboxRow,
    JobRow,
    OnConflict,
    RowChange,
    Store,
    Submitted,
    Unit,
)
from ...stores.leases import Loaded, Owned
from ..drafts import Draft
from ..driver import Driver
from ..effects import Outlet
from ..executors.base import Batch, CallJob, Lane
from ..executors.lanes import Lanes
from ..handlers.pending import PENDING
from ..live import Live
from ..recovery import Recovery
from ..turn import Calls, Turn
from ..watch import GRACES, KINDS
from .meter import Meter
from .probe import Probe, Watching

_KINDS: Final = {**KINDS, CallsDone: "call.done"}


class ObservedStore:
    """A store whose commits are measured. All else is the inner store's own."""

    def __init__(self, inner: Store, meter: Meter) -> None:
        self.inner = inner
        self._seconds = meter.of["runeskript_commit_seconds"]
        self._units = meter.of["runeskript_commit_units"]
        self._failures = meter.of["runeskript_commit_failures_total"]
        self._events = meter.events

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def commit(self, units: Sequence[Unit]) -> list[Committed]:
        """Apply the units; see Store."""
        began = perf_counter()
        try:
            committed = await self.inner.commit(units)
        except BaseException:
            self._failures.inc()
            raise
        self._seconds.observe(perf_counter() - began)
        self._units.observe(len(units))
        self._count(
            unit.events
            for unit, outcome in zip(units, committed, strict=True)
            if outcome.outcome in ("ok", "limited")
        )
        return committed

    async def submit(
        self,
        jobs: Sequence[JobRow],
        on_conflict: OnConflict = "return",
        journals: Mapping[str, Sequence[Event]] | None = None,
        **more: Any,
    ) -> list[Submitted]:
        """Create jobs; the first slices of those that have begun are units, too; see Store."""
        if not journals:
            return await self.inner.submit(jobs, on_conflict, journals, **more)
        began = perf_counter()
        try:
            found = await self.inner.submit(jobs, on_conflict, journals, **more)
        except BaseException:
            self._failures.inc()
            raise
        self._seconds.observe(perf_counter() - began)
        new = [row.id for row, made in zip(jobs, found, strict=False) if made.outcome != "exists"]
        units = [journals[id_] for id_ in new if id_ in journals]
        self._units.observe(len(units))
        self._count(units)
        return found

    def _count(self, journals: Iterable[Sequence[Event]]) -> None:
        counted: dict[str, int] = {}
        for events in journals:
            for event in events:
                kind = kind_of(event)
                counted[kind] = counted.get(kind, 0) + weight(event)
        for kind, number in counted.items():
            self._events[kind].inc(number)


def kind_of(event: Event) -> str:
    """The name that a journaled event, or a batch of them, has for those who watch."""
    if type(event) is TimerFired:
        return GRACES.get(event.m, KINDS[TimerFired])
    return _KINDS[type(event)]


class ObservedDriver(Driver):
    """The driver; ``watching`` is given to it before anything arrives."""

    watching: Watching
    _done_counted = False

    def begin(self, row: JobRow, program: Program, inbox: Collection[InboxRow]) -> Live:
        """Start a job; see Driver."""
        meter = self.watching.meter
        if meter is not None:
            meter.of["runeskript_jobs_begun_total"].inc()
        return super().begin(row, program, inbox)

    @property
    def can_draft(self) -> bool:
        """Whether jobs may begin before they are written: none has a span by then."""
        return self.watching.spans is None

    def take_in(self, draft: Draft, row: JobRow) -> None:
        """A job that has begun is written; see Driver."""
        meter = self.watching.meter
        if meter is not None:
            meter.of["runeskript_jobs_begun_total"].inc()
        super().take_in(draft, row)

    def _enter(self, live: Live) -> None:
        super()._enter(live)
        if self.watching.spans is not None:
            live.narrator = self.watching.spans.job(live)

    def _end(self, live: Live, change: RowChange | None) -> None:
        super()._end(live, change)
        meter, row = self.watching.meter, live.row
        if meter is not None:
            meter.of["runeskript_jobs_ended_total"][row.status].inc()
            seconds = max(row.updated_at - row.created_at, 0) / 1000
            meter.of["runeskript_job_seconds"][row.status].observe(seconds)

    def _release(self, live: Live) -> None:
        if live.ended:
            return
        super()._release(live)
        self.watching.waits.pop(live.id, None)
        if self.watching.spans is not None:
            status = live.row.status
            self.watching.spans.ended(live, status if status in FINAL else "given back")

    def _lose(self, live: Live, outcome: str) -> None:
        if self.watching.meter is not None and not live.ended:
            self.watching.meter.recovery["lost"].inc()
        super()._lose(live, outcome)

    # --- calls ------------------------------------------------------------------------------------
    def done(self, job: CallJob, call: CallOut, result: Value) -> None:
        """A call succeeded; see Host."""
        self._done_counted = True
        meter = self.watching.meter
        if meter is not None and not job.ended:
            meter.calls[call.handler, "done"].inc()
        super().done(job, call, result)

    def member_done(self, job: CallJob, batch: CallsOut, position: int, result: Value) -> None:
        """A call of a batch succeeded; see Host."""
        meter = self.watching.meter
        if meter is not None and not job.ended:
            meter.calls[batch.handler, "done"].inc()
        super().member_done(job, batch, position, result)

    def failed(self, job: CallJob, call: CallOut, error: dict[str, Value]) -> None:
        """An attempt failed, or is pending; see Host."""
        meter = self.watching.meter
        if meter is not None and not job.ended:
            if error["type"] == PENDING:
                meter.calls[call.handler, "pending"].inc()
            else:
                meter.failed(call.handler, str(error["type"]))
        super().failed(job, call, error)

    def lead(self, batch: Batch, call: CallOut, result: Value) -> tuple[CallDone, CallOut] | None:
        """The one call of a batch succeeded; see Turns."""
        self._done_counted = False
        found = super().lead(batch, call, result)
        meter = self.watching.meter
        if not self._done_counted and meter is not None:  # else ``done`` has counted it
            meter.calls[call.handler, "done"].inc()
        return found

    async def _one_more(
        self, job: CallJob, event: Event, call: CallOut, batch: Batch | None = None
    ) -> Batch | None:
        found = await super()._one_more(job, event, call, batch)
        if found is not None and self.watching.meter is not None:
            waits = self.watching.waits.setdefault(job.id, {})
            waits[call.path, call.n] = perf_counter()
        return found


class ObservedLanes(Lanes):
    """The lanes, each with a probe."""

    def __missing__(self, name: str) -> Lane:
        lane = super().__missing__(name)
        host = self._host
        if isinstance(host, ObservedDriver):
            probe = lane.probe = Probe(host.watching, lane)
            if lane.registered.mode != "process":
                lane.function = probe.around(lane.function, lane.is_async)
                lane.parts = (lane.context, lane.prepare, lane.function, lane.is_async)
        return lane


class ObservedOutlet(Outlet):
    """What lets calls out, and says since when they wait."""

    def _let_calls(self, live: Live, rows: Calls) -> None:
        core = self._core
        meter = core.watching.meter if isinstance(core, ObservedDriver) else None
        if meter is not None and isinstance(core, ObservedDriver):
            now, waits = perf_counter(), core.watching.waits.setdefault(live.id, {})
            for lane, calls in rows:
                if isinstance(calls, CallsOut):
                    waits[calls.path, calls.n] = now
                elif lane.registered.mode == "process":
                    pass
                else:
                    waits.update({(call.path, call.n): now for call in calls})
                if not isinstance(calls, CallsOut):
                    again = sum(call.attempt > 1 for call in calls)
                    if again:
                        meter.retries[lane.name].inc(again)
        super()._let_calls(live, rows)


class TracedOutlet(ObservedOutlet):
    """The same where there are spans, of which children are told."""

    async def prepare(self, turn: Turn) -> None:
        """Sort the effects and make the turn's units; see Outlet."""
        await super().prepare(turn)
        core = self._core
        if isinstance(core, ObservedDriver) and core.watching.spans is not None:
            core.watching.spans.hand_down(turn)


class ObservedRecovery(Recovery):
    """Who goes on with what others began, counted."""

    def _count(self, what: str, number: int = 1) -> None:
        driver = self._driver
        if isinstance(driver, ObservedDriver) and driver.watching.meter is not None and number:
            driver.watching.meter.recovery[what].inc(number)

    async def _take(self, jobs: Sequence[str]) -> tuple[int, int | None]:
        taken = await super()._take(jobs)
        self._count("claimed", taken[0])
        return taken

    async def _park(self, owned: Owned, exc: Exception) -> None:
        await super()._park(owned, exc)
        self._count("parked")

    async def _resume(self, loaded: Loaded, program: Program, retried: Any = None) -> None:
        await super()._resume(loaded, program, retried)
        if loaded.row.id in self._driver.lives:
            self._count("resumed")
