"""The driver: all that has arrived -> advance every run concerned -> one commit -> effects out.

The rule that is never broken: an effect leaves the process only after the event that caused it is
durable. ``tick`` does one turn; the workers of the task pool (``executors/tasks.py``) call it in
turns with the handlers it lets out, so a handler's completion opens the next tick. Under load ticks
take many events and grow; idle, a tick is one event. A run gets a slice, then the next run.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from ..errors import RuneskriptError, StoreError
from ..kernel import Program, Ready, advance, new_run
from ..model.batches import unfold_effects, weight
from ..model.events import (
    Effect,
    Event,
    Finished,
    Started,
)
from ..model.values import Value
from ..stores.base import (
    InboxRow,
    JobRow,
    RowChange,
    Store,
    Timer,
    Unit,
)
from .clock import Clock
from .effects import Outlet
from .endings import Endings
from .executors.base import Batch, Lane
from .groups import hold, may_go_ahead, turn_of
from .ids import Ids
from .lease import Lease
from .live import Live, one_more, quiet, waits, wanted
from .reports import internal
from .secrets import Vault
from .turn import Turn

#: Seconds after which a tick takes no further run, and what one slice of a run should take.
TICK: Final = 0.005
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


class Driver(Endings):
    """Runs live jobs on one event loop. Used by ``Runtime``, from the loop's thread."""

    def __init__(
        self,
        store: Store,
        lease: Lease,
        clock: Clock,
        ids: Ids,
        vault: Vault,
        env: Callable[[Sequence[str]], dict[str, Value]],
        resources: dict[str, Any],
    ) -> None:
        super().__init__(store, lease, clock, vault, resources)
        self.ids = ids
        self.env = env
        self.ticking = False
        self.lanes: Mapping[str, Lane] = {}
        self.outlet: Outlet
        self._holding: list[Live] = []
        #: Whether the runs of jobs are written down now and then.
        self.snapshots = False

    # --- jobs -----------------------------------------------------------------------------------
    def adopt(self, row: JobRow, program: Program) -> Live:
        """Take a job that was just created into memory and start it."""
        return self.begin(row, program, ())

    def begin(self, row: JobRow, program: Program, inbox: Iterable[InboxRow]) -> Live:
        """Start a job that is this worker's."""
        live = Live(row, program, new_run(program))
        live.turns = TURNS_START
        self._enter(live)
        job: dict[str, Value] = {
            "id": row.id,
            "key": row.key,
            "created_at": row.created_at,
            "labels": dict(row.labels),
        }
        env = self.env(program.blueprint.env)
        start = Started(self.at(), row.blueprint, job, row.input, env, self.ids.seed())
        self.arrive(live, start)
        self.deliver_early(live, inbox)
        return live

    def _enter(self, live: Live) -> None:
        """A job becomes live. It may have been suspended and claimed anew while we still waited for
        the reply that it is: what was in memory of it then makes way.
        """
        before = self.lives.get(live.id)
        if before is not None:
            self.let_go(before)
        self.lives[live.id] = live

    def go_on(
        self,
        live: Live,
        inbox: Iterable[InboxRow],
        timers: Iterable[Timer],
        effects: list[Effect],
        lost: Iterable[Event],
        *,
        stood: bool,
        used: Collection[int] = (),
    ) -> None:
        """Go on with a job that was rebuilt: what caused ``effects`` is durable already.

        ``stood``: it was paused, so none of its calls can have begun. ``used``: numbers of inbox
        rows that are used up already.
        """
        live.turns = TURNS_START
        self._enter(live)
        live.busy = bool(live.run.ready)
        for timer in timers:
            self.outlet.set_timer(live, timer.path, timer.m, timer.due)
        for event in lost:
            self.arrive(live, event)
        self.deliver_early(live, inbox, used)
        if live.inbox and stood:
            live.later = effects  # a cancel may have made them needless
        else:
            self.outlet.again(live, effects)
        if live.busy:
            self.schedule(live)

    def idle(self) -> bool:
        """Whether all live jobs wait, and for nothing that comes by itself.

        In the middle of a tick that cannot be said: what was advanced may not be durable yet.
        """
        if self.ticking:
            return False
        return all(waits(live) and not live.timers for live in self.lives.values())

    # --- the tick -------------------------------------------------------------------------------
    async def tick(self) -> None:
        """One turn; see the module's text. A failing store ends all live jobs' waiting."""
        self.ticking = True
        try:
            await self._tick()
        except Exception as exc:
            self.crash(exc)
        finally:
            self.ticking = False
        if self.lease.owing:
            with suppress(StoreError):  # then it is tried again with the next heartbeat
                await self.lease.give_back()

    async def _tick(self) -> None:
        until = monotonic() + TICK
        turns: list[Turn] = []
        units: list[Unit] = []
        pending = self.pending
        ahead: list[Live] = []
        later: list[Live] = []
        while pending:
            live = pending.popleft()
            if units and live.busy:
                later.append(live)  # a long computation: no effect is to wait for its slice
                continue
            live.scheduled = False
            if live.ended:
                continue
            ready = self._advance(live)
            if (
                ready.ahead
                and not self.outlet.lines.limited(ready.effects)
                and may_go_ahead(live, ready)
            ):
                hold(live, ready)
                self.outlet.let_ahead(live, ready)
                ahead.append(live)
            elif not (pending or turns or self.outlet.due(live)) and one_more(
                live, ready, self.lanes
            ):
                await self._one_more(live, ready)
                break
            else:
                turn = await self._turn(live, ready)
                if turn is not None:
                    units.extend(turn.units)
                    turns.append(turn)
            if monotonic() >= until:
                break
        pending.extendleft(reversed(later))
        for live in ahead:
            self.schedule(live)  # the next tick takes what they came to, and commits all of it
        if not turns:
            return
        try:
            outcomes = iter(await self.store.commit(units))
        except StoreError:
            for unit in units:  # perhaps they were created, and nobody here knows them
                for child in unit.children:
                    self.lease.drop(child.id, child.epoch)
            raise
        mail = False
        for turn in turns:
            results = [next(outcomes) for _ in turn.units]
            if any(one.outcome not in ("ok", "already", "limited") for one in results):
                told = ", ".join(one.outcome for one in results)
                self._lose(turn.live, f"the store refused a commit: {told}")
                continue
            queued = [call for one in results for call in one.queued]
            if queued:
                self.outlet.lines.stand(turn, queued)
            if turn.units:
                turn.live.part = turn.units[-1].part
            mail = mail or turn.mail
            self._carry_out(turn)
        if self._holding:
            await self._hold()
        if mail:
            await self.collect()

    async def _one_more(self, live: Live, ready: Ready) -> None:
        """Commit one event of one run and make the call it leads to.

        The same as ``_turn``, the commit and ``_let_out`` do, in a third of the time: a job that
        goes step by step is little else.
        """
        call: Any = ready.effects[0]
        lane = self.lanes[call.handler]
        unit = _new(Unit, (live.id, live.row.epoch, live.seq, ready.events, *PLAIN))
        ((outcome, _),) = await self.store.commit((unit,))
        if outcome not in ("ok", "already"):
            self._lose(live, f"the store refused a commit: {outcome}")
            return
        live.part = 0
        live.tail += 1
        if lane.direct is None or not quiet(live) or live.inbox or live.gathered is not None:
            turn = Turn(live, ready)  # something came while the store wrote
            turn.calls.append((lane, [call]))
            self._carry_out(turn)
            if self._holding:
                await self._hold()
            return
        live.seq += 1
        live.queued += 1
        lane.direct.append(Batch(live, lane, [call]))

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

    async def _turn(self, live: Live, ready: Ready) -> Turn | None:
        """One slice of a run and its units. A defect met on the way fails this job only; where the
        store fails, the run is dropped (None).
        """
        turn = turn_of(live, ready)
        try:
            await self.outlet.prepare(turn)
        except StoreError as exc:
            self._lose(live, f"the store failed: {exc}")
            return None
        except Exception as exc:
            _log.exception("job %s: its turn could not be prepared", live.id)
            turn = Turn(live, self._broken(live, exc))
            await self.outlet.prepare(turn)
        return turn

    def _advance(self, live: Live) -> Ready:
        """One slice of a run."""
        began = monotonic()
        # A slice makes up to thousands of objects that all live on: the collector would walk them
        # a dozen times and free none (a fifth of a fan-out's time, measured).
        pause = gc.isenabled()
        if pause:
            gc.disable()
        try:
            ready = advance(live.program, live.run, live.batch(self.at()), live.turns)
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
        """A defect of ours: the job fails, the others go on."""
        self._cancel_children(live)
        ready = Ready()
        ready.finished = Finished(self.at(), "Failed", None, internal(exc))
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

    async def close(self, exc: RuneskriptError) -> None:
        """Stop: cancel handlers, forget timers, tell whoever waits."""
        self.timers.close()
        self.pending.clear()
        lives = list(self.lives.values())
        for live in lives:
            self._release(live)
            live.fail(exc)
        await self.outlet.lines.close()
        await self.tasks.close()
