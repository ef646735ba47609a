"""Workers and their leases, and what jobs need of a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...model.payloads import Payloads
from ..leases import Worker, WorkerRow
from .database import Database

#: Whether a lease has run out at ?1. One that ends further ahead than it is long was written before
#: the clock was set back.
_DEAD = "(until <= ?1 OR until > ?1 + lease)"


class Workers:
    """Everything here is called inside a transaction, but for ``all``."""

    def __init__(self, db: Database, payloads: Payloads) -> None:
        self._db = db
        self._payloads = payloads
        self._needs: dict[tuple[tuple[str, ...], str], int] = {}

    def clear(self) -> None:
        """Forget what was remembered: a transaction was undone."""
        self._needs.clear()

    # --- leases ---------------------------------------------------------------------------------
    def beat(self, worker: Worker, lease: int, now: int) -> bool:
        """Prolong a lease; whether it was alive."""
        alive = self.alive(worker.id, now) is not None
        data = self._payloads.inline(
            [sorted(worker.handlers), sorted(worker.queues), worker.info], "worker"
        )
        self._db.ex(
            "INSERT INTO worker(id, until, lease, data) VALUES(?1, ?2, ?3, ?4) "
            "ON CONFLICT(id) DO UPDATE SET until=?2, lease=?3, data=?4",
            (worker.id, now + lease, lease, data),
        )
        return alive

    def alive(self, id_: str, now: int) -> int | None:
        """The number of a worker whose lease is alive."""
        rows = self._db.rows(
            f"SELECT number FROM worker WHERE id=?2 AND NOT {_DEAD}",  # noqa: S608
            (now, id_),
        )
        return rows[0][0] if rows else None

    def number(self, id_: str) -> int | None:
        """The number of a worker, whether its lease is alive or not."""
        rows = self._db.rows("SELECT number FROM worker WHERE id=?", (id_,))
        return rows[0][0] if rows else None

    def dead(self, now: int) -> list[int]:
        """Workers whose leases have run out."""
        rows = self._db.rows(f"SELECT number FROM worker WHERE {_DEAD}", (now,))  # noqa: S608
        return [number for (number,) in rows]

    def leave(self, number: int) -> None:
        """Forget a worker that owns nothing."""
        self._db.ex("DELETE FROM worker WHERE number=?", (number,))

    def next_end(self, id_: str) -> int | None:
        """When the first lease of another worker that owns jobs runs out."""
        ((end,),) = self._db.rows(
            "SELECT min(until) FROM worker WHERE id <> ? "
            "AND EXISTS(SELECT 1 FROM job WHERE job.owner = worker.number)",
            (id_,),
        )
        found: int | None = end
        return found

    def all(self) -> list[WorkerRow]:
        """All workers, by id."""
        found = []
        for id_, until, data in self._db.read("SELECT id, until, data FROM worker ORDER BY id"):
            handlers, queues, info = self._payloads.unpack(data, "worker")
            worker = Worker(id_, frozenset(handlers), frozenset(queues), info)
            found.append(WorkerRow(worker, until))
        return found

    # --- what jobs need -------------------------------------------------------------------------
    def need(self, handlers: Sequence[str], queue: str) -> int:
        """The number of what a job asks of a worker."""
        key = (tuple(handlers), queue)
        known = self._needs.get(key)
        if known is not None:
            return known
        spec = self._payloads.dumps([list(handlers), queue])
        self._db.ex("INSERT OR IGNORE INTO need(spec) VALUES(?)", (spec,))
        ((number,),) = self._db.rows("SELECT number FROM need WHERE spec=?", (spec,))
        self._needs[key] = number
        found: int = number
        return found

    def suits(self, worker: Worker) -> list[int]:
        """The numbers of all that the worker can run."""
        needs: list[tuple[Any, ...]] = self._db.rows("SELECT number, spec FROM need")
        found = []
        for number, spec in needs:
            handlers, queue = self._payloads.loads(spec)
            if worker.can_run(handlers, queue):
                found.append(number)
        return found
