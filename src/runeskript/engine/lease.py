"""The lease of one worker: it says that the worker lives, and so that its jobs are its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from ..errors import StoreError
from ..stores.base import Store, Unit, Worker

#: Milliseconds a worker may be silent before others take its jobs.
LEASE: Final = 5_000

_log = logging.getLogger("runeskript.engine")


class Lease:
    """Keeps a worker's lease alive, and gives back jobs that it cannot go on with."""

    def __init__(self, store: Store, worker: Worker, ms: int = LEASE) -> None:
        self._store = store
        self.worker = worker
        self._ms = ms
        self._until = 0
        self._task: asyncio.Task[None] | None = None
        #: Jobs (id, epoch) that were dropped and are still the worker's in the store.
        self._dropped: list[tuple[str, int]] = []

    async def start(self) -> None:
        """Take the lease and keep it."""
        await self._beat()
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def ensure(self) -> None:
        """See to it that the lease is alive now: jobs are about to be created in its name.

        The event loop may have been held up, or the clock been set.
        """
        left = self._until - self._store.now()
        if not self._ms // 2 <= left <= self._ms:
            await self._beat()

    async def _beat(self) -> None:
        now = self._store.now()
        await self._store.heartbeat(self.worker, self._ms)
        self._until = now + self._ms

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._ms / 3_000)
            try:
                await self._beat()
                await self.give_back()
            except StoreError as exc:
                _log.warning("the worker's lease could not be renewed: %s", exc)

    def drop_children(self, units: Iterable[Unit]) -> None:
        """Units may have been committed, and nobody here goes on with the jobs that they create:
        those of the worker are given back, where they are there.
        """
        for unit in units:
            for child in unit.children:
                if child.owner is not None:
                    self.drop(child.id, child.epoch)

    def drop(self, job: str, epoch: int) -> None:
        """The worker cannot go on with a job: somebody else may, once it is given back."""
        self._dropped.append((job, epoch))

    @property
    def owing(self) -> bool:
        """Whether there is something to give back."""
        return bool(self._dropped)

    async def give_back(self) -> None:
        """Give back what was dropped; what cannot be given back now is tried again later."""
        if not self._dropped:
            return
        from ..stores.leases import Release

        dropped, self._dropped = self._dropped, []
        try:
            await self._store.release(self.worker.id, [Release(*job) for job in dropped])
        except StoreError:
            self._dropped += dropped
            raise

    async def end(self) -> None:
        """Give back all jobs and the lease; if the store fails, it runs out by itself."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        with suppress(StoreError):
            await self._store.release(self.worker.id)
