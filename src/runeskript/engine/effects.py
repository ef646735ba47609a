"""Effects: what a turn of a run puts into its commit, and what it lets out afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from ..kernel import Program, Ready
from ..model.batches import unfold_effects, unfold_events
from ..model.effects import (
    CallDrop,
    CallOut,
    CallsDrop,
    CallsOut,
    ChildOut,
    Effect,
    LogOut,
    TimerDrop,
    TimerSet,
)
from ..model.events import CallDone, CallFailed, ChildDone, Event, Path, TimerFired
from ..model.machine import FINAL
from ..stores.base import JobRow, RowChange, Store, Unit
from .children import Children, Decision, end_of
from .executors.base import Batch, Member, members
from .executors.lanes import Lanes
from .furnishing import furnish
from .handlers.failures import failure
from .lines import Lines
from .live import Live, force_is_due, own_calls
from .placing import Placing, ended
from .reports import locate
from .sending import with_state
from .snapshots import Snapshots
from .stopping import Stopping
from .timers import Timers
from .turn import Calls, Turn

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_jobs_log: Final = logging.getLogger("runeskript.job")


class Core(Protocol):
    """The driver, as the outlet sees it."""

    lives: dict[str, Live]
    timers: Timers
    store: Store
    snapshots: bool
    grace: int

    def at(self) -> int: ...  # noqa: D102 - see Driver
    def arrive(self, live: Live, event: Event) -> None: ...  # noqa: D102
    def adopt(self, row: JobRow, program: Program) -> Live: ...  # noqa: D102
    async def collect(self) -> None: ...  # noqa: D102
    def poke(self) -> None: ...  # noqa: D102


class Outlet(Snapshots):
    """Turns effects into units before the commit, and carries them out after it."""

    def __init__(self, core: Core, lanes: Lanes, children: Children, placing: Placing) -> None:
        super().__init__(core)
        self._core = core
        self._lanes = lanes
        self._children = children
        self.placing = placing
        self.lines = Lines(core, lanes)
        self.stopping = Stopping(core)
        #: Bound once for all timers.
        self._fire = self._timer_fired
        self._carry: dict[type[Any], Callable[[Turn, Any], None]] = {
            CallDrop: self._drop_call,
            CallsDrop: self._drop_calls,
            TimerSet: self._set_timer,
            TimerDrop: self._drop_timer,
            LogOut: self._log,
        }

    # --- before the commit ----------------------------------------------------------------------
    async def prepare(self, turn: Turn) -> None:
        """Sort the effects and make the turn's units."""
        live, ready = turn.live, turn.ready
        others = turn.others
        left = ready.effects[turn.sent :] if turn.sent else ready.effects
        left = own_calls(live, left)
        self._sort(left, turn.calls, others)
        if ready.finished is not None:
            end = ready.finished
            error = None if end.error is None else locate(live.program.blueprint, end.error)
            begins = not live.started
            turn.change = RowChange(end.status, end.at, end.output, error, begins=begins)
        elif not live.started and ready.events:
            turn.change = RowChange("Running", ready.events[0].at)
        if live.run.machine is not None and (ready.moved or turn.change is not None):
            change = turn.change or RowChange("Running", ready.events[-1].at)
            turn.change = with_state(live, change, moved=ready.moved)
        events = ready.events
        if live.placed:
            ended(live, events)
        part = 0 if events else live.part + 1
        unit = Unit(live.id, live.row.epoch, live.seq, events, turn.change, part=part)
        if others or live.arrivals or (live.fired and events):
            unit = await self.placing.furnish(turn, await furnish(turn, unit, self._children))
        if live.slots or any(lane.limits for lane, _ in turn.calls):
            unit = self.lines.furnish(turn, unit, left)
        if turn.change is not None and turn.change.status == "Failed":
            unit = await self._notify(turn, turn.change, unit)
        if ready.finished is None:
            unit = self.keep(live, ready, unit)
        elif live.row.parent is not None and turn.change is not None:
            told = end_of(live.row, turn.change, ready.events)
            if told is not None:
                unit = unit._replace(messages=(*unit.messages, told))
                turn.mail = True
        if events or turn.change is not None or unit.furnished:
            turn.units.append(unit)

    async def _notify(self, turn: Turn, change: RowChange, unit: Unit) -> Unit:
        """The unit that ends a failed job, with the job that does what its skript says to that."""
        if turn.live.program.blueprint.on_failure is None:
            return unit
        told = await self._children.notify(turn.live, turn.ready, change)
        if told is None or told[1].row is None:
            return unit
        turn.children.append(told)
        return unit._replace(children=(*unit.children, told[1].row))

    def _sort(self, effects: Sequence[Effect], calls: Calls, others: list[Effect]) -> None:
        """Calls, and what is none."""
        lanes = self._lanes
        handler = ""
        row: list[CallOut] = []
        for effect in effects:
            if (type(effect) is CallOut or type(effect) is Member) and effect[7] is None:
                # Neighbours to one handler go on their way together.
                if effect[3] != handler:
                    handler, row = effect[3], []
                    calls.append((lanes[handler], row))
                row.append(effect)
            elif type(effect) is CallsOut and effect.queue is None:
                calls.append((lanes[effect.handler], effect))
                handler = ""
            else:
                others.append(effect)

    def let_ahead(self, live: Live, ready: Ready) -> None:
        """Let calls out whose cause is not durable yet; the kernel says that they may."""
        calls: Calls = []
        self._sort(ready.effects, calls, [])
        self._let_calls(live, calls)

    def again(self, live: Live, effects: list[Effect]) -> None:
        """Carry out calls whose cause is durable already."""
        ready = Ready()
        ready.effects = effects
        turn = Turn(live, ready)
        self._sort(own_calls(live, effects), turn.calls, turn.others)
        self.let_out(turn, live.seq)

    async def missing(
        self, live: Live, effects: Iterable[ChildOut]
    ) -> list[tuple[ChildOut, Decision]]:
        """Of the children a rebuilt run waits for those that are not there, and what becomes of
        them: the run has never asked for them under this id.
        """
        decisions = [(effect, await self._children.decide(live, effect)) for effect in effects]
        return [one for one in decisions if one[1].program is not None or one[1].error is not None]

    def bear(self, live: Live, children: Iterable[tuple[ChildOut, Decision]]) -> None:
        """The same, once they are durable."""
        for effect, decision in children:
            self._child(live, effect, decision)

    # --- after the commit -----------------------------------------------------------------------
    def let_out(self, turn: Turn, first: int) -> None:
        """Carry out what the turn asks for; its first event has sequence number ``first``."""
        live = turn.live
        if live.narrator is not None:
            live.narrator.narrate(turn.ready, self._core.at(), first)
        self._let_calls(live, turn.calls)
        for effect in turn.others:
            carry = self._carry.get(type(effect))
            if carry is not None:
                carry(turn, effect)
        for effect, decision in turn.children:
            self._child(live, effect, decision)
        self.placing.let_out(turn.placed)
        self.stopping.expect(live, turn.asked)

    def granted(self, live: Live, path: Path, n: int) -> None:
        """A call that stood in line has a slot."""
        call = live.lined.pop((path, n), None)
        if call is not None and force_is_due(live, self._core.at()):
            live.later.append(call)
        elif call is not None:
            self._let_calls(live, [(self._lanes[call.handler], [call])])

    def _let_calls(self, live: Live, rows: Calls) -> None:
        for lane, calls in rows:
            if not calls:
                continue
            live.queued += len(calls.indexes if isinstance(calls, CallsOut) else calls)
            if lane.direct is not None:
                # The worker that ticks goes on with this queue.
                lane.direct.append(Batch(live, lane, calls))
            else:
                for one in members(calls) if isinstance(calls, CallsOut) else calls:
                    lane.admit((live, one, lane))

    def _drop_call(self, turn: Turn, effect: CallDrop) -> None:
        live, key = turn.live, (effect.path, effect.n)
        if self.placing.dropped(turn, effect):
            return
        if live.lined.pop(key, None) is not None:
            if effect.settle:
                self._never_began(live, effect)
            return
        call = live.calls.get(key)
        if call is not None:
            if effect.settle:
                turn.asked.append(key)
            else:
                call.missed = turn.forced
                call.settle()
            call.lane.pool.cancel(call)
        elif effect.settle:
            if turn.arrived is None:
                live.close_batch(self._core.at())
                turn.arrived = {
                    (e.path, e.n)
                    for e in unfold_events((*live.run.inbox, *live.inbox))
                    if isinstance(e, CallDone | CallFailed)
                }
            if key not in turn.arrived:
                # It waits in a queue: it never began, and never will.
                self._give_up(live, key)
                self._never_began(live, effect)
        elif live.queued:
            self._give_up(live, key)

    def _give_up(self, live: Live, key: tuple[Path, int]) -> None:
        live.dropped.add(key)
        self._lanes.gave_up(1)

    def _never_began(self, live: Live, effect: CallDrop) -> None:
        error = failure("handler.CancelledError", "cancelled before it began")
        of = effect.path, effect.n, effect.step, effect.attempt
        self._core.arrive(live, CallFailed(self._core.at(), *of, error))

    def _drop_calls(self, turn: Turn, effect: CallsDrop) -> None:
        for one in unfold_effects([effect]):
            if isinstance(one, CallDrop):
                self._drop_call(turn, one)

    def _set_timer(self, turn: Turn, effect: TimerSet) -> None:
        self.set_timer(turn.live, effect.path, effect.m, effect.due)

    def set_timer(self, live: Live, path: Path, m: int, due: int) -> None:
        """Have a timer of a run fire when it is due, at once where that is past."""
        live.timers[path, m] = self._core.timers.set(due, self._fire, live, path, m)

    def _timer_fired(self, live: Live, path: Path, m: int) -> None:
        live.timers.pop((path, m), None)
        if live.pausing:
            return  # it is due again when somebody goes on
        live.fired.add((path, m))
        self._core.arrive(live, TimerFired(self._core.at(), path, m))
        self._core.poke()

    def _drop_timer(self, turn: Turn, effect: TimerDrop) -> None:
        timer = turn.live.timers.pop((effect.path, effect.m), None)
        if timer is not None:
            timer.cancel()

    def _child(self, live: Live, effect: ChildOut, decision: Decision) -> None:
        row, core = decision.row, self._core
        if decision.program is not None and row is not None:
            if row.owner is not None and row.id not in core.lives:
                core.adopt(row, decision.program)
            return
        if effect.detach:
            if decision.error is not None:
                text = "job %s, step %s: the detached job could not start: %s"
                _jobs_log.error(text, live.id, effect.step, decision.error.get("message"))
            return
        if row is not None and row.id not in core.lives and row.status in FINAL:
            core.arrive(
                live,
                ChildDone(
                    core.at(), effect.path, effect.n, effect.step, row.status, row.output, row.error
                ),
            )

    def _log(self, turn: Turn, effect: LogOut) -> None:
        live = turn.live
        extra = {"job": live.id, "step": effect.step, "skript": live.row.skript}
        level = _LEVELS.get(effect.level, logging.INFO)
        _jobs_log.log(level, "%s", effect.text, extra=extra)
        if live.watches:
            data = {"level": effect.level, "text": effect.text}
            after = live.seq - (turn.ready.finished is not None)
            live.tell("log", self._core.at(), effect.step, (), data, after)
