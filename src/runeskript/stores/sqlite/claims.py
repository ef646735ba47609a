"""Claiming jobs and giving them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from ...errors import StoreDamagedError
from ..leases import Claimed, Owned, Release, Worker
from ..rows import CLAIMS, SUSPECT
from ..suspects import newest_first, room
from .database import Database
from .heads import Head, Heads
from .jobs import Jobs
from .lines import Lines
from .workers import Workers

#: Suspects of one count of claims and one need that are due. (That there are two at least is what
#: the index knows.)
_OLDEST: Final = (
    "SELECT number, id, claims, progress FROM job WHERE claims=? AND claims >= 2 AND need=? "
    "AND due IS NOT NULL AND due <= ? ORDER BY number LIMIT ?"
)
_NEWEST: Final = _OLDEST.replace("BY number", "BY number DESC")


class Claims:
    """Everything here is called inside a transaction."""

    def __init__(
        self,
        db: Database,
        heads: Heads,
        jobs: Jobs,
        lines: Lines,
        workers: Workers,
        now: Callable[[], int],
    ) -> None:
        self._db = db
        self._heads = heads
        self._jobs = jobs
        self._lines = lines
        self._workers = workers
        self._now = now

    def claim(
        self, worker: Worker, limit: int, only: Sequence[str], suspects: int | None
    ) -> Claimed:
        """The jobs that are the worker's now, and when there may be more."""
        now = self._now()
        number = self._workers.alive(worker.id, now)
        if number is None:
            return Claimed([], None)
        for dead in self._workers.dead(now):
            self._jobs.expropriate(dead)
            self._workers.leave(dead)
        self._jobs.settle()
        needs = self._workers.suits(worker)
        cut = False
        if only:
            ripe, due = self._named(only, needs, now)
        else:
            ripe, due, cut = self._ripe(needs, now, limit, any_=suspects is None)
        withheld = False
        if suspects is not None:
            among = () if only else needs
            ripe, withheld = self._fewer_suspects(ripe, among, now, number, suspects)
        claimed, looked = self._take_all(ripe, number, limit)
        if looked < len(ripe) or (cut and len(claimed) < limit):
            due = now
        times = (due, self._lines.due(), self._workers.next_end(worker.id))
        next_ = min((time for time in times if time is not None), default=None)
        return Claimed(claimed, next_, withheld)

    def refill(self) -> int | None:
        """Give out the slots that time has made free; when it makes the next one free."""
        self._jobs.settle()
        return self._lines.due()

    def _take_all(self, ripe: list[Any], worker: int, limit: int) -> tuple[list[Owned], int]:
        """Claim at most ``limit`` of these jobs, in their order, and park those that cannot be
        claimed; the ones that were claimed, and how many were looked at.
        """
        claimed: list[Owned] = []
        rows: list[tuple[int, ...]] = []
        start = 0
        while len(claimed) < limit and start < len(ripe):
            # No more than may be claimed: what is left must not be read for nothing.
            part = ripe[start : start + limit - len(claimed)]
            start += len(part)
            self._heads.read_many([id_ for _, id_, _, _ in part])
            for _, id_, claims, progress in part:
                head = self._heads.get(id_)
                row = None if head is None else self._take(head, worker, claims, progress)
                if head is not None and row is not None:
                    rows.append(row)
                    claimed.append(Owned(id_, head.epoch))
        if rows:
            self._jobs.claim(rows)
        return claimed, start

    def _take(self, head: Head, worker: int, claims: int, progress: int) -> tuple[int, ...] | None:
        """What is written of a job that is claimed; None where it is parked."""
        try:
            self._heads.read_end(head)
        except StoreDamagedError as exc:
            self._jobs.park(head, exc.message)
            return None
        return self._jobs.take(head, worker, claims, progress)

    def _named(
        self, only: Sequence[str], needs: Sequence[int], now: int
    ) -> tuple[list[Any], int | None]:
        """Of some jobs those that are due and suit, and when the next of them will be."""
        found = []
        later: list[int] = []
        for id_ in dict.fromkeys(only):
            rows = self._db.rows(
                "SELECT priority, due, number, id, claims, progress, need FROM job "
                "WHERE id=? AND due IS NOT NULL",
                (id_,),
            )
            for priority, due, number, *rest, need in rows:
                if need in needs and due <= now:
                    found.append((-priority, due, number, *rest))
                elif need in needs:
                    later.append(due)
        return [row[2:] for row in sorted(found)], min(later, default=None)

    def _ripe(
        self, needs: Sequence[int], now: int, limit: int, *, any_: bool
    ) -> tuple[list[Any], int | None, bool]:
        """The most urgent jobs that are due and suit, more than ``limit`` since some may have to
        be parked; when the next will be; and whether there are more now. ``any_``: suspects, too.
        """
        most, cut = limit + _PARKED, False
        trusted = CLAIMS + 1 if any_ else SUSPECT
        found: list[Any] = []
        later: list[int] = []
        for need in needs:
            for (priority,) in self._priorities(need):
                rows = self._db.rows(
                    "SELECT -priority, due, number, id, claims, progress FROM job WHERE need=? "
                    "AND priority=? AND due IS NOT NULL AND due <= ? AND claims < ? "
                    "ORDER BY due, number LIMIT ?",
                    (need, priority, now, trusted, most),
                )
                cut = cut or len(rows) == most
                found += rows
                ((due,),) = self._db.rows(
                    "SELECT min(due) FROM job WHERE need=? AND priority=? AND due > ?",
                    (need, priority, now),
                )
                if due is not None:
                    later.append(due)
        return [row[2:] for row in sorted(found)], min(later, default=None), cut

    def _fewer_suspects(
        self, ripe: list[Any], needs: Sequence[int], now: int, worker: int, most: int
    ) -> tuple[list[Any], bool]:
        """Of these jobs and the suspects with one of ``needs`` all but the suspects that would be
        too many, and whether there are such; suspects come first.
        """
        chosen: list[Any] = []
        withheld, held = False, -1
        for claims in range(CLAIMS, SUSPECT - 1, -1):
            newest = newest_first(claims)
            equals = [row for row in ripe if row[2] == claims]
            for need in needs:
                equals += self._db.rows(
                    _NEWEST if newest else _OLDEST,
                    (claims, need, now, _PARKED if claims == CLAIMS else most + 1),
                )
            if equals and held < 0:
                held = self._held(worker)
            equals.sort(reverse=newest)
            part = equals[: room(most, claims, held)]
            withheld = withheld or len(part) < len(equals)
            held += len(part) if claims < CLAIMS else 0
            chosen += part
        return [*chosen, *(row for row in ripe if row[2] < SUSPECT)], withheld

    def _held(self, worker: int) -> int:
        """How many suspects a worker has that did not get on yet."""
        rows = self._db.rows(
            "SELECT id, progress FROM job WHERE owner=? AND claims > ?", (worker, SUSPECT)
        )
        held = 0
        for id_, progress in rows:
            head = self._heads.get(id_)
            if head is not None:
                with suppress(StoreDamagedError):  # it will be parked
                    self._heads.read_end(head)
                    held += head.length == progress
        return held

    def _priorities(self, need: int) -> list[tuple[Any, ...]]:
        """The priorities among the jobs with this need, found without reading them all."""
        return self._db.rows(
            "WITH RECURSIVE one(priority) AS ("
            "SELECT max(priority) FROM job WHERE need=?1 AND due IS NOT NULL UNION ALL "
            "SELECT (SELECT max(priority) FROM job WHERE need=?1 AND due IS NOT NULL "
            "AND priority < one.priority) FROM one WHERE one.priority IS NOT NULL) "
            "SELECT priority FROM one WHERE priority IS NOT NULL",
            (need,),
        )

    def release(self, worker: str, jobs: Sequence[Release] | None) -> None:
        """Give jobs back (None: all, and the lease)."""
        number = self._workers.number(worker)
        if number is None:
            return
        if jobs is None:
            for (id_,) in self._db.rows("SELECT id FROM job WHERE owner=?", (number,)):
                head = self._heads.get(id_)
                if head is not None:
                    self._jobs.give_back(head, rest=False)
            self._workers.leave(number)
        for one in jobs or ():
            head = self._heads.get(one.job)
            if head is None or head.owner != number or head.epoch != one.epoch:
                continue
            if one.park is None:
                self._jobs.give_back(head, rest=one.rest)
            else:
                self._jobs.park(head, one.park)


#: Jobs that may have to be parked beside those that are claimed at once.
_PARKED = 100
