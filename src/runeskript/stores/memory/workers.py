"""Workers of a memory store, and their leases."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..leases import Worker, WorkerRow


class Workers:
    """Leases by worker."""

    def __init__(self) -> None:
        self._workers: dict[str, Worker] = {}
        self._leases: dict[str, tuple[int, int]] = {}

    def beat(self, worker: Worker, lease: int, now: int) -> bool:
        """Prolong a lease; whether it was alive."""
        alive = self.alive(worker.id, now)
        self._workers[worker.id] = worker
        self._leases[worker.id] = (now + lease, lease)
        return alive

    def alive(self, worker: str, now: int) -> bool:
        """Whether a worker's lease is alive.

        One that runs out further ahead than it is long was written before the clock was set back.
        """
        until, lease = self._leases.get(worker, (now, 0))
        return now < until <= now + lease

    def bury(self, now: int) -> list[str]:
        """Forget the workers whose leases have run out; their ids."""
        dead = [id_ for id_ in self._workers if not self.alive(id_, now)]
        for id_ in dead:
            self.leave(id_)
        return dead

    def leave(self, worker: str) -> None:
        """A worker gives its lease back."""
        self._workers.pop(worker, None)
        self._leases.pop(worker, None)

    def others(self, worker: str, owners: Container[str]) -> list[WorkerRow]:
        """The other workers among the owners of jobs."""
        return [one for one in self.all() if one.worker.id != worker and one.worker.id in owners]

    def all(self) -> list[WorkerRow]:
        """All workers, by id."""
        from ..leases import WorkerRow

        return [
            WorkerRow(self._workers[id_], self._leases[id_][0]) for id_ in sorted(self._workers)
        ]
