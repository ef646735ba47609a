"""How often one caller may ask: a token bucket for each, in one number.

The generic cell rate algorithm (ITU-T I.371) keeps of a bucket only when it will be full again; a
bucket that is full is forgotten, which is the same as keeping it. So memory is bounded by what was
asked lately, and by a number of callers in any case.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from ..errors import RateLimitedError, RuntimeOptionError
from .access import Caller

#: Jobs of a batch that count as one request: to make so many costs what a few requests do.
JOBS: Final = 100
#: Callers that are kept apart at once; past that, who asked longest ago is forgotten.
CALLERS: Final = 10_000
#: Callers that are looked at for being forgotten, each time somebody asks.
_SWEPT: Final = 2


class Buckets:
    """By key a bucket that holds ``burst`` and gets ``rate`` a second. ``clock``: seconds."""

    __slots__ = ("_clock", "_depth", "_each", "_full", "_most")

    def __init__(
        self,
        rate: float,
        burst: int,
        clock: Callable[[], float] = time.monotonic,
        most: int = CALLERS,
    ) -> None:
        if not rate > 0 or burst < 1:
            raise RuntimeOptionError("a rate is over 0 a second, and a burst at least 1")
        self._each = 1.0 / rate
        self._depth = burst * self._each
        self._clock = clock
        self._most = most
        #: When each bucket will be full again; the one used last stands last.
        self._full: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, count: int = 1) -> float:
        """Take ``count`` out; 0.0, or in how many seconds there will be as much (then nothing is
        taken). More than the bucket holds is taken from a full one, and owed.
        """
        now = self._clock()
        full = self._full
        at = full.get(key, now)
        if at < now:
            at = now
        want, depth = count * self._each, self._depth
        over = at - now + (want if want < depth else depth) - depth
        if over > 1e-9:
            return over
        full[key] = at + want
        full.move_to_end(key)
        for _ in range(_SWEPT):
            oldest = next(iter(full))
            if oldest == key or (full[oldest] > now and len(full) <= self._most):
                break
            del full[oldest]
        return 0.0

    def owe(self, key: str, count: int) -> None:
        """Take ``count`` out, whether there is as much or not; it is full again that much later."""
        self._full[key] = max(self._full.get(key, 0.0), self._clock()) + count * self._each
        self._full.move_to_end(key)

    def __len__(self) -> int:
        return len(self._full)


class Rates:
    """Requests of callers: by token, and by address where there is none."""

    __slots__ = ("_buckets",)

    def __init__(
        self, rate: float, burst: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._buckets = Buckets(rate, max(1, math.ceil(rate)) if burst is None else burst, clock)

    def take(self, caller: Caller | None, peer: str, count: int = 1) -> None:
        """Count a request. Raises RateLimitedError, which says when to come again."""
        wait = self._buckets.take(_key(caller, peer), count)
        if wait:
            raise RateLimitedError("too many requests", max(1, math.ceil(wait)))

    def batch(self, caller: Caller | None, peer: str, jobs: int) -> None:
        """A request that was counted makes so many jobs: it is one for each ``JOBS`` of them that
        are begun. It was let in, so what it is more is owed: the next waits for it.
        """
        more = (jobs - 1) // JOBS
        if more > 0:
            self._buckets.owe(_key(caller, peer), more)


def _key(caller: Caller | None, peer: str) -> str:
    token = None if caller is None else caller.token
    return f"peer {peer}" if token is None else token
