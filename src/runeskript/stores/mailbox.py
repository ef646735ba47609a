"""Who listens to what, and the messages kept until somebody does.

Listeners are indexed by (topic, key). A message goes to every listener it matches at the moment it
arrives; one with a ``keep`` is also kept that long, is offered to listeners that come later, and is
gone once one of them took it. While it would be kept, an equal id is a duplicate.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from typing import Final

from ..model.events import Path
from ..model.rows import NamedTuple
from .base import Listener, Message, match_key

#: Messages kept at once; past it the oldest go first.
KEPT: Final = 100_000

_Slot = tuple[str, Hashable]


class _Kept(NamedTuple):
    message: Message
    slot: _Slot


class Mailbox:
    """Listeners and kept messages of one memory store."""

    def __init__(self, now: Callable[[], int], kept: int = KEPT) -> None:
        self._now = now
        self._bound = kept
        self._listeners: dict[_Slot, dict[tuple[str, Path, int], Listener]] = {}
        self._by_job: dict[str, dict[tuple[Path, int], Listener]] = {}
        #: Kept messages by id, oldest first, and their ids by what they match.
        self._kept: dict[str, _Kept] = {}
        self._waiting: dict[_Slot, dict[str, None]] = {}
        #: Topics of the messages kept for one job alone.
        self._topics_of: dict[str, set[str]] = {}
        self._seen: dict[str, int] = {}
        self._expiries: list[tuple[int, str]] = []

    # --- listeners -----------------------------------------------------------------------------
    def listen(self, listener: Listener) -> list[Message]:
        """Register a listener; the kept messages that match it, oldest first."""
        slot = (listener.topic, match_key(listener.key))
        job, path, m = listener.job, listener.path, listener.m
        self._listeners.setdefault(slot, {})[job, path, m] = listener
        self._by_job.setdefault(job, {})[path, m] = listener
        self._expire()
        ids = [*self._waiting.get(slot, ()), *self._waiting.get(_direct(job, listener.topic), ())]
        return [self._kept[id_].message for id_ in ids]

    def unlisten(self, job: str, path: Path, m: int) -> None:
        """Remove a listener, if it is there."""
        mine = self._by_job.get(job, {})
        listener = mine.pop((path, m), None)
        if listener is None:
            return
        if not mine:
            del self._by_job[job]
        slot = (listener.topic, match_key(listener.key))
        others = self._listeners[slot]
        del others[job, path, m]
        if not others:
            del self._listeners[slot]

    def forget(self, job: str) -> None:
        """Remove all listeners of a job, and the messages kept for it alone."""
        for path, m in list(self._by_job.get(job, ())):
            self.unlisten(job, path, m)
        for topic in list(self._topics_of.get(job, ())):
            for id_ in list(self._waiting[_direct(job, topic)]):
                self.take(id_)

    # --- messages ------------------------------------------------------------------------------
    def receive(self, message: Message) -> list[Listener] | None:
        """The listeners the message goes to now; None for a duplicate."""
        self._expire()
        if message.id in self._seen:
            return None
        if message.keep > 0:
            self._keep(message)
        if message.to is not None:
            mine = self._by_job.get(message.to, {})
            return [lis for lis in mine.values() if lis.topic == message.topic]
        return list(self._listeners.get(_slot(message), {}).values())

    def take(self, id_: str) -> None:
        """A listener took the message: later listeners do not get it."""
        kept = self._kept.pop(id_, None)
        if kept is None:
            return
        ids = self._waiting[kept.slot]
        del ids[id_]
        if ids:
            return
        del self._waiting[kept.slot]
        job = kept.message.to
        if job is not None:
            topics = self._topics_of[job]
            topics.discard(kept.message.topic)
            if not topics:
                del self._topics_of[job]

    def _keep(self, message: Message) -> None:
        until = self._now() + message.keep
        slot = _slot(message)
        self._seen[message.id] = until
        heapq.heappush(self._expiries, (until, message.id))
        self._kept[message.id] = _Kept(message, slot)
        self._waiting.setdefault(slot, {})[message.id] = None
        if message.to is not None:
            self._topics_of.setdefault(message.to, set()).add(message.topic)
        while len(self._kept) > self._bound:
            self.take(next(iter(self._kept)))
        while len(self._expiries) > 2 * self._bound:
            self._drop_first()

    def _expire(self) -> None:
        now = self._now()
        while self._expiries and self._expiries[0][0] <= now:
            self._drop_first()

    def _drop_first(self) -> None:
        id_ = heapq.heappop(self._expiries)[1]
        self._seen.pop(id_, None)
        self.take(id_)


def _direct(job: str, topic: str) -> _Slot:
    """Where messages to one job are kept."""
    return topic, (_direct, job)


def _slot(message: Message) -> _Slot:
    if message.to is not None:
        return _direct(message.to, message.topic)
    return message.topic, match_key(message.key)
