"""Reading jobs: rows, journals, inbox rows, lists, the feed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final, TypeAlias

from ...errors import (
    DamagedError,
    FormatVersionError,
    SealedError,
    StoreDamagedError,
    StoreError,
)
from ...model.batches import piece, weight
from ...model.codec import encode
from ...model.events import CallsDone, Event, Status
from ...model.payloads import Payloads, is_plain
from ...model.recent import Recent
from ...model.segments import HEADER, genesis, held_in, unpack, whole
from ..queries import Change, JobFilter
from ..rows import URGENT, InboxRow, JobRow
from .heads import LAST_SEQ, SEQ_BITS
from .rows import COLUMNS, FROM, PLACES, unpack_row

#: (SQL, values) -> rows.
Read: TypeAlias = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]

#: The key of the last segment of a job, and that of its latest snapshot.
_KEYS: Final = f"place BETWEEN job.number << {SEQ_BITS} AND job.number << {SEQ_BITS} | {LAST_SEQ}"
_LAST: Final = f"(SELECT max(place) FROM segment WHERE {_KEYS})"  # noqa: S608
_LATEST: Final = f"(SELECT max(place) FROM snapshot WHERE {_KEYS})"  # noqa: S608
_END: Final = f"ifnull(segment.place, {_LATEST}), substr(segment.data, 1, {HEADER.size})"
#: All there is to a row in one statement, which sees one state of the file: the row, its payloads,
#: and how far its journal goes, by the head of the last segment or, without any, by a snapshot.
_BODY: Final = "(SELECT data FROM payload WHERE place = job.number * 4 + {})"
_JOBS: Final = (
    f"SELECT {COLUMNS}, {', '.join(_BODY.format(what) for what in range(len(PLACES)))}, "
    f"{_END} {FROM} LEFT JOIN segment ON segment.place = {_LAST} "
)
_JOB: Final = _JOBS + "WHERE job.id = ?"
#: What of it says how long a journal is.
_LENGTH: Final = (
    f"SELECT job.seq, job.id, {_END} "  # noqa: S608
    f"FROM job LEFT JOIN segment ON segment.place = {_LAST} WHERE job.id = ?"
)
#: Where in what it gives the payloads begin.
_BODIES: Final = COLUMNS.count(",") + 1
#: Rows that are remembered as they were unpacked, each of payloads of so many bytes at most: who
#: waits for a job asks for it again and again.
_ROWS: Final = 1_000
_SMALL: Final = 4_096
#: Rows read at once by a list that has to look into them.
_PAGE: Final = 200
#: Events beyond which a journal is read in a thread: some ten milliseconds.
LONG: Final = 1_000
#: Bytes of the chain that a stored snapshot begins with.
CHAIN: Final = 16
_WITHOUT: Final = (
    f"AND (inbox.kind IN {URGENT} "  # noqa: S608
    "OR job.id NOT IN (SELECT value FROM json_each(?4))) "
)
#: An empty path.
_NOWHERE: Final = encode([])
_new: Any = tuple.__new__  # skips the NamedTuple's own constructor
UNREADABLE: Final = (DamagedError, FormatVersionError, SealedError)


class Reading:
    """Everything here reads; ``read`` gives all rows of one statement."""

    def __init__(self, read: Read, payloads: Payloads) -> None:
        self._read = read
        self._payloads = payloads
        self._known: Recent[str, tuple[tuple[Any, ...], JobRow]] = Recent(_ROWS)

    # --- rows -----------------------------------------------------------------------------------
    def get(self, ids: Iterable[str]) -> list[JobRow | None]:
        """The rows of jobs."""
        found: list[JobRow | None] = []
        for id_ in ids:
            rows = self._read(_JOB, (id_,))
            found.append(self._again(id_, rows[0]) if rows else None)
        return found

    def _again(self, id_: str, found: tuple[Any, ...]) -> JobRow:
        """The same as ``_row``; what was found before, byte for byte, need not be unpacked anew."""
        known = self._known.get(id_)
        if known is not None and known[0] == found:
            return known[1]
        row = self._row(found)
        parts = [part for part in (found[1], *found[_BODIES:-2]) if part is not None]
        if sum(map(len, parts)) <= _SMALL and all(map(is_plain, parts)):
            self._known[id_] = found, row
        return row

    def rows(self, where: str, args: tuple[Any, ...]) -> Iterator[JobRow]:
        """The rows that an SQL condition lets through."""
        return map(self._row, self._read(_JOBS + where, args))

    def _row(self, found: tuple[Any, ...]) -> JobRow:
        """A row from what ``_JOBS`` gives of it."""
        length = _length(found[_BODIES - 2], found[_BODIES - 1], found[-2], found[-1])
        return unpack_row(self._payloads, found[:_BODIES], found[_BODIES:-2], length)

    def is_long(self, id_: str) -> bool:
        """Whether a job's journal takes so long to read that others are to get on meanwhile."""
        rows = self._read(_LENGTH, (id_,))
        try:
            return bool(rows) and _length(*rows[0]) > LONG
        except StoreError:
            return False  # which is said when it is loaded

    def _last(self, number: int, below: int) -> list[tuple[int, bytes]]:
        """The last segment that begins at or before a sequence number."""
        base = number << SEQ_BITS
        rows = self._read(
            "SELECT place, data FROM segment WHERE place >= ? AND place <= ? "
            "ORDER BY place DESC LIMIT 1",
            (base, base | below),
        )
        return [(place - base, data) for place, data in rows]

    # --- journals -------------------------------------------------------------------------------
    def journal(self, id_: str, start: int, limit: int) -> list[Event]:
        """Events that stand for at most ``limit`` from ``start`` on, each checked."""
        rows = self._read("SELECT number FROM job WHERE id=?", (id_,))
        if not rows or limit <= 0 or start > LAST_SEQ:  # beyond it are other jobs' events
            return []
        try:
            return self._stretch(id_, rows[0][0], start, start + limit)
        except UNREADABLE as exc:
            raise StoreDamagedError(f"job {id_}: {exc}", job=id_) from exc

    def _stretch(self, id_: str, number: int, start: int, end: int) -> list[Event]:
        """Events from ``start`` up to ``end``; the chain is followed from the segment before."""
        base = number << SEQ_BITS
        opening = self._last(number, start)
        if not opening:
            self._refuse_pruned(id_, number, start)
            return []
        at = opening[0][0]
        before = self._chain_before(id_, number, at)
        rows = self._read(
            "SELECT place, data FROM segment WHERE place >= ? AND place < ? ORDER BY place",
            (base | at, min(base + end, base | LAST_SEQ)),
        )
        found: list[Event] = []
        expected = at
        for place, data in rows:
            first = place - base
            if first != expected:
                raise DamagedError(f"events from {expected} on are missing")
            events, head = unpack(self._payloads, id_, first, data, before)
            before, expected = head.chain, first + head.held
            found.extend(_cut(events, first, start, end))
        return found

    def _refuse_pruned(self, id_: str, number: int, start: int) -> None:
        base = number << SEQ_BITS
        ((place,),) = self._read(
            "SELECT min(place) FROM segment WHERE place >= ? AND place <= ?",
            (base, base | LAST_SEQ),
        )
        first = self._snapshot_seq(number) if place is None else place - base
        if start < first:
            raise StoreError(f"job {id_}: its events before {first} were pruned", code="RUNE-7011")

    def _snapshot_seq(self, number: int) -> int:
        """Where the latest snapshot was taken; 0 where there is none."""
        base = number << SEQ_BITS
        ((place,),) = self._read(
            "SELECT max(place) FROM snapshot WHERE place >= ? AND place <= ?",
            (base, base | LAST_SEQ),
        )
        return 0 if place is None else int(place) - base

    def _chain_before(self, id_: str, number: int, at: int) -> bytes:
        """The chain that the segment at a place follows."""
        if at == 0:
            return genesis(id_)
        rows = self._last(number, at - 1)
        if rows:
            first, data = rows[0]
            head = whole(id_, first, data)
            if first + head.held == at:
                return head.chain
        else:
            found = self.snapshot_at(id_, number, at)
            if found is not None:
                return found[0]
        raise DamagedError(f"events before {at} are missing")

    def snapshot_at(self, id_: str, number: int, seq: int) -> tuple[bytes, bytes] | None:
        """The chain of the journal up to a snapshot, and the snapshot."""
        place = (number << SEQ_BITS) | seq
        rows = self._read("SELECT data FROM snapshot WHERE place=?", (place,))
        if not rows:
            return None
        data = self._payloads.bytes_out(rows[0][0], f"{id_}/snapshot/{seq}")
        return data[:CHAIN], data[CHAIN:]

    def arrived(
        self, worker: str, after: int, limit: int, job: str | None, without: Collection[str]
    ) -> list[InboxRow]:
        """See ``Store.inbox``."""
        args: tuple[Any, ...] = (after, worker, limit)
        of = ""
        if job is not None:
            of, args = "AND job.id = ?4 ", (*args, job)
        elif without:
            from json import dumps

            of = _WITHOUT
            args = (*args, dumps(list(without)))
        return self.inbox(
            "JOIN worker ON worker.number = job.owner WHERE inbox.number > ?1 AND worker.id = ?2 "
            f"{of}ORDER BY inbox.number LIMIT ?3",
            args,
        )

    def inbox(self, where: str, args: tuple[Any, ...]) -> list[InboxRow]:
        """Inbox rows that an SQL condition lets through."""
        payloads = self._payloads
        rows = self._read(
            "SELECT inbox.number, job.id, inbox.kind, path, n, inbox.data FROM inbox "  # noqa: S608
            f"JOIN job ON job.number = inbox.job {where}",
            args,
        )
        return [inbox_row(payloads, *row) for row in rows]

    def walk(self, id_: str, number: int) -> None:
        """Follow a journal from the first event that is there to the last, and its snapshots."""
        base = number << SEQ_BITS
        first = self._read(
            "SELECT min(place) FROM segment WHERE place >= ? AND place <= ?",
            (base, base | LAST_SEQ),
        )[0][0]
        try:
            if first is not None:
                self._stretch(id_, number, first - base, LAST_SEQ)
            for (place,) in self._read(
                "SELECT place FROM snapshot WHERE place >= ? AND place <= ?",
                (base, base | LAST_SEQ),
            ):
                self.snapshot_at(id_, number, place - base)
        except UNREADABLE as exc:
            raise StoreDamagedError(f"job {id_}: {exc}", job=id_) from exc

    # --- lists ----------------------------------------------------------------------------------
    def query(
        self, wanted: JobFilter, cursor: str | None, limit: int
    ) -> Iterator[tuple[list[JobRow], str | None] | None]:
        """Jobs, newest first, and the cursor behind them; None where it has read a page in vain."""
        clauses, args = _condition(wanted)
        before = None if cursor is None else int(cursor)
        found: list[JobRow] = []
        page = _PAGE if wanted.data else limit + 1
        while True:
            terms, values = list(clauses), list(args)
            if before is not None:
                terms.append("job.number < ?")
                values.append(before)
            where = f"WHERE {' AND '.join(terms)} " if terms else ""
            rows = list(self.rows(f"{where}ORDER BY job.number DESC LIMIT ?", (*values, page)))
            for row in rows:
                if wanted.accepts_data(row):
                    if len(found) == limit:
                        yield found, str(found[-1].number) if found else None
                        return
                    found.append(row)
            if len(rows) < page:
                yield found, None
                return
            before = rows[-1].number
            yield None

    def tally(self) -> dict[Status, int]:
        """How many jobs there are, by status."""
        return dict(self._read("SELECT status, count(*) FROM job GROUP BY status", ()))

    def changes(self, cursor: int, limit: int) -> tuple[list[Change], int]:
        """What changed after a cursor."""
        rows = self._read("SELECT value FROM meta WHERE name='feed'", ())
        if rows and 0 < cursor < rows[0][0]:
            raise StoreError("the feed is forgotten this far back; read anew", code="RUNE-7010")
        if limit == 0:
            ((last,),) = self._read(
                "SELECT max((SELECT ifnull(max(changed), 0) FROM job), "
                "(SELECT ifnull(max(changed), 0) FROM removed))",
                (),
            )
            return [], max(last, rows[0][0] if rows else 0)
        changed = self._read(
            "SELECT changed, id, 1 FROM job WHERE changed > ?1 UNION ALL "
            "SELECT changed, job, 0 FROM removed WHERE changed > ?1 ORDER BY 1 LIMIT ?2",
            (cursor, limit),
        )
        found = [
            Change(number, id_, self.get((id_,))[0] if there else None)
            for number, id_, there in changed
        ]
        return found, found[-1].number if found else cursor


