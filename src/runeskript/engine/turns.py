"""One turn of one run: a slice of it, and what it lets out once that is durable.

``lead`` and ``follow`` are the short way of a job that goes step by step: from the result of one
call to the next call, without a tick.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from ..errors import StoreError, StoreTooLargeError
from ..kernel import Halt, Ready, advance, next_call
from ..model.batches import unfold_effects, weights
from ..model.effects import CallOut
from ..model.events import CallDone, Event, Finished
from ..model.values import Value
from ..stores.base import Committed, RowChange, Store, Unit
from . import snapshots
from .clock import Clock
from .effects import Outlet
from .endings import Endings
from .executors.base import Batch, CallJob, Lane
from .lease import Lease
from .live import Live, force_is_due, one_more, quiet, wanted
from .reports import internal
from .secrets import Vault
from .sending import Answers, with_state
from .turn import Turn

#: Seconds that one slice of a run should take.
SLICE: Final = 0.002
#: Bounds and start of a slice in loop turns; it adapts to what the turns of a run cost.
TURNS_MIN: Final = 500
TURNS_MAX: Final = 1_000_000
TURNS_START: Final = 1_000

#: Why a paused job is Suspended.
PAUSED: Final = "paused"

#: What a unit carries besides its guard and its events, where that is nothing.
PLAIN: Final = Unit("", 0, 0, ())[4:]
_new: Any = tuple.__new__  # skips the NamedTuple's own constructor

_log = logging.getLogger("runeskript.engine")


def weight_of(priority: int) -> float:
    """How much longer a slice of a run is than that of one with priority 0.

    Bounded above by what a tick may take, below so that every run gets on.
    """
    return float(2.0 ** min(max(priority, -3), 1))


def _ready(event: Event, call: CallOut) -> Ready:
    """A turn that took one event and leads to one call."""
    ready = Ready()
    ready.events.append(event)
    ready.effects.append(call)
    return ready


class Turns(Endings):
    """Live jobs and their turns, but for what decides whose turn it is."""

    def __init__(
        self, store: Store, lease: Lease, clock: Clock, vault: Vault, resources: dict[str, Any]
    ) -> None:
        super().__init__(store, lease, clock, vault, resources)
        #: Whether a commit is under way, or what leads to one.
        self.ticking = False
        self.lanes: Mapping[str, Lane] = {}
        self.answers = Answers()
        self.outlet: Outlet
        self._holding: list[Live] = []

    def lead(self, batch: Batch, call: CallOut, result: Value) -> tuple[CallDone, CallOut] | None:
        """The one call of a batch succeeded: that event and the call it leads to, for ``follow``,
        if there is nothing else to it. Else the next tick sees to it.

        With ``follow`` the same as ``done`` and that tick, in a third of the time: a job that goes
        step by step is little else. The caller has just read the clock, no tick is under way, and
        no other run waits for one.
        """
        live: Any = batch.job
        if (
            live.scheduled
            or live.inbox
            or live.busy
            or live.held is not None
            or self.vault.used
            or not quiet(live)
            or type(call) is not CallOut
        ):
            self.done(live, call, result)
            return None
        path, n, step, _, _, attempt, _, _ = call
        event = _new(CallDone, (self._at, path, n, step, attempt, result))
        found: Any = next_call(live.program, live.run, event, live.turns)
        if type(found) is CallOut:
            lane = batch.lane
            if found[3] == lane.name and found[7] is None and not lane.limits:
                return event, found
            ready = _ready(event, found)
        elif found is None:
            ready = self._slice(live, [event])
        else:
            ready = self._slice(live, [], found)
        if ready.ahead or not one_more(live, ready, self.lanes):
            live.ready = ready
            self.schedule(live)
            return None
        after: Any = ready.effects[0]
        return event, after

    async def follow(self, batch: Batch, event: CallDone, call: CallOut) -> Batch | None:
        """Commit what ``lead`` found; the call on its way, if it may be made at once."""
        self.ticking = True
        try:
            after = await self._one_more(batch.job, event, call, batch)
            if after is None:
                await self._give_back()
            return after
        except Exception as exc:
            self.crash(exc)
        finally:
            self.ticking = False
        return None

    async def _one_more(
        self, job: CallJob, event: Event, call: CallOut, batch: Batch | None = None
    ) -> Batch | None:
        """Commit one event of one run; the call it leads to, if it may be made at once. Most often
        it is one of the same handler, so that the ``batch`` serves again.

        The same as ``_turn``, the commit and ``_let_out`` do.
        """
        live: Any = job
        if live.tail >= snapshots.TAIL and self.outlet.due(live):
            unit = Unit(live.id, live.row.epoch, live.seq, [event])
            unit = self.outlet.keep(live, _ready(event, call), unit)
        else:
            live.tail += 1
            parts = (live.id, live.row.epoch, live.seq, [event])
            unit = _new(Unit, parts + PLAIN)
        try:
            ((outcome, _),) = await self.store.commit((unit,))
        except StoreTooLargeError as exc:
            turn, ((outcome, _),) = await self._fail(live, exc)
            if outcome in ("ok", "already"):
                self._carry_out(turn)
                return None
        if outcome not in ("ok", "already"):
            self._lose(live, f"the store refused a commit: {outcome}")
            return None
        live.part = 0
        if batch is None or batch.lane.name != call.handler:
            batch = Batch(live, self.lanes[call.handler], [call])
        if batch.lane.direct is None or not quiet(live) or live.inbox or live.gathered is not None:
            turn = Turn(live, _ready(event, call))  # something came while the store wrote
            turn.calls.append((batch.lane, [call]))
            self._carry_out(turn)
            if self._holding:
                await self._hold()
            return None
        live.seq += 1
        live.queued += 1
        batch.effects[0], batch.next = call, 0
        return batch

    async def _fail(self, live: Live, exc: Exception) -> tuple[Turn, list[Committed]]:
        """Commit the end of a job whose turn cannot be committed."""
        turn = Turn(live, self._broken(live, exc))
        await self.outlet.prepare(turn)
        try:
            return turn, await self.store.commit(turn.units)
        except StoreError:
            self.lease.drop_children(turn.units)
            raise

    async def _hold(self) -> None:
        """Suspend the jobs that were to be paused and have come to a boundary: none of their
        handlers runs, and what they ended with is durable.
        """
        held, self._holding = self._holding, []
        change = RowChange("Suspended", self.at(), reason=PAUSED, rest=True)
        units = []
        for live in held:
            stood = with_state(live, change, moved=False)
            unit = Unit(live.id, live.row.epoch, live.seq, [], stood, inbox=(live.pausing,))
            unit = unit._replace(frees=sorted(live.slots))
            units.append(unit._replace(part=live.part + 1, snapshot=self.outlet.snapshot(live, 0)))
        freed = any(live.slots for live in held)
        for live, committed in zip(held, await self.store.commit(units), strict=True):
            if committed.outcome in ("ok", "already"):
                self.let_go(live)
            else:
                self._lose(live, f"the store refused to suspend it: {committed.outcome}")
        if freed:
            await self.collect()

    def _slice(self, live: Live, events: list[Event], halt: Halt | None = None) -> Ready:
        began = monotonic()
        live.run.length = live.seq
        if live.held is not None:
            live.run.length += weights(live.held.events)
        # A slice makes up to thousands of objects that all live on: the collector would walk them
        # a dozen times and free none (a fifth of a fan-out's time, measured). Written out, since
        # most slices are so short that ``paused_collector`` would be a part of what they take.
        pause = gc.isenabled()
        if pause:
            gc.disable()
        try:
            ready = advance(live.program, live.run, events, live.turns, halt)
        except Exception as exc:
            _log.exception("job %s: the kernel failed", live.id)
            return self._broken(live, exc)
        finally:
            if pause:
                gc.enable()
        live.busy = ready.more
        if ready.more:
            took = max(monotonic() - began, 1e-6)
            wanted = SLICE * weight_of(live.row.priority)
            live.turns = int(min(max(live.turns * wanted / took, TURNS_MIN), TURNS_MAX))
        return ready

    def _broken(self, live: Live, exc: Exception) -> Ready:
        """A defect of ours, or too much for the store: the job fails, the others go on."""
        self._cancel_children(live)
        ready = Ready()
        error = internal(exc)
        if isinstance(exc, StoreTooLargeError):
            error["type"] = "limit.size"
        ready.finished = Finished(self.at(), "Failed", None, error)
        ready.events.append(ready.finished)
        return ready

    def _carry_out(self, turn: Turn) -> None:
        """The turn is durable. A defect met on the way drops this job only."""
        try:
            self._let_out(turn)
        except Exception as exc:
            _log.exception("job %s: its effects could not be let out", turn.live.id)
            self._lose(turn.live, f"{type(exc).__name__}: {exc}")

    def _let_out(self, turn: Turn) -> None:
        """The turn is durable: carry out what it asks for."""
        live, ready = turn.live, turn.ready
        first = live.seq
        live.seq += weights(ready.events)
        live.started = True
        for watch in live.watches:
            watch.wake()
        if self.answers:
            self.answers.tell(live.id, ready.events)
        if live.pausing:
            turn.calls.clear()  # whoever goes on makes them
            live.later.clear()
        if turn.calls or turn.others or turn.children or live.narrator is not None:
            self.outlet.let_out(turn, first)
        if ready.finished is not None:
            self._end(live, turn.change)
            return
        if live.later and not force_is_due(live, self.at()):
            effects, live.later = live.later, []
            calls = [one for one in unfold_effects(effects) if wanted(one, live)]
            self.outlet.again(live, calls)
        waiting = bool(live.inbox) or live.gathered is not None
        if live.pausing and not live.calls and (live.busy or not waiting):
            self._holding.append(live)
        elif ready.more or waiting:
            self.schedule(live)

    async def _give_back(self) -> None:
        """Give back the jobs that were dropped on the way."""
        if self.lease.owing:
            with suppress(StoreError):  # then it is tried again with the next heartbeat
                await self.lease.give_back()
