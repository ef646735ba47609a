"""Where time comes from. The kernel has no clock: all it knows of time arrives in events.

Injected everywhere, so that tests and simulations decide what time it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

#: Longest sleep in seconds before the wall clock is looked at again: it may have been set.
LONGEST_SLEEP: Final = 60.0


class Alarm(Protocol):
    """A call that has been asked for."""

    def cancel(self) -> object:
        """Do not call; harmless afterwards."""


class Clock(Protocol):
    """Wall clock, interval clock and alarm of one runtime."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> Alarm:
        """Call from the event loop once ``now_ms`` may have reached ``due_ms``.

        It may come early, so the callback looks at the clock and asks again.
        """


class SystemClock:
    """The computer's clock and the running event loop's alarms."""

    __slots__ = ()

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds of the interval clock."""
        return time.monotonic()

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> Alarm:
        """Ask the running loop; see ``Clock.call_at``."""
        delay = max(due_ms - self.now_ms(), 0) / 1000
        return asyncio.get_running_loop().call_later(min(delay, LONGEST_SLEEP), callback)
