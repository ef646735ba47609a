"""Slots of limits, and the lines of calls that wait for them."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias

from ...model.events import Path
from ...model.rows import NamedTuple

if TYPE_CHECKING:
    from ..slots import Limit, Take

#: A call of a job: its token's path and its number.
_Call: TypeAlias = "tuple[Path, int]"


class Waiting(NamedTuple):
    """A call that stands in line."""

    job: str
    path: Path
    n: int
    limits: tuple[Limit, ...]


class Lines:
    """All limits of one store. What is written down here is always settled: nobody waits who need
    not; only time makes slots free between two calls, so each begins with that.

    Everything is found by an index: a line may hold a hundred thousand calls.
    """

    def __init__(self) -> None:
        self._numbers = 0
        #: In order of arrival: all calls, those of each job, and those in each limit's line (in
        #: which a plain dict would search for its first one again and again).
        self._waiting: dict[int, Waiting] = {}
        self._jobs: dict[str, dict[_Call, list[int]]] = {}
        self._lines: dict[str, OrderedDict[int, None]] = {}
        #: How many slots are taken, those that each job has to free, and when time frees others.
        self._taken: dict[str, int] = {}
        self._held: dict[str, dict[_Call, list[str]]] = {}
        self._ends: list[tuple[int, str]] = []
        #: Limits with slots that were freed, or calls that joined or left their lines.
        self._stirred: set[str] = set()

    @property
    def used(self) -> bool:
        """Whether anything is limited at all."""
        return bool(self._taken or self._waiting)

    def of(self, job: str) -> list[Waiting]:
        """What waits for one job, in order."""
        calls = self._jobs.get(job, {})
        return [self._waiting[one] for one in sorted(x for row in calls.values() for x in row)]

    def stands(self, job: str, path: Path, n: int) -> bool:
        """Whether a call stands in line."""
        return (path, n) in self._jobs.get(job, ())

    def names(self) -> set[str]:
        """The limits that somebody has to free a slot of, or waits for."""
        held = {name for calls in self._held.values() for names in calls.values() for name in names}
        return held | self._lines.keys()

    def due(self) -> int | None:
        """When time makes the next slot free for somebody who waits."""
        return min((end for end, name in self._ends if name in self._lines), default=None)

    def take(self, job: str, take: Take) -> None:
        """Put a call at the end of its lines."""
        self._numbers += 1
        number = self._numbers
        self._waiting[number] = Waiting(job, take.path, take.n, take.limits)
        self._jobs.setdefault(job, {}).setdefault((take.path, take.n), []).append(number)
        for limit in take.limits:
            self._lines.setdefault(limit.name, OrderedDict())[number] = None
            self._stirred.add(limit.name)
        if not take.limits:
            self._leave(number)

    def free(self, job: str, path: Path, n: int) -> bool:
        """A call is over: its slots are free, and it waits for none. Whether it had or did."""
        held = self._held.get(job, {})
        names = held.pop((path, n), [])
        if not held:
            self._held.pop(job, None)
        for name in names:
            self._give_back(name)
        waiting = list(self._jobs.get(job, {}).get((path, n), ()))
        for number in waiting:
            self._leave(number)
        return bool(names or waiting)

    def drop(self, job: str) -> bool:
        """A job has ended; whether it had or wanted slots."""
        calls = {**self._held.get(job, {}), **self._jobs.get(job, {})}
        found = [self.free(job, *call) for call in calls]
        return any(found)

    def _leave(self, number: int) -> None:
        """A call stands in line no more."""
        one = self._waiting.pop(number)
        calls = self._jobs[one.job]
        calls[one.path, one.n].remove(number)
        if not calls[one.path, one.n]:
            del calls[one.path, one.n]
        if not calls:
            del self._jobs[one.job]
        for name in {limit.name for limit in one.limits}:
            line = self._lines[name]
            del line[number]
            if not line:
                del self._lines[name]
            self._stirred.add(name)

    def _give_back(self, name: str) -> None:
        self._taken[name] -= 1
        if not self._taken[name]:
            del self._taken[name]
        self._stirred.add(name)

    def settle(self, now: int) -> list[Waiting]:
        """Give what is free to those who are first in all their lines; who has got theirs."""
        while self._ends and self._ends[0][0] <= now:
            self._give_back(heapq.heappop(self._ends)[1])
        granted: list[int] = []
        found: dict[int, Waiting] = {}
        while self._stirred:
            line = self._lines.get(self._stirred.pop(), ())
            while (number := next(iter(line), None)) is not None:
                one = self._waiting[number]
                if not all(self._open(limit, number) for limit in one.limits):
                    break
                self._leave(number)
                self._grant(one, now)
                granted.append(number)
                found[number] = one
        return [found[number] for number in sorted(granted)]

    def _open(self, limit: Limit, number: int) -> bool:
        """Whether a call is first in a limit's line and there is a slot."""
        first = next(iter(self._lines[limit.name]))
        return first == number and self._taken.get(limit.name, 0) < limit.size

    def _grant(self, one: Waiting, now: int) -> None:
        for name, _, hold in one.limits:
            self._taken[name] = self._taken.get(name, 0) + 1
            if hold is None:
                calls = self._held.setdefault(one.job, {})
                calls.setdefault((one.path, one.n), []).append(name)
            else:
                heapq.heappush(self._ends, (now + hold, name))
