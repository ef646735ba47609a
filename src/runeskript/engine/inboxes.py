"""The store's inbox: what others have for live jobs, row by row.

A row becomes an event, or nothing (a second cancel); in either case the unit that the event is in
uses it up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from ..model.events import (
    GRACE_ALL,
    GRACE_ASKED,
    CancelRequested,
    Event,
    GraceGiven,
    MessageIn,
    Path,
)
from ..model.limits import CANCEL_GRACE_MS, LOADED_MESSAGES
from ..stores.base import URGENT, Command, InboxRow, Message, PostOutcome, Store
from .arrivals import Arrivals
from .cancelling import Asked, asked_by
from .children import child_done
from .clock import Clock
from .lease import Lease
from .live import Live
from .secrets import Vault
from .sending import event_of

#: Inbox rows read at once, and those of one job that are in memory: the others stay in the store
#: until half of these are used up. A run takes them as fast as it is advanced, but for one that
#: computes, or is not live yet; whoever posts may be quicker.
INBOX: Final = 1_000
#: Rows of one job that do not wait for those before them, at most: what interrupts it.
AHEAD: Final = 16


class Inboxes(Arrivals):
    """Brings inbox rows to live jobs, each once and in order."""

    def __init__(
        self, store: Store, lease: Lease, clock: Clock, vault: Vault, resources: dict[str, Any]
    ) -> None:
        super().__init__(clock, vault, resources)
        self.store = store
        self.lease = lease
        #: Milliseconds that what a cancel asks to stop has to end, where it does not say.
        self.grace = CANCEL_GRACE_MS
        #: A call that stood in line may go.
        self.on_slot: Callable[[Live, Path, int], None]
        self._seen = 0
        #: Inbox rows of jobs that are this worker's and not live yet.
        self._early: dict[str, list[InboxRow]] = {}
        #: Jobs some of whose rows were left in the store -> the number of the first of them.
        self._left: dict[str, int] = {}
        self._collecting = self._collect_more = False

    async def post(self, item: Message | Command) -> PostOutcome:
        """A message or command from outside."""
        (outcome,) = await self.store.post([item])
        await self.collect()
        self.poke()
        return outcome

    async def post_all(self, items: Sequence[Message | Command]) -> list[PostOutcome]:
        """Many of them, in one go."""
        outcomes = await self.store.post(items)
        await self.collect()
        self.poke()
        return outcomes

    async def collect(self) -> None:
        """Take what the store's inbox holds for live jobs. Who comes while another is at it leaves
        the rest to that one: a row must become one event.
        """
        self._collect_more = True
        if self._collecting:
            return
        self._collecting = True
        try:
            while self._collect_more:
                self._collect_more = False
                await self._collect()
        finally:
            self._collecting = False

    async def _collect(self) -> None:
        taken: dict[str, int] = {}
        for job in list(self._left):
            number = await self._catch_up(job)
            if number:
                taken[job] = number
        while True:
            others = (*taken, *self._left)
            rows = await self.store.inbox(self.lease.worker.id, self._seen, INBOX, None, others)
            for row in rows:
                self._seen = row.number
                live = self.lives.get(row.job)
                if live is not None:
                    self._offer(live, row)
                elif len(early := self._early.setdefault(row.job, [])) < INBOX:
                    early.append(row)
                else:
                    self._left.setdefault(row.job, row.number)
            if len(rows) < INBOX:
                # Up to there all was read, by itself or with the others.
                self._seen = max(self._seen, *taken.values(), 0)
                return
            for job in dict.fromkeys(row.job for row in rows):  # no more of them: there is no room
                live = self.lives.get(job)
                waiting = self._early.get(job, ()) if live is None else live.arrivals
                if len(waiting) >= INBOX:
                    self._left.setdefault(job, self._seen + 1)

    def _offer(self, live: Live, row: InboxRow) -> None:
        """Deliver a row, or leave it in the store where too many wait already."""
        if row.number <= live.mail or row.number in live.ahead:
            return
        if live.id not in self._left and len(live.arrivals) < INBOX:
            live.mail = row.number
            self._deliver(live, row)
            return
        self._left.setdefault(live.id, row.number)
        if row.kind in URGENT and len(live.ahead) < AHEAD:
            live.ahead.add(row.number)
            self._deliver(live, row)

    async def _catch_up(self, job: str) -> int:
        """Take what was left in the store of a job's rows, if there is room for them by now; the
        number of the last one.
        """
        live = self.lives.get(job)
        if live is None:
            if job not in self._early:
                del self._left[job]  # it is not here any more
            return 0
        room = INBOX - len(live.arrivals)
        if room < INBOX // 2:
            return 0
        rows = await self.store.inbox(self.lease.worker.id, self._left[job] - 1, room, job)
        if self.lives.get(job) is not live or job not in self._left:
            return 0
        if len(rows) == room:
            self._left[job] = rows[-1].number + 1
        else:
            del self._left[job]  # later ones are not read yet
        for row in rows:
            if row.number > live.mail:
                live.mail = row.number
                if row.number not in live.ahead:
                    self._deliver(live, row)
        live.ahead = {number for number in live.ahead if number > live.mail}
        return rows[-1].number if rows else 0

    def behind(self, live: Live) -> bool:
        """Whether rows of a job were left in the store."""
        return live.id in self._left

    def _deliver(self, live: Live, row: InboxRow) -> None:
        """An inbox row becomes an event, or nothing; in either case a unit uses it up.

        What comes for a job that is about to be paused stays where it is, for whoever goes on.
        """
        if live.pausing:
            return
        if row.kind == "pause":
            live.pausing = row.number
            self.schedule(live)
            return
        if row.kind == "cancel":
            # Both are used up with the second.
            live.arrivals.append((self.cancel(live, asked_by(row.data)), row.number))
            return
        event = self._event(live, row)
        live.arrivals.append((event, row.number))
        if event is None:
            self.schedule(live)
        else:
            self.arrive(live, event)

    def cancel(self, live: Live, asked: Asked) -> Event:
        """Cancel a run, with a time in which what it asks to stop has to end; the last event.

        A cancel that says no time leaves the one that runs already, or is about to.
        """
        event: Event = CancelRequested(self.at(), asked.reason)
        self.arrive(live, event)
        if asked.grace is not None or not _grace_runs(live):
            grace = self.grace if asked.grace is None else asked.grace
            event = GraceGiven(self.at(), grace, asked.everything)
            self.arrive(live, event)
        return event

    def deliver_early(
        self, live: Live, inbox: Collection[InboxRow], used: Collection[int] = ()
    ) -> None:
        """What was in the inbox of a job before it became live, but for the rows that are used up:
        they may have been read here before they were.
        """
        early, left = self._early.pop(live.id, ()), self._left.pop(live.id, None)
        if early and live.row.epoch > 1:
            # Somebody had it before, and what was under way to here meanwhile may be used up: of
            # what was not loaded the store is asked again.
            known = {row.number for row in inbox}
            asked = [row.number for row in early if row.number not in known]
            left = min((number for number in (left, *asked) if number is not None), default=None)
            early = [row for row in early if row.number in known]
        rows = {row.number: row for row in (*inbox, *early)}
        messages = [row.number for row in inbox if row.kind == "message"]
        if len(messages) >= LOADED_MESSAGES:  # there may be more of them
            left = min(left or messages[-1] + 1, messages[-1] + 1)
        for number in sorted(rows.keys() - set(used)):
            if left is not None and number >= left:
                self._left.setdefault(live.id, left)
            self._offer(live, rows[number])
        if left is not None:
            self._left.setdefault(live.id, left)

    def forget_mail(self, job: str) -> None:
        """A job is not going to be live here."""
        self._early.pop(job, None)
        self._left.pop(job, None)

    def _event(self, live: Live, row: InboxRow) -> Event | None:
        """What an inbox row is to a run."""
        data = row.data
        if row.kind == "message" and isinstance(data, dict):
            return MessageIn(self.at(), row.path, row.n, data)
        if row.kind == "event":
            return event_of(row, self.at())
        if row.kind == "slot":
            self.on_slot(live, row.path, row.n)
            return None
        if row.kind in ("complete", "fail"):
            from .completing import event_of as completion

            if self.vault.used:
                row = row._replace(data=self.vault.scrub(data))
            return completion(live.program, live.run, row, self.at())
        if row.kind == "child" and isinstance(data, dict):
            token = live.run.calls.get(row.path)
            if token is not None and token.child == data.get("job"):
                return child_done(self.at(), row.path, row.n, data)
        return None


def _grace_runs(live: Live) -> bool:
    """Whether a run has a grace time, or is given one by what waits for it."""
    timers = live.run.timers
    return (
        ((), GRACE_ASKED) in timers
        or ((), GRACE_ALL) in timers
        or any(isinstance(event, GraceGiven) for event in (*live.run.inbox, *live.inbox))
    )
