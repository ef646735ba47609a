"""One turn of one run: a slice of it, and what it lets out once that is durable.

``follow`` is the short way of a job that goes step by step: from the result of one call to the next
call, without a tick.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, Final, cast

from ..errors import StoreError, StoreTooLargeError
from ..kernel import Ready, advance
from ..model.batches import unfold_effects, weight
from ..model.events import CallDone, CallOut, Event, Finished
from ..model.values import Value
from ..stores.base import Committed, RowChange, Store, Unit
from .clock import Clock
from .effects import Outlet
from .endings import Endings
from .executors.base import Batch, Lane
from .lease import Lease
from .live import Live, one_more, quiet, wanted
from .reports import internal
from .secrets import Vault
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


class Turns(Endings):
    """Live jobs and their turns, but for what decides whose turn it is."""

    def __init__(
        self, store: Store, lease: Lease, clock: Clock, vault: Vault, resources: dict[str, Any]
    ) -> None:
        super().__init__(store, lease, clock, vault, resources)
        #: Whether a commit is under way, or what leads to one.
        self.ticking = False
        self.lanes: Mapping[str, Lane] = {}
        self.outlet: Outlet
        self._holding: list[Live] = []

    async def follow(self, batch: Batch, call: CallOut, result: Value) -> Batch | None:
        """The one call of a batch succeeded: the call it leads to, to be made at once, if there is
        nothing else to it; what it came to is durable then. Else the next tick sees to it.

        The same as ``done`` and that tick, in half the time. The caller has just read the clock,
        no tick is under way, and no other run waits for one.
        """
        live: Any = batch.job
        more = live.scheduled or live.inbox or live.busy or self.vault.used
        if more or type(call) is not CallOut or not quiet(live):
            self.done(live, call, result)
            return None
        path, n, step, _, _, attempt, _, _ = call
        event = _new(CallDone, (self._at, path, n, step, attempt, result))
        self.ticking = True
        try:
            ready = self._slice(live, [event])
            if not ready.ahead and one_more(live, ready, self.lanes):
                after = await self._one_more(live, ready)
                if after is not None:
                    return self._batch(live, after, batch)
                await self._give_back()
            else:
                live.ready = ready
                self.schedule(live)
        except Exception as exc:
            self.crash(exc)
        finally:
            self.ticking = False
        return None

    def _batch(self, live: Live, call: CallOut, batch: Batch | None = None) -> Batch:
        """A call on its way; most often one of the same handler, so that the batch serves again."""
        live.queued += 1
        if batch is not None and batch.lane.name == call.handler:
            batch.effects[0], batch.next = call, 0
            return batch
        return Batch(live, self.lanes[call.handler], [call])

    async def _one_more(self, live: Live, ready: Ready) -> CallOut | None:
        """Commit one event of one run; the call it leads to, if it may be made at once.

        The same as ``_turn``, the commit and ``_let_out`` do, in a third of the time: a job that
        goes step by step is little else.
        """
        call: Any = ready.effects[0]
        lane = self.lanes[call.handler]
        if self.outlet.due(live):
            unit = Unit(live.id, live.row.epoch, live.seq, ready.events)
            unit = self.outlet.keep(live, ready, unit)
        else:
            live.tail += 1
            unit = _new(Unit, (live.id, live.row.epoch, live.seq, ready.events, *PLAIN))
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
        if lane.direct is None or not quiet(live) or live.inbox or live.gathered is not None:
            turn = Turn(live, ready)  # something came while the store wrote
            turn.calls.append((lane, [call]))
            self._carry_out(turn)
            if self._holding:
                await self._hold()
            return None
        live.seq += 1
        return cast(CallOut, call)

    async def _fail(self, live: Live, exc: Exception) -> tuple[Turn, list[Committed]]:
        """Commit the end of a job whose turn cannot be committed."""
        turn = Turn(live, self._broken(live, exc))
        await self.outlet.prepare(turn)
        return turn, await self.store.commit(turn.units)

    async def _hold(self) -> None:
        """Suspend the jobs that were to be paused and have come to a boundary: none of their
        handlers runs, and what they ended with is durable.
        """
        held, self._holding = self._holding, []
        change = RowChange("Suspended", self.at(), reason=PAUSED, rest=True)
        units = []
        for live in held:
            unit = Unit(live.id, live.row.epoch, live.seq, [], change, inbox=(live.pausing,))
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

    def _slice(self, live: Live, events: list[Event]) -> Ready:
        began = monotonic()
        # A slice makes up to thousands of objects that all live on: the collector would walk them
        # a dozen times and free none (a fifth of a fan-out's time, measured).
        pause = gc.isenabled()
        if pause:
            gc.disable()
        try:
            ready = advance(live.program, live.run, events, live.turns)
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
        live.seq += sum(map(weight, ready.events))
        live.started = True
        for watch in live.watches:
            watch.wake()
        if live.pausing:
            turn.calls.clear()  # whoever goes on makes them
        if turn.calls or turn.others or turn.children or live.narrator is not None:
            self.outlet.let_out(turn, first)
        if ready.finished is not None:
            self._end(live, turn.change)
            return
        if live.later:
            effects, live.later = live.later, []
            calls = [one for one in unfold_effects(effects) if wanted(one, live.run)]
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