def _length(known: int, id_: str, place: int | None, data: bytes | None) -> int:
    """The length of a journal; its row, which says ``known``, says less while it grows.

    ``place``: of its last segment, which begins with ``data``; without any, of a snapshot.
    """
    length = 0 if place is None else place & LAST_SEQ
    if data is not None:
        try:
            length += held_in(data, f"{id_}/journal/{length}")
        except DamagedError as exc:
            raise StoreDamagedError(f"job {id_}: {exc}", job=id_) from exc
    if length < known:
        raise StoreDamagedError(
            f"job {id_}: its journal ends at {length}, and once had {known} events", job=id_
        )
    return length


def inbox_row(
    payloads: Payloads, number: int, id_: str, kind: Any, path: bytes, n: int, data: bytes
) -> InboxRow:
    """An inbox row from what the table has of it."""
    try:
        body, place = (
            payloads.unpack(data, "inbox"),
            () if path == _NOWHERE else payloads.loads(path),
        )
    except UNREADABLE as exc:
        raise StoreDamagedError(f"job {id_}: {exc}", job=id_) from exc
    found: InboxRow = _new(InboxRow, (number, id_, kind, tuple(place), n, body))
    return found


def _cut(events: list[Event], first: int, start: int, end: int) -> Iterator[Event]:
    """The events, of which the first has number ``first``, that stand in [start, end)."""
    for event in events:
        last = first + weight(event)
        if last > start and first < end:
            if isinstance(event, CallsDone) and (first < start or last > end):
                yield piece(event, max(start - first, 0), min(end, last) - first)
            else:
                yield event
        first = last


