"""What is remembered of jobs between transactions, so that a commit need not read first.

It is sure as long as nobody else has written (``Database.generation``); then it is read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from ...errors import DamagedError, FormatVersionError, SealedError, StoreDamagedError
from ...model.events import Status
from ...model.payloads import Payloads
from ...model.segments import Segment, genesis, whole
from .database import Database

#: Sequence numbers below one job's number in the key of a segment.
SEQ_BITS: Final = 32
LAST_SEQ: Final = (1 << SEQ_BITS) - 1
#: Jobs remembered.
_MOST: Final = 20_000

#: Heads that are worth a question that asks for several.
_MANY: Final = 4
#: Heads by id, with the last segment of each.
_ENDS: Final = (
    "SELECT job.id, job.number, tenant, status, epoch, owner, place, data "  # noqa: S608
    "FROM json_each(?) AS one CROSS JOIN job ON job.id = one.value LEFT JOIN segment ON place = "
    f"(SELECT max(place) FROM segment WHERE place >= job.number << {SEQ_BITS} "
    f"AND place <= job.number << {SEQ_BITS} | {LAST_SEQ})"
)

#: What a job may have in other tables.
TIMERS, LISTENERS, INBOX, LINES, KEPT, COMMANDS = 1, 2, 4, 8, 16, 32
ANYTHING: Final = 63


class Head:
    """A job as a commit has to know it."""

    __slots__ = (
        "bodies",
        "chain",
        "epoch",
        "generation",
        "has",
        "id",
        "last",
        "length",
        "number",
        "owner",
        "part",
        "status",
        "tenant",
    )

    def __init__(self, id_: str, number: int, tenant: str) -> None:
        self.id = id_
        self.number = number
        self.tenant = tenant
        self.status: Status = "Pending"
        self.epoch = 0
        #: Number of the worker that owns it.
        self.owner: int | None = None
        #: Length of the journal, and the chain of its last segment (None: not read yet).
        self.length = 0
        self.chain: bytes | None = None
        #: Length of the journal at the last unit without events, and its part; None: not read yet.
        self.part: tuple[int, int] | None = None
        #: Key of the last segment, 0 where there is none.
        self.last = 0
        self.has = ANYTHING
        #: Which payloads it has, by ``rows.PLACES``; None: not read yet.
        self.bodies: int | None = None
        self.generation = -1

    def ends_with(self, segment: Segment) -> int:
        """The journal's last segment is this one; its key."""
        self.last = self.number << SEQ_BITS | segment.first
        self.length, self.chain = segment.first + segment.held, segment.chain
        return self.last


class Heads:
    """Heads by job id."""

    def __init__(self, db: Database, payloads: Payloads) -> None:
        self._db = db
        self._payloads = payloads
        self._heads: dict[str, Head] = {}

    def get(self, id_: str) -> Head | None:
        """The head of a job, read again if that may be necessary; None where there is no job."""
        head = self._heads.get(id_)
        if head is not None and head.generation == self._db.generation:
            return head
        rows = self._db.rows(
            "SELECT number, tenant, status, epoch, owner FROM job WHERE id=?", (id_,)
        )
        if not rows:
            self._heads.pop(id_, None)
            return None
        number, tenant, status, epoch, owner = rows[0]
        if head is None or head.number != number:
            head = self.put(Head(id_, number, tenant))
        if head.chain is not None and head.last != self._last(head):
            head.chain = None  # somebody else has written
        head.status, head.epoch, head.owner = status, epoch, owner
        head.has, head.bodies, head.part = ANYTHING, None, None
        head.generation = self._db.generation
        return head

    def known(self, id_: str) -> Head | None:
        """The head of a job if it is remembered, and sure as long as nobody else has written."""
        head = self._heads.get(id_)
        return head if head is not None and head.generation == self._db.generation else None

    def read_many(self, ids: Sequence[str]) -> None:
        """Read heads and ends of journals that are not known, in one question. What cannot be read
        of a journal is left for ``read_end`` to say.
        """
        generation = self._db.generation
        unknown = [
            id_
            for id_ in ids
            if (head := self._heads.get(id_)) is None or head.generation != generation
        ]
        if len(unknown) < _MANY:
            return
        from json import dumps

        for id_, number, tenant, status, epoch, owner, place, data in self._db.rows(
            _ENDS, (dumps(unknown),)
        ):
            head = Head(id_, number, tenant)
            head.status, head.epoch, head.owner = status, epoch, owner
            if place is not None:
                with suppress(DamagedError, FormatVersionError):
                    first = place & LAST_SEQ
                    last = whole(id_, first, data)
                    head.last, head.length, head.chain = place, first + last.held, last.chain
            self.put(head)

    def read_end(self, head: Head) -> None:
        """Read how long the journal is. Raises StoreDamagedError."""
        if head.chain is None:
            head.length, head.chain = self._end(head)

    def put(self, head: Head) -> Head:
        """Remember a head; one of those remembered longest is forgotten for it."""
        if len(self._heads) >= _MOST:
            del self._heads[next(iter(self._heads))]
        self._heads[head.id] = head
        head.generation = self._db.generation
        return head

    def drop(self, id_: str) -> None:
        """Forget one."""
        self._heads.pop(id_, None)

    def clear(self) -> None:
        """Forget all: a transaction was undone."""
        self._heads.clear()

    def _last(self, head: Head) -> int:
        """The key of the last segment."""
        base = head.number << SEQ_BITS
        rows = self._db.rows(
            "SELECT max(place) FROM segment WHERE place BETWEEN ? AND ?", (base, base | LAST_SEQ)
        )
        return rows[0][0] or 0

    def _end(self, head: Head) -> tuple[int, bytes]:
        """Length and chain of a journal, from its last segment."""
        base = head.number << SEQ_BITS
        rows = self._db.rows(
            "SELECT place, data FROM segment WHERE place BETWEEN ? AND ? "
            "ORDER BY place DESC LIMIT 1",
            (base, base | LAST_SEQ),
        )
        head.last = rows[0][0] if rows else 0
        try:
            if not rows:
                return self._end_by_snapshot(head, base)
            first = rows[0][0] & LAST_SEQ
            last = whole(head.id, first, rows[0][1])
        except (DamagedError, FormatVersionError, SealedError) as exc:
            raise StoreDamagedError(f"job {head.id}: {exc}", job=head.id) from exc
        return first + last.held, last.chain

    def _end_by_snapshot(self, head: Head, base: int) -> tuple[int, bytes]:
        """The same where all events were pruned, or where there never were any."""
        rows = self._db.rows(
            "SELECT place, data FROM snapshot WHERE place BETWEEN ? AND ? "
            "ORDER BY place DESC LIMIT 1",
            (base, base | LAST_SEQ),
        )
        if not rows:
            return 0, genesis(head.id)
        seq = rows[0][0] & LAST_SEQ
        data = self._payloads.bytes_out(rows[0][1], f"{head.id}/snapshot/{seq}")
        return seq, data[:16]
