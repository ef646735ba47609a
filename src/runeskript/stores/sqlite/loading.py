"""Loading jobs, many in a few questions: a worker that starts finds thousands that wait for it.

What cannot be read of one job is that job's own error, and the others are there.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from apsw import Connection

from ...errors import CodecError, DamagedError, StoreDamagedError, StoreError
from ...model.events import Event
from ...model.limits import LOADED_MESSAGES
from ...model.payloads import Payloads
from ...model.segments import genesis, held_in, unpack
from ..leases import Loaded, Queued
from ..rows import Listener, Timer
from .heads import LAST_SEQ, SEQ_BITS
from .lines import limits_of
from .reading import CHAIN, UNREADABLE, Read, inbox_row
from .rows import COLUMNS, FROM, PLACES, unpack_row

#: The rows of jobs, with their last part and the place of the latest snapshot.
_ROWS: Final = (
    f"SELECT {COLUMNS}, job.part_at, job.part, (SELECT max(place) FROM snapshot "  # noqa: S608
    f"WHERE place >= job.number << {SEQ_BITS} AND place <= job.number << {SEQ_BITS} | {LAST_SEQ}) "
    f"{FROM.replace('FROM job', 'FROM json_each(?) AS one CROSS JOIN job ON job.id = one.value')}"
)
#: What there is of jobs, by their numbers, in one table.
_OF: Final = "FROM json_each(?) AS one CROSS JOIN {0} ON {0}.job = one.value"
_BODIES: Final = (
    "SELECT place, data FROM json_each(?) AS one CROSS JOIN payload "
    "ON place >= one.value << 2 AND place <= one.value << 2 | 3"
)
_TIMERS: Final = f"SELECT job, timer.path, m, due, kind, step {_OF.format('timer')}"
_LISTENERS: Final = f"SELECT job, listener.path, m, topic, listener.key {_OF.format('listener')}"
_INBOX: Final = (
    f"SELECT job, number, kind, inbox.path, n, data {_OF.format('inbox')} "  # noqa: S608
    "WHERE kind <> 'message' OR number IN (SELECT number FROM inbox AS first "
    "WHERE first.job = one.value AND first.kind = 'message' "
    f"ORDER BY number LIMIT {LOADED_MESSAGES})"
)
_QUEUED: Final = f"SELECT job, number, waiting.path, n, limits {_OF.format('waiting')}"
#: Journals from given places on, and snapshots at given places.
_SEGMENTS: Final = (
    "SELECT place, data FROM json_each(?) AS one CROSS JOIN segment "  # noqa: S608
    f"ON place >= one.value AND place <= one.value | {LAST_SEQ}"
)
_SNAPSHOTS: Final = "SELECT place, data FROM json_each(?) AS one JOIN snapshot ON place = one.value"

#: The values of a table's rows by job, in the order they have to come in.
_Rows = defaultdict[int, list[Any]]


class Loading:
    """``read`` gives all rows of one statement; all must see the same state of the file."""

    def __init__(self, read: Read, payloads: Payloads) -> None:
        self._read = read
        self._payloads = payloads

    def load(self, ids: Sequence[str], whole: bool) -> list[Loaded | StoreError | None]:
        """All that is needed to go on with jobs; StoreDamagedError where it cannot be read,
        StoreError where a ``whole`` journal was asked for and is not there any more.
        """
        known = self._read(_ROWS, (json.dumps(list(ids)),))
        numbers = json.dumps([columns[0] for columns in known])
        starts, snapshots = [], []
        for columns in known:
            number, latest = columns[0], columns[-1]
            starts.append(number << SEQ_BITS if whole or latest is None else latest)
            if starts[-1] & LAST_SEQ:
                snapshots.append(latest)
        tables = _Tables(self._read, numbers)
        tables.segments = _grouped(self._read(_SEGMENTS, (json.dumps(starts),)), SEQ_BITS)
        if snapshots:
            tables.snapshots = dict(self._read(_SNAPSHOTS, (json.dumps(snapshots),)))
        found: dict[str, Loaded | StoreError] = {}
        for columns, start in zip(known, starts, strict=True):
            id_ = columns[-4]
            try:
                found[id_] = self._loaded(columns, start, tables)
            except (*UNREADABLE, CodecError, TypeError, ValueError) as exc:
                found[id_] = StoreDamagedError(f"job {id_}: {exc}", job=id_)
            except StoreError as exc:
                found[id_] = exc
        return [found.get(id_) for id_ in ids]

    def _loaded(self, columns: tuple[Any, ...], start: int, tables: _Tables) -> Loaded:
        payloads, number, id_, known = self._payloads, columns[0], columns[-4], columns[-5]
        at, part, latest = columns[-3:]
        first, snapshot, chain = start & LAST_SEQ, None, b""
        if first:
            data = tables.snapshots[start]
            both = payloads.bytes_out(data, f"{id_}/snapshot/{first}")
            chain, snapshot = both[:CHAIN], both[CHAIN:]
        else:
            chain = genesis(id_)
        segments = tables.segments.get(number, ())
        if not first and latest is not None and not (segments and segments[0][0] == start):
            there = (segments[0][0] if segments else latest) & LAST_SEQ
            text = f"job {id_}: its events before {there} were pruned"
            raise StoreError(text, code="RUNE-7011")
        length = _length(id_, first, segments)
        if length < known:
            raise DamagedError(f"its journal ends at {length}, and once had {known} events")
        bodies: list[bytes | None] = [None] * len(PLACES)
        for place, data in tables.bodies.get(number, ()):
            bodies[place & 3] = data
        row = unpack_row(payloads, columns[:-3], bodies, length)
        events = self._events(id_, start, chain, segments)
        loads = payloads.loads
        timers = [
            Timer(tuple(loads(path)), *rest) for _, path, *rest in tables.timers.get(number, ())
        ]
        listeners = [
            Listener(
                id_, tuple(loads(path)), m, topic, payloads.unpack(key, "listener"), row.tenant
            )
            for _, path, m, topic, key in tables.listeners.get(number, ())
        ]
        inbox = sorted(tables.inbox.get(number, ()))
        queued = [
            Queued(tuple(loads(path)), n, limits_of(payloads, packed))
            for _, _, path, n, packed in sorted(tables.queued.get(number, ()))
        ]
        return Loaded(
            row,
            snapshot,
            first,
            events,
            sorted(timers),
            sorted(listeners, key=lambda one: (one.path, one.m)),
            [inbox_row(payloads, one[1], id_, *one[2:]) for one in inbox],
            queued,
            part if at == length else 0,
        )

    def _events(self, id_: str, start: int, before: bytes, segments: Iterable[Any]) -> list[Event]:
        """The events from ``start`` on."""
        base, expected = start & ~LAST_SEQ, start & LAST_SEQ
        events: list[Event] = []
        for place, data in segments:
            if place - base != expected:
                raise DamagedError(f"events from {expected} on are missing")
            more, head = unpack(self._payloads, id_, expected, data, before)
            before, expected = head.chain, expected + head.held
            events += more
        return events


def load_apart(
    connection: Connection, payloads: Payloads, job: str, whole: bool
) -> Loaded | StoreError | None:
    """One job on a connection of its own, in whatever thread."""

    def read(sql: str, args: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return connection.execute(sql, args).fetchall()

    def blob(digest: str) -> bytes | None:
        rows = read("SELECT data FROM blob WHERE digest=?", (digest,))
        return rows[0][0] if rows else None

    read("BEGIN")
    own = Payloads(payloads.put_blob, blob, payloads.codec, payloads.dumps, payloads.loads)
    return Loading(read, own).load([job], whole)[0]


def _length(id_: str, first: int, segments: Sequence[Any]) -> int:
    """How long a journal is, by its last segment."""
    if not segments:
        return first
    place, data = segments[-1]
    first = place & LAST_SEQ
    return held_in(data, f"{id_}/journal/{first}") + int(first)


class _Tables:
    """What the tables have of some jobs; one that has no row there is not asked for by itself."""

    def __init__(self, read: Read, numbers: str) -> None:
        self.bodies = _grouped(read(_BODIES, (numbers,)), 2)
        self.timers = _by_job(read(_TIMERS, (numbers,)))
        self.listeners = _by_job(read(_LISTENERS, (numbers,)))
        self.inbox = _by_job(read(_INBOX, (numbers,)))
        self.queued = _by_job(read(_QUEUED, (numbers,)))
        self.segments: dict[int, list[Any]] = {}
        self.snapshots: dict[int, bytes] = {}


def _by_job(rows: Iterable[tuple[Any, ...]]) -> _Rows:
    found: _Rows = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return found


def _grouped(rows: list[tuple[Any, ...]], bits: int) -> dict[int, list[Any]]:
    """Rows by the job's number in their places, in order of place."""
    found: _Rows = defaultdict(list)
    for row in sorted(rows):
        found[row[0] >> bits].append(row)
    return found
