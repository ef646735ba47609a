"""Jobs going, changing, changing hands, and the feed of what changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ...errors import DamagedError, FormatVersionError, SealedError, StoreDamagedError
from ...model.events import Event
from ...model.machine import FINAL
from ...model.payloads import Payloads
from ...model.segments import genesis, pack
from ...model.values import UNSET
from ..rows import CLAIMS, ERASED, SUSPECT, RowChange
from .database import Database
from .heads import COMMANDS, KEPT, LINES, SEQ_BITS, TIMERS, Head, Heads
from .lines import Lines
from .mail import Mail
from .rows import DATA, ERROR, OUTPUT, PLACES, sum_of
from .workers import Workers

if TYPE_CHECKING:
    from ..retention import EraseOutcome

#: Statuses as they stand in SQL.
_OVER: Final = ", ".join(f"'{status}'" for status in sorted(FINAL))
#: Inbox rows that wake a job that is Suspended, Failed, or neither; see ``rows.wakes``.
_WAKING: Final = (
    "(job.status = 'Suspended' AND inbox.kind IN ('cancel', 'resume') OR "
    "job.status = 'Failed' AND inbox.kind = 'retry' OR job.status IN ('Pending', 'Running') OR "
    "job.kind = 'bare' AND inbox.kind = 'event')"
)
#: From when on a job may be claimed that has no owner and nothing under way; ?1 is now.
_DUE_AT_REST: Final = (
    f"CASE WHEN EXISTS(SELECT 1 FROM inbox WHERE inbox.job = job.number AND {_WAKING}) THEN ?1 "  # noqa: S608
    "WHEN status IN ('Pending', 'Running') THEN "
    "(SELECT min(timer.due) FROM timer WHERE timer.job = job.number) END"
)
#: The same for a job that is taken from its owner.
_DUE_AT_ONCE: Final = f"CASE WHEN status IN ('Pending', 'Running') THEN ?1 ELSE {_DUE_AT_REST} END"
_CHANGE: Final = (
    "UPDATE job SET status=?, state=?, reason=?, updated_at=?, seq=?, bodies=?, sum=?, changed=? "
    "WHERE number=?"
)
_END: Final = _CHANGE.replace(" WHERE", ", owner=NULL, due=NULL WHERE")
_CLAIM: Final = "UPDATE job SET owner=?, epoch=?, due=NULL, claims=?, progress=? WHERE number=?"
#: Writes a segment.
APPEND: Final = "INSERT INTO segment(place, data) VALUES(?, ?)"
_FREE: Final = "UPDATE job SET owner=NULL, due={} WHERE {}"
_REST: Final = _FREE.format(_DUE_AT_REST, "number=?2")
_FREE_ONE: Final = _FREE.format(_DUE_AT_ONCE, "number=?2")
_FREE_ALL: Final = _FREE.format(_DUE_AT_ONCE, "owner=?2") + " RETURNING id, claims"
_TRUST: Final = "UPDATE job SET claims=0 WHERE number=? AND claims >= ? AND progress <> ?"
#: A job that has ended and that nobody asked to go on with.
OVER: Final = (
    f"status IN ({_OVER}) AND owner IS NULL "  # noqa: S608
    "AND NOT EXISTS(SELECT 1 FROM inbox WHERE inbox.job = job.number)"
)


class Jobs:
    """Everything here is called inside a transaction."""

    def __init__(
        self,
        db: Database,
        heads: Heads,
        payloads: Payloads,
        mail: Mail,
        lines: Lines,
        workers: Workers,
        now: Callable[[], int],
    ) -> None:
        self._db = db
        self._heads = heads
        self._payloads = payloads
        self._mail = mail
        self._lines = lines
        self._workers = workers
        self._now = now
        self._changes = 0
        self._changes_of = -1
        #: Digests of the blobs that what is being packed refers to.
        self.lifted: list[str] = []

    # --- the feed -------------------------------------------------------------------------------
    def next_change(self) -> int:
        """The next place in the feed."""
        if self._changes_of != self._db.generation:
            rows = self._db.rows(
                "SELECT max(changed) FROM job UNION ALL SELECT max(changed) FROM removed "
                "UNION ALL SELECT value FROM meta WHERE name='feed'"
            )
            self._changes = max(number or 0 for (number,) in rows)
            self._changes_of = self._db.generation
        self._changes += 1
        return self._changes

    def unchanged(self, count: int) -> None:
        """The latest places in the feed were not used."""
        self._changes -= count

    def forget(self) -> None:
        """A transaction was undone: the last place is read again, and no blob was written."""
        self._changes_of = -1
        self.lifted.clear()

    # --- journals, payloads -----------------------------------------------------------------------
    def append(self, head: Head, events: Sequence[Event]) -> None:
        """Write events behind a job's journal."""
        for segment in pack(self._payloads, head.id, head.length, head.chain or b"", events):
            self._db.ex(APPEND, (head.ends_with(segment), segment.data))

    def put_payload(self, head: Head, what: int, value: Any) -> None:
        """Write (None: remove) one of a job's payloads."""
        place = head.number * 4 + what
        if value is None:
            self._db.ex("DELETE FROM payload WHERE place=?", (place,))
            return
        data = self._payloads.pack(value, f"{head.id}/{PLACES[what]}")
        self._db.ex("INSERT OR REPLACE INTO payload(place, data) VALUES(?, ?)", (place, data))

    def note_blobs(self, head: Head) -> None:
        """The blobs that were just written are this job's."""
        for digest in self.lifted:
            use = (f"job:{head.number}", digest)
            self._db.ex("INSERT OR IGNORE INTO uses(user, digest) VALUES(?, ?)", use)
        self.lifted.clear()

    def remove(self, id_: str) -> int:
        """Forget a job that has ended, with all it left; how many events that were."""
        head = self._heads.get(id_)
        if head is None:
            return 0
        try:
            self._heads.read_end(head)
        except StoreDamagedError:
            head.length = 0
        number, change = head.number, self.next_change()  # while the job still stands in the feed
        base = number << SEQ_BITS
        end = (number + 1) << SEQ_BITS
        rows, ex = self._db.rows, self._db.ex
        starts = rows("SELECT min(place) FROM segment WHERE place >= ? AND place < ?", (base, end))
        first = head.length if starts[0][0] is None else starts[0][0] - base
        ex("DELETE FROM segment WHERE place >= ? AND place < ?", (base, end))
        ex("DELETE FROM snapshot WHERE place >= ? AND place < ?", (base, end))
        ex("DELETE FROM payload WHERE place >= ? AND place < ?", (number * 4, number * 4 + 4))
        if head.has & COMMANDS:
            ex("DELETE FROM command WHERE job=?", (number,))
        if head.has & KEPT:
            ex("DELETE FROM message WHERE target=?", (number,))
        for table in ("label", "timer", "listener", "inbox"):
            ex(f"DELETE FROM {table} WHERE job=?", (number,))  # noqa: S608
        ex("DELETE FROM uses WHERE user=?", (f"job:{number}",))
        ex("DELETE FROM job WHERE number=?", (number,))
        gone = (change, id_, self._now())
        ex("INSERT INTO removed(changed, job, at) VALUES(?, ?, ?)", gone)
        self._heads.drop(id_)
        return max(head.length - first, 0)

    def erase(self, id_: str) -> EraseOutcome:
        """Erase the payloads of a job that has ended; where its journal ended is kept as a snapshot
        of nothing.
        """
        head = self._heads.get(id_)
        if head is None:
            return "unknown"
        columns = "status, state, updated_at, seq"
        found = self._db.rows(f"SELECT {columns} FROM job WHERE id=? AND {OVER}", (id_,))  # noqa: S608
        if not found:
            return "unfinished"
        status, state, updated_at, seq = found[0]
        try:
            self._heads.read_end(head)
            length, chain = max(head.length, seq), head.chain or genesis(id_)
        except StoreDamagedError:
            length, chain = seq, genesis(id_)
        error = self._error_of(head)
        number, ex = head.number, self._db.ex
        base, end = number << SEQ_BITS, (number + 1) << SEQ_BITS
        ex("DELETE FROM segment WHERE place >= ? AND place < ?", (base, end))
        ex("DELETE FROM snapshot WHERE place >= ? AND place < ?", (base, end))
        ex("DELETE FROM payload WHERE place >= ? AND place < ?", (number * 4, number * 4 + 4))
        gone = self._db.rows("DELETE FROM uses WHERE user=? RETURNING digest", (f"job:{number}",))
        for (digest,) in gone:
            ex(
                "DELETE FROM blob WHERE digest=?1 AND NOT EXISTS(SELECT 1 FROM uses WHERE "
                "digest=?1) AND NOT EXISTS(SELECT 1 FROM job WHERE blueprint=?1)",
                (digest,),
            )
        place = f"{id_}/snapshot/{length}"
        stub = self._payloads.bytes_in(chain, place)
        ex("INSERT INTO snapshot(place, data) VALUES(?, ?)", (base | length, stub))
        if error is not None:
            self.put_payload(head, ERROR, error)
        bodies = (error is not None) << ERROR
        public = (status, state, ERASED, updated_at, length, bodies)
        ex(_END, (*public, sum_of(*public), self.next_change(), number))
        self._heads.drop(id_)
        return "erased"

    def _error_of(self, head: Head) -> dict[str, Any] | None:
        """What is to remain of a job's error."""
        from ..retention import error_erased

        place = f"{head.id}/{PLACES[ERROR]}"
        rows = self._db.rows("SELECT data FROM payload WHERE place=?", (head.number * 4 + ERROR,))
        try:
            return error_erased(self._payloads.unpack(rows[0][0], place)) if rows else None
        except (DamagedError, FormatVersionError, SealedError, AttributeError):
            return None  # what cannot be read any more need not be kept

    # --- rows -----------------------------------------------------------------------------------
    def change(self, head: Head, change: RowChange) -> None:
        """Write what a unit changed in a job's row."""
        status, ex = change.status, self._db.ex
        state = status if change.state is None else change.state
        bodies = self._put_bodies(head, change)
        public = (status, state, change.reason, change.at, head.length, bodies)
        row = (*public, sum_of(*public), self.next_change(), head.number)
        ex(_END if status in FINAL else _CHANGE, row)
        head.status = status
        if status in FINAL:
            self._end(head)
        elif change.rest:
            self.free(head, rest=True)

    def _put_bodies(self, head: Head, change: RowChange) -> int:
        """Write the payloads that a change brings; which ones the job has now."""
        over, was_over = change.status in FINAL, head.status in FINAL
        new: dict[int, Any] = {}
        if over or was_over:
            new[OUTPUT] = change.output if over else None
            new[ERROR] = change.error if over else None
        if change.data is not UNSET:
            new[DATA] = change.data
        if head.bodies is None:
            of = (head.number,)
            ((head.bodies,),) = self._db.rows("SELECT bodies FROM job WHERE number=?", of)
        bodies = head.bodies or 0
        for what, body in new.items():
            if body is not None or bodies >> what & 1:
                self.put_payload(head, what, body)
            bodies = bodies & ~(1 << what) | (body is not None) << what
        head.bodies = bodies
        return bodies

    def _end(self, head: Head) -> None:
        """Nothing waits for a job that has ended, and it waits for nothing."""
        head.owner = None
        self._mail.forget(head)
        if head.has & TIMERS:
            self._db.ex("DELETE FROM timer WHERE job=?", (head.number,))
            head.has &= ~TIMERS
        if head.has & LINES and self._lines.drop(head):
            self.settle()

    def settle(self, asked: set[tuple[int, Any, int]] | None = None) -> None:
        """Slots are free: tell those who get them, but for calls that only just asked."""
        for one in self._lines.settle():
            if asked is None or one not in asked:
                rows = self._db.rows("SELECT id FROM job WHERE number=?", one[:1])
                head = self._heads.get(rows[0][0])
                if head is not None:
                    self._mail.granted(head, *one[1:])

    # --- owners ---------------------------------------------------------------------------------
    def free(self, head: Head, *, rest: bool) -> None:
        """Take a job from its owner."""
        self._db.ex(_REST if rest else _FREE_ONE, (self._now(), head.number))
        head.owner = None
        self._trust(head)

    def expropriate(self, worker: int) -> None:
        """Take all jobs from a worker whose lease has run out."""
        for id_, claims in self._db.rows(_FREE_ALL, (self._now(), worker)):
            self._heads.drop(id_)
            head = self._heads.get(id_) if claims >= SUSPECT else None
            if head is not None:
                self._trust(head)

    def _trust(self, head: Head) -> None:
        """A job is taken from its owner: if it got on there, it is not suspect any more."""
        with suppress(StoreDamagedError):  # it is parked when it is claimed the next time
            self._heads.read_end(head)
            self._db.ex(_TRUST, (head.number, SUSPECT, head.length))

    def give_back(self, head: Head, *, rest: bool) -> None:
        """Take a job back from its owner; it has not been claimed in vain."""
        self._db.ex("UPDATE job SET claims=max(claims-1, 0) WHERE number=?", (head.number,))
        self.free(head, rest=rest)

    def take(self, head: Head, worker: int, claims: int, progress: int) -> tuple[int, ...] | None:
        """Give a job to a worker: what ``claim`` writes; None: it gets nowhere, and is parked."""
        stuck = head.length == progress
        if stuck and claims >= CLAIMS:
            self.park(head, f"claimed {CLAIMS} times in a row without getting on")
            return None
        head.epoch += 1
        head.owner = worker
        return worker, head.epoch, claims + 1 if stuck else 1, head.length, head.number

    def claim(self, rows: list[tuple[int, ...]]) -> None:
        """Write what ``take`` gave."""
        self._db.ex_many(_CLAIM, rows)

    def park(self, head: Head, reason: str) -> None:
        """Suspend a job that nobody should go on with before somebody says so."""
        now = self._now()
        ((status, state, seq, bodies),) = self._db.rows(
            "SELECT status, state, seq, bodies FROM job WHERE number=?", (head.number,)
        )
        state = "Suspended" if state == status else state
        public = ("Suspended", state, reason, now, seq, bodies)
        self._db.ex(_CHANGE, (*public, sum_of(*public), self.next_change(), head.number))
        head.status, head.owner = "Suspended", None
        self._db.ex(_REST, (now, head.number))
