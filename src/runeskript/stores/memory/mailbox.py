"""Who listens to what, and the messages kept until somebody does.

Listeners are indexed by (tenant, topic, key). A message goes to every listener it matches at the
moment it arrives; one with a ``keep`` is also kept that long, is offered to listeners that come
later, and is gone once one of them took it. While it would be kept, an equal id is a duplicate.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Final

from ...model.events import Path
from ...model.limits import LOADED_MESSAGES
from ...model.rows import NamedTuple
from ..rows import InboxRow, Listener, Message, match_key

#: Messages kept at once; past it the oldest go first.
KEPT: Final = 100_000

#: Tenant, topic, and key or (for messages to one job) its id.
_Slot = tuple[str, str, bytes | str]
_Id = tuple[str, str]


class _Kept(NamedTuple):
    number: int
    message: Message
    slot: _Slot


class Mailbox:
    """Listeners and kept messages of one memory store."""

    def __init__(self, now: Callable[[], int], kept: int = KEPT) -> None:
        self._now = now
        self._bound = kept
        self._listeners: dict[_Slot, dict[tuple[str, Path, int], Listener]] = {}
        self._by_job: dict[str, dict[tuple[Path, int], Listener]] = {}
        #: Kept messages by tenant and id, oldest first, and those by what they match.
        self._kept: dict[_Id, _Kept] = {}
        self._waiting: dict[_Slot, dict[_Id, None]] = {}
        #: Where messages are kept for one job alone.
        self._slots_of: dict[str, set[_Slot]] = {}
        self._seen: dict[_Id, int] = {}
        self._expiries: list[tuple[int, _Id]] = []
        self._arrivals = 0

    # --- listeners -----------------------------------------------------------------------------
    def listen(self, listener: Listener) -> list[Message]:
        """Register a listener; the kept messages that match it, oldest first."""
        job, path, m, topic, key, tenant = listener
        slot = (tenant, topic, match_key(key))
        self._listeners.setdefault(slot, {})[job, path, m] = listener
        self._by_job.setdefault(job, {})[path, m] = listener
        self.expire()
        direct = (tenant, topic, job)
        ids = [*self._waiting.get(slot, ()), *self._waiting.get(direct, ())]
        return [kept.message for kept in sorted(self._kept[id_] for id_ in ids)]

    def unlisten(self, job: str, path: Path, m: int) -> None:
        """Remove a listener, if it is there."""
        mine = self._by_job.get(job, {})
        listener = mine.pop((path, m), None)
        if listener is None:
            return
        if not mine:
            del self._by_job[job]
        slot = (listener.tenant, listener.topic, match_key(listener.key))
        others = self._listeners[slot]
        del others[job, path, m]
        if not others:
            del self._listeners[slot]

    def listeners(self, job: str) -> list[Listener]:
        """The listeners of a job, by path and number."""
        return sorted(self._by_job.get(job, {}).values(), key=lambda one: (one.path, one.m))

    def forget(self, job: str) -> None:
        """Remove all listeners of a job, and the messages kept for it alone."""
        for path, m in list(self._by_job.get(job, ())):
            self.unlisten(job, path, m)
        for slot in list(self._slots_of.get(job, ())):
            for tenant, id_ in list(self._waiting[slot]):
                self.take(id_, tenant)

    # --- messages ------------------------------------------------------------------------------
    def receive(self, message: Message) -> list[Listener] | None:
        """The listeners the message goes to now, by job, path and number; None for a duplicate."""
        self.expire()
        if (message.tenant, message.id) in self._seen:
            return None
        if message.keep > 0:
            self._keep(message)
        elif message.remember > 0:
            self._remember((message.tenant, message.id), self._now() + message.remember)
        if message.to is None:
            found = self._listeners.get(_slot(message), {}).values()
        else:
            of = (message.tenant, message.topic)
            mine = self._by_job.get(message.to, {}).values()
            found = {(m.job, m.path, m.m): m for m in mine if (m.tenant, m.topic) == of}.values()
        if len(found) < 2:
            return list(found)
        return sorted(found, key=lambda one: (one.job, one.path, one.m))

    def take(self, id_: str, tenant: str = "") -> None:
        """A listener took the message: later listeners do not get it."""
        kept = self._kept.pop((tenant, id_), None)
        if kept is None:
            return
        slot = kept.slot
        ids = self._waiting[slot]
        del ids[tenant, id_]
        if ids:
            return
        del self._waiting[slot]
        job = kept.message.to
        if job is not None:
            slots = self._slots_of[job]
            slots.discard(slot)
            if not slots:
                del self._slots_of[job]

    def _keep(self, message: Message) -> None:
        until = self._now() + message.keep
        slot, id_ = _slot(message), (message.tenant, message.id)
        self._arrivals += 1
        self._kept[id_] = _Kept(self._arrivals, message, slot)
        self._waiting.setdefault(slot, {})[id_] = None
        if message.to is not None:
            self._slots_of.setdefault(message.to, set()).add(slot)
        while len(self._kept) > self._bound:
            tenant, oldest = next(iter(self._kept))
            self.take(oldest, tenant)
        self._remember(id_, until)

    def _remember(self, id_: _Id, until: int) -> None:
        self._seen[id_] = until
        heapq.heappush(self._expiries, (until, id_))
        while len(self._expiries) > 2 * self._bound:
            self._drop_first()

    def expire(self) -> int:
        """Forget what has been kept long enough; how many ids that were."""
        now, count = self._now(), 0
        while self._expiries and self._expiries[0][0] <= now:
            self._drop_first()
            count += 1
        return count

    def _drop_first(self) -> None:
        tenant, id_ = heapq.heappop(self._expiries)[1]
        self._seen.pop((tenant, id_), None)
        self.take(id_, tenant)


def _slot(message: Message) -> _Slot:
    if message.to is not None:
        return message.tenant, message.topic, message.to
    return message.tenant, message.topic, match_key(message.key)


def first_of(inbox: Iterable[InboxRow]) -> list[InboxRow]:
    """What is loaded with a job: of messages the first ones."""
    found, left = [], LOADED_MESSAGES
    for row in inbox:
        if row.kind == "message":
            if left == 0:
                continue
            left -= 1
        found.append(row)
    return found
