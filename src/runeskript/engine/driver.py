"""The driver: all that has arrived -> advance every run concerned -> one commit -> effects out.

The rule that is never broken: an effect leaves the process only after the event that caused it is
durable. ``tick`` does one turn; the workers of the task pool (``executors/tasks.py``) call it in
turns with the handlers it lets out, so a handler's completion opens the next tick. Under load ticks
take many events and grow; idle, a tick is one event. A run gets a slice, then the next run.
"""

from __future__ import annotations

import gc
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final, cast

from ..errors import RuneskriptError, StoreError
from ..kernel import Program, Ready, advance, new_run
from ..model.events import (
    CallDone,
    CallFailed,
    CallOut,
    CancelRequested,
    ChildDone,
    Event,
    Finished,
    MessageIn,
    Started,
    Status,
    TimerFired,
)
from ..model.values import Value
from ..stores.base import Cancel, JobRow, Message, PostOutcome, RowChange, Store, Unit
from .clock import Clock, SystemClock
from .effects import Outlet, Turn
from .executors.base import Call, CallJob, Lane
from .executors.tasks import TaskPool
from .handlers.failures import failure
from .ids import Ids
from .live import Live
from .reports import HandlerSink, internal
from .secrets import Vault
from .timers import Timers

#: Seconds after which a tick takes no further run, and what one slice of a run should take.
TICK: Final = 0.005
SLICE: Final = 0.002
#: Bounds and start of a slice in loop turns; it adapts to what the turns of a run cost.
TURNS_MIN: Final = 500
TURNS_MAX: Final = 1_000_000
TURNS_START: Final = 1_000
#: Inbox rows read at once.
INBOX: Final = 1_000
#: Seconds for which one reading of the system clock serves as the time of events.
READING: Final = 0.0005

_log = logging.getLogger("runeskript.engine")
_new = tuple.__new__


