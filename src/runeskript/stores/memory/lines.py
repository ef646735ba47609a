"""Slots of limits, and the lines of calls that wait for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from ...model.events import Path
from ...model.rows import NamedTuple

if TYPE_CHECKING:
    from ..slots import Limit, Take


_Gone: TypeAlias = Callable[[Any], bool]


class _Slot(NamedTuple):
    job: str
    path: Path
    n: int
    #: When a rate's slot is free again; None for one that has to be freed.
    until: int | None


class Waiting(NamedTuple):
    """A call that stands in line."""

    job: str
    path: Path
    n: int
    limits: tuple[Limit, ...]


class Lines:
    """All limits of one store. What is written down here is always settled: nobody waits who need
    not; only time makes slots free between two calls, so each begins with that.
    """

    def __init__(self) -> None:
        self._slots: dict[str, dict[int, _Slot]] = {}
        #: In order of arrival.
        self._waiting: dict[int, Waiting] = {}
        self._numbers = 0

    @property
    def used(self) -> bool:
        """Whether anything is limited at all."""
        return bool(self._slots or self._waiting)

    def of(self, job: str) -> list[Waiting]:
        """What waits for one job, in order."""
        return [one for one in self._waiting.values() if one.job == job]

    def taken(self, name: str) -> int:
        """How many slots of a limit are taken."""
        return len(self._slots.get(name, ()))

    def due(self) -> int | None:
        """When time makes the next slot free for somebody who waits."""
        names = {limit.name for one in self._waiting.values() for limit in one.limits}
        ends = [
            slot.until
            for name in names
            for slot in self._slots.get(name, {}).values()
            if slot.until is not None
        ]
        return min(ends, default=None)

    def take(self, job: str, take: Take) -> None:
        """Put a call at the end of its lines."""
        self._numbers += 1
        self._waiting[self._numbers] = Waiting(job, take.path, take.n, take.limits)

    def free(self, job: str, path: Path, n: int) -> None:
        """A call is over: its slots are free, and it waits for none."""
        self._drop(lambda one: (one.job, one.path, one.n) == (job, path, n))

    def drop(self, job: str) -> bool:
        """A job has ended; whether it had or wanted slots."""
        return self._drop(lambda one: one.job == job)

    def _drop(self, gone: _Gone) -> bool:
        found = False
        for number, one in list(self._waiting.items()):
            if gone(one):
                del self._waiting[number]
                found = True
        for name, slots in list(self._slots.items()):
            for number, slot in list(slots.items()):
                if slot.until is None and gone(slot):
                    del slots[number]
                    found = True
            if not slots:
                del self._slots[name]
        return found

    def settle(self, now: int) -> list[Waiting]:
        """Give what is free to those who are first in all their lines; who has got theirs."""
        self._expire(now)
        granted: list[Waiting] = []
        blocked: set[str] = set()
        for number, one in list(self._waiting.items()):
            names = {limit.name for limit in one.limits}
            if names & blocked or any(self.taken(name) >= size for name, size, _ in one.limits):
                blocked |= names
                continue
            del self._waiting[number]
            granted.append(one)
            for name, _, hold in one.limits:
                self._numbers += 1
                until = None if hold is None else now + hold
                slot = _Slot(one.job, one.path, one.n, until)
                self._slots.setdefault(name, {})[self._numbers] = slot
        return granted

    def _expire(self, now: int) -> None:
        for name, slots in list(self._slots.items()):
            for number, slot in list(slots.items()):
                if slot.until is not None and slot.until <= now:
                    del slots[number]
            if not slots:
                del self._slots[name]
