"""Calls that a deadline asked to stop, and that do not: they are given up when their time is over.

A call with an undo is awaited when it is cancelled, since only its end says whether there is
something to undo. Where the job itself is cancelled, the run has a grace time for that. A block's
timeout has none: the worker that asked the call to stop counts the same time, and then tells the
run that the call has ended. That is an event as any other end of a call, so replay knows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..kernel import by_deadline, stopping
from ..model.events import CallFailed, Event, Path
from ..model.faults import ABANDONED
from .handlers.failures import failure
from .live import Live
from .timers import Timers

_TEXT = "the call did not end in the time that it had to stop, and was given up"


class Core(Protocol):
    """The driver, as seen from here."""

    lives: dict[str, Live]
    timers: Timers
    grace: int

    def at(self) -> int: ...  # noqa: D102 - see Driver
    def arrive(self, live: Live, event: Event) -> None: ...  # noqa: D102
    def poke(self) -> None: ...  # noqa: D102


class Stopping:
    """Counts the time of calls that were asked to stop."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def expect(self, live: Live, keys: Sequence[tuple[Path, int]]) -> None:
        """These calls were asked to stop just now, or before this worker went on with the job."""
        if keys:
            due = self._core.at() + self._core.grace
            self._core.timers.set(due, self._over, live.id, keys)  # a job that ends is forgotten

    def _over(self, job: str, keys: Sequence[tuple[Path, int]]) -> None:
        live = self._core.lives.get(job)
        if live is None or live.ended:
            return
        waiting: list[tuple[Path, int]] = []
        for key in keys:
            token = stopping(live.run, *key)
            call = live.calls.get(key)
            if token is None:
                continue
            if key in live.placed and by_deadline(live.run, token):
                del live.placed[key]  # its job was told to stop, and ends by itself
                step = live.program.step_at(token.pc)
                error = failure(ABANDONED, _TEXT)
                event = CallFailed(self._core.at(), *key, step, token.attempt, error)
                self._core.arrive(live, event)
                continue
            if call is None or not by_deadline(live.run, token):
                # It has ended just now, or stands in a queue since a crash; or it is a sibling's
                # failure that waits for it, which may become a deadline's.
                waiting.append(key)
                continue
            call.missed = True
            call.settle()
            error = failure(ABANDONED, _TEXT)
            path, n, step = key[0], key[1], call.effect.step
            event = CallFailed(self._core.at(), path, n, step, call.effect.attempt, error)
            self._core.arrive(live, event)
            call.lane.pool.cancel(call)
        self.expect(live, waiting)
        self._core.poke()