class Driver(HandlerSink):
    """Runs live jobs on one event loop. Used by ``Runtime``, from the loop's thread."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        vault: Vault,
        env: Callable[[Sequence[str]], dict[str, Value]],
        resources: dict[str, Any],
    ) -> None:
        self.store = store
        self.clock = clock
        self.ids = ids
        self.env = env
        self.lives: dict[str, Live] = {}
        super().__init__(vault, resources, self.lives)
        #: Runs with something to do, each once.
        self.pending: deque[Live] = deque()
        self.ticking = False
        self.timers = Timers(clock)
        self.lanes: Mapping[str, Lane] = {}
        self.outlet: Outlet
        self.tasks: TaskPool
        self.on_end: Callable[[Live], None] = lambda live: None
        self._seen = 0
        self._caching = isinstance(clock, SystemClock)
        self._at = 0
        self.fresh_until = 0.0

    # --- time -----------------------------------------------------------------------------------
    def at(self) -> int:
        """The time of an event seen now; never goes back."""
        now = monotonic()
        if now >= self.fresh_until:
            self.read_clock(now)
        return self._at

    def read_clock(self, now: float) -> None:
        """Take a new reading, which serves for a moment if the clock is the computer's."""
        if self._caching:
            self.fresh_until = now + READING
        self._at = max(self._at, self.clock.now_ms())

    # --- what arrives ---------------------------------------------------------------------------
    def schedule(self, live: Live) -> None:
        """Have the run advanced in the next tick."""
        if not live.scheduled:
            live.scheduled = True
            self.pending.append(live)

    def arrive(self, live: Live, event: Event) -> None:
        """An event for a run."""
        if live.ended:
            return
        if live.busy and isinstance(event, TimerFired | CancelRequested):
            live.urgent.append(event)
        else:
            live.inbox.append(event)
        self.schedule(live)

    def poke(self) -> None:
        """Something was scheduled from outside the workers."""
        self.tasks.ensure()

    def done(self, job: CallJob, call: CallOut, result: Value) -> None:
        """A call succeeded; see ``Host``. The caller has just read the clock."""
        live: Any = job
        if live.ended:
            return
        if self.vault.used and result is not None:
            result = self.vault.scrub(result)
        path, n, step, _, _, attempt, _, _ = call
        live.inbox.append(_new(CallDone, (self._at, path, n, step, attempt, result)))
        if not live.scheduled:
            live.scheduled = True
            self.pending.append(live)

    def failed(self, job: CallJob, call: CallOut, error: dict[str, Value]) -> None:
        """An attempt failed; see ``Host``."""
        if self.vault.used:
            error = cast("dict[str, Value]", self.vault.scrub(error))
        event = CallFailed(self.at(), call.path, call.n, call.step, call.attempt, error)
        self.arrive(cast(Live, job), event)

    def started(self, call: Call) -> None:
        """A call is under way; see ``Host``."""
        timeout = call.effect.timeout
        if timeout is None:
            timeout = call.lane.timeout_ms
        if timeout is not None:
            call.timer = self.timers.set(self.at() + timeout, partial(self._time_out, call))

    def _time_out(self, call: Call) -> None:
        if call.settled:
            return
        call.timer = None
        call.settle()
        text = f"no result within {call.effect.timeout or call.lane.timeout_ms} ms"
        self.failed(call.job, call.effect, failure("timeout", text, retryable=True))
        call.lane.pool.cancel(call)
        self.poke()

    # --- jobs -----------------------------------------------------------------------------------
    def adopt(self, row: JobRow, program: Program) -> Live:
        """Take a job that was just created into memory and start it."""
        live = Live(row, program, new_run(program))
        live.turns = TURNS_START
        self.lives[row.id] = live
        job: dict[str, Value] = {
            "id": row.id,
            "key": row.key,
            "created_at": row.created_at,
            "labels": dict(row.labels),
        }
        env = self.env(program.blueprint.env)
        start = Started(self.at(), row.blueprint, job, row.input, env, self.ids.seed())
        self.arrive(live, start)
        return live

    async def post(self, item: Message | Cancel) -> PostOutcome:
        """A message or command from outside."""
        (outcome,) = await self.store.post([item])
        await self.collect()
        self.poke()
        return outcome

    async def collect(self) -> None:
        """Take what the store's inbox holds for live jobs."""
        while True:
            rows = await self.store.inbox(self._seen, INBOX)
            for row in rows:
                self._seen = row.number
                live = self.lives.get(row.job)
                if live is None:
                    continue
                live.consumed.append(row.number)
                if row.message is None:
                    self.arrive(live, CancelRequested(self.at(), row.reason))
                else:
                    self.arrive(live, MessageIn(self.at(), row.path, row.m, row.message))
            if len(rows) < INBOX:
                return

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

    async def _tick(self) -> None:
        until = monotonic() + TICK
        turns: list[Turn] = []
        units: list[Unit] = []
        pending = self.pending
        while pending:
            live = pending.popleft()
            live.scheduled = False
            if live.ended:
                continue
            turn = await self._turn(live)
            units.extend(turn.units)
            turns.append(turn)
            if monotonic() >= until:
                break
        outcomes = iter(await self.store.commit(units))
        mail = False
        for turn in turns:
            results = [next(outcomes) for _ in turn.units]
            if any(result not in ("ok", "already") for result in results):
                self._lose(turn.live, "the store refused a commit: " + ", ".join(results))
                continue
            mail = mail or turn.mail
            try:
                self._let_out(turn)
            except Exception as exc:
                _log.exception("job %s: its effects could not be let out", turn.live.id)
                self._lose(turn.live, f"{type(exc).__name__}: {exc}")
        if mail:
            await self.collect()

    async def _turn(self, live: Live) -> Turn:
        """One slice of a run and its units. A defect met on the way fails this job only."""
        turn = Turn(live, self._advance(live))
        try:
            await self.outlet.prepare(turn)
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
            ready = advance(live.program, live.run, self._batch(live), live.turns)
        except Exception as exc:
            _log.exception("job %s: the kernel failed", live.id)
            return self._broken(live, exc)
        finally:
            if pause:
                gc.enable()
        live.busy = ready.more
        if ready.more:
            took = max(monotonic() - began, 1e-6)
            live.turns = int(min(max(live.turns * SLICE / took, TURNS_MIN), TURNS_MAX))
        return ready

    def _batch(self, live: Live) -> list[Event]:
        """The events of a run's next slice.

        What is left of an earlier slice comes first: until the run rests it takes only what may
        interrupt it. A completion takes a turn at least, so no more than ``turns`` are of use.
        """
        if live.busy:
            events, live.urgent = live.urgent, []
        elif len(live.inbox) <= live.turns:
            events, live.inbox = live.inbox, []
        else:
            events = live.inbox[: live.turns]
            del live.inbox[: live.turns]
        return events

    def _broken(self, live: Live, exc: Exception) -> Ready:
        """A defect of ours: the job fails, the others go on."""
        self._cancel_children(live)
        ready = Ready()
        ready.finished = Finished(self.at(), "Failed", None, internal(exc))
        ready.events.append(ready.finished)
        return ready

    def _let_out(self, turn: Turn) -> None:
        """The turn is durable: carry out what it asks for."""
        live, ready = turn.live, turn.ready
        live.seq += len(ready.events)
        live.started = True
        for watch in live.watches:
            watch.wake()
        if turn.tickets or turn.others or live.narrator is not None:
            self.outlet.let_out(turn)
        if ready.finished is not None:
            self._end(live, turn.change)
        elif ready.more or live.inbox:
            self.schedule(live)

    # --- the end of a job -----------------------------------------------------------------------
    def _end(self, live: Live, change: RowChange | None) -> None:
        if change is not None:
            live.row = live.row._replace(
                status=change.status,
                state=change.status,
                output=change.output,
                error=change.error,
                updated_at=change.at,
                seq=live.seq,
            )
        self._release(live)
        row = live.row
        live.tell_end()
        self._tell_parent(live, row.status, row.output, row.error)

    def _tell_parent(
        self, live: Live, status: Status, output: Value, error: dict[str, Value] | None
    ) -> None:
        """A child job is over: its parent goes on."""
        parent = live.row.parent
        above = None if parent is None else self.lives.get(parent.job)
        if above is not None and parent is not None:
            event = ChildDone(self.at(), parent.path, parent.n, parent.step, status, output, error)
            self.arrive(above, event)

    def _cancel_children(self, live: Live) -> None:
        """A job is gone that still had children: nobody waits for them any more."""
        for child in list(self.lives.values()):
            if child.row.parent is not None and child.row.parent.job == live.id:
                self.arrive(child, CancelRequested(self.at(), "the parent job is gone"))

    def _release(self, live: Live) -> None:
        """Let go of everything a job has outside the kernel."""
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

    def _lose(self, live: Live, outcome: str) -> None:
        """The store refused the unit, or it could not be carried out: the run is dropped."""
        if live.ended:
            return
        self._release(live)
        error = StoreError(f"job {live.id} was dropped: {outcome}")
        live.fail(error)
        self._tell_parent(live, "Failed", None, internal(error))
        self._cancel_children(live)

    def crash(self, exc: Exception) -> None:
        """The store or the driver itself failed: end all live jobs' waiting."""
        _log.error("the driver failed", exc_info=exc)
        self.pending.clear()
        for live in list(self.lives.values()):
            self._release(live)
            live.fail(exc)

    async def close(self, exc: RuneskriptError) -> None:
        """Stop: cancel handlers, forget timers, tell whoever waits."""
        self.timers.close()
        self.pending.clear()
        lives = list(self.lives.values())
        for live in lives:
            self._release(live)
            live.fail(exc)
        await self.tasks.close()
