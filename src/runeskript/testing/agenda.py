"""What happens later in a simulation: timers that fire, and calls that take their time."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..model.events import CallDone, CallFailed, Event, Path, TimerFired

Kind: TypeAlias = Literal["call", "timer"]


@dataclass(order=True, slots=True)
class _Due:
    at: int
    order: int
    event: Event = field(compare=False)


class Agenda:
    """Events by the time they are due; those of one time in the order they were added."""

    def __init__(self) -> None:
        self._heap: list[_Due] = []
        self._order = 0
        #: What still counts: a call or a timer, and which of those that were added for it.
        self._live: dict[tuple[Kind, Path, int], int] = {}

    def add(self, at: int, event: Event) -> None:
        """Have an event happen at ``at``, in place of one that was added for the same."""
        self._order += 1
        self._live[_key(event)] = self._order
        heapq.heappush(self._heap, _Due(at, self._order, event))

    def drop(self, kind: Kind, path: Path, number: int) -> None:
        """Have nothing happen for this call or timer, if something was to."""
        self._live.pop((kind, path, number), None)

    def next(self) -> int | None:
        """When the next event is due; None where there is none."""
        heap = self._heap
        while heap and self._live.get(_key(heap[0].event)) != heap[0].order:
            heapq.heappop(heap)
        return heap[0].at if heap else None

    def take(self) -> Event:
        """The event that :meth:`next` told of, which counts no more."""
        event = heapq.heappop(self._heap).event
        del self._live[_key(event)]
        return event


def _key(event: Event) -> tuple[Kind, Path, int]:
    if isinstance(event, TimerFired):
        return "timer", event.path, event.m
    if isinstance(event, CallDone | CallFailed):
        return "call", event.path, event.n
    raise TypeError(f"not scheduled: {event!r}")
