"""An event loop for a simulated process: no threads, no sockets, virtual time, one step at a time.

Whoever owns the loops decides which of them makes its next step, so the interleaving of several
processes comes from a seed; a process that is killed is a loop that is never stepped again.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, Final, TypeVarTuple

from ...engine.clock import Alarm

_Ts = TypeVarTuple("_Ts")
#: What the wall clock shows when a simulation begins: milliseconds since 1970.
EPOCH: Final = 1_700_000_000_000


class VirtualTime:
    """The time of all simulated processes: seconds that pass, and a wall clock that may be set."""

    def __init__(self) -> None:
        self.now = 0.0
        #: Milliseconds that the wall clock was set forward (or back).
        self.shift = 0
        #: Seconds that pass with each look at the interval clock: what computing costs.
        self.cost = 0.00002

    def monotonic(self) -> float:
        """What stands in for ``time.monotonic`` and ``time.perf_counter``."""
        self.now += self.cost
        return self.now

    def now_ms(self) -> int:
        """Milliseconds since 1970, by the wall clock."""
        return EPOCH + int(self.now * 1000) + self.shift


class VirtualClock:
    """The virtual clock of all processes, and alarms of one's loop: as the system's clock has them,
    not further ahead than ``patience`` seconds, for it may have been set.
    """

    def __init__(self, time: VirtualTime, loop: SteppedLoop, patience: float) -> None:
        self._time = time
        self._loop = loop
        self._patience = patience

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self._time.now_ms()

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._time.now

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> Alarm:
        """Have something called, at the latest at a time of the wall clock."""
        delay = max(due_ms - self.now_ms(), 0) / 1000
        return self._loop.call_later(min(delay, self._patience), callback)


class SteppedLoop(asyncio.AbstractEventLoop):
    """One process's event loop. ``step`` runs one callback; after ``die`` nothing runs any more."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._ready: deque[asyncio.Handle] = deque()
        self._scheduled: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self.dead = False
        #: Until when (``VirtualTime.now``) the process stands still, without knowing.
        self.frozen = 0.0
        #: What callbacks raised: each is a defect.
        self.raised: list[BaseException] = []

    # --- for who owns it ------------------------------------------------------------------------
    def due(self) -> float | None:
        """When its next step is possible; None where none ever is."""
        if self.dead:
            return None
        while self._scheduled and self._scheduled[0][2].cancelled():
            heapq.heappop(self._scheduled)
        if self._ready:
            return self.frozen
        return max(self._scheduled[0][0], self.frozen) if self._scheduled else None

    def step(self) -> None:
        """Run one callback that is due."""
        now = self._time.now
        while self._scheduled and self._scheduled[0][0] <= now:
            handle = heapq.heappop(self._scheduled)[2]
            if not handle.cancelled():
                self._ready.append(handle)
        if not self._ready:
            return
        one = self._ready.popleft()
        if not one.cancelled():
            before = asyncio._get_running_loop()
            asyncio._set_running_loop(self)
            try:
                one._run()
            finally:
                asyncio._set_running_loop(before)

    def die(self) -> None:
        """Nothing of this process runs any more, no ``finally`` either."""
        self.dead = True
        self._ready.clear()
        self._scheduled.clear()

    def bury(self) -> None:
        """Take apart what the tasks of a dead process left. What they still try leads nowhere."""
        self.die()
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            for task in self._tasks:
                if not task.done():
                    close(task.get_coro())
                task._log_destroy_pending = False  # type: ignore[attr-defined]
        finally:
            asyncio._set_running_loop(before)
            self._tasks.clear()

    # --- what asyncio asks of a loop ------------------------------------------------------------
    def time(self) -> float:
        """Virtual seconds."""
        return self._time.now

    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Run a callback with one of the next steps, in order."""
        handle = asyncio.Handle(callback, args, self, context)
        if not self.dead:
            self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """There are no threads: the same as ``call_soon``."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:  # fmt: skip
        """Run a callback in ``delay`` virtual seconds."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:  # fmt: skip
        """Run a callback at a virtual time; those of the same time in the order they came."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if not self.dead:
            self._count += 1
            heapq.heappush(self._scheduled, (when, self._count, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled ones are left out when they come up."""

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, Any] | Coroutine[Any, Any, Any],
        **options: Any,
    ) -> asyncio.Task[Any]:
        """A task of this loop."""
        task = asyncio.Task(coro, loop=self, **options)
        if self.dead:
            self._tasks.append(task)
            return task
        if len(self._tasks) > 1_000:
            self._tasks = [one for one in self._tasks if not one.done()]
        self._tasks.append(task)
        return task

    def run_in_executor(
        self, executor: Any, func: Callable[[*_Ts], Any], *args: *_Ts
    ) -> asyncio.Future[Any]:
        """There are no threads: it is done at once, and its end is seen with a later step."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as exc:
            future.set_exception(exc)
        return future

    def is_running(self) -> bool:
        """Whether it is being stepped."""
        return not self.dead

    def is_closed(self) -> bool:
        """Whether it is dead."""
        return self.dead

    def get_debug(self) -> bool:
        """Never."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Note what a callback raised."""
        exc = context.get("exception")
        if not self.dead and exc is not None and "handle" in context:
            self.raised.append(exc)


def close(coroutine: Any) -> None:
    """End a coroutine wherever it is; each ``await`` in a ``finally`` holds it up once more."""
    for _ in range(100):
        try:
            coroutine.close()
        except RuntimeError:
            continue
        return
