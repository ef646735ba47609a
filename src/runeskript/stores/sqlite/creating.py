"""Creating jobs: one by one, or many in one go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from ...model.batches import weights
from ...model.events import Event
from ...model.machine import FINAL
from ...model.payloads import Payloads
from ...model.segments import genesis, pack
from ..rows import JobRow, OnConflict, SubmitOutcome
from .database import Database
from .heads import SEQ_BITS, Head, Heads
from .jobs import APPEND, OVER, Jobs
from .rows import DATA, ERROR, INPUT, OUTPUT, PLACES, pack_head, sum_of
from .workers import Workers

#: What became of a submit: the outcome, and the row or the id of the job that is there already.
Made: TypeAlias = "tuple[SubmitOutcome, JobRow | str]"
#: Payloads of a job, by their places.
Bodies: TypeAlias = "list[tuple[int, Any]]"

#: Jobs that are worth writing in one go.
_FEW: Final = 4
_INSERT: Final = (
    "INSERT INTO job(number, id, tenant, key, skript, kind, parent, blueprint, created_at, head, "
    "need, priority, updated_at, status, state, reason, epoch, owner, due, claims, progress, seq, "
    "bodies, sum, changed) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_LABEL: Final = "INSERT INTO label(name, value, job) VALUES(?, ?, ?)"
_PAYLOAD: Final = "INSERT OR REPLACE INTO payload(place, data) VALUES(?, ?)"
_USES: Final = "INSERT OR IGNORE INTO uses(user, digest) VALUES(?, ?)"
#: The number of the job that was created last; what AUTOINCREMENT goes on from.
_LAST: Final = "SELECT seq FROM sqlite_sequence WHERE name='job'"

#: Fields of a row that the store sets.
_EPOCH, _CLAIMS, _SEQ, _NUMBER, _DUE, _OWNER = map(
    JobRow._fields.index, ("epoch", "claims", "seq", "number", "due", "owner")
)


class Creating:
    """Everything here is called inside a transaction."""

    def __init__(
        self,
        db: Database,
        heads: Heads,
        payloads: Payloads,
        jobs: Jobs,
        workers: Workers,
        now: Callable[[], int],
    ) -> None:
        self._db = db
        self._heads = heads
        self._payloads = payloads
        self._jobs = jobs
        self._workers = workers
        self._now = now

    def submit(self, row: JobRow, on_conflict: OnConflict, journal: Sequence[Event] = ()) -> Made:
        """Create a job; the outcome, and its row or the id of the one that is there already."""
        if self._heads.get(row.id) is not None:
            return "exists", row.id
        outcome: SubmitOutcome = "created"
        if row.key is not None:
            rows = self._db.rows(
                f"SELECT id, {OVER} FROM job WHERE tenant=? AND key=?",  # noqa: S608
                (row.tenant, row.key),
            )
            if rows:
                holder, over = rows[0]
                if on_conflict != "replace" or not over:
                    return "exists", holder
                self._jobs.remove(holder)
                outcome = "replaced"
        return outcome, self._create(row, journal)

    def submit_all(
        self,
        rows: Sequence[JobRow],
        on_conflict: OnConflict,
        journals: Mapping[str, Sequence[Event]],
    ) -> list[Made]:
        """The same as ``submit`` for each, in their order. Where nothing of them is there before,
        which is most often so, they are written in one go.
        """
        made = self._create_all(rows, journals) if len(rows) > _FEW else None
        if made is None:
            return [self.submit(row, on_conflict, journals.get(row.id, ())) for row in rows]
        return [("created", row) for row in made]

    # --- one ------------------------------------------------------------------------------------
    def _create(self, row: JobRow, journal: Sequence[Event]) -> JobRow:
        now, ex, jobs = self._now(), self._db.ex, self._jobs
        length = weights(journal)
        owner = None if _ownerless(row) else self._workers.alive(row.owner or "", now)
        jobs.lifted.clear()
        bodies = _bodies(row)
        ex(_INSERT, self._columns(row, None, owner, now, length, bodies, jobs.next_change()))
        number = self._db.last_rowid()
        head = _head(row, number, owner, bodies)
        for name, value in row.labels.items():
            ex(_LABEL, (name, value, number))
        for what, body in bodies:
            jobs.put_payload(head, what, body)
        if journal:
            jobs.append(head, journal)
        jobs.note_blobs(head)
        self._heads.put(head)
        return _created(row, number, owner, now, length)

    # --- many -----------------------------------------------------------------------------------
    def _create_all(
        self, rows: Sequence[JobRow], journals: Mapping[str, Sequence[Event]]
    ) -> list[JobRow] | None:
        """Write new jobs; None, and nothing done, where an id or a key is taken."""
        db, jobs, now = self._db, self._jobs, self._now()
        last = db.rows(_LAST)
        first = last[0][0] + 1 if last else 1
        names = {row.owner for row in rows if row.owner is not None}
        owners = {name: self._workers.alive(name, now) for name in names}
        jobs.lifted.clear()
        columns: list[tuple[Any, ...]] = []
        labels: list[tuple[str, str, int]] = []
        packed: list[tuple[int, bytes]] = []
        segments: list[tuple[int, bytes]] = []
        uses: list[tuple[str, str]] = []
        heads: list[Head] = []
        made: list[JobRow] = []
        for number, row in enumerate(rows, first):
            owner = None if _ownerless(row) else owners[row.owner or ""]
            journal = journals.get(row.id, ())
            length = weights(journal)
            bodies, change = _bodies(row), jobs.next_change()
            columns.append(self._columns(row, number, owner, now, length, bodies, change))
            if row.labels:
                labels += [(name, value, number) for name, value in row.labels.items()]
            for what, body in bodies:
                place = f"{row.id}/{PLACES[what]}"
                packed.append((number * 4 + what, self._payloads.pack(body, place)))
            if owner is not None:
                heads.append(_head(row, number, owner, bodies))
            if journal:
                found = pack(self._payloads, row.id, 0, genesis(row.id), journal)
                segments += [(number << SEQ_BITS | one.first, one.data) for one in found]
                if owner is not None:
                    heads[-1].ends_with(found[-1])
            if jobs.lifted:
                uses += [(f"job:{number}", digest) for digest in jobs.lifted]
                jobs.lifted.clear()
            made.append(_created(row, number, owner, now, length))
        if not db.insert_all(_INSERT, columns):
            jobs.unchanged(len(rows))
            return None
        for sql, more in ((_LABEL, labels), (_PAYLOAD, packed), (APPEND, segments), (_USES, uses)):
            if more:
                db.ex_many(sql, more)
        for head in heads:
            self._heads.put(head)
        return made

    # --- both -----------------------------------------------------------------------------------
    def _columns(
        self,
        row: JobRow,
        number: int | None,
        owner: int | None,
        now: int,
        length: int,
        bodies: Bodies,
        change: int,
    ) -> tuple[Any, ...]:
        """The columns of a new row, whose journal has ``length`` events."""
        epoch = 0 if owner is None else 1
        there = _there(bodies)
        return (
            number,
            row.id,
            row.tenant,
            row.key,
            row.skript,
            row.kind,
            None if row.parent is None else row.parent.job,
            row.blueprint,
            row.created_at,
            pack_head(self._payloads, row),
            self._workers.need(row.handlers, row.queue),
            row.priority,
            row.updated_at,
            row.status,
            row.state,
            row.reason,
            epoch,
            owner,
            _due(row, owner, now),
            epoch,
            0 if owner is not None else length,
            length,
            there,
            sum_of(row.status, row.state, row.reason, row.updated_at, length, there),
            change,
        )


def _head(row: JobRow, number: int, owner: int | None, bodies: Bodies) -> Head:
    """What is remembered of a new job."""
    head = Head(row.id, number, row.tenant)
    head.status, head.epoch, head.owner = row.status, 0 if owner is None else 1, owner
    head.length, head.chain, head.bodies, head.has = 0, genesis(row.id), _there(bodies), 0
    return head


def _bodies(row: JobRow) -> Bodies:
    """The payloads of a new job, by their places."""
    all_ = ((INPUT, row.input), (OUTPUT, row.output), (ERROR, row.error), (DATA, row.data))
    return [(what, body) for what, body in all_ if body is not None]


def _there(bodies: Bodies) -> int:
    """Which payloads a new job has."""
    return sum(1 << what for what, _ in bodies)


def _ownerless(row: JobRow) -> bool:
    """Whether nobody owns a new job: none is to, or there is nothing to be done any more."""
    return row.owner is None or row.status in FINAL


def _due(row: JobRow, owner: int | None, now: int) -> int | None:
    """From when on a new job may be claimed."""
    if owner is not None or row.status == "Suspended" or row.status in FINAL:
        return None
    return now if row.due is None else row.due


def _created(row: JobRow, number: int, owner: int | None, now: int, length: int) -> JobRow:
    """The row of a new job."""
    fields: list[Any] = list(row)
    fields[_EPOCH] = fields[_CLAIMS] = 0 if owner is None else 1
    fields[_SEQ], fields[_NUMBER], fields[_DUE] = length, number, _due(row, owner, now)
    if owner is None:
        fields[_OWNER] = None
    return JobRow._make(fields)
