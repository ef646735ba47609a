"""Running one job in this process: signals, logs, and somebody who may be watching."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from types import FrameType
from typing import Any, Final, Protocol, cast

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


class View(Protocol):
    """What shows the steps; times are milliseconds of the runtime's clock."""

    def refresh(self, now: int) -> None:
        """Show the present state."""

    def line(self, text: str) -> None:
        """Show a line that stays."""

    def close(self, now: int) -> None:
        """Show the last state."""


class StoppedError(Exception):
    """The second Ctrl-C: stop without compensating."""


async def await_job(runtime: Runtime, job: str, watch: Watch | None = None) -> Job:
    """The job once it has ended. Ctrl-C and SIGTERM cancel it; a second one raises StoppedError.

    To see a job's first steps call this without a suspension after ``submit_job``.
    """
    waiting = cast("asyncio.Task[Any]", asyncio.current_task())

    async def cancel() -> None:
        with suppress(RuntimeClosedError):  # a second signal was faster
            await runtime.cancel_job(job, "interrupted")

    with Interrupts(cancel, waiting.cancel) as interrupts:
        try:
            if watch is not None:
                await watch.follow(runtime, job)
            with suppress(JobFailedError, JobCancelledError):
                await runtime.result(job)
        except asyncio.CancelledError:
            if interrupts.count > 1:
                raise StoppedError from None
            raise
    return await runtime.get_job(job)


class Watch:
    """Follows a job's records and keeps a view up to date."""

    def __init__(self, steps: Steps, view: View, now: Callable[[], int]) -> None:
        self.steps = steps
        self.view = view
        self._now = now
        self._follower = Follower(steps)

    async def follow(self, runtime: Runtime, job: str) -> None:
        """Until the job has ended. Without a suspension before the first record is awaited."""
        stream = cast("AsyncGenerator[JobEvent, None]", runtime.events(job))
        async with aclosing(stream) as records:
            self._follower.apply(await anext(records))
            ticker = asyncio.create_task(self._tick(runtime, job))
            try:
                async for record in records:
                    self._follower.apply(record)
            finally:
                ticker.cancel()
                with suppress(asyncio.CancelledError):
                    await ticker
                self.view.close(self._now())

    async def _tick(self, runtime: Runtime, job: str) -> None:
        totals: ForkTotals | None = None
        while True:
            # Looking, never touching: the size of a fork is known to the run alone.
            driver = runtime._driver
            live = None if driver is None else driver.lives.get(job)
            if live is not None:
                totals = totals or ForkTotals(live.program)
                totals.sample(live.run, self.steps)
            self.view.refresh(self._now())
            await asyncio.sleep(REFRESH)


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
    """SIGINT and SIGTERM while a job runs.

    The first cancels the job, the second stops waiting for it; a third, or two seconds in which a
    handler does not let go, ends the process.
    """

    def __init__(self, cancel: Callable[[], Awaitable[None]], stop: Callable[[], object]) -> None:
        self._cancel = cancel
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Future[None]] = set()
        self._before: dict[int, object] = {}
        self.count = 0

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # Not the loop's own way: this one also works while a handler blocks the loop.
                self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count == 1:
            terminal.note("cancelling the job; once more stops at once")
            self._loop.call_soon_threadsafe(self._begin)
        elif self.count == 2:
            _kill_after(GRACE)
            self._loop.call_soon_threadsafe(self._stop)
        else:
            os._exit(EXIT_STOPPED)

    def _begin(self) -> None:
        task = asyncio.ensure_future(self._cancel())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _kill_after(seconds: float) -> None:
    timer = threading.Timer(seconds, os._exit, (EXIT_STOPPED,))
    timer.daemon = True
    timer.start()