def _condition(wanted: JobFilter) -> tuple[list[str], list[Any]]:
    """The SQL terms of a filter, all but its ``data``."""
    clauses: list[str] = []
    args: list[Any] = []
    for term, value in (
        ("job.status = ?", wanted.status),
        ("job.skript = ?", wanted.skript),
        ("job.key = ?", wanted.key),
        ("job.tenant = ?", wanted.tenant),
        ("job.kind = ?", wanted.kind),
        ("worker.id = ?", wanted.owner),
        ("job.parent = ?", wanted.parent),
        ("job.created_at >= ?", wanted.created_from),
        ("job.created_at < ?", wanted.created_before),
        ("job.updated_at >= ?", wanted.updated_from),
        ("job.updated_at < ?", wanted.updated_before),
    ):
        if value is not None:
            clauses.append(term)
            args.append(value)
    if wanted.tenant:
        clauses.append("job.tenant <> ''")  # so that the index for it serves
    if wanted.parent is not None:
        clauses.append("job.parent IS NOT NULL")
    if wanted.state is not None:
        # Either as the status, or as a declared machine has it: each has an index of its own.
        clauses.append(
            "job.number IN (SELECT number FROM job WHERE status = ? AND state = status UNION ALL "
            "SELECT number FROM job WHERE state = ? AND state <> status)"
        )
        args += [wanted.state, wanted.state]
    for name, value in wanted.labels.items():
        clauses.append("job.number IN (SELECT job FROM label WHERE name = ? AND value = ?)")
        args += [name, value]
    return clauses, args
