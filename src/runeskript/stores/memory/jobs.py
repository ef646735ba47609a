"""The jobs of a memory store: rows, journals, who owns them, and the feed of what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...errors import StoreError
from ...model.events import Event, Path, Status
from ...model.history import History
from ...model.machine import FINAL
from ...model.values import Value
from ..rows import CLAIMS, ERASED, SUSPECT, InboxRow, JobRow, Timer, wakes
from ..suspects import newest_first, room

if TYPE_CHECKING:
    from ..leases import Worker
    from ..queries import Change

#: Removed jobs that the feed remembers.
REMOVALS: Final = 10_000


class Job:
    """One job, and all that belongs to it alone."""

    __slots__ = (
        "base",
        "changed",
        "commands",
        "inbox",
        "journal",
        "part",
        "progress",
        "row",
        "snapshot",
        "timers",
    )

    def __init__(self, row: JobRow, journal: Sequence[Event]) -> None:
        self.row = row
        #: Events from sequence number ``base`` on; those before it were pruned.
        self.journal = History()
        self.journal.extend(journal)
        self.base = 0
        self.snapshot: tuple[int, bytes] | None = None
        #: The length of the journal at the last unit, and that unit's ``part``.
        self.part = (0, 0)
        self.timers: dict[tuple[Path, int], Timer] = {}
        self.inbox: dict[int, InboxRow] = {}
        #: Ids of the commands it was sent.
        self.commands: set[str] = set()
        #: Length of the journal when the job was last claimed.
        self.progress = 0
        #: Its place in the feed.
        self.changed = 0

    @property
    def is_stuck(self) -> bool:
        """Whether there was no event since the job was last claimed."""
        return self.length == self.progress

    @property
    def length(self) -> int:
        """The number of events there ever were."""
        return self.base + len(self.journal)

    @property
    def parts(self) -> int:
        """How many units without events there were behind the last event."""
        length, part = self.part
        return part if length == self.length else 0

    @property
    def over(self) -> bool:
        """Whether it has ended, and nobody asked for it to go on."""
        return self.row.status in FINAL and self.row.owner is None and not self.inbox

    def events(self, start: int, limit: int | None = None) -> list[Event]:
        """Events from a sequence number on. Raises StoreError where they were pruned."""
        if start < self.base:
            raise StoreError(
                f"job {self.row.id}: its events before {self.base} were pruned", code="RUNE-7011"
            )
        return self.journal.read(start - self.base, len(self.journal) if limit is None else limit)

    def forget_events(self) -> int:
        """Drop the events before the snapshot; how many those were."""
        if self.snapshot is None or self.snapshot[0] <= self.base:
            return 0
        seq = self.snapshot[0]
        kept, gone = History(), seq - self.base
        kept.extend(self.events(seq))
        self.journal, self.base = kept, seq
        return gone

    def erase(self, error: dict[str, Value] | None) -> None:
        """Drop all that the job was given, gave and did."""
        self.base, self.journal, self.snapshot = self.length, History(), (self.length, b"")
        row = self.row._replace(input=None, output=None, data=None, error=error, reason=ERASED)
        self.row = row

    def due_at_rest(self, now: int) -> int | None:
        """From when on a job without an owner may be claimed, where nothing of it is under way."""
        status = self.row.status
        if any(wakes(status, one.kind, self.row.kind) for one in self.inbox.values()):
            return now
        if status not in ("Pending", "Running"):
            return None
        return min((timer.due for timer in self.timers.values()), default=None)

    def shown(self) -> JobRow:
        """The row as it is given out."""
        return self.row._replace(seq=self.length)


class Jobs:
    """All jobs of a memory store, by id; what is written here is one job's part at a time."""

    def __init__(self) -> None:
        self.by_id: dict[str, Job] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self.owned: dict[str, dict[str, None]] = {}
        #: Jobs without an owner that are or will be due.
        self.claimable: dict[str, None] = {}
        #: Place in the feed -> job, in order; and when those that are gone were removed.
        self.feed: dict[int, str] = {}
        self.removed: dict[int, int] = {}
        #: Removals up to here are forgotten.
        self.forgotten = 0
        self._numbers = 0
        self._changes = 0

    # --- coming and going -----------------------------------------------------------------------
    def add(self, row: JobRow, journal: Sequence[Event], owned: bool, now: int) -> Job:
        """A new job."""
        self._numbers += 1
        job = Job(row, journal)
        job.row = row._replace(
            epoch=int(owned),
            claims=int(owned),
            number=self._numbers,
            seq=0,
            owner=row.owner if owned else None,
            due=None,
        )
        job.progress = 0 if owned else job.length
        self.by_id[row.id] = job
        if row.key is not None:
            self.keys[row.tenant, row.key] = row.id
        if owned and row.owner is not None:
            self.owned.setdefault(row.owner, {})[row.id] = None
        elif row.status != "Suspended" and row.status not in FINAL:
            self.make_due(job, now if row.due is None else row.due)
        self.change(job)
        return job

    def remove(self, id_: str, now: int) -> Job:
        """Forget a job that has ended; the feed says so."""
        job = self.by_id.pop(id_)
        row = job.row
        if row.key is not None:
            del self.keys[row.tenant, row.key]
        self.claimable.pop(id_, None)
        self._leave(job)
        del self.feed[job.changed]
        self._changes += 1
        self.feed[self._changes] = id_
        self.removed[self._changes] = now
        while len(self.removed) > REMOVALS:
            self.forget_removal(next(iter(self.removed)))
        return job

    def forget_removal(self, number: int) -> None:
        """Forget that a job was removed."""
        del self.removed[number], self.feed[number]
        self.forgotten = number

    def change(self, job: Job) -> None:
        """Put a job at the end of the feed."""
        self.feed.pop(job.changed, None)
        self._changes += 1
        job.changed = self._changes
        self.feed[self._changes] = job.row.id

    # --- owners ---------------------------------------------------------------------------------
    def changes(self, cursor: int, limit: int) -> tuple[list[Change], int]:
        """What changed after a cursor, and the next one. Raises StoreError (RUNE-7010)."""
        from ..queries import Change

        if 0 < cursor < self.forgotten:
            raise StoreError("the feed is forgotten this far back; read anew", code="RUNE-7010")
        if limit == 0:
            return [], max(next(reversed(self.feed), 0), self.forgotten)
        found: list[Change] = []
        for number, id_ in self.feed.items():
            if number > cursor and len(found) < limit:
                job = self.by_id.get(id_)
                known = job is not None and job.changed == number
                found.append(Change(number, id_, job.shown() if job and known else None))
        return found, found[-1].number if found else cursor

    def tally(self) -> dict[Status, int]:
        """How many there are, by status."""
        return Counter(job.row.status for job in self.by_id.values())

    def make_due(self, job: Job, due: int | None) -> None:
        """Set from when on a job without an owner may be claimed."""
        job.row = job.row._replace(due=due)
        if due is None:
            self.claimable.pop(job.row.id, None)
        else:
            self.claimable[job.row.id] = None

    def wake(self, job: Job, kind: str, now: int) -> None:
        """Something arrived: a job that waits for it becomes due."""
        row = job.row
        if row.owner is None and wakes(row.status, kind, row.kind):
            self.make_due(job, now if row.due is None else min(row.due, now))

    def free(self, job: Job, now: int, *, rest: bool = False) -> None:
        """Take a job from its owner."""
        self._leave(job)
        got_on = job.row.claims >= SUSPECT and not job.is_stuck
        job.row = job.row._replace(owner=None, claims=0 if got_on else job.row.claims)
        if rest or job.row.status not in ("Pending", "Running"):
            self.make_due(job, job.due_at_rest(now))
        else:
            self.make_due(job, now)

    def end(self, job: Job) -> None:
        """A job has ended: nobody owns it, nothing is due."""
        self._leave(job)
        job.row = job.row._replace(owner=None, due=None)
        self.claimable.pop(job.row.id, None)

    def _leave(self, job: Job) -> None:
        owner = job.row.owner
        if owner is not None:
            mine = self.owned[owner]
            del mine[job.row.id]
            if not mine:
                del self.owned[owner]

    def ripe(self, worker: Worker, now: int, jobs: Sequence[str]) -> tuple[list[Job], int | None]:
        """What the worker may claim now, first the most urgent; and when there will be more."""
        names: Iterable[str] = jobs if jobs else self.claimable
        mine = [
            job
            for job in map(self.by_id.get, dict.fromkeys(names))
            if job is not None
            and job.row.due is not None
            and worker.can_run(job.row.handlers, job.row.queue)
        ]
        ripe = [job for job in mine if _due(job) <= now]
        ripe.sort(key=lambda job: (-job.row.priority, _due(job), job.row.number))
        return ripe, min((_due(job) for job in mine if _due(job) > now), default=None)

    def fewer_suspects(self, ripe: list[Job], worker: str, most: int) -> list[Job]:
        """Of these jobs all but the suspects that would be too many; suspects come first."""
        mine = (self.by_id[id_] for id_ in self.owned.get(worker, ()))
        held = sum(job.row.claims > SUSPECT and job.is_stuck for job in mine)
        chosen: list[Job] = []
        for claims in range(CLAIMS, SUSPECT - 1, -1):
            equals = [job for job in ripe if job.row.claims == claims]
            equals.sort(key=lambda job: job.row.number, reverse=newest_first(claims))
            equals = equals[: room(most, claims, held)]
            held += len(equals) if claims < CLAIMS else 0
            chosen += equals
        return [*chosen, *(job for job in ripe if job.row.claims < SUSPECT)]

    def claim(self, job: Job, worker: str, now: int) -> bool:
        """Give a job to a worker; False where it is parked, since it gets nowhere."""
        row = job.row
        stuck = job.is_stuck
        if stuck and row.claims >= CLAIMS:
            self.park(job, f"claimed {CLAIMS} times in a row without getting on", now)
            return False
        self.make_due(job, None)
        job.progress = job.length
        claims = row.claims + 1 if stuck else 1
        job.row = job.row._replace(owner=worker, epoch=row.epoch + 1, claims=claims)
        self.owned.setdefault(worker, {})[row.id] = None
        return True

    def park(self, job: Job, reason: str, now: int) -> None:
        """Suspend a job that nobody should go on with before somebody says so."""
        self._leave(job)
        row = job.row
        state = "Suspended" if row.state == row.status else row.state
        job.row = row._replace(
            status="Suspended", state=state, reason=reason, updated_at=now, owner=None
        )
        self.make_due(job, job.due_at_rest(now))
        self.change(job)

    def write(self, job: Job, status: Status, **fields: Any) -> None:
        """Write a row that a unit changed."""
        job.row = job.row._replace(status=status, **fields)
        if status in FINAL:
            self.end(job)
        self.change(job)


def _due(job: Job) -> int:
    due = job.row.due
    return 0 if due is None else due
