"""Running one job in this process: signals, logs, and somebody who may be watching."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager, suppress
from types import FrameType
from typing import Any, Final, NoReturn, Protocol, TypeVar, cast

from ..compiler.pipeline import Compiled
from ..engine.clock import SystemClock
from ..engine.jobs import Job
from ..engine.runtime import Runtime
from ..engine.watch import JobEvent
from ..errors import JobCancelledError, JobFailedError, RuntimeClosedError
from ..model.blueprint import Blueprint
from ..model.events import Status
from . import terminal
from .view.follow import Follower
from .view.forks import ForkTotals
from .view.outline import outline
from .view.plain import PlainView
from .view.steps import Steps

#: Seconds between two drawings of the view.
REFRESH: Final = 0.1
#: Seconds a second Ctrl-C leaves the runtime to stop handlers and worker processes.
GRACE: Final = 2.0
EXIT_STOPPED: Final = 130
#: status -> the command's exit code.
EXIT_CODES: Final[dict[Status, int]] = {"Completed": 0, "Failed": 1, "Cancelled": 3}


T = TypeVar("T")


class View(Protocol):
    """What shows the steps; times are milliseconds of the runtime's clock."""

    def refresh(self, now: int) -> None:
        """Show the present state."""

    def line(self, text: str) -> None:
        """Show a line that stays."""

    def close(self, now: int) -> None:
        """Show the last state."""


class StoppedError(Exception):
    """The second Ctrl-C: stopped without compensating."""


def drive(main: Callable[[Interrupts], Coroutine[Any, Any, T]]) -> tuple[T, bool]:
    """Run ``main`` in an event loop of its own.

    Returns its result, and whether handlers are left that ignore their cancellation: whoever would
    wait for them waits for ever, so the process should end with ``leave``. Raises StoppedError.
    """
    with Interrupts() as interrupts:
        runner = asyncio.Runner()
        try:
            done = runner.run(main(interrupts))
        except asyncio.CancelledError:
            raise StoppedError from None
        finally:
            stuck = any(not task.done() for task in asyncio.all_tasks(runner.get_loop()))
            if not stuck:
                runner.close()
        return done, stuck


def leave(code: int) -> NoReturn:
    """End the process without waiting for anything."""
    terminal.flush()
    os._exit(code)


async def await_job(
    runtime: Runtime, job: str, interrupts: Interrupts, watch: Watch | None = None
) -> Job:
    """The job once it has ended. Ctrl-C and SIGTERM cancel it; a second one ends the waiting.

    To see a job's first steps call this without a suspension after ``submit_job``.
    """

    async def cancel() -> None:
        with suppress(RuntimeClosedError):  # a second signal was faster
            await runtime.cancel_job(job, "interrupted")

    with interrupts.on_first(cancel):
        driver = runtime._driver
        if watch is not None and driver is not None and job in driver.lives:
            await watch.follow(runtime, job)
        with suppress(JobFailedError, JobCancelledError):
            await runtime.result(job)
    return await runtime.get_job(job)


class Watch:
    """Follows a job's records and keeps a view up to date."""

    def __init__(self, steps: Steps, view: View, now: Callable[[], int]) -> None:
        self.steps = steps
        self.view = view
        self._now = now
        self._follower = Follower(steps)
        self._totals: ForkTotals | None = None

    async def follow(self, runtime: Runtime, job: str) -> None:
        """Until the job has ended. Without a suspension before the first record is awaited."""
        stream = cast("AsyncGenerator[JobEvent, None]", runtime.events(job))
        async with aclosing(stream) as records:
            record = await anext(records)
            self._follower.apply(record)
            ticker = asyncio.create_task(self._tick(runtime, job))
            try:
                async for record in records:
                    self._follower.apply(record)
                    row = self.steps.rows.get(record.step or "")
                    if row is not None and row.parallel and row.expected is None:
                        self._look(runtime, job)
            finally:
                ticker.cancel()
                with suppress(asyncio.CancelledError):
                    await ticker
                # The last record's time: drawing may lag behind the job.
                self.view.close(record.at)

    async def _tick(self, runtime: Runtime, job: str) -> None:
        while True:
            self._look(runtime, job)
            self.view.refresh(self._now())
            await asyncio.sleep(REFRESH)

    def _look(self, runtime: Runtime, job: str) -> None:
        """Look at the run, never touching it: the size of a fork is known to it alone."""
        driver = runtime._driver
        live = None if driver is None else driver.lives.get(job)
        if live is not None:
            self._totals = self._totals or ForkTotals(live.program)
            self._totals.sample(live.run, self.steps)


def watch_job(skript: Compiled | Blueprint, job: Job) -> Watch:
    """Somebody to watch a job: drawn in place on a terminal, else lines on standard error."""
    clock = SystemClock()
    steps = Steps(() if isinstance(skript, Blueprint) else outline(skript.document))
    view: View
    if terminal.is_terminal(sys.stderr):
        from .view.live import LiveView  # its library is worth loading only where it is used

        view = LiveView(steps, f"{job.skript} {job.id}", clock.now_ms())
    else:
        view = PlainView(steps)
    return Watch(steps, view, clock.now_ms)


class Interrupts:
    """SIGINT and SIGTERM: the first cancels the job, the second stops waiting for it.

    A third, or two seconds in which the runtime does not come to its end, ends the process; so does
    any signal after the job has ended. Before there is a job a signal is a KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._cancel: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._says = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: asyncio.Task[Any] | None = None
        self._cancelling: asyncio.Task[None] | None = None
        self.count = 0

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # Not the loop's own way: this one also works while a handler blocks the loop.
                self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    @contextmanager
    def on_first(
        self,
        cancel: Callable[[], Coroutine[Any, Any, None]],
        says: str = "cancelling the job; once more stops at once",
    ) -> Iterator[None]:
        """While the block runs the first signal ``says`` something and calls ``cancel``, the second
        cancels the block.
        """
        self._cancel, self._says = cancel, says
        self._loop, self._waiting = asyncio.get_running_loop(), asyncio.current_task()
        try:
            yield
        finally:
            self._waiting = None

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self._loop is None:
            raise KeyboardInterrupt
        if self._waiting is None or self.count > 2:
            leave(EXIT_STOPPED)
        if self.count == 1:
            terminal.note(self._says)
            self._loop.call_soon_threadsafe(self._begin)
        else:
            killer = threading.Timer(GRACE, leave, (EXIT_STOPPED,))
            killer.daemon = True
            killer.start()
            self._loop.call_soon_threadsafe(self._stop)

    def _begin(self) -> None:
        if self._cancel is not None:
            self._cancelling = asyncio.ensure_future(self._cancel())

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
