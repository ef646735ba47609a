"""A journal in memory: events by sequence number, where a batch counts as what it stands for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from .batches import piece, weight
from .events import CallsDone, Event


class History:
    """Events in order. ``len`` is the next sequence number: how many single events there are."""

    __slots__ = ("_events", "_length", "_starts")

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._length = 0
        #: The sequence number of each event, from the first batch on; till then its position is.
        self._starts: list[int] | None = None

    def __len__(self) -> int:
        return self._length

    def extend(self, events: Sequence[Event]) -> None:
        """Add events behind the others."""
        if self._starts is None and CallsDone in set(map(type, events)):
            self._starts = list(range(self._length))
        if self._starts is None:
            self._length += len(events)
        else:
            for event in events:
                self._starts.append(self._length)
                self._length += weight(event)
        self._events.extend(events)

    def read(self, start: int, limit: int) -> list[Event]:
        """What stands for at most ``limit`` events from ``start`` on; batches are cut to fit."""
        end = min(start + limit, self._length)
        if self._starts is None:
            return self._events[start:end]
        found: list[Event] = []
        at = max(bisect_right(self._starts, start) - 1, 0)
        while start < end:
            event, first = self._events[at], self._starts[at]
            last = min(first + weight(event), end)
            if isinstance(event, CallsDone) and (first < start or last < first + weight(event)):
                event = piece(event, start - first, last - first)
            found.append(event)
            start, at = last, at + 1
        return found
