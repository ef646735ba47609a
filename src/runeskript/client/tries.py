"""When a request is sent again, and after how long: connections that fail, and services that ask to
wait. A change has an idempotency key, so it happens once however often it is sent.

After "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), its "equal jitter".
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final

#: Statuses that say: not now.
AGAIN: Final = frozenset((429, 502, 503, 504))
#: Seconds before the second attempt, and at the most before any.
FIRST: Final = 0.2
MOST: Final = 10.0
#: Seconds that a service may ask for (``Retry-After``); one that asks for more is not waited for.
PATIENCE: Final = 60.0


class Tries:
    """The attempts of one request. ``chance`` gives numbers from 0 to 1."""

    def __init__(self, attempts: int, chance: Callable[[], float] = random.random) -> None:
        self._left = attempts - 1
        self._next = FIRST
        self._chance = chance

    def again(self, headers: Mapping[str, str] | None = None) -> float | None:
        """In how many seconds to try once more; None: not any more.

        ``headers``: of the answer, where there was one.
        """
        if self._left <= 0:
            return None
        self._left -= 1
        delay = self._next * (1 + self._chance()) / 2
        self._next = min(self._next * 2, MOST)
        asked = "" if headers is None else headers.get("retry-after", "")
        if asked.isascii() and asked.isdigit() and len(asked) < 9:
            if int(asked) > PATIENCE:
                return None
            return max(delay, float(asked))
        return delay
