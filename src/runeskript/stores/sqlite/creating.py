"""Creating jobs: one by one, or many in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from ...model.events import Event
from ...model.payloads import Payloads
from ...model.segments import genesis
from ..rows import JobRow, OnConflict, SubmitOutcome
from .database import Database
from .heads import Head, Heads
from .jobs import OVER, Jobs
from .rows import DATA, INPUT, PLACES, pack_head, sum_of
from .workers import Workers

#: What became of a submit: the outcome, and the row or the id of the job that is there already.
Made: TypeAlias = "tuple[SubmitOutcome, JobRow | str]"

#: Jobs that are worth writing in one go.
_FEW: Final = 4
_INSERT: Final = (
    "INSERT INTO job(number, id, tenant, key, skript, kind, parent, blueprint, created_at, head, "
    "need, priority, updated_at, status, state, reason, epoch, owner, due, claims, progress, seq, "
    "bodies, sum, changed) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, "
    "?, ?, ?)"
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

    def submit_all(self, rows: Sequence[JobRow], on_conflict: OnConflict) -> list[Made]:
        """The same as ``submit`` for each, in their order. Where nothing of them is there before,
        which is most often so, they are written in one go.
        """
        made = self._create_all(rows) if len(rows) > _FEW else None
        if made is None:
            return [self.submit(row, on_conflict) for row in rows]
        return [("created", row) for row in made]

    # --- one ------------------------------------------------------------------------------------
    def _create(self, row: JobRow, journal: Sequence[Event]) -> JobRow:
        now, ex, jobs = self._now(), self._db.ex, self._jobs
        owner = None if row.owner is None else self._workers.alive(row.owner, now)
        jobs.lifted.clear()
        ex(_INSERT, self._columns(row, None, owner, now, jobs.next_change()))
        number = self._db.last_rowid()
        head = self._head(row, number, owner)
        for name, value in row.labels.items():
            ex(_LABEL, (name, value, number))
        for what, body in ((INPUT, row.input), (DATA, row.data)):
            if body is not None:
                jobs.put_payload(head, what, body)
        if journal:
            jobs.append(head, journal)
            ex("UPDATE job SET progress=? WHERE number=?", (head.length, number))
        jobs.note_blobs(head)
        self._heads.put(head)
        return _created(row, number, owner, now, head.length)

    # --- many -----------------------------------------------------------------------------------
    def _create_all(self, rows: Sequence[JobRow]) -> list[JobRow] | None:
        """Write new jobs; None, and nothing done, where an id or a key is taken."""
        db, jobs, pack, now = self._db, self._jobs, self._payloads.pack, self._now()
        last = db.rows(_LAST)
        first = last[0][0] + 1 if last else 1
        owners = {
            name: None if name is None else self._workers.alive(name, now)
            for name in {row.owner for row in rows}
        }
        jobs.lifted.clear()
        columns: list[tuple[Any, ...]] = []
        labels: list[tuple[str, str, int]] = []
        bodies: list[tuple[int, bytes]] = []
        uses: list[tuple[str, str]] = []
        for number, row in enumerate(rows, first):
            columns.append(self._columns(row, number, owners[row.owner], now, jobs.next_change()))
            if row.labels:
                labels += [(name, value, number) for name, value in row.labels.items()]
            for what, body in ((INPUT, row.input), (DATA, row.data)):
                if body is not None:
                    data = pack(body, f"{row.id}/{PLACES[what]}")
                    bodies.append((number * 4 + what, data))
            if jobs.lifted:
                uses += [(f"job:{number}", digest) for digest in jobs.lifted]
                jobs.lifted.clear()
        if not db.insert_all(_INSERT, columns):
            jobs.unchanged(len(rows))
            return None
        for sql, more in ((_LABEL, labels), (_PAYLOAD, bodies), (_USES, uses)):
            if more:
                db.ex_many(sql, more)
        made: list[JobRow] = []
        for number, row in enumerate(rows, first):
            owner = owners[row.owner]
            if owner is not None:
                self._heads.put(self._head(row, number, owner))
            made.append(_created(row, number, owner, now, 0))
        return made

    # --- both -----------------------------------------------------------------------------------
    def _columns(
        self, row: JobRow, number: int | None, owner: int | None, now: int, change: int
    ) -> tuple[Any, ...]:
        """The columns of a new row."""
        epoch = 0 if owner is None else 1
        bodies = _bodies(row)
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
            bodies,
            sum_of(row.status, row.state, row.reason, row.updated_at, 0, bodies),
            change,
        )

    def _head(self, row: JobRow, number: int, owner: int | None) -> Head:
        """What is remembered of a new job."""
        head = Head(row.id, number, row.tenant)
        head.status, head.epoch, head.owner = row.status, 0 if owner is None else 1, owner
        head.length, head.chain, head.bodies, head.has = 0, genesis(row.id), _bodies(row), 0
        return head


def _bodies(row: JobRow) -> int:
    """Which payloads a new job has."""
    return (row.input is not None) << INPUT | (row.data is not None) << DATA


def _due(row: JobRow, owner: int | None, now: int) -> int | None:
    """From when on a new job may be claimed."""
    if owner is not None or row.status == "Suspended":
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
