"""The timers of one driver: a heap over one alarm of the clock.

Dropped timers stay in the heap until they are half of it, so setting and dropping cost the same
however far away the due time is, and the heap stays in proportion to the timers that are set.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, Final

from .clock import Alarm, Clock

#: Dropped timers that are tolerated whatever their share is.
SLACK: Final = 64


class Timer:
    """One timer; ``fire`` is None once it fired or was dropped."""

    __slots__ = ("_timers", "args", "due", "fire", "order")

    def __init__(
        self, timers: Timers, due: int, order: int, fire: Callable[..., None], args: tuple[Any, ...]
    ) -> None:
        self._timers = timers
        self.due = due
        self.order = order
        self.fire: Callable[..., None] | None = fire
        self.args = args

    def __lt__(self, other: Timer) -> bool:
        return (self.due, self.order) < (other.due, other.order)

    def cancel(self) -> None:
        """Drop it; harmless afterwards."""
        if self.fire is not None:
            self.fire, self.args = None, ()
            self._timers._dropped_one()


class Timers:
    """Calls functions when they are due, those due at the same time in the order they were set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[Timer] = []
        self._dropped = 0
        self._orders = 0
        self._alarm: Alarm | None = None
        self._alarm_due = 0
        self._closed = False

    def __len__(self) -> int:
        return len(self._heap) - self._dropped

    def set(self, due: int, fire: Callable[..., None], *args: Any) -> Timer:
        """Have ``fire(*args)`` called once the clock shows ``due`` (ms since 1970).

        Arguments, and not a function made for each: a hundred thousand timers may be set.
        """
        self._orders += 1
        timer = Timer(self, due, self._orders, fire, args)
        heapq.heappush(self._heap, timer)
        self._arm()
        return timer

    def close(self) -> None:
        """Forget all timers and set no alarm again."""
        self._closed = True
        self._heap.clear()
        self._dropped = 0
        self._disarm()

    def _dropped_one(self) -> None:
        self._dropped += 1
        if self._dropped > SLACK and self._dropped * 2 > len(self._heap):
            self._heap = [timer for timer in self._heap if timer.fire is not None]
            heapq.heapify(self._heap)
            self._dropped = 0

    def _arm(self) -> None:
        """Set the alarm to the first due time, unless it will go off before."""
        if self._closed or not self._heap:
            return
        due = self._heap[0].due
        if self._alarm is not None:
            if self._alarm_due <= due:
                return
            self._disarm()
        self._alarm_due = due
        self._alarm = self._clock.call_at(due, self._ring)

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._alarm = None
        now = self._clock.now_ms()
        heap = self._heap
        while heap and (heap[0].due <= now or heap[0].fire is None):
            timer = heapq.heappop(heap)
            fire, args = timer.fire, timer.args
            timer.fire, timer.args = None, ()
            if fire is None:
                self._dropped -= 1
            else:
                fire(*args)
                heap = self._heap  # `fire` may have dropped others, which may rebuild the heap
        self._arm()
