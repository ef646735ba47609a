"""What goes wrong in a simulation, and when: drawn from its seed, and bounded.

Two sources of chance, so that a fault more or less does not change everything else: one for the
order of steps, one for the faults.
"""

from __future__ import annotations

import random
from typing import Final, Literal
from zlib import crc32

from ...model.limits import CANCEL_GRACE_MS

#: What may happen to an operation of a store. ``die``: the process does, before or after it.
Kind = Literal["before", "after", "twice", "die before", "die after"]
#: Where in a handler a process may die.
Moment = Literal["start", "end"]
_KINDS: Final[tuple[Kind, ...]] = ("before", "after", "twice", "die before", "die after")
#: Operations that may be delivered twice: those that say that asking again is harmless.
_TWICE: Final = frozenset(("commit", "post", "submit", "heartbeat", "release", "put_blob"))
#: Operations that change something: here a process may die.
_WRITES: Final = frozenset(("commit", "submit", "claim", "release", "heartbeat"))
#: Milliseconds of a short grace time.
_HASTE: Final = 100


class Fate:
    """The faults of one simulation; once ``over`` nothing goes wrong any more."""

    def __init__(self, seed: int) -> None:
        self.steps = random.Random(f"steps {seed}")  # noqa: S311 - reproducible on purpose
        self.faults = random.Random(f"faults {seed}")  # noqa: S311 - the same
        chance = self.faults
        #: Faults that end something: a process, or an operation. More could park a job for good
        #: reason, since it is claimed again after each.
        self.left = chance.choice((0, 1, 2, 3, 4, 4))
        #: Milliseconds that what is asked to stop has. In every third simulation that is less than
        #: those handlers need that do not.
        self.grace = _HASTE if seed % 3 == 0 else CANCEL_GRACE_MS
        #: Times that a process stands still for longer than its lease.
        self.stalls = chance.choice((0, 0, 0, 1, 2))
        #: Times that the wall clock is set.
        self.jumps = chance.choice((0, 0, 0, 1, 2))
        #: How many operations of a store take long: one in so many; 0: none.
        self.slow = chance.choice((0, 0, 30, 8, 3))
        self._rate = chance.choice((0.01, 0.03, 0.1))
        #: How many calls leave their result to somebody outside: one in so many; 0: none.
        self.outside = random.Random(f"outside {seed}").choice((0, 0, 3, 2))  # noqa: S311 - the same
        #: What operators do: how often they go at a job that has ended (retry it, fork it), and to
        #: how many handlers a cancel means nothing: one in so many; 0: none.
        self.operator = random.Random(f"operator {seed}")  # noqa: S311 - the same
        self.actions = self.operator.choice((0, 1, 2, 3))
        self.deaf = self.operator.choice((0, 0, 4, 2))
        self.over = False

    def delay(self) -> float:
        """Seconds that one half of an operation of a store takes."""
        if self.over or not self.slow or self.faults.randrange(self.slow):
            return 0.0
        return self.faults.choice((0.0, 0.001, 0.005, 0.02, 0.1, 0.7))

    def leaves(self, token: str) -> bool:
        """Whether the handler of an attempt leaves its result to somebody outside: each time that
        it is made, or never.
        """
        return bool(self.outside) and crc32(token.encode()) % self.outside == 0

    def ignores(self, token: str) -> bool:
        """Whether the handler of an attempt goes on though it is cancelled."""
        return bool(self.deaf) and crc32(f"deaf {token}".encode()) % self.deaf == 0

    def operation(self, name: str) -> Kind | None:
        """What happens to an operation of a store that is about to begin."""
        if self.over or self.faults.random() >= self._rate:
            return None
        kind = self.faults.choice(_KINDS)
        if kind == "twice":
            return kind if name in _TWICE else None
        if kind.startswith("die") and name not in _WRITES:
            return None
        return kind if self._spend() else None

    def handler(self, moment: Moment) -> bool:
        """Whether a process dies in a handler: as it begins, or when it has done its work."""
        return self.dies(0.01)

    def dies(self, rate: float) -> bool:
        """Whether a process dies at this very point."""
        return not self.over and self.faults.random() < rate and self._spend()

    def _spend(self) -> bool:
        if self.left < 1:
            return False
        self.left -= 1
        return True
