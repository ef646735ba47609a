"""What arrives in the driver: results and failures of handlers, timers, messages, commands.

Everything becomes an event with the time it is seen at, and goes into the inbox of its job; the
next tick takes it.
"""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import Any, Final, cast

from ..model.effects import CallOut, CallsOut
from ..model.events import CallDone, CallFailed, CallPending, CancelRequested, Event, TimerFired
from ..model.limits import BATCH_EVENTS
from ..model.values import Value
from .clock import Clock, SystemClock
from .executors.base import Call, CallJob, Member
from .executors.tasks import TaskPool
from .handlers.failures import failure
from .handlers.pending import PENDING
from .live import Live
from .reports import HandlerSink
from .secrets import Vault
from .timers import Timers

#: Seconds for which one reading of the system clock serves as the time of events.
READING: Final = 0.0005

_new = tuple.__new__


class Arrivals(HandlerSink):
    """The inboxes of live jobs, and the clock that says when something arrived.

    ``tasks`` is given to it before anything arrives.
    """

    def __init__(self, clock: Clock, vault: Vault, resources: dict[str, Any]) -> None:
        self.clock = clock
        self.lives: dict[str, Live] = {}
        super().__init__(vault, resources, self.lives)
        #: Runs with something to do, each once: no more than are alive.
        self.pending: deque[Live] = deque()
        self.timers = Timers(clock)
        self.tasks: TaskPool
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
            if live.gathered is not None:
                live.close_batch(self._at)
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
        if type(call) is Member:
            live.gather(path[:-1], n, step, path[-1], result, self._at)
        else:
            if live.gathered is not None:
                live.close_batch(self._at)
            live.inbox.append(_new(CallDone, (self._at, path, n, step, attempt, result)))
        if not live.scheduled:
            live.scheduled = True
            self.pending.append(live)

    def member_done(self, job: CallJob, batch: CallsOut, position: int, result: Value) -> None:
        """The call at a position of a batch succeeded; see ``Host``."""
        live: Any = job
        if live.ended:
            return
        path, n, step, _, indexes, _, _, _ = batch
        if result is None:
            found = live.gathered
            # What every branch of a large fork comes to, nearly.
            if (
                found is not None
                and found.path == path
                and found.n == n
                and found.step == step
                and len(found.indexes) < BATCH_EVENTS
            ):
                found.indexes.append(indexes[position])
                found.results.append(None)
                return
        elif self.vault.used:
            result = self.vault.scrub(result)
        live.gather(path, n, step, indexes[position], result, self._at)
        if not live.scheduled:
            live.scheduled = True
            self.pending.append(live)

    def failed(self, job: CallJob, call: CallOut, error: dict[str, Value]) -> None:
        """An attempt failed, or is pending; see ``Host``."""
        if error["type"] == PENDING:
            pending = CallPending(self.at(), call.path, call.n, call.step, call.attempt)
            self.arrive(cast(Live, job), pending)
            return
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
            call.timer = self.timers.set(self.at() + timeout, self._time_out, call)

    def _time_out(self, call: Call) -> None:
        if call.settled:
            return
        call.timer = None
        call.missed = True
        call.settle()
        text = f"no result within {call.effect.timeout or call.lane.timeout_ms} ms"
        self.failed(call.job, call.effect, failure("timeout", text, retryable=True))
        call.lane.pool.cancel(call)
        self.poke()
