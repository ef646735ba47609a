"""The lanes of one runtime and the executors behind them, each made when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ..handlers.registry import HandlerRegistry
from .base import Lane, Pool
from .tasks import TaskPool
from .worker import TaskHost

if TYPE_CHECKING:
    from ..handlers.limits import CallLimit
    from .processes import ProcessPool
    from .threads import ThreadPool


#: How many handlers run at once: suspended ones on the event loop, threads, worker processes.
DEFAULT_TASKS: Final = 20_000
DEFAULT_THREADS: Final = min(32, (os.cpu_count() or 1) + 4)
DEFAULT_PROCESSES: Final = os.cpu_count() or 1
#: Calls given up before they began that may stand in queues, at the least.
SWEEP: Final = 1_000


class Lanes(dict[str, Lane]):
    """Handler name -> its lane. ``sizes``: how many handlers run at once per executor: tasks,
    threads, processes. ``limits``: by handler, besides its own. KeyError for a handler the registry
    does not have."""

    def __init__(
        self,
        host: TaskHost,
        registry: HandlerRegistry,
        sizes: tuple[int, int, int],
        limits: Mapping[str, tuple[CallLimit, ...]],
    ) -> None:
        super().__init__()
        self._host = host
        self._registry = registry
        self._sizes = sizes
        self._limits = limits
        self.tasks = TaskPool(host, sizes[0])
        self._threads: ThreadPool | None = None
        self._processes: ProcessPool | None = None
        #: Calls that were given up in a queue since the last sweep.
        self._given_up = 0

    def __missing__(self, name: str) -> Lane:
        registered = self._registry.get(name)
        if registered is None:
            raise KeyError(name)
        limits = (*registered.limits, *self._limits.get(name, ()))
        lane = self[name] = Lane(registered, self._pool(registered.mode), limits)
        if lane.pool is self.tasks and lane.limit is None:
            lane.direct = self.tasks.queue
        return lane

    def _pool(self, mode: str) -> Pool:
        if mode == "async":
            return self.tasks
        if mode == "thread":
            if self._threads is None:
                from .threads import ThreadPool

                self._threads = ThreadPool(self._host, self._sizes[1])
            return self._threads
        if self._processes is None:
            from .processes import ProcessPool

            self._processes = ProcessPool(self._host, self._sizes[2])
        return self._processes

    def gave_up(self, calls: int) -> None:
        """So many calls, which had not begun, will not: their jobs have ended or need them no more.

        They leave their queues when it is their turn. Where what is in front of them takes its
        time, a job that makes such calls in a loop, or one job after the other, would fill the
        memory: so once they may be half of all that waits they are taken out, which is looked
        through then.
        """
        self._given_up += calls
        if self._given_up < SWEEP:
            return
        pools = [pool for pool in (self.tasks, self._threads, self._processes) if pool is not None]
        waiting = sum(len(lane.waiting) for lane in self.values())
        if 2 * self._given_up < waiting + sum(pool.waiting() for pool in pools):
            return
        self._given_up = 0
        for lane in self.values():
            lane.sweep()
        for pool in pools:
            pool.sweep()

    async def close(self) -> None:
        """Stop the threads and the worker processes; the driver closes its tasks itself."""
        if self._threads is not None:
            self._threads.close()
        if self._processes is not None:
            await self._processes.close()
